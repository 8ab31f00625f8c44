//! What the relay keeps in memory: replayed logs and small indexes. Everything in it can be rebuilt
//! from the store, and everything only grows, so that a batch being prepared is a second, small
//! [`World`] laid over the committed one ([`View`]): it is merged in after the commit, or dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, InvitationId, ItemId, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Kind, Logs, SpaceState};

use crate::store::{Carry, Facts};

/// Logs and indexes.
pub(crate) struct World {
    /// Replayed logs.
    pub logs: HashMap<SpaceId, Arc<SpaceState>>,
    /// The one person each device belongs to.
    pub persons: HashMap<DeviceId, SpaceId>,
    /// Group → the groups it is a direct member of, and the last number before it became one:
    /// what these groups' feeds held up to there was delivered again in the member's own feed.
    pub above: HashMap<SpaceId, BTreeMap<SpaceId, u64>>,
    /// Space → feed → how much of the space the feed carries.
    pub carried: HashMap<SpaceId, BTreeMap<SpaceId, Carry>>,
    /// Feed → number of its last delivery.
    pub feed_heads: HashMap<SpaceId, u64>,
    /// Institution → bytes stored for it.
    pub usage: HashMap<SpaceId, u64>,
    /// Invitation → the join request taken under it.
    pub joined: HashMap<InvitationId, ItemId>,
    /// The network, once claimed.
    pub network: Option<SpaceId>,
    /// Last number used, of an item or a delivery.
    pub last_number: u64,
    /// The journal's hash chain.
    pub chain: ItemId,
}

impl World {
    /// The indexes without the logs.
    pub(crate) fn from_facts(facts: Facts, network: Option<SpaceId>) -> Self {
        let mut carried: HashMap<SpaceId, BTreeMap<SpaceId, Carry>> = HashMap::new();
        for (space, feed, carry) in facts.carried {
            carried.entry(space).or_default().insert(feed, carry);
        }
        let mut above: HashMap<SpaceId, BTreeMap<SpaceId, u64>> = HashMap::new();
        for (member, group, since) in facts.memberships {
            above.entry(member).or_default().insert(group, since);
        }
        Self {
            above,
            carried,
            feed_heads: facts.feed_heads.into_iter().collect(),
            usage: facts.usage.into_iter().collect(),
            joined: facts.joined.into_iter().collect(),
            network,
            last_number: facts.last_number,
            chain: facts.chain.unwrap_or(FIRST_CHAIN),
            ..Self::default()
        }
    }

    /// Replays a stored operation.
    pub(crate) fn replay(
        &mut self,
        operation: &SignedOperation,
        signatures: Signatures,
    ) -> Result<(), ReplayError> {
        let space = operation.space();
        let nothing = Self::default();
        let view = View {
            base: &nothing,
            top: self,
        };
        let before = self.logs.get(&space).cloned();
        let state = match &before {
            None => SpaceState::found(operation, &view, signatures)?,
            Some(state) => SpaceState::clone(state).append(operation, &view, signatures)?,
        };
        self.learn(Arc::new(state), before.as_deref());
        Ok(())
    }

    /// Takes in a space's new state and whose its new devices are.
    pub(crate) fn learn(&mut self, state: Arc<SpaceState>, before: Option<&SpaceState>) {
        let space = state.id();
        for grant in new_grants(&state, before) {
            if let MemberId::Device(device) = grant.member {
                self.persons.insert(device, space);
            }
        }
        self.logs.insert(space, state);
    }

    /// Merges a committed batch in.
    pub(crate) fn absorb(&mut self, top: Self) {
        self.logs.extend(top.logs);
        self.persons.extend(top.persons);
        self.above.extend(top.above);
        self.carried.extend(top.carried);
        self.feed_heads.extend(top.feed_heads);
        self.usage.extend(top.usage);
        self.joined.extend(top.joined);
        self.network = top.network.or(self.network);
        self.last_number = top.last_number;
        self.chain = top.chain;
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            logs: HashMap::new(),
            persons: HashMap::new(),
            above: HashMap::new(),
            carried: HashMap::new(),
            feed_heads: HashMap::new(),
            usage: HashMap::new(),
            joined: HashMap::new(),
            network: None,
            last_number: 0,
            chain: FIRST_CHAIN,
        }
    }
}

/// The hash chain before the first item.
pub(crate) const FIRST_CHAIN: ItemId = ItemId([0; 32]);

/// Whether spaces of this kind have a feed of their own.
pub(crate) fn is_group(kind: Kind) -> bool {
    kind != Kind::Section
}

/// The grants the last operation made.
pub(crate) fn new_grants<'a>(
    state: &'a SpaceState,
    before: Option<&SpaceState>,
) -> impl Iterator<Item = &'a Grant> {
    let known = before.map_or(0, |before| before.grants().len());
    state.grants().iter().skip(known)
}

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
}

impl Logs for World {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.logs.get(space).cloned()
    }
}

impl View<'_> {
    /// The person a device belongs to.
    pub(crate) fn person(&self, device: &DeviceId) -> Option<SpaceId> {
        layered(device, &self.top.persons, &self.base.persons).copied()
    }

    /// The network, once claimed.
    pub(crate) fn network(&self) -> Option<SpaceId> {
        self.top.network.or(self.base.network)
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
        let network = self.network()?;
        self.groups_of(device).into_keys().find(|group| {
            self.directly_above(group)
                .is_some_and(|above| above.contains_key(&network))
        })
    }

    /// A device's verifying key.
    pub(crate) fn verifying_key(&self, device: &DeviceId) -> Option<VerifyingKey> {
        let person = self.state(&self.person(device)?)?;
        Some(person.devices().get(device)?.verifying)
    }
}

/// The groups above a group; with `true` where every hop holds keys.
pub(crate) fn reachable(view: View<'_>, group: &SpaceId) -> BTreeSet<(SpaceId, bool)> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![(*group, true)];
    while let Some((group, content)) = waiting.pop() {
        for higher in view.directly_above(&group).into_iter().flatten() {
            let member = MemberId::Space(group);
            let content = content && holds_keys(view, higher.0, member, None);
            if found.insert((*higher.0, content)) {
                waiting.push((*higher.0, content));
            }
        }
    }
    found
}

/// Whether a member holds the keys of a space by a grant of its own; with a time, by one that had
/// not run out then.
pub(crate) fn holds_keys(
    view: View<'_>,
    space: &SpaceId,
    member: MemberId,
    at_ms: Option<u64>,
) -> bool {
    let runs = |grant: &Grant| match (grant.not_after_ms, at_ms) {
        (Some(end), Some(at_ms)) => at_ms <= end,
        _ => true,
    };
    view.state(space).is_some_and(|state| {
        state.live_grants().any(|grant| {
            grant.member == member && grant.is_confirmed() && grant.role.holds_keys() && runs(grant)
        })
    })
}

fn layered<'a, K: Hash + Eq, V>(
    key: &K,
    top: &'a HashMap<K, V>,
    base: &'a HashMap<K, V>,
) -> Option<&'a V> {
    top.get(key).or_else(|| base.get(key))
}
