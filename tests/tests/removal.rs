//! Rights end: a section is withdrawn, a person leaves a team, a device is revoked. What is written
//! afterwards is closed to who left, whatever the relay hands them; what they read before is not.

use nahtlos_casework::SectionKind;
use nahtlos_client::ClientError;
use nahtlos_client::ending::{Ending, Reason, WHAT_STAYS_READABLE};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::PushItem;
use nahtlos_tests::{Home, World, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const JOURNAL: SectionKind = SectionKind::Journal;

/// A case of the RAV whose journal the IV may write.
fn shared_case(world: &World) -> (Home, Home, String) {
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    (berger, iseli, number)
}

fn write(home: &mut Home, case: &str, number: u64, text: &str) {
    let note = note_saying(number, text);
    home.nahtlos.edit_case(case, &[note]).unwrap();
    home.sync();
}

fn withdrawal(home: &Home, case: &str, from: &str) -> Ending {
    let case = home.nahtlos.find_case(case).unwrap();
    let directory = home.nahtlos.directory().unwrap();
    let member = directory.find_member(from).unwrap();
    home.nahtlos.withdrawal(&case, &JOURNAL, &member).unwrap()
}

#[test]
fn who_loses_a_section_opens_nothing_written_afterwards_whatever_the_relay_hands_over() {
    let world = World::new();
    let (mut berger, mut iseli, number) = shared_case(&world);
    write(&mut berger, &number, 1, "vor dem Entzug");
    iseli.sync();
    let before = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(!before.is_empty());
    assert!(
        world.opens(&iseli, &before).iter().all(|opens| *opens),
        "control"
    );

    let ending = withdrawal(&berger, &number, IV_TEAM);
    let preview = berger.nahtlos.preview_end(&ending).unwrap();
    assert_eq!(preview.member, IV_TEAM);
    assert_eq!(preview.from, "journal");
    assert_eq!(preview.lose, ["Marc Iseli"]);
    assert_eq!((preview.ends.len(), preview.stands.len()), (1, 0));
    let said = preview.sentences.join(" ");
    assert!(said.contains("stays readable to them"), "{said}");
    assert!(said.contains("the key is renewed"), "{said}");
    berger
        .nahtlos
        .end(&ending, Reason::ConsentWithdrawn)
        .unwrap();
    berger.sync();
    write(&mut berger, &number, 2, "nach dem Entzug");
    iseli.sync();

    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    let (old, new) = stored.split_at(before.len());
    assert_eq!(new.len(), 1);
    assert_eq!(world.opens(&iseli, new), [false]);
    assert!(
        world.opens(&iseli, old).iter().all(|opens| *opens),
        "what was read stays"
    );
    assert!(
        world.opens(&berger, &stored).iter().all(|opens| *opens),
        "control"
    );
    assert_eq!(berger.journal(&number).len(), 4);
}

#[test]
fn withdrawing_a_consent_leaves_what_the_law_allows() {
    let world = World::new();
    let (mut berger, mut iseli, number) = shared_case(&world);
    let case = berger.nahtlos.find_case(&number).unwrap();
    // On top of the right by law the client consents to more.
    berger.share(
        &number,
        &JOURNAL,
        IV_TEAM,
        Role::Manage,
        "consent 2026-11-02",
    );
    berger.sync();
    let space = case.section(&JOURNAL).unwrap();
    let shares = berger.nahtlos.shares(&case).unwrap();
    let journal = shares.iter().find(|row| row.section == "journal").unwrap();
    let consent = journal
        .grants
        .iter()
        .find(|grant| grant.role == "manage" && grant.member == IV_TEAM);
    let consent = nahtlos_protocol::identifier::GrantId::from_hex(&consent.unwrap().id).unwrap();
    let ending = Ending::Grant(space, consent);
    let preview = berger.nahtlos.preview_end(&ending).unwrap();
    assert_eq!(preview.lose, [""; 0]);
    assert_eq!(preview.stands.len(), 1);
    assert_eq!(preview.stands[0].basis.as_deref(), Some("AVG35a1"));
    assert!(
        preview.sentences[0].contains("strongest live grant"),
        "{preview:?}"
    );
    berger
        .nahtlos
        .end(&ending, Reason::ConsentWithdrawn)
        .unwrap();
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.nahtlos.own_role(&space), Some("write"));
    write(&mut iseli, &number, 5, "weiterhin");
    berger.sync();
    assert_eq!(berger.journal(&number).len(), 3);
}

