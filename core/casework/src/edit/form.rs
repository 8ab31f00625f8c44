//! Edits of the sections that are described by a table ([`crate::form`]).

use std::collections::BTreeMap;

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::{ApplyError, ScalarValue, Wording, entry_path, path, require};
use crate::fields::{EntryId, Field, FieldError, LongText};
use crate::form::{
    CORRECTION_OF, DELETED, Form, FormField, FormList, Keeps, LIST, ValueType, check_span, form_of,
    span_of,
};
use crate::section::SectionKind;

/// New values by the codes of their fields; nothing empties a field.
pub type NewValues = BTreeMap<String, Option<ScalarValue>>;

/// An edit of one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormEdit {
    /// The section.
    pub section: SectionKind,
    /// What is done to it.
    pub change: FormChange,
}

/// What can be done to a section that is described by a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FormChange {
    /// Sets and empties fields that the section has once.
    Set {
        /// The fields.
        values: NewValues,
    },
    /// Adds an entry to a list.
    Add {
        /// The list's code.
        list: String,
        /// Its new identifier.
        id: EntryId,
        /// The record that it corrects, in lists whose entries are never changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correction_of: Option<EntryId>,
        /// Its fields.
        values: BTreeMap<String, ScalarValue>,
    },
    /// Sets and empties fields of an entry.
    Change {
        /// The entry.
        id: EntryId,
        /// The fields.
        values: NewValues,
    },
    /// Rewords a collaborative text of an entry. Both people's words survive when two do it at once.
    Reword {
        /// The entry.
        id: EntryId,
        /// The field.
        field: String,
        /// The text this edit was made on.
        before: Wording,
        /// The new text.
        after: LongText,
    },
    /// Puts one wording of a collaborative text in the place of several that were written at once; as
    /// [`super::PlanEdit::SettleGoal`].
    Settle {
        /// The entry.
        id: EntryId,
        /// The field.
        field: String,
        /// The text, as it read with everybody's edits.
        before: Wording,
        /// The wording that is to stand.
        after: LongText,
    },
    /// Deletes an entry. It stays in the document with a mark, so that what others did to it at the
    /// same time is not lost but shown.
    Delete {
        /// The entry.
        id: EntryId,
    },
    /// Takes the deletion back.
    Restore {
        /// The entry.
        id: EntryId,
    },
}

impl FormEdit {
    /// Checks every field and value against the section's table.
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let form = self.form()?;
        match &self.change {
            FormChange::Set { values } => {
                let stored = stored_values(values, |code| field_of(form, code))?;
                check_spans(&stored, |_| None)
            }
            FormChange::Add {
                list,
                correction_of,
                values,
                ..
            } => {
                let list = list_of(form, list)?;
                if correction_of.is_some() && list.keeps != Keeps::Records {
                    return Err(FieldError::new(
                        CORRECTION_OF,
                        "not_a_record",
                        "entries of this list are changed, not corrected",
                        "change the entry itself",
                    ));
                }
                let stored = new_entry(list, values)?;
                check_spans(&stored, |_| None)
            }
            FormChange::Change { values, .. } => {
                let stored = stored_values(values, |code| changeable_field_of(form, code))?;
                check_spans(&stored, |_| None)
            }
            FormChange::Reword { field, .. } | FormChange::Settle { field, .. } => {
                match field_of_entries(form, field)?.value {
                    ValueType::Wording => Ok(()),
                    _ => Err(FieldError::new(
                        "field",
                        "not_reworded",
                        "this field is set, not reworded",
                        "set its value",
                    )),
                }
            }
            FormChange::Delete { .. } | FormChange::Restore { .. } => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let form = self.form()?;
        match &self.change {
            FormChange::Set { values } => {
                let stored = stored_values(values, |code| field_of(form, code))?;
                write(editor, &path(&["fields"]), &stored)
            }
            FormChange::Add {
                list,
                id,
                correction_of,
                values,
            } => add(editor, list_of(form, list)?, id, correction_of, values),
            FormChange::Change { id, values } => {
                let (place, list) = open_entry(editor, form, id)?;
                let stored = stored_values(values, |code| changeable_field_of_list(list, code))?;
                write(editor, &place, &stored)
            }
            FormChange::Reword {
                id,
                field,
                before,
                after,
            } => {
                let (place, _) = open_entry(editor, form, id)?;
                let place = place.join(field.as_str());
                refuse_changed(editor, &place, before)?;
                Ok(editor.update_text(&place, after.as_str())?)
            }
            FormChange::Settle {
                id,
                field,
                before,
                after,
            } => {
                let (place, _) = open_entry(editor, form, id)?;
                let place = place.join(field.as_str());
                refuse_changed(editor, &place, before)?;
                Ok(editor.replace_text(&place, after.as_str())?)
            }
            FormChange::Delete { id } => {
                let (place, _) = open_entry(editor, form, id)?;
                Ok(editor.put(place.join(DELETED), true)?)
            }
            FormChange::Restore { id } => {
                let place = entry_path("entries", id);
                require(editor, &place, "entry")?;
                Ok(editor.delete(place.join(DELETED))?)
            }
        }
    }

