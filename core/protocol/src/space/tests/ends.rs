//! How grants end and change: `Remove`, `SetRole`, `Expire`, `Void`, `Close`, and who may.

use super::*;

#[test]
fn a_removal_of_one_grant_leaves_the_members_other_grants_standing() {
    let mut o = offices();
    let second = o.world.join_again(&o.a1, o.section, o.two.team, Role::Read);
    let first = o.world.logs[&o.section].grants()[1].id;
    assert_eq!(o.world.right(&o.c1, o.section).role, Some(Role::Write));
    o.world.act(&o.a1, draft([remove(first)]), Some(o.section));
    assert_eq!(o.world.right(&o.c1, o.section).role, Some(Role::Read));
    o.world.act(&o.a1, draft([remove(second)]), Some(o.section));
    assert_eq!(o.world.right(&o.c1, o.section).role, None);
    let ended = o.world.logs[&o.section].grant(&first).unwrap().ended;
    let ended = ended.unwrap();
    assert_eq!((ended.at, ended.by), (3, o.a1.id));
    assert_eq!(ended.reason, EndReason::Removed(0));
}

#[test]
fn a_removal_of_a_member_ends_all_its_grants_and_keeps_its_coded_reason() {
    let mut o = offices();
    o.world.join_again(&o.a1, o.section, o.two.team, Role::Read);
    o.world
        .act(&o.a1, draft([remove_member(o.two.team)]), Some(o.section));
    assert_eq!(o.world.right(&o.c1, o.section).role, None);
    let state = &o.world.logs[&o.section];
    for grant in &state.grants()[1..] {
        let reason = grant.ended.map(|end| end.reason);
        assert_eq!(reason, Some(EndReason::Removed(2)));
    }
    assert!(state.grants()[0].ended.is_none(), "control: team one stays");
    let again = refusal(
        o.world
            .attempt(&o.a1, vec![remove_member(o.two.team)], o.section),
    );
    assert_eq!(again, contradiction("Remove", "there is no such grant"));
}

#[test]
fn a_removal_names_exactly_one_grant_or_one_member() {
    let mut o = offices();
    let grant = o.world.grant(o.section, o.two.team);
    let remove = |grant, member| Effect::Remove {
        grant,
        member,
        reason: 0,
    };
    let both = remove(Some(grant), Some(o.two.team.into()));
    for bad in [remove(None, None), both] {
        let refused = refusal(o.world.attempt(&o.a1, vec![bad], o.section));
        assert_eq!(
            refused,
            contradiction("Remove", "it names not one grant or one member")
        );
    }
    let good = remove(Some(grant), None);
    assert!(o.world.attempt(&o.a1, vec![good], o.section).is_ok());
}

#[test]
fn only_managers_and_administrators_remove() {
    let mut o = offices();
    let k1 = TestDevice::new(5);
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let (b1, x1) = (TestDevice::new(2), TestDevice::new(3));
    let b = o.world.person(&b1, o.one.institution);
    o.world.person(&x1, o.one.institution);
    o.world.join(&o.a1, o.one.team, b, Role::Read);
    let grant = o.world.grant(o.one.team, b);
    for (device, may) in [(&b1, false), (&x1, false), (&k1, true), (&o.a1, true)] {
        let tried = o.world.attempt(device, vec![remove(grant)], o.one.team);
        let expected = if may {
            Ok(3)
        } else {
            Err(not_entitled("Remove"))
        };
        assert_eq!(tried.map(|state| state.length()), expected);
    }
    // Team two writes in the section, and no more.
    let grant = o.world.grant(o.section, o.one.team);
    let tried = o.world.attempt(&o.c1, vec![remove(grant)], o.section);
    assert_eq!(refusal(tried), not_entitled("Remove"));
}

#[test]
fn story_16_the_last_path_with_manage_cannot_be_removed_reduced_run_out_or_voided() {
    // Two managers; one of the grants has a time of its own.
    let mut o = offices();
    let add = until(o.world.add(o.two.team, Role::Manage), 900);
    let second = granted(&add);
    o.world.act(&o.a1, draft([add]), Some(o.section));
    let first = o.world.grant(o.section, o.one.team);
    let void = |grant| Effect::Void {
        envelopes: vec![],
        grants: vec![grant],
    };
    let expire = Effect::Expire { grant: second };
    // Control: as long as the other stands each may end.
    let endings = |grant| vec![remove(grant), set_role(grant, Role::Write), void(grant)];
    for effect in endings(first).into_iter().chain([expire.clone()]) {
        assert!(o.world.attempt(&o.c1, vec![effect], o.section).is_ok());
    }
    o.world.act(&o.c1, draft([remove(first)]), Some(o.section));
    let last = "it would end the last path with manage: grant manage to somebody else first";
    let named = ["Remove", "SetRole", "Void", "Expire"];
    for (effect, name) in endings(second).into_iter().chain([expire]).zip(named) {
        let refused = refusal(o.world.attempt(&o.c1, vec![effect], o.section));
        assert_eq!(refused, contradiction(name, last));
    }
    // The remedy: somebody else first, in the same operation.
    let other = o.world.add(o.one.team, Role::Manage);
    let effects = vec![other, remove(second)];
    assert!(o.world.attempt(&o.c1, effects, o.section).is_ok());
}