/// Story 16.
#[test]
fn the_last_manager_is_not_removed_and_the_remedy_is_said() {
    let world = World::new();
    let (mut berger, mut iseli, number) = shared_case(&world);
    let own = withdrawal(&berger, &number, "RAV Langnau Team 1");
    let refused = berger.nahtlos.end(&own, Reason::Left).unwrap_err();
    assert!(matches!(refused, ClientError::LastManager), "{refused}");
    assert!(
        refused
            .to_string()
            .contains("grant `manage` to somebody else first")
    );

    // The remedy works, and who left reads on no further.
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Manage, "AVG35a1");
    berger.sync();
    iseli.sync();
    berger.nahtlos.end(&own, Reason::Left).unwrap();
    berger.sync();
    iseli.sync();
    let before = world.stored_envelopes(&iseli, &number, &JOURNAL).len();
    write(&mut iseli, &number, 7, "ohne das RAV");
    berger.sync();
    let stored = world.stored_envelopes(&iseli, &number, &JOURNAL);
    assert_eq!(world.opens(&berger, &stored[before..]), [false]);
    assert_eq!(world.opens(&iseli, &stored[before..]), [true], "control");
}

#[test]
fn a_person_who_leaves_a_team_reads_nothing_that_the_team_writes_next() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    let number = berger.open_example_case();
    berger.sync();
    luthi.sync();
    let before = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(
        world.opens(&luthi, &before).iter().all(|opens| *opens),
        "control"
    );

    let team = berger.nahtlos.identity().team.unwrap();
    let person = luthi.nahtlos.identity().person.unwrap();
    let ending = Ending::Member(team, person);
    assert_eq!(
        berger.nahtlos.preview_end(&ending).unwrap().lose,
        ["Beat Lüthi"]
    );
    berger.nahtlos.end(&ending, Reason::Left).unwrap();
    berger.sync();
    write(&mut berger, &number, 1, "ohne Lüthi");
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert_eq!(world.opens(&luthi, &stored[before.len()..]), [false]);
    assert_eq!(
        world.opens(&berger, &stored[before.len()..]),
        [true],
        "control"
    );
    // Another case, opened after he left, is closed to him altogether.
    let next = berger.open_example_case();
    berger.sync();
    let stored = world.stored_envelopes(&berger, &next, &JOURNAL);
    assert!(world.opens(&luthi, &stored).iter().all(|opens| !*opens));
}

#[test]
fn a_revoked_device_opens_nothing_that_its_team_writes_next() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    let number = berger.open_example_case();
    berger.sync();
    luthi.sync();
    let before = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert!(
        world.opens(&luthi, &before).iter().all(|opens| *opens),
        "control"
    );

    // Berger administers the institution: no key of Lüthi's, yet his lost phone is revoked.
    let lost = luthi.nahtlos.device_id().to_string();
    let ending = berger.nahtlos.device_to_revoke(&lost[..12]).unwrap();
    let preview = berger.nahtlos.preview_end(&ending).unwrap();
    assert!(
        preview.sentences.join(" ").contains(WHAT_STAYS_READABLE),
        "{preview:?}"
    );
    berger.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    berger.sync();
    write(&mut berger, &number, 1, "ohne das Telefon");
    let stored = world.stored_envelopes(&berger, &number, &JOURNAL);
    assert_eq!(world.opens(&luthi, &stored[before.len()..]), [false]);
    assert_eq!(
        world.opens(&berger, &stored[before.len()..]),
        [true],
        "control"
    );
}

