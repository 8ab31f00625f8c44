//! What is typed offline arrives: in any state of the clock, and whatever else fails.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{EntryId, Field, JournalKind, JournalText};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

fn note(number: u8) -> Edit {
    Edit::Journal(JournalEdit::AddEntry {
        id: EntryId::from_random([100 + number; 8]),
        at: None,
        kind: JournalKind::Note,
        text: JournalText::parse("ein Eintrag").unwrap(),
        correction_of: None,
    })
}

fn entries(home: &Home, case: &str) -> usize {
    let case = home.nahtlos.find_case(case).unwrap();
    let document = home
        .nahtlos
        .section_document(&case, &SectionKind::Journal)
        .unwrap();
    document.read().keys(["entries"]).len()
}

#[test]
fn a_clock_that_is_set_back_between_two_edits_loses_and_blocks_nothing() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team("IV-Stelle Bern Team 1").unwrap();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger
            .nahtlos
            .grant(&case, &kind, &team, Role::Write, "AVG35a1", None)
            .unwrap();
    }
    berger.sync();
    let before = entries(&berger, &number);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let real = move || u64::try_from(now().unwrap().as_millis()).unwrap();
    berger
        .nahtlos
        .set_clock(Box::new(move || real() + 86_400_000));
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.nahtlos.set_clock(Box::new(real));
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    drop(berger);
    let mut berger = world.reopen("berger");
    assert_eq!(entries(&berger, &number), before + 2);
    berger.sync();
    iseli.sync();
    assert_eq!(entries(&iseli, &number), before + 2);
}

#[test]
fn a_card_whose_name_is_none_does_not_keep_its_person_from_editing() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    for (home, name) in [("control", "Nina Neu"), ("nameless", "\u{202e}")] {
        let mut colleague = world.colleague(&mut berger, home, name, Role::Write);
        colleague.sync();
        let before = entries(&colleague, &number);
        let id = u8::try_from(home.len()).unwrap();
        colleague.nahtlos.edit_case(&number, &[note(id)]).unwrap();
        assert_eq!(entries(&colleague, &number), before + 1, "{home}");
    }
}
