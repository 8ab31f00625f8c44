//! `nahtlos consent give`.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, Field, Purpose, Stored, WithdrawalNotice};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::view::{ComingOfAge, Coverage, GivenView};
use nahtlos_client::consent::{ConsentPreview, ConsentShare, NewConsent, short_name};
use nahtlos_client::share::GrantPreview;
use nahtlos_client::{Case, Nahtlos};
use serde_json::json;

use super::consent::{find_consent, in_words, read};
use super::consent_withdraw::{left_to_others, preview_page};
use super::entries::known_id;
use super::reads_recorded::with_access;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_process, case_title, consent_terms, ending, share};
use crate::arguments::ConsentGive;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn give(context: &Context, words: &ConsentGive) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let mut new = match &words.file {
        Some(path) => {
            let sections: Vec<SectionKind> = case.sections.keys().cloned().collect();
            consent_terms::from_file(&nahtlos, path, &sections)?
        }
        None => consent_terms::from_options(&nahtlos, words)?,
    };
    let left_out = words.manner.reads_unrecorded;
    let along = with_access(&nahtlos, &case, new.shares, &[], left_out)?;
    new.shares = along.shares;
    if let Some(earlier) = &words.replaces {
        let consents = read(&nahtlos, &case)?;
        new.replaces = Some(known_id(&find_consent(&consents, earlier)?.id)?);
    }
    if new.replaces.is_none() && !words.again {
        refuse_recorded_already(&nahtlos, &case, &new)?;
    }
    let preview = nahtlos.preview_consent(&case, &new)?;
    let previews = &preview.shares;
    let mut page = give_page(&case_title(&nahtlos, &case)?, &new, &preview);
    if let Some(said) = &along.said {
        page = page.line(said.clone());
    }
    if let (Some(earlier), Some(ends)) = (&new.replaces, &preview.replaced) {
        let earlier = short_name(earlier);
        page = page.line(format!(
            "It stands in place of consent {earlier}. What rests on that one ends:"
        ));
        page = preview_page(page, &case, ends);
    }
    let data = |done: &str, consent: Option<String>| {
        json!({
            "done": done,
            "consent": consent,
            "valid_from": new.valid_from,
            "valid_until": preview.valid_until,
            "details": json::value(&new.details),
            "replaces": new.replaces,
            "shares": shares_data(&new.shares, previews),
            "ends_with_replaced": preview.replaced.as_ref().map(json::value),
        })
    };
    let question = "Record this consent and share?";
    let undone = |done: &str| data(done, None);
    if let Some(answer) = ending::unless_confirmed(words.answered, page, question, undone)? {
        return Ok(answer);
    }
    let before = nahtlos.phase(&case).ok();
    let id = nahtlos.consent_give(&case, &new)?;
    let said = format!(
        "Consent {} recorded; {} from it.",
        short_name(&id),
        count(new.shares.len() as u64, "right follows", "rights follow"),
    );
    let mut answer = Answer::sentence(data("given", Some(id.to_string())), said);
    if words.answered.yes {
        let age = preview.of_age.and_then(|of_age| about_age(&new, of_age));
        answer = age.into_iter().chain(along.said).fold(answer, Answer::note);
    }
    if let Some(moved) = case_process::moved_on(&nahtlos, &case, before.as_ref()) {
        answer = answer.note(moved);
    }
    if let Some(earlier) = &new.replaces {
        let earlier = short_name(earlier);
        answer = answer.note(format!(
            "It stands in place of consent {earlier}: the rights that rested on that one end with the same sync."
        ));
        let left = preview.replaced.iter();
        let left = left.flat_map(|ends| left_to_others(&case, ends));
        answer = left.fold(answer, Answer::note);
    }
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// The same line once more, from the shell's history or because nobody saw the answer, is no second consent: who
/// withdraws one of the two would leave the rights of the other.
fn refuse_recorded_already(
    nahtlos: &Nahtlos,
    case: &Case,
    new: &NewConsent,
) -> Result<(), Failure> {
    // Who reads no consents is told below that they record none.
    let Ok(consents) = read(nahtlos, case) else {
        return Ok(());
    };
    let today = nahtlos.today()?;
    let key = |section: &SectionKind, member: &str, purpose: Option<Purpose>| {
        (
            section.code(),
            member.to_owned(),
            purpose.map(|one| one.canonical()),
        )
    };
    let wanted: BTreeSet<_> = new
        .shares
        .iter()
        .map(|share| key(&share.section, &share.member.to_string(), share.purpose))
        .collect();
    let coverage = consents.coverage();
    let is_same = |given: &&GivenView| {
        let of = |coverage: &&Coverage| Some(&coverage.consent) == given.id.known();
        let own: Vec<&Coverage> = coverage.iter().filter(of).collect();
        let covered: BTreeSet<_> = own
            .iter()
            .filter(|one| one.is_in_force_on(today))
            .map(|one| {
                key(
                    &one.share.section,
                    one.share.member.as_str(),
                    one.share.purpose,
                )
            })
            .collect();
        let known = |day: &Option<Stored<Date>>| day.as_ref().and_then(Stored::known).copied();
        covered == wanted
            && given.giver.as_ref().and_then(Stored::known) == Some(&new.giver)
            && given.form.as_ref().and_then(Stored::known) == Some(&new.form)
            && known(&given.valid_from) == Some(new.valid_from)
            && known(&given.valid_until) == new.valid_until
    };
    let Some(same) = consents.given.iter().find(is_same) else {
        return Ok(());
    };
    Err(Failure::new(
        Exit::Conflict,
        "recorded_already",
        format!(
            "This consent is recorded already: {}. Nothing was recorded.",
            in_words(same)
        ),
        "Two of the same would have to be withdrawn both: as long as one stands, the rights that rest on it stay.",
        "See it: `nahtlos consent CASE`. If the person gave another one, run the command again with `--again`.",
    ))
}

