//! What the relay keeps in memory: replayed logs and small indexes. Everything in it can be rebuilt
//! from the store. A batch being prepared is a second, small [`World`] laid over the committed one
//! ([`View`]): it is merged in after the commit, or dropped. Where an index shrinks (a membership
//! ends), the batch holds the member's whole entry as it will be.

mod grants;
mod recent;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use nahtlos_protocol::identifier::{DeviceId, InvitationId, ItemId, JournalId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::state::MemberId;

use crate::store::{Carry, Facts, Identity};

pub(crate) use grants::{
    beneath_and, confirmed_grants, ended_grants, holds_keys, is_group, is_member, manages,
    member_space, new_grants, reachable,
};
use recent::Recent;
pub(crate) use view::{Standing, View};

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
    /// What the newest commits delivered.
    pub recent: Recent,
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
            recent: Recent::after(facts.last_number),
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
        self.recent.absorb(top.recent, top.last_number, top.chain);
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
            recent: Recent::default(),
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
