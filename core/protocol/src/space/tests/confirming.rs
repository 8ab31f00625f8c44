//! Who stands for a newcomer: `Confirm`, and the cut for those who read `from now`.

use super::*;

/// Team one with a writer B and a reader R, and the custodian K, who just added X.
struct Waiting {
    world: World,
    a1: TestDevice,
    b1: TestDevice,
    r1: TestDevice,
    k1: TestDevice,
    x1: TestDevice,
    team: SpaceId,
    grant: GrantId,
}

fn added_by_a_custodian(role: Role) -> Waiting {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let [b1, r1, k1, x1] = [2, 3, 4, 5].map(TestDevice::new);
    world.custodian(&a1, &k1, one.institution);
    let [b, r, x] = [&b1, &r1, &x1].map(|device| world.person(device, one.institution));
    world.join(&a1, one.team, b, Role::Write);
    world.join(&a1, one.team, r, Role::Read);
    let add = world.add(x, role);
    let grant = granted(&add);
    world.act(&k1, draft([add]), Some(one.team));
    Waiting {
        world,
        a1,
        b1,
        r1,
        k1,
        x1,
        team: one.team,
        grant,
    }
}

#[test]
fn what_a_custodian_adds_waits_for_a_writer_and_gives_nothing_before() {
    let mut w = added_by_a_custodian(Role::Write);
    assert_eq!(w.world.right(&w.x1, w.team).role, None);
    for device in [&w.r1, &w.k1, &w.x1] {
        let tried = w
            .world
            .attempt(device, vec![confirm(w.grant, None)], w.team);
        assert_eq!(refusal(tried), not_entitled("Confirm"));
    }
    let seed = w.world.current_seed(&w.b1, w.team).unwrap();
    let effects = draft([confirm(w.grant, None)]).wrap_missing(seed);
    w.world.act(&w.b1, effects, Some(w.team));
    assert_eq!(w.world.right(&w.x1, w.team).role, Some(Role::Write));
    assert!(w.world.opens(&w.x1, w.team));
    assert!(!w.world.opens(&w.k1, w.team), "the custodian holds no key");
}

#[test]
fn confirming_again_takes_a_manager() {
    let mut w = added_by_a_custodian(Role::Read);
    let effects = draft([confirm(w.grant, None)]);
    w.world.act(&w.b1, effects, Some(w.team));
    let again = vec![confirm(w.grant, None)];
    let tried = w.world.attempt(&w.b1, again.clone(), w.team);
    assert_eq!(refusal(tried), not_entitled("Confirm"));
    assert!(w.world.attempt(&w.a1, again, w.team).is_ok());
    let unknown = vec![confirm(GrantId([0; 16]), None)];
    let refused = refusal(w.world.attempt(&w.a1, unknown, w.team));
    assert_eq!(refused, contradiction("Confirm", "there is no such grant"));
}

#[test]
fn an_ended_grant_cannot_be_confirmed() {
    let mut w = added_by_a_custodian(Role::Read);
    let control = vec![confirm(w.grant, None)];
    assert!(w.world.attempt(&w.b1, control.clone(), w.team).is_ok());
    w.world.act(&w.k1, draft([remove(w.grant)]), Some(w.team));
    let refused = refusal(w.world.attempt(&w.b1, control, w.team));
    assert_eq!(refused, contradiction("Confirm", "there is no such grant"));
}

/// Story 6, up to the confirmation: C's only device is revoked and another one added by K.
fn nobody_inside() -> (Offices, TestDevice, TestDevice, GrantId) {
    let mut o = offices();
    let (k2, c2) = (TestDevice::new(15), TestDevice::new(16));
    o.world.custodian(&o.c1, &k2, o.two.institution);
    let add = o.world.add_device(&c2, Some(o.two.person));
    let grant = granted(&add);
    let effects = draft([remove_member(o.c1.id), add]);
    o.world.act(&k2, effects, Some(o.two.person));
    (o, k2, c2, grant)
}

