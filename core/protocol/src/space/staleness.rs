//! Whether a space's current epoch may still be used: a pure function of the logs.
//!
//! An epoch is *stale* as soon as somebody who knows its seed may no longer read: a device or member
//! space it was wrapped to that no grant leads to any more, a member space that has another epoch
//! since (its own key left with somebody), or the device that began it. What a healed branch wrapped
//! counts like what the log did, and so do its own epochs from which links lead to the current one, with those
//! to whom the log gave them later: what it added waits for a manager, and holds the key. Before anything new is
//! sealed the space is rotated ([`super::author`]). So a removal takes effect at the next write by
//! whoever knows of it, whoever removed and whoever is online.

use std::collections::{BTreeMap, BTreeSet};

use super::authority::{Logs, View};
use super::effect::Recipient;
use super::healing::HealedBranch;
use super::kind::Kind;
use super::recipients::{MissingLog, key_holders};
use super::standing::Suspended;
use super::state::{Epoch, MemberId, SpaceState};
use crate::identifier::{KeyId, RecipientId, SpaceId};

/// Why a space's epoch may not be used for new content or new wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// There is none yet.
    NoEpoch,
    /// A recipient reported that its wrap does not open.
    BadWrap {
        /// Which.
        recipient: RecipientId,
    },
    /// Somebody who knows its seed may no longer read.
    KnownToFormer {
        /// The device or member space.
        former: RecipientId,
    },
    /// A member space it was wrapped to has another key since.
    MemberRekeyed {
        /// Which.
        member: SpaceId,
    },
}

/// Whether the space must be rotated before anything new is sealed, by the newest logs.
///
/// # Errors
/// [`MissingLog`] where the log of a member space is not known here.
pub fn is_stale(
    logs: &dyn Logs,
    state: &SpaceState,
    suspended: &Suspended,
) -> Result<bool, MissingLog> {
    Ok(staleness(logs, state, View::NEWEST, suspended)?.is_some())
}

/// Why the space's current epoch is stale in a view; none where it may be used.
///
/// # Errors
/// [`MissingLog`] where the log of a member space is not known here.
pub fn staleness(
    logs: &dyn Logs,
    state: &SpaceState,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<Option<Staleness>, MissingLog> {
    let length = view.length(state);
    let Some(epoch) = state.epoch_at(length) else {
        return Ok(Some(Staleness::NoEpoch));
    };
    let reported = epoch.bad_wraps.iter().find(|(_, at)| **at < length);
    if let Some((recipient, _)) = reported {
        let recipient = *recipient;
        return Ok(Some(Staleness::BadWrap { recipient }));
    }
    if state.kind == Kind::Network {
        return network_staleness(logs, state, view, epoch);
    }
    let readers = Readers::of(logs, state, view, suspended)?;
    let lost = healed(state, length).flat_map(|branch| branch.wrapped(&epoch.key_id));
    let lost = lost.chain(wrapped_in_the_past(state, length, epoch));
    for recipient in wrapped(epoch, length).chain(lost) {
        let Some(reader) = readers.0.get(&recipient.id) else {
            let former = recipient.id;
            return Ok(Some(Staleness::KnownToFormer { former }));
        };
        if let Some(member) = reader {
            let current = member.epoch_at(view.length(member));
            let same = current.is_some_and(|epoch| epoch.key_id == recipient.key);
            if !same || staleness(logs, member, view, suspended)?.is_some() {
                let member = member.id();
                return Ok(Some(Staleness::MemberRekeyed { member }));
            }
        }
    }
    let lost = healed(state, length).flat_map(|branch| branch.authors(&epoch.key_id));
    let mut authors = std::iter::once(epoch.began_by).chain(lost);
    let former = authors.find(|author| !readers.0.contains_key(&RecipientId::from(*author)));
    Ok(former.map(|former| Staleness::KnownToFormer {
        former: former.into(),
    }))
}

fn wrapped(epoch: &Epoch, length: u64) -> impl Iterator<Item = Recipient> {
    let records = epoch.recipients.values();
    let here = records.filter(move |record| record.at < length);
    here.map(|record| record.recipient)
}

/// To whom this log wrapped epochs of healed branches from which links lead to this one.
fn wrapped_in_the_past<'a>(
    state: &'a SpaceState,
    length: u64,
    epoch: &Epoch,
) -> impl Iterator<Item = Recipient> + use<'a> {
    let branches = healed(state, length);
    let leading: BTreeSet<KeyId> = branches
        .flat_map(|branch| branch.leading_to(&epoch.key_id))
        .collect();
    let records = leading
        .into_iter()
        .flat_map(|key_id| state.past_wraps(&key_id));
    let here = records.filter(move |record| record.at < length);
    here.map(|record| record.recipient)
}

fn healed(state: &SpaceState, length: u64) -> impl Iterator<Item = &HealedBranch> {
    let branches = state.branches().iter();
    branches.filter(move |branch| branch.healed_at < length)
}

/// A network's members are institutions, and what is beneath one is only its own business: others
/// have it as far as they need it to verify. So a network looks at the institutions' own logs
/// alone; an institution's devices rotate its space when one of its people leaves.
fn network_staleness(
    logs: &dyn Logs,
    state: &SpaceState,
    view: View<'_>,
    epoch: &Epoch,
) -> Result<Option<Staleness>, MissingLog> {
    let length = view.length(state);
    let institutions = key_holders(state, length, &Suspended::new());
    // Whom a branch wrapped to was not checked: of those, only who was ever granted something there.
    let lost = healed(state, length).flat_map(|branch| {
        let lost = branch.wrapped(&epoch.key_id);
        lost.filter(|recipient| branch.has_granted(&SpaceId(recipient.id.0)))
    });
    for recipient in wrapped(epoch, length).chain(lost) {
        let id = SpaceId(recipient.id.0);
        let Some(member) = logs
            .state(&id)
            .filter(|space| space.kind() == Kind::Institution)
        else {
            // A first device of an institution that had no key yet. When it leaves, the institution
            // is rotated, and then this space.
            continue;
        };
        if !institutions.contains(&MemberId::Space(id)) {
            let former = recipient.id;
            return Ok(Some(Staleness::KnownToFormer { former }));
        }
        let current = member.epoch_at(view.length(&member));
        if current.is_none_or(|epoch| epoch.key_id != recipient.key) {
            return Ok(Some(Staleness::MemberRekeyed { member: id }));
        }
    }
    Ok(None)
}

/// Everybody who may read a space: member spaces with their state, and devices.
struct Readers(BTreeMap<RecipientId, Option<std::sync::Arc<SpaceState>>>);

impl Readers {
    fn of(
        logs: &dyn Logs,
        state: &SpaceState,
        view: View<'_>,
        suspended: &Suspended,
    ) -> Result<Self, MissingLog> {
        let mut readers = BTreeMap::new();
        let mut waiting: Vec<MemberId> = key_holders(state, view.length(state), suspended)
            .into_iter()
            .collect();
        while let Some(member) = waiting.pop() {
            if readers.contains_key(&member.recipient()) {
                continue;
            }
            let below = match member {
                MemberId::Device(_) => None,
                MemberId::Space(space) => Some(logs.state(&space).ok_or(MissingLog { space })?),
            };
            if let Some(below) = &below {
                waiting.extend(key_holders(below, view.length(below), suspended));
            }
            readers.insert(member.recipient(), below);
        }
        Ok(Self(readers))
    }
}
