//! The integration plan of a case file.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::{Node, Object, Reading};
use super::sections::check_order;
use super::source::Source;
use crate::edit::{
    Edit, GoalField, GoalKey, PlanEdit, PlanField, PlanKey, Review, RiskField, RiskKey, StepField,
    StepKey, StepRef, leads_to,
};
use crate::fields::{Date, EntryId, Field, GoalRatings, Line, LongText, StepStatus};

/// The plan, new entries without identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NewPlan {
    fields: Vec<PlanField>,
    goals: Vec<NewGoal>,
    risks: Vec<NewRisk>,
    reviews: Vec<NewReview>,
}

#[derive(Debug, Clone, PartialEq)]
struct NewGoal {
    id: Option<EntryId>,
    statement: LongText,
    fields: Vec<GoalField>,
    steps: Vec<NewStep>,
}

#[derive(Debug, Clone, PartialEq)]
struct NewStep {
    id: Option<EntryId>,
    title: Line,
    fields: Vec<StepField>,
    /// `aborted` or `refused`, and why.
    end: Option<(StepStatus, LongText)>,
    depends_on: Vec<EntryId>,
    path: String,
}

#[derive(Debug, Clone, PartialEq)]
struct NewRisk {
    id: Option<EntryId>,
    description: LongText,
    fields: Vec<RiskField>,
}

#[derive(Debug, Clone, PartialEq)]
struct NewReview {
    id: Option<EntryId>,
    review: Review,
    source: Option<Source>,
}

impl NewPlan {
    /// Everything, each behind what it refers to.
    pub(super) fn edits(&self, new_id: &mut dyn FnMut() -> EntryId) -> Vec<Edit> {
        let mut edits: Vec<PlanEdit> = self.fields.iter().cloned().map(PlanEdit::Set).collect();
        let mut dependencies = Vec::new();
        for goal in &self.goals {
            let id = goal.id.unwrap_or_else(&mut *new_id);
            edits.push(PlanEdit::AddGoal {
                id,
                statement: goal.statement.clone(),
                fields: goal.fields.clone(),
            });
            for step in &goal.steps {
                let at = StepRef {
                    goal: id,
                    step: step.id.unwrap_or_else(&mut *new_id),
                };
                edits.push(PlanEdit::AddStep {
                    at,
                    title: step.title.clone(),
                    fields: step.fields.clone(),
                });
                edits.extend(step.end.iter().map(|(status, reason)| PlanEdit::EndStep {
                    at,
                    status: *status,
                    reason: reason.clone(),
                }));
                let others = step.depends_on.iter();
                dependencies.extend(others.map(|on| PlanEdit::AddDependency { at, on: *on }));
            }
        }
        edits.extend(dependencies);
        edits.extend(self.risks.iter().map(|risk| PlanEdit::AddRisk {
            id: risk.id.unwrap_or_else(&mut *new_id),
            description: risk.description.clone(),
            fields: risk.fields.clone(),
        }));
        let reviews = self.reviews.iter().map(|new| {
            let edit = Edit::Plan(PlanEdit::AddReview {
                id: new.id.unwrap_or_else(&mut *new_id),
                review: new.review.clone(),
            });
            Source::of(new.source.as_ref(), edit)
        });
        let reviews: Vec<Edit> = reviews.collect();
        edits.into_iter().map(Edit::Plan).chain(reviews).collect()
    }
}

pub(super) fn read_plan(root: &mut Object<'_>, reading: &mut Reading) -> NewPlan {
    let Some(mut plan) = root.object(reading, "plan") else {
        return NewPlan::default();
    };
    let keys = PlanKey::ALL.iter().map(|key| (*key, key.code()));
    let fields = plan.fields(reading, keys, PlanField::from_typed);
    let goals = plan.list(reading, "goals").into_iter();
    let goals: Vec<NewGoal> = goals.filter_map(|goal| read_goal(goal, reading)).collect();
    let risks = plan.list(reading, "risks").into_iter();
    let risks = risks.filter_map(|risk| read_risk(risk, reading)).collect();
    let rated: BTreeSet<EntryId> = goals.iter().filter_map(|goal| goal.id).collect();
    let reviews = plan.list(reading, "reviews").into_iter();
    let reviews = reviews
        .filter_map(|review| read_review(review, reading, &rated))
        .collect();
    // What was signed was signed over another case's plan.
    plan.pass_over(&["versions", "signatures"]);
    plan.finish(reading);
    check_dependencies(&goals, reading);
    NewPlan {
        fields,
        goals,
        risks,
        reviews,
    }
}

fn read_goal(node: Node<'_>, reading: &mut Reading) -> Option<NewGoal> {
    let mut goal = reading.object(node)?;
    let id = goal.identifier(reading, "goals");
    let statement = goal.required(reading, "statement");
    let keys = GoalKey::ALL.iter().map(|key| (*key, key.code()));
    let fields = goal.fields(reading, keys, GoalField::from_typed);
    let steps = goal.list(reading, "steps");
    goal.finish(reading);
    let steps: Vec<NewStep> = steps
        .into_iter()
        .filter_map(|step| read_step(step, reading))
        .collect();
    Some(NewGoal {
        id,
        statement: statement?,
        fields,
        steps,
    })
}

