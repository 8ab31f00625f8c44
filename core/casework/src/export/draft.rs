//! Building objects of the file while keeping account of what of the document stands in it.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Value};
use serde_json::{Map, Value as Json, json};

use crate::author::Origin;
use crate::edit::{SOURCE_AT, SOURCE_BY};
use crate::fields::{Field, Stored};
use crate::section::SectionKind;

/// The single values of a document by their paths, as long as they do not stand in the file.
pub(super) struct Leaves(BTreeMap<Vec<String>, Value>);

/// One object of the file that is being made. What it takes from the document is taken only once it is kept.
pub(super) struct Draft<'a> {
    leaves: &'a Leaves,
    base: Vec<String>,
    object: Map<String, Json>,
    taken: Vec<Vec<String>>,
    is_whole: bool,
}

/// A finished object, and what it took.
pub(super) struct Finished {
    pub(super) object: Map<String, Json>,
    taken: Vec<Vec<String>>,
}

impl Leaves {
    pub(super) fn of(document: &Document) -> Self {
        let mut leaves = BTreeMap::new();
        flatten(document.read().root(), &mut Vec::new(), &mut leaves);
        // What somebody has looked at is no content.
        leaves
            .retain(|path: &Vec<String>, _| path.first().is_none_or(|name| name != "acknowledged"));
        Self(leaves)
    }

    pub(super) fn get(&self, path: &[String]) -> Option<&Value> {
        self.0.get(path)
    }

    /// Names of what lies directly below a path, ascending.
    pub(super) fn names_below(&self, path: &[&str]) -> Vec<String> {
        let begins = |leaf: &&Vec<String>| {
            leaf.iter()
                .map(String::as_str)
                .zip(path)
                .all(|(a, b)| a == *b)
        };
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter(begins)
            .filter_map(|leaf| leaf.get(path.len()).cloned())
            .collect();
        names.dedup();
        names
    }

    /// Leaves out what lies below a path.
    pub(super) fn leave_out(&mut self, path: &[&str]) {
        self.0.retain(|leaf, _| {
            leaf.len() < path.len() || leaf.iter().zip(path).any(|(step, name)| step != name)
        });
    }

    /// Takes what lies below a path, as it is stored.
    pub(super) fn take_below(&mut self, path: &[&str]) -> Json {
        let mut below = Json::Object(Map::new());
        for (leaf, value) in &self.0 {
            let is_below = leaf.iter().zip(path).all(|(step, name)| step == name);
            if let Some(rest) = leaf.get(path.len()..).filter(|_| is_below) {
                nest(&mut below, rest, value.to_json());
            }
        }
        self.leave_out(path);
        below
    }

    pub(super) fn take_everything(&mut self) -> Json {
        self.take_below(&[])
    }

    /// Takes what a finished object holds.
    pub(super) fn keep(&mut self, finished: Finished) -> Json {
        for path in &finished.taken {
            self.0.remove(path);
        }
        Json::Object(finished.object)
    }

    /// What no object of the file took.
    pub(super) fn into_other(self, section: &SectionKind) -> Vec<Json> {
        let other = self.0.into_iter();
        other
            .map(|(path, value)| {
                json!({ "section": section.code(), "path": path, "value": value.to_json() })
            })
            .collect()
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(leaves: &'a Leaves, base: &[&str]) -> Self {
        Self {
            leaves,
            base: base.iter().map(|step| (*step).to_owned()).collect(),
            object: Map::new(),
            taken: Vec::new(),
            is_whole: true,
        }
    }

    fn path(&self, step: &str) -> Vec<String> {
        let mut path = self.base.clone();
        path.push(step.to_owned());
        path
    }

    /// A value that may change, as it is stored, if `understood` says so.
    pub(super) fn current(&mut self, name: &str, understood: impl Fn(&Value) -> bool) {
        let path = self.path(name);
        if let Some(value) = self.leaves.get(&path).filter(|value| understood(value)) {
            self.object.insert(name.to_owned(), value.to_json());
            self.taken.push(path);
        }
    }

    /// A field of an entry that is never changed, as it was first written. What stands there instead by now
    /// counts for nothing.
    pub(super) fn first<F: Field>(&mut self, name: &str, value: Option<&Stored<F>>) {
        let Some(known) = value.and_then(Stored::known) else {
            return;
        };
        let text = known.canonical();
        let path = self.path(name);
        if self.leaves.get(&path).and_then(Value::as_str) == Some(&text) {
            self.taken.push(path);
        }
        self.object.insert(name.to_owned(), Json::String(text));
    }

    /// Something made of a value of the document.
    pub(super) fn put(&mut self, name: &str, value: Json, made_of: &str) {
        self.object.insert(name.to_owned(), value);
        self.taken.push(self.path(made_of));
    }

    /// What is no value of the document.
    pub(super) fn say(&mut self, name: &str, value: Json) {
        self.object.insert(name.to_owned(), value);
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.leaves.get(&self.path(name))
    }

    /// Who wrote it, when: for readers, and for who takes it over.
    pub(super) fn written(&mut self, origin: &Origin) {
        for (name, value) in super::written(origin) {
            self.say(&name, value);
        }
        if origin.taken_over.is_some() {
            self.pass_over(SOURCE_BY);
            self.pass_over(SOURCE_AT);
        }
    }

    /// Takes what stands in the file in another form.
    pub(super) fn pass_over(&mut self, name: &str) {
        self.taken.push(self.path(name));
    }

    /// Without this, the entry cannot be read again.
    pub(super) fn require(&mut self, name: &str) {
        self.is_whole &= self.object.contains_key(name);
    }

    /// The object; none where something is missing that it must have: then it stays with the other values.
    pub(super) fn finish(self) -> Option<Finished> {
        let (object, taken) = (self.object, self.taken);
        self.is_whole.then_some(Finished { object, taken })
    }
}

impl Finished {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.object.get(name).and_then(Json::as_str)
    }

    /// Gives back a value that cannot stand in the file after all.
    pub(super) fn give_back(&mut self, name: &str) {
        self.object.remove(name);
        self.taken
            .retain(|path| path.last().is_none_or(|last| last != name));
    }
}

/// Leaves out references to entries that are not in the file.
pub(super) fn only_known_references(entries: &mut [Finished], reference: &str) {
    let known: Vec<String> = entries
        .iter()
        .filter_map(|entry| entry.text("id").map(str::to_owned))
        .collect();
    for entry in entries {
        let refers = entry.text(reference);
        if refers.is_some_and(|to| !known.iter().any(|id| id == to)) {
            entry.give_back(reference);
        }
    }
}

fn flatten(value: Value, path: &mut Vec<String>, leaves: &mut BTreeMap<Vec<String>, Value>) {
    match value {
        Value::Map(fields) => {
            for (name, value) in fields {
                path.push(name);
                flatten(value, path, leaves);
                path.pop();
            }
        }
        leaf => {
            leaves.insert(path.clone(), leaf);
        }
    }
}

fn nest(object: &mut Json, path: &[String], value: Json) {
    let Some((name, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if !object.is_object() {
        *object = Json::Object(Map::new());
    }
    if let Some(fields) = object.as_object_mut() {
        nest(
            fields.entry(name.clone()).or_insert(Json::Null),
            rest,
            value,
        );
    }
}
