//! `nahtlos device revoke`.

use std::collections::BTreeMap;

use nahtlos_client::devices::DeviceLine;
use nahtlos_client::ending::{Ending, Reason, WHAT_STAYS_READABLE};
use nahtlos_client::out_of_sight::TeamWithoutDevice;
use nahtlos_client::rotation::{Rotation, RotationReport};
use nahtlos_client::{ClientError, Nahtlos, Named};

use super::device::{ID_CHARACTERS, fits, in_words, is_shown};
use super::ending::{self, End, WITH_NEXT_SYNC};
use super::key;
use super::sync::{self, count};
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// A device's state that has no right any more.
const REVOKED: &str = "revoked";

pub fn revoke(
    context: &Context,
    input: &str,
    lost: bool,
    now: bool,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    // Whose only device it is may have changed since the last sync.
    let told = if now && !answered.dry_run {
        pull(context, &mut nahtlos, input)?
    } else {
        Vec::new()
    };
    let line = device_named(&nahtlos.devices()?, input)?;
    let ending = nahtlos.device_to_revoke(&line.id)?;
    let Ending::Device(_, device) = ending else {
        return Err(not_found(input));
    };
    let rotation = Rotation::HeldByDevice(device);
    let end = End::of(&nahtlos, ending)?;
    let ends = [if now { end.renewed_now() } else { end }];
    let keys = nahtlos.preview_rotation(&rotation)?;
    let others = nahtlos.left_to_others(&rotation)?;
    let unseen = nahtlos.teams_out_of_sight(&rotation)?;
    let without = nahtlos.teams_left_without_device(&device)?;
    let then = format!(
        ", and `nahtlos device breach-report {}`: a report made here leaves those cases out",
        line.fingerprint
    );
    let unseen_in_words = key::out_of_sight(&unseen, "The device had the key", &then);
    let without_in_words: Vec<String> = without.iter().map(nobody_left).collect();
    let page = preview_page(&nahtlos, &line, &ends, keys, now)?;
    let said = unseen_in_words.iter().chain(&without_in_words);
    let page = said.fold(page, |page, one| page.line(one.clone()));
    let page = as_of_last_sync(page, &nahtlos, answered)?;
    let data = |done: &str| {
        let mut data = ending::data(done, &ends);
        data["device"] = json::value(&line);
        data["keys"] = json::value(&keys);
        data["left_to_others"] = json::value(&others);
        data["teams_out_of_sight"] = json::value(&unseen);
        data["teams_without_device"] = json::value(&without);
        data
    };
    if let Some(answer) = ending::unless_confirmed(answered, page, "Revoke it?", data)? {
        return Ok(sync::noted(answer, &told));
    }
    let reason = if lost {
        Reason::DeviceLost
    } else {
        Reason::Unstated
    };
    ending::carry_out(&mut nahtlos, &ends, reason)?;
    let said = format!(
        "Revoked: {}, a device of {}.",
        line.fingerprint, line.person
    );
    let which = format!(
        "It is the device with the words: {}; added on {}.",
        line.words,
        dates::moment(line.added_at_ms)
    );
    if !now {
        let answer = Answer::sentence(data("revoked"), said).note(which);
        let answer = answer.note(WHAT_STAYS_READABLE).note(WITH_NEXT_SYNC);
        let notes = unseen_in_words.into_iter().chain(without_in_words);
        return Ok(notes.fold(answer, Answer::note));
    }
    let not_yet = format!(
        "NOT revoked yet at the relay: {}, a device of {}.",
        line.fingerprint, line.person
    );
    let rotated = key::rotate_after_end(context, &mut nahtlos, &rotation, &not_yet)?;
    let mut data = data("revoked");
    data["rotation"] = json::value(&rotated.keys);
    let page = Page::default().line(said).line(key::in_words(&rotated));
    let answer = sync::noted(Answer::new(data, page).note(which), &told);
    let notes = unseen_in_words.into_iter().chain(without_in_words);
    Ok(notes.fold(key::told(answer, &rotated, &others), Answer::note))
}

/// A team in which nobody with a device is left.
pub fn nobody_left(team: &TeamWithoutDevice) -> String {
    let name = &team.team;
    if team.is_covered {
        format!(
            "Nobody with a device is left in {name} then: only its recovery key opens its cases, with as many custodians \
             as it takes (`nahtlos recovery use`)."
        )
    } else {
        format!(
            "Nobody with a device is left in {name} then, and no recovery key opens it: its cases are lost for good, \
             unless one of its people has a paper (`nahtlos device restore`), or gets another device while a \
             colleague of theirs can still open it."
        )
    }
}

