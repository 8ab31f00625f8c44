//! Opening epochs: from this device's key through the wraps of the spaces it belongs to, and back
//! along history links. Wraps are opened when a section is first read, and the seed is kept.

use std::collections::{BTreeMap, VecDeque};

use nahtlos_protocol::crypto::device_key::DeviceKeys;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{DeviceId, KeyId, RecipientId, SpaceId};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::WrapMethod;
use nahtlos_protocol::space::state::{Epoch, WrapRecord};
use nahtlos_protocol::space::{EpochSecrets, HealedBranch, Logs, SpaceState};

use crate::key_notices::KeyNotice;
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

/// Membership is at most four levels deep; anything deeper is a damaged log.
const DEPTH_MAX: u8 = 8;

impl KeyRing<'_> {
    /// The seed of an epoch, or why it is not held.
    pub fn open(&self, space: &SpaceId, key_id: &KeyId) -> Result<EpochSeed, KeyNotice> {
        self.open_at_depth(space, key_id, 0)
    }

    /// The seed of an epoch, to be handed on to further members: only as this space's own wraps and
    /// links give it. A log may name a key id that belongs to another space; the seed this device
    /// holds for that one must not go to the members of this one.
    pub fn open_to_hand_on(&self, space: &SpaceId, key_id: &KeyId) -> Result<EpochSeed, KeyNotice> {
        let state = self.logs.state(space).ok_or(KeyNotice::NotGranted)?;
        let epoch = state.epoch(key_id).ok_or(KeyNotice::NoEpoch)?;
        match self.open_wraps(space, epoch, 0) {
            Ok(seed) => Ok(seed),
            Err(notice) => {
                let own_wraps = |later: &Epoch| self.open_wraps(space, later, 0).ok();
                open_links(&state, key_id, own_wraps)
                    .last()
                    .cloned()
                    .ok_or(notice)
            }
        }
    }

    /// Wraps of an epoch that arrived for this device, or for a space it is inside and whose key it
    /// holds, and do not open to the epoch's seed. What the operation signed is what arrived: who
    /// made the wrap made it wrong.
    pub fn bad_wraps(&self, space: &SpaceId, epoch: &Epoch) -> Vec<RecipientId> {
        let records = epoch.recipients.values();
        records
            .filter(|record| {
                let recipient = record.recipient;
                let own = recipient.id == RecipientId::from(self.device);
                let through = || self.open(&SpaceId(recipient.id.0), &recipient.key);
                (own || through().is_ok())
                    && self.open_wrap(space, epoch, record, 0).err() == Some(KeyNotice::BadWrap)
            })
            .map(|record| record.recipient.id)
            .collect()
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
            Err(notice) => {
                let known = |later: &Epoch| {
                    let known = self.seeds.get(self.vault, &later.key_id);
                    known.or_else(|| self.open_wraps(space, later, depth).ok())
                };
                let opened = open_links(&state, key_id, known);
                for seed in &opened {
                    self.seeds.put(seed);
                }
                return opened.last().cloned().ok_or(notice);
            }
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
}

/// Later epochs lead back to this one by history links, those they began with and those supplied
/// later: from the nearest that is held. Returns the seeds opened on the way, the wanted one last;
/// none where no held epoch leads there. (A loop, since a log may hold very many epochs.)
fn open_links(
    state: &SpaceState,
    wanted: &KeyId,
    held: impl Fn(&Epoch) -> Option<EpochSeed>,
) -> Vec<EpochSeed> {
    let branches = state.branches().iter().flat_map(HealedBranch::epochs);
    let epochs: BTreeMap<KeyId, &Epoch> = branches
        .chain(state.epochs())
        .map(|epoch| (epoch.key_id, epoch))
        .collect();
    let mut leading_to: BTreeMap<KeyId, Vec<KeyId>> = BTreeMap::new();
    for epoch in epochs.values() {
        for (previous, _) in epoch.links_back() {
            leading_to.entry(previous).or_default().push(epoch.key_id);
        }
    }
    let mut next: BTreeMap<KeyId, KeyId> = BTreeMap::new();
    let mut waiting = VecDeque::from([*wanted]);
    while let Some(earlier) = waiting.pop_front() {
        for later in leading_to.remove(&earlier).unwrap_or_default() {
            if later == *wanted || next.contains_key(&later) {
                continue;
            }
            next.insert(later, earlier);
            if let Some(seed) = epochs.get(&later).and_then(|epoch| held(epoch)) {
                return follow_links(&epochs, &next, seed, later, wanted);
            }
            waiting.push_back(later);
        }
    }
    Vec::new()
}

fn follow_links(
    epochs: &BTreeMap<KeyId, &Epoch>,
    next: &BTreeMap<KeyId, KeyId>,
    first: EpochSeed,
    from: KeyId,
    wanted: &KeyId,
) -> Vec<EpochSeed> {
    let (mut seeds, mut at) = (vec![first], from);
    while at != *wanted {
        let step = next.get(&at).and_then(|earlier| {
            let mut links = epochs.get(&at)?.links_back();
            let (_, link) = links.find(|(previous, _)| previous == earlier)?;
            let seed = epoch_secret::open_history_link(seeds.last()?, &earlier.0, link).ok()?;
            Some((*earlier, seed))
        });
        let Some((earlier, seed)) = step else {
            return Vec::new();
        };
        seeds.push(seed);
        at = earlier;
    }
    seeds
}

impl EpochSecrets for KeyRing<'_> {
    fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        self.open(space, key_id).ok()
    }
}
