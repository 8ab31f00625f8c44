//! Who changed a document when.

use automerge::{Automerge, ChangeMetadata, ObjId};

use crate::change::sorted;
use crate::{Actor, ChangeHash};

/// One change of a document's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The change.
    pub hash: ChangeHash,
    /// The actor that made it; whom it belongs to, the envelopes say.
    pub actor: Actor,
    /// Its position among its actor's changes, from 1.
    pub seq: u64,
    /// Seconds since 1970-01-01T00:00:00Z by its author's clock; advisory.
    pub time_seconds: i64,
    /// Its author's message.
    pub message: Option<String>,
    /// The heads it was made on, ascending.
    pub dependencies: Vec<ChangeHash>,
    /// Number of operations; each character of a text is one.
    pub operation_count: u64,
}

/// All changes, each after those it depends on, in an order that is the same on every replica.
///
/// A change's first operation counter is larger than every counter it builds on (the gate
/// enforces it), so that ordering by it, then by hash, respects dependencies.
pub(crate) fn entries(engine: &Automerge) -> Vec<HistoryEntry> {
    ordered(engine)
        .into_iter()
        .filter_map(|change| {
            Some(HistoryEntry {
                hash: change.hash.into(),
                actor: Actor::from_engine(&change.actor)?,
                seq: change.seq,
                time_seconds: change.timestamp,
                message: change.message.as_ref().map(ToString::to_string),
                dependencies: sorted(&change.deps),
                operation_count: operation_count(&change),
            })
        })
        .collect()
}

/// How many operations a change has.
pub(crate) fn operation_count(change: &ChangeMetadata<'_>) -> u64 {
    (change.max_op + 1).saturating_sub(change.start_op)
}

/// The metadata of all changes in replica-independent causal order.
pub(crate) fn ordered(engine: &Automerge) -> Vec<ChangeMetadata<'_>> {
    let mut changes = engine.get_changes_meta(&[]);
    changes.sort_by_key(|change| (change.start_op, change.hash));
    changes
}

/// Which change an operation belongs to.
pub(crate) struct Origin {
    pub(crate) actor: Actor,
    pub(crate) change: ChangeHash,
    pub(crate) time_seconds: i64,
}

pub(crate) fn origin_of(engine: &Automerge, operation: &ObjId) -> Option<Origin> {
    let hash = engine.hash_for_opid(operation)?;
    let change = engine.get_change_meta_by_hash(&hash)?;
    Some(Origin {
        actor: Actor::from_engine(&change.actor)?,
        change: hash.into(),
        time_seconds: change.timestamp,
    })
}
