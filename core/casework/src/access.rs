//! The section `access`: who read what of a case, and what was disclosed to whom.
//!
//! Its form stands in a table like others ([`crate::form`]); here is what a program writes by itself,
//! and what counts of it. Nobody's name stands in an entry: who read or disclosed is who signed it, by
//! the verified author. So nobody can say it of somebody else, and an entry whose author is not
//! verified is told as a number and nothing more.

use std::collections::BTreeMap;

use nahtlos_document::Document;
use serde::Serialize;

use crate::author::{Author, AuthorOf, Origin};
use crate::edit::{Edit, FormChange, FormEdit, ScalarValue};
use crate::fields::{EntryId, Field, Line, Stored, Times, UtcTime};
use crate::rules::Violation;
use crate::section::SectionKind;
use crate::view::{EntryView, FormView};

const READS: &str = "reads";
const DISCLOSURES: &str = "disclosures";
/// Between the codes of sections in one entry.
const SEPARATOR: &str = ", ";
/// Characters of the codes of one entry: more of them go into another.
const CODES_CHARACTERS_MAX: usize = 1_500;

/// What kind of device somebody reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A desktop or a laptop.
    Computer,
    /// A telephone or a tablet.
    Mobile,
}

impl DeviceKind {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Computer => "computer",
            Self::Mobile => "mobile",
        }
    }
}

/// In which way something was disclosed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisclosureForm {
    /// As a page to print.
    Printed,
    /// In a file.
    Exported,
    /// As an extract that was written for somebody.
    Extract,
    /// An enquiry or a report that became a case.
    TakenOver,
}

impl DisclosureForm {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Printed => "printed",
            Self::Exported => "exported",
            Self::Extract => "extract",
            Self::TakenOver => "taken_over",
        }
    }
}

/// What somebody read in a span of time, as they record it themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The sections.
    pub sections: Vec<SectionKind>,
    /// The first time.
    pub first: UtcTime,
    /// The last time.
    pub last: UtcTime,
    /// How many times.
    pub times: u64,
    /// On what.
    pub device: DeviceKind,
    /// For what, where it was said.
    pub purpose: Option<Line>,
}

impl Reading {
    /// The edits that record it: one, or several where the sections' codes do not fit into one.
    pub fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let times = self.times.clamp(1, 10_000).to_string();
        let mut values = BTreeMap::from([
            ("at", self.first.canonical()),
            ("until", self.last.canonical()),
            ("times", times),
            ("device", self.device.code().to_owned()),
        ]);
        if let Some(purpose) = &self.purpose {
            values.insert("purpose", purpose.canonical());
        }
        edits(READS, &self.sections, &values, new_id)
    }
}

/// What was disclosed to somebody, as who did it records it.
#[derive(Debug, Clone, PartialEq)]
pub struct Disclosure {
    /// To whom.
    pub to: Line,
    /// The sections.
    pub sections: Vec<SectionKind>,
    /// On what it rests.
    pub basis: Line,
    /// When.
    pub at: UtcTime,
    /// How.
    pub form: DisclosureForm,
}

impl Disclosure {
    /// The edits that record it: one, or several where the sections' codes do not fit into one.
    pub fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let values = BTreeMap::from([
            ("to", self.to.canonical()),
            ("basis", self.basis.canonical()),
            ("at", self.at.canonical()),
            ("form", self.form.code().to_owned()),
        ]);
        edits(DISCLOSURES, &self.sections, &values, new_id)
    }
}

fn edits(
    list: &str,
    sections: &[SectionKind],
    values: &BTreeMap<&str, String>,
    new_id: &mut dyn FnMut() -> EntryId,
) -> Vec<Edit> {
    let mut lines: Vec<String> = Vec::new();
    for section in sections {
        let code = section.code();
        match lines.last_mut() {
            Some(line) if line.len() + code.len() < CODES_CHARACTERS_MAX => {
                line.push_str(SEPARATOR);
                line.push_str(&code);
            }
            _ => lines.push(code),
        }
    }
    let entry = |line: String| {
        let values = values
            .iter()
            .map(|(code, text)| (*code, text.clone()))
            .chain([("sections", line)])
            .map(|(code, text)| (code.to_owned(), ScalarValue::Text(text)));
        Edit::Form(FormEdit {
            section: SectionKind::Access,
            change: FormChange::Add {
                list: list.to_owned(),
                id: new_id(),
                correction_of: None,
                values: values.collect(),
            },
        })
    };
    lines.into_iter().map(entry).collect()
}

