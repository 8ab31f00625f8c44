//! Shared by this crate's tests: three authors and their replicas.
#![allow(dead_code, reason = "each test file uses a part of it")]

use nahtlos_document::{
    Actor, Applied, Document, EditError, Editor, EncodedChange, GateError, GateLimits, Value,
    WriteError,
};
use sha2::{Digest, Sha256};

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

/// A document with a goal and a task list, and a foreign change on it that the gate accepts.
pub fn scene() -> (Document, EncodedChange) {
    let mut anna = replica(ANNA);
    edit(&mut anna, |editor| {
        editor.put_map(["goals", "g1"])?;
        editor.put(["goals", "g1", "status"], "open")?;
        editor.put(["goals", "g1", "visits"], Value::Counter(1))?;
        editor.put(["goals", "g1", "tags"], Value::List(vec!["a".into()]))?;
        editor.put_text(["goals", "g1", "statement"], "Sie lernt Deutsch.")
    });
    let mut beat = anna.clone();
    beat.set_actor(BEAT);
    let change = edit(&mut beat, |editor| {
        editor.put(["goals", "g1", "status"], "active")?;
        editor.increment(["goals", "g1", "visits"], 1)?;
        editor.delete(["goals", "g1", "tags"])?;
        editor.splice_text(["goals", "g1", "statement"], 4, 5, "spricht")?;
        editor.put_map(["goals", "g2"])?;
        editor.put(["goals", "g2", "status"], "open")
    });
    (anna, change)
}

/// The data of a change chunk, without its header.
pub fn data_of(change: &[u8]) -> Vec<u8> {
    let length_bytes = change[9..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count()
        + 1;
    change[9 + length_bytes..].to_vec()
}

pub fn seal(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    let mut rest = data.len();
    while rest > 0x7f {
        length.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    length.push(rest as u8);
    let digest = Sha256::new()
        .chain_update([kind])
        .chain_update(&length)
        .chain_update(data)
        .finalize();
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83];
    bytes.extend(&digest[..4]);
    bytes.push(kind);
    bytes.extend(length);
    bytes.extend(data);
    bytes
}
