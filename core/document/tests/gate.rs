//! The gate: every refusal with its exact code and an unchanged document.

mod common;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ExpandedChange, ObjType, ScalarValue};
use common::*;
use nahtlos_document::{Actor, Document, EncodedChange, GENESIS_ACTOR, GateLimits};

fn refused(
    document: &mut Document,
    batch: &[Vec<u8>],
    limits: &GateLimits,
) -> (String, Option<usize>) {
    let before = (document.save(), document.heads(), document.export_json());
    let error = document
        .apply(batch, &|actor| *actor != CARLA, limits)
        .unwrap_err();
    assert_eq!(
        before,
        (document.save(), document.heads(), document.export_json()),
        "unchanged after {error}"
    );
    (error.code().to_owned(), error.change_index())
}

fn code(document: &mut Document, change: Vec<u8>) -> String {
    let (code, index) = refused(document, &[change], &GateLimits::default());
    assert!(index.is_none() || index == Some(0));
    code
}

/// The change with something altered and everything else, checksum included, in order.
fn forge(change: &EncodedChange, alter: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut expanded = Change::from_bytes(change.as_bytes().to_vec())
        .unwrap()
        .decode();
    alter(&mut expanded);
    Change::from(expanded).raw_bytes().to_vec()
}

/// The change with one more operation.
fn forge_operation(change: &EncodedChange, operation: Op) -> Vec<u8> {
    forge(change, |expanded| expanded.operations.push(operation))
}

fn put(object: ObjectId, key: Key, value: &str) -> Op {
    Op {
        action: OpType::Put(ScalarValue::Str(value.into())),
        obj: object,
        key,
        pred: Vec::new().into(),
        insert: false,
    }
}

fn field(name: &str) -> Key {
    Key::Map(name.into())
}

#[test]
fn an_honest_change_passes_and_a_known_one_is_skipped() {
    let (mut document, change) = scene();
    let before = document.heads();
    let batch = bytes(&[&change]);
    let applied = try_apply(&mut document, &batch).unwrap();
    assert_eq!(applied.new_changes, [change.hash()]);
    assert_eq!(applied.heads_before, before);
    assert_eq!(applied.heads_after, [change.hash()]);
    assert_eq!(applied.heads_after, document.heads());
    let again = try_apply(&mut document, &batch).unwrap();
    assert_eq!(again.new_changes, []);
    assert_eq!(again.heads_before, again.heads_after);
    let both = [batch[0].clone(), batch[0].clone()];
    let (mut document, _) = scene();
    let applied = try_apply(&mut document, &both).unwrap();
    assert_eq!(applied.new_changes.len(), 1);
}

#[test]
fn the_forging_of_these_tests_changes_nothing_by_itself() {
    let (mut document, change) = scene();
    assert_eq!(forge(&change, |_| {}), change.as_bytes());
    assert_eq!(seal(1, &data_of(change.as_bytes())), change.as_bytes());
    try_apply(&mut document, &[forge(&change, |_| {})]).unwrap();
}

#[test]
fn a_batch_of_another_history_is_refused_as_a_whole() {
    let (mut document, change) = scene();
    let broken = change.as_bytes()[..20].to_vec();
    let result = refused(
        &mut document,
        &[change.as_bytes().to_vec(), broken],
        &GateLimits::default(),
    );
    assert_eq!(result, ("chunk_length".into(), Some(1)));
}

#[test]
fn sizes_and_counts_above_their_limits_are_refused() {
    let (mut document, change) = scene();
    let batch = bytes(&[&change]);
    let exact = GateLimits {
        change_bytes: batch[0].len(),
        batch_bytes: batch[0].len(),
        batch_changes: 1,
        operations_per_change: 17,
        operations_per_batch: 17,
        ..GateLimits::default()
    };
    for (limits, expected, index) in [
        (
            GateLimits {
                change_bytes: exact.change_bytes - 1,
                ..exact.clone()
            },
            "change_too_large",
            Some(0),
        ),
        (
            GateLimits {
                batch_bytes: exact.batch_bytes - 1,
                ..exact.clone()
            },
            "batch_too_large",
            None,
        ),
        (
            GateLimits {
                batch_changes: 0,
                ..exact.clone()
            },
            "batch_too_many_changes",
            None,
        ),
        (
            GateLimits {
                operations_per_change: 16,
                ..exact.clone()
            },
            "change_too_many",
            Some(0),
        ),
        (
            GateLimits {
                operations_per_batch: 16,
                ..exact.clone()
            },
            "batch_too_many_operations",
            None,
        ),
    ] {
        assert_eq!(
            refused(&mut document, &batch, &limits),
            (expected.to_owned(), index)
        );
    }
    document.apply(&batch, &|_| true, &exact).unwrap();
}

