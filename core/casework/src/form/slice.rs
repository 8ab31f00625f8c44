//! Tables of slices: what a document written for an institution that does not read the section itself may
//! hold. What does not stand in a table never goes into a slice.

use super::ValueType::{self, *};
use super::{FROM, Form, FormField, KIND, STATUS, TO, entries, field, required};
use crate::labels::Names;
use crate::section::SectionKind;

/// The field of every slice that says when it was written last.
pub(crate) const AS_OF: &str = "as_of";
const AS_OF_FIELD: FormField = field(AS_OF, Date, ["Stand vom", "état au", "as of"]);

const RESPONSIBLE: Names = ["zuständig", "responsable", "responsible"];
const DUE: Names = ["Termin", "échéance", "due"];
const LANGUAGE: Names = ["Sprache", "langue", "language"];
const OCCUPATION: Names = ["Beruf", "profession", "occupation"];

const CHANNEL: ValueType = Code(&[
    ("phone", ["Telefon", "téléphone", "telephone"]),
    ("message", ["Nachricht", "message", "message"]),
    ("mail", ["E-Mail", "courriel", "e-mail"]),
    ("letter", ["Brief", "lettre", "letter"]),
    ("in_person", ["persönlich", "en personne", "in person"]),
    (
        "representative",
        [
            "über die Vertretung",
            "par le représentant",
            "representative",
        ],
    ),
]);
const STEP: ValueType = Code(&[
    ("planned", ["geplant", "planifiée", "planned"]),
    ("requested", ["beantragt", "demandée", "requested"]),
    ("approved", ["bewilligt", "approuvée", "approved"]),
    ("running", ["läuft", "en cours", "running"]),
    ("done", ["abgeschlossen", "terminée", "done"]),
    ("aborted", ["abgebrochen", "interrompue", "aborted"]),
    ("refused", ["abgelehnt", "refusée", "refused"]),
]);
const TASK: ValueType = Code(&[
    ("open", ["offen", "ouverte", "open"]),
    ("in_progress", ["in Arbeit", "en cours", "in progress"]),
    ("done", ["erledigt", "faite", "done"]),
    ("cancelled", ["abgesagt", "annulée", "cancelled"]),
]);

/// Names for an employer; for a provider also how to reach the person and who leads the case.
const CORE: Form = Form {
    fields: &[
        AS_OF_FIELD,
        field("official_name", Name, ["Name", "nom", "official name"]),
        field("first_name", Name, ["Vorname", "prénom", "first name"]),
        field("call_name", Name, ["Rufname", "prénom usuel", "call name"]),
        field(
            "case_number",
            Line,
            ["Fallnummer", "numéro de cas", "case number"],
        ),
        field(
            "lead",
            Responsible,
            ["Fallführung", "conduite du cas", "case lead"],
        ),
        field("address", Address, ["Adresse", "adresse", "address"]),
        field("phone", Phone, ["Telefon", "téléphone", "telephone"]),
        field("email", Email, ["E-Mail", "courriel", "e-mail"]),
        field(
            "preferred_channel",
            CHANNEL,
            ["bevorzugter Weg", "canal préféré", "preferred channel"],
        ),
        field(
            "voicemail_allowed",
            Truth,
            [
                "Combox erlaubt",
                "messagerie autorisée",
                "voicemail allowed",
            ],
        ),
        field(
            "correspondence_language",
            Language,
            [
                "Korrespondenzsprache",
                "langue de correspondance",
                "language of correspondence",
            ],
        ),
        field(
            "interpreter",
            Language,
            ["Dolmetschen", "interprète", "interpreter"],
        ),
    ],
    lists: &[],
};

/// What a measure needs of `labour`: nothing of benefits, duties or why work ended.
const LABOUR: Form = Form {
    fields: &[
        AS_OF_FIELD,
        field("occupation", Line, OCCUPATION),
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
        ],
    )],
};

