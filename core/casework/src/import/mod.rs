//! A case from a file: what `case open --from FILE` reads.
//!
//! JSON, `schema_version` 1. Everything but `schema_version` and `person.official_name` may be
//! missing; unknown fields are errors; dates are `2027-03-31` or `31.03.2027`; codes are those of the
//! fields.
//!
//! ```text
//! schema_version  1
//! phase           reported … (see Phase)
//! person          official_name, first_name, call_name, birth, sex, nationalities[], permit,
//!                 permit_until, recognised_refugee
//! contact         address{street, house_number, extra_line, postcode, town, country}, phone, email,
//!                 preferred_channel, voicemail_allowed, correspondence_language, interpreter
//! languages[]     language, native, understanding, speaking, reading, writing, source, date
//! bodies[]        institution, kind, name, contact
//! ident           ahvn13, zemis, local_ids[]{institution, number}; only where a legal basis for the
//!                 AHV number exists: with it the case gets the section `ident`
//! function[]      capacity, from, to, basis, hours_per_day, limits, adaptations
//! journal[]       at, kind, text
//! tasks[]         title, responsible, due, priority, checklist[]
//! plan            situation, overall_goal, target, goals[]
//!   goals[]       statement, client_words, area, measure_of_success, due, priority, steps[]
//!     steps[]     title, catalogue, responsible, payers, start, end, due, review_at
//! ```
//!
//! The case number and the lead are not part of it: they come from the device that opens the case.

mod core;
mod ident;
mod plan;
mod reading;
mod sections;

use serde_json::Value as Json;

use self::core::read_core;
use self::ident::{NewIdent, read_ident};
use self::plan::{NewGoal, read_plan};
use self::reading::{Node, Reading};
use self::sections::{NewEntry, NewTask, read_assessments, read_journal, read_tasks};
use crate::edit::{Assessment, CoreEdit, Edit, FunctionEdit, PlanEdit, PlanField};
use crate::fields::EntryId;

/// The version of the form that this crate reads.
pub const CASE_FILE_SCHEMA_VERSION: u64 = 1;

/// Largest file, in bytes.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// One error in a case file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{path}: {reason}; {remedy}")]
pub struct ImportError {
    /// Where, e.g. `$.plan.goals[0].due`.
    pub path: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// A case file that was read without any error.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFile {
    core: Vec<CoreEdit>,
    ident: NewIdent,
    assessments: Vec<Assessment>,
    journal: Vec<NewEntry>,
    tasks: Vec<NewTask>,
    plan: Vec<PlanField>,
    goals: Vec<NewGoal>,
}

impl CaseFile {
    /// Reads a file as a whole or not at all.
    ///
    /// # Errors
    /// Every error of the file, each with its place.
    pub fn parse(json: &str) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        let file = parse_text(json, &mut reading).and_then(|value| read(&value, &mut reading));
        match file {
            Some(file) if reading.errors.is_empty() => Ok(file),
            _ => Err(reading.errors),
        }
    }

    /// The edits that make the case, in the order in which to apply them.
    ///
    /// `new_id` makes a new random identifier at each call.
    pub fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let mut edits: Vec<Edit> = self.core.iter().cloned().map(Edit::Core).collect();
        edits.extend(self.ident.edits(new_id));
        edits.extend(self.assessments.iter().map(|assessment| {
            Edit::Function(FunctionEdit::AddAssessment {
                id: new_id(),
                assessment: assessment.clone(),
            })
        }));
        edits.extend(self.journal.iter().map(|entry| entry.edit(new_id())));
        for task in &self.tasks {
            edits.push(task.edit(new_id));
        }
        edits.extend(self.plan.iter().cloned().map(PlanEdit::Set).map(Edit::Plan));
        for goal in &self.goals {
            edits.extend(goal.edits(new_id));
        }
        edits
    }
}

fn parse_text(json: &str, reading: &mut Reading) -> Option<Json> {
    if json.len() > MAX_FILE_BYTES {
        reading.error("$", "too_long", "the file has more than 4 MiB", "split it");
        return None;
    }
    match serde_json::from_str(json) {
        Ok(value) => Some(value),
        // The parser's own message may repeat a value, so only the place is passed on.
        Err(error) => {
            reading.error(
                "$",
                "syntax",
                format!(
                    "this is not JSON from line {}, column {} on",
                    error.line(),
                    error.column()
                ),
                "check commas, quotation marks and brackets there",
            );
            None
        }
    }
}

fn read(value: &Json, reading: &mut Reading) -> Option<CaseFile> {
    let mut root = reading.object(Node::root(value))?;
    let version = value.get("schema_version").and_then(Json::as_u64);
    root.take("schema_version");
    if version != Some(CASE_FILE_SCHEMA_VERSION) {
        reading.error(
            "$.schema_version",
            "schema_version",
            "this version of the form is not known",
            "write 1, or use a newer nahtlos",
        );
        return None;
    }
    let core = read_core(&mut root, reading);
    let ident = read_ident(&mut root, reading);
    let assessments = read_assessments(&mut root, reading);
    let journal = read_journal(&mut root, reading);
    let tasks = read_tasks(&mut root, reading);
    let (plan, goals) = read_plan(&mut root, reading);
    root.finish(reading);
    Some(CaseFile {
        core,
        ident,
        assessments,
        journal,
        tasks,
        plan,
        goals,
    })
}
