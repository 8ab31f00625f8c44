//! `nahtlos enquiry`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{FormChange, ScalarValue};
use nahtlos_casework::fields::{AnonymousText, Field, ProblemArea, Severity};
use nahtlos_casework::form::{FormField, FormList};
use nahtlos_client::Nahtlos;
use nahtlos_client::enquiry::{Enquiry, EnquiryState, EnquiryValues};
use serde_json::json;

use super::names::Names;
use super::pages::{violations_page, who};
use super::section_fields::{field_lines, table};
use super::section_form::from_file;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_open};
use crate::arguments::{Answered, EnquiryCommand, EnquirySend, TypedValue};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// As much of an id as a list shows.
const SHORT_ID_CHARS: usize = 8;
const RESPONSIBLE: &str = "A program recognises numbers, addresses and days, not names, nor a life that only one person \
    leads: that nobody can be known from it is your responsibility.";

pub fn run(context: &Context, command: Option<EnquiryCommand>) -> Result<Answer, Failure> {
    match command {
        None | Some(EnquiryCommand::List) => list(context),
        Some(EnquiryCommand::Send(new)) => send(context, &new),
        Some(EnquiryCommand::Show { enquiry }) => show(context, &enquiry),
        Some(EnquiryCommand::Answer {
            enquiry,
            answer,
            text,
        }) => self::answer(context, &enquiry, &answer, &text),
        Some(EnquiryCommand::Add { enquiry, text }) => add(context, &enquiry, &text),
        Some(EnquiryCommand::Withdraw { enquiry, answered }) => {
            withdraw(context, &enquiry, answered)
        }
        Some(EnquiryCommand::Case { enquiry, source }) => {
            case_open::open_from(context, &source, Some(&enquiry))
        }
    }
}

fn send(context: &Context, new: &EnquirySend) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.facts)?;
    let mut nahtlos = context.open()?;
    let team = nahtlos.directory()?.find_team(&new.to)?;
    let preview = nahtlos.preview_enquiry(&team)?;
    let facts = match &new.facts.from {
        Some(source) => facts_of(&input::read_text(source)?)?,
        None => asked()?,
    };
    let data = |done: &str, id: Option<&str>| json!({ "done": done, "enquiry": id, "to": preview.team, "institution": preview.institution, "people": preview.people });
    let readers = count(preview.people.len() as u64, "person", "people");
    let page = Page::default()
        .title(format!(
            "Anonymous enquiry to {} ({})",
            preview.team, preview.institution
        ))
        .line(format!(
            "{readers} will read it: {}.",
            preview.people.join(", ")
        ))
        .line("Nothing of any case goes along. What was delivered cannot be taken back.")
        .line(RESPONSIBLE);
    if new.answered.dry_run {
        let page = page.line("Nothing was done (--dry-run): it can be sent.");
        return Ok(Answer::new(data("dry_run", None), page));
    }
    if !new.answered.yes {
        page.show_before_asking();
        if !input::confirm("Send it?")? {
            return Ok(Answer::sentence(data("nothing", None), "Nothing was sent."));
        }
    }
    let id = nahtlos.send_enquiry(&team, facts)?;
    let said = format!(
        "Enquiry {} to {} ({}); {readers} will read it.",
        short(&id),
        preview.team,
        preview.institution
    );
    Ok(Answer::sentence(data("sent", Some(&id)), said)
        .note(RESPONSIBLE)
        .note("It goes out with the next `nahtlos sync`; until then `nahtlos enquiry withdraw` takes it back whole."))
}

/// The facts of a file: one object, in which lines keep their numbers.
fn facts_of(text: &str) -> Result<EnquiryValues, Failure> {
    let is_json = serde_json::from_str::<serde_json::Value>(text).is_ok();
    let file = match is_json {
        true => format!("{{\"facts\":[{text}]}}"),
        // Refused for what is wrong in its own text.
        false => text.to_owned(),
    };
    let mut changes = from_file(&SectionKind::Enquiry, &file)?.into_iter();
    match (changes.next(), changes.next()) {
        (
            Some(FormChange::Add {
                list,
                correction_of: None,
                values,
                ..
            }),
            None,
        ) if list == "facts" => Ok(values),
        _ => Err(Failure::new(
            Exit::Usage,
            "not_facts",
            "Nothing was sent: the file is not one object with the facts.",
            "An enquiry is one object of codes, without `id` and `correction_of`.",
            "`nahtlos enquiry send --help` shows one.",
        )),
    }
}

/// Asks for the facts one after the other, for the problem areas all at once.
fn asked() -> Result<EnquiryValues, Failure> {
    let facts = list_called("facts")?;
    let mut values = EnquiryValues::new();
    let areas = |field: &FormField| ProblemArea::parse(field.code).is_ok();
    for field in facts.fields.iter().filter(|field| !areas(field)) {
        if field.code == "text" {
            values.extend(asked_areas()?);
        }
        let optional = if field.is_required {
            ""
        } else {
            "; nothing if unknown"
        };
        let question = format!("{} ({}{optional})", field.names[2], field.value.hint());
        let read = |text: &str| {
            let read = field.value.read(field.code, text);
            read.map_err(|error| format!("{}: {}", error.reason, error.remedy))
        };
        if let Some(value) = input::ask_value(&question, !field.is_required, read)? {
            values.insert(field.code.to_owned(), value);
        }
    }
    Ok(values)
}