#[test]
fn anything_but_one_uncompressed_change_chunk_is_refused() {
    let (mut document, change) = scene();
    let good = change.as_bytes();
    let data = data_of(good);
    assert_eq!(code(&mut document, Vec::new()), "not_a_chunk");
    assert_eq!(
        code(&mut document, b"{\"ops\": []}".to_vec()),
        "not_a_chunk"
    );
    for kind in [0, 2, 3, 9] {
        assert_eq!(code(&mut document, seal(kind, &data)), "chunk_type");
    }
    let saved = document.save();
    assert_eq!(code(&mut document, saved), "chunk_type");
    let mut two = good.to_vec();
    two.extend(good);
    assert_eq!(code(&mut document, two), "chunk_length");
    let mut longer = good.to_vec();
    longer.push(0);
    assert_eq!(code(&mut document, longer), "chunk_length");
    for position in [4, 7, good.len() - 1] {
        let mut damaged = good.to_vec();
        damaged[position] ^= 1;
        assert_eq!(code(&mut document, damaged), "chunk_checksum");
    }
    assert_eq!(code(&mut document, seal(1, &[])), "change_malformed");
    assert_eq!(
        code(&mut document, seal(1, &data[..60])),
        "change_malformed"
    );
}

#[test]
fn a_change_under_another_actor_is_refused() {
    let (mut document, change) = scene();
    let by = |actor: Actor| {
        forge(&change, |expanded| {
            expanded.actor_id = ActorId::from(*actor.as_bytes());
        })
    };
    assert_eq!(code(&mut document, by(CARLA)), "actor_not_allowed");
    assert_eq!(code(&mut document, by(GENESIS_ACTOR)), "actor_not_allowed");
    let short = forge(&change, |expanded| {
        expanded.actor_id = ActorId::from(&[7; 8][..]);
    });
    assert_eq!(code(&mut document, short), "actor_length");
    let stranger = ActorId::from([0xd4; 16]);
    let refers = forge(&change, |expanded| {
        expanded.operations[0].pred = vec![OpId::new(2, &stranger)].into();
    });
    assert_eq!(code(&mut document, refers), "actor_unknown");
}

#[test]
fn unknown_dependencies_wrong_sequence_and_counters_are_refused() {
    let (mut document, change) = scene();
    let dependency = forge(&change, |expanded| {
        expanded.deps = vec![automerge::ChangeHash([9; 32])];
    });
    assert_eq!(code(&mut document, dependency), "dependency_unknown");
    for seq in [2, 7, u64::MAX] {
        let sequence = forge(&change, |expanded| expanded.seq = seq);
        assert_eq!(code(&mut document, sequence), "sequence");
    }
    for (start, expected) in [
        (1u64, "operation_counter"),
        (1_000, "operation_counter"),
        (u64::from(u32::MAX), "change_too_many"),
    ] {
        let counter = forge(&change, |expanded| {
            expanded.start_op = start.try_into().unwrap();
        });
        assert_eq!(code(&mut document, counter), expected);
    }
    // The next change in the batch must follow the one before it.
    let mut beat = document.clone();
    apply(&mut beat, &[&change]);
    beat.set_actor(BEAT);
    let second = edit(&mut beat, |editor| editor.put(["client", "name"], "A"));
    assert_eq!(
        code(&mut document, second.as_bytes().to_vec()),
        "dependency_unknown"
    );
    apply(&mut document, &[&change, &second]);
}

#[test]
fn operations_that_fit_no_object_are_refused() {
    let (mut document, change) = scene();
    let anna = ActorId::from(*ANNA.as_bytes());
    let genesis = ActorId::from(*GENESIS_ACTOR.as_bytes());
    let goals = ObjectId::Id(OpId::new(2, &genesis));
    let list = ObjectId::Id(OpId::new(7, &anna));
    let text = ObjectId::Id(OpId::new(9, &anna));
    let head = Key::Seq(ElementId::Head);
    let insert = |mut operation: Op| {
        operation.insert = true;
        operation
    };
    let make = |object: &ObjectId, key: Key, kind: ObjType| Op {
        action: OpType::Make(kind),
        ..put(object.clone(), key, "")
    };
    let delete = |operation: Op| Op {
        action: OpType::Delete,
        ..operation
    };
    let later = OpId::new(900, &anna);
    let forgeries = [
        put(ObjectId::Id(OpId::new(3, &anna)), field("x"), "no object"),
        put(ObjectId::Id(OpId::new(6, &anna)), field("x"), "a scalar"),
        put(ObjectId::Id(later.clone()), field("x"), "later object"),
        put(list.clone(), field("x"), "a key in a list"),
        put(goals.clone(), head.clone(), "an element of a map"),
        insert(put(goals.clone(), field("x"), "insertion into a map")),
        put(list.clone(), head.clone(), "no element"),
        put(
            list.clone(),
            Key::Seq(ElementId::Id(later)),
            "later element",
        ),
        insert(make(&text, head.clone(), ObjType::Map)),
        make(&goals, field("x"), ObjType::Table),
        delete(put(goals.clone(), field("x"), "")),
        insert(Op {
            action: OpType::Put(ScalarValue::Int(7)),
            ..put(text.clone(), head.clone(), "")
        }),
    ];
    for operation in forgeries {
        let shown = format!("{operation:?}");
        let forged = forge_operation(&change, operation);
        assert_eq!(code(&mut document, forged), "operation", "{shown}");
    }
    for accepted in [
        put(goals.clone(), field("x"), "fits"),
        insert(put(list, head.clone(), "fits")),
        insert(put(text, head, "f")),
        make(&goals, field("x"), ObjType::List),
    ] {
        let forged = forge_operation(&change, accepted);
        try_apply(&mut document.clone(), &[forged]).unwrap();
    }
}

