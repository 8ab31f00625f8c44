//! The consent ledger as it reads now, and which shares it covers.

use nahtlos_document::{Document, Path};
use serde::Serialize;

use super::stored;
use crate::author::{AuthorOf, Origin};
use crate::edit::CONSENT_EVENTS;
use crate::fields::{
    ConsentEventKind, ConsentForm, Date, EntryId, InstitutionId, LongText, MemberId, Stored,
};
use crate::record::{ConsentScope, ConsentScopes, Giver};
use crate::rules::{ImmutableEntry, Violation, ledger_entries};
use crate::section::SectionKind;

/// The section `consent`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConsentView {
    /// Consents, by their first day, then identifier.
    pub given: Vec<GivenView>,
    /// Withdrawals, by the day on which they were said, then identifier.
    pub withdrawn: Vec<WithdrawnView>,
    /// Events of a newer version: what they say is not known here.
    pub not_understood: Vec<Origin>,
    /// Changes that counted for nothing.
    pub violations: Vec<Violation>,
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
    /// What else is known about it.
    pub note: Option<Stored<LongText>>,
    /// Who recorded it, when.
    pub origin: Origin,
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

/// A share and the consent that covers, or covered, it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Which section for whom.
    #[serde(flatten)]
    pub share: ConsentScope,
    /// The consent.
    pub consent: EntryId,
    /// First day.
    pub since: Date,
    /// Last day, where one was set.
    pub until: Option<Date>,
    /// The day on which it was withdrawn.
    pub withdrawn_at: Option<Date>,
}

impl Coverage {
    /// Whether it covers the share on this day. On the day of its withdrawal it does not any more.
    pub fn is_in_force_on(&self, day: Date) -> bool {
        self.since <= day
            && self.until.is_none_or(|until| day <= until)
            && self.withdrawn_at.is_none_or(|withdrawn| day < withdrawn)
    }
}

impl ConsentView {
    /// Reads a document of the section `consent`. Only what people of `home` wrote, the institution
    /// that opened the case, counts.
    pub fn read(document: &Document, authors: &dyn AuthorOf, home: &InstitutionId) -> Self {
        let container = Path::from_iter([CONSENT_EVENTS]);
        let (entries, violations) = ledger_entries(document, &container, authors, home);
        let mut view = Self {
            given: Vec::new(),
            withdrawn: Vec::new(),
            not_understood: Vec::new(),
            violations,
        };
        for entry in &entries {
            let origin = Origin::of(authors, &entry.created);
            let kind: Option<Stored<ConsentEventKind>> = stored(Some(&entry.fields), "kind");
            match kind.as_ref().and_then(Stored::known) {
                Some(ConsentEventKind::Given) => view.given.push(given(entry, origin)),
                Some(ConsentEventKind::Withdrawn) => view.withdrawn.push(withdrawn(entry, origin)),
                None => view.not_understood.push(origin),
            }
        }
        view.sort();
        view
    }

    /// Adds what another ledger of the same case says.
    pub fn join(&mut self, other: Self) {
        self.given.extend(other.given);
        self.withdrawn.extend(other.withdrawn);
        self.not_understood.extend(other.not_understood);
        self.violations.extend(other.violations);
        self.sort();
    }

    /// The consent of this identifier.
    pub fn given(&self, consent: &EntryId) -> Option<&GivenView> {
        let mut given = self.given.iter();
        given.find(|given| given.id.known() == Some(consent))
    }

    fn sort(&mut self) {
        self.given.sort_by_key(|given| {
            let from = given.valid_from.as_ref().map(Stored::canonical);
            // Of one day in the order they were recorded: people name them by their number.
            (from, given.origin.at, given.id.canonical())
        });
        self.withdrawn.sort_by_key(|withdrawn| {
            let stated = withdrawn.stated_at.as_ref().map(Stored::canonical);
            (stated, withdrawn.id.canonical())
        });
    }

    /// Every share that a consent covers or covered, by consent.
    ///
    /// A consent whose scope or first day this version cannot read covers nothing.
    pub fn coverage(&self) -> Vec<Coverage> {
        self.given
            .iter()
            .flat_map(|given| self.coverage_of(given))
            .collect()
    }

    /// The consents that cover a share on a day.
    pub fn covering(&self, section: &SectionKind, member: &MemberId, day: Date) -> Vec<Coverage> {
        let mut coverage = self.coverage();
        coverage.retain(|coverage| {
            coverage.share.section == *section
                && coverage.share.member == *member
                && coverage.is_in_force_on(day)
        });
        coverage
    }

    fn coverage_of(&self, given: &GivenView) -> Vec<Coverage> {
        let scope = given.scope.as_ref().and_then(Stored::known);
        let since = given.valid_from.as_ref().and_then(Stored::known);
        let (Some(scope), Some(since), Some(consent)) = (scope, since, given.id.known()) else {
            return Vec::new();
        };
        // A last day that cannot be read is no reason to cover for ever.
        let known_or_first = |until: &Stored<Date>| until.known().copied().unwrap_or(*since);
        let until = given.valid_until.as_ref().map(known_or_first);
        scope
            .iter()
            .map(|share| Coverage {
                share: share.clone(),
                consent: *consent,
                since: *since,
                until,
                withdrawn_at: self.withdrawn_at(consent, share, *since),
            })
            .collect()
    }

    /// The first day on which a share of a consent was taken back. Where a withdrawal cannot be read
    /// whole, it takes back more rather than less.
    fn withdrawn_at(&self, consent: &EntryId, share: &ConsentScope, since: Date) -> Option<Date> {
        self.withdrawn
            .iter()
            .filter(|withdrawn| {
                let of = withdrawn.consent.as_ref().and_then(Stored::known);
                let part = withdrawn.scope.as_ref().and_then(Stored::known);
                of == Some(consent)
                    && part.is_none_or(|part| part.covers(&share.section, &share.member))
            })
            .map(|withdrawn| {
                let stated = withdrawn.stated_at.as_ref().and_then(Stored::known);
                stated.copied().unwrap_or(since)
            })
            .min()
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
        note: stored(fields, "note"),
        origin,
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
