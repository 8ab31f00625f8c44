//! The number of a person in ZEMIS, the federal information system on migration.

use std::fmt;

use super::{Field, FieldError, field_as_string, hidden_debug};

/// Room for every way of writing it; longer text is no number.
const MAX_CHARS: usize = 36;

/// ZEMIS number (in French SYMIC): 1–36 ASCII letters, digits, `.`, `-`, `/` and spaces with at
/// least one digit, kept as written but for spaces around it. Its inner form is not checked: no
/// public standard states one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ZemisNumber(String);

impl Field for ZemisNumber {
    const NAME: &'static str = "zemis";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim();
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/' | b' ');
        if !text.bytes().all(allowed) {
            return Err(FieldError::new(
                Self::NAME,
                "character",
                "a ZEMIS number has digits, letters, dots, hyphens, slashes and spaces only",
                "copy it from the permit or the letter of the migration office",
            ));
        }
        if text.len() > MAX_CHARS {
            return Err(FieldError::new(
                Self::NAME,
                "too_long",
                format!("a ZEMIS number has at most {MAX_CHARS} characters"),
                "write the number alone",
            ));
        }
        if !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(FieldError::new(
                Self::NAME,
                "no_digit",
                "a ZEMIS number has digits",
                "copy it from the permit or the letter of the migration office",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn canonical(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for ZemisNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

hidden_debug!(ZemisNumber);
field_as_string!(ZemisNumber);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn numbers_are_kept_as_they_are_written_and_hide_from_debug() {
        for text in ["12345678.9", "012 345 678-9", "N 123/456", &"1".repeat(36)] {
            let number = ZemisNumber::parse(&format!(" {text} ")).unwrap();
            assert_eq!(number.canonical(), text);
            assert_round_trip(&number);
            assert_eq!(format!("{number:?}"), "ZemisNumber(hidden)");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(refusal::<ZemisNumber>(""), "no_digit");
        assert_eq!(refusal::<ZemisNumber>("unknown"), "no_digit");
        assert_eq!(refusal::<ZemisNumber>("1234\n5678"), "character");
        assert_eq!(refusal::<ZemisNumber>("№ 12"), "character");
        assert_eq!(refusal::<ZemisNumber>(&"1".repeat(37)), "too_long");
    }
}
