//! The integration plan.

use std::collections::BTreeSet;

use nahtlos_document::{Document, Value};
use serde_json::{Map, Value as Json, json};

use super::draft::{Draft, Leaves};
use crate::author::AuthorOf;
use crate::edit::{
    DEPENDS_ON, GoalField, GoalKey, PlanField, PlanKey, REVIEW, RISK, RiskField, RiskKey,
    SIGNATURE, StepField, StepKey, VERSION,
};
use crate::fields::{EntryId, Field, GoalRatings, LongText, StepStatus, Stored};
use crate::view::{PlanView, ReviewView, StepView};

pub(super) fn plan(document: &Document, authors: &dyn AuthorOf, leaves: &mut Leaves) -> Json {
    let view = PlanView::read(document, authors);
    let mut draft = Draft::new(leaves, &["plan"]);
    for key in PlanKey::ALL {
        draft.current(key.code(), |value| {
            PlanField::from_stored(*key, value).is_some()
        });
    }
    let mut plan = match draft.finish().map(|finished| leaves.keep(finished)) {
        Some(Json::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (versions, signatures) = (signed(leaves, VERSION), signed(leaves, SIGNATURE));
    let goals = goals(&view, leaves);
    let known: BTreeSet<String> = goals
        .iter()
        .filter_map(|goal| goal.get("id")?.as_str().map(str::to_owned))
        .collect();
    let reviews = view.reviews.iter();
    let reviews = reviews
        .filter_map(|entry| review(entry, &known, leaves))
        .collect();
    let lists = [
        ("goals", goals),
        ("risks", risks(leaves)),
        ("reviews", reviews),
        ("versions", versions),
        ("signatures", signatures),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            plan.insert(name.to_owned(), Json::Array(list));
        }
    }
    Json::Object(plan)
}

/// Versions or signatures as they are stored: for readers.
fn signed(leaves: &mut Leaves, prefix: &str) -> Vec<Json> {
    let mut entries = Vec::new();
    for name in leaves.names_below(&["plan"]) {
        if name.starts_with(prefix) {
            entries.push(leaves.take_below(&["plan", &name]));
        }
    }
    entries
}

fn goals(view: &PlanView, leaves: &mut Leaves) -> Vec<Json> {
    let mut goals = Vec::new();
    for goal in &view.goals {
        let id = goal.id.canonical();
        let mut draft = Draft::new(leaves, &["goals", &id]);
        if goal.id.known().is_none() {
            continue;
        }
        draft.say("id", json!(id));
        draft.current("statement", |value| {
            value
                .as_str()
                .is_some_and(|text| LongText::parse(text).is_ok())
        });
        for key in GoalKey::ALL {
            draft.current(key.code(), |value| {
                GoalField::from_stored(*key, value).is_some()
            });
        }
        draft.require("statement");
        if let Some(finished) = draft.finish() {
            goals.push((goal, leaves.keep(finished)));
        }
    }
    let steps_of = |goal: &crate::view::GoalView| {
        let ids = goal.steps.iter().filter(|step| is_whole(step));
        ids.map(|step| step.id.canonical()).collect::<Vec<_>>()
    };
    let known: BTreeSet<String> = goals.iter().flat_map(|(goal, _)| steps_of(goal)).collect();
    let mut made = Vec::new();
    for (goal, mut object) in goals {
        let own = goal.id.canonical();
        let steps = goal.steps.iter().filter(|step| is_whole(step));
        let steps: Vec<Json> = steps
            .filter_map(|entry| step(&own, entry, &known, leaves))
            .collect();
        if !steps.is_empty()
            && let Some(fields) = object.as_object_mut()
        {
            fields.insert("steps".to_owned(), Json::Array(steps));
        }
        made.push(object);
    }
    made
}

/// Whether it has what a step must have, in words of this version.
fn is_whole(step: &StepView) -> bool {
    let title = step.title.as_ref().and_then(Stored::known);
    step.id.known().is_some() && title.is_some()
}

fn step(
    goal: &str,
    step: &StepView,
    known: &BTreeSet<String>,
    leaves: &mut Leaves,
) -> Option<Json> {
    let id = step.id.canonical();
    let base = ["goals", goal, "steps", &id];
    let mut draft = Draft::new(leaves, &base);
    draft.say("id", json!(id));
    let has_reason = draft.value("reason").and_then(Value::as_str).is_some();
    for key in StepKey::ALL {
        draft.current(key.code(), |value| {
            match StepField::from_stored(*key, value) {
                // Approved by the payers' approvals, never by a status.
                Some(StepField::Status(StepStatus::Approved)) => false,
                Some(StepField::Status(status)) => has_reason || !status.needs_reason(),
                field => field.is_some(),
            }
        });
    }
    let mut waits_for = Vec::new();
    // A circle would be refused where the file is read.
    if !step.waits_in_a_circle {
        for other in step.depends_on.iter().filter_map(Stored::known) {
            let (other, name) = (other.canonical(), format!("{DEPENDS_ON}{other}"));
            if known.contains(&other) && draft.value(&name) == Some(&Value::Bool(true)) {
                draft.put("depends_on", json!(null), &name);
                waits_for.push(json!(other));
            }
        }
    }
    if !waits_for.is_empty() {
        draft.say("depends_on", Json::Array(waits_for));
    }
    let finished = draft.finish()?;
    let mut object = leaves.keep(finished);
    let approvals: Vec<Json> = step
        .approvals
        .iter()
        .filter_map(|approval| {
            let id = approval.id.canonical();
            let at = [&base[..], &["approvals", &id]].concat();
            let mut draft = Draft::new(leaves, &at);
            draft.first("payers", approval.payers.as_ref());
            draft.first("at", approval.at.as_ref());
            let institution = Stored::Known(approval.institution.clone());
            draft.first("institution", Some(&institution));
            draft.written(&approval.origin);
            draft.finish().map(|finished| leaves.keep(finished))
        })
        .collect();
    if !approvals.is_empty()
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("approvals".to_owned(), Json::Array(approvals));
    }
    Some(object)
}

