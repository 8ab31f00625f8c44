//! Bundle files as they are handed over (PROTOCOL §29): a whole one and what a reader makes of it, items on
//! top of it, files that are refused, and a recovery member's shares put together by what a file brought.

mod files;
mod items;
mod reading;
mod recovery;
mod scene;

use std::io::Cursor;

use nahtlos_client::bundle::{BundleRequest, BundleScope};
use nahtlos_client::untrusted;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;
use nahtlos_protocol::space::SignedOperation;
use nahtlos_protocol::wire::ItemKind;
use nahtlos_protocol::wire::bundle::{
    BundleHead, BundleItem, KnownEnvelopes, KnownLog, RequestHead,
};
use serde_json::{Value, json};

use crate::forms::file;
use crate::support::{bytes, each, from_hex, hex, stored};
use crate::world::{Device, NOW_MS};
use reading::{Reading, numbers, paper_of};
use scene::Scene;

const FILES: &str = "added/bundle_files.json";

/// The parts of a bundle file.
fn parts_of(file: &[u8]) -> Vec<Vec<u8>> {
    untrusted::bundle_parts(file).expect("the file is whole")
}

fn decoded(parts: &[Vec<u8>]) -> (BundleHead, Vec<BundleItem>) {
    let head = codec::decode(&parts[0], BUNDLE_PART_BYTES_MAX).expect("a head");
    let items = parts[1..].iter();
    let items = items.map(|part| codec::decode(part, BUNDLE_PART_BYTES_MAX).expect("an item"));
    (head, items.collect())
}

/// What each item is, by its own bytes.
fn described(item: &BundleItem) -> Value {
    let (kind, label, space) = match item.kind {
        ItemKind::Operation => {
            let signed = SignedOperation::decode(&item.bytes).expect("an operation");
            ("operation", label::OPERATION, signed.space())
        }
        _ => {
            let envelope = Envelope::decode(&item.bytes).expect("an envelope");
            ("envelope", label::ENVELOPE, envelope.header().space)
        }
    };
    let wraps: Vec<String> = item
        .wraps
        .iter()
        .map(|wrap| wrap.recipient.to_string())
        .collect();
    json!({
        "kind": kind,
        "id": hex(&hash(label, &[&item.bytes])),
        "space": space.to_string(),
        "wraps": wraps,
        "sequence": item.receipt.as_ref().map(|receipt| receipt.sequence),
    })
}

/// The one whole bundle that the other vectors build on.
fn whole() -> Value {
    stored(FILES, || {
        let scene = Scene::new();
        file(
            "§29",
            "a whole bundle file, what stands in it, and what the holder of a paper reads by it; a request, and what answers it",
            vec![made_whole(&scene), made_request(&scene)],
        )
    })
}

fn vector<'a>(file: &'a Value, name: &str) -> &'a Value {
    let mut found = each(file).filter(|(known, _)| *known == name);
    found.next().unwrap_or_else(|| panic!("no vector {name}")).1
}

fn case_of(scene: &Scene) -> String {
    let home = scene.town.one.institution;
    let case = hash(label::CASE, &[&home.0, &[0x5a; 16]]);
    hex(&case[..16])
}

fn made_whole(scene: &Scene) -> Value {
    let paper = paper_of(&scene.paper, &scene.town.world, scene.town.network);
    let bundle = untrusted::bundle_of(&scene.parts());
    let mut reading = Reading::with(&paper, &bundle).expect("it opens");
    let case = case_of(scene);
    let (read, sections) = (reading.said(), reading.documents(&case));
    let keys = scene.head.keys.iter();
    let keys: Vec<Value> = keys
        .map(|key| {
            let recipient = key.wrap.recipient.to_string();
            json!({ "space": key.space.to_string(), "key_id": key.key_id.to_string(), "recipient": recipient })
        })
        .collect();
    json!({
        "name": "a whole bundle",
        "paper": paper,
        "head": { "network": scene.head.network.to_string(), "device": scene.head.device.to_string(),
            "made_at_ms": scene.head.made_at_ms, "is_whole": scene.head.is_whole, "keys": keys },
        "items": scene.items.iter().map(described).collect::<Vec<_>>(),
        "read": read,
        "case": case,
        "sections": sections,
        "file": hex(&bundle),
    })
}

