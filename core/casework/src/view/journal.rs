//! The journal of a case, and an institution's own notes, as they read now.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::{EntryView, FormView, stored};
use crate::author::{AuthorOf, Origin};
use crate::fields::{EntryId, Field, JournalKind, JournalText, Stored, UtcTime};
use crate::rules::{ImmutableEntry, Violation, permanent_entries};
use crate::section::SectionKind;

/// The list of an institution's notes that its journal stands in.
const NOTES: &str = "notes";

/// The section `journal`, or the notes of one institution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalView {
    /// Entries by time, then identifier.
    pub entries: Vec<JournalEntryView>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// One entry, as it was first written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalEntryView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// When it happened.
    pub at: Option<Stored<UtcTime>>,
    /// What it reports.
    pub kind: Option<Stored<JournalKind>>,
    /// The text.
    pub text: Option<Stored<JournalText>>,
    /// The entry it corrects.
    pub correction_of: Option<Stored<EntryId>>,
    /// What corrects it, in the order in which it was written.
    pub corrected_by: Vec<CorrectionView>,
    /// Who wrote it, when.
    pub origin: Origin,
}

/// A later entry that corrects one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorrectionView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Who wrote it, when.
    pub origin: Origin,
}

/// Which entries to list. What is not named restricts nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalFilter {
    /// Of one of these kinds; of any, where there is none.
    pub kinds: Vec<JournalKind>,
    /// Not before this second of Unix time.
    pub since_seconds: Option<i64>,
    /// Not after this second of Unix time.
    pub until_seconds: Option<i64>,
    /// Its text holds this, capital letters or not.
    pub text: Option<String>,
}

impl JournalView {
    /// Reads a document of the section `journal`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let container = Path::from_iter(["entries"]);
        let (entries, violations) = permanent_entries(document, &container, authors);
        let entries = entries.iter().map(|entry| view(entry, authors)).collect();
        Self::of(entries, violations)
    }

    /// Reads the notes of an institution; nobody else's words count in them.
    pub fn read_notes(document: &Document, section: &SectionKind, authors: &dyn AuthorOf) -> Self {
        let mut view = FormView::read(document, section, authors);
        let notes = view.lists.remove(NOTES).unwrap_or_default();
        Self::of(notes.iter().filter_map(note).collect(), view.violations)
    }

    fn of(mut entries: Vec<JournalEntryView>, violations: Vec<Violation>) -> Self {
        entries.sort_by_key(|entry| {
            let at = entry.at.as_ref().map(Stored::canonical);
            (at, entry.id.canonical())
        });
        let mut corrections: BTreeMap<String, Vec<CorrectionView>> = BTreeMap::new();
        for entry in &entries {
            if let Some(corrected) = &entry.correction_of {
                let correction = CorrectionView {
                    id: entry.id.clone(),
                    origin: entry.origin.clone(),
                };
                let of = corrections.entry(corrected.canonical()).or_default();
                of.push(correction);
            }
        }
        for entry in &mut entries {
            let mut found = corrections
                .remove(&entry.id.canonical())
                .unwrap_or_default();
            found.sort_by_key(|correction| (correction.origin.at, correction.id.canonical()));
            entry.corrected_by = found;
        }
        Self {
            entries,
            violations,
        }
    }
}

impl JournalFilter {
    /// Whether it lists this entry. One whose kind or time this version does not understand is left out
    /// only where kind or time is asked for.
    pub fn holds(&self, entry: &JournalEntryView) -> bool {
        let kind = entry.kind.as_ref().and_then(Stored::known);
        let of_kind = self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(kind));
        let at = entry.at.as_ref().and_then(Stored::known);
        let at = at.map(|at| at.seconds());
        let begun = self.since_seconds.is_none_or(|first| at >= Some(first));
        let over = self
            .until_seconds
            .is_none_or(|last| at.is_some_and(|at| at <= last));
        let says = self.text.as_ref().is_none_or(|wanted| {
            let text = entry.text.as_ref().map(Stored::canonical);
            text.is_some_and(|text| text.to_lowercase().contains(&wanted.to_lowercase()))
        });
        of_kind && begun && over && says
    }
}

fn view(entry: &ImmutableEntry, authors: &dyn AuthorOf) -> JournalEntryView {
    let fields = Some(&entry.fields);
    JournalEntryView {
        id: Stored::read(&entry.id),
        at: stored(fields, "at"),
        kind: stored(fields, "kind"),
        text: stored(fields, "text"),
        correction_of: stored(fields, "correction_of"),
        corrected_by: Vec::new(),
        origin: Origin::of_entry(authors, entry),
    }
}

/// A record of the list of notes. One that does not say when it happened happened when it was written.
fn note(entry: &EntryView) -> Option<JournalEntryView> {
    let origin = entry.origin.clone()?;
    let written = origin.at.map(Stored::Known);
    Some(JournalEntryView {
        id: entry.id.clone(),
        at: field(entry, "at").or(written),
        kind: field(entry, "kind"),
        text: field(entry, "text"),
        correction_of: entry.correction_of.clone(),
        corrected_by: Vec::new(),
        origin,
    })
}

fn field<F: Field>(entry: &EntryView, code: &str) -> Option<Stored<F>> {
    let text = entry.fields.get(code)?.stored.as_text()?;
    Some(Stored::read(text))
}