/// What the relay has by now. Where it is not reached, a device that is named itself is revoked by what is
/// known here; a person's is not: they may have another one by now.
fn pull(context: &Context, nahtlos: &mut Nahtlos, input: &str) -> Result<Vec<String>, Failure> {
    let mut transport = context.transport_of(nahtlos)?;
    match nahtlos.sync(&mut transport, &mut |_| {}) {
        Ok(report) => Ok(report.notices),
        Err(error @ ClientError::Transport(_)) => {
            if nahtlos.devices()?.iter().any(|line| is_shown(line, input)) {
                return Ok(Vec::new());
            }
            let mut failure = Failure::from(error);
            failure.what = format!(
                "The relay was not reached, so it is not known whether \"{input}\" has another device by now; nothing was done."
            );
            failure.next = "Name the device by its fingerprint, which `nahtlos device` shows: then it is revoked \
                            with the next sync. Or run this command again when the relay is reached."
                .into();
            Err(failure)
        }
        Err(error) => Err(error.into()),
    }
}

/// A device by the beginning of its fingerprint or id, or the only one of a person.
fn device_named(lines: &[DeviceLine], input: &str) -> Result<DeviceLine, Failure> {
    let shown: Vec<&DeviceLine> = lines.iter().filter(|line| is_shown(line, input)).collect();
    let found = if shown.is_empty() {
        match own_devices_called(lines, input) {
            called if called.is_empty() => devices_of_person(lines, input)?,
            called => called,
        }
    } else {
        shown
    };
    match found.as_slice() {
        [] => Err(not_found(input)),
        [one] if one.state != REVOKED => Ok((*one).clone()),
        ended if ended.iter().all(|line| line.state == REVOKED) => Err(revoked_already(ended)),
        several => Err(super::ambiguous(
            "devices",
            input,
            several.iter().map(|line| line.fingerprint.clone()),
        )),
    }
}

/// One's own devices that are called so and stand, else those that stood: only one's own have names here.
fn own_devices_called<'a>(lines: &'a [DeviceLine], input: &str) -> Vec<&'a DeviceLine> {
    let wanted = input.trim().to_lowercase();
    let is_called = |line: &&DeviceLine| {
        let name = line.name.as_ref();
        name.is_some_and(|name| name.to_lowercase() == wanted)
    };
    let called = lines.iter().filter(is_called);
    let (ended, standing): (Vec<_>, Vec<_>) = called.partition(|line| line.state == REVOKED);
    if standing.is_empty() { ended } else { standing }
}

/// The devices that stand of the person of this name; all that they had, where none stands.
fn devices_of_person<'a>(
    lines: &'a [DeviceLine],
    input: &str,
) -> Result<Vec<&'a DeviceLine>, Failure> {
    let mut people: BTreeMap<&str, Vec<&DeviceLine>> = BTreeMap::new();
    for line in lines.iter().filter(|line| fits(line, input)) {
        people.entry(&line.person_id).or_default().push(line);
    }
    let is_exact = |lines: &[&DeviceLine]| {
        let wanted = Named::parse(input);
        let mut lines = lines.iter();
        lines.any(|line| wanted.is_folded(&line.person, &line.person_id))
    };
    if people.values().any(|lines| is_exact(lines)) {
        people.retain(|_, lines| is_exact(lines));
    }
    if people.len() > 1 {
        let each = people.values().filter_map(|lines| lines.first());
        let names = each.map(|line| {
            let id = line.person_id.get(..ID_CHARACTERS);
            format!("{} (id {})", line.person, id.unwrap_or(&line.person_id))
        });
        return Err(super::ambiguous("people", input, names));
    }
    let all = people.into_values().flatten();
    let (ended, standing): (Vec<_>, Vec<_>) = all.partition(|line| line.state == REVOKED);
    Ok(if standing.is_empty() { ended } else { standing })
}

fn preview_page(
    nahtlos: &Nahtlos,
    line: &DeviceLine,
    ends: &[End],
    keys: RotationReport,
    now: bool,
) -> Result<Page, Failure> {
    let name = &line.person;
    let page = ending::page(format!("A device of {name}"), ends).fields([
        ("device", Some(line.fingerprint.clone())),
        ("words", Some(line.words.clone())),
        ("added", Some(dates::moment(line.added_at_ms))),
        ("last wrote", line.heard_at_ms.map(dates::moment)),
    ]);
    let mut page = page.line(which_keys(keys, now));
    if keys.not_ours > 0 {
        page = page.line(format!(
            "{} more: their own writers renew the key, with their next edit.",
            keys.not_ours
        ));
    }
    let devices = nahtlos.devices()?;
    let stands = |other: &&DeviceLine| {
        other.person_id == line.person_id && other.id != line.id && other.state != REVOKED
    };
    page = match &line.member_removed {
        Some(removed) => page.line(format!("{name} {}.", in_words(removed))),
        None if devices.iter().any(|other| stands(&other)) => page,
        None => page.line(format!(
            "It is {name}'s only device: until another one is added they read and write nothing."
        )),
    };
    Ok(page.line("What it stores already stays on it, protected by its passphrase alone."))
}

