//! The engine: one writer thread judges and stores, everybody else reads.
//!
//! Group commit: the writer takes all waiting jobs, judges them one after the other against one
//! [`stage::Stage`], commits once, and only then answers. What is in memory never runs ahead of
//! the disk: a stage is merged in after its commit, and dropped where the commit fails.

mod admission;
mod candidate;
mod envelope;
mod erasing;
mod feed;
mod held;
mod job;
mod journal;
mod offer;
mod operation;
mod pruning;
mod quota;
mod reading;
mod serve;
mod stage;
mod start;
mod withdrawal;
mod world;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use nahtlos_protocol::crypto::signature::{SigningKey, VerifyingKey};
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::{JoinAnswer, JoinRequest};
use nahtlos_protocol::wire::{ItemResult, JournalMark, PushItem};
use tokio::sync::{Semaphore, oneshot};

pub(crate) use admission::{ClaimRefusal, JoinRefusal};
use candidate::Candidate;
use job::Job;
pub(crate) use reading::Share;
pub(crate) use serve::{Question, Served};
pub(crate) use start::{StartError, check_journal, identity, load, random};
use world::{Standing, View, World};

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::store::{Identity, Reader, StoreError};

/// Why the engine could not do what was asked; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// No space is left.
    #[error("the relay's disk is full")]
    StorageFull,
    /// The store failed.
    #[error("the relay's storage failed")]
    StorageFailed,
    /// Too many jobs wait.
    #[error("the relay is busy")]
    Busy,
    /// The engine is stopping, or a defect was caught.
    #[error("the relay could not finish the request")]
    Internal,
}

impl From<&StoreError> for EngineError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::StorageFull,
            _ => Self::StorageFailed,
        }
    }
}

/// A running engine.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What the writer and the readers share.
pub(crate) struct Shared {
    world: RwLock<World>,
    identity: Identity,
    signing: SigningKey,
    relay: VerifyingKey,
    readers: Mutex<Vec<Box<dyn Reader>>>,
    reader_permits: Arc<Semaphore>,
    small_work: Arc<Semaphore>,
    large_work: Arc<Semaphore>,
    limits: Limits,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Pushes being received: worth waiting a moment for, so that they share a commit.
    approaching: AtomicUsize,
}

/// Unix milliseconds.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Readers kept open; so many answers are read from the disk at once.
const READERS: usize = 4;

/// Items whose signatures are checked in a moment.
const SMALL_WORK_ITEMS: usize = 32;

/// Whether a device has anything to receive.
pub(crate) enum Asked {
    /// Nothing, which needs no disk.
    Nothing(Served),
    /// Something: see [`Engine::answer`].
    Something(Question),
}

/// Counts a push from the moment its request is being read until it waits for the writer.
pub(crate) struct Approaching(Arc<Shared>);

impl Drop for Approaching {
    fn drop(&mut self) {
        self.0.approaching.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// The relay's public key.
    pub(crate) fn relay_key(&self) -> &VerifyingKey {
        &self.shared.relay
    }

    /// Signs what only the relay can say.
    pub(crate) fn signing_key(&self) -> &SigningKey {
        &self.shared.signing
    }

    /// The relay's clock, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.shared.clock)()
    }

    /// The network, once claimed.
    pub(crate) fn network(&self) -> Option<SpaceId> {
        read(&self.shared.world).network
    }

    /// Whether a device belongs to one of the network's institutions now.
    pub(crate) fn is_admitted(&self, device: &DeviceId) -> bool {
        let world = read(&self.shared.world);
        let nothing = World::default();
        let view = View {
            base: &world,
            top: &nothing,
        };
        view.standing(device) == Standing::Admitted
    }

    /// The key of a device that belongs, or belonged, to one of the network's institutions: also one
    /// that was revoked may ask, to learn that it was.
    pub(crate) fn known_key(&self, device: &DeviceId) -> Option<VerifyingKey> {
        let world = read(&self.shared.world);
        let nothing = World::default();
        let view = View {
            base: &world,
            top: &nothing,
        };
        (view.standing(device) != Standing::Unknown).then(|| view.verifying_key(device))?
    }

