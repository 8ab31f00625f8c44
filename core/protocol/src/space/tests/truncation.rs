//! The space as it stood at an earlier length is what a replay of that length gives.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::heal::{Fork, before_a_fork};
use super::*;

/// One step of a random history of the section: who, what, whom.
#[derive(Clone, Debug)]
struct Step {
    by: bool,
    what: u8,
    which: usize,
    lost: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (
        any::<bool>(),
        0..12_u8,
        0..8_usize,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(by, what, which, lost)| Step {
            by,
            what,
            which,
            lost,
        })
}

fn drafted(world: &mut World, f: &Offices, step: &Step) -> Option<Draft> {
    let by = if step.by { &f.a1 } else { &f.c1 };
    let grants: Vec<GrantId> = world.logs[&f.section].live_grants().map(|g| g.id).collect();
    let grant = grants[step.which % grants.len()];
    let members = [f.one.person, f.one.team, f.two.person, f.two.team];
    let member = members[step.which % members.len()];
    let role = [Role::Read, Role::Write, Role::Manage][step.which % 3];
    Some(match step.what {
        0 => draft([remove(grant)]),
        1 => draft([remove_member(member)]),
        2 => draft([set_role(grant, role)]),
        3 => draft([set_role(grant, Role::Manage), set_role(grant, Role::Read)]),
        4 | 5 => draft([world.add(member, role)]),
        6 => {
            let add = world.add(member, role);
            draft([until(add, 900)]).wrap_missing(world.current_seed(by, f.section)?)
        }
        7 => draft([Effect::Expire { grant }]),
        8 => Draft::new().epoch(world.new_epoch(by, f.section)),
        9 => draft([Effect::Void {
            envelopes: vec![EnvelopeId(bytes(step.which as u64))],
            grants: if step.which < 4 { vec![] } else { vec![grant] },
        }]),
        10 => {
            let add = from_now(world.add(member, role));
            let grant = granted(&add);
            let number = world.next();
            let cut = NewEpoch {
                cut: true,
                ..by.fresh(number)
            };
            let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
            draft([add])
                .epoch(cut)
                .effect_after_epoch(confirm(grant, Some(key_id)))
                .wrap_missing(seed)
        }
        _ => {
            let key_id = world.logs[&f.section].current_epoch()?.key_id;
            let team = if step.by { f.one.team } else { f.two.team };
            let recipient = team.into();
            draft([Effect::BadWrap { key_id, recipient }])
        }
    })
}

/// Runs a history; returns the section's operations and how many there are.
fn run(f: &mut Fork, steps: &[Step]) -> Vec<Arc<SpaceState>> {
    let mut lengths = vec![f.o.world.logs[&f.o.section].clone()];
    for step in steps {
        let by = TestDevice::new(if step.by { 1 } else { 11 });
        let mut world = if step.lost {
            f.lost.clone()
        } else {
            f.o.world.clone()
        };
        let Some(draft) = drafted(&mut world, &f.o, step) else {
            continue;
        };
        let Ok(made) = world.prepare(&by, draft, Some(f.o.section)) else {
            continue;
        };
        if step.lost {
            f.lost = world;
            f.lost.take(&made);
            f.branch.push(f.relay.receive(&made.operation));
        } else {
            f.o.world = world;
            f.o.world.take(&made);
            lengths.push(f.o.world.logs[&f.o.section].clone());
        }
    }
    if !f.branch.is_empty() {
        let heal = f.heal();
        let heal = f.o.world.prepare(&f.o.a1, heal, Some(f.o.section));
        // Where the same was done on both sides it is not lost.
        if let Ok(heal) = heal {
            f.o.world.take(&heal);
            lengths.push(f.o.world.logs[&f.o.section].clone());
        }
    }
    lengths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_state_cut_back_to_any_earlier_length_is_the_state_of_that_length(
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let mut f = before_a_fork();
        let lengths = run(&mut f, &steps);
        let last = lengths.last().unwrap();
        for earlier in &lengths {
            let cut = last.truncated(earlier.length());
            prop_assert_eq!(format!("{cut:?}"), format!("{earlier:?}"));
        }
    }
}

#[test]
fn random_histories_are_long_and_hold_every_kind_of_step() {
    // Control: the property above is about something.
    let mut names = BTreeSet::new();
    let (mut longest, mut branches) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..40 {
        let steps = prop::collection::vec(step(), 8..14);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        let mut f = before_a_fork();
        let lengths = run(&mut f, &steps);
        let last = lengths.last().unwrap();
        longest = longest.max(lengths.len());
        branches += last.branches().len();
        for grant in last.grants() {
            names.insert(format!("{:?}", grant.ended.map(|end| end.reason)));
            names.insert(format!("changes {}", !grant.changes.is_empty()));
            names.insert(format!("cut {}", grant.cut.is_some()));
        }
        let reported = last
            .epochs()
            .iter()
            .any(|epoch| !epoch.bad_wraps.is_empty());
        names.insert(format!("reported {reported}"));
    }
    assert!(longest >= 6 && branches >= 10, "{longest} {branches}");
    assert!(names.len() >= 11, "{names:?}");
}
