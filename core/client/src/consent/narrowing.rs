//! Narrowing a consent: shares are taken out, the last day comes earlier, or both.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{ConsentEvent, Narrowing};
use nahtlos_casework::fields::{Date, EntryId, FieldError, LongText};
use nahtlos_protocol::identifier::SpaceId;

use super::CHANGE;
use super::resting::AllResting;
use super::withdrawal::{NewReaders, TakingBack, WithdrawalPreview, Withdrawn};
use crate::cases::{Case, hex};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// By how much a consent is narrowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Less<'a> {
    /// The shares that are taken out.
    pub part: Option<&'a [(SectionKind, SpaceId)]>,
    /// The new last day.
    pub valid_until: Option<Date>,
}

impl Nahtlos {
    /// What narrowing a consent would end at once; nothing where only its last day comes earlier.
    ///
    /// # Errors
    /// As [`Self::consent_narrow`].
    pub fn preview_narrowing(
        &self,
        case: &Case,
        consent: &EntryId,
        less: &Less<'_>,
        stated_at: Date,
    ) -> Result<WithdrawalPreview, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let back = self.checked_narrowing(&case, consent, less, stated_at)?;
        if !back.is_done {
            self.require_writable(&back.ledger)?;
        }
        self.preview_of(consent, &back.resting, &NewReaders::default())
    }

    /// Records that a consent covers less, and decides the end of exactly the grants that rest on the shares
    /// that are taken out. Where its last day is earlier, the grants end with that day: a device of the
    /// team ends them at its next sync after it.
    ///
    /// # Errors
    /// As [`Self::consent_withdraw`]; [`ClientError::Field`] where the new last day is past or not earlier, and
    /// where nothing would be less.
    pub fn consent_narrow(
        &mut self,
        case: &Case,
        consent: &EntryId,
        less: &Less<'_>,
        stated_at: Date,
        note: Option<LongText>,
    ) -> Result<Withdrawn, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let back = self.checked_narrowing(&case, consent, less, stated_at)?;
        let event = (!back.is_done).then(|| {
            ConsentEvent::Narrowed(Narrowing {
                consent: *consent,
                scope: back.part.clone(),
                valid_until: less.valid_until,
                stated_at,
                note,
            })
        });
        self.take_back(&case, &back, event)
    }

    fn checked_narrowing(
        &self,
        case: &Case,
        consent: &EntryId,
        less: &Less<'_>,
        stated_at: Date,
    ) -> Result<TakingBack, ClientError> {
        self.require_said(stated_at)?;
        let Less { part, valid_until } = *less;
        let mut back = match part {
            Some(part) => self.checked_taking_back(case, consent, Some(part), stated_at, CHANGE)?,
            None => TakingBack {
                ledger: self.ledger_with(case, consent, CHANGE)?.0,
                part: None,
                resting: AllResting::default(),
                is_done: false,
            },
        };
        match valid_until {
            Some(until) => self.check_earlier(case, consent, until)?,
            None if part.is_none() => return Err(nothing_less().into()),
            None => {}
        }
        // An earlier last day is recorded, whatever was taken out before.
        back.is_done &= valid_until.is_none();
        Ok(back)
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
}

fn nothing_less() -> FieldError {
    FieldError::new(
        "scope",
        "empty",
        "it changes neither the shares nor the last day",
        "name shares, a last day, or both",
    )
}
