//! What each change comes after: who made which operations, and who had seen them.
//!
//! A change may refer only to what its author had seen, which is what its dependencies lead to, and
//! counts on from there. So whether it is acceptable follows from the change and its ancestors alone,
//! and every replica says the same, whatever else it has received so far.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use automerge::{Automerge, Change};

use crate::history::ordered;
use crate::{Actor, ChangeHash, ChangeRefusal, GENESIS_ACTOR};

/// The changes of a document and of a batch so far, numbered so that each comes after its ancestors.
pub(crate) struct Lineage {
    numbers: HashMap<ChangeHash, usize>,
    changes: Vec<Place>,
    /// The changes of each actor, by sequence number.
    actors: BTreeMap<Actor, Vec<usize>>,
    /// Changes that no other builds on.
    heads: BTreeSet<usize>,
    /// Ancestors of the changes asked about last: who sends a long branch asks for each in turn.
    recent: VecDeque<(usize, Ancestors)>,
}

struct Place {
    dependencies: Vec<usize>,
    first_operation: u64,
    last_operation: u64,
}

/// How many changes' ancestors are remembered.
const RECENT_MAX: usize = 32;

/// The ancestors of one change.
#[derive(Clone)]
pub(crate) enum Ancestors {
    /// Everything there is so far.
    All,
    /// One bit for each change, by its number.
    Some(Vec<u64>),
}

impl Ancestors {
    fn contain(&self, number: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(bits) => bits
                .get(number / 64)
                .is_some_and(|word| word & (1 << (number % 64)) != 0),
        }
    }
}

impl Lineage {
    /// Of nothing yet.
    pub(crate) fn new() -> Lineage {
        Lineage {
            numbers: HashMap::new(),
            changes: Vec::new(),
            actors: BTreeMap::new(),
            heads: BTreeSet::new(),
            recent: VecDeque::new(),
        }
    }

    /// Of a document whose changes have passed the gate.
    pub(crate) fn of(engine: &Automerge) -> Lineage {
        let mut lineage = Lineage::new();
        for change in ordered(engine) {
            let Some(actor) = Actor::from_engine(&change.actor) else {
                continue;
            };
            let dependencies = change.deps.iter().map(|hash| ChangeHash::from(*hash));
            let place = Place {
                dependencies: dependencies
                    .filter_map(|hash| lineage.numbers.get(&hash).copied())
                    .collect(),
                first_operation: change.start_op,
                last_operation: change.max_op,
            };
            lineage.add(change.hash.into(), actor, place);
        }
        lineage
    }

    /// Whether a change is one of them.
    pub(crate) fn contains(&self, change: &ChangeHash) -> bool {
        self.numbers.contains_key(change)
    }

    /// Checks actor, dependencies and counters of a change that is to follow, and what it had seen.
    pub(crate) fn check(
        &mut self,
        change: &Change,
        maximum_operation: u64,
    ) -> Result<Ancestors, ChangeRefusal> {
        let actor = Actor::from_engine(change.actor_id()).ok_or(ChangeRefusal::ActorLength)?;
        let dependencies = self.dependencies(change)?;
        let ancestors = self.ancestors(&dependencies);
        for other in change.other_actor_ids() {
            let other = Actor::from_engine(other).ok_or(ChangeRefusal::ActorLength)?;
            let first = self.actors.get(&other).and_then(|changes| changes.first());
            if !first.is_some_and(|number| ancestors.contain(*number)) {
                return Err(ChangeRefusal::UnknownActor(other));
            }
        }
        let own = self.actors.get(&actor).map_or(&[][..], Vec::as_slice);
        let expected = own.len() as u64 + 1;
        // Who does not build on their own last change is two authors under one name.
        let follows = own.last().is_none_or(|last| ancestors.contain(*last));
        if change.seq() != expected || !follows {
            return Err(ChangeRefusal::Sequence {
                expected,
                found: change.seq(),
            });
        }
        let seen = dependencies
            .iter()
            .filter_map(|number| self.changes.get(*number));
        let seen = seen.map(|place| place.last_operation).max().unwrap_or(0);
        let (expected, found) = (seen.saturating_add(1), change.start_op().get());
        if found != expected || found > maximum_operation {
            return Err(ChangeRefusal::OperationCounter { expected, found });
        }
        Ok(ancestors)
    }

