//! A decision of a round table and what becomes of it: a task, a step of the plan.
//!
//! What it became stands with the decision itself. So whoever changes it, however often, changes that task and makes
//! no second one. Two people who make a task of one decision at the same time make two: the decision then has two values
//! in conflict, and nothing that was typed into either is hidden. A step that was made of it is left alone: who pays and
//! who agreed to it is decided in the plan.

use std::collections::BTreeMap;

use crate::SectionKind;
use crate::edit::{
    Edit, FormChange, FormEdit, NewValues, PlanEdit, ScalarValue, StepField, StepRef, TaskEdit,
    TaskField,
};
use crate::fields::{Date, EntryId, Field, FieldError, Line, LongText, Responsible, TaskLink};
use crate::view::{EntryView, FormView, PlanView, TaskView, TasksView};

const LIST: &str = "decisions";
const TEXT: &str = "decision";
const RESPONSIBLE: &str = "responsible";
const DUE: &str = "due";
const TASK: &str = "task";
const STEP: &str = "step";

/// What somebody says about a decision: a new one, or what changes of one that is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The round table.
    pub meeting: String,
    /// The decision.
    pub id: EntryId,
    /// What was decided; a new one has it.
    pub text: Option<LongText>,
    /// Who sees to it.
    pub responsible: Option<Responsible>,
    /// By when.
    pub due: Option<Date>,
    /// Make a task of it, with this identifier where it is none yet.
    pub task: Option<EntryId>,
    /// Make this step of it, where it is none yet.
    pub step: Option<StepRef>,
}

/// What became of a task or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is none, and none was asked for.
    None,
    /// It was made.
    Made,
    /// It was there, and is changed with the decision.
    Changed,
    /// It was there, and stays as it is.
    Stays,
    /// It was there and was deleted; it stays deleted.
    Deleted,
    /// The decision names one that cannot be seen here: not yet, or not with the rights of who asks.
    Missing,
    /// The decision names one that does not say that it comes of this decision: it is left alone.
    NotLinked,
}

/// The edits that record a decision, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// All of them, or none, are applied. None where all stands as it was asked for.
    pub edits: Vec<Edit>,
    /// The task.
    pub task: Outcome,
    /// The step.
    pub step: Outcome,
}

impl Decision {
    /// What is to be done in the round table as it reads now, and in the tasks and the plan where they can be read.
    ///
    /// # Errors
    /// Where a new decision has no text, where nothing is said about one that is recorded, and where it was deleted.
    pub fn edits(
        &self,
        view: &FormView,
        tasks: Option<&TasksView>,
        plan: Option<&PlanView>,
    ) -> Result<Decided, FieldError> {
        let mut all = view.lists.get(LIST).into_iter().flatten();
        let recorded = all.find(|entry| entry.id.known() == Some(&self.id));
        if let Some(recorded) = recorded.filter(|entry| entry.deleted) {
            return Err(deleted(recorded));
        }
        let asks_for_more = self.task.is_some() || self.step.is_some();
        let text = self.text.as_ref().map(LongText::canonical);
        let mut values = self.values(text.clone());
        if values.is_empty() && !asks_for_more {
            return Err(nothing_said());
        }
        let before = recorded.and_then(|entry| text_of(entry, TEXT));
        let title = match text.as_deref().or(before.as_deref()) {
            Some(text) => first_line(text)?,
            None => return Err(text_missing()),
        };
        let (task, mut further) = self.task(recorded, tasks, &title, before.as_deref())?;
        if let (Outcome::Made, Some(id)) = (task, self.task) {
            values.insert(TASK.to_owned(), id.canonical());
        }
        let step = match (recorded.and_then(|entry| text_of(entry, STEP)), self.step) {
            (Some(known), _) if has_step(plan, &known) => Outcome::Stays,
            (Some(_), _) => Outcome::Missing,
            (None, None) => Outcome::None,
            (None, Some(at)) => {
                values.insert(STEP.to_owned(), format!("{}/{}", at.goal, at.step));
                further.push(self.new_step(at, title));
                Outcome::Made
            }
        };
        // What stands there already is not written a second time: it would look like a change, and conflict.
        if let Some(recorded) = recorded {
            values.retain(|code, value| text_of(recorded, code).as_ref() != Some(value));
        }
        let mut edits = Vec::new();
        edits.extend(self.record(recorded.is_some(), values));
        edits.extend(further);
        Ok(Decided { edits, task, step })
    }

    /// What this says of the decision itself.
    fn values(&self, text: Option<String>) -> BTreeMap<String, String> {
        let said = [
            (TEXT, text),
            (RESPONSIBLE, self.responsible.as_ref().map(Field::canonical)),
            (DUE, self.due.as_ref().map(Field::canonical)),
        ];
        let said = said.into_iter();
        said.filter_map(|(code, value)| Some((code.to_owned(), value?)))
            .collect()
    }

    /// The edit of the round table, unless nothing of it changes.
    fn record(&self, is_recorded: bool, values: BTreeMap<String, String>) -> Option<Edit> {
        if values.is_empty() {
            return None;
        }
        let values = values
            .into_iter()
            .map(|(code, text)| (code, ScalarValue::Text(text)));
        let change = match is_recorded {
            true => FormChange::Change {
                id: self.id,
                values: values
                    .map(|(code, value)| (code, Some(value)))
                    .collect::<NewValues>(),
            },
            false => FormChange::Add {
                list: LIST.to_owned(),
                id: self.id,
                correction_of: None,
                values: values.collect(),
            },
        };
        Some(Edit::Form(FormEdit {
            section: SectionKind::Meeting(self.meeting.clone()),
            change,
        }))
    }