/// What somebody lacks who has not the newest of the section, no key of T1, and one envelope less.
fn made_request(scene: &Scene) -> Value {
    let replica = &scene.town.world.replica;
    let logs = replica.logs.values().map(|state| KnownLog {
        space: state.id(),
        length: state.length() - u64::from(state.id() == scene.section),
        opens: state.id() != scene.town.one.team,
    });
    let head = RequestHead {
        version: 1,
        network: scene.town.network,
        device: scene.town.a1.id,
        made_at_ms: NOW_MS,
        logs: logs.collect(),
    };
    let received = scene.items.iter().filter(|item| item.receipt.is_some());
    let envelopes = received.filter_map(|item| Envelope::decode(&item.bytes).ok());
    let envelopes: Vec<Envelope> = envelopes.collect();
    let of_section = |one: &&Envelope| one.header().space == scene.section;
    let lacking = envelopes.iter().rfind(of_section).expect("an edit").id();
    let mut ids: Vec<EnvelopeId> = envelopes.iter().map(Envelope::id).collect();
    ids.retain(|id| *id != lacking);
    ids.sort_unstable();
    let parts = [codec::encode(&head), codec::encode(&KnownEnvelopes { ids })];
    let of_one_log = |item: &&BundleItem| {
        let Ok(signed) = SignedOperation::decode(&item.bytes) else {
            return Envelope::decode(&item.bytes)
                .is_ok_and(|one| item.receipt.is_none() || one.id() == lacking);
        };
        let (space, index) = (signed.space(), signed.operation().index);
        let is_last = space == scene.section && index + 1 == replica.logs[&space].length();
        let has_wraps =
            nahtlos_protocol::space::recipients::wrapped_recipients(&signed).count() > 0;
        let is_lost_key = space == scene.town.one.team && has_wraps;
        item.receipt.is_none() || is_last || is_lost_key
    };
    let answer = scene.items.iter().filter(of_one_log);
    let answer: Vec<Value> = answer.map(|item| described(item)["id"].clone()).collect();
    json!({
        "name": "a request, and what answers it",
        "file": hex(&untrusted::request_of(&parts)),
        "of": "a whole bundle",
        "answered_with": answer,
    })
}

