//! `nahtlos draft`: what was typed for changes that were not stored.

use nahtlos_client::Nahtlos;
use nahtlos_client::drafts::Draft;
use serde_json::json;

use super::ending;
use super::sync::count;
use crate::arguments::{Answered, DraftCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json, visible};

pub fn run(context: &Context, command: Option<DraftCommand>) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    match command {
        None | Some(DraftCommand::List) => list(&nahtlos),
        Some(DraftCommand::Show { draft, answer }) => show(&nahtlos, draft, answer),
        Some(DraftCommand::Discard { draft, answered }) => discard(&mut nahtlos, draft, answered),
    }
}

/// What `status` says of them; none where there are none.
///
/// # Errors
/// Where the vault cannot be read.
pub fn waiting(nahtlos: &Nahtlos) -> Result<Option<String>, Failure> {
    let drafts = nahtlos.drafts()?.len() as u64;
    Ok((drafts > 0).then(|| format!("{}: see `nahtlos draft`", count(drafts, "draft", "drafts"))))
}

fn list(nahtlos: &Nahtlos) -> Result<Answer, Failure> {
    let drafts = nahtlos.drafts()?;
    let rows = drafts
        .iter()
        .map(|draft| {
            vec![
                draft.number.to_string(),
                dates::moment(draft.typed_at_ms),
                draft.command.clone(),
                count(draft.answers.len() as u64, "answer", "answers"),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["draft", "typed", "command that goes on with it", "holds"],
        rows,
        "No draft: everything that was typed here is stored.",
    );
    Ok(Answer::new(json!({ "drafts": json::value(&drafts) }), page))
}

fn show(nahtlos: &Nahtlos, number: u32, answer: Option<usize>) -> Result<Answer, Failure> {
    let draft = nahtlos.draft(number)?;
    let Some(wanted) = answer else {
        return Ok(Answer::new(json::value(&draft), told(&draft)));
    };
    let found = wanted.checked_sub(1).and_then(|at| draft.answers.get(at));
    let found = found.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "not_found",
            format!("Draft {number} has no answer {wanted}."),
            "",
            format!("See its answers with their numbers: `nahtlos draft show {number}`."),
        )
    })?;
    let page = Page::default().verbatim(format!("{}\n", visible(&found.text)));
    Ok(Answer::new(json::value(found), page))
}

fn discard(nahtlos: &mut Nahtlos, number: u32, answered: Answered) -> Result<Answer, Failure> {
    let draft = nahtlos.draft(number)?;
    let data = |done: &str| json!({ "done": done, "draft": json::value(&draft) });
    let page = told(&draft);
    if let Some(answer) = ending::unless_confirmed(answered, page, "Discard it for good?", data)? {
        return Ok(answer);
    }
    nahtlos.discard_draft(number)?;
    Ok(Answer::sentence(
        data("discarded"),
        format!("Draft {number} is discarded."),
    ))
}

fn told(draft: &Draft) -> Page {
    let page = Page::default().fields([
        ("draft", Some(draft.number.to_string())),
        ("typed", Some(dates::moment(draft.typed_at_ms))),
        ("goes on with", Some(draft.command.clone())),
    ]);
    let answers = draft.answers.iter().zip(1..);
    answers.fold(page, |page, (answer, number)| {
        let text = visible(&answer.text).replace('\n', "\n    ");
        page.verbatim(format!("{number}  {}:\n    {text}\n", answer.question))
    })
}
