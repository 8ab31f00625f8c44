//! Several authors at once: convergence, conflicts, soft conflicts, deletions.

mod common;

use common::*;
use nahtlos_document::{Actor, Document, EncodedChange, Path, Value, WriteError};
use proptest::prelude::*;

const STATEMENT: [&str; 3] = ["goals", "g1", "statement"];

/// Two replicas with the same goal.
fn pair(statement: &str) -> (Document, Document) {
    let mut anna = replica(ANNA);
    edit(&mut anna, |editor| {
        editor.put_map(["goals", "g1"])?;
        editor.put(["goals", "g1", "due"], "2026-01-01")?;
        editor.put_text(STATEMENT, statement)
    });
    let mut beat = replica(BEAT);
    exchange(&mut anna, &mut beat);
    (anna, beat)
}

fn reword(document: &mut Document, text: &str) -> EncodedChange {
    edit(document, |editor| editor.update_text(STATEMENT, text))
}

#[test]
fn a_due_date_set_by_two_at_once_shows_both_values_until_someone_decides() {
    let (mut anna, mut beat) = pair("Deutsch.");
    let first = anna
        .edit(10, None, |editor| {
            editor.put(["goals", "g1", "due"], "2026-03-01")
        })
        .map_err(|_: nahtlos_document::EditError<WriteError>| ())
        .unwrap()
        .unwrap();
    let second = edit(&mut beat, |editor| {
        editor.put(["goals", "g1", "due"], "2026-05-01")
    });
    exchange(&mut anna, &mut beat);
    assert_eq!(anna.conflicts(), beat.conflicts());
    let conflicts = anna.conflicts();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].path, Path::from(["goals", "g1", "due"]));
    let mut values: Vec<_> = conflicts[0]
        .values
        .iter()
        .map(|value| (value.value.clone(), value.actor, value.change))
        .collect();
    assert_eq!(
        Some(&values[0].0),
        anna.read().get(["goals", "g1", "due"]).as_ref(),
        "the winner comes first"
    );
    values.sort_by_key(|(_, actor, _)| *actor);
    assert_eq!(
        values,
        [
            (Value::from("2026-03-01"), ANNA, first.hash()),
            (Value::from("2026-05-01"), BEAT, second.hash())
        ]
    );
    // Choosing the value that happens to win is a decision too.
    let winner = anna.read().get(["goals", "g1", "due"]).unwrap();
    edit(&mut anna, |editor| {
        editor.put(["goals", "g1", "due"], winner)
    });
    exchange(&mut anna, &mut beat);
    assert!(anna.conflicts().is_empty());
    assert!(beat.conflicts().is_empty());
    assert_eq!(beat.read().get_all(["goals", "g1", "due"]).len(), 1);
}

#[test]
fn two_who_decide_a_conflict_differently_at_once_find_both_decisions_whichever_value_was_shown() {
    let (mut anna, mut beat) = pair("Deutsch.");
    let due = ["goals", "g1", "due"];
    for (document, value) in [(&mut anna, "2026-03-01"), (&mut beat, "2026-05-01")] {
        edit(document, |editor| editor.put(due, value));
    }
    exchange(&mut anna, &mut beat);
    let shown = anna.read().get(due).unwrap();
    let other = anna.conflicts()[0].values[1].value.clone();
    let first = edit(&mut anna, |editor| editor.put(due, shown.clone()));
    let second = edit(&mut beat, |editor| editor.put(due, other.clone()));
    exchange(&mut anna, &mut beat);
    assert_eq!(anna.conflicts(), beat.conflicts());
    let decided: Vec<_> = anna.conflicts()[0]
        .values
        .iter()
        .map(|value| (value.value.clone(), value.actor, value.change))
        .collect();
    for decision in [
        (shown.clone(), ANNA, first.hash()),
        (other, BEAT, second.hash()),
    ] {
        assert!(decided.contains(&decision), "{decided:?}");
    }
    // Two who decide alike have nothing left to decide.
    for document in [&mut anna, &mut beat] {
        edit(document, |editor| editor.put(due, shown.clone()));
    }
    exchange(&mut anna, &mut beat);
    assert!(anna.conflicts().is_empty() && beat.conflicts().is_empty());
    assert_eq!(beat.read().get(due), Some(shown));
}

