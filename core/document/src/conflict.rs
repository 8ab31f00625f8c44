//! Fields that two authors set concurrently: both values are kept and shown.

use automerge::{ObjType, ROOT};

use crate::reader::{Entry, Node, Reader};
use crate::{Actor, ChangeHash, MAXIMUM_DEPTH, Path, Value};

/// One of several values that were written concurrently.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictingValue {
    /// The value with everything in it.
    pub value: Value,
    /// Who wrote it.
    pub actor: Actor,
    /// In which change.
    pub change: ChangeHash,
    /// When, by the author's clock; advisory.
    pub time_seconds: i64,
}

/// A field with several concurrent values.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldConflict {
    /// The field.
    pub path: Path,
    /// The values, the winner first, then in a fixed order; at least two of them differ.
    pub values: Vec<ConflictingValue>,
}

/// All conflicts, ordered by path. Authors who wrote the same scalar do not conflict; two who
/// created a container at the same place always do, since one hides the other's entries.
pub(crate) fn conflicts(reader: &Reader<'_>) -> Vec<FieldConflict> {
    let mut found = Vec::new();
    collect(
        reader,
        &Path::root(),
        &Node::Object(ObjType::Map, ROOT),
        &mut found,
    );
    found
}

fn collect(reader: &Reader<'_>, path: &Path, node: &Node, found: &mut Vec<FieldConflict>) {
    let Node::Object(kind, object) = node else {
        return;
    };
    if path.keys().len() > MAXIMUM_DEPTH {
        return;
    }
    for Entry {
        key,
        node,
        conflict,
    } in reader.view().entries(*kind, object)
    {
        let path = path.join(key.clone());
        if conflict {
            let values = reader.values_at(object, &key);
            if differ(&values) {
                found.push(FieldConflict {
                    path: path.clone(),
                    values,
                });
            }
        }
        collect(reader, &path, &node, found);
    }
}

fn differ(values: &[ConflictingValue]) -> bool {
    values.windows(2).any(|pair| match pair {
        [left, right] => {
            left.value != right.value
                || matches!(left.value, Value::Map(_) | Value::List(_) | Value::Text(_))
        }
        _ => false,
    })
}
