//! What differs between two states of a plan, in the words people use for its fields.

use std::collections::BTreeSet;

use serde::Serialize;

use super::content::PlanContent;
use crate::edit::{DEPENDS_ON, RISK};
use crate::labels::{Names, names_of};
use crate::section::SectionKind;

/// One field that differs.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct PlanDifference {
    /// The field, step by step from the root.
    pub path: Vec<String>,
    /// German, French and English name of the field; nothing for one of a newer version.
    pub label: Option<Names>,
    /// The goal it lies in, in words.
    pub goal: Option<String>,
    /// The step or risk it lies in, in words; for a dependency, what is waited for stands in the values.
    pub entry: Option<String>,
    /// What it said; nothing where it did not exist.
    pub before: Option<String>,
    /// What it says; nothing where it exists no more.
    pub after: Option<String>,
}

crate::fields::hidden_debug!(PlanDifference);

/// The fields that differ, ordered by path.
pub fn difference(before: &PlanContent, after: &PlanContent) -> Vec<PlanDifference> {
    let paths: BTreeSet<&[String]> = before
        .iter()
        .chain(after.iter())
        .map(|(path, _)| path)
        .collect();
    let differs = paths
        .into_iter()
        .filter(|path| before.value(path) != after.value(path));
    differs.map(|path| describe(path, before, after)).collect()
}

fn describe(path: &[String], before: &PlanContent, after: &PlanContent) -> PlanDifference {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let words = |place: &[&str]| after.text(place).or_else(|| before.text(place));
    let (goal, entry) = match steps.as_slice() {
        ["goals", goal, "steps", step, ..] => (
            words(&["goals", goal, "statement"]),
            words(&["goals", goal, "steps", step, "title"]),
        ),
        ["goals", goal, ..] => (words(&["goals", goal, "statement"]), None),
        ["plan", risk, ..] if risk.starts_with(RISK) => {
            (None, words(&["plan", risk, "description"]))
        }
        _ => (None, None),
    };
    let waits_for = steps.last().and_then(|name| name.strip_prefix(DEPENDS_ON));
    let shown = |content: &PlanContent| {
        let value = content.value(path)?;
        Some(match waits_for {
            Some(step) => title_of(content, step).unwrap_or_else(|| step.to_owned()),
            None => in_words(value),
        })
    };
    PlanDifference {
        label: names_of(&SectionKind::Plan, &steps),
        goal,
        entry,
        before: shown(before),
        after: shown(after),
        path: path.to_vec(),
    }
}

/// A text without quotes; anything else as JSON.
fn in_words(value: &str) -> String {
    serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned())
}

/// The title of a step, in whichever goal it lies.
fn title_of(content: &PlanContent, step: &str) -> Option<String> {
    let title = content.iter().find(|(path, _)| {
        matches!(path, [goals, _, _, id, field] if goals == "goals" && id == step && field == "title")
    });
    title.map(|(_, value)| in_words(value))
}
