//! How a case is led: journals and their corrections, closing while others work, who leads and who pays.

mod support;

use nahtlos_casework::edit::{
    Closing, CompetenceDecision, CoreEdit, CoreField, FormChange, FormEdit, JournalEdit,
    MarkClosing, Reopening, ScalarValue, TaskEdit, TaskField,
};
use nahtlos_casework::fields::{
    ClosingReason, CompetenceKind, Field, JournalKind, Phase, ReopeningReason, Stored, TaskStatus,
};
use nahtlos_casework::view::{JournalFilter, JournalView, ProcessView, TasksView};
use nahtlos_casework::{
    ApplyError, Choice, Conflict, ConflictKind, Edit, Rule, SectionKind, conflicts, resolve,
};
use nahtlos_document::Path;
use support::{Replica, at, authors, field, id, replicas, sync};

fn entry(number: u8, minute: i64, kind: JournalKind, text: &str, corrects: Option<u8>) -> Edit {
    Edit::Journal(JournalEdit::AddEntry {
        id: id(number),
        at: Some(at(minute)),
        kind,
        text: field(text),
        correction_of: corrects.map(id),
    })
}

fn note(section: &SectionKind, number: u8, text: &str, corrects: Option<u8>) -> Edit {
    let values = [("kind", "call"), ("text", text)];
    let values = values.map(|(code, text)| (code.to_owned(), ScalarValue::Text(text.to_owned())));
    Edit::Form(FormEdit {
        section: section.clone(),
        change: FormChange::Add {
            list: "notes".into(),
            id: id(number),
            correction_of: corrects.map(id),
            values: values.into_iter().collect(),
        },
    })
}

#[test]
fn a_corrected_entry_stays_and_says_by_whom_it_was_corrected() {
    let [mut berger, mut iseli, ..] = replicas(&SectionKind::Journal);
    berger.apply(&entry(1, 5, JournalKind::Call, "Termin am 3.", None), 10);
    iseli.pull(&berger);
    iseli.apply(&entry(2, 5, JournalKind::Call, "Termin am 4.", Some(1)), 20);
    berger.apply(&entry(3, 5, JournalKind::Call, "Termin am 5.", Some(1)), 30);
    iseli.pull(&berger);
    berger.pull(&iseli);
    for replica in [&berger, &iseli] {
        let view = JournalView::read(&replica.document, &authors());
        let first = view
            .entries
            .iter()
            .find(|entry| entry.id == Stored::Known(id(1)));
        let first = first.unwrap();
        assert_eq!(first.text.as_ref().unwrap().canonical(), "Termin am 3.");
        let by: Vec<(String, String)> = first
            .corrected_by
            .iter()
            .map(|by| {
                let author = by.origin.author.as_ref().unwrap();
                (by.id.canonical(), author.display_name.to_string())
            })
            .collect();
        let expected = [
            (id(2).canonical(), "iseli".into()),
            (id(3).canonical(), "berger".into()),
        ];
        assert_eq!(by, expected);
        let others = view
            .entries
            .iter()
            .filter(|entry| entry.id != Stored::Known(id(1)));
        assert!(others.clone().all(|entry| entry.corrected_by.is_empty()));
        assert!(
            others
                .clone()
                .all(|entry| entry.correction_of == Some(Stored::Known(id(1))))
        );
        assert!(conflicts(&replica.document, &SectionKind::Journal, &authors()).is_empty());
    }
    let nothing = entry(4, 5, JournalKind::Call, "x", Some(9));
    assert!(matches!(
        berger.try_apply(&nothing, 40),
        Err(ApplyError::Missing { .. })
    ));
}

