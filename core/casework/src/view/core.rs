//! The section `core` as it reads now.

use std::collections::BTreeMap;

use nahtlos_document::{Document, Value};
use serde::Serialize;

use super::{flag, map_at, root_of, stored, stored_value};
use crate::edit::RECUSED;
use crate::fields::{
    CaseNumber, ContactChannel, Email, LanguageCode, Name, PartialDate, Phase, Phone, Sex, Stored,
};
use crate::record::{Address, Body, Lead};

/// The section `core`. Of conflicting values it holds the winner; the conflicts are listed apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoreView {
    /// Case number.
    pub case_number: Option<Stored<CaseNumber>>,
    /// Phase.
    pub phase: Option<Stored<Phase>>,
    /// Who leads the case.
    pub lead: Option<Stored<Lead>>,
    /// Official name.
    pub official_name: Option<Stored<Name>>,
    /// First name.
    pub first_name: Option<Stored<Name>>,
    /// Call name.
    pub call_name: Option<Stored<Name>>,
    /// Date of birth.
    pub birth: Option<Stored<PartialDate>>,
    /// Sex.
    pub sex: Option<Stored<Sex>>,
    /// Postal address.
    pub address: Option<Stored<Address>>,
    /// Telephone.
    pub phone: Option<Stored<Phone>>,
    /// E-mail.
    pub email: Option<Stored<Email>>,
    /// Preferred channel.
    pub preferred_channel: Option<Stored<ContactChannel>>,
    /// May voicemail be left.
    pub voicemail_allowed: Option<bool>,
    /// Language of correspondence.
    pub correspondence_language: Option<Stored<LanguageCode>>,
    /// Language for which an interpreter is needed.
    pub interpreter: Option<Stored<LanguageCode>>,
    /// Bodies involved, by their identifiers.
    pub bodies: BTreeMap<String, Stored<Body>>,
    /// People who have a conflict of interest here, by their identifiers.
    pub recused: Vec<String>,
}

/// Whom an entry of the map `case` marks.
fn recused((key, value): (&String, &Value)) -> Option<String> {
    let person = key.strip_prefix(RECUSED)?;
    (value.as_bool() == Some(true)).then(|| person.to_owned())
}

impl CoreView {
    /// Reads a document of the section `core`.
    pub fn read(document: &Document) -> Self {
        let root = root_of(document);
        let case = map_at(&root, "case");
        let person = map_at(&root, "person");
        let contact = map_at(&root, "contact");
        let by_key = |name| map_at(&root, name).into_iter().flatten();
        Self {
            case_number: stored(case, "number"),
            phase: stored(case, "phase"),
            lead: stored(case, "lead"),
            official_name: stored(person, "official_name"),
            first_name: stored(person, "first_name"),
            call_name: stored(person, "call_name"),
            birth: stored(person, "birth"),
            sex: stored(person, "sex"),
            address: stored(contact, "address"),
            phone: stored(contact, "phone"),
            email: stored(contact, "email"),
            preferred_channel: stored(contact, "preferred_channel"),
            voicemail_allowed: flag(contact, "voicemail_allowed"),
            correspondence_language: stored(contact, "correspondence_language"),
            interpreter: stored(contact, "interpreter"),
            bodies: by_key("bodies")
                .map(|(id, value)| (id.clone(), stored_value(value)))
                .collect(),
            recused: case.into_iter().flatten().filter_map(recused).collect(),
        }
    }

    /// Call name (or first name) and official name; nothing where neither is known.
    pub fn display_name(&self) -> Option<String> {
        let first = self.call_name.as_ref().or(self.first_name.as_ref());
        let parts: Vec<String> = first
            .into_iter()
            .chain(self.official_name.as_ref())
            .map(ToString::to_string)
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}
