//! Editing, reading, saving and history on one replica.

mod common;

use common::*;
use nahtlos_document::{
    Actor, ChangeHash, Document, DocumentError, EditError, EncodedChange, Key, Path, Value,
    WriteError,
};
use std::collections::BTreeMap;

fn goal(document: &mut Document) {
    edit(document, |editor| {
        editor.put_map(["goals", "g1"])?;
        editor.put(["goals", "g1", "status"], "open")?;
        editor.put(["goals", "g1", "priority"], 2i64)?;
        editor.put_text(["goals", "g1", "statement"], "Sie lernt Deutsch.")
    });
}

#[test]
fn the_genesis_is_the_same_on_every_device_and_in_any_order() {
    let one = Document::genesis(&["client/names", "goals"]).unwrap();
    let other = Document::genesis(&["goals", "client", "client/names"]).unwrap();
    assert_eq!(one.save(), other.save());
    assert_eq!(one.heads().len(), 1);
    assert_ne!(
        one.heads(),
        Document::genesis(&["goals"]).unwrap().heads(),
        "another list is another document"
    );
    // For ever: a device with a newer program must find the same genesis.
    assert_eq!(
        one.heads()[0].to_string(),
        "a0f6bf0ce903b0308bb164030077ac41644eb0386dc35baa8dccf061d79d74c8"
    );
    let history = one.history();
    assert_eq!((history[0].seq, history[0].time_seconds), (1, 0));
}

#[test]
fn an_invalid_container_is_refused() {
    for container in ["", "/", "a\u{0}b"] {
        assert!(matches!(
            Document::genesis(&[container]),
            Err(DocumentError::InvalidContainer(_))
        ));
    }
}

#[test]
fn a_document_without_an_actor_of_its_own_is_not_edited() {
    let mut document = Document::genesis(CONTAINERS).unwrap();
    let result = try_edit(&mut document, |editor| editor.put(["client", "name"], "A"));
    assert!(matches!(result, Err(EditError::NoActor)));
    document.set_actor(ANNA);
    edit(&mut document, |editor| editor.put(["client", "name"], "A"));
}

#[test]
fn one_edit_is_one_change_with_its_author_and_time() {
    let mut document = replica(ANNA);
    let before = document.heads();
    let change = document
        .edit(1_234, Some("first"), |editor| {
            editor.put(["client", "name"], "A")?;
            editor.put(["client", "age"], 19i64)
        })
        .unwrap()
        .unwrap();
    assert_eq!(change.actor(), ANNA);
    assert_eq!(change.seq(), 1);
    assert_eq!(change.time_seconds(), 1_234);
    assert_eq!(change.dependencies(), before);
    assert_eq!(document.heads(), [change.hash()]);
    assert_eq!(
        document.changes_since(&before),
        std::slice::from_ref(&change)
    );
    assert_eq!(document.change(&change.hash()), Some(change.clone()));
    let last = document.history().pop().unwrap();
    assert_eq!(last.hash, change.hash());
    assert_eq!(last.message.as_deref(), Some("first"));
    assert_eq!(last.operation_count, 2);
}

#[test]
fn an_encoded_change_reads_back_and_damaged_ones_do_not() {
    let mut document = replica(ANNA);
    let change = edit(&mut document, |editor| editor.put(["client", "name"], "A"));
    let bytes = change.as_bytes().to_vec();
    assert_eq!(EncodedChange::from_bytes(bytes.clone()).unwrap(), change);
    for length in 0..bytes.len() {
        assert!(EncodedChange::from_bytes(bytes[..length].to_vec()).is_err());
    }
    assert!(!format!("{change:?}").contains("bytes"));
}

#[test]
fn an_edit_that_changes_nothing_makes_no_change() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let heads = document.heads();
    let result = try_edit(&mut document, |editor| {
        editor.put(["goals", "g1", "status"], "open")?;
        editor.put(["goals", "g1", "priority"], 2i64)?;
        editor.update_text(["goals", "g1", "statement"], "Sie lernt Deutsch.")?;
        editor.delete(["goals", "g1", "absent"])?;
        editor.delete(["goals", "absent", "absent"])
    });
    assert_eq!(result.unwrap(), None);
    assert_eq!(document.heads(), heads);
}

