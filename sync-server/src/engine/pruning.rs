//! Drops the bytes of edits that a snapshot covers, so that the disk holds what newcomers need.
//!
//! The relay cannot read a snapshot, so two who can must have: its author, and somebody of another
//! institution (where only one has access, another person) who loaded it and signed an attest. Then
//! a retention window passes, in which anybody who reads may dispute. After a restore or any other
//! beginning of a journal a whole window passes first: what is offered again may change what counts.
//! Ids, graph, receipts and the hash chain stay for ever.

use std::collections::BTreeSet;
use std::sync::Arc;

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::space::authority::{self, Knowledge};
use nahtlos_protocol::space::{Logs, Role, SpaceState, Suspended, standing};
use tokio::sync::oneshot;

use super::job::Job;
use super::stage::decode_receipt;
use super::start::journal_began_ms;
use super::world::{View, World, member_space};
use super::writer::Writer;
use super::{Engine, EngineError, read};
use crate::store::{Reader, Related, StoreError};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Bodies dropped in one commit.
const DROPPED_MAX: usize = 5_000;
/// Snapshots looked at in one commit.
const SNAPSHOTS_MAX: usize = 200;

/// What one step of pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// Bodies dropped.
    pub dropped: usize,
    /// Where the next step goes on; none at the end.
    pub next: Option<u64>,
}

impl Engine {
    /// Drops everything that may be dropped now; says how many bodies that were.
    pub(crate) async fn prune(&self) -> Result<usize, EngineError> {
        let (mut dropped, mut from) = (0, 0);
        loop {
            let (reply, answer) = oneshot::channel();
            self.send(Job::Prune { from, reply })?;
            let step = answer.await.map_err(|_| EngineError::Internal)??;
            dropped += step.dropped;
            match step.next {
                Some(next) => from = next,
                None => return Ok(dropped),
            }
        }
    }
}

impl Writer {
    /// One bounded step, from a snapshot's place on.
    pub(super) fn prune(&mut self, from: u64) -> Result<Pruned, StoreError> {
        let shared = Arc::clone(&self.shared);
        let world = read(&shared.world);
        let now_ms = (shared.clock)();
        let window_ms = u64::from(shared.limits.retention_days).saturating_mul(DAY_MS);
        let began_ms = journal_began_ms(&world.journal);
        if now_ms.saturating_sub(began_ms) < window_ms {
            return Ok(Pruned::default());
        }
        self.store.begin()?;
        let step = self.prune_in_transaction(&world, from, now_ms, window_ms);
        match &step {
            Ok(_) => self.store.commit()?,
            Err(_) => self.store.roll_back(),
        }
        if let Ok(step) = &step {
            shared.metrics.pruned(step.dropped as u64);
        }
        step
    }

    fn prune_in_transaction(
        &mut self,
        world: &World,
        from: u64,
        now_ms: u64,
        window_ms: u64,
    ) -> Result<Pruned, StoreError> {
        let mut dropped = 0;
        let nothing = World::default();
        let view = View {
            base: world,
            top: &nothing,
        };
        let open = self.store.open_snapshots()?;
        let due = open.into_iter().filter(|snapshot| *snapshot >= from);
        for (looked_at, snapshot) in due.enumerate() {
            if looked_at >= SNAPSHOTS_MAX {
                let next = Some(snapshot);
                return Ok(Pruned { dropped, next });
            }
            let judge = Judge::new(view, &*self.store, snapshot, now_ms, window_ms)?;
            let covered = judge.map(|judge| judge.dispensable()).transpose()?;
            let Some(covered) = covered.flatten() else {
                continue;
            };
            for place in covered {
                if dropped >= DROPPED_MAX {
                    let next = Some(snapshot);
                    return Ok(Pruned { dropped, next });
                }
                self.store.drop_body(place)?;
                dropped += 1;
            }
            self.store.settle(snapshot)?;
        }
        Ok(Pruned {
            dropped,
            next: None,
        })
    }
}

/// Whether one snapshot makes what it covers dispensable.
struct Judge<'a> {
    view: View<'a>,
    store: &'a dyn Reader,
    snapshot: u64,
    envelope: Envelope,
    state: Arc<SpaceState>,
    attested_before_ms: u64,
}

