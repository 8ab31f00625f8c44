//! Epoch seeds opened in this process's life. Fresh ones are stored with the next transaction.

use std::cell::RefCell;
use std::collections::HashMap;

use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::KeyId;
use zeroize::Zeroizing;

use crate::vault::{Collection, Transaction, Vault, VaultError};

/// Opened seeds by key id.
#[derive(Default)]
pub(crate) struct SeedCache {
    known: RefCell<HashMap<KeyId, Zeroizing<[u8; 32]>>>,
    fresh: RefCell<Vec<KeyId>>,
}

impl SeedCache {
    /// A seed opened before, in this process or an earlier one.
    pub fn get(&self, vault: &Vault, key_id: &KeyId) -> Option<EpochSeed> {
        if let Some(seed) = self.known.borrow().get(key_id) {
            return Some(EpochSeed::from_secret(Secret32::from_bytes(**seed)));
        }
        let bytes = Zeroizing::new(vault.get(Collection::EpochSeed, &key_id.0).ok()??);
        let secret = Secret32::from_bytes(bytes.as_slice().try_into().ok()?);
        let seed = EpochSeed::from_secret(secret);
        seed.check(&key_id.0).ok()?;
        self.remember(key_id, &seed);
        Some(seed)
    }

    /// Keeps a seed that was just opened or made.
    pub fn put(&self, seed: &EpochSeed) {
        let key_id = KeyId(seed.key_id());
        self.remember(&key_id, seed);
        self.fresh.borrow_mut().push(key_id);
    }

    fn remember(&self, key_id: &KeyId, seed: &EpochSeed) {
        let bytes = Zeroizing::new(*seed.as_secret().expose());
        self.known.borrow_mut().insert(*key_id, bytes);
    }

    /// Stores the fresh ones. They stay fresh until [`Self::stored`] says the transaction is done.
    pub fn store(&self, transaction: &Transaction<'_>) -> Result<(), VaultError> {
        let known = self.known.borrow();
        for key_id in self.fresh.borrow().iter() {
            if let Some(seed) = known.get(key_id) {
                transaction.put(Collection::EpochSeed, b"", &key_id.0, 0, seed.as_slice())?;
            }
        }
        Ok(())
    }

    /// Forgets a seed that was erased.
    pub fn forget(&self, key_id: &KeyId) {
        self.known.borrow_mut().remove(key_id);
        self.fresh.borrow_mut().retain(|fresh| fresh != key_id);
    }

    /// The transaction that stored the fresh ones was committed.
    pub fn stored(&self) {
        self.fresh.borrow_mut().clear();
    }
}