#[test]
fn an_edit_that_fails_leaves_the_document_as_it_was() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let (saved, heads) = (document.save(), document.heads());
    let result = document.edit(0, None, |editor| {
        editor.put(["goals", "g1", "status"], "reached")?;
        editor.put_map(["goals", "g2"])?;
        editor.put_map(["goals", "g1"])
    });
    assert!(matches!(
        result,
        Err(EditError::Refused(WriteError::AlreadyExists(_)))
    ));
    assert_eq!(document.save(), saved);
    assert_eq!(document.heads(), heads);
    let next = edit(&mut document, |editor| editor.put(["client", "name"], "A"));
    assert_eq!(next.seq(), 2);
}

#[test]
fn containers_are_never_created_by_chance() {
    let mut document = replica(ANNA);
    goal(&mut document);
    for path in [
        Path::from(["notes", "n1"]),
        Path::from(["goals", "g2", "status"]),
    ] {
        let result = try_edit(&mut document, |editor| editor.put(path, "x"));
        assert!(matches!(
            result,
            Err(EditError::Refused(WriteError::NoContainer(_)))
        ));
    }
    // Inside an entry, whoever fills it may.
    edit(&mut document, |editor| {
        editor.put(["goals", "g1", "review", "rating"], 1i64)
    });
    assert_eq!(
        document.read().get(["goals", "g1", "review", "rating"]),
        Some(Value::Integer(1))
    );
}

#[test]
fn a_plain_value_never_replaces_a_container() {
    let mut document = replica(ANNA);
    goal(&mut document);
    for path in [Path::from(["goals"]), Path::from(["goals", "g1"])] {
        let result = try_edit(&mut document, |editor| editor.put(path, "x"));
        assert!(matches!(
            result,
            Err(EditError::Refused(WriteError::HoldsEntries(_)))
        ));
    }
}

#[test]
fn wrong_names_types_and_positions_are_refused() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let refused = |document: &mut Document, path: Path| match try_edit(document, |editor| {
        editor.put(path, "x")
    }) {
        Err(EditError::Refused(error)) => error,
        other => panic!("{other:?}"),
    };
    for name in ["", "a/b", "a\nb", &"n".repeat(257)] {
        let error = refused(&mut document, Path::from(["client", name]));
        assert!(matches!(error, WriteError::InvalidField));
    }
    let error = refused(&mut document, Path::root());
    assert!(matches!(error, WriteError::InvalidField));
    let statement = ["goals", "g1", "statement"];
    let result = try_edit(&mut document, |editor| {
        editor.splice_text(statement, 18, 1, "x")
    });
    assert!(matches!(
        result,
        Err(EditError::Refused(WriteError::OutOfRange {
            length: 18,
            ..
        }))
    ));
    let result = try_edit(&mut document, |editor| {
        editor.update_text(["goals", "g1", "status"], "x")
    });
    assert!(matches!(
        result,
        Err(EditError::Refused(WriteError::NotText(_)))
    ));
    let result = try_edit(&mut document, |editor| {
        editor.increment(["goals", "g1", "priority"], 1)
    });
    assert!(matches!(
        result,
        Err(EditError::Refused(WriteError::NotCounter(_)))
    ));
}

#[test]
fn text_positions_count_unicode_scalar_values() {
    let mut document = replica(ANNA);
    edit(&mut document, |editor| {
        editor.put_map(["goals", "g1"])?;
        editor.put_text(["goals", "g1", "statement"], "Grüezi 🙂 Zoë")
    });
    edit(&mut document, |editor| {
        editor.splice_text(["goals", "g1", "statement"], 7, 1, "liebe")
    });
    assert_eq!(
        document.read().text(["goals", "g1", "statement"]).unwrap(),
        "Grüezi liebe Zoë"
    );
    let loaded = Document::load(&document.save(), BEAT).unwrap();
    assert_eq!(loaded.export_json(), document.export_json());
}

#[test]
fn every_kind_of_value_comes_back() {
    let mut document = replica(ANNA);
    let mut fields = BTreeMap::new();
    for (name, value) in [
        ("null", Value::Null),
        ("bool", Value::Bool(true)),
        ("integer", Value::Integer(-5)),
        ("unsigned", Value::Unsigned(u64::MAX)),
        ("float", Value::Float(0.5)),
        ("string", Value::from("s")),
        ("text", Value::Text("t".into())),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("time", Value::TimestampMs(1_700_000_000_000)),
        ("counter", Value::Counter(3)),
        ("map", Value::map()),
        ("list", Value::List(vec![Value::from("a"), Value::map()])),
        (
            "unknown",
            Value::Unknown {
                type_code: 12,
                bytes: vec![1, 2],
            },
        ),
    ] {
        fields.insert(name.to_owned(), value);
    }
    edit(&mut document, |editor| {
        editor.put(["client", "all"], Value::Map(fields.clone()))
    });
    edit(&mut document, |editor| {
        editor.increment(["client", "all", "counter"], 4)?;
        editor.insert(
            Path::from(["client", "all", "list"]).join(Key::Index(2)),
            "b",
        )
    });
    fields.insert("counter".into(), Value::Counter(7));
    fields.insert(
        "list".into(),
        Value::List(vec![Value::from("a"), Value::map(), Value::from("b")]),
    );
    let loaded = Document::load(&document.save(), ANNA).unwrap();
    assert_eq!(
        loaded.read().get(["client", "all"]),
        Some(Value::Map(fields))
    );
    assert_eq!(loaded.export_json()["client"]["all"]["counter"], 7);
}

