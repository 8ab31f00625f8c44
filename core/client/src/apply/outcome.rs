//! What did looking at one space's envelopes change, and what of it is stored?

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::Document;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};

use super::onto_document::{Opened, advance};
use super::{FINAL_REASONS, NO_LABEL, NotApplied, UNKNOWN_EPOCH};
use crate::beginning::may_be_adopted;
use crate::counting::{Facts, Standing, Tally, put_clones, put_fact, put_tally};
use crate::error::ClientError;
use crate::offering::{OfferRecord, put_originals_offered};
use crate::rebuilding::{Resettled, put_resettled};
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, SealedRecord};
use crate::searching::forget_search_text;
use crate::snapshots::{put_covered, put_to_examine};
use crate::vault::{Collection, Transaction};
use crate::waiting::put_waiting_space;

/// What looking at one space's envelopes changed.
#[derive(Default)]
pub(super) struct Outcome {
    /// Envelopes that were not part of the document before, with the reasons.
    pub(super) marks: BTreeMap<EnvelopeId, String>,
    pub(super) record: Option<DocumentRecord>,
    /// The document that the record saves.
    pub(super) document: Option<Document>,
    pub(super) applied: BTreeSet<EnvelopeId>,
    /// Statements about edits: no part of the document, and nothing to wait for.
    statements: BTreeSet<EnvelopeId>,
    /// What the snapshot covers that the document began with before.
    pub(super) begun_with: BTreeSet<EnvelopeId>,
    /// Those among them that are one's own: what they carry is delivered.
    own: Vec<EnvelopeId>,
    notes: BTreeMap<EnvelopeId, HeldRecord>,
    /// Facts that are new or have another verdict.
    pub(super) changed: BTreeSet<EnvelopeId>,
    pub(super) facts: Facts,
    pub(super) tally: Option<Tally>,
    pub(super) clones: BTreeSet<(DeviceId, u64)>,
    /// What the snapshot covers that the document begins with now.
    pub(super) covered: Option<BTreeSet<EnvelopeId>>,
    /// A snapshot arrived.
    to_examine: bool,
    /// What a snapshot covers that ceased to count: the relay may have dropped it.
    pub(super) offers: Vec<OfferRecord>,
    /// When they were noted, Unix milliseconds by this device's clock.
    pub(super) offered_at_ms: Option<u64>,
    pub(super) resettled: Option<Resettled>,
    /// Something of one's own fell out of the document.
    pub(super) dropped_own: bool,
    /// A snapshot is here, and nothing of the document: its key may still come.
    waits_to_begin: bool,
}

impl Outcome {
    /// Nothing has changed yet.
    pub(super) fn of(marks: BTreeMap<EnvelopeId, String>) -> Self {
        Self {
            marks,
            ..Self::default()
        }
    }

    pub(super) fn is_final(&self, id: &EnvelopeId) -> bool {
        let mark = self.marks.get(id);
        mark.is_some_and(|reason| FINAL_REASONS.contains(&reason.as_str()))
    }

    /// Whether something is left that a log or key that arrives later may free.
    fn is_anything_waiting(&self) -> bool {
        let new = self.notes.iter().map(|(id, note)| (id, &note.reason));
        let before = self.marks.iter();
        let before = before.filter(|(id, _)| !self.notes.contains_key(id));
        let mut left = new.chain(before);
        left.any(|(id, reason)| {
            let is_done = self.applied.contains(id) || self.statements.contains(id);
            let is_its_own_affair = [UNKNOWN_EPOCH, NO_LABEL].contains(&reason.as_str());
            let waits = !FINAL_REASONS.contains(&reason.as_str()) && !is_its_own_affair;
            !is_done && waits
        }) || self.waits_to_begin
    }

    /// The document has not begun although a snapshot is here, which is nothing that waits by itself: where
    /// the originals were dropped nothing else would lead here once the key has come.
    pub(super) fn wait_to_begin(&mut self, before: Tally) {
        self.waits_to_begin = true;
        let tally = self.tally.take().unwrap_or_else(|| before.clone());
        let tally = Tally {
            recount: true,
            ..tally
        };
        self.tally = (tally != before).then_some(tally);
    }

    pub(super) fn take(&mut self, record: &mut DocumentRecord, opened: Opened, device: &DeviceId) {
        let id = opened.envelope.id();
        let own = opened.envelope.header().author_device == *device;
        advance(record, &opened.envelope, own);
        self.notes.remove(&id);
        self.applied.insert(id);
        if own {
            self.own.push(id);
        }
    }

