//! `POST /v1/sync`: one round trip pushes what is new here and returns what is new there.

use minicbor::{Decode, Encode};

use super::receipt::{JournalMark, Receipt};
use crate::codec::{self, numbered_enum};
use crate::crypto::hash::hash;
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::identifier::{DeviceId, ItemId, SignatureBytes};
use crate::space::Wrap;

/// `[version, cursor, journal_mark, push[], max_bytes]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SyncRequest {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// Sequence number up to which this device has everything; 0 at first.
    #[n(1)]
    pub cursor: u64,
    /// The newest mark this device has seen from this relay.
    #[n(2)]
    pub journal_mark: Option<JournalMark>,
    /// What is new here, in causal order.
    #[cbor(
        n(3),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::PUSH_ITEMS_MAX }>"
    )]
    pub push: Vec<PushItem>,
    /// The response's items together stay below this, but at least one is sent.
    #[n(4)]
    pub max_bytes: u32,
}

/// One pushed item.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PushItem {
    /// A signed operation with all its wraps.
    #[n(0)]
    Operation {
        /// Exact bytes.
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        /// Exactly those the operation signs, or, where it is offered again, those at hand.
        #[n(1)]
        wraps: Vec<Wrap>,
        /// Offered again, with the receipt of a journal that the relay has lost a part of: it goes
        /// back to its old place, whatever rights and epochs say today.
        #[n(2)]
        receipt: Option<Receipt>,
    },
    /// A sealed envelope.
    #[n(1)]
    Envelope {
        /// Exact bytes.
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        /// As for an operation.
        #[n(1)]
        receipt: Option<Receipt>,
    },
    /// What became of an envelope of the asking device's own: for an author whom nothing of the
    /// space is served any more. Stores nothing.
    #[n(2)]
    Question {
        /// The envelope.
        #[n(0)]
        id: ItemId,
    },
}

/// `[version, results[], items[], cursor, more, journal_mark, time_ms, signature]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SyncResponse {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// One per pushed item, in order.
    #[cbor(
        n(1),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::PUSH_ITEMS_MAX }>"
    )]
    pub results: Vec<ItemResult>,
    /// What is new for this device, in journal order.
    #[cbor(
        n(2),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::RESPONSE_ITEMS_MAX }>"
    )]
    pub items: Vec<Item>,
    /// The cursor to send next time.
    #[n(3)]
    pub cursor: u64,
    /// Whether more is waiting.
    #[n(4)]
    pub more: bool,
    /// Where the journal stands.
    #[n(5)]
    pub journal_mark: JournalMark,
    /// The relay's clock, Unix milliseconds; used for tokens only.
    #[n(6)]
    pub time_ms: u64,
    /// The relay's signature, see [`Self::statement`].
    #[n(7)]
    pub signature: SignatureBytes,
}

impl SyncResponse {
    /// What the relay signs in each response: journal ‖ sequence (u64 BE) ‖ hash ‖ began after
    /// (u64 BE) ‖ time (u64 BE) ‖ device id ‖ cursor (u64 BE) ‖ more (0 or 1) ‖ SHA-256(label ‖ encoded results). It proves
    /// which relay answered, where its journal stood, how far the device has come and what became
    /// of what it pushed. (Items are not covered: each proves itself.)
    #[must_use]
    pub fn statement(&self, device: &DeviceId) -> Vec<u8> {
        let mark = &self.journal_mark;
        let mut message = mark.journal.0.to_vec();
        message.extend_from_slice(&mark.sequence.to_be_bytes());
        message.extend_from_slice(&mark.hash.0);
        message.extend_from_slice(&mark.began_after.to_be_bytes());
        message.extend_from_slice(&self.time_ms.to_be_bytes());
        message.extend_from_slice(&device.0);
        message.extend_from_slice(&self.cursor.to_be_bytes());
        message.push(u8::from(self.more));
        message.extend_from_slice(&hash(label::RESULTS, &[&codec::encode(&self.results)]));
        message
    }

    /// Signs the response's statement.
    pub fn sign(&mut self, relay: &SigningKey, device: &DeviceId) {
        let message = self.statement(device);
        self.signature = SignatureBytes(*relay.sign(label::RESPONSE_SIGN, &message).as_bytes());
    }

