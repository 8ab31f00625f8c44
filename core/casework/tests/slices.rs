//! What a slice holds, cell by cell of the matrix, and how its document stands to its source.

mod support;

use nahtlos_casework::edit::{SliceContent, SliceEdit, SliceState};
use nahtlos_casework::fields::{Date, Field, InstitutionId};
use nahtlos_casework::matrix::{Party, SlicePart};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_casework::slice::{Slice, slice_rule, slice_rule_of_kind};
use nahtlos_casework::view::{ConsentView, slice_content, slice_of_consents};
use nahtlos_casework::{Edit, SectionKind, conflicts};
use serde_json::{Value, json};
use support::{Replica, authors, id, replicas};

const EMPLOYER: Party = Party::Institution(InstitutionKind::Employer);
const PROVIDER: Party = Party::Institution(InstitutionKind::Provider);

fn edit(value: Value) -> Edit {
    serde_json::from_value(value).unwrap()
}

fn institution(text: &str) -> InstitutionId {
    InstitutionId::parse(text).unwrap()
}

fn slice_of(of: &SectionKind, receiver: &str) -> SectionKind {
    SectionKind::Slice(Box::new(Slice::first(of, &institution(receiver)).unwrap()))
}

/// What the matrix lets a party have of a document.
fn content(of: &SectionKind, party: Party, receiver: &str, source: &Replica) -> SliceContent {
    let rule = slice_rule(of, party).unwrap();
    let receiver = institution(receiver);
    slice_content(of, rule.part, &receiver, &source.document, &authors())
}

fn fields(content: &SliceContent) -> Vec<&str> {
    content.fields.keys().map(String::as_str).collect()
}

/// List and fields of each entry.
fn entries(content: &SliceContent) -> Vec<(&str, Vec<&str>)> {
    let entries = content.entries.values();
    entries
        .map(|entry| {
            let codes = entry.values.keys().map(String::as_str).collect();
            (entry.list.as_str(), codes)
        })
        .collect()
}

fn text_of(content: &SliceContent) -> String {
    serde_json::to_string(content).unwrap()
}

fn person() -> Replica {
    let [mut replica, ..] = replicas(&SectionKind::Core);
    for set in [
        json!({ "official_name": "Mosimann" }),
        json!({ "first_name": "Ruth" }),
        json!({ "birth": "1982-05-17" }),
        json!({ "sex": "2" }),
        json!({ "phone": "079 555 01 42" }),
        json!({ "voicemail_allowed": true }),
        json!({ "interpreter": "pt" }),
        json!({ "phase": "consented" }),
        json!({ "lead": { "institution": "rav", "person": "berger", "since": "2026-10-01" } }),
    ] {
        replica.apply(&edit(json!({ "core": { "set": set } })), 0);
    }
    replica
}

#[test]
fn of_core_an_employer_has_the_names_and_a_provider_also_how_to_reach_the_person() {
    let core = person();
    let of_employer = content(&SectionKind::Core, EMPLOYER, "holzbau", &core);
    assert_eq!(fields(&of_employer), ["first_name", "official_name"]);
    let of_provider = content(&SectionKind::Core, PROVIDER, "kurswerk", &core);
    assert_eq!(
        fields(&of_provider),
        [
            "first_name",
            "interpreter",
            "lead",
            "official_name",
            "phone",
            "voicemail_allowed"
        ]
    );
    assert!(text_of(&of_provider).contains("rav/berger"));
    for hidden in ["1982", "consented"] {
        assert!(!text_of(&of_provider).contains(hidden), "{hidden}");
    }
}

