//! What a report says that somebody with a device can open is what they can open: the sections' stored
//! envelopes are tried with the device's keys, permission checks bypassed.

use nahtlos_casework::SectionKind;
use nahtlos_client::breach::{BreachReport, BreachedSection};
use nahtlos_client::ending::Reason;
use nahtlos_client::rotation::Rotation;
use nahtlos_protocol::space::Role;
use nahtlos_tests::scene::type_notes;
use nahtlos_tests::{Home, World};

/// Berger opens a case; Lüthi, of the same team, has it on one device. A colleague comes later.
struct Team {
    world: World,
    berger: Home,
    luthi: Home,
    number: String,
}

fn team() -> Team {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut luthi = world.colleague(&mut berger, "luthi", "Beat Lüthi", Role::Write);
    let number = berger.open_example_case();
    berger.sync();
    luthi.sync();
    Team {
        world,
        berger,
        luthi,
        number,
    }
}

impl Team {
    fn report(&self) -> BreachReport {
        let device = self.luthi.nahtlos.device_id().to_string();
        self.berger.nahtlos.breach_report(Some(&device)).unwrap()
    }

    fn revoke(&mut self) {
        let device = self.luthi.nahtlos.device_id().to_string();
        let ending = self.berger.nahtlos.device_to_revoke(&device).unwrap();
        self.berger
            .nahtlos
            .end(&ending, Reason::DeviceLost)
            .unwrap();
        self.berger.sync();
    }

    /// Whether Lüthi's keys open what was stored last of a section.
    fn opens_the_last(&self, section: &BreachedSection) -> bool {
        let kind = SectionKind::from_code(section.section.as_ref().unwrap());
        let stored = self
            .world
            .stored_envelopes(&self.berger, &self.number, &kind);
        let last = stored.last().unwrap();
        self.world.opens(&self.luthi, std::slice::from_ref(last))[0]
    }
}

fn journal(report: &BreachReport) -> &BreachedSection {
    let mut sections = report.sections.iter();
    sections
        .find(|one| one.section.as_deref() == Some("journal"))
        .unwrap()
}

#[test]
fn what_the_report_says_has_a_new_key_is_what_the_device_opens_no_more() {
    let mut team = team();
    let before = team.report();
    assert!(before.revoked.is_none());
    assert!(before.sections.len() > 4, "{before:?}");
    assert!(before.sections.iter().all(|one| one.reach.until.is_none()));
    assert!(
        before.sections.iter().all(|one| team.opens_the_last(one)),
        "control"
    );

    team.revoke();
    type_notes(&mut team.berger.nahtlos, &team.number, &[1]);
    team.berger.sync();
    let after = team.report();
    assert_eq!(after.revoked.as_ref().unwrap().reason, Some("device_lost"));
    assert_eq!(after.sections.len(), before.sections.len());
    for one in &after.sections {
        let until = one.reach.until.unwrap();
        assert!(until.by_relay && until >= one.reach.since, "{one:?}");
        assert_eq!(
            one.reach.new_key_since.is_none(),
            team.opens_the_last(one),
            "{one:?}"
        );
    }
    assert!(
        journal(&after).reach.new_key_since.is_some(),
        "somebody wrote there"
    );
    assert!(
        after
            .sections
            .iter()
            .any(|one| one.reach.new_key_since.is_none())
    );

    // Everything at once.
    let device = team.luthi.nahtlos.device_id();
    let rotation = Rotation::HeldByDevice(device);
    let mut transport = team.world.transport();
    team.berger
        .nahtlos
        .rotate_now(&mut transport, &rotation, &mut |_| {})
        .unwrap();
    let renewed = team.report();
    assert!(
        renewed
            .sections
            .iter()
            .all(|one| one.reach.new_key_since.is_some()),
        "{renewed:?}"
    );
    let own = renewed
        .groups
        .iter()
        .find(|one| one.kind == "team")
        .unwrap();
    assert!(own.reach.new_key_since.is_some());
}

#[test]
fn who_comes_later_reads_the_past_and_the_report_says_since_when_each() {
    let mut team = team();
    let later = team
        .world
        .colleague(&mut team.berger, "iseli", "Urs Iseli", Role::Read);
    let device = later.nahtlos.device_id().to_string();
    let report = team.berger.nahtlos.breach_report(Some(&device)).unwrap();
    let (of_later, of_luthi) = (
        journal(&report).reach.clone(),
        journal(&team.report()).reach.clone(),
    );
    assert_eq!(of_later.role, Some("read"));
    assert_eq!(of_luthi.role, Some("write"));
    assert!(of_later.since > of_luthi.since, "{of_later:?} {of_luthi:?}");
    assert_eq!(
        of_later.content_since, of_luthi.content_since,
        "the whole history goes along"
    );
    assert!(of_later.content_since < of_later.since);
}

#[test]
fn a_device_that_is_not_revoked_as_lost_is_named_and_another_institutions_is_not_found() {
    let mut team = team();
    let found = team.berger.nahtlos.breach_report(None);
    assert_eq!(found.unwrap_err().code(), "not_found", "none is lost");
    team.revoke();
    let found = team.berger.nahtlos.breach_report(None).unwrap();
    assert_eq!(found.device_id, team.luthi.nahtlos.device_id().to_string());
    let by_name = team.berger.nahtlos.breach_report(Some("Lüthi")).unwrap();
    assert_eq!(by_name.device_id, found.device_id);
    let words = ("kunz", "Lea Kunz", "Stellwerk", "provider");
    let other = team
        .world
        .institution(&mut team.berger, words.0, words.1, words.2, words.3);
    let refused = other.nahtlos.breach_report(Some(&found.device_id));
    assert_eq!(refused.unwrap_err().code(), "not_found");
}

#[test]
fn a_report_before_the_sync_that_delivers_a_revocation_is_about_that_device_and_says_so() {
    let mut team = team();
    let error = team.berger.nahtlos.breach_report(None).unwrap_err();
    assert_eq!(error.code(), "not_found", "nothing was lost: {error}");
    let device = team.luthi.nahtlos.device_id().to_string();
    let ending = team.berger.nahtlos.device_to_revoke(&device).unwrap();
    let lost = Reason::DeviceLost;
    team.berger.nahtlos.end(&ending, lost).unwrap();
    let before = team.berger.nahtlos.breach_report(None).unwrap();
    assert_eq!(before.device_id, device);
    assert!(before.revocation_waits && before.revoked.is_none());
    team.berger.sync();
    let after = team.berger.nahtlos.breach_report(None).unwrap();
    assert!(!after.revocation_waits && after.revoked.is_some());
}

#[test]
fn a_key_is_left_to_nobody_whose_only_device_is_the_one_that_is_revoked() {
    let team = team();
    let device = team.luthi.nahtlos.device_id();
    let left = |rotation: &Rotation| team.berger.nahtlos.left_to_others(rotation).unwrap();
    let own = team.luthi.nahtlos.identity().person.unwrap();
    // Lüthi's own key is Lüthi's to make, as long as there is a device.
    let names = |lines: Vec<nahtlos_client::rotation::LeftToOthers>| {
        let lines = lines.into_iter();
        let mut own = lines.filter(|line| line.space == own.to_string());
        own.next().unwrap().writers
    };
    assert_eq!(names(left(&Rotation::Spaces(vec![own]))), ["Beat Lüthi"]);
    let gone = names(left(&Rotation::HeldByDevice(device)));
    assert_eq!(gone, Vec::<String>::new());
}
