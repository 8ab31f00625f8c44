//! Who may do what, from replayed logs alone.
//!
//! A device acts in a space through paths device → person → team → space. Its right is the role
//! the last hop grants, but at most `read` if it holds only `read` on the way; over several paths
//! the strongest. `administer` comes from a grant or from the guardian institution, holds no key
//! and gives no path further up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kind::Role;
use super::operation::LogHead;
use super::state::{Grant, MemberId, SpaceState};
use crate::crypto::signature::VerifyingKey;
use crate::identifier::{DeviceId, GrantId, SpaceId};

/// Replayed logs, wherever they are kept. Implementations load lazily.
pub trait Logs {
    /// The newest replayed state of a space, if this replica has its log.
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>>;

    /// The network this replica belongs to. Every replica belongs to one for its whole life, and
    /// all that work together to the same: it names the relay keys that receipts are verified by.
    fn network(&self) -> Option<SpaceId> {
        None
    }
}

impl Logs for BTreeMap<SpaceId, Arc<SpaceState>> {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.get(space).cloned()
    }
}

/// How long each log was that something comes after: space → number of operations seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge(BTreeMap<SpaceId, u64>);

impl Knowledge {
    /// Operations seen of this space's log.
    #[must_use]
    pub fn length(&self, space: &SpaceId) -> Option<u64> {
        self.0.get(space).copied()
    }

    /// Spaces seen.
    pub fn spaces(&self) -> impl Iterator<Item = &SpaceId> {
        self.0.keys()
    }

    /// Whether everything in `other` is known here too.
    #[must_use]
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(space, length)| self.length(space).is_some_and(|known| known >= *length))
    }

    pub(super) fn raise(&mut self, space: SpaceId, length: u64) {
        let known = self.0.entry(space).or_insert(0);
        *known = (*known).max(length);
    }

    /// Adds a position and everything that the operation there comes after.
    ///
    /// # Errors
    /// [`UnknownReference`] where this replica lacks the operation or has another one there.
    pub fn learn(&mut self, logs: &dyn Logs, head: &LogHead) -> Result<(), UnknownReference> {
        let unknown = UnknownReference { head: *head };
        let state = logs.state(&head.space).ok_or(unknown)?;
        let known = state.known_at(head).ok_or(unknown)?;
        if !self.covers(known.knowledge) {
            for (space, length) in &known.knowledge.0 {
                self.raise(*space, *length);
            }
        }
        self.raise(head.space, known.length);
        Ok(())
    }

    /// As [`Self::learn`] for knowledge that is shared with the operation before: it is copied only
    /// where the position adds something, so that a log of many operations holds little more than
    /// one of a few.
    pub(super) fn learn_shared(
        shared: &mut Arc<Self>,
        logs: &dyn Logs,
        head: &LogHead,
    ) -> Result<(), UnknownReference> {
        let unknown = UnknownReference { head: *head };
        let state = logs.state(&head.space).ok_or(unknown)?;
        let position = state.known_at(head).ok_or(unknown)?;
        // What a position on a healed branch came after need not be known with the log itself.
        let on_log = position.length > head.index;
        let known = shared.length(&head.space).unwrap_or(0) >= position.length;
        if on_log && known {
            return Ok(());
        }
        Arc::make_mut(shared).learn(logs, head)
    }

    /// Number of spaces known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that comes before a set of positions.
    ///
    /// # Errors
    /// [`UnknownReference`] for the first position this replica cannot find.
    pub fn of(logs: &dyn Logs, heads: &[LogHead]) -> Result<Self, UnknownReference> {
        let mut knowledge = Self::default();
        for head in heads {
            knowledge.learn(logs, head)?;
        }
        Ok(knowledge)
    }
}

/// A position that this replica does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {} of space {} is not known here", head.index, head.space)]
pub struct UnknownReference {
    /// The position.
    pub head: LogHead,
}

