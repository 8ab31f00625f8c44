//! Sections: the parts of a case file that are shared together.

use std::fmt;

use crate::code_names::is_called;
use crate::fields::FieldError;
use crate::fields::reference::is_reference;
use crate::form;
use crate::slice::Slice;

/// The kind of a section, one automerge document and one space each.
///
/// Its code is stored sealed in the section's label. A code that this version does not know survives
/// as [`SectionKind::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SectionKind {
    /// `core`: case number, names, birth, contact, language, bodies involved, lead, phase.
    Core,
    /// `ident`: AHV number, ZEMIS number, local identifiers.
    Ident,
    /// `labour`: occupation, availability, job-search duty, framework period.
    Labour,
    /// `education`: school, degrees, languages, apprenticeship.
    Education,
    /// `function`: work capacity without diagnosis.
    Function,
    /// `medical`: diagnoses, reports, therapy.
    Medical,
    /// `social`: household, housing, care duties, debts.
    Social,
    /// `finance`: allowances, who pays what from when to when.
    Finance,
    /// `migration`: permit, right to work, integration agreement.
    Migration,
    /// `protection`: protective measures, representative, hidden address.
    Protection,
    /// `plan`: the integration plan.
    Plan,
    /// `measure/<id>`: one measure.
    Measure(String),
    /// `journal`: the shared journal.
    Journal,
    /// `internal/<institution>`: notes of one institution.
    Internal(String),
    /// `tasks`: shared tasks.
    Tasks,
    /// `meeting/<id>`: one round table.
    Meeting(String),
    /// `consent`: ledger of consents and legal bases.
    Consent,
    /// `access`: disclosures and reads.
    Access,
    /// `employer/<id>`: agreement, adaptations, contact log of one employer.
    Employer(String),
    /// `slice/<section>/<institution>/<number>`: a part of a section, written for one institution.
    Slice(Box<Slice>),
    /// `enquiry`: an anonymous enquiry, which stands alone and is part of no case.
    Enquiry,
    /// A code of a newer version, kept as it stands.
    Unknown(String),
}

/// The code of an anonymous enquiry.
const ENQUIRY: &str = "enquiry";

/// Sections without a part of their own, with code, German, French and English title.
const PLAIN: [(SectionKind, &str, [&str; 3]); 15] = [
    (
        SectionKind::Core,
        "core",
        ["Stammdaten", "données de base", "core data"],
    ),
    (
        SectionKind::Ident,
        "ident",
        ["Identifikation", "identification", "identification"],
    ),
    (
        SectionKind::Labour,
        "labour",
        ["Arbeit", "travail", "labour"],
    ),
    (
        SectionKind::Education,
        "education",
        ["Bildung", "formation", "education"],
    ),
    (
        SectionKind::Function,
        "function",
        ["Leistungsfähigkeit", "capacité de travail", "work capacity"],
    ),
    (
        SectionKind::Medical,
        "medical",
        ["Medizin", "médical", "medical"],
    ),
    (
        SectionKind::Social,
        "social",
        ["Soziales", "social", "social"],
    ),
    (
        SectionKind::Finance,
        "finance",
        ["Finanzen", "finances", "finance"],
    ),
    (
        SectionKind::Migration,
        "migration",
        ["Migration", "migration", "migration"],
    ),
    (
        SectionKind::Protection,
        "protection",
        ["Schutz", "protection", "protection"],
    ),
    (
        SectionKind::Plan,
        "plan",
        ["Integrationsplan", "plan d'intégration", "integration plan"],
    ),
    (
        SectionKind::Journal,
        "journal",
        ["Journal", "journal", "journal"],
    ),
    (SectionKind::Tasks, "tasks", ["Aufgaben", "tâches", "tasks"]),
    (
        SectionKind::Consent,
        "consent",
        ["Einwilligungen", "consentements", "consents"],
    ),
    (
        SectionKind::Access,
        "access",
        ["Zugriffe", "accès", "access"],
    ),
];

/// The sections that a case has at most once; there may be several of `measure/<id>`,
/// `internal/<institution>`, `meeting/<id>`, `employer/<id>` and of slices.
pub const PLAIN_SECTIONS: [SectionKind; 15] = [
    SectionKind::Core,
    SectionKind::Ident,
    SectionKind::Labour,
    SectionKind::Education,
    SectionKind::Function,
    SectionKind::Medical,
    SectionKind::Social,
    SectionKind::Finance,
    SectionKind::Migration,
    SectionKind::Protection,
    SectionKind::Plan,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Consent,
    SectionKind::Access,
];

/// The five sections that every case has from its opening. The others are opened where they are
/// needed: `ident` because an AHV number is used only where the law provides for it (AHVG
/// art. 153b–153d), `consent` with the first consent, and none before there is something to write:
/// what nobody writes nobody has to protect.
pub const SECTIONS_OPENED_AT_ONCE: [SectionKind; 5] = [
    SectionKind::Core,
    SectionKind::Function,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Plan,
];

