//! Telling what people decided differently: all values, with authors and times.

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::fields::{Date, Field, PayerShares, UtcTime};
use nahtlos_casework::{Alternative, Conflict, ConflictId, ConflictKind, Origin};
use nahtlos_client::Directory;

use super::DemoError;
use super::narrator::Narrator;
use super::story::Targets;
use super::world::{Who, World};

/// Recognises one of the conflicts of the story.
type Check = fn(&Targets, &Conflict) -> bool;

/// Tells them. Gives the one about the deleted task, to go on with.
///
/// # Errors
/// [`DemoError`].
pub fn tell_conflicts(
    world: &mut World,
    targets: &Targets,
    narrator: &mut Narrator<'_>,
) -> Result<Option<ConflictId>, DemoError> {
    narrator.step("What they decided differently, as Iseli's device lists it")?;
    let iseli = &world.home(Who::Iseli)?.nahtlos;
    let directory = iseli.directory()?;
    let conflicts = iseli.conflicts(&iseli.find_case(&targets.number)?)?;
    for conflict in &conflicts {
        for line in describe(conflict, &directory) {
            narrator.say(line)?;
        }
    }
    let checks: [(&str, Check); 4] = [
        (
            "Goal 1 holds both edits, and both wordings are kept.",
            Targets::is_reworded_goal,
        ),
        (
            "Both due dates are kept, with authors and times.",
            Targets::is_due_date,
        ),
        (
            "Both splits of the costs are kept whole.",
            Targets::is_split,
        ),
        (
            "The deleted task says that it was completed meanwhile.",
            Targets::is_deleted_task,
        ),
    ];
    for (sentence, is_it) in checks {
        let found = conflicts.iter().filter(|conflict| is_it(targets, conflict));
        narrator.claim(sentence, found.count() == 1)?;
    }
    let ids = |conflicts: &[Conflict]| -> Vec<ConflictId> {
        conflicts
            .iter()
            .map(|conflict| conflict.id.clone())
            .collect()
    };
    let mut same = conflicts.len() == checks.len();
    for home in world.round_table() {
        let case = home.nahtlos.find_case(&targets.number)?;
        same &= ids(&home.nahtlos.conflicts(&case)?) == ids(&conflicts);
    }
    narrator.claim(
        "All five devices list the same four conflicts, and no other.",
        same,
    )?;
    let deleted = conflicts
        .iter()
        .find(|conflict| targets.is_deleted_task(conflict));
    Ok(deleted.map(|conflict| conflict.id.clone()))
}

fn describe(conflict: &Conflict, directory: &Directory) -> Vec<String> {
    let field = conflict.label.map_or("entry", |[_, _, english]| english);
    let entry = conflict
        .entry
        .as_deref()
        .map(first_sentence)
        .unwrap_or_default();
    let mut lines = Vec::new();
    match &conflict.kind {
        ConflictKind::Values { alternatives } => {
            lines.push(format!("* {field} of \"{entry}\""));
            lines.extend(
                alternatives
                    .iter()
                    .map(|side| describe_side(side, directory)),
            );
        }
        ConflictKind::Wordings {
            merged,
            alternatives,
        } => {
            lines.push(format!(
                "* wording; it reads now \"{}\"",
                first_sentence(merged)
            ));
            lines.extend(
                alternatives
                    .iter()
                    .map(|side| describe_side(side, directory)),
            );
        }
        ConflictKind::DeletedMeanwhile {
            deleted_by,
            edits,
            completed,
        } => {
            let meanwhile = if *completed { "completed" } else { "edited" };
            lines.push(format!(
                "* task \"{entry}\": deleted, {meanwhile} meanwhile"
            ));
            lines.push(told_by(deleted_by, "deleted"));
            let edits = edits.iter().map(|edit| describe_side(edit, directory));
            lines.extend(edits);
        }
        ConflictKind::ClosedMeanwhile { closed_by, edits } => {
            lines.push("* the case: closed, edited meanwhile".to_owned());
            lines.push(told_by(closed_by, "closed"));
            let edits = edits.iter().map(|edit| describe_side(edit, directory));
            lines.extend(edits);
        }
    }
    lines
}

fn describe_side(side: &Alternative, directory: &Directory) -> String {
    let value = match &side.value {
        ScalarValue::Text(text) => readable(text, directory),
        ScalarValue::Bool(truth) => truth.to_string(),
        ScalarValue::Integer(number) => number.to_string(),
    };
    told_by(&side.origin, &value)
}

/// A date as people write it, institutions by their names, and of a long text its beginning.
fn readable(text: &str, directory: &Directory) -> String {
    if let Ok(date) = Date::parse(text) {
        return date.to_string();
    }
    let split = PayerShares::parse(text).map(|split| split.to_string());
    let mut text = split.unwrap_or_else(|_| text.to_owned());
    for (id, card) in &directory.institutions {
        text = text.replace(id, &card.name);
    }
    first_sentence(&text).to_owned()
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}

fn told_by(origin: &Origin, value: &str) -> String {
    let author = origin.author.as_ref();
    let name = author.map_or("unknown".into(), |author| author.display_name.to_string());
    let time = origin.at.and_then(swiss_time).unwrap_or_default();
    format!("    {:<33} {value}", format!("{name}, {time}:"))
}

fn swiss_time(at: UtcTime) -> Option<String> {
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").ok()?;
    let time = jiff::Timestamp::from_second(at.seconds()).ok()?;
    Some(
        time.to_zoned(zone)
            .strftime("%d.%m.%Y %H:%M:%S")
            .to_string(),
    )
}
