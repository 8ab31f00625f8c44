//! Who lost a section erases their copy and signs that they did; until that arrives, managers see
//! "not confirmed".

use nahtlos_casework::SectionKind;
use nahtlos_client::ending::Reason;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{World, note_saying};

const IV_TEAM: &str = "IV-Stelle Bern Team 1";
const JOURNAL: SectionKind = SectionKind::Journal;

#[test]
fn who_lost_a_section_erases_the_copy_and_the_lead_sees_when_it_is_confirmed() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger
        .nahtlos
        .edit_case(&number, &[note_saying(1, "vor dem Entzug")])
        .unwrap();
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.nahtlos.lost_sections().unwrap(), [], "control");

    let case = berger.nahtlos.find_case(&number).unwrap();
    let member = berger
        .nahtlos
        .directory()
        .unwrap()
        .find_member(IV_TEAM)
        .unwrap();
    let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &member).unwrap();
    berger
        .nahtlos
        .end(&ending, Reason::ConsentWithdrawn)
        .unwrap();
    berger.sync();
    let former = berger.nahtlos.former_members(&case).unwrap();
    assert_eq!(former.len(), 1);
    let told = (
        former[0].section.as_str(),
        former[0].devices,
        former[0].erased,
    );
    assert_eq!(told, ("journal", 1, 0), "not confirmed yet");
    assert_eq!(former[0].ended.reason, Some("consent_withdrawn"));

    iseli.sync();
    assert!(!iseli.journal(&number).is_empty(), "control");
    let lost = iseli.nahtlos.lost_sections().unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(
        (lost[0].section.as_str(), lost[0].erased),
        ("journal", false)
    );
    let erased = iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    assert!(erased.erased && !erased.confirmed);
    assert_eq!(iseli.journal(&number), [""; 0], "nothing of it is left");
    iseli.sync();
    assert!(iseli.nahtlos.lost_sections().unwrap()[0].confirmed);
    let again = iseli.nahtlos.erase_lost(&lost[0].space);
    assert_eq!(again.unwrap_err().code(), "not_found");

    berger.sync();
    let former = berger.nahtlos.former_members(&case).unwrap();
    assert_eq!((former[0].devices, former[0].erased), (1, 1));
    assert!(former[0].erased_at_ms.is_some());
    assert_eq!(
        berger.nahtlos.held_list().unwrap(),
        [],
        "it is no edit that waits"
    );
    assert!(
        berger
            .journal(&number)
            .iter()
            .any(|entry| entry.contains("vor dem Entzug"))
    );

    // Shared again, it is there again.
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Read, "AVG35a1");
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.nahtlos.lost_sections().unwrap(), []);
    assert!(
        iseli
            .journal(&number)
            .iter()
            .any(|entry| entry.contains("vor dem Entzug"))
    );
}

#[test]
fn what_comes_back_after_an_erasure_is_no_sign_of_another_copy_of_the_home() {
    // Iseli writes, loses the section, erases the copy and says so; then it is shared again.
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let number = berger.open_example_case();
    berger.share(&number, &SectionKind::Core, IV_TEAM, Role::Read, "AVG35a1");
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    iseli
        .nahtlos
        .edit_case(&number, &[note_saying(1, "vor dem Entzug")])
        .unwrap();
    iseli.sync();
    berger.sync();
    let case = berger.nahtlos.find_case(&number).unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let member = directory.find_member(IV_TEAM).unwrap();
    let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &member).unwrap();
    berger.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
    berger.sync();
    iseli.sync();
    let lost = iseli.nahtlos.lost_sections().unwrap();
    iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    iseli.sync();

    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    assert_eq!(iseli.nahtlos.other_copy().unwrap(), None);
    iseli
        .nahtlos
        .edit_case(&number, &[note_saying(2, "wieder geteilt")])
        .unwrap();
    iseli.sync();
    berger.sync();

    for home in [&mut berger, &mut iseli] {
        let journal = home.journal(&number);
        for text in ["vor dem Entzug", "wieder geteilt"] {
            assert!(
                journal.iter().any(|entry| entry.contains(text)),
                "{text}: {journal:?}"
            );
        }
        assert_eq!(home.nahtlos.held_list().unwrap(), []);
        assert!(home.nahtlos.clones().unwrap().is_empty());
    }

    // Lost again: the first copy was erased, the second is not until the device says so.
    let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &member).unwrap();
    berger.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
    berger.sync();
    iseli.sync();
    let said = |berger: &nahtlos_tests::Home| {
        let former = berger.nahtlos.former_members(&case).unwrap();
        (former[0].devices, former[0].erased)
    };
    assert_eq!(said(&berger), (1, 0));
    let lost = iseli.nahtlos.lost_sections().unwrap();
    iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    iseli.sync();
    berger.sync();
    assert_eq!(said(&berger), (1, 1));

    // Shared again before the second copy's erasure went out: nothing stands in the way.
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    let ending = berger.nahtlos.withdrawal(&case, &JOURNAL, &member).unwrap();
    berger.nahtlos.end(&ending, Reason::BasisEnded).unwrap();
    berger.sync();
    iseli.sync();
    let lost = iseli.nahtlos.lost_sections().unwrap();
    iseli.nahtlos.erase_lost(&lost[0].space).unwrap();
    berger.share(&number, &JOURNAL, IV_TEAM, Role::Write, "AVG35a1");
    berger.sync();
    iseli.sync();
    iseli
        .nahtlos
        .edit_case(&number, &[note_saying(3, "nach allem")])
        .unwrap();
    assert_eq!(iseli.sync().envelopes_delivered, 1);
}
