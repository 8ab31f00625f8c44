//! Tables of the sections about the circumstances that a person lives in: household, money, permit,
//! protection.

use super::ValueType::{self, *};
use super::{FROM, Form, KIND, NOTE, SINCE, STATUS, TO, entries, field, required};

const HOUSING: ValueType = Code(&[
    ("own", ["Eigentum", "propriété", "own"]),
    ("rented", ["Miete", "location", "rented"]),
    ("shared", ["Wohngemeinschaft", "colocation", "shared"]),
    (
        "family",
        ["bei Angehörigen", "chez des proches", "with family"],
    ),
    (
        "assisted",
        ["betreutes Wohnen", "logement accompagné", "assisted"],
    ),
    (
        "shelter",
        ["Notunterkunft", "hébergement d'urgence", "shelter"],
    ),
    (
        "collective",
        ["Kollektivunterkunft", "hébergement collectif", "collective"],
    ),
    ("none", ["ohne Obdach", "sans abri", "none"]),
]);
const RELATION: ValueType = Code(&[
    (
        "partner",
        ["Partnerin oder Partner", "partenaire", "partner"],
    ),
    ("child", ["Kind", "enfant", "child"]),
    ("parent", ["Elternteil", "parent", "parent"]),
    ("sibling", ["Geschwister", "frère ou sœur", "sibling"]),
    ("other", ["andere", "autre", "other"]),
]);
const DEBT_STATUS: ValueType = Code(&[
    ("open", ["offen", "ouverte", "open"]),
    (
        "agreed",
        [
            "Abzahlung vereinbart",
            "remboursement convenu",
            "repayment agreed",
        ],
    ),
    (
        "enforced",
        ["in Betreibung", "en poursuite", "being enforced"],
    ),
    ("paid", ["bezahlt", "payée", "paid"]),
]);
const PROBLEM_OR_RESOURCE: ValueType = Code(&[
    ("problem", ["Problem", "problème", "problem"]),
    ("resource", ["Ressource", "ressource", "resource"]),
]);

/// Household, housing, care duties, debts; problem areas and resources.
pub(super) const SOCIAL: Form = Form {
    fields: &[
        field("household", Text, ["Haushalt", "ménage", "household"]),
        field(
            "housing",
            HOUSING,
            ["Wohnform", "type de logement", "housing"],
        ),
        field(
            "housing_note",
            Text,
            ["zur Wohnsituation", "sur le logement", "about the housing"],
        ),
        field(
            "commune",
            Commune,
            ["Gemeinde (BFS)", "commune (OFS)", "commune (BFS)"],
        ),
        field(
            "care_duties",
            Text,
            ["Betreuungspflichten", "tâches d'assistance", "care duties"],
        ),
    ],
    lists: &[
        entries(
            "members",
            [
                "Personen im Haushalt",
                "personnes du ménage",
                "people in the household",
            ],
            &[
                required("name", Name, ["Name", "nom", "name"]),
                field("relation", RELATION, ["Beziehung", "lien", "relation"]),
                field("birth", PartialDate, ["geboren", "naissance", "born"]),
                field("note", Text, NOTE),
            ],
        ),
        entries(
            "debts",
            ["Schulden", "dettes", "debts"],
            &[
                required("creditor", Line, ["Gläubiger", "créancier", "creditor"]),
                field("amount", Amount, ["Betrag", "montant", "amount"]),
                field("since", PartialDate, SINCE),
                field("status", DEBT_STATUS, STATUS),
                field("note", Text, NOTE),
            ],
        ),
        entries(
            "areas",
            [
                "Problembereiche und Ressourcen",
                "problèmes et ressources",
                "problem areas and resources",
            ],
            &[
                required("area", ProblemArea, ["Bereich", "domaine", "area"]),
                required("kind", PROBLEM_OR_RESOURCE, KIND),
                field(
                    "severity",
                    Severity,
                    ["Schwere (0–3)", "gravité (0–3)", "severity (0–3)"],
                ),
                field("note", Text, NOTE),
            ],
        ),
    ],
};