#[test]
fn of_work_capacity_an_employer_has_the_adaptations_that_each_institution_named_last() {
    let assess = |number: u8, from: &str, adaptations: Option<&str>| {
        let mut assessment = json!({ "capacity": "40", "from": from, "basis": "Versuch",
            "hours_per_day": "3", "limits": "keine Lasten" });
        if let Some(adaptations) = adaptations {
            assessment["adaptations"] = adaptations.into();
        }
        edit(json!({ "function": { "add_assessment": {
            "id": id(number), "assessment": assessment } } }))
    };
    let [mut rav, mut iv, ..] = replicas(&SectionKind::Function);
    rav.apply(&assess(1, "2026-09-01", Some("Stehpult")), 0);
    iv.apply(&assess(2, "2026-09-01", Some("Hebehilfe")), 1);
    rav.pull(&iv);
    let of = |replica: &Replica| content(&SectionKind::Function, EMPLOYER, "holzbau", replica);
    let both = of(&rav);
    let codes = vec!["adaptations", "from"];
    assert_eq!(
        entries(&both),
        [("adaptations", codes.clone()), ("adaptations", codes)]
    );
    for hidden in ["40", "Versuch", "Lasten", "\"3\""] {
        assert!(!text_of(&both).contains(hidden), "{hidden}");
    }

    // The RAV says something newer without any: theirs are taken back, the IV's stay.
    rav.apply(&assess(3, "2026-11-01", None), 2);
    let left = of(&rav);
    assert_eq!(left.entries.len(), 1);
    assert!(text_of(&left).contains("Hebehilfe"));
    // Whoever reads the section itself has no slice of it.
    assert!(slice_rule(&SectionKind::Function, PROVIDER).is_none());
}

#[test]
fn of_labour_and_education_a_provider_has_what_a_measure_needs_and_only_by_consent() {
    let form = |section: &str, change: Value| {
        edit(json!({ "form": { "section": section, "change": change } }))
    };
    let [mut labour, ..] = replicas(&SectionKind::Labour);
    let values = json!({ "occupation": "Pflegehelferin", "availability": "60",
        "job_search_duty": "reduced", "framework_to": "2027-05-31" });
    labour.apply(&form("labour", json!({ "set": { "values": values } })), 0);
    let values = json!({ "employer": "Spitex", "work": "Pflege", "reason_ended": "Krankheit" });
    for number in [1, 2] {
        let add = json!({ "add": { "list": "employments", "id": id(number), "values": values } });
        labour.apply(&form("labour", add), 1);
    }
    labour.apply(&form("labour", json!({ "delete": { "id": id(2) } })), 2);
    let held = content(&SectionKind::Labour, PROVIDER, "kurswerk", &labour);
    assert_eq!(fields(&held), ["availability", "occupation"]);
    assert_eq!(entries(&held), [("employments", vec!["employer", "work"])]);
    for section in [SectionKind::Labour, SectionKind::Education] {
        assert!(slice_rule(&section, PROVIDER).unwrap().needs_consent);
        assert!(slice_rule(&section, EMPLOYER).is_none());
    }

    let [mut education, ..] = replicas(&SectionKind::Education);
    let values = json!({ "school": "Oberstufe Langnau", "schooling": "compulsory" });
    education.apply(
        &form("education", json!({ "set": { "values": values } })),
        0,
    );
    let values = json!({ "language": "de", "speaking": "B1", "source": "Test vom Mai" });
    let add = json!({ "add": { "list": "languages", "id": id(3), "values": values } });
    education.apply(&form("education", add), 1);
    let held = content(&SectionKind::Education, PROVIDER, "kurswerk", &education);
    assert!(fields(&held).is_empty());
    assert_eq!(
        entries(&held),
        [("languages", vec!["language", "speaking"])]
    );
}

#[test]
fn of_plan_and_tasks_somebody_has_the_lines_for_which_they_are_responsible() {
    let [mut plan, ..] = replicas(&SectionKind::Plan);
    let goal = json!({ "add_goal": { "id": id(1), "statement": "Arbeit finden" } });
    plan.apply(&edit(json!({ "plan": goal })), 0);
    for (number, responsible) in [
        (2, "kurswerk"),
        (3, "kurswerk/roth"),
        (4, "client"),
        (5, "iv"),
    ] {
        let step = json!({ "add_step": { "at": { "goal": id(1), "step": id(number) },
            "title": format!("Schritt {number}"), "fields": [{ "responsible": responsible }] } });
        plan.apply(&edit(json!({ "plan": step })), 1);
    }
    let held = content(&SectionKind::Plan, PROVIDER, "kurswerk", &plan);
    let ids: Vec<_> = held.entries.keys().copied().collect();
    assert_eq!(ids, [id(2), id(3)]);
    assert!(!text_of(&held).contains("Arbeit finden"));
    let of_others = content(&SectionKind::Plan, EMPLOYER, "holzbau", &plan);
    assert_eq!(of_others, SliceContent::default());

    let [mut tasks, ..] = replicas(&SectionKind::Tasks);
    for (number, responsible) in [(1, "kurswerk"), (2, "client"), (3, "kurswerk")] {
        let add = json!({ "add": { "id": id(number), "title": "Anrufen",
            "responsible": responsible } });
        tasks.apply(&edit(json!({ "tasks": add })), 0);
    }
    tasks.apply(&edit(json!({ "tasks": { "delete": { "id": id(3) } } })), 1);
    let held = content(&SectionKind::Tasks, PROVIDER, "kurswerk", &tasks);
    let ids: Vec<_> = held.entries.keys().copied().collect();
    assert_eq!(ids, [id(1)], "their own, and none that was deleted");
    assert!(slice_rule(&SectionKind::Tasks, EMPLOYER).is_none());
}

