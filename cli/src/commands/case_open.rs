//! `nahtlos case open`.

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{EntryId, Field, Name, PartialDate, Phone, Stored};
use nahtlos_casework::view::CoreView;
use nahtlos_casework::{CaseFile, SectionKind};
use nahtlos_client::Nahtlos;
use serde_json::json;

use super::entries::new_id;
use crate::arguments::CaseOpen;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Answer;

pub fn open(context: &Context, opening: &CaseOpen) -> Result<Answer, Failure> {
    let source = &opening.file;
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
    if !opening.yes
        && let Some((person, number)) = same_person(&nahtlos, &edits)?
    {
        let have = format!("You have a case of {person} already: {number}.");
        // Who has just typed a case is asked, instead of losing it.
        let asks = source.from.is_none();
        if !asks || !input::confirm(&format!("{have} Open a second one?"))? {
            return Err(second_case(have));
        }
    }
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

/// Name, birth and number of a case of the same official name, first name and birth, if there is one.
fn same_person(nahtlos: &Nahtlos, edits: &[Edit]) -> Result<Option<(String, String)>, Failure> {
    let wanted = Person::of_edits(edits);
    if wanted.official_name.is_none() {
        return Ok(None);
    }
    for line in nahtlos.cases()? {
        if line.summary.birth != wanted.birth {
            continue;
        }
        let case = nahtlos.find_case(&line.id)?;
        let Ok(document) = nahtlos.section_document(&case, &SectionKind::Core) else {
            continue;
        };
        let core = CoreView::read(&document);
        let person = Person {
            official_name: core.official_name.as_ref().map(Stored::canonical),
            first_name: core.first_name.as_ref().map(Stored::canonical),
            birth: core.birth.as_ref().map(Stored::canonical),
        };
        if person == wanted {
            let name = [&person.first_name, &person.official_name];
            let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).collect();
            let birth = core.birth.map(|birth| format!(", {birth}"));
            let number = line.summary.case_number.unwrap_or(line.id);
            return Ok(Some((
                format!("{}{}", name.join(" "), birth.unwrap_or_default()),
                number,
            )));
        }
    }
    Ok(None)
}

/// By what two cases are taken for the same person's.
#[derive(Default, PartialEq, Eq)]
struct Person {
    official_name: Option<String>,
    first_name: Option<String>,
    birth: Option<String>,
}

impl Person {
    fn of_edits(edits: &[Edit]) -> Self {
        let mut person = Self::default();
        for edit in edits {
            match edit {
                Edit::Core(CoreEdit::Set(CoreField::OfficialName(name))) => {
                    person.official_name = Some(name.canonical());
                }
                Edit::Core(CoreEdit::Set(CoreField::FirstName(name))) => {
                    person.first_name = Some(name.canonical());
                }
                Edit::Core(CoreEdit::Set(CoreField::Birth(birth))) => {
                    person.birth = Some(birth.canonical());
                }
                _ => {}
            }
        }
        person
    }
}

fn second_case(have: String) -> Failure {
    Failure::new(
        Exit::Conflict,
        "case_exists",
        have,
        "Two cases of one person drift apart; no case was opened.",
        "To open a second one: `nahtlos case open --yes`, with the same `--from`.",
    )
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
