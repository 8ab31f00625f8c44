//! Consents as the source of grants: recording one decides exactly the grants it covers, withdrawing
//! it ends exactly the grants that rest on it. The event and the decisions are kept in one
//! transaction; both work offline.

mod basis;
mod expiry;
mod extending;
mod giving;
mod narrowing;
mod proof;
mod proof_file;
mod resting;
mod signing;
mod withdrawal;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{
    ConsentForm, Date, Direction, EntryId, Field, FieldError, InstitutionId, LongText, MemberId,
    Purpose, Stored,
};
use nahtlos_casework::record::{ConsentDetails, ConsentScope, Giver};
use nahtlos_casework::view::{ComingOfAge, ConsentView, CoreView, Coverage, GivenView};
use nahtlos_protocol::identifier::{Nonce, SpaceId};
use nahtlos_protocol::space::kind::Role;

pub use basis::{consent_in, short_name};
pub(crate) use basis::{is_named, without_last_day};
pub(crate) use giving::not_confirmed;

pub use extending::{ConsentExtension, Extended};
pub use giving::ConsentPreview;
pub use narrowing::Less;
pub use proof::{FILE_BYTES_MAX, Proof, ProofError, ProvenEvent, Verified};
pub use proof_file::ProofFile;
pub use resting::LeftToOthers;
pub use withdrawal::{SectionWithdrawal, WithdrawalPreview, Withdrawn};

use crate::cases::{Case, hex};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, Intent, LabelRecord};
use crate::vault::Collection;

const CHANGE: &str = "change a consent";

/// One share a consent is given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentShare {
    /// The section.
    pub section: SectionKind,
    /// The team or person.
    pub member: SpaceId,
    /// `read` or `write`.
    pub role: Role,
    /// What for.
    pub purpose: Option<Purpose>,
}

impl ConsentShare {
    fn scope(&self, institution: &SpaceId) -> Result<ConsentScope, ClientError> {
        Ok(ConsentScope {
            section: self.section.clone(),
            member: member_id(&self.member)?,
            institution: InstitutionId::parse(&institution.to_string())?,
            purpose: self.purpose,
            direction: Some(match self.role {
                Role::Read => Direction::Receives,
                _ => Direction::Exchanges,
            }),
        })
    }
}

/// A consent to be recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewConsent {
    /// Who gave it.
    pub giver: Giver,
    /// Which sections for whom.
    pub shares: Vec<ConsentShare>,
    /// First day: today or earlier, because the grants begin at the next sync.
    pub valid_from: Date,
    /// Last day, today or later; the grants end with it.
    pub valid_until: Option<Date>,
    /// How it was given.
    pub form: ConsentForm,
    /// How it came about.
    pub details: ConsentDetails,
    /// An earlier one in whose place it stands: what rests on that one ends.
    pub replaces: Option<EntryId>,
    /// What else is to be known about it.
    pub note: Option<LongText>,
}

impl Nahtlos {
    /// The consents of a case, with one's own that are not delivered yet; empty where none was
    /// recorded or the ledger is not shared with this device. To be shown to a person: the ledger is recorded
    /// as read.
    ///
    /// Two devices that recorded the first consent at the same time opened a ledger each: both count.
    ///
    /// # Errors
    /// [`ClientError::NoKey`] where a ledger is known and cannot be opened.
    pub fn consents(&self, case: &Case) -> Result<ConsentView, ClientError> {
        let consents = self.known_consents(case)?;
        if case.sections.contains_key(&SectionKind::Consent) {
            self.note_reading(case, &SectionKind::Consent);
        }
        Ok(consents)
    }

    pub(crate) fn known_consents(&self, case: &Case) -> Result<ConsentView, ClientError> {
        let mut consents = ConsentView::default();
        for (ledger, label) in self.ledgers(&case.id)? {
            consents.join(self.ledger(&ledger, &label)?);
        }
        Ok(consents.with_coming_of_age(self.comes_of_age(case)))
    }

    /// When the person whom a case is about comes of age; none where the birth is not known here.
    pub(crate) fn comes_of_age(&self, case: &Case) -> Option<ComingOfAge> {
        let core = case.sections.get(&SectionKind::Core)?;
        let core = CoreView::read(&*self.shared_document(core).ok()?);
        ComingOfAge::of(*core.birth?.known()?)
    }

