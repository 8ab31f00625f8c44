//! When an epoch may not be used any more, and what that does above: the write barrier.

use super::*;

fn former(who: impl Into<RecipientId>) -> Option<Staleness> {
    Some(Staleness::KnownToFormer { former: who.into() })
}

fn rekeyed(member: SpaceId) -> Option<Staleness> {
    Some(Staleness::MemberRekeyed { member })
}

#[test]
fn a_space_without_an_epoch_is_stale_and_the_first_epoch_ends_that() {
    let mut o = offices();
    let create = o.world.create(Kind::Section, None, None);
    let manage = o.world.add(o.one.team, Role::Manage);
    let founding = draft([create, manage]);
    let section = o.world.act(&o.a1, founding, None).state.id();
    assert_eq!(o.world.staleness(section), Some(Staleness::NoEpoch));
    o.world.rotate(&o.a1, section);
    assert_eq!(o.world.staleness(section), None);
}

#[test]
fn a_device_that_leaves_its_person_makes_team_and_section_stale() {
    let mut o = offices();
    let a2 = TestDevice::new(8);
    o.world.enrol(&o.a1, &a2, o.one.person);
    for space in [o.one.person, o.one.team, o.section] {
        assert_eq!(o.world.staleness(space), None, "control");
        assert!(o.world.opens(&a2, space), "control");
    }
    o.world
        .act(&o.a1, draft([remove_member(a2.id)]), Some(o.one.person));
    assert_eq!(o.world.staleness(o.one.person), former(a2.id));
    assert_eq!(o.world.staleness(o.one.team), rekeyed(o.one.person));
    assert_eq!(o.world.staleness(o.section), rekeyed(o.one.team));
    // Rotated from above while the person's own epoch is still the old one: around it.
    let made = o.world.rotate(&o.a1, o.section);
    let effect = &made.operation.operation().effects[0];
    let Effect::Epoch { recipients, .. } = effect else {
        panic!("an epoch");
    };
    let named: BTreeSet<RecipientId> = recipients.iter().map(|one| one.id).collect();
    let expected = BTreeSet::from([o.a1.id.into(), o.two.team.into()]);
    assert_eq!(named, expected, "A's first device alone, not its person");
    assert!(!o.world.opens(&a2, o.section));
    assert!(o.world.opens(&o.a1, o.section) && o.world.opens(&o.c1, o.section));
    // What is beneath may rotate later; the section stays as it is.
    o.world.rotate(&o.a1, o.one.person);
    o.world.rotate(&o.a1, o.one.team);
    assert!(!o.world.opens(&a2, o.one.team));
    assert_eq!(o.world.staleness(o.section), None);
}

#[test]
fn a_person_that_leaves_a_team_makes_the_section_stale() {
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Write);
    assert!(o.world.opens(&b1, o.section), "control");
    assert_eq!(o.world.staleness(o.section), None, "control");
    o.world
        .act(&o.a1, draft([remove_member(b)]), Some(o.one.team));
    assert_eq!(o.world.staleness(o.one.team), former(b));
    assert_eq!(o.world.staleness(o.section), rekeyed(o.one.team));
    o.world.rotate(&o.a1, o.one.team);
    assert_eq!(o.world.staleness(o.section), rekeyed(o.one.team));
    o.world.rotate(&o.a1, o.section);
    assert_eq!(o.world.staleness(o.section), None);
    assert!(!o.world.opens(&b1, o.section));
    assert!(o.world.opens(&o.a1, o.section));
}

#[test]
fn a_member_space_with_a_new_key_makes_the_space_above_stale_also_when_nobody_left() {
    let mut o = offices();
    o.world.rotate(&o.c1, o.two.team);
    assert_eq!(o.world.staleness(o.section), rekeyed(o.two.team));
    assert_eq!(o.world.staleness(o.one.team), None, "control");
}

#[test]
fn the_device_that_began_an_epoch_knows_it_though_nothing_is_wrapped_to_it() {
    // A founds a team for B alone and makes its first epoch.
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    let create = o.world.create(Kind::Team, Some(o.one.institution), None);
    let manage = o.world.add(b, Role::Manage);
    let number = o.world.next();
    let founding = draft([create, manage]).epoch(o.a1.fresh(number));
    let team = o.world.act(&o.a1, founding, None).state.id();
    assert_eq!(o.world.staleness(team), former(o.a1.id));
    o.world.rotate(&b1, team);
    assert_eq!(o.world.staleness(team), None);
    assert!(!o.world.opens(&o.a1, team));
}

