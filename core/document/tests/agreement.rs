//! Whether the gate takes a change follows from the change and what it builds on alone. Two replicas
//! that received other things before it say the same, or a hostile author could split them for good.

mod common;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ExpandedChange, ScalarValue};
use common::*;
use nahtlos_document::{Actor, Document, EncodedChange};

/// Anna's document; a change on it by somebody; one of Carla at the same time, who has not seen it.
struct Apart {
    document: Document,
    unseen: EncodedChange,
    carla: EncodedChange,
}

fn apart(by: Actor) -> Apart {
    let (document, _) = scene();
    let mut somebody = document.clone();
    somebody.set_actor(by);
    let unseen = edit(&mut somebody, |editor| {
        editor.put(["goals", "g1", "status"], "active")?;
        editor.put_map(["goals", "g2"])?;
        editor.put(["goals", "g2", "status"], "open")
    });
    let mut other = document.clone();
    other.set_actor(CARLA);
    let carla = edit(&mut other, |editor| editor.put(["client", "name"], "C"));
    Apart {
        document,
        unseen,
        carla,
    }
}

impl Apart {
    /// The verdict of a replica that has the unseen change, and of one that has not.
    fn verdicts(&self, forged: &[u8]) -> (String, String) {
        let verdict = |mut replica: Document| match try_apply(&mut replica, &[forged.to_vec()]) {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.code().to_owned(),
        };
        let mut with_it = self.document.clone();
        apply(&mut with_it, &[&self.unseen]);
        (verdict(with_it), verdict(self.document.clone()))
    }

    fn forge(&self, alter: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
        let mut expanded = Change::from_bytes(self.carla.as_bytes().to_vec())
            .unwrap()
            .decode();
        alter(&mut expanded);
        Change::from(expanded).raw_bytes().to_vec()
    }
}

fn both(verdict: &str) -> (String, String) {
    (verdict.to_owned(), verdict.to_owned())
}

#[test]
fn an_honest_change_is_taken_wherever_it_arrives() {
    let apart = apart(BEAT);
    assert_eq!(apart.verdicts(apart.carla.as_bytes()), both("taken"));
    assert_eq!(apart.verdicts(&apart.forge(|_| {})), both("taken"));
}

#[test]
fn counters_that_only_what_was_written_elsewhere_would_explain_are_refused_everywhere() {
    let apart = apart(BEAT);
    let last = Change::from_bytes(apart.unseen.as_bytes().to_vec())
        .unwrap()
        .max_op();
    for start in [last, last + 1] {
        let forged = apart.forge(|expanded| expanded.start_op = start.try_into().unwrap());
        assert_eq!(apart.verdicts(&forged), both("operation_counter"));
    }
}

#[test]
fn a_reference_to_what_the_author_says_not_to_have_seen_is_refused_everywhere() {
    // Anna wrote something that Carla has seen, too; of Beat Carla knows nothing.
    refused_references(ANNA, "operation");
    refused_references(BEAT, "actor_unknown");
}

fn refused_references(by: Actor, code: &str) {
    let apart = apart(by);
    let actor = ActorId::from(*by.as_bytes());
    let change = Change::from_bytes(apart.unseen.as_bytes().to_vec()).unwrap();
    let first = change.start_op().get();
    let last = change.max_op();
    // The last two operations make a map and write into it.
    let object = ObjectId::Id(OpId::new(last - 1, &actor));
    let into_unseen = Op {
        action: OpType::Put(ScalarValue::Str("x".into())),
        obj: object,
        key: Key::Map("status".into()),
        pred: Vec::new().into(),
        insert: false,
    };
    let over_unseen = Op {
        obj: ObjectId::Root,
        key: Key::Map("x".into()),
        pred: vec![OpId::new(first, &actor)].into(),
        ..into_unseen.clone()
    };
    let after_unseen = Op {
        obj: ObjectId::Root,
        key: Key::Seq(ElementId::Id(OpId::new(first, &actor))),
        insert: true,
        ..into_unseen.clone()
    };
    for operation in [into_unseen, over_unseen, after_unseen] {
        let forged = apart.forge(|expanded| {
            // High enough that nothing is refused for being later.
            let more = usize::try_from(last).unwrap();
            let filler = expanded.operations[0].clone();
            let filler = |number: usize| Op {
                key: Key::Map(format!("f{number}").into()),
                pred: Vec::new().into(),
                ..filler.clone()
            };
            expanded.operations.extend((0..more).map(filler));
            expanded.operations.push(operation.clone());
        });
        assert_eq!(apart.verdicts(&forged), both(code), "{operation:?}");
    }
}

/// Two changes of one actor that know nothing of each other: whoever has the first one must not be
/// the only one to refuse the second for its number.
#[test]
fn a_change_that_does_not_build_on_its_actors_last_is_refused() {
    let apart = apart(BEAT);
    let mut carla = apart.document.clone();
    apply(&mut carla, &[&apart.carla]);
    carla.set_actor(CARLA);
    let second = edit(&mut carla, |editor| editor.put(["client", "name"], "D"));
    let mut expanded = Change::from_bytes(second.as_bytes().to_vec())
        .unwrap()
        .decode();
    expanded.deps = apart
        .document
        .heads()
        .into_iter()
        .map(|head| automerge::ChangeHash(head.0))
        .collect();
    expanded.start_op = Change::from_bytes(apart.carla.as_bytes().to_vec())
        .unwrap()
        .start_op();
    expanded.operations[0].pred = Vec::new().into();
    let forged = Change::from(expanded).raw_bytes().to_vec();
    for known in [vec![], vec![&apart.carla]] {
        let mut replica = apart.document.clone();
        apply(&mut replica, &known);
        let refused = try_apply(&mut replica, std::slice::from_ref(&forged)).unwrap_err();
        assert_eq!(refused.code(), "sequence");
    }
    let mut replica = apart.document.clone();
    apply(&mut replica, &[&apart.carla, &second]);
}
