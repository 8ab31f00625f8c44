//! `nahtlos consent`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, FieldError, Stored};
use nahtlos_casework::view::{ConsentView, Coverage, GivenView};
use nahtlos_client::consent::short_name;
use nahtlos_client::{Case, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::consent_give::give;
use super::consent_withdraw::withdraw;
use super::entries::{cell, shown};
use super::pages::{violations_page, when, who};
use super::sync::count;
use super::{case_title, section_kind};
use crate::arguments::ConsentCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(
    context: &Context,
    case: Option<String>,
    command: Option<ConsentCommand>,
) -> Result<Answer, Failure> {
    match command {
        Some(ConsentCommand::Give(new)) => give(context, &new),
        Some(ConsentCommand::Withdraw(withdrawal)) => withdraw(context, &withdrawal),
        None => list(context, &case.unwrap_or_default()),
    }
}

fn list(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let consents = read(&nahtlos, &case)?;
    let title = format!("{} · consents", case_title(&nahtlos, &case)?);
    let page = consent_page(Page::default().title(title), &nahtlos, &consents)?;
    let data = json!({
        "case": case.id.to_string(),
        "consents": json::value(&consents),
        "coverage": coverage_data(&consents, nahtlos.today()?),
    });
    Ok(Answer::new(data, page))
}

/// The consents of a case. Who manages it knows whether there is a ledger; to others it may just not
/// be shared.
pub fn read(nahtlos: &Nahtlos, case: &Case) -> Result<ConsentView, Failure> {
    let core = case.sections.get(&SectionKind::Core);
    let manages = core.and_then(|space| nahtlos.own_role(space)) == Some("manage");
    if !manages {
        case.section(&SectionKind::Consent)?;
    }
    Ok(nahtlos.consents(case)?)
}

fn coverage_data(consents: &ConsentView, today: Date) -> Vec<serde_json::Value> {
    let lines = consents.coverage().into_iter().map(|coverage| {
        let mut value = json::value(&coverage);
        if let Some(fields) = value.as_object_mut() {
            let covers = coverage.is_in_force_on(today);
            fields.insert("covers_today".into(), covers.into());
        }
        value
    });
    lines.collect()
}

/// The ledger as people read it: each consent with what it covers today.
pub fn consent_page(
    mut page: Page,
    nahtlos: &Nahtlos,
    consents: &ConsentView,
) -> Result<Page, Failure> {
    let today = nahtlos.today()?;
    let directory = nahtlos.directory()?;
    if consents.given.is_empty() {
        page = page.line("No consent yet: `nahtlos consent give CASE`.");
    }
    let coverage = consents.coverage();
    for (position, given) in consents.given.iter().enumerate() {
        let own = coverage
            .iter()
            .filter(|coverage| Some(&coverage.consent) == given.id.known());
        let rows = own
            .map(|coverage| {
                vec![
                    coverage.share.section.code(),
                    member_name(&directory, coverage),
                    today_word(coverage, today),
                ]
            })
            .collect();
        page = page
            .title(format!("Consent {}: {}", position + 1, named(given)))
            .fields([
                ("given by", shown(&given.giver)),
                ("form", shown(&given.form)),
                ("from", shown(&given.valid_from)),
                ("until", shown(&given.valid_until)),
                ("note", shown(&given.note)),
                (
                    "recorded by",
                    Some(format!("{}, {}", who(&given.origin), when(&given.origin))),
                ),
            ])
            .table(&["section", "for", "today"], rows, "");
    }
    if !consents.not_understood.is_empty() {
        let events = count(consents.not_understood.len() as u64, "event", "events");
        page = page.line(format!(
            "{events} of a newer nahtlos: update it to see what they say."
        ));
    }
    Ok(violations_page(page, &consents.violations))
}

/// As much of a consent's identifier as people name it by.
pub fn named(given: &GivenView) -> String {
    let id = given.id.known();
    id.map_or_else(|| given.id.canonical(), short_name)
}

fn today_word(coverage: &Coverage, today: Date) -> String {
    match coverage {
        Coverage {
            withdrawn_at: Some(day),
            ..
        } => format!("withdrawn on {day}"),
        _ if coverage.is_in_force_on(today) => "covered".into(),
        Coverage {
            until: Some(until), ..
        } if *until < today => format!("ended on {until}"),
        _ => format!("from {}", coverage.since),
    }
}

fn member_name(directory: &Directory, coverage: &Coverage) -> String {
    let id = |text: &str| SpaceId::from_hex(text);
    let member = id(coverage.share.member.as_str()).map_or_else(
        || coverage.share.member.to_string(),
        |member| directory.name(&member),
    );
    let institution = id(coverage.share.institution.as_str()).map_or_else(
        || coverage.share.institution.to_string(),
        |institution| directory.institution_name(&institution),
    );
    format!("{member} ({institution})")
}

/// `section,section=team or person`, as often as it stands there.
pub fn shares_named(
    nahtlos: &Nahtlos,
    texts: &[String],
) -> Result<Vec<(SectionKind, SpaceId)>, Failure> {
    let directory = nahtlos.directory()?;
    let mut shares = Vec::new();
    for text in texts {
        let (sections, member) = text.split_once('=').ok_or_else(|| {
            FieldError::new(
                "share",
                "format",
                "this is not sections and who they are for",
                "write it as function,plan=\"Team or person\"",
            )
        })?;
        let member = directory.find_member(member.trim())?;
        for code in sections.split(',') {
            let share = (section_kind(code)?, member);
            if !shares.contains(&share) {
                shares.push(share);
            }
        }
    }
    Ok(shares)
}

/// A consent by its number in the list, or the beginning of its identifier.
pub fn find_consent<'a>(consents: &'a ConsentView, input: &str) -> Result<&'a GivenView, Failure> {
    let entries: Vec<(String, String, &GivenView)> = consents
        .given
        .iter()
        .enumerate()
        .map(|(position, given)| ((position + 1).to_string(), given.id.canonical(), given))
        .collect();
    Ok(super::entries::find("consent", input, &entries)?)
}

/// A consent in half a sentence.
pub fn in_words(given: &GivenView) -> String {
    let from = given.valid_from.as_ref().map(Stored::to_string);
    format!(
        "consent {} of {}, given by: {}",
        named(given),
        from.unwrap_or_default(),
        cell(&given.giver)
    )
}
