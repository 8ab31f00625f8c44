//! What a plan says, field by field: what is agreed to, without how far it is.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Reader, Value, is_field_name};

use crate::edit::{REVIEW, SIGNATURE, VERSION};
use crate::fields::{Field, GoalStatus, Party, Responsible, StepStatus};

/// Every field that belongs to what is agreed to, with its value as JSON, by its path.
///
/// A field of a newer version is part of it like any other. Left out is what happens to a plan while it
/// is carried out: approvals, reviews, versions, signatures, and how far a goal or step is. That a goal
/// was dropped, or a step aborted or refused, is part of it: then what was agreed to holds no more. Left out, too,
/// is what stands under a name that no program gives a field (PROTOCOL §31); readers are told of it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PlanContent(BTreeMap<Vec<String>, String>);

crate::fields::hidden_debug!(PlanContent);

impl PlanContent {
    /// What the plan's document says in one state.
    pub fn of(state: &Reader<'_>) -> Self {
        let mut fields = BTreeMap::new();
        collect(&mut Vec::new(), &state.root(), &mut fields);
        Self(fields)
    }

    /// Paths with their values as JSON, ascending by the paths' steps.
    pub fn iter(&self) -> impl Iterator<Item = (&[String], &str)> {
        let fields = self.0.iter();
        fields.map(|(path, value)| (path.as_slice(), value.as_str()))
    }

    /// True if nothing is agreed to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the plan's document has a name that no program gives a field, in one state.
    pub(super) fn unfit_names(state: &Reader<'_>) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        collect_unfit(&mut Vec::new(), &state.root(), &mut found);
        found
    }

    pub(super) fn from_fields(fields: BTreeMap<Vec<String>, String>) -> Self {
        Self(fields)
    }

    pub(super) fn value(&self, path: &[String]) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The names below a path, ascending: identifiers of goals, of a goal's steps, names of fields.
    pub fn names(&self, path: &[&str]) -> BTreeSet<&str> {
        let below = self.0.keys().filter_map(|field| {
            let begins = field.len() > path.len() && field.iter().zip(path).all(|(a, b)| a == b);
            begins.then(|| field.get(path.len()).map(String::as_str))?
        });
        below.collect()
    }

    /// A text that stands in a field.
    pub fn text(&self, path: &[&str]) -> Option<String> {
        let path: Vec<String> = path.iter().map(|&step| step.to_owned()).collect();
        serde_json::from_str(self.value(&path)?).ok()
    }

    /// Who is named responsible in a step that has not ended, of a goal that was not dropped.
    pub(super) fn responsible(&self) -> BTreeSet<Party> {
        let named = self.0.iter().filter_map(|(path, value)| {
            let steps: Vec<&str> = path.iter().map(String::as_str).collect();
            let ["goals", goal, "steps", step, "responsible"] = steps.as_slice() else {
                return None;
            };
            let goal_ended = self.text(&["goals", goal, "status"]).is_some();
            let step_ended = self
                .text(&["goals", goal, "steps", step, "status"])
                .is_some();
            let text: String = serde_json::from_str(value).ok()?;
            let responsible = Responsible::parse(&text).ok()?;
            let institution = responsible.institution()?;
            (!goal_ended && !step_ended).then(|| Party::Institution(institution.clone()))
        });
        named.collect()
    }
}

fn collect(path: &mut Vec<String>, value: &Value, fields: &mut BTreeMap<Vec<String>, String>) {
    let Value::Map(entries) = value else {
        if is_agreed_to(path, value) {
            fields.insert(path.clone(), value.to_json().to_string());
        }
        return;
    };
    for (name, entry) in entries {
        // No path of the text could hold it: it would end the proposing of versions for everybody.
        if !is_field_name(name) {
            continue;
        }
        path.push(name.clone());
        if !is_left_out(path) {
            collect(path, entry, fields);
        }
        path.pop();
    }
}

fn collect_unfit(path: &mut Vec<String>, value: &Value, found: &mut Vec<Vec<String>>) {
    let Value::Map(entries) = value else {
        return;
    };
    for (name, entry) in entries {
        path.push(name.clone());
        if is_left_out(path) {
            // It may say what it likes there.
        } else if is_field_name(name) {
            collect_unfit(path, entry, found);
        } else {
            found.push(path.clone());
        }
        path.pop();
    }
}

/// Whole branches that do not belong to what is agreed to.
fn is_left_out(path: &[String]) -> bool {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    match steps.as_slice() {
        ["acknowledged"] | ["goals", _, "steps", _, "approvals"] => true,
        ["plan", name] => [VERSION, SIGNATURE, REVIEW]
            .iter()
            .any(|prefix| name.starts_with(prefix)),
        _ => false,
    }
}

/// How far a goal or step is, is not agreed to; that it ended is.
fn is_agreed_to(path: &[String], value: &Value) -> bool {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let text = value.as_str().unwrap_or_default();
    match steps.as_slice() {
        ["goals", _, "status"] => {
            !matches!(GoalStatus::parse(text), Ok(status) if status != GoalStatus::Dropped)
        }
        ["goals", _, "steps", _, "status"] => {
            !matches!(StepStatus::parse(text), Ok(status) if !status.needs_reason())
        }
        _ => true,
    }
}
