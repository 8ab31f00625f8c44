//! A case from a file: everything or nothing, every error with its place.

mod support;

use nahtlos_casework::fields::{EntryId, Phase, Stored};
use nahtlos_casework::view::{CoreView, FunctionView, JournalView, PlanView, TasksView};
use nahtlos_casework::{CaseFile, Edit, SECTIONS_OPENED_AT_ONCE, SectionKind};
use serde_json::{Value as Json, json};
use support::{authors, replicas};

const EXAMPLE: &str = include_str!("data/case-mosimann.json");

fn ids() -> impl FnMut() -> EntryId {
    let mut next = 0u64;
    move || {
        next += 1;
        EntryId::from_random(next.to_be_bytes())
    }
}

#[test]
fn the_example_makes_a_case_with_the_five_sections_opened_at_once() {
    let edits = CaseFile::parse(EXAMPLE).unwrap().edits(&mut ids());
    assert!(
        edits
            .iter()
            .all(|edit| edit.section() != SectionKind::Ident)
    );
    let mut documents = Vec::new();
    for section in SECTIONS_OPENED_AT_ONCE {
        let [mut replica, ..] = replicas(&section);
        for edit in edits.iter().filter(|edit| edit.section() == section) {
            replica.apply(edit, 1);
        }
        documents.push(replica.document);
    }
    let [core, function, journal, tasks, plan] = documents.try_into().unwrap();
    let core = CoreView::read(&core);
    assert_eq!(core.display_name().as_deref(), Some("Ruth Mosimann"));
    assert_eq!(core.phase, Some(Stored::Known(Phase::Consented)));
    assert_eq!(core.bodies.len(), 4);
    assert_eq!(
        FunctionView::read(&function, &authors()).assessments.len(),
        1
    );
    assert_eq!(JournalView::read(&journal, &authors()).entries.len(), 2);
    let tasks = TasksView::read(&tasks);
    assert_eq!(tasks.tasks.len(), 2);
    assert_eq!(tasks.tasks[0].checklist.len(), 2);
    let plan = PlanView::read(&plan, &authors());
    assert_eq!(plan.goals.len(), 2);
    assert_eq!(plan.goals[0].steps.len(), 3);
    let known = |text: &str| text.starts_with("Frau Mosimann findet");
    assert!(known(
        &plan.goals[0].statement.as_ref().unwrap().canonical()
    ));
    // Nothing in the example is of an unknown form.
    let json = serde_json::to_string(&(core, tasks, plan)).unwrap();
    assert!(json.contains("+41795550142") && json.contains("rav-langnau=50;soz-oberemmental=50"));
}

/// The example with one place changed.
fn with(pointer: &str, value: Json) -> String {
    let mut file: Json = serde_json::from_str(EXAMPLE).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap();
    match parent {
        Json::Object(fields) => {
            fields.insert(name.to_owned(), value);
        }
        Json::Array(elements) => elements[name.parse::<usize>().unwrap()] = value,
        _ => panic!("no container at {pointer}"),
    }
    file.to_string()
}

#[test]
fn every_wrong_place_is_named_with_reason_and_remedy() {
    let goal = "/plan/goals/0";
    for (pointer, value, path, code) in [
        (
            "/schema_version",
            json!(2),
            "$.schema_version",
            "schema_version",
        ),
        ("/person", json!(null), "$.person", "missing"),
        (
            "/person/official_name",
            json!(null),
            "$.person.official_name",
            "missing",
        ),
        (
            "/person/birth",
            json!("1982-02-30"),
            "$.person.birth",
            "no_such_day",
        ),
        (
            "/person/frist_name",
            json!("Ruth"),
            "$.person.frist_name",
            "unknown_field",
        ),
        (
            "/person/nationalities",
            json!(["CH"]),
            "$.person.nationalities",
            "unknown_field",
        ),
        (
            "/contact/voicemail_allowed",
            json!("yes"),
            "$.contact.voicemail_allowed",
            "type",
        ),
        (
            "/contact/address/postcode",
            json!(999),
            "$.contact.address.postcode",
            "range",
        ),
        ("/contact/address", json!([]), "$.contact.address", "type"),
        (
            "/bodies/0/kind",
            json!("bank"),
            "$.bodies[0].kind",
            "unknown_code",
        ),
        (
            "/function/0/capacity",
            json!(42),
            "$.function[0].capacity",
            "range",
        ),
        (
            "/function/0/to",
            json!("2026-08-31"),
            "$.function[0].to",
            "order",
        ),
        ("/journal/0/text", json!(""), "$.journal[0].text", "empty"),
        ("/tasks/0/due", json!(true), "$.tasks[0].due", "type"),
        (
            "/tasks/0/checklist",
            json!(vec!["x"; 101]),
            "$.tasks[0].checklist",
            "too_many",
        ),
        ("/tasks", json!(vec![1; 10_001]), "$.tasks", "too_many"),
        (
            "/plan/goals/0/steps/2/payers",
            json!("iv-bern=99"),
            "$.plan.goals[0].steps[2].payers",
            "sum",
        ),
        (
            "/plan/goals/0/steps/2/end",
            json!("2027-01-10"),
            "$.plan.goals[0].steps[2].end",
            "order",
        ),
        (
            "/plan/goals/0/statement",
            json!("x".repeat(2001)),
            "$.plan.goals[0].statement",
            "too_long",
        ),
        (
            "/ident",
            json!({ "ahvn13": "756.1234.5678.90" }),
            "$.ident.ahvn13",
            "check_digit",
        ),
        (
            "/ident",
            json!({ "zemis": "none" }),
            "$.ident.zemis",
            "no_digit",
        ),
        ("/ident", json!("7561234567897"), "$.ident", "type"),
        (
            "/ident",
            json!({ "ahv": "7561234567897" }),
            "$.ident.ahv",
            "unknown_field",
        ),
        (
            "/ident",
            json!({ "local_ids": [{ "institution": "iv-bern" }] }),
            "$.ident.local_ids[0].number",
            "missing",
        ),
        ("/genetics", json!({}), "$.genetics", "unknown_field"),
    ] {
        let errors = CaseFile::parse(&with(pointer, value)).unwrap_err();
        let [error] = errors.as_slice() else {
            panic!("{pointer}: {errors:?}");
        };
        assert_eq!((error.path.as_str(), error.code), (path, code));
        assert!(!error.reason.is_empty() && !error.remedy.is_empty());
        assert!(
            !error.to_string().contains("1234"),
            "no number is repeated: {error}"
        );
    }
    // Control: the same way of changing the file with a right value.
    assert!(CaseFile::parse(&with(&format!("{goal}/priority"), json!(3))).is_ok());
}

