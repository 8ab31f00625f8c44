//! Consents as the source of grants: given, exactly their shares are granted; withdrawn, exactly the
//! grants that rest on them end, and what rests on a law stays.

mod changes;
mod proof;
mod time;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{ConsentForm, Date, EntryId};
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_client::consent::{ConsentShare, NewConsent};
use nahtlos_client::{Case, ClientError};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World, bytes_below, holds};

const COACHES: &str = "Stellwerk Team 1";
const IV: &str = "IV-Stelle Bern Team 1";

/// Rüegg leads; Trachsel is her colleague; Keller coaches; Iseli is at the disability insurance.
struct Story {
    world: World,
    ruegg: Home,
    trachsel: Home,
    keller: Home,
    iseli: Home,
    case: String,
}

impl Story {
    fn new() -> Self {
        let world = World::new();
        let mut ruegg = world.found("ruegg", "Rita Rüegg", "Sozialdienst", "soz");
        let trachsel = world.colleague(&mut ruegg, "trachsel", "Tim Trachsel", Role::Manage);
        let keller = world.coaches(&mut ruegg, "keller", "Urs Keller", "Stellwerk", "su");
        let iseli = world.institution(&mut ruegg, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
        let case = ruegg.open_example_case();
        for team in [COACHES, IV] {
            ruegg.share(&case, &SectionKind::Core, team, Role::Read, "SHG19b");
        }
        let mut story = Self {
            world,
            ruegg,
            trachsel,
            keller,
            iseli,
            case,
        };
        story.sync();
        story
    }

    /// Everybody has everything.
    fn sync(&mut self) {
        for _ in 0..2 {
            self.ruegg.sync();
            self.trachsel.sync();
            self.keller.sync();
            self.iseli.sync();
        }
    }
}

fn case(home: &Home, number: &str) -> Case {
    home.nahtlos.find_case(number).unwrap()
}

fn member(home: &Home, name: &str) -> SpaceId {
    let directory = home.nahtlos.directory().unwrap();
    directory.find_member(name).unwrap()
}

fn today(home: &Home) -> Date {
    home.nahtlos.today().unwrap()
}

fn consent(home: &Home, shares: &[(SectionKind, &str)]) -> NewConsent {
    let shares = shares.iter().map(|(section, name)| ConsentShare {
        section: section.clone(),
        member: member(home, name),
        role: Role::Read,
        purpose: None,
    });
    NewConsent {
        giver: Giver::Client,
        shares: shares.collect(),
        valid_from: today(home),
        valid_until: None,
        form: ConsentForm::Paper,
        details: ConsentDetails::default(),
        replaces: None,
        note: None,
    }
}

fn give(home: &mut Home, number: &str, shares: &[(SectionKind, &str)]) -> EntryId {
    let new = consent(home, shares);
    home.nahtlos
        .consent_give(&case(home, number), &new)
        .unwrap()
}

fn withdraw(home: &mut Home, number: &str, consent: &EntryId) -> (bool, usize, usize) {
    let (case, today) = (case(home, number), today(home));
    let done = home
        .nahtlos
        .consent_withdraw(&case, consent, None, today, None)
        .unwrap();
    (done.recorded, done.ended, done.dropped)
}

fn try_withdraw(home: &mut Home, number: &str, consent: &EntryId) -> Result<usize, &'static str> {
    let (case, today) = (case(home, number), today(home));
    let done = home
        .nahtlos
        .consent_withdraw(&case, consent, None, today, None);
    done.map(|done| done.ended).map_err(|error| error.code())
}

/// What somebody holds in a section: role and basis of each grant.
fn held(home: &Home, number: &str, section: &SectionKind, name: &str) -> Vec<(String, String)> {
    let explained = explain(home, number, section, name);
    let grants = explained.grants.into_iter();
    grants
        .map(|grant| (grant.role.to_owned(), grant.basis.unwrap_or_default()))
        .collect()
}

fn explain(
    home: &Home,
    number: &str,
    section: &SectionKind,
    name: &str,
) -> nahtlos_client::explaining::Explanation {
    home.nahtlos
        .explain_share(
            &case(home, number),
            section,
            &member(home, name),
            &LegalBases::provided(),
        )
        .unwrap()
}

fn name_of(consent: &EntryId) -> String {
    consent.to_string().chars().take(8).collect()
}

