//! Recording a consent: the event, and the decisions to grant exactly its shares.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Consent, ConsentEvent, Edit, Replacement};
use nahtlos_casework::fields::{Date, EntryId, Field, FieldError};
use nahtlos_casework::matrix::{Access, Party, default_access};
use nahtlos_casework::record::{ConsentScope, ConsentScopes, Giver};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_casework::view::ComingOfAge;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use super::basis::{basis_on, rests_on};
use super::resting::AllResting;
use super::withdrawal::{NewReaders, WithdrawalPreview};
use super::{CHANGE, ConsentShare, NewConsent};
use crate::cases::{Case, hex};
use crate::edits::TypedEdit;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{Intent, IntentRecord};
use crate::share::GrantPreview;
use crate::vault::{Collection, Transaction};

const GIVE: &str = "record a consent";

/// What recording a consent would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentPreview {
    /// Who would read what, for each share.
    pub shares: Vec<GrantPreview>,
    /// The last day on which it holds: that of a representative not beyond the day before the person comes of
    /// age.
    pub valid_until: Option<Date>,
    /// What ends with the consent in whose place it stands.
    pub replaced: Option<WithdrawalPreview>,
    /// When the person comes or came of age; none where nothing is known of the birth.
    #[serde(skip)]
    pub of_age: Option<ComingOfAge>,
}

/// A consent that can be recorded.
struct CheckedConsent {
    id: EntryId,
    scope: ConsentScopes,
    decisions: Vec<IntentRecord>,
    replaced: Option<Replaced>,
    known_ledger: Option<SpaceId>,
}

impl CheckedConsent {
    /// The ledger in which it is recorded: that of the one which it replaces, else the case's, if it has one.
    fn ledger(&self) -> Option<SpaceId> {
        let of_replaced = self.replaced.as_ref().map(|replaced| replaced.ledger);
        of_replaced.or(self.known_ledger)
    }
}

/// A consent in whose place another one is to stand.
struct Replaced {
    consent: EntryId,
    ledger: SpaceId,
    resting: AllResting,
}

