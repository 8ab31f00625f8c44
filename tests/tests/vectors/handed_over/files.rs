//! Files that are refused as a whole, each with its word, and what is just not refused. Large ones are
//! given by how they are made.

use nahtlos_client::bundle::BundleRequest;
use nahtlos_client::untrusted;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::limits::{BUNDLE_PART_BYTES_MAX, REQUEST_ENVELOPES_MAX};
use nahtlos_protocol::wire::bundle::{BundleHead, KnownEnvelopes, KnownLog, RequestHead};
use serde_json::{Value, json};

use super::reading::Reading;
use super::scene::Scene;
use crate::support::{bytes, from_hex, hex};
use crate::world::NOW_MS;

const BUNDLE: &str = "nahtlos-bundle-v1\n";
const REQUEST: &str = "nahtlos-request-v1\n";
/// Items without a receipt that a device keeps.
const CARRIED_MAX: u64 = 20_000;

/// A whole file of such a beginning and such parts.
pub fn framed(beginning: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    let mut file = beginning.to_vec();
    for part in parts {
        let length = u32::try_from(part.len()).expect("a part is short");
        file.extend(length.to_be_bytes());
        file.extend(part);
    }
    sealed([file.as_slice(), &[0; 4]].concat())
}

fn sealed(mut file: Vec<u8>) -> Vec<u8> {
    let digest = hash(b"", &[&file]);
    file.extend(digest);
    file
}

/// The file of a vector: as it stands, or made of its parts.
pub fn file_of(vector: &Value) -> Vec<u8> {
    if vector["file"].is_string() {
        return bytes(vector, "file");
    }
    let mut parts = Vec::new();
    for made in vector["made_of"].as_array().expect("parts") {
        let field = |name: &str| from_hex(made[name].as_str().unwrap_or_default());
        let times = made["times"].as_u64().unwrap_or(1);
        if let Some(place) = made["counter_at"].as_u64() {
            let (part, place) = (field("part"), place as usize);
            parts.extend((0..times).map(|count| {
                let mut part = part.clone();
                part[place..place + 4].copy_from_slice(&(count as u32).to_be_bytes());
                part
            }));
        } else if made["part"].is_string() {
            parts.extend((0..times).map(|_| field("part")));
        } else {
            let repeated = field("repeat").repeat(times as usize);
            parts.push([field("before"), repeated, field("after")].concat());
        }
    }
    framed(&bytes(vector, "beginning"), &parts)
}

/// Why a file is refused; none where it is taken.
pub fn refused(vector: &Value) -> Option<String> {
    let file = file_of(vector);
    let word = |code: &str| Some(code.to_owned());
    if vector["read_as"] == "request" {
        return BundleRequest::read(file.as_slice())
            .err()
            .and_then(|error| word(error.code()));
    }
    if vector["paper"].is_null() {
        let network = SpaceId::from_hex(vector["network"].as_str().expect("text"));
        return untrusted::bundle_refused(&file, &network.expect("a network")).and_then(word);
    }
    match Reading::with(&vector["paper"], &file) {
        Ok(_) => None,
        Err(nahtlos_client::ClientError::Bundle(error)) => word(error.code()),
        Err(error) => panic!("{}: {error}", vector["name"]),
    }
}

struct Making {
    network: SpaceId,
    vectors: Vec<Value>,
}

impl Making {
    fn file(&mut self, name: &str, read_as: &str, file: &[u8], error: Option<&str>) {
        self.vectors.push(
            json!({ "name": name, "read_as": read_as, "network": self.network.to_string(),
            "file": hex(file), "error": error }),
        );
    }

    fn made(&mut self, name: &str, read_as: &str, parts: Value, error: Option<&str>) {
        let beginning = if read_as == "bundle" { BUNDLE } else { REQUEST };
        self.vectors.push(
            json!({ "name": name, "read_as": read_as, "network": self.network.to_string(),
            "beginning": hex(beginning.as_bytes()), "made_of": parts, "error": error }),
        );
    }
}

