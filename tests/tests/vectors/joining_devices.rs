//! A further device of a person (PROTOCOL §21): the text that invites it, its join request, and requests
//! that bring in no device, each with its word.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::{committing_aead, label};
use nahtlos_protocol::identifier::{DeviceId, SignatureBytes, SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::space::{Member, admission_message};
use nahtlos_protocol::wire::device::{DeviceInvitation, DeviceRequestError};
use nahtlos_protocol::wire::join::{JoinError, JoinRequest};
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{bytes, each, hex, stored};
use crate::words::codec_word;
use crate::world::Device;

const NAME: &str = "Telefon";

fn invitation() -> DeviceInvitation {
    DeviceInvitation {
        url: "https://relay.example".into(),
        relay: VerifyingKeyBytes([1; 32]),
        network: SpaceId([2; 32]),
        person: SpaceId([3; 32]),
        institution: SpaceId([4; 32]),
        team: SpaceId([5; 32]),
        seed: Secret32::from_bytes([6; 32]),
    }
}

/// A device's keys, with the consent of a device to belong to a person.
fn member(keys: &Device, signs: &Device, person: SpaceId) -> Member {
    let message = admission_message(Some(person), keys.id);
    let signature = signs.keys.signing.sign(label::ADMISSION_SIGN, &message);
    Member::Device {
        keys: keys.public(),
        countersignature: SignatureBytes(*signature.as_bytes()),
    }
}

fn introduction(seed: &Secret32, name: &str) -> Vec<u8> {
    let json = json!({ "name": name, "function": "" }).to_string();
    let (key, salt) = (derive(seed, label::INTRODUCTION, &[]), [7; 32]);
    let sealed = committing_aead::seal(&key, &salt, label::INTRODUCTION, b"", json.as_bytes());
    let sealed = sealed.expect("it is short");
    [salt.as_slice(), &sealed.commitment, &sealed.ciphertext].concat()
}

/// What the introduction says, where it opens.
fn introduced(seed: &Secret32, sealed: &[u8]) -> Option<Value> {
    let (salt, rest) = sealed.split_first_chunk::<32>()?;
    let (commitment, ciphertext) = rest.split_first_chunk::<32>()?;
    let key = derive(seed, label::INTRODUCTION, &[]);
    let opened =
        committing_aead::open(&key, salt, label::INTRODUCTION, b"", commitment, ciphertext);
    nahtlos_client::untrusted::introduction(&opened.ok()?).map(|said| json!(said))
}

/// Why a request brings in no device, in the order in which that is looked at.
fn refused(request: &[u8], invitation: &DeviceInvitation) -> Result<Value, &'static str> {
    let request = JoinRequest::decode(request).map_err(|error| match error {
        JoinError::Codec(error) => codec_word(&error),
        JoinError::BadSignature => "bad_signature",
        JoinError::NeedsNewer => "needs_newer",
        JoinError::TooMuch => "malformed",
    })?;
    let (device, _) = request.device().map_err(|error| match error {
        DeviceRequestError::NoDevice => "no_device",
        DeviceRequestError::OtherDevice => "other_device",
        DeviceRequestError::NotAgreed => "not_agreed",
    })?;
    let said = introduced(&invitation.seed, &request.body().introduction).ok_or("unreadable")?;
    Ok(json!({ "device": device.to_string(), "name": said["name"], "function": said["function"] }))
}

