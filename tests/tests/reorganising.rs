//! Institutions and teams change: new names, two teams that become one, an institution that leaves.

use nahtlos_casework::SectionKind;
use nahtlos_client::ClientError;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::share::Terms;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Grant, Role};
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
    // What is new is shared with the team that goes on, by everybody.
    let of_iseli = iseli.open_example_case();
    let case = iseli.nahtlos.find_case(&of_iseli).unwrap();
    let terms = Terms::new(Role::Read, "AVG35a1");
    let directory = iseli.nahtlos.directory().unwrap();
    let took_over = directory.name(&first);
    for refused in [
        iseli.nahtlos.grant(&case, &JOURNAL, &second, &terms),
        iseli
            .nahtlos
            .preview_grant(&case, &JOURNAL, &second)
            .map(|_| ()),
    ] {
        match refused.unwrap_err() {
            ClientError::TeamMerged { team, into } => {
                assert_eq!((team.as_str(), into), ("Team Süd", took_over.clone()));
            }
            other => panic!("{other}"),
        }
    }
    iseli
        .nahtlos
        .grant(&case, &JOURNAL, &first, &terms)
        .unwrap();
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

/// Live grants of a team in a case's core and journal.
fn standing_of(home: &Home, number: &str, team: &SpaceId) -> [usize; 2] {
    let case = home.nahtlos.find_case(number).unwrap();
    [SectionKind::Core, JOURNAL].map(|kind| {
        let grants = home.nahtlos.grants_of(&case.section(&kind).unwrap());
        let is_its = |grant: &&Grant| grant.member == MemberId::Space(*team);
        grants.iter().filter(is_its).count()
    })
}

