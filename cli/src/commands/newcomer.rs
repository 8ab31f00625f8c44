//! `nahtlos member waiting`, `member confirm` and `member refuse`: newcomers for whom somebody must
//! stand before any key is sealed to them.

use nahtlos_client::Nahtlos;
use nahtlos_client::repair::WaitingGrant;
use serde_json::json;

use super::ending;
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

/// Why somebody waits who answered an invitation of this device and stands in no log.
const ASKS: &str = "waits_for_comparison";
/// What is noted of them on this device, and is no decision that could be dropped.
const NOTED: &str = "It takes effect with the next `nahtlos sync`.";
/// Characters of a number that lists show.
const SHOWN: usize = 8;

pub fn list(context: &Context) -> Result<Answer, Failure> {
    let waiting = context.open()?.waiting_members()?;
    let rows = waiting
        .iter()
        .map(|one| {
            vec![
                short(one),
                one.member.clone(),
                one.in_space.clone(),
                one.role.to_owned(),
                one.added_by.clone(),
                why(one).to_owned(),
                one.fingerprint.clone(),
                one.words.clone(),
                beside(one).to_owned(),
            ]
        })
        .collect();
    let page = Page::default().table(
        &[
            "newcomer",
            "who",
            "in",
            "may",
            "added by",
            "waits because",
            "fingerprint",
            "words",
            "on their screen beside",
        ],
        rows,
        "Nobody waits to be confirmed.",
    );
    let mut answer = Answer::new(json!({ "waiting": json::value(&waiting) }), page);
    if waiting.iter().any(|one| one.can_confirm) {
        answer = answer.note(
            "Call them by a number you know, or meet them, and let them read their words or their fingerprint to \
             you: `nahtlos status` on their device shows both, beside the word that the last column names. Then `nahtlos member confirm NUMBER --words \"WHAT-THEY-READ\"`, or `nahtlos \
             member refuse NUMBER` where it is another one.",
        );
    } else if !waiting.is_empty() {
        answer =
            answer.note("None of them is yours to confirm. On the devices of those who may, this list says how.");
    }
    Ok(answer)
}

pub fn confirm(
    context: &Context,
    number: &str,
    fingerprint: Option<String>,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let newcomer = find(&nahtlos, number)?;
    if !newcomer.can_confirm {
        return Err(not_yours(&newcomer, "confirm"));
    }
    let read_out = match fingerprint {
        Some(fingerprint) => fingerprint,
        None => {
            told(&newcomer).show_before_asking();
            input::ask_line("The words or the fingerprint they read to you")
                .map_err(without_terminal)?
        }
    };
    let confirmed = nahtlos.confirm(&newcomer.grant, &read_out)?;
    let takes_another = confirmed.reason == ASKS && nahtlos.takes_another_for(&confirmed.space)?;
    let said = match confirmed.reason {
        ASKS if takes_another => format!(
            "Compared: {}. It is added with the next sync, and let in once another administrator has \
             confirmed it.",
            confirmed.member
        ),
        ASKS => format!("Compared: {} is let in.", confirmed.member),
        _ => format!(
            "You stand for {} in {}: their device receives the key.",
            confirmed.member, confirmed.in_space
        ),
    };
    let data = json!({ "done": "confirmed", "newcomer": json::value(&confirmed) });
    Ok(Answer::sentence(data, said).note(when(&confirmed)))
}

/// When it takes effect, and how it is taken back where that can be.
fn when(one: &WaitingGrant) -> &'static str {
    match one.reason {
        ASKS => NOTED,
        _ => ending::WITH_NEXT_SYNC,
    }
}

