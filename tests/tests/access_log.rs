//! What is read is recorded by who reads it, offline too, and reaches those who may know (ADR 0050).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::{Disclosure, DisclosureForm};
use nahtlos_casework::edit::{Edit, FormChange, FormEdit, ScalarValue};
use nahtlos_casework::fields::{EntryId, Field, UtcTime};
use nahtlos_client::Nahtlos;
use nahtlos_client::reading::{AccessLog, LogState, ReadLine};
use nahtlos_client::vault::Fault;
use nahtlos_protocol::space::Role;
use nahtlos_tests::Home;
use nahtlos_tests::scene::{IV_TEAM, Scene, scene};

const CORE: SectionKind = SectionKind::Core;
const JOURNAL: SectionKind = SectionKind::Journal;
const ACCESS: SectionKind = SectionKind::Access;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// A clock that the test moves; it begins on 1 July 2027, 09:00 in Bern.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn of(home: &mut Home) -> Self {
        let begins = UtcTime::parse("2027-07-01T07:00:00Z").unwrap();
        let clock = Self(Arc::new(AtomicU64::new(begins.seconds() as u64 * 1000)));
        let inner = Arc::clone(&clock.0);
        home.nahtlos
            .set_clock(Box::new(move || inner.load(Ordering::Relaxed)));
        clock
    }

    fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// Berger (ALV) leads; Iseli (IV) reads core data and journal, and `access` in this role.
fn with_access(role: Role) -> Scene {
    let mut scene = scene();
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    scene.berger.nahtlos.open_section(&case, &ACCESS).unwrap();
    scene
        .berger
        .share(&scene.number, &ACCESS, IV_TEAM, role, "AVG35a1");
    scene.sync_all();
    scene
}

fn read(home: &Home, number: &str, kind: &SectionKind) {
    let case = home.nahtlos.find_case(number).unwrap();
    home.nahtlos.section_document(&case, kind).unwrap();
}

fn log(home: &Home, number: &str) -> AccessLog {
    let case = home.nahtlos.find_case(number).unwrap();
    home.nahtlos.access_log(&case).unwrap()
}

fn by<'a>(log: &'a AccessLog, person: &str) -> Vec<&'a ReadLine> {
    log.reads
        .iter()
        .filter(|read| read.person == person)
        .collect()
}

fn time(text: &str) -> Option<UtcTime> {
    Some(UtcTime::parse(text).unwrap())
}

fn add(nahtlos: &mut Nahtlos, number: &str, id: u8, list: &str, values: &[(&str, &str)]) {
    let values = values
        .iter()
        .map(|(code, text)| ((*code).to_owned(), ScalarValue::Text((*text).to_owned())));
    let edit = Edit::Form(FormEdit {
        section: ACCESS,
        change: FormChange::Add {
            list: list.to_owned(),
            id: EntryId::from_random([id; 8]),
            correction_of: None,
            values: values.collect(),
        },
    });
    nahtlos.edit_case(number, &[edit]).unwrap();
}

