//! libFuzzer over `nahtlos_tests::hostile`. `NAHTLOS_FUZZ_TARGET` names an entry, or a family of
//! entries. Other words are for `tests/fuzz.sh`: `list` and `families` list what there is,
//! `gather <family>` copies the inputs of a family's entries to its own, and `part <family>` gives
//! back what was found.
#![no_main]

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use nahtlos_tests::hostile::family::{FAMILIES, Family, alone};
use nahtlos_tests::hostile::{ENTRIES, Entry};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static TARGET: OnceLock<Target> = OnceLock::new();

enum Target {
    Entry(&'static Entry),
    Family(&'static Family),
}

impl Target {
    fn named(name: &str) -> Option<Self> {
        let entry = Entry::named(name).map(Self::Entry);
        entry.or_else(|| Family::named(name).map(Self::Family))
    }

    fn choose<'input>(&self, input: &'input [u8]) -> Option<(&'static Entry, &'input [u8])> {
        match self {
            Self::Entry(entry) => Some((*entry, input)),
            Self::Family(family) => family.choose(input),
        }
    }
}

/// Does what the word asks for; whether it was understood.
fn serve(word: &str) -> io::Result<bool> {
    let (verb, name) = word.split_once(' ').unwrap_or((word, ""));
    let (kept, work) = (Path::new("corpus"), Path::new("work"));
    match (verb, Family::named(name)) {
        ("list", None) => list(ENTRIES.iter()),
        ("families", None) => {
            for family in FAMILIES {
                let reads = family.members.join(", ");
                println!("{}\t{}\t{reads}", family.name, family.input_bytes_max());
            }
            list(alone());
        }
        ("gather", Some(family)) => family.gather(&[kept, work], &work.join(family.name))?,
        ("part", Some(family)) => family.part(&work.join(family.name), work)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn list(entries: impl Iterator<Item = &'static Entry>) {
    for entry in entries {
        println!("{}\t{}\t{}", entry.name, entry.input_bytes_max, entry.reads);
    }
}

fuzz_target!(
    init: {
        // automerge's panics are caught by the gate; libFuzzer's own hook would end the process.
        std::panic::set_hook(Box::new(|_| {}));
        let name = std::env::var("NAHTLOS_FUZZ_TARGET").unwrap_or_default();
        let Some(target) = Target::named(&name) else {
            std::process::exit(match serve(&name) {
                Ok(true) => 0,
                Ok(false) => {
                    eprintln!("no target is called `{name}`: `tests/fuzz.sh --list` says which are");
                    1
                }
                Err(error) => {
                    eprintln!("{name}: {error}");
                    1
                }
            });
        };
        TARGET.get_or_init(|| target);
    },
    |input: &[u8]| -> Corpus {
        let target = TARGET.get().expect("chosen at the start");
        let Some((entry, input)) = target.choose(input) else {
            return Corpus::Reject;
        };
        if let Err(found) = entry.check(input) {
            eprintln!("{}: {found}", entry.name);
            std::process::abort();
        }
        Corpus::Keep
    }
);
