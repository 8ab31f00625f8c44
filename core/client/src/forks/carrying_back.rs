//! How is a lost branch carried back into its log, and why not where it cannot be?

use std::collections::BTreeSet;
use std::sync::Arc;

use nahtlos_protocol::identifier::{OperationId, SpaceId};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::effect::{Effect, HealedOperation};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{Draft, Prepared, SpaceState};

use super::may_follow;
use crate::error::ClientError;
use crate::ingest::Ingested;
use crate::logs;
use crate::nahtlos::{Nahtlos, put_stored, put_sync};
use crate::records;

/// Bytes of lost operations in one `Heal`; a longer branch is carried back in several.
const BRANCH_BYTES_MAX: usize = 160 * 1024;

/// A lost operation, and as a `Heal` carries it.
type Lost = (SignedOperation, HealedOperation);

impl Nahtlos {
    /// The lost branches that can be carried back now, each with everything this device has of it;
    /// and what a person should know.
    pub(crate) fn prepare_heals(&self) -> Result<(Vec<Prepared>, Vec<String>), ClientError> {
        let (mut heals, mut notices, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for record in self.fork_records()? {
            let Some(state) = self.logs().load(&record.space)? else {
                continue;
            };
            if self.is_overtaken(&record, state.length())? {
                continue;
            }
            let branches = self.branches_to_carry(&state)?;
            if branches.is_empty() {
                notices.extend(self.why_not_put_back(&record.space)?);
                continue;
            }
            // One after the other: the next is prepared on the log as it is then.
            let mut refused = None;
            for branch in branches {
                match self.prepare_heal(&state, &branch) {
                    Ok(heal) => {
                        heals.push(heal);
                        refused = None;
                        break;
                    }
                    // Another log must be healed first.
                    Err(error) if waits_for_another(&error) => {
                        waiting.push((Arc::clone(&state), branch));
                    }
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            let refused = refused.map(|error| format!("a forked log cannot be healed: {error}"));
            notices.extend(refused);
        }
        if heals.is_empty() {
            heals.extend(self.prepare_beginning(&waiting));
        }
        Ok((heals, notices))
    }

    /// Where each branch waits for another one, their logs refer to each other: of the first of which a
    /// beginning can be carried back, as much as can be. What follows continues it later.
    fn prepare_beginning(&self, waiting: &[(Arc<SpaceState>, Vec<Lost>)]) -> Option<Prepared> {
        waiting.iter().find_map(|(state, branch)| {
            let beginnings = (1..branch.len()).rev();
            let mut prepared = beginnings.map(|length| {
                let beginning = branch.get(..length).unwrap_or_default();
                self.prepare_heal(state, beginning)
            });
            prepared
                .find_map(|heal| match heal {
                    Err(error) if waits_for_another(&error) => None,
                    heal => Some(heal),
                })?
                .ok()
        })
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

    /// Lost operations whose places are taken, each with its receipt: what follows one another is a branch.
    /// After several restores a log may have lost several.
    fn branches_to_carry(&self, state: &SpaceState) -> Result<Vec<Vec<Lost>>, ClientError> {
        let receipts = self.receipts();
        let mut branches: Vec<Vec<Lost>> = Vec::new();
        // What is left to a later `Heal`, or goes back by itself, and so what follows it.
        let mut left: BTreeSet<OperationId> = BTreeSet::new();
        let mut lost = self.lost_operations(&state.id())?;
        lost.sort_by_key(|operation| operation.operation().index);
        for operation in lost {
            let previous = operation.operation().previous;
            let continued = branches.iter_mut().find(|branch| {
                let last = branch.last().map(|(last, _)| last.id());
                last.is_some() && last == previous
            });
            // It goes back by itself, unless what it came after is a lost branch of another log.
            let goes_back = continued.is_none()
                && may_follow(state, &operation)
                && self.why_not_replayed(&operation).is_none();
            let is_left = previous.is_some_and(|previous| left.contains(&previous));
            let receipt = receipts.receipt(&operation.id().into());
            let Some(receipt) = receipt.filter(|_| !goes_back && !is_left) else {
                left.insert(operation.id());
                continue;
            };
            let carried = HealedOperation {
                operation: operation.bytes().to_vec(),
                receipt: records::encode(&receipt),
            };
            match continued {
                Some(branch) if bytes_of(branch) + bytes_of_one(&carried) > BRANCH_BYTES_MAX => {
                    left.insert(operation.id());
                }
                Some(branch) => branch.push((operation, carried)),
                None => branches.push(vec![(operation, carried)]),
            }
        }
        Ok(branches)
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

    fn prepare_heal(&self, state: &SpaceState, branch: &[Lost]) -> Result<Prepared, AuthorError> {
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
            put_stored(transaction, &heal)?;
            put_sync(transaction, &position)
        })?;
        self.cache.set(heal.state);
        let mut ingested = Ingested::default();
        self.follow_served_branches(&mut ingested)?;
        self.documents.forget_directory();
        Ok(ingested.touched)
    }
}

/// Whether something that stands in no log here yet has to be carried back first.
fn waits_for_another(error: &AuthorError) -> bool {
    matches!(
        error,
        AuthorError::Replay(ReplayError::UnknownReference(_) | ReplayError::MissingLog(_))
    )
}

fn bytes_of(branch: &[Lost]) -> usize {
    branch
        .iter()
        .map(|(_, carried)| bytes_of_one(carried))
        .sum()
}

fn bytes_of_one(carried: &HealedOperation) -> usize {
    carried.operation.len() + carried.receipt.len()
}