#[test]
fn two_who_set_the_same_value_do_not_conflict() {
    let (mut anna, mut beat) = pair("Deutsch.");
    for document in [&mut anna, &mut beat] {
        edit(document, |editor| {
            editor.put(["goals", "g1", "due"], "2026-03-01")
        });
    }
    exchange(&mut anna, &mut beat);
    assert!(anna.conflicts().is_empty());
    assert_eq!(anna.read().get_all(["goals", "g1", "due"]).len(), 2);
}

#[test]
fn entries_that_two_create_at_once_are_all_there() {
    let (mut anna, mut beat) = pair("Deutsch.");
    edit(&mut anna, |editor| editor.put_map(["tasks", "t1"]));
    edit(&mut beat, |editor| editor.put_map(["tasks", "t2"]));
    exchange(&mut anna, &mut beat);
    assert_eq!(anna.read().keys(["tasks"]), ["t1", "t2"]);
    assert!(anna.conflicts().is_empty());
}

#[test]
fn two_containers_at_the_same_place_are_a_conflict_that_shows_both() {
    let (mut anna, mut beat) = pair("Deutsch.");
    for (document, value) in [(&mut anna, "a"), (&mut beat, "b")] {
        edit(document, |editor| {
            editor.put(["goals", "g1", "review", value], 1i64)
        });
    }
    exchange(&mut anna, &mut beat);
    let conflicts = anna.conflicts();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].path, Path::from(["goals", "g1", "review"]));
    let fields: Vec<_> = conflicts[0]
        .values
        .iter()
        .flat_map(|value| value.value.as_map().unwrap().keys().cloned())
        .collect();
    assert_eq!(fields.len(), 2);
}

#[test]
fn a_sentence_reworded_by_two_keeps_both_edits_and_is_shown_until_settled() {
    let (mut anna, mut beat) = pair("Sie lernt Deutsch. Sie sucht eine Lehre.");
    let first = reword(&mut anna, "Sie lernt gut Deutsch. Sie sucht eine Lehre.");
    let second = reword(&mut beat, "Sie lernt Deutsch bis B1. Sie sucht eine Lehre.");
    exchange(&mut anna, &mut beat);
    let merged = "Sie lernt gut Deutsch bis B1. Sie sucht eine Lehre.";
    assert_eq!(anna.read().text(STATEMENT).unwrap(), merged);
    let conflicts = anna.soft_text_conflicts(STATEMENT);
    assert_eq!(conflicts, beat.soft_text_conflicts(STATEMENT));
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].merged, merged);
    let mut wordings: Vec<_> = conflicts[0]
        .wordings
        .iter()
        .map(|wording| (wording.actor, wording.change, wording.text.as_str()))
        .collect();
    wordings.sort_unstable();
    assert_eq!(
        wordings,
        [
            (
                ANNA,
                first.hash(),
                "Sie lernt gut Deutsch. Sie sucht eine Lehre."
            ),
            (
                BEAT,
                second.hash(),
                "Sie lernt Deutsch bis B1. Sie sucht eine Lehre."
            )
        ]
    );
    // An edit elsewhere settles nothing; one of the text does.
    edit(&mut anna, |editor| {
        editor.put(["goals", "g1", "due"], "2026-02-02")
    });
    assert_eq!(anna.soft_text_conflicts(STATEMENT).len(), 1);
    reword(&mut anna, "Sie lernt Deutsch bis B1. Sie sucht eine Lehre.");
    exchange(&mut anna, &mut beat);
    assert!(anna.soft_text_conflicts(STATEMENT).is_empty());
    assert!(beat.soft_text_conflicts(STATEMENT).is_empty());
}

#[test]
fn a_whole_sentence_replaced_by_two_is_a_soft_conflict_with_each_sides_latest_wording() {
    let (mut anna, mut beat) = pair("Alt.");
    reword(&mut anna, "Ganz neu.");
    reword(&mut anna, "Ganz neu, mit Zusatz.");
    reword(&mut beat, "Anders.");
    exchange(&mut anna, &mut beat);
    let conflicts = beat.soft_text_conflicts(STATEMENT);
    assert_eq!(conflicts.len(), 1);
    let mut texts: Vec<_> = conflicts[0].wordings.iter().map(|one| &one.text).collect();
    texts.sort();
    assert_eq!(texts, ["Anders.", "Ganz neu, mit Zusatz."]);
}

