//! `nahtlos device breach-report`: what somebody who has a device can read.

use std::collections::BTreeSet;
use std::path::Path;

use nahtlos_client::ClientError;
use nahtlos_client::breach::{BreachReport, BreachedSection, Moment, Reach};
use serde_json::{Value, json};

use super::device;
use super::sync::count;
use crate::arguments::ReportFormat;
use crate::context::{Context, write_private_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, csv, dates, json};

/// Columns of the CSV form: stable.
const COLUMNS: [&str; 11] = [
    "case_number",
    "client",
    "section",
    "role",
    "since",
    "content_since",
    "until",
    "new_key_since",
    "case_id",
    "space_id",
    "device",
];

pub fn report(
    context: &Context,
    input: Option<&str>,
    format: ReportFormat,
    to: Option<&Path>,
) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let report = nahtlos
        .breach_report(input)
        .map_err(|error| not_reported(error, input))?;
    let data = in_json(&report);
    let text = match format {
        ReportFormat::Text if to.is_none() => None,
        ReportFormat::Text => Some(in_lines(&report)),
        ReportFormat::Csv => Some(in_csv(&report)),
        ReportFormat::Json => Some(format!("{}\n", json::render(&data))),
    };
    let answer = match (text, to) {
        (Some(text), Some(file)) => {
            write_private_file(file, text.as_bytes())?;
            let said = format!("The report is in {}.", file.display());
            Answer::sentence(json!({ "file": file }), said)
        }
        (Some(text), None) => Answer::new(data, Page::default().verbatim(text)),
        (None, _) => Answer::new(data, page(&report)),
    };
    Ok(notes(answer, &report))
}

/// Of a device whose end is decided here and not delivered.
const WAITS: &str = "decided here, takes effect with the next `nahtlos sync`";

/// What the tables do not say.
fn notes(answer: Answer, report: &BreachReport) -> Answer {
    let unnamed = report.sections.iter().filter(|one| one.section.is_none());
    let unnamed = unnamed.count() as u64;
    let same_key = report.sections.iter().filter(|one| still_opens(&one.reach));
    let same_key = same_key.count() as u64;
    let mut answer = answer;
    for one in &report.teams_out_of_sight {
        let who = match one.people.as_slice() {
            [] => "nobody there who may write has a device".to_owned(),
            people => people.join(", "),
        };
        answer = answer.note(format!(
            "NOT in this report: what the key of {team} opened, which was on the device. You are not in {team}, so \
             this device does not see its cases. Let somebody of {team} ({who}) make the report: `nahtlos sync`, then \
             `nahtlos device breach-report {}`; the new keys: `nahtlos key rotate --all`.",
            report.device,
            team = one.team,
        ));
    }
    if unnamed > 0 {
        answer = answer.note(format!(
            "{} not named: this device may not read what they are. Make the report on a device of the team \
             that works there too.",
            count(unnamed, "section is", "sections are")
        ));
    }
    if report.revoked.is_none() && report.revocation_waits {
        answer = answer.note(
            "The relay does not know yet that this device is revoked, and serves it until it does. Run `nahtlos sync` \
             now, then make the report again.",
        );
    } else if report.revoked.is_none() {
        answer = answer.note(
            "The right of this device still stands. Who administers the institution ends it: `nahtlos device revoke \
             DEVICE --lost --now`.",
        );
    } else if same_key > 0 {
        answer = answer.note(format!(
            "{} no new key yet: the relay gives the device nothing that is written there, and with the next \
             edit there is a new key. At once: `nahtlos key rotate --all`.",
            count(same_key, "section has", "sections have")
        ));
    }
    answer.note("It names clients, as far as you may read them: keep it like a case file.")
}

/// Whether the present key is one that the device had.
fn still_opens(reach: &Reach) -> bool {
    reach.new_key_since.is_none()
}

fn page(report: &BreachReport) -> Page {
    let rows = report
        .sections
        .iter()
        .map(|one| {
            let reach = &one.reach;
            vec![
                case_of(one),
                one.client.clone().unwrap_or_default(),
                one.section.clone().unwrap_or_else(|| "?".into()),
                reach.role.unwrap_or("–").to_owned(),
                moment(reach.since),
                reach.until.map_or_else(|| "stands".into(), moment),
                reach
                    .new_key_since
                    .map_or_else(|| "none yet".into(), moment),
            ]
        })
        .collect();
    head(report)
        .table(
            &[
                "case", "client", "section", "role", "since", "until", "new key",
            ],
            rows,
            if report.teams_out_of_sight.is_empty() {
                "It never held a key of any section that is known here."
            } else {
                "This device knows none of the sections that it had keys of."
            },
        )
        .line(
            "Until: the relay gave it nothing from then on. What was written before a new key, and reached \
             it, can be read on it with its passphrase, for ever.",
        )
}

