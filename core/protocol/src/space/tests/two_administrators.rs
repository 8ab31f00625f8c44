//! Where an institution says that it takes two administrators to make one.

use super::*;
use crate::crypto::test_random::TestRandom;
use rand_core::Rng;

fn policy(administrators: u8, compares: bool) -> Effect {
    Effect::Policy {
        administrators,
        compares,
    }
}

/// A (two devices) and B manage the institution, K administers it without keys; C works there.
struct Office {
    world: World,
    one: Institution,
    a1: TestDevice,
    a2: TestDevice,
    b1: TestDevice,
    c1: TestDevice,
    b: SpaceId,
    c: SpaceId,
}

fn office() -> Office {
    let mut world = World::new();
    let [a1, a2, b1, k1, c1] = [1, 2, 3, 4, 5].map(TestDevice::new);
    let one = world.institution(&a1);
    world.enrol(&a1, &a2, one.person);
    let [b, c] = [&b1, &c1].map(|device| world.person(device, one.institution));
    world.join(&a1, one.institution, b, Role::Manage);
    world.custodian(&a1, &k1, one.institution);
    Office {
        world,
        one,
        a1,
        a2,
        b1,
        c1,
        b,
        c,
    }
}

fn office_of_two() -> Office {
    let mut o = office();
    let institution = o.one.institution;
    o.world
        .act(&o.a1, draft([policy(2, false)]), Some(institution));
    o
}

impl Office {
    fn try_as(&mut self, device: &TestDevice, effect: Effect) -> Result<SpaceState, ReplayError> {
        let institution = self.one.institution;
        self.world.attempt(device, vec![effect], institution)
    }

    fn act_as(&mut self, device: &TestDevice, effects: Vec<Effect>) {
        let institution = self.one.institution;
        self.world.act(device, draft(effects), Some(institution));
    }

    /// A adds C as somebody who manages.
    fn proposed(&mut self) -> GrantId {
        let add = self.world.add(self.c, Role::Manage);
        let grant = granted(&add);
        let a1 = TestDevice::new(1);
        self.act_as(&a1, vec![add]);
        grant
    }

    fn manages(&self, device: &TestDevice) -> bool {
        self.world.right(device, self.one.institution).manages
    }

    fn policy(&self) -> (u8, bool) {
        let policy = self.world.logs[&self.one.institution].policy();
        (policy.administrators, policy.compares)
    }
}

#[test]
fn where_it_takes_two_an_added_administrator_waits_for_another_one_than_who_added() {
    let mut o = office();
    let grant = o.proposed();
    assert!(o.manages(&o.c1), "control: one is enough at first");
    o.act_as(&TestDevice::new(1), vec![remove(grant)]);

    o.act_as(&TestDevice::new(1), vec![policy(2, false)]);
    let grant = o.proposed();
    assert!(!o.manages(&o.c1));
    assert!(!o.world.opens(&o.c1, o.one.institution), "and holds no key");
    // Neither the same device, nor another one of the same person, nor who holds no key, nor C.
    for number in [1, 2, 4, 5] {
        let tried = o.try_as(&TestDevice::new(number), confirm(grant, None));
        assert_eq!(refusal(tried), not_entitled("Confirm"), "device {number}");
    }
    o.act_as(&TestDevice::new(3), vec![confirm(grant, None)]);
    assert!(o.manages(&o.c1));
}

#[test]
fn where_it_takes_two_adding_and_confirming_in_one_operation_is_refused() {
    let mut o = office_of_two();
    let add = o.world.add(o.c, Role::Manage);
    let effects = vec![add.clone(), confirm(granted(&add), None)];
    let tried = o.world.attempt(&o.a1, effects, o.one.institution);
    assert_eq!(refusal(tried), not_entitled("Confirm"));
    assert!(o.try_as(&TestDevice::new(1), add).is_ok(), "control");
}

