//! Sections that are described by a table.

use nahtlos_document::{Document, Value};
use serde_json::{Map, Value as Json, json};

use super::draft::{Draft, Finished, Leaves, only_known_references};
use crate::author::AuthorOf;
use crate::edit::ScalarValue;
use crate::form::{CORRECTION_OF, DELETED, Form, FormList, Keeps, LIST, ValueType};
use crate::section::SectionKind;
use crate::view::{EntryView, FieldView, FormView};

pub(super) fn form(
    document: &Document,
    section: &SectionKind,
    form: &'static Form,
    authors: &dyn AuthorOf,
    leaves: &mut Leaves,
) -> Map<String, Json> {
    let view = FormView::read(document, section, authors);
    let mut draft = Draft::new(leaves, &["fields"]);
    for field in form.fields {
        let known = view.fields.get(field.code).filter(|value| value.is_known);
        if let Some(value) = known {
            draft.put(field.code, shown(field.value, value), field.code);
        }
    }
    let mut content = match draft.finish().map(|finished| leaves.keep(finished)) {
        Some(Json::Object(fields)) => fields,
        _ => Map::new(),
    };
    for list in form.lists {
        let mut entries = Vec::new();
        for entry in view.lists.get(list.code).into_iter().flatten() {
            if entry.deleted {
                leaves.leave_out(&[list.container(), &entry.id.canonical()]);
                continue;
            }
            entries.extend(of_list(list, entry, leaves));
        }
        only_known_references(&mut entries, CORRECTION_OF);
        let kept: Vec<Json> = entries
            .into_iter()
            .map(|entry| leaves.keep(entry))
            .collect();
        if !kept.is_empty() {
            content.insert(list.code.to_owned(), Json::Array(kept));
        }
    }
    content
}

fn of_list(list: &'static FormList, entry: &EntryView, leaves: &Leaves) -> Option<Finished> {
    let id = entry.id.canonical();
    let mut draft = Draft::new(leaves, &[list.container(), &id]);
    entry.id.known()?;
    draft.put("id", json!(id), LIST);
    for field in list.fields {
        let known = entry.fields.get(field.code).filter(|value| value.is_known);
        let Some(value) = known else { continue };
        // A record is what was first written; what stands there instead by now counts for nothing.
        let stands = draft.value(field.code).map(|stands| match stands {
            Value::Text(text) => Some(ScalarValue::Text(text.clone())),
            other => ScalarValue::from_value(other),
        });
        // A text that nobody has begun is none.
        if field.value == ValueType::Wording && value.shown.trim().is_empty() {
            draft.pass_over(field.code);
            continue;
        }
        let shown = shown(field.value, value);
        match stands == Some(Some(value.stored.clone())) {
            true => draft.put(field.code, shown, field.code),
            false => draft.say(field.code, shown),
        }
    }
    draft.first(CORRECTION_OF, entry.correction_of.as_ref());
    if list.keeps == Keeps::Entries {
        draft.current(DELETED, |deleted| *deleted == Value::Bool(false));
    }
    if let Some(origin) = &entry.origin {
        draft.written(origin);
    }
    let required = list.fields.iter().filter(|field| field.is_required);
    required.for_each(|field| draft.require(field.code));
    let mut finished = draft.finish()?;
    finished.object.remove(DELETED);
    Some(finished)
}

/// A stored value as the file has it: an address as an object.
fn shown(of: ValueType, value: &FieldView) -> Json {
    match (&value.stored, of) {
        (ScalarValue::Text(text), ValueType::Address) => {
            serde_json::from_str(text).unwrap_or_else(|_| json!(text))
        }
        (stored, _) => json!(stored),
    }
}
