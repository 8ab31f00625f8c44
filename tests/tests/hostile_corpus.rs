//! Every kept input through its entry, and every first input. A finding of the fuzzers is kept as a
//! file: without the fix this fails.

use std::path::Path;

use nahtlos_tests::hostile::{ENTRIES, Entry, seeds};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes of all kept inputs together.
const CORPUS_BYTES_MAX: u64 = 2 * 1024 * 1024;

fn quietly(work: impl FnOnce()) {
    // automerge's panics are caught by the gate and would fill the screen.
    std::panic::set_hook(Box::new(|_| {}));
    work();
}

fn kept(entry: &Entry) -> Vec<std::path::PathBuf> {
    let directory = seeds::corpus().join(entry.name);
    let files = std::fs::read_dir(&directory).expect("a directory for each entry");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

#[test]
fn every_kept_input_passes_its_entry() {
    let mut failed = Vec::new();
    quietly(|| {
        for entry in ENTRIES {
            let files = kept(entry);
            assert!(!files.is_empty(), "{}: nothing is kept", entry.name);
            for file in files {
                let input = std::fs::read(&file).expect("a kept input");
                if let Err(found) = entry.check(&input) {
                    failed.push(format!("{}: {found}", shown(&file)));
                }
            }
        }
    });
    let _default = std::panic::take_hook();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn shown(file: &Path) -> String {
    let parts: Vec<_> = file.iter().rev().take(2).collect();
    parts
        .iter()
        .rev()
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

/// A corpus of an entry that is no more would be kept for nothing, and one that grows without end
/// would slow every test run.
#[test]
fn the_corpus_is_small_and_belongs_to_the_entries() {
    let mut bytes = 0;
    for directory in std::fs::read_dir(seeds::corpus()).expect("the corpus") {
        let directory = directory.expect("a directory").path();
        let name = directory
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(Entry::named(&name).is_some(), "no entry reads {name}");
        for file in std::fs::read_dir(&directory).expect("a directory") {
            bytes += file.expect("a file").metadata().expect("its size").len();
        }
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes are kept");
}

/// Writes the first inputs where they are not yet, for `tests/fuzz.sh`.
#[test]
fn every_first_input_passes_its_entry_and_every_entry_has_one() {
    let all = seeds::all();
    let mut failed = Vec::new();
    quietly(|| {
        for entry in ENTRIES {
            let Some(inputs) = all.get(entry.name) else {
                failed.push(format!("{}: no first input", entry.name));
                continue;
            };
            for (number, input) in inputs.iter().enumerate() {
                if let Err(found) = entry.check(input) {
                    failed.push(format!("{} {number}: {found}", entry.name));
                }
            }
        }
    });
    let _default = std::panic::take_hook();
    if let Some(to) = std::env::var_os("NAHTLOS_WRITE_SEEDS") {
        for (name, inputs) in &all {
            let directory = Path::new(&to).join(name);
            std::fs::create_dir_all(&directory).expect("a directory");
            for (number, input) in inputs.iter().enumerate() {
                std::fs::write(directory.join(format!("seed-{number}")), input).expect("a file");
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
