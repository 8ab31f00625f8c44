//! Entries that somebody deleted while somebody else was editing them.
//!
//! automerge lets the deletion win and hides the edit; people must learn of it.

use std::collections::BTreeMap;

use automerge::legacy::{Key as EngineKey, ObjectId, Op, OpId, OpType};
use automerge::{Automerge, Change, ChangeHash as EngineHash, ObjId, ObjType};

use crate::ancestry::{Ancestry, is_linear};
use crate::reader::{Node, Reader};
use crate::{Actor, ChangeHash, Document, Path, Value};

/// Who did something, in which change and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// The actor.
    pub actor: Actor,
    /// The change.
    pub change: ChangeHash,
    /// When, by the author's clock; advisory.
    pub time_seconds: i64,
}

/// An entry that was deleted while others edited it without knowing.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedWhileEdited {
    /// Where the entry was.
    pub path: Path,
    /// Who deleted it.
    pub deleted_by: Responsible,
    /// Who edited it without knowing of the deletion, in the history's order.
    pub edited_by: Vec<Responsible>,
    /// The entry as its editors left it.
    pub last_value: Value,
}

/// An entry of a map as it came to be, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeEntry {
    /// Its name in the map.
    pub name: String,
    /// Who made it, in which change and when.
    pub made_by: Responsible,
}

/// Every entry that was ever made in the map at `path`, in the history's order.
pub(crate) fn made_entries(document: &Document, path: &Path) -> Vec<MadeEntry> {
    let reader = document.read();
    let Some(Node::Object(ObjType::Map, container)) = reader.view().resolve(path.keys()) else {
        return Vec::new();
    };
    let made = document.made();
    made.by_map
        .get(&id_of_map(&container))
        .cloned()
        .unwrap_or_default()
}

/// What was ever made in each map.
pub(crate) struct MadeEntries {
    /// By the map; in the history's order, and by name what one change made.
    by_map: BTreeMap<Option<Id>, Vec<MadeEntry>>,
}

impl MadeEntries {
    /// Decodes the whole history, which costs more than opening the document.
    pub(crate) fn of(engine: &Automerge) -> Self {
        let mut by_map: BTreeMap<Option<Id>, Vec<MadeEntry>> = BTreeMap::new();
        for change in in_order(engine) {
            let Some(actor) = Actor::from_engine(change.actor_id()) else {
                continue;
            };
            let mut made: Vec<(Option<Id>, String)> = change
                .decode()
                .operations
                .iter()
                .filter(|operation| matches!(operation.action, OpType::Make(_)))
                .filter_map(|operation| match &operation.key {
                    EngineKey::Map(name) => Some((parent_of(operation), name.to_string())),
                    EngineKey::Seq(_) => None,
                })
                .collect();
            made.sort();
            for (map, name) in made {
                by_map.entry(map).or_default().push(MadeEntry {
                    name,
                    made_by: Responsible {
                        actor,
                        change: change.hash().into(),
                        time_seconds: change.timestamp(),
                    },
                });
            }
        }
        Self { by_map }
    }
}

/// All changes, each after those it builds on, in an order that is the same on every replica.
fn in_order(engine: &Automerge) -> Vec<Change> {
    let mut changes = engine.get_changes(&[]);
    changes.sort_by_key(|change| (change.start_op(), change.hash()));
    changes
}

