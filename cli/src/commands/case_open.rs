//! `nahtlos case open`.

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{EntryId, Field, Name, PartialDate, Phone};
use nahtlos_casework::{CaseFile, SectionKind};
use serde_json::json;

use super::entries::new_id;
use crate::arguments::TypedValue;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Answer;

pub fn open(context: &Context, source: &TypedValue) -> Result<Answer, Failure> {
    input::refuse_command_line(source)?;
    if source.from.is_none() && !input::may_ask() {
        return Err(no_source());
    }
    // Before anybody types a case: is this home one that can open cases?
    let mut nahtlos = context.open()?;
    let edits = match &source.from {
        Some(path) => {
            let file = CaseFile::parse(&input::read_text(path)?)
                .map_err(|errors| Failure::import(&errors))?;
            // Randomness that fails once fails the whole command, before anything is stored.
            let mut failed = None;
            let edits = file.edits(&mut || {
                new_id().unwrap_or_else(|failure| {
                    failed = Some(failure);
                    EntryId::from_random([0; 8])
                })
            });
            if let Some(failure) = failed {
                return Err(failure);
            }
            edits
        }
        None => asked()?,
    };
    let number = nahtlos.open_case(&edits)?.canonical();
    let case = nahtlos.find_case(&number)?;
    let sections: Vec<String> = case.sections.keys().map(SectionKind::code).collect();
    let data = json!({
        "case_number": number,
        "sections": sections,
    });
    Ok(Answer::sentence(data, &number).note(format!(
        "The case is open on this device. `nahtlos case show {number}` shows it, \
         `nahtlos share grant {number} …` lets others in, `nahtlos sync` delivers it."
    )))
}

/// Under two minutes: what is needed to find the person again; the rest comes later.
fn asked() -> Result<Vec<Edit>, Failure> {
    let mut fields = Vec::new();
    if let Some(name) = input::ask_field::<Name>("Official name", false)? {
        fields.push(CoreField::OfficialName(name));
    }
    if let Some(name) = input::ask_field::<Name>("First name (may be empty)", true)? {
        fields.push(CoreField::FirstName(name));
    }
    if let Some(birth) =
        input::ask_field::<PartialDate>("Born, e.g. 17.05.1982 or 1982 (may be empty)", true)?
    {
        fields.push(CoreField::Birth(birth));
    }
    if let Some(phone) = input::ask_field::<Phone>("Telephone (may be empty)", true)? {
        fields.push(CoreField::Phone(phone));
    }
    Ok(fields
        .into_iter()
        .map(|field| Edit::Core(CoreEdit::Set(field)))
        .collect())
}

fn no_source() -> Failure {
    Failure::new(
        Exit::Usage,
        "value_missing",
        "No case was opened: nobody can be asked for the name here.",
        "There is no terminal.",
        "Give a case file: `nahtlos case open --from FILE`, or `--from -` for standard input.",
    )
}