/// Everything, with its controls.
pub fn all(scene: &Scene, paper: &Value, other_paper: &Value) -> Vec<Value> {
    let network = scene.town.network;
    let mut making = Making {
        network,
        vectors: Vec::new(),
    };
    beginnings(&mut making);
    forms(&mut making);
    counts(&mut making);
    let whole = framed(BUNDLE.as_bytes(), &scene.parts()[..8]);
    making.vectors.push(
        json!({ "name": "a bundle that says nothing of the paper", "read_as": "bundle",
        "network": network.to_string(), "paper": other_paper, "file": hex(&whole),
        "error": "bundle_not_for_paper" }),
    );
    too_much(&mut making, scene, paper);
    making.vectors
}

fn head(network: SpaceId) -> BundleHead {
    BundleHead {
        version: 1,
        network,
        device: DeviceId([0x22; 32]),
        made_at_ms: NOW_MS,
        is_whole: false,
        keys: Vec::new(),
    }
}

fn request_head(network: SpaceId) -> RequestHead {
    RequestHead {
        version: 1,
        network,
        device: DeviceId([0x22; 32]),
        made_at_ms: NOW_MS,
        logs: Vec::new(),
    }
}

/// Name, version, frame and digest.
fn beginnings(making: &mut Making) {
    let head = codec::encode(&head(making.network));
    let request = codec::encode(&request_head(making.network));
    let with = |beginning: &str| framed(beginning.as_bytes(), std::slice::from_ref(&head));
    let good = with(BUNDLE);
    let good_request = framed(REQUEST.as_bytes(), &[request]);
    let damaged = Some("bundle_damaged");
    making.file("control: a bundle of a head alone", "bundle", &good, None);
    making.file(
        "control: a request of a head alone",
        "request",
        &good_request,
        None,
    );
    making.file(
        "a request where a bundle is read",
        "bundle",
        &good_request,
        Some("not_a_bundle"),
    );
    making.file(
        "a bundle where a request is read",
        "request",
        &good,
        Some("not_a_request"),
    );
    making.file(
        "something else where a bundle is read",
        "bundle",
        b"%PDF-1.7",
        Some("not_a_bundle"),
    );
    making.file(
        "something else where a request is read",
        "request",
        b"%PDF-1.7",
        Some("not_a_request"),
    );
    making.file("nothing", "bundle", b"", Some("not_a_bundle"));
    for (name, version, error) in [
        ("version 2", "2\n", "needs_newer"),
        ("version 0", "0\n", "needs_newer"),
        ("version 12", "12\n", "needs_newer"),
        ("version 2 without a line feed", "2", "needs_newer"),
        ("version 1 without a line feed", "1", "bundle_damaged"),
        ("no version", "", "bundle_damaged"),
        ("a version that is no digit", "x\n", "bundle_damaged"),
    ] {
        let whole = with(&format!("nahtlos-bundle-v{version}"));
        making.file(
            &format!("{name}, in a file whose digest is right"),
            "bundle",
            &whole,
            Some(error),
        );
        if version.len() < 2 {
            let cut = format!("nahtlos-bundle-v{version}");
            making.file(
                &format!("{name}, and nothing after it"),
                "bundle",
                cut.as_bytes(),
                Some(error),
            );
        }
    }
    let mut newer = with("nahtlos-bundle-v2\n");
    *newer.last_mut().expect("a digest") ^= 1;
    making.file(
        "version 2, in a damaged file",
        "bundle",
        &newer,
        Some("needs_newer"),
    );
    let mut other_digest = good.clone();
    *other_digest.last_mut().expect("a digest") ^= 1;
    making.file("another digest", "bundle", &other_digest, damaged);
    let mut other_byte = good.clone();
    other_byte[60] ^= 1;
    making.file("another byte in the head", "bundle", &other_byte, damaged);
    making.file(
        "cut in the digest",
        "bundle",
        &good[..good.len() - 1],
        damaged,
    );
    making.file(
        "cut before the digest",
        "bundle",
        &good[..good.len() - 32],
        damaged,
    );
    making.file(
        "cut before the end",
        "bundle",
        &good[..good.len() - 36],
        damaged,
    );
    making.file("cut in the head", "bundle", &good[..40], damaged);
    making.file("cut in the first length", "bundle", &good[..20], damaged);
    making.file(
        "a byte more",
        "bundle",
        &[good.as_slice(), &[0]].concat(),
        damaged,
    );
    making.file("the file twice", "bundle", &good.repeat(2), damaged);
    making.file(
        "no head",
        "bundle",
        &framed(BUNDLE.as_bytes(), &[]),
        damaged,
    );
    making.file(
        "no head in a request",
        "request",
        &framed(REQUEST.as_bytes(), &[]),
        damaged,
    );
    let huge = [BUNDLE.as_bytes(), &[0xff; 4]].concat();
    making.file("a length above 18 MiB", "bundle", &huge, damaged);
}

