//! `nahtlos plan`: the plan itself and its goals.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Wording;
use nahtlos_casework::edit::{Edit, GoalField, GoalKey, PlanEdit, PlanKey};
use nahtlos_casework::fields::{EntryId, Field, LongText, Stored};
use nahtlos_casework::view::{GoalView, PlanView};
use nahtlos_client::{Case, Nahtlos};
use serde_json::json;

use super::entries::{cell, find, known_id, new_id, short_id, shown};
use super::values::{goal_field, goal_key, parse_option, plan_field, plan_key};
use super::{NOT_DELIVERED_YET, case_title, plan_extras, plan_print, plan_version, section, step};
use crate::arguments::{GoalCommand, PlanCommand, TypedValue};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::output::Answer;

/// As many characters of a text as a sentence shows.
const SHOWN_MAX: usize = 160;

pub fn run(context: &Context, command: PlanCommand) -> Result<Answer, Failure> {
    match command {
        PlanCommand::Show { version } if version.number.is_none() && version.code.is_none() => {
            section::show(context, &version.case, &SectionKind::Plan)
        }
        PlanCommand::Show { version } => plan_version::show(context, &version),
        PlanCommand::Propose { case, answered } => plan_version::propose(context, &case, answered),
        PlanCommand::Sign(words) => plan_version::sign(context, &words),
        PlanCommand::Diff { version } => plan_version::difference(context, &version),
        PlanCommand::Print {
            version,
            language,
            to,
            disclosed,
        } => plan_print::run(context, &version, language.as_deref(), &to, &disclosed),
        PlanCommand::Set { case, field, value } => set(context, &case, &field, &value),
        PlanCommand::Goal { command } => goal(context, command),
        PlanCommand::Step { command } => step::run(context, command),
        PlanCommand::Risk { command } => plan_extras::risk(context, command),
        PlanCommand::Review(words) => plan_extras::review(context, &words),
    }
}

/// The plan of a case, opened to be edited.
pub struct Plan {
    /// The unlocked device.
    pub nahtlos: Nahtlos,
    /// The case.
    pub case: Case,
    /// The plan as it reads now.
    pub view: PlanView,
}

impl Plan {
    /// Opens the plan of a case, if it may be edited here: nobody is asked for a text that is refused then.
    pub fn open(context: &Context, case: &str) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(case)?;
        let document = nahtlos.section_document(&case, &SectionKind::Plan)?;
        nahtlos.require_writable(&case.section(&SectionKind::Plan)?)?;
        let authors = nahtlos.section_authors(&case, &SectionKind::Plan)?;
        let view = PlanView::read(&document, &authors);
        Ok(Self {
            nahtlos,
            case,
            view,
        })
    }

    /// The goal that is meant.
    pub fn goal(&self, input: &str) -> Result<&nahtlos_casework::view::GoalView, Failure> {
        let goals: Vec<_> = self
            .view
            .goals
            .iter()
            .enumerate()
            .map(|(position, goal)| ((position + 1).to_string(), goal.id.canonical(), goal))
            .collect();
        Ok(*find("goal", input, &goals)?)
    }

    /// The number of a goal in `plan show`.
    pub fn number(&self, id: &EntryId) -> usize {
        let mut goals = self.view.goals.iter();
        let place = goals.position(|goal| goal.id.known() == Some(id));
        place.map_or(self.view.goals.len(), |place| place) + 1
    }

    /// Makes an edit and says what was done.
    pub fn edit(&mut self, edit: PlanEdit, id: &str, done: &str) -> Result<Answer, Failure> {
        self.edit_saying(edit, id, done, done)
    }

    /// The same in more words than a program is told.
    pub fn edit_saying(
        &mut self,
        edit: PlanEdit,
        id: &str,
        done: &str,
        said: &str,
    ) -> Result<Answer, Failure> {
        super::edit(&mut self.nahtlos, &self.case, Edit::Plan(edit))?;
        let title = case_title(&self.nahtlos, &self.case)?;
        let data = json!({ "case": self.case.id.to_string(), "id": id, "done": done });
        Ok(Answer::sentence(data, format!("{title}: {said}.")).note(NOT_DELIVERED_YET))
    }
}

/// Texts of the plan that may have several lines.
pub const LONG: Lines = Lines::Several(LongText::CHARACTERS_MAX);

fn set(context: &Context, case: &str, field: &str, value: &TypedValue) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = plan_key(field)?;
    let mut plan = Plan::open(context, case)?;
    let label = key.names()[2];
    let lines = match key {
        PlanKey::Target | PlanKey::JobSearchSuspended => Lines::One,
        PlanKey::Situation
        | PlanKey::OverallGoal
        | PlanKey::ContactRhythm
        | PlanKey::Reachability => LONG,
    };
    let question = format!("New {label} (empty: remove)");
    let edit = match input::changed(value, &question, None, lines, |text| plan_field(key, text))? {
        Some(field) => PlanEdit::Set(field),
        None => PlanEdit::Clear(key),
    };
    let done = format!("{label} changed");
    let before = plan_value(&plan.view, key);
    let said = format!("{done}{}", said_before(before.as_deref()));
    plan.edit_saying(edit, key.code(), &done, &said)
}

