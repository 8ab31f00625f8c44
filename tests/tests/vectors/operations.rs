//! Operations and every effect in its bytes.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::{SigningKey, VerifyingKey};
use nahtlos_protocol::identifier::{
    EnvelopeId, GrantId, InvitationId, KeyId, Nonce, OperationId, RecipientId, SignatureBytes,
    SpaceId, VerifyingKeyBytes, WrapHash,
};
use nahtlos_protocol::space::effect::{DeviceKeys, HealedOperation, InvitationProof};
use nahtlos_protocol::space::{
    Effect, History, Kind, LogHead, Member, Operation, Recipient, Role, SignedOperation, WrapMethod,
};
use serde_json::json;

use crate::describe;
use crate::forms::{file, same_again};
use crate::support::{array, bytes, each, hex, stored};
use crate::world::{Device, NOW_MS};

#[test]
fn every_effect_is_the_bytes_it_was() {
    let stored = stored("forms/effects.json", || {
        let vectors = effects()
            .iter()
            .map(|(name, effect)| {
                let encoded = codec::encode(effect);
                json!({ "name": name, "bytes": hex(&encoded), "value": describe::effect(effect) })
            })
            .collect();
        file(
            "§12",
            "each effect in its CBOR and its fields; ids are repeated bytes",
            vectors,
        )
    });
    let mut numbers = std::collections::BTreeSet::new();
    for (name, vector) in each(&stored) {
        let encoded = bytes(vector, "bytes");
        let effect: Effect = same_again(name, &encoded);
        assert_eq!(describe::effect(&effect), vector["value"], "{name}");
        numbers.insert(encoded[1]);
    }
    assert!(numbers.into_iter().eq(0..=14), "every effect has a vector");
}

