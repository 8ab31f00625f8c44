//! The four rules, one test for each consequence, and the stories that gave rise to them.

use proptest::prelude::*;

use super::*;
use crate::identifier::{GrantId, SpaceId};
use crate::space::authority;
use crate::space::operation::LogHead;
use crate::space::standing::NoReceipts;
use crate::space::tests::making::{Offices, TestRelay, draft, offices, remove_member, set_role};
use crate::space::tests::world::{TestDevice, World, bytes};
use crate::space::{Effect, Role};
use HeldReason::*;
use Verdict::*;

/// Team one's section; B and D write in it through the team, and the relay receipts everything.
struct Desk {
    o: Offices,
    b: SpaceId,
    b_grant: GrantId,
    relay: TestRelay,
    edits: Vec<CountedEnvelope>,
}

fn desk() -> Desk {
    let mut o = offices();
    let [b1, d1] = [2, 3].map(TestDevice::new);
    let [b, d] = [&b1, &d1].map(|device| o.world.person(device, o.one.institution));
    let b_grant = o.world.join(&o.a1, o.one.team, b, Role::Write);
    o.world.join(&o.a1, o.one.team, d, Role::Write);
    Desk {
        o,
        b,
        b_grant,
        relay: TestRelay::new(1),
        edits: Vec::new(),
    }
}

/// What a device knows of the section when it seals there.
fn knowledge(world: &World, device: &TestDevice, section: SpaceId) -> Arc<Knowledge> {
    let state = &world.logs[&section];
    let path = authority::path_heads(&world.logs, &device.id, state);
    let heads: Vec<LogHead> = path.into_values().chain(state.head()).collect();
    Arc::new(Knowledge::of(&world.logs, &heads).unwrap())
}

impl Desk {
    /// An envelope by what a replica knows, not received yet.
    fn seal(&self, world: &World, by: &TestDevice, parents: &[EnvelopeId]) -> CountedEnvelope {
        let number = self.edits.len() as u64 + 1;
        CountedEnvelope {
            id: EnvelopeId(bytes(number)),
            author: by.id,
            author_sequence: number,
            kind: EnvelopeKind::Changes,
            knowledge: knowledge(world, by, self.o.section),
            parents: parents.to_vec(),
            received: None,
        }
    }

    /// The relay takes an envelope in.
    fn receive(&mut self, mut envelope: CountedEnvelope) -> EnvelopeId {
        envelope.received = Some(self.relay.next_place());
        self.keep(envelope)
    }

    fn keep(&mut self, envelope: CountedEnvelope) -> EnvelopeId {
        let id = envelope.id;
        self.edits.push(envelope);
        id
    }

    /// A device writes by what everybody knows, and the relay takes it in.
    fn write(&mut self, by: &TestDevice, parents: &[EnvelopeId]) -> EnvelopeId {
        let envelope = self.seal(&self.o.world, by, parents);
        self.receive(envelope)
    }

    fn write_kind(
        &mut self,
        kind: EnvelopeKind,
        by: &TestDevice,
        parents: &[EnvelopeId],
    ) -> EnvelopeId {
        let mut envelope = self.seal(&self.o.world, by, parents);
        envelope.kind = kind;
        self.receive(envelope)
    }

    /// An operation of A, receipted.
    fn decide(&mut self, effect: Effect, space: SpaceId) {
        let made = self.o.world.act(&self.o.a1, draft([effect]), Some(space));
        self.relay.receive(&made.operation);
    }

    /// B leaves team one.
    fn remove_b(&mut self) {
        self.decide(remove_member(self.b), self.o.one.team);
    }

    fn counting(&self) -> Counting {
        self.counting_by(&self.relay)
    }

    fn counting_by(&self, receipts: &dyn Receipts) -> Counting {
        let logs = &self.o.world.logs;
        let state = &logs[&self.o.section];
        count(logs, state, &self.edits, receipts, &Suspended::new())
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let counting = self.counting();
        let ids = self.edits.iter().map(|edit| edit.id);
        ids.map(|id| counting.verdicts[&id]).collect()
    }
}

#[test]
fn rule_1_an_edit_counts_as_long_as_its_authors_right_has_no_known_end() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    d.write(&b1, &[]);
    d.write(&d1, &[]);
    assert_eq!(d.verdicts(), [Counts, Counts]);
    d.remove_b();
    assert_ne!(d.verdicts()[0], Counts);
    assert_eq!(d.verdicts()[1], Counts, "D's right has not ended");
}

