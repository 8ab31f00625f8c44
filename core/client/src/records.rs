//! What the vault's records hold: deterministic CBOR with a version byte where a form may grow.

use minicbor::{Decode, Encode};
use nahtlos_protocol::codec::{self, CodecError};
use nahtlos_protocol::crypto::{hash::hash, label};
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, GrantId, KeyId, Nonce, RecipientId, SpaceId, VerifyingKeyBytes, WrapHash,
};
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{LogHead, Wrap};
use nahtlos_protocol::wire::{JournalMark, Receipt};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::ClientError;

/// Records above this are damaged or not ours.
const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Encodes a record.
pub(crate) fn encode<T: Encode<()>>(record: &T) -> Vec<u8> {
    codec::encode(record)
}

/// Decodes a record of this vault.
pub(crate) fn decode<T>(bytes: &[u8]) -> Result<T, ClientError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    codec::decode(bytes, RECORD_BYTES_MAX).map_err(|error: CodecError| ClientError::DamagedRecord {
        reason: error.to_string(),
    })
}

/// 32 secret bytes within a sealed record: a CBOR byte string, overwritten with zeros when dropped,
/// never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct SecretBytes(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// This device: `Collection::Identity`, key `device`.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct DeviceRecord {
    #[n(0)]
    pub version: u8,
    /// The master seed.
    #[n(1)]
    pub seed: SecretBytes,
    /// The person this device belongs to, once founded.
    #[n(2)]
    pub person: Option<SpaceId>,
    /// That person's institution.
    #[n(3)]
    pub institution: Option<SpaceId>,
    /// The network this home is in.
    #[n(4)]
    pub network: Option<SpaceId>,
    /// The team this person works in, the one that opens cases.
    #[n(5)]
    pub team: Option<SpaceId>,
    /// Where the relay is reached.
    #[n(6)]
    pub relay_url: Option<String>,
    /// The relay's key, from the claim or invitation, later from the network's log.
    #[n(7)]
    pub relay_key: Option<VerifyingKeyBytes>,
    /// Whether the relay knows this device: founded or admitted.
    #[n(8)]
    pub admitted: bool,
    /// Number of cases opened on this device: the counter in case numbers.
    #[n(9)]
    pub cases_opened: u32,
}

/// Where synchronisation stands: `Collection::Sync`, key `position`.
#[derive(Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(crate) struct SyncRecord {
    #[n(0)]
    pub cursor: u64,
    #[n(1)]
    pub mark: Option<JournalMark>,
    /// Unix milliseconds of the last complete sync, by this device's clock.
    #[n(2)]
    pub synced_at_ms: Option<u64>,
    /// The relay's clock minus ours, milliseconds; for tokens only.
    #[n(3)]
    pub clock_offset_ms: i64,
    /// Arrival counter of stored items.
    #[n(4)]
    pub arrivals: u64,
    /// Bytes that the line was found to carry in one exchange; none where it never broke off.
    #[n(5)]
    pub line_bytes: Option<u32>,
}

/// Bytes pushed and asked for in one exchange; well below the protocol's limits.
const LINE_BYTES: u32 = 8 * 1024 * 1024;
/// What is asked for at least. (One item comes however large it is.)
const LINE_BYTES_MIN: u32 = 128 * 1024;

impl SyncRecord {
    /// Bytes to push, and to ask for, in one exchange.
    pub fn line_bytes(&self) -> u32 {
        self.line_bytes.unwrap_or(LINE_BYTES)
    }

    /// An exchange broke off: the next one is to be smaller.
    pub fn carry_less(&mut self) {
        self.line_bytes = Some((self.line_bytes() / 4).max(LINE_BYTES_MIN));
    }

    /// Everything came: the next time it may be more.
    pub fn carry_more(&mut self) {
        let more = self.line_bytes.map(|bytes| bytes.saturating_mul(2));
        self.line_bytes = more.filter(|more| *more < LINE_BYTES);
    }
}

