//! Extending a consent: further shares, a later last day, or both, and the grants that follow.

use nahtlos_casework::edit::{ConsentEvent, Edit, Extension};
use nahtlos_casework::fields::{
    ConsentForm, Date, Direction, EntryId, FieldError, LongText, Stored,
};
use nahtlos_casework::record::{ConsentDetails, ConsentScopes, Giver};
use nahtlos_casework::view::{ConsentView, Coverage};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde::Serialize;

use super::{CHANGE, ConsentShare, member_id};
use crate::cases::{Case, hex};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::IntentRecord;
use crate::share::GrantPreview;

/// By what a consent is extended.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsentExtension {
    /// Which consent.
    pub consent: EntryId,
    /// Further shares.
    pub shares: Vec<ConsentShare>,
    /// The new last day, later than the present one.
    pub valid_until: Option<Date>,
    /// How it was given.
    pub form: ConsentForm,
    /// How it came about.
    pub details: ConsentDetails,
    /// What else is to be known about it.
    pub note: Option<LongText>,
}

/// What an extension did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extended {
    /// Rights of further shares.
    pub new: usize,
    /// Rights that go on for longer.
    pub longer: usize,
}

/// An extension that is possible.
struct Checked {
    ledger: SpaceId,
    scope: Option<ConsentScopes>,
    new: Vec<IntentRecord>,
    longer: Vec<IntentRecord>,
    until: Option<Date>,
}

impl Nahtlos {
    /// Who would read what by the further shares, and until when all of it would hold.
    ///
    /// # Errors
    /// As [`Self::consent_extend`].
    pub fn preview_extension(
        &self,
        case: &Case,
        extension: &ConsentExtension,
    ) -> Result<(Vec<GrantPreview>, Option<Date>), ClientError> {
        let case = self.case(&hex(&case.id))?;
        let checked = self.checked_extension(&case, extension)?;
        self.require_writable(&checked.ledger)?;
        let shares = extension.shares.iter();
        let shares = shares.map(|share| self.preview_share(&case, share));
        Ok((shares.collect::<Result<_, _>>()?, checked.until))
    }

    /// Records that a consent covers more from today on, and decides the grants that follow: of the further
    /// shares, and, where the last day is later, of all that it covers, for as long. The present ones end
    /// with their own last day.
    ///
    /// # Errors
    /// As [`Self::consent_give`]; [`ClientError::NotFound`] for an unknown consent; [`ClientError::Field`]
    /// for one that holds no more, for a day that is not later, and for a share that it has or had.
    pub fn consent_extend(
        &mut self,
        case: &Case,
        extension: &ConsentExtension,
    ) -> Result<Extended, ClientError> {
        let case = self.case(&hex(&case.id))?;
        let checked = self.checked_extension(&case, extension)?;
        let event = ConsentEvent::Extended(Box::new(Extension {
            consent: extension.consent,
            scope: checked.scope,
            valid_until: extension.valid_until,
            stated_at: self.today()?,
            form: extension.form,
            details: extension.details.clone(),
            note: extension.note.clone(),
        }));
        let event = self.signed_event(&case, &checked.ledger, random::entry_id(), event)?;
        let event = TypedEdit::Case(Edit::Consent(event));
        let edits = self.make_edits(&checked.ledger, &[event])?;
        self.keep_edits_and(vec![edits], |transaction| {
            let mut decisions = checked.new.iter().chain(&checked.longer);
            decisions.try_for_each(|decision| put_intent(transaction, decision))
        })?;
        Ok(Extended {
            new: checked.new.len(),
            longer: checked.longer.len(),
        })
    }

