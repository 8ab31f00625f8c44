//! `nahtlos case export`.

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::DisclosureForm;
use nahtlos_casework::export::{SectionToExport, case_file};
use nahtlos_casework::import::rows::RowsOf;
use nahtlos_client::acting::SectionAuthors;
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_document::Document;
use serde_json::{Map, Value, json};

use super::case_title;
use super::disclosing::Disclosing;
use super::section::lost_copy;
use super::sync::count;
use crate::arguments::{CaseExport, ExportFormat};
use crate::context::{Context, write_private_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, csv, dates};

/// Columns of the table that has a row for each value of a case.
const HEADER: [&str; 7] = [
    "section",
    "list",
    "entry",
    "field",
    "value",
    "written_by",
    "written_at",
];

/// What this device can read of a case, and what not.
struct Readable {
    sections: Vec<(SectionKind, Document, SectionAuthors)>,
    /// Section and why.
    not_readable: Vec<(SectionKind, String)>,
}

pub fn export(context: &Context, options: &CaseExport) -> Result<Answer, Failure> {
    let list = options.list.as_deref().map(list_of).transpose()?;
    if list.is_some() && options.format != ExportFormat::Csv {
        return Err(only_csv());
    }
    let mut nahtlos = context.open()?;
    let form = DisclosureForm::Exported;
    let disclosing = Disclosing::begin(context, &nahtlos, &options.disclosed, form)?;
    let case = nahtlos.find_case(&options.case)?;
    let readable = readable(&nahtlos, &case)?;
    let list_section = list.as_ref().and_then(RowsOf::section);
    if let Some(section) = &list_section
        && !readable.sections.iter().any(|(kind, ..)| kind == section)
    {
        let section = section.code();
        return Err(ClientError::NotShared { section }.into());
    }
    let file = file(&nahtlos, &case, &readable)?;
    let content = match (options.format, &list) {
        (ExportFormat::Json, _) => {
            let text = serde_json::to_string_pretty(&file).unwrap_or_default();
            format!("{text}\n")
        }
        (ExportFormat::Csv, Some(list)) => {
            let (columns, times) = (list.columns_of(&file), list.times());
            let rows = list.rows(&file).into_iter().map(|row| {
                let named = columns.iter().zip(row);
                let cells = named.map(|(column, cell)| match times.contains(column) {
                    true => dates::local_with_offset(&cell),
                    false => cell,
                });
                cells.collect()
            });
            csv::render(&columns, &rows.collect::<Vec<Vec<String>>>())
        }
        (ExportFormat::Csv, None) => {
            let mut rows = nahtlos_casework::export::rows(&file);
            for row in &mut rows {
                if let Some(written_at) = row.last_mut() {
                    *written_at = dates::local_with_offset(written_at);
                }
            }
            csv::render(&HEADER, &rows)
        }
    };
    write_private_file(&options.to, content.as_bytes())?;
    let answer = told(&nahtlos, &case, options, &readable, content.len())?
        .note("The file is not encrypted: delete it when it has served.");
    let all = readable.sections.iter().map(|(kind, ..)| kind.clone());
    let sections = list_section.map_or_else(|| all.collect(), |section| vec![section]);
    disclosing.record(&mut nahtlos, &case, sections, answer)
}

fn list_of(name: &str) -> Result<RowsOf, Failure> {
    match RowsOf::parse(name)? {
        RowsOf::Cases => Err(nahtlos_casework::fields::FieldError::new(
            "list",
            "unknown_list",
            "one case is exported, not several",
            "write journal, tasks, or a section and its list, as labour.employments",
        )
        .into()),
        list => Ok(list),
    }
}

fn only_csv() -> Failure {
    Failure::new(
        Exit::Usage,
        "list_without_csv",
        "No file was written: one list alone is exported as CSV.",
        "A JSON file holds the whole case, so that it can be opened again.",
        "Add `--format csv`, or leave `--list` out.",
    )
}

fn readable(nahtlos: &Nahtlos, case: &Case) -> Result<Readable, Failure> {
    let mut found = Readable {
        sections: Vec::new(),
        not_readable: Vec::new(),
    };
    for kind in case.sections.keys() {
        let document = match lost_copy(nahtlos, case, kind)? {
            Some(lost) if lost.erased => Err("not shared any more, erased here".to_owned()),
            Some(_) => Err("not shared any more".to_owned()),
            None => nahtlos
                .section_document(case, kind)
                .map_err(|error| error.to_string()),
        };
        match document {
            Ok(document) => {
                let authors = nahtlos.section_authors(case, kind)?;
                found.sections.push((kind.clone(), document, authors));
            }
            Err(reason) => found.not_readable.push((kind.clone(), reason)),
        }
    }
    Ok(found)
}

fn file(nahtlos: &Nahtlos, case: &Case, readable: &Readable) -> Result<Value, Failure> {
    let not_readable: Vec<Value> = readable
        .not_readable
        .iter()
        .map(|(kind, reason)| json!({ "section": kind.code(), "reason": reason }))
        .collect();
    let sections = readable.sections.iter();
    let codes: Vec<String> = sections.clone().map(|(kind, ..)| kind.code()).collect();
    let mut reference = Map::new();
    for (name, value) in [
        ("case_id", json!(case.id.to_string())),
        ("exported_on", json!(nahtlos.today()?)),
        ("sections", json!(codes)),
        ("not_readable_here", json!(not_readable)),
        ("conflicts", json!(nahtlos.conflicts(case)?.len())),
    ] {
        reference.insert(name.to_owned(), value);
    }
    let sections: Vec<SectionToExport<'_>> = sections
        .map(|(kind, document, authors)| SectionToExport {
            kind: kind.clone(),
            document,
            authors,
        })
        .collect();
    Ok(case_file(&sections, reference))
}

fn told(
    nahtlos: &Nahtlos,
    case: &Case,
    options: &CaseExport,
    readable: &Readable,
    bytes: usize,
) -> Result<Answer, Failure> {
    let title = case_title(nahtlos, case)?;
    let codes = |kinds: Vec<&SectionKind>| -> Vec<String> {
        kinds.into_iter().map(SectionKind::code).collect()
    };
    let sections = codes(readable.sections.iter().map(|(kind, ..)| kind).collect());
    let said = match &options.list {
        Some(list) => list.clone(),
        None => count(sections.len() as u64, "section", "sections"),
    };
    let mut page = Page::default().line(format!(
        "{title}: {said} in {}, {bytes} bytes.",
        options.to.display()
    ));
    if !readable.not_readable.is_empty() {
        let rows = readable.not_readable.iter();
        let rows = rows.map(|(kind, reason)| vec![kind.code(), reason.clone()]);
        page = page.table(&["not readable here", "why"], rows.collect(), "");
    }
    let data = json!({
        "case": case.id.to_string(),
        "file": options.to,
        "bytes": bytes,
        "sections": sections,
        "not_readable_here": codes(readable.not_readable.iter().map(|(kind, _)| kind).collect()),
    });
    let conflicts = nahtlos.conflicts(case)?.len();
    let answer = Answer::new(data, page);
    Ok(match conflicts {
        0 => answer,
        _ => answer.note(
            "Of what people decided differently the file has one value each: `nahtlos conflict list CASE` \
             shows the others.",
        ),
    })
}
