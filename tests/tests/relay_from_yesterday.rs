//! The relay is restored from a backup and has forgotten what came after it: devices that are ahead
//! offer it again, verbatim and with the relay's own receipts, before anything else.

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{JournalMark, PushItem, SyncResponse};
use nahtlos_tests::{Home, Passing, World, is_offered_again, note, scene};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";

/// Two institutions, one case, core and journal shared with the second.
fn shared_world() -> (World, Home, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger.share(&number, &kind, IV_TEAM, Role::Write, "AVG35a1");
    }
    berger.sync();
    iseli.sync();
    (world, berger, iseli, number)
}

/// Where the relay's journal stood by its last answer in a sync.
fn mark_after_sync(world: &World, home: &mut Home) -> JournalMark {
    let mut mark = None;
    let mut note = |answer: &mut SyncResponse| {
        mark = Some(answer.journal_mark);
        Passing::Arrives
    };
    home.sync_over(world, &mut |_| Passing::Arrives, &mut note)
        .unwrap();
    mark.unwrap()
}

fn is_edit(item: &PushItem) -> bool {
    matches!(item, PushItem::Envelope { .. })
}

#[test]
fn what_a_restored_relay_has_lost_is_offered_again_by_whoever_holds_it() {
    let (mut world, mut berger, mut iseli, number) = shared_world();
    let backup = world.back_up_relay();
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert!(pushed.is_empty(), "control: a restart alone loses nothing");

    // After the backup: an edit of each, and a section shared.
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.share(&number, &SectionKind::Plan, IV_TEAM, Role::Read, "AVG35a1");
    berger.sync();
    iseli.sync();
    iseli.nahtlos.edit_case(&number, &[note(2)]).unwrap();
    iseli.sync();
    berger.sync();
    assert_eq!(berger.journal(&number).len(), 4);
    world.go_back_to(&backup);

    // Berger has typed more. What is lost goes first, also what Iseli wrote.
    berger.nahtlos.edit_case(&number, &[note(3)]).unwrap();
    let (report, pushed) = berger.sync_and_list_pushed(&world);
    assert!(
        report.notices.iter().any(|told| told.contains("went back")),
        "{report:?}"
    );
    let again = pushed.iter().filter(|item| is_offered_again(item)).count();
    assert!(again >= 3, "an operation and two edits");
    assert!(
        pushed.iter().take(again).all(is_offered_again),
        "nothing goes before what is lost"
    );
    assert!(pushed.len() > again, "control: the new edit went out too");
    let incidents = berger.nahtlos.incidents().unwrap();
    let [incident] = incidents.as_slice() else {
        panic!("one incident: {incidents:?}");
    };
    assert!(incident.sequence_after < incident.sequence_before);
    assert_eq!(incident.taken_back, 3, "{incident:?}");
    assert_eq!((incident.refused, incident.waiting), (0, 0));
    assert_eq!(incident.forks, 0);

    // Nothing is offered twice, and everybody has everything.
    let (idle, pushed) = berger.sync_and_list_pushed(&world);
    assert_eq!((idle.requests, pushed.len()), (1, 0));
    iseli.sync();
    berger.sync();
    assert_eq!(iseli.journal(&number).len(), 5);
    assert_eq!(iseli.journal(&number), berger.journal(&number));
    let mut keller = world.colleague(&mut berger, "keller", "Rita Keller", Role::Write);
    keller.sync();
    assert_eq!(
        keller.journal(&number),
        berger.journal(&number),
        "somebody new receives from the relay alone what it had lost"
    );
}

#[test]
fn an_offering_whose_answer_is_lost_goes_on_after_the_program_was_started_again() {
    let (mut world, mut berger, _, number) = shared_world();
    let backup = world.back_up_relay();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    world.go_back_to(&backup);

    let lost = berger.sync_over(&world, &mut |_| Passing::Arrives, &mut |answer| {
        if answer.results.is_empty() {
            Passing::Arrives
        } else {
            Passing::Breaks
        }
    });
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    let waiting = berger.nahtlos.incidents().unwrap();
    assert!(
        waiting.first().is_some_and(|one| one.waiting > 0),
        "{waiting:?}"
    );

    let mut berger = world.closed_and_reopened(berger);
    let too_early = berger.nahtlos.acknowledge_incidents().unwrap_err();
    assert_eq!(too_early.code(), "incident_open");
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert!(pushed.iter().all(is_offered_again));
    let incidents = berger.nahtlos.incidents().unwrap();
    assert_eq!(incidents.len(), 1, "the same one: {incidents:?}");
    let incident = incidents.first().unwrap();
    assert_eq!(incident.waiting, 0);
    assert_eq!(
        (incident.refused, incident.taken_back),
        (0, 0),
        "it was taken back before"
    );
    assert!(incident.known_there > 0);
    let noted = berger.nahtlos.acknowledge_incidents().unwrap();
    assert_eq!((noted.incidents, noted.refused, noted.waiting), (1, 0, 0));
    let noted = berger.nahtlos.acknowledge_incidents().unwrap();
    assert_eq!(noted.incidents, 0, "once");
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert!(pushed.is_empty(), "nothing is offered twice");
}

