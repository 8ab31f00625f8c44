//! What an operation does. Variant numbers are part of the format; an unknown one is never
//! skipped: the space becomes read-only until a newer program reads it.

use minicbor::{Decode, Encode};

use super::kind::{Kind, Role};
use crate::codec::numbered_enum;
use crate::identifier::{
    DeviceId, EnvelopeId, GrantId, InvitationId, KeyId, Nonce, RecipientId, SignatureBytes,
    SpaceId, VerifyingKeyBytes, WrapHash,
};

/// A device's two public keys. [`DeviceId`] is their hash, so they certify themselves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DeviceKeys {
    /// Ed25519 public key, 32 bytes.
    #[n(0)]
    pub verifying: VerifyingKeyBytes,
    /// X-Wing public key, 1,216 bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub kem: Vec<u8>,
}

/// Who a grant is for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Member {
    /// A device, in a person's space only. It countersigns its own admission: a signature by the
    /// device over label ‖ person space id (32 zero bytes in the founding operation, whose author
    /// the device must then be) ‖ device id.
    #[n(0)]
    Device {
        /// The device's public keys.
        #[n(0)]
        keys: DeviceKeys,
        /// The device's consent to belong to this person.
        #[n(1)]
        countersignature: SignatureBytes,
    },
    /// A space of a lower level.
    #[n(1)]
    Space {
        /// Its id.
        #[n(0)]
        id: SpaceId,
    },
}

/// How much of a space's past a grant covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Everything since the space began.
    Full,
    /// Only what is written after the grant.
    FromNow,
}
numbered_enum!(History { Full = 1, FromNow = 2 });

/// How a wrap is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrapMethod {
    /// HPKE base mode with X-Wing: 1,168 bytes.
    Hybrid,
    /// Under the recipient space's epoch secret, by an author who is inside it: 48 bytes.
    Symmetric,
}
numbered_enum!(WrapMethod { Hybrid = 1, Symmetric = 2 });