#[test]
fn rule_1_a_right_ends_only_when_every_path_has_ended() {
    let mut d = desk();
    let b1 = TestDevice::new(2);
    let own = d.o.world.join(&d.o.a1, d.o.section, d.b, Role::Write);
    d.write(&b1, &[]);
    d.remove_b();
    assert_eq!(d.verdicts(), [Counts], "B still writes as a person");
    d.decide(crate::space::tests::making::remove(own), d.o.section);
    assert_eq!(d.verdicts(), [Provisional]);
}

#[test]
fn rule_1_a_reader_on_the_way_never_wrote() {
    let mut d = desk();
    let (r1, x1) = (TestDevice::new(6), TestDevice::new(7));
    let r = d.o.world.person(&r1, d.o.one.institution);
    d.o.world.join(&d.o.a1, d.o.one.team, r, Role::Read);
    d.o.world.person(&x1, d.o.one.institution);
    d.write(&r1, &[]);
    d.write(&x1, &[]);
    assert_eq!(d.verdicts(), [Held(NeverEntitled), Held(NeverEntitled)]);
    // A right that comes later does not reach back.
    let grant = d.o.world.grant(d.o.one.team, r);
    d.decide(set_role(grant, Role::Write), d.o.one.team);
    d.write(&r1, &[]);
    assert_eq!(d.verdicts()[0], Held(NeverEntitled));
    assert_eq!(d.verdicts()[2], Counts, "control");
}

#[test]
fn rule_2_whatever_a_counting_edit_builds_on_counts_directly_or_through_others() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let first = d.write(&b1, &[]);
    let second = d.write(&b1, &[first]);
    d.remove_b();
    let late = d.seal(&d.o.world, &b1, &[second]);
    let late = d.receive(late);
    assert_eq!(d.verdicts()[2], Held(NeverEntitled));
    d.write(&d1, &[late]);
    assert_eq!(d.verdicts(), [Vouched, Vouched, Vouched, Counts]);
}

#[test]
fn rule_2_snapshots_and_attests_vouch_for_nothing() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    d.remove_b();
    let held = d.write(&b1, &[]);
    for kind in [
        EnvelopeKind::Snapshot,
        EnvelopeKind::Attest,
        EnvelopeKind::Dispute,
    ] {
        d.write_kind(kind, &d1, &[held]);
    }
    assert_eq!(d.verdicts()[0], Held(NeverEntitled));
    assert_eq!(d.verdicts()[1], Held(CoversHeld));
    d.write(&d1, &[held]);
    assert_eq!(
        d.verdicts()[..2],
        [Vouched, Counts],
        "control: an edit does"
    );
}

#[test]
fn rule_3_what_was_received_before_the_end_counts_provisionally() {
    let mut d = desk();
    let b1 = TestDevice::new(2);
    let before = d.seal(&d.o.world, &b1, &[]);
    let after = CountedEnvelope {
        id: EnvelopeId(bytes(2)),
        ..before.clone()
    };
    let never = CountedEnvelope {
        id: EnvelopeId(bytes(3)),
        ..before.clone()
    };
    d.receive(before);
    d.remove_b();
    d.receive(after);
    d.keep(never);
    let ended = Held(AccessEnded);
    assert_eq!(d.verdicts(), [Provisional, ended, ended]);
    // An end without a receipt came later than whatever has one.
    let all = d.counting_by(&NoReceipts);
    let verdicts: Vec<Verdict> = d.edits.iter().map(|edit| all.verdicts[&edit.id]).collect();
    assert_eq!(verdicts, [Provisional, Provisional, ended]);
}

#[test]
fn rule_3_a_write_by_who_knew_the_end_and_did_not_build_on_it_holds_it() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let unaware = d.o.world.clone();
    let first = d.write(&b1, &[]);
    d.remove_b();
    // Who did not know of the end when writing says nothing about it.
    let blind = d.seal(&unaware, &d1, &[]);
    d.receive(blind);
    assert_eq!(d.verdicts(), [Provisional, Counts]);
    d.write_kind(EnvelopeKind::Snapshot, &d1, &[]);
    assert_eq!(d.verdicts()[0], Provisional, "a snapshot is no write");
    let mut vouching = d.edits.len();
    d.write(&d1, &[first]);
    assert_eq!(
        d.verdicts()[0],
        Vouched,
        "control: who builds on it vouches"
    );
    d.edits.remove(vouching);
    vouching = d.edits.len();
    d.write(&d1, &[]);
    assert_eq!(d.verdicts()[0], Held(AccessEnded));
    assert_eq!(d.verdicts()[vouching], Counts);
}