pub fn shares_data(shares: &[ConsentShare], previews: &[GrantPreview]) -> Vec<serde_json::Value> {
    let shares = shares.iter().zip(previews);
    let lines = shares.map(|(share, preview)| {
        let mut value = json::value(preview);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("role".into(), share.role.word().into());
        }
        value
    });
    lines.collect()
}

/// Why a consent ends before the day that was said.
pub const OF_AGE: &str =
    "That is the day before the person comes of age: what a representative allows ends then.";

/// Before it is recorded: who will read what, and until when.
pub fn give_page(title: &str, new: &NewConsent, preview: &ConsentPreview) -> Page {
    let (valid_until, previews) = (preview.valid_until, &preview.shares);
    let mut page = Page::default().title(title).fields([
        ("given by", Some(new.giver.to_string())),
        ("form", Some(new.form.to_string())),
        ("from", Some(new.valid_from.to_string())),
        ("until", valid_until.map(|day| day.to_string())),
    ]);
    if valid_until != new.valid_until {
        page = page.line(OF_AGE);
    }
    if let Some(line) = preview.of_age.and_then(|of_age| about_age(new, of_age)) {
        page = page.line(line);
    }
    page = page.fields(how_it_came_about(&new.details));
    receivers_page(page, &new.shares, previews)
}

/// What is to be thought of where the person is under age, may be, or is represented though of age.
pub fn about_age(new: &NewConsent, of_age: ComingOfAge) -> Option<String> {
    let represented = matches!(new.giver, Giver::Representative { .. });
    let (earliest, latest) = (of_age.earliest, of_age.latest);
    let only_the_year = "Of the birth not the whole day is known (`nahtlos case set CASE birth`)";
    match (represented, new.valid_from) {
        (true, day) if day >= latest => Some(format!(
            "The person is of age since {latest} at the latest: a representative allows this only where a guardian was \
             appointed for it. Else record what the person says, without `--representative`."
        )),
        (true, day) if day >= earliest => Some(format!(
            "{only_the_year}: the person may be of age since {earliest}, and then says it themselves. Recorded so, it ends \
             before {latest}, the last day on which they can come of age."
        )),
        (false, day) if day < earliest => Some(format!(
            "The person is under age until {earliest}: they can say it themselves only where they are capable of judgement \
             for it. Else a representative does: `nahtlos consent give CASE --representative`."
        )),
        (false, day) if day < latest => Some(format!(
            "{only_the_year}: the person may be under age until {latest}. If they are, they can say it themselves only where \
             they are capable of judgement for it; else a representative does (`--representative`)."
        )),
        _ => None,
    }
}

