//! Listing cases opens no document.

use std::hint::black_box;
use std::path::Path;

use crate::fixture::Network;
use crate::machine::PlainDatabase;
use crate::report::Report;
use crate::sampling::{interleaved, milliseconds, ratio, timed};

const ROUNDS: usize = 50;

/// Measures listing against reading the same bytes from plain SQLite.
pub fn measure(report: &mut Report, directory: &Path, mut network: Network) -> Network {
    let plain = PlainDatabase::new(&directory.join("listing.sqlite"));
    for line in network.owner.nahtlos.cases().expect("a readable vault") {
        let json = serde_json::to_vec(&line).expect("plain data");
        plain.put(line.id.as_bytes(), &json);
    }
    network = network.with_owner_reopened();
    let (first, _) = timed(|| network.owner.nahtlos.cases().expect("a readable vault"));
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
    report.time("listing", milliseconds(list), "ms", 100.0);
    report.time(
        "the first listing after opening the home",
        milliseconds(first),
        "ms",
        100.0,
    );
    report.note(
        "reading the same bytes from plain SQLite",
        milliseconds(read),
        "ms",
    );
    report.note("listing ÷ plain reading", ratio(list, read), "×");
    report.note("finding one case by its id", milliseconds(find), "ms");
    network
}
