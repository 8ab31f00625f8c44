//! Dated lists of names: communes, permits, kinds of institutions. Data, which an institution may replace.
//!
//! ```text
//! { "schema_version": 1, "list": "communes", "extract": true,
//!   "entries": [ {"code": "6412", "de": "Peseux", "fr": "Peseux", "canton": "NE", "to": "2020-12-31"} ] }
//! ```
//!
//! A code may stand several times, for times that do not overlap. `extract` says that codes are missing; a
//! code that a list does not have is no wrong one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::reading::{Node, Object, Reading};
use super::{ImportError, parse_text, place};
use crate::fields::{Canton, Commune, Date, Field, FieldError, Line, Permit, coded_enum};
use crate::role::InstitutionKind;

/// The version of the form that this crate reads.
pub const LIST_SCHEMA_VERSION: u64 = 1;
/// Characters of a code.
const CODE_CHARS_MAX: usize = 40;

coded_enum! {
    /// Which list.
    ListName, "list", "write one of communes, permits, institution_kinds" {
        Communes = "communes",
        Permits = "permits",
        InstitutionKinds = "institution_kinds",
    }
}

/// The first and the last day.
type Span = (Option<Date>, Option<Date>);

/// A list that was read without any error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameList {
    /// Which.
    pub list: ListName,
    /// Whether codes are missing.
    pub extract: bool,
    /// In the order of the file.
    pub entries: Vec<Named>,
}

/// A code, and what it is called from a day to a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// As it is stored in a case.
    pub code: String,
    /// In German.
    pub de: String,
    /// In French.
    pub fr: String,
    /// Of a commune.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canton: Option<Canton>,
    /// First day; nothing: since ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day; nothing: until further notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

impl ListName {
    /// The list that comes with the program.
    pub fn provided(self) -> NameList {
        let json = match self {
            Self::Communes => include_str!("../../data/communes.json"),
            Self::Permits => include_str!("../../data/permits.json"),
            Self::InstitutionKinds => include_str!("../../data/institution_kinds.json"),
        };
        // A test holds that it reads.
        NameList::parse(json).unwrap_or(NameList {
            list: self,
            extract: true,
            entries: Vec::new(),
        })
    }

    /// The one form of a code of this list.
    fn canonical(self, code: &str) -> Result<String, FieldError> {
        match self {
            Self::Communes => Commune::parse(code).map(|code| code.canonical()),
            Self::Permits => Permit::parse(code).map(|code| code.canonical()),
            Self::InstitutionKinds => InstitutionKind::parse(code).map(|code| code.canonical()),
        }
    }
}

impl Named {
    /// Whether it is called so on this day.
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

impl NameList {
    /// Reads a list as a whole or not at all.
    ///
    /// # Errors
    /// Every error of the file, each with its place.
    pub fn parse(json: &str) -> Result<Self, Vec<ImportError>> {
        let mut reading = Reading::default();
        let Some(value) = parse_text(json, &mut reading) else {
            return Err(reading.errors);
        };
        match read(&value, &mut reading) {
            Some(list) if reading.errors.is_empty() => Ok(list),
            _ => {
                place::locate(json, &mut reading.errors);
                Err(reading.errors)
            }
        }
    }

