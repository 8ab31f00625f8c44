//! Problem areas and how heavy they weigh.

use std::fmt;

use super::{Field, FieldError, coded_enum, field_as_string};

coded_enum! {
    /// An area in which a person meets difficulties or has resources.
    ProblemArea, "area", "write one of somatic, psychic, addiction, debts, housing, family, language, qualification, residence, justice, digital, motivation" {
        Somatic = "somatic",
        Psychic = "psychic",
        Addiction = "addiction",
        Debts = "debts",
        Housing = "housing",
        Family = "family",
        Language = "language",
        Qualification = "qualification",
        Residence = "residence",
        Justice = "justice",
        Digital = "digital",
        Motivation = "motivation",
    }
}

/// 0 none, 1 light, 2 marked, 3 heavy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Severity(u8);

impl Severity {
    /// 0–3.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Field for Severity {
    const NAME: &'static str = "severity";

    fn parse(input: &str) -> Result<Self, FieldError> {
        match input.trim() {
            "0" => Ok(Self(0)),
            "1" => Ok(Self(1)),
            "2" => Ok(Self(2)),
            "3" => Ok(Self(3)),
            _ => Err(FieldError::new(
                Self::NAME,
                "range",
                "this is not a number from 0 to 3",
                "write 0 (none), 1 (light), 2 (marked) or 3 (heavy)",
            )),
        }
    }

    fn canonical(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

field_as_string!(Severity);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn areas_and_severities_are_closed_lists() {
        assert_eq!(ProblemArea::ALL.len(), 12);
        for area in ProblemArea::ALL {
            assert_round_trip(area);
        }
        assert_eq!(refusal::<ProblemArea>("weather"), "unknown_code");
        for number in ["0", "1", "2", "3"] {
            assert_round_trip(&Severity::parse(number).unwrap());
        }
        for wrong in ["4", "-1", "", "1.0"] {
            assert_eq!(refusal::<Severity>(wrong), "range");
        }
    }
}