    fn checked_extension(
        &self,
        case: &Case,
        extension: &ConsentExtension,
    ) -> Result<Checked, ClientError> {
        let (ledger, consents) = self.ledger_with(case, &extension.consent, CHANGE)?;
        let consents = consents.with_coming_of_age(self.comes_of_age(case));
        let today = self.today()?;
        let mut coverage = consents.coverage();
        coverage.retain(|coverage| coverage.consent == extension.consent);
        let held: Vec<Coverage> = coverage
            .iter()
            .filter(|coverage| coverage.is_in_force_on(today))
            .cloned()
            .collect();
        let Some(first) = held.first() else {
            return Err(ended().into());
        };
        let until = match extension.valid_until {
            Some(until) if first.until.is_none_or(|present| until <= present) => {
                return Err(not_later(first).into());
            }
            until => until.or(first.until),
        };
        refuse_known(&coverage, &extension.shares)?;
        let scope = match extension.shares.as_slice() {
            [] => None,
            shares => {
                let scope = self.checked_shares(case, shares)?;
                // All that it ever covered is one list where it is withdrawn.
                let known = coverage.iter().map(|coverage| coverage.share.clone());
                ConsentScopes::new(known.chain(scope.iter().cloned()))?;
                Some(scope)
            }
        };
        if (&scope, extension.valid_until) == (&None, None) {
            return Err(nothing_more().into());
        }
        let until = match giver_of(&consents, &extension.consent) {
            Some(giver) => self.until_of_age(case, &giver, first.since, until),
            None => until,
        };
        if extension.valid_until.is_some() && first.until.is_some() && until <= first.until {
            return Err(ends_with_coming_of_age(first).into());
        }
        let grants = |shares: &[ConsentShare]| {
            self.decisions_to_grant(case, &extension.consent, shares, until)
        };
        let longer = match extension.valid_until {
            Some(_) => grants(&present_shares(&held))?,
            None => Vec::new(),
        };
        Ok(Checked {
            ledger,
            scope,
            new: grants(&extension.shares)?,
            longer,
            until,
        })
    }
}

/// What a consent covers now, as shares to be granted.
fn present_shares(held: &[Coverage]) -> Vec<ConsentShare> {
    let shares = held.iter().filter_map(|coverage| {
        Some(ConsentShare {
            section: coverage.share.section.clone(),
            member: SpaceId::from_hex(coverage.share.member.as_str())?,
            role: match coverage.share.direction {
                Some(Direction::Exchanges) => Role::Write,
                Some(Direction::Receives) | None => Role::Read,
            },
            purpose: coverage.share.purpose,
        })
    });
    shares.collect()
}

fn giver_of(consents: &ConsentView, consent: &EntryId) -> Option<Giver> {
    let given = consents.given(consent)?.giver.as_ref();
    given.and_then(Stored::known).cloned()
}

/// What a consent has, or had and lost, is not added to it.
fn refuse_known(coverage: &[Coverage], shares: &[ConsentShare]) -> Result<(), ClientError> {
    for share in shares {
        let member = member_id(&share.member)?;
        let known = coverage
            .iter()
            .find(|known| known.share.section == share.section && known.share.member == member);
        let (code, reason, remedy) = match known {
            None => continue,
            Some(known) if known.withdrawn_at.is_some() => (
                "withdrawn",
                format!("`{}` was taken out of this consent", share.section),
                "record a new consent: `nahtlos consent give`",
            ),
            Some(_) => (
                "already",
                format!("this consent covers `{}` for them already", share.section),
                "leave it out",
            ),
        };
        return Err(FieldError::new("share", code, reason, remedy).into());
    }
    Ok(())
}

fn nothing_more() -> FieldError {
    FieldError::new(
        "scope",
        "empty",
        "it changes neither the shares nor the last day",
        "name shares, a last day, or both",
    )
}

fn ended() -> FieldError {
    FieldError::new(
        "consent",
        "ended",
        "this consent holds no more",
        "record a new one: `nahtlos consent give`",
    )
}

fn ends_with_coming_of_age(present: &Coverage) -> FieldError {
    let last = present.until.map(|until| until.to_string());
    FieldError::new(
        "until",
        "of_age",
        format!(
            "a representative allowed it, so it ends on {}, the day before the person comes of age, and nobody can extend it",
            last.unwrap_or_default()
        ),
        "record what the person says themselves once they are of age: `nahtlos consent give`",
    )
}

fn not_later(present: &Coverage) -> FieldError {
    let reason = match present.until {
        Some(until) => format!("it ends on {until} already, not before"),
        None => "it has no last day".to_owned(),
    };
    let remedy = "name a later day, or narrow it: `nahtlos consent narrow`";
    FieldError::new("until", "not_later", reason, remedy)
}