#[test]
fn where_no_device_is_left_inside_a_writer_of_a_space_above_confirms() {
    let mut o = offices();
    let d1 = TestDevice::new(12);
    let d = o.world.person(&d1, o.two.institution);
    o.world.join(&o.c1, o.two.team, d, Role::Write);
    let (k2, c2) = (TestDevice::new(15), TestDevice::new(16));
    o.world.custodian(&o.c1, &k2, o.two.institution);
    let add = o.world.add_device(&c2, Some(o.two.person));
    let grant = granted(&add);
    o.world.act(&k2, draft([add]), Some(o.two.person));
    let institution = o.two.institution;
    o.world.join(&o.c1, institution, o.two.team, Role::Read);
    let above = |team| draft([confirm(grant, None)]).after(team).after(institution);

    // As long as C has a device inside, it alone confirms.
    let (team, person) = (o.two.team, o.two.person);
    let early = o.world.attempt_draft(&d1, above(team), person);
    assert_eq!(refusal(early), not_entitled("Confirm"));
    let own = o.world.attempt(&o.c1, vec![confirm(grant, None)], person);
    assert!(own.is_ok(), "control");

    o.world
        .act(&k2, draft([remove_member(o.c1.id)]), Some(person));
    for device in [&k2, &c2, &o.a1] {
        let tried = o.world.attempt_draft(device, above(team), person);
        assert_eq!(refusal(tried), not_entitled("Confirm"));
    }
    let silent = o.world.attempt(&d1, vec![confirm(grant, None)], person);
    assert!(silent.is_err(), "it must come after the space above");
    o.world.act(&d1, above(team), Some(person));
    assert_eq!(o.world.right(&c2, team).role, Some(Role::Manage));
}

#[test]
fn a_reader_above_cannot_confirm_for_an_empty_person() {
    let (mut o, _, _, grant) = nobody_inside();
    // A reads in a section of team two, and team one's section has team two as a member.
    let effects = draft([confirm(grant, None)]).after(o.section);
    let tried = o.world.attempt_draft(&o.a1, effects, o.two.person);
    assert_eq!(
        refusal(tried),
        not_entitled("Confirm"),
        "the section does not stand directly above the person"
    );
}

#[test]
fn a_space_that_the_custodian_founded_confirms_nobody_in_an_empty_person() {
    let (mut o, k2, c2, grant) = nobody_inside();
    let (person, institution) = (o.two.person, o.two.institution);
    let k = authority::person_of(&o.world.logs, &k2.id, &o.world.logs[&institution]).unwrap();
    // Anybody may found a section or a team, name any guardian and take anybody in.
    let create = o.world.create(Kind::Team, Some(institution), None);
    let manage = o.world.add(k, Role::Manage);
    let epoch = k2.fresh(o.world.next());
    let founding = draft([create, manage]).epoch(epoch);
    let own_team = o.world.act(&k2, founding, None).state.id();
    let (own_section, _) = o.world.section(&k2, own_team);
    for own in [own_section, own_team] {
        let lure = o.world.add(person, Role::Read);
        o.world.act(&k2, draft([lure]), Some(own));
        let effects = draft([confirm(grant, None)]).after(own).after(institution);
        let tried = o.world.attempt_draft(&k2, effects, person);
        assert_eq!(refusal(tried), not_entitled("Confirm"));
    }
    // Not even where a keyless administrator takes the team into the institution.
    let into = o.world.add(own_team, Role::Manage);
    o.world.act(&k2, draft([into]), Some(institution));
    let effects = draft([confirm(grant, None)])
        .after(own_team)
        .after(institution);
    let tried = o.world.attempt_draft(&k2, effects, person);
    assert_eq!(refusal(tried), not_entitled("Confirm"));
    assert_eq!(o.world.right(&c2, o.two.team).role, None);
}

#[test]
fn from_now_is_added_cut_confirmed_and_wrapped_in_one_operation() {
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    let before = o.world.logs[&o.one.team].current_epoch().unwrap().key_id;
    let add = from_now(o.world.add(b, Role::Write));
    let grant = granted(&add);
    let number = o.world.next();
    let cut = NewEpoch {
        cut: true,
        ..o.a1.fresh(number)
    };
    let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
    let flow = draft([add])
        .epoch(cut)
        .effect_after_epoch(confirm(grant, Some(key_id)))
        .wrap_missing(seed);
    let made = o.world.act(&o.a1, flow, Some(o.one.team));
    let effects = &made.operation.operation().effects;
    assert!(matches!(
        effects[..],
        [
            Effect::Add { .. },
            Effect::Epoch { cut: true, .. },
            Effect::Confirm { .. },
            Effect::Wrap { .. }
        ]
    ));
    let Effect::Epoch { recipients, .. } = &effects[1] else {
        panic!("an epoch");
    };
    assert!(recipients.iter().all(|one| one.id != b.into()));
    assert_eq!(o.world.right(&b1, o.one.team).role, Some(Role::Write));
    assert!(o.world.opens(&b1, o.one.team));
    assert!(!b1.holds(&before), "nothing from before");
    assert!(o.a1.holds(&before), "control: A holds both");
}

