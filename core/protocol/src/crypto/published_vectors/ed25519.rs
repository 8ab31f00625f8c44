//! Wycheproof's Ed25519 vectors, through [`VerifyingKey`] with an empty label. RFC 8032's own are in
//! `signature_tests.rs`: they also sign.

use super::WycheproofTest;
use crate::crypto::signature::{Signature, VerifyingKey};

const FILE: &str = "wycheproof_ed25519.json";
const COUNT: usize = 151;

/// What we decide otherwise than Wycheproof, by its number: nothing. We refuse keys of small or mixed
/// order and an `R` of small order, which RFC 8032 leaves open, but no vector it calls valid has one.
/// Those refusals are tested in `signature_tests.rs`, with keys made for it.
const DECIDED_OTHERWISE: [u64; 0] = [];

/// Whether key, signature length and signature all pass.
fn accepts(test: &WycheproofTest) -> bool {
    let key: [u8; 32] = super::fixed_bytes(&test.group["publicKey"]["pk"]);
    let Ok(signature) = <[u8; Signature::BYTES]>::try_from(test.bytes("sig")) else {
        return false;
    };
    VerifyingKey::from_bytes(&key).is_ok_and(|key| {
        key.verify(b"", &test.bytes("msg"), &Signature::from_bytes(signature))
            .is_ok()
    })
}

#[test]
fn every_wycheproof_signature_is_decided_as_wycheproof_decides() {
    let tests = WycheproofTest::all(FILE, COUNT);
    let differing: Vec<u64> = tests
        .iter()
        .filter(|test| accepts(test) != (test.result() == "valid"))
        .map(WycheproofTest::id)
        .collect();
    assert_eq!(differing, DECIDED_OTHERWISE);

    let accepted = tests.iter().filter(|test| accepts(test)).count();
    assert_eq!((accepted, COUNT - accepted), (88, 63));
}

#[test]
fn a_valid_wycheproof_signature_holds_for_its_own_message_only() {
    let mut refused = 0;
    for mut test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "valid" {
            assert!(accepts(&test), "{}", test.id());
            let message = test.test["msg"].as_str().unwrap();
            test.test["msg"] = format!("{message}00").into();
            assert!(!accepts(&test), "{}", test.id());
            refused += 1;
        }
    }
    assert_eq!(refused, 88);
}