/// The relay's receipt for an item: `Collection::Receipt`, key = item.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ReceiptRecord {
    /// The space whose log or content the item is part of.
    #[n(0)]
    pub space: SpaceId,
    /// As served; verified when it is used.
    #[n(1)]
    pub receipt: Receipt,
}

/// A document and how it came about: `Collection::Document`, key = space.
#[derive(Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(crate) struct DocumentRecord {
    #[n(0)]
    pub version: u8,
    /// automerge, uncompressed: what counts.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub published: Vec<u8>,
    /// Applied envelopes that nothing applied builds on.
    #[n(2)]
    pub heads: Vec<EnvelopeId>,
    /// Number of this device's last accepted envelope here.
    #[n(3)]
    pub own_sequence: u64,
    /// Which device stands behind each automerge actor.
    #[n(4)]
    pub actors: Vec<ActorRecord>,
    /// Envelopes applied.
    #[n(5)]
    pub applied: u64,
    /// Envelopes of others applied since this section was last shown.
    #[n(6)]
    pub unread: u64,
}

impl DocumentRecord {
    /// The same section with nothing applied: to be built anew.
    pub fn emptied(self) -> Self {
        Self {
            published: Vec::new(),
            heads: Vec::new(),
            actors: Vec::new(),
            applied: 0,
            ..self
        }
    }
}

/// One automerge actor and its verified author.
#[derive(Clone, Copy, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ActorRecord {
    #[n(0)]
    pub actor: Nonce,
    #[n(1)]
    pub device: DeviceId,
}

/// One edit that the relay has not accepted yet: `Collection::Outbox`, group = space.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct OutboxRecord {
    #[n(0)]
    pub id: Nonce,
    /// The edit as typed, JSON, re-appliable.
    #[n(1)]
    pub edit: String,
    /// The automerge change it produced.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub change: Vec<u8>,
    /// The run nonce of the change's actor.
    #[n(3)]
    pub run_nonce: Nonce,
    /// When it was typed, Unix milliseconds.
    #[n(4)]
    pub typed_at_ms: u64,
}

/// Sealed bytes offered to the relay and not answered yet: `Collection::Sealed`.
#[derive(Clone, Encode, Decode)]
pub(crate) enum SealedRecord {
    /// A founding operation of one's own.
    #[n(0)]
    Operation {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        #[n(1)]
        wraps: Vec<Wrap>,
    },
    /// An envelope of one's own and the edits in it.
    #[n(1)]
    Envelope {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        #[n(1)]
        edits: Vec<Nonce>,
    },
}

/// Something a person decided that becomes an operation at the next sync:
/// `Collection::Intent`. It names the head it was decided at.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct IntentRecord {
    #[n(0)]
    pub id: Nonce,
    #[n(1)]
    pub intent: Intent,
    /// The logs as the person saw them: of the space, and of those that say who the member
    /// concerned belongs to.
    #[n(2)]
    pub decided_at: Vec<LogHead>,
    #[n(3)]
    pub decided_at_ms: u64,
}

