//! From the passphrase to the list of cases, and searching in it: no document is opened.

use std::hint::black_box;
use std::path::Path;

use crate::first_sync::DEVICE_BYTES_MAX;
use crate::fixture::Network;
use crate::machine::PlainDatabase;
use crate::process::Child;
use crate::report::Report;
use crate::sampling::{interleaved, median, milliseconds, ratio, timed};

const ROUNDS: usize = 50;
/// Rounds of what opens a home each time.
const COLD_ROUNDS: usize = 15;
const TIME_MS_MAX: f64 = 100.0;

/// Measures listing against reading the same bytes from plain SQLite.
pub fn measure(report: &mut Report, directory: &Path, mut network: Network) -> Network {
    let plain = PlainDatabase::new(&directory.join("listing.sqlite"));
    for line in network.owner.nahtlos.cases().expect("a readable vault") {
        let json = serde_json::to_vec(&line).expect("plain data");
        plain.put(line.id.as_bytes(), &json);
    }
    let (mut opened, mut listed, mut searched) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..COLD_ROUNDS {
        let (time, reopened) = timed(|| network.with_owner_reopened());
        network = reopened;
        opened.push(time);
        let nahtlos = &network.owner.nahtlos;
        listed.push(timed(|| nahtlos.cases().expect("a readable vault")).0);
        // By a name in the middle, as people remember it, and the only one that holds these figures.
        let wanted = format!("mann {}", network.cases.len() / 2 + round);
        searched.push(timed(|| nahtlos.find_case(&wanted).expect("the case")).0);
    }
    let nahtlos = &network.owner.nahtlos;
    let last = network.cases.last().expect("a case");
    let [list, read, find] = interleaved(
        ROUNDS,
        [
            &mut || {
                let lines = black_box(nahtlos.cases()).expect("a readable vault");
                assert_eq!(lines.len(), network.cases.len());
            },
            &mut || {
                black_box(plain.read_all());
            },
            &mut || {
                black_box(nahtlos.find_case(last)).expect("the case");
            },
        ],
    );
    report.section(format!(
        "Listing {} cases from an unlocked vault (medians of {ROUNDS}, in turns)",
        network.cases.len()
    ));
    let (opened, listed) = (milliseconds(median(opened)), milliseconds(median(listed)));
    let unlocked = "from unlocking (without Argon2id) to the list of cases";
    report.time(unlocked, opened + listed, "ms", TIME_MS_MAX);
    report.note("of it the first listing", listed, "ms");
    report.time("listing again", milliseconds(list), "ms", TIME_MS_MAX);
    let searched = milliseconds(median(searched));
    report.time("searching by a part of a name", searched, "ms", TIME_MS_MAX);
    report.note(
        "reading the same bytes from plain SQLite",
        milliseconds(read),
        "ms",
    );
    report.note("listing ÷ plain reading", ratio(list, read), "×");
    report.note("finding one case by its id", milliseconds(find), "ms");
    network
}

/// Most memory of a relay.
const RELAY_BYTES_MAX: u64 = 60_000_000;

/// A day of work with all these cases, device and relay in processes of their own: how much memory
/// each had at most.
pub fn measure_memory(report: &mut Report, mut network: Network) -> Network {
    let address = network.world.relay().address;
    let path = network.owner.path.clone();
    drop(network.owner);
    network.world.stop_relay();
    let relay = Child::relay(&network.world.relay_directory(), address, 180);
    let path = path.to_str().expect("a path of characters");
    let mut device = Child::start(&["device", path, network.world.url(), "day"]);
    let said: serde_json::Value = serde_json::from_str(&device.line()).expect("JSON");
    let device_bytes = said["peak_memory_bytes"].as_u64().expect("a number");
    let relay_bytes = relay.peak_memory_bytes();
    drop((device, relay));
    network.world.start_relay();
    network.owner = network.world.reopen("owner");
    report.section(format!(
        "Memory with {} cases of {} sections: list, search, read and write in 30 of them, sync",
        network.cases.len(),
        network.sections()
    ));
    for (name, bytes, most) in [
        ("most memory of the device", device_bytes, DEVICE_BYTES_MAX),
        ("most memory of the relay", relay_bytes, RELAY_BYTES_MAX),
    ] {
        #[allow(clippy::cast_precision_loss)]
        report.time(name, bytes as f64 / 1e6, "MB", most as f64 / 1e6);
    }
    network
}
