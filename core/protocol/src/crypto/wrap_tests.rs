//! Round trips and refusals of both kinds of wrap. RFC 9180's and the X-Wing draft's vectors are in
//! `published_vectors`; the stored vectors of the workspace fix our bytes.

use super::*;
use crate::crypto::{
    kem::{KemPublicKey, KemSecretKey},
    secret::Secret32,
    test_random::TestRandom,
};

const INFO: &[u8] = b"key id, recipient";

fn recipient(seed: u8) -> (KemSecretKey, KemPublicKey) {
    let secret = KemSecretKey::from_seed(&Secret32::from_bytes([seed; 32]));
    let public = secret.public_key();
    (secret, public)
}

fn seed() -> Secret32 {
    Secret32::from_bytes([0x5e; 32])
}

fn hybrid_wrap() -> Vec<u8> {
    let (_, public) = recipient(1);
    wrap_hybrid(&mut TestRandom::new(1), &public, INFO, &seed()).unwrap()
}

#[test]
fn a_hybrid_wrap_opens_for_its_recipient() {
    let (secret, _) = recipient(1);
    let wrap = hybrid_wrap();
    assert_eq!(wrap.len(), HYBRID_WRAP_BYTES);
    assert_eq!(HYBRID_WRAP_BYTES, 1168);
    assert_eq!(open_hybrid(&secret, INFO, &wrap), Ok(seed()));
}

#[test]
fn a_hybrid_wrap_is_another_one_every_time() {
    let (secret, public) = recipient(1);
    let mut rng = TestRandom::new(1);
    let first = wrap_hybrid(&mut rng, &public, INFO, &seed()).unwrap();
    let second = wrap_hybrid(&mut rng, &public, INFO, &seed()).unwrap();
    assert_ne!(first, second);
    assert_eq!(open_hybrid(&secret, INFO, &second), Ok(seed()));
}

#[test]
fn a_hybrid_wrap_does_not_open_with_another_key_or_info() {
    let (secret, _) = recipient(1);
    let (other, _) = recipient(2);
    let wrap = hybrid_wrap();
    assert!(open_hybrid(&secret, INFO, &wrap).is_ok());
    assert_eq!(open_hybrid(&other, INFO, &wrap), Err(WrapError::Open));
    assert_eq!(
        open_hybrid(&secret, b"another", &wrap),
        Err(WrapError::Open)
    );
}

#[test]
fn a_hybrid_wrap_with_a_changed_byte_does_not_open() {
    let (secret, _) = recipient(1);
    let wrap = hybrid_wrap();
    // ML-KEM ciphertext, X25519 key, encrypted seed, tag: both ends of each.
    for position in [0, 500, 1087, 1088, 1118, 1120, 1151, 1152, 1167] {
        let mut changed = wrap.clone();
        changed[position] ^= 1;
        assert_eq!(
            open_hybrid(&secret, INFO, &changed),
            Err(WrapError::Open),
            "byte {position}"
        );
    }
}

#[test]
fn a_hybrid_wrap_of_another_length_is_refused() {
    let (secret, _) = recipient(1);
    let wrap = hybrid_wrap();
    for found_bytes in [0, 48, 1120, 1167] {
        assert_eq!(
            open_hybrid(&secret, INFO, &wrap[..found_bytes]),
            Err(WrapError::Length {
                expected_bytes: HYBRID_WRAP_BYTES,
                found_bytes
            })
        );
    }
    let longer = [wrap.as_slice(), &[0]].concat();
    assert!(matches!(
        open_hybrid(&secret, INFO, &longer),
        Err(WrapError::Length { .. })
    ));
}

#[test]
fn an_info_that_hpke_would_panic_on_is_refused() {
    let (secret, public) = recipient(1);
    let mut rng = TestRandom::new(1);
    let longest = vec![0; MAX_INFO_BYTES];
    let wrap = wrap_hybrid(&mut rng, &public, &longest, &seed()).unwrap();
    assert_eq!(open_hybrid(&secret, &longest, &wrap), Ok(seed()));

    let too_long = vec![0; 70_000];
    let refusal = WrapError::InfoTooLong {
        found_bytes: 70_000,
    };
    assert_eq!(
        wrap_hybrid(&mut rng, &public, &too_long, &seed()),
        Err(refusal)
    );
    assert_eq!(open_hybrid(&secret, &too_long, &wrap), Err(refusal));
}

#[test]
fn a_symmetric_wrap_opens_under_its_key_and_is_deterministic() {
    let key = Secret32::from_bytes([1; 32]);
    let wrap = wrap_symmetric(&key, INFO, &seed());
    assert_eq!(wrap.len(), SYMMETRIC_WRAP_BYTES);
    assert_eq!(SYMMETRIC_WRAP_BYTES, 48);
    assert_eq!(wrap, wrap_symmetric(&key, INFO, &seed()));
    assert_eq!(open_symmetric(&key, INFO, &wrap), Ok(seed()));
}

#[test]
fn two_infos_never_share_a_key_stream() {
    let key = Secret32::from_bytes([1; 32]);
    let zeros = Secret32::from_bytes([0; 32]);
    let one = wrap_symmetric(&key, b"one", &zeros);
    assert_ne!(one, wrap_symmetric(&key, b"two", &zeros));
}

#[test]
fn a_symmetric_wrap_does_not_open_with_another_key_or_info_or_changed() {
    let key = Secret32::from_bytes([1; 32]);
    let wrap = wrap_symmetric(&key, INFO, &seed());
    assert!(open_symmetric(&key, INFO, &wrap).is_ok());

    let other = Secret32::from_bytes([2; 32]);
    assert_eq!(open_symmetric(&other, INFO, &wrap), Err(WrapError::Open));
    assert_eq!(
        open_symmetric(&key, b"another", &wrap),
        Err(WrapError::Open)
    );
    for position in 0..SYMMETRIC_WRAP_BYTES {
        let mut changed = wrap.clone();
        changed[position] ^= 1;
        assert_eq!(open_symmetric(&key, INFO, &changed), Err(WrapError::Open));
    }
}

#[test]
fn a_symmetric_wrap_of_another_length_is_refused() {
    let key = Secret32::from_bytes([1; 32]);
    let wrap = wrap_symmetric(&key, INFO, &seed());
    let longer = [wrap.as_slice(), &[0]].concat();
    for wrong in [&[][..], &wrap[..31], &wrap[..32], &wrap[..47], &longer] {
        assert_eq!(
            open_symmetric(&key, INFO, wrong),
            Err(WrapError::Length {
                expected_bytes: SYMMETRIC_WRAP_BYTES,
                found_bytes: wrong.len()
            })
        );
    }
}
