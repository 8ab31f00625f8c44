//! The X-Wing draft's vectors, through [`KemSecretKey`], [`wrap_hybrid`] and [`open_hybrid`]. Those
//! do not show the shared secret, so the wrap is opened and sealed a second way: from the draft's
//! secret by the key schedule written out in [`KeySchedule`].

use serde_json::Value;

use super::{FixedRandom, array, bytes, fixed_bytes, hpke::KeySchedule, read};
use crate::crypto::{
    kem::{KemPublicKey, KemSecretKey},
    label,
    secret::Secret32,
    wrap::{ENCAPSULATION_BYTES, WrapError, open_hybrid, wrap_hybrid},
};

const FILE: &str = "x_wing_draft.json";
const COUNT: usize = 3;
const INFO: &[u8] = b"key id, recipient";
const X_WING: u16 = 0x647a;

fn vectors() -> Vec<Value> {
    let vectors = array(&read(FILE)).to_vec();
    assert_eq!(vectors.len(), COUNT, "vectors in {FILE}");
    vectors
}

fn seed() -> Secret32 {
    Secret32::from_bytes([0x5e; 32])
}

/// The keys of a wrap whose encapsulation holds `shared_secret`.
fn key_schedule(shared_secret: &[u8]) -> KeySchedule {
    KeySchedule::derive(X_WING, shared_secret, &[label::WRAP_HYBRID, INFO].concat())
}

#[test]
fn every_seed_of_the_draft_gives_its_public_key_and_another_seed_another_one() {
    for vector in vectors() {
        let mut seed: [u8; 32] = fixed_bytes(&vector["seed"]);
        assert_eq!(seed, fixed_bytes(&vector["sk"]));
        let public = |seed| KemSecretKey::from_seed(&Secret32::from_bytes(seed)).public_key();
        assert_eq!(public(seed).as_bytes()[..], bytes(&vector["pk"]));
        seed[31] ^= 1;
        assert_ne!(public(seed).as_bytes()[..], bytes(&vector["pk"]));
    }
}

#[test]
fn a_wrap_with_the_drafts_randomness_holds_its_ciphertext_and_secret() {
    for vector in vectors() {
        let recipient = KemPublicKey::from_bytes(&bytes(&vector["pk"])).unwrap();
        let mut random = FixedRandom(bytes(&vector["eseed"]));
        let wrap = wrap_hybrid(&mut random, &recipient, INFO, &seed()).unwrap();
        assert_eq!(random.0, b"", "all of the randomness is used");

        let (encapsulation, sealed) = wrap.split_at(ENCAPSULATION_BYTES);
        assert_eq!(encapsulation, bytes(&vector["ct"]));
        let mut shared_secret = bytes(&vector["ss"]);
        assert_eq!(
            key_schedule(&shared_secret).open(0, b"", sealed),
            Some(seed().expose().to_vec())
        );
        shared_secret[0] ^= 1;
        assert_eq!(key_schedule(&shared_secret).open(0, b"", sealed), None);
    }
}

#[test]
fn a_wrap_made_from_the_drafts_ciphertext_and_secret_opens_and_from_another_secret_does_not() {
    for vector in vectors() {
        let secret = KemSecretKey::from_seed(&Secret32::from_bytes(fixed_bytes(&vector["seed"])));
        let wrap = |shared_secret: &[u8]| {
            let sealed = key_schedule(shared_secret).seal(0, b"", seed().expose());
            [bytes(&vector["ct"]), sealed].concat()
        };
        let mut shared_secret = bytes(&vector["ss"]);
        assert_eq!(
            open_hybrid(&secret, INFO, &wrap(&shared_secret)),
            Ok(seed())
        );
        shared_secret[0] ^= 1;
        assert_eq!(
            open_hybrid(&secret, INFO, &wrap(&shared_secret)),
            Err(WrapError::Open)
        );
    }
}
