//! `nahtlos journal`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, FormChange, JournalEdit, ScalarValue};
use nahtlos_casework::fields::{EntryId, Field, JournalKind, JournalText, Stored, UtcTime};
use nahtlos_casework::view::{DisputesView, JournalEntryView, JournalFilter, JournalView};
use nahtlos_client::{Case, Nahtlos};
use serde_json::json;

use super::dispute::disputes_page;
use super::entries::{cell, find, known_id, new_id, short_id, shown};
use super::pages::{correction, journal_page, when, who};
use super::values::parse;
use super::{NOT_DELIVERED_YET, case_title, section};
use crate::arguments::{JournalAdd, JournalCommand, JournalCorrect, JournalList};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, dates, json};

/// The list of an institution's own notes that its journal stands in.
const NOTES: &str = "notes";

pub fn run(
    context: &Context,
    case: Option<String>,
    command: Option<JournalCommand>,
) -> Result<Answer, Failure> {
    match command {
        Some(JournalCommand::Add(new)) => add(context, &new),
        Some(JournalCommand::List(wanted)) => list(context, &wanted),
        Some(JournalCommand::Show {
            case,
            entry,
            internal,
        }) => show(context, &case, &entry, internal),
        Some(JournalCommand::Correct(new)) => correct(context, &new),
        None => section::show(context, &case.unwrap_or_default(), &SectionKind::Journal),
    }
}

/// A journal that is read or written: the shared one of a case, or an institution's own notes.
struct Book {
    nahtlos: Nahtlos,
    case: Case,
    internal: bool,
}

impl Book {
    fn open(context: &Context, case: &str, internal: bool) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(case)?;
        Ok(Self {
            nahtlos,
            case,
            internal,
        })
    }

    /// Before anybody types: what is refused afterwards is lost. Notes that nobody has begun are founded by the
    /// first one.
    fn require_writable(&self) -> Result<(), Failure> {
        let kind = self.section()?;
        if !self.internal || self.case.sections.contains_key(&kind) {
            self.nahtlos.require_writable(&self.case.section(&kind)?)?;
        }
        Ok(())
    }

    fn section(&self) -> Result<SectionKind, Failure> {
        Ok(if self.internal {
            self.nahtlos.own_notes()?
        } else {
            SectionKind::Journal
        })
    }

    /// What stands in it; nothing in notes that nobody has begun.
    fn view(&self) -> Result<JournalView, Failure> {
        let kind = self.section()?;
        if self.internal && !self.case.sections.contains_key(&kind) {
            let (entries, violations) = (Vec::new(), Vec::new());
            return Ok(JournalView {
                entries,
                violations,
            });
        }
        let document = self.nahtlos.section_document(&self.case, &kind)?;
        let authors = self.nahtlos.section_authors(&self.case, &kind)?;
        Ok(match kind {
            SectionKind::Journal => JournalView::read(&document, &authors),
            notes => JournalView::read_notes(&document, &notes, &authors),
        })
    }

    fn disputes(&self) -> Result<DisputesView, Failure> {
        let kind = self.section()?;
        if !self.case.sections.contains_key(&kind) {
            return Ok(DisputesView::default());
        }
        let document = self.nahtlos.section_document(&self.case, &kind)?;
        let authors = self.nahtlos.section_authors(&self.case, &kind)?;
        Ok(DisputesView::read(&document, &authors))
    }

    fn entry(&self, typed: &str) -> Result<JournalEntryView, Failure> {
        let entries: Vec<_> = self
            .view()?
            .entries
            .into_iter()
            .map(|entry| (String::new(), entry.id.canonical(), entry))
            .collect();
        Ok(find("journal entry", typed, &entries)?.clone())
    }

    fn title(&self) -> Result<String, Failure> {
        let section = self.section()?.titles()[2];
        Ok(format!(
            "{} · {section}",
            case_title(&self.nahtlos, &self.case)?
        ))
    }

    /// Writes an entry; the first note of an institution founds the section that it stands in.
    fn write(&mut self, new: NewEntry) -> Result<EntryId, Failure> {
        let id = new_id()?;
        if self.internal {
            self.nahtlos.edit_notes(&self.case, new.into_note(id))?;
        } else {
            let edit = JournalEdit::AddEntry {
                id,
                at: new.at,
                kind: new.kind,
                text: new.text,
                correction_of: new.correction_of,
            };
            super::edit(&mut self.nahtlos, &self.case, Edit::Journal(edit))?;
        }
        Ok(id)
    }
}

/// An entry that is to be written.
struct NewEntry {
    at: Option<UtcTime>,
    kind: JournalKind,
    text: JournalText,
    correction_of: Option<EntryId>,
}

impl NewEntry {
    fn into_note(self, id: EntryId) -> FormChange {
        let text = |value: String| ScalarValue::Text(value);
        let at = self.at.map(|at| ("at".to_owned(), text(at.canonical())));
        let values = [
            ("kind".to_owned(), text(self.kind.canonical())),
            ("text".to_owned(), text(self.text.canonical())),
        ];
        FormChange::Add {
            list: NOTES.to_owned(),
            id,
            correction_of: self.correction_of,
            values: values.into_iter().chain(at).collect(),
        }
    }
}

