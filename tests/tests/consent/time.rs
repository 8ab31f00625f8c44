//! What time does: a consent that holds no more takes its rights with it, a representative's ends when the
//! person comes of age, and a task says so before.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{ConsentForm, Date, Field, PartialDate};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::view::{TasksView, coming_of_age};
use nahtlos_client::HttpTransport;
use nahtlos_client::consent::{ConsentExtension, Less, NewConsent};
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_tests::{Home, World};

use crate::{COACHES, IV, Story, case, consent, explain, held, today};

const DAY_MS: u64 = 86_400_000;
const FUNCTION: SectionKind = SectionKind::Function;
const PLAN: SectionKind = SectionKind::Plan;

/// A way to the relay on which something happens elsewhere after the first answer.
struct Meanwhile<'a> {
    inner: HttpTransport,
    happens: Option<Box<dyn FnOnce() + 'a>>,
}

impl Meanwhile<'_> {
    fn new(world: &World) -> Self {
        Self {
            inner: world.transport(),
            happens: None,
        }
    }
}

impl Transport for Meanwhile<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let answer = self.inner.post(path, token, body);
        if let Some(happens) = self.happens.take() {
            happens();
        }
        answer
    }
}

pub fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.unwrap().as_millis()).unwrap()
}

/// The same device so many days ago.
pub fn set_back(home: &mut Home, days: u64) {
    home.nahtlos
        .set_clock(Box::new(move || now_ms() - days * DAY_MS));
}

fn born(home: &mut Home, number: &str, day: Date) {
    let birth = PartialDate::parse(&day.to_string()).unwrap();
    let edit = Edit::Core(CoreEdit::Set(CoreField::Birth(birth)));
    home.nahtlos.edit_case(number, &[edit]).unwrap();
}

/// The day on which somebody was born who comes of age about so many days from now, and that day.
fn of_age_in(home: &Home, days: i32) -> (Date, Date) {
    let day = today(home).plus_days(days).unwrap();
    let born = day.plus_months(-12 * 18).unwrap();
    let birth = PartialDate::parse(&born.to_string()).unwrap();
    (born, coming_of_age(birth).unwrap())
}

fn represented(home: &Home, sections: &[(SectionKind, &str)]) -> NewConsent {
    NewConsent {
        giver: Giver::Representative {
            name: Field::parse("Lejla Hadžić").unwrap(),
        },
        ..consent(home, sections)
    }
}

/// Tasks of a case, as far as they speak of coming of age.
fn birthdays(home: &Home, number: &str) -> Vec<(String, Option<Date>)> {
    let own = case(home, number);
    let document = home
        .nahtlos
        .section_document(&own, &SectionKind::Tasks)
        .unwrap();
    let tasks = TasksView::read(&document).tasks;
    let about = tasks.iter().filter_map(|task| {
        let title = task.title.as_ref()?.to_string();
        let due = task.due.as_ref().and_then(|due| due.known().copied());
        title.contains("Volljährig").then_some((title, due))
    });
    about.collect()
}

#[test]
fn narrowed_to_an_earlier_last_day_the_rights_end_with_it_by_any_device_of_the_institution() {
    let mut story = Story::new();
    let number = story.case.clone();
    set_back(&mut story.ruegg, 100);
    let new = NewConsent {
        valid_until: today(&story.ruegg).plus_months(12),
        ..consent(&story.ruegg, &[(FUNCTION, COACHES), (PLAN, COACHES)])
    };
    let own = case(&story.ruegg, &number);
    let id = story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    story.ruegg.share(
        &number,
        &PLAN,
        COACHES,
        nahtlos_protocol::space::Role::Read,
        "SHG8",
    );
    let day = today(&story.ruegg);
    let less = Less {
        part: None,
        valid_until: day.plus_days(10),
    };
    story.ruegg.sync();
    assert_eq!(
        held(&story.ruegg, &number, &FUNCTION, COACHES).len(),
        1,
        "control"
    );
    let narrowed = story
        .ruegg
        .nahtlos
        .consent_narrow(&own, &id, &less, day, None);
    assert_eq!(narrowed.unwrap().ended, 0, "its day is not over yet");
    story.ruegg.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES).len(), 1);
    let later = Less {
        part: None,
        valid_until: day.plus_days(20),
    };
    let own = case(&story.ruegg, &number);
    let refused = story
        .ruegg
        .nahtlos
        .consent_narrow(&own, &id, &later, day, None);
    assert_eq!(refused.unwrap_err().code(), "not_less");

    // A colleague's device syncs on a day within it, and on one long after it.
    set_back(&mut story.trachsel, 95);
    story.trachsel.sync();
    story.trachsel.sync();
    story.ruegg.sync();
    assert_eq!(
        held(&story.ruegg, &number, &FUNCTION, COACHES).len(),
        1,
        "control"
    );
    story.trachsel.nahtlos.set_clock(Box::new(now_ms));
    story.trachsel.sync();
    story.ruegg.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES), []);
    let plan = held(&story.ruegg, &number, &PLAN, COACHES);
    assert_eq!(
        plan,
        [("read".to_owned(), "SHG8".to_owned())],
        "what rests on law stays"
    );
    let explained = explain(&story.ruegg, &number, &FUNCTION, COACHES);
    assert_eq!(explained.ended[0].reason, "basis_ended");
}

