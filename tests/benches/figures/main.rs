//! The figures that the project promises, measured through real vaults, a real socket and a real
//! relay: `cargo bench -p nahtlos-tests` (add `-- --quick` for a tenth of the cases).
//!
//! Counts (requests, bytes, envelopes, commits) do not depend on the machine: the program fails
//! when one is above its bound. Times do, so they are only judged, by comparison within the run.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod disk;
mod edit;
mod fixture;
mod idle;
mod listing;
mod machine;
mod offline;
mod proxy;
mod report;
mod sampling;

use std::process::ExitCode;

use serde_json::json;

use fixture::Network;
use report::Report;

/// Cases of five sections each.
const FEWER_CASES: usize = 200;
const MORE_CASES: usize = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("measures only with: cargo bench -p nahtlos-tests");
        return ExitCode::SUCCESS;
    }
    let divisor = if arguments.iter().any(|argument| argument == "--quick") {
        10
    } else {
        1
    };
    let scratch = disk::scratch_directory();
    let file_system = match disk::durable_file_system(&scratch) {
        Ok(kind) => kind,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    let directory = tempfile::tempdir_in(&scratch).expect("room in the target directory");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, {file_system}, below {}", scratch.display());

    let mut report = Report::default();
    machine::measure(&mut report, directory.path());
    let mut small = build(directory.path(), FEWER_CASES / divisor);
    let mut large = build(directory.path(), MORE_CASES / divisor);
    building(&mut report, &small, &large);
    idle::measure(&mut report, &mut small, &mut large);
    let mut large = listing::measure(&mut report, directory.path(), large);
    edit::measure(&mut report, directory.path(), &mut small, &mut large);
    let mut large = edit::measure_cold(&mut report, directory.path(), large);
    offline::measure(&mut report, &mut large);
    idle::measure_cold(&mut report, small, large);

    println!("{}", report.table());
    let machine = json!({ "cores": cores, "file_system": file_system });
    let file = disk::target_directory().join("bench.json");
    match report.write_json(&file, &machine) {
        Ok(()) => println!("{}", file.display()),
        Err(error) => eprintln!("{}: {error}", file.display()),
    }
    if report.is_violated() {
        eprintln!("a count is above its bound");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn build(directory: &std::path::Path, cases: usize) -> Network {
    eprintln!("building a network with {cases} cases …");
    let network = Network::new(directory, cases);
    eprintln!("{:?}", network.built);
    network
}

fn building(report: &mut Report, small: &Network, large: &Network) {
    report.section("What one case costs (five sections, filled; means while building)");
    for (network, name) in [(small, "fewer"), (large, "more")] {
        let built = network.built;
        report.note(
            &format!("opening it offline, {name} cases"),
            built.open_case_ms,
            "ms",
        );
        report.note(
            &format!("its first sync, {name} cases"),
            built.push_case_ms,
            "ms",
        );
        report.note(
            &format!("granting and syncing it, {name} cases"),
            built.grant_case_ms,
            "ms",
        );
        report.note(
            &format!("receiving it elsewhere, {name} cases"),
            built.receive_case_ms,
            "ms",
        );
    }
}
