//! Sealing what was typed: at push, one envelope per section however many edits. Sealed bytes are
//! stored before they are sent and sent again unchanged until the relay has answered, so a lost
//! acknowledgement never makes a second envelope.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Actor, GateLimits};
use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::crypto::suite::Suite;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{authority, staleness};
use rand_core::Rng;

use crate::apply::{advance, put_document};
use crate::documents::remember_actors;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{self, DocumentRecord, HeldItem, HeldRecord, OutboxRecord, SealedRecord};
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

/// What came of sealing a section's edits.
enum Sealing {
    /// One envelope, and the edits in it.
    Sealed(Box<Envelope>, Vec<Nonce>),
    /// The key or the log is not here yet: the edits stay where they are.
    Waits,
    /// This device may not write there (any more): the edits are to be set aside.
    NotEntitled,
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

    /// Spaces with edits that are in no sealed envelope yet.
    fn spaces_to_seal(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut sealed = BTreeSet::new();
        for (_, bytes) in self.vault.list(Collection::Sealed, ENVELOPES)? {
            if let SealedRecord::Envelope { bytes, .. } = records::decode(&bytes)?
                && let Ok(envelope) = Envelope::decode(&bytes)
            {
                sealed.insert(envelope.header().space);
            }
        }
        let spaces = self.vault.list(Collection::Setting, OUTBOX_SPACES)?;
        let spaces = spaces
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key));
        Ok(spaces.filter(|space| !sealed.contains(space)).collect())
    }

    /// Seals everything that was typed and is not sealed, in one transaction. Returns how many
    /// envelopes were made.
    pub(crate) fn seal_outbox(&mut self) -> Result<usize, ClientError> {
        let mut made = Vec::new();
        let mut set_aside = Vec::new();
        let mut empty = Vec::new();
        for space in self.spaces_to_seal()? {
            let pending = self.pending_edits(&space)?;
            if pending.is_empty() {
                empty.push(space);
                continue;
            }
            match self.seal_space(&space, &pending)? {
                Sealing::Sealed(envelope, edits) => made.push((envelope, edits)),
                Sealing::Waits => {}
                Sealing::NotEntitled => set_aside.push((space, pending)),
            }
        }
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        self.commit(|transaction| {
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

    fn seal_space(
        &self,
        space: &SpaceId,
        pending: &[OutboxRecord],
    ) -> Result<Sealing, ClientError> {
        let logs = self.logs();
        let Some(state) = logs.load(space)? else {
            return Ok(Sealing::Waits);
        };
        if !authority::right(&logs, &self.device_id, space).at_least(Role::Write) {
            return Ok(Sealing::NotEntitled);
        }
        if self.needs_newer(space)? {
            return Ok(Sealing::Waits);
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
        let record = self.document_record(space)?;
        let mut heads = authority::path_heads(&logs, &self.device_id, &state);
        heads.extend(state.head().map(|head| (state.id(), head)));
        let header = Header {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            kind: EnvelopeKind::Changes,
            space: *space,
            key_id: epoch.key_id,
            author_device: self.device_id,
            author_sequence: record.own_sequence.saturating_add(1),
            access_heads: heads.into_values().collect(),
            parents: record.heads,
            salt: random_salt(),
        };
        let batch = next_batch(pending);
        let signing = &self.keys.signing;
        let envelope =
            Envelope::seal(&header, &payload_of(batch), &seed, signing).map_err(|error| {
                ClientError::Document {
                    reason: error.to_string(),
                }
            })?;
        let edits = batch.iter().map(|edit| edit.id).collect();
        Ok(Sealing::Sealed(Box::new(envelope), edits))
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
            work.push((delivery, self.record_after(space, delivery)?));
        }
        self.commit(|transaction| {
            for (delivery, record) in &work {
                put_delivered(transaction, delivery, record.as_ref(), position)?;
            }
            Ok(())
        })?;
        for space in together.keys() {
            self.documents.forget(space);
        }
        Ok(())
    }

    /// The document after a delivery; none where the envelope came back by itself before.
    fn record_after(
        &self,
        space: &SpaceId,
        delivery: &Delivery,
    ) -> Result<Option<DocumentRecord>, ClientError> {
        let envelope = &delivery.envelope;
        if self
            .vault
            .contains(Collection::Envelope, &envelope.id().0)?
        {
            return Ok(None);
        }
        let mut record = self.document_record(space)?;
        let mut document = self.published_document(space, &record)?;
        let mut delivered = self.pending_edits(space)?;
        delivered.retain(|edit| delivery.edits.contains(&edit.id));
        let nonces: Vec<Nonce> = delivered.iter().map(|edit| edit.run_nonce).collect();
        remember_actors(&mut record, space, self.device_id, &nonces);
        let changes: Vec<Vec<u8>> = delivered.into_iter().map(|edit| edit.change).collect();
        document.apply_own(&changes)?;
        record.published = document.save();
        advance(&mut record, envelope, true);
        Ok(Some(record))
    }

    /// The relay wants the envelope sealed anew, on newer logs or parents.
    pub(crate) fn seal_again(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            Ok(())
        })
    }

    /// The relay refused the envelope for good: its edits are held, visible, never lost, and so is
    /// what was typed since and builds on them; everything else stays in the document.
    pub(crate) fn set_aside(
        &mut self,
        envelope: &Envelope,
        edits: &[Nonce],
        reason: &str,
    ) -> Result<(), ClientError> {
        let space = envelope.header().space;
        let record = self.document_record(&space)?;
        let mut document = self.published_document(&space, &record)?;
        let mut held = self.pending_edits(&space)?;
        held.retain(|edit| {
            let change = std::slice::from_ref(&edit.change);
            edits.contains(&edit.id)
                || document
                    .apply(change, &|_: &Actor| true, &GateLimits::default())
                    .is_err()
        });
        self.commit(|transaction| {
            put_set_aside(transaction, &space, &held, reason)?;
            for edit in &held {
                transaction.delete(Collection::Outbox, &edit.id.0)?;
            }
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            Ok(())
        })?;
        // What is typed next must not repeat the sequence numbers of what was taken out: others may
        // have received it all the same.
        self.run_nonce = random::nonce(&mut random::system());
        self.documents.clear();
        Ok(())
    }
}

fn put_delivered(
    transaction: &crate::vault::Transaction<'_>,
    delivery: &Delivery,
    record: Option<&DocumentRecord>,
    position: i64,
) -> Result<(), ClientError> {
    let envelope = &delivery.envelope;
    let (space, id) = (&envelope.header().space, &envelope.id().0);
    if let Some(record) = record {
        put_document(transaction, space, record)?;
        let bytes = envelope.bytes();
        transaction.put(Collection::Envelope, &space.0, id, position, bytes)?;
    }
    for edit in &delivery.edits {
        transaction.delete(Collection::Outbox, &edit.0)?;
    }
    transaction.delete(Collection::Sealed, id)?;
    Ok(())
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

fn put_set_aside(
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

fn random_salt() -> Salt {
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
