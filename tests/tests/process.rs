//! How a case is led, between real devices and a relay: own notes, phases and their gates, closing while
//! others work, who leads and who pays.

use nahtlos_casework::edit::{
    CompetenceDecision, CoreEdit, CoreField, CoreKey, Edit, FormChange, ScalarValue,
};
use nahtlos_casework::fields::{
    ClosingReason, CompetenceKind, ConsentForm, Date, EntryId, Field, InstitutionId, Phase,
    ReopeningReason, Stored, TaskStatus,
};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::view::{JournalView, TasksView};
use nahtlos_casework::{Choice, ConflictKind, SectionKind, resolve};
use nahtlos_client::consent::{ConsentShare, NewConsent};
use nahtlos_client::share::Terms;
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::scene::{IV_TEAM, scene};
use nahtlos_tests::{Home, World, example_edits, note_saying};

const MARKER: &str = "Nur für die IV-Stelle";

fn case(home: &Home, number: &str) -> Case {
    home.nahtlos.find_case(number).unwrap()
}

fn member(nahtlos: &Nahtlos, name: &str) -> SpaceId {
    nahtlos.directory().unwrap().find_member(name).unwrap()
}

fn phase(home: &Home, number: &str) -> Phase {
    let process = home.nahtlos.process(&case(home, number)).unwrap();
    *process.phase.known().unwrap()
}

fn code(error: &ClientError) -> &'static str {
    error.code()
}

/// Berger (RAV), her colleague Keller, Iseli (IV), and a case that was just reported.
fn reported() -> (World, Home, Home, String) {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut edits = example_edits();
    let is_phase = |edit: &Edit| matches!(edit, Edit::Core(CoreEdit::Set(CoreField::Phase(_))));
    edits.retain(|edit| !is_phase(edit));
    let number = berger.nahtlos.open_case(&edits).unwrap().to_string();
    berger.sync();
    (world, berger, iseli, number)
}

fn own_note(id: u8, text: &str, correction_of: Option<u8>) -> FormChange {
    let text = ScalarValue::Text(text.to_owned());
    FormChange::Add {
        list: "notes".into(),
        id: EntryId::from_random([id; 8]),
        correction_of: correction_of.map(|id| EntryId::from_random([id; 8])),
        values: [
            ("kind".to_owned(), ScalarValue::Text("note".into())),
            ("text".to_owned(), text),
        ]
        .into_iter()
        .collect(),
    }
}

fn notes(home: &Home, number: &str) -> Option<JournalView> {
    let case = case(home, number);
    let kind = home.nahtlos.own_notes().unwrap();
    let document = home.nahtlos.section_document(&case, &kind).ok()?;
    let authors = home.nahtlos.section_authors(&case, &kind).unwrap();
    Some(JournalView::read_notes(&document, &kind, &authors))
}

#[test]
fn notes_of_an_institution_begin_with_the_first_one_and_nobody_else_sees_that_there_are_any() {
    // Berger leads, Iseli of the IV takes part and writes something for colleagues alone.
    let mut scene = scene();
    let mut colleague = scene
        .world
        .colleague(&mut scene.iseli, "ruch", "Lea Ruch", Role::Write);
    let number = scene.number.clone();
    assert!(
        notes(&scene.iseli, &number).is_none(),
        "nobody has begun any"
    );
    let own = case(&scene.iseli, &number);
    let refused = FormChange::Add {
        list: "notes".into(),
        id: EntryId::from_random([1; 8]),
        correction_of: None,
        values: std::collections::BTreeMap::new(),
    };
    assert!(scene.iseli.nahtlos.edit_notes(&own, refused).is_err());
    assert!(
        notes(&scene.iseli, &number).is_none(),
        "nothing is founded by what is refused"
    );

    let first = own_note(1, MARKER, None);
    scene.iseli.nahtlos.edit_notes(&own, first).unwrap();
    let second = own_note(2, "Berichtigt", Some(1));
    scene.iseli.nahtlos.edit_notes(&own, second).unwrap();
    for _ in 0..2 {
        scene.sync_all();
        colleague.sync();
    }
    for home in [&scene.iseli, &colleague] {
        let view = notes(home, &number).unwrap();
        assert_eq!(view.entries.len(), 2);
        let by = view.entries[0].corrected_by[0]
            .origin
            .author
            .as_ref()
            .unwrap();
        assert_eq!(by.display_name.to_string(), "Marc Iseli");
    }
    // The lead, a colleague of theirs, and the relay: not even that there are notes.
    for home in [&scene.berger, &scene.keller] {
        let sections = case(home, &number).sections;
        let internal = |kind: &SectionKind| matches!(kind, SectionKind::Internal(_));
        assert!(!sections.keys().any(internal));
        assert_eq!(home.nahtlos.status().unwrap().foreign_sections, 0);
    }
    let bytes = scene.world.relay_bytes();
    let marker = MARKER.as_bytes();
    assert!(!bytes.windows(marker.len()).any(|window| window == marker));
    let own = case(&scene.iseli, &number);
    let kind = scene.iseli.nahtlos.own_notes().unwrap();
    let outside = member(&scene.iseli.nahtlos, "RAV Langnau Team 1");
    let terms = Terms::new(Role::Read, "AVG35a1");
    let shared = scene.iseli.nahtlos.grant(&own, &kind, &outside, &terms);
    assert!(matches!(shared, Err(ClientError::NoRight { .. })));
}

