//! A case is written to a file and read again: the same content, nothing lost without a word.

mod support;

use std::collections::BTreeMap;

use nahtlos_casework::edit::{
    CoreEdit, CoreField, DisputeChange, DisputeEdit, FormChange, FormEdit, JournalEdit,
    ScalarValue, TakenOverEdit,
};
use nahtlos_casework::export::{SectionToExport, case_file};
use nahtlos_casework::fields::{EntryId, Field};
use nahtlos_casework::view::{DisputesView, JournalView};
use nahtlos_casework::{CaseFile, Edit, SectionKind, sample};
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
        assert_eq!(without_authors(&first), without_authors(&again));
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

/// A round table is called and nobody has minuted its second point; two write the first one's minutes at once until
/// they are too long for a file.
#[test]
fn a_point_that_nobody_has_minuted_is_read_again_and_a_merged_text_that_is_too_long_stays_beside_the_rest()
 {
    let meeting = SectionKind::Meeting("standort-1".to_owned());
    let point = |number: u8| {
        Edit::Form(FormEdit {
            section: meeting.clone(),
            change: FormChange::Add {
                list: "agenda".to_owned(),
                id: support::id(number),
                correction_of: None,
                values: BTreeMap::from([(
                    "point".to_owned(),
                    ScalarValue::Text(format!("Punkt {number}")),
                )]),
            },
        })
    };
    let mut sections = opened(EXAMPLE);
    sections.insert(meeting.clone(), replicas(&meeting)[0].clone());
    let replica = sections.get_mut(&meeting).unwrap();
    replica.apply(&point(1), 1);
    replica.apply(&point(2), 1);
    let file = exported(&sections);
    assert!(file.get("other_values").is_none(), "{file:#}");
    let agenda = file["further"][0]["agenda"].as_array().unwrap();
    assert_eq!(agenda.len(), 2);
    assert!(agenda.iter().all(|point| point.get("minutes").is_none()));
    let again = exported(&self::sections(&read(&file).edits(&mut ids(1_000_000))));
    assert_eq!(
        without_authors(&file)["further"],
        without_authors(&again)["further"]
    );

    let long = "Alle sind einverstanden. ".repeat(120);
    let minutes = Path::from_iter([
        "entries".to_owned(),
        support::id(1).canonical(),
        "minutes".to_owned(),
    ]);
    let replica = sections.get_mut(&meeting).unwrap();
    replica.tamper(|editor| editor.update_text(&minutes, &long));
    let file = exported(&sections);
    read(&file);
    let other = file["other_values"].as_array().unwrap();
    assert_eq!(other.len(), 1);
    assert_eq!(
        (&other[0]["section"], &other[0]["value"]),
        (&json!(meeting.code()), &json!(long))
    );
    assert_eq!(
        file["further"][0]["agenda"].as_array().unwrap().len(),
        2,
        "nothing else is lost"
    );
}

/// Two set the days of one job at the same time; a modified program leaves the employer out, and a required kind.
#[test]
fn what_no_file_may_say_stands_beside_the_rest_of_an_export_that_can_still_be_read() {
    let mut sections = opened(FULL);
    let labour = sections.get_mut(&SectionKind::Labour).unwrap();
    let job = |field: &str| Path::from_iter(["entries", "aaaaaaaaaaaea", field]);
    labour.tamper(|editor| editor.put(job("from"), "2026-01"));
    let function = sections.get_mut(&SectionKind::Function).unwrap();
    function.tamper_with(|editor| {
        let entry = Path::from_iter(["assessments", "aaaaaaaaaaafc"]);
        editor.put_map(&entry).unwrap();
        for (name, value) in [
            ("capacity", "40"),
            ("from", "2026-09-01"),
            ("to", "2026-08-01"),
            ("basis", "x"),
        ] {
            editor.put(entry.join(name), value).unwrap();
        }
    });
    let file = exported(&sections);
    read(&file);
    let other = file["other_values"].to_string();
    for kept in ["2025-11", "2026-08-01"] {
        assert!(other.contains(kept), "{kept} in {other}");
    }
    assert_eq!(
        file["labour"]["employments"][0]["employer"],
        "Manufacture \"Le Locle\" SA"
    );
    assert_eq!(file["function"].as_array().unwrap().len(), 2);
}

#[test]
fn invented_cases_and_one_with_every_field_filled_are_exported_opened_and_exported_alike() {
    let mut files: Vec<Json> = (0..12)
        .map(|number| {
            sample::Sample::generate(7, number)
                .unwrap()
                .case_file()
                .unwrap()
        })
        .collect();
    files.push(exported(&opened(
        &sample::filled_case_file("rav").to_string(),
    )));
    for first in files {
        let file = read(&first);
        assert_eq!(file.other_values(), 0, "{:#}", first["other_values"]);
        let again = exported(&sections(&file.edits(&mut ids(1_000_000))));
        let mut expected = without_authors(&first);
        expected["reference"] = again["reference"].clone();
        assert_eq!(expected, without_authors(&again));
    }
}

/// Of the file nothing but who wrote what, when.
fn without_authors(file: &Json) -> Json {
    match file {
        Json::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["written_by", "written_at"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), without_authors(value)))
            .collect(),
        Json::Array(entries) => entries.iter().map(without_authors).collect(),
        single => single.clone(),
    }
}

