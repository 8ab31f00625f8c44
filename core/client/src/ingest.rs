//! Taking in what the relay serves: operations are replayed, envelopes are verified, opened and
//! applied. What cannot be applied yet waits; what cannot be applied at all is kept and shown. One
//! bad item never blocks another.

use std::collections::BTreeSet;

use nahtlos_document::{Actor, GateLimits};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::authority::{self, At, Knowledge};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::operation::{OperationError, SignedOperation};
use nahtlos_protocol::space::recipients;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{SpaceState, Wrap};
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_protocol::wire::{Item, ItemKind};

use crate::documents::remember_actors;
use crate::error::ClientError;
use crate::logs;
use crate::nahtlos::{Nahtlos, put_wrap};
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, SealedRecord, SyncRecord};
use crate::vault::{Collection, Transaction};

/// Group of operations that wait for others.
const WAITING_OPERATIONS: &[u8] = b"operations";
/// Group of join requests to answer.
pub(crate) const JOIN_REQUESTS: &[u8] = b"join-requests";

/// What one batch of items brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ingested {
    /// Operations replayed.
    pub operations: u64,
    /// Envelopes received.
    pub envelopes: u64,
    /// Spaces whose documents or keys may have changed.
    pub touched: BTreeSet<SpaceId>,
}

/// Why an envelope is not applied.
enum NotApplied {
    /// Something it needs has not arrived yet.
    Waits(&'static str),
    /// It will not be applied: kept and shown.
    Refused(&'static str, String),
}

impl Nahtlos {
    /// Stores a response's items and the new position in one transaction.
    pub(crate) fn take_in(
        &mut self,
        items: &[Item],
        mut position: SyncRecord,
    ) -> Result<Ingested, ClientError> {
        let mut ingested = Ingested::default();
        let mut stored = Vec::new();
        let mut queue: Vec<(SignedOperation, Vec<Wrap>)> = Vec::new();
        for item in items {
            position.arrivals = position.arrivals.saturating_add(1);
            let at = i64::try_from(position.arrivals).unwrap_or(i64::MAX);
            match item.kind {
                ItemKind::Operation => match SignedOperation::decode(&item.bytes) {
                    Ok(operation) => queue.push((operation, item.wraps.clone())),
                    Err(error) => stored.push(unreadable(at, item, &error)),
                },
                ItemKind::Envelope => {
                    if let Some(put) = self.new_envelope(at, item, &mut ingested)? {
                        stored.extend(put);
                    }
                }
                ItemKind::JoinRequest => {
                    if let Ok(request) = JoinRequest::decode(&item.bytes) {
                        stored.push(Put::new(
                            Collection::Intent,
                            JOIN_REQUESTS,
                            &request.id().0,
                            at,
                            item.bytes.clone(),
                        ));
                    }
                }
            }
        }
        queue.extend(self.waiting_operations()?);
        let (replayed, waiting) = self.replay_all(queue, &mut ingested);
        self.commit(|transaction| {
            for put in &stored {
                put.run(transaction)?;
            }
            for (operation, wraps) in &replayed {
                logs::store(transaction, operation)?;
                for wrap in wraps {
                    put_wrap(transaction, operation, wrap)?;
                }
                transaction.delete(Collection::Held, &operation.id().0)?;
            }
            for (operation, wraps, error) in &waiting {
                put_waiting(transaction, operation, wraps, error)?;
            }
            crate::nahtlos::put_sync(transaction, &position)
        })?;
        Ok(ingested)
    }

    /// An envelope not stored before: its bytes, and a mark that it is still to be applied.
    fn new_envelope(
        &self,
        at: i64,
        item: &Item,
        ingested: &mut Ingested,
    ) -> Result<Option<Vec<Put>>, ClientError> {
        let Ok(envelope) = Envelope::decode(&item.bytes) else {
            return Ok(None);
        };
        let id = envelope.id();
        if self.vault.get(Collection::Envelope, &id.0)?.is_some() {
            return Ok(None);
        }
        let space = envelope.header().space;
        ingested.envelopes += 1;
        ingested.touched.insert(space);
        let mark = HeldRecord {
            reason: "new".into(),
            detail: String::new(),
            item: HeldItem::Envelope { id },
        };
        Ok(Some(vec![
            Put::new(
                Collection::Envelope,
                &space.0,
                &id.0,
                at,
                item.bytes.clone(),
            ),
            Put::new(
                Collection::Receipt,
                &space.0,
                &id.0,
                at,
                records::encode(&item.receipt),
            ),
            Put::new(
                Collection::Held,
                &space.0,
                &id.0,
                at,
                records::encode(&mark),
            ),
        ]))
    }

    fn waiting_operations(&self) -> Result<Vec<(SignedOperation, Vec<Wrap>)>, ClientError> {
        let mut waiting = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Held, WAITING_OPERATIONS)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Operation { bytes, wraps } = record.item
                && let Ok(operation) = SignedOperation::decode(&bytes)
            {
                waiting.push((operation, wraps));
            }
        }
        Ok(waiting)
    }

