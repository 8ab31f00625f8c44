//! The consent ledger as it reads now. Which shares it covers on a day stands in
//! [`consent_coverage`](super::consent_coverage).

use std::collections::BTreeMap;

use nahtlos_document::{Document, Path, Value};
use serde::Serialize;

use super::consent_coverage::ComingOfAge;
use super::{Fields, stored};
use crate::author::{AuthorOf, Origin};
use crate::edit::{CONSENT_EVENTS, CONSENT_SIGNATURE};
use crate::fields::{
    ConsentEventKind, ConsentForm, Date, Digest, EntryId, InstitutionId, LanguageCode, Line,
    LongText, Name, Recurrence, Stored, WithdrawalNotice,
};
use crate::record::{ConsentScope, ConsentScopes, Giver};
use crate::rules::{ImmutableEntry, Violation, ledger_entries};

/// The section `consent`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConsentView {
    /// Consents, by their first day, then identifier.
    pub given: Vec<GivenView>,
    /// Withdrawals, by the day on which they were said, then identifier.
    pub withdrawn: Vec<WithdrawnView>,
    /// What narrowed, extended or replaced a consent, by the day on which it was said, then in the order in
    /// which it was recorded.
    pub changed: Vec<ChangedView>,
    /// Every event as it was recorded, for whoever verifies its signature.
    #[serde(skip)]
    pub recorded: Vec<RecordedEvent>,
    /// Events of a newer version: what they say is not known here.
    pub not_understood: Vec<Origin>,
    /// The consent that each of them is about; none where not even that can be read.
    #[serde(skip)]
    pub(super) not_understood_about: Vec<Option<EntryId>>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
    /// The day on which the person whom the case is about comes of age, where it is known.
    #[serde(skip)]
    pub(super) comes_of_age: Option<ComingOfAge>,
}

/// A consent as it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GivenView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Who gave it.
    pub giver: Option<Stored<Giver>>,
    /// Which sections for whom.
    pub scope: Option<Stored<ConsentScopes>>,
    /// First day.
    pub valid_from: Option<Stored<Date>>,
    /// Last day.
    pub valid_until: Option<Stored<Date>>,
    /// How it was given.
    pub form: Option<Stored<ConsentForm>>,
    /// How it came about.
    #[serde(flatten)]
    pub details: DetailsView,
    /// What else is known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

/// How a consent, or its extension, came about.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DetailsView {
    /// Once, or for as long as it holds.
    pub recurrence: Option<Stored<Recurrence>>,
    /// The language in which it was explained.
    pub language: Option<Stored<LanguageCode>>,
    /// Who interpreted.
    pub interpreter: Option<Stored<Name>>,
    /// SHA-256 of the scanned paper.
    pub paper_sha256: Option<Stored<Digest>>,
    /// Whether it was said that a consent can be withdrawn.
    pub withdrawable_notice: Option<Stored<WithdrawalNotice>>,
    /// Who was there.
    pub witness: Option<Stored<Name>>,
    /// Which form of words was used.
    pub template: Option<Stored<Line>>,
}

/// A withdrawal as it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithdrawnView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// The consent it takes back.
    pub consent: Option<Stored<EntryId>>,
    /// Which of its shares; all of them where this is missing.
    pub scope: Option<Stored<ConsentScopes>>,
    /// The day on which the person said it.
    pub stated_at: Option<Stored<Date>>,
    /// What else is known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

/// What narrowed, extended or replaced a consent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Which of the three.
    pub kind: ConsentEventKind,
    /// The consent that it is about.
    pub consent: Option<Stored<EntryId>>,
    /// The shares that end, or begin.
    pub scope: Option<Stored<ConsentScopes>>,
    /// The new last day.
    pub valid_until: Option<Stored<Date>>,
    /// The consent that stands in its place.
    pub by: Option<Stored<EntryId>>,
    /// The day on which the person said it.
    pub stated_at: Option<Stored<Date>>,
    /// How it was given, where it extends.
    pub form: Option<Stored<ConsentForm>>,
    /// How it came about, where it extends.
    #[serde(flatten)]
    pub details: DetailsView,
    /// What else is known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it, when.
    pub origin: Origin,
}

/// An event as it stands in the ledger: what was signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its identifier as it is stored.
    pub id: String,
    /// Its fields but the signature.
    pub fields: BTreeMap<String, String>,
    /// The signature; none where the event was not signed.
    pub signature: Option<String>,
}

impl ConsentView {
    /// Reads a document of the section `consent`. Only what people of `home` wrote, the institution
    /// that opened the case, counts.
    pub fn read(document: &Document, authors: &dyn AuthorOf, home: &InstitutionId) -> Self {
        let container = Path::from_iter([CONSENT_EVENTS]);
        let (entries, violations) = ledger_entries(document, &container, authors, home);
        let mut view = Self {
            violations,
            ..Self::default()
        };
        for entry in &entries {
            let origin = Origin::of(authors, &entry.created);
            let kind: Option<Stored<ConsentEventKind>> = stored(Some(&entry.fields), "kind");
            view.recorded.push(recorded(entry));
            match kind.as_ref().and_then(Stored::known) {
                Some(ConsentEventKind::Given) => view.given.push(given(entry, origin)),
                Some(ConsentEventKind::Withdrawn) => view.withdrawn.push(withdrawn(entry, origin)),
                Some(kind) => view.changed.push(changed(entry, *kind, origin)),
                None => {
                    let about: Option<Stored<EntryId>> = stored(Some(&entry.fields), "consent");
                    let about = about.and_then(|about| about.known().copied());
                    view.not_understood_about.push(about);
                    view.not_understood.push(origin);
                }
            }
        }
        view.sort();
        view
    }

