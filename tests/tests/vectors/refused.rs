//! What must be refused, each with its word: bytes that are not of their form, keys and sealed bytes
//! that primitives must not take, and operations and envelopes that their worlds refuse.

use minicbor::bytes::ByteVec;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::kem::KemPublicKey;
use nahtlos_protocol::crypto::signature::{Signature, VerifyingKey};
use nahtlos_protocol::crypto::{padding, wrap};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::SignedOperation;
use nahtlos_protocol::wire::{Receipt, SyncRequest};
use serde_json::{Value, json};

use crate::forms::{IntoSecret, file};
use crate::outcome::{Outcome, append};
use crate::refused_operations;
use crate::support::{array, bytes, each, from_hex, hex, root, secret, stored};
use crate::words::{codec_word, envelope_word, error_word, operation_word};

#[test]
fn bytes_that_are_not_of_their_form_are_refused_with_their_word() {
    let stored = stored("refused/bytes.json", || {
        let mut vectors = Vec::new();
        for (name, form, bytes, error) in
            malformed_operations().into_iter().chain(malformed_others())
        {
            vectors
                .push(json!({ "name": name, "form": form, "bytes": hex(&bytes), "error": error }));
        }
        file(
            "§2",
            "bytes, the form they claim to be, and why they are not",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let found = decode(
            vector["form"].as_str().expect("text"),
            &bytes(vector, "bytes"),
        );
        assert_eq!(found, vector["error"].as_str(), "{name}");
    }
}

/// Why bytes are not of a form; none where they are.
fn decode(form: &str, bytes: &[u8]) -> Option<&'static str> {
    match form {
        "operation" => SignedOperation::decode(bytes)
            .err()
            .map(|error| operation_word(&error)),
        "envelope" => Envelope::decode(bytes)
            .err()
            .map(|error| envelope_word(&error)),
        "sync request" => codec::decode::<SyncRequest>(bytes, 1 << 25)
            .err()
            .map(|error| codec_word(&error)),
        "receipt" => codec::decode::<Receipt>(bytes, 1024)
            .err()
            .map(|error| codec_word(&error)),
        other => panic!("no form {other}"),
    }
}

type Bad = (&'static str, &'static str, Vec<u8>, Option<&'static str>);

/// A body in hexadecimal, in the frame of a signed operation.
fn framed(body: &str) -> Vec<u8> {
    let body = ByteVec::from(from_hex(body));
    codec::encode(&(body, ByteVec::from(vec![0; 64])))
}

/// Operation 0 of a section whose effects are given: version, suite, null, 0, null, author, time, [],
/// effects.
fn founding(effects: &str) -> String {
    format!("890102f600f65820{}0080{effects}", "11".repeat(32))
}

fn malformed_operations() -> Vec<Bad> {
    let create = "820082055011111111111111111111111111111111";
    let body = |effects: &str| framed(&founding(effects));
    let good = founding(&format!("81{create}"));
    let mut trailing = framed(&good);
    trailing.push(0);
    let operation = |name, bytes, error| (name, "operation", bytes, error);
    vec![
        operation("control: this one is an operation", framed(&good), None),
        operation(
            "another version",
            framed(&good.replacen("8901", "8902", 1)),
            Some("needs_newer"),
        ),
        operation(
            "another suite",
            framed(&good.replacen("890102", "890101", 1)),
            Some("needs_newer"),
        ),
        operation(
            "another version of another form",
            framed("820302"),
            Some("needs_newer"),
        ),
        operation("an unknown effect", body("81820f80"), Some("needs_newer")),
        operation(
            "an unknown effect, and nothing sensible after it",
            body("82820f80ff"),
            Some("needs_newer"),
        ),
        operation(
            "a form error, and an unknown effect after it",
            body("82820d00820f80"),
            Some("malformed"),
        ),
        operation(
            "a further element, and an unknown effect after it",
            body("82820d8100820f80"),
            Some("needs_newer"),
        ),
        operation(
            "an unknown kind of space",
            body("81820082065011111111111111111111111111111111"),
            Some("needs_newer"),
        ),
        operation(
            "a kind of space above 255",
            body(
                "8182008219010050 11111111111111111111111111111111"
                    .replace(' ', "")
                    .as_str(),
            ),
            Some("malformed"),
        ),
        operation("a trailing byte", trailing, Some("malformed")),
        operation(
            "an integer in a longer form",
            framed(&good.replacen("f600f6", "f61800f6", 1)),
            Some("malformed"),
        ),
        operation(
            "a null at the end of an array",
            body("81820083055011111111111111111111111111111111f6"),
            Some("malformed"),
        ),
        operation("a further element", body("81820d8100"), Some("malformed")),
        operation(
            "an array of indefinite length",
            body("9f820d80ff"),
            Some("malformed"),
        ),
        operation(
            "a tag",
            framed(&good.replacen("f600f6", "f6c000f6", 1)),
            Some("malformed"),
        ),
        operation("a map for an array", body("a0"), Some("malformed")),
        operation(
            "a nonce of 15 bytes",
            body(
                "818200820 54f111111111111111111111111111111"
                    .replace(' ', "")
                    .as_str(),
            ),
            Some("malformed"),
        ),
        operation(
            "65 effects",
            body(&format!("9841{}", "820d80".repeat(65))),
            Some("malformed"),
        ),
        operation(
            "a body that is cut",
            framed(&good[..good.len() - 2]),
            Some("malformed"),
        ),
        operation(
            "a label of 2,049 bytes",
            body(&long_label()),
            Some("too_large"),
        ),
    ]
}

fn long_label() -> String {
    format!(
        "8182088858205{}f6f6f6590801{}80f480",
        "5".repeat(63),
        "62".repeat(2049)
    )
}

fn malformed_others() -> Vec<Bad> {
    // From a stored good envelope: its header begins at byte 4.
    let headers = stored("forms/headers.json", || panic!("headers come first"));
    let (_, changes) = each(&headers).next().expect("a header");
    let good = bytes(changes, "bytes");
    let envelope = |header: Vec<u8>, commitment: usize| {
        codec::encode(&(
            ByteVec::from(header),
            ByteVec::from(vec![0; commitment]),
            ByteVec::from(vec![0; 272]),
            ByteVec::from(vec![0; 64]),
        ))
    };
    let changed = |from: &str, to: &str| {
        let text = hex(&good);
        assert!(text.contains(from), "{from} stands in the header");
        envelope(from_hex(&text.replacen(from, to, 1)), 32)
    };
    let parent = |number: &str| format!("5820{}", number.repeat(32));
    let parents = format!("{}{}", parent("01"), parent("b0"));
    let swapped = format!("{}{}", parent("b0"), parent("01"));
    let twice = format!("{}{}", parent("01"), parent("01"));
    let mut receipt = codec::encode(&(0u8, 1u8));
    receipt.push(0);
    vec![
        (
            "control: this one is an envelope",
            "envelope",
            envelope(good.clone(), 32),
            None,
        ),
        (
            "another version",
            "envelope",
            changed("8a0102", "8a0202"),
            Some("needs_newer"),
        ),
        (
            "another suite",
            "envelope",
            changed("8a0102", "8a0101"),
            Some("needs_newer"),
        ),
        (
            "an unknown kind",
            "envelope",
            changed("8a010201", "8a010217"),
            Some("needs_newer"),
        ),
        (
            "parents that do not ascend",
            "envelope",
            changed(&parents, &swapped),
            Some("malformed"),
        ),
        (
            "a parent twice",
            "envelope",
            changed(&parents, &twice),
            Some("malformed"),
        ),
        (
            "author sequence 0",
            "envelope",
            changed("1a00011170", "00"),
            Some("malformed"),
        ),
        (
            "a commitment of 31 bytes",
            "envelope",
            envelope(good.clone(), 31),
            Some("malformed"),
        ),
        (
            "control: this one is a sync request",
            "sync request",
            from_hex("850100f6801a00800000"),
            None,
        ),
        (
            "an unknown push item",
            "sync request",
            from_hex("850100f6818202811a0000"),
            Some("malformed"),
        ),
        (
            "a request cut short",
            "sync request",
            from_hex("850100f680"),
            Some("malformed"),
        ),
        (
            "a receipt of two fields",
            "receipt",
            receipt,
            Some("malformed"),
        ),
    ]
}

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

#[test]
fn operations_that_contradict_their_world_are_refused_with_their_word() {
    let stored = stored("refused/operations.json", || {
        let vectors = refused_operations::all()
            .into_iter()
            .map(|(world, name, signed, error)| {
                json!({ "name": name, "world": world, "bytes": hex(signed.bytes()), "error": error })
            })
            .collect();
        file(
            "§11, §12",
            "operations that follow the newest logs of a world (worlds/<world>) and are refused",
            vectors,
        )
    });
    let worlds = refused_operations::WORLDS
        .map(|world| (world, Outcome::of(&root().join("worlds").join(world))));
    for (name, vector) in each(&stored) {
        let world = vector["world"].as_str().expect("text");
        let (_, outcome) = worlds
            .iter()
            .find(|(known, _)| *known == world)
            .expect(name);
        let signed = SignedOperation::decode(&bytes(vector, "bytes")).expect(name);
        let found = append(&outcome.replica, &signed).err();
        let found = found.as_ref().map(error_word);
        assert_eq!(found, vector["error"].as_str(), "{name}");
    }
}

#[test]
fn envelopes_that_are_not_their_authors_are_refused_with_their_word() {
    let world = Outcome::of(&root().join("worlds/shared"));
    let stored = stored("refused/envelopes.json", || {
        let vectors = refused_operations::envelopes(&world)
            .into_iter()
            .map(|(name, bytes, error)| json!({ "name": name, "world": "shared", "bytes": hex(&bytes), "error": error }))
            .collect();
        file(
            "§24",
            "envelopes whose signature or heads do not hold in a world (worlds/<world>)",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let envelope = Envelope::decode(&bytes(vector, "bytes")).expect(name);
        assert_eq!(
            world.verify(&envelope).err(),
            vector["error"].as_str(),
            "{name}"
        );
    }
}

#[test]
fn receipts_moved_to_another_item_or_place_are_refused() {
    let file = stored("forms/receipts.json", || panic!("receipts come first"));
    let (_, good) = each(&file).nth(6).expect("one of a larger batch");
    let key = VerifyingKey::from_bytes(&array(good, "relay")).expect("a key");
    let item = ItemId(array(good, "item"));
    let receipt: Receipt = codec::decode(&bytes(good, "bytes"), 1024).expect("a receipt");
    assert_eq!(receipt.verify(&item, &key), Ok(()));
    assert!(receipt.verify(&ItemId([0xff; 32]), &key).is_err());
    let mut moved = receipt.clone();
    moved.sequence += 1;
    assert!(moved.verify(&item, &key).is_err());
    let mut longer = receipt;
    longer.path.push(item);
    assert!(longer.verify(&item, &key).is_err());
}
