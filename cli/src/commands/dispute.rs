//! `nahtlos subject dispute`: what the person whom a case is about says is not true.

use nahtlos_casework::edit::{DisputeChange, DisputeEdit, Edit};
use nahtlos_casework::fields::{Date, EntryId, Field, FieldError, LongText, Stored};
use nahtlos_casework::view::{DisputeView, DisputesView};
use nahtlos_casework::{SectionKind, names_of};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_document::Document;
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
    let text: LongText = input::text(text, "text", "What does the person say?")?;
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
    let mark = view
        .disputes
        .iter()
        .find(|one| one.id.known() == Some(&dispute));
    let before = mark
        .map(settled_in_words)
        .filter(|before| !before.is_empty());
    let stated_at = day(&nahtlos, said)?;
    let disputed_on = mark.and_then(|mark| mark.stated_at.as_ref()?.known().copied());
    if disputed_on.is_some_and(|disputed_on| stated_at < disputed_on) {
        return Err(FieldError::new(
            "said",
            "before_dispute",
            "this day lies before the one on which the person contested it",
            "write the day on which it was settled",
        )
        .into());
    }
    let text: LongText = input::text(text, "text", "How was it settled?")?;
    let id = new_id()?;
    let change = DisputeChange::Settle {
        id,
        dispute,
        text,
        stated_at,
    };
    record(&mut nahtlos, &case, &kind, change)?;
    let answer = Answer::sentence(
        json!({
            "case": case.id.to_string(), "section": kind.code(), "settled": dispute.to_string(),
            "settled_before": before.is_some(),
        }),
        format!(
            "{}: settled; the mark stays in the history.",
            case_title(&nahtlos, &case)?
        ),
    );
    let answer = match before {
        Some(before) => answer.note(format!(
            "It was settled already, and both stand now. Before: {}",
            before.replace('\n', "; ")
        )),
        None => answer,
    };
    Ok(answer.note(NOT_DELIVERED_YET))
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
pub fn label(kind: &SectionKind, path: &[String]) -> String {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let name = names_of(kind, &steps).map(|names| names[2]);
    let id = path.iter().rfind(|step| is_id(step));
    let id = id.map(|id| id.chars().take(5).collect::<String>());
    match (name, id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.to_owned(),
        (None, Some(id)) if path.last().is_some_and(|last| is_id(last)) => format!("entry {id}"),
        (None, _) => path.join("/"),
    }
}

/// What is contested in a section, with what the entries are called: nobody knows their identifiers on paper.
pub struct Contested {
    pub disputes: DisputesView,
    content: Value,
}

impl Contested {
    pub fn of(document: &Document, disputes: &DisputesView) -> Self {
        // Without marks nothing is looked up.
        let content = match disputes.disputes.is_empty() {
            true => Value::Null,
            false => document.export_json(),
        };
        Self {
            disputes: disputes.clone(),
            content,
        }
    }

    /// What is contested, for a page that somebody takes along: a field, and the words of the entry that it is of.
    pub fn in_words(&self, kind: &SectionKind, path: &[String], language: Language) -> String {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        let name = names_of(kind, &steps).or_else(|| entry_names(&steps));
        let name = name.map(|names| language.heading(&names));
        let name = name.unwrap_or_else(|| language.heading(&["Eintrag", "entrée"]));
        match entry_words(&self.content, path) {
            Some(words) => format!("{name} «{words}»"),
            None => name,
        }
    }
}

/// What an entry is called that no field stands for, by what it lies in.
fn entry_names(steps: &[&str]) -> Option<[&'static str; 3]> {
    Some(match steps {
        ["goals", _] => ["Ziel", "objectif", "goal"],
        ["goals", _, "steps", _] => ["Schritt", "étape", "step"],
        ["tasks", _] => ["Aufgabe", "tâche", "task"],
        ["plan", name] if name.starts_with("risk:") => ["Risiko", "risque", "risk"],
        _ => return None,
    })
}

/// Characters of an entry that say which one is meant.
const WORDS_MAX: usize = 60;

/// How an entry begins that a place lies in.
fn entry_words(content: &Value, path: &[String]) -> Option<String> {
    // What an entry is called by, in the sections that have entries.
    const NAMES: [&str; 20] = [
        "statement",
        "title",
        "point",
        "decision",
        "who",
        "text",
        "description",
        "name",
        "employer",
        "occupation",
        "diagnosis",
        "area",
        "creditor",
        "language",
        "country",
        "kind",
        "capacity",
        "limits",
        "outcome",
        "date",
    ];
    let (mut place, mut found) = (content, None);
    for step in path {
        place = place.get(step)?;
        let mut names = NAMES.iter();
        let said = names.find_map(|name| place.get(name).and_then(Value::as_str));
        found = said.filter(|said| !said.trim().is_empty()).or(found);
    }
    let found = found?;
    let first: String = found.chars().take(WORDS_MAX).collect();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(match found.chars().count() > WORDS_MAX {
        true => format!("{line} …"),
        false => line,
    })
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
