//! The section `tasks` as it reads now.

use nahtlos_document::{Document, Value};
use serde::Serialize;

use super::{Fields, flag, map_at, root_of, stored};
use crate::edit::link_of;
use crate::fields::{Date, EntryId, Line, Priority, Responsible, Stored, TaskLink, TaskStatus};

/// The section `tasks`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TasksView {
    /// Tasks by due day (those without last), then identifier; deleted ones among them.
    pub tasks: Vec<TaskView>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What is to be done.
    pub title: Option<Stored<Line>>,
    /// Who does it.
    pub responsible: Option<Stored<Responsible>>,
    /// By when.
    pub due: Option<Stored<Date>>,
    /// How urgent.
    pub priority: Option<Stored<Priority>>,
    /// How far.
    pub status: Option<Stored<TaskStatus>>,
    /// When to be reminded of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder: Option<Stored<Date>>,
    /// What it comes from or is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Stored<TaskLink>>,
    /// Lines to tick off, by identifier.
    pub checklist: Vec<ChecklistLineView>,
    /// Marked as deleted.
    pub deleted: bool,
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChecklistLineView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What it says.
    pub text: Option<Stored<Line>>,
    /// Ticked off.
    pub done: bool,
}

impl TasksView {
    /// Reads a document of the section `tasks`.
    pub fn read(document: &Document) -> Self {
        let root = root_of(document);
        let mut tasks: Vec<TaskView> = map_at(&root, "tasks")
            .into_iter()
            .flatten()
            .filter_map(|(id, value)| Some(task(id, value.as_map()?)))
            .collect();
        let reader = document.read();
        tasks.sort_by_cached_key(|task| {
            let id = task.id.canonical();
            (reader.writing_place(["tasks", id.as_str()]), id)
        });
        Self { tasks }
    }

    /// Tasks that are neither deleted nor ended. One with an unknown status counts as open.
    pub fn open(&self) -> impl Iterator<Item = &TaskView> {
        self.tasks.iter().filter(|task| task.is_open())
    }
}

impl TaskView {
    /// Neither deleted nor ended.
    pub fn is_open(&self) -> bool {
        let status = self.status.as_ref().and_then(Stored::known);
        !self.deleted && status.is_none_or(|status| status.is_open())
    }
}

fn task(id: &str, fields: &Fields) -> TaskView {
    let lines = map_at(fields, "checklist").into_iter().flatten();
    let links = fields.keys().filter_map(|name| link_of(name));
    let links = links.map(|link| Stored::read(&link)).collect();
    let fields = Some(fields);
    TaskView {
        id: Stored::read(id),
        title: stored(fields, "title"),
        responsible: stored(fields, "responsible"),
        due: stored(fields, "due"),
        priority: stored(fields, "priority"),
        status: stored(fields, "status"),
        reminder: stored(fields, "reminder"),
        links,
        checklist: lines.map(|(id, value)| line(id, value)).collect(),
        deleted: flag(fields, "deleted").unwrap_or(false),
    }
}

fn line(id: &str, value: &Value) -> ChecklistLineView {
    let fields = value.as_map();
    ChecklistLineView {
        id: Stored::read(id),
        text: stored(fields, "text"),
        done: flag(fields, "done").unwrap_or(false),
    }
}
