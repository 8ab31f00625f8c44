//! `nahtlos conflict`.

use std::collections::BTreeMap;

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::{
    Alternative, Choice, Conflict, ConflictKind, ResolveError, SectionKind, resolve,
};
use nahtlos_client::handover::{RaisedInVain, is_about_lead};
use nahtlos_client::{Case, ClientError, Nahtlos};
use serde_json::json;

use super::conflict_inbox::by_meeting;
use super::names::Names;
use super::pages::{when, who};
use super::{NOT_DELIVERED_YET, case_title, entries};
use crate::arguments::ConflictCommand;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<ConflictCommand>) -> Result<Answer, Failure> {
    match command {
        None => list(context, None),
        Some(ConflictCommand::List { case }) => list(context, case.as_deref()),
        Some(ConflictCommand::Show { case, conflict }) => show(context, &case, &conflict),
        Some(ConflictCommand::Resolve {
            case,
            conflict,
            take,
            as_it_is,
            restore: _,
        }) => {
            let choice = match take {
                Some(number) => Choice::Alternative(number.wrapping_sub(1)),
                None if as_it_is => Choice::AsItIs,
                None => Choice::Restore,
            };
            settle(context, &case, &conflict, choice)
        }
    }
}

fn list(context: &Context, case: Option<&str>) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let cases = match case {
        Some(case) => vec![nahtlos.find_case(case)?],
        None => nahtlos
            .cases()?
            .iter()
            .filter(|line| line.summary.conflicts > 0)
            .map(|line| nahtlos.find_case(&line.id))
            .collect::<Result<_, _>>()?,
    };
    let (mut page, mut data, mut meetings) = (Page::default(), Vec::new(), Vec::new());
    for case in &cases {
        let title = case_title(&nahtlos, case)?;
        let id = case.id.to_string();
        for meeting in by_meeting(nahtlos.conflicts(case)?) {
            let rows = meeting
                .conflicts
                .iter()
                .map(|conflict| vec![short(conflict), subject(conflict), in_short(conflict)]);
            page = page.title(format!("{title} · {}", meeting.title())).table(
                &["conflict", "about", "what"],
                rows.collect(),
                "",
            );
            meetings.push(meeting.data(&id));
            data.extend(
                meeting
                    .conflicts
                    .iter()
                    .map(|conflict| json!({ "case": id, "conflict": json::value(conflict) })),
            );
        }
    }
    if data.is_empty() {
        page = page.line("No conflict: nobody decided anything differently at the same time.");
    }
    let answer = Answer::new(json!({ "conflicts": data, "meetings": meetings }), page);
    Ok(if cases.is_empty() {
        answer
    } else {
        answer.note("`nahtlos conflict show CASE CONFLICT` shows both sides.")
    })
}

fn show(context: &Context, case: &str, id: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let conflict = find(&nahtlos, &case, id)?;
    let names = Names::of_case(&nahtlos, &case);
    let title = format!("{} · {}", case_title(&nahtlos, &case)?, subject(&conflict));
    let page = Page::default().title(title);
    let (page, ways) = match &conflict.kind {
        ConflictKind::Values { alternatives } => (
            page.line("Several people set this field at the same time; number 1 is shown for now.")
                .line(if is_about_lead(&conflict) {
                    "Until it is settled, who led the case before keeps its duties, and nobody loses access. What a hand-over \
                     let the team of who is to lead do (`manage`) stands until then, and ends for who is not chosen."
                } else {
                    "All of them stay until somebody settles it."
                })
                .table(
                    &["no", "value", "by", "when"],
                    rows(alternatives, &names),
                    "",
                ),
            &["--take NUMBER"][..],
        ),
        ConflictKind::Wordings {
            merged,
            alternatives,
        } => (
            page.line(
                "The same sentence was reworded by several people. Until it is settled nobody's wording holds; put \
                 together letter by letter it reads:",
            )
            .line(merged.clone())
            .table(
                &["no", "wording", "by", "when"],
                rows(alternatives, &names),
                "",
            ),
            &["--as-it-is", "--take NUMBER"][..],
        ),
        ConflictKind::DeletedMeanwhile {
            deleted_by,
            edits,
            completed,
        } => (
            page.line(format!(
                "{} deleted this {} on {}; meanwhile it was {}.",
                who(deleted_by),
                what_was_deleted(&conflict),
                when(deleted_by),
                if *completed { "completed" } else { "worked on" }
            ))
            .table(&["no", "value", "by", "when"], rows(edits, &names), ""),
            &["--restore", "--as-it-is"][..],
        ),
        ConflictKind::ClosedMeanwhile { closed_by, edits } => (
            page.line(format!(
                "{} closed the {} on {}; meanwhile this was done in `{}`. All of it is kept.",
                who(closed_by),
                what_was_closed(&conflict),
                when(closed_by),
                conflict.section
            ))
            .line(if conflict.is_of_closed_meeting() {
                "Whoever closed it did not see this: look at the minutes together."
            } else {
                "If it calls for more work: `nahtlos case reopen CASE --reason CODE`."
            })
            .table(&["no", "value", "by", "when"], rows(edits, &names), ""),
            &["--as-it-is"][..],
        ),
    };
    let id = short(&conflict);
    let ways: Vec<String> = ways
        .iter()
        .map(|way| format!("`nahtlos conflict resolve CASE {id} {way}`"))
        .collect();
    let note = format!("Settle it with {}.", ways.join(" or "));
    Ok(Answer::new(json!({ "conflict": json::value(&conflict) }), page).note(note))
}

