//! Assessments, journal entries and tasks of a case file.

use std::collections::BTreeSet;

use super::reading::{Node, Object, Reading};
use super::source::Source;
use crate::edit::{
    Assessment, ChecklistLine, Edit, FunctionEdit, JournalEdit, TaskEdit, TaskField,
};
use crate::fields::{
    Date, EntryId, JournalKind, JournalText, Line, Priority, Responsible, TaskLink, TaskStatus,
    UtcTime,
};
use crate::form::CORRECTION_OF;

/// An assessment, and the identifier that it brings along.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewAssessment {
    id: Option<EntryId>,
    assessment: Assessment,
    source: Option<Source>,
}

/// A journal entry, and the identifier that it brings along.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewEntry {
    id: Option<EntryId>,
    at: Option<UtcTime>,
    kind: JournalKind,
    text: JournalText,
    correction_of: Option<EntryId>,
    source: Option<Source>,
}

/// A task, and the identifier that it brings along.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewTask {
    id: Option<EntryId>,
    title: Line,
    responsible: Option<Responsible>,
    due: Option<Date>,
    priority: Option<Priority>,
    status: Option<TaskStatus>,
    reminder: Option<Date>,
    links: Vec<TaskLink>,
    checklist: Vec<NewLine>,
}

/// A line to tick off.
#[derive(Debug, Clone, PartialEq)]
struct NewLine {
    id: Option<EntryId>,
    text: Line,
    is_done: bool,
}

impl NewAssessment {
    pub(super) fn edit(&self, new_id: &mut dyn FnMut() -> EntryId) -> Edit {
        let edit = Edit::Function(FunctionEdit::AddAssessment {
            id: self.id.unwrap_or_else(new_id),
            assessment: self.assessment.clone(),
        });
        Source::of(self.source.as_ref(), edit)
    }
}

impl NewEntry {
    /// Its identifier, and that of the entry that it corrects.
    pub(super) fn ids(&self) -> (Option<EntryId>, Option<EntryId>) {
        (self.id, self.correction_of)
    }

    pub(super) fn edit(&self, new_id: &mut dyn FnMut() -> EntryId) -> Edit {
        let edit = Edit::Journal(JournalEdit::AddEntry {
            id: self.id.unwrap_or_else(new_id),
            at: self.at,
            kind: self.kind,
            text: self.text.clone(),
            correction_of: self.correction_of,
        });
        Source::of(self.source.as_ref(), edit)
    }

    /// Who wrote it, as the file says.
    pub(super) fn written_by(&self) -> Option<&Line> {
        self.source.as_ref().map(Source::written_by)
    }
}

impl NewTask {
    /// The task, and what became of it since it was written down.
    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let id = self.id.unwrap_or_else(&mut *new_id);
        let mut ticked = Vec::new();
        let mut checklist = Vec::new();
        for line in &self.checklist {
            let line_id = line.id.unwrap_or_else(&mut *new_id);
            let text = line.text.clone();
            checklist.push(ChecklistLine { id: line_id, text });
            if line.is_done {
                ticked.push(TaskEdit::SetChecked {
                    id,
                    line: line_id,
                    checked: true,
                });
            }
        }
        let mut edits = vec![TaskEdit::Add {
            id,
            title: self.title.clone(),
            responsible: self.responsible.clone(),
            due: self.due,
            priority: self.priority,
            checklist,
        }];
        edits.extend(ticked);
        if let Some(status) = self.status.filter(|status| *status != TaskStatus::Open) {
            let field = TaskField::Status(status);
            edits.push(TaskEdit::Set { id, field });
        }
        let reminder = self.reminder.map(TaskField::Reminder);
        edits.extend(reminder.map(|field| TaskEdit::Set { id, field }));
        let links = self.links.iter().cloned();
        edits.extend(links.map(|to| TaskEdit::Link { id, to }));
        edits.into_iter().map(Edit::Tasks).collect()
    }
}

pub(super) fn read_assessments(root: &mut Object<'_>, reading: &mut Reading) -> Vec<NewAssessment> {
    let nodes = root.list(reading, "function");
    nodes
        .into_iter()
        .filter_map(|node| read_assessment(node, reading))
        .collect()
}

