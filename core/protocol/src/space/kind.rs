//! The kinds of space and the roles in them.

use crate::codec::numbered_enum;

/// What a space is. The number is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One person; members are devices.
    Person,
    /// A unit of an institution; members are persons (and a recovery device).
    Team,
    /// An institution; members are teams and persons (key custodians).
    Institution,
    /// The network one relay serves; members are institutions.
    Network,
    /// A section of one case file, or its integration plan; members are teams and persons.
    Section,
}
numbered_enum!(Kind { Person = 1, Team = 2, Institution = 3, Network = 4, Section = 5 });

impl Kind {
    /// Whether a space of kind `member` may be a member of a space of this kind. A member always
    /// stands on a lower level, so membership has no cycles.
    #[must_use]
    pub fn admits_space(self, member: Self) -> bool {
        matches!(
            (self, member),
            (Self::Team, Self::Person)
                | (Self::Institution, Self::Team | Self::Person)
                | (Self::Network, Self::Institution)
                | (Self::Section, Self::Team | Self::Person)
        )
    }

    /// Whether devices may be direct members.
    #[must_use]
    pub fn admits_device(self) -> bool {
        self == Self::Person
    }

    /// Whether spaces above can wrap to this one, so that its epochs publish a KEM key.
    #[must_use]
    pub fn has_spaces_above(self) -> bool {
        !matches!(self, Self::Section | Self::Network)
    }

    /// Which kind a guardian of this kind of space must have, if it may have one.
    #[must_use]
    pub fn guardian_kind(self) -> Option<Self> {
        match self {
            Self::Person | Self::Team | Self::Section => Some(Self::Institution),
            Self::Institution | Self::Network => None,
        }
    }
}

/// What a grant allows. `Manage` ⊃ `Write` ⊃ `Read`; `Administer` stands beside them: it changes
/// members and devices, holds no key and gives no path to spaces above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Opens the content.
    Read,
    /// Opens and edits the content, rotates epochs.
    Write,
    /// Also changes members.
    Manage,
    /// Changes members and devices, without any key.
    Administer,
}
numbered_enum!(Role { Read = 1, Write = 2, Manage = 3, Administer = 8 });

impl Role {
    /// Whether this role holds keys (everything but `Administer`).
    #[must_use]
    pub fn holds_keys(self) -> bool {
        self != Self::Administer
    }

    /// The stable word used in programs' output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Manage => "manage",
            Self::Administer => "administer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_admits_a_kind_that_could_admit_it_back() {
        let kinds = [
            Kind::Person,
            Kind::Team,
            Kind::Institution,
            Kind::Network,
            Kind::Section,
        ];
        for above in kinds {
            for below in kinds {
                if above.admits_space(below) {
                    assert!(
                        !below.admits_space(above),
                        "{above:?} and {below:?} admit each other"
                    );
                }
            }
        }
    }
}
