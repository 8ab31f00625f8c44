//! Tables of the sections about what is done: measures, meetings, employers, notes, accesses.

use super::ValueType::{self, *};
use super::{CodeList, FROM, Form, KIND, NOTE, STATUS, TO, entries, field, records, required};

const TEXT: [&str; 3] = ["Text", "texte", "text"];
const WHEN: [&str; 3] = ["wann", "quand", "when"];
const WORKLOAD: [&str; 3] = [
    "Pensum in Prozent",
    "taux en pour cent",
    "workload in per cent",
];

const MEASURE_STATUS: ValueType = Code(&[
    ("planned", ["geplant", "planifiée", "planned"]),
    ("requested", ["beantragt", "demandée", "requested"]),
    ("running", ["läuft", "en cours", "running"]),
    ("done", ["abgeschlossen", "terminée", "done"]),
    ("aborted", ["abgebrochen", "interrompue", "aborted"]),
    ("refused", ["abgelehnt", "refusée", "refused"]),
]);
const PRESENCE: ValueType = Code(&[
    ("present", ["anwesend", "présence", "present"]),
    ("late", ["verspätet", "retard", "late"]),
    ("excused", ["entschuldigt", "absence excusée", "excused"]),
    ("sick", ["krank", "maladie", "sick"]),
    (
        "absent",
        ["unentschuldigt", "absence non excusée", "absent"],
    ),
]);
const MEASURE_REPORT: ValueType = Code(&[
    (
        "interim",
        ["Zwischenbericht", "rapport intermédiaire", "interim report"],
    ),
    ("final", ["Schlussbericht", "rapport final", "final report"]),
    ("incident", ["Vorfall", "incident", "incident"]),
]);

/// One measure: mandate, attendance, reports.
pub(super) const MEASURE: Form = Form {
    fields: &[
        field("title", Line, ["Massnahme", "mesure", "measure"]),
        field("catalogue", Line, ["Angebot", "offre", "catalogue entry"]),
        field("provider", Line, ["Anbieter", "organisateur", "provider"]),
        field("mandate", Text, ["Auftrag", "mandat", "mandate"]),
        field("from", Date, FROM),
        field("to", Date, TO),
        field("workload", Percent, WORKLOAD),
        field("status", MEASURE_STATUS, STATUS),
        field("reason", Text, ["Begründung", "motif", "reason"]),
    ],
    lists: &[
        records(
            "attendance",
            ["Präsenz", "présence", "attendance"],
            &[
                required("date", Date, ["Datum", "date", "date"]),
                required("presence", PRESENCE, ["Präsenz", "présence", "presence"]),
                field("note", Line, NOTE),
            ],
        ),
        records(
            "reports",
            ["Berichte", "rapports", "reports"],
            &[
                required("date", Date, ["Datum", "date", "date"]),
                required("kind", MEASURE_REPORT, KIND),
                required("text", Report, TEXT),
            ],
        ),
    ],
};

/// Notes of one institution.
pub(super) const INTERNAL: Form = Form {
    fields: &[field(
        "enquiry",
        Line,
        [
            "aus der anonymen Anfrage",
            "issu de la demande anonyme",
            "from the anonymous enquiry",
        ],
    )],
    lists: &[records(
        "notes",
        ["Notizen", "notes", "notes"],
        &[
            required("kind", JournalKind, KIND),
            field("at", Time, WHEN),
            required("text", Report, TEXT),
        ],
    )],
};

/// Whether somebody who was invited to a round table comes or came.
pub const ATTENDANCE: CodeList = &[
    ("invited", ["eingeladen", "invité", "invited"]),
    ("accepted", ["zugesagt", "accepté", "accepted"]),
    ("declined", ["abgesagt", "décliné", "declined"]),
    ("attended", ["dabei", "présent", "attended"]),
    ("absent", ["gefehlt", "absent", "absent"]),
];
const ATTENDED: ValueType = Code(ATTENDANCE);

/// One round table: date, place, invitees, agenda with minutes, decisions, documents, length.
///
/// The minutes stand with the point of the agenda that they are of: each is a text of its own that
/// several people write at once.
pub(super) const MEETING: Form = Form {
    fields: &[
        field("at", Time, WHEN),
        field("place", Line, ["Ort", "lieu", "place"]),
        field("purpose", Text, ["Anlass", "but", "purpose"]),
        field(
            "length",
            Minutes,
            ["Dauer in Minuten", "durée en minutes", "length in minutes"],
        ),
    ],
    lists: &[
        entries(
            "invitees",
            ["Eingeladene", "personnes invitées", "invitees"],
            &[
                required("who", Line, ["wer", "qui", "who"]),
                field("of", Line, ["Stelle", "organisme", "body"]),
                field(
                    "attendance",
                    ATTENDED,
                    ["Teilnahme", "participation", "attendance"],
                ),
            ],
        ),
        entries(
            "agenda",
            [
                "Traktanden und Protokoll",
                "ordre du jour et procès-verbal",
                "agenda and minutes",
            ],
            &[
                required("point", Line, ["Traktandum", "point", "point"]),
                field(
                    "planned",
                    Minutes,
                    ["vorgesehene Minuten", "minutes prévues", "minutes planned"],
                ),
                field(
                    "minutes",
                    Wording,
                    ["Protokoll", "procès-verbal", "minutes"],
                ),
            ],
        ),
        entries(
            "decisions",
            ["Beschlüsse", "décisions", "decisions"],
            &[
                required("decision", Text, ["Beschluss", "décision", "decision"]),
                field(
                    "responsible",
                    Responsible,
                    ["verantwortlich", "responsable", "responsible"],
                ),
                field("due", Date, ["fällig am", "échéance", "due"]),
                field(
                    "task",
                    Line,
                    ["wurde zur Aufgabe", "devenue tâche", "became the task"],
                ),
                field(
                    "step",
                    Line,
                    ["wurde zum Schritt", "devenue étape", "became the step"],
                ),
            ],
        ),
        entries(
            "documents",
            [
                "freigegebene Unterlagen",
                "documents communiqués",
                "documents released",
            ],
            &[required(
                "document",
                Line,
                ["Unterlage", "document", "document"],
            )],
        ),
    ],
};

