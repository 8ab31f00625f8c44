//! Applying envelopes to documents: verified and counted from the logs, opened, passed through the
//! gate. What cannot be applied yet waits; what does not count or cannot be applied at all is kept
//! and shown. One bad envelope never blocks another.
//!
//! A document is a pure function of its space's counting envelopes. Where one ceases to count, the
//! document is built anew from the originals, without it ([`crate::rebuilding`]).

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Actor, Document, EncodedChange, GateLimits};
use nahtlos_protocol::envelope::{Envelope, Payload};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;

use crate::beginning::{Beginning, Wanted};
use crate::building_on::PARENT_IS_NO_EDIT;
use crate::counting::{
    Fact, Facts, KnowledgeCache, Standing, Tally, in_causal_order, put_clones, put_fact, put_tally,
    take_verdicts,
};
use crate::documents::remember_actors;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::rebuilding::{Resettled, put_resettled};
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, SealedRecord};
use crate::snapshots::{put_covered, put_to_examine};
use crate::vault::{Collection, Transaction};
use crate::waiting::put_waiting_space;

/// Spaces whose envelopes and documents are held in memory at once: few enough for a phone, enough
/// that the durable commit between them does not count.
const SPACES_PER_TRANSACTION: usize = 64;

/// Bytes of envelopes looked at in one space at once; the rest waits for the next sync.
const BYTES_PER_PASS: usize = 64 * 1024 * 1024;

/// Reasons that nothing arriving later changes: such an envelope is kept and shown, and not looked
/// at again, so that a member who writes junk costs the others one look.
pub(crate) const FINAL_REASONS: [&str; 9] = [
    "unreadable",
    "needs_newer",
    "no_access_head",
    "unknown_author",
    "bad_signature",
    PARENT_IS_NO_EDIT,
    "unknown_epoch",
    "does_not_open",
    "gate",
];

