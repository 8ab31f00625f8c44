//! Tables of the sections about what a person can do and has done: work, school, health.

use super::ValueType::{self, *};
use super::{FROM, Form, KIND, NOTE, SINCE, STATUS, TO, entries, field, records, required};

const JOB_SEARCH_DUTY: ValueType = Code(&[
    ("due", ["besteht", "existe", "due"]),
    ("reduced", ["herabgesetzt", "réduite", "reduced"]),
    ("suspended", ["ausgesetzt", "suspendue", "suspended"]),
    ("none", ["keine", "aucune", "none"]),
]);

/// CV, occupation, availability, job-search duty, framework period.
pub(super) const LABOUR: Form = Form {
    fields: &[
        field("occupation", Line, ["Beruf", "profession", "occupation"]),
        field(
            "sought",
            Text,
            ["gesuchte Tätigkeit", "activité recherchée", "work sought"],
        ),
        field(
            "availability",
            Percent,
            [
                "Verfügbarkeit in Prozent",
                "disponibilité en pour cent",
                "availability in per cent",
            ],
        ),
        field(
            "available_from",
            Date,
            ["verfügbar ab", "disponible dès", "available from"],
        ),
        field(
            "job_search_duty",
            JOB_SEARCH_DUTY,
            [
                "Pflicht zur Stellensuche",
                "obligation de rechercher un emploi",
                "job-search duty",
            ],
        ),
        field(
            "suspended_until",
            Date,
            [
                "Stellensuche ausgesetzt bis",
                "recherches suspendues jusqu'au",
                "job search suspended until",
            ],
        ),
        field(
            "framework_from",
            Date,
            ["Rahmenfrist von", "délai-cadre du", "framework period from"],
        ),
        field(
            "framework_to",
            Date,
            ["Rahmenfrist bis", "délai-cadre au", "framework period to"],
        ),
        field(
            "driving_licence",
            Line,
            ["Führerausweis", "permis de conduire", "driving licence"],
        ),
    ],
    lists: &[entries(
        "employments",
        ["Anstellungen", "emplois", "employments"],
        &[
            required("employer", Line, ["Arbeitgeber", "employeur", "employer"]),
            field("work", Line, ["Tätigkeit", "activité", "work"]),
            field("from", PartialDate, FROM),
            field("to", PartialDate, TO),
            field(
                "workload",
                Percent,
                [
                    "Pensum in Prozent",
                    "taux en pour cent",
                    "workload in per cent",
                ],
            ),
            field(
                "reason_ended",
                Line,
                ["Grund des Endes", "motif de la fin", "why it ended"],
            ),
        ],
    )],
};

const SCHOOLING: ValueType = Code(&[
    ("none", ["keine", "aucune", "none"]),
    (
        "compulsory",
        [
            "obligatorische Schule",
            "école obligatoire",
            "compulsory school",
        ],
    ),
    (
        "bridge",
        ["Brückenangebot", "offre transitoire", "bridge offer"],
    ),
    (
        "secondary_two",
        ["Sekundarstufe II", "degré secondaire II", "upper secondary"],
    ),
    ("tertiary", ["Tertiärstufe", "degré tertiaire", "tertiary"]),
]);
const RECOGNISED: ValueType = Code(&[
    ("yes", ["anerkannt", "reconnu", "recognised"]),
    ("pending", ["in Prüfung", "à l'examen", "pending"]),
    ("no", ["nicht anerkannt", "non reconnu", "not recognised"]),
]);
const APPRENTICESHIP: ValueType = Code(&[
    (
        "pre_apprenticeship",
        ["Vorlehre", "préapprentissage", "pre-apprenticeship"],
    ),
    ("eba", ["EBA", "AFP", "EBA (two years)"]),
    ("efz", ["EFZ", "CFC", "EFZ (three or four years)"]),
    ("other", ["andere", "autre", "other"]),
]);
const APPRENTICESHIP_STATUS: ValueType = Code(&[
    ("sought", ["gesucht", "recherché", "sought"]),
    (
        "signed",
        ["Vertrag unterschrieben", "contrat signé", "contract signed"],
    ),
    ("running", ["läuft", "en cours", "running"]),
    ("done", ["abgeschlossen", "terminé", "done"]),
    ("ended", ["abgebrochen", "interrompu", "ended early"]),
]);