/// A decision that a person must take again: `Collection::Intent`, group `returned`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ReturnedRecord {
    #[n(0)]
    pub record: IntentRecord,
    /// In words.
    #[n(1)]
    pub reason: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Intent {
    /// Grant a section to a team or a person.
    #[n(0)]
    Grant {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        grant: GrantId,
        #[n(2)]
        member: SpaceId,
        #[n(3)]
        role: Role,
        /// Legal basis or consent, sealed when the operation is made.
        #[n(4)]
        basis: String,
        #[n(5)]
        not_after_ms: Option<u64>,
        #[n(6)]
        history: History,
    },
    /// Let one newcomer ask to join.
    #[n(1)]
    Invite {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        invitation: nahtlos_protocol::identifier::InvitationId,
        #[n(2)]
        role: Role,
        #[n(3)]
        not_after_ms: u64,
    },
    /// Admit who answered an invitation of ours.
    #[n(2)]
    Admit {
        /// The join request, exact bytes.
        #[cbor(n(0), with = "minicbor::bytes")]
        request: Vec<u8>,
    },
    /// Make a space's first epoch, once this device is admitted.
    #[n(3)]
    FirstEpoch {
        #[n(0)]
        space: SpaceId,
    },
    /// Add a space of one's own to one's institution.
    #[n(4)]
    AddTeam {
        #[n(0)]
        institution: SpaceId,
        #[n(1)]
        team: SpaceId,
        #[n(2)]
        grant: GrantId,
    },
    /// Wrap the current epoch to whoever lacks it.
    #[n(5)]
    WrapMissing {
        #[n(0)]
        space: SpaceId,
    },
    /// End one grant, or every grant of a member.
    #[n(6)]
    Remove {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        grant: Option<GrantId>,
        #[n(2)]
        member: Option<RecipientId>,
        /// Coded reason, as in the operation.
        #[n(3)]
        reason: u8,
    },
    /// Let a grant allow more or less.
    #[n(7)]
    SetRole {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        grant: GrantId,
        #[n(2)]
        role: Role,
    },
    /// Close a space: nothing is written there any more.
    #[n(8)]
    Close {
        #[n(0)]
        space: SpaceId,
    },
    /// Stand for a grant whose member's fingerprint was compared.
    #[n(9)]
    Confirm {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        grant: GrantId,
    },
    /// Refuse a grant that waits for somebody to stand for it.
    #[n(10)]
    Refuse {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        grant: GrantId,
    },
    /// Begin a new epoch, whether or not the present one may be used.
    #[n(11)]
    Rotate {
        #[n(0)]
        space: SpaceId,
        /// The epoch to be replaced: where it is no longer the current one, nothing is left to do.
        #[n(1)]
        replaced: Option<KeyId>,
    },
    /// Discard a held envelope: it and what builds on it never counts.
    #[n(12)]
    Void {
        #[n(0)]
        space: SpaceId,
        #[n(1)]
        envelope: EnvelopeId,
    },
    /// Add a device of one's own whose secret lies elsewhere.
    #[n(13)]
    AddDevice {
        /// The person.
        #[n(0)]
        space: SpaceId,
        /// Its keys, and its consent.
        #[n(1)]
        member: Member,
        /// As its person calls it; may be empty.
        #[n(2)]
        name: String,
    },
    /// Say how the institution admits.
    #[n(14)]
    Policy {
        #[n(0)]
        institution: SpaceId,
        /// How many administrators it takes to make one.
        #[n(1)]
        administrators: u8,
        /// Whether words are compared.
        #[n(2)]
        compares: bool,
    },
    /// Make somebody an administrator of the institution.
    #[n(15)]
    AddAdministrator {
        #[n(0)]
        institution: SpaceId,
        #[n(1)]
        person: SpaceId,
        /// The grant by which they change members and devices.
        #[n(2)]
        administers: GrantId,
        /// The grant by which they hold the institution's key.
        #[n(3)]
        manages: GrantId,
    },
    /// Close a section, and then say that it is erased.
    #[n(16)]
    Erase {
        #[n(0)]
        space: SpaceId,
        /// All sections of one case are erased together.
        #[n(1)]
        case: Nonce,
        /// The code of the reason.
        #[n(2)]
        reason: String,
    },
}

impl Intent {
    /// The space whose log it changes; none for a join request, which names it inside.
    pub fn space(&self) -> Option<SpaceId> {
        match self {
            Self::Grant { space, .. }
            | Self::Invite { space, .. }
            | Self::FirstEpoch { space }
            | Self::WrapMissing { space }
            | Self::Remove { space, .. }
            | Self::SetRole { space, .. }
            | Self::Close { space }
            | Self::Erase { space, .. }
            | Self::Confirm { space, .. }
            | Self::Refuse { space, .. }
            | Self::Rotate { space, .. }
            | Self::Void { space, .. }
            | Self::AddDevice { space, .. } => Some(*space),
            Self::AddTeam { institution, .. }
            | Self::Policy { institution, .. }
            | Self::AddAdministrator { institution, .. } => Some(*institution),
            Self::Admit { .. } => None,
        }
    }
}

