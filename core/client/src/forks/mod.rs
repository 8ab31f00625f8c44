//! A log that has forked. A restored relay has forgotten operations, and others took their places
//! before somebody who had them came by. Only receipts make a fork: without one anybody could
//! invent a branch.
//!
//! Every replica stands on the branch the relay serves now. A device that stood on the lost one goes
//! over (`going_over.rs`): the lost operations are set aside with their receipts, and so is whatever in
//! other logs comes after them. Until a `Heal` has carried the lost branch back (`carrying_back.rs`),
//! nothing is written, wrapped or decided in these spaces; any device that holds the branch appends it,
//! whatever its own right. Who is not served that log any more leaves it to others (`left_to_others.rs`).

mod carrying_back;
mod going_over;
mod left_to_others;
mod out_of_reach;

use minicbor::{Decode, Encode};
use nahtlos_protocol::identifier::{OperationId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::effect::Effect;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records;
use crate::vault::{Collection, Transaction};

pub(crate) use going_over::{forget_served, put_served};
use left_to_others::Overtaken;

/// Group in `Collection::Notice`: spaces whose log has forked, or comes after one that has; key =
/// `k` ‖ space.
const FORKED: &[u8] = b"forked";
/// Group in `Collection::Notice`: spaces into whose log a branch was carried back; key = `h` ‖ space.
const HEALED: &[u8] = b"healed";

/// A space whose log has forked: `Collection::Notice`.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
struct ForkRecord {
    #[n(0)]
    space: SpaceId,
    /// By this device's clock, Unix milliseconds.
    #[n(1)]
    noticed_at_ms: u64,
    #[n(2)]
    overtaken: Option<Overtaken>,
}

impl ForkRecord {
    fn put(&self, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        let (key, value) = (fork_key(&self.space), records::encode(self));
        transaction.put(Collection::Notice, FORKED, &key, 0, &value)?;
        Ok(())
    }
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

impl Nahtlos {
    /// Whether a space's log has forked, comes after one that has, or stands above one: nothing is
    /// sealed, wrapped or decided there. What a lost branch took from a member was taken from them
    /// in every space above, too, although these logs name nothing of it. (A fork that is left to others
    /// stands beneath nothing that this device reads.) Nor is anything done in a section that a bundle
    /// brought and the relay may not have.
    pub(crate) fn is_forked(&self, space: &SpaceId) -> bool {
        // Where the vault does not say, nothing is done that could do harm.
        self.has_forked(space)
            || self.is_carried_section(space).unwrap_or(true)
            || self.is_above_a_fork(space).unwrap_or(true)
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
        let mut forked = Vec::new();
        for record in self.fork_records()? {
            if !self.is_left_to_others(&record)? {
                forked.push(record.space);
            }
        }
        Ok(self.with_all_above(forked)?.contains(space))
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
                sentence: if self.is_left_to_others(&record)? {
                    "an old state of the relay brought another history of who has access, and the relay does not serve it to this device any more; a colleague's device that still reads there joins the two"
                } else if record.overtaken.is_some() {
                    "an old state of the relay brought another history of who has access, and the relay does not serve it though this device may read it: sync again; if this goes on, tell the relay's operator"
                } else {
                    "an old state of the relay brought another history of who has access; nothing is written there until a device has joined the two"
                },
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

/// Whether an operation that was set aside may still go back into its log: its place is free, and what
/// it came after stands before it or may come to. After a branch that was carried back nothing goes
/// on by itself.
fn may_follow(state: &SpaceState, operation: &SignedOperation) -> bool {
    let body = operation.operation();
    let before = body.index.checked_sub(1);
    match before.and_then(|index| state.operation(index)) {
        Some(before) => state.length() <= body.index && Some(before.id) == body.previous,
        None => {
            let branches = state.branches().iter();
            let mut healed = branches.flat_map(|branch| branch.operations());
            !healed.any(|id| Some(id) == body.previous)
        }
    }
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
