//! A consent that covers less, more or gives way to another one, and the rights that follow.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ConsentEdit, ConsentEvent, Edit, Extension};
use nahtlos_casework::fields::{ConsentForm, EntryId, Field, InstitutionId, MemberId};
use nahtlos_casework::record::{ConsentDetails, ConsentScope, ConsentScopes};
use nahtlos_client::ClientError;
use nahtlos_client::consent::{
    ConsentExtension, ConsentShare, Extended, Less, NewConsent, Withdrawn,
};
use nahtlos_protocol::space::Role;
use nahtlos_tests::Home;

use crate::time::{now_ms, set_back};
use crate::{COACHES, IV, Story, case, consent, give, held, member, name_of, today};

const FUNCTION: SectionKind = SectionKind::Function;
const PLAN: SectionKind = SectionKind::Plan;

fn names_its_consent(held: &[(String, String)], consent: &EntryId) -> bool {
    let name = name_of(consent);
    !held.is_empty() && held.iter().all(|(_, basis)| basis.contains(&name))
}

fn extend(
    home: &mut Home,
    number: &str,
    extension: &ConsentExtension,
) -> Result<Extended, &'static str> {
    let own = case(home, number);
    let extended = home.nahtlos.consent_extend(&own, extension);
    extended.map_err(|error: ClientError| error.code())
}

/// Narrows a consent today.
fn narrow(
    home: &mut Home,
    number: &str,
    consent: &EntryId,
    less: &Less<'_>,
    note: Option<&str>,
) -> Result<Withdrawn, &'static str> {
    let (own, day) = (case(home, number), today(home));
    let note = note.map(|note| Field::parse(note).unwrap());
    let narrowed = home.nahtlos.consent_narrow(&own, consent, less, day, note);
    narrowed.map_err(|error| error.code())
}

fn by_nothing(consent: EntryId) -> ConsentExtension {
    ConsentExtension {
        consent,
        shares: Vec::new(),
        valid_until: None,
        form: ConsentForm::Verbal,
        details: ConsentDetails::default(),
        note: None,
    }
}

#[test]
fn narrowed_exactly_the_shares_that_were_taken_out_end() {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(FUNCTION, COACHES), (PLAN, COACHES), (PLAN, IV)];
    let id = give(&mut story.ruegg, &number, &shares);
    story.sync();
    let own = case(&story.ruegg, &number);
    let part = [(PLAN, member(&story.ruegg, COACHES))];
    let less = Less {
        part: Some(&part),
        valid_until: None,
    };
    let day = today(&story.ruegg);
    let done = story
        .ruegg
        .nahtlos
        .consent_narrow(&own, &id, &less, day, None);
    let done = done.unwrap();
    assert_eq!((done.recorded, done.ended), (true, 1));
    story.sync();
    assert_eq!(held(&story.ruegg, &number, &PLAN, COACHES), []);
    assert!(names_its_consent(
        &held(&story.ruegg, &number, &PLAN, IV),
        &id
    ));
    let function = held(&story.ruegg, &number, &FUNCTION, COACHES);
    assert!(names_its_consent(&function, &id));
    let again = story
        .ruegg
        .nahtlos
        .consent_narrow(&own, &id, &less, day, None);
    assert!(!again.unwrap().recorded, "it was taken out before");
}

