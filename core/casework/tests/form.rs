//! Sections that are described by a table: how their values merge, what counts, and what a newer
//! version's fields become.

mod support;

use nahtlos_casework::edit::{FormChange, FormEdit, NewValues, ScalarValue, Wording};
use nahtlos_casework::fields::Field;
use nahtlos_casework::view::{EntryView, FormView};
use nahtlos_casework::{
    ApplyError, Choice, Conflict, ConflictKind, Edit, Rule, SectionKind, conflicts, names_of,
    resolve,
};
use nahtlos_document::Path;
use support::{Replica, authors, field, id, replicas, sync};

fn text(value: &str) -> ScalarValue {
    ScalarValue::Text(value.to_owned())
}

fn edit(section: &SectionKind, change: FormChange) -> Edit {
    Edit::Form(FormEdit {
        section: section.clone(),
        change,
    })
}

fn set(section: &SectionKind, field: &str, value: &str) -> Edit {
    let values = NewValues::from([(field.to_owned(), Some(text(value)))]);
    edit(section, FormChange::Set { values })
}

fn add(section: &SectionKind, number: u8, list: &str, values: &[(&str, &str)]) -> Edit {
    let values = values
        .iter()
        .map(|(code, value)| ((*code).to_owned(), text(value)))
        .collect();
    edit(
        section,
        FormChange::Add {
            list: list.to_owned(),
            id: id(number),
            correction_of: None,
            values,
        },
    )
}

fn change(section: &SectionKind, number: u8, field: &str, value: &str) -> Edit {
    let values = NewValues::from([(field.to_owned(), Some(text(value)))]);
    let id = id(number);
    edit(section, FormChange::Change { id, values })
}

fn reword(section: &SectionKind, number: u8, field: &str, before: &str, after: &str) -> Edit {
    edit(
        section,
        FormChange::Reword {
            id: id(number),
            field: field.to_owned(),
            before: Wording::new(before),
            after: support::field(after),
        },
    )
}

fn view(replica: &Replica, section: &SectionKind) -> FormView {
    FormView::read(&replica.document, section, &authors())
}

fn listed(replica: &Replica, section: &SectionKind) -> Vec<Conflict> {
    conflicts(&replica.document, section, &authors())
}

fn shown(entry: &EntryView, code: &str) -> String {
    entry
        .fields
        .get(code)
        .map_or_else(String::new, |field| field.shown.clone())
}

fn refusal(replica: &mut Replica, edit: &Edit) -> String {
    replica.try_apply(edit, 9).unwrap_err().code().to_owned()
}

#[test]
fn a_field_set_by_two_people_at_once_is_a_conflict_that_one_of_them_settles() {
    let labour = SectionKind::Labour;
    let mut four = replicas(&labour);
    four[0].apply(&set(&labour, "occupation", "Pflegehelferin"), 1);
    sync(&mut four);
    four[0].apply(&set(&labour, "availability", "40 %"), 2);
    four[1].apply(&set(&labour, "availability", "60"), 2);
    four[2].apply(&set(&labour, "occupation", "Pflegehelferin SRK"), 3);
    sync(&mut four);
    let found = listed(&four[3], &labour);
    let [conflict] = found.as_slice() else {
        panic!("one conflict, not {}", found.len());
    };
    assert_eq!(conflict.label.unwrap()[2], "availability in per cent");
    let ConflictKind::Values { alternatives } = &conflict.kind else {
        panic!("values");
    };
    let wanted = alternatives
        .iter()
        .position(|side| side.value == text("60"));
    let settled = resolve(conflict, Choice::Alternative(wanted.unwrap())).unwrap();
    four[3].apply(&settled, 4);
    sync(&mut four);
    for replica in &four {
        assert!(listed(replica, &labour).is_empty());
        let view = view(replica, &labour);
        assert_eq!(view.fields["availability"].shown, "60 %");
        // Nobody else set it at the same time: the later value stands.
        assert_eq!(view.fields["occupation"].shown, "Pflegehelferin SRK");
    }
}