/// Iseli reads the journal twice in the morning, syncs, reads it again, syncs, and goes offline. On the next two
/// days he reads the core data on the train; five days later he syncs. Berger reads at her desk.
#[test]
fn reads_of_two_institutions_are_recorded_online_and_offline_and_come_late() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    let clock = Clock::of(&mut scene.iseli);
    scene
        .iseli
        .nahtlos
        .set_reading_purpose(Some(Field::parse("Standortgespräch").unwrap()));
    read(&scene.iseli, &number, &JOURNAL);
    clock.pass(MINUTE_MS);
    read(&scene.iseli, &number, &JOURNAL);
    clock.pass(30 * MINUTE_MS);
    read(&scene.iseli, &number, &JOURNAL);
    clock.pass(29 * MINUTE_MS);
    scene.iseli.sync();
    read(&scene.berger, &number, &CORE);
    scene.berger.sync();
    scene.iseli.sync();
    let seen = log(&scene.berger, &number);
    assert_eq!(seen.state, LogState::Recorded);
    let [first] = by(&seen, "Marc Iseli")[..] else {
        panic!("{:?}", seen.reads);
    };
    assert_eq!(first.institution, "IV-Stelle Bern");
    assert_eq!(first.function, "officer");
    assert_eq!(first.sections, ["journal"]);
    assert_eq!(first.first, time("2027-07-01T07:00:00Z"));
    assert_eq!(first.last, time("2027-07-01T07:31:00Z"));
    assert_eq!(first.times, 2, "a minute later it was one sitting");
    assert_eq!(first.purpose.as_deref(), Some("Standortgespräch"));
    assert_eq!(first.handed_over_at, time("2027-07-01T08:00:00Z"));
    assert!(!first.late);
    let there = log(&scene.iseli, &number);
    assert_eq!(by(&there, "Anna Berger").len(), 1, "the lead's own, too");

    // The rest of the day comes together, when it is over.
    for _ in 0..3 {
        clock.pass(30 * MINUTE_MS);
        read(&scene.iseli, &number, &JOURNAL);
        scene.iseli.sync();
    }
    scene.berger.sync();
    assert_eq!(by(&log(&scene.berger, &number), "Marc Iseli").len(), 1);

    clock.pass(DAY_MS);
    read(&scene.iseli, &number, &CORE);
    clock.pass(DAY_MS);
    read(&scene.iseli, &number, &CORE);
    let waiting = log(&scene.iseli, &number);
    let waits = |read: &&ReadLine| read.handed_over_at.is_none();
    assert_eq!(
        by(&waiting, "Marc Iseli").into_iter().filter(waits).count(),
        3
    );
    clock.pass(5 * DAY_MS);
    scene.iseli.sync();
    scene.berger.sync();
    let seen = log(&scene.berger, &number);
    let late: Vec<(Vec<String>, u64, bool)> = by(&seen, "Marc Iseli")
        .into_iter()
        .map(|read| (read.sections.clone(), read.times, read.late))
        .collect();
    assert_eq!(
        late,
        [
            (vec!["journal".to_owned()], 2, false),
            (vec!["journal".to_owned()], 3, true),
            (vec!["core".to_owned()], 1, true),
            (vec!["core".to_owned()], 1, true),
        ]
    );
    assert!(
        by(&log(&scene.iseli, &number), "Marc Iseli")
            .iter()
            .all(|read| read.handed_over_at.is_some())
    );
}

#[test]
fn what_a_program_does_by_itself_is_no_reading() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    scene.sync_all();
    for home in [&mut scene.berger, &mut scene.iseli] {
        let case = home.nahtlos.find_case(&number).unwrap();
        home.nahtlos.cases().unwrap();
        home.nahtlos.status().unwrap();
        home.nahtlos.shares(&case).unwrap();
        home.nahtlos.conflicts(&case).unwrap();
        home.nahtlos.access_log(&case).unwrap();
    }
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert!(
            log(home, &number).reads.is_empty(),
            "{:?}",
            log(home, &number).reads
        );
    }
    read(&scene.iseli, &number, &CORE);
    assert_eq!(log(&scene.iseli, &number).reads.len(), 1, "control");
}

#[test]
fn an_idle_sync_after_reading_costs_what_it_did_before() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    read(&scene.iseli, &number, &CORE);
    let handed_over = scene.iseli.sync();
    assert_eq!(handed_over.envelopes_delivered, 1, "one envelope");
    read(&scene.iseli, &number, &JOURNAL);
    assert_eq!(
        scene.iseli.sync().envelopes_delivered,
        1,
        "the first of the journal today"
    );
    for _ in 0..3 {
        read(&scene.iseli, &number, &CORE);
        assert_eq!(scene.iseli.sync().envelopes_delivered, 0);
    }
}

/// Iseli's program says that Anna Berger read, and that he did not. It says so in his own name.
#[test]
fn a_forged_entry_stands_in_its_authors_name() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    let said = [
        ("sections", "medical"),
        ("purpose", "Anna Berger (RAV Langnau) hat gelesen"),
    ];
    add(&mut scene.iseli.nahtlos, &number, 7, "reads", &said);
    scene.iseli.sync();
    scene.berger.sync();
    let seen = log(&scene.berger, &number);
    assert_eq!(by(&seen, "Anna Berger").len(), 0);
    assert_eq!(by(&seen, "Marc Iseli").len(), 1);
    assert_eq!(by(&seen, "Marc Iseli")[0].institution, "IV-Stelle Bern");
}

/// Iseli may only read `access`; what he reads stays on his device, until Berger lets him write.
#[test]
fn who_may_not_write_the_log_keeps_the_record_and_delivers_it_when_they_may() {
    let mut scene = with_access(Role::Read);
    let number = scene.number.clone();
    read(&scene.iseli, &number, &JOURNAL);
    assert_eq!(scene.iseli.sync().envelopes_delivered, 0);
    scene.berger.sync();
    assert!(by(&log(&scene.berger, &number), "Marc Iseli").is_empty());
    let own = log(&scene.iseli, &number);
    assert_eq!(own.state, LogState::ReadOnly);
    assert_eq!(by(&own, "Marc Iseli").len(), 1, "it is not lost");
    assert_eq!(by(&own, "Marc Iseli")[0].handed_over_at, None);
    scene
        .berger
        .share(&number, &ACCESS, IV_TEAM, Role::Write, "AVG35a1");
    scene.sync_all();
    read(&scene.iseli, &number, &CORE);
    scene.iseli.sync();
    scene.berger.sync();
    let seen = log(&scene.berger, &number);
    let mut sections: Vec<String> = by(&seen, "Marc Iseli")
        .into_iter()
        .flat_map(|read| read.sections.clone())
        .collect();
    sections.sort();
    assert_eq!(sections, ["core", "journal"]);
}

