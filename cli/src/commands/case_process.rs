//! `nahtlos case phase`, `close`, `reopen` and `competence`.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::CompetenceDecision;
use nahtlos_casework::fields::{
    ClosingReason, CompetenceKind, Date, Line, LongText, Phase, ReopeningReason, Stored,
};
use nahtlos_casework::phase::{Gate, Transition};
use nahtlos_casework::view::{CompetenceView, CoreView, ProcessView};
use nahtlos_client::closing::{OpenMatter, OpenMatters};
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use super::ending::unless_confirmed;
use super::entries::{cell, find, known_id, new_id, short_id, shown};
use super::names::Names;
use super::pages::{violations_page, when, who};
use super::sync::count;
use super::values::{parse, parse_option};
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::{CaseClose, CaseReopen, CompetenceAdd, CompetenceCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn phase(context: &Context, case: &str, new: Option<&str>) -> Result<Answer, Failure> {
    let new: Option<Phase> = parse_option("phase", new)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let Some(to) = new else {
        return show_phase(&nahtlos, &case);
    };
    let from = nahtlos.change_phase(&case, to).map_err(step)?;
    let title = case_title(&nahtlos, &case)?;
    Ok(Answer::sentence(
        json!({
            "case": case.id.to_string(),
            "before": from,
            "phase": to,
            "done": "changed",
        }),
        format!(
            "{title}: {} now; it was {}.",
            to.names()[2],
            from.names()[2]
        ),
    )
    .note(NOT_DELIVERED_YET))
}

/// Whether a case may take a step is no matter of how it was typed.
fn step(error: ClientError) -> Failure {
    match error {
        ClientError::Field(error) if ["phase", "lead"].contains(&error.field) => {
            Failure::step(&error)
        }
        other => other.into(),
    }
}

fn show_phase(nahtlos: &Nahtlos, case: &Case) -> Result<Answer, Failure> {
    let process = nahtlos.process(case)?;
    let next = nahtlos.next_phases(case)?;
    let has_basis = nahtlos.has_basis(case)?;
    let since = process.phase_since.as_ref();
    let page = Page::default().title(case_title(nahtlos, case)?).fields([
        ("phase", Some(phase_in_words(&process))),
        ("since", since.map(when)),
        ("by", since.map(who)),
        (
            "in conflict",
            process
                .phase_is_disputed
                .then(|| "two people named two phases: `nahtlos conflict list CASE`".to_owned()),
        ),
    ]);
    let rows = next
        .iter()
        .map(|row| vec![row.to.code().to_owned(), how(row, has_basis)])
        .collect();
    let page = page.table(&["next", "how"], rows, "No phase follows on this one.");
    let next: Vec<_> = next
        .iter()
        .map(|row| json!({ "phase": row.to, "gate": row.gate }))
        .collect();
    let data = json!({
        "case": case.id.to_string(),
        "phase": process.phase,
        "since": since.map(json::value),
        "is_disputed": process.phase_is_disputed,
        "has_basis": has_basis,
        "next": next,
    });
    Ok(Answer::new(data, page))
}

fn phase_in_words(process: &ProcessView) -> String {
    match &process.phase {
        Stored::Known(phase) => phase.names()[2].to_owned(),
        Stored::Unknown(text) => text.clone(),
    }
}

/// What leads to a phase.
fn how(row: &Transition, has_basis: bool) -> String {
    match row.gate {
        Gate::Decision => format!("`nahtlos case phase CASE {}`", row.to),
        Gate::Basis if has_basis => format!("`nahtlos case phase CASE {}`", row.to),
        Gate::Basis => "when a consent is recorded: `nahtlos consent give CASE`".to_owned(),
        Gate::Closing => "`nahtlos case close CASE --reason CODE`".to_owned(),
        Gate::Reopening => "`nahtlos case reopen CASE --reason CODE`".to_owned(),
        Gate::Erasure => "when what the case holds is erased".to_owned(),
    }
}

pub fn close(context: &Context, closing: &CaseClose) -> Result<Answer, Failure> {
    let reason: ClosingReason = parse("reason", &closing.reason)?;
    refuse_without_note(reason == ClosingReason::Other, closing.note.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&closing.case)?;
    let open = nahtlos.open_matters(&case).map_err(step)?;
    nahtlos.require_writable(&case.section(&SectionKind::Core)?)?;
    let note = note(closing.note.as_deref())?;
    let title = case_title(&nahtlos, &case)?;
    let page = open_page(&title, reason, &open);
    let data = |done: &str| {
        json!({
            "case": case.id.to_string(),
            "done": done,
            "reason": reason,
            "open": json::value(&open),
        })
    };
    if let Some(answer) = unless_confirmed(closing.answered, page, "Close it?", data)? {
        return Ok(answer);
    }
    let closed = nahtlos.close_case(&case, reason, note)?;
    let days: Vec<String> = closed.follow_up.iter().map(Date::to_string).collect();
    let mut data = data("closed");
    data["closing"] = closed.closing.to_string().into();
    data["follow_up"] = json::value(&closed.follow_up);
    let mut answer = Answer::sentence(data, format!("{title}: closed ({}).", reason.names()[2]));
    if !days.is_empty() {
        answer = answer.note(format!("Follow-up tasks are due on {}.", days.join(", ")));
    }
    if !open.readers.is_empty() {
        answer = answer.note(
            "Nobody's access ends by it: `nahtlos share withdraw CASE --from TEAM --reason case-closed` ends it.",
        );
    }
    Ok(answer.note(NOT_DELIVERED_YET))
}

fn note(source: Option<&Path>) -> Result<Option<LongText>, Failure> {
    let text = source.map(input::read_text).transpose()?;
    Ok(text.map(|text| parse("note", &text)).transpose()?)
}

/// Before anybody looks at what is open.
fn refuse_without_note(is_needed: bool, note: Option<&Path>) -> Result<(), Failure> {
    if !is_needed || note.is_some() {
        return Ok(());
    }
    Err(nahtlos_casework::edit::note_missing().into())
}

/// What is still open, before it is closed.
fn open_page(title: &str, reason: ClosingReason, open: &OpenMatters) -> Page {
    let mut page = Page::default().title(title).fields([
        ("to be closed", Some(reason.names()[2].to_owned())),
        ("edits that are held", number(open.held, "nahtlos held")),
        ("conflicts", number(open.conflicts, "nahtlos conflict")),
        (
            "edits not delivered",
            number(
                usize::try_from(open.undelivered).unwrap_or(usize::MAX),
                "nahtlos sync",
            ),
        ),
        ("can read something", listed(&open.readers)),
        ("cannot be marked as closed here", listed(&open.not_marked)),
    ]);
    for (what, matters) in [
        ("unfinished task", &open.tasks),
        ("step that has not ended", &open.steps),
        ("consent that holds", &open.consents),
    ] {
        if !matters.is_empty() {
            let rows = matters.iter().map(matter_row).collect();
            page = page.table(&[what, "day", "status"], rows, "");
        }
    }
    if open.is_empty() {
        page = page.line("Nothing is open.");
    }
    page
}

fn matter_row(matter: &OpenMatter) -> Vec<String> {
    vec![
        matter.title.clone(),
        matter.day.map_or_else(String::new, |day| day.to_string()),
        matter.status.clone().unwrap_or_default(),
    ]
}

fn number(number: usize, command: &str) -> Option<String> {
    (number > 0).then(|| format!("{number} (`{command}`)"))
}

fn listed(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(", "))
}