    /// What consents say about a share, for who asks why somebody can or cannot see a section.
    /// Nothing where the ledger is not readable here.
    pub(crate) fn consent_sentences(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<Vec<String>, ClientError> {
        let Ok(consents) = self.known_consents(case) else {
            return Ok(Vec::new());
        };
        let today = self.today()?;
        let coverage = consents.coverage();
        let about = coverage.iter().filter(|coverage| {
            let holder = SpaceId::from_hex(coverage.share.member.as_str());
            coverage.share.section == *kind.source()
                && holder.is_some_and(|holder| self.is_or_leads_to(&holder, member))
        });
        let sentences = about.map(|coverage| {
            let given = consents.given(&coverage.consent);
            sentence(coverage, given, today)
        });
        Ok(sentences.collect())
    }

    /// Why a grant that waits must not be made any more: the consent it rests on was withdrawn
    /// meanwhile, or ran out. None for other grants, and where the ledger is not readable here.
    pub(crate) fn consent_objection(&self, intent: &Intent) -> Result<Option<String>, ClientError> {
        let Intent::Grant {
            space,
            member,
            basis,
            ..
        } = intent
        else {
            return Ok(None);
        };
        let (Some(name), Ok(label)) = (basis::consent_in(basis), self.label(space)) else {
            return Ok(None);
        };
        let Ok(consents) = self.known_consents(&self.case(&hex(&label.case()))?) else {
            return Ok(None);
        };
        let (member, today) = (member_id(member)?, self.today()?);
        let kind = SectionKind::from_code(&label.kind);
        let stands = consents.coverage().iter().any(|coverage| {
            is_named(coverage, name, &kind, &member) && coverage.is_in_force_on(today)
        });
        let objection = || format!("consent {name} does not cover it any more");
        Ok((!stands).then(objection))
    }

    /// Until when what a right is to rest on holds, Unix milliseconds; none where it has no end. What names no
    /// consent names a law.
    ///
    /// # Errors
    /// [`ClientError::Field`] for none, and for a consent that does not cover the section for them.
    pub fn basis_ends_ms(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        basis: &str,
    ) -> Result<Option<u64>, ClientError> {
        let refused = |code, reason: String, remedy| {
            ClientError::from(FieldError::new("basis", code, reason, remedy))
        };
        if basis.trim().is_empty() {
            let remedy = "name the code of a law (`nahtlos share bases`), or record a consent";
            return Err(refused("missing", "it rests on nothing".into(), remedy));
        }
        let Some(name) = basis::consent_in(basis) else {
            return Ok(None);
        };
        let (member, today) = (member_id(member)?, self.today()?);
        let coverage = self.known_consents(case)?.coverage();
        let covers = coverage.iter().find(|coverage| {
            is_named(coverage, name, kind, &member) && coverage.is_in_force_on(today)
        });
        let Some(coverage) = covers else {
            let reason = format!("consent {name} does not cover `{kind}` for them");
            let remedy = "extend it: `nahtlos consent extend`, or record a new one";
            return Err(refused("not_covered", reason, remedy));
        };
        coverage.until.map(giving::end_of_day_ms).transpose()
    }

    /// Only the institution that opened the case keeps its ledger: what others record there, nobody
    /// accepts.
    pub(crate) fn require_home(
        &self,
        case: &Case,
        action: &'static str,
    ) -> Result<(), ClientError> {
        let core = case.section(&SectionKind::Core)?;
        if self.label(&core)?.home == self.institution()? {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action,
            reason: "the institution that opened the case does this".to_owned(),
        })
    }

    /// The ledgers of a case that this device knows; more than one only where two devices opened
    /// one at the same time.
    fn ledgers(&self, case: &Nonce) -> Result<Vec<(SpaceId, LabelRecord)>, ClientError> {
        let code = SectionKind::Consent.code();
        let mut ledgers = Vec::new();
        for (space, bytes) in self.vault.list(Collection::Label, &case.0)? {
            let label: LabelRecord = records::decode(&bytes)?;
            if let Some(space) = SpaceId::from_slice(&space).filter(|_| label.kind == code) {
                ledgers.push((space, label));
            }
        }
        Ok(ledgers)
    }

    fn ledger(&self, space: &SpaceId, label: &LabelRecord) -> Result<ConsentView, ClientError> {
        let document = self.working_document(space)?;
        let home = InstitutionId::parse(&label.home.to_string())?;
        Ok(ConsentView::read(&document, &self.authors(space)?, &home))
    }
}

fn sentence(coverage: &Coverage, given: Option<&GivenView>, today: Date) -> String {
    let name = short_name(&coverage.consent);
    let giver = given.and_then(|given| given.giver.as_ref());
    let giver = giver.map_or_else(|| "unknown".into(), Stored::to_string);
    let begun = format!(
        "Consent {name} (given by: {giver}) covered it from {}",
        coverage.since
    );
    let age = match coverage.ends_with_coming_of_age {
        true => ", the last day before the person comes of age",
        false => "",
    };
    match (
        coverage.withdrawn_at,
        coverage.superseded_at,
        coverage.until,
    ) {
        (Some(day), _, _) => format!("{begun}; it was withdrawn on {day}."),
        (None, Some(day), _) => format!("{begun}; another one stands in its place since {day}."),
        (None, None, Some(until)) if until < today => format!("{begun} until {until}{age}."),
        (None, None, until) => {
            let until = until.map_or_else(String::new, |until| format!(" until {until}"));
            format!(
                "Consent {name} (given by: {giver}) covers it from {}{until}{age}.",
                coverage.since
            )
        }
    }
}

pub(crate) fn member_id(member: &SpaceId) -> Result<MemberId, ClientError> {
    Ok(MemberId::parse(&member.to_string())?)
}