#[test]
fn a_case_without_the_section_says_so_and_keeps_what_was_read_here() {
    let mut scene = scene();
    let number = scene.number.clone();
    for home in [&mut scene.berger, &mut scene.iseli] {
        read(home, &number, &CORE);
        home.sync();
        let log = log(home, &number);
        assert_eq!(log.state, LogState::NotHere);
        assert_eq!(log.reads.len(), 1);
        assert_eq!(log.reads[0].handed_over_at, None);
    }
    let seen = log(&scene.berger, &number);
    assert!(
        by(&seen, "Marc Iseli").is_empty(),
        "nobody else learns of it"
    );
    let rights: Vec<(&str, &str, Vec<String>, Option<&str>)> = seen
        .disclosures
        .iter()
        .map(|one| {
            let basis = one.basis.as_deref();
            (one.source, one.to.as_str(), one.sections.clone(), basis)
        })
        .collect();
    let core_and_journal = vec!["core".to_owned(), "journal".to_owned()];
    assert_eq!(
        rights,
        [("right", IV_TEAM, core_and_journal, Some("AVG35a1"))],
        "a right is known by the sections' logs"
    );
}

#[test]
fn reading_goes_on_where_it_cannot_be_recorded_and_that_is_told_once() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    let full = Fault::Full {
        after: 0,
        failing: 1,
    };
    scene.iseli.nahtlos.vault_mut().set_fault(Some(full));
    read(&scene.iseli, &number, &CORE);
    let told = scene.iseli.nahtlos.unrecorded_readings().take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`core`"), "{told:?}");
    assert!(scene.iseli.nahtlos.unrecorded_readings().take().is_empty());
    assert!(log(&scene.iseli, &number).reads.is_empty());
    // There is room again.
    read(&scene.iseli, &number, &CORE);
    assert!(scene.iseli.nahtlos.unrecorded_readings().take().is_empty());
    assert_eq!(log(&scene.iseli, &number).reads.len(), 1);
}

/// Iseli's institution keeps notes; that they exist concerns nobody else.
#[test]
fn reading_ones_own_notes_tells_nobody_that_they_exist() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    let notes = SectionKind::Internal(scene.iseli.nahtlos.own_institution_id().unwrap());
    let case = scene.iseli.nahtlos.find_case(&number).unwrap();
    scene.iseli.nahtlos.open_section(&case, &notes).unwrap();
    read(&scene.iseli, &number, &notes);
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert!(log(home, &number).reads.is_empty());
    }
}

#[test]
fn what_is_handed_out_outside_of_any_right_is_recorded_where_there_is_a_place() {
    let mut scene = with_access(Role::Write);
    let number = scene.number.clone();
    let disclosure = Disclosure {
        to: Field::parse("SUVA Bern").unwrap(),
        sections: vec![CORE],
        basis: Field::parse("ATSG32").unwrap(),
        at: UtcTime::parse("2027-07-01T07:00:00Z").unwrap(),
        form: DisclosureForm::Printed,
    };
    let case = scene.iseli.nahtlos.find_case(&number).unwrap();
    assert!(
        scene
            .iseli
            .nahtlos
            .record_disclosure(&case, &disclosure)
            .unwrap()
    );
    let case = scene.keller.nahtlos.find_case(&number).unwrap();
    assert!(
        scene
            .keller
            .nahtlos
            .record_disclosure(&case, &disclosure)
            .unwrap()
    );
    scene.iseli.sync();
    scene.keller.sync();
    scene.berger.sync();
    let seen = log(&scene.berger, &number);
    let entries: Vec<(&str, &str)> = seen
        .disclosures
        .iter()
        .filter(|one| one.source == "entry")
        .map(|one| (one.to.as_str(), one.by.as_str()))
        .collect();
    assert_eq!(entries.len(), 2);
    assert!(
        entries.contains(&("SUVA Bern", "Marc Iseli")),
        "{entries:?}"
    );
    assert!(
        entries.contains(&("SUVA Bern", "Eva Keller")),
        "{entries:?}"
    );
}
