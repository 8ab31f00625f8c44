//! Files that belong to a section.

mod support;

use nahtlos_casework::edit::{
    ATTACHMENT_INLINE_BYTES_MAX, ATTACHMENT_SECTION_BYTES_MAX, AttachmentChange, AttachmentEdit,
    Edit, NewAttachment,
};
use nahtlos_casework::export::{SectionToExport, case_file};
use nahtlos_casework::fields::{Digest, Field, FileBytes, InstitutionId};
use nahtlos_casework::import::CaseFile;
use nahtlos_casework::matrix::SlicePart;
use nahtlos_casework::view::{AttachmentContent, AttachmentsView, slice_content};
use nahtlos_casework::{PLAIN_SECTIONS, Rule, SectionKind, conflicts, containers};
use nahtlos_document::{Path, Value};
use serde_json::{Value as Json, json};
use support::{Replica, authors, field, id, replicas, sync};

const REPORT: &[u8] = b"%PDF-1.7 Rhizarthrose beidseits";

fn file(name: &str, bytes: &[u8]) -> NewAttachment {
    let bytes = FileBytes::from(bytes.to_vec());
    NewAttachment::whole(field(name), field("application/pdf"), None, bytes)
}

fn add(section: &SectionKind, number: u8, attachment: NewAttachment) -> Edit {
    Edit::Attachment(AttachmentEdit {
        section: section.clone(),
        change: AttachmentChange::Add {
            id: id(number),
            attachment,
        },
    })
}

fn remove(section: &SectionKind, number: u8, attachment: u8) -> Edit {
    Edit::Attachment(AttachmentEdit {
        section: section.clone(),
        change: AttachmentChange::Remove {
            id: id(number),
            attachment: id(attachment),
            reason: Some(field("falscher Fall")),
        },
    })
}

fn view(replica: &Replica) -> AttachmentsView {
    AttachmentsView::read(&replica.document, &SectionKind::Medical, &authors())
}

fn place(number: u8) -> Path {
    Path::from_iter([
        "acknowledged".to_owned(),
        format!("attachment:{}", id(number)),
    ])
}

/// Berger and Iseli, both offline, add the report of the same name; a third one is recorded only.
#[test]
fn files_that_two_add_at_once_both_stand_and_are_no_conflict() {
    let medical = SectionKind::Medical;
    let mut four = replicas(&medical);
    four[0].apply(&add(&medical, 1, file("bericht.pdf", REPORT)), 1);
    four[1].apply(&add(&medical, 2, file("bericht.pdf", b"")), 1);
    let recorded = NewAttachment {
        bytes: None,
        size_bytes: 24_000_000,
        note: Some(field("Ablage der IV, Band 3")),
        ..file("mrt.zip", REPORT)
    };
    four[1].apply(&add(&medical, 3, recorded), 2);
    sync(&mut four);
    for replica in &four {
        let view = view(replica);
        let found: Vec<_> = view
            .standing()
            .map(|one| {
                let by = one.origin.author.as_ref().unwrap().person.to_string();
                (one.content, one.size_bytes.unwrap(), by)
            })
            .collect();
        assert_eq!(
            found,
            [
                (
                    AttachmentContent::Here,
                    REPORT.len() as u64,
                    "berger".to_owned()
                ),
                (AttachmentContent::Here, 0, "iseli".to_owned()),
                (AttachmentContent::Recorded, 24_000_000, "iseli".to_owned()),
            ]
        );
        let bytes = view.attachments[0].bytes.as_ref().unwrap();
        assert_eq!(bytes.as_slice(), REPORT);
        assert!(view.violations.is_empty());
        assert!(conflicts(&replica.document, &medical, &authors()).is_empty());
    }
}

