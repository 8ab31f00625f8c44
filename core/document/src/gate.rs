//! The gate: what a foreign change must pass before it touches a document.
//!
//! An authorised author may be hostile or broken. automerge panics on about a tenth of slightly
//! mutated changes, allocates and loops as a change's counts tell it, and accepts changes that it
//! can neither save nor load again. So: bounds first, from the raw bytes; then decoding and
//! applying on a clone, where a panic costs nothing; then the proof that the result can be
//! stored. A verdict is local: the batch is held and reported, it never decides which edits count.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, ReadDoc};

use crate::change::{sorted, to_engine};
use crate::chunk::Chunk;
use crate::document::load_engine;
use crate::error::EngineError;
use crate::lineage::Lineage;
use crate::operations::ObjectTable;
use crate::{
    Actor, ApplyStage, ChangeHash, ChangeRefusal, EditError, GENESIS_ACTOR, GateError, columns,
};

/// What a batch of changes may cost at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateLimits {
    /// Bytes of one change.
    pub change_bytes: usize,
    /// Bytes of all changes of a batch.
    pub batch_bytes: usize,
    /// Changes in a batch.
    pub batch_changes: usize,
    /// Operations of one change; each character of a text is one.
    pub operations_per_change: u64,
    /// Operations of all changes of a batch.
    pub operations_per_batch: u64,
    /// Highest operation counter of a document; automerge itself ends at 2³².
    pub operations_per_document: u64,
    /// Earlier operations that one change replaces or deletes.
    pub predecessors_per_change: u64,
    /// Bytes of all keys of one change after expansion.
    pub key_bytes_per_change: u64,
    /// Heads that one change builds on.
    pub dependencies_per_change: u64,
    /// Other actors that one change refers to.
    pub actors_per_change: u64,
    /// Bytes of a change's message.
    pub message_bytes: u64,
}

impl Default for GateLimits {
    fn default() -> GateLimits {
        GateLimits {
            change_bytes: 1_000_000,
            batch_bytes: 16_000_000,
            batch_changes: 20_000,
            operations_per_change: 100_000,
            operations_per_batch: 1_000_000,
            operations_per_document: 1_000_000_000,
            predecessors_per_change: 200_000,
            key_bytes_per_change: 16_000_000,
            dependencies_per_change: 1_024,
            actors_per_change: 4_096,
            message_bytes: 4_096,
        }
    }
}

impl GateLimits {
    pub(crate) fn check_change_size(&self, bytes: &[u8]) -> Result<(), ChangeRefusal> {
        if bytes.len() > self.change_bytes {
            return Err(ChangeRefusal::TooLarge {
                bytes: bytes.len(),
                maximum_bytes: self.change_bytes,
            });
        }
        Ok(())
    }

    pub(crate) fn check_edit_operations<E>(&self, operations: usize) -> Result<(), EditError<E>> {
        let operations = operations as u64;
        let maximum = self.operations_per_change;
        if operations > maximum {
            return Err(EditError::TooManyOperations {
                operations,
                maximum,
            });
        }
        Ok(())
    }

    pub(crate) fn check_edit_bytes<E>(&self, bytes: usize) -> Result<(), EditError<E>> {
        if bytes > self.change_bytes {
            return Err(EditError::TooManyBytes {
                bytes,
                maximum_bytes: self.change_bytes,
            });
        }
        Ok(())
    }

    fn check_batch(&self, batch: &[Vec<u8>]) -> Result<(), GateError> {
        if batch.len() > self.batch_changes {
            return Err(GateError::TooManyChanges {
                changes: batch.len(),
                maximum: self.batch_changes,
            });
        }
        let bytes = batch.iter().map(Vec::len).sum();
        if bytes > self.batch_bytes {
            return Err(GateError::TooManyBytes {
                bytes,
                maximum_bytes: self.batch_bytes,
            });
        }
        Ok(())
    }
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The changes that were not known before, in the batch's order.
    pub new_changes: Vec<ChangeHash>,
    /// The heads before, ascending.
    pub heads_before: Vec<ChangeHash>,
    /// The heads after, ascending.
    pub heads_after: Vec<ChangeHash>,
}

/// Returns the new state; `None` if the batch held nothing new.
pub(crate) fn apply(
    engine: &Automerge,
    batch: &[Vec<u8>],
    allowed_actors: &dyn Fn(&Actor) -> bool,
    limits: &GateLimits,
) -> Result<(Option<Automerge>, Applied), GateError> {
    limits.check_batch(batch)?;
    let heads_before = sorted(&engine.get_heads());
    let accepted = accept_all(engine, batch, allowed_actors, limits)?;
    if accepted.is_empty() {
        let applied = Applied {
            new_changes: Vec::new(),
            heads_after: heads_before.clone(),
            heads_before,
        };
        return Ok((None, applied));
    }
    let changes: Vec<Change> = accepted.iter().map(|(_, change)| change.clone()).collect();
    let next = apply_to_clone(engine, changes)?;
    verify(&next, &heads_before, &accepted)?;
    let applied = Applied {
        new_changes: accepted
            .iter()
            .map(|(_, change)| change.hash().into())
            .collect(),
        heads_before,
        heads_after: sorted(&next.get_heads()),
    };
    Ok((Some(next), applied))
}

/// Applies changes that this device made itself and kept sealed since. They were checked when they
/// were made; what is left is what a damaged store could show.
pub(crate) fn apply_own(engine: &Automerge, batch: &[Vec<u8>]) -> Result<Automerge, GateError> {
    let mut changes = Vec::new();
    for (index, bytes) in batch.iter().enumerate() {
        let change = parse_change(bytes).map_err(|refusal| GateError::Change { index, refusal })?;
        changes.push(change);
    }
    apply_to_clone(engine, changes)
}