/// The section `access` as it reads now.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AccessView {
    /// Who read what, by the first time.
    pub reads: Vec<ReadView>,
    /// What was disclosed, by time.
    pub disclosures: Vec<DisclosureView>,
    /// Entries that count for nothing: nobody verified who wrote them.
    pub unverified: usize,
    /// Changes that counted for nothing: an entry stays as it was written.
    pub violations: Vec<Violation>,
}

/// One entry about reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Who read.
    pub by: Author,
    /// Codes of the sections.
    pub sections: Vec<String>,
    /// The first time, by the reader's clock.
    pub first: Option<UtcTime>,
    /// The last time.
    pub last: Option<UtcTime>,
    /// How many times.
    pub times: u16,
    /// Code of the kind of device.
    pub device: Option<String>,
    /// For what.
    pub purpose: Option<String>,
    /// When the reader's device handed the entry over for delivery, by its clock.
    pub handed_over_at: Option<UtcTime>,
}

/// One entry about a disclosure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisclosureView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Who disclosed.
    pub by: Author,
    /// To whom, as they wrote it.
    pub to: String,
    /// Codes of the sections, as they wrote them.
    pub sections: Vec<String>,
    /// On what it rests, as they wrote it.
    pub basis: String,
    /// When.
    pub at: Option<UtcTime>,
    /// Code of the form.
    pub form: Option<String>,
    /// The entry that it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction_of: Option<Stored<EntryId>>,
    /// When it was written down, by the author's clock.
    pub handed_over_at: Option<UtcTime>,
}

impl AccessView {
    /// Reads a document of the section `access`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let mut form = FormView::read(document, &SectionKind::Access, authors);
        let mut view = Self {
            violations: std::mem::take(&mut form.violations),
            ..Self::default()
        };
        for entry in form.lists.remove(READS).unwrap_or_default() {
            match verified(&entry) {
                Some((by, at)) => view.reads.push(read_view(&entry, by, at)),
                None => view.unverified += 1,
            }
        }
        for entry in form.lists.remove(DISCLOSURES).unwrap_or_default() {
            match verified(&entry) {
                Some((by, at)) => view.disclosures.push(disclosure_view(&entry, by, at)),
                None => view.unverified += 1,
            }
        }
        view.reads.sort_by_key(|read| read.first);
        view.disclosures.sort_by_key(|disclosure| disclosure.at);
        view
    }
}

/// Who wrote an entry, and when they say that they did.
fn verified(entry: &EntryView) -> Option<(Author, Option<UtcTime>)> {
    let Origin { author, at, .. } = entry.origin.clone()?;
    Some((author?, at))
}

fn read_view(entry: &EntryView, by: Author, handed_over_at: Option<UtcTime>) -> ReadView {
    let first = time(entry, "at").or(handed_over_at);
    let times = text(entry, "times").and_then(|text| Times::parse(&text).ok());
    ReadView {
        id: entry.id.clone(),
        by,
        sections: sections(entry),
        first,
        last: time(entry, "until").or(first),
        times: times.map_or(1, Times::number),
        device: text(entry, "device"),
        purpose: text(entry, "purpose"),
        handed_over_at,
    }
}

fn disclosure_view(
    entry: &EntryView,
    by: Author,
    handed_over_at: Option<UtcTime>,
) -> DisclosureView {
    DisclosureView {
        id: entry.id.clone(),
        by,
        to: text(entry, "to").unwrap_or_default(),
        sections: sections(entry),
        basis: text(entry, "basis").unwrap_or_default(),
        at: time(entry, "at").or(handed_over_at),
        form: text(entry, "form"),
        correction_of: entry.correction_of.clone(),
        handed_over_at,
    }
}

fn sections(entry: &EntryView) -> Vec<String> {
    let codes = text(entry, "sections").unwrap_or_default();
    let codes = codes.split(',').map(str::trim);
    codes
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

fn time(entry: &EntryView, code: &str) -> Option<UtcTime> {
    UtcTime::parse(&text(entry, code)?).ok()
}

fn text(entry: &EntryView, code: &str) -> Option<String> {
    match &entry.fields.get(code)?.stored {
        ScalarValue::Text(text) => Some(text.clone()),
        ScalarValue::Integer(number) => Some(number.to_string()),
        ScalarValue::Bool(_) => None,
    }
}
