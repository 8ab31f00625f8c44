//! `nahtlos device restore`.

use std::path::Path;

use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::ClientError;
use nahtlos_client::refusal::Refusal;
use nahtlos_protocol::wire::claim::TextError;
use nahtlos_protocol::wire::paper::PaperText;
use serde_json::json;

use super::values::parse_option;
use super::{founding, paper_words};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// What the text of a paper begins with: no file is called so.
const ANY_TEXT: &str = "nahtlos-";

pub fn restore(context: &Context, source: &str, name: Option<&str>) -> Result<Answer, Failure> {
    let name = parse_option::<Name>("name", name)?.map(|name| name.canonical());
    let text = read(source)?;
    let seed = paper_words::ask_all(&text.device)?;
    let mut transport = context.transport(&text.url)?;
    let mut nahtlos = context.open_or_create()?;
    let back = nahtlos
        .restore_by_paper(
            &context.home,
            &seed,
            &text,
            &name.unwrap_or_default(),
            &mut transport,
            &mut |_| {},
        )
        .map_err(failed)?;
    let (paper, others): (Vec<_>, Vec<_>) = back
        .others
        .iter()
        .partition(|line| line.fingerprint == text.device.to_string());
    let called = |line: &&nahtlos_client::devices::DeviceLine| match &line.name {
        Some(name) => format!("{name} ({})", line.fingerprint),
        None => line.fingerprint.clone(),
    };
    let data = json!({
        "person": back.person,
        "device": nahtlos.device_fingerprint(),
        "home": context.home,
        "paper": text.device.to_string(),
        "other_devices": json::value(&others),
        "notices": back.notices,
    });
    let page = Page::default()
        .line(format!("{} is back on this device.", back.person))
        .fields([
            ("device", Some(nahtlos.device_fingerprint())),
            ("brought by", paper.first().map(called)),
            ("home", Some(context.home.display().to_string())),
        ]);
    let mut answer = Answer::new(data, page);
    for notice in &back.notices {
        answer = answer.note(format!("Note: {notice}."));
    }
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(called).collect();
        answer = answer.note(format!(
            "Still yours: {}. End what is lost: `nahtlos device revoke DEVICE --lost --now`.",
            others.join(", ")
        ));
    }
    Ok(answer.note(format!(
        "If anybody may have seen the words, end the paper too and make a new one: `nahtlos device revoke \
         {} --now`, then `nahtlos key paper FILE.html`.",
        text.device
    )))
}

fn read(source: &str) -> Result<PaperText, Failure> {
    let text = if source.is_empty() {
        if !input::may_ask() {
            return Err(text_missing());
        }
        input::ask_line("The text on the paper below the words (spaces do not matter)")?
    } else if is_text(source) {
        source.to_owned()
    } else {
        input::read_text(Path::new(source))?
    };
    parse(&text)
}

/// The text of a paper.
///
/// # Errors
/// Where it is not one.
pub fn parse(text: &str) -> Result<PaperText, Failure> {
    text.parse().map_err(|error| match error {
        TextError::OtherKind { .. } | TextError::Mistyped => Failure::new(
            Exit::Usage,
            ClientError::Text(error).code(),
            "This is not the whole text of a paper; nothing was done.",
            "It begins with nahtlos-paper-, and a character is wrong or missing. It stands below the words.",
            "Read it again from its first to its last character, and run the command again.",
        ),
        TextError::NeedsNewer => ClientError::Text(error).into(),
    })
}

fn text_missing() -> Failure {
    Failure::new(
        Exit::Usage,
        "paper_text_missing",
        "The text of the paper is missing; nothing was done.",
        "It would be asked for at a terminal, and there is none.",
        "Give it: `nahtlos device restore --paper FILE`, or the text itself in its place.",
    )
}

/// A text that was typed from paper may have gaps anywhere.
fn is_text(source: &str) -> bool {
    let letters = source.chars().filter(|letter| !letter.is_whitespace());
    let letters: String = letters.collect();
    letters.to_lowercase().starts_with(ANY_TEXT)
}

fn failed(error: ClientError) -> Failure {
    let next = match &error {
        ClientError::AlreadyEnrolled => {
            "See `nahtlos status`; to come back on this machine, name an empty directory with `--home DIR`."
        }
        ClientError::Refused {
            refusal: Refusal::InvitationUsed | Refusal::InvitationExpired,
            ..
        } => "Run the command again.",
        ClientError::NotAdmitted => {
            "Run the command again; if this stays, ask who administers your institution to let a new device of yours \
             in: `nahtlos device add --for YOU`."
        }
        ClientError::NoRight { .. } => {
            "Ask who administers your institution: if you work there, to let a new device of yours in (`nahtlos device \
             add --for YOU`); if you had left, to invite you as somebody new (`nahtlos member invite --team TEAM`)."
        }
        _ => "",
    };
    let mut failure = founding::failed(error);
    if !next.is_empty() {
        failure.next = next.into();
    }
    failure
}
