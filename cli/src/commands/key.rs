//! `nahtlos key`.

use nahtlos_client::ClientError;
use serde_json::json;

use super::section_kind;
use crate::arguments::KeyCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, json};

const EXPLANATION: &str = "\
Each section of a case is encrypted with a key of its own. The relay stores only what is encrypted
and holds no key. Who is granted a section gets its key sealed to their team's or person's key, and
those are sealed to their people's devices: this device opens a section where such a chain leads to
it. This version makes no new key when somebody's right ends: what they received, and the key, they
keep.

  this device -> you -> your team -> section

`nahtlos key list` shows which keys are held here, `nahtlos key explain CASE SECTION` who holds one.";

pub fn run(context: &Context, command: Option<KeyCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(KeyCommand::List) => list(context),
        Some(KeyCommand::Explain {
            case: Some(case),
            section: Some(section),
        }) => explain(context, &case, &section),
        Some(KeyCommand::Explain { .. }) => Ok(Answer::sentence(
            json!({ "explanation": EXPLANATION }),
            EXPLANATION,
        )),
    }
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let keys = context.open()?.key_lines()?;
    let rows = keys
        .iter()
        .map(|line| {
            vec![
                line.space.clone(),
                line.kind.to_owned(),
                line.state.replace('_', " "),
                line.epochs.to_string(),
                line.wrapped_to.join(", "),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["key of", "kind", "here", "keys so far", "sealed to"],
        rows,
        "No key is held yet.",
    );
    Ok(Answer::new(json!({ "keys": json::value(&keys) }), page))
}

fn explain(context: &Context, case: &str, section: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let kind = section_kind(section)?;
    let case = nahtlos.find_case(case)?;
    let space = case.section(&kind)?.to_string();
    let line = nahtlos
        .key_lines()?
        .into_iter()
        .find(|line| line.id == space);
    let line = line.ok_or_else(|| ClientError::NotFound {
        what: "section",
        input: kind.code(),
    })?;
    let here = match (&line.explanation, line.state) {
        (None, _) => "yes: this device holds the current key".to_owned(),
        (Some(reason), "held") => format!("yes, the current key; but {reason}"),
        (Some(reason), _) => format!("no: {reason}"),
    };
    let page = Page::default()
        .title(format!("Key of {}", line.space))
        .fields([
            ("held here", Some(here)),
            ("sealed to", Some(line.wrapped_to.join(", "))),
            ("keys so far", Some(line.epochs.to_string())),
        ]);
    let page = page.line("Everybody in that list can open the section; the relay cannot.");
    Ok(Answer::new(json!({ "key": json::value(&line) }), page))
}