#[test]
fn a_device_recorded_directly_stays_fine_as_long_as_any_path_reaches_it() {
    let mut o = offices();
    let x1 = TestDevice::new(3);
    let create = o.world.create(Kind::Person, Some(o.one.institution), None);
    let admit = o.world.add_device(&x1, None);
    let x = o.world.act(&x1, draft([create, admit]), None).state.id();
    // X has no epoch of its own yet: the section wraps to its device.
    o.world.join(&o.a1, o.section, x, Role::Read);
    let wrapped = |o: &Offices| {
        let epoch = o.world.logs[&o.section].current_epoch().unwrap();
        epoch.recipients.contains_key(&x1.id.into())
    };
    assert!(wrapped(&o), "control");
    o.world.rotate(&x1, x);
    assert_eq!(
        o.world.staleness(o.section),
        None,
        "X's own epoch changes nothing"
    );
    o.world.join(&o.a1, o.one.team, x, Role::Read);
    o.world
        .act(&o.a1, draft([remove_member(x)]), Some(o.section));
    assert_eq!(
        o.world.staleness(o.section),
        None,
        "the team still leads to X"
    );
    o.world
        .act(&o.a1, draft([remove_member(x)]), Some(o.one.team));
    assert!(o.world.staleness(o.section).is_some());
}

#[test]
fn a_keyless_administrators_removal_is_completed_by_the_next_writer() {
    let mut o = offices();
    let (b1, k1) = (TestDevice::new(2), TestDevice::new(5));
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let b = o.world.person(&b1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Write);
    let epochs = |o: &Offices| o.world.logs[&o.one.team].epochs().len();
    let before = epochs(&o);
    o.world
        .act(&k1, draft([remove_member(b)]), Some(o.one.team));
    assert_eq!(
        epochs(&o),
        before,
        "the custodian holds no key to rotate with"
    );
    let own = Draft::new().epoch(k1.fresh(7));
    let tried = o.world.attempt_draft(&k1, own, o.one.team);
    assert_eq!(refusal(tried), not_entitled("Epoch"));
    let tried = o
        .world
        .attempt_draft(&b1, Draft::new().epoch(b1.fresh(8)), o.one.team);
    assert_eq!(refusal(tried), not_entitled("Epoch"), "the removed one");
    assert!(o.world.staleness(o.one.team).is_some());
    o.world.rotate(&o.a1, o.one.team);
    o.world.rotate(&o.a1, o.section);
    assert_eq!(o.world.staleness(o.section), None);
    assert!(!o.world.opens(&b1, o.one.team) && !o.world.opens(&b1, o.section));
}

#[test]
fn a_removal_carries_its_epoch_and_the_epoch_leaves_the_removed_out() {
    let mut o = offices();
    let epoch = o.world.new_epoch(&o.a1, o.section);
    let flow = draft([remove_member(o.two.team)]).epoch(epoch);
    o.world.act(&o.a1, flow, Some(o.section));
    assert_eq!(o.world.staleness(o.section), None);
    assert!(!o.world.opens(&o.c1, o.section));
    assert!(o.world.opens(&o.a1, o.section), "control");
}

#[test]
fn whoever_reads_may_wrap_but_nothing_is_wrapped_under_a_stale_epoch() {
    let mut o = offices();
    let r1 = TestDevice::new(3);
    let r = o.world.person(&r1, o.one.institution);
    o.world.join(&o.a1, o.section, r, Role::Read);
    let x1 = TestDevice::new(4);
    let x = o.world.person(&x1, o.one.institution);
    o.world.join_again(&o.a1, o.section, x, Role::Read);
    let seed = o.world.current_seed(&r1, o.section).unwrap();
    let wrap = Draft::new().wrap_missing(seed.clone());
    let made = o.world.prepare(&r1, wrap, Some(o.section)).unwrap();
    assert_eq!(made.wraps[0].recipient, x.into(), "control");
    o.world
        .act(&o.a1, draft([remove_member(o.two.team)]), Some(o.section));
    let wrap = Draft::new().wrap_missing(seed);
    let refused = refusal(o.world.attempt_draft(&r1, wrap, o.section));
    let unusable = "it is not for the current epoch, or that is stale";
    assert_eq!(refused, contradiction("Wrap", unusable));
}

#[test]
fn staleness_is_the_same_whatever_else_a_replica_has() {
    // One replica stops after the removal; the other goes on. Asked of the same lengths both say
    // the same, for every length there is.
    let mut o = offices();
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Write);
    let mut replicas = vec![o.world.clone()];
    o.world
        .act(&o.a1, draft([remove_member(b)]), Some(o.one.team));
    replicas.push(o.world.clone());
    o.world.rotate(&o.a1, o.one.team);
    replicas.push(o.world.clone());
    o.world.rotate(&o.a1, o.section);
    o.world.join(&o.a1, o.section, b, Role::Read);
    replicas.push(o.world.clone());

    let newest = &o.world.logs;
    let mut verdicts = BTreeSet::new();
    for replica in &replicas {
        let heads: Vec<LogHead> = replica.logs.values().filter_map(|s| s.head()).collect();
        let known = Knowledge::of(&replica.logs, &heads).unwrap();
        for space in [o.one.team, o.section] {
            let ask = |logs: &Logs| {
                let view = View::at(At::Known(&known));
                staleness_in(logs, &logs[&space], view, &Suspended::new()).unwrap()
            };
            assert_eq!(ask(&replica.logs), ask(newest));
            verdicts.insert(format!("{:?}", ask(newest)));
        }
    }
    assert!(verdicts.len() >= 3, "control: {verdicts:?}");
}
