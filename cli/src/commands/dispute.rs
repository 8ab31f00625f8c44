//! `nahtlos subject dispute`: what the person whom a case is about says is not true.

use nahtlos_casework::edit::{DisputeChange, DisputeEdit, Edit};
use nahtlos_casework::fields::{Date, EntryId, Field, FieldError, LongText, Stored};
use nahtlos_casework::view::{DisputeView, DisputesView};
use nahtlos_casework::{SectionKind, names_of};
use nahtlos_client::{Case, Nahtlos};
use serde_json::{Value, json};

use super::entries::{cell, find, known_id, new_id, short_id};
use super::pages::{violations_page, when, who};
use super::plan_print_words::Language;
use super::values::parse;
use super::{NOT_DELIVERED_YET, ambiguous, case_title, section_of};
use crate::arguments::{DisputeCommand, TypedValue};
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// Characters of an entry's identifier by which it may be named.
const ID_BEGINNING_MIN: usize = 4;

pub fn run(context: &Context, command: DisputeCommand) -> Result<Answer, Failure> {
    match command {
        DisputeCommand::List { case } => list(context, &case),
        DisputeCommand::Add {
            case,
            section,
            what,
            said,
            text,
        } => add(context, &case, &section, &what, said.as_deref(), &text),
        DisputeCommand::Settle {
            case,
            section,
            dispute,
            said,
            text,
        } => settle(context, &case, &section, &dispute, said.as_deref(), &text),
    }
}

fn add(
    context: &Context,
    case: &str,
    section: &str,
    what: &str,
    said: Option<&str>,
    text: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let kind = section_of(&case, section)?;
    nahtlos.require_writable(&case.section(&kind)?)?;
    let document = nahtlos.section_document(&case, &kind)?;
    let path = place_of(&document.export_json(), what)?;
    let stated_at = day(&nahtlos, said)?;
    let text: LongText = parse("text", &input::text(text, "What does the person say?")?)?;
    let id = new_id()?;
    let label = label(&kind, &path);
    let change = DisputeChange::State {
        id,
        path,
        text,
        stated_at,
    };
    record(&mut nahtlos, &case, &kind, change)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "section": kind.code(), "dispute": id.to_string() }),
        format!("{}: marked as contested: {label}.", case_title(&nahtlos, &case)?),
    )
    .note("Whoever reads this section sees the mark. Once it is settled: `nahtlos subject dispute settle CASE SECTION MARK`.")
    .note(NOT_DELIVERED_YET))
}

fn settle(
    context: &Context,
    case: &str,
    section: &str,
    dispute: &str,
    said: Option<&str>,
    text: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(text)?;
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let kind = section_of(&case, section)?;
    nahtlos.require_writable(&case.section(&kind)?)?;
    let view = disputes(&nahtlos, &case, &kind)?;
    let entries: Vec<(String, String, Stored<EntryId>)> = view
        .disputes
        .iter()
        .zip(1..)
        .map(|(one, number): (_, usize)| (number.to_string(), one.id.canonical(), one.id.clone()))
        .collect();
    let dispute = known_id(find("mark", dispute, &entries)?)?;
    let stated_at = day(&nahtlos, said)?;
    let text: LongText = parse("text", &input::text(text, "How was it settled?")?)?;
    let id = new_id()?;
    let change = DisputeChange::Settle {
        id,
        dispute,
        text,
        stated_at,
    };
    record(&mut nahtlos, &case, &kind, change)?;
    Ok(Answer::sentence(
        json!({ "case": case.id.to_string(), "section": kind.code(), "settled": dispute.to_string() }),
        format!("{}: settled; the mark stays in the history.", case_title(&nahtlos, &case)?),
    )
    .note(NOT_DELIVERED_YET))
}

fn list(context: &Context, case: &str) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let mut page = Page::default().title(case_title(&nahtlos, &case)?);
    let mut sections = serde_json::Map::<String, Value>::new();
    for kind in case.sections.keys() {
        let Ok(document) = nahtlos.section_document_unrecorded(&case, kind) else {
            continue;
        };
        let view = DisputesView::read(&document, &nahtlos.section_authors(&case, kind)?);
        if view.disputes.is_empty() {
            continue;
        }
        // Only what is shown is read.
        nahtlos.section_document(&case, kind)?;
        page = disputes_page(page.line(kind.titles()[2]), kind, &view);
        sections.insert(kind.code(), json::value(&view.disputes));
    }
    if sections.is_empty() {
        page = page.line("Nothing is contested in the sections that are open to you.");
    }
    Ok(Answer::new(json!({ "disputes": sections }), page))
}

/// The marks of a section, above its content; nothing where there are none.
pub fn disputes_page(page: Page, kind: &SectionKind, view: &DisputesView) -> Page {
    if view.disputes.is_empty() {
        return page;
    }
    let rows = view.disputes.iter().map(|one| {
        vec![
            short_id(&one.id),
            label(kind, &one.path),
            cell(&one.text),
            cell(&one.stated_at),
            format!("{}, {}", who(&one.origin), when(&one.origin)),
            settled_in_words(one),
        ]
    });
    let headers = [
        "mark",
        "contested",
        "the person says",
        "said on",
        "recorded by",
        "settled",
    ];
    violations_page(page.table(&headers, rows.collect(), ""), &view.violations)
}

