//! Derivations, history links and sealed labels.

use super::*;
use crate::crypto::{
    test_random::TestRandom,
    wrap::{HISTORY_LINK_BYTES, open_hybrid, wrap_hybrid},
};

fn epoch(seed: u64) -> EpochSeed {
    EpochSeed::random(&mut TestRandom::new(seed))
}

#[test]
fn a_seed_is_checked_against_its_key_id() {
    let seed = epoch(1);
    assert_eq!(seed.check(&seed.key_id()), Ok(()));
    assert_eq!(seed.check(&epoch(2).key_id()), Err(KeyIdMismatch));
}

/// Computed with another implementation (Python's hmac and hashlib). What is sealed under version 1
/// stays readable only as long as these never change.
#[test]
fn the_derivations_of_version_1_never_change() {
    let seed = EpochSeed::from_secret(Secret32::from_bytes(core::array::from_fn(|i| i as u8)));
    let hex = |secret: Secret32| data_encoding::HEXLOWER.encode(secret.expose());
    assert_eq!(
        hex(Secret32::from_bytes(seed.key_id())),
        "863fabce281edb3d59dcb3a67b9f8ed27427b988a975a18298a59a2f200f1f69"
    );
    assert_eq!(
        hex(seed.content_key()),
        "9c2376490a0e98b02de828215d662cb44359804f4c80aac0134729212b882efd"
    );
    assert_eq!(
        hex(seed.history_key()),
        "e7355897274b7570bd026736457d5023e637ae89acd94093ca6cee79215b9c26"
    );
    assert_eq!(
        hex(seed.wrap_key()),
        "471d3184df9ccfd5e26b447939ace799982c190984e6cd50b2a2b29b9cbdd5f1"
    );
    assert_eq!(
        hex(seed.label_key()),
        "2a824e692a7fc425f64c2256e40dda6f0d81cfc049b7e59205819ac4272da704"
    );
    let kem_seed = "fffa2259ef5f6c3a20085e55ac68e75d17e45ffba5c02d6aea44f4efb91666ec";
    let kem_seed = data_encoding::HEXLOWER.decode(kem_seed.as_bytes()).unwrap();
    let kem_seed = Secret32::from_bytes(kem_seed.try_into().unwrap());
    assert_eq!(
        seed.kem_keys().1,
        KemSecretKey::from_seed(&kem_seed).public_key()
    );
}

#[test]
fn every_derived_key_differs_from_the_others_and_from_the_seed() {
    let seed = epoch(1);
    let keys = [
        seed.as_secret().clone(),
        Secret32::from_bytes(seed.key_id()),
        seed.content_key(),
        seed.history_key(),
        seed.wrap_key(),
        seed.label_key(),
        derive(seed.as_secret(), label::EPOCH_KEM, &[]),
    ];
    for (position, key) in keys.iter().enumerate() {
        for other in &keys[position + 1..] {
            assert_ne!(key, other);
        }
    }
    assert_ne!(seed.content_key(), epoch(2).content_key());
}

#[test]
fn a_wrap_to_an_epoch_opens_with_that_epoch() {
    let (_, public) = epoch(1).kem_keys();
    let (secret, _) = EpochSeed::from_secret(epoch(1).as_secret().clone()).kem_keys();
    let inner = epoch(3);
    let mut rng = TestRandom::new(4);
    let wrap = wrap_hybrid(&mut rng, &public, b"info", inner.as_secret()).unwrap();
    assert_eq!(
        open_hybrid(&secret, b"info", &wrap).as_ref(),
        Ok(inner.as_secret())
    );
}

#[test]
fn whoever_holds_the_new_epoch_reaches_the_previous_one() {
    let (previous, new) = (epoch(1), epoch(2));
    let link = seal_history_link(&new, &previous);
    assert_eq!(link.len(), HISTORY_LINK_BYTES);
    assert_eq!(link, seal_history_link(&new, &previous));
    assert_eq!(
        open_history_link(&new, &previous.key_id(), &link),
        Ok(previous)
    );
}