pub fn reopen(context: &Context, reopening: &CaseReopen) -> Result<Answer, Failure> {
    let reason: ReopeningReason = parse("reason", &reopening.reason)?;
    refuse_without_note(reason == ReopeningReason::Other, reopening.note.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&reopening.case)?;
    nahtlos.check_reopening(&case).map_err(step)?;
    nahtlos.require_writable(&case.section(&SectionKind::Core)?)?;
    let note = note(reopening.note.as_deref())?;
    nahtlos.reopen_case(&case, reason, note).map_err(step)?;
    let title = case_title(&nahtlos, &case)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "done": "reopened", "reason": reason }),
        format!("{title}: open again ({}).", reason.names()[2]),
    )
    .note("Follow-up tasks that nobody had begun are cancelled. Where it goes on: `nahtlos case phase CASE`.")
    .note(NOT_DELIVERED_YET))
}

pub fn competence(
    context: &Context,
    case: Option<String>,
    command: Option<CompetenceCommand>,
) -> Result<Answer, Failure> {
    match command {
        Some(CompetenceCommand::Add(new)) => add_competence(context, &new),
        None => list_competences(context, &case.unwrap_or_default()),
    }
}

fn add_competence(context: &Context, new: &CompetenceAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.grounds)?;
    let kind: CompetenceKind = parse("kind", &new.kind)?;
    let since: Date = parse("since", &new.since)?;
    let until: Option<Date> = parse_option("until", new.until.as_deref())?;
    let decided: Option<Date> = parse_option("decided", new.decided.as_deref())?;
    let decided_by: Line = parse("by", &new.by)?;
    let subject: Option<Line> = parse_option("for", new.subject.as_deref())?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    let names = Names::of_case(&nahtlos, &case);
    let institution = names.find_institution(&new.institution)?;
    let correction_of = match &new.corrects {
        None => None,
        Some(typed) => {
            let known: Vec<_> = nahtlos
                .process(&case)?
                .competences
                .into_iter()
                .map(|decision| (String::new(), decision.id.canonical(), decision.id))
                .collect();
            Some(known_id(find("decision", typed, &known)?)?)
        }
    };
    let decided_on = match decided {
        Some(day) => day,
        None => nahtlos.today()?,
    };
    nahtlos.check_competence(&case, decided_on)?;
    nahtlos.require_writable(&case.section(&SectionKind::Core)?)?;
    let grounds: LongText = input::text(&new.grounds, "grounds", "Grounds")?;
    let decision = CompetenceDecision {
        id: new_id()?,
        kind,
        institution,
        subject,
        since,
        until,
        decided_on,
        decided_by,
        grounds,
        correction_of,
    };
    nahtlos.record_competence(&case, &decision)?;
    let title = case_title(&nahtlos, &case)?;
    let institution = names.institution(decision.institution.as_str());
    let mut answer = Answer::sentence(
        json!({
            "case": case.id.to_string(),
            "decision": decision.id.to_string(),
            "done": "recorded",
        }),
        format!(
            "{title}: recorded: {}, {institution}, from {since}.",
            kind.names()[2]
        ),
    );
    if let Some(note) = other_lead(&nahtlos, &case, &names)? {
        answer = answer.note(note);
    }
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// That another institution leads than was decided: a decision hands nothing over.
fn other_lead(nahtlos: &Nahtlos, case: &Case, names: &Names) -> Result<Option<String>, Failure> {
    let core = CoreView::read(&nahtlos.section_document(case, &SectionKind::Core)?);
    let lead = core.lead.as_ref().and_then(Stored::known);
    let process = nahtlos.process(case)?;
    let today = nahtlos.today()?;
    let mut decided = process
        .competences_on(today)
        .filter(|one| one.kind == Some(Stored::Known(CompetenceKind::Lead)));
    let decided = decided
        .next()
        .and_then(|one| one.institution.as_ref()?.known());
    let (Some(lead), Some(decided)) = (lead, decided) else {
        return Ok(None);
    };
    if lead.institution == *decided {
        return Ok(None);
    }
    Ok(Some(format!(
        "By decision {} leads, and the case names {}: `nahtlos case handover --from PERSON --to PERSON --case CASE` \
         hands it over.",
        names.institution(decided.as_str()),
        names.institution(lead.institution.as_str())
    )))
}

