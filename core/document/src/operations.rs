//! Checks a decoded change's operations against the objects they write to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Automerge, Change, ObjId, ObjType, Prop, ReadDoc, ScalarValue};

use crate::{ChangeRefusal, GENESIS_ACTOR, MAXIMUM_DEPTH};

/// An operation's id: counter and actor bytes.
type Id = (u64, Vec<u8>);

/// The objects of a document and of the batch so far, as far as they were asked for.
pub(crate) struct ObjectTable<'a> {
    engine: &'a Automerge,
    objects: BTreeMap<Id, Object>,
    /// Where the genesis made its maps: in which one of its own (none at the root), under which key. A few.
    born: Vec<(Option<u64>, String)>,
}

#[derive(Clone, Copy)]
struct Object {
    kind: ObjType,
    /// Number of steps from the root, which has depth 0.
    depth: usize,
}

impl<'a> ObjectTable<'a> {
    pub(crate) fn new(engine: &'a Automerge) -> ObjectTable<'a> {
        ObjectTable {
            engine,
            objects: BTreeMap::new(),
            born: containers(engine),
        }
    }

    /// Checks every operation and remembers the objects that the change creates. `had_seen` says
    /// whether an operation, by actor and counter, stands in what the change comes after.
    pub(crate) fn admit(
        &mut self,
        change: &Change,
        had_seen: &dyn Fn(&[u8], u64) -> bool,
    ) -> Result<(), ChangeRefusal> {
        catch_unwind(AssertUnwindSafe(|| self.admit_operations(change, had_seen)))
            .map_err(|_| ChangeRefusal::DecodingPanicked)?
    }

    fn admit_operations(
        &mut self,
        change: &Change,
        had_seen: &dyn Fn(&[u8], u64) -> bool,
    ) -> Result<(), ChangeRefusal> {
        let decoded = change.decode();
        let actor = decoded.actor_id.to_bytes().to_vec();
        let first = decoded.start_op.get();
        let known = |id: &OpId| {
            let is_own = id.counter() >= first && id.actor().to_bytes() == actor;
            is_own || had_seen(id.actor().to_bytes(), id.counter())
        };
        let counters = first..;
        for (position, (operation, counter)) in decoded.operations.iter().zip(counters).enumerate()
        {
            let id = (counter, actor.clone());
            self.admit_operation(operation, id, &known)
                .map_err(|reason| ChangeRefusal::Operation {
                    operation: position,
                    reason,
                })?;
        }
        Ok(())
    }

    fn admit_operation(
        &mut self,
        operation: &Op,
        id: Id,
        known: &dyn Fn(&OpId) -> bool,
    ) -> Result<(), &'static str> {
        check_references(operation, id.0, known)?;
        let is_of_genesis = id.1.as_slice() == GENESIS_ACTOR.as_bytes();
        if !is_of_genesis && self.is_where_genesis_wrote(operation) {
            return Err("it replaces or removes a map that every such document is born with");
        }
        let parent = match &operation.obj {
            ObjectId::Root => Object {
                kind: ObjType::Map,
                depth: 0,
            },
            ObjectId::Id(parent) => self.find(parent).ok_or("its object is unknown")?,
        };
        check_place(operation, parent.kind)?;
        match &operation.action {
            OpType::Make(ObjType::Table) => return Err("tables are not used"),
            OpType::Make(_) if parent.kind == ObjType::Text => {
                return Err("an object inside a text");
            }
            OpType::Make(kind) => {
                let depth = parent.depth + 1;
                if depth > MAXIMUM_DEPTH {
                    return Err("nested too deeply");
                }
                self.objects.insert(id, Object { kind: *kind, depth });
            }
            OpType::MarkBegin(_) | OpType::MarkEnd(_) => return Err("marks are not used"),
            OpType::Put(value) => {
                if parent.kind == ObjType::Text && !matches!(value, ScalarValue::Str(_)) {
                    return Err("a text holds something else than characters");
                }
            }
            OpType::Delete | OpType::Increment(_) => {
                if operation.pred.is_empty() {
                    return Err("it deletes or increments nothing");
                }
            }
        }
        Ok(())
    }

