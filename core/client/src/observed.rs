//! What somebody who takes a device apart has in hand, for simulations: its key and every seed in its
//! vault.

use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::wrap;

use crate::nahtlos::Nahtlos;
use crate::recovery::using::Rehearsed;
use crate::vault::Collection;

impl Nahtlos {
    /// Every epoch seed in the vault.
    pub fn stored_seeds(&self) -> Vec<EpochSeed> {
        let stored = self.vault.list_all(Collection::EpochSeed);
        let seeds = stored.unwrap_or_default().into_iter();
        seeds
            .filter_map(|(_, bytes)| {
                let secret: [u8; Secret32::BYTES] = bytes.try_into().ok()?;
                Some(EpochSeed::from_secret(Secret32::from_bytes(secret)))
            })
            .collect()
    }

    /// What a wrap for this device holds, whatever the logs say.
    pub fn open_as_device(&self, info: &[u8], wrapped: &[u8]) -> Option<EpochSeed> {
        let secret = wrap::open_hybrid(&self.keys.kem, info, wrapped).ok()?;
        Some(EpochSeed::from_secret(secret))
    }
}

impl Rehearsed {
    /// The recovery device's seed: what enough custodians have in hand together.
    pub fn seed(&self) -> DeviceSeed {
        self.seed.clone()
    }
}
