//! The bytes of a statement and of the signature beside it (PROTOCOL §30), of both kinds.

use std::collections::BTreeMap;

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::Signature;
use nahtlos_protocol::identifier::{DeviceId, OperationId, SpaceId};
use nahtlos_protocol::space::LogHead;
use nahtlos_protocol::statement::{Statement, StatementSignature};
use serde_json::{Value, json};

use super::{ENTRY, kind_of};
use crate::forms::file;
use crate::support::{array, bytes, each, hex, secret, stored};

fn made() -> Vec<Value> {
    let scope =
        r#"[{"section":"function","member":"bb","institution":"aa","direction":"receives"}]"#;
    let consent = [
        ("kind", "given"),
        ("giver", r#"{"kind":"client"}"#),
        ("scope", scope),
        ("valid_from", "2027-03-12"),
        ("valid_until", "2028-03-11"),
        ("form", "paper"),
        ("note", "Vollmacht im Ordner; auf Bosnisch erklärt"),
    ];
    let (head, hash, lead) = ("0b".repeat(32), "0c".repeat(32), "0d".repeat(32));
    let agreed = [
        ("number", "2"),
        ("heads", head.as_str()),
        ("text_hash", &hash),
        ("party", "client"),
        ("method", "paper"),
        ("paper", &hash),
        ("note", "Die Mutter hat unterschrieben."),
        ("institution", &lead),
    ];
    let heads = [(3, 7, 9), (1, 0, 8)];
    vec![
        vector("consent", 1, 5, &consent, &heads),
        vector("plan signature", 2, 5, &agreed, &heads),
        vector("nothing", 1, 6, &[], &[]),
        vector(
            "names that differ late",
            1,
            6,
            &[("ab", "1"), ("a", "2"), ("é", "3"), ("b", "")],
            &[],
        ),
    ]
}

fn vector(
    name: &str,
    kind: u8,
    number: u8,
    fields: &[(&str, &str)],
    heads: &[(u8, u64, u8)],
) -> Value {
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let heads = heads.iter().map(|(space, index, operation)| LogHead {
        space: SpaceId([*space; 32]),
        index: *index,
        operation: OperationId([*operation; 32]),
    });
    let keys = DeviceSeed::from_secret(Secret32::from_bytes([number; 32])).keys();
    let device = DeviceId(keys.public_keys().device_id());
    let statement = Statement {
        kind: kind_of(u64::from(kind)),
        space: SpaceId([2; 32]),
        entry: ENTRY,
        fields: &fields,
    };
    let signed = statement.sign(device, &keys.signing, 1_805_000_000_000, heads.collect());
    let message = statement.message(device, signed.signed_at_ms, &signed.heads);
    json!({
        "name": name,
        "seed": hex(&[number; 32]),
        "kind": kind,
        "space": hex(&[2; 32]),
        "entry": statement.entry,
        "fields": fields,
        "signed_at_ms": signed.signed_at_ms,
        "heads": signed.heads.iter().map(|head| json!({
            "space": hex(&head.space.0), "index": head.index, "operation": hex(&head.operation.0),
        })).collect::<Vec<_>>(),
        "message": hex(&message),
        "signature": hex(&signed.to_bytes()),
    })
}

#[test]
fn statements_are_the_bytes_they_were() {
    let stored = stored("added/statements.json", || {
        let what = "statements: the bytes that are signed, and the signature with its heads";
        file("§30", what, made())
    });
    assert_eq!(stored["vectors"], Value::from(made()));
    let mut seen = 0;
    for (name, vector) in each(&stored) {
        let fields: BTreeMap<String, String> =
            serde_json::from_value(vector["fields"].clone()).unwrap();
        let statement = Statement {
            kind: kind_of(vector["kind"].as_u64().unwrap()),
            space: SpaceId(array(vector, "space")),
            entry: vector["entry"].as_str().unwrap(),
            fields: &fields,
        };
        let signed = StatementSignature::from_bytes(&bytes(vector, "signature")).unwrap();
        assert_eq!(signed.to_bytes(), bytes(vector, "signature"), "{name}");
        let message = statement.message(signed.device, signed.signed_at_ms, &signed.heads);
        assert_eq!(message, bytes(vector, "message"), "{name}");
        let keys = DeviceSeed::from_secret(secret(vector, "seed")).keys();
        assert_eq!(signed.device.0, keys.public_keys().device_id(), "{name}");
        let signature = Signature::from_bytes(signed.signature.0);
        let verify = |label: &[u8], message: &[u8]| {
            let key = keys.public_keys().verifying;
            key.verify(label, message, &signature).is_ok()
        };
        assert!(verify(label::STATEMENT_SIGN, &message), "{name}");
        let under_another = verify(label::ENVELOPE_SIGN, &message);
        assert!(!under_another, "{name}: another label");
        let reversed = signed.heads.iter().rev().copied().collect();
        let again = statement.sign(signed.device, &keys.signing, signed.signed_at_ms, reversed);
        assert_eq!(again, signed, "{name}: in whatever order the heads came");
        seen += 1;
    }
    assert_eq!(seen, 4);
}
