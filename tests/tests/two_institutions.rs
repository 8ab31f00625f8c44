//! Two institutions share one encrypted case through a real relay: who reads what, concurrent
//! edits, conflicts, and what the relay's disk holds.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreKey, Edit, TaskEdit, TaskField};
use nahtlos_casework::fields::{EntryId, Field, Line, TaskStatus};
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::view::{CoreView, TasksView};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, bytes_below, example_edits, holds, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";

#[test]
fn two_institutions_edit_one_case_offline_and_at_once_and_agree_after_sync() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    berger.share(
        &number,
        &SectionKind::Journal,
        IV_TEAM,
        Role::Write,
        "AVG35a1",
    );
    let report = berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
    let report = iseli.sync();
    assert!(report.held.is_empty(), "{report:?}");

    // Iseli reads core and journal, and does not even know of the other sections.
    let case = iseli.nahtlos.find_case("Mosimann").unwrap();
    let sections: Vec<String> = case.sections.keys().map(SectionKind::code).collect();
    assert_eq!(sections, ["core", "journal"]);
    let core = iseli
        .nahtlos
        .section_document(&case, &SectionKind::Core)
        .unwrap();
    assert_eq!(
        CoreView::read(&core).display_name().unwrap(),
        "Ruth Mosimann"
    );
    assert_eq!(iseli.journal(&number).len(), 2);

    // Both write offline and at once; Iseli may not change core.
    berger
        .nahtlos
        .edit_case(&number, &[note_saying(101, "RAV: Termin vereinbart")])
        .unwrap();
    iseli
        .nahtlos
        .edit_case(&number, &[note_saying(102, "IV: Unterlagen verlangt")])
        .unwrap();
    let clear = Edit::Core(CoreEdit::Clear(CoreKey::Phone));
    let refused = iseli.nahtlos.edit_case(&number, &[clear]);
    assert_eq!(refused.unwrap_err().code(), "no_right");
    iseli.sync();
    berger.sync();
    iseli.sync();
    let seen = berger.journal(&number);
    assert_eq!(seen.len(), 4);
    assert_eq!(seen, iseli.journal(&number));
    assert!(
        seen.contains(&"Marc Iseli: IV: Unterlagen verlangt".to_owned()),
        "{seen:?}"
    );
    assert!(
        seen.contains(&"Anna Berger: RAV: Termin vereinbart".to_owned()),
        "{seen:?}"
    );

    // Nothing is left to deliver, and an idle sync is one request.
    let idle = iseli.sync();
    assert_eq!(
        (
            idle.requests,
            idle.operations_received,
            idle.envelopes_received
        ),
        (1, 0, 0)
    );

    // The relay's disk and the locked homes hold none of it; the search finds it in a plain copy.
    let plain = berger.nahtlos.find_case(&number).unwrap();
    let plain = berger
        .nahtlos
        .section_document(&plain, &SectionKind::Core)
        .unwrap();
    let markers = [
        "Mosimann",
        "Langnau",
        number.as_str(),
        "Unterlagen",
        "IV-Stelle",
        "Iseli",
    ];
    assert!(
        holds(plain.export_json().to_string().as_bytes(), markers[0]),
        "control"
    );
    let iseli_path = iseli.path.clone();
    drop(iseli);
    for bytes in [world.relay_bytes(), bytes_below(&iseli_path)] {
        assert!(bytes.len() > 10_000);
        for marker in markers {
            assert!(!holds(&bytes, marker), "{marker} stands in clear");
        }
    }
}

