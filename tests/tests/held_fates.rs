//! What became of a held edit, told to an author who lost the section altogether.

use nahtlos_client::fate::{Fate, HeldNews};
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::{PushItem, Status, VerdictCode};
use nahtlos_tests::scene::{Scene, scene, type_notes};
use nahtlos_tests::{Home, Passing};

/// Iseli types a note offline while the team's grant ends, and syncs: it is held.
fn lost() -> (Scene, String) {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    let removed = Effect::Remove {
        grant: Some(scene.grant),
        member: None,
        reason: 1,
    };
    scene.change(vec![removed], true);
    scene.iseli.sync();
    scene.berger.sync();
    let held = scene.iseli.nahtlos.held_list().unwrap();
    assert_eq!((held.len(), held[0].fate), (1, Fate::Waiting));
    assert_eq!(held[0].reason, "access_ended");
    let id = held[0].id.clone();
    (scene, id)
}

fn questions(scene: &mut Scene) -> Vec<ItemId> {
    let (_, pushed) = scene.iseli.sync_and_list_pushed(&scene.world);
    let asked = pushed.into_iter().filter_map(|item| match item {
        PushItem::Question { id } => Some(id),
        PushItem::Operation { .. } | PushItem::Envelope { .. } => None,
    });
    asked.collect()
}

fn told(home: &mut Home) -> Vec<(bool, Fate)> {
    let news = home.nahtlos.tell_held_news().unwrap();
    news.iter().map(|one| (one.own, one.fate)).collect()
}

fn fate(home: &Home) -> Fate {
    home.nahtlos.held_list().unwrap()[0].fate
}

#[test]
fn an_author_who_lost_the_section_hears_from_the_relay_that_the_edit_was_adopted() {
    let (mut scene, id) = lost();
    assert_eq!(told(&mut scene.iseli), [(true, Fate::Waiting)]);
    assert_eq!(told(&mut scene.berger), [(false, Fate::Waiting)]);
    let item: ItemId = ItemId::from_hex(&id).unwrap();
    assert_eq!(questions(&mut scene), [item], "asked while undecided");
    assert_eq!(told(&mut scene.iseli), [], "no news");

    scene.berger.nahtlos.held_adopt(&id).unwrap();
    scene.berger.sync();
    assert_eq!(scene.notes(&scene.berger), [1], "control");
    assert_eq!(questions(&mut scene), [item]);
    assert_eq!(fate(&scene.iseli), Fate::RelaySaysAdopted);
    assert_eq!(told(&mut scene.iseli), [(true, Fate::RelaySaysAdopted)]);
    assert_eq!(told(&mut scene.iseli), [], "told once");
    assert_eq!(questions(&mut scene), [], "asked no more");
    assert!(
        scene.notes(&scene.iseli).is_empty(),
        "the relay's word makes nothing count"
    );

    // What was typed is kept until its author puts it away.
    let shown = scene.iseli.nahtlos.held_show(&id).unwrap();
    assert!(!shown.differences.is_empty());
    scene.iseli.nahtlos.held_discard(&id, "").unwrap();
    assert_eq!(scene.iseli.nahtlos.held_list().unwrap(), []);
    let (_, pushed) = scene.iseli.sync_and_list_pushed(&scene.world);
    assert_eq!(pushed, [], "nothing is sent for it");
    assert_eq!(told(&mut scene.iseli), []);
}

#[test]
fn an_author_who_erased_the_copy_hears_that_the_edit_was_discarded() {
    let (mut scene, id) = lost();
    assert_eq!(told(&mut scene.iseli), [(true, Fate::Waiting)]);
    let lost = scene.iseli.nahtlos.lost_sections().unwrap();
    scene.iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    scene.iseli.sync();
    assert_eq!(told(&mut scene.iseli), [], "no news");
    let aside = scene.iseli.nahtlos.set_aside_edits().unwrap();
    assert_eq!((aside.len(), aside[0].edits.len()), (1, 1));
    assert_eq!(aside[0].id.as_ref(), Some(&id));
    assert_eq!(aside[0].fate, Some(Fate::Waiting));

    let reason = "reported twice";
    scene.berger.nahtlos.held_discard(&id, reason).unwrap();
    scene.berger.sync();
    assert_eq!(questions(&mut scene).len(), 1);
    let news: Vec<HeldNews> = scene.iseli.nahtlos.tell_held_news().unwrap();
    assert_eq!(news.len(), 1);
    assert_eq!(
        (news[0].fate, news[0].reason.as_str(), &news[0].id),
        (Fate::RelaySaysDiscarded, "access_ended", &id)
    );
    assert!(news[0].needs_a_person());
    assert_eq!(told(&mut scene.iseli), [], "told once");
    assert_eq!(questions(&mut scene), []);

    let kept = scene.iseli.nahtlos.held_aside(&id[..8]).unwrap().unwrap();
    assert_eq!(kept.fate, Some(Fate::RelaySaysDiscarded));
    assert_eq!(kept.edits.len(), 1, "what was typed is kept");
    scene.iseli.nahtlos.held_discard(&id, "").unwrap();
    assert_eq!(
        scene.iseli.nahtlos.set_aside_edits().unwrap().len(),
        0,
        "put away"
    );
    assert_eq!(questions(&mut scene), []);
}

