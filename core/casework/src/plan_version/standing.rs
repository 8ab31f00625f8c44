//! Which version is in force: a pure function of which versions were agreed to.

use serde::Serialize;

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionStatus {
    /// Not everybody has signed.
    Proposed,
    /// Everybody has signed, and no later version is agreed to.
    InForce,
    /// A later version is in force.
    Superseded,
    /// Everybody has signed, and another version of the same number was agreed to as well: people must
    /// propose a new one.
    Ambiguous,
    /// It cannot be agreed to; its doubt says why.
    Refused,
}

impl VersionStatus {
    /// German, French and English.
    pub const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::Proposed => ["vorgeschlagen", "proposée", "proposed"],
            Self::InForce => ["in Kraft", "en vigueur", "in force"],
            Self::Superseded => ["abgelöst", "remplacée", "superseded"],
            Self::Ambiguous => [
                "unklar: zwei Fassungen derselben Nummer sind unterschrieben",
                "ambiguë: deux versions du même numéro sont signées",
                "unclear: two versions of the same number are signed",
            ],
            Self::Refused => ["zählt nicht", "ne compte pas", "does not count"],
        }
    }
}

/// What decides where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    /// The place of its lead among those who led, then its number.
    pub rank: (usize, u32),
    /// Whether it can be agreed to at all.
    pub is_sound: bool,
    /// Whether everybody who must has signed it.
    pub is_signed_by_all: bool,
}

/// The status of each version, in the order given.
pub(super) fn statuses(versions: &[Agreement]) -> Vec<VersionStatus> {
    let agreed = || {
        versions
            .iter()
            .filter(|version| version.is_sound && version.is_signed_by_all)
    };
    let newest = agreed().map(|version| version.rank).max();
    let is_alone = agreed()
        .filter(|version| Some(version.rank) == newest)
        .count()
        == 1;
    let status = |version: &Agreement| {
        let is_agreed = version.is_sound && version.is_signed_by_all;
        match newest {
            _ if !version.is_sound => VersionStatus::Refused,
            Some(newest) if version.rank < newest => VersionStatus::Superseded,
            Some(newest) if version.rank == newest && !is_agreed && is_alone => {
                VersionStatus::Superseded
            }
            _ if !is_agreed => VersionStatus::Proposed,
            _ if is_alone => VersionStatus::InForce,
            _ => VersionStatus::Ambiguous,
        }
    };
    versions.iter().map(status).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: Agreement = Agreement {
        rank: (0, 1),
        is_sound: true,
        is_signed_by_all: true,
    };

    fn of(versions: &[(u32, bool)]) -> Vec<VersionStatus> {
        let agreement = |(number, is_signed_by_all): &(u32, bool)| Agreement {
            rank: (0, *number),
            is_signed_by_all: *is_signed_by_all,
            ..SIGNED
        };
        statuses(&versions.iter().map(agreement).collect::<Vec<_>>())
    }

    use VersionStatus::{Ambiguous, InForce, Proposed, Refused, Superseded};

    #[test]
    fn the_newest_version_that_all_signed_is_in_force() {
        assert_eq!(of(&[(1, false)]), [Proposed]);
        assert_eq!(of(&[(1, true)]), [InForce]);
        assert_eq!(of(&[(1, true), (2, false)]), [InForce, Proposed]);
        assert_eq!(of(&[(1, true), (2, true)]), [Superseded, InForce]);
        assert_eq!(of(&[(1, false), (2, true)]), [Superseded, InForce]);
    }

    #[test]
    fn of_two_versions_with_one_number_none_is_in_force_where_both_are_signed() {
        assert_eq!(of(&[(1, false), (1, false)]), [Proposed, Proposed]);
        assert_eq!(of(&[(1, true), (1, false)]), [InForce, Superseded]);
        assert_eq!(of(&[(1, true), (1, true)]), [Ambiguous, Ambiguous]);
        let later = of(&[(1, true), (1, true), (2, true)]);
        assert_eq!(later, [Superseded, Superseded, InForce]);
    }

    #[test]
    fn what_is_agreed_to_under_a_later_lead_goes_before_any_number_of_an_earlier_one() {
        let of_later_lead = |number| Agreement {
            rank: (1, number),
            ..SIGNED
        };
        let earlier = Agreement {
            rank: (0, u32::MAX),
            ..SIGNED
        };
        assert_eq!(
            statuses(&[earlier, of_later_lead(1)]),
            [Superseded, InForce]
        );
        let not_signed = Agreement {
            is_signed_by_all: false,
            ..of_later_lead(1)
        };
        assert_eq!(statuses(&[earlier, not_signed]), [InForce, Proposed]);
    }

    #[test]
    fn a_version_that_is_not_sound_is_never_in_force_and_stands_in_nobodys_way() {
        let unsound = Agreement {
            rank: (0, 2),
            is_sound: false,
            ..SIGNED
        };
        assert_eq!(statuses(&[SIGNED, unsound]), [InForce, Refused]);
    }
}
