//! A store that went back by itself: a raw copy of the database was put in its place, and nothing
//! told the relay so. It would give numbers away a second time, and two receipts of one place would
//! prove nothing. Devices know better: by the newest mark they saw, and by the receipts they hold.
//! The relay then begins a new journal at once.

use std::sync::{Arc, PoisonError};

use nahtlos_protocol::identifier::{DeviceId, ItemId, JournalId};
use nahtlos_protocol::space::standing::Position;
use nahtlos_protocol::wire::JournalMark;
use tokio::sync::oneshot;

use super::candidate::Candidate;
use super::job::Job;
use super::start::{StartError, journal_after};
use super::world::FIRST_CHAIN;
use super::writer::Writer;
use super::{Engine, EngineError, read};
use crate::store::{Identity, StoreError};

/// How often a journal is begun on the word of a device, which might be lying.
const UNPROVED_INTERVAL_MS: u64 = 60 * 60 * 1000;

/// What says that the store went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The journal that must not go on.
    journal: JournalId,
    /// The latest journal known to have been begun: the new one comes after it.
    latest: JournalId,
    /// The relay's own signature proves it; otherwise a device says so.
    proved: bool,
}

impl Engine {
    /// Compares what a device has seen with what is stored. True where it saw, in another journal, a
    /// branch that this one does not go on from, such as a copy that ran beside this relay: nobody knows
    /// then from where on the device lacks something and holds something else. The word of a device that
    /// is in no institution any more begins no new journal.
    pub(crate) async fn compare_mark(
        &self,
        device: &DeviceId,
        seen: JournalMark,
    ) -> Result<bool, EngineError> {
        let is_of_here = {
            let world = read(&self.shared.world);
            let same = seen.sequence == world.last_number && seen.hash == world.chain;
            let is_of_here = seen.journal == world.journal;
            if world.recent.has_mark(seen.sequence, &seen.hash) {
                return Ok(false);
            }
            // What another journal numbered above where this one began is offered again anyway.
            if is_of_here && same || !is_of_here && seen.sequence > world.began_after {
                return Ok(false);
            }
            is_of_here
        };
        if self.stored_chain(seen.sequence).await? == Some(seen.hash) {
            return Ok(false);
        }
        if !is_of_here {
            return Ok(true);
        }
        if !self.is_admitted(device) {
            return Ok(false);
        }
        tracing::error!(%device, "a device saw another history of this relay's journal");
        self.renew(Evidence {
            journal: seen.journal,
            latest: seen.journal,
            proved: false,
        })
        .await?;
        Ok(false)
    }

    /// Receipts of this relay may prove that its store went back: one for a number that this journal has
    /// still to give, or for something it does not have (it never forgets an id), and one of a later
    /// journal. If this one went on, what it takes in now would seem to come before what the later one
    /// had taken in, and readers would judge by that when a right ended.
    pub(super) async fn look_for_proofs(
        &self,
        candidates: &[Candidate],
    ) -> Result<(), EngineError> {
        let own = candidates.iter().filter_map(Candidate::offered);
        let own: Vec<(ItemId, Position)> = own.map(|(id, own)| (id, own.place())).collect();
        let Some(latest) = own.iter().map(|(_, place)| *place).max() else {
            return Ok(());
        };
        let here = {
            let world = read(&self.shared.world);
            Position {
                journal: world.journal,
                sequence: world.last_number,
            }
        };
        let of_here = own
            .iter()
            .filter(|(_, place)| place.journal == here.journal);
        let of_here: Vec<ItemId> = of_here.map(|(id, _)| *id).collect();
        if latest > here || self.lacks_one(of_here).await? {
            self.renew(Evidence {
                journal: here.journal,
                latest: latest.journal.max(here.journal),
                proved: true,
            })
            .await?;
        }
        Ok(())
    }

    async fn lacks_one(&self, ids: Vec<ItemId>) -> Result<bool, EngineError> {
        if ids.is_empty() {
            return Ok(false);
        }
        self.read_store(move |reader| {
            for id in &ids {
                if reader.find(id)?.is_none() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// The hash chain at a number; none where the journal has not come so far.
    async fn stored_chain(&self, number: u64) -> Result<Option<ItemId>, EngineError> {
        if number > read(&self.shared.world).last_number {
            return Ok(None);
        }
        let chain = self.read_store(move |reader| reader.chain_at(number));
        Ok(Some(chain.await?.unwrap_or(FIRST_CHAIN)))
    }

    async fn renew(&self, evidence: Evidence) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Renew { evidence, reply })?;
        answer.await.map_err(|_| EngineError::Internal)?
    }
}

impl Writer {
    /// Begins a new journal, which goes on with the numbers of the one that went back.
    pub(super) fn renew(&mut self, evidence: Evidence) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let now_ms = (shared.clock)();
        let recently = self
            .renewed_at_ms
            .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < UNPROVED_INTERVAL_MS);
        let identity = {
            let world = read(&shared.world);
            if world.journal != evidence.journal {
                return Ok(());
            }
            if !evidence.proved && recently {
                tracing::warn!("a device names a place that this journal does not have");
                return Ok(());
            }
            let journal = journal_after(&evidence.latest, now_ms).map_err(start_failed)?;
            Identity {
                journal,
                // Nobody knows when the copy was made, and numbers were given away since: whatever
                // devices hold of other journals may be lost.
                began_after: 0,
                had_earlier: true,
                network: world.network,
                ..shared.identity.clone()
            }
        };
        let stored = self
            .store
            .begin()
            .and_then(|()| self.store.put_identity(&identity))
            .and_then(|()| self.store.commit());
        if let Err(error) = stored {
            self.store.roll_back();
            return Err(error);
        }
        let mut world = shared.world.write().unwrap_or_else(PoisonError::into_inner);
        world.journal = identity.journal;
        world.began_after = identity.began_after;
        drop(world);
        if !evidence.proved {
            self.renewed_at_ms = Some(now_ms);
        }
        shared.metrics.journal_renewed();
        tracing::error!(
            began_after = identity.began_after,
            "the database went back by itself: was a copy put in its place that `backup` did not make? A new journal begins; devices offer again what is missing"
        );
        Ok(())
    }
}

fn start_failed(error: StartError) -> StoreError {
    match error {
        StartError::Store(error) => error,
        other => StoreError::Failed(Box::new(other)),
    }
}
