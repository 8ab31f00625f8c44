//! Values of several parts that change together.
//!
//! Each is stored as one immutable JSON string: two people who change an address concurrently make
//! one conflict between two addresses, never a street of one and a town of the other.

mod consent;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fields::{
    CountryCode, Date, Field, FieldError, InstitutionId, Line, LocalNumber, Name, PersonId,
    SwissPostcode,
};
use crate::role::InstitutionKind;

pub use consent::{ConsentDetails, ConsentScope, ConsentScopes, Giver};

/// A postal address (eCH-0010). A hidden address does not belong here but in `protection`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street, or what stands in its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub street: Option<Name>,
    /// House number with letter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub house_number: Option<Name>,
    /// Second line: care of, post box.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extra_line: Option<Name>,
    /// Postcode; an address in another country has it in `town`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub postcode: Option<SwissPostcode>,
    /// Town.
    pub town: Name,
    /// Country; Switzerland where it is missing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<CountryCode>,
}

/// Who leads the case. Exactly one does; two concurrent ones stand as a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// The institution.
    pub institution: InstitutionId,
    /// The person there.
    pub person: PersonId,
    /// First day.
    pub since: Date,
    /// Last day, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Date>,
}

/// A body that is involved in the case, whether or not it uses this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Its kind.
    pub kind: InstitutionKind,
    /// Its name.
    pub name: Name,
    /// Whom to ask there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<Line>,
}

/// The number under which an institution knows the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalId {
    /// The institution.
    pub institution: InstitutionId,
    /// Its number for the person.
    pub number: LocalNumber,
}

/// A record reads and writes JSON; unlike the other fields it does not read what `Display` shows.
macro_rules! record {
    ($type:ty, $field:literal) => {
        impl Field for $type {
            const NAME: &'static str = $field;

            fn parse(input: &str) -> Result<Self, FieldError> {
                // The parser's own message may repeat the value, so it is not passed on.
                serde_json::from_str(input).map_err(|error| {
                    FieldError::new(
                        $field,
                        "format",
                        format!(
                            "it is not complete or not correct at character {}",
                            error.column()
                        ),
                        "give each of its parts in its form",
                    )
                })
            }

            fn canonical(&self) -> String {
                // Structs of strings: the writer has nothing to refuse.
                serde_json::to_string(self).unwrap_or_default()
            }
        }
    };
}

pub(crate) use record;

record!(Address, "address");
record!(Lead, "lead");
record!(Body, "body");
record!(LocalId, "local_id");

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let street = joined([
            self.street.as_ref().map(ToString::to_string),
            self.house_number.as_ref().map(ToString::to_string),
        ]);
        let town = joined([
            self.postcode.as_ref().map(ToString::to_string),
            Some(self.town.to_string()),
        ]);
        let extra = self.extra_line.as_ref().map(ToString::to_string);
        let country = self.country.as_ref().map(ToString::to_string);
        let lines = [Some(street), extra, Some(town), country];
        let lines: Vec<String> = lines
            .into_iter()
            .flatten()
            .filter(|line| !line.is_empty())
            .collect();
        formatter.write_str(&lines.join(", "))
    }
}

fn joined(parts: [Option<String>; 2]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" ")
}

impl fmt::Display for Lead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}, {}–",
            self.institution, self.person, self.since
        )?;
        self.until.map_or(Ok(()), |until| until.fmt(formatter))
    }
}

impl fmt::Display for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.kind)
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.institution, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_round_trips_and_shows_as_one_line() {
        let json = r#"{"street":"Dorfstrasse","house_number":"12a","postcode":"3550","town":"Langnau i. E."}"#;
        let address = Address::parse(json).unwrap();
        assert_eq!(address.canonical(), json);
        assert_eq!(address.to_string(), "Dorfstrasse 12a, 3550 Langnau i. E.");
        assert!(!format!("{address:?}").contains("Dorfstrasse"));
    }

    #[test]
    fn incomplete_or_wrong_records_are_refused() {
        for wrong in [
            "",
            "{}",
            r#"{"town":""}"#,
            r#"{"town":"x","postcode":"999"}"#,
        ] {
            assert_eq!(Address::parse(wrong).unwrap_err().code, "format", "{wrong}");
        }
        assert!(Lead::parse(r#"{"institution":"rav","person":"berger"}"#).is_err());
        assert!(
            Lead::parse(r#"{"institution":"rav","person":"berger","since":"2026-09-01"}"#).is_ok()
        );
    }

    #[test]
    fn a_local_number_round_trips_and_hides_from_debug() {
        let json = r#"{"institution":"soz-oberemmental","number":"D-4711/26"}"#;
        let local = LocalId::parse(json).unwrap();
        assert_eq!(local.canonical(), json);
        assert_eq!(local.to_string(), "soz-oberemmental: D-4711/26");
        assert!(!format!("{local:?}").contains("4711"));
        for wrong in [
            r#"{"number":"1"}"#,
            r#"{"institution":"soz","number":""}"#,
            r#"{"institution":"a b","number":"1"}"#,
        ] {
            assert_eq!(LocalId::parse(wrong).unwrap_err().code, "format", "{wrong}");
        }
    }

    #[test]
    fn a_part_of_a_newer_version_does_not_hide_the_record() {
        let newer = r#"{"kind":"alv","name":"RAV Langnau","floor":"2"}"#;
        assert_eq!(Body::parse(newer).unwrap().name.as_str(), "RAV Langnau");
    }
}
