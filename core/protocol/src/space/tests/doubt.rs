//! Additions by somebody whose right had ended elsewhere: doubtful by the logs, suspended or not
//! by the receipts.

use super::*;

/// B manages team one. One replica knows that B's device was revoked; the other does not, and
/// there the device adds X to the section.
struct Doubt {
    o: Offices,
    b: SpaceId,
    b1: TestDevice,
    k1: TestDevice,
    x: SpaceId,
    /// The replica of B's device.
    behind: World,
    revoked: Prepared,
}

fn revoked_elsewhere() -> Doubt {
    let mut o = offices();
    let (b1, k1, x1) = (TestDevice::new(2), TestDevice::new(5), TestDevice::new(6));
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let b = o.world.person(&b1, o.one.institution);
    let x = o.world.person(&x1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Manage);
    let behind = o.world.other();
    let revoked = o.world.act(&k1, draft([remove_member(b1.id)]), Some(b));
    Doubt {
        o,
        b,
        b1,
        k1,
        x,
        behind,
        revoked,
    }
}

impl Doubt {
    /// B's device adds X to the section as it knows it; the other replica receives that.
    fn add_behind(&mut self, role: Role) -> (GrantId, Prepared) {
        let seed = self.behind.current_seed(&self.b1, self.o.section).unwrap();
        let add = self.behind.add(self.x, role);
        let grant = granted(&add);
        let flow = draft([add]).wrap_missing(seed);
        let made = self.behind.act(&self.b1, flow, Some(self.o.section));
        self.o.world.take(&made);
        (grant, made)
    }

    fn suspended(&self, receipts: &dyn Receipts) -> Suspended {
        suspended(&self.o.world, self.o.section, receipts)
    }

    fn rotation(&mut self, passing_over: &[GrantId]) -> Result<SpaceState, ReplayError> {
        let epoch = self.o.world.new_epoch(&self.o.a1, self.o.section);
        let over = passing_over.iter().copied().collect();
        let flow = Draft::new().epoch(epoch).passing_over(over);
        self.o.world.attempt_draft(&self.o.a1, flow, self.o.section)
    }
}

fn suspended(world: &World, space: SpaceId, receipts: &dyn Receipts) -> Suspended {
    standing::suspended_grants(&world.logs, &world.logs[&space], View::NEWEST, receipts)
}

fn only(grants: &[GrantId]) -> Suspended {
    grants.iter().copied().collect()
}

#[test]
fn an_addition_by_a_device_that_was_revoked_elsewhere_is_doubtful_to_all_who_know() {
    let mut d = revoked_elsewhere();
    let (grant, _) = d.add_behind(Role::Read);
    assert_eq!(d.suspended(&NoReceipts), only(&[grant]));
    let unaware = suspended(&d.behind, d.o.section, &NoReceipts);
    assert_eq!(unaware, only(&[]), "control: B's own replica sees no end");
    // By lengths that do not contain the end it is not doubtful either, on any replica.
    let heads: Vec<LogHead> = d.behind.logs.values().filter_map(|s| s.head()).collect();
    let known = Knowledge::of(&d.o.world.logs, &heads).unwrap();
    let then = View::at(At::Known(&known));
    let state = &d.o.world.logs[&d.o.section];
    let past = standing::suspended_grants(&d.o.world.logs, state, then, &NoReceipts);
    assert_eq!(past, only(&[]));
}

#[test]
fn receipts_tell_an_addition_before_the_end_from_one_after_it() {
    let mut d = revoked_elsewhere();
    let (grant, added) = d.add_behind(Role::Read);
    let receipts = |operations: &[&SignedOperation]| {
        let mut relay = TestRelay::new(1);
        for operation in operations {
            relay.receive(operation);
        }
        relay
    };
    let (add, end) = (&added.operation, &d.revoked.operation);
    assert_eq!(d.suspended(&receipts(&[add, end])), only(&[]));
    assert_eq!(d.suspended(&receipts(&[end, add])), only(&[grant]));
    let end_unreceipted = receipts(&[add]);
    assert_eq!(d.suspended(&end_unreceipted), only(&[]), "the end is later");
    assert_eq!(d.suspended(&receipts(&[end])), only(&[grant]));
}

#[test]
fn an_epoch_may_pass_over_a_doubtful_grant_or_not_but_no_other() {
    let mut d = revoked_elsewhere();
    let (grant, _) = d.add_behind(Role::Read);
    let names_x = |state: &SpaceState, x: SpaceId| {
        let epoch = state.current_epoch().unwrap();
        epoch.recipients.contains_key(&x.into())
    };
    let over = d.rotation(&[grant]).unwrap();
    assert!(!names_x(&over, d.x));
    let with = d.rotation(&[]).unwrap();
    assert!(names_x(&with, d.x));
    let two = d.o.world.grant(d.o.section, d.o.two.team);
    let stands = contradiction("Epoch", "it passes over a grant that stands");
    assert_eq!(d.rotation(&[two]).unwrap_err(), stands);
    let unknown = GrantId([0; 16]);
    assert_eq!(d.rotation(&[unknown]).unwrap_err(), stands);
}

