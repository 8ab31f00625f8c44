//! An admitted institution with a modified program: it cannot borrow a name, nor slip a section of
//! its own into somebody's case.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, TaskEdit};
use nahtlos_casework::fields::{EntryId, Field, Line};
use nahtlos_casework::view::TasksView;
use nahtlos_client::directory::DirectoryEdit;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::share::Terms;
use nahtlos_client::status::HeldLine;
use nahtlos_client::{InstitutionCard, Introduction, PersonCard, TeamCard};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

fn world() -> (World, Home, Home, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut rogue = world.institution(&mut berger, "rogue", "Rolf Ruch", "Ruch GmbH", "provider");
    let number = berger.open_example_case();
    for team in ["IV-Stelle Bern Team 1", "Ruch GmbH Team 1"] {
        berger.share(&number, &SectionKind::Tasks, team, Role::Write, "AVG35a1");
    }
    berger.sync();
    rogue.sync();
    iseli.sync();
    (world, berger, iseli, rogue, number)
}

#[test]
fn a_participant_cannot_slip_a_section_of_its_own_into_a_case_it_takes_part_in() {
    let (_world, mut berger, mut iseli, mut rogue, number) = world();
    let case = rogue.nahtlos.find_case(&case_name(&rogue)).unwrap();
    for home in [&mut berger, &mut iseli] {
        let team = home.nahtlos.status().unwrap().team.unwrap();
        let member = rogue.nahtlos.directory().unwrap().find_team(&team).unwrap();
        rogue
            .nahtlos
            .hostile_section(&case, "function", &member)
            .unwrap();
        rogue
            .nahtlos
            .hostile_section(&case, "medical", &member)
            .unwrap();
    }
    let before = berger.nahtlos.find_case(&number).unwrap();
    assert!(rogue.sync().notices.is_empty());
    berger.sync();
    iseli.sync();
    assert_eq!(
        berger.nahtlos.find_case(&number).unwrap(),
        before,
        "nothing was added"
    );
    assert_eq!(
        berger.nahtlos.status().unwrap().foreign_sections,
        2,
        "and it is said"
    );
    let seen = iseli.nahtlos.cases().unwrap();
    assert_eq!(seen.len(), 1);
    let sections: Vec<&String> = seen[0].sections.keys().collect();
    assert_eq!(
        sections,
        ["tasks"],
        "control: what the case's own institution shared"
    );
}

#[test]
fn a_section_that_does_not_say_what_it_is_stops_nothing_but_itself() {
    let (_world, mut berger, mut iseli, mut rogue, number) = world();
    let directory = rogue.nahtlos.directory().unwrap();
    let team = iseli.nahtlos.status().unwrap().team.unwrap();
    let victims = directory.find_team(&team).unwrap();
    let before = tasks(&berger, &number);
    let labels = [Some(vec![6; 40]), Some(Vec::new()), None];
    for (count, label) in (1..).zip(labels) {
        let rogue_device = &mut rogue.nahtlos;
        let said = label.clone();
        let space = rogue_device.hostile_section_saying(said, &victims).unwrap();
        rogue.sync();
        let rogue_device = &mut rogue.nahtlos;
        let edit = rogue_device.hostile_changes(&space, 1, &|_| {}).unwrap();
        rogue.sync();
        iseli.sync();
        let held = iseli.nahtlos.held_lines().unwrap();
        let of_it = |line: &&HeldLine| line.space.as_deref() == Some(&*space.to_string());
        let reasons: Vec<&str> = held
            .iter()
            .filter(of_it)
            .map(|line| line.reason.as_str())
            .collect();
        assert_eq!(reasons, ["no_label"], "control: it arrived, {label:?}");
        assert!(
            !iseli.nahtlos.looked_at_with_each_log().contains(&space),
            "what arrives elsewhere costs no look at it"
        );
        // Another edit on it, a new epoch and a snapshot of it change nothing of that.
        rogue.nahtlos.hostile_changes(&space, 2, &|_| {}).unwrap();
        rogue.nahtlos.hostile_change(&space, vec![], true).unwrap();
        rogue.sync();
        let snapshot = rogue
            .nahtlos
            .hostile_snapshot_of_nothing(&space, vec![edit]);
        snapshot.unwrap();
        rogue.sync();
        type_task(&mut iseli, count);
        let report = iseli.sync();
        assert!(report.envelopes_delivered > 0, "{label:?}");
        iseli.sync();
        berger.sync();
        assert_eq!(
            tasks(&berger, &number),
            before + usize::from(count),
            "{label:?}"
        );
    }
    assert_eq!(iseli.nahtlos.cases().unwrap().len(), 1, "and it is no case");
}

