//! Sections that are described by a table: which fields and lists they have, of which type, how
//! each merges, and what people call it.
//!
//! One edit ([`crate::edit::FormEdit`]), one view ([`crate::view::FormView`]) and one way of reading
//! a file work over all of them. A section with rules of its own (the plan, tasks, the journal,
//! the consent ledger) has code of its own instead.
//!
//! Every such section's document is born with the same four maps ([`CONTAINERS`]), so that a later
//! version may add fields and lists without making another document of it:
//!
//! | Map | Holds | Merges |
//! |---|---|---|
//! | `fields` | fields that the section has once | single values; concurrent ones stand as a conflict |
//! | `entries` | entries of lists, by id | add-wins; inside one: single values and collaborative texts |
//! | `records` | entries that are never changed | immutable append; a correction is a new one |
//! | `acknowledged` | conflicts that somebody has looked at | |

mod circumstances;
mod enquiry;
mod person;
mod slice;
mod value_type;
mod work;

pub use enquiry::ENQUIRY_ANSWERS;
pub use slice::form_of_slice;
pub(crate) use slice::{AS_OF, may_stay_in_history};
pub use value_type::{CodeList, ValueType};
pub use work::ATTENDANCE;

use crate::fields::FieldError;
use crate::labels::Names;
use crate::section::SectionKind;

/// The maps that every section described by a table is born with.
pub const CONTAINERS: &[&str] = &["acknowledged", "entries", "fields", "records"];

/// In an entry: the code of the list that it belongs to.
pub(crate) const LIST: &str = "list";
/// In an entry: whether it was deleted.
pub(crate) const DELETED: &str = "deleted";
/// In a record: the record that it corrects.
pub(crate) const CORRECTION_OF: &str = "correction_of";

// Labels that stand in several tables.
const FROM: Names = ["von", "du", "from"];
const TO: Names = ["bis", "au", "to"];
const SINCE: Names = ["seit", "depuis", "since"];
const KIND: Names = ["Art", "genre", "kind"];
const STATUS: Names = ["Stand", "état", "status"];
const NOTE: Names = ["Bemerkung", "remarque", "note"];

/// What a section holds.
#[derive(Debug)]
pub struct Form {
    /// Fields that it has once.
    pub fields: &'static [FormField],
    /// Lists of entries.
    pub lists: &'static [FormList],
}

/// A list of entries, each with an identifier.
#[derive(Debug)]
pub struct FormList {
    /// The stable code.
    pub code: &'static str,
    /// German, French and English title.
    pub names: Names,
    /// What becomes of an entry once it is written.
    pub keeps: Keeps,
    /// The fields of an entry; the first is what it is called by.
    pub fields: &'static [FormField],
}

/// What becomes of an entry once it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// It may be changed, deleted and brought back.
    Entries,
    /// It stays as it was written.
    Records,
}

/// A field of a section or of an entry.
#[derive(Debug, Clone, Copy)]
pub struct FormField {
    /// The stable code, of small letters and `_`. One that ends with `from` and one of the same
    /// beginning that ends with `to` are the first and last day of a span.
    pub code: &'static str,
    /// What may stand in it.
    pub value: ValueType,
    /// Whether an entry must have it.
    pub is_required: bool,
    /// German, French and English label.
    pub names: Names,
}

const fn field(code: &'static str, value: ValueType, names: Names) -> FormField {
    FormField {
        code,
        value,
        is_required: false,
        names,
    }
}

const fn required(code: &'static str, value: ValueType, names: Names) -> FormField {
    FormField {
        code,
        value,
        is_required: true,
        names,
    }
}

const fn entries(code: &'static str, names: Names, fields: &'static [FormField]) -> FormList {
    FormList {
        code,
        names,
        keeps: Keeps::Entries,
        fields,
    }
}

const fn records(code: &'static str, names: Names, fields: &'static [FormField]) -> FormList {
    FormList {
        code,
        names,
        keeps: Keeps::Records,
        fields,
    }
}

/// The table of a section; nothing for one with code of its own, or of a newer version.
pub fn form_of(section: &SectionKind) -> Option<&'static Form> {
    Some(match section {
        SectionKind::Labour => &person::LABOUR,
        SectionKind::Education => &person::EDUCATION,
        SectionKind::Medical => &person::MEDICAL,
        SectionKind::Social => &circumstances::SOCIAL,
        SectionKind::Finance => &circumstances::FINANCE,
        SectionKind::Migration => &circumstances::MIGRATION,
        SectionKind::Protection => &circumstances::PROTECTION,
        SectionKind::Measure(_) => &work::MEASURE,
        SectionKind::Internal(_) => &work::INTERNAL,
        SectionKind::Meeting(_) => &work::MEETING,
        SectionKind::Access => &work::ACCESS,
        SectionKind::Employer(_) => &work::EMPLOYER,
        SectionKind::Slice(slice) => return form_of_slice(slice.of()),
        SectionKind::Enquiry => &enquiry::ENQUIRY,
        SectionKind::Core
        | SectionKind::Ident
        | SectionKind::Function
        | SectionKind::Plan
        | SectionKind::Journal
        | SectionKind::Tasks
        | SectionKind::Consent
        | SectionKind::Unknown(_) => return None,
    })
}

