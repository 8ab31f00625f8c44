//! Snapshots from a hostile author: whole documents that no gate has seen. What the gate refuses in a
//! change is refused in them, so that whatever reads a document can rely on it.

mod common;

use std::io::Write;

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT, TextEncoding};
use common::*;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use nahtlos_document::{Actor, ChangeHash, Document, Snapshot, SnapshotError, SnapshotLimits};

fn engine() -> Automerge {
    Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint)
        .with_actor(ActorId::from(*ANNA.as_bytes()))
}

/// As its author would send it: right size, right heads.
fn sent(document: &Automerge) -> Snapshot {
    let saved = document.save_nocompress();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&saved).unwrap();
    let mut heads: Vec<ChangeHash> = document
        .get_heads()
        .into_iter()
        .map(ChangeHash::from)
        .collect();
    heads.sort_unstable();
    Snapshot {
        compressed: encoder.finish().unwrap(),
        bytes: saved.len() as u64,
        heads,
    }
}

fn load(snapshot: &Snapshot) -> Result<Document, SnapshotError> {
    Document::load_snapshot(snapshot, CARLA, &SnapshotLimits::default())
}

#[track_caller]
fn refusal(document: &Automerge) -> String {
    match load(&sent(document)) {
        Err(SnapshotError::Claims(refusal)) => refusal.code().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn nested(levels: usize) -> Automerge {
    let mut document = engine();
    let mut transaction = document.transaction();
    let mut object = ROOT;
    for _ in 0..levels {
        object = transaction
            .put_object(&object, "deep", ObjType::Map)
            .unwrap();
    }
    transaction.commit();
    document
}

#[test]
fn nesting_beyond_the_limit_is_refused_before_anything_reads_it() {
    assert!(load(&sent(&nested(32))).is_ok(), "control");
    assert_eq!(refusal(&nested(33)), "operation");
    assert_eq!(refusal(&nested(50_000)), "operation");
}

#[test]
fn what_no_document_of_ours_contains_is_refused() {
    let mut table = engine();
    let mut transaction = table.transaction();
    transaction
        .put_object(ROOT, "table", ObjType::Table)
        .unwrap();
    transaction.commit();
    assert_eq!(refusal(&table), "operation");

    let mut marked = engine();
    let mut transaction = marked.transaction();
    let text = transaction.put_object(ROOT, "text", ObjType::Text).unwrap();
    transaction.splice_text(&text, 0, 0, "synthetic").unwrap();
    transaction.commit();
    assert!(load(&sent(&marked)).is_ok(), "control");
    let mut transaction = marked.transaction();
    let mark = Mark::new("bold".into(), true, 0, 4);
    transaction.mark(&text, mark, ExpandMark::Both).unwrap();
    transaction.commit();
    assert_eq!(refusal(&marked), "change_malformed");
}

/// The genesis is known to everybody: a second change of its actor is a forgery, here too.
#[test]
fn a_second_change_of_the_genesis_actor_is_refused() {
    let mut document = Automerge::load(&replica(ANNA).save()).unwrap();
    assert!(load(&sent(&document)).is_ok(), "control");
    document.set_actor(ActorId::from([0; 16]));
    let mut transaction = document.transaction();
    transaction.put(ROOT, "more", 1).unwrap();
    transaction.commit();
    assert_eq!(refusal(&document), "actor_not_allowed");
}

#[test]
fn a_honest_document_with_concurrent_edits_passes() {
    let (mut anna, change) = scene();
    edit(&mut anna, |editor| {
        editor.put(["goals", "g1", "status"], "done")
    });
    apply(&mut anna, &[&change]);
    edit(&mut anna, |editor| editor.put(["client", "name"], "A"));
    let snapshot = anna.snapshot(&SnapshotLimits::default()).unwrap();
    let loaded = load(&snapshot).unwrap();
    assert_eq!(loaded.export_json(), anna.export_json());
    assert_eq!(loaded.actor(), CARLA);
    assert_ne!(CARLA, Actor::from_bytes([0; 16]));
}
