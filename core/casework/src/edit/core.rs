//! Edits of the section `core`. Permit and nationality stand in `migration`, language skills in
//! `education`: what everybody who knows the case reads holds neither.

use nahtlos_document::{Editor, Value};
use serde::{Deserialize, Serialize};

use super::field_set::{ToStored, field_set};
use super::{ApplyError, Closing, CompetenceDecision, Reopening, path};
use crate::fields::{
    CaseNumber, ContactChannel, Email, FieldError, InstitutionId, LanguageCode, Name, PartialDate,
    PersonId, Phase, Phone, Sex, UtcTime,
};
use crate::record::{Address, Body, Lead};

field_set! {
    /// A field of `core` with its new value.
    CoreField,
    /// The name of a field of `core`.
    CoreKey {
        /// Case number.
        CaseNumber(CaseNumber) = ["case", "number"], "case_number", "Fallnummer", "numéro du cas", "case number";
        /// Phase of the case.
        Phase(Phase) = ["case", "phase"], "phase", "Phase", "phase", "phase";
        /// Who leads the case.
        Lead(Lead) = ["case", "lead"], "lead", "Fallführung", "conduite du cas", "case lead";
        /// Official name.
        OfficialName(Name) = ["person", "official_name"], "official_name", "amtlicher Name", "nom officiel", "official name";
        /// First name.
        FirstName(Name) = ["person", "first_name"], "first_name", "Vorname", "prénom", "first name";
        /// The name the person goes by.
        CallName(Name) = ["person", "call_name"], "call_name", "Rufname", "prénom usuel", "call name";
        /// Date of birth.
        Birth(PartialDate) = ["person", "birth"], "birth", "Geburtsdatum", "date de naissance", "date of birth";
        /// Sex.
        Sex(Sex) = ["person", "sex"], "sex", "Geschlecht", "sexe", "sex";
        /// Postal address.
        Address(Address) = ["contact", "address"], "address", "Adresse", "adresse", "address";
        /// Telephone.
        Phone(Phone) = ["contact", "phone"], "phone", "Telefon", "téléphone", "telephone";
        /// E-mail.
        Email(Email) = ["contact", "email"], "email", "E-Mail", "courriel", "e-mail";
        /// How the person prefers to be reached.
        PreferredChannel(ContactChannel) = ["contact", "preferred_channel"], "preferred_channel", "bevorzugter Kanal", "canal préféré", "preferred channel";
        /// May voicemail be left.
        VoicemailAllowed(bool) = ["contact", "voicemail_allowed"], "voicemail_allowed", "Combox erlaubt", "message vocal autorisé", "voicemail allowed";
        /// Language of correspondence.
        CorrespondenceLanguage(LanguageCode) = ["contact", "correspondence_language"], "correspondence_language", "Korrespondenzsprache", "langue de correspondance", "language of correspondence";
        /// Language for which an interpreter is needed.
        Interpreter(LanguageCode) = ["contact", "interpreter"], "interpreter", "Dolmetschen", "interprète", "interpreter";
    }
}

/// An edit of the section `core`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CoreEdit {
    /// Sets a field.
    Set(CoreField),
    /// Empties a field.
    Clear(CoreKey),
    /// Names a body that is involved, or changes what is known of it.
    SetBody {
        /// Its identifier.
        institution: InstitutionId,
        /// What is known of it.
        body: Body,
    },
    /// Takes an involved body away.
    RemoveBody(InstitutionId),
    /// Marks that a person has a conflict of interest in this case: it is never handed over to them. Why
    /// is not said.
    Recuse(PersonId),
    /// Takes that mark away; one that somebody sets at the same time stays.
    LiftRecusal(PersonId),
    /// Closes the case.
    Close(Closing),
    /// Opens a closed case again.
    Reopen(Reopening),
    /// Records who leads or pays.
    RecordCompetence(Box<CompetenceDecision>),
}

/// What the key of a mark in the map `case` begins with; the person follows. One scalar for each, so that
/// two people who mark at the same time never overwrite each other's.
pub(crate) const RECUSED: &str = "recused:";

fn recusal_key(person: &PersonId) -> String {
    format!("{RECUSED}{person}")
}

impl CoreEdit {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        match self {
            Self::Close(closing) => closing.validate(),
            Self::Reopen(reopening) => reopening.validate(),
            Self::RecordCompetence(decision) => decision.validate(),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, editor: &mut Editor<'_>, at: UtcTime) -> Result<(), ApplyError> {
        match self {
            Self::Close(closing) => return closing.apply(editor, at),
            Self::Reopen(reopening) => return reopening.apply(editor),
            Self::RecordCompetence(decision) => return decision.apply(editor),
            Self::Set(field) => editor.put(path(field.key().steps()), field.to_value())?,
            Self::Clear(key) => editor.delete(path(key.steps()))?,
            Self::SetBody { institution, body } => {
                editor.put(path(&["bodies", institution.as_str()]), body.to_stored())?;
            }
            Self::RemoveBody(institution) => {
                editor.delete(path(&["bodies", institution.as_str()]))?;
            }
            Self::Recuse(person) => {
                editor.put(path(&["case", &recusal_key(person)]), Value::Bool(true))?;
            }
            Self::LiftRecusal(person) => {
                editor.delete(path(&["case", &recusal_key(person)]))?;
            }
        }
        Ok(())
    }
}