#[test]
fn what_a_representative_allowed_ends_when_the_person_comes_of_age() {
    let mut story = Story::new();
    let number = story.case.clone();
    set_back(&mut story.ruegg, 100);
    let own = case(&story.ruegg, &number);
    let (birth, _) = of_age_in(&story.ruegg, 60);
    // The birth is corrected only after the consent was given, for longer than it can hold.
    let new = NewConsent {
        valid_until: today(&story.ruegg).plus_months(12),
        ..represented(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    let by_client = NewConsent {
        giver: Giver::Client,
        ..new.clone()
    };
    let by_client = NewConsent {
        shares: consent(&story.ruegg, &[(PLAN, IV)]).shares,
        ..by_client
    };
    story.ruegg.nahtlos.consent_give(&own, &by_client).unwrap();
    born(&mut story.ruegg, &number, birth);
    story.ruegg.sync();
    assert_eq!(
        held(&story.ruegg, &number, &FUNCTION, COACHES).len(),
        1,
        "control"
    );
    story.ruegg.nahtlos.set_clock(Box::new(now_ms));
    story.ruegg.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES), []);
    assert_eq!(
        held(&story.ruegg, &number, &PLAN, IV).len(),
        1,
        "the person's own stays"
    );
    let explained = explain(&story.ruegg, &number, &FUNCTION, COACHES);
    let said = explained.sentences.join("\n");
    assert!(said.contains("before the person comes of age"), "{said}");
    // From then on a representative's consent of before cannot be recorded.
    let late = NewConsent {
        valid_from: today(&story.ruegg).plus_days(-90).unwrap(),
        ..represented(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    let refused = story.ruegg.nahtlos.consent_give(&own, &late);
    assert_eq!(refused.unwrap_err().code(), "of_age");
}

#[test]
fn a_device_that_was_away_ends_nothing_by_what_it_knew_before() {
    let mut story = Story::new();
    let number = story.case.clone();
    set_back(&mut story.ruegg, 100);
    let (birth, _) = of_age_in(&story.ruegg, 60);
    let new = represented(&story.ruegg, &[(FUNCTION, COACHES)]);
    let own = case(&story.ruegg, &number);
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    born(&mut story.ruegg, &number, birth);
    story.ruegg.sync();
    set_back(&mut story.trachsel, 95);
    story.trachsel.sync();
    // The birth was wrong: the person is of age in years only. Trachsel hears of it with the sync that looks.
    let (birth, _) = of_age_in(&story.ruegg, 2000);
    born(&mut story.ruegg, &number, birth);
    story.ruegg.sync();
    story.trachsel.nahtlos.set_clock(Box::new(now_ms));
    story.trachsel.sync();
    story.ruegg.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES).len(), 1);
}

