//! `nahtlos team`.

use nahtlos_casework::fields::Name;
use nahtlos_client::TeamCard;
use nahtlos_client::team_people::Joined;
use serde_json::json;

use super::ending;
use super::institution::NAMES_WITH_NEXT_SYNC;
use super::member::{institution_of, own_team};
use super::sync::count;
use super::values::parse;
use crate::arguments::{Answered, TeamCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// Of a team whose log is not here.
const NOT_KNOWN_HERE: &str = "not known on this device";
/// How somebody came in.
const BY_RECOVERY_KEY: &str = "let in by the recovery key";

pub fn run(context: &Context, command: Option<TeamCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(TeamCommand::List) => list(context),
        Some(TeamCommand::Show { team }) => show(context, &team),
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
    let people_of = nahtlos.people_of_teams()?;
    let own = nahtlos.identity().person.map(|id| id.to_string());
    let own = own.unwrap_or_default();
    let place = |id: &str| people_of.get(id).and_then(|known| known.person(&own));
    let standing = |id: &str, card: &TeamCard| {
        let merged = card.merged_into.as_ref().map(|into| {
            let into = directory.teams.get(into);
            format!("merged into {}", into.map_or("another", |card| &card.name))
        });
        let yours = place(id).map(|one| match one.role {
            "manage" => "yours, you manage it".to_owned(),
            _ => "yours".to_owned(),
        });
        merged.or(yours).unwrap_or_default()
    };
    let rows = directory
        .teams
        .iter()
        .map(|(id, card)| {
            let count = people_of.get(id).map(|known| known.people.len());
            vec![
                card.name.clone(),
                institution_of(&directory, &card.institution),
                count.map_or_else(|| NOT_KNOWN_HERE.to_owned(), |count| count.to_string()),
                standing(id, card),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["team", "institution", "people", ""],
        rows,
        "No team has published its card yet: run `nahtlos sync`.",
    );
    let mut teams = json::value(&directory.teams);
    for id in directory.teams.keys() {
        teams[id]["people"] = json::value(&people_of.get(id).map(|known| &known.people));
        teams[id]["own_role"] = json::value(&place(id).map(|one| one.role));
    }
    Ok(Answer::new(json!({ "teams": teams }), page))
}

fn show(context: &Context, team: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let team = directory.find_team(team)?;
    let id = team.to_string();
    let known = nahtlos.people_of_teams()?.remove(&id);
    let institution = directory.teams.get(&id);
    let institution = institution.map(|card| institution_of(&directory, &card.institution));
    let title = directory.name(&team);
    let data = json!({
        "team": title, "id": id, "institution": institution,
        "people": json::value(&known.as_ref().map(|known| &known.people)),
    });
    let page = Page::default()
        .title(title)
        .fields([("institution", institution)]);
    let Some(known) = known else {
        let page = page.line(format!("Its people: {NOT_KNOWN_HERE}."));
        return Ok(Answer::new(data, page));
    };
    let rows = known.people.iter().map(|one| {
        vec![
            one.name.clone(),
            may(one.role).to_owned(),
            came_in(one.joined).to_owned(),
            dates::moment(one.since_ms),
        ]
    });
    let page = page.table(
        &["person", "", "came in", "on"],
        rows.collect(),
        "Nobody is in it any more.",
    );
    Ok(Answer::new(data, page))
}

/// What somebody may do in a team, as a verb.
pub fn may(role: &str) -> &'static str {
    match role {
        "manage" => "manages",
        "write" => "writes",
        _ => "reads",
    }
}

fn came_in(joined: Joined) -> &'static str {
    match joined {
        Joined::Founded => "founded it",
        Joined::LetIn => "let in by colleagues",
        Joined::RecoveryKey => BY_RECOVERY_KEY,
    }
}

/// A team with what somebody may do there; that the recovery key let them in is said everywhere.
pub fn place_in_words(team: &str, role: &str, joined: Joined) -> String {
    match joined {
        Joined::RecoveryKey => format!("{team} ({}, {BY_RECOVERY_KEY})", may(role)),
        Joined::Founded | Joined::LetIn => format!("{team} ({})", may(role)),
    }
}
