//! libFuzzer over one entry of `nahtlos_tests::hostile`, named by `NAHTLOS_FUZZ_TARGET`.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use nahtlos_tests::hostile::{ENTRIES, Entry};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

static TARGET: OnceLock<&'static Entry> = OnceLock::new();

fuzz_target!(
    init: {
        // automerge's panics are caught by the gate; libFuzzer's own hook would end the process.
        std::panic::set_hook(Box::new(|_| {}));
        let name = std::env::var("NAHTLOS_FUZZ_TARGET").unwrap_or_default();
        let Some(entry) = Entry::named(&name) else {
            for entry in ENTRIES {
                println!("{}\t{}\t{}", entry.name, entry.input_bytes_max, entry.reads);
            }
            std::process::exit(i32::from(name != "list"));
        };
        TARGET.get_or_init(|| entry);
    },
    |input: &[u8]| {
        let entry = TARGET.get().expect("chosen at the start");
        if let Err(found) = entry.check(input) {
            eprintln!("{}: {found}", entry.name);
            std::process::abort();
        }
    }
);
