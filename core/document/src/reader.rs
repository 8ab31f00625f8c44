//! Reading: values at paths, now or at an earlier state.

use std::collections::BTreeMap;

use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc};

use crate::conflict::ConflictingValue;
use crate::history::origin_of;
use crate::{Actor, Document, Key, MAXIMUM_DEPTH, Path, Value};

/// One state of a document.
///
/// Every method answers "nothing there" for a path that does not exist, and none fails: what is
/// in a document has passed the gate.
#[derive(Clone)]
pub struct Reader<'a> {
    engine: &'a Automerge,
    heads: Option<Vec<automerge::ChangeHash>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        document: &'a Document,
        heads: Option<Vec<automerge::ChangeHash>>,
    ) -> Reader<'a> {
        Reader {
            engine: document.engine(),
            heads,
        }
    }

    /// The value at `path` with everything in it; of conflicting values, the winner.
    pub fn get(&self, path: impl Into<Path>) -> Option<Value> {
        let node = self.view().resolve(path.into().keys())?;
        Some(self.view().hydrate(&node, 0))
    }

    /// The value at `path` with everything in it: the same as [`Reader::get`].
    pub fn value(&self, path: impl Into<Path>) -> Option<Value> {
        self.get(path)
    }

    /// True if there is anything at `path`.
    pub fn exists(&self, path: impl Into<Path>) -> bool {
        self.view().resolve(path.into().keys()).is_some()
    }

    /// Field names of the map at `path`, ascending by their bytes; none if there is no map.
    pub fn keys(&self, path: impl Into<Path>) -> Vec<String> {
        self.view().keys(path.into().keys())
    }

    /// The string or collaborative text at `path`.
    pub fn text(&self, path: impl Into<Path>) -> Option<String> {
        match self.get(path)? {
            Value::String(text) | Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All concurrent values at `path` with who wrote them, the winner first.
    ///
    /// One value means no conflict. Equal values of several authors are all listed.
    pub fn get_all(&self, path: impl Into<Path>) -> Vec<ConflictingValue> {
        let path = path.into();
        let Some((last, parent)) = path.keys().split_last() else {
            return Vec::new();
        };
        let view = self.view();
        let Some(Node::Object(_, parent)) = view.resolve(parent) else {
            return Vec::new();
        };
        self.values_at(&parent, last)
    }

    /// When what stands at `path` was written, as the document counts; of conflicting values, the first one.
    pub fn writing_place(&self, path: impl Into<Path>) -> Option<WritingPlace> {
        let path = path.into();
        let (last, parent) = path.keys().split_last()?;
        let view = self.view();
        let Some(Node::Object(_, parent)) = view.resolve(parent) else {
            return None;
        };
        let values = view.all(&parent, last).into_iter();
        values.filter_map(|(_, id)| WritingPlace::of(&id)).min()
    }

    /// The whole document as a value.
    pub fn root(&self) -> Value {
        self.view().hydrate(&Node::Object(ObjType::Map, ROOT), 0)
    }

    pub(crate) fn values_at(&self, parent: &ObjId, key: &Key) -> Vec<ConflictingValue> {
        let view = self.view();
        // The engine lists the winner last.
        view.all(parent, key)
            .into_iter()
            .rev()
            .filter_map(|(node, id)| {
                let origin = origin_of(self.engine, &id)?;
                Some(ConflictingValue {
                    value: view.hydrate(&node, 0),
                    actor: origin.actor,
                    change: origin.change,
                    time_seconds: origin.time_seconds,
                })
            })
            .collect()
    }

    pub(crate) fn view(&self) -> View<'_, Automerge> {
        View {
            engine: self.engine,
            heads: self.heads.as_deref(),
        }
    }
}

/// Where something stands in the order in which a document was written: behind all that its author had
/// seen, and the same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WritingPlace {
    counter: u64,
    actor: Actor,
}

impl WritingPlace {
    fn of(operation: &ObjId) -> Option<WritingPlace> {
        let ObjId::Id(counter, actor, _) = operation else {
            return None;
        };
        Some(WritingPlace {
            counter: *counter,
            actor: Actor::from_engine(actor)?,
        })
    }
}

/// What a path leads to: an object by its type and id, or a scalar.
pub(crate) enum Node {
    Object(ObjType, ObjId),
    Scalar(automerge::ScalarValue),
}

impl Node {
    fn new(value: automerge::Value<'_>, id: ObjId) -> Node {
        match value {
            automerge::Value::Object(kind) => Node::Object(kind, id),
            automerge::Value::Scalar(scalar) => Node::Scalar(scalar.into_owned()),
        }
    }
}

