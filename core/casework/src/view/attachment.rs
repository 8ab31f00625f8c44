//! The files that belong to a section.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Path, Value};
use serde::Serialize;

use super::form::rule_against;
use super::{Fields, stored};
use crate::author::{AuthorOf, Origin};
use crate::edit::{
    ATTACHMENT, ATTACHMENT_BYTES, ATTACHMENT_END, ATTACHMENT_INLINE_BYTES_MAX, ATTACHMENT_KEY,
    ATTACHMENT_SECTION_BYTES_MAX,
};
use crate::fields::{
    Digest, EntryId, FieldError, FileBytes, FileName, LongText, MediaType, Stored,
};
use crate::rules::{ImmutableEntry, Violation, permanent_entries_named};
use crate::section::SectionKind;

/// The attachments of a section.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttachmentsView {
    /// By name, then by identifier; removed ones stay, without their bytes.
    pub attachments: Vec<AttachmentView>,
    /// Changes of entries that counted for nothing.
    pub violations: Vec<Violation>,
    /// Bytes of files in the document and its history, removed ones included.
    pub kept_bytes: u64,
}

/// One attachment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttachmentView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Its name.
    pub name: Option<Stored<FileName>>,
    /// What somebody took it for; nothing is opened by it.
    pub media_type: Option<Stored<MediaType>>,
    /// How many bytes the entry says that it has; nothing where that is no number of bytes.
    pub size_bytes: Option<u64>,
    /// SHA-256 of its bytes, as the entry says.
    pub sha256: Option<Stored<Digest>>,
    /// What somebody says about it.
    pub note: Option<Stored<LongText>>,
    /// Whether its bytes are here.
    pub content: AttachmentContent,
    /// The bytes, where `content` is `here`: of the size and hash that the entry says.
    #[serde(skip)]
    pub bytes: Option<FileBytes>,
    /// Who added it, when.
    pub origin: Origin,
    /// Who removed it; each who did, at the same time too.
    pub removed: Vec<RemovedView>,
}

/// Whether the bytes of an attachment are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentContent {
    /// In the section, as the entry says.
    Here,
    /// Kept elsewhere; the entry says what it is.
    Recorded,
    /// Stored in a way that only a newer version understands.
    NeedsNewer,
    /// It was removed.
    Removed,
    /// Name, type, size or hash is missing or is none.
    Incomplete,
    /// There are more bytes than a section takes.
    TooLarge,
    /// The bytes are not as many as the entry says.
    SizeMismatch,
    /// The bytes have not the hash that the entry says.
    HashMismatch,
}

impl AttachmentContent {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Recorded => "recorded",
            Self::NeedsNewer => "needs_newer",
            Self::Removed => "removed",
            Self::Incomplete => "incomplete",
            Self::TooLarge => "too_large",
            Self::SizeMismatch => "size_mismatch",
            Self::HashMismatch => "hash_mismatch",
        }
    }
}

/// The removal of an attachment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemovedView {
    /// Why.
    pub reason: Option<Stored<LongText>>,
    /// Who, when.
    pub origin: Origin,
}

impl AttachmentsView {
    /// Reads the attachments of a section's document. In the notes of one institution nobody else's files count, and
    /// nobody else removes one.
    pub fn read(document: &Document, section: &SectionKind, authors: &dyn AuthorOf) -> Self {
        let container = Path::from_iter(["acknowledged"]);
        let (mut added, mut violations) =
            permanent_entries_named(document, &container, authors, ATTACHMENT);
        let (mut ends, more) =
            permanent_entries_named(document, &container, authors, ATTACHMENT_END);
        violations.extend(more);
        for entries in [&mut added, &mut ends] {
            entries.retain(|entry| {
                let origin = Origin::of(authors, &entry.created);
                let Some(rule) = rule_against(section, &origin) else {
                    return true;
                };
                violations.push(Violation::new(rule, &entry.path, origin));
                false
            });
        }
        let mut removed: BTreeMap<String, Vec<RemovedView>> = BTreeMap::new();
        for end in &ends {
            let of: Option<Stored<EntryId>> = stored(Some(&end.fields), "attachment");
            if let Some(of) = of {
                removed
                    .entry(of.canonical())
                    .or_default()
                    .push(RemovedView {
                        reason: stored(Some(&end.fields), "reason"),
                        origin: Origin::of(authors, &end.created),
                    });
            }
        }
        let kept_bytes = added.iter().map(|entry| kept_bytes(&entry.fields)).sum();
        let mut attachments: Vec<AttachmentView> = added
            .into_iter()
            .map(|entry| attachment_view(entry, authors, &mut removed))
            .collect();
        attachments.sort_by_key(|one| {
            let name = one.name.as_ref().map(Stored::canonical);
            (name, one.id.canonical())
        });
        Self {
            attachments,
            violations,
            kept_bytes,
        }
    }

