//! Shares of a whole in per cent.

use std::fmt;

use super::{Field, FieldError, field_as_string};

macro_rules! per_cent {
    ($(#[$meta:meta])* $name:ident, $field:literal, $step:literal, $remedy:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u8);

        impl $name {
            /// A share of the whole.
            ///
            /// # Errors
            /// Above 100, or not a multiple of the step.
            pub fn new(per_cent: u8) -> Result<Self, FieldError> {
                if per_cent <= 100 && per_cent.is_multiple_of($step) {
                    return Ok(Self(per_cent));
                }
                Err(FieldError::new(
                    $field,
                    "range",
                    concat!("this is not 0 to 100 in steps of ", stringify!($step)),
                    $remedy,
                ))
            }

            /// The number, 0–100.
            pub const fn number(self) -> u8 {
                self.0
            }
        }

        impl Field for $name {
            const NAME: &'static str = $field;

            fn parse(input: &str) -> Result<Self, FieldError> {
                let text = input.trim();
                let digits = text.strip_suffix('%').unwrap_or(text).trim_end();
                let plain = (1..=3).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                // 255 stands for what is no number: it is refused by the range.
                Self::new(plain.then(|| digits.parse().ok()).flatten().unwrap_or(u8::MAX))
            }

            fn canonical(&self) -> String {
                self.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{} %", self.0)
            }
        }

        field_as_string!($name);
    };
}

per_cent!(
    /// Work capacity: 0–100 % in steps of 5. Stored `40`, shown `40 %`.
    Capacity, "capacity", 5, "write e.g. 40 or 45"
);
per_cent!(
    /// A share in whole per cent, e.g. of who pays a step. Stored `50`, shown `50 %`.
    Percent, "percent", 1, "write a whole number from 0 to 100"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn capacity_goes_in_steps_of_five() {
        for per_cent in 0..=100 {
            assert_eq!(Capacity::new(per_cent).is_ok(), per_cent % 5 == 0);
            assert_round_trip(&Percent::new(per_cent).unwrap());
        }
        assert_round_trip(&Capacity::parse("45 %").unwrap());
        for wrong in ["", "-5", "101", "105", "42", "4.5", "fünf", "300", "%"] {
            assert_eq!(refusal::<Capacity>(wrong), "range", "{wrong}");
        }
        assert_eq!(refusal::<Percent>("101"), "range");
    }
}
