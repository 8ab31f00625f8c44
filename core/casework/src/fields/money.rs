//! Amounts of money.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// More than any amount a case can have; keeps sums far from overflow.
const MAX_RAPPEN: i64 = 100_000_000_000;

/// An amount in whole Rappen, 0 to one thousand million francs. Stored as the number of Rappen with
/// its unit (`123450 Rp`), shown `1'234.50`; read as francs (`1234.50`, `1'234.5`, `CHF 1234`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rappen(i64);

impl Rappen {
    /// An amount.
    ///
    /// # Errors
    /// Negative, or above one thousand million francs.
    pub fn new(rappen: i64) -> Result<Self, FieldError> {
        if (0..=MAX_RAPPEN).contains(&rappen) {
            return Ok(Self(rappen));
        }
        Err(FieldError::new(
            Self::NAME,
            "range",
            "the amount is negative or above one thousand million francs",
            "check the amount",
        ))
    }

    /// The number of Rappen.
    pub const fn count(self) -> i64 {
        self.0
    }
}

impl Field for Rappen {
    const NAME: &'static str = "amount";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim();
        if let Some(rappen) = text.strip_suffix(" Rp") {
            return Self::new(digits(rappen)?);
        }
        let compact: String = text
            .strip_prefix("CHF")
            .unwrap_or(text)
            .chars()
            .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\'' | '\u{2019}'))
            .collect();
        let (francs, cents) = compact.split_once('.').unwrap_or((&compact, "0"));
        let cents = match cents.len() {
            1 => digits(cents)? * 10,
            2 => digits(cents)?,
            _ => return Err(bad_format()),
        };
        Self::new(digits(francs)? * 100 + cents)
    }

    fn canonical(&self) -> String {
        format!("{} Rp", self.0)
    }
}

fn digits(text: &str) -> Result<i64, FieldError> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(bad_format)
}

fn bad_format() -> FieldError {
    FieldError::new(
        Rappen::NAME,
        "format",
        "this is not an amount in francs",
        "write it as 1234.50",
    )
}

impl fmt::Display for Rappen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let francs = (self.0 / 100).to_string();
        for (position, digit) in francs.chars().enumerate() {
            if position > 0 && (francs.len() - position).is_multiple_of(3) {
                formatter.write_str("'")?;
            }
            write!(formatter, "{digit}")?;
        }
        write!(formatter, ".{:02}", self.0 % 100)
    }
}

field_as_string!(Rappen);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn francs_are_read_in_the_usual_forms() {
        for input in ["1234.50", "1'234.5", "CHF 1’234.50", "123450 Rp"] {
            assert_eq!(Rappen::parse(input).unwrap().count(), 123_450);
        }
        assert_eq!(
            Rappen::new(123_456_705).unwrap().to_string(),
            "1'234'567.05"
        );
        assert_eq!(Rappen::parse("7").unwrap().count(), 700);
    }

    #[test]
    fn wrong_amounts_are_refused() {
        for wrong in ["", "-5", "1.234", "1,50", "12.", ".50", "12 EUR"] {
            assert_eq!(refusal::<Rappen>(wrong), "format", "{wrong}");
        }
        assert!(Rappen::new(MAX_RAPPEN).is_ok());
        assert_eq!(Rappen::new(MAX_RAPPEN + 1).unwrap_err().code, "range");
        assert_eq!(Rappen::new(-1).unwrap_err().code, "range");
    }

    proptest! {
        #[test]
        fn amounts_round_trip(rappen in 0i64..=MAX_RAPPEN) {
            assert_round_trip(&Rappen::new(rappen).unwrap());
        }
    }
}