#[test]
fn rule_3_only_writes_of_the_same_journal_hold_it() {
    // Story 1: after a restore the edit returns to its old place; who wrote meanwhile had no
    // chance to see it.
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let first = d.write(&b1, &[]);
    d.write(&b1, &[first]);
    d.remove_b();
    d.relay.restored();
    d.write(&d1, &[]);
    assert_eq!(d.verdicts(), [Provisional, Provisional, Counts]);
    let mut same = desk();
    let first = same.write(&b1, &[]);
    same.write(&b1, &[first]);
    same.remove_b();
    same.write(&d1, &[]);
    let ended = Held(AccessEnded);
    assert_eq!(same.verdicts(), [ended, ended, Counts], "control");
}

#[test]
fn story_2_an_adopter_who_is_removed_leaves_no_hole() {
    let mut d = desk();
    let (a1, b1, x1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(7));
    let x = d.o.world.person(&x1, d.o.one.institution);
    d.o.world.join(&d.o.a1, d.o.one.team, x, Role::Write);
    let unaware = d.o.world.clone();
    d.decide(remove_member(x), d.o.one.team);
    let held = d.seal(&unaware, &x1, &[]);
    let held = d.receive(held);
    d.write(&a1, &[]);
    assert_eq!(d.verdicts()[0], Held(AccessEnded));
    let adoption = d.write(&b1, &[held]);
    let further = d.write(&b1, &[adoption]);
    assert_eq!(d.verdicts(), [Vouched, Counts, Counts, Counts]);
    d.remove_b();
    assert_eq!(d.verdicts(), [Vouched, Counts, Provisional, Provisional]);
    d.write(&a1, &[further]);
    assert_eq!(d.verdicts()[..4], [Vouched, Counts, Vouched, Vouched]);
}

#[test]
fn story_3_a_clone_is_reported_and_both_its_edits_count() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let first = d.write(&b1, &[]);
    assert_eq!(d.counting().clones, BTreeSet::new(), "control");
    let mut copy = d.seal(&d.o.world, &b1, &[]);
    copy.author_sequence = 1;
    let copy = d.receive(copy);
    d.write(&d1, &[first, copy]);
    d.write(&b1, &[first]);
    assert_eq!(d.verdicts(), [Counts; 4]);
    assert_eq!(d.counting().clones, BTreeSet::from([(b1.id, 1)]));
}

#[test]
fn story_4_a_right_that_comes_back_counts_without_what_was_held_and_that_can_be_adopted() {
    let mut d = desk();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let offline = d.o.world.clone();
    d.decide(set_role(d.b_grant, Role::Read), d.o.one.team);
    let late = d.seal(&offline, &b1, &[]);
    let late = d.receive(late);
    assert_eq!(d.verdicts(), [Held(AccessReduced)]);
    d.decide(set_role(d.b_grant, Role::Write), d.o.one.team);
    d.write(&b1, &[]);
    assert_eq!(d.verdicts(), [Held(AccessReduced), Counts]);
    d.write(&a1, &[late]);
    assert_eq!(d.verdicts(), [Vouched, Counts, Counts]);
}

#[test]
fn story_13_a_backdated_edit_shows_until_somebody_writes_who_knew() {
    // The relay lies: it gives the edit of a removed device a place before the removal.
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let mut backdated = d.seal(&d.o.world, &b1, &[]);
    backdated.received = Some(d.relay.next_place());
    d.remove_b();
    d.keep(backdated);
    assert_eq!(d.verdicts(), [Provisional]);
    d.write(&d1, &[]);
    assert_eq!(d.verdicts(), [Held(AccessEnded), Counts]);
}