/// Iseli's institution wants to leave. It manages nothing of the network at first.
#[test]
fn an_institution_leaves_by_itself_where_it_manages_the_network_beside_another_and_else_is_told_whom_to_ask()
 {
    let (world, mut berger, mut iseli) = two();
    let of_berger = berger.open_example_case();
    let of_iseli = iseli.open_example_case();
    berger.sync();
    iseli.sync();
    let terms = Terms::new(Role::Write, "AVG35a1");
    let (first, second) = (team(&berger), team(&iseli));
    for (from, to, number) in [
        (&mut berger, second, &of_berger),
        (&mut iseli, first, &of_iseli),
    ] {
        let case = from.nahtlos.find_case(number).unwrap();
        for kind in [&SectionKind::Core, &JOURNAL] {
            from.nahtlos.grant(&case, kind, &to, &terms).unwrap();
        }
        from.sync();
    }
    berger.sync();
    iseli.sync();
    type_notes(&mut iseli.nahtlos, &of_iseli, &[1]);

    let meant = iseli.nahtlos.preview_own_leaving().unwrap();
    assert_eq!(
        (meant.cases_led, meant.shared_by_it, meant.shared_with_it),
        (1, 2, 2),
        "{meant:?}"
    );
    assert_eq!(meant.undelivered, 1);
    assert_eq!(meant.signed_by, ["RAV Langnau"]);
    assert!(!meant.signs_itself);
    let refused = iseli.nahtlos.leave_network().unwrap_err();
    assert!(matches!(refused, ClientError::NoRight { .. }), "{refused}");
    let alone = berger.nahtlos.preview_own_leaving().unwrap();
    assert_eq!((alone.signed_by, alone.signs_itself), (Vec::new(), false));
    let refused = berger.nahtlos.leave_network().unwrap_err();
    assert!(matches!(refused, ClientError::LastManager), "{refused}");

    let network = berger.nahtlos.identity().network.unwrap();
    let leaves = institution(&iseli);
    let grants = berger.nahtlos.grants_of(&network);
    let is_its = |grant: &&nahtlos_protocol::space::Grant| {
        grant.member == nahtlos_protocol::space::state::MemberId::Space(leaves)
    };
    let grant = grants.iter().find(is_its).unwrap().id;
    berger
        .nahtlos
        .set_role(&network, &grant, Role::Manage)
        .unwrap();
    berger.sync();
    iseli.sync();
    let meant = iseli.nahtlos.preview_own_leaving().unwrap();
    assert!(meant.signs_itself, "{meant:?}");
    assert_eq!(standing_of(&berger, &of_berger, &second), [1, 1], "control");
    iseli.nahtlos.leave_network().unwrap();
    // What was typed before goes out with the same sync, before the relay takes nothing more.
    let delivered = berger.journal(&of_iseli).len();
    let _sent_and_then_refused = iseli.try_sync();
    let told = berger.sync().notices;
    assert_eq!(berger.journal(&of_iseli).len(), delivered + 1);
    assert!(!berger.nahtlos.is_in_network(&leaves));
    // Who stays is told once, and the rights of its teams end by themselves, with new keys.
    let about: Vec<&String> = told
        .iter()
        .filter(|one| one.contains("left the network"))
        .collect();
    assert_eq!(about.len(), 1, "{told:?}");
    assert!(
        about[0].starts_with("IV-Stelle Bern left the network"),
        "{told:?}"
    );
    assert!(
        about[0].contains("2 rights of its teams were ended, with new keys"),
        "{told:?}"
    );
    assert!(
        about[0].contains(&format!("lead {of_iseli} still, which nobody here")),
        "{told:?}"
    );
    assert!(
        about[0].contains("2 sections that its teams alone manage stay as before"),
        "{told:?}"
    );
    assert_eq!(standing_of(&berger, &of_berger, &second), [0, 0]);
    // Who only writes in a section ends nothing there.
    assert_eq!(standing_of(&berger, &of_iseli, &second), [1, 1]);
    let of_theirs = berger.nahtlos.find_case(&of_iseli).unwrap();
    let shares = berger.nahtlos.shares(&of_theirs).unwrap();
    for grant in shares.iter().flat_map(|row| &row.grants) {
        let is_its = grant.institution == "IV-Stelle Bern";
        assert_eq!(grant.outside, is_its, "{grant:?}");
    }
    let again = berger.sync().notices;
    assert!(
        !again.iter().any(|one| one.contains("left the network")),
        "{again:?}"
    );
    // What was shared stays with those who hold it; nothing newer reaches the institution that left.
    assert!(!berger.journal(&of_iseli).is_empty());
    type_notes(&mut berger.nahtlos, &of_berger, &[2]);
    berger.sync();
    let had = iseli.journal(&of_berger).len();
    let _refused_or_empty = iseli.try_sync();
    assert_eq!(iseli.journal(&of_berger).len(), had);
    assert_eq!(berger.journal(&of_berger).len(), had + 1, "control");
    // Not even a copy of the relay's, or a bundle, opens to it what was typed since.
    let stored = world.stored_envelopes(&berger, &of_berger, &JOURNAL);
    let last = &stored[stored.len() - 1..];
    assert_eq!(world.opens(&iseli, last), [false]);
    assert_eq!(world.opens(&berger, last), [true], "control");
    // Nothing more is shared with it, by law or by consent: what a bundle brought its keys would open.
    let case = berger.nahtlos.find_case(&of_berger).unwrap();
    let person = iseli.nahtlos.identity().person.unwrap();
    for member in [second, person] {
        let refused = berger
            .nahtlos
            .grant(&case, &SectionKind::Plan, &member, &terms)
            .unwrap_err();
        assert_eq!(refused.code(), "institution_left", "{refused}");
        let preview = berger
            .nahtlos
            .preview_grant(&case, &SectionKind::Plan, &member);
        assert_eq!(preview.unwrap_err().code(), "institution_left");
    }
    berger.sync();
    let plan = world.stored_envelopes(&berger, &of_berger, &SectionKind::Plan);
    assert!(
        world.opens(&berger, &plan).iter().all(|opens| *opens),
        "control"
    );
    assert!(world.opens(&iseli, &plan).iter().all(|opens| !opens));
}

