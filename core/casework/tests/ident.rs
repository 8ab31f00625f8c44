//! The section `ident`: numbers that are checked when typed, stored in one form, shown in another,
//! and hidden from whoever prints an edit or a view.

mod support;

use nahtlos_casework::edit::{IdentEdit, IdentField, IdentKey, ScalarValue};
use nahtlos_casework::fields::{Ahvn13, Field, Stored};
use nahtlos_casework::view::IdentView;
use nahtlos_casework::{
    CaseFile, Choice, ConflictKind, Edit, SectionKind, conflicts, names_of, resolve,
};
use serde_json::json;
use support::{authors, field, id, replicas, sync};

fn set(field: IdentField) -> Edit {
    Edit::Ident(IdentEdit::Set(field))
}

fn ahvn13(text: &str) -> Edit {
    set(IdentField::Ahvn13(field(text)))
}

#[test]
fn an_ahv_number_is_stored_as_digits_and_shown_with_dots() {
    for (typed, stored, shown) in [
        ("7561234567897", "7561234567897", "756.1234.5678.97"),
        ("756.9217.0769.85", "7569217076985", "756.9217.0769.85"),
        (" 756 0000 0100 70", "7560000010070", "756.0000.0100.70"),
    ] {
        let [mut berger, ..] = replicas(&SectionKind::Ident);
        berger.apply(&ahvn13(typed), 1);
        let exported = berger.document.export_json();
        assert_eq!(exported["ident"]["ahvn13"], stored);
        let view = IdentView::read(&berger.document);
        assert_eq!(view.ahvn13.as_ref().unwrap().to_string(), shown);
        assert_eq!(serde_json::to_value(&view).unwrap()["ahvn13"], stored);
    }
}

#[test]
fn a_wrong_ahv_number_never_becomes_an_edit() {
    for (typed, code) in [
        ("7561234567890", "check_digit"),
        ("756.1234.5678.9", "length"),
        ("757.1234.5678.97", "country"),
        ("756-1234-5678-97", "character"),
    ] {
        let error = Ahvn13::parse(typed).unwrap_err();
        assert_eq!((error.field, error.code), ("ahvn13", code));
        let edit = json!({ "ident": { "set": { "ahvn13": typed } } });
        assert!(serde_json::from_value::<Edit>(edit).is_err(), "{code}");
    }
    let right = json!({ "ident": { "set": { "ahvn13": "7561234567897" } } });
    assert_eq!(
        serde_json::from_value::<Edit>(right).unwrap(),
        ahvn13("756.1234.5678.97")
    );
}

#[test]
fn local_numbers_are_added_beside_one_another_and_removed() {
    let [mut berger, mut iseli, ..] = replicas(&SectionKind::Ident);
    let add = |number: u8, institution: &str| {
        let record = format!(r#"{{"institution":"{institution}","number":"D-{number}"}}"#);
        Edit::Ident(IdentEdit::AddLocalId {
            id: id(number),
            local_id: field(&record),
        })
    };
    berger.apply(&add(1, "soz"), 1);
    iseli.apply(&add(2, "iv"), 1);
    iseli.apply(&add(3, "iv"), 2);
    iseli.pull(&berger);
    assert_eq!(IdentView::read(&iseli.document).local_ids.len(), 3);
    assert!(conflicts(&iseli.document, &SectionKind::Ident, &authors()).is_empty());
    iseli.apply(&Edit::Ident(IdentEdit::RemoveLocalId { id: id(3) }), 3);
    let shown: Vec<String> = IdentView::read(&iseli.document)
        .local_ids
        .values()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["soz: D-1", "iv: D-2"]);
}

#[test]
fn two_numbers_typed_at_once_are_a_conflict_that_one_of_them_settles() {
    let mut four = replicas(&SectionKind::Ident);
    four[0].apply(&ahvn13("7561234567897"), 1);
    four[1].apply(&ahvn13("7569217076985"), 2);
    sync(&mut four);
    let found = conflicts(&four[2].document, &SectionKind::Ident, &authors());
    let [conflict] = found.as_slice() else {
        panic!("one conflict, not {}", found.len());
    };
    assert_eq!(conflict.label, Some(IdentKey::Ahvn13.names()));
    let ConflictKind::Values { alternatives } = &conflict.kind else {
        panic!("values");
    };
    let wanted = ScalarValue::Text("7561234567897".into());
    let position = alternatives.iter().position(|side| side.value == wanted);
    let edit = resolve(conflict, Choice::Alternative(position.unwrap())).unwrap();
    four[2].apply(&edit, 3);
    assert!(conflicts(&four[2].document, &SectionKind::Ident, &authors()).is_empty());
    let view = IdentView::read(&four[2].document);
    assert_eq!(view.ahvn13, Some(Stored::Known(field("7561234567897"))));
}

#[test]
fn fields_are_cleared_and_have_names_in_three_languages() {
    let [mut berger, ..] = replicas(&SectionKind::Ident);
    berger.apply(&ahvn13("7561234567897"), 1);
    berger.apply(&set(IdentField::Zemis(field("12345678.9"))), 2);
    berger.apply(&Edit::Ident(IdentEdit::Clear(IdentKey::Ahvn13)), 3);
    let view = IdentView::read(&berger.document);
    assert_eq!(view.ahvn13, None);
    assert_eq!(view.zemis.unwrap().to_string(), "12345678.9");
    let names = names_of(&SectionKind::Ident, &["ident", "ahvn13"]).unwrap();
    assert_eq!(names, ["AHV-Nummer", "numéro AVS", "AHV number"]);
}

#[test]
fn neither_edit_nor_view_nor_case_file_shows_a_number_to_a_debugger() {
    let [mut berger, ..] = replicas(&SectionKind::Ident);
    let local_id = Edit::Ident(IdentEdit::AddLocalId {
        id: id(1),
        local_id: field(r#"{"institution":"soz","number":"D-12345"}"#),
    });
    let edits = [
        ahvn13("7561234567897"),
        set(IdentField::Zemis(field("12345678.9"))),
        local_id,
    ];
    for edit in &edits {
        berger.apply(edit, 1);
    }
    let file = r#"{"schema_version": 1, "person": {"official_name": "Mosimann"},
        "ident": {"ahvn13": "756.1234.5678.97", "zemis": "12345678.9",
                  "local_ids": [{"institution": "soz", "number": "D-12345"}]}}"#;
    let file = CaseFile::parse(file).unwrap();
    let view = IdentView::read(&berger.document);
    let printed = format!("{edits:?} {view:?} {file:?}");
    assert!(!printed.contains("1234"), "{printed}");
    // Control: it is all there.
    let json = serde_json::to_string(&view).unwrap();
    assert_eq!(json.matches("1234").count(), 3, "{json}");
}

#[test]
fn a_case_file_with_numbers_makes_edits_of_ident_in_the_stored_form() {
    let file = json!({
        "schema_version": 1,
        "person": { "official_name": "Mosimann" },
        "ident": {
            "ahvn13": 7_561_234_567_897_u64,
            "local_ids": [{ "institution": "soz", "number": "D-7" }],
        },
    });
    let file = CaseFile::parse(&file.to_string()).unwrap();
    let mut edits = file.edits(&mut || id(1));
    edits.retain(|edit| edit.section() == SectionKind::Ident);
    assert_eq!(edits.len(), 2);
    assert_eq!(edits[0], ahvn13("756.1234.5678.97"));
    for edit in edits {
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), edit);
    }
}
