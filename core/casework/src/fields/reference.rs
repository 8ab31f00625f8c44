//! References to what the caller knows: devices, persons, institutions.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// The caller's own identifiers (hexadecimal space and device ids) fit, and so do short codes in
/// tests and examples.
const MAX_CHARS: usize = 64;

macro_rules! reference {
    ($(#[$meta:meta])* $name:ident, $field:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Field for $name {
            const NAME: &'static str = $field;

            fn parse(input: &str) -> Result<Self, FieldError> {
                if is_reference(input) {
                    return Ok(Self(input.to_owned()));
                }
                Err(FieldError::new(
                    $field,
                    "format",
                    "an identifier has 1 to 64 letters, digits, hyphens or underscores",
                    "copy it as it is listed",
                ))
            }

            fn canonical(&self) -> String {
                self.0.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        field_as_string!($name);
    };
}

/// 1–64 ASCII letters, digits, `-`, `_`: what may also stand as a map key.
pub(crate) fn is_reference(input: &str) -> bool {
    (1..=MAX_CHARS).contains(&input.len())
        && input
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

reference!(
    /// An institution, by the identifier the caller uses (opaque here): 1–64 ASCII letters, digits,
    /// `-` or `_`.
    InstitutionId, "institution"
);
reference!(
    /// A case, by the caller's identifier; same form as [`InstitutionId`].
    CaseId, "case"
);
reference!(
    /// A person who works on the case, by the caller's identifier; same form as [`InstitutionId`].
    PersonId, "person"
);
reference!(
    /// A device, by the caller's identifier; same form as [`InstitutionId`].
    DeviceId, "device"
);
reference!(
    /// A team or a person with whom a section is shared, by the caller's identifier; same form as
    /// [`InstitutionId`].
    MemberId, "member"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn identifiers_are_short_and_plain() {
        assert_round_trip(&InstitutionId::parse(&"a".repeat(64)).unwrap());
        assert_round_trip(&PersonId::parse("berger_1-x").unwrap());
        for wrong in ["", "a b", "a/b", "é", &"a".repeat(65)] {
            assert_eq!(refusal::<DeviceId>(wrong), "format", "{wrong}");
        }
    }
}
