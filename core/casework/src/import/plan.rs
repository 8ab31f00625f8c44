//! The integration plan of a case file.

use super::reading::{Node, Object, Reading};
use super::sections::check_order;
use crate::edit::{Edit, GoalField, PlanEdit, PlanField, StepField, StepRef};
use crate::fields::{Date, EntryId, Line, LongText};

/// A goal without identifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewGoal {
    statement: LongText,
    fields: Vec<GoalField>,
    steps: Vec<NewStep>,
}

/// A step without identifier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NewStep {
    title: Line,
    fields: Vec<StepField>,
}

impl NewGoal {
    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let goal = new_id();
        let mut edits = vec![Edit::Plan(PlanEdit::AddGoal {
            id: goal,
            statement: self.statement.clone(),
            fields: self.fields.clone(),
        })];
        edits.extend(self.steps.iter().map(|step| {
            Edit::Plan(PlanEdit::AddStep {
                at: StepRef {
                    goal,
                    step: new_id(),
                },
                title: step.title.clone(),
                fields: step.fields.clone(),
            })
        }));
        edits
    }
}

pub(super) fn read_plan(
    root: &mut Object<'_>,
    reading: &mut Reading,
) -> (Vec<PlanField>, Vec<NewGoal>) {
    let Some(mut plan) = root.object(reading, "plan") else {
        return (Vec::new(), Vec::new());
    };
    let fields = [
        plan.optional(reading, "situation")
            .map(PlanField::Situation),
        plan.optional(reading, "overall_goal")
            .map(PlanField::OverallGoal),
        plan.optional(reading, "target").map(PlanField::Target),
        plan.optional(reading, "job_search_suspended")
            .map(PlanField::JobSearchSuspended),
        plan.optional(reading, "contact_rhythm")
            .map(PlanField::ContactRhythm),
        plan.optional(reading, "reachability")
            .map(PlanField::Reachability),
    ];
    let goals = plan.list(reading, "goals");
    plan.finish(reading);
    let goals = goals
        .into_iter()
        .filter_map(|goal| read_goal(goal, reading))
        .collect();
    (fields.into_iter().flatten().collect(), goals)
}

fn read_goal(node: Node<'_>, reading: &mut Reading) -> Option<NewGoal> {
    let mut goal = reading.object(node)?;
    let statement = goal.required(reading, "statement");
    let fields = [
        goal.optional(reading, "client_words")
            .map(GoalField::ClientWords),
        goal.optional(reading, "area").map(GoalField::Area),
        goal.optional(reading, "measure_of_success")
            .map(GoalField::MeasureOfSuccess),
        goal.optional(reading, "due").map(GoalField::Due),
        goal.optional(reading, "priority").map(GoalField::Priority),
    ];
    let steps = goal.list(reading, "steps");
    goal.finish(reading);
    let steps: Vec<NewStep> = steps
        .into_iter()
        .filter_map(|step| read_step(step, reading))
        .collect();
    Some(NewGoal {
        statement: statement?,
        fields: fields.into_iter().flatten().collect(),
        steps,
    })
}

fn read_step(node: Node<'_>, reading: &mut Reading) -> Option<NewStep> {
    let mut step = reading.object(node)?;
    let title = step.required(reading, "title");
    let start: Option<Date> = step.optional(reading, "start");
    let end: Option<Date> = step.optional(reading, "end");
    check_order(&step, reading, "end", start, end);
    let fields = [
        step.optional(reading, "catalogue")
            .map(StepField::Catalogue),
        step.optional(reading, "responsible")
            .map(StepField::Responsible),
        step.optional(reading, "payers").map(StepField::Payers),
        start.map(StepField::Start),
        end.map(StepField::End),
        step.optional(reading, "due").map(StepField::Due),
        step.optional(reading, "review_at").map(StepField::ReviewAt),
    ];
    step.finish(reading);
    Some(NewStep {
        title: title?,
        fields: fields.into_iter().flatten().collect(),
    })
}
