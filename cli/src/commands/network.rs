//! `nahtlos network`.

use std::collections::BTreeMap;
use std::path::Path;

use nahtlos_casework::fields::{Canton, Field, Name};
use nahtlos_client::former_people::MemberRemoval;
use nahtlos_client::team_people::TeamPeople;
use nahtlos_client::{ClientError, Directory, NetworkCard, PersonCard};
use nahtlos_protocol::wire::claim::Claim;
use serde_json::json;

use super::ending;
use super::founding::{self, Answers};
use super::member::left;
use super::names::ended;
use super::values::parse;
use crate::arguments::{Answered, FounderOptions, NetworkCommand};
use crate::context::Context;
use crate::exit::Exit;
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
        Some(NetworkCommand::Manager {
            institution,
            remove,
            answered,
        }) => manager(context, &institution, !remove, answered),
    }
}

/// Lets an institution manage the network, or ends that.
fn manager(
    context: &Context,
    institution: &str,
    manages: bool,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let institution = directory.find_institution(institution)?;
    let name = directory.institution_name(&institution);
    nahtlos
        .check_network_manager(&institution, manages)
        .map_err(|error| not_changed(error, &name, manages))?;
    let page = Page::default().line(if manages {
        format!(
            "{name} manages the network beside those that do: its administrators invite institutions and end an \
             institution's part in the network, yours too. Nobody reads a case by that."
        )
    } else {
        format!(
            "{name} manages the network no longer: it invites no institution and ends no institution's part. It \
             takes part as before."
        )
    });
    let data = |done: &str| json!({ "done": done, "institution": name, "manages": manages });
    let question = if manages { "Let it?" } else { "End it?" };
    if let Some(answer) = ending::unless_confirmed(answered, page, question, data)? {
        return Ok(answer);
    }
    nahtlos.set_network_manager(&institution, manages)?;
    let said = match manages {
        true => format!("{name} manages the network, too."),
        false => format!("{name} manages the network no longer."),
    };
    Ok(Answer::sentence(data("decided"), said).note(ending::WITH_NEXT_SYNC))
}

fn not_changed(error: ClientError, name: &str, manages: bool) -> Failure {
    match error {
        ClientError::NotFound { .. } => Failure::new(
            Exit::Failed,
            "not_found",
            format!("{name} takes no part in the network any more; nothing was decided."),
            "It left, was removed, or goes on as another one.",
            "See who is in the network: `nahtlos network list`.",
        ),
        ClientError::NothingToChange => Failure::new(
            Exit::Failed,
            "nothing_to_change",
            match manages {
                true => format!("{name} manages the network already; nothing was decided."),
                false => format!("{name} does not manage the network; nothing was decided."),
            },
            "It is as you named it.",
            "See who does: `nahtlos network`.",
        ),
        ClientError::LastManager => alone_manages(name),
        ClientError::NoRight { .. } => {
            let mut failure = Failure::from(error);
            failure.next =
                "Ask an administrator of an institution that manages it: `nahtlos network` says \
                            which, `nahtlos institution show INSTITUTION` who."
                    .into();
            failure
        }
        other => other.into(),
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
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let managers = nahtlos.network_managers()?;
    let mut page = Page::default();
    if let Some(network) = &directory.network {
        page = page.title(format!("{} ({})", network.name, network.canton));
    }
    let left = left(&nahtlos, &directory)?;
    let people_of = nahtlos.people_of_teams()?;
    let rows = directory
        .institutions
        .iter()
        .flat_map(|(id, card)| {
            let name = match ended(&nahtlos, &directory, id).as_deref() {
                None => card.name.clone(),
                Some("left the network") => format!("{} (left)", card.name),
                Some(merged) => format!("{} ({merged})", card.name),
            };
            rows_of(&directory, (&left, &people_of), id, &name, &card.kind)
        })
        .collect();
    let names = managers.iter().map(|id| directory.institution_name(id));
    let names: Vec<String> = names.collect();
    page = page
        .table(
            &["institution", "kind", "team", "people"],
            rows,
            "Nobody has published a card yet: run `nahtlos sync`.",
        )
        .fields([("managed by", (!names.is_empty()).then(|| names.join(", ")))]);
    let mut data = json::value(&directory);
    data["left"] = json::value(&left);
    let managers: Vec<String> = managers.iter().map(ToString::to_string).collect();
    data["managers"] = json!(managers);
    Ok(Answer::new(data, page))
}

/// Whether somebody belongs in a team's row: they are in it, or their card names it, also after they left.
fn is_or_was_in(known: Option<&TeamPeople>, team: &str, person: &str, card: &PersonCard) -> bool {
    let is_in = known.is_some_and(|known| known.person(person).is_some());
    is_in || card.team.as_deref() == Some(team)
}

/// One row a team; people without a team stand in a row of their own.
fn rows_of(
    directory: &Directory,
    (left, people_of): (
        &BTreeMap<String, MemberRemoval>,
        &BTreeMap<String, TeamPeople>,
    ),
    id: &str,
    name: &str,
    kind: &str,
) -> Vec<Vec<String>> {
    let has_left = |person: &String, team: Option<&str>| {
        let known = team.and_then(|team| people_of.get(team));
        left.contains_key(person) || known.is_some_and(|known| known.left.contains_key(person))
    };
    let people = |team: Option<&str>| {
        let names: Vec<String> = directory
            .people
            .iter()
            .filter(|(person, card)| match team {
                Some(team) => is_or_was_in(people_of.get(team), team, person, card),
                None => {
                    let mut logs = people_of.values();
                    card.institution == id
                        && card.team.is_none()
                        && !logs.any(|known| known.person(person).is_some())
                }
            })
            .map(|(person, card)| match has_left(person, team) {
                true => format!("{} ({}, left)", card.name, card.function),
                false => format!("{} ({})", card.name, card.function),
            })
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

/// What an institution without which nobody manages the network cannot do.
pub(super) fn alone_manages(name: &str) -> Failure {
    Failure::new(
        Exit::NoRight,
        "last_manager",
        format!("{name} alone manages the network; nothing was decided."),
        "Nobody could let an institution in or end its part any more.",
        "Let another institution manage it first: `nahtlos network manager INSTITUTION`, then `nahtlos sync`.",
    )
}