#[test]
fn where_it_takes_two_a_keyless_administrator_waits_too_and_nobody_is_raised_or_brought_by_a_team()
{
    let mut o = office_of_two();
    let add = o.world.add(o.c, Role::Administer);
    let grant = granted(&add);
    o.act_as(&TestDevice::new(4), vec![add]);
    assert!(!o.world.right(&o.c1, o.one.institution).administer);
    let own = o.try_as(&TestDevice::new(4), confirm(grant, None));
    assert_eq!(refusal(own), not_entitled("Confirm"));
    o.act_as(&TestDevice::new(3), vec![confirm(grant, None)]);
    assert!(o.world.right(&o.c1, o.one.institution).administer);

    let write = o.world.add(o.c, Role::Write);
    let writes = granted(&write);
    o.act_as(&TestDevice::new(1), vec![write]);
    let raised = refusal(o.try_as(&TestDevice::new(1), set_role(writes, Role::Manage)));
    assert_eq!(
        raised,
        contradiction(
            "SetRole",
            "it takes two administrators to make one: add a grant instead"
        )
    );
    let lowered = o.try_as(&TestDevice::new(1), set_role(writes, Role::Read));
    assert!(lowered.is_ok(), "control");
    let team = o.world.add(o.one.team, Role::Manage);
    let brought = refusal(o.try_as(&TestDevice::new(1), team));
    assert_eq!(
        brought,
        contradiction(
            "Add",
            "where it takes two administrators to make one, only a person is one"
        )
    );
    let read = o.world.add(o.one.team, Role::Read);
    assert!(o.try_as(&TestDevice::new(1), read).is_ok(), "control");
}

#[test]
fn the_rule_of_two_begins_only_where_two_people_manage_and_everybody_who_does_is_a_person() {
    let mut o = office();
    let b = o.world.grant(o.one.institution, o.b);
    o.act_as(&TestDevice::new(1), vec![remove(b)]);
    let alone = o.try_as(&TestDevice::new(1), policy(2, false));
    assert!(matches!(refusal(alone), ReplayError::Contradiction { .. }));
    let add = o.world.add(o.b, Role::Manage);
    o.act_as(&TestDevice::new(1), vec![add]);
    assert!(
        o.try_as(&TestDevice::new(1), policy(2, false)).is_ok(),
        "control"
    );

    let team = o.world.add(o.one.team, Role::Manage);
    let grant = granted(&team);
    o.act_as(&TestDevice::new(1), vec![team]);
    assert!(o.try_as(&TestDevice::new(1), policy(2, false)).is_err());
    o.act_as(&TestDevice::new(1), vec![remove(grant)]);
    // K added D, whom no key holder confirmed yet: afterwards it would take another one than K.
    let d = o.world.person(&TestDevice::new(6), o.one.institution);
    let add = o.world.add(d, Role::Manage);
    o.act_as(&TestDevice::new(4), vec![add]);
    assert!(o.try_as(&TestDevice::new(1), policy(2, false)).is_err());
}

#[test]
fn a_policy_is_the_institutions_its_managers_say_it_and_it_says_something_new() {
    let mut o = office();
    let keyless = o.try_as(&TestDevice::new(4), policy(1, true));
    assert_eq!(refusal(keyless), not_entitled("Policy"));
    let tried = o.world.attempt(&o.a1, vec![policy(1, true)], o.one.team);
    assert_eq!(
        refusal(tried),
        contradiction("Policy", "only an institution has one")
    );
    for number in [0, 3, 255] {
        let tried = o.try_as(&TestDevice::new(1), policy(number, false));
        assert_eq!(
            refusal(tried),
            contradiction("Policy", "one administrator or two")
        );
    }
    let same = o.try_as(&TestDevice::new(1), policy(1, false));
    assert_eq!(refusal(same), contradiction("Policy", "it changes nothing"));
    o.act_as(&TestDevice::new(1), vec![policy(1, true)]);
    assert_eq!(o.policy(), (1, true));
    o.act_as(&TestDevice::new(3), vec![policy(1, false)]);
    assert_eq!(o.policy(), (1, false), "one is enough at first");
}

#[test]
fn where_it_takes_two_a_change_of_the_policy_takes_two_as_well() {
    let mut o = office_of_two();
    o.act_as(&TestDevice::new(1), vec![policy(1, false)]);
    assert_eq!(o.policy(), (2, false));
    o.act_as(&TestDevice::new(2), vec![policy(1, false)]);
    assert_eq!(o.policy(), (2, false), "another device of the same person");
    o.act_as(&TestDevice::new(3), vec![policy(1, true)]);
    assert_eq!(
        o.policy(),
        (2, false),
        "B says something else: a proposal of its own"
    );
    o.act_as(&TestDevice::new(1), vec![policy(1, true)]);
    assert_eq!(o.policy(), (1, true), "A says what B said");
    assert!(o.world.logs[&o.one.institution].proposed_policy().is_none());
}

#[test]
fn a_proposed_policy_can_be_dropped_by_one() {
    let mut o = office_of_two();
    o.act_as(&TestDevice::new(1), vec![policy(1, false)]);
    o.act_as(&TestDevice::new(3), vec![policy(2, false)]);
    o.act_as(&TestDevice::new(3), vec![policy(1, false)]);
    assert_eq!(
        o.policy(),
        (2, false),
        "what was dropped is no word of A's any more"
    );
}

