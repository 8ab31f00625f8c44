//! A relay was restored from a backup and forgot operations: the lost branch is carried back.

use super::*;

/// A network with a relay; the section's log is about to fork.
pub(super) struct Fork {
    pub(super) o: Offices,
    pub(super) relay: TestRelay,
    pub(super) network: SpaceId,
    /// The replica that knows what the relay forgot.
    pub(super) lost: World,
    pub(super) branch: Vec<HealedOperation>,
}

pub(super) fn before_a_fork() -> Fork {
    let mut o = offices();
    let relay = TestRelay::new(1);
    let create = o.world.create(Kind::Network, None, Some(o.a1.public()));
    let network = o.world.act(&o.a1, draft([create]), None).state.id();
    let manage = o.world.add(o.one.institution, Role::Manage);
    let write = o.world.add(o.two.institution, Role::Write);
    let key = VerifyingKeyBytes(*relay.signing.verifying_key().as_bytes());
    let effects = draft([manage, write, Effect::SetRelay { key }]);
    o.world.act(&o.a1, effects, Some(network));
    o.world.logs.network = Some(network);
    let lost = o.world.other();
    Fork {
        o,
        relay,
        network,
        lost,
        branch: Vec::new(),
    }
}

impl Fork {
    /// Something the relay took in and forgot.
    pub(super) fn lose(&mut self, by: &TestDevice, draft: Draft, space: SpaceId) -> Prepared {
        let made = self.lost.act(by, draft, Some(space));
        self.branch.push(self.relay.receive(&made.operation));
        // Its wraps are still with the devices.
        let wraps = self.lost.wraps.iter();
        let new = wraps.filter(|wrap| !self.o.world.wraps.iter().any(|known| known.is(wrap)));
        let new: Vec<_> = new.cloned().collect();
        self.o.world.wraps.extend(new);
        made
    }

    pub(super) fn heal(&self) -> Draft {
        let branch = self.branch.clone();
        draft([Effect::Heal { branch }]).after(self.network)
    }

    pub(super) fn lose_for(&mut self, effects: Vec<Effect>) -> Prepared {
        let a1 = TestDevice::new(1);
        let section = self.o.section;
        self.lose(&a1, draft(effects), section)
    }

    pub(super) fn carry(&mut self) {
        let (a1, heal, section) = (TestDevice::new(1), self.heal(), self.o.section);
        self.o.world.act(&a1, heal, Some(section));
    }
}

#[test]
fn what_ended_on_the_branch_ends_here_with_the_heal() {
    let mut f = before_a_fork();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    let (section, two) = (f.o.section, f.o.two.team);
    // Meanwhile the log went on without it.
    f.o.world.rotate(&f.o.a1, section);
    assert_eq!(f.o.world.right(&f.o.c1, section).role, Some(Role::Write));
    f.carry();
    assert_eq!(f.o.world.right(&f.o.c1, section).role, None);
    let state = &f.o.world.logs[&section];
    let end = state.grants()[1].ended.unwrap();
    assert_eq!((end.at, end.reason), (3, EndReason::Healed));
    assert!(state.grants()[0].ended.is_none(), "control: team one stays");
    let former = Staleness::KnownToFormer { former: two.into() };
    assert_eq!(f.o.world.staleness(section), Some(former));
    f.o.world.rotate(&f.o.a1, section);
    assert!(!f.o.world.opens(&f.o.c1, section) && f.o.world.opens(&f.o.a1, section));
}

/// What let them in waits for a manager; the key they hold is the present one all the same.
#[test]
fn who_was_let_in_on_the_branch_alone_makes_the_key_stale_with_the_heal() {
    let mut f = before_a_fork();
    let (a1, b1, section) = (TestDevice::new(1), TestDevice::new(2), f.o.section);
    let b = f.o.world.person(&b1, f.o.one.institution);
    f.lost = f.o.world.other();
    let seed = f.lost.current_seed(&a1, section).unwrap();
    let add = f.lost.add(b, Role::Write);
    f.lose(&a1, Draft::new().effect(add).wrap_missing(seed), section);
    assert!(f.lost.opens(&b1, section), "control: they read there");
    assert_eq!(f.o.world.staleness(section), None, "control: before");
    f.carry();
    assert_eq!(f.o.world.right(&b1, section).role, None);
    let former = Staleness::KnownToFormer { former: b.into() };
    assert_eq!(f.o.world.staleness(section), Some(former));
    f.o.world.rotate(&f.o.a1, section);
    assert_eq!(f.o.world.staleness(section), None);
    assert!(!f.o.world.opens(&b1, section) && f.o.world.opens(&f.o.a1, section));
}

