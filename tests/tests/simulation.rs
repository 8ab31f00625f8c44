//! Simulated worlds (see `nahtlos_tests::simulation`): faults by chance, then healing, then what must
//! be true. `cargo run --release -p nahtlos-tests --bin simulate -- --seeds 20000` runs more of them.

use nahtlos_tests::simulation::runs::{kept_seeds, open_seeds, run_all};
use nahtlos_tests::simulation::{
    AT_LEAST, DEEP_FROM, EXPECTED, EXPECTED_OF_PEOPLE, Outcome, PEOPLE_FROM, run,
    run_with_keys_for_all,
};

/// Seeds in the normal tests: ordinary worlds, deep ones, and those with people.
const SEEDS: u64 = 680;
const DEEP_SEEDS: u64 = 200;
const PEOPLE_SEEDS: u64 = 120;
/// Seeds of each family in which keys leak.
const LEAKING_SEEDS: u64 = 4;
/// Worlds in which a relay left an operation out or altered it, and an author sealed without what rested on it.
const LEFT_OUT: [u64; 3] = [PEOPLE_FROM + 437, PEOPLE_FROM + 544, PEOPLE_FROM + 928];
/// Worlds with people in which somebody writes who knows that another one may not read any more.
const SOMEBODY_LEAVES: [u64; 4] = [
    PEOPLE_FROM + 3,
    PEOPLE_FROM + 4,
    PEOPLE_FROM + 5,
    PEOPLE_FROM + 6,
];

fn told(outcome: &Outcome) -> String {
    format!(
        "{}\n{}\nseed {} failed: {}\nreplay: cargo run -p nahtlos-tests --bin simulate -- --seed {}",
        outcome.story,
        outcome.failures.join("\n"),
        outcome.seed,
        outcome.failures.first().map_or("", |first| first.as_str()),
        outcome.seed,
    )
}

#[test]
fn the_same_seed_gives_the_same_world_byte_for_byte_and_another_seed_another_one() {
    let (first, second, other) = (run(3), run(3), run(4));
    assert_eq!(first.story, second.story);
    assert_eq!(first.hash, second.hash, "what passed on the lines differs");
    assert_ne!(first.hash, other.hash);
}

/// The control of the check that nobody holds a key beyond their rights.
#[test]
fn keys_in_the_hands_of_somebody_who_may_not_read_are_noticed_in_every_family_of_worlds() {
    for from in [0, DEEP_FROM, PEOPLE_FROM] {
        let seeds = from..from + LEAKING_SEEDS;
        let outcomes: Vec<Outcome> = seeds.map(run_with_keys_for_all).collect();
        let noticed = |outcome: &&Outcome| {
            let mut failures = outcome.failures.iter();
            failures.any(|failure| failure.contains("could open"))
        };
        let noticed = outcomes.iter().filter(noticed).count() as u64;
        // In some worlds everybody may read everything.
        assert!(noticed > LEAKING_SEEDS / 2, "{noticed} from {from} on");
    }
    for seed in LEFT_OUT {
        let failures = run_with_keys_for_all(seed).failures;
        let noticed = failures.iter().any(|text| text.contains("could open"));
        assert!(noticed, "seed {seed}");
    }
}

/// Where nobody is given a new key when somebody leaves, nothing else than the check of keys notices it
/// (`tests/mutants/keys-of-former.patch`).
#[test]
fn who_lost_a_right_among_people_can_open_nothing_that_was_sealed_since() {
    for seed in SOMEBODY_LEAVES {
        let outcome = run(seed);
        assert!(outcome.failures.is_empty(), "{}", told(&outcome));
    }
}

#[test]
fn worlds_that_failed_once_hold_what_was_promised() {
    for seed in kept_seeds() {
        let outcome = run(seed);
        assert!(outcome.failures.is_empty(), "{}", told(&outcome));
    }
}

#[test]
fn after_any_faults_all_who_may_read_see_the_same_and_nothing_is_lost() {
    let mut runs = run_all(0, SEEDS, 2, &|| true, &|_| ());
    runs.add(run_all(DEEP_FROM, DEEP_SEEDS, 2, &|| true, &|_| ()));
    let people = run_all(PEOPLE_FROM, PEOPLE_SEEDS, 2, &|| true, &|_| ());
    let missing_among_people = people.coverage.missing(&EXPECTED_OF_PEOPLE, AT_LEAST);
    // What is expected of the others has to come from them.
    let missing = runs.coverage.missing(&EXPECTED, AT_LEAST);
    runs.add(people);
    // What the open ones found stands in tests/simulation/open.txt.
    let open = open_seeds();
    runs.failed.retain(|outcome| !open.contains(&outcome.seed));
    let failed: Vec<u64> = runs.failed.iter().map(|outcome| outcome.seed).collect();
    if let Some(first) = runs.failed.first() {
        panic!("{}\nfailed: {failed:?}", told(first));
    }
    let missing = [missing, missing_among_people].concat();
    assert!(
        missing.is_empty(),
        "occurred less than {AT_LEAST} times: {missing:?}"
    );
}
