//! Applying envelopes to documents: verified against the logs, opened, passed through the gate.
//! What cannot be applied yet waits; what cannot be applied at all is kept and shown. One bad
//! envelope never blocks another.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Actor, Document, EncodedChange, GateLimits};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::authority::{self, At, Knowledge};
use nahtlos_protocol::space::kind::Role;

use crate::documents::remember_actors;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, SealedRecord};
use crate::vault::{Collection, Transaction};

/// Spaces whose envelopes and documents are held in memory at once: few enough for a phone, enough
/// that the durable commit between them does not count.
const SPACES_PER_TRANSACTION: usize = 64;

/// Bytes of envelopes looked at in one space at once; the rest waits for the next sync.
const BYTES_PER_PASS: usize = 64 * 1024 * 1024;

/// Reasons that nothing arriving later changes: such an envelope is kept and shown, and not looked
/// at again, so that a member who writes junk costs the others one look.
const FINAL_REASONS: [&str; 9] = [
    "unreadable",
    "needs_newer",
    "no_access_head",
    "unknown_author",
    "bad_signature",
    "not_entitled",
    "unknown_epoch",
    "does_not_open",
    "gate",
];

/// Why an envelope is not applied.
enum NotApplied {
    /// Something it needs has not arrived yet.
    Waits(&'static str),
    /// It will not be applied: kept and shown.
    Refused(&'static str, String),
}

impl Nahtlos {
    /// Applies every envelope that can be applied in these spaces, some spaces to a transaction.
    pub(crate) fn apply_waiting(&mut self, spaces: &BTreeSet<SpaceId>) -> Result<u64, ClientError> {
        let spaces: Vec<SpaceId> = spaces.iter().copied().collect();
        let mut applied = 0;
        for some in spaces.chunks(SPACES_PER_TRANSACTION) {
            applied += self.apply_waiting_in(some)?;
        }
        Ok(applied)
    }

    fn apply_waiting_in(&mut self, spaces: &[SpaceId]) -> Result<u64, ClientError> {
        let mut work = Vec::new();
        let mut applied = 0;
        for space in spaces {
            let outcome = self.apply_in_space(space)?;
            applied += outcome.applied.len() as u64;
            work.push((*space, outcome));
        }
        self.commit(|transaction| {
            for (space, outcome) in &work {
                outcome.store(transaction, space)?;
            }
            Ok(())
        })?;
        for (space, outcome) in &work {
            if outcome.record.is_some() {
                self.documents.forget(space);
            }
        }
        Ok(applied)
    }

    /// Applies what can be applied in one space: all at once where nothing is wrong, one envelope
    /// after the other where something is. (The cost of applying is per call, not per change.)
    fn apply_in_space(&self, space: &SpaceId) -> Result<Outcome, ClientError> {
        let mut outcome = Outcome::default();
        let waiting = self.waiting_envelopes(space)?;
        if waiting.is_empty() {
            return Ok(outcome);
        }
        let Some(state) = self.logs().load(space)? else {
            return Ok(outcome);
        };
        let ready = self.open_in_order(&state, waiting, &mut outcome)?;
        if ready.is_empty() {
            return Ok(outcome);
        }
        let mut record = self.document_record(space)?;
        let mut document = match self.published_document(space, &record) {
            Ok(document) => document,
            Err(ClientError::NoKey(_)) => return Ok(outcome),
            Err(error) => return Err(error),
        };
        if apply_batch(&mut document, &mut record, &ready).is_ok() {
            outcome.applied = ready;
        } else {
            self.apply_one_by_one(&mut document, &mut record, ready, &mut outcome);
        }
        if !outcome.applied.is_empty() {
            for opened in &outcome.applied {
                let own = opened.envelope.header().author_device == self.device_id;
                advance(&mut record, &opened.envelope, own);
                outcome.own |= own;
            }
            record.published = document.save();
            outcome.record = Some(record);
        }
        Ok(outcome)
    }

    fn waiting_envelopes(&self, space: &SpaceId) -> Result<Vec<(EnvelopeId, String)>, ClientError> {
        let mut waiting = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Held, &space.0)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Envelope { id } = record.item {
                waiting.push((id, record.reason));
            }
        }
        Ok(waiting)
    }

    /// Verifies and opens envelopes, parents before children; what cannot be opened gets a note.
    fn open_in_order(
        &self,
        state: &SpaceState,
        waiting: Vec<(EnvelopeId, String)>,
        outcome: &mut Outcome,
    ) -> Result<Vec<Opened>, ClientError> {
        let mut ready = Vec::new();
        let mut unapplied: BTreeSet<EnvelopeId> = waiting.iter().map(|(id, _)| *id).collect();
        let mut left: BTreeMap<EnvelopeId, (String, Envelope)> = BTreeMap::new();
        let (mut order, mut bytes_held) = (Vec::new(), 0);
        for (id, reason) in waiting {
            if FINAL_REASONS.contains(&reason.as_str()) || bytes_held > BYTES_PER_PASS {
                continue;
            }
            let bytes = self.vault.get(Collection::Envelope, &id.0)?;
            if let Some(envelope) = bytes.and_then(|bytes| Envelope::decode(&bytes).ok()) {
                bytes_held += envelope.bytes().len();
                left.insert(id, (reason, envelope));
                order.push(id);
            }
        }
        loop {
            let mut progress = false;
            for id in &order {
                let Some((reason, envelope)) = left.get(id) else {
                    continue;
                };
                let mut verdict = Ok(());
                for parent in &envelope.header().parents {
                    let stored = self.vault.contains(Collection::Envelope, &parent.0)?;
                    if !stored || unapplied.contains(parent) {
                        verdict = Err(NotApplied::Waits("missing_parents"));
                    }
                }
                match verdict.and_then(|()| self.verify_and_open(state, envelope)) {
                    Ok(payload) => {
                        outcome.notes.remove(id);
                        unapplied.remove(id);
                        if let Some((reason, envelope)) = left.remove(id) {
                            ready.push(Opened {
                                reason,
                                envelope,
                                payload,
                            });
                        }
                        progress = true;
                    }
                    Err(NotApplied::Refused(word, detail)) => {
                        outcome.note(*id, reason, NotApplied::Refused(word, detail));
                        left.remove(id);
                    }
                    Err(waits) => outcome.note(*id, reason, waits),
                }
            }
            if !progress {
                return Ok(ready);
            }
        }
    }

