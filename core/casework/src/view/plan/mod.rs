//! The section `plan` as it reads now.

mod extras;

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{ConflictingValue, Document, Path, Value};
use serde::Serialize;

use super::{Fields, map_at, root_of, stored, stored_value};
use crate::author::{AuthorOf, Origin};
use crate::edit::{DEPENDS_ON, leads_to};
use crate::fields::{
    Date, EntryId, Field, GoalStatus, InstitutionId, Line, LongText, OverallTarget, PayerShares,
    Priority, ProblemArea, Responsible, StepStatus, Stored, Suspension, UtcTime,
};
use crate::rules::{ImmutableEntry, Rule, Violation, entitled_value, immutable_entries};

pub use extras::{ReviewView, RiskView};

/// The section `plan`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanView {
    /// Where the person stands.
    pub situation: Option<Stored<LongText>>,
    /// Where the plan leads, in words.
    pub overall_goal: Option<Stored<LongText>>,
    /// Where the plan leads, as a code.
    pub target: Option<Stored<OverallTarget>>,
    /// From when to when no proof of looking for work is asked.
    pub job_search_suspended: Option<Stored<Suspension>>,
    /// How often those involved are in touch.
    pub contact_rhythm: Option<Stored<LongText>>,
    /// When and how the client can be reached.
    pub reachability: Option<Stored<LongText>>,
    /// Goals in the order in which they were written: people name them by their number.
    pub goals: Vec<GoalView>,
    /// Risks in the order in which they were written: people name them by their number.
    pub risks: Vec<RiskView>,
    /// Reviews, newest first.
    pub reviews: Vec<ReviewView>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
}

/// One goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Its wording, with everybody's edits.
    pub statement: Option<Stored<LongText>>,
    /// In the client's own words.
    pub client_words: Option<Stored<LongText>>,
    /// Area.
    pub area: Option<Stored<ProblemArea>>,
    /// How one sees that it is reached.
    pub measure_of_success: Option<Stored<LongText>>,
    /// By when.
    pub due: Option<Stored<Date>>,
    /// How urgent.
    pub priority: Option<Stored<Priority>>,
    /// How far.
    pub status: Option<Stored<GoalStatus>>,
    /// Steps in the order in which they were written: people name them by their number.
    pub steps: Vec<StepView>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// What is done.
    pub title: Option<Stored<Line>>,
    /// Reference to a measure of the catalogue.
    pub catalogue: Option<Stored<Line>>,
    /// Who does it.
    pub responsible: Option<Stored<Responsible>>,
    /// Who pays.
    pub payers: Option<Stored<PayerShares>>,
    /// First day.
    pub start: Option<Stored<Date>>,
    /// Last day.
    pub end: Option<Stored<Date>>,
    /// By when.
    pub due: Option<Stored<Date>>,
    /// When it is looked at again.
    pub review_at: Option<Stored<Date>>,
    /// How far. `approved` stands here once every payer has approved the present split and nobody
    /// disputes it.
    pub status: Option<Stored<StepStatus>>,
    /// Why it was aborted or refused.
    pub reason: Option<Stored<LongText>>,
    /// Approvals by institutions that paid when they approved.
    pub approvals: Vec<ApprovalView>,
    /// The steps it waits for, in whichever goal.
    pub depends_on: Vec<Stored<EntryId>>,
    /// True if it waits for itself in the end: two people added a dependency at the same time.
    pub waits_in_a_circle: bool,
}

/// One institution's approval of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// The institution, from the verified author.
    pub institution: InstitutionId,
    /// The split that was approved.
    pub payers: Option<Stored<PayerShares>>,
    /// When.
    pub at: Option<Stored<UtcTime>>,
    /// True if this is the step's split now.
    pub covers_present_payers: bool,
    /// Who approved.
    pub origin: Origin,
}

