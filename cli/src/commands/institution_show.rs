//! `nahtlos institution show`: one institution, its teams, and who administers it.

use nahtlos_client::{Directory, PersonCard};
use serde_json::json;

use super::institution_policy::{in_words, row};
use super::member::left;
use super::names::ended;
use super::sync::count;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn show(context: &Context, input: Option<&str>) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let own = nahtlos.identity().institution;
    let institution = match (input, own) {
        (Some(input), _) => directory.find_institution(input)?,
        (None, Some(own)) => own,
        (None, None) => return Err(nahtlos_client::ClientError::NotEnrolled.into()),
    };
    let administrators = nahtlos.administrators_of(&institution)?;
    let policy = match own == Some(institution) {
        true => Some(nahtlos.institution_policy()?),
        false => None,
    };
    let is_in = nahtlos.is_in_network(&institution);
    let manages_network = nahtlos.network_managers()?.contains(&institution);
    let id = institution.to_string();
    let kind = directory
        .institutions
        .get(&id)
        .map(|card| card.kind.clone());
    let teams = teams_of(&directory, &id);
    let left = left(&nahtlos, &directory)?;
    let works = |(person, card): &(&String, &PersonCard)| {
        card.institution == id && card.recovery.is_none() && !left.contains_key(*person)
    };
    let people = directory.people.iter().filter(works).count() as u64;
    let mut page = Page::default()
        .title(directory.institution_name(&institution))
        .fields([
            ("kind", kind),
            ("teams", (!teams.is_empty()).then(|| teams.join(", "))),
            ("people", Some(count(people, "person", "people"))),
            (
                "in the network",
                Some(match ended(&nahtlos, &directory, &id) {
                    None if manages_network => "takes part, and manages the network".to_owned(),
                    None => "takes part".to_owned(),
                    Some(merged) if directory.goes_on_as(&institution) != institution => {
                        format!("{merged}: its teams and people take part by that one")
                    }
                    Some(_) => "it left".to_owned(),
                }),
            ),
        ]);
    if let Some(policy) = &policy {
        page = page.fields(in_words(policy.administrators, policy.compares));
    }
    let page = page.table(
        &["administrator", ""],
        administrators.iter().map(row).collect(),
        "Nobody administers it.",
    );
    let data = json!({
        "id": id,
        "institution": directory.institution_name(&institution),
        "goes_on_as": directory.goes_on_as(&institution).to_string(),
        "teams": teams,
        "people": people,
        "in_network": is_in,
        "manages_network": manages_network,
        "administrators": json::value(&administrators),
        "policy": json::value(&policy),
    });
    Ok(Answer::new(data, page))
}

/// Names of its teams that go on, ascending.
fn teams_of(directory: &Directory, id: &str) -> Vec<String> {
    let own = directory.teams.values();
    let own = own.filter(|card| card.institution == id && card.merged_into.is_none());
    let mut names: Vec<String> = own.map(|card| card.name.clone()).collect();
    names.sort();
    names
}
