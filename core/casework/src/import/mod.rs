//! A case from a file: what `case open --from FILE` reads and `case export` writes ([`crate::export`]).
//!
//! JSON, `schema_version` 1 (docs/INTERCHANGE.md). Everything but `schema_version` and
//! `person.official_name` may be missing; unknown fields are errors; dates are `2027-03-31` or `31.03.2027`; codes are those of the
//! fields.
//!
//! ```text
//! schema_version  1
//! phase           reported … (see Phase)
//! person          official_name, first_name, call_name, birth, sex
//! contact         address{street, house_number, extra_line, postcode, town, country}, phone, email,
//!                 preferred_channel, voicemail_allowed, correspondence_language, interpreter
//! bodies[]        institution, kind, name, contact
//! ident           ahvn13, zemis, local_ids[]{institution, number}; only where a legal basis for the
//!                 AHV number exists: with it the case gets the section `ident`
//! function[]      capacity, from, to, basis, hours_per_day, limits, adaptations
//! journal[]       at, kind, text, correction_of
//! tasks[]         title, responsible, due, priority, status, reminder, links[], checklist[] (texts, or {text, done})
//! labour, education, social, finance, migration, protection
//!                 their fields and lists, as `nahtlos section fields SECTION` shows them
//! further[]       section (medical, measure/…, meeting/…, employer/…, internal/…), and its fields and lists
//! attachments[]   section, name, media_type, size, sha256, note, content (base64; missing where only recorded)
//! plan            situation, overall_goal, target, …, goals[], risks[], reviews[]
//!   goals[]       statement, client_words, area, measure_of_success, due, priority, status, steps[]
//!     steps[]     title, catalogue, responsible, payers, start, end, due, review_at, status, reason,
//!                 depends_on[]
//! ```
//!
//! Every entry may bring its `id` along (13 letters and digits), by which others of the file refer to it.
//! The case number and the lead are not part of it: they come from the device that opens the case. What an
//! exported file says of who wrote an entry (`written_by`, `written_at`) stands beside who takes it over, and what the
//! person disputes (`reference.disputes`) is marked again. The rest is for its readers, and passed over: approvals,
//! versions and signatures of the plan, `reference` and `other_values`; what of it is lost is counted.

mod attachment;
mod carried;
pub mod consent;
mod core;
mod form;
mod ident;
pub mod lists;
mod place;
mod plan;
mod reading;
pub mod rows;
mod sections;
mod source;
pub mod table;

use nahtlos_document::Path;
use serde_json::Value as Json;

use self::attachment::{AttachedFile, read_attachments};
pub use self::carried::LeftBehind;
use self::carried::{NewDispute, read_carried};
use self::core::read_core;
pub use self::form::SectionFile;
use self::form::read_section;
use self::ident::{NewIdent, read_ident};
use self::plan::{NewPlan, read_plan};
use self::reading::{Node, Object, Reading};
use self::sections::{
    NewAssessment, NewEntry, NewTask, read_assessments, read_journal, read_tasks,
};
pub(crate) use self::source::TAKEN_OVER_BY;
use crate::edit::{CoreEdit, Edit};
use crate::fields::{EntryId, FieldError, Line};
use crate::form::{Form, form_of};
use crate::section::SectionKind;

/// The version of the form that this crate reads.
pub const CASE_FILE_SCHEMA_VERSION: u64 = 1;

/// The sections of a case file that are described by a table: those that the team that opens a case
/// opens itself, and that a case has once. `medical` is managed by another team than the one that
/// leads the case.
pub(crate) const SECTIONS: [(&str, SectionKind); 6] = [
    ("labour", SectionKind::Labour),
    ("education", SectionKind::Education),
    ("social", SectionKind::Social),
    ("finance", SectionKind::Finance),
    ("migration", SectionKind::Migration),
    ("protection", SectionKind::Protection),
];

/// Largest file, in bytes.
pub const CASE_FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// One error in a case file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{}{path}: {reason}; {remedy}", in_line(*line))]
pub struct ImportError {
    /// Where, e.g. `$.plan.goals[0].due`.
    pub path: String,
    /// In which line of the file, from 1; nothing where it is about the file as a whole.
    pub line: Option<usize>,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}, "))
}

/// A case file that was read without any error.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFile {
    core: Vec<CoreEdit>,
    ident: NewIdent,
    sections: Vec<SectionFile>,
    assessments: Vec<NewAssessment>,
    journal: Vec<NewEntry>,
    tasks: Vec<NewTask>,
    plan: NewPlan,
    attachments: Vec<AttachedFile>,
    other_values: usize,
    disputes: Vec<NewDispute>,
    left: Vec<LeftBehind>,
}

