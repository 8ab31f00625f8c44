//! What receipts and paths decide: an edit that was accepted before a removal returns to its place
//! after a restore, and an edit whose path ended is sealed again by another one.

use nahtlos_client::share::Terms;
use std::cell::RefCell;

use nahtlos_client::ending::{Ending, Reason};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{PushItem, Status};
use nahtlos_tests::Passing;
use nahtlos_tests::scene::{Line, scene, type_notes};

fn is_envelope(item: &PushItem) -> bool {
    matches!(item, PushItem::Envelope { .. })
}

#[test]
fn story_1_a_removal_that_is_offered_again_before_an_earlier_edit_holds_nothing() {
    let mut scene = scene();
    let backup = scene.world.back_up_relay();
    let known = scene.standings(&scene.iseli);
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.keller.sync();
    let now = scene.standings(&scene.iseli);
    let new = now.iter().find(|one| !known.contains(one));
    let (edit, ..) = new.expect("the edit");
    // Berger never receives the edit, and removes its author's right.
    let ending = Ending::Grant(scene.journal, scene.grant);
    scene
        .berger
        .nahtlos
        .end(&ending, Reason::BasisEnded)
        .unwrap();
    let mut line = Line::to(&scene.world);
    line.drops = vec![*edit];
    scene.berger.sync_through(&mut line);
    assert!(scene.notes(&scene.berger).is_empty(), "control: without it");

    scene.world.go_back_to(&backup);
    let (_, pushed) = scene.berger.sync_and_list_pushed(&scene.world);
    assert!(!pushed.is_empty(), "control: the removal is offered again");
    assert!(!pushed.iter().any(is_envelope), "control: not the edit");
    // Its author has no right any more, and gives the edit back all the same.
    scene.iseli.sync();
    for _ in 0..2 {
        scene.keller.sync();
        scene.berger.sync();
    }
    for home in [&scene.berger, &scene.keller] {
        assert_eq!(
            scene.notes(home),
            [1],
            "by its receipt it came before the removal"
        );
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
    }
    // What is written on it since counts everywhere.
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[2]);
    scene.keller.sync();
    scene.berger.sync();
    assert_eq!(scene.notes(&scene.berger), [1, 2]);
}

#[test]
fn story_5_an_unanswered_edit_whose_path_ended_is_sealed_again_by_another_path_and_counts() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    let lost = scene.iseli.sync_over(
        &scene.world,
        &mut |request| match request.push.iter().any(is_envelope) {
            true => Passing::Breaks,
            false => Passing::Arrives,
        },
        &mut |_| Passing::Arrives,
    );
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");

    // Meanwhile the team's grant ends, and the person gets one.
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let person = scene.iseli.nahtlos.identity().person.unwrap();
    let kind = nahtlos_casework::SectionKind::Journal;
    let berger = &mut scene.berger.nahtlos;
    let granted = berger.grant(&case, &kind, &person, &Terms::new(Role::Write, "AVG35a1"));
    granted.unwrap();
    let ending = Ending::Grant(scene.journal, scene.grant);
    berger.end(&ending, Reason::Replaced).unwrap();
    scene.berger.sync();

    let statuses = RefCell::new(Vec::new());
    let synced = scene
        .iseli
        .sync_over(&scene.world, &mut |_| Passing::Arrives, &mut |answer| {
            let told = answer.results.iter().map(|result| result.status);
            statuses.borrow_mut().extend(told);
            Passing::Arrives
        });
    synced.unwrap();
    let statuses = statuses.into_inner();
    assert_eq!(statuses.first(), Some(&Status::StaleAccess), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&Status::Accepted), "{statuses:?}");
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1]);
        assert_eq!(home.nahtlos.clones().unwrap(), [], "the number is the same");
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
    }
}
