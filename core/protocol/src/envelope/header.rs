//! The clear header of an envelope. Every field is in the AAD and under the signature: moving an
//! envelope to another space, epoch, author or place in the graph makes it invalid.

use minicbor::{Decode, Encode};

use crate::codec::numbered_enum;
use crate::identifier::{DeviceId, EnvelopeId, KeyId, SpaceId};
use crate::space::LogHead;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// A batch of changes to the space's document.
    Changes,
    /// A snapshot of the document.
    Snapshot,
    /// A chunk of an attachment.
    Blob,
    /// A device attests that a snapshot holds what it says it covers.
    Attest,
    /// A device says that a snapshot does not hold what it says it covers.
    Dispute,
    /// A device whose access has ended says that it has erased its copy: no parents, its access heads name
    /// the end. By who manages a closed section: the section is erased ([`crate::erasing`]).
    Erasure,
}
numbered_enum!(EnvelopeKind {
    Changes = 1, Snapshot = 2, Blob = 3, Attest = 4, Dispute = 5, Erasure = 6,
});

/// `[version, suite, kind, space, key_id, author_device, author_sequence, access_heads[],
/// parents[], salt]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Header {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// Cryptographic suite.
    #[n(1)]
    pub suite: u8,
    /// What is inside.
    #[n(2)]
    pub kind: EnvelopeKind,
    /// The space whose document it changes.
    #[n(3)]
    pub space: SpaceId,
    /// The epoch it is sealed under.
    #[n(4)]
    pub key_id: KeyId,
    /// Who signs.
    #[n(5)]
    pub author_device: DeviceId,
    /// Counts the author's envelopes in this space, from 1. Two accepted ones with the same number
    /// show that the device was cloned.
    #[n(6)]
    pub author_sequence: u64,
    /// The heads of the space's log and of the author's path logs that the author had seen;
    /// ascending by space.
    #[cbor(
        n(7),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::REFERENCES_MAX }>"
    )]
    pub access_heads: Vec<LogHead>,
    /// The envelopes this one builds on: heads of what the author had applied; ascending.
    #[cbor(
        n(8),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::PARENTS_MAX }>"
    )]
    pub parents: Vec<EnvelopeId>,
    /// Random; makes the one-time key.
    #[n(9)]
    pub salt: Salt,
}

/// 32 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl<C> Encode<C> for Salt {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}
impl<'b, C> Decode<'b, C> for Salt {
    fn decode(
        decoder: &mut minicbor::Decoder<'b>,
        _: &mut C,
    ) -> Result<Self, minicbor::decode::Error> {
        decoder
            .bytes()?
            .try_into()
            .map(Self)
            .map_err(|_| minicbor::decode::Error::message("a salt has 32 bytes"))
    }
}