#[test]
fn the_only_device_of_a_person_can_be_revoked() {
    let mut o = offices();
    let k2 = TestDevice::new(15);
    o.world.custodian(&o.c1, &k2, o.two.institution);
    let person = o.two.person;
    assert!(o.world.right(&o.c1, o.section).at_least(Role::Write));
    let revoke = draft([remove_member(o.c1.id)]);
    o.world.act(&k2, revoke, Some(person));
    assert_eq!(o.world.right(&o.c1, o.section).role, None);
    assert_eq!(o.world.right(&o.c1, o.two.institution).role, None);
}

#[test]
fn an_administrator_without_keys_reduces_and_a_manager_alone_raises() {
    let mut o = offices();
    let k1 = TestDevice::new(5);
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let b1 = TestDevice::new(2);
    let b = o.world.person(&b1, o.one.institution);
    let grant = o.world.join(&o.a1, o.one.team, b, Role::Write);
    let (up, down) = (set_role(grant, Role::Manage), set_role(grant, Role::Read));
    let tries: [(&TestDevice, &Effect, bool); 6] = [
        (&k1, &up, false),
        (&k1, &down, true),
        (&b1, &up, false),
        (&b1, &down, false),
        (&o.a1, &up, true),
        (&o.a1, &down, true),
    ];
    for (device, effect, may) in tries {
        let tried = o.world.attempt(device, vec![effect.clone()], o.one.team);
        let expected = if may {
            Ok(3)
        } else {
            Err(not_entitled("SetRole"))
        };
        assert_eq!(tried.map(|state| state.length()), expected);
    }
    // What a role was is known at every length.
    o.world.act(&k1, draft([down]), Some(o.one.team));
    o.world.act(&o.a1, draft([up]), Some(o.one.team));
    let known = o.world.logs[&o.one.team].grant(&grant).unwrap();
    assert_eq!(
        [3, 4, 5].map(|length| known.role_at(length - 1)),
        [Role::Write, Role::Read, Role::Manage]
    );
    assert_eq!(known.lowest_role_between(2, 4), Role::Read);
    assert_eq!(known.lowest_role_between(4, 4), Role::Manage);
}

#[test]
fn a_role_changes_only_between_different_roles_with_keys() {
    let mut o = offices();
    let k1 = TestDevice::new(5);
    let custodian = o.world.custodian(&o.a1, &k1, o.one.institution);
    let keyless = o.world.grant(o.one.institution, custodian);
    let writer = o.world.grant(o.section, o.two.team);
    let refused = contradiction("SetRole", "it is no change between roles with keys");
    let bad = [
        (o.one.institution, set_role(keyless, Role::Manage)),
        (o.section, set_role(writer, Role::Administer)),
        (o.section, set_role(writer, Role::Write)),
    ];
    for (space, effect) in bad {
        assert_eq!(
            refusal(o.world.attempt(&o.a1, vec![effect], space)),
            refused
        );
    }
    let good = vec![set_role(writer, Role::Read)];
    assert!(o.world.attempt(&o.a1, good, o.section).is_ok());
    o.world.act(&o.a1, draft([remove(writer)]), Some(o.section));
    let gone = refusal(
        o.world
            .attempt(&o.a1, vec![set_role(writer, Role::Read)], o.section),
    );
    assert_eq!(gone, contradiction("SetRole", "there is no such grant"));
}

#[test]
fn a_grant_runs_out_only_where_it_has_an_end_that_has_passed() {
    // The authors' clocks stand at 1,000.
    let mut o = offices();
    let x1 = TestDevice::new(3);
    o.world.person(&x1, o.one.institution);
    let [past, future, never] = [Some(900), Some(1_001), None].map(|end_ms| {
        let mut add = o.world.add(o.two.team, Role::Read);
        if let Effect::Add { not_after_ms, .. } = &mut add {
            *not_after_ms = end_ms;
        }
        add
    });
    let ids = [granted(&past), granted(&future), granted(&never)];
    o.world
        .act(&o.a1, draft([past, future, never]), Some(o.section));
    let [past, future, never] = ids.map(|grant| Effect::Expire { grant });
    let mut expire = |device, effect: &Effect| {
        let tried = o.world.attempt(device, vec![effect.clone()], o.section);
        tried.map(|state| state.grant(&ids[0]).unwrap().ended.map(|end| end.reason))
    };
    let stands = |reason| Err(contradiction("Expire", reason));
    assert_eq!(
        expire(&o.a1, &future),
        stands("the grant's time has not passed")
    );
    assert_eq!(
        expire(&o.a1, &never),
        stands("the grant has no end of its own")
    );
    assert_eq!(expire(&x1, &past), Err(not_entitled("Expire")));
    // A writer may, also one who does not manage.
    assert_eq!(expire(&o.c1, &past), Ok(Some(EndReason::Expired)));
    assert_eq!(expire(&o.a1, &past), Ok(Some(EndReason::Expired)));
}

