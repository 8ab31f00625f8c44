//! Legal bases: the codes that a right may rest on in place of a consent, with what they are called.
//!
//! The list is data. The one that comes with the program names articles as practice cites them; nobody has
//! compared its texts with the law (`checked` is false), so they say what a code stands for and are never
//! quoted as law. An institution may put a list of its own in its place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::fields::FieldError;

/// The list that comes with the program.
const PROVIDED: &str = include_str!("../data/legal_bases.json");
/// The version of the form that this crate reads.
const SCHEMA_VERSION: u64 = 1;
/// Characters of a code, and of each of its texts.
const CODE_CHARS_MAX: usize = 40;
const TEXT_CHARS_MAX: usize = 500;
/// Codes in one list.
const BASES_MAX: usize = 1_000;

/// A code, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalBasis {
    /// As it is typed and stored, e.g. `IVG68bis2`.
    pub code: String,
    /// In German.
    pub de: String,
    /// In French.
    pub fr: String,
    /// Whether somebody who answers for it compared the texts with the law in force.
    #[serde(default)]
    pub checked: bool,
}

/// The list of codes that a device knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalBases(Vec<LegalBasis>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u64,
    bases: Vec<LegalBasis>,
}

impl LegalBases {
    /// The list that comes with the program.
    pub fn provided() -> Self {
        // A test holds that it reads.
        Self::parse(PROVIDED).unwrap_or_else(|_| Self(Vec::new()))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// A [`FieldError`] that names the line or the code that is wrong.
    pub fn parse(json: &str) -> Result<Self, FieldError> {
        let file: File = serde_json::from_str(json).map_err(|error| {
            refused(
                "syntax",
                format!("line {}, column {}: {error}", error.line(), error.column()),
                "correct it there",
            )
        })?;
        if file.schema_version != SCHEMA_VERSION {
            return Err(refused(
                "schema_version",
                "this version of the form is not known",
                "write 1, or use a newer nahtlos",
            ));
        }
        let mut known = BTreeSet::new();
        for basis in &file.bases {
            basis.check()?;
            if !known.insert(basis.code.to_ascii_lowercase()) {
                let reason = format!("the code {} stands there twice", basis.code);
                return Err(refused("twice", reason, "keep one of them"));
            }
        }
        if file.bases.is_empty() || file.bases.len() > BASES_MAX {
            let remedy = format!("name 1 to {BASES_MAX} codes");
            return Err(refused("empty", "it names no code, or too many", remedy));
        }
        Ok(Self(file.bases))
    }

    /// The basis of a code, however its letters are written.
    pub fn find(&self, code: &str) -> Option<&LegalBasis> {
        let wanted = code.trim();
        let mut bases = self.0.iter();
        bases.find(|basis| basis.code.eq_ignore_ascii_case(wanted))
    }

    /// In the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &LegalBasis> {
        self.0.iter()
    }
}

/// Whether a text has the form of a code; which ones there are, a list says.
pub fn is_code(text: &str) -> bool {
    (1..=CODE_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !["consent", "lead"].contains(&text.to_ascii_lowercase().as_str())
}

impl LegalBasis {
    fn check(&self) -> Result<(), FieldError> {
        if !is_code(&self.code) {
            let reason = format!("{:?} cannot be a code", self.code);
            let remedy = "write 1 to 40 letters and digits, and neither `consent` nor `lead`";
            return Err(refused("code", reason, remedy));
        }
        let is_text = |text: &str| {
            !text.trim().is_empty()
                && text.chars().count() <= TEXT_CHARS_MAX
                && !text.chars().any(char::is_control)
        };
        if is_text(&self.de) && is_text(&self.fr) {
            return Ok(());
        }
        let reason = format!("the texts of {} are empty, too long or not text", self.code);
        Err(refused(
            "text",
            reason,
            "write `de` and `fr` in one line each",
        ))
    }
}

fn refused(code: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> FieldError {
    FieldError::new("legal_bases", code, reason, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provided_list_reads_names_what_practice_cites_and_claims_no_text_as_law() {
        let bases = LegalBases::parse(PROVIDED).unwrap();
        assert_eq!(bases, LegalBases::provided());
        for code in ["AVG35a1", "ivg68BIS2", "SHG8", "AHVG153c", " ATSG32 "] {
            assert!(bases.find(code).is_some(), "{code}");
        }
        assert!(bases.find("AVG99").is_none());
        assert!(bases.iter().all(|basis| !basis.checked));
    }

    #[test]
    fn a_list_of_ones_own_is_read_whole_or_refused_with_the_place() {
        let own = r#"{"schema_version": 1, "bases": [
  {"code": "LASoc12", "de": "Sozialhilfe", "fr": "aide sociale", "checked": true}]}"#;
        let bases = LegalBases::parse(own).unwrap();
        assert!(bases.find("lasoc12").unwrap().checked);
        assert!(
            bases.find("AVG35a1").is_none(),
            "it stands in place of the other"
        );
        for (from, to, code) in [
            ("1,", "2,", "schema_version"),
            ("LASoc12", "LA Soc", "code"),
            ("LASoc12", "Consent", "code"),
            ("Sozialhilfe", " ", "text"),
            ("aide sociale", "aide\\nsociale", "text"),
            ("\"fr\"", "\"it\"", "syntax"),
        ] {
            let refused = LegalBases::parse(&own.replace(from, to)).unwrap_err();
            assert_eq!(refused.code, code, "{to}");
        }
        let syntax = LegalBases::parse(&own.replace("\"fr\"", "\"it\"")).unwrap_err();
        assert!(syntax.reason.starts_with("line 2,"), "{syntax}");
        let twice = own.replace("}]}", r#"}, {"code": "LASOC12", "de": "a", "fr": "b"}]}"#);
        assert_eq!(LegalBases::parse(&twice).unwrap_err().code, "twice");
        let empty = r#"{"schema_version": 1, "bases": []}"#;
        assert_eq!(LegalBases::parse(empty).unwrap_err().code, "empty");
    }
}