#[test]
fn a_field_of_a_newer_version_survives_an_edit_beside_it() {
    let mut newer = replica(ANNA);
    let change = edit(&mut newer, |editor| {
        editor.put_map(["goals", "g1"])?;
        editor.put(["goals", "g1", "colour"], "blue")?;
        editor.put(["goals", "g1", "status"], "paused")
    });
    let mut older = replica(BEAT);
    apply(&mut older, &[&change]);
    edit(&mut older, |editor| {
        editor.put(["goals", "g1", "priority"], 1i64)
    });
    bring(&older, &mut newer);
    let reader = newer.read();
    assert_eq!(reader.text(["goals", "g1", "colour"]).unwrap(), "blue");
    assert_eq!(reader.text(["goals", "g1", "status"]).unwrap(), "paused");
    assert_eq!(
        reader.keys(["goals", "g1"]),
        ["colour", "priority", "status"]
    );
}

#[test]
fn a_saved_document_loads_with_its_history_and_goes_on() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let mut loaded = Document::load(&document.save(), BEAT).unwrap();
    assert_eq!(loaded.heads(), document.heads());
    assert_eq!(loaded.history(), document.history());
    assert_eq!(loaded.actor(), BEAT);
    edit(&mut loaded, |editor| {
        editor.put(["goals", "g1", "status"], "active")
    });
    bring(&loaded, &mut document);
    assert_eq!(loaded.export_json(), document.export_json());
    let empty = Document::new(ANNA);
    assert_eq!(Document::load(&empty.save(), ANNA).unwrap().heads(), []);
}

#[test]
fn a_lost_cut_or_damaged_file_is_no_document() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let saved = document.save();
    assert!(Document::load(&saved, ANNA).is_ok());
    assert!(matches!(
        Document::load(&[], ANNA),
        Err(DocumentError::Empty)
    ));
    assert!(matches!(
        Document::load(b"garbage", ANNA),
        Err(DocumentError::Chunk(_))
    ));
    for length in 1..saved.len() {
        assert!(Document::load(&saved[..length], ANNA).is_err());
    }
    for position in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[position] ^= 1;
        assert!(Document::load(&damaged, ANNA).is_err());
    }
    let mut twice = saved.clone();
    twice.extend(&saved);
    assert!(Document::load(&twice, ANNA).is_err());
    let mut change = document.changes_since(&[]);
    let change = change.pop().unwrap().into_bytes();
    assert!(Document::load(&change, ANNA).is_err());
}

#[test]
fn the_export_opens_in_plain_automerge() {
    let mut document = replica(ANNA);
    goal(&mut document);
    let plain = automerge::Automerge::load(&document.export_automerge()).unwrap();
    assert_eq!(
        serde_json::to_value(automerge::AutoSerde::from(&plain)).unwrap(),
        document.export_json()
    );
}

