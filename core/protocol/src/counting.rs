//! Which edits count: one rule, from signed data and receipts alone, so that replicas agree in
//! whatever order things arrive. No content is needed and none is seen.
//!
//! A *right* is the set of grant paths at an envelope's access heads; it *ends* when each of them
//! contains an ended grant, a reduction below `write`, or a closing.
//!
//! 1. An edit whose author's right has no known end counts.
//! 2. Whatever an edit that counts by rule 1 or 3 builds on, directly or through others, counts:
//!    somebody entitled has vouched for it by building on it.
//! 3. An edit whose author's right has ended, and on which nobody entitled has built, counts
//!    provisionally if its earliest receipt is from before the end, and no edit that counts by rule
//!    1, was received in the same journal and knew the end, exists. (It would have built on it.)
//! 4. Everything else is held.
//!
//! A manager's `Void` overrides all four, for the envelope and what builds on it. Snapshots, attests
//! and disputes vouch for nothing. A snapshot counts only where all it covers counts by rules 1 and
//! 2.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::envelope::EnvelopeKind;
use crate::identifier::{DeviceId, EnvelopeId};
use crate::space::authority::{At, Knowledge, Lengths, Logs, View};
use crate::space::kind::Role;
use crate::space::standing::{self, Position, Receipts, Suspended};
use crate::space::state::SpaceState;

/// What of an envelope decides whether it counts. Its signature was verified.
#[derive(Clone, Debug)]
pub struct CountedEnvelope {
    /// Its id.
    pub id: EnvelopeId,
    /// Who signed it.
    pub author: DeviceId,
    /// The author's number for it in this space.
    pub author_sequence: u64,
    /// What it holds.
    pub kind: EnvelopeKind,
    /// What its access heads come after. Envelopes with the same heads should share it.
    pub knowledge: Arc<Knowledge>,
    /// What it builds on, or for a snapshot covers up to. Parents that are not among the envelopes
    /// given (pruned under a snapshot) are taken to count.
    pub parents: Vec<EnvelopeId>,
    /// Its place by its earliest verified receipt.
    pub received: Option<Position>,
}

/// Whether an envelope counts, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// By rule 1: its author's right has no known end.
    Counts,
    /// By rule 2: somebody whose edit counts built on it.
    Vouched,
    /// By rule 3, until somebody entitled who knows of the end writes without building on it.
    Provisional,
    /// By rule 4, or voided.
    Held(HeldReason),
}

impl Verdict {
    /// Whether the envelope is part of the document.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::Held(_))
    }
}

/// Why an envelope is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldReason {
    /// The author's access has ended.
    AccessEnded,
    /// The author may only read now.
    AccessReduced,
    /// The author could not write even by what it names itself.
    NeverEntitled,
    /// The space is closed.
    Closed,
    /// A manager voided it.
    Voided,
    /// It builds on an envelope that a manager voided.
    BuildsOnVoided,
    /// A snapshot that covers something that does not count.
    CoversHeld,
}

impl HeldReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::AccessEnded,
        Self::AccessReduced,
        Self::NeverEntitled,
        Self::Closed,
        Self::Voided,
        Self::BuildsOnVoided,
        Self::CoversHeld,
    ];

    /// The stable word used in output and documentation.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AccessEnded => "access_ended",
            Self::AccessReduced => "access_reduced",
            Self::NeverEntitled => "never_entitled",
            Self::Closed => "closed",
            Self::Voided => "voided",
            Self::BuildsOnVoided => "builds_on_voided",
            Self::CoversHeld => "covers_held",
        }
    }
}

/// The verdicts on a space's envelopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    /// One for each envelope.
    pub verdicts: BTreeMap<EnvelopeId, Verdict>,
    /// Counting edits that share an author's number: that device was cloned.
    pub clones: BTreeSet<(DeviceId, u64)>,
}

/// Decides which of a space's envelopes count, by the newest logs and the receipts known here.
#[must_use]
pub fn count(
    logs: &dyn Logs,
    state: &SpaceState,
    envelopes: &[CountedEnvelope],
    receipts: &dyn Receipts,
    suspended: &Suspended,
) -> Counting {
    let judge = Judge {
        rights: Rights {
            logs,
            state,
            receipts,
            suspended,
            remaining: RefCell::default(),
        },
        by_id: envelopes.iter().map(|one| (one.id, one)).collect(),
        voided: voided_with_descendants(state, envelopes),
    };
    judge.count(envelopes)
}

struct Judge<'a> {
    rights: Rights<'a>,
    by_id: HashMap<EnvelopeId, &'a CountedEnvelope>,
    voided: BTreeSet<EnvelopeId>,
}