#[test]
fn a_reader_cannot_let_a_grant_run_out_and_a_custodian_can() {
    let mut o = offices();
    let (b1, k1) = (TestDevice::new(2), TestDevice::new(5));
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let b = o.world.person(&b1, o.one.institution);
    let add = until(o.world.add(b, Role::Read), 900);
    let expire = Effect::Expire {
        grant: granted(&add),
    };
    o.world.act(&o.a1, draft([add]), Some(o.one.team));
    let tried = o.world.attempt(&b1, vec![expire.clone()], o.one.team);
    assert_eq!(refusal(tried), not_entitled("Expire"));
    assert!(o.world.attempt(&k1, vec![expire], o.one.team).is_ok());
}

#[test]
fn a_closed_space_takes_only_what_withdraws_access() {
    let mut o = offices();
    let add = until(o.world.add(o.two.team, Role::Read), 900);
    let timed = granted(&add);
    let written = o.world.grant(o.section, o.two.team);
    o.world.act(&o.a1, draft([add]), Some(o.section));
    let tried = o.world.attempt(&o.c1, vec![Effect::Close {}], o.section);
    assert_eq!(refusal(tried), not_entitled("Close"));
    o.world
        .act(&o.a1, draft([Effect::Close {}]), Some(o.section));
    assert_eq!(o.world.logs[&o.section].closed_at(), Some(3));
    for device in [&o.a1, &o.c1] {
        let role = o.world.right(device, o.section).role;
        assert_eq!(role, Some(Role::Read), "everybody reads, nobody writes");
    }
    let epoch = Draft::new().epoch(o.world.new_epoch(&o.a1, o.section));
    let refused = refusal(o.world.attempt_draft(&o.a1, epoch, o.section));
    assert_eq!(refused, contradiction("an effect", "the space is closed"));
    let invite = Effect::Invite {
        invitation: InvitationId([1; 32]),
        role: Role::Read,
        not_after_ms: 5,
    };
    let add = o.world.add(o.one.person, Role::Read);
    for effect in [add, invite, Effect::Close {}, confirm(timed, None)] {
        let refused = refusal(o.world.attempt(&o.a1, vec![effect], o.section));
        assert_eq!(refused, contradiction("an effect", "the space is closed"));
    }
    let up = set_role(written, Role::Manage);
    let refused = refusal(o.world.attempt(&o.a1, vec![up], o.section));
    assert_eq!(refused, contradiction("SetRole", "the space is closed"));
    // Also for those who may only take away.
    let outlive = [
        remove(written),
        set_role(written, Role::Read),
        Effect::Expire { grant: timed },
        Effect::Void {
            envelopes: vec![EnvelopeId([1; 32])],
            grants: vec![written],
        },
    ];
    for effect in outlive {
        let taken = o.world.attempt(&o.a1, vec![effect], o.section);
        assert!(taken.is_ok(), "{taken:?}");
    }
}

#[test]
fn nothing_follows_a_closing_in_its_own_operation_either() {
    let mut o = offices();
    let add = o.world.add(o.one.person, Role::Read);
    let control = vec![add.clone(), Effect::Close {}];
    assert!(o.world.attempt(&o.a1, control, o.section).is_ok());
    let refused = refusal(
        o.world
            .attempt(&o.a1, vec![Effect::Close {}, add], o.section),
    );
    assert_eq!(refused, contradiction("an effect", "the space is closed"));
}

#[test]
fn only_a_manager_voids_and_only_what_is_there() {
    let mut o = offices();
    let k1 = TestDevice::new(5);
    o.world.custodian(&o.a1, &k1, o.one.institution);
    let envelope = EnvelopeId([7; 32]);
    let void = |envelopes, grants| Effect::Void { envelopes, grants };
    let tried = o
        .world
        .attempt(&o.c1, vec![void(vec![envelope], vec![])], o.section);
    assert_eq!(refusal(tried), not_entitled("Void"));
    let tried = o
        .world
        .attempt(&k1, vec![void(vec![envelope], vec![])], o.one.team);
    assert_eq!(refusal(tried), not_entitled("Void"), "a custodian neither");
    let nothing = o
        .world
        .attempt(&o.a1, vec![void(vec![], vec![])], o.section);
    assert_eq!(refusal(nothing), contradiction("Void", "it names nothing"));
    let grant = o.world.grant(o.section, o.two.team);
    let effect = void(vec![envelope], vec![grant]);
    o.world.act(&o.a1, draft([effect.clone()]), Some(o.section));
    let state = &o.world.logs[&o.section];
    assert_eq!(state.voided().get(&envelope), Some(&2));
    let end = state.grant(&grant).unwrap().ended.unwrap();
    assert_eq!(end.reason, EndReason::Voided);
    let again = refusal(o.world.attempt(&o.a1, vec![effect], o.section));
    assert_eq!(again, contradiction("Void", "there is no such grant"));
}
