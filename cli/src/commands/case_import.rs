//! `nahtlos case import`: rows of a spreadsheet.

use std::collections::BTreeSet;

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{EntryId, Field};
use nahtlos_casework::import::rows::{RowsFile, RowsOf};
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_document::Path;
use serde_json::json;

use super::case_open::{phase_not_taken_over, same_person};
use super::entries::with_new_ids;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_title};
use crate::arguments::CaseImport;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, dates};

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
    let time = |typed: &str| dates::parse_time(typed).ok();
    let table = input::read_table(&options.from)?;
    let file = RowsFile::parse_with_times(rows_of, &table, &time)
        .map_err(|errors| Failure::table(&errors))?;
    if file.is_empty() {
        return Err(no_rows());
    }
    let mut nahtlos = context.open()?;
    match &options.case {
        Some(case) => entries(&mut nahtlos, case, &file, options),
        None => cases(&mut nahtlos, &file, options),
    }
}

fn cases(nahtlos: &mut Nahtlos, file: &RowsFile, options: &CaseImport) -> Result<Answer, Failure> {
    let (cases, answered) = (file.cases(), options.answered);
    // Not by `--yes`, which a script always adds: a table that is read twice would open everybody a second time.
    if !options.second_cases {
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
    options: &CaseImport,
) -> Result<Answer, Failure> {
    let answered = options.answered;
    let case = nahtlos.find_case(case)?;
    let section = file
        .rows_of()
        .section()
        .unwrap_or(nahtlos_casework::SectionKind::Journal);
    super::section::refuse_not_opened(nahtlos, &case, &section)?;
    let document = nahtlos.section_document_unrecorded(&case, &section)?;
    let read = document.read();
    let exists = |id: &EntryId| {
        let mut lists = ["entries", "tasks"].iter();
        lists.any(|list| read.exists(Path::from_iter([*list, &id.canonical()])))
    };
    let existing = file.existing(exists);
    if !existing.is_empty() {
        return Err(Failure::table(&existing));
    }
    if !options.from_another_case {
        refuse_another_case(nahtlos, &case, file)?;
    }
    let edits = with_new_ids(|new_id| file.edits(new_id))?;
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

/// An export gives each entry an identifier. Rows that bring one along which this case does not have are another
/// case's, and what is added to a journal is never taken out again.
fn refuse_another_case(nahtlos: &Nahtlos, case: &Case, file: &RowsFile) -> Result<(), Failure> {
    let brought = file.brought_along();
    if brought == 0 {
        return Ok(());
    }
    let title = case_title(nahtlos, case)?;
    let rows = count(brought as u64, "row", "rows");
    let writers: Vec<String> = file.writers().into_iter().collect();
    let by = match writers.is_empty() {
        true => String::new(),
        false => format!(", written by {}", writers.join(", ")),
    };
    let what =
        format!("{rows} come from another case: {title} has no entries of these identifiers{by}");
    if input::may_ask() {
        let question = format!("{what}. Add them to {title} all the same?");
        return match input::confirm(&question)? {
            true => Ok(()),
            false => Err(another_case("Nothing was added.".to_owned())),
        };
    }
    Err(another_case(format!("Nothing was added: {what}.")))
}

fn another_case(what: String) -> Failure {
    Failure::new(
        Exit::Conflict,
        "another_case",
        what,
        "An exported list belongs to the case that it was exported from; what is added to a journal is never taken \
         out again.",
        "Check the case and the file. If they do belong here, run the command again with `--from-another-case`.",
    )
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
        "Take these rows out, or open second cases with `--second-cases`.",
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
