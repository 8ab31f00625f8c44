//! `nahtlos attachment`: files that belong to a section.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::DisclosureForm;
use nahtlos_casework::edit::{
    ATTACHMENT_INLINE_BYTES_MAX, AttachmentChange, AttachmentEdit, Edit, NewAttachment,
    attachment_too_large, takes_attachments,
};
use nahtlos_casework::fields::{
    Digest, Field, FieldError, FileBytes, FileName, LongText, MediaType, Stored,
};
use nahtlos_casework::view::{AttachmentContent, AttachmentView, AttachmentsView};
use nahtlos_client::{Case, Nahtlos};
use serde_json::{Value, json};

use super::disclosing::Disclosing;
use super::entries::{cell, find, known_id, new_id, short_id};
use super::pages::{violations_page, when, who};
use super::{NOT_DELIVERED_YET, case_title, ending, section_of};
use crate::arguments::{Answered, AttachmentAdd, AttachmentCommand, AttachmentSave, TypedValue};
use crate::context::{Context, NewFile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

/// What is shown where a name is none: a hostile one could be of any length.
const NO_NAME: &str = "(no usable name)";

pub fn run(context: &Context, command: AttachmentCommand) -> Result<Answer, Failure> {
    match command {
        AttachmentCommand::Add(new) => add(context, &new),
        AttachmentCommand::List { case, section, all } => {
            list(context, &case, section.as_deref(), all)
        }
        AttachmentCommand::Save(options) => save(context, &options),
        AttachmentCommand::Verify { case, id, file } => verify(context, &case, &id, &file),
        AttachmentCommand::Remove {
            case,
            id,
            reason,
            answered,
        } => remove(context, &case, &id, &reason, answered),
    }
}

fn add(context: &Context, new: &AttachmentAdd) -> Result<Answer, Failure> {
    let attachment = from_file(new)?;
    let mut nahtlos = context.open()?;
    let case = super::case_erase::find(&nahtlos, &new.case)?;
    let section = section_of(&case, &new.section)?;
    takes_attachments(&section)?;
    let document = nahtlos.section_document_unrecorded(&case, &section)?;
    let before = AttachmentsView::read(
        &document,
        &section,
        &nahtlos.section_authors(&case, &section)?,
    );
    if let Some(bytes) = &attachment.bytes {
        before.check_room(bytes.size_bytes())?;
    }
    let id = new_id()?;
    let data = json!({
        "case": case.id.to_string(),
        "section": section.code(),
        "attachment": id.to_string(),
        "name": attachment.name,
        "size_bytes": attachment.size_bytes,
        "sha256": attachment.sha256,
        "content": if attachment.bytes.is_some() { "here" } else { "recorded" },
    });
    let (name, size) = (attachment.name.clone(), attachment.size_bytes);
    let only_recorded = attachment.bytes.is_none();
    let change = AttachmentChange::Add { id, attachment };
    record(&mut nahtlos, &case, &section, change)?;
    let title = case_title(&nahtlos, &case)?;
    let answer = match only_recorded {
        false => Answer::sentence(data, format!("{title}: added {name}, {size} bytes.")),
        true => Answer::sentence(
            data,
            format!("{title}: recorded {name}, {size} bytes; the file itself stays where it is."),
        )
        .note("Whoever is given the file compares it with `nahtlos attachment verify CASE ATTACHMENT FILE`."),
    };
    Ok(answer.note(NOT_DELIVERED_YET))
}

/// The attachment that a file becomes.
fn from_file(new: &AttachmentAdd) -> Result<NewAttachment, Failure> {
    let name = match &new.name {
        Some(name) => FileName::parse(name)?,
        None => {
            let name = new.file.file_name().unwrap_or_default();
            FileName::parse(&name.to_string_lossy())?
        }
    };
    let media_type = match &new.media_type {
        Some(typed) => MediaType::parse(typed)?,
        None => MediaType::of_name(&name),
    };
    let note = match &new.note {
        Some(source) => Some(LongText::parse(&input::read_text(source)?)?),
        None => None,
    };
    let failed = |error| Failure::file("read", &new.file, &error);
    let file = File::open(&new.file).map_err(failed)?;
    if new.only_record {
        let (sha256, size_bytes) = Digest::of_stream(file).map_err(failed)?;
        return Ok(NewAttachment {
            name,
            media_type,
            size_bytes,
            sha256,
            note,
            bytes: None,
        });
    }
    let size_bytes = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    let most = ATTACHMENT_INLINE_BYTES_MAX.saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    let bytes = FileBytes::from(bytes);
    let size_bytes = size_bytes.max(bytes.size_bytes());
    if size_bytes > ATTACHMENT_INLINE_BYTES_MAX {
        return Err(attachment_too_large(size_bytes).into());
    }
    Ok(NewAttachment::whole(name, media_type, note, bytes))
}

fn list(
    context: &Context,
    case: &str,
    section: Option<&str>,
    all: bool,
) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let case = super::case_erase::find(&nahtlos, case)?;
    let wanted = section.map(|code| section_of(&case, code)).transpose()?;
    if let Some(section) = &wanted {
        nahtlos.section_document_unrecorded(&case, section)?;
    }
    let mut page = Page::default().title(case_title(&nahtlos, &case)?);
    let mut sections = serde_json::Map::<String, Value>::new();
    for (kind, mut view) in views(&nahtlos, &case)? {
        if wanted.as_ref().is_some_and(|wanted| *wanted != kind) {
            continue;
        }
        if !all {
            view.attachments.retain(|one| one.removed.is_empty());
        }
        if view.attachments.is_empty() {
            continue;
        }
        // Only what is shown is read.
        nahtlos.section_document(&case, &kind)?;
        page = attachments_page(page.line(kind.titles()[2]), &view);
        sections.insert(kind.code(), json::value(&view.attachments));
    }
    if sections.is_empty() {
        page = page.line("No files in the sections that are open to you.");
    }
    Ok(Answer::new(json!({ "attachments": sections }), page))
}

