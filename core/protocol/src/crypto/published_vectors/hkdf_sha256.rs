//! Wycheproof's HKDF-SHA256 vectors, the first three of which are RFC 5869's, through [`expand`].

use hkdf::Hkdf;
use sha2::Sha256;

use super::WycheproofTest;
use crate::crypto::derive::expand;

const FILE: &str = "wycheproof_hkdf_sha256.json";
const COUNT: usize = 86;
/// The most HKDF-SHA256 gives. A shorter output is its beginning, so one length serves all vectors.
const LONGEST_BYTES: usize = 255 * 32;

fn derived(test: &WycheproofTest, info: &[u8]) -> Vec<u8> {
    // Our functions join a label and parts of a context to one info.
    let (label, context) = info.split_at(info.len() / 2);
    let (first, second) = context.split_at(context.len() / 2);
    let mut output = [0; LONGEST_BYTES];
    expand(
        &test.bytes("salt"),
        &test.bytes("ikm"),
        label,
        &[first, second],
        &mut output,
    );
    output.to_vec()
}

fn size(test: &WycheproofTest) -> usize {
    usize::try_from(test.test["size"].as_u64().unwrap()).unwrap()
}

#[test]
fn every_valid_wycheproof_derivation_gives_its_key_and_with_another_info_another_one() {
    let (mut run, mut of_the_rfc) = (0, 0);
    for test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "valid" {
            let (info, expected) = (test.bytes("info"), test.bytes("okm"));
            assert_eq!(expected.len(), size(&test), "{}", test.id());
            assert_eq!(
                derived(&test, &info)[..size(&test)],
                expected,
                "{}",
                test.id()
            );
            let other_info = [info, vec![0]].concat();
            assert_ne!(
                derived(&test, &other_info)[..size(&test)],
                expected,
                "{}",
                test.id()
            );
            run += 1;
            of_the_rfc += usize::from(test.comment() == "RFC 5869");
        }
    }
    assert_eq!((run, of_the_rfc), (83, 3));
}

/// [`expand`] cannot be asked for these: its length is checked when the program is compiled. So the
/// library is asked, whose refusal that check stands in for.
#[test]
fn a_wycheproof_output_above_255_blocks_is_refused() {
    let mut refused = 0;
    for test in WycheproofTest::all(FILE, COUNT) {
        if test.result() == "invalid" {
            assert!(size(&test) > LONGEST_BYTES, "{}", test.id());
            let key = Hkdf::<Sha256>::new(Some(&test.bytes("salt")), &test.bytes("ikm"));
            let expands = |bytes: usize| key.expand(&test.bytes("info"), &mut vec![0; bytes]);
            assert!(expands(LONGEST_BYTES).is_ok());
            assert!(expands(size(&test)).is_err());
            refused += 1;
        }
    }
    assert_eq!(refused, 3);
}