impl SectionKind {
    /// The stable code, e.g. `plan` or `measure/ab12`.
    pub fn code(&self) -> String {
        match self {
            Self::Measure(id) => format!("measure/{id}"),
            Self::Internal(institution) => format!("internal/{institution}"),
            Self::Meeting(id) => format!("meeting/{id}"),
            Self::Employer(id) => format!("employer/{id}"),
            Self::Slice(slice) => slice.to_string(),
            Self::Enquiry => ENQUIRY.to_owned(),
            Self::Unknown(code) => code.clone(),
            plain => plain
                .plain_entry()
                .map_or_else(String::new, |entry| entry.1.to_owned()),
        }
    }

    /// Reads a stored code; what is not known becomes [`SectionKind::Unknown`].
    pub fn from_code(code: &str) -> Self {
        if let Some(entry) = PLAIN.iter().find(|entry| entry.1 == code) {
            return entry.0.clone();
        }
        if code == ENQUIRY {
            return Self::Enquiry;
        }
        match code.split_once('/') {
            Some(("measure", id)) if is_reference(id) => Self::Measure(id.to_owned()),
            Some(("internal", id)) if is_reference(id) => Self::Internal(id.to_owned()),
            Some(("meeting", id)) if is_reference(id) => Self::Meeting(id.to_owned()),
            Some(("employer", id)) if is_reference(id) => Self::Employer(id.to_owned()),
            Some(("slice", rest)) => Slice::from_code(rest).map_or_else(
                || Self::Unknown(code.to_owned()),
                |slice| Self::Slice(Box::new(slice)),
            ),
            _ => Self::Unknown(code.to_owned()),
        }
    }

    /// The section that a right is about: that of which a slice is a part, else itself.
    pub fn source(&self) -> &Self {
        match self {
            Self::Slice(slice) => slice.of(),
            whole => whole,
        }
    }

    /// Which slice it is, where it is one.
    pub fn as_slice(&self) -> Option<&Slice> {
        match self {
            Self::Slice(slice) => Some(slice),
            _ => None,
        }
    }

    /// Reads what a person typed: a code, or the title in one of the three languages.
    ///
    /// # Errors
    /// `unknown_section` for a code that this version does not know.
    pub fn parse(input: &str) -> Result<Self, FieldError> {
        let typed = input.trim();
        let mut called = PLAIN.iter().filter(|(_, code, titles)| {
            code.eq_ignore_ascii_case(typed) || is_called(titles, typed)
        });
        match (Self::from_code(typed), called.next(), called.next()) {
            (Self::Unknown(_), Some((kind, ..)), None) => Ok(kind.clone()),
            // An enquiry is known and no section of a case.
            (Self::Unknown(_) | Self::Enquiry, ..) => Err(FieldError::new(
                "section",
                "unknown_section",
                "this is no section of a case file",
                format!("write one of {}", plain_codes()),
            )),
            (known, ..) => Ok(known),
        }
    }

    /// German, French and English title, without the part's identifier.
    pub fn titles(&self) -> [&'static str; 3] {
        match self {
            Self::Measure(_) => ["Massnahme", "mesure", "measure"],
            Self::Internal(_) => ["Interne Notizen", "notes internes", "internal notes"],
            Self::Meeting(_) => ["Runder Tisch", "table ronde", "round table"],
            Self::Employer(_) => ["Arbeitgeber", "employeur", "employer"],
            Self::Slice(_) => ["Auszug", "extrait", "slice"],
            Self::Enquiry => ["Anonyme Anfrage", "demande anonyme", "anonymous enquiry"],
            Self::Unknown(_) => ["Unbekannter Bereich", "section inconnue", "unknown section"],
            plain => plain.plain_entry().map_or([""; 3], |entry| entry.2),
        }
    }

    /// True for the sections that this version reads and edits: all but those of a newer one.
    pub fn has_content(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// True for the sections that every case has from its opening; others are opened where they are
    /// needed.
    pub fn is_opened_at_once(&self) -> bool {
        SECTIONS_OPENED_AT_ONCE.contains(self)
    }

    fn plain_entry(&self) -> Option<&'static (Self, &'static str, [&'static str; 3])> {
        PLAIN.iter().find(|entry| entry.0 == *self)
    }
}

fn plain_codes() -> String {
    let codes: Vec<&str> = PLAIN.iter().map(|entry| entry.1).collect();
    format!(
        "{}, measure/<id>, internal/<institution>, meeting/<id>, employer/<id>",
        codes.join(", ")
    )
}

impl fmt::Display for SectionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.code())
    }
}

impl serde::Serialize for SectionKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code())
    }
}

impl<'de> serde::Deserialize<'de> for SectionKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer).map(|code| Self::from_code(&code))
    }
}