impl Nahtlos {
    /// Who would read what, for each share, and who would lose what where it stands in place of an earlier one.
    ///
    /// # Errors
    /// As [`Self::consent_give`].
    pub fn preview_consent(
        &self,
        case: &Case,
        new: &NewConsent,
    ) -> Result<ConsentPreview, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let checked = self.checked_consent(&case, new)?;
        match checked.ledger() {
            Some(ledger) => self.require_writable(&ledger)?,
            None => self.require_openable(&case, &SectionKind::Consent)?,
        }
        let shares = new
            .shares
            .iter()
            .map(|share| self.preview_share(&case, share));
        let mut new_readers = NewReaders::default();
        for share in &new.shares {
            let readers = self.person_spaces_beneath(&share.member);
            match self.is_only_sliced(share)? {
                true => new_readers.of_slices(&share.section, readers),
                false => new_readers.of_section(&share.section, readers),
            }
        }
        let replaced = checked
            .replaced
            .as_ref()
            .map(|replaced| self.preview_of(&replaced.consent, &replaced.resting, &new_readers));
        Ok(ConsentPreview {
            of_age: self.comes_of_age(&case),
            valid_until: self.until_of_age(&case, &new.giver, new.valid_from, new.valid_until),
            shares: shares.collect::<Result<_, _>>()?,
            replaced: replaced.transpose()?,
        })
    }

    /// Who would read a share; where a consent gives them a part of it only, nothing of its history goes along.
    pub(super) fn preview_share(
        &self,
        case: &Case,
        share: &ConsentShare,
    ) -> Result<GrantPreview, ClientError> {
        let preview = self.preview_readers(case, &share.section, &share.member)?;
        if !self.is_only_sliced(share)? {
            return Ok(preview);
        }
        Ok(GrantPreview {
            history_changes: 0,
            past_is_cut_off: false,
            only_a_slice: true,
            beyond_matrix: false,
            ..preview
        })
    }

    /// Whether a consent gives them a slice of the section, and not the section.
    fn is_only_sliced(&self, share: &ConsentShare) -> Result<bool, ClientError> {
        let rule = self.slice_rule_for(&share.section, &share.member)?;
        let Some(rule) = rule else {
            return Ok(false);
        };
        Ok(rule.needs_consent || self.receives_slices_at_most(&share.member)?)
    }

    /// Records a consent and decides the grants of exactly its shares. The ledger is opened with the
    /// first consent. Carried out at the next sync.
    ///
    /// A share is granted whatever the member holds already: what rests on a law must not end with
    /// the consent, nor the other way round. A case that was before its consent is `consented` then, by the
    /// same transaction.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where another institution opened the case, where a section is not
    /// managed here, or where a consent does not replace the legal basis; [`ClientError::NotFound`];
    /// [`ClientError::Field`] for days that do not fit. Nothing is kept then.
    pub fn consent_give(&mut self, case: &Case, new: &NewConsent) -> Result<EntryId, ClientError> {
        self.all_or_nothing(|nahtlos| {
            let id = nahtlos.record_consent(case, new)?;
            nahtlos.move_on_by_consent(case)?;
            // The day's look at the consents may be over, and the birthday near.
            nahtlos.make_task_of_new_consent(case)?;
            Ok(id)
        })
    }

    fn record_consent(&mut self, case: &Case, new: &NewConsent) -> Result<EntryId, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let checked = self.checked_consent(&case, new)?;
        let (id, mut decisions) = (checked.id, checked.decisions);
        let consent = ConsentEvent::Given(Box::new(Consent {
            giver: new.giver.clone(),
            scope: checked.scope,
            valid_from: new.valid_from,
            valid_until: new.valid_until,
            form: new.form,
            details: new.details.clone(),
            note: new.note.clone(),
        }));
        let Some(Replaced {
            consent: replaced,
            ledger,
            resting,
        }) = checked.replaced
        else {
            self.keep_first_or_further(&case, id, consent, &decisions)?;
            return Ok(id);
        };
        // The new rights are made before the old ones end, so that nobody loses a section in between.
        decisions.extend(self.decisions_to_end(&resting, Reason::Replaced)?);
        let replacement = ConsentEvent::Superseded(Replacement {
            consent: replaced,
            by: id,
            stated_at: self.today()?,
        });
        let events = [
            self.signed_event(&case, &ledger, id, consent)?,
            self.signed_event(&case, &ledger, random::entry_id(), replacement)?,
        ];
        let events = events.map(|event| TypedEdit::Case(Edit::Consent(event)));
        let edits = self.make_edits(&ledger, &events)?;
        self.keep_edits_and(vec![edits], |transaction| {
            for decision in &decisions {
                put_intent(transaction, decision)?;
            }
            for waiting in resting.waiting() {
                transaction.delete(Collection::Intent, &waiting.0)?;
            }
            Ok(())
        })?;
        Ok(id)
    }

    /// Whether a consent can be recorded, and what follows from it.
    fn checked_consent(
        &self,
        case: &Case,
        new: &NewConsent,
    ) -> Result<CheckedConsent, ClientError> {
        let scope = self.checked_scope(case, new)?;
        let id = random::entry_id();
        let until = self.until_of_age(case, &new.giver, new.valid_from, new.valid_until);
        let replaced = new.replaces.as_ref();
        Ok(CheckedConsent {
            id,
            scope,
            decisions: self.decisions_to_grant(case, &id, &new.shares, until)?,
            replaced: replaced
                .map(|replaced| self.replaced(case, replaced))
                .transpose()?,
            known_ledger: case.sections.get(&SectionKind::Consent).copied(),
        })
    }

    /// Keeps a consent and the decisions that follow from it; the first of a case opens the ledger.
    fn keep_first_or_further(
        &mut self,
        case: &Case,
        id: EntryId,
        consent: ConsentEvent,
        decisions: &[IntentRecord],
    ) -> Result<(), ClientError> {
        let keep = |transaction: &Transaction<'_>| {
            decisions
                .iter()
                .try_for_each(|decision| put_intent(transaction, decision))
        };
        if let Some(ledger) = case.sections.get(&SectionKind::Consent) {
            let event = Edit::Consent(self.signed_event(case, ledger, id, consent)?);
            let edits = self.make_edits(ledger, &[TypedEdit::Case(event)])?;
            return self.keep_edits_and(vec![edits], keep);
        }
        let first = |this: &Self, ledger: &SpaceId| {
            let event = Edit::Consent(this.signed_event(case, ledger, id, consent)?);
            event.validate()?;
            Ok(vec![event])
        };
        self.open_section_with(case, &SectionKind::Consent, first, keep)
    }

    /// A consent that another one is to replace: where it stands, and what rests on it.
    fn replaced(&self, case: &Case, consent: &EntryId) -> Result<Replaced, ClientError> {
        let (ledger, consents) = self.ledger_with(case, consent, CHANGE)?;
        let shares = consents.shares_of(consent).ok_or(ClientError::NeedsNewer)?;
        Ok(Replaced {
            consent: *consent,
            ledger,
            resting: self.resting_on(case, consent, &shares)?,
        })
    }

    /// The last day of the rights that rest on a consent: that of a representative ends with the day before
    /// the person comes of age.
    pub(super) fn until_of_age(
        &self,
        case: &Case,
        giver: &Giver,
        valid_from: Date,
        valid_until: Option<Date>,
    ) -> Option<Date> {
        let represented = matches!(giver, Giver::Representative { .. });
        let of_age = self.comes_of_age(case);
        let of_age = of_age.filter(|_| represented);
        let end = of_age.and_then(|of_age| of_age.end_of_what_is_allowed_on(valid_from));
        let last = end.and_then(|day| day.plus_days(-1));
        match (last, valid_until) {
            (Some(last), Some(until)) => Some(last.min(until)),
            (last, until) => last.or(until),
        }
    }

    /// Whether what a consent asks for is possible, and its scope.
    fn checked_scope(&self, case: &Case, new: &NewConsent) -> Result<ConsentScopes, ClientError> {
        self.require_home(case, GIVE)?;
        self.check_days(new)?;
        let until = self.until_of_age(case, &new.giver, new.valid_from, new.valid_until);
        if until != new.valid_until && until.is_some_and(|until| self.is_past(until)) {
            return Err(of_age().into());
        }
        self.checked_shares(case, &new.shares)
    }

    /// Whether these shares are possible, as the ledger records them.
    pub(super) fn checked_shares(
        &self,
        case: &Case,
        shares: &[ConsentShare],
    ) -> Result<ConsentScopes, ClientError> {
        let mut scope: Vec<ConsentScope> = Vec::new();
        for share in shares {
            self.require_sharable(case, &share.section, &share.member)?;
            if share.section.as_slice().is_some() {
                return Err(names_the_section().into());
            }
            if !self.is_only_sliced(share)? {
                self.refuse_whole(&share.section, &share.member, share.role)?;
                self.refuse_beyond_matrix(case, &share.section, &share.member)?;
            }
            let institution = self
                .confirmed_institution(&share.member)
                .ok_or_else(not_confirmed)?;
            self.refuse_where_law_is_needed(&share.section, &institution)?;
            scope.push(share.scope(&institution)?);
        }
        Ok(ConsentScopes::new(scope)?)
    }

    fn is_past(&self, day: Date) -> bool {
        self.today().is_ok_and(|today| day < today)
    }

    fn check_days(&self, new: &NewConsent) -> Result<(), ClientError> {
        let today = self.today()?;
        if new.valid_from > today {
            return Err(FieldError::new(
                "valid_from",
                "future",
                "the first day lies in the future, and the rights would begin now",
                "record the consent on its first day",
            )
            .into());
        }
        if new.valid_until.is_some_and(|until| until < today) {
            return Err(FieldError::new(
                "until",
                "past",
                "the last day lies in the past, so the rights would never begin",
                "name a later day",
            )
            .into());
        }
        Ok(())
    }

    /// A consent does not replace the law where the section is open by law alone.
    fn refuse_where_law_is_needed(
        &self,
        kind: &SectionKind,
        institution: &SpaceId,
    ) -> Result<(), ClientError> {
        let directory = self.shared_directory()?;
        let card = directory.institutions.get(&institution.to_string());
        let party = card.and_then(|card| InstitutionKind::parse(&card.kind).ok());
        let access = party.and_then(|party| default_access(kind, Party::Institution(party)));
        if access != Some(Access::ReadByLaw) {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action: "share this section by consent",
            reason: "it is open by law alone; `nahtlos share grant` names the law".into(),
        })
    }

    /// The decisions to grant a consent's shares; of two roles for one share the stronger.
    pub(super) fn decisions_to_grant(
        &self,
        case: &Case,
        consent: &EntryId,
        shares: &[ConsentShare],
        until: Option<Date>,
    ) -> Result<Vec<IntentRecord>, ClientError> {
        let not_after_ms = until.map(end_of_day_ms).transpose()?;
        let mut roles: BTreeMap<(SpaceId, SpaceId), Role> = BTreeMap::new();
        for share in shares {
            if self.is_only_sliced(share)? {
                for space in self.slices_resting_on(case, consent, share)? {
                    roles.insert((space, share.member), Role::Read);
                }
                continue;
            }
            let space = case.section(&share.section)?;
            let role = roles.entry((space, share.member)).or_insert(share.role);
            *role = (*role).max(share.role);
        }
        let grants = roles.into_iter().map(|((space, member), role)| {
            let intent = Intent::Grant {
                space,
                grant: random::grant_id(),
                member,
                role,
                basis: basis_on(consent, until),
                not_after_ms,
                history: History::Full,
            };
            self.decision_about(intent, &space)
        });
        grants.collect()
    }

    /// Slices that somebody reads by a consent: where it is extended, their rights go on.
    fn slices_resting_on(
        &self,
        case: &Case,
        consent: &EntryId,
        share: &ConsentShare,
    ) -> Result<Vec<SpaceId>, ClientError> {
        let mut resting = Vec::new();
        for (_, space) in self.slices_of(&case.id, &share.section)? {
            let state = self.section_state(&space)?;
            let is_read = state.live_grants().any(|grant| {
                let basis = self.open_basis(&state, grant);
                grant.member == MemberId::Space(share.member)
                    && basis.is_some_and(|basis| rests_on(&basis, consent))
            });
            if is_read {
                resting.push(space);
            }
        }
        Ok(resting)
    }
}