impl CaseFile {
    /// Reads a file as a whole or not at all.
    ///
    /// # Errors
    /// Every error of the file, each with its place.
    pub fn parse(json: &str) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        let Some(value) = parse_text(json, &mut reading) else {
            return Err(reading.errors);
        };
        match read(&value, &mut reading) {
            Some(file) if reading.errors.is_empty() => Ok(file),
            _ => {
                place::locate(json, &mut reading.errors);
                Err(reading.errors)
            }
        }
    }

    /// The same from JSON that was read already; errors name no lines.
    pub(crate) fn of_json(value: &Json) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        match read(value, &mut reading) {
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
        for section in &self.sections {
            edits.extend(section.edits(new_id));
        }
        let assessments = self.assessments.iter();
        edits.extend(assessments.map(|assessment| assessment.edit(new_id)));
        edits.extend(self.journal.iter().map(|entry| entry.edit(new_id)));
        for task in &self.tasks {
            edits.extend(task.edits(new_id));
        }
        edits.extend(self.plan.edits(new_id));
        edits.extend(self.attachments.iter().map(|file| file.edit(new_id)));
        edits
    }

    /// The edits that mark what the person disputes, for a case that these edits made: `exists` says whether a
    /// place of a section is there. Beside them, how many marks there are of what was not taken over (a signed
    /// version of the plan).
    ///
    /// `new_id` makes a new random identifier at each call.
    pub fn dispute_edits(
        &self,
        new_id: &mut dyn FnMut() -> EntryId,
        exists: &dyn Fn(&SectionKind, &Path) -> bool,
    ) -> (Vec<Edit>, usize) {
        let (standing, others): (Vec<&NewDispute>, Vec<_>) =
            self.disputes.iter().partition(|one| one.stands(exists));
        let edits = standing.iter().flat_map(|one| one.edits(new_id));
        (edits.collect(), others.len())
    }

    /// Marks of what the person disputes that the file holds.
    pub fn disputes(&self) -> usize {
        self.disputes.len()
    }

    /// What of the file is of its case alone, and is not taken over: as it is known before the case is opened.
    pub fn left_behind(&self) -> &[LeftBehind] {
        &self.left
    }

    /// Values of the file that only a newer version understands: they stay in the file.
    pub fn other_values(&self) -> usize {
        self.other_values
    }
}

fn parse_text(json: &str, reading: &mut Reading) -> Option<Json> {
    if json.len() > CASE_FILE_BYTES_MAX {
        reading.error("$", "too_long", "the file has more than 32 MiB", "split it");
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
    let sections = read_sections(&mut root, reading);
    let assessments = read_assessments(&mut root, reading);
    let journal = read_journal(&mut root, reading);
    let tasks = read_tasks(&mut root, reading);
    let plan = read_plan(&mut root, reading);
    let attachments = read_attachments(&mut root, reading);
    let other_values = root.list(reading, "other_values").len();
    root.pass_over(&["reference"]);
    root.finish(reading);
    let carried = read_carried(value);
    Some(CaseFile {
        core,
        ident,
        sections,
        assessments,
        journal,
        tasks,
        plan,
        attachments,
        other_values,
        disputes: carried.disputes,
        left: carried.left,
    })
}

fn read_sections(root: &mut Object<'_>, reading: &mut Reading) -> Vec<SectionFile> {
    let mut sections = Vec::new();
    for (code, section) in SECTIONS {
        let Some(form) = form_of(&section) else {
            continue;
        };
        if let Some(mut object) = root.object(reading, code) {
            sections.push(read_section(&mut object, reading, &section, form, false));
            object.finish(reading);
        }
    }
    let mut before: Vec<SectionKind> = Vec::new();
    for node in root.list(reading, "further") {
        let Some(mut object) = reading.object(node) else {
            continue;
        };
        let path = format!("{}.section", object.path());
        let code: Option<Line> = object.required(reading, "section");
        let Some(code) = code else { continue };
        match further_section(&code.to_string(), &before) {
            Ok((section, form)) => {
                sections.push(read_section(&mut object, reading, &section, form, false));
                object.finish(reading);
                before.push(section);
            }
            Err(error) => reading.field_error(path, error),
        }
    }
    sections
}

/// A section that stands in the list `further`: each once.
fn further_section(
    code: &str,
    before: &[SectionKind],
) -> Result<(SectionKind, &'static Form), FieldError> {
    let section = SectionKind::parse(code)?;
    let form = form_of(&section).filter(|_| is_further(&section));
    let Some(form) = form else {
        return Err(FieldError::new(
            "section",
            "not_further",
            "this section does not stand in this list",
            "write medical, measure/…, meeting/…, employer/… or internal/…",
        ));
    };
    if before.contains(&section) {
        return Err(FieldError::new(
            "section",
            "duplicate",
            "this section stands in the list already",
            "write all of it in one place",
        ));
    }
    Ok((section, form))
}

/// Whether a section stands in the list `further`: those that are described by a table, that a case may have
/// several times or that another team manages. Not what is written for somebody else, or of this case alone.
pub(crate) fn is_further(section: &SectionKind) -> bool {
    matches!(
        section,
        SectionKind::Medical
            | SectionKind::Measure(_)
            | SectionKind::Meeting(_)
            | SectionKind::Employer(_)
            | SectionKind::Internal(_)
    )
}
