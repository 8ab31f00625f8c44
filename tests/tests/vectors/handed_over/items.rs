//! Items on top of a bundle that was taken in, each with the word of what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload, header::Salt};
use nahtlos_protocol::identifier::{DeviceId, ItemId, JournalId, KeyId, OperationId, SpaceId};
use nahtlos_protocol::space::authority::path_heads;
use nahtlos_protocol::space::{
    Draft, Effect, Kind, LogHead, Logs, Operation, Prepared, Role, SignedOperation,
};
use nahtlos_protocol::wire::bundle::BundleItem;
use nahtlos_protocol::wire::{Batch, ItemKind, Receipt};

use super::scene::{Scene, founding_of, operation, pending, with_receipt};
use crate::desk::{access_heads, section_containers, task};
use crate::support::from_hex;
use crate::world::{Device, Replica};

/// A name, the items, and what becomes of each.
pub type Case = (&'static str, Vec<BundleItem>, Vec<&'static str>);

/// Everything, with its controls.
pub fn all(scene: &mut Scene) -> Vec<Case> {
    let mut cases = access_of_a_known_section(scene);
    cases.extend(new_sections(scene));
    cases.extend(edits(scene));
    cases.extend(other_envelopes(scene));
    cases
}

fn item_id(item: &BundleItem) -> ItemId {
    match item.kind {
        ItemKind::Operation => SignedOperation::decode(&item.bytes)
            .expect("it is one")
            .id()
            .into(),
        _ => Envelope::decode(&item.bytes)
            .expect("it is one")
            .id()
            .into(),
    }
}

/// A receipt that whoever holds this key signs for an item, after everything in the file.
fn receipt_by(key: &SigningKey, item: &BundleItem) -> Receipt {
    let batch = Batch {
        journal: JournalId([1; 16]),
        accepted_at_ms: 1_800_000_100_000,
        items: vec![(9_000, item_id(item))],
    };
    batch.receipts(key).remove(0)
}

fn of_operation(signed: &SignedOperation) -> BundleItem {
    BundleItem {
        kind: ItemKind::Operation,
        bytes: signed.bytes().to_vec(),
        wraps: Vec::new(),
        receipt: None,
    }
}

fn raw(kind: ItemKind, bytes: Vec<u8>) -> BundleItem {
    BundleItem {
        kind,
        bytes,
        wraps: Vec::new(),
        receipt: None,
    }
}

fn with_last_byte_changed(item: &BundleItem) -> BundleItem {
    let mut changed = item.clone();
    let last = changed.bytes.last_mut().expect("it is not empty");
    *last ^= 1;
    changed
}

/// The next operation of a space, by somebody who names all logs beneath it.
fn next(replica: &Replica, who: &Device, space: SpaceId, effects: Vec<Effect>) -> Operation {
    let state = &replica.logs[&space];
    let mut references = path_heads(replica, &who.id, state);
    let mut todo = vec![space];
    while let Some(space) = todo.pop() {
        if let Some(state) = replica.state(&space) {
            references.insert(space, state.head().expect("a log is not empty"));
            let members = state.live_grants().map(|grant| grant.member.recipient().0);
            todo.extend(members.map(SpaceId));
        }
    }
    references.remove(&space);
    Operation {
        version: 1,
        suite: 2,
        space: Some(space),
        index: state.length(),
        previous: state.head().map(|head| head.operation),
        author: who.id,
        claimed_at_ms: 0,
        references: references.into_values().collect(),
        effects,
    }
}