impl PlanView {
    /// Reads a document of the section `plan`.
    pub fn read(document: &Document, authors: &dyn AuthorOf) -> Self {
        let root = root_of(document);
        let plan = map_at(&root, "plan");
        let mut reading = Reading {
            document,
            authors,
            violations: Vec::new(),
        };
        let mut goals: Vec<GoalView> = map_at(&root, "goals")
            .into_iter()
            .flatten()
            .filter_map(|(id, value)| Some(reading.goal(id, value.as_map()?)))
            .collect();
        let reader = document.read();
        goals.sort_by_cached_key(|goal| {
            let id = goal.id.canonical();
            (reader.writing_place(["goals", id.as_str()]), id)
        });
        mark_circles(&mut goals);
        let (reviews, violations) = extras::reviews(document, authors);
        reading.violations.extend(violations);
        Self {
            situation: stored(plan, "situation"),
            overall_goal: stored(plan, "overall_goal"),
            target: stored(plan, "target"),
            job_search_suspended: stored(plan, "job_search_suspended"),
            contact_rhythm: stored(plan, "contact_rhythm"),
            reachability: stored(plan, "reachability"),
            goals,
            risks: extras::risks(document, plan),
            reviews,
            violations: reading.violations,
        }
    }

    /// The step with this identifier, and the goal it lies in.
    pub fn step(&self, id: &EntryId) -> Option<(&GoalView, &StepView)> {
        self.goals.iter().find_map(|goal| {
            let step = goal.steps.iter().find(|step| step.id.known() == Some(id))?;
            Some((goal, step))
        })
    }
}

struct Reading<'a> {
    document: &'a Document,
    authors: &'a dyn AuthorOf,
    violations: Vec<Violation>,
}

