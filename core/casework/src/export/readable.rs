//! An exported case is read by the program that wrote it. What several people wrote at the same time, or a modified
//! program, need not keep what is asked of a file that somebody types (a last day before the first, a merged text that
//! is too long): such a value stands among `other_values`, with its place in the file, and the rest can be read.

use serde_json::{Value as Json, json};

use crate::import::CaseFile;

/// Each round takes out at least one value; a required one that is missing then takes its entry along.
const ROUNDS_MAX: usize = 64;

/// A step of a place in the file.
enum Step {
    Field(String),
    Entry(usize),
}

/// Moves what would be refused into `other_values`.
pub(super) fn keep_readable(file: &mut Json) {
    for _ in 0..ROUNDS_MAX {
        let Err(errors) = CaseFile::of_json(file) else {
            return;
        };
        let mut moved = Vec::new();
        for error in &errors {
            moved.extend(set_aside(file, &error.path));
        }
        if moved.is_empty() {
            return;
        }
        without_gaps(file);
        let others = file
            .as_object_mut()
            .map(|file| file.entry("other_values").or_insert_with(|| json!([])));
        if let Some(others) = others.and_then(Json::as_array_mut) {
            others.extend(moved);
        }
    }
}

/// Takes the value at a place out, or the entry around it where it is missing there.
fn set_aside(file: &mut Json, path: &str) -> Option<Json> {
    let steps = steps_of(path)?;
    let there = place(file, &steps).is_some_and(|value| !value.is_null());
    let steps = match there {
        true => steps.as_slice(),
        false => steps.get(..steps.len().checked_sub(1)?)?,
    };
    // What the file as a whole must have, and a list that is too long for a file, stay as they are.
    if steps.len() < 2 {
        return None;
    }
    let section = section_of(file, steps);
    let place_in_file = written(steps);
    let (last, around) = steps.split_last()?;
    let around = place(file, around)?;
    let value = match last {
        Step::Field(name) => around.as_object_mut()?.remove(name)?,
        // Its place is kept until the round is over: others are named by theirs.
        Step::Entry(position) => around.get_mut(position).map(Json::take)?,
    };
    if value.is_null() {
        return None;
    }
    Some(json!({ "section": section, "path": [place_in_file], "value": value }))
}

fn place<'a>(file: &'a mut Json, steps: &[Step]) -> Option<&'a mut Json> {
    steps.iter().try_fold(file, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Entry(position) => value.get_mut(position),
    })
}

/// The steps of a place as errors name it, `$.plan.goals[0].due`.
fn steps_of(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.strip_prefix("$.")?.split('.') {
        let mut pieces = part.split('[');
        steps.push(Step::Field(pieces.next()?.to_owned()));
        for position in pieces {
            let position = position.strip_suffix(']')?.parse().ok()?;
            steps.push(Step::Entry(position));
        }
    }
    Some(steps)
}

fn written(steps: &[Step]) -> String {
    steps.iter().fold("$".to_owned(), |path, step| match step {
        Step::Field(name) => format!("{path}.{name}"),
        Step::Entry(position) => format!("{path}[{position}]"),
    })
}

/// The code of the section that a place is of.
fn section_of(file: &mut Json, steps: &[Step]) -> String {
    let named = steps.get(..2).and_then(|steps| place(file, steps));
    let named = named.and_then(|entry| entry.get("section")?.as_str().map(str::to_owned));
    match (named, steps.first()) {
        (Some(section), _) => section,
        (None, Some(Step::Field(name)))
            if !["person", "contact", "bodies"].contains(&name.as_str()) =>
        {
            name.clone()
        }
        _ => "core".to_owned(),
    }
}

/// Takes the places of entries away that were taken out.
fn without_gaps(value: &mut Json) {
    match value {
        Json::Array(entries) => {
            entries.retain(|entry| !entry.is_null());
            entries.iter_mut().for_each(without_gaps);
        }
        Json::Object(fields) => fields.values_mut().for_each(without_gaps),
        _ => {}
    }
}