    /// Those that were not removed.
    pub fn standing(&self) -> impl Iterator<Item = &AttachmentView> {
        self.attachments.iter().filter(|one| one.removed.is_empty())
    }

    /// Whether a section that holds these takes a file with so many bytes. Whoever adds asks; files that several
    /// add at once all stand.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check_room(&self, size_bytes: u64) -> Result<(), FieldError> {
        if self.kept_bytes.saturating_add(size_bytes) <= ATTACHMENT_SECTION_BYTES_MAX {
            return Ok(());
        }
        Err(FieldError::new(
            "bytes",
            "section_full",
            format!(
                "the section holds {} bytes of files, removed ones included, and takes {ATTACHMENT_SECTION_BYTES_MAX} \
                 in all; this file has {size_bytes}",
                self.kept_bytes
            ),
            "record name, size and hash with `--only-record` and keep the file in your institution's own filing, \
             or attach it to another section",
        ))
    }
}

fn kept_bytes(fields: &Fields) -> u64 {
    match fields.get(ATTACHMENT_BYTES) {
        Some(Value::Bytes(bytes)) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        _ => 0,
    }
}

fn attachment_view(
    mut entry: ImmutableEntry,
    authors: &dyn AuthorOf,
    removed: &mut BTreeMap<String, Vec<RemovedView>>,
) -> AttachmentView {
    let origin = Origin::of_entry(authors, &entry);
    let bytes = entry.fields.remove(ATTACHMENT_BYTES);
    let has_key = entry.fields.contains_key(ATTACHMENT_KEY);
    let fields = Some(&entry.fields);
    let id: Stored<EntryId> = Stored::read(entry.id.strip_prefix(ATTACHMENT).unwrap_or(&entry.id));
    let mut view = AttachmentView {
        removed: removed.remove(&id.canonical()).unwrap_or_default(),
        id,
        name: stored(fields, "name"),
        media_type: stored(fields, "media_type"),
        size_bytes: size_of(&entry.fields),
        sha256: stored(fields, "sha256"),
        note: stored(fields, "note"),
        content: AttachmentContent::Incomplete,
        bytes: None,
        origin,
    };
    view.content = match bytes {
        _ if !view.removed.is_empty() => AttachmentContent::Removed,
        _ if has_key => AttachmentContent::NeedsNewer,
        _ if !view.is_complete() => AttachmentContent::Incomplete,
        None => AttachmentContent::Recorded,
        Some(Value::Bytes(bytes)) => {
            let bytes = FileBytes::from(bytes);
            let content = view.judged(&bytes);
            view.bytes = (content == AttachmentContent::Here).then_some(bytes);
            content
        }
        Some(_) => AttachmentContent::Incomplete,
    };
    view
}

fn size_of(fields: &Fields) -> Option<u64> {
    match fields.get("size")? {
        Value::Integer(size) => u64::try_from(*size).ok(),
        Value::Unsigned(size) => Some(*size),
        _ => None,
    }
}

fn is_known<F: crate::fields::Field>(value: &Option<Stored<F>>) -> bool {
    value.as_ref().is_some_and(|value| value.known().is_some())
}

impl AttachmentView {
    fn is_complete(&self) -> bool {
        is_known(&self.name)
            && is_known(&self.media_type)
            && is_known(&self.sha256)
            && self.size_bytes.is_some()
    }

    fn judged(&self, bytes: &FileBytes) -> AttachmentContent {
        let sha256 = self.sha256.as_ref().and_then(Stored::known);
        match bytes.size_bytes() {
            size if size > ATTACHMENT_INLINE_BYTES_MAX => AttachmentContent::TooLarge,
            size if self.size_bytes != Some(size) => AttachmentContent::SizeMismatch,
            _ if sha256 != Some(&bytes.digest()) => AttachmentContent::HashMismatch,
            _ => AttachmentContent::Here,
        }
    }
}
