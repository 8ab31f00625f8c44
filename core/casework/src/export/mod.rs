//! A case as a file: what `case export` writes, in the form that `case open --from` reads
//! ([`crate::import`]). Written and read again it gives the same content.
//!
//! Values are as they stand: of concurrent ones the winner, of entries that are never changed what was first
//! written. Deleted tasks and entries are left out. What this version does not understand (a field, a code or
//! a list of a newer one), and what counts for nothing, stands in `other_values` with its place in the
//! section, so that no value of a section is missing in the file.

mod attachment;
mod draft;
mod form;
mod plan;
mod readable;
mod sections;
mod table;

use nahtlos_document::Document;
use serde_json::{Map, Value as Json, json};

use self::draft::Leaves;
pub use self::table::rows;
use crate::author::{AuthorOf, Origin};
use crate::fields::{Date, LongText, Stored};
use crate::form::form_of;
use crate::import::{CASE_FILE_SCHEMA_VERSION, SECTIONS, TAKEN_OVER_BY};
use crate::section::SectionKind;
use crate::view::{DisputeView, DisputesView};

/// A section that the device can read.
pub struct SectionToExport<'a> {
    /// Which.
    pub kind: SectionKind,
    /// Its document.
    pub document: &'a Document,
    /// Who wrote what in it.
    pub authors: &'a dyn AuthorOf,
}

/// The file's content. `reference` is what it says for its readers beside the case: where it comes from, which
/// sections cannot be read; number, lead and recusals are added to it.
pub fn case_file(sections: &[SectionToExport<'_>], reference: Map<String, Json>) -> Json {
    let mut file = File {
        reference,
        ..File::default()
    };
    for section in sections {
        let mut leaves = Leaves::of(section.document);
        file.add(section, &mut leaves);
        file.other_values.extend(leaves.into_other(&section.kind));
    }
    let mut file = file.into_json();
    readable::keep_readable(&mut file);
    file
}

/// The parts of the file, in the order in which people look for them.
#[derive(Default)]
struct File {
    content: Map<String, Json>,
    further: Vec<Json>,
    attachments: Vec<Json>,
    other_values: Vec<Json>,
    reference: Map<String, Json>,
}

impl File {
    fn add(&mut self, section: &SectionToExport<'_>, leaves: &mut Leaves) {
        let SectionToExport {
            kind,
            document,
            authors,
        } = section;
        let contested = DisputesView::read(document, *authors).disputes;
        if !contested.is_empty() {
            let of_sections = self
                .reference
                .entry("disputes")
                .or_insert_with(|| json!({}));
            if let Some(of_sections) = of_sections.as_object_mut() {
                of_sections.insert(kind.code(), disputes(&contested));
            }
        }
        let files = attachment::of_section(kind, document, *authors);
        self.attachments.extend(files.whole);
        self.other_values.extend(files.not_understood);
        let mut put = |name: &str, value: Json| {
            self.content.insert(name.to_owned(), value);
        };
        match kind {
            SectionKind::Core => {
                let (content, reference) = sections::core(leaves);
                self.content.extend(content);
                self.reference.extend(reference);
            }
            SectionKind::Ident => put("ident", sections::ident(leaves)),
            SectionKind::Function => {
                put("function", sections::function(document, *authors, leaves))
            }
            SectionKind::Journal => put("journal", sections::journal(document, *authors, leaves)),
            SectionKind::Tasks => put("tasks", sections::tasks(leaves)),
            SectionKind::Plan => put("plan", plan::plan(document, *authors, leaves)),
            // Of this case alone: what was consented to and read in it, and what was written out of it for
            // somebody, says nothing of another one.
            SectionKind::Consent | SectionKind::Access | SectionKind::Slice(_) => {
                let ledger = leaves.take_everything();
                self.reference.insert(kind.code(), ledger);
            }
            _ => {
                let Some(table) = form_of(kind) else { return };
                let mut object = form::form(document, kind, table, *authors, leaves);
                match SECTIONS.iter().find(|(_, own)| own == kind) {
                    Some((code, _)) => put(code, Json::Object(object)),
                    None => {
                        object.insert("section".to_owned(), json!(kind.code()));
                        self.further.push(Json::Object(object));
                    }
                }
            }
        }
    }

    fn into_json(self) -> Json {
        let mut file = Map::new();
        file.insert("schema_version".to_owned(), json!(CASE_FILE_SCHEMA_VERSION));
        file.extend(self.content);
        let lists = [
            ("further", self.further),
            ("attachments", self.attachments),
            ("other_values", self.other_values),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                file.insert(name.to_owned(), Json::Array(list));
            }
        }
        file.insert("reference".to_owned(), Json::Object(self.reference));
        Json::Object(file)
    }
}

/// What the person disputes, in the form in which it is read again.
fn disputes(contested: &[DisputeView]) -> Json {
    let marks = contested.iter().map(|one| {
        let mut mark = said(&one.text, &one.stated_at, &one.origin);
        mark.insert("id".to_owned(), json!(one.id));
        mark.insert("path".to_owned(), json!(one.path));
        let settled = one.settled.iter();
        let settled = settled.map(|end| Json::Object(said(&end.text, &end.stated_at, &end.origin)));
        mark.insert("settled".to_owned(), Json::Array(settled.collect()));
        Json::Object(mark)
    });
    Json::Array(marks.collect())
}

fn said(
    text: &Option<Stored<LongText>>,
    stated_at: &Option<Stored<Date>>,
    origin: &Origin,
) -> Map<String, Json> {
    let mut said = Map::new();
    said.insert("text".to_owned(), json!(text));
    said.insert("stated_at".to_owned(), json!(stated_at));
    said.extend(written(origin));
    said
}

/// Who wrote an entry, when. Of one that was taken over from a file, what that file said, and who took it over.
fn written(origin: &Origin) -> Vec<(String, Json)> {
    let mut said = Vec::new();
    let author = origin.author.as_ref();
    let at = match &origin.taken_over {
        Some(source) => {
            let taken_over_by = author.map(|author| author.display_name.to_string());
            let by = json!({ "name": source.written_by, TAKEN_OVER_BY: taken_over_by });
            said.push(("written_by".to_owned(), by));
            source.written_at.as_ref().map(|at| json!(at))
        }
        None => {
            said.extend(author.map(|author| {
                let by = json!({
                    "name": author.display_name,
                    "person": author.person,
                    "institution": author.institution,
                });
                ("written_by".to_owned(), by)
            }));
            origin.at.map(|at| json!(at))
        }
    };
    said.extend(at.map(|at| ("written_at".to_owned(), at)));
    said
}
