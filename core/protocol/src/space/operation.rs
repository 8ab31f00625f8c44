//! Signed operations: the entries of a space's log.

use minicbor::{Decode, Encode};

use super::effect::Effect;
use crate::PROTOCOL_VERSION;
use crate::codec::{self, CodecError};
use crate::crypto::hash::hash;
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::crypto::suite::Suite;
use crate::identifier::{DeviceId, OperationId, SignatureBytes, SpaceId};
use crate::limits;

/// A position in one space's log: "I had seen this log up to here".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct LogHead {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// Index of the last operation seen.
    #[n(1)]
    pub index: u64,
    /// Id of that operation.
    #[n(2)]
    pub operation: OperationId,
}

/// The body of an operation: `[version, suite, space, index, previous, author, claimed_at_ms,
/// references[], effects[]]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Operation {
    /// Protocol version, 1.
    #[n(0)]
    pub version: u8,
    /// Cryptographic suite.
    #[n(1)]
    pub suite: u8,
    /// The space; none in operation 0, whose hash *is* the space's id.
    #[n(2)]
    pub space: Option<SpaceId>,
    /// Position in the log, from 0.
    #[n(3)]
    pub index: u64,
    /// Id of the operation before; none in operation 0.
    #[n(4)]
    pub previous: Option<OperationId>,
    /// The device that signs.
    #[n(5)]
    pub author: DeviceId,
    /// The author's clock, Unix milliseconds: shown to people, decides nothing.
    #[n(6)]
    pub claimed_at_ms: u64,
    /// Heads of every log on the author's path, and for an epoch or wrap of every log beneath its
    /// recipients; ascending by space, each space once.
    #[cbor(
        n(7),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::REFERENCES_MAX }>"
    )]
    pub references: Vec<LogHead>,
    /// What it does, in order, all or nothing.
    #[cbor(
        n(8),
        decode_with = "crate::codec::bounded::<_, _, { crate::limits::EFFECTS_MAX }>"
    )]
    pub effects: Vec<Effect>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Signed {
    #[cbor(n(0), with = "minicbor::bytes")]
    body: Vec<u8>,
    #[n(1)]
    signature: SignatureBytes,
}

/// An operation with its signature, in the exact bytes that were signed and are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOperation {
    bytes: Vec<u8>,
    body: Vec<u8>,
    signature: SignatureBytes,
    operation: Operation,
    id: OperationId,
}

/// Why bytes are not an operation this version can read.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum OperationError {
    /// A newer program wrote it; the space is read-only here.
    #[error("needs a newer nahtlos (version {version}, suite {suite})")]
    NeedsNewer {
        /// Version byte found.
        version: u8,
        /// Suite byte found.
        suite: u8,
    },
    /// Not an operation.
    #[error("not an operation: {0}")]
    Codec(#[from] CodecError),
    /// A count lies above its limit.
    #[error("more {what} than an operation may have")]
    TooMany {
        /// Which count.
        what: &'static str,
    },
}

impl SignedOperation {
    /// Signs a body.
    #[must_use]
    pub fn sign(operation: Operation, key: &SigningKey) -> Self {
        let body = codec::encode(&operation);
        let signature =
            SignatureBytes(key.sign(label::OPERATION_SIGN, &body).as_bytes().to_owned());
        let bytes = codec::encode(&Signed {
            body: body.clone(),
            signature,
        });
        let id = OperationId(hash(label::OPERATION, &[&bytes]));
        Self {
            bytes,
            body,
            signature,
            operation,
            id,
        }
    }

    /// Reads an operation. The signature is *not* checked: that needs the author's key, which
    /// [`super::state::SpaceState`] finds during replay.
    ///
    /// # Errors
    /// [`OperationError`] as its variants say.
    pub fn decode(bytes: &[u8]) -> Result<Self, OperationError> {
        let signed: Signed = codec::decode(bytes, limits::OPERATION_BYTES_MAX)?;
        let (version, suite) = codec::prologue(&signed.body)?;
        if version != PROTOCOL_VERSION || Suite::try_from(suite).is_err() {
            return Err(OperationError::NeedsNewer { version, suite });
        }
        let operation: Operation = codec::decode(&signed.body, limits::OPERATION_BYTES_MAX)
            .map_err(|error| match error {
                CodecError::UnknownVariant => OperationError::NeedsNewer { version, suite },
                other => OperationError::Codec(other),
            })?;
        check_counts(&operation)?;
        let id = OperationId(hash(label::OPERATION, &[bytes]));
        Ok(Self {
            bytes: bytes.to_vec(),
            body: signed.body,
            signature: signed.signature,
            operation,
            id,
        })
    }

    /// The space of an operation that [`Self::decode`] refused as written by a newer program, as
    /// far as the first fields of its body are still those of version 1.
    #[must_use]
    pub fn space_of_unreadable(bytes: &[u8]) -> Option<SpaceId> {
        let signed: Signed = codec::decode(bytes, limits::OPERATION_BYTES_MAX).ok()?;
        let mut decoder = minicbor::Decoder::new(&signed.body);
        decoder.array().ok()?;
        decoder.u8().ok()?;
        decoder.u8().ok()?;
        SpaceId::from_slice(decoder.bytes().ok()?)
    }

    /// Whether the author's key signed exactly these bytes.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verify(
            label::OPERATION_SIGN,
            &self.body,
            &Signature::from_bytes(self.signature.0),
        )
        .is_ok()
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256(label ‖ exact bytes).
    #[must_use]
    pub fn id(&self) -> OperationId {
        self.id
    }

    /// The body.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The space this operation belongs to; operation 0 founds it.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.operation
            .space
            .unwrap_or_else(|| SpaceId(hash(label::SPACE, &[&self.bytes])))
    }

    /// This operation as a log position.
    #[must_use]
    pub fn head(&self) -> LogHead {
        LogHead {
            space: self.space(),
            index: self.operation.index,
            operation: self.id,
        }
    }
}

fn check_counts(operation: &Operation) -> Result<(), OperationError> {
    let too_many = |what| Err(OperationError::TooMany { what });
    if operation.effects.len() > limits::EFFECTS_MAX {
        return too_many("effects");
    }
    if operation.references.len() > limits::REFERENCES_MAX {
        return too_many("references");
    }
    for effect in &operation.effects {
        match effect {
            Effect::Wrap { recipients, .. } | Effect::Epoch { recipients, .. }
                if recipients.len() > limits::RECIPIENTS_MAX =>
            {
                return too_many("recipients");
            }
            Effect::Epoch {
                label: Some(sealed),
                ..
            }
            | Effect::Add {
                basis: Some(sealed),
                ..
            } if sealed.len() > limits::SEALED_LABEL_BYTES_MAX => {
                return too_many("bytes in a sealed label");
            }
            _ => {}
        }
    }
    Ok(())
}
