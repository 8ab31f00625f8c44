//! Snapshots whose author lies, attested by somebody who lies with them. What is known of the graph, and
//! the originals that are here, are held against them: what these refute is begun with by nobody. And
//! edits that name a snapshot as a parent, as no honest program does.

use std::cell::RefCell;

use nahtlos_protocol::envelope::snapshot::SnapshotPayload;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_tests::Home;
use nahtlos_tests::scene::{Line, Scene, newcomer, scene, type_notes};

/// What a snapshot's author changes: the edits it covers up to, and what is in it.
type Lie<'a> = dyn Fn(&Known, &mut Vec<EnvelopeId>, &mut SnapshotPayload) + 'a;

/// A journal with an honest snapshot up to Keller's first note, and a second note after it.
struct Stage {
    scene: Scene,
    /// Who joined Berger's team and has not synced since.
    newcomer: Home,
    known: Known,
}

/// What stands in the journal.
struct Known {
    /// Up to the first note, oldest first; the first note is the last.
    before: Vec<EnvelopeId>,
    second: EnvelopeId,
    honest: SnapshotPayload,
}

impl Known {
    fn all(&self) -> Vec<EnvelopeId> {
        let mut all = self.before.clone();
        all.push(self.second);
        all
    }
}

fn stage() -> Stage {
    let mut scene = scene();
    let newcomer = newcomer(&mut scene, "newcomer");
    let mut before = edits(&scene);
    write(&mut scene, 1);
    before.extend(new_edits(&scene, &before));
    let payload = RefCell::new(None);
    let keller = &mut scene.keller.nahtlos;
    let first = keller.hostile_snapshot(&scene.journal, &|honest| {
        payload.replace(Some(honest.clone()));
    });
    let first = first.unwrap();
    scene.keller.sync();
    scene.sync_all();
    scene.sync_all();
    assert_eq!(said(&scene, "Attest"), 1, "Iseli's, who compared");
    assert_eq!(
        scene
            .berger
            .nahtlos
            .covered_by(&scene.journal, &first)
            .len(),
        before.len()
    );
    write(&mut scene, 2);
    let second = new_edits(&scene, &before);
    let [second] = second.as_slice() else {
        panic!("one edit");
    };
    let known = Known {
        second: *second,
        honest: payload.into_inner().unwrap(),
        before,
    };
    Stage {
        scene,
        newcomer,
        known,
    }
}

fn write(scene: &mut Scene, number: u64) {
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[number]);
    scene.keller.sync();
    scene.sync_all();
}

fn edits(scene: &Scene) -> Vec<EnvelopeId> {
    let all = scene.standings(&scene.berger).into_iter();
    all.filter(|(_, standing, _)| standing == "Counts")
        .map(|(id, ..)| id)
        .collect()
}

fn new_edits(scene: &Scene, known: &[EnvelopeId]) -> Vec<EnvelopeId> {
    let mut all = edits(scene);
    all.retain(|id| !known.contains(id));
    all
}

fn said(scene: &Scene, kind: &str) -> usize {
    let known = scene.standings(&scene.berger);
    known.iter().filter(|(_, what, _)| what == kind).count()
}

impl Stage {
    /// Keller makes a snapshot of everything, but for the lie, and Iseli attests it unseen.
    fn lie(&mut self, lie: &Lie<'_>) -> EnvelopeId {
        self.lie_and_attest(lie, &|payload| payload.heads.clone())
    }

    fn lie_and_attest(
        &mut self,
        lie: &Lie<'_>,
        heads: &dyn Fn(&SnapshotPayload) -> Vec<nahtlos_protocol::envelope::snapshot::DocumentHead>,
    ) -> EnvelopeId {
        let attested = RefCell::new(Vec::new());
        let (known, keller) = (&self.known, &mut self.scene.keller.nahtlos);
        let snapshot = keller
            .hostile_snapshot_of(&self.scene.journal, &|parents, payload| {
                lie(known, parents, payload);
                payload.covered.sort_unstable();
                attested.replace(heads(payload));
            })
            .unwrap();
        let iseli = &mut self.scene.iseli.nahtlos;
        let attest = iseli.hostile_attest(&self.scene.journal, &snapshot, attested.into_inner());
        attest.unwrap();
        self.scene.keller.sync();
        assert_eq!(self.scene.iseli.sync().held, []);
        snapshot
    }

    /// The newcomer syncs, and these never arrive. Returns what they read and how many edits the
    /// snapshot covers that they began with.
    fn newcomer_without(&mut self, dropped: &[EnvelopeId]) -> (Vec<u64>, usize) {
        for _ in 0..2 {
            let mut line = Line::to(&self.scene.world);
            line.drops = dropped.to_vec();
            self.newcomer.sync_through(&mut line);
        }
        let began_with = self.newcomer.nahtlos.began_with(&self.scene.journal);
        (self.scene.notes(&self.newcomer), began_with.len())
    }
}