fn made() -> Vec<Value> {
    let invitation = invitation();
    let (one, other, person) = (Device::new(8), Device::new(9), invitation.person);
    let agreed = member(&one, &one, person);
    let opens = introduction(&invitation.seed, NAME);
    let text = invitation.as_invitation();
    let of = |device: DeviceId, member: &Member, introduction: &[u8]| {
        let request = JoinRequest::of_device(&invitation, device, member, introduction.to_vec());
        request.expect("it is short").bytes().to_vec()
    };
    let carrying = |operations: Vec<Vec<u8>>| {
        let request = JoinRequest::sign(&text, SpaceId(one.id.0), operations, opens.clone());
        request.expect("it is short").bytes().to_vec()
    };
    let good = of(one.id, &agreed, &opens);
    let mut unsigned = good.clone();
    *unsigned.last_mut().expect("a signature") ^= 1;
    let with_key = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut member = agreed.clone();
        if let Member::Device { keys, .. } = &mut member {
            change(&mut keys.kem);
        }
        member
    };
    let short_key = with_key(&|kem| {
        kem.pop();
    });
    let bad_key = with_key(&|kem| kem[..3].fill(0xff));
    let encoded = codec::encode(&agreed);
    let space = Member::Space {
        id: SpaceId([9; 32]),
    };
    let unreadable = introduction(&Secret32::from_bytes([9; 32]), NAME);
    let no_text =
        JoinRequest::of_device(&invitation, one.id, &agreed, vec![7; 40]).expect("it is short");
    let requests: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("a request", good.clone(), None),
        (
            "a request without a name",
            of(one.id, &agreed, &introduction(&invitation.seed, "")),
            None,
        ),
        ("a changed signature", unsigned, Some("bad_signature")),
        (
            "a byte more",
            [good.as_slice(), &[0]].concat(),
            Some("malformed"),
        ),
        ("no element", carrying(Vec::new()), Some("no_device")),
        (
            "two devices",
            carrying(vec![encoded.clone(), encoded.clone()]),
            Some("no_device"),
        ),
        (
            "a space",
            carrying(vec![codec::encode(&space)]),
            Some("no_device"),
        ),
        (
            "a device and a byte more",
            carrying(vec![[encoded.as_slice(), &[0]].concat()]),
            Some("no_device"),
        ),
        (
            "a key that is too short",
            of(one.id, &short_key, &opens),
            Some("no_device"),
        ),
        (
            "a key whose coefficients are too large",
            of(one.id, &bad_key, &opens),
            Some("no_device"),
        ),
        (
            "another device than it asks for",
            of(other.id, &agreed, &opens),
            Some("other_device"),
        ),
        (
            "a consent signed by another device",
            of(one.id, &member(&one, &other, person), &opens),
            Some("not_agreed"),
        ),
        (
            "a consent to belong to somebody else",
            of(one.id, &member(&one, &one, SpaceId([9; 32])), &opens),
            Some("not_agreed"),
        ),
        (
            "another device, that did not agree either",
            of(other.id, &member(&one, &other, person), &opens),
            Some("other_device"),
        ),
        (
            "an introduction under another seed",
            of(one.id, &agreed, &unreadable),
            Some("unreadable"),
        ),
        (
            "an introduction that is too short",
            no_text.bytes().to_vec(),
            Some("unreadable"),
        ),
    ];
    let mut vectors = vec![json!({
        "name": "text", "text": invitation.to_string(), "url": invitation.url, "relay": hex(&invitation.relay.0),
        "network": invitation.network.to_string(), "person": person.to_string(),
        "institution": invitation.institution.to_string(), "team": invitation.team.to_string(),
        "seed": hex(invitation.seed.expose()), "invitation": hex(&invitation.invitation().0),
    })];
    for (name, bytes, error) in requests {
        let brings = refused(&bytes, &invitation);
        vectors.push(
            json!({ "name": name, "bytes": hex(&bytes), "error": error, "brings": brings.ok() }),
        );
    }
    vectors
}

#[test]
fn a_further_device_asks_as_it_did_and_what_brings_in_none_is_refused_by_its_word() {
    let stored = stored("added/joining_devices.json", || {
        file(
            "§21",
            "the text that invites a further device of a person, and join requests under it",
            made(),
        )
    });
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    let text = vectors[0].1["text"].as_str().expect("text");
    let invited: DeviceInvitation = text.parse().expect("a text");
    assert_eq!(
        (&invited, invited.to_string().as_str()),
        (&invitation(), text)
    );
    assert_eq!(hex(&invited.invitation().0), vectors[0].1["invitation"]);
    assert_eq!(hex(invited.seed.expose()), vectors[0].1["seed"]);
    for (name, vector) in &vectors[1..] {
        let found = refused(&bytes(vector, "bytes"), &invited);
        assert_eq!(
            found.as_ref().err().copied(),
            vector["error"].as_str(),
            "{name}"
        );
        assert_eq!(json!(found.ok()), vector["brings"], "{name}");
    }
    // The good request once more from its parts: everything in it is deterministic but the salt.
    let one = Device::new(8);
    let agreed = member(&one, &one, invited.person);
    let again =
        JoinRequest::of_device(&invited, one.id, &agreed, introduction(&invited.seed, NAME));
    assert_eq!(
        hex(again.expect("it is short").bytes()),
        vectors[1].1["bytes"]
    );
}