impl Form {
    /// The field that the section has once, by its code.
    pub fn field(&self, code: &str) -> Option<&'static FormField> {
        self.fields.iter().find(|field| field.code == code)
    }

    /// The list with this code.
    pub fn list(&self, code: &str) -> Option<&'static FormList> {
        self.lists.iter().find(|list| list.code == code)
    }

    /// The field of an entry, whichever list it stands in: within one section a code means one thing.
    pub(crate) fn field_of_entries(&self, code: &str) -> Option<&'static FormField> {
        self.lists.iter().find_map(|list| list.field(code))
    }
}

impl FormList {
    /// The field with this code.
    pub fn field(&self, code: &str) -> Option<&'static FormField> {
        self.fields.iter().find(|field| field.code == code)
    }

    /// The map of the document that its entries stand in.
    pub const fn container(&self) -> &'static str {
        match self.keeps {
            Keeps::Entries => "entries",
            Keeps::Records => "records",
        }
    }
}

/// The first and the last day of the span that a field is part of, by their codes.
pub(crate) fn span_of(code: &str) -> Option<(String, String)> {
    let stem = code
        .strip_suffix("from")
        .or_else(|| code.strip_suffix("to"))
        .filter(|stem| stem.is_empty() || stem.ends_with('_'))?;
    Some((format!("{stem}from"), format!("{stem}to")))
}

/// Refuses a span that ends before it begins. Of days that are known in part only what both know
/// is compared; ISO 8601 orders as text.
pub(crate) fn check_span(
    last_field: &'static str,
    first: Option<&str>,
    last: Option<&str>,
) -> Result<(), FieldError> {
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(());
    };
    let common = first.len().min(last.len());
    if last.get(..common) >= first.get(..common) {
        return Ok(());
    }
    Err(FieldError::new(
        last_field,
        "order",
        "the last day is before the first",
        "check both dates; where both change, give both at once",
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn forms() -> Vec<(SectionKind, &'static Form)> {
        [
            "labour",
            "education",
            "medical",
            "social",
            "finance",
            "migration",
            "protection",
            "measure/m1",
            "internal/iv",
            "meeting/t1",
            "access",
            "employer/e1",
            "enquiry",
        ]
        .into_iter()
        .map(|code| {
            let section = SectionKind::from_code(code);
            let form = form_of(&section).unwrap();
            (section, form)
        })
        .collect()
    }

    #[test]
    fn every_section_has_either_a_table_or_code_of_its_own() {
        for code in [
            "core", "ident", "function", "plan", "journal", "tasks", "consent",
        ] {
            assert!(form_of(&SectionKind::parse(code).unwrap()).is_none());
        }
        assert_eq!(forms().len(), 13);
        assert!(form_of(&SectionKind::Unknown("genetics".into())).is_none());
    }

    #[test]
    fn codes_are_stable_words_and_everything_has_three_names() {
        let is_code = |code: &str| {
            !code.is_empty()
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        for (section, form) in forms() {
            let of_lists = form.lists.iter().flat_map(|list| list.fields);
            for field in form.fields.iter().chain(of_lists) {
                assert!(is_code(field.code), "{section} {}", field.code);
                assert!(![LIST, DELETED, CORRECTION_OF].contains(&field.code));
                assert!(field.names.iter().all(|name| !name.is_empty()));
            }
            for list in form.lists {
                assert!(is_code(list.code), "{section} {}", list.code);
                assert!(list.names.iter().all(|name| !name.is_empty()));
                assert!(
                    list.fields.first().unwrap().is_required,
                    "{section} {}",
                    list.code
                );
                assert!(form.field(list.code).is_none(), "{section} {}", list.code);
            }
        }
    }

    #[test]
    fn within_one_section_a_code_of_an_entry_means_one_thing() {
        for (section, form) in forms() {
            let mut known: BTreeMap<&str, (Names, ValueType)> = BTreeMap::new();
            for field in form.lists.iter().flat_map(|list| list.fields) {
                let meaning = (field.names, field.value);
                let before = known.insert(field.code, meaning);
                assert!(
                    before.is_none_or(|before| before == meaning),
                    "{section} {}",
                    field.code
                );
            }
        }
    }

    #[test]
    fn collaborative_texts_stand_in_entries_that_may_be_changed() {
        for (section, form) in forms() {
            let wording = |field: &&FormField| field.value == ValueType::Wording;
            assert!(form.fields.iter().find(wording).is_none(), "{section}");
            for list in form
                .lists
                .iter()
                .filter(|list| list.keeps == Keeps::Records)
            {
                assert!(list.fields.iter().find(wording).is_none(), "{section}");
            }
        }
    }

    #[test]
    fn a_span_is_known_by_its_two_codes_and_never_ends_before_it_begins() {
        let pair = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
        assert_eq!(span_of("from"), pair("from", "to"));
        assert_eq!(
            span_of("framework_to"),
            pair("framework_from", "framework_to")
        );
        for other in ["photo", "available", "platform"] {
            assert_eq!(span_of(other), None, "{other}");
        }
        for (first, last) in [
            ("2026-03-01", "2026-03-01"),
            ("2026-03", "2026-03-01"),
            ("2026", "2026-01-31"),
            ("2026-03-15", "2026-03"),
        ] {
            assert!(
                check_span("to", Some(first), Some(last)).is_ok(),
                "{first} {last}"
            );
        }
        for (first, last) in [("2026-03-02", "2026-03-01"), ("2026-03", "2026-02-28")] {
            assert!(
                check_span("to", Some(first), Some(last)).is_err(),
                "{first} {last}"
            );
        }
        assert!(check_span("to", None, Some("2026")).is_ok());
    }
}
