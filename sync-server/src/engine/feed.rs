//! Feeds: what becomes visible to whom, decided when an operation is accepted, so that serving is
//! one indexed query per feed.
//!
//! Every group (person, team, institution, network) has a feed, and a device reads the feeds of
//! all groups it is in. A feed carries of each space:
//! - everything ([`Carry::Content`]): the group itself, and sections the group is a member of;
//! - the log and the logs beneath its members ([`Carry::Tree`]): members of the former, so that
//!   their effective recipients can be computed (but of the network only the institutions);
//! - the log ([`Carry::Log`]): the guardian's;
//! - the log's beginning ([`Carry::Prefix`]): as far as references need it, so that every author
//!   can be verified.
//!
//! What a feed above already carries is not carried twice. Whatever becomes visible later is
//! delivered again under new numbers, before the operation that made it visible: one number is
//! cursor enough. What ends is [`super::withdrawal`]'s.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority::Knowledge;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Kind, Logs, SpaceState};

use super::stage::Stage;
use super::world::{
    View, beneath_and, confirmed_grants, is_group, member_space, new_grants, reachable,
};
use crate::store::{Carry, StoreError};

/// Every operation of a log.
pub(super) const ALL: u64 = u64::MAX >> 1;

/// Items to deliver again, and the feeds that need them.
#[derive(Default)]
pub(super) struct Needs(pub(super) BTreeMap<u64, BTreeSet<SpaceId>>);

impl Needs {
    pub(super) fn add(&mut self, feed: SpaceId, places: Vec<u64>) {
        for place in places {
            self.0.entry(place).or_default().insert(feed);
        }
    }
}