/// Heads and other parts.
fn forms(making: &mut Making) {
    let network = making.network;
    let good = codec::encode(&head(network));
    let newer = codec::encode(&BundleHead {
        version: 2,
        ..head(network)
    });
    let elsewhere = codec::encode(&head(SpaceId([0x99; 32])));
    let item = |text: &str| from_hex(text);
    let envelope = item("830245bbbbbbbbbb80");
    let file = |parts: &[&Vec<u8>]| {
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| (*part).clone()).collect();
        framed(BUNDLE.as_bytes(), &parts)
    };
    let damaged = Some("bundle_damaged");
    let wrap = format!("825820{}4466666666", "55".repeat(32));
    let wraps = format!("81{wrap}");
    making.file(
        "control: items are judged by themselves",
        "bundle",
        &file(&[&good, &envelope, &item("83014080")]),
        None,
    );
    making.file(
        "a wrap beside an envelope",
        "bundle",
        &file(&[&good, &item(&format!("830245bbbbbbbbbb{wraps}"))]),
        damaged,
    );
    making.file(
        "control: the same beside an operation",
        "bundle",
        &file(&[&good, &item(&format!("830145bbbbbbbbbb{wraps}"))]),
        None,
    );
    making.file(
        "a join request",
        "bundle",
        &file(&[&good, &item("830345bbbbbbbbbb80")]),
        damaged,
    );
    making.file(
        "an unknown kind",
        "bundle",
        &file(&[&good, &item("830445bbbbbbbbbb80")]),
        damaged,
    );
    making.file(
        "a null for the receipt that is not there",
        "bundle",
        &file(&[&good, &item("840245bbbbbbbbbb80f6")]),
        damaged,
    );
    making.file(
        "a byte more in an item",
        "bundle",
        &file(&[&good, &item("830245bbbbbbbbbb8000")]),
        damaged,
    );
    making.file(
        "a kind in a longer form",
        "bundle",
        &file(&[&good, &item("83180245bbbbbbbbbb80")]),
        damaged,
    );
    let mut trailing = good.clone();
    trailing.push(0);
    making.file(
        "a byte more in the head",
        "bundle",
        &file(&[&trailing]),
        damaged,
    );
    making.file(
        "a head of another version",
        "bundle",
        &file(&[&newer]),
        Some("needs_newer"),
    );
    making.file(
        "a head of another version, and an item of another form",
        "bundle",
        &file(&[&newer, &vec![0x80]]),
        Some("needs_newer"),
    );
    making.file(
        "a head of another version and another form",
        "bundle",
        &file(&[&item("8102")]),
        damaged,
    );
    let mut changed = file(&[&newer]);
    *changed.last_mut().expect("a digest") ^= 1;
    making.file(
        "a head of another version in a damaged file",
        "bundle",
        &changed,
        damaged,
    );
    making.file(
        "another network",
        "bundle",
        &file(&[&elsewhere]),
        Some("bundle_other_network"),
    );
    making.file(
        "another network, and an item of another form",
        "bundle",
        &file(&[&elsewhere, &vec![0x80]]),
        damaged,
    );
    making.file(
        "another network, and another version in the head",
        "bundle",
        &file(&[&codec::encode(&BundleHead {
            version: 2,
            ..head(SpaceId([0x99; 32]))
        })]),
        Some("needs_newer"),
    );

    let asked = |version, parts: &[Vec<u8>]| {
        let head = codec::encode(&RequestHead {
            version,
            ..request_head(network)
        });
        let mut all = vec![head];
        all.extend_from_slice(parts);
        framed(REQUEST.as_bytes(), &all)
    };
    let ids = codec::encode(&KnownEnvelopes { ids: Vec::new() });
    making.file(
        "control: a request that names no envelope, twice",
        "request",
        &asked(1, &[ids.clone(), ids.clone()]),
        None,
    );
    making.file(
        "a request's head of another version",
        "request",
        &asked(2, &[ids]),
        Some("needs_newer"),
    );
    making.file(
        "a request's head of another version, and a part of another form",
        "request",
        &asked(2, &[vec![0x80]]),
        Some("needs_newer"),
    );
    making.file(
        "a part of another form in a request",
        "request",
        &asked(1, &[vec![0x80]]),
        damaged,
    );
    let log = |length, opens| KnownLog {
        space: SpaceId([0x33; 32]),
        length,
        opens,
    };
    let twice = RequestHead {
        logs: vec![log(2, true), log(1, false)],
        ..request_head(network)
    };
    let twice = framed(REQUEST.as_bytes(), &[codec::encode(&twice)]);
    making.file(
        "control: a request that names one log twice",
        "request",
        &twice,
        None,
    );
}

