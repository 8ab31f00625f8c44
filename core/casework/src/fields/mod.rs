//! Validated fields: a value of one of these types cannot be wrong.
//!
//! Every field is read with [`Field::parse`] (what a person typed, or what a document stores), kept
//! as its canonical form ([`Field::canonical`]: what goes into documents and JSON) and shown with
//! `Display`. Both forms parse back to the same value.
//!
//! Values that describe a person hide themselves from `Debug`, so that no log line, error or test
//! output of a caller ever holds one by accident.

mod ahvn13;
mod anonymous;
mod capacity;
mod case_number;
mod closing;
mod consent;
mod contact;
mod country;
mod date;
mod digest;
mod entry_id;
mod file;
mod language;
mod money;
mod payers;
mod permit;
mod place;
mod problem;
pub(crate) mod reference;
mod responsible;
mod review;
mod sex;
mod signature;
mod status;
mod stored;
mod suspension;
mod task_link;
mod text;
mod time;
mod uid;
mod zemis;

use std::fmt;

pub use ahvn13::Ahvn13;
pub use anonymous::AnonymousText;
pub use capacity::{Capacity, Percent};
pub use case_number::{CaseNumber, DeviceCode};
pub use closing::{ClosingReason, CompetenceKind, ReopeningReason};
pub use consent::{
    ConsentEventKind, ConsentForm, Direction, Purpose, Recurrence, WithdrawalNotice,
};
pub use contact::{ContactChannel, Email, Phone};
pub use country::CountryCode;
pub use date::{Date, PartialDate};
pub use digest::Digest;
pub use entry_id::EntryId;
pub use file::{FileBytes, FileName, MediaType};
pub use language::{LanguageCode, LanguageLevel};
pub use money::Rappen;
pub use payers::PayerShares;
pub use permit::Permit;
pub use place::{Canton, Commune, Minutes, SwissPostcode, Times};
pub use problem::{ProblemArea, Severity};
pub use reference::{CaseId, DeviceId, InstitutionId, MemberId, PersonId};
pub use responsible::Responsible;
pub use review::{GoalRatings, Rating, ReviewOutcome, RiskStatus};
pub use sex::Sex;
pub use signature::{EntrySignature, Party, SignatureMethod};
pub use status::{GoalStatus, JournalKind, OverallTarget, Phase, Priority, StepStatus, TaskStatus};
pub use stored::Stored;
pub use suspension::Suspension;
pub use task_link::TaskLink;
pub use text::{JournalText, Line, LocalNumber, LongText, Name};
pub use time::UtcTime;
pub use uid::Uid;
pub use zemis::ZemisNumber;

/// A value that can be read from text and written back.
///
/// `parse(x.canonical()) == x` holds for every implementation, and `parse(x.to_string()) == x` for all
/// but the records of several parts.
pub trait Field: Sized + Clone + PartialEq + fmt::Display + fmt::Debug {
    /// The field's stable name in errors, e.g. `birth`.
    const NAME: &'static str;

    /// How many characters it may have, where that is what it is refused for.
    const CHARACTERS_MAX: Option<usize> = None;

    /// Reads what a person typed or a document stores.
    ///
    /// # Errors
    /// A [`FieldError`] that says what is wrong and what to do; it never repeats the value.
    fn parse(input: &str) -> Result<Self, FieldError>;

    /// Reads what a person typed: as [`Field::parse`], and of a closed list also what its codes are called in German,
    /// French and English, in capitals or not and without accents. Never for what a document stores: there a name is
    /// no code.
    ///
    /// # Errors
    /// As [`Field::parse`]; of a closed list with each code and its names.
    fn parse_typed(input: &str) -> Result<Self, FieldError> {
        Self::parse(input)
    }

    /// The one form that is stored.
    fn canonical(&self) -> String;
}

/// Why a value was refused. Holds no part of the value, so that it may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}; {remedy}")]
pub struct FieldError {
    /// The field's stable name, e.g. `ahvn13`.
    pub field: &'static str,
    /// A stable code, e.g. `check_digit`.
    pub code: &'static str,
    /// What is wrong, as half a sentence.
    pub reason: String,
    /// What to do, as half a sentence.
    pub remedy: String,
}

impl FieldError {
    /// Builds an error; `code` is stable, the two texts are for people.
    pub fn new(
        field: &'static str,
        code: &'static str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            field,
            code,
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

/// Serde and `FromStr` through [`Field`]: JSON holds the canonical string.
macro_rules! field_as_string {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&crate::fields::Field::canonical(self))
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                <Self as crate::fields::Field>::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl std::str::FromStr for $type {
            type Err = crate::fields::FieldError;
            fn from_str(input: &str) -> Result<Self, Self::Err> {
                <Self as crate::fields::Field>::parse(input)
            }
        }
    };
}

/// `Debug` that names the type and nothing of the person.
macro_rules! hidden_debug {
    ($type:ident) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(concat!(stringify!($type), "(hidden)"))
            }
        }
    };
}

/// A closed list of codes as an enum that is also a [`Field`]. Reading is case-insensitive and takes
/// the code only; a value from a newer version survives as [`Stored::Unknown`] in views.
macro_rules! coded_enum {
    (
        $(#[$meta:meta])*
        $name:ident, $field:literal, $remedy:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $code:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$variant_meta])* #[doc = concat!("Code `", $code, "`.")] $variant, )+
        }

        impl $name {
            /// Every value, in the order of the list.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.code())
            }
        }

        impl crate::fields::Field for $name {
            const NAME: &'static str = $field;

            fn parse(input: &str) -> Result<Self, crate::fields::FieldError> {
                let wanted = input.trim();
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.code().eq_ignore_ascii_case(wanted))
                    .ok_or_else(|| crate::fields::FieldError::new(
                        $field,
                        "unknown_code",
                        "this is not one of the known codes",
                        $remedy,
                    ))
            }

            fn parse_typed(input: &str) -> Result<Self, crate::fields::FieldError> {
                crate::code_names::typed(Self::ALL, input)
            }

            fn canonical(&self) -> String {
                self.code().to_owned()
            }
        }

        crate::fields::field_as_string!($name);
    };
}

pub(crate) use {coded_enum, field_as_string, hidden_debug};

/// What every field must keep; used by the tests of each.
#[cfg(test)]
pub(crate) fn assert_round_trip<F: Field>(value: &F) {
    assert_eq!(&F::parse(&value.canonical()).unwrap(), value, "canonical");
    assert_eq!(&F::parse(&value.to_string()).unwrap(), value, "display");
}

/// The code of the refusal of `input`.
#[cfg(test)]
pub(crate) fn refusal<F: Field>(input: &str) -> &'static str {
    F::parse(input).unwrap_err().code
}
