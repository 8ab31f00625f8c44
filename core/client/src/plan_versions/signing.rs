//! Signing a version of the plan: for one's own institution, or as the lead for what the client signed on
//! paper or said.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, NewSignature, PlanEdit};
use nahtlos_casework::fields::{
    Digest, EntryId, Field, FieldError, InstitutionId, LongText, Party, SignatureMethod, Stored,
};
use nahtlos_casework::plan_version::{PlanAgreement, PlanVersions, VersionStatus, VersionView};
use nahtlos_protocol::statement::StatementKind;

use crate::cases::Case;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;

const SIGN: &str = "sign this version";
const RECORD: &str = "record what others signed";

/// Which version is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionChoice {
    /// Its number; the newest one that waits for signatures where this is missing.
    pub number: Option<u32>,
    /// The code that stands on its paper: for two versions of one number, and to compare.
    pub code: Option<String>,
}

/// Who agrees, and how.
#[derive(Clone, Debug, PartialEq)]
pub enum Agreeing {
    /// One's own institution, by this device's key.
    OwnInstitution,
    /// The client, or a body without devices, on paper.
    Paper {
        /// Who signed it.
        party: Party,
        /// The hash of its scan.
        hash: Digest,
        /// What else is to be known, e.g. that a parent signed.
        note: Option<LongText>,
    },
    /// The client, or a body without devices, by word of mouth.
    Verbal {
        /// Who said it.
        party: Party,
        /// When and to whom it was said.
        note: LongText,
    },
}

/// What came of signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVersion {
    /// The version's number.
    pub number: u32,
    /// Who agreed.
    pub party: Party,
    /// Whether the version is in force now.
    pub is_in_force: bool,
    /// Who has still to agree.
    pub missing: Vec<Party>,
}

impl Nahtlos {
    /// Signs a version. Works offline.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] and [`ClientError::Ambiguous`] where no single version is meant;
    /// [`ClientError::Field`] where what was signed on paper is not this version (`other_heads`), or it
    /// cannot be agreed to (any more); [`ClientError::NoRight`] where the party does not agree to it by
    /// this device. Nothing is changed then.
    pub fn sign_plan_version(
        &mut self,
        case: &Case,
        choice: &VersionChoice,
        agreeing: &Agreeing,
    ) -> Result<SignedVersion, ClientError> {
        let new = self.new_signature(case, choice, agreeing)?;
        self.edit_space(&case.section(&SectionKind::Plan)?, &[new.edit])?;
        let versions = self.versions_of_plan(case)?;
        let after = versions
            .versions
            .iter()
            .find(|version| version.text_hash == new.text_hash);
        Ok(SignedVersion {
            number: new.number,
            party: new.party,
            is_in_force: after.is_some_and(|after| after.status == VersionStatus::InForce),
            missing: after.map_or_else(Vec::new, |after| after.missing().cloned().collect()),
        })
    }

    /// Which version [`Self::sign_plan_version`] would sign, and for whom.
    ///
    /// # Errors
    /// As there.
    pub fn preview_plan_signature(
        &self,
        case: &Case,
        choice: &VersionChoice,
        agreeing: &Agreeing,
    ) -> Result<(u32, Party), ClientError> {
        let new = self.new_signature(case, choice, agreeing)?;
        self.make_edits(&case.section(&SectionKind::Plan)?, &[new.edit])?;
        Ok((new.number, new.party))
    }

    /// Whether recording that somebody else agreed would be refused, before anybody says when and to whom they did.
    ///
    /// # Errors
    /// As [`Self::sign_plan_version`].
    pub fn check_plan_agreement(
        &self,
        case: &Case,
        choice: &VersionChoice,
        party: &Party,
    ) -> Result<(), ClientError> {
        let own = InstitutionId::parse(&self.institution()?.to_string())?;
        let versions = self.versions_of_plan(case)?;
        check_agreeing(chosen(&versions, choice)?, party, false, &own)?;
        self.require_writable(&case.section(&SectionKind::Plan)?)
    }

    fn new_signature(
        &self,
        case: &Case,
        choice: &VersionChoice,
        agreeing: &Agreeing,
    ) -> Result<PreparedSignature, ClientError> {
        let space = case.section(&SectionKind::Plan)?;
        let own = InstitutionId::parse(&self.institution()?.to_string())?;
        let versions = self.versions_of_plan(case)?;
        let version = chosen(&versions, choice)?;
        let party = party_of(agreeing, &own);
        let is_own = *agreeing == Agreeing::OwnInstitution;
        check_agreeing(version, &party, is_own, &own)?;
        let (id, number) = (known_id(&version.id)?, version.number);
        let agreement = agreement_to(version, &party, agreeing, &own);
        let entry = random::entry_id();
        let signature = self.sign_entry(
            StatementKind::PlanSignature,
            &space,
            &entry.canonical(),
            &agreement.fields(),
        )?;
        let edit = Edit::Plan(PlanEdit::SignVersion(NewSignature {
            id: entry,
            version: id,
            agreement,
            signature,
        }));
        edit.validate()?;
        Ok(PreparedSignature {
            number,
            party,
            text_hash: version.text_hash,
            edit: TypedEdit::Case(edit),
        })
    }
}

/// A signature that is not kept yet.
struct PreparedSignature {
    number: u32,
    party: Party,
    text_hash: Digest,
    edit: TypedEdit,
}

