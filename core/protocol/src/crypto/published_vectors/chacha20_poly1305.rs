//! Wycheproof's ChaCha20-Poly1305 vectors, through the cipher itself: [`crate::crypto::committing_aead`]
//! and [`crate::crypto::wrap`] take no key or nonce from outside, they derive both. RFC 8439's own
//! vector is Wycheproof's first (there under RFC 7539, which it replaces).

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce};

use super::WycheproofTest;

const FILE: &str = "wycheproof_chacha20_poly1305.json";
const COUNT: usize = 325;
/// Nonces of another length than 12 bytes, which the cipher's type excludes.
const WRONG_NONCES: usize = 9;

fn cipher(test: &WycheproofTest) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new_from_slice(&test.bytes("key")).unwrap()
}

fn nonce(test: &WycheproofTest) -> Option<Nonce> {
    <[u8; 12]>::try_from(test.bytes("iv")).ok().map(Nonce::from)
}

/// Ciphertext ‖ tag as the file gives them.
fn sealed(test: &WycheproofTest) -> Vec<u8> {
    [test.bytes("ct"), test.bytes("tag")].concat()
}

fn opens(test: &WycheproofTest, associated_data: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = sealed.to_vec();
    cipher(test)
        .decrypt_in_place(&nonce(test)?, associated_data, &mut buffer)
        .ok()
        .map(|()| buffer)
}

#[test]
fn every_valid_wycheproof_message_seals_and_opens_to_its_bytes() {
    let mut run = 0;
    for test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "valid" {
            let mut buffer = test.bytes("msg");
            cipher(&test)
                .encrypt_in_place(&nonce(&test).unwrap(), &test.bytes("aad"), &mut buffer)
                .unwrap();
            assert_eq!(buffer, sealed(&test), "{}", test.id());
            assert_eq!(
                opens(&test, &test.bytes("aad"), &buffer),
                Some(test.bytes("msg")),
                "{}",
                test.id()
            );
            run += 1;
        }
    }
    assert_eq!(run, 256);
}

#[test]
fn every_invalid_wycheproof_message_is_refused() {
    let (mut changed_tags, mut wrong_nonces) = (0, 0);
    for test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "invalid" {
            assert_eq!(opens(&test, &test.bytes("aad"), &sealed(&test)), None);
            changed_tags += usize::from(test.has_flag("ModifiedTag"));
            wrong_nonces += usize::from(nonce(&test).is_none());
        }
    }
    assert_eq!((changed_tags, wrong_nonces), (60, WRONG_NONCES));
}

#[test]
fn a_valid_wycheproof_message_opens_with_its_own_associated_data_and_bytes_only() {
    let mut refused = 0;
    for test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "valid" {
            let mut changed = sealed(&test);
            changed[0] ^= 1;
            assert_eq!(opens(&test, &test.bytes("aad"), &changed), None);
            let other_data = [test.bytes("aad"), vec![0]].concat();
            assert_eq!(opens(&test, &other_data, &sealed(&test)), None);
            refused += 1;
        }
    }
    assert_eq!(refused, 256);
}