/// Which lengths of the logs a question is asked of.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// Everything this replica has.
    Newest,
    /// What somebody knew.
    Known(&'a Knowledge),
    /// Any other set of lengths.
    Lengths(&'a dyn Lengths),
}

/// Lengths of logs by a rule of their own.
pub trait Lengths: std::fmt::Debug {
    /// How long this log was.
    fn length(&self, state: &SpaceState) -> u64;
}

impl At<'_> {
    pub(crate) fn length(self, state: &SpaceState) -> u64 {
        match self {
            Self::Newest => state.length(),
            Self::Known(knowledge) => knowledge.length(&state.id()).unwrap_or(0),
            Self::Lengths(lengths) => lengths.length(state),
        }
    }
}

/// What a device may do in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Right {
    /// The strongest role that holds keys; in a closed space `read` at most.
    pub role: Option<Role>,
    /// Whether it may change members without keys.
    pub administer: bool,
    /// Whether it holds `manage`, also in a closed space: access must stay withdrawable there.
    pub manages: bool,
}

impl Right {
    /// Holds at least this role.
    #[must_use]
    pub fn at_least(&self, role: Role) -> bool {
        self.role.is_some_and(|held| held >= role)
    }

    /// May change members.
    #[must_use]
    pub fn changes_members(&self) -> bool {
        self.administer || self.manages
    }
}

/// A device's right in a space at the newest logs.
#[must_use]
pub fn right(logs: &dyn Logs, device: &DeviceId, space: &SpaceId) -> Right {
    logs.state(space).map_or_else(Right::default, |state| {
        right_in(logs, device, &state, state.length(), At::Newest)
    })
}

/// A device's right in `state` as its log stood at `length`, the other logs being read `at`.
#[must_use]
pub fn right_in(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    length: u64,
    at: At<'_>,
) -> Right {
    let then = View::of(state, length, at);
    Question::new(logs, device, then).right(state)
}

/// Whether a device has a role with keys, at the newest logs, in the space itself or one beneath.
pub(crate) fn content_role(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    length: u64,
    at: At<'_>,
) -> Option<Role> {
    Question::new(logs, device, View::of(state, length, at)).content_role(state)
}

/// Lengths of all logs at one moment: those of `at`, but for the one log that `at` does not count
/// (an operation's knowledge says nothing of its own log).
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    at: At<'a>,
    own: Option<(SpaceId, u64)>,
}

impl<'a> View<'a> {
    /// The newest logs.
    pub const NEWEST: Self = Self {
        at: At::Newest,
        own: None,
    };

    /// The logs `at`, and that of `state` at `length`.
    #[must_use]
    pub fn of(state: &SpaceState, length: u64, at: At<'a>) -> Self {
        Self {
            at,
            own: Some((state.id(), length)),
        }
    }

    /// All logs `at` these lengths.
    #[must_use]
    pub fn at(at: At<'a>) -> Self {
        Self { at, own: None }
    }

    /// How long a log was.
    #[must_use]
    pub fn length(self, state: &SpaceState) -> u64 {
        match self.own {
            Some((space, length)) if space == state.id() => length,
            _ => self.at.length(state),
        }
    }
}

/// A question about one device: what it could do `then`, through grants that have not ended in the
/// view `since`, and that are not suspended.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub logs: &'a dyn Logs,
    pub device: &'a DeviceId,
    pub then: View<'a>,
    pub since: Option<View<'a>>,
    pub suspended: Option<&'a BTreeSet<GrantId>>,
}

impl<'a> Question<'a> {
    pub fn new(logs: &'a dyn Logs, device: &'a DeviceId, then: View<'a>) -> Self {
        Self {
            logs,
            device,
            then,
            since: None,
            suspended: None,
        }
    }

    /// What remains of the right in a later view. Grants that came since do not help: a right is
    /// what its grants were.
    pub fn remaining_in(mut self, since: View<'a>) -> Self {
        self.since = Some(since);
        self
    }

