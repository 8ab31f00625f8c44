//! Withdrawing a consent: the event, and the end of exactly the grants that rest on it.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ConsentEdit, Edit, Withdrawal};
use nahtlos_casework::fields::{Date, EntryId, FieldError, LongText, Stored};
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
        let case = self.case(&hex(&case.id))?;
        if stated_at > self.today()? {
            return Err(not_yet());
        }
        let (ledger, consents) = self.ledger_with(&case, consent)?;
        let scope = scope_of(&consents, consent, part)?;
        let resting = self.resting_on(&case, consent, &scope)?;
        let ends = self.decisions_to_end(&resting)?;
        let dropped: Vec<Nonce> = resting
            .iter()
            .flat_map(|resting| resting.waiting.iter().copied())
            .collect();
        let mut new = Vec::new();
        let recorded = !is_withdrawn(&consents, consent, &scope);
        if recorded {
            let event = Edit::Consent(ConsentEdit::Withdraw {
                id: random::entry_id(),
                withdrawal: Withdrawal {
                    consent: *consent,
                    scope: part.is_some().then_some(scope),
                    stated_at,
                    note,
                },
            });
            new.push(self.make_edits(&ledger, &[TypedEdit::Case(event)])?);
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
    fn ledger_with(
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
    let given = consents.given(consent);
    let given = given.and_then(|given| given.scope.as_ref());
    let Some(given) = given.and_then(Stored::known) else {
        return Err(ClientError::NeedsNewer);
    };
    let Some(part) = part else {
        return Ok(given.clone());
    };
    let mut shares: Vec<ConsentScope> = Vec::new();
    for (section, member) in part {
        let member = member_id(member)?;
        let share = given
            .iter()
            .find(|share| share.section == *section && share.member == member)
            .ok_or_else(|| ClientError::NotFound {
                what: "share in this consent",
                input: section.code(),
            })?;
        shares.push(share.clone());
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
