//! A local edit costs a durable commit and a change, whatever else is owned.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_document::Document;
use nahtlos_tests::Home;

use crate::fixture::{Network, sync_to_the_end};
use crate::machine::{LONG_JOURNAL_ENTRIES, PlainDatabase, add_entry, journal_entry};
use crate::report::Report;
use crate::sampling::{interleaved, microseconds, ratio};

const ROUNDS: usize = 60;
/// A local edit should be durable within this many times what it cannot do without.
const FACTOR: u32 = 5;

/// Measures edits in young and old journals, in few and in many cases.
pub fn measure(report: &mut Report, directory: &Path, small: &mut Network, large: &mut Network) {
    report.section(format!(
        "A local edit, durable (medians of {ROUNDS}, in turns)"
    ));
    let database = PlainDatabase::new(&directory.join("edit.sqlite"));
    let few = small.cases.clone();
    let many = large.cases.clone();
    let mut numbers = 1_000_000u64..;
    let mut next = move || numbers.next().unwrap_or_default();
    let (mut first, mut second) = (few.iter().cycle(), many.iter().cycle());
    let mut document = journal_of(&large.owner, &many[0]);
    let mut entry = 2_000_000;
    let [commit, change, few_cases, many_cases] = {
        let next = std::cell::RefCell::new(&mut next);
        let number = || (next.borrow_mut())();
        interleaved(
            ROUNDS,
            [
                &mut || database.commit(number()),
                &mut || {
                    entry += 1;
                    add_entry(&mut document, entry);
                },
                &mut || edit(&mut small.owner, first.next().expect("a case"), number()),
                &mut || edit(&mut large.owner, second.next().expect("a case"), number()),
            ],
        )
    };
    let bound = (commit + change) * FACTOR;
    report.note(
        "one SQLite commit, synchronous=FULL",
        microseconds(commit),
        "µs",
    );
    report.note(
        "one automerge change in a young journal",
        microseconds(change),
        "µs",
    );
    report.time(
        "an edit in a young journal, undelivered edits elsewhere",
        microseconds(many_cases),
        "µs",
        microseconds(bound),
    );
    report.note(
        "÷ (commit + change)",
        ratio(many_cases, commit + change),
        "×",
    );
    report.time(
        "the same with more ÷ fewer cases owned",
        ratio(many_cases, few_cases),
        "×",
        1.2,
    );
    sync_to_the_end(&mut small.owner);
    sync_to_the_end(&mut large.owner);
    measure_long(report, &database, large, &mut next);
}

fn measure_long(
    report: &mut Report,
    database: &PlainDatabase,
    network: &mut Network,
    next: &mut impl FnMut() -> u64,
) {
    let case = network.cases[1].clone();
    let entries: Vec<_> = (0..LONG_JOURNAL_ENTRIES)
        .map(|_| journal_entry(next()))
        .collect();
    let owner = &mut network.owner;
    owner.nahtlos.edit_case(&case, &entries).expect("a writer");
    sync_to_the_end(owner);
    let mut document = journal_of(owner, &case);
    let mut entry = 3_000_000;
    let numbers = std::cell::RefCell::new(next);
    let number = || (numbers.borrow_mut())();
    let [commit, change, edited] = interleaved(
        ROUNDS,
        [
            &mut || database.commit(number()),
            &mut || {
                entry += 1;
                add_entry(&mut document, entry);
            },
            &mut || edit(owner, &case, number()),
        ],
    );
    let bound = (commit + change) * FACTOR;
    report.note(
        "one automerge change in a journal of 14 months",
        microseconds(change),
        "µs",
    );
    report.time(
        "an edit in a journal of 14 months, up to 60 undelivered there",
        microseconds(edited),
        "µs",
        microseconds(bound),
    );
    report.note("÷ (commit + change)", ratio(edited, commit + change), "×");
    sync_to_the_end(owner);
}

fn edit(home: &mut Home, case: &str, number: u64) {
    home.nahtlos
        .edit_case(case, &[journal_entry(number)])
        .expect("a writer");
}

fn journal_of(home: &Home, case: &str) -> Document {
    let case = home.nahtlos.find_case(case).expect("the case");
    home.nahtlos
        .section_document(&case, &SectionKind::Journal)
        .expect("a readable section")
}
