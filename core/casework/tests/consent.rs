//! The consent ledger: what it covers on a day, what takes it back, and what nobody can do to it.

mod support;

use nahtlos_casework::edit::{
    Consent, ConsentEdit, ConsentEvent, Extension, Narrowing, Replacement, Withdrawal,
};
use nahtlos_casework::fields::{ConsentForm, Date, Field, InstitutionId, MemberId, Stored};
use nahtlos_casework::record::{ConsentDetails, ConsentScope, ConsentScopes, Giver};
use nahtlos_casework::view::{ComingOfAge, ConsentView};
use nahtlos_casework::{Edit, Rule, SectionKind, conflicts};
use nahtlos_document::Path;
use support::{Replica, authors, field, id, replicas, sync};

fn scope(section: SectionKind, member: &str) -> ConsentScope {
    ConsentScope {
        section,
        member: field(member),
        institution: field("stellwerk"),
        purpose: None,
        direction: None,
    }
}

fn scopes(pairs: &[(SectionKind, &str)]) -> ConsentScopes {
    let pairs = pairs.iter().cloned();
    ConsentScopes::new(pairs.map(|(section, member)| scope(section, member))).unwrap()
}

/// `function` and `plan` for the coach's team, until the end of 2027.
fn consent() -> Consent {
    Consent {
        giver: Giver::Client,
        scope: scopes(&[
            (SectionKind::Function, "coaches"),
            (SectionKind::Plan, "coaches"),
        ]),
        valid_from: field("2027-01-04"),
        valid_until: Some(field("2027-12-31")),
        form: ConsentForm::Paper,
        details: ConsentDetails::default(),
        note: Some(field("Vollmacht im Ordner")),
    }
}

fn event(number: u8, event: ConsentEvent) -> Edit {
    Edit::Consent(ConsentEdit::new(id(number), event))
}

fn give(number: u8, consent: Consent) -> Edit {
    event(number, ConsentEvent::Given(Box::new(consent)))
}

fn withdraw(number: u8, scope: Option<ConsentScopes>, stated_at: &str) -> Edit {
    let withdrawal = Withdrawal {
        consent: id(1),
        scope,
        stated_at: field(stated_at),
        note: None,
    };
    event(number, ConsentEvent::Withdrawn(withdrawal))
}

fn narrow(number: u8, scope: Option<ConsentScopes>, until: Option<&str>, stated_at: &str) -> Edit {
    let narrowing = Narrowing {
        consent: id(1),
        scope,
        valid_until: until.map(field),
        stated_at: field(stated_at),
        note: None,
    };
    event(number, ConsentEvent::Narrowed(narrowing))
}

fn extend(number: u8, scope: Option<ConsentScopes>, until: Option<&str>, stated_at: &str) -> Edit {
    let extension = Extension {
        consent: id(1),
        scope,
        valid_until: until.map(field),
        stated_at: field(stated_at),
        form: ConsentForm::Verbal,
        details: ConsentDetails::default(),
        note: None,
    };
    event(number, ConsentEvent::Extended(Box::new(extension)))
}

/// The consent 9 stands in place of the consent 1.
fn replace(number: u8, stated_at: &str) -> Edit {
    let replacement = Replacement {
        consent: id(1),
        by: id(9),
        stated_at: field(stated_at),
    };
    event(number, ConsentEvent::Superseded(replacement))
}

fn ledger(replica: &Replica) -> ConsentView {
    let home: InstitutionId = field("rav");
    ConsentView::read(&replica.document, &authors(), &home)
}

fn is_covered(view: &ConsentView, section: SectionKind, day: &str) -> bool {
    let coaches: MemberId = field("coaches");
    !view.covering(&section, &coaches, field(day)).is_empty()
}

#[test]
fn a_consent_covers_its_shares_from_its_first_day_to_its_last() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let view = ledger(&berger);
    assert_eq!(view.violations, []);
    for (day, expected) in [
        ("2027-01-03", false),
        ("2027-01-04", true),
        ("2027-12-31", true),
        ("2028-01-01", false),
    ] {
        assert_eq!(is_covered(&view, SectionKind::Function, day), expected);
    }
    assert!(!is_covered(&view, SectionKind::Medical, "2027-06-01"));
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["given"][0]["form"], "paper");
    assert_eq!(json["given"][0]["scope"][0]["section"], "function");
    let coverage = serde_json::to_value(view.coverage()).unwrap();
    assert_eq!(coverage[1]["section"], "plan");
    assert_eq!(coverage[1]["withdrawn_at"], serde_json::Value::Null);
}

