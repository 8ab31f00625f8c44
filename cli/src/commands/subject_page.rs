//! The page of `subject export`. Every text that comes from people goes through [`escaped`].

use std::collections::BTreeMap;

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::fields::{Field, Stored, UtcTime};
use nahtlos_casework::form::{Form, FormField, ValueType, form_of};
use nahtlos_casework::view::{
    AttachmentsView, ConsentView, DisputesView, EntryView, FieldView, FormView, JournalView,
};
use nahtlos_casework::{Author, SectionKind, names_of};
use nahtlos_client::acting::SectionAuthors;
use nahtlos_client::reading::{AccessLog, DisclosureLine, ReadLine};
use nahtlos_client::share::SectionShares;
use nahtlos_document::Document;
use serde_json::Value;

use super::dispute::place_in_words;
use super::names::Names;
use super::plan_print::lines;
use super::plan_print_words::Language;
use super::printed_page::{escaped, framed};
use super::subject_words::{Words, code};
use crate::output::dates;

/// Parts of a document that say how it is kept, not what it says.
const NOT_SHOWN: [&str; 6] = [
    "acknowledged",
    "list",
    "heads",
    "text_hash",
    "signature",
    "deleted",
];

/// One section that could be read.
pub struct SectionPart {
    pub kind: SectionKind,
    pub document: Document,
    pub authors: SectionAuthors,
    /// As programs read it.
    pub content: Value,
}

/// Everything that stands in the export.
pub struct Gathered {
    pub title: String,
    pub language: Language,
    pub words: &'static Words,
    pub made_at: String,
    pub made_by: String,
    pub sections: Vec<SectionPart>,
    pub consents: ConsentView,
    pub rights: Vec<SectionShares>,
    pub log: AccessLog,
    pub missing: Vec<String>,
    pub names: Names,
}

/// The page, for a browser and a printer.
pub fn html(gathered: &Gathered) -> String {
    let words = gathered.words;
    let mut body = format!(
        "<h1>{}</h1>\n<p><b>{}</b></p>\n<p class=\"meta\">{} {} {} {}</p>\n<p>{}</p>\n",
        words.title,
        escaped(&gathered.title),
        words.made,
        escaped(&gathered.made_at),
        words.by,
        escaped(&gathered.made_by),
        words.explained,
    );
    body.push_str(&format!("<h2>{}</h2>\n", words.sections));
    for part in &gathered.sections {
        body.push_str(&gathered.section(part));
    }
    body.push_str(&format!(
        "<h2>{}</h2>\n{}",
        words.consents,
        gathered.consents()
    ));
    body.push_str(&format!("<h2>{}</h2>\n{}", words.rights, gathered.rights()));
    body.push_str(&format!(
        "<h2>{}</h2>\n{}",
        words.disclosures,
        gathered.disclosures()
    ));
    body.push_str(&format!("<h2>{}</h2>\n{}", words.reads, gathered.reads()));
    let missing = gathered.missing.iter();
    let missing: String = missing
        .map(|line| format!("<li>{}</li>\n", escaped(line)))
        .collect();
    body.push_str(&format!(
        "<h2>{}</h2>\n<ul>\n{missing}</ul>\n",
        words.missing
    ));
    framed(gathered.language, words.title, STYLE, &body)
}

impl Gathered {
    fn section(&self, part: &SectionPart) -> String {
        let heading = self.language.pick(&part.kind.titles());
        let content = match (&part.kind, form_of(&part.kind)) {
            (SectionKind::Journal, _) => self.journal(part),
            (_, Some(form)) => self.form(part, form),
            (_, None) => {
                let mut html = String::new();
                let content = part.document.export_json();
                self.walk(&part.kind, &mut Vec::new(), &content, &mut html);
                html
            }
        };
        let content = match content.is_empty() {
            true => format!("<p>{}</p>\n", self.words.nothing_written),
            false => content,
        };
        let disputed = self.disputed(part);
        let files = self.files(part);
        format!("<h3>{}</h3>\n{disputed}{content}{files}", escaped(heading))
    }

