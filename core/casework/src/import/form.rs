//! Sections that are described by a table, in a case file and in a file of their own.
//!
//! ```text
//! { "occupation": "Pflegehelferin",          a field
//!   "driving_licence": null,                 empties a field
//!   "employments": [
//!     { "employer": "Spitex", "from": "2019" },                      a new entry
//!     { "id": "aebagbafaydqq", "to": "2024-03", "work": null },      changes an entry
//!     { "id": "aebagbafaydqq", "deleted": true }                     deletes it; false brings it back
//!   ] }
//! ```
//!
//! Records are added only; `correction_of` names the one that a new one corrects.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::ImportError;
use super::reading::{Node, Object, Reading};
use super::sections::behind_what_they_correct;
use super::source::{Source, WRITTEN};
use crate::edit::{Edit, FormChange, FormEdit, NewValues, ScalarValue};
use crate::fields::EntryId;
use crate::form::{
    CORRECTION_OF, DELETED, Form, FormField, FormList, Keeps, ValueType, check_span, form_of,
    span_of,
};
use crate::section::SectionKind;

/// What a file says about one section, new entries without identifier.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionFile {
    section: SectionKind,
    fields: NewValues,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    New {
        list: &'static str,
        id: Option<EntryId>,
        correction_of: Option<EntryId>,
        values: BTreeMap<String, ScalarValue>,
        source: Option<Source>,
    },
    Known {
        id: EntryId,
        values: NewValues,
        deleted: Option<bool>,
    },
}

impl SectionFile {
    /// Reads a file about one section, as a whole or not at all.
    ///
    /// # Errors
    /// Every error of the file, each with its place; `no_table` for a section that is not described by
    /// one.
    pub fn parse(section: &SectionKind, json: &str) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        let Some(form) = form_of(section) else {
            reading.error(
                "$",
                "no_table",
                format!("the section {section} is not written from a file"),
                "use the commands of the section",
            );
            return Err(reading.errors);
        };
        let Some(value) = super::parse_text(json, &mut reading) else {
            return Err(reading.errors);
        };
        let read = reading.object(Node::root(&value)).map(|mut root| {
            let file = read_section(&mut root, &mut reading, section, form, true);
            root.finish(&mut reading);
            file
        });
        match read {
            Some(file) if reading.errors.is_empty() => Ok(file),
            _ => {
                super::place::locate(json, &mut reading.errors);
                Err(reading.errors)
            }
        }
    }

    pub(super) fn of_entries(section: SectionKind, entries: Vec<Entry>) -> Self {
        Self {
            section,
            fields: NewValues::new(),
            entries,
        }
    }

    /// The edits that it asks for, in the order in which to apply them; none for an empty file.
    ///
    /// `new_id` makes a new random identifier at each call.
    pub fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let edit = |change| {
            Edit::Form(FormEdit {
                section: self.section.clone(),
                change,
            })
        };
        let mut edits = Vec::new();
        if !self.fields.is_empty() {
            edits.push(edit(FormChange::Set {
                values: self.fields.clone(),
            }));
        }
        for entry in &self.entries {
            let mut changes = Vec::new();
            entry.changes(&mut changes, new_id);
            let changes = changes.into_iter();
            edits.extend(changes.map(|change| Source::of(entry.source(), edit(change))));
        }
        edits
    }
}

impl Entry {
    /// Its identifier, as far as it brings one along, and that of the record that it corrects.
    fn ids(&self) -> (Option<EntryId>, Option<EntryId>) {
        match self {
            Self::New {
                id, correction_of, ..
            } => (*id, *correction_of),
            Self::Known { id, .. } => (Some(*id), None),
        }
    }

    /// Who wrote a new one, as the file says.
    fn source(&self) -> Option<&Source> {
        match self {
            Self::New { source, .. } => source.as_ref(),
            Self::Known { .. } => None,
        }
    }

    fn changes(&self, changes: &mut Vec<FormChange>, new_id: &mut dyn FnMut() -> EntryId) {
        match self {
            Self::New {
                list,
                id,
                correction_of,
                values,
                ..
            } => changes.push(FormChange::Add {
                list: (*list).to_owned(),
                id: id.unwrap_or_else(new_id),
                correction_of: *correction_of,
                values: values.clone(),
            }),
            Self::Known {
                id,
                values,
                deleted,
            } => {
                let id = *id;
                // Brought back before it is changed, deleted after it: what is deleted takes no change.
                if *deleted == Some(false) {
                    changes.push(FormChange::Restore { id });
                }
                if !values.is_empty() {
                    let values = values.clone();
                    changes.push(FormChange::Change { id, values });
                }
                if *deleted == Some(true) {
                    changes.push(FormChange::Delete { id });
                }
            }
        }
    }
}