#[test]
fn a_part_that_is_withdrawn_leaves_the_rest_and_the_past_as_they_were() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let part = scopes(&[(SectionKind::Function, "coaches")]);
    berger.apply(&withdraw(2, Some(part), "2027-03-21"), 2);
    let view = ledger(&berger);
    assert!(is_covered(&view, SectionKind::Function, "2027-03-20"));
    assert!(!is_covered(&view, SectionKind::Function, "2027-03-21"));
    assert!(is_covered(&view, SectionKind::Plan, "2027-06-01"));
    let withdrawn: Vec<Option<Date>> = view
        .coverage()
        .iter()
        .map(|coverage| coverage.withdrawn_at)
        .collect();
    assert_eq!(withdrawn, [Some(field("2027-03-21")), None]);

    berger.apply(&withdraw(3, None, "2027-05-02"), 3);
    let view = ledger(&berger);
    assert!(!is_covered(&view, SectionKind::Plan, "2027-06-01"));
    assert!(is_covered(&view, SectionKind::Plan, "2027-05-01"));
    // The first withdrawal stays the one that counts for its share.
    assert!(!is_covered(&view, SectionKind::Function, "2027-04-01"));
    assert_eq!(view.violations, []);
}

#[test]
fn consent_again_after_a_withdrawal_covers_from_then_on() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    berger.apply(&withdraw(2, None, "2027-03-21"), 2);
    let again = Consent {
        valid_from: field("2027-04-29"),
        ..consent()
    };
    berger.apply(&give(3, again), 3);
    let view = ledger(&berger);
    assert!(!is_covered(&view, SectionKind::Function, "2027-04-28"));
    let coaches: MemberId = field("coaches");
    let today = view.covering(&SectionKind::Function, &coaches, field("2027-04-29"));
    let consents: Vec<_> = today.iter().map(|coverage| coverage.consent).collect();
    assert_eq!(consents, [id(3)]);
}

#[test]
fn narrowed_a_consent_covers_less_and_extended_more_from_the_day_it_was_said() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let function = scopes(&[(SectionKind::Function, "coaches")]);
    let journal = scopes(&[(SectionKind::Journal, "coaches")]);
    berger.apply(&narrow(2, Some(function.clone()), None, "2027-03-21"), 2);
    berger.apply(&extend(3, Some(journal.clone()), None, "2027-04-01"), 3);
    let view = ledger(&berger);
    assert_eq!((view.violations.len(), view.not_understood.len()), (0, 0));
    for (section, day, expected) in [
        (SectionKind::Function, "2027-03-20", true),
        (SectionKind::Function, "2027-03-21", false),
        (SectionKind::Plan, "2027-06-01", true),
        (SectionKind::Journal, "2027-03-31", false),
        (SectionKind::Journal, "2027-04-01", true),
    ] {
        assert_eq!(
            is_covered(&view, section.clone(), day),
            expected,
            "{section} {day}"
        );
    }
    // What was added can be taken back; what was taken back is not added again by an extension.
    berger.apply(&withdraw(4, Some(journal), "2027-05-02"), 4);
    berger.apply(&extend(5, Some(function), None, "2027-05-03"), 5);
    let view = ledger(&berger);
    assert!(!is_covered(&view, SectionKind::Journal, "2027-05-02"));
    assert!(!is_covered(&view, SectionKind::Function, "2027-06-01"));
}

#[test]
fn the_last_day_is_that_of_the_latest_event_and_every_event_changes_something() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let last = |berger: &Replica| ledger(berger).coverage()[0].until;
    berger.apply(&extend(2, None, Some("2028-06-30"), "2027-11-02"), 2);
    assert_eq!(last(&berger), Some(field("2028-06-30")));
    berger.apply(&narrow(3, None, Some("2028-01-31"), "2027-12-01"), 3);
    assert_eq!(last(&berger), Some(field("2028-01-31")));
    let code = |berger: &mut Replica, edit: &Edit| berger.try_apply(edit, 1).unwrap_err().code();
    assert_eq!(
        code(&mut berger, &narrow(4, None, None, "2027-12-01")),
        "empty"
    );
    assert_eq!(
        code(&mut berger, &extend(4, None, None, "2027-12-01")),
        "empty"
    );
    let back = narrow(4, None, Some("2027-11-30"), "2027-12-01");
    assert_eq!(code(&mut berger, &back), "order");
    let elsewhere = scopes(&[(SectionKind::Medical, "coaches")]);
    let other = narrow(4, Some(elsewhere), None, "2027-12-01");
    assert_eq!(code(&mut berger, &other), "missing");
}

