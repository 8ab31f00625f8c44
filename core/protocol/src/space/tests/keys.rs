//! Whom keys are wrapped to, and how the wraps travel.

use super::*;

#[test]
fn an_epoch_for_more_or_fewer_than_the_effective_recipients_is_refused() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let (one, two) = (world.institution(&a1), world.institution(&c1));
    let (section, seed) = world.section(&a1, one.team);
    let add = world.add(two.team, Role::Read);
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    let rotate = world
        .prepare(&a1, Draft::new().epoch(a1.fresh(240)), Some(section))
        .unwrap();
    let good = rotate.operation.operation().effects[0].clone();
    let references = rotate.operation.operation().references.clone();

    let with = |world: &World, effect: Effect| {
        let references = references.clone();
        forge(
            world,
            &a1,
            section,
            |operation| operation.references = references,
            vec![effect],
        )
    };
    assert!(
        with(&world, good.clone()).is_ok(),
        "control: the exact epoch is taken"
    );
    let change = |edit: fn(&mut Vec<Recipient>)| {
        let mut changed = good.clone();
        if let Effect::Epoch { recipients, .. } = &mut changed {
            edit(recipients);
        }
        changed
    };
    let fewer = change(|recipients| {
        recipients.pop();
    });
    let more = change(|recipients| {
        let mut extra = recipients[0];
        extra.id.0 = [255; 32];
        recipients.push(extra);
    });
    let other_key = change(|recipients| recipients[0].key.0[0] ^= 1);
    for bad in [fewer, more, other_key] {
        assert_eq!(with(&world, bad).unwrap_err(), ReplayError::NotExact);
    }
}

#[test]
fn wraps_that_a_relay_swapped_drops_or_adds_are_noticed() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(one.team, Role::Manage);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .epoch(a1.fresh(200));
    let prepared = world.act(&a1, draft, None);
    let wraps: Vec<_> = prepared
        .wraps
        .iter()
        .map(|wrap| (wrap.recipient, wrap.bytes.as_slice()))
        .collect();
    assert!(recipients::check_wraps(&prepared.operation, wraps.clone()).is_ok());
    assert!(recipients::check_wraps(&prepared.operation, []).is_err());
    let mut changed = prepared.wraps[0].bytes.clone();
    changed[0] ^= 1;
    let swapped = [(wraps[0].0, changed.as_slice())];
    assert!(recipients::check_wraps(&prepared.operation, swapped).is_err());
    let doubled = [wraps[0], wraps[0]];
    assert!(recipients::check_wraps(&prepared.operation, doubled).is_err());
}

#[test]
fn a_wrap_is_made_only_to_keys_from_replayed_logs() {
    // Somebody hands over a log of the second team in which the device's key was swapped. The
    // device id commits to the key and the device countersigned its admission, so it does not replay.
    let mut world = World::new();
    let (a1, c1, thief) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(9));
    let one = world.institution(&a1);
    let create = world.create(Kind::Person, Some(one.institution), None);
    let admit = world.add_device(&c1, None);
    let honest = Operation {
        version: 1,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: c1.id,
        claimed_at_ms: 0,
        references: Vec::new(),
        effects: vec![create, admit],
    };
    let signed = SignedOperation::sign(honest.clone(), &c1.keys.signing);
    assert!(
        SpaceState::found(&signed, &world.logs, Signatures::Verify).is_ok(),
        "control"
    );
    let mut swapped = honest;
    if let Effect::Add {
        member: Member::Device { keys, .. },
        ..
    } = &mut swapped.effects[1]
    {
        keys.kem = thief.public().kem;
    }
    let resigned = SignedOperation::sign(swapped, &thief.keys.signing);
    let refused = SpaceState::found(&resigned, &world.logs, Signatures::Verify);
    assert!(refused.is_err());
    let _ = a1;
}

