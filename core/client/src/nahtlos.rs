//! The facade: one device's replica. Everything a program does with it is a method here or in the
//! modules beside it ([`crate::founding`], [`crate::cases`], [`crate::share`], …).

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;

use nahtlos_protocol::crypto::device_key::{DeviceKeys, DeviceSeed};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{DeviceId, Nonce, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::{Author, Logs, Prepared};

use crate::document_cache::DocumentCache;
use crate::error::ClientError;
use crate::ingest::put_unsettled;
use crate::keys::KeyRing;
use crate::logs::{self, LogCache, LogView};
use crate::outbox::OPERATIONS;
use crate::random;
use crate::reading::Readings;
use crate::receipts::ReceiptCache;
use crate::records::{
    self, DeviceRecord, SealedRecord, SecretBytes, SyncRecord, further_wrap_key, wrap_key,
};
use crate::seeds::SeedCache;
use crate::sync::IssuedToken;
use crate::vault::{Collection, KeyDerivation, Transaction, Vault};

pub(crate) const DEVICE_KEY: &[u8] = b"device";
const POSITION_KEY: &[u8] = b"position";

/// One device's replica, unlocked.
pub struct Nahtlos {
    pub(crate) vault: Vault,
    pub(crate) cache: LogCache,
    pub(crate) seeds: SeedCache,
    pub(crate) receipt_cache: ReceiptCache,
    pub(crate) documents: DocumentCache,
    pub(crate) readings: Readings,
    /// A section code that this program is made not to know, by tests of older versions alone.
    pub(crate) unlearned_code: Option<String>,
    pub(crate) issued_token: IssuedToken,
    pub(crate) device: DeviceRecord,
    pub(crate) device_id: DeviceId,
    pub(crate) keys: DeviceKeys,
    /// New at every opening: a vault restored from a backup never reuses an automerge actor.
    pub(crate) run_nonce: Nonce,
    clock: Clock,
}

/// Tells the time, Unix milliseconds.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

impl Nahtlos {
    /// Makes a new device in an empty home directory.
    ///
    /// # Errors
    /// [`ClientError::Vault`].
    pub fn create(
        home: &Path,
        passphrase: &[u8],
        derivation: KeyDerivation,
    ) -> Result<Self, ClientError> {
        let seed = DeviceSeed::random(&mut random::system());
        Self::create_with_seed(home, passphrase, derivation, &seed)
    }

    /// Makes a device whose seed is known outside already: demonstrations and test vectors hand
    /// theirs to a second implementation. A seed that was born here is never given out.
    ///
    /// # Errors
    /// [`ClientError::Vault`].
    pub fn create_with_seed(
        home: &Path,
        passphrase: &[u8],
        derivation: KeyDerivation,
        seed: &DeviceSeed,
    ) -> Result<Self, ClientError> {
        let vault = Vault::create(home, passphrase, derivation, &mut random::system())?;
        Self::with_new_device(vault, seed)
    }

    /// Unlocks an existing home. One whose making was interrupted, so that its vault is empty, gets
    /// its device now.
    ///
    /// # Errors
    /// [`ClientError::Vault`]; a vault without a device, and with anything else, is damaged.
    pub fn open(home: &Path, passphrase: &[u8]) -> Result<Self, ClientError> {
        let vault = Vault::open(home, passphrase)?;
        let Some(record) = vault.get(Collection::Identity, DEVICE_KEY)? else {
            if vault.is_empty()? {
                let seed = DeviceSeed::random(&mut random::system());
                return Self::with_new_device(vault, &seed);
            }
            return Err(ClientError::DamagedRecord {
                reason: "the vault holds no device".into(),
            });
        };
        let device: DeviceRecord = records::decode(&record)?;
        Ok(Self::with(vault, device))
    }

    fn with_new_device(vault: Vault, seed: &DeviceSeed) -> Result<Self, ClientError> {
        let device = DeviceRecord {
            version: 1,
            seed: SecretBytes(*seed.as_secret().expose()),
            person: None,
            institution: None,
            network: None,
            team: None,
            relay_url: None,
            relay_key: None,
            admitted: false,
            cases_opened: 0,
        };
        let mut this = Self::with(vault, device);
        let record = this.device.clone();
        this.commit(|transaction| put_device(transaction, &record))?;
        Ok(this)
    }

    fn with(vault: Vault, device: DeviceRecord) -> Self {
        let keys = DeviceSeed::from_secret(Secret32::from_bytes(device.seed.0)).keys();
        let device_id = DeviceId(keys.public_keys().device_id());
        Self {
            vault,
            cache: LogCache::default(),
            seeds: SeedCache::default(),
            receipt_cache: ReceiptCache::default(),
            documents: DocumentCache::default(),
            readings: Readings::default(),
            unlearned_code: None,
            issued_token: IssuedToken::default(),
            device,
            device_id,
            keys,
            run_nonce: random::nonce(&mut random::system()),
            clock: Arc::new(random::now_ms),
        }
    }

    /// Takes the time from somewhere else: for tests.
    pub fn set_clock(&mut self, clock: Box<dyn Fn() -> u64 + Send + Sync>) {
        self.clock = Arc::from(clock);
    }

    /// A replica that lives for an errand of this one has the same clock.
    pub(crate) fn take_clock_of(&mut self, other: &Self) {
        self.clock = Arc::clone(&other.clock);
    }

    /// This device's id.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.device_id
    }

    /// A short fingerprint of this device, to compare by voice.
    #[must_use]
    pub fn device_fingerprint(&self) -> String {
        Fingerprint::of(&self.device_id.0).to_string()
    }

    /// Where the relay is reached, once this home is enrolled.
    #[must_use]
    pub fn relay_url(&self) -> Option<&str> {
        self.device.relay_url.as_deref()
    }

    /// The vault, for its care (`check`, `change_passphrase`).
    #[must_use]
    pub fn vault_mut(&mut self) -> &mut Vault {
        &mut self.vault
    }

    pub(crate) fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) fn logs(&self) -> LogView<'_> {
        self.cache.view(&self.vault, self.device.network)
    }

    pub(crate) fn key_ring(&self) -> KeyRing<'_> {
        KeyRing {
            vault: &self.vault,
            seeds: &self.seeds,
            logs: self.logs(),
            device: self.device_id,
            keys: &self.keys,
        }
    }

    pub(crate) fn author(&self) -> Author<'_> {
        Author {
            device: self.device_id,
            signing: &self.keys.signing,
            now_ms: self.now_ms(),
        }
    }

    pub(crate) fn network(&self) -> Result<SpaceId, ClientError> {
        self.device.network.ok_or(ClientError::NotEnrolled)
    }

    pub(crate) fn person(&self) -> Result<SpaceId, ClientError> {
        self.device.person.ok_or(ClientError::NotEnrolled)
    }

    /// The identifier of this device's institution, as sections and fields name it.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn own_institution_id(&self) -> Result<String, ClientError> {
        Ok(self.institution()?.to_string())
    }

    /// The identifier of this device's person, as fields name it.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn own_person_id(&self) -> Result<String, ClientError> {
        Ok(self.person()?.to_string())
    }

    pub(crate) fn institution(&self) -> Result<SpaceId, ClientError> {
        self.device.institution.ok_or(ClientError::NotEnrolled)
    }

    /// The relay's key: what the network's log names, or, before that log is here, what the claim
    /// or invitation said.
    pub(crate) fn relay_key(&self) -> Option<VerifyingKey> {
        let from_log = self
            .device
            .network
            .and_then(|network| self.logs().state(&network))
            .and_then(|state| state.relay_key().cloned());
        from_log.or_else(|| VerifyingKey::from_bytes(&self.device.relay_key?.0).ok())
    }

    pub(crate) fn sync_record(&self) -> Result<SyncRecord, ClientError> {
        match self.vault.get(Collection::Sync, POSITION_KEY)? {
            Some(bytes) => records::decode(&bytes),
            None => Ok(SyncRecord::default()),
        }
    }

    /// One durable transaction. Seeds opened and receipts received since the last one are stored
    /// with it.
    pub(crate) fn commit(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let relay_keys = if self.receipt_cache.is_stored() {
            Vec::new()
        } else {
            self.relay_keys()
        };
        let (seeds, receipts) = (&self.seeds, &self.receipt_cache);
        let result = self.vault.transaction(|transaction| {
            write(transaction)?;
            seeds.store(transaction)?;
            receipts.store(transaction, &relay_keys)?;
            Ok::<(), ClientError>(())
        });
        match result {
            Ok(()) => {
                self.seeds.stored();
                self.receipt_cache.stored();
                Ok(())
            }
            Err(error) => {
                // States set ahead of the store would outlive what was undone.
                self.cache.clear();
                self.documents.clear();
                Err(error)
            }
        }
    }

    /// Several steps as one: all of them are kept, in one durable transaction, or none.
    ///
    /// # Errors
    /// What `steps` returns, and where the vault fails; nothing is kept then.
    pub fn all_or_nothing<T, E: From<ClientError>>(
        &mut self,
        steps: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.vault.is_within_one() {
            return steps(self);
        }
        self.vault.begin().map_err(ClientError::from)?;
        // A defect in the middle must not leave the next command inside this one.
        let outcome = catch_unwind(AssertUnwindSafe(|| steps(&mut *self)));
        let ended = match outcome {
            Ok(Ok(done)) => match self.vault.end() {
                Ok(()) => return Ok(done),
                Err(error) => Ok(Err(ClientError::from(error).into())),
            },
            other => other,
        };
        self.vault.undo();
        // What memory holds may be what was undone.
        self.cache.clear();
        self.documents.clear();
        self.seeds = SeedCache::default();
        self.receipt_cache = ReceiptCache::default();
        ended.unwrap_or_else(|defect| resume_unwind(defect))
    }

    /// Stores operations of one's own that nothing can stand against (founding operations and
    /// what follows them before anybody else knows the space), to be sent at the next sync.
    pub(crate) fn store_own(
        &mut self,
        prepared: &[Prepared],
        also: impl FnOnce(&Transaction<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        self.require_not_restored()?;
        self.commit(|transaction| {
            // They are sent in the order in which they were made, whatever the clock says: a space is
            // founded after what it refers to.
            let last = transaction.last_position(Collection::Sealed, OPERATIONS)?;
            let base = last.map_or(0, |last| last.saturating_add(1));
            for (position, one) in (base..).zip(prepared) {
                put_prepared(transaction, one)?;
                let record = SealedRecord::Operation {
                    bytes: one.operation.bytes().to_vec(),
                    wraps: one.wraps.clone(),
                };
                transaction.put(
                    Collection::Sealed,
                    OPERATIONS,
                    &one.operation.id().0,
                    position,
                    &records::encode(&record),
                )?;
            }
            also(transaction)
        })?;
        for one in prepared {
            self.cache.set(one.state.clone());
        }
        self.documents.forget_directory();
        Ok(())
    }
}

