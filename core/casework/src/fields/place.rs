//! Cantons, postcodes and communes; and other whole numbers in a range.

use std::fmt;

use super::{Field, FieldError, coded_enum, field_as_string};

coded_enum! {
    /// The 26 cantons by their two letters.
    Canton, "canton", "write the two letters, e.g. BE or NE" {
        Ag = "AG", Ai = "AI", Ar = "AR", Be = "BE", Bl = "BL", Bs = "BS", Fr = "FR", Ge = "GE",
        Gl = "GL", Gr = "GR", Ju = "JU", Lu = "LU", Ne = "NE", Nw = "NW", Ow = "OW", Sg = "SG",
        Sh = "SH", So = "SO", Sz = "SZ", Tg = "TG", Ti = "TI", Ur = "UR", Vd = "VD", Vs = "VS",
        Zg = "ZG", Zh = "ZH",
    }
}

/// A number in a range, written with digits only.
macro_rules! ranged_number {
    ($(#[$meta:meta])* $name:ident, $field:literal, $range:expr, $digits:expr, $remedy:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u16);

        impl $name {
            /// The number.
            pub const fn number(self) -> u16 {
                self.0
            }
        }

        impl Field for $name {
            const NAME: &'static str = $field;

            fn parse(input: &str) -> Result<Self, FieldError> {
                let digits = input.trim();
                let plain = $digits.contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number: Option<u16> = plain.then(|| digits.parse().ok()).flatten();
                number
                    .filter(|number| $range.contains(number))
                    .map(Self)
                    .ok_or_else(|| FieldError::new(
                        $field,
                        "range",
                        format!("this is not a number from {} to {}", $range.start(), $range.end()),
                        $remedy,
                    ))
            }

            fn canonical(&self) -> String {
                self.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0)
            }
        }

        field_as_string!($name);
    };
}

ranged_number!(
    /// A Swiss postcode, 1000–9658 (eCH-0010). Whether the place exists is not checked.
    SwissPostcode, "postcode", (1000u16..=9658), (4usize..=4), "write the four digits, e.g. 3550"
);
ranged_number!(
    /// A commune's BFS number, 1–6999. Whether it exists on a day is not checked: the list is dated.
    Commune, "commune", (1u16..=6999), (1usize..=4), "write the BFS number, e.g. 902 for Langnau"
);

ranged_number!(
    /// A length of time in whole minutes, 1–600: longer is no meeting but a typing error.
    Minutes, "minutes", (1u16..=600), (1usize..=3), "write the minutes as a number, e.g. 90"
);

ranged_number!(
    /// How many times, 1–10,000: more than anybody does in a day.
    Times, "times", (1u16..=10_000), (1usize..=5), "write how many times as a number, e.g. 3"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn there_are_26_cantons() {
        assert_eq!(Canton::ALL.len(), 26);
        for canton in Canton::ALL {
            assert_round_trip(canton);
        }
        assert_eq!(Canton::parse("be"), Ok(Canton::Be));
        assert_eq!(refusal::<Canton>("EB"), "unknown_code");
    }

    #[test]
    fn numbers_at_the_edge_are_taken_and_beyond_it_refused() {
        for right in ["1000", "3550", "9658"] {
            assert_round_trip(&SwissPostcode::parse(right).unwrap());
        }
        for wrong in [
            "0999", "999", "9659", "03550", "D-79098", "", "35.0", "+355",
        ] {
            assert_eq!(refusal::<SwissPostcode>(wrong), "range", "{wrong}");
        }
        for right in ["1", "902", "6999"] {
            assert_round_trip(&Commune::parse(right).unwrap());
        }
        for wrong in ["0", "7000", "-1", ""] {
            assert_eq!(refusal::<Commune>(wrong), "range", "{wrong}");
        }
        for right in ["1", "90", "600"] {
            assert_round_trip(&Minutes::parse(right).unwrap());
        }
        for wrong in ["0", "601", "1.5", "1h", ""] {
            assert_eq!(refusal::<Minutes>(wrong), "range", "{wrong}");
        }
    }
}
