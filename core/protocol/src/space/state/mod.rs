//! What a replayed log says: grants, devices, epochs, invitations. Only [`super::replay`] makes
//! and changes a [`SpaceState`]; everything else reads it. Records keep *when* (at which index)
//! they began, so that a question can be asked of any earlier length of the log.

mod epoch;
mod grant;
mod policy;
mod records;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authority::Knowledge;
use super::healing::HealedBranch;
use super::kind::{Kind, Role};
use super::operation::LogHead;
use crate::crypto::kem::KemPublicKey;
use crate::crypto::signature::VerifyingKey;
use crate::identifier::{
    DeviceId, EnvelopeId, GrantId, InvitationId, KeyId, Nonce, OperationId, SpaceId,
};

pub use epoch::{Epoch, LinkRecord, WrapRecord};
pub use grant::{End, EndReason, Grant, MemberId, RoleChange, Sponsor};
pub use policy::{Policy, PolicyRecord};
pub(super) use records::Records;

/// A space as its log describes it.
#[derive(Clone, Debug)]
pub struct SpaceState {
    pub(super) id: SpaceId,
    pub(super) kind: Kind,
    pub(super) guardian: Option<SpaceId>,
    /// Random; makes the id unique and binds wraps to this space.
    pub(super) nonce: Nonce,
    pub(super) founder: DeviceId,
    /// Where the founding operation itself names the founder's key.
    pub(super) founder_key: Option<VerifyingKey>,
    pub(super) operations: Records,
    pub(super) grants: Vec<Grant>,
    pub(super) devices: BTreeMap<DeviceId, Arc<Device>>,
    pub(super) epochs: Vec<Epoch>,
    pub(super) invitations: BTreeMap<InvitationId, Invitation>,
    pub(super) relay_keys: Vec<(u64, VerifyingKey)>,
    /// What an institution said about how it admits, oldest first.
    pub(super) policies: Vec<PolicyRecord>,
    /// Envelopes a manager voided: id → index of the first operation that did.
    pub(super) voided: BTreeMap<EnvelopeId, u64>,
    /// Index of the `Close`.
    pub(super) closed_at: Option<u64>,
    /// Lost branches of this log that were carried back.
    pub(super) branches: Vec<HealedBranch>,
    /// Wraps of epochs of those branches that a cut separates from the current one.
    pub(super) past_wraps: BTreeMap<KeyId, Vec<WrapRecord>>,
    /// Index of the last operation that ended or changed a right: nothing needs to be looked for
    /// after it.
    pub(super) last_end_at: Option<u64>,
}

/// One applied operation.
#[derive(Clone, Debug)]
pub struct OperationRecord {
    /// Its id.
    pub id: OperationId,
    /// Who signed it.
    pub author: DeviceId,
    /// The author's clock; decides nothing.
    pub claimed_at_ms: u64,
    /// Everything this operation comes after: its references, theirs, and the log before it.
    pub knowledge: Arc<Knowledge>,
}

/// An admitted device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Verifies what it signs.
    pub verifying: VerifyingKey,
    /// Wraps to it.
    pub kem: KemPublicKey,
    /// Index of the operation that admitted it.
    pub added_at: u64,
}

/// An open or used invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// What the newcomer is to be allowed.
    pub role: Role,
    /// Unix milliseconds after which it is void.
    pub not_after_ms: u64,
    /// Who invited.
    pub invited_by: DeviceId,
    /// Index of the operation that made it.
    pub invited_at: u64,
    /// Whether who invited held keys, so that the newcomer needs no further confirmation.
    pub by_key_holder: bool,
    /// Who came, once somebody did.
    pub used: Option<InvitationUse>,
}

/// Who answered an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationUse {
    /// The newcomer.
    pub by: SpaceId,
    /// Index of the operation that admitted them.
    pub at: u64,
}

impl Invitation {
    /// Who came, once somebody did.
    #[must_use]
    pub fn used_by(&self) -> Option<SpaceId> {
        self.used.map(|used| used.by)
    }
}

impl SpaceState {
    /// The space's id.
    #[must_use]
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The institution whose administrators administer it.
    #[must_use]
    pub fn guardian(&self) -> Option<SpaceId> {
        self.guardian
    }

    /// The founding operation's random nonce. Wraps are bound to it: unlike the id it is known
    /// while the founding operation is being made.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// The device that founded it.
    #[must_use]
    pub fn founder(&self) -> DeviceId {
        self.founder
    }