fn read_step(node: Node<'_>, reading: &mut Reading) -> Option<NewStep> {
    let mut step = reading.object(node)?;
    let path = step.path().to_owned();
    let id = step.identifier(reading, "steps");
    let title = step.required(reading, "title");
    let keys = StepKey::ALL.iter().copied();
    let keys = keys.filter(|key| !matches!(key, StepKey::Title | StepKey::Reason));
    let keys = keys.map(|key| (key, key.code()));
    let mut fields = step.fields(reading, keys, StepField::from_typed);
    let day = |wanted: StepKey| {
        fields.iter().find_map(|field| match field {
            StepField::Start(date) | StepField::End(date) if field.key() == wanted => Some(*date),
            _ => None,
        })
    };
    let (start, end): (Option<Date>, Option<Date>) = (day(StepKey::Start), day(StepKey::End));
    check_order(&step, reading, "end", start, end);
    let reason: Option<LongText> = step.optional(reading, "reason");
    let end = read_end(&path, reading, &mut fields, reason);
    let depends_on = step.list(reading, "depends_on");
    let depends_on = depends_on
        .iter()
        .filter_map(|on| reading.value(on))
        .collect();
    // Who pays approves it themselves.
    step.pass_over(&["approvals"]);
    step.finish(reading);
    Some(NewStep {
        id,
        title: title?,
        fields,
        end,
        depends_on,
        path,
    })
}

/// How a step ended, taken out of its fields. One that was approved is to be approved again by who pays.
fn read_end(
    path: &str,
    reading: &mut Reading,
    fields: &mut Vec<StepField>,
    reason: Option<LongText>,
) -> Option<(StepStatus, LongText)> {
    let status = fields.iter().find_map(|field| match field {
        StepField::Status(status) => Some(*status),
        _ => None,
    });
    let status_path = format!("{path}.status");
    match (status, reason) {
        (Some(status), Some(reason)) if status.needs_reason() => {
            fields.retain(|field| field.key() != StepKey::Status);
            Some((status, reason))
        }
        (Some(status), None) if status.needs_reason() => {
            reading.error(
                status_path,
                "reason_missing",
                "an aborted or refused step needs a reason",
                "add the field `reason`",
            );
            None
        }
        (Some(StepStatus::Approved), _) => {
            reading.error(
                status_path,
                "use_approve",
                "a step is approved by its payers, not by a status",
                "write planned or requested, and let each payer approve the step",
            );
            None
        }
        (_, reason) => {
            fields.extend(reason.map(StepField::Reason));
            None
        }
    }
}

fn read_risk(node: Node<'_>, reading: &mut Reading) -> Option<NewRisk> {
    let mut risk = reading.object(node)?;
    let id = risk.identifier(reading, "risks");
    let description = risk.required(reading, "description");
    let keys = RiskKey::ALL.iter().copied();
    let keys = keys.filter(|key| *key != RiskKey::Description);
    let keys = keys.map(|key| (key, key.code()));
    let fields = risk.fields(reading, keys, RiskField::from_typed);
    risk.finish(reading);
    Some(NewRisk {
        id,
        description: description?,
        fields,
    })
}

fn read_review(
    node: Node<'_>,
    reading: &mut Reading,
    goals: &BTreeSet<EntryId>,
) -> Option<NewReview> {
    let mut review = reading.object(node)?;
    let id = review.identifier(reading, "reviews");
    let date = review.required(reading, "date");
    let participants = review.required(reading, "participants");
    let ratings: Option<GoalRatings> = review.optional(reading, "ratings");
    let is_unknown = |ratings: &GoalRatings| ratings.iter().any(|(goal, _)| !goals.contains(goal));
    if ratings.as_ref().is_some_and(is_unknown) {
        reading.error(
            format!("{}.ratings", review.path()),
            "no_such_goal",
            "a goal is rated that is not in the file",
            "give that goal this `id`, or leave its rating out",
        );
    }
    let outcome = review.required(reading, "outcome");
    let note = review.optional(reading, "note");
    let source = Source::take(&mut review, reading);
    review.finish(reading);
    let review = Review {
        date: date?,
        participants: participants?,
        ratings,
        outcome: outcome?,
        note,
    };
    Some(NewReview { id, review, source })
}

/// Steps wait for steps of this file, and never in a circle.
fn check_dependencies(goals: &[NewGoal], reading: &mut Reading) {
    let steps = || goals.iter().flat_map(|goal| &goal.steps);
    let known: BTreeSet<EntryId> = steps().filter_map(|step| step.id).collect();
    let waits_for: BTreeMap<String, Vec<String>> = steps()
        .filter_map(|step| {
            let others = step.depends_on.iter().map(Field::canonical);
            Some((step.id?.canonical(), others.collect()))
        })
        .collect();
    for step in steps().filter(|step| !step.depends_on.is_empty()) {
        let path = format!("{}.depends_on", step.path);
        let mut others = step.depends_on.iter();
        if others.any(|other| !known.contains(other)) {
            reading.error(
                path,
                "no_such_step",
                "it waits for a step that is not in the file",
                "give that step this `id`, or leave it out here",
            );
            continue;
        }
        let own = step.id.map(|id| id.canonical()).unwrap_or_default();
        let mut others = step.depends_on.iter().map(Field::canonical);
        if others.any(|other| leads_to(&waits_for, &other, &own)) {
            reading.error(
                path,
                "circle",
                "steps wait for one another in a circle",
                "leave one of them out",
            );
        }
    }
}