#[test]
fn signed_operations_are_the_bytes_they_were() {
    let stored = stored("forms/operations.json", || {
        let device = Device::new(9);
        let vectors = operations(&device)
            .into_iter()
            .map(|(name, operation)| {
                let signed = SignedOperation::sign(operation, &device.keys.signing);
                json!({
                    "name": name,
                    "seed": hex(&device.seed),
                    "verifying": hex(device.keys.public_keys().verifying.as_bytes()),
                    "bytes": hex(signed.bytes()),
                    "id": signed.id().to_string(),
                    "space": signed.space().to_string(),
                    "value": describe::operation(signed.operation()),
                })
            })
            .collect();
        file(
            "§11",
            "signed operations (the author is the device of the seed)",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let signed = SignedOperation::decode(&bytes(vector, "bytes")).expect(name);
        assert_eq!(signed.id().to_string(), vector["id"], "{name}");
        assert_eq!(signed.space().to_string(), vector["space"], "{name}");
        assert_eq!(
            describe::operation(signed.operation()),
            vector["value"],
            "{name}"
        );
        let key = VerifyingKey::from_bytes(&array(vector, "verifying")).expect(name);
        assert!(signed.is_signed_by(&key), "{name}");
        let device = Device::new(bytes(vector, "seed")[0]);
        let again = SignedOperation::sign(signed.operation().clone(), &device.keys.signing);
        assert_eq!(hex(again.bytes()), vector["bytes"], "{name}");
    }
}

fn operations(device: &Device) -> Vec<(&'static str, Operation)> {
    let founding = Operation {
        version: 1,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: device.id,
        claimed_at_ms: NOW_MS,
        references: Vec::new(),
        effects: vec![Effect::Create {
            kind: Kind::Section,
            nonce: Nonce([0x11; 16]),
            guardian: None,
            founder: None,
        }],
    };
    let head = |number: u8| LogHead {
        space: SpaceId([number; 32]),
        index: u64::from(number),
        operation: OperationId([number + 1; 32]),
    };
    let later = Operation {
        space: Some(SpaceId([0x10; 32])),
        index: 300,
        previous: Some(OperationId([0x20; 32])),
        references: vec![head(0x30), head(0x40)],
        effects: vec![
            Effect::Expire {
                grant: GrantId([0x33; 16]),
            },
            Effect::Close {},
        ],
        ..founding.clone()
    };
    vec![("founding", founding), ("later, with references", later)]
}

fn effects() -> Vec<(&'static str, Effect)> {
    [membership(), keys(), ends()]
        .into_iter()
        .flatten()
        .collect()
}

fn membership() -> Vec<(&'static str, Effect)> {
    let device = Device::new(9);
    let invitation = SigningKey::from_seed(&Secret32::from_bytes([0x77; 32]));
    let invitation = InvitationId(*invitation.verifying_key().as_bytes());
    let add = |member, role, history| Effect::Add {
        grant: GrantId([0x33; 16]),
        member,
        role,
        history,
        basis: None,
        not_after_ms: None,
        invitation: None,
    };
    let space = || Member::Space {
        id: SpaceId([0x44; 32]),
    };
    let full = Effect::Add {
        grant: GrantId([0x33; 16]),
        member: space(),
        role: Role::Write,
        history: History::Full,
        basis: Some(vec![0x62; 336]),
        not_after_ms: Some(NOW_MS),
        invitation: Some(InvitationProof {
            invitation,
            signature: SignatureBytes([0x78; 64]),
        }),
    };
    let only_end = Effect::Add {
        grant: GrantId([0x33; 16]),
        member: space(),
        role: Role::Read,
        history: History::Full,
        basis: None,
        not_after_ms: Some(5),
        invitation: None,
    };
    let create = |kind, guardian, founder: Option<DeviceKeys>| Effect::Create {
        kind,
        nonce: Nonce([0x11; 16]),
        guardian,
        founder,
    };
    let own = Member::Device {
        keys: device.public(),
        countersignature: SignatureBytes([0x79; 64]),
    };
    vec![
        ("Create network", create(Kind::Network, None, None)),
        (
            "Create team with guardian",
            create(Kind::Team, Some(SpaceId([0x22; 32])), None),
        ),
        (
            "Create institution with founder",
            create(Kind::Institution, None, Some(device.public())),
        ),
        ("Add space", add(space(), Role::Read, History::Full)),
        (
            "Add space from now",
            add(space(), Role::Manage, History::FromNow),
        ),
        ("Add space until", only_end),
        ("Add with everything", full),
        ("Add device", add(own, Role::Manage, History::Full)),
        (
            "Add administrator",
            add(space(), Role::Administer, History::Full),
        ),
        (
            "Confirm",
            Effect::Confirm {
                grant: GrantId([0x33; 16]),
                key_id: None,
            },
        ),
        (
            "Confirm with cut",
            Effect::Confirm {
                grant: GrantId([0x33; 16]),
                key_id: Some(KeyId([0x55; 32])),
            },
        ),
        (
            "Invite",
            Effect::Invite {
                invitation,
                role: Role::Write,
                not_after_ms: NOW_MS,
            },
        ),
        (
            "SetRelay",
            Effect::SetRelay {
                key: VerifyingKeyBytes([0x7a; 32]),
            },
        ),
    ]
}

fn keys() -> Vec<(&'static str, Effect)> {
    let recipient = |number: u8, method| Recipient {
        id: RecipientId([number; 32]),
        key: KeyId([number + 1; 32]),
        method,
        wrap: WrapHash([number + 2; 32]),
    };
    let epoch =
        |kem, previous: Option<KeyId>, link, label, recipients, cut, suspended| Effect::Epoch {
            key_id: KeyId([0x55; 32]),
            kem,
            previous,
            link,
            label,
            recipients,
            cut,
            suspended,
        };
    let both = vec![
        recipient(0x60, WrapMethod::Hybrid),
        recipient(0x70, WrapMethod::Symmetric),
    ];
    let previous = Some(KeyId([0x54; 32]));
    let first = epoch(
        None,
        None,
        None,
        Some(vec![0x62; 336]),
        vec![],
        false,
        vec![],
    );
    let linked = epoch(
        Some(vec![0x63; 1216]),
        previous,
        Some(vec![0x64; 48]),
        None,
        both.clone(),
        false,
        vec![GrantId([0x31; 16]), GrantId([0x32; 16])],
    );
    vec![
        ("Epoch, the first", first),
        ("Epoch, linked and passing over", linked),
        (
            "Epoch, a cut",
            epoch(None, previous, None, None, both.clone(), true, vec![]),
        ),
        (
            "Wrap",
            Effect::Wrap {
                key_id: KeyId([0x55; 32]),
                recipients: both,
                suspended: vec![GrantId([0x31; 16])],
            },
        ),
        (
            "Link",
            Effect::Link {
                key_id: KeyId([0x55; 32]),
                previous: KeyId([0x53; 32]),
                link: vec![0x64; 48],
            },
        ),
        (
            "BadWrap",
            Effect::BadWrap {
                key_id: KeyId([0x55; 32]),
                recipient: RecipientId([0x60; 32]),
            },
        ),
    ]
}

fn ends() -> Vec<(&'static str, Effect)> {
    let grant = GrantId([0x33; 16]);
    vec![
        (
            "Remove grant",
            Effect::Remove {
                grant: Some(grant),
                member: None,
                reason: 1,
            },
        ),
        (
            "Remove member",
            Effect::Remove {
                grant: None,
                member: Some(RecipientId([0x60; 32])),
                reason: 8,
            },
        ),
        (
            "SetRole",
            Effect::SetRole {
                grant,
                role: Role::Read,
            },
        ),
        ("Expire", Effect::Expire { grant }),
        (
            "Void",
            Effect::Void {
                envelopes: vec![EnvelopeId([0x65; 32])],
                grants: vec![grant],
            },
        ),
        (
            "Heal",
            Effect::Heal {
                branch: vec![HealedOperation {
                    operation: vec![0x66; 3],
                    receipt: vec![0x67; 4],
                }],
            },
        ),
        ("Close", Effect::Close {}),
    ]
}
