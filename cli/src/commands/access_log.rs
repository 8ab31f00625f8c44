//! `nahtlos case access-log`: who read what of a case, and what was disclosed to whom.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::UtcTime;
use nahtlos_client::reading::{AccessLog, DisclosureLine, LogState, ReadLine};
use serde_json::json;

use super::case_title;
use super::names::Names;
use super::sync::count;
use crate::arguments::ReportFormat;
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::output::{Answer, Page, csv, dates, json};

/// Columns of the CSV form: stable.
const COLUMNS: [&str; 16] = [
    "kind",
    "who",
    "function",
    "institution",
    "sections",
    "from",
    "until",
    "times",
    "device",
    "to",
    "to_institution",
    "basis",
    "form",
    "purpose",
    "arrived",
    "late",
];

pub fn access_log(
    context: &Context,
    case: &str,
    format: ReportFormat,
    to: Option<&Path>,
) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = super::case_erase::find(&nahtlos, case)?;
    let log = nahtlos.access_log(&case)?;
    let mut data = json::value(&log);
    data["case"] = json!(case.id.to_string());
    let names = Names::of_case(&nahtlos, &case);
    let page = page(&log, case_title(&nahtlos, &case)?, &names);
    let text = match format {
        ReportFormat::Text if to.is_none() => None,
        ReportFormat::Text => Some(crate::output::in_text(&page)),
        ReportFormat::Csv => Some(in_csv(&log)),
        ReportFormat::Json => Some(format!("{}\n", json::render(&data))),
    };
    let answer = match (text, to) {
        (Some(text), Some(file)) => {
            write_private_file(file, text.as_bytes())?;
            let said = format!("Who read what is in {}.", file.display());
            Answer::sentence(json!({ "file": file }), said)
        }
        (Some(text), None) => Answer::new(data, Page::default().verbatim(text)),
        (None, _) => Answer::new(data, page),
    };
    Ok(notes(answer, &log))
}

/// What the tables do not say.
fn notes(answer: Answer, log: &AccessLog) -> Answer {
    let mut answer = answer;
    match log.state {
        LogState::Recorded => {}
        LogState::ReadOnly => {
            answer = answer.note(
                "You may not write in the section `access` of this case: what you read stays on this device. Who \
                 leads the case changes it: `nahtlos share role CASE access --for YOU --role write`.",
            );
        }
        LogState::NotHere => {
            answer = answer.note(
                "No section `access` of this case is open to you: what others read is not known here, and what \
                 you read stays on this device. Who leads the case can share it with you, and opens it first where there \
                 is none (`nahtlos section open CASE access`).",
            );
        }
    }
    if log.state != LogState::NotHere && !log.not_recorded.is_empty() {
        answer = answer.note(format!(
            "Not recorded is what these read, because they may not write in the section `access`: {}. Who leads the \
             case changes it, where they read by consent: `nahtlos consent extend CASE NUMBER --write access=WHO`; by law: \
             `nahtlos share grant CASE --section access --to WHO --role write --basis LAW`. Employers get no `access`.",
            log.not_recorded.join(", ")
        ));
    }
    if log.unverified > 0 {
        answer = answer.note(format!(
            "{} left out: nobody can say who wrote it.",
            count(log.unverified as u64, "entry is", "entries are")
        ));
    }
    if log.tampered > 0 {
        answer = answer.note(format!(
            "Somebody tried to change or remove entries ({}); they stand here as they were written.",
            count(log.tampered as u64, "attempt", "attempts")
        ));
    }
    answer
}

/// The tables, for people.
pub fn page(log: &AccessLog, title: String, names: &Names) -> Page {
    let disclosures = log.disclosures.iter().map(|one| {
        vec![
            moment(one.at),
            to_in_words(one),
            in_words(&one.sections, names),
            how_in_words(one),
            one.basis
                .clone()
                .unwrap_or_else(|| "not readable here".into()),
            by_in_words(&one.by, &one.by_institution),
            ended_in_words(one),
        ]
    });
    let reads = log.reads.iter().map(|one| {
        vec![
            span(one.first, one.last),
            who_in_words(one),
            in_words(&one.sections, names),
            one.times.to_string(),
            one.device.clone().unwrap_or_default(),
            one.purpose.clone().unwrap_or_default(),
            arrived(one),
        ]
    });
    Page::default()
        .title(title)
        .line("Disclosed:")
        .table(
            &["when", "to", "sections", "how", "basis", "by", "ended"],
            disclosures.collect(),
            "Nothing that is known here.",
        )
        .line("Read:")
        .table(
            &["when", "who", "sections", "times", "on", "for", "arrived"],
            reads.collect(),
            "Nothing that is known here.",
        )
}

