//! Edits of the section `consent`: what a person allowed and took back.
//!
//! The section is a ledger: its entries are events, and an event is never changed. What an edit writes is
//! exactly what [`ConsentEdit::fields`] says, and that is what is signed.

use std::collections::BTreeMap;

use nahtlos_document::{Editor, Path, Value};
use serde::{Deserialize, Serialize};

use super::field_set::ToStored;
use super::{ApplyError, check_order, entry_path, require};
use crate::fields::{
    CaseId, ConsentEventKind, ConsentForm, Date, EntryId, EntrySignature, Field, FieldError,
    LongText,
};
use crate::record::{ConsentDetails, ConsentScope, ConsentScopes, Giver};

/// The map of all events.
pub(crate) const EVENTS: &str = "events";
/// The field of an event that holds its signature; the signature is over all others.
pub(crate) const SIGNATURE: &str = "signature";
/// The field of an event that names the case.
pub const CASE: &str = "case";

/// What a person allowed. It is changed by further events, never in itself.
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
    /// How it came about.
    #[serde(default)]
    pub details: ConsentDetails,
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

/// Less than before: some shares end, or all end earlier, and the rest stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// Which consent.
    pub consent: EntryId,
    /// The shares that end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ConsentScopes>,
    /// The new last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The day on which the person said it.
    pub stated_at: Date,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// More than before: further shares, or a later last day. A person agrees to it as to a new consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Which consent.
    pub consent: EntryId,
    /// The further shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ConsentScopes>,
    /// The new last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The day on which the person said it.
    pub stated_at: Date,
    /// How it was given.
    pub form: ConsentForm,
    /// How it came about.
    #[serde(default)]
    pub details: ConsentDetails,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<LongText>,
}

/// A new consent stands in place of an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The earlier one.
    pub consent: EntryId,
    /// The new one.
    pub by: EntryId,
    /// From which day on.
    pub stated_at: Date,
}

/// An edit of the section `consent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentEdit {
    /// The event's new identifier; that of a consent is how the consent is named.
    pub id: EntryId,
    /// What happened.
    pub event: ConsentEvent,
    /// The case whose ledger this is: in the event itself, so that it is signed with the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The recording device's signature over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<EntrySignature>,
}

/// What happened to a consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConsentEvent {
    /// It was given.
    Given(Box<Consent>),
    /// It, or a part of it, was withdrawn.
    Withdrawn(Withdrawal),
    /// It covers less.
    Narrowed(Narrowing),
    /// It covers more.
    Extended(Box<Extension>),
    /// Another one stands in its place.
    Superseded(Replacement),
}

impl ConsentEvent {
    /// Its kind.
    pub const fn kind(&self) -> ConsentEventKind {
        match self {
            Self::Given(_) => ConsentEventKind::Given,
            Self::Withdrawn(_) => ConsentEventKind::Withdrawn,
            Self::Narrowed(_) => ConsentEventKind::Narrowed,
            Self::Extended(_) => ConsentEventKind::Extended,
            Self::Superseded(_) => ConsentEventKind::Superseded,
        }
    }

    /// The consent it is about, where it is about an earlier one.
    fn about(&self) -> Option<&EntryId> {
        match self {
            Self::Given(_) => None,
            Self::Withdrawn(event) => Some(&event.consent),
            Self::Narrowed(event) => Some(&event.consent),
            Self::Extended(event) => Some(&event.consent),
            Self::Superseded(event) => Some(&event.consent),
        }
    }

    /// The shares that it takes back.
    fn takes_back(&self) -> Option<&ConsentScopes> {
        match self {
            Self::Withdrawn(event) => event.scope.as_ref(),
            Self::Narrowed(event) => event.scope.as_ref(),
            Self::Given(_) | Self::Extended(_) | Self::Superseded(_) => None,
        }
    }

    /// What is written into the event: every field by its name, as it is stored.
    fn fields(&self) -> BTreeMap<String, String> {
        let mut written = Written::default();
        written.put("kind", Some(&self.kind()));
        written.put("consent", self.about());
        match self {
            Self::Given(event) => {
                written.put("giver", Some(&event.giver));
                written.put("scope", Some(&event.scope));
                written.put("valid_from", Some(&event.valid_from));
                written.put("valid_until", event.valid_until.as_ref());
                written.put("form", Some(&event.form));
                written.details(&event.details);
                written.put("note", event.note.as_ref());
            }
            Self::Withdrawn(event) => {
                written.put("scope", event.scope.as_ref());
                written.put("stated_at", Some(&event.stated_at));
                written.put("note", event.note.as_ref());
            }
            Self::Narrowed(event) => {
                written.put("scope", event.scope.as_ref());
                written.put("valid_until", event.valid_until.as_ref());
                written.put("stated_at", Some(&event.stated_at));
                written.put("note", event.note.as_ref());
            }
            Self::Extended(event) => {
                written.put("scope", event.scope.as_ref());
                written.put("valid_until", event.valid_until.as_ref());
                written.put("stated_at", Some(&event.stated_at));
                written.put("form", Some(&event.form));
                written.details(&event.details);
                written.put("note", event.note.as_ref());
            }
            Self::Superseded(event) => {
                written.put("by", Some(&event.by));
                written.put("stated_at", Some(&event.stated_at));
            }
        }
        written.0
    }