    /// Number of operations applied.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.operations.len() as u64
    }

    /// The log's last position.
    #[must_use]
    pub fn head(&self) -> Option<LogHead> {
        self.operations.last().map(|last| LogHead {
            space: self.id,
            index: self.length().saturating_sub(1),
            operation: last.id,
        })
    }

    /// The operation at an index.
    #[must_use]
    pub fn operation(&self, index: u64) -> Option<&OperationRecord> {
        self.operations.get(usize::try_from(index).ok()?)
    }

    /// Every grant there ever was, oldest first.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Grants that stand now.
    pub fn live_grants(&self) -> impl Iterator<Item = &Grant> {
        let length = self.length();
        self.grants
            .iter()
            .filter(move |grant| grant.is_live_at(length))
    }

    /// The devices of a person's space.
    #[must_use]
    pub fn devices(&self) -> &BTreeMap<DeviceId, Arc<Device>> {
        &self.devices
    }

    /// All epochs, oldest first.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// The epoch that is current in a log of this length.
    #[must_use]
    pub fn epoch_at(&self, length: u64) -> Option<&Epoch> {
        self.epochs
            .iter()
            .rev()
            .find(|epoch| epoch.began_at < length)
    }

    /// The current epoch.
    #[must_use]
    pub fn current_epoch(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// The epoch of this key id, also one of a branch that was carried back.
    #[must_use]
    pub fn epoch(&self, key_id: &KeyId) -> Option<&Epoch> {
        let healed = self.branches.iter().flat_map(HealedBranch::epochs);
        self.epochs
            .iter()
            .rev()
            .chain(healed)
            .find(|epoch| epoch.key_id == *key_id)
    }

    /// The grant of this id.
    #[must_use]
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.id == *id)
    }

    /// Envelopes a manager voided, with the index of the operation.
    #[must_use]
    pub fn voided(&self) -> &BTreeMap<EnvelopeId, u64> {
        &self.voided
    }

    /// Index of the operation that closed the space.
    #[must_use]
    pub fn closed_at(&self) -> Option<u64> {
        self.closed_at
    }

    /// Whether the space is closed in a log of this length.
    #[must_use]
    pub fn is_closed_at(&self, length: u64) -> bool {
        self.closed_at.is_some_and(|at| at < length)
    }

    /// Lost branches of this log that were carried back, oldest first.
    #[must_use]
    pub fn branches(&self) -> &[HealedBranch] {
        &self.branches
    }

    /// Whether a right ended or was reduced after a log of length `from` and before one of length
    /// `to`.
    #[must_use]
    pub fn has_ends_between(&self, from: u64, to: u64) -> bool {
        from < to && self.last_end_at.is_some_and(|at| at >= from)
    }

    /// Notes that a right ended or may have been reduced here.
    pub(super) fn note_end(&mut self, index: u64) {
        self.last_end_at = Some(self.last_end_at.map_or(index, |last| last.max(index)));
    }

    /// Invitations by their public key.
    #[must_use]
    pub fn invitations(&self) -> &BTreeMap<InvitationId, Invitation> {
        &self.invitations
    }

    /// The relay's key a network names now.
    #[must_use]
    pub fn relay_key(&self) -> Option<&VerifyingKey> {
        self.relay_keys.last().map(|(_, key)| key)
    }

    /// Every relay key a network named in a log of this length.
    pub fn relay_keys_at(&self, length: u64) -> impl Iterator<Item = &VerifyingKey> {
        let named = self.relay_keys.iter();
        named
            .filter(move |(at, _)| *at < length)
            .map(|(_, key)| key)
    }

    /// The space as its log stood at an earlier length. Everything in it bears the index at which
    /// it came, so nothing needs to be replayed again.
    #[must_use]
    pub fn truncated(&self, length: u64) -> Self {
        let mut earlier = self.clone();
        earlier
            .operations
            .truncate(usize::try_from(length).unwrap_or(usize::MAX));
        earlier.grants.retain(|grant| grant.added_at < length);
        for grant in &mut earlier.grants {
            grant.role = grant.role_at(length);
            grant.changes.retain(|change| change.at < length);
            grant.sponsors.retain(|sponsor| sponsor.at < length);
            grant.ended = grant.ended.filter(|end| end.at < length);
            if grant.sponsors.is_empty() {
                grant.cut = None;
            }
        }
        earlier.devices.retain(|_, device| device.added_at < length);
        earlier.epochs.retain(|epoch| epoch.began_at < length);
        for epoch in &mut earlier.epochs {
            epoch.recipients.retain(|_, record| record.at < length);
            epoch.links.retain(|record| record.at < length);
            epoch.bad_wraps.retain(|_, at| *at < length);
        }
        earlier
            .invitations
            .retain(|_, open| open.invited_at < length);
        for open in earlier.invitations.values_mut() {
            open.used = open.used.filter(|used| used.at < length);
        }
        earlier.relay_keys.retain(|(at, _)| *at < length);
        earlier.policies.retain(|record| record.at < length);
        earlier.voided.retain(|_, at| *at < length);
        earlier.closed_at = earlier.closed_at.filter(|at| *at < length);
        earlier.branches.retain(|branch| branch.healed_at < length);
        for records in earlier.past_wraps.values_mut() {
            records.retain(|record| record.at < length);
        }
        earlier.past_wraps.retain(|_, records| !records.is_empty());
        earlier.last_end_at = None;
        let ends = earlier.grants.iter().flat_map(|grant| {
            let changed = grant.changes.iter().map(|change| change.at);
            changed.chain(grant.ended.map(|end| end.at))
        });
        let healed = earlier.branches.iter().map(|branch| branch.healed_at);
        earlier.last_end_at = ends.chain(earlier.closed_at).chain(healed).max();
        earlier
    }
}