#[test]
fn a_whole_bundle_is_read_as_it_was_in_any_order_and_brings_nothing_twice() {
    let stored = whole();
    let vector = vector(&stored, "a whole bundle");
    let bundle = bytes(vector, "file");
    let parts = parts_of(&bundle);
    let (head, items) = decoded(&parts);
    assert_eq!(
        files::framed(b"nahtlos-bundle-v1\n", &parts),
        bundle,
        "written again"
    );
    let found: Vec<Value> = items.iter().map(described).collect();
    assert_eq!(Value::Array(found), vector["items"]);
    assert_eq!(head.network.to_string(), vector["head"]["network"]);
    assert_eq!(
        head.keys.len(),
        vector["head"]["keys"].as_array().expect("keys").len()
    );

    let mut reading = Reading::with(&vector["paper"], &bundle).expect("it opens");
    assert_eq!(reading.said(), vector["read"]);
    let case = vector["case"].as_str().expect("a case");
    assert_eq!(reading.documents(case), vector["sections"]);
    // Stated by hand: three signed edits and two operations that no relay has, T2's own journal.
    assert_eq!(vector["read"]["imported"]["pending"], 5);
    assert_eq!(vector["read"]["imported"]["not_shared"], 1);
    assert_eq!(vector["read"]["imported"]["refused"], json!([]));
    let tasks = vector["sections"]["tasks"]["document"]["tasks"].as_object();
    let names: Vec<&String> = tasks.expect("tasks").keys().collect();
    assert_eq!(names, ["t1", "t2", "t3", "t4", "t5"]);
    let names = vector["read"]["devices"]
        .as_array()
        .expect("devices")
        .iter();
    let names: Vec<&Value> = names.map(|device| &device["name"]).collect();
    assert!(names.contains(&&json!(scene::SECOND_NAME)), "{names:?}");
    let again = reading
        .replica()
        .import_bundle(&mut Cursor::new(&bundle))
        .expect("it is whole");
    let again = numbers(&again);
    assert_eq!(
        (&again["pending"], &again["operations"], &again["envelopes"]),
        (&json!(0), &json!(0), &json!(0))
    );

    let reversed: Vec<Vec<u8>> = std::iter::once(&parts[0])
        .chain(parts[1..].iter().rev())
        .cloned()
        .collect();
    let mut reading =
        Reading::with(&vector["paper"], &untrusted::bundle_of(&reversed)).expect("it opens");
    assert_eq!(reading.said(), vector["read"], "in another order");
    assert_eq!(reading.documents(case), vector["sections"]);

    let without_keys = BundleHead {
        keys: Vec::new(),
        ..head
    };
    let mut parts = parts;
    parts[0] = codec::encode(&without_keys);
    let read = Reading::with(&vector["paper"], &untrusted::bundle_of(&parts));
    let opened = read
        .ok()
        .map(|mut reading| reading.replica().find_case(case).is_ok());
    assert_ne!(
        opened,
        Some(true),
        "what opens the rest is the key in the head"
    );
}

#[test]
fn a_request_is_answered_with_what_it_lacks() {
    let stored = whole();
    let all = vector(&stored, "a whole bundle");
    let request = vector(&stored, "a request, and what answers it");
    // The paper writes the answer: it has what the file brought.
    let mut reading = Reading::with(&all["paper"], &bytes(all, "file")).expect("it opens");
    let lacking = BundleRequest::read(bytes(request, "file").as_slice()).expect("a request");
    let scope = BundleScope {
        cases: None,
        lacking: Some(lacking),
    };
    let mut answer = Vec::new();
    reading
        .replica()
        .export_bundle(&mut answer, &scope)
        .expect("it is written");
    let (_, items) = decoded(&parts_of(&answer));
    let found: Vec<Value> = items
        .iter()
        .map(|item| described(item)["id"].clone())
        .collect();
    assert_eq!(Value::Array(found), request["answered_with"]);
}

#[test]
fn items_on_top_of_a_bundle_become_what_the_protocol_says() {
    let stored = stored("added/bundle_items.json", || {
        let cases = items::all(&mut Scene::new()).into_iter();
        let vectors = cases.map(|(name, items, becomes)| {
            let items: Vec<String> = items.iter().map(|item| hex(&items::part(item))).collect();
            json!({ "name": name, "of": "a whole bundle", "items": items, "becomes": becomes })
        });
        file(
            "§29",
            "items behind those of bundle_files.json, read in one file with them by the same paper, and what becomes of each",
            vectors.collect(),
        )
    });
    let base = whole();
    let base = vector(&base, "a whole bundle");
    let vectors: Vec<(&str, &Value)> = each(&stored).collect();
    // A reader waits for its disk most of the time.
    let others: Vec<String> = std::thread::scope(|scope| {
        let workers = vectors.chunks(6).map(|some| {
            scope.spawn(|| {
                some.iter()
                    .filter_map(|one| other_than_said(base, one))
                    .collect()
            })
        });
        let workers: Vec<_> = workers.collect();
        let done = workers
            .into_iter()
            .map(|worker| worker.join().expect("it ends"));
        done.flat_map(|some: Vec<String>| some).collect()
    });
    assert!(others.is_empty(), "{}", others.join("\n"));
}

