//! `nahtlos team`.

use nahtlos_casework::fields::Name;
use serde_json::json;

use super::ending;
use super::institution::NAMES_WITH_NEXT_SYNC;
use super::member::{institution_of, left, own_team};
use super::sync::count;
use super::values::parse;
use crate::arguments::{Answered, TeamCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<TeamCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(TeamCommand::List) => list(context),
        Some(TeamCommand::Create { name }) => {
            let name: Name = parse("team", &name)?;
            let mut nahtlos = context.open()?;
            let team = nahtlos.found_team(name.as_str())?;
            let data = json!({ "team": name.as_str(), "id": team.to_string() });
            let said = format!("Founded the team \"{name}\"; you manage it.");
            Ok(Answer::sentence(data, said)
                .note("`nahtlos sync` makes it known; `nahtlos member invite` fills it."))
        }
        Some(TeamCommand::Rename { team, name }) => rename(context, &team, &name),
        Some(TeamCommand::Merge {
            team,
            into,
            answered,
        }) => merge(context, &team, &into, answered),
    }
}

fn rename(context: &Context, team: &str, name: &str) -> Result<Answer, Failure> {
    let name: Name = parse("team", name)?;
    let mut nahtlos = context.open()?;
    let team = own_team(&nahtlos, team)?;
    let before = nahtlos.rename_team(&team, name.as_str())?;
    let data = json!({ "team": name.as_str(), "before": before, "id": team.to_string() });
    let said = format!("{before} is called {name} from now on.");
    Ok(Answer::sentence(data, said).note(NAMES_WITH_NEXT_SYNC))
}

fn merge(context: &Context, from: &str, into: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let (from, into) = (own_team(&nahtlos, from)?, own_team(&nahtlos, into)?);
    let merge = nahtlos.preview_merge(&from, &into)?;
    let names = |people: &[String]| Some(people.join(", ")).filter(|names| !names.is_empty());
    let page = Page::default()
        .title(format!("{} becomes one with {}", merge.from, merge.into))
        .fields([
            ("come in, and read its cases", names(&merge.joining)),
            (
                "take over",
                names(&merge.taking_over).map(|people| {
                    format!(
                        "{people} read what {} may open: {}",
                        merge.from,
                        count(merge.sections, "section", "sections")
                    )
                }),
            ),
        ])
        .line(
            "The whole history goes along. What was shared with the first team stays shared with it, also by \
             other institutions; new cases are opened in the second.",
        );
    let data = |done: &str| json!({ "done": done, "merge": json::value(&merge) });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Merge them?", data)? {
        return Ok(answer);
    }
    nahtlos.merge_teams(&from, &into)?;
    let said = format!("Merged: {} into {}.", merge.from, merge.into);
    Ok(Answer::sentence(data("merged"), said).note(ending::WITH_NEXT_SYNC))
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let own = nahtlos.identity().team.map(|id| id.to_string());
    let left = left(&nahtlos, &directory)?;
    let rows = directory
        .teams
        .iter()
        .map(|(id, card)| {
            let people = directory
                .people
                .iter()
                .filter(|(person, card)| {
                    card.team.as_deref() == Some(id) && !left.contains_key(*person)
                })
                .count();
            vec![
                card.name.clone(),
                institution_of(&directory, &card.institution),
                people.to_string(),
                match (&card.merged_into, own.as_deref() == Some(id)) {
                    (Some(into), _) => format!(
                        "merged into {}",
                        directory
                            .teams
                            .get(into)
                            .map_or("another", |card| &card.name)
                    ),
                    (None, true) => "yours".into(),
                    (None, false) => String::new(),
                },
            ]
        })
        .collect();
    let page = Page::default().table(
        &["team", "institution", "people", ""],
        rows,
        "No team has published its card yet: run `nahtlos sync`.",
    );
    Ok(Answer::new(
        json!({ "teams": json::value(&directory.teams) }),
        page,
    ))
}
