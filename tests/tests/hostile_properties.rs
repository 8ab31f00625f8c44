//! Random and mutated inputs through every entry: what `tests/fuzz.sh` does for hours, led by coverage,
//! done for seconds and on every run. The rules are the same: `nahtlos_tests::hostile`.

use nahtlos_tests::hostile::{Entry, seeds};
use peak_alloc::PeakAlloc;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One step that makes another input of one that is kept.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        4 => (place(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        2 => (place(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        2 => (place(), 1..17usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (place(), 1..33usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        1 => place().prop_map(Mutation::Truncate),
    ]
}

fn mutated(mut input: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if input.is_empty() {
            input.push(0);
        }
        let length = input.len();
        let from = |at: &Index, many: usize| {
            let first = at.index(length);
            first..length.min(first + many)
        };
        match mutation {
            Mutation::Set(at, byte) => input[at.index(length)] = *byte,
            Mutation::Flip(at, bit) => input[at.index(length)] ^= 1 << bit,
            Mutation::Insert(at, bytes) => {
                let at = at.index(length);
                input.splice(at..at, bytes.iter().copied());
            }
            Mutation::Remove(at, many) => drop(input.drain(from(at, *many))),
            Mutation::Repeat(at, many) => {
                let range = from(at, *many);
                let part = input[range.clone()].to_vec();
                input.splice(range.end..range.end, part);
            }
            Mutation::Truncate(at) => input.truncate(at.index(length)),
        }
    }
    input
}

fn kept(entry: &Entry) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(seeds::corpus().join(entry.name)).expect("its corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let inputs = files
        .iter()
        .map(|file| std::fs::read(file).expect("a kept input"));
    inputs.collect()
}

/// Runs an entry `cases` times, a quarter of them from nothing, the others from what is kept.
fn run(name: &str, cases: u32) {
    // automerge's panics are caught by the gate and would fill the screen.
    std::panic::set_hook(Box::new(|_| {}));
    let entry = Entry::named(name).expect("an entry");
    let inputs = prop_oneof![
        1 => vec(any::<u8>(), 0..512),
        3 => (select(kept(entry)), vec(mutation(), 1..4))
            .prop_map(|(input, mutations)| mutated(input, &mutations)),
    ];
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let found = TestRunner::new(config).run(&inputs, |input| {
        entry.check(&input).map_err(TestCaseError::fail)
    });
    if let Err(found) = found {
        panic!("{name}: {found}");
    }
}

macro_rules! entries {
    ($($name:ident: $cases:literal),+ $(,)?) => {
        $(#[test] fn $name() { run(stringify!($name), $cases); })+

        #[test]
        fn no_entry_is_forgotten() {
            let tried = [$(stringify!($name)),+];
            for entry in nahtlos_tests::hostile::ENTRIES {
                assert!(tried.contains(&entry.name), "{} is not tried here", entry.name);
            }
        }
    };
}

entries! {
    operation: 2_000,
    operation_body: 1_000,
    envelope: 2_000,
    header: 2_000,
    payload: 1_000,
    snapshot_payload: 2_000,
    sealed: 500,
    wrap: 300,
    public_key: 1_000,
    token: 1_000,
    sync_request: 1_000,
    sync_response: 1_000,
    receipt: 2_000,
    claim_request: 1_000,
    join: 1_000,
    texts: 1_000,
    bundle: 1_000,
    client: 2_000,
    case_file: 300,
    tables: 500,
    fields: 1_000,
    change: 1_000,
    gate: 300,
    snapshot: 300,
    log: 30,
    graph: 60,
}

/// The control: an entry that is broken on purpose is found out, by what it does and by what it takes.
#[test]
fn a_panic_and_too_much_memory_are_findings() {
    let sound = Entry::named("client").expect("an entry");
    assert_eq!(sound.check(b"anything"), Ok(()));
    let mut greedy = *sound;
    greedy.memory = (1, 0);
    let found = greedy
        .check(&[b'{'; 1_000])
        .expect_err("it takes more than a byte");
    assert!(found.contains("bytes allocated"), "{found}");
    let log = Entry::named("log").expect("an entry");
    let broken = log.instead(|_| panic!("on purpose"));
    assert_eq!(broken.check(b""), Err("on purpose".into()));
}
