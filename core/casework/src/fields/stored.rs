//! Values as a document holds them: right, or kept as they are.

use std::fmt;

use super::Field;

/// What a document holds for a field. A value this version does not know (a newer code, or text that
/// breaks a rule) is kept and shown as it stands; it is never dropped and never rewritten.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Stored<F> {
    /// A value of the field's type.
    Known(F),
    /// The stored text, not understood.
    Unknown(String),
}

impl<F: Field> Stored<F> {
    /// Reads a stored text; never fails.
    pub fn read(text: &str) -> Self {
        F::parse(text).map_or_else(|_| Self::Unknown(text.to_owned()), Self::Known)
    }

    /// The value, if this version understands it.
    pub fn known(&self) -> Option<&F> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// The stored form.
    pub fn canonical(&self) -> String {
        match self {
            Self::Known(value) => value.canonical(),
            Self::Unknown(text) => text.clone(),
        }
    }
}

impl<F: fmt::Display> fmt::Display for Stored<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => value.fmt(formatter),
            Self::Unknown(text) => formatter.write_str(text),
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for Stored<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => formatter.debug_tuple("Known").field(value).finish(),
            Self::Unknown(_) => formatter.write_str("Unknown(hidden)"),
        }
    }
}

impl<F: serde::Serialize> serde::Serialize for Stored<F> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Severity;

    #[test]
    fn a_value_of_a_newer_version_is_kept_as_it_stands() {
        let newer: Stored<Severity> = Stored::read("4");
        assert_eq!(newer, Stored::Unknown("4".to_owned()));
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"4\"");
        let known: Stored<Severity> = Stored::read("3");
        assert_eq!(known.known().unwrap().number(), 3);
        assert_eq!(format!("{newer:?}"), "Unknown(hidden)");
    }
}