#[test]
fn before_the_person_consented_nothing_is_shared_on_words_and_a_consent_moves_the_case_on() {
    let (world, mut berger, mut iseli, number) = reported();
    let own = case(&berger, &number);
    let iv = member(&berger.nahtlos, IV_TEAM);
    for early in [None, Some(Phase::Preclarified)] {
        if let Some(early) = early {
            berger.nahtlos.change_phase(&own, early).unwrap();
        }
        for words in ["trial week", "mündlich besprochen", "lead", "consent"] {
            let terms = Terms::new(Role::Read, words);
            let refused = berger.nahtlos.grant(&own, &SectionKind::Core, &iv, &terms);
            assert_eq!(code(&refused.unwrap_err()), "before_consent", "{words}");
        }
        let refused = berger.nahtlos.change_phase(&own, Phase::Consented);
        assert_eq!(code(&refused.unwrap_err()), "no_basis");
    }
    assert!(
        berger
            .nahtlos
            .status()
            .unwrap()
            .waiting_decisions
            .is_empty()
    );
    berger.sync();
    iseli.sync();
    assert!(
        iseli.nahtlos.find_case(&number).is_err(),
        "nothing has left"
    );

    let consent = NewConsent {
        giver: Giver::Client,
        shares: vec![ConsentShare {
            section: SectionKind::Core,
            member: iv,
            role: Role::Read,
            purpose: None,
        }],
        valid_from: berger.nahtlos.today().unwrap(),
        valid_until: None,
        form: ConsentForm::Paper,
        details: ConsentDetails::default(),
        replaces: None,
        note: None,
    };
    berger.nahtlos.consent_give(&own, &consent).unwrap();
    assert_eq!(phase(&berger, &number), Phase::Consented);
    for _ in 0..2 {
        berger.sync();
        iseli.sync();
    }
    assert_eq!(phase(&iseli, &number), Phase::Consented);
    // Further on, a second consent leaves the phase where it is.
    berger.nahtlos.change_phase(&own, Phase::Planned).unwrap();
    berger.nahtlos.consent_give(&own, &consent).unwrap();
    assert_eq!(phase(&berger, &number), Phase::Planned);
    drop(world);
}

#[test]
fn a_law_opens_the_gate_too_and_ones_own_institution_is_no_other_one() {
    let (_world, mut berger, _iseli, number) = reported();
    let own = case(&berger, &number);
    let iv = member(&berger.nahtlos, IV_TEAM);
    let colleagues = member(&berger.nahtlos, "Anna Berger");
    let words = Terms::new(Role::Read, "eigene Stelle");
    berger
        .nahtlos
        .grant(&own, &SectionKind::Core, &colleagues, &words)
        .unwrap();
    assert!(!berger.nahtlos.has_basis(&own).unwrap(), "that is no law");
    let law = Terms::new(Role::Read, "IVG68bis2");
    berger
        .nahtlos
        .grant(&own, &SectionKind::Core, &iv, &law)
        .unwrap();
    assert!(
        berger.nahtlos.has_basis(&own).unwrap(),
        "also before it is delivered"
    );
    berger.sync();
    assert!(berger.nahtlos.has_basis(&own).unwrap());
    assert_eq!(
        phase(&berger, &number),
        Phase::Reported,
        "a law moves nothing by itself"
    );
    berger.nahtlos.change_phase(&own, Phase::Consented).unwrap();
    for (to, refusal) in [
        (Phase::Consented, "unchanged"),
        (Phase::Running, "not_from_here"),
        (Phase::Closed, "close"),
        (Phase::Reopened, "not_from_here"),
        (Phase::Deleted, "not_from_here"),
    ] {
        let refused = berger.nahtlos.change_phase(&own, to);
        assert_eq!(code(&refused.unwrap_err()), refusal, "{to}");
    }
    assert_eq!(phase(&berger, &number), Phase::Consented);
}

