//! The form of operations: bytes, order, references, versions.

use super::*;

#[test]
fn every_changed_byte_of_a_signed_operation_is_noticed() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(one.team, Role::Manage);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .epoch(a1.fresh(201));
    let prepared = world.prepare(&a1, draft, None).unwrap();
    let bytes = prepared.operation.bytes().to_vec();
    let check = |bytes: &[u8]| {
        SignedOperation::decode(bytes)
            .is_ok_and(|signed| SpaceState::found(&signed, &world.logs, Signatures::Verify).is_ok())
    };
    assert!(check(&bytes), "control");
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(!check(&changed), "byte {position}");
    }
}

#[test]
fn an_operation_that_does_not_follow_the_head_or_goes_back_in_its_references_is_refused() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let (section, _) = world.section(&a1, one.team);
    let invite = |number: u8| Effect::Invite {
        invitation: InvitationId([number; 32]),
        role: Role::Read,
        not_after_ms: 5,
    };
    let forged = |world: &World, change: fn(&mut Operation)| {
        forge(world, &a1, section, change, vec![invite(1)]).map(|state| state.length())
    };
    assert_eq!(forged(&world, |_| {}), Ok(2), "control");
    assert_eq!(
        forged(&world, |operation| operation.index += 1),
        Err(ReplayError::NotNext)
    );
    assert_eq!(
        forged(&world, |operation| operation.previous =
            Some(crate::identifier::OperationId([1; 32]))),
        Err(ReplayError::NotNext)
    );
    // The team's log grows and the section's next operation refers to it; going back is refused.
    let old = world.logs[&one.team].head().unwrap();
    world.act(&a1, Draft::new().effect(invite(2)), Some(one.team));
    world.act(&a1, Draft::new().effect(invite(3)), Some(section));
    let back = forge(
        &world,
        &a1,
        section,
        |operation| {
            for head in &mut operation.references {
                if head.space == old.space {
                    *head = old;
                }
            }
        },
        vec![invite(4)],
    );
    assert_eq!(back.unwrap_err(), ReplayError::BadReferences);
    let unknown = forge(
        &world,
        &a1,
        section,
        |operation| {
            operation.references[0].operation.0[0] ^= 1;
        },
        vec![invite(4)],
    );
    assert!(matches!(unknown, Err(ReplayError::UnknownReference(_))));
}

#[test]
fn an_operation_of_an_unknown_version_or_suite_needs_a_newer_program() {
    let a1 = TestDevice::new(1);
    let operation = Operation {
        version: 2,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: a1.id,
        claimed_at_ms: 0,
        references: Vec::new(),
        effects: Vec::new(),
    };
    let decode = |operation: Operation| {
        SignedOperation::decode(SignedOperation::sign(operation, &a1.keys.signing).bytes())
    };
    let newer = |version, suite| Err(OperationError::NeedsNewer { version, suite });
    assert_eq!(decode(operation.clone()), newer(2, 2));
    // Suite 1 has no post-quantum half: a released program refuses it.
    assert_eq!(
        decode(Operation {
            version: 1,
            suite: 1,
            ..operation.clone()
        }),
        newer(1, 1)
    );
    assert!(
        decode(Operation {
            version: 1,
            ..operation
        })
        .is_ok(),
        "control"
    );
}

#[test]
fn operations_round_trip_exactly_and_refuse_trailing_bytes() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let state = &world.logs[&one.team];
    assert!(state.length() > 0);
    let create = world.create(Kind::Section, None, None);
    let add = world.add(one.team, Role::Manage);
    let draft = Draft::new().effect(create).effect(add).epoch(a1.fresh(202));
    let prepared = world.prepare(&a1, draft, None).unwrap();
    let decoded = SignedOperation::decode(prepared.operation.bytes()).unwrap();
    assert_eq!(decoded, prepared.operation);
    let mut longer = prepared.operation.bytes().to_vec();
    longer.push(0);
    assert!(matches!(
        SignedOperation::decode(&longer),
        Err(OperationError::Codec(codec::CodecError::NotCanonical))
    ));
}