/// School, degrees, languages, apprenticeship.
pub(super) const EDUCATION: Form = Form {
    fields: &[
        field(
            "schooling",
            SCHOOLING,
            ["höchste Schulbildung", "niveau scolaire", "schooling"],
        ),
        field("school", Line, ["Schule", "école", "school"]),
        field(
            "left_school",
            PartialDate,
            ["Schulaustritt", "fin de la scolarité", "left school"],
        ),
    ],
    lists: &[
        entries(
            "degrees",
            ["Abschlüsse", "diplômes", "degrees"],
            &[
                required("title", Line, ["Abschluss", "diplôme", "degree"]),
                field(
                    "institution",
                    Line,
                    [
                        "Schule oder Lehrbetrieb",
                        "école ou entreprise",
                        "school or company",
                    ],
                ),
                field("country", Country, ["Land", "pays", "country"]),
                field("obtained", PartialDate, ["erworben", "obtenu", "obtained"]),
                field(
                    "recognised",
                    RECOGNISED,
                    ["Anerkennung", "reconnaissance", "recognition"],
                ),
            ],
        ),
        entries(
            "languages",
            ["Sprachen", "langues", "languages"],
            &[
                required("language", Language, ["Sprache", "langue", "language"]),
                field(
                    "native",
                    Truth,
                    ["Erstsprache", "langue première", "first language"],
                ),
                field(
                    "understanding",
                    LanguageLevel,
                    ["Verstehen", "comprendre", "understanding"],
                ),
                field(
                    "speaking",
                    LanguageLevel,
                    ["Sprechen", "parler", "speaking"],
                ),
                field("reading", LanguageLevel, ["Lesen", "lire", "reading"]),
                field("writing", LanguageLevel, ["Schreiben", "écrire", "writing"]),
                field("source", Line, ["Quelle", "source", "source"]),
                field(
                    "assessed",
                    Date,
                    ["eingeschätzt am", "évalué le", "assessed on"],
                ),
            ],
        ),
        entries(
            "apprenticeships",
            ["Lehren", "apprentissages", "apprenticeships"],
            &[
                required(
                    "occupation",
                    Line,
                    ["Lehrberuf", "profession apprise", "trade"],
                ),
                field("kind", APPRENTICESHIP, KIND),
                field(
                    "company",
                    Line,
                    ["Lehrbetrieb", "entreprise formatrice", "training company"],
                ),
                field("from", PartialDate, FROM),
                field("to", PartialDate, TO),
                field("status", APPRENTICESHIP_STATUS, STATUS),
            ],
        ),
    ],
};

const MEDICAL_REPORT: ValueType = Code(&[
    (
        "certificate",
        ["Arztzeugnis", "certificat médical", "certificate"],
    ),
    ("report", ["Arztbericht", "rapport médical", "report"]),
    (
        "assessment",
        ["Gutachten", "expertise", "expert assessment"],
    ),
    (
        "therapy",
        ["Therapiebericht", "rapport de thérapie", "therapy report"],
    ),
]);
const COURSE: ValueType = Code(&[
    ("acute", ["akut", "aigu", "acute"]),
    ("chronic", ["chronisch", "chronique", "chronic"]),
    (
        "remission",
        ["in Remission", "en rémission", "in remission"],
    ),
    ("past", ["ausgeheilt", "guéri", "past"]),
]);

/// Diagnoses, reports, therapy.
pub(super) const MEDICAL: Form = Form {
    fields: &[field(
        "physician",
        Line,
        [
            "behandelnde Ärztin",
            "médecin traitant",
            "treating physician",
        ],
    )],
    lists: &[
        entries(
            "diagnoses",
            ["Diagnosen", "diagnostics", "diagnoses"],
            &[
                required("diagnosis", Line, ["Diagnose", "diagnostic", "diagnosis"]),
                field("code", Line, ["Code (ICD)", "code (CIM)", "code (ICD)"]),
                field("since", PartialDate, SINCE),
                field("course", COURSE, ["Verlauf", "évolution", "course"]),
                field("by", Line, ["gestellt von", "posé par", "made by"]),
            ],
        ),
        entries(
            "therapies",
            ["Therapien", "thérapies", "therapies"],
            &[
                required("therapy", Line, ["Therapie", "thérapie", "therapy"]),
                field("therapist", Line, ["bei", "chez", "with"]),
                field("from", PartialDate, FROM),
                field("to", PartialDate, TO),
                field("note", Text, NOTE),
            ],
        ),
        records(
            "reports",
            ["Berichte", "rapports", "reports"],
            &[
                required("date", Date, ["Datum", "date", "date"]),
                required("kind", MEDICAL_REPORT, KIND),
                required("author", Line, ["verfasst von", "rédigé par", "written by"]),
                required("text", Report, ["Text", "texte", "text"]),
            ],
        ),
    ],
};