fn settled_in_words(one: &DisputeView) -> String {
    let ends = one.settled.iter().map(|end| {
        format!(
            "{}: {} ({})",
            cell(&end.stated_at),
            cell(&end.text),
            who(&end.origin)
        )
    });
    ends.collect::<Vec<_>>().join("\n")
}

/// What a place is called, with the beginning of the entry's identifier that it lies in.
fn label(kind: &SectionKind, path: &[String]) -> String {
    named(kind, path, |names| names[2], "entry")
}

/// The same for a page that somebody takes along.
pub fn place_in_words(kind: &SectionKind, path: &[String], language: Language) -> String {
    let entry = language.pick(&["Eintrag", "entrée"]);
    named(kind, path, |names| language.pick(&names), entry)
}

fn named(
    kind: &SectionKind,
    path: &[String],
    pick: impl Fn([&'static str; 3]) -> &'static str,
    entry: &str,
) -> String {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let name = names_of(kind, &steps).map(pick);
    let id = path.iter().rfind(|step| is_id(step));
    let id = id.map(|id| id.chars().take(5).collect::<String>());
    match (name, id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.to_owned(),
        (None, Some(id)) if path.last().is_some_and(|last| is_id(last)) => format!("{entry} {id}"),
        (None, _) => path.join("/"),
    }
}

fn is_id(step: &str) -> bool {
    step.len() == 13 && EntryId::parse(step).is_ok()
}

fn record(
    nahtlos: &mut Nahtlos,
    case: &Case,
    kind: &SectionKind,
    change: DisputeChange,
) -> Result<(), Failure> {
    let section = kind.clone();
    super::edit(
        nahtlos,
        case,
        Edit::Dispute(DisputeEdit { section, change }),
    )
}

fn disputes(nahtlos: &Nahtlos, case: &Case, kind: &SectionKind) -> Result<DisputesView, Failure> {
    let document = nahtlos.section_document(case, kind)?;
    Ok(DisputesView::read(
        &document,
        &nahtlos.section_authors(case, kind)?,
    ))
}

/// A day up to today: nobody has said something tomorrow.
fn day(nahtlos: &Nahtlos, typed: Option<&str>) -> Result<Date, Failure> {
    let today = nahtlos.today()?;
    let Some(typed) = typed else {
        return Ok(today);
    };
    let day: Date = parse("said", typed)?;
    if day > today {
        return Err(FieldError::new(
            "said",
            "future",
            "this day lies in the future",
            "write the day on which the person said so",
        )
        .into());
    }
    Ok(day)
}

/// The one place of a document whose last steps are what was typed.
fn place_of(content: &Value, typed: &str) -> Result<Vec<String>, Failure> {
    let wanted: Vec<&str> = typed.trim().split('/').collect();
    let mut found = Vec::new();
    let mut path = Vec::new();
    search(content, &wanted, &mut path, &mut found);
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(FieldError::new(
            "what",
            "no_such_place",
            "no field or entry of this section is called so, or it has no value",
            "write a field's code, or the beginning of an entry's identifier, as `section show` and \
             `section fields` have them",
        )
        .into()),
        _ => Err(ambiguous(
            "fields and entries",
            typed,
            found.iter().map(|path| path.join("/")),
        )),
    }
}

fn search(content: &Value, wanted: &[&str], path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Value::Object(map) = content else {
        return;
    };
    for (key, inner) in map {
        if path.is_empty() && key == "acknowledged" {
            continue;
        }
        path.push(key.clone());
        if path.len() >= 2 && ends_with(path, wanted) {
            found.push(path.clone());
        }
        search(inner, wanted, path, found);
        path.pop();
    }
}

fn ends_with(path: &[String], wanted: &[&str]) -> bool {
    let Some(start) = path.len().checked_sub(wanted.len()) else {
        return false;
    };
    let last = path.iter().skip(start);
    last.zip(wanted).all(|(step, typed)| {
        let names_entry = typed.len() >= ID_BEGINNING_MIN && is_id(step);
        step == typed || (names_entry && step.starts_with(typed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_field_by_entry_or_by_both_and_never_guessed() {
        let content = json!({
            "acknowledged": { "birth": "x" },
            "person": { "birth": "1982", "first_name": "Ruth" },
            "entries": {
                "aebagbafaydqq": { "text": "a", "kind": "call" },
                "aebqcdafaydqq": { "text": "b" },
            },
        });
        let place = |typed: &str| place_of(&content, typed).map(|path| path.join("/"));
        assert_eq!(place("birth").unwrap(), "person/birth");
        assert_eq!(place("person/birth").unwrap(), "person/birth");
        assert_eq!(place("aebag").unwrap(), "entries/aebagbafaydqq");
        assert_eq!(place("aebq/text").unwrap(), "entries/aebqcdafaydqq/text");
        for wrong in [
            "text",
            "aeb",
            "",
            "person",
            "aebx",
            "death",
            "acknowledged/birth",
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        assert_eq!(place("text").unwrap_err().code, "ambiguous");
    }
}
