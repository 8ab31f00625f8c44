//! Edits that settle a conflict.

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::{ApplyError, path};
use crate::conflict::ConflictId;
use crate::fields::{FieldError, UtcTime};
use crate::labels;
use crate::section::SectionKind;

/// Writes one of several concurrent values again, so that it alone stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseValue {
    /// The section.
    pub section: SectionKind,
    /// The field, step by step from the root.
    pub path: Vec<String>,
    /// The chosen value as stored: a string or a truth value.
    pub value: ScalarValue,
    /// The changes whose values were seen and decided upon, as hexadecimal digits.
    pub changes: Vec<String>,
}

/// A scalar as JSON.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScalarValue {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(String),
}

impl std::fmt::Debug for ScalarValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ScalarValue(hidden)")
    }
}

impl ScalarValue {
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Integer(number) => Some(Self::Integer(*number)),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::Integer(_) => None,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::String(text.clone()),
        }
    }
}

/// Says that a conflict was seen and needs nothing more: a merged text reads well, a deleted task may
/// stay deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// The section.
    pub section: SectionKind,
    /// The conflict; its identifier covers the changes it consists of.
    pub conflict: ConflictId,
    /// Those changes, as hexadecimal digits.
    pub changes: Vec<String>,
}

impl ChooseValue {
    /// A known field takes only its kind of value, and never one of an immutable entry.
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let steps: Vec<&str> = self.path.iter().map(String::as_str).collect();
        labels::check_choice(&self.section, &steps, &self.value.to_value())
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let field: Path = self.path.iter().cloned().collect();
        if !editor.exists(&field) {
            return Err(ApplyError::Missing { what: "field" });
        }
        Ok(editor.put(&field, self.value.to_value())?)
    }
}

impl Acknowledge {
    pub(super) fn apply(&self, editor: &mut Editor<'_>, at: UtcTime) -> Result<(), ApplyError> {
        let place = path(&["acknowledged", self.conflict.as_str()]);
        Ok(editor.put(place, at.to_string())?)
    }
}
