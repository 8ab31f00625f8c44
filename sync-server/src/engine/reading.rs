//! Work that is done on other threads, in turn: reading from the disk, and what takes the processor.
//!
//! A turn belongs to the work and not to whoever waits for it: a request that was given up, because it
//! took too long, does not stop a thread that has begun, and the next in turn must not begin before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use nahtlos_protocol::identifier::ItemId;

use super::{Engine, EngineError, Question, Served, Shared, lock};
use crate::store::{Reader, StoreError};

/// Which queue some work waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// What is done in a moment.
    Small,
    /// What a person would notice.
    Large,
}

/// A reader in use; given back however the reading ends.
struct Borrowed<'a> {
    shared: &'a Shared,
    reader: Option<Box<dyn Reader>>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        lock(&self.shared.readers).extend(self.reader.take());
    }
}

impl Engine {
    /// Reads what is new. What is `kept` stays until the reading has ended, also if nobody waits for it
    /// any more.
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        question: Question,
        pushed: BTreeSet<ItemId>,
        kept: T,
    ) -> Result<(Served, T), EngineError> {
        let shared = Arc::clone(&self.shared);
        let reading = self.read_store(move |reader| {
            let served = question.answer(&shared.world, reader, &pushed)?;
            Ok((served, kept))
        });
        reading.await
    }

    /// Asks the store, in turn.
    pub(super) async fn read_store<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let turns = Arc::clone(&self.shared.reader_permits);
        let turn = turns.acquire_owned().await;
        let turn = turn.map_err(|_closed| EngineError::Internal)?;
        let shared = Arc::clone(&self.shared);
        let reading = tokio::task::spawn_blocking(move || {
            // Dropped last: before, the next one would find no reader.
            let _turn = turn;
            let borrowed = Borrowed {
                reader: lock(&shared.readers).pop(),
                shared: &shared,
            };
            let reader = borrowed.reader.as_deref();
            let answer = question(reader.ok_or(EngineError::Internal)?);
            answer.map_err(|error| {
                tracing::error!(%error, "reading failed");
                EngineError::from(&error)
            })
        });
        reading.await.map_err(|_defect| EngineError::Internal)?
    }

    /// Computes on another thread, in turn: as many at once as there are processors, and small work
    /// does not wait behind large.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        share: Share,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let turns = match share {
            Share::Small => &self.shared.small_work,
            Share::Large => &self.shared.large_work,
        };
        let turn = Arc::clone(turns).acquire_owned().await;
        let turn = turn.map_err(|_closed| EngineError::Internal)?;
        let computing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        computing.await.map_err(|_defect| EngineError::Internal)
    }
}
