//! Withdrawing a consent: the event, and the end of exactly the grants that rest on it.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ConsentEvent, Edit, Withdrawal};
use nahtlos_casework::fields::{Date, EntryId, FieldError, LongText};
use nahtlos_casework::record::{ConsentScope, ConsentScopes};
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::state::Grant;
use serde::Serialize;

use super::basis::rests_on;
use super::member_id;
use super::resting::{AllResting, LeftToOthers, Resting};
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

const WITHDRAW: &str = "record a withdrawal";

/// People who begin to read sections, or slices of them, by what is recorded at the same time.
#[derive(Default)]
pub(super) struct NewReaders {
    of_sections: BTreeMap<SectionKind, BTreeSet<SpaceId>>,
    of_slices: BTreeMap<SectionKind, BTreeSet<SpaceId>>,
}

impl NewReaders {
    /// They begin to read a section.
    pub fn of_section(&mut self, kind: &SectionKind, people: BTreeSet<SpaceId>) {
        let known = self.of_sections.entry(kind.clone()).or_default();
        known.extend(people);
    }

    /// They begin to read a slice of a section, and not the section.
    pub fn of_slices(&mut self, kind: &SectionKind, people: BTreeSet<SpaceId>) {
        let known = self.of_slices.entry(kind.clone()).or_default();
        known.extend(people);
    }

    fn read(&self, kind: &SectionKind, person: &SpaceId) -> bool {
        let among = |readers: Option<&BTreeSet<SpaceId>>| {
            readers.is_some_and(|readers| readers.contains(person))
        };
        among(self.of_sections.get(kind))
            || (kind.as_slice().is_some() && among(self.of_slices.get(kind.source())))
    }
}

/// What withdrawing would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WithdrawalPreview {
    /// The consent's identifier.
    pub consent: String,
    /// Section by section.
    pub sections: Vec<SectionWithdrawal>,
    /// Sections in which others end what rests on it.
    pub left_to_others: Vec<LeftToOthers>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// Whether it was recorded; not, where all of it had been withdrawn before.
    pub recorded: bool,
    /// Grants whose end was decided.
    pub ended: usize,
    /// Grants that waited for the next sync and are never made.
    pub dropped: usize,
    /// Sections in which others end what rests on it.
    pub left_to_others: Vec<LeftToOthers>,
}

