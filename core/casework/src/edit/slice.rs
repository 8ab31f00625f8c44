//! What a slice is to hold, and the edit that writes it.
//!
//! The edit names the whole content, so two devices that refresh a slice at once write the same values. It
//! only adds and replaces: a slice from which something has to go is followed by a new one, because what was
//! once written stays in a document's history.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Editor, Path, Reader, Value};
use serde::{Deserialize, Serialize};

use super::{
    ApplyError, DISPUTE, DISPUTE_END, STEP_SEPARATOR, ScalarValue, dispute_mark, entry_path, path,
};
use crate::fields::{Date, EntryId, Field, FieldError, hidden_debug};
use crate::form::{AS_OF, Form, FormField, LIST, form_of, may_stay_in_history};
use crate::section::SectionKind;

/// What a slice holds: copies of single values, by the codes of its table.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceContent {
    /// Fields that it has once.
    pub fields: BTreeMap<String, ScalarValue>,
    /// Entries of its lists, by the identifiers that they have in the source.
    pub entries: BTreeMap<EntryId, SliceEntry>,
    /// What of it the person disputes, by the identifiers that the marks have in the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contested: BTreeMap<EntryId, SliceMark>,
}

/// That the person disputes a copied value; what they said to it stays in the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceMark {
    /// Where it stands in the slice, step by step from the root.
    pub path: Vec<String>,
    /// The day on which the person said so.
    pub stated_at: Option<Date>,
}

/// One entry of a slice's list.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceEntry {
    /// The list's code.
    pub list: String,
    /// Its fields.
    pub values: BTreeMap<String, ScalarValue>,
}

hidden_debug!(SliceContent);
hidden_debug!(SliceEntry);

/// How a slice's document stands to what it is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceState {
    /// It holds that.
    Current,
    /// Something is to be added, or a day, code or number replaced.
    Behind,
    /// Something is to go: another one has to follow it.
    HoldsMore,
}

/// Writes what a slice is to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceEdit {
    /// The slice.
    pub section: SectionKind,
    /// What it is to hold.
    pub content: SliceContent,
    /// The day of which this is the state.
    pub as_of: Date,
}

impl SliceContent {
    /// How a document of the slice stands to this. What a newer program wrote in it beyond the table is
    /// left to newer programs.
    pub fn state_of(&self, document: &Document, slice: &SectionKind) -> SliceState {
        let Some(form) = form_of(slice) else {
            return SliceState::Current;
        };
        let reader = document.read();
        let mut state = match reader.exists(path(&["fields", AS_OF])) {
            true => SliceState::Current,
            false => SliceState::Behind,
        };
        let fields = path(&["fields"]);
        state = state.max(compare(&reader, &fields, form.fields, &self.fields));
        for id in reader.keys(path(&["entries"])) {
            let known = EntryId::parse(&id).ok();
            let wanted = known.and_then(|id| self.entries.get(&id));
            let list = reader.value(path(&["entries", &id, LIST]));
            let list = list.as_ref().and_then(Value::as_str);
            let is_known = list.is_some_and(|code| form.list(code).is_some());
            if is_known && wanted.is_none_or(|entry| list != Some(entry.list.as_str())) {
                state = SliceState::HoldsMore;
            }
        }
        for (id, entry) in &self.entries {
            let place = entry_path("entries", id);
            let table = form.list(&entry.list).map_or(&[][..], |list| list.fields);
            state = match reader.exists(&place) {
                true => state.max(compare(&reader, &place, table, &entry.values)),
                false => state.max(SliceState::Behind),
            };
        }
        let mut written = self.contested.keys();
        if !written.all(|id| reader.exists(dispute_mark(DISPUTE, id)))
            || !self.ended(&reader.keys(path(&["acknowledged"]))).is_empty()
        {
            state = state.max(SliceState::Behind);
        }
        state
    }

    /// The marks of the slice that stand there and not in the source any more, read from the names in
    /// `acknowledged`.
    fn ended(&self, names: &[String]) -> Vec<EntryId> {
        let stated = names.iter().filter_map(|name| name.strip_prefix(DISPUTE));
        let stands = |id: &EntryId| {
            let end = format!("{DISPUTE_END}{}", id.canonical());
            !names.contains(&end)
        };
        stated
            .filter_map(|id| EntryId::parse(id).ok())
            .filter(|id| !self.contested.contains_key(id) && stands(id))
            .collect()
    }

