//! `nahtlos device`.

use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::devices::DeviceLine;
use nahtlos_client::former_people::MemberRemoval;
use nahtlos_client::{ClientError, Named};
use serde_json::json;

use super::values::parse;
use super::{device_breach, device_join, device_restore, device_revoke, device_wipe};
use crate::arguments::DeviceCommand;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// States of a device.
const LIVE: &str = "live";
const REVOKED: &str = "revoked";
/// Characters of a fingerprint or id by which a device may be named.
const INPUT_CHARACTERS_MIN: usize = 4;

pub fn run(context: &Context, command: Option<DeviceCommand>) -> Result<Answer, Failure> {
    match command {
        None => list(context, None),
        Some(DeviceCommand::List { person }) => list(context, person.as_deref()),
        Some(DeviceCommand::Add {
            colleague,
            handing_over,
        }) => match colleague {
            Some(person) => device_join::add_for(context, &person, &handing_over),
            None => device_join::add(context, &handing_over),
        },
        Some(DeviceCommand::Join { invitation, name }) => {
            device_join::join(context, &invitation, name.as_deref())
        }
        Some(DeviceCommand::Rename { device, name }) => rename(context, &device, &name),
        Some(DeviceCommand::Restore { paper, name }) => {
            device_restore::restore(context, &paper, name.as_deref())
        }
        Some(DeviceCommand::Revoke {
            device,
            lost,
            now,
            answered,
        }) => device_revoke::revoke(context, &device, lost, now, answered),
        Some(DeviceCommand::BreachReport { device, format, to }) => {
            device_breach::report(context, device.as_deref(), format, to.as_deref())
        }
        Some(DeviceCommand::Wipe { answered }) => device_wipe::wipe(context, answered),
    }
}

fn list(context: &Context, person: Option<&str>) -> Result<Answer, Failure> {
    let mut devices = context.open()?.devices()?;
    if let Some(person) = person {
        devices.retain(|line| fits(line, person));
        if devices.is_empty() {
            return Err(nobody(person));
        }
    }
    let rows = devices.iter().map(|line| row(line, &devices)).collect();
    let head = ["device", "name", "person", "last wrote", ""];
    let page = Page::default().table(&head, rows, "No device is known yet.");
    Ok(Answer::new(
        json!({ "devices": json::value(&devices) }),
        page,
    ))
}

/// Of two people of one name, each with the beginning of the id that tells them apart.
fn person(line: &DeviceLine, all: &[DeviceLine]) -> String {
    let name = line.person.to_lowercase();
    let is_another = |other: &&DeviceLine| {
        other.person_id != line.person_id && other.person.to_lowercase() == name
    };
    match (
        all.iter().find(is_another),
        line.person_id.get(..ID_CHARACTERS),
    ) {
        (Some(_), Some(id)) => format!("{} (id {id})", line.person),
        _ => line.person.clone(),
    }
}

fn row(line: &DeviceLine, all: &[DeviceLine]) -> Vec<String> {
    vec![
        line.fingerprint.clone(),
        line.name.clone().unwrap_or_default(),
        person(line, all),
        line.heard_at_ms.map_or_else(String::new, dates::moment),
        standing(line),
    ]
}

/// How a device stands, and its person where they left.
fn standing(line: &DeviceLine) -> String {
    let device = match (line.state, &line.revoked) {
        (LIVE, _) if line.this => "this device".to_owned(),
        (LIVE, _) => String::new(),
        (REVOKED, Some(revoked)) => {
            let lost = if revoked.is_lost() { " as lost" } else { "" };
            format!("revoked{lost} {}", dates::moment(revoked.at_ms()))
        }
        (REVOKED, None) => "revoked".to_owned(),
        _ => "waits to be confirmed".to_owned(),
    };
    let removed = line.member_removed.as_ref();
    let removed = removed.map(|removed| format!("member removed {}", dates::moment(removed.at_ms)));
    let parts = [Some(device).filter(|device| !device.is_empty()), removed];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn nobody(person: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("No device of your institution is of anybody called \"{person}\"."),
        "Somebody who left is listed too; another institution's devices are listed there.",
        "See all: `nahtlos device`.",
    )
}

fn rename(context: &Context, input: &str, name: &str) -> Result<Answer, Failure> {
    let name = parse::<Name>("name", name)?.canonical();
    let (device, before) = context
        .open()?
        .rename_device(input, &name)
        .map_err(|error| not_renamed(error, input))?;
    let data = json!({ "device": device, "name": name, "before": before });
    let said = format!("Your device {device} is called {name} now.");
    Ok(Answer::sentence(data, said)
        .note("Your other devices see it once this one and they have run `nahtlos sync`."))
}

fn not_renamed(error: ClientError, input: &str) -> Failure {
    match error {
        ClientError::NotFound { .. } => Failure::new(
            Exit::Failed,
            "not_found",
            format!("No device of yours matches \"{input}\"; nothing was renamed."),
            "A device is named by its name or by at least four characters of its fingerprint. \
             Colleagues name their own devices.",
            "See them: `nahtlos device`.",
        ),
        ClientError::NoRight { .. } => {
            let mut failure = Failure::from(error);
            failure.next = "Use `nahtlos device rename` on another device of yours.".into();
            failure
        }
        other => other.into(),
    }
}

/// Whether somebody means this device by the beginning of its fingerprint or id.
pub fn is_shown(line: &DeviceLine, input: &str) -> bool {
    let wanted = input.trim().to_lowercase();
    let starts = |text: &str| text.to_lowercase().starts_with(&wanted);
    wanted.len() >= INPUT_CHARACTERS_MIN && (starts(&line.fingerprint) || starts(&line.id))
}

/// Characters of a person's id that name them.
pub const ID_CHARACTERS: usize = 8;

/// Whether its person's name fits, or the beginning of their id.
pub fn fits(line: &DeviceLine, input: &str) -> bool {
    let wanted = Named::parse(input);
    !wanted.is_empty() && wanted.fits(&line.person, &line.person_id)
}

/// What became of who left, after their name.
pub fn in_words(removed: &MemberRemoval) -> String {
    let by = removed.by.as_ref();
    format!(
        "is no member any more since {}: removed from {}{}{}",
        dates::moment(removed.at_ms),
        removed.from,
        by.map_or_else(String::new, |by| format!(" by {by}")),
        removed.reason.map_or_else(String::new, |reason| format!(
            " ({})",
            reason.replace('_', " ")
        ))
    )
}