/// Why an envelope is not applied.
pub(crate) enum NotApplied {
    /// Something it needs has not arrived yet.
    Waits(&'static str),
    /// It will not be applied: kept and shown.
    Refused(&'static str, String),
}

impl NotApplied {
    pub fn refused(word: &'static str, detail: &str) -> Self {
        Self::Refused(word, detail.to_owned())
    }
}

/// What was applied.
#[derive(Default)]
pub(crate) struct Applied {
    /// Envelopes.
    pub envelopes: u64,
    /// Spaces whose documents changed, those among them that nothing arrived for: a right ended
    /// beneath them.
    pub changed: BTreeSet<SpaceId>,
}

impl Nahtlos {
    /// Applies every envelope that can be applied in these spaces, and takes back what ceased to
    /// count wherever a right ended in one of their logs; some spaces to a transaction.
    pub(crate) fn apply_waiting(
        &mut self,
        touched: &BTreeSet<SpaceId>,
    ) -> Result<Applied, ClientError> {
        let mut spaces = self.note_ends(touched)?;
        spaces.extend(touched);
        let spaces: Vec<SpaceId> = spaces.into_iter().collect();
        let mut applied = Applied::default();
        for some in spaces.chunks(SPACES_PER_TRANSACTION) {
            self.apply_waiting_in(some, &mut applied)?;
        }
        Ok(applied)
    }

    fn apply_waiting_in(
        &mut self,
        spaces: &[SpaceId],
        applied: &mut Applied,
    ) -> Result<(), ClientError> {
        let mut work = Vec::new();
        for space in spaces {
            let outcome = self.apply_in_space(space)?;
            applied.envelopes += outcome.applied.len() as u64;
            work.push((*space, outcome));
        }
        self.commit(|transaction| {
            for (space, outcome) in &work {
                outcome.store(transaction, space)?;
            }
            Ok(())
        })?;
        for (space, outcome) in &work {
            if let Some(nonce) = outcome.resettled.as_ref().and_then(Resettled::run_nonce) {
                self.begin_run(nonce);
            }
            if outcome.record.is_some() {
                self.documents.forget(space);
                applied.changed.insert(*space);
            }
        }
        Ok(())
    }

    /// Applies what can be applied in one space: all at once where nothing is wrong, one envelope
    /// after the other where something is. (The cost of applying is per call, not per change.)
    fn apply_in_space(&self, space: &SpaceId) -> Result<Outcome, ClientError> {
        let marks = self.waiting_envelopes(space)?;
        let tally = self.tally(space)?;
        if marks.is_empty() && !tally.recount {
            return Ok(Outcome::default());
        }
        let mut outcome = Outcome {
            marks,
            ..Outcome::default()
        };
        let Some(state) = self.logs().load(space)? else {
            return Ok(outcome);
        };
        let mut arrived = BTreeMap::new();
        let mut facts = self.count_in_space(&state, &tally, &mut arrived, &mut outcome)?;
        let dropped: Vec<EnvelopeId> = facts
            .iter()
            .filter(|(_, fact)| fact.applied && !fact.standing.counts())
            .map(|(id, _)| *id)
            .collect();
        let base = self.base_of(&state, &mut facts, !dropped.is_empty())?;
        let anew = !matches!(base, Base::AsItIs { .. });
        let mut wanted: Vec<(EnvelopeId, &Fact)> = facts
            .iter()
            .filter(|(id, fact)| {
                let again = anew || (!fact.applied && !outcome.is_final(id));
                fact.is_edit() && fact.standing.counts() && again && !base.begins_with(id)
            })
            .map(|(id, fact)| (*id, fact))
            .collect();
        for (id, reason) in self.refuse_parents_that_are_no_edits(&state, &facts, &mut wanted)? {
            outcome.note(id, reason);
        }
        self.apply_to(&state, base, &wanted, &mut arrived, &mut outcome)?;
        outcome.settle_facts(facts, anew);
        outcome.note_tail(tally);
        if let Some(record) = outcome.record.as_ref().filter(|_| anew) {
            outcome.resettled = self.resettle_after(&state, record, &outcome.facts, &dropped)?;
        }
        Ok(outcome)
    }

    /// Verifies what arrived and decides what counts: by rule 1 alone where that is enough.
    fn count_in_space(
        &self,
        state: &SpaceState,
        before: &Tally,
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
        outcome: &mut Outcome,
    ) -> Result<Facts, ClientError> {
        let mut known = KnowledgeCache::default();
        let mut quiet = !before.recount && before.open == 0 && state.voided().is_empty();
        let suspended = self.suspended(state);
        let mut tally = before.clone();
        let (mut facts, mut bytes_held) = (Facts::new(), 0);
        for (id, reason) in outcome.marks.clone() {
            if let Some(fact) = self.fact(&id)? {
                facts.push((id, fact));
                continue;
            }
            if FINAL_REASONS.contains(&reason.as_str()) || bytes_held > BYTES_PER_PASS {
                continue;
            }
            let Some(envelope) = self.stored_envelope(&id)? else {
                continue;
            };
            match self.verified_fact(state, &envelope, &mut known) {
                Ok(fact) => {
                    quiet &= self.counts_by_itself(state, &fact, &suspended, &mut known);
                    outcome.changed.insert(id);
                    facts.push((id, fact));
                    bytes_held += envelope.bytes().len();
                    arrived.insert(id, envelope);
                }
                Err(reason) => outcome.note(id, reason),
            }
        }
        facts.sort_by_key(|(_, fact)| fact.author_sequence);
        let new = facts.iter().filter(|(id, _)| outcome.changed.contains(id));
        for (_, fact) in new {
            quiet &= tally.advance(fact);
        }
        if !quiet {
            let listed: BTreeSet<EnvelopeId> = facts.iter().map(|(id, _)| *id).collect();
            let others = self.facts(&state.id())?;
            facts.extend(others.into_iter().filter(|(id, _)| !listed.contains(id)));
            let counting = self.count_all(state, &facts, &mut known);
            tally = Tally {
                tail_bytes: before.tail_bytes,
                snapshot_bytes: before.snapshot_bytes,
                ..take_verdicts(&mut facts, &counting, &mut outcome.changed)
            };
            outcome.clones = counting.clones;
        }
        outcome.tally = (tally != *before).then_some(tally);
        Ok(facts)
    }

    /// Opens and applies envelopes that count, in causal order: to the document as it is, or anew.
    fn apply_to(
        &self,
        state: &SpaceState,
        base: Base,
        wanted: &[(EnvelopeId, &Fact)],
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
        outcome: &mut Outcome,
    ) -> Result<(), ClientError> {
        let space = state.id();
        let anew = !matches!(base, Base::AsItIs { .. });
        if wanted.is_empty() && !anew {
            return Ok(());
        }
        let before = self.document_record(&space)?;
        let unread = before.unread;
        let (begun, covered) = match base {
            Base::AsItIs { covered } => {
                let document = self.published_document(&space, &before);
                (document.map(|document| (document, before)), covered)
            }
            Base::Genesis => {
                let empty = before.emptied();
                let document = self.published_document(&space, &empty);
                (document.map(|document| (document, empty)), BTreeSet::new())
            }
            Base::Snapshot(beginning) => {
                let Beginning {
                    record,
                    document,
                    covered,
                } = *beginning;
                outcome.covered = Some(covered.clone());
                (Ok((document, record)), covered)
            }
        };
        let (mut document, mut record) = match begun {
            Ok(begun) => begun,
            Err(ClientError::NoKey(notice)) => {
                for (id, _) in wanted {
                    outcome.note(*id, NotApplied::Waits(notice.word()));
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut unapplied: BTreeSet<EnvelopeId> = outcome.marks.keys().copied().collect();
        unapplied.extend(wanted.iter().map(|(id, _)| *id));
        let (mut ready, mut bytes_ready) = (Vec::new(), 0);
        for id in in_causal_order(wanted) {
            let opened = self.open_if_ready(state, &id, (&unapplied, &covered), arrived)?;
            match opened {
                Ok(opened) => {
                    unapplied.remove(&id);
                    bytes_ready += opened.envelope.bytes().len();
                    ready.push(opened);
                }
                Err(reason) => outcome.note(id, reason),
            }
            if bytes_ready > BYTES_PER_PASS {
                bytes_ready = 0;
                let some = std::mem::take(&mut ready);
                self.apply_ready(&mut document, &mut record, some, &mut unapplied, outcome);
            }
        }
        self.apply_ready(&mut document, &mut record, ready, &mut unapplied, outcome);
        if anew {
            record.unread = unread;
        }
        if anew || !outcome.applied.is_empty() {
            record.published = document.save();
            outcome.record = Some(record);
        }
        Ok(())
    }

    /// What a space's document goes on from: as it is, unless something in it ceased to count, or
    /// something it needs was dropped by the relay and an attested snapshot covers it.
    fn base_of(
        &self,
        state: &SpaceState,
        facts: &mut Facts,
        dropped: bool,
    ) -> Result<Base, ClientError> {
        let covered = self.covered(&state.id())?;
        if self.lacks_originals(state, facts, &covered)? || (dropped && !covered.is_empty()) {
            let known: BTreeSet<EnvelopeId> = facts.iter().map(|(id, _)| *id).collect();
            let stored = self.facts(&state.id())?;
            facts.extend(stored.into_iter().filter(|(id, _)| !known.contains(id)));
            let wanted = Wanted {
                covered: &covered,
                anew: dropped,
            };
            if let Some(beginning) = self.beginning(state, facts, &wanted)? {
                return Ok(Base::Snapshot(Box::new(beginning)));
            }
        }
        // Where the originals are gone and no attested snapshot is left, what stands here is all there
        // is: it stays until one comes. From nothing the document would come up empty.
        Ok(if dropped && covered.is_empty() {
            Base::Genesis
        } else {
            Base::AsItIs { covered }
        })
    }

    /// Whether an edit builds on something that is not here; or nothing is here but what was said
    /// about edits.
    fn lacks_originals(
        &self,
        state: &SpaceState,
        facts: &Facts,
        covered: &BTreeSet<EnvelopeId>,
    ) -> Result<bool, ClientError> {
        let wanted = |fact: &Fact| fact.is_edit() && fact.standing.counts() && !fact.applied;
        for (_, fact) in facts.iter().filter(|(_, fact)| wanted(fact)) {
            for parent in fact
                .parents
                .iter()
                .filter(|parent| !covered.contains(parent))
            {
                if !self.vault.contains(Collection::Envelope, &parent.0)? {
                    return Ok(true);
                }
            }
        }
        let only_said = !facts.is_empty() && !facts.iter().any(|(_, fact)| fact.is_edit());
        Ok(only_said && self.document_record(&state.id())?.applied == 0)
    }

    /// An envelope whose parents are all applied, opened.
    fn open_if_ready(
        &self,
        state: &SpaceState,
        id: &EnvelopeId,
        (unapplied, covered): (&BTreeSet<EnvelopeId>, &BTreeSet<EnvelopeId>),
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
    ) -> Result<Result<Opened, NotApplied>, ClientError> {
        let envelope = match arrived.remove(id) {
            Some(envelope) => envelope,
            None => match self.stored_envelope(id)? {
                Some(envelope) => envelope,
                None => return Ok(Err(NotApplied::Waits("missing_parents"))),
            },
        };
        let parents = envelope.header().parents.iter();
        for parent in parents.filter(|parent| !covered.contains(parent)) {
            let stored = self.vault.contains(Collection::Envelope, &parent.0)?;
            if !stored || unapplied.contains(parent) {
                return Ok(Err(NotApplied::Waits("missing_parents")));
            }
        }
        Ok(self.open_envelope(state, envelope))
    }

    pub(crate) fn open_envelope(
        &self,
        state: &SpaceState,
        envelope: Envelope,
    ) -> Result<Opened, NotApplied> {
        let key_id = envelope.header().key_id;
        if state.epoch(&key_id).is_none() {
            return Err(NotApplied::refused(
                "unknown_epoch",
                "sealed under no epoch of this space",
            ));
        }
        let seed = self
            .key_ring()
            .open(&state.id(), &key_id)
            .map_err(|notice| NotApplied::Waits(notice.word()))?;
        let payload = envelope
            .open(&seed)
            .map_err(|error| NotApplied::refused("does_not_open", &error.to_string()))?;
        Ok(Opened { envelope, payload })
    }

    pub(crate) fn stored_envelope(&self, id: &EnvelopeId) -> Result<Option<Envelope>, ClientError> {
        let bytes = self.vault.get(Collection::Envelope, &id.0)?;
        Ok(bytes.and_then(|bytes| Envelope::decode(&bytes).ok()))
    }

    /// Applies opened envelopes, and finds those that the gate refuses; what builds on one of them
    /// waits.
    fn apply_ready(
        &self,
        document: &mut Document,
        record: &mut DocumentRecord,
        ready: Vec<Opened>,
        unapplied: &mut BTreeSet<EnvelopeId>,
        outcome: &mut Outcome,
    ) {
        if ready.is_empty() {
            return;
        }
        if apply_batch(document, record, &ready).is_ok() {
            for opened in ready {
                outcome.take(record, opened, &self.device_id);
            }
            return;
        }
        for opened in ready {
            let id = opened.envelope.id();
            let parents = &opened.envelope.header().parents;
            let refusal = if parents.iter().any(|parent| unapplied.contains(parent)) {
                Err(NotApplied::Waits("missing_parents"))
            } else {
                apply_batch(document, record, std::slice::from_ref(&opened))
                    .map_err(|detail| NotApplied::Refused("gate", detail))
            };
            match refusal {
                Ok(()) => outcome.take(record, opened, &self.device_id),
                Err(reason) => {
                    unapplied.insert(id);
                    outcome.note(id, reason);
                }
            }
        }
    }

    /// Envelopes of a space that are not part of its document, with the reasons.
    fn waiting_envelopes(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeMap<EnvelopeId, String>, ClientError> {
        let mut waiting = BTreeMap::new();
        for (_, bytes) in self.vault.list(Collection::Held, &space.0)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Envelope { id } = record.item {
                waiting.insert(id, record.reason);
            }
        }
        Ok(waiting)
    }
}

/// Moves a document's heads past an applied envelope.
pub(crate) fn advance(record: &mut DocumentRecord, envelope: &Envelope, own: bool) {
    let header = envelope.header();
    record.heads.retain(|head| !header.parents.contains(head));
    record.heads.push(envelope.id());
    record.heads.sort_unstable();
    record.applied = record.applied.saturating_add(1);
    if own {
        record.own_sequence = record.own_sequence.max(header.author_sequence);
    } else {
        record.unread = record.unread.saturating_add(1);
    }
}

/// A verified, opened envelope.
pub(crate) struct Opened {
    pub envelope: Envelope,
    pub payload: Payload,
}

/// Applies envelopes as one batch, all or nothing. Each change's actor must be its own envelope's
/// author's: checked per envelope, before any of it reaches the document.
pub(crate) fn apply_batch(
    document: &mut Document,
    record: &mut DocumentRecord,
    ready: &[Opened],
) -> Result<(), String> {
    let mut candidate = record.clone();
    let mut batch = Vec::new();
    for opened in ready {
        let header = opened.envelope.header();
        let nonces = &opened.payload.run_nonces;
        remember_actors(&mut candidate, &header.space, header.author_device, nonces);
        let own: BTreeSet<[u8; 16]> = candidate
            .actors
            .iter()
            .filter(|known| known.device == header.author_device)
            .map(|known| known.actor.0)
            .collect();
        for change in &opened.payload.changes {
            let parsed =
                EncodedChange::from_bytes(change.0.clone()).map_err(|error| error.to_string())?;
            let actor = parsed.actor();
            if !own.contains(actor.as_bytes()) {
                return Err("a change bears an actor that is not its author's".into());
            }
            batch.push(change.0.clone());
        }
    }
    document
        .apply(&batch, &|_: &Actor| true, &GateLimits::default())
        .map_err(|error| error.to_string())?;
    *record = candidate;
    Ok(())
}

/// What a document goes on from.
enum Base {
    /// What it is. It may have begun with a snapshot that covers these.
    AsItIs { covered: BTreeSet<EnvelopeId> },
    /// Nothing: all originals are applied again.
    Genesis,
    /// A snapshot, where originals are missing.
    Snapshot(Box<Beginning>),
}

impl Base {
    fn begins_with(&self, id: &EnvelopeId) -> bool {
        match self {
            Self::Snapshot(beginning) => beginning.covered.contains(id),
            Self::AsItIs { .. } | Self::Genesis => false,
        }
    }
}

/// What looking at one space's envelopes changed.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Envelopes that were not part of the document before, with the reasons.
    marks: BTreeMap<EnvelopeId, String>,
    pub record: Option<DocumentRecord>,
    applied: BTreeSet<EnvelopeId>,
    /// Statements about edits: no part of the document, and nothing to wait for.
    statements: BTreeSet<EnvelopeId>,
    /// Those among them that are one's own: what they carry is delivered.
    own: Vec<EnvelopeId>,
    notes: BTreeMap<EnvelopeId, HeldRecord>,
    /// Facts that are new or have another verdict.
    changed: BTreeSet<EnvelopeId>,
    facts: Facts,
    tally: Option<Tally>,
    clones: BTreeSet<(DeviceId, u64)>,
    /// What the snapshot covers that the document begins with now.
    covered: Option<BTreeSet<EnvelopeId>>,
    /// A snapshot arrived.
    to_examine: bool,
    pub resettled: Option<Resettled>,
}

impl Outcome {
    fn is_final(&self, id: &EnvelopeId) -> bool {
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
            !is_done && !FINAL_REASONS.contains(&reason.as_str())
        })
    }

    fn take(&mut self, record: &mut DocumentRecord, opened: Opened, device: &DeviceId) {
        let id = opened.envelope.id();
        let own = opened.envelope.header().author_device == *device;
        advance(record, &opened.envelope, own);
        self.notes.remove(&id);
        self.applied.insert(id);
        if own {
            self.own.push(id);
        }
    }

    fn note(&mut self, id: EnvelopeId, reason: NotApplied) {
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
    fn note_tail(&mut self, before: Tally) {
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
        self.tally = (tally != before).then_some(tally);
    }

    /// What became of each fact: which are part of the document now, and which are held and why.
    fn settle_facts(&mut self, mut facts: Facts, anew: bool) {
        let anew = anew && self.record.is_some();
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
            if !fact.is_edit() {
                self.statements.insert(*id);
            } else if let Standing::Held { reason } = &fact.standing {
                self.mark(*id, reason, String::new());
            }
        }
        self.facts = facts;
    }

    fn store(&self, transaction: &Transaction<'_>, space: &SpaceId) -> Result<(), ClientError> {
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
    Ok(())
}
