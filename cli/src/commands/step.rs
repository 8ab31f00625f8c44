//! `nahtlos plan step`.

use nahtlos_casework::edit::{PlanEdit, StepField, StepKey, StepRef};
use nahtlos_casework::fields::{Line, LongText, StepStatus, Stored};
use nahtlos_casework::view::StepView;
use nahtlos_client::ClientError;

use super::entries::{cell, find, known_id, new_id, shown};
use super::names::Names;
use super::plan::{Plan, said_before};
use super::values::{parse, parse_option, step_field, step_key};
use crate::arguments::{StepAdd, StepCommand, TypedValue};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::output::Answer;

pub fn run(context: &Context, command: StepCommand) -> Result<Answer, Failure> {
    match command {
        StepCommand::Add(new) => add(context, &new),
        StepCommand::Set {
            case,
            step,
            field,
            value,
        } => set(context, &case, &step, &field, &value),
        StepCommand::Payers { case, step, shares } => payers(context, &case, &step, &shares),
        StepCommand::Wait {
            case,
            step,
            other,
            no_more,
        } => wait(context, &case, &step, &other, no_more),
        StepCommand::Approve { case, step } => approve(context, &case, &step),
        StepCommand::End {
            case,
            step,
            status,
            reason,
        } => end(context, &case, &step, &status, &reason),
    }
}

/// A step that was named.
struct Found {
    plan: Plan,
    at: StepRef,
    step: StepView,
}

impl Found {
    fn find(context: &Context, case: &str, step: &str) -> Result<Self, Failure> {
        let plan = Plan::open(context, case)?;
        let (at, step) = named(&plan, step)?;
        Ok(Self { plan, at, step })
    }

    fn edit(&mut self, edit: PlanEdit, done: &str) -> Result<Answer, Failure> {
        self.edit_saying(edit, done, done)
    }

    fn edit_saying(&mut self, edit: PlanEdit, done: &str, said: &str) -> Result<Answer, Failure> {
        let title = cell(&self.step.title);
        let done = format!("step \"{title}\" {done}");
        let said = format!("step \"{title}\" {said}");
        let id = self.at.step.to_string();
        self.plan.edit_saying(edit, &id, &done, &said)
    }

    /// What a field says now.
    fn value(&self, key: StepKey) -> Option<String> {
        let (step, names) = (&self.step, self.names());
        match key {
            StepKey::Title => shown(&step.title),
            StepKey::Catalogue => shown(&step.catalogue),
            StepKey::Responsible => step.responsible.as_ref().map(|who| names.responsible(who)),
            StepKey::Payers => step.payers.as_ref().map(|payers| names.payers(payers)),
            StepKey::Start => shown(&step.start),
            StepKey::End => shown(&step.end),
            StepKey::Due => shown(&step.due),
            StepKey::ReviewAt => shown(&step.review_at),
            StepKey::Status => shown(&step.status),
            StepKey::Reason => shown(&step.reason),
        }
    }

    fn names(&self) -> Names {
        Names::of_case(&self.plan.nahtlos, &self.plan.case)
    }
}

/// The step that is meant, and where it lies.
fn named(plan: &Plan, step: &str) -> Result<(StepRef, StepView), Failure> {
    let mut steps = Vec::new();
    for (goal_position, goal) in plan.view.goals.iter().enumerate() {
        for (position, step) in goal.steps.iter().enumerate() {
            let number = format!("{}.{}", goal_position + 1, position + 1);
            steps.push((number, step.id.canonical(), (&goal.id, step)));
        }
    }
    let (goal, step) = *find("step", step, &steps)?;
    let at = StepRef {
        goal: known_id(goal)?,
        step: known_id(&step.id)?,
    };
    Ok((at, step.clone()))
}

