//! What changes here once the relay has proved that it stored an envelope of one's own? Its edits are
//! published at once where nothing speaks against it, and looked at like anything that arrives where
//! something may.

use std::collections::BTreeMap;

use nahtlos_document::Document;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, Nonce, SpaceId};

use crate::apply::{Opened, advance, apply_batch, put_document};
use crate::counting::{Fact, KnowledgeCache, Tally, put_fact, put_tally};
use crate::error::ClientError;
use crate::fate::{Fate, put_own_held};
use crate::ingest::{NOT_LOOKED_AT, UNSETTLED};
use crate::nahtlos::Nahtlos;
use crate::rebuilding::put_adoptions;
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord};
use crate::vault::Collection;

/// Documents held in memory at once while deliveries are stored.
const DELIVERIES_PER_TRANSACTION: usize = 64;

/// An envelope of one's own that the relay has proved to have stored.
pub(crate) struct Delivery {
    pub envelope: Box<Envelope>,
    /// The edits in it.
    pub edits: Vec<Nonce>,
}

/// What an accepted envelope of one's own changes here.
enum AfterDelivery {
    /// Nothing: it came back by itself before.
    CameBack,
    /// It is looked at like what others wrote; this is left to be adopted.
    ToBeCounted { adopted: Vec<EnvelopeId> },
    /// It says something about edits.
    Said(Box<Tally>),
    /// Its edits are published.
    Applied(Box<(DocumentRecord, Document, Fact, Tally)>),
}

impl Nahtlos {
    /// The relay has stored our envelopes: their edits move from pending to published. Many to a
    /// transaction, so that the cost of a durable commit is shared.
    pub(crate) fn delivered(&mut self, deliveries: &[Delivery]) -> Result<(), ClientError> {
        let mut together: BTreeMap<SpaceId, &Delivery> = BTreeMap::new();
        for delivery in deliveries {
            let space = delivery.envelope.header().space;
            // A second one of the same space builds on what the first one leaves.
            if together.len() >= DELIVERIES_PER_TRANSACTION || together.contains_key(&space) {
                self.store_delivered(&std::mem::take(&mut together))?;
            }
            together.insert(space, delivery);
        }
        self.store_delivered(&together)
    }

    fn store_delivered(
        &mut self,
        together: &BTreeMap<SpaceId, &Delivery>,
    ) -> Result<(), ClientError> {
        let position = i64::try_from(self.sync_record()?.arrivals).unwrap_or(i64::MAX);
        let mut work = Vec::new();
        for (space, delivery) in together {
            work.push((delivery, self.after_delivery(space, delivery)?));
        }
        self.commit(|transaction| {
            for (delivery, after) in &work {
                put_delivered(transaction, delivery, after, position)?;
            }
            Ok(())
        })?;
        // What follows may fail, and nothing older than the disk may stay.
        for space in together.keys() {
            self.documents.forget(space);
        }
        for ((_, after), space) in work.into_iter().zip(together.keys()) {
            if let AfterDelivery::Applied(after) = after {
                self.remember_published(space, after.1)?;
            }
        }
        Ok(())
    }

    /// What a delivery changes. What it carries is taken from the envelope itself: the edits in the
    /// outbox may have been made again since it was sealed.
    fn after_delivery(
        &self,
        space: &SpaceId,
        delivery: &Delivery,
    ) -> Result<AfterDelivery, ClientError> {
        let envelope = &delivery.envelope;
        if self
            .vault
            .contains(Collection::Envelope, &envelope.id().0)?
        {
            return Ok(AfterDelivery::CameBack);
        }
        if envelope.header().kind != EnvelopeKind::Changes {
            let mut tally = self.tally(space)?;
            tally.note_snapshot(&Fact::of(envelope));
            return Ok(AfterDelivery::Said(Box::new(tally)));
        }
        for parent in &envelope.header().parents {
            // It vouches for what is not applied yet: looked at like anything that arrives.
            if self.vault.contains(Collection::Held, &parent.0)? {
                return self.to_be_counted(envelope);
            }
        }
        let state = self.space_state(space)?;
        let (fact, mut known) = (Fact::of(envelope), KnowledgeCache::default());
        if !self.counts_by_itself(&state, &fact, &self.suspended(&state), &mut known) {
            return self.to_be_counted(envelope);
        }
        let mut record = self.document_record(space)?;
        let mut document = match self.published_document(space, &record) {
            // There is no document to go into; it waits with what others write there.
            Err(ClientError::NoLabel { .. }) => return self.to_be_counted(envelope),
            document => document?,
        };
        let key_id = envelope.header().key_id;
        let opened = self.key_ring().open(space, &key_id).ok();
        let Some(payload) = opened.and_then(|seed| envelope.open(&seed).ok()) else {
            return self.to_be_counted(envelope);
        };
        let opened = Opened {
            envelope: (**envelope).clone(),
            payload,
        };
        if apply_batch(&mut document, &mut record, &[opened]).is_err() {
            return self.to_be_counted(envelope);
        }
        record.published = document.save();
        advance(&mut record, envelope, true);
        let mut tally = self.tally(space)?;
        let fact = Fact {
            applied: true,
            ..fact
        };
        tally.tail_bytes = tally.tail_bytes.saturating_add(fact.bytes);
        // What counted provisionally may have been vouched for.
        tally.recount |= !tally.advance(&fact) || tally.open > 0;
        let after = (record, document, fact, tally);
        Ok(AfterDelivery::Applied(Box::new(after)))
    }

