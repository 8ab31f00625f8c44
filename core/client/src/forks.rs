//! A log that has forked. A restored relay has forgotten operations, and others took their places
//! before somebody who had them came by. Only receipts make a fork: without one anybody could
//! invent a branch.
//!
//! Every replica stands on the branch the relay serves now. A device that stood on the lost one goes
//! over: the lost operations are set aside with their receipts, and so is whatever in other logs
//! comes after them. Until a `Heal` has carried the lost branch back, nothing is written, wrapped or
//! decided in these spaces; any device that holds the branch appends it, whatever its own right.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use nahtlos_protocol::identifier::{OperationId, SpaceId};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::effect::{Effect, HealedOperation};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Prepared, SpaceState};
use serde::Serialize;

use crate::error::ClientError;
use crate::ingest::{Ingested, put_waiting};
use crate::logs;
use crate::nahtlos::{Nahtlos, put_prepared, put_sync};
use crate::offering::OfferRecord;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Notice`: spaces whose log has forked, or comes after one that has; key =
/// `k` ‖ space.
const FORKED: &[u8] = b"forked";
/// Group in `Collection::Notice`: spaces into whose log a branch was carried back; key = `h` ‖ space.
const HEALED: &[u8] = b"healed";
/// Group in `Collection::Setting`: operations that the relay serves and that do not follow our log;
/// key = `b` ‖ operation.
const SERVED: &[u8] = b"served";
/// Bytes of lost operations in one `Heal`; a longer branch is carried back in several.
const BRANCH_BYTES_MAX: usize = 160 * 1024;

/// A space whose log has forked: `Collection::Notice`.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
struct ForkRecord {
    #[n(0)]
    space: SpaceId,
    /// By this device's clock, Unix milliseconds.
    #[n(1)]
    noticed_at_ms: u64,
}

/// A log that has forked, or that comes after one that has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fork {
    /// Hexadecimal space id.
    pub space: String,
    /// When this device noticed, by its clock, Unix milliseconds.
    pub noticed_at_ms: u64,
    /// Operations of the lost branch that are not carried back yet.
    pub lost_operations: u64,
    /// In words.
    pub sentence: &'static str,
}

/// Access that was given on a lost branch. It does not stand until a manager decides it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostAddition {
    /// Hexadecimal id of the space to which it was given.
    pub space: String,
    /// Hexadecimal id of the person, team, institution or device it was given to.
    pub member: String,
    /// Its name, as the directory has it; none for a device.
    pub name: Option<String>,
    /// The role it was given.
    pub role: &'static str,
}

/// Where an operation that the relay serves takes the place of one of ours.
struct Crossing {
    space: SpaceId,
    index: u64,
}

impl Nahtlos {
    /// Whether a space's log has forked, comes after one that has, or stands above one: nothing is
    /// sealed, wrapped or decided there. What a lost branch took from a member was taken from them
    /// in every space above, too, although these logs name nothing of it.
    pub(crate) fn is_forked(&self, space: &SpaceId) -> bool {
        // Where the vault does not say, nothing is done that could do harm.
        self.has_forked(space) || self.is_above_a_fork(space).unwrap_or(true)
    }

    /// Whether this very log has forked, or comes after one that has. Above it people may type on:
    /// what they type waits.
    pub(crate) fn has_forked(&self, space: &SpaceId) -> bool {
        let marked = self.vault.contains(Collection::Notice, &fork_key(space));
        marked.unwrap_or(true)
    }

    fn is_above_a_fork(&self, space: &SpaceId) -> Result<bool, ClientError> {
        if self
            .vault
            .last_position(Collection::Notice, FORKED)?
            .is_none()
        {
            return Ok(false);
        }
        let forked = self.fork_records()?;
        let above = self.with_all_above(forked.iter().map(|record| record.space))?;
        Ok(above.contains(space))
    }

    /// Logs that have forked and are not healed yet.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn forks(&self) -> Result<Vec<Fork>, ClientError> {
        let mut forks = Vec::new();
        for record in self.fork_records()? {
            let lost = self.lost_operations(&record.space)?;
            forks.push(Fork {
                space: record.space.to_string(),
                noticed_at_ms: record.noticed_at_ms,
                lost_operations: lost.len() as u64,
                sentence: "an old state of the relay brought another history of who has access; nothing is written there until a device has joined the two",
            });
        }
        Ok(forks)
    }

    /// Access given on lost branches that waits for a manager to decide it anew.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn lost_additions(&self) -> Result<Vec<LostAddition>, ClientError> {
        let directory = self.directory().unwrap_or_default();
        let mut lines = Vec::new();
        for (key, _) in self.vault.list(Collection::Notice, HEALED)? {
            let space = key.get(1..).and_then(SpaceId::from_slice);
            let state = space.and_then(|space| self.logs().state(&space));
            for grant in state.iter().flat_map(|state| additions(state)) {
                let (member, name) = match grant.member {
                    MemberId::Space(member) => (member.to_string(), Some(directory.name(&member))),
                    MemberId::Device(device) => (device.to_string(), None),
                };
                lines.push(LostAddition {
                    space: space.map(|space| space.to_string()).unwrap_or_default(),
                    member,
                    name,
                    role: grant.role.word(),
                });
            }
        }
        Ok(lines)
    }

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
                };
                let value = records::encode(&record);
                transaction.put(Collection::Notice, FORKED, &fork_key(space), 0, &value)?;
            }
            Ok(())
        })?;
        self.cache.clear();
        self.documents.clear();
        self.count_in_incident(|incident| incident.forks += 1)?;
        Ok(spaces)
    }

    fn what_comes_after(&self, crossing: &Crossing) -> Result<Vec<SignedOperation>, ClientError> {
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
                while self.settle_first_lost(&record.space)? {
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

    /// Settles the first operation set aside in a space, if that is possible now.
    fn settle_first_lost(&mut self, space: &SpaceId) -> Result<bool, ClientError> {
        let first = self.lost_operations(space)?.into_iter().next();
        let Some(operation) = first else {
            let marked = self.has_forked(space);
            self.commit(|transaction| {
                transaction.delete(Collection::Notice, &fork_key(space))?;
                Ok(())
            })?;
            return Ok(marked);
        };
        let id = operation.id();
        let state = self.logs().load(space)?;
        if state.as_ref().is_some_and(|state| stands_in(state, &id)) {
            self.commit(|transaction| delete_lost(transaction, &id))?;
            return Ok(true);
        }
        if let Ok(state) = self.logs().replay(&operation) {
            self.commit(|transaction| {
                logs::store(transaction, &operation)?;
                delete_lost(transaction, &id)
            })?;
            self.cache.set(state);
            return Ok(true);
        }
        let taken = state.is_some_and(|state| state.length() > operation.operation().index);
        if taken && self.receipts().receipt(&id.into()).is_none() {
            // Nobody can carry it back: it was never proved to have been there.
            self.commit(|transaction| {
                put_waiting(transaction, &operation, &[], &ReplayError::NotNext)?;
                delete_lost(transaction, &id)
            })?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The lost branches that can be carried back now, each with everything this device has of it;
    /// and what a person should know.
    pub(crate) fn prepare_heals(&self) -> Result<(Vec<Prepared>, Vec<String>), ClientError> {
        let (mut heals, mut notices) = (Vec::new(), Vec::new());
        for record in self.fork_records()? {
            let Some(state) = self.logs().load(&record.space)? else {
                continue;
            };
            let branch = self.branch_to_carry(&state)?;
            if branch.is_empty() {
                notices.extend(self.why_not_put_back(&record.space)?);
                continue;
            }
            match self.prepare_heal(&state, &branch) {
                Ok(heal) => heals.push(heal),
                // Another log must be healed first.
                Err(AuthorError::Replay(
                    ReplayError::UnknownReference(_) | ReplayError::MissingLog(_),
                )) => {}
                Err(error) => notices.push(format!("a forked log cannot be healed: {error}")),
            }
        }
        Ok((heals, notices))
    }

    /// Why what was set aside in a space can neither be put back nor carried: for good, as far as
    /// this device knows, so a person has to hear of it.
    fn why_not_put_back(&self, space: &SpaceId) -> Result<Option<String>, ClientError> {
        let first = self.lost_operations(space)?.into_iter().next();
        let refused = first.and_then(|operation| self.why_not_replayed(&operation));
        Ok(refused.map(|error| {
            format!("a decision from before the relay's old state cannot be put back: {error}")
        }))
    }

    /// Why a lost operation does not follow its log, where nothing that may still arrive helps.
    fn why_not_replayed(&self, operation: &SignedOperation) -> Option<ReplayError> {
        match self.logs().replay(operation).err()? {
            // It waits for another log, or its place is taken.
            ReplayError::UnknownReference(_)
            | ReplayError::MissingLog(_)
            | ReplayError::NotNext => None,
            error => Some(error),
        }
    }

    /// Lost operations whose places are taken, in order, each with its receipt.
    fn branch_to_carry(
        &self,
        state: &SpaceState,
    ) -> Result<Vec<(SignedOperation, HealedOperation)>, ClientError> {
        let receipts = self.receipts();
        let mut branch: Vec<(SignedOperation, HealedOperation)> = Vec::new();
        let mut bytes = 0;
        for operation in self.lost_operations(&state.id())? {
            let body = operation.operation();
            let begins = branch.is_empty();
            // Its place is free: it goes back there by itself, unless what it came after is a lost
            // branch of another log.
            let free = state.length() <= body.index;
            if begins && free && self.why_not_replayed(&operation).is_none() {
                return Ok(branch);
            }
            let Some(receipt) = receipts.receipt(&operation.id().into()) else {
                break;
            };
            let carried = HealedOperation {
                operation: operation.bytes().to_vec(),
                receipt: records::encode(&receipt),
            };
            bytes += carried.operation.len() + carried.receipt.len();
            if !begins && bytes > BRANCH_BYTES_MAX {
                break;
            }
            branch.push((operation, carried));
        }
        Ok(branch)
    }

    fn prepare_heal(
        &self,
        state: &SpaceState,
        branch: &[(SignedOperation, HealedOperation)],
    ) -> Result<Prepared, AuthorError> {
        let mut draft = Draft::new().effect(Effect::Heal {
            branch: branch.iter().map(|(_, carried)| carried.clone()).collect(),
        });
        // The network names the relay's keys, and the own person this device's; whatever the branch
        // comes after must be known to whoever replays this.
        let mut after: BTreeSet<SpaceId> = branch
            .iter()
            .flat_map(|(operation, _)| logs::references(operation))
            .map(|head| head.space)
            .collect();
        after.extend(self.device.network);
        after.extend(self.device.person);
        after.remove(&state.id());
        for space in after {
            draft = draft.after(space);
        }
        let mut rng = crate::random::system();
        draft.prepare(
            &self.logs(),
            &self.key_ring(),
            &self.author(),
            &mut rng,
            Some(state),
        )
    }

    /// The relay has stored a `Heal`: what was lost is part of the log again. Returns the spaces in
    /// which something changed.
    pub(crate) fn heal_done(&mut self, heal: Prepared) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut position = self.sync_record()?;
        // What came after the lost branch can be offered again now.
        position.arrivals = position.arrivals.saturating_add(1);
        self.commit(|transaction| {
            put_prepared(transaction, &heal)?;
            put_sync(transaction, &position)
        })?;
        self.cache.set(heal.state);
        let mut ingested = Ingested::default();
        self.follow_served_branches(&mut ingested)?;
        self.documents.forget_directory();
        Ok(ingested.touched)
    }

    /// Whether an operation is part of a branch that was carried back.
    pub(crate) fn is_healed(&self, operation: &SignedOperation) -> bool {
        let state = self.logs().state(&operation.space());
        state.is_some_and(|state| stands_in(&state, &operation.id()))
    }

    /// An operation that was set aside.
    pub(crate) fn lost_operation(
        &self,
        id: &OperationId,
    ) -> Result<Option<SignedOperation>, ClientError> {
        let bytes = self.vault.get(Collection::Setting, &lost_key(id))?;
        Ok(bytes.and_then(|bytes| SignedOperation::decode(&bytes).ok()))
    }

    fn lost_operations(&self, space: &SpaceId) -> Result<Vec<SignedOperation>, ClientError> {
        let lost = self.vault.list(Collection::Setting, &lost_group(space))?;
        let decoded = lost
            .iter()
            .filter_map(|(_, bytes)| SignedOperation::decode(bytes).ok());
        Ok(decoded.collect())
    }

    fn fork_records(&self) -> Result<Vec<ForkRecord>, ClientError> {
        let forks = self.vault.list(Collection::Notice, FORKED)?;
        forks
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
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

/// Notes that a branch was carried back into a log, so that what it added can be listed.
pub(crate) fn put_healed(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
) -> Result<(), ClientError> {
    let effects = &operation.operation().effects;
    if effects
        .iter()
        .any(|effect| matches!(effect, Effect::Heal { .. }))
    {
        let key = [b"h".as_slice(), &operation.space().0].concat();
        transaction.put(Collection::Notice, HEALED, &key, 0, b"")?;
    }
    Ok(())
}

/// Additions of healed branches that no live grant has taken the place of.
fn additions(state: &SpaceState) -> impl Iterator<Item = &nahtlos_protocol::space::Grant> {
    let lost = state
        .branches()
        .iter()
        .flat_map(|branch| branch.additions());
    lost.filter(move |lost| {
        let decided = |grant: &&nahtlos_protocol::space::Grant| {
            grant.member == lost.member && grant.role >= lost.role
        };
        state.live_grants().find(decided).is_none()
    })
}

fn stands_in(state: &SpaceState, id: &OperationId) -> bool {
    let healed = state.branches().iter();
    let mut healed = healed.flat_map(|branch| branch.operations());
    let mut log = (0..).map_while(|index| state.operation(index));
    healed.any(|known| known == *id) || log.any(|record| record.id == *id)
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

/// Group in `Collection::Setting`: operations of a space that were set aside, by index.
fn lost_group(space: &SpaceId) -> Vec<u8> {
    [b"lost".as_slice(), &space.0].concat()
}

fn lost_key(id: &OperationId) -> Vec<u8> {
    [b"l".as_slice(), &id.0].concat()
}

fn fork_key(space: &SpaceId) -> Vec<u8> {
    [b"k".as_slice(), &space.0].concat()
}
