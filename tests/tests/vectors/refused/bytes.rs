//! Bytes that are not of their form, each with its word.

use minicbor::bytes::ByteVec;
use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::space::SignedOperation;
use nahtlos_protocol::wire::{Receipt, SyncRequest};
use serde_json::json;

use crate::forms::file;
use crate::support::{bytes, each, from_hex, hex, stored};
use crate::words::{codec_word, envelope_word, operation_word};

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