/// The deleted entries of the map at `path`, ordered by their names.
pub(crate) fn concurrent_deletions(document: &Document, path: &Path) -> Vec<DeletedWhileEdited> {
    let engine = document.engine();
    let reader = document.read();
    let Some(Node::Object(ObjType::Map, container)) = reader.view().resolve(path.keys()) else {
        return Vec::new();
    };
    if is_linear(engine) {
        return Vec::new();
    }
    let entries = Entries::of(engine, &container);
    let changes = entries.changes();
    let ancestry = Ancestry::among(engine, &changes);
    let mut found = Vec::new();
    for entry in entries.by_object.values() {
        let path = path.join(entry.name.as_str());
        if !reader.exists(&path) {
            found.extend(entry.report(document, &path, &changes, &ancestry));
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

type Id = (u64, Vec<u8>);

fn id_of(id: &OpId) -> Id {
    (id.counter(), id.actor().to_bytes().to_vec())
}

/// Nothing for the root.
fn id_of_map(map: &ObjId) -> Option<Id> {
    match map {
        ObjId::Id(counter, actor, _) => Some((*counter, actor.to_bytes().to_vec())),
        ObjId::Root => None,
    }
}

/// The object that an operation works in; nothing for the root.
fn parent_of(operation: &Op) -> Option<Id> {
    match &operation.obj {
        ObjectId::Id(id) => Some(id_of(id)),
        ObjectId::Root => None,
    }
}

/// Everything that ever stood in one map, with the changes that edited or deleted it.
struct Entries {
    by_object: BTreeMap<Id, Entry>,
    /// The entry that each object lies in.
    entry_of: BTreeMap<Id, Id>,
    order: Vec<EngineHash>,
}

struct Entry {
    name: String,
    edits: Vec<EngineHash>,
    deletions: Vec<EngineHash>,
}

impl Entries {
    fn of(engine: &Automerge, container: &ObjId) -> Entries {
        let container = id_of_map(container);
        let mut entries = Entries {
            by_object: BTreeMap::new(),
            entry_of: BTreeMap::new(),
            order: Vec::new(),
        };
        for change in &in_order(engine) {
            entries.order.push(change.hash());
            let actor = change.actor_id().to_bytes().to_vec();
            let decoded = change.decode();
            for (operation, counter) in decoded.operations.iter().zip(change.start_op().get()..) {
                let own = (counter, actor.clone());
                let parent = parent_of(operation);
                if parent == container {
                    entries.add_to_container(operation, own, change.hash());
                } else if let Some(entry) = parent.and_then(|id| entries.entry_of.get(&id).cloned())
                {
                    if matches!(operation.action, OpType::Make(_)) {
                        entries.entry_of.insert(own, entry.clone());
                    }
                    if let Some(entry) = entries.by_object.get_mut(&entry) {
                        push_once(&mut entry.edits, change.hash());
                    }
                }
            }
        }
        entries
    }

    fn add_to_container(&mut self, operation: &Op, own: Id, change: EngineHash) {
        let EngineKey::Map(name) = &operation.key else {
            return;
        };
        for replaced in operation.pred.iter() {
            if let Some(entry) = self.by_object.get_mut(&id_of(replaced)) {
                push_once(&mut entry.deletions, change);
            }
        }
        if matches!(operation.action, OpType::Make(_)) {
            self.entry_of.insert(own.clone(), own.clone());
            let entry = Entry {
                name: name.to_string(),
                edits: Vec::new(),
                deletions: Vec::new(),
            };
            self.by_object.insert(own, entry);
        }
    }

    /// The changes that matter, in the history's order.
    fn changes(&self) -> Vec<EngineHash> {
        let wanted: Vec<EngineHash> = self
            .by_object
            .values()
            .filter(|entry| !entry.deletions.is_empty())
            .flat_map(|entry| entry.edits.iter().chain(&entry.deletions))
            .copied()
            .collect();
        let wanted: std::collections::BTreeSet<_> = wanted.into_iter().collect();
        self.order
            .iter()
            .filter(|hash| wanted.contains(hash))
            .copied()
            .collect()
    }
}

fn push_once(changes: &mut Vec<EngineHash>, change: EngineHash) {
    if changes.last() != Some(&change) {
        changes.push(change);
    }
}

impl Entry {
    fn report(
        &self,
        document: &Document,
        path: &Path,
        order: &[EngineHash],
        ancestry: &Ancestry,
    ) -> Option<DeletedWhileEdited> {
        let in_order = |changes: &[EngineHash]| -> Vec<EngineHash> {
            let wanted = |hash: &&EngineHash| changes.contains(hash);
            order.iter().filter(wanted).copied().collect()
        };
        let deletion = in_order(&self.deletions).into_iter().find(|deletion| {
            self.edits
                .iter()
                .any(|edit| ancestry.concurrent(edit, deletion))
        })?;
        let edits: Vec<EngineHash> = in_order(&self.edits)
            .into_iter()
            .filter(|edit| ancestry.concurrent(edit, &deletion))
            .collect();
        let state = Reader::new(document, Some(ancestry.latest(&edits)));
        let engine = document.engine();
        Some(DeletedWhileEdited {
            path: path.clone(),
            deleted_by: responsible(engine, &deletion)?,
            edited_by: edits
                .iter()
                .filter_map(|edit| responsible(engine, edit))
                .collect(),
            last_value: state.get(path)?,
        })
    }
}

fn responsible(engine: &Automerge, change: &EngineHash) -> Option<Responsible> {
    let change = engine.get_change_meta_by_hash(change)?;
    Some(Responsible {
        actor: Actor::from_engine(&change.actor)?,
        change: change.hash.into(),
        time_seconds: change.timestamp,
    })
}