fn type_task(home: &mut Home, number: u8) {
    let task = Edit::Tasks(TaskEdit::Add {
        id: EntryId::from_random([number; 8]),
        title: Line::parse("Aufgabe").unwrap(),
        responsible: None,
        due: None,
        priority: None,
        checklist: Vec::new(),
    });
    let case = case_name(home);
    home.nahtlos.edit_case(&case, &[task]).unwrap();
}

fn tasks(home: &Home, number: &str) -> usize {
    let case = home.nahtlos.find_case(number).unwrap();
    let document = home.nahtlos.section_document(&case, &SectionKind::Tasks);
    TasksView::read(&document.unwrap()).tasks.len()
}

fn case_name(home: &Home) -> String {
    home.nahtlos.cases().unwrap()[0].id.clone()
}

#[test]
fn a_card_about_another_institution_its_teams_or_people_does_not_count() {
    let (_world, mut berger, iseli, mut rogue, _) = world();
    let honest = berger.nahtlos.directory().unwrap();
    let id = |name: &str| honest.find_member(name).unwrap().to_string();
    let (iv_team, iv_person) = (id("IV-Stelle Bern Team 1"), id("Marc Iseli"));
    let rogue_team = id("Ruch GmbH Team 1");
    let iv = honest.teams[&iv_team].institution.clone();
    let rogue_institution = honest.teams[&rogue_team].institution.clone();
    let team = |institution: &str| TeamCard {
        name: "IV-Stelle Bern Team 1".into(),
        institution: institution.into(),
        merged_into: None,
    };
    let cards = [
        // Another institution's card, person and team, renamed; its own team placed in another's.
        DirectoryEdit::Institution {
            id: iv.clone(),
            card: InstitutionCard {
                name: "Ruch GmbH".into(),
                kind: "provider".into(),
                merged_into: None,
            },
        },
        DirectoryEdit::Person {
            id: iv_person.clone(),
            card: PersonCard {
                name: "Rolf Ruch".into(),
                function: "coach".into(),
                institution: rogue_institution,
                team: None,
                recovery: None,
                handover: None,
            },
        },
        DirectoryEdit::Team {
            id: rogue_team.clone(),
            card: team(&iv),
        },
    ];
    for card in cards {
        rogue.nahtlos.hostile_card(card).unwrap();
    }
    rogue.sync();
    berger.sync();
    let after = berger.nahtlos.directory().unwrap();
    assert_ne!(
        after.institutions.get(&iv).map(|card| card.name.as_str()),
        Some("Ruch GmbH")
    );
    assert_ne!(
        after.people.get(&iv_person).map(|card| card.name.as_str()),
        Some("Rolf Ruch")
    );
    assert_ne!(
        after
            .teams
            .get(&rogue_team)
            .map(|card| card.institution.as_str()),
        Some(&*iv)
    );
    // The name still leads to the institution's own team, and to nobody else.
    assert_eq!(
        after
            .find_team("IV-Stelle Bern Team 1")
            .unwrap()
            .to_string(),
        iv_team
    );
    drop(iseli);
}

