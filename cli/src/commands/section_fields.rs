//! What a section that is described by its fields and lists may hold, and how it is shown.

use std::collections::BTreeMap;

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::fields::Field;
use nahtlos_casework::form::{Form, FormField, FormList, Keeps, ValueType, form_of};
use nahtlos_casework::view::{DisputesView, EntryView, FieldView, FormView};
use nahtlos_casework::{Conflict, SectionKind};
use serde_json::{Value, json};

use super::conflict::wordings_at;
use super::entries::short_id;
use super::names::Names;
use super::pages::{CONTESTED, violations_page, who};
use super::section_kind;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates};

/// The fields and lists of a section and what may stand in them.
///
/// # Errors
/// Where there is no such section, or it has commands of its own.
pub fn fields(section: &str) -> Result<Answer, Failure> {
    let typed = section.trim();
    let kind = match typed {
        "measure" | "internal" | "meeting" | "employer" => section_kind(&format!("{typed}/x"))?,
        code => section_kind(code)?,
    };
    let form = table(&kind)?;
    let row = |field: &FormField| {
        let [german, french, english] = field.names;
        let code = match field.is_required {
            true => format!("{} *", field.code),
            false => field.code.to_owned(),
        };
        vec![
            code,
            field.value.hint(),
            german.into(),
            french.into(),
            english.into(),
        ]
    };
    let heads = ["field", "what to write", "Deutsch", "Français", "English"];
    let rows = |fields: &[FormField]| fields.iter().map(row).collect::<Vec<_>>();
    let mut page = Page::default().title(kind.titles().join(" · "));
    if !form.fields.is_empty() {
        page = page.table(&heads, rows(form.fields), "");
    }
    for list in form.lists {
        let keeps = match list.keeps {
            Keeps::Entries => "a list",
            Keeps::Records => "a list whose entries are never changed",
        };
        page = page
            .title(format!(
                "{}: {keeps} ({})",
                list.code,
                list.names.join(" · ")
            ))
            .table(&heads, rows(list.fields), "");
    }
    page = page.line("A field with * is in every entry of its list.");
    let told = |fields: &[FormField]| -> Vec<Value> {
        let field = |field: &FormField| {
            json!({
                "field": field.code,
                "required": field.is_required,
                "names": field.names,
                "hint": field.value.hint(),
            })
        };
        fields.iter().map(field).collect()
    };
    let lists: Vec<Value> = form
        .lists
        .iter()
        .map(|list| {
            json!({
                "list": list.code,
                "names": list.names,
                "never_changed": list.keeps == Keeps::Records,
                "fields": told(list.fields),
            })
        })
        .collect();
    let data = json!({
        "section": typed,
        "names": kind.titles(),
        "fields": told(form.fields),
        "lists": lists,
    });
    Ok(Answer::new(data, page))
}

/// A section field by field, then its lists entry by entry.
pub fn form_page(
    page: Page,
    kind: &SectionKind,
    view: &FormView,
    names: &Names,
    (disputes, conflicts): (&DisputesView, &[Conflict]),
) -> Page {
    let Some(form) = form_of(kind) else {
        return page;
    };
    let mut page = page.fields(field_lines(form.fields, &view.fields, names, &|code| {
        disputes.marks(&["fields", code])
    }));
    let is_empty = view.fields.is_empty() && view.lists.values().all(Vec::is_empty);
    if is_empty {
        page = page.line(format!(
            "Nothing is written yet; `nahtlos section fields {}` says what may be.",
            kind.code().split('/').next().unwrap_or_default()
        ));
    }
    for (number, list, entry) in numbered(form, view) {
        let mut title = format!("{number}. {}: {}", list.names[2], name_of(list, entry));
        if entry.deleted {
            title.push_str(" (deleted)");
        }
        let id = entry.id.canonical();
        let mut lines = field_lines(list.fields, &entry.fields, names, &|code| {
            disputes.marks(&[list.container(), &id, code])
        });
        for (field, (_, value)) in list.fields.iter().zip(&mut lines) {
            if let Some(wordings) = wordings_at(conflicts, &["entries", &id, field.code]) {
                *value = Some(wordings);
            }
        }
        let corrected = entry.correction_of.as_ref().map(short_id);
        lines.push(("corrects".into(), corrected));
        lines.push(("by".into(), entry.origin.as_ref().map(who)));
        let changed: Vec<String> = entry.changed.iter().map(who).collect();
        let changed = (!changed.is_empty()).then(|| changed.join("\n"));
        lines.push(("changed by".into(), changed));
        lines.push(("id".into(), Some(short_id(&entry.id))));
        page = page.title(title).fields(lines);
    }
    for (code, entries) in &view.lists {
        if form.list(code).is_none() && !entries.is_empty() {
            page = page.line(format!(
                "{} entries of `{code}` are of a newer version; `section export` has them.",
                entries.len()
            ));
        }
    }
    violations_page(page, &view.violations)
}