/// In the RAV's notes Berger keeps a file; Iseli, of the IV, holds the section's key by mistake.
#[test]
fn in_the_notes_of_an_institution_nobody_elses_file_counts_and_nobody_else_removes_one() {
    let notes = SectionKind::from_code("internal/rav");
    let mut four = replicas(&notes);
    four[0].apply(&add(&notes, 1, file("eigen.pdf", REPORT)), 1);
    four[1].apply(&add(&notes, 2, file("fremd.pdf", REPORT)), 1);
    sync(&mut four);
    four[1].apply(&remove(&notes, 3, 1), 2);
    sync(&mut four);
    for replica in &four {
        let view = AttachmentsView::read(&replica.document, &notes, &authors());
        let names: Vec<_> = view
            .standing()
            .map(|one| one.name.as_ref().unwrap().canonical())
            .collect();
        assert_eq!(names, ["eigen.pdf"]);
        let rules: Vec<_> = view.violations.iter().map(|one| one.rule).collect();
        assert_eq!(rules, [Rule::NotesOfOneInstitution; 2]);
        assert!(view.attachments[0].removed.is_empty());
        let open = AttachmentsView::read(&replica.document, &SectionKind::Medical, &authors());
        assert_eq!(open.attachments.len(), 2, "control: elsewhere both count");
    }
}

#[test]
fn every_section_but_ledgers_slices_and_enquiries_takes_files() {
    for section in PLAIN_SECTIONS {
        let code = section.code();
        let [mut berger, ..] = replicas(&section);
        let added = berger.try_apply(&add(&section, 1, file("a.pdf", REPORT)), 1);
        let takes = !["consent", "access", "enquiry"].contains(&code.as_str());
        assert_eq!(added.is_ok(), takes, "{code}");
        assert_eq!(
            view(&berger).attachments.len(),
            usize::from(takes),
            "{code}"
        );
    }
    for (code, refusal) in [
        ("slice/core/espoir/1", "slice"),
        ("genetics", "no_attachments_here"),
    ] {
        let section = SectionKind::from_code(code);
        let edit = add(&section, 1, file("a.pdf", REPORT));
        assert_eq!(edit.validate().unwrap_err().code, refusal, "{code}");
    }
}

#[test]
fn a_file_up_to_the_limit_stands_whole_and_one_byte_more_or_another_hash_is_refused() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    let most = usize::try_from(ATTACHMENT_INLINE_BYTES_MAX).unwrap();
    let before = berger.document.heads();
    let wrong_hash = NewAttachment {
        sha256: Digest::of(b"another"),
        ..file("a.pdf", REPORT)
    };
    let wrong_size = NewAttachment {
        size_bytes: 1,
        ..file("a.pdf", REPORT)
    };
    let no_size = NewAttachment {
        size_bytes: 1 << 53,
        bytes: None,
        ..file("a.pdf", REPORT)
    };
    for (attachment, code) in [
        (file("a.pdf", &vec![7; most + 1]), "too_large"),
        (wrong_hash, "hash_mismatch"),
        (wrong_size, "size_mismatch"),
        (no_size, "too_large"),
    ] {
        let refused = berger.try_apply(&add(&core, 1, attachment), 1);
        assert_eq!(refused.unwrap_err().code(), code);
    }
    let refused = berger.try_apply(&remove(&core, 2, 9), 1);
    assert_eq!(refused.unwrap_err().code(), "missing");
    assert_eq!(berger.document.heads(), before, "nothing is half applied");
    berger.apply(&add(&core, 1, file("a.pdf", &vec![7; most])), 2);
    assert_eq!(
        view(&berger).attachments[0].content,
        AttachmentContent::Here
    );
}

#[test]
fn a_section_has_room_for_a_bounded_sum_and_removed_files_count() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    let most = usize::try_from(ATTACHMENT_INLINE_BYTES_MAX).unwrap();
    berger.apply(&add(&core, 1, file("a.pdf", &vec![7; most])), 1);
    let left = ATTACHMENT_SECTION_BYTES_MAX - ATTACHMENT_INLINE_BYTES_MAX;
    assert!(view(&berger).check_room(left).is_ok());
    berger.apply(&remove(&core, 2, 1), 2);
    let refused = view(&berger).check_room(left + 1).unwrap_err();
    assert_eq!(refused.code, "section_full");
    assert!(view(&berger).check_room(u64::MAX).is_err());
}