impl Judge<'_> {
    fn count(&self, envelopes: &[CountedEnvelope]) -> Counting {
        let edits = || {
            let edits = envelopes
                .iter()
                .filter(|one| one.kind == EnvelopeKind::Changes);
            edits.filter(|one| !self.voided.contains(&one.id))
        };
        let entitled: Vec<&CountedEnvelope> = edits()
            .filter(|edit| self.rights.still_stands(edit))
            .collect();
        let vouched = self.ancestors(&entitled);
        let first: BTreeSet<EnvelopeId> = entitled.iter().map(|edit| edit.id).collect();
        let provisional: Vec<&CountedEnvelope> = edits()
            .filter(|edit| !first.contains(&edit.id) && !vouched.contains(&edit.id))
            .filter(|edit| self.counts_provisionally(edit, &entitled))
            .collect();
        let vouched_provisionally = self.ancestors(&provisional);
        let third: BTreeSet<EnvelopeId> = provisional.iter().map(|edit| edit.id).collect();

        let mut counting = Counting::default();
        for envelope in envelopes {
            let id = envelope.id;
            let verdict = if first.contains(&id) {
                Verdict::Counts
            } else if vouched.contains(&id) {
                Verdict::Vouched
            } else if third.contains(&id) {
                Verdict::Provisional
            } else if vouched_provisionally.contains(&id) {
                Verdict::Vouched
            } else if envelope.kind == EnvelopeKind::Changes {
                Verdict::Held(self.reason(envelope))
            } else {
                let sure = |id: &EnvelopeId| first.contains(id) || vouched.contains(id);
                self.judge_statement(envelope, &sure)
            };
            counting.verdicts.insert(id, verdict);
        }
        counting.clones = clones(edits().filter(|edit| {
            counting
                .verdicts
                .get(&edit.id)
                .is_some_and(|verdict| verdict.counts())
        }));
        counting
    }

    /// Everything some edits build on, directly or through others. Only edits are built on: what names
    /// a snapshot, an attest or a dispute as a parent vouches neither for it nor for what it covers.
    fn ancestors(&self, edits: &[&CountedEnvelope]) -> BTreeSet<EnvelopeId> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<EnvelopeId> = edits
            .iter()
            .flat_map(|edit| edit.parents.iter().copied())
            .collect();
        while let Some(id) = waiting.pop() {
            let known = self.by_id.get(&id);
            let is_edit = known.is_none_or(|one| one.kind == EnvelopeKind::Changes);
            if is_edit
                && found.insert(id)
                && let Some(envelope) = known
            {
                waiting.extend(envelope.parents.iter().copied());
            }
        }
        found
    }

    /// Rule 3. No entitled edit has this one among its ancestors: that was rule 2.
    fn counts_provisionally(&self, edit: &CountedEnvelope, entitled: &[&CountedEnvelope]) -> bool {
        let Some(received) = edit.received else {
            return false;
        };
        let in_time = self.rights.was_entitled(edit) && self.rights.stood_at(edit, received);
        in_time
            && !entitled.iter().any(|other| {
                let same_journal = other
                    .received
                    .is_some_and(|place| place.journal == received.journal);
                same_journal && self.rights.is_ended_for(edit, &other.knowledge)
            })
    }

    fn reason(&self, edit: &CountedEnvelope) -> HeldReason {
        if self.rights.state.voided().contains_key(&edit.id) {
            HeldReason::Voided
        } else if self.voided.contains(&edit.id) {
            HeldReason::BuildsOnVoided
        } else if !self.rights.was_entitled(edit) {
            HeldReason::NeverEntitled
        } else if self.rights.state.closed_at().is_some() {
            HeldReason::Closed
        } else if self.rights.remaining(edit, At::Newest).is_some() {
            HeldReason::AccessReduced
        } else {
            HeldReason::AccessEnded
        }
    }

    /// A snapshot, an attest, a dispute or an erasure: what somebody says about edits.
    fn judge_statement(
        &self,
        envelope: &CountedEnvelope,
        counts: &dyn Fn(&EnvelopeId) -> bool,
    ) -> Verdict {
        if self.voided.contains(&envelope.id) {
            return Verdict::Held(self.reason(envelope));
        }
        let stands = |needed: Role| {
            self.rights.remaining(envelope, At::Newest) >= Some(needed)
                || envelope.received.is_some_and(|place| {
                    self.rights.remaining_when_received(envelope, place) >= Some(needed)
                })
        };
        match envelope.kind {
            // Said by somebody whose access has ended; it changes nothing.
            EnvelopeKind::Erasure => Verdict::Counts,
            EnvelopeKind::Snapshot if !stands(Role::Write) => Verdict::Held(self.reason(envelope)),
            EnvelopeKind::Snapshot => {
                let covered = self.ancestors(&[envelope]);
                let known = covered.iter().filter(|id| self.by_id.contains_key(id));
                if known.into_iter().all(counts) {
                    Verdict::Counts
                } else {
                    Verdict::Held(HeldReason::CoversHeld)
                }
            }
            _ if stands(Role::Read) => Verdict::Counts,
            _ => Verdict::Held(self.reason(envelope)),
        }
    }
}

