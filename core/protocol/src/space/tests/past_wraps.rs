//! Wraps of an epoch of a healed branch that a cut separates from the current one: for those who read
//! from the beginning, and for nobody else.

use super::heal::{Fork, before_a_fork};
use super::*;

/// A wrote under an epoch that the relay lost with its wraps; before the branch was carried back somebody,
/// B, was let in from now.
struct CutOff {
    f: Fork,
    lost: EpochSeed,
    b1: TestDevice,
    b: SpaceId,
}

fn let_in_from_now(world: &mut World, by: &TestDevice, space: SpaceId, member: SpaceId) {
    let add = from_now(world.add(member, Role::Read));
    let grant = granted(&add);
    let number = world.next();
    let cut = NewEpoch {
        cut: true,
        ..by.fresh(number)
    };
    let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
    let flow = draft([add])
        .epoch(cut)
        .effect_after_epoch(confirm(grant, Some(key_id)))
        .wrap_missing(seed);
    world.act(by, flow, Some(space));
}

fn cut_off() -> CutOff {
    cut_off_after(|_| ())
}

fn cut_off_after(before: impl FnOnce(&mut Fork)) -> CutOff {
    let mut f = before_a_fork();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let b = f.o.world.person(&b1, f.o.two.institution);
    before(&mut f);
    f.lost = f.o.world.other();
    let epoch = f.lost.new_epoch(&f.o.a1, f.o.section);
    let lost = epoch.seed.clone();
    f.lose(&a1, Draft::new().epoch(epoch), f.o.section);
    f.o.a1.hold(&lost);
    forget_wraps(&mut f, &lost);
    let section = f.o.section;
    let_in_from_now(&mut f.o.world, &a1, section, b);
    f.carry();
    CutOff { f, lost, b1, b }
}

/// The wraps beside the branch's operations did not come back.
fn forget_wraps(f: &mut Fork, lost: &EpochSeed) {
    let key_id = KeyId(lost.key_id());
    f.o.world.wraps.retain(|wrap| !wrap.is_of(&key_id));
}

impl CutOff {
    fn key_id(&self) -> KeyId {
        KeyId(self.lost.key_id())
    }

    fn supply(&mut self) -> Prepared {
        let a1 = TestDevice::new(1);
        let wrap = Draft::new().wrap_missing(self.lost.clone());
        let section = self.f.o.section;
        // A has an own way to each key of today.
        self.f.o.world.open_all(&self.f.o.a1);
        self.f.o.world.open_all(&a1);
        self.f.o.world.act(&a1, wrap, Some(section))
    }

    fn holds(&self, device: &TestDevice) -> bool {
        self.f.o.world.open_all(device);
        device.holds(&self.key_id())
    }

    /// What replay says to a wrap of the lost epoch, by a program of A's that asks nobody.
    fn tries(&mut self, recipient: impl Into<RecipientId>, key: KeyId) -> Result<(), ReplayError> {
        self.tries_all(vec![(recipient.into(), key)])
    }

    fn tries_all(&mut self, recipients: Vec<(RecipientId, KeyId)>) -> Result<(), ReplayError> {
        let effect = wrap_effect(self.key_id(), recipients);
        let a1 = TestDevice::new(1);
        let world = &self.f.o.world;
        let references = |operation: &mut Operation| {
            let heads = world.logs.values().filter_map(|state| state.head());
            let others = heads.filter(|head| Some(head.space) != operation.space);
            operation.references = others.collect();
        };
        forge(world, &a1, self.f.o.section, references, vec![effect]).map(|_| ())
    }

    fn key_of(&self, space: SpaceId) -> KeyId {
        self.f.o.world.logs[&space].current_epoch().unwrap().key_id
    }
}

fn wrap_effect(key_id: KeyId, recipients: Vec<(RecipientId, KeyId)>) -> Effect {
    let recipients = recipients.into_iter().map(|(id, key)| Recipient {
        id,
        key,
        method: WrapMethod::Hybrid,
        wrap: recipients::wrap_hash(&[7]),
    });
    Effect::Wrap {
        key_id,
        recipients: recipients.collect(),
        suspended: vec![],
    }
}

fn named(prepared: &Prepared) -> BTreeSet<RecipientId> {
    let wrapped = recipients::wrapped_recipients(&prepared.operation);
    wrapped.map(|recipient| recipient.id).collect()
}