#[test]
fn who_still_reads_the_section_asks_nobody_and_knows_by_the_logs() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1, 2]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.berger.sync();
    assert_eq!(told(&mut scene.iseli), [(true, Fate::Waiting)]);
    assert_eq!(questions(&mut scene), []);
    let id = scene.berger.nahtlos.held_list().unwrap()[0].id.clone();
    scene.berger.nahtlos.held_adopt(&id).unwrap();
    scene.berger.sync();
    assert_eq!(questions(&mut scene), []);
    let wipe = scene.iseli.nahtlos.preview_wipe().unwrap();
    assert_eq!(
        (wipe.discarded, wipe.loses_something()),
        (0, false),
        "control"
    );
    assert_eq!(scene.notes(&scene.iseli), [1, 2]);
    assert_eq!(told(&mut scene.iseli), [(true, Fate::Adopted)]);
    assert_eq!(told(&mut scene.iseli), []);
    assert_eq!(scene.iseli.nahtlos.held_list().unwrap(), []);
}

#[test]
fn an_answer_that_was_changed_on_the_way_says_nothing() {
    let (mut scene, _) = lost();
    let before = scene.iseli.nahtlos.held_list().unwrap();
    type Change = fn(&mut nahtlos_protocol::wire::sync::ItemResult);
    let adopted: Change = |result| (result.status, result.code) = (Status::Duplicate, None);
    let voided: Change = |result| result.code = Some(VerdictCode::Voided);
    for change in [adopted, voided] {
        let mut answered = false;
        let lied = scene
            .iseli
            .sync_over(&scene.world, &mut |_| Passing::Arrives, &mut |answer| {
                answered |= !answer.results.is_empty();
                answer.results.iter_mut().for_each(change);
                Passing::Arrives
            });
        assert_eq!(lied.unwrap_err().code(), "other_relay");
        assert!(answered, "there was something to lie about");
        assert_eq!(scene.iseli.nahtlos.held_list().unwrap(), before);
    }
    // Control: the honest answer to the same question is taken.
    let id = before[0].id.clone();
    scene.berger.nahtlos.held_discard(&id, "twice").unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    assert_eq!(fate(&scene.iseli), Fate::RelaySaysDiscarded);
}

#[test]
fn an_edit_adopted_before_its_author_heard_that_it_was_held_is_told_as_what_it_is() {
    // The answer that it is held is lost; meanwhile Berger takes it over.
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    let removed = Effect::Remove {
        grant: Some(scene.grant),
        member: None,
        reason: 1,
    };
    scene.change(vec![removed], true);
    let lost =
        scene.iseli.sync_over(
            &scene.world,
            &mut |_| Passing::Arrives,
            &mut |answer| match answer.results.is_empty() {
                true => Passing::Arrives,
                false => Passing::Breaks,
            },
        );
    assert_eq!(lost.unwrap_err().code(), "relay_unreachable");
    scene.berger.sync();
    let id = scene.berger.nahtlos.held_list().unwrap()[0].id.clone();
    scene.berger.nahtlos.held_adopt(&id).unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    scene.iseli.sync();
    assert_eq!(scene.iseli.nahtlos.status().unwrap().undelivered_edits, 0);
    assert_eq!(fate(&scene.iseli), Fate::RelaySaysAdopted);
}

#[test]
fn who_wipes_a_device_hears_that_what_was_discarded_is_nowhere_else() {
    let (mut scene, id) = lost();
    let wipe = scene.iseli.nahtlos.preview_wipe().unwrap();
    assert_eq!((wipe.held_elsewhere, wipe.discarded), (1, 0), "control");
    assert!(!wipe.loses_something());
    scene.berger.nahtlos.held_discard(&id, "twice").unwrap();
    scene.berger.sync();
    scene.iseli.sync();
    let wipe = scene.iseli.nahtlos.preview_wipe().unwrap();
    assert_eq!((wipe.held_elsewhere, wipe.discarded), (0, 1));
    assert!(wipe.loses_something());
    // Put away by its author, nothing is left to be lost.
    scene.iseli.nahtlos.held_discard(&id, "").unwrap();
    assert!(
        !scene
            .iseli
            .nahtlos
            .preview_wipe()
            .unwrap()
            .loses_something()
    );
}
