//! `nahtlos consent`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Date, FieldError, Purpose, Stored};
use nahtlos_casework::view::{ChangedView, ConsentView, Coverage, GivenView};
use nahtlos_client::consent::short_name;
use nahtlos_client::{Case, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::consent_change::{extend, narrow};
use super::consent_give::give;
use super::consent_proof::{export, verify};
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
        Some(ConsentCommand::Narrow(narrowing)) => narrow(context, &narrowing),
        Some(ConsentCommand::Extend(extension)) => extend(context, &extension),
        Some(ConsentCommand::List { case }) => list(context, &case),
        Some(ConsentCommand::Export { case, to }) => export(context, &case, &to),
        Some(ConsentCommand::Verify { file, institution }) => verify(&file, institution.as_deref()),
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
        let own_last = own.clone().next().cloned();
        let rows = own
            .map(|coverage| {
                vec![
                    coverage.share.section.code(),
                    member_name(&directory, coverage),
                    coverage
                        .share
                        .purpose
                        .unwrap_or(Purpose::Coordination)
                        .to_string(),
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
                ("until", last_day(own_last.as_ref(), &given.valid_until)),
                ("once or recurring", shown(&given.details.recurrence)),
                ("explained in", shown(&given.details.language)),
                ("interpreter", shown(&given.details.interpreter)),
                (
                    "withdrawable, they were told",
                    shown(&given.details.withdrawable_notice),
                ),
                ("witness", shown(&given.details.witness)),
                ("template", shown(&given.details.template)),
                ("SHA-256 of the scan", shown(&given.details.paper_sha256)),
                ("note", shown(&given.note)),
                (
                    "recorded by",
                    Some(format!("{}, {}", who(&given.origin), when(&given.origin))),
                ),
            ])
            .table(&["section", "for", "what for", "today"], rows, "");
        if let Some(id) = given.id.known() {
            for changed in consents.changes_of(id) {
                page = page.line(change_in_words(changed));
            }
        }
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

/// The last day as it is now, and as it was at first where that differs.
fn last_day(now: Option<&Coverage>, first: &Option<Stored<Date>>) -> Option<String> {
    let first = first.as_ref().map(ToString::to_string);
    let until = now
        .and_then(|coverage| coverage.until)
        .map(|day| day.to_string());
    match (until, first) {
        (Some(until), _) if now.is_some_and(|now| now.ends_with_coming_of_age) => Some(format!(
            "{until}, the last day before the person comes of age"
        )),
        (Some(until), Some(first)) if until != first => Some(format!("{until} (first: {first})")),
        (until, first) => until.or(first),
    }
}

fn change_in_words(changed: &ChangedView) -> String {
    let until = changed.valid_until.as_ref();
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    let shares = changed.scope.as_ref().and_then(Stored::known);
    let shares = shares.map_or_else(String::new, |shares| {
        let codes: Vec<String> = shares.iter().map(|share| share.section.code()).collect();
        format!(": {}", codes.join(", "))
    });
    let by = changed.by.as_ref().and_then(Stored::known);
    let by = by.map_or_else(String::new, |by| format!(" by consent {}", short_name(by)));
    format!(
        "{} on {}{by}{shares}{until} ({}, {})",
        changed.kind,
        cell(&changed.stated_at),
        who(&changed.origin),
        when(&changed.origin),
    )
}

fn today_word(coverage: &Coverage, today: Date) -> String {
    match coverage {
        Coverage {
            withdrawn_at: Some(day),
            ..
        } => format!("withdrawn on {day}"),
        Coverage {
            superseded_at: Some(day),
            ..
        } => format!("replaced on {day}"),
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