#[test]
fn what_somebody_else_has_brought_back_already_is_not_offered_once_more() {
    let (mut world, mut berger, mut iseli, number) = shared_world();
    let backup = world.back_up_relay();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    berger.sync();
    iseli.sync();
    world.go_back_to(&backup);
    let (_, pushed) = iseli.sync_and_list_pushed(&world);
    assert!(pushed.iter().any(is_edit), "control");
    let (_, pushed) = berger.sync_and_list_pushed(&world);
    assert!(!pushed.iter().any(is_edit));
    let incident = berger.nahtlos.incidents().unwrap().pop().unwrap();
    assert_eq!((incident.taken_back, incident.waiting), (0, 0));
    assert_eq!(berger.journal(&number), iseli.journal(&number));
}

/// The wraps to a newcomer are in no other device's hands. The newcomer never saw the relay go back,
/// but finds that the operation is from an earlier life of the journal.
#[test]
fn a_newcomer_whose_wraps_a_restored_relay_has_lost_receives_a_new_key() {
    let mut scene = scene::scene();
    let (mut newcomer, backup) = let_in_after_a_backup(&mut scene);
    scene.keller.sync();
    scene.world.go_back_to(&backup);
    scene.keller.sync();
    newcomer.sync();
    assert!(
        newcomer.nahtlos.find_case(&scene.number).is_err(),
        "control: the key is lost"
    );
    for _ in 0..2 {
        scene.berger.sync();
        newcomer.sync();
    }
    let journal = newcomer.journal(&scene.number);
    assert_eq!(journal, scene.berger.journal(&scene.number));
    assert!(!journal.is_empty());
}

/// Somebody whom Berger let into the team and who has not synced yet, and the relay as it was before.
fn let_in_after_a_backup(scene: &mut scene::Scene) -> (Home, std::path::PathBuf) {
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let invited = scene
        .berger
        .nahtlos
        .invite_person(&team, Role::Write, "Eva Neu");
    let invitation = invited.unwrap();
    scene.berger.sync();
    let mut newcomer = scene.world.home("neu");
    let introduction = nahtlos_client::Introduction {
        name: "Eva Neu".into(),
        function: "officer".into(),
    };
    let mut transport = scene.world.transport();
    let joined = newcomer
        .nahtlos
        .join_as_person(&mut transport, &invitation, &introduction);
    joined.unwrap();
    let before = scene.world.back_up_relay();
    scene.berger.sync();
    (newcomer, before)
}

/// A raw copy of the relay's data took in edits of Berger's while the relay went on by itself; then it
/// was restored from a marked backup. By the numbers alone the first edit was safe.
#[test]
fn what_a_copy_beside_the_relay_took_in_is_offered_once_something_that_builds_on_it_is() {
    let (mut world, mut berger, mut iseli, number) = shared_world();
    let before = world.back_up_relay();
    let mut places = Vec::new();
    for entry in 1..=4 {
        berger.nahtlos.edit_case(&number, &[note(entry)]).unwrap();
        places.push(mark_after_sync(&world, &mut berger).sequence);
    }
    world.go_back_to(&before);
    iseli.nahtlos.edit_case(&number, &[note(5)]).unwrap();
    iseli.sync();
    iseli.nahtlos.edit_case(&number, &[note(6)]).unwrap();
    iseli.sync();
    let marked = world.back_up_relay_marked();
    world.go_back_to(&marked);
    let began_after = mark_after_sync(&world, &mut iseli).began_after;
    assert!(
        places[0] <= began_after && began_after < places[3],
        "control"
    );

    berger.sync();
    berger.sync();
    iseli.sync();
    assert_eq!(berger.journal(&number), iseli.journal(&number));
    assert_eq!(iseli.journal(&number).len(), 8);
}

/// The same, where Berger's device saw no further than the backup went: the hash in its mark tells.
#[test]
fn a_device_that_saw_a_copy_beside_the_relay_gives_and_gets_everything_again() {
    let (mut world, mut berger, mut iseli, number) = shared_world();
    let before = world.back_up_relay();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let seen = mark_after_sync(&world, &mut berger);
    world.go_back_to(&before);
    for entry in 2..=4 {
        iseli.nahtlos.edit_case(&number, &[note(entry)]).unwrap();
        iseli.sync();
    }
    let marked = world.back_up_relay_marked();
    world.go_back_to(&marked);
    let began_after = mark_after_sync(&world, &mut iseli).began_after;
    assert!(began_after > seen.sequence, "control");

    berger.sync();
    iseli.sync();
    assert_eq!(berger.journal(&number), iseli.journal(&number));
    assert_eq!(iseli.journal(&number).len(), 6);
}

