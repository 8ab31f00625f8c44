//! Edits that come after their author's right has ended: held, visible, adopted. Named after the rules
//! and stories of the protocol's design where there is one.

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::share::Terms;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::PushItem;
use nahtlos_tests::note;
use nahtlos_tests::scene::{Line, correction, newcomer, scene, type_notes};

#[test]
fn rule_4_what_comes_after_the_end_is_held_and_adopting_it_brings_in_the_untouched_original() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1, 2]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert!(scene.notes(home).is_empty(), "held for everybody");
    }
    let own = scene.iseli.nahtlos.held_list().unwrap();
    assert_eq!(own.len(), 1);
    assert!(own[0].own && !own[0].may_adopt);
    assert_eq!(
        (own[0].reason.as_str(), own[0].edits),
        ("access_reduced", Some(2))
    );
    assert_eq!(scene.iseli.nahtlos.status().unwrap().undelivered_edits, 0);

    let held = scene.berger.nahtlos.held_list().unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].author, "Marc Iseli");
    assert_eq!(held[0].institution, "IV-Stelle Bern");
    assert_eq!(held[0].section.as_deref(), Some("journal"));
    assert!(held[0].may_adopt && held[0].typed_at_ms.is_some() && held[0].received_at_ms.is_some());
    let preview = scene.berger.nahtlos.held_show(&held[0].id[..8]).unwrap();
    let texts = preview
        .differences
        .iter()
        .filter(|one| one.path.to_string().ends_with("/text"));
    assert_eq!(texts.count(), 2);
    assert!(
        scene.notes(&scene.berger).is_empty(),
        "a preview changes nothing"
    );
    let refused = scene.iseli.nahtlos.held_adopt(&held[0].id);
    assert_eq!(refused.unwrap_err().code(), "no_right");

    scene.berger.nahtlos.held_adopt(&held[0].id).unwrap();
    assert_eq!(scene.notes(&scene.berger), [1, 2], "at once, offline");
    scene.berger.sync();
    scene.sync_all();
    let original: EnvelopeId = scene.envelope(&scene.berger, "Vouched");
    assert_eq!(original.to_string(), held[0].id);
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1, 2]);
        assert_eq!(scene.standings(home), scene.standings(&scene.berger));
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
        let lines = home.journal(&scene.number);
        assert!(
            lines.contains(&"Marc Iseli: entry 1".to_owned()),
            "under its author's name"
        );
    }
}

#[test]
fn a_discarded_edit_is_refused_for_everybody_and_its_author_sees_it() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    let held = scene.berger.nahtlos.held_list().unwrap();
    let refused = scene.keller.nahtlos.held_discard("ffff", "no such");
    assert_eq!(refused.unwrap_err().code(), "not_found");
    let reason = "reported twice";
    scene
        .berger
        .nahtlos
        .held_discard(&held[0].id, reason)
        .unwrap();
    scene.berger.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert!(scene.notes(home).is_empty());
        let known = home.nahtlos.held_list().unwrap();
        assert_eq!(
            (known.len(), known[0].reason.as_str()),
            (1, "voided"),
            "kept, and said"
        );
        assert!(!known[0].may_adopt);
    }
    let own = scene.berger.nahtlos.held_list().unwrap();
    assert_eq!(own[0].discarded.as_deref(), Some(reason));
    let theirs = scene.iseli.nahtlos.held_list().unwrap();
    assert_eq!(
        theirs[0].discarded, None,
        "the reason stays with the manager"
    );
}

/// Adopted, written upon, and then discarded all the same, before any of it went out.
#[test]
fn what_was_typed_upon_an_adopted_edit_that_is_then_discarded_goes_out_without_it() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    let held = scene.berger.nahtlos.held_list().unwrap();
    let berger = &mut scene.berger.nahtlos;
    berger.held_adopt(&held[0].id).unwrap();
    type_notes(berger, &scene.number, &[2]);
    let edits = [correction(3, 1), note(4)];
    berger.edit_case(&scene.number, &edits).unwrap();
    assert_eq!(scene.notes(&scene.berger), [1, 2, 3, 4], "control");
    let berger = &mut scene.berger.nahtlos;
    berger.held_discard(&held[0].id, "reported twice").unwrap();
    assert_eq!(scene.notes(&scene.berger), [2, 4], "at once, offline");
    let aside = scene.berger.nahtlos.set_aside_edits().unwrap();
    assert_eq!(aside.len(), 1, "the correction is kept: {aside:?}");
    scene.berger.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2, 4]);
        assert_eq!(home.nahtlos.held_list().unwrap().len(), 1, "the voided one");
    }
}

#[test]
fn the_answer_about_a_held_edit_may_be_lost_and_it_is_held_once() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    let mut line = Line::to(&scene.world);
    line.breaks = true;
    let lost = scene.iseli.nahtlos.sync(&mut line, &mut |_| {});
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    assert_eq!(scene.iseli.nahtlos.status().unwrap().undelivered_edits, 1);
    scene.iseli.sync();
    scene.sync_all();
    assert_eq!(scene.iseli.nahtlos.status().unwrap().undelivered_edits, 0);
    for home in [&scene.berger, &scene.iseli] {
        assert!(scene.notes(home).is_empty());
        assert_eq!(home.nahtlos.held_list().unwrap().len(), 1);
        assert_eq!(home.nahtlos.clones().unwrap(), []);
    }
}