fn risks(leaves: &mut Leaves) -> Vec<Json> {
    let mut risks = Vec::new();
    for name in leaves.names_below(&["plan"]) {
        let Some(id) = name.strip_prefix(RISK) else {
            continue;
        };
        if EntryId::parse(id).is_err() {
            continue;
        }
        let mut draft = Draft::new(leaves, &["plan", &name]);
        draft.say("id", json!(id));
        for key in RiskKey::ALL {
            draft.current(key.code(), |value| {
                RiskField::from_stored(*key, value).is_some()
            });
        }
        draft.require("description");
        risks.extend(draft.finish().map(|finished| leaves.keep(finished)));
    }
    risks
}

fn review(entry: &ReviewView, goals: &BTreeSet<String>, leaves: &mut Leaves) -> Option<Json> {
    let id = entry.id.known()?.canonical();
    let name = format!("{REVIEW}{id}");
    let mut draft = Draft::new(leaves, &["plan", &name]);
    draft.say("id", json!(id));
    draft.first("date", entry.date.as_ref());
    draft.first("participants", entry.participants.as_ref());
    let mut rated = entry.ratings.iter().filter_map(Stored::known);
    if rated.all(|ratings| all_known(ratings, goals)) {
        draft.first("ratings", entry.ratings.as_ref());
    }
    draft.first("outcome", entry.outcome.as_ref());
    draft.first("note", entry.note.as_ref());
    draft.written(&entry.origin);
    ["date", "participants", "outcome"]
        .iter()
        .for_each(|name| draft.require(name));
    draft.finish().map(|finished| leaves.keep(finished))
}

fn all_known(ratings: &GoalRatings, goals: &BTreeSet<String>) -> bool {
    let mut rated = ratings.iter();
    rated.all(|(goal, _)| goals.contains(&goal.canonical()))
}