#[test]
fn who_reads_from_the_beginning_is_given_the_lost_key_and_who_came_from_now_is_not() {
    let mut w = cut_off();
    let c1 = TestDevice::new(11);
    assert!(!w.holds(&c1), "control: the branch's own wraps are lost");
    let before = format!("{:?}", w.f.o.world.logs[&w.f.o.section]);
    let made = w.supply();
    let teams = BTreeSet::from([w.f.o.one.team.into(), w.f.o.two.team.into()]);
    assert_eq!(named(&made), teams);
    assert!(w.holds(&c1));
    let b1 = TestDevice::new(2);
    assert!(!w.holds(&b1), "B was let in from now");
    assert!(w.f.o.world.opens(&b1, w.f.o.section), "control: B reads on");
    // Nothing is left to be supplied, and what was is not supplied again.
    let (one, key) = (w.f.o.one.team, w.key_of(w.f.o.one.team));
    let again = contradiction("Wrap", "the recipient has a wrap already");
    assert_eq!(w.tries(one, key), Err(again));
    let state = &w.f.o.world.logs[&w.f.o.section];
    let none = Suspended::new();
    let missing =
        past::missing_past_wraps(&w.f.o.world.logs, state, &w.key_id(), View::NEWEST, &none);
    assert!(missing.unwrap().is_empty());
    // The present key is as usable as before, and the state of before is found again.
    assert_eq!(w.f.o.world.staleness(w.f.o.section), None);
    assert_eq!(format!("{:?}", state.truncated(state.length() - 1)), before);
}

#[test]
fn a_wrap_of_a_lost_key_to_anybody_else_is_refused() {
    let mut w = cut_off();
    let two = w.f.o.two.team;
    let (b, b_key) = (w.b, w.key_of(w.b));
    assert_eq!(w.tries(b, b_key), Err(ReplayError::NotExact), "from now");
    let b1 = w.b1.id;
    assert_eq!(w.tries(b1, KeyId(b1.0)), Err(ReplayError::NotExact));
    // With the whole history, but after the cut.
    let a1 = TestDevice::new(1);
    let d1 = TestDevice::new(12);
    let d = w.f.o.world.person(&d1, w.f.o.two.institution);
    let section = w.f.o.section;
    w.f.o.world.join(&a1, section, d, Role::Manage);
    let d_key = w.key_of(d);
    assert_eq!(w.tries(d, d_key), Err(ReplayError::NotExact));
    // Nobody, twice the same, another key, an outsider.
    assert_eq!(w.tries_all(vec![]), Err(ReplayError::NotExact));
    let key = w.key_of(two);
    let twice = vec![(two.into(), key), (two.into(), key)];
    assert_eq!(w.tries_all(twice), Err(ReplayError::NotExact));
    assert_eq!(w.tries(two, d_key), Err(ReplayError::NotExact));
    let x1 = TestDevice::new(3);
    w.f.o.world.person(&x1, w.f.o.one.institution);
    let by_outsider = wrap_effect(w.key_id(), vec![(two.into(), key)]);
    let tried = w.f.o.world.attempt(&x1, vec![by_outsider], section);
    assert_eq!(refusal(tried), not_entitled("Wrap"));
    assert_eq!(w.tries(two, key), Ok(()), "control");
    // Removed: their key leads nowhere any more.
    w.f.o
        .world
        .act(&a1, draft([remove_member(two)]), Some(section));
    assert_eq!(w.tries(two, key), Err(ReplayError::NotExact));
}

/// Their own cut came first: the lost epoch is part of what they were let in to.
#[test]
fn who_came_from_now_before_the_branch_left_is_given_the_lost_key() {
    let (a1, d1) = (TestDevice::new(1), TestDevice::new(12));
    let mut w = cut_off_after(|f| {
        let d = f.o.world.person(&d1, f.o.two.institution);
        let section = f.o.section;
        let_in_from_now(&mut f.o.world, &a1, section, d);
    });
    let first = w.f.o.world.logs[&w.f.o.section].epochs()[0].key_id;
    w.supply();
    assert!(w.holds(&d1));
    assert!(
        !d1.holds(&first),
        "control: nothing from before their own cut"
    );
    assert!(!w.holds(&TestDevice::new(2)), "B came by the later one");
}

#[test]
fn who_was_let_in_again_after_the_cut_does_not_come_to_the_lost_key() {
    let mut w = cut_off();
    let (a1, section, two) = (TestDevice::new(1), w.f.o.section, w.f.o.two.team);
    let mut again = w.f.o.world.add(two, Role::Write);
    if let Effect::Add { history, .. } = &mut again {
        *history = History::Full;
    }
    let flow = draft([remove_member(two), again]);
    w.f.o.world.act(&a1, flow, Some(section));
    let key = w.key_of(two);
    assert_eq!(w.tries(two, key), Err(ReplayError::NotExact));
}

