//! What may go wrong.

use nahtlos_document::{Editor, Path};

use super::{RiskField, RiskKey, prefixed_path};
use crate::edit::field_set::ToStored;
use crate::edit::{ApplyError, require};
use crate::fields::{EntryId, LongText, RiskStatus};

/// How the name of a risk begins in `plan`.
pub(crate) const RISK: &str = "risk:";

pub(super) fn add(
    editor: &mut Editor<'_>,
    id: &EntryId,
    description: &LongText,
    fields: &[RiskField],
) -> Result<(), ApplyError> {
    let risk = prefixed_path(RISK, id);
    editor.put_map(&risk)?;
    editor.put(risk.join("description"), description.to_stored())?;
    editor.put(risk.join("status"), RiskStatus::Open.to_stored())?;
    for field in fields {
        editor.put(risk.join(field.key().code()), field.to_value())?;
    }
    Ok(())
}

pub(super) fn set(
    editor: &mut Editor<'_>,
    id: &EntryId,
    field: &RiskField,
) -> Result<(), ApplyError> {
    let risk = risk_path(editor, id)?;
    Ok(editor.put(risk.join(field.key().code()), field.to_value())?)
}

pub(super) fn clear(
    editor: &mut Editor<'_>,
    id: &EntryId,
    field: RiskKey,
) -> Result<(), ApplyError> {
    let risk = risk_path(editor, id)?;
    Ok(editor.delete(risk.join(field.code()))?)
}

fn risk_path(editor: &Editor<'_>, id: &EntryId) -> Result<Path, ApplyError> {
    let risk = prefixed_path(RISK, id);
    require(editor, &risk, "risk")?;
    Ok(risk)
}
