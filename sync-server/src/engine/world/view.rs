//! What stands in the logs and indexes while a batch is being prepared: whose is a device, which groups
//! are above it, and how does the relay treat it?

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, InvitationId, ItemId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, SpaceState};

use super::World;
use crate::store::Carry;

/// A batch in preparation, laid over what is committed.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// Committed.
    pub base: &'a World,
    /// In preparation.
    pub top: &'a World,
}

impl Logs for View<'_> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        layered(space, &self.top.logs, &self.base.logs).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.top.network.or(self.base.network)
    }
}

impl View<'_> {
    /// The person a device belongs to.
    pub(crate) fn person(&self, device: &DeviceId) -> Option<SpaceId> {
        layered(device, &self.top.persons, &self.base.persons).copied()
    }

    /// How much of a space a feed carries.
    pub(crate) fn carry(&self, feed: &SpaceId, space: &SpaceId) -> Option<Carry> {
        self.carriers(space)?.get(feed).copied()
    }

    /// The feeds that carry a space.
    pub(crate) fn carriers(&self, space: &SpaceId) -> Option<&BTreeMap<SpaceId, Carry>> {
        layered(space, &self.top.carried, &self.base.carried)
    }

    /// Bytes stored for an institution.
    pub(crate) fn usage(&self, institution: &SpaceId) -> u64 {
        layered(institution, &self.top.usage, &self.base.usage)
            .copied()
            .unwrap_or(0)
    }

    /// The join request taken under an invitation.
    pub(crate) fn joined(&self, invitation: &InvitationId) -> Option<ItemId> {
        layered(invitation, &self.top.joined, &self.base.joined).copied()
    }

    /// The groups a group is a direct member of, and since when.
    pub(crate) fn directly_above(&self, group: &SpaceId) -> Option<&BTreeMap<SpaceId, u64>> {
        layered(group, &self.top.above, &self.base.above)
    }

    /// Every group above a group, itself not included, and the last number before it came to be
    /// above: over each path the latest of its memberships, over several paths the earliest.
    pub(crate) fn groups_above(&self, group: &SpaceId) -> BTreeMap<SpaceId, u64> {
        let mut found: BTreeMap<SpaceId, u64> = BTreeMap::new();
        let mut waiting = vec![(*group, 0)];
        while let Some((group, path_since)) = waiting.pop() {
            for (higher, since) in self.directly_above(&group).into_iter().flatten() {
                let since = path_since.max(*since);
                let known = found.get(higher);
                if known.is_none_or(|known| since < *known) {
                    found.insert(*higher, since);
                    waiting.push((*higher, since));
                }
            }
        }
        found
    }

    /// The groups a device is in, and since when: its person, and every group above that one.
    pub(crate) fn groups_of(&self, device: &DeviceId) -> BTreeMap<SpaceId, u64> {
        let Some(person) = self.person(device) else {
            return BTreeMap::new();
        };
        let mut groups = self.groups_above(&person);
        groups.insert(person, 0);
        groups
    }

    /// The institution of the network a device belongs to.
    pub(crate) fn institution_of(&self, device: &DeviceId) -> Option<SpaceId> {
        self.institution_above(&self.person(device)?)
    }

    /// The institution of the network that a group belongs to, or is.
    pub(crate) fn institution_above(&self, group: &SpaceId) -> Option<SpaceId> {
        let network = self.network()?;
        let above = self.groups_above(group).into_keys();
        std::iter::once(*group).chain(above).find(|group| {
            self.directly_above(group)
                .is_some_and(|above| above.contains_key(&network))
        })
    }

    /// Whether a group, or one above it, was ever removed from a group.
    fn has_left(&self, group: &SpaceId) -> bool {
        let above = self.groups_above(group).into_keys();
        std::iter::once(*group)
            .chain(above)
            .any(|group| self.top.left.contains(&group) || self.base.left.contains(&group))
    }

    /// Of these groups those that were in the network and are in none of its institutions.
    pub(crate) fn outside(&self, groups: impl IntoIterator<Item = SpaceId>) -> Vec<SpaceId> {
        groups
            .into_iter()
            .filter(|group| self.institution_above(group).is_none() && self.has_left(group))
            .collect()
    }

    /// How the relay treats a device.
    pub(crate) fn standing(&self, device: &DeviceId) -> Standing {
        let Some(person) = self.person(device) else {
            return Standing::Unknown;
        };
        let institution = self.institution_of(device);
        let enrolled = self.state(&person).is_some_and(|state| {
            let member = MemberId::Device(*device);
            state.live_grants().any(|grant| grant.member == member)
        });
        if enrolled && institution.is_some() {
            return Standing::Admitted;
        }
        let was_admitted = institution.is_some() || self.has_left(&person);
        match (was_admitted, enrolled) {
            (false, _) => Standing::Unknown,
            (true, true) => Standing::Outside,
            (true, false) => Standing::Revoked,
        }
    }

    /// A device's verifying key.
    pub(crate) fn verifying_key(&self, device: &DeviceId) -> Option<VerifyingKey> {
        let person = self.state(&self.person(device)?)?;
        Some(person.devices().get(device)?.verifying)
    }
}

/// How the relay treats a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It belongs to one of the network's institutions.
    Admitted,
    /// It is its person's still, but the person, or their institution, has left.
    Outside,
    /// Its person's grant to it has ended.
    Revoked,
    /// Nobody ever admitted it.
    Unknown,
}

fn layered<'a, K: Hash + Eq, V>(
    key: &K,
    top: &'a HashMap<K, V>,
    base: &'a HashMap<K, V>,
) -> Option<&'a V> {
    top.get(key).or_else(|| base.get(key))
}
