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
    // A slice's code names its reader and a number, which nobody types: `slice/core` is enough.
    let full = full_code(&lost, &id, section)?;
    let section = full.as_str();
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

/// The code of the copy that is meant: as it was typed, or the one slice that begins so.
fn full_code(lost: &[LostSection], case: &str, typed: &str) -> Result<String, Failure> {
    let beginning = format!("{}/", typed.trim_end_matches('/'));
    let is_exact = lost.iter().any(|one| one.section == typed);
    if is_exact || typed.split('/').next() != Some("slice") {
        return Ok(typed.to_owned());
    }
    let of_case = lost
        .iter()
        .filter(|one| one.case.starts_with(case) && !one.erased);
    let mut found: Vec<&str> = of_case
        .map(|one| one.section.as_str())
        .filter(|section| section.starts_with(&beginning))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Ok(typed.to_owned()),
        [one] => Ok((*one).to_owned()),
        several => Err(super::ambiguous(
            "slices",
            typed,
            several.iter().map(|section| (*section).to_owned()),
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(case: &str, section: &str, erased: bool) -> LostSection {
        LostSection {
            case: case.to_owned(),
            section: section.to_owned(),
            space: String::new(),
            ended: None,
            erased,
            confirmed: false,
        }
    }

    #[test]
    fn a_slice_is_named_by_its_section_and_one_of_several_is_not_guessed() {
        let copies = [
            lost("aa11", "slice/core/f00d/1", false),
            lost("aa11", "slice/plan/f00d/1", true),
            lost("aa11", "slice/plan/f00d/2", false),
            lost("aa11", "slice/tasks/f00d/1", false),
            lost("aa11", "slice/tasks/f00d/2", false),
            lost("bb22", "slice/labour/f00d/1", false),
            lost("aa11", "core", false),
        ];
        let code = |typed: &str| full_code(&copies, "aa11", typed);
        assert_eq!(code("slice/core").unwrap(), "slice/core/f00d/1");
        assert_eq!(
            code("slice/plan").unwrap(),
            "slice/plan/f00d/2",
            "the other is erased"
        );
        assert_eq!(
            code("slice/plan/f00d/1").unwrap(),
            "slice/plan/f00d/1",
            "named whole"
        );
        assert_eq!(code("slice/tasks").unwrap_err().code, "ambiguous");
        for other in ["slice/labour", "slice/cor", "core", "plan"] {
            assert_eq!(code(other).unwrap(), other, "of another case, or no slice");
        }
    }
}
