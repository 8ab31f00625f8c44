//! `nahtlos consent withdraw`.

use std::collections::BTreeMap;

use nahtlos_casework::fields::{Date, LongText, Stored};
use nahtlos_casework::view::GivenView;
use nahtlos_client::Case;
use nahtlos_client::consent::{SectionWithdrawal, WithdrawalPreview, Withdrawn};
use nahtlos_client::ending::WHAT_STAYS_READABLE;
use nahtlos_client::share::GrantLine;
use serde_json::json;

use super::consent::{find_consent, in_words, named, read, shares_named};
use super::entries::known_id;
use super::sync::count;
use super::values::parse_option;
use super::{NOT_DELIVERED_YET, case_title, ending};
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
    let preview = nahtlos.preview_withdrawal(&case, &id, part, stated)?;
    let page = preview_page(
        Page::default()
            .title(case_title(&nahtlos, &case)?)
            .line(format!(
                "Withdrawn on {stated}{}: {}.",
                if part.is_some() { ", in part" } else { "" },
                in_words(given)
            )),
        &case,
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
            "left_to_others": json::value(&preview.left_to_others),
        })
    };
    let question = "Record the withdrawal and end these rights?";
    if let Some(answer) = ending::unless_confirmed(words.answered, page, question, data)? {
        return Ok(answer);
    }
    let withdrawn = nahtlos.consent_withdraw(&case, &id, part, stated, note)?;
    let ended = (withdrawn.ended + withdrawn.dropped) as u64;
    if !withdrawn.recorded && ended == 0 {
        let said = match part {
            Some(_) => format!(
                "This part of consent {} was withdrawn before, and no right that you may end rests on it any more; \
                 nothing was changed.",
                named(given)
            ),
            None => format!(
                "Consent {} was withdrawn before, and no right that you may end rests on it any more; nothing was changed.",
                named(given)
            ),
        };
        let answer = Answer::sentence(data("nothing"), said);
        return Ok(left_to_others(&case, &preview).fold(answer, Answer::note));
    }
    let said = format!(
        "Consent {}{} is withdrawn{}; {} with it.{}",
        named(given),
        given_on(given),
        if part.is_some() { " in part" } else { "" },
        count(ended, "right ends", "rights end"),
        ended_in_words(&preview),
    );
    let answer = Answer::sentence(data("withdrawn"), said);
    let answer = after_taking_back(answer, &case, &preview, &withdrawn);
    Ok(match withdrawn.ended {
        0 => answer,
        _ => {
            answer.note("This is not taken back; if the person agrees again, record a new consent.")
        }
    })
}

fn given_on(given: &GivenView) -> String {
    let from = given.valid_from.as_ref().map(Stored::to_string);
    from.map_or_else(String::new, |from| format!(" of {from}"))
}

/// For whom which rights end: who named the wrong consent sees it at once.
fn ended_in_words(preview: &WithdrawalPreview) -> String {
    let mut sections: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in &preview.sections {
        for grant in &line.ends {
            let who = format!("{} ({})", grant.member, grant.institution);
            let of_member = sections.entry(who).or_default();
            if !of_member.contains(&line.section.as_str()) {
                of_member.push(&line.section);
            }
        }
    }
    let ended = sections
        .iter()
        .map(|(who, sections)| format!("{who}: {}", sections.join(", ")));
    let ended: Vec<String> = ended.collect();
    match ended.as_slice() {
        [] => String::new(),
        ended => format!(" It ended for {}.", ended.join("; ")),
    }
}

/// After shares were taken back: who can still read and why, what others must end, and when it takes effect.
pub fn after_taking_back(
    mut answer: Answer,
    case: &Case,
    preview: &WithdrawalPreview,
    done: &Withdrawn,
) -> Answer {
    let stays = preview.sections.iter().filter_map(stays_sentence);
    for why in stays.chain(left_to_others(case, preview)) {
        answer = answer.note(why);
    }
    answer = answer.note(NOT_DELIVERED_YET);
    if done.ended > 0 {
        answer = answer.note(
            "The rights end with the next `nahtlos sync`: until then the relay still serves them.",
        );
    }
    answer
}

/// What stays until others end it, and who they are.
pub fn left_to_others<'a>(
    case: &Case,
    preview: &'a WithdrawalPreview,
) -> impl Iterator<Item = String> + use<'a> {
    let case = case.id.to_string();
    preview.left_to_others.iter().map(move |left| {
        let (section, who) = (&left.section, left.by.join(", "));
        match left.rights {
            Some(rights) if !left.by.is_empty() => format!(
                "Not ended here: {} in `{section}`, which {who} must end. A device of theirs that reads the consents does so \
                 at its next sync of another day; at once: `nahtlos share withdraw {case} {section} --from MEMBER`. Tell them.",
                count(rights as u64, "right", "rights"),
            ),
            Some(rights) => format!(
                "Not ended here: {} in `{section}`, which you do not manage, and nobody is known here who does.",
                count(rights as u64, "right", "rights"),
            ),
            None => format!(
                "`{section}` is not known on this device: if something rests on the consent there, who manages that section ends it. Tell them."
            ),
        }
    })
}

/// Before it is recorded: who loses what, what stays and why.
pub fn preview_page(mut page: Page, case: &Case, preview: &WithdrawalPreview) -> Page {
    let ending = |line: &SectionWithdrawal| !line.ends.is_empty();
    if !preview.sections.iter().any(ending) {
        page = page.line(match preview.left_to_others.is_empty() {
            true => "No right rests on it: nobody loses anything.",
            false => "No right that you may end rests on it.",
        });
    }
    page = left_to_others(case, preview).fold(page, Page::line);
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
