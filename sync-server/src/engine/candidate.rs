//! A pushed item, decoded by the task that received it, before the one writer judges it: decoding
//! and the signatures of envelopes use every core this way.

use std::sync::RwLock;

use nahtlos_protocol::codec::CodecError;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::envelope::sealed::EnvelopeError;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::operation::{OperationError, SignedOperation};
use nahtlos_protocol::wire::{PushItem, Receipt, VerdictCode};

use super::world::{View, World};

/// A decoded item.
pub(crate) enum Candidate {
    /// An operation with its wraps.
    Operation {
        signed: Box<SignedOperation>,
        wraps: Vec<Wrap>,
        /// The relay's own receipt for it, where it is offered again.
        receipt: Option<Receipt>,
    },
    /// An envelope.
    Envelope {
        envelope: Box<Envelope>,
        /// The author's key under which the signature was found good.
        verified_by: Option<VerifyingKey>,
        /// The relay's own receipt for it, where it is offered again.
        receipt: Option<Receipt>,
    },
    /// What became of an envelope of the asker's own.
    Question { id: ItemId },
    /// Not of the form it should have.
    Bad { id: ItemId, code: VerdictCode },
}

impl Candidate {
    /// Decodes an item, and verifies an envelope whose author the relay knows already. Signatures
    /// are judged one at a time, never as a batch.
    pub(crate) fn read(item: PushItem, world: &RwLock<World>, relay: &VerifyingKey) -> Self {
        // A receipt that proves nothing is as good as none: the item is judged like any other.
        let proved = |receipt: Option<Receipt>, id: ItemId| {
            receipt.filter(|receipt| receipt.verify(&id, relay).is_ok())
        };
        match item {
            PushItem::Operation {
                bytes,
                wraps,
                receipt,
            } => match SignedOperation::decode(&bytes) {
                Ok(signed) => Self::Operation {
                    receipt: proved(receipt, signed.id().into()),
                    signed: Box::new(signed),
                    wraps,
                },
                Err(error) => Self::Bad {
                    id: ItemId(hash(label::OPERATION, &[&bytes])),
                    code: operation_code(&error),
                },
            },
            PushItem::Envelope { bytes, receipt } => match Envelope::decode(&bytes) {
                Ok(envelope) => {
                    let receipt = proved(receipt, envelope.id().into());
                    Self::verified(envelope, receipt, world)
                }
                Err(error) => Self::Bad {
                    id: ItemId(hash(label::ENVELOPE, &[&bytes])),
                    code: envelope_code(&error),
                },
            },
            PushItem::Question { id } => Self::Question { id },
        }
    }

    /// An item that is offered again, and its receipt.
    pub(super) fn offered(&self) -> Option<(ItemId, &Receipt)> {
        let (id, receipt) = match self {
            Self::Operation {
                signed, receipt, ..
            } => (signed.id().into(), receipt),
            Self::Envelope {
                envelope, receipt, ..
            } => (envelope.id().into(), receipt),
            Self::Question { .. } | Self::Bad { .. } => return None,
        };
        receipt.as_ref().map(|receipt| (id, receipt))
    }

    fn verified(envelope: Envelope, receipt: Option<Receipt>, world: &RwLock<World>) -> Self {
        let key = {
            let nothing = World::default();
            let view = View {
                base: &super::read(world),
                top: &nothing,
            };
            view.verifying_key(&envelope.header().author_device)
        };
        match key {
            Some(key) if envelope.verify(&key).is_err() => Self::Bad {
                id: envelope.id().into(),
                code: VerdictCode::BadSignature,
            },
            verified_by => Self::Envelope {
                envelope: Box::new(envelope),
                verified_by,
                receipt,
            },
        }
    }
}

fn operation_code(error: &OperationError) -> VerdictCode {
    match error {
        OperationError::NeedsNewer { .. } => VerdictCode::NeedsNewer,
        OperationError::Codec(error) => codec_code(error),
        OperationError::TooMany { .. } => VerdictCode::TooLarge,
    }
}

fn envelope_code(error: &EnvelopeError) -> VerdictCode {
    match error {
        EnvelopeError::NeedsNewer { .. } => VerdictCode::NeedsNewer,
        EnvelopeError::Codec(error) => codec_code(error),
        EnvelopeError::BadHeader { .. } => VerdictCode::Malformed,
        EnvelopeError::BadSignature => VerdictCode::BadSignature,
    }
}

fn codec_code(error: &CodecError) -> VerdictCode {
    match error {
        CodecError::TooLong { .. } => VerdictCode::TooLarge,
        _ => VerdictCode::Malformed,
    }
}
