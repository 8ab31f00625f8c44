//! Consents as proof: a file that verifies by itself, after who signed has left, and by which nobody can be
//! made to have said something else.

use data_encoding::BASE64;
use nahtlos_casework::SectionKind;
use nahtlos_client::consent::{Proof, ProofError};
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::rotation::Rotation;
use nahtlos_tests::{Home, World};

use crate::{COACHES, Story, case, give, member, name_of, withdraw};

/// A file of two events, made by a colleague after the one who recorded the first has left.
fn proven() -> (Proof, String, String) {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(SectionKind::Function, COACHES)];
    let id = give(&mut story.ruegg, &number, &shares);
    story.sync();
    let (team, ruegg) = (
        member(&story.trachsel, "Sozialdienst Team 1"),
        member(&story.trachsel, "Rita Rüegg"),
    );
    let out = Ending::Member(team, ruegg);
    story.trachsel.nahtlos.end(&out, Reason::Left).unwrap();
    story.trachsel.sync();
    withdraw(&mut story.trachsel, &number, &id);
    story.trachsel.sync();
    let own = case(&story.trachsel, &number);
    let proof = story.trachsel.nahtlos.prove_consents(&own).unwrap();
    let text = serde_json::to_string(&proof).unwrap();
    (Proof::parse(&text).unwrap(), name_of(&id), text)
}

fn rotate_team(world: &World, home: &mut Home) {
    let team = Rotation::Spaces(vec![member(home, "Sozialdienst Team 1")]);
    let line = &mut world.transport();
    home.nahtlos.rotate_now(line, &team, &mut |_| {}).unwrap();
}

/// The problem of the first event of this kind.
fn problem(proof: &Proof, kind: &str) -> Option<String> {
    let verified = proof.verify();
    let event = verified.events.iter().find(|event| event.kind == kind);
    event.expect("an event of this kind").problem.clone()
}

#[test]
fn a_file_verifies_by_itself_after_who_signed_has_left_and_every_change_shows() {
    let (proof, name, text) = proven();
    let verified = proof.verify();
    assert!(verified.holds(), "{verified:?}");
    assert_eq!(verified.events.len(), 2);
    assert_eq!(verified.institutions.len(), 1);
    assert_eq!(
        verified.institutions[0].name_in_file.as_deref(),
        Some("Sozialdienst")
    );
    let person = |kind: &str| {
        let event = verified.events.iter().find(|event| event.kind == kind);
        let person = event.unwrap().person.clone().unwrap();
        proof.names.get(&person).cloned()
    };
    assert!(text.contains(&name));
    assert_ne!(
        verified.events[0].signed_by, verified.events[1].signed_by,
        "two people recorded them"
    );
    assert_eq!(person("given").as_deref(), Some("Rita Rüegg"));
    assert_eq!(person("withdrawn").as_deref(), Some("Tim Trachsel"));

    // Another word in an event, another event's signature, another ledger, another time.
    let given = |proof: &mut Proof| {
        let place = proof
            .events
            .iter()
            .position(|event| event.fields["kind"] == "given");
        place.unwrap()
    };
    let mut changed = proof.clone();
    let place = given(&mut changed);
    let fields = &mut changed.events[place].fields;
    fields.insert("valid_until".into(), "2199-12-31".into());
    let said = problem(&changed, "given").unwrap();
    assert!(said.contains("not over what stands there"), "{said}");
    assert_eq!(problem(&changed, "withdrawn"), None, "the other one holds");

    let mut renamed = proof.clone();
    renamed.events[place].id = "aaaaaaaaaaaaa".into();
    assert!(problem(&renamed, "given").is_some());

    let mut swapped = proof.clone();
    let other = swapped.events[1 - place].signature.clone();
    swapped.events[place].signature = other;
    assert!(problem(&swapped, "given").is_some());

    let mut unsigned = proof.clone();
    unsigned.events[place].signature = None;
    assert_eq!(problem(&unsigned, "given").unwrap(), "it was not signed");

    let mut torn = proof.clone();
    torn.events[place].signature = Some(BASE64.encode(b"torn"));
    assert!(problem(&torn, "given").is_some());

    // A ledger that claims another keeper is not the one that was signed for.
    let mut elsewhere = proof.clone();
    let ledger = elsewhere.ledgers[0]
        .space
        .replace('a', "b")
        .replace('1', "2");
    elsewhere.ledgers[0].space = ledger;
    assert!(problem(&elsewhere, "given").is_some());
}

#[test]
fn a_file_that_names_another_case_or_was_signed_without_one_says_so() {
    let (proof, _, _) = proven();
    assert!(proof.verify().case_is_signed, "control");
    let mut moved = proof.clone();
    moved.case = "0".repeat(32);
    let said = problem(&moved, "given").unwrap();
    assert!(said.contains("another case"), "{said}");
    assert!(!moved.verify().holds());
    // Whoever takes the case out of the events has no signature over what is left.
    let mut nameless = proof.clone();
    for event in &mut nameless.events {
        event.fields.remove("case").unwrap();
    }
    assert!(!nameless.verify().holds());
    assert!(!nameless.verify().case_is_signed);
}

#[test]
fn what_was_signed_after_a_healed_fork_is_said_not_to_be_judged_by_the_file() {
    let mut story = Story::new();
    let number = story.case.clone();
    let backup = story.world.back_up_relay();
    rotate_team(&story.world, &mut story.ruegg);
    story.world.go_back_to(&backup);
    rotate_team(&story.world, &mut story.trachsel);
    story.sync();
    story.sync();
    assert_eq!(story.ruegg.nahtlos.forks().unwrap(), []);
    give(
        &mut story.ruegg,
        &number,
        &[(SectionKind::Function, COACHES)],
    );
    let own = case(&story.ruegg, &number);
    let proof = story.ruegg.nahtlos.prove_consents(&own).unwrap();
    let said = problem(&proof, "given").unwrap();
    assert!(said.contains("after a healed fork"), "{said}");
    assert!(!proof.verify().holds());
}

#[test]
fn without_the_logs_or_with_others_nothing_is_believed() {
    let (proof, _, _) = proven();
    let mut bare = proof.clone();
    bare.logs.clear();
    assert!(problem(&bare, "given").unwrap().contains("a log"));
    assert!(!bare.verify().holds());

    // A log whose operations were cut off, or one with a changed byte.
    for place in 0..proof.logs.len() {
        let mut short = proof.clone();
        short.logs[place].operations.truncate(0);
        let mut wrong = proof.clone();
        let operation = &mut wrong.logs[place].operations[0];
        let mut bytes = BASE64.decode(operation.as_bytes()).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        *operation = BASE64.encode(&bytes);
        assert!(!short.verify().holds(), "log {place} is missing");
        assert!(!wrong.verify().holds(), "log {place} is another one");
    }
    assert!(proof.verify().holds(), "control");
    let nothing = Proof {
        events: Vec::new(),
        ..proof
    };
    assert!(!nothing.verify().holds(), "an empty file proves nothing");
}

#[test]
fn a_file_that_is_none_is_refused() {
    let (_, _, text) = proven();
    for wrong in ["", "{}", "[1]", r#"{"what": "nahtlos consents"}"#] {
        assert!(
            matches!(Proof::parse(wrong), Err(ProofError::NotAProof { .. })),
            "{wrong}"
        );
    }
    let newer = text.replace("\"schema_version\":1", "\"schema_version\":2");
    assert_eq!(Proof::parse(&newer), Err(ProofError::NeedsNewer));
    assert!(Proof::parse(&text).is_ok(), "control");
}
