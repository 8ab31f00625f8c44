//! This device's copy of the logs: stored in the vault, replayed on demand.
//!
//! Nothing is loaded that a question does not need: a space's log is replayed when somebody asks
//! for it, together with just the part of other logs that its operations come after.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::{Effect, LogHead, Logs, SpaceState};

use crate::error::ClientError;
use crate::upkeep;
use crate::vault::{Collection, Transaction, Vault};

/// Replayed states of this process's life.
pub(crate) struct LogCache {
    slots: RefCell<HashMap<SpaceId, Slot>>,
    signatures: Signatures,
}

impl Default for LogCache {
    fn default() -> Self {
        Self {
            slots: RefCell::default(),
            signatures: Signatures::VerifiedBefore,
        }
    }
}

/// One log: what is replayed, and what is stored but not yet replayed.
#[derive(Clone, Default)]
struct Slot {
    state: Option<Arc<SpaceState>>,
    waiting: std::collections::VecDeque<Arc<SignedOperation>>,
}

impl Slot {
    fn length(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.length())
    }
}

impl LogCache {
    /// One whose logs are replayed as if they had just come in: signatures are verified again.
    pub fn verifying() -> Self {
        Self {
            signatures: Signatures::Verify,
            ..Self::default()
        }
    }

    /// A view on the newest logs of a replica in this network.
    pub fn view<'a>(&'a self, vault: &'a Vault, network: Option<SpaceId>) -> LogView<'a> {
        LogView {
            cache: self,
            vault,
            network,
        }
    }

    /// Takes over a state that was appended and stored elsewhere.
    pub fn set(&self, state: SpaceState) {
        self.slots.borrow_mut().insert(
            state.id(),
            Slot {
                state: Some(Arc::new(state)),
                waiting: std::collections::VecDeque::new(),
            },
        );
    }

    /// Forgets everything replayed, after a transaction that set states was undone.
    pub fn clear(&self) {
        self.slots.borrow_mut().clear();
    }
}

/// The newest logs of this device.
#[derive(Clone, Copy)]
pub(crate) struct LogView<'a> {
    cache: &'a LogCache,
    vault: &'a Vault,
    network: Option<SpaceId>,
}

/// Only what is replayed so far: what replay itself looks at while a log is being loaded. Every
/// reference of the operation at hand has been replayed before.
struct Replayed<'a> {
    cache: &'a LogCache,
    network: Option<SpaceId>,
}

impl Logs for Replayed<'_> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.cache.slots.borrow().get(space)?.state.clone()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

impl Logs for LogView<'_> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.load(space).ok().flatten()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

