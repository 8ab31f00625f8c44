//! The join lane.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::{SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::effect::{Effect, InvitationProof};
use nahtlos_protocol::space::{Draft, Kind, Role};
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::join::{JoinAnswer, JoinRequest};
use nahtlos_protocol::wire::{ItemKind, Status};

use crate::client::{Answer, Client, Setting, item_id, now_ms, post};
use crate::world::{TestDevice, push_item};

/// A invites a person into its team.
fn invite(setting: &mut Setting, number: u8, not_after_ms: u64) -> InvitationText {
    let text = InvitationText {
        url: String::new(),
        relay: VerifyingKeyBytes(*setting.client.relay.as_bytes()),
        network: setting.network,
        inviting: setting.a.team,
        guardian: Some(setting.a.institution),
        seed: Secret32::from_bytes([number; 32]),
    };
    let draft = Draft::new().effect(Effect::Invite {
        invitation: text.invitation(),
        role: Role::Write,
        not_after_ms,
    });
    setting.world.act(&setting.a1, draft, Some(setting.a.team));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    text
}

/// A newcomer's founding operation, without an epoch, and the request that carries it.
fn request(
    setting: &mut Setting,
    device: &TestDevice,
    text: &InvitationText,
) -> (JoinRequest, SpaceId) {
    let create = setting
        .world
        .create(Kind::Person, Some(setting.a.institution), None);
    let admit = setting.world.add_device(device, None);
    let draft = Draft::new().effect(create).effect(admit);
    let prepared = setting.world.prepare(device, draft, None);
    let person = prepared.state.id();
    setting.world.pending.push(push_item(&prepared));
    setting.world.logs.insert(person, prepared.state.into());
    let bytes = vec![prepared.operation.bytes().to_vec()];
    (
        JoinRequest::sign(text, person, bytes, vec![1; 200]).unwrap(),
        person,
    )
}

fn send(setting: &Setting, request: &JoinRequest) -> Answer {
    post(setting.client.address, "/v1/join", None, request.bytes())
}

#[test]
fn whoever_was_invited_asks_once_and_is_seen_by_the_inviting_team_only() {
    let mut setting = Setting::new();
    let b1 = TestDevice::new(2);
    let (_, mut b_client) = setting.second_institution(&b1);
    let text = invite(&mut setting, 50, now_ms() + 60_000);
    let d1 = TestDevice::new(4);
    let (join, person) = request(&mut setting, &d1, &text);
    let answer = send(&setting, &join);
    assert_eq!(answer.status, 200);
    let taken: JoinAnswer = codec::decode(&answer.body, 4096).unwrap();
    assert_eq!(taken.status, Status::Accepted);
    taken
        .receipt
        .verify(&join.id(), &setting.client.relay)
        .unwrap();
    // The same bytes again are the same request; other bytes are not.
    let again: JoinAnswer = codec::decode(&send(&setting, &join).body, 4096).unwrap();
    assert_eq!(
        (again.status, again.receipt),
        (Status::Duplicate, taken.receipt)
    );
    let thief = TestDevice::new(5);
    let queued = setting.world.pending.clone();
    let (stolen, _) = request(&mut setting, &thief, &text);
    setting.world.pending = queued;
    let answer = send(&setting, &stolen);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "invitation_used")
    );

    let items = setting.client.sync(&setting.a1, Vec::new()).1;
    assert_eq!(items.len(), 1);
    assert_eq!(
        (items[0].kind, item_id(&items[0])),
        (ItemKind::JoinRequest, join.id())
    );
    let foreign = b_client.sync(&b1, Vec::new()).1;
    assert!(
        foreign
            .iter()
            .all(|item| item.kind != ItemKind::JoinRequest)
    );

    // A adds the newcomer with the proof; from then on the newcomer syncs.
    let proof: InvitationProof = join.body().proof.clone();
    add_invited(&mut setting, person, proof);
    let mut client = Client::new(setting.client.address, setting.client.relay);
    let items = client.sync(&d1, Vec::new()).1;
    let mut wraps = items.iter().flat_map(|item| &item.wraps);
    assert!(wraps.any(|wrap| wrap.recipient == d1.id.into()));
    let answer = send(&setting, &stolen);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "invitation_used")
    );
}

/// A adds whoever was invited, with the proof.
fn add_invited(setting: &mut Setting, person: SpaceId, proof: InvitationProof) {
    let mut add = setting.world.add(person, Role::Write);
    if let Effect::Add { invitation, .. } = &mut add {
        *invitation = Some(proof);
    }
    let team = &setting.world.logs[&setting.a.team];
    let key_id = team.current_epoch().unwrap().key_id;
    let draft = Draft::new()
        .effect(add)
        .wrap_missing(setting.a1.held(&key_id));
    setting.world.act(&setting.a1, draft, Some(setting.a.team));
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
}

#[test]
fn an_invitation_answered_without_the_relay_is_used_all_the_same() {
    let mut setting = Setting::new();
    let text = invite(&mut setting, 50, now_ms() + 60_000);
    let d1 = TestDevice::new(4);
    let (join, person) = request(&mut setting, &d1, &text);
    // The request came by mail; A adds the newcomer.
    add_invited(&mut setting, person, join.body().proof.clone());
    let answer = send(&setting, &join);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "invitation_used")
    );
}

#[test]
fn an_expired_unknown_malformed_or_oversized_request_is_refused() {
    let mut setting = Setting::new();
    let expired = invite(&mut setting, 50, now_ms() - 1000);
    let good = invite(&mut setting, 51, now_ms() + 60_000);
    let unknown = InvitationText {
        seed: Secret32::from_bytes([52; 32]),
        ..good.clone()
    };
    let elsewhere = InvitationText {
        inviting: setting.a.institution,
        ..good.clone()
    };
    let d1 = TestDevice::new(4);
    for (text, status, code) in [
        (&expired, 410, "invitation_expired"),
        (&unknown, 404, "invitation_unknown"),
        (&elsewhere, 404, "invitation_unknown"),
    ] {
        let (join, _) = request(&mut setting, &d1, text);
        let answer = send(&setting, &join);
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let (join, _) = request(&mut setting, &d1, &good);
    let mut forged = join.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let address = setting.client.address;
    for body in [&forged[..], b"", b"nonsense"] {
        let answer = post(address, "/v1/join", None, body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "malformed_request")
        );
    }
    let answer = post(address, "/v1/join", None, &[0; 4097]);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
    assert_eq!(send(&setting, &join).status, 200);
}