#[test]
fn entries_that_several_people_add_stand_beside_each_other() {
    let finance = SectionKind::Finance;
    let mut four = replicas(&finance);
    for (number, (replica, payer)) in (1..).zip(four.iter_mut().zip(["ALK", "IV", "Gemeinde"])) {
        let values = [
            ("kind", "other"),
            ("payer", payer),
            ("amount", "1250.50"),
            ("per", "month"),
        ];
        replica.apply(&add(&finance, number, "allowances", &values), 1);
    }
    sync(&mut four);
    for replica in &four {
        let view = view(replica, &finance);
        let payers: Vec<String> = view.lists["allowances"]
            .iter()
            .map(|entry| shown(entry, "payer"))
            .collect();
        assert_eq!(payers, ["ALK", "IV", "Gemeinde"]);
        assert_eq!(shown(&view.lists["allowances"][0], "amount"), "1'250.50");
        assert!(listed(replica, &finance).is_empty());
    }
    // Who pays, changed by two at once: a conflict that names the entry.
    four[0].apply(&change(&finance, 1, "payer", "Arbeitslosenkasse Bern"), 2);
    four[1].apply(&change(&finance, 1, "payer", "Unia"), 2);
    sync(&mut four);
    let found = listed(&four[2], &finance);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].label.unwrap()[0], "zahlt");
    assert_eq!(found[0].entry.as_deref(), Some("other"));
}

#[test]
fn an_entry_deleted_by_one_and_changed_by_another_is_shown_and_comes_back() {
    let social = SectionKind::Social;
    let mut four = replicas(&social);
    let debt = [("creditor", "Steueramt"), ("amount", "4200")];
    four[0].apply(&add(&social, 1, "debts", &debt), 1);
    sync(&mut four);
    four[0].apply(&edit(&social, FormChange::Delete { id: id(1) }), 2);
    four[1].apply(&change(&social, 1, "amount", "3900"), 2);
    assert!(
        listed(&four[0], &social).is_empty(),
        "control: nothing meanwhile"
    );
    sync(&mut four);
    let found = listed(&four[2], &social);
    let [conflict] = found.as_slice() else {
        panic!("one conflict, not {}", found.len());
    };
    assert!(matches!(
        conflict.kind,
        ConflictKind::DeletedMeanwhile { .. }
    ));
    assert_eq!(conflict.entry.as_deref(), Some("Steueramt"));
    assert_eq!(
        refusal(&mut four[2], &change(&social, 1, "amount", "1")),
        "deleted"
    );
    let restore = resolve(conflict, Choice::Restore).unwrap();
    four[2].apply(&restore, 3);
    sync(&mut four);
    let view = view(&four[3], &social);
    let [debt] = view.lists["debts"].as_slice() else {
        panic!("one debt");
    };
    assert!(!debt.deleted);
    assert_eq!(shown(debt, "amount"), "3'900.00");
    assert!(listed(&four[3], &social).is_empty());
}

#[test]
fn minutes_hold_everybodys_words_and_show_both_wordings_of_one_sentence() {
    let meeting = SectionKind::Meeting("m1".into());
    let mut four = replicas(&meeting);
    let point = [
        ("point", "Arbeitsversuch"),
        ("minutes", "Frau M. beginnt am Montag."),
    ];
    four[0].apply(&add(&meeting, 1, "agenda", &point), 1);
    sync(&mut four);
    let before = "Frau M. beginnt am Montag.";
    four[0].apply(
        &reword(
            &meeting,
            1,
            "minutes",
            before,
            "Frau M. beginnt am Dienstag.",
        ),
        2,
    );
    four[1].apply(
        &reword(
            &meeting,
            1,
            "minutes",
            before,
            "Frau M. beginnt nicht am Montag.",
        ),
        2,
    );
    sync(&mut four);
    let found = listed(&four[2], &meeting);
    let [conflict] = found.as_slice() else {
        panic!("one conflict, not {}", found.len());
    };
    let ConflictKind::Wordings {
        merged,
        alternatives,
    } = &conflict.kind
    else {
        panic!("wordings");
    };
    assert_eq!(alternatives.len(), 2);
    assert!(
        merged.contains("nicht") && merged.contains("Dienstag"),
        "{merged}"
    );
    // A rewording of what somebody else has changed is refused.
    assert_eq!(
        refusal(
            &mut four[2],
            &reword(&meeting, 1, "minutes", before, "Anders.")
        ),
        "changed"
    );
    let wanted = alternatives
        .iter()
        .position(|side| side.value == text("Frau M. beginnt am Dienstag."));
    let settled = resolve(conflict, Choice::Alternative(wanted.unwrap())).unwrap();
    four[2].apply(&settled, 3);
    let view = view(&four[2], &meeting);
    assert_eq!(
        shown(&view.lists["agenda"][0], "minutes"),
        "Frau M. beginnt am Dienstag."
    );
    assert!(listed(&four[2], &meeting).is_empty());
}