fn settle(context: &Context, case: &str, id: &str, choice: Choice) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let conflict = find(&nahtlos, &case, id)?;
    let edit = resolve(&conflict, choice).map_err(|error| refused(&error, &conflict))?;
    let raised = nahtlos.settle(&case, &conflict, choice, edit)?;
    let title = case_title(&nahtlos, &case)?;
    let result = result(&conflict, choice, &Names::of_case(&nahtlos, &case));
    let answer = Answer::sentence(
        json!({
            "case": case.id.to_string(),
            "conflict": conflict.id.to_string(),
            "done": "resolved",
            "result": result,
            "raised_in_vain": json::value(&raised),
        }),
        format!("{title}: settled: {} {result}.", subject(&conflict)),
    );
    let answer = told_of_raised(&raised)
        .into_iter()
        .fold(answer, Answer::note);
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// What becomes of `manage` that a hand-over gave which was not chosen, one sentence for each team and end.
fn told_of_raised(raised: &[RaisedInVain]) -> Vec<String> {
    let mut together: BTreeMap<(&str, &str, bool), Vec<&str>> = BTreeMap::new();
    for one in raised {
        let key = (one.member.as_str(), one.role, one.ends);
        together.entry(key).or_default().push(&one.section);
    }
    let sentence = |((member, role, ends), sections): ((&str, &str, bool), Vec<&str>)| {
        let sections = sections.join(", ");
        if ends {
            format!(
                "The hand-over that was not chosen had let {member} manage {sections}: they may {role} there again, as \
                 before, with the next `nahtlos sync`."
            )
        } else {
            format!(
                "The hand-over that was not chosen let {member} manage {sections}, which you do not manage: ask who does to \
                 take it back with `nahtlos share role CASE SECTION {role} --for \"{member}\"`."
            )
        }
    };
    together.into_iter().map(sentence).collect()
}

/// What holds now.
fn result(conflict: &Conflict, choice: Choice, names: &Names) -> String {
    match (&conflict.kind, choice) {
        (ConflictKind::Values { alternatives }, Choice::Alternative(position)) => {
            alternatives.get(position).map_or_else(
                || "is settled".into(),
                |taken| format!("is now {}", value(&taken.value, names)),
            )
        }
        // Whole texts: too long for a sentence.
        (ConflictKind::Wordings { .. }, Choice::Alternative(position)) => {
            format!("now has wording {} alone", position.saturating_add(1))
        }
        (ConflictKind::Wordings { .. }, _) => "stays as it is".into(),
        (ConflictKind::DeletedMeanwhile { .. }, Choice::Restore) => "is back".into(),
        (ConflictKind::DeletedMeanwhile { .. }, _) => "stays deleted".into(),
        (ConflictKind::ClosedMeanwhile { .. }, _) => "stays as it is".into(),
        (ConflictKind::Values { .. }, _) => "is settled".into(),
    }
}

fn value(value: &ScalarValue, names: &Names) -> String {
    match value {
        ScalarValue::Bool(true) => "yes".to_owned(),
        ScalarValue::Bool(false) => "no".to_owned(),
        ScalarValue::Integer(number) => number.to_string(),
        ScalarValue::Text(text) => names.in_text(text),
    }
}

fn find(nahtlos: &Nahtlos, case: &Case, id: &str) -> Result<Conflict, Failure> {
    let found: Vec<(String, String, Conflict)> = nahtlos
        .conflicts(case)?
        .into_iter()
        .enumerate()
        .map(|(position, conflict)| {
            let id = conflict.id.to_string();
            ((position + 1).to_string(), id, conflict)
        })
        .collect();
    match entries::find("conflict", id, &found) {
        Ok(conflict) => Ok(conflict.clone()),
        Err(ClientError::NotFound { .. }) => Err(Failure::new(
            Exit::Conflict,
            "not_found",
            format!("No conflict of this case matches \"{id}\"."),
            "Somebody has settled it, or another edit has made another conflict of it.",
            "Look at them again: `nahtlos conflict list CASE`.",
        )),
        Err(error) => Err(error.into()),
    }
}

fn refused(error: &ResolveError, conflict: &Conflict) -> Failure {
    match error {
        ResolveError::Field(error) => Failure::field(error),
        ResolveError::NoSuchAlternative { available, .. } => Failure::new(
            Exit::Usage,
            "no_such_alternative",
            "The conflict has no value with this number; nothing was changed.",
            format!("It has {available}."),
            format!(
                "See them: `nahtlos conflict show CASE {}`.",
                short(conflict)
            ),
        ),
        ResolveError::ChoiceDoesNotFit => Failure::new(
            Exit::Usage,
            "choice_does_not_fit",
            "This kind of conflict is not settled in this way; nothing was changed.",
            "Values are taken, texts and what was done in a closed case may stay as they are, deleted tasks come \
             back or stay deleted.",
            format!("See how: `nahtlos conflict show CASE {}`.", short(conflict)),
        ),
    }
}

