//! The held lane: edits by somebody who could write when they wrote, and cannot any more.
//!
//! The relay keeps them, within a quota for each device, for those who manage the space. As soon as
//! an edit that counts names one as a parent, it and what it builds on are edits like any other:
//! everybody who reads the space receives them, before the one that vouches for them.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, Role, SpaceState};
use nahtlos_protocol::wire::VerdictCode;

use super::feed::Needs;
use super::stage::{Outcome, Pusher, Refusal, Stage, reject};
use super::world::{confirmed_grants, new_grants};
use crate::store::{Carry, Found, StoreError};

impl Stage<'_> {
    /// Why an author who could write cannot any more.
    pub(super) fn reason_held(&self, author: &DeviceId, state: &SpaceState) -> VerdictCode {
        let now = authority::right(&self.view(), author, &state.id());
        match now.role {
            None => VerdictCode::AccessEnded,
            Some(_) if state.closed_at().is_some() => VerdictCode::Closed,
            Some(_) => VerdictCode::AccessReduced,
        }
    }

    /// What became of an envelope, for its author alone: they may be served nothing of the space any
    /// more. Everybody else hears what they would hear of an id that nothing has.
    pub(super) fn answer_question(
        &mut self,
        pusher: Pusher,
        id: &ItemId,
    ) -> Result<Outcome, Refusal> {
        self.count_item(pusher)?;
        let Some(found) = self.find(id)?.filter(|found| is_by(found, pusher)) else {
            return reject(VerdictCode::NotEntitled);
        };
        let sequence = found.sequence;
        if self.is_voided(id, &found)? {
            return Ok(Outcome::Held(sequence, VerdictCode::Voided));
        }
        Ok(match self.why_held(&found)? {
            Some(code) => Outcome::Held(sequence, code),
            None => Outcome::Duplicate(sequence),
        })
    }

    /// Why an envelope that is stored is in the held lane; none where it is not.
    pub(super) fn why_held(&self, found: &Found) -> Result<Option<VerdictCode>, StoreError> {
        let held = found.envelope.filter(|known| known.held);
        let state = self.view().state(&found.space);
        Ok(held
            .zip(state)
            .map(|(known, state)| self.reason_held(&known.author, &state)))
    }

    /// Whether a manager voided an envelope or something it builds on.
    pub(super) fn is_voided(&self, id: &ItemId, found: &Found) -> Result<bool, StoreError> {
        let Some(state) = self.view().state(&found.space) else {
            return Ok(false);
        };
        let voided = state.voided();
        if voided.is_empty() || voided.contains_key(&EnvelopeId(id.0)) {
            return Ok(!voided.is_empty());
        }
        let mut first = found.sequence;
        for id in voided.keys() {
            let place = self.find(&(*id).into())?;
            first = place.map_or(first, |place| place.sequence.min(first));
        }
        // What was stored before the first of them does not build on any.
        let ancestors = self.store.ancestors(found.sequence, first)?;
        Ok(ancestors
            .iter()
            .any(|related| voided.contains_key(&EnvelopeId(related.id.0))))
    }

    /// Whether the relay keeps one more envelope of this size for a device without a right to it.
    pub(super) fn check_held_quota(&self, author: &DeviceId, bytes: usize) -> Result<(), Refusal> {
        let (items, used) = self.store.kept_for(author)?;
        let used = used.saturating_add(bytes as u64);
        if items >= limits::HELD_ITEMS_PER_DEVICE_MAX || used > limits::HELD_BYTES_PER_DEVICE_MAX {
            return reject(VerdictCode::Quota);
        }
        Ok(())
    }

    /// Takes envelopes and what they build on out of the held lane.
    pub(super) fn promote(
        &mut self,
        space: &SpaceId,
        held: &BTreeSet<u64>,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let mut promoted = held.clone();
        for sequence in held {
            let ancestors = self.store.ancestors(*sequence, 0)?;
            let waiting = ancestors.iter().filter(|related| related.envelope.held);
            promoted.extend(waiting.map(|related| related.sequence));
        }
        let places: Vec<u64> = promoted.iter().copied().collect();
        for sequence in promoted {
            self.store.promote(sequence)?;
        }
        for feed in self.live_feeds(space, Carry::Content) {
            needs.add(feed, places.clone());
        }
        Ok(())
    }

    /// Whoever manages a space from now on sees what waits there.
    pub(super) fn show_held(
        &mut self,
        state: &SpaceState,
        before: Option<&SpaceState>,
        needs: &mut Needs,
    ) -> Result<(), StoreError> {
        let last = state.length().checked_sub(1);
        let raised = state.live_grants().filter(|grant| {
            grant
                .changes
                .last()
                .is_some_and(|change| Some(change.at) == last)
        });
        let managers: BTreeSet<SpaceId> = new_grants(state, before)
            .chain(confirmed_grants(state))
            .chain(raised)
            .filter(|grant| grant.role == Role::Manage)
            .map(|grant| match grant.member {
                MemberId::Space(member) => member,
                // Its person's feed is the one it reads.
                MemberId::Device(_) => state.id(),
            })
            .collect();
        if managers.is_empty() || before.is_none() {
            return Ok(());
        }
        let places = self.store.held_places(&state.id())?;
        for member in managers {
            if self.view().state(&member).is_some() {
                needs.add(member, places.clone());
            }
        }
        Ok(())
    }
}

/// Whether a device asks about an envelope that it wrote.
fn is_by(found: &Found, pusher: Pusher) -> bool {
    let author = found.envelope.map(|known| Pusher::Device(known.author));
    author == Some(pusher)
}