#[test]
fn minutes_that_two_people_begin_at_once_are_one_text() {
    let meeting = SectionKind::Meeting("m1".into());
    let mut four = replicas(&meeting);
    four[0].apply(&add(&meeting, 1, "agenda", &[("point", "Stand")]), 1);
    sync(&mut four);
    four[0].apply(&reword(&meeting, 1, "minutes", "", "Berger schreibt."), 2);
    four[1].apply(&reword(&meeting, 1, "minutes", "", "Iseli schreibt."), 2);
    sync(&mut four);
    let view = view(&four[3], &meeting);
    let minutes = shown(&view.lists["agenda"][0], "minutes");
    assert!(
        minutes.contains("Berger schreibt.") && minutes.contains("Iseli schreibt."),
        "{minutes}"
    );
}

#[test]
fn a_record_is_never_changed_and_a_correction_is_a_new_one() {
    let measure = SectionKind::Measure("kurs".into());
    let [mut berger, mut iseli, ..] = replicas(&measure);
    let absent = [("date", "05.10.2026"), ("presence", "absent")];
    berger.apply(&add(&measure, 1, "attendance", &absent), 1);
    assert_eq!(
        refusal(&mut berger, &change(&measure, 1, "note", "krank gemeldet")),
        "missing"
    );
    let delete = edit(&measure, FormChange::Delete { id: id(1) });
    assert_eq!(refusal(&mut berger, &delete), "missing");
    let correct = |corrected: u8| {
        let values = [("date", "2026-10-05"), ("presence", "sick")];
        let values = values.map(|(code, value)| (code.to_owned(), text(value)));
        edit(
            &measure,
            FormChange::Add {
                list: "attendance".into(),
                id: id(2),
                correction_of: Some(id(corrected)),
                values: values.into(),
            },
        )
    };
    assert_eq!(refusal(&mut berger, &correct(7)), "missing");
    berger.apply(&correct(1), 2);
    iseli.pull(&berger);

    // A modified program rewrites one record and deletes the other.
    iseli.tamper(|editor| {
        let record = Path::from_iter(["records".to_owned(), id(1).canonical()]);
        editor.put(record.join("presence"), "present")
    });
    iseli
        .tamper(|editor| editor.delete(Path::from_iter(["records".to_owned(), id(2).canonical()])));
    let view = view(&iseli, &measure);
    let presence: Vec<String> = view.lists["attendance"]
        .iter()
        .map(|entry| shown(entry, "presence"))
        .collect();
    assert_eq!(presence, ["absent", "sick"]);
    assert_eq!(
        view.lists["attendance"][1]
            .correction_of
            .as_ref()
            .unwrap()
            .known(),
        Some(&id(1))
    );
    assert_eq!(view.violations.len(), 2);
    assert!(view.violations.iter().all(|violation| {
        violation.rule == Rule::EntriesAreImmutable
            && violation.by.author.as_ref().unwrap().person == field("iseli")
    }));
    assert!(listed(&iseli, &measure).is_empty());
}