/// Sections by their codes, and slices and notes by whose they are: an identifier of 64 digits says nothing to anybody.
fn in_words(codes: &[String], names: &Names) -> String {
    let words = codes.iter().map(|code| match SectionKind::from_code(code) {
        SectionKind::Slice(slice) => {
            let institution = names.institution(slice.institution().as_str());
            format!("slice of {} for {institution}", slice.of())
        }
        SectionKind::Internal(institution) => {
            format!("internal notes of {}", names.institution(&institution))
        }
        _ => code.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn to_in_words(one: &DisclosureLine) -> String {
    match one.to_institution.as_str() {
        "" => one.to.clone(),
        institution => format!("{} ({institution})", one.to),
    }
}

fn how_in_words(one: &DisclosureLine) -> String {
    match (one.role, &one.form) {
        (Some(role), _) => format!("right to {role}"),
        (None, Some(form)) => form.replace('_', " "),
        (None, None) => String::new(),
    }
}

fn by_in_words(name: &str, institution: &str) -> String {
    match institution {
        "" => name.to_owned(),
        institution => format!("{name} ({institution})"),
    }
}

fn who_in_words(one: &ReadLine) -> String {
    let of = [one.function.as_str(), one.institution.as_str()];
    let of: Vec<&str> = of.into_iter().filter(|part| !part.is_empty()).collect();
    by_in_words(&one.person, &of.join(", "))
}

fn ended_in_words(one: &DisclosureLine) -> String {
    if let Some(ended) = &one.ended {
        return format!("{} by {}", dates::moment(ended.ended_at_ms), ended.by);
    }
    match one.not_after_ms {
        Some(until) => format!("until {}", dates::moment(until)),
        None => String::new(),
    }
}

fn span(first: Option<UtcTime>, last: Option<UtcTime>) -> String {
    let (first, last) = (moment(first), moment(last));
    if first == last {
        return first;
    }
    match last.split_once(' ') {
        Some((day, clock)) if first.starts_with(day) => format!("{first}–{clock}"),
        _ => format!("{first} – {last}"),
    }
}

fn moment(time: Option<UtcTime>) -> String {
    time.map_or_else(|| "unknown".into(), dates::time)
}

fn arrived(one: &ReadLine) -> String {
    match one.handed_over_at {
        None => "not yet: on this device only".into(),
        Some(at) if one.late => format!("late: {}", dates::time(at)),
        Some(at) => dates::time(at),
    }
}

fn in_csv(log: &AccessLog) -> String {
    let iso = |time: Option<UtcTime>| time.map_or_else(String::new, |time| time.to_string());
    let truth = |late: bool| if late { "yes" } else { "no" }.to_owned();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let disclosures = log.disclosures.iter().map(|one| {
        let until = one.ended.as_ref().map(|ended| ended.ended_at_ms);
        let until = until.or(one.not_after_ms);
        vec![
            one.source.to_owned(),
            one.by.clone(),
            String::new(),
            one.by_institution.clone(),
            one.sections.join(" "),
            iso(one.at),
            until.map_or_else(String::new, dates::iso),
            String::new(),
            String::new(),
            one.to.clone(),
            one.to_institution.clone(),
            text(&one.basis),
            one.role.map_or_else(|| text(&one.form), str::to_owned),
            String::new(),
            iso(one.handed_over_at),
            truth(one.late),
        ]
    });
    let reads = log.reads.iter().map(|one| {
        vec![
            "read".to_owned(),
            one.person.clone(),
            one.function.clone(),
            one.institution.clone(),
            one.sections.join(" "),
            iso(one.first),
            iso(one.last),
            one.times.to_string(),
            text(&one.device),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            text(&one.purpose),
            iso(one.handed_over_at),
            truth(one.late),
        ]
    });
    let rows: Vec<Vec<String>> = disclosures.chain(reads).collect();
    csv::render(&COLUMNS, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_notes_are_named_by_whose_they_are() {
        let id = "0a".repeat(32);
        let codes = [
            "core".to_owned(),
            format!("slice/core/{id}/2"),
            format!("internal/{id}"),
        ];
        let said = in_words(&codes, &Names::default());
        assert_eq!(
            said,
            "core, slice of core for unknown (0a0a0a0a), internal notes of unknown (0a0a0a0a)"
        );
    }
}