/// So that a lie would be preferred.
fn pad(payload: &mut SnapshotPayload) {
    payload
        .covered
        .extend([EnvelopeId([0xee; 32]), EnvelopeId([0xff; 32])]);
}

#[test]
fn control_a_snapshot_that_is_true_is_begun_with_where_originals_are_gone() {
    let mut stage = stage();
    stage.lie(&|_, _, _| {});
    let all = stage.known.all();
    assert_eq!(stage.newcomer_without(&all), (vec![1, 2], all.len()));
}

#[test]
fn a_snapshot_that_does_not_cover_its_parents_is_passed_over_for_the_next_best() {
    let mut stage = stage();
    stage.lie(&|known, _, payload| {
        payload.covered.retain(|id| *id != known.second);
        pad(payload);
    });
    let all = stage.known.all();
    assert_eq!(
        stage.newcomer_without(&all),
        (vec![1], stage.known.before.len())
    );
}

#[test]
fn a_snapshot_that_leaves_out_what_a_covered_edit_builds_on_is_passed_over() {
    let mut stage = stage();
    stage.lie(&|known, _, payload| {
        payload.covered.retain(|id| Some(id) != known.before.last());
        pad(payload);
    });
    // The second note is here, and names the first.
    let before = stage.known.before.clone();
    assert_eq!(
        stage.newcomer_without(&before),
        (vec![1, 2], stage.known.before.len())
    );
}

#[test]
fn an_attest_of_other_heads_is_not_heard() {
    let mut stage = stage();
    stage.lie_and_attest(&|_, _, _| {}, &|payload| {
        let mut heads = payload.heads.clone();
        heads[0].0[0] ^= 1;
        heads
    });
    let all = stage.known.all();
    assert_eq!(
        stage.newcomer_without(&all),
        (vec![1], stage.known.before.len())
    );
}

/// It covers up to the first note and says that it covers a note that came later: what is built on that
/// would be applied without it, and refused for ever.
#[test]
fn a_snapshot_that_covers_what_its_parents_do_not_build_on_is_passed_over() {
    let mut stage = stage();
    stage.lie(&|known, parents, payload| {
        *parents = vec![*known.before.last().unwrap()];
        payload.clone_from(&known.honest);
        payload.covered.push(known.second);
        pad(payload);
    });
    let keller = &mut stage.scene.keller;
    type_notes(&mut keller.nahtlos, &stage.scene.number, &[3]);
    keller.sync();
    let dropped = [stage.known.second];
    assert_eq!(stage.newcomer_without(&dropped), (vec![1], 0));
    stage.newcomer.nahtlos.pull_everything_again().unwrap();
    stage.newcomer.sync();
    assert_eq!(
        stage.scene.notes(&stage.newcomer),
        [1, 2, 3],
        "nothing was refused meanwhile"
    );
}

#[test]
fn a_snapshot_without_what_an_original_that_is_here_says_is_passed_over() {
    let mut stage = stage();
    stage.lie(&|known, _, payload| {
        let covered = payload.covered.clone();
        payload.clone_from(&known.honest);
        payload.covered = covered;
    });
    let before = stage.known.before.clone();
    assert_eq!(
        stage.newcomer_without(&before),
        (vec![1, 2], stage.known.before.len())
    );
}

#[test]
fn a_snapshot_that_names_another_author_than_an_original_that_is_here_is_passed_over() {
    let mut stage = stage();
    stage.lie(&|_, _, payload| {
        for known in &mut payload.actors {
            known.device.0[0] ^= 1;
        }
    });
    let before = stage.known.before.clone();
    assert_eq!(
        stage.newcomer_without(&before),
        (vec![1, 2], stage.known.before.len())
    );
}

/// Berger has everything but one note, which the relay withholds: her document rests on originals.
#[test]
fn who_holds_the_originals_goes_on_from_them_though_one_is_withheld() {
    let mut stage = stage();
    type_notes(&mut stage.scene.iseli.nahtlos, &stage.scene.number, &[5]);
    stage.scene.iseli.sync();
    stage.lie(&|known, parents, payload| {
        *parents = vec![known.second];
        let mut covered = known.all();
        payload.clone_from(&known.honest);
        payload.covered.clear();
        payload.covered.append(&mut covered);
    });
    stage.scene.keller.sync();
    let withheld: Vec<EnvelopeId> = {
        let known = stage.scene.standings(&stage.scene.iseli);
        let all = stage.known.all();
        let new = known
            .into_iter()
            .filter(|(id, standing, _)| standing == "Counts" && !all.contains(id));
        new.map(|(id, ..)| id).collect()
    };
    assert_eq!(withheld.len(), 1);
    type_notes(&mut stage.scene.keller.nahtlos, &stage.scene.number, &[6]);
    stage.scene.keller.sync();
    let mut line = Line::to(&stage.scene.world);
    line.drops = withheld;
    stage.scene.berger.sync_through(&mut line);
    assert_eq!(stage.scene.notes(&stage.scene.berger), [1, 2]);
    let began_with = stage.scene.berger.nahtlos.began_with(&stage.scene.journal);
    assert_eq!(began_with, [], "no snapshot");
    let berger = &mut stage.scene.berger;
    berger.nahtlos.pull_everything_again().unwrap();
    berger.sync();
    assert_eq!(stage.scene.notes(&stage.scene.berger), [1, 2, 5, 6]);
}

