//! Opening epochs: from this device's key through the wraps of the spaces it belongs to, and back
//! along history links. Wraps are opened when a section is first read, and the seed is kept.

use std::collections::{BTreeMap, BTreeSet};

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
use crate::records::{further_wrap_key, wrap_key};
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
                open_links(all_epochs(&state), key_id, own_wraps)
                    .last()
                    .cloned()
                    .ok_or(notice)
            }
        }
    }

    /// Wraps of an epoch that arrived for this device, or for a space it is inside and whose key it
    /// holds, and do not open to the epoch's seed. What the operation signed is what arrived: who
    /// made the wrap made it wrong. Also those that never arrived, where `may_be_lost` says that the
    /// relay may have lost them.
    pub fn bad_wraps(
        &self,
        space: &SpaceId,
        epoch: &Epoch,
        may_be_lost: impl Fn(&WrapRecord) -> bool,
    ) -> Vec<RecipientId> {
        let records = epoch.recipients.values();
        records
            .filter(|record| {
                let recipient = record.recipient;
                let own = recipient.id == RecipientId::from(self.device);
                let through = || self.open(&SpaceId(recipient.id.0), &recipient.key);
                let wrong = |notice| match notice {
                    KeyNotice::BadWrap => true,
                    KeyNotice::Pending => may_be_lost(record),
                    _ => false,
                };
                (own || through().is_ok())
                    && self.open_wrap(space, epoch, record, 0).is_err_and(wrong)
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
                let opened = open_links(all_epochs(&state), key_id, known);
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
        let state = self.logs.state(space).ok_or(KeyNotice::NotGranted)?;
        let past = state.past_wraps(&epoch.key_id);
        for record in epoch.recipients.values().chain(past) {
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
        let first = wrap_key(space, &epoch.key_id.0, &recipient.id);
        let stored = |key: &[u8]| self.vault.get(Collection::Wrap, key).ok().flatten();
        let bytes = stored(&further_wrap_key(&first, &recipient.wrap))
            .or_else(|| stored(&first))
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
/// none where no held epoch leads there. Any reader may supply a link and replay cannot see whether
/// it opens, so one that does not is passed over: another way may lead there. (A loop, since a log
/// may hold very many epochs.)
fn open_links<'a>(
    epochs: impl IntoIterator<Item = &'a Epoch>,
    wanted: &KeyId,
    held: impl Fn(&Epoch) -> Option<EpochSeed>,
) -> Vec<EpochSeed> {
    let epochs = by_key_id(epochs);
    let towards = leading_to(&epochs, wanted);
    let known: BTreeSet<KeyId> = towards.iter().copied().collect();
    let mut trail = Trail::default();
    for later in towards.iter().filter(|later| *later != wanted) {
        if trail.reached.contains(later) {
            continue;
        }
        let seed = epochs.get(later).and_then(|epoch| held(epoch));
        if let Some(seed) = seed
            && trail.follow(
                &epochs,
                *later,
                seed,
                &|earlier| known.contains(earlier),
                Some(wanted),
            )
        {
            return trail.seeds;
        }
    }
    Vec::new()
}

/// The epochs that a seed of one of them opens by history links, itself included: what somebody
/// reads who was given no more than that seed.
pub(crate) fn opened_by_links<'a>(
    epochs: impl IntoIterator<Item = &'a Epoch>,
    seed: &EpochSeed,
) -> BTreeSet<KeyId> {
    let epochs = by_key_id(epochs);
    let from = KeyId(seed.key_id());
    let mut trail = Trail::default();
    let any = |earlier: &KeyId| epochs.contains_key(earlier);
    trail.follow(&epochs, from, seed.clone(), &any, None);
    trail.reached
}

/// A log's epochs, and those of branches that were carried back into it.
pub(crate) fn all_epochs(state: &SpaceState) -> impl Iterator<Item = &Epoch> {
    let branches = state.branches().iter().flat_map(HealedBranch::epochs);
    branches.chain(state.epochs())
}

fn by_key_id<'a>(epochs: impl IntoIterator<Item = &'a Epoch>) -> BTreeMap<KeyId, &'a Epoch> {
    let epochs = epochs.into_iter();
    epochs.map(|epoch| (epoch.key_id, epoch)).collect()
}

