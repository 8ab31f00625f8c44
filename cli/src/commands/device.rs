//! `nahtlos device`.

use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::devices::DeviceLine;
use nahtlos_client::ending::{Ending, Reason, WHAT_STAYS_READABLE};
use nahtlos_client::rotation::{Rotation, RotationReport};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use serde_json::json;

use super::ending::{self, End, WITH_NEXT_SYNC};
use super::sync::count;
use super::values::parse;
use super::{device_breach, device_join, device_restore, device_wipe, key};
use crate::arguments::{Answered, DeviceCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// States of a device.
const LIVE: &str = "live";
const REVOKED: &str = "revoked";

pub fn run(context: &Context, command: Option<DeviceCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(DeviceCommand::List) => list(context),
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
        }) => revoke(context, &device, lost, now, answered),
        Some(DeviceCommand::BreachReport { device, format, to }) => {
            device_breach::report(context, device.as_deref(), format, to.as_deref())
        }
        Some(DeviceCommand::Wipe { answered }) => device_wipe::wipe(context, answered),
    }
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let devices = context.open()?.devices()?;
    let rows = devices.iter().map(row).collect();
    let head = ["device", "name", "person", "last seen", ""];
    let page = Page::default().table(&head, rows, "No device is known yet.");
    Ok(Answer::new(
        json!({ "devices": json::value(&devices) }),
        page,
    ))
}

fn row(line: &DeviceLine) -> Vec<String> {
    vec![
        line.fingerprint.clone(),
        line.name.clone().unwrap_or_default(),
        line.person.clone(),
        line.heard_at_ms.map_or_else(String::new, dates::moment),
        match (line.state, line.this) {
            (LIVE, true) => "this device",
            (LIVE, false) => "",
            (REVOKED, _) => "revoked",
            _ => "waits to be confirmed",
        }
        .to_owned(),
    ]
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

fn revoke(
    context: &Context,
    input: &str,
    lost: bool,
    now: bool,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let ending = device_named(&nahtlos, input)?;
    let Ending::Device(person, device) = ending else {
        return Err(not_found(input));
    };
    let rotation = Rotation::HeldByDevice(device);
    let ends = [End::of(&nahtlos, ending)?];
    let keys = nahtlos.preview_rotation(&rotation)?;
    let others = nahtlos.left_to_others(&rotation)?;
    let name = nahtlos.directory()?.person_name(&person);
    let page = revocation_page(&nahtlos, &person, &name, &ends, keys, now)?;
    let data = |done: &str| {
        let mut data = ending::data(done, &ends);
        data["keys"] = json::value(&keys);
        data["left_to_others"] = json::value(&others);
        data
    };
    if let Some(answer) = ending::unless_confirmed(answered, page, "Revoke it?", data)? {
        return Ok(answer);
    }
    let reason = if lost {
        Reason::DeviceLost
    } else {
        Reason::Unstated
    };
    ending::carry_out(&mut nahtlos, &ends, reason)?;
    let said = format!("Revoked: {}, a device of {name}.", ends[0].preview.member);
    if !now {
        return Ok(Answer::sentence(data("revoked"), said)
            .note(WHAT_STAYS_READABLE)
            .note(WITH_NEXT_SYNC));
    }
    let report = key::rotate_with_bar(context, &mut nahtlos, &rotation)?;
    let mut data = data("revoked");
    data["rotation"] = json::value(&report);
    Ok(key::told(
        Answer::new(data, Page::default().line(said).line(key::in_words(report))),
        report,
        &others,
    ))
}

fn revocation_page(
    nahtlos: &Nahtlos,
    person: &SpaceId,
    name: &str,
    ends: &[End],
    keys: RotationReport,
    now: bool,
) -> Result<Page, Failure> {
    let others = devices_of(nahtlos, person)?.len().saturating_sub(1);
    let mut page = ending::page(format!("A device of {name}"), ends);
    page = page.line(format!(
        "{} could be opened by it{}",
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
    ));
    if keys.not_ours > 0 {
        page = page.line(format!(
            "{} more: their own writers renew the key, with their next edit.",
            keys.not_ours
        ));
    }
    if others == 0 {
        page = page.line(format!(
            "It is {name}'s only device: until another one is added they read and write nothing."
        ));
    }
    Ok(page.line("What it stores already stays on it, protected by its passphrase alone."))
}

/// A device by the beginning of its fingerprint or id, or the only one of a person.
fn device_named(nahtlos: &Nahtlos, input: &str) -> Result<Ending, Failure> {
    match nahtlos.device_to_revoke(input) {
        Err(ClientError::NotFound { .. }) => {}
        found => return Ok(found?),
    }
    let person = nahtlos.directory()?.find_member(input);
    let person = person.map_err(|_| not_found(input))?;
    let devices = devices_of(nahtlos, &person)?;
    match devices.as_slice() {
        [one] => Ok(nahtlos.device_to_revoke(&one.id)?),
        [] => Err(not_found(input)),
        several => Err(super::ambiguous(
            "devices",
            input,
            several.iter().map(|line| line.fingerprint.clone()),
        )),
    }
}

fn devices_of(nahtlos: &Nahtlos, person: &SpaceId) -> Result<Vec<DeviceLine>, ClientError> {
    let name = nahtlos.directory()?.person_name(person);
    let mut devices = nahtlos.devices()?;
    devices.retain(|line| line.person == name && line.state != REVOKED);
    Ok(devices)
}

fn not_found(input: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("No device of your institution matches \"{input}\"; nothing was done."),
        "A device is named by at least four characters of its fingerprint, or by its person.",
        "See them: `nahtlos device`. Another institution's devices are revoked there.",
    )
}