#[test]
fn an_epoch_that_leaves_somebody_out_must_say_so() {
    let mut d = revoked_elsewhere();
    let (grant, _) = d.add_behind(Role::Read);
    let epoch = d.o.world.new_epoch(&d.o.a1, d.o.section);
    let flow = Draft::new().epoch(epoch).passing_over(only(&[grant]));
    let made = d.o.world.prepare(&d.o.a1, flow, Some(d.o.section)).unwrap();
    let good = made.operation.operation().clone();
    let mut silent = good.effects[0].clone();
    if let Effect::Epoch { suspended, .. } = &mut silent {
        suspended.clear();
    }
    let replay = |effect: Effect| {
        let references = good.references.clone();
        let change = |operation: &mut Operation| operation.references = references;
        forge(&d.o.world, &d.o.a1, d.o.section, change, vec![effect])
    };
    assert!(replay(good.effects[0].clone()).is_ok(), "control");
    assert_eq!(refusal(replay(silent)), ReplayError::NotExact);
}

#[test]
fn a_manager_ends_a_doubt_by_standing_for_the_grant_or_by_voiding_it() {
    let mut d = revoked_elsewhere();
    let (grant, _) = d.add_behind(Role::Read);
    let mut confirmed = d.o.world.other();
    let writer = vec![confirm(grant, None)];
    let tried = confirmed.attempt(&d.o.c1, writer.clone(), d.o.section);
    assert_eq!(refusal(tried), not_entitled("Confirm"), "C only writes");
    confirmed.act(&d.o.a1, draft(writer), Some(d.o.section));
    assert_eq!(suspended(&confirmed, d.o.section, &NoReceipts), only(&[]));
    let role = |world: &World| {
        let x = &world.logs[&d.o.section].grant(&grant).unwrap().ended;
        x.map(|end| end.reason)
    };
    assert_eq!(role(&confirmed), None);
    let void = Effect::Void {
        envelopes: vec![],
        grants: vec![grant],
    };
    d.o.world.act(&d.o.a1, draft([void]), Some(d.o.section));
    assert_eq!(d.suspended(&NoReceipts), only(&[]));
    assert_eq!(role(&d.o.world), Some(EndReason::Voided));
}

#[test]
fn what_a_doubtful_member_adds_is_doubtful_too() {
    let mut d = revoked_elsewhere();
    let x1 = TestDevice::new(6);
    let (first, _) = d.add_behind(Role::Manage);
    let y1 = TestDevice::new(7);
    let y = d.o.world.person(&y1, d.o.one.institution);
    let second = d.o.world.join_again(&x1, d.o.section, y, Role::Read);
    let honest = d.o.world.join_again(&d.o.a1, d.o.section, y, Role::Read);
    assert_eq!(d.suspended(&NoReceipts), only(&[first, second]));
    assert!(!d.suspended(&NoReceipts).contains(&honest), "control");
    let clear = draft([confirm(first, None)]);
    d.o.world.act(&d.o.a1, clear, Some(d.o.section));
    assert_eq!(d.suspended(&NoReceipts), only(&[]), "both stand again");
}

#[test]
fn an_end_in_the_same_log_leaves_what_came_before_it_without_doubt() {
    // The log itself says which came first.
    let mut o = offices();
    let (b1, x1) = (TestDevice::new(2), TestDevice::new(6));
    let b = o.world.person(&b1, o.one.institution);
    let x = o.world.person(&x1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Manage);
    let grant = o.world.join(&b1, o.one.team, x, Role::Read);
    o.world
        .act(&o.a1, draft([remove_member(b)]), Some(o.one.team));
    assert_eq!(suspended(&o.world, o.one.team, &NoReceipts), only(&[]));
    // Control: the same end is another log's business for what B adds to the section.
    let _ = grant;
}

#[test]
fn a_hop_reduced_to_reading_ends_the_right_to_add_and_one_reduced_to_writing_does_not() {
    for (role, doubtful) in [(Role::Write, false), (Role::Read, true)] {
        let mut o = offices();
        let (b1, x1) = (TestDevice::new(2), TestDevice::new(6));
        let b = o.world.person(&b1, o.one.institution);
        let x = o.world.person(&x1, o.one.institution);
        let hop = o.world.join(&o.a1, o.one.team, b, Role::Manage);
        let mut behind = o.world.other();
        o.world
            .act(&o.a1, draft([set_role(hop, role)]), Some(o.one.team));
        let seed = behind.current_seed(&b1, o.section).unwrap();
        let add = behind.add(x, Role::Read);
        let grant = granted(&add);
        let made = behind.act(&b1, draft([add]).wrap_missing(seed), Some(o.section));
        o.world.take(&made);
        let expected = if doubtful { only(&[grant]) } else { only(&[]) };
        assert_eq!(suspended(&o.world, o.section, &NoReceipts), expected);
    }
}