/// Reading shared by [`Reader`] and the editor's running transaction.
pub(crate) struct View<'a, D> {
    pub(crate) engine: &'a D,
    pub(crate) heads: Option<&'a [automerge::ChangeHash]>,
}

/// One field or element: where it is, what it is, and whether others were written concurrently.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) node: Node,
    pub(crate) conflict: bool,
}

impl<D: ReadDoc> View<'_, D> {
    pub(crate) fn resolve(&self, path: &[Key]) -> Option<Node> {
        let mut node = Node::Object(ObjType::Map, ROOT);
        for key in path {
            let Node::Object(_, object) = node else {
                return None;
            };
            node = self.child(&object, key)?;
        }
        Some(node)
    }

    pub(crate) fn child(&self, object: &ObjId, key: &Key) -> Option<Node> {
        let property = property(key);
        let found = match self.heads {
            Some(heads) => self.engine.get_at(object, property, heads),
            None => self.engine.get(object, property),
        };
        // A key that does not fit the object, like an index into a map, leads nowhere.
        let (value, id) = found.ok().flatten()?;
        Some(Node::new(value, id))
    }

    /// All concurrent values, the winner last.
    pub(crate) fn all(&self, object: &ObjId, key: &Key) -> Vec<(Node, ObjId)> {
        let property = property(key);
        let found = match self.heads {
            Some(heads) => self.engine.get_all_at(object, property, heads),
            None => self.engine.get_all(object, property),
        };
        found
            .unwrap_or_default()
            .into_iter()
            .map(|(value, id)| (Node::new(value, id.clone()), id))
            .collect()
    }

    pub(crate) fn keys(&self, path: &[Key]) -> Vec<String> {
        match self.resolve(path) {
            Some(Node::Object(ObjType::Map | ObjType::Table, object)) => match self.heads {
                Some(heads) => self.engine.keys_at(&object, heads).collect(),
                None => self.engine.keys(&object).collect(),
            },
            _ => Vec::new(),
        }
    }

    /// Fields of a map or elements of a list; nothing for a text.
    pub(crate) fn entries(&self, kind: ObjType, object: &ObjId) -> Vec<Entry> {
        match kind {
            ObjType::Map | ObjType::Table => {
                let range = match self.heads {
                    Some(heads) => self.engine.map_range_at(object, .., heads),
                    None => self.engine.map_range(object, ..),
                };
                range
                    .map(|item| Entry {
                        key: Key::Field(item.key.to_string()),
                        conflict: item.conflict,
                        node: Node::new(item.value.clone().into_value(), item.id()),
                    })
                    .collect()
            }
            ObjType::List => {
                let range = match self.heads {
                    Some(heads) => self.engine.list_range_at(object, .., heads),
                    None => self.engine.list_range(object, ..),
                };
                range
                    .map(|item| Entry {
                        key: Key::Index(item.index),
                        conflict: item.conflict,
                        node: Node::new(item.value.clone().into_value(), item.id()),
                    })
                    .collect()
            }
            ObjType::Text => Vec::new(),
        }
    }

    pub(crate) fn text_of(&self, object: &ObjId) -> String {
        let text = match self.heads {
            Some(heads) => self.engine.text_at(object, heads),
            None => self.engine.text(object),
        };
        text.unwrap_or_default()
    }

    pub(crate) fn hydrate(&self, node: &Node, depth: usize) -> Value {
        let (kind, object) = match node {
            Node::Scalar(scalar) => return Value::from_scalar(scalar),
            Node::Object(kind, object) => (*kind, object),
        };
        // The gate refuses deeper documents, so nothing is cut that could have been applied.
        if depth > MAXIMUM_DEPTH {
            return Value::Null;
        }
        match kind {
            ObjType::Text => Value::Text(self.text_of(object)),
            ObjType::List => Value::List(
                self.entries(kind, object)
                    .iter()
                    .map(|entry| self.hydrate(&entry.node, depth + 1))
                    .collect(),
            ),
            ObjType::Map | ObjType::Table => {
                let mut fields = BTreeMap::new();
                for entry in self.entries(kind, object) {
                    if let Key::Field(name) = entry.key {
                        fields.insert(name, self.hydrate(&entry.node, depth + 1));
                    }
                }
                Value::Map(fields)
            }
        }
    }
}

pub(crate) fn property(key: &Key) -> automerge::Prop {
    match key {
        Key::Field(name) => automerge::Prop::Map(name.clone()),
        Key::Index(index) => automerge::Prop::Seq(*index),
    }
}
