//! Whether a right, or an addition that somebody made by one, still stands.
//!
//! Rights end: a grant on the path is removed, reduced or runs out. Two questions follow. *Does what
//! its holder wrote still count?* [`remaining_role`] says what is left of a right in a later view;
//! [`crate::counting`] builds on it. *Does what its holder added stand?* An addition by somebody
//! whose right had ended cannot be told by the logs alone from one made just before the end: it is
//! *doubtful*. Receipts tell: where they do not show that it came first it is *suspended*, and
//! nobody wraps to it until a manager appends `Confirm` or `Void`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::authority::{At, Knowledge, Lengths, Logs, Question, Right, View};
use super::kind::Role;
use super::state::{Grant, MemberId, SpaceState, Sponsor};
use crate::identifier::{DeviceId, GrantId, JournalId, OperationId, SpaceId};

/// Grants that are passed over when asking whom to wrap to.
pub type Suspended = BTreeSet<GrantId>;

/// An item's place in the relay's journals. Journals are ordered by their ids, which begin with
/// the time they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which journal.
    pub journal: JournalId,
    /// Place in it.
    pub sequence: u64,
}

/// Where operations stand in the relay's journals, by their verified earliest receipts.
pub trait Receipts: std::fmt::Debug {
    /// The place of an operation; none where no receipt is known.
    fn position(&self, operation: &OperationId) -> Option<Position>;
}

/// No receipt is known: what replay, which sees the logs alone, has.
#[derive(Clone, Copy, Debug)]
pub struct NoReceipts;

impl Receipts for NoReceipts {
    fn position(&self, _: &OperationId) -> Option<Position> {
        None
    }
}

/// What is left, in the view `since`, of the role a device held in a space by what it `knew`:
/// through the same grants, as far as they have neither ended nor been reduced. A grant that came
/// later does not help, and an end the view does not know is none.
#[must_use]
pub fn remaining_role(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    knew: &Knowledge,
    since: View<'_>,
    suspended: &Suspended,
) -> Option<Role> {
    Question::new(logs, device, View::at(At::Known(knew)))
        .remaining_in(since)
        .without(suspended)
        .writing_role(state)
}

/// The same without asking whether the space is closed: closing ends writing, and no right to manage.
#[must_use]
pub fn remaining_content_role(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    knew: &Knowledge,
    since: View<'_>,
    suspended: &Suspended,
) -> Option<Role> {
    Question::new(logs, device, View::at(At::Known(knew)))
        .remaining_in(since)
        .without(suspended)
        .content_role(state)
}

/// The strongest role with keys that a device has in a space, over all paths, in a view of the logs, through
/// grants that are not suspended.
#[must_use]
pub fn role_in_view(
    logs: &dyn Logs,
    device: &DeviceId,
    state: &SpaceState,
    view: View<'_>,
    suspended: &Suspended,
) -> Option<Role> {
    let question = Question::new(logs, device, view).without(suspended);
    question.content_role(state)
}

/// The logs as they had been received before a place in the relay's journals.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedBefore<'a> {
    /// The place.
    pub position: Position,
    /// Where operations stand.
    pub receipts: &'a dyn Receipts,
}

impl Lengths for ReceivedBefore<'_> {
    fn length(&self, state: &SpaceState) -> u64 {
        received_before(state, self.position, self.receipts)
    }
}

/// Grants in a space, in those beneath it and in their guardians, for which nobody stands any more
/// whose right is sure: every sponsor's right had ended, as far as the view and the receipts tell.
///
/// With [`NoReceipts`] these are the *doubtful* ones, which an epoch may pass over; with verified
/// receipts the *suspended* ones, which it has to.
#[must_use]
pub fn suspended_grants(
    logs: &dyn Logs,
    state: &SpaceState,
    view: View<'_>,
    receipts: &dyn Receipts,
) -> Suspended {
    let beneath = scope_beneath(logs, state, view);
    let scope = || std::iter::once(state).chain(beneath.iter().map(|space| &**space));
    let mut suspended = Suspended::new();
    if !scope().any(|space| space.has_ends_between(0, view.length(space))) {
        return suspended;
    }
    loop {
        let before = suspended.len();
        for space in scope() {
            let length = view.length(space);
            for grant in space.grants.iter().filter(|grant| grant.is_live_at(length)) {
                if !suspended.contains(&grant.id)
                    && !stands(logs, space, grant, view, receipts, &suspended)
                {
                    suspended.insert(grant.id);
                }
            }
        }
        if suspended.len() == before {
            return suspended;
        }
    }
}

