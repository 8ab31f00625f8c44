//! `nahtlos institution administrator`: who administers the institution, and who does no longer.

use nahtlos_client::administrators::AdministratorEnd;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::ending::{self, WITH_NEXT_SYNC};
use super::institution_policy::no_right;
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

/// What has to follow where it takes two.
const SECOND: &str = "Then another administrator has to agree: `nahtlos sync` and `nahtlos member waiting` on \
     their device say how. Until then it gives no right.";

pub fn add(context: &Context, person: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let (person, name) = named(&nahtlos, person)?;
    nahtlos.check_administrator(&person).map_err(not_added)?;
    let policy = nahtlos.institution_policy()?;
    let takes_two = policy.administrators > 1;
    let page = Page::default().line(format!(
        "{name} administers {}: invites and removes people, revokes devices, founds teams, and reads no case \
         by that.",
        policy.institution
    ));
    let page = match takes_two {
        true => page.line("It takes two: another administrator has to confirm it afterwards."),
        false => page,
    };
    let data = |done: &str| json!({ "done": done, "person": name, "takes_two": takes_two });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Make them one?", data)? {
        return Ok(answer);
    }
    nahtlos.add_administrator(&person).map_err(not_added)?;
    let said = if takes_two {
        format!(
            "{name} is to become an administrator of {}.",
            policy.institution
        )
    } else {
        format!("{name} becomes an administrator of {}.", policy.institution)
    };
    let answer = Answer::sentence(data("decided"), said).note(WITH_NEXT_SYNC);
    Ok(if takes_two {
        answer.note(SECOND)
    } else {
        answer
    })
}

pub fn remove(context: &Context, person: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let (person, name) = named(&nahtlos, person)?;
    let end = nahtlos
        .preview_administrator_end(&person)
        .map_err(|error| not_removed(error, &name))?;
    let data = |done: &str| json!({ "done": done, "end": json::value(&end) });
    let answer = ending::unless_confirmed(answered, page(&end), "Remove them?", data)?;
    if let Some(answer) = answer {
        return Ok(answer);
    }
    nahtlos.end_administrator(&person)?;
    let said = format!("{name} administers {} no longer.", end.institution);
    let answer = Answer::sentence(data("removed"), said).note(WITH_NEXT_SYNC);
    Ok(match end.is_oneself {
        true => answer,
        false => answer.note("Their device tells them with its next sync."),
    })
}

fn page(end: &AdministratorEnd) -> Page {
    let AdministratorEnd {
        institution,
        person,
        remaining,
        stays_in,
        ..
    } = end;
    let page = Page::default().title(format!("{person} administers {institution} no longer"));
    let page = page.fields([
        ("who goes on administering it", Some(remaining.join(", "))),
        (
            "stays in",
            (!stays_in.is_empty()).then(|| stays_in.join(", ")),
        ),
    ]);
    if stays_in.is_empty() {
        return page.line(format!(
            "ATTENTION: {person} is in no team: with this their membership of {institution} ends for good. Their devices \
             receive nothing any more, and they come back only as somebody new (`nahtlos member invite`)."
        ));
    }
    let page = page.line(
        "They let nobody in and remove nobody there any more. Their teams, what they lead and their devices stay \
         as they are; somebody who leaves is removed from each team besides: `nahtlos member remove`.",
    );
    if remaining.len() > 1 {
        return page;
    }
    page.line(
        "One is left: have two, so that a lost device does not shut the institution: `nahtlos institution \
         administrator PERSON`.",
    )
}

fn named(nahtlos: &Nahtlos, person: &str) -> Result<(SpaceId, String), Failure> {
    let directory = nahtlos.directory()?;
    let person = directory.find_person(person)?;
    let name = directory.person_name(&person);
    Ok((person, name))
}

fn not_added(error: ClientError) -> Failure {
    match error {
        ClientError::NothingToChange => Failure::new(
            Exit::Failed,
            "nothing_to_change",
            "They administer your institution already, or wait to; nothing was decided.",
            "Each person is made an administrator once.",
            "See who is: `nahtlos institution show`. Who waits: `nahtlos member waiting`.",
        ),
        ClientError::NoRight { .. } => no_right(error),
        other => other.into(),
    }
}

fn not_removed(error: ClientError, name: &str) -> Failure {
    match error {
        ClientError::NotFound { .. } => Failure::new(
            Exit::Failed,
            "not_found",
            format!("{name} does not administer your institution; nothing was decided."),
            "They never did, or their part was ended before.",
            "See who does: `nahtlos institution show`. From a team: `nahtlos member remove PERSON --team TEAM`.",
        ),
        ClientError::LastManager => Failure::new(
            Exit::NoRight,
            "last_administrator",
            format!("{name} cannot be removed: too few would be left; nothing was decided."),
            "Somebody with a device has to administer the institution, and two have to where it takes two to \
             make one. A recovery key alone is not enough: it acts through somebody.",
            "Make another one first: `nahtlos institution administrator PERSON`, then `nahtlos sync`; who does: \
             `nahtlos institution show`.",
        ),
        ClientError::NoRight { .. } => no_right(error),
        other => other.into(),
    }
}
