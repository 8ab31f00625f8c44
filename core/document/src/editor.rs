//! Targeted writes: only what a person changed becomes an operation.

use automerge::transaction::{Transactable, Transaction};
use automerge::{ObjId, ObjType, ROOT};

use crate::document::field_of;
use crate::reader::{Node, View, property};
use crate::{GENESIS_ACTOR, Key, MAXIMUM_DEPTH, Path, Value, WriteError};

/// Longest field name, in bytes.
const MAXIMUM_FIELD_BYTES: usize = 256;

/// The writes of one change.
///
/// Nothing is written where the value is the same already, so that a form saved unchanged makes
/// no change. Unknown fields beside the written one are never touched.
pub struct Editor<'a> {
    transaction: Transaction<'a>,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(transaction: Transaction<'a>) -> Editor<'a> {
        Editor { transaction }
    }

    pub(crate) fn into_transaction(self) -> Transaction<'a> {
        self.transaction
    }

    /// The value at `path` as it stands within this edit.
    pub fn get(&self, path: impl Into<Path>) -> Option<Value> {
        let node = self.view().resolve(path.into().keys())?;
        Some(self.view().hydrate(&node, 0))
    }

    /// True if there is anything at `path`.
    pub fn exists(&self, path: impl Into<Path>) -> bool {
        self.view().resolve(path.into().keys()).is_some()
    }

    /// Field names of the map at `path`, ascending by their bytes.
    pub fn keys(&self, path: impl Into<Path>) -> Vec<String> {
        self.view().keys(path.into().keys())
    }

    /// Sets a scalar, or settles a conflict by one. A `Map`, `List` or `Text` is created if
    /// nothing is there; a text that exists is updated.
    ///
    /// # Errors
    /// [`WriteError::HoldsEntries`] if a container stands there, [`WriteError::NoContainer`] if
    /// the container it lies in does not exist and is no part of an entry.
    pub fn put(
        &mut self,
        path: impl Into<Path>,
        value: impl Into<Value>,
    ) -> Result<(), WriteError> {
        let path = path.into();
        let value = value.into();
        let (parent, key) = self.parent_for_writing(&path)?;
        let existing = self.view().all(&parent, &key);
        let Some(scalar) = value.to_scalar() else {
            return self.put_object(&path, &parent, &key, &value);
        };
        if let [(Node::Scalar(current), _)] = existing.as_slice()
            && *current == scalar
        {
            return Ok(());
        }
        if existing
            .iter()
            .any(|(node, _)| matches!(node, Node::Object(..)))
        {
            return Err(WriteError::HoldsEntries(path));
        }
        let is_shown =
            matches!(existing.last(), Some((Node::Scalar(shown), _)) if *shown == scalar);
        if existing.len() > 1 && is_shown && matches!(key, Key::Field(_)) {
            // Of a value that is shown already (the last) automerge would only delete the others: a decision for another one,
            // made at the same time, would win without anybody being told that there were two.
            self.transaction.delete(&parent, property(&key))?;
        }
        self.transaction.put(&parent, property(&key), scalar)?;
        Ok(())
    }

    /// Creates an empty map, usually an entry under a new random id.
    ///
    /// # Errors
    /// [`WriteError::AlreadyExists`] if anything is there.
    pub fn put_map(&mut self, path: impl Into<Path>) -> Result<(), WriteError> {
        let path = path.into();
        let (parent, key) = self.parent_for_absent(&path)?;
        self.transaction
            .put_object(&parent, property(&key), ObjType::Map)?;
        Ok(())
    }

    /// Creates a collaborative text.
    ///
    /// # Errors
    /// [`WriteError::AlreadyExists`] if anything is there.
    pub fn put_text(&mut self, path: impl Into<Path>, text: &str) -> Result<(), WriteError> {
        let path = path.into();
        let (parent, key) = self.parent_for_absent(&path)?;
        let object = self
            .transaction
            .put_object(&parent, property(&key), ObjType::Text)?;
        self.transaction.splice_text(&object, 0, 0, text)?;
        Ok(())
    }

    /// Replaces `delete` characters of a collaborative text at `position` by `insert`.
    /// Position and count are unicode scalar values.
    ///
    /// # Errors
    /// [`WriteError::NotText`], [`WriteError::OutOfRange`].
    pub fn splice_text(
        &mut self,
        path: impl Into<Path>,
        position: usize,
        delete: usize,
        insert: &str,
    ) -> Result<(), WriteError> {
        let path = path.into();
        let object = self.text_at(&path)?;
        let length = self.view().text_of(&object).chars().count();
        if position > length || delete > length - position {
            return Err(WriteError::OutOfRange {
                path,
                position,
                length,
            });
        }
        if delete == 0 && insert.is_empty() {
            return Ok(());
        }
        // Bounded by the text's length, so the conversion cannot fail.
        let delete = isize::try_from(delete).unwrap_or(isize::MAX);
        self.transaction
            .splice_text(&object, position, delete, insert)?;
        Ok(())
    }

    /// Turns a collaborative text into `text` by as few operations as a comparison finds, so that
    /// what others type at the same time in other words survives.
    ///
    /// # Errors
    /// [`WriteError::NotText`].
    pub fn update_text(&mut self, path: impl Into<Path>, text: &str) -> Result<(), WriteError> {
        let object = self.text_at(&path.into())?;
        if self.view().text_of(&object) != text {
            self.transaction.update_text(&object, text)?;
        }
        Ok(())
    }

    /// Puts a new text in the place of a collaborative text. Two who do it at once leave two whole texts, of which
    /// one is shown, and never a mixture of both.
    ///
    /// # Errors
    /// [`WriteError::NotText`].
    pub fn replace_text(&mut self, path: impl Into<Path>, text: &str) -> Result<(), WriteError> {
        let path = path.into();
        self.text_at(&path)?;
        let (parent, key) = self.parent_for_writing(&path)?;
        let object = self
            .transaction
            .put_object(&parent, property(&key), ObjType::Text)?;
        self.transaction.splice_text(&object, 0, 0, text)?;
        Ok(())
    }

    /// Deletes what is at `path`; nothing there is no error.
    ///
    /// # Errors
    /// [`WriteError::InvalidField`] for the root.
    pub fn delete(&mut self, path: impl Into<Path>) -> Result<(), WriteError> {
        let path = path.into();
        let (last, parent) = path.keys().split_last().ok_or(WriteError::InvalidField)?;
        let Some(Node::Object(_, parent)) = self.view().resolve(parent) else {
            return Ok(());
        };
        if self.view().child(&parent, last).is_some() {
            self.transaction.delete(&parent, property(last))?;
        }
        Ok(())
    }

    /// Adds to a counter; concurrent increments add up.
    ///
    /// # Errors
    /// [`WriteError::NotCounter`].
    pub fn increment(&mut self, path: impl Into<Path>, by: i64) -> Result<(), WriteError> {
        let path = path.into();
        let (parent, key) = self.parent_for_writing(&path)?;
        match self.view().child(&parent, &key) {
            Some(Node::Scalar(scalar)) if scalar.is_counter() => {}
            Some(_) => return Err(WriteError::NotCounter(path)),
            None => return Err(WriteError::Missing(path)),
        }
        if by != 0 {
            self.transaction.increment(&parent, property(&key), by)?;
        }
        Ok(())
    }

    /// Inserts into a list before the element at the path's last step, or at its end.
    ///
    /// # Errors
    /// [`WriteError::NotList`], [`WriteError::OutOfRange`].
    pub fn insert(
        &mut self,
        path: impl Into<Path>,
        value: impl Into<Value>,
    ) -> Result<(), WriteError> {
        let path = path.into();
        let value = value.into();
        let (list_path, last) = path.split_last().ok_or(WriteError::InvalidField)?;
        let Key::Index(index) = *last else {
            return Err(WriteError::NotList(list_path));
        };
        let list = match self.view().resolve(list_path.keys()) {
            Some(Node::Object(ObjType::List, list)) => list,
            Some(_) => return Err(WriteError::NotList(list_path)),
            None => return Err(WriteError::Missing(list_path)),
        };
        let length = automerge::ReadDoc::length(&self.transaction, &list);
        if index > length {
            return Err(WriteError::OutOfRange {
                path: list_path,
                position: index,
                length,
            });
        }
        self.create(&path, Place::Insert(&list, index), &value)
    }

    fn view(&self) -> View<'_, Transaction<'a>> {
        View {
            engine: &self.transaction,
            heads: None,
        }
    }

    fn text_at(&self, path: &Path) -> Result<ObjId, WriteError> {
        match self.view().resolve(path.keys()) {
            Some(Node::Object(ObjType::Text, object)) => Ok(object),
            Some(_) => Err(WriteError::NotText(path.clone())),
            None => Err(WriteError::Missing(path.clone())),
        }
    }

    fn parent_for_absent(&mut self, path: &Path) -> Result<(ObjId, Key), WriteError> {
        let (parent, key) = self.parent_for_writing(path)?;
        if self.view().child(&parent, &key).is_some() {
            return Err(WriteError::AlreadyExists(path.clone()));
        }
        Ok((parent, key))
    }

    /// The object that `path` lies in, and the last step. Missing maps are created below an
    /// entry only: whoever created the entry may fill it, nobody else knows it yet.
    fn parent_for_writing(&mut self, path: &Path) -> Result<(ObjId, Key), WriteError> {
        let (last, parents) = path.keys().split_last().ok_or(WriteError::InvalidField)?;
        if path.keys().len() > MAXIMUM_DEPTH {
            return Err(WriteError::TooDeep(path.clone()));
        }
        let mut object = ROOT;
        let mut kind = ObjType::Map;
        for (position, key) in parents.iter().enumerate() {
            match self.view().child(&object, key) {
                Some(Node::Object(child_kind, child)) => {
                    object = child;
                    kind = child_kind;
                }
                Some(Node::Scalar(_)) => return Err(WriteError::NoContainer(path.clone())),
                None => {
                    let here: Path = path.keys().iter().take(position + 1).cloned().collect();
                    if !is_in_entry(&object) || !is_valid_field(key) {
                        return Err(WriteError::NoContainer(here));
                    }
                    object = self
                        .transaction
                        .put_object(&object, property(key), ObjType::Map)?;
                    kind = ObjType::Map;
                }
            }
        }
        match (kind, last) {
            (ObjType::Map, key) if is_valid_field(key) => Ok((object, key.clone())),
            (ObjType::Map, _) => Err(WriteError::InvalidField),
            (ObjType::List, Key::Index(index)) => {
                let length = automerge::ReadDoc::length(&self.transaction, &object);
                if *index >= length {
                    return Err(WriteError::OutOfRange {
                        path: path.clone(),
                        position: *index,
                        length,
                    });
                }
                Ok((object, last.clone()))
            }
            _ => Err(WriteError::NoContainer(path.clone())),
        }
    }

    fn put_object(
        &mut self,
        path: &Path,
        parent: &ObjId,
        key: &Key,
        value: &Value,
    ) -> Result<(), WriteError> {
        match (self.view().child(parent, key), value) {
            (None, _) => self.create(path, Place::Put(parent, key), value),
            (Some(Node::Object(ObjType::Text, _)), Value::Text(text)) => {
                self.update_text(path, text)
            }
            (Some(node), _) if self.view().hydrate(&node, 0) == *value => Ok(()),
            (Some(_), _) => Err(WriteError::AlreadyExists(path.clone())),
        }
    }

    fn create(&mut self, path: &Path, place: Place<'_>, value: &Value) -> Result<(), WriteError> {
        if path.keys().len() > MAXIMUM_DEPTH {
            return Err(WriteError::TooDeep(path.clone()));
        }
        match value {
            Value::Map(fields) => {
                let object = self.create_object(&place, ObjType::Map)?;
                for (name, field) in fields {
                    let key = Key::Field(name.clone());
                    if !is_valid_field(&key) {
                        return Err(WriteError::InvalidField);
                    }
                    let path = path.join(key.clone());
                    self.create(&path, Place::Put(&object, &key), field)?;
                }
            }
            Value::List(elements) => {
                let object = self.create_object(&place, ObjType::List)?;
                for (index, element) in elements.iter().enumerate() {
                    self.create(&path.join(index), Place::Insert(&object, index), element)?;
                }
            }
            Value::Text(text) => {
                let object = self.create_object(&place, ObjType::Text)?;
                self.transaction.splice_text(&object, 0, 0, text)?;
            }
            _ => {
                if let Some(scalar) = value.to_scalar() {
                    match place {
                        Place::Put(parent, key) => {
                            self.transaction.put(parent, property(key), scalar)?;
                        }
                        Place::Insert(list, index) => {
                            self.transaction.insert(list, index, scalar)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn create_object(&mut self, place: &Place<'_>, kind: ObjType) -> Result<ObjId, WriteError> {
        Ok(match place {
            Place::Put(parent, key) => self.transaction.put_object(parent, property(key), kind)?,
            Place::Insert(list, index) => self.transaction.insert_object(list, *index, kind)?,
        })
    }
}

/// Where a new value goes.
enum Place<'a> {
    Put(&'a ObjId, &'a Key),
    Insert(&'a ObjId, usize),
}

/// True unless the object is the root or a container of the genesis.
fn is_in_entry(object: &ObjId) -> bool {
    match object {
        ObjId::Root => false,
        ObjId::Id(_, actor, _) => actor.to_bytes() != GENESIS_ACTOR.as_bytes(),
    }
}

pub(crate) fn is_valid_field(key: &Key) -> bool {
    field_of(key).is_some_and(is_field_name)
}

/// Whether this program would name a field so: 1 to 256 bytes, no slash (paths are shown with slashes), no
/// control character. A modified one may write any name.
#[must_use]
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAXIMUM_FIELD_BYTES
        && !name.contains(|character: char| character == '/' || character.is_control())
}
