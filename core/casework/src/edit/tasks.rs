//! Edits of the section `tasks`.

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::field_set::{ToStored, field_set};
use super::{ApplyError, entry_path, require};
use crate::fields::{
    Date, EntryId, Field, FieldError, Line, Priority, Responsible, TaskLink, TaskStatus,
};

/// More lines than any checklist has.
pub(crate) const MAX_CHECKLIST_LINES: usize = 100;

/// How the name of a link begins in its task; what it leads to follows, with colons (no name has a slash). A map
/// of links would be two maps where two people begin it at once.
pub(crate) const LINK: &str = "link:";

field_set! {
    /// A field of a task with its new value.
    TaskField,
    /// The name of a field of a task.
    TaskKey {
        /// What is to be done.
        Title(Line) = ["title"], "title", "Aufgabe", "tâche", "title";
        /// Who does it.
        Responsible(Responsible) = ["responsible"], "responsible", "verantwortlich", "responsable", "responsible";
        /// By when.
        Due(Date) = ["due"], "due", "fällig am", "échéance", "due";
        /// How urgent.
        Priority(Priority) = ["priority"], "priority", "Priorität", "priorité", "priority";
        /// How far.
        Status(TaskStatus) = ["status"], "status", "Status", "statut", "status";
        /// When to be reminded of it.
        Reminder(Date) = ["reminder"], "reminder", "Erinnerung am", "rappel le", "reminder";
    }
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistLine {
    /// Its new identifier.
    pub id: EntryId,
    /// What it says.
    pub text: Line,
}

/// An edit of the section `tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskEdit {
    /// Adds a task; its status is `open`.
    Add {
        /// Its new identifier.
        id: EntryId,
        /// What is to be done.
        title: Line,
        /// Who does it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        responsible: Option<Responsible>,
        /// By when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Date>,
        /// How urgent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        /// Lines to tick off.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        checklist: Vec<ChecklistLine>,
    },
    /// Sets a field.
    Set {
        /// The task.
        id: EntryId,
        /// The field and its value.
        field: TaskField,
    },
    /// Empties a field other than title and status.
    Clear {
        /// The task.
        id: EntryId,
        /// The field.
        field: TaskKey,
    },
    /// Adds a line to the checklist.
    AddLine {
        /// The task.
        id: EntryId,
        /// The line.
        line: ChecklistLine,
    },
    /// Links the task to what it comes from or is about.
    Link {
        /// The task.
        id: EntryId,
        /// Where it leads.
        to: TaskLink,
    },
    /// Takes a link away.
    Unlink {
        /// The task.
        id: EntryId,
        /// Where it led.
        to: TaskLink,
    },
    /// Ticks a line off, or on again.
    SetChecked {
        /// The task.
        id: EntryId,
        /// The line.
        line: EntryId,
        /// Done or not.
        checked: bool,
    },
    /// Deletes the task. It stays in the document with a mark, so that what others did to it at the
    /// same time is not lost but shown.
    Delete {
        /// The task.
        id: EntryId,
    },
    /// Takes the deletion back.
    Restore {
        /// The task.
        id: EntryId,
    },
}

impl TaskEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match self {
            Self::Add { checklist, .. } if checklist.len() > MAX_CHECKLIST_LINES => {
                Err(too_many_lines())
            }
            Self::Clear {
                field: TaskKey::Title | TaskKey::Status,
                ..
            } => Err(FieldError::new(
                "field",
                "required",
                "a task always has a title and a status",
                "set another value instead",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        match self {
            Self::Add { .. } => self.add(editor),
            Self::Set { id, field } => {
                let task = open_task(editor, id)?;
                Ok(editor.put(task.join(field.key().code()), field.to_value())?)
            }
            Self::Clear { id, field } => {
                let task = open_task(editor, id)?;
                Ok(editor.delete(task.join(field.code()))?)
            }
            Self::AddLine { id, line } => {
                let checklist = open_task(editor, id)?.join("checklist");
                if editor.keys(&checklist).len() >= MAX_CHECKLIST_LINES {
                    return Err(too_many_lines().into());
                }
                add_line(editor, &checklist, line)
            }
            Self::Link { id, to } => {
                let task = open_task(editor, id)?;
                Ok(editor.put(task.join(link_name(to)), true)?)
            }
            Self::Unlink { id, to } => {
                let link = open_task(editor, id)?.join(link_name(to));
                require(editor, &link, "link")?;
                Ok(editor.delete(link)?)
            }
            Self::SetChecked { id, line, checked } => {
                let line = open_task(editor, id)?
                    .join("checklist")
                    .join(line.canonical());
                require(editor, &line, "checklist line")?;
                Ok(editor.put(line.join("done"), *checked)?)
            }
            Self::Delete { id } => {
                let task = open_task(editor, id)?;
                Ok(editor.put(task.join("deleted"), true)?)
            }
            Self::Restore { id } => {
                let task = entry_path("tasks", id);
                require(editor, &task, "task")?;
                Ok(editor.delete(task.join("deleted"))?)
            }
        }
    }

    fn add(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let Self::Add {
            id,
            title,
            responsible,
            due,
            priority,
            checklist,
        } = self
        else {
            return Ok(());
        };
        let task = entry_path("tasks", id);
        editor.put_map(&task)?;
        editor.put(task.join("title"), title.to_stored())?;
        editor.put(task.join("status"), TaskStatus::Open.to_stored())?;
        let optional = [
            ("responsible", responsible.as_ref().map(Field::canonical)),
            ("due", due.as_ref().map(Field::canonical)),
            ("priority", priority.as_ref().map(Field::canonical)),
        ];
        for (field, value) in optional {
            if let Some(value) = value {
                editor.put(task.join(field), value)?;
            }
        }
        editor.put_map(task.join("checklist"))?;
        let place = task.join("checklist");
        let mut lines = checklist.iter();
        lines.try_for_each(|line| add_line(editor, &place, line))
    }
}

fn add_line(
    editor: &mut Editor<'_>,
    checklist: &Path,
    line: &ChecklistLine,
) -> Result<(), ApplyError> {
    let place = checklist.join(line.id.canonical());
    editor.put_map(&place)?;
    editor.put(place.join("text"), line.text.to_stored())?;
    Ok(editor.put(place.join("done"), false)?)
}

fn link_name(to: &TaskLink) -> String {
    format!("{LINK}{}", to.canonical().replace('/', ":"))
}

/// Where the name of a field leads, if it is a link.
pub(crate) fn link_of(name: &str) -> Option<String> {
    Some(name.strip_prefix(LINK)?.replace(':', "/"))
}

fn too_many_lines() -> FieldError {
    FieldError::new(
        "checklist",
        "too_many",
        "a checklist has at most 100 lines",
        "make several tasks of it",
    )
}

/// The task's path, unless it does not exist or is marked as deleted.
fn open_task(editor: &Editor<'_>, id: &EntryId) -> Result<Path, ApplyError> {
    let task = entry_path("tasks", id);
    require(editor, &task, "task")?;
    if editor.get(task.join("deleted")) == Some(Value::Bool(true)) {
        return Err(ApplyError::Deleted { id: *id });
    }
    Ok(task)
}
