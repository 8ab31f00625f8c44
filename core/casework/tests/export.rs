//! A case is written to a file and read again: the same content, nothing lost without a word.

mod support;

use std::collections::BTreeMap;

use nahtlos_casework::export::{SectionToExport, case_file};
use nahtlos_casework::fields::EntryId;
use nahtlos_casework::{CaseFile, Edit, SectionKind};
use nahtlos_document::Path;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use support::{Replica, authors, replicas};

const EXAMPLE: &str = include_str!("data/case-mosimann.json");
/// Every list and every reference that a case file can hold.
const FULL: &str = include_str!("data/case-full.json");

fn ids(from: u64) -> impl FnMut() -> EntryId {
    let mut next = from;
    move || {
        next += 1;
        EntryId::from_random(next.to_be_bytes())
    }
}

/// The sections that these edits make, each written by Berger.
fn sections(edits: &[Edit]) -> BTreeMap<SectionKind, Replica> {
    let mut sections: BTreeMap<SectionKind, Replica> = BTreeMap::new();
    for edit in edits {
        let kind = edit.section();
        let replica = sections.entry(kind.clone()).or_insert_with(|| {
            let [berger, ..] = replicas(&kind);
            berger
        });
        replica.apply(edit, 1);
    }
    sections
}

fn exported(sections: &BTreeMap<SectionKind, Replica>) -> Json {
    let authors = authors();
    let sections: Vec<SectionToExport<'_>> = sections
        .iter()
        .map(|(kind, replica)| SectionToExport {
            kind: kind.clone(),
            document: &replica.document,
            authors: &authors,
        })
        .collect();
    case_file(&sections, Map::new())
}

fn read(file: &Json) -> CaseFile {
    CaseFile::parse(&file.to_string()).unwrap_or_else(|errors| panic!("{errors:?}\n{file:#}"))
}

fn opened(json: &str) -> BTreeMap<SectionKind, Replica> {
    let file = CaseFile::parse(json).unwrap_or_else(|errors| panic!("{errors:?}"));
    sections(&file.edits(&mut ids(0)))
}

#[test]
fn a_case_that_is_exported_and_opened_again_says_the_same() {
    for example in [EXAMPLE, FULL] {
        let first = exported(&opened(example));
        let again = exported(&sections(&read(&first).edits(&mut ids(1_000_000))));
        assert_eq!(first, again);
        assert!(first.get("other_values").is_none(), "{first:#}");
    }
}

#[test]
fn whatever_a_case_file_says_stands_in_the_export_of_its_case() {
    let said: Json = serde_json::from_str(FULL).unwrap();
    let written = exported(&opened(FULL));
    let mut missing = Vec::new();
    compare(&said, &written, "$", &mut missing);
    assert!(missing.is_empty(), "{missing:#?}\n{written:#}");
}

