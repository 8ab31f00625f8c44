//! Lives through simulated worlds: many with a progress bar, or one with its story.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use nahtlos_tests::simulation::runs::{Runs, keep_seeds, kept_seeds_file, run_all};
use nahtlos_tests::simulation::{EXPECTED, EXPECTED_OF_PEOPLE, PEOPLE_FROM, run};

/// Simulated worlds: devices, a relay, faults, and what must be true after them.
#[derive(Parser)]
struct Arguments {
    /// Live through this seed only, and tell its story.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many at a time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What panics inside a world is told with its story.
    std::panic::set_hook(Box::new(|_| {}));
    let told = match arguments.seed {
        Some(seed) => tell_one(seed),
        None => tell_all(&arguments),
    };
    let code = told.unwrap_or(2);
    ExitCode::from(code)
}

fn tell_one(seed: u64) -> std::io::Result<u8> {
    let mut out = std::io::stdout().lock();
    let outcome = run(seed);
    write!(out, "{}", outcome.story)?;
    writeln!(out, "hash {:016x}", outcome.hash)?;
    Ok(u8::from(!outcome.failures.is_empty()))
}

fn tell_all(arguments: &Arguments) -> std::io::Result<u8> {
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left; {msg} failed";
    let bar = ProgressBar::new(arguments.seeds);
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    bar.set_message("0");
    let failed = std::sync::atomic::AtomicU64::new(0);
    let began = Instant::now();
    let runs = run_all(
        arguments.from,
        arguments.seeds,
        arguments.threads,
        &|| true,
        &|outcome| {
            bar.inc(1);
            if !outcome.failures.is_empty() {
                let before = failed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                bar.set_message((before + 1).to_string());
            }
        },
    );
    bar.finish_and_clear();
    report(&runs, arguments.from, began.elapsed().as_secs_f64())
}

fn report(runs: &Runs, from: u64, seconds: f64) -> std::io::Result<u8> {
    let mut out = std::io::stdout().lock();
    for (what, count) in runs.coverage.iter() {
        writeln!(out, "{count:9}  {what}")?;
    }
    for outcome in &runs.failed {
        let what = outcome.failures.join("; ");
        let what: String = what.chars().take(600).collect();
        writeln!(out, "seed {} failed: {what}", outcome.seed)?;
    }
    let expected = if from < PEOPLE_FROM {
        &EXPECTED[..]
    } else {
        &EXPECTED_OF_PEOPLE[..]
    };
    let missing = runs.coverage.missing(expected, 1);
    if !missing.is_empty() {
        writeln!(out, "never occurred: {}", missing.join(", "))?;
    }
    let (seeds, failed) = (runs.seeds, runs.failed.len());
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = seeds as f64 / seconds.max(0.001);
    writeln!(
        out,
        "{seeds} seeds, {failed} failed, {rate:.1} seeds a second"
    )?;
    if failed > 0 {
        keep_seeds(&runs.failed)?;
        let file = kept_seeds_file();
        writeln!(out, "kept in {}; replay one with --seed", file.display())?;
    }
    Ok(u8::from(failed > 0 || !missing.is_empty()))
}
