//! The figures that the project promises, measured through real vaults, real sockets and a real relay:
//! `cargo bench -p nahtlos-tests`. Add `-- --quick` for a tenth of the cases, `-- --only NAME` for one
//! group ([`GROUPS`]).
//!
//! Counts (requests, bytes, envelopes, commits, wraps) do not depend on the machine: the program fails
//! when one is above its bound. Times do, so they are only judged, by comparison within the run.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod case_edits;
mod casework;
mod catch_up;
mod device;
mod disk;
mod echo;
mod edit;
mod first_sync;
mod fixture;
mod handover;
mod idle;
mod joining;
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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use fixture::Network;
use report::Report;
use sampling::timed;

/// Cases of five sections each.
const FEWER_CASES: usize = 200;
const MORE_CASES: usize = 1_000;
/// What can be measured by itself.
const GROUPS: [&str; 13] = [
    "idle",
    "very-many",
    "catch-up",
    "first-sync",
    "joining",
    "offline",
    "listing",
    "edit",
    "relay",
    "replay",
    "removal",
    "handover",
    "casework",
];

/// Those that measure a network of few cases, and those that measure one of many.
const WITH_FEW_CASES: [&str; 6] = [
    "idle",
    "very-many",
    "catch-up",
    "edit",
    "first-sync",
    "joining",
];
const WITH_MANY_CASES: [&str; 4] = ["idle", "offline", "listing", "edit"];

/// What is asked for, what was measured, and the networks as far as they are built.
struct Run {
    report: Report,
    machine: Value,
    directory: PathBuf,
    divisor: usize,
    only: Option<String>,
    small: Option<Network>,
    large: Option<Network>,
    /// Groups that a defect ended.
    broken: Vec<&'static str>,
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
        machine: json!({ "cores": cores, "file_system": file_system, "quick": is_quick }),
        directory: directory.path().to_path_buf(),
        divisor: if is_quick { 10 } else { 1 },
        only,
        small: None,
        large: None,
        broken: Vec::new(),
    };
    run.measure();
    println!("{}", run.report.table());
    println!("{}", figures_file().display());
    if !run.broken.is_empty() {
        eprintln!("not measured, see above: {}", run.broken.join(", "));
        return ExitCode::FAILURE;
    }
    if run.report.is_violated() {
        eprintln!("a count is above its bound");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Where the figures are written for programs.
fn figures_file() -> PathBuf {
    disk::target_directory().join("bench.json")
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
        self.measure_networks();
        // What is built from here on is alone.
        (self.small, self.large) = (None, None);
        self.group("relay", |run| {
            relay_load::measure(&mut run.report, &run.directory, &limits, run.divisor);
        });
        self.group("replay", |run| {
            replay::measure(&mut run.report, &run.directory, run.divisor);
        });
        self.group("removal", |run| {
            removal::measure(&mut run.report, &run.directory, run.divisor);
        });
        self.group("handover", |run| {
            handover::measure(&mut run.report, &run.directory, run.divisor);
        });
        self.group("casework", |run| {
            casework::measure(&mut run.report, &run.directory, run.divisor);
        });
    }

    /// What is measured with the two networks.
    fn measure_networks(&mut self) {
        self.group("idle", |run| {
            if let (Some(small), Some(large)) = (&mut run.small, &mut run.large) {
                building(&mut run.report, small, large);
                idle::measure(&mut run.report, small, large);
            }
        });
        self.group("very-many", |run| {
            if let Some(small) = &mut run.small {
                idle::measure_very_many(&mut run.report, &run.directory, small, run.divisor);
            }
        });
        self.group("catch-up", |run| {
            if let Some(small) = &mut run.small {
                catch_up::measure(&mut run.report, small);
            }
        });
        self.group("offline", |run| {
            if let Some(large) = &mut run.large {
                offline::measure(&mut run.report, large);
            }
        });
        self.measure_home();
        self.group("first-sync", |run| {
            if let Some(small) = &mut run.small {
                first_sync::measure(&mut run.report, small);
            }
        });
        self.group("joining", |run| {
            if let Some(small) = &mut run.small {
                joining::measure(&mut run.report, small);
            }
        });
    }

    /// What is measured with a home that is closed and opened again.
    fn measure_home(&mut self) {
        self.group("listing", |run| {
            if let Some(large) = run.large.take() {
                let large = listing::measure(&mut run.report, &run.directory, large);
                run.large = Some(listing::measure_memory(&mut run.report, large));
            }
        });
        self.group("edit", |run| {
            if let (Some(small), Some(mut large)) = (&mut run.small, run.large.take()) {
                edit::measure(&mut run.report, &run.directory, small, &mut large);
                run.large = Some(edit::measure_cold(&mut run.report, &run.directory, large));
            }
        });
        self.group("idle", |run| {
            if let (Some(small), Some(large)) = (run.small.take(), run.large.take()) {
                let (small, large) = idle::measure_cold(&mut run.report, small, large);
                (run.small, run.large) = (Some(small), Some(large));
            }
        });
    }

    /// Measures one group, if it is asked for. What was measured is kept, also where a defect ends it:
    /// that is named at the end, and the other groups are measured with networks built anew.
    fn group(&mut self, name: &'static str, measure: impl FnOnce(&mut Self)) {
        if !self.is_asked(name) {
            return;
        }
        let (time, outcome) = timed(|| {
            catch_unwind(AssertUnwindSafe(|| {
                self.build_for(name);
                measure(self);
            }))
        });
        eprintln!("{name}: {:.0} s", time.as_secs_f64());
        if outcome.is_err() {
            self.broken.push(name);
            (self.small, self.large) = (None, None);
        }
        let file = figures_file();
        if let Err(error) = self.report.write_json(&file, &self.machine) {
            eprintln!("{}: {error}", file.display());
        }
    }

    /// Builds the networks that a group needs, where they are not there.
    fn build_for(&mut self, group: &str) {
        if self.small.is_none() && WITH_FEW_CASES.contains(&group) {
            self.small = Some(build(&self.directory, FEWER_CASES / self.divisor));
        }
        if self.large.is_none() && WITH_MANY_CASES.contains(&group) {
            self.large = Some(build(&self.directory, MORE_CASES / self.divisor));
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