impl LogView<'_> {
    /// The newest state of a space, replayed from the vault where needed.
    ///
    /// # Errors
    /// [`ClientError`] where the vault cannot be read or its logs do not replay (damage).
    pub fn load(&self, space: &SpaceId) -> Result<Option<Arc<SpaceState>>, ClientError> {
        self.fetch(space)?;
        let last = {
            let slots = self.cache.slots.borrow();
            let Some(slot) = slots.get(space) else {
                return Ok(None);
            };
            slot.length() + slot.waiting.len() as u64
        };
        if last > 0 {
            self.replay_up_to(*space, last - 1)?;
        }
        Ok(self.replayed().state(space))
    }

    fn replayed(&self) -> Replayed<'_> {
        Replayed {
            cache: self.cache,
            network: self.network,
        }
    }

    /// Reads a log's bytes, once.
    fn fetch(&self, space: &SpaceId) -> Result<(), ClientError> {
        if self.cache.slots.borrow().contains_key(space) {
            return Ok(());
        }
        let records = self.vault.list(Collection::Operation, &space.0)?;
        let mut slot = Slot::default();
        for (_, bytes) in records {
            let operation =
                SignedOperation::decode(&bytes).map_err(|error| ClientError::DamagedRecord {
                    reason: error.to_string(),
                })?;
            slot.waiting.push_back(Arc::new(operation));
        }
        self.cache.slots.borrow_mut().insert(*space, slot);
        Ok(())
    }

    /// Replays a log up to an index, and whatever its operations come after. References form no
    /// cycle, so the work list ends; it is explicit because chains of references can be long.
    fn replay_up_to(&self, space: SpaceId, index: u64) -> Result<(), ClientError> {
        let mut wanted = vec![(space, index)];
        while let Some((space, index)) = wanted.last().copied() {
            self.fetch(&space)?;
            let next = {
                let slots = self.cache.slots.borrow();
                let Some(slot) = slots.get(&space).filter(|slot| slot.length() <= index) else {
                    wanted.pop();
                    continue;
                };
                slot.waiting.front().cloned()
            };
            let Some(next) = next else {
                return Err(ClientError::DamagedRecord {
                    reason: "an operation that another one refers to is missing".into(),
                });
            };
            match self.unmet(&next)? {
                Some(unmet) if wanted.contains(&unmet) => {
                    return Err(ClientError::DamagedRecord {
                        reason: "operations refer to each other".into(),
                    });
                }
                Some(unmet) => wanted.push(unmet),
                None => self.replay_one(space, &next)?,
            }
        }
        Ok(())
    }

    /// What has to be replayed before an operation can be: the first position it refers to that is
    /// not known yet. One of a lost branch is known once its `Heal` is replayed.
    fn unmet(&self, next: &SignedOperation) -> Result<Option<(SpaceId, u64)>, ClientError> {
        for head in references(next) {
            self.fetch(&head.space)?;
            let slots = self.cache.slots.borrow();
            let Some(slot) = slots.get(&head.space) else {
                continue;
            };
            let length = slot.length();
            if length <= head.index {
                return Ok(Some((head.space, head.index)));
            }
            let stands = slot.state.as_ref().is_some_and(|state| {
                let known = state.operation(head.index);
                known.is_some_and(|record| record.id == head.operation)
            });
            if !stands && !slot.waiting.is_empty() && !Self::is_known(&slots, &head) {
                return Ok(Some((head.space, length)));
            }
        }
        Ok(None)
    }

    /// Whether a position is one of a branch that was carried back.
    fn is_known(slots: &HashMap<SpaceId, Slot>, head: &LogHead) -> bool {
        let state = slots.get(&head.space).and_then(|slot| slot.state.as_ref());
        state.is_some_and(|state| {
            let mut branches = state.branches().iter();
            branches.any(|branch| branch.operations().any(|id| id == head.operation))
        })
    }

    fn replay_one(&self, space: SpaceId, next: &SignedOperation) -> Result<(), ClientError> {
        let logs = self.replayed();
        let state = logs.state(&space);
        let applied = match state {
            Some(state) => (*state).clone().append(next, &logs, self.cache.signatures),
            None => SpaceState::found(next, &logs, self.cache.signatures),
        }
        .map_err(|error| ClientError::DamagedRecord {
            reason: error.to_string(),
        })?;
        let mut slots = self.cache.slots.borrow_mut();
        let slot = slots.entry(space).or_default();
        slot.state = Some(Arc::new(applied));
        slot.waiting.pop_front();
        Ok(())
    }

    /// Replays one received operation on the newest logs, without storing it.
    ///
    /// # Errors
    /// [`ReplayError`]; a repeated operation is [`ReplayError::NotNext`].
    pub fn replay(&self, operation: &SignedOperation) -> Result<SpaceState, ReplayError> {
        match self.state(&operation.space()) {
            Some(state) if !state.is_followed_by(operation) => Err(ReplayError::NotNext),
            Some(state) => (*state).clone().append(operation, self, Signatures::Verify),
            None => SpaceState::found(operation, self, Signatures::Verify),
        }
    }

    /// Whether this very operation stands in the log already.
    pub fn contains(&self, operation: &SignedOperation) -> bool {
        self.state(&operation.space()).is_some_and(|state| {
            state
                .operation(operation.operation().index)
                .is_some_and(|record| record.id == operation.id())
        })
    }
}

/// Everything an operation refers to: by itself, and by the lost operations it carries back.
pub(crate) fn references(operation: &SignedOperation) -> Vec<LogHead> {
    let body = operation.operation();
    let mut references = body.references.clone();
    for effect in &body.effects {
        if let Effect::Heal { branch } = effect {
            let carried = branch
                .iter()
                .filter_map(|lost| SignedOperation::decode(&lost.operation).ok());
            references.extend(carried.flat_map(|lost| lost.operation().references.clone()));
        }
    }
    references
}

/// Key of an operation: space ‖ index.
pub(crate) fn operation_key(space: &SpaceId, index: u64) -> Vec<u8> {
    [space.0.as_slice(), &index.to_be_bytes()].concat()
}

/// Stores an operation, and notes what follows from it for keys.
pub(crate) fn store(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
) -> Result<(), ClientError> {
    let space = operation.space();
    let index = operation.operation().index;
    let key = operation_key(&space, index);
    let position = i64::try_from(index).unwrap_or(i64::MAX);
    transaction.put(
        Collection::Operation,
        &space.0,
        &key,
        position,
        operation.bytes(),
    )?;
    crate::forks::put_healed(transaction, operation)?;
    upkeep::note_operation(transaction, operation)
}

/// Logs with some states laid over them: what was prepared and not stored yet.
pub(crate) struct Overlay<'a> {
    pub below: LogView<'a>,
    pub above: &'a BTreeMap<SpaceId, Arc<SpaceState>>,
}

impl Logs for Overlay<'_> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.above
            .get(space)
            .cloned()
            .or_else(|| self.below.state(space))
    }

    fn network(&self) -> Option<SpaceId> {
        self.below.network()
    }
}