/// The top-level maps that a new section's document is born with.
///
/// They come with the document's genesis, which is the same on every device, so that two authors
/// never create the same map concurrently and hide one another's entries. Sections that are described
/// by a table ([`form`]) all have the same. One of a newer version has none.
pub fn containers(section: &SectionKind) -> &'static [&'static str] {
    match section {
        // Nothing is written in `languages` and `nationalities`: both stand in sections that fewer
        // people read. The containers stay, as every genesis does.
        SectionKind::Core => &[
            "case",
            "person",
            "contact",
            "languages",
            "nationalities",
            "bodies",
            "acknowledged",
        ],
        SectionKind::Ident => &["ident", "local_ids", "acknowledged"],
        SectionKind::Function => &["assessments", "acknowledged"],
        SectionKind::Journal => &["entries", "acknowledged"],
        SectionKind::Tasks => &["tasks", "acknowledged"],
        SectionKind::Plan => &["plan", "goals", "acknowledged"],
        // No conflict can arise among events that are never changed, so none is acknowledged.
        SectionKind::Consent => &["events"],
        SectionKind::Unknown(_) => &[],
        _ => form::CONTAINERS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_of_the_domain_round_trips_through_its_code() {
        let parts = [
            "measure/ab12",
            "internal/iv",
            "meeting/x-1",
            "employer/holzbau",
            "slice/core/holzbau/1",
        ];
        let codes = PLAIN.iter().map(|entry| entry.1).chain(parts);
        for code in codes {
            let section = SectionKind::parse(code).unwrap();
            assert_eq!(section.code(), code);
            assert!(section.titles().iter().all(|title| !title.is_empty()));
            let json = serde_json::to_string(&section).unwrap();
            assert_eq!(serde_json::from_str::<SectionKind>(&json).unwrap(), section);
        }
    }

    #[test]
    fn a_section_is_typed_by_its_code_or_by_its_title_in_three_languages() {
        for (typed, code) in [
            ("Journal", "journal"),
            ("STAMMDATEN", "core"),
            ("donnees de base", "core"),
            ("Leistungsfähigkeit", "function"),
            ("Work capacity", "function"),
        ] {
            assert_eq!(SectionKind::parse(typed).unwrap().code(), code, "{typed}");
        }
        for wrong in ["", "Runder Tisch", "anonyme anfrage", "enquiry", "Meeting"] {
            assert!(SectionKind::parse(wrong).is_err(), "{wrong}");
        }
        // What stands in a document or an operation is a code and nothing else.
        assert!(!SectionKind::from_code("Journal").has_content());
    }

    #[test]
    fn a_section_of_a_newer_version_survives_but_cannot_be_typed() {
        for code in ["genetics", "measure/", "measure/a b", "measure/a/b", ""] {
            let section = SectionKind::from_code(code);
            assert_eq!(section, SectionKind::Unknown(code.to_owned()));
            assert_eq!(section.code(), code);
            assert_eq!(
                SectionKind::parse(code).unwrap_err().code,
                "unknown_section"
            );
            assert!(containers(&section).is_empty());
        }
    }

    #[test]
    fn an_anonymous_enquiry_has_a_code_and_content_and_is_no_section_that_a_case_may_have() {
        let enquiry = SectionKind::from_code("enquiry");
        assert_eq!(enquiry, SectionKind::Enquiry);
        assert_eq!(enquiry.code(), "enquiry");
        assert!(enquiry.has_content() && !enquiry.is_opened_at_once());
        assert_eq!(containers(&enquiry), form::CONTAINERS);
        assert!(!PLAIN_SECTIONS.contains(&enquiry));
        let refused = SectionKind::parse("enquiry").unwrap_err();
        assert_eq!(refused.code, "unknown_section");
        for part in ["enquiry/", "enquiry/x", "Enquiry"] {
            let unknown = SectionKind::Unknown(part.to_owned());
            assert_eq!(SectionKind::from_code(part), unknown);
        }
    }

    #[test]
    fn every_section_of_the_domain_has_containers_and_a_table_gives_all_the_same() {
        assert_eq!(PLAIN.len(), PLAIN_SECTIONS.len());
        let parts = [
            "measure/m",
            "internal/i",
            "meeting/t",
            "employer/e",
            "slice/plan/e/2",
        ];
        let parts = parts.iter().map(|code| SectionKind::from_code(code));
        for section in PLAIN_SECTIONS.into_iter().chain(parts) {
            assert!(section.has_content() && !containers(&section).is_empty());
            let is_table = containers(&section) == form::CONTAINERS;
            assert_eq!(is_table, form::form_of(&section).is_some(), "{section}");
        }
    }

    #[test]
    fn a_case_is_opened_with_five_sections_and_the_others_where_they_are_needed() {
        let opened = PLAIN_SECTIONS
            .iter()
            .filter(|section| section.is_opened_at_once());
        assert_eq!(opened.count(), SECTIONS_OPENED_AT_ONCE.len());
        for later in [
            SectionKind::Ident,
            SectionKind::Consent,
            SectionKind::Medical,
        ] {
            assert!(!later.is_opened_at_once());
        }
    }
}
