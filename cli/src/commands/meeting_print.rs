//! The minutes of a round table as a page to be printed: what its table says, in German or French.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::form::{Form, FormField, FormList, ValueType};
use nahtlos_casework::view::{DisputesView, EntryView, FieldView, FormView};

use super::names::Names;
use super::plan_print::{PAGE, contested, escaped, lines};
use super::plan_print_words::Language;
use super::section_fields::shown;

/// Fields that say what a decision became: for programs, not for people.
const LINKS: [&str; 2] = ["task", "step"];

/// The page.
pub fn html(
    title: &str,
    (kind, form): (&SectionKind, &'static Form),
    view: &FormView,
    disputes: &DisputesView,
    names: &Names,
    language: &str,
) -> String {
    let language = Language::of(language);
    let print = Print { language, names };
    let heading = language.pick(&kind.titles());
    let mut body = format!("<h1>{}: {}</h1>\n", escaped(heading), escaped(title));
    let fields = form.fields.iter();
    let rows = fields.filter_map(|field| Some((field, view.fields.get(field.code)?)));
    let rows: Vec<String> = rows
        .map(|(field, value)| {
            let name = escaped(language.pick(&field.names));
            format!("<dt>{name}</dt><dd>{}</dd>\n", print.value(field, value))
        })
        .collect();
    body.push_str(&format!("<dl>\n{}</dl>\n", rows.concat()));
    for list in form.lists {
        let entries = view.lists.get(list.code).into_iter().flatten();
        let entries: Vec<&EntryView> = entries.filter(|entry| !entry.deleted).collect();
        if !entries.is_empty() {
            body.push_str(&print.list(list, &entries));
        }
    }
    body.push_str(&contested(kind, disputes, language));
    PAGE.replacen("{language}", language.code(), 1)
        .replacen("{title}", heading, 1)
        .replacen("{body}", &body, 1)
}

struct Print<'a> {
    language: Language,
    names: &'a Names,
}

impl Print<'_> {
    fn list(&self, list: &FormList, entries: &[&EntryView]) -> String {
        let columns = list.fields.iter();
        let columns: Vec<&FormField> = columns
            .filter(|field| !LINKS.contains(&field.code))
            .collect();
        let heads = columns
            .iter()
            .map(|field| format!("<th>{}</th>", escaped(self.language.pick(&field.names))));
        let heads: String = heads.collect();
        let rows = entries.iter().map(|entry| {
            let cells = columns.iter().map(|field| {
                let value = entry.fields.get(field.code);
                let value = value.map_or_else(String::new, |value| self.value(field, value));
                format!("<td>{value}</td>")
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        });
        format!(
            "<h2>{}</h2>\n<table>\n<tr>{heads}</tr>\n{}</table>\n",
            escaped(self.language.pick(&list.names)),
            rows.collect::<String>()
        )
    }

    /// A value in words; a code by its name in the page's language.
    fn value(&self, field: &FormField, value: &FieldView) -> String {
        if let (ValueType::Code(codes), ScalarValue::Text(stored)) = (field.value, &value.stored)
            && let Some((_, names)) = codes.iter().find(|(code, _)| code == stored)
        {
            return escaped(self.language.pick(names));
        }
        lines(&shown(value, field, self.names))
    }
}