/// Decodes one change whose bounds are already checked.
pub(crate) fn parse_change(bytes: &[u8]) -> Result<Change, ChangeRefusal> {
    catch_unwind(|| Change::from_bytes(bytes.to_vec()))
        .map_err(|_| ChangeRefusal::DecodingPanicked)?
        .map_err(|source| ChangeRefusal::Undecodable(EngineError::new(source)))
}

/// The new changes with their positions in the batch.
fn accept_all(
    engine: &Automerge,
    batch: &[Vec<u8>],
    allowed_actors: &dyn Fn(&Actor) -> bool,
    limits: &GateLimits,
) -> Result<Vec<(usize, Change)>, GateError> {
    let mut lineage = Lineage::of(engine);
    let mut objects = ObjectTable::new(engine);
    let mut operations = 0;
    let mut accepted = Vec::new();
    for (index, bytes) in batch.iter().enumerate() {
        let refuse = |refusal| GateError::Change { index, refusal };
        limits.check_change_size(bytes).map_err(refuse)?;
        let chunk = Chunk::parse(bytes).map_err(refuse)?;
        if lineage.contains(&chunk.hash) {
            continue;
        }
        let claims = columns::check(chunk.data, limits).map_err(refuse)?;
        operations += claims.operations;
        if operations > limits.operations_per_batch {
            return Err(GateError::TooManyOperations {
                maximum: limits.operations_per_batch,
            });
        }
        let change = parse_change(bytes).map_err(refuse)?;
        let actor = Actor::from_engine(change.actor_id());
        let actor = actor.ok_or_else(|| refuse(ChangeRefusal::ActorLength))?;
        // The genesis is known to everybody; a second change of its actor is a forgery.
        if actor == GENESIS_ACTOR || !allowed_actors(&actor) {
            return Err(refuse(ChangeRefusal::ActorNotAllowed(actor)));
        }
        admit(&change, &mut lineage, &mut objects, limits).map_err(refuse)?;
        accepted.push((index, change));
    }
    Ok(accepted)
}

/// Checks a decoded change against what it comes after, and takes it in.
fn admit(
    change: &Change,
    lineage: &mut Lineage,
    objects: &mut ObjectTable<'_>,
    limits: &GateLimits,
) -> Result<(), ChangeRefusal> {
    let ancestors = lineage.check(change, limits.operations_per_document)?;
    objects.admit(change, &|actor, counter| {
        lineage.had_seen(&ancestors, actor, counter)
    })?;
    lineage.admit(change)
}

/// Checks that a document somebody else made is one that the gate could have let come about: what
/// reads documents relies on it.
pub(crate) fn check_history(engine: &Automerge, limits: &GateLimits) -> Result<(), ChangeRefusal> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut changes = engine.get_changes(&[]);
        // Descendants have higher counters, or are refused.
        changes.sort_by_key(|change| (change.start_op(), change.hash()));
        let mut lineage = Lineage::new();
        let mut objects = ObjectTable::new(engine);
        for change in &changes {
            let bytes = change.raw_bytes();
            limits.check_change_size(bytes)?;
            columns::check(Chunk::parse(bytes)?.data, limits)?;
            let actor = Actor::from_engine(change.actor_id()).ok_or(ChangeRefusal::ActorLength)?;
            if actor == GENESIS_ACTOR && !lineage.lacks_genesis() {
                return Err(ChangeRefusal::ActorNotAllowed(actor));
            }
            admit(change, &mut lineage, &mut objects, limits)?;
        }
        Ok(())
    }))
    .map_err(|_| ChangeRefusal::DecodingPanicked)?
}

fn apply_to_clone(engine: &Automerge, changes: Vec<Change>) -> Result<Automerge, GateError> {
    let stage = ApplyStage::Applying;
    let next = catch_unwind(AssertUnwindSafe(|| {
        let mut next = engine.clone();
        next.apply_changes(changes)?;
        Ok::<_, automerge::AutomergeError>(next)
    }))
    .map_err(|_| GateError::Panicked { stage })?
    .map_err(|source| GateError::Engine {
        stage,
        source: EngineError::new(source),
    })?;
    let missing = next.get_missing_deps(&[]).len();
    if missing > 0 {
        return Err(GateError::Orphans { missing });
    }
    Ok(next)
}

/// What the engine accepted must be what was sent, and must survive being stored: operations that
/// refer to nothing are silently dropped or rewritten, and the document could never be loaded.
fn verify(
    next: &Automerge,
    heads_before: &[ChangeHash],
    accepted: &[(usize, Change)],
) -> Result<(), GateError> {
    let stage = ApplyStage::Verifying;
    let (altered, storable) = catch_unwind(AssertUnwindSafe(|| {
        let reproduced: BTreeSet<Vec<u8>> = next
            .get_changes(&to_engine(heads_before))
            .iter()
            .map(|change| change.raw_bytes().to_vec())
            .collect();
        let altered = accepted
            .iter()
            .find(|(_, change)| !reproduced.contains(change.raw_bytes()))
            .map(|(index, _)| *index);
        let storable = load_engine(&next.save_nocompress())
            .is_ok_and(|loaded| loaded.get_heads() == next.get_heads());
        (altered, storable)
    }))
    .map_err(|_| GateError::Panicked { stage })?;
    if let Some(index) = altered {
        return Err(GateError::Change {
            index,
            refusal: ChangeRefusal::NotCanonical,
        });
    }
    if !storable {
        return Err(GateError::NotStorable);
    }
    Ok(())
}
