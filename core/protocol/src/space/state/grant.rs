//! Who has a grant, who stands for it, what did it allow at which length of the log, and how did it end?

use crate::identifier::{DeviceId, GrantId, KeyId, RecipientId, SpaceId};
use crate::space::effect::History;
use crate::space::kind::Role;

/// Who a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberId {
    /// A device of this person.
    Device(DeviceId),
    /// A space of a lower level.
    Space(SpaceId),
}

impl MemberId {
    /// The id a wrap to this member bears.
    #[must_use]
    pub fn recipient(&self) -> RecipientId {
        match self {
            Self::Device(id) => (*id).into(),
            Self::Space(id) => (*id).into(),
        }
    }
}

/// A grant and its life.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its random name.
    pub id: GrantId,
    /// Who holds it.
    pub member: MemberId,
    /// What it allows, after every change so far.
    pub role: Role,
    /// How much of the past it covers.
    pub history: History,
    /// Sealed reason.
    pub basis: Option<Vec<u8>>,
    /// When the relay stops serving, Unix milliseconds.
    pub not_after_ms: Option<u64>,
    /// Index of the operation that made it.
    pub added_at: u64,
    /// Who made it.
    pub added_by: DeviceId,
    /// The author's clock when it was made; decides nothing.
    pub claimed_at_ms: u64,
    /// Who stands for it: the key holder who added it, and whoever confirmed it. Without any, it
    /// is unconfirmed: no right, no key.
    pub sponsors: Vec<Sponsor>,
    /// Where it covers nothing from before: the epoch from which on it reads.
    pub cut: Option<KeyId>,
    /// What it allowed before each change, oldest first.
    pub changes: Vec<RoleChange>,
    /// How it ended.
    pub ended: Option<End>,
}

impl Grant {
    /// Whether the grant stands in a log of this length.
    #[must_use]
    pub fn is_live_at(&self, length: u64) -> bool {
        self.added_at < length && !self.is_ended_at(length)
    }

    /// Whether the grant has ended in a log of this length.
    #[must_use]
    pub fn is_ended_at(&self, length: u64) -> bool {
        self.ended.is_some_and(|end| end.at < length)
    }

    /// Whether a key holder stands for it in a log of this length, so that keys may be wrapped.
    #[must_use]
    pub fn is_confirmed_at(&self, length: u64) -> bool {
        self.sponsors.iter().any(|sponsor| sponsor.at < length)
    }

    /// Whether a key holder stands for it by now.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        !self.sponsors.is_empty()
    }

    /// What it allows in a log of this length.
    #[must_use]
    pub fn role_at(&self, length: u64) -> Role {
        let later = self.changes.iter().find(|change| change.at >= length);
        later.map_or(self.role, |change| change.before)
    }

    /// The least it allowed at any length from `from` to `to`.
    #[must_use]
    pub fn lowest_role_between(&self, from: u64, to: u64) -> Role {
        let within = |change: &&RoleChange| change.at >= from && change.at < to;
        let before = self.changes.iter().filter(within);
        before
            .map(|change| self.role_at(change.at.saturating_add(1)))
            .chain([self.role_at(from)])
            .min()
            .unwrap_or(self.role)
    }
}

/// Somebody who stands for a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sponsor {
    /// Index of the operation.
    pub at: u64,
    /// Its author.
    pub by: DeviceId,
    /// The space in which the author held the right to it: this one, or one above it.
    pub through: SpaceId,
}

/// A change of a grant's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// Index of the operation.
    pub at: u64,
    /// What the grant allowed before it.
    pub before: Role,
}

/// The end of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Index of the operation that ended it.
    pub at: u64,
    /// Its author.
    pub by: DeviceId,
    /// The author's clock; decides nothing.
    pub claimed_at_ms: u64,
    /// Why.
    pub reason: EndReason,
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// `Remove`, with its coded reason.
    Removed(u8),
    /// `Expire`: its time had passed.
    Expired,
    /// `Void`: it was suspended, and a manager refused it.
    Voided,
    /// It had ended on a branch that a relay lost.
    Healed,
}
