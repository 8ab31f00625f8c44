//! Assessments, journal entries and tasks of a case file.

use super::reading::{Node, Object, Reading};
use crate::edit::{Assessment, ChecklistLine, Edit, JournalEdit, TaskEdit};
use crate::fields::{
    Date, EntryId, JournalKind, JournalText, Line, Priority, Responsible, UtcTime,
};

/// A journal entry without identifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewEntry {
    at: Option<UtcTime>,
    kind: JournalKind,
    text: JournalText,
}

/// A task without identifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewTask {
    title: Line,
    responsible: Option<Responsible>,
    due: Option<Date>,
    priority: Option<Priority>,
    checklist: Vec<Line>,
}

impl NewEntry {
    pub(super) fn edit(&self, id: EntryId) -> Edit {
        Edit::Journal(JournalEdit::AddEntry {
            id,
            at: self.at,
            kind: self.kind,
            text: self.text.clone(),
            correction_of: None,
        })
    }
}

impl NewTask {
    pub(super) fn edit(&self, new_id: &mut dyn FnMut() -> EntryId) -> Edit {
        Edit::Tasks(TaskEdit::Add {
            id: new_id(),
            title: self.title.clone(),
            responsible: self.responsible.clone(),
            due: self.due,
            priority: self.priority,
            checklist: self
                .checklist
                .iter()
                .map(|text| ChecklistLine {
                    id: new_id(),
                    text: text.clone(),
                })
                .collect(),
        })
    }
}

pub(super) fn read_assessments(root: &mut Object<'_>, reading: &mut Reading) -> Vec<Assessment> {
    let nodes = root.list(reading, "function");
    nodes
        .into_iter()
        .filter_map(|node| read_assessment(node, reading))
        .collect()
}

fn read_assessment(node: Node<'_>, reading: &mut Reading) -> Option<Assessment> {
    let mut entry = reading.object(node)?;
    let capacity = entry.required(reading, "capacity");
    let from: Option<Date> = entry.required(reading, "from");
    let to: Option<Date> = entry.optional(reading, "to");
    let basis = entry.required(reading, "basis");
    let hours_per_day = entry.optional(reading, "hours_per_day");
    let limits = entry.optional(reading, "limits");
    let adaptations = entry.optional(reading, "adaptations");
    check_order(&entry, reading, "to", from, to);
    entry.finish(reading);
    Some(Assessment {
        capacity: capacity?,
        from: from?,
        to,
        basis: basis?,
        hours_per_day,
        limits,
        adaptations,
    })
}

pub(super) fn check_order(
    entry: &Object<'_>,
    reading: &mut Reading,
    name: &str,
    first: Option<Date>,
    last: Option<Date>,
) {
    if let (Some(first), Some(last)) = (first, last)
        && last < first
    {
        reading.error(
            format!("{}.{name}", entry.path()),
            "order",
            "the last day is before the first",
            "check both dates",
        );
    }
}

pub(super) fn read_journal(root: &mut Object<'_>, reading: &mut Reading) -> Vec<NewEntry> {
    let nodes = root.list(reading, "journal");
    nodes
        .into_iter()
        .filter_map(|node| {
            let mut entry = reading.object(node)?;
            let at = entry.optional(reading, "at");
            let kind = entry.required(reading, "kind");
            let text = entry.required(reading, "text");
            entry.finish(reading);
            Some(NewEntry {
                at,
                kind: kind?,
                text: text?,
            })
        })
        .collect()
}

pub(super) fn read_tasks(root: &mut Object<'_>, reading: &mut Reading) -> Vec<NewTask> {
    let nodes = root.list(reading, "tasks");
    nodes
        .into_iter()
        .filter_map(|node| {
            let mut task = reading.object(node)?;
            let title = task.required(reading, "title");
            let responsible = task.optional(reading, "responsible");
            let due = task.optional(reading, "due");
            let priority = task.optional(reading, "priority");
            let lines = task.list(reading, "checklist");
            if lines.len() > crate::edit::MAX_CHECKLIST_LINES {
                reading.error(
                    format!("{}.checklist", task.path()),
                    "too_many",
                    "a checklist has at most 100 lines",
                    "make several tasks of it",
                );
            }
            let checklist = lines
                .iter()
                .filter_map(|line| reading.value(line))
                .collect();
            task.finish(reading);
            Some(NewTask {
                title: title?,
                responsible,
                due,
                priority,
                checklist,
            })
        })
        .collect()
}