#[test]
fn story_15_a_snapshot_over_an_edit_that_ceases_to_count_is_held_and_counts_again_once_adopted() {
    let mut d = desk();
    let (a1, b1, d1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let unaware = d.o.world.clone();
    let own = d.write(&d1, &[]);
    let theirs = d.write(&b1, &[]);
    let covers = d.seal(&unaware, &d1, &[own, theirs]);
    d.receive(CountedEnvelope {
        kind: EnvelopeKind::Snapshot,
        ..covers
    });
    let narrow = d.write_kind(EnvelopeKind::Snapshot, &d1, &[own]);
    assert_eq!(d.verdicts(), [Counts; 4]);
    d.remove_b();
    // Only what counts for good may be covered.
    assert_eq!(
        d.verdicts(),
        [Counts, Provisional, Held(CoversHeld), Counts]
    );
    assert_eq!(d.edits[3].id, narrow, "control: what covers less stays");
    let again = d.write(&a1, &[own]);
    assert_eq!(d.verdicts()[1..3], [Held(AccessEnded), Held(CoversHeld)]);
    d.write(&a1, &[again, theirs]);
    assert_eq!(d.verdicts()[1..3], [Vouched, Counts]);
}

#[test]
fn a_snapshot_of_somebody_whose_right_ended_stands_by_its_receipt() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let own = d.write(&d1, &[]);
    let late = d.seal(&d.o.world, &b1, &[own]);
    d.write_kind(EnvelopeKind::Snapshot, &b1, &[own]);
    d.remove_b();
    d.receive(CountedEnvelope {
        id: EnvelopeId(bytes(9)),
        kind: EnvelopeKind::Snapshot,
        ..late
    });
    assert_eq!(d.verdicts(), [Counts, Counts, Held(AccessEnded)]);
}

#[test]
fn a_reader_may_attest_and_dispute_but_makes_no_snapshot() {
    let mut d = desk();
    let (r1, d1) = (TestDevice::new(6), TestDevice::new(3));
    let r = d.o.world.person(&r1, d.o.one.institution);
    d.o.world.join(&d.o.a1, d.o.one.team, r, Role::Read);
    let own = d.write(&d1, &[]);
    let snapshot = d.write_kind(EnvelopeKind::Snapshot, &d1, &[own]);
    d.write_kind(EnvelopeKind::Attest, &r1, &[snapshot]);
    d.write_kind(EnvelopeKind::Dispute, &r1, &[snapshot]);
    d.write_kind(EnvelopeKind::Snapshot, &r1, &[own]);
    let never = Held(NeverEntitled);
    assert_eq!(d.verdicts(), [Counts, Counts, Counts, Counts, never]);
}

#[test]
fn a_void_overrides_everything_for_the_envelope_and_what_builds_on_it() {
    let mut d = desk();
    let (b1, d1) = (TestDevice::new(2), TestDevice::new(3));
    let base = d.write(&d1, &[]);
    let bad = d.write(&b1, &[base]);
    let child = d.write(&d1, &[bad]);
    d.write_kind(EnvelopeKind::Snapshot, &d1, &[child]);
    d.write(&d1, &[base]);
    assert_eq!(d.verdicts(), [Counts; 5], "control");
    let void = Effect::Void {
        envelopes: vec![bad],
        grants: vec![],
    };
    d.decide(void, d.o.section);
    let builds = Held(BuildsOnVoided);
    assert_eq!(d.verdicts(), [Counts, Held(Voided), builds, builds, Counts]);
    // Building on it anew does not bring it back.
    d.write(&d1, &[bad]);
    assert_eq!(d.verdicts()[1], Held(Voided));
    assert_eq!(d.verdicts()[5], builds);
}

#[test]
fn closing_ends_every_writers_right() {
    let mut d = desk();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let open = d.o.world.clone();
    d.write(&b1, &[]);
    d.decide(Effect::Close {}, d.o.section);
    let late = d.seal(&open, &b1, &[]);
    d.receive(late);
    d.write(&a1, &[]);
    let closed = Held(Closed);
    assert_eq!(d.verdicts(), [Provisional, closed, Held(NeverEntitled)]);
}

#[test]
fn an_erasure_counts_though_its_authors_access_has_ended_and_vouches_for_nothing() {
    let mut d = desk();
    let b1 = TestDevice::new(2);
    d.remove_b();
    let late = d.write(&b1, &[]);
    d.write_kind(EnvelopeKind::Erasure, &b1, &[late]);
    assert_eq!(d.verdicts(), [Held(NeverEntitled), Counts]);
}

#[test]
fn what_builds_on_pruned_edits_is_judged_without_them() {
    let mut d = desk();
    let d1 = TestDevice::new(3);
    let gone = EnvelopeId([9; 32]);
    let own = d.write(&d1, &[gone]);
    d.write_kind(EnvelopeKind::Snapshot, &d1, &[own]);
    assert_eq!(d.verdicts(), [Counts, Counts]);
    assert!(!d.counting().verdicts.contains_key(&gone));
}

