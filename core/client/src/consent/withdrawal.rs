//! Withdrawing a consent: the event, and the end of exactly the grants that rest on it.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ConsentEvent, Edit, Narrowing, Withdrawal};
use nahtlos_casework::fields::{Date, EntryId, FieldError, LongText};
use nahtlos_casework::record::{ConsentScope, ConsentScopes};
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::space::state::Grant;
use serde::Serialize;

use super::basis::rests_on;
use super::member_id;
use super::resting::Resting;
use crate::cases::{Case, hex};
use crate::directory::Directory;
use crate::edits::TypedEdit;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::share::GrantLine;
use crate::vault::Collection;

pub(super) const WITHDRAW: &str = "record a withdrawal";

/// What withdrawing would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WithdrawalPreview {
    /// The consent's identifier.
    pub consent: String,
    /// Section by section.
    pub sections: Vec<SectionWithdrawal>,
}

/// What withdrawing would do to one section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionWithdrawal {
    /// Section code.
    pub section: String,
    /// The grants that end; those that were not delivered yet are never made.
    pub ends: Vec<GrantLine>,
    /// People who will not read what is written from then on, each with the institution.
    pub lose: Vec<String>,
    /// People whose grant ends and who can still read by another, each with the institution.
    pub keep: Vec<String>,
    /// The grants that stay, each with what it rests on.
    pub stays: Vec<GrantLine>,
    /// Grants of the same members whose basis this device cannot open: they stay too.
    pub unreadable: usize,
}

/// By how much a consent is narrowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Less<'a> {
    /// The shares that are taken out.
    pub part: Option<&'a [(SectionKind, SpaceId)]>,
    /// The new last day.
    pub valid_until: Option<Date>,
}

/// What a withdrawal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// Whether it was recorded; not, where all of it had been withdrawn before.
    pub recorded: bool,
    /// Grants whose end was decided.
    pub ended: usize,
    /// Grants that waited for the next sync and are never made.
    pub dropped: usize,
}

