//! The envelope: `[header bytes, commitment (32), ciphertext, signature (64)]`.
//!
//! Id = SHA-256(label ‖ all bytes). The signature covers label ‖ SHA-256(header) ‖ commitment ‖
//! SHA-256(ciphertext). Key, nonce and commitment come from the content key, the header's salt
//! and the header's hash; the AAD is header ‖ commitment.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::header::Header;
use crate::PROTOCOL_VERSION;
use crate::codec::{self, CodecError};
use crate::crypto::hash::hash;
use crate::crypto::label;
use crate::crypto::signature::{Signature, VerifyingKey};
use crate::crypto::suite::Suite;
use crate::identifier::{EnvelopeId, SignatureBytes};
use crate::limits;

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Parts {
    #[cbor(n(0), with = "minicbor::bytes")]
    header: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    commitment: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    ciphertext: Vec<u8>,
    #[n(3)]
    signature: SignatureBytes,
}

/// A sealed envelope in its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    bytes: Vec<u8>,
    parts: Parts,
    header: Header,
    commitment: [u8; 32],
    id: EnvelopeId,
}

/// Why bytes are not an envelope this version can read.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum EnvelopeError {
    /// A newer program wrote it.
    #[error("needs a newer nahtlos (version {version}, suite {suite})")]
    NeedsNewer {
        /// Version byte found.
        version: u8,
        /// Suite byte found.
        suite: u8,
    },
    /// Not an envelope.
    #[error("not an envelope: {0}")]
    Codec(#[from] CodecError),
    /// A count or order in the header is not allowed.
    #[error("not a valid envelope header: {what}")]
    BadHeader {
        /// What is wrong.
        what: &'static str,
    },
    /// The author did not sign this.
    #[error("the signature does not verify")]
    BadSignature,
}

impl Envelope {
    /// Reads an envelope without opening it. The signature is checked by [`Self::verify`].
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let parts: Parts = codec::decode(bytes, limits::ENVELOPE_BYTES_MAX)?;
        Self::from_parts(parts, bytes.to_vec())
    }

    fn from_parts(parts: Parts, bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let header = decode_header(&parts.header)?;
        let commitment =
            parts
                .commitment
                .as_slice()
                .try_into()
                .map_err(|_| EnvelopeError::BadHeader {
                    what: "the commitment has not 32 bytes",
                })?;
        let id = EnvelopeId(hash(label::ENVELOPE, &[&bytes]));
        Ok(Self {
            bytes,
            parts,
            header,
            commitment,
            id,
        })
    }

    /// Verifies the author's signature.
    ///
    /// # Errors
    /// [`EnvelopeError::BadSignature`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), EnvelopeError> {
        let message = signed_message(&self.parts.header, &self.commitment, &self.parts.ciphertext);
        key.verify(
            label::ENVELOPE_SIGN,
            &message,
            &Signature::from_bytes(self.parts.signature.0),
        )
        .map_err(|_| EnvelopeError::BadSignature)
    }

    /// The same commitment and ciphertext under another header, signed anew or not.
    #[cfg(test)]
    pub(crate) fn with_header_for_tests(
        &self,
        header: &Header,
        signing: Option<&crate::crypto::signature::SigningKey>,
    ) -> Option<Self> {
        let mut parts = self.parts.clone();
        parts.header = codec::encode(header);
        if let Some(signing) = signing {
            let message = signed_message(&parts.header, &self.commitment, &parts.ciphertext);
            parts.signature =
                SignatureBytes(*signing.sign(label::ENVELOPE_SIGN, &message).as_bytes());
        }
        let bytes = codec::encode(&parts);
        Self::from_parts(parts, bytes).ok()
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256(label ‖ exact bytes).
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.id
    }

    /// The clear header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }
}

fn decode_header(bytes: &[u8]) -> Result<Header, EnvelopeError> {
    let (version, suite) = crate::codec::prologue(bytes)?;
    if version != PROTOCOL_VERSION || Suite::try_from(suite).is_err() {
        return Err(EnvelopeError::NeedsNewer { version, suite });
    }
    let header: Header =
        codec::decode(bytes, limits::ENVELOPE_HEADER_BYTES_MAX).map_err(|error| match error {
            CodecError::UnknownVariant => EnvelopeError::NeedsNewer { version, suite },
            other => EnvelopeError::Codec(other),
        })?;
    let bad = |what| Err(EnvelopeError::BadHeader { what });
    if header.parents.len() > limits::PARENTS_MAX {
        return bad("too many parents");
    }
    if header.access_heads.len() > limits::REFERENCES_MAX {
        return bad("too many access heads");
    }
    if !header.parents.is_sorted_by(|left, right| left < right) {
        return bad("parents are not ascending");
    }
    if !header
        .access_heads
        .is_sorted_by(|left, right| left.space < right.space)
    {
        return bad("access heads are not ascending");
    }
    if header.author_sequence == 0 {
        return bad("author sequence starts at 1");
    }
    Ok(header)
}

fn signed_message(header: &[u8], commitment: &[u8; 32], ciphertext: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(96);
    message.extend_from_slice(&Sha256::digest(header));
    message.extend_from_slice(commitment);
    message.extend_from_slice(&Sha256::digest(ciphertext));
    message
}

#[cfg(any(test, feature = "content"))]
pub use content::{OpenError, Payload};

