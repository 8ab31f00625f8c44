//! `Heal`: a lost branch of a log, carried back.
//!
//! A relay that is restored from a backup forgets operations it had acknowledged, and others may
//! take their places. The log has *forked* then. A removal once seen must not be un-seen: any
//! enrolled device appends the lost branch verbatim, each operation with the relay's receipt (without
//! one, anybody could invent a branch). Its removals and reductions take effect, its epochs serve
//! for reading, and its additions wait for a manager to decide them anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::authority::Knowledge;
use super::effect::{HealedOperation, Recipient};
use super::operation::{LogHead, SignedOperation};
use super::replay::{Context, ReplayError, contradiction};
use super::state::{End, EndReason, Epoch, Grant, MemberId, RoleChange, SpaceState};
use crate::codec;
use crate::crypto::signature::VerifyingKey;
use crate::identifier::{DeviceId, KeyId, OperationId, SpaceId};
use crate::limits;
use crate::wire::Receipt;

/// A branch of a log that a relay had lost.
#[derive(Clone, Debug)]
pub struct HealedBranch {
    /// Index of the `Heal`.
    pub healed_at: u64,
    /// Length of the log where the branch left it.
    pub fork: u64,
    /// The space as the branch left it.
    tip: Arc<SpaceState>,
}

/// What an operation of a log or of a healed branch comes after.
pub(super) struct KnownAt<'a> {
    /// How much of its own log is known with it.
    pub length: u64,
    pub knowledge: &'a Knowledge,
}

impl HealedBranch {
    /// Epochs that began on the branch: for reading what was sealed under them.
    pub fn epochs(&self) -> impl Iterator<Item = &Epoch> {
        let fork = self.fork;
        let all = self.tip.epochs.iter();
        all.filter(move |epoch| epoch.began_at >= fork)
    }

    /// To whom the branch wrapped an epoch, or one of its own from which links lead back to it: they know its
    /// seed, also where what let them in waits for a manager.
    pub fn wrapped(&self, key_id: &KeyId) -> impl Iterator<Item = Recipient> {
        let (leading, fork) = (self.leading_to(key_id), self.fork);
        let epochs = self.tip.epochs.iter();
        let same = epochs.filter(move |epoch| leading.contains(&epoch.key_id));
        let records = same.flat_map(|epoch| epoch.recipients.values());
        let since = records.filter(move |record| record.at >= fork);
        since.map(|record| record.recipient)
    }

    /// Who began an epoch on the branch from which links lead back to this one.
    pub fn authors(&self, key_id: &KeyId) -> impl Iterator<Item = DeviceId> {
        let leading = self.leading_to(key_id);
        let own = self.epochs();
        own.filter(move |epoch| leading.contains(&epoch.key_id))
            .map(|epoch| epoch.began_by)
    }

    /// Whether a grant of the branch, from before the fork or since, is this space's.
    pub fn has_granted(&self, space: &SpaceId) -> bool {
        let mut grants = self.tip.grants.iter();
        grants.any(|grant| grant.member == MemberId::Space(*space))
    }

    /// This epoch and those of the branch whose seeds open it: links lead to earlier epochs only.
    pub(super) fn leading_to(&self, key_id: &KeyId) -> BTreeSet<KeyId> {
        let mut leading = BTreeSet::from([*key_id]);
        for epoch in self.epochs() {
            if epoch.links_back().any(|(to, _)| leading.contains(&to)) {
                leading.insert(epoch.key_id);
            }
        }
        leading
    }

    /// The space as the branch left it: its log up to the fork, and the branch.
    #[must_use]
    pub fn left_as(&self) -> &SpaceState {
        &self.tip
    }

    /// Grants that were made on the branch and still stood at its end: they wait for a manager.
    pub fn additions(&self) -> impl Iterator<Item = &Grant> {
        let (fork, length) = (self.fork, self.tip.length());
        let all = self.tip.grants.iter();
        all.filter(move |grant| grant.added_at >= fork && grant.is_live_at(length))
    }

