//! The access rules of the real replay against a reference of sets and recursion, over random
//! histories of nested additions, removals, changes of roles, rotations, closings, forks and heals;
//! and the same operations delivered to a new replica in other orders.
//!
//! `NAHTLOS_MODEL_CASES=2000 cargo test --release -p nahtlos-tests --test model_access` looks longer.

use nahtlos_tests::model::reference::{Device, Level, Party, Reference, Space, Step, founded};
use nahtlos_tests::model::replica::{
    DEVICES, INSTITUTION, PERSONS, Played, Replica, SECTION, TEAMS,
};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// What is tried next.
#[derive(Clone, Debug)]
enum Turn {
    /// One step by one device.
    Try(Device, Step),
    /// The relay forgets the first steps and takes the second; the device carries them back.
    Fork(Space, Vec<(Device, Step)>, Vec<(Device, Step)>, Device),
}

/// The reference, and what it said to the steps of the last turn.
#[derive(Clone, Debug)]
struct Said {
    reference: Reference,
    taken: Vec<bool>,
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![
        Just(Level::Read),
        Just(Level::Write),
        Just(Level::Manage),
        Just(Level::Administer)
    ]
}

fn spaces() -> Vec<Space> {
    let mut spaces = vec![INSTITUTION, SECTION];
    spaces.extend(PERSONS);
    spaces.extend(TEAMS);
    spaces
}

/// Additions of whom the kinds of space admit.
fn addition(space: Space) -> BoxedStrategy<Step> {
    let members: Vec<Space> = match space {
        INSTITUTION | SECTION => PERSONS.into_iter().chain(TEAMS).collect(),
        team if TEAMS.contains(&team) => PERSONS.to_vec(),
        _ => Vec::new(),
    };
    let party = if members.is_empty() {
        (0..DEVICES).prop_map(Party::Device).boxed()
    } else {
        prop::sample::select(members).prop_map(Party::Space).boxed()
    };
    (party, level())
        .prop_map(move |(party, level)| Step::Add {
            space,
            party,
            level,
        })
        .boxed()
}

fn step_in(space: Space) -> BoxedStrategy<Step> {
    let grant = 0..4_usize;
    let closing = if space == SECTION { 2 } else { 0 };
    prop_oneof![
        6 => addition(space),
        4 => grant.clone().prop_map(move |grant| Step::Remove { space, grant }),
        3 => (grant.clone(), level())
            .prop_map(move |(grant, level)| Step::SetRole { space, grant, level }),
        2 => grant.prop_map(move |grant| Step::Confirm { space, grant }),
        6 => Just(Step::Rotate { space }),
        closing => Just(Step::Close { space }),
    ]
    .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    prop::sample::select(spaces()).prop_flat_map(step_in)
}

/// Mostly those who may.
fn device() -> impl Strategy<Value = Device> {
    prop_oneof![5 => Just(0), 2 => Just(1), 1 => Just(2), 2 => Just(3), 1 => Just(4), 1 => Just(5)]
}

fn turn() -> impl Strategy<Value = Turn> {
    let fork = prop::sample::select(spaces()).prop_flat_map(|space| {
        let side = || prop::collection::vec((device(), step_in(space)), 1..4);
        (Just(space), side(), side(), 0..PERSONS.len())
    });
    prop_oneof![
        12 => (device(), step()).prop_map(|(by, step)| Turn::Try(by, step)),
        1 => fork.prop_map(|(space, lost, kept, healer)| Turn::Fork(space, lost, kept, healer)),
    ]
}

impl ReferenceStateMachine for Said {
    type State = Self;
    type Transition = Turn;