#[test]
fn a_consent_that_another_one_replaces_covers_nothing_from_that_day_on() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let new = Consent {
        valid_from: field("2027-05-02"),
        ..consent()
    };
    berger.apply(&give(9, new), 2);
    berger.apply(&replace(3, "2027-05-02"), 3);
    let view = ledger(&berger);
    let coaches: MemberId = field("coaches");
    let by = |day: &str| -> Vec<_> {
        let covering = view.covering(&SectionKind::Plan, &coaches, field(day));
        covering.into_iter().map(|one| one.consent).collect()
    };
    assert_eq!(by("2027-05-01"), [id(1)]);
    assert_eq!(by("2027-05-02"), [id(9)]);
}

#[test]
fn what_a_representative_allowed_ends_before_the_person_comes_of_age() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    let represented = Consent {
        giver: Giver::Representative {
            name: field("Lejla Hadžić"),
        },
        ..consent()
    };
    berger.apply(&give(1, represented), 1);
    let on = |day: &str| ComingOfAge {
        earliest: field(day),
        latest: field(day),
    };
    let of_age = |day: &str| ledger(&berger).with_coming_of_age(Some(on(day)));
    let young = of_age("2027-06-15");
    assert!(is_covered(&young, SectionKind::Plan, "2027-06-14"));
    assert!(!is_covered(&young, SectionKind::Plan, "2027-06-15"));
    assert_eq!(
        young.coming_of_age_ends(field("2027-06-01")),
        Some(field("2027-06-15"))
    );
    assert_eq!(young.coming_of_age_ends(field("2027-06-15")), None);
    // Later than the last day, and somebody who was of age when it was given: nothing ends by it.
    for day in ["2028-06-15", "2026-06-15", "2027-01-04"] {
        let view = of_age(day);
        assert!(is_covered(&view, SectionKind::Plan, "2027-12-31"), "{day}");
        assert_eq!(view.coming_of_age_ends(field("2027-06-01")), None);
    }
    // What the person allowed themselves does not end by it either.
    let [mut other, ..] = replicas(&SectionKind::Consent);
    other.apply(&give(1, consent()), 1);
    let own = ledger(&other).with_coming_of_age(Some(on("2027-06-15")));
    assert!(is_covered(&own, SectionKind::Plan, "2027-06-15"));
}

#[test]
fn what_is_signed_is_every_field_that_is_stored_and_the_signature_stands_beside_it() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    let mut edit = ConsentEdit::new(id(1), ConsentEvent::Given(Box::new(consent())));
    edit.signature = Some(field("c2lnbmVk"));
    let said = edit.fields();
    berger.apply(&Edit::Consent(edit), 1);
    let view = ledger(&berger);
    let recorded = &view.recorded[0];
    assert_eq!(recorded.fields, said);
    assert_eq!(recorded.signature.as_deref(), Some("c2lnbmVk"));
    assert_eq!(said["kind"], "given");
    assert_eq!(said["valid_from"], "2027-01-04");
}

#[test]
fn only_what_was_given_can_be_withdrawn_and_days_must_be_in_order() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    let code = |berger: &mut Replica, edit: &Edit| berger.try_apply(edit, 1).unwrap_err().code();
    assert_eq!(
        code(&mut berger, &withdraw(2, None, "2027-03-21")),
        "missing"
    );
    berger.apply(&give(1, consent()), 1);
    let other = scopes(&[(SectionKind::Medical, "coaches")]);
    let edit = withdraw(2, Some(other), "2027-03-21");
    assert_eq!(code(&mut berger, &edit), "missing");
    berger.apply(&withdraw(2, None, "2027-03-21"), 2);
    let of_a_withdrawal = Withdrawal {
        consent: id(2),
        scope: None,
        stated_at: field("2027-03-21"),
        note: None,
    };
    let of_a_withdrawal = event(3, ConsentEvent::Withdrawn(of_a_withdrawal));
    assert_eq!(code(&mut berger, &of_a_withdrawal), "missing");
    let backwards = Consent {
        valid_until: Some(field("2027-01-03")),
        ..consent()
    };
    assert_eq!(code(&mut berger, &give(4, backwards)), "order");
    assert_eq!(code(&mut berger, &give(1, consent())), "write", "used id");
}

