//! What becomes of edits whose envelope the relay does not take? They are sealed anew, kept as held, or
//! set aside: visible, never lost. What was typed since goes on without them.

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, Nonce, SpaceId};

use super::SET_ASIDE;
use super::delivered::put_arrived;
use crate::apply::put_document;
use crate::counting::{Tally, put_tally};
use crate::error::ClientError;
use crate::fate::{Fate, put_own_held};
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::rebuilding::{Resettled, put_adoptions, put_resettled};
use crate::records::{self, HeldItem, HeldRecord, OutboxRecord};
use crate::snapshots::delete_to_examine;
use crate::vault::Collection;

impl Nahtlos {
    /// The relay wants the envelope sealed anew, on newer logs or parents.
    pub(crate) fn seal_again(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            Ok(())
        })
    }

    /// The relay refused the envelope for good: its edits are held, visible, never lost. What was
    /// typed since goes on without them, as far as it does not need them.
    pub(crate) fn set_aside(
        &mut self,
        envelope: &Envelope,
        edits: &[Nonce],
        reason: &str,
    ) -> Result<(), ClientError> {
        let space = envelope.header().space;
        if envelope.header().kind != EnvelopeKind::Changes {
            return self.give_up_statement(envelope);
        }
        let adopted = self.adoptions_without(envelope)?;
        let (refused, resettled) = self.without(&space, edits, &adopted)?;
        self.commit(|transaction| {
            put_set_aside(transaction, &space, &refused, reason)?;
            put_adoptions(transaction, &space, &adopted)?;
            put_refused(transaction, envelope, &refused, &resettled)
        })?;
        self.begin_run_after(&resettled);
        Ok(())
    }

    /// The relay takes no such statement: nothing is lost by it. A snapshot is tried again when as much
    /// was written once more.
    fn give_up_statement(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        let space = envelope.header().space;
        let tally = Tally {
            tail_bytes: 0,
            ..self.tally(&space)?
        };
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            delete_to_examine(transaction, &space)?;
            put_tally(transaction, &space, &tally)
        })
    }

    /// The relay keeps the envelope in its held lane: it is kept here too, as it was sealed, until a
    /// manager adopts or discards it. What was typed since goes on without it.
    pub(crate) fn keep_held(
        &mut self,
        envelope: &Envelope,
        edits: &[Nonce],
        reason: &str,
    ) -> Result<(), ClientError> {
        let space = envelope.header().space;
        if envelope.header().kind != EnvelopeKind::Changes {
            return self.give_up_statement(envelope);
        }
        let adopted = self.adoptions_without(envelope)?;
        let (refused, resettled) = self.without(&space, edits, &adopted)?;
        let mut record = self.document_record(&space)?;
        record.own_sequence = record.own_sequence.max(envelope.header().author_sequence);
        let tally = Tally {
            recount: true,
            ..self.tally(&space)?
        };
        let position = i64::try_from(self.sync_record()?.arrivals).unwrap_or(i64::MAX);
        self.commit(|transaction| {
            put_document(transaction, &space, &record)?;
            put_tally(transaction, &space, &tally)?;
            put_arrived(transaction, envelope, position, reason)?;
            put_as_typed(transaction, envelope, &refused, reason)?;
            put_own_held(transaction, &envelope.id(), &space, Fate::held_for(reason))?;
            put_adoptions(transaction, &space, &adopted)?;
            put_refused(transaction, envelope, &refused, &resettled)
        })?;
        self.begin_run_after(&resettled);
        Ok(())
    }

    /// The pending edits of a space that are in a refused envelope, and what becomes of the others where
    /// nothing but this is adopted any more.
    fn without(
        &self,
        space: &SpaceId,
        edits: &[Nonce],
        adopted: &[EnvelopeId],
    ) -> Result<(Vec<OutboxRecord>, Resettled), ClientError> {
        let record = self.document_record(space)?;
        let document = self.document_with(space, &record, adopted)?;
        let pending = self.pending_edits(space)?;
        let (refused, others): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|edit| edits.contains(&edit.id));
        let resettled = self.resettle(space, &document, &others)?;
        Ok((refused, resettled))
    }

    /// What is typed next must not repeat the sequence numbers of what was taken out: others may have
    /// received it all the same.
    fn begin_run_after(&mut self, resettled: &Resettled) {
        let fresh = || random::nonce(&mut random::system());
        self.begin_run(resettled.run_nonce().unwrap_or_else(fresh));
    }
}

fn put_refused(
    transaction: &crate::vault::Transaction<'_>,
    envelope: &Envelope,
    refused: &[OutboxRecord],
    resettled: &Resettled,
) -> Result<(), ClientError> {
    for edit in refused {
        transaction.delete(Collection::Outbox, &edit.id.0)?;
    }
    transaction.delete(Collection::Sealed, &envelope.id().0)?;
    put_resettled(transaction, &envelope.header().space, resettled)
}

/// Keeps what is in a held envelope of one's own as it was typed: the envelope opens only as long as
/// this device holds the section's keys.
fn put_as_typed(
    transaction: &crate::vault::Transaction<'_>,
    envelope: &Envelope,
    edits: &[OutboxRecord],
    reason: &str,
) -> Result<(), ClientError> {
    let key = as_typed_key(&envelope.id());
    let record = HeldRecord {
        reason: reason.to_owned(),
        detail: String::new(),
        item: HeldItem::Edits {
            edits: edits.to_vec(),
        },
    };
    let value = records::encode(&record);
    let space = envelope.header().space;
    transaction.put(Collection::Draft, &space.0, &key, 0, &value)?;
    Ok(())
}

/// In `Collection::Draft`, group = space: what is in a held envelope of one's own.
pub(crate) fn as_typed_key(id: &EnvelopeId) -> Vec<u8> {
    [b"h".as_slice(), &id.0].concat()
}

/// In [`SET_ASIDE`]: what was in a held envelope of one's own whose copy was erased. (Other edits that
/// are set aside have the shorter name of the first of them behind the space.)
pub(crate) fn held_aside_key(space: &SpaceId, id: &EnvelopeId) -> Vec<u8> {
    [space.0, id.0].concat()
}

/// Moves what was kept as typed to the edits set aside: their envelopes do not open here any more.
pub(crate) fn keep_as_typed(
    transaction: &crate::vault::Transaction<'_>,
    space: &SpaceId,
) -> Result<(), ClientError> {
    for (key, bytes) in transaction.list(Collection::Draft, &space.0)? {
        if let Some(id) = key.get(1..).and_then(EnvelopeId::from_slice) {
            let key = held_aside_key(space, &id);
            transaction.put(Collection::Held, SET_ASIDE, &key, 0, &bytes)?;
        }
    }
    transaction.delete_group(Collection::Draft, &space.0)?;
    Ok(())
}

pub(crate) fn put_set_aside(
    transaction: &crate::vault::Transaction<'_>,
    space: &SpaceId,
    edits: &[OutboxRecord],
    reason: &str,
) -> Result<(), ClientError> {
    let Some(first) = edits.first() else {
        return Ok(());
    };
    let record = HeldRecord {
        reason: reason.to_owned(),
        detail: String::new(),
        item: HeldItem::Edits {
            edits: edits.to_vec(),
        },
    };
    let key = [space.0.as_slice(), &first.id.0].concat();
    let position = i64::try_from(first.typed_at_ms).unwrap_or(i64::MAX);
    transaction.put(
        Collection::Held,
        SET_ASIDE,
        &key,
        position,
        &records::encode(&record),
    )?;
    Ok(())
}
