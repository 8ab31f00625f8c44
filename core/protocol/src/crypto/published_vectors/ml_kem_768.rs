//! A selection of Wycheproof's ML-KEM-768 vectors: keys and encapsulations through [`KemPublicKey`]
//! and [`wrap_hybrid`]; decapsulation through the library x-wing calls, because our own secret keys
//! are X-Wing seeds, from which ML-KEM's are derived.

use ml_kem::{
    FromSeed, MlKem768,
    kem::{Decapsulate, KeyExport},
};

use super::{FixedRandom, WycheproofTest};
use crate::crypto::{
    kem::{InvalidKemPublicKey, KemPublicKey, KemSecretKey},
    secret::Secret32,
    wrap::{WrapError, open_hybrid, wrap_hybrid},
};

const ENCAPSULATION_FILE: &str = "wycheproof_mlkem_768_encaps.json";
const ENCAPSULATION_COUNT: usize = 36;
const DECAPSULATION_FILE: &str = "wycheproof_mlkem_768_decaps.json";
const DECAPSULATION_COUNT: usize = 35;

/// The ML-KEM ciphertext at the beginning of an X-Wing encapsulation.
const CIPHERTEXT_BYTES: usize = 1088;
/// X25519's base point, as the other half of an X-Wing key.
const X25519_KEY: [u8; 32] = {
    let mut key = [0; 32];
    key[0] = 9;
    key
};

/// The X-Wing key with the ML-KEM key of `test`.
fn hybrid_key(test: &WycheproofTest) -> Result<KemPublicKey, InvalidKemPublicKey> {
    KemPublicKey::from_bytes(&[test.bytes("ek"), X25519_KEY.to_vec()].concat())
}

/// The ML-KEM ciphertext that a wrap to `recipient` begins with, drawn from `message`.
fn ciphertext(recipient: &KemPublicKey, message: Vec<u8>) -> Vec<u8> {
    let mut random = FixedRandom([message, vec![7; 32]].concat());
    let seed = Secret32::from_bytes([1; 32]);
    let mut wrap = wrap_hybrid(&mut random, recipient, b"", &seed).unwrap();
    wrap.truncate(CIPHERTEXT_BYTES);
    wrap
}

#[test]
fn every_valid_wycheproof_key_encapsulates_to_its_ciphertext_and_another_message_to_another() {
    let mut run = 0;
    for test in WycheproofTest::all(ENCAPSULATION_FILE, ENCAPSULATION_COUNT) {
        if test.result() == "valid" {
            let key = hybrid_key(&test).unwrap();
            assert_eq!(ciphertext(&key, test.bytes("m")), test.bytes("c"));
            let mut other = test.bytes("m");
            other[0] ^= 1;
            assert_ne!(ciphertext(&key, other), test.bytes("c"), "{}", test.id());
            run += 1;
        }
    }
    assert_eq!(run, 15);
}

#[test]
fn every_invalid_wycheproof_key_is_refused_for_its_own_reason() {
    let (mut wrong_lengths, mut not_reduced) = (0, 0);
    for test in WycheproofTest::all(ENCAPSULATION_FILE, ENCAPSULATION_COUNT) {
        if test.result() == "invalid" {
            match hybrid_key(&test) {
                Err(InvalidKemPublicKey::Length { .. }) => {
                    assert!(test.comment().starts_with("Public key is too"));
                    wrong_lengths += 1;
                }
                Err(InvalidKemPublicKey::Refused(_)) => {
                    let is_overflow = test.has_flag("ModulusOverflow");
                    assert!(is_overflow || test.comment() == "Public key not reduced");
                    not_reduced += 1;
                }
                Ok(_) => panic!("vector {} is accepted", test.id()),
            }
        }
    }
    assert_eq!((wrong_lengths, not_reduced), (6, 15));
}

/// Of a ciphertext that was changed the secret is another one, which only the owner can compute
/// ("implicit rejection"): those vectors are valid ones too.
#[test]
fn every_valid_wycheproof_ciphertext_gives_its_secret() {
    let mut run = 0;
    for test in WycheproofTest::all(DECAPSULATION_FILE, DECAPSULATION_COUNT) {
        if test.result() == "valid" {
            let seed: [u8; 64] = test.bytes("seed").try_into().unwrap();
            let (secret, public) = MlKem768::from_seed(&seed.into());
            assert_eq!(public.to_bytes()[..], test.bytes("ek"), "{}", test.id());
            let given: [u8; CIPHERTEXT_BYTES] = test.bytes("c").try_into().unwrap();
            let shared = secret.decapsulate(&given.into());
            assert_eq!(shared[..], test.bytes("K"), "{}", test.id());

            let mut changed = given;
            changed[0] ^= 1;
            let shared = secret.decapsulate(&changed.into());
            assert_ne!(shared[..], test.bytes("K"), "{}", test.id());
            run += 1;
        }
    }
    assert_eq!(run, 29);
}

#[test]
fn a_wrap_with_an_invalid_wycheproof_ciphertext_is_refused_for_its_length() {
    let recipient = KemSecretKey::from_seed(&Secret32::from_bytes([1; 32]));
    let (mut wrong_lengths, mut right_lengths) = (0, 0);
    for test in WycheproofTest::all(DECAPSULATION_FILE, DECAPSULATION_COUNT) {
        let rest = [X25519_KEY.as_slice(), &[0; 32 + 16]].concat();
        let wrap = [test.bytes("c"), rest].concat();
        match open_hybrid(&recipient, b"", &wrap) {
            Err(WrapError::Length { found_bytes, .. }) => {
                assert_eq!(test.result(), "invalid", "{}", test.id());
                assert_eq!(found_bytes, wrap.len());
                wrong_lengths += 1;
            }
            // The control: of the right length, and refused because it is nobody's wrap.
            outcome => {
                assert_eq!(outcome, Err(WrapError::Open), "{}", test.id());
                assert_eq!(test.result(), "valid", "{}", test.id());
                right_lengths += 1;
            }
        }
    }
    assert_eq!((wrong_lengths, right_lengths), (6, 29));
}