impl<'a> Judge<'a> {
    fn new(
        view: View<'a>,
        store: &'a dyn Reader,
        snapshot: u64,
        now_ms: u64,
        window_ms: u64,
    ) -> Result<Option<Self>, StoreError> {
        let envelope = read_envelope(store, snapshot)?;
        let state = envelope
            .as_ref()
            .and_then(|envelope| view.state(&envelope.header().space));
        Ok(envelope.zip(state).map(|(envelope, state)| Self {
            view,
            store,
            snapshot,
            envelope,
            state,
            attested_before_ms: now_ms.saturating_sub(window_ms),
        }))
    }

    /// The places of the edits whose bytes may go; none where the snapshot does not stand for them.
    fn dispensable(&self) -> Result<Option<Vec<u64>>, StoreError> {
        if !self.is_attested()? || !self.stands(&self.envelope) {
            return Ok(None);
        }
        // Each head that counts for itself vouches for all it builds on.
        for parent in &self.envelope.header().parents {
            let place = self.store.find(&ItemId::from(*parent))?;
            let head = match place {
                Some(found) => read_envelope(self.store, found.sequence)?,
                None => return Ok(None),
            };
            if head.is_some_and(|head| !self.stands(&head)) {
                return Ok(None);
            }
        }
        let covered = self.store.ancestors(self.snapshot, 0)?;
        if covered
            .iter()
            .any(|related| related.envelope.held || self.is_voided(&related.id))
        {
            return Ok(None);
        }
        let edits = covered
            .iter()
            .filter(|related| related.has_body && related.envelope.kind == EnvelopeKind::Changes);
        Ok(Some(edits.map(|related| related.sequence).collect()))
    }

    /// Attested by somebody independent, long enough ago, and disputed by nobody.
    fn is_attested(&self) -> Result<bool, StoreError> {
        if self.is_voided(&self.envelope.id().into()) {
            return Ok(false);
        }
        let said = self.store.children(self.snapshot)?;
        let said = said.iter().filter(|related| !self.is_voided(&related.id));
        let (disputes, attests): (Vec<&Related>, Vec<&Related>) =
            said.partition(|related| related.envelope.kind == EnvelopeKind::Dispute);
        if !disputes.is_empty() {
            return Ok(false);
        }
        for attest in attests {
            if attest.envelope.kind == EnvelopeKind::Attest && self.is_good(attest)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_good(&self, attest: &Related) -> Result<bool, StoreError> {
        let (Some(item), Some(envelope)) = (
            self.store.item(attest.sequence)?,
            read_envelope(self.store, attest.sequence)?,
        ) else {
            return Ok(false);
        };
        let accepted_at_ms = decode_receipt(&item.receipt)?.accepted_at_ms;
        let (author, attester) = (
            self.envelope.header().author_device,
            envelope.header().author_device,
        );
        Ok(accepted_at_ms <= self.attested_before_ms && self.is_independent(&author, &attester))
    }

    /// Of another institution where one has access, else another person.
    fn is_independent(&self, author: &DeviceId, attester: &DeviceId) -> bool {
        let institution = |device| self.view.institution_of(device);
        let (author_of, attester_of) = (institution(author), institution(attester));
        let others = self
            .institutions_with_access()
            .into_iter()
            .any(|other| Some(other) != author_of);
        if others {
            attester_of.is_some() && attester_of != author_of
        } else {
            let person = |device| self.view.person(device);
            person(attester).is_some() && person(attester) != person(author)
        }
    }

    fn institutions_with_access(&self) -> BTreeSet<SpaceId> {
        self.state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .filter_map(member_space)
            .filter_map(|member| self.view.institution_above(&member))
            .collect()
    }

    fn is_voided(&self, id: &ItemId) -> bool {
        self.state.voided().contains_key(&EnvelopeId(id.0))
    }

    /// Whether an envelope counts by its author's own right.
    fn stands(&self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        let Ok(knowledge) = Knowledge::of(&self.view, &header.access_heads) else {
            return false;
        };
        let role = standing::remaining_role(
            &self.view,
            &header.author_device,
            &self.state,
            &knowledge,
            authority::View::NEWEST,
            &Suspended::new(),
        );
        // After closing nobody writes, and nothing was taken from anybody.
        let needed = match self.state.closed_at() {
            Some(_) => Role::Read,
            None => Role::Write,
        };
        role >= Some(needed)
    }
}

fn read_envelope(store: &dyn Reader, place: u64) -> Result<Option<Envelope>, StoreError> {
    let bytes = store.item(place)?.and_then(|item| item.bytes);
    let decoded = bytes.map(|bytes| Envelope::decode(&bytes)).transpose();
    decoded.map_err(|error| StoreError::Damaged {
        what: format!("envelope {place}: {error}"),
    })
}