#[test]
fn who_claims_another_institution_as_guardian_does_not_write_in_its_name() {
    let (world, mut berger, iseli, mut rogue, number) = world();
    let directory = berger.nahtlos.directory().unwrap();
    let iv_team = directory.find_team("IV-Stelle Bern Team 1").unwrap();
    let iv = directory.teams[&iv_team.to_string()].institution.clone();
    let rogue_team = directory.find_team("Ruch GmbH Team 1").unwrap();
    let mut author_of_one_task = |name: &str, guardian: Option<&str>| {
        let mut invitation = rogue
            .nahtlos
            .invite_person(&rogue_team, Role::Write, name)
            .unwrap();
        rogue.sync();
        if let Some(guardian) = guardian {
            invitation.guardian = SpaceId::from_hex(guardian);
            rogue.nahtlos.hostile_invitation(&invitation).unwrap();
        }
        let mut home = world.home(name);
        let introduction = Introduction {
            name: name.into(),
            function: "coach".into(),
        };
        home.nahtlos
            .join_as_person(&mut world.transport(), &invitation, &introduction)
            .unwrap();
        rogue.sync();
        home.sync();
        home.sync();
        let task = Edit::Tasks(TaskEdit::Add {
            id: EntryId::from_random([name.as_bytes()[0]; 8]),
            title: Line::parse("Aufgabe").unwrap(),
            responsible: None,
            due: None,
            priority: None,
            checklist: Vec::new(),
        });
        home.nahtlos.edit_case(&case_name(&home), &[task]).unwrap();
        home.sync();
        berger.sync();
        let case = berger.nahtlos.find_case(&number).unwrap();
        let kind = SectionKind::Tasks;
        let authors = berger.nahtlos.section_authors(&case, &kind).unwrap();
        let device = home.nahtlos.device_id().to_string();
        let author = authors
            .values()
            .find(|author| author.device.to_string() == device);
        author.map(|author| author.institution.to_string())
    };
    let own = directory.teams[&rogue_team.to_string()].institution.clone();
    assert_eq!(author_of_one_task("Anna", None), Some(own), "control");
    assert_eq!(author_of_one_task("Bruno", Some(&iv)), None);
    drop(iseli);
}

#[test]
fn an_epoch_under_a_borrowed_key_id_never_makes_a_member_hand_on_the_lent_key() {
    let (_world, mut berger, iseli, mut rogue, number) = world();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let function = case.section(&SectionKind::Function).unwrap();
    let tasks = case.section(&SectionKind::Tasks).unwrap();
    // The participant may write `tasks`. It knows the key id of `function`, not the key.
    let lent = berger.nahtlos.epoch_in(&function).unwrap();
    rogue.nahtlos.hostile_borrowed_key(&tasks, &lent).unwrap();
    rogue.sync();
    berger.sync();
    let directory = berger.nahtlos.directory().unwrap();
    let person = directory.find_member("Rolf Ruch").unwrap();
    let kind = SectionKind::Tasks;
    berger
        .nahtlos
        .grant(&case, &kind, &person, &Terms::new(Role::Read, "AVG35a1"))
        .unwrap();
    berger.sync();
    rogue.sync();
    assert!(!rogue.nahtlos.holds_seed(&tasks, &lent));
    assert!(
        berger.nahtlos.holds_seed(&function, &lent),
        "control: the lender still opens it"
    );
    drop(iseli);
}

#[test]
fn who_is_granted_a_section_after_many_epochs_reads_it_from_its_beginning() {
    let (_world, mut berger, mut iseli, _rogue, number) = world();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&SectionKind::Journal).unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team("IV-Stelle Bern Team 1").unwrap();
    berger.nahtlos.hostile_epochs(&journal, 40).unwrap();
    let kind = SectionKind::Journal;
    berger.sync();
    berger
        .nahtlos
        .grant(&case, &kind, &team, &Terms::new(Role::Read, "AVG35a1"))
        .unwrap();
    berger.sync();
    let before = berger.nahtlos.find_case(&number).unwrap();
    let written = berger.nahtlos.section_document(&before, &kind).unwrap();
    iseli.sync();
    let case = iseli.nahtlos.find_case(&case_name(&iseli)).unwrap();
    let read = iseli.nahtlos.section_document(&case, &kind).unwrap();
    assert_eq!(read.heads(), written.heads());
}

