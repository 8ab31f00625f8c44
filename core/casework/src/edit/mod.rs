//! Everything a person can do to a case file, as data.
//!
//! An [`Edit`] names its target and nothing else: applying it touches only what the person touched.
//! It can be stored, shown, and applied again to another state of the document; identifiers of new
//! entries are part of it, so that it makes the same entry wherever it is applied.

mod attachment;
mod consent;
mod core;
mod dispute;
pub(crate) mod field_set;
mod form;
mod function;
mod ident;
mod journal;
mod plan;
mod process;
mod resolve;
mod slice;
mod taken_over;
mod tasks;

use nahtlos_document::{Editor, Path, WriteError};
use serde::{Deserialize, Serialize};

pub(crate) use self::attachment::{
    ATTACHMENT, ATTACHMENT_END, BYTES as ATTACHMENT_BYTES, KEY as ATTACHMENT_KEY,
};
pub use self::attachment::{
    ATTACHMENT_INLINE_BYTES_MAX, ATTACHMENT_SECTION_BYTES_MAX, AttachmentChange, AttachmentEdit,
    NewAttachment, attachment_too_large, takes_attachments,
};
pub(crate) use self::core::RECUSED;
pub use self::core::{CoreEdit, CoreField, CoreKey};
pub use consent::CASE as CONSENT_CASE;
pub(crate) use consent::EVENTS as CONSENT_EVENTS;
pub(crate) use consent::SIGNATURE as CONSENT_SIGNATURE;
pub use consent::{
    Consent, ConsentEdit, ConsentEvent, Extension, Narrowing, Replacement, Withdrawal,
};
pub(crate) use dispute::{DISPUTE, DISPUTE_END, STEP_SEPARATOR, mark as dispute_mark};
pub use dispute::{DisputeChange, DisputeEdit};
pub use form::{FormChange, FormEdit, NewValues};
pub use function::{Assessment, FunctionEdit};
pub use ident::{IdentEdit, IdentField, IdentKey};
pub use journal::JournalEdit;
pub(crate) use plan::{DEPENDS_ON, ENTRY_SIGNATURE, REVIEW, RISK, SIGNATURE, VERSION, leads_to};
pub use plan::{
    GoalField, GoalKey, NewSignature, NewVersion, PlanEdit, PlanField, PlanKey, Review, RiskField,
    RiskKey, StepField, StepKey, StepRef,
};
pub(crate) use process::{CLOSED_MARK, CLOSING, COMPETENCE, REOPENED_MARK, REOPENING};
pub use process::{Closing, CompetenceDecision, MarkClosing, Reopening, note_missing};
pub use resolve::{Acknowledge, ChooseValue, ScalarValue};
pub use slice::{SliceContent, SliceEdit, SliceEntry, SliceMark, SliceState};
pub use taken_over::TakenOverEdit;
pub(crate) use taken_over::{SOURCE_AT, SOURCE_BY};
pub use tasks::{ChecklistLine, TaskEdit, TaskField, TaskKey};
pub(crate) use tasks::{LINK, MAX_CHECKLIST_LINES, link_of};

use crate::author::Author;
use crate::fields::{Date, EntryId, Field, FieldError, InstitutionId, UtcTime};
use crate::section::SectionKind;

/// One edit. As JSON `{"core": {"set": {"first_name": "Ruth"}}}`; unknown variants and fields are
/// errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Of `core`.
    Core(CoreEdit),
    /// Of `ident`.
    Ident(IdentEdit),
    /// Of `function`.
    Function(FunctionEdit),
    /// Of `journal`.
    Journal(JournalEdit),
    /// Of `tasks`.
    Tasks(TaskEdit),
    /// Of `plan`.
    Plan(PlanEdit),
    /// Of `consent`.
    Consent(ConsentEdit),
    /// Of a section that is described by a table.
    Form(FormEdit),
    /// Of a slice: what it is to hold.
    Slice(SliceEdit),
    /// Settles a conflict by one of its values.
    ChooseValue(ChooseValue),
    /// Settles a soft conflict by having seen it.
    Acknowledge(Acknowledge),
    /// Marks in a section that the case was closed, or opened again.
    MarkClosing(MarkClosing),
    /// Marks what the person whom the case is about disputes, or that it is settled.
    Dispute(DisputeEdit),
    /// Adds a file to a section, or removes it.
    Attachment(AttachmentEdit),
    /// Adds an entry that a file says somebody wrote.
    TakenOver(TakenOverEdit),
}

