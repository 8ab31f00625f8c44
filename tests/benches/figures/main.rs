//! The figures that the project promises, measured through real vaults, real sockets and a real relay:
//! `cargo bench -p nahtlos-tests`. Add `-- --quick` for a tenth of the cases, `-- --only NAME` for one
//! group ([`GROUPS`]).
//!
//! Counts (requests, bytes, envelopes, commits, wraps) do not depend on the machine: the program fails
//! when one is above its bound. Times do, so they are only judged, by comparison within the run.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod case_edits;
mod catch_up;
mod device;
mod disk;
mod echo;
mod edit;
mod first_sync;
mod fixture;
mod idle;
mod listing;
mod load;
mod machine;
mod offline;
mod process;
mod proxy;
mod relay_load;
mod removal;
mod replay;
mod report;
mod sampling;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use fixture::Network;
use report::Report;

/// Cases of five sections each.
const FEWER_CASES: usize = 200;
const MORE_CASES: usize = 1_000;
/// What can be measured by itself.
const GROUPS: [&str; 10] = [
    "idle",
    "very-many",
    "catch-up",
    "first-sync",
    "offline",
    "listing",
    "edit",
    "relay",
    "replay",
    "removal",
];

/// What is asked for, and the networks as far as they were built.
struct Run {
    report: Report,
    directory: PathBuf,
    divisor: usize,
    only: Option<String>,
    small: Option<Network>,
    large: Option<Network>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("measures only with: cargo bench -p nahtlos-tests");
        return ExitCode::SUCCESS;
    }
    if process::run_as_child(&arguments) {
        return ExitCode::SUCCESS;
    }
    let only = match group_asked_for(&arguments) {
        Ok(only) => only,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
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

    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let mut run = Run {
        report: Report::default(),
        directory: directory.path().to_path_buf(),
        divisor: if is_quick { 10 } else { 1 },
        only,
        small: None,
        large: None,
    };
    run.measure();
    let report = run.report;
    println!("{}", report.table());
    let machine = json!({ "cores": cores, "file_system": file_system, "quick": is_quick });
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

fn group_asked_for(arguments: &[String]) -> Result<Option<String>, String> {
    let Some(position) = arguments.iter().position(|argument| argument == "--only") else {
        return Ok(None);
    };
    let asked = arguments.get(position + 1).map_or("", String::as_str);
    if GROUPS.contains(&asked) {
        return Ok(Some(asked.to_owned()));
    }
    Err(format!("--only takes one of: {}", GROUPS.join(", ")))
}

impl Run {
    fn is_asked(&self, group: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == group)
    }

    fn measure(&mut self) {
        let limits = machine::measure(&mut self.report, &self.directory);
        self.build();
        if let (Some(small), Some(large)) = (&mut self.small, &mut self.large)
            && (self.only.is_none() || self.only.as_deref() == Some("idle"))
        {
            idle::measure(&mut self.report, small, large);
        }
        if self.is_asked("very-many")
            && let Some(small) = &mut self.small
        {
            idle::measure_very_many(&mut self.report, &self.directory, small, self.divisor);
        }
        if self.is_asked("catch-up")
            && let Some(small) = &mut self.small
        {
            catch_up::measure(&mut self.report, small);
        }
        self.measure_devices();
        if self.is_asked("first-sync")
            && let Some(small) = &mut self.small
        {
            first_sync::measure(&mut self.report, small);
        }
        // What is built from here on is alone.
        (self.small, self.large) = (None, None);
        if self.is_asked("relay") {
            relay_load::measure(&mut self.report, &self.directory, &limits, self.divisor);
        }
        if self.is_asked("replay") {
            replay::measure(&mut self.report, &self.directory, self.divisor);
        }
        if self.is_asked("removal") {
            removal::measure(&mut self.report, &self.directory, self.divisor);
        }
    }

    /// What one device does with what it has.
    fn measure_devices(&mut self) {
        if self.is_asked("offline")
            && let Some(large) = &mut self.large
        {
            offline::measure(&mut self.report, large);
        }
        if self.is_asked("listing")
            && let Some(large) = self.large.take()
        {
            let large = listing::measure(&mut self.report, &self.directory, large);
            self.large = Some(listing::measure_memory(&mut self.report, large));
        }
        if self.is_asked("edit")
            && let (Some(small), Some(mut large)) = (&mut self.small, self.large.take())
        {
            edit::measure(&mut self.report, &self.directory, small, &mut large);
            self.large = Some(edit::measure_cold(&mut self.report, &self.directory, large));
        }
        if self.is_asked("idle")
            && let (Some(small), Some(large)) = (self.small.take(), self.large.take())
        {
            let (small, large) = idle::measure_cold(&mut self.report, small, large);
            (self.small, self.large) = (Some(small), Some(large));
        }
    }

    /// Builds the networks that what is asked for needs.
    fn build(&mut self) {
        let needs = |groups: &[&str]| groups.iter().any(|group| self.is_asked(group));
        let (small, large) = (
            needs(&["idle", "very-many", "catch-up", "first-sync", "edit"]),
            needs(&["idle", "offline", "listing", "edit"]),
        );
        if small {
            self.small = Some(build(&self.directory, FEWER_CASES / self.divisor));
        }
        if large {
            self.large = Some(build(&self.directory, MORE_CASES / self.divisor));
        }
        if let (Some(small), Some(large)) = (&self.small, &self.large) {
            building(&mut self.report, small, large);
        }
    }
}

fn build(directory: &Path, cases: usize) -> Network {
    eprintln!("building a network with {cases} cases …");
    let network = Network::new(directory, cases);
    eprintln!("{:?}", network.built);
    network
}

fn building(report: &mut Report, small: &Network, large: &Network) {
    report.section(
        "What one case costs (five sections, 22 changes each by two authors; means while building)",
    );
    for (network, name) in [(small, "fewer"), (large, "more")] {
        let built = network.built;
        for (what, time) in [
            ("opening it offline", built.open_case_ms),
            ("its first sync", built.push_case_ms),
            ("granting and syncing it", built.grant_case_ms),
            ("receiving it elsewhere", built.receive_case_ms),
            ("writing in it elsewhere, and syncing", built.write_case_ms),
        ] {
            report.note(&format!("{what}, {name} cases"), time, "ms");
        }
    }
}