/// The files of a section, below its content; nothing where there are none.
pub fn attachments_page(page: Page, view: &AttachmentsView) -> Page {
    if view.attachments.is_empty() {
        return page;
    }
    let rows = view.attachments.iter().map(|one| {
        vec![
            short_id(&one.id),
            name_of(one),
            type_of(one),
            one.size_bytes
                .map_or_else(String::new, |size| size.to_string()),
            in_words(one),
            cell(&one.note),
            format!("{}, {}", who(&one.origin), when(&one.origin)),
        ]
    });
    let headers = [
        "file", "name", "type", "bytes", "content", "note", "added by",
    ];
    violations_page(page.table(&headers, rows.collect(), ""), &view.violations)
}

fn name_of(one: &AttachmentView) -> String {
    let known = one.name.as_ref().and_then(Stored::known);
    known.map_or_else(|| NO_NAME.to_owned(), ToString::to_string)
}

fn type_of(one: &AttachmentView) -> String {
    let known = one.media_type.as_ref().and_then(Stored::known);
    known.map_or_else(String::new, ToString::to_string)
}

fn in_words(one: &AttachmentView) -> String {
    match one.content {
        AttachmentContent::Here => "here".to_owned(),
        AttachmentContent::Recorded => "kept elsewhere, recorded here".to_owned(),
        AttachmentContent::Removed => {
            let by = one.removed.iter().map(|end| {
                let reason = cell(&end.reason);
                let by = format!("removed by {}, {}", who(&end.origin), when(&end.origin));
                match reason.as_str() {
                    "" => by,
                    reason => format!("{by}: {reason}"),
                }
            });
            by.collect::<Vec<_>>().join("\n")
        }
        unusable => format!("not usable: {}", why_unusable(unusable)),
    }
}

