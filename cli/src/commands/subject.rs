//! `nahtlos subject export`: what a person receives about their case, as a page to read and a file for programs.

use std::collections::BTreeSet;
use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::{Disclosure, DisclosureForm};
use nahtlos_casework::fields::{Field, Line};
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::view::AttachmentsView;
use nahtlos_client::reading::LogState;
use nahtlos_client::{Case, Nahtlos};
use nahtlos_document::Document;
use serde_json::{Value, json};

use super::names::Names;
use super::plan_print_words::Language;
use super::subject_page::{Gathered, SectionPart, html};
use super::{case_title, dispute, section, subject_words};
use crate::arguments::SubjectCommand;
use crate::context::{Context, NewFile};
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: SubjectCommand) -> Result<Answer, Failure> {
    match command {
        SubjectCommand::Export { case, language, to } => {
            export(context, &case, Language::of(&language), &to)
        }
        SubjectCommand::Dispute { command } => dispute::run(context, command),
    }
}

fn export(context: &Context, case: &str, language: Language, to: &Path) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let case = nahtlos.find_case(case)?;
    let title = case_title(&nahtlos, &case)?;
    // Before anything is gathered: is there room for the files, and does nothing stand there?
    make_private_directory(to)?;
    let id = case.id.to_string();
    let line = nahtlos.cases()?.into_iter().find(|line| line.id == id);
    let number = line.and_then(|line| line.summary.case_number);
    let stem = number.clone().unwrap_or_else(|| id.clone());
    let page_path = to.join(format!("{stem}.html"));
    let data_path = to.join(format!("{stem}.json"));
    let page_file = NewFile::create(&page_path)?;
    let data_file = NewFile::create(&data_path)?;

    let words = words_of(language);
    let purpose = Line::parse(words.right_of_access)?;
    if !context.has_occasion() {
        nahtlos.set_reading_purpose(Some(purpose.clone()));
    }
    let gathered = gather(&nahtlos, &case, &title, language, context.legal_bases()?)?;
    let html = html(&gathered);
    let text = format!("{}\n", json::render(&in_json(&gathered, &case, number)));
    page_file.write(html.as_bytes())?;
    if let Err(failure) = data_file.write(text.as_bytes()) {
        // Both or none.
        let _left_where_it_cannot_be_removed = std::fs::remove_file(&page_path);
        return Err(failure);
    }
    let disclosure = Disclosure {
        to: Line::parse(words.client)?,
        sections: gathered
            .sections
            .iter()
            .map(|part| part.kind.clone())
            .collect(),
        basis: purpose,
        at: nahtlos.now()?,
        form: DisclosureForm::Exported,
    };
    let recorded = nahtlos.record_disclosure(&case, &disclosure);
    let data = json!({
        "case": id,
        "page": page_path,
        "data": data_path,
        "sections": gathered.sections.iter().map(|part| part.kind.code()).collect::<Vec<_>>(),
        "not_included": gathered.missing,
        "recorded": matches!(recorded, Ok(true)),
    });
    let page = Page::default()
        .title(title)
        .line(format!("For the client to read: {}", page_path.display()))
        .line(format!("For programs: {}", data_path.display()))
        .line(format!(
            "Sections in it: {}.",
            codes(gathered.sections.iter().map(|part| &part.kind))
        ))
        .line("What could not be included is listed at the end of the page.");
    let answer = Answer::new(data, page)
        .note("The files are not encrypted: hand them over, then delete them.");
    Ok(match recorded {
        Ok(true) if nahtlos.own_institution_left()?.is_some() => answer
            .note("That it was made stands in the section `access` of the case, on this device alone.")
            .note(super::device_wipe::NEVER_DELIVERED),
        Ok(true) => answer.note(
            "That it was made stands in the section `access` of the case; `nahtlos sync` delivers it.",
        ),
        Ok(false) => answer.note(
            "That it was made is recorded nowhere: the case has no section `access` that you may write in.",
        ),
        Err(error) => answer.note(format!(
            "That it was made could not be recorded: {error}. The files are whole."
        )),
    })
}

