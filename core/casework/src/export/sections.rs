//! Core data, numbers, assessments, journal and tasks.

use nahtlos_document::{Document, Value};
use serde_json::{Map, Value as Json, json};

use super::draft::{Draft, Leaves, only_known_references};
use crate::author::AuthorOf;
use crate::edit::{
    CLOSED_MARK, CLOSING, COMPETENCE, CoreField, CoreKey, IdentField, IdentKey, RECUSED, TaskField,
    TaskKey, link_of,
};
use crate::edit::{REOPENED_MARK, REOPENING};
use crate::fields::{EntryId, Field, Line, TaskLink};
use crate::record::{Address, Body, Lead, LocalId};
use crate::view::{FunctionView, JournalView};

/// The content, and what it says for readers alone.
pub(super) fn core(leaves: &mut Leaves) -> (Map<String, Json>, Map<String, Json>) {
    let mut content = Map::new();
    for group in ["case", "person", "contact"] {
        let mut draft = Draft::new(leaves, &[group]);
        for key in CoreKey::ALL {
            if let [of, name] = key.steps()
                && *of == group
                && !matches!(key, CoreKey::CaseNumber | CoreKey::Lead | CoreKey::Address)
            {
                draft.current(name, |value| CoreField::from_stored(*key, value).is_some());
            }
        }
        if group == "contact"
            && let Some(address) = record::<Address>(draft.value("address"))
        {
            draft.put("address", address, "address");
        }
        let Some(finished) = draft.finish() else {
            continue;
        };
        let is_empty = finished.object.is_empty();
        match leaves.keep(finished) {
            Json::Object(fields) if group == "case" => content.extend(fields),
            _ if is_empty => {}
            object => {
                content.insert(group.to_owned(), object);
            }
        }
    }
    let bodies = bodies(leaves);
    if !bodies.is_empty() {
        content.insert("bodies".to_owned(), Json::Array(bodies));
    }
    (content, core_reference(leaves))
}

/// A value of several parts as an object, if none of its parts is of a newer version.
fn record<F: Field>(value: Option<&Value>) -> Option<Json> {
    let stored = value.and_then(Value::as_str)?;
    let record = F::parse(stored).ok()?.canonical();
    let (record, stored): (Json, Json) = (
        serde_json::from_str(&record).ok()?,
        serde_json::from_str(stored).ok()?,
    );
    (record == stored).then_some(record)
}

fn bodies(leaves: &mut Leaves) -> Vec<Json> {
    let mut bodies = Vec::new();
    for institution in leaves.names_below(&["bodies"]) {
        let mut draft = Draft::new(leaves, &["bodies"]);
        let Some(Json::Object(body)) = record::<Body>(draft.value(&institution)) else {
            continue;
        };
        draft.put("institution", json!(institution), &institution);
        for (name, value) in body {
            draft.say(&name, value);
        }
        bodies.extend(draft.finish().map(|finished| leaves.keep(finished)));
    }
    bodies
}