const ALLOWANCE: ValueType = Code(&[
    (
        "unemployment",
        [
            "Arbeitslosentaggeld",
            "indemnité de chômage",
            "unemployment allowance",
        ],
    ),
    (
        "disability_daily",
        [
            "IV-Taggeld",
            "indemnité journalière AI",
            "disability daily allowance",
        ],
    ),
    (
        "disability_pension",
        ["IV-Rente", "rente AI", "disability pension"],
    ),
    (
        "accident",
        [
            "Unfalltaggeld",
            "indemnité d'accident",
            "accident allowance",
        ],
    ),
    (
        "sickness",
        [
            "Krankentaggeld",
            "indemnité de maladie",
            "sickness allowance",
        ],
    ),
    (
        "occupational_pension",
        ["BVG-Rente", "rente LPP", "occupational pension"],
    ),
    ("social_aid", ["Sozialhilfe", "aide sociale", "social aid"]),
    (
        "supplementary",
        [
            "Ergänzungsleistungen",
            "prestations complémentaires",
            "supplementary benefits",
        ],
    ),
    ("grant", ["Stipendium", "bourse", "training grant"]),
    ("wage", ["Lohn", "salaire", "wage"]),
    (
        "maintenance",
        [
            "Unterhaltsbeitrag",
            "contribution d'entretien",
            "maintenance",
        ],
    ),
    ("other", ["andere", "autre", "other"]),
]);
const PER: ValueType = Code(&[
    ("day", ["Tag", "jour", "day"]),
    ("month", ["Monat", "mois", "month"]),
    ("year", ["Jahr", "année", "year"]),
    ("once", ["einmal", "une fois", "once"]),
]);
const CLAIM_STATUS: ValueType = Code(&[
    ("claimed", ["angemeldet", "demandée", "claimed"]),
    ("paid", ["wird bezahlt", "versée", "paid"]),
    ("advanced", ["bevorschusst", "avancée", "advanced"]),
    ("refused", ["abgelehnt", "refusée", "refused"]),
    ("ended", ["beendet", "terminée", "ended"]),
]);

/// Allowances: who pays what, from when to when. Nothing is calculated or paid by it.
pub(super) const FINANCE: Form = Form {
    fields: &[field("note", Text, NOTE)],
    lists: &[entries(
        "allowances",
        ["Leistungen", "prestations", "allowances"],
        &[
            required("kind", ALLOWANCE, KIND),
            required("payer", Line, ["zahlt", "payeur", "payer"]),
            field("amount", Amount, ["Betrag", "montant", "amount"]),
            field("per", PER, ["je", "par", "per"]),
            field("from", Date, FROM),
            field("to", Date, TO),
            field("status", CLAIM_STATUS, STATUS),
        ],
    )],
};

const RIGHT_TO_WORK: ValueType = Code(&[
    (
        "free",
        ["ohne Einschränkung", "sans restriction", "unrestricted"],
    ),
    (
        "notification",
        ["Meldung genügt", "annonce suffisante", "by notification"],
    ),
    (
        "authorisation",
        [
            "bewilligungspflichtig",
            "soumis à autorisation",
            "by authorisation",
        ],
    ),
    ("none", ["keines", "aucun", "none"]),
]);
const AGREEMENT_STATUS: ValueType = Code(&[
    ("draft", ["Entwurf", "projet", "draft"]),
    ("running", ["läuft", "en cours", "running"]),
    ("fulfilled", ["erfüllt", "remplie", "fulfilled"]),
    (
        "not_fulfilled",
        ["nicht erfüllt", "non remplie", "not fulfilled"],
    ),
]);