#[test]
fn where_it_takes_two_the_last_but_one_administrator_stays() {
    let mut o = office_of_two();
    let b = o.world.grant(o.one.institution, o.b);
    let refused = refusal(o.try_as(&TestDevice::new(1), remove(b)));
    assert_eq!(
        refused,
        contradiction(
            "Remove",
            "it would leave one administrator where it takes two to make one: make another one first"
        )
    );
    let lowered = o.try_as(&TestDevice::new(1), set_role(b, Role::Read));
    assert!(lowered.is_err());
    let grant = o.proposed();
    assert!(
        o.try_as(&TestDevice::new(1), remove(b)).is_err(),
        "C waits still"
    );
    o.act_as(&TestDevice::new(3), vec![confirm(grant, None)]);
    assert!(o.try_as(&TestDevice::new(1), remove(b)).is_ok());
}

/// One administrator revokes the other one's device, adds one of their own in its place, and would be two.
#[test]
fn where_it_takes_two_nobody_becomes_the_other_administrator_by_a_device_of_their_own() {
    for takes_two in [false, true] {
        let mut o = if takes_two { office_of_two() } else { office() };
        let x1 = TestDevice::new(7);
        let add = o.world.add_device(&x1, Some(o.b));
        let grant = granted(&add);
        let effects = draft([remove_member(o.b1.id), add]);
        o.world.act(&o.a1, effects, Some(o.b));
        let above = draft([confirm(grant, None)]).after(o.one.institution);
        let tried = o.world.attempt_draft(&o.a1, above, o.b);
        if takes_two {
            assert_eq!(refusal(tried), not_entitled("Confirm"));
        } else {
            assert!(
                tried.is_ok(),
                "control: one is enough where the policy does not ask for two"
            );
        }
    }
}

#[test]
fn where_it_takes_two_a_person_without_devices_is_brought_back_by_two() {
    let mut o = office_of_two();
    let institution = o.one.institution;
    o.world.join(&o.a1, institution, o.c, Role::Read);
    let x1 = TestDevice::new(7);
    let add = o.world.add_device(&x1, Some(o.c));
    let grant = granted(&add);
    let effects = draft([remove_member(o.c1.id), add]);
    o.world.act(&o.a1, effects, Some(o.c));
    let above = || draft([confirm(grant, None)]).after(institution);
    let same_person = o.world.attempt_draft(&o.a2, above(), o.c);
    assert_eq!(refusal(same_person), not_entitled("Confirm"));
    o.world.act(&o.b1, above(), Some(o.c));
    assert_eq!(o.world.right(&x1, o.c).role, Some(Role::Manage));
}

#[test]
fn a_policy_is_as_it_was_at_an_earlier_length_of_the_log() {
    let mut o = office();
    let before = o.world.logs[&o.one.institution].length();
    o.act_as(&TestDevice::new(1), vec![policy(2, false)]);
    o.act_as(&TestDevice::new(1), vec![policy(1, false)]);
    let state = &o.world.logs[&o.one.institution];
    assert!(!state.policy_at(before).takes_two());
    assert!(state.policy_at(before + 1).takes_two());
    assert!(state.proposed_policy().is_some(), "control");
    let earlier = state.truncated(before + 1);
    assert!(earlier.policy().takes_two() && earlier.proposed_policy().is_none());
    assert!(!state.truncated(before).policy().takes_two());
}

#[test]
fn what_a_lost_branch_made_stricter_holds_with_the_heal_and_what_it_loosened_does_not() {
    for manages in [true, false] {
        let mut f = heal::before_a_fork();
        let (a1, institution) = (TestDevice::new(1), f.o.one.institution);
        let b1 = TestDevice::new(3);
        let b = f.o.world.person(&b1, institution);
        f.o.world.join(&a1, institution, b, Role::Manage);
        f.lost = f.o.world.other();
        f.lose(&a1, draft([policy(2, true)]), institution);
        if manages {
            f.o.world.rotate(&a1, institution);
        } else {
            f.o.world
                .act(&a1, draft([remove_member(b)]), Some(institution));
        }
        let heal = f.heal();
        f.o.world.act(&a1, heal, Some(institution));
        let state = &f.o.world.logs[&institution];
        assert_eq!(state.policy().takes_two(), manages, "only where two manage");
        assert!(state.policy().compares);
    }
    let mut f = heal::before_a_fork();
    let (a1, institution) = (TestDevice::new(1), f.o.one.institution);
    f.o.world
        .act(&a1, draft([policy(1, true)]), Some(institution));
    f.lost = f.o.world.other();
    f.lose(&a1, draft([policy(1, false)]), institution);
    f.o.world.rotate(&a1, institution);
    let heal = f.heal();
    f.o.world.act(&a1, heal, Some(institution));
    assert!(f.o.world.logs[&institution].policy().compares);
}