    /// Whether the relay with this key answered this device.
    #[must_use]
    pub fn is_signed_by(&self, relay: &VerifyingKey, device: &DeviceId) -> bool {
        let message = self.statement(device);
        relay
            .verify(
                label::RESPONSE_SIGN,
                &message,
                &Signature::from_bytes(self.signature.0),
            )
            .is_ok()
    }
}

/// What became of a pushed item, or of the one that is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ItemResult {
    /// The item.
    #[n(0)]
    pub id: ItemId,
    /// The verdict.
    #[n(1)]
    pub status: Status,
    /// Why, for `Held` and `Rejected`.
    #[n(2)]
    pub code: Option<VerdictCode>,
    /// For `Accepted`, `Duplicate` and `Held`: the earliest receipt.
    #[n(3)]
    pub receipt: Option<Receipt>,
    /// For `MissingParents`: which.
    #[n(4)]
    pub missing: Vec<ItemId>,
}

/// The verdict on a pushed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Stored durably.
    Accepted,
    /// Was stored before.
    Duplicate,
    /// The author may write, but not with this epoch or path: re-seal.
    StaleAccess,
    /// Parents or references are not known here: send them first.
    MissingParents,
    /// Kept aside: its author may not write any more. Managers see it and decide.
    Held,
    /// Not stored.
    Rejected,
}
numbered_enum!(Status {
    Accepted = 1, Duplicate = 2, StaleAccess = 3, MissingParents = 4, Held = 5, Rejected = 6,
});

/// Why an item was held or rejected. Numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerdictCode {
    /// Not decodable.
    Malformed,
    /// Above a size limit.
    TooLarge,
    /// The signature does not verify.
    BadSignature,
    /// The author holds no right to this.
    NotEntitled,
    /// The log has moved on: another operation stands at that index.
    LogMoved,
    /// The operation contradicts its log.
    Invalid,
    /// Wraps are not for exactly the effective recipients at the relay's newest logs.
    NotExact,
    /// The wraps beside the operation are not those it signs.
    WrapMismatch,
    /// The relay does not know the space.
    UnknownSpace,
    /// The author's institution is not admitted.
    NotAdmitted,
    /// A quota is used up.
    Quota,
    /// Written by a newer program.
    NeedsNewer,
    /// A space of this kind takes no content of this form.
    Unsupported,
    /// Held: the author's access has ended.
    AccessEnded,
    /// Held: the author may only read now.
    AccessReduced,
    /// Held: the space is closed.
    Closed,
    /// Held for good: a manager voided it, or something it builds on.
    Voided,
}
numbered_enum!(VerdictCode {
    Malformed = 1, TooLarge = 2, BadSignature = 3, NotEntitled = 4, LogMoved = 5, Invalid = 6,
    NotExact = 7, WrapMismatch = 8, UnknownSpace = 9, NotAdmitted = 10, Quota = 11,
    NeedsNewer = 12, Unsupported = 13, AccessEnded = 14, AccessReduced = 15, Closed = 16,
    Voided = 17,
});

impl VerdictCode {
    /// The stable word used in output and documentation.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::BadSignature => "bad_signature",
            Self::NotEntitled => "not_entitled",
            Self::LogMoved => "log_moved",
            Self::Invalid => "invalid",
            Self::NotExact => "not_exact",
            Self::WrapMismatch => "wrap_mismatch",
            Self::UnknownSpace => "unknown_space",
            Self::NotAdmitted => "not_admitted",
            Self::Quota => "quota",
            Self::NeedsNewer => "needs_newer",
            Self::Unsupported => "unsupported",
            Self::AccessEnded => "access_ended",
            Self::AccessReduced => "access_reduced",
            Self::Closed => "closed",
            Self::Voided => "voided",
        }
    }
}

/// What kind of item the relay serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// A signed operation.
    Operation,
    /// A sealed envelope.
    Envelope,
    /// A newcomer's join request, for the devices of the inviting space.
    JoinRequest,
}
numbered_enum!(ItemKind { Operation = 1, Envelope = 2, JoinRequest = 3 });

/// One served item.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Item {
    /// What it is.
    #[n(0)]
    pub kind: ItemKind,
    /// Exact bytes as received.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// For an operation: the wraps this device can open, and no others.
    #[n(2)]
    pub wraps: Vec<Wrap>,
    /// The relay's receipt.
    #[n(3)]
    pub receipt: Receipt,
}
