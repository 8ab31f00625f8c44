//! Entries that come from a file: who wrote one there, and when, stands beside who took it over.
//!
//! Nobody writes in another's name: the author of the entry is who signed it, as of every other. What the file says
//! stands in the entry itself, put there by the change that makes it, so that neither is there without the other.

use nahtlos_document::{Editor, Path};
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{
    ATTACHMENT, ApplyError, AttachmentChange, DISPUTE, DISPUTE_END, DisputeChange, Edit,
    FormChange, FunctionEdit, JournalEdit, PlanEdit, REVIEW, dispute_mark, entry_path,
};
use crate::author::Author;
use crate::fields::{FieldError, Line, UtcTime};
use crate::form::form_of;
use crate::section::SectionKind;

/// In an entry: who wrote it, as the file says that it was taken over from.
pub(crate) const SOURCE_BY: &str = "source_written_by";
/// In an entry: when, as the file says.
pub(crate) const SOURCE_AT: &str = "source_written_at";

/// An edit that adds one entry, and what a file says of who wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenOverEdit {
    /// The edit.
    pub edit: Box<Edit>,
    /// Who wrote the entry, as the file says.
    pub written_by: Line,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<UtcTime>,
}

impl TakenOverEdit {
    pub(super) fn section(&self) -> SectionKind {
        self.edit.section()
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        self.place()?;
        self.edit.validate()
    }

    pub(super) fn apply(
        &self,
        editor: &mut Editor<'_>,
        author: &Author,
        at: UtcTime,
    ) -> Result<(), ApplyError> {
        let place = self.place()?;
        self.edit.apply(editor, author, at)?;
        editor.put(place.join(SOURCE_BY), self.written_by.to_stored())?;
        if let Some(at) = self.written_at {
            editor.put(place.join(SOURCE_AT), at.to_stored())?;
        }
        Ok(())
    }

    /// Where the entry lies that the edit adds.
    fn place(&self) -> Result<Path, FieldError> {
        let place = match self.edit.as_ref() {
            Edit::Journal(JournalEdit::AddEntry { id, .. }) => Some(entry_path("entries", id)),
            Edit::Function(FunctionEdit::AddAssessment { id, .. }) => {
                Some(entry_path("assessments", id))
            }
            Edit::Plan(PlanEdit::AddReview { id, .. }) => Some(Path::from_iter([
                "plan".to_owned(),
                format!("{REVIEW}{id}"),
            ])),
            Edit::Form(edit) => match &edit.change {
                FormChange::Add { list, id, .. } => form_of(&edit.section)
                    .and_then(|form| form.list(list))
                    .map(|list| entry_path(list.container(), id)),
                _ => None,
            },
            Edit::Attachment(edit) => match &edit.change {
                AttachmentChange::Add { id, .. } => Some(dispute_mark(ATTACHMENT, id)),
                AttachmentChange::Remove { .. } => None,
            },
            Edit::Dispute(edit) => match &edit.change {
                DisputeChange::State { id, .. } => Some(dispute_mark(DISPUTE, id)),
                DisputeChange::Settle { id, .. } => Some(dispute_mark(DISPUTE_END, id)),
            },
            _ => None,
        };
        place.ok_or_else(|| {
            FieldError::new(
                "edit",
                "no_entry",
                "only an entry that is added is taken over from a file",
                "make the edit itself",
            )
        })
    }
}