    /// Takes a checked change in.
    pub(crate) fn admit(&mut self, change: &Change) -> Result<(), ChangeRefusal> {
        let actor = Actor::from_engine(change.actor_id()).ok_or(ChangeRefusal::ActorLength)?;
        let place = Place {
            dependencies: self.dependencies(change)?,
            first_operation: change.start_op().get(),
            last_operation: change.max_op(),
        };
        self.add(change.hash().into(), actor, place);
        Ok(())
    }

    /// Whether an operation of somebody stands in one of a change's ancestors.
    pub(crate) fn had_seen(&self, ancestors: &Ancestors, actor: &[u8], counter: u64) -> bool {
        let Some(changes) = actor.try_into().ok().map(Actor::from_bytes) else {
            return false;
        };
        let Some(changes) = self.actors.get(&changes) else {
            return false;
        };
        let place = |number: &usize| self.changes.get(*number);
        let after = changes.partition_point(|number| {
            place(number).is_some_and(|place| place.first_operation <= counter)
        });
        let Some(number) = after.checked_sub(1).and_then(|last| changes.get(last)) else {
            return false;
        };
        place(number).is_some_and(|place| counter <= place.last_operation)
            && ancestors.contain(*number)
    }

    /// True if nothing of the genesis actor's is here: then its first change may still come.
    pub(crate) fn lacks_genesis(&self) -> bool {
        !self.actors.contains_key(&GENESIS_ACTOR)
    }

    fn dependencies(&self, change: &Change) -> Result<Vec<usize>, ChangeRefusal> {
        let known = change.deps().iter().map(|hash| {
            let hash = ChangeHash::from(*hash);
            let number = self.numbers.get(&hash).copied();
            number.ok_or(ChangeRefusal::UnknownDependency(hash))
        });
        known.collect()
    }

    fn add(&mut self, hash: ChangeHash, actor: Actor, place: Place) {
        let number = self.changes.len();
        for dependency in &place.dependencies {
            self.heads.remove(dependency);
        }
        self.heads.insert(number);
        self.numbers.insert(hash, number);
        self.actors.entry(actor).or_default().push(number);
        self.changes.push(place);
    }

    fn ancestors(&mut self, dependencies: &[usize]) -> Ancestors {
        if self.heads.iter().all(|head| dependencies.contains(head)) {
            return Ancestors::All;
        }
        let mut bits = vec![0u64; self.changes.len().div_ceil(64)];
        let mut walk = Vec::new();
        for dependency in dependencies {
            set(&mut bits, *dependency);
            match self.remembered(*dependency) {
                Some(known) => merge(&mut bits, known),
                None => walk.push(*dependency),
            }
        }
        // Descending numbers: whoever is reached has been reached by all its descendants.
        let highest = walk.iter().max().map_or(0, |highest| highest + 1);
        for number in (0..highest).rev() {
            if is_set(&bits, number) {
                let place = self.changes.get(number);
                for dependency in place.into_iter().flat_map(|place| &place.dependencies) {
                    set(&mut bits, *dependency);
                }
            }
        }
        // What follows in the batch most likely builds on the change that is being asked about.
        self.remember(self.changes.len(), &bits);
        Ancestors::Some(bits)
    }

    fn remembered(&self, number: usize) -> Option<&[u64]> {
        self.recent
            .iter()
            .find_map(|(known, ancestors)| match ancestors {
                Ancestors::Some(bits) if *known == number => Some(bits.as_slice()),
                _ => None,
            })
    }

    fn remember(&mut self, number: usize, bits: &[u64]) {
        self.recent.retain(|(known, _)| *known != number);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent
            .push_back((number, Ancestors::Some(bits.to_vec())));
    }
}

fn set(bits: &mut [u64], number: usize) {
    if let Some(word) = bits.get_mut(number / 64) {
        *word |= 1 << (number % 64);
    }
}

fn is_set(bits: &[u64], number: usize) -> bool {
    bits.get(number / 64)
        .is_some_and(|word| word & (1 << (number % 64)) != 0)
}

fn merge(bits: &mut [u64], more: &[u64]) {
    for (word, other) in bits.iter_mut().zip(more) {
        *word |= other;
    }
}
