//! Signatures over versions, and which of them count.

use std::collections::BTreeMap;

use nahtlos_document::ChangeHash;
use serde::Serialize;

use super::agreement::PlanAgreement;
use super::text::VersionText;
use crate::author::{Author, Origin};
use crate::fields::{
    DeviceId, Digest, EntryId, InstitutionId, LongText, Party, PersonId, SignatureMethod, Stored,
    UtcTime,
};

/// An entry that claims to be a signature, as it stands in the plan.
pub struct SignedEntry<'a> {
    /// Its identifier.
    pub id: &'a str,
    /// Its fields but the signature: what was signed.
    pub fields: &'a BTreeMap<String, String>,
    /// The signature over them.
    pub signature: &'a str,
    /// The institution for which it claims to be signed.
    pub institution: &'a InstitutionId,
    /// The change that put it there.
    pub change: &'a ChangeHash,
}

/// Who signed an entry, once the caller has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The device.
    pub device: DeviceId,
    /// Whose device it is. By the institution's log at that time that person acted for it.
    pub person: PersonId,
    /// When, by that device's clock; advisory.
    pub at: UtcTime,
}

/// What somebody signed, and who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub agreement: PlanAgreement,
    pub signer: Signer,
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureDoubt {
    /// It is no signed statement, or one of a newer version.
    Unreadable,
    /// The signature is not over what stands there, or over another case's plan.
    BadSignature,
    /// The logs that it rests on have not arrived here; it may count later.
    NotYetKnown,
    /// The institution's log does not show that the device was one of its own at that time.
    NotCertified,
    /// When it was put there, the device was none of this institution's any more.
    NoLongerCertified,
    /// It was put there by another device than the one that signed.
    PutThereByAnother,
    /// It is over other heads or another text than any version of this number.
    OtherHeads,
    /// There is no version of this number.
    NoSuchVersion,
    /// An institution signed for another one.
    ForAnother,
    /// Only the lead records what the client, or a body without devices, agreed to.
    OnlyLeadRecords,
    /// The way of signing does not fit who signs, or its proof is missing.
    WrongMethod,
}

impl SignatureDoubt {
    /// German, French and English.
    pub const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::Unreadable => [
                "nicht lesbar, oder von einer neueren Version",
                "illisible, ou d'une version plus récente",
                "not readable, or written by a newer version",
            ],
            Self::BadSignature => [
                "die Unterschrift ist falsch",
                "la signature est fausse",
                "the signature does not verify",
            ],
            Self::NotYetKnown => [
                "noch nicht prüfbar: es fehlen Angaben der Stelle",
                "pas encore vérifiable: des données de l'organisme manquent",
                "cannot be verified yet: the institution's log has not arrived here",
            ],
            Self::NotCertified => [
                "das Gerät gehörte damals nicht zu dieser Stelle",
                "l'appareil n'appartenait alors pas à cet organisme",
                "the device was not one of this institution at that time",
            ],
            Self::NoLongerCertified => [
                "als sie eingetragen wurde, gehörte das Gerät nicht mehr zu dieser Stelle",
                "lorsqu'elle a été inscrite, l'appareil n'appartenait plus à cet organisme",
                "when it was entered, the device was not one of this institution any more",
            ],
            Self::PutThereByAnother => [
                "von einem anderen Gerät eingetragen als dem, das unterschrieb",
                "inscrite par un autre appareil que celui qui a signé",
                "entered by another device than the one that signed",
            ],
            Self::OtherHeads => [
                "unterschrieben wurde ein anderer Stand des Plans",
                "c'est un autre état du plan qui a été signé",
                "another state of the plan was signed",
            ],
            Self::NoSuchVersion => [
                "es gibt keine Fassung mit dieser Nummer",
                "il n'existe pas de version de ce numéro",
                "there is no version of this number",
            ],
            Self::ForAnother => [
                "eine Stelle unterschreibt nicht für eine andere",
                "un organisme ne signe pas pour un autre",
                "an institution does not sign for another one",
            ],
            Self::OnlyLeadRecords => [
                "nur die Fallführung hält fest, was die betroffene Person unterschrieben hat",
                "seule la conduite du cas consigne ce que la personne concernée a signé",
                "only the lead records what the client agreed to",
            ],
            Self::WrongMethod => [
                "die Art der Unterschrift passt nicht, oder ihr Beleg fehlt",
                "le mode de signature ne convient pas, ou sa preuve manque",
                "the way of signing does not fit, or its proof is missing",
            ],
        }
    }
}

/// Verifies signed entries: the caller's part, who has keys and logs.
pub trait SignatureCheck {
    /// Who signed an entry, for the institution that it names.
    ///
    /// # Errors
    /// Why it is no signature that could count.
    fn check(&self, entry: &SignedEntry<'_>) -> Result<Signer, SignatureDoubt>;
}

/// A signature as it stands in the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignatureView {
    /// Its identifier.
    pub id: Stored<EntryId>,
    /// Who agrees by it.
    pub party: Option<Party>,
    /// How.
    pub method: Option<SignatureMethod>,
    /// The person who signed, or who recorded it.
    pub person: Option<PersonId>,
    /// Their institution.
    pub institution: Option<InstitutionId>,
    /// When, by the clock of the device that signed.
    pub at: Option<UtcTime>,
    /// The hash of the scanned paper.
    pub paper: Option<Digest>,
    /// Who signed, or what was said.
    pub note: Option<LongText>,
    /// Who put it there.
    pub origin: Origin,
    /// Why it does not count; nothing where it does.
    pub doubt: Option<SignatureDoubt>,
}

/// The version a signature is about, as far as it must be known to judge it.
pub(super) struct Candidate<'a> {
    pub heads: &'a [Digest],
    pub text: &'a VersionText,
    pub text_hash: Digest,
}

/// Whether a verified signature counts for one of the versions; the version's position if it does.
pub(super) fn judge(
    signed: &Signed,
    author: Option<&Author>,
    versions: &[Candidate<'_>],
) -> Result<usize, SignatureDoubt> {
    let agreement = &signed.agreement;
    if author.map(|author| &author.device) != Some(&signed.signer.device) {
        return Err(SignatureDoubt::PutThereByAnother);
    }
    let position = versions.iter().position(|version| {
        version.text.number() == agreement.number
            && version.heads == agreement.heads
            && version.text_hash == agreement.text_hash
    });
    let Some(position) = position else {
        let exists = |version: &Candidate<'_>| version.text.number() == agreement.number;
        return Err(if versions.iter().any(exists) {
            SignatureDoubt::OtherHeads
        } else {
            SignatureDoubt::NoSuchVersion
        });
    };
    let lead = versions.get(position).map(|version| version.text.lead());
    check_party(agreement, lead)?;
    Ok(position)
}

fn check_party(
    agreement: &PlanAgreement,
    lead: Option<&InstitutionId>,
) -> Result<(), SignatureDoubt> {
    if agreement.party.has_devices() {
        if agreement.party != Party::Institution(agreement.institution.clone()) {
            return Err(SignatureDoubt::ForAnother);
        }
        return match agreement.method {
            SignatureMethod::DeviceKey => Ok(()),
            _ => Err(SignatureDoubt::WrongMethod),
        };
    }
    if lead != Some(&agreement.institution) {
        return Err(SignatureDoubt::OnlyLeadRecords);
    }
    let proven = match agreement.method {
        SignatureMethod::DeviceKey => false,
        SignatureMethod::Paper => agreement.paper.is_some(),
        SignatureMethod::Verbal => agreement.note.is_some(),
    };
    if proven {
        Ok(())
    } else {
        Err(SignatureDoubt::WrongMethod)
    }
}
