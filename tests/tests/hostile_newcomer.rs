//! Somebody who was invited and answers with a modified program.

use nahtlos_casework::edit::{CoreEdit, CoreKey, Edit};
use nahtlos_client::transport::Transport;
use nahtlos_protocol::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::{committing_aead, derive::derive, label};
use nahtlos_protocol::identifier::{DeviceId, GrantId, Nonce, SignatureBytes, VerifyingKeyBytes};
use nahtlos_protocol::space::admission_message;
use nahtlos_protocol::space::effect::{DeviceKeys, Effect, History, Member};
use nahtlos_protocol::space::operation::{Operation, SignedOperation};
use nahtlos_protocol::space::{Kind, Role};
use nahtlos_protocol::wire::JOIN_PATH;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_tests::World;

/// A join request for a person of this device; another number makes another person.
fn join_request(device: &OwnKeys, invitation: &InvitationText, number: u8) -> JoinRequest {
    let public = device.public_keys();
    let id = DeviceId(public.device_id());
    let consent = device
        .signing
        .sign(label::ADMISSION_SIGN, &admission_message(None, id));
    let create = Effect::Create {
        kind: Kind::Person,
        nonce: Nonce([number; 16]),
        guardian: invitation.guardian,
        founder: None,
    };
    let admit = Effect::Add {
        grant: GrantId([number; 16]),
        member: Member::Device {
            keys: DeviceKeys {
                verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
                kem: public.kem.as_bytes().to_vec(),
            },
            countersignature: SignatureBytes(*consent.as_bytes()),
        },
        role: Role::Manage,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    };
    let founding = Operation {
        version: 1,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: id,
        claimed_at_ms: 1,
        references: Vec::new(),
        effects: vec![create, admit],
    };
    let founding = SignedOperation::sign(founding, &device.signing);
    let salt = [number; 32];
    let key = derive(&invitation.seed, label::INTRODUCTION, &[]);
    let json = br#"{"name":"Nina Neu","function":"coach"}"#;
    let sealed = committing_aead::seal(&key, &salt, label::INTRODUCTION, b"", json).unwrap();
    let introduction = [salt.as_slice(), &sealed.commitment, &sealed.ciphertext].concat();
    let operations = vec![founding.bytes().to_vec()];
    JoinRequest::sign(invitation, founding.space(), operations, introduction).unwrap()
}

#[test]
fn a_newcomer_whose_founding_the_relay_refuses_does_not_keep_the_inviters_edits_back() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team("RAV Langnau").unwrap();
    // One device answers two invitations as two persons: the relay takes the first only.
    let device = DeviceSeed::from_secret(Secret32::from_bytes([7; 32])).keys();
    let mut transport = world.transport();
    for person in [1, 2] {
        let invitation = berger
            .nahtlos
            .invite_person(&team, Role::Write, "Nina Neu")
            .unwrap();
        berger.sync();
        let request = join_request(&device, &invitation, person);
        let answer = transport.post(JOIN_PATH, None, request.bytes()).unwrap();
        assert_eq!(answer.status, 200);
        let admitted = usize::from(person == 1);
        assert_eq!(berger.sync().admitted.len(), admitted, "control");
    }
    let clear = Edit::Core(CoreEdit::Clear(CoreKey::Phone));
    berger.nahtlos.edit_case(&number, &[clear]).unwrap();
    assert_eq!(berger.sync().envelopes_delivered, 1);
}
