//! The section `journal` as it reads now.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::stored;
use crate::author::{AuthorOf, Origin};
use crate::fields::{EntryId, JournalKind, JournalText, Stored, UtcTime};
use crate::rules::{ImmutableEntry, Violation, permanent_entries};

/// The section `journal`.
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
    /// Who wrote it, when.
    pub origin: Origin,
}

impl JournalView {
    /// Reads a document of the section `journal`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let container = Path::from_iter(["entries"]);
        let (entries, violations) = permanent_entries(document, &container, authors);
        let mut entries: Vec<JournalEntryView> =
            entries.iter().map(|entry| view(entry, authors)).collect();
        entries.sort_by_key(|entry| {
            let at = entry.at.as_ref().map(Stored::canonical);
            (at, entry.id.canonical())
        });
        Self {
            entries,
            violations,
        }
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
        origin: Origin::of(authors, &entry.created),
    }
}
