//! What version 1 gained for papers and recovery keys: their texts, the words of a seed, the commitment
//! of a share and its wrap, and the beginning of a person's document.

use nahtlos_client::paper::words;
use nahtlos_document::Document;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::{label, wrap};
use nahtlos_protocol::identifier::{
    DeviceId, KeyId, Nonce, RecipientId, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::wire::paper::PaperText;
use nahtlos_protocol::wire::share::ShareText;
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{Random, array, bytes, each, hex, secret, stored};

/// The container of a person's document.
const PERSON_CONTAINERS: &[&str] = &["devices"];

fn seed() -> Secret32 {
    Secret32::from_bytes(core::array::from_fn(|place| place as u8))
}

fn paper() -> PaperText {
    PaperText {
        url: "https://relay.example".into(),
        relay: VerifyingKeyBytes([1; 32]),
        network: SpaceId([2; 32]),
        device: fingerprint(&seed()),
    }
}

fn fingerprint(seed: &Secret32) -> Fingerprint {
    Fingerprint::of(&device_id(seed).0)
}

fn device_id(seed: &Secret32) -> DeviceId {
    let keys = DeviceSeed::from_secret(seed.clone()).keys();
    DeviceId(keys.public_keys().device_id())
}

fn genesis() -> String {
    let document = Document::genesis(PERSON_CONTAINERS).unwrap();
    let heads = document.heads();
    assert_eq!(heads.len(), 1);
    heads[0].to_string()
}

#[test]
fn papers_shares_and_a_persons_document_are_what_they_were() {
    let stored = stored("added/papers_and_shares.json", || {
        let what = "texts of a paper and of a share; words; a share's commitment and wrap; a person's genesis";
        file("§6, §15, §21", what, made())
    });
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    let vector = |name: &str| {
        let mut found = vectors.iter().filter(|(known, _)| *known == name);
        let (_, vector) = found.next().unwrap_or_else(|| panic!("no vector {name}"));
        *vector
    };
    let text = vector("paper")["text"].as_str().unwrap();
    assert_eq!(text.parse::<PaperText>(), Ok(paper()));
    assert_eq!(paper().to_string(), text);

    let of_words = vector("words");
    let seed = secret(of_words, "seed");
    let expected = of_words["words"].as_str().unwrap();
    let device = DeviceSeed::from_secret(seed.clone());
    assert_eq!(words::of_seed(&device).join(" "), expected);
    assert_eq!(words::read(expected, &fingerprint(&seed)), Ok(device));

    let share = vector("share");
    let (set, commitment) = (array::<32>(share, "set"), array::<32>(share, "commitment"));
    let (index, value) = (
        share["index"].as_u64().unwrap() as u8,
        secret(share, "value"),
    );
    let made = hash(label::RECOVERY_SHARE, &[&set, &[index], value.expose()]);
    assert_eq!(made, commitment);
    let text = share["text"].as_str().unwrap();
    let read: ShareText = text.parse().unwrap();
    assert_eq!(
        (read.set.0, read.index, read.to_string().as_str()),
        (set, index, text)
    );
    let seed = secret(share, "recipient_seed");
    let own = read
        .sealed
        .iter()
        .find(|wrap| wrap.recipient.0 == device_id(&seed).0);
    let own = own.expect("a wrap for the recipient");
    let info = bytes(share, "info");
    let nonce = Nonce(array(share, "nonce"));
    let (device, recipient) = (device_id(&seed), own.recipient);
    assert_eq!(
        wrap_info(&nonce, &KeyId(commitment), recipient, KeyId(device.0)),
        info
    );
    let keys = DeviceSeed::from_secret(seed).keys();
    assert_eq!(wrap::open_hybrid(&keys.kem, &info, &own.bytes), Ok(value));

    assert_eq!(vector("genesis of a person's document")["hash"], genesis());
}

fn made() -> Vec<Value> {
    let set = SpaceId([5; 32]);
    let (index, value, nonce) = (2, Secret32::from_bytes([6; 32]), Nonce([7; 16]));
    let commitment = hash(label::RECOVERY_SHARE, &[&set.0, &[index], value.expose()]);
    let keys = DeviceSeed::from_secret(seed()).keys();
    let device = device_id(&seed());
    let recipient = RecipientId::from(device);
    let info = wrap_info(&nonce, &KeyId(commitment), recipient, KeyId(device.0));
    let kem = keys.public_keys().kem;
    let sealed = wrap::wrap_hybrid(&mut Random::new(1), &kem, &info, &value).unwrap();
    let text = ShareText {
        set,
        index,
        sealed: vec![Wrap {
            recipient,
            bytes: sealed,
        }],
    };
    let words = words::of_seed(&DeviceSeed::from_secret(seed())).join(" ");
    vec![
        json!({ "name": "paper", "text": paper().to_string(), "url": paper().url, "relay": hex(&[1; 32]),
            "network": hex(&[2; 32]), "fingerprint": paper().device.to_string() }),
        json!({ "name": "words", "seed": hex(seed().expose()), "words": words }),
        json!({ "name": "share", "set": hex(&set.0), "index": index, "value": hex(value.expose()),
            "commitment": hex(&commitment), "nonce": hex(&nonce.0), "recipient_seed": hex(seed().expose()),
            "info": hex(&info), "text": text.to_string() }),
        json!({ "name": "genesis of a person's document", "containers": PERSON_CONTAINERS, "hash": genesis() }),
    ]
}
