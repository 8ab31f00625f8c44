//! Keys of a lost branch that a cut separates from the present one. No link may lead to them, so whoever
//! holds one hands it on by a wrap, to those who read from the beginning.

use std::collections::BTreeSet;

#[cfg(feature = "test-key-derivation")]
use nahtlos_protocol::identifier::{KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::past::missing_past_wraps;
use nahtlos_protocol::space::state::Epoch;
use nahtlos_protocol::space::{Draft, HealedBranch, Logs, SpaceState, Suspended};

use crate::keys::opened_by_links;
use crate::nahtlos::Nahtlos;

/// Such epochs that are looked at in one space: a branch may hold very many.
const LOOKED_AT_MAX: usize = 64;

impl Nahtlos {
    /// The wraps of one such epoch that others lack and this device can make; none where nobody waits. Who is
    /// given a later epoch of the branch opens what its links lead to, which needs no wraps of its own.
    pub(crate) fn cut_off_epoch_to_supply(
        &self,
        logs: &dyn Logs,
        state: &SpaceState,
        suspended: &Suspended,
    ) -> Option<Draft> {
        let ring = self.key_ring();
        let (mut led_to, mut looked_at) = (BTreeSet::new(), BTreeSet::new());
        for epoch in newest_first(state) {
            let key_id = epoch.key_id;
            let is_cut_off = state.past_ends_at(&key_id).is_some();
            if !is_cut_off || led_to.contains(&key_id) || !looked_at.insert(key_id) {
                continue;
            }
            if looked_at.len() > LOOKED_AT_MAX {
                return None;
            }
            let Ok(seed) = ring.open(&state.id(), &key_id) else {
                continue;
            };
            let missing = missing_past_wraps(logs, state, &key_id, View::NEWEST, suspended);
            if missing.is_ok_and(|missing| !missing.is_empty())
                && let Ok(seed) = ring.open_to_hand_on(&state.id(), &key_id)
            {
                return Some(Draft::new().wrap_missing(seed));
            }
            led_to.extend(opened_by_links(epochs_of_branches(state), &seed));
        }
        None
    }
}

fn epochs_of_branches(state: &SpaceState) -> impl Iterator<Item = &Epoch> {
    state.branches().iter().flat_map(HealedBranch::epochs)
}

fn newest_first(state: &SpaceState) -> Vec<&Epoch> {
    let mut epochs: Vec<&Epoch> = epochs_of_branches(state).collect();
    epochs.reverse();
    epochs
}

#[cfg(feature = "test-key-derivation")]
impl Nahtlos {
    /// To whom a space's log wrapped such epochs, for tests.
    pub fn cut_off_keys_supplied(&self, space: &SpaceId) -> Vec<(KeyId, RecipientId)> {
        let state = self.logs().load(space).ok().flatten();
        let wrapped = state.iter().flat_map(|state| state.wrapped_in_the_past());
        let wrapped = wrapped.flat_map(|(key_id, records)| {
            let to = records.iter().map(|record| record.recipient.id);
            to.map(|id| (*key_id, id))
        });
        wrapped.collect()
    }
}