fn add(context: &Context, new: &JournalAdd) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.text)?;
    let kind: JournalKind = parse("kind", &new.kind)?;
    let at = new.at.as_deref().map(dates::parse_time).transpose()?;
    let mut book = Book::open(context, &new.case, new.internal)?;
    book.require_writable()?;
    let text: JournalText = input::text(&new.text, "text", "Journal entry")?;
    let written = extent(text.as_str());
    let id = book.write(NewEntry {
        at,
        kind,
        text,
        correction_of: None,
    })?;
    let title = case_title(&book.nahtlos, &book.case)?;
    let (what, whose) = what_it_is(new.internal);
    let answer = Answer::sentence(
        json!({
            "case": book.case.id.to_string(),
            "section": book.section()?.code(),
            "entry": id.to_string(),
        }),
        format!("{title}: {what} ({kind}) written, {written}.{whose}"),
    );
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// What an entry is called, and who can read it where that is not said already.
fn what_it_is(internal: bool) -> (&'static str, &'static str) {
    match internal {
        true => (
            "internal note",
            " Only your institution's team holds its key.",
        ),
        false => ("journal entry", ""),
    }
}

fn correct(context: &Context, new: &JournalCorrect) -> Result<Answer, Failure> {
    input::refuse_command_line(&new.text)?;
    let kind = new.kind.as_deref();
    let kind: Option<JournalKind> = kind.map(|kind| parse("kind", kind)).transpose()?;
    let at = new.at.as_deref();
    let at = at.map(dates::parse_time).transpose()?;
    let mut book = Book::open(context, &new.case, new.internal)?;
    let corrected = book.entry(&new.entry)?;
    let kind = kind.or_else(|| corrected.kind.as_ref()?.known().copied());
    let Some(kind) = kind else {
        return Err(kind_of_a_newer_version());
    };
    let at = at.or_else(|| corrected.at.as_ref()?.known().copied());
    let question = "What is to be read in its place";
    let text: JournalText = input::text(&new.text, "text", question)?;
    let written = extent(text.as_str());
    let id = book.write(NewEntry {
        at,
        kind,
        text,
        correction_of: Some(known_id(&corrected.id)?),
    })?;
    let title = case_title(&book.nahtlos, &book.case)?;
    Ok(Answer::sentence(
        json!({
            "case": book.case.id.to_string(),
            "section": book.section()?.code(),
            "entry": id.to_string(),
            "corrects": corrected.id.canonical(),
        }),
        format!(
            "{title}: what {} wrote stays and shows as corrected by this entry, {written}.",
            who(&corrected.origin)
        ),
    )
    .note(NOT_DELIVERED_YET))
}

fn kind_of_a_newer_version() -> Failure {
    Failure::new(
        Exit::Usage,
        "kind_missing",
        "Nothing was stored: the entry is of a kind that this program does not know.",
        "A newer version wrote it.",
        "Name the correction's kind: `nahtlos journal correct CASE ENTRY --kind KIND`.",
    )
}

fn list(context: &Context, wanted: &JournalList) -> Result<Answer, Failure> {
    let filter = filter_of(wanted)?;
    let book = Book::open(context, &wanted.case, wanted.internal)?;
    let mut view = book.view()?;
    let all = view.entries.len();
    view.entries.retain(|entry| filter.holds(entry));
    let disputes = book.disputes()?;
    let page = Page::default().title(book.title()?);
    let page = disputes_page(page, &book.section()?, &disputes);
    let page = match (view.entries.len(), all) {
        (0, 0) if wanted.internal => page.line(
            "No note of your institution yet: `nahtlos journal add CASE --internal` writes the first.",
        ),
        (0, 1..) => page.line(format!("None of {all} entries is like this.")),
        _ => journal_page(page, &view, &disputes),
    };
    let mut data = json!({
        "case": book.case.id.to_string(),
        "section": book.section()?.code(),
        "entries_in_all": all,
        "content": json::value(&view),
    });
    if let Some(fields) = data
        .as_object_mut()
        .filter(|_| !disputes.disputes.is_empty())
    {
        fields.insert("disputes".into(), json::value(&disputes.disputes));
    }
    Ok(Answer::new(data, page))
}

fn filter_of(wanted: &JournalList) -> Result<JournalFilter, Failure> {
    let kinds = wanted.kind.iter().map(|kind| parse("kind", kind));
    let since = wanted.since.as_deref();
    let until = wanted.until.as_deref();
    let last = |day: &str| {
        let millis = dates::end_of_day_ms(day)?;
        Ok::<i64, Failure>(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
    };
    Ok(JournalFilter {
        kinds: kinds.collect::<Result<_, _>>()?,
        since_seconds: since.map(dates::start_of_day_seconds).transpose()?,
        until_seconds: until.map(last).transpose()?,
        text: wanted.filter.clone(),
    })
}

fn show(context: &Context, case: &str, entry: &str, internal: bool) -> Result<Answer, Failure> {
    let book = Book::open(context, case, internal)?;
    let entry = book.entry(entry)?;
    let at = match &entry.at {
        Some(Stored::Known(time)) => Some(dates::time(*time)),
        other => shown(other),
    };
    let id = entry.id.canonical();
    let disputes = book.disputes()?;
    let mut said = disputes.said_of(&["entries", &id]);
    said.extend(disputes.said_of(&["records", &id]));
    let corrections: Vec<String> = entry.corrected_by.iter().map(correction).collect();
    let page = Page::default()
        .title(book.title()?)
        .fields([
            ("entry", Some(entry.id.canonical())),
            ("happened", at),
            ("kind", shown(&entry.kind)),
            ("by", Some(who(&entry.origin))),
            ("written", Some(when(&entry.origin))),
            ("corrects", entry.correction_of.as_ref().map(short_id)),
            (
                "corrected by",
                (!corrections.is_empty()).then(|| corrections.join("\n")),
            ),
            (
                "the person contests",
                (!said.is_empty()).then(|| said.join("\n")),
            ),
        ])
        .line(cell(&entry.text));
    let data = json!({
        "case": book.case.id.to_string(),
        "section": book.section()?.code(),
        "entry": json::value(&entry),
        "contested": said,
    });
    Ok(Answer::new(data, page))
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