#[test]
fn only_people_of_the_institution_write_in_its_notes() {
    let internal = SectionKind::Internal("iv".into());
    let [mut berger, mut iseli, ..] = replicas(&internal);
    let note = [("kind", "note"), ("text", "Nur für uns.")];
    iseli.apply(&add(&internal, 1, "notes", &note), 1);
    berger.apply(&add(&internal, 2, "notes", &note), 1);
    iseli.pull(&berger);
    let view = view(&iseli, &internal);
    assert_eq!(view.lists["notes"].len(), 1);
    assert_eq!(view.lists["notes"][0].id.known(), Some(&id(1)));
    let rules: Vec<Rule> = view
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect();
    assert_eq!(rules, [Rule::NotesOfOneInstitution]);
}

#[test]
fn who_disclosed_or_read_something_is_who_signed_the_record() {
    let access = SectionKind::Access;
    let [mut berger, mut iseli, ..] = replicas(&access);
    berger.apply(
        &add(
            &access,
            1,
            "disclosures",
            &[("to", "KTG"), ("sections", "function"), ("basis", "ATSG32")],
        ),
        1,
    );
    iseli.apply(&add(&access, 2, "reads", &[("sections", "core, plan")]), 1);
    iseli.pull(&berger);
    let view = view(&iseli, &access);
    let by = |list: &str| {
        view.lists[list][0]
            .origin
            .clone()
            .unwrap()
            .author
            .unwrap()
            .person
    };
    assert_eq!(
        (by("disclosures"), by("reads")),
        (field("berger"), field("iseli"))
    );
    // There is no field for somebody else's name.
    let forged = add(
        &access,
        3,
        "reads",
        &[("sections", "core"), ("by", "sommer")],
    );
    assert_eq!(refusal(&mut iseli, &forged), "unknown_field");
}

#[test]
fn fields_lists_and_codes_of_a_newer_version_survive_an_older_ones_edits() {
    let education = SectionKind::Education;
    let [mut newer, mut older, ..] = replicas(&education);
    newer.apply(&add(&education, 1, "degrees", &[("title", "EFZ Koch")]), 1);
    newer.tamper(|editor| {
        let degree = Path::from_iter(["entries".to_owned(), id(1).canonical()]);
        editor.put(Path::from_iter(["fields", "schooling"]), "micro_degree")?;
        editor.put(Path::from_iter(["fields", "badges"]), "drei")?;
        editor.put(degree.join("recognised"), "by_equivalence")?;
        editor.put(degree.join("level"), "4")?;
        let entry = Path::from_iter(["entries".to_owned(), id(2).canonical()]);
        editor.put_map(&entry)?;
        editor.put(entry.join("list"), "micro_credentials")?;
        editor.put(entry.join("name"), "Barista")
    });
    older.pull(&newer);
    let before = older.document.export_json();
    older.apply(&change(&education, 1, "title", "Koch EFZ"), 2);
    older.apply(&set(&education, "school", "GIB Bern"), 3);
    let after = older.document.export_json();
    let degree = id(1).canonical();
    for pointer in [
        "/fields/schooling".to_owned(),
        "/fields/badges".to_owned(),
        format!("/entries/{degree}/recognised"),
        format!("/entries/{degree}/level"),
        format!("/entries/{}", id(2).canonical()),
    ] {
        assert!(before.pointer(&pointer).is_some(), "{pointer}");
        assert_eq!(
            after.pointer(&pointer),
            before.pointer(&pointer),
            "{pointer}"
        );
    }
    let view = view(&older, &education);
    assert_eq!(view.fields["schooling"].shown, "micro_degree");
    assert!(!view.fields["schooling"].is_known && !view.fields["badges"].is_known);
    assert!(view.fields["school"].is_known, "control");
    assert_eq!(shown(&view.lists["degrees"][0], "level"), "4");
    assert_eq!(
        shown(&view.lists["micro_credentials"][0], "name"),
        "Barista"
    );
    // What this version does not know it does not change.
    assert_eq!(
        refusal(&mut older, &change(&education, 2, "title", "x")),
        "missing"
    );
    // A code of a newer version may stand again to settle a conflict.
    let mut other = older.clone();
    other
        .document
        .set_actor(nahtlos_document::Actor::from_bytes([9; 16]));
    other.apply(&set(&education, "schooling", "tertiary"), 4);
    older.tamper(|editor| editor.put(Path::from_iter(["fields", "schooling"]), "nano_degree"));
    older.pull(&other);
    let found = listed(&older, &education);
    let ConflictKind::Values { alternatives } = &found[0].kind else {
        panic!("values");
    };
    let newer = alternatives
        .iter()
        .position(|side| side.value == text("nano_degree"));
    let chosen = resolve(&found[0], Choice::Alternative(newer.unwrap())).unwrap();
    older.apply(&chosen, 5);
    assert!(listed(&older, &education).is_empty());
}

