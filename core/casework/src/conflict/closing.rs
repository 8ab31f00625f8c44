//! What somebody did in a section of a case without knowing that it was closed.
//!
//! The mark that a closing leaves in each section builds on what its author knew. What neither stands below
//! it nor builds on it was done meanwhile.

use std::collections::BTreeSet;

use nahtlos_document::{
    ChangeHash, Difference, Document, GENESIS_ACTOR, HistoryEntry, Path, Value,
};

use super::{Alternative, Conflict, ConflictKind, Search, ancestors, dependencies_of};
use crate::author::Origin;
use crate::edit::{CLOSED_MARK, CLOSING, REOPENED_MARK, REOPENING, ScalarValue};
use crate::form::LIST;
use crate::rules::steps_of;
use crate::section::SectionKind;

/// Changes that are shown one by one; of more, what they did stands in the section's history.
const SHOWN_MAX: usize = 200;
/// Tells these conflicts from others in their identifiers.
const KIND_CODE: u8 = 3;

impl Search<'_> {
    /// One for each closing that somebody did not know of.
    pub(super) fn closings(&self) -> Vec<Conflict> {
        let reader = self.document.read();
        let marks: Vec<String> = reader.keys(Path::from_iter(["acknowledged"]));
        let is_lifted = |closing: &str| marks.contains(&format!("{REOPENED_MARK}{closing}"));
        let closed = marks.iter().filter(|mark| {
            let closing = mark.strip_prefix(CLOSED_MARK);
            closing.is_some_and(|closing| !is_lifted(closing))
        });
        closed.filter_map(|mark| self.closing(mark)).collect()
    }

    fn closing(&self, mark: &str) -> Option<Conflict> {
        let path = Path::from_iter(["acknowledged", mark]);
        let mark = self.document.read().get_all(&path).into_iter().next()?;
        let mut edits = Vec::new();
        let mut changes = BTreeSet::from([mark.change]);
        for change in done_meanwhile(self.document, mark.change)
            .iter()
            .take(SHOWN_MAX)
        {
            let found = self.done_by(change);
            if !found.is_empty() {
                changes.insert(change.hash);
                edits.extend(found);
            }
        }
        if edits.is_empty() {
            return None;
        }
        let kind = ConflictKind::ClosedMeanwhile {
            closed_by: Origin::of(self.authors, &mark),
            edits,
        };
        Some(self.conflict(&path, KIND_CODE, &changes, kind))
    }

    fn done_by(&self, change: &HistoryEntry) -> Vec<Alternative> {
        let differences = self
            .document
            .difference(&change.dependencies, &[change.hash]);
        let by = Origin::new(
            self.authors,
            &change.actor,
            &change.hash,
            change.time_seconds,
        );
        differences
            .unwrap_or_default()
            .iter()
            .filter_map(|found| {
                Some(Alternative {
                    value: value_of(found.after.as_ref()),
                    field: Some(self.field_of(found)?),
                    origin: by.clone(),
                })
            })
            .collect()
    }

    /// The name of a field; nothing for what is no edit of the case, or is shown as a conflict of its own.
    fn field_of(&self, found: &Difference) -> Option<String> {
        let steps = steps_of(&found.path);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        match steps.as_slice() {
            ["acknowledged", ..] => None,
            ["case", "phase"] if *self.section == SectionKind::Core => None,
            ["case", record, ..]
                if record.starts_with(CLOSING) || record.starts_with(REOPENING) =>
            {
                None
            }
            [.., LIST] => None,
            [.., last] => Some((*last).to_owned()),
            [] => None,
        }
    }
}

/// The changes that neither stand below a change nor build on it, without the genesis, which every device
/// makes for itself.
fn done_meanwhile(document: &Document, mark: ChangeHash) -> Vec<HistoryEntry> {
    let known = ancestors(&dependencies_of(document), std::iter::once(mark));
    let mut knowing = BTreeSet::from([mark]);
    let mut meanwhile = Vec::new();
    // Each change comes after those that it builds on.
    for change in document.history() {
        if change.dependencies.iter().any(|one| knowing.contains(one)) {
            knowing.insert(change.hash);
        } else if !known.contains(&change.hash) && change.actor != GENESIS_ACTOR {
            meanwhile.push(change);
        }
    }
    meanwhile
}

/// A value as it is shown; of what was taken away, nothing.
fn value_of(value: Option<&Value>) -> ScalarValue {
    match value {
        None => ScalarValue::Text(String::new()),
        Some(Value::Text(text)) => ScalarValue::Text(text.clone()),
        Some(other) => ScalarValue::from_value(other)
            .unwrap_or_else(|| ScalarValue::Text(other.to_json().to_string())),
    }
}