#[test]
fn a_right_by_a_representative_is_granted_no_longer_than_the_person_is_not_of_age() {
    let mut story = Story::new();
    let number = story.case.clone();
    let (birth, of_age) = of_age_in(&story.ruegg, 200);
    born(&mut story.ruegg, &number, birth);
    let new = represented(&story.ruegg, &[(FUNCTION, COACHES)]);
    let own = case(&story.ruegg, &number);
    let given = story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    let last = of_age.plus_days(-1).unwrap().to_string();
    let held = held(&story.ruegg, &number, &FUNCTION, COACHES);
    assert!(held[0].1.ends_with(&last), "{held:?}");
    // Nobody is told of a later day: not before it is recorded, and not by extending it.
    let longer = NewConsent {
        valid_until: of_age.plus_days(100),
        ..represented(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    let preview = story.ruegg.nahtlos.preview_consent(&own, &longer).unwrap();
    assert_eq!(preview.valid_until, of_age.plus_days(-1));
    let extension = ConsentExtension {
        consent: given,
        shares: Vec::new(),
        valid_until: of_age.plus_days(100),
        form: ConsentForm::Paper,
        details: ConsentDetails::default(),
        note: None,
    };
    let refused = story.ruegg.nahtlos.consent_extend(&own, &extension);
    assert_eq!(refused.unwrap_err().code(), "of_age");
    story.sync();
    assert_eq!(birthdays(&story.ruegg, &number), [], "it is not due yet");
}

#[test]
fn sixty_days_before_there_is_one_task_however_many_devices_make_it() {
    let mut story = Story::new();
    let number = story.case.clone();
    let (birth, of_age) = of_age_in(&story.ruegg, 60);
    // Yesterday, when the consent was recorded, it was not due yet.
    for home in [&mut story.ruegg, &mut story.trachsel] {
        set_back(home, 1);
        home.sync();
    }
    born(&mut story.ruegg, &number, birth);
    let new = represented(&story.ruegg, &[(FUNCTION, COACHES)]);
    let own = case(&story.ruegg, &number);
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    story.ruegg.sync();
    story.trachsel.sync();
    assert_eq!(birthdays(&story.trachsel, &number), [], "control");
    for home in [&mut story.ruegg, &mut story.trachsel] {
        home.nahtlos.set_clock(Box::new(now_ms));
    }
    // Neither has heard of the other's when it makes its own: hers is delivered when he has asked for news.
    let (ruegg, mut line) = (&mut story.ruegg, Meanwhile::new(&story.world));
    line.happens = Some(Box::new(|| {
        ruegg.sync();
    }));
    story.trachsel.sync_through(&mut line);
    drop(line);
    story.sync();
    for home in [&story.ruegg, &story.trachsel] {
        let tasks = birthdays(home, &number);
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        assert_eq!(tasks[0].1, Some(of_age));
    }
    let conflicts = story.ruegg.nahtlos.conflicts(&own).unwrap();
    assert!(
        conflicts.is_empty(),
        "two devices that say the same do not disagree"
    );
}

#[test]
fn a_consent_recorded_within_sixty_days_of_the_birthday_brings_its_task_along() {
    let mut story = Story::new();
    let number = story.case.clone();
    let (birth, of_age) = of_age_in(&story.ruegg, 30);
    // The day's look at the consents is over.
    story.sync();
    born(&mut story.ruegg, &number, birth);
    let own = case(&story.ruegg, &number);
    // Control: what the person says themselves does not end with the birthday.
    let said = consent(&story.ruegg, &[(FUNCTION, IV)]);
    story.ruegg.nahtlos.consent_give(&own, &said).unwrap();
    assert_eq!(birthdays(&story.ruegg, &number), []);
    let new = represented(&story.ruegg, &[(FUNCTION, COACHES)]);
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    let tasks = birthdays(&story.ruegg, &number);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(tasks[0].1, Some(of_age));
    story.sync();
    assert_eq!(birthdays(&story.trachsel, &number), tasks);
}

#[test]
fn a_right_in_a_closed_section_ends_with_its_day_and_so_does_the_rest() {
    let mut story = Story::new();
    let number = story.case.clone();
    set_back(&mut story.ruegg, 100);
    let shares = [(SectionKind::Journal, COACHES), (PLAN, COACHES)];
    let id = crate::give(&mut story.ruegg, &number, &shares);
    story.ruegg.sync();
    let own = case(&story.ruegg, &number);
    let day = today(&story.ruegg);
    let less = Less {
        part: None,
        valid_until: day.plus_days(10),
    };
    let home = &mut story.ruegg.nahtlos;
    home.consent_narrow(&own, &id, &less, day, None).unwrap();
    home.close_section(&own, &SectionKind::Journal).unwrap();
    story.ruegg.sync();
    let both = [SectionKind::Journal, PLAN];
    let count = |home: &Home| {
        both.clone()
            .map(|one| held(home, &number, &one, COACHES).len())
    };
    assert_eq!(count(&story.ruegg), [1, 1], "control");
    story.ruegg.nahtlos.set_clock(Box::new(now_ms));
    story.ruegg.sync();
    assert_eq!(count(&story.ruegg), [0, 0]);
}

/// Damages the line of one case in the list of cases, on the disk.
fn damage_summary(world: &World, home: Home, name: &str) -> Home {
    let file = home.path.join("vault.sqlite");
    drop(home);
    let database = rusqlite::Connection::open(&file).unwrap();
    let damaged = database.execute(
        "UPDATE record SET value = zeroblob(length(value)) WHERE collection = 9 AND key_tag =
         (SELECT min(key_tag) FROM record WHERE collection = 9)",
        [],
    );
    assert_eq!(damaged.unwrap(), 1);
    drop(database);
    world.reopen(name)
}

#[test]
fn a_damaged_line_of_one_case_is_in_the_way_of_no_delivery() {
    let mut story = Story::new();
    let first = story.case.clone();
    let other = story.ruegg.open_example_case();
    for number in [&first, &other] {
        crate::give(&mut story.ruegg, number, &[(FUNCTION, COACHES)]);
    }
    story.sync();
    let ids = [&first, &other].map(|number| case(&story.ruegg, number).id.to_string());
    let Story {
        world,
        ruegg,
        mut trachsel,
        ..
    } = story;
    let mut ruegg = damage_summary(&world, ruegg, "ruegg");
    assert_eq!(
        ruegg.nahtlos.cases().err().unwrap().code(),
        "vault_damaged",
        "control"
    );
    // On a day on which nobody looked yet.
    set_back(&mut ruegg, 3);
    let typed = ids.map(|id| {
        ruegg
            .nahtlos
            .edit_case(&id, &[nahtlos_tests::note(1)])
            .is_ok()
    });
    assert!(typed.contains(&true) && typed.contains(&false), "control");
    let report = ruegg.sync();
    assert!(report.envelopes_delivered > 0, "{report:?}");
    trachsel.sync();
    let arrived = [&first, &other].map(|number| {
        let notes = trachsel.journal(number);
        notes.iter().any(|note| note.ends_with("entry 1"))
    });
    assert_eq!(arrived, typed);
}

#[test]
fn what_a_newer_program_said_of_a_consent_keeps_an_older_one_from_ending_its_rights() {
    let mut story = Story::new();
    let number = story.case.clone();
    set_back(&mut story.ruegg, 100);
    let ids = [FUNCTION, PLAN].map(|section| {
        let id = crate::give(&mut story.ruegg, &number, &[(section, COACHES)]);
        story.ruegg.sync();
        id
    });
    let own = case(&story.ruegg, &number);
    let day = today(&story.ruegg);
    let less = Less {
        part: None,
        valid_until: day.plus_days(10),
    };
    for id in &ids {
        let home = &mut story.ruegg.nahtlos;
        home.consent_narrow(&own, id, &less, day, None).unwrap();
    }
    story.ruegg.sync();
    set_back(&mut story.trachsel, 95);
    story.trachsel.sync();
    // His program is newer and knows how a consent is resumed.
    let ledger = own.section(&SectionKind::Consent).unwrap();
    let resumed = [("kind", "resumed"), ("consent", &ids[0].to_string())];
    let place = ["events", "aaaaaaaaaaaaa"];
    let newer = &mut story.trachsel.nahtlos;
    newer.newer_entry(&ledger, 1_000, &place, &resumed).unwrap();
    story.trachsel.sync();
    story.ruegg.sync();
    story.ruegg.nahtlos.set_clock(Box::new(now_ms));
    let report = story.ruegg.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES).len(), 1);
    assert_eq!(held(&story.ruegg, &number, &PLAN, COACHES), []);
    let told = report.notices.iter();
    let told: Vec<_> = told.filter(|one| one.contains("newer nahtlos")).collect();
    assert_eq!(told.len(), 1, "{:?}", report.notices);
    assert!(told[0].contains(&crate::name_of(&ids[0])), "{told:?}");
}
