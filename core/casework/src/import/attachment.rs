//! Attachments of a case file.

use super::reading::{Node, Object, Reading};
use super::source::Source;
use crate::edit::{
    ATTACHMENT_SECTION_BYTES_MAX, AttachmentChange, AttachmentEdit, Edit, NewAttachment,
    takes_attachments,
};
use crate::fields::{EntryId, FieldError, Line};
use crate::section::SectionKind;

/// A file, the section that it belongs to, and the identifier that it brings along.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AttachedFile {
    id: Option<EntryId>,
    section: SectionKind,
    attachment: NewAttachment,
    source: Option<Source>,
}

impl AttachedFile {
    pub(super) fn edit(&self, new_id: &mut dyn FnMut() -> EntryId) -> Edit {
        let edit = Edit::Attachment(AttachmentEdit {
            section: self.section.clone(),
            change: AttachmentChange::Add {
                id: self.id.unwrap_or_else(new_id),
                attachment: self.attachment.clone(),
            },
        });
        Source::of(self.source.as_ref(), edit)
    }

    fn inline_bytes(&self) -> u64 {
        let bytes = self.attachment.bytes.as_ref();
        bytes.map_or(0, |bytes| bytes.size_bytes())
    }
}

pub(super) fn read_attachments(root: &mut Object<'_>, reading: &mut Reading) -> Vec<AttachedFile> {
    let mut files: Vec<AttachedFile> = Vec::new();
    for node in root.list(reading, "attachments") {
        let place = node.path.clone();
        let Some(file) = read_attachment(node, reading) else {
            continue;
        };
        let before = files.iter().filter(|one| one.section == file.section);
        let sum: u64 = before.map(AttachedFile::inline_bytes).sum();
        if sum.saturating_add(file.inline_bytes()) > ATTACHMENT_SECTION_BYTES_MAX {
            reading.error(
                format!("{place}.content"),
                "section_full",
                format!("the files of one section have more than {ATTACHMENT_SECTION_BYTES_MAX} bytes in all"),
                "leave `content` out: then only name, size and hash are recorded",
            );
        }
        files.push(file);
    }
    files
}

fn read_attachment(node: Node<'_>, reading: &mut Reading) -> Option<AttachedFile> {
    let mut entry = reading.object(node)?;
    let place = entry.path().to_owned();
    let code: Option<Line> = entry.required(reading, "section");
    let section = code.and_then(|code| match section(&code.to_string()) {
        Ok(section) => Some(section),
        Err(error) => {
            reading.field_error(format!("{place}.section"), error);
            None
        }
    });
    let of = section.as_ref().map_or_else(String::new, SectionKind::code);
    let id = entry.identifier(reading, &format!("attachments of {of}"));
    let name = entry.required(reading, "name");
    let media_type = entry.required(reading, "media_type");
    let size_bytes = size(&mut entry, reading);
    let sha256 = entry.required(reading, "sha256");
    let note = entry.optional(reading, "note");
    let has_content = entry.has("content");
    let bytes = entry.optional(reading, "content");
    let source = Source::take(&mut entry, reading);
    entry.finish(reading);
    if has_content && bytes.is_none() {
        return None;
    }
    let attachment = NewAttachment {
        name: name?,
        media_type: media_type?,
        size_bytes: size_bytes?,
        sha256: sha256?,
        note,
        bytes,
    };
    if let Err(error) = attachment.validate() {
        reading.field_error(place, error);
        return None;
    }
    Some(AttachedFile {
        id,
        section: section?,
        attachment,
        source,
    })
}

fn section(code: &str) -> Result<SectionKind, FieldError> {
    let section = SectionKind::parse(code)?;
    takes_attachments(&section)?;
    Ok(section)
}

fn size(entry: &mut Object<'_>, reading: &mut Reading) -> Option<u64> {
    let digits: Line = entry.required(reading, "size")?;
    let size = digits.as_str().parse().ok();
    if size.is_none() {
        reading.error(
            format!("{}.size", entry.path()),
            "format",
            "this is no number of bytes",
            "write the size in bytes as digits",
        );
    }
    size
}