    /// Finds the envelopes that the gate refuses; what builds on one of them waits.
    fn apply_one_by_one(
        &self,
        document: &mut Document,
        record: &mut DocumentRecord,
        ready: Vec<Opened>,
        outcome: &mut Outcome,
    ) {
        let mut refused: BTreeSet<EnvelopeId> = BTreeSet::new();
        for opened in ready {
            let id = opened.envelope.id();
            let parents = &opened.envelope.header().parents;
            if parents.iter().any(|parent| refused.contains(parent)) {
                refused.insert(id);
                outcome.note(id, &opened.reason, NotApplied::Waits("missing_parents"));
                continue;
            }
            match apply_batch(document, record, std::slice::from_ref(&opened)) {
                Ok(()) => outcome.applied.push(opened),
                Err(detail) => {
                    refused.insert(id);
                    outcome.note(id, &opened.reason, NotApplied::Refused("gate", detail));
                }
            }
        }
    }

    fn verify_and_open(
        &self,
        state: &SpaceState,
        envelope: &Envelope,
    ) -> Result<nahtlos_protocol::envelope::Payload, NotApplied> {
        let header = envelope.header();
        if header.kind != EnvelopeKind::Changes {
            return Err(NotApplied::Refused(
                "needs_newer",
                "written by a newer nahtlos".into(),
            ));
        }
        let logs = self.logs();
        let knowledge = Knowledge::of(&logs, &header.access_heads)
            .map_err(|_| NotApplied::Waits("missing_log"))?;
        let Some(length) = knowledge.length(&state.id()) else {
            return Err(NotApplied::Refused(
                "no_access_head",
                "it names no state of its space".into(),
            ));
        };
        let key = authority::verifying_key(&logs, &header.author_device, &knowledge)
            .ok_or_else(|| NotApplied::Refused("unknown_author", "the author is unknown".into()))?;
        envelope
            .verify(&key)
            .map_err(|error| NotApplied::Refused("bad_signature", error.to_string()))?;
        let right = authority::right_in(
            &logs,
            &header.author_device,
            state,
            length,
            At::Known(&knowledge),
        );
        if !right.at_least(Role::Write) {
            return Err(NotApplied::Refused(
                "not_entitled",
                "its author may not write here".into(),
            ));
        }
        if state.epoch(&header.key_id).is_none() {
            return Err(NotApplied::Refused(
                "unknown_epoch",
                "sealed under no epoch of this space".into(),
            ));
        }
        let seed = self
            .key_ring()
            .open(&state.id(), &header.key_id)
            .map_err(|notice| NotApplied::Waits(notice.word()))?;
        envelope
            .open(&seed)
            .map_err(|error| NotApplied::Refused("does_not_open", error.to_string()))
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
struct Opened {
    reason: String,
    envelope: Envelope,
    payload: nahtlos_protocol::envelope::Payload,
}

/// Applies envelopes as one batch, all or nothing. Each change's actor must be its own envelope's
/// author's: checked per envelope, before any of it reaches the document.
fn apply_batch(
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

/// What applying one space's waiting envelopes changed.
#[derive(Default)]
struct Outcome {
    record: Option<DocumentRecord>,
    applied: Vec<Opened>,
    /// One of them was one's own: what it carries is delivered.
    own: bool,
    notes: BTreeMap<EnvelopeId, HeldRecord>,
}

impl Outcome {
    fn note(&mut self, id: EnvelopeId, old_reason: &str, reason: NotApplied) {
        let (word, detail) = match reason {
            NotApplied::Waits(word) => (word, String::new()),
            NotApplied::Refused(word, detail) => (word, detail),
        };
        if word != old_reason {
            let record = HeldRecord {
                reason: word.to_owned(),
                detail,
                item: HeldItem::Envelope { id },
            };
            self.notes.insert(id, record);
        }
    }

    fn store(&self, transaction: &Transaction<'_>, space: &SpaceId) -> Result<(), ClientError> {
        if let Some(record) = &self.record {
            put_document(transaction, space, record)?;
        }
        for opened in &self.applied {
            transaction.delete(Collection::Held, &opened.envelope.id().0)?;
        }
        for (id, note) in &self.notes {
            transaction.put(Collection::Held, &space.0, &id.0, 0, &records::encode(note))?;
        }
        if self.own {
            drop_delivered(transaction, &self.applied)?;
        }
        Ok(())
    }
}

/// One's own envelope came back before its answer did: its edits are delivered.
fn drop_delivered(transaction: &Transaction<'_>, applied: &[Opened]) -> Result<(), ClientError> {
    for opened in applied {
        let id = opened.envelope.id();
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