#[test]
fn a_removed_file_is_shown_with_who_removed_it_and_its_bytes_stand_nowhere_any_more() {
    let medical = SectionKind::Medical;
    let mut four = replicas(&medical);
    four[0].apply(&add(&medical, 1, file("bericht.pdf", REPORT)), 1);
    sync(&mut four);
    four[1].apply(&remove(&medical, 2, 1), 2);
    four[2].apply(&remove(&medical, 3, 1), 2);
    sync(&mut four);
    let view = view(&four[3]);
    assert_eq!(view.standing().count(), 0);
    let one = &view.attachments[0];
    assert_eq!(one.content, AttachmentContent::Removed);
    assert!(one.bytes.is_none());
    assert_eq!(one.removed.len(), 2, "neither word is lost");
    assert!(view.violations.is_empty());
    let now = four[3].document.read().get(place(1).join("bytes"));
    assert_eq!(now, None, "the section holds them no more");
}

/// Sommer's program is modified: she puts other bytes in the place of the report, and deletes another file.
#[test]
fn a_file_stands_as_it_was_added_whatever_somebody_does_to_it() {
    let medical = SectionKind::Medical;
    let [mut berger, _, mut sommer, _] = replicas(&medical);
    berger.apply(&add(&medical, 1, file("bericht.pdf", REPORT)), 1);
    berger.apply(&add(&medical, 2, file("zweiter.pdf", b"zwei")), 2);
    sommer.pull(&berger);
    sommer.tamper(|editor| editor.put(place(1).join("bytes"), Value::Bytes(b"malware".to_vec())));
    sommer.tamper(|editor| editor.delete(place(2)));
    berger.pull(&sommer);
    for replica in [&berger, &sommer] {
        let view = view(replica);
        let bytes: Vec<&[u8]> = view
            .standing()
            .map(|one| one.bytes.as_ref().unwrap().as_slice())
            .collect();
        assert_eq!(bytes, [REPORT, b"zwei"]);
        assert!(view.violations.len() >= 2);
        for violation in &view.violations {
            assert_eq!(
                violation.by.author.as_ref().unwrap().person.as_str(),
                "sommer"
            );
        }
    }
}

