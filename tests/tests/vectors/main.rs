//! The frozen vectors of protocol version 1 (`tests/vectors/README.md`). Without anything set these
//! tests open every file and compare what comes out. `NAHTLOS_WRITE_VECTORS=1` writes those that are
//! missing, and never one that exists.

mod bundles;
mod describe;
mod desk;
mod envelopes;
mod forms;
mod genesis;
mod handed_over;
mod joining_devices;
mod keyring;
mod messages;
mod operations;
mod outcome;
mod past_wraps;
mod plan_versions;
mod policies;
mod refused;
mod scenarios;
mod sections;
mod statements;
mod support;
mod texts;
mod words;
mod world;

use std::collections::BTreeSet;

use outcome::Outcome;
use support::{is_writing, root};

#[test]
fn every_world_comes_out_as_it_did_when_it_was_frozen() {
    let worlds = root().join("worlds");
    if is_writing() {
        scenarios::write_missing();
    }
    let mut opened = 0;
    for name in scenarios::BUNDLES {
        let outcome = Outcome::of(&worlds.join(name));
        let found = outcome.to_json();
        let expected = support::stored(&format!("worlds/{name}/expected.json"), || found.clone());
        assert_eq!(found, expected, "{name}");
        opened += outcome.opened_epochs();
    }
    assert!(opened > 0, "a world in which nothing opens shows nothing");
}

#[test]
fn the_worlds_hold_every_verdict_and_every_reason() {
    let mut words = BTreeSet::new();
    for name in scenarios::BUNDLES {
        let expected = support::stored(&format!("worlds/{name}/expected.json"), || {
            Outcome::of(&root().join("worlds").join(name)).to_json()
        });
        for space in expected["spaces"].as_object().expect("spaces").values() {
            for verdict in space["envelopes"].as_object().expect("envelopes").values() {
                let word = |field: &str| verdict[field].as_str().map(str::to_owned);
                words.extend(word("verdict"));
                words.extend(word("reason"));
            }
        }
    }
    let expected = [
        "access_ended",
        "access_reduced",
        "builds_on_voided",
        "closed",
        "counts",
        "covers_held",
        "held",
        "never_entitled",
        "provisional",
        "voided",
        "vouched",
    ];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), expected);
}

/// Which epochs of the one section of a world a device opens, oldest first.
fn opened_in_section(name: &str) -> Vec<bool> {
    let outcome = Outcome::of(&root().join("worlds").join(name)).to_json();
    let spaces = outcome["spaces"].as_object().expect("spaces");
    let mut sections = spaces.values().filter(|space| space["kind"] == "section");
    let section = sections.next().expect("a section");
    assert!(sections.next().is_none(), "{name} has one section");
    let epochs = section["epochs"].as_array().expect("epochs");
    let opened = epochs.iter().map(|epoch| epoch["opened"].as_bool());
    opened.map(|opened| opened.expect("a truth")).collect()
}

#[test]
fn a_removed_device_opens_nothing_newer_and_a_newcomer_from_now_nothing_older() {
    // The removed device has every wrap that there is; the control opens both epochs.
    assert_eq!(opened_in_section("removal/adopted"), [true, true]);
    assert_eq!(opened_in_section("removal/removed_device"), [true, false]);
    assert_eq!(opened_in_section("from_now/before"), [true; 4]);
    assert_eq!(
        opened_in_section("from_now/newcomer"),
        [false, false, true, true]
    );
}
