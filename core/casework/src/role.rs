//! Who works on a case: people's functions and kinds of institutions.

use crate::fields::coded_enum;

coded_enum! {
    /// The function in which a person acts on a case.
    Function, "role", "write one of lead, officer, coordinator, coach, provider, employer, physician, deputy, custodian, dpo, office, steering" {
        Lead = "lead",
        Officer = "officer",
        Coordinator = "coordinator",
        Coach = "coach",
        Provider = "provider",
        Employer = "employer",
        Physician = "physician",
        Deputy = "deputy",
        Custodian = "custodian",
        DataProtection = "dpo",
        Office = "office",
        Steering = "steering",
    }
}

impl Function {
    /// German, French and English name.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Lead => ["Fallführung", "conduite du cas", "case lead"],
            Self::Officer => [
                "zuständige Person",
                "personne référente",
                "officer in charge",
            ],
            Self::Coordinator => ["IIZ-Koordination", "coordination CII", "coordination"],
            Self::Coach => ["Coach, Jobcoach", "coach", "coach, job coach"],
            Self::Provider => ["Anbieter", "organisateur", "provider"],
            Self::Employer => ["Arbeitgeber", "employeur", "employer"],
            Self::Physician => ["Ärztin, RAD", "médecin, SMR", "physician"],
            Self::Deputy => ["Stellvertretung", "suppléance", "deputy"],
            Self::Custodian => ["Schlüsselverwaltung", "gestion des clés", "key custodian"],
            Self::DataProtection => [
                "Datenschutzberatung",
                "conseil PD",
                "data protection adviser",
            ],
            Self::Office => ["Fachstelle IIZ", "bureau CII", "cooperation office"],
            Self::Steering => ["Steuergruppe", "groupe de pilotage", "steering group"],
        }
    }
}

coded_enum! {
    /// The kind of an institution.
    InstitutionKind, "institution_kind", "write one of alv, alk, iv, soz, asyl, kesb, biz, cmbb, triage, bild, schule, mig, int, uv, ktg, bvg, asv, gem, provider, su, employer, med, fachstelle, steuerung" {
        Alv = "alv",
        Alk = "alk",
        Iv = "iv",
        Soz = "soz",
        Asyl = "asyl",
        Kesb = "kesb",
        Biz = "biz",
        Cmbb = "cmbb",
        Triage = "triage",
        Bild = "bild",
        Schule = "schule",
        Mig = "mig",
        Int = "int",
        Uv = "uv",
        Ktg = "ktg",
        Bvg = "bvg",
        Asv = "asv",
        Gem = "gem",
        Provider = "provider",
        SocialEnterprise = "su",
        Employer = "employer",
        Med = "med",
        Fachstelle = "fachstelle",
        Steuerung = "steuerung",
    }
}

impl InstitutionKind {
    /// German, French and English name.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Alv => [
                "Arbeitslosenversicherung (RAV)",
                "assurance-chômage (ORP)",
                "unemployment insurance",
            ],
            Self::Alk => [
                "Arbeitslosenkasse",
                "caisse de chômage",
                "unemployment fund",
            ],
            Self::Iv => [
                "Invalidenversicherung",
                "assurance-invalidité",
                "disability insurance",
            ],
            Self::Soz => ["Sozialhilfe", "aide sociale", "social aid"],
            Self::Asyl => [
                "Asylsozialhilfe",
                "aide sociale en matière d'asile",
                "asylum social aid",
            ],
            Self::Kesb => [
                "Kindes- und Erwachsenenschutzbehörde",
                "autorité de protection (APEA)",
                "protection authority",
            ],
            Self::Biz => [
                "Berufsberatung",
                "orientation professionnelle",
                "career guidance",
            ],
            Self::Cmbb => [
                "Case Management Berufsbildung",
                "case management formation professionnelle",
                "case management vocational training",
            ],
            Self::Triage => [
                "Triagestelle Brückenangebote",
                "service de triage",
                "intake for bridge offers",
            ],
            Self::Bild => ["Bildungsamt", "service de la formation", "education office"],
            Self::Schule => ["Schule", "école", "school"],
            Self::Mig => [
                "Migrationsdienst",
                "service des migrations",
                "migration office",
            ],
            Self::Int => [
                "Integrationsstelle",
                "service de l'intégration",
                "integration office",
            ],
            Self::Uv => [
                "Unfallversicherung",
                "assurance-accidents",
                "accident insurance",
            ],
            Self::Ktg => [
                "Krankentaggeldversicherung",
                "assurance d'indemnités journalières",
                "sickness benefit insurance",
            ],
            Self::Bvg => [
                "Berufliche Vorsorge",
                "prévoyance professionnelle",
                "occupational pension",
            ],
            Self::Asv => [
                "Amt für Sozialversicherungen",
                "office des assurances sociales",
                "social insurance office",
            ],
            Self::Gem => ["Gemeinde", "commune", "commune"],
            Self::Provider => ["Anbieter", "organisateur", "provider"],
            Self::SocialEnterprise => [
                "Sozialunternehmen",
                "entreprise sociale",
                "social enterprise",
            ],
            Self::Employer => ["Arbeitgeber", "employeur", "employer"],
            Self::Med => ["Medizin", "médecine", "medicine"],
            Self::Fachstelle => ["Fachstelle IIZ", "bureau CII", "cooperation office"],
            Self::Steuerung => ["Steuergruppe", "groupe de pilotage", "steering group"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn every_function_and_kind_has_a_code_and_three_names() {
        assert_eq!(Function::ALL.len(), 12);
        assert_eq!(InstitutionKind::ALL.len(), 24);
        for function in Function::ALL {
            assert_round_trip(function);
            assert!(function.names().iter().all(|name| !name.is_empty()));
        }
        for kind in InstitutionKind::ALL {
            assert_round_trip(kind);
            assert!(kind.names().iter().all(|name| !name.is_empty()));
        }
        assert_eq!(refusal::<Function>("boss"), "unknown_code");
        assert_eq!(refusal::<InstitutionKind>("nasa"), "unknown_code");
    }
}
