//! Sections: the parts of a case file that are shared together.

use std::fmt;

use crate::fields::FieldError;
use crate::fields::reference::is_reference;

/// The kind of a section, one automerge document and one space each (DOMAIN §3).
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
    /// A code of a newer version, kept as it stands.
    Unknown(String),
}

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

/// The seven sections that this version fills.
pub const SECTIONS_WITH_CONTENT: [SectionKind; 7] = [
    SectionKind::Core,
    SectionKind::Ident,
    SectionKind::Function,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Plan,
    SectionKind::Consent,
];

/// The five sections that every case has from its opening. `ident` is not among them: an AHV number
/// is used only where the law provides for it (AHVG art. 153b–153d), so most cases never have one.
/// Nor is `consent`: it is opened with the first consent.
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
        match code.split_once('/') {
            Some(("measure", id)) if is_reference(id) => Self::Measure(id.to_owned()),
            Some(("internal", id)) if is_reference(id) => Self::Internal(id.to_owned()),
            Some(("meeting", id)) if is_reference(id) => Self::Meeting(id.to_owned()),
            Some(("employer", id)) if is_reference(id) => Self::Employer(id.to_owned()),
            _ => Self::Unknown(code.to_owned()),
        }
    }

    /// Reads what a person typed.
    ///
    /// # Errors
    /// `unknown_section` for a code that this version does not know.
    pub fn parse(input: &str) -> Result<Self, FieldError> {
        match Self::from_code(input.trim()) {
            Self::Unknown(_) => Err(FieldError::new(
                "section",
                "unknown_section",
                "this is no section of a case file",
                format!("write one of {}", plain_codes()),
            )),
            known => Ok(known),
        }
    }

    /// German, French and English title, without the part's identifier.
    pub fn titles(&self) -> [&'static str; 3] {
        match self {
            Self::Measure(_) => ["Massnahme", "mesure", "measure"],
            Self::Internal(_) => ["Interne Notizen", "notes internes", "internal notes"],
            Self::Meeting(_) => ["Runder Tisch", "table ronde", "round table"],
            Self::Employer(_) => ["Arbeitgeber", "employeur", "employer"],
            Self::Unknown(_) => ["Unbekannter Bereich", "section inconnue", "unknown section"],
            plain => plain.plain_entry().map_or([""; 3], |entry| entry.2),
        }
    }

    /// True for the sections that this version reads and edits.
    pub fn has_content(&self) -> bool {
        SECTIONS_WITH_CONTENT.contains(self)
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
/// never create the same map concurrently and hide one another's entries. A section that this
/// version does not fill has none.
pub fn containers(section: &SectionKind) -> &'static [&'static str] {
    match section {
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
        _ => &[],
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
    fn exactly_the_sections_with_content_have_containers() {
        for entry in &PLAIN {
            assert_eq!(entry.0.has_content(), !containers(&entry.0).is_empty());
        }
    }

    #[test]
    fn a_case_is_opened_with_every_section_that_has_content_but_ident_and_consent() {
        for section in SECTIONS_WITH_CONTENT {
            let opened_later = [SectionKind::Ident, SectionKind::Consent].contains(&section);
            assert_eq!(section.is_opened_at_once(), !opened_later);
        }
        assert!(SECTIONS_OPENED_AT_ONCE.iter().all(SectionKind::has_content));
    }
}