#[test]
fn what_does_not_fit_the_table_is_refused_and_changes_nothing() {
    let labour = SectionKind::Labour;
    let [mut berger, ..] = replicas(&labour);
    berger.apply(&set(&labour, "framework_from", "2026-03-01"), 1);
    berger.apply(
        &add(
            &labour,
            1,
            "employments",
            &[("employer", "Spitex"), ("from", "2019")],
        ),
        1,
    );
    let before = berger.document.heads();
    let several = |values: &[(&str, Option<&str>)]| {
        let values = values
            .iter()
            .map(|(code, value)| ((*code).to_owned(), value.map(text)))
            .collect();
        edit(&labour, FormChange::Set { values })
    };
    let empty_required = FormChange::Change {
        id: id(1),
        values: NewValues::from([("employer".to_owned(), None)]),
    };
    for (wrong, code) in [
        (set(&labour, "salary", "1"), "unknown_field"),
        (set(&labour, "availability", "101"), "range"),
        (set(&labour, "availability", "forty"), "range"),
        (set(&labour, "job_search_duty", "sometimes"), "unknown_code"),
        (set(&labour, "framework_to", "2026-02-28"), "order"),
        (
            several(&[
                ("occupation", Some("Koch")),
                ("available_from", Some("30.02.2026")),
            ]),
            "no_such_day",
        ),
        (add(&labour, 2, "hobbies", &[]), "unknown_list"),
        (
            add(&labour, 2, "employments", &[("from", "2020")]),
            "missing",
        ),
        (
            add(
                &labour,
                2,
                "employments",
                &[("employer", "x"), ("boss", "y")],
            ),
            "unknown_field",
        ),
        (
            add(
                &labour,
                2,
                "employments",
                &[("employer", "x"), ("from", "2020-05"), ("to", "2019")],
            ),
            "order",
        ),
        (change(&labour, 1, "to", "2018-12"), "order"),
        (change(&labour, 7, "to", "2020"), "missing"),
        (edit(&labour, empty_required), "missing"),
        (set(&SectionKind::Plan, "situation", "x"), "no_table"),
    ] {
        let code_of = berger.try_apply(&wrong, 2).unwrap_err();
        let code_of = match &code_of {
            ApplyError::Invalid(error) => {
                assert!(!error.reason.is_empty() && !error.remedy.is_empty());
                error.code
            }
            other => other.code(),
        };
        assert_eq!(code_of, code, "{wrong:?}");
        assert_eq!(berger.document.heads(), before, "{wrong:?}");
    }
    // The control: both days of a span at once, and the same value again.
    berger.apply(
        &several(&[
            ("framework_from", Some("2024-01-01")),
            ("framework_to", Some("2025-12-31")),
        ]),
        3,
    );
    assert_ne!(berger.document.heads(), before);
}

#[test]
fn neither_edit_nor_view_shows_a_value_to_a_debugger() {
    let protection = SectionKind::Protection;
    let [mut berger, ..] = replicas(&protection);
    let address = r#"{"street":"Versteckweg","town":"Bern"}"#;
    let edits = [
        set(&protection, "hidden_address", address),
        add(
            &protection,
            1,
            "contact_bans",
            &[("against", "Versteckt Verboten")],
        ),
    ];
    for edit in &edits {
        berger.apply(edit, 1);
    }
    let view = view(&berger, &protection);
    let printed = format!("{edits:?} {view:?}");
    assert!(!printed.contains("Versteck"), "{printed}");
    let json = serde_json::to_string(&view).unwrap();
    assert_eq!(json.matches("Versteck").count(), 2, "control: {json}");
    assert_eq!(view.fields["hidden_address"].shown, "Versteckweg, Bern");
}