/// They were let in under a key of the branch, and a link leads from that to the present one.
#[test]
fn who_was_let_in_after_the_branch_rotated_makes_the_key_stale_with_the_heal() {
    let mut f = before_a_fork();
    let (a1, b1, section) = (TestDevice::new(1), TestDevice::new(2), f.o.section);
    let b = f.o.world.person(&b1, f.o.one.institution);
    f.lost = f.o.world.other();
    let epoch = f.lost.new_epoch(&a1, section);
    let seed = epoch.seed.clone();
    f.lose(&a1, Draft::new().epoch(epoch), section);
    let add = f.lost.add(b, Role::Write);
    f.lose(&a1, Draft::new().effect(add).wrap_missing(seed), section);
    f.carry();
    let former = Staleness::KnownToFormer { former: b.into() };
    assert_eq!(f.o.world.staleness(section), Some(former));
    f.o.world.rotate(&f.o.a1, section);
    assert_eq!(f.o.world.staleness(section), None);
}

#[test]
fn a_branch_that_let_nobody_in_leaves_the_key_as_it_is() {
    let mut f = before_a_fork();
    let (a1, section) = (TestDevice::new(1), f.o.section);
    let epoch = f.lost.new_epoch(&a1, section);
    f.lose(&a1, Draft::new().epoch(epoch), section);
    f.carry();
    assert_eq!(f.o.world.staleness(section), None);
}

#[test]
fn what_was_reduced_on_the_branch_is_reduced_here_and_a_raise_waits() {
    let mut f = before_a_fork();
    let b1 = TestDevice::new(2);
    let mut replicas = [f.o.world.clone(), f.lost.clone()];
    let b = replicas[0].person(&b1, f.o.one.institution);
    let raised = replicas[0].join(&f.o.a1, f.o.section, b, Role::Read);
    f.o.world = replicas[0].clone();
    f.lost = f.o.world.other();
    let reduced = f.o.world.grant(f.o.section, f.o.two.team);
    f.lose_for(vec![
        set_role(reduced, Role::Read),
        set_role(raised, Role::Manage),
    ]);
    f.carry();
    let role = |grant| f.o.world.logs[&f.o.section].grant(&grant).unwrap().role;
    assert_eq!(role(reduced), Role::Read);
    assert_eq!(role(raised), Role::Read, "a manager has to decide it anew");
}

#[test]
fn a_raise_since_the_fork_is_not_undone_by_a_branch_that_reduced_nothing() {
    let mut f = before_a_fork();
    let grant = f.o.world.grant(f.o.section, f.o.two.team);
    f.lose_for(vec![Effect::Void {
        envelopes: vec![EnvelopeId([1; 32])],
        grants: vec![],
    }]);
    let raise = draft([set_role(grant, Role::Manage)]);
    f.o.world.act(&f.o.a1, raise, Some(f.o.section));
    f.carry();
    let state = &f.o.world.logs[&f.o.section];
    assert_eq!(state.grant(&grant).unwrap().role, Role::Manage);
    assert!(state.voided().contains_key(&EnvelopeId([1; 32])), "control");
}

#[test]
fn voided_envelopes_and_a_closing_are_united() {
    let mut f = before_a_fork();
    let void = |number| Effect::Void {
        envelopes: vec![EnvelopeId([number; 32])],
        grants: vec![],
    };
    f.lose_for(vec![void(1)]);
    f.lose_for(vec![Effect::Close {}]);
    f.o.world.act(&f.o.a1, draft([void(2)]), Some(f.o.section));
    assert_eq!(f.o.world.logs[&f.o.section].closed_at(), None);
    f.carry();
    let state = &f.o.world.logs[&f.o.section];
    let voided: Vec<_> = state
        .voided()
        .iter()
        .map(|(id, at)| (id.0[0], *at))
        .collect();
    assert_eq!(voided, [(1, 3), (2, 2)]);
    assert_eq!(state.closed_at(), Some(3));
}

