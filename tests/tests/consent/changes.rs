//! A consent that covers less, more or gives way to another one, and the rights that follow.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{ConsentForm, EntryId};
use nahtlos_casework::record::ConsentDetails;
use nahtlos_client::ClientError;
use nahtlos_client::consent::{ConsentExtension, ConsentShare, Extended, Less, NewConsent};
use nahtlos_protocol::space::Role;
use nahtlos_tests::Home;

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