/// Number, lead and recusals: they are of this case, and not taken over.
fn core_reference(leaves: &mut Leaves) -> Map<String, Json> {
    let mut draft = Draft::new(leaves, &["case"]);
    if let Some(number) = draft.value("number").map(Value::to_json) {
        draft.put("case_number", number, "number");
    }
    if let Some(lead) = record::<Lead>(draft.value("lead")) {
        draft.put("lead", lead, "lead");
    }
    let finished = draft.finish();
    let mut reference = Map::new();
    if let Some(Json::Object(fields)) = finished.map(|finished| leaves.keep(finished)) {
        reference.extend(fields);
    }
    let mut recused = Vec::new();
    for name in leaves.names_below(&["case"]) {
        if let Some(person) = name.strip_prefix(RECUSED) {
            recused.push(json!(person));
            leaves.leave_out(&["case", &name]);
        }
    }
    // How this case was closed, and who is competent for what in it.
    let process = |name: &String| {
        let prefixes = [CLOSING, CLOSED_MARK, REOPENING, REOPENED_MARK, COMPETENCE];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut kept = Map::new();
    for name in leaves.names_below(&["case"]).into_iter().filter(process) {
        kept.insert(name.clone(), leaves.take_below(&["case", &name]));
    }
    if !kept.is_empty() {
        reference.insert("process".to_owned(), Json::Object(kept));
    }
    if !recused.is_empty() {
        reference.insert("recused".to_owned(), Json::Array(recused));
    }
    reference
}

pub(super) fn ident(leaves: &mut Leaves) -> Json {
    let mut draft = Draft::new(leaves, &["ident"]);
    for key in IdentKey::ALL {
        draft.current(key.code(), |value| {
            IdentField::from_stored(*key, value).is_some()
        });
    }
    let finished = draft.finish();
    let mut ident = finished.map_or_else(|| json!({}), |finished| leaves.keep(finished));
    let mut local_ids = Vec::new();
    for id in leaves.names_below(&["local_ids"]) {
        let mut draft = Draft::new(leaves, &["local_ids"]);
        let local_id = record::<LocalId>(draft.value(&id));
        let (Some(Json::Object(parts)), Ok(_)) = (local_id, EntryId::parse(&id)) else {
            continue;
        };
        draft.put("id", json!(id), &id);
        for (name, value) in parts {
            draft.say(&name, value);
        }
        local_ids.extend(draft.finish().map(|finished| leaves.keep(finished)));
    }
    if !local_ids.is_empty()
        && let Some(fields) = ident.as_object_mut()
    {
        fields.insert("local_ids".to_owned(), Json::Array(local_ids));
    }
    ident
}

pub(super) fn function(document: &Document, authors: &dyn AuthorOf, leaves: &mut Leaves) -> Json {
    let mut assessments = Vec::new();
    for entry in FunctionView::read(document, authors).assessments {
        let id = entry.id.canonical();
        let mut draft = Draft::new(leaves, &["assessments", &id]);
        if entry.id.known().is_none() {
            continue;
        }
        draft.say("id", json!(id));
        draft.first("capacity", entry.capacity.as_ref());
        draft.first("from", entry.from.as_ref());
        draft.first("to", entry.to.as_ref());
        draft.first("basis", entry.basis.as_ref());
        draft.first("hours_per_day", entry.hours_per_day.as_ref());
        draft.first("limits", entry.limits.as_ref());
        draft.first("adaptations", entry.adaptations.as_ref());
        draft.written(&entry.origin);
        ["capacity", "from", "basis"]
            .iter()
            .for_each(|name| draft.require(name));
        assessments.extend(draft.finish().map(|finished| leaves.keep(finished)));
    }
    Json::Array(assessments)
}

pub(super) fn journal(document: &Document, authors: &dyn AuthorOf, leaves: &mut Leaves) -> Json {
    let mut entries = Vec::new();
    for entry in JournalView::read(document, authors).entries {
        let id = entry.id.canonical();
        let mut draft = Draft::new(leaves, &["entries", &id]);
        if entry.id.known().is_none() {
            continue;
        }
        draft.say("id", json!(id));
        draft.first("at", entry.at.as_ref());
        draft.first("kind", entry.kind.as_ref());
        draft.first("text", entry.text.as_ref());
        draft.first("correction_of", entry.correction_of.as_ref());
        draft.written(&entry.origin);
        ["kind", "text"].iter().for_each(|name| draft.require(name));
        entries.extend(draft.finish());
    }
    only_known_references(&mut entries, "correction_of");
    let kept = entries.into_iter().map(|entry| leaves.keep(entry));
    Json::Array(kept.collect())
}

pub(super) fn tasks(leaves: &mut Leaves) -> Json {
    let mut tasks = Vec::new();
    for id in leaves.names_below(&["tasks"]) {
        let mut draft = Draft::new(leaves, &["tasks", &id]);
        if draft.value("deleted") == Some(&Value::Bool(true)) {
            leaves.leave_out(&["tasks", &id]);
            continue;
        }
        if EntryId::parse(&id).is_err() {
            continue;
        }
        draft.say("id", json!(id));
        for key in TaskKey::ALL {
            draft.current(key.code(), |value| {
                TaskField::from_stored(*key, value).is_some()
            });
        }
        let links = links(&mut draft, leaves.names_below(&["tasks", &id]));
        if !links.is_empty() {
            draft.say("links", Json::Array(links));
        }
        draft.require("title");
        let Some(finished) = draft.finish() else {
            continue;
        };
        let mut task = leaves.keep(finished);
        let checklist = checklist(leaves, &id);
        if !checklist.is_empty()
            && let Some(fields) = task.as_object_mut()
        {
            fields.insert("checklist".to_owned(), Json::Array(checklist));
        }
        tasks.push(task);
    }
    Json::Array(tasks)
}

/// The links of a task, each of which is a field of its own.
fn links(draft: &mut Draft<'_>, names: Vec<String>) -> Vec<Json> {
    let mut links = Vec::new();
    for name in names {
        let link = link_of(&name).filter(|link| TaskLink::parse(link).is_ok());
        let Some(link) = link.filter(|_| draft.value(&name) == Some(&Value::Bool(true))) else {
            continue;
        };
        draft.put("links", json!(null), &name);
        links.push(json!(link));
    }
    links
}

fn checklist(leaves: &mut Leaves, task: &str) -> Vec<Json> {
    let mut lines = Vec::new();
    for line in leaves.names_below(&["tasks", task, "checklist"]) {
        let mut draft = Draft::new(leaves, &["tasks", task, "checklist", &line]);
        if EntryId::parse(&line).is_err() {
            continue;
        }
        draft.say("id", json!(line));
        draft.current("text", |value| {
            value.as_str().is_some_and(|text| Line::parse(text).is_ok())
        });
        draft.current("done", |value| value.as_bool().is_some());
        draft.require("text");
        lines.extend(draft.finish().map(|finished| leaves.keep(finished)));
    }
    lines
}
