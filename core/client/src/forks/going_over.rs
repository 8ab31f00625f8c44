//! How does this device go over to the branch the relay serves, and what becomes of what it stood on?

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::{OperationId, SpaceId};
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};

use super::{FORKED, ForkRecord, fork_key, lost_group, lost_key, may_follow, stands_in};
use crate::error::ClientError;
use crate::ingest::{Ingested, put_waiting};
use crate::logs;
use crate::nahtlos::Nahtlos;
use crate::offering::OfferRecord;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: operations that the relay serves and that do not follow our log;
/// key = `b` ‖ operation.
const SERVED: &[u8] = b"served";

/// Where an operation that the relay serves takes the place of one of ours.
pub(super) struct Crossing {
    pub(super) space: SpaceId,
    pub(super) index: u64,
}

impl Nahtlos {
    /// After a response was stored: goes over to the branches the relay serves, and puts back or
    /// lets go what was set aside.
    pub(crate) fn follow_served_branches(
        &mut self,
        ingested: &mut Ingested,
    ) -> Result<(), ClientError> {
        let mut changed = BTreeSet::new();
        let served = self.vault.last_position(Collection::Setting, SERVED)?;
        if served.is_some() {
            while let Some(crossing) = self.next_crossing()? {
                changed.extend(self.go_over(&crossing)?);
                self.replay_waiting(ingested)?;
            }
        }
        let forked = self.vault.last_position(Collection::Notice, FORKED)?;
        if forked.is_some() {
            changed.extend(self.settle_lost()?);
        }
        if !changed.is_empty() {
            ingested.touched.extend(self.count_anew_above(&changed)?);
            ingested.touched.extend(changed);
            self.replay_waiting(ingested)?;
        }
        Ok(())
    }

    /// The first place at which a served operation, by a receipt and by replay, takes the place of
    /// one of ours. Markers of what has been settled are removed.
    fn next_crossing(&mut self) -> Result<Option<Crossing>, ClientError> {
        let waiting: BTreeMap<OperationId, SignedOperation> = self
            .waiting_operations()?
            .into_iter()
            .map(|(operation, _)| (operation.id(), operation))
            .collect();
        let (mut settled, mut found) = (Vec::new(), Vec::new());
        for (key, _) in self.vault.list(Collection::Setting, SERVED)? {
            let id = key.get(1..).and_then(OperationId::from_slice);
            match id.and_then(|id| waiting.get(&id)) {
                Some(operation) if self.crosses_our_log(operation) => found.push(Crossing {
                    space: operation.space(),
                    index: operation.operation().index,
                }),
                Some(_) => {}
                None => settled.push(key),
            }
        }
        if !settled.is_empty() {
            self.commit(|transaction| {
                for key in &settled {
                    transaction.delete(Collection::Setting, key)?;
                }
                Ok(())
            })?;
        }
        Ok(found.into_iter().min_by_key(|crossing| crossing.index))
    }

    /// Whether an operation bears a valid receipt, follows our log at an earlier length and replays
    /// there, where we have another one.
    fn crosses_our_log(&self, operation: &SignedOperation) -> bool {
        let logs = self.logs();
        let Some(state) = logs.state(&operation.space()) else {
            return false;
        };
        let body = operation.operation();
        let ours = state.operation(body.index).map(|record| record.id);
        let before = body.index.checked_sub(1);
        let before = before.and_then(|index| state.operation(index));
        ours.is_some_and(|ours| ours != operation.id())
            && before.map(|record| record.id) == body.previous
            && self.receipts().place(&operation.id().into()).is_some()
            && state
                .truncated(body.index)
                .append(operation, &logs, Signatures::Verify)
                .is_ok()
    }

    /// Takes our operations from a place on out of their log, and whatever in other logs comes
    /// after them: set aside with their receipts, to be carried or put back.
    fn go_over(&mut self, crossing: &Crossing) -> Result<BTreeSet<SpaceId>, ClientError> {
        let set_aside = self.what_comes_after(crossing)?;
        let spaces: BTreeSet<SpaceId> = set_aside.iter().map(SignedOperation::space).collect();
        let noticed_at_ms = self.now_ms();
        self.commit(|transaction| {
            for operation in &set_aside {
                let (space, index) = (operation.space(), operation.operation().index);
                let key = logs::operation_key(&space, index);
                transaction.delete(Collection::Operation, &key)?;
                put_lost(transaction, operation)?;
                if space == crossing.space {
                    // Its place is taken: a `Heal` carries it.
                    OfferRecord::delete(&operation.id().into(), transaction)?;
                }
            }
            for space in &spaces {
                let record = ForkRecord {
                    space: *space,
                    noticed_at_ms,
                    overtaken: None,
                };
                record.put(transaction)?;
            }
            Ok(())
        })?;
        self.cache.clear();
        self.documents.clear();
        self.count_in_incident(|incident| incident.forks += 1)?;
        Ok(spaces)
    }

