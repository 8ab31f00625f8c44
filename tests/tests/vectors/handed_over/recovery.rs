//! A recovery member with a key in three shares of which two are enough: its card, its shares, texts that
//! hand one over, and what the holder of A's paper makes of them.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use nahtlos_client::ClientError;
use nahtlos_document::{Editor, WriteError};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::wrap::wrap_hybrid;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::{Draft, Kind, Role, Wrap};
use nahtlos_protocol::wire::share::ShareText;
use serde_json::{Value, json};

use super::reading::{Reading, paper_of};
use super::scene::{head_of, list_paper, pending, receipted, with_receipt, write_cards};
use crate::desk::Desk;
use crate::forms::file;
use crate::scenarios::{Town, join, person};
use crate::support::{bytes, each, from_hex, hex, stored};
use crate::world::{Device, World};

/// The product in the field of AES.
fn product(left: u8, right: u8) -> u8 {
    let (mut left, mut right, mut sum) = (left, right, 0);
    while right > 0 {
        sum ^= if right & 1 == 1 { left } else { 0 };
        let carry = left & 0x80 != 0;
        left <<= 1;
        left ^= if carry { 0x1b } else { 0 };
        right >>= 1;
    }
    sum
}

/// Lines through the secret: the share of an index is secret + index · slope, byte by byte.
fn share(secret: &[u8; 32], slope: &[u8; 32], index: u8) -> [u8; 32] {
    core::array::from_fn(|place| secret[place] ^ product(index, slope[place]))
}

fn commitment(member: SpaceId, index: u8, value: &[u8; 32]) -> [u8; 32] {
    hash(label::RECOVERY_SHARE, &[&member.0, &[index], value])
}

/// One share, wrapped to a device.
fn sealed(
    world: &mut World,
    member: SpaceId,
    published: [u8; 32],
    value: &[u8; 32],
    to: &Device,
) -> Wrap {
    let nonce = world.state(member).nonce();
    let recipient = RecipientId::from(to.id);
    let info = wrap_info(&nonce, &KeyId(published), recipient, KeyId(to.id.0));
    let kem = to.keys.public_keys().kem;
    let secret = Secret32::from_bytes(*value);
    let bytes = wrap_hybrid(&mut world.random, &kem, &info, &secret).expect("the key is good");
    Wrap { recipient, bytes }
}

struct Set {
    member: SpaceId,
    shares: Vec<([u8; 32], [u8; 32])>,
    card: Value,
}

/// Splits a seed among custodians and writes the card.
fn split(
    world: &mut World,
    institution: SpaceId,
    member: SpaceId,
    seed: &[u8; 32],
    custodians: &[(SpaceId, Vec<&Device>)],
) -> Set {
    let slope: [u8; 32] = world.random.bytes();
    let (mut shares, mut entries) = (Vec::new(), Vec::new());
    for (index, (custodian, devices)) in (1..).zip(custodians) {
        let value = share(seed, &slope, index);
        let published = commitment(member, index, &value);
        let wraps: BTreeMap<String, String> = devices
            .iter()
            .map(|device| {
                let wrap = sealed(world, member, published, &value, device);
                (device.id.to_string(), BASE64.encode(&wrap.bytes))
            })
            .collect();
        entries.push(json!({ "custodian": custodian.to_string(), "commitment": hex(&published), "sealed": wraps }));
        shares.push((value, published));
    }
    let card = json!({ "name": "Wiederherstellung", "function": "recovery", "institution": institution.to_string(),
        "recovery": { "threshold": 2, "shares": entries } });
    Set {
        member,
        shares,
        card,
    }
}

fn put(id: SpaceId, card: &Value) -> impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError> {
    let (id, text) = (id.to_string(), card.to_string());
    move |editor| editor.put(["people", id.as_str()], text.as_str())
}

