//! Attachments: files that belong to a section.
//!
//! An entry stands in the section's own document, in the map `acknowledged`, which every section but the ledger of
//! consents is born with: so who reads the section reads it, and nobody else. Small files stand in it with their
//! bytes; of larger ones only name, type, size and hash. Entries are never changed; a removal is one of its own, and
//! takes the bytes out of what stands there now. They stay in the history (ADR 0053).

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::{ApplyError, path, require};
use crate::fields::{Digest, EntryId, Field, FieldError, FileBytes, FileName, LongText, MediaType};
use crate::section::SectionKind;

/// How the name of an attachment begins in `acknowledged`.
pub(crate) const ATTACHMENT: &str = "attachment:";
/// How the name of its removal begins.
pub(crate) const ATTACHMENT_END: &str = "attachment_end:";
/// The bytes of a small file.
pub(crate) const BYTES: &str = "bytes";
/// Reserved: the 32 bytes that open chunks at the relay. This version writes none and shows none.
pub(crate) const KEY: &str = "key";

/// Bytes of a file that stands in a section's document whole.
pub const ATTACHMENT_INLINE_BYTES_MAX: u64 = 32 * 1024;
/// Bytes of all files that ever stood in a section's document, removed ones included: its history keeps them.
pub const ATTACHMENT_SECTION_BYTES_MAX: u64 = 512 * 1024;
/// Largest size that is recorded: what JSON of any program holds exactly.
const SIZE_BYTES_MAX: u64 = (1 << 53) - 1;

/// An edit of one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentEdit {
    /// The section.
    pub section: SectionKind,
    /// What is recorded.
    pub change: AttachmentChange,
}

/// What can be done with attachments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AttachmentChange {
    /// A file is added.
    Add {
        /// Its new identifier.
        id: EntryId,
        /// The file.
        attachment: NewAttachment,
    },
    /// A file is removed.
    Remove {
        /// The identifier of the removal.
        id: EntryId,
        /// The file.
        attachment: EntryId,
        /// Why.
        reason: Option<LongText>,
    },
}

/// A file that is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAttachment {
    /// Its name.
    pub name: FileName,
    /// What it is.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// What somebody says about it.
    pub note: Option<LongText>,
    /// Its bytes; none where only what it is is recorded.
    pub bytes: Option<FileBytes>,
}

impl NewAttachment {
    /// A small file with its bytes.
    pub fn whole(
        name: FileName,
        media_type: MediaType,
        note: Option<LongText>,
        bytes: FileBytes,
    ) -> Self {
        Self {
            name,
            media_type,
            size_bytes: bytes.size_bytes(),
            sha256: bytes.digest(),
            note,
            bytes: Some(bytes),
        }
    }

    /// That the parts fit each other, and the limits.
    ///
    /// # Errors
    /// The first that does not.
    pub fn validate(&self) -> Result<(), FieldError> {
        if self.size_bytes > SIZE_BYTES_MAX {
            return Err(FieldError::new(
                "size",
                "too_large",
                "no file has so many bytes",
                "write the size in bytes",
            ));
        }
        let Some(bytes) = &self.bytes else {
            return Ok(());
        };
        if bytes.size_bytes() > ATTACHMENT_INLINE_BYTES_MAX {
            return Err(attachment_too_large(bytes.size_bytes()));
        }
        if bytes.size_bytes() != self.size_bytes {
            return Err(FieldError::new(
                "size",
                "size_mismatch",
                "the size is not that of the bytes",
                "attach the file anew",
            ));
        }
        if bytes.digest() != self.sha256 {
            return Err(FieldError::new(
                "sha256",
                "hash_mismatch",
                "the hash is not that of the bytes",
                "attach the file anew",
            ));
        }
        Ok(())
    }
}

/// A file that is too large to stand in a section.
pub fn attachment_too_large(size_bytes: u64) -> FieldError {
    FieldError::new(
        "bytes",
        "too_large",
        format!(
            "the file has {size_bytes} bytes; a section takes files up to {ATTACHMENT_INLINE_BYTES_MAX}"
        ),
        "keep it in your institution's own filing and record name, size and hash with `--only-record`: \
         whoever is given the file can then verify it",
    )
}

/// Whether files can be added to a section.
///
/// # Errors
/// Why not.
pub fn takes_attachments(section: &SectionKind) -> Result<(), FieldError> {
    let refused =
        |code, reason: &str, remedy: &str| Err(FieldError::new("section", code, reason, remedy));
    match section {
        SectionKind::Slice(_) => refused(
            "slice",
            "a slice is a copy of fields; files never go into one",
            "attach it to the section that the slice is a part of",
        ),
        SectionKind::Enquiry => refused(
            "anonymous",
            "a file says of whom it speaks; an enquiry is without a name",
            "attach it to a section of the case, once there is one",
        ),
        SectionKind::Consent | SectionKind::Access | SectionKind::Unknown(_) => refused(
            "no_attachments_here",
            "this section takes no files",
            "attach it to another one; of a signed consent, `consent give` records the scan's hash",
        ),
        _ => Ok(()),
    }
}

impl AttachmentEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        takes_attachments(&self.section)?;
        match &self.change {
            AttachmentChange::Add { attachment, .. } => attachment.validate(),
            AttachmentChange::Remove { .. } => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        match &self.change {
            AttachmentChange::Add { id, attachment } => add(editor, id, attachment),
            AttachmentChange::Remove {
                id,
                attachment,
                reason,
            } => {
                let entry = entry(ATTACHMENT, attachment);
                require(editor, &entry, "attachment")?;
                let end = self::entry(ATTACHMENT_END, id);
                editor.put_map(&end)?;
                editor.put(end.join("attachment"), attachment.canonical())?;
                if let Some(reason) = reason {
                    editor.put(end.join("reason"), reason.canonical())?;
                }
                editor.delete(entry.join(BYTES))?;
                Ok(())
            }
        }
    }
}

fn add(editor: &mut Editor<'_>, id: &EntryId, new: &NewAttachment) -> Result<(), ApplyError> {
    let entry = entry(ATTACHMENT, id);
    // Bounded by `validate`.
    let size_bytes = i64::try_from(new.size_bytes).unwrap_or(i64::MAX);
    editor.put_map(&entry)?;
    editor.put(entry.join("name"), new.name.canonical())?;
    editor.put(entry.join("media_type"), new.media_type.canonical())?;
    editor.put(entry.join("size"), size_bytes)?;
    editor.put(entry.join("sha256"), new.sha256.canonical())?;
    if let Some(note) = &new.note {
        editor.put(entry.join("note"), note.canonical())?;
    }
    if let Some(bytes) = &new.bytes {
        editor.put(entry.join(BYTES), Value::Bytes(bytes.as_slice().to_vec()))?;
    }
    Ok(())
}

fn entry(beginning: &str, id: &EntryId) -> Path {
    path(&["acknowledged", &format!("{beginning}{}", id.canonical())])
}