/// An epoch and all whose links are said to lead to it, nearest first.
fn leading_to(epochs: &BTreeMap<KeyId, &Epoch>, wanted: &KeyId) -> Vec<KeyId> {
    let mut links: BTreeMap<KeyId, Vec<KeyId>> = BTreeMap::new();
    for epoch in epochs.values() {
        for (previous, _) in epoch.links_back() {
            links.entry(previous).or_default().push(epoch.key_id);
        }
    }
    let (mut found, mut seen) = (vec![*wanted], BTreeSet::from([*wanted]));
    let mut next = 0;
    while let Some(earlier) = found.get(next).copied() {
        next += 1;
        let later = links.remove(&earlier).unwrap_or_default();
        found.extend(later.into_iter().filter(|later| seen.insert(*later)));
    }
    found
}

/// What was opened by following links.
#[derive(Default)]
struct Trail {
    reached: BTreeSet<KeyId>,
    /// In the order in which they were opened.
    seeds: Vec<EpochSeed>,
}

impl Trail {
    /// Follows every link that opens, each epoch once, and stops at the wanted one; whether it came
    /// there.
    fn follow(
        &mut self,
        epochs: &BTreeMap<KeyId, &Epoch>,
        from: KeyId,
        seed: EpochSeed,
        is_on_the_way: &dyn Fn(&KeyId) -> bool,
        wanted: Option<&KeyId>,
    ) -> bool {
        self.reached.insert(from);
        self.seeds.push(seed.clone());
        let mut waiting = vec![(from, seed)];
        while let Some((at, seed)) = waiting.pop() {
            let Some(epoch) = epochs.get(&at) else {
                continue;
            };
            for (earlier, link) in epoch.links_back() {
                if self.reached.contains(&earlier) || !is_on_the_way(&earlier) {
                    continue;
                }
                let Ok(opened) = epoch_secret::open_history_link(&seed, &earlier.0, link) else {
                    continue;
                };
                self.reached.insert(earlier);
                self.seeds.push(opened.clone());
                if wanted == Some(&earlier) {
                    return true;
                }
                waiting.push((earlier, opened));
            }
        }
        false
    }
}

impl EpochSecrets for KeyRing<'_> {
    fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        self.open(space, key_id).ok()
    }
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::crypto::epoch_secret::seal_history_link;
    use nahtlos_protocol::crypto::secret::Secret32;
    use nahtlos_protocol::space::state::LinkRecord;

    use super::*;

    fn seed(number: u8) -> EpochSeed {
        EpochSeed::from_secret(Secret32::from_bytes([number; 32]))
    }

    fn epoch(number: u8, links: Vec<(u8, Vec<u8>)>) -> Epoch {
        let id = |number| KeyId(seed(number).key_id());
        let links = links.into_iter().map(|(previous, link)| LinkRecord {
            previous: id(previous),
            link,
            at: 0,
        });
        Epoch {
            key_id: id(number),
            kem: None,
            previous: None,
            link: None,
            label: None,
            recipients: BTreeMap::new(),
            began_at: 0,
            began_by: DeviceId([0; 32]),
            cut: false,
            links: links.collect(),
            bad_wraps: BTreeMap::new(),
        }
    }

    /// Three epochs, each linked to the one before; a reader made up a link from the last to the
    /// first. Whatever the key ids are, the way that opens is found.
    #[test]
    fn a_link_that_does_not_open_blocks_no_other_way() {
        let made_up = || vec![9; 48];
        for [first, second, third] in [[1, 2, 3], [3, 1, 2], [2, 3, 1], [4, 6, 5], [9, 8, 7]] {
            let good = |from: u8, to: u8| (to, seal_history_link(&seed(from), &seed(to)));
            let epochs = [
                epoch(first, Vec::new()),
                epoch(second, vec![good(second, first)]),
                epoch(third, vec![(first, made_up()), good(third, second)]),
            ];
            let held =
                |later: &Epoch| (later.key_id.0 == seed(third).key_id()).then(|| seed(third));
            let wanted = KeyId(seed(first).key_id());
            let opened = open_links(&epochs, &wanted, held);
            let last = opened.last().map(EpochSeed::key_id);
            assert_eq!(last, Some(wanted.0));
            assert_eq!(opened_by_links(&epochs, &seed(third)).len(), 3);
        }
    }

    #[test]
    fn a_made_up_link_alone_leads_nowhere() {
        let epochs = [epoch(1, Vec::new()), epoch(2, vec![(1, vec![9; 48])])];
        let wanted = KeyId(seed(1).key_id());
        assert!(open_links(&epochs, &wanted, |_| Some(seed(2))).is_empty());
        let opened = opened_by_links(&epochs, &seed(2));
        assert!(!opened.contains(&wanted) && opened.len() == 1);
    }
}