#[test]
fn who_still_writes_by_another_path_has_lost_the_right_to_add_all_the_same() {
    // B manages the section through team one and writes in it as a person.
    let mut d = revoked_elsewhere();
    let mut world = d.behind.other();
    world.join(&d.o.a1, d.o.section, d.b, Role::Write);
    let mut behind = world.other();
    world.act(&d.o.a1, draft([remove_member(d.b)]), Some(d.o.one.team));
    d.o.world = world;
    d.behind = std::mem::replace(&mut behind, World::new());
    let (grant, _) = d.add_behind(Role::Read);
    assert_eq!(d.suspended(&NoReceipts), only(&[grant]));
}

#[test]
fn founding_grants_and_unconfirmed_ones_are_never_doubtful() {
    let d = revoked_elsewhere();
    let mut world = d.behind.other();
    // B founds a section; a custodian adds somebody to team one. Then both lose their devices.
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(d.o.one.team, Role::Manage);
    let number = world.next();
    let founding = draft([create, manage]).epoch(d.b1.fresh(number));
    let own = world.act(&d.b1, founding, None).state.id();
    let later = world.join(&d.b1, own, d.o.two.team, Role::Read);
    let add = world.add(d.x, Role::Read);
    world.act(&d.k1, draft([add]), Some(d.o.one.team));
    world.act(&d.o.a1, draft([remove_member(d.b1.id)]), Some(d.b));
    let custodian = world.logs[&d.o.one.institution]
        .live_grants()
        .find(|grant| grant.role == Role::Administer && grant.added_at > 1)
        .unwrap();
    let effect = remove(custodian.id);
    world.act(&d.o.a1, draft([effect]), Some(d.o.one.institution));
    let doubtful = suspended(&world, own, &NoReceipts);
    assert_eq!(doubtful, only(&[later]), "only what B added afterwards");
    assert_eq!(suspended(&world, d.o.one.team, &NoReceipts), only(&[]));
}

#[test]
fn what_may_be_passed_over_is_the_same_on_replicas_that_have_more() {
    // X's person space has a doubtful device. The epoch passes it over although X is not beneath
    // the section yet; on one replica X joined team one since.
    let mut d = revoked_elsewhere();
    let (x1, x2, k1) = (TestDevice::new(6), TestDevice::new(9), TestDevice::new(5));
    let mut behind = d.o.world.other();
    let custodian = d.o.world.logs[&d.o.one.institution]
        .live_grants()
        .find(|grant| grant.role == Role::Administer && grant.added_at > 1)
        .unwrap()
        .id;
    let end = draft([remove(custodian)]);
    d.o.world.act(&d.o.a1, end, Some(d.o.one.institution));
    let mut add = behind.add_device(&x2, Some(d.x));
    let grant = granted(&add);
    if let Effect::Add { role, .. } = &mut add {
        *role = Role::Administer;
    }
    let made = behind.act(&k1, draft([add]), Some(d.x));
    d.o.world.take(&made);
    assert_eq!(
        suspended(&d.o.world, d.x, &NoReceipts),
        only(&[grant]),
        "control: doubtful indeed"
    );
    let epoch = d.o.world.new_epoch(&d.o.a1, d.o.section);
    let flow = Draft::new()
        .epoch(epoch)
        .passing_over(only(&[grant]))
        .after(d.x);
    let less = d.o.world.attempt_draft(&d.o.a1, flow, d.o.section);
    let mut more = d.o.world.other();
    more.join_again(&d.o.a1, d.o.one.team, d.x, Role::Read);
    let stands = contradiction("Epoch", "it passes over a grant that stands");
    assert_eq!(refusal(less), stands);
    // The same operation as a modified program would sign it, before X joined.
    let mut references =
        authority::path_heads(&d.o.world.logs, &d.o.a1.id, &d.o.world.logs[&d.o.section]);
    let beneath = recipients::beneath_heads(&d.o.world.logs, [d.o.one.team, d.o.two.team, d.x]);
    references.extend(beneath.unwrap());
    let seed = d.o.a1.fresh(77).seed;
    let targets = recipients::effective_recipients(
        &d.o.world.logs,
        &d.o.world.logs[&d.o.section],
        View::NEWEST,
        &Suspended::new(),
    );
    let recipients = targets.unwrap().into_values().map(|target| Recipient {
        id: target.id(),
        key: target.key(),
        method: WrapMethod::Hybrid,
        wrap: recipients::wrap_hash(&[]),
    });
    let current = d.o.world.logs[&d.o.section].current_epoch().unwrap().key_id;
    let effect = Effect::Epoch {
        key_id: KeyId(seed.key_id()),
        kem: None,
        previous: Some(current),
        link: None,
        label: None,
        recipients: recipients.collect(),
        cut: false,
        suspended: vec![grant],
    };
    let change = |operation: &mut Operation| {
        operation.references = references.into_values().collect();
    };
    let signed = forged(&d.o.world, &d.o.a1, d.o.section, change, vec![effect]);
    for replica in [&d.o.world, &more] {
        let state = (*replica.logs[&d.o.section]).clone();
        let replayed = state.append(&signed, &replica.logs, Signatures::Verify);
        assert_eq!(refusal(replayed), stands);
    }
    let _ = x1;
}
