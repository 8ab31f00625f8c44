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

    /// The seed of an epoch, to be handed on to further members: only as this space's own wraps
    /// give it. A log may name a key id that belongs to another space; the seed this device holds
    /// for that one must not go to the members of this one.
    pub fn open_to_hand_on(&self, space: &SpaceId, key_id: &KeyId) -> Result<EpochSeed, KeyNotice> {
        let state = self.logs.state(space).ok_or(KeyNotice::NotGranted)?;
        let epoch = state.epoch(key_id).ok_or(KeyNotice::NoEpoch)?;
        self.open_wraps(space, epoch, 0)
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
        let seed = match self.open_wraps(space, epoch, depth) {
            Ok(seed) => seed,
            Err(notice) => self.open_links(&state, key_id, depth).ok_or(notice)?,
        };
        self.seeds.put(&seed);
        Ok(seed)
    }

    fn open_wraps(
        &self,
        space: &SpaceId,
        epoch: &Epoch,
        depth: u8,
    ) -> Result<EpochSeed, KeyNotice> {
        let mut notice = KeyNotice::Pending;
        for record in epoch.recipients.values() {
            match self.open_wrap(space, epoch, record, depth) {
                Ok(seed) => return Ok(seed),
                Err(KeyNotice::BadWrap) => notice = KeyNotice::BadWrap,
                Err(_) => {}
            }
        }
        Err(notice)
    }

    fn open_wrap(
        &self,
        space: &SpaceId,
        epoch: &Epoch,
        record: &WrapRecord,
        depth: u8,
    ) -> Result<EpochSeed, KeyNotice> {
        let recipient = record.recipient;
        let key = wrap_key(space, &epoch.key_id.0, &recipient.id);
        let bytes = self
            .vault
            .get(Collection::Wrap, &key)
            .ok()
            .flatten()
            .ok_or(KeyNotice::Pending)?;
        let nonce = self.logs.state(space).ok_or(KeyNotice::NotGranted)?.nonce();
        let info = wrap_info(&nonce, &epoch.key_id, recipient.id, recipient.key);
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

    /// Later epochs lead back to this one by their history links: from the first that is held.
    /// (A loop, since a log may hold very many epochs.)
    fn open_links(&self, state: &SpaceState, key_id: &KeyId, depth: u8) -> Option<EpochSeed> {
        let epochs = state.epochs();
        let wanted = epochs.iter().position(|epoch| epoch.key_id == *key_id)?;
        let mut links = Vec::new();
        let mut held = None;
        for (earlier, later) in epochs.iter().zip(epochs.iter().skip(1)).skip(wanted) {
            links.push((earlier.key_id, later.link.as_deref()?));
            let known = self.seeds.get(self.vault, &later.key_id);
            held = known.or_else(|| self.open_wraps(&state.id(), later, depth).ok());
            if held.is_some() {
                break;
            }
        }
        let mut seed = held?;
        for (key_id, link) in links.into_iter().rev() {
            self.seeds.put(&seed);
            seed = epoch_secret::open_history_link(&seed, &key_id.0, link).ok()?;
        }
        Some(seed)
    }
}

impl EpochSecrets for KeyRing<'_> {
    fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        self.open(space, key_id).ok()
    }
}