fn made() -> Value {
    let mut town = Town::new(21);
    let paper = Device::new(6);
    list_paper(&mut town, &paper);
    let mut cards = write_cards(&mut town);
    let one = town.one;
    let third = Device::new(8);
    let person_third = person(&mut town.world, &third, one.institution);
    join(
        &mut town.world,
        &town.a1,
        one.team,
        person_third,
        Role::Read,
    );

    let key = Device::new(7);
    let world = &mut town.world;
    let create = world.create(Kind::Person, Some(one.institution), None);
    let admit = world.add_device(&key, None);
    let member = world.act(&key, Draft::new().effect(create).effect(admit), None);
    for group in [one.team, one.institution] {
        join(world, &town.a1, group, member, Role::Manage);
    }
    let (a1, b1) = (Device::new(1), Device::new(2));
    let custodians = [
        (one.person, vec![&a1, &paper]),
        (town.person_b, vec![&b1]),
        (person_third, vec![&third]),
    ];
    let set = split(world, one.institution, member, &key.seed, &custodians);
    let replica = world.replica.clone();
    let by_a = cards.write(world, &replica, &town.a1, put(member, &set.card));
    world.accept_envelope(&by_a);
    let judged = other_cards(&mut town, &mut cards, &set);
    let texts = texts(&mut town, &set, &paper);

    // Somebody publishes shares of another seed under the same member.
    let other = split(
        &mut town.world,
        one.institution,
        member,
        &[0x55; 32],
        &custodians,
    );
    let replica = town.world.replica.clone();
    let world = &mut town.world;
    let republished = cards.write(world, &replica, &town.a1, put(member, &other.card));
    let text_of_other = share_text(&mut town.world, &other, 2, &[&paper]);
    let bundle = receipted(&mut town);
    town.world.accept_envelope(&republished);
    let receipt = town.world.receipt(republished.id().into());
    let republished = with_receipt(&pending(republished.bytes()), receipt);
    let mut parts = vec![codec::encode(&head_of(&mut town))];
    parts.extend(bundle.iter().map(codec::encode));
    let shares: Vec<Value> = set.shares.iter().zip(1..).map(|((value, published), index)| {
        json!({ "index": index, "value": hex(value), "commitment": hex(published) })
    }).collect();
    let mut vectors = vec![
        json!({ "name": "a set", "member": member.to_string(), "device": key.id.to_string(), "seed": hex(&key.seed),
            "threshold": 2, "shares": shares, "card": set.card, "paper": paper_of(&paper, &town.world, town.network),
            "file": hex(&nahtlos_client::untrusted::bundle_of(&parts)), "cards": judged }),
    ];
    for (name, given, error) in texts {
        vectors.push(json!({ "name": name, "of": "a set", "given": given, "error": error }));
    }
    vectors.push(json!({ "name": "shares as published, of another seed", "of": "a set", "items": [hex(&codec::encode(&republished))],
        "given": [text_of_other], "error": "recovery_other_device" }));
    file(
        "§21",
        "a recovery member's shares, two of three: its card in a bundle file of §29, who holds what, and what the holder of a paper makes of texts that are handed over",
        vectors,
    )
}

fn share_text(world: &mut World, set: &Set, index: u8, to: &[&Device]) -> String {
    let (value, published) = set.shares[usize::from(index) - 1];
    let wraps = to
        .iter()
        .map(|device| sealed(world, set.member, published, &value, device));
    let sealed = wraps.collect();
    ShareText {
        set: set.member,
        index,
        sealed,
    }
    .to_string()
}

type Given = (&'static str, Vec<String>, Option<&'static str>);