    pub fn without(mut self, suspended: &'a BTreeSet<GrantId>) -> Self {
        self.suspended = Some(suspended);
        self
    }

    pub fn right(self, state: &SpaceState) -> Right {
        let length = self.then.length(state);
        let founding = !state.grants.iter().any(|grant| grant.added_at < length);
        if founding && state.founder == *self.device {
            return Right {
                role: Some(Role::Manage),
                administer: true,
                manages: true,
            };
        }
        let role = self.content_role(state);
        Right {
            role: self.cap_if_closed(role, state),
            administer: self.administers(state),
            manages: role >= Some(Role::Manage),
        }
    }

    /// The role with which content is written: nobody writes in a closed space.
    pub fn writing_role(self, state: &SpaceState) -> Option<Role> {
        self.cap_if_closed(self.content_role(state), state)
    }

    fn cap_if_closed(self, role: Option<Role>, state: &SpaceState) -> Option<Role> {
        let closed = state.is_closed_at(self.last(state));
        role.map(|role| if closed { Role::Read } else { role })
    }

    /// The strongest role with keys over all paths.
    pub fn content_role(self, state: &SpaceState) -> Option<Role> {
        // Each member is looked into once, however many grants it has: otherwise the grants of
        // every level multiply, and one hostile log keeps everybody busy who asks.
        let mut strongest: BTreeMap<MemberId, Role> = BTreeMap::new();
        for (member, granted) in self.standing(state) {
            if granted.holds_keys() {
                let role = strongest.entry(member).or_insert(granted);
                *role = (*role).max(granted);
            }
        }
        strongest
            .into_iter()
            .filter_map(|(member, role)| self.role_through(member, role))
            .max()
    }

    /// Members with what their grants allow, as far as this question looks.
    fn standing(self, state: &SpaceState) -> impl Iterator<Item = (MemberId, Role)> {
        let (then, last) = (self.then.length(state), self.last(state));
        state.grants.iter().filter_map(move |grant| {
            let stands = grant.is_live_at(then)
                && grant.is_confirmed_at(then)
                && !grant.is_ended_at(last)
                && self
                    .suspended
                    .is_none_or(|suspended| !suspended.contains(&grant.id));
            stands.then(|| (grant.member, grant.lowest_role_between(then, last)))
        })
    }

    /// Up to where a log is searched for ends.
    fn last(self, state: &SpaceState) -> u64 {
        let then = self.then.length(state);
        self.since
            .map_or(then, |since| since.length(state).max(then))
    }

    /// The role that grants of up to `role` to one member give a device: at most `read` where the
    /// device only reads in the member space.
    fn role_through(self, member: MemberId, role: Role) -> Option<Role> {
        match member {
            MemberId::Device(member) => (member == *self.device).then_some(role),
            MemberId::Space(member) => {
                let below = self.logs.state(&member)?;
                let inner = self.content_role(&below)?;
                Some(if inner == Role::Read {
                    Role::Read
                } else {
                    role
                })
            }
        }
    }

    fn administers(self, state: &SpaceState) -> bool {
        let administrators: BTreeSet<MemberId> = self
            .standing(state)
            .filter(|(_, role)| *role == Role::Administer)
            .map(|(member, _)| member)
            .collect();
        let by_grant = administrators.into_iter().any(|member| match member {
            MemberId::Device(member) => member == *self.device,
            MemberId::Space(member) => self
                .logs
                .state(&member)
                .is_some_and(|below| self.content_role(&below) >= Some(Role::Write)),
        });
        by_grant
            || state.guardian.is_some_and(|guardian| {
                self.logs.state(&guardian).is_some_and(|above| {
                    state.kind.guardian_kind() == Some(above.kind) && self.administers(&above)
                })
            })
    }
}

