//! Shared by this crate's tests: three authors and their replicas.
#![allow(dead_code)]

use nahtlos_document::{
    Actor, Applied, Document, EditError, Editor, EncodedChange, GateError, GateLimits, WriteError,
};

pub const CONTAINERS: &[&str] = &["client", "goals", "tasks"];

pub const ANNA: Actor = Actor::from_bytes([0xa1; 16]);
pub const BEAT: Actor = Actor::from_bytes([0xb2; 16]);
pub const CARLA: Actor = Actor::from_bytes([0xc3; 16]);

pub fn replica(actor: Actor) -> Document {
    let mut document = Document::genesis(CONTAINERS).unwrap();
    document.set_actor(actor);
    document
}

pub fn edit(
    document: &mut Document,
    edits: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
) -> EncodedChange {
    document.edit(1_700_000_000, None, edits).unwrap().unwrap()
}

pub fn try_edit(
    document: &mut Document,
    edits: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
) -> Result<Option<EncodedChange>, EditError<WriteError>> {
    document.edit(1_700_000_000, None, edits)
}

pub fn bytes(changes: &[&EncodedChange]) -> Vec<Vec<u8>> {
    changes
        .iter()
        .map(|change| change.as_bytes().to_vec())
        .collect()
}

pub fn apply(document: &mut Document, changes: &[&EncodedChange]) -> Applied {
    try_apply(document, &bytes(changes)).unwrap()
}

pub fn try_apply(document: &mut Document, batch: &[Vec<u8>]) -> Result<Applied, GateError> {
    document.apply(batch, &|_| true, &GateLimits::default())
}

/// Everything of `from` that `to` lacks.
pub fn bring(from: &Document, to: &mut Document) {
    let batch: Vec<Vec<u8>> = from
        .changes_since(&to.heads())
        .into_iter()
        .map(EncodedChange::into_bytes)
        .collect();
    try_apply(to, &batch).unwrap();
}

/// Both replicas hold everything.
pub fn exchange(left: &mut Document, right: &mut Document) {
    bring(left, right);
    bring(right, left);
    assert_eq!(left.heads(), right.heads());
    assert_eq!(left.export_json(), right.export_json());
}
