//! Keys and sealed bytes that the primitives must not take, each beside one that they do.

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::kem::KemPublicKey;
use nahtlos_protocol::crypto::signature::{Signature, VerifyingKey};
use nahtlos_protocol::crypto::{padding, wrap};
use serde_json::{Value, json};

use crate::forms::{IntoSecret, file};
use crate::support::{array, bytes, each, from_hex, hex, secret, stored};

#[test]
fn keys_and_sealed_bytes_that_must_not_be_taken_are_refused() {
    let stored = stored("refused/crypto.json", || {
        let mut vectors = public_keys();
        vectors.extend(sealed());
        file(
            "§3, §7, §8, §9",
            "keys and sealed bytes that are refused, each beside a control that is not",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let taken = vector["taken"].as_bool().expect("a truth");
        assert_eq!(is_taken(vector), taken, "{name}");
    }
}

fn public_keys() -> Vec<Value> {
    let key = |name: &str, bytes: &str, taken| json!({ "name": name, "form": "verifying key", "bytes": bytes, "taken": taken });
    let device = DeviceSeed::from_secret([9; 32].into_secret()).keys();
    let public = device.public_keys();
    let message = b"message";
    let signature = device.signing.sign(b"label\0", message);
    let signed = |name: &str, label: &[u8], signature: &[u8], taken| {
        json!({
            "name": name, "form": "signature", "verifying": hex(public.verifying.as_bytes()),
            "label": hex(label), "message": hex(message), "bytes": hex(signature), "taken": taken,
        })
    };
    let mut unreduced = *signature.as_bytes();
    add_group_order(&mut unreduced);
    let mut kem = *public.kem.as_bytes();
    let kem_key = |name: &str, bytes: &[u8], taken| json!({ "name": name, "form": "kem key", "bytes": hex(bytes), "taken": taken });
    let good_kem = kem_key("control: a KEM key", &kem, true);
    kem[..3].fill(0xff);
    vec![
        key(
            "control: a verifying key",
            &hex(public.verifying.as_bytes()),
            true,
        ),
        key(
            "small order: the identity",
            &format!("01{}", "00".repeat(31)),
            false,
        ),
        key(
            "small order: of order 8",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            false,
        ),
        key(
            "not canonical: y = p + 3",
            &format!("f0{}7f", "ff".repeat(30)),
            false,
        ),
        key("no point", &format!("02{}", "00".repeat(31)), false),
        key(
            "mixed order: a good key plus the point of order 2",
            &hex(&mixed_order(public.verifying.as_bytes())),
            false,
        ),
        signed(
            "control: a signature",
            b"label\0",
            signature.as_bytes(),
            true,
        ),
        signed("another label", b"lab\0", signature.as_bytes(), false),
        signed("S not reduced", b"label\0", &unreduced, false),
        good_kem,
        kem_key("a coefficient that is not reduced", &kem, false),
        kem_key("one byte short", &kem[1..], false),
    ]
}

/// −P + (0, −1)… in encoded form: adding the point of order 2, (0, −1), negates x and y.
fn mixed_order(encoded: &[u8; 32]) -> [u8; 32] {
    // y → p − y, and the sign of x flips.
    let sign = encoded[31] & 0x80;
    let mut y = *encoded;
    y[31] &= 0x7f;
    let mut borrow = 0i16;
    let mut mixed = [0; 32];
    for (at, (digit, own)) in mixed.iter_mut().zip(y).enumerate() {
        let of_p: i16 = match at {
            0 => 0xed,
            31 => 0x7f,
            _ => 0xff,
        };
        let difference = of_p - i16::from(own) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
    mixed[31] |= sign ^ 0x80;
    mixed
}

/// S + L: the same equation, another encoding.
fn add_group_order(signature: &mut [u8; 64]) {
    let order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    for (byte, more) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

fn sealed() -> Vec<Value> {
    let file = stored("forms/wraps.json", || panic!("wraps come first"));
    let mut vectors = Vec::new();
    for (name, good) in
        each(&file).filter(|(name, _)| name.contains("symmetric") || name.contains("to a device"))
    {
        let form = if name.contains("symmetric") {
            "symmetric wrap"
        } else {
            "hybrid wrap"
        };
        let info = bytes(good, "info");
        let mut vector = |what: &str, at: Option<usize>| {
            let mut info = info.clone();
            if let Some(at) = at {
                info[at] ^= 1;
            }
            vectors.push(json!({
                "name": format!("{form}: {what}"), "form": form, "info": hex(&info),
                "opener": good["opener"], "bytes": good["wrap"], "taken": at.is_none(),
            }));
        };
        vector("control", None);
        vector("of another space (nonce)", Some(0));
        vector("of another epoch", Some(16));
        vector("for another recipient", Some(48));
        vector("for another key of it", Some(80));
    }
    let (new, previous) = (
        EpochSeed::from_secret([7; 32].into_secret()),
        EpochSeed::from_secret([8; 32].into_secret()),
    );
    let link = epoch_secret::seal_history_link(&new, &previous);
    let linked = |name: &str, previous: &EpochSeed, taken| {
        json!({ "name": name, "form": "history link", "new_seed": hex(new.as_secret().expose()),
                "previous": hex(&previous.key_id()), "bytes": hex(&link), "taken": taken })
    };
    vectors.push(linked("control: a history link", &previous, true));
    vectors.push(linked("a history link said to lead elsewhere", &new, false));
    let mut padded = padding::pad(b"payload").expect("short");
    let padding = |name: &str, bytes: &[u8], taken| json!({ "name": name, "form": "padding", "bytes": hex(bytes), "taken": taken });
    vectors.push(padding("control: padded bytes", &padded, true));
    vectors.push(padding(
        "padded to another total",
        &[padded.as_slice(), &[0; 256]].concat(),
        false,
    ));
    padded[200] = 1;
    vectors.push(padding("a filling byte that is not zero", &padded, false));
    vectors
}

fn is_taken(vector: &Value) -> bool {
    let given = bytes(vector, "bytes");
    match vector["form"].as_str().expect("text") {
        "verifying key" => VerifyingKey::from_bytes(&array(vector, "bytes")).is_ok(),
        "kem key" => KemPublicKey::from_bytes(&given).is_ok(),
        "signature" => {
            let key = VerifyingKey::from_bytes(&array(vector, "verifying")).expect("a key");
            let signature = Signature::from_bytes(array(vector, "bytes"));
            key.verify(
                &bytes(vector, "label"),
                &bytes(vector, "message"),
                &signature,
            )
            .is_ok()
        }
        "hybrid wrap" => {
            let kem = DeviceSeed::from_secret(secret(vector, "opener")).keys().kem;
            wrap::open_hybrid(&kem, &bytes(vector, "info"), &given).is_ok()
        }
        "symmetric wrap" => {
            let key = EpochSeed::from_secret(secret(vector, "opener")).wrap_key();
            wrap::open_symmetric(&key, &bytes(vector, "info"), &given).is_ok()
        }
        "history link" => {
            let new = EpochSeed::from_secret(secret(vector, "new_seed"));
            epoch_secret::open_history_link(&new, &array(vector, "previous"), &given).is_ok()
        }
        "padding" => padding::unpad(&given).is_ok(),
        other => panic!("no form {other}"),
    }
}
