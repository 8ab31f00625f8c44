//! Walking through JSON that somebody wrote by hand, collecting every error with its place.

use std::collections::BTreeSet;

use nahtlos_document::Value;
use serde_json::{Map, Value as Json};

use super::ImportError;
use crate::fields::{EntryId, Field, FieldError};

/// More entries than any list of a new case has; keeps one edit batch bounded.
const MAX_LIST_ENTRIES: usize = 10_000;

/// All errors found so far, and the identifiers that were read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) errors: Vec<ImportError>,
    /// Kind of entry and identifier.
    identifiers: BTreeSet<(String, EntryId)>,
}

/// A value and where it stands, as `$.person.birth`.
pub(super) struct Node<'a> {
    value: &'a Json,
    pub(super) path: String,
}

/// An object of which fields are taken one by one; what is left over is an error.
pub(super) struct Object<'a> {
    fields: &'a Map<String, Json>,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Json) -> Self {
        Self {
            value,
            path: "$".to_owned(),
        }
    }
}

impl Reading {
    pub(super) fn error(
        &mut self,
        path: impl Into<String>,
        code: &'static str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.errors.push(ImportError {
            path: path.into(),
            line: None,
            code,
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn field_error(&mut self, path: impl Into<String>, error: FieldError) {
        self.error(path, error.code, error.reason, error.remedy);
    }

    pub(super) fn object<'a>(&mut self, node: Node<'a>) -> Option<Object<'a>> {
        match node.value {
            Json::Object(fields) => Some(Object {
                fields,
                path: node.path,
                known: Vec::new(),
            }),
            _ => {
                self.error(
                    node.path,
                    "type",
                    "this is not an object",
                    "write { … } with named fields",
                );
                None
            }
        }
    }

    /// A single value as a document holds it; a number as it is written, so that `40` does for `"40"`.
    pub(super) fn scalar(&mut self, node: &Node<'_>) -> Option<Value> {
        match node.value {
            Json::String(text) => Some(Value::String(text.clone())),
            Json::Number(number) => Some(Value::String(number.to_string())),
            Json::Bool(truth) => Some(Value::Bool(*truth)),
            _ => {
                self.error(
                    node.path.as_str(),
                    "type",
                    "this is no single value",
                    "write one value, in quotation marks where it is text",
                );
                None
            }
        }
    }

    /// Reads a string; a number is read as it is written, so that `40` does for `"40"`.
    pub(super) fn value<F: Field>(&mut self, node: &Node<'_>) -> Option<F> {
        let text = match node.value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => {
                self.error(
                    node.path.as_str(),
                    "type",
                    "this is not a string",
                    "write it in quotation marks",
                );
                return None;
            }
        };
        self.value_of(&node.path, &text)
    }

    /// Reads a text that stands at a place.
    pub(super) fn value_of<F: Field>(&mut self, path: &str, text: &str) -> Option<F> {
        match F::parse_typed(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.field_error(path, error);
                None
            }
        }
    }
}

impl<'a> Node<'a> {
    /// As it stands in the file.
    pub(super) fn json(&self) -> &'a Json {
        self.value
    }

    /// Whether it is an object, where a single value would do too.
    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }
}

impl<'a> Object<'a> {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a field is there and says something.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// The value of a field; `null` is the same as a missing field.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        Some(Node {
            value,
            path: format!("{}.{name}", self.path),
        })
    }

    /// The value of a field where `null` says something else than a missing field, and its place.
    pub(super) fn take_or_null(&mut self, name: &'static str) -> Option<(String, &'a Json)> {
        self.known.push(name);
        let value = self.fields.get(name)?;
        Some((format!("{}.{name}", self.path), value))
    }

    /// Whether a field is there with a value, taken or not.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    pub(super) fn optional<F: Field>(
        &mut self,
        reading: &mut Reading,
        name: &'static str,
    ) -> Option<F> {
        let node = self.take(name)?;
        reading.value(&node)
    }

    pub(super) fn required<F: Field>(
        &mut self,
        reading: &mut Reading,
        name: &'static str,
    ) -> Option<F> {
        match self.take(name) {
            Some(node) => reading.value(&node),
            None => {
                reading.error(
                    format!("{}.{name}", self.path),
                    "missing",
                    "this field is missing",
                    "add it",
                );
                None
            }
        }
    }

    /// The identifier that an entry brings along, as an exported file does. No two of a kind have the same.
    pub(super) fn identifier(&mut self, reading: &mut Reading, kind: &str) -> Option<EntryId> {
        let id: EntryId = self.optional(reading, "id")?;
        if !reading.identifiers.insert((kind.to_owned(), id)) {
            reading.error(
                format!("{}.id", self.path),
                "duplicate",
                "an entry before it has this identifier already",
                "leave `id` out of one of the two: it gets a new one",
            );
        }
        Some(id)
    }

    /// What an exported file says for its readers, and what nobody can take over for somebody else: who
    /// wrote an entry, and when.
    pub(super) fn pass_over(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// The fields of a table that have a value.
    pub(super) fn fields<Key: Copy, Set>(
        &mut self,
        reading: &mut Reading,
        keys: impl IntoIterator<Item = (Key, &'static str)>,
        read: impl Fn(Key, &Value) -> Result<Set, FieldError>,
    ) -> Vec<Set> {
        let mut fields = Vec::new();
        for (key, name) in keys {
            let Some(node) = self.take(name) else {
                continue;
            };
            let Some(value) = reading.scalar(&node) else {
                continue;
            };
            match read(key, &value) {
                Ok(field) => fields.push(field),
                Err(error) => reading.field_error(node.path, error),
            }
        }
        fields
    }

    pub(super) fn flag(&mut self, reading: &mut Reading, name: &'static str) -> Option<bool> {
        let node = self.take(name)?;
        let truth = node.value.as_bool();
        if truth.is_none() {
            reading.error(
                node.path,
                "type",
                "this is not a truth value",
                "write true or false without quotation marks",
            );
        }
        truth
    }

    pub(super) fn object(&mut self, reading: &mut Reading, name: &'static str) -> Option<Self> {
        let node = self.take(name)?;
        reading.object(node)
    }

    pub(super) fn list(&mut self, reading: &mut Reading, name: &'static str) -> Vec<Node<'a>> {
        let Some(node) = self.take(name) else {
            return Vec::new();
        };
        let Json::Array(elements) = node.value else {
            reading.error(node.path, "type", "this is not a list", "write [ … ]");
            return Vec::new();
        };
        if elements.len() > MAX_LIST_ENTRIES {
            reading.error(
                node.path,
                "too_many",
                format!("the list has more than {MAX_LIST_ENTRIES} entries"),
                "split the file",
            );
            return Vec::new();
        }
        elements
            .iter()
            .enumerate()
            .map(|(position, value)| Node {
                value,
                path: format!("{}[{position}]", node.path),
            })
            .collect()
    }

    /// Refuses the fields that nobody took: a mistyped name must not lose what was written.
    pub(super) fn finish(self, reading: &mut Reading) {
        for name in self.fields.keys() {
            if !self.known.contains(&name.as_str()) {
                reading.error(
                    format!("{}.{name}", self.path),
                    "unknown_field",
                    "there is no such field here",
                    format!("write one of {}", self.known.join(", ")),
                );
            }
        }
    }
}
