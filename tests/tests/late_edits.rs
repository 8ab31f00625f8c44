//! Edits that cease to count: what everybody shows meanwhile, and that nothing is lost. Named after
//! the rules and stories of the protocol's design where there is one.

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_tests::scene::{Line, Scene, correction, scene, type_notes};
use nahtlos_tests::{Passing, note};

#[test]
fn rule_1_an_edit_whose_authors_right_has_no_known_end_counts() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1]);
        let standings = scene.standings(home);
        assert!(!standings.is_empty());
        assert!(
            standings
                .iter()
                .all(|(_, standing, applied)| standing == "Counts" && *applied)
        );
    }
    assert_eq!(scene.berger.nahtlos.held_list().unwrap(), []);
}

#[test]
fn rules_2_and_3_what_came_before_the_end_counts_provisionally_until_the_next_writer_vouches_for_it()
 {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.berger.sync();
    scene.set_role(Role::Read);
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1]);
        scene.envelope(home, "Provisional");
    }
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[2]);
    scene.keller.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1, 2]);
        scene.envelope(home, "Vouched");
    }
}

#[test]
fn a_void_takes_an_edit_from_every_document_and_what_builds_on_it_is_made_again_or_set_aside() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    let known = scene.standings(&scene.berger);
    scene.sync_all();
    assert_eq!(scene.notes(&scene.berger), [1], "control");
    let edits = [note(2), correction(3, 1), note(4)];
    scene
        .iseli
        .nahtlos
        .edit_case(&scene.number, &edits)
        .unwrap();
    let now = scene.standings(&scene.berger);
    let new = now
        .iter()
        .map(|(id, ..)| *id)
        .find(|id| !known.iter().any(|(old, ..)| old == id));
    let envelopes = vec![new.unwrap()];
    scene.change(
        vec![Effect::Void {
            envelopes,
            grants: Vec::new(),
        }],
        false,
    );
    assert!(scene.notes(&scene.berger).is_empty());
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2, 4], "3 needs what was voided");
    }
    let aside = scene.iseli.nahtlos.set_aside_edits().unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(
        (aside[0].reason.as_str(), aside[0].edits.len()),
        ("builds_on_held", 1)
    );
    let own = scene.iseli.nahtlos.held_list().unwrap();
    assert_eq!(own[0].reason, "voided");
    let refused = scene.berger.nahtlos.held_adopt(&own[0].id);
    assert_eq!(refused.unwrap_err().code(), "no_right", "a void is final");
}

#[test]
fn story_3_a_copied_vault_loses_nobodys_work_and_is_reported() {
    let mut scene = scene();
    let path = scene.iseli.path.clone();
    let copy = scene.world.directory.path().join("copy");
    drop(scene.iseli);
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    scene.iseli = scene.world.reopen("iseli");
    let mut copied = scene.world.reopen("copy");
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    type_notes(&mut copied.nahtlos, &scene.number, &[2]);
    scene.iseli.sync();
    assert_eq!(scene.berger.nahtlos.clones().unwrap(), [], "control");
    // The copy seals without having seen the other's: it uses the same number.
    let mut line = Line::to(&scene.world);
    line.hides_envelopes = true;
    copied.sync_through(&mut line);
    copied.nahtlos.pull_everything_again().unwrap();
    copied.sync();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[3]);
    scene.keller.sync();
    scene.sync_all();
    copied.sync();
    for home in [&scene.berger, &scene.iseli, &scene.keller, &copied] {
        assert_eq!(scene.notes(home), [1, 2, 3]);
    }
    let reported = scene.berger.nahtlos.clones().unwrap();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].device, copied.nahtlos.device_id().to_string());
}

#[test]
fn story_13_a_backdated_edit_shows_until_somebody_who_knows_of_the_end_writes_without_it() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    // The relay and Iseli's device lie together: it is dated before the end.
    let mut catching = Line::to(&scene.world);
    scene.iseli.sync_through(&mut catching);
    let forged = catching.pushed.pop().expect("an envelope");
    let mut lying = Line::to(&scene.world);
    lying.serves_backdated = Some(forged.clone());
    scene.keller.sync_through(&mut lying);
    assert_eq!(
        scene.notes(&scene.keller),
        [1],
        "residual risk: until the next write"
    );
    scene.envelope(&scene.keller, "Provisional");

    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    scene.berger.sync();
    scene.keller.sync();
    assert_eq!(scene.notes(&scene.keller), [2]);
    let mut lying = Line::to(&scene.world);
    lying.serves_backdated = Some(forged);
    scene.berger.sync_through(&mut lying);
    assert_eq!(
        scene.notes(&scene.berger),
        [2],
        "held for whoever receives it later, too"
    );
    assert_eq!(
        scene.berger.nahtlos.held_list().unwrap()[0].reason,
        "access_reduced"
    );
}

