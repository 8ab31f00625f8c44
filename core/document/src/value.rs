//! Values of a document, freed from automerge's own types.

use std::collections::BTreeMap;

use automerge::ScalarValue;

/// One value of a document.
///
/// A `String` is immutable and replaced as a whole; a `Text` is edited by several people at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Explicitly nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A binary64 number.
    Float(f64),
    /// An immutable string.
    String(String),
    /// A collaborative text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimestampMs(i64),
    /// A counter whose concurrent increments add up.
    Counter(i64),
    /// A map by field name.
    Map(BTreeMap<String, Value>),
    /// A list.
    List(Vec<Value>),
    /// A scalar of a type that a newer automerge has invented; kept, never interpreted.
    Unknown {
        /// automerge's type code (10 to 15).
        type_code: u8,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

impl Value {
    /// An empty map.
    pub fn map() -> Value {
        Value::Map(BTreeMap::new())
    }

    /// The string or text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The map's fields.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Value::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// As JSON: times and counters are numbers, bytes arrays of numbers, a float that is not
    /// finite is `null`.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Bool(truth) => Json::from(*truth),
            Value::Integer(number) | Value::TimestampMs(number) | Value::Counter(number) => {
                Json::from(*number)
            }
            Value::Unsigned(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            Value::String(text) | Value::Text(text) => Json::from(text.as_str()),
            Value::Bytes(bytes) | Value::Unknown { bytes, .. } => Json::from(bytes.as_slice()),
            Value::Map(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::List(elements) => elements.iter().map(Value::to_json).collect(),
        }
    }

    /// The scalar to store; `None` for what is stored as an object.
    pub(crate) fn to_scalar(&self) -> Option<ScalarValue> {
        Some(match self {
            Value::Null => ScalarValue::Null,
            Value::Bool(truth) => ScalarValue::Boolean(*truth),
            Value::Integer(number) => ScalarValue::Int(*number),
            Value::Unsigned(number) => ScalarValue::Uint(*number),
            Value::Float(number) => ScalarValue::F64(*number),
            Value::String(text) => ScalarValue::Str(text.as_str().into()),
            Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
            Value::TimestampMs(time) => ScalarValue::Timestamp(*time),
            Value::Counter(number) => ScalarValue::counter(*number),
            Value::Unknown { type_code, bytes } => ScalarValue::Unknown {
                type_code: *type_code,
                bytes: bytes.clone(),
            },
            Value::Text(_) | Value::Map(_) | Value::List(_) => return None,
        })
    }

    pub(crate) fn from_scalar(scalar: &ScalarValue) -> Value {
        match scalar {
            ScalarValue::Null => Value::Null,
            ScalarValue::Boolean(truth) => Value::Bool(*truth),
            ScalarValue::Int(number) => Value::Integer(*number),
            ScalarValue::Uint(number) => Value::Unsigned(*number),
            ScalarValue::F64(number) => Value::Float(*number),
            ScalarValue::Str(text) => Value::String(text.to_string()),
            ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
            ScalarValue::Timestamp(time) => Value::TimestampMs(*time),
            ScalarValue::Counter(counter) => Value::Counter(i64::from(counter)),
            ScalarValue::Unknown { type_code, bytes } => Value::Unknown {
                type_code: *type_code,
                bytes: bytes.clone(),
            },
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Unsigned(number)
    }
}