    fn form(&self) -> Result<&'static Form, FieldError> {
        if let SectionKind::Slice(slice) = &self.section {
            return Err(FieldError::new(
                "section",
                "slice",
                "a slice is written by the program, from the section that it is a part of",
                format!("edit `{}`; the slice follows", slice.of()),
            ));
        }
        form_of(&self.section).ok_or_else(|| {
            FieldError::new(
                "section",
                "no_table",
                "this section is not edited field by field",
                "use the commands of the section",
            )
        })
    }
}

/// A field with its new value as it is stored.
type StoredValue = (&'static FormField, Option<Value>);

fn add(
    editor: &mut Editor<'_>,
    list: &FormList,
    id: &EntryId,
    correction_of: &Option<EntryId>,
    values: &BTreeMap<String, ScalarValue>,
) -> Result<(), ApplyError> {
    let stored = new_entry(list, values)?;
    if let Some(corrected) = correction_of {
        let corrected = entry_path(list.container(), corrected);
        require(editor, &corrected, "record that is corrected")?;
        let of_list = editor.get(corrected.join(LIST));
        if of_list.as_ref().and_then(Value::as_str) != Some(list.code) {
            return Err(ApplyError::Missing {
                what: "record that is corrected",
            });
        }
    }
    let place = entry_path(list.container(), id);
    editor.put_map(&place)?;
    editor.put(place.join(LIST), list.code)?;
    if let Some(corrected) = correction_of {
        editor.put(place.join(CORRECTION_OF), corrected.canonical())?;
    }
    for (field, value) in stored {
        let place = place.join(field.code);
        match (field.value, value) {
            (ValueType::Wording, value) => {
                let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
                editor.put_text(place, text)?;
            }
            (_, Some(value)) => editor.put(place, value)?,
            (_, None) => {}
        }
    }
    Ok(())
}

/// Writes values into a map; a span must hold together with what stands there.
fn write(editor: &mut Editor<'_>, place: &Path, stored: &[StoredValue]) -> Result<(), ApplyError> {
    let stands = |code: &str| {
        let value = editor.get(place.join(code))?;
        value.as_str().map(str::to_owned)
    };
    check_spans(stored, stands)?;
    for (field, value) in stored {
        let place = place.join(field.code);
        match value {
            Some(value) => editor.put(place, value.clone())?,
            None => editor.delete(place)?,
        }
    }
    Ok(())
}

/// Rewording is a comparison with the text as it stands; on one that somebody else has changed
/// meanwhile it would silently take that person's words back, so it is refused.
fn refuse_changed(editor: &Editor<'_>, place: &Path, before: &Wording) -> Result<(), ApplyError> {
    let current = editor.get(place);
    let current = current.as_ref().and_then(Value::as_str);
    if current != Some(before.as_str()) {
        return Err(ApplyError::Changed { what: "the text" });
    }
    Ok(())
}

/// The entry and its list, unless it does not exist or is marked as deleted.
fn open_entry(
    editor: &Editor<'_>,
    form: &'static Form,
    id: &EntryId,
) -> Result<(Path, &'static FormList), ApplyError> {
    let place = entry_path("entries", id);
    require(editor, &place, "entry")?;
    if editor.get(place.join(DELETED)) == Some(Value::Bool(true)) {
        return Err(ApplyError::Deleted { id: *id });
    }
    let list = editor.get(place.join(LIST));
    let list = list.as_ref().and_then(Value::as_str);
    let list = list.and_then(|code| form.list(code));
    let list = list.filter(|list| list.keeps == Keeps::Entries);
    // Of a newer version: this one does not know what may stand in it.
    let list = list.ok_or(ApplyError::Missing {
        what: "list of this entry",
    })?;
    Ok((place, list))
}

/// The values of a new entry. A collaborative text is among them also where it is empty: two people
/// who begin it at once must begin the same one.
fn new_entry(
    list: &FormList,
    values: &BTreeMap<String, ScalarValue>,
) -> Result<Vec<StoredValue>, FieldError> {
    for code in values.keys() {
        if list.field(code).is_none() {
            return Err(unknown_field(list.fields));
        }
    }
    let mut stored = Vec::new();
    for field in list.fields {
        match values.get(field.code) {
            Some(value) => stored.push((field, Some(field.value.stored(field.code, value)?))),
            None if field.is_required => return Err(missing(field)),
            None if field.value == ValueType::Wording => stored.push((field, None)),
            None => {}
        }
    }
    Ok(stored)
}

fn stored_values(
    values: &NewValues,
    find: impl Fn(&str) -> Result<&'static FormField, FieldError>,
) -> Result<Vec<StoredValue>, FieldError> {
    let mut stored = Vec::new();
    for (code, value) in values {
        let field = find(code)?;
        let value = match value {
            Some(value) => Some(field.value.stored(field.code, value)?),
            None if field.is_required => return Err(missing(field)),
            None => None,
        };
        stored.push((field, value));
    }
    Ok(stored)
}

/// Checks each span of which a day changes; `stands` says what a field of the document holds.
fn check_spans(
    stored: &[StoredValue],
    stands: impl Fn(&str) -> Option<String>,
) -> Result<(), FieldError> {
    let day = |code: &str| {
        let new = stored.iter().find(|(field, _)| field.code == code);
        match new {
            Some((_, value)) => value.as_ref().and_then(Value::as_str).map(str::to_owned),
            None => stands(code),
        }
    };
    for (field, _) in stored {
        if let Some((first, last)) = span_of(field.code) {
            check_span(field.code, day(&first).as_deref(), day(&last).as_deref())?;
        }
    }
    Ok(())
}

fn field_of(form: &'static Form, code: &str) -> Result<&'static FormField, FieldError> {
    form.field(code).ok_or_else(|| unknown_field(form.fields))
}

fn list_of(form: &'static Form, code: &str) -> Result<&'static FormList, FieldError> {
    form.list(code).ok_or_else(|| {
        let all: Vec<&str> = form.lists.iter().map(|list| list.code).collect();
        FieldError::new(
            "list",
            "unknown_list",
            "this section has no such list",
            match all.is_empty() {
                true => "it has fields only".to_owned(),
                false => format!("write one of {}", all.join(", ")),
            },
        )
    })
}

fn field_of_entries(form: &'static Form, code: &str) -> Result<&'static FormField, FieldError> {
    form.field_of_entries(code).ok_or_else(|| {
        let lists = form
            .lists
            .iter()
            .filter(|list| list.keeps == Keeps::Entries);
        let all: Vec<FormField> = lists.flat_map(|list| list.fields).copied().collect();
        unknown_field(&all)
    })
}

fn changeable_field_of(form: &'static Form, code: &str) -> Result<&'static FormField, FieldError> {
    field_of_entries(form, code).and_then(refuse_wording)
}

fn changeable_field_of_list(
    list: &'static FormList,
    code: &str,
) -> Result<&'static FormField, FieldError> {
    let field = list.field(code).ok_or_else(|| unknown_field(list.fields))?;
    refuse_wording(field)
}

/// A collaborative text that is set would drop what somebody else writes in it at the same time.
fn refuse_wording(field: &'static FormField) -> Result<&'static FormField, FieldError> {
    if field.value != ValueType::Wording {
        return Ok(field);
    }
    Err(FieldError::new(
        field.code,
        "reworded",
        "this text is reworded, not set",
        "reword it",
    ))
}

fn unknown_field(fields: &[FormField]) -> FieldError {
    let all: Vec<&str> = fields.iter().map(|field| field.code).collect();
    FieldError::new(
        "field",
        "unknown_field",
        "there is no such field here",
        match all.is_empty() {
            true => "this section has lists only".to_owned(),
            false => format!("write one of {}", all.join(", ")),
        },
    )
}

fn missing(field: &'static FormField) -> FieldError {
    FieldError::new(
        field.code,
        "missing",
        "an entry of this list must have it",
        "give it a value",
    )
}
