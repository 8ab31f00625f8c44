//! Every serialised form, field by field: what the bytes say, and that they say nothing else.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::{committing_aead, label, padding, wrap};
use nahtlos_protocol::identifier::{DeviceId, KeyId, Nonce, RecipientId};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::recipients::wrap_hash;
use serde_json::{Value, json};

use crate::support::{Random, array, bytes, each, hex, secret, stored};

/// A file's frame.
pub fn file(section: &str, what: &str, vectors: Vec<Value>) -> Value {
    json!({ "protocol": section, "what": what, "vectors": vectors })
}

#[test]
fn identifiers_are_the_hashes_they_were() {
    let stored = stored("forms/identifiers.json", || {
        let input = b"exact bytes";
        let case = [[0x21; 32].as_slice(), &[0x22; 16]].concat();
        let actor = [[0x31; 32].as_slice(), &[0x32; 32], &[0x33; 16]].concat();
        let made = |name: &str, label: &[u8], input: &[u8], length: usize| {
            let id = hash(label, &[input]);
            json!({
                "name": name,
                "label": hex(label),
                "input": hex(input),
                "id": hex(&id[..length]),
                "fingerprint": Fingerprint::of(&id).to_string(),
            })
        };
        let vectors = vec![
            made("operation", label::OPERATION, input, 32),
            made("space", label::SPACE, input, 32),
            made("envelope", label::ENVELOPE, input, 32),
            made("join request", label::JOIN, input, 32),
            made("wrap hash", label::WRAP_HASH, input, 32),
            made("key id of a seed", label::KEY_ID, &[0x20; 32], 32),
            made("case: home, nonce", label::CASE, &case, 16),
            made("actor: space, device, run nonce", label::ACTOR, &actor, 16),
        ];
        file(
            "§5",
            "H(label, input), shortened where an id is shorter; the fingerprint is of the whole hash",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let id = hash(&bytes(vector, "label"), &[&bytes(vector, "input")]);
        let stored = bytes(vector, "id");
        assert_eq!(hex(&id[..stored.len()]), hex(&stored), "{name}");
        let fingerprint = vector["fingerprint"].as_str().expect("text");
        assert_eq!(Fingerprint::of(&id).to_string(), fingerprint, "{name}");
        let read: Fingerprint = fingerprint.to_lowercase().parse().expect("a fingerprint");
        assert!(read.matches(&id), "{name}");
    }
}

#[test]
fn devices_and_epochs_derive_what_they_did() {
    let stored = stored("forms/keys.json", || {
        let device = |number: u8| {
            let keys = DeviceSeed::from_secret([number; 32].into_secret()).keys();
            let public = keys.public_keys();
            json!({
                "name": format!("device {number}"),
                "seed": hex(&[number; 32]),
                "verifying": hex(public.verifying.as_bytes()),
                "kem": hex(public.kem.as_bytes()),
                "device_id": hex(&public.device_id()),
            })
        };
        let epoch = |number: u8| {
            let seed = EpochSeed::from_secret([number; 32].into_secret());
            let key = |label: &[u8]| hex(derive(seed.as_secret(), label, &[]).expose());
            json!({
                "name": format!("epoch {number}"),
                "seed": hex(&[number; 32]),
                "key_id": hex(&seed.key_id()),
                "kem": hex(seed.kem_keys().1.as_bytes()),
                "content_key": key(label::EPOCH_CONTENT),
                "history_key": key(label::EPOCH_HISTORY),
                "wrap_key": key(label::EPOCH_WRAP),
                "label_key": key(label::EPOCH_LABEL),
            })
        };
        let vectors = vec![device(1), device(2), epoch(0x20), epoch(0x1f)];
        file(
            "§6, §7",
            "master seeds and epoch seeds, and everything derived from them",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        if name.starts_with("device") {
            let public = DeviceSeed::from_secret(secret(vector, "seed"))
                .keys()
                .public_keys();
            assert_eq!(
                hex(public.verifying.as_bytes()),
                vector["verifying"],
                "{name}"
            );
            assert_eq!(hex(public.kem.as_bytes()), vector["kem"], "{name}");
            assert_eq!(hex(&public.device_id()), vector["device_id"], "{name}");
            continue;
        }
        let seed = EpochSeed::from_secret(secret(vector, "seed"));
        assert_eq!(hex(&seed.key_id()), vector["key_id"], "{name}");
        assert_eq!(hex(seed.kem_keys().1.as_bytes()), vector["kem"], "{name}");
        assert_eq!(hex(seed.wrap_key().expose()), vector["wrap_key"], "{name}");
        let others = [
            ("content_key", label::EPOCH_CONTENT),
            ("history_key", label::EPOCH_HISTORY),
            ("label_key", label::EPOCH_LABEL),
        ];
        for (field, label) in others {
            assert_eq!(
                hex(derive(seed.as_secret(), label, &[]).expose()),
                vector[field],
                "{name}"
            );
        }
    }
}

#[test]
fn wraps_and_links_open_as_they_did() {
    let stored = stored("forms/wraps.json", || {
        let mut random = Random::new(20);
        let wrapped = EpochSeed::from_secret([0x40; 32].into_secret());
        let recipient = EpochSeed::from_secret([0x41; 32].into_secret());
        let device = DeviceSeed::from_secret([0x42; 32].into_secret()).keys();
        let device_id = device.public_keys().device_id();
        let info = |id: [u8; 32], key: [u8; 32]| {
            wrap_info(
                &Nonce([0x43; 16]),
                &KeyId(wrapped.key_id()),
                RecipientId(id),
                KeyId(key),
            )
        };
        let for_device = info(device_id, device_id);
        let for_space = info([0x44; 32], recipient.key_id());
        let made = |name: &str, method: u8, info: &[u8], opener: [u8; 32], bytes: &[u8]| {
            json!({
                "name": name,
                "method": method,
                "info": hex(info),
                "opener": hex(&opener),
                "seed": hex(wrapped.as_secret().expose()),
                "wrap": hex(bytes),
                "hash": hex(&wrap_hash(bytes).0),
            })
        };
        let kem = device.public_keys().kem;
        let hybrid = wrap::wrap_hybrid(&mut random, &kem, &for_device, wrapped.as_secret());
        let above = wrap::wrap_hybrid(
            &mut random,
            &recipient.kem_keys().1,
            &for_space,
            wrapped.as_secret(),
        );
        let symmetric =
            wrap::wrap_symmetric(&recipient.wrap_key(), &for_space, wrapped.as_secret());
        let link = epoch_secret::seal_history_link(&wrapped, &recipient);
        let mut vectors = vec![
            made(
                "hybrid, to a device (opener: its master seed)",
                1,
                &for_device,
                [0x42; 32],
                &hybrid.expect("wrap"),
            ),
            made(
                "hybrid, to a space (opener: its epoch's seed)",
                1,
                &for_space,
                [0x41; 32],
                &above.expect("wrap"),
            ),
            made(
                "symmetric, to a space (opener: its epoch's seed)",
                2,
                &for_space,
                [0x41; 32],
                &symmetric,
            ),
        ];
        vectors.push(json!({
            "name": "history link",
            "new_seed": hex(wrapped.as_secret().expose()),
            "previous_seed": hex(recipient.as_secret().expose()),
            "link": hex(&link),
        }));
        file(
            "§7, §8",
            "wraps (hybrid ones are randomised: they are opened, not made again) and a history link",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        if name == "history link" {
            let new = EpochSeed::from_secret(secret(vector, "new_seed"));
            let previous = EpochSeed::from_secret(secret(vector, "previous_seed"));
            assert_eq!(
                hex(&epoch_secret::seal_history_link(&new, &previous)),
                vector["link"]
            );
            let opened =
                epoch_secret::open_history_link(&new, &previous.key_id(), &bytes(vector, "link"));
            assert_eq!(opened, Ok(previous));
            continue;
        }
        let (info, sealed) = (bytes(vector, "info"), bytes(vector, "wrap"));
        assert_eq!(hex(&wrap_hash(&sealed).0), vector["hash"], "{name}");
        let opener = || secret(vector, "opener");
        let opened = if name.contains("to a device") {
            let kem = DeviceSeed::from_secret(opener()).keys().kem;
            wrap::open_hybrid(&kem, &info, &sealed)
        } else if vector["method"] == 1 {
            wrap::open_hybrid(
                &EpochSeed::from_secret(opener()).kem_keys().0,
                &info,
                &sealed,
            )
        } else {
            let key = EpochSeed::from_secret(opener()).wrap_key();
            assert_eq!(
                wrap::wrap_symmetric(&key, &info, &secret(vector, "seed")),
                sealed
            );
            wrap::open_symmetric(&key, &info, &sealed)
        };
        assert_eq!(hex(opened.expect(name).expose()), vector["seed"], "{name}");
    }
}

#[test]
fn sealed_bytes_open_as_they_did() {
    let stored = stored("forms/sealing.json", || {
        let mut random = Random::new(21);
        let seed = EpochSeed::from_secret([0x50; 32].into_secret());
        let mut vectors: Vec<Value> = [0, 252, 253, 4092, 4093, 8189]
            .map(|length: usize| {
                let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
                let padded = padding::pad(&payload).expect("it is short");
                json!({ "name": format!("padding of {length} bytes 00, 01, …"), "length": length,
                        "total": padded.len(), "hash": hex(&hash(b"", &[&padded])) })
            })
            .into();
        let plaintext = b"[basis in the log]";
        let context = [0x51; 16];
        let sealed = epoch_secret::seal_label(&seed, &mut random, &context, plaintext);
        vectors.push(json!({
            "name": "sealed label", "seed": hex(seed.as_secret().expose()), "context": hex(&context),
            "plaintext": hex(plaintext), "sealed": hex(&sealed.expect("short")),
        }));
        file(
            "§9",
            "padding (SHA-256 of the padded bytes) and a sealed label",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        if name == "sealed label" {
            let seed = EpochSeed::from_secret(secret(vector, "seed"));
            let sealed = bytes(vector, "sealed");
            let opened = epoch_secret::open_label(&seed, &bytes(vector, "context"), &sealed);
            assert_eq!(hex(&opened.expect("it opens")), vector["plaintext"]);
            let salt: [u8; 32] = sealed[..32].try_into().expect("32 bytes");
            let key = derive(seed.as_secret(), label::EPOCH_LABEL, &[]);
            let again = committing_aead::seal(
                &key,
                &salt,
                label::SEALED_LABEL,
                &bytes(vector, "context"),
                &bytes(vector, "plaintext"),
            );
            let again = again.expect("short");
            assert_eq!(
                [salt.as_slice(), &again.commitment, &again.ciphertext].concat(),
                sealed
            );
            continue;
        }
        let length = vector["length"].as_u64().expect("a number");
        let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let padded = padding::pad(&payload).expect("it is short");
        assert_eq!(padded.len() as u64, vector["total"], "{name}");
        assert_eq!(hex(&hash(b"", &[&padded])), vector["hash"], "{name}");
        assert_eq!(padding::unpad(&padded), Ok(payload.as_slice()), "{name}");
    }
}

/// Secrets from plain bytes.
pub trait IntoSecret {
    fn into_secret(self) -> nahtlos_protocol::crypto::secret::Secret32;
}

impl IntoSecret for [u8; 32] {
    fn into_secret(self) -> nahtlos_protocol::crypto::secret::Secret32 {
        nahtlos_protocol::crypto::secret::Secret32::from_bytes(self)
    }
}

/// Decodes, encodes again, and compares: the bytes are the one encoding of their value.
pub fn same_again<T>(name: &str, encoded: &[u8]) -> T
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    let value: T =
        codec::decode(encoded, usize::MAX).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(hex(&codec::encode(&value)), hex(encoded), "{name}");
    value
}

/// A device id in a JSON field.
pub fn device(vector: &Value, field: &str) -> DeviceId {
    DeviceId(array(vector, field))
}
