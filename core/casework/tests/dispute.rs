//! Marks of what the person whom a case is about disputes.

mod support;

use nahtlos_casework::edit::{
    ChooseValue, CoreEdit, CoreField, DisputeChange, DisputeEdit, Edit, FormChange, FormEdit,
    JournalEdit, ScalarValue, SliceContent, SliceEdit, SliceState,
};
use nahtlos_casework::export::{SectionToExport, case_file};
use nahtlos_casework::fields::InstitutionId;
use nahtlos_casework::fields::{Field, JournalKind};
use nahtlos_casework::matrix::SlicePart;
use nahtlos_casework::slice::Slice;
use nahtlos_casework::view::{DisputesView, slice_content};
use nahtlos_casework::{ApplyError, PLAIN_SECTIONS, SectionKind, conflicts, containers};
use nahtlos_document::Path;
use support::{Replica, authors, field, id, replicas, sync};

fn state(section: &SectionKind, number: u8, path: &[&str], text: &str) -> Edit {
    Edit::Dispute(DisputeEdit {
        section: section.clone(),
        change: DisputeChange::State {
            id: id(number),
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            text: field(text),
            stated_at: field("2027-03-12"),
        },
    })
}

fn settle(section: &SectionKind, number: u8, dispute: u8, text: &str) -> Edit {
    Edit::Dispute(DisputeEdit {
        section: section.clone(),
        change: DisputeChange::Settle {
            id: id(number),
            dispute: id(dispute),
            text: field(text),
            stated_at: field("2027-03-20"),
        },
    })
}

fn view(replica: &Replica) -> DisputesView {
    DisputesView::read(&replica.document, &authors())
}

fn name(replica: &mut Replica, text: &str, minute: i64) {
    let edit = CoreEdit::Set(CoreField::FirstName(field(text)));
    replica.apply(&Edit::Core(edit), minute);
}

const FIRST_NAME: [&str; 2] = ["person", "first_name"];

/// Berger and Iseli record the same client's word at the same time; Sommer, offline, changes the value.
#[test]
fn disputes_of_two_people_both_stand_whatever_becomes_of_the_value() {
    let core = SectionKind::Core;
    let mut four = replicas(&core);
    name(&mut four[0], "Ruht", 1);
    sync(&mut four);
    four[0].apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    four[1].apply(&state(&core, 2, &FIRST_NAME, "Der Vorname ist falsch."), 2);
    name(&mut four[2], "Rut", 3);
    sync(&mut four);
    for replica in &four {
        let view = view(replica);
        let by: Vec<&str> = view
            .standing()
            .map(|one| one.origin.author.as_ref().unwrap().person.as_str())
            .collect();
        assert_eq!(by, ["berger", "iseli"]);
        assert!(view.concerns(&FIRST_NAME));
        assert!(!view.concerns(&["person", "official_name"]));
        let found = conflicts(&replica.document, &core, &authors());
        assert!(found.is_empty(), "a mark is no conflict");
    }
}

#[test]
fn one_dispute_is_settled_and_the_other_stands_and_both_stay_in_the_history() {
    let core = SectionKind::Core;
    let mut four = replicas(&core);
    name(&mut four[0], "Ruht", 1);
    four[0].apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    let second = state(&core, 2, &FIRST_NAME, "Auch der Rufname stimmt nicht.");
    four[0].apply(&second, 3);
    sync(&mut four);
    four[1].apply(&settle(&core, 3, 1, "berichtigt"), 4);
    four[2].apply(&settle(&core, 4, 1, "Die Person ist einverstanden."), 4);
    sync(&mut four);
    let view = view(&four[3]);
    assert_eq!(view.disputes.len(), 2);
    let first = &view.disputes[0];
    assert_eq!(first.id.known(), Some(&id(1)));
    assert_eq!(first.settled.len(), 2, "neither word is lost");
    let left: Vec<_> = view.standing().map(|one| one.id.known().copied()).collect();
    assert_eq!(left, [Some(id(2))]);
}

#[test]
fn entries_of_journal_and_lists_are_disputed_as_a_whole() {
    let journal = SectionKind::Journal;
    let [mut berger, ..] = replicas(&journal);
    berger.apply(
        &Edit::Journal(JournalEdit::AddEntry {
            id: id(7),
            at: None,
            kind: JournalKind::Call,
            text: field("hat den Termin verpasst"),
            correction_of: None,
        }),
        1,
    );
    let entry = id(7).to_string();
    let said = state(&journal, 1, &["entries", &entry], "Ich war da.");
    berger.apply(&said, 2);
    assert!(view(&berger).concerns(&["entries", &entry]));
    assert!(view(&berger).concerns(&["entries", &entry, "text"]));

    let labour = SectionKind::Labour;
    let [mut berger, ..] = replicas(&labour);
    let values = [("employer".to_owned(), ScalarValue::Text("Spitex".into()))];
    berger.apply(
        &Edit::Form(FormEdit {
            section: labour.clone(),
            change: FormChange::Add {
                list: "employments".into(),
                id: id(8),
                correction_of: None,
                values: values.into(),
            },
        }),
        1,
    );
    let entry = id(8).to_string();
    let said = state(&labour, 1, &["entries", &entry], "nie dort gearbeitet");
    berger.apply(&said, 2);
    assert!(view(&berger).concerns(&["entries", &entry]));
}

