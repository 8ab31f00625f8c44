//! `nahtlos function`: assessments of what somebody can do, without diagnosis.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Assessment, Edit, FunctionEdit};
use nahtlos_casework::fields::{Date, Field};
use serde_json::{Value, json};

use super::entries::new_id;
use super::{NOT_DELIVERED_YET, case_title, section};
use crate::arguments::{FunctionAdd, FunctionCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Answer;

pub fn run(
    context: &Context,
    case: Option<String>,
    command: Option<FunctionCommand>,
) -> Result<Answer, Failure> {
    match command {
        Some(FunctionCommand::Add(new)) => add(context, &new),
        None => section::show(context, &case.unwrap_or_default(), &SectionKind::Function),
    }
}

fn add(context: &Context, new: &FunctionAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.assessment)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    // Before anybody types: what is refused afterwards is lost.
    section::refuse_not_opened(&nahtlos, &case, &SectionKind::Function)?;
    nahtlos.require_writable(&case.section(&SectionKind::Function)?)?;
    let assessment = match &new.assessment.from {
        Some(source) => from_json(&input::read_text(source)?)?,
        None => asked()?,
    };
    let id = new_id()?;
    let edit = FunctionEdit::AddAssessment { id, assessment };
    super::edit(&mut nahtlos, &case, Edit::Function(edit))?;
    let title = case_title(&nahtlos, &case)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "assessment": id.to_string() }),
        format!("{title}: assessment written, beside those that stand there."),
    )
    .note(NOT_DELIVERED_YET))
}

fn from_json(text: &str) -> Result<Assessment, Failure> {
    let read = || {
        let mut assessment: Value = serde_json::from_str(text)?;
        // As in a case file: a percentage is a number.
        if let Some(capacity) = assessment.get_mut("capacity")
            && let Some(per_cent) = capacity.as_u64()
        {
            *capacity = per_cent.to_string().into();
        }
        serde_json::from_value(assessment)
    };
    read().map_err(|error: serde_json::Error| {
        Failure::new(
            Exit::Usage,
            "assessment_invalid",
            "Nothing was stored: this is no assessment.",
            error.to_string(),
            "Give one JSON object with `capacity` (per cent), `from` (YYYY-MM-DD) and `basis`, and, \
             where known, `to`, `hours_per_day`, `limits`, `adaptations`.",
        )
    })
}

/// Asks field by field; what may be missing may be answered with nothing.
fn asked() -> Result<Assessment, Failure> {
    let capacity = required("Work capacity in per cent")?;
    let from: Date = required("From (day)")?;
    let to = input::ask_value("Until (day; nothing if open)", true, |typed| {
        let to =
            Date::parse(typed).map_err(|error| format!("{}: {}", error.reason, error.remedy))?;
        match to < from {
            true => Err(format!(
                "The last day is before the first: name {from} or a later day."
            )),
            false => Ok(to),
        }
    })?;
    Ok(Assessment {
        capacity,
        from,
        to,
        basis: required("What it rests on (no diagnosis)")?,
        hours_per_day: input::ask_field("Hours a day (nothing if unknown)", true)?,
        limits: input::ask_field("Limits (nothing if none)", true)?,
        adaptations: input::ask_field("Adaptations of the workplace (nothing if none)", true)?,
    })
}

fn required<F: Field>(question: &str) -> Result<F, Failure> {
    loop {
        if let Some(value) = input::ask_field(question, false)? {
            return Ok(value);
        }
    }
}
