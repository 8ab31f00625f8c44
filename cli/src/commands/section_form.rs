//! Sections that are described by their fields and lists: set, added to, changed, filled from a file.

use std::collections::BTreeMap;

use nahtlos_casework::edit::{Edit, FormChange, FormEdit, NewValues, ScalarValue, Wording};
use nahtlos_casework::fields::{EntryId, Field, FieldError, LongText};
use nahtlos_casework::form::{Form, FormField, FormList, Keeps, ValueType};
use nahtlos_casework::view::{EntryView, FormView};
use nahtlos_casework::{SectionFile, SectionKind};
use nahtlos_client::{Case, Nahtlos};
use serde_json::{Value, json};

use super::entries::{find, known_id, new_id};
use super::names::Names;
use super::section::refuse_not_opened;
use super::section_fields::{counts_each_list, list_of, name_of, numbered, one_of, shown, table};
use super::{NOT_DELIVERED_YET, case_title, section_of, values};
use crate::arguments::{Answered, SectionEdit, TypedValue};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Lines};
use crate::output::{Answer, dates};

/// `section set`, `add`, `change`, `delete`, `restore`, `fill`.
///
/// # Errors
/// What a person is told where it fails.
pub fn run(context: &Context, edit: SectionEdit) -> Result<Answer, Failure> {
    match edit {
        SectionEdit::Set {
            case,
            section,
            field,
            value,
        } => set(context, &case, &section, &field, &value),
        SectionEdit::Add {
            case,
            section,
            list,
            entry,
        } => add(context, &case, &section, &list, &entry),
        SectionEdit::Change {
            case,
            section,
            entry,
            field,
            value,
        } => change(context, &case, &section, &entry, &field, &value),
        SectionEdit::Delete {
            case,
            section,
            entry,
            answered,
        } => delete(context, &case, &section, &entry, answered),
        SectionEdit::Restore {
            case,
            section,
            entry,
        } => {
            let mut desk = Desk::open(context, &case, &section)?;
            let Found { id, name, .. } = desk.entry(&entry)?;
            desk.write(
                vec![FormChange::Restore { id }],
                &format!("\"{name}\" restored"),
            )
        }
        SectionEdit::Fill {
            case,
            section,
            from,
        } => {
            let mut desk = Desk::open(context, &case, &section)?;
            let changes = from_file(&desk.kind, &input::read_text(&from)?)?;
            let count = changes.len();
            let plural = if count == 1 { "change" } else { "changes" };
            desk.write(changes, &format!("{count} {plural} stored"))
        }
    }
}

/// One section of a case that is edited field by field.
struct Desk {
    nahtlos: Nahtlos,
    case: Case,
    kind: SectionKind,
    form: &'static Form,
    names: Names,
}

/// An entry of a list.
struct Found {
    id: EntryId,
    list: &'static FormList,
    entry: EntryView,
    /// What it is called.
    name: String,
}

impl Desk {
    fn open(context: &Context, case: &str, section: &str) -> Result<Self, Failure> {
        let nahtlos = context.open()?;
        let case = nahtlos.find_case(case)?;
        let kind = section_of(&case, section)?;
        let form = table(&kind)?;
        refuse_not_opened(&nahtlos, &case, &kind)?;
        // Before anybody types: what is refused afterwards is lost.
        nahtlos.require_writable(&case.section(&kind)?)?;
        let names = Names::of_case(&nahtlos, &case);
        Ok(Self {
            nahtlos,
            case,
            kind,
            form,
            names,
        })
    }

    fn view(&self) -> Result<FormView, Failure> {
        let document = self.nahtlos.section_document(&self.case, &self.kind)?;
        let authors = self.nahtlos.section_authors(&self.case, &self.kind)?;
        Ok(FormView::read(&document, &self.kind, &authors))
    }

    /// The entry that was typed.
    fn entry(&self, typed: &str) -> Result<Found, Failure> {
        let view = self.view()?;
        let numbered: Vec<_> = numbered(self.form, &view)
            .into_iter()
            .map(|(number, list, entry)| {
                let number = match counts_each_list(self.form) {
                    true => format!("{}.{number}", list.code),
                    false => number.to_string(),
                };
                (number, entry.id.canonical(), (list, entry))
            })
            .collect();
        let (list, entry) = find("entry", typed, &numbered)?;
        Ok(Found {
            id: known_id(&entry.id)?,
            name: name_of(list, entry),
            list,
            entry: (*entry).clone(),
        })
    }

