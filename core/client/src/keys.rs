//! Opening epochs: from this device's key through the wraps of the spaces it belongs to, and back
//! along history links. Wraps are opened when a section is first read, and the seed is kept.

use nahtlos_protocol::crypto::device_key::DeviceKeys;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{DeviceId, KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::WrapMethod;
use nahtlos_protocol::space::state::{Epoch, WrapRecord};
use nahtlos_protocol::space::{EpochSecrets, Logs, SpaceState};

use crate::logs::LogView;
use crate::records::wrap_key;
use crate::seeds::SeedCache;
use crate::vault::{Collection, Vault};

/// This device's keys and the seeds they lead to.
pub(crate) struct KeyRing<'a> {
    pub vault: &'a Vault,
    pub seeds: &'a SeedCache,
    pub logs: LogView<'a>,
    pub device: DeviceId,
    pub keys: &'a DeviceKeys,
}

/// Why this device does not hold an epoch's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNotice {
    /// No grant leads from this device to the space.
    NotGranted,
    /// The space has no epoch yet.
    NoEpoch,
    /// Granted, but no wrap has arrived: a colleague's device must supply it.
    Pending,
    /// A wrap arrived and does not open.
    BadWrap,
}

impl KeyNotice {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::NoEpoch => "no_epoch",
            Self::Pending => "pending",
            Self::BadWrap => "bad_wrap",
        }
    }

    /// In words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotGranted => "nobody has granted this device's person or team a right here",
            Self::NoEpoch => "the space has no key yet: its first member must sync",
            Self::Pending => {
                "granted, but the key has not arrived: waiting for a colleague's device to sync"
            }
            Self::BadWrap => {
                "the key that arrived does not open: a colleague's device must supply it again"
            }
        }
    }
}

/// Membership is at most four levels deep; anything deeper is a damaged log.
const DEPTH_MAX: u8 = 8;

impl KeyRing<'_> {
    /// The seed of an epoch, or why it is not held.
    pub fn open(&self, space: &SpaceId, key_id: &KeyId) -> Result<EpochSeed, KeyNotice> {
        self.open_at_depth(space, key_id, 0)
    }

    fn open_at_depth(
        &self,
        space: &SpaceId,
        key_id: &KeyId,
        depth: u8,
    ) -> Result<EpochSeed, KeyNotice> {
        if let Some(seed) = self.seeds.get(self.vault, key_id) {
            return Ok(seed);
        }
        if depth > DEPTH_MAX {
            return Err(KeyNotice::Pending);
        }
        let state = self.logs.state(space).ok_or(KeyNotice::NotGranted)?;
        let epoch = state.epoch(key_id).ok_or(KeyNotice::NoEpoch)?;
        let seed = match self.open_wraps(epoch, depth) {
            Ok(seed) => seed,
            Err(notice) => self.open_link(&state, key_id, depth).ok_or(notice)?,
        };
        self.seeds.put(&seed);
        Ok(seed)
    }

    fn open_wraps(&self, epoch: &Epoch, depth: u8) -> Result<EpochSeed, KeyNotice> {
        let mut notice = KeyNotice::Pending;
        for record in epoch.recipients.values() {
            match self.open_wrap(epoch, record, depth) {
                Ok(seed) => return Ok(seed),
                Err(KeyNotice::BadWrap) => notice = KeyNotice::BadWrap,
                Err(_) => {}
            }
        }
        Err(notice)
    }

    fn open_wrap(
        &self,
        epoch: &Epoch,
        record: &WrapRecord,
        depth: u8,
    ) -> Result<EpochSeed, KeyNotice> {
        let recipient = record.recipient;
        let bytes = self
            .vault
            .get(Collection::Wrap, &wrap_key(&epoch.key_id.0, &recipient.id))
            .ok()
            .flatten()
            .ok_or(KeyNotice::Pending)?;
        let info = wrap_info(&epoch.key_id, recipient.id, recipient.key);
        let secret = if recipient.id == RecipientId::from(self.device) {
            wrap::open_hybrid(&self.keys.kem, &info, &bytes).map_err(|_| KeyNotice::BadWrap)?
        } else {
            let through =
                self.open_at_depth(&SpaceId(recipient.id.0), &recipient.key, depth + 1)?;
            match recipient.method {
                WrapMethod::Hybrid => wrap::open_hybrid(&through.kem_keys().0, &info, &bytes),
                WrapMethod::Symmetric => wrap::open_symmetric(&through.wrap_key(), &info, &bytes),
            }
            .map_err(|_| KeyNotice::BadWrap)?
        };
        let seed = EpochSeed::from_secret(secret);
        seed.check(&epoch.key_id.0)
            .map_err(|_| KeyNotice::BadWrap)?;
        Ok(seed)
    }

    /// A later epoch leads back to this one by its history link.
    fn open_link(&self, state: &SpaceState, key_id: &KeyId, depth: u8) -> Option<EpochSeed> {
        let later = state
            .epochs()
            .iter()
            .find(|epoch| epoch.previous == Some(*key_id) && epoch.link.is_some())?;
        let seed = self.open_at_depth(&state.id(), &later.key_id, depth).ok()?;
        epoch_secret::open_history_link(&seed, &key_id.0, later.link.as_deref()?).ok()
    }
}

impl EpochSecrets for KeyRing<'_> {
    fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        self.open(space, key_id).ok()
    }
}
