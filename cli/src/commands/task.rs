//! `nahtlos task`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ChecklistLine, Edit, TaskEdit, TaskField, TaskKey};
use nahtlos_casework::fields::{EntryId, Line, TaskLink, TaskStatus};
use nahtlos_casework::view::{TaskView, TasksView};
use nahtlos_client::{Case, Nahtlos};
use serde_json::json;

use super::entries::{cell, find, known_id, new_id, shown};
use super::names::Names;
use super::values::{parse, parse_option, task_field, task_key};
use super::{NOT_DELIVERED_YET, case_title, section, task_list};
use crate::arguments::{Answered, TaskAdd, TaskCommand, TypedValue};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::output::Answer;

pub fn run(
    context: &Context,
    case: Option<String>,
    command: Option<TaskCommand>,
) -> Result<Answer, Failure> {
    match command {
        None => section::show(context, &case.unwrap_or_default(), &SectionKind::Tasks),
        Some(TaskCommand::Add(new)) => add(context, &new),
        Some(TaskCommand::Set {
            case,
            task,
            field,
            value,
        }) => set(context, &case, &task, &field, &value),
        Some(TaskCommand::Done { case, task }) => {
            let mut found = Found::find(context, &case, &task)?;
            let field = TaskField::Status(TaskStatus::Done);
            let id = found.id;
            found.edit(TaskEdit::Set { id, field }, "done")
        }
        Some(TaskCommand::Item { case, task, text }) => item(context, &case, &task, &text),
        Some(TaskCommand::Check {
            case,
            task,
            item,
            undo,
        }) => check(context, &case, &task, &item, !undo),
        Some(TaskCommand::Link {
            case,
            task,
            to,
            no_more,
        }) => link(context, &case, &task, &to, no_more),
        Some(TaskCommand::Show { case, task }) => task_list::show(context, &case, &task),
        Some(TaskCommand::List(filter)) => task_list::list(context, &filter),
        Some(TaskCommand::Calendar {
            filter,
            without_titles,
            to,
        }) => task_list::calendar_file(context, &filter, without_titles, &to),
        Some(TaskCommand::Delete {
            case,
            task,
            answered,
        }) => delete(context, &case, &task, answered),
        Some(TaskCommand::Restore { case, task }) => {
            let mut found = Found::find(context, &case, &task)?;
            let id = found.id;
            found.edit(TaskEdit::Restore { id }, "restored")
        }
    }
}

/// A task that was named.
struct Found {
    nahtlos: Nahtlos,
    case: Case,
    id: EntryId,
    title: String,
}

impl Found {
    fn find(context: &Context, case: &str, task: &str) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(case)?;
        let view = TasksView::read(&nahtlos.section_document(&case, &SectionKind::Tasks)?);
        let entries: Vec<_> = view
            .tasks
            .iter()
            .enumerate()
            .map(|(position, task)| ((position + 1).to_string(), task.id.canonical(), task))
            .collect();
        let task = find("task", task, &entries)?;
        let (id, title) = (known_id(&task.id)?, cell(&task.title));
        Ok(Self {
            nahtlos,
            case,
            id,
            title,
        })
    }

    fn edit(&mut self, edit: TaskEdit, done: &str) -> Result<Answer, Failure> {
        super::edit(&mut self.nahtlos, &self.case, Edit::Tasks(edit))?;
        let case = case_title(&self.nahtlos, &self.case)?;
        let data = json!({
            "case": self.case.id.to_string(),
            "task": self.id.to_string(),
            "done": done,
        });
        let said = format!("{case}: task \"{}\" {done}.", self.title);
        Ok(Answer::sentence(data, said).note(NOT_DELIVERED_YET))
    }
}

fn item(context: &Context, case: &str, task: &str, text: &TypedValue) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut found = Found::find(context, case, task)?;
    let text: Line = input::new_field(text, "text", "What is to be ticked off")?;
    let line = ChecklistLine {
        id: new_id()?,
        text,
    };
    let id = found.id;
    found.edit(TaskEdit::AddLine { id, line }, "has one more line")
}

