//! What is typed offline arrives: in any state of the clock, and whatever else fails.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::PushItem;
use nahtlos_tests::{Passing, World, note};

/// Several spaces are founded offline, the later ones by an earlier clock.
#[test]
fn what_was_founded_offline_goes_out_in_the_order_in_which_it_was_made_whatever_the_clock_says() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    berger.sync();
    let day_ms = 86_400_000;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let real = u64::try_from(now().unwrap().as_millis()).unwrap();
    for (turn, days_ahead) in [2, 1, 1, 0].into_iter().enumerate() {
        let then = real + days_ahead * day_ms;
        berger.nahtlos.set_clock(Box::new(move || then));
        let number = berger.open_example_case();
        berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
        let team = format!("Beratung {turn}");
        berger.nahtlos.found_team(&team).unwrap();
    }
    let passing = berger.sync_and_list_pushed(&world);
    let operations = |items: &[PushItem]| {
        let operations = items.iter().filter_map(|item| match item {
            PushItem::Operation { bytes, .. } => Some(bytes.clone()),
            _ => None,
        });
        operations.collect::<Vec<_>>()
    };
    let sent = operations(&passing.1);
    let different: std::collections::BTreeSet<_> = sent.iter().collect();
    assert_eq!(
        sent.len(),
        different.len(),
        "nothing is refused and sent again"
    );
    assert!(sent.len() > 12, "control: {}", sent.len());
    assert_eq!(passing.0.operations_delivered, sent.len() as u64);
}

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