impl Stage<'_> {
    /// Works out what an operation makes visible, and which feeds it goes to itself, once
    /// [`super::world::World::learn`] knows the space's new state. It is not stored yet.
    pub(super) fn follow_operation(
        &mut self,
        state: &SpaceState,
        before: Option<&SpaceState>,
        reachable_before: &Reachable,
    ) -> Result<(Needs, BTreeSet<SpaceId>), StoreError> {
        let mut needs = Needs::default();
        let last_number = self.top.last_number;
        let space = state.id();
        let told = self.withdraw(state, &mut needs)?;
        if before.is_none() && is_group(state.kind()) {
            self.raise(space, space, Carry::Content, &mut needs)?;
        }
        let length = state.length();
        let granted = new_grants(state, before).filter(|grant| grant.is_live_at(length));
        for grant in granted.chain(confirmed_grants(state)) {
            match grant.member {
                MemberId::Space(member) => self.follow_grant(
                    state,
                    grant,
                    member,
                    reachable_before,
                    last_number,
                    &mut needs,
                )?,
                // Until now it came without content; a founding device had nothing to come.
                MemberId::Device(_) if before.is_some() => {
                    self.deliver_all_of(space, &mut needs)?;
                }
                MemberId::Device(_) => {}
            }
        }
        self.show_held(state, before, &mut needs)?;
        if let Some(record) = state.operation(state.length().saturating_sub(1)) {
            let knowledge = record.knowledge.clone();
            for feed in self.live_feeds(&space, Carry::Log) {
                self.raise_references(feed, &knowledge, &mut needs)?;
            }
        }
        let mut feeds = self.live_feeds(&space, Carry::Log);
        feeds.extend(told);
        Ok((needs, feeds))
    }

    /// Works out what an envelope's access heads need to be verified.
    pub(super) fn follow_envelope(
        &mut self,
        space: &SpaceId,
        knowledge: &Knowledge,
    ) -> Result<Needs, StoreError> {
        let mut needs = Needs::default();
        for feed in self.live_feeds(space, Carry::Content) {
            self.raise_references(feed, knowledge, &mut needs)?;
        }
        Ok(needs)
    }

    /// The feeds that carry at least this much of a space.
    pub(super) fn live_feeds(&self, space: &SpaceId, at_least: Carry) -> BTreeSet<SpaceId> {
        self.view()
            .carriers(space)
            .into_iter()
            .flatten()
            .filter(|(_, carry)| **carry >= at_least)
            .map(|(feed, _)| *feed)
            .collect()
    }

    fn follow_grant(
        &mut self,
        state: &SpaceState,
        grant: &Grant,
        member: SpaceId,
        reachable_before: &Reachable,
        last_number_before: u64,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let space = state.id();
        if is_group(state.kind()) {
            // The member's devices now read the feeds of this group and of those above it, from
            // here on: what these held before comes through their own feed.
            let outside = self.view().outside(beneath_and(self.view(), &member));
            self.set_membership(member, space, last_number_before)?;
            let reachable = reachable(self.view(), &member, None);
            let gained = if self.ran_out(state, grant) {
                reachable.iter().map(|(feed, _)| *feed).collect()
            } else {
                reachable_before.gained(&member, &reachable)
            };
            for feed in &gained {
                let places = self.store.delivered_places(feed)?;
                needs.add(member, places);
            }
            self.make_up_for_outside(&outside, &gained, needs)?;
        } else {
            let carry = if grant.is_confirmed() && grant.role.holds_keys() {
                Carry::Content
            } else {
                Carry::Log
            };
            if carry == Carry::Content && self.ran_out(state, grant) {
                // Nothing was served meanwhile, and the cursors went on.
                let mut places = self.store.log_places(&space, 0, ALL)?;
                places.extend(self.store.envelope_places(&space)?);
                needs.add(member, places);
            }
            self.raise(member, space, carry, needs)?;
        }
        for feed in self.live_feeds(&space, Carry::Tree) {
            self.raise(feed, member, beneath(state.kind()), needs)?;
        }
        Ok(())
    }

    /// Of these groups, which were in no institution, those that are in one again were served no content
    /// meanwhile, and the cursors of their devices went on. That goes for what came through their own
    /// feeds, and for what a person had through a group that is in no institution still. What comes
    /// through feeds that were gained comes anyway.
    fn make_up_for_outside(
        &self,
        outside: &[SpaceId],
        gained: &BTreeSet<SpaceId>,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let view = self.view();
        let back: BTreeSet<SpaceId> = outside
            .iter()
            .copied()
            .filter(|group| view.institution_above(group).is_some())
            .collect();
        for group in &back {
            let places = self.store.delivered_places(group)?;
            needs.add(*group, places);
        }
        for person in &back {
            let state = self.view().state(person);
            if state.is_none_or(|state| state.kind() != Kind::Person) {
                continue;
            }
            for (above, _) in reachable(self.view(), person, None) {
                if !back.contains(&above) && !gained.contains(&above) {
                    let places = self.store.delivered_places(&above)?;
                    needs.add(*person, places);
                }
            }
        }
        Ok(())
    }

    /// Everything a person's devices may read, once more: one of them had it without content.
    fn deliver_all_of(&mut self, person: SpaceId, needs: &mut Needs) -> Result<(), StoreError> {
        let above = reachable(self.view(), &person, None);
        let feeds: BTreeSet<SpaceId> = above.into_iter().map(|(feed, _)| feed).collect();
        for feed in feeds.into_iter().chain([person]) {
            let places = self.store.delivered_places(&feed)?;
            needs.add(person, places);
        }
        Ok(())
    }

    /// Whether the member had grants before this one, and all have run out.
    fn ran_out(&self, state: &SpaceState, new: &Grant) -> bool {
        let mut earlier = state
            .live_grants()
            .filter(|grant| grant.member == new.member && grant.id != new.id)
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .peekable();
        earlier.peek().is_some()
            && earlier.all(|grant| grant.not_after_ms.is_some_and(|end| end < self.now_ms))
    }

    /// Makes a feed carry at least this much of a space, and what follows from that.
    fn raise(
        &mut self,
        feed: SpaceId,
        space: SpaceId,
        carry: Carry,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let mut waiting = vec![(space, carry)];
        while let Some((space, carry)) = waiting.pop() {
            let Some(state) = self.view().state(&space) else {
                continue;
            };
            if !self.carry_more(feed, &state, carry, needs)? {
                continue;
            }
            if let Some(last) = state.operation(state.length().saturating_sub(1)) {
                let knowledge = last.knowledge.clone();
                self.raise_references(feed, &knowledge, needs)?;
            }
            if carry >= Carry::Tree {
                let level = beneath(state.kind());
                waiting.extend(member_spaces(&state).map(|member| (member, level)));
            }
            if carry == Carry::Content {
                waiting.extend(state.guardian().map(|guardian| (guardian, Carry::Log)));
            }
        }
        Ok(())
    }

    /// Makes a feed carry at least this much of one space; false where it, or one above, does.
    pub(super) fn carry_more(
        &mut self,
        feed: SpaceId,
        state: &SpaceState,
        carry: Carry,
        needs: &mut Needs,
    ) -> Result<bool, StoreError> {
        let space = state.id();
        if is_carried(self.view(), &feed, &space, carry) {
            return Ok(false);
        }
        let current = self.view().carry(&feed, &space);
        let places = self.places_to_deliver(&feed, state, current, carry)?;
        needs.add(feed, places);
        self.set_carry(space, feed, carry)?;
        Ok(true)
    }

    pub(super) fn raise_references(
        &mut self,
        feed: SpaceId,
        knowledge: &Knowledge,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        for space in knowledge.spaces() {
            let length = knowledge.length(space).unwrap_or(0);
            self.raise_prefix(feed, *space, length, needs)?;
        }
        Ok(())
    }

    /// Makes a feed carry at least the first operations of a log.
    pub(super) fn raise_prefix(
        &mut self,
        feed: SpaceId,
        space: SpaceId,
        length: u64,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        if is_carried(self.view(), &feed, &space, Carry::Prefix(length)) {
            return Ok(());
        }
        let from = match self.view().carry(&feed, &space) {
            Some(Carry::Prefix(delivered)) => delivered,
            _ => 0,
        };
        let places = self.store.log_places(&space, from, length)?;
        needs.add(feed, places);
        self.set_carry(space, feed, Carry::Prefix(length))
    }

    fn places_to_deliver(
        &self,
        feed: &SpaceId,
        state: &SpaceState,
        current: Option<Carry>,
        carry: Carry,
    ) -> Result<Vec<u64>, StoreError> {
        let space = state.id();
        if carry == Carry::Content {
            // Operations again, too: until now they came without their wraps.
            let mut places = self.store.log_places(&space, 0, ALL)?;
            places.extend(self.store.envelope_places(&space)?);
            return Ok(places);
        }
        match current {
            None => self.store.log_places(&space, 0, ALL),
            Some(Carry::Prefix(delivered)) => self.store.log_places(&space, delivered, ALL),
            Some(_) => {
                debug_assert_ne!(feed, &space);
                Ok(Vec::new())
            }
        }
    }

    fn set_membership(
        &mut self,
        member: SpaceId,
        group: SpaceId,
        since: u64,
    ) -> Result<(), StoreError> {
        let known = self.view().directly_above(&member).cloned();
        let known = known.unwrap_or_default();
        if known.contains_key(&group) {
            return Ok(());
        }
        self.store.put_membership(&member, &group, since)?;
        let above = self.top.above.entry(member).or_insert(known);
        above.insert(group, since);
        Ok(())
    }

    pub(super) fn set_carry(
        &mut self,
        space: SpaceId,
        feed: SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError> {
        self.store.put_carry(&space, &feed, carry)?;
        let known = self.base.carried.get(&space);
        self.top
            .carried
            .entry(space)
            .or_insert_with(|| known.cloned().unwrap_or_default())
            .insert(feed, carry);
        Ok(())
    }
}

