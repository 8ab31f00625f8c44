//! `nahtlos held`: what could not be delivered or applied.

use std::path::Path;

use nahtlos_client::Nahtlos;
use nahtlos_client::status::HeldLine;
use serde_json::json;

use super::sync::count;
use crate::arguments::HeldCommand;
use crate::context::{Context, write_private_file};
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

pub fn run(context: &Context, command: Option<HeldCommand>) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    match command {
        None | Some(HeldCommand::List) => list(&nahtlos),
        Some(HeldCommand::Export { to }) => export(&nahtlos, &to),
    }
}

fn list(nahtlos: &Nahtlos) -> Result<Answer, Failure> {
    let held = nahtlos.held_lines()?;
    let rows = held
        .iter()
        .map(|line| {
            vec![
                where_of(nahtlos, line),
                line.sentence.clone(),
                match line.edits.len() {
                    0 => "from others".to_owned(),
                    edits => count(edits as u64, "edit of yours", "edits of yours"),
                },
            ]
        })
        .collect();
    let page = Page::default().table(&["section", "why", "what"], rows, "Nothing is held.");
    let answer = Answer::new(json!({ "held": json::value(&held) }), page);
    if held.iter().all(|line| line.edits.is_empty()) {
        return Ok(answer);
    }
    Ok(answer
        .note("`nahtlos held export --to FILE` writes your own refused edits, as you typed them."))
}

fn export(nahtlos: &Nahtlos, to: &Path) -> Result<Answer, Failure> {
    let held = nahtlos.set_aside_edits()?;
    let data = json!({ "held": json::value(&held) });
    let text = json::render(&data);
    if to.as_os_str() == "-" {
        return Ok(Answer::new(
            data,
            Page::default().verbatim(format!("{text}\n")),
        ));
    }
    write_private_file(to, format!("{text}\n").as_bytes())?;
    let edits: usize = held.iter().map(|line| line.edits.len()).sum();
    let said = format!(
        "{} in {}.",
        count(edits as u64, "edit is", "edits are"),
        to.display()
    );
    Ok(
        Answer::sentence(json!({ "file": to, "edits": edits }), said)
            .note("The file is not encrypted: delete it when it has served."),
    )
}

/// Case number and section, where this device knows them.
fn where_of(nahtlos: &Nahtlos, line: &HeldLine) -> String {
    let Some(space) = &line.space else {
        return String::new();
    };
    let cases = nahtlos.cases().unwrap_or_default();
    cases
        .iter()
        .find_map(|case| {
            let (code, _) = case.sections.iter().find(|(_, id)| *id == space)?;
            let number = case.summary.case_number.as_deref().unwrap_or(&case.id);
            Some(format!("{number} {code}"))
        })
        .unwrap_or_default()
}