fn list_competences(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let process = nahtlos.process(&case)?;
    let names = Names::of_case(&nahtlos, &case);
    let page = Page::default().title(case_title(&nahtlos, &case)?);
    let page = competences_page(page, &process, &names);
    let data = json!({
        "case": case.id.to_string(),
        "competences": json::value(&process.competences),
    });
    let answer = Answer::new(data, violations_page(page, &process.violations));
    Ok(match other_lead(&nahtlos, &case, &names)? {
        Some(note) => answer.note(note),
        None => answer,
    })
}

/// Who leads and who pays, as it was decided.
fn competences_page(page: Page, process: &ProcessView, names: &Names) -> Page {
    let rows = process
        .competences
        .iter()
        .map(|one| competence_row(one, names));
    page.table(
        &[
            "id",
            "what",
            "institution",
            "when",
            "decided",
            "grounds",
            "recorded by",
        ],
        rows.collect(),
        "Nothing was decided yet: `nahtlos case competence add CASE` records a decision.",
    )
}

fn competence_row(decision: &CompetenceView, names: &Names) -> Vec<String> {
    let kind = match &decision.kind {
        Some(Stored::Known(kind)) => kind.names()[2].to_owned(),
        other => cell(other),
    };
    let what = match &decision.subject {
        Some(subject) => format!("{kind}: {subject}"),
        None => kind,
    };
    let institution = decision.institution.as_ref();
    let institution =
        institution.map_or_else(String::new, |one| names.institution(&one.canonical()));
    let span = match (shown(&decision.since), shown(&decision.until)) {
        (Some(since), Some(until)) => format!("{since}–{until}"),
        (since, _) => format!("from {}", since.unwrap_or_default()),
    };
    let mut grounds = cell(&decision.grounds);
    if let Some(corrected) = &decision.correction_of {
        grounds = format!("(corrects {}) {grounds}", short_id(corrected));
    }
    for by in &decision.corrected_by {
        grounds = format!("{grounds}\n(corrected by {})", short_id(by));
    }
    vec![
        short_id(&decision.id),
        what,
        institution,
        span,
        format!(
            "{}, {}",
            cell(&decision.decided_on),
            cell(&decision.decided_by)
        ),
        grounds,
        format!("{}, {}", who(&decision.origin), when(&decision.origin)),
    ]
}