/// What is handed to A, who holds the first share.
fn texts(town: &mut Town, set: &Set, paper: &Device) -> Vec<Given> {
    let (a1, b1, person_b) = (&town.a1, &town.b1, town.person_b);
    let world = &mut town.world;
    let both = [a1, paper];
    let own = share_text(world, set, 1, &both);
    let second = share_text(world, set, 2, &both);
    let third = share_text(world, set, 3, &both);
    let for_b = share_text(world, set, 3, &[b1]);
    let changed = |text: &str, change: &dyn Fn(&mut ShareText)| {
        let mut text: ShareText = text.parse().expect("a text");
        change(&mut text);
        text.to_string()
    };
    let other_set = changed(&second, &|text| text.set = person_b);
    let other_set_for_b = changed(&for_b, &|text| text.set = person_b);
    let no_number = changed(&second, &|text| text.index = 4);
    let zero = changed(&second, &|text| text.index = 0);
    let moved = changed(&second, &|text| text.index = 3);
    let damaged = changed(&second, &|text| text.sealed[1].bytes[1_150] ^= 1);
    let no_wraps = changed(&second, &|text| text.sealed.clear());
    let no_number_for_b = changed(&for_b, &|text| text.index = 4);
    let (mut value, published) = set.shares[1];
    value[0] ^= 1;
    let wrong = sealed(world, set.member, published, &value, paper);
    let wrong = changed(&second, &|text| text.sealed = vec![wrong.clone()]);
    let others_first = changed(&second, &|text| text.sealed.reverse());
    let (value, published) = set.shares[1];
    let good = sealed(world, set.member, published, &value, paper);
    let first_is_wrong = changed(&second, &|text| {
        let wrong: ShareText = wrong.parse().expect("a text");
        text.sealed = vec![wrong.sealed[0].clone(), good.clone()];
    });
    vec![
        ("the second share", vec![second.clone()], None),
        ("the third share", vec![third.clone()], None),
        (
            "more than it takes",
            vec![third.clone(), second.clone()],
            None,
        ),
        ("wraps in another order", vec![others_first], None),
        ("one's own share alone", vec![], Some("shares_too_few")),
        ("one's own share twice", vec![own], Some("shares_too_few")),
        (
            "a share of another set",
            vec![other_set.clone()],
            Some("share_other_set"),
        ),
        (
            "a share that is for somebody else's device",
            vec![for_b.clone()],
            Some("share_not_for_this_device"),
        ),
        (
            "a share for nobody",
            vec![no_wraps],
            Some("share_not_for_this_device"),
        ),
        (
            "a share whose number the set lacks",
            vec![no_number],
            Some("share_wrong"),
        ),
        ("a share whose number is 0", vec![zero], Some("share_wrong")),
        (
            "a share under another's number",
            vec![moved],
            Some("share_wrong"),
        ),
        (
            "a share whose wrap was changed",
            vec![damaged],
            Some("share_wrong"),
        ),
        (
            "a share that opens and is another than was published",
            vec![wrong.clone()],
            Some("share_wrong"),
        ),
        (
            "of two wraps for one device the first is taken",
            vec![first_is_wrong],
            Some("share_wrong"),
        ),
        (
            "of another set and for somebody else: the set comes first",
            vec![other_set_for_b],
            Some("share_other_set"),
        ),
        (
            "for somebody else, under no number of the set: the device comes first",
            vec![no_number_for_b],
            Some("share_not_for_this_device"),
        ),
        (
            "a good share, then a wrong one: one stops all",
            vec![second.clone(), wrong.clone()],
            Some("share_wrong"),
        ),
        (
            "a wrong one, then one of another set: the first text decides",
            vec![wrong, other_set],
            Some("share_wrong"),
        ),
    ]
}

/// Cards of further persons, each of another form, and whether they are recovery members'.
fn other_cards(town: &mut Town, cards: &mut Desk, set: &Set) -> Vec<Value> {
    let variants: [(&str, &str, Value, bool); 14] = [
        (
            "control: the same card for another person",
            "",
            json!(null),
            true,
        ),
        (
            "another function, and a team",
            "/function",
            json!("anything"),
            true,
        ),
        ("a threshold of 1", "/recovery/threshold", json!(1), false),
        (
            "a threshold above the shares",
            "/recovery/threshold",
            json!(4),
            false,
        ),
        ("a threshold of all", "/recovery/threshold", json!(3), true),
        ("one share", "shares", json!(1), false),
        ("10 shares", "shares", json!(10), true),
        ("11 shares", "shares", json!(11), false),
        (
            "a commitment of 63 digits",
            "/recovery/shares/0/commitment",
            json!("0".repeat(63)),
            false,
        ),
        (
            "a commitment in capitals",
            "/recovery/shares/0/commitment",
            json!("A".repeat(64)),
            false,
        ),
        (
            "a custodian that is no space id",
            "/recovery/shares/1/custodian",
            json!("b"),
            false,
        ),
        (
            "a wrap that is no Base64 is for nobody",
            "/recovery/shares/1/sealed",
            json!({ "x": "not Base64" }),
            true,
        ),
        ("no recovery", "/recovery", json!(null), false),
        (
            "another institution than the guardian",
            "/institution",
            json!("other"),
            false,
        ),
    ];
    let mut judged = Vec::new();
    for (number, (name, place, value, counts)) in (30..).zip(variants) {
        let member = person(&mut town.world, &Device::new(number), town.one.institution);
        let mut card = set.card.clone();
        match place {
            "" => {}
            "shares" => {
                let shares = card
                    .pointer_mut("/recovery/shares")
                    .and_then(Value::as_array_mut);
                let (shares, wanted) = (shares.expect("shares"), value.as_u64().expect("a number"));
                let first = shares[0].clone();
                shares.resize(wanted as usize, first);
            }
            "/institution" => card["institution"] = json!(town.two.institution.to_string()),
            place => *card.pointer_mut(place).expect("a place") = value,
        }
        let replica = town.world.replica.clone();
        let world = &mut town.world;
        let envelope: Envelope = cards.write(world, &replica, &town.a1, put(member, &card));
        world.accept_envelope(&envelope);
        judged.push(json!({ "name": name, "member": member.to_string(), "counts": counts }));
    }
    judged
}

