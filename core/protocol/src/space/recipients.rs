//! Whom an epoch must be wrapped to: exactly the effective recipients, computed from the logs.

use std::collections::{BTreeMap, BTreeSet};

use super::authority::{At, Logs, UnknownReference, insert_head};
use super::effect::{Effect, Recipient, WrapMethod};
use super::kind::Kind;
use super::operation::{LogHead, SignedOperation};
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
/// its current epoch, or, where it has none that may be used, its own members in its place.
///
/// # Errors
/// [`UnknownReference`]-like [`MissingLog`] where the log of a member space is not known here.
pub fn effective_recipients(
    logs: &dyn Logs,
    state: &SpaceState,
    length: u64,
    at: At<'_>,
) -> Result<BTreeMap<RecipientId, WrapTarget>, MissingLog> {
    let mut targets = BTreeMap::new();
    let mut seen = BTreeSet::new();
    collect(logs, state, length, at, &mut seen, &mut targets)?;
    Ok(targets)
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

fn collect(
    logs: &dyn Logs,
    state: &SpaceState,
    length: u64,
    at: At<'_>,
    seen: &mut BTreeSet<MemberId>,
    targets: &mut BTreeMap<RecipientId, WrapTarget>,
) -> Result<(), MissingLog> {
    for grant in &state.grants {
        if !grant.is_live_at(length) || !grant.confirmed || !grant.role.holds_keys() {
            continue;
        }
        // What a member leads to is the same by every path and every further grant.
        if !seen.insert(grant.member) {
            continue;
        }
        match grant.member {
            MemberId::Device(device) => {
                if let Some(known) = state.devices.get(&device) {
                    targets.insert(
                        device.into(),
                        WrapTarget {
                            id: device.into(),
                            key: KeyId(device.0),
                            kem: known.kem.clone(),
                            space: None,
                        },
                    );
                }
            }
            MemberId::Space(member) => {
                let below = logs.state(&member).ok_or(MissingLog { space: member })?;
                let below_length = at.length(&below);
                if below_length == 0 {
                    return Err(MissingLog { space: member });
                }
                match usable_epoch(&below, below_length) {
                    Some((key, kem)) => {
                        targets.insert(
                            member.into(),
                            WrapTarget {
                                id: member.into(),
                                key,
                                kem,
                                space: Some(member),
                            },
                        );
                    }
                    None => collect(logs, &below, below_length, at, seen, targets)?,
                }
            }
        }
    }
    Ok(())
}

fn usable_epoch(state: &SpaceState, length: u64) -> Option<(KeyId, KemPublicKey)> {
    if is_stale(state, length) {
        return None;
    }
    let epoch = state.epoch_at(length)?;
    Some((epoch.key_id, epoch.kem.clone()?))
}

/// Whether the space has no epoch that may be used for new content or new wraps. A pure function
/// of the log. (Rights cannot end yet in this version, so the only stale space is one without an
/// epoch.)
#[must_use]
pub fn is_stale(state: &SpaceState, length: u64) -> bool {
    state.epoch_at(length).is_none()
}

/// Recipients that are effective now and have no wrap of the current epoch.
///
/// # Errors
/// [`MissingLog`] as [`effective_recipients`].
pub fn missing_wraps(
    logs: &dyn Logs,
    state: &SpaceState,
    length: u64,
    at: At<'_>,
) -> Result<Vec<WrapTarget>, MissingLog> {
    let Some(epoch) = state.epoch_at(length) else {
        return Ok(Vec::new());
    };
    let targets = effective_recipients(logs, state, length, at)?;
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
    let mut members = person
        .live_grants()
        .filter(|grant| grant.confirmed && grant.role.holds_keys())
        .peekable();
    members.peek().is_some()
        && members.all(|grant| wrapped.clone().any(|id| *id == grant.member.recipient()))
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
        .filter(|grant| grant.role.holds_keys() && grant.confirmed)
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