/// The last millisecond of a day in Switzerland.
pub(super) fn end_of_day_ms(day: Date) -> Result<u64, ClientError> {
    let (year, month, day) = day.parts();
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
    let next = jiff::civil::Date::new(year, month, day).and_then(|day| day.tomorrow());
    let start = next.and_then(|next| next.to_zoned(zone));
    start
        .ok()
        .and_then(|start| u64::try_from(start.timestamp().as_millisecond()).ok())
        .and_then(|start| start.checked_sub(1))
        .ok_or_else(|| {
            FieldError::new(
                "until",
                "no_such_day",
                "this is no day that can be counted with",
                "name another day",
            )
            .into()
        })
}

fn names_the_section() -> FieldError {
    FieldError::new(
        "share",
        "slice",
        "a consent names the section, not a slice of it",
        "name the section that the slice is a part of",
    )
}

fn of_age() -> FieldError {
    FieldError::new(
        "giver",
        "of_age",
        "the person is of age by now, so what a representative allowed before has ended",
        "record what the person says, or the representative's consent with its first day after the birthday",
    )
}

pub(crate) fn not_confirmed() -> ClientError {
    FieldError::new(
        "member",
        "not_confirmed",
        "no institution confirms this team or person, and a consent names who receives",
        "sync, or ask their institution to add them",
    )
    .into()
}
