//! Trying a device's keys on ciphertext from anywhere, without asking any permission.
//!
//! `share` and `authority` say who *may* open what. This says who *can*: it takes every secret a
//! device holds, whatever wraps somebody got hold of, and tries them. A relay that hands all it
//! stores to a curious member is this, too.

use std::collections::BTreeMap;

use nahtlos_protocol::crypto::device_key::{DeviceKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{KeyId, Nonce, RecipientId, SpaceId};
use nahtlos_protocol::space::Effect;
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::{Recipient, WrapMethod};
use nahtlos_protocol::space::operation::SignedOperation;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// A wrapped key as a relay stores it.
#[derive(Clone, Copy, Debug)]
pub struct StoredWrap<'a> {
    /// Exact bytes of the operation it lies beside.
    pub operation: &'a [u8],
    /// Whom it is for: id of a device or space.
    pub recipient: [u8; 32],
    /// The wrap.
    pub bytes: &'a [u8],
}

/// Secrets to be tried: one device's, and every epoch seed that was reached from them.
pub struct KeyTrial {
    device: DeviceKeys,
    seeds: BTreeMap<KeyId, EpochSeed>,
}

impl Nahtlos {
    /// Everything this device can open things with: its own key, each epoch seed in its vault,
    /// and each that its logs and wraps lead to. No permission is asked.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn key_trial(&self) -> Result<KeyTrial, ClientError> {
        let mut trial = self.bare_key_trial();
        for (_, bytes) in self.vault.list_all(Collection::EpochSeed)? {
            let secret: [u8; Secret32::BYTES] =
                bytes.try_into().map_err(|_| ClientError::DamagedRecord {
                    reason: "an epoch seed has not 32 bytes".into(),
                })?;
            trial.learn(EpochSeed::from_secret(Secret32::from_bytes(secret)));
        }
        for (_, bytes) in self.vault.list_all(Collection::Operation)? {
            let operation =
                SignedOperation::decode(&bytes).map_err(|error| ClientError::DamagedRecord {
                    reason: error.to_string(),
                })?;
            let space: SpaceId = operation.space();
            for effect in &operation.operation().effects {
                if let Effect::Epoch { key_id, .. } = effect
                    && let Ok(seed) = self.key_ring().open(&space, key_id)
                {
                    trial.learn(seed);
                }
            }
        }
        Ok(trial)
    }

    /// This device's own key and nothing it ever opened: what its owner has after losing all but
    /// the device's seed.
    #[must_use]
    pub fn bare_key_trial(&self) -> KeyTrial {
        KeyTrial::of_device(self.device.seed.0)
    }

    /// Whether any key this device holds opens these bytes of an envelope.
    ///
    /// # Errors
    /// Where the vault cannot be read, or the bytes are no envelope.
    pub fn try_open(&self, envelope: &[u8]) -> Result<bool, ClientError> {
        let envelope = Envelope::decode(envelope).map_err(|error| ClientError::DamagedRecord {
            reason: error.to_string(),
        })?;
        Ok(self.key_trial()?.opens(&envelope))
    }
}

impl KeyTrial {
    /// A device of which only this seed is known. The seed is also tried as an epoch's.
    #[must_use]
    pub fn of_device(seed: [u8; 32]) -> Self {
        let mut trial = Self {
            device: DeviceSeed::from_secret(Secret32::from_bytes(seed)).keys(),
            seeds: BTreeMap::new(),
        };
        trial.learn(EpochSeed::from_secret(Secret32::from_bytes(seed)));
        trial
    }