fn reading_of(set: &Value, items: &Value) -> Reading {
    let mut parts = super::parts_of(&bytes(set, "file"));
    let items = items.as_array().into_iter().flatten();
    parts.extend(items.map(|item| from_hex(item.as_str().expect("text"))));
    let file = nahtlos_client::untrusted::bundle_of(&parts);
    Reading::with(&set["paper"], &file).expect("it opens")
}

#[test]
fn two_of_three_shares_make_the_recovery_device_and_wrong_ones_are_refused_by_name() {
    let stored = stored("added/recovery.json", made);
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    let set = vectors[0].1;
    let mut reading = reading_of(set, &json!(null));
    for (name, vector) in &vectors[1..] {
        let mut with_more;
        let replica = if vector["items"].is_null() {
            reading.replica()
        } else {
            with_more = reading_of(set, &vector["items"]);
            with_more.replica()
        };
        let given = vector["given"].as_array().expect("texts").iter();
        let given: Vec<ShareText> = given
            .map(|text| text.as_str().expect("text").parse().expect("a text"))
            .collect();
        let found = match replica.rehearse_recovery(&given) {
            Ok(_) => None,
            Err(ClientError::Recovery(error)) => Some(error.code()),
            Err(error) => panic!("{name}: {error}"),
        };
        assert_eq!(found, vector["error"].as_str(), "{name}");
    }
    let lines = reading.replica().recovery_lines().expect("the vault reads");
    let present: Vec<_> = lines.iter().filter(|line| line.is_present).collect();
    assert_eq!((present.len(), present[0].threshold), (1, 2));
    let fingerprint = |member: &Value| {
        let member = SpaceId::from_hex(member.as_str().expect("text")).expect("an id");
        nahtlos_protocol::crypto::fingerprint::Fingerprint::of(&member.0).to_string()
    };
    for card in set["cards"].as_array().expect("cards") {
        let wanted = fingerprint(&card["member"]);
        let counts = lines.iter().any(|line| line.set == wanted);
        assert_eq!(json!(counts), card["counts"], "{}", card["name"]);
    }
}

#[test]
fn the_shares_lie_on_lines_through_the_seed_and_are_what_was_published() {
    let stored = stored("added/recovery.json", made);
    let (_, set) = each(&stored).next().expect("a set");
    let member = SpaceId::from_hex(set["member"].as_str().expect("text")).expect("an id");
    let seed: [u8; 32] = from_hex(set["seed"].as_str().expect("a seed"))
        .try_into()
        .expect("32 bytes");
    let device = Device::new(seed[0]);
    assert_eq!(
        (device.seed, device.id.to_string()),
        (seed, set["device"].as_str().expect("text").to_owned())
    );
    let shares: Vec<(u8, [u8; 32])> = set["shares"]
        .as_array()
        .expect("shares")
        .iter()
        .map(|share| {
            let index = share["index"].as_u64().expect("a number") as u8;
            let value: [u8; 32] = bytes(share, "value").try_into().expect("32 bytes");
            assert_eq!(hex(&commitment(member, index, &value)), share["commitment"]);
            (index, value)
        })
        .collect();
    // Over such a field the third point of a line is the sum of the two others, since 3 = 1 + 2: so the
    // secret at 0 is the sum of all three shares.
    let sum: [u8; 32] =
        core::array::from_fn(|place| shares.iter().fold(0, |sum, (_, value)| sum ^ value[place]));
    assert_eq!(
        shares.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(sum, seed);
}