/// Reads the items of a vector behind those of the whole bundle; what is not as it says.
fn other_than_said(base: &Value, (name, vector): &(&str, &Value)) -> Option<String> {
    let mut parts = parts_of(&bytes(base, "file"));
    let more = vector["items"].as_array().expect("items").iter();
    parts.extend(more.map(|item| from_hex(item.as_str().expect("text"))));
    let file = untrusted::bundle_of(&parts);
    let mut reading = Reading::with(&base["paper"], &file).expect(name);
    let expected = expected(&base["read"], &vector["becomes"]);
    let found = summary(&reading.said());
    (found != expected).then(|| format!("{name}: {found}, not {expected}"))
}

/// What can be told apart from outside: how many of what.
fn summary(read: &Value) -> Value {
    let lines = read["carried"].as_array().expect("lines");
    let edits = |shown: bool| {
        let lines = lines
            .iter()
            .filter(|line| (line["state"] == "shown") == shown);
        lines
            .map(|line| line["edits"].as_u64().expect("a number"))
            .sum::<u64>()
    };
    let mut imported = read["imported"].clone();
    let received =
        ["operations", "envelopes"].map(|field| imported[field].as_u64().expect("a number"));
    let waits = lines
        .iter()
        .any(|line| line["is_new_section"] == true && line["state"] == "waits");
    let fields = imported.as_object_mut().expect("an object");
    fields.remove("operations");
    fields.remove("envelopes");
    // What one file brings twice is counted once or twice as it is read in one go or in two.
    fields.remove("known");
    fields.insert("received".into(), json!(received.iter().sum::<u64>()));
    json!({ "imported": imported, "shown": edits(true), "not_shown": edits(false), "operations_wait": waits })
}

fn expected(base: &Value, becomes: &Value) -> Value {
    let mut summary = summary(base);
    let add = |summary: &mut Value, path: [&str; 2], how_many: i64| {
        let place = match path[1] {
            "" => &mut summary[path[0]],
            field => &mut summary[path[0]][field],
        };
        *place = json!(place.as_i64().expect("a number") + how_many);
    };
    let mut refused: Vec<String> = Vec::new();
    for word in becomes.as_array().expect("words") {
        match word.as_str().expect("a word") {
            "known" | "dropped" => {}
            same @ ("received" | "not_shared" | "left_out") => {
                add(&mut summary, ["imported", same], 1)
            }
            "taken" => add(&mut summary, ["imported", "pending"], 1),
            // A carried edit of its author, with a lower number, is dropped for it.
            "received_instead" => {
                add(&mut summary, ["imported", "received"], 1);
                add(&mut summary, ["imported", "pending"], -1);
                add(&mut summary, ["shown", ""], -1);
            }
            "waits" => {
                add(&mut summary, ["imported", "pending"], 1);
                summary["operations_wait"] = json!(true);
            }
            shown @ ("shown" | "not_shown") => {
                add(&mut summary, ["imported", "pending"], 1);
                add(&mut summary, [shown, ""], 1);
            }
            reason => refused.push(reason.to_owned()),
        }
    }
    refused.sort_unstable();
    summary["imported"]["refused"] = json!(refused);
    summary
}

#[test]
fn files_are_refused_as_a_whole_with_their_word() {
    let stored = stored("added/bundle_files_refused.json", || {
        let scene = Scene::new();
        let paper = paper_of(&scene.paper, &scene.town.world, scene.town.network);
        let other = paper_of(&Device::new(99), &scene.town.world, scene.town.network);
        file(
            "§29",
            "files that are read as a bundle of a network or as a request, and the word of why they are refused; large ones by how they are made",
            files::all(&scene, &paper, &other),
        )
    });
    let mut words = std::collections::BTreeSet::new();
    for (name, vector) in each(&stored) {
        let found = files::refused(vector);
        assert_eq!(found.as_deref(), vector["error"].as_str(), "{name}");
        words.extend(found);
    }
    let expected = [
        "bundle_damaged",
        "bundle_not_for_paper",
        "bundle_other_network",
        "bundle_too_much_carried",
        "needs_newer",
        "not_a_bundle",
        "not_a_request",
    ];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), expected);
}