/// Somebody's right was reduced, and a colleague of theirs was removed: the key that both knew is not used
/// again, also not for what goes into the held lane.
#[test]
fn who_only_reads_now_waits_for_the_next_key_before_an_earlier_edit_goes_out() {
    let mut scene = scene();
    let iseli = &mut scene.iseli;
    let mut huber = scene
        .world
        .colleague(iseli, "huber", "Rosa Huber", Role::Write);
    huber.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    let leaving = Ending::Member(
        scene.iseli.nahtlos.identity().team.unwrap(),
        huber.nahtlos.identity().person.unwrap(),
    );
    scene.iseli.nahtlos.end(&leaving, Reason::Left).unwrap();
    let stored = |scene: &Scene| {
        let journal = SectionKind::Journal;
        let (world, home) = (&scene.world, &scene.berger);
        world.stored_envelopes(home, &scene.number, &journal)
    };
    let before = stored(&scene).len();
    for _ in 0..2 {
        scene.iseli.sync();
    }
    assert_eq!(stored(&scene).len(), before, "stale: nothing is sealed");
    assert_eq!(scene.iseli.nahtlos.undelivered().unwrap().len(), 1);

    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    for _ in 0..2 {
        scene.berger.sync();
        scene.iseli.sync();
    }
    assert!(scene.iseli.nahtlos.undelivered().unwrap().is_empty());
    scene.berger.sync();
    assert_eq!(scene.berger.nahtlos.held_list().unwrap().len(), 1);
    let after = stored(&scene);
    assert_eq!(after.len(), before + 2);
    let opened = scene.world.opens(&huber, &after);
    assert!(opened[..before].iter().any(|opens| *opens), "control");
    assert!(opened[before..].iter().all(|opens| !*opens), "{opened:?}");
}

/// Nobody writes in the section any more: a writer's device begins the next key all the same.
#[test]
fn who_only_reads_now_is_not_left_waiting_where_nobody_writes() {
    let mut scene = scene();
    let iseli = &mut scene.iseli;
    let huber = scene
        .world
        .colleague(iseli, "huber", "Rosa Huber", Role::Write);
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    let leaving = Ending::Member(
        scene.iseli.nahtlos.identity().team.unwrap(),
        huber.nahtlos.identity().person.unwrap(),
    );
    scene.iseli.nahtlos.end(&leaving, Reason::Left).unwrap();
    scene.iseli.sync();
    assert_eq!(
        scene.iseli.nahtlos.undelivered().unwrap().len(),
        1,
        "control"
    );
    scene.berger.sync();
    scene.iseli.sync();
    assert!(scene.iseli.nahtlos.undelivered().unwrap().is_empty());
    scene.berger.sync();
    assert_eq!(scene.berger.nahtlos.held_list().unwrap().len(), 1);
}

/// Keller's decision is lost with the relay's newest state, and another one takes its place in a section
/// that she is not served any more. What she typed names her own as the newest that she knew.
#[test]
fn what_was_typed_upon_a_lost_decision_goes_out_where_the_log_is_not_served_any_more() {
    let mut scene = scene();
    let backup = scene.world.back_up_relay_marked();
    let (journal, grant) = (scene.journal, scene.grant);
    let keller = &mut scene.keller.nahtlos;
    keller.set_role(&journal, &grant, Role::Manage).unwrap();
    scene.keller.sync();
    let lost = scene.keller.nahtlos.log_head(&journal).unwrap();
    scene.world.go_back_to(&backup);
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1]);
    let leaving = Ending::Member(
        scene.keller.nahtlos.identity().team.unwrap(),
        scene.keller.nahtlos.identity().person.unwrap(),
    );
    scene.berger.nahtlos.end(&leaving, Reason::Left).unwrap();
    scene.berger.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2]);
    scene.iseli.sync();
    let other = scene.iseli.nahtlos.log_head(&journal).unwrap();
    assert_eq!(lost.index, other.index, "control: its place is taken");

    scene.keller.sync();
    assert_eq!(scene.keller.nahtlos.log_head(&journal), Some(lost));
    assert!(scene.keller.nahtlos.undelivered().unwrap().is_empty());
    assert_eq!(scene.keller.sync().requests, 1, "and then it is quiet");
    scene.berger.sync();
    let held = scene.berger.nahtlos.held_list().unwrap();
    let reasons: Vec<&str> = held.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["access_ended"]);
    scene.berger.nahtlos.held_adopt(&held[0].id).unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    for home in [&scene.berger, &scene.iseli] {
        assert_eq!(scene.notes(home), [1, 2]);
    }
}

