//! What was written is found again in all journals that one can read, and in no other.

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::Reason;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, bytes_below, holds, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const JOURNAL: SectionKind = SectionKind::Journal;

/// The excerpts of entries, and how many journals were read for them.
fn found(home: &mut Home, words: &str) -> (Vec<String>, usize) {
    let answer = home.nahtlos.search(words, 50).unwrap();
    let entries = answer.found.iter().filter(|one| one.section.is_some());
    (
        entries.map(|one| one.excerpt.clone()).collect(),
        answer.read_anew,
    )
}

#[test]
fn a_word_is_found_without_its_accents_and_only_what_changed_is_read_anew() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let first = berger.open_example_case();
    let second = berger.open_example_case();
    let note = |number, text: &str| vec![note_saying(number, text)];
    let lejla = note(1, "Gespräch mit Frau Hadžić, Praktikum ab Mai.");
    berger.nahtlos.edit_case(&first, &lejla).unwrap();
    assert_eq!(found(&mut berger, "hadzic praktikum").1, 2, "both journals");
    let (excerpts, read_anew) = found(&mut berger, "HADZIC");
    assert_eq!(excerpts, ["Gespräch mit Frau Hadžić, Praktikum ab Mai."]);
    assert_eq!(read_anew, 0);
    assert!(found(&mut berger, "hadzic august").0.is_empty());
    let more = note(2, "Frau Hadzic rief an.");
    berger.nahtlos.edit_case(&second, &more).unwrap();
    let (excerpts, read_anew) = found(&mut berger, "hadžić");
    assert_eq!((excerpts.len(), read_anew), (2, 1));
    // Names of cases are found too, and the same things after the home was closed.
    let summaries = berger.nahtlos.search("mosimann", 50).unwrap().found;
    assert!(summaries.iter().any(|one| one.section.is_none()));
    let mut berger = world.closed_and_reopened(berger);
    assert_eq!(found(&mut berger, "hadzic").0.len(), 2);
    let limited = berger.nahtlos.search("hadzic", 1).unwrap();
    assert_eq!((limited.found.len(), limited.more), (1, 1));
    assert_eq!(berger.nahtlos.search(" ", 1).unwrap_err().code(), "empty");
}

#[test]
fn who_lost_a_journal_finds_nothing_of_it_before_and_after_erasing_the_copy() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    let marked = [note_saying(1, "Das Wort Zitronenfalter steht hier.")];
    berger.nahtlos.edit_case(&number, &marked).unwrap();
    berger.sync();
    iseli.sync();
    assert!(
        found(&mut iseli, "zitronenfalter").0.is_empty(),
        "never shared"
    );
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    assert_eq!(found(&mut iseli, "zitronenfalter").0.len(), 1, "control");

    let case = berger.nahtlos.find_case(&number).unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_member(IV_TEAM).unwrap();
    let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &team).unwrap();
    berger
        .nahtlos
        .end(&ending, Reason::ConsentWithdrawn)
        .unwrap();
    berger.sync();
    iseli.sync();
    assert!(
        !iseli.journal(&number).is_empty(),
        "the old copy is still there"
    );
    assert!(found(&mut iseli, "zitronenfalter").0.is_empty());
    let lost = iseli.nahtlos.lost_sections().unwrap();
    iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    assert!(found(&mut iseli, "zitronenfalter").0.is_empty());
    let path = iseli.path.clone();
    drop(iseli);
    assert!(!holds(&bytes_below(&path), "Zitronenfalter"));
    assert!(
        holds(b"das Wort Zitronenfalter", "Zitronenfalter"),
        "control"
    );
    assert_eq!(found(&mut berger, "zitronenfalter").0.len(), 1, "control");
}