    /// The files that belong to it; their bytes stand in the file for programs.
    fn files(&self, part: &SectionPart) -> String {
        let view = AttachmentsView::read(&part.document, &part.authors);
        let words = self.words;
        let rows: Vec<[String; 4]> = view
            .standing()
            .map(|one| {
                [
                    one.name
                        .as_ref()
                        .map_or_else(String::new, Stored::canonical),
                    one.size_bytes
                        .map_or_else(String::new, |size| size.to_string()),
                    one.note
                        .as_ref()
                        .map_or_else(String::new, Stored::canonical),
                    self.author(one.origin.author.as_ref()),
                ]
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let headings = [words.file, "Bytes", words.text, words.recorded_by];
        self.table(&headings, rows.into_iter())
    }

    /// What the person disputes in it, and how that was settled.
    fn disputed(&self, part: &SectionPart) -> String {
        let view = DisputesView::read(&part.document, &part.authors);
        if view.disputes.is_empty() {
            return String::new();
        }
        let words = self.words;
        let rows = view.disputes.iter().map(|one| {
            let settled = one.settled.iter().map(|end| {
                let text = end
                    .text
                    .as_ref()
                    .map_or_else(String::new, Stored::canonical);
                let day = end
                    .stated_at
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string);
                format!("{day}: {text}")
            });
            [
                place_in_words(&part.kind, &one.path, self.language),
                one.text
                    .as_ref()
                    .map_or_else(String::new, Stored::canonical),
                one.stated_at
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
                self.author(one.origin.author.as_ref()),
                settled.collect::<Vec<_>>().join("\n"),
            ]
        });
        let headings = [
            words.disputed,
            words.text,
            words.when,
            words.recorded_by,
            words.settled,
        ];
        self.table(&headings, rows)
    }

    fn journal(&self, part: &SectionPart) -> String {
        let view = JournalView::read(&part.document, &part.authors);
        let rows = view.entries.iter().map(|entry| {
            let at = match &entry.at {
                Some(Stored::Known(time)) => dates::time(*time),
                other => other.as_ref().map_or_else(String::new, Stored::canonical),
            };
            let kind = entry.kind.as_ref().map(Stored::canonical);
            let mut text = entry
                .text
                .as_ref()
                .map_or_else(String::new, Stored::canonical);
            if entry.correction_of.is_some() {
                text = format!("({}) {text}", self.words.corrects);
            }
            let kind = kind.map_or_else(String::new, |kind| self.coded("kind", &kind));
            [at, self.author(entry.origin.author.as_ref()), kind, text]
        });
        let words = self.words;
        self.table(&[words.when, words.who, words.kind, words.text], rows)
    }

    fn form(&self, part: &SectionPart, form: &Form) -> String {
        let view = FormView::read(&part.document, &part.kind, &part.authors);
        let mut html = self.definitions(&self.fields(form.fields, &view.fields));
        for (list, entries) in &view.lists {
            let known = form.list(list);
            let title = known.map_or(list.as_str(), |known| self.language.pick(&known.names));
            for entry in entries {
                html.push_str(&format!("<h4>{}</h4>\n", escaped(title)));
                let fields = known.map_or(&[][..], |known| known.fields);
                html.push_str(&self.definitions(&self.entry(fields, entry)));
            }
        }
        html
    }

    fn entry(&self, fields: &[FormField], entry: &EntryView) -> Vec<(String, String)> {
        let mut rows = self.fields(fields, &entry.fields);
        if entry.deleted {
            rows.push((self.words.deleted.to_owned(), self.words.yes.to_owned()));
        }
        if entry.correction_of.is_some() {
            rows.push((self.words.corrects.to_owned(), self.words.yes.to_owned()));
        }
        if let Some(origin) = &entry.origin {
            let who = self.author(origin.author.as_ref());
            let at = origin.at.map_or_else(String::new, dates::time);
            rows.push((self.words.who.to_owned(), format!("{who}, {at}")));
        }
        rows
    }

    /// What is known in the order of the table, then what a newer program wrote.
    fn fields(
        &self,
        fields: &[FormField],
        values: &BTreeMap<String, FieldView>,
    ) -> Vec<(String, String)> {
        let known = fields.iter().filter_map(|field| {
            let value = self.form_value(field, values.get(field.code)?);
            Some((self.language.pick(&field.names).to_owned(), value))
        });
        let is_newer = |code: &str| fields.iter().all(|field| field.code != code);
        let newer = values
            .iter()
            .filter(|(code, _)| is_newer(code))
            .map(|(code, value)| (code.clone(), value.shown.clone()));
        known.chain(newer).collect()
    }

    fn form_value(&self, field: &FormField, value: &FieldView) -> String {
        match (&value.stored, field.value) {
            (ScalarValue::Bool(truth), _) => self.truth(*truth),
            (ScalarValue::Text(text), ValueType::Code(codes)) => {
                let found = codes.iter().find(|one| one.0 == text);
                found.map_or_else(
                    || text.clone(),
                    |(_, names)| self.language.pick(names).to_owned(),
                )
            }
            (ScalarValue::Text(text), ValueType::JournalKind) => self.coded("kind", text),
            (ScalarValue::Text(text), ValueType::Responsible) => self.text("responsible", text),
            (ScalarValue::Text(text), ValueType::Time) => {
                UtcTime::parse(text).map_or_else(|_| text.clone(), dates::time)
            }
            _ => value.shown.clone(),
        }
    }

    /// A map of a document: its single values, then the maps in it.
    fn walk(&self, kind: &SectionKind, steps: &mut Vec<String>, value: &Value, html: &mut String) {
        let Value::Object(map) = value else {
            return;
        };
        let mut rows = Vec::new();
        for (key, inner) in map {
            if NOT_SHOWN.contains(&key.as_str()) && *inner != Value::Bool(true) {
                continue;
            }
            steps.push(key.clone());
            if let Some(text) = self.scalar(key, inner) {
                rows.push((self.label(kind, steps), text));
            }
            steps.pop();
        }
        if !rows.is_empty() {
            if let Some(heading) = self.heading(steps) {
                html.push_str(&format!("<h4>{}</h4>\n", escaped(&heading)));
            }
            html.push_str(&self.definitions(&rows));
        }
        for (key, inner) in map {
            if inner.is_object() && !NOT_SHOWN.contains(&key.as_str()) {
                steps.push(key.clone());
                self.walk(kind, steps, inner, html);
                steps.pop();
            }
        }
    }

    /// What an entry is, by the map that it stands in.
    fn heading(&self, steps: &[String]) -> Option<String> {
        let container = steps.len().checked_sub(2).and_then(|at| steps.get(at))?;
        let last = steps.last()?;
        let words = match container.as_str() {
            "goals" => ["Ziel", "objectif"],
            "steps" => ["Schritt", "étape"],
            "tasks" => ["Aufgabe", "tâche"],
            "checklist" => ["Checkliste", "liste de contrôle"],
            "assessments" => ["Einschätzung", "évaluation"],
            "approvals" => ["Kostengutsprache", "approbation"],
            "plan" if last.starts_with("risk:") => ["Risiko", "risque"],
            "plan" if last.starts_with("review:") => ["Standortbestimmung", "bilan"],
            "plan" if last.starts_with("version:") => ["Fassung", "version"],
            "plan" if last.starts_with("signature:") => ["Unterschrift", "signature"],
            _ => return None,
        };
        Some(self.language.pick(&words).to_owned())
    }

    fn label(&self, kind: &SectionKind, steps: &[String]) -> String {
        let path: Vec<&str> = steps.iter().map(String::as_str).collect();
        let last = path.last().copied().unwrap_or_default();
        let is_part_of_a_record = matches!(
            path.as_slice(),
            ["assessments", _, _] | ["plan", _, _] | [.., "approvals", _, _]
        );
        match names_of(kind, &path) {
            Some(names) if !is_part_of_a_record => self.language.pick(&names).to_owned(),
            _ => last.replace('_', " "),
        }
    }

    /// A single value in words; nothing for a map.
    fn scalar(&self, field: &str, value: &Value) -> Option<String> {
        match value {
            Value::Null | Value::Object(_) => None,
            Value::Bool(truth) => Some(self.truth(*truth)),
            Value::String(text) => Some(self.text(field, text)),
            other => Some(other.to_string()),
        }
    }

    fn text(&self, field: &str, text: &str) -> String {
        if text == "client" {
            return self.words.client.to_owned();
        }
        if let Some(words) = code(field, text) {
            return self.language.pick(&words).to_owned();
        }
        if let Ok(time) = UtcTime::parse(text) {
            return dates::time(time);
        }
        self.names.in_text(text)
    }

    fn coded(&self, field: &str, text: &str) -> String {
        code(field, text).map_or_else(
            || text.to_owned(),
            |words| self.language.pick(&words).to_owned(),
        )
    }

    fn truth(&self, truth: bool) -> String {
        let words = self.words;
        if truth { words.yes } else { words.no }.to_owned()
    }

    fn author(&self, author: Option<&Author>) -> String {
        match author {
            Some(author) => format!(
                "{} ({})",
                author.display_name,
                self.names.institution(author.institution.as_str())
            ),
            None => self.words.unknown.to_owned(),
        }
    }

    fn consents(&self) -> String {
        let words = self.words;
        if self.consents.given.is_empty() {
            return format!("<p>{}</p>\n", words.no_consent);
        }
        let coverage = self.consents.coverage();
        let mut html = String::new();
        for given in &self.consents.given {
            let text = |value: Option<String>| value.unwrap_or_default();
            let giver = text(given.giver.as_ref().map(ToString::to_string));
            let rows = [
                (words.given_by, self.coded("giver", &giver)),
                (
                    words.form,
                    self.coded("form", &text(given.form.as_ref().map(Stored::canonical))),
                ),
                (
                    words.from,
                    text(given.valid_from.as_ref().map(ToString::to_string)),
                ),
                (
                    words.until,
                    text(given.valid_until.as_ref().map(ToString::to_string)),
                ),
                (words.who, self.author(given.origin.author.as_ref())),
            ];
            let rows: Vec<(String, String)> = rows
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            html.push_str(&self.definitions(&rows));
            let own = coverage
                .iter()
                .filter(|one| Some(&one.consent) == given.id.known());
            let rows = own.map(|one| {
                let today = match (one.withdrawn_at, one.superseded_at, one.until) {
                    (Some(day), _, _) => format!("{} {day}", words.withdrawn),
                    (None, Some(day), _) => format!("{} {day}", words.replaced),
                    (None, None, Some(until)) => format!("{} {until}", words.until),
                    (None, None, None) => String::new(),
                };
                [
                    self.section_name(&one.share.section.code()),
                    self.names.institution(one.share.institution.as_str()),
                    today,
                ]
            });
            html.push_str(&self.table(&[words.what, words.to, words.until], rows));
        }
        html
    }

    fn rights(&self) -> String {
        let words = self.words;
        let rows = self.rights.iter().flat_map(|row| {
            row.grants.iter().map(|grant| {
                [
                    self.section_name(&row.section),
                    with_institution(&grant.member, &grant.institution),
                    self.coded("role", grant.role),
                    self.basis(grant.basis.as_deref()),
                    grant.not_after_ms.map_or_else(String::new, dates::moment),
                    grant.people.join("\n"),
                ]
            })
        });
        let headings = [
            words.what,
            words.who,
            words.how,
            words.basis,
            words.until,
            words.people,
        ];
        self.table(&headings, rows)
    }

    fn disclosures(&self) -> String {
        let words = self.words;
        let rows = self.log.disclosures.iter().map(|one| {
            [
                self.moment(one.at),
                with_institution(&one.to, &one.to_institution),
                self.section_names(&one.sections),
                self.how(one),
                self.basis(one.basis.as_deref()),
                with_institution(&one.by, &one.by_institution),
                match (&one.ended, one.not_after_ms) {
                    (Some(ended), _) => dates::moment(ended.ended_at_ms),
                    (None, Some(until)) => format!("{} {}", words.until, dates::moment(until)),
                    (None, None) => String::new(),
                },
            ]
        });
        let headings = [
            words.when,
            words.to,
            words.what,
            words.how,
            words.basis,
            words.by,
            words.ended,
        ];
        self.table(&headings, rows)
    }

    fn how(&self, one: &DisclosureLine) -> String {
        match (one.role, &one.form) {
            (Some(role), _) => self.coded("role", role),
            (None, Some(form)) => self.coded("form", form),
            (None, None) => String::new(),
        }
    }

    fn reads(&self) -> String {
        let words = self.words;
        let rows = self.log.reads.iter().map(|one| {
            [
                self.span(one),
                with_institution(&one.person, &one.institution),
                self.section_names(&one.sections),
                one.times.to_string(),
                one.purpose.clone().unwrap_or_default(),
                match one.handed_over_at {
                    None => words.not_handed_over.to_owned(),
                    Some(at) if one.late => format!("{} {}", words.late, dates::time(at)),
                    Some(at) => dates::time(at),
                },
            ]
        });
        let headings = [
            words.when,
            words.who,
            words.what,
            words.times,
            words.purpose,
            words.arrived,
        ];
        self.table(&headings, rows)
    }

    fn span(&self, one: &ReadLine) -> String {
        let (first, last) = (self.moment(one.first), self.moment(one.last));
        match first == last {
            true => first,
            false => format!("{first} – {last}"),
        }
    }

    fn moment(&self, time: Option<UtcTime>) -> String {
        time.map_or_else(|| self.words.unknown.to_owned(), dates::time)
    }

    fn basis(&self, basis: Option<&str>) -> String {
        match basis {
            Some(basis) => self.coded("basis", basis),
            None => self.words.not_readable.to_owned(),
        }
    }

    fn section_name(&self, code: &str) -> String {
        let kind = SectionKind::from_code(code);
        match kind {
            SectionKind::Unknown(code) => code,
            known => self.language.pick(&known.titles()).to_owned(),
        }
    }

    fn section_names(&self, codes: &[String]) -> String {
        let names: Vec<String> = codes.iter().map(|code| self.section_name(code)).collect();
        names.join(", ")
    }

    fn definitions(&self, rows: &[(String, String)]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let rows: String = rows
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), lines(value)))
            .collect();
        format!("<dl>\n{rows}</dl>\n")
    }

    fn table<const N: usize>(
        &self,
        headings: &[&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) -> String {
        let rows: String = rows
            .map(|cells| {
                let cells: String = cells
                    .iter()
                    .map(|cell| format!("<td>{}</td>", lines(cell)))
                    .collect();
                format!("<tr>{cells}</tr>\n")
            })
            .collect();
        if rows.is_empty() {
            return format!("<p>{}</p>\n", self.words.none_known);
        }
        let headings: String = headings
            .iter()
            .map(|heading| format!("<th>{heading}</th>"))
            .collect();
        format!("<table>\n<tr>{headings}</tr>\n{rows}</table>\n")
    }
}

fn with_institution(name: &str, institution: &str) -> String {
    match institution {
        "" => name.to_owned(),
        institution => format!("{name} ({institution})"),
    }
}

/// How the page looks.
const STYLE: &str = r#"  body { font: 11pt/1.45 sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #000; background: #fff; }
  h1 { font-size: 17pt; margin: 0 0 .3rem; }
  h2 { font-size: 14pt; margin: 1.8rem 0 .4rem; break-after: avoid; border-bottom: 1px solid #555; }
  h3 { font-size: 12pt; margin: 1.2rem 0 .3rem; break-after: avoid; }
  h4 { font-size: 11pt; margin: .8rem 0 .2rem; break-after: avoid; }
  dl { display: grid; grid-template-columns: 13rem 1fr; gap: .2rem 1rem; margin: .3rem 0; }
  dt { color: #333; } dd { margin: 0; overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: 10pt; }
  th, td { border: 1px solid #555; padding: .25rem .4rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  tr { break-inside: avoid; }
  .meta { color: #333; font-size: 10pt; }
  @media print { body { margin: 0; padding: 0; max-width: none; } @page { size: A4; margin: 18mm; } }
"#;