    /// The same, where it may be changed.
    fn changeable_entry(&self, typed: &str) -> Result<Found, Failure> {
        let found = self.entry(typed)?;
        match found.list.keeps {
            Keeps::Entries => Ok(found),
            Keeps::Records => Err(never_changed()),
        }
    }

    /// All of it, or nothing.
    fn write(&mut self, changes: Vec<FormChange>, done: &str) -> Result<Answer, Failure> {
        let added = changes.iter().filter_map(|change| match change {
            FormChange::Add { id, .. } => Some(id.to_string()),
            _ => None,
        });
        let added: Vec<String> = added.collect();
        let edit = |change| {
            Edit::Form(FormEdit {
                section: self.kind.clone(),
                change,
            })
        };
        let edits: Vec<Edit> = changes.into_iter().map(edit).collect();
        self.nahtlos.edit_case(&self.case.id.to_string(), &edits)?;
        let title = case_title(&self.nahtlos, &self.case)?;
        let data = json!({
            "case": self.case.id.to_string(),
            "section": self.kind.code(),
            "done": done,
            "added": added,
        });
        Ok(Answer::sentence(data, format!("{title}: {done}.")).note(NOT_DELIVERED_YET))
    }

    /// Reads what somebody typed; people and institutions by their names, times as they are written
    /// here.
    fn read(&self, field: &FormField, text: &str) -> Result<ScalarValue, Failure> {
        let code = field.code;
        let named = |error: FieldError| FieldError {
            field: code,
            ..error
        };
        Ok(match field.value {
            ValueType::Responsible => {
                ScalarValue::Text(self.names.parse_responsible(text)?.canonical())
            }
            ValueType::Time => {
                ScalarValue::Text(dates::parse_time(text).map_err(named)?.canonical())
            }
            ValueType::Address => {
                ScalarValue::Text(values::address(text).map_err(named)?.canonical())
            }
            _ => field.value.read(code, text)?,
        })
    }
}

fn set(
    context: &Context,
    case: &str,
    section: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let mut desk = Desk::open(context, case, section)?;
    let field = one_of(desk.form.fields, field)?;
    let view = desk.view()?;
    let current = view.fields.get(field.code);
    let current = current.map(|value| shown(value, field, &desk.names));
    let values = NewValues::from([(
        field.code.to_owned(),
        new_value(&desk, field, value, current.as_deref())?,
    )]);
    let done = done(field, &values);
    desk.write(vec![FormChange::Set { values }], &done)
}

fn add(
    context: &Context,
    case: &str,
    section: &str,
    list: &str,
    entry: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(entry)?;
    let mut desk = Desk::open(context, case, section)?;
    let list = list_of(desk.form, list)?;
    let added = format!("entry added to {}", list.names[2]);
    let Some(source) = &entry.from else {
        let change = asked(&desk, list)?;
        return desk.write(vec![change], &added);
    };
    let text = input::read_text(source)?;
    let file = match serde_json::from_str::<Value>(&text) {
        Ok(entry) if entry.get("id").is_some() => return Err(not_new()),
        // As a file about the section, in which it keeps its lines.
        Ok(_) => format!("{{\"{}\":[{text}]}}", list.code),
        // Refused for what is wrong in its own text.
        Err(_) => text,
    };
    let changes = from_file(&desk.kind, &file)?;
    desk.write(changes, &added)
}

/// Asks for the fields of a new entry, one after the other.
fn asked(desk: &Desk, list: &FormList) -> Result<FormChange, Failure> {
    let mut values = BTreeMap::new();
    for field in list.fields {
        let may_be_missing = match (field.is_required, is_long(field)) {
            (true, _) => "",
            (false, true) => "; only the point if unknown",
            (false, false) => "; nothing if unknown",
        };
        let question = format!(
            "{} ({}{may_be_missing})",
            field.names[2],
            field.value.hint()
        );
        let read = |text: &str| {
            desk.read(field, text)
                .map_err(|failure| format!("{} {}", failure.why, failure.next))
        };
        let value = match is_long(field) {
            true => input::ask_text(&question, None, !field.is_required, read)?,
            false => input::ask_value(&question, !field.is_required, read)?,
        };
        if let Some(value) = value {
            values.insert(field.code.to_owned(), value);
        }
    }
    Ok(FormChange::Add {
        list: list.code.to_owned(),
        id: new_id()?,
        correction_of: None,
        values,
    })
}