/// One recipient of an epoch's seed. The wrap itself travels beside the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Recipient {
    /// The device, or the member space.
    #[n(0)]
    pub id: RecipientId,
    /// For a member space the epoch whose key was used; for a device its id again (which commits
    /// to its key).
    #[n(1)]
    pub key: KeyId,
    /// Which kind of wrap.
    #[n(2)]
    pub method: WrapMethod,
    /// SHA-256 of the wrap.
    #[n(3)]
    pub wrap: WrapHash,
}
impl PartialOrd for WrapMethod {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for WrapMethod {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

/// Proof that whoever is added answered an invitation that stands in this log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InvitationProof {
    /// The invitation's public key.
    #[n(0)]
    pub invitation: InvitationId,
    /// Its signature over label ‖ inviting space id ‖ new member's space id.
    #[n(1)]
    pub signature: SignatureBytes,
}

/// One effect of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// Founds the space; the first effect of operation 0 and nowhere else.
    #[n(0)]
    Create {
        /// What the space is; fixes which kinds may be members.
        #[n(0)]
        kind: Kind,
        /// Makes the id unique.
        #[n(1)]
        nonce: Nonce,
        /// The institution whose administrators always hold `administer` here.
        #[n(2)]
        guardian: Option<SpaceId>,
        /// The author's keys, where no log in `references` names them yet (an institution is
        /// founded before its first person).
        #[n(3)]
        founder: Option<DeviceKeys>,
    },
    /// Creates a grant.
    #[n(1)]
    Add {
        /// Random name of the grant.
        #[n(0)]
        grant: GrantId,
        /// Who receives it.
        #[n(1)]
        member: Member,
        /// What it allows.
        #[n(2)]
        role: Role,
        /// How much of the past it covers.
        #[n(3)]
        history: History,
        /// Why: a legal basis or consent, sealed under the space's label key.
        #[cbor(n(4), with = "minicbor::bytes")]
        basis: Option<Vec<u8>>,
        /// After this time (Unix milliseconds) the relay stops serving and `Expire` may follow.
        #[n(5)]
        not_after_ms: Option<u64>,
        /// The invitation that the new member answered.
        #[n(6)]
        invitation: Option<InvitationProof>,
    },
    /// A key holder confirms what a keyless administrator added.
    #[n(2)]
    Confirm {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// The epoch after a cut, where the grant is `from now`.
        #[n(1)]
        key_id: Option<KeyId>,
    },
    /// Wraps the current epoch to further recipients.
    #[n(3)]
    Wrap {
        /// The current epoch.
        #[n(0)]
        key_id: KeyId,
        /// Ascending by recipient id.
        #[n(1)]
        recipients: Vec<Recipient>,
        /// Doubtful grants that the author passes over, ascending.
        #[n(2)]
        suspended: Vec<GrantId>,
    },
    /// Supplies a history link that is missing.
    #[n(4)]
    Link {
        /// The current epoch.
        #[n(0)]
        key_id: KeyId,
        /// The epoch it leads back to.
        #[n(1)]
        previous: KeyId,
        /// The previous seed sealed under the current epoch's history key, 48 bytes.
        #[cbor(n(2), with = "minicbor::bytes")]
        link: Vec<u8>,
    },
    /// Ends one grant, or every grant of a member.
    #[n(5)]
    Remove {
        /// The grant, or none for all grants of `member`.
        #[n(0)]
        grant: Option<GrantId>,
        /// The member (device id or space id), where no grant is named.
        #[n(1)]
        member: Option<RecipientId>,
        /// Coded reason.
        #[n(2)]
        reason: u8,
    },
    /// Changes a grant's role.
    #[n(6)]
    SetRole {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// Its new role.
        #[n(1)]
        role: Role,
    },
    /// Ends a grant whose `not_after_ms` has passed.
    #[n(7)]
    Expire {
        /// The grant.
        #[n(0)]
        grant: GrantId,
    },
    /// Begins a new key epoch.
    #[n(8)]
    Epoch {
        /// Commits to the seed.
        #[n(0)]
        key_id: KeyId,
        /// X-Wing public key, 1,216 bytes, for the spaces above; none in spaces that have none.
        #[cbor(n(1), with = "minicbor::bytes")]
        kem: Option<Vec<u8>>,
        /// The epoch before, if any.
        #[n(2)]
        previous: Option<KeyId>,
        /// The previous seed sealed under this epoch's history key, 48 bytes; none at a cut.
        #[cbor(n(3), with = "minicbor::bytes")]
        link: Option<Vec<u8>>,
        /// What the section is, sealed under this epoch's label key.
        #[cbor(n(4), with = "minicbor::bytes")]
        label: Option<Vec<u8>>,
        /// Exactly the effective recipients, ascending by recipient id.
        #[n(5)]
        recipients: Vec<Recipient>,
        /// Whether no link may ever lead from here to what was before: who joins `from now` reads
        /// from such an epoch on.
        #[n(6)]
        cut: bool,
        /// Doubtful grants that the author passes over, ascending.
        #[n(7)]
        suspended: Vec<GrantId>,
    },
    /// Reports a wrap that did not open.
    #[n(9)]
    BadWrap {
        /// The epoch.
        #[n(0)]
        key_id: KeyId,
        /// Whose wrap.
        #[n(1)]
        recipient: RecipientId,
    },
    /// A manager overrides: these envelopes do not count.
    #[n(10)]
    Void {
        /// The envelopes.
        #[n(0)]
        envelopes: Vec<EnvelopeId>,
        /// Suspended grants that are refused.
        #[n(1)]
        grants: Vec<GrantId>,
    },
    /// Carries a lost branch of this log verbatim.
    #[n(11)]
    Heal {
        /// The branch's signed operations in order, each with its receipt.
        #[n(0)]
        branch: Vec<HealedOperation>,
    },
    /// Names the relay's signing key (network only).
    #[n(12)]
    SetRelay {
        /// Ed25519 public key of the relay.
        #[n(0)]
        key: VerifyingKeyBytes,
    },
    /// Nothing follows.
    #[n(13)]
    Close {},
    /// Allows one join request under a one-time key.
    #[n(14)]
    Invite {
        /// The one-time public key.
        #[n(0)]
        invitation: InvitationId,
        /// What the newcomer will be allowed.
        #[n(1)]
        role: Role,
        /// Unix milliseconds after which it is void.
        #[n(2)]
        not_after_ms: u64,
    },
    /// Says how the institution admits (institution only). 15 is no effect for ever: the frozen test
    /// values have it as one that nobody knows.
    #[n(16)]
    Policy {
        /// How many administrators it takes to make one: 1 or 2.
        #[n(0)]
        administrators: u8,
        /// Whether who answers an invitation waits until their words were compared with them.
        #[n(1)]
        compares: bool,
    },
}

/// One operation of a lost branch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HealedOperation {
    /// The signed operation's exact bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub operation: Vec<u8>,
    /// The relay's receipt for it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub receipt: Vec<u8>,
}

impl DeviceKeys {
    /// The id these keys hash to.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        DeviceId(crate::crypto::hash::hash(
            crate::crypto::label::DEVICE,
            &[&self.verifying.0, &self.kem],
        ))
    }
}