#[test]
fn a_newcomer_without_an_epoch_is_wrapped_to_by_device_until_it_has_one() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    let create = world.create(Kind::Person, Some(one.institution), None);
    let admit = world.add_device(&c1, None);
    let person = world
        .act(&c1, Draft::new().effect(create).effect(admit), None)
        .state
        .id();
    let add = world.add(person, Role::Read);
    let added = world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    assert_eq!(added.wraps[0].recipient, c1.id.into());
    world.act(&c1, Draft::new().epoch(c1.fresh(222)), Some(person));
    let state = &world.logs[&section];
    let missing =
        recipients::missing_wraps(&world.logs, state, View::NEWEST, &Suspended::new()).unwrap();
    assert!(missing.is_empty(), "reached through the only device");
}

#[test]
fn a_team_gets_a_wrap_of_its_own_even_where_its_only_member_has_one() {
    let mut world = World::new();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let two = world.institution(&b1);
    let (section, seed) = world.section(&a1, one.team);
    let person = world.add(two.person, Role::Read);
    let draft = Draft::new().effect(person).wrap_missing(seed.clone());
    let added = world.act(&a1, draft, Some(section));
    assert_eq!(added.wraps[0].recipient, two.person.into(), "control");
    let team = world.add(two.team, Role::Read);
    let draft = Draft::new().effect(team).wrap_missing(seed);
    let added = world.act(&a1, draft, Some(section));
    let recipients: Vec<_> = added.wraps.iter().map(|wrap| wrap.recipient).collect();
    assert_eq!(
        recipients,
        [two.team.into()],
        "who joins the team later reads by it"
    );
}

/// The epoch of an operation that a device would make, changed by `change`.
fn changed_epoch(
    world: &mut World,
    device: &TestDevice,
    space: SpaceId,
    change: impl FnOnce(&mut Effect),
) -> Result<SpaceState, ReplayError> {
    let epoch = world.new_epoch(device, space);
    let made = world.prepare(device, Draft::new().epoch(epoch), Some(space));
    let made = made.unwrap().operation;
    let mut effect = made.operation().effects[0].clone();
    change(&mut effect);
    let references = made.operation().references.clone();
    let refer = |operation: &mut Operation| operation.references = references;
    forge(world, device, space, refer, vec![effect])
}

#[test]
fn an_epoch_publishes_a_key_exactly_where_spaces_may_stand_above() {
    let mut o = offices();
    let published = o.world.new_epoch(&o.a1, o.section);
    let published = published.seed.kem_keys().1.as_bytes().to_vec();
    let (section, team) = (o.section, o.one.team);
    for (space, wanted) in [(section, false), (team, true)] {
        let with = |key: Option<Vec<u8>>| {
            move |effect: &mut Effect| {
                if let Effect::Epoch { kem, .. } = effect {
                    assert_eq!(kem.is_some(), wanted);
                    *kem = key;
                }
            }
        };
        let there = changed_epoch(&mut o.world, &o.a1, space, with(Some(published.clone())));
        let absent = changed_epoch(&mut o.world, &o.a1, space, with(None));
        assert_eq!((there.is_ok(), absent.is_ok()), (wanted, !wanted));
    }
}

#[test]
fn only_who_is_inside_a_space_wraps_to_it_symmetrically() {
    let mut o = offices();
    let (inside, outside) = (o.one.team, o.two.team);
    let method = |state: &SpaceState, team: SpaceId| {
        let epoch = state.current_epoch().unwrap();
        epoch.recipients[&team.into()].recipient.method
    };
    let honest = changed_epoch(&mut o.world, &o.a1, o.section, |_| {}).unwrap();
    assert_eq!(method(&honest, inside), WrapMethod::Symmetric, "control");
    assert_eq!(method(&honest, outside), WrapMethod::Hybrid);
    let forged = changed_epoch(&mut o.world, &o.a1, o.section, |effect| {
        if let Effect::Epoch { recipients, .. } = effect {
            for recipient in recipients {
                recipient.method = WrapMethod::Symmetric;
            }
        }
    });
    let reason = "a symmetric wrap by an author outside the recipient";
    assert_eq!(refusal(forged), contradiction("wrap", reason));
}
