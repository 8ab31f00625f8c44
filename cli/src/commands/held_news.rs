//! What a sync tells about held edits: each section and reason once, and whose word it is.

use std::collections::BTreeMap;

use nahtlos_client::Nahtlos;
use nahtlos_client::fate::{Fate, HeldNews};

use super::held_page::{device_in_words, place_of};
use super::sync::count;

/// One sentence for each section, reason, fate and device; one's own first.
pub fn sentences(nahtlos: &Nahtlos, news: &[HeldNews]) -> Vec<String> {
    let mut groups: BTreeMap<(bool, Fate, String, &str, Option<String>), u64> = BTreeMap::new();
    for one in news {
        let device = one.device.as_ref().zip(one.device_revoked.as_ref());
        let key = (
            !one.own,
            one.fate,
            place_of(nahtlos, &one.space),
            one.sentence,
            device.map(|(device, revoked)| device_in_words(device, revoked)),
        );
        *groups.entry(key).or_default() += 1;
    }
    let told = groups.into_iter();
    told.map(|((others, fate, place, why, device), number)| {
        let place = match place.as_str() {
            "" => "a section".to_owned(),
            place => place.to_owned(),
        };
        match (others, device) {
            (false, Some(device)) if fate.is_waiting() => format!(
                "{} in {place}, on your device {device}: held, because {why}. Whoever has that device and its passphrase can write in your name: take over only what you typed yourself, see `nahtlos held`.",
                count(number, "change was typed in your name", "changes were typed in your name"),
            ),
            (false, _) => of_ones_own(fate, &place, why, number),
            (true, Some(device)) => format!(
                "{} in {place}, on a device that is not in use any more ({device}): held, because {why}. Whoever has that device and its passphrase can write in its person's name: ask them what they typed before you take it over, see `nahtlos held`.",
                count(number, "change of others", "changes of others"),
            ),
            (true, None) => format!(
                "{} in {place}: held, because {why}. Take over what should count: see `nahtlos held`.",
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
            "No longer permitted: {changes} in {place}, because {why}. Held, and nothing of it is lost; whoever manages the section decides: see `nahtlos held`."
        ),
        Fate::Adopted => format!(
            "Taken over, and counting from now on: {changes} in {place} that had been held."
        ),
        Fate::Discarded => format!(
            "Discarded by a manager, for everybody: {changes} in {place}. You keep what you typed: see `nahtlos held`."
        ),
        Fate::RelaySaysAdopted => format!(
            "The relay says that somebody took over {changes} in {place}, for everybody who reads it. (You do not read that section any more, so this device cannot check it.)"
        ),
        Fate::RelaySaysDiscarded => format!(
            "The relay says that a manager discarded {changes} in {place}, for everybody. (You do not read that section any more, so this device cannot check it.) You keep what you typed: see `nahtlos held`."
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
