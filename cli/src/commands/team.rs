//! `nahtlos team`.

use nahtlos_casework::fields::Name;
use serde_json::json;

use super::values::parse;
use crate::arguments::TeamCommand;
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
    }
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let own = nahtlos.identity().team.map(|id| id.to_string());
    let rows = directory
        .teams
        .iter()
        .map(|(id, card)| {
            let people = directory
                .people
                .values()
                .filter(|person| person.team.as_deref() == Some(id))
                .count();
            let institution = directory.institutions.get(&card.institution);
            vec![
                card.name.clone(),
                institution.map_or_else(String::new, |card| card.name.clone()),
                people.to_string(),
                if own.as_deref() == Some(id) {
                    "yours".into()
                } else {
                    String::new()
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
