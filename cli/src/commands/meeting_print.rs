//! The minutes of a round table as a page to be printed: what its table says, in German or French.

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::fields::{Responsible, Stored};
use nahtlos_casework::form::{Form, FormField, FormList, ValueType};
use nahtlos_casework::view::{EntryView, FieldView, FormView};
use nahtlos_casework::{Conflict, ConflictKind, SectionKind};

use super::dispute::Contested;
use super::names::Names;
use super::plan_print::{STYLE, contested, lines};
use super::plan_print_words::Language;
use super::printed_page::{escaped, framed};
use super::section_fields::shown;

/// Fields that say what a decision became: for programs, not for people.
const LINKS: [&str; 2] = ["task", "step"];

/// What a reader of the page must know of the minutes besides what they say.
pub struct Standing {
    /// What several people wrote differently, and nobody has settled.
    pub conflicts: Vec<Conflict>,
    /// Whether the section is not shared any more, so that nothing newer arrived.
    pub is_old_copy: bool,
}

/// The page.
pub fn html(
    title: &str,
    (kind, form): (&SectionKind, &'static Form),
    view: &FormView,
    disputes: &Contested,
    standing: &Standing,
    names: &Names,
    language: Language,
) -> String {
    let print = Print { language, names };
    let heading = language.heading(&kind.titles());
    let heading = heading.as_str();
    let mut body = format!("<h1>{}: {}</h1>\n", escaped(heading), escaped(title));
    if standing.is_old_copy {
        let words = [
            "Alte Kopie: dieser Bereich ist nicht mehr freigegeben; Neueres steht nicht darin.",
            "Copie ancienne: cette section n'est plus partagée; rien de plus récent n'y figure.",
            "",
        ];
        body.push_str(&format!("<p><b>{}</b></p>\n", language.pick(&words)));
    }
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
    body.push_str(&print.conflicts(&standing.conflicts));
    body.push_str(&contested(kind, disputes, language));
    framed(language, heading, STYLE, &body)
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

    /// What stands open between people, with every side: the page alone would show one as if it were agreed.
    fn conflicts(&self, conflicts: &[Conflict]) -> String {
        if conflicts.is_empty() {
            return String::new();
        }
        let rows = conflicts.iter().map(|conflict| {
            let place = conflict
                .label
                .map_or("", |names| self.language.pick(&names));
            let entry = conflict.entry.as_deref().unwrap_or_default();
            let sides = match &conflict.kind {
                ConflictKind::Values { alternatives }
                | ConflictKind::Wordings { alternatives, .. } => alternatives,
                ConflictKind::DeletedMeanwhile { edits, .. }
                | ConflictKind::ClosedMeanwhile { edits, .. } => edits,
            };
            let sides = sides.iter().map(|side| {
                let author = side.origin.author.as_ref();
                let by = author.map_or_else(|| "?".to_owned(), |by| by.display_name.to_string());
                let value = match &side.value {
                    ScalarValue::Text(text) => self.names.in_text(text),
                    ScalarValue::Bool(value) => value.to_string(),
                    ScalarValue::Integer(value) => value.to_string(),
                };
                format!("<li>{} ({})</li>\n", lines(&value), escaped(&by))
            });
            format!(
                "<p><b>{}</b> {}</p>\n<ul>\n{}</ul>\n",
                escaped(place),
                escaped(entry),
                sides.collect::<String>()
            )
        });
        let heading = [
            "Noch nicht bereinigt: darüber steht Verschiedenes",
            "Pas encore réglé: les avis divergent",
            "",
        ];
        let heading = self.language.pick(&heading);
        format!("<h2>{heading}</h2>\n{}", rows.collect::<String>())
    }

    /// A value in words; a code by its name in the page's language.
    fn value(&self, field: &FormField, value: &FieldView) -> String {
        if let (ValueType::Code(codes), ScalarValue::Text(stored)) = (field.value, &value.stored)
            && let Some((_, names)) = codes.iter().find(|(code, _)| code == stored)
        {
            return escaped(self.language.pick(names));
        }
        match (field.value, &value.stored) {
            (ValueType::Responsible, ScalarValue::Text(stored))
                if Stored::read(stored) == Stored::Known(Responsible::Client) =>
            {
                return escaped(self.language.words().client);
            }
            (ValueType::Minutes, ScalarValue::Text(minutes)) => {
                let unit = self.language.pick(&["Minuten", "minutes"]);
                return escaped(&format!("{minutes} {unit}"));
            }
            _ => {}
        }
        lines(&shown(value, field, self.names))
    }
}
