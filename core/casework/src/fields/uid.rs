//! The enterprise identification number.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// Weights of the modulo 11 check (UIDV annex, eCH-0097).
const WEIGHTS: [u32; 8] = [5, 4, 3, 2, 7, 6, 5, 4];

/// UID: `CHE-` and nine digits, the last a modulo 11 check digit. Stored and shown
/// `CHE-109.322.551`; read with or without separators, and with a suffix such as `MWST` left off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uid([u8; 9]);

impl Field for Uid {
    const NAME: &'static str = "uid";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let compact: String = input
            .chars()
            .filter(|c| !matches!(c, ' ' | '.' | '-'))
            .collect();
        let digits: Option<[u8; 9]> = compact
            .to_ascii_uppercase()
            .strip_prefix("CHE")
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|rest| rest.as_bytes().try_into().ok());
        let Some(digits) = digits else {
            return Err(FieldError::new(
                Self::NAME,
                "format",
                "a UID is CHE and nine digits",
                "copy it from the register, e.g. CHE-109.322.551",
            ));
        };
        let [rest @ .., check] = digits;
        if check_digit(&rest) != Some(check - b'0') {
            return Err(FieldError::new(
                Self::NAME,
                "check_digit",
                "the last digit does not fit the others, so a digit is mistyped",
                "compare each digit with the register",
            ));
        }
        Ok(Self(digits))
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

/// Nothing where the rule gives 10: such numbers are not issued.
fn check_digit(digits: &[u8; 8]) -> Option<u8> {
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => u8::try_from(digit).ok(),
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CHE-")?;
        for (position, &digit) in self.0.iter().enumerate() {
            if matches!(position, 3 | 6) {
                formatter.write_str(".")?;
            }
            write!(formatter, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

field_as_string!(Uid);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_valid_number_is_read_in_every_usual_form() {
        for input in ["CHE-109.322.551", "CHE109322551", "che 109 322 551"] {
            let uid = Uid::parse(input).unwrap();
            assert_eq!(uid.to_string(), "CHE-109.322.551");
            assert_round_trip(&uid);
        }
    }

    #[test]
    fn wrong_numbers_are_refused() {
        assert_eq!(refusal::<Uid>("CHE-109.322.552"), "check_digit");
        assert_eq!(refusal::<Uid>("CHE-109.322.55"), "format");
        assert_eq!(refusal::<Uid>("109.322.551"), "format");
        assert_eq!(refusal::<Uid>("CHE-109.322.55X"), "format");
        assert_eq!(refusal::<Uid>(""), "format");
        // Weighted sum 12, remainder 1: the rule gives 10, so no last digit is right.
        for last in 0..=9 {
            assert_eq!(
                refusal::<Uid>(&format!("CHE-020.000.01{last}")),
                "check_digit"
            );
        }
    }

    proptest! {
        #[test]
        fn issued_numbers_round_trip(digits in proptest::array::uniform8(b'0'..=b'9')) {
            if let Some(check) = check_digit(&digits) {
                let text: String = digits.iter().map(|&d| char::from(d)).collect();
                assert_round_trip(&Uid::parse(&format!("CHE{text}{check}")).unwrap());
            }
        }
    }
}
