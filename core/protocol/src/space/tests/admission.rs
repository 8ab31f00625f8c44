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
