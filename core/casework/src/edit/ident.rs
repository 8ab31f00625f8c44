//! Edits of the section `ident`: numbers under which others know the person.

use nahtlos_document::Editor;
use serde::{Deserialize, Serialize};

use super::field_set::{ToStored, field_set};
use super::{ApplyError, entry_path, path};
use crate::fields::{Ahvn13, EntryId, ZemisNumber};
use crate::record::LocalId;

field_set! {
    /// A field of `ident` with its new value.
    IdentField,
    /// The name of a field of `ident`.
    IdentKey {
        /// AHV number.
        Ahvn13(Ahvn13) = ["ident", "ahvn13"], "ahvn13", "AHV-Nummer", "numéro AVS", "AHV number";
        /// ZEMIS number.
        Zemis(ZemisNumber) = ["ident", "zemis"], "zemis", "ZEMIS-Nummer", "numéro SYMIC", "ZEMIS number";
    }
}

/// An edit of the section `ident`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentEdit {
    /// Sets a field.
    Set(IdentField),
    /// Empties a field.
    Clear(IdentKey),
    /// Adds the number under which an institution knows the person.
    AddLocalId {
        /// Its new identifier.
        id: EntryId,
        /// Institution and number.
        local_id: LocalId,
    },
    /// Takes such a number away. One that is wrong is removed and added anew.
    RemoveLocalId {
        /// Which one.
        id: EntryId,
    },
}

impl IdentEdit {
    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        match self {
            Self::Set(field) => editor.put(path(field.key().steps()), field.to_value())?,
            Self::Clear(key) => editor.delete(path(key.steps()))?,
            Self::AddLocalId { id, local_id } => {
                editor.put(entry_path("local_ids", id), local_id.to_stored())?;
            }
            Self::RemoveLocalId { id } => editor.delete(entry_path("local_ids", id))?,
        }
        Ok(())
    }
}