fn words_of(language: Language) -> &'static subject_words::Words {
    match language {
        Language::German => &subject_words::GERMAN,
        Language::French => &subject_words::FRENCH,
    }
}

fn codes<'a>(kinds: impl Iterator<Item = &'a SectionKind>) -> String {
    kinds.map(SectionKind::code).collect::<Vec<_>>().join(", ")
}

fn make_private_directory(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|error| Failure::file("written", path, &error)),
    }
}

/// Everything that this device can read, and what it cannot.
fn gather(
    nahtlos: &Nahtlos,
    case: &Case,
    title: &str,
    language: Language,
    bases: LegalBases,
) -> Result<Gathered, Failure> {
    let words = words_of(language);
    let names = Names::of_case(nahtlos, case);
    let (mut sections, mut closed) = (Vec::new(), Vec::new());
    for kind in case.sections.keys() {
        // The ledger and the log have chapters of their own.
        let of_its_own = matches!(kind, SectionKind::Consent | SectionKind::Access);
        match nahtlos.section_document(case, kind) {
            Ok(_) if of_its_own => {}
            Ok(document) => sections.push(SectionPart {
                old_since: old_since(nahtlos, case, kind)?,
                kind: kind.clone(),
                authors: nahtlos.section_authors(case, kind)?,
                content: with_files(nahtlos, case, kind, &document)?,
                document,
            }),
            Err(_) => closed.push(kind.clone()),
        }
    }
    let id = case.id.to_string();
    let lost: BTreeSet<String> = nahtlos
        .lost_sections()?
        .into_iter()
        .filter(|one| one.case == id)
        .map(|one| one.section)
        .collect();
    let log = nahtlos.access_log(case)?;
    let rights = nahtlos.shares(case)?;
    let mut missing: Vec<String> = closed
        .iter()
        .map(|kind| {
            format!(
                "«{}» {}",
                language.pick(&kind.titles()),
                words.section_closed
            )
        })
        .collect();
    missing.push(words.internal_of_others.to_owned());
    let own = nahtlos.own_institution_id()?;
    let own = names.institution(&own);
    let institutions = rights.iter().flat_map(|row| &row.grants);
    let mut taking_part: Vec<String> = institutions
        .map(|grant| grant.institution.clone())
        .chain(log.disclosures.iter().map(|one| one.to_institution.clone()))
        .filter(|name| !name.is_empty() && *name != own)
        .collect();
    taking_part.sort();
    taking_part.dedup();
    if !taking_part.is_empty() {
        missing.push(format!(
            "{}: {}.",
            words.taking_part,
            taking_part.join(", ")
        ));
    }
    missing.push(words.unknown_sections.to_owned());
    let has_old = sections.iter().any(|part| part.old_since.is_some());
    missing.push(match has_old {
        true => words.earlier_values_old.to_owned(),
        false => words.earlier_values.to_owned(),
    });
    missing.extend(files_left_out(&sections, words));
    if !log.not_recorded.is_empty() {
        let whose = log.not_recorded.join(", ");
        missing.push(format!("{}: {whose}.", words.not_recorded));
    }
    missing.push(words.other_systems.to_owned());
    missing.push(match log.state {
        LogState::NotHere => words.no_access_section.to_owned(),
        _ => words.reads_incomplete.to_owned(),
    });
    if log.unverified > 0 {
        missing.push(format!("{} {}", words.unverified, log.unverified));
    }
    let consents = nahtlos.consents(case);
    Ok(Gathered {
        bases,
        consents_readable: consents.is_ok() && knows_consents(nahtlos, case),
        consents_old: lost.contains(&SectionKind::Consent.code()),
        lost,
        synced_at: nahtlos.status()?.synced_at_ms.map(dates::moment),
        title: title.to_owned(),
        language,
        words,
        made_at: dates::time(nahtlos.now()?),
        made_by: made_by(nahtlos, &own)?,
        consents: consents.unwrap_or_default(),
        sections,
        rights,
        log,
        missing,
        names,
    })
}