/// What is known in the order of the table, then what a newer version wrote.
pub fn field_lines(
    fields: &[FormField],
    values: &BTreeMap<String, FieldView>,
    names: &Names,
    is_contested: &dyn Fn(&str) -> bool,
) -> Vec<(String, Option<String>)> {
    let mut lines: Vec<(String, Option<String>)> = fields
        .iter()
        .map(|field| {
            let value = values.get(field.code);
            let mark = if is_contested(field.code) {
                CONTESTED
            } else {
                ""
            };
            let value = value.map(|value| format!("{}{mark}", shown(value, field, names)));
            (field.names[2].to_owned(), value)
        })
        .collect();
    let newer = values
        .iter()
        .filter(|(code, _)| fields.iter().all(|field| field.code != code.as_str()));
    lines.extend(newer.map(|(code, value)| (code.clone(), Some(value.shown.clone()))));
    lines
}

/// Whether each list of a section has numbers of its own: the commands of a round table say which list they mean.
pub fn counts_each_list(form: &Form) -> bool {
    form.list("agenda").is_some()
}

/// The entries of every list of the table with their numbers, in the order in which they were written: one that is
/// added moves none.
pub fn numbered<'a>(
    form: &'static Form,
    view: &'a FormView,
) -> Vec<(usize, &'static FormList, &'a EntryView)> {
    let lists = form.lists.iter();
    let entries = lists.flat_map(|list| {
        let entries = view.lists.get(list.code).into_iter().flatten();
        (1..).zip(entries).map(move |(place, entry)| {
            let number = match counts_each_list(form) {
                true => place,
                false => entry.number,
            };
            (number, list, entry)
        })
    });
    entries.collect()
}

/// What an entry is called: by its first field.
pub fn name_of(list: &FormList, entry: &EntryView) -> String {
    let first = list.fields.first();
    let value = first.and_then(|field| entry.fields.get(field.code));
    value.map_or_else(String::new, |value| value.shown.clone())
}

/// A value as people read it: people and institutions by their names, times as they are here.
pub fn shown(value: &FieldView, field: &FormField, names: &Names) -> String {
    match (&value.stored, field.value) {
        (ScalarValue::Text(text), ValueType::Responsible) => names.in_text(text),
        (ScalarValue::Text(text), ValueType::Time) => {
            Field::parse(text).map_or_else(|_| value.shown.clone(), dates::time)
        }
        _ => value.shown.clone(),
    }
}

/// The table of a section.
///
/// # Errors
/// Where the section has commands of its own.
pub fn table(kind: &SectionKind) -> Result<&'static Form, Failure> {
    form_of(kind).ok_or_else(|| {
        let code = kind.code();
        Failure::new(
            Exit::Usage,
            "no_table",
            format!("The section `{code}` is not edited field by field."),
            "It has commands of its own.",
            match kind {
                SectionKind::Core | SectionKind::Ident => "Use `nahtlos case set CASE FIELD`.",
                SectionKind::Plan => "Use `nahtlos plan`.",
                SectionKind::Journal => "Use `nahtlos journal`.",
                SectionKind::Tasks => "Use `nahtlos task`.",
                SectionKind::Function => "Use `nahtlos function`.",
                SectionKind::Consent => "Use `nahtlos consent`.",
                _ => "It is of a newer version: use a newer nahtlos.",
            },
        )
    })
}

/// The field that was typed.
///
/// # Errors
/// Where there is none; it names all.
pub fn one_of(fields: &'static [FormField], typed: &str) -> Result<&'static FormField, Failure> {
    let found = fields.iter().find(|field| field.code == typed.trim());
    found.ok_or_else(|| {
        unknown_code(
            "field",
            fields.iter().map(|field| (field.code, field.names[2])),
        )
    })
}

/// The list that was typed.
///
/// # Errors
/// Where there is none; it names all.
pub fn list_of(form: &'static Form, typed: &str) -> Result<&'static FormList, Failure> {
    form.list(typed.trim()).ok_or_else(|| {
        unknown_code(
            "list",
            form.lists.iter().map(|list| (list.code, list.names[2])),
        )
    })
}

fn unknown_code<'a>(what: &str, all: impl Iterator<Item = (&'a str, &'a str)>) -> Failure {
    let mut failure = Failure::new(
        Exit::Usage,
        format!("unknown_{what}"),
        format!("There is no such {what} here; nothing was changed."),
        "There are:",
        "Run the command again with one of them; `nahtlos section fields SECTION` shows all.",
    );
    failure.details = all.map(|(code, name)| format!("{code} ({name})")).collect();
    failure
}