#[test]
fn given_offline_exactly_the_shares_are_granted_and_explained_by_the_consent() {
    let mut story = Story::new();
    let (function, plan) = (SectionKind::Function, SectionKind::Plan);
    let shares = [
        (function.clone(), COACHES),
        (plan.clone(), COACHES),
        (plan.clone(), IV),
    ];
    let number = story.case.clone();
    let before = case(&story.ruegg, &number);
    assert!(before.section(&SectionKind::Consent).is_err(), "on demand");
    let id = give(&mut story.ruegg, &number, &shares);
    // The program ends before the sync; nothing is lost, nothing is delivered.
    story.ruegg = story.world.closed_and_reopened(story.ruegg);
    let early = case(&story.keller, &number);
    assert!(early.section(&function).is_err(), "control");
    story.sync();
    let basis = format!("consent {}", name_of(&id));
    for (section, holder, expected) in [
        (&function, COACHES, 1),
        (&plan, COACHES, 1),
        (&plan, IV, 1),
        (&function, IV, 0),
        (&SectionKind::Journal, COACHES, 0),
    ] {
        let held = held(&story.ruegg, &number, section, holder);
        assert_eq!(held.len(), expected, "{section} {holder}");
        assert!(
            held.iter()
                .all(|one| *one == ("read".into(), basis.clone()))
        );
    }
    let keller = &story.keller.nahtlos;
    let shared = case(&story.keller, &number);
    assert!(keller.section_document(&shared, &function).is_ok());
    assert!(
        keller
            .section_document(&shared, &SectionKind::Consent)
            .is_err()
    );
    let sentences = explain(&story.ruegg, &number, &function, "Urs Keller").sentences;
    let covers = format!("Consent {} (given by: client) covers it from", name_of(&id));
    assert!(
        sentences
            .iter()
            .any(|sentence| sentence.starts_with(&covers)),
        "{sentences:?}"
    );
    // Nobody's marker lies anywhere in clear: the basis is sealed like everything else.
    assert!(!holds(&story.world.relay_bytes(), &basis));
    assert!(!holds(&bytes_below(&story.ruegg.path), &basis));
}

#[test]
fn withdrawn_offline_the_coach_reads_nothing_newer_and_who_reads_by_law_goes_on() {
    let mut story = Story::new();
    let number = story.case.clone();
    let function = SectionKind::Function;
    let plan = SectionKind::Plan;
    story
        .ruegg
        .share(&number, &function, IV, Role::Read, "IVG68bis2");
    let shares = [
        (function.clone(), COACHES),
        (function.clone(), IV),
        (plan.clone(), COACHES),
    ];
    let id = give(&mut story.ruegg, &number, &shares);
    story.sync();
    assert_eq!(
        held(&story.ruegg, &number, &function, IV).len(),
        2,
        "control"
    );

    let preview = story
        .ruegg
        .nahtlos
        .preview_withdrawal(&case(&story.ruegg, &number), &id, None, today(&story.ruegg))
        .unwrap();
    let of_function = &preview.sections[0];
    assert_eq!(of_function.section, "function");
    assert_eq!(of_function.lose, ["Urs Keller (Stellwerk)"]);
    assert_eq!(of_function.keep, ["Marc Iseli (IV-Stelle Bern)"]);
    let stays: Vec<&str> = of_function
        .stays
        .iter()
        .filter_map(|grant| grant.basis.as_deref())
        .collect();
    assert!(stays.contains(&"IVG68bis2"), "{stays:?}");

    // Only `function` for the coaches: the plan stays.
    let part = [(function.clone(), member(&story.ruegg, COACHES))];
    let (own, day) = (case(&story.ruegg, &number), today(&story.ruegg));
    let done = story
        .ruegg
        .nahtlos
        .consent_withdraw(&own, &id, Some(&part), day, None)
        .unwrap();
    assert_eq!((done.recorded, done.ended, done.dropped), (true, 1, 0));
    story.ruegg = story.world.closed_and_reopened(story.ruegg);
    story.sync();
    assert_eq!(held(&story.ruegg, &number, &function, COACHES), []);
    assert_eq!(held(&story.ruegg, &number, &plan, COACHES).len(), 1);
    let explained = explain(&story.ruegg, &number, &function, "Urs Keller").sentences;
    assert!(explained[0].starts_with("No longer:"), "{explained:?}");
    let said = format!("it was withdrawn on {day}.");
    assert!(explained.iter().any(|sentence| sentence.ends_with(&said)));

    // The rest of it too: the law stays.
    assert_eq!(withdraw(&mut story.ruegg, &number, &id), (true, 2, 0));
    story.sync();
    let by_law = vec![("read".to_owned(), "IVG68bis2".to_owned())];
    assert_eq!(held(&story.ruegg, &number, &function, IV), by_law);
    let explained = explain(&story.ruegg, &number, &function, "Marc Iseli").sentences;
    assert!(explained[0].starts_with("Yes:"), "{explained:?}");
    // Again there is nothing to do, and nothing is done.
    assert_eq!(withdraw(&mut story.ruegg, &number, &id), (false, 0, 0));

    // Consent again: the coach reads by the new one.
    let again = give(&mut story.ruegg, &number, &[(function.clone(), COACHES)]);
    story.sync();
    let basis = format!("consent {}", name_of(&again));
    let by_consent = vec![("read".to_owned(), basis)];
    assert_eq!(held(&story.ruegg, &number, &function, COACHES), by_consent);
    let shared = case(&story.keller, &number);
    assert!(
        story
            .keller
            .nahtlos
            .section_document(&shared, &function)
            .is_ok()
    );
}