/// Iseli's device lost the answer to an edit that Keller received; the relay forgot it, and Iseli's right was
/// reduced. So it came back without a receipt and was held, before Keller's device offered it with one.
#[test]
fn an_edit_that_came_back_without_its_receipt_counts_for_everybody_once_somebody_shows_it() {
    let mut scene = scene::scene();
    let backup = scene.world.back_up_relay();
    scene::type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    let mut line = scene::Line::to(&scene.world);
    line.breaks = true;
    let lost = scene.iseli.nahtlos.sync(&mut line, &mut |_| {});
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    scene.keller.sync();
    assert_eq!(scene.notes(&scene.keller), [1], "control");
    scene.world.go_back_to(&backup);

    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.berger.sync();
    assert!(
        scene.notes(&scene.berger).is_empty(),
        "control: held without its receipt"
    );
    scene.keller.sync();
    scene.sync_all();
    let homes = [
        ("Keller", &scene.keller),
        ("Berger", &scene.berger),
        ("Iseli", &scene.iseli),
    ];
    for (name, home) in homes {
        assert_eq!(
            scene.notes(home),
            [1],
            "{name}: {:?}",
            scene.standings(home)
        );
        assert_eq!(scene.standings(home), scene.standings(&scene.keller));
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
    }
    let mut newcomer = scene::newcomer(&mut scene, "neu");
    newcomer.sync();
    assert_eq!(scene.notes(&newcomer), [1], "from the relay alone");
}

/// The copy went further than the relay had when its new journal began: the mark of who saw the copy cannot
/// be compared with anything, so what the relay took in meanwhile is taken for known. It shows when somebody
/// builds on it.
#[test]
fn who_saw_more_of_a_copy_than_the_relay_had_then_asks_for_everything_once_something_builds_on_it()
{
    let mut scene = scene::scene();
    let before = scene.world.back_up_relay();
    for entry in 1..=4 {
        scene::type_notes(&mut scene.berger.nahtlos, &scene.number, &[entry]);
        scene.berger.sync();
    }
    let seen = mark_after_sync(&scene.world, &mut scene.keller);
    scene.world.go_back_to(&before);
    for entry in 5..=6 {
        scene::type_notes(&mut scene.iseli.nahtlos, &scene.number, &[entry]);
        scene.iseli.sync();
    }
    let marked = scene.world.back_up_relay_marked();
    scene.world.go_back_to(&marked);
    let began_after = mark_after_sync(&scene.world, &mut scene.iseli).began_after;
    assert!(began_after < seen.sequence, "control");
    // Berger gives back what the copy had: nothing that Keller holds is missing there.
    scene.berger.sync();
    scene.keller.sync();
    assert_eq!(scene.notes(&scene.keller), [1, 2, 3, 4], "control");

    scene::type_notes(&mut scene.iseli.nahtlos, &scene.number, &[7]);
    scene.iseli.sync();
    scene.keller.sync();
    assert_eq!(scene.notes(&scene.keller), [1, 2, 3, 4, 5, 6, 7]);
}

/// Iseli may read the plan, and the relay has lost the wraps to them. Keller, who could open it, was
/// removed since, so that its key is to be renewed with the next edit; nobody writes one.
#[test]
fn who_may_only_read_gets_a_key_that_a_restored_relay_lost_though_it_is_to_be_renewed_anyway() {
    let mut scene = scene::scene();
    let mut sharing = scene
        .world
        .colleague(&mut scene.berger, "zaugg", "Vera Zaugg", Role::Manage);
    sharing.sync();
    let backup = scene.world.back_up_relay();
    sharing.share(
        &scene.number,
        &SectionKind::Plan,
        IV_TEAM,
        Role::Read,
        "AVG35a1",
    );
    sharing.sync();
    scene.berger.sync();
    scene.world.go_back_to(&backup);
    // Who made the wraps is away; nobody else holds those to Iseli.
    scene.berger.sync();
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let person = scene.keller.nahtlos.identity().person.unwrap();
    let removed = Ending::Member(team, person);
    scene.berger.nahtlos.end(&removed, Reason::Left).unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    let reads = |scene: &scene::Scene| {
        let case = scene.iseli.nahtlos.find_case(&scene.number).unwrap();
        let document = scene
            .iseli
            .nahtlos
            .section_document(&case, &SectionKind::Plan);
        document.is_ok()
    };
    assert!(!reads(&scene), "control: the key is lost");
    for _ in 0..2 {
        scene.berger.sync();
        scene.iseli.sync();
    }
    assert!(reads(&scene));
}