    /// Ids of the branch's operations.
    pub fn operations(&self) -> impl Iterator<Item = OperationId> + '_ {
        let from = usize::try_from(self.fork).unwrap_or(usize::MAX);
        self.tip
            .operations
            .iter()
            .skip(from)
            .map(|record| record.id)
    }
}

impl SpaceState {
    /// This log, and what it was at the end of each branch that was carried back into it, or into one of
    /// those: whatever was once done in the space, however often the relay went back.
    #[must_use]
    pub fn histories(&self) -> Vec<&Self> {
        let (mut histories, mut seen, mut waiting) = (Vec::new(), BTreeSet::new(), vec![self]);
        while let Some(one) = waiting.pop() {
            // A branch knows what was carried back before it left: each is followed once.
            if seen.insert(one.head().map(|head| head.operation)) {
                histories.push(one);
                waiting.extend(one.branches.iter().map(HealedBranch::left_as));
            }
        }
        histories
    }

    /// What is known with a position of this log, or of a branch that was carried back: that branch
    /// as far as it is part of this log, and what its operation came after.
    pub(super) fn known_at(&self, head: &LogHead) -> Option<KnownAt<'_>> {
        let stands = |state: &Self| {
            state
                .operation(head.index)
                .is_some_and(|record| record.id == head.operation)
        };
        if stands(self) {
            return Some(KnownAt {
                length: head.index.saturating_add(1),
                knowledge: &self.operation(head.index)?.knowledge,
            });
        }
        let branch = self.branches.iter().find(|branch| stands(&branch.tip))?;
        Some(KnownAt {
            length: branch.fork,
            knowledge: &branch.tip.operation(head.index)?.knowledge,
        })
    }

    /// The key of a device that was admitted on a branch.
    pub(super) fn healed_key(&self, device: &DeviceId, length: u64) -> Option<VerifyingKey> {
        let healed = self
            .branches
            .iter()
            .filter(|branch| branch.healed_at < length);
        healed
            .filter_map(|branch| branch.tip.devices.get(device))
            .map(|known| known.verifying)
            .next()
    }

    pub(super) fn apply_heal(
        &mut self,
        lost: &[HealedOperation],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        if self.branches.len() >= limits::HEALED_BRANCHES_MAX {
            return Err(ReplayError::LimitReached {
                what: "healed branches",
            });
        }
        let operations = read_branch(lost)?;
        let relay_keys = self.known_relay_keys(context)?;
        for (operation, receipt) in &operations {
            let id = operation.id().into();
            let proved = relay_keys
                .iter()
                .any(|key| receipt.verify(&id, key).is_ok());
            if !proved || operation.space() != self.id {
                return Err(contradiction(
                    "Heal",
                    "an operation of the branch bears no receipt of this network's relay",
                ));
            }
        }
        self.require_not_healed(&operations)?;
        let (fork, mut tip) = self.where_branch_begins(&operations)?;
        for (operation, _) in &operations {
            if self
                .operation(operation.operation().index)
                .map(|known| known.id)
                == Some(operation.id())
            {
                return Err(contradiction(
                    "Heal",
                    "an operation of the branch is not lost",
                ));
            }
            tip = tip.append_lost(operation, context.logs)?;
        }
        self.adopt_ends(&tip, fork, context);
        self.branches.push(HealedBranch {
            healed_at: context.index,
            fork,
            tip: Arc::new(tip),
        });
        Ok(())
    }

    /// A branch may come again only with more than was carried back: otherwise anybody could use
    /// up the branches a log may have.
    fn require_not_healed(
        &self,
        operations: &[(SignedOperation, Receipt)],
    ) -> Result<(), ReplayError> {
        let last = operations.last().map(|(operation, _)| operation.id());
        let healed = |branch: &HealedBranch| branch.operations().any(|id| Some(id) == last);
        if self.branches.iter().any(healed) {
            return Err(contradiction("Heal", "the branch was carried back before"));
        }
        Ok(())
    }

    /// The relay keys the network had named by what the operation comes after. (An operation of the
    /// network's own log comes after what stands before it there.)
    fn known_relay_keys(&self, context: &Context<'_>) -> Result<Vec<VerifyingKey>, ReplayError> {
        if context.logs.network() == Some(self.id) {
            return Ok(self.relay_keys_at(context.index).copied().collect());
        }
        let unnamed = contradiction("Heal", "it does not come after the network's log");
        let network = context.logs.network().ok_or(unnamed.clone())?;
        let length = context.knowledge.length(&network).ok_or(unnamed.clone())?;
        let state = context.logs.state(&network).ok_or(unnamed)?;
        Ok(state.relay_keys_at(length).copied().collect())
    }

    /// The space where a branch begins: this log at an earlier length, or the end of a branch that
    /// was carried back before.
    fn where_branch_begins(
        &self,
        operations: &[(SignedOperation, Receipt)],
    ) -> Result<(u64, Self), ReplayError> {
        let nowhere = contradiction("Heal", "the branch does not begin on this log");
        let (first, _) = operations.first().ok_or(nowhere.clone())?;
        let first = first.operation();
        let previous = first.previous.ok_or(nowhere.clone())?;
        let before = first.index.checked_sub(1).ok_or(nowhere.clone())?;
        if self.operation(before).map(|record| record.id) == Some(previous) {
            return Ok((first.index, self.truncated(first.index)));
        }
        let continued = self.branches.iter().find(|branch| {
            branch.tip.length() == first.index
                && branch.tip.operation(before).map(|record| record.id) == Some(previous)
        });
        let branch = continued.ok_or(nowhere)?;
        Ok((branch.fork, (*branch.tip).clone()))
    }

    /// What ended or was reduced on the branch ends or is reduced here.
    fn adopt_ends(&mut self, tip: &Self, fork: u64, context: &Context<'_>) {
        let index = context.index;
        for grant in self.grants.iter_mut().filter(|grant| grant.added_at < fork) {
            let Some(there) = tip.grants.iter().find(|known| known.id == grant.id) else {
                continue;
            };
            if grant.ended.is_none() && there.ended.is_some() {
                grant.ended = Some(End {
                    at: index,
                    by: context.author,
                    claimed_at_ms: context.claimed_at_ms,
                    reason: EndReason::Healed,
                });
            } else if there.role < grant.role_at(fork) && there.role < grant.role {
                grant.changes.push(RoleChange {
                    at: index,
                    before: grant.role,
                });
                grant.role = there.role;
            }
        }
        for envelope in tip.voided.keys() {
            self.voided.entry(*envelope).or_insert(index);
        }
        self.adopt_policy(tip, fork, context);
        if tip.closed_at.is_some() {
            self.closed_at = self.closed_at.or(Some(index));
        }
        self.note_end(index);
    }
}

fn read_branch(lost: &[HealedOperation]) -> Result<Vec<(SignedOperation, Receipt)>, ReplayError> {
    let mut seen = BTreeSet::new();
    let mut operations = Vec::new();
    for healed in lost {
        let unreadable = |_| contradiction("Heal", "an operation of the branch is not readable");
        let operation =
            SignedOperation::decode(&healed.operation).map_err(|error| match error {
                super::operation::OperationError::NeedsNewer { .. } => ReplayError::NeedsNewer {
                    effect: "an operation of the branch",
                },
                _ => contradiction("Heal", "an operation of the branch is not readable"),
            })?;
        let receipt: Receipt =
            codec::decode(&healed.receipt, limits::RECEIPT_BYTES_MAX).map_err(unreadable)?;
        if !seen.insert(operation.id()) {
            return Err(contradiction(
                "Heal",
                "an operation of the branch is named twice",
            ));
        }
        operations.push((operation, receipt));
    }
    Ok(operations)
}