/// Details of a consent that are not personal to others than the client, and those that are missing.
fn how_it_came_about(details: &ConsentDetails) -> [(&'static str, Option<String>); 5] {
    [
        (
            "once or recurring",
            details.recurrence.map(|one| one.to_string()),
        ),
        (
            "explained in",
            details.language.as_ref().map(ToString::to_string),
        ),
        (
            "interpreter",
            details.interpreter.as_ref().map(ToString::to_string),
        ),
        ("witness", details.witness.as_ref().map(ToString::to_string)),
        (
            "withdrawable, they were told",
            Some(match details.withdrawable_notice {
                Some(WithdrawalNotice::Given) => "yes".to_owned(),
                Some(WithdrawalNotice::NotGiven) => "no".to_owned(),
                None => "not recorded (`--withdrawable-said`)".to_owned(),
            }),
        ),
    ]
}

/// Who will read what, before it is recorded.
pub fn receivers_page(mut page: Page, shares: &[ConsentShare], previews: &[GrantPreview]) -> Page {
    let shares: Vec<(&ConsentShare, &GrantPreview)> = shares.iter().zip(previews).collect();
    let readers: BTreeSet<&str> = previews
        .iter()
        .flat_map(|preview| preview.people.iter().map(String::as_str))
        .collect();
    page = page.line(format!(
        "{} will read something of this case by it.",
        count(readers.len() as u64, "person", "people")
    ));
    let mut members: Vec<&GrantPreview> = Vec::new();
    for preview in previews {
        if !members.iter().any(|known| same_member(known, preview)) {
            members.push(preview);
        }
    }
    for member in members {
        let codes: Vec<&str> = previews
            .iter()
            .filter(|preview| same_member(preview, member))
            .map(|preview| preview.section.as_str())
            .collect();
        let people = count(member.people.len() as u64, "person", "people");
        page = page.line(format!(
            "{people} will read {}: {}.",
            codes.join(", "),
            if member.people.is_empty() {
                share::with_institution(member)
            } else {
                member.people.join(", ")
            }
        ));
    }
    let rows = shares
        .iter()
        .map(|(share, preview)| {
            vec![
                preview.section.clone(),
                share::with_institution(preview),
                share.role.word().to_owned(),
                share::history(preview),
                preview.already.unwrap_or("").to_owned(),
            ]
        })
        .collect();
    if let Some(line) = share::beyond_matrix(previews) {
        page = page.line(line);
    }
    let sliced = previews.iter().any(|preview| preview.only_a_slice);
    let page = page.table(
        &[
            "section",
            "for",
            "may",
            "its history goes along",
            "may already",
        ],
        rows,
        "",
    );
    let page = match previews.iter().all(|preview| preview.only_a_slice) {
        true => page,
        false => page.line("They read all of these sections, also what was written before today."),
    };
    let page = match sliced {
        true => page.line(
            "Where it says \"a slice\", they receive a document with a part of the section, once you write it: \
             `nahtlos share slice CASE SECTION --to TEAM`.",
        ),
        false => page,
    };
    page.line("What was delivered cannot be taken back, also if the consent is withdrawn later.")
}

fn same_member(one: &GrantPreview, other: &GrantPreview) -> bool {
    (&one.member, &one.institution) == (&other.member, &other.institution)
}
