//! Sex as the registers keep it.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// Sex of eCH-0044: 1 male, 2 female, 3 undetermined. Stored as the digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// `1`
    Male,
    /// `2`
    Female,
    /// `3`
    Undetermined,
}

impl Sex {
    /// Every value.
    pub const ALL: &'static [Self] = &[Self::Male, Self::Female, Self::Undetermined];
}

impl Field for Sex {
    const NAME: &'static str = "sex";

    fn parse(input: &str) -> Result<Self, FieldError> {
        match input.trim().to_lowercase().as_str() {
            "1" | "male" | "m" | "männlich" | "masculin" => Ok(Self::Male),
            "2" | "female" | "f" | "w" | "weiblich" | "féminin" => Ok(Self::Female),
            "3" | "undetermined" | "unbestimmt" | "indéterminé" => Ok(Self::Undetermined),
            _ => Err(FieldError::new(
                Self::NAME,
                "unknown_code",
                "this is not one of the known codes",
                "write 1 (male), 2 (female) or 3 (undetermined)",
            )),
        }
    }

    fn canonical(&self) -> String {
        match self {
            Self::Male => "1",
            Self::Female => "2",
            Self::Undetermined => "3",
        }
        .to_owned()
    }
}

impl fmt::Display for Sex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Undetermined => "undetermined",
        })
    }
}

field_as_string!(Sex);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn codes_and_words_are_read_and_others_refused() {
        for sex in Sex::ALL {
            assert_round_trip(sex);
        }
        assert_eq!(Sex::parse("weiblich"), Ok(Sex::Female));
        for wrong in ["", "0", "4", "x"] {
            assert_eq!(refusal::<Sex>(wrong), "unknown_code");
        }
    }
}