#[test]
fn extended_the_further_share_is_granted_and_a_later_last_day_holds_for_all() {
    let mut story = Story::new();
    let number = story.case.clone();
    let day = today(&story.ruegg);
    let first = NewConsent {
        valid_until: day.plus_months(12),
        ..consent(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    let own = case(&story.ruegg, &number);
    let id = story.ruegg.nahtlos.consent_give(&own, &first).unwrap();
    story.sync();
    let plan = ConsentShare {
        section: PLAN,
        member: member(&story.ruegg, COACHES),
        role: Role::Write,
        purpose: None,
    };
    let more = ConsentExtension {
        shares: vec![plan.clone()],
        valid_until: day.plus_months(18),
        ..by_nothing(id)
    };
    let extended = extend(&mut story.ruegg, &number, &more).unwrap();
    assert_eq!((extended.new, extended.longer), (1, 1));
    story.sync();
    let granted = held(&story.ruegg, &number, &PLAN, COACHES);
    assert_eq!(granted[0].0, "write");
    assert!(names_its_consent(&granted, &id));
    let until = day.plus_months(18).unwrap().to_string();
    let function = held(&story.ruegg, &number, &FUNCTION, COACHES);
    assert_eq!(function.len(), 2, "the first right ends with its own day");
    assert!(function.iter().any(|(_, basis)| basis.contains(&until)));

    // What it has already, or had and lost, and an earlier last day are refused, and nothing is kept.
    let own = case(&story.ruegg, &number);
    let events = |home: &Home| home.nahtlos.consents(&own).unwrap().changed.len();
    let before = events(&story.ruegg);
    let twice = ConsentExtension {
        shares: vec![plan.clone()],
        ..by_nothing(id)
    };
    assert_eq!(extend(&mut story.ruegg, &number, &twice), Err("already"));
    let shorter = ConsentExtension {
        valid_until: day.plus_months(17),
        ..by_nothing(id)
    };
    assert_eq!(
        extend(&mut story.ruegg, &number, &shorter),
        Err("not_later")
    );
    assert_eq!(
        extend(&mut story.ruegg, &number, &by_nothing(id)),
        Err("empty")
    );
    assert_eq!(events(&story.ruegg), before);
    let part = [(PLAN, plan.member)];
    let withdrawn = story
        .ruegg
        .nahtlos
        .consent_withdraw(&own, &id, Some(&part), day, None);
    assert_eq!(
        withdrawn.unwrap().ended,
        1,
        "what extended it is withdrawn with it"
    );
    assert_eq!(extend(&mut story.ruegg, &number, &twice), Err("withdrawn"));
    crate::withdraw(&mut story.ruegg, &number, &id);
    let later = ConsentExtension {
        valid_until: day.plus_months(19),
        ..by_nothing(id)
    };
    assert_eq!(extend(&mut story.ruegg, &number, &later), Err("ended"));
}

#[test]
fn a_consent_that_replaces_another_one_carries_its_rights_on_without_a_gap() {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(FUNCTION, COACHES), (PLAN, COACHES)];
    let old = give(&mut story.ruegg, &number, &shares);
    story.sync();
    let new = NewConsent {
        replaces: Some(old),
        ..consent(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    let own = case(&story.ruegg, &number);
    let id = story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    story.ruegg.sync();
    // What Keller typed before he heard of it counts: he never lost the section.
    let function = held(&story.ruegg, &number, &FUNCTION, COACHES);
    assert_eq!(function.len(), 1, "{function:?}");
    assert!(names_its_consent(&function, &id));
    assert_eq!(held(&story.ruegg, &number, &PLAN, COACHES), []);
    story.sync();
    let own = case(&story.keller, &number);
    assert!(
        story
            .keller
            .nahtlos
            .section_document(&own, &FUNCTION)
            .is_ok()
    );
    let consents = story.ruegg.nahtlos.consents(&own).unwrap();
    let day = today(&story.ruegg);
    let replaced = consents
        .coverage()
        .into_iter()
        .filter(|one| one.consent == old);
    assert!(
        replaced
            .into_iter()
            .all(|one| one.superseded_at == Some(day))
    );
}

#[test]
fn narrowed_by_what_was_taken_out_before_and_an_earlier_day_the_day_and_the_note_are_kept() {
    let mut story = Story::new();
    let number = story.case.clone();
    let id = give(
        &mut story.ruegg,
        &number,
        &[(FUNCTION, COACHES), (PLAN, COACHES)],
    );
    let part = [(PLAN, member(&story.ruegg, COACHES))];
    let until = today(&story.ruegg).plus_months(2);
    let mut less = Less {
        part: Some(&part),
        valid_until: None,
    };
    narrow(&mut story.ruegg, &number, &id, &less, None).unwrap();
    less.valid_until = until;
    let note = Some("on the telephone");
    let done = narrow(&mut story.ruegg, &number, &id, &less, note).unwrap();
    assert!(done.recorded);
    let own = case(&story.ruegg, &number);
    let consents = story.ruegg.nahtlos.consents(&own).unwrap();
    let notes = consents.changed.iter().filter_map(|one| one.note.as_ref());
    let notes: Vec<String> = notes.map(ToString::to_string).collect();
    assert_eq!(notes, ["on the telephone"]);
    let coverage = consents.coverage();
    assert!(coverage.iter().all(|share| share.until == until));
    // Again it is no less than that.
    let again = narrow(&mut story.ruegg, &number, &id, &less, note);
    assert_eq!(again.unwrap_err(), "not_less");
    assert_eq!(
        narrow(&mut story.ruegg, &number, &id, &Less::default(), None).unwrap_err(),
        "empty"
    );
}

#[test]
fn a_closed_section_is_in_the_way_of_no_withdrawal() {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(SectionKind::Journal, COACHES), (PLAN, COACHES)];
    let id = give(&mut story.ruegg, &number, &shares);
    story.sync();
    let own = case(&story.ruegg, &number);
    let home = &mut story.ruegg.nahtlos;
    home.close_section(&own, &SectionKind::Journal).unwrap();
    story.sync();
    assert_eq!(
        held(&story.ruegg, &number, &SectionKind::Journal, COACHES).len(),
        1,
        "control"
    );
    assert_eq!(
        crate::withdraw(&mut story.ruegg, &number, &id),
        (true, 2, 0)
    );
    story.sync();
    for section in [SectionKind::Journal, PLAN] {
        assert_eq!(held(&story.ruegg, &number, &section, COACHES), []);
    }
}

#[test]
fn a_consent_that_replaces_one_with_a_closed_section_ends_that_right_too() {
    let mut story = Story::new();
    let number = story.case.clone();
    let shares = [(SectionKind::Journal, COACHES), (PLAN, COACHES)];
    let old = give(&mut story.ruegg, &number, &shares);
    story.sync();
    let own = case(&story.ruegg, &number);
    let home = &mut story.ruegg.nahtlos;
    home.close_section(&own, &SectionKind::Journal).unwrap();
    story.sync();
    let new = NewConsent {
        replaces: Some(old),
        ..consent(&story.ruegg, &[(PLAN, COACHES)])
    };
    let own = case(&story.ruegg, &number);
    let preview = story.ruegg.nahtlos.preview_consent(&own, &new).unwrap();
    let ends = preview.replaced.unwrap().sections;
    let lost: Vec<_> = ends.iter().map(|one| (&*one.section, &*one.lose)).collect();
    let keller = "Urs Keller (Stellwerk)".to_owned();
    assert_eq!(lost, [("plan", &[][..]), ("journal", &[keller][..])]);
    story.ruegg.nahtlos.consent_give(&own, &new).unwrap();
    story.sync();
    assert_eq!(
        held(&story.ruegg, &number, &SectionKind::Journal, COACHES),
        []
    );
    assert_eq!(held(&story.ruegg, &number, &PLAN, COACHES).len(), 1);
}

/// The plan is handed to the IV, which reads the ledger.
fn plan_handed_over(story: &mut Story) {
    let number = story.case.clone();
    let ledger = SectionKind::Consent;
    story
        .ruegg
        .share(&number, &ledger, IV, Role::Read, "AVG35a1");
    story
        .ruegg
        .share(&number, &PLAN, IV, Role::Manage, "AVG35a1");
    story.sync();
    let own = case(&story.ruegg, &number);
    let team = member(&story.ruegg, "Sozialdienst Team 1");
    let home = &mut story.ruegg.nahtlos;
    let ending = home.withdrawal(&own, &PLAN, &team).unwrap();
    home.end(&ending, nahtlos_client::ending::Reason::Replaced)
        .unwrap();
    story.sync();
}

#[test]
fn a_section_that_others_manage_is_ended_by_them_and_who_withdraws_is_told() {
    let mut story = Story::new();
    for home in [&mut story.ruegg, &mut story.iseli] {
        set_back(home, 5);
    }
    let number = story.case.clone();
    let shares = [(FUNCTION, COACHES), (PLAN, COACHES)];
    let id = give(&mut story.ruegg, &number, &shares);
    story.sync();
    plan_handed_over(&mut story);
    assert_eq!(
        held(&story.iseli, &number, &PLAN, COACHES).len(),
        1,
        "control"
    );
    // Not an administrator of the institution that founded the section: who is one may end every right.
    let own = case(&story.trachsel, &number);
    let day = today(&story.ruegg);
    let home = &mut story.trachsel.nahtlos;
    let preview = home.preview_withdrawal(&own, &id, None, day).unwrap();
    let done = home.consent_withdraw(&own, &id, None, day, None).unwrap();
    assert_eq!((done.recorded, done.ended), (true, 1), "{done:?}");
    assert_eq!(preview.left_to_others, done.left_to_others);
    let left = &done.left_to_others[0];
    assert_eq!((left.section.as_str(), left.rights), ("plan", Some(1)));
    assert_eq!(left.by, ["IV-Stelle Bern Team 1 (IV-Stelle Bern)"]);
    story.sync();
    assert_eq!(held(&story.ruegg, &number, &FUNCTION, COACHES), []);
    assert_eq!(held(&story.iseli, &number, &PLAN, COACHES).len(), 1);
    // On another day a device of the IV ends it by itself.
    story.iseli.nahtlos.set_clock(Box::new(now_ms));
    story.iseli.sync();
    assert_eq!(held(&story.iseli, &number, &PLAN, COACHES), []);
}

#[test]
fn an_extension_beyond_the_shares_that_one_withdrawal_can_name_is_refused() {
    let mut story = Story::new();
    let number = story.case.clone();
    let id = give(&mut story.ruegg, &number, &[(FUNCTION, COACHES)]);
    story.sync();
    // 199 shares more stand in the ledger, of teams that were there once.
    let more = (0..199).map(|team| ConsentScope {
        section: PLAN,
        member: MemberId::parse(&format!("team-{team}")).unwrap(),
        institution: InstitutionId::parse("iv").unwrap(),
        purpose: None,
        direction: None,
    });
    let event = ConsentEvent::Extended(Box::new(Extension {
        consent: id,
        scope: Some(ConsentScopes::new(more).unwrap()),
        valid_until: None,
        stated_at: today(&story.ruegg),
        form: ConsentForm::Verbal,
        details: ConsentDetails::default(),
        note: None,
    }));
    let edit = Edit::Consent(ConsentEdit::new(EntryId::from_random([9; 8]), event));
    story.ruegg.nahtlos.edit_case(&number, &[edit]).unwrap();
    let share = |home: &Home, section| ConsentShare {
        section,
        member: member(home, IV),
        role: Role::Read,
        purpose: None,
    };
    let beyond = ConsentExtension {
        shares: vec![share(&story.ruegg, FUNCTION)],
        ..by_nothing(id)
    };
    assert_eq!(extend(&mut story.ruegg, &number, &beyond), Err("too_many"));
    // What older programs let grow beyond it is withdrawn whole all the same.
    let event = ConsentEvent::Extended(Box::new(Extension {
        consent: id,
        scope: Some(
            ConsentScopes::new([ConsentScope {
                section: PLAN,
                member: MemberId::parse("one-more").unwrap(),
                institution: InstitutionId::parse("iv").unwrap(),
                purpose: None,
                direction: None,
            }])
            .unwrap(),
        ),
        valid_until: None,
        stated_at: today(&story.ruegg),
        form: ConsentForm::Verbal,
        details: ConsentDetails::default(),
        note: None,
    }));
    let edit = Edit::Consent(ConsentEdit::new(EntryId::from_random([8; 8]), event));
    story.ruegg.nahtlos.edit_case(&number, &[edit]).unwrap();
    assert_eq!(
        crate::withdraw(&mut story.ruegg, &number, &id),
        (true, 1, 0)
    );
}

#[test]
fn a_preview_refuses_what_the_run_refuses() {
    let mut story = Story::new();
    let number = story.case.clone();
    let id = give(&mut story.ruegg, &number, &[(FUNCTION, COACHES)]);
    story.sync();
    let own = case(&story.ruegg, &number);
    let day = today(&story.ruegg);
    let tomorrow = day.plus_days(1).unwrap();
    let yesterday = day.plus_days(-1);
    let until = |valid_until| Less {
        part: None,
        valid_until,
    };
    let home = &mut story.ruegg.nahtlos;
    for (less, stated, code) in [
        (until(yesterday), day, "past"),
        (until(Some(tomorrow)), tomorrow, "future"),
        (Less::default(), day, "empty"),
    ] {
        let preview = home.preview_narrowing(&own, &id, &less, stated);
        assert_eq!(preview.unwrap_err().code(), code);
        let run = home.consent_narrow(&own, &id, &less, stated, None);
        assert_eq!(run.unwrap_err().code(), code);
    }
    let preview = home.preview_withdrawal(&own, &id, None, tomorrow);
    assert_eq!(preview.unwrap_err().code(), "future");
    let unknown = NewConsent {
        replaces: Some(EntryId::from_random([7; 8])),
        ..consent(&story.ruegg, &[(FUNCTION, COACHES)])
    };
    let preview = story.ruegg.nahtlos.preview_consent(&own, &unknown);
    assert_eq!(preview.unwrap_err().code(), "not_found");
    // Another institution, of whom the ledger is not kept, changes a consent as little as it withdraws one.
    let less = until(Some(tomorrow));
    let theirs = case(&story.iseli, &number);
    let preview = story
        .iseli
        .nahtlos
        .preview_narrowing(&theirs, &id, &less, day);
    let said = preview.unwrap_err().to_string();
    assert!(said.starts_with("no right to change a consent"), "{said}");
    // Who may read the ledger only records nothing: the preview says so too.
    let ledger = SectionKind::Consent;
    let own = case(&story.ruegg, &number);
    story.ruegg.nahtlos.close_section(&own, &ledger).unwrap();
    story.sync();
    let preview = story.ruegg.nahtlos.preview_withdrawal(&own, &id, None, day);
    assert_eq!(preview.unwrap_err().code(), "section_closed");
    let run = crate::try_withdraw(&mut story.ruegg, &number, &id);
    assert_eq!(run, Err("section_closed"));
}