/// Permit, right to work, integration agreement.
pub(super) const MIGRATION: Form = Form {
    fields: &[
        field(
            "permit",
            Permit,
            ["Aufenthaltsstatus", "statut de séjour", "residence permit"],
        ),
        field(
            "permit_until",
            Date,
            [
                "Ausweis gültig bis",
                "permis valable jusqu'au",
                "permit valid to",
            ],
        ),
        field(
            "recognised_refugee",
            Truth,
            [
                "anerkannter Flüchtling",
                "réfugié reconnu",
                "recognised refugee",
            ],
        ),
        field(
            "entered",
            PartialDate,
            ["Einreise", "entrée en Suisse", "entered Switzerland"],
        ),
        field(
            "right_to_work",
            RIGHT_TO_WORK,
            [
                "Recht auf Erwerbstätigkeit",
                "droit de travailler",
                "right to work",
            ],
        ),
    ],
    lists: &[
        entries(
            "nationalities",
            ["Nationalitäten", "nationalités", "nationalities"],
            &[required(
                "country",
                Country,
                ["Nationalität", "nationalité", "nationality"],
            )],
        ),
        entries(
            "agreements",
            [
                "Integrationsvereinbarungen",
                "conventions d'intégration",
                "integration agreements",
            ],
            &[
                required("content", Text, ["Inhalt", "contenu", "content"]),
                field("from", Date, FROM),
                field("to", Date, TO),
                field("status", AGREEMENT_STATUS, STATUS),
            ],
        ),
    ],
};

const PROTECTIVE_MEASURE: ValueType = Code(&[
    (
        "accompanying",
        [
            "Begleitbeistandschaft",
            "curatelle d'accompagnement",
            "accompanying guardianship",
        ],
    ),
    (
        "representation",
        [
            "Vertretungsbeistandschaft",
            "curatelle de représentation",
            "representative guardianship",
        ],
    ),
    (
        "cooperation",
        [
            "Mitwirkungsbeistandschaft",
            "curatelle de coopération",
            "co-operative guardianship",
        ],
    ),
    (
        "comprehensive",
        [
            "umfassende Beistandschaft",
            "curatelle de portée générale",
            "comprehensive guardianship",
        ],
    ),
    (
        "child",
        [
            "Kindesschutzmassnahme",
            "mesure de protection de l'enfant",
            "child protection measure",
        ],
    ),
    ("placement", ["Unterbringung", "placement", "placement"]),
    ("other", ["andere", "autre", "other"]),
]);
const REPRESENTATIVE: ValueType = Code(&[
    ("guardian", ["Beiständin, Beistand", "curateur", "guardian"]),
    ("parent", ["Elternteil", "parent", "parent"]),
    (
        "attorney",
        ["Bevollmächtigte", "mandataire", "authorised person"],
    ),
    ("lawyer", ["Anwältin, Anwalt", "avocat", "lawyer"]),
]);

/// Protective measures, representatives, contact bans, a hidden address.
pub(super) const PROTECTION: Form = Form {
    fields: &[
        field(
            "hidden_address",
            Address,
            ["geschützte Adresse", "adresse protégée", "hidden address"],
        ),
        field(
            "reachable_through",
            Line,
            ["erreichbar über", "joignable par", "reachable through"],
        ),
        field(
            "note_for_coaches",
            Text,
            [
                "Hinweis für Coaches",
                "indication pour les coachs",
                "note for coaches",
            ],
        ),
    ],
    lists: &[
        entries(
            "measures",
            [
                "Schutzmassnahmen",
                "mesures de protection",
                "protective measures",
            ],
            &[
                required("kind", PROTECTIVE_MEASURE, KIND),
                field("authority", Line, ["Behörde", "autorité", "authority"]),
                field("from", Date, FROM),
                field("to", Date, TO),
                field("note", Text, NOTE),
            ],
        ),
        entries(
            "representatives",
            ["Vertretungen", "représentants", "representatives"],
            &[
                required("name", Name, ["Name", "nom", "name"]),
                field("role", REPRESENTATIVE, ["als", "en qualité de", "as"]),
                field("scope", Text, ["wofür", "étendue", "for what"]),
                field("phone", Phone, ["Telefon", "téléphone", "telephone"]),
                field("email", Email, ["E-Mail", "courriel", "e-mail"]),
                field("from", Date, FROM),
                field("to", Date, TO),
            ],
        ),
        entries(
            "contact_bans",
            ["Kontaktverbote", "interdictions de contact", "contact bans"],
            &[
                required("against", Line, ["gegen", "contre", "against"]),
                field(
                    "decided_by",
                    Line,
                    ["verfügt von", "prononcée par", "decided by"],
                ),
                field("from", Date, FROM),
                field("to", Date, TO),
                field("note", Text, NOTE),
            ],
        ),
    ],
};