/// Questions about the rights of authors, each asked once for the same author, heads and view.
struct Rights<'a> {
    logs: &'a dyn Logs,
    state: &'a SpaceState,
    receipts: &'a dyn Receipts,
    suspended: &'a Suspended,
    remaining: RefCell<HashMap<Asked, Option<Role>>>,
}

/// An author, what they knew, and the view they are asked in (none: the newest logs).
type Asked = (DeviceId, Heads, Option<Heads>);

/// Names a shared [`Knowledge`] by where it lies in memory.
type Heads = usize;

fn heads(knowledge: &Arc<Knowledge>) -> Heads {
    Arc::as_ptr(knowledge) as usize
}

impl Rights<'_> {
    /// Whether the author could write by what it names itself.
    fn was_entitled(&self, edit: &CountedEnvelope) -> bool {
        self.remaining_by(edit, Some(&edit.knowledge), At::Known(&edit.knowledge))
            >= Some(Role::Write)
    }

    /// Rule 1.
    fn still_stands(&self, edit: &CountedEnvelope) -> bool {
        self.remaining(edit, At::Newest) >= Some(Role::Write)
    }

    /// Whether somebody with this knowledge knew that the author's right had ended.
    fn is_ended_for(&self, edit: &CountedEnvelope, knew: &Arc<Knowledge>) -> bool {
        self.remaining_by(edit, Some(knew), At::Known(knew)) < Some(Role::Write)
    }

    /// Whether the right had not ended yet where the edit was received.
    fn stood_at(&self, edit: &CountedEnvelope, received: Position) -> bool {
        self.remaining_when_received(edit, received) >= Some(Role::Write)
    }

    fn remaining_when_received(&self, edit: &CountedEnvelope, received: Position) -> Option<Role> {
        let before = ReceivedBefore {
            received,
            receipts: self.receipts,
        };
        self.ask(edit, At::Lengths(&before))
    }

    fn remaining(&self, edit: &CountedEnvelope, since: At<'_>) -> Option<Role> {
        self.remaining_by(edit, None, since)
    }

    fn remaining_by(
        &self,
        edit: &CountedEnvelope,
        other: Option<&Arc<Knowledge>>,
        since: At<'_>,
    ) -> Option<Role> {
        let key = (edit.author, heads(&edit.knowledge), other.map(heads));
        if let Some(known) = self.remaining.borrow().get(&key) {
            return *known;
        }
        let role = self.ask(edit, since);
        self.remaining.borrow_mut().insert(key, role);
        role
    }

    fn ask(&self, edit: &CountedEnvelope, since: At<'_>) -> Option<Role> {
        standing::remaining_role(
            self.logs,
            &edit.author,
            self.state,
            &edit.knowledge,
            View::at(since),
            self.suspended,
        )
    }
}

/// Logs as far as they were received before a place in the relay's journals.
#[derive(Debug)]
struct ReceivedBefore<'a> {
    received: Position,
    receipts: &'a dyn Receipts,
}

impl Lengths for ReceivedBefore<'_> {
    fn length(&self, state: &SpaceState) -> u64 {
        standing::received_before(state, self.received, self.receipts)
    }
}

/// What managers voided, and everything that builds on it.
fn voided_with_descendants(
    state: &SpaceState,
    envelopes: &[CountedEnvelope],
) -> BTreeSet<EnvelopeId> {
    let mut voided: BTreeSet<EnvelopeId> = state.voided().keys().copied().collect();
    if voided.is_empty() {
        return voided;
    }
    let mut children: HashMap<EnvelopeId, Vec<EnvelopeId>> = HashMap::new();
    for envelope in envelopes {
        for parent in &envelope.parents {
            children.entry(*parent).or_default().push(envelope.id);
        }
    }
    let mut waiting: Vec<EnvelopeId> = voided.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        for child in children.get(&id).into_iter().flatten() {
            if voided.insert(*child) {
                waiting.push(*child);
            }
        }
    }
    voided
}

fn clones<'a>(edits: impl Iterator<Item = &'a CountedEnvelope>) -> BTreeSet<(DeviceId, u64)> {
    let mut seen = BTreeSet::new();
    edits
        .map(|edit| (edit.author, edit.author_sequence))
        .filter(|number| !seen.insert(*number))
        .collect()
}

#[cfg(test)]
#[path = "counting_tests.rs"]
mod tests;