/// Why an edit was not applied. The document is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The edit contradicts itself.
    #[error(transparent)]
    Invalid(#[from] FieldError),
    /// What is to be edited does not exist (any more, or yet).
    #[error("the {what} does not exist in this section")]
    Missing {
        /// What was looked for.
        what: &'static str,
    },
    /// The task or entry is marked as deleted.
    #[error("entry {id} was deleted; restore it first")]
    Deleted {
        /// The entry.
        id: EntryId,
    },
    /// Somebody changed what this edit rests on.
    #[error("{what} has changed since this edit was made; look at it and decide again")]
    Changed {
        /// What has changed.
        what: &'static str,
    },
    /// Nobody is named who pays the step.
    #[error("nobody pays this step yet; set its payers first")]
    NoPayer,
    /// A rule of the section forbids it to this author.
    #[error("{rule}; {institution} does not")]
    NotEntitled {
        /// The author's institution.
        institution: InstitutionId,
        /// The rule.
        rule: &'static str,
    },
    /// The document refused the write.
    #[error("the document refused the edit")]
    Write(#[from] WriteError),
}

impl ApplyError {
    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.code,
            Self::Missing { .. } => "missing",
            Self::Deleted { .. } => "deleted",
            Self::Changed { .. } => "changed",
            Self::NoPayer => "no_payer",
            Self::NotEntitled { .. } => "not_entitled",
            Self::Write(_) => "write",
        }
    }
}

impl Edit {
    /// The section whose document it edits.
    pub fn section(&self) -> SectionKind {
        match self {
            Self::Core(_) => SectionKind::Core,
            Self::Ident(_) => SectionKind::Ident,
            Self::Function(_) => SectionKind::Function,
            Self::Journal(_) => SectionKind::Journal,
            Self::Tasks(_) => SectionKind::Tasks,
            Self::Plan(_) => SectionKind::Plan,
            Self::Consent(_) => SectionKind::Consent,
            Self::Form(edit) => edit.section.clone(),
            Self::Slice(edit) => edit.section.clone(),
            Self::ChooseValue(choice) => choice.section.clone(),
            Self::Acknowledge(seen) => seen.section.clone(),
            Self::MarkClosing(mark) => mark.section.clone(),
            Self::Dispute(edit) => edit.section.clone(),
            Self::Attachment(edit) => edit.section.clone(),
            Self::TakenOver(edit) => edit.section(),
        }
    }

    /// Checks what its types cannot: that its parts fit each other.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn validate(&self) -> Result<(), FieldError> {
        match self {
            Self::Function(edit) => edit.validate(),
            Self::Tasks(edit) => edit.validate(),
            Self::Plan(edit) => edit.validate(),
            Self::Consent(edit) => edit.validate(),
            Self::Form(edit) => edit.validate(),
            Self::Slice(edit) => edit.validate(),
            Self::ChooseValue(edit) => edit.validate(),
            Self::Core(edit) => edit.validate(),
            Self::MarkClosing(mark) => mark.validate(),
            Self::Dispute(edit) => edit.validate(),
            Self::Attachment(edit) => edit.validate(),
            Self::TakenOver(edit) => edit.validate(),
            Self::Ident(_) | Self::Journal(_) | Self::Acknowledge(_) => Ok(()),
        }
    }

    /// Applies it inside [`nahtlos_document::Document::edit`]: deterministic given the document, so
    /// that it can be applied again to another state.
    ///
    /// `author` is who makes the edit (for the rules of the section), `at` when it was made; when it
    /// is applied again, both stay as they were.
    ///
    /// # Errors
    /// [`ApplyError`]; the caller's `Document::edit` then rolls everything back.
    pub fn apply(
        &self,
        editor: &mut Editor<'_>,
        author: &Author,
        at: UtcTime,
    ) -> Result<(), ApplyError> {
        self.validate()?;
        match self {
            Self::Core(edit) => edit.apply(editor, at),
            Self::Ident(edit) => edit.apply(editor),
            Self::Function(edit) => edit.apply(editor),
            Self::Journal(edit) => edit.apply(editor, at),
            Self::Tasks(edit) => edit.apply(editor),
            Self::Plan(edit) => edit.apply(editor, author, at),
            Self::Consent(edit) => edit.apply(editor),
            Self::Form(edit) => edit.apply(editor),
            Self::Slice(edit) => edit.apply(editor),
            Self::ChooseValue(edit) => edit.apply(editor),
            Self::Acknowledge(edit) => edit.apply(editor, at),
            Self::MarkClosing(mark) => mark.apply(editor, at),
            Self::Dispute(edit) => edit.apply(editor),
            Self::Attachment(edit) => edit.apply(editor),
            Self::TakenOver(edit) => edit.apply(editor, author, at),
        }
    }
}

/// A text as somebody saw it, exactly: merged texts need not keep the rules of typed ones.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording(String);

impl Wording {
    /// The text as it stood.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

crate::fields::hidden_debug!(Wording);

fn path(steps: &[&str]) -> Path {
    steps.iter().copied().collect()
}

pub(crate) fn entry_path(container: &str, id: &EntryId) -> Path {
    Path::from_iter([container.to_owned(), id.canonical()])
}

fn require(editor: &Editor<'_>, place: &Path, what: &'static str) -> Result<(), ApplyError> {
    if editor.exists(place) {
        return Ok(());
    }
    Err(ApplyError::Missing { what })
}

fn check_order(
    field: &'static str,
    first: Option<Date>,
    last: Option<Date>,
) -> Result<(), FieldError> {
    match (first, last) {
        (Some(first), Some(last)) if last < first => Err(FieldError::new(
            field,
            "order",
            "the last day is before the first",
            "check both dates",
        )),
        _ => Ok(()),
    }
}
