//! Edits of the section `function`: assessments of what somebody can do, without diagnosis.

use nahtlos_document::Editor;
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{ApplyError, check_order, entry_path};
use crate::fields::{Capacity, Date, EntryId, Field, FieldError, Line, LongText};

/// One assessment. Institutions may lawfully differ, so assessments are added beside one another and
/// never changed; a later one follows an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// Work capacity.
    pub capacity: Capacity,
    /// First day.
    pub from: Date,
    /// Last day, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// What it rests on, e.g. a practical test. No diagnosis.
    pub basis: Line,
    /// Hours a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_per_day: Option<Line>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LongText>,
    /// Adaptations of the workplace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptations: Option<LongText>,
}

/// An edit of the section `function`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FunctionEdit {
    /// Adds an assessment.
    AddAssessment {
        /// Its new identifier.
        id: EntryId,
        /// The assessment.
        assessment: Assessment,
    },
}

impl FunctionEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let Self::AddAssessment { assessment, .. } = self;
        check_order("to", Some(assessment.from), assessment.to)
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let Self::AddAssessment { id, assessment } = self;
        let entry = entry_path("assessments", id);
        editor.put_map(&entry)?;
        editor.put(entry.join("capacity"), assessment.capacity.to_stored())?;
        editor.put(entry.join("from"), assessment.from.to_stored())?;
        editor.put(entry.join("basis"), assessment.basis.to_stored())?;
        let optional = [
            ("to", assessment.to.map(|date| date.canonical())),
            (
                "hours_per_day",
                assessment.hours_per_day.as_ref().map(Field::canonical),
            ),
            ("limits", assessment.limits.as_ref().map(Field::canonical)),
            (
                "adaptations",
                assessment.adaptations.as_ref().map(Field::canonical),
            ),
        ];
        for (field, value) in optional {
            if let Some(value) = value {
                editor.put(entry.join(field), value)?;
            }
        }
        Ok(())
    }
}