    /// How many epoch seeds there are to try.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// Tries every secret on every wrap, and every new secret again, until nothing new opens.
    /// History links of the operations are followed too. `operations` are all the operations there
    /// are: what a wrap is bound to stands in its space's founding one. Returns how many seeds were gained.
    pub fn take_wraps(&mut self, stored: &[StoredWrap<'_>], operations: &[Vec<u8>]) -> usize {
        let before = self.seeds.len();
        let nonces = founding_nonces(operations);
        let locks: Vec<Lock<'_>> = stored
            .iter()
            .flat_map(|wrap| Lock::of(wrap, &nonces))
            .collect();
        let links: Vec<Link> = stored
            .iter()
            .flat_map(|one| Link::of(one.operation))
            .collect();
        for lock in &locks {
            self.learn_if_right(lock, lock.open_with_device(&self.device));
        }
        let mut tried: Vec<KeyId> = Vec::new();
        while let Some(key_id) = self.seeds.keys().find(|id| !tried.contains(id)).copied() {
            tried.push(key_id);
            let Some(seed) = self.seeds.get(&key_id) else {
                continue;
            };
            let opened: Vec<(&Lock<'_>, Option<EpochSeed>)> = locks
                .iter()
                .filter(|lock| !self.seeds.contains_key(&lock.key_id))
                .map(|lock| (lock, lock.open_with_seed(seed)))
                .collect();
            let linked: Vec<EpochSeed> = links.iter().filter_map(|link| link.open(seed)).collect();
            for (lock, found) in opened {
                self.learn_if_right(lock, found);
            }
            for found in linked {
                self.learn(found);
            }
        }
        self.seeds.len() - before
    }

    /// Whether any of the seeds opens the envelope's content.
    #[must_use]
    pub fn opens(&self, envelope: &Envelope) -> bool {
        self.seeds.values().any(|seed| envelope.open(seed).is_ok())
    }

    fn learn(&mut self, seed: EpochSeed) {
        self.seeds.insert(KeyId(seed.key_id()), seed);
    }

    fn learn_if_right(&mut self, lock: &Lock<'_>, seed: Option<EpochSeed>) {
        if let Some(seed) = seed
            && seed.check(&lock.key_id.0).is_ok()
        {
            self.learn(seed);
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for KeyTrial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyTrial")
            .field("seeds", &self.seeds.len())
            .finish_non_exhaustive()
    }
}

/// What each space's wraps are bound to.
fn founding_nonces(operations: &[Vec<u8>]) -> BTreeMap<SpaceId, Nonce> {
    let founding = operations.iter().filter_map(|bytes| {
        let operation = SignedOperation::decode(bytes).ok()?;
        match operation.operation().effects.first()? {
            Effect::Create { nonce, .. } => Some((operation.space(), *nonce)),
            _ => None,
        }
    });
    founding.collect()
}

/// A wrap with what must be known to open it.
struct Lock<'a> {
    key_id: KeyId,
    recipient: Recipient,
    info: Vec<u8>,
    bytes: &'a [u8],
}

impl<'a> Lock<'a> {
    fn of(stored: &StoredWrap<'a>, nonces: &BTreeMap<SpaceId, Nonce>) -> Vec<Self> {
        let Ok(operation) = SignedOperation::decode(stored.operation) else {
            return Vec::new();
        };
        let Some(nonce) = nonces.get(&operation.space()) else {
            return Vec::new();
        };
        let id = RecipientId(stored.recipient);
        let mut locks = Vec::new();
        for effect in &operation.operation().effects {
            let (Effect::Epoch {
                key_id, recipients, ..
            }
            | Effect::Wrap {
                key_id, recipients, ..
            }) = effect
            else {
                continue;
            };
            for recipient in recipients.iter().filter(|recipient| recipient.id == id) {
                locks.push(Self {
                    key_id: *key_id,
                    recipient: *recipient,
                    info: wrap_info(nonce, key_id, id, recipient.key),
                    bytes: stored.bytes,
                });
            }
        }
        locks
    }

    fn open_with_device(&self, device: &DeviceKeys) -> Option<EpochSeed> {
        let secret = wrap::open_hybrid(&device.kem, &self.info, self.bytes).ok()?;
        Some(EpochSeed::from_secret(secret))
    }

    fn open_with_seed(&self, seed: &EpochSeed) -> Option<EpochSeed> {
        let secret = match self.recipient.method {
            WrapMethod::Hybrid => wrap::open_hybrid(&seed.kem_keys().0, &self.info, self.bytes),
            WrapMethod::Symmetric => wrap::open_symmetric(&seed.wrap_key(), &self.info, self.bytes),
        };
        secret.ok().map(EpochSeed::from_secret)
    }
}

/// What leads from a later epoch back to an earlier one.
struct Link {
    previous: KeyId,
    bytes: Vec<u8>,
}

impl Link {
    fn of(operation: &[u8]) -> Vec<Self> {
        let Ok(operation) = SignedOperation::decode(operation) else {
            return Vec::new();
        };
        let mut links = Vec::new();
        for effect in &operation.operation().effects {
            if let Effect::Epoch {
                previous: Some(previous),
                link: Some(link),
                ..
            }
            | Effect::Link { previous, link, .. } = effect
            {
                links.push(Self {
                    previous: *previous,
                    bytes: link.clone(),
                });
            }
        }
        links
    }

    fn open(&self, later: &EpochSeed) -> Option<EpochSeed> {
        epoch_secret::open_history_link(later, &self.previous.0, &self.bytes).ok()
    }
}
