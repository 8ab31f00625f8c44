//! Who may do what: paths, roles, custodians.

use super::*;

#[test]
fn a_device_acts_through_person_and_team_and_a_reader_on_the_way_only_reads() {
    let mut world = World::new();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    assert_eq!(world.right(&a1, section).role, Some(Role::Manage));
    assert_eq!(world.right(&b1, section).role, None);

    // B reads in the team; the team manages the section; B still only reads there.
    let b = world.person(&b1, one.institution);
    let add = world.add(b, Role::Read);
    let team_seed = a1.seed(
        &one.team,
        &world.logs[&one.team].current_epoch().unwrap().key_id,
    );
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(team_seed.unwrap()),
        Some(one.team),
    );
    assert_eq!(world.right(&b1, section).role, Some(Role::Read));
    assert!(!world.right(&b1, section).changes_members());
    drop(seed);
}

#[test]
fn another_institution_reads_a_section_only_once_it_is_granted_and_only_there() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let (one, two) = (world.institution(&a1), world.institution(&c1));
    let (shared, seed) = world.section(&a1, one.team);
    let (other, _) = world.section(&a1, one.team);
    assert_eq!(world.right(&c1, shared).role, None);

    let add = world.add(two.team, Role::Write);
    let prepared = world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(shared),
    );
    assert_eq!(world.right(&c1, shared).role, Some(Role::Write));
    assert_eq!(world.right(&c1, other).role, None);

    // The wrap is for the team's epoch, hybrid because A is not inside it; C's team key opens it.
    let wrap = &prepared.wraps[0];
    let state = &world.logs[&shared];
    let record = state.current_epoch().unwrap().recipients[&wrap.recipient];
    assert_eq!(record.recipient.method, WrapMethod::Hybrid);
    let team_key = world.logs[&two.team].current_epoch().unwrap().key_id;
    let team_seed = c1.seed(&two.team, &team_key).unwrap();
    let key_id = state.current_epoch().unwrap().key_id;
    let info = wrap_info(&state.nonce(), &key_id, wrap.recipient, team_key);
    let opened = wrap::open_hybrid(&team_seed.kem_keys().0, &info, &wrap.bytes).unwrap();
    assert!(EpochSeed::from_secret(opened).check(&key_id.0).is_ok());
    // In another space the same wrap opens nothing.
    let elsewhere = wrap_info(&Nonce([0; 16]), &key_id, wrap.recipient, team_key);
    assert!(wrap::open_hybrid(&team_seed.kem_keys().0, &elsewhere, &wrap.bytes).is_err());
    // Nobody else's key does.
    let own_seed = a1.seed(
        &one.team,
        &world.logs[&one.team].current_epoch().unwrap().key_id,
    );
    assert!(wrap::open_hybrid(&own_seed.unwrap().kem_keys().0, &info, &wrap.bytes).is_err());
}

#[test]
fn a_custodian_administers_every_space_of_the_institution_and_holds_no_key() {
    let mut world = World::new();
    let (a1, k1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let custodian = world.person(&k1, one.institution);
    let add = world.add(custodian, Role::Administer);
    world.act(&a1, Draft::new().effect(add), Some(one.institution));
    let right = world.right(&k1, one.team);
    assert!(right.administer && right.role.is_none());
    // Whom a custodian adds is pending: no key is wrapped to them until a key holder confirms.
    let add = world.add(custodian, Role::Read);
    world.act(&k1, Draft::new().effect(add), Some(one.team));
    assert_eq!(world.right(&k1, one.team).role, None);
    let team = &world.logs[&one.team];
    let exact =
        recipients::effective_recipients(&world.logs, team, View::NEWEST, &Suspended::new())
            .unwrap();
    assert!(!exact.contains_key(&custodian.into()));
    assert!(
        exact.contains_key(&one.person.into()),
        "the confirmed member is a recipient"
    );
}

#[test]
fn a_stranger_or_a_reader_cannot_change_members_rotate_or_name_a_relay() {
    let mut world = World::new();
    let (a1, b1, x1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    let b = world.person(&b1, one.institution);
    let add = world.add(b, Role::Read);
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    let stranger = world.person(&x1, one.institution);

    for device in [&b1, &x1] {
        let grab = world.add(stranger, Role::Manage);
        let refused = forge(
            &world,
            device,
            section,
            |operation| {
                let heads = recipients::beneath_heads(&world.logs, [stranger, b]).unwrap();
                operation.references = heads.into_values().collect();
            },
            vec![grab],
        );
        assert_eq!(
            refused.unwrap_err(),
            ReplayError::NotEntitled { effect: "Add" }
        );
    }
    let rotate = world.prepare(&b1, Draft::new().epoch(b1.fresh(250)), Some(section));
    assert!(matches!(
        rotate,
        Err(AuthorError::Replay(ReplayError::NotEntitled {
            effect: "Epoch"
        }))
    ));
    // Control: the manager may do all of it.
    let add = world.add(stranger, Role::Read);
    let prepared = world.prepare(&a1, Draft::new().effect(add), Some(section));
    assert!(prepared.is_ok());
}

#[test]
fn over_several_paths_the_strongest_decides_and_the_last_one_keeps_the_right() {
    let mut o = offices();
    let read = o.world.join(&o.a1, o.section, o.two.person, Role::Read);
    let right = |o: &Offices| o.world.right(&o.c1, o.section).role;
    assert_eq!(
        right(&o),
        Some(Role::Write),
        "through the team, not as a person"
    );
    let team = o.world.grant(o.section, o.two.team);
    o.world.act(&o.a1, draft([remove(team)]), Some(o.section));
    assert_eq!(right(&o), Some(Role::Read), "as a person");
    o.world.act(&o.a1, draft([remove(read)]), Some(o.section));
    assert_eq!(right(&o), None);
}

#[test]
fn a_role_in_a_team_is_about_the_team_and_not_about_what_the_team_may_see() {
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Write);
    assert_eq!(o.world.right(&b1, o.one.team).role, Some(Role::Write));
    assert_eq!(o.world.right(&b1, o.section).role, Some(Role::Manage));
    // The other way round: who manages a team that writes in a section only writes there.
    assert_eq!(o.world.right(&o.c1, o.two.team).role, Some(Role::Manage));
    assert_eq!(o.world.right(&o.c1, o.section).role, Some(Role::Write));
    let add = o.world.add(b, Role::Read);
    let refused = o.world.attempt(&b1, vec![add.clone()], o.one.team);
    assert_eq!(refusal(refused), not_entitled("Add"));
    assert!(
        o.world.attempt(&b1, vec![add], o.section).is_ok(),
        "control"
    );
}

#[test]
fn an_end_in_time_changes_no_right_until_somebody_expires_the_grant() {
    // The authors' clocks stand at 1,000.
    let mut o = offices();
    let add = until(o.world.add(o.two.person, Role::Manage), 900);
    let grant = granted(&add);
    o.world.act(&o.a1, draft([add]), Some(o.section));
    assert_eq!(o.world.right(&o.c1, o.section).role, Some(Role::Manage));
    let expire = Effect::Expire { grant };
    o.world.act(&o.a1, draft([expire]), Some(o.section));
    assert_eq!(o.world.right(&o.c1, o.section).role, Some(Role::Write));
}
