//! `nahtlos plan risk` and `nahtlos plan review`.

use nahtlos_casework::edit::{PlanEdit, Review, RiskField, RiskKey};
use nahtlos_casework::fields::{Date, EntryId, Field, FieldError, GoalRatings, LongText, Rating};

use super::entries::{cell, find, known_id, new_id};
use super::plan::{LONG, Plan, in_short};
use super::values::{parse, parse_option, risk_field, risk_key};
use crate::arguments::{ReviewAdd, RiskCommand, TypedValue};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::output::Answer;

pub fn risk(context: &Context, command: RiskCommand) -> Result<Answer, Failure> {
    match command {
        RiskCommand::Add {
            case,
            severity,
            description,
        } => add_risk(context, &case, severity.as_deref(), &description),
        RiskCommand::Set {
            case,
            risk,
            field,
            value,
        } => set_risk(context, &case, &risk, &field, &value),
    }
}

fn add_risk(
    context: &Context,
    case: &str,
    severity: Option<&str>,
    description: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(description)?;
    let severity = parse_option("severity", severity)?.map(RiskField::Severity);
    let mut plan = Plan::open(context, case)?;
    let description = input::text(description, "description", "What may go wrong")?;
    let id = new_id()?;
    let edit = PlanEdit::AddRisk {
        id,
        description,
        fields: severity.into_iter().collect(),
    };
    plan.edit(edit, &id.to_string(), "risk added")
}

fn set_risk(
    context: &Context,
    case: &str,
    risk: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = risk_key(field)?;
    let mut plan = Plan::open(context, case)?;
    let risks: Vec<_> = plan
        .view
        .risks
        .iter()
        .enumerate()
        .map(|(position, risk)| ((position + 1).to_string(), risk.id.canonical(), risk))
        .collect();
    let risk = find("risk", risk, &risks)?;
    let (id, description) = (known_id(&risk.id)?, cell(&risk.description));
    let label = key.names()[2];
    let lines = match key {
        RiskKey::Description | RiskKey::Response => LONG,
        RiskKey::Severity | RiskKey::Status => Lines::One,
    };
    let question = format!("New {label} (empty: remove)");
    let edit = match input::changed(value, &question, None, lines, |text| risk_field(key, text))? {
        Some(field) => PlanEdit::SetRisk { id, field },
        None => PlanEdit::ClearRisk { id, field: key },
    };
    let done = format!("{label} of the risk changed");
    let said = format!("{label} of the risk \"{}\" changed", in_short(&description));
    plan.edit_saying(edit, &id.to_string(), &done, &said)
}

pub fn review(context: &Context, words: &ReviewAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&words.participants)?;
    let date: Option<Date> = parse_option("date", words.date.as_deref())?;
    let outcome = parse("outcome", &words.outcome)?;
    let mut plan = Plan::open(context, &words.case)?;
    let ratings = ratings(&plan, &words.rating)?;
    let date = match date {
        Some(day) => day,
        None => plan.nahtlos.today()?,
    };
    let participants: LongText = input::text(&words.participants, "participants", "Who took part")?;
    let id = new_id()?;
    let review = Review {
        date,
        participants,
        ratings,
        outcome,
        note: None,
    };
    let edit = PlanEdit::AddReview { id, review };
    let done = format!("review of {date} recorded: {outcome}");
    plan.edit(edit, &id.to_string(), &done)
}

/// `1=-1`: a goal as it is named in `plan show`, and how it stands.
fn ratings(plan: &Plan, words: &[String]) -> Result<Option<GoalRatings>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let one = |word: &String| -> Result<(EntryId, Rating), Failure> {
        let (goal, rating) = word.split_once('=').ok_or_else(|| {
            FieldError::new(
                "rating",
                "format",
                "this is not goal=rating",
                "write the goal's number and how it stands from -2 to 2, e.g. 1=-1",
            )
        })?;
        Ok((known_id(&plan.goal(goal)?.id)?, Rating::parse(rating)?))
    };
    let ratings: Result<Vec<_>, Failure> = words.iter().map(one).collect();
    Ok(Some(GoalRatings::new(ratings?)?))
}
