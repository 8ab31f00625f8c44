//! What differs between two states.

use std::collections::BTreeSet;

use crate::{Path, Reader, Value};

/// One leaf that differs between two states.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// The value before; `None` if there was none.
    pub before: Option<Value>,
    /// The value after; `None` if it was deleted.
    pub after: Option<Value>,
}

/// All leaves that differ, ordered by path. A text is one leaf; a map or list is a leaf only if
/// it is empty or something else stands in its place.
pub(crate) fn difference(before: &Reader<'_>, after: &Reader<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(
        &Path::root(),
        Some(&before.root()),
        Some(&after.root()),
        &mut found,
    );
    found
}

fn compare(
    path: &Path,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Map(left)), Some(Value::Map(right))) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                let path = path.join(name.as_str());
                compare(&path, left.get(name), right.get(name), found);
            }
        }
        (Some(Value::List(left)), Some(Value::List(right))) => {
            for index in 0..left.len().max(right.len()) {
                compare(&path.join(index), left.get(index), right.get(index), found);
            }
        }
        (None, Some(Value::Map(fields))) if !fields.is_empty() => {
            for (name, value) in fields {
                compare(&path.join(name.as_str()), None, Some(value), found);
            }
        }
        (Some(Value::Map(fields)), None) if !fields.is_empty() => {
            for (name, value) in fields {
                compare(&path.join(name.as_str()), Some(value), None, found);
            }
        }
        (None, Some(Value::List(elements))) if !elements.is_empty() => {
            for (index, value) in elements.iter().enumerate() {
                compare(&path.join(index), None, Some(value), found);
            }
        }
        (Some(Value::List(elements)), None) if !elements.is_empty() => {
            for (index, value) in elements.iter().enumerate() {
                compare(&path.join(index), Some(value), None, found);
            }
        }
        _ => found.push(Difference {
            path: path.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}
