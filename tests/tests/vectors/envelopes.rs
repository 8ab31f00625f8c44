//! Envelopes of each kind that has content in this version, and the header of every kind.

use minicbor::bytes::ByteVec;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::crypto::{committing_aead, label};
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::snapshot::{DocumentHead, SnapshotActor, SnapshotPayload};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, KeyId, Nonce, OperationId, SpaceId};
use nahtlos_protocol::space::LogHead;
use serde_json::{Value, json};

use crate::describe;
use crate::forms::{IntoSecret, file, same_again};
use crate::support::{array, bytes, each, hex, secret, stored};
use crate::world::Device;

const KINDS: [(EnvelopeKind, &str, &[u8]); 6] = [
    (EnvelopeKind::Changes, "changes", label::ENVELOPE_CHANGES),
    (EnvelopeKind::Snapshot, "snapshot", label::ENVELOPE_SNAPSHOT),
    (EnvelopeKind::Blob, "blob", label::ENVELOPE_BLOB),
    (EnvelopeKind::Attest, "attest", label::ENVELOPE_ATTEST),
    (EnvelopeKind::Dispute, "dispute", label::ENVELOPE_DISPUTE),
    (EnvelopeKind::Erasure, "erasure", label::ENVELOPE_ERASURE),
];

#[test]
fn every_kind_of_header_is_the_bytes_it_was() {
    let stored = stored("forms/headers.json", || {
        let vectors = KINDS
            .iter()
            .map(|(kind, name, label)| {
                let header = header(*kind, &Device::new(9), [0x80; 32]);
                json!({
                    "name": name,
                    "label": hex(label),
                    "bytes": hex(&codec::encode(&header)),
                    "value": describe::header(&header),
                })
            })
            .collect();
        file(
            "§15",
            "headers of every kind, and the kind's HKDF label",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let header: Header = same_again(name, &bytes(vector, "bytes"));
        assert_eq!(describe::header(&header), vector["value"], "{name}");
        let (_, word, label) = KINDS
            .iter()
            .find(|(kind, _, _)| *kind == header.kind)
            .expect(name);
        assert_eq!(
            (*word, hex(label)),
            (name, vector["label"].as_str().expect("text").to_owned())
        );
    }
    assert_eq!(each(&stored).count(), KINDS.len());
}

#[test]
fn sealed_envelopes_open_as_they_did() {
    let stored = stored("forms/envelopes.json", || {
        let payload = Payload {
            run_nonces: vec![Nonce([0x81; 16])],
            changes: vec![Change(vec![0x82; 40]), Change(vec![0x83; 300])],
        };
        let heads: Vec<ByteVec> = vec![vec![0x84; 32].into(), vec![0x85; 32].into()];
        let heads = codec::encode(&(heads,));
        let vectors = vec![
            sealed(EnvelopeKind::Changes, &codec::encode(&payload)),
            sealed(EnvelopeKind::Snapshot, &codec::encode(&snapshot_payload())),
            sealed(EnvelopeKind::Attest, &heads),
            sealed(EnvelopeKind::Dispute, &heads),
            sealed(EnvelopeKind::Erasure, &codec::encode(&Payload::default())),
        ];
        file(
            "§9, §15",
            "sealed envelopes; plaintext is the encoded payload",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        check(name, vector);
    }
}

fn snapshot_payload() -> SnapshotPayload {
    SnapshotPayload {
        document: vec![0x87; 50],
        document_bytes: 700,
        heads: vec![DocumentHead([0x84; 32]), DocumentHead([0x85; 32])],
        actors: vec![SnapshotActor {
            actor: Nonce([0x88; 16]),
            device: DeviceId([0x89; 32]),
        }],
        covered: vec![EnvelopeId([0x01; 32]), EnvelopeId([0xb0; 32])],
    }
}

fn header(kind: EnvelopeKind, author: &Device, key_id: [u8; 32]) -> Header {
    let head = |number: u8| LogHead {
        space: SpaceId([number; 32]),
        index: u64::from(number),
        operation: OperationId([number + 1; 32]),
    };
    Header {
        version: 1,
        suite: 2,
        kind,
        space: SpaceId([0x90; 32]),
        key_id: KeyId(key_id),
        author_device: author.id,
        author_sequence: 70_000,
        access_heads: vec![head(0x90), head(0xa0)],
        parents: vec![EnvelopeId([0x01; 32]), EnvelopeId([0xb0; 32])],
        salt: Salt([0xc0; 32]),
    }
}

/// Sealed by hand, from the primitives alone.
fn sealed(kind: EnvelopeKind, plaintext: &[u8]) -> Value {
    let author = Device::new(9);
    let seed = EpochSeed::from_secret([0x86; 32].into_secret());
    let header = codec::encode(&header(kind, &author, seed.key_id()));
    let (_, name, label) = KINDS
        .iter()
        .find(|(known, _, _)| *known == kind)
        .expect("a kind");
    let bytes = seal(&author, &seed, &header, label, plaintext);
    json!({
        "name": name,
        "author_seed": hex(&author.seed),
        "verifying": hex(author.keys.public_keys().verifying.as_bytes()),
        "epoch_seed": hex(seed.as_secret().expose()),
        "plaintext": hex(plaintext),
        "bytes": hex(&bytes),
        "id": hex(&hash(label::ENVELOPE, &[&bytes])),
    })
}

fn seal(
    author: &Device,
    seed: &EpochSeed,
    header: &[u8],
    label: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let content_key = derive(seed.as_secret(), label::EPOCH_CONTENT, &[]);
    let salt = [0xc0; 32];
    let sealed = committing_aead::seal(&content_key, &salt, label, header, plaintext);
    let sealed = sealed.expect("it is short");
    let message = [
        hash(b"", &[header]),
        sealed.commitment,
        hash(b"", &[&sealed.ciphertext]),
    ]
    .concat();
    let signature = author.keys.signing.sign(label::ENVELOPE_SIGN, &message);
    codec::encode(&(
        ByteVec::from(header.to_vec()),
        ByteVec::from(sealed.commitment.to_vec()),
        ByteVec::from(sealed.ciphertext),
        ByteVec::from(signature.as_bytes().to_vec()),
    ))
}

fn check(name: &str, vector: &Value) {
    let stored = bytes(vector, "bytes");
    let envelope = Envelope::decode(&stored).expect(name);
    assert_eq!(envelope.id().to_string(), vector["id"], "{name}");
    let key = VerifyingKey::from_bytes(&array(vector, "verifying")).expect(name);
    envelope.verify(&key).expect(name);
    let seed = EpochSeed::from_secret(secret(vector, "epoch_seed"));
    let author = Device::new(bytes(vector, "author_seed")[0]);
    assert_eq!(
        envelope.header().author_device,
        DeviceId(author.keys.public_keys().device_id())
    );
    let header = codec::encode(envelope.header());
    let (_, _, label) = KINDS
        .iter()
        .find(|(kind, _, _)| *kind == envelope.header().kind)
        .expect(name);
    let plaintext = bytes(vector, "plaintext");
    assert_eq!(
        seal(&author, &seed, &header, label, &plaintext),
        stored,
        "{name}"
    );
    let opened = match envelope.header().kind {
        EnvelopeKind::Snapshot => codec::encode(&envelope.open_snapshot(&seed).expect(name)),
        EnvelopeKind::Attest | EnvelopeKind::Dispute => {
            codec::encode(&envelope.open_statement(&seed).expect(name))
        }
        _ => codec::encode(&envelope.open(&seed).expect(name)),
    };
    assert_eq!(opened, plaintext, "{name}");
}