/// What a modified program may write: it passes the gate, and is shown as what it is.
#[test]
fn hostile_entries_are_shown_as_unusable_and_never_give_bytes() {
    let medical = SectionKind::Medical;
    let good: &[(&str, Value)] = &[
        ("name", "a.pdf".into()),
        ("media_type", "application/pdf".into()),
        ("size", Value::Integer(3)),
        ("sha256", Digest::of(b"abc").to_string().into()),
        ("bytes", Value::Bytes(b"abc".to_vec())),
    ];
    let large = vec![7; usize::try_from(ATTACHMENT_INLINE_BYTES_MAX).unwrap() + 1];
    let long = "a".repeat(100_000);
    use AttachmentContent as C;
    let cases: &[(&str, Option<Value>, C)] = &[
        ("size", Some(Value::Integer(-1)), C::Incomplete),
        ("size", Some(Value::Integer(i64::MIN)), C::Incomplete),
        ("size", Some(Value::Float(3.0)), C::Incomplete),
        ("size", Some("3".into()), C::Incomplete),
        ("size", None, C::Incomplete),
        ("size", Some(Value::Integer(4)), C::SizeMismatch),
        ("size", Some(Value::Unsigned(u64::MAX)), C::SizeMismatch),
        (
            "sha256",
            Some(Digest::of(b"other").to_string().into()),
            C::HashMismatch,
        ),
        ("sha256", Some("abc".into()), C::Incomplete),
        ("sha256", None, C::Incomplete),
        ("name", Some(long.as_str().into()), C::Incomplete),
        ("name", Some("../../.bashrc".into()), C::Incomplete),
        ("name", Some("a\u{202e}fdp.exe".into()), C::Incomplete),
        ("name", Some(Value::map()), C::Incomplete),
        ("media_type", Some("x".into()), C::Incomplete),
        (
            "bytes",
            Some(Value::Bytes(b"abd".to_vec())),
            C::HashMismatch,
        ),
        ("bytes", Some(Value::Bytes(large)), C::TooLarge),
        ("bytes", Some("abc".into()), C::Incomplete),
        ("bytes", None, C::Recorded),
        ("key", Some(Value::Bytes(vec![7; 32])), C::NeedsNewer),
        ("unknown", Some("of a newer version".into()), C::Here),
    ];
    for (number, (name, value, expected)) in (1..).zip(cases) {
        let [mut berger, _, mut sommer, _] = replicas(&medical);
        sommer.tamper_with(|editor| {
            editor.put_map(place(number)).unwrap();
            for (field, good) in good {
                let put = match field == name {
                    true => value.clone(),
                    false => Some(good.clone()),
                };
                if let Some(put) = put {
                    editor.put(place(number).join(*field), put).unwrap();
                }
            }
            if let Some(value) = value
                .as_ref()
                .filter(|_| !good.iter().any(|(n, _)| n == name))
            {
                editor
                    .put(place(number).join(*name), value.clone())
                    .unwrap();
            }
        });
        berger.pull(&sommer);
        let view = view(&berger);
        let one = &view.attachments[0];
        assert_eq!(one.content, *expected, "{name} {number}");
        assert_eq!(one.bytes.is_some(), *expected == C::Here, "{name} {number}");
        assert!(!serde_json::to_string(&view).unwrap().contains("\"key\""));
    }
    // Something else than a map, a map whose identifier is none, and a removal of nothing.
    let [mut berger, _, mut sommer, _] = replicas(&medical);
    sommer.tamper_with(|editor| {
        editor.put(place(1), "text").unwrap();
        let odd = |name: &str| Path::from_iter(["acknowledged", name]);
        editor.put_map(odd("attachment:")).unwrap();
        editor.put_map(odd("attachment_end:x")).unwrap();
        editor
            .put(odd("attachment_end:x").join("attachment"), "nothing")
            .unwrap();
    });
    berger.pull(&sommer);
    assert_eq!(
        view(&berger)
            .attachments
            .iter()
            .filter(|one| one.content == C::Incomplete)
            .count(),
        view(&berger).attachments.len()
    );
}

#[test]
fn files_never_go_into_a_slice() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    berger.apply(&add(&core, 1, file("bericht.pdf", REPORT)), 1);
    let receiver: InstitutionId = field("espoir");
    for part in [SlicePart::Contact, SlicePart::Name, SlicePart::Extract] {
        let content = slice_content(&core, part, &receiver, &berger.document, &authors());
        let text = serde_json::to_string(&content).unwrap();
        assert!(!text.contains("bericht"), "{text}");
    }
}

fn exported(section: &SectionKind, replica: &Replica) -> Json {
    let authors = authors();
    let sections = [SectionToExport {
        kind: section.clone(),
        document: &replica.document,
        authors: &authors,
    }];
    case_file(&sections, serde_json::Map::new())
}