#[test]
fn what_does_not_exist_is_not_disputed_and_a_mark_that_does_not_exist_is_not_settled() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    name(&mut berger, "Ruth", 1);
    let before = berger.document.heads();
    let consent = SectionKind::Consent;
    for (edit, code) in [
        (state(&core, 1, &["person", "birth"], "x"), "missing"),
        (state(&core, 1, &["person"], "x"), "no_such_place"),
        (state(&core, 1, &[], "x"), "no_such_place"),
        (state(&core, 1, &["person", "a/b"], "x"), "no_such_place"),
        (state(&core, 1, &["person", ""], "x"), "no_such_place"),
        (
            state(&core, 1, &["acknowledged", "y"], "x"),
            "no_such_place",
        ),
        (settle(&core, 2, 9, "x"), "missing"),
        (
            state(&consent, 1, &["events", "e"], "x"),
            "not_disputed_here",
        ),
    ] {
        let error: ApplyError = berger.try_apply(&edit, 2).unwrap_err();
        assert_eq!(error.code(), code, "{edit:?}");
    }
    assert_eq!(berger.document.heads(), before, "nothing is half applied");
    berger.apply(&state(&core, 1, &FIRST_NAME, "control"), 3);
}

/// Sommer's program is modified: she rewrites what the person said.
#[test]
fn a_mark_stands_as_it_was_recorded() {
    let core = SectionKind::Core;
    let [mut berger, _, mut sommer, _] = replicas(&core);
    name(&mut berger, "Ruht", 1);
    berger.apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    sommer.pull(&berger);
    sommer.tamper(|editor| {
        let mark = format!("dispute:{}", id(1));
        let mark = Path::from_iter(["acknowledged".to_owned(), mark]);
        editor.put(mark.join("text"), "Alles stimmt.")
    });
    let view = view(&sommer);
    let text = view.disputes[0].text.as_ref().unwrap();
    assert_eq!(text.canonical(), "Ich heisse Ruth.");
    assert_eq!(view.violations.len(), 1);
}

/// Sommer's program is modified: she deletes one mark and writes another one in the place of a second.
#[test]
fn a_mark_that_was_deleted_or_replaced_comes_back_as_it_was_recorded() {
    let core = SectionKind::Core;
    let [mut berger, _, mut sommer, _] = replicas(&core);
    name(&mut berger, "Ruht", 1);
    berger.apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    berger.apply(&state(&core, 2, &FIRST_NAME, "Nicht Ruht."), 3);
    sommer.pull(&berger);
    let place = |number: u8| {
        Path::from_iter(["acknowledged".to_owned(), format!("dispute:{}", id(number))])
    };
    sommer.tamper(|editor| editor.delete(place(1)));
    sommer.tamper_with(|editor| {
        editor.delete(place(2)).unwrap();
        editor.put_map(place(2)).unwrap();
        editor.put(place(2).join("text"), "Alles stimmt.").unwrap();
    });
    berger.pull(&sommer);
    for replica in [&berger, &sommer] {
        let view = view(replica);
        let mut texts: Vec<String> = view
            .standing()
            .map(|one| one.text.as_ref().unwrap().canonical())
            .collect();
        texts.sort();
        assert_eq!(texts, ["Ich heisse Ruth.", "Nicht Ruht."]);
        let by = view.violations.iter().map(|one| one.by.author.as_ref());
        let by: Vec<&str> = by.map(|author| author.unwrap().person.as_str()).collect();
        assert!(
            !by.is_empty() && by.iter().all(|by| *by == "sommer"),
            "{by:?}"
        );
    }
}

#[test]
fn no_value_is_chosen_into_a_mark() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    name(&mut berger, "Ruht", 1);
    berger.apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    let choice = Edit::ChooseValue(ChooseValue {
        section: core,
        path: vec![
            "acknowledged".into(),
            format!("dispute:{}", id(1)),
            "text".into(),
        ],
        value: ScalarValue::Text("Alles stimmt.".into()),
        changes: Vec::new(),
    });
    let error = berger.try_apply(&choice, 3).unwrap_err();
    assert_eq!(error.code(), "not_of_this_field");
}

#[test]
fn every_section_but_the_ledger_of_consents_is_born_with_a_place_for_marks() {
    for section in PLAIN_SECTIONS {
        let has = containers(&section).contains(&"acknowledged");
        assert_eq!(has, section != SectionKind::Consent, "{section}");
    }
}

