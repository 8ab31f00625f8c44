//! What a replayed log says: grants, devices, epochs, invitations. Only [`super::replay`] makes
//! and changes a [`SpaceState`]; everything else reads it. Records keep *when* (at which index)
//! they began, so that a question can be asked of any earlier length of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authority::Knowledge;
use super::effect::{History, Recipient};
use super::kind::{Kind, Role};
use super::operation::LogHead;
use crate::crypto::kem::KemPublicKey;
use crate::crypto::signature::VerifyingKey;
use crate::identifier::{
    DeviceId, GrantId, InvitationId, KeyId, Nonce, OperationId, RecipientId, SpaceId,
};

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
    pub(super) operations: Vec<OperationRecord>,
    pub(super) grants: Vec<Grant>,
    pub(super) devices: BTreeMap<DeviceId, Arc<Device>>,
    pub(super) epochs: Vec<Epoch>,
    pub(super) invitations: BTreeMap<InvitationId, Invitation>,
    pub(super) relay_keys: Vec<VerifyingKey>,
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
    /// What it allows.
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
    /// Whether keys may be wrapped to it: added or confirmed by a key holder.
    pub confirmed: bool,
}

impl Grant {
    /// Whether the grant stands in a log of this length.
    #[must_use]
    pub fn is_live_at(&self, length: u64) -> bool {
        self.added_at < length
    }
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

/// A key epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Commits to the seed.
    pub key_id: KeyId,
    /// For wraps from the spaces above.
    pub kem: Option<KemPublicKey>,
    /// The epoch before.
    pub previous: Option<KeyId>,
    /// The previous seed, sealed under this epoch.
    pub link: Option<Vec<u8>>,
    /// What the section is, sealed under this epoch.
    pub label: Option<Vec<u8>>,
    /// Everybody it was wrapped to, by recipient; later `Wrap`s included.
    pub recipients: BTreeMap<RecipientId, WrapRecord>,
    /// Index of the operation that began it.
    pub began_at: u64,
}

/// One wrap of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct WrapRecord {
    /// What the operation signed.
    pub recipient: Recipient,
    /// Index of that operation.
    pub at: u64,
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
    pub used_by: Option<SpaceId>,
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

    /// The epoch of this key id.
    #[must_use]
    pub fn epoch(&self, key_id: &KeyId) -> Option<&Epoch> {
        self.epochs
            .iter()
            .rev()
            .find(|epoch| epoch.key_id == *key_id)
    }

    /// Invitations by their public key.
    #[must_use]
    pub fn invitations(&self) -> &BTreeMap<InvitationId, Invitation> {
        &self.invitations
    }

    /// The relay's key a network names now.
    #[must_use]
    pub fn relay_key(&self) -> Option<&VerifyingKey> {
        self.relay_keys.last()
    }
}
