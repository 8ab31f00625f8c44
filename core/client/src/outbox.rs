//! Sealing what was typed: at push, one envelope per section however many edits. Sealed bytes are
//! stored before they are sent and sent again unchanged until the relay has answered, so a lost
//! acknowledgement never makes a second envelope.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::suite::Suite;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{EnvelopeId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::authority::{At, Knowledge};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{LogHead, SpaceState, authority, staleness};
use rand_core::Rng;

use crate::apply::{Opened, advance, apply_batch, put_document};
use crate::counting::{Fact, KnowledgeCache, Tally, put_fact, put_tally};
use crate::error::ClientError;
use crate::fate::{Fate, put_own_held};
use crate::ingest::{NOT_LOOKED_AT, UNSETTLED};
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::rebuilding::{Resettled, is_voided, put_adoptions, put_resettled};
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, OutboxRecord, SealedRecord};
use crate::snapshots::{Saying, delete_to_examine};
use crate::vault::Collection;

/// Group of sealed envelopes in `Collection::Sealed`.
pub(crate) const ENVELOPES: &[u8] = b"envelope";
/// Group of founding operations in `Collection::Sealed`.
pub(crate) const OPERATIONS: &[u8] = b"operation";

/// Documents held in memory at once while deliveries are stored.
const DELIVERIES_PER_TRANSACTION: usize = 64;

/// An envelope of one's own that the relay has proved to have stored.
pub(crate) struct Delivery {
    pub envelope: Box<Envelope>,
    /// The edits in it.
    pub edits: Vec<Nonce>,
}

/// A sealed envelope of one's own, and the edits in it.
type Made = (Box<Envelope>, Vec<Nonce>);

/// What came of sealing a section's edits.
enum Sealing {
    /// One envelope, and the edits in it.
    Sealed(Box<Envelope>, Vec<Nonce>),
    /// The key or the log is not here yet: the edits stay where they are.
    Waits,
    /// This device may not write there (any more): the edits are to be set aside.
    NotEntitled,
}

/// Where an envelope is sealed, and by what knowledge.
struct Place {
    space: SpaceId,
    key_id: KeyId,
    access_heads: Vec<LogHead>,
    adopted: Vec<EnvelopeId>,
}

impl Nahtlos {
    /// Sealed bytes not answered yet, operations first.
    pub(crate) fn unanswered(&self) -> Result<Vec<(Vec<u8>, SealedRecord)>, ClientError> {
        let mut records = Vec::new();
        for group in [OPERATIONS, ENVELOPES] {
            for (key, bytes) in self.vault.list(Collection::Sealed, group)? {
                records.push((key, records::decode(&bytes)?));
            }
        }
        Ok(records)
    }

    /// Spaces with a sealed envelope that has not been answered.
    fn sealed_spaces(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut sealed = BTreeSet::new();
        for (_, bytes) in self.vault.list(Collection::Sealed, ENVELOPES)? {
            if let SealedRecord::Envelope { bytes, .. } = records::decode(&bytes)?
                && let Ok(envelope) = Envelope::decode(&bytes)
            {
                sealed.insert(envelope.header().space);
            }
        }
        Ok(sealed)
    }

