//! Who is to do something.

use std::fmt;

use super::{Field, FieldError, InstitutionId, PersonId, field_as_string};

/// Who is responsible for a task or step. Stored and shown as `client`, `institution` or
/// `institution/person`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Responsible {
    /// The person the case is about.
    Client,
    /// An institution, whoever there.
    Institution(InstitutionId),
    /// A person of an institution.
    Person(InstitutionId, PersonId),
}

impl Responsible {
    /// The institution that is responsible, unless it is the client.
    pub fn institution(&self) -> Option<&InstitutionId> {
        match self {
            Self::Client => None,
            Self::Institution(institution) | Self::Person(institution, _) => Some(institution),
        }
    }
}

impl Field for Responsible {
    const NAME: &'static str = "responsible";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let text = input.trim();
        let refused = |_| {
            FieldError::new(
                Self::NAME,
                "format",
                "this names neither the client nor an institution nor a person",
                "write client, the institution, or institution/person",
            )
        };
        if text == "client" {
            return Ok(Self::Client);
        }
        match text.split_once('/') {
            None => InstitutionId::parse(text)
                .map(Self::Institution)
                .map_err(refused),
            Some((institution, person)) => Ok(Self::Person(
                InstitutionId::parse(institution).map_err(refused)?,
                PersonId::parse(person).map_err(refused)?,
            )),
        }
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Responsible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => formatter.write_str("client"),
            Self::Institution(institution) => institution.fmt(formatter),
            Self::Person(institution, person) => write!(formatter, "{institution}/{person}"),
        }
    }
}

field_as_string!(Responsible);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn client_institution_and_person_are_told_apart() {
        for text in ["client", "iv", "iv/iseli"] {
            assert_round_trip(&Responsible::parse(text).unwrap());
        }
        assert_eq!(Responsible::parse("client").unwrap().institution(), None);
        for wrong in ["", "iv/", "/iseli", "a/b/c", "Frau Iseli"] {
            assert_eq!(refusal::<Responsible>(wrong), "format", "{wrong}");
        }
    }
}
