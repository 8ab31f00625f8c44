//! A new colleague's first sync: every section they may read, from the originals, and from snapshots
//! where the relay has dropped these.

use nahtlos_casework::SectionKind;
use nahtlos_client::Introduction;
use nahtlos_document::{Actor, Document};
use nahtlos_protocol::space::Role;
use nahtlos_tests::Home;
use serde_json::Value;

use crate::fixture::{Network, sync_to_the_end};
use crate::process::Child;
use crate::proxy::Traffic;
use crate::report::Report;
use crate::sampling::{median, milliseconds, timed};

/// Most bytes on the wire, in times the documents as automerge saves them.
const WIRE_FACTOR: u64 = 2;
/// Longest time, in times the plain loading of the same documents.
const TIME_FACTOR: f64 = 3.0;
/// Most memory of a device.
pub const DEVICE_BYTES_MAX: u64 = 150_000_000;

/// The documents of a network by themselves.
struct Plain {
    documents: usize,
    saved_bytes: u64,
    json_bytes: u64,
    changes: usize,
    load_ms: f64,
}

/// Measures from originals, then lets the relay drop them and measures from snapshots.
pub fn measure(report: &mut Report, network: &mut Network) {
    let plain = plain(network);
    let sections = network.sections();
    report.section(format!("The documents of {sections} sections"));
    #[allow(clippy::cast_precision_loss)]
    let each = |total: u64| total as f64 / plain.documents as f64;
    report.note(
        "changes in one, by two authors",
        each(plain.changes as u64),
        "",
    );
    report.note("one as JSON", each(plain.json_bytes), "B");
    report.note("one as automerge saves it", each(plain.saved_bytes), "B");
    report.note("plain automerge load of all, verified", plain.load_ms, "ms");
    measure_one(report, network, &plain, "originals", false);
    make_snapshots(network);
    measure_one(report, network, &plain, "snapshots", true);
}

fn plain(network: &Network) -> Plain {
    let owner = &network.owner.nahtlos;
    let mut saved = Vec::new();
    let (mut json_bytes, mut changes) = (0, 0);
    for case in &network.cases {
        let case = owner.find_case(case).expect("the case");
        for kind in case.sections.keys() {
            let document = owner.section_document(&case, kind).expect("readable");
            json_bytes += document.export_json().to_string().len() as u64;
            changes += document.history().len() - 1;
            let bytes = document.export_automerge();
            saved.push((bytes.len() as u64, document.save()));
        }
    }
    let reader = Actor::from_bytes([9; 16]);
    let times = (0..5).map(|_| {
        let all = || {
            for (_, document) in &saved {
                Document::load(document, reader).expect("a document");
            }
        };
        timed(all).0
    });
    Plain {
        documents: saved.len(),
        saved_bytes: saved.iter().map(|(bytes, _)| bytes).sum(),
        json_bytes,
        changes,
        load_ms: milliseconds(median(times.collect())),
    }
}

/// Each section as one snapshot, made by the owner and attested by the other institution, as devices
/// make them by themselves of sections with more than 64 KiB of edits. The relay drops the originals
/// then, at its next start, because it is told to keep them for no day.
fn make_snapshots(network: &mut Network) {
    let owner = &mut network.owner.nahtlos;
    for case in &network.cases {
        let case = owner.find_case(case).expect("the case");
        for space in case.sections.values() {
            let honest = owner.hostile_snapshot(space, &|_| {});
            honest.expect("a writer");
        }
    }
    sync_to_the_end(&mut network.owner);
    sync_to_the_end(&mut network.other);
    sync_to_the_end(&mut network.owner);
}

fn measure_one(
    report: &mut Report,
    network: &mut Network,
    plain: &Plain,
    from: &str,
    drop_originals: bool,
) {
    let name = format!("newcomer-{from}");
    let home = newcomer(network, &name);
    drop(home);
    // From here on the relay is a process of its own, so that its memory is its own.
    let address = network.world.relay().address;
    network.world.stop_relay();
    let days = if drop_originals { 0 } else { 180 };
    let relay = Child::relay(&network.world.relay_directory(), address, days);
    let path = network.world.directory.path().join(&name);
    let _before = network.proxy.take();
    let path = path.to_str().expect("a path of characters");
    let mut device = Child::start(&["device", path, &network.proxy.url(), "first-sync"]);
    let said: Value = serde_json::from_str(&device.line()).expect("JSON");
    let traffic = network.proxy.take();
    let relay_bytes = relay.peak_memory_bytes();
    drop((device, relay));
    network.world.start_relay();
    let sections = said["sections"].as_u64().expect("a number");
    assert_eq!(sections, network.sections() as u64, "every section came");
    say(report, plain, from, &said, traffic, relay_bytes);
}

fn say(
    report: &mut Report,
    plain: &Plain,
    from: &str,
    said: &Value,
    traffic: Traffic,
    relay_bytes: u64,
) {
    let number = |key: &str| said[key].as_f64().expect("a number");
    let (time, memory) = (number("time_ms"), number("peak_memory_bytes"));
    report.section(format!(
        "First sync of {} sections from {from}",
        plain.documents
    ));
    #[allow(clippy::cast_precision_loss)]
    report.note("requests", traffic.requests as f64, "");
    let bytes = traffic.bytes();
    #[allow(clippy::cast_precision_loss)]
    report.note(
        "bytes for one section",
        bytes as f64 / plain.documents as f64,
        "B",
    );
    let wire = "bytes both ways, logs and own wraps included";
    if from == "snapshots" {
        report.goal(wire, bytes, "B", plain.saved_bytes * WIRE_FACTOR);
    } else {
        #[allow(clippy::cast_precision_loss)]
        report.note(wire, bytes as f64, "B");
    }
    report.note("received, verified and stored", time, "ms");
    report.note(
        "of it processor time of the device",
        number("processor_ms"),
        "ms",
    );
    report.time(
        "÷ plain automerge load",
        time / plain.load_ms,
        "×",
        TIME_FACTOR,
    );
    #[allow(clippy::cast_precision_loss)]
    report.time(
        "most memory of the device",
        memory / 1e6,
        "MB",
        DEVICE_BYTES_MAX as f64 / 1e6,
    );
    #[allow(clippy::cast_precision_loss)]
    report.note("most memory of the relay", relay_bytes as f64 / 1e6, "MB");
}

/// A colleague of the other institution who was admitted and has not synced since.
fn newcomer(network: &mut Network, name: &str) -> Home {
    let Network { world, other, .. } = network;
    let directory = other.nahtlos.directory().expect("a directory");
    let team = directory.find_team("IV Bern Team 1").expect("the team");
    let invited = other.nahtlos.invite_person(&team, Role::Write, name);
    let invitation = invited.expect("a manager");
    other.sync();
    let mut home = world.home(name);
    let introduction = Introduction {
        name: name.to_owned(),
        function: "officer".into(),
    };
    let joined = home
        .nahtlos
        .join_as_person(&mut world.transport(), &invitation, &introduction);
    joined.expect("the invitation is good");
    sync_to_the_end(other);
    assert!(SectionKind::Core.is_opened_at_once());
    home
}