#[test]
fn of_protection_coaches_have_the_note_that_is_for_them() {
    let [mut protection, ..] = replicas(&SectionKind::Protection);
    let values = json!({ "note_for_coaches": "nicht zu Hause besuchen",
        "reachable_through": "Frauenhaus" });
    let set = json!({ "section": "protection", "change": { "set": { "values": values } } });
    protection.apply(&edit(json!({ "form": set })), 0);
    let held = content(
        &SectionKind::Protection,
        Party::Coach,
        "stellwerk",
        &protection,
    );
    assert_eq!(fields(&held), ["note_for_coaches"]);
    // An institution's slice is the coaches' where its kind has none of its own.
    let rule = slice_rule_of_kind(&SectionKind::Protection, InstitutionKind::Provider).unwrap();
    assert_eq!((rule.part, rule.needs_consent), (SlicePart::Note, false));
    assert!(slice_rule_of_kind(&SectionKind::Ident, InstitutionKind::Provider).is_none());
}

#[test]
fn of_the_ledger_somebody_has_what_is_for_their_institution() {
    let [mut ledger, ..] = replicas(&SectionKind::Consent);
    let scope = json!([
        { "section": "function", "member": "team-h", "institution": "holzbau" },
        { "section": "medical", "member": "team-i", "institution": "iv" },
    ]);
    let given = json!({ "given": { "giver": { "kind": "client" }, "valid_from": "2026-10-05",
        "valid_until": "2027-03-31", "form": "paper", "scope": scope } });
    ledger.apply(
        &edit(json!({ "consent": { "id": id(1), "event": given } })),
        0,
    );
    let view = ConsentView::read(&ledger.document, &authors(), &institution("rav"));
    let held = slice_of_consents(&institution("holzbau"), &view);
    assert_eq!(entries(&held), [("shares", vec!["from", "section", "to"])]);
    assert!(!text_of(&held).contains("medical"));
    assert_eq!(held, slice_of_consents(&institution("holzbau"), &view));

    let withdrawn = json!({ "withdrawn": { "consent": id(1), "stated_at": "2026-12-01" } });
    ledger.apply(
        &edit(json!({ "consent": { "id": id(2), "event": withdrawn } })),
        1,
    );
    let view = ConsentView::read(&ledger.document, &authors(), &institution("rav"));
    let after = slice_of_consents(&institution("holzbau"), &view);
    assert_eq!(
        after.entries.keys().collect::<Vec<_>>(),
        held.entries.keys().collect::<Vec<_>>()
    );
    assert!(text_of(&after).contains("2026-12-01"));
}

fn written(section: &SectionKind, content: &SliceContent, as_of: &str) -> Edit {
    Edit::Slice(SliceEdit {
        section: section.clone(),
        content: content.clone(),
        as_of: Date::parse(as_of).unwrap(),
    })
}

#[test]
fn two_who_write_a_slice_at_once_write_the_same_and_nothing_is_a_conflict() {
    let core = person();
    let slice = slice_of(&SectionKind::Core, "kurswerk");
    let held = content(&SectionKind::Core, PROVIDER, "kurswerk", &core);
    let [mut one, mut other, ..] = replicas(&slice);
    assert_eq!(held.state_of(&one.document, &slice), SliceState::Behind);
    one.apply(&written(&slice, &held, "2026-10-05"), 0);
    other.apply(&written(&slice, &held, "2026-10-06"), 1);
    one.pull(&other);
    other.pull(&one);
    for replica in [&one, &other] {
        assert_eq!(
            held.state_of(&replica.document, &slice),
            SliceState::Current
        );
        assert!(conflicts(&replica.document, &slice, &authors()).is_empty());
    }
    assert_eq!(one.document.export_json(), other.document.export_json());
    // Written again it changes nothing, the day neither.
    let heads = one.document.heads();
    one.apply(&written(&slice, &held, "2027-01-01"), 2);
    assert_eq!(one.document.heads(), heads);
}