#[test]
fn a_closed_section_is_read_not_written_and_access_can_still_be_withdrawn() {
    let world = World::new();
    let (mut berger, mut iseli, number) = shared_case(&world);
    let case = berger.nahtlos.find_case(&number).unwrap();
    let note = note_saying(3, "das Letzte");
    berger.nahtlos.edit_case(&number, &[note]).unwrap();
    berger.nahtlos.close_section(&case, &JOURNAL).unwrap();
    berger.sync();
    iseli.sync();
    assert_eq!(
        iseli.journal(&number).len(),
        3,
        "what was typed before went out first"
    );
    let late = iseli
        .nahtlos
        .edit_case(&number, &[note_saying(4, "zu spät")]);
    assert_eq!(late.unwrap_err().code(), "section_closed");
    let ending = withdrawal(&berger, &number, IV_TEAM);
    berger.nahtlos.end(&ending, Reason::CaseClosed).unwrap();
    berger.sync();
    iseli.sync();
    let space = case.section(&JOURNAL).unwrap();
    assert_eq!(iseli.nahtlos.own_role(&space), None);
    assert!(berger.nahtlos.decisions().unwrap().is_empty());
}

#[test]
fn a_section_that_is_closed_while_it_is_stale_gets_its_last_key_with_the_closing() {
    let world = World::new();
    let (mut berger, mut iseli, number) = shared_case(&world);
    let mut huber = world.colleague(&mut iseli, "huber", "Rosa Huber", Role::Write);
    for home in [&mut berger, &mut iseli, &mut huber] {
        home.sync();
    }
    let case = berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&JOURNAL).unwrap();
    let before = berger.nahtlos.epoch_in(&journal);
    // Huber leaves the team: whatever the team reads is stale, until somebody writes there.
    let (team, person) = (
        iseli.nahtlos.identity().team.unwrap(),
        huber.nahtlos.identity().person.unwrap(),
    );
    let leaving = Ending::Member(team, person);
    iseli.nahtlos.end(&leaving, Reason::Left).unwrap();
    iseli.sync();
    berger.sync();
    assert_eq!(berger.nahtlos.epoch_in(&journal), before, "control: stale");

    berger.nahtlos.close_section(&case, &JOURNAL).unwrap();
    berger.sync();
    iseli.sync();
    let last = iseli.nahtlos.epoch_in(&journal);
    assert!(last.is_some() && last != before);
    assert_eq!(iseli.journal(&number), berger.journal(&number));

    // The control: what is not stale is closed under the key it has.
    let plan = case.section(&SectionKind::Plan).unwrap();
    let key = berger.nahtlos.epoch_in(&plan);
    let closed = berger.nahtlos.close_section(&case, &SectionKind::Plan);
    closed.unwrap();
    berger.sync();
    assert_eq!(berger.nahtlos.epoch_in(&plan), key);
}

#[test]
fn who_is_in_no_team_any_more_makes_no_key_where_a_right_of_their_own_stands_and_keeps_what_they_typed()
 {
    let world = World::new();
    let (mut berger, _, number) = shared_case(&world);
    let mut keller = world.colleague(&mut berger, "keller", "Rita Keller", Role::Write);
    keller.sync();
    berger.share(&number, &JOURNAL, "Rita Keller", Role::Write, "AVG35a1");
    berger.sync();
    let team = berger.nahtlos.status().unwrap().team.unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let ending = Ending::Member(
        directory.find_team(&team).unwrap(),
        directory.find_member("Rita Keller").unwrap(),
    );
    berger.nahtlos.end(&ending, Reason::Left).unwrap();
    berger.sync();
    keller.sync();

    keller
        .nahtlos
        .edit_case(&number, &[note_saying(1, "nach dem Austritt")])
        .unwrap();
    for _ in 0..2 {
        let (report, pushed) = keller.sync_and_list_pushed(&world);
        let operations = pushed
            .iter()
            .filter(|item| matches!(item, PushItem::Operation { .. }));
        assert_eq!(
            operations.count(),
            0,
            "the relay takes none of hers: {report:?}"
        );
        assert!(report.requests < 4, "{report:?}");
    }
    assert!(
        keller
            .journal(&number)
            .last()
            .unwrap()
            .contains("nach dem Austritt"),
        "it stays with her"
    );
    berger.sync();
    let seen = berger.journal(&number).join(" ");
    assert!(!seen.contains("nach dem Austritt"), "{seen}");
}