#[test]
fn the_branchs_epochs_open_what_was_sealed_under_them_and_are_never_current() {
    let mut f = before_a_fork();
    let (a1, section) = (TestDevice::new(1), f.o.section);
    let epoch = f.lost.new_epoch(&f.o.a1, section);
    let lost = KeyId(epoch.seed.key_id());
    f.lose(&a1, Draft::new().epoch(epoch), section);
    let current = f.o.world.logs[&section].current_epoch().unwrap().key_id;
    assert!(f.o.world.logs[&section].epoch(&lost).is_none());
    f.carry();
    let state = f.o.world.logs[&section].clone();
    assert!(state.epoch(&lost).is_some());
    assert_eq!(state.current_epoch().unwrap().key_id, current);
    f.o.world.open_all(&f.o.c1);
    assert!(f.o.c1.holds(&lost), "team two reads what was written then");
    // Its seed is never used again.
    let mut again = f.o.world.new_epoch(&f.o.a1, section);
    again.seed = f.o.a1.seed(&section, &lost).unwrap();
    let refused =
        f.o.world
            .attempt_draft(&f.o.a1, Draft::new().epoch(again), section);
    let used = contradiction("Epoch", "its seed was used before");
    assert_eq!(refusal(refused), used);
}

#[test]
fn the_branchs_additions_wait_for_a_manager_to_sign_anew() {
    let mut f = before_a_fork();
    let b1 = TestDevice::new(2);
    let b = f.o.world.person(&b1, f.o.one.institution);
    f.lost = f.o.world.other();
    let gone = f.lost.add(f.o.one.person, Role::Read);
    let add = f.lost.add(b, Role::Write);
    let (grant, left) = (granted(&add), granted(&gone));
    f.lose_for(vec![add.clone(), gone]);
    f.lose_for(vec![remove(left)]);
    assert_eq!(f.lost.right(&b1, f.o.section).role, Some(Role::Write));
    f.carry();
    assert_eq!(f.o.world.right(&b1, f.o.section).role, None);
    let state = f.o.world.logs[&f.o.section].clone();
    let waiting: Vec<GrantId> = state.branches()[0].additions().map(|g| g.id).collect();
    assert_eq!(waiting, [grant], "what ended on the branch itself is over");
    f.o.world.act(&f.o.a1, draft([add]), Some(f.o.section));
    assert_eq!(f.o.world.right(&b1, f.o.section).role, Some(Role::Write));
}

#[test]
fn a_healed_branch_can_be_continued_by_another_heal() {
    let mut f = before_a_fork();
    let void = |number| Effect::Void {
        envelopes: vec![EnvelopeId([number; 32])],
        grants: vec![],
    };
    f.lose_for(vec![void(1)]);
    let first = f.branch.clone();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    let rest = f.branch.split_off(1);
    // Who holds only the later part cannot say where it belongs.
    f.branch = rest.clone();
    let tried = f.o.world.attempt_draft(&f.o.a1, f.heal(), f.o.section);
    let nowhere = contradiction("Heal", "the branch does not begin on this log");
    assert_eq!(refusal(tried), nowhere);
    f.branch = first;
    f.carry();
    f.branch = rest;
    f.carry();
    assert_eq!(f.o.world.right(&f.o.c1, f.o.section).role, None);
    let state = &f.o.world.logs[&f.o.section];
    assert_eq!(state.branches().len(), 2);
    assert_eq!([state.branches()[0].fork, state.branches()[1].fork], [2, 2]);
}

#[test]
fn a_branch_that_was_carried_back_is_not_carried_back_again() {
    let mut f = before_a_fork();
    f.lose_for(vec![remove_member(f.o.two.team)]);
    f.carry();
    let again = f.o.world.attempt_draft(&f.o.a1, f.heal(), f.o.section);
    let known = contradiction("Heal", "the branch was carried back before");
    assert_eq!(refusal(again), known);
    // Longer than before it may come again.
    f.lose_for(vec![Effect::Close {}]);
    let longer = f.o.world.attempt_draft(&f.o.a1, f.heal(), f.o.section);
    assert!(longer.is_ok());
}

