//! `nahtlos doctor`: looks for what is wrong and changes nothing.

use nahtlos_client::{ClientError, Nahtlos};
use serde::Serialize;
use serde_json::json;

use crate::context::{Context, is_private};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};
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

pub fn run(context: &Context) -> Answer {
    let mut checks = files(context);
    match context.open() {
        Ok(mut nahtlos) => checks.extend(unlocked(context, &mut nahtlos)),
        Err(failure) => checks.push(failed("vault", &failure)),
    }
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
    Answer::new(
        json!({ "sound": sound, "checks": json::value(&checks) }),
        page,
    )
    .exit(exit)
}

fn files(context: &Context) -> Vec<Check> {
    let mut checks = Vec::new();
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

fn unlocked(context: &Context, nahtlos: &mut Nahtlos) -> Vec<Check> {
    let mut checks = vec![vault(nahtlos)];
    match nahtlos.status() {
        Ok(status) => {
            checks.push(check(
                "enrolment",
                status.enrolment == "enrolled",
                match status.enrolment {
                    "enrolled" => "this device is part of a network".into(),
                    "waiting_for_admission" => "not admitted yet: who invited you must sync".into(),
                    _ => "this device has not founded or joined anything yet".into(),
                },
            ));
            checks.push(check(
                "relay's memory",
                status.relay_went_back == 0,
                match status.relay_went_back {
                    0 => "the relay never went back to an earlier state".into(),
                    times => format!(
                        "it went back {times} time(s): tell its operator; what you typed is still on this device"
                    ),
                },
            ));
            checks.push(check(
                "sections",
                status.foreign_sections == 0,
                match status.foreign_sections {
                    0 => "every section belongs to the case it names".into(),
                    number => format!(
                        "{number} shared with you claim a case they are no part of and are not \
                         shown: opened twice at once by colleagues, or by a modified program; tell the \
                         coordinating office"
                    ),
                },
            ));
            checks.push(check(
                "held",
                status.held.is_empty(),
                match status.held.len() {
                    0 => "nothing is held".into(),
                    number => format!(
                        "{number} held: see `nahtlos held`; `nahtlos sync --all` asks again for what is missing"
                    ),
                },
            ));
        }
        Err(error) => checks.push(failed("status", &error.into())),
    }
    if nahtlos.relay_url().is_some() {
        checks.extend(relay(context, nahtlos));
    }
    checks
}

fn vault(nahtlos: &mut Nahtlos) -> Check {
    match nahtlos.vault_mut().check() {
        Ok(report) if report.is_sound() => check(
            "vault",
            true,
            format!("all {} records open", report.sound_records),
        ),
        Ok(report) => {
            let damaged: u64 = report.damaged_records.values().sum();
            let problems = report.unknown_rows + report.database_problems.len() as u64;
            check(
                "vault",
                false,
                format!(
                    "{damaged} records damaged, {problems} problems of the file: copy the home \
                     directory somewhere safe before you go on"
                ),
            )
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
