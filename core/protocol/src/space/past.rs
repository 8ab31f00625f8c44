//! Wraps of the past: of an epoch of a healed branch that a cut separates from the current one.
//!
//! No link leads across a cut, since whoever was let in `from now` would follow it. The branch's own
//! wraps did not come back with it, so those who read from the beginning would wait for ever. Such an
//! epoch is wrapped to them directly: to the keys of today of those whose right covers the past and
//! stood before it was cut off, and of no space into which somebody was let in `from now` itself.

use std::collections::{BTreeMap, BTreeSet};

use super::authority::{Logs, View};
use super::effect::Recipient;
use super::kind::Kind;
use super::recipients::{MissingLog, WrapTarget, key_holders, recipients_of};
use super::replay::{Context, Lane, ReplayError, contradiction};
use super::standing::Suspended;
use super::state::{Grant, MemberId, SpaceState, WrapRecord};
use crate::identifier::{GrantId, KeyId, RecipientId, SpaceId};

impl SpaceState {
    /// Wraps of the past of an epoch, oldest first.
    #[must_use]
    pub fn past_wraps(&self, key_id: &KeyId) -> &[WrapRecord] {
        self.past_wraps.get(key_id).map_or(&[], Vec::as_slice)
    }

    /// Epochs of healed branches of which there is a wrap of the past.
    pub fn wrapped_in_the_past(&self) -> impl Iterator<Item = (&KeyId, &[WrapRecord])> {
        let all = self.past_wraps.iter();
        all.map(|(key_id, records)| (key_id, records.as_slice()))
    }

    /// Where the past that an epoch of a healed branch belongs to was cut off: a right that was confirmed at
    /// a lower index covers it. None for every other epoch, and where no cut lies between.
    #[must_use]
    pub fn past_ends_at(&self, key_id: &KeyId) -> Option<u64> {
        if self.epochs.iter().any(|epoch| epoch.key_id == *key_id) {
            return None;
        }
        let ends = self.branches.iter().filter_map(|branch| {
            let mut later = branch.epochs().skip_while(|epoch| epoch.key_id != *key_id);
            later.next()?;
            // Who was let in here since the branch left knew nothing of a cut on it, nor it of them.
            let there = later.any(|epoch| epoch.cut).then_some(branch.fork);
            let mut since_fork = self.epochs.iter();
            let here = since_fork.find(|epoch| epoch.cut && epoch.began_at >= branch.fork);
            there.into_iter().chain(here.map(|cut| cut.began_at)).min()
        });
        ends.min()
    }

    pub(super) fn apply_past_wrap(
        &mut self,
        key_id: KeyId,
        wraps: &[Recipient],
        suspended: &[GrantId],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        if context.lane == Lane::Log {
            let view = self.view_after(context);
            let suspended = self.passed_over(suspended, context)?;
            let covered = past_recipients(context.logs, self, &key_id, view, &suspended)?;
            self.check_entitled(wraps, &covered, context)?;
        }
        let refused = |reason| Err(contradiction("Wrap", reason));
        if wraps.iter().any(|wrap| self.has_past_wrap(&key_id, wrap)) {
            return refused("the recipient has a wrap already");
        }
        // Beside an operation a wrap is found by whom it is for.
        if wraps
            .iter()
            .any(|wrap| self.is_wrapped_to_at(context.index, wrap.id))
        {
            return refused("one operation wraps to nobody twice");
        }
        let records = wraps.iter().map(|wrap| WrapRecord {
            recipient: *wrap,
            at: context.index,
        });
        self.past_wraps.entry(key_id).or_default().extend(records);
        Ok(())
    }

    fn has_past_wrap(&self, key_id: &KeyId, wrap: &Recipient) -> bool {
        has_one(self, key_id, wrap.id, wrap.key)
    }

    fn is_wrapped_to_at(&self, index: u64, recipient: RecipientId) -> bool {
        let current = self.epochs.iter().rev();
        let current = current.flat_map(|epoch| epoch.recipients.get(&recipient));
        let past = self.past_wraps.values().flatten();
        let past = past.filter(|record| record.recipient.id == recipient);
        current.chain(past).any(|record| record.at == index)
    }
}

fn has_one(state: &SpaceState, key_id: &KeyId, recipient: RecipientId, key: KeyId) -> bool {
    let mut known = state.past_wraps(key_id).iter();
    known.any(|known| known.recipient.id == recipient && known.recipient.key == key)
}

/// To whom an epoch of a healed branch may be wrapped that a cut separates from the current one: nobody where
/// none does. What is beneath a network's institutions is not known to all, so there it is nobody either.
///
/// # Errors
/// [`MissingLog`] where the log of a member space is not known here.
pub fn past_recipients(
    logs: &dyn Logs,
    state: &SpaceState,
    key_id: &KeyId,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<BTreeMap<RecipientId, WrapTarget>, MissingLog> {
    let Some(until) = state
        .past_ends_at(key_id)
        .filter(|_| state.kind != Kind::Network)
    else {
        return Ok(BTreeMap::new());
    };
    let length = view.length(state);
    // Who came `from now` stands since their own cut: where that is no later than here, they read what followed.
    let covers = |grant: &&Grant| {
        let since = grant.sponsors.first().map(|sponsor| sponsor.at);
        grant.is_live_at(length)
            && grant.role.holds_keys()
            && since.is_some_and(|since| since < until)
            && !suspended.contains(&grant.id)
    };
    let mut members = BTreeSet::new();
    for grant in state.grants.iter().filter(covers) {
        let shuts_out = match grant.member {
            MemberId::Space(space) => is_cut(logs, space, view, suspended)?,
            MemberId::Device(_) => false,
        };
        if !shuts_out {
            members.insert(grant.member);
        }
    }
    recipients_of(logs, state, members, view, suspended)
}

/// Of them those who have no such wrap to the key they have now.
///
/// # Errors
/// [`MissingLog`] as [`past_recipients`].
pub fn missing_past_wraps(
    logs: &dyn Logs,
    state: &SpaceState,
    key_id: &KeyId,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<Vec<WrapTarget>, MissingLog> {
    let covered = past_recipients(logs, state, key_id, view, suspended)?;
    let lacks = |target: &WrapTarget| !has_one(state, key_id, target.id(), target.key());
    Ok(covered.into_values().filter(lacks).collect())
}

/// Whether somebody was let in `from now` in a space or in one beneath it: they hold the key of today and
/// not the past.
fn is_cut(
    logs: &dyn Logs,
    space: SpaceId,
    view: View<'_>,
    suspended: &Suspended,
) -> Result<bool, MissingLog> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![space]);
    while let Some(space) = waiting.pop() {
        if !seen.insert(space) {
            continue;
        }
        let state = logs.state(&space).ok_or(MissingLog { space })?;
        let length = view.length(&state);
        if length == 0 {
            return Err(MissingLog { space });
        }
        let mut epochs = state.epochs.iter();
        if epochs.any(|epoch| epoch.cut && epoch.began_at < length) {
            return Ok(true);
        }
        let beneath = key_holders(&state, length, suspended).into_iter();
        waiting.extend(beneath.filter_map(|member| match member {
            MemberId::Space(space) => Some(space),
            MemberId::Device(_) => None,
        }));
    }
    Ok(false)
}