fn asked_areas() -> Result<EnquiryValues, Failure> {
    let all: Vec<&str> = ProblemArea::ALL.iter().map(|area| area.code()).collect();
    let question = format!(
        "Problem areas with 1 light, 2 marked, 3 heavy, e.g. \"psychic 2, debts 1\" ({}; nothing if none)",
        all.join(" ")
    );
    Ok(input::ask_value(&question, true, areas_in)?.unwrap_or_default())
}

/// `psychic 2, debts 1`
fn areas_in(text: &str) -> Result<EnquiryValues, String> {
    let mut values = EnquiryValues::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (area, severity) = part
            .split_once([' ', '='])
            .ok_or_else(|| format!("{part}: write an area and a number, e.g. psychic 2"))?;
        let said = |error: nahtlos_casework::fields::FieldError| {
            format!("{part}: {}; {}", error.reason, error.remedy)
        };
        let area = ProblemArea::parse(area).map_err(said)?;
        let severity = Severity::parse(severity).map_err(said)?;
        let stored = ScalarValue::Text(severity.canonical());
        if values.insert(area.code().to_owned(), stored).is_some() {
            return Err(format!("{area}: it stands there twice"));
        }
    }
    Ok(values)
}

fn list(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let enquiries = nahtlos.enquiries()?;
    let rows = enquiries.iter().map(|enquiry| {
        let fact = |field: &str| {
            let facts = enquiry.content.facts.as_ref();
            let value = facts.and_then(|facts| facts.fields.get(field));
            value.map_or_else(String::new, |value| value.shown.clone())
        };
        vec![
            short(&enquiry.id).to_owned(),
            if enquiry.is_own { "sent" } else { "received" }.to_owned(),
            other_side(enquiry),
            fact("question"),
            fact("age"),
            standing(enquiry).to_owned(),
        ]
    });
    let headers = ["id", "", "with", "question", "age", "stands"];
    let none = "No anonymous enquiry yet: `nahtlos enquiry send --to TEAM` sends one.";
    let page = Page::default().table(&headers, rows.collect(), none);
    Ok(Answer::new(
        json!({ "enquiries": json::value(&enquiries) }),
        page,
    ))
}

fn other_side(enquiry: &Enquiry) -> String {
    match enquiry.is_own {
        true => enquiry.to.clone().unwrap_or_else(|| "nobody".to_owned()),
        false => enquiry.from.clone(),
    }
}

/// How it stands, in words.
fn standing(enquiry: &Enquiry) -> &'static str {
    match enquiry.state {
        EnquiryState::Withdrawn => "withdrawn",
        EnquiryState::WaitsForSync => "waits for sync",
        EnquiryState::Sent => match enquiry.content.status.word() {
            "open" => "not answered",
            "more_wanted" => "asked for more",
            "more_told" => "asked for more, told",
            "accepted" => "accepted",
            "declined" => "declined",
            _ => "answered by a newer version",
        },
    }
}

fn show(context: &Context, enquiry: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let enquiry = nahtlos.find_enquiry(enquiry)?;
    let page = page(&nahtlos, &enquiry)?;
    Ok(Answer::new(
        json!({ "enquiry": json::value(&enquiry) }),
        page,
    ))
}

fn page(nahtlos: &Nahtlos, enquiry: &Enquiry) -> Result<Page, Failure> {
    let names = Names::new(nahtlos);
    let facts = enquiry.content.facts.as_ref();
    let case = match &enquiry.case {
        Some(case) => Some(super::case_title(nahtlos, &nahtlos.find_case(case)?)?),
        None => None,
    };
    let mut page = Page::default()
        .title(format!("Anonymous enquiry {}", short(&enquiry.id)))
        .fields([
            ("from", Some(enquiry.from.clone())),
            ("to", enquiry.to.clone()),
            (
                "sent by",
                facts.and_then(|facts| facts.origin.as_ref()).map(who),
            ),
            ("stands", Some(standing(enquiry).to_owned())),
            ("became", case),
        ]);
    page = match facts {
        Some(facts) => {
            let list = list_called("facts")?;
            page.title("Facts")
                .fields(field_lines(list.fields, &facts.fields, &names, &|_| false))
        }
        None => page.line("What it says has not arrived."),
    };
    for (title, code, entries) in [
        ("Told later", "additions", &enquiry.content.additions),
        ("Answer", "answers", &enquiry.content.answers),
    ] {
        let list = list_called(code)?;
        for entry in entries {
            let mut lines = field_lines(list.fields, &entry.fields, &names, &|_| false);
            lines.push(("by".into(), entry.origin.as_ref().map(who)));
            page = page.title(title).fields(lines);
        }
    }
    Ok(violations_page(page, &enquiry.content.violations))
}