    fn init_state() -> BoxedStrategy<Self> {
        Just(opened()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Turn> {
        turn().boxed()
    }

    fn apply(mut said: Self, turn: &Turn) -> Self {
        said.taken = match turn {
            Turn::Try(by, step) => vec![said.reference.attempt(*by, step)],
            Turn::Fork(space, lost, kept, _) => {
                let fork = said.reference.places[space].clone();
                let mut there = said.reference.clone();
                let mut taken: Vec<bool> = lost
                    .iter()
                    .map(|(by, step)| there.attempt(*by, step))
                    .collect();
                let here = &mut said.reference;
                taken.extend(kept.iter().map(|(by, step)| here.attempt(*by, step)));
                said.reference.heal(*space, &fork, &there.places[space]);
                taken
            }
        };
        said
    }
}

/// Everything has an epoch before the first turn.
fn first_epochs() -> Vec<(Device, Step)> {
    let persons = PERSONS.into_iter().enumerate();
    let above = [(0, INSTITUTION), (0, TEAMS[0]), (1, TEAMS[1]), (0, SECTION)];
    let all = persons.chain(above);
    all.map(|(by, space)| (by, Step::Rotate { space }))
        .collect()
}

fn opened() -> Said {
    let mut reference = founded();
    for (by, step) in first_epochs() {
        assert!(reference.attempt(by, &step));
    }
    let taken = Vec::new();
    Said { reference, taken }
}

/// Tells the real world by which numbers the reference knows its epochs.
fn number_epochs(played: &mut Played, said: &Said) {
    let current = said.reference.places.iter().filter_map(|(space, place)| {
        let number = place.epoch.as_ref()?.number;
        Some((*space, number))
    });
    played.number_epochs(current);
}

struct Access;

impl StateMachineTest for Access {
    type SystemUnderTest = Played;
    type Reference = Said;

    fn init_test(said: &Said) -> Played {
        let mut played = Played::new();
        for (by, step) in first_epochs() {
            assert!(played.attempt(by, &step));
        }
        number_epochs(&mut played, said);
        played
    }

    fn apply(mut played: Played, said: &Said, turn: Turn) -> Played {
        let taken = match turn {
            Turn::Try(by, step) => vec![played.attempt(by, &step)],
            Turn::Fork(space, lost, kept, healer) => played.fork(space, &lost, &kept, healer),
        };
        assert_eq!(taken, said.taken, "which steps are allowed");
        number_epochs(&mut played, said);
        played
    }

    fn check_invariants(played: &Played, said: &Said) {
        for space in spaces() {
            for device in 0..DEVICES {
                let reference = &said.reference;
                let right = (
                    reference.writing_role(device, space),
                    reference.administers(device, space),
                );
                let found = played.right(device, space);
                assert_eq!(found, right, "device {device} in space {space}");
            }
            let stale = said.reference.is_stale(space);
            assert_eq!(played.is_stale(space), stale, "staleness of space {space}");
            let recipients = said.reference.recipients(space);
            assert_eq!(
                played.recipients(space),
                recipients,
                "recipients of {space}"
            );
        }
    }

    fn teardown(played: Played, _: Said) {
        for order in 0..3 {
            assert_same_in_another_order(&played, order);
        }
    }
}

/// Delivers every operation to a new replica, shuffled; what cannot be judged yet comes again.
fn assert_same_in_another_order(played: &Played, order: u64) {
    use nahtlos_protocol::space::authority::Logs;
    let mut waiting: Vec<_> = played.operations.iter().collect();
    waiting.sort_by_key(|signed| {
        let first = signed.id().0.first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first).rotate_left(order as u32 * 21)
    });
    let mut replica = Replica::empty(played.replica.network());
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|signed| !replica.deliver(signed).expect("everybody accepts it"));
        assert!(
            waiting.len() < before,
            "{} operations wait for ever",
            waiting.len()
        );
    }
    assert_eq!(replica.described(), played.replica.described());
}

fn cases(default: u32) -> u32 {
    let more = std::env::var("NAHTLOS_MODEL_CASES").ok();
    more.and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: cases(200), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_replay_grants_refuses_and_wraps_exactly_as_the_reference_says(sequential 1..24 => Access);
}

#[test]
fn random_histories_are_allowed_and_refused_stale_and_not_often_enough() {
    // Control: the property above is about something.
    use proptest::strategy::ValueTree;
    use std::collections::BTreeMap;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let mut healed = 0;
    for _ in 0..200 {
        let turns = prop::collection::vec(turn(), 24);
        let turns = turns.new_tree(&mut runner).unwrap().current();
        let mut said = opened();
        for turn in &turns {
            said = Said::apply(said, turn);
            if let Turn::Try(_, step) = turn {
                *seen.entry((name(step), said.taken[0])).or_default() += 1;
            } else {
                healed += usize::from(said.taken.contains(&true));
            }
        }
        for space in spaces() {
            *seen
                .entry(("stale", said.reference.is_stale(space)))
                .or_default() += 1;
        }
    }
    for what in [
        "add", "remove", "role", "confirm", "rotate", "close", "stale",
    ] {
        for yes in [false, true] {
            assert!(seen.get(&(what, yes)) > Some(&10), "{what} {yes}: {seen:?}");
        }
    }
    assert!(healed > 50, "{healed} forks");
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Add { .. } => "add",
        Step::Remove { .. } => "remove",
        Step::SetRole { .. } => "role",
        Step::Confirm { .. } => "confirm",
        Step::Rotate { .. } => "rotate",
        Step::Close { .. } => "close",
    }
}
