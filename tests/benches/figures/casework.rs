//! Invented cases of fourteen months (`nahtlos_casework::sample`): made, opened, listed, searched.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Edit;
use nahtlos_casework::sample::Sample;
use nahtlos_casework::searching::Search;
use nahtlos_casework::view::{CoreView, PlanView};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

use crate::fixture::sync_to_the_end;
use crate::report::Report;
use crate::sampling::{median, milliseconds, timed};

const CASES: usize = 1_000;
const SEED: u64 = 1;
const ROUNDS: usize = 15;
/// How many edits one of two colleagues makes in a case before it is the other one's turn.
const TURN_EDITS: usize = 30;
const OPEN_MS_MAX: f64 = 50.0;
const LIST_MS_MAX: f64 = 100.0;
const SEARCH_MS_MAX: f64 = 500.0;
const GENERATE_S_MAX: f64 = 60.0;

/// Measures all of it, with a home that is closed and opened again before each round.
pub fn measure(report: &mut Report, directory: &Path, divisor: usize) {
    let cases = CASES / divisor;
    generating(report, directory, cases);
    eprintln!("building a home with {cases} invented cases of fourteen months …");
    let world = World::below(directory);
    let mut home = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
    let mut changes = 0;
    for number in 1..=cases as u64 {
        let sample = Sample::generate(SEED, number).expect("a valid sample");
        changes += sample.changes.len();
        let edits: Vec<Edit> = sample.edits().cloned().collect();
        home.nahtlos.open_case(&edits).expect("a valid case");
    }
    sync_to_the_end(&mut home);
    let mut colleague = world.colleague(&mut home, "colleague", "Beat Trachsel", Role::Write);
    let ids = written_in_turns(&mut home, &mut colleague, cases);
    drop(colleague);
    let lines = home.nahtlos.cases().expect("a readable vault");
    let all = lines.len();
    assert_eq!(all, cases + ids.len());
    let sections: BTreeSet<usize> = lines.iter().map(|line| line.sections.len()).collect();
    report.section(format!(
        "{all} invented cases of {sections:?} sections, {} edits each (medians of {ROUNDS}, home opened anew)",
        changes / cases
    ));

    let (first, found) = timed(|| {
        home.nahtlos
            .search("kinderbetreuung", 50)
            .expect("a search")
    });
    assert_eq!(found.read_anew, all, "every journal is read once");
    let mut times = Times::default();
    for round in 0..ROUNDS {
        home = world.closed_and_reopened(home);
        let id = &ids[(round * 61) % ids.len()];
        times.opened.push(
            timed(|| {
                let case = home.nahtlos.find_case(id).expect("the case");
                let document = home.nahtlos.section_document(&case, &SectionKind::Plan);
                let authors = home.nahtlos.section_authors(&case, &SectionKind::Plan);
                let view = PlanView::read(&document.expect("the plan"), &authors.expect("authors"));
                assert!(!black_box(view).goals.is_empty());
            })
            .0,
        );
        times.core.push(
            timed(|| {
                let case = home.nahtlos.find_case(id).expect("the case");
                let document = home.nahtlos.section_document(&case, &SectionKind::Core);
                black_box(CoreView::read(&document.expect("the core data")));
            })
            .0,
        );
        times.listed.push(
            timed(|| {
                assert_eq!(home.nahtlos.cases().expect("a readable vault").len(), all);
            })
            .0,
        );
        times.filtered.push(
            timed(|| {
                let search = Search::parse("hadzic").expect("a word");
                let mut lines = home.nahtlos.cases().expect("a readable vault");
                lines.retain(|line| search.is_in(&line.text()));
                black_box(lines);
            })
            .0,
        );
        times.searched.push(
            timed(|| {
                let found = home
                    .nahtlos
                    .search("kinderbetreuung geregelt", 50)
                    .expect("a search");
                assert_eq!(found.read_anew, 0, "nothing has changed");
                assert!(!found.found.is_empty());
            })
            .0,
        );
        times.nothing.push(
            timed(|| {
                let found = home.nahtlos.search("unauffindbar", 50).expect("a search");
                assert!(found.found.is_empty());
            })
            .0,
        );
    }
    let ms = |times: Vec<Duration>| milliseconds(median(times));
    report.time(
        "newest state of the plan of a case of two authors, first look",
        ms(times.opened),
        "ms",
        OPEN_MS_MAX,
    );
    report.time(
        "newest state of its core data",
        ms(times.core),
        "ms",
        OPEN_MS_MAX,
    );
    report.time("listing", ms(times.listed), "ms", LIST_MS_MAX);
    report.time(
        "filtering by a name without its accents",
        ms(times.filtered),
        "ms",
        LIST_MS_MAX,
    );
    report.time(
        "searching all journals, found often",
        ms(times.searched),
        "ms",
        SEARCH_MS_MAX,
    );
    report.time(
        "searching all journals, not found",
        ms(times.nothing),
        "ms",
        SEARCH_MS_MAX,
    );
    report.note(
        "the very first search, which reads every journal",
        milliseconds(first),
        "ms",
    );
}

