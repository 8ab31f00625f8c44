//! `nahtlos doctor`: looks for what is wrong and changes nothing, but that with `--acknowledge` a
//! person takes note of a relay that went back.

use std::collections::BTreeMap;

use nahtlos_client::incidents::{Acknowledged, Incident};
use nahtlos_client::key_report::KeyLine;
use nahtlos_client::status::Status;
use nahtlos_client::{ClientError, Nahtlos};
use serde::Serialize;
use serde_json::json;

use super::attention;
use super::sync::count;
use crate::context::{Context, is_private};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};
use crate::passphrase;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    check: &'static str,
    sound: bool,
    says: String,
    #[serde(skip)]
    exit: Exit,
}

/// Clocks further apart make times in histories misleading.
const CLOCK_TOLERANCE_MS: u64 = 2 * 60 * 1000;

pub fn run(context: &Context, acknowledge: bool) -> Result<Answer, Failure> {
    let mut checks = files(context);
    let mut acknowledged = None;
    match context.open() {
        Ok(mut nahtlos) => {
            if acknowledge {
                acknowledged = Some(nahtlos.acknowledge_incidents()?);
            }
            checks.extend(unlocked(context, &mut nahtlos));
        }
        Err(failure) if acknowledge => return Err(failure),
        Err(failure) => checks.push(failed("vault", &failure)),
    }
    // Worst first; where all is well the order is that of looking.
    checks.sort_by_key(|check| check.sound);
    let rows = checks
        .iter()
        .map(|check| {
            let mark = if check.sound { "ok" } else { "NOT OK" };
            vec![mark.into(), check.check.into(), check.says.clone()]
        })
        .collect();
    let exit = checks
        .iter()
        .filter(|check| !check.sound)
        .map(|check| check.exit)
        .max_by_key(|exit| *exit != Exit::RelayUnreachable)
        .unwrap_or(Exit::Done);
    let sound = exit == Exit::Done;
    let page = Page::default().table(&["", "what", "says"], rows, "");
    let data = json!({
        "sound": sound,
        "acknowledged": acknowledged.map(|noted| noted.incidents),
        "left": acknowledged.map(|noted| json!({
            "refused": noted.refused,
            "waiting": noted.waiting,
            "forks": noted.forks,
        })),
        "checks": json::value(&checks),
    });
    let answer = Answer::new(data, page).exit(exit);
    Ok(match acknowledged {
        None => answer,
        Some(noted) if noted.incidents == 0 => {
            answer.note("There was nothing new to take note of.")
        }
        Some(noted) => answer.note(noted_words(noted)),
    })
}

/// What a person took note of, and what stays missing at the relay.
fn noted_words(noted: Acknowledged) -> String {
    let parts = [
        (
            noted.refused,
            "item that it refused",
            "items that it refused",
        ),
        (
            noted.waiting,
            "item that it lacks something for",
            "items that it lacks something for",
        ),
        (
            noted.forks,
            "log that others have to join",
            "logs that others have to join",
        ),
    ];
    let missing: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, more)| count(number, one, more))
        .collect();
    let noted = "Noted. It stays in the history; the next time is told again.";
    if missing.is_empty() {
        return noted.into();
    }
    format!(
        "{noted} Still missing at the relay, and safe on this device: {}.",
        missing.join("; ")
    )
}

fn files(context: &Context) -> Vec<Check> {
    let mut checks = Vec::new();
    for (file, failure) in super::list::unusable(context) {
        let first = failure.details.iter().next().cloned().unwrap_or_default();
        let says = format!("{} is not usable: {first} {}", file.display(), failure.next);
        checks.push(check("list of names", false, says));
    }
    if let Some(private) = is_private(&context.home) {
        let home = context.home.display();
        checks.push(check(
            "home directory",
            private,
            if private {
                format!("{home} is yours alone")
            } else {
                format!("others can read {home}: run `chmod 700` on it")
            },
        ));
    }
    if let Some(file) = std::env::var_os(passphrase::FILE_VARIABLE) {
        let path = std::path::Path::new(&file);
        if let Some(private) = is_private(path) {
            checks.push(check(
                "passphrase file",
                private,
                if private {
                    "it is yours alone".into()
                } else {
                    format!("others can read {}: run `chmod 600` on it", path.display())
                },
            ));
        }
    }
    checks
}

