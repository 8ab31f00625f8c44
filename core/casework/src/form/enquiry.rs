//! Table of an anonymous enquiry (DOMAIN §6): coded facts, and the answers to them. No field takes a name.

use super::ValueType::{self, *};
use super::{CodeList, Form, FormField, field, records, required};

const TEXT: [&str; 3] = ["Text", "texte", "text"];

const QUESTION: ValueType = Code(&[
    (
        "competence",
        ["Zuständigkeit", "compétence", "who is competent"],
    ),
    (
        "entitlement",
        [
            "Anspruch auf Leistungen",
            "droit à des prestations",
            "entitlement to benefits",
        ],
    ),
    (
        "measure",
        [
            "passende Massnahme",
            "mesure appropriée",
            "a suitable measure",
        ],
    ),
    (
        "joint",
        [
            "gemeinsames Vorgehen",
            "démarche commune",
            "working together",
        ],
    ),
    ("advice", ["fachlicher Rat", "conseil spécialisé", "advice"]),
]);
const AGE: ValueType = Code(&[
    ("under_16", ["unter 16", "moins de 16", "under 16"]),
    ("16_17", ["16–17", "16–17", "16–17"]),
    ("18_24", ["18–24", "18–24", "18–24"]),
    ("25_34", ["25–34", "25–34", "25–34"]),
    ("35_49", ["35–49", "35–49", "35–49"]),
    ("50_59", ["50–59", "50–59", "50–59"]),
    ("60_or_over", ["60 und mehr", "60 et plus", "60 or over"]),
]);
/// Groups, not categories: with the age and a rare permit a person could be known.
const PERMIT_GROUP: ValueType = Code(&[
    ("swiss", ["Schweiz", "Suisse", "Swiss"]),
    (
        "settled",
        ["niedergelassen (C)", "établi (C)", "settled (C)"],
    ),
    (
        "residence",
        [
            "Aufenthalt (B, L, G)",
            "séjour (B, L, G)",
            "residence (B, L, G)",
        ],
    ),
    (
        "asylum",
        [
            "Asylbereich (F, N, S)",
            "asile (F, N, S)",
            "asylum (F, N, S)",
        ],
    ),
    ("other", ["anderes", "autre", "other"]),
]);
const WORK: ValueType = Code(&[
    ("employed", ["angestellt", "en emploi", "employed"]),
    ("unemployed", ["arbeitslos", "au chômage", "unemployed"]),
    (
        "benefits_ended",
        ["ausgesteuert", "en fin de droits", "benefits ended"],
    ),
    (
        "incapable",
        [
            "arbeitsunfähig geschrieben",
            "en incapacité de travail",
            "certified as incapable",
        ],
    ),
    ("training", ["in Ausbildung", "en formation", "in training"]),
    ("none", ["ohne Arbeit", "sans emploi", "without work"]),
]);
/// What who is asked may answer.
pub const ENQUIRY_ANSWERS: CodeList = &[
    (
        "accept",
        ["wir sind dabei", "nous acceptons", "we take part"],
    ),
    ("decline", ["wir lehnen ab", "nous déclinons", "we decline"]),
    (
        "more",
        [
            "wir brauchen mehr Angaben",
            "il nous faut plus d'indications",
            "we need to know more",
        ],
    ),
];
const ANSWER: ValueType = Code(ENQUIRY_ANSWERS);

/// How heavily an area weighs, 0 to 3; its code is that of the area.
const fn area(code: &'static str, names: [&'static str; 3]) -> FormField {
    field(code, Severity, names)
}

/// The codes of the fields that say how heavily an area weighs, in the order of the areas.
#[cfg(test)]
const AREAS: std::ops::Range<usize> = 4..16;

/// What is known, without a name; what was told later; what the other institution answered.
pub(super) const ENQUIRY: Form = Form {
    fields: &[],
    lists: &[
        records(
            "facts",
            ["Angaben", "indications", "facts"],
            &[
                required("question", QUESTION, ["Frage", "question", "question"]),
                required("age", AGE, ["Alter", "âge", "age"]),
                field(
                    "permit",
                    PERMIT_GROUP,
                    ["Aufenthalt", "séjour", "right of residence"],
                ),
                field("work", WORK, ["Arbeit", "travail", "work"]),
                area(
                    "somatic",
                    [
                        "körperliche Gesundheit",
                        "santé physique",
                        "physical health",
                    ],
                ),
                area(
                    "psychic",
                    ["psychische Gesundheit", "santé psychique", "mental health"],
                ),
                area("addiction", ["Sucht", "dépendance", "addiction"]),
                area("debts", ["Schulden", "dettes", "debts"]),
                area("housing", ["Wohnen", "logement", "housing"]),
                area("family", ["Familie", "famille", "family"]),
                area("language", ["Sprache", "langue", "language"]),
                area(
                    "qualification",
                    ["Qualifikation", "qualification", "qualification"],
                ),
                area(
                    "residence",
                    ["Aufenthaltsrecht", "droit de séjour", "residence"],
                ),
                area("justice", ["Justiz", "justice", "justice"]),
                area(
                    "digital",
                    [
                        "digitale Kenntnisse",
                        "compétences numériques",
                        "digital skills",
                    ],
                ),
                area("motivation", ["Motivation", "motivation", "motivation"]),
                field("text", AnonymousText, TEXT),
            ],
        ),
        records(
            "additions",
            ["Ergänzungen", "compléments", "additions"],
            &[required("text", AnonymousText, TEXT)],
        ),
        records(
            "answers",
            ["Antworten", "réponses", "answers"],
            &[
                required("answer", ANSWER, ["Antwort", "réponse", "answer"]),
                field("text", AnonymousText, TEXT),
            ],
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::ProblemArea as Area;

    #[test]
    fn every_problem_area_has_its_field_and_no_field_takes_free_text_but_an_anonymous_one() {
        let facts = ENQUIRY.lists.first().unwrap();
        let areas: Vec<&str> = facts.fields[AREAS].iter().map(|field| field.code).collect();
        let expected: Vec<&str> = Area::ALL.iter().map(|area| area.code()).collect();
        assert_eq!(areas, expected);
        for field in ENQUIRY.lists.iter().flat_map(|list| list.fields) {
            let is_closed = matches!(field.value, Code(_) | Severity);
            assert!(is_closed || field.value == AnonymousText, "{}", field.code);
        }
        assert!(ENQUIRY.fields.is_empty());
    }
}
