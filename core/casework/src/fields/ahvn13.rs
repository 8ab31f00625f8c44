//! The Swiss social insurance number (AHV number, AVS number).

use std::fmt;

use super::{Field, FieldError, field_as_string, hidden_debug};

/// AHV number: 13 digits that begin with 756 (Switzerland in ISO 3166-1) and end with an EAN-13
/// check digit (AHVV art. 133; check digit as in GTIN-13). Stored as digits, shown
/// `756.1234.5678.97`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ahvn13([u8; 13]);

impl Field for Ahvn13 {
    const NAME: &'static str = "ahvn13";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let cleaned: Vec<u8> = input
            .bytes()
            .filter(|byte| !matches!(byte, b'.' | b' '))
            .collect();
        if !cleaned.iter().all(u8::is_ascii_digit) {
            return Err(FieldError::new(
                Self::NAME,
                "character",
                "an AHV number has digits, dots and spaces only",
                "copy it from the insurance card, e.g. 756.1234.5678.97",
            ));
        }
        let digits: [u8; 13] = cleaned.try_into().map_err(|_| {
            FieldError::new(
                Self::NAME,
                "length",
                "an AHV number has 13 digits",
                "copy it from the insurance card, e.g. 756.1234.5678.97",
            )
        })?;
        if !digits.starts_with(b"756") {
            return Err(FieldError::new(
                Self::NAME,
                "country",
                "an AHV number begins with 756",
                "check whether this is another number, e.g. of the old 11-digit form",
            ));
        }
        if !weighted_sum(&digits).is_multiple_of(10) {
            return Err(FieldError::new(
                Self::NAME,
                "check_digit",
                "the last digit does not fit the others, so a digit is mistyped",
                "compare each digit with the insurance card",
            ));
        }
        Ok(Self(digits))
    }

    fn canonical(&self) -> String {
        self.0.iter().map(|&digit| char::from(digit)).collect()
    }
}

/// EAN-13: weights 1 3 1 3 … over all 13 digits give a multiple of ten.
fn weighted_sum(digits: &[u8; 13]) -> u32 {
    digits
        .iter()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum()
}

impl fmt::Display for Ahvn13 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, &digit) in self.0.iter().enumerate() {
            if matches!(position, 3 | 7 | 11) {
                formatter.write_str(".")?;
            }
            write!(formatter, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

hidden_debug!(Ahvn13);
field_as_string!(Ahvn13);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn the_examples_of_the_domain_are_valid() {
        for digits in ["7561234567897", "7569217076985", "7560000010070"] {
            let number = Ahvn13::parse(digits).unwrap();
            assert_eq!(number.canonical(), digits);
            assert_round_trip(&number);
        }
    }

    #[test]
    fn dots_and_spaces_are_taken_and_dots_are_shown() {
        let number = Ahvn13::parse(" 756 1234.5678 97").unwrap();
        assert_eq!(number.to_string(), "756.1234.5678.97");
    }

    #[test]
    fn each_kind_of_wrong_number_is_named() {
        assert_eq!(refusal::<Ahvn13>("7561234567890"), "check_digit");
        assert_eq!(refusal::<Ahvn13>("756123456789"), "length");
        assert_eq!(refusal::<Ahvn13>("75612345678977"), "length");
        assert_eq!(refusal::<Ahvn13>("7571234567897"), "country");
        assert_eq!(refusal::<Ahvn13>("756-1234-5678-97"), "character");
        assert_eq!(refusal::<Ahvn13>(""), "length");
    }

    proptest! {
        #[test]
        fn every_single_mistyped_digit_is_detected(position in 0usize..13, digit in b'0'..=b'9') {
            let mut digits = *b"7561234567897";
            let changed = digits[position] != digit;
            digits[position] = digit;
            let text = String::from_utf8(digits.to_vec()).unwrap();
            prop_assert_eq!(Ahvn13::parse(&text).is_err(), changed);
        }
    }
}