#[test]
fn what_was_withdrawn_before_it_was_delivered_is_never_granted() {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(SectionKind::Function, COACHES), (SectionKind::Plan, IV)];
    let id = give(&mut story.ruegg, &number, &shares);
    let waiting = story.ruegg.nahtlos.status().unwrap().waiting_decisions;
    assert_eq!(waiting.len(), 2, "control: {waiting:?}");
    assert_eq!(withdraw(&mut story.ruegg, &number, &id), (true, 0, 2));
    story.sync();
    assert_eq!(
        held(&story.ruegg, &number, &SectionKind::Function, COACHES),
        []
    );
    let sections = case(&story.keller, &number).sections;
    assert!(sections.contains_key(&SectionKind::Core), "control");
    assert_eq!(sections.len(), 1);
    let consents = story
        .trachsel
        .nahtlos
        .consents(&case(&story.trachsel, &number))
        .unwrap();
    assert_eq!((consents.given.len(), consents.withdrawn.len()), (1, 1));
}

#[test]
fn two_colleagues_who_record_the_first_consent_at_once_lose_neither() {
    let mut story = Story::new();
    let number = story.case.clone();
    let one = give(
        &mut story.ruegg,
        &number,
        &[(SectionKind::Function, COACHES)],
    );
    let other = give(&mut story.trachsel, &number, &[(SectionKind::Plan, IV)]);
    story.sync();
    for home in [&mut story.ruegg, &mut story.trachsel] {
        let consents = home.nahtlos.consents(&case(home, &number)).unwrap();
        assert_eq!(consents.given.len(), 2);
        assert_eq!(consents.violations, []);
    }
    // Each can withdraw what the other recorded.
    assert_eq!(withdraw(&mut story.ruegg, &number, &other), (true, 1, 0));
    assert_eq!(withdraw(&mut story.trachsel, &number, &one), (true, 1, 0));
    story.sync();
    assert_eq!(held(&story.ruegg, &number, &SectionKind::Plan, IV), []);
    assert_eq!(
        held(&story.ruegg, &number, &SectionKind::Function, COACHES),
        []
    );
}

#[test]
fn a_grant_that_came_back_is_not_made_once_its_consent_is_withdrawn() {
    let mut story = Story::new();
    let number = story.case.clone();
    let function = SectionKind::Function;
    story
        .ruegg
        .share(&number, &function, COACHES, Role::Read, "trial week");
    story.sync();
    // Offline, Rüegg records a consent while Trachsel ends the coaches' right: hers comes back.
    let id = give(&mut story.ruegg, &number, &[(function.clone(), COACHES)]);
    let ending = story
        .trachsel
        .nahtlos
        .withdrawal(
            &case(&story.trachsel, &number),
            &function,
            &member(&story.trachsel, COACHES),
        )
        .unwrap();
    story
        .trachsel
        .nahtlos
        .end(&ending, nahtlos_client::ending::Reason::Unstated)
        .unwrap();
    story.trachsel.sync();
    story.ruegg.sync();
    let returned = story.ruegg.nahtlos.decisions().unwrap();
    assert_eq!(returned.len(), 1, "control: {returned:?}");
    assert_eq!(returned[0].state, "returned");

    // The event arrived; the consent is withdrawn on the other device, which sees no grant of it.
    story.sync();
    assert_eq!(withdraw(&mut story.trachsel, &number, &id), (true, 0, 0));
    story.trachsel.sync();
    story.ruegg.sync();
    story.ruegg.nahtlos.retry_decision(&returned[0].id).unwrap();
    story.sync();
    assert_eq!(held(&story.ruegg, &number, &function, COACHES), []);
    let again = story.ruegg.nahtlos.decisions().unwrap();
    let reason = again[0].reason.clone().unwrap();
    assert!(reason.contains(&name_of(&id)), "{reason}");
    // Withdrawing it here takes the decision away: nobody can make it by mistake.
    assert_eq!(withdraw(&mut story.ruegg, &number, &id), (false, 0, 1));
    assert_eq!(story.ruegg.nahtlos.decisions().unwrap(), []);
}

