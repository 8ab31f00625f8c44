//! Vectors: RFC 8032 §7.1. Refused keys and signatures beside accepted ones.

use curve25519_dalek::{constants::EIGHT_TORSION, edwards::CompressedEdwardsY, scalar::Scalar};
use ed25519_dalek::Verifier;
use sha2::{Digest, Sha512};

use super::*;

const LABEL: &[u8] = b"test/label\0";

fn key() -> SigningKey {
    SigningKey::from_seed(&Secret32::from_bytes([5; 32]))
}

fn bytes<const LENGTH: usize>(hex: &str) -> [u8; LENGTH] {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

/// RFC 8032 §7.1, TEST 1 to TEST 3: seed, public key, message, signature.
const RFC_8032: [(&str, &str, &str, &str); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn the_rfc_8032_vectors_sign_and_verify() {
    for (seed, public, message, signature) in RFC_8032 {
        let signing = SigningKey::from_seed(&Secret32::from_bytes(bytes(seed)));
        let verifying = VerifyingKey::from_bytes(&bytes(public)).unwrap();
        let message = HEXLOWER.decode(message.as_bytes()).unwrap();
        let signature = Signature::from_bytes(bytes(signature));
        assert_eq!(signing.verifying_key(), verifying);
        // The label and the message are concatenated: an empty label leaves plain Ed25519.
        assert_eq!(signing.sign(b"", &message), signature);
        assert_eq!(verifying.verify(b"", &message, &signature), Ok(()));
    }
}

#[test]
fn a_signature_holds_for_its_own_label_message_and_key_only() {
    let signature = key().sign(LABEL, b"message");
    let verifying = key().verifying_key();
    assert_eq!(verifying.verify(LABEL, b"message", &signature), Ok(()));

    assert_eq!(
        verifying.verify(b"test/other\0", b"message", &signature),
        Err(BadSignature)
    );
    assert_eq!(
        verifying.verify(LABEL, b"Message", &signature),
        Err(BadSignature)
    );
    let other = SigningKey::from_seed(&Secret32::from_bytes([6; 32])).verifying_key();
    assert_eq!(
        other.verify(LABEL, b"message", &signature),
        Err(BadSignature)
    );
}

#[test]
fn a_signature_with_any_byte_changed_is_refused() {
    let signature = key().sign(LABEL, b"message");
    for position in 0..Signature::BYTES {
        let mut changed = *signature.as_bytes();
        changed[position] ^= 1;
        assert_eq!(
            key()
                .verifying_key()
                .verify(LABEL, b"message", &Signature::from_bytes(changed)),
            Err(BadSignature),
            "byte {position}"
        );
    }
}

#[test]
fn a_signature_whose_s_is_not_reduced_is_refused() {
    // The group order L, little-endian: S + L satisfies the same equation as S.
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order: [u8; 32] = bytes(ORDER);
    let mut forged = *key().sign(LABEL, b"message").as_bytes();
    let mut carry = 0_u16;
    for (byte, order_byte) in forged[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(order_byte) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(
        key()
            .verifying_key()
            .verify(LABEL, b"message", &Signature::from_bytes(forged)),
        Err(BadSignature)
    );
}

#[test]
fn a_public_key_survives_a_round_trip() {
    let verifying = key().verifying_key();
    assert_eq!(
        VerifyingKey::from_bytes(verifying.as_bytes()),
        Ok(verifying)
    );
}

#[test]
fn a_public_key_of_mixed_order_is_refused() {
    let honest = CompressedEdwardsY(*key().verifying_key().as_bytes())
        .decompress()
        .unwrap();
    for torsion in &EIGHT_TORSION[1..] {
        let mixed = (honest + torsion).compress().to_bytes();
        // The control: Ed25519 itself takes this key.
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&mixed).is_ok());
        assert_eq!(
            VerifyingKey::from_bytes(&mixed),
            Err(InvalidPublicKey::MixedOrder)
        );
    }
}

#[test]
fn a_public_key_of_small_order_is_refused() {
    for torsion in EIGHT_TORSION {
        let small = torsion.compress().to_bytes();
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&small).is_ok());
        assert_eq!(
            VerifyingKey::from_bytes(&small),
            Err(InvalidPublicKey::SmallOrder)
        );
    }
}

#[test]
fn a_public_key_that_is_not_canonical_is_refused() {
    // y = p + k instead of k, little-endian p = 2²⁵⁵ − 19, for the k < 19 that give a point; and
    // y = ±1 (x = 0) with the sign bit of x set.
    let mut refused = 0;
    for k in 0..19_u8 {
        for sign in [0x00, 0x80] {
            let mut encoded = [0xff; 32];
            encoded[0] = 0xed + k;
            encoded[31] = 0x7f | sign;
            match VerifyingKey::from_bytes(&encoded) {
                Err(InvalidPublicKey::NotCanonical) => refused += 1,
                outcome => assert_eq!(outcome, Err(InvalidPublicKey::NotAPoint), "{k}"),
            }
        }
    }
    assert!(refused > 0, "no encoding exercised the check");

    let mut negative_zero = [0; 32];
    negative_zero[0] = 1;
    assert_eq!(
        VerifyingKey::from_bytes(&negative_zero),
        Err(InvalidPublicKey::SmallOrder)
    );
    negative_zero[31] = 0x80;
    assert!(matches!(
        VerifyingKey::from_bytes(&negative_zero),
        Err(InvalidPublicKey::NotCanonical | InvalidPublicKey::NotAPoint)
    ));
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let mut encoded = [0; 32];
    encoded[0] = 2;
    assert_eq!(
        VerifyingKey::from_bytes(&encoded),
        Err(InvalidPublicKey::NotAPoint)
    );
}

#[test]
fn a_signature_whose_r_has_small_order_is_refused() {
    // A signer may choose R = identity and S = k · a: the equation S · B = R + k · A holds.
    let signing = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let verifying = key().verifying_key();
    let mut identity = [0; 32];
    identity[0] = 1;
    let message = labelled(LABEL, b"message");
    let digest = Sha512::new()
        .chain_update(identity)
        .chain_update(verifying.as_bytes())
        .chain_update(&message)
        .finalize();
    let s = Scalar::from_bytes_mod_order_wide(&digest.into()) * signing.to_scalar();
    let forged = [identity, s.to_bytes()].concat().try_into().unwrap();

    // The control: plain verification takes it.
    let plain = ed25519_dalek::Signature::from_bytes(&forged);
    assert!(verifying.0.verify(&message, &plain).is_ok());
    assert_eq!(
        verifying.verify(LABEL, b"message", &Signature::from_bytes(forged)),
        Err(BadSignature)
    );
}

#[test]
fn a_printed_signing_key_shows_nothing() {
    assert_eq!(format!("{:?}", key()), "SigningKey(..)");
}