/// Whether people type it in several lines, or paste it: of one line the rest would be lost.
fn is_long(field: &FormField) -> bool {
    use ValueType::{AnonymousText, Report, Text, Wording};
    matches!(field.value, Text | Report | AnonymousText | Wording)
}

fn change(
    context: &Context,
    case: &str,
    section: &str,
    entry: &str,
    field: &str,
    value: &TypedValue,
) -> Result<Answer, Failure> {
    input::refuse_command_line(value)?;
    let mut desk = Desk::open(context, case, section)?;
    let Found {
        id, list, entry, ..
    } = desk.changeable_entry(entry)?;
    let field = one_of(list.fields, field)?;
    if field.value == ValueType::Wording {
        let before = match entry.fields.get(field.code).map(|value| &value.stored) {
            Some(ScalarValue::Text(text)) => Wording::new(text.as_str()),
            _ => Wording::new(""),
        };
        let question = format!("New text of {}", field.names[2]);
        let after: LongText = input::text(value, field.code, &question)?;
        let change = FormChange::Reword {
            id,
            field: field.code.to_owned(),
            before,
            after,
        };
        return desk.write(vec![change], &format!("{} reworded", field.names[2]));
    }
    let current = entry.fields.get(field.code);
    let current = current.map(|value| shown(value, field, &desk.names));
    let values = NewValues::from([(
        field.code.to_owned(),
        new_value(&desk, field, value, current.as_deref())?,
    )]);
    let done = done(field, &values);
    desk.write(vec![FormChange::Change { id, values }], &done)
}

fn delete(
    context: &Context,
    case: &str,
    section: &str,
    entry: &str,
    answered: Answered,
) -> Result<Answer, Failure> {
    let mut desk = Desk::open(context, case, section)?;
    let Found { id, name, .. } = desk.changeable_entry(entry)?;
    let data = |done: &str| json!({ "entry": id.to_string(), "done": done });
    if answered.dry_run {
        let said = format!("Would delete \"{name}\" for everybody.");
        return Ok(Answer::sentence(data("dry_run"), said));
    }
    if !answered.yes && !input::confirm(&format!("Delete \"{name}\" for everybody?"))? {
        return Ok(Answer::sentence(data("nothing"), "Nothing was deleted."));
    }
    let answer = desk.write(
        vec![FormChange::Delete { id }],
        &format!("\"{name}\" deleted"),
    )?;
    Ok(answer.note("`nahtlos section restore CASE SECTION ENTRY` brings it back."))
}

/// The value that was typed for a field; nothing where it is to be emptied.
fn new_value(
    desk: &Desk,
    field: &FormField,
    value: &TypedValue,
    current: Option<&str>,
) -> Result<Option<ScalarValue>, Failure> {
    let question = format!("New value of {} ({})", field.names[2], field.value.hint());
    let lines = match is_long(field) {
        true => Lines::Several(None),
        false => Lines::One,
    };
    input::changed(value, &question, current, lines, |text| {
        desk.read(field, text)
    })
}

fn done(field: &FormField, values: &NewValues) -> String {
    let is_set = values.values().any(Option::is_some);
    let done = if is_set { "set" } else { "emptied" };
    format!("{} {done}", field.names[2])
}

/// What a file asks for, in the order in which it is done.
///
/// # Errors
/// Every error of the file.
pub fn from_file(kind: &SectionKind, text: &str) -> Result<Vec<FormChange>, Failure> {
    let file = SectionFile::parse(kind, text).map_err(|errors| Failure::section_file(&errors))?;
    let mut failure = None;
    let edits = file.edits(&mut || {
        new_id().unwrap_or_else(|error| {
            failure = Some(error);
            EntryId::from_random([0; 8])
        })
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    let changes = edits.into_iter().filter_map(|edit| match edit {
        Edit::Form(edit) => Some(edit.change),
        _ => None,
    });
    Ok(changes.collect())
}

fn never_changed() -> Failure {
    Failure::new(
        Exit::Usage,
        "never_changed",
        "Entries of this list are never changed or deleted; nothing was done.",
        "What is wrong in one is corrected by a new one.",
        "Add one with `nahtlos section fill`, and `\"correction_of\": \"<id>\"` in it.",
    )
}

fn not_new() -> Failure {
    Failure::new(
        Exit::Usage,
        "not_new",
        "Nothing was stored: a new entry gets its `id` when it is added.",
        "An `id` names an entry that exists.",
        "Leave it out, or change that entry with `nahtlos section change`.",
    )
}
