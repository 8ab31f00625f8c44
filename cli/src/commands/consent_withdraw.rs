//! `nahtlos consent withdraw`.

use nahtlos_casework::fields::{Date, LongText};
use nahtlos_client::consent::{SectionWithdrawal, WithdrawalPreview};
use nahtlos_client::ending::WHAT_STAYS_READABLE;
use nahtlos_client::share::GrantLine;
use serde_json::json;

use super::consent::{find_consent, in_words, named, read, shares_named};
use super::entries::known_id;
use super::sync::count;
use super::values::parse_option;
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::ConsentWithdraw;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn withdraw(context: &Context, words: &ConsentWithdraw) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.note)?;
    let stated: Option<Date> = parse_option("stated", words.stated.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&words.case)?;
    let consents = read(&nahtlos, &case)?;
    let given = find_consent(&consents, &words.consent)?;
    let id = known_id(&given.id)?;
    let part = shares_named(&nahtlos, &words.only)?;
    let part = (!part.is_empty()).then_some(part.as_slice());
    let stated = match stated {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    let preview = nahtlos.preview_withdrawal(&case, &id, part)?;
    let page = preview_page(
        Page::default()
            .title(case_title(&nahtlos, &case)?)
            .line(format!(
                "Withdrawn on {stated}{}: {}.",
                if part.is_some() { ", in part" } else { "" },
                in_words(given)
            )),
        &preview,
    );
    let note: Option<LongText> =
        input::optional_text(&words.note, "Note (may be empty)", words.answered)?;
    let data = |done: &str| {
        json!({
            "done": done,
            "consent": id,
            "stated_at": stated,
            "sections": json::value(&preview.sections),
        })
    };
    if words.answered.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Ok(Answer::new(data("dry_run"), page));
    }
    if !words.answered.yes {
        page.show_before_asking();
        if !input::confirm("Record the withdrawal and end these rights?")? {
            return Ok(Answer::sentence(
                data("nothing"),
                "Nothing was recorded, nothing ended.",
            ));
        }
    }
    let withdrawn = nahtlos.consent_withdraw(&case, &id, part, stated, note)?;
    let ended = (withdrawn.ended + withdrawn.dropped) as u64;
    if !withdrawn.recorded && ended == 0 {
        let said = format!(
            "Consent {} was withdrawn before, and no right rests on it any more; nothing was changed.",
            named(given)
        );
        return Ok(Answer::sentence(data("nothing"), said));
    }
    let said = format!(
        "Consent {} is withdrawn; {} with it.",
        named(given),
        count(ended, "right ends", "rights end"),
    );
    let mut answer = Answer::sentence(data("withdrawn"), said);
    for line in &preview.sections {
        if let Some(why) = stays_sentence(line) {
            answer = answer.note(why);
        }
    }
    answer = answer.note(NOT_DELIVERED_YET);
    if withdrawn.ended > 0 {
        answer = answer.note(
            "The rights end with the next `nahtlos sync`: until then the relay still serves them. \
             This is not taken back; if the person agrees again, record a new consent.",
        );
    }
    Ok(answer)
}

/// Before it is recorded: who loses what, what stays and why.
pub fn preview_page(mut page: Page, preview: &WithdrawalPreview) -> Page {
    let ending = |line: &SectionWithdrawal| !line.ends.is_empty();
    if !preview.sections.iter().any(ending) {
        page = page.line("No right rests on it: nobody loses anything.");
    }
    for line in preview.sections.iter().filter(|line| ending(line)) {
        let section = &line.section;
        let waits = line.ends.iter().filter(|grant| !grant.delivered).count();
        if !line.lose.is_empty() {
            page = page.line(format!(
                "Will no longer read `{section}`: {}.",
                line.lose.join(", ")
            ));
        }
        if let Some(why) = stays_sentence(line) {
            page = page.line(why);
        }
        if waits > 0 {
            page = page.line(format!(
                "`{section}`: {} not delivered yet; it is never made.",
                count(waits as u64, "right is", "rights are"),
            ));
        }
        if line.unreadable > 0 {
            page = page.line(format!(
                "`{section}`: {} whose basis this device cannot open; it stays.",
                count(line.unreadable as u64, "right", "rights"),
            ));
        }
    }
    page.table(
        &["section", "stays", "may", "because of"],
        staying_rows(preview),
        "",
    )
    .line(WHAT_STAYS_READABLE)
}

/// Everybody's rights that stay, but not the lead's own.
fn staying_rows(preview: &WithdrawalPreview) -> Vec<Vec<String>> {
    let lines = preview
        .sections
        .iter()
        .flat_map(|line| line.stays.iter().map(move |grant| (line, grant)));
    lines
        .filter(|(_, grant)| grant.role != "manage")
        .map(|(line, grant)| {
            vec![
                line.section.clone(),
                format!("{} ({})", grant.member, grant.institution),
                grant.role.to_owned(),
                basis(grant),
            ]
        })
        .collect()
}

/// Who can still read a section although a right of theirs ends, and why.
fn stays_sentence(line: &SectionWithdrawal) -> Option<String> {
    if line.keep.is_empty() {
        return None;
    }
    let ended: Vec<&str> = line
        .ends
        .iter()
        .map(|grant| grant.member.as_str())
        .collect();
    let because: Vec<String> = line
        .stays
        .iter()
        .filter(|grant| ended.contains(&grant.member.as_str()))
        .map(basis)
        .collect();
    let because = match because.as_slice() {
        [] => "another right of theirs".to_owned(),
        bases => bases.join(", "),
    };
    Some(format!(
        "Can still read `{}`, by {because}: {}.",
        line.section,
        line.keep.join(", ")
    ))
}

fn basis(grant: &GrantLine) -> String {
    grant
        .basis
        .clone()
        .unwrap_or_else(|| "a basis this device cannot open".into())
}