#[test]
fn two_colleagues_who_record_the_same_withdrawal_make_no_conflict() {
    let mut four = replicas(&SectionKind::Consent);
    four[0].apply(&give(1, consent()), 1);
    sync(&mut four);
    // A colleague of Berger's, at a device of her own.
    four[1].author = support::author("rav", "trachsel");
    let trachsel = four[1].author.clone();
    let mut known = authors();
    let devices: Vec<[u8; 16]> = known.keys().copied().collect();
    known.insert(devices[1], trachsel);
    four[0].apply(&withdraw(2, None, "2027-03-22"), 2);
    four[1].apply(&withdraw(3, None, "2027-03-21"), 2);
    sync(&mut four);
    let home: InstitutionId = field("rav");
    let view = ConsentView::read(&four[2].document, &known, &home);
    assert_eq!((view.withdrawn.len(), view.violations.len()), (2, 0));
    assert_eq!(view.coverage()[0].withdrawn_at, Some(field("2027-03-21")));
    assert!(conflicts(&four[2].document, &SectionKind::Consent, &known).is_empty());
}

#[test]
fn what_another_institution_writes_counts_for_nothing() {
    let mut four = replicas(&SectionKind::Consent);
    four[0].apply(&give(1, consent()), 1);
    sync(&mut four);
    // Iseli's program is a modified one; it may write, but not consents.
    four[1].apply(&withdraw(2, None, "2027-03-21"), 2);
    four[1].apply(&give(3, consent()), 3);
    sync(&mut four);
    let view = ledger(&four[2]);
    assert_eq!((view.given.len(), view.withdrawn.len()), (1, 0));
    assert!(is_covered(&view, SectionKind::Plan, "2027-06-01"));
    let rules: Vec<Rule> = view.violations.iter().map(|found| found.rule).collect();
    assert_eq!(rules, [Rule::OnlyHomeRecordsConsent; 2]);
    let by = view.violations[0].by.author.as_ref().unwrap();
    assert_eq!(by.person.as_str(), "iseli");
}

#[test]
fn an_event_that_a_modified_program_changed_reads_as_it_was_written() {
    let event = Path::from_iter(["events".to_owned(), id(1).canonical()]);
    type Tampering = fn(&mut Replica, &Path);
    let forbidden: [Tampering; 3] = [
        |replica, event| {
            replica.tamper(|editor| editor.put(event.join("valid_until"), "2099-12-31"));
        },
        |replica, event| replica.tamper(|editor| editor.delete(event)),
        |replica, event| {
            replica.tamper_with(|editor| {
                editor.delete(event).unwrap();
                editor.put_map(event).unwrap();
                editor.put(event.join("kind"), "withdrawn").unwrap();
            });
        },
    ];
    for tampering in forbidden {
        // By somebody of another institution, and by one of the home itself.
        for (author, rule) in [
            (1, Rule::OnlyHomeRecordsConsent),
            (0, Rule::EntriesAreImmutable),
        ] {
            let mut four = replicas(&SectionKind::Consent);
            four[0].apply(&give(1, consent()), 1);
            sync(&mut four);
            let written = ledger(&four[2]);
            assert_eq!(written.violations, [], "control");
            tampering(&mut four[author], &event);
            sync(&mut four);
            let view = ledger(&four[2]);
            assert_eq!(view.given, written.given);
            assert_eq!(view.withdrawn, []);
            let rules: Vec<Rule> = view.violations.iter().map(|found| found.rule).collect();
            assert_eq!(rules, [rule]);
        }
    }
}

#[test]
fn an_event_cannot_be_hidden_by_a_concurrent_one_under_its_identifier() {
    let mut four = replicas(&SectionKind::Consent);
    four[0].apply(&give(1, consent()), 1);
    // Iseli's modified program knows the identifier, and writes without having seen the event; many
    // operations before it make its own the winner of the merge.
    for number in 10..20 {
        four[1].apply(&give(number, consent()), 1);
    }
    let narrow = Consent {
        scope: scopes(&[(SectionKind::Core, "elsewhere")]),
        ..consent()
    };
    four[1].apply(&give(1, narrow), 2);
    sync(&mut four);
    let winner = four[2]
        .document
        .read()
        .get_all(Path::from_iter(["events".to_owned(), id(1).canonical()]));
    assert_eq!(winner.len(), 2, "control: both stand in the document");
    let view = ledger(&four[2]);
    assert_eq!(view.given.len(), 1);
    assert!(is_covered(&view, SectionKind::Plan, "2027-06-01"));
}

#[test]
fn an_event_of_a_newer_version_is_shown_as_not_understood() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let event = Path::from_iter(["events", "aaaaaaaaaaaaa"]);
    berger.tamper_with(|editor| {
        editor.put_map(&event).unwrap();
        editor.put(event.join("kind"), "suspended").unwrap();
    });
    let view = ledger(&berger);
    assert_eq!((view.given.len(), view.not_understood.len()), (1, 1));
    assert_eq!(view.violations, []);
}

