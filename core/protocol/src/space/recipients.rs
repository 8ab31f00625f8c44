//! Whom an epoch must be wrapped to: exactly the effective recipients, computed from the logs.

use std::collections::{BTreeMap, BTreeSet};

use super::authority::{Logs, UnknownReference, View, insert_head};
use super::effect::{Effect, Recipient, WrapMethod};
use super::kind::Kind;
use super::operation::{LogHead, SignedOperation};
use super::staleness::staleness;
use super::standing::Suspended;
use super::state::{MemberId, SpaceState};
use crate::crypto::hash::hash;
use crate::crypto::kem::KemPublicKey;
use crate::crypto::label;
use crate::crypto::wrap::{HYBRID_WRAP_BYTES, SYMMETRIC_WRAP_BYTES};
use crate::identifier::{KeyId, OperationId, RecipientId, SpaceId, WrapHash};

/// A key that an epoch may be wrapped to. Only this module makes one, and only from a replayed
/// log: a key handed over by a server never becomes a target (DESIGN rule 3).
#[derive(Clone, Debug)]
pub struct WrapTarget {
    id: RecipientId,
    key: KeyId,
    kem: KemPublicKey,
    space: Option<SpaceId>,
}

impl WrapTarget {
    /// The device or member space.
    #[must_use]
    pub fn id(&self) -> RecipientId {
        self.id
    }

    /// The member space's epoch, or the device's id again.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The public key from the replayed log.
    #[must_use]
    pub fn kem(&self) -> &KemPublicKey {
        &self.kem
    }

    /// The member space, where the target is one.
    #[must_use]
    pub fn space(&self) -> Option<SpaceId> {
        self.space
    }
}

/// A wrap as it travels beside its operation.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Wrap {
    /// Whom it is for.
    #[n(0)]
    pub recipient: RecipientId,
    /// 1,168 bytes (hybrid) or 48 bytes (symmetric).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// The effective recipients of a space: each confirmed member that holds keys; for a member space
