//! Disputes: the person whom a case is about says that something in a section is not true.
//!
//! A mark stands in the section itself, so that it goes wherever the value goes, in the map `acknowledged`, which
//! every section but the ledger of consents is born with. Marks are never changed: the end of one is a mark of its
//! own, so two people who record something at once lose nothing, and the history stays.

use nahtlos_document::{Editor, Path};
use serde::{Deserialize, Serialize};

use super::{ApplyError, path, require};
use crate::fields::{Date, EntryId, Field, FieldError, LongText};
use crate::section::SectionKind;

/// How the name of a dispute begins in `acknowledged`.
pub(crate) const DISPUTE: &str = "dispute:";
/// How the name of its end begins.
pub(crate) const DISPUTE_END: &str = "dispute_end:";
/// Between the steps of a path. A step never holds one: codes and identifiers do not.
pub(crate) const STEP_SEPARATOR: char = '/';
/// Steps of a path to what is disputed.
const STEPS_MAX: usize = 6;

/// An edit of one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeEdit {
    /// The section.
    pub section: SectionKind,
    /// What is recorded.
    pub change: DisputeChange,
}

/// What can be recorded about a dispute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DisputeChange {
    /// The person disputes a field or an entry.
    State {
        /// Its new identifier.
        id: EntryId,
        /// What is disputed, step by step from the root.
        path: Vec<String>,
        /// What the person says.
        text: LongText,
        /// The day on which they said it.
        stated_at: Date,
    },
    /// It is settled: corrected, or the person agrees.
    Settle {
        /// The identifier of this mark.
        id: EntryId,
        /// The dispute.
        dispute: EntryId,
        /// How it was settled.
        text: LongText,
        /// The day.
        stated_at: Date,
    },
}

impl DisputeEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        if self.section.as_slice().is_some() {
            return Err(FieldError::new(
                "section",
                "slice",
                "a slice is a copy: what stands in it is contested in the section that it is a part of",
                "mark it there; the slice shows the mark from the next sync on",
            ));
        }
        if self.section == SectionKind::Consent || !self.section.has_content() {
            return Err(FieldError::new(
                "section",
                "not_disputed_here",
                "nothing is marked as disputed in this section",
                "what a consent says is withdrawn, extended or recorded anew; other sections take marks",
            ));
        }
        let DisputeChange::State { path, .. } = &self.change else {
            return Ok(());
        };
        let is_step = |step: &String| !step.is_empty() && !step.contains(STEP_SEPARATOR);
        let is_own_mark = path.first().is_some_and(|step| step == "acknowledged");
        if path.len() < 2 || path.len() > STEPS_MAX || !path.iter().all(is_step) || is_own_mark {
            return Err(FieldError::new(
                "path",
                "no_such_place",
                "this is no field and no entry of a section",
                "name a field or an entry as the section shows it",
            ));
        }
        Ok(())
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        match &self.change {
            DisputeChange::State {
                id,
                path: steps,
                text,
                stated_at,
            } => {
                let place: Path = steps.iter().cloned().collect();
                require(editor, &place, "field or entry that is disputed")?;
                let mark = mark(DISPUTE, id);
                editor.put_map(&mark)?;
                editor.put(mark.join("path"), steps.join(&STEP_SEPARATOR.to_string()))?;
                editor.put(mark.join("text"), text.canonical())?;
                editor.put(mark.join("stated_at"), stated_at.canonical())?;
            }
            DisputeChange::Settle {
                id,
                dispute,
                text,
                stated_at,
            } => {
                require(editor, &self::mark(DISPUTE, dispute), "dispute")?;
                let mark = mark(DISPUTE_END, id);
                editor.put_map(&mark)?;
                editor.put(mark.join("dispute"), dispute.canonical())?;
                editor.put(mark.join("text"), text.canonical())?;
                editor.put(mark.join("stated_at"), stated_at.canonical())?;
            }
        }
        Ok(())
    }
}

pub(crate) fn mark(beginning: &str, id: &EntryId) -> Path {
    path(&["acknowledged", &format!("{beginning}{}", id.canonical())])
}
