//! Institutions and teams change: new names, two teams that become one, an institution that leaves.

use nahtlos_casework::SectionKind;
use nahtlos_client::ClientError;
use nahtlos_client::share::Terms;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::scene::type_notes;
use nahtlos_tests::{Home, World};

const JOURNAL: SectionKind = SectionKind::Journal;

fn team(home: &Home) -> SpaceId {
    home.nahtlos.identity().team.unwrap()
}

fn institution(home: &Home) -> SpaceId {
    home.nahtlos.identity().institution.unwrap()
}

/// Berger's institution, which coordinates, and Iseli's.
fn two() -> (World, Home, Home) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    berger.sync();
    iseli.sync();
    (world, berger, iseli)
}

#[test]
fn new_names_reach_everybody_and_only_who_manages_gives_them() {
    let (world, mut berger, mut iseli) = two();
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    assert_eq!(
        berger.nahtlos.rename_institution("RAV Emmental").unwrap(),
        "RAV Langnau"
    );
    let (own_team, own) = (team(&berger), institution(&berger));
    berger
        .nahtlos
        .rename_team(&own_team, "Beratung Emmental")
        .unwrap();
    berger.sync();
    for home in [&mut iseli, &mut luthi] {
        home.sync();
        let directory = home.nahtlos.directory().unwrap();
        assert_eq!(directory.institution_name(&own), "RAV Emmental");
        assert_eq!(directory.name(&own_team), "Beratung Emmental");
    }
    let refused = luthi.nahtlos.rename_institution("Lüthis Amt").unwrap_err();
    assert!(matches!(refused, ClientError::NoRight { .. }), "{refused}");
    let refused = iseli.nahtlos.rename_team(&own_team, "Meins").unwrap_err();
    assert_eq!(refused.code(), "not_found", "another institution's");
    let second = berger.nahtlos.found_team("Team Süd").unwrap();
    let refused = berger
        .nahtlos
        .rename_team(&second, " beratung emmental")
        .unwrap_err();
    assert_eq!(refused.code(), "team_exists", "{refused}");
    berger.nahtlos.rename_team(&second, "TEAM SÜD").unwrap();
}

#[test]
fn two_teams_become_one_and_all_of_their_people_read_what_either_opens() {
    let (world, mut berger, mut iseli) = two();
    let first = team(&berger);
    let second = berger.nahtlos.found_team("Team Süd").unwrap();
    berger.sync();
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    let of_first = berger.open_example_case();
    berger.sync();
    // Kunz works in the second team alone, and opens a case there.
    let invitation = berger
        .nahtlos
        .invite_person(&second, Role::Write, "a colleague")
        .unwrap();
    berger.sync();
    let mut kunz = world.home("kunz");
    let introduction = nahtlos_client::Introduction {
        name: "Lea Kunz".into(),
        function: "coach".into(),
    };
    kunz.nahtlos
        .join_as_person(&mut world.transport(), &invitation, &introduction)
        .unwrap();
    berger.sync();
    kunz.sync();
    let of_second = kunz.open_example_case();
    kunz.sync();
    assert_eq!(team(&kunz), second);
    luthi.sync();
    assert!(luthi.nahtlos.find_case(&of_second).is_err(), "control");
    assert!(kunz.nahtlos.find_case(&of_first).is_err(), "control");
    berger.sync();

    let preview = berger.nahtlos.preview_merge(&second, &first).unwrap();
    assert_eq!(preview.joining, ["Lea Kunz"]);
    assert_eq!(preview.taking_over, ["Beat Lüthi"]);
    assert!(preview.sections > 3, "{preview:?}");
    berger.nahtlos.merge_teams(&second, &first).unwrap();
    for _ in 0..2 {
        for home in [&mut berger, &mut kunz, &mut luthi, &mut iseli] {
            home.sync();
        }
    }
    for home in [&luthi, &kunz, &berger] {
        for number in [&of_first, &of_second] {
            assert!(!home.journal(number).is_empty(), "{number}");
        }
    }
    // New cases are opened in the first, and what was said is said to everybody.
    assert_eq!(team(&kunz), first);
    let new = kunz.open_example_case();
    kunz.sync();
    luthi.sync();
    assert!(luthi.nahtlos.find_case(&new).is_ok());
    let card = iseli.nahtlos.directory().unwrap().teams[&second.to_string()].clone();
    assert_eq!(card.merged_into, Some(first.to_string()));
    let again = berger.nahtlos.preview_merge(&second, &first).unwrap_err();
    assert_eq!(again.code(), "not_found", "it was merged: {again}");
    let refused = luthi.nahtlos.merge_teams(&first, &second).unwrap_err();
    assert!(matches!(refused, ClientError::NoRight { .. }), "{refused}");
}

#[test]
fn an_institution_that_leaves_receives_nothing_more_and_what_was_shared_with_it_ends() {
    let (world, mut berger, mut iseli) = two();
    let number = berger.open_example_case();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let terms = Terms::new(Role::Write, "AVG35a1");
    for kind in [&SectionKind::Core, &JOURNAL] {
        berger
            .nahtlos
            .grant(&case, kind, &team(&iseli), &terms)
            .unwrap();
    }
    berger.sync();
    iseli.sync();
    assert!(!iseli.journal(&number).is_empty(), "control");
    let refused = iseli
        .nahtlos
        .preview_institution_leaving(&institution(&berger));
    assert!(matches!(refused.unwrap_err(), ClientError::NoRight { .. }));

    let leaving = institution(&iseli);
    let preview = berger
        .nahtlos
        .preview_institution_leaving(&leaving)
        .unwrap();
    assert_eq!(
        (preview.grants_ended, preview.left_to_others),
        (2, 0),
        "{preview:?}"
    );
    assert!(berger.nahtlos.is_in_network(&leaving));
    berger.nahtlos.remove_institution(&leaving).unwrap();
    berger.sync();
    assert!(!berger.nahtlos.is_in_network(&leaving));
    let before = world.stored_envelopes(&berger, &number, &JOURNAL).len();
    type_notes(&mut berger.nahtlos, &number, &[1]);
    berger.sync();
    let had = iseli.journal(&number).len();
    let _refused_or_empty = iseli.try_sync();
    assert_eq!(
        iseli.journal(&number).len(),
        had,
        "what it had, and nothing newer"
    );
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(stored.len() > before);
    let last = &stored[stored.len() - 1..];
    assert_eq!(world.opens(&iseli, last), [false]);
    assert_eq!(world.opens(&berger, last), [true], "control");
    assert_eq!(world.opens(&iseli, &stored[..1]), [true], "what it had");
    let again = berger.nahtlos.preview_institution_leaving(&leaving);
    assert_eq!(again.unwrap_err().code(), "not_found");
}