/// its current epoch, or, where it has none that may be used, its own members in its place. Grants
/// that are `suspended` are passed over.
///
/// # Errors
/// [`UnknownReference`]-like [`MissingLog`] where the log of a member space is not known here.
pub fn effective_recipients(
    logs: &dyn Logs,
    state: &SpaceState,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<BTreeMap<RecipientId, WrapTarget>, MissingLog> {
    let members = key_holders(state, view.length(state), suspended);
    recipients_of(logs, state, members, view, suspended)
}

/// The same of some of its members alone.
pub(super) fn recipients_of(
    logs: &dyn Logs,
    state: &SpaceState,
    members: BTreeSet<MemberId>,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<BTreeMap<RecipientId, WrapTarget>, MissingLog> {
    let mut gathering = Gathering {
        logs,
        view,
        suspended,
        seen: BTreeSet::new(),
        targets: BTreeMap::new(),
    };
    gathering.collect(state, members)?;
    Ok(gathering.targets)
}

/// The log of a member space is not known, so nobody can say whom to wrap to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log of member space {space} is not known here")]
pub struct MissingLog {
    /// The member space.
    pub space: SpaceId,
}

impl From<UnknownReference> for MissingLog {
    fn from(unknown: UnknownReference) -> Self {
        Self {
            space: unknown.head.space,
        }
    }
}

/// The walk through a space's members.
struct Gathering<'a> {
    logs: &'a dyn Logs,
    view: View<'a>,
    suspended: &'a Suspended,
    seen: BTreeSet<MemberId>,
    targets: BTreeMap<RecipientId, WrapTarget>,
}

impl Gathering<'_> {
    fn collect(
        &mut self,
        state: &SpaceState,
        members: BTreeSet<MemberId>,
    ) -> Result<(), MissingLog> {
        for member in members {
            // What a member leads to is the same by every path and every further grant.
            if !self.seen.insert(member) {
                continue;
            }
            match member {
                MemberId::Device(device) => {
                    if let Some(known) = state.devices.get(&device) {
                        self.insert(device.into(), KeyId(device.0), known.kem.clone(), None);
                    }
                }
                MemberId::Space(space) => {
                    let below = self.logs.state(&space).ok_or(MissingLog { space })?;
                    if self.view.length(&below) == 0 {
                        return Err(MissingLog { space });
                    }
                    match self.usable_epoch(state.kind(), &below)? {
                        Some((key, kem)) => self.insert(space.into(), key, kem, Some(space)),
                        None => {
                            let length = self.view.length(&below);
                            self.collect(&below, key_holders(&below, length, self.suspended))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, id: RecipientId, key: KeyId, kem: KemPublicKey, space: Option<SpaceId>) {
        let target = WrapTarget {
            id,
            key,
            kem,
            space,
        };
        self.targets.insert(id, target);
    }

    /// The key of a member space, where it may be used. What is beneath an institution is not the
    /// network's business ([`super::staleness`]): its newest key is taken as it is.
    fn usable_epoch(
        &self,
        above: Kind,
        member: &SpaceState,
    ) -> Result<Option<(KeyId, KemPublicKey)>, MissingLog> {
        let looked_into = above != Kind::Network;
        if looked_into && staleness(self.logs, member, self.view, self.suspended)?.is_some() {
            return Ok(None);
        }
        let epoch = member.epoch_at(self.view.length(member));
        Ok(epoch.and_then(|epoch| Some((epoch.key_id, epoch.kem.clone()?))))
    }
}

/// The members of a space that hold keys, each once.
pub(super) fn key_holders(
    state: &SpaceState,
    length: u64,
    suspended: &Suspended,
) -> BTreeSet<MemberId> {
    state
        .grants
        .iter()
        .filter(|grant| grant.is_live_at(length) && grant.is_confirmed_at(length))
        .filter(|grant| grant.role.holds_keys() && !suspended.contains(&grant.id))
        .map(|grant| grant.member)
        .collect()
}

/// Recipients that are effective now and have no wrap of the current epoch.
///
/// # Errors
/// [`MissingLog`] as [`effective_recipients`].
pub fn missing_wraps(
    logs: &dyn Logs,
    state: &SpaceState,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<Vec<WrapTarget>, MissingLog> {
    let Some(epoch) = state.epoch_at(view.length(state)) else {
        return Ok(Vec::new());
    };
    let targets = effective_recipients(logs, state, view, suspended)?;
    Ok(targets
        .into_values()
        .filter(|target| !is_reached(logs, epoch.recipients.keys(), target))
        .collect())
}

/// A target is reached when it has a wrap. A person wrapped to by device before its first epoch
/// stays reached after it. A team or institution does not, even where each of its members happens
/// to have a wrap: who joins it later reads by its epoch and would have no path.
fn is_reached<'a>(
    logs: &dyn Logs,
    wrapped: impl Iterator<Item = &'a RecipientId> + Clone,
    target: &WrapTarget,
) -> bool {
    if wrapped.clone().any(|id| *id == target.id) {
        return true;
    }
    let state = target.space.and_then(|space| logs.state(&space));
    let Some(person) = state.filter(|state| state.kind() == Kind::Person) else {
        return false;
    };
    let members = key_holders(&person, person.length(), &Suspended::new());
    !members.is_empty()
        && members
            .iter()
            .all(|member| wrapped.clone().any(|id| *id == member.recipient()))
}

/// Heads of every log beneath a space's recipients: what an epoch or a wrap must refer to.
///
/// # Errors
/// [`MissingLog`] where one of them is not known here.
pub fn beneath_heads(
    logs: &dyn Logs,
    members: impl IntoIterator<Item = SpaceId>,
) -> Result<BTreeMap<SpaceId, LogHead>, MissingLog> {
    let mut heads = BTreeMap::new();
    let mut waiting: Vec<SpaceId> = members.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(space) = waiting.pop() {
        if !seen.insert(space) {
            continue;
        }
        let state = logs.state(&space).ok_or(MissingLog { space })?;
        insert_head(&state, &mut heads);
        waiting.extend(key_holding_spaces(&state));
    }
    Ok(heads)
}

/// The member spaces that hold keys.
pub fn key_holding_spaces(state: &SpaceState) -> impl Iterator<Item = SpaceId> {
    state
        .live_grants()
        .filter(|grant| grant.role.holds_keys() && grant.is_confirmed())
        .filter_map(|grant| match grant.member {
            MemberId::Space(space) => Some(space),
            MemberId::Device(_) => None,
        })
}

/// SHA-256("nahtlos/v1/wrap/hash\0" ‖ wrap).
#[must_use]
pub fn wrap_hash(wrap: &[u8]) -> WrapHash {
    WrapHash(hash(label::WRAP_HASH, &[wrap]))
}

/// The recipients an operation wraps to, all effects together.
pub fn wrapped_recipients(operation: &SignedOperation) -> impl Iterator<Item = &Recipient> {
    operation
        .operation()
        .effects
        .iter()
        .flat_map(|effect| match effect {
            Effect::Epoch { recipients, .. } | Effect::Wrap { recipients, .. } => {
                recipients.as_slice()
            }
            _ => &[],
        })
}

/// Checks that the wraps beside an operation are exactly those it signs: none missing, none
/// more, each of its method's length and hash.
///
/// # Errors
/// [`WrapMismatch`] naming the operation.
pub fn check_wraps<'a>(
    operation: &SignedOperation,
    wraps: impl IntoIterator<Item = (RecipientId, &'a [u8])>,
) -> Result<(), WrapMismatch> {
    let mismatch = WrapMismatch {
        operation: operation.id(),
    };
    let mut expected: BTreeMap<RecipientId, &Recipient> = wrapped_recipients(operation)
        .map(|wrap| (wrap.id, wrap))
        .collect();
    for (id, bytes) in wraps {
        let recipient = expected.remove(&id).ok_or(mismatch)?;
        let length = match recipient.method {
            WrapMethod::Hybrid => HYBRID_WRAP_BYTES,
            WrapMethod::Symmetric => SYMMETRIC_WRAP_BYTES,
        };
        if bytes.len() != length || wrap_hash(bytes) != recipient.wrap {
            return Err(mismatch);
        }
    }
    if expected.is_empty() {
        Ok(())
    } else {
        Err(mismatch)
    }
}

/// The wraps beside an operation are not those it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wraps beside operation {operation} are not those it signs")]
pub struct WrapMismatch {
    /// The operation.
    pub operation: OperationId,
}