/// Heads of every log through which a device holds its right in a space (the space's own log not
/// included): what an operation or an envelope of that device must refer to.
#[must_use]
pub fn path_heads(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
) -> BTreeMap<SpaceId, LogHead> {
    let mut heads = BTreeMap::new();
    collect_path(logs, device, state, &mut heads);
    if let Some(guardian) = state.guardian.and_then(|guardian| logs.state(&guardian))
        && Question::new(logs, device, View::NEWEST).administers(&guardian)
    {
        insert_head(&guardian, &mut heads);
        collect_path(logs, device, &guardian, &mut heads);
    }
    heads
}

fn collect_path(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    heads: &mut BTreeMap<SpaceId, LogHead>,
) {
    let members: BTreeSet<MemberId> = state.live_grants().map(|grant| grant.member).collect();
    for member in members {
        let MemberId::Space(member) = member else {
            continue;
        };
        let Some(below) = logs.state(&member) else {
            continue;
        };
        if content_role(logs, device, &below, below.length(), At::Newest).is_some() {
            insert_head(&below, heads);
            collect_path(logs, device, &below, heads);
        }
    }
}

pub(super) fn insert_head(state: &SpaceState, heads: &mut BTreeMap<SpaceId, LogHead>) {
    if let Some(head) = state.head() {
        heads.insert(state.id(), head);
    }
}

/// The key a device signs with, found in the logs something comes after. Ids are hashes of keys,
/// so it does not matter which log names them; that the device may act is [`right_in`]'s answer.
#[must_use]
pub fn verifying_key(
    logs: &dyn Logs,
    device: &DeviceId,
    knowledge: &Knowledge,
) -> Option<VerifyingKey> {
    knowledge.spaces().find_map(|space| {
        let state = logs.state(space)?;
        let length = knowledge.length(space)?;
        // Devices admitted later are not known yet: a replica that has less of this log than
        // another must not judge otherwise.
        let known = state.devices.get(device);
        if let Some(known) = known.filter(|known| known.added_at < length) {
            return Some(known.verifying);
        }
        let founder = state.founder_key.filter(|_| state.founder == *device);
        founder.or_else(|| state.healed_key(device, length))
    })
}

/// The person a device belongs to or belonged to, among those who are or were members beneath a
/// space: what somebody wrote stays theirs after they left.
#[must_use]
pub fn person_of(logs: &dyn Logs, device: &DeviceId, state: &SpaceState) -> Option<SpaceId> {
    if state.devices.contains_key(device) {
        return Some(state.id());
    }
    let members: BTreeSet<MemberId> = state.grants.iter().map(|grant| grant.member).collect();
    members.into_iter().find_map(|member| match member {
        MemberId::Space(member) => person_of(logs, device, &*logs.state(&member)?),
        MemberId::Device(_) => None,
    })
}

/// Whether a device could ever write in a space by the logs as they are, or through it in those above: by
/// grants that allowed it once, whatever became of them.
#[must_use]
pub fn ever_wrote_through(logs: &dyn Logs, device: &DeviceId, state: &SpaceState) -> bool {
    writing_members(state).any(|member| leads_to_writer(logs, device, member))
}

/// Members that a space's grants ever allowed to write in it, each once.
pub fn writing_members(state: &SpaceState) -> impl Iterator<Item = MemberId> {
    let allowed = |grant: &&Grant| {
        let before = grant.changes.iter().map(|change| change.before);
        let mut roles = before.chain([grant.role]);
        roles.any(|role| role.holds_keys() && role >= Role::Write)
    };
    let members: BTreeSet<MemberId> = state
        .grants
        .iter()
        .filter(allowed)
        .map(|grant| grant.member)
        .collect();
    members.into_iter()
}

/// Whether a member is a device, or a space through which that device could ever write.
#[must_use]
pub fn leads_to_writer(logs: &dyn Logs, device: &DeviceId, member: MemberId) -> bool {
    match member {
        MemberId::Device(member) => member == *device,
        MemberId::Space(member) => logs
            .state(&member)
            .is_some_and(|below| ever_wrote_through(logs, device, &below)),
    }
}