#[test]
fn all_errors_come_at_once() {
    let file = json!({
        "schema_version": 1,
        "person": { "official_name": "", "birth": "x", "sex": 9 },
        "tasks": [{ "due": "tomorrow" }],
    });
    let errors = CaseFile::parse(&file.to_string()).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "$.person.official_name",
            "$.person.birth",
            "$.person.sex",
            "$.tasks[0].title",
            "$.tasks[0].due"
        ]
    );
}

#[test]
fn what_is_no_json_is_refused_without_repeating_it() {
    for wrong in ["", "{", "[]", "{\"person\": Mosimann}", "42"] {
        let errors = CaseFile::parse(wrong).unwrap_err();
        assert_eq!(errors.len(), 1, "{wrong}");
        assert!(!errors[0].to_string().contains("Mosimann"));
    }
    let deep = "[".repeat(100_000);
    assert_eq!(CaseFile::parse(&deep).unwrap_err()[0].code, "syntax");
    let long = format!("\"{}\"", "x".repeat(33 * 1024 * 1024));
    assert_eq!(CaseFile::parse(&long).unwrap_err()[0].code, "too_long");
}

#[test]
fn every_section_of_the_file_has_a_document() {
    let edits = CaseFile::parse(EXAMPLE).unwrap().edits(&mut ids());
    assert!(
        edits
            .iter()
            .all(|edit| edit.section() != SectionKind::Medical)
    );
    for edit in &edits {
        edit.validate().unwrap();
    }
}

#[test]
fn a_case_file_with_more_sections_makes_edits_of_each_and_names_the_line_of_every_error() {
    let file = r#"{ "schema_version": 1,
  "person": { "official_name": "Mosimann" },
  "labour": { "occupation": "Koch", "employments": [ { "employer": "Spitex", "from": "2019" } ] },
  "education": { "languages": [ { "language": "de", "native": true } ] },
  "social": { "housing": "rented", "debts": [ { "creditor": "Steueramt", "amount": 4200 } ] },
  "finance": { "allowances": [ { "kind": "wage", "payer": "Spitex" } ] },
  "migration": { "permit": "B", "recognised_refugee": false },
  "protection": { "hidden_address": { "street": "Weg", "town": "Bern" } }
}"#;
    let edits = CaseFile::parse(file).unwrap().edits(&mut ids());
    for code in [
        "labour",
        "education",
        "social",
        "finance",
        "migration",
        "protection",
    ] {
        let section = SectionKind::from_code(code);
        let of_it: Vec<&Edit> = edits
            .iter()
            .filter(|edit| edit.section() == section)
            .collect();
        assert!(!of_it.is_empty(), "{code}");
        of_it.iter().for_each(|edit| edit.validate().unwrap());
    }
    let wrong = file
        .replace("\"2019\"", "\"yesterday\"")
        .replace("\"rented\"", "\"castle\"")
        .replace("\"kind\": \"wage\", ", "");
    let errors = CaseFile::parse(&wrong).unwrap_err();
    let told: Vec<(Option<usize>, &str)> = errors
        .iter()
        .map(|error| (error.line, error.path.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some(3), "$.labour.employments[0].from"),
            (Some(5), "$.social.housing"),
            (Some(6), "$.finance.allowances[0].kind"),
        ]
    );
    assert!(errors[0].to_string().starts_with("line 3, $.labour"));
    // What another team manages stands apart in a case file, and what was read of a case not at all.
    for section in ["medical", "access"] {
        let file = format!(
            r#"{{"schema_version": 1, "person": {{"official_name": "M"}}, "{section}": {{}}}}"#
        );
        assert_eq!(
            CaseFile::parse(&file).unwrap_err()[0].code,
            "unknown_field",
            "{section}"
        );
    }
    // An identifier names a new entry here, which must have what every entry must have.
    let changing = r#"{"schema_version": 1, "person": {"official_name": "M"},
        "finance": {"allowances": [{"id": "aebagbafaydqq", "payer": "IV"}]}}"#;
    let errors = CaseFile::parse(changing).unwrap_err();
    let told: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| (error.path.as_str(), error.code))
        .collect();
    assert_eq!(told, [("$.finance.allowances[0].kind", "missing")]);
}
