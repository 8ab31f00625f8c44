//! Sealing what was typed: under which key, by what knowledge of the logs, on which parents? Nothing is
//! sealed under an epoch that may not be used; who may not write any more seals for the held lane.

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::suite::Suite;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header};
use nahtlos_protocol::identifier::{EnvelopeId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::space::authority::{At, Knowledge};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{LogHead, SpaceState, authority, staleness};
use rand_core::Rng;

use super::batch::{next_batch, payload_of};
use super::{ENVELOPES, put_set_aside};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::rebuilding::is_voided;
use crate::records::{self, OutboxRecord, SealedRecord};
use crate::snapshots::{Saying, delete_to_examine};
use crate::vault::Collection;

/// A sealed envelope of one's own, and the edits in it.
type Made = (Box<Envelope>, Vec<Nonce>);

/// What came of sealing a section's edits.
pub(super) enum Sealing {
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
        let to_examine = self.spaces_to_examine()?;
        if to_examine.is_empty() {
            return Ok(examined);
        }
        let mut unanswered = self.sealed_spaces()?;
        unanswered.extend(made.iter().map(|(envelope, _)| envelope.header().space));
        for space in to_examine {
            if self.is_forked(&space) || unanswered.contains(&space) {
                continue;
            }
            match self.due_statement(&space)? {
                Saying::Say(envelope) => {
                    unanswered.insert(space);
                    made.push((envelope, Vec::new()));
                }
                Saying::Nothing => examined.push(space),
                Saying::Later => {}
            }
        }
        Ok(examined)
    }

    pub(super) fn seal_space(
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
        let right = authority::right(&logs, &self.device_id, space);
        // The write barrier: nothing is sealed under an epoch that may not be used. Who only reads now
        // gets the next one; who does not even read has no key but an old one, and in a closed section
        // there is no next one.
        if right.at_least(Role::Read)
            && state.closed_at().is_none()
            && staleness::is_stale(&logs, &state, &self.suspended(&state)).unwrap_or(true)
        {
            return Ok(Sealing::Waits);
        }
        if !right.at_least(Role::Write) {
            return self.seal_for_held_lane(&state, pending);
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
        let lost = self.lost_out_of_reach()?;
        let access_heads = self.before_what_is_lost(self.heads_when_typed(&space)?, &lost);
        let knowledge = Knowledge::of(&logs, &access_heads).unwrap_or_default();
        let Some(length) = knowledge.length(&space) else {
            return Ok(Sealing::NotEntitled);
        };
        let known = At::Known(&knowledge);
        let right = authority::right_in(&logs, &self.device_id, state, length, known);
        let held = state.epochs().iter().rev().find_map(|epoch| {
            let seed = self.key_ring().open(&space, &epoch.key_id).ok()?;
            Some((epoch, seed))
        });
        // Who reads on is given the present key: an earlier one is known to whoever was removed since.
        let reads = authority::right(&logs, &self.device_id, &space).at_least(Role::Read);
        let present = state.current_epoch().map(|epoch| epoch.key_id);
        let is_present = held.as_ref().map(|(epoch, _)| epoch.key_id) == present;
        if reads && state.closed_at().is_none() && !is_present {
            return Ok(Sealing::Waits);
        }
        // A key that nobody else hears of opens nothing, and an older one may be known to somebody who
        // was removed with it.
        let is_known = |began_at: u64| lost.get(&space).is_none_or(|from| began_at < *from);
        let entitled = right.at_least(Role::Write);
        let Some((epoch, seed)) = held.filter(|(epoch, _)| entitled && is_known(epoch.began_at))
        else {
            return Ok(Sealing::NotEntitled);
        };
        let place = Place {
            space,
            key_id: epoch.key_id,
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
        let (mut parents, mut last_sequence) = (record.heads, record.own_sequence);
        // Sealed for a bundle before, and not with the relay yet: this one follows it.
        if let Some(before) = self.last_unanswered(&place.space)? {
            let header = before.header();
            parents.retain(|head| !header.parents.contains(head));
            parents.push(before.id());
            last_sequence = last_sequence.max(header.author_sequence);
        }
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
            author_sequence: last_sequence.saturating_add(1),
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
    pub(crate) fn adoptable(&self, space: &SpaceId) -> Result<Vec<EnvelopeId>, ClientError> {
        let mut adoptable = Vec::new();
        for id in self.adoptions(space)? {
            let fact = self.fact(&id)?;
            if fact.is_some_and(|fact| !fact.standing.counts() && !is_voided(&fact)) {
                adoptable.push(id);
            }
        }
        Ok(adoptable)
    }
}

pub(crate) fn random_salt() -> Salt {
    let mut salt = [0; 32];
    random::system().fill_bytes(&mut salt);
    Salt(salt)
}