/// Further cases that two colleagues write an edit at a time, in turns, each with a change and an envelope of
/// its own: what is opened is a history, and not what one author wrote at once. Gives their identifiers.
fn written_in_turns(home: &mut Home, colleague: &mut Home, others: usize) -> Vec<String> {
    let (mut waiting, mut ids) = (Vec::new(), Vec::new());
    for number in others + 1..=others + ROUNDS {
        let sample = Sample::generate(SEED, number as u64).expect("a valid sample");
        let edits: Vec<Edit> = sample.edits().cloned().collect();
        // With the first edit of each section, which opens it.
        let mut opened = BTreeSet::new();
        let (first, later): (Vec<Edit>, Vec<Edit>) = edits
            .into_iter()
            .partition(|edit| opened.insert(edit.section()));
        let case = home.nahtlos.open_case(&first).expect("a valid case");
        let case = home.nahtlos.find_case(&case.to_string());
        ids.push(case.expect("the case").id.to_string());
        waiting.push(later.into_iter());
    }
    home.sync();
    for turn in 0.. {
        colleague.sync();
        let author = if turn % 2 == 0 {
            &mut *colleague
        } else {
            &mut *home
        };
        let mut typed = 0;
        for (id, edits) in ids.iter().zip(&mut waiting) {
            for edit in edits.take(TURN_EDITS) {
                let edited = author.nahtlos.edit_case(id, &[edit]);
                edited.expect("a valid edit");
                typed += 1;
            }
        }
        author.sync();
        home.sync();
        if typed == 0 {
            break;
        }
    }
    ids
}

#[derive(Default)]
struct Times {
    opened: Vec<Duration>,
    core: Vec<Duration>,
    listed: Vec<Duration>,
    filtered: Vec<Duration>,
    searched: Vec<Duration>,
    nothing: Vec<Duration>,
}

/// By the program, as somebody would.
fn generating(report: &mut Report, directory: &Path, cases: usize) {
    let to = directory.join("samples");
    let (time, ended) = timed(|| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_story-nahtlos"));
        program.args(["sample", "generate", "--seed", &SEED.to_string()]);
        program.args(["--cases", &cases.to_string(), "--to"]);
        program.arg(&to).stdout(Stdio::null()).status()
    });
    assert!(ended.expect("the program").success());
    let files: Vec<_> = std::fs::read_dir(&to).expect("a directory").collect();
    assert_eq!(files.len(), cases);
    let bytes = files.into_iter().map(|file| {
        let file = file.expect("a file");
        file.metadata().expect("a file").len()
    });
    let bytes: u64 = bytes.sum();
    report.section(format!(
        "`nahtlos sample generate --cases {cases}`, all processors"
    ));
    report.time("time", milliseconds(time) / 1e3, "s", GENERATE_S_MAX);
    #[allow(clippy::cast_precision_loss)]
    report.note("bytes of one file", bytes as f64 / cases as f64, "B");
    std::fs::remove_dir_all(&to).expect("removed");
}