#[test]
fn whoever_does_not_lead_neither_changes_the_phase_nor_closes_nor_decides_who_pays() {
    // Iseli may write the core data; the RAV leads.
    let mut scene = scene();
    let number = scene.number.clone();
    let own = case(&scene.iseli, &number);
    let before = scene.iseli.nahtlos.status().unwrap().undelivered_edits;
    let iseli = &mut scene.iseli.nahtlos;
    let changed = iseli.change_phase(&own, Phase::Planned).unwrap_err();
    let closed = iseli
        .close_case(&own, ClosingReason::Pension, None)
        .unwrap_err();
    let reopened = iseli
        .reopen_case(&own, ReopeningReason::NewNeed, None)
        .unwrap_err();
    let decided = iseli
        .record_competence(&own, &decision(iseli, "2027-04-01"))
        .unwrap_err();
    for error in [changed, closed, reopened, decided] {
        assert!(matches!(error, ClientError::NoRight { .. }), "{error}");
    }
    assert_eq!(
        scene.iseli.nahtlos.status().unwrap().undelivered_edits,
        before
    );
    let own = case(&scene.keller, &number);
    scene
        .keller
        .nahtlos
        .change_phase(&own, Phase::Planned)
        .unwrap();
}

#[test]
fn two_who_change_the_phase_at_once_make_one_conflict_and_until_then_nobody_changes_it() {
    let mut scene = scene();
    let number = scene.number.clone();
    let own = case(&scene.berger, &number);
    scene
        .berger
        .nahtlos
        .change_phase(&own, Phase::Assessed)
        .unwrap();
    scene
        .keller
        .nahtlos
        .change_phase(&own, Phase::Planned)
        .unwrap();
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        let conflicts = home.nahtlos.conflicts(&case(home, &number)).unwrap();
        let about_phase = conflicts.iter().filter(|one| one.path == ["case", "phase"]);
        assert_eq!(about_phase.count(), 1);
    }
    let refused = scene.berger.nahtlos.change_phase(&own, Phase::Running);
    assert_eq!(code(&refused.unwrap_err()), "conflicts");
    let closed = scene
        .berger
        .nahtlos
        .close_case(&own, ClosingReason::Pension, None);
    assert_eq!(code(&closed.unwrap_err()), "conflicts");
    let conflict = scene.berger.nahtlos.conflicts(&own).unwrap().remove(0);
    let settled = resolve(&conflict, Choice::Alternative(0)).unwrap();
    scene.berger.nahtlos.edit_case(&number, &[settled]).unwrap();
    scene.sync_all();
    let to = match phase(&scene.berger, &number) {
        Phase::Assessed => Phase::Planned,
        _ => Phase::Running,
    };
    scene.berger.nahtlos.change_phase(&own, to).unwrap();
}

fn journal_closings(home: &Home, number: &str) -> Vec<(String, String)> {
    let conflicts = home.nahtlos.conflicts(&case(home, number)).unwrap();
    let mut found = Vec::new();
    for conflict in conflicts {
        let ConflictKind::ClosedMeanwhile { closed_by, edits } = &conflict.kind else {
            continue;
        };
        assert_eq!(conflict.section, SectionKind::Journal);
        assert!(closed_by.at.is_some() && edits.iter().all(|edit| edit.origin.at.is_some()));
        let name = |origin: &nahtlos_casework::Origin| {
            let author = origin.author.as_ref().unwrap();
            author.display_name.to_string()
        };
        found.push((name(closed_by), name(&edits[0].origin)));
    }
    found
}