/// What a measure needs of `education`.
const EDUCATION: Form = Form {
    fields: &[AS_OF_FIELD],
    lists: &[
        entries(
            "degrees",
            ["Abschlüsse", "diplômes", "degrees"],
            &[
                required("title", Line, ["Abschluss", "diplôme", "degree"]),
                field("obtained", PartialDate, ["erworben", "obtenu", "obtained"]),
            ],
        ),
        entries(
            "languages",
            ["Sprachen", "langues", "languages"],
            &[
                required("language", Language, LANGUAGE),
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
            ],
        ),
        entries(
            "apprenticeships",
            ["Lehren", "apprentissages", "apprenticeships"],
            &[
                required("occupation", Line, OCCUPATION),
                field("from", PartialDate, FROM),
                field("to", PartialDate, TO),
            ],
        ),
    ],
};

/// Adaptations of the workplace, and nothing else of an assessment.
const FUNCTION: Form = Form {
    fields: &[AS_OF_FIELD],
    lists: &[entries(
        "adaptations",
        [
            "Anpassungen am Arbeitsplatz",
            "adaptations du poste de travail",
            "adaptations of the workplace",
        ],
        &[
            required(
                "adaptations",
                Text,
                ["Anpassungen", "adaptations", "adaptations"],
            ),
            field("from", Date, FROM),
            field("to", Date, TO),
        ],
    )],
};

/// The note that was written for coaches.
const PROTECTION: Form = Form {
    fields: &[
        AS_OF_FIELD,
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
    lists: &[],
};

/// Steps of the plan for which the institution is responsible.
const PLAN: Form = Form {
    fields: &[AS_OF_FIELD],
    lists: &[entries(
        "steps",
        ["Schritte", "étapes", "steps"],
        &[
            required("title", Line, ["Schritt", "étape", "step"]),
            field("catalogue", Line, ["Angebot", "offre", "catalogue entry"]),
            field("responsible", Responsible, RESPONSIBLE),
            field("start", Date, ["Beginn", "début", "start"]),
            field("end", Date, ["Ende", "fin", "end"]),
            field("due", Date, DUE),
            field(
                "review_at",
                Date,
                ["Überprüfung am", "bilan le", "reviewed on"],
            ),
            field("status", STEP, STATUS),
        ],
    )],
};

/// Tasks for which the institution is responsible.
const TASKS: Form = Form {
    fields: &[AS_OF_FIELD],
    lists: &[entries(
        "tasks",
        ["Aufgaben", "tâches", "tasks"],
        &[
            required("title", Line, ["Aufgabe", "tâche", "task"]),
            field("responsible", Responsible, RESPONSIBLE),
            field("due", Date, DUE),
            field("status", TASK, STATUS),
        ],
    )],
};

/// What consents cover for the institution itself.
const CONSENT: Form = Form {
    fields: &[AS_OF_FIELD],
    lists: &[entries(
        "shares",
        ["Einwilligungen", "consentements", "consents"],
        &[
            required("section", Line, ["Bereich", "section", "section"]),
            field("purpose", Line, ["Zweck", "but", "purpose"]),
            field("kind", Line, KIND),
            field("from", Date, FROM),
            field("to", Date, TO),
            field(
                "withdrawn",
                Date,
                ["widerrufen am", "retiré le", "withdrawn on"],
            ),
            field(
                "replaced",
                Date,
                ["ersetzt am", "remplacé le", "replaced on"],
            ),
        ],
    )],
};

/// The table of a section's slices; nothing for a section of which there are none.
pub fn form_of_slice(of: &SectionKind) -> Option<&'static Form> {
    Some(match of {
        SectionKind::Core => &CORE,
        SectionKind::Labour => &LABOUR,
        SectionKind::Education => &EDUCATION,
        SectionKind::Function => &FUNCTION,
        SectionKind::Protection => &PROTECTION,
        SectionKind::Plan => &PLAN,
        SectionKind::Tasks => &TASKS,
        SectionKind::Consent => &CONSENT,
        _ => return None,
    })
}

/// Whether a value that is replaced may stay in the slice's history, as it would on paper: days, codes and
/// numbers. Words, names and addresses may not.
pub(crate) fn may_stay_in_history(value: ValueType) -> bool {
    matches!(
        value,
        Date | PartialDate
            | Time
            | Minutes
            | Percent
            | Amount
            | Country
            | Language
            | LanguageLevel
            | Permit
            | Commune
            | ProblemArea
            | Severity
            | JournalKind
            | Truth
            | Code(_)
    )
}
