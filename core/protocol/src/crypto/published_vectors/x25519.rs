//! Wycheproof's X25519 vectors, through the function x-wing calls: our own API takes X25519 inside
//! of X-Wing alone, where private keys are derived.

use x25519_dalek::x25519;

use super::{WycheproofTest, fixed_bytes};

const FILE: &str = "wycheproof_x25519.json";
const COUNT: usize = 518;

fn shared_secret(test: &WycheproofTest) -> [u8; 32] {
    x25519(
        fixed_bytes(&test.test["private"]),
        fixed_bytes(&test.test["public"]),
    )
}

/// "Acceptable" are keys on the twist, of low order or not canonical, which a library may refuse.
/// RFC 7748 computes with them, and X-Wing does as well: its strength rests on either half alone.
#[test]
fn every_wycheproof_key_agreement_gives_its_secret() {
    let tests = WycheproofTest::all(FILE, COUNT);
    for test in &tests {
        assert_eq!(
            shared_secret(test)[..],
            test.bytes("shared"),
            "{}",
            test.id()
        );
    }
    let valid = tests.iter().filter(|test| test.result() == "valid").count();
    let acceptable = tests
        .iter()
        .filter(|test| test.result() == "acceptable")
        .count();
    assert_eq!((valid, acceptable), (264, 254));
}

#[test]
fn a_wycheproof_key_of_low_order_gives_zeros_and_no_other_does() {
    let mut zeros = 0;
    for test in WycheproofTest::all(FILE, COUNT) {
        let is_zero = shared_secret(&test) == [0; 32];
        assert_eq!(is_zero, test.has_flag("ZeroSharedSecret"), "{}", test.id());
        zeros += usize::from(is_zero);
    }
    assert_eq!(zeros, 31);
}

#[test]
fn another_private_key_gives_another_secret() {
    let mut differing = 0;
    for mut test in WycheproofTest::all(FILE, COUNT) {
        let mut private: [u8; 32] = fixed_bytes(&test.test["private"]);
        // Not one of the bits that X25519 sets itself.
        private[1] ^= 1;
        test.test["private"] = data_encoding::HEXLOWER.encode(&private).into();
        let differs = shared_secret(&test)[..] != test.bytes("shared");
        assert_eq!(differs, !test.has_flag("ZeroSharedSecret"), "{}", test.id());
        differing += usize::from(differs);
    }
    assert_eq!(differing, COUNT - 31);
}