#[test]
fn edits_round_trip_through_json_and_fields_have_names_in_three_languages() {
    let medical = SectionKind::Medical;
    let edits = [
        set(&medical, "physician", "Dr. Amsler"),
        add(&medical, 1, "diagnoses", &[("diagnosis", "F43.2")]),
        change(&medical, 1, "course", "acute"),
        reword(&SectionKind::Meeting("m".into()), 1, "minutes", "", "x"),
        edit(&medical, FormChange::Delete { id: id(1) }),
        edit(&medical, FormChange::Restore { id: id(1) }),
        edit(
            &medical,
            FormChange::Set {
                values: NewValues::from([("physician".to_owned(), None)]),
            },
        ),
    ];
    for edit in edits {
        edit.validate().unwrap();
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), edit, "{json}");
    }
    let names = |steps: &[&str]| names_of(&medical, steps).unwrap()[0];
    assert_eq!(names(&["entries", "x", "diagnosis"]), "Diagnose");
    assert_eq!(names(&["records", "x", "text"]), "Berichte");
    assert_eq!(names(&["fields", "physician"]), "behandelnde Ärztin");
    assert_eq!(names_of(&medical, &["fields", "of_later"]), None);
}

#[test]
fn in_an_enquiry_only_who_asked_describes_and_only_who_was_asked_answers() {
    use nahtlos_casework::view::{EnquiryStatus, EnquiryView};
    let enquiry = SectionKind::Enquiry;
    let [mut berger, mut iseli, ..] = replicas(&enquiry);
    let read = |replica: &Replica| EnquiryView::read(&replica.document, &authors(), &field("rav"));
    let facts = [("question", "joint"), ("age", "35_49"), ("psychic", "2")];
    berger.apply(&add(&enquiry, 1, "facts", &facts), 1);
    iseli.pull(&berger);
    assert_eq!(read(&iseli).status, EnquiryStatus::Open);
    // The one who was asked describes nobody, and the one who asks does not answer.
    iseli.apply(&add(&enquiry, 2, "facts", &facts), 0);
    iseli.apply(&add(&enquiry, 3, "additions", &[("text", "x")]), 2);
    iseli.apply(
        &add(
            &enquiry,
            4,
            "answers",
            &[("answer", "more"), ("text", "Seit wann?")],
        ),
        2,
    );
    berger.pull(&iseli);
    berger.apply(&add(&enquiry, 5, "answers", &[("answer", "accept")]), 3);
    let view = read(&berger);
    assert_eq!(view.facts.unwrap().id.canonical(), id(1).canonical());
    assert!(view.additions.is_empty());
    assert_eq!(view.answers.len(), 1);
    assert_eq!(view.status, EnquiryStatus::MoreWanted);
    let rules: Vec<Rule> = view.violations.iter().map(|one| one.rule).collect();
    assert_eq!(rules, [Rule::OneAsksTheOtherAnswers; 3]);
    berger.apply(
        &add(&enquiry, 6, "additions", &[("text", "Seit dem Winter")]),
        4,
    );
    assert_eq!(read(&berger).status, EnquiryStatus::MoreTold);
    iseli.pull(&berger);
    for (number, answer, status) in [
        (7, "accept", EnquiryStatus::Accepted),
        (8, "decline", EnquiryStatus::Declined),
    ] {
        let values = [("answer", answer), ("text", "Gerne")];
        iseli.apply(
            &add(&enquiry, number, "answers", &values),
            i64::from(number),
        );
        assert_eq!(read(&iseli).status, status);
    }
    // Who nobody vouches for neither describes nor answers.
    let nobody = |_: &[u8; 16]| None;
    let unknown = EnquiryView::read(&iseli.document, &nobody, &field("rav"));
    assert!(unknown.facts.is_none() && unknown.answers.is_empty());
}

