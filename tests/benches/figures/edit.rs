//! A local edit costs a durable commit and a change, whatever else is owned.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_document::Document;
use nahtlos_tests::Home;

use crate::fixture::{Network, sync_to_the_end};
use crate::machine::{LONG_JOURNAL_ENTRIES, PlainDatabase, add_entry, journal_entry};
use crate::report::Report;
use crate::sampling::{interleaved, median, microseconds, ratio, timed};

const ROUNDS: usize = 60;
/// Rounds of what opens a home each time.
const COLD_ROUNDS: usize = 20;
/// Cases that are worked on in turns.
const CASES: usize = 20;
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
    // The same number of different cases in both, all looked at before, as they are while people
    // work: the question is what the other cases cost.
    let looked_at = CASES.min(few.len());
    for number in 0..looked_at {
        edit(&mut small.owner, &few[number], next());
        edit(&mut large.owner, &many[number], next());
    }
    let mut first = few.iter().take(looked_at).cycle();
    let mut second = many.iter().take(looked_at).cycle();
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
        "an edit in a young journal",
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
        "an edit with more ÷ fewer cases owned",
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

/// The same as a command does it that opens the home for one edit. Opening is not counted.
pub fn measure_cold(report: &mut Report, directory: &Path, mut network: Network) -> Network {
    let database = PlainDatabase::new(&directory.join("edit-cold.sqlite"));
    let mut document = journal_of(&network.owner, &network.cases[0]);
    let young: Vec<String> = network.cases[CASES.min(network.cases.len() - 2)..].to_vec();
    let long = network.cases[1].clone();
    let (mut commits, mut changes) = (Vec::new(), Vec::new());
    let (mut in_young, mut in_long) = (Vec::new(), Vec::new());
    for (number, case) in (5_000_000..).zip(young.iter().cycle().take(COLD_ROUNDS)) {
        commits.push(timed(|| database.commit(number)).0);
        changes.push(timed(|| add_entry(&mut document, number)).0);
        network = network.with_owner_reopened();
        in_young.push(timed(|| edit(&mut network.owner, case, number)).0);
        network = network.with_owner_reopened();
        in_long.push(timed(|| edit(&mut network.owner, &long, number)).0);
    }
    sync_to_the_end(&mut network.owner);
    let reference = median(commits) + median(changes);
    let bound = microseconds(reference * FACTOR);
    report.section(format!(
        "The first edit after opening the home (medians of {COLD_ROUNDS}, in turns)"
    ));
    for (times, name) in [
        (in_young, "in a young journal"),
        (in_long, "in a journal of 14 months"),
    ] {
        let time = median(times);
        report.time(name, microseconds(time), "µs", bound);
        report.note("÷ (commit + change)", ratio(time, reference), "×");
    }
    network
}