fn which_keys(keys: RotationReport, now: bool) -> String {
    if keys.left == 0 {
        return "No key that you may renew opens to it any more.".into();
    }
    format!(
        "{} can be opened by it{}",
        count(
            keys.left,
            "group or section of yours",
            "groups and sections of yours"
        ),
        if now {
            ": all of these keys are renewed now."
        } else {
            "; `--now` renews all of these keys at once."
        }
    )
}

/// A preview asks nobody.
fn as_of_last_sync(page: Page, nahtlos: &Nahtlos, answered: Answered) -> Result<Page, Failure> {
    let synced_at_ms = nahtlos.status()?.synced_at_ms;
    Ok(match synced_at_ms.filter(|_| answered.dry_run) {
        Some(at_ms) => page.line(format!(
            "By what this device knew at its last sync, on {}.",
            dates::moment(at_ms)
        )),
        None => page,
    })
}

fn revoked_already(lines: &[&DeviceLine]) -> Failure {
    let mut said = lines.iter().map(|line| {
        let revoked = line.revoked.as_ref();
        let since = revoked.map_or_else(String::new, |revoked| {
            let by = revoked.by.as_ref();
            format!(
                ", since {}{}{}",
                dates::moment(revoked.at_ms()),
                by.map_or_else(String::new, |by| format!(", by {by}")),
                revoked.reason.map_or_else(String::new, |reason| format!(
                    " ({})",
                    reason.replace('_', " ")
                ))
            )
        });
        format!(
            "{}, a device of {}, is revoked already{since}",
            line.fingerprint, line.person
        )
    });
    let first = said.next().unwrap_or_default();
    let mut failure = Failure::new(
        Exit::Failed,
        "already_revoked",
        format!("{first}; nothing was done."),
        "The relay refuses it.",
        "What it could open, and what has a new key since: `nahtlos device breach-report DEVICE`. New keys at \
         once: `nahtlos key rotate --all`.",
    );
    failure.details = said.collect();
    failure
}

fn not_found(input: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("No device of your institution matches \"{input}\"; nothing was done."),
        "A device is named by at least four characters of its fingerprint, or by its person, also one who left.",
        "See them: `nahtlos device`. Another institution's devices are revoked there.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(person: &str, fingerprint: &str, state: &'static str) -> DeviceLine {
        DeviceLine {
            fingerprint: fingerprint.into(),
            id: fingerprint.to_lowercase().repeat(8),
            name: None,
            words: String::new(),
            person: person.into(),
            person_id: person.into(),
            added_at_ms: 0,
            state,
            revoked: None,
            member_removed: None,
            heard_at_ms: None,
            this: false,
        }
    }

    fn named(lines: &[DeviceLine], input: &str) -> Result<String, String> {
        let found = device_named(lines, input);
        found
            .map(|line| line.fingerprint)
            .map_err(|failure| failure.code)
    }

    #[test]
    fn a_person_names_the_only_device_that_stands_and_what_ended_is_said_to_have_ended() {
        let lines = [
            line("Urs Keller", "AAAA-1", REVOKED),
            line("Urs Keller", "BBBB-2", "live"),
            line("Ursina Keller", "CCCC-3", "live"),
            line("Vera Trachsel", "DDDD-4", REVOKED),
            line("Anna Berger", "EEEE-5", "live"),
            line("Anna Berger", "EEEE-6", "live"),
        ];
        assert_eq!(named(&lines, "urs keller").as_deref(), Ok("BBBB-2"));
        assert_eq!(named(&lines, "bbbb").as_deref(), Ok("BBBB-2"));
        for (input, code) in [
            ("Keller", "ambiguous"),
            ("AAAA", "already_revoked"),
            ("Trachsel", "already_revoked"),
            ("Berger", "ambiguous"),
            ("EEEE", "ambiguous"),
            ("BBB", "not_found"),
            ("Nobody", "not_found"),
            ("", "not_found"),
        ] {
            assert_eq!(named(&lines, input), Err(code.into()), "{input}");
        }
    }
}