/// A merger is said by both: the one on its card, the other by taking something of it in.
#[test]
fn an_institution_that_says_alone_that_two_became_one_gets_no_name_by_that_and_no_right() {
    let (_world, mut berger, _iseli, mut rogue, _) = world();
    let honest = berger.nahtlos.directory().unwrap();
    let iv_team = honest.find_member("IV-Stelle Bern Team 1").unwrap();
    let rav = berger.nahtlos.identity().institution.unwrap();
    let own = rogue.nahtlos.identity().institution.unwrap();
    let card = honest.institutions[&own.to_string()].clone();
    let says_it_became_the_rav = DirectoryEdit::Institution {
        id: own.to_string(),
        card: InstitutionCard {
            merged_into: Some(rav.to_string()),
            ..card
        },
    };
    let renames_a_team_it_took_in = DirectoryEdit::Team {
        id: iv_team.to_string(),
        card: TeamCard {
            name: "Ruch Team".into(),
            ..honest.teams[&iv_team.to_string()].clone()
        },
    };
    let rogue_device = &mut rogue.nahtlos;
    rogue_device
        .add_member(&own, &iv_team, Role::Read, false)
        .unwrap();
    rogue_device.hostile_card(says_it_became_the_rav).unwrap();
    rogue_device
        .hostile_card(renames_a_team_it_took_in)
        .unwrap();
    rogue.sync();
    rogue.sync();
    berger.sync();
    let after = berger.nahtlos.directory().unwrap();
    assert_eq!(
        after.says_it_goes_on_as(&own),
        Some(rav),
        "control: it arrived"
    );
    assert_eq!(after.goes_on_as(&own), own);
    assert!(!after.institution_name(&own).contains("RAV"));
    let name = after.teams.get(&iv_team.to_string());
    assert_ne!(name.map(|card| card.name.as_str()), Some("Ruch Team"));
}

/// The IV's team becomes part of the rogue institution's log, as after a merger.
fn takes_in_the_iv_team(rogue: &mut Home, iv_team: &SpaceId) {
    let own = rogue.nahtlos.identity().institution.unwrap();
    rogue
        .nahtlos
        .add_member(&own, iv_team, Role::Read, false)
        .unwrap();
    rogue.sync();
}

fn sync_all(homes: &mut [&mut Home]) {
    for _ in 0..2 {
        for home in &mut *homes {
            home.sync();
        }
    }
}

