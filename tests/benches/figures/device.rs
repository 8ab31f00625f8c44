//! A device in a process of its own: what it does, how long that takes, and how much memory.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_client::{HttpTransport, Nahtlos};
use nahtlos_tests::PASSPHRASE;
use serde_json::{Value, json};

use crate::case_edits::Writer;
use crate::process::{peak_memory_bytes, processor_time};
use crate::sampling::{milliseconds, timed};

/// Cases that are opened and written in during a day.
const CASES_OF_A_DAY: usize = 30;

/// Does what it is told with a home, and says what it cost.
///
/// # Panics
/// Where a step fails.
pub fn work(home: &Path, url: &str, what: &str) -> Value {
    let mut transport = HttpTransport::new(url, None).expect("loopback");
    let mut nahtlos = Nahtlos::open(home, PASSPHRASE).expect("the home opens");
    let mut said = match what {
        "first-sync" => first_sync(&mut nahtlos, &mut transport),
        "day" => day(&mut nahtlos, &mut transport),
        other => panic!("no such work: {other}"),
    };
    said["peak_memory_bytes"] = json!(peak_memory_bytes("self"));
    said
}

/// Syncs until nothing is left.
fn first_sync(nahtlos: &mut Nahtlos, transport: &mut HttpTransport) -> Value {
    let before = processor_time("self");
    let (time, ()) = timed(|| while sync(nahtlos, transport) > 1 {});
    let processor = processor_time("self") - before;
    let lines = nahtlos.cases().expect("a readable vault");
    let sections: usize = lines.iter().map(|line| line.sections.len()).sum();
    json!({
        "time_ms": milliseconds(time),
        "processor_ms": milliseconds(processor),
        "sections": sections,
    })
}

/// Lists, searches, reads and writes, and syncs.
fn day(nahtlos: &mut Nahtlos, transport: &mut HttpTransport) -> Value {
    let lines = nahtlos.cases().expect("a readable vault");
    sync(nahtlos, transport);
    for (number, line) in (0..).zip(lines.iter().take(CASES_OF_A_DAY)) {
        let name = line.summary.display_name.clone().unwrap_or_default();
        let case = nahtlos.find_case(&name).expect("the case");
        for kind in case.sections.keys() {
            nahtlos.section_document(&case, kind).expect("a document");
        }
        let edit = Writer::new(9_000_000 + number).change(&SectionKind::Journal, number);
        nahtlos.edit_case(&line.id, &[edit]).expect("a writer");
        sync(nahtlos, transport);
    }
    json!({ "cases": lines.len() })
}

fn sync(nahtlos: &mut Nahtlos, transport: &mut HttpTransport) -> u64 {
    let report = nahtlos.sync(transport, &mut |_| {}).expect("a sync");
    assert!(report.notices.is_empty(), "{report:?}");
    report.requests
}
