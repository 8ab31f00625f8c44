//! Many seeds, one after the other on several threads, and the seeds that failed once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::coverage::Coverage;
use super::{Outcome, run};

/// What came of many seeds.
#[derive(Default)]
pub struct Runs {
    /// How many were run.
    pub seeds: u64,
    /// What occurred in all of them.
    pub coverage: Coverage,
    /// Those that failed, by seed.
    pub failed: Vec<Outcome>,
}

/// Lives through `count` seeds from `first` on, on so many threads, until `goes_on` says no. Tells each
/// outcome to `told` as it comes.
pub fn run_all(
    first: u64,
    count: u64,
    threads: usize,
    goes_on: &(dyn Fn() -> bool + Sync),
    told: &(dyn Fn(&Outcome) + Sync),
) -> Runs {
    let next = AtomicU64::new(first);
    let end = first.saturating_add(count);
    let runs = Mutex::new(Runs::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while goes_on() {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed);
                    told(&outcome);
                    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                    runs.seeds += 1;
                    runs.coverage.add(&outcome.coverage);
                    if !outcome.failures.is_empty() {
                        runs.failed.push(outcome);
                    }
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.failed.sort_by_key(|outcome| outcome.seed);
    runs
}

impl Runs {
    /// Adds what came of others.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.coverage.add(&other.coverage);
        self.failed.extend(other.failed);
    }
}

/// Where the seeds stand that failed once: they are lived through first, for ever.
#[must_use]
pub fn kept_seeds_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("simulation/seeds.txt")
}

/// The seeds that failed once. Each line is a seed and what it found.
///
/// # Panics
/// Where the file cannot be read, or a line does not begin with a number.
#[must_use]
pub fn kept_seeds() -> BTreeSet<u64> {
    seeds_in(&kept_seeds_file())
}

/// Seeds that fail and are not mended: the tests live through them too, and name them.
///
/// # Panics
/// Where the file cannot be read, or a line does not begin with a number.
#[must_use]
pub fn open_seeds() -> BTreeSet<u64> {
    seeds_in(&kept_seeds_file().with_file_name("open.txt"))
}

fn seeds_in(file: &Path) -> BTreeSet<u64> {
    let text = std::fs::read_to_string(file).expect("the file of seeds");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(|seed| seed.parse().expect("a line begins with a seed"))
        .collect()
}

/// Keeps seeds that failed, with what failed.
///
/// # Errors
/// Where the file cannot be written.
pub fn keep_seeds(failed: &[Outcome]) -> std::io::Result<()> {
    let known = kept_seeds();
    let mut text = std::fs::read_to_string(kept_seeds_file())?;
    for outcome in failed.iter().filter(|one| !known.contains(&one.seed)) {
        let what = outcome.failures.first().cloned().unwrap_or_default();
        let what: String = what.replace('\n', " ").chars().take(120).collect();
        text.push_str(&format!("{} {what}\n", outcome.seed));
    }
    std::fs::write(kept_seeds_file(), text)
}