#[test]
fn different_sentences_and_added_sentences_are_no_soft_conflict() {
    let base = "Sie lernt Deutsch. Sie sucht eine Lehre.";
    for (one, other) in [
        (
            "Sie lernt gut Deutsch. Sie sucht eine Lehre.",
            "Sie lernt Deutsch. Sie sucht eine gute Lehre.",
        ),
        (
            "Sie lernt Deutsch. Sie sucht eine Lehre. Sie zieht um.",
            "Sie lernt Deutsch. Sie sucht eine Lehre. Er hilft.",
        ),
        (
            "Sie lernt Deutsch. Sie sucht eine Lehre. Sie zieht um.",
            "Sie lernt Deutsch. Sie sucht eine gute Lehre.",
        ),
    ] {
        let (mut anna, mut beat) = pair(base);
        reword(&mut anna, one);
        reword(&mut beat, other);
        exchange(&mut anna, &mut beat);
        assert!(anna.soft_text_conflicts(STATEMENT).is_empty(), "{other}");
    }
}

#[test]
fn edits_one_after_the_other_and_absent_texts_are_no_soft_conflict() {
    let (mut anna, mut beat) = pair("Deutsch.");
    reword(&mut anna, "Gut Deutsch.");
    exchange(&mut anna, &mut beat);
    reword(&mut beat, "Sehr gut Deutsch.");
    edit(&mut anna, |editor| editor.put(["client", "name"], "A"));
    exchange(&mut anna, &mut beat);
    assert!(anna.soft_text_conflicts(STATEMENT).is_empty());
    assert!(anna.soft_text_conflicts(["goals", "g9"]).is_empty());
    assert!(anna.soft_text_conflicts(["client", "name"]).is_empty());
}

#[test]
fn a_first_wording_by_two_at_once_is_a_soft_conflict() {
    let (mut anna, mut beat) = pair("");
    reword(&mut anna, "Deutsch lernen");
    reword(&mut beat, "Lehre suchen");
    exchange(&mut anna, &mut beat);
    assert_eq!(anna.soft_text_conflicts(STATEMENT).len(), 1);
}

#[test]
fn a_task_completed_while_another_deletes_it_is_reported_with_its_last_value() {
    let (mut anna, mut beat) = pair("Deutsch.");
    edit(&mut anna, |editor| {
        for task in ["t1", "t2", "t3"] {
            editor.put_map(["tasks", task])?;
            editor.put(["tasks", task, "status"], "open")?;
        }
        Ok(())
    });
    exchange(&mut anna, &mut beat);
    let deletion = edit(&mut anna, |editor| {
        editor.delete(["tasks", "t1"])?;
        editor.delete(["tasks", "t2"])
    });
    let completion = edit(&mut beat, |editor| {
        editor.put(["tasks", "t1", "status"], "done")?;
        editor.put(["tasks", "t3", "status"], "done")
    });
    exchange(&mut anna, &mut beat);
    assert_eq!(anna.read().keys(["tasks"]), ["t3"]);
    let deletions = anna.concurrent_deletions(["tasks"]);
    assert_eq!(deletions, beat.concurrent_deletions(["tasks"]));
    assert_eq!(deletions.len(), 1, "t2 was edited by nobody");
    assert_eq!(deletions[0].path, Path::from(["tasks", "t1"]));
    assert_eq!(deletions[0].deleted_by.change, deletion.hash());
    assert_eq!(deletions[0].deleted_by.actor, ANNA);
    assert_eq!(deletions[0].edited_by.len(), 1);
    assert_eq!(deletions[0].edited_by[0].change, completion.hash());
    let status = deletions[0].last_value.as_map().unwrap().get("status");
    assert_eq!(status, Some(&Value::from("done")));
    // Putting it back answers the report.
    let value = deletions[0].last_value.clone();
    edit(&mut beat, |editor| editor.put(["tasks", "t1"], value));
    exchange(&mut anna, &mut beat);
    assert!(anna.concurrent_deletions(["tasks"]).is_empty());
}

#[test]
fn a_deletion_that_knew_the_edit_is_not_reported() {
    let (mut anna, mut beat) = pair("Deutsch.");
    edit(&mut beat, |editor| {
        editor.put(["goals", "g1", "status"], "done")
    });
    exchange(&mut anna, &mut beat);
    edit(&mut anna, |editor| editor.delete(["goals", "g1"]));
    edit(&mut beat, |editor| editor.put(["client", "name"], "A"));
    exchange(&mut anna, &mut beat);
    assert!(anna.concurrent_deletions(["goals"]).is_empty());
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Add(u8),
    Delete(u8),
    Reword(u8, u8),
    Increment(i8),
    Receive(u8),
}