/// Whether this device would know of a consent: who manages the case does, and who reads its ledger. To all others
/// none is not the same as none that is known here.
fn knows_consents(nahtlos: &Nahtlos, case: &Case) -> bool {
    let core = case.sections.get(&SectionKind::Core);
    let manages = core.is_some_and(|core| nahtlos.own_role(core) == Some("manage"));
    manages || case.sections.contains_key(&SectionKind::Consent)
}

/// Since when a section is not shared any more, where this device has an old copy of it.
fn old_since(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
) -> Result<Option<String>, Failure> {
    let lost = section::lost_copy(nahtlos, case, kind)?;
    let ended = lost.map(|lost| lost.ended.map(|ended| dates::moment(ended.ended_at_ms)));
    Ok(ended.map(|at| at.unwrap_or_else(|| "?".to_owned())))
}

/// What of attached files does not stand on the page.
fn files_left_out(sections: &[SectionPart], words: &subject_words::Words) -> Vec<String> {
    let views: Vec<AttachmentsView> = sections
        .iter()
        .map(|part| AttachmentsView::read(&part.document, &part.kind, &part.authors))
        .collect();
    let mut missing = Vec::new();
    if views.iter().any(|view| !view.attachments.is_empty()) {
        missing.push(words.files_apart.to_owned());
    }
    let removed = views.iter().flat_map(|view| &view.attachments);
    match removed.filter(|one| !one.removed.is_empty()).count() {
        0 => {}
        removed => missing.push(format!("{} {removed}.", words.files_removed)),
    }
    missing
}

/// A section's content with the bytes of its files: the person receives them too.
fn with_files(
    nahtlos: &Nahtlos,
    case: &Case,
    kind: &SectionKind,
    document: &Document,
) -> Result<Value, Failure> {
    let mut content = section::read(nahtlos, case, kind, Page::default())?.0;
    let view = AttachmentsView::read(document, kind, &nahtlos.section_authors(case, kind)?);
    let shown = content.get_mut("attachments").and_then(Value::as_array_mut);
    for (shown, file) in shown.into_iter().flatten().zip(&view.attachments) {
        if let Some(bytes) = &file.bytes {
            shown["bytes"] = json!(bytes.canonical());
        }
    }
    Ok(content)
}

fn made_by(nahtlos: &Nahtlos, institution: &str) -> Result<String, Failure> {
    let person = nahtlos.status()?.person;
    Ok(match person {
        Some(person) => format!("{person} ({institution})"),
        None => institution.to_owned(),
    })
}

fn in_json(gathered: &Gathered, case: &Case, number: Option<String>) -> Value {
    let sections: serde_json::Map<String, Value> = gathered
        .sections
        .iter()
        .map(|part| (part.kind.code(), part.content.clone()))
        .collect();
    json!({
        "case": case.id.to_string(),
        "case_number": number,
        "language": gathered.language.code(),
        "made_at": gathered.made_at,
        "made_by": gathered.made_by,
        "sections": sections,
        "consents": json::value(&gathered.consents),
        "coverage": json::value(&gathered.consents.coverage()),
        "rights": json::value(&gathered.rights),
        "disclosures": json::value(&gathered.log.disclosures),
        "reads": json::value(&gathered.log.reads),
        "consents_readable": gathered.consents_readable,
        "old_copies": gathered.sections.iter().filter(|part| part.old_since.is_some()).map(|part| part.kind.code()).collect::<Vec<_>>(),
        "not_recorded": gathered.log.not_recorded,
        "unverified_entries": gathered.log.unverified,
        "not_included": gathered.missing,
    })
}