/// What stands in place of a text that several reworded at once: each whole wording, and how it is settled. The
/// merged text has everybody's letters and may be no sentence at all.
pub fn wordings_at(conflicts: &[Conflict], path: &[&str]) -> Option<String> {
    let mut conflicts = conflicts.iter();
    let (conflict, alternatives) = conflicts.find_map(|conflict| match &conflict.kind {
        ConflictKind::Wordings { alternatives, .. }
            if conflict
                .path
                .iter()
                .map(String::as_str)
                .eq(path.iter().copied()) =>
        {
            Some((conflict, alternatives))
        }
        _ => None,
    })?;
    let mut lines = vec![format!("{} wordings, not settled", alternatives.len())];
    for (number, side) in (1..).zip(alternatives) {
        let text = side.value.as_text().unwrap_or_default();
        lines.push(format!("{number}. \"{text}\" ({})", who(&side.origin)));
    }
    lines.push(format!("`nahtlos conflict show CASE {}`", short(conflict)));
    Some(lines.join("\n"))
}

/// Values that were decided differently at once, said before a page that can show one of each only.
pub fn undecided(page: Page, conflicts: &[Conflict], names: &Names) -> Page {
    let is_of_values = |one: &&Conflict| matches!(one.kind, ConflictKind::Values { .. });
    let of_values: Vec<Conflict> = conflicts.iter().filter(is_of_values).cloned().collect();
    if of_values.is_empty() {
        return page;
    }
    let page = page.line(
        "Not settled: of these several values were decided at the same time, and below stands only one of them. \
         `nahtlos conflict CASE` lists them.",
    );
    table_of(page, &of_values, names)
}

/// Conflicts that something would make, before it is done: each side of each.
pub fn table_of(page: Page, conflicts: &[Conflict], names: &Names) -> Page {
    let each = conflicts.iter().flat_map(|conflict| {
        let sides = match &conflict.kind {
            ConflictKind::Values { alternatives } | ConflictKind::Wordings { alternatives, .. } => {
                rows(alternatives, names)
            }
            ConflictKind::DeletedMeanwhile { edits, .. }
            | ConflictKind::ClosedMeanwhile { edits, .. } => rows(edits, names),
        };
        sides.into_iter().map(|mut side| {
            if let Some(number) = side.first_mut() {
                *number = subject(conflict);
            }
            side
        })
    });
    page.table(
        &["conflict about", "value", "by", "when"],
        each.collect(),
        "",
    )
}

fn rows(alternatives: &[Alternative], names: &Names) -> Vec<Vec<String>> {
    alternatives
        .iter()
        .enumerate()
        .map(|(position, side)| {
            let value = value(&side.value, names);
            let value = match &side.field {
                Some(field) => format!("{field}: {value}"),
                None => value,
            };
            vec![
                (position + 1).to_string(),
                value,
                who(&side.origin),
                when(&side.origin),
            ]
        })
        .collect()
}

/// What it is about: field and entry.
fn subject(conflict: &Conflict) -> String {
    if let (ConflictKind::DeletedMeanwhile { .. }, Some(entry)) = (&conflict.kind, &conflict.entry)
    {
        return format!("{} \"{entry}\"", what_was_deleted(conflict));
    }
    if let ConflictKind::ClosedMeanwhile { .. } = &conflict.kind {
        let what = what_was_closed(conflict);
        return format!("closed {what}, section `{}`", conflict.section);
    }
    let label = match (&conflict.label, conflict.path.last()) {
        (Some(names), _) => names[2].to_owned(),
        (None, Some(step)) => step.clone(),
        (None, None) => conflict.section.code(),
    };
    match &conflict.entry {
        Some(entry) => format!("{label} of \"{entry}\""),
        None => label,
    }
}

fn what_was_closed(conflict: &Conflict) -> &'static str {
    match conflict.is_of_closed_meeting() {
        true => "round table",
        false => "case",
    }
}

fn what_was_deleted(conflict: &Conflict) -> &'static str {
    match conflict.section {
        SectionKind::Tasks => "task",
        _ => "entry",
    }
}

fn in_short(conflict: &Conflict) -> String {
    match &conflict.kind {
        ConflictKind::Values { alternatives } => format!("{} different values", alternatives.len()),
        ConflictKind::Wordings { .. } => "both reworded the same sentence".into(),
        ConflictKind::DeletedMeanwhile {
            completed: true, ..
        } => "deleted, completed meanwhile".into(),
        ConflictKind::DeletedMeanwhile { .. } => "deleted, changed meanwhile".into(),
        ConflictKind::ClosedMeanwhile { .. } => "closed, edited meanwhile".into(),
    }
}

fn short(conflict: &Conflict) -> String {
    conflict.id.as_str().chars().take(6).collect()
}
