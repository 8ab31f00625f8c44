//! What is sealed, and what seals it: under keys the input's author is taken to hold.

use nahtlos_protocol::crypto::committing_aead;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::epoch_secret::{open_history_link, open_label};
use nahtlos_protocol::crypto::kem::KemPublicKey;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::padding;
use nahtlos_protocol::crypto::signature::{Signature, VerifyingKey};
use nahtlos_protocol::crypto::wrap::{open_hybrid, open_symmetric};
use nahtlos_protocol::envelope::snapshot::{SnapshotPayload, StatementPayload};
use nahtlos_protocol::envelope::{Envelope, Payload};
use nahtlos_protocol::limits;

use super::codec::canonical;
use super::fixture;
use super::source::Source;

pub fn payload(bytes: &[u8]) {
    let decoded = canonical::<Payload>(bytes, limits::PAYLOAD_BYTES_MAX);
    let sealed = fixture::sealed_as_payload(bytes);
    let opened = Envelope::decode(sealed.bytes())
        .ok()
        .and_then(|one| one.open(&fixture::epoch()).ok());
    assert_eq!(
        opened, decoded,
        "the envelope says something else than its payload"
    );
    if let Some(payload) = decoded {
        assert!(payload.changes.len() <= limits::CHANGES_PER_ENVELOPE_MAX);
        assert!(payload.run_nonces.len() <= limits::RUN_NONCES_MAX);
    }
}

pub fn snapshot_payload(bytes: &[u8]) {
    if let Some(payload) = canonical::<SnapshotPayload>(bytes, limits::PAYLOAD_BYTES_MAX) {
        assert!(payload.heads.len() <= limits::DOCUMENT_HEADS_MAX);
        assert!(payload.actors.len() <= limits::SNAPSHOT_ACTORS_MAX);
        assert!(payload.covered.len() <= limits::SNAPSHOT_COVERED_MAX);
    }
    if let Some(statement) = canonical::<StatementPayload>(bytes, limits::PAYLOAD_BYTES_MAX) {
        assert!(statement.heads.len() <= limits::DOCUMENT_HEADS_MAX);
    }
}

/// Bytes that claim to be sealed, and plaintext that is sealed for real but padded as its author liked.
pub fn sealed(bytes: &[u8]) {
    let seed = fixture::epoch();
    let _opened = open_label(&seed, b"context", bytes);
    if let Ok(content) = padding::unpad(bytes) {
        let again = padding::pad(content).expect("it was padded");
        assert_eq!(again, bytes, "one payload, two paddings");
    }
    let key = derive(seed.as_secret(), b"nahtlos/v1/test\0", &[]);
    let sealed =
        committing_aead::seal(&key, &[7; 32], label::SEALED_LABEL, b"", bytes).expect("short");
    let opened = committing_aead::open(
        &key,
        &[7; 32],
        label::SEALED_LABEL,
        b"",
        &sealed.commitment,
        &sealed.ciphertext,
    );
    assert_eq!(opened.expect("sealed just now").as_slice(), bytes);
    let _changed = committing_aead::open(
        &key,
        &[7; 32],
        label::SEALED_LABEL,
        b"",
        &sealed.commitment,
        bytes,
    );
}

pub fn wraps(bytes: &[u8]) {
    let seed = fixture::epoch();
    let (secret, _) = seed.kem_keys();
    let mut source = Source(bytes);
    let info = source.part();
    let wrap = source.0;
    assert!(
        open_symmetric(&seed.wrap_key(), info, wrap).is_err(),
        "nobody wrapped this"
    );
    let _opened = open_hybrid(&secret, info, wrap);
    assert!(
        open_history_link(&seed, &[9; 32], wrap).is_err(),
        "nobody linked this"
    );
}

pub fn public_keys(bytes: &[u8]) {
    if let Ok(key) = KemPublicKey::from_bytes(bytes) {
        assert_eq!(key.as_bytes().as_slice(), bytes);
    }
    let Some((public, rest)) = bytes.split_first_chunk::<32>() else {
        return;
    };
    let Ok(key) = VerifyingKey::from_bytes(public) else {
        return;
    };
    assert_eq!(key.as_bytes(), public);
    if let Some((signature, message)) = rest.split_first_chunk::<64>() {
        let _verdict = key.verify(
            label::OPERATION_SIGN,
            message,
            &Signature::from_bytes(*signature),
        );
    }
}
