//! How somebody is admitted: invitations and countersignatures.

use super::*;

#[test]
fn an_invitation_admits_one_newcomer_in_the_role_it_names() {
    let mut world = World::new();
    let (a1, b1, c1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let key = SigningKey::from_seed(&Secret32::from_bytes([77; 32]));
    let invitation = InvitationId(*key.verifying_key().as_bytes());
    let invite = Effect::Invite {
        invitation,
        role: Role::Write,
        not_after_ms: 9_999,
    };
    world.act(&a1, Draft::new().effect(invite), Some(one.team));
    let (b, c) = (
        world.person(&b1, one.institution),
        world.person(&c1, one.institution),
    );
    let join = |world: &mut World, newcomer: SpaceId, signed_for: SpaceId, role: Role| {
        let message = invitation_message(one.team, signed_for);
        let signature = SignatureBytes(*key.sign(label::INVITATION_SIGN, &message).as_bytes());
        let proof = InvitationProof {
            invitation,
            signature,
        };
        let mut add = world.add(newcomer, role);
        if let Effect::Add { invitation, .. } = &mut add {
            *invitation = Some(proof);
        }
        let prepared = world.prepare(&a1, Draft::new().effect(add), Some(one.team));
        prepared.map(|prepared| {
            world.logs.insert(one.team, Arc::new(prepared.state));
        })
    };
    assert!(
        join(&mut world, b, c, Role::Write).is_err(),
        "signed for somebody else"
    );
    assert!(
        join(&mut world, b, b, Role::Manage).is_err(),
        "another role"
    );
    assert!(join(&mut world, b, b, Role::Write).is_ok(), "control");
    assert!(join(&mut world, c, c, Role::Write).is_err(), "used already");
}

/// What an invitation's holder signs, put into an addition.
fn answering(mut add: Effect, key: &SigningKey, inviting: SpaceId, newcomer: SpaceId) -> Effect {
    let message = invitation_message(inviting, newcomer);
    let signature = SignatureBytes(*key.sign(label::INVITATION_SIGN, &message).as_bytes());
    if let Effect::Add { invitation, .. } = &mut add {
        *invitation = Some(InvitationProof {
            invitation: InvitationId(*key.verifying_key().as_bytes()),
            signature,
        });
    }
    add
}

#[test]
fn an_invitation_stands_for_a_newcomer_once_and_only_while_its_author_manages() {
    let mut world = World::new();
    let devices = [1, 2, 3, 4, 5].map(TestDevice::new);
    let [a1, m1, k1, b1, c1] = &devices;
    let one = world.institution(a1);
    world.custodian(a1, k1, one.institution);
    let [m, b, c] = [m1, b1, c1].map(|device| world.person(device, one.institution));
    world.join(a1, one.team, m, Role::Manage);
    let keys = [77, 78].map(|byte| SigningKey::from_seed(&Secret32::from_bytes([byte; 32])));
    for key in &keys {
        let invite = Effect::Invite {
            invitation: InvitationId(*key.verifying_key().as_bytes()),
            role: Role::Write,
            not_after_ms: 9_999,
        };
        world.act(m1, draft([invite]), Some(one.team));
    }
    // A keyless custodian lets in whom a manager invited: they need nobody else.
    let add = answering(world.add(b, Role::Write), &keys[0], one.team, b);
    let first = granted(&add);
    world.act(k1, draft([add]), Some(one.team));
    assert_eq!(world.right(b1, one.team).role, Some(Role::Write), "control");
    // Once a manager removed them, the old proof brings nobody back.
    world.act(a1, draft([remove(first)]), Some(one.team));
    let again = answering(world.add(b, Role::Write), &keys[0], one.team, b);
    world.act(k1, draft([again]), Some(one.team));
    assert_eq!(world.right(b1, one.team).role, None);
    // Nor does the word of somebody who manages no more let anybody in.
    world.act(a1, draft([remove_member(m)]), Some(one.team));
    let late = answering(world.add(c, Role::Write), &keys[1], one.team, c);
    world.act(k1, draft([late]), Some(one.team));
    assert_eq!(world.right(c1, one.team).role, None);
}

#[test]
fn a_device_is_admitted_only_with_its_own_countersignature_for_this_person() {
    let mut world = World::new();
    let (a1, a2, x1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let other = world.person(&x1, one.institution);
    let good = world.add_device(&a2, Some(one.person));
    let for_other = world.add_device(&a2, Some(other));
    let mut by_other = world.add_device(&a2, Some(one.person));
    if let Effect::Add {
        member: Member::Device {
            countersignature, ..
        },
        ..
    } = &mut by_other
    {
        let message = admission_message(Some(one.person), a2.id);
        countersignature.0 = *x1
            .keys
            .signing
            .sign(label::ADMISSION_SIGN, &message)
            .as_bytes();
    }
    for bad in [for_other, by_other] {
        let refused = world.prepare(&a1, Draft::new().effect(bad), Some(one.person));
        assert!(matches!(
            refused,
            Err(AuthorError::Replay(ReplayError::BadSignature))
        ));
    }
    assert!(
        world
            .prepare(&a1, Draft::new().effect(good), Some(one.person))
            .is_ok()
    );
}
