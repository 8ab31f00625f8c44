//! What is typed offline arrives: in any state of the clock, and whatever else fails.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{World, note};

#[test]
fn a_clock_that_is_set_back_between_two_edits_loses_and_blocks_nothing() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger.share(
            &number,
            &kind,
            "IV-Stelle Bern Team 1",
            Role::Write,
            "AVG35a1",
        );
    }
    berger.sync();
    let before = berger.journal(&number).len();
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
    assert_eq!(berger.journal(&number).len(), before + 2);
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.journal(&number).len(), before + 2);
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
        let before = colleague.journal(&number).len();
        let id = home.len() as u64;
        colleague.nahtlos.edit_case(&number, &[note(id)]).unwrap();
        assert_eq!(colleague.journal(&number).len(), before + 1, "{home}");
    }
}