#[test]
fn an_entry_written_offline_while_the_lead_closed_is_in_everybodys_inbox_and_in_the_journal() {
    let mut scene = scene();
    let number = scene.number.clone();
    let own = case(&scene.berger, &number);
    // Iseli is on the way, without a network.
    let late = note_saying(7, "Gespräch unterwegs");
    scene.iseli.nahtlos.edit_case(&number, &[late]).unwrap();
    let open = scene.berger.nahtlos.open_matters(&own).unwrap();
    assert!(!open.tasks.is_empty() && !open.steps.is_empty() && !open.is_empty());
    assert!(open.not_marked.is_empty(), "{:?}", open.not_marked);
    assert_eq!(open.readers, ["IV-Stelle Bern"]);
    let closed = scene
        .berger
        .nahtlos
        .close_case(&own, ClosingReason::Employment, None)
        .unwrap();
    let today = scene.berger.nahtlos.today().unwrap();
    let due: Vec<Date> = [3, 6, 12]
        .map(|months| today.plus_months(months).unwrap())
        .into();
    assert_eq!(closed.follow_up, due);
    for _ in 0..2 {
        scene.sync_all();
    }
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        let pair = ("Anna Berger".to_owned(), "Marc Iseli".to_owned());
        assert_eq!(journal_closings(home, &number), [pair]);
        assert!(
            home.journal(&number)
                .iter()
                .any(|line| line.ends_with("Gespräch unterwegs"))
        );
        assert_eq!(phase(home, &number), Phase::Closed);
    }
    let line = scene.iseli.nahtlos.cases().unwrap().remove(0);
    assert!(line.summary.is_over());
    assert_eq!(line.summary.conflicts, 1, "the list counts it");
    // What is written afterwards, by who knows of it, is none.
    let after = note_saying(8, "Nachfrage");
    scene.iseli.nahtlos.edit_case(&number, &[after]).unwrap();
    scene.sync_all();
    scene.sync_all();
    assert_eq!(journal_closings(&scene.berger, &number).len(), 1);
    let conflict = scene.keller.nahtlos.conflicts(&own).unwrap().remove(0);
    let seen = resolve(&conflict, Choice::AsItIs).unwrap();
    scene.keller.nahtlos.edit_case(&number, &[seen]).unwrap();
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        assert!(journal_closings(home, &number).is_empty());
    }
}

fn follow_up(home: &Home, number: &str) -> Vec<(Date, TaskStatus)> {
    let document = home
        .nahtlos
        .section_document(&case(home, number), &SectionKind::Tasks);
    let tasks = TasksView::read(&document.unwrap()).tasks;
    let of_closing = tasks.iter().filter(|task| {
        let title = task.title.as_ref().map(Stored::canonical);
        title.is_some_and(|title| title.contains("nach Abschluss"))
    });
    let mut found: Vec<(Date, TaskStatus)> = of_closing
        .map(|task| {
            assert!(task.responsible.is_some());
            let due = task.due.as_ref().and_then(Stored::known);
            let status = task.status.as_ref().and_then(Stored::known);
            (*due.unwrap(), *status.unwrap())
        })
        .collect();
    found.sort_by_key(|(due, _)| *due);
    found
}