/// What the rule says, by persons alone.
#[derive(Default)]
struct Model {
    managing: BTreeSet<usize>,
    waiting: BTreeMap<usize, usize>,
    takes_two: bool,
    proposed: Option<usize>,
}

/// Persons by number; A (0) has the devices 1 and 2.
fn person_of(device: u8) -> usize {
    match device {
        1 | 2 => 0,
        other => usize::from(other) - 2,
    }
}

#[test]
fn random_histories_go_as_a_model_of_persons_says_and_nobody_manages_by_one_word() {
    let mut by_two = 0;
    for run in 0..12 {
        let mut random = TestRandom::new(run);
        let mut o = office();
        let institution = o.one.institution;
        let d = o.world.person(&TestDevice::new(6), institution);
        // Persons 0 A, 1 B, 2 K (keyless: takes no part), 3 C, 4 D, with the devices 1 2, 3, 4, 5, 6.
        let spaces = [o.one.person, o.b, o.b, o.c, d];
        let mut grants: BTreeMap<usize, GrantId> = BTreeMap::new();
        let mut model = Model {
            managing: BTreeSet::from([0, 1]),
            ..Model::default()
        };
        for _ in 0..40 {
            let mut pick = |number: u32| random.next_u32() % number;
            let device = [1, 2, 3, 5, 6][pick(5) as usize];
            let (by, author) = (person_of(device), TestDevice::new(device));
            let target = [3, 4][pick(2) as usize];
            let manages = model.managing.contains(&by);
            let (effect, allowed) = match pick(4) {
                0 => {
                    let two = pick(2) == 0;
                    let drops = two && model.takes_two && model.proposed.is_some();
                    let allowed = manages && (two != model.takes_two || drops);
                    (policy(if two { 2 } else { 1 }, false), allowed)
                }
                1 if !model.managing.contains(&target) && !model.waiting.contains_key(&target) => {
                    let add = o.world.add(spaces[target], Role::Manage);
                    grants.insert(target, granted(&add));
                    (add, manages)
                }
                2 if model.waiting.contains_key(&target) => {
                    let other = !model.takes_two || model.waiting[&target] != by;
                    (confirm(grants[&target], None), manages && other)
                }
                3 if model.managing.contains(&target) => {
                    let left = model.managing.len() - 1;
                    let enough = left >= if model.takes_two { 2 } else { 1 };
                    (remove(grants[&target]), manages && enough)
                }
                _ => continue,
            };
            let starts_two = matches!(
                &effect,
                Effect::Policy {
                    administrators: 2,
                    ..
                }
            );
            let waits_early = starts_two && !model.takes_two && !model.waiting.is_empty();
            let enough = model.managing.len() > 1 || !starts_two || model.takes_two;
            let allowed = allowed && !waits_early && enough;
            let tried = o.world.attempt(&author, vec![effect.clone()], institution);
            assert_eq!(tried.is_ok(), allowed, "run {run}: {effect:?} by {device}");
            if !allowed {
                continue;
            }
            o.act_as(&author, vec![effect.clone()]);
            match effect {
                Effect::Policy {
                    administrators: 2, ..
                } => {
                    model.takes_two = true;
                    model.proposed = None;
                }
                Effect::Policy { .. } => match model.proposed {
                    Some(other) if other != by => {
                        model.takes_two = false;
                        model.proposed = None;
                    }
                    _ => model.proposed = Some(by),
                },
                Effect::Add { .. } if model.takes_two => {
                    model.waiting.insert(target, by);
                }
                Effect::Add { .. } => {
                    model.managing.insert(target);
                }
                Effect::Confirm { .. } => {
                    model.waiting.remove(&target);
                    model.managing.insert(target);
                    by_two += 1;
                }
                _ => {
                    model.managing.remove(&target);
                }
            }
            for (number, device) in [(0, 1), (0, 2), (1, 3), (3, 5), (4, 6)] {
                let manages = o.manages(&TestDevice::new(device));
                assert_eq!(manages, model.managing.contains(&number), "person {number}");
            }
        }
    }
    assert!(by_two > 10, "only {by_two} were made by two");
}
