//! `nahtlos journal`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{JournalKind, JournalText};
use nahtlos_casework::view::JournalView;
use serde_json::json;

use super::entries::{find, known_id, new_id};
use super::values::parse;
use super::{NOT_DELIVERED_YET, case_title, section};
use crate::arguments::{JournalAdd, JournalCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, dates};

pub fn run(
    context: &Context,
    case: Option<String>,
    command: Option<JournalCommand>,
) -> Result<Answer, Failure> {
    match command {
        Some(JournalCommand::Add(new)) => add(context, &new),
        None => section::show(context, &case.unwrap_or_default(), &SectionKind::Journal),
    }
}

fn add(context: &Context, new: &JournalAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.text)?;
    let kind: JournalKind = parse("kind", &new.kind)?;
    let at = new.at.as_deref().map(dates::parse_time).transpose()?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(&new.case)?;
    let correction_of = match &new.corrects {
        None => None,
        Some(input) => {
            let document = nahtlos.section_document(&case, &SectionKind::Journal)?;
            let authors = nahtlos.section_authors(&case, &SectionKind::Journal)?;
            let view = JournalView::read(&document, &authors);
            let entries: Vec<_> = view
                .entries
                .iter()
                .map(|entry| (String::new(), entry.id.canonical(), entry.id.clone()))
                .collect();
            Some(known_id(find("journal entry", input, &entries)?)?)
        }
    };
    let text: JournalText = parse("text", &input::text(&new.text, "Journal entry")?)?;
    let written = extent(text.as_str());
    let id = new_id()?;
    let edit = JournalEdit::AddEntry {
        id,
        at,
        kind,
        text,
        correction_of,
    };
    super::edit(&mut nahtlos, &case, Edit::Journal(edit))?;
    let title = case_title(&nahtlos, &case)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "entry": id.to_string() }),
        format!("{title}: journal entry ({kind}) written, {written}."),
    )
    .note(NOT_DELIVERED_YET))
}

/// How much was written: who pasted a letter sees whether all of it arrived.
fn extent(text: &str) -> String {
    let counted = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let lines = counted(text.lines().count(), "line");
    format!("{lines}, {}", counted(text.chars().count(), "character"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_entry_says_how_long_it_is() {
        assert_eq!(extent("ä\n\nbc"), "3 lines, 5 characters");
        assert_eq!(extent("a"), "1 line, 1 character");
    }
}
