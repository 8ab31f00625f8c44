//! `nahtlos decision`: changes of access that came back, and those that wait for the next sync.

use nahtlos_client::Nahtlos;
use nahtlos_client::intents::returned::Decision;
use serde_json::json;

use super::ending;
use crate::arguments::{Answered, DecisionCommand};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// Characters of an identifier that lists show.
const SHOWN: usize = 8;

pub fn run(context: &Context, command: Option<DecisionCommand>) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    match command {
        None | Some(DecisionCommand::List) => list(&nahtlos),
        Some(DecisionCommand::Retry { decision, answered }) => {
            retry(&mut nahtlos, &decision, answered)
        }
        Some(DecisionCommand::Drop { decision, answered }) => {
            drop(&mut nahtlos, &decision, answered)
        }
    }
}

/// Decisions that a person must take again.
///
/// # Errors
/// Where the vault cannot be read.
pub fn returned(nahtlos: &Nahtlos) -> Result<Vec<Decision>, Failure> {
    let mut decisions = nahtlos.decisions()?;
    decisions.retain(|decision| decision.state == "returned");
    Ok(decisions)
}

fn list(nahtlos: &Nahtlos) -> Result<Answer, Failure> {
    let mut decisions = nahtlos.decisions()?;
    decisions.sort_by_key(|decision| decision.state != "returned");
    let rows = decisions
        .iter()
        .map(|decision| {
            vec![
                short(decision),
                decision.what.clone(),
                dates::moment(decision.decided_at_ms),
                state_of(decision),
            ]
        })
        .collect();
    let page = Page::default().table(
        &["decision", "what", "decided", "state"],
        rows,
        "No decision waits or came back.",
    );
    let answer = Answer::new(json!({ "decisions": json::value(&decisions) }), page);
    if decisions
        .iter()
        .any(|decision| decision.state == "returned")
    {
        return Ok(answer.note(
            "What came back is not carried out: `nahtlos decision retry ID` decides it again, \
             `nahtlos decision drop ID` drops it.",
        ));
    }
    Ok(answer)
}

fn retry(nahtlos: &mut Nahtlos, id: &str, answered: Answered) -> Result<Answer, Failure> {
    let decision = find(nahtlos, id)?;
    let data = |done: &str| json!({ "done": done, "decision": json::value(&decision) });
    if decision.state != "returned" {
        let said = "It waits for the next sync already; nothing was changed.";
        return Ok(Answer::sentence(data("nothing"), said).note("`nahtlos sync` carries it out."));
    }
    let page = told(&decision);
    if let Some(answer) = ending::unless_confirmed(answered, page, "Decide it again?", data)? {
        return Ok(answer);
    }
    let again = nahtlos.retry_decision(&decision.id)?;
    let said = format!("Decided again: {}.", again.what);
    Ok(Answer::sentence(data("retried"), said).note("`nahtlos sync` carries it out."))
}

fn drop(nahtlos: &mut Nahtlos, id: &str, answered: Answered) -> Result<Answer, Failure> {
    let decision = find(nahtlos, id)?;
    let data = |done: &str| json!({ "done": done, "decision": json::value(&decision) });
    nahtlos.check_drop(&decision.id)?;
    let page = told(&decision);
    if let Some(answer) = ending::unless_confirmed(answered, page, "Drop it?", data)? {
        return Ok(answer);
    }
    let dropped = nahtlos.drop_decision(&decision.id)?;
    let said = format!("Dropped: {}. It is not carried out.", dropped.what);
    Ok(Answer::sentence(data("dropped"), said))
}

fn told(decision: &Decision) -> Page {
    Page::default().fields([
        ("decision", Some(decision.what.clone())),
        ("decided", Some(dates::moment(decision.decided_at_ms))),
        ("state", Some(state_of(decision))),
    ])
}

fn state_of(decision: &Decision) -> String {
    match &decision.reason {
        Some(reason) => format!("came back: {reason}"),
        None => "waits for the next sync".into(),
    }
}

/// By the beginning of its identifier.
fn find(nahtlos: &Nahtlos, input: &str) -> Result<Decision, Failure> {
    let wanted = input.trim().to_lowercase();
    let mut found = nahtlos.decisions()?;
    found.retain(|decision| !wanted.is_empty() && decision.id.starts_with(&wanted));
    if found.len() > 1 {
        return Err(super::ambiguous(
            "decisions",
            input,
            found.iter().map(|one| one.id.clone()),
        ));
    }
    found.pop().ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "not_found",
            format!("No decision begins with \"{input}\"; nothing was done."),
            "It was carried out or dropped meanwhile, or its ID was mistyped.",
            "See what waits and what came back: `nahtlos decision`.",
        )
    })
}

fn short(decision: &Decision) -> String {
    decision.id.chars().take(SHOWN).collect()
}
