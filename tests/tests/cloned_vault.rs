//! One home, twice: an old copy is restored, or two copies are in use.

use nahtlos_tests::{Home, Passing, World, note};

fn world_with_case() -> (World, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    (world, berger, number)
}

#[test]
fn an_old_copy_of_a_home_notices_what_it_wrote_since_and_sends_nothing() {
    let (world, berger, number) = world_with_case();
    drop(berger);
    world.copy_home("berger", "old");
    let mut berger = world.reopen("berger");
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1);
    assert!(berger.nahtlos.other_copy().unwrap().is_none(), "control");
    drop(berger);

    // The disk breaks, and yesterday's copy is put in its place. Something was typed there.
    let mut old = world.reopen("old");
    old.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    let report = old.sync();
    assert_eq!(report.envelopes_delivered, 0, "{report:?}");
    let other = old.nahtlos.other_copy().unwrap().expect("it is noticed");
    assert!(
        other.sentence.contains("come back with a new home"),
        "{}",
        other.sentence
    );
    assert_eq!(old.nahtlos.status().unwrap().other_copy, Some(other));
    let refused = old.nahtlos.edit_case(&number, &[note(3)]);
    assert_eq!(refused.unwrap_err().code(), "cloned");
    // Nor does it take decisions that it would never carry out.
    let refused = old.nahtlos.invite_institution("IV-Stelle Bern");
    assert_eq!(refused.unwrap_err().code(), "cloned");
    assert_eq!(old.nahtlos.decisions().unwrap(), []);
    let refused = old.nahtlos.held_adopt("any");
    assert_eq!(refused.unwrap_err().code(), "cloned");

    // What was typed is kept, and stays so.
    let mut old = world.closed_and_reopened(old);
    old.sync();
    let undelivered = old.nahtlos.undelivered().unwrap();
    assert_eq!(undelivered.len(), 1);
    assert_eq!(undelivered.first().map(|one| one.edits.len()), Some(1));
    assert!(old.nahtlos.other_copy().unwrap().is_some());
}

#[test]
fn of_two_copies_in_use_the_one_that_comes_second_stops() {
    let (world, berger, number) = world_with_case();
    drop(berger);
    world.copy_home("berger", "laptop");
    let mut berger = world.reopen("berger");
    let mut laptop = world.reopen("laptop");
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    laptop.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    assert_eq!(laptop.sync().envelopes_delivered, 1);
    assert_eq!(berger.sync().envelopes_delivered, 0);
    assert!(berger.nahtlos.other_copy().unwrap().is_some());
    assert!(laptop.nahtlos.other_copy().unwrap().is_none());
    laptop.nahtlos.edit_case(&number, &[note(3)]).unwrap();
    assert_eq!(laptop.sync().envelopes_delivered, 1, "it goes on");
    assert_eq!(berger.nahtlos.undelivered().unwrap().len(), 1);
}

#[test]
fn story_18_what_comes_back_because_its_answer_was_lost_is_no_copy() {
    let (world, mut berger, number) = world_with_case();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    for _ in 0..5 {
        let lost = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |answer| {
            if answer.results.is_empty() {
                Passing::Arrives
            } else {
                Passing::Breaks
            }
        });
        assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    }
    // The same of a decision, whose operation is made anew each time; and by another way the relay
    // serves both before it answers.
    let status = berger.nahtlos.status().unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team(&status.team.unwrap()).unwrap();
    berger
        .nahtlos
        .invite_person(&team, nahtlos_protocol::space::Role::Write, "Somebody")
        .unwrap();
    let lost = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |answer| {
        let answered = answer.results.len();
        if answered > 0 {
            Passing::Breaks
        } else {
            Passing::Arrives
        }
    });
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    let mut berger = world.closed_and_reopened(berger);
    for _ in 0..3 {
        berger.nahtlos.pull_everything_again().unwrap();
        berger.sync();
    }
    assert!(berger.nahtlos.other_copy().unwrap().is_none());
    assert_eq!(berger.nahtlos.status().unwrap().undelivered_edits, 0);
    berger.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1);
}