    /// Spaces with edits that are in no sealed envelope yet.
    pub(crate) fn spaces_to_seal(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let sealed = self.sealed_spaces()?;
        let spaces = self.vault.list(Collection::Setting, OUTBOX_SPACES)?;
        let spaces = spaces
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key));
        Ok(spaces.filter(|space| !sealed.contains(space)).collect())
    }

    /// Seals everything that was typed and is not sealed, in one transaction. Returns how many
    /// envelopes were made.
    pub(crate) fn seal_outbox(&mut self) -> Result<usize, ClientError> {
        let mut made: Vec<Made> = Vec::new();
        let mut set_aside = Vec::new();
        let mut empty = Vec::new();
        for space in self.spaces_to_seal()? {
            if self.is_forked(&space) {
                continue;
            }
            let pending = self.pending_edits(&space)?;
            if pending.is_empty() && self.adoptable(&space)?.is_empty() {
                match self.due_snapshot(&space)? {
                    Some(snapshot) => made.push((snapshot, Vec::new())),
                    None => empty.push(space),
                }
                continue;
            }
            match self.seal_space(&space, &pending)? {
                Sealing::Sealed(envelope, edits) => made.push((envelope, edits)),
                Sealing::Waits => {}
                Sealing::NotEntitled => set_aside.push((space, pending)),
            }
        }
        let examined = self.examine_snapshots(&mut made)?;
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        self.commit(|transaction| {
            for space in &examined {
                delete_to_examine(transaction, space)?;
            }
            for (envelope, edits) in &made {
                let record = SealedRecord::Envelope {
                    bytes: envelope.bytes().to_vec(),
                    edits: edits.clone(),
                };
                let value = records::encode(&record);
                transaction.put(Collection::Sealed, ENVELOPES, &envelope.id().0, now, &value)?;
            }
            for space in &empty {
                transaction.delete(Collection::Setting, &space.0)?;
            }
            for (space, edits) in &set_aside {
                put_set_aside(transaction, space, edits, "not_entitled")?;
                for edit in edits {
                    transaction.delete(Collection::Outbox, &edit.id.0)?;
                }
            }
            Ok(())
        })?;
        for (space, _) in &set_aside {
            self.documents.forget(space);
        }
        Ok(made.len())
    }

    /// Makes what is to be said about snapshots that arrived. Returns the spaces in which nothing is
    /// left to be said.
    fn examine_snapshots(&self, made: &mut Vec<Made>) -> Result<Vec<SpaceId>, ClientError> {
        let mut examined = Vec::new();
        for space in self.spaces_to_examine()? {
            if self.is_forked(&space) {
                continue;
            }
            let mut unanswered = made.iter().map(|(envelope, _)| envelope.header().space);
            if unanswered.any(|sealed| sealed == space) || self.sealed_spaces()?.contains(&space) {
                continue;
            }
            match self.due_statement(&space)? {
                Saying::Say(envelope) => made.push((envelope, Vec::new())),
                Saying::Nothing => examined.push(space),
                Saying::Later => {}
            }
        }
        Ok(examined)
    }

    fn seal_space(
        &self,
        space: &SpaceId,
        pending: &[OutboxRecord],
    ) -> Result<Sealing, ClientError> {
        let logs = self.logs();
        let Some(state) = logs.load(space)? else {
            return Ok(Sealing::Waits);
        };
        if self.needs_newer(space)? || self.is_forked(space) {
            return Ok(Sealing::Waits);
        }
        if !authority::right(&logs, &self.device_id, space).at_least(Role::Write) {
            return self.seal_for_held_lane(&state, pending);
        }
        // The write barrier: nothing is sealed under an epoch that may not be used.
        if staleness::is_stale(&logs, &state, &self.suspended(&state)).unwrap_or(true) {
            return Ok(Sealing::Waits);
        }
        let Some(epoch) = state.current_epoch() else {
            return Ok(Sealing::Waits);
        };
        let Ok(seed) = self.key_ring().open(space, &epoch.key_id) else {
            return Ok(Sealing::Waits);
        };
        let mut heads = authority::path_heads(&logs, &self.device_id, &state);
        heads.extend(state.head().map(|head| (state.id(), head)));
        let place = Place {
            space: *space,
            key_id: epoch.key_id,
            access_heads: heads.into_values().collect(),
            adopted: self.adoptable(space)?,
        };
        self.seal_at(place, pending, &seed)
    }

    /// This device may not write there any more, but could when the edits were typed: they go into
    /// the relay's held lane, sealed by what was known then, for a manager to look at.
    fn seal_for_held_lane(
        &self,
        state: &SpaceState,
        pending: &[OutboxRecord],
    ) -> Result<Sealing, ClientError> {
        let (logs, space) = (self.logs(), state.id());
        let access_heads = self.heads_when_typed(&space)?;
        let knowledge = Knowledge::of(&logs, &access_heads).unwrap_or_default();
        let Some(length) = knowledge.length(&space) else {
            return Ok(Sealing::NotEntitled);
        };
        let known = At::Known(&knowledge);
        let right = authority::right_in(&logs, &self.device_id, state, length, known);
        let held = state.epochs().iter().rev().find_map(|epoch| {
            let seed = self.key_ring().open(&space, &epoch.key_id).ok()?;
            Some((epoch.key_id, seed))
        });
        let Some((key_id, seed)) = held.filter(|_| right.at_least(Role::Write)) else {
            return Ok(Sealing::NotEntitled);
        };
        let place = Place {
            space,
            key_id,
            access_heads,
            adopted: Vec::new(),
        };
        self.seal_at(place, pending, &seed)
    }

    fn seal_at(
        &self,
        place: Place,
        pending: &[OutboxRecord],
        seed: &EpochSeed,
    ) -> Result<Sealing, ClientError> {
        let record = self.document_record(&place.space)?;
        let mut parents = record.heads;
        parents.extend(place.adopted);
        parents.sort_unstable();
        parents.dedup();
        let header = Header {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            kind: EnvelopeKind::Changes,
            space: place.space,
            key_id: place.key_id,
            author_device: self.device_id,
            author_sequence: record.own_sequence.saturating_add(1),
            access_heads: place.access_heads,
            parents,
            salt: random_salt(),
        };
        let batch = next_batch(pending);
        let signing = &self.keys.signing;
        let envelope =
            Envelope::seal(&header, &payload_of(batch), seed, signing).map_err(|error| {
                ClientError::Document {
                    reason: error.to_string(),
                }
            })?;
        let edits = batch.iter().map(|edit| edit.id).collect();
        Ok(Sealing::Sealed(Box::new(envelope), edits))
    }

    /// Held envelopes that the next envelope of this space vouches for: those decided that are still
    /// held and that nobody voided.
    fn adoptable(&self, space: &SpaceId) -> Result<Vec<EnvelopeId>, ClientError> {
        let mut adoptable = Vec::new();
        for id in self.adoptions(space)? {
            let fact = self.fact(&id)?;
            if fact.is_some_and(|fact| !fact.standing.counts() && !is_voided(&fact)) {
                adoptable.push(id);
            }
        }
        Ok(adoptable)
    }

    /// Remembers what this device knows of the logs while it may still write what waits in its
    /// outbox: should the coming sync bring the end of its right, that is what the edits were typed
    /// by.
    pub(crate) fn remember_access_heads(&mut self) -> Result<(), ClientError> {
        let mut known = Vec::new();
        for (key, before) in self.vault.list(Collection::Setting, OUTBOX_SPACES)? {
            let Some(space) = SpaceId::from_slice(&key) else {
                continue;
            };
            let logs = self.logs();
            let right = authority::right(&logs, &self.device_id, &space);
            let Some(state) = logs.load(&space)?.filter(|_| right.at_least(Role::Write)) else {
                continue;
            };
            let mut heads = authority::path_heads(&logs, &self.device_id, &state);
            heads.extend(state.head().map(|head| (space, head)));
            let heads: Vec<LogHead> = heads.into_values().collect();
            let value = records::encode(&heads);
            if value != before {
                known.push((space, value));
            }
        }
        if known.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            for (space, value) in &known {
                transaction.put(Collection::Setting, OUTBOX_SPACES, &space.0, 0, value)?;
            }
            Ok(())
        })
    }

    fn heads_when_typed(&self, space: &SpaceId) -> Result<Vec<LogHead>, ClientError> {
        match self.vault.get(Collection::Setting, &space.0)? {
            Some(bytes) if !bytes.is_empty() => records::decode(&bytes),
            _ => Ok(Vec::new()),
        }
    }

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
        for space in together.keys() {
            self.documents.forget(space);
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
        let mut document = self.published_document(space, &record)?;
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
        Ok(AfterDelivery::Applied(Box::new((record, fact, tally))))
    }

    fn to_be_counted(&self, envelope: &Envelope) -> Result<AfterDelivery, ClientError> {
        let adopted = self.adoptions_without(envelope)?;
        Ok(AfterDelivery::ToBeCounted { adopted })
    }

    /// What is still to be adopted once this envelope has been answered.
    fn adoptions_without(&self, envelope: &Envelope) -> Result<Vec<EnvelopeId>, ClientError> {
        let header = envelope.header();
        let mut left = self.adoptions(&header.space)?;
        left.retain(|id| !header.parents.contains(id));
        Ok(left)
    }

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
        let (refused, resettled) = self.without(&space, edits)?;
        let adopted = self.adoptions_without(envelope)?;
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
        let (refused, resettled) = self.without(&space, edits)?;
        let adopted = self.adoptions_without(envelope)?;
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

    /// The pending edits of a space that are in a refused envelope, and what becomes of the others.
    fn without(
        &self,
        space: &SpaceId,
        edits: &[Nonce],
    ) -> Result<(Vec<OutboxRecord>, Resettled), ClientError> {
        let record = self.document_record(space)?;
        let document = self.document_with_adoptions(space, &record)?;
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

/// What an accepted envelope of one's own changes here.
enum AfterDelivery {
    /// Nothing: it came back by itself before.
    CameBack,
    /// It is looked at like what others wrote; this is left to be adopted.
    ToBeCounted { adopted: Vec<EnvelopeId> },
    /// It says something about edits.
    Said(Box<Tally>),
    /// Its edits are published.
    Applied(Box<(DocumentRecord, Fact, Tally)>),
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
            let (record, fact, tally) = &**after;
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

/// Stores an envelope of one's own as if it had arrived: it is counted and applied with the others.
fn put_arrived(
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

/// Group in `Collection::Setting`: spaces that have something in the outbox.
pub(crate) const OUTBOX_SPACES: &[u8] = b"outbox-spaces";
/// Group in `Collection::Held`: one's own edits that were refused.
pub(crate) const SET_ASIDE: &[u8] = b"set-aside";

/// Bytes of changes in one envelope, but for a single larger change. Each typed character is an
/// operation and at least a byte, so this also keeps below the operations a reader's gate takes.
const SEALED_BYTES_MAX: usize = 1_000_000;

/// As many edits, from the oldest, as every reader will open from one envelope; the rest follows in
/// the next.
fn next_batch(pending: &[OutboxRecord]) -> &[OutboxRecord] {
    let (mut bytes, mut nonces) = (0, BTreeSet::new());
    let fitting = pending
        .iter()
        .take(limits::CHANGES_PER_ENVELOPE_MAX)
        .take_while(|edit| {
            bytes += edit.change.len();
            nonces.insert(edit.run_nonce);
            nonces.len() <= limits::RUN_NONCES_MAX && bytes <= SEALED_BYTES_MAX
        })
        .count();
    pending.get(..fitting.max(1)).unwrap_or(pending)
}

fn payload_of(batch: &[OutboxRecord]) -> Payload {
    let nonces: BTreeSet<Nonce> = batch.iter().map(|edit| edit.run_nonce).collect();
    let changes = batch.iter().map(|edit| Change(edit.change.clone()));
    Payload {
        run_nonces: nonces.into_iter().collect(),
        changes: changes.collect(),
    }
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

pub(crate) fn random_salt() -> Salt {
    let mut salt = [0; 32];
    random::system().fill_bytes(&mut salt);
    Salt(salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(run: usize, bytes: usize) -> OutboxRecord {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&run.to_be_bytes());
        OutboxRecord {
            id: Nonce(nonce),
            edit: String::new(),
            change: vec![0; bytes],
            run_nonce: Nonce(nonce),
            typed_at_ms: 0,
        }
    }

    #[test]
    fn edits_of_more_runs_or_bytes_than_one_envelope_takes_are_sealed_in_several() {
        let of_many_runs: Vec<_> = (0..1_001).map(|run| typed(run, 9)).collect();
        assert_eq!(next_batch(&of_many_runs).len(), limits::RUN_NONCES_MAX);
        let of_one_run: Vec<_> = (0..1_001).map(|_| typed(7, 9)).collect();
        assert_eq!(next_batch(&of_one_run).len(), 1_001, "control");
        let large = [typed(1, 600_000), typed(1, 600_000)];
        assert_eq!(next_batch(&large).len(), 1);
        assert_eq!(next_batch(&[typed(1, SEALED_BYTES_MAX + 1)]).len(), 1);
        assert!(next_batch(&[]).is_empty());
    }
}