#[cfg(any(test, feature = "content"))]
mod content {
    use super::{
        CodecError, Decode, Encode, Envelope, Header, Parts, SignatureBytes, codec, label, limits,
        signed_message,
    };
    use crate::crypto::committing_aead;
    use crate::crypto::epoch_secret::EpochSeed;
    use crate::crypto::signature::SigningKey;
    use crate::envelope::EnvelopeKind;
    use crate::identifier::Nonce;
    use zeroize::Zeroizing;

    /// What is sealed in an envelope of changes: `[run nonces[], changes[]]`.
    #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Default)]
    #[cbor(array)]
    pub struct Payload {
        /// Run nonces that this author uses in this space from here on; they derive its actors.
        #[cbor(
            n(0),
            decode_with = "crate::codec::bounded::<_, _, { crate::limits::RUN_NONCES_MAX }>"
        )]
        pub run_nonces: Vec<Nonce>,
        /// automerge changes, causally ordered, one uncompressed chunk each.
        #[cbor(
            n(1),
            decode_with = "crate::codec::bounded::<_, _, { crate::limits::CHANGES_PER_ENVELOPE_MAX }>"
        )]
        pub changes: Vec<Change>,
    }

    /// One encoded automerge change.
    #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
    #[cbor(transparent)]
    pub struct Change(#[cbor(n(0), with = "minicbor::bytes")] pub Vec<u8>);

    /// Why an envelope does not open.
    #[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
    pub enum OpenError {
        /// Another epoch's key is needed.
        #[error("sealed under another epoch")]
        OtherEpoch,
        /// Commitment, ciphertext or padding is not right: changed, or sealed for another place.
        #[error("does not open: {0}")]
        Sealed(#[from] committing_aead::OpenError),
        /// The content is not of the form its kind announces.
        #[error("the content is malformed: {0}")]
        Payload(#[from] CodecError),
        /// A count lies above its limit.
        #[error("the content has too many {what}")]
        TooMany {
            /// Which count.
            what: &'static str,
        },
        /// Content too large to seal.
        #[error("the content is too large to seal")]
        TooLarge,
    }

    impl Envelope {
        /// Seals content under an epoch and signs it. The header's `key_id` must be the seed's.
        ///
        /// # Errors
        /// [`OpenError::OtherEpoch`] where it is not; [`OpenError::TooLarge`].
        pub fn seal(
            header: &Header,
            payload: &Payload,
            seed: &EpochSeed,
            signing: &SigningKey,
        ) -> Result<Self, OpenError> {
            Self::seal_plaintext(header, &codec::encode(payload), seed, signing)
        }

        /// Seals what a kind's payload encodes to.
        pub(in crate::envelope) fn seal_plaintext(
            header: &Header,
            plaintext: &[u8],
            seed: &EpochSeed,
            signing: &SigningKey,
        ) -> Result<Self, OpenError> {
            if seed.key_id() != header.key_id.0 {
                return Err(OpenError::OtherEpoch);
            }
            if plaintext.len() > limits::PAYLOAD_BYTES_MAX {
                return Err(OpenError::TooLarge);
            }
            let header_bytes = codec::encode(header);
            let sealed = committing_aead::seal(
                &seed.content_key(),
                &header.salt.0,
                content_label(header.kind),
                &header_bytes,
                plaintext,
            )
            .map_err(|_| OpenError::TooLarge)?;
            let message = signed_message(&header_bytes, &sealed.commitment, &sealed.ciphertext);
            let signature = signing.sign(label::ENVELOPE_SIGN, &message);
            let parts = Parts {
                header: header_bytes,
                commitment: sealed.commitment.to_vec(),
                ciphertext: sealed.ciphertext,
                signature: SignatureBytes(*signature.as_bytes()),
            };
            let bytes = codec::encode(&parts);
            Self::from_parts(parts, bytes).map_err(|_| OpenError::TooLarge)
        }

        /// Opens the content. Verify the signature and the author's right first.
        ///
        /// # Errors
        /// [`OpenError`].
        pub fn open(&self, seed: &EpochSeed) -> Result<Payload, OpenError> {
            let plaintext = self.open_plaintext(seed)?;
            let payload: Payload = codec::decode(&plaintext, limits::PAYLOAD_BYTES_MAX)?;
            if payload.changes.len() > limits::CHANGES_PER_ENVELOPE_MAX {
                return Err(OpenError::TooMany { what: "changes" });
            }
            if payload.run_nonces.len() > limits::RUN_NONCES_MAX {
                return Err(OpenError::TooMany { what: "run nonces" });
            }
            Ok(payload)
        }

        /// Opens the plaintext of any kind.
        pub(in crate::envelope) fn open_plaintext(
            &self,
            seed: &EpochSeed,
        ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
            if seed.key_id() != self.header.key_id.0 {
                return Err(OpenError::OtherEpoch);
            }
            Ok(committing_aead::open(
                &seed.content_key(),
                &self.header.salt.0,
                content_label(self.header.kind),
                &self.parts.header,
                &self.commitment,
                &self.parts.ciphertext,
            )?)
        }
    }

    fn content_label(kind: EnvelopeKind) -> &'static [u8] {
        match kind {
            EnvelopeKind::Changes => label::ENVELOPE_CHANGES,
            EnvelopeKind::Snapshot => label::ENVELOPE_SNAPSHOT,
            EnvelopeKind::Blob => label::ENVELOPE_BLOB,
            EnvelopeKind::Attest => label::ENVELOPE_ATTEST,
            EnvelopeKind::Dispute => label::ENVELOPE_DISPUTE,
            EnvelopeKind::Erasure => label::ENVELOPE_ERASURE,
        }
    }
}
#[cfg(any(test, feature = "content"))]
pub use content::Change;