#[test]
fn whoever_holds_the_previous_epoch_does_not_reach_the_new_one() {
    let (previous, new) = (epoch(1), epoch(2));
    let link = seal_history_link(&new, &previous);
    for expected in [previous.key_id(), new.key_id()] {
        assert_eq!(
            open_history_link(&previous, &expected, &link),
            Err(HistoryLinkError::Open(WrapError::Open))
        );
    }
}

#[test]
fn a_history_link_said_to_lead_elsewhere_or_changed_does_not_open() {
    let (previous, new) = (epoch(1), epoch(2));
    let link = seal_history_link(&new, &previous);
    assert!(open_history_link(&new, &previous.key_id(), &link).is_ok());
    assert_eq!(
        open_history_link(&new, &epoch(3).key_id(), &link),
        Err(HistoryLinkError::Open(WrapError::Open))
    );
    for position in 0..HISTORY_LINK_BYTES {
        let mut changed = link.clone();
        changed[position] ^= 1;
        assert_eq!(
            open_history_link(&new, &previous.key_id(), &changed),
            Err(HistoryLinkError::Open(WrapError::Open))
        );
    }
    assert!(matches!(
        open_history_link(&new, &previous.key_id(), &link[..47]),
        Err(HistoryLinkError::Open(WrapError::Length { .. }))
    ));
}

#[test]
fn a_link_that_authenticates_but_holds_another_seed_is_refused() {
    let (announced, new) = (epoch(1), epoch(2));
    // A lying holder of the new epoch seals a seed other than the announced one.
    let key = history_link_key(&new, &announced.key_id());
    let lie = seal_seed(&key, epoch(3).as_secret());
    assert_eq!(
        open_history_link(&new, &announced.key_id(), &lie),
        Err(HistoryLinkError::KeyId(KeyIdMismatch))
    );
}

#[test]
fn a_sealed_label_opens_in_its_epoch_and_context() {
    let seed = epoch(1);
    for (plaintext_bytes, sealed_bytes) in [(0, 336), (252, 336), (253, 592)] {
        let plaintext = vec![0x61; plaintext_bytes];
        let sealed = seal_label(&seed, &mut TestRandom::new(2), b"context", &plaintext).unwrap();
        assert_eq!(sealed.len(), sealed_bytes);
        assert_eq!(*open_label(&seed, b"context", &sealed).unwrap(), plaintext);
    }
}

#[test]
fn a_sealed_label_is_another_one_every_time() {
    let mut rng = TestRandom::new(2);
    let first = seal_label(&epoch(1), &mut rng, b"context", b"medical").unwrap();
    let second = seal_label(&epoch(1), &mut rng, b"context", b"medical").unwrap();
    assert_ne!(first, second);
}

#[test]
fn a_sealed_label_does_not_open_elsewhere() {
    let sealed = seal_label(&epoch(1), &mut TestRandom::new(2), b"context", b"medical").unwrap();
    assert!(open_label(&epoch(1), b"context", &sealed).is_ok());
    let refusal = OpenLabelError::Open(OpenError::Commitment);
    assert_eq!(open_label(&epoch(2), b"context", &sealed), Err(refusal));
    assert_eq!(open_label(&epoch(1), b"Context", &sealed), Err(refusal));
}

#[test]
fn a_sealed_label_changed_or_truncated_does_not_open() {
    let seed = epoch(1);
    let sealed = seal_label(&seed, &mut TestRandom::new(2), b"context", b"medical").unwrap();
    for position in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[position] ^= 1;
        let expected = if position < SALT_BYTES + COMMITMENT_BYTES {
            OpenError::Commitment
        } else {
            OpenError::Authentication
        };
        assert_eq!(
            open_label(&seed, b"context", &changed),
            Err(OpenLabelError::Open(expected))
        );
    }
    for length in [0, 31, 63] {
        assert_eq!(
            open_label(&seed, b"context", &sealed[..length]),
            Err(OpenLabelError::Truncated)
        );
    }
    for length in [64, 79, 80, 335] {
        assert_eq!(
            open_label(&seed, b"context", &sealed[..length]),
            Err(OpenLabelError::Open(OpenError::Authentication))
        );
    }
}
