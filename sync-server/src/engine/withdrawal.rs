//! Withdrawal: what a feed carries no more once a grant has ended.
//!
//! Whoever was removed is told by the very operation that removed them, with what it takes to
//! replay it, in their own feed; nothing newer of that space follows. A removed device reads a feed
//! of its own from then on, under its id, which ends there.
//!
//! What a feed carries is worked out anew from the logs for every feed that the end can concern:
//! - the member's, and those beneath it: they lose the feeds above, and what they relied on these
//!   for they carry themselves from now on, as far as the logs are then;
//! - those that carry the space with all that is beneath its members: the member's log is theirs
//!   only as far as it was then, unless another path leads to it, or it is a person's and they are
//!   the guardian's.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Kind, Logs, SpaceState};

use super::feed::{Needs, beneath, member_spaces};
use super::stage::Stage;
use super::world::{beneath_and, ended_grants, is_member, member_space};
use crate::store::{Carry, StoreError};

/// Space → how much of it a feed carries.
type Carries = BTreeMap<SpaceId, Carry>;

/// Feed → what it carries of the log and more: what the logs may take away again.
type Carried = BTreeMap<SpaceId, Carries>;

impl Stage<'_> {
    /// Withdraws what the last operation ended. The operation itself is not stored yet; it goes to
    /// the feeds this returns besides those that still carry the space.
    pub(super) fn withdraw(
        &mut self,
        state: &SpaceState,
        needs: &mut Needs,
    ) -> Result<BTreeSet<SpaceId>, StoreError> {
        let space = state.id();
        let members: BTreeSet<MemberId> = ended_grants(state).map(|grant| grant.member).collect();
        let mut told = BTreeSet::new();
        for member in &members {
            let remains = is_member(self.view(), &space, *member, None);
            match member {
                MemberId::Device(device) if !remains => {
                    told.insert(device_feed(device));
                }
                MemberId::Space(group) if !remains => {
                    told.insert(*group);
                    self.end_membership(*group, space)?;
                }
                _ => {}
            }
        }
        let ended: BTreeSet<SpaceId> = ended_grants(state).filter_map(member_space).collect();
        if !ended.is_empty() {
            self.settle(state, &ended, needs)?;
        }
        for feed in &told {
            self.tell(*feed, state, needs)?;
        }
        Ok(told)
    }

    /// A group's devices do not read the feed of a group above any more.
    fn end_membership(&mut self, member: SpaceId, group: SpaceId) -> Result<(), StoreError> {
        let known = self.view().directly_above(&member).cloned();
        let Some(mut remaining) = known.filter(|known| known.contains_key(&group)) else {
            return Ok(());
        };
        let beneath = beneath_and(self.view(), &member);
        // Over the paths that remain a feed may have been joined later, when it was read by the one
        // that ends: what it held in between is theirs still.
        self.store.remove_membership(&member, &group)?;
        let earliest = remaining.values().min().copied();
        remaining.remove(&group);
        self.put_memberships(member, remaining, earliest)?;
        for lower in beneath.into_iter().filter(|lower| *lower != member) {
            let known = self.view().directly_above(&lower).cloned();
            let known = known.unwrap_or_default();
            let earliest = known.values().min().copied();
            self.put_memberships(lower, known, earliest)?;
        }
        Ok(())
    }

    fn put_memberships(
        &mut self,
        member: SpaceId,
        mut groups: BTreeMap<SpaceId, u64>,
        earliest: Option<u64>,
    ) -> Result<(), StoreError> {
        for (group, since) in &mut groups {
            let earlier = earliest.map_or(*since, |earliest| earliest.min(*since));
            if earlier < *since {
                *since = earlier;
                self.store.put_membership(&member, group, earlier)?;
            }
        }
        self.top.above.insert(member, groups);
        Ok(())
    }

    /// Works out anew what the feeds carry that the end of a member's grants concerns.
    fn settle(
        &mut self,
        state: &SpaceState,
        members: &BTreeSet<SpaceId>,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let mut concerned: BTreeSet<SpaceId> = BTreeSet::new();
        for member in members {
            concerned.extend(beneath_and(self.view(), member));
        }
        let lost_paths = concerned.clone();
        concerned.extend(self.live_feeds(&state.id(), Carry::Tree));
        let carried = self.carried_by(&concerned);
        let mut relying = lost_paths.clone();
        for feed in &concerned {
            if self.lower(*feed, carried.get(feed), state)? {
                relying.extend(beneath_and(self.view(), feed));
            }
        }
        // Only now, when no feed above carries more than it should.
        let carried = self.carried_by(&relying);
        for feed in &relying {
            let references = self.make_up(*feed, carried.get(feed), needs)?;
            if lost_paths.contains(feed) {
                // Envelopes may refer to more of a log than the logs do: as far as it is now.
                for space in references {
                    let length = self.stored_length(&space, state);
                    self.raise_prefix(*feed, space, length, needs)?;
                }
            }
        }
        Ok(())
    }

    /// How long a log is without the operation that is being judged.
    fn stored_length(&self, space: &SpaceId, state: &SpaceState) -> u64 {
        if *space == state.id() {
            return state.length().saturating_sub(1);
        }
        let known = self.view().state(space);
        known.map_or(0, |known| known.length())
    }

    /// Takes away what a feed has no claim to any more; says whether there was something.
    fn lower(
        &mut self,
        feed: SpaceId,
        carries: Option<&Carries>,
        state: &SpaceState,
    ) -> Result<bool, StoreError> {
        let claim = self.claim(feed, carries);
        let mut lowered = false;
        for (space, current) in carries.into_iter().flatten() {
            let claimed = claim.get(space).copied();
            if claimed >= Some(*current) {
                continue;
            }
            let kept = claimed.unwrap_or(Carry::Prefix(self.stored_length(space, state)));
            self.set_carry(*space, feed, kept)?;
            lowered = true;
        }
        Ok(lowered)
    }

    /// Gives a feed what it relied on a feed above for; returns the spaces its logs refer to.
    fn make_up(
        &mut self,
        feed: SpaceId,
        carries: Option<&Carries>,
        needs: &mut Needs,
    ) -> Result<BTreeSet<SpaceId>, StoreError> {
        let claim = self.claim(feed, carries);
        let mut references = BTreeSet::new();
        for (space, carry) in &claim {
            let Some(state) = self.view().state(space) else {
                continue;
            };
            self.carry_more(feed, &state, *carry, needs)?;
            if let Some(last) = state.operation(state.length().saturating_sub(1)) {
                let knowledge = last.knowledge.clone();
                self.raise_references(feed, &knowledge, needs)?;
                references.extend(knowledge.spaces().copied());
            }
        }
        Ok(references)
    }

    /// What a feed is to carry by the grants that stand, references apart. Only sections and people that
    /// it carries already are looked at: an end gives nobody a new one.
    fn claim(&self, feed: SpaceId, carries: Option<&Carries>) -> Carries {
        let mut claim = Carries::new();
        let mut waiting = vec![(feed, Carry::Content)];
        for space in carries.into_iter().flatten().map(|(space, _)| *space) {
            let granted = self
                .view()
                .state(&space)
                .and_then(|state| granted(&state, feed));
            waiting.extend(granted.map(|carry| (space, carry)));
        }
        while let Some((space, carry)) = waiting.pop() {
            let Some(state) = self.view().state(&space) else {
                continue;
            };
            if claim.get(&space) >= Some(&carry) {
                continue;
            }
            claim.insert(space, carry);
            if carry >= Carry::Tree {
                let level = beneath(state.kind());
                waiting.extend(member_spaces(&state).map(|member| (member, level)));
            }
            // One's own guardian is seen from within, or not at all any more.
            if carry == Carry::Content && space != feed {
                waiting.extend(state.guardian().map(|guardian| (guardian, Carry::Log)));
            }
        }
        claim
    }

    /// What these feeds carry at least the log of.
    fn carried_by(&self, feeds: &BTreeSet<SpaceId>) -> Carried {
        let (base, top) = (&self.base.carried, &self.top.carried);
        let unchanged = base.iter().filter(|(space, _)| !top.contains_key(*space));
        let mut carried = Carried::new();
        for (space, carriers) in unchanged.chain(top) {
            for (feed, carry) in carriers {
                if *carry >= Carry::Log && feeds.contains(feed) {
                    carried.entry(*feed).or_default().insert(*space, *carry);
                }
            }
        }
        carried
    }

    /// Readies a feed for the operation that removed its readers: the log before it, and all it
    /// comes after.
    fn tell(
        &mut self,
        feed: SpaceId,
        state: &SpaceState,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let length = state.length();
        if let Some(last) = state.operation(length.saturating_sub(1)) {
            let knowledge = last.knowledge.clone();
            self.raise_references(feed, &knowledge, needs)?;
        }
        self.raise_prefix(feed, state.id(), length, needs)
    }
}

/// The feed of a device that was removed.
pub(super) fn device_feed(device: &DeviceId) -> SpaceId {
    SpaceId(device.0)
}

/// How much of a section the grants that stand let a group's feed carry. An institution goes on
/// seeing the log of a person who left it: it looks after them still, and ends their devices.
fn granted(state: &SpaceState, group: SpaceId) -> Option<Carry> {
    match state.kind() {
        Kind::Section => {}
        Kind::Person if state.guardian() == Some(group) => return Some(Carry::Log),
        _ => return None,
    }
    state
        .live_grants()
        .filter(|grant| grant.member == MemberId::Space(group))
        .map(|grant| {
            if grant.is_confirmed() && grant.role.holds_keys() {
                Carry::Content
            } else {
                Carry::Log
            }
        })
        .max()
}