impl Nahtlos {
    /// What withdrawing a consent, or a part of it, would do.
    ///
    /// # Errors
    /// As [`Self::consent_withdraw`].
    pub fn preview_withdrawal(
        &self,
        case: &Case,
        consent: &EntryId,
        part: Option<&[(SectionKind, SpaceId)]>,
    ) -> Result<WithdrawalPreview, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let (_, consents) = self.ledger_with(&case, consent)?;
        let scope = scope_of(&consents, consent, part)?;
        let directory = self.directory()?;
        let resting = self.resting_on(&case, consent, &scope)?;
        let sections = resting
            .iter()
            .map(|resting| self.preview_section(resting, &directory));
        Ok(WithdrawalPreview {
            consent: consent.to_string(),
            sections: sections.collect::<Result<_, _>>()?,
        })
    }

    /// Records a withdrawal and decides the end of exactly the grants that rest on the consent, in
    /// one transaction; carried out at the next sync. Grants that rest on a law or on another consent
    /// stay. Where all of it was withdrawn before, only what is still granted ends: grants that a
    /// colleague's device delivered since.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution opened the case or a section is not managed
    /// here; [`ClientError::NotFound`] for an unknown consent or a share it does not have;
    /// [`ClientError::Field`] for a day in the future. Nothing is kept then.
    pub fn consent_withdraw(
        &mut self,
        case: &Case,
        consent: &EntryId,
        part: Option<&[(SectionKind, SpaceId)]>,
        stated_at: Date,
        note: Option<LongText>,
    ) -> Result<Withdrawn, ClientError> {
        let withdrawal = |scope: Option<ConsentScopes>| {
            ConsentEvent::Withdrawn(Withdrawal {
                consent: *consent,
                scope,
                stated_at,
                note,
            })
        };
        self.take_back(case, consent, part, stated_at, withdrawal)
    }

    /// Records that a consent covers less, and decides the end of exactly the grants that rest on the shares
    /// that are taken out. Where its last day is earlier, the grants end with that day: a device of the
    /// team ends them at its next sync after it.
    ///
    /// # Errors
    /// As [`Self::consent_withdraw`]; [`ClientError::Field`] where the new last day is past or not earlier.
    pub fn consent_narrow(
        &mut self,
        case: &Case,
        consent: &EntryId,
        less: &Less<'_>,
        stated_at: Date,
        note: Option<LongText>,
    ) -> Result<Withdrawn, ClientError> {
        let case = self.case(&hex(&case.id))?;
        if let Some(until) = less.valid_until {
            self.check_earlier(&case, consent, until)?;
        }
        let narrowing = |scope: Option<ConsentScopes>| {
            ConsentEvent::Narrowed(Narrowing {
                consent: *consent,
                scope,
                valid_until: less.valid_until,
                stated_at,
                note,
            })
        };
        let part = less.part;
        if part.is_some() {
            return self.take_back(&case, consent, part, stated_at, narrowing);
        }
        if stated_at > self.today()? {
            return Err(not_yet());
        }
        let (ledger, _) = self.ledger_with(&case, consent)?;
        let event = self.signed_event(&ledger, random::entry_id(), narrowing(None))?;
        let edits = self.make_edits(&ledger, &[TypedEdit::Case(Edit::Consent(event))])?;
        self.keep_edits(vec![edits])?;
        Ok(Withdrawn {
            recorded: true,
            ended: 0,
            dropped: 0,
        })
    }

    fn check_earlier(
        &self,
        case: &Case,
        consent: &EntryId,
        until: Date,
    ) -> Result<(), ClientError> {
        let last = self.known_consents(case)?.coverage();
        let last = last.iter().find(|coverage| coverage.consent == *consent);
        let is_later = last
            .and_then(|coverage| coverage.until)
            .is_some_and(|last| last <= until);
        let (code, reason, remedy) = if until < self.today()? {
            let remedy = "name today or a later day, or withdraw it";
            ("past", "the last day lies in the past", remedy)
        } else if is_later {
            let remedy = "name an earlier day, or extend it: `nahtlos consent extend`";
            ("not_less", "it ends no later than that already", remedy)
        } else {
            return Ok(());
        };
        Err(FieldError::new("until", code, reason, remedy).into())
    }

    /// Records an event that takes shares back, and decides the end of what rests on them.
    fn take_back(
        &mut self,
        case: &Case,
        consent: &EntryId,
        part: Option<&[(SectionKind, SpaceId)]>,
        stated_at: Date,
        event: impl FnOnce(Option<ConsentScopes>) -> ConsentEvent,
    ) -> Result<Withdrawn, ClientError> {
        let case = self.case(&hex(&case.id))?;
        if stated_at > self.today()? {
            return Err(not_yet());
        }
        let (ledger, consents) = self.ledger_with(&case, consent)?;
        let scope = scope_of(&consents, consent, part)?;
        let resting = self.resting_on(&case, consent, &scope)?;
        let ends = self.decisions_to_end(&resting, Reason::ConsentWithdrawn)?;
        let dropped: Vec<Nonce> = resting
            .iter()
            .flat_map(|resting| resting.waiting.iter().copied())
            .collect();
        let mut new = Vec::new();
        let recorded = !is_withdrawn(&consents, consent, &scope);
        if recorded {
            let event = event(part.is_some().then_some(scope));
            let event = self.signed_event(&ledger, random::entry_id(), event)?;
            new.push(self.make_edits(&ledger, &[TypedEdit::Case(Edit::Consent(event))])?);
        }
        self.keep_edits_and(new, |transaction| {
            for decision in &ends {
                put_intent(transaction, decision)?;
            }
            for decision in &dropped {
                transaction.delete(Collection::Intent, &decision.0)?;
            }
            Ok(())
        })?;
        Ok(Withdrawn {
            recorded,
            ended: ends.len(),
            dropped: dropped.len(),
        })
    }

    /// The ledger in which a consent stands, and what it says.
    pub(super) fn ledger_with(
        &self,
        case: &Case,
        consent: &EntryId,
    ) -> Result<(SpaceId, ConsentView), ClientError> {
        self.require_home(case, WITHDRAW)?;
        for (ledger, label) in self.ledgers(&case.id)? {
            let consents = self.ledger(&ledger, &label)?;
            if consents.given(consent).is_some() {
                return Ok((ledger, consents));
            }
        }
        Err(ClientError::NotFound {
            what: "consent",
            input: consent.to_string(),
        })
    }

    fn preview_section(
        &self,
        resting: &Resting,
        directory: &Directory,
    ) -> Result<SectionWithdrawal, ClientError> {
        let state = self.section_state(&resting.space)?;
        let ends = |grant: &Grant| resting.live.contains(&grant.id);
        let (ending, staying): (Vec<&Grant>, Vec<&Grant>) =
            state.live_grants().partition(|grant| ends(grant));
        let lines = |grants: &[&Grant]| -> Vec<GrantLine> {
            let grants = grants.iter();
            grants
                .map(|grant| self.grant_line(&state, grant, directory))
                .collect()
        };
        let readers_after = self.readers_by(&staying);
        let (keep, lose): (BTreeSet<SpaceId>, BTreeSet<SpaceId>) = self
            .readers_by(&ending)
            .into_iter()
            .partition(|person| readers_after.contains(person));
        let mut ended = lines(&ending);
        ended.extend(self.waiting_lines(resting, directory)?);
        Ok(SectionWithdrawal {
            section: resting.kind.code(),
            ends: ended,
            lose: self.names_with_institution(&lose, directory),
            keep: self.names_with_institution(&keep, directory),
            stays: lines(&staying),
            unreadable: self.unreadable(&state, resting),
        })
    }

    fn waiting_lines(
        &self,
        resting: &Resting,
        directory: &Directory,
    ) -> Result<Vec<GrantLine>, ClientError> {
        self.waiting_grants(&resting.space, directory, |member, basis| {
            resting.members.contains(member) && rests_on(basis, &resting.consent)
        })
    }
}

/// The shares that are withdrawn: all of the consent's, or those that were named.
fn scope_of(
    consents: &ConsentView,
    consent: &EntryId,
    part: Option<&[(SectionKind, SpaceId)]>,
) -> Result<ConsentScopes, ClientError> {
    let Some(given) = consents.shares_of(consent) else {
        return Err(ClientError::NeedsNewer);
    };
    let Some(part) = part else {
        return Ok(ConsentScopes::new(given)?);
    };
    let mut shares: Vec<ConsentScope> = Vec::new();
    for (section, member) in part {
        let member = member_id(member)?;
        // For whatever purposes: the right is one.
        let named = given
            .iter()
            .filter(|share| share.section == *section && share.member == member);
        let before = shares.len();
        shares.extend(named.cloned());
        if shares.len() == before {
            return Err(ClientError::NotFound {
                what: "share in this consent",
                input: section.code(),
            });
        }
    }
    Ok(ConsentScopes::new(shares)?)
}

/// Whether every one of these shares was withdrawn before.
fn is_withdrawn(consents: &ConsentView, consent: &EntryId, scope: &ConsentScopes) -> bool {
    let coverage = consents.coverage();
    scope.iter().all(|share| {
        coverage.iter().any(|coverage| {
            coverage.consent == *consent
                && coverage.share == *share
                && coverage.withdrawn_at.is_some()
        })
    })
}

fn not_yet() -> ClientError {
    FieldError::new(
        "stated_at",
        "future",
        "the day on which it was said lies in the future",
        "name today or an earlier day",
    )
    .into()
}