#[test]
fn follow_up_is_due_by_the_calendars_months_and_ends_with_a_reopening() {
    // On the last day of August: there is no 31st of February.
    const AUGUST_31: u64 = 1_819_708_200_000;
    let (_world, mut berger, _iseli, number) = reported();
    berger.nahtlos.set_clock(Box::new(|| AUGUST_31));
    let own = case(&berger, &number);
    assert_eq!(berger.nahtlos.today().unwrap().canonical(), "2027-08-31");
    let not_closed = berger
        .nahtlos
        .reopen_case(&own, ReopeningReason::NewNeed, None);
    assert_eq!(code(&not_closed.unwrap_err()), "not_from_here");
    let other = berger.nahtlos.close_case(&own, ClosingReason::Other, None);
    assert_eq!(code(&other.unwrap_err()), "missing");
    assert_eq!(follow_up(&berger, &number), [], "a refusal leaves nothing");
    assert_eq!(phase(&berger, &number), Phase::Reported);

    berger
        .nahtlos
        .close_case(&own, ClosingReason::NotEligible, None)
        .unwrap();
    let days = ["2027-11-30", "2028-02-29", "2028-08-31"];
    let expected = |status: TaskStatus| -> Vec<(Date, TaskStatus)> {
        days.iter()
            .map(|day| (Date::parse(day).unwrap(), status))
            .collect()
    };
    assert_eq!(follow_up(&berger, &number), expected(TaskStatus::Open));
    let twice = berger
        .nahtlos
        .close_case(&own, ClosingReason::NotEligible, None);
    assert_eq!(code(&twice.unwrap_err()), "unchanged");
    let line = berger.nahtlos.cases().unwrap().remove(0);
    assert!(line.summary.is_over());

    berger
        .nahtlos
        .reopen_case(&own, ReopeningReason::NewNeed, None)
        .unwrap();
    assert_eq!(follow_up(&berger, &number), expected(TaskStatus::Cancelled));
    assert_eq!(phase(&berger, &number), Phase::Reopened);
    let refused = berger.nahtlos.change_phase(&own, Phase::Running);
    assert_eq!(
        code(&refused.unwrap_err()),
        "no_basis",
        "nobody has consented"
    );
    berger
        .nahtlos
        .close_case(&own, ClosingReason::NotEligible, None)
        .unwrap();
    assert_eq!(
        follow_up(&berger, &number),
        expected(TaskStatus::Open),
        "the same tasks"
    );
    let process = berger.nahtlos.process(&own).unwrap();
    assert_eq!((process.closings.len(), process.reopenings.len()), (2, 1));
    assert!(process.violations.is_empty());
    assert!(berger.nahtlos.conflicts(&own).unwrap().is_empty());
}

#[test]
fn whoever_died_is_not_asked_how_they_are() {
    let (_world, mut berger, _iseli, number) = reported();
    let own = case(&berger, &number);
    let closed = berger
        .nahtlos
        .close_case(&own, ClosingReason::Deceased, None)
        .unwrap();
    assert_eq!(closed.follow_up, []);
    assert_eq!(follow_up(&berger, &number), []);
}

fn decision(nahtlos: &Nahtlos, since: &str) -> CompetenceDecision {
    CompetenceDecision {
        id: EntryId::from_random([9; 8]),
        kind: CompetenceKind::Lead,
        institution: InstitutionId::parse(&nahtlos.own_institution_id().unwrap()).unwrap(),
        subject: None,
        since: Date::parse(since).unwrap(),
        until: None,
        decided_on: nahtlos.today().unwrap(),
        decided_by: Field::parse("Runder Tisch").unwrap(),
        grounds: Field::parse("Die Eingliederung geht vor.").unwrap(),
        correction_of: None,
    }
}

#[test]
fn who_leads_by_decision_is_recorded_for_all_and_hands_nothing_over() {
    let mut scene = scene();
    let number = scene.number.clone();
    let own = case(&scene.berger, &number);
    let berger = &mut scene.berger.nahtlos;
    let future = CompetenceDecision {
        decided_on: berger.today().unwrap().plus_days(1).unwrap(),
        ..decision(berger, "2027-04-01")
    };
    assert_eq!(
        code(&berger.record_competence(&own, &future).unwrap_err()),
        "future"
    );
    let iv = scene.iseli.nahtlos.own_institution_id().unwrap();
    let to_iv = CompetenceDecision {
        institution: InstitutionId::parse(&iv).unwrap(),
        ..decision(berger, "2020-01-01")
    };
    berger.record_competence(&own, &to_iv).unwrap();
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli] {
        let process = home.nahtlos.process(&case(home, &number)).unwrap();
        let decided = &process.competences[0];
        assert_eq!(decided.institution.as_ref().unwrap().canonical(), iv);
        let by = decided.origin.author.as_ref().unwrap();
        assert_eq!(by.display_name.to_string(), "Anna Berger");
    }
    // Iseli still does not lead.
    let own = case(&scene.iseli, &number);
    let refused = scene.iseli.nahtlos.change_phase(&own, Phase::Planned);
    assert!(matches!(refused, Err(ClientError::NoRight { .. })));
    let cleared = Edit::Core(CoreEdit::Clear(CoreKey::Phone));
    scene.iseli.nahtlos.edit_case(&number, &[cleared]).unwrap();
}
