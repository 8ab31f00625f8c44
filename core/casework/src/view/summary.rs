//! One line about a case, for lists.

use nahtlos_document::Document;
use serde::{Deserialize, Serialize};

use super::{CoreView, PlanView, StepView, TasksView};
use crate::fields::{Date, GoalStatus, Phase, StepStatus, Stored};

/// What a list shows of a case without opening its documents. Made from the sections that the device
/// can open, stored sealed by the caller.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaseSummary {
    /// Case number.
    pub case_number: Option<String>,
    /// Name to show.
    pub display_name: Option<String>,
    /// Date of birth as stored.
    pub birth: Option<String>,
    /// Code of the phase.
    pub phase: Option<String>,
    /// Institution of the lead.
    pub lead_institution: Option<String>,
    /// Person who leads.
    pub lead_person: Option<String>,
    /// Earliest due or review day of open tasks, steps and goals.
    pub next_due: Option<Date>,
    /// Open tasks.
    pub open_tasks: usize,
    /// Goals that are open or active.
    pub open_goals: usize,
    /// Conflicts a person has to look at.
    pub conflicts: usize,
}

impl std::fmt::Debug for CaseSummary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CaseSummary(hidden)")
    }
}

impl CaseSummary {
    /// Sums up the sections at hand; `conflicts` is their number over all sections.
    pub fn new(
        core: Option<&CoreView>,
        plan: Option<&PlanView>,
        tasks: Option<&TasksView>,
        conflicts: usize,
    ) -> Self {
        let lead = core.and_then(|core| core.lead.as_ref()?.known());
        // Of a case that is over only tasks are still to be done: the follow-up among them.
        let running = plan.filter(|_| !core.is_some_and(is_over));
        let days = running
            .into_iter()
            .flat_map(plan_days)
            .chain(tasks.into_iter().flat_map(task_days));
        Self {
            case_number: core.and_then(|core| core.case_number.as_ref().map(Stored::canonical)),
            display_name: core.and_then(CoreView::display_name),
            birth: core.and_then(|core| core.birth.as_ref().map(Stored::canonical)),
            phase: core.and_then(|core| core.phase.as_ref().map(Stored::canonical)),
            lead_institution: lead.map(|lead| lead.institution.to_string()),
            lead_person: lead.map(|lead| lead.person.to_string()),
            next_due: days.min(),
            open_tasks: tasks.map_or(0, |tasks| tasks.open().count()),
            open_goals: plan.map_or(0, |plan| plan.goals.iter().filter(|g| is_open(g)).count()),
            conflicts,
        }
    }

    /// Whether nobody works on the case any more. One with a phase of a newer version is still worked on.
    pub fn is_over(&self) -> bool {
        let phase = self.phase.as_deref().map(Stored::<Phase>::read);
        phase.is_some_and(|phase| phase.known().is_some_and(|phase| phase.is_over()))
    }

    /// The same from documents.
    pub fn read(
        core: Option<&Document>,
        plan: Option<&Document>,
        tasks: Option<&Document>,
        authors: &dyn crate::AuthorOf,
        conflicts: usize,
    ) -> Self {
        Self::new(
            core.map(CoreView::read).as_ref(),
            plan.map(|plan| PlanView::read(plan, authors)).as_ref(),
            tasks.map(TasksView::read).as_ref(),
            conflicts,
        )
    }
}

fn is_over(core: &CoreView) -> bool {
    let phase = core.phase.as_ref().and_then(Stored::known);
    phase.is_some_and(|phase| phase.is_over())
}

fn is_open(goal: &super::GoalView) -> bool {
    matches!(
        goal.status.as_ref().and_then(Stored::known),
        None | Some(GoalStatus::Open | GoalStatus::Active)
    )
}

impl StepView {
    /// Whether it has not ended. One with an unknown status has not.
    pub fn is_unfinished(&self) -> bool {
        !matches!(
            self.status.as_ref().and_then(Stored::known),
            Some(StepStatus::Done | StepStatus::Aborted | StepStatus::Refused)
        )
    }
}

fn plan_days(plan: &PlanView) -> Vec<Date> {
    let mut days = Vec::new();
    for goal in plan.goals.iter().filter(|goal| is_open(goal)) {
        days.push(&goal.due);
        for step in goal.steps.iter().filter(|step| step.is_unfinished()) {
            days.extend([&step.due, &step.review_at]);
        }
    }
    known(days)
}

fn task_days(tasks: &TasksView) -> Vec<Date> {
    known(tasks.open().map(|task| &task.due).collect())
}

fn known(days: Vec<&Option<Stored<Date>>>) -> Vec<Date> {
    days.into_iter()
        .filter_map(|day| day.as_ref()?.known().copied())
        .collect()
}