/// Who saw the shares of a recovery key can use it again.
fn recovery_key(nahtlos: &Nahtlos) -> Option<Check> {
    let lines = nahtlos.recovery_lines().ok()?;
    let present = lines.iter().find(|line| line.is_present)?;
    let lost = present.custodians.iter().filter(|one| !one.holds());
    let lost: Vec<&str> = lost.map(|one| one.name.as_str()).collect();
    let who = format!(
        "who manages {} makes a new one, `nahtlos recovery setup`",
        present.institution
    );
    let says = match present.uses.last() {
        Some(used) => format!(
            "used on {} for {}: {who}",
            dates::moment(used.claimed_at_ms),
            used.group
        ),
        None if !lost.is_empty() => format!(
            "{} cannot hand over a share any more: {who}",
            lost.join(", ")
        ),
        None => "set up, and not used".to_owned(),
    };
    let sound = present.uses.is_empty() && lost.is_empty();
    Some(check("recovery key", sound, says))
}

fn unlocked(context: &Context, nahtlos: &mut Nahtlos) -> Vec<Check> {
    let mut checks = vec![vault(nahtlos)];
    match nahtlos.status() {
        Ok(status) => {
            checks.push(check(
                "enrolment",
                status.enrolment == "enrolled",
                match status.enrolment {
                    "enrolled" => "this device is part of a network".into(),
                    "waiting_for_admission" => {
                        "not admitted yet: the device that made the invitation must sync".into()
                    }
                    "waiting_for_confirmation" => {
                        "added, not let in yet: another administrator must confirm this device"
                            .into()
                    }
                    "revoked" => "this device was revoked: it receives nothing more".into(),
                    "removed" => {
                        "you are a member of nothing any more: this device receives nothing more"
                            .into()
                    }
                    "outside" => {
                        "your institution takes no part in the network any more: this device receives nothing \
                         more, and nothing that waits here is ever delivered"
                            .into()
                    }
                    "unanswered" => {
                        "founding or joining has begun: `nahtlos sync` goes on with it".into()
                    }
                    _ => "this device has not founded or joined anything yet".into(),
                },
            ));
            checks.push(memory(&status.incidents));
            checks.extend(signs(nahtlos, &status));
            checks.extend(recovery_key(nahtlos));
        }
        Err(error) => checks.push(failed("status", &error.into())),
    }
    // A restored backup asks the relay nothing: that would be in its old device's name.
    let is_restored = nahtlos
        .restored_backup()
        .is_ok_and(|backup| backup.is_some());
    if nahtlos.relay_url().is_some() && !is_restored {
        checks.extend(relay(context, nahtlos));
    }
    checks
}

/// Whether the relay ever went back to an earlier state. Once somebody took note of it, that is
/// history.
fn memory(incidents: &[Incident]) -> Check {
    let Some(last) = incidents.last() else {
        let says = "the relay never went back to an earlier state".into();
        return check("relay's memory", true, says);
    };
    let noticed = count(incidents.len() as u64, "time", "times");
    let what = format!(
        "this device noticed {noticed} that it had gone back, last on {} (a device that did not sync \
         in between notices several as one): it gave it {} again",
        dates::moment(last.noticed_at_ms),
        count(
            incidents.iter().map(|one| one.taken_back).sum(),
            "item",
            "items"
        ),
    );
    if incidents.iter().all(|one| one.acknowledged_at_ms.is_some()) {
        let noted = last.acknowledged_at_ms.map(dates::moment);
        let says = format!("{what}; noted on {}", noted.unwrap_or_default());
        return check("relay's memory", true, says);
    }
    let says = format!(
        "{what}. Tell its operator, who may have restored an old backup; when nothing waits any more, \
         take note of it: `nahtlos doctor --acknowledge`"
    );
    check("relay's memory", false, says)
}