/// An invitation issued here: `Collection::Invitation`, key = its public key.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct InvitationRecord {
    /// The text handed over.
    #[n(0)]
    pub text: String,
    /// For whom, as the inviter wrote it.
    #[n(1)]
    pub note: String,
    #[n(2)]
    pub not_after_ms: u64,
    #[n(3)]
    pub completed: bool,
    /// The device that asked and whose words somebody compared.
    #[n(4)]
    pub compared: Option<DeviceId>,
    /// Whether somebody refused who answered it: nobody is let in by it any more.
    #[n(5)]
    pub refused: Option<bool>,
    /// Whether it was taken back before anybody was let in by it; then it is refused, too.
    #[n(6)]
    pub withdrawn: Option<bool>,
}

impl InvitationRecord {
    /// Whether somebody refused who answered it.
    pub fn is_refused(&self) -> bool {
        self.refused == Some(true)
    }
}

/// A section's label: `Collection::Label`, group = case, key = space. Sealed in the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct LabelRecord {
    /// Section kind code, as `nahtlos_casework::SectionKind::code`.
    #[n(0)]
    pub kind: String,
    /// The institution that opened the case.
    #[n(1)]
    pub home: SpaceId,
    /// Random; with `home` it names the case.
    #[n(2)]
    pub nonce: Nonce,
}

impl LabelRecord {
    /// The case: the first 16 bytes of SHA-256(label ‖ home ‖ nonce). It commits to the institution
    /// that opened it, so no section of another institution can pass for a part of it.
    pub fn case(&self) -> Nonce {
        let digest = hash(label::CASE, &[&self.home.0, &self.nonce.0]);
        let mut case = [0; 16];
        for (target, source) in case.iter_mut().zip(digest) {
            *target = source;
        }
        Nonce(case)
    }
}

/// An item that cannot be applied yet or was refused: `Collection::Held`.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct HeldRecord {
    /// Stable word.
    #[n(0)]
    pub reason: String,
    /// In words.
    #[n(1)]
    pub detail: String,
    #[n(2)]
    pub item: HeldItem,
}

/// What is held.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) enum HeldItem {
    /// A foreign operation whose references have not arrived, or that does not replay.
    #[n(0)]
    Operation {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        #[n(1)]
        wraps: Vec<Wrap>,
    },
    /// A foreign envelope that cannot be opened or applied (its bytes are in
    /// `Collection::Envelope`).
    #[n(1)]
    Envelope {
        #[n(0)]
        id: EnvelopeId,
    },
    /// Edits of one's own that the relay finally refused.
    #[n(2)]
    Edits {
        #[n(0)]
        edits: Vec<OutboxRecord>,
    },
}

impl std::fmt::Debug for OutboxRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The edit is a person's data: never in a log or a panic message.
        formatter
            .debug_struct("OutboxRecord")
            .finish_non_exhaustive()
    }
}

/// Key of a wrap: space ‖ epoch ‖ recipient. With the space, since anybody's log may name any key id.
pub(crate) fn wrap_key(space: &SpaceId, key_id: &[u8; 32], recipient: &RecipientId) -> Vec<u8> {
    [space.0, *key_id, recipient.0].concat()
}

/// Key of a further wrap of the same epoch for the same recipient: the first stays, since it may be all that
/// opens.
pub(crate) fn further_wrap_key(first: &[u8], wrap: &WrapHash) -> Vec<u8> {
    [first, &wrap.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_bytes_are_stored_as_a_byte_string_of_exactly_32() {
        let bytes = encode(&SecretBytes([7; 32]));
        assert_eq!(bytes, [&[0x58, 32][..], &[7; 32]].concat());
        assert_eq!(decode::<SecretBytes>(&bytes).unwrap().0, [7; 32]);
        let short = [&[0x58, 31][..], &[7; 31]].concat();
        assert!(decode::<SecretBytes>(&short).is_err());
    }
}