#[test]
fn an_institution_without_a_grant_sees_nothing_and_holds_no_key() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut sommer = world.institution(&mut berger, "sommer", "Eva Sommer", "Sozialdienst", "soz");
    let number = berger.open_example_case();
    berger.share(
        &number,
        &SectionKind::Function,
        IV_TEAM,
        Role::Read,
        "AVG35a1",
    );
    berger.sync();
    iseli.sync();
    sommer.sync();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let function = case.section(&SectionKind::Function).unwrap();
    assert_eq!(iseli.nahtlos.openable_epochs(&function).len(), 1, "control");
    assert!(sommer.nahtlos.openable_epochs(&function).is_empty());
    assert!(sommer.nahtlos.cases().unwrap().is_empty());
    let directory = berger.nahtlos.directory().unwrap();
    let explain = |who: &str| {
        let member = directory.find_member(who).unwrap();
        berger
            .nahtlos
            .explain_share(
                &case,
                &SectionKind::Function,
                &member,
                &LegalBases::provided(),
            )
            .unwrap()
    };
    let no = explain("Sozialdienst Team 1");
    assert_eq!((no.role, no.holds_key), (None, false));
    assert!(no.sentences[1].contains("no consent and no legal basis"));
    let yes = explain("Marc Iseli");
    assert_eq!((yes.role, yes.holds_key), (Some("read"), true));
    assert_eq!(yes.grants[0].basis.as_deref(), Some("AVG35a1"));
}

#[test]
fn a_colleague_who_joins_later_reads_everything_of_the_team_after_one_sync() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger
        .nahtlos
        .edit_case(&number, &[note_saying(101, "vor dem Beitritt")])
        .unwrap();
    berger.sync();
    let mut colleague = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    assert_eq!(colleague.journal(&number).len(), 3);
    colleague
        .nahtlos
        .edit_case(&number, &[note_saying(102, "von Keller")])
        .unwrap();
    colleague.sync();
    berger.sync();
    let seen = berger.journal(&number);
    assert!(
        seen.contains(&"Urs Keller: von Keller".to_owned()),
        "{seen:?}"
    );
}

#[test]
fn a_task_deleted_by_one_and_completed_by_another_shows_as_a_conflict_on_both() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut keller = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    let number = berger.open_example_case();
    let id = EntryId::from_random([200; 8]);
    let title = Line::parse("Zeugnisse einholen").unwrap();
    let add = TaskEdit::Add {
        id,
        title,
        responsible: None,
        due: None,
        priority: None,
        checklist: Vec::new(),
    };
    berger
        .nahtlos
        .edit_case(&number, &[Edit::Tasks(add)])
        .unwrap();
    berger.sync();
    keller.sync();
    berger
        .nahtlos
        .edit_case(&number, &[Edit::Tasks(TaskEdit::Delete { id })])
        .unwrap();
    let complete = TaskEdit::Set {
        id,
        field: TaskField::Status(TaskStatus::Done),
    };
    keller
        .nahtlos
        .edit_case(&number, &[Edit::Tasks(complete)])
        .unwrap();
    keller.sync();
    berger.sync();
    keller.sync();
    let conflicts = |home: &Home| {
        let case = home.nahtlos.find_case(&number).unwrap();
        let found = home.nahtlos.conflicts(&case).unwrap();
        found
            .iter()
            .map(|conflict| conflict.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(conflicts(&berger).len(), 1);
    assert_eq!(conflicts(&berger), conflicts(&keller));
    let case = keller.nahtlos.find_case(&number).unwrap();
    let document = keller
        .nahtlos
        .section_document(&case, &SectionKind::Tasks)
        .unwrap();
    assert!(
        TasksView::read(&document)
            .tasks
            .iter()
            .any(|task| task.deleted)
    );
}

#[test]
fn a_preview_counts_every_change_of_the_history_and_names_the_institution() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let _iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    let kind = SectionKind::Journal;
    let preview = |berger: &Home| {
        let case = berger.nahtlos.find_case(&number).unwrap();
        let member = berger.nahtlos.directory().unwrap().find_member(IV_TEAM);
        let preview = berger
            .nahtlos
            .preview_grant(&case, &kind, &member.unwrap())
            .unwrap();
        let history = berger.nahtlos.section_document(&case, &kind).unwrap();
        assert_eq!(preview.history_changes + 1, history.history().len() as u64);
        preview
    };
    berger.sync();
    let before = preview(&berger);
    assert_eq!(
        (before.institution.as_str(), before.kind.as_str()),
        ("IV-Stelle Bern", "iv")
    );
    assert_eq!(before.people, ["Marc Iseli (IV-Stelle Bern)"]);
    for count in 1..=3 {
        berger
            .nahtlos
            .edit_case(
                &number,
                &[note_saying(100 + count, "noch nicht synchronisiert")],
            )
            .unwrap();
        let undelivered = preview(&berger).history_changes;
        assert_eq!(undelivered, before.history_changes + count);
    }
    // All three go in one envelope: what counts is what can be read.
    berger.sync();
    assert_eq!(preview(&berger).history_changes, before.history_changes + 3);
}