fn steps() -> impl Strategy<Value = Vec<(u8, Step)>> {
    let step = prop_oneof![
        (0..3u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        (0..4u8).prop_map(Step::Add),
        (0..4u8).prop_map(Step::Delete),
        (0..20u8, any::<u8>()).prop_map(|(place, letter)| Step::Reword(place, letter)),
        any::<i8>().prop_map(Step::Increment),
        (0..3u8).prop_map(Step::Receive),
    ];
    proptest::collection::vec((0..3u8, step), 1..40)
}

fn perform(document: &mut Document, step: &Step) -> Option<EncodedChange> {
    let result = try_edit(document, |editor| match step {
        Step::Put(key, value) => editor.put(["client", &key.to_string()], i64::from(*value)),
        Step::Add(id) => {
            // A random id in life: one per author here.
            let path = Path::from(["goals", &id.to_string()]);
            if editor.exists(&path) {
                return editor.put(path.join("status"), "again");
            }
            editor.put_map(&path)?;
            editor.put(path.join("visits"), Value::Counter(0))
        }
        Step::Delete(id) => editor.delete(["goals", &id.to_string()]),
        Step::Reword(place, letter) => {
            let length = editor.get(["tasks", "t", "text"]);
            let length = length.and_then(|text| text.as_str().map(|text| text.chars().count()));
            let place = usize::from(*place).min(length.unwrap_or(0));
            let letter = char::from(b'a' + letter % 26).to_string();
            let delete = usize::from(length.unwrap_or(0) > place && *letter > *"m");
            editor.splice_text(["tasks", "t", "text"], place, delete, &letter)
        }
        Step::Increment(by) => editor.increment(["tasks", "t", "visits"], i64::from(*by)),
        Step::Receive(_) => Ok(()),
    });
    result.unwrap()
}

fn actor_of(author: u8) -> Actor {
    [ANNA, BEAT, CARLA][usize::from(author)]
}

fn answers(document: &Document) -> String {
    format!(
        "{:?} {} {:?} {:?} {:?} {:?}",
        document.heads(),
        document.export_json(),
        document.conflicts(),
        document.soft_text_conflicts(["tasks", "t", "text"]),
        document.concurrent_deletions(["goals"]),
        document.history()
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn batches_in_any_causal_order_give_equal_documents(history in steps(), order in any::<u64>()) {
        let mut start = replica(ANNA);
        let first = edit(&mut start, |editor| {
            editor.put_map(["tasks", "t"])?;
            editor.put(["tasks", "t", "visits"], Value::Counter(0))?;
            editor.put_text(["tasks", "t", "text"], "Sie lernt. Er hilft.")
        });
        let mut replicas: Vec<Document> = (0..3)
            .map(|author| {
                let mut document = replica(actor_of(author));
                apply(&mut document, &[&first]);
                document
            })
            .collect();
        let mut changes = vec![first];
        for (author, step) in &history {
            if let Step::Receive(from) = step {
                let from = replicas[usize::from(*from)].clone();
                bring(&from, &mut replicas[usize::from(*author)]);
            } else {
                changes.extend(perform(&mut replicas[usize::from(*author)], step));
            }
        }
        for index in [1, 2, 0, 1, 2] {
            let from = replicas[index].clone();
            for to in &mut replicas {
                bring(&from, to);
            }
        }
        // A newcomer receives them in another causal order, in batches of random size.
        let mut newcomer = replica(CARLA);
        let mut random = order;
        let mut waiting = changes;
        while !waiting.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let ready: Vec<usize> = (0..waiting.len())
                .filter(|index| waiting[*index].dependencies().iter().all(|dependency| newcomer.contains(dependency)))
                .collect();
            let chosen = ready[(random >> 33) as usize % ready.len()];
            let mut batch = vec![waiting.remove(chosen)];
            while random & 1 == 1 && !waiting.is_empty() {
                random >>= 1;
                let known = |hash| newcomer.contains(hash) || batch.iter().any(|change| change.hash() == *hash);
                match waiting.iter().position(|change| change.dependencies().iter().all(known)) {
                    Some(next) => batch.push(waiting.remove(next)),
                    None => break,
                }
            }
            apply(&mut newcomer, &batch.iter().collect::<Vec<_>>());
        }
        let expected = answers(&newcomer);
        for document in &replicas {
            prop_assert_eq!(&answers(document), &expected);
        }
        let loaded = Document::load(&newcomer.save(), CARLA).unwrap();
        prop_assert_eq!(&answers(&loaded), &expected);
    }
}