#[test]
fn story_2_an_adoption_by_somebody_who_is_removed_counts_provisionally_with_what_it_builds_on() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.keller.sync();
    let held = scene.keller.nahtlos.held_list().unwrap();
    scene.keller.nahtlos.held_adopt(&held[0].id).unwrap();
    scene.keller.sync();
    scene.berger.sync();
    let keller = scene.keller.nahtlos.identity().person.unwrap();
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let leaves = Effect::Remove {
        grant: None,
        member: Some(keller.into()),
        reason: 1,
    };
    scene
        .berger
        .nahtlos
        .hostile_change(&team, vec![leaves], true)
        .unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    for home in [&scene.berger, &scene.iseli] {
        assert_eq!(scene.notes(home), [1]);
        scene.envelope(home, "Provisional");
        scene.envelope(home, "Vouched");
    }
    scene.change(Vec::new(), true);
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    scene.berger.sync();
    scene.iseli.sync();
    for home in [&scene.berger, &scene.iseli] {
        assert_eq!(scene.notes(home), [1, 2]);
        let standings = scene.standings(home);
        let vouched = standings
            .iter()
            .filter(|(_, standing, _)| standing == "Vouched");
        assert_eq!(vouched.count(), 2, "the adoption and the adopted");
    }
}

#[test]
fn story_4_reduced_and_granted_again_the_next_edit_counts_without_the_held_one() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.set_role(Role::Write);
    scene.iseli.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2]);
    assert_eq!(scene.iseli.sync().envelopes_delivered, 1);
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2]);
    }
    let held = scene.iseli.nahtlos.held_list().unwrap();
    assert!(held[0].may_adopt, "its own author may write again");
    scene.iseli.nahtlos.held_adopt(&held[0].id).unwrap();
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1, 2]);
    }
}

#[test]
fn story_17_what_is_typed_after_a_refused_edit_goes_out_without_it() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    // A right remains: another grant, to the person.
    let person = scene.iseli.nahtlos.identity().person.unwrap();
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let kind = SectionKind::Journal;
    let granted =
        scene
            .berger
            .nahtlos
            .grant(&case, &kind, &person, &Terms::new(Role::Write, "AVG35a1"));
    granted.unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    let edits = [note(2), correction(3, 2)];
    scene
        .iseli
        .nahtlos
        .edit_case(&scene.number, &edits)
        .unwrap();
    scene.iseli.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[4]);
    scene.iseli.sync();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [2, 3, 4]);
        assert_eq!(home.nahtlos.clones().unwrap(), []);
    }
    assert_eq!(scene.iseli.nahtlos.held_list().unwrap().len(), 1, "kept");
}

#[test]
fn whatever_the_order_of_arrival_everybody_counts_the_same() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.sync_all();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2]);
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[3]);
    scene.keller.sync();
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    let held = scene.keller.nahtlos.held_list().unwrap();
    scene.keller.nahtlos.held_adopt(&held[0].id).unwrap();
    scene.keller.sync();
    scene.sync_all();
    assert_eq!(scene.notes(&scene.berger), [1, 2, 3]);
    for seed in 1..=3 {
        let mut home = newcomer(&mut scene, &format!("newcomer{seed}"));
        let mut shuffling = Line::to(&scene.world);
        shuffling.shuffles = Some(seed);
        home.sync_through(&mut shuffling);
        assert_eq!(scene.notes(&home), [1, 2, 3], "seed {seed}");
        assert_eq!(
            scene.standings(&home),
            scene.standings(&scene.berger),
            "seed {seed}"
        );
    }
}

/// Adopted offline by somebody who is removed before it goes out: what they send is held itself.
#[test]
fn an_adoption_ends_with_the_right_of_who_made_it_and_the_edit_waits_for_another_manager() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.sync_all();
    let keller = &mut scene.keller.nahtlos;
    let held = keller.held_list().unwrap();
    keller.held_adopt(&held[0].id).unwrap();
    type_notes(keller, &scene.number, &[2]);
    let edits = [correction(3, 1), note(4)];
    keller.edit_case(&scene.number, &edits).unwrap();
    assert_eq!(scene.notes(&scene.keller), [1, 2, 3, 4], "control");
    let leaving = Ending::Member(
        scene.keller.nahtlos.identity().team.unwrap(),
        scene.keller.nahtlos.identity().person.unwrap(),
    );
    scene.berger.nahtlos.end(&leaving, Reason::Left).unwrap();
    scene.berger.sync();

    let told = scene.keller.sync().notices;
    let told: Vec<_> = told
        .iter()
        .filter(|one| one.contains("took over"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let aside = scene.keller.nahtlos.set_aside_edits().unwrap();
    assert_eq!(aside.len(), 1, "the correction is kept: {aside:?}");
    let (_, pushed) = scene.keller.sync_and_list_pushed(&scene.world);
    let envelopes = pushed
        .iter()
        .filter(|item| matches!(item, PushItem::Envelope { .. }));
    assert_eq!(envelopes.count(), 0, "nothing is sent again and again");

    scene.sync_all();
    let waiting = scene.berger.nahtlos.held_list().unwrap();
    let authors: Vec<&str> = waiting.iter().map(|one| one.author.as_str()).collect();
    assert_eq!(authors, ["Marc Iseli", "Eva Keller"]);
    for one in &waiting {
        scene.berger.nahtlos.held_adopt(&one.id).unwrap();
    }
    scene.berger.sync();
    scene.iseli.sync();
    for home in [&scene.berger, &scene.iseli] {
        assert_eq!(scene.notes(home), [1, 2, 4]);
    }
}
