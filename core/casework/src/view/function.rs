//! The section `function` as it reads now.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::stored;
use crate::author::{AuthorOf, Origin};
use crate::fields::{Capacity, Date, EntryId, Line, LongText, Stored};
use crate::rules::{ImmutableEntry, Violation, permanent_entries};

/// The section `function`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionView {
    /// Assessments by first day, then identifier.
    pub assessments: Vec<AssessmentView>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// One assessment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssessmentView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Work capacity.
    pub capacity: Option<Stored<Capacity>>,
    /// First day.
    pub from: Option<Stored<Date>>,
    /// Last day.
    pub to: Option<Stored<Date>>,
    /// What it rests on.
    pub basis: Option<Stored<Line>>,
    /// Hours a day.
    pub hours_per_day: Option<Stored<Line>>,
    /// Limits.
    pub limits: Option<Stored<LongText>>,
    /// Adaptations of the workplace.
    pub adaptations: Option<Stored<LongText>>,
    /// Who wrote it, when.
    pub origin: Origin,
}

impl FunctionView {
    /// Reads a document of the section `function`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let container = Path::from_iter(["assessments"]);
        let (entries, violations) = permanent_entries(document, &container, authors);
        let mut assessments: Vec<AssessmentView> = entries
            .iter()
            .map(|entry| assessment(entry, authors))
            .collect();
        assessments.sort_by_key(|entry| {
            let from = entry.from.as_ref().map(Stored::canonical);
            (from, entry.id.canonical())
        });
        Self {
            assessments,
            violations,
        }
    }
}

fn assessment(entry: &ImmutableEntry, authors: &dyn AuthorOf) -> AssessmentView {
    let fields = Some(&entry.fields);
    AssessmentView {
        id: Stored::read(&entry.id),
        capacity: stored(fields, "capacity"),
        from: stored(fields, "from"),
        to: stored(fields, "to"),
        basis: stored(fields, "basis"),
        hours_per_day: stored(fields, "hours_per_day"),
        limits: stored(fields, "limits"),
        adaptations: stored(fields, "adaptations"),
        origin: Origin::of_entry(authors, entry),
    }
}