fn agreement_to(
    version: &VersionView,
    party: &Party,
    agreeing: &Agreeing,
    own: &InstitutionId,
) -> PlanAgreement {
    let (method, paper, note) = match agreeing {
        Agreeing::OwnInstitution => (SignatureMethod::DeviceKey, None, None),
        Agreeing::Paper { hash, note, .. } => (SignatureMethod::Paper, Some(*hash), note.clone()),
        Agreeing::Verbal { note, .. } => (SignatureMethod::Verbal, None, Some(note.clone())),
    };
    PlanAgreement {
        number: version.number,
        heads: version.heads.clone(),
        text_hash: version.text_hash,
        party: party.clone(),
        method,
        paper,
        note,
        institution: own.clone(),
    }
}

/// The one version that is meant.
fn chosen<'a>(
    versions: &'a PlanVersions,
    choice: &VersionChoice,
) -> Result<&'a VersionView, ClientError> {
    let all = &versions.versions;
    let waits = |version: &&VersionView| version.status == VersionStatus::Proposed;
    // The last of the present lead, if it proposed any.
    let newest = all.iter().rfind(waits).map(|version| version.number);
    let not_found = || ClientError::NotFound {
        what: "version of the plan that waits for signatures",
        input: choice
            .number
            .map_or_else(String::new, |number| number.to_string()),
    };
    let number = choice.number.or(newest).ok_or_else(not_found)?;
    let mut of_number: Vec<&VersionView> = all
        .iter()
        .filter(|version| version.number == number)
        .collect();
    // What nobody can agree to is meant only where nothing else is.
    if of_number.iter().any(|version| version.doubt.is_none()) {
        of_number.retain(|version| version.doubt.is_none());
    }
    if of_number.is_empty() {
        return Err(not_found());
    }
    let has_code = |version: &&&VersionView| {
        let wanted = choice.code.as_deref().map(plain_code);
        wanted.is_none_or(|wanted| plain_code(&version.code) == wanted)
    };
    let fitting: Vec<&VersionView> = of_number.iter().filter(has_code).copied().collect();
    match fitting.as_slice() {
        [version] => Ok(version),
        [] => Err(other_heads(number, &of_number)),
        several => Err(ClientError::Ambiguous {
            what: "versions",
            input: number.to_string(),
            matches: several.iter().map(|version| version.code.clone()).collect(),
        }),
    }
}

/// A code however it was typed.
fn plain_code(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().to_ascii_lowercase()
}

fn other_heads(number: u32, versions: &[&VersionView]) -> ClientError {
    let codes: Vec<&str> = versions
        .iter()
        .map(|version| version.code.as_str())
        .collect();
    FieldError::new(
        "code",
        "other_heads",
        format!(
            "what was signed is another state of the plan: version {number} has the code {}",
            codes.join(" or ")
        ),
        "print the version as it stands (`nahtlos plan print CASE`) and let that be signed",
    )
    .into()
}

fn party_of(agreeing: &Agreeing, own: &InstitutionId) -> Party {
    match agreeing {
        Agreeing::OwnInstitution => Party::Institution(own.clone()),
        Agreeing::Paper { party, .. } | Agreeing::Verbal { party, .. } => party.clone(),
    }
}

/// Whether this party can agree to the version in this way, from this device.
fn check_agreeing(
    version: &VersionView,
    party: &Party,
    is_own: bool,
    own: &InstitutionId,
) -> Result<(), ClientError> {
    let refused = |code, reason: String, remedy: &str| {
        Err(ClientError::Field(FieldError::new(
            "version", code, reason, remedy,
        )))
    };
    let number = version.number;
    if let Some(doubt) = version.doubt {
        return refused(
            "refused",
            format!("version {number} cannot be agreed to: {}", doubt.texts()[2]),
            "ask the lead to propose a new one",
        );
    }
    if !version.is_compared {
        return refused(
            "heads_missing",
            format!("what version {number} was made of is not here, so it cannot be compared"),
            "run `nahtlos sync`; if it stays, ask the lead to propose a new version",
        );
    }
    if version.status == VersionStatus::Superseded {
        return refused(
            "superseded",
            format!("version {number} is not the newest any more"),
            "see the newest with `nahtlos plan show CASE`",
        );
    }
    check_way(party, is_own, &version.lead, own)?;
    match version.parties.iter().find(|known| known.party == *party) {
        None => Err(ClientError::NoRight {
            action: SIGN,
            reason: "it names neither as lead nor as responsible who would sign".into(),
        }),
        Some(known) if known.signed_at.is_some() => refused(
            "already_signed",
            format!("this signature under version {number} is there already"),
            "there is nothing to do; who is missing says `nahtlos plan show CASE`. For another version add `--version NUMBER`",
        ),
        Some(_) => Ok(()),
    }
}

fn check_way(
    party: &Party,
    is_own: bool,
    lead: &InstitutionId,
    own: &InstitutionId,
) -> Result<(), ClientError> {
    if is_own {
        return Ok(());
    }
    if party.has_devices() {
        return Err(ClientError::NoRight {
            action: RECORD,
            reason: "an institution of the network signs by its own devices, nobody signs for it"
                .into(),
        });
    }
    if lead != own {
        return Err(ClientError::NoRight {
            action: RECORD,
            reason: "the institution that leads the case records what the client signed".into(),
        });
    }
    Ok(())
}

fn known_id(id: &Stored<EntryId>) -> Result<EntryId, ClientError> {
    id.known().copied().ok_or(ClientError::NeedsNewer)
}