/// Sommer wrote an entry and what the person contests in it; Berger exports the case and opens it again, and once more.
#[test]
fn what_is_contested_and_who_wrote_an_entry_are_taken_over_and_what_is_not_is_counted() {
    let mut sections = opened(EXAMPLE);
    let [.., mut sommer, _] = replicas(&SectionKind::Journal);
    sommer.pull(&sections[&SectionKind::Journal]);
    let entry = Edit::Journal(JournalEdit::AddEntry {
        id: support::id(1),
        at: None,
        kind: support::field("note"),
        text: support::field("Er war nicht da."),
        correction_of: None,
    });
    sommer.apply(&entry, 5);
    let mark = |id: u8, change| {
        Edit::Dispute(DisputeEdit {
            section: SectionKind::Journal,
            change: match change {
                None => DisputeChange::State {
                    id: support::id(id),
                    path: vec!["entries".to_owned(), support::id(1).canonical()],
                    text: support::field("Ich war da."),
                    stated_at: support::field("2027-03-12"),
                },
                Some(dispute) => DisputeChange::Settle {
                    id: support::id(id),
                    dispute: support::id(dispute),
                    text: support::field("Der Bus hatte Verspätung."),
                    stated_at: support::field("2027-03-20"),
                },
            },
        })
    };
    sommer.apply(&mark(2, None), 6);
    sommer.apply(&mark(3, None), 6);
    sommer.apply(&mark(4, Some(3)), 7);
    sections.insert(SectionKind::Journal, sommer);
    let mut first = exported(&sections);
    first["reference"]["conflicts"] = json!(2);
    first["reference"]["consent"] =
        json!({ "events": { "a": { "kind": "given" }, "b": { "kind": "withdrawn" } } });
    first["reference"]["disputes"]["core"] =
        json!([{ "path": ["person", "birth"], "text": "", "stated_at": "x" }]);
    let mut file = read(&first);
    let left: Vec<_> = file
        .left_behind()
        .iter()
        .map(|left| (left.what, left.count))
        .collect();
    assert_eq!(left, [("consents", 1), ("conflicts", 2), ("disputes", 1)]);
    for _ in 0..2 {
        let mut again = self::sections(&file.edits(&mut ids(1_000_000)));
        let (marks, without_place) = {
            let exists = |kind: &SectionKind, place: &Path| {
                again
                    .get(kind)
                    .is_some_and(|replica| replica.document.read().exists(place))
            };
            assert_eq!(
                file.dispute_edits(&mut ids(1), &|_, _| false),
                (Vec::new(), 2)
            );
            file.dispute_edits(&mut ids(2_000_000), &exists)
        };
        assert_eq!(without_place, 0);
        let journal = again.get_mut(&SectionKind::Journal).unwrap();
        marks.iter().for_each(|mark| journal.apply(mark, 9));
        let view = DisputesView::read(&journal.document, &authors());
        assert!(view.violations.is_empty());
        assert!(view.concerns(&["entries", &support::id(1).canonical()]));
        let settled: Vec<usize> = view.disputes.iter().map(|one| one.settled.len()).collect();
        assert_eq!(settled.iter().sum::<usize>(), 1);
        let by_of = |origin: &nahtlos_casework::Origin| {
            let source = origin.taken_over.as_ref().unwrap();
            assert_eq!(
                origin.author.as_ref().unwrap().person.as_str(),
                "berger",
                "who took it over signs"
            );
            (
                source.written_by.canonical(),
                source.written_at.as_ref().unwrap().canonical(),
            )
        };
        let said = view.disputes.iter().map(|one| by_of(&one.origin));
        assert!(said.clone().all(|(by, _)| by == "sommer (soz)"));
        let view = JournalView::read(&journal.document, &authors());
        let entry = view
            .entries
            .iter()
            .find(|one| one.id.canonical() == support::id(1).canonical());
        assert_eq!(
            by_of(&entry.unwrap().origin),
            ("sommer (soz)".to_owned(), support::at(5).canonical())
        );
        // The same once more: the first author is still told.
        let exported = exported(&again);
        assert!(exported.get("other_values").is_none(), "{exported:#}");
        file = read(&exported);
        assert_eq!(file.left_behind(), []);
    }
}

#[test]
fn only_what_adds_an_entry_says_who_wrote_it_in_a_file() {
    let [mut berger, ..] = replicas(&SectionKind::Core);
    let edit = Edit::TakenOver(TakenOverEdit {
        edit: Box::new(Edit::Core(CoreEdit::Set(CoreField::FirstName(
            support::field("Ruth"),
        )))),
        written_by: support::field("Sommer"),
        written_at: None,
    });
    assert_eq!(berger.try_apply(&edit, 1).unwrap_err().code(), "no_entry");
    let nested = Edit::TakenOver(TakenOverEdit {
        edit: Box::new(edit),
        written_by: support::field("Sommer"),
        written_at: None,
    });
    assert_eq!(berger.try_apply(&nested, 1).unwrap_err().code(), "no_entry");
    let mut wrong: Json = serde_json::from_str(FULL).unwrap();
    wrong["journal"][0]["written_by"] = json!({ "name": "x".repeat(3_000) });
    wrong["journal"][0]["written_at"] = json!("gestern");
    let errors = CaseFile::parse(&wrong.to_string()).unwrap_err();
    let codes: Vec<_> = errors
        .iter()
        .map(|error| (error.path.as_str(), error.code))
        .collect();
    assert_eq!(
        codes,
        [
            ("$.journal[0].written_at", "format"),
            ("$.journal[0].written_by", "too_long")
        ]
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
        prop_assert_eq!(without_authors(&first), without_authors(&again));
        for text in &texts {
            let stored = first["journal"].as_array().unwrap().iter();
            prop_assert!(stored.clone().any(|entry| entry["text"].as_str().map(str::trim) == Some(text.trim())));
        }
    }
}
