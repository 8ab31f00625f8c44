//! What goes wrong with a recovery key, as what a person is told.

use nahtlos_client::recovery::RecoveryError;

use super::{Failure, capitalised};
use crate::commands::paper_words;
use crate::exit::Exit;

pub fn failure(code: &'static str, error: &RecoveryError) -> Failure {
    let say = |exit, what: String, why: &str, next: &str| Failure::new(exit, code, what, why, next);
    match error {
        RecoveryError::NoSet => say(
            Exit::Failed,
            "Your institution has no recovery key; nothing was done.".into(),
            "None was set up, or this device has not received it yet.",
            "Run `nahtlos sync`; to make one: `nahtlos recovery setup --help`.",
        ),
        RecoveryError::Numbers { threshold, count } => say(
            Exit::Usage,
            format!("{threshold} of {count} is no set of shares; nothing was made."),
            "It takes at least two shares, at most as many as there are, and there are at most ten.",
            "Usual are `--threshold 2 --of 3` and `--threshold 3 --of 5`.",
        ),
        RecoveryError::Waits => say(
            Exit::Failed,
            "A recovery key was decided before and is not made yet; nothing was done.".into(),
            "Two that know nothing of each other would both stay.",
            "Run `nahtlos sync`, then the command again.",
        ),
        RecoveryError::WouldEnd { groups } => would_end(code, groups),
        RecoveryError::Custodian { name, reason } => say(
            Exit::Failed,
            format!("{name} cannot take a share; nothing was done."),
            &format!("{}.", capitalised(reason)),
            "Name another person: `nahtlos member` lists them.",
        ),
        RecoveryError::NoCustodian => say(
            Exit::NoRight,
            "You hold no share of your institution's recovery key.".into(),
            "It is split among others.",
            "See among whom: `nahtlos recovery`.",
        ),
        RecoveryError::OtherSet { given, custodian } => say(
            Exit::Failed,
            match custodian {
                Some(name) => format!("The share of {name} is of an earlier recovery key; nothing was opened."),
                None => format!("Share {given} of those given is of another recovery key; nothing was opened."),
            },
            "A recovery key that was replaced opens nothing any more.",
            "Let them run `nahtlos sync`, then `nahtlos recovery share` again.",
        ),
        RecoveryError::NotForThisDevice { custodian } => say(
            Exit::Failed,
            format!("The share of {custodian} is not sealed to this device; nothing was opened."),
            "A share is sealed to the devices that its holder had when it was made or handed over.",
            "Use the device that they had then, or let them hand it over again: `nahtlos recovery share`. Whose \
             device is gone for good has no share: the others carry it out, and then make a new set.",
        ),
        RecoveryError::WrongShare { custodian } => say(
            Exit::Failed,
            format!("The share of {custodian} is wrong; nothing was opened."),
            "It is not the one that was published when the recovery key was made.",
            "Let them run `nahtlos recovery verify`, then hand it over again. If theirs is right, what you \
             received was changed on the way: use another way.",
        ),
        RecoveryError::NoSuchShare { index, shares, set } => say(
            Exit::Failed,
            format!("The recovery key has no share {index}; nothing was opened."),
            &format!("It has {shares}, numbered from 1. The present set is {set}: it stands on each of its pages."),
            "Look on the page for the number: `nahtlos recovery` lists whose is which. A page of another set opens nothing.",
        ),
        RecoveryError::PrintedOther {
            index,
            custodian,
            set,
        } => say(
            Exit::Failed,
            format!("These are not the words of share {index}, which {custodian} holds; nothing was opened."),
            &format!(
                "They are in order, and of another number or of an earlier recovery key. The present set is {set}: it \
                 stands on each of its pages."
            ),
            "Look at the set and the number on the page, and compare them with `nahtlos recovery`. A page of \
             another set opens nothing any more: destroy it, and use a share of the present one.",
        ),
        RecoveryError::Words { custodian, problem } => {
            let mut failure = paper_words::wrong(*problem);
            failure.code = code.into();
            failure.what = format!("The share of {custodian}: {}", failure.what)
                .replace("a paper has 24", "a share has 24")
                .replace("on this paper", "on the page of this share")
                .replace("the words of a paper", "the words of a share");
            failure.why = failure.why.replace("this paper's", "this share's");
            failure.next = "Look at the page of this share again, then run the command again.".into();
            failure
        }
        RecoveryError::TooFew {
            have,
            threshold,
            missing,
        } => say(
            Exit::Failed,
            format!("{} of {threshold} shares are here; nothing was opened.", have.len()),
            &match have.as_slice() {
                [] => "You hold none yourself.".to_owned(),
                names => format!("Here are those of {}.", names.join(", ")),
            },
            &format!(
                "Ask one of these to run `nahtlos recovery share --for YOU --to FILE`, or for the number and the words of \
                 their printed share (`--printed NUMBER`): {}.",
                missing.join(", ")
            ),
        ),
        RecoveryError::OtherDevice => say(
            Exit::Failed,
            "The shares are right by what was published, and do not make the recovery key; nothing was opened."
                .into(),
            "What was published does not belong to the key that the logs name: whoever set it up, or wrote \
             its card since, made it wrong.",
            "Make a new one while somebody still manages each team: `nahtlos recovery setup`.",
        ),
        RecoveryError::NotCovered { group } => say(
            Exit::Failed,
            format!("The recovery key does not cover {group}; nobody was let in."),
            "It can let somebody only into groups that took it in.",
            "See which: `nahtlos recovery`. Who manages the team has it covered: `nahtlos recovery cover TEAM`.",
        ),
        RecoveryError::NotOfInstitution { person } => say(
            Exit::Failed,
            format!("{person} was not let in."),
            "They are not a person of your institution: the recovery key opens its teams to its own people alone.",
            "Name one of your institution's people (`nahtlos member list`); with others you share a case by `nahtlos share grant`.",
        ),
        RecoveryError::NotLetIn {
            person,
            group,
            reason,
        } => say(
            Exit::Failed,
            format!("{person} was not let into {group}."),
            &format!("{}.", capitalised(reason)),
            "Run `nahtlos sync`, then the command again.",
        ),
    }
}

/// Teams that the earlier key opens, and that no key would open from then on.
fn would_end(code: &'static str, groups: &[String]) -> Failure {
    let each = |option: &str| {
        let named = groups.iter().map(|team| format!("{option} \"{team}\""));
        named.collect::<Vec<_>>().join(" ")
    };
    let cover: Vec<String> = groups
        .iter()
        .map(|team| format!("`nahtlos recovery cover \"{team}\"`"))
        .collect();
    let names = groups.join(", ");
    Failure::new(
        Exit::Failed,
        code,
        format!("No recovery key would open {names} any more; nothing was made."),
        format!(
            "The earlier key covers it and would end; the new one would not, because you do not manage {names}."
        ),
        format!(
            "Where nobody there has a device any more, first let yourself in with the earlier key: `nahtlos recovery \
             use --for YOU {} --help`. Where somebody has, run the command again with `{}`, then `nahtlos sync`; \
             after their next sync they run {}.",
            each("--team"),
            each("--without"),
            cover.join(", ")
        ),
    )
}
