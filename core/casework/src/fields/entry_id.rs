//! Identifiers of entries inside a section.

use std::fmt;

use data_encoding::BASE32_NOPAD;

use super::{Field, FieldError, field_as_string};

/// Identifier of an entry (goal, step, task, journal entry …): 8 random bytes made by the caller,
/// written as 13 small letters and digits (RFC 4648 base 32 without padding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId([u8; 8]);

impl EntryId {
    /// From 8 random bytes.
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl Field for EntryId {
    const NAME: &'static str = "entry_id";

    fn parse(input: &str) -> Result<Self, FieldError> {
        BASE32_NOPAD
            .decode(input.trim().to_ascii_uppercase().as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                FieldError::new(
                    Self::NAME,
                    "format",
                    "an entry's identifier has 13 letters and digits",
                    "copy it as it is listed",
                )
            })
    }

    fn canonical(&self) -> String {
        BASE32_NOPAD.encode(&self.0).to_ascii_lowercase()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical())
    }
}

field_as_string!(EntryId);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn an_identifier_has_thirteen_characters() {
        assert_eq!(EntryId::from_random([0xff; 8]).to_string().len(), 13);
        for wrong in [
            "",
            "aaaaaaaaaaaa",
            "aaaaaaaaaaaaaa",
            "a1aaaaaaaaaaa",
            "aaaaaaaaaaaab",
        ] {
            assert_eq!(refusal::<EntryId>(wrong), "format", "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn identifiers_round_trip(bytes: [u8; 8]) {
            assert_round_trip(&EntryId::from_random(bytes));
        }
    }
}
