//! Another copy of this very vault: somebody restored an old copy of the home, or runs two copies
//! of it. Both sign with one key, and each would give numbers and decisions the other has given. So
//! as soon as something signed by this device comes in that this vault never made, it writes
//! nothing any more and says so. What was typed here stays, and can be exported.
//!
//! One's own item that comes back because its answer was lost is no such sign: what is sent is known
//! here before it is sent.

use minicbor::{Decode, Encode};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::PushItem;
use serde::Serialize;

use crate::edits::KeptEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::OUTBOX_SPACES;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Key in `Collection::Notice`.
const CLONED: &[u8] = b"cloned";
/// Group in `Collection::Setting`: items of one's own that were sent, refused or erased and stand
/// nowhere else; key = `s` ‖ item.
const SENT: &[u8] = b"sent";

/// This device has written elsewhere: `Collection::Notice`.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ClonedRecord {
    /// By this device's clock, Unix milliseconds.
    #[n(0)]
    noticed_at_ms: u64,
    /// What came in.
    #[n(1)]
    item: ItemId,
}

/// Another copy of this home has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherCopy {
    /// When this device noticed, by its clock, Unix milliseconds.
    pub noticed_at_ms: u64,
    /// What happened and what to do now.
    pub sentence: &'static str,
}

/// Edits of one section that were typed here and are not delivered.
#[derive(Clone, Debug, Serialize)]
pub struct Undelivered {
    /// Hexadecimal space id.
    pub space: String,
    /// As typed, oldest first.
    pub edits: Vec<KeptEdit>,
}

impl Nahtlos {
    /// Whether another copy of this vault has written: this one signs nothing any more.
    pub(crate) fn is_cloned(&self) -> Result<bool, ClientError> {
        Ok(self.vault.contains(Collection::Notice, CLONED)?)
    }

    /// Refuses what this home would never send: another copy of it has written, or it is a restored
    /// backup.
    pub(crate) fn require_sending(&self) -> Result<(), ClientError> {
        self.require_not_restored()?;
        if self.is_cloned()? {
            return Err(ClientError::Cloned);
        }
        Ok(())
    }

    /// Another copy of this home that has written; none where there is no sign of one.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn other_copy(&self) -> Result<Option<OtherCopy>, ClientError> {
        let Some(bytes) = self.vault.get(Collection::Notice, CLONED)? else {
            return Ok(None);
        };
        let record: ClonedRecord = records::decode(&bytes)?;
        Ok(Some(OtherCopy {
            noticed_at_ms: record.noticed_at_ms,
            sentence: "another copy of this home has written under this device's name (an old copy was restored, or two are in use). This one sends nothing any more. Go on with the other copy where you have it; else come back with a new home: with your paper, or by who administers your institution, who ends this device and lets a new one in. What was typed here is kept and can be exported",
        }))
    }

    /// Everything typed here that the relay has not confirmed, to be exported or typed again.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn undelivered(&self) -> Result<Vec<Undelivered>, ClientError> {
        let mut undelivered = Vec::new();
        for (key, _) in self.vault.list(Collection::Setting, OUTBOX_SPACES)? {
            let Some(space) = SpaceId::from_slice(&key) else {
                continue;
            };
            let pending = self.pending_edits(&space)?;
            let edits: Vec<KeptEdit> = pending
                .iter()
                .map(|edit| KeptEdit::of(&edit.edit))
                .collect();
            if !edits.is_empty() {
                undelivered.push(Undelivered {
                    space: space.to_string(),
                    edits,
                });
            }
        }
        Ok(undelivered)
    }

    /// Whether an envelope that is not stored here bears this device's signature and was not made by
    /// this vault.
    pub(crate) fn is_envelope_from_elsewhere(
        &self,
        envelope: &Envelope,
    ) -> Result<bool, ClientError> {
        let id = envelope.id().into();
        Ok(envelope.header().author_device == self.device_id
            && !self.was_made_here(&id)?
            && envelope.verify(&self.keys.public_keys().verifying).is_ok())
    }

    /// The same of an operation that follows a log this device has. (What founds a space may be left
    /// from an enrolment that was begun anew.)
    pub(crate) fn is_operation_from_elsewhere(
        &self,
        operation: &SignedOperation,
    ) -> Result<bool, ClientError> {
        let body = operation.operation();
        if body.author != self.device_id || body.index == 0 {
            return Ok(false);
        }
        let id: ItemId = operation.id().into();
        let known = self.logs().state(&operation.space()).is_none()
            || self.logs().contains(operation)
            || self.vault.contains(Collection::Held, &id.0)?
            || self.lost_operation(&operation.id())?.is_some()
            || self.is_healed(operation);
        Ok(!known
            && !self.was_made_here(&id)?
            && operation.is_signed_by(&self.keys.public_keys().verifying))
    }

    fn was_made_here(&self, item: &ItemId) -> Result<bool, ClientError> {
        Ok(self.vault.contains(Collection::Sealed, &item.0)?
            || self.vault.contains(Collection::Setting, &sent_key(item))?)
    }

    /// Before operations of one's own go out: what comes back is known then, answered or not.
    pub(crate) fn remember_sent(&mut self, push: &[PushItem]) -> Result<(), ClientError> {
        let mut sent = Vec::new();
        for item in push {
            let PushItem::Operation {
                bytes,
                receipt: None,
                ..
            } = item
            else {
                continue;
            };
            let Ok(operation) = SignedOperation::decode(bytes) else {
                continue;
            };
            let id = operation.id().into();
            if operation.operation().author == self.device_id && !self.was_made_here(&id)? {
                sent.push(id);
            }
        }
        if sent.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            for item in &sent {
                put_sent(transaction, item)?;
            }
            Ok(())
        })
    }

    /// An envelope of one's own that is not kept as sealed any more, and was not accepted: it may
    /// come back all the same, when a manager takes it up.
    pub(crate) fn remember_refused(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        let item = envelope.id().into();
        self.commit(|transaction| put_sent(transaction, &item))
    }
}

/// Keeps that another copy of this vault has written.
pub(crate) fn put_cloned(
    transaction: &Transaction<'_>,
    item: ItemId,
    noticed_at_ms: u64,
) -> Result<(), ClientError> {
    if transaction.get(Collection::Notice, CLONED)?.is_none() {
        let value = records::encode(&ClonedRecord {
            noticed_at_ms,
            item,
        });
        transaction.put(Collection::Notice, b"", CLONED, 0, &value)?;
    }
    Ok(())
}

/// Keeps that an item was made by this vault, though it stands nowhere else in it.
pub(crate) fn put_sent(transaction: &Transaction<'_>, item: &ItemId) -> Result<(), ClientError> {
    transaction.put(Collection::Setting, SENT, &sent_key(item), 0, b"")?;
    Ok(())
}

fn sent_key(item: &ItemId) -> Vec<u8> {
    [b"s".as_slice(), &item.0].concat()
}