fn check(
    context: &Context,
    case: &str,
    task: &str,
    item: &str,
    checked: bool,
) -> Result<Answer, Failure> {
    let mut found = Found::find(context, case, task)?;
    let document = (found.nahtlos).section_document(&found.case, &SectionKind::Tasks)?;
    let view = TasksView::read(&document);
    let is_meant = |task: &&TaskView| task.id.known() == Some(&found.id);
    let lines = view.tasks.iter().find(is_meant);
    let lines = lines.map_or(&[][..], |task| &task.checklist);
    let named: Vec<_> = (1..)
        .zip(lines)
        .map(|(number, line): (usize, _)| (number.to_string(), line.id.canonical(), &line.id))
        .collect();
    let line = known_id(find("checklist line", item, &named)?)?;
    let id = found.id;
    let done = if checked {
        "has a line ticked off"
    } else {
        "has a line open again"
    };
    found.edit(TaskEdit::SetChecked { id, line, checked }, done)
}

fn link(
    context: &Context,
    case: &str,
    task: &str,
    to: &str,
    no_more: bool,
) -> Result<Answer, Failure> {
    let to: TaskLink = parse("link", to)?;
    let mut found = Found::find(context, case, task)?;
    let id = found.id;
    if no_more {
        return found.edit(TaskEdit::Unlink { id, to }, "is linked no more");
    }
    found.edit(TaskEdit::Link { id, to }, "linked")
}

fn add(context: &Context, new: &TaskAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.title)?;
    let due = parse_option("due", new.due.as_deref())?;
    let priority = parse_option("priority", new.priority.as_deref())?;
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    let names = Names::of_case(&nahtlos, &case);
    let responsible = new
        .responsible
        .as_deref()
        .map(|input| names.parse_responsible(input))
        .transpose()?;
    let title: Line = input::new_field(&new.title, "title", "What is to be done")?;
    let id = new_id()?;
    let mut found = Found {
        nahtlos,
        case,
        id,
        title: title.to_string(),
    };
    found.edit(
        TaskEdit::Add {
            id,
            title,
            responsible,
            due,
            priority,
            checklist: Vec::new(),
        },
        "added",
    )
}

fn set(
    context: &Context,
    case: &str,
    task: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = task_key(field)?;
    let mut found = Found::find(context, case, task)?;
    let question = format!("New value of {}", key.names()[2]);
    let names = Names::of_case(&found.nahtlos, &found.case);
    let current = current(&found, &names, key)?;
    let id = found.id;
    let read = |text: &str| task_field(&names, key, text);
    let edit = match input::changed(value, &question, current.as_deref(), Lines::One, read)? {
        Some(field) => TaskEdit::Set { id, field },
        None => TaskEdit::Clear { id, field: key },
    };
    found.edit(edit, &format!("{} changed", key.names()[2]))
}

/// What a field of the task says now, in words.
fn current(found: &Found, names: &Names, key: TaskKey) -> Result<Option<String>, Failure> {
    let document = (found.nahtlos).section_document(&found.case, &SectionKind::Tasks)?;
    let view = TasksView::read(&document);
    let is_meant = |task: &&TaskView| task.id.known() == Some(&found.id);
    Ok(view.tasks.iter().find(is_meant).and_then(|task| match key {
        TaskKey::Title => shown(&task.title),
        TaskKey::Responsible => task.responsible.as_ref().map(|who| names.responsible(who)),
        TaskKey::Due => shown(&task.due),
        TaskKey::Priority => shown(&task.priority),
        TaskKey::Status => shown(&task.status),
        TaskKey::Reminder => shown(&task.reminder),
    }))
}

fn delete(
    context: &Context,
    case: &str,
    task: &str,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut found = Found::find(context, case, task)?;
    let what = format!("Delete the task \"{}\" for everybody?", found.title);
    let data = |done: &str| json!({ "task": found.id.to_string(), "done": done });
    if answered.dry_run {
        let said = format!("Would delete the task \"{}\" for everybody.", found.title);
        return Ok(Answer::sentence(data("dry_run"), said));
    }
    if !answered.yes && !input::confirm(&what)? {
        return Ok(Answer::sentence(data("nothing"), "Nothing was deleted."));
    }
    let id = found.id;
    Ok(found
        .edit(TaskEdit::Delete { id }, "deleted")?
        .note("`nahtlos task restore CASE TASK` brings it back."))
}
