//! Every kept input through its entry, and every first input. A finding of the fuzzers is kept as a
//! file: without the fix this fails.

use std::path::Path;

use nahtlos_tests::hostile::family::{FAMILIES, Family, alone};
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

#[test]
fn every_entry_is_fuzzed_by_one_family_or_alone_and_no_name_means_two_things() {
    let members = FAMILIES.iter().flat_map(|family| family.members);
    let mut names: Vec<_> = members.copied().collect();
    names.extend(alone().map(|entry| entry.name));
    names.sort_unstable();
    let mut entries: Vec<_> = ENTRIES.iter().map(|entry| entry.name).collect();
    entries.sort_unstable();
    assert_eq!(names, entries);
    for family in FAMILIES {
        assert!(Entry::named(family.name).is_none(), "{}", family.name);
    }
}

/// What a family borrows for a run reaches the entry it came from, byte for byte.
#[test]
fn a_family_tries_the_inputs_of_its_entries_and_gives_back_only_what_is_new() {
    for family in FAMILIES {
        let (borrowed, back) = (directory(), directory());
        let from = [seeds::corpus(), back.path().join("nothing")];
        family
            .gather(&from.each_ref().map(|one| one.as_path()), borrowed.path())
            .expect("inputs to be read");
        assert_eq!(chosen_in(family, borrowed.path()), kept_by(family));

        family.part(borrowed.path(), back.path()).expect("parted");
        let count = std::fs::read_dir(back.path()).expect("what is new").count();
        assert_eq!(count, 0, "{}: nothing was found", family.name);

        std::fs::write(borrowed.path().join("0a1b"), [1, 7, 7]).expect("a finding");
        family.part(borrowed.path(), back.path()).expect("parted");
        let second = Entry::named(family.members[1]).expect("an entry");
        let new = std::fs::read(back.path().join(second.name).join("0a1b"));
        assert_eq!(new.expect("what was found"), [7, 7]);
        let count = std::fs::read_dir(back.path()).expect("what is new").count();
        assert_eq!(count, 1, "{}: of one entry", family.name);
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn chosen_in(family: &Family, directory: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let files = std::fs::read_dir(directory).expect("what was borrowed");
    let mut chosen: Vec<_> = files
        .map(|file| {
            let input = std::fs::read(file.expect("a file").path()).expect("its bytes");
            let (entry, rest) = family.choose(&input).expect("an entry that reads it");
            (entry.name, rest.to_vec())
        })
        .collect();
    chosen.sort();
    chosen
}

fn kept_by(family: &Family) -> Vec<(&'static str, Vec<u8>)> {
    let members = family.members.iter().filter_map(|name| Entry::named(name));
    let mut inputs: Vec<_> = members
        .flat_map(|entry| kept(entry).into_iter().map(move |file| (entry, file)))
        .map(|(entry, file)| (entry.name, std::fs::read(file).expect("a kept input")))
        .collect();
    inputs.sort();
    inputs
}