fn read_assessment(node: Node<'_>, reading: &mut Reading) -> Option<NewAssessment> {
    let mut entry = reading.object(node)?;
    let id = entry.identifier(reading, "function");
    let capacity = entry.required(reading, "capacity");
    let from: Option<Date> = entry.required(reading, "from");
    let to: Option<Date> = entry.optional(reading, "to");
    let basis = entry.required(reading, "basis");
    let hours_per_day = entry.optional(reading, "hours_per_day");
    let limits = entry.optional(reading, "limits");
    let adaptations = entry.optional(reading, "adaptations");
    check_order(&entry, reading, "to", from, to);
    let source = Source::take(&mut entry, reading);
    entry.finish(reading);
    let assessment = Assessment {
        capacity: capacity?,
        from: from?,
        to,
        basis: basis?,
        hours_per_day,
        limits,
        adaptations,
    };
    Some(NewAssessment {
        id,
        assessment,
        source,
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
    let mut entries = Vec::new();
    for node in nodes {
        let place = node.path.clone();
        if let Some(entry) = read_entry(node, reading) {
            entries.push((place, entry));
        }
    }
    behind_what_they_correct(entries, reading, NewEntry::ids)
}

pub(super) fn read_entry(node: Node<'_>, reading: &mut Reading) -> Option<NewEntry> {
    let mut entry = reading.object(node)?;
    let id = entry.identifier(reading, "journal");
    let at = entry.optional(reading, "at");
    let kind = entry.required(reading, "kind");
    let text = entry.required(reading, "text");
    let correction_of = entry.optional(reading, CORRECTION_OF);
    let source = Source::take(&mut entry, reading);
    entry.finish(reading);
    Some(NewEntry {
        id,
        at,
        kind: kind?,
        text: text?,
        correction_of,
        source,
    })
}

/// Entries in an order in which each comes behind the one that it corrects; that one must be in the file.
pub(super) fn behind_what_they_correct<T>(
    entries: Vec<(String, T)>,
    reading: &mut Reading,
    ids: impl Fn(&T) -> (Option<EntryId>, Option<EntryId>),
) -> Vec<T> {
    let known: BTreeSet<EntryId> = entries
        .iter()
        .filter_map(|(_, entry)| ids(entry).0)
        .collect();
    let (mut ordered, mut placed) = (Vec::new(), BTreeSet::new());
    let mut waiting = entries;
    loop {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, entry)| {
            let (_, corrected) = ids(entry);
            corrected.is_none_or(|corrected| placed.contains(&corrected))
        });
        waiting = rest;
        if ready.is_empty() {
            break;
        }
        placed.extend(ready.iter().filter_map(|(_, entry)| ids(entry).0));
        ordered.extend(ready.into_iter().map(|(_, entry)| entry));
    }
    for (place, entry) in waiting {
        let place = format!("{place}.{CORRECTION_OF}");
        match ids(&entry)
            .1
            .is_some_and(|corrected| known.contains(&corrected))
        {
            true => reading.error(
                place,
                "circle",
                "entries correct one another in a circle",
                "leave it out in one of them",
            ),
            false => reading.error(
                place,
                "no_such_entry",
                "the entry that this one corrects is not in the file",
                "give that entry this `id`, or leave this field out",
            ),
        }
    }
    ordered
}

pub(super) fn read_tasks(root: &mut Object<'_>, reading: &mut Reading) -> Vec<NewTask> {
    let nodes = root.list(reading, "tasks");
    nodes
        .into_iter()
        .filter_map(|node| read_task(node, reading))
        .collect()
}

pub(super) fn read_task(node: Node<'_>, reading: &mut Reading) -> Option<NewTask> {
    let mut task = reading.object(node)?;
    let id = task.identifier(reading, "tasks");
    let title = task.required(reading, "title");
    let responsible = task.optional(reading, "responsible");
    let due = task.optional(reading, "due");
    let priority = task.optional(reading, "priority");
    let status = task.optional(reading, "status");
    let reminder = task.optional(reading, "reminder");
    let links = task.list(reading, "links").into_iter();
    let links = links.filter_map(|link| reading.value(&link)).collect();
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
        .into_iter()
        .filter_map(|line| read_line(line, reading))
        .collect();
    task.finish(reading);
    Some(NewTask {
        id,
        title: title?,
        responsible,
        due,
        priority,
        status,
        reminder,
        links,
        checklist,
    })
}

/// A text, or an object that also says whether the line was ticked off.
fn read_line(node: Node<'_>, reading: &mut Reading) -> Option<NewLine> {
    if !node.is_object() {
        return Some(NewLine {
            id: None,
            text: reading.value(&node)?,
            is_done: false,
        });
    }
    let mut line = reading.object(node)?;
    let id = line.identifier(reading, "checklist");
    let text = line.required(reading, "text");
    let is_done = line.flag(reading, "done").unwrap_or(false);
    line.finish(reading);
    Some(NewLine {
        id,
        text: text?,
        is_done,
    })
}