/// What a workshop receives of the core data, and what of it the person disputes.
#[test]
fn a_mark_goes_into_the_slice_with_its_value_and_ends_there_with_it() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    name(&mut berger, "Ruht", 1);
    let birth = CoreField::Birth(field("1982-05-17"));
    berger.apply(&Edit::Core(CoreEdit::Set(birth)), 1);
    let workshop = InstitutionId::parse("holzbau").unwrap();
    let kind = SectionKind::Slice(Box::new(Slice::first(&core, &workshop).unwrap()));
    let [mut slice, ..] = replicas(&kind);
    let copied = |source: &Replica| -> SliceContent {
        let document = &source.document;
        slice_content(&core, SlicePart::Name, &workshop, document, &authors())
    };
    let written = |content: SliceContent| {
        Edit::Slice(SliceEdit {
            section: kind.clone(),
            content,
            as_of: field("2027-03-13"),
        })
    };
    slice.apply(&written(copied(&berger)), 2);
    assert!(view(&slice).disputes.is_empty());

    berger.apply(
        &state(&core, 1, &FIRST_NAME, "Ich heisse Ruth, sagt mein Arzt."),
        3,
    );
    berger.apply(&state(&core, 2, &["person", "birth"], "1983"), 3);
    let content = copied(&berger);
    assert_eq!(content.state_of(&slice.document, &kind), SliceState::Behind);
    slice.apply(&written(content.clone()), 4);
    assert_eq!(
        content.state_of(&slice.document, &kind),
        SliceState::Current
    );
    let marked = view(&slice);
    assert_eq!(marked.disputes.len(), 1, "birth is no part of the slice");
    assert!(marked.concerns(&["fields", "first_name"]));
    assert_eq!(marked.disputes[0].text, None);
    let whole = slice.document.export_json().to_string();
    assert!(
        !whole.contains("Arzt") && !whole.contains("1983"),
        "{whole}"
    );
    let heads = slice.document.heads();
    slice.apply(&written(content), 5);
    assert_eq!(slice.document.heads(), heads, "nothing is written twice");

    let error = slice
        .try_apply(&state(&kind, 3, &["fields", "first_name"], "x"), 5)
        .unwrap_err();
    assert_eq!(
        error.code(),
        "slice",
        "who receives a copy does not mark it"
    );

    berger.apply(&settle(&core, 4, 1, "berichtigt"), 6);
    let content = copied(&berger);
    assert_eq!(content.state_of(&slice.document, &kind), SliceState::Behind);
    slice.apply(&written(content.clone()), 7);
    assert_eq!(
        content.state_of(&slice.document, &kind),
        SliceState::Current
    );
    assert_eq!(view(&slice).standing().count(), 0);
    assert_eq!(
        view(&slice).disputes.len(),
        1,
        "the mark stays in the history"
    );
}

#[test]
fn a_mark_of_an_entry_goes_with_the_entry_and_one_of_a_field_only_with_the_field() {
    let labour = SectionKind::Labour;
    let [mut berger, ..] = replicas(&labour);
    let values = [
        ("employer".to_owned(), ScalarValue::Text("Spitex".into())),
        (
            "reason_ended".to_owned(),
            ScalarValue::Text("Streit".into()),
        ),
    ];
    berger.apply(
        &Edit::Form(FormEdit {
            section: labour.clone(),
            change: FormChange::Add {
                list: "employments".into(),
                id: id(8),
                correction_of: None,
                values: values.into(),
            },
        }),
        1,
    );
    let entry = id(8).to_string();
    berger.apply(&state(&labour, 1, &["entries", &entry], "nie"), 2);
    berger.apply(
        &state(&labour, 2, &["entries", &entry, "employer"], "nein"),
        2,
    );
    berger.apply(
        &state(
            &labour,
            3,
            &["entries", &entry, "reason_ended"],
            "kein Streit",
        ),
        2,
    );
    let receiver = InstitutionId::parse("kurswerk").unwrap();
    let document = &berger.document;
    let content = slice_content(&labour, SlicePart::Extract, &receiver, document, &authors());
    let marks: Vec<_> = content
        .contested
        .iter()
        .map(|(id, mark)| (*id, mark.path.join("/")))
        .collect();
    assert_eq!(
        marks,
        [
            (id(1), format!("entries/{entry}")),
            (id(2), format!("entries/{entry}/employer")),
        ]
    );
}

#[test]
fn a_file_of_the_case_says_what_is_contested_for_its_readers() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    name(&mut berger, "Ruht", 1);
    let export = |berger: &Replica| {
        let section = SectionToExport {
            kind: SectionKind::Core,
            document: &berger.document,
            authors: &authors(),
        };
        case_file(&[section], serde_json::Map::new())
    };
    assert!(export(&berger)["reference"].get("disputes").is_none());
    berger.apply(&state(&core, 1, &FIRST_NAME, "Ich heisse Ruth."), 2);
    let mark = &export(&berger)["reference"]["disputes"]["core"][0];
    assert_eq!(mark["text"], "Ich heisse Ruth.");
    assert_eq!(mark["path"], serde_json::json!(["person", "first_name"]));
}
