//! What the relay keeps in memory: replayed logs and small indexes. Everything in it can be rebuilt
//! from the store. A batch being prepared is a second, small [`World`] laid over the committed one
//! ([`View`]): it is merged in after the commit, or dropped. Where an index shrinks (a membership
//! ends), the batch holds the member's whole entry as it will be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, InvitationId, ItemId, JournalId, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Kind, Logs, Role, SpaceState};

use crate::store::{Carry, Facts, Identity};

/// Logs and indexes.
pub(crate) struct World {
    /// Replayed logs.
    pub logs: HashMap<SpaceId, Arc<SpaceState>>,
    /// The one person each device belongs to.
    pub persons: HashMap<DeviceId, SpaceId>,
    /// Groups that a grant to another group was ended for, perhaps to be given again since.
    pub left: HashSet<SpaceId>,
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
    /// This life of the journal.
    pub journal: JournalId,
    /// The number after which it began.
    pub began_after: u64,
    /// Last number used, of an item or a delivery.
    pub last_number: u64,
    /// The journal's hash chain.
    pub chain: ItemId,
}

impl World {
    /// The indexes without the logs.
    pub(crate) fn from_facts(facts: Facts, identity: &Identity) -> Self {
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
            network: identity.network,
            journal: identity.journal,
            began_after: identity.began_after,
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
        if is_group(state.kind()) {
            let left = ended_grants(&state).filter_map(member_space);
            self.left.extend(left);
        }
        self.logs.insert(space, state);
    }

    /// Merges a committed batch in.
    pub(crate) fn absorb(&mut self, top: Self) {
        self.logs.extend(top.logs);
        self.persons.extend(top.persons);
        self.left.extend(top.left);
        self.above.extend(top.above);
        self.carried.extend(top.carried);
        self.feed_heads.extend(top.feed_heads);
        self.usage.extend(top.usage);
        self.joined.extend(top.joined);
        self.network = top.network.or(self.network);
        self.journal = top.journal;
        self.began_after = top.began_after;
        self.last_number = top.last_number;
        self.chain = top.chain;
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            logs: HashMap::new(),
            persons: HashMap::new(),
            left: HashSet::new(),
            above: HashMap::new(),
            carried: HashMap::new(),
            feed_heads: HashMap::new(),
            usage: HashMap::new(),
            joined: HashMap::new(),
            network: None,
            journal: JournalId([0; 16]),
            began_after: 0,
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

/// The member space of a grant.
pub(crate) fn member_space(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(member) => Some(member),
        MemberId::Device(_) => None,
    }
}

/// The grants the last operation made.
pub(crate) fn new_grants<'a>(
    state: &'a SpaceState,
    before: Option<&SpaceState>,
) -> impl Iterator<Item = &'a Grant> {
    let known = before.map_or(0, |before| before.grants().len());
    state.grants().iter().skip(known)
}

/// The grants the last operation ended.
pub(crate) fn ended_grants(state: &SpaceState) -> impl Iterator<Item = &Grant> {
    let last = state.length().checked_sub(1);
    let ended = move |grant: &&Grant| grant.ended.is_some_and(|end| Some(end.at) == last);
    state.grants().iter().filter(ended)
}

/// The earlier grants for which the last operation was the first to stand, so that keys may be
/// wrapped from now on.
pub(crate) fn confirmed_grants(state: &SpaceState) -> impl Iterator<Item = &Grant> {
    let last = state.length().checked_sub(1);
    state.live_grants().filter(move |grant| {
        let first = grant.sponsors.first().map(|sponsor| sponsor.at);
        first.is_some() && first == last && Some(grant.added_at) != last
    })
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
        let left =
            |group: &SpaceId| self.top.left.contains(group) || self.base.left.contains(group);
        let was_admitted = institution.is_some() || self.groups_of(device).keys().any(left);
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

/// The groups above a group; with `true` where every hop holds keys. With a time, only over grants
/// that had not run out then.
pub(crate) fn reachable(
    view: View<'_>,
    group: &SpaceId,
    at_ms: Option<u64>,
) -> BTreeSet<(SpaceId, bool)> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![(*group, true)];
    while let Some((group, content)) = waiting.pop() {
        for higher in view.directly_above(&group).into_iter().flatten() {
            let member = MemberId::Space(group);
            if !is_member(view, higher.0, member, at_ms) {
                continue;
            }
            let content = content && holds_keys(view, higher.0, member, at_ms);
            if found.insert((*higher.0, content)) {
                waiting.push((*higher.0, content));
            }
        }
    }
    found
}

/// The groups beneath a group, itself included.
pub(crate) fn beneath_and(view: View<'_>, group: &SpaceId) -> BTreeSet<SpaceId> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![*group];
    while let Some(group) = waiting.pop() {
        if found.insert(group)
            && let Some(state) = view.state(&group)
        {
            waiting.extend(state.live_grants().filter_map(member_space));
        }
    }
    found
}

/// Whether a member has any grant of a space; with a time, one that had not run out then.
pub(crate) fn is_member(
    view: View<'_>,
    space: &SpaceId,
    member: MemberId,
    at_ms: Option<u64>,
) -> bool {
    view.state(space).is_some_and(|state| {
        state
            .live_grants()
            .any(|grant| grant.member == member && runs(grant, at_ms))
    })
}

/// Whether a member holds the keys of a space by a grant of its own; with a time, by one that had
/// not run out then.
pub(crate) fn holds_keys(
    view: View<'_>,
    space: &SpaceId,
    member: MemberId,
    at_ms: Option<u64>,
) -> bool {
    view.state(space).is_some_and(|state| {
        state.live_grants().any(|grant| {
            grant.member == member
                && grant.is_confirmed()
                && grant.role.holds_keys()
                && runs(grant, at_ms)
        })
    })
}

/// Whether a member manages a space by a grant of its own that had not run out.
pub(crate) fn manages(view: View<'_>, space: &SpaceId, member: MemberId, at_ms: u64) -> bool {
    view.state(space).is_some_and(|state| {
        state.live_grants().any(|grant| {
            grant.member == member
                && grant.is_confirmed()
                && grant.role == Role::Manage
                && runs(grant, Some(at_ms))
        })
    })
}

/// Whether a grant had not run out at a time.
fn runs(grant: &Grant, at_ms: Option<u64>) -> bool {
    match (grant.not_after_ms, at_ms) {
        (Some(end), Some(at_ms)) => at_ms <= end,
        _ => true,
    }
}

fn layered<'a, K: Hash + Eq, V>(
    key: &K,
    top: &'a HashMap<K, V>,
    base: &'a HashMap<K, V>,
) -> Option<&'a V> {
    top.get(key).or_else(|| base.get(key))
}