#[test]
fn a_journal_is_filtered_by_kind_time_and_text() {
    let [mut berger, ..] = replicas(&SectionKind::Journal);
    berger.apply(
        &entry(1, 10, JournalKind::Call, "Zeugnis verlangt", None),
        50,
    );
    berger.apply(
        &entry(2, 20, JournalKind::Mail, "ZEUGNIS erhalten", None),
        50,
    );
    berger.apply(&entry(3, 30, JournalKind::Call, "Termin", None), 50);
    let view = JournalView::read(&berger.document, &authors());
    let listed = |filter: &JournalFilter| -> Vec<String> {
        let held = view.entries.iter().filter(|entry| filter.holds(entry));
        held.map(|entry| entry.id.canonical()).collect()
    };
    let ids = |numbers: &[u8]| -> Vec<String> {
        numbers
            .iter()
            .map(|number| id(*number).canonical())
            .collect()
    };
    let all = JournalFilter::default();
    assert_eq!(listed(&all), ids(&[1, 2, 3]));
    let kinds = vec![JournalKind::Mail, JournalKind::Visit];
    assert_eq!(
        listed(&JournalFilter {
            kinds,
            ..all.clone()
        }),
        ids(&[2])
    );
    let text = Some("zeugnis".to_owned());
    assert_eq!(
        listed(&JournalFilter {
            text,
            ..all.clone()
        }),
        ids(&[1, 2])
    );
    let span = |since: i64, until: i64| JournalFilter {
        since_seconds: Some(at(since).seconds()),
        until_seconds: Some(at(until).seconds()),
        ..JournalFilter::default()
    };
    assert_eq!(listed(&span(20, 20)), ids(&[2]), "both ends belong to it");
    assert_eq!(listed(&span(11, 19)), ids(&[]));
    let text = Some("nichts davon".to_owned());
    assert_eq!(listed(&JournalFilter { text, ..all }), ids(&[]));
}

#[test]
fn notes_of_an_institution_read_as_its_journal_and_hold_nobody_elses_words() {
    let section = SectionKind::Internal("iv".into());
    let [_, mut iseli, mut sommer, _] = replicas(&section);
    iseli.apply(&note(&section, 1, "Rückfrage beim Arzt", None), 10);
    iseli.apply(&note(&section, 2, "Rückfrage beim RAD", Some(1)), 20);
    sommer.pull(&iseli);
    // A modified program of another institution, which got hold of the key.
    sommer.apply(&note(&section, 3, "Untergeschoben", Some(1)), 30);
    iseli.pull(&sommer);
    let view = JournalView::read_notes(&iseli.document, &section, &authors());
    assert_eq!(view.entries.len(), 2);
    let first = &view.entries[0];
    assert_eq!(first.kind, Some(Stored::Known(JournalKind::Call)));
    assert_eq!(first.at, Some(Stored::Known(at(10))), "when it was written");
    let by: Vec<String> = first
        .corrected_by
        .iter()
        .map(|by| by.id.canonical())
        .collect();
    assert_eq!(by, [id(2).canonical()]);
    assert_eq!(view.violations[0].rule, Rule::NotesOfOneInstitution);
    let change = Edit::Form(FormEdit {
        section: section.clone(),
        change: FormChange::Delete { id: id(1) },
    });
    assert!(
        iseli.try_apply(&change, 40).is_err(),
        "a note is never deleted"
    );
}

fn set_phase(phase: Phase) -> Edit {
    Edit::Core(CoreEdit::Set(CoreField::Phase(phase)))
}

fn close(number: u8, reason: ClosingReason) -> Edit {
    Edit::Core(CoreEdit::Close(Closing {
        id: id(number),
        date: field("2027-03-31"),
        reason,
        note: None,
    }))
}

fn mark(section: &SectionKind, closing: u8, reopened: bool) -> Edit {
    Edit::MarkClosing(MarkClosing {
        section: section.clone(),
        closing: id(closing),
        reopened,
    })
}

fn task(number: u8, title: &str) -> Edit {
    Edit::Tasks(TaskEdit::Add {
        id: id(number),
        title: field(title),
        responsible: None,
        due: None,
        priority: None,
        checklist: Vec::new(),
    })
}

fn done(number: u8) -> Edit {
    let (id, field) = (id(number), TaskField::Status(TaskStatus::Done));
    Edit::Tasks(TaskEdit::Set { id, field })
}

