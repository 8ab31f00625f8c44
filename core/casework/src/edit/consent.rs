//! Edits of the section `consent`: what a person allowed and took back.
//!
//! The section is a ledger: its entries are events, and an event is never changed. DOMAIN §6 knows
//! more kinds of events than these two; they take the same form beside them.

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{ApplyError, check_order, entry_path, require};
use crate::fields::{ConsentEventKind, ConsentForm, Date, EntryId, Field, FieldError, LongText};
use crate::record::{ConsentScopes, Giver};

/// The map of all events.
pub(crate) const EVENTS: &str = "events";

/// What a person allowed. Part of it is taken back by a [`Withdrawal`], never by changing it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Who gave it.
    pub giver: Giver,
    /// Which sections for whom.
    pub scope: ConsentScopes,
    /// First day.
    pub valid_from: Date,
    /// Last day, where one was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// How it was given.
    pub form: ConsentForm,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// What a person took back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Which consent.
    pub consent: EntryId,
    /// Which of its shares; all of them where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ConsentScopes>,
    /// The day on which the person said it.
    pub stated_at: Date,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// An edit of the section `consent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConsentEdit {
    /// Records a consent.
    Give {
        /// The event's new identifier, by which the consent is named.
        id: EntryId,
        /// What was allowed.
        consent: Consent,
    },
    /// Records that a consent, or a part of it, was withdrawn.
    Withdraw {
        /// The event's new identifier.
        id: EntryId,
        /// What was taken back.
        withdrawal: Withdrawal,
    },
}

impl ConsentEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match self {
            Self::Give { consent, .. } => {
                check_order("valid_until", Some(consent.valid_from), consent.valid_until)
            }
            Self::Withdraw { .. } => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        match self {
            Self::Give { id, consent } => give(editor, id, consent),
            Self::Withdraw { id, withdrawal } => withdraw(editor, id, withdrawal),
        }
    }
}

fn give(editor: &mut Editor<'_>, id: &EntryId, consent: &Consent) -> Result<(), ApplyError> {
    let event = new_event(editor, id, ConsentEventKind::Given)?;
    editor.put(event.join("giver"), consent.giver.to_stored())?;
    editor.put(event.join("scope"), consent.scope.to_stored())?;
    editor.put(event.join("valid_from"), consent.valid_from.to_stored())?;
    editor.put(event.join("form"), consent.form.to_stored())?;
    if let Some(until) = &consent.valid_until {
        editor.put(event.join("valid_until"), until.to_stored())?;
    }
    put_note(editor, &event, consent.note.as_ref())
}

fn withdraw(
    editor: &mut Editor<'_>,
    id: &EntryId,
    withdrawal: &Withdrawal,
) -> Result<(), ApplyError> {
    let given = scopes_given(editor, &withdrawal.consent)?;
    if let Some(part) = &withdrawal.scope
        && !part.iter().all(|scope| given.contains(scope))
    {
        return Err(ApplyError::Missing {
            what: "share in this consent",
        });
    }
    let event = new_event(editor, id, ConsentEventKind::Withdrawn)?;
    editor.put(event.join("consent"), withdrawal.consent.to_stored())?;
    if let Some(part) = &withdrawal.scope {
        editor.put(event.join("scope"), part.to_stored())?;
    }
    editor.put(event.join("stated_at"), withdrawal.stated_at.to_stored())?;
    put_note(editor, &event, withdrawal.note.as_ref())
}

fn new_event(
    editor: &mut Editor<'_>,
    id: &EntryId,
    kind: ConsentEventKind,
) -> Result<Path, ApplyError> {
    let event = entry_path(EVENTS, id);
    editor.put_map(&event)?;
    editor.put(event.join("kind"), kind.to_stored())?;
    Ok(event)
}

fn scopes_given(editor: &Editor<'_>, consent: &EntryId) -> Result<ConsentScopes, ApplyError> {
    let event = entry_path(EVENTS, consent);
    require(editor, &event, "consent")?;
    let text = |field: &str| match editor.get(event.join(field)) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let given = ConsentEventKind::Given.canonical();
    text("kind")
        .filter(|kind| *kind == given)
        .and_then(|_| ConsentScopes::parse(&text("scope")?).ok())
        .ok_or(ApplyError::Missing { what: "consent" })
}

fn put_note(
    editor: &mut Editor<'_>,
    event: &Path,
    note: Option<&LongText>,
) -> Result<(), ApplyError> {
    if let Some(note) = note {
        editor.put(event.join("note"), note.to_stored())?;
    }
    Ok(())
}
