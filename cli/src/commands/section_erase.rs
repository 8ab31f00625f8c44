//! `nahtlos section erase`: a copy of a section that is not shared any more.

use nahtlos_client::Nahtlos;
use nahtlos_client::erasing::LostSection;
use serde_json::{Value, json};

use super::ending;
use crate::arguments::Answered;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates};

pub fn run(
    context: &Context,
    case: &str,
    section: &str,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let lost = find(&nahtlos, case, section)?;
    let data = |done: &str| -> Value { json!({ "section": lost, "done": done }) };
    if lost.erased {
        let said = if lost.confirmed {
            "It is erased, and the relay has your signed word."
        } else {
            "It is erased; your signed word goes out with the next `nahtlos sync`."
        };
        return Ok(Answer::sentence(data("nothing"), said));
    }
    let page = Page::default()
        .title(format!("Your copy of {section}"))
        .line(how_it_ended(&lost))
        .line("Erased are: what others and you wrote there, as this device has it, and its keys.")
        .line(
            "Kept are: your own changes that are held, as you typed them (`nahtlos held export`).",
        )
        .line("Who manages the section will see that this device erased its copy, and when.");
    if let Some(answer) = ending::unless_confirmed(answered, page, "Erase it?", data)? {
        return Ok(answer);
    }
    let erased = nahtlos.erase_lost(&lost.space)?;
    Ok(Answer::sentence(
        json!({ "section": erased, "done": "erased" }),
        format!("Erased: this device holds nothing of {section} any more."),
    )
    .note("`nahtlos sync` sends your signed word that it is erased."))
}

fn find(nahtlos: &Nahtlos, case: &str, section: &str) -> Result<LostSection, Failure> {
    // A case of which nothing else is shared is in no list any more: its identifier still names it.
    let known = nahtlos.find_case(case).ok();
    let is_known = known.is_some();
    let id = known.map_or_else(|| case.to_owned(), |found| found.id.to_string());
    let lost = nahtlos.lost_sections()?;
    let mut copies = lost
        .iter()
        .filter(|one| one.section == section && !one.erased);
    let nameless = copies
        .next()
        .map(|one| one.case.clone())
        .filter(|_| !is_known);
    let found = lost
        .into_iter()
        .find(|one| one.section == section && one.case.starts_with(&id));
    found.ok_or_else(|| {
        if let Some(id) = nameless {
            return Failure::new(
                Exit::Failed,
                "not_found",
                format!("No case matches \"{case}\"; nothing was erased."),
                format!(
                    "With its core data a case loses its name and number here; a copy of {section} is still on this device."
                ),
                format!("`nahtlos section erase {id} {section}` erases it."),
            );
        }
        Failure::new(
            Exit::Failed,
            "nothing_to_erase",
            format!("There is no copy of {section} to erase."),
            "Only what is not shared with you any more is erased; this device has no such copy.",
            "See what you may read with `nahtlos section list CASE`.",
        )
    })
}

/// Since when, by whom and why.
pub fn how_it_ended(lost: &LostSection) -> String {
    let Some(ended) = &lost.ended else {
        return "It is not shared with you any more.".into();
    };
    let reason = ended.reason.map_or_else(String::new, |reason| {
        format!(" ({})", reason.replace('_', " "))
    });
    let what = match ended.how {
        "device_revoked" => "This device was revoked, and receives nothing more of it, since",
        "member_removed" => {
            "You are a member of no team any more, and receive nothing more of it, since"
        }
        _ => "It is not shared with you any more since",
    };
    format!(
        "{what} {}: ended by {}{reason}.",
        dates::moment(ended.ended_at_ms),
        ended.by
    )
}