/// Berger administers; Lüthi manages the team and administers nothing. He lets Nora Neu in.
#[test]
fn who_is_let_in_by_somebody_who_does_not_administer_has_a_name_everywhere_and_can_be_removed() {
    let (world, mut berger, mut iseli) = two();
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Manage);
    // The IV shares a case with the team, and so has its log.
    let shared = iseli.open_example_case();
    let case = iseli.nahtlos.find_case(&shared).unwrap();
    let terms = Terms::new(Role::Read, "AVG35a1");
    let with = team(&berger);
    iseli.nahtlos.grant(&case, &JOURNAL, &with, &terms).unwrap();
    iseli.sync();
    // Not even in the team any more: she is a custodian, who reads no case.
    let (of_berger, own_team) = (berger.nahtlos.identity().person.unwrap(), team(&berger));
    let leaves = Ending::Member(own_team, of_berger);
    luthi.nahtlos.end(&leaves, Reason::Unstated).unwrap();
    luthi.sync();
    let mut neu = world.colleague(&mut luthi, "neu", "Nora Neu", Role::Write);
    let person = neu.nahtlos.identity().person.unwrap();
    let named = |home: &Home| home.nahtlos.directory().unwrap().person_name(&person);
    neu.sync();
    assert_eq!(named(&neu), "Nora Neu");
    assert_eq!(named(&luthi), "Nora Neu");
    // Another institution cannot open the name yet, and lists her all the same, by what it can show.
    iseli.sync();
    let unnamed = named(&iseli);
    assert_eq!(unnamed, format!("unknown ({})", &person.to_string()[..8]));
    let directory = iseli.nahtlos.directory().unwrap();
    assert!(directory.people.contains_key(&person.to_string()));
    assert_eq!(directory.find_person(&unnamed).unwrap(), person);
    assert_eq!(
        directory.find_member(&person.to_string()[..8]).unwrap(),
        person
    );
    // Who administers makes it a card, with the next sync; then everybody has the name.
    berger.sync();
    assert_eq!(named(&berger), "Nora Neu");
    iseli.sync();
    assert_eq!(named(&iseli), "Nora Neu");
    let card = iseli.nahtlos.directory().unwrap().people[&person.to_string()].clone();
    assert_eq!(card.function, "officer");
    assert_eq!(card.team, Some(own_team.to_string()));
    assert!(iseli.nahtlos.directory().unwrap().without_card.is_empty());
    let delivered = berger.sync();
    assert_eq!(delivered.envelopes_delivered, 0, "written once");
    // And she can be removed, by the name that is shown.
    let found = luthi
        .nahtlos
        .directory()
        .unwrap()
        .find_member("Nora Neu")
        .unwrap();
    luthi
        .nahtlos
        .end(&Ending::Member(own_team, found), Reason::Left)
        .unwrap();
    luthi.sync();
    berger.sync();
    let removal = berger.nahtlos.member_removal(&person).unwrap();
    assert!(removal.is_some_and(|removal| removal.by.as_deref() == Some("Beat Lüthi")));
}

/// The IV goes on as the RAV; Iseli, whose own institution has no part in the network any more, lets Nora Neu in.
#[test]
fn who_is_let_in_by_a_merged_institution_has_a_name_too() {
    let (world, mut berger, mut iseli) = two();
    let (from, into) = (institution(&iseli), institution(&berger));
    for _ in 0..4 {
        for home in [&mut iseli, &mut berger] {
            match home.nahtlos.merge_institutions(&from, &into) {
                Ok(()) | Err(ClientError::NothingToChange | ClientError::NotFound { .. }) => {}
                Err(other) => panic!("{other}"),
            }
            home.sync();
        }
    }
    assert!(!berger.nahtlos.is_in_network(&from), "control");
    let mut neu = world.colleague(&mut iseli, "neu", "Nora Neu", Role::Write);
    let person = neu.nahtlos.identity().person.unwrap();
    neu.sync();
    berger.sync();
    for home in [&mut neu, &mut iseli, &mut berger] {
        home.sync();
        let directory = home.nahtlos.directory().unwrap();
        assert_eq!(directory.person_name(&person), "Nora Neu");
        assert!(directory.without_card.is_empty());
    }
    // The names of its teams are kept by who administers the other one; who asks in vain is told so.
    let (renamed, its) = ("Team Bern", team(&iseli));
    let refused = iseli.nahtlos.rename_team(&its, renamed).unwrap_err();
    assert!(
        refused.to_string().contains("merged institution"),
        "{refused}"
    );
    berger.nahtlos.rename_team(&its, renamed).unwrap();
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.nahtlos.directory().unwrap().name(&its), renamed);
    // Its teams go on: nobody's rights end by a merger, and nobody is told of a leaving.
    let told = berger.sync().notices;
    assert!(
        !told.iter().any(|one| one.contains("left the network")),
        "{told:?}"
    );
}