#[test]
fn a_team_into_which_somebody_came_from_now_is_not_given_the_lost_key() {
    let mut w = cut_off();
    let (c1, d1) = (TestDevice::new(11), TestDevice::new(12));
    let d = w.f.o.world.person(&d1, w.f.o.two.institution);
    w.f.o.world.open_all(&c1);
    let two = w.f.o.two.team;
    let_in_from_now(&mut w.f.o.world, &c1, two, d);
    assert!(w.f.o.world.opens(&d1, two), "control: D is in the team");
    let key = w.key_of(two);
    assert_eq!(w.tries(two, key), Err(ReplayError::NotExact));
    assert_eq!(named(&w.supply()), BTreeSet::from([w.f.o.one.team.into()]));
    for device in [&d1, &c1] {
        assert!(!w.holds(device));
    }
}

#[test]
fn a_team_of_somebody_whose_further_device_came_from_now_is_not_given_the_lost_key() {
    let mut w = cut_off();
    let (c1, c2) = (TestDevice::new(11), TestDevice::new(13));
    let (person, two) = (w.f.o.two.person, w.f.o.two.team);
    let add = from_now(w.f.o.world.add_device(&c2, Some(person)));
    let grant = granted(&add);
    let cut = NewEpoch {
        cut: true,
        ..c1.fresh(77)
    };
    let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
    let flow = draft([add])
        .epoch(cut)
        .effect_after_epoch(confirm(grant, Some(key_id)))
        .wrap_missing(seed);
    w.f.o.world.act(&c1, flow, Some(person));
    w.f.o.world.rotate(&c1, two);
    assert!(w.f.o.world.opens(&c2, two), "control: it is in the team");
    let key = w.key_of(two);
    assert_eq!(w.tries(two, key), Err(ReplayError::NotExact));
    assert_eq!(named(&w.supply()), BTreeSet::from([w.f.o.one.team.into()]));
    assert!(!w.holds(&c2));
}

#[test]
fn a_team_that_has_another_key_since_is_given_the_lost_key_under_that_one_too() {
    let mut w = cut_off();
    w.supply();
    let (c1, two) = (TestDevice::new(11), w.f.o.two.team);
    let old = w.key_of(two);
    w.f.o.world.rotate(&c1, two);
    assert_eq!(w.tries(two, old), Err(ReplayError::NotExact));
    assert_eq!(named(&w.supply()), BTreeSet::from([two.into()]));
}

#[test]
fn only_a_lost_key_that_a_cut_separates_is_wrapped_that_way() {
    let unusable = Err(contradiction(
        "Wrap",
        "it is not for the current epoch, or that is stale",
    ));
    // An earlier epoch of the log itself, whose wraps are beside it.
    let mut w = cut_off();
    let (two, key) = (w.f.o.two.team, w.key_of(w.f.o.two.team));
    let first = w.f.o.world.logs[&w.f.o.section].epochs()[0].key_id;
    let of_log = wrap_effect(first, vec![(two.into(), key)]);
    let a1 = TestDevice::new(1);
    let tried = w.f.o.world.attempt(&a1, vec![of_log], w.f.o.section);
    assert_eq!(tried.map(|_| ()), unusable);
    assert_eq!(w.tries(two, key), Ok(()), "control");
    // A branch that no cut separates: it is linked.
    let mut f = before_a_fork();
    let epoch = f.lost.new_epoch(&f.o.a1, f.o.section);
    let lost = KeyId(epoch.seed.key_id());
    f.lose(&a1, Draft::new().epoch(epoch), f.o.section);
    f.carry();
    let key = f.o.world.logs[&f.o.two.team]
        .current_epoch()
        .unwrap()
        .key_id;
    let linked = wrap_effect(lost, vec![(f.o.two.team.into(), key)]);
    let tried = f.o.world.attempt(&a1, vec![linked], f.o.section);
    assert_eq!(tried.map(|_| ()), unusable);
}

#[test]
fn one_operation_wraps_to_nobody_twice() {
    let mut w = cut_off();
    let a1 = TestDevice::new(1);
    let (section, two) = (w.f.o.section, w.f.o.two.team);
    let key = w.key_of(two);
    let past = wrap_effect(w.key_id(), vec![(two.into(), key)]);
    let epoch = w.f.o.world.new_epoch(&a1, section);
    let both = Draft::new().epoch(epoch).effect_after_epoch(past);
    let tried = w.f.o.world.attempt_draft(&a1, both, section);
    let twice = contradiction("Wrap", "one operation wraps to nobody twice");
    assert_eq!(refusal(tried), twice);
}