    /// The operations of our logs from a place on, and whatever in other logs comes after them.
    pub(super) fn what_comes_after(
        &self,
        crossing: &Crossing,
    ) -> Result<Vec<SignedOperation>, ClientError> {
        let mut logs: BTreeMap<SpaceId, Vec<SignedOperation>> = BTreeMap::new();
        for (_, bytes) in self.vault.list_all(Collection::Operation)? {
            let operation =
                SignedOperation::decode(&bytes).map_err(|error| ClientError::DamagedRecord {
                    reason: error.to_string(),
                })?;
            logs.entry(operation.space()).or_default().push(operation);
        }
        let mut set_aside: Vec<SignedOperation> = Vec::new();
        let mut ids: BTreeSet<OperationId> = BTreeSet::new();
        let mut cuts = vec![(crossing.space, crossing.index)];
        while let Some((space, from)) = cuts.pop() {
            let Some(log) = logs.get_mut(&space) else {
                continue;
            };
            let is_after = |operation: &SignedOperation| operation.operation().index >= from;
            let (gone, left) = std::mem::take(log).into_iter().partition(is_after);
            *log = left;
            let gone: Vec<SignedOperation> = gone;
            ids.extend(gone.iter().map(SignedOperation::id));
            set_aside.extend(gone);
            if cuts.is_empty() {
                cuts.extend(logs.iter().filter_map(|(space, log)| {
                    let first = log.iter().find(|operation| refers_to(operation, &ids))?;
                    Some((*space, first.operation().index))
                }));
            }
        }
        set_aside.sort_by_key(|operation| (operation.space(), operation.operation().index));
        Ok(set_aside)
    }

    /// Puts back what follows its log again, and lets go what stands there or was carried back.
    /// Returns the spaces in which something changed.
    fn settle_lost(&mut self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut changed = BTreeSet::new();
        loop {
            let mut progress = false;
            for record in self.fork_records()? {
                while self.settle_one_lost(&record.space)? {
                    changed.insert(record.space);
                    progress = true;
                }
            }
            if !progress {
                break;
            }
        }
        if !changed.is_empty() {
            self.documents.clear();
        }
        Ok(changed)
    }

    /// Settles one of the operations set aside in a space, if that is possible now: the first that can be.
    /// One that has to be carried stands in the way of none that goes back by itself, such as the `Heal`
    /// that carries it.
    fn settle_one_lost(&mut self, space: &SpaceId) -> Result<bool, ClientError> {
        let lost = self.lost_operations(space)?;
        if lost.is_empty() {
            let marked = self.has_forked(space);
            self.commit(|transaction| {
                transaction.delete(Collection::Notice, &fork_key(space))?;
                Ok(())
            })?;
            return Ok(marked);
        }
        for operation in &lost {
            if self.settle_lost_operation(operation)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn settle_lost_operation(&mut self, operation: &SignedOperation) -> Result<bool, ClientError> {
        let id = operation.id();
        let state = self.logs().load(&operation.space())?;
        if state.as_ref().is_some_and(|state| stands_in(state, &id)) {
            self.commit(|transaction| delete_lost(transaction, &id))?;
            return Ok(true);
        }
        if let Ok(state) = self.logs().replay(operation) {
            self.commit(|transaction| {
                logs::store(transaction, operation)?;
                delete_lost(transaction, &id)
            })?;
            self.cache.set(state);
            return Ok(true);
        }
        let taken = state.is_some_and(|state| !may_follow(&state, operation));
        if taken && self.receipts().receipt(&id.into()).is_none() {
            // Nobody can carry it back: it was never proved to have been there.
            self.commit(|transaction| {
                put_waiting(transaction, operation, &[], &ReplayError::NotNext)?;
                delete_lost(transaction, &id)
            })?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// Notes that the relay serves an operation that does not follow our log.
pub(crate) fn put_served(
    transaction: &Transaction<'_>,
    id: &OperationId,
) -> Result<(), ClientError> {
    let key = [b"b".as_slice(), &id.0].concat();
    transaction.put(Collection::Setting, SERVED, &key, 0, b"")?;
    Ok(())
}

/// The relay went back: what it served before it may have lost, and another branch may stand there now.
pub(crate) fn forget_served(transaction: &Transaction<'_>) -> Result<(), ClientError> {
    transaction.delete_group(Collection::Setting, SERVED)?;
    Ok(())
}

fn refers_to(operation: &SignedOperation, ids: &BTreeSet<OperationId>) -> bool {
    let references = logs::references(operation);
    references.iter().any(|head| ids.contains(&head.operation))
}

fn put_lost(transaction: &Transaction<'_>, operation: &SignedOperation) -> Result<(), ClientError> {
    let position = i64::try_from(operation.operation().index).unwrap_or(i64::MAX);
    let (group, key) = (lost_group(&operation.space()), lost_key(&operation.id()));
    let bytes = operation.bytes();
    transaction.put(Collection::Setting, &group, &key, position, bytes)?;
    Ok(())
}

fn delete_lost(transaction: &Transaction<'_>, id: &OperationId) -> Result<(), ClientError> {
    transaction.delete(Collection::Setting, &lost_key(id))?;
    Ok(())
}
