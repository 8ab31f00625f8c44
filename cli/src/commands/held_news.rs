//! What a sync tells about held edits: each section and reason once, and whose word it is.

use std::collections::BTreeMap;

use nahtlos_client::Nahtlos;
use nahtlos_client::fate::{Fate, HeldNews};

use super::held::place_of;
use super::sync::count;

/// One sentence for each section, reason and fate; one's own last of those that are worst first.
pub fn sentences(nahtlos: &Nahtlos, news: &[HeldNews]) -> Vec<String> {
    let mut groups: BTreeMap<(bool, Fate, String, &str), u64> = BTreeMap::new();
    for one in news {
        let key = (
            !one.own,
            one.fate,
            place_of(nahtlos, &one.space),
            one.sentence,
        );
        *groups.entry(key).or_default() += 1;
    }
    let told = groups.into_iter();
    told.map(|((others, fate, place, why), number)| {
        let place = match place.as_str() {
            "" => "a section".to_owned(),
            place => place.to_owned(),
        };
        match others {
            false => of_ones_own(fate, &place, why, number),
            true => format!(
                "{} in {place}: held, because {why}; counts once you take over what should: see `nahtlos held`.",
                count(number, "change of others", "changes of others"),
            ),
        }
    })
    .collect()
}

fn of_ones_own(fate: Fate, place: &str, why: &str, number: u64) -> String {
    let changes = count(number, "change of yours", "changes of yours");
    match fate {
        Fate::Waiting => format!(
            "No longer permitted: {changes} in {place}, because {why}. It is held, nothing of it is lost, and whoever manages the section decides: see `nahtlos held`."
        ),
        Fate::Adopted => format!("Taken over: {changes} in {place}, held until now, counts."),
        Fate::Discarded => format!(
            "Discarded by a manager: {changes} in {place}. It counts for nobody; you keep what you typed: see `nahtlos held`."
        ),
        Fate::RelaySaysAdopted => format!(
            "The relay says that somebody took over {changes} in {place}: it counts there. (You do not read that section any more, so this device cannot check it.)"
        ),
        Fate::RelaySaysDiscarded => format!(
            "The relay says that a manager discarded {changes} in {place}: it counts for nobody. (You do not read that section any more, so this device cannot check it.) You keep what you typed: see `nahtlos held`."
        ),
    }
}

/// What became of one's own held edit, in a list; none while nothing did.
pub fn decided(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Waiting => None,
        Fate::Adopted => Some("it was taken over and counts"),
        Fate::Discarded => Some("a manager has discarded it"),
        Fate::RelaySaysAdopted => Some("the relay says: it was taken over and counts"),
        Fate::RelaySaysDiscarded => Some("the relay says: a manager has discarded it"),
    }
}