fn answer(
    context: &Context,
    enquiry: &str,
    answer: &str,
    text: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut nahtlos = context.open()?;
    let enquiry = nahtlos.find_enquiry(enquiry)?;
    let mut values =
        EnquiryValues::from([("answer".to_owned(), ScalarValue::Text(answer.to_owned()))]);
    let said: Option<AnonymousText> = match answer {
        "accept" => input::optional_text(
            text,
            "What to say with it (may be empty)",
            Answered::default(),
        )?,
        "decline" => Some(input::text(text, "text", "Why you decline")?),
        _ => Some(input::text(text, "text", "What you need to know")?),
    };
    if let Some(said) = said {
        values.insert("text".to_owned(), ScalarValue::Text(said.canonical()));
    }
    nahtlos.answer_enquiry(&enquiry, values)?;
    told(&enquiry, "answered", &format!("answered: {answer}"))
}

fn add(context: &Context, enquiry: &str, text: &TypedValue) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut nahtlos = context.open()?;
    let enquiry = nahtlos.find_enquiry(enquiry)?;
    let said: AnonymousText = input::text(text, "text", "What is to be told")?;
    nahtlos.add_to_enquiry(&enquiry, said.as_str())?;
    Ok(told(&enquiry, "added", "told more")?.note(RESPONSIBLE))
}

fn told(enquiry: &Enquiry, done: &str, said: &str) -> Result<Answer, Failure> {
    let data = json!({ "enquiry": enquiry.id, "done": done });
    let said = format!("Enquiry {}: {said}.", short(&enquiry.id));
    Ok(Answer::sentence(data, said).note(NOT_DELIVERED_YET))
}

fn withdraw(context: &Context, enquiry: &str, answered: Answered) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let enquiry = nahtlos.find_enquiry(enquiry)?;
    let id = short(&enquiry.id);
    let consequence = match enquiry.state {
        EnquiryState::WaitsForSync => "Nobody has received it, and nobody will.",
        _ => "What was delivered stays readable to them; nothing newer reaches them.",
    };
    let data = |done: &str| json!({ "enquiry": enquiry.id, "done": done });
    if answered.dry_run {
        let said = format!("Would withdraw enquiry {id}. {consequence}");
        return Ok(Answer::sentence(data("dry_run"), said));
    }
    if !answered.yes && !input::confirm(&format!("Withdraw enquiry {id}? {consequence}"))? {
        return Ok(Answer::sentence(data("nothing"), "Nothing was withdrawn."));
    }
    nahtlos.withdraw_enquiry(&enquiry)?;
    let answer = Answer::sentence(
        data("withdrawn"),
        format!("Enquiry {id} withdrawn. {consequence}"),
    );
    Ok(match enquiry.state {
        EnquiryState::WaitsForSync => answer,
        _ => answer.note("It takes effect with the next `nahtlos sync`."),
    })
}

fn list_called(code: &str) -> Result<&'static FormList, Failure> {
    let form = table(&SectionKind::Enquiry)?;
    form.list(code)
        .ok_or_else(|| nahtlos_client::ClientError::NeedsNewer.into())
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID_CHARS).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_typed_in_one_line_and_a_wrong_one_says_which_part() {
        let values = areas_in("psychic 2, Debts=1,").unwrap();
        assert_eq!(values.len(), 2);
        assert_eq!(values["psychic"], ScalarValue::Text("2".into()));
        for (wrong, part) in [
            ("psychic", "psychic"),
            ("psychic 4", "psychic 4"),
            ("mood 2", "mood 2"),
            ("debts 1, debts 2", "debts"),
        ] {
            assert!(areas_in(wrong).unwrap_err().starts_with(part), "{wrong}");
        }
        assert!(areas_in("").unwrap().is_empty());
    }

    #[test]
    fn a_file_of_facts_is_one_object_of_known_codes() {
        let good = r#"{"question": "joint", "age": "35_49", "psychic": 2, "text": "erschöpft"}"#;
        assert_eq!(facts_of(good).unwrap().len(), 4);
        for wrong in [
            r#"{"question": "joint"}"#,
            r#"{"question": "who", "age": "35_49"}"#,
            r#"{"question": "joint", "age": "44"}"#,
            r#"{"question": "joint", "age": "35_49", "name": "x"}"#,
            r#"{"question": "joint", "age": "35_49", "text": "geb. 17.05.1982"}"#,
            r#"{"question": "joint", "age": "35_49", "id": "aebagbafaydqq"}"#,
            "[]",
            "{",
        ] {
            let failure = facts_of(wrong).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{wrong}: {failure:?}");
        }
        let two = r#"{"question": "joint", "age": "35_49"}, {"question": "joint", "age": "35_49"}"#;
        assert_eq!(facts_of(two).unwrap_err().exit, Exit::Usage);
    }
}