fn wait(
    context: &Context,
    case: &str,
    step: &str,
    other: &str,
    no_more: bool,
) -> Result<Answer, Failure> {
    let mut found = Found::find(context, case, step)?;
    let (on, waited_for) = named(&found.plan, other)?;
    let (at, on) = (found.at, on.step);
    let title = cell(&waited_for.title);
    if no_more {
        let edit = PlanEdit::RemoveDependency { at, on };
        return found.edit(edit, &format!("waits for \"{title}\" no more"));
    }
    let edit = PlanEdit::AddDependency { at, on };
    found.edit(edit, &format!("waits for \"{title}\" now"))
}

fn add(context: &Context, new: &StepAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.title)?;
    let days = [
        parse_option("start", new.start.as_deref())?.map(StepField::Start),
        parse_option("end", new.end.as_deref())?.map(StepField::End),
        parse_option("due", new.due.as_deref())?.map(StepField::Due),
        parse_option("review_at", new.review_at.as_deref())?.map(StepField::ReviewAt),
    ];
    let mut plan = Plan::open(context, &new.case)?;
    let goal = plan.goal(&new.goal)?;
    let (goal, statement) = (known_id(&goal.id)?, cell(&goal.statement));
    let names = Names::of_case(&plan.nahtlos, &plan.case);
    let mut fields: Vec<StepField> = days.into_iter().flatten().collect();
    if let Some(who) = &new.responsible {
        fields.push(StepField::Responsible(names.parse_responsible(who)?));
    }
    if let Some(shares) = &new.payers {
        fields.push(StepField::Payers(names.parse_payers(shares)?));
    }
    let title: Line = input::new_field(&new.title, "title", "What is done")?;
    let step = new_id()?;
    let done = format!("step \"{title}\" added to the goal \"{statement}\"");
    let edit = PlanEdit::AddStep {
        at: StepRef { goal, step },
        title,
        fields,
    };
    plan.edit(edit, &step.to_string(), &done)
}

fn set(
    context: &Context,
    case: &str,
    step: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = step_key(field)?;
    let mut found = Found::find(context, case, step)?;
    let label = key.names()[2];
    let before = found.value(key);
    let names = found.names();
    let question = format!("New {label} (empty: remove)");
    let read = |text: &str| step_field(&names, key, text);
    let edit = match input::changed(value, &question, None, Lines::One, read)? {
        Some(field) => PlanEdit::SetStep {
            at: found.at,
            field,
        },
        None => PlanEdit::ClearStep {
            at: found.at,
            field: key,
        },
    };
    let done = format!("has another {label} now");
    let said = format!("{done}{}", said_before(before.as_deref()));
    found.edit_saying(edit, &done, &said)
}

fn payers(context: &Context, case: &str, step: &str, shares: &str) -> Result<Answer, Failure> {
    let mut found = Found::find(context, case, step)?;
    let names = found.names();
    let shares = names.parse_payers(shares)?;
    let paid_by = names.payers(&Stored::Known(shares.clone()));
    let edit = PlanEdit::SetStep {
        at: found.at,
        field: StepField::Payers(shares),
    };
    Ok(found
        .edit(edit, &format!("is paid by {paid_by}"))?
        .note("Earlier approvals of another split do not count for this one."))
}

fn approve(context: &Context, case: &str, step: &str) -> Result<Answer, Failure> {
    let mut found = Found::find(context, case, step)?;
    let payers = match &found.step.payers {
        Some(Stored::Known(payers)) => payers.clone(),
        Some(Stored::Unknown(_)) => return Err(ClientError::NeedsNewer.into()),
        None => {
            return Err(ClientError::Edit(nahtlos_casework::ApplyError::NoPayer).into());
        }
    };
    let edit = PlanEdit::ApproveStep {
        at: found.at,
        id: new_id()?,
        payers,
    };
    found.edit(edit, "approved for your institution")
}

fn end(
    context: &Context,
    case: &str,
    step: &str,
    status: &str,
    reason: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(reason)?;
    let status: StepStatus = parse("status", status)?;
    let mut found = Found::find(context, case, step)?;
    let reason: LongText = input::text(reason, "reason", "Why")?;
    let edit = PlanEdit::EndStep {
        at: found.at,
        status,
        reason,
    };
    found.edit(edit, &status.to_string())
}