    /// The codes that do not stand in a table.
    fn check(&self, form: &Form) -> Result<(), FieldError> {
        let unknown = |what: &'static str| {
            FieldError::new(
                what,
                "not_in_a_slice",
                "this is no part of the slice",
                "use a newer nahtlos",
            )
        };
        for code in self.fields.keys() {
            let known = form.field(code).filter(|field| field.code != AS_OF);
            known.ok_or_else(|| unknown("field"))?;
        }
        for entry in self.entries.values() {
            let list = form.list(&entry.list).ok_or_else(|| unknown("list"))?;
            for code in entry.values.keys() {
                list.field(code).ok_or_else(|| unknown("field"))?;
            }
        }
        for mark in self.contested.values() {
            let steps: Vec<&str> = mark.path.iter().map(String::as_str).collect();
            let is_held = match steps.as_slice() {
                ["fields", code] => self.fields.contains_key(*code),
                ["entries", id, field @ ..] => EntryId::parse(id)
                    .ok()
                    .and_then(|id| self.entries.get(&id))
                    .is_some_and(|entry| match field {
                        [] => true,
                        [code] => entry.values.contains_key(*code),
                        _ => false,
                    }),
                _ => false,
            };
            if !is_held {
                return Err(unknown("path"));
            }
        }
        Ok(())
    }
}

impl SliceState {
    fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::HoldsMore, _) | (_, Self::HoldsMore) => Self::HoldsMore,
            (Self::Behind, _) | (_, Self::Behind) => Self::Behind,
            _ => Self::Current,
        }
    }
}

/// How the known fields of one map stand to what they are to be.
fn compare(
    reader: &Reader<'_>,
    place: &Path,
    table: &[FormField],
    wanted: &BTreeMap<String, ScalarValue>,
) -> SliceState {
    let mut state = SliceState::Current;
    for field in table.iter().filter(|field| field.code != AS_OF) {
        let stands = reader.value(place.join(field.code));
        let wanted = wanted.get(field.code).map(ScalarValue::to_value);
        state = state.max(match (stands, wanted) {
            (None, None) => SliceState::Current,
            (None, Some(_)) => SliceState::Behind,
            (Some(stands), Some(wanted)) if stands == wanted => SliceState::Current,
            (Some(_), Some(_)) if may_stay_in_history(field.value) => SliceState::Behind,
            (Some(_), _) => SliceState::HoldsMore,
        });
    }
    state
}

impl SliceEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let form = form_of(&self.section).filter(|_| self.section.as_slice().is_some());
        let form = form.ok_or_else(|| {
            FieldError::new(
                "section",
                "no_slice",
                "this section is no slice",
                "use the commands of the section",
            )
        })?;
        self.content.check(form)
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let mut is_changed = write(editor, &path(&["fields"]), &self.content.fields)?;
        for (id, entry) in &self.content.entries {
            let place = entry_path("entries", id);
            if !editor.exists(&place) {
                editor.put_map(&place)?;
                editor.put(place.join(LIST), entry.list.as_str())?;
                is_changed = true;
            }
            is_changed |= write(editor, &place, &entry.values)?;
        }
        is_changed |= self.write_marks(editor)?;
        let as_of = path(&["fields", AS_OF]);
        if is_changed || !editor.exists(&as_of) {
            editor.put(as_of, self.as_of.canonical())?;
        }
        Ok(())
    }
}

impl SliceEdit {
    /// Writes the marks that do not stand there, and ends those that have ended in the source; says whether
    /// there was one. Devices that refresh a slice at once name the end alike.
    fn write_marks(&self, editor: &mut Editor<'_>) -> Result<bool, ApplyError> {
        let mut is_changed = false;
        for (id, mark) in &self.content.contested {
            let place = dispute_mark(DISPUTE, id);
            if editor.exists(&place) {
                continue;
            }
            editor.put_map(&place)?;
            let steps = mark.path.join(&STEP_SEPARATOR.to_string());
            editor.put(place.join("path"), steps)?;
            if let Some(day) = &mark.stated_at {
                editor.put(place.join("stated_at"), day.canonical())?;
            }
            is_changed = true;
        }
        for id in self.content.ended(&editor.keys(path(&["acknowledged"]))) {
            let place = dispute_mark(DISPUTE_END, &id);
            editor.put_map(&place)?;
            editor.put(place.join("dispute"), id.canonical())?;
            editor.put(place.join("stated_at"), self.as_of.canonical())?;
            is_changed = true;
        }
        Ok(is_changed)
    }
}

/// Writes the values that do not stand there; says whether there was one.
fn write(
    editor: &mut Editor<'_>,
    place: &Path,
    values: &BTreeMap<String, ScalarValue>,
) -> Result<bool, ApplyError> {
    let mut is_changed = false;
    for (code, value) in values {
        let (place, value) = (place.join(code.as_str()), value.to_value());
        if editor.get(&place).as_ref() != Some(&value) {
            editor.put(&place, value)?;
            is_changed = true;
        }
    }
    Ok(is_changed)
}
