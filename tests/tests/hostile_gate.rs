//! The document gate as a process: hostile changes and snapshots under a limit of memory that the
//! kernel enforces. They run in a child, so that an abort or a stack overflow is seen for what it is.
//!
//! ```sh
//! NAHTLOS_HOSTILE_INPUTS=1000000 cargo test --release -p nahtlos-tests --test hostile_gate -- --nocapture
//! ```
//! runs a million, with a line of progress; without the variable it is 20,000.
#![allow(
    clippy::print_stdout,
    reason = "the child tells its parent what it saw"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use nahtlos_document::{Actor, Document, GateLimits, SnapshotLimits};
use nahtlos_tests::hostile::attack::{Attacker, Outcome};
use nahtlos_tests::hostile::largest::{self, Largest};
use nahtlos_tests::hostile::{fixture, memory};
use peak_alloc::PeakAlloc;
use rustix::process::{Resource, Rlimit, setrlimit};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What the whole child may map, its program included: the bound of `core/document` and what these
/// documents and the test itself need.
const ADDRESS_SPACE_BYTES: u64 = 1024 * 1024 * 1024;
/// What `core/document` says that a batch or a snapshot takes at most, beside the document itself.
const GATE_BYTES_MAX: u64 = 768 * 1024 * 1024;
const INPUTS: u64 = 20_000;
const INPUTS_VARIABLE: &str = "NAHTLOS_HOSTILE_INPUTS";
const SEED_VARIABLE: &str = "NAHTLOS_HOSTILE_SEED";

#[test]
fn hostile_changes_and_snapshots_end_in_a_verdict_whatever_they_are() {
    let inputs: u64 =
        std::env::var(INPUTS_VARIABLE).map_or(INPUTS, |text| text.parse().expect("a number"));
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env(INPUTS_VARIABLE, inputs.to_string())
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("the child runs");
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "the child ended with {}: {told}",
        child.status
    );
    let line = told
        .lines()
        .find(|line| line.starts_with("verdicts:"))
        .expect(&told);
    println!("{line}");
    // Controls: each kind of attack was tried, reached its stage, and harmless ones still pass.
    for wanted in [
        "taken",
        "snapshot taken",
        "snapshot refused",
        "change_malformed",
        "change_too_many",
        "operation",
        "sequence",
        "dependency_unknown",
        "actor_unknown",
        "actor_not_allowed",
        "chunk_type",
    ] {
        assert!(
            line.contains(&format!(" {wanted}=")),
            "never {wanted}: {line}"
        );
    }
}

/// The control of the control: what takes more than the limit does not end well.
#[test]
fn a_child_that_takes_more_is_seen() {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "child_that_takes_too_much"])
        .output()
        .expect("the child runs");
    assert!(!child.status.success());
    assert!(String::from_utf8_lossy(&child.stderr).contains("memory allocation"));
}

fn limit_memory() {
    let limit = Rlimit {
        current: Some(ADDRESS_SPACE_BYTES),
        maximum: Some(ADDRESS_SPACE_BYTES),
    };
    setrlimit(Resource::As, limit).expect("a limit can be lowered");
}

#[test]
#[ignore = "run by the test above in a process of its own"]
fn child_that_takes_too_much() {
    limit_memory();
    let much = vec![1u8; ADDRESS_SPACE_BYTES as usize];
    assert_eq!(much.len() as u64, ADDRESS_SPACE_BYTES, "it was not limited");
}

#[test]
#[ignore = "run by the test above in a process of its own"]
fn child() {
    limit_memory();
    let inputs: u64 =
        std::env::var(INPUTS_VARIABLE).map_or(INPUTS, |text| text.parse().expect("a number"));
    let seed = std::env::var(SEED_VARIABLE).map_or(1, |text| text.parse().expect("a number"));
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut attacker = Attacker::new(seed);
    let (began, mut verdicts) = (Instant::now(), BTreeMap::<String, u64>::new());
    for number in 0..inputs {
        let verdict = match attacker.attack() {
            Outcome::Verdict(verdict) => verdict,
            Outcome::Broken(found) => {
                std::panic::set_hook(hook);
                panic!("input {number} of seed {seed}: {found}");
            }
        };
        *verdicts.entry(verdict).or_default() += 1;
        if number % 10_000 == 0 && inputs > INPUTS {
            let peak = PeakAlloc.peak_usage() / 1024 / 1024;
            let line = format!(
                "\r{number} of {inputs} inputs, {} s, at most {peak} MiB",
                began.elapsed().as_secs()
            );
            let _shown = std::io::stderr().write_all(line.as_bytes());
        }
    }
    let counted: Vec<String> = verdicts
        .iter()
        .map(|(verdict, count)| format!("{verdict}={count}"))
        .collect();
    let peak = PeakAlloc.peak_usage() / 1024;
    println!(
        "\nverdicts: {inputs} inputs, at most {peak} KiB allocated, {}",
        counted.join(" ")
    );
}

/// The most that the limits let through: few bytes that claim all that a batch or snapshot may have.
#[test]
fn the_largest_inputs_stay_below_the_stated_memory() {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "child_at_the_limits", "--nocapture"])
        .output()
        .expect("the child runs");
    let told = String::from_utf8_lossy(&child.stdout);
    let wrong = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {told}{wrong}", child.status);
    println!("{told}");
}

#[test]
#[ignore = "run by the test above in a process of its own"]
fn child_at_the_limits() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut lines = Vec::new();
    let mut all = largest::all();
    all.push((
        "a million operations as a snapshot",
        Largest::Snapshot(largest::snapshot()),
    ));
    for (name, largest) in all {
        let began = Instant::now();
        let (verdict, bytes) = memory::highest(|| verdict_on(&largest));
        let line = format!(
            "{name}: {verdict}, {} MiB, {} ms",
            bytes >> 20,
            began.elapsed().as_millis()
        );
        println!("{line}");
        lines.push((line, bytes));
    }
    std::panic::set_hook(hook);
    for (line, bytes) in lines {
        assert!(bytes as u64 <= GATE_BYTES_MAX, "{line}");
    }
}

fn verdict_on(largest: &Largest) -> String {
    match largest {
        Largest::Batch(batch) => {
            let mut document = fixture::scene().clone();
            let taken = document.apply(batch, &|_: &Actor| true, &GateLimits::default());
            taken.map_or_else(|error| error.code().to_owned(), |_| "taken".to_owned())
        }
        Largest::Snapshot(snapshot) => {
            let loaded =
                Document::load_snapshot(snapshot, fixture::CARLA, &SnapshotLimits::default());
            loaded.map_or_else(|error| error.to_string(), |_| "taken".to_owned())
        }
    }
}
