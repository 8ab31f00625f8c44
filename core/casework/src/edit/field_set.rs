//! Fields of one entity: what can be set, where it is stored, what people call it.

use nahtlos_document::Value;

use crate::fields::{Field, FieldError};

/// How a value is stored in a document: fields as immutable strings, truth values as such.
pub(crate) trait ToStored {
    fn to_stored(&self) -> Value;
}

impl<F: Field> ToStored for F {
    fn to_stored(&self) -> Value {
        Value::String(self.canonical())
    }
}

impl ToStored for bool {
    fn to_stored(&self) -> Value {
        Value::Bool(*self)
    }
}

/// How a stored value is checked before it is written again.
pub(crate) trait FromStored: Sized {
    fn from_stored(value: &Value) -> Option<Self>;
}

impl<F: Field> FromStored for F {
    fn from_stored(value: &Value) -> Option<Self> {
        value.as_str().and_then(|text| F::parse(text).ok())
    }
}

impl FromStored for bool {
    fn from_stored(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

/// How a value is read that stands in a file; the refusal says what is wrong with it.
pub(crate) trait FromTyped: Sized {
    fn from_typed(typed: &Value) -> Result<Self, FieldError>;
}

impl<F: Field> FromTyped for F {
    fn from_typed(typed: &Value) -> Result<Self, FieldError> {
        let text = typed.as_str().ok_or_else(|| {
            let (reason, remedy) = ("this is not a string", "write it in quotation marks");
            FieldError::new(F::NAME, "type", reason, remedy)
        })?;
        F::parse_typed(text)
    }
}

impl FromTyped for bool {
    fn from_typed(typed: &Value) -> Result<Self, FieldError> {
        typed.as_bool().ok_or_else(|| {
            FieldError::new(
                "truth_value",
                "type",
                "this is not a truth value",
                "write true or false without quotation marks",
            )
        })
    }
}

/// One field as labels and rules see it.
pub(crate) struct FieldEntry {
    /// The last steps of its path.
    pub(crate) steps: &'static [&'static str],
    /// German, French, English.
    pub(crate) names: [&'static str; 3],
}

/// Generates an enum of values (`$Set`) and an enum of names (`$Key`) from one table. In JSON a value
/// is `{"official_name": "…"}` and a name is `"official_name"`.
macro_rules! field_set {
    (
        $(#[$set_meta:meta])* $Set:ident,
        $(#[$key_meta:meta])* $Key:ident
        {
            $( $(#[$doc:meta])* $Variant:ident($Type:ty) = [$($step:literal),+], $code:literal,
               $de:literal, $fr:literal, $en:literal; )+
        }
    ) => {
        $(#[$set_meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $Set {
            $( $(#[$doc])* #[serde(rename = $code)] $Variant($Type), )+
        }

        $(#[$key_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $Key {
            $( $(#[$doc])* #[serde(rename = $code)] $Variant, )+
        }

        impl $Set {
            /// Which field this sets.
            pub const fn key(&self) -> $Key {
                match self { $( Self::$Variant(_) => $Key::$Variant, )+ }
            }

            pub(crate) fn to_value(&self) -> nahtlos_document::Value {
                match self {
                    $( Self::$Variant(value) => crate::edit::field_set::ToStored::to_stored(value), )+
                }
            }

            /// Reads a value that stands in a file.
            #[allow(dead_code, reason = "not every table is read field by field")]
            pub(crate) fn from_typed(
                key: $Key,
                typed: &nahtlos_document::Value,
            ) -> Result<Self, crate::fields::FieldError> {
                match key {
                    $( $Key::$Variant => crate::edit::field_set::FromTyped::from_typed(typed)
                        .map(Self::$Variant), )+
                }
            }

            /// Reads a value as the document stores it. Nothing if it is not one of this field.
            pub fn from_stored(key: $Key, value: &nahtlos_document::Value) -> Option<Self> {
                match key {
                    $( $Key::$Variant => crate::edit::field_set::FromStored::from_stored(value)
                        .map(Self::$Variant), )+
                }
            }
        }

        impl $Key {
            /// Every field.
            pub const ALL: &'static [Self] = &[ $( Self::$Variant ),+ ];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$Variant => $code, )+ }
            }

            /// German, French and English label.
            pub const fn names(self) -> [&'static str; 3] {
                self.entry().names
            }

            pub(crate) const fn steps(self) -> &'static [&'static str] {
                self.entry().steps
            }

            pub(crate) const fn entry(self) -> crate::edit::field_set::FieldEntry {
                match self {
                    $( Self::$Variant => crate::edit::field_set::FieldEntry {
                        steps: &[$($step),+],
                        names: [$de, $fr, $en],
                    }, )+
                }
            }

            /// The field whose path ends with these steps.
            pub(crate) fn of_steps(steps: &[&str]) -> Option<Self> {
                Self::ALL.iter().copied().find(|key| key.steps() == steps)
            }
        }
    };
}

pub(crate) use field_set;
