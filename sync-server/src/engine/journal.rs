//! A store that went back by itself: a raw copy of the database was put in its place, and nothing
//! told the relay so. It would give numbers away a second time, and two receipts of one place would
//! prove nothing. Devices know better: by the newest mark they saw, and by the receipts they hold.
//! The relay then begins a new journal at once.

use std::sync::{Arc, PoisonError};

use nahtlos_protocol::identifier::JournalId;
use nahtlos_protocol::wire::JournalMark;
use tokio::sync::oneshot;

use super::candidate::Candidate;
use super::job::Job;
use super::start::{StartError, journal_after};
use super::world::FIRST_CHAIN;
use super::writer::Writer;
use super::{Engine, EngineError, lock, read};
use crate::store::{Identity, StoreError};

/// How often a journal is begun on the word of a device, which might be lying.
const UNPROVED_INTERVAL_MS: u64 = 60 * 60 * 1000;

/// What says that the store went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The journal that must not go on.
    journal: JournalId,
    /// The relay's own signature proves it; otherwise a device says so.
    proved: bool,
}

impl Engine {
    /// Compares what a device has seen of this journal with what is stored.
    pub(crate) async fn compare_mark(&self, seen: JournalMark) -> Result<(), EngineError> {
        {
            let world = read(&self.shared.world);
            let same = seen.sequence == world.last_number && seen.hash == world.chain;
            if seen.journal != world.journal || same {
                return Ok(());
            }
        }
        if self.stored_chain(seen.sequence).await? == Some(seen.hash) {
            return Ok(());
        }
        self.renew(Evidence {
            journal: seen.journal,
            proved: false,
        })
        .await
    }

    /// A receipt for a number that this journal has still to give proves that it gave it before.
    pub(super) async fn look_for_receipts_to_come(
        &self,
        candidates: &[Candidate],
    ) -> Result<(), EngineError> {
        let found = {
            let world = read(&self.shared.world);
            let to_come = candidates
                .iter()
                .filter_map(Candidate::receipt)
                .any(|own| own.journal == world.journal && own.sequence > world.last_number);
            to_come.then_some(world.journal)
        };
        match found {
            Some(journal) => {
                let proved = true;
                self.renew(Evidence { journal, proved }).await
            }
            None => Ok(()),
        }
    }

    /// The hash chain at a number; none where the journal has not come so far.
    async fn stored_chain(
        &self,
        number: u64,
    ) -> Result<Option<nahtlos_protocol::identifier::ItemId>, EngineError> {
        if number > read(&self.shared.world).last_number {
            return Ok(None);
        }
        let _permit = self
            .shared
            .reader_permits
            .acquire()
            .await
            .map_err(|_| EngineError::Internal)?;
        let shared = Arc::clone(&self.shared);
        let chain = tokio::task::spawn_blocking(move || {
            let reader = lock(&shared.readers).pop().ok_or(EngineError::Internal)?;
            let chain = reader.chain_at(number);
            lock(&shared.readers).push(reader);
            chain.map_err(|error| EngineError::from(&error))
        });
        let chain = chain.await.map_err(|_| EngineError::Internal)??;
        Ok(Some(chain.unwrap_or(FIRST_CHAIN)))
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
            let journal = journal_after(&world.journal, now_ms).map_err(start_failed)?;
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