#[test]
fn an_earlier_state_can_be_read_and_compared() {
    let mut document = replica(ANNA);
    let start = document.heads();
    goal(&mut document);
    let agreed = document.heads();
    edit(&mut document, |editor| {
        editor.put(["goals", "g1", "status"], "active")?;
        editor.update_text(["goals", "g1", "statement"], "Sie lernt Italienisch.")?;
        editor.delete(["goals", "g1", "priority"])?;
        editor.put(["client", "name"], "A")
    });
    let now = document.heads();
    let reader = document.read_at(&agreed).unwrap();
    assert_eq!(reader.text(["goals", "g1", "status"]).unwrap(), "open");
    assert!(!reader.exists(["client", "name"]));
    let changes: Vec<_> = document
        .difference(&agreed, &now)
        .unwrap()
        .into_iter()
        .map(|difference| {
            (
                difference.path.to_string(),
                difference.before,
                difference.after,
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("client/name".into(), None, Some(Value::from("A"))),
            ("goals/g1/priority".into(), Some(Value::Integer(2)), None),
            (
                "goals/g1/statement".into(),
                Some(Value::Text("Sie lernt Deutsch.".into())),
                Some(Value::Text("Sie lernt Italienisch.".into()))
            ),
            (
                "goals/g1/status".into(),
                Some(Value::from("open")),
                Some(Value::from("active"))
            ),
        ]
    );
    assert!(document.difference(&now, &now).unwrap().is_empty());
    assert_eq!(document.difference(&start, &agreed).unwrap().len(), 3);
    let unknown = ChangeHash([9; 32]);
    assert!(matches!(
        document.difference(&[unknown], &now),
        Err(DocumentError::UnknownChange(hash)) if hash == unknown
    ));
}

#[test]
fn an_edit_too_large_for_any_gate_is_not_made() {
    let mut document = replica(ANNA);
    let heads = document.heads();
    let long = Value::Bytes((0..1_000_001u32).map(|byte| byte as u8).collect());
    let result = try_edit(&mut document, |editor| editor.put(["client", "scan"], long));
    assert!(matches!(result, Err(EditError::TooManyBytes { .. })));
    let many = "x".repeat(100_001);
    let result = try_edit(&mut document, |editor| {
        editor.put_text(["client", "note"], &many)
    });
    assert!(matches!(result, Err(EditError::TooManyOperations { .. })));
    assert_eq!(document.heads(), heads);
    let most = "x".repeat(99_999);
    let change = edit(&mut document, |editor| {
        editor.put_text(["client", "note"], &most)
    });
    apply(&mut replica(BEAT), &[&change]);
}

#[test]
fn ones_own_edits_applied_again_give_the_same_document_as_through_the_gate() {
    let mut author = replica(ANNA);
    let changes: Vec<EncodedChange> = (0..5)
        .map(|number| {
            edit(&mut author, |editor| {
                editor.put(["client", "phone"], format!("+4131000000{number}").as_str())
            })
        })
        .collect();
    let batch = bytes(&changes.iter().collect::<Vec<_>>());
    let (mut own, mut gated) = (replica(BEAT), replica(BEAT));
    own.apply_own(&batch).unwrap();
    own.apply_own(&batch).unwrap();
    try_apply(&mut gated, &batch).unwrap();
    assert_eq!(own.save(), gated.save());
    assert_eq!(own.export_json(), author.export_json());
}

#[test]
fn a_damaged_store_of_own_edits_is_an_error_and_changes_nothing() {
    let mut author = replica(ANNA);
    goal(&mut author);
    let last = edit(&mut author, |editor| {
        editor.put(["goals", "g1", "status"], "active")
    });
    let mut own = replica(BEAT);
    let before = own.heads();
    assert!(
        own.apply_own(&bytes(&[&last])).is_err(),
        "what it builds on is missing"
    );
    let mut damaged = bytes(&[&last]);
    damaged[0].truncate(20);
    assert!(own.apply_own(&damaged).is_err());
    assert_eq!(own.heads(), before);
}

#[test]
fn entries_that_were_ever_made_are_known_after_each_kind_of_change() {
    let made = |document: &Document| -> Vec<(String, Actor)> {
        let made = document.made_entries(["goals"]).into_iter();
        made.map(|made| (made.name, made.made_by.actor)).collect()
    };
    let mut anna = replica(ANNA);
    assert_eq!(made(&anna), []);
    goal(&mut anna);
    let first = made(&anna);
    assert_eq!(first, [("g1".to_owned(), ANNA)]);
    edit(&mut anna, |editor| editor.delete(["goals", "g1"]));
    edit(&mut anna, |editor| editor.put_map(["goals", "g0"]));
    let all = [("g1".to_owned(), ANNA), ("g0".to_owned(), ANNA)];
    assert_eq!(made(&anna), all, "in the order of the history");

    let batch: Vec<Vec<u8>> = anna
        .changes_since(&replica(BEAT).heads())
        .into_iter()
        .map(EncodedChange::into_bytes)
        .collect();
    let (mut gated, mut own) = (replica(BEAT), replica(BEAT));
    assert_eq!((made(&gated), made(&own)), (vec![], vec![]));
    try_apply(&mut gated, &batch).unwrap();
    own.apply_own(&batch).unwrap();
    assert_eq!((made(&gated), made(&own)), (all.to_vec(), all.to_vec()));
}