/// Of a section that the relay has: only a receipt makes a change of access good.
fn access_of_a_known_section(scene: &mut Scene) -> Vec<Case> {
    let (section, person_b) = (scene.section, scene.town.person_b);
    let replica = scene.town.world.replica.clone();
    let other_receipt = scene.items[0].receipt.clone().expect("the relay has it");
    let known = scene.items[0].clone();
    let world = &mut scene.town.world;
    let add = world.add(person_b, Role::Read);
    let current = world.current_seed(section);
    let draft = Draft::new().effect(add.clone()).wrap_missing(current);
    let addition = operation(&world.prepare(&replica, &scene.town.a1, draft, Some(section)));
    let team = {
        let create = world.create(Kind::Team, Some(scene.town.one.institution), None);
        let manage = world.add(scene.town.one.person, Role::Manage);
        let epoch = world.fresh(None);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        operation(&world.prepare(&replica, &scene.town.a1, draft, None))
    };
    let (a1, c1, unknown) = (&scene.town.a1, &scene.town.c1, Device::new(77));
    let by_c = SignedOperation::sign(
        next(&replica, c1, section, vec![add.clone()]),
        &c1.keys.signing,
    );
    let mut of_unknown = next(&replica, a1, section, vec![add]);
    of_unknown.author = unknown.id;
    let of_unknown = SignedOperation::sign(of_unknown, &unknown.keys.signing);
    let body = next(&replica, a1, section, Vec::new());
    let newer = SignedOperation::sign(Operation { version: 2, ..body }, &a1.keys.signing);
    let good = receipt_by(&world.relay, &addition);
    let stranger = SigningKey::from_seed(&Secret32::from_bytes([9; 32]));
    let forged = receipt_by(&stranger, &addition);
    vec![
        (
            "an addition with its receipt",
            vec![with_receipt(&addition, good.clone())],
            vec!["received"],
        ),
        (
            "an addition without one",
            vec![addition.clone()],
            vec!["no_receipt"],
        ),
        (
            "an addition under the receipt of another item",
            vec![with_receipt(&addition, other_receipt)],
            vec!["no_receipt"],
        ),
        (
            "an addition under a receipt that a stranger signed",
            vec![with_receipt(&addition, forged)],
            vec!["no_receipt"],
        ),
        (
            "an addition without a receipt, and with it behind",
            vec![addition.clone(), with_receipt(&addition, good)],
            vec!["known", "received"],
        ),
        ("a team without a receipt", vec![team], vec!["no_receipt"]),
        (
            "an addition whose signature was changed",
            vec![with_last_byte_changed(&addition)],
            vec!["bad_signature"],
        ),
        (
            "an addition by who only writes",
            vec![of_operation(&by_c)],
            vec!["invalid"],
        ),
        (
            "an addition by a device that no log names",
            vec![of_operation(&of_unknown)],
            vec!["invalid"],
        ),
        (
            "an operation of another version",
            vec![of_operation(&newer)],
            vec!["left_out"],
        ),
        (
            "bytes that are no operation",
            vec![raw(ItemKind::Operation, vec![1, 2])],
            vec!["left_out"],
        ),
        ("what the file had already", vec![known], vec!["known"]),
    ]
}

/// A section without any receipt grows by who has a right in the network, in its order.
fn new_sections(scene: &mut Scene) -> Vec<Case> {
    let (section, person_b, two) = (scene.new_section, scene.town.person_b, scene.town.two);
    let (person_k, person_d) = (scene.town.person_k, scene.town.person_d);
    let replica = scene.with_new_section.clone();
    let relayed = scene.town.world.replica.clone();
    let town = &mut scene.town;
    let world = &mut town.world;
    let key_id = replica.logs[&section]
        .current_epoch()
        .expect("an epoch")
        .key_id;
    let mut add_to = |replica: &Replica, member| -> Prepared {
        let add = world.add(member, Role::Read);
        let draft = Draft::new()
            .effect(add)
            .wrap_missing(world.seeds.get(&key_id));
        world.prepare(replica, &town.a1, draft, Some(section))
    };
    let third = add_to(&replica, person_b);
    let instead = add_to(&replica, person_d);
    let mut longer = replica.clone();
    longer.logs.insert(section, Arc::new(third.state.clone()));
    let fourth = add_to(&longer, person_d);
    let mut unknown = third.operation.operation().clone();
    unknown.references.push(LogHead {
        space: SpaceId([0xff; 32]),
        index: 0,
        operation: OperationId([7; 32]),
    });
    let unknown = SignedOperation::sign(unknown, &town.a1.keys.signing);
    let by_k = founding_of(world, two.institution, person_k);
    let by_k = world.prepare(&relayed, &town.k1, by_k, None);
    let by_c = founding_of(world, two.institution, two.team);
    let by_c = world.prepare(&relayed, &town.c1, by_c, None);
    let stranger = Device::new(78);
    let create = world.create(Kind::Person, None, None);
    let admit = world.add_device(&stranger, None);
    let epoch = world.fresh(None);
    let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
    let of_stranger = world.prepare(&relayed, &stranger, draft, None);
    let person = of_stranger.operation.space();
    let mut with_stranger = relayed;
    let state = Arc::new(of_stranger.state.clone());
    with_stranger.logs.insert(person, state);
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(person, Role::Manage);
    let epoch = world.fresh(None);
    let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
    let theirs = world.prepare(&with_stranger, &stranger, draft, None);
    let (third, instead, fourth) = (operation(&third), operation(&instead), operation(&fourth));
    let mut swapped = third.clone();
    swapped.wraps = instead.wraps.clone();
    vec![
        (
            "the next operation of a section without receipts",
            vec![third.clone()],
            vec!["taken"],
        ),
        (
            "the same beside wraps that it does not sign",
            vec![swapped],
            vec!["taken"],
        ),
        (
            "two for one place",
            vec![third.clone(), instead],
            vec!["taken", "place_taken"],
        ),
        (
            "two of them the other way round",
            vec![fourth.clone(), third],
            vec!["taken", "taken"],
        ),
        ("one whose place has not come", vec![fourth], vec!["waits"]),
        (
            "one that refers to what is not here",
            vec![of_operation(&unknown)],
            vec!["waits"],
        ),
        (
            "a section of somebody of the network",
            vec![operation(&by_c)],
            vec!["taken"],
        ),
        (
            "a section of somebody who only administers",
            vec![operation(&by_k)],
            vec!["not_admitted"],
        ),
        (
            "a person and a section of a stranger",
            vec![operation(&of_stranger), operation(&theirs)],
            vec!["no_receipt", "waits"],
        ),
    ]
}