/// Whoever may write could otherwise hide all that ever stood in a section by one change, signed versions and
/// immutable entries included.
#[test]
fn the_maps_that_a_document_is_born_with_can_be_neither_replaced_nor_removed() {
    let (mut document, change) = scene();
    let genesis = ActorId::from(*GENESIS_ACTOR.as_bytes());
    let goals = OpId::new(2, &genesis);
    let at_root = |action: OpType, pred: Vec<OpId>| Op {
        action,
        pred: pred.into(),
        ..put(ObjectId::Root, field("goals"), "")
    };
    let text = || OpType::Put(ScalarValue::Str("gone".into()));
    for forged in [
        at_root(OpType::Make(ObjType::Map), vec![goals.clone()]),
        at_root(text(), vec![goals.clone()]),
        at_root(OpType::Delete, vec![goals.clone()]),
        // As if the genesis were not known: the later one would win.
        at_root(OpType::Make(ObjType::Map), Vec::new()),
        at_root(text(), Vec::new()),
    ] {
        let shown = format!("{forged:?}");
        let forged = forge_operation(&change, forged);
        assert_eq!(code(&mut document, forged), "operation", "{shown}");
    }
    // A change that builds on nothing at all is no way around it.
    let unborn = forge(&change, |expanded| {
        expanded.deps.clear();
        expanded.start_op = std::num::NonZeroU64::MIN;
        expanded.operations = vec![at_root(OpType::Make(ObjType::Map), Vec::new())];
    });
    assert_eq!(code(&mut document, unborn), "operation");
    let other_root_key = forge_operation(&change, put(ObjectId::Root, field("newer"), "kept"));
    try_apply(&mut document, &[other_root_key]).unwrap();
}

#[test]
fn references_that_the_document_would_drop_are_refused() {
    let (mut document, change) = scene();
    let anna = ActorId::from(*ANNA.as_bytes());
    let genesis = ActorId::from(*GENESIS_ACTOR.as_bytes());
    let goals = ObjectId::Id(OpId::new(2, &genesis));
    let replaces_nothing = Op {
        pred: vec![OpId::new(4, &anna)].into(),
        ..put(goals, field("x"), "no predecessor")
    };
    let forged = forge_operation(&change, replaces_nothing);
    // The engine notices some by a panic while it writes the change anew.
    let expected = ["engine_failed", "not_canonical"];
    let refusal = code(&mut document, forged);
    assert!(expected.contains(&refusal.as_str()), "{refusal}");
}

#[test]
fn nesting_beyond_the_limit_is_refused() {
    let (document, change) = scene();
    let beat = ActorId::from(*BEAT.as_bytes());
    let nested = |levels: u64| {
        forge(&change, |expanded| {
            let first = expanded.start_op.get() + expanded.operations.len() as u64;
            let mut object = ObjectId::Root;
            for counter in first..first + levels {
                let make = Op {
                    action: OpType::Make(ObjType::Map),
                    ..put(object, field("deep"), "")
                };
                expanded.operations.push(make);
                object = ObjectId::Id(OpId::new(counter, &beat));
            }
        })
    };
    try_apply(&mut document.clone(), &[nested(32)]).unwrap();
    assert_eq!(code(&mut document.clone(), nested(33)), "operation");
    assert_eq!(code(&mut document.clone(), nested(50_000)), "operation");
}

#[test]
fn a_length_within_the_change_in_a_longer_form_is_refused() {
    let (mut document, change) = scene();
    let mut data = data_of(change.as_bytes());
    assert_eq!(data[0], 1, "one dependency");
    data.splice(0..1, [0x81, 0x00]);
    let refusal = code(&mut document, seal(1, &data));
    assert!(
        ["change_undecodable", "not_canonical"].contains(&refusal.as_str()),
        "{refusal}"
    );
}