    /// Announces a push that is being received.
    pub(crate) fn approaching(&self) -> Approaching {
        self.shared.approaching.fetch_add(1, Ordering::Relaxed);
        Approaching(Arc::clone(&self.shared))
    }

    /// Judges and stores items; answers when they are durable.
    pub(crate) async fn push(
        &self,
        device: DeviceId,
        items: Vec<PushItem>,
        approaching: Approaching,
    ) -> Result<Vec<ItemResult>, EngineError> {
        let candidates = self.read_candidates(items).await?;
        self.look_for_proofs(&candidates).await?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::Push {
            device,
            candidates,
            reply,
        })?;
        drop(approaching);
        answer.await.map_err(|_| EngineError::Internal)?
    }

    /// Founds the network.
    pub(crate) async fn claim(
        &self,
        mut request: ClaimRequest,
    ) -> Result<Result<Vec<ItemResult>, ClaimRefusal>, EngineError> {
        let candidates = self
            .read_candidates(std::mem::take(&mut request.push))
            .await?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::Claim {
            request,
            candidates,
            reply,
        })?;
        answer.await.map_err(|_| EngineError::Internal)?
    }

    /// Takes a newcomer's request.
    pub(crate) async fn join(
        &self,
        request: JoinRequest,
    ) -> Result<Result<JoinAnswer, JoinRefusal>, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Join { request, reply })?;
        answer.await.map_err(|_| EngineError::Internal)?
    }

    /// Whether something can be made durable.
    pub(crate) async fn probe(&self) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Probe { reply })?;
        answer.await.map_err(|_| EngineError::Internal)?
    }

    /// Whether there is something new for a device, but what it just pushed, and where the journal stood.
    pub(crate) fn ask(
        &self,
        device: DeviceId,
        cursor: u64,
        max_bytes: u32,
        pushed: &BTreeSet<ItemId>,
    ) -> (Asked, JournalMark) {
        let world = read(&self.shared.world);
        let question = Question::new(&world, device, cursor, max_bytes, self.now_ms());
        let mark = self.mark(&world);
        let asked = match question.nothing_new(&world, pushed) {
            Some(served) => Asked::Nothing(served),
            None => Asked::Something(question),
        };
        (asked, mark)
    }

    /// Where the journal stands.
    pub(crate) fn journal_mark(&self) -> JournalMark {
        self.mark(&read(&self.shared.world))
    }

    /// The device that founded a space.
    pub(crate) fn founder(&self, space: &SpaceId) -> Option<DeviceId> {
        let world = read(&self.shared.world);
        world.logs.get(space).map(|state| state.founder())
    }

    /// Lets the writer finish what waits, tidy up and end. Blocks.
    pub(crate) fn stop(&self) {
        let _already_stopped = self.jobs.send(Job::Stop);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the writer ended by a defect");
        }
    }

    fn mark(&self, world: &World) -> JournalMark {
        JournalMark {
            journal: world.journal,
            sequence: world.last_number,
            hash: world.chain,
            began_after: world.began_after,
        }
    }

    /// Decodes and pre-verifies on another thread.
    async fn read_candidates(&self, items: Vec<PushItem>) -> Result<Vec<Candidate>, EngineError> {
        let shared = Arc::clone(&self.shared);
        let share = if items.len() <= SMALL_WORK_ITEMS {
            Share::Small
        } else {
            Share::Large
        };
        self.compute(share, move || {
            items
                .into_iter()
                .map(|item| Candidate::read(item, &shared.world, &shared.relay))
                .collect()
        })
        .await
    }

    fn send(&self, job: Job) -> Result<(), EngineError> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Busy,
            TrySendError::Disconnected(_) => EngineError::Internal,
        })
    }
}

/// A lock whose holder panicked protects nothing half-done here: state is only swapped in whole.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