fn goal(context: &Context, command: GoalCommand) -> Result<Answer, Failure> {
    match command {
        GoalCommand::Add {
            case,
            due,
            priority,
            statement,
        } => add(
            context,
            &case,
            due.as_deref(),
            priority.as_deref(),
            &statement,
        ),
        GoalCommand::Reword {
            case,
            goal,
            statement,
        } => reword(context, &case, &goal, &statement),
        GoalCommand::Set {
            case,
            goal,
            field,
            value,
        } => set_goal(context, &case, &goal, &field, &value),
    }
}

fn add(
    context: &Context,
    case: &str,
    due: Option<&str>,
    priority: Option<&str>,
    statement: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(statement)?;
    let due = parse_option("due", due)?.map(GoalField::Due);
    let priority = parse_option("priority", priority)?.map(GoalField::Priority);
    let mut plan = Plan::open(context, case)?;
    let statement: LongText = input::text(statement, "statement", "The goal in words")?;
    let id = new_id()?;
    let edit = PlanEdit::AddGoal {
        id,
        statement,
        fields: [due, priority].into_iter().flatten().collect(),
    };
    let said = format!("goal {} ({}) added", plan.view.goals.len() + 1, short(&id));
    plan.edit_saying(edit, &id.to_string(), "goal added", &said)
}

fn reword(
    context: &Context,
    case: &str,
    goal: &str,
    statement: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(statement)?;
    let mut plan = Plan::open(context, case)?;
    let goal = plan.goal(goal)?;
    let id = known_id(&goal.id)?;
    let before = goal
        .statement
        .as_ref()
        .map_or_else(String::new, |statement| statement.canonical());
    let question = format!("It reads now:\n{before}\nThe new wording");
    let after: LongText = input::text(statement, "statement", &question)?;
    let said = format!(
        "goal {} ({}) \"{}\" is now \"{}\"",
        plan.number(&id),
        short(&id),
        in_short(&before),
        in_short(&after.canonical()),
    );
    let edit = PlanEdit::RewordGoal {
        id,
        before: Wording::new(before),
        after,
    };
    plan.edit_saying(edit, &id.to_string(), "goal reworded", &said)
}

fn set_goal(
    context: &Context,
    case: &str,
    goal: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let key = goal_key(field)?;
    let mut plan = Plan::open(context, case)?;
    let goal = plan.goal(goal)?;
    let (id, statement) = (known_id(&goal.id)?, cell(&goal.statement));
    let before = goal_value(goal, key);
    let number = plan.number(&id);
    let label = key.names()[2];
    let lines = match key {
        GoalKey::ClientWords | GoalKey::MeasureOfSuccess => LONG,
        GoalKey::Area | GoalKey::Due | GoalKey::Priority | GoalKey::Status => Lines::One,
    };
    let question = format!("New {label} (empty: remove)");
    let edit = match input::changed(value, &question, None, lines, |text| goal_field(key, text))? {
        Some(field) => PlanEdit::SetGoal { id, field },
        None => PlanEdit::ClearGoal { id, field: key },
    };
    let done = format!("{label} of the goal \"{statement}\" changed");
    let said = format!(
        "{label} of goal {number} ({}) \"{}\" changed{}",
        short(&id),
        in_short(&statement),
        said_before(before.as_deref())
    );
    plan.edit_saying(edit, &id.to_string(), &done, &said)
}

fn goal_value(goal: &GoalView, key: GoalKey) -> Option<String> {
    match key {
        GoalKey::ClientWords => shown(&goal.client_words),
        GoalKey::Area => shown(&goal.area),
        GoalKey::MeasureOfSuccess => shown(&goal.measure_of_success),
        GoalKey::Due => shown(&goal.due),
        GoalKey::Priority => shown(&goal.priority),
        GoalKey::Status => shown(&goal.status),
    }
}

fn plan_value(plan: &PlanView, key: PlanKey) -> Option<String> {
    match key {
        PlanKey::Situation => shown(&plan.situation),
        PlanKey::OverallGoal => shown(&plan.overall_goal),
        PlanKey::Target => shown(&plan.target),
        PlanKey::JobSearchSuspended => shown(&plan.job_search_suspended),
        PlanKey::ContactRhythm => shown(&plan.contact_rhythm),
        PlanKey::Reachability => shown(&plan.reachability),
    }
}

/// As much of an identifier as lists show.
fn short(id: &EntryId) -> String {
    short_id(&Stored::Known(*id))
}

/// What stood there before something was changed: who named the wrong one sees it at once.
pub fn said_before(before: Option<&str>) -> String {
    match before {
        Some(before) => format!("; before: \"{}\"", in_short(before)),
        None => String::new(),
    }
}

/// A text in a sentence: the beginning of a long one.
pub fn in_short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let beginning: String = text.chars().take(SHOWN_MAX).collect();
    format!("{beginning}…")
}
