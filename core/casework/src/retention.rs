//! How long a closed case is kept, and why one may be erased.
//!
//! Both are data. The periods that come with the program are assumptions: law and practice differ by canton
//! and by institution, so an institution puts a list of its own in its place.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::fields::{Date, Field, FieldError};
use crate::role::InstitutionKind;

/// The list that comes with the program.
const PROVIDED: &str = include_str!("../data/retention.json");
/// The version of the form that this crate reads.
const SCHEMA_VERSION: u64 = 1;
/// Characters of a code, and of each of its texts.
const CODE_CHARS_MAX: usize = 40;
const TEXT_CHARS_MAX: usize = 200;
/// Reasons in one list.
const REASONS_MAX: usize = 100;
/// Years that a case may be kept at most.
const YEARS_MAX: u32 = 100;

/// Why a case may be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureReason {
    /// As it is typed and stored, e.g. `retention_ended`.
    pub code: String,
    /// In German.
    pub de: String,
    /// In French.
    pub fr: String,
    /// In English.
    pub en: String,
    /// Whether it holds only once the case was kept as long as it has to be.
    pub after_retention_only: bool,
}

/// How long cases are kept, and why they may be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    reasons: Vec<ErasureReason>,
    years: Vec<(InstitutionKind, u32)>,
    years_otherwise: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u64,
    reasons: Vec<ErasureReason>,
    years_otherwise: u32,
    years: Vec<YearsOfKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearsOfKind {
    kind: String,
    years: u32,
}

impl Retention {
    /// The list that comes with the program.
    pub fn provided() -> Self {
        // A test holds that it reads. A list that names no reason lets nothing be erased.
        Self::parse(PROVIDED).unwrap_or_else(|_| Self {
            reasons: Vec::new(),
            years: Vec::new(),
            years_otherwise: YEARS_MAX,
        })
    }

    /// Reads a list.
    ///
    /// # Errors
    /// A [`FieldError`] that names the line, the code or the kind that is wrong.
    pub fn parse(json: &str) -> Result<Self, FieldError> {
        let file: File = serde_json::from_str(json).map_err(|error| {
            let place = format!("line {}, column {}: {error}", error.line(), error.column());
            refused("syntax", place, "correct it there")
        })?;
        if file.schema_version != SCHEMA_VERSION {
            let reason = "this version of the form is not known";
            let remedy = "write 1, or use a newer nahtlos";
            return Err(refused("schema_version", reason, remedy));
        }
        let mut known = BTreeSet::new();
        for reason in &file.reasons {
            reason.check()?;
            if !known.insert(&reason.code) {
                let said = format!("the reason {} stands there twice", reason.code);
                return Err(refused("twice", said, "keep one of them"));
            }
        }
        if file.reasons.is_empty() || file.reasons.len() > REASONS_MAX {
            let remedy = format!("name 1 to {REASONS_MAX} reasons");
            return Err(refused("empty", "it names no reason, or too many", remedy));
        }
        check_years("years_otherwise", file.years_otherwise)?;
        let mut years = Vec::new();
        for one in &file.years {
            let kind = InstitutionKind::parse(&one.kind)?;
            check_years(&one.kind, one.years)?;
            if years.iter().any(|(other, _)| *other == kind) {
                let said = format!("the kind {} stands there twice", one.kind);
                return Err(refused("twice", said, "keep one of them"));
            }
            years.push((kind, one.years));
        }
        Ok(Self {
            reasons: file.reasons,
            years,
            years_otherwise: file.years_otherwise,
        })
    }

    /// The reasons, in the order of the list.
    pub fn reasons(&self) -> &[ErasureReason] {
        &self.reasons
    }

    /// The reason of a code.
    ///
    /// # Errors
    /// Where there is none: with those there are.
    pub fn reason(&self, code: &str) -> Result<&ErasureReason, FieldError> {
        let mut reasons = self.reasons.iter();
        reasons
            .find(|reason| reason.code == code.trim())
            .ok_or_else(|| {
                let codes: Vec<&str> = self.reasons.iter().map(|one| one.code.as_str()).collect();
                FieldError::new(
                    "erasure_reason",
                    "unknown_code",
                    format!("{:?} is no reason to erase a case", code.trim()),
                    format!("write one of {}", codes.join(", ")),
                )
            })
    }

    /// How many years a case is kept after its closing by an institution of this kind; of an unknown kind as
    /// of any other.
    pub fn years(&self, kind: Option<InstitutionKind>) -> u32 {
        let mut years = self.years.iter();
        let of_kind = years.find(|(known, _)| Some(*known) == kind);
        of_kind.map_or(self.years_otherwise, |(_, years)| *years)
    }

    /// The first day on which a case that was closed on this one need not be kept any more; none where the
    /// calendar does not reach so far.
    pub fn ends(&self, kind: Option<InstitutionKind>, closed_on: Date) -> Option<Date> {
        let months = self.years(kind).checked_mul(12)?;
        closed_on.plus_months(i32::try_from(months).ok()?)
    }
}