#[test]
fn how_long_a_consent_holds_is_not_understood_where_a_newer_version_said_something_of_it() {
    let understood = |about: Option<u8>, day: Option<&str>| {
        let [mut berger, ..] = replicas(&SectionKind::Consent);
        berger.apply(&give(1, consent()), 1);
        berger.apply(&give(2, consent()), 2);
        let event = Path::from_iter(["events", "aaaaaaaaaaaaa"]);
        berger.tamper_with(|editor| {
            editor.put_map(&event).unwrap();
            let kind = if day.is_some() { "extended" } else { "resumed" };
            editor.put(event.join("kind"), kind).unwrap();
            editor.put(event.join("stated_at"), "2027-03-01").unwrap();
            if let Some(number) = about {
                editor
                    .put(event.join("consent"), id(number).canonical())
                    .unwrap();
            }
            if let Some(day) = day {
                editor.put(event.join("valid_until"), day).unwrap();
            }
        });
        let view = ledger(&berger);
        [1, 2].map(|number| view.is_understood(&id(number)))
    };
    assert_eq!(understood(Some(1), None), [false, true]);
    assert_eq!(
        understood(None, None),
        [false, false],
        "it may be about either"
    );
    assert_eq!(
        understood(Some(2), Some("2199-06-30")),
        [true, true],
        "control"
    );
    assert_eq!(understood(Some(2), Some("until recalled")), [true, false]);
}

#[test]
fn a_withdrawal_that_cannot_be_read_whole_takes_back_more_rather_than_less() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    berger.apply(&give(1, consent()), 1);
    let event = Path::from_iter(["events", "aaaaaaaaaaaaa"]);
    berger.tamper_with(|editor| {
        editor.put_map(&event).unwrap();
        editor.put(event.join("kind"), "withdrawn").unwrap();
        let consent = id(1).canonical();
        editor.put(event.join("consent"), consent).unwrap();
        editor
            .put(event.join("scope"), "all of a newer kind")
            .unwrap();
        editor.put(event.join("stated_at"), "next spring").unwrap();
    });
    let view = ledger(&berger);
    assert!(matches!(
        view.withdrawn[0].stated_at,
        Some(Stored::Unknown(_))
    ));
    assert!(!is_covered(&view, SectionKind::Plan, "2027-01-04"));
}

#[test]
fn consent_edits_round_trip_through_json_and_show_no_person_to_a_debugger() {
    let representative = Consent {
        giver: Giver::Representative {
            name: field("Lejla Hadžić"),
        },
        ..consent()
    };
    let part = scopes(&[(SectionKind::Function, "coaches")]);
    for edit in [
        give(1, representative),
        withdraw(2, Some(part), "2027-03-21"),
        withdraw(2, None, "2027-03-21"),
        narrow(3, None, Some("2027-06-30"), "2027-03-21"),
        extend(4, None, Some("2028-06-30"), "2027-03-21"),
        replace(5, "2027-03-21"),
    ] {
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(serde_json::from_str::<Edit>(&json).unwrap(), edit, "{json}");
        assert_eq!(edit.section(), SectionKind::Consent);
        edit.validate().unwrap();
        let printed = format!("{edit:?}");
        assert!(!printed.contains("Lejla") && !printed.contains("Vollmacht"));
    }
    let nothing = r#"{"consent":{"id":"aaaaaaaaaaaaa","event":{"withdrawn":{"consent":"aaaaaaaaaaaaa","scope":[],"stated_at":"2027-03-21"}}}}"#;
    assert!(serde_json::from_str::<Edit>(nothing).is_err());
    let all = nothing.replace(r#""scope":[],"#, "");
    assert!(serde_json::from_str::<Edit>(&all).is_ok(), "control");
}

#[test]
fn consents_keep_their_numbers_when_one_is_recorded_whatever_day_it_begins_on() {
    let [mut berger, ..] = replicas(&SectionKind::Consent);
    let numbered = |replica: &Replica| -> Vec<_> {
        let given = ledger(replica).given;
        given.iter().map(|one| *one.id.known().unwrap()).collect()
    };
    // In one second; the last one is dated back.
    for (number, from) in [(7, "2027-01-04"), (3, "2027-01-04"), (5, "2026-12-01")] {
        let before = numbered(&berger);
        let consent = Consent {
            valid_from: field(from),
            ..consent()
        };
        berger.apply(&give(number, consent), 1);
        assert_eq!(numbered(&berger)[..before.len()], before, "none has moved");
    }
    assert_eq!(numbered(&berger), [id(7), id(3), id(5)]);
}