/// For `case show`: the last closing or reopening, and who leads and pays today.
pub fn process_page(page: Page, process: &ProcessView, names: &Names, today: Date) -> Page {
    let closed = process.closings.first().map(|closing| {
        let reason = match &closing.reason {
            Some(Stored::Known(reason)) => reason.names()[2].to_owned(),
            other => cell(other),
        };
        format!(
            "{}, {}: {reason}",
            cell(&closing.date),
            who(&closing.origin)
        )
    });
    let reopened = process.reopenings.first().map(|reopening| {
        let reason = match &reopening.reason {
            Some(Stored::Known(reason)) => reason.names()[2].to_owned(),
            other => cell(other),
        };
        format!(
            "{}, {}: {reason}",
            cell(&reopening.date),
            who(&reopening.origin)
        )
    });
    let page = page.fields([("closed", closed), ("opened again", reopened)]);
    let rows: Vec<Vec<String>> = process
        .competences_on(today)
        .map(|one| competence_row(one, names))
        .map(|row| row.into_iter().skip(1).take(4).collect())
        .collect();
    if rows.is_empty() {
        return page;
    }
    page.table(&["decided", "institution", "when", "by decision"], rows, "")
}

/// What recording a consent did to the phase, for who recorded it.
pub fn moved_on(nahtlos: &Nahtlos, case: &Case, before: Option<&Stored<Phase>>) -> Option<String> {
    let now = nahtlos.phase(case).ok()?;
    let moved = before != Some(&now) && now == Stored::Known(Phase::Consented);
    moved.then(|| "The case is now in the phase `consented`.".to_owned())
}

/// Counts, for the note below a list that hides closed cases.
pub fn hidden(number: usize) -> Option<String> {
    let what = count(number as u64, "closed case is", "closed cases are");
    (number > 0).then(|| format!("{what} not listed: `nahtlos case list --all` shows all."))
}