#[test]
fn a_position_on_a_healed_branch_is_learned_as_the_log_up_to_the_fork_and_what_it_came_after() {
    // Team one's log forks. The section's next operation refers to the lost part of it.
    let mut f = before_a_fork();
    let (a1, team, section) = (TestDevice::new(1), f.o.one.team, f.o.section);
    let b1 = TestDevice::new(2);
    let b = f.o.world.person(&b1, f.o.one.institution);
    f.lost = f.o.world.other();
    let fork = f.lost.logs[&team].length();
    let seed = f.lost.current_seed(&a1, team).unwrap();
    let add = f.lost.add(b, Role::Write);
    f.lose(&a1, draft([add]).wrap_missing(seed), team);
    let epoch = f.lost.new_epoch(&a1, section);
    let above = f
        .lost
        .prepare(&a1, Draft::new().epoch(epoch), Some(section));
    let above = above.unwrap().operation;
    let head = f.lost.logs[&team].head().unwrap();
    f.o.world.rotate(&f.o.a1, team);

    let replay = |world: &World| {
        let state = (*world.logs[&section]).clone();
        state.append(&above, &world.logs, Signatures::Verify)
    };
    let waits = replay(&f.o.world).unwrap_err();
    assert!(matches!(waits, ReplayError::UnknownReference(_)));
    f.o.world.act(&a1, f.heal(), Some(team));
    let known = Knowledge::of(&f.o.world.logs, &[head]).unwrap();
    assert_eq!(known.length(&team), Some(fork));
    assert_eq!(known.length(&b), Some(1), "what the addition came after");
    let state = replay(&f.o.world).unwrap();
    let last = state.operation(state.length() - 1).unwrap();
    assert_eq!(last.knowledge.length(&team), Some(fork));
}

#[test]
fn a_device_admitted_on_the_branch_is_known_as_an_author_afterwards() {
    let mut f = before_a_fork();
    let (a1, a2) = (TestDevice::new(1), TestDevice::new(8));
    let person = f.o.one.person;
    let add = f.lost.add_device(&a2, Some(person));
    f.lose(&a1, draft([add]), person);
    let again = TestDevice::new(9);
    let other = f.o.world.add_device(&again, Some(person));
    f.o.world.act(&f.o.a1, draft([other]), Some(person));
    // Its right waits for a manager; that it signed can be told by who comes after the heal.
    let void = Effect::Void {
        envelopes: vec![EnvelopeId([1; 32])],
        grants: vec![],
    };
    let tried = |world: &World| {
        let reference = world.logs[&person].head().unwrap();
        let change = |operation: &mut Operation| operation.references = vec![reference];
        refusal(forge(world, &a2, f.o.section, change, vec![void.clone()]))
    };
    assert_eq!(tried(&f.o.world), ReplayError::UnknownAuthor, "control");
    f.o.world.act(&f.o.a1, f.heal(), Some(person));
    assert_eq!(tried(&f.o.world), not_entitled("Void"));
}

#[test]
fn a_lost_branch_of_the_networks_own_log_is_carried_back_too() {
    let mut f = before_a_fork();
    let (network, two) = (f.network, f.o.two.institution);
    f.lose(&TestDevice::new(1), draft([remove_member(two)]), network);
    let heal = draft([Effect::Heal {
        branch: f.branch.clone(),
    }]);
    // Meanwhile its log went on without it.
    let invitation = InvitationId([7; 32]);
    let other = Effect::Invite {
        invitation,
        role: Role::Write,
        not_after_ms: 9,
    };
    f.o.world.act(&f.o.a1, draft([other]), Some(network));
    f.o.world.act(&f.o.a1, heal, Some(network));
    let state = &f.o.world.logs[&network];
    let mut live = state.live_grants().map(|grant| grant.member);
    assert!(!live.any(|member| member == super::super::state::MemberId::Space(two)));
}
