//! A case file in which every field of every section and list has a value: what pages, files and tables are tried on.

use serde_json::{Map, Value as Json, json};

use crate::form::{Form, FormField, FormList, ValueType, form_of};
use crate::import::SECTIONS;
use crate::section::SectionKind;

/// The file, as `case open --from` reads it. Lists with codes have an entry for each code. `institution` is whose
/// notes the section `internal/…` holds: who opens the file.
pub fn filled_case_file(institution: &str) -> Json {
    let mut file = content();
    if let Some(file) = file.as_object_mut() {
        for (code, section) in SECTIONS {
            if let Some(form) = form_of(&section) {
                file.insert(code.to_owned(), Json::Object(filled(form)));
            }
        }
        let further = [
            SectionKind::Medical,
            SectionKind::Measure("kurs-1".to_owned()),
            SectionKind::Meeting("standort-1".to_owned()),
            SectionKind::Employer("holzbau".to_owned()),
            SectionKind::Internal(institution.to_owned()),
        ];
        let further = further.iter().filter_map(|section| {
            let mut object = filled(form_of(section)?);
            object.insert("section".to_owned(), json!(section.code()));
            Some(Json::Object(object))
        });
        let further = further.collect();
        file.insert("further".to_owned(), Json::Array(further));
    }
    file
}

fn filled(form: &Form) -> Map<String, Json> {
    let mut object = values(form.fields, 0);
    for list in form.lists {
        let entries = (0..entries_of(list)).map(|number| Json::Object(values(list.fields, number)));
        object.insert(list.code.to_owned(), entries.collect());
    }
    object
}

/// One for each code of the field that has most.
fn entries_of(list: &FormList) -> usize {
    let codes = list.fields.iter().map(|field| match field.value {
        ValueType::Code(codes) => codes.len(),
        _ => 1,
    });
    codes.max().unwrap_or(1)
}

fn values(fields: &[FormField], number: usize) -> Map<String, Json> {
    let named = |field: &FormField| (field.code.to_owned(), value(field, number));
    fields.iter().map(named).collect()
}

fn value(field: &FormField, number: usize) -> Json {
    let is_last_day = field.code.ends_with("to") || field.code.ends_with("until");
    match field.value {
        ValueType::Truth => json!(number.is_multiple_of(2)),
        ValueType::Code(codes) => {
            let code = codes.iter().cycle().nth(number).map_or("", |code| code.0);
            json!(code)
        }
        ValueType::Date if is_last_day => json!("2027-03-31"),
        ValueType::Date => json!("2027-03-01"),
        ValueType::PartialDate if is_last_day => json!("2027"),
        ValueType::PartialDate => json!("2019"),
        ValueType::Time if is_last_day => json!("2027-03-31T09:15:00Z"),
        ValueType::Time => json!("2027-03-31T08:15:00Z"),
        ValueType::Minutes => json!("60"),
        ValueType::Times => json!("3"),
        ValueType::Percent => json!("60"),
        ValueType::Amount => json!("125050 Rp"),
        ValueType::Country => json!("BA"),
        ValueType::Language => json!("bs"),
        ValueType::LanguageLevel => json!("B1"),
        ValueType::Permit => json!("03"),
        ValueType::Commune => json!("351"),
        ValueType::Address => json!({
            "street": "Dorfstrasse", "house_number": "12a", "extra_line": "c/o Meier",
            "postcode": "3550", "town": "Langnau", "country": "CH",
        }),
        ValueType::Phone => json!("+41344021122"),
        ValueType::Email => json!("ruth@example.com"),
        ValueType::Uid => json!("CHE-109.322.551"),
        ValueType::ProblemArea => json!("debts"),
        ValueType::Severity => json!("2"),
        ValueType::JournalKind => json!("call"),
        ValueType::Responsible => json!("client"),
        ValueType::Name | ValueType::Line | ValueType::Text | ValueType::Report => {
            json!(format!("Angabe «{}» {number}", field.names[0]))
        }
        ValueType::Wording | ValueType::AnonymousText => json!(format!("Wortlaut {number}")),
    }
}

/// The sections that have a form of their own.
fn content() -> Json {
    json!({
        "schema_version": 1,
        "phase": "running",
        "person": {
            "official_name": "Mosimann", "first_name": "Ruth", "call_name": "Ruthli", "birth": "1982-05-17", "sex": "2",
        },
        "contact": {
            "address": {
                "street": "Marktstrasse", "house_number": "3", "extra_line": "c/o Käser", "postcode": "3550",
                "town": "Langnau", "country": "CH",
            },
            "phone": "+41795550142", "email": "ruth@example.com", "preferred_channel": "phone",
            "voicemail_allowed": false, "correspondence_language": "fr", "interpreter": "bs",
        },
        "bodies": [{ "institution": "iv", "kind": "iv", "name": "IV-Stelle", "contact": "Marc Iseli" }],
        "ident": {
            "ahvn13": "7561234567897", "local_ids": [{ "institution": "rav", "number": "D-4711/26" }],
        },
        "function": [{
            "capacity": "40", "from": "2026-09-01", "to": "2026-12-31", "basis": "Arztbericht", "hours_per_day": "3 bis 4",
            "limits": "keine Nachtarbeit", "adaptations": "Pausen",
        }],
        "journal": [
            { "id": "aaaaaaaaaaaje", "at": "2026-09-08T08:30:00Z", "kind": "meeting", "text": "Erstgespräch." },
            { "id": "aaaaaaaaaaajg", "at": "2026-09-09T08:30:00Z", "kind": "note", "text": "Es waren 60 %.",
              "correction_of": "aaaaaaaaaaaje" },
        ],
        "tasks": [{
            "id": "aaaaaaaaaaatc", "title": "Zeugnisse verlangen", "responsible": "client", "due": "2026-10-02",
            "priority": "2", "status": "in_progress", "reminder": "2026-09-25", "links": ["journal/aaaaaaaaaaaje"],
            "checklist": [{ "text": "Spitex", "done": true }, { "text": "Schule", "done": false }],
        }],
        "plan": {
            "situation": "Seit Juni krank.", "overall_goal": "Arbeit, die geht.", "target": "first_labour_market",
            "job_search_suspended": "2026-09-01/2026-12-31 Krankheit", "contact_rhythm": "alle zwei Wochen", "reachability": "vormittags",
            "goals": [{
                "id": "aaaaaaaaaaaq2", "statement": "Eine Stelle von 50 %", "client_words": "Ich will wieder arbeiten.",
                "area": "psychic", "measure_of_success": "Vertrag", "due": "2027-06-30", "priority": "1", "status": "active",
                "steps": [
                    { "id": "aaaaaaaaaaasc", "title": "Schnuppern", "catalogue": "Probewoche", "responsible": "client",
                      "start": "2026-10-01", "end": "2026-10-31", "due": "2026-10-31", "review_at": "2026-11-15",
                      "status": "done" },
                    { "id": "aaaaaaaaaaase", "title": "Bewerben", "status": "refused", "reason": "noch zu früh",
                      "depends_on": ["aaaaaaaaaaasc"] },
                ],
            }],
            "risks": [{ "description": "Rückfall", "severity": "2", "response": "Arzt anrufen", "status": "open" }],
            "reviews": [{
                "date": "2026-11-15", "participants": "alle", "ratings": "aaaaaaaaaaaq2=1", "outcome": "continue",
                "note": "Es geht voran.",
            }],
        },
    })
}