impl ErasureReason {
    /// German, French and English.
    pub fn names(&self) -> [&str; 3] {
        [&self.de, &self.fr, &self.en]
    }

    fn check(&self) -> Result<(), FieldError> {
        let is_code = (1..=CODE_CHARS_MAX).contains(&self.code.len())
            && self
                .code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_code {
            let reason = format!("{:?} cannot be a code", self.code);
            let remedy = "write 1 to 40 lower-case letters, digits or underscores";
            return Err(refused("code", reason, remedy));
        }
        let is_text = |text: &&str| {
            !text.trim().is_empty()
                && text.chars().count() <= TEXT_CHARS_MAX
                && !text.chars().any(char::is_control)
        };
        if self.names().iter().all(is_text) {
            return Ok(());
        }
        let reason = format!("the texts of {} are empty, too long or not text", self.code);
        let remedy = "write `de`, `fr` and `en` in one line each";
        Err(refused("text", reason, remedy))
    }
}

/// The names of a reason by its code; a code that this list does not have is shown as it stands.
pub fn reason_names(retention: &Retention, code: &str) -> [String; 3] {
    match retention.reason(code) {
        Ok(reason) => reason.names().map(str::to_owned),
        Err(_) => std::array::from_fn(|_| code.to_owned()),
    }
}

fn check_years(what: &str, years: u32) -> Result<(), FieldError> {
    if years <= YEARS_MAX {
        return Ok(());
    }
    let reason = format!("{years} years of {what} are too many");
    Err(refused("years", reason, format!("write 0 to {YEARS_MAX}")))
}

fn refused(code: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> FieldError {
    FieldError::new("retention", code, reason, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"{"schema_version": 1, "years_otherwise": 5, "years": [{"kind": "iv", "years": 7}],
"reasons": [{"code": "own_rule", "de": "eigene Regel", "fr": "règle propre", "en": "own rule", "after_retention_only": true}]}"#;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn the_provided_list_reads_and_names_why_a_case_is_erased() {
        let provided = Retention::parse(PROVIDED).unwrap();
        assert_eq!(provided, Retention::provided());
        let early: Vec<&str> = provided
            .reasons()
            .iter()
            .filter(|reason| !reason.after_retention_only)
            .map(|reason| reason.code.as_str())
            .collect();
        assert_eq!(early, ["ordered", "opened_by_mistake", "persons_request"]);
        assert!(
            provided
                .reason("retention_ended")
                .unwrap()
                .after_retention_only
        );
        let unknown = provided.reason("tidy_up").unwrap_err();
        assert_eq!(unknown.code, "unknown_code");
        assert!(unknown.remedy.contains("persons_request"), "{unknown}");
        assert_eq!(
            reason_names(&provided, "of_a_newer_list")[1],
            "of_a_newer_list"
        );
    }

    #[test]
    fn a_case_is_kept_by_the_kind_of_institution_that_leads() {
        let own = Retention::parse(OWN).unwrap();
        let iv = Some(InstitutionKind::Iv);
        assert_eq!(own.ends(iv, day("2026-03-31")), Some(day("2033-03-31")));
        assert_eq!(own.ends(None, day("2026-03-31")), Some(day("2031-03-31")));
        // A day that a year lacks.
        assert_eq!(own.ends(None, day("2024-02-29")), Some(day("2029-02-28")));
        let at_once = Retention::parse(&OWN.replace("\"years\": 7", "\"years\": 0")).unwrap();
        assert_eq!(at_once.ends(iv, day("2026-03-31")), Some(day("2026-03-31")));
    }

    #[test]
    fn a_list_of_ones_own_is_read_whole_or_refused_with_the_place() {
        for (from, to, code) in [
            (
                "\"schema_version\": 1",
                "\"schema_version\": 2",
                "schema_version",
            ),
            ("own_rule", "Own rule", "code"),
            ("eigene Regel", " ", "text"),
            ("règle propre", "règle\\npropre", "text"),
            ("\"years\": 7", "\"years\": 101", "years"),
            (
                "\"years_otherwise\": 5",
                "\"years_otherwise\": 101",
                "years",
            ),
            (
                "\"years_otherwise\": 5",
                "\"years_otherwise\": -1",
                "syntax",
            ),
            ("\"kind\": \"iv\"", "\"kind\": \"nasa\"", "unknown_code"),
            ("\"en\"", "\"it\"", "syntax"),
            (
                "[{\"kind\": \"iv\", \"years\": 7}]",
                "[{\"kind\": \"iv\", \"years\": 7}, {\"kind\": \"iv\", \"years\": 8}]",
                "twice",
            ),
        ] {
            let refused = Retention::parse(&OWN.replace(from, to)).unwrap_err();
            assert_eq!(refused.code, code, "{to}: {refused}");
        }
        assert!(Retention::parse(&OWN.replace("\"years\": 7", "\"years\": 100")).is_ok());
        let none = OWN.split("[{\"code\"").next().unwrap().to_owned() + "[]}";
        assert_eq!(Retention::parse(&none).unwrap_err().code, "empty");
    }
}
