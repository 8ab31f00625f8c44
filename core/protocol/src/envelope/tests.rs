//! Every field of the header is bound: changing any one makes the envelope fail, even when its
//! author signs it anew (the AAD) and even when the AAD is left alone (the signature).

use super::header::{EnvelopeKind, Header, Salt};
use super::sealed::{Change, Envelope, OpenError, Payload};
use super::snapshot::ErasurePayload;
use crate::codec;
use crate::crypto::epoch_secret::EpochSeed;
use crate::crypto::secret::Secret32;
use crate::crypto::signature::SigningKey;
use crate::identifier::{DeviceId, EnvelopeId, KeyId, Nonce, OperationId, SpaceId};
use crate::space::LogHead;

fn seed() -> EpochSeed {
    EpochSeed::from_secret(Secret32::from_bytes([5; 32]))
}

fn signing() -> SigningKey {
    SigningKey::from_seed(&Secret32::from_bytes([6; 32]))
}

fn header() -> Header {
    Header {
        version: 1,
        suite: 2,
        kind: EnvelopeKind::Changes,
        space: SpaceId([1; 32]),
        key_id: KeyId(seed().key_id()),
        author_device: DeviceId([2; 32]),
        author_sequence: 3,
        access_heads: vec![LogHead {
            space: SpaceId([1; 32]),
            index: 4,
            operation: OperationId([4; 32]),
        }],
        parents: vec![EnvelopeId([7; 32])],
        salt: Salt([8; 32]),
    }
}

fn payload() -> Payload {
    Payload {
        run_nonces: vec![Nonce([9; 16])],
        changes: vec![Change(b"a change".to_vec())],
    }
}

fn sealed() -> Envelope {
    Envelope::seal(&header(), &payload(), &seed(), &signing()).unwrap()
}

/// The envelope with another header: either with the old signature, or signed anew by its author.
fn with_header(change: &dyn Fn(&mut Header), sign_anew: bool) -> Option<Envelope> {
    let mut changed = header();
    change(&mut changed);
    if sign_anew {
        // The author moves the old commitment and ciphertext under a changed header.
        return sealed().with_header_for_tests(&changed, Some(&signing()));
    }
    sealed().with_header_for_tests(&changed, None)
}

#[test]
fn an_envelope_round_trips_and_opens_for_its_epoch_only() {
    let envelope = sealed();
    let decoded = Envelope::decode(envelope.bytes()).unwrap();
    assert_eq!(decoded, envelope);
    assert!(decoded.verify(&signing().verifying_key()).is_ok());
    assert_eq!(decoded.open(&seed()), Ok(payload()));
    let other = EpochSeed::from_secret(Secret32::from_bytes([50; 32]));
    assert_eq!(decoded.open(&other), Err(OpenError::OtherEpoch));
    let stranger = SigningKey::from_seed(&Secret32::from_bytes([60; 32]));
    assert!(decoded.verify(&stranger.verifying_key()).is_err());
}

macro_rules! every_field_is_bound {
    ($($name:ident: $change:expr;)+) => {$(
        #[test]
        fn $name() {
            let change: &dyn Fn(&mut Header) = &$change;
            let unsigned = with_header(change, false);
            assert!(unsigned.is_none_or(|envelope| envelope.verify(&signing().verifying_key()).is_err()));
            let resigned = with_header(change, true);
            assert!(resigned.is_none_or(|envelope| {
                assert!(envelope.verify(&signing().verifying_key()).is_ok(), "it was signed anew");
                envelope.open(&seed()).is_err()
            }));
        }
    )+};
}

every_field_is_bound! {
    an_envelope_of_another_version_is_refused: |header| header.version = 2;
    an_envelope_of_another_suite_is_refused: |header| header.suite = 1;
    an_envelope_cannot_become_a_snapshot: |header| header.kind = EnvelopeKind::Snapshot;
    an_envelope_cannot_move_to_another_section: |header| header.space.0[0] ^= 1;
    an_envelope_cannot_move_to_another_epoch: |header| header.key_id.0[0] ^= 1;
    an_envelope_cannot_move_to_another_author: |header| header.author_device.0[0] ^= 1;
    an_envelope_cannot_take_another_number: |header| header.author_sequence += 1;
    an_envelope_cannot_claim_another_access_head: |header| header.access_heads[0].index += 1;
    an_envelope_cannot_lose_its_access_heads: |header| header.access_heads.clear();
    an_envelope_cannot_move_to_other_parents: |header| header.parents[0].0[0] ^= 1;
    an_envelope_cannot_lose_its_parents: |header| header.parents.clear();
    an_envelope_cannot_take_another_salt: |header| header.salt.0[0] ^= 1;
}

#[test]
fn the_unchanged_header_is_the_control() {
    let same = with_header(&|_| {}, true).unwrap();
    assert_eq!(same.open(&seed()), Ok(payload()));
}

#[test]
fn every_changed_byte_of_an_envelope_is_noticed() {
    let bytes = sealed().bytes().to_vec();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let passes = Envelope::decode(&changed)
            .is_ok_and(|envelope| envelope.verify(&signing().verifying_key()).is_ok());
        assert!(!passes, "byte {position}");
    }
}

#[test]
fn unordered_or_repeated_parents_and_number_zero_are_refused() {
    let refused = |change: &dyn Fn(&mut Header)| with_header(change, true).is_none();
    assert!(refused(
        &|header| header.parents = vec![EnvelopeId([9; 32]), EnvelopeId([1; 32])]
    ));
    assert!(refused(
        &|header| header.parents = vec![EnvelopeId([9; 32]); 2]
    ));
    assert!(refused(&|header| header.author_sequence = 0));
    assert!(refused(
        &|header| header.access_heads = vec![header.access_heads[0]; 2]
    ));
}

#[test]
fn sizes_of_small_edits_look_alike() {
    let size = |text: &str| {
        let payload = Payload {
            run_nonces: vec![Nonce([9; 16])],
            changes: vec![Change(text.as_bytes().to_vec())],
        };
        let envelope = Envelope::seal(&header(), &payload, &seed(), &signing()).unwrap();
        codec::encode(&1u8).len() + envelope.bytes().len()
    };
    assert_eq!(
        size("short"),
        size("quite a bit longer, and still within the same padding step")
    );
    assert!(size(&"x".repeat(500)) > size("short"), "control");
}

#[test]
fn an_erasure_of_a_copy_is_as_before_and_one_of_a_section_says_why() {
    let header = Header {
        kind: EnvelopeKind::Erasure,
        parents: Vec::new(),
        ..header()
    };
    // Said by a program that knew no reason: the same bytes as empty changes.
    assert_eq!(
        codec::encode(&ErasurePayload::default()),
        codec::encode(&Payload::default())
    );
    let old = Envelope::seal(&header, &Payload::default(), &seed(), &signing()).unwrap();
    assert_eq!(old.open_erasure(&seed()), Ok(ErasurePayload::default()));
    let said = ErasurePayload {
        reason: Some("a reason of a newer program".into()),
        ..ErasurePayload::default()
    };
    let sealed = Envelope::seal_erasure(&header, &said, &seed(), &signing()).unwrap();
    assert_eq!(sealed.open_erasure(&seed()), Ok(said));
    // It carries nothing else.
    let smuggled = Envelope::seal(&header, &payload(), &seed(), &signing()).unwrap();
    assert!(smuggled.open_erasure(&seed()).is_err());
}