impl std::fmt::Debug for Nahtlos {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Nahtlos")
            .field("device", &self.device_id)
            .finish_non_exhaustive()
    }
}

pub(crate) fn put_device(
    transaction: &Transaction<'_>,
    device: &DeviceRecord,
) -> Result<(), ClientError> {
    transaction.put(
        Collection::Identity,
        b"",
        DEVICE_KEY,
        0,
        &records::encode(device),
    )?;
    Ok(())
}

pub(crate) fn put_sync(
    transaction: &Transaction<'_>,
    record: &SyncRecord,
) -> Result<(), ClientError> {
    transaction.put(
        Collection::Sync,
        b"",
        POSITION_KEY,
        0,
        &records::encode(record),
    )?;
    Ok(())
}

/// Stores a prepared operation and its wraps as if they had arrived.
pub(crate) fn put_prepared(
    transaction: &Transaction<'_>,
    prepared: &Prepared,
) -> Result<(), ClientError> {
    logs::store(transaction, &prepared.operation)?;
    for wrap in &prepared.wraps {
        put_wrap(transaction, &prepared.operation, wrap)?;
    }
    Ok(())
}

/// Stores an operation of one's own that the relay has taken in, with its wraps. It may end a right like
/// any that arrives.
pub(crate) fn put_stored(
    transaction: &Transaction<'_>,
    prepared: &Prepared,
) -> Result<(), ClientError> {
    put_prepared(transaction, prepared)?;
    put_unsettled(transaction, [&prepared.operation.space()])
}

/// Stores a wrap under the epoch its operation wraps.
pub(crate) fn put_wrap(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
    wrap: &nahtlos_protocol::space::Wrap,
) -> Result<(), ClientError> {
    use nahtlos_protocol::space::{Effect, recipients};
    let epoch = operation
        .operation()
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Epoch {
                key_id, recipients, ..
            }
            | Effect::Wrap {
                key_id, recipients, ..
            } => recipients
                .iter()
                .any(|recipient| recipient.id == wrap.recipient)
                .then_some(*key_id),
            _ => None,
        });
    if let Some(key_id) = epoch {
        let first = wrap_key(&operation.space(), &key_id.0, &wrap.recipient);
        let known = transaction.get(Collection::Wrap, &first)?;
        let key = match known {
            Some(known) if known != wrap.bytes => {
                further_wrap_key(&first, &recipients::wrap_hash(&wrap.bytes))
            }
            _ => first,
        };
        transaction.put(Collection::Wrap, &key_id.0, &key, 0, &wrap.bytes)?;
    }
    Ok(())
}
