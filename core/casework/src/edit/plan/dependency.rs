//! Which step waits for which.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Editor, Path};

use super::{StepRef, step_path};
use crate::edit::ApplyError;
use crate::fields::{EntryId, Field, FieldError};

/// How the name of a dependency begins in its step; the step that is waited for follows.
pub(crate) const DEPENDS_ON: &str = "depends_on:";

pub(super) fn add(editor: &mut Editor<'_>, at: &StepRef, on: &EntryId) -> Result<(), ApplyError> {
    let step = step_path(editor, at)?;
    let waits_for = dependencies(editor);
    let (waiting, wanted) = (at.step.canonical(), on.canonical());
    if !waits_for.contains_key(&wanted) {
        return Err(ApplyError::Missing {
            what: "step that is waited for",
        });
    }
    if leads_to(&waits_for, &wanted, &waiting) {
        return Err(ApplyError::Invalid(FieldError::new(
            "depends_on",
            "circle",
            "the step that is to be waited for waits for this one itself",
            "remove the other dependency first, or leave this one out",
        )));
    }
    Ok(editor.put(step.join(format!("{DEPENDS_ON}{wanted}")), true)?)
}

pub(super) fn remove(
    editor: &mut Editor<'_>,
    at: &StepRef,
    on: &EntryId,
) -> Result<(), ApplyError> {
    let name = format!("{DEPENDS_ON}{}", on.canonical());
    let dependency = step_path(editor, at)?.join(name);
    if !editor.exists(&dependency) {
        return Err(ApplyError::Missing { what: "dependency" });
    }
    Ok(editor.delete(&dependency)?)
}

/// Every step with the steps it waits for.
fn dependencies(editor: &Editor<'_>) -> BTreeMap<String, Vec<String>> {
    let mut waits_for = BTreeMap::new();
    for goal in editor.keys(Path::from_iter(["goals"])) {
        let steps = Path::from_iter(["goals", goal.as_str(), "steps"]);
        for step in editor.keys(&steps) {
            let fields = editor.keys(steps.join(step.as_str()));
            let others = fields
                .iter()
                .filter_map(|name| name.strip_prefix(DEPENDS_ON));
            waits_for.insert(step, others.map(str::to_owned).collect());
        }
    }
    waits_for
}

/// Whether somebody who waits for `from` waits for `to` in the end.
pub(crate) fn leads_to(waits_for: &BTreeMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(step) = waiting.pop() {
        if step == to {
            return true;
        }
        if seen.insert(step) {
            let others = waits_for.get(step).into_iter().flatten();
            waiting.extend(others.map(String::as_str));
        }
    }
    false
}