const DISCLOSURE: ValueType = Code(&[
    ("shown", ["gezeigt", "montré", "shown"]),
    (
        "copy",
        ["Kopie abgegeben", "copie remise", "copy handed over"],
    ),
    ("sent", ["zugestellt", "envoyé", "sent"]),
    ("oral", ["mündlich", "oralement", "said"]),
    (
        "printed",
        [
            "als Seite ausgegeben",
            "sorti en page",
            "as a page to print",
        ],
    ),
    (
        "exported",
        [
            "in eine Datei ausgegeben",
            "exporté dans un fichier",
            "exported to a file",
        ],
    ),
    ("extract", ["Auszug", "extrait", "extract"]),
    (
        "taken_over",
        [
            "in einen Fall übernommen",
            "repris dans un cas",
            "taken over into a case",
        ],
    ),
]);
const DEVICE: ValueType = Code(&[
    ("computer", ["Computer", "ordinateur", "computer"]),
    ("mobile", ["Mobilgerät", "appareil mobile", "mobile device"]),
]);

/// Disclosures and reads: every reader writes what they did themselves, and nobody changes it. Who
/// did it is who wrote it, by the verified author.
pub(super) const ACCESS: Form = Form {
    fields: &[],
    lists: &[
        records(
            "disclosures",
            ["Bekanntgaben", "communications", "disclosures"],
            &[
                required("to", Line, ["an", "à", "to"]),
                required("sections", Line, ["Bereiche", "sections", "sections"]),
                required("basis", Line, ["gestützt auf", "sur la base de", "basis"]),
                field("at", Time, WHEN),
                field(
                    "form",
                    DISCLOSURE,
                    ["in welcher Form", "sous quelle forme", "how"],
                ),
            ],
        ),
        records(
            "reads",
            ["Einsichten", "consultations", "reads"],
            &[
                required("sections", Line, ["Bereiche", "sections", "sections"]),
                field("at", Time, WHEN),
                field("until", Time, ["zuletzt", "dernière fois", "last"]),
                field(
                    "times",
                    Times,
                    ["wie oft", "combien de fois", "how many times"],
                ),
                field("device", DEVICE, ["Gerät", "appareil", "device"]),
                field("purpose", Line, ["Zweck", "but", "purpose"]),
            ],
        ),
    ],
};

const EMPLOYER_AGREEMENT: ValueType = Code(&[
    (
        "taster",
        ["Schnupperlehre", "stage d'observation", "taster"],
    ),
    ("trial", ["Arbeitsversuch", "essai de travail", "trial"]),
    ("placement", ["Praktikum", "stage", "placement"]),
    (
        "apprenticeship",
        ["Lehre", "apprentissage", "apprenticeship"],
    ),
    ("employment", ["Anstellung", "emploi", "employment"]),
]);

/// One employer: agreement, adaptations, contact log.
pub(super) const EMPLOYER: Form = Form {
    fields: &[
        field("name", Line, ["Arbeitgeber", "employeur", "employer"]),
        field("uid", Uid, ["UID", "IDE", "company number (UID)"]),
        field(
            "contact",
            Line,
            ["Ansprechperson", "personne de contact", "contact"],
        ),
        field("phone", Phone, ["Telefon", "téléphone", "telephone"]),
        field("email", Email, ["E-Mail", "courriel", "e-mail"]),
        field("address", Address, ["Adresse", "adresse", "address"]),
        field(
            "agreement",
            EMPLOYER_AGREEMENT,
            ["Vereinbarung", "convention", "agreement"],
        ),
        field(
            "terms",
            Text,
            [
                "Inhalt der Vereinbarung",
                "contenu de la convention",
                "terms",
            ],
        ),
        field("workload", Percent, WORKLOAD),
        field("from", Date, FROM),
        field("to", Date, TO),
    ],
    lists: &[
        entries(
            "adaptations",
            [
                "Anpassungen des Arbeitsplatzes",
                "adaptations du poste",
                "adaptations of the workplace",
            ],
            &[
                required(
                    "adaptation",
                    Text,
                    ["Anpassung", "adaptation", "adaptation"],
                ),
                field("from", Date, FROM),
                field("to", Date, TO),
            ],
        ),
        records(
            "contacts",
            ["Kontakte", "contacts", "contacts"],
            &[
                required("kind", JournalKind, KIND),
                field("at", Time, WHEN),
                required("text", Text, TEXT),
            ],
        ),
    ],
};