    fn to_be_counted(&self, envelope: &Envelope) -> Result<AfterDelivery, ClientError> {
        let adopted = self.adoptions_without(envelope)?;
        Ok(AfterDelivery::ToBeCounted { adopted })
    }

    /// What is still to be adopted once this envelope has been answered.
    pub(super) fn adoptions_without(
        &self,
        envelope: &Envelope,
    ) -> Result<Vec<EnvelopeId>, ClientError> {
        let header = envelope.header();
        let mut left = self.adoptions(&header.space)?;
        left.retain(|id| !header.parents.contains(id));
        Ok(left)
    }
}

fn put_delivered(
    transaction: &crate::vault::Transaction<'_>,
    delivery: &Delivery,
    after: &AfterDelivery,
    position: i64,
) -> Result<(), ClientError> {
    let envelope = &delivery.envelope;
    let (space, id) = (&envelope.header().space, envelope.id());
    match after {
        AfterDelivery::CameBack => {}
        AfterDelivery::ToBeCounted { adopted } => {
            put_arrived(transaction, envelope, position, NOT_LOOKED_AT)?;
            // It may turn out to be held here, though the relay took it over meanwhile.
            put_own_held(transaction, &id, space, Fate::Waiting)?;
            put_adoptions(transaction, space, adopted)?;
        }
        AfterDelivery::Said(tally) => {
            put_fact(transaction, space, &id, &Fact::of(envelope))?;
            put_tally(transaction, space, tally)?;
            let bytes = envelope.bytes();
            transaction.put(Collection::Envelope, &space.0, &id.0, position, bytes)?;
        }
        AfterDelivery::Applied(after) => {
            let (record, _, fact, tally) = &**after;
            put_document(transaction, space, record)?;
            put_fact(transaction, space, &id, fact)?;
            put_tally(transaction, space, tally)?;
            let bytes = envelope.bytes();
            transaction.put(Collection::Envelope, &space.0, &id.0, position, bytes)?;
        }
    }
    for edit in &delivery.edits {
        transaction.delete(Collection::Outbox, &edit.0)?;
    }
    transaction.delete(Collection::Sealed, &id.0)?;
    Ok(())
}

/// Stores an envelope that the relay has proved to hold as if it had arrived: it is counted and applied with the others.
pub(crate) fn put_arrived(
    transaction: &crate::vault::Transaction<'_>,
    envelope: &Envelope,
    position: i64,
    reason: &str,
) -> Result<(), ClientError> {
    let (space, id) = (&envelope.header().space, envelope.id());
    let bytes = envelope.bytes();
    transaction.put(Collection::Envelope, &space.0, &id.0, position, bytes)?;
    let mark = HeldRecord {
        reason: reason.to_owned(),
        detail: String::new(),
        item: HeldItem::Envelope { id },
    };
    let value = records::encode(&mark);
    transaction.put(Collection::Held, &space.0, &id.0, position, &value)?;
    let unsettled = [b"u".as_slice(), &space.0].concat();
    transaction.put(Collection::Setting, UNSETTLED, &unsettled, 0, b"")?;
    Ok(())
}