    fn validate(&self) -> Result<(), FieldError> {
        let changes_something = |scope: bool, until: bool| match (scope, until) {
            (false, false) => Err(FieldError::new(
                "scope",
                "empty",
                "it changes neither the shares nor the last day",
                "name shares, a last day, or both",
            )),
            _ => Ok(()),
        };
        match self {
            Self::Given(event) => {
                check_order("valid_until", Some(event.valid_from), event.valid_until)
            }
            Self::Narrowed(event) => {
                changes_something(event.scope.is_some(), event.valid_until.is_some())?;
                check_order("valid_until", Some(event.stated_at), event.valid_until)
            }
            Self::Extended(event) => {
                changes_something(event.scope.is_some(), event.valid_until.is_some())?;
                check_order("valid_until", Some(event.stated_at), event.valid_until)
            }
            Self::Withdrawn(_) | Self::Superseded(_) => Ok(()),
        }
    }
}

/// Fields of an event as they are gathered.
#[derive(Default)]
struct Written(BTreeMap<String, String>);

impl Written {
    fn put<F: Field>(&mut self, name: &str, value: Option<&F>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.canonical());
        }
    }

    fn details(&mut self, details: &ConsentDetails) {
        self.put("recurrence", details.recurrence.as_ref());
        self.put("language", details.language.as_ref());
        self.put("interpreter", details.interpreter.as_ref());
        self.put("paper_sha256", details.paper_sha256.as_ref());
        self.put("withdrawable_notice", details.withdrawable_notice.as_ref());
        self.put("witness", details.witness.as_ref());
        self.put("template", details.template.as_ref());
    }
}

impl ConsentEdit {
    /// An event that is not signed yet.
    pub fn new(id: EntryId, event: ConsentEvent) -> Self {
        Self {
            id,
            event,
            case: None,
            signature: None,
        }
    }

    /// What is written into the event, and signed: every field by its name, as it is stored.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let mut fields = self.event.fields();
        let case = self.case.as_ref().map(Field::canonical);
        fields.extend(case.map(|case| (CASE.to_owned(), case)));
        fields
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        self.event.validate()
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), ApplyError> {
        self.check_against(editor)?;
        let event = entry_path(EVENTS, &self.id);
        editor.put_map(&event)?;
        for (name, value) in self.fields() {
            editor.put(event.join(name.as_str()), value)?;
        }
        if let Some(signature) = &self.signature {
            editor.put(event.join(SIGNATURE), signature.to_stored())?;
        }
        Ok(())
    }

    /// Whether the consent that it is about stands in the ledger, with the shares that it takes back.
    fn check_against(&self, editor: &Editor<'_>) -> Result<(), ApplyError> {
        let Some(consent) = self.event.about() else {
            return Ok(());
        };
        let covered = shares_of(editor, consent)?;
        if let Some(part) = self.event.takes_back()
            && !part.iter().all(|share| covered.contains(share))
        {
            return Err(ApplyError::Missing {
                what: "share in this consent",
            });
        }
        Ok(())
    }
}

/// All shares that a consent ever covered, by itself and by what extended it.
fn shares_of(editor: &Editor<'_>, consent: &EntryId) -> Result<Vec<ConsentScope>, ApplyError> {
    let event = entry_path(EVENTS, consent);
    require(editor, &event, "consent")?;
    let text = |event: &Path, field: &str| match editor.get(event.join(field)) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let given = ConsentEventKind::Given.canonical();
    let scope = text(&event, "kind")
        .filter(|kind| *kind == given)
        .and_then(|_| ConsentScopes::parse(&text(&event, "scope")?).ok())
        .ok_or(ApplyError::Missing { what: "consent" })?;
    let mut shares: Vec<ConsentScope> = scope.iter().cloned().collect();
    let (extended, name) = (ConsentEventKind::Extended.canonical(), consent.canonical());
    for id in editor.keys(Path::from_iter([EVENTS])) {
        let event = Path::from_iter([EVENTS.to_owned(), id]);
        let is_more = text(&event, "kind").as_ref() == Some(&extended)
            && text(&event, "consent").as_ref() == Some(&name);
        let more = text(&event, "scope").filter(|_| is_more);
        let more = more.and_then(|scope| ConsentScopes::parse(&scope).ok());
        shares.extend(more.iter().flat_map(ConsentScopes::iter).cloned());
    }
    Ok(shares)
}
