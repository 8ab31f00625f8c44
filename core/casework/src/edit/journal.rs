//! Edits of the section `journal`.

use nahtlos_document::Editor;
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{ApplyError, entry_path, require};
use crate::fields::{EntryId, JournalKind, JournalText, UtcTime};

/// An edit of the section `journal`. Entries are immutable: a correction is a new entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JournalEdit {
    /// Adds an entry.
    AddEntry {
        /// Its new identifier.
        id: EntryId,
        /// When it happened; when it is written down, where this is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<UtcTime>,
        /// What it reports.
        kind: JournalKind,
        /// The text.
        text: JournalText,
        /// The entry it corrects.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correction_of: Option<EntryId>,
    },
}

impl JournalEdit {
    pub(super) fn apply(&self, editor: &mut Editor<'_>, now: UtcTime) -> Result<(), ApplyError> {
        let Self::AddEntry {
            id,
            at,
            kind,
            text,
            correction_of,
        } = self;
        let entry = entry_path("entries", id);
        if let Some(corrected) = correction_of {
            require(editor, &entry_path("entries", corrected), "journal entry")?;
        }
        editor.put_map(&entry)?;
        editor.put(entry.join("at"), at.unwrap_or(now).to_stored())?;
        editor.put(entry.join("kind"), kind.to_stored())?;
        editor.put(entry.join("text"), text.to_stored())?;
        if let Some(corrected) = correction_of {
            editor.put(entry.join("correction_of"), corrected.to_stored())?;
        }
        Ok(())
    }
}