fn edits(scene: &mut Scene) -> Vec<Case> {
    let replica = scene.town.world.replica.clone();
    let section = scene.section;
    let known = scene
        .items
        .iter()
        .find(|item| item.kind == ItemKind::Envelope);
    let known = BundleItem {
        receipt: None,
        ..known.expect("an envelope").clone()
    };
    let pending_again = scene.items.last().expect("items").clone();
    let world = &mut scene.town.world;
    let (a1, c1) = (&scene.town.a1, &scene.town.c1);
    let mut at_a = scene.at_a.clone();
    let first = at_a.write(world, &replica, a1, task("t6", "noch eine"));
    let second = at_a.write(world, &replica, a1, task("t7", "und noch eine"));
    let alone = scene.at_c_alone.write(world, &replica, c1, |editor| {
        editor.put(["entries", "e2"], "auch nur für T2")
    });
    let mut numbered_again = scene.at_a.clone();
    numbered_again.count_from(0);
    let again = numbered_again.write(world, &replica, a1, task("t8", "unter alter Nummer"));
    let mut on_paper =
        crate::desk::Desk::new(world, &scene.paper, section, section_containers("tasks"));
    let by_paper = on_paper.write(world, &replica, &scene.paper, task("t9", "vom Papier"));
    let (first, second) = (pending(first.bytes()), pending(second.bytes()));
    let receipt = receipt_by(&world.relay, &first);
    let of_another_version = raw(
        ItemKind::Envelope,
        patched(&first.bytes, "8a010201", "8a020201"),
    );
    let alone = pending(alone.bytes());
    let alone_received = with_receipt(&alone, receipt_by(&world.relay, &alone));
    vec![
        ("the next edit", vec![first.clone()], vec!["shown"]),
        (
            "the next edit with its receipt: it takes the place of its author's one without",
            vec![with_receipt(&first, receipt)],
            vec!["received_instead"],
        ),
        (
            "two edits in the wrong order",
            vec![second.clone(), first.clone()],
            vec!["shown", "shown"],
        ),
        (
            "an edit whose parent is not here",
            vec![second],
            vec!["not_shown"],
        ),
        (
            "the same edit twice",
            vec![first.clone(), first.clone()],
            vec!["shown", "known"],
        ),
        ("an edit that is here already", vec![known], vec!["known"]),
        (
            "an edit that is carried already",
            vec![pending_again],
            vec!["known"],
        ),
        (
            "an edit whose signature was changed",
            vec![with_last_byte_changed(&first)],
            vec!["bad_signature"],
        ),
        (
            "an edit under the number of one that the relay has",
            vec![pending(again.bytes())],
            vec!["dropped"],
        ),
        (
            "an edit of a section that is not shared",
            vec![alone],
            vec!["not_shared"],
        ),
        (
            "the same with its receipt",
            vec![alone_received],
            vec!["not_shared"],
        ),
        (
            "an edit in the reader's own name",
            vec![pending(by_paper.bytes())],
            vec!["known"],
        ),
        (
            "an envelope of another version",
            vec![of_another_version],
            vec!["left_out"],
        ),
        (
            "bytes that are no envelope",
            vec![raw(ItemKind::Envelope, vec![1, 2])],
            vec!["left_out"],
        ),
    ]
}

fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = crate::support::hex(bytes);
    assert!(text.contains(from), "{from} stands there");
    from_hex(&text.replacen(from, to, 1))
}

/// Headers that say something else, and kinds that are never shown.
fn other_envelopes(scene: &mut Scene) -> Vec<Case> {
    let replica = scene.town.world.replica.clone();
    let section = scene.section;
    let state = replica.logs[&section].clone();
    let (person_k, two) = (scene.town.person_k, scene.town.two);
    let (a1, d1, k1) = (&scene.town.a1, &scene.town.d1, &scene.town.k1);
    let world = &mut scene.town.world;
    let mut at_d = crate::desk::Desk::new(world, d1, section, section_containers("tasks"));
    let attest = at_d.say(world, &replica, d1, EnvelopeKind::Attest, &scene.snapshot);
    let over = scene.at_c.snapshot(world, &replica, &scene.town.c1);
    let seed = world.current_seed(section);
    let unknown_seed = EpochSeed::from_secret(Secret32::from_bytes([0x77; 32]));
    let good = Header {
        version: 1,
        suite: 2,
        kind: EnvelopeKind::Changes,
        space: section,
        key_id: KeyId(seed.key_id()),
        author_device: a1.id,
        author_sequence: 50,
        access_heads: access_heads(&replica, a1, &state),
        parents: Vec::new(),
        salt: Salt([1; 32]),
    };
    let sealed = |header: &Header, seed: &EpochSeed, who: &Device| {
        let envelope = Envelope::seal(header, &Payload::default(), seed, &who.keys.signing);
        pending(envelope.expect("it is short").bytes())
    };
    let changed = |who: &Device, change: &dyn Fn(&mut Header)| {
        let mut header = good.clone();
        change(&mut header);
        sealed(&header, &seed, who)
    };
    let unknown = Device::new(77);
    let of_unknown = changed(&unknown, &|header| header.author_device = unknown.id);
    let no_head = changed(a1, &|header| {
        header.access_heads.retain(|head| head.space != section)
    });
    let unknown_head = changed(a1, &|header| {
        header.access_heads[0].operation = OperationId([7; 32]);
    });
    let unknown_space = changed(a1, &|header| header.space = SpaceId([0x99; 32]));
    let mut of_k = good.clone();
    of_k.author_device = DeviceId(k1.id.0);
    let mut heads: BTreeMap<SpaceId, LogHead> = BTreeMap::new();
    for space in [section, person_k, two.institution] {
        heads.insert(
            space,
            replica.logs[&space].head().expect("a log is not empty"),
        );
    }
    of_k.access_heads = heads.into_values().collect();
    let of_k = sealed(&of_k, &seed, k1);
    let mut elsewhere = good.clone();
    elsewhere.key_id = KeyId(unknown_seed.key_id());
    let elsewhere = sealed(&elsewhere, &unknown_seed, a1);
    let control = changed(a1, &|_| {});
    let blob = raw(
        ItemKind::Envelope,
        patched(&control.bytes, "8a010201", "8a010203"),
    );
    vec![
        (
            "an edit that changes nothing: the control of those that follow",
            vec![control],
            vec!["shown"],
        ),
        (
            "an author whom no log names",
            vec![of_unknown],
            vec!["unknown_author"],
        ),
        (
            "no access head of its own space",
            vec![no_head],
            vec!["no_access_head"],
        ),
        (
            "an access head that is not here",
            vec![unknown_head],
            vec!["not_shown"],
        ),
        (
            "a space whose log is not here",
            vec![unknown_space],
            vec!["not_shown"],
        ),
        (
            "an author without a right there",
            vec![of_k],
            vec!["not_shown"],
        ),
        (
            "an epoch that the space does not have",
            vec![elsewhere],
            vec!["not_shown"],
        ),
        ("a blob", vec![blob], vec!["needs_newer"]),
        (
            "an attest",
            vec![pending(attest.bytes())],
            vec!["not_shown"],
        ),
        ("a snapshot", vec![pending(over.bytes())], vec!["not_shown"]),
    ]
}

/// The part of an item.
pub fn part(item: &BundleItem) -> Vec<u8> {
    codec::encode(item)
}