#[test]
fn what_a_consent_cannot_do_is_refused_and_leaves_nothing() {
    let mut story = Story::new();
    let number = story.case.clone();
    let function = SectionKind::Function;
    let team = "Sozialdienst Team 1";
    story
        .ruegg
        .share(&number, &SectionKind::Core, IV, Role::Manage, "AVG35a1");
    story
        .ruegg
        .share(&number, &function, IV, Role::Manage, "AVG35a1");
    let own = case(&story.ruegg, &number);
    story
        .ruegg
        .nahtlos
        .open_section(&own, &SectionKind::Ident)
        .unwrap();
    story.sync();
    let try_give = |home: &mut Home, new: &NewConsent| {
        let case = case(home, &number);
        let error: Result<EntryId, ClientError> = home.nahtlos.consent_give(&case, new);
        error.map_err(|error| error.code())
    };
    // Another institution keeps no ledger of this case, also where it manages the section.
    let foreign = consent(&story.iseli, &[(function.clone(), team)]);
    assert_eq!(try_give(&mut story.iseli, &foreign), Err("no_right"));
    let good = consent(&story.ruegg, &[(function.clone(), COACHES)]);
    let tomorrow = Date::new(2199, 1, 1).unwrap();
    let later = NewConsent {
        valid_from: tomorrow,
        ..good.clone()
    };
    let over = NewConsent {
        valid_from: Date::new(2020, 1, 1).unwrap(),
        valid_until: Some(Date::new(2020, 12, 31).unwrap()),
        ..good.clone()
    };
    let nothing = NewConsent {
        shares: Vec::new(),
        ..good.clone()
    };
    // A consent does not replace the law where the section is open by law alone.
    let by_law = consent(&story.ruegg, &[(SectionKind::Ident, IV)]);
    // One share that is not possible: none is made.
    let half = consent(
        &story.ruegg,
        &[(function.clone(), COACHES), (SectionKind::Ident, COACHES)],
    );
    for (wrong, code) in [
        (&later, "future"),
        (&over, "past"),
        (&nothing, "empty"),
        (&by_law, "no_right"),
        (&half, "no_right"),
    ] {
        assert_eq!(try_give(&mut story.ruegg, wrong), Err(code));
    }
    let own = case(&story.ruegg, &number);
    assert!(own.section(&SectionKind::Consent).is_err());
    assert_eq!(
        story.ruegg.nahtlos.status().unwrap().waiting_decisions,
        Vec::<String>::new()
    );
    let id = try_give(&mut story.ruegg, &good).unwrap();
    let own = case(&story.ruegg, &number);
    let mut withdraw = |part: Option<&[(SectionKind, SpaceId)]>, day: Date| {
        let done = story
            .ruegg
            .nahtlos
            .consent_withdraw(&own, &id, part, day, None);
        done.map_err(|error| error.code())
    };
    assert_eq!(withdraw(None, tomorrow), Err("future"));
    let elsewhere = [(SectionKind::Plan, SpaceId([7; 32]))];
    let day = good.valid_from;
    assert_eq!(withdraw(Some(&elsewhere), day), Err("not_found"));
    assert!(withdraw(None, day).is_ok(), "control");
}

#[test]
fn a_right_ends_with_the_last_day_of_its_consent() {
    let mut story = Story::new();
    let number = story.case.clone();
    let day = today(&story.ruegg);
    let until = Date::new(day.parts().0 + 1, 6, 30).unwrap();
    let new = NewConsent {
        valid_until: Some(until),
        ..consent(&story.ruegg, &[(SectionKind::Function, COACHES)])
    };
    let own = case(&story.ruegg, &number);
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    story.sync();
    let explained = explain(&story.ruegg, &number, &SectionKind::Function, COACHES);
    let grant = &explained.grants[0];
    let basis = grant.basis.as_deref().unwrap();
    assert!(
        basis.ends_with(&format!(", valid until {until}")),
        "{basis}"
    );
    // 22:00 UTC is midnight in Switzerland in summer.
    let last_ms = grant.not_after_ms.unwrap();
    assert_eq!(last_ms % 86_400_000, 22 * 3_600_000 - 1);
}