#[test]
fn who_administered_an_institution_writes_its_cards_no_more_through_another_one_and_what_they_wrote_stays()
 {
    let (world, mut berger, mut iseli, mut rogue, _) = world();
    let mut huber = world.colleague(&mut iseli, "huber", "Rosa Huber", Role::Write);
    let (iv, iv_team) = (
        iseli.nahtlos.identity(),
        iseli.nahtlos.identity().team.unwrap(),
    );
    let iv = iv.institution.unwrap();
    let own = rogue.nahtlos.identity().institution.unwrap();
    let person = huber.nahtlos.identity().person.unwrap();
    let add = |home: &mut Home, to: &SpaceId| {
        let added = home.nahtlos.add_member(to, &person, Role::Manage, false);
        added.unwrap();
        home.sync();
    };
    add(&mut iseli, &iv);
    sync_all(&mut [&mut iseli, &mut huber, &mut berger, &mut rogue]);
    let before = berger.nahtlos.directory().unwrap();
    // In office she renames a team.
    let team_card = |name: &str| DirectoryEdit::Team {
        id: iv_team.to_string(),
        card: TeamCard {
            name: name.into(),
            ..before.teams[&iv_team.to_string()].clone()
        },
    };
    huber.nahtlos.hostile_card(team_card("Team Eins")).unwrap();
    sync_all(&mut [&mut huber, &mut berger]);
    let renamed = |home: &Home| {
        let directory = home.nahtlos.directory().unwrap();
        let team = directory.teams.get(&iv_team.to_string());
        team.map(|card| card.name.clone())
    };
    assert_eq!(renamed(&berger).as_deref(), Some("Team Eins"), "control");
    // She leaves, and the rogue makes her one of its own.
    add(&mut rogue, &own);
    takes_in_the_iv_team(&mut rogue, &iv_team);
    for ending in [Ending::Member(iv, person), Ending::Member(iv_team, person)] {
        iseli.nahtlos.end(&ending, Reason::Left).unwrap();
    }
    sync_all(&mut [&mut iseli, &mut huber, &mut berger, &mut rogue]);
    assert_eq!(
        renamed(&berger).as_deref(),
        Some("Team Eins"),
        "what she wrote in office stays"
    );
    let card = before.institutions[&iv.to_string()].clone();
    let merged = DirectoryEdit::Institution {
        id: iv.to_string(),
        card: InstitutionCard {
            merged_into: Some(own.to_string()),
            ..card
        },
    };
    huber.nahtlos.hostile_card(merged).unwrap();
    huber.nahtlos.hostile_card(team_card("Ruch Team")).unwrap();
    huber.sync();
    sync_all(&mut [&mut iseli, &mut berger]);
    for home in [&berger, &iseli] {
        let after = home.nahtlos.directory().unwrap();
        assert!(after.mergers.is_empty());
        assert_eq!(after.says_it_goes_on_as(&iv), None);
        assert_eq!(after.goes_on_as(&iv), iv);
        assert_ne!(renamed(home).as_deref(), Some("Ruch Team"));
    }
    // Whoever administers the institution puts it right.
    let right = DirectoryEdit::Institution {
        id: iv.to_string(),
        card: before.institutions[&iv.to_string()].clone(),
    };
    iseli.nahtlos.hostile_card(right).unwrap();
    sync_all(&mut [&mut iseli, &mut berger]);
    let after = berger.nahtlos.directory().unwrap();
    assert_eq!(after.institutions, before.institutions);
}

#[test]
fn notes_that_somebody_of_another_institution_founds_are_not_taken_for_ones_own() {
    let (world, mut berger, mut iseli, _rogue, number) = world();
    let rav = berger.nahtlos.identity().institution.unwrap();
    let iv_team = iseli.nahtlos.identity().team.unwrap();
    let rav_team = berger.nahtlos.identity().team.unwrap();
    // As after a merger: the RAV's log leads to the IV's people.
    let taken_in = berger.nahtlos.add_member(&rav, &iv_team, Role::Read, false);
    taken_in.unwrap();
    sync_all(&mut [&mut berger, &mut iseli]);
    let before = berger.nahtlos.find_case(&number).unwrap();
    let case = iseli.nahtlos.find_case(&case_name(&iseli)).unwrap();
    let notes = format!("internal/{rav}");
    iseli
        .nahtlos
        .hostile_section(&case, &notes, &rav_team)
        .unwrap();
    sync_all(&mut [&mut iseli, &mut berger]);
    assert_eq!(berger.nahtlos.find_case(&number).unwrap(), before);
    assert_eq!(berger.nahtlos.status().unwrap().foreign_sections, 1);
    // Control: a colleague's are.
    let mut keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    sync_all(&mut [&mut keller, &mut berger]);
    let case = keller.nahtlos.find_case(&number).unwrap();
    keller
        .nahtlos
        .hostile_section(&case, &notes, &rav_team)
        .unwrap();
    sync_all(&mut [&mut keller, &mut berger]);
    let after = berger.nahtlos.find_case(&number).unwrap();
    assert_eq!(after.sections.len(), before.sections.len() + 1);
}