/// At the limits and one above.
fn counts(making: &mut Making) {
    let network = making.network;
    let damaged = Some("bundle_damaged");
    let good = hex(&codec::encode(&head(network)));
    let without_keys = good.strip_suffix("80").expect("no keys").to_owned();
    let key = format!(
        "835820{}5820{}825820{}40",
        "33".repeat(32),
        "44".repeat(32),
        "55".repeat(32)
    );
    for (times, error) in [(2_048, None), (2_049, damaged)] {
        let parts = json!([{ "before": format!("{without_keys}99{times:04x}"), "repeat": key, "times": times, "after": "" }]);
        making.made(&format!("{times} keys"), "bundle", parts, error);
    }
    let of_request = hex(&codec::encode(&request_head(network)));
    let id = format!("5820{}", "01".repeat(32));
    for (times, error) in [
        (REQUEST_ENVELOPES_MAX, None),
        (REQUEST_ENVELOPES_MAX + 1, damaged),
    ] {
        let parts = json!([{ "part": of_request }, { "before": format!("8199{times:04x}"), "repeat": id, "times": times, "after": "" }]);
        making.made(
            &format!("{times} envelopes in one part"),
            "request",
            parts,
            error,
        );
    }
    for (times, error) in [(1_000, None), (1_001, damaged)] {
        let parts = json!([{ "part": of_request }, { "part": "8180", "times": times }]);
        making.made(
            &format!("{times} parts of envelopes"),
            "request",
            parts,
            error,
        );
    }
    // 83 02 5a xxxxxxxx … 80: eight bytes around the item's own.
    for (more, error) in [(0, None), (1, damaged)] {
        let length = BUNDLE_PART_BYTES_MAX - 8 + more;
        let parts = json!([{ "part": good }, { "before": format!("83025a{length:08x}"), "repeat": "00", "times": length, "after": "80" }]);
        making.made(
            &format!("a part of 18 MiB and {more} bytes"),
            "bundle",
            parts,
            error,
        );
    }
}

/// More without a receipt than a device keeps. The space is not here, so each waits.
fn too_much(making: &mut Making, scene: &Scene, paper: &Value) {
    let part = codec::encode(scene.items.last().expect("items"));
    // Four bytes of the ciphertext count; no signature is looked at before there is room.
    let place = part.len() - 90;
    let head = hex(&codec::encode(&scene.head));
    for (times, error) in [
        (3, "bundle_not_for_paper"),
        (CARRIED_MAX + 1, "bundle_too_much_carried"),
    ] {
        making.made(
            &format!("{times} envelopes without a receipt, and nothing else"),
            "bundle",
            json!([{ "part": head }, { "part": hex(&part), "counter_at": place, "times": times }]),
            Some(error),
        );
        let last = making.vectors.last_mut().expect("one was made");
        last["paper"] = paper.clone();
    }
}