fn head(report: &BreachReport) -> Page {
    let cases: BTreeSet<&String> = report
        .sections
        .iter()
        .filter_map(|one| one.case.as_ref())
        .collect();
    let clients: BTreeSet<(&String, &String)> = report
        .sections
        .iter()
        .filter_map(|one| one.case.as_ref().zip(one.client.as_ref()))
        .collect();
    let groups: Vec<String> = report
        .groups
        .iter()
        .map(|one| {
            let renewed = if still_opens(&one.reach) {
                ""
            } else {
                ", key renewed"
            };
            format!("{} ({}{renewed})", one.name, one.kind)
        })
        .collect();
    let unseen: Vec<&str> = report
        .teams_out_of_sight
        .iter()
        .map(|one| one.team.as_str())
        .collect();
    Page::default()
        .title(format!(
            "What {} can open, a device of {}",
            report.device, report.person
        ))
        .fields([
            (
                "member",
                report
                    .member_removed
                    .as_ref()
                    .map(|removed| format!("{} {}", report.person, device::in_words(removed))),
            ),
            ("added", Some(moment(report.added))),
            (
                "revoked",
                report
                    .revoked
                    .as_ref()
                    .map(revoked_in_words)
                    .or_else(|| report.revocation_waits.then(|| WAITS.to_owned())),
            ),
            ("last wrote", report.heard_at_ms.map(dates::moment)),
            (
                "concerns",
                Some(format!(
                    "{}, {}, {} by name{}",
                    count(report.sections.len() as u64, "section", "sections"),
                    count(cases.len() as u64, "case", "cases"),
                    count(clients.len() as u64, "client", "clients"),
                    if unseen.is_empty() {
                        ""
                    } else {
                        ", and what this device does not see"
                    },
                )),
            ),
            (
                "not seen here",
                (!unseen.is_empty()).then(|| format!("the cases of {}", unseen.join(", "))),
            ),
            ("keys of", Some(groups.join(", "))),
            ("made", Some(dates::moment(report.made_at_ms))),
        ])
}

fn revoked_in_words(revoked: &nahtlos_client::revocation::Revocation) -> String {
    let at = revoked.refused_since_ms.unwrap_or(revoked.revoked_at_ms);
    let by = revoked
        .by
        .as_ref()
        .map_or_else(String::new, |by| format!(" by {by}"));
    let reason = revoked.reason.map_or_else(String::new, |reason| {
        format!(" ({})", reason.replace('_', " "))
    });
    format!("{}{by}{reason}", dates::moment(at))
}

fn case_of(one: &BreachedSection) -> String {
    let short = |id: &String| format!("({})", id.get(..8).unwrap_or(id));
    let named = one.case_number.clone();
    named
        .or_else(|| one.case.as_ref().map(short))
        .unwrap_or_else(|| "?".into())
}

/// A star where nobody but its author says so.
fn moment(moment: Moment) -> String {
    let star = if moment.by_relay { "" } else { "*" };
    format!("{}{star}", dates::moment(moment.at_ms))
}

/// The same as the page, for a file.
fn in_lines(report: &BreachReport) -> String {
    crate::output::in_text(&page(report))
}

fn in_json(report: &BreachReport) -> Value {
    let mut data = json::value(report);
    let cases: BTreeSet<&String> = report
        .sections
        .iter()
        .filter_map(|one| one.case.as_ref())
        .collect();
    data["cases"] = cases.len().into();
    data
}

fn in_csv(report: &BreachReport) -> String {
    let iso =
        |moment: Option<Moment>| moment.map_or_else(String::new, |moment| dates::iso(moment.at_ms));
    let rows: Vec<Vec<String>> = report
        .sections
        .iter()
        .map(|one| {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            vec![
                text(&one.case_number),
                text(&one.client),
                text(&one.section),
                one.reach.role.unwrap_or_default().to_owned(),
                iso(Some(one.reach.since)),
                iso(Some(one.reach.content_since)),
                iso(one.reach.until),
                iso(one.reach.new_key_since),
                text(&one.case),
                one.space.clone(),
                report.device.clone(),
            ]
        })
        .collect();
    csv::render(&COLUMNS, &rows)
}

fn not_reported(error: ClientError, input: Option<&str>) -> Failure {
    match (&error, input) {
        (ClientError::Ambiguous { matches, .. }, None) => {
            let mut failure = Failure::new(
                Exit::Failed,
                "ambiguous",
                "Several devices of your institution were revoked as lost.",
                "A report is about one of them:",
                "Make one for each: `nahtlos device breach-report DEVICE`; whose it is says `nahtlos device`.",
            );
            failure.details = matches.as_slice().into();
            failure
        }
        (ClientError::NotFound { .. }, None) => Failure::new(
            Exit::Failed,
            "not_found",
            "No device of your institution was revoked as lost.",
            "Without a name the report is about the only device that was, or will be with the next sync from here.",
            "Name one that `nahtlos device` lists: `nahtlos device breach-report DEVICE`.",
        ),
        (ClientError::NotFound { .. }, Some(input)) => Failure::new(
            Exit::Failed,
            "not_found",
            format!("No device of your institution matches \"{input}\"."),
            "A device is named by at least four characters of its fingerprint, or by its person (also one who \
             left) where they ever had one only.",
            "See them: `nahtlos device`. Another institution reports on its own devices.",
        ),
        _ => error.into(),
    }
}