    /// Replays what can be replayed, again and again until nothing more can.
    #[allow(clippy::type_complexity)]
    fn replay_all(
        &self,
        mut queue: Vec<(SignedOperation, Vec<Wrap>)>,
        ingested: &mut Ingested,
    ) -> (
        Vec<(SignedOperation, Vec<Wrap>)>,
        Vec<(SignedOperation, Vec<Wrap>, ReplayError)>,
    ) {
        let mut replayed = Vec::new();
        loop {
            let mut left = Vec::new();
            let before = replayed.len();
            for (operation, wraps) in queue {
                let view = self.logs();
                if view.contains(&operation) {
                    // Served again, perhaps with wraps that were not visible before.
                    let wraps = signed_wraps(&operation, wraps);
                    replayed.push((operation, wraps));
                    continue;
                }
                match view.replay(&operation) {
                    Ok(state) => {
                        ingested.operations += 1;
                        ingested.touched.insert(state.id());
                        self.cache.set(state);
                        let wraps = signed_wraps(&operation, wraps);
                        replayed.push((operation, wraps));
                    }
                    Err(error) => left.push((operation, wraps, error)),
                }
            }
            if left.is_empty() || replayed.len() == before {
                return (replayed, left);
            }
            queue = left
                .into_iter()
                .map(|(operation, wraps, _)| (operation, wraps))
                .collect();
        }
    }

    /// Applies every envelope that can be applied in these spaces, in one transaction.
    pub(crate) fn apply_waiting(&mut self, spaces: &BTreeSet<SpaceId>) -> Result<u64, ClientError> {
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
        Ok(applied)
    }

    fn apply_in_space(&self, space: &SpaceId) -> Result<Outcome, ClientError> {
        let mut outcome = Outcome::default();
        let mut waiting = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Held, &space.0)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Envelope { id } = record.item {
                waiting.push((id, record.reason));
            }
        }
        if waiting.is_empty() {
            return Ok(outcome);
        }
        let Some(state) = self.logs().load(space)? else {
            return Ok(outcome);
        };
        let mut record = self.document_record(space)?;
        let mut document = None;
        let mut unapplied: BTreeSet<EnvelopeId> = waiting.iter().map(|(id, _)| *id).collect();
        loop {
            let mut progress = false;
            for (id, old_reason) in &waiting {
                if !unapplied.contains(id) {
                    continue;
                }
                let verdict = self.apply_one(&state, id, &unapplied, &mut record, &mut document);
                match verdict? {
                    Ok(own) => {
                        unapplied.remove(id);
                        outcome.notes.remove(id);
                        outcome.applied.push(*id);
                        outcome.own |= own;
                        progress = true;
                    }
                    Err(reason) => outcome.note(*id, old_reason, reason),
                }
            }
            if !progress {
                break;
            }
        }
        if let Some(document) = document.filter(|_| !outcome.applied.is_empty()) {
            record.published = document.save();
            outcome.record = Some(record);
        }
        Ok(outcome)
    }

    /// Verifies, opens and applies one envelope to the published document. `Ok(Ok(own))` says
    /// whether it was one's own, whose answer got lost.
    #[allow(clippy::type_complexity)]
    fn apply_one(
        &self,
        state: &SpaceState,
        id: &EnvelopeId,
        unapplied: &BTreeSet<EnvelopeId>,
        record: &mut DocumentRecord,
        document: &mut Option<nahtlos_document::Document>,
    ) -> Result<Result<bool, NotApplied>, ClientError> {
        let Some(bytes) = self.vault.get(Collection::Envelope, &id.0)? else {
            return Ok(Err(NotApplied::Waits("missing")));
        };
        let envelope = match Envelope::decode(&bytes) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(Err(NotApplied::Refused("unreadable", error.to_string()))),
        };
        for parent in &envelope.header().parents {
            let here = self.vault.get(Collection::Envelope, &parent.0)?.is_some();
            if !here || unapplied.contains(parent) {
                return Ok(Err(NotApplied::Waits("missing_parents")));
            }
        }
        let payload = match self.verify_and_open(state, &envelope) {
            Ok(payload) => payload,
            Err(reason) => return Ok(Err(reason)),
        };
        let target = match document {
            Some(document) => document,
            None => match self.published_document(&state.id(), record) {
                Ok(loaded) => document.insert(loaded),
                Err(ClientError::NoKey(_)) => return Ok(Err(NotApplied::Waits("no_key"))),
                Err(error) => return Err(error),
            },
        };
        let author = envelope.header().author_device;
        let mut candidate = record.clone();
        remember_actors(&mut candidate, &state.id(), author, &payload.run_nonces);
        let allowed: BTreeSet<[u8; 16]> = candidate
            .actors
            .iter()
            .filter(|known| known.device == author)
            .map(|known| known.actor.0)
            .collect();
        let batch: Vec<Vec<u8>> = payload.changes.into_iter().map(|change| change.0).collect();
        let limits = GateLimits::default();
        let gate = target.apply(
            &batch,
            &|actor: &Actor| allowed.contains(actor.as_bytes()),
            &limits,
        );
        if let Err(refused) = gate {
            return Ok(Err(NotApplied::Refused("gate", refused.to_string())));
        }
        let own = author == self.device_id;
        advance(&mut candidate, &envelope, own);
        *record = candidate;
        Ok(Ok(own))
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