/// Berger is of the author's institution: she attests nothing. That it covers what it may not she says.
#[test]
fn who_sees_that_a_snapshot_covers_something_else_disputes_it_though_it_is_attested() {
    let mut stage = stage();
    stage.lie(&|_, _, _| {});
    stage.scene.berger.sync();
    assert_eq!(said(&stage.scene, "Dispute"), 0, "control: it is true");
    stage.lie(&|_, _, payload| pad(payload));
    stage.scene.berger.sync();
    stage.scene.berger.sync();
    assert_eq!(said(&stage.scene, "Attest"), 3);
    assert_eq!(said(&stage.scene, "Dispute"), 1);
    let all = stage.known.all();
    assert_eq!(
        stage.newcomer_without(&all),
        (vec![1, 2], all.len()),
        "and the true one is begun with"
    );
}

/// The relay lies for Iseli: it serves an edit that names a snapshot as a parent. Whoever went on from
/// it could write nothing that an honest relay takes.
#[test]
fn an_edit_that_names_a_snapshot_as_a_parent_is_refused_and_blocks_nobody() {
    for is_named in [true, false] {
        let mut stage = stage();
        let known = stage.scene.standings(&stage.scene.berger);
        let snapshot = known.iter().find(|(_, what, _)| what == "Snapshot");
        let snapshot = snapshot.unwrap().0;
        type_notes(&mut stage.scene.iseli.nahtlos, &stage.scene.number, &[7]);
        let parents = vec![if is_named {
            snapshot
        } else {
            stage.known.second
        }];
        let iseli = &stage.scene.iseli.nahtlos;
        let edit = iseli
            .hostile_edit_on(&stage.scene.journal, parents)
            .unwrap();
        let mut line = Line::to(&stage.scene.world);
        line.serves_backdated = Some(edit);
        let report = stage.scene.berger.sync_through(&mut line);
        if !is_named {
            assert_eq!(
                stage.scene.notes(&stage.scene.berger),
                [1, 2, 7],
                "control: on an edit it is applied"
            );
            continue;
        }
        assert_eq!(stage.scene.notes(&stage.scene.berger), [1, 2]);
        assert_eq!(report.held, [("parent_is_no_edit".to_owned(), 1)]);
        let lines = stage.scene.berger.nahtlos.held_lines().unwrap();
        assert!(
            lines
                .iter()
                .any(|line| line.sentence.contains("Marc Iseli")),
            "its author is named: {lines:?}"
        );
        type_notes(&mut stage.scene.berger.nahtlos, &stage.scene.number, &[8]);
        assert_eq!(stage.scene.berger.sync().envelopes_delivered, 1);
        stage.scene.keller.sync();
        assert_eq!(stage.scene.notes(&stage.scene.keller), [1, 2, 8]);
        let looked_at = stage.scene.berger.nahtlos.looked_at_with_each_log();
        assert!(!looked_at.contains(&stage.scene.journal), "it is settled");
    }
}

/// What waits for another item is found again with each log that arrives, and nothing else is.
#[test]
fn only_spaces_in_which_something_waits_are_looked_at_with_each_log() {
    let mut stage = stage();
    let looked_at = |home: &Home| home.nahtlos.looked_at_with_each_log();
    assert_eq!(looked_at(&stage.scene.berger), []);
    let before = stage.known.before.clone();
    let mut dropped = before.clone();
    let known = stage.scene.standings(&stage.scene.berger);
    let said = known.iter().filter(|(_, what, _)| what == "Attest");
    dropped.extend(said.map(|(id, ..)| *id));
    stage.newcomer_without(&dropped);
    assert_eq!(looked_at(&stage.newcomer), [stage.scene.journal]);
    stage.newcomer.nahtlos.pull_everything_again().unwrap();
    stage.newcomer.sync();
    assert_eq!(stage.scene.notes(&stage.newcomer), [1, 2]);
    assert_eq!(looked_at(&stage.newcomer), []);
}