    /// Whether an operation writes at a key under which the genesis made a map: instead of that map, or beside
    /// it as if it were not known. Either hides at once whatever anybody wrote in it, and no honest program
    /// does it: the containers of a document are its format.
    ///
    /// Every replica answers alike: what passed here has left the maps of the genesis where they were.
    fn is_where_genesis_wrote(&self, operation: &Op) -> bool {
        if operation.pred.iter().any(|id| is_genesis(id.actor())) {
            return true;
        }
        let Key::Map(name) = &operation.key else {
            return false;
        };
        let object = match &operation.obj {
            ObjectId::Root => None,
            ObjectId::Id(id) if is_genesis(id.actor()) => Some(id.counter()),
            ObjectId::Id(_) => return false,
        };
        let mut born = self.born.iter();
        born.any(|(parent, key)| *parent == object && key.as_str() == name.as_str())
    }

    fn find(&mut self, id: &OpId) -> Option<Object> {
        let key = (id.counter(), id.actor().to_bytes().to_vec());
        if let Some(object) = self.objects.get(&key) {
            return Some(*object);
        }
        // The index is only a hint; the engine looks the actor up.
        let object_id = ObjId::Id(id.counter(), id.actor().clone(), 0);
        let object = Object {
            kind: self.engine.object_type(&object_id).ok()?,
            depth: self.engine.parents(&object_id).ok()?.count(),
        };
        self.objects.insert(key, object);
        Some(object)
    }
}

/// The maps that the genesis made, each where it lies. Their counters are 1, 2, … without a gap.
fn containers(engine: &Automerge) -> Vec<(Option<u64>, String)> {
    let genesis = ActorId::from(*GENESIS_ACTOR.as_bytes());
    let parent_of = |counter| {
        let map = ObjId::Id(counter, genesis.clone(), 0);
        engine.object_type(&map).ok()?;
        let parent = engine.parents(&map).ok()?.next()?;
        match (parent.obj, parent.prop) {
            (ObjId::Root, Prop::Map(key)) => Some((None, key)),
            (ObjId::Id(counter, ..), Prop::Map(key)) => Some((Some(counter), key)),
            _ => None,
        }
    };
    (1..).map_while(parent_of).collect()
}

fn is_genesis(actor: &ActorId) -> bool {
    actor.to_bytes() == GENESIS_ACTOR.as_bytes()
}

/// Whatever an operation refers to is older than itself, and was there when it was made.
fn check_references(
    operation: &Op,
    counter: u64,
    known: &dyn Fn(&OpId) -> bool,
) -> Result<(), &'static str> {
    let object = match &operation.obj {
        ObjectId::Id(id) => Some(id),
        ObjectId::Root => None,
    };
    let element = match &operation.key {
        Key::Seq(ElementId::Id(id)) => Some(id),
        _ => None,
    };
    for id in object
        .into_iter()
        .chain(element)
        .chain(operation.pred.iter())
    {
        if id.counter() >= counter {
            return Err("it refers to a later operation");
        }
        if !known(id) {
            return Err("it refers to what its author had not seen");
        }
    }
    Ok(())
}

fn check_place(operation: &Op, kind: ObjType) -> Result<(), &'static str> {
    match (kind, &operation.key) {
        (ObjType::Map, Key::Map(_)) if operation.insert => Err("an insertion into a map"),
        (ObjType::Map, Key::Map(_)) => Ok(()),
        (ObjType::List | ObjType::Text, Key::Seq(ElementId::Head)) if !operation.insert => {
            Err("it writes to no element")
        }
        (ObjType::List | ObjType::Text, Key::Seq(_)) => Ok(()),
        _ => Err("its key does not fit its object"),
    }
}
