//! `nahtlos case import`: rows of a spreadsheet.

use std::collections::BTreeSet;

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{EntryId, Field};
use nahtlos_casework::import::rows::{RowsFile, RowsOf};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_document::Path;
use serde_json::json;

use super::case_open::{phase_not_taken_over, same_person};
use super::entries::new_id;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::{Answered, CaseImport};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Answer;

/// Persons of whom there are cases that a message names.
const NAMED_MAX: usize = 5;

/// Why nothing is kept.
enum Stopped {
    DryRun,
    AtLine(usize, ClientError),
    Failed(ClientError),
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

pub fn import(context: &Context, options: &CaseImport) -> Result<Answer, Failure> {
    let rows_of = match &options.list {
        Some(list) => RowsOf::parse(list)?,
        None => RowsOf::Cases,
    };
    let file = RowsFile::parse(rows_of, &input::read_table(&options.from)?)
        .map_err(|errors| Failure::table(&errors))?;
    if file.is_empty() {
        return Err(no_rows());
    }
    let mut nahtlos = context.open()?;
    match &options.case {
        Some(case) => entries(&mut nahtlos, case, &file, options.answered),
        None => cases(&mut nahtlos, &file, options.answered),
    }
}

fn cases(nahtlos: &mut Nahtlos, file: &RowsFile, answered: Answered) -> Result<Answer, Failure> {
    let cases = file.cases();
    if !answered.yes {
        refuse_second_cases(nahtlos, &cases)?;
    }
    let rows = count(cases.len() as u64, "case", "cases");
    let mut numbers = Vec::new();
    let opened = nahtlos.all_or_nothing(|nahtlos| {
        for (line, edits) in &cases {
            let number = nahtlos
                .open_recorded_case(edits)
                .map_err(|error| Stopped::AtLine(*line, error))?;
            numbers.push(number.canonical());
        }
        // Tried to the end, and taken back.
        match answered.dry_run {
            true => Err(Stopped::DryRun),
            false => Ok(()),
        }
    });
    match opened {
        Ok(()) => {}
        Err(Stopped::DryRun) => {
            let data = json!({ "done": "dry_run", "cases": cases.len() });
            let said = format!("Nothing was done (--dry-run): {rows} can be opened.");
            return Ok(Answer::sentence(data, said));
        }
        Err(Stopped::AtLine(line, error)) => {
            let mut failure = Failure::from(error);
            failure.what = format!("line {line}: {} No case was opened.", failure.what);
            return Err(failure);
        }
        Err(Stopped::Failed(error)) => return Err(error.into()),
    }
    let said = match numbers.as_slice() {
        [only] => only.clone(),
        [first, .., last] => format!("{rows}, {first} to {last}."),
        [] => String::new(),
    };
    let data = json!({ "done": "opened", "case_numbers": numbers });
    let mut notes = cases
        .iter()
        .filter_map(|(_, edits)| phase_not_taken_over(edits, false));
    let answer = Answer::sentence(data, said).note(NOT_DELIVERED_YET);
    Ok(match notes.next() {
        Some(note) => answer.note(note),
        None => answer,
    })
}

fn entries(
    nahtlos: &mut Nahtlos,
    case: &str,
    file: &RowsFile,
    answered: Answered,
) -> Result<Answer, Failure> {
    let case = nahtlos.find_case(case)?;
    let section = file
        .rows_of()
        .section()
        .unwrap_or(nahtlos_casework::SectionKind::Journal);
    super::section::refuse_not_opened(nahtlos, &case, &section)?;
    let document = nahtlos.section_document_unrecorded(&case, &section)?;
    let read = document.read();
    let existing = file.existing(|id: &EntryId| {
        ["entries", "tasks"]
            .iter()
            .any(|list| read.exists(Path::from_iter([*list, &id.canonical()])))
    });
    if !existing.is_empty() {
        return Err(Failure::table(&existing));
    }
    let edits = edits(file)?;
    let title = case_title(nahtlos, &case)?;
    let rows = count(file.len() as u64, "row", "rows");
    let id = case.id.to_string();
    let code = section.code();
    let written = nahtlos.all_or_nothing(|nahtlos| {
        nahtlos.edit_case(&id, &edits)?;
        // Tried to the end, and taken back.
        match answered.dry_run {
            true => Err(Stopped::DryRun),
            false => Ok(()),
        }
    });
    let data =
        |done: &str| json!({ "case": id, "section": code, "rows": file.len(), "done": done });
    match written {
        Ok(()) => Ok(Answer::sentence(
            data("added"),
            format!("{title}: {rows} added to `{code}`."),
        )
        .note(NOT_DELIVERED_YET)),
        Err(Stopped::DryRun) => Ok(Answer::sentence(
            data("dry_run"),
            format!("Nothing was done (--dry-run): {rows} can be added to `{code}`."),
        )),
        Err(Stopped::AtLine(_, error) | Stopped::Failed(error)) => Err(error.into()),
    }
}

/// Randomness that fails once fails the whole command, before anything is stored.
fn edits(file: &RowsFile) -> Result<Vec<Edit>, Failure> {
    let mut failed = None;
    let edits = file.edits(&mut || {
        new_id().unwrap_or_else(|failure| {
            failed = Some(failure);
            EntryId::from_random([0; 8])
        })
    });
    failed.map_or(Ok(edits), Err)
}

/// Two cases of one person drift apart: rows of people of whom there is a case, here or further up in the
/// file, are named.
fn refuse_second_cases(nahtlos: &Nahtlos, cases: &[(usize, Vec<Edit>)]) -> Result<(), Failure> {
    let births: BTreeSet<Option<String>> = nahtlos
        .cases()?
        .into_iter()
        .map(|line| line.summary.birth)
        .collect();
    let mut seen = BTreeSet::new();
    let mut details = Vec::new();
    for (line, edits) in cases {
        let person = person(edits);
        if !seen.insert(person.clone()) {
            details.push(format!(
                "line {line}: the same person stands further up in the file"
            ));
        } else if births.contains(&person[2])
            && let Some((_, number)) = same_person(nahtlos, edits)?
        {
            details.push(format!(
                "line {line}: you have a case of this person already, {number}"
            ));
        }
    }
    if details.is_empty() {
        return Ok(());
    }
    let rows = count(details.len() as u64, "row is", "rows are");
    let mut failure = Failure::new(
        Exit::Conflict,
        "case_exists",
        format!("{rows} about people of whom there is a case; no case was opened."),
        "Two cases of one person drift apart.",
        "Take these rows out, or open second cases with `--yes`.",
    );
    details.truncate(NAMED_MAX);
    failure.details = details.into();
    Err(failure)
}

/// Official name, first name and birth.
fn person(edits: &[Edit]) -> [Option<String>; 3] {
    let mut person = [None, None, None];
    for edit in edits {
        match edit {
            Edit::Core(CoreEdit::Set(CoreField::OfficialName(name))) => {
                person[0] = Some(name.canonical())
            }
            Edit::Core(CoreEdit::Set(CoreField::FirstName(name))) => {
                person[1] = Some(name.canonical())
            }
            Edit::Core(CoreEdit::Set(CoreField::Birth(birth))) => {
                person[2] = Some(birth.canonical())
            }
            _ => {}
        }
    }
    person
}

fn no_rows() -> Failure {
    Failure::new(
        Exit::Usage,
        "empty",
        "The table has a header and no row; nothing was changed.",
        "There is nothing to read.",
        "Check that the right file was saved, then run the command again.",
    )
}