impl Reading<'_> {
    fn goal(&mut self, id: &str, fields: &Fields) -> GoalView {
        let mut steps: Vec<StepView> = map_at(fields, "steps")
            .into_iter()
            .flatten()
            .filter_map(|(step, value)| {
                let path = Path::from_iter(["goals", id, "steps", step]);
                Some(self.step(&path, step, value.as_map()?))
            })
            .collect();
        let reader = self.document.read();
        steps.sort_by_cached_key(|step| {
            let step = step.id.canonical();
            let path = ["goals", id, "steps", step.as_str()];
            (reader.writing_place(path), step)
        });
        let fields = Some(fields);
        GoalView {
            id: Stored::read(id),
            statement: stored(fields, "statement"),
            client_words: stored(fields, "client_words"),
            area: stored(fields, "area"),
            measure_of_success: stored(fields, "measure_of_success"),
            due: stored(fields, "due"),
            priority: stored(fields, "priority"),
            status: stored(fields, "status"),
            steps,
        }
    }

    fn step(&mut self, path: &Path, id: &str, fields: &Fields) -> StepView {
        let fields = Some(fields);
        let payers: Option<Stored<PayerShares>> = stored(fields, "payers");
        let approvals = self.approvals(path, payers.as_ref());
        let status = self.status(path, payers.as_ref(), &approvals);
        StepView {
            id: Stored::read(id),
            title: stored(fields, "title"),
            catalogue: stored(fields, "catalogue"),
            responsible: stored(fields, "responsible"),
            payers,
            start: stored(fields, "start"),
            end: stored(fields, "end"),
            due: stored(fields, "due"),
            review_at: stored(fields, "review_at"),
            status,
            reason: stored(fields, "reason"),
            approvals,
            depends_on: dependencies(fields),
            waits_in_a_circle: false,
        }
    }

    /// The approvals that count: written by an institution that paid when it approved.
    fn approvals(
        &mut self,
        step: &Path,
        present: Option<&Stored<PayerShares>>,
    ) -> Vec<ApprovalView> {
        let container = step.join("approvals");
        let (entries, violations) = immutable_entries(self.document, &container, self.authors);
        self.violations.extend(violations);
        let mut approvals = Vec::new();
        for entry in entries {
            let origin = Origin::of(self.authors, &entry.created);
            match self.entitled_institution(step, &entry, &origin) {
                Some(institution) => {
                    let payers: Option<Stored<PayerShares>> = stored(Some(&entry.fields), "payers");
                    approvals.push(ApprovalView {
                        id: Stored::read(&entry.id),
                        institution,
                        covers_present_payers: payers.is_some() && payers.as_ref() == present,
                        payers,
                        at: stored(Some(&entry.fields), "at"),
                        origin,
                    });
                }
                None => self.violations.push(Violation::new(
                    Rule::OnlyPayersApprove,
                    &entry.path,
                    origin,
                )),
            }
        }
        approvals
    }

    fn entitled_institution(
        &self,
        step: &Path,
        entry: &ImmutableEntry,
        origin: &Origin,
    ) -> Option<InstitutionId> {
        let institution = origin.acted_for.as_ref()?;
        let claimed = entry.fields.get("institution")?.as_str()?;
        let then = self.document.read_at(&[entry.created.change]).ok()?;
        let shares = then.text(step.join("payers"))?;
        let approved = entry.fields.get("payers")?.as_str()?;
        let pays = PayerShares::parse(&shares).ok()?.pays(institution);
        (pays && claimed == institution.as_str() && approved == shares).then(|| institution.clone())
    }

    fn status(
        &mut self,
        step: &Path,
        payers: Option<&Stored<PayerShares>>,
        approvals: &[ApprovalView],
    ) -> Option<Stored<StepStatus>> {
        let path = step.join("status");
        let (kept, refused) = entitled_value(self.document, &path, &is_settable_status);
        for value in &refused {
            self.violations.push(Violation::new(
                Rule::ApprovalIsNoStatus,
                &path,
                Origin::of(self.authors, value),
            ));
        }
        let status: Stored<StepStatus> = stored_value(&kept?.value);
        let waits = matches!(
            status.known(),
            Some(StepStatus::Planned | StepStatus::Requested)
        );
        if waits && self.is_approved_by_all(step, payers, approvals) {
            return Some(Stored::Known(StepStatus::Approved));
        }
        Some(status)
    }

    fn is_approved_by_all(
        &self,
        step: &Path,
        payers: Option<&Stored<PayerShares>>,
        approvals: &[ApprovalView],
    ) -> bool {
        let Some(payers) = payers.and_then(Stored::known) else {
            return false;
        };
        let splits: BTreeSet<String> = self
            .document
            .read()
            .get_all(step.join("payers"))
            .iter()
            .filter_map(|value| value.value.as_str().map(str::to_owned))
            .collect();
        splits.len() == 1
            && payers.iter().all(|(payer, _)| {
                approvals.iter().any(|approval| {
                    approval.covers_present_payers && approval.institution == *payer
                })
            })
    }
}

/// The steps that a step waits for.
fn dependencies(step: Option<&Fields>) -> Vec<Stored<EntryId>> {
    let names = step.into_iter().flat_map(BTreeMap::keys);
    let others = names.filter_map(|name| name.strip_prefix(DEPENDS_ON));
    others.map(Stored::read).collect()
}

fn mark_circles(goals: &mut [GoalView]) {
    let steps = || goals.iter().flat_map(|goal| &goal.steps);
    if steps().all(|step| step.depends_on.is_empty()) {
        return;
    }
    let waits_for: BTreeMap<String, Vec<String>> = steps()
        .map(|step| {
            let others = step.depends_on.iter().map(Stored::canonical);
            (step.id.canonical(), others.collect())
        })
        .collect();
    for step in goals.iter_mut().flat_map(|goal| &mut goal.steps) {
        let id = step.id.canonical();
        let mut others = step.depends_on.iter().map(Stored::canonical);
        step.waits_in_a_circle = others.any(|other| leads_to(&waits_for, &other, &id));
    }
}

pub(crate) fn is_settable_status(value: &ConflictingValue) -> bool {
    value.value != Value::String(StepStatus::Approved.canonical())
}
