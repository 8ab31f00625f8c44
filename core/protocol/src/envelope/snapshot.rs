//! What is sealed in a snapshot, an attest, a dispute and an erasure.
//!
//! A snapshot holds the document that the envelopes it covers make, so that they need not be kept for
//! ever. It covers its parents and everything they build on. An attest or dispute names a snapshot as
//! its one parent and says which heads its author came to from the originals.

use minicbor::{Decode, Encode};

use super::sealed::{Envelope, OpenError};
use crate::codec;
use crate::crypto::epoch_secret::EpochSeed;
use crate::crypto::signature::SigningKey;
use crate::envelope::Header;
use crate::identifier::{DeviceId, EnvelopeId, Nonce};
use crate::limits;

/// `[document bytes, document length, heads[], actors[], covered[]]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SnapshotPayload {
    /// The document, one uncompressed automerge chunk, compressed as a zlib stream (RFC 1950).
    #[cbor(n(0), with = "minicbor::bytes")]
    pub document: Vec<u8>,
    /// Bytes of the document before compression: it expands to exactly these or is refused.
    #[n(1)]
    pub document_bytes: u64,
    /// automerge heads of the document, ascending.
    #[cbor(
        n(2),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::DOCUMENT_HEADS_MAX }>"
    )]
    pub heads: Vec<DocumentHead>,
    /// Which device stands behind each actor of the document, ascending by actor.
    #[cbor(
        n(3),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::SNAPSHOT_ACTORS_MAX }>"
    )]
    pub actors: Vec<SnapshotActor>,
    /// All envelopes it covers, ascending: who has none of them left knows what is in it.
    #[cbor(
        n(4),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::SNAPSHOT_COVERED_MAX }>"
    )]
    pub covered: Vec<EnvelopeId>,
}

/// The hash of one automerge change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct DocumentHead(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// `[actor bytes(16), device]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct SnapshotActor {
    /// The automerge actor.
    #[n(0)]
    pub actor: Nonce,
    /// The device that its changes' envelopes were signed by.
    #[n(1)]
    pub device: DeviceId,
}

/// `[heads[]]`: what is sealed in an attest or a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StatementPayload {
    /// automerge heads of the document that the author made from the originals, ascending.
    #[cbor(
        n(0),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::DOCUMENT_HEADS_MAX }>"
    )]
    pub heads: Vec<DocumentHead>,
}

/// `[run nonces[], changes[], reason?]`: what is sealed in an erasure. Both lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ErasurePayload {
    /// None.
    #[cbor(n(0), decode_with = "crate::codec::bounded::<_, _, 0>")]
    pub run_nonces: Vec<Nonce>,
    /// None.
    #[cbor(n(1), decode_with = "crate::codec::bounded::<_, _, 0>")]
    pub changes: Vec<super::sealed::Change>,
    /// Why a whole section is erased: a code, kept as it stands where a program does not know it. Absent where
    /// a device says that its own copy is gone.
    #[n(2)]
    pub reason: Option<String>,
}

impl Envelope {
    /// Seals an erasure. The header's kind must be `Erasure`, its `key_id` the seed's.
    ///
    /// # Errors
    /// As [`Envelope::seal`].
    pub fn seal_erasure(
        header: &Header,
        payload: &ErasurePayload,
        seed: &EpochSeed,
        signing: &SigningKey,
    ) -> Result<Self, OpenError> {
        Self::seal_plaintext(header, &codec::encode(payload), seed, signing)
    }

    /// Opens an erasure. Verify the signature first.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_erasure(&self, seed: &EpochSeed) -> Result<ErasurePayload, OpenError> {
        let plaintext = self.open_plaintext(seed)?;
        Ok(codec::decode(&plaintext, limits::PAYLOAD_BYTES_MAX)?)
    }

    /// Seals a snapshot. The header's kind must be `Snapshot`, its `key_id` the seed's.
    ///
    /// # Errors
    /// As [`Envelope::seal`].
    pub fn seal_snapshot(
        header: &Header,
        payload: &SnapshotPayload,
        seed: &EpochSeed,
        signing: &SigningKey,
    ) -> Result<Self, OpenError> {
        Self::seal_plaintext(header, &codec::encode(payload), seed, signing)
    }

    /// Opens a snapshot. Verify the signature first, and count it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_snapshot(&self, seed: &EpochSeed) -> Result<SnapshotPayload, OpenError> {
        let plaintext = self.open_plaintext(seed)?;
        Ok(codec::decode(&plaintext, limits::PAYLOAD_BYTES_MAX)?)
    }

    /// Seals an attest or a dispute, as the header's kind says.
    ///
    /// # Errors
    /// As [`Envelope::seal`].
    pub fn seal_statement(
        header: &Header,
        payload: &StatementPayload,
        seed: &EpochSeed,
        signing: &SigningKey,
    ) -> Result<Self, OpenError> {
        Self::seal_plaintext(header, &codec::encode(payload), seed, signing)
    }

    /// Opens an attest or a dispute. Verify the signature first, and count it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_statement(&self, seed: &EpochSeed) -> Result<StatementPayload, OpenError> {
        let plaintext = self.open_plaintext(seed)?;
        Ok(codec::decode(&plaintext, limits::PAYLOAD_BYTES_MAX)?)
    }
}
