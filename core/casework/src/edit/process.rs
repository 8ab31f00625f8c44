//! Edits of `core` that record what was decided about the case as a whole: that it is closed or opened
//! again, and who leads or pays. Records are never changed; a correction is a new one.

use nahtlos_document::{Document, Editor, Path};
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{ApplyError, check_order, path, require};
use crate::fields::{
    ClosingReason, CompetenceKind, Date, EntryId, Field, FieldError, InstitutionId, Line, LongText,
    Phase, ReopeningReason, UtcTime,
};
use crate::section::SectionKind;

/// How the name of each record begins in `case`.
pub(crate) const CLOSING: &str = "closing:";
pub(crate) const REOPENING: &str = "reopening:";
pub(crate) const COMPETENCE: &str = "competence:";
/// How the mark of a closing begins in `acknowledged` of every section that was closed.
pub(crate) const CLOSED_MARK: &str = "closed:";
/// How the mark begins that lifts it, once the case is opened again.
pub(crate) const REOPENED_MARK: &str = "reopened:";

/// That a case is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Its new identifier.
    pub id: EntryId,
    /// The day.
    pub date: Date,
    /// Why.
    pub reason: ClosingReason,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// That a closed case is opened again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopening {
    /// Its new identifier.
    pub id: EntryId,
    /// The day.
    pub date: Date,
    /// Why.
    pub reason: ReopeningReason,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// Who leads the case, or pays for something, from when on, and who decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompetenceDecision {
    /// Its new identifier.
    pub id: EntryId,
    /// What it settles.
    pub kind: CompetenceKind,
    /// Which institution.
    pub institution: InstitutionId,
    /// For what, where it is not for the whole case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Line>,
    /// From this day on.
    pub since: Date,
    /// The last day, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The day on which it was decided.
    pub decided_on: Date,
    /// Who decided it, as people write it.
    pub decided_by: Line,
    /// Why.
    pub grounds: LongText,
    /// The record that it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction_of: Option<EntryId>,
}

/// Marks in one section that the case was closed: what somebody else does there without knowing is shown,
/// with both sides. Opened again, the case marks that too, and nothing more is shown of that closing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkClosing {
    /// The section.
    pub section: SectionKind,
    /// Which closing.
    pub closing: EntryId,
    /// Whether the case was opened again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reopened: bool,
}

/// What a round table's own closing is called in its section: it has one, which stays where it was set. A later
/// closing that moved it would take away what was written meanwhile before anybody has seen it.
const MEETING_CLOSING: EntryId = EntryId::from_random(*b"meeting\0");

fn record_path(prefix: &str, id: &EntryId) -> Path {
    path(&["case", &format!("{prefix}{id}")])
}

impl Closing {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match (self.reason, &self.note) {
            (ClosingReason::Other, None) => Err(note_missing()),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>, at: UtcTime) -> Result<(), ApplyError> {
        let place = record_path(CLOSING, &self.id);
        editor.put_map(&place)?;
        editor.put(place.join("date"), self.date.to_stored())?;
        editor.put(place.join("reason"), self.reason.to_stored())?;
        if let Some(note) = &self.note {
            editor.put(place.join("note"), note.to_stored())?;
        }
        editor.put(path(&["case", "phase"]), Phase::Closed.to_stored())?;
        put_mark(editor, CLOSED_MARK, &self.id, at)
    }
}

impl Reopening {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match (self.reason, &self.note) {
            (ReopeningReason::Other, None) => Err(note_missing()),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        let place = record_path(REOPENING, &self.id);
        editor.put_map(&place)?;
        editor.put(place.join("date"), self.date.to_stored())?;
        editor.put(place.join("reason"), self.reason.to_stored())?;
        if let Some(note) = &self.note {
            editor.put(place.join("note"), note.to_stored())?;
        }
        Ok(editor.put(path(&["case", "phase"]), Phase::Reopened.to_stored())?)
    }
}

impl CompetenceDecision {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        check_order("until", Some(self.since), self.until)
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        if let Some(corrected) = &self.correction_of {
            let corrected = record_path(COMPETENCE, corrected);
            require(editor, &corrected, "decision that is corrected")?;
        }
        let place = record_path(COMPETENCE, &self.id);
        let optional = [
            ("subject", self.subject.as_ref().map(ToStored::to_stored)),
            ("until", self.until.as_ref().map(ToStored::to_stored)),
            (
                "correction_of",
                self.correction_of.as_ref().map(ToStored::to_stored),
            ),
        ];
        editor.put_map(&place)?;
        editor.put(place.join("kind"), self.kind.to_stored())?;
        editor.put(place.join("institution"), self.institution.to_stored())?;
        editor.put(place.join("since"), self.since.to_stored())?;
        editor.put(place.join("decided_on"), self.decided_on.to_stored())?;
        editor.put(place.join("decided_by"), self.decided_by.to_stored())?;
        editor.put(place.join("grounds"), self.grounds.to_stored())?;
        for (name, value) in optional {
            if let Some(value) = value {
                editor.put(place.join(name), value)?;
            }
        }
        Ok(())
    }
}

impl MarkClosing {
    /// That a round table is over: what somebody writes in it without knowing is shown, with both sides.
    pub fn of_meeting(section: SectionKind) -> Self {
        Self {
            section,
            closing: MEETING_CLOSING,
            reopened: false,
        }
    }

    /// Whether a mark is a round table's own, and not its case's.
    pub(crate) fn is_of_meeting(mark: &str) -> bool {
        mark.strip_prefix(CLOSED_MARK) == Some(MEETING_CLOSING.canonical().as_str())
    }

    /// Whether such a mark is set in a section at all: not where every change is a consent, where reads of a
    /// closed case are written too, and in what is not the case's own.
    pub fn is_set_in(section: &SectionKind) -> bool {
        !matches!(
            section,
            SectionKind::Consent
                | SectionKind::Access
                | SectionKind::Internal(_)
                | SectionKind::Slice(_)
                | SectionKind::Unknown(_)
        )
    }

    /// Whether a section bears the mark of this closing, and none that lifts it.
    pub fn stands_in(document: &Document, closing: &EntryId) -> bool {
        let reader = document.read();
        let has = |prefix: &str| {
            let mark = format!("{prefix}{closing}");
            reader.exists(path(&["acknowledged", &mark]))
        };
        has(CLOSED_MARK) && !has(REOPENED_MARK)
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        if Self::is_set_in(&self.section) {
            return Ok(());
        }
        Err(FieldError::new(
            "section",
            "not_closed",
            "this section is not closed with the case",
            "name another section",
        ))
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>, at: UtcTime) -> Result<(), ApplyError> {
        let mark = format!("{CLOSED_MARK}{}", self.closing);
        let is_marked = editor.exists(path(&["acknowledged", &mark]));
        if is_marked && !self.reopened && Self::is_of_meeting(&mark) {
            return Ok(());
        }
        let prefix = match self.reopened {
            true => REOPENED_MARK,
            false => CLOSED_MARK,
        };
        put_mark(editor, prefix, &self.closing, at)
    }
}

fn put_mark(
    editor: &mut Editor<'_>,
    prefix: &str,
    closing: &EntryId,
    at: UtcTime,
) -> Result<(), ApplyError> {
    let mark = format!("{prefix}{closing}");
    Ok(editor.put(path(&["acknowledged", &mark]), at.canonical())?)
}

/// What is told where a reason needs a note and has none.
pub fn note_missing() -> FieldError {
    FieldError::new(
        "note",
        "missing",
        "the reason is another one than those with a code, and no note says which",
        "give a note with `--note FILE`, or a reason with a code of its own",
    )
}
