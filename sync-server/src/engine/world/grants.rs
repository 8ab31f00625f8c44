//! Which grants did an operation make, confirm or end, and who is a member, reads or manages by them?

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Kind, Logs, Role, SpaceState};

use super::View;

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