#[test]
fn days_and_codes_are_replaced_in_place_and_words_and_what_goes_ask_for_a_new_slice() {
    let slice = slice_of(&SectionKind::Core, "kurswerk");
    let base = content(&SectionKind::Core, PROVIDER, "kurswerk", &person());
    let [mut replica, ..] = replicas(&slice);
    replica.apply(&written(&slice, &base, "2026-10-05"), 0);
    let state = |content: &SliceContent| content.state_of(&replica.document, &slice);
    let changed = |code: &str, value: Option<Value>| {
        let mut content = base.clone();
        match value {
            Some(value) => {
                let value = serde_json::from_value(value).unwrap();
                content.fields.insert(code.to_owned(), value)
            }
            None => content.fields.remove(code),
        };
        content
    };
    for (code, value) in [
        ("interpreter", json!("fr")),
        ("voicemail_allowed", json!(false)),
        ("email", json!("ruth@example.ch")),
    ] {
        assert_eq!(
            state(&changed(code, Some(value))),
            SliceState::Behind,
            "{code}"
        );
    }
    for (code, value) in [
        ("phone", Some(json!("+41344021122"))),
        ("official_name", Some(json!("Meier"))),
        ("interpreter", None),
        ("phone", None),
    ] {
        assert_eq!(
            state(&changed(code, value)),
            SliceState::HoldsMore,
            "{code}"
        );
    }
    // An entry that goes, too.
    let plan = slice_of(&SectionKind::Plan, "kurswerk");
    let entry = json!({ "fields": {}, "entries": { id(7).to_string():
        { "list": "steps", "values": { "title": "Deutschkurs" } } } });
    let with: SliceContent = serde_json::from_value(entry).unwrap();
    let [mut replica, ..] = replicas(&plan);
    replica.apply(&written(&plan, &with, "2026-10-05"), 0);
    let empty = SliceContent::default();
    assert_eq!(
        empty.state_of(&replica.document, &plan),
        SliceState::HoldsMore
    );
}

#[test]
fn what_a_newer_program_wrote_in_a_slice_stays_and_asks_for_nothing() {
    let slice = slice_of(&SectionKind::Core, "kurswerk");
    let held = content(&SectionKind::Core, PROVIDER, "kurswerk", &person());
    let [mut replica, ..] = replicas(&slice);
    replica.apply(&written(&slice, &held, "2026-10-05"), 0);
    let newer = nahtlos_document::Path::from_iter(["fields", "pronoun"]);
    replica.tamper(|editor| editor.put(&newer, "sie"));
    assert_eq!(
        held.state_of(&replica.document, &slice),
        SliceState::Current
    );
    replica.apply(&written(&slice, &held, "2026-10-06"), 1);
    assert!(replica.document.read().exists(&newer));
}

#[test]
fn nobody_edits_a_slice_by_hand_and_none_takes_what_its_table_does_not_name() {
    let slice = slice_of(&SectionKind::Core, "kurswerk");
    let [mut replica, ..] = replicas(&slice);
    let by_hand = json!({ "form": { "section": slice.code(),
        "change": { "set": { "values": { "official_name": "Meier" } } } } });
    let refused = replica.try_apply(&edit(by_hand), 0);
    assert_eq!(refused.unwrap_err().code(), "slice");
    for (section, content, code) in [
        (
            &slice,
            json!({ "fields": { "ahvn13": "7561234567897" }, "entries": {} }),
            "not_in_a_slice",
        ),
        (
            &slice,
            json!({ "fields": { "as_of": "2026-10-05" }, "entries": {} }),
            "not_in_a_slice",
        ),
        (
            &SectionKind::Core,
            json!({ "fields": {}, "entries": {} }),
            "no_slice",
        ),
    ] {
        let content: SliceContent = serde_json::from_value(content).unwrap();
        let refused = replica.try_apply(&written(section, &content, "2026-10-05"), 0);
        assert_eq!(refused.unwrap_err().code(), code);
    }
    assert!(
        replica
            .document
            .read()
            .keys(nahtlos_document::Path::from_iter(["fields"]))
            .is_empty()
    );
}