fn why_unusable(content: AttachmentContent) -> &'static str {
    match content {
        AttachmentContent::Here => "its bytes are here",
        AttachmentContent::Recorded => "only its name, size and hash are recorded here",
        AttachmentContent::Removed => "it was removed",
        AttachmentContent::NeedsNewer => "a newer version of nahtlos stored it",
        AttachmentContent::Incomplete => "name, type, size or hash is missing or is none",
        AttachmentContent::TooLarge => "it has more bytes than a section takes",
        AttachmentContent::SizeMismatch => "it has not as many bytes as its entry says",
        AttachmentContent::HashMismatch => "its bytes have not the hash that its entry says",
    }
}

fn save(context: &Context, options: &AttachmentSave) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    let form = DisclosureForm::Exported;
    let disclosing = Disclosing::begin(context, &nahtlos, &options.disclosed, form)?;
    let case = super::case_erase::find(&nahtlos, &options.case)?;
    let (section, one) = found(&nahtlos, &case, &options.id)?;
    let Some(bytes) = one.bytes.as_ref() else {
        return Err(not_saved(&one));
    };
    let path = path_for(&one, options.to.as_deref());
    // What it is for is read before it is there.
    let file = NewFile::create(&path)?;
    nahtlos.section_document(&case, &section)?;
    file.write(bytes.as_slice())?;
    let data = json!({
        "case": case.id.to_string(),
        "section": section.code(),
        "attachment": one.id.canonical(),
        "file": path,
        "size_bytes": one.size_bytes,
        "sha256": one.sha256,
    });
    let answer = Answer::sentence(
        data,
        format!(
            "Saved as {}: {} bytes of the size and hash that the case says.",
            path.display(),
            bytes.size_bytes()
        ),
    )
    .note("The file is not encrypted, and nahtlos does not look into it: open it only with a program that you trust with files of strangers, and delete it when it has served.");
    disclosing.record(&mut nahtlos, &case, vec![section], answer)
}

/// Where a file is written: into a directory by its name.
fn path_for(one: &AttachmentView, to: Option<&Path>) -> PathBuf {
    let name = one.name.as_ref().and_then(Stored::known);
    let name = name.map_or("", FileName::as_str);
    match to {
        None => PathBuf::from(name),
        Some(directory) if directory.is_dir() => directory.join(name),
        Some(path) => path.to_owned(),
    }
}

fn not_saved(one: &AttachmentView) -> Failure {
    let next = match one.content {
        AttachmentContent::Recorded => {
            "Ask who added it for the file (`nahtlos attachment list CASE` names them), then compare it with \
             `nahtlos attachment verify CASE ATTACHMENT FILE`."
        }
        AttachmentContent::NeedsNewer => "Install the newest version of nahtlos.",
        AttachmentContent::Removed => {
            "Ask who removed it: `nahtlos attachment list CASE --all` names them."
        }
        _ => {
            "Somebody's program wrote it wrongly, or somebody meant to. Ask who added it to add the file anew: \
             `nahtlos attachment list CASE` names them."
        }
    };
    Failure::new(
        Exit::Failed,
        one.content.code(),
        "No file was written.",
        format!("Of {}: {}.", name_of(one), why_unusable(one.content)),
        next,
    )
}

