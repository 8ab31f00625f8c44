//! Answers for programs.

use serde_json::{Map, Value};

/// Version of every JSON answer.
pub const SCHEMA_VERSION: u64 = 1;

/// The answer as one object with its version first.
pub fn render(data: &Value) -> String {
    let mut object = Map::new();
    object.insert("schema_version".into(), SCHEMA_VERSION.into());
    match data {
        Value::Object(fields) => object.extend(fields.clone()),
        other => {
            object.insert("data".into(), other.clone());
        }
    }
    // Maps and strings only: the writer has nothing to refuse.
    serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default()
}

/// A serialisable value as JSON.
pub fn value<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_one_object_with_its_version() {
        let answer: Value =
            serde_json::from_str(&render(&serde_json::json!({"cases": []}))).unwrap();
        assert_eq!(answer["schema_version"], 1);
        assert_eq!(answer["cases"], serde_json::json!([]));
        let bare: Value = serde_json::from_str(&render(&serde_json::json!([1]))).unwrap();
        assert_eq!(bare["data"][0], 1);
    }
}