#[test]
fn answers_of_one_second_stand_in_the_order_in_which_one_builds_on_the_other() {
    use nahtlos_casework::view::{EnquiryStatus, EnquiryView};
    let enquiry = SectionKind::Enquiry;
    let read = |replica: &Replica| EnquiryView::read(&replica.document, &authors(), &field("rav"));
    let ids = |view: &EnquiryView| -> Vec<String> {
        let answers = view.answers.iter();
        answers.map(|answer| answer.id.canonical()).collect()
    };
    let more = [("answer", "more"), ("text", "Seit wann?")];
    // Whatever their identifiers are.
    for (first, second) in [(2, 3), (3, 2)] {
        let [mut berger, mut iseli, mut sommer, _] = replicas(&enquiry);
        berger.apply(
            &add(
                &enquiry,
                1,
                "facts",
                &[("question", "joint"), ("age", "35_49")],
            ),
            1,
        );
        iseli.pull(&berger);
        sommer.pull(&berger);
        let mut undecided = iseli.clone();
        iseli.apply(&add(&enquiry, first, "answers", &more), 2);
        iseli.apply(
            &add(&enquiry, second, "answers", &[("answer", "accept")]),
            2,
        );
        let view = read(&iseli);
        assert_eq!(
            ids(&view),
            [first, second].map(|number| id(number).canonical())
        );
        assert_eq!(view.status, EnquiryStatus::Accepted);
        // Told before it was asked, and after.
        berger.apply(&add(&enquiry, 4, "additions", &[("text", "x")]), 2);
        undecided.pull(&berger);
        undecided.apply(&add(&enquiry, first, "answers", &more), 2);
        assert_eq!(read(&undecided).status, EnquiryStatus::MoreWanted);
        berger.pull(&undecided);
        berger.apply(&add(&enquiry, 5, "additions", &[("text", "y")]), 2);
        assert_eq!(read(&berger).status, EnquiryStatus::MoreTold);
        // Of two who knew nothing of each other, everybody sees the same order.
        sommer.apply(&add(&enquiry, 6, "answers", &[("answer", "accept")]), 2);
        sommer.pull(&undecided);
        undecided.pull(&sommer);
        assert_eq!(ids(&read(&sommer)), ids(&read(&undecided)));
        assert_eq!(read(&sommer).status, read(&undecided).status);
    }
}

#[test]
fn facts_that_lead_to_somebody_or_have_no_code_are_refused_and_nothing_is_written() {
    let enquiry = SectionKind::Enquiry;
    let [mut berger, ..] = replicas(&enquiry);
    let whole = [("question", "joint"), ("age", "35_49")];
    for (values, code) in [
        (vec![("age", "35_49")], "missing"),
        (vec![("question", "joint")], "missing"),
        (
            vec![("question", "who is it"), ("age", "35_49")],
            "unknown_code",
        ),
        (vec![("question", "joint"), ("age", "44")], "unknown_code"),
        ([&whole[..], &[("psychic", "4")]].concat(), "range"),
        ([&whole[..], &[("psychic", "-1")]].concat(), "range"),
        ([&whole[..], &[("permit", "B")]].concat(), "unknown_code"),
        ([&whole[..], &[("name", "Ruth")]].concat(), "unknown_field"),
        ([&whole[..], &[("text", "geb. 17.05.1982")]].concat(), "day"),
        ([&whole[..], &[("text", "034 402 11 22")]].concat(), "phone"),
        (
            [&whole[..], &[("text", "756.1234.5678.97")]].concat(),
            "ahv_number",
        ),
        ([&whole[..], &[("text", "r@example.ch")]].concat(), "email"),
    ] {
        let refused = berger.try_apply(&add(&enquiry, 1, "facts", &values), 1);
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), code, "{values:?}");
    }
    assert!(view(&berger, &enquiry).lists["facts"].is_empty());
    berger.apply(&add(&enquiry, 1, "facts", &whole), 1);
    assert_eq!(view(&berger, &enquiry).lists["facts"].len(), 1, "control");
}