pub fn refuse(context: &Context, number: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let newcomer = find(&nahtlos, number)?;
    if !newcomer.can_refuse {
        return Err(not_yours(&newcomer, "refuse"));
    }
    let data = |done: &str| json!({ "done": done, "newcomer": json::value(&newcomer) });
    let page = told(&newcomer).line(match newcomer.reason {
        // They stand in no log, so there is none in which others or they could read it.
        ASKS => {
            "They are not let in, and the invitation is used up. Their device is not told: say it to who sent \
             you these words."
        }
        _ => "They never receive the key; everybody there sees that you refused.",
    });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Refuse them?", data)? {
        return Ok(answer);
    }
    let refused = nahtlos.refuse(&newcomer.grant)?;
    let said = format!("Refused: {} in {}.", refused.member, refused.in_space);
    let note = match refused.reason {
        // A device is one of the person in whose space it waits.
        ASKS if refused.words_of == "device" && refused.kind == "person" => format!(
            "If the right one is still to come, invite it again: `nahtlos device add --for \"{}\" --to FILE`; one of \
             your own: `nahtlos device add --to FILE`.",
            refused.in_space
        ),
        ASKS => {
            "If the right one is still to come, invite them again: `nahtlos member invite`.".into()
        }
        _ => ending::WITH_NEXT_SYNC.into(),
    };
    Ok(Answer::sentence(data("refused"), said).note(note))
}

fn not_yours(one: &WaitingGrant, action: &str) -> Failure {
    Failure::new(
        Exit::NoRight,
        "no_right",
        format!(
            "You cannot {action} {} in {}; nothing was done.",
            one.member, one.in_space
        ),
        match one.reason {
            "suspended" => {
                "Who added them had no right any more, so somebody who manages it has to decide."
            }
            "waits_for_second" => "Another administrator than who added them has to decide.",
            _ => "Somebody who may write there has to decide.",
        },
        "Call a colleague who may; `nahtlos member waiting` on their device tells them how.",
    )
}

/// Nobody can be asked where there is no terminal.
fn without_terminal(failure: Failure) -> Failure {
    if failure.code != "value_missing" {
        return failure;
    }
    Failure::new(
        Exit::Usage,
        "value_missing",
        "The words or the fingerprint are missing; nobody was confirmed.",
        "It would be asked for at a terminal, and there is none.",
        "Give what they read to you: `nahtlos member confirm NUMBER --words \"WHAT-THEY-READ\"`, or \
         `--fingerprint WHAT-THEY-READ`.",
    )
}

fn told(one: &WaitingGrant) -> Page {
    Page::default().fields([
        ("newcomer", Some(one.member.clone())),
        ("in", Some(format!("{} ({})", one.in_space, one.kind))),
        ("may", Some(one.role.to_owned())),
        ("added by", Some(one.added_by.clone())),
        ("added", Some(dates::moment(one.added_at_ms))),
        ("waits because", Some(why(one).to_owned())),
        ("they read what stands beside", Some(beside(one).to_owned())),
    ])
}

/// What their own screen calls that whose words are compared.
fn beside(one: &WaitingGrant) -> &'static str {
    match one.words_of {
        "device" => "this device",
        "person" => "you",
        other => other,
    }
}

/// Why nothing is sealed to them yet.
pub fn why(one: &WaitingGrant) -> &'static str {
    match one.reason {
        "suspended" => "who added them had no right any more",
        "waits_for_second" => "it takes a second administrator",
        "waits_for_comparison" => "their words are to be compared",
        "waits_for_cut" => "the past is not cut off yet",
        // Who manages an institution holds its key: it took two then, and one is enough by now.
        _ if one.kind == "institution" => "nobody stood for them: any administrator may now",
        _ => "who added them holds no key",
    }
}

/// By the beginning of its number.
fn find(nahtlos: &Nahtlos, input: &str) -> Result<WaitingGrant, Failure> {
    let wanted = input.trim().to_lowercase();
    let mut found = nahtlos.waiting_members()?;
    found.retain(|one| !wanted.is_empty() && one.grant.starts_with(&wanted));
    if found.len() > 1 {
        return Err(super::ambiguous(
            "newcomers",
            input,
            found.iter().map(|one| one.grant.clone()),
        ));
    }
    found.pop().ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "not_found",
            format!("No newcomer who waits has a number that begins with \"{input}\"."),
            "They were confirmed or refused already, or the number was mistyped.",
            "See who waits: `nahtlos member waiting`.",
        )
    })
}

fn short(one: &WaitingGrant) -> String {
    one.grant.chars().take(SHOWN).collect()
}