/// What needs attention, and which sections do not open; one good line where nothing does.
fn signs(nahtlos: &Nahtlos, status: &Status) -> Vec<Check> {
    let mut checks = Vec::new();
    match attention::signs(nahtlos, status) {
        Ok(signs) if signs.is_empty() => {
            checks.push(check(
                "held",
                true,
                "nothing is held, came back or waits".into(),
            ));
        }
        Ok(signs) => checks.extend(
            signs
                .into_iter()
                .map(|sign| check(sign.code, false, format!("{} {}", sign.says, sign.next))),
        ),
        Err(failure) => checks.push(failed("attention", &failure)),
    }
    match nahtlos.key_lines() {
        Ok(lines) => checks.push(keys(&lines)),
        Err(error) => checks.push(failed("keys", &error.into())),
    }
    checks
}

/// Sections that cannot be opened, and why; those of one reason together.
fn keys(lines: &[KeyLine]) -> Check {
    let mut closed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.state != "held") {
        let why = line.explanation.as_deref().unwrap_or(line.state);
        closed.entry(why).or_default().push(&line.space);
    }
    if closed.is_empty() {
        return check("keys", true, "every section shared with you opens".into());
    }
    let says: Vec<String> = closed
        .iter()
        .map(|(why, spaces)| match spaces.as_slice() {
            [one] => format!("{one}: {why}"),
            [first, rest @ ..] => format!("{first} and {} more: {why}", rest.len()),
            [] => String::new(),
        })
        .collect();
    // What ended or was never given is as it should be.
    let waits = lines.iter().any(|line| {
        !matches!(
            line.state,
            "held" | "ended" | "expired" | "cut_before" | "not_granted"
        )
    });
    check(
        "keys",
        !waits,
        format!("{}. See `nahtlos key list`.", says.join("; ")),
    )
}

fn vault(nahtlos: &mut Nahtlos) -> Check {
    match nahtlos.vault_mut().check() {
        Ok(report) if report.is_sound() => check(
            "vault",
            true,
            format!("all {} records open", report.sound_records),
        ),
        Ok(report) => {
            let says = format!(
                "{} damaged, {} of the file: copy the home directory somewhere safe, then see which: \
                 `nahtlos vault check`",
                count(report.damaged(), "record", "records"),
                count(report.database_problems.len() as u64, "problem", "problems")
            );
            check("vault", false, says)
        }
        Err(error) => failed("vault", &ClientError::Vault(error).into()),
    }
}

fn relay(context: &Context, nahtlos: &Nahtlos) -> Vec<Check> {
    let probe = context
        .transport_of(nahtlos)
        .and_then(|mut transport| Ok(nahtlos.probe(&mut transport)?));
    match probe {
        Ok(probe) => {
            let seconds = probe.clock_offset_ms.unsigned_abs() / 1000;
            let right = probe.clock_offset_ms.unsigned_abs() <= CLOCK_TOLERANCE_MS;
            let url = nahtlos.relay_url().unwrap_or_default();
            vec![
                check(
                    "relay",
                    true,
                    format!("{url} answers and is the relay of your network"),
                ),
                check(
                    "clock",
                    right,
                    if right {
                        format!("{seconds} s beside the relay's")
                    } else {
                        format!("{seconds} s beside the relay's: set this machine's clock")
                    },
                ),
            ]
        }
        Err(failure) => vec![failed("relay", &failure)],
    }
}

fn check(check: &'static str, sound: bool, says: String) -> Check {
    Check {
        check,
        sound,
        says,
        exit: Exit::Failed,
    }
}

fn failed(check: &'static str, failure: &Failure) -> Check {
    Check {
        check,
        sound: false,
        says: format!("{} {}", failure.what, failure.why),
        exit: failure.exit,
    }
}
