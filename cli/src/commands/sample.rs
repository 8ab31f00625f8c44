//! `nahtlos sample`: invented cases, for trying things out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;

use nahtlos_casework::sample::Sample;
use serde_json::json;

use super::sync::count;
use crate::arguments::{SampleCommand, SampleGenerate};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Answer;

pub fn run(command: &SampleCommand) -> Result<Answer, Failure> {
    let SampleCommand::Generate(options) = command;
    generate(options)
}

/// Written beside its place and put there once all of it is there.
fn generate(options: &SampleGenerate) -> Result<Answer, Failure> {
    let target = &options.to;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::file("written", &path, &error)
    };
    if target.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Failure::file("written", target, &exists));
    }
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = target
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let unfinished = parent.join(format!(".{}.unfinished", name.unwrap_or_default()));
    std::fs::create_dir(&unfinished).map_err(failed(&unfinished))?;
    let written = write_all(&unfinished, options).and_then(|changes| {
        std::fs::rename(&unfinished, target).map_err(failed(target))?;
        Ok(changes)
    });
    if written.is_err() {
        let _left_where_it_cannot_be_removed = std::fs::remove_dir_all(&unfinished);
    }
    let changes = written?;
    let cases = count(options.cases, "invented case", "invented cases");
    Ok(Answer::sentence(
        json!({ "directory": target, "cases": options.cases, "seed": options.seed, "changes": changes }),
        format!("{cases} with {changes} changes in {}.", target.display()),
    ))
}

/// Cases do not depend on each other: each processor invents the next one that nobody has begun. Gives the
/// number of changes.
fn write_all(directory: &Path, options: &SampleGenerate) -> Result<usize, Failure> {
    let next = AtomicU64::new(1);
    let writers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let written: Vec<Result<usize, Failure>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers)
            .map(|_| scope.spawn(|| write_next_ones(directory, options, &next)))
            .collect();
        let ended = writers.into_iter().map(ScopedJoinHandle::join);
        ended
            .map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    written.into_iter().sum()
}

fn write_next_ones(
    directory: &Path,
    options: &SampleGenerate,
    next: &AtomicU64,
) -> Result<usize, Failure> {
    let mut changes = 0;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number > options.cases {
            return Ok(changes);
        }
        match write_case(directory, options, number) {
            Ok(more) => changes += more,
            Err(failure) => {
                // Nobody begins another one, since nothing is kept.
                next.store(options.cases.saturating_add(1), Ordering::Relaxed);
                return Err(failure);
            }
        }
    }
}

fn write_case(directory: &Path, options: &SampleGenerate, number: u64) -> Result<usize, Failure> {
    let defect = |error: nahtlos_casework::sample::SampleError| {
        Failure::new(
            Exit::Failed,
            "sample",
            format!("Case {number} of this seed cannot be invented; nothing was written."),
            error.to_string(),
            "This is a defect of the program: report the seed, and take another one.",
        )
    };
    let sample = Sample::generate(options.seed, number).map_err(defect)?;
    let file = sample.case_file().map_err(defect)?;
    write(directory, &format!("case-{number:06}.json"), &file)?;
    if options.history {
        write(
            directory,
            &format!("case-{number:06}.history.json"),
            &sample.history(),
        )?;
    }
    Ok(sample.changes.len())
}

fn write(directory: &Path, name: &str, content: &serde_json::Value) -> Result<(), Failure> {
    let path = directory.join(name);
    let text = serde_json::to_string_pretty(content).unwrap_or_default();
    std::fs::write(&path, text).map_err(|error| Failure::file("written", &path, &error))
}
