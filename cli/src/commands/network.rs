//! `nahtlos network`.

use std::path::Path;

use nahtlos_casework::fields::{Canton, Field, Name};
use nahtlos_client::{ClientError, Directory, NetworkCard};
use nahtlos_protocol::wire::claim::Claim;
use serde_json::json;

use super::founding::{self, Answers};
use super::values::parse;
use crate::arguments::{FounderOptions, NetworkCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<NetworkCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(NetworkCommand::List) => list(context),
        Some(NetworkCommand::Found {
            claim,
            canton,
            name,
            founder,
        }) => found(context, &claim, &canton, &name, &founder),
    }
}

fn found(
    context: &Context,
    claim: &Path,
    canton: &str,
    name: &str,
    options: &FounderOptions,
) -> Result<Answer, Failure> {
    let canton: Canton = parse("canton", canton)?;
    let name: Name = parse("name", name)?;
    let claim: Claim = input::read_text(claim)
        .map_err(|mut failure| {
            // The relay removes a claim that was used, also where the answer never came.
            failure.next = format!(
                "If `network found` was run here before and broke off: `nahtlos sync` goes on with it. Else: {}",
                failure.next
            );
            failure
        })?
        .parse()
        .map_err(ClientError::Text)?;
    let answers = Answers::of_founder(options)?;
    let mut transport = context.transport(&claim.url)?;
    let (mut nahtlos, founder) = founding::prepare_founder(context, answers)?;
    let card = NetworkCard {
        name: name.to_string(),
        canton: canton.canonical(),
    };
    nahtlos
        .found_network(&mut transport, &claim, &card, &founder)
        .map_err(founding::failed)?;
    founding::completed(&mut nahtlos)?;
    // The directory is published now if the relay is still there, else by the next sync.
    let published = nahtlos.sync(&mut transport, &mut |_| {}).is_ok();
    let data = json!({
        "network": json::value(&card),
        "institution": founder.institution.name,
        "team": founder.team,
        "person": founder.introduction.name,
        "directory_published": published,
        "home": context.home,
    });
    let page = Page::default()
        .line(format!("Founded the network \"{}\".", card.name))
        .fields([
            ("institution", Some(founder.institution.name)),
            ("team", Some(founder.team)),
            ("person", Some(founder.introduction.name)),
            ("home", Some(context.home.display().to_string())),
        ]);
    Ok(Answer::new(data, page).note(
        "The claim is used up. Next: `nahtlos institution invite` for others, \
         `nahtlos member invite --team TEAM` for colleagues, `nahtlos case open` for a first case.",
    ))
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let directory = context.open()?.directory()?;
    let mut page = Page::default();
    if let Some(network) = &directory.network {
        page = page.title(format!("{} ({})", network.name, network.canton));
    }
    let rows = directory
        .institutions
        .iter()
        .flat_map(|(id, card)| rows_of(&directory, id, &card.name, &card.kind))
        .collect();
    page = page.table(
        &["institution", "kind", "team", "people"],
        rows,
        "Nobody has published a card yet: run `nahtlos sync`.",
    );
    Ok(Answer::new(json::value(&directory), page))
}

/// One row a team; people without a team stand in a row of their own.
fn rows_of(directory: &Directory, id: &str, name: &str, kind: &str) -> Vec<Vec<String>> {
    let people = |team: Option<&str>| {
        let names: Vec<String> = directory
            .people
            .values()
            .filter(|card| card.institution == id && card.team.as_deref() == team)
            .map(|card| format!("{} ({})", card.name, card.function))
            .collect();
        names.join(", ")
    };
    let row = |team: &str, people: String| vec![name.into(), kind.into(), team.into(), people];
    let mut rows: Vec<Vec<String>> = directory
        .teams
        .iter()
        .filter(|(_, card)| card.institution == id)
        .map(|(team, card)| row(&card.name, people(Some(team))))
        .collect();
    let others = people(None);
    if !others.is_empty() || rows.is_empty() {
        rows.push(row("", others));
    }
    rows
}