#[test]
fn every_other_order_of_a_cut_is_refused() {
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    let old = o.world.logs[&o.one.team].current_epoch().unwrap().key_id;
    let add = from_now(o.world.add(b, Role::Read));
    let grant = granted(&add);
    let no_cut = contradiction("Confirm", "it names no epoch that cuts off the past");
    // Confirmed without an epoch, by the old epoch, or before the epoch it names.
    let later = KeyId([9; 32]);
    for key_id in [None, Some(old), Some(later)] {
        let effects = vec![add.clone(), confirm(grant, key_id)];
        let refused = refusal(o.world.attempt(&o.a1, effects, o.one.team));
        assert_eq!(refused, no_cut);
    }
    // An epoch that does not cut.
    let linked = o.world.new_epoch(&o.a1, o.one.team);
    let key_id = KeyId(linked.seed.key_id());
    let flow = draft([add.clone()])
        .epoch(linked)
        .effect_after_epoch(confirm(grant, Some(key_id)));
    assert_eq!(
        refusal(o.world.attempt_draft(&o.a1, flow, o.one.team)),
        no_cut
    );
    // A cut from before the grant.
    let number = o.world.next();
    let cut = NewEpoch {
        cut: true,
        ..o.a1.fresh(number)
    };
    let key_id = KeyId(cut.seed.key_id());
    o.world
        .act(&o.a1, Draft::new().epoch(cut), Some(o.one.team));
    let effects = vec![add.clone(), confirm(grant, Some(key_id))];
    let refused = refusal(o.world.attempt(&o.a1, effects, o.one.team));
    assert_eq!(refused, no_cut);
    // Wrapped to before it was confirmed: the newcomer is no recipient yet.
    let seed = o.world.current_seed(&o.a1, o.one.team).unwrap();
    let early = draft([add]).wrap_missing(seed);
    let made = o.world.prepare(&o.a1, early, Some(o.one.team)).unwrap();
    assert!(made.wraps.is_empty());
    // A key id where no cut is needed.
    let full = o.world.add(b, Role::Read);
    let grant = granted(&full);
    let effects = vec![full, confirm(grant, Some(key_id))];
    let refused = refusal(o.world.attempt(&o.a1, effects, o.one.team));
    assert_eq!(refused, contradiction("Confirm", "the grant needs no cut"));
}

#[test]
fn a_cut_bears_no_link_and_follows_an_epoch() {
    let mut o = offices();
    let mut epoch = o.world.new_epoch(&o.a1, o.one.team);
    epoch.cut = true;
    let refused = refusal(
        o.world
            .attempt_draft(&o.a1, Draft::new().epoch(epoch), o.one.team),
    );
    assert_eq!(
        refused,
        contradiction("Epoch", "a cut leads back to nothing")
    );
    let create = o.world.create(Kind::Section, None, None);
    let manage = o.world.add(o.one.team, Role::Manage);
    let number = o.world.next();
    let first = NewEpoch {
        cut: true,
        ..o.a1.fresh(number)
    };
    let founding = draft([create.clone(), manage.clone()]).epoch(first);
    assert!(o.world.prepare(&o.a1, founding, None).is_err());
    let plain = o.a1.fresh(number);
    let founding = draft([create, manage]).epoch(plain);
    assert!(o.world.prepare(&o.a1, founding, None).is_ok(), "control");
}

#[test]
fn a_keyless_administrators_from_now_waits_for_a_writers_cut() {
    let mut o = offices();
    let (k1, b1) = (TestDevice::new(5), TestDevice::new(2));
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let b = o.world.person(&b1, o.one.institution);
    let add = from_now(o.world.add(b, Role::Read));
    let grant = granted(&add);
    o.world.act(&k1, draft([add]), Some(o.one.team));
    assert_eq!(o.world.right(&b1, o.one.team).role, None);
    let number = o.world.next();
    let cut = NewEpoch {
        cut: true,
        ..o.a1.fresh(number)
    };
    let (seed, key_id) = (cut.seed.clone(), KeyId(cut.seed.key_id()));
    let flow = Draft::new()
        .epoch(cut)
        .effect_after_epoch(confirm(grant, Some(key_id)))
        .wrap_missing(seed);
    o.world.act(&o.a1, flow, Some(o.one.team));
    assert!(o.world.opens(&b1, o.one.team));
    let state = &o.world.logs[&o.one.team];
    assert_eq!(state.grant(&grant).unwrap().cut, Some(key_id));
}