/// Whether anybody stands for a grant whose right to do so is sure. An unconfirmed grant waits
/// anyway.
fn stands(
    logs: &dyn Logs,
    space: &SpaceState,
    grant: &Grant,
    view: View<'_>,
    receipts: &dyn Receipts,
    suspended: &Suspended,
) -> bool {
    let length = view.length(space);
    let mut sponsors = grant
        .sponsors
        .iter()
        .filter(|sponsor| sponsor.at < length)
        .peekable();
    if sponsors.peek().is_none() {
        return true;
    }
    sponsors.any(|sponsor| {
        let question = Sponsorship {
            space,
            grant,
            sponsor,
            view,
            receipts,
        };
        question.stands(logs, suspended)
    })
}

/// The question whether one sponsor's right had ended when they stood for a grant.
#[derive(Debug)]
struct Sponsorship<'a> {
    space: &'a SpaceState,
    grant: &'a Grant,
    sponsor: &'a Sponsor,
    view: View<'a>,
    receipts: &'a dyn Receipts,
}

impl Sponsorship<'_> {
    fn stands(&self, logs: &dyn Logs, suspended: &Suspended) -> bool {
        if self.sponsor.at == 0 {
            return true;
        }
        let Some(record) = self.space.operation(self.sponsor.at) else {
            return false;
        };
        let ends = KnownEnds {
            sponsorship: self,
            position: self.receipts.position(&record.id),
        };
        let then = View::of(self.space, self.sponsor.at, At::Known(&record.knowledge));
        let had = Question::new(logs, &self.sponsor.by, then);
        let remaining = had
            .remaining_in(View::at(At::Lengths(&ends)))
            .without(suspended);
        if self.sponsor.through == self.space.id() {
            self.is_enough(had.right(self.space), remaining.right(self.space))
        } else {
            logs.state(&self.sponsor.through)
                .is_some_and(|above| self.is_enough(had.right(&above), remaining.right(&above)))
        }
    }

    /// Whether what remains of a right is what it took. Who managed stood for the grant as a
    /// manager: that they still write by another path does not make them one.
    fn is_enough(&self, had: Right, remaining: Right) -> bool {
        let added = self.sponsor.at == self.grant.added_at;
        let confirmed_again = self.grant.sponsors.first() != Some(self.sponsor);
        let as_manager = (added && self.grant.role.holds_keys()) || confirmed_again;
        if as_manager && had.manages {
            remaining.manages
        } else {
            remaining.at_least(Role::Write) || (added && remaining.changes_members())
        }
    }
}

/// Which ends count against a sponsor: none of its own log after it (a log has an order), and of
/// the other logs those in the view that the receipts do not show to be later.
#[derive(Debug)]
struct KnownEnds<'a> {
    sponsorship: &'a Sponsorship<'a>,
    position: Option<Position>,
}

impl Lengths for KnownEnds<'_> {
    fn length(&self, state: &SpaceState) -> u64 {
        let sponsorship = self.sponsorship;
        if state.id() == sponsorship.space.id() {
            return sponsorship.sponsor.at;
        }
        let length = sponsorship.view.length(state);
        self.position.map_or(length, |position| {
            received_before(state, position, sponsorship.receipts).min(length)
        })
    }
}

/// How much of a log was received before a place in the relay's journals. What bears no receipt
/// came later than anything that does.
pub(crate) fn received_before(
    state: &SpaceState,
    position: Position,
    receipts: &dyn Receipts,
) -> u64 {
    let earlier = |record: &super::state::OperationRecord| {
        receipts
            .position(&record.id)
            .is_some_and(|place| place < position)
    };
    let last = state.operations.last_position(earlier);
    last.map_or(0, |index| index as u64 + 1)
}

/// The spaces beneath a space, and the guardians with those beneath them: wherever a right to add
/// somebody here can come from. Only members that the view knows: a replica that has more of the
/// logs must not find more.
fn scope_beneath(logs: &dyn Logs, state: &SpaceState, view: View<'_>) -> Vec<Arc<SpaceState>> {
    let mut scope: Vec<Arc<SpaceState>> = Vec::new();
    let mut seen: BTreeSet<SpaceId> = BTreeSet::from([state.id()]);
    let mut waiting = neighbours(state, view.length(state));
    while let Some(id) = waiting.pop() {
        if seen.insert(id)
            && let Some(space) = logs.state(&id)
        {
            waiting.extend(neighbours(&space, view.length(&space)));
            scope.push(space);
        }
    }
    scope
}

fn neighbours(state: &SpaceState, length: u64) -> Vec<SpaceId> {
    let known = state.grants.iter().filter(|grant| grant.added_at < length);
    let members = known.filter_map(|grant| match grant.member {
        MemberId::Space(member) => Some(member),
        MemberId::Device(_) => None,
    });
    let guardian = state.guardian.filter(|_| length > 0);
    members.chain(guardian).collect()
}