fn closed_meanwhile(replica: &Replica, section: &SectionKind) -> Vec<Conflict> {
    let mut found = conflicts(&replica.document, section, &authors());
    found.retain(|conflict| matches!(conflict.kind, ConflictKind::ClosedMeanwhile { .. }));
    found
}

#[test]
fn what_somebody_did_offline_while_the_lead_closed_is_shown_to_all_with_both_authors_and_times() {
    let section = SectionKind::Tasks;
    let [mut berger, mut iseli, mut sommer, _] = replicas(&section);
    berger.apply(&task(1, "Zeugnisse"), 10);
    berger.apply(&task(2, "Lebenslauf"), 11);
    iseli.pull(&berger);
    sommer.pull(&berger);
    berger.apply(&mark(&section, 9, false), 20);
    iseli.apply(&done(1), 25);
    // Sommer knows of the closing: what she does after it is no conflict.
    sommer.pull(&berger);
    sommer.apply(&done(2), 30);
    let mut replicas = [berger, iseli, sommer];
    for (left, right) in [(0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1)] {
        let other = replicas[right].clone();
        replicas[left].pull(&other);
    }
    let shown: Vec<Vec<Conflict>> = replicas
        .iter()
        .map(|replica| closed_meanwhile(replica, &section))
        .collect();
    for found in &shown {
        let [conflict] = found.as_slice() else {
            panic!("{} conflicts", found.len());
        };
        assert_eq!(conflict.id, shown[0][0].id, "the same on every device");
        let ConflictKind::ClosedMeanwhile { closed_by, edits } = &conflict.kind else {
            unreachable!();
        };
        let name = |origin: &nahtlos_casework::Origin| {
            let author = origin.author.as_ref().unwrap();
            (author.display_name.to_string(), origin.at.unwrap())
        };
        assert_eq!(name(closed_by), ("berger".into(), at(20)));
        assert_eq!(edits.len(), 1);
        assert_eq!(name(&edits[0].origin), ("iseli".into(), at(25)));
        assert_eq!(edits[0].field.as_deref(), Some("status"));
        assert_eq!(edits[0].value, ScalarValue::Text("done".into()));
    }
    let [mut berger, mut iseli, _] = replicas;
    let tasks = TasksView::read(&berger.document);
    assert_eq!(tasks.open().count(), 0, "nothing of it is lost");

    let seen = resolve(&shown[0][0], Choice::AsItIs).unwrap();
    assert!(resolve(&shown[0][0], Choice::Restore).is_err());
    assert!(resolve(&shown[0][0], Choice::Alternative(0)).is_err());
    berger.apply(&seen, 40);
    iseli.pull(&berger);
    for replica in [&berger, &iseli] {
        assert!(
            closed_meanwhile(replica, &section).is_empty(),
            "settled for all"
        );
    }
}

#[test]
fn a_further_late_edit_is_shown_again_and_a_reopening_ends_it() {
    let section = SectionKind::Tasks;
    let [mut berger, mut iseli, mut sommer, _] = replicas(&section);
    berger.apply(&task(1, "Zeugnisse"), 10);
    iseli.pull(&berger);
    sommer.pull(&berger);
    berger.apply(&mark(&section, 9, false), 20);
    iseli.apply(&done(1), 25);
    berger.pull(&iseli);
    let first = closed_meanwhile(&berger, &section).remove(0);
    berger.apply(&resolve(&first, Choice::AsItIs).unwrap(), 30);
    assert!(closed_meanwhile(&berger, &section).is_empty(), "control");
    sommer.apply(&task(2, "Spätes"), 26);
    berger.pull(&sommer);
    let second = closed_meanwhile(&berger, &section).remove(0);
    assert_ne!(second.id, first.id);
    berger.apply(&mark(&section, 9, true), 50);
    assert!(closed_meanwhile(&berger, &section).is_empty());
    // Of another closing it says nothing.
    berger.apply(&mark(&section, 8, false), 60);
    let [.., mut keller] = replicas(&section);
    keller.pull(&iseli);
    keller.apply(&task(3, "Ohne Wissen"), 70);
    berger.pull(&keller);
    assert_eq!(closed_meanwhile(&berger, &section).len(), 1);
}