/// What applying one space's waiting envelopes changed.
#[derive(Default)]
struct Outcome {
    record: Option<DocumentRecord>,
    applied: Vec<EnvelopeId>,
    /// One of them was one's own: what it carries is delivered.
    own: bool,
    notes: std::collections::BTreeMap<EnvelopeId, HeldRecord>,
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
        for id in &self.applied {
            transaction.delete(Collection::Held, &id.0)?;
        }
        for (id, note) in &self.notes {
            transaction.put(Collection::Held, &space.0, &id.0, 0, &records::encode(note))?;
        }
        if self.own {
            drop_delivered(transaction, space, &self.applied)?;
        }
        Ok(())
    }
}

/// One's own envelope came back before its answer did: its edits are delivered.
fn drop_delivered(
    transaction: &Transaction<'_>,
    space: &SpaceId,
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
    let _ = space;
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

fn put_waiting(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
    wraps: &[Wrap],
    error: &ReplayError,
) -> Result<(), ClientError> {
    let record = HeldRecord {
        reason: reason_word(error),
        detail: error.to_string(),
        item: HeldItem::Operation {
            bytes: operation.bytes().to_vec(),
            wraps: wraps.to_vec(),
        },
    };
    let index = i64::try_from(operation.operation().index).unwrap_or(i64::MAX);
    let value = records::encode(&record);
    transaction.put(
        Collection::Held,
        WAITING_OPERATIONS,
        &operation.id().0,
        index,
        &value,
    )?;
    Ok(())
}

/// Only wraps that the operation signs for their recipient: a relay that swaps one is ignored, and
/// the notice "pending" stays.
fn signed_wraps(operation: &SignedOperation, wraps: Vec<Wrap>) -> Vec<Wrap> {
    wraps
        .into_iter()
        .filter(|wrap| {
            let hash = recipients::wrap_hash(&wrap.bytes);
            recipients::wrapped_recipients(operation)
                .any(|signed| signed.id == wrap.recipient && signed.wrap == hash)
        })
        .collect()
}

fn reason_word(error: &ReplayError) -> String {
    match error {
        ReplayError::UnknownReference(_) | ReplayError::MissingLog(_) => "missing_log",
        ReplayError::NeedsNewer { .. } => "needs_newer",
        ReplayError::NotNext => "forked_or_gap",
        _ => "invalid",
    }
    .to_owned()
}

/// An operation of a form this version does not know is kept as it came.
fn unreadable(at: i64, item: &Item, error: &OperationError) -> Put {
    let reason = match error {
        OperationError::NeedsNewer { .. } => "needs_newer",
        _ => "unreadable",
    };
    let record = HeldRecord {
        reason: reason.into(),
        detail: error.to_string(),
        item: HeldItem::Operation {
            bytes: item.bytes.clone(),
            wraps: item.wraps.clone(),
        },
    };
    let key = nahtlos_protocol::crypto::hash::hash(
        nahtlos_protocol::crypto::label::OPERATION,
        &[&item.bytes],
    );
    Put::new(
        Collection::Held,
        b"unreadable",
        &key,
        at,
        records::encode(&record),
    )
}

/// One record to be written.
struct Put {
    collection: Collection,
    group: Vec<u8>,
    key: Vec<u8>,
    position: i64,
    value: Vec<u8>,
}

impl Put {
    fn new(
        collection: Collection,
        group: &[u8],
        key: &[u8],
        position: i64,
        value: Vec<u8>,
    ) -> Self {
        Self {
            collection,
            group: group.to_vec(),
            key: key.to_vec(),
            position,
            value,
        }
    }

    fn run(&self, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        transaction.put(
            self.collection,
            &self.group,
            &self.key,
            self.position,
            &self.value,
        )?;
        Ok(())
    }
}