#[test]
fn an_exported_case_keeps_its_files_and_opened_again_says_the_same() {
    let core = SectionKind::Core;
    let [mut berger, ..] = replicas(&core);
    let name = nahtlos_casework::edit::CoreField::OfficialName(field("Mosimann"));
    let name = Edit::Core(nahtlos_casework::edit::CoreEdit::Set(name));
    berger.apply(&name, 1);
    let noted = NewAttachment {
        note: Some(field("vom Hausarzt")),
        ..file("bericht.pdf", REPORT)
    };
    berger.apply(&add(&core, 1, noted), 1);
    let recorded = NewAttachment {
        bytes: None,
        size_bytes: 24_000_000,
        ..file("mrt.zip", REPORT)
    };
    berger.apply(&add(&core, 2, recorded), 2);
    berger.apply(&add(&core, 3, file("falsch.pdf", b"weg")), 3);
    berger.apply(&remove(&core, 4, 3), 4);
    berger.tamper_with(|editor| {
        editor.put_map(place(5)).unwrap();
        editor.put(place(5).join("name"), "krumm").unwrap();
        editor
            .put(place(5).join("size"), Value::Integer(-1))
            .unwrap();
    });
    let file = exported(&core, &berger);
    let text = file.to_string();
    assert!(!text.contains("falsch.pdf"), "removed: {text}");
    assert_eq!(file["attachments"].as_array().unwrap().len(), 2);
    assert_eq!(file["other_values"][0]["value"]["content"], "incomplete");
    let table = nahtlos_casework::export::rows(&file);
    let cells: Vec<&String> = table.iter().flatten().collect();
    assert!(cells.iter().any(|cell| *cell == "bericht.pdf"));
    let content = file["attachments"][0]["content"].as_str().unwrap();
    assert!(
        !cells.iter().any(|cell| *cell == content),
        "no bytes in a table"
    );

    let read = CaseFile::parse(&text).unwrap();
    let [_, mut iseli, ..] = replicas(&core);
    for edit in read.edits(&mut || id(99)) {
        iseli.apply(&edit, 9);
    }
    let again = exported(&core, &iseli);
    let without_author = |file: &Json| {
        let mut files = file["attachments"].clone();
        for one in files.as_array_mut().unwrap() {
            one.as_object_mut().unwrap().remove("written_by");
            one.as_object_mut().unwrap().remove("written_at");
        }
        files
    };
    assert_eq!(without_author(&again), without_author(&file));
}

#[test]
fn a_wrong_file_in_a_case_file_is_refused_with_its_place() {
    let good = json!({
        "section": "core", "name": "a.pdf", "media_type": "application/pdf", "size": 3,
        "sha256": Digest::of(b"abc").to_string(), "content": "YWJj",
    });
    let parse = |attachment: &Json| {
        let file = json!({
            "schema_version": 1,
            "person": { "official_name": "Mosimann" },
            "attachments": [attachment],
        });
        CaseFile::parse(&file.to_string())
    };
    assert!(parse(&good).is_ok());
    for (name, value, code) in [
        ("section", json!("consent"), "no_attachments_here"),
        ("section", json!("enquiry"), "unknown_section"),
        ("section", Json::Null, "missing"),
        ("name", json!("../a"), "separator"),
        ("media_type", json!("pdf"), "format"),
        ("size", json!(-1), "format"),
        ("size", json!("viel"), "format"),
        ("size", json!(4), "size_mismatch"),
        ("sha256", json!("00"), "format"),
        (
            "sha256",
            json!(Digest::of(b"x").to_string()),
            "hash_mismatch",
        ),
        ("content", json!("YWJj="), "format"),
        ("content", json!(7), "format"),
        ("extra", json!(1), "unknown_field"),
    ] {
        let mut wrong = good.clone();
        wrong[name] = value;
        let errors = parse(&wrong).unwrap_err();
        assert_eq!(errors[0].code, code, "{name}: {errors:?}");
        assert!(errors[0].path.starts_with("$.attachments[0]"), "{errors:?}");
    }
    let bytes = FileBytes::from(vec![7; 32 * 1024]);
    let large = json!({
        "section": "core", "name": "a.pdf", "media_type": "application/pdf", "size": 32 * 1024,
        "sha256": bytes.digest().to_string(), "content": bytes.canonical(),
    });
    let file = |count: usize| {
        let file = json!({
            "schema_version": 1,
            "person": { "official_name": "Mosimann" },
            "attachments": vec![large.clone(); count],
        });
        CaseFile::parse(&file.to_string())
    };
    assert!(file(16).is_ok());
    assert_eq!(file(17).unwrap_err()[0].code, "section_full");
}

#[test]
fn an_edit_of_a_file_survives_being_stored_and_hides_what_it_says() {
    let edit = add(&SectionKind::Core, 1, file("Mosimann.pdf", REPORT));
    let text = serde_json::to_string(&edit).unwrap();
    assert_eq!(serde_json::from_str::<Edit>(&text).unwrap(), edit);
    let shown = format!("{edit:?}");
    assert!(
        !shown.contains("Mosimann") && !shown.contains("Rhiz"),
        "{shown}"
    );
    assert!(
        containers(&SectionKind::Consent)
            .iter()
            .all(|map| *map != "acknowledged")
    );
}
