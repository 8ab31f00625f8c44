//! Residence permits.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// Residence permit category of eCH-0006 (first two digits). Stored as the two digits, shown with
/// the letter people know: `02 B`. A recognised refugee is a separate flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permit(u8);

/// Code, letter where there is one, German, French.
const PERMITS: [(u8, &str, &str, &str); 12] = [
    (2, "B", "Aufenthaltsbewilligung", "autorisation de séjour"),
    (
        3,
        "C",
        "Niederlassungsbewilligung",
        "autorisation d'établissement",
    ),
    (
        4,
        "Ci",
        "Aufenthaltsbewilligung mit Erwerbstätigkeit",
        "autorisation de séjour avec activité lucrative",
    ),
    (5, "F", "vorläufig aufgenommen", "admission provisoire"),
    (6, "G", "Grenzgängerbewilligung", "autorisation frontalière"),
    (
        7,
        "L",
        "Kurzaufenthaltsbewilligung",
        "autorisation de courte durée",
    ),
    (8, "N", "asylsuchend", "requérant d'asile"),
    (9, "S", "schutzbedürftig", "à protéger"),
    (10, "", "meldepflichtig", "soumis à l'annonce"),
    (11, "", "diplomatisches Personal", "personnel diplomatique"),
    (
        12,
        "",
        "internationale Funktionärin oder Funktionär",
        "fonctionnaire international",
    ),
    (13, "", "nicht zugeteilt", "non attribué"),
];

impl Permit {
    /// Every permit of the list, in the order of its codes.
    pub fn all() -> impl Iterator<Item = Self> {
        PERMITS.iter().map(|entry| Self(entry.0))
    }

    /// The eCH-0006 number, 2–13.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// `B`, `Ci`, … or nothing for 10–13.
    pub fn letter(self) -> &'static str {
        self.entry().map_or("", |entry| entry.1)
    }

    /// Name in German and French.
    pub fn names(self) -> (&'static str, &'static str) {
        self.entry().map_or(("", ""), |entry| (entry.2, entry.3))
    }

    fn entry(self) -> Option<&'static (u8, &'static str, &'static str, &'static str)> {
        PERMITS.iter().find(|entry| entry.0 == self.0)
    }
}

impl Field for Permit {
    const NAME: &'static str = "permit";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let mut wanted = input.split_whitespace();
        let found = match (wanted.next(), wanted.next(), wanted.next()) {
            (Some(one), None, None) => PERMITS
                .iter()
                .find(|entry| is_letter(entry.1, one) || is_number(entry.0, one)),
            (Some(number), Some(letter), None) => PERMITS
                .iter()
                .find(|entry| is_number(entry.0, number) && is_letter(entry.1, letter)),
            _ => None,
        };
        found.map(|entry| Self(entry.0)).ok_or_else(|| {
            FieldError::new(
                Self::NAME,
                "unknown_code",
                "this is no permit of the list eCH-0006",
                "write the letter (B C Ci F G L N S) or the code 02–13",
            )
        })
    }

    fn canonical(&self) -> String {
        format!("{:02}", self.0)
    }
}

fn is_letter(letter: &str, input: &str) -> bool {
    !letter.is_empty() && letter.eq_ignore_ascii_case(input)
}

fn is_number(number: u8, input: &str) -> bool {
    input == format!("{number:02}")
}

impl fmt::Display for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.letter() {
            "" => write!(formatter, "{:02}", self.0),
            letter => write!(formatter, "{:02} {letter}", self.0),
        }
    }
}

field_as_string!(Permit);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn every_permit_is_read_by_letter_code_and_both() {
        assert_eq!(Permit::all().count(), 12);
        for permit in Permit::all() {
            assert_round_trip(&permit);
            assert!(!permit.names().0.is_empty());
            if !permit.letter().is_empty() {
                assert_eq!(Permit::parse(&permit.letter().to_lowercase()), Ok(permit));
            }
        }
        assert_eq!(Permit::parse("Ci").unwrap().canonical(), "04");
    }

    #[test]
    fn other_codes_are_refused() {
        for wrong in ["", "01", "14", "2", "A", "02 C", "B 02", "02 B x", "+2"] {
            assert_eq!(refusal::<Permit>(wrong), "unknown_code", "{wrong}");
        }
    }
}