fn verify(context: &Context, case: &str, id: &str, path: &Path) -> Result<Answer, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let nahtlos = context.open()?;
    let case = super::case_erase::find(&nahtlos, case)?;
    let (section, one) = found(&nahtlos, &case, id)?;
    let (Some(sha256), Some(size_bytes)) =
        (one.sha256.as_ref().and_then(Stored::known), one.size_bytes)
    else {
        return Err(not_saved(&one));
    };
    nahtlos.section_document(&case, &section)?;
    let (own_sha256, own_size_bytes) = Digest::of_stream(file).map_err(failed)?;
    if own_size_bytes != size_bytes || own_sha256 != *sha256 {
        return Err(Failure::new(
            Exit::Failed,
            "other_file",
            "This is not the file that the case names.",
            format!(
                "The case says {size_bytes} bytes and the hash {sha256}; this file has {own_size_bytes} bytes and \
                 the hash {own_sha256}."
            ),
            "Ask who gave it to you, and who added it to the case, which of the two is meant.",
        ));
    }
    let data = json!({
        "case": case.id.to_string(),
        "section": section.code(),
        "attachment": one.id.canonical(),
        "size_bytes": size_bytes,
        "sha256": sha256,
        "same": true,
        "removed": !one.removed.is_empty(),
    });
    let answer = Answer::sentence(data, "The file is the one that the case names.");
    Ok(match one.removed.is_empty() {
        true => answer,
        false => answer.note("It was removed from the case since."),
    })
}

fn remove(
    context: &Context,
    case: &str,
    id: &str,
    reason: &TypedValue,
    answered: Answered,
) -> Result<Answer, Failure> {
    input::refuse_command_line(reason)?;
    let mut nahtlos = context.open()?;
    let case = super::case_erase::find(&nahtlos, case)?;
    let (section, one) = found(&nahtlos, &case, id)?;
    if !one.removed.is_empty() {
        return Err(FieldError::new(
            "attachment",
            "removed",
            "it was removed already",
            "look at it with `nahtlos attachment list CASE --all`",
        )
        .into());
    }
    let attachment = known_id(&one.id)?;
    let reason: Option<LongText> = input::optional_text(
        reason,
        "Why is it removed? (may be empty; you confirm it next)",
        answered,
    )?;
    let title = case_title(&nahtlos, &case)?;
    let page = Page::default()
        .title(title)
        .line(format!("{} is removed from the section {}.", name_of(&one), section.code()))
        .line("Nobody is shown it any more. Its bytes stay in the section's history, on every device that has it, until the case is erased.");
    let data = |done: &str| json!({ "done": done, "section": section.code(), "attachment": attachment.to_string() });
    if let Some(answer) = ending::unless_confirmed(answered, page, "Remove it?", data)? {
        return Ok(answer);
    }
    let change = AttachmentChange::Remove {
        id: new_id()?,
        attachment,
        reason,
    };
    record(&mut nahtlos, &case, &section, change)?;
    Ok(Answer::sentence(data("removed"), "Removed.").note(NOT_DELIVERED_YET))
}

fn record(
    nahtlos: &mut Nahtlos,
    case: &Case,
    kind: &SectionKind,
    change: AttachmentChange,
) -> Result<(), Failure> {
    let section = kind.clone();
    super::edit(
        nahtlos,
        case,
        Edit::Attachment(AttachmentEdit { section, change }),
    )
}

/// The files of each section that is open here. Whoever shows one says so with `section_document`.
fn views(nahtlos: &Nahtlos, case: &Case) -> Result<Vec<(SectionKind, AttachmentsView)>, Failure> {
    let mut views = Vec::new();
    for kind in case.sections.keys() {
        let Ok(document) = nahtlos.section_document_unrecorded(case, kind) else {
            continue;
        };
        let view = AttachmentsView::read(&document, kind, &nahtlos.section_authors(case, kind)?);
        views.push((kind.clone(), view));
    }
    Ok(views)
}

/// The attachment that is meant, and its section.
fn found(
    nahtlos: &Nahtlos,
    case: &Case,
    id: &str,
) -> Result<(SectionKind, AttachmentView), Failure> {
    let mut entries: Vec<(String, String, (SectionKind, AttachmentView))> = Vec::new();
    for (kind, view) in views(nahtlos, case)? {
        for one in view.attachments {
            let id = one.id.canonical();
            entries.push((id.clone(), id, (kind.clone(), one)));
        }
    }
    Ok(find::<(SectionKind, AttachmentView)>("attachment", id, &entries)?.clone())
}
