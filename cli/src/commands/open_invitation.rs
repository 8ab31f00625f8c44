//! `nahtlos member invitations` and `member withdraw-invitation`: invitations that nobody was let in by yet.

use nahtlos_client::Nahtlos;
use nahtlos_client::invitations::OpenInvitation;
use serde_json::json;

use super::ending;
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

/// Characters of a number that lists show.
const SHOWN: usize = 8;

pub fn list(context: &Context) -> Result<Answer, Failure> {
    let open = context.open()?.invitations()?;
    let rows = open.iter().map(|one| {
        vec![
            short(one).to_owned(),
            one.note.clone(),
            leads_into(one),
            one.role.unwrap_or_default().to_owned(),
            dates::moment(one.not_after_ms),
            if one.answered { "yes" } else { "no" }.to_owned(),
        ]
    });
    let page = Page::default().table(
        &[
            "number",
            "for",
            "leads into",
            "may",
            "can be answered until",
            "answered",
        ],
        rows.collect(),
        "No invitation that was made on this device is open.",
    );
    let mut answer = Answer::new(json!({ "invitations": json::value(&open) }), page);
    if !open.is_empty() {
        answer = answer.note(
            "Whoever has the text of one can answer it. One that went to the wrong address: `nahtlos member \
             withdraw-invitation NUMBER`.",
        );
    }
    Ok(answer)
}

pub fn withdraw(context: &Context, number: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let open = find(&nahtlos, number)?;
    let data = |done: &str| json!({ "done": done, "invitation": json::value(&open) });
    let page = Page::default().fields([
        ("invitation", Some(short(&open).to_owned())),
        ("for", Some(open.note.clone())),
        ("leads into", Some(leads_into(&open))),
    ]);
    let page = page.line(match open.answered {
        true => "Whoever answered it is not let in. Their device is not told: say it to them.",
        false => "Nobody is let in by it, whoever answers it. Their device is not told.",
    });
    let question = "Take it back?";
    if let Some(answer) = ending::unless_confirmed(answered, page, question, data)? {
        return Ok(answer);
    }
    let open = nahtlos.withdraw_invitation(&open.id)?;
    let said = format!(
        "Taken back: the invitation for {} into {}. Nobody is let in by it any more.",
        open.note,
        leads_into(&open)
    );
    let answer = Answer::sentence(data("withdrawn"), said);
    Ok(answer.note("It takes effect at once: only this device could have let anybody in by it."))
}

fn leads_into(open: &OpenInvitation) -> String {
    match open.of_device {
        true => format!("{}, as a further device", open.into),
        false => open.into.clone(),
    }
}

/// By the beginning of its number.
fn find(nahtlos: &Nahtlos, input: &str) -> Result<OpenInvitation, Failure> {
    let wanted = input.trim().to_lowercase();
    let mut found = nahtlos.invitations()?;
    found.retain(|one| !wanted.is_empty() && one.id.starts_with(&wanted));
    if found.len() > 1 {
        return Err(super::ambiguous(
            "invitations",
            input,
            found.iter().map(|one| one.id.clone()),
        ));
    }
    found.pop().ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "not_found",
            format!("No open invitation of this device has a number that begins with \"{input}\"."),
            "Somebody was let in by it, it is over or was taken back, it was made on another device, or the number was mistyped.",
            "See the open ones: `nahtlos member invitations`. Who was let in wrongly: `nahtlos member remove PERSON --team TEAM`; a device: `nahtlos device revoke`.",
        )
    })
}

fn short(one: &OpenInvitation) -> &str {
    one.id.get(..SHOWN).unwrap_or(&one.id)
}