/// Reads a section out of an object of which the caller takes nothing else. In a case file everything
/// is new, and an identifier is the one that an entry gets.
pub(super) fn read_section(
    object: &mut Object<'_>,
    reading: &mut Reading,
    section: &SectionKind,
    form: &'static Form,
    of_existing: bool,
) -> SectionFile {
    let fields = read_values(object, reading, form.fields);
    check_spans(object, reading, &fields);
    let mut entries = Vec::new();
    for list in form.lists {
        let mut of_list = Vec::new();
        for node in object.list(reading, list.code) {
            let place = node.path.clone();
            let entry = read_entry(node, reading, section, list, of_existing);
            of_list.extend(entry.map(|entry| (place, entry)));
        }
        match of_existing {
            true => entries.extend(of_list.into_iter().map(|(_, entry)| entry)),
            false => entries.extend(behind_what_they_correct(of_list, reading, Entry::ids)),
        }
    }
    SectionFile {
        section: section.clone(),
        fields,
        entries,
    }
}

pub(super) fn read_entry(
    node: Node<'_>,
    reading: &mut Reading,
    section: &SectionKind,
    list: &'static FormList,
    of_existing: bool,
) -> Option<Entry> {
    let mut entry = reading.object(node)?;
    let kind = || format!("{section} {:?}", list.keeps);
    let own_id = match of_existing {
        true => None,
        false => entry.identifier(reading, &kind()),
    };
    let changes_entries = of_existing && list.keeps == Keeps::Entries;
    let id: Option<EntryId> = match changes_entries {
        true => entry.optional(reading, "id"),
        false => None,
    };
    // Who changes an entry of this case does so themselves; who is said to have written it is passed over.
    entry.pass_over(&WRITTEN);
    let source = match id {
        Some(_) => None,
        None => Source::take(&mut entry, reading),
    };
    let values = read_values(&mut entry, reading, list.fields);
    check_spans(&entry, reading, &values);
    let read = match id {
        Some(id) => {
            for field in list.fields {
                refuse_wording(&entry, reading, field, &values);
            }
            Entry::Known {
                id,
                values,
                deleted: entry.flag(reading, DELETED),
            }
        }
        None => {
            let correction_of = match list.keeps == Keeps::Records {
                true => entry.optional(reading, CORRECTION_OF),
                false => None,
            };
            for field in list.fields.iter().filter(|field| field.is_required) {
                if !entry.holds(field.code) {
                    let place = format!("{}.{}", entry.path(), field.code);
                    reading.error(place, "missing", "this field is missing", "add it");
                }
            }
            let set = |(code, value): (String, Option<ScalarValue>)| Some((code, value?));
            Entry::New {
                list: list.code,
                id: own_id,
                correction_of,
                values: values.into_iter().filter_map(set).collect(),
                source,
            }
        }
    };
    entry.finish(reading);
    Some(read)
}

fn read_values(
    object: &mut Object<'_>,
    reading: &mut Reading,
    fields: &'static [FormField],
) -> NewValues {
    let mut values = NewValues::new();
    for field in fields {
        match object.take_or_null(field.code) {
            None => {}
            Some((path, Json::Null)) => {
                if field.is_required {
                    reading.error(path, "missing", "an entry must have it", "give it a value");
                }
                values.insert(field.code.to_owned(), None);
            }
            Some((path, json)) => {
                if let Some(value) = read_value(reading, path, field, json) {
                    values.insert(field.code.to_owned(), Some(value));
                }
            }
        }
    }
    values
}

fn read_value(
    reading: &mut Reading,
    path: String,
    field: &'static FormField,
    json: &Json,
) -> Option<ScalarValue> {
    let value = match json {
        Json::Bool(truth) => ScalarValue::Bool(*truth),
        Json::String(text) => ScalarValue::Text(text.clone()),
        Json::Number(number) => ScalarValue::Text(number.to_string()),
        // An address is written as an object.
        Json::Object(_) if field.value == ValueType::Address => ScalarValue::Text(json.to_string()),
        _ => {
            reading.error(
                path,
                "type",
                "this is no single value",
                "write one value, in quotation marks where it is text",
            );
            return None;
        }
    };
    match field.value.stored(field.code, &value) {
        Ok(stored) => ScalarValue::from_value(&stored),
        Err(error) => {
            reading.field_error(path, error);
            None
        }
    }
}

fn check_spans(object: &Object<'_>, reading: &mut Reading, values: &NewValues) {
    let day = |code: &str| match values.get(code) {
        Some(Some(ScalarValue::Text(text))) => Some(text.as_str()),
        _ => None,
    };
    for code in values.keys() {
        let Some((first, last)) = span_of(code).filter(|(_, last)| last == code) else {
            continue;
        };
        if let Err(error) = check_span("to", day(&first), day(&last)) {
            reading.field_error(format!("{}.{code}", object.path()), error);
        }
    }
}

fn refuse_wording(
    entry: &Object<'_>,
    reading: &mut Reading,
    field: &'static FormField,
    values: &NewValues,
) {
    if field.value == ValueType::Wording && values.contains_key(field.code) {
        reading.error(
            format!("{}.{}", entry.path(), field.code),
            "reworded",
            "this text is reworded, not set: somebody may be writing in it",
            "leave it out here, and reword it by itself",
        );
    }
}
