//! How one author's edits in a section follow each other, and what somebody entitled does who has built
//! on an edit that does not count any more.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_tests::scene::{Line, Scene, correction, scene, type_notes};

/// Everything that one has among its ancestors.
fn ancestors(
    graph: &BTreeMap<EnvelopeId, Vec<EnvelopeId>>,
    id: EnvelopeId,
) -> BTreeSet<EnvelopeId> {
    let (mut found, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(next) = open.pop() {
        for parent in graph.get(&next).into_iter().flatten() {
            if found.insert(*parent) {
                open.push(*parent);
            }
        }
    }
    found
}

/// Iseli's envelopes in the journal, by the number she gave them, and the graph of all.
fn chain_of_iseli(scene: &Scene) -> (Vec<EnvelopeId>, BTreeMap<EnvelopeId, Vec<EnvelopeId>>) {
    let all = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &SectionKind::Journal);
    let iseli = scene.iseli.nahtlos.device_id();
    let mut own: Vec<&Envelope> = all
        .iter()
        .filter(|each| each.header().author_device == iseli)
        .collect();
    own.sort_by_key(|envelope| envelope.header().author_sequence);
    let own = own.iter().map(|envelope| envelope.id()).collect();
    let graph = all
        .iter()
        .map(|each| (each.id(), each.header().parents.clone()));
    (own, graph.collect())
}

#[test]
fn the_edits_of_an_author_that_count_are_a_chain_and_a_held_one_is_no_part_of_it() {
    let mut scene = scene();
    for (mine, others) in [(1, 11), (2, 12), (3, 13)] {
        // Both write at once, and neither has the other's when sealing.
        type_notes(&mut scene.iseli.nahtlos, &scene.number, &[mine]);
        type_notes(&mut scene.keller.nahtlos, &scene.number, &[others]);
        let mut line = Line::to(&scene.world);
        line.hides_envelopes = true;
        scene.iseli.sync_through(&mut line);
        scene.keller.sync();
    }
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[4]);
    scene.set_role(Role::Read);
    scene.iseli.sync();
    scene.change(
        vec![Effect::SetRole {
            grant: scene.grant,
            role: Role::Write,
        }],
        false,
    );
    scene.iseli.nahtlos.pull_everything_again().unwrap();
    scene.iseli.sync();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[5]);
    scene.iseli.sync();
    scene.sync_all();

    let (own, graph) = chain_of_iseli(&scene);
    let [first, second, third, held, last] = own[..] else {
        panic!("five of Iseli's: {own:?}");
    };
    let held_by_managers = scene.berger.nahtlos.held_list().unwrap();
    assert_eq!(held_by_managers.len(), 1, "control: {held_by_managers:?}");
    assert_eq!(held_by_managers[0].id, held.to_string());
    for (later, earlier) in [(second, first), (third, second), (last, third)] {
        assert!(ancestors(&graph, later).contains(&earlier));
    }
    assert!(!ancestors(&graph, last).contains(&held));
    assert_eq!(scene.notes(&scene.keller), [1, 2, 3, 5, 11, 12, 13]);
}

#[test]
fn who_may_write_and_built_on_an_edit_that_is_cut_adopts_it_with_what_they_push_next() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.keller.sync();
    let (own, _) = chain_of_iseli(&scene);
    let cut = own[0];
    let correcting = correction(2, 1);
    let keller = &mut scene.keller.nahtlos;
    keller.edit_case(&scene.number, &[correcting]).unwrap();

    // Berger ends Iseli's right and writes on, before Iseli's edit reaches her.
    let mut line = Line::to(&scene.world);
    line.hides_envelopes = true;
    let end = Effect::SetRole {
        grant: scene.grant,
        role: Role::Read,
    };
    let berger = &mut scene.berger.nahtlos;
    berger
        .hostile_change(&scene.journal, vec![end], false)
        .unwrap();
    scene.berger.sync_through(&mut line);
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[3]);
    scene.berger.sync_through(&mut line);
    scene.berger.nahtlos.pull_everything_again().unwrap();
    scene.berger.sync();
    assert_eq!(scene.notes(&scene.berger), [3], "control: it is cut");
    assert_eq!(scene.berger.nahtlos.held_list().unwrap().len(), 1);

    let mut watched = Line::to(&scene.world);
    scene.keller.sync_through(&mut watched);
    let pushed = watched
        .pushed
        .iter()
        .map(|bytes| Envelope::decode(bytes).unwrap());
    let named: Vec<EnvelopeId> = pushed
        .flat_map(|envelope| envelope.header().parents.clone())
        .collect();
    assert!(named.contains(&cut), "{named:?}");
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1, 2, 3]);
        assert_eq!(scene.envelope(home, "Vouched"), cut);
    }
}