/// Everything of `said` stands in `written`, where entries with an id may stand in another order.
fn compare(said: &Json, written: &Json, path: &str, missing: &mut Vec<String>) {
    match (said, written) {
        (Json::Object(said), Json::Object(written)) => {
            for (name, value) in said {
                let path = format!("{path}.{name}");
                match written.get(name) {
                    Some(written) => compare(value, written, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        (Json::Array(said), Json::Array(written)) => {
            for (position, value) in said.iter().enumerate() {
                let id = |entry: &Json| entry.get("id").or(entry.get("section")).cloned();
                let same = match id(value) {
                    Some(wanted) => written
                        .iter()
                        .find(|entry| id(entry) == Some(wanted.clone())),
                    None => written.get(position),
                };
                let path = format!("{path}[{position}]");
                match same {
                    Some(written) => compare(value, written, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        (said, written) if said == written => {}
        _ => missing.push(format!("{path}: {said} is {written}")),
    }
}

#[test]
fn what_a_newer_version_wrote_stands_in_the_file_as_it_is_stored_and_the_file_can_still_be_read() {
    let mut sections = opened(FULL);
    let put =
        |sections: &mut BTreeMap<SectionKind, Replica>, kind: &SectionKind, steps: &[&str]| {
            let path: Path = steps.iter().copied().collect();
            let replica = sections.get_mut(kind).unwrap();
            replica.tamper(|editor| editor.put(path.clone(), "of a newer version"));
        };
    let goal = "aaaaaaaaaaaq2";
    let places: [(SectionKind, &[&str]); 7] = [
        (SectionKind::Core, &["person", "pronoun"]),
        (SectionKind::Core, &["case", "phase"]),
        (SectionKind::Plan, &["goals", goal, "status"]),
        (SectionKind::Plan, &["plan", "outlook"]),
        (SectionKind::Labour, &["fields", "shift_work"]),
        (SectionKind::Labour, &["fields", "job_search_duty"]),
        (SectionKind::Tasks, &["tasks", "aaaaaaaaaaatc", "status"]),
    ];
    for (kind, steps) in &places {
        put(&mut sections, kind, steps);
    }
    let file = exported(&sections);
    let other = file["other_values"].as_array().unwrap();
    assert_eq!(other.len(), places.len(), "{other:#?}");
    for (kind, steps) in &places {
        let wanted =
            json!({ "section": kind.code(), "path": steps, "value": "of a newer version" });
        assert!(other.contains(&wanted), "{wanted} in {other:#?}");
    }
    let read = read(&file);
    assert_eq!(read.other_values(), places.len());
    let reopened = exported(&self::sections(&read.edits(&mut ids(1_000_000))));
    assert_eq!(reopened["person"], file["person"]);
    assert!(
        reopened.get("phase").is_none(),
        "not taken for another code"
    );
}

#[test]
fn an_entry_of_a_newer_kind_is_kept_whole_beside_the_list_and_what_corrects_it_stands_alone() {
    let mut sections = opened(FULL);
    let journal = sections.get_mut(&SectionKind::Journal).unwrap();
    journal.tamper_with(|editor| {
        let entry: Path = Path::from_iter(["entries", "aaaaaaaaaaqaa"]);
        editor.put_map(&entry).unwrap();
        editor.put(entry.join("kind"), "video_call").unwrap();
        editor
            .put(entry.join("text"), "Gespräch über Bildschirm")
            .unwrap();
        editor
            .put(entry.join("at"), "2026-09-11T08:00:00Z")
            .unwrap();
        let later: Path = Path::from_iter(["entries", "aaaaaaaaaaqba"]);
        editor.put_map(&later).unwrap();
        editor.put(later.join("kind"), "note").unwrap();
        editor.put(later.join("text"), "Es war am 12.").unwrap();
        editor
            .put(later.join("correction_of"), "aaaaaaaaaaqaa")
            .unwrap();
    });
    let file = exported(&sections);
    let texts: Vec<&str> = file["journal"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["text"].as_str())
        .collect();
    assert!(texts.contains(&"Es war am 12."), "{texts:?}");
    assert!(!texts.contains(&"Gespräch über Bildschirm"));
    let other = file["other_values"].to_string();
    for kept in ["video_call", "Gespräch über Bildschirm", "correction_of"] {
        assert!(other.contains(kept), "{kept} in {other}");
    }
    read(&file);
}

#[test]
fn deleted_entries_are_not_in_the_file_and_a_changed_journal_entry_stands_as_it_was_written() {
    let mut sections = opened(FULL);
    let tasks = sections.get_mut(&SectionKind::Tasks).unwrap();
    let first = Path::from_iter(["tasks", "aaaaaaaaaaatc", "deleted"]);
    tasks.tamper(|editor| editor.put(first.clone(), true));
    let journal = sections.get_mut(&SectionKind::Journal).unwrap();
    let text = Path::from_iter(["entries", "aaaaaaaaaaaje", "text"]);
    journal.tamper(|editor| editor.put(text.clone(), "nie so gesagt"));
    let file = exported(&sections);
    assert_eq!(file["tasks"].as_array().unwrap().len(), 1);
    assert!(!file["tasks"].to_string().contains("aaaaaaaaaaatc"));
    assert!(!file["journal"].to_string().contains("nie so gesagt"));
    // It counts for nothing, and is not swept away either.
    assert!(file["other_values"].to_string().contains("nie so gesagt"));
    read(&file);
}

#[test]
fn references_in_a_file_must_lead_somewhere_and_not_in_a_circle() {
    let full: Json = serde_json::from_str(FULL).unwrap();
    let refused = |pointer: &str, value: Json| {
        let mut file = full.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(parent).unwrap()[name] = value;
        let text = serde_json::to_string_pretty(&file).unwrap();
        let errors = CaseFile::parse(&text).unwrap_err();
        let first = errors.first().unwrap();
        assert!(first.line.is_some() && !first.remedy.is_empty(), "{first}");
        (first.path.clone(), first.code)
    };
    let nobody = json!("aaaaaaaaaazzy");
    for (pointer, value, path, code) in [
        (
            "/journal/1/correction_of",
            nobody.clone(),
            "$.journal[1].correction_of",
            "no_such_entry",
        ),
        (
            "/journal/0/correction_of",
            json!("aaaaaaaaaaajg"),
            "$.journal[0].correction_of",
            "circle",
        ),
        (
            "/journal/1/id",
            json!("aaaaaaaaaaaje"),
            "$.journal[1].id",
            "duplicate",
        ),
        ("/journal/1/id", json!("x"), "$.journal[1].id", "format"),
        (
            "/plan/goals/0/steps/0/depends_on",
            json!(["aaaaaaaaaaase"]),
            "$.plan.goals[0].steps[0].depends_on",
            "circle",
        ),
        (
            "/plan/goals/0/steps/0/depends_on",
            json!([nobody]),
            "$.plan.goals[0].steps[0].depends_on",
            "no_such_step",
        ),
        (
            "/plan/goals/0/steps/0/status",
            json!("approved"),
            "$.plan.goals[0].steps[0].status",
            "use_approve",
        ),
        (
            "/plan/goals/0/steps/0/status",
            json!("aborted"),
            "$.plan.goals[0].steps[0].status",
            "reason_missing",
        ),
        (
            "/plan/reviews/0/ratings",
            json!("aaaaaaaaaazzy=1"),
            "$.plan.reviews[0].ratings",
            "no_such_goal",
        ),
        (
            "/further/0/section",
            json!("journal"),
            "$.further[0].section",
            "not_further",
        ),
        (
            "/further/1/section",
            json!("measure/kurs-1"),
            "$.further[1].section",
            "duplicate",
        ),
        (
            "/tasks/0/checklist",
            json!([{"text": "x", "done": "yes"}]),
            "$.tasks[0].checklist[0].done",
            "type",
        ),
        (
            "/tasks/0/links",
            json!(["core/x"]),
            "$.tasks[0].links[0]",
            "format",
        ),
        (
            "/tasks/0/reminder",
            json!("2027-02-30"),
            "$.tasks[0].reminder",
            "no_such_day",
        ),
    ] {
        assert_eq!(
            refused(pointer, value),
            (path.to_owned(), code),
            "{pointer}"
        );
    }
}

#[test]
fn a_section_that_is_not_at_hand_is_not_in_the_file() {
    let mut sections = opened(FULL);
    sections.remove(&SectionKind::Ident);
    sections.remove(&SectionKind::Medical);
    let file = exported(&sections);
    assert!(file.get("ident").is_none());
    let text = file.to_string();
    assert!(!text.contains("7561234567897") && !text.contains("Erschöpfungsdepression"));
    let all = exported(&opened(FULL)).to_string();
    assert!(
        all.contains("7561234567897") && all.contains("Erschöpfungsdepression"),
        "control"
    );
}

/// A text of one line that a field takes: letters that other programs stumble over among them.
fn line() -> impl Strategy<Value = String> {
    "[a-zA-ZäöüßčéЖ,;\"'=+@\\\\ -]{0,30}[a-zé=\"]"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_texts_survive_export_and_opening(
        name in "[A-ZÄŽ][a-zäöüčé' -]{0,20}[a-z]",
        texts in proptest::collection::vec(line(), 1..8),
        statuses in proptest::collection::vec(0usize..4, 1..6),
        truth in any::<bool>(),
    ) {
        let status = ["open", "in_progress", "done", "cancelled"];
        let goals = ["open", "active", "partly", "dropped"];
        let journal: Vec<Json> = texts.iter().map(|text| json!({"kind": "note", "text": text})).collect();
        let tasks: Vec<Json> = statuses.iter().zip(texts.iter().cycle()).map(|(which, text)| json!({
            "title": text, "status": status[*which], "checklist": [{"text": text, "done": truth}],
        })).collect();
        let goals: Vec<Json> = statuses.iter().zip(texts.iter().cycle()).map(|(which, text)| json!({
            "statement": text, "status": goals[*which],
            "steps": [{"title": text, "status": "refused", "reason": text}],
        })).collect();
        let file = json!({
            "schema_version": 1,
            "person": { "official_name": name },
            "contact": { "voicemail_allowed": truth },
            "journal": journal, "tasks": tasks, "plan": { "goals": goals, "situation": texts[0] },
            "labour": { "employments": texts.iter().map(|text| json!({"employer": text})).collect::<Vec<_>>() },
        });
        let first = exported(&opened(&file.to_string()));
        let again = exported(&sections(&read(&first).edits(&mut ids(1_000_000))));
        prop_assert_eq!(&first, &again);
        for text in &texts {
            let stored = first["journal"].as_array().unwrap().iter();
            prop_assert!(stored.clone().any(|entry| entry["text"].as_str().map(str::trim) == Some(text.trim())));
        }
    }
}