#[test]
fn whoever_closes_and_whoever_pauses_at_the_same_time_make_one_conflict_of_phases() {
    let section = SectionKind::Core;
    let [mut berger, mut iseli, ..] = replicas(&section);
    berger.apply(&set_phase(Phase::Running), 10);
    iseli.pull(&berger);
    berger.apply(&close(9, ClosingReason::Employment), 20);
    iseli.apply(&set_phase(Phase::Paused), 21);
    berger.pull(&iseli);
    iseli.pull(&berger);
    for replica in [&berger, &iseli] {
        let found = conflicts(&replica.document, &section, &authors());
        let [conflict] = found.as_slice() else {
            panic!("{} conflicts", found.len());
        };
        assert_eq!(conflict.path, ["case", "phase"]);
        let ConflictKind::Values { alternatives } = &conflict.kind else {
            panic!("values");
        };
        let mut values: Vec<_> = alternatives
            .iter()
            .filter_map(|side| side.value.as_text())
            .collect();
        values.sort_unstable();
        assert_eq!(values, ["closed", "paused"]);
        let process = ProcessView::read(&replica.document, &authors());
        assert!(process.phase_is_disputed);
        assert_eq!(process.closings.len(), 1);
    }
    // An edit of another field of the core is shown beside it.
    iseli.apply(
        &Edit::Core(CoreEdit::Set(CoreField::Phone(field("034 402 11 22")))),
        22,
    );
    assert!(
        closed_meanwhile(&iseli, &section).is_empty(),
        "it knew of the closing"
    );
}

#[test]
fn closings_and_reopenings_are_records_that_nobody_changes() {
    let section = SectionKind::Core;
    let [mut berger, mut iseli, ..] = replicas(&section);
    berger.apply(&set_phase(Phase::Running), 1);
    berger.apply(&close(1, ClosingReason::Training), 10);
    berger.apply(
        &Edit::Core(CoreEdit::Reopen(Reopening {
            id: id(2),
            date: field("2027-06-01"),
            reason: ReopeningReason::TrainingBrokenOff,
            note: Some(field("nach Probezeit")),
        })),
        20,
    );
    iseli.pull(&berger);
    iseli.tamper(|editor| {
        let place = [
            "case".to_owned(),
            format!("closing:{}", id(1)),
            "reason".to_owned(),
        ];
        editor.put(Path::from_iter(place), "employment")
    });
    let view = ProcessView::read(&iseli.document, &authors());
    assert_eq!(view.phase, Stored::Known(Phase::Reopened));
    assert_eq!(
        view.closings[0].reason,
        Some(Stored::Known(ClosingReason::Training))
    );
    assert_eq!(view.violations[0].rule, Rule::EntriesAreImmutable);
    assert_eq!(
        view.reopenings[0].note.as_ref().unwrap().canonical(),
        "nach Probezeit"
    );
    let by = view.reopenings[0].origin.author.as_ref().unwrap();
    assert_eq!(by.display_name.to_string(), "berger");
    let untouched = ProcessView::read(&berger.document, &authors());
    assert!(untouched.violations.is_empty(), "control");
}

#[test]
fn another_reason_needs_a_note_and_what_is_not_the_cases_own_is_not_marked() {
    let [mut berger, ..] = replicas(&SectionKind::Core);
    let refused = berger.try_apply(&close(1, ClosingReason::Other), 1);
    assert!(matches!(refused, Err(ApplyError::Invalid(error)) if error.field == "note"));
    assert!(
        ProcessView::read(&berger.document, &authors())
            .closings
            .is_empty()
    );
    for section in ["consent", "access", "internal/iv", "genetics"] {
        let section = SectionKind::from_code(section);
        assert!(mark(&section, 1, false).validate().is_err(), "{section}");
    }
    for section in ["core", "plan", "measure/m1", "journal", "medical"] {
        let section = SectionKind::from_code(section);
        assert!(
            mark(&section, 1, false).validate().is_ok(),
            "control: {section}"
        );
    }
}