#[test]
fn a_colleague_who_may_only_read_opens_no_case_and_no_section() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut reader = world.colleague(&mut berger, "keller", "Urs Keller", Role::Read);
    let refused = reader.nahtlos.open_case(&example_edits()).unwrap_err();
    assert_eq!(refused.code(), "no_right");
    assert!(
        refused
            .to_string()
            .contains("only read in RAV Langnau Team 1"),
        "{refused}"
    );
    assert!(reader.nahtlos.cases().unwrap().is_empty());
    let number = berger.open_example_case();
    berger.sync();
    let report = reader.sync();
    assert!(report.held.is_empty(), "{report:?}");
    let case = reader.nahtlos.find_case(&number).unwrap();
    let refused = reader
        .nahtlos
        .open_section(&case, &SectionKind::Ident)
        .unwrap_err();
    assert_eq!(refused.code(), "no_right");
    // Control: who may write, may open.
    let mut writer = world.colleague(&mut berger, "moser", "Ida Moser", Role::Write);
    let opened = writer.open_example_case();
    writer.sync();
    berger.sync();
    assert!(berger.nahtlos.find_case(&opened).is_ok());
}

#[test]
fn a_case_whose_core_is_not_shared_is_found_by_the_beginning_of_its_id() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    let kind = SectionKind::Journal;
    berger.share(&number, &kind, IV_TEAM, Role::Read, "AVG35a1");
    berger.sync();
    iseli.sync();
    let lines = iseli.nahtlos.cases().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].summary.case_number, None);
    assert_eq!(iseli.nahtlos.cases_not_arrived().unwrap(), 0);
    let shown = format!("({})", &lines[0].id[..8]);
    let found = iseli.nahtlos.find_case(&shown).unwrap();
    assert_eq!(found.id.to_string(), lines[0].id);
    assert!(iseli.nahtlos.find_case(&lines[0].id[..7]).is_err());
}

#[test]
fn a_second_team_of_one_name_is_refused_in_an_institution_and_not_beyond() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    berger.nahtlos.found_team("Team Emmental").unwrap();
    let refused = berger.nahtlos.found_team(" team emmental").unwrap_err();
    assert_eq!(refused.code(), "team_exists");
    berger.sync();
    iseli.sync();
    iseli.nahtlos.found_team("Team Emmental").unwrap();
}

#[test]
fn a_device_that_is_not_admitted_yet_is_told_so_by_everything_that_needs_the_network() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let team = berger
        .nahtlos
        .directory()
        .unwrap()
        .find_team("RAV Langnau Team 1")
        .unwrap();
    let invitation = berger
        .nahtlos
        .invite_person(&team, Role::Write, "Urs Keller")
        .unwrap();
    berger.sync();
    let mut keller = world.home("keller");
    let introduction = nahtlos_client::Introduction {
        name: "Urs Keller".into(),
        function: "officer".into(),
    };
    keller
        .nahtlos
        .join_as_person(&mut world.transport(), &invitation, &introduction)
        .unwrap();
    let directory = keller.nahtlos.directory().unwrap_err();
    let opened = keller.nahtlos.open_case(&example_edits()).unwrap_err();
    assert_eq!(
        (directory.code(), opened.code()),
        ("not_admitted", "not_admitted")
    );
    assert_eq!(keller.try_sync().unwrap_err().code(), "not_admitted");
    // Control: admitted, the same device opens a case.
    berger.sync();
    keller.sync();
    keller.open_example_case();
}