/// The cut is on the branch alone. Who held a right where the branch left is covered, whoever came since is
/// not. The lost epoch leads back to the present one: whoever is given it makes that stale when they leave.
#[test]
fn where_the_cut_is_on_the_branch_alone_who_stood_at_the_fork_is_given_the_lost_key() {
    let a1 = TestDevice::new(1);
    let mut f = before_a_fork();
    let (section, one, two) = (f.o.section, f.o.one.team, f.o.two.team);
    let [b1, d1, e1] = [2, 12, 14].map(TestDevice::new);
    let [b, d, e] = [&b1, &d1, &e1].map(|device| f.o.world.person(device, f.o.two.institution));
    // D has a right, and no wrap yet.
    f.o.world.join_again(&a1, section, d, Role::Read);
    f.lost = f.o.world.other();
    let epoch = f.lost.new_epoch(&a1, section);
    let lost = epoch.seed.clone();
    // A program that wrapped it to nobody but A's team: what a branch wrapped to is not checked.
    let made = f
        .lost
        .prepare(&a1, Draft::new().epoch(epoch), Some(section));
    let made = made.unwrap().operation;
    let mut body = made.operation().clone();
    for effect in &mut body.effects {
        if let Effect::Epoch { recipients, .. } = effect {
            recipients.retain(|recipient| recipient.id == one.into());
        }
    }
    let signed = SignedOperation::sign(body, &a1.keys.signing);
    f.branch.push(f.relay.receive(&signed));
    let add = from_now(f.lost.add(b, Role::Read));
    let cut = Effect::Epoch {
        key_id: KeyId([9; 32]),
        kem: None,
        previous: Some(KeyId(lost.key_id())),
        link: None,
        label: None,
        recipients: vec![],
        cut: true,
        suspended: vec![],
    };
    let follow = |operation: &mut Operation| {
        operation.index += 1;
        operation.previous = Some(signed.id());
        let heads = f.lost.logs.values().filter_map(|state| state.head());
        operation.references = heads.filter(|head| head.space != section).collect();
    };
    let later = forged(&f.lost, &a1, section, follow, vec![add, cut]);
    f.branch.push(f.relay.receive(&later));
    f.o.world.join_again(&a1, section, e, Role::Read);
    f.carry();
    a1.hold(&lost);
    assert!(
        !f.o.world.logs[&section]
            .epochs()
            .iter()
            .any(|epoch| epoch.cut)
    );
    assert_eq!(f.o.world.staleness(section), None, "control");
    let supply = Draft::new().wrap_missing(lost);
    let made = f.o.world.act(&a1, supply, Some(section));
    let expected = BTreeSet::from([one.into(), two.into(), d.into()]);
    assert_eq!(named(&made), expected, "neither B nor E");
    assert!(f.o.world.opens(&d1, section), "it leads to the present one");
    assert!(!f.o.world.opens(&e1, section));
    f.o.world.act(&a1, draft([remove_member(d)]), Some(section));
    let former = Staleness::KnownToFormer { former: d.into() };
    assert_eq!(f.o.world.staleness(section), Some(former));
}

/// A network knows its institutions, and not who is in them.
#[test]
fn in_a_network_nobody_is_given_a_lost_key_that_way() {
    let mut f = before_a_fork();
    let (a1, network) = (TestDevice::new(1), f.network);
    let three = f.o.world.institution(&TestDevice::new(21));
    f.o.world.rotate(&a1, network);
    f.lost = f.o.world.other();
    let epoch = f.lost.new_epoch(&a1, network);
    let lost = KeyId(epoch.seed.key_id());
    f.lose(&a1, Draft::new().epoch(epoch), network);
    let_in_from_now(&mut f.o.world, &a1, network, three.institution);
    let branch = f.branch.clone();
    let heal = draft([Effect::Heal { branch }]);
    f.o.world.act(&a1, heal, Some(network));
    let state = &f.o.world.logs[&network];
    assert!(
        state.past_ends_at(&lost).is_some(),
        "control: it is cut off"
    );
    let two = f.o.two.institution;
    let key = f.o.world.logs[&two].current_epoch().unwrap().key_id;
    let effect = wrap_effect(lost, vec![(two.into(), key)]);
    let tried = f.o.world.attempt(&a1, vec![effect], network);
    assert_eq!(refusal(tried), ReplayError::NotExact);
}