fn competence(
    number: u8,
    kind: CompetenceKind,
    institution: &str,
    since: &str,
) -> CompetenceDecision {
    CompetenceDecision {
        id: id(number),
        kind,
        institution: field(institution),
        subject: None,
        since: field(since),
        until: None,
        decided_on: field("2027-03-01"),
        decided_by: field("Runder Tisch vom 01.03.2027"),
        grounds: field("Eingliederung steht im Vordergrund"),
        correction_of: None,
    }
}

fn record(decision: CompetenceDecision) -> Edit {
    Edit::Core(CoreEdit::RecordCompetence(Box::new(decision)))
}

#[test]
fn who_leads_and_who_pays_are_decided_side_by_side_and_a_correction_names_what_it_corrects() {
    let [mut berger, mut iseli, ..] = replicas(&SectionKind::Core);
    berger.apply(
        &record(competence(1, CompetenceKind::Lead, "iv", "2027-04-01")),
        10,
    );
    iseli.apply(
        &record(competence(2, CompetenceKind::Payer, "rav", "2027-03-01")),
        11,
    );
    berger.pull(&iseli);
    let corrected = CompetenceDecision {
        correction_of: Some(id(2)),
        until: Some(field("2027-05-31")),
        ..competence(3, CompetenceKind::Payer, "iv", "2027-03-01")
    };
    berger.apply(&record(corrected), 20);
    let view = ProcessView::read(&berger.document, &authors());
    assert_eq!(view.competences.len(), 3, "nothing is taken away");
    let on = |day: &str| -> Vec<String> {
        let mut found: Vec<String> = view
            .competences_on(field(day))
            .map(|decision| decision.id.canonical())
            .collect();
        found.sort();
        found
    };
    let ids = |numbers: &[u8]| {
        let mut ids: Vec<String> = numbers.iter().map(|one| id(*one).canonical()).collect();
        ids.sort();
        ids
    };
    assert_eq!(on("2027-02-28"), ids(&[]));
    assert_eq!(
        on("2027-03-01"),
        ids(&[3]),
        "the corrected one counts no more"
    );
    assert_eq!(on("2027-05-31"), ids(&[1, 3]));
    assert_eq!(on("2027-06-01"), ids(&[1]));
    assert!(conflicts(&berger.document, &SectionKind::Core, &authors()).is_empty());
}

#[test]
fn a_decision_that_ends_before_it_begins_or_corrects_nothing_is_refused() {
    let [mut berger, ..] = replicas(&SectionKind::Core);
    let backwards = CompetenceDecision {
        until: Some(field("2027-03-31")),
        ..competence(1, CompetenceKind::Lead, "iv", "2027-04-01")
    };
    let refused = berger.try_apply(&record(backwards), 1);
    assert!(matches!(refused, Err(ApplyError::Invalid(error)) if error.code == "order"));
    let of_nothing = CompetenceDecision {
        correction_of: Some(id(7)),
        ..competence(1, CompetenceKind::Lead, "iv", "2027-04-01")
    };
    let refused = berger.try_apply(&record(of_nothing), 1);
    assert!(matches!(refused, Err(ApplyError::Missing { .. })));
    assert!(
        ProcessView::read(&berger.document, &authors())
            .competences
            .is_empty()
    );
    let mut replicas = replicas(&SectionKind::Core);
    replicas[0].apply(
        &record(competence(1, CompetenceKind::Lead, "iv", "2027-04-01")),
        1,
    );
    sync(&mut replicas);
    let [_, iseli, ..] = &replicas;
    let process = ProcessView::read(&iseli.document, &authors());
    assert_eq!(process.competences.len(), 1, "control");
}