/// Which groups' feeds each new member's devices read before an operation, and whether with
/// content.
#[derive(Default)]
pub(super) struct Reachable(BTreeMap<SpaceId, BTreeSet<(SpaceId, bool)>>);

impl Reachable {
    /// Asks before [`super::world::World::learn`] takes the operation's state in.
    pub(super) fn before(view: View<'_>, state: &SpaceState, before: Option<&SpaceState>) -> Self {
        let grants = new_grants(state, before).chain(confirmed_grants(state));
        let members = grants.filter_map(member_space);
        Self(
            members
                .map(|member| (member, reachable(view, &member, None)))
                .collect(),
        )
    }

    /// The feeds a member's devices did not read before, or not with content.
    fn gained(&self, member: &SpaceId, now: &BTreeSet<(SpaceId, bool)>) -> BTreeSet<SpaceId> {
        let known = self.0.get(member);
        now.iter()
            .filter(|reached| known.is_none_or(|known| !known.contains(reached)))
            .map(|(feed, _)| *feed)
            .collect()
    }
}

/// Whether the devices that read a feed get this much of a space already, by it or by a feed of a
/// group above. Content never comes from above: it is for the group's own keys.
fn is_carried(view: View<'_>, feed: &SpaceId, space: &SpaceId, carry: Carry) -> bool {
    let suffices = |feed: &SpaceId| {
        view.carry(feed, space)
            .is_some_and(|current| current >= carry)
    };
    suffices(feed) || (carry < Carry::Content && view.groups_above(feed).keys().any(suffices))
}

/// How much of its members a feed carries with a space of this kind. The network's feed names the
/// institutions and not every person in them.
pub(super) fn beneath(kind: Kind) -> Carry {
    match kind {
        Kind::Network => Carry::Log,
        _ => Carry::Tree,
    }
}

pub(super) fn member_spaces(state: &SpaceState) -> impl Iterator<Item = SpaceId> + '_ {
    state.live_grants().filter_map(member_space)
}
