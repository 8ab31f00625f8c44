//! Bundle files and requests (PROTOCOL §29).

use std::io::Cursor;

use nahtlos_client::bundle::BundleRequest;
use nahtlos_client::untrusted;
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, ItemId, JournalId, KeyId, RecipientId, SignatureBytes, SpaceId,
};
use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::bundle::{
    BundleHead, BundleItem, BundleKey, KnownEnvelopes, KnownLog, RequestHead,
};
use nahtlos_protocol::wire::{ItemKind, Receipt};
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{each, hex, stored};

fn head() -> BundleHead {
    BundleHead {
        version: 1,
        network: SpaceId([0x11; 32]),
        device: DeviceId([0x22; 32]),
        made_at_ms: 1_700_000_000_000,
        is_whole: true,
        keys: vec![BundleKey {
            space: SpaceId([0x33; 32]),
            key_id: KeyId([0x44; 32]),
            wrap: Wrap {
                recipient: RecipientId([0x55; 32]),
                bytes: vec![0x66; 4],
            },
        }],
    }
}

fn receipt() -> Receipt {
    Receipt {
        journal: JournalId([0x77; 16]),
        sequence: 9,
        accepted_at_ms: 1_700_000_000_001,
        count: 2,
        position: 1,
        path: vec![ItemId([0x88; 32])],
        signature: SignatureBytes([0x99; 64]),
    }
}

fn items() -> [BundleItem; 2] {
    [
        BundleItem {
            kind: ItemKind::Operation,
            bytes: vec![0xaa; 5],
            wraps: vec![Wrap {
                recipient: RecipientId([0x55; 32]),
                bytes: vec![0x66; 4],
            }],
            receipt: Some(receipt()),
        },
        BundleItem {
            kind: ItemKind::Envelope,
            bytes: vec![0xbb; 5],
            wraps: Vec::new(),
            receipt: None,
        },
    ]
}

fn request() -> RequestHead {
    RequestHead {
        version: 1,
        network: SpaceId([0x11; 32]),
        device: DeviceId([0x22; 32]),
        made_at_ms: 1_700_000_000_000,
        logs: vec![KnownLog {
            space: SpaceId([0x33; 32]),
            length: 7,
            opens: true,
        }],
    }
}

fn known() -> KnownEnvelopes {
    KnownEnvelopes {
        ids: vec![EnvelopeId([0x01; 32]), EnvelopeId([0x02; 32])],
    }
}

fn made() -> Vec<Value> {
    let mut bundle = vec![codec::encode(&head())];
    bundle.extend(items().iter().map(codec::encode));
    let request = vec![codec::encode(&request()), codec::encode(&known())];
    let vector = |name: &str, parts: &[Vec<u8>], file: &[u8]| {
        let parts: Vec<String> = parts.iter().map(|part| hex(part)).collect();
        json!({ "name": name, "parts": parts, "file": hex(file) })
    };
    vec![
        vector("bundle", &bundle, &untrusted::bundle_of(&bundle)),
        vector("request", &request, &untrusted::request_of(&request)),
    ]
}

#[test]
fn bundles_and_requests_are_what_they_were() {
    let stored = stored("added/bundles.json", || {
        let what =
            "a bundle file and a request for one: the parts, and the whole file with its digest";
        file("§29", what, made())
    });
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    let [("bundle", bundle), ("request", request_vector)] = vectors.as_slice() else {
        panic!("a bundle and a request");
    };
    let decoded = |text: &Value| {
        let text = text.as_str().expect("hexadecimal");
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .expect("hexadecimal")
    };
    let parts_of = |vector: &Value| -> Vec<Vec<u8>> {
        let parts = vector["parts"].as_array().expect("parts");
        parts.iter().map(decoded).collect()
    };
    let parts = parts_of(bundle);
    assert_eq!(
        untrusted::bundle_parts(&decoded(&bundle["file"])),
        Ok(parts.clone())
    );
    assert_eq!(codec::decode(&parts[0], BUNDLE_PART_BYTES_MAX), Ok(head()));
    for (part, item) in parts[1..].iter().zip(items()) {
        assert_eq!(codec::decode(part, BUNDLE_PART_BYTES_MAX), Ok(item));
    }
    let parts = parts_of(request_vector);
    let file = decoded(&request_vector["file"]);
    assert_eq!(untrusted::request_parts(&file), Ok(parts.clone()));
    assert_eq!(
        codec::decode(&parts[0], BUNDLE_PART_BYTES_MAX),
        Ok(request())
    );
    assert_eq!(codec::decode(&parts[1], BUNDLE_PART_BYTES_MAX), Ok(known()));
    assert!(BundleRequest::read(Cursor::new(file)).is_ok());
}