    /// The same with the day on which the person comes of age: what a representative allowed before ends
    /// with the day before it.
    #[must_use]
    pub fn with_coming_of_age(mut self, day: Option<ComingOfAge>) -> Self {
        self.comes_of_age = day;
        self
    }

    /// Adds what another ledger of the same case says.
    pub fn join(&mut self, other: Self) {
        self.given.extend(other.given);
        self.withdrawn.extend(other.withdrawn);
        self.changed.extend(other.changed);
        self.recorded.extend(other.recorded);
        self.not_understood.extend(other.not_understood);
        self.not_understood_about.extend(other.not_understood_about);
        self.violations.extend(other.violations);
        self.sort();
    }

    /// The consent of this identifier.
    pub fn given(&self, consent: &EntryId) -> Option<&GivenView> {
        let mut given = self.given.iter();
        given.find(|given| given.id.known() == Some(consent))
    }

    /// What changed a consent, in order.
    pub fn changes_of(&self, consent: &EntryId) -> impl Iterator<Item = &ChangedView> {
        self.changed.iter().filter(move |changed| {
            changed.consent.as_ref().and_then(Stored::known) == Some(consent)
        })
    }

    /// Every share that a consent ever covered, by itself and by what extended it. None where this version
    /// cannot read what it was given for.
    pub fn shares_of(&self, consent: &EntryId) -> Option<Vec<ConsentScope>> {
        let given = self.given(consent)?.scope.as_ref()?.known()?;
        let mut shares: Vec<ConsentScope> = given.iter().cloned().collect();
        for changed in self.changes_of(consent) {
            let more = changed.scope.as_ref().and_then(Stored::known);
            if let (ConsentEventKind::Extended, Some(more)) = (changed.kind, more) {
                shares.extend(more.iter().cloned());
            }
        }
        Some(shares)
    }

    fn sort(&mut self) {
        // Consents stay in the order in which they were recorded: people name them by their number, and one
        // that is recorded later moves none, whatever day it begins on.
        self.withdrawn
            .sort_by_key(|withdrawn| withdrawn.stated_at.as_ref().map(Stored::canonical));
        self.changed.sort_by_key(|changed| {
            let stated = changed.stated_at.as_ref().map(Stored::canonical);
            (stated, changed.origin.at)
        });
    }
}

fn given(entry: &ImmutableEntry, origin: Origin) -> GivenView {
    let fields = Some(&entry.fields);
    GivenView {
        id: Stored::read(&entry.id),
        giver: stored(fields, "giver"),
        scope: stored(fields, "scope"),
        valid_from: stored(fields, "valid_from"),
        valid_until: stored(fields, "valid_until"),
        form: stored(fields, "form"),
        details: details(&entry.fields),
        note: stored(fields, "note"),
        origin,
    }
}

fn details(fields: &Fields) -> DetailsView {
    let fields = Some(fields);
    DetailsView {
        recurrence: stored(fields, "recurrence"),
        language: stored(fields, "language"),
        interpreter: stored(fields, "interpreter"),
        paper_sha256: stored(fields, "paper_sha256"),
        withdrawable_notice: stored(fields, "withdrawable_notice"),
        witness: stored(fields, "witness"),
        template: stored(fields, "template"),
    }
}

fn withdrawn(entry: &ImmutableEntry, origin: Origin) -> WithdrawnView {
    let fields = Some(&entry.fields);
    WithdrawnView {
        id: Stored::read(&entry.id),
        consent: stored(fields, "consent"),
        scope: stored(fields, "scope"),
        stated_at: stored(fields, "stated_at"),
        note: stored(fields, "note"),
        origin,
    }
}

fn changed(entry: &ImmutableEntry, kind: ConsentEventKind, origin: Origin) -> ChangedView {
    let fields = Some(&entry.fields);
    ChangedView {
        id: Stored::read(&entry.id),
        kind,
        consent: stored(fields, "consent"),
        scope: stored(fields, "scope"),
        valid_until: stored(fields, "valid_until"),
        by: stored(fields, "by"),
        stated_at: stored(fields, "stated_at"),
        form: stored(fields, "form"),
        details: details(&entry.fields),
        note: stored(fields, "note"),
        origin,
    }
}

/// What this version does not know is signed with the rest, so it is kept with the rest.
fn recorded(entry: &ImmutableEntry) -> RecordedEvent {
    let text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_json().to_string(),
    };
    let fields = entry.fields.iter();
    RecordedEvent {
        id: entry.id.clone(),
        fields: fields
            .filter(|(name, _)| *name != CONSENT_SIGNATURE)
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        signature: entry.fields.get(CONSENT_SIGNATURE).map(text),
    }
}