/// A member whose right stands names what others said as a parent. (No relay takes that in; one that
/// lies serves it.) Otherwise an attest of somebody who was removed would count again by it.
#[test]
fn what_names_a_snapshot_or_an_attest_as_a_parent_vouches_for_neither_nor_for_what_it_covers() {
    let mut d = desk();
    let [b1, d1] = [2, 3].map(TestDevice::new);
    d.remove_b();
    let late = d.write(&b1, &[]);
    let snapshot = d.write_kind(EnvelopeKind::Snapshot, &b1, &[late]);
    let attest = d.write_kind(EnvelopeKind::Attest, &b1, &[snapshot]);
    d.write(&d1, &[snapshot, attest]);
    let held = Held(NeverEntitled);
    assert_eq!(d.verdicts(), [held, held, held, Counts]);
    d.write(&d1, &[late]);
    let verdicts = d.verdicts();
    assert_eq!(
        verdicts[0], Vouched,
        "control: who builds on the edit vouches"
    );
    assert_eq!(verdicts[1..3], [held, held]);
}

/// One random step: who writes what on which edits, with which receipt, and what is decided.
#[derive(Clone, Debug)]
struct Step {
    by: usize,
    parents: Vec<usize>,
    kind: usize,
    decision: u8,
    behind: bool,
    received: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let parents = prop::collection::vec(0..20_usize, 0..3);
    (
        0..3_usize,
        parents,
        0..6_usize,
        0..16_u8,
        any::<bool>(),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(by, parents, kind, decision, behind, received)| Step {
            by,
            parents,
            kind,
            decision,
            behind,
            received,
        })
}

/// Plays a history: writes by old and new knowledge, removals, reductions, voids, restores.
fn play(steps: &[Step]) -> Desk {
    let mut d = desk();
    let authors = [1, 2, 3].map(TestDevice::new);
    let unaware = d.o.world.clone();
    for step in steps {
        let state = &d.o.world.logs[&d.o.one.team];
        let live = state.grant(&d.b_grant).unwrap().ended.is_none();
        match step.decision {
            0 if live => d.remove_b(),
            1 if live && state.grant(&d.b_grant).unwrap().role == Role::Write => {
                d.decide(set_role(d.b_grant, Role::Read), d.o.one.team);
            }
            2 if !d.edits.is_empty() => {
                let envelopes = vec![d.edits[step.by % d.edits.len()].id];
                let grants = vec![];
                d.decide(Effect::Void { envelopes, grants }, d.o.section);
            }
            3 => d.relay.restored(),
            _ => {}
        }
        let parents: BTreeSet<EnvelopeId> = step
            .parents
            .iter()
            .filter_map(|place| d.edits.get(*place))
            .filter(|edit| edit.kind == EnvelopeKind::Changes)
            .map(|edit| edit.id)
            .collect();
        let parents: Vec<EnvelopeId> = parents.into_iter().collect();
        let world = if step.behind { &unaware } else { &d.o.world };
        let mut envelope = d.seal(world, &authors[step.by], &parents);
        if step.kind == 0 {
            envelope.kind = EnvelopeKind::Snapshot;
        }
        if step.received {
            d.receive(envelope);
        } else {
            d.keep(envelope);
        }
    }
    d
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_things_arrived_decides_nothing(
        (steps, order) in prop::collection::vec(step(), 1..18).prop_flat_map(|steps| {
            let order: Vec<usize> = (0..steps.len()).collect();
            (Just(steps), Just(order).prop_shuffle())
        }),
    ) {
        let mut d = play(&steps);
        let counting = d.counting();
        d.edits = order.iter().map(|place| d.edits[*place].clone()).collect();
        prop_assert_eq!(d.counting(), counting);
    }

    #[test]
    fn the_counting_edits_have_no_hole(steps in prop::collection::vec(step(), 1..18)) {
        let d = play(&steps);
        let counting = d.counting();
        for edit in d.edits.iter().filter(|edit| counting.verdicts[&edit.id].counts()) {
            for parent in &edit.parents {
                prop_assert!(counting.verdicts[parent].counts(), "{:?}", counting.verdicts);
            }
        }
    }
}

#[test]
fn random_histories_hold_every_verdict() {
    // Control: the properties above are about something.
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..80 {
        let steps = prop::collection::vec(step(), 10..18);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        for verdict in play(&steps).verdicts() {
            *seen.entry(format!("{verdict:?}")).or_default() += 1;
        }
    }
    let expected = [
        "Counts",
        "Vouched",
        "Provisional",
        "Held(AccessEnded)",
        "Held(AccessReduced)",
        "Held(NeverEntitled)",
        "Held(Voided)",
        "Held(BuildsOnVoided)",
        "Held(CoversHeld)",
    ];
    for verdict in expected {
        assert!(
            seen.get(verdict).is_some_and(|count| *count > 3),
            "{seen:?}"
        );
    }
}
