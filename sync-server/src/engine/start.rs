//! Starts the engine: opens or founds the store, and replays every log.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, RwLock};

use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{ItemId, JournalId};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::wire::receipt;
use tokio::sync::Semaphore;

use super::world::{FIRST_CHAIN, World};
use super::writer::{JOBS_WAITING_MAX, Writer};
use super::{Clock, Engine, READERS, Shared};
use crate::config::Limits;
use crate::entropy;
use crate::metrics::Metrics;
use crate::store::{Identity, Reader, Store, StoreError};

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not open or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    Random(getrandom::Error),
    /// No thread could be started.
    #[error("no thread could be started: {0}")]
    Thread(#[source] std::io::Error),
}

impl Engine {
    /// Starts on a store whose identity exists (see [`identity`]).
    pub(crate) fn start(
        mut store: Box<dyn Store>,
        identity: Identity,
        limits: Limits,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let world = load(&*store, &identity, Signatures::VerifiedBefore)?;
        metrics.journal_length(world.last_number);
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(store.reader()?);
        }
        let signing = SigningKey::from_seed(&Secret32::from_bytes(identity.seed));
        let relay = signing.verifying_key();
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let shared = Arc::new(Shared {
            world: RwLock::new(world),
            identity,
            signing,
            relay,
            readers: Mutex::new(readers),
            reader_permits: Arc::new(Semaphore::new(READERS)),
            small_work: Arc::new(Semaphore::new(processors)),
            large_work: Arc::new(Semaphore::new(processors)),
            limits,
            metrics,
            clock,
            approaching: AtomicUsize::new(0),
        });
        let (jobs, waiting) = std::sync::mpsc::sync_channel(JOBS_WAITING_MAX);
        store.probe((shared.clock)())?;
        let writer = Writer::new(Arc::clone(&shared), store, waiting);
        let random = entropy::of_this_thread();
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                entropy::take_over(random);
                writer.run();
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            shared,
            jobs,
            thread: Mutex::new(Some(thread)),
        })
    }
}

/// Reads what the relay is, or makes it; a restored copy begins a new life of its journal.
/// `claim_key` is the public key of a claim made for this start, where there is a new one.
pub(crate) fn identity(
    store: &mut dyn Store,
    now_ms: u64,
    new_claim_key: impl FnOnce(Option<[u8; 32]>) -> Result<Option<[u8; 32]>, StartError>,
) -> Result<Identity, StartError> {
    let stored = store.identity()?;
    let mut identity = match &stored {
        Some(identity) => identity.clone(),
        None => Identity {
            seed: random()?,
            journal: journal_id(now_ms)?,
            began_after: 0,
            had_earlier: false,
            claim_key: [0; 32],
            network: None,
            restored: false,
        },
    };
    if identity.restored {
        identity.restored = false;
        identity.journal = journal_after(&identity.journal, now_ms)?;
        let last_number = store.facts()?.last_number;
        // A device may not have heard of the journal in between: it must not take for safe what the
        // first restore had lost already.
        identity.began_after = if identity.had_earlier {
            identity.began_after.min(last_number)
        } else {
            last_number
        };
        identity.had_earlier = true;
        tracing::warn!("this is a restored backup: a new journal begins, devices will notice");
    }
    if identity.network.is_none() {
        let known = stored.as_ref().map(|stored| stored.claim_key);
        if let Some(key) = new_claim_key(known)? {
            identity.claim_key = key;
        }
    }
    if stored.as_ref() != Some(&identity) {
        store.begin()?;
        store.put_identity(&identity)?;
        store.commit()?;
    }
    Ok(identity)
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    entropy::fill(&mut bytes).map_err(StartError::Random)?;
    Ok(bytes)
}

/// Ordered by time: 6 bytes of Unix milliseconds, 10 random ones.
fn journal_id(now_ms: u64) -> Result<JournalId, StartError> {
    let mut id: [u8; 16] = random()?;
    for (target, source) in id.iter_mut().zip(now_ms.to_be_bytes().iter().skip(2)) {
        *target = *source;
    }
    Ok(JournalId(id))
}

/// The id of a journal that follows another, whatever the clock says.
pub(super) fn journal_after(before: &JournalId, now_ms: u64) -> Result<JournalId, StartError> {
    let began_ms = journal_began_ms(before);
    journal_id(now_ms.max(began_ms.saturating_add(1)))
}

/// When a journal began, Unix milliseconds.
pub(super) fn journal_began_ms(journal: &JournalId) -> u64 {
    let bytes = journal.0.iter().take(6);
    bytes.fold(0, |began_ms, byte| (began_ms << 8) | u64::from(*byte))
}

/// Replays every log.
pub(crate) fn load(
    reader: &dyn Reader,
    identity: &Identity,
    signatures: Signatures,
) -> Result<World, StoreError> {
    let mut world = World::from_facts(reader.facts()?, identity);
    reader.each_operation(&mut |sequence, bytes| {
        let damaged = |what: String| StoreError::Damaged {
            what: format!("operation {sequence}: {what}"),
        };
        let operation =
            SignedOperation::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        world
            .replay(&operation, signatures)
            .map_err(|error| damaged(error.to_string()))
    })?;
    Ok(world)
}

/// Follows the journal's hash chain and verifies every receipt; says how many items there are.
pub(crate) fn check_journal(reader: &dyn Reader, identity: &Identity) -> Result<u64, StoreError> {
    let relay = SigningKey::from_seed(&Secret32::from_bytes(identity.seed)).verifying_key();
    let (mut chain, mut last, mut count): (ItemId, u64, u64) = (FIRST_CHAIN, 0, 0);
    loop {
        let places = reader.sequences_after(last, 1000)?;
        if places.is_empty() {
            return Ok(count);
        }
        for place in places {
            let damaged = |what: &str| StoreError::Damaged {
                what: format!("item {place}: {what}"),
            };
            let item = reader
                .item(place)?
                .ok_or_else(|| damaged("it is missing"))?;
            chain = receipt::chain(&chain, place, &item.id);
            if chain != item.chain {
                return Err(damaged("the hash chain does not hold"));
            }
            let receipt = super::stage::decode_receipt(&item.receipt)?;
            // What came back after a restore keeps the receipt of its old place.
            let own_place = item.offered || receipt.sequence == place;
            if !own_place || receipt.verify(&item.id, &relay).is_err() {
                return Err(damaged("its receipt does not verify"));
            }
            // Only a snapshot makes edits dispensable.
            let edit = item
                .envelope
                .is_some_and(|known| known.kind == EnvelopeKind::Changes);
            if item.bytes.is_none() && !edit {
                return Err(damaged("its bytes are missing"));
            }
            last = place;
            count += 1;
        }
    }
}
