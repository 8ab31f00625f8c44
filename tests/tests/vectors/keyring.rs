//! The epochs a device can open: through wraps for itself and for the spaces it holds, and links.

use std::collections::BTreeMap;

use nahtlos_protocol::crypto::device_key::DeviceKeys;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::kem::KemSecretKey;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{DeviceId, KeyId, RecipientId, SpaceId, WrapHash};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::recipients::wrap_hash;
use nahtlos_protocol::space::{Epoch, Recipient, SpaceState, WrapMethod};
use nahtlos_protocol::wire::Item;

use crate::world::Replica;

/// Seeds by space and key id, and what opens more.
pub struct Keyring {
    device: DeviceId,
    kem: KemSecretKey,
    seeds: BTreeMap<(SpaceId, KeyId), [u8; 32]>,
}

type Wraps<'a> = BTreeMap<(RecipientId, WrapHash), &'a [u8]>;

impl Keyring {
    pub fn new(keys: DeviceKeys) -> Self {
        Self {
            device: DeviceId(keys.public_keys().device_id()),
            kem: keys.kem,
            seeds: BTreeMap::new(),
        }
    }

    /// The seed of a space's epoch, where it could be opened.
    pub fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        let seed = self.seeds.get(&(*space, *key_id))?;
        Some(EpochSeed::from_secret(Secret32::from_bytes(*seed)))
    }

    /// Opens whatever opens, until nothing more does.
    pub fn open(&mut self, replica: &Replica, items: &[Item]) {
        let wraps: Wraps<'_> = items
            .iter()
            .flat_map(|item| &item.wraps)
            .map(|wrap| {
                (
                    (wrap.recipient, wrap_hash(&wrap.bytes)),
                    wrap.bytes.as_slice(),
                )
            })
            .collect();
        loop {
            let before = self.seeds.len();
            for state in replica.logs.values() {
                for epoch in all_epochs(state) {
                    self.open_wraps(state, epoch, &wraps);
                    self.open_links(state, epoch);
                }
            }
            if self.seeds.len() == before {
                return;
            }
        }
    }

    fn open_wraps(&mut self, state: &SpaceState, epoch: &Epoch, wraps: &Wraps<'_>) {
        for record in epoch.recipients.values() {
            let recipient = record.recipient;
            if self.seed(&state.id(), &epoch.key_id).is_some() {
                return;
            }
            let Some(bytes) = wraps.get(&(recipient.id, recipient.wrap)) else {
                continue;
            };
            let info = wrap_info(&state.nonce(), &epoch.key_id, recipient.id, recipient.key);
            if let Some(opened) = self.open_wrap(&recipient, &info, bytes) {
                self.keep(state, &epoch.key_id, EpochSeed::from_secret(opened));
            }
        }
    }

    fn open_wrap(&self, recipient: &Recipient, info: &[u8], bytes: &[u8]) -> Option<Secret32> {
        if recipient.id == RecipientId::from(self.device) {
            return wrap::open_hybrid(&self.kem, info, bytes).ok();
        }
        let own = self.seed(&SpaceId(recipient.id.0), &recipient.key)?;
        match recipient.method {
            WrapMethod::Hybrid => wrap::open_hybrid(&own.kem_keys().0, info, bytes).ok(),
            WrapMethod::Symmetric => wrap::open_symmetric(&own.wrap_key(), info, bytes).ok(),
        }
    }

    fn open_links(&mut self, state: &SpaceState, epoch: &Epoch) {
        let Some(seed) = self.seed(&state.id(), &epoch.key_id) else {
            return;
        };
        for (previous, link) in epoch.links_back() {
            if let Ok(opened) = epoch_secret::open_history_link(&seed, &previous.0, link) {
                self.keep(state, &previous, opened);
            }
        }
    }

    fn keep(&mut self, state: &SpaceState, key_id: &KeyId, seed: EpochSeed) {
        if seed.check(&key_id.0).is_ok() {
            let name = (state.id(), *key_id);
            self.seeds.insert(name, *seed.as_secret().expose());
        }
    }
}

/// The epochs of a log and of its healed branches.
fn all_epochs(state: &SpaceState) -> impl Iterator<Item = &Epoch> {
    let healed = state.branches().iter().flat_map(|branch| branch.epochs());
    state.epochs().iter().chain(healed)
}

/// How many epochs of all spaces a keyring holds.
pub fn held_epochs(replica: &Replica, keyring: &Keyring) -> usize {
    let epochs = replica
        .logs
        .values()
        .flat_map(|state| all_epochs(state).map(|epoch| keyring.seed(&state.id(), &epoch.key_id)));
    epochs.flatten().count()
}