    pub(super) fn note(&mut self, id: EnvelopeId, reason: NotApplied) {
        let (word, detail) = match reason {
            NotApplied::Waits(word) => (word, String::new()),
            NotApplied::Refused(word, detail) => (word, detail),
        };
        self.mark(id, word, detail);
    }

    fn mark(&mut self, id: EnvelopeId, word: &str, detail: String) {
        if self.marks.get(&id).map(String::as_str) != Some(word) {
            let record = HeldRecord {
                reason: word.to_owned(),
                detail,
                item: HeldItem::Envelope { id },
            };
            self.notes.insert(id, record);
        }
    }

    /// Counts what was applied since the last snapshot.
    pub(super) fn note_tail(&mut self, before: &Tally) {
        let mut tally = self.tally.take().unwrap_or_else(|| before.clone());
        for (id, fact) in &self.facts {
            if self.applied.contains(id) {
                tally.tail_bytes = tally.tail_bytes.saturating_add(fact.bytes);
            }
            if self.changed.contains(id) && fact.is_snapshot() {
                tally.note_snapshot(fact);
                self.to_examine = true;
            }
        }
        self.tally = (tally != *before).then_some(tally);
    }

    /// What became of each fact: which are part of the document now, and which are held and why.
    pub(super) fn settle_facts(&mut self, mut facts: Facts, anew: bool) {
        let anew = anew && self.record.is_some();
        let begun_with = self.covered.as_ref().unwrap_or(&self.begun_with);
        let adopted: BTreeSet<EnvelopeId> = facts
            .iter()
            .filter(|(_, fact)| !fact.standing.counts())
            .filter(|(id, fact)| may_be_adopted(&facts, begun_with, (id, fact)))
            .map(|(id, _)| *id)
            .collect();
        for (id, fact) in &mut facts {
            let covered = self
                .covered
                .as_ref()
                .is_some_and(|covered| covered.contains(id));
            let applied = self.applied.contains(id) || (fact.applied && !anew) || covered;
            if fact.applied != applied {
                fact.applied = applied;
                self.changed.insert(*id);
            }
            if !fact.is_edit() || adopted.contains(id) {
                self.statements.insert(*id);
            } else if let Standing::Held { reason } = &fact.standing {
                self.mark(*id, reason, String::new());
            }
        }
        self.facts = facts;
    }

    pub(super) fn store(
        &self,
        transaction: &Transaction<'_>,
        space: &SpaceId,
    ) -> Result<(), ClientError> {
        if let Some(record) = &self.record {
            put_document(transaction, space, record)?;
        }
        put_waiting_space(transaction, space, self.is_anything_waiting())?;
        let done = self.applied.iter().chain(&self.statements);
        for id in done.filter(|id| self.marks.contains_key(id)) {
            transaction.delete(Collection::Held, &id.0)?;
        }
        for (id, note) in &self.notes {
            transaction.put(Collection::Held, &space.0, &id.0, 0, &records::encode(note))?;
        }
        for (id, fact) in self
            .facts
            .iter()
            .filter(|(id, _)| self.changed.contains(id))
        {
            put_fact(transaction, space, id, fact)?;
        }
        if let Some(tally) = &self.tally {
            put_tally(transaction, space, tally)?;
        }
        put_clones(transaction, space, &self.clones)?;
        if let Some(covered) = &self.covered {
            put_covered(transaction, space, covered)?;
        }
        if self.to_examine {
            put_to_examine(transaction, space)?;
        }
        for offer in &self.offers {
            offer.put(transaction)?;
        }
        if let Some(at_ms) = self.offered_at_ms {
            put_originals_offered(transaction, space, at_ms)?;
        }
        drop_delivered(transaction, &self.own)?;
        if let Some(resettled) = &self.resettled {
            put_resettled(transaction, space, resettled)?;
        }
        Ok(())
    }
}

/// One's own envelope came back before its answer did: its edits are delivered.
fn drop_delivered(
    transaction: &Transaction<'_>,
    applied: &[EnvelopeId],
) -> Result<(), ClientError> {
    for id in applied {
        let Some(bytes) = transaction.get(Collection::Sealed, &id.0)? else {
            continue;
        };
        if let SealedRecord::Envelope { edits, .. } = records::decode(&bytes)? {
            for edit in edits {
                transaction.delete(Collection::Outbox, &edit.0)?;
            }
        }
        transaction.delete(Collection::Sealed, &id.0)?;
    }
    Ok(())
}

pub(crate) fn put_document(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    record: &DocumentRecord,
) -> Result<(), ClientError> {
    transaction.put(
        Collection::Document,
        b"",
        &space.0,
        0,
        &records::encode(record),
    )?;
    forget_search_text(transaction, space)
}