/// The present key did not arrive; the one before is known to who was removed.
#[test]
fn who_only_reads_now_seals_under_the_present_key_or_waits_for_it() {
    let mut scene = scene();
    let iseli = &mut scene.iseli;
    let mut huber = scene
        .world
        .colleague(iseli, "huber", "Rosa Huber", Role::Write);
    huber.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    let leaving = Ending::Member(
        scene.iseli.nahtlos.identity().team.unwrap(),
        huber.nahtlos.identity().person.unwrap(),
    );
    scene.iseli.nahtlos.end(&leaving, Reason::Left).unwrap();
    let stored = |scene: &Scene| {
        let journal = SectionKind::Journal;
        let (world, home) = (&scene.world, &scene.berger);
        world.stored_envelopes(home, &scene.number, &journal)
    };
    let before = stored(&scene).len();
    // The removal goes out, and nothing else; then the journal gets a key without Huber.
    let mut breaks = Line::to(&scene.world);
    breaks.breaks = true;
    let broken = scene.iseli.nahtlos.sync(&mut breaks, &mut |_| {});
    assert_eq!(broken.unwrap_err().code(), "relay_unreachable");
    assert_eq!(stored(&scene).len(), before, "control");
    scene.berger.sync();
    let (grant, role) = (scene.grant, Role::Read);
    scene.change(vec![Effect::SetRole { grant, role }], true);
    let synced = scene
        .iseli
        .sync_over(&scene.world, &mut |_| Passing::Arrives, &mut |answer| {
            let swapped = answer.items.iter_mut().flat_map(|item| &mut item.wraps);
            swapped.for_each(|wrap| wrap.bytes.reverse());
            Passing::Arrives
        });
    synced.unwrap();
    assert_eq!(stored(&scene).len(), before, "nothing under the old key");
    assert_eq!(scene.iseli.nahtlos.undelivered().unwrap().len(), 1);
    for _ in 0..3 {
        scene.berger.sync();
        scene.iseli.nahtlos.pull_everything_again().unwrap();
        scene.iseli.sync();
    }
    assert!(scene.iseli.nahtlos.undelivered().unwrap().is_empty());
    let after = stored(&scene);
    assert_eq!(after.len(), before + 1);
    let opened = scene.world.opens(&huber, &after);
    assert!(opened[..before].iter().any(|opens| *opens), "control");
    assert!(opened[before..].iter().all(|opens| !*opens), "{opened:?}");
}

/// Its author goes on typing in the same run of the program.
#[test]
fn what_is_typed_after_an_edit_ceased_to_count_does_not_repeat_its_number() {
    let mut scene = scene();
    let known = scene.standings(&scene.berger);
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.sync_all();
    let now = scene.standings(&scene.berger);
    let mut new = now.iter().filter(|one| !known.contains(one));
    let (id, ..) = *new.next().unwrap();
    let envelopes = vec![id];
    scene.change(
        vec![Effect::Void {
            envelopes,
            grants: Vec::new(),
        }],
        false,
    );
    scene.iseli.sync();
    assert!(scene.notes(&scene.iseli).is_empty(), "control");
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2]);
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2]);
    }
    for home in [&scene.berger, &scene.iseli] {
        let shown = home.nahtlos.held_show(&id.to_string()).unwrap();
        let text = format!("{:?}", shown.differences);
        assert!(text.contains("entry 1"), "beside what came after: {text}");
    }
}