    fn task(
        &self,
        recorded: Option<&EntryView>,
        tasks: Option<&TasksView>,
        title: &Line,
        before: Option<&str>,
    ) -> Result<(Outcome, Vec<Edit>), FieldError> {
        let known = recorded.and_then(|entry| text_of(entry, TASK));
        let (Some(known), tasks) = (known, tasks) else {
            return Ok(match self.task {
                Some(id) => (Outcome::Made, self.new_task(id, title)),
                None => (Outcome::None, Vec::new()),
            });
        };
        let mut tasks = tasks.iter().flat_map(|tasks| &tasks.tasks);
        let task = tasks.find(|task| task.id.canonical() == known);
        let Some((task, id)) = task.and_then(|task| Some((task, *task.id.known()?))) else {
            return Ok((Outcome::Missing, Vec::new()));
        };
        // Whoever writes in the round table could name any task. It is this decision's only where it says so itself.
        if !self.is_linked_from(task) {
            return Ok(match self.task {
                Some(id) => (Outcome::Made, self.new_task(id, title)),
                None => (Outcome::NotLinked, Vec::new()),
            });
        }
        if task.deleted {
            return Ok((Outcome::Deleted, Vec::new()));
        }
        let before = before.map(first_line).transpose()?;
        let changed = self.changes(task, title, before.as_ref()).into_iter();
        let edits: Vec<Edit> = changed
            .map(|field| Edit::Tasks(TaskEdit::Set { id, field }))
            .collect();
        let outcome = match edits.is_empty() {
            true => Outcome::Stays,
            false => Outcome::Changed,
        };
        Ok((outcome, edits))
    }

    fn is_linked_from(&self, task: &TaskView) -> bool {
        let link = TaskLink::Decision(self.meeting.clone(), self.id);
        task.links.iter().any(|one| one.known() == Some(&link))
    }

    /// What changes of its task. A title that somebody gave the task themselves stays.
    fn changes(&self, task: &TaskView, title: &Line, before: Option<&Line>) -> Vec<TaskField> {
        let stored = task.title.as_ref().map(|title| title.canonical());
        let follows = before.map(Line::canonical) == stored;
        let title = Some(title).filter(|title| follows && Some(title.canonical()) != stored);
        let stored = |value: Option<String>, new: &Option<String>| new.is_some() && value != *new;
        let responsible = self.responsible.as_ref().map(Field::canonical);
        let present = task.responsible.as_ref().map(|who| who.canonical());
        let responsible = (self.responsible.clone()).filter(|_| stored(present, &responsible));
        let due = self.due.as_ref().map(Field::canonical);
        let present = task.due.as_ref().map(|day| day.canonical());
        let due = self.due.filter(|_| stored(present, &due));
        [
            title.cloned().map(TaskField::Title),
            responsible.map(TaskField::Responsible),
            due.map(TaskField::Due),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn new_task(&self, id: EntryId, title: &Line) -> Vec<Edit> {
        let add = TaskEdit::Add {
            id,
            title: title.clone(),
            responsible: self.responsible.clone(),
            due: self.due,
            priority: None,
            checklist: Vec::new(),
        };
        let to = TaskLink::Decision(self.meeting.clone(), self.id);
        vec![Edit::Tasks(add), Edit::Tasks(TaskEdit::Link { id, to })]
    }

    fn new_step(&self, at: StepRef, title: Line) -> Edit {
        let fields = [
            self.responsible.clone().map(StepField::Responsible),
            self.due.map(StepField::Due),
        ];
        Edit::Plan(PlanEdit::AddStep {
            at,
            title,
            fields: fields.into_iter().flatten().collect(),
        })
    }
}

fn text_of(entry: &EntryView, field: &str) -> Option<String> {
    match &entry.fields.get(field)?.stored {
        ScalarValue::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether the plan has the step that a decision names, as `GOAL/STEP`.
fn has_step(plan: Option<&PlanView>, named: &str) -> bool {
    let Some((goal, step)) = named.split_once('/') else {
        return false;
    };
    let goals = plan.into_iter().flat_map(|plan| &plan.goals);
    goals
        .filter(|one| one.id.canonical() == goal)
        .flat_map(|one| &one.steps)
        .any(|one| one.id.canonical() == step)
}

/// What a task or step is called.
fn first_line(text: &str) -> Result<Line, FieldError> {
    Line::parse(text.lines().next().unwrap_or_default())
}

fn text_missing() -> FieldError {
    FieldError::new(
        TEXT,
        "missing",
        "a new decision says what was decided",
        "write it",
    )
}

fn nothing_said() -> FieldError {
    FieldError::new(
        TEXT,
        "nothing_changed",
        "nothing is said that the decision does not say already",
        "name a text, who sees to it, a day, a task or a step",
    )
}

fn deleted(entry: &EntryView) -> FieldError {
    FieldError::new(
        TEXT,
        "deleted",
        format!("decision {} was deleted", entry.id),
        "restore it first, or record a new one",
    )
}