    /// The names that are valid on a day.
    pub fn on(&self, day: Date) -> impl Iterator<Item = &Named> {
        self.entries
            .iter()
            .filter(move |named| named.is_valid_on(day))
    }
}

fn read(value: &Json, reading: &mut Reading) -> Option<NameList> {
    let mut root = reading.object(Node::root(value))?;
    let version = value.get("schema_version").and_then(Json::as_u64);
    root.take("schema_version");
    if version != Some(LIST_SCHEMA_VERSION) {
        reading.error(
            "$.schema_version",
            "schema_version",
            "this version of the form is not known",
            "write 1, or use a newer nahtlos",
        );
        return None;
    }
    let list: ListName = root.required(reading, "list")?;
    let extract = root.flag(reading, "extract").unwrap_or(false);
    // What `list show --json` says beside the list: whose it is.
    root.pass_over(&["own"]);
    let nodes = root.list(reading, "entries");
    if nodes.is_empty() {
        reading.error(
            "$.entries",
            "empty",
            "it names nothing",
            "name at least one code",
        );
    }
    let mut entries: Vec<Named> = Vec::new();
    let mut before: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for node in nodes {
        let Some((named, path)) = read_entry(node, reading, list) else {
            continue;
        };
        let times = before.entry(named.code.clone()).or_default();
        if times
            .iter()
            .any(|(from, to)| overlap(*from, *to, named.from, named.to))
        {
            reading.error(
                format!("{path}.code"),
                "overlap",
                "this code is called something else at the same time further up",
                "give the two times that do not overlap, with `from` and `to`",
            );
        }
        times.push((named.from, named.to));
        entries.push(named);
    }
    root.finish(reading);
    Some(NameList {
        list,
        extract,
        entries,
    })
}

fn read_entry(node: Node<'_>, reading: &mut Reading, list: ListName) -> Option<(Named, String)> {
    let mut entry = reading.object(node)?;
    let path = entry.path().to_owned();
    let code: Option<Line> = entry.required(reading, "code");
    let (de, fr): (Option<Line>, Option<Line>) =
        (entry.required(reading, "de"), entry.required(reading, "fr"));
    let canton = read_canton(&mut entry, reading, list);
    let from: Option<Date> = entry.optional(reading, "from");
    let to: Option<Date> = entry.optional(reading, "to");
    super::sections::check_order(&entry, reading, "to", from, to);
    entry.finish(reading);
    let code = code?.canonical();
    let code = match list.canonical(&code) {
        Ok(code) if code.chars().count() <= CODE_CHARS_MAX => code,
        Ok(_) => return None,
        Err(error) => {
            reading.field_error(format!("{path}.code"), error);
            return None;
        }
    };
    let named = Named {
        code,
        de: de?.canonical(),
        fr: fr?.canonical(),
        canton,
        from,
        to,
    };
    Some((named, path))
}

/// A commune lies in a canton, nothing else does.
fn read_canton(entry: &mut Object<'_>, reading: &mut Reading, list: ListName) -> Option<Canton> {
    match list {
        ListName::Communes => entry.required(reading, "canton"),
        _ => None,
    }
}

fn overlap(
    from: Option<Date>,
    to: Option<Date>,
    other_from: Option<Date>,
    other_to: Option<Date>,
) -> bool {
    let ends_before =
        |to: Option<Date>, from: Option<Date>| to.zip(from).is_some_and(|(to, from)| to < from);
    !ends_before(to, other_from) && !ends_before(other_to, from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> Vec<(Option<usize>, String, &'static str)> {
        let errors = NameList::parse(json).unwrap_err();
        let told = errors
            .into_iter()
            .map(|error| (error.line, error.path, error.code));
        told.collect()
    }

    fn communes(entries: &str) -> String {
        format!("{{\"schema_version\": 1, \"list\": \"communes\", \"entries\": [\n{entries}\n]}}")
    }

    #[test]
    fn the_provided_lists_read_and_the_communes_say_that_they_are_an_extract() {
        for name in ListName::ALL {
            let list = name.provided();
            assert_eq!(list.list, *name);
            assert!(!list.entries.is_empty(), "{name}");
        }
        let communes = ListName::Communes.provided();
        assert!(communes.extract);
        let kinds = ListName::InstitutionKinds.provided();
        let codes: Vec<&str> = kinds
            .entries
            .iter()
            .map(|named| named.code.as_str())
            .collect();
        for kind in InstitutionKind::ALL {
            assert!(codes.contains(&kind.code()), "{kind}");
        }
    }

    #[test]
    fn a_name_is_valid_from_its_first_to_its_last_day() {
        let communes = ListName::Communes.provided();
        let day = |text: &str| Date::parse(text).unwrap();
        let has = |code: &str, on: &str| communes.on(day(on)).any(|named| named.code == code);
        assert!(
            has("6412", "2020-12-31") && !has("6412", "2021-01-01"),
            "Peseux"
        );
        assert!(
            !has("6487", "2012-12-31") && has("6487", "2013-01-01"),
            "Val-de-Ruz"
        );
        assert!(has("351", "1999-01-01") && has("351", "2030-01-01"), "Bern");
    }

    #[test]
    fn a_wrong_entry_is_named_by_line_and_field() {
        let right = r#"{"code": "351", "de": "Bern", "fr": "Berne", "canton": "BE"}"#;
        assert!(NameList::parse(&communes(right)).is_ok(), "control");
        for (entry, field, code) in [
            (right.replace("351", "0"), "code", "range"),
            (right.replace("351", "7000"), "code", "range"),
            (right.replace("\"BE\"", "\"XX\""), "canton", "unknown_code"),
            (
                right.replace(", \"canton\": \"BE\"", ""),
                "canton",
                "missing",
            ),
            (right.replace("\"Bern\"", "\"\""), "de", "empty"),
            (
                right.replace("\"canton\"", "\"from\": \"2021-02-30\", \"canton\""),
                "from",
                "no_such_day",
            ),
            (
                right.replace(
                    "\"canton\"",
                    "\"from\": \"2021-01-01\", \"to\": \"2020-01-01\", \"canton\"",
                ),
                "to",
                "order",
            ),
            (
                right.replace("\"de\"", "\"it\": \"Berna\", \"de\""),
                "it",
                "unknown_field",
            ),
        ] {
            let told = refused(&communes(&entry));
            assert_eq!(
                told,
                [(Some(2), format!("$.entries[0].{field}"), code)],
                "{entry}"
            );
        }
        let twice = communes(&format!("{right},\n{right}"));
        assert_eq!(
            refused(&twice),
            [(Some(3), "$.entries[1].code".to_owned(), "overlap")]
        );
        let following = communes(&format!(
            "{},\n{}",
            right.replace("\"canton\"", "\"to\": \"2020-12-31\", \"canton\""),
            right.replace("\"canton\"", "\"from\": \"2021-01-01\", \"canton\"")
        ));
        assert_eq!(NameList::parse(&following).unwrap().entries.len(), 2);
        assert_eq!(refused(&communes(""))[0].2, "empty");
        assert_eq!(refused("{}")[0].2, "schema_version");
        assert_eq!(
            refused(r#"{"schema_version": 1, "list": "rivers"}"#)[0].2,
            "unknown_code"
        );
    }
}