/// A taking back that is possible.
pub(super) struct TakingBack {
    pub ledger: SpaceId,
    /// The shares, where not all of them are taken back.
    pub part: Option<ConsentScopes>,
    pub resting: AllResting,
    /// Whether all of it was taken back before.
    pub is_done: bool,
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
        stated_at: Date,
    ) -> Result<WithdrawalPreview, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let back = self.checked_taking_back(&case, consent, part, stated_at, WITHDRAW)?;
        if !back.is_done {
            self.require_writable(&back.ledger)?;
        }
        self.preview_of(consent, &back.resting, &NewReaders::default())
    }

    /// Records a withdrawal and decides the end of exactly the grants that rest on the consent, in
    /// one transaction; carried out at the next sync. Grants that rest on a law or on another consent
    /// stay. Where all of it was withdrawn before, only what is still granted ends: grants that a
    /// colleague's device delivered since.
    ///
    /// A section that this device does not manage, or does not know, is in nobody's way: the answer says
    /// who must end what rests on the consent there. Their devices do, if they read the ledger.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution opened the case, or where this device does not write
    /// in the ledger; [`ClientError::NotFound`] for an unknown consent or a share it does not have;
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
        let back = self.checked_taking_back(&case, consent, part, stated_at, WITHDRAW)?;
        let event = (!back.is_done).then(|| {
            ConsentEvent::Withdrawn(Withdrawal {
                consent: *consent,
                scope: back.part.clone(),
                stated_at,
                note,
            })
        });
        self.take_back(&case, &back, event)
    }

    /// Whether shares can be taken back, and what rests on them.
    pub(super) fn checked_taking_back(
        &self,
        case: &Case,
        consent: &EntryId,
        part: Option<&[(SectionKind, SpaceId)]>,
        stated_at: Date,
        action: &'static str,
    ) -> Result<TakingBack, ClientError> {
        self.require_said(stated_at)?;
        let (ledger, consents) = self.ledger_with(case, consent, action)?;
        let shares = shares_of(&consents, consent, part)?;
        let resting = self.resting_on(case, consent, &shares)?;
        let is_done = is_withdrawn(&consents, consent, &shares);
        let part = part.map(|_| ConsentScopes::new(shares)).transpose()?;
        Ok(TakingBack {
            ledger,
            part,
            resting,
            is_done,
        })
    }

    /// Keeps an event, where there is one, and the ends of what rests on the shares that are taken back.
    pub(super) fn take_back(
        &mut self,
        case: &Case,
        back: &TakingBack,
        event: Option<ConsentEvent>,
    ) -> Result<Withdrawn, ClientError> {
        let ends = self.decisions_to_end(&back.resting, Reason::ConsentWithdrawn)?;
        let left_to_others = self.ends_left_to_others(&back.resting, &self.directory()?)?;
        let recorded = event.is_some();
        let event = event
            .map(|event| self.signed_event(case, &back.ledger, random::entry_id(), event))
            .transpose()?;
        let new = event
            .map(|event| self.make_edits(&back.ledger, &[TypedEdit::Case(Edit::Consent(event))]))
            .transpose()?;
        self.keep_edits_and(new.into_iter().collect(), |transaction| {
            for decision in &ends {
                put_intent(transaction, decision)?;
            }
            for waiting in back.resting.waiting() {
                transaction.delete(Collection::Intent, &waiting.0)?;
            }
            Ok(())
        })?;
        Ok(Withdrawn {
            recorded,
            ended: ends.len(),
            dropped: back.resting.waiting().count(),
            left_to_others,
        })
    }

    /// What a person said, they said today or before.
    pub(super) fn require_said(&self, stated_at: Date) -> Result<(), ClientError> {
        if stated_at <= self.today()? {
            return Ok(());
        }
        Err(FieldError::new(
            "stated_at",
            "future",
            "the day on which it was said lies in the future",
            "name today or an earlier day",
        )
        .into())
    }

    /// The ledger in which a consent stands, and what it says.
    pub(super) fn ledger_with(
        &self,
        case: &Case,
        consent: &EntryId,
        action: &'static str,
    ) -> Result<(SpaceId, ConsentView), ClientError> {
        self.require_home(case, action)?;
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

    /// What the end of what rests on a consent does, where others begin to read by something new.
    pub(super) fn preview_of(
        &self,
        consent: &EntryId,
        resting: &AllResting,
        new_readers: &NewReaders,
    ) -> Result<WithdrawalPreview, ClientError> {
        let directory = self.directory()?;
        let sections = resting
            .known
            .iter()
            .map(|resting| self.preview_section(resting, new_readers, &directory));
        Ok(WithdrawalPreview {
            consent: consent.to_string(),
            sections: sections.collect::<Result<_, _>>()?,
            left_to_others: self.ends_left_to_others(resting, &directory)?,
        })
    }

    fn preview_section(
        &self,
        resting: &Resting,
        new_readers: &NewReaders,
        directory: &Directory,
    ) -> Result<SectionWithdrawal, ClientError> {
        let state = self.section_state(&resting.space)?;
        let ends = |grant: &Grant| resting.ending().contains(&grant.id);
        let (ending, staying): (Vec<&Grant>, Vec<&Grant>) =
            state.live_grants().partition(|grant| ends(grant));
        let lines = |grants: &[&Grant]| -> Vec<GrantLine> {
            let grants = grants.iter();
            grants
                .map(|grant| self.grant_line(&state, grant, directory))
                .collect()
        };
        let readers_after = self.readers_by(&staying);
        let (keep, lose): (BTreeSet<SpaceId>, BTreeSet<SpaceId>) =
            self.readers_by(&ending).into_iter().partition(|person| {
                readers_after.contains(person) || new_readers.read(&resting.kind, person)
            });
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

/// The shares that are taken back: all of the consent's, or those that were named.
fn shares_of(
    consents: &ConsentView,
    consent: &EntryId,
    part: Option<&[(SectionKind, SpaceId)]>,
) -> Result<Vec<ConsentScope>, ClientError> {
    let Some(given) = consents.shares_of(consent) else {
        return Err(ClientError::NeedsNewer);
    };
    let Some(part) = part else {
        return Ok(given);
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
    Ok(shares)
}

/// Whether every one of these shares was withdrawn before.
fn is_withdrawn(consents: &ConsentView, consent: &EntryId, shares: &[ConsentScope]) -> bool {
    let coverage = consents.coverage();
    shares.iter().all(|share| {
        coverage.iter().any(|coverage| {
            coverage.consent == *consent
                && coverage.share == *share
                && coverage.withdrawn_at.is_some()
        })
    })
}
