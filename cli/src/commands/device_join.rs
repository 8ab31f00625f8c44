//! `nahtlos device add` and `device join`: one person, several devices.

use std::path::Path;

use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::ClientError;
use nahtlos_client::refusal::Refusal;
use nahtlos_protocol::wire::claim::{InvitationText, TextError};
use nahtlos_protocol::wire::device::DeviceInvitation;
use serde_json::json;

use super::founding;
use super::invitation::HandOver;
use super::values::parse_option;
use crate::arguments::HandingOver;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page};

/// What the text of an invitation begins with, of whatever kind: no file is called so.
const ANY_TEXT: &str = "nahtlos-";

pub fn add(context: &Context, handing_over: &HandingOver) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let hand_over = HandOver::prepare(handing_over)?;
    let text = nahtlos.invite_device().map_err(not_invited)?.to_string();
    Ok(hand_over
        .write(&text)?
        .note(
            "It is good for one device and one hour: run `nahtlos sync` here now, \
             `nahtlos device join` with it on the new device, and `nahtlos sync` here again.",
        )
        .note(
            "Whoever has it becomes you: let nobody else read it. The last sync shows the \
             fingerprint of the device that was added; compare it with what the new device shows.",
        ))
}

/// For a colleague who has no device left.
pub fn add_for(
    context: &Context,
    person: &str,
    handing_over: &HandingOver,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let directory = nahtlos.directory()?;
    let person = directory.find_person(person)?;
    let name = directory.person_name(&person);
    if Some(person) == nahtlos.identity().person {
        return Err(Failure::new(
            Exit::Usage,
            "oneself",
            "This is you, and you have this device; no invitation was made.",
            "`--for` lets a device in for a colleague who has none left.",
            "For a further device of yours: `nahtlos device add`.",
        ));
    }
    let hand_over = HandOver::prepare(handing_over)?;
    let text = nahtlos.invite_device_for(&person).map_err(not_for_them)?;
    Ok(hand_over
        .write(&text.to_string())?
        .note(format!(
            "It is good for one device and one hour: run `nahtlos sync` here now, and let {name} run `nahtlos \
             device join` with it on the new device."
        ))
        .note(format!(
            "Then run `nahtlos sync` here again, call {name} by a number you know, let them read the six words of \
             the new device to you, and run `nahtlos member confirm NUMBER --words \"WORDS\"`: `nahtlos \
             member waiting` shows the number. Nothing is let in before."
        )))
}

fn not_for_them(error: ClientError) -> Failure {
    match &error {
        ClientError::HasDevices { person, devices } => {
            let (person, devices) = (person.clone(), devices.join(", "));
            Failure::new(
                Exit::Failed,
                "has_devices",
                format!("{person} has a device still: {devices}. No invitation was made."),
                "A colleague lets a device in only for somebody who has none left; a paper is one too.",
                "If they are lost, end each: `nahtlos device revoke DEVICE --lost --now`, then this command \
                 again. If not: `nahtlos device add` on one of them, or `nahtlos device restore --paper`.",
            )
        }
        ClientError::NoRight { .. } => {
            let mut failure = Failure::from(error);
            failure.next =
                "Who left and comes back is invited as somebody new: `nahtlos member invite --team TEAM`. For a \
                 colleague ask somebody who administers your institution and works with them in a team: `nahtlos \
                 institution policy` and `nahtlos member` list them."
                    .into();
            failure
        }
        _ => error.into(),
    }
}

pub fn join(context: &Context, source: &str, name: Option<&str>) -> Result<Answer, Failure> {
    let name = parse_option::<Name>("name", name)?.map(|name| name.canonical());
    let invitation = read(source)?;
    let mut transport = context.transport(&invitation.url)?;
    let mut nahtlos = context.open_or_create()?;
    nahtlos
        .join_as_device(&mut transport, &invitation, &name.unwrap_or_default())
        .map_err(failed)?;
    let fingerprint = nahtlos.device_fingerprint();
    let data = json!({
        "device": fingerprint,
        "words": nahtlos.device_words(),
        "enrolment": "waiting_for_admission",
        "home": context.home,
    });
    let page = Page::default()
        .line("This device asked to be a further one of yours.")
        .fields([
            ("device", Some(fingerprint)),
            ("words", Some(nahtlos.device_words())),
            ("home", Some(context.home.display().to_string())),
        ]);
    Ok(Answer::new(data, page).note(
        "Now `nahtlos sync` on the device that made the invitation, within its hour: it must show this same \
         fingerprint. If it is a colleague's, or asks for the words, read them to it. Then run `nahtlos sync` \
         here.",
    ))
}

fn read(source: &str) -> Result<DeviceInvitation, Failure> {
    let text = if source.trim_start().to_lowercase().starts_with(ANY_TEXT) {
        source.to_owned()
    } else {
        input::read_text(Path::new(source))?
    };
    text.parse().map_err(|error| match error {
        TextError::OtherKind { .. } if text.parse::<InvitationText>().is_ok() => Failure::new(
            Exit::Failed,
            "other_invitation",
            "This invitation is for somebody new, not for a further device; nothing was done.",
            "A further device of a person is invited by one of that person's devices.",
            "Run `nahtlos device add` on a device that you have. To answer this one as somebody new: \
             `nahtlos member join --invitation FILE`, or `nahtlos institution join`.",
        ),
        TextError::OtherKind { .. } | TextError::Mistyped => Failure::new(
            Exit::Usage,
            ClientError::Text(error).code(),
            "This is not a whole invitation of a device; nothing was done.",
            "It begins with nahtlos-device-, and a character is wrong or missing.",
            "Copy the whole text that `nahtlos device add` printed, from its first to its last \
             character, and run the command again.",
        ),
        TextError::NeedsNewer => ClientError::Text(error).into(),
    })
}

fn not_invited(error: ClientError) -> Failure {
    let is_revoked = matches!(error, ClientError::NoRight { .. });
    let mut failure = Failure::from(error);
    if is_revoked {
        failure.next =
            "Use `nahtlos device add` on another device of yours, or your paper; without either, ask who administers \
             your institution to let a new one in: `nahtlos device add --for YOU`."
                .into();
    }
    failure
}

/// The advice for somebody who has both devices at hand.
fn failed(error: ClientError) -> Failure {
    let refusal = match &error {
        ClientError::Refused { refusal, .. } => Some(*refusal),
        _ => None,
    };
    let is_enrolled = matches!(error, ClientError::AlreadyEnrolled);
    let mut failure = founding::failed(error);
    let next = match refusal {
        Some(Refusal::InvitationUnknown) => {
            "Run `nahtlos sync` on the device that made the invitation, then this command again."
        }
        Some(Refusal::InvitationUsed) => {
            "If it was not a device of yours that used it, somebody else read the text: see `nahtlos device` \
             on the device that made it, and end what is not yours with `nahtlos device revoke DEVICE \
             --lost --now`. Then invite anew: `nahtlos device add` there."
        }
        Some(Refusal::InvitationExpired) => {
            "Make a new one with `nahtlos device add` on a device that you have; it is good for an hour."
        }
        _ if is_enrolled => {
            "See `nahtlos status`; to join as a further device, name an empty directory with `--home DIR`."
        }
        _ => return failure,
    };
    failure.next = next.into();
    failure
}
