//! Who could open what, whatever any program allows: every key of a device that may not read, tried on
//! all bytes that ever reached a relay.
//!
//! Each wrap and each history link opens with one key alone, so what several could open together is no
//! more than what each of them could: they are tried one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nahtlos_client::Nahtlos;
use nahtlos_protocol::crypto::device_key::{DeviceKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::wrap;
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, ItemId, KeyId, Nonce, RecipientId, SpaceId,
};
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::effect::{Recipient, WrapMethod};
use nahtlos_protocol::space::{Effect, SignedOperation, Wrap};

/// An envelope at the moment it was first sent.
pub struct Sealed {
    /// Where it belongs.
    pub space: SpaceId,
    /// The epoch it is sealed under.
    pub key_id: KeyId,
    /// What its author's device had received before.
    pub known: Arc<BTreeSet<ItemId>>,
    /// Whose device sent it.
    pub device: usize,
}

/// Who holds a device's keys: a home, or who has its seed alone.
pub enum Holder<'a> {
    /// With all that its vault holds.
    Home(&'a Nahtlos),
    /// What the words of a paper make, or enough shares of a recovery key.
    Seed(Box<DeviceKeys>),
}

impl Holder<'_> {
    /// Of a device that lies in no home.
    #[must_use]
    pub fn of_seed(seed: &DeviceSeed) -> Self {
        Self::Seed(Box::new(seed.keys()))
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        match self {
            Self::Home(replica) => replica.device_id(),
            Self::Seed(keys) => DeviceId(keys.public_keys().device_id()),
        }
    }

    fn stored_seeds(&self) -> Vec<EpochSeed> {
        match self {
            Self::Home(replica) => replica.stored_seeds(),
            Self::Seed(_) => Vec::new(),
        }
    }

    fn open(&self, info: &[u8], wrapped: &[u8]) -> Option<EpochSeed> {
        match self {
            Self::Home(replica) => replica.open_as_device(info, wrapped),
            Self::Seed(keys) => {
                let secret = wrap::open_hybrid(&keys.kem, info, wrapped).ok()?;
                Some(EpochSeed::from_secret(secret))
            }
        }
    }
}

/// Everything that ever reached a relay.
#[derive(Default)]
pub struct Seen {
    /// Envelopes by id.
    pub envelopes: BTreeMap<EnvelopeId, Sealed>,
    nonces: BTreeMap<SpaceId, Nonce>,
    /// By whom a wrap is for and by which of their keys.
    locks: BTreeMap<RecipientId, Vec<Lock>>,
    /// History links by the epoch that opens them.
    links: BTreeMap<KeyId, Vec<Link>>,
    /// Operations that reached a relay, also those of branches that were lost.
    pub operations: BTreeSet<ItemId>,
    /// What a relay took in. What it refused had wraps, too: to whom their author knew, who may have been
    /// removed meanwhile. A relay that keeps those and gives them away is a residual risk (docs/THREATS.md),
    /// and no fault.
    pub taken: BTreeSet<ItemId>,
}

struct Link {
    operation: ItemId,
    previous: KeyId,
    bytes: Vec<u8>,
}

struct Lock {
    operation: ItemId,
    space: SpaceId,
    key_id: KeyId,
    recipient: Recipient,
    bytes: Vec<u8>,
}

impl Seen {
    /// Takes note of an operation and the wraps beside it.
    pub fn operation(&mut self, bytes: &[u8], wraps: &[Wrap]) {
        let Ok(signed) = SignedOperation::decode(bytes) else {
            return;
        };
        let space = signed.space();
        let operation: ItemId = signed.id().into();
        let is_new = self.operations.insert(operation);
        let link_to = |previous: &KeyId, link: &[u8]| Link {
            operation,
            previous: *previous,
            bytes: link.to_vec(),
        };
        for effect in &signed.operation().effects {
            match effect {
                Effect::Create { nonce, .. } => {
                    self.nonces.insert(space, *nonce);
                }
                Effect::Epoch {
                    key_id,
                    recipients,
                    previous,
                    link,
                    ..
                } => {
                    self.locks((operation, space), *key_id, recipients, wraps);
                    if let (Some(previous), Some(link)) = (previous, link)
                        && is_new
                    {
                        let links = self.links.entry(*key_id).or_default();
                        links.push(link_to(previous, link));
                    }
                }
                Effect::Wrap {
                    key_id, recipients, ..
                } => self.locks((operation, space), *key_id, recipients, wraps),
                Effect::Link {
                    key_id,
                    previous,
                    link,
                } if is_new => {
                    let links = self.links.entry(*key_id).or_default();
                    links.push(link_to(previous, link));
                }
                _ => {}
            }
        }
    }

    fn locks(
        &mut self,
        (operation, space): (ItemId, SpaceId),
        key_id: KeyId,
        recipients: &[Recipient],
        wraps: &[Wrap],
    ) {
        for recipient in recipients {
            for wrap in wraps.iter().filter(|wrap| wrap.recipient == recipient.id) {
                let known = self.locks.entry(recipient.id).or_default();
                let again = |lock: &Lock| lock.operation == operation && lock.bytes == wrap.bytes;
                if !known.iter().any(again) {
                    known.push(Lock {
                        operation,
                        space,
                        key_id,
                        recipient: *recipient,
                        bytes: wrap.bytes.clone(),
                    });
                }
            }
        }
    }

    /// Key ids of all epochs that a device's owner could come to, with everything a relay ever had.
    #[must_use]
    pub fn reachable(&self, holder: &Holder<'_>) -> BTreeSet<KeyId> {
        self.reachable_by(holder, holder.stored_seeds(), &self.taken)
    }

    /// The same by these operations alone: what somebody who knows no others could know of that owner.
    #[must_use]
    pub fn reachable_as_known(
        &self,
        holder: &Holder<'_>,
        known: &BTreeSet<ItemId>,
    ) -> BTreeSet<KeyId> {
        self.reachable_by(holder, Vec::new(), known)
    }

    fn reachable_by(
        &self,
        holder: &Holder<'_>,
        seeds: Vec<EpochSeed>,
        operations: &BTreeSet<ItemId>,
    ) -> BTreeSet<KeyId> {
        let (mut reached, mut waiting) = (BTreeSet::new(), seeds);
        let device = RecipientId::from(holder.device());
        let is_among = |lock: &&Lock| operations.contains(&lock.operation);
        let own = self.locks.get(&device).into_iter().flatten();
        for lock in own.filter(is_among) {
            let opened = self.info(lock);
            let opened = opened.and_then(|info| holder.open(&info, &lock.bytes));
            waiting.extend(opened.filter(|seed| seed.key_id() == lock.key_id.0));
        }
        let of_epochs: Vec<&Lock> = self.locks.values().flatten().filter(is_among).collect();
        while let Some(seed) = waiting.pop() {
            let key_id = KeyId(seed.key_id());
            if !reached.insert(key_id) {
                continue;
            }
            let fitting = of_epochs.iter().filter(|lock| lock.recipient.key == key_id);
            for lock in fitting {
                let opened = self.info(lock).and_then(|info| opened(lock, &seed, &info));
                waiting.extend(opened.filter(|seed| seed.key_id() == lock.key_id.0));
            }
            let links = self.links.get(&key_id).into_iter().flatten();
            for link in links.filter(|link| operations.contains(&link.operation)) {
                let opened = epoch_secret::open_history_link(&seed, &link.previous.0, &link.bytes);
                waiting.extend(opened);
            }
        }
        reached
    }

    fn info(&self, lock: &Lock) -> Option<Vec<u8>> {
        let nonce = self.nonces.get(&lock.space)?;
        let (id, key) = (lock.recipient.id, lock.recipient.key);
        Some(wrap_info(nonce, &lock.key_id, id, key))
    }
}

/// Whom an operation wraps to.
#[must_use]
pub fn recipients(operation: &[u8]) -> Vec<RecipientId> {
    let Ok(signed) = SignedOperation::decode(operation) else {
        return Vec::new();
    };
    let effects = signed.operation().effects.iter();
    let wrapped = effects.filter_map(|effect| match effect {
        Effect::Epoch { recipients, .. } | Effect::Wrap { recipients, .. } => Some(recipients),
        _ => None,
    });
    wrapped.flatten().map(|recipient| recipient.id).collect()
}

fn opened(lock: &Lock, seed: &EpochSeed, info: &[u8]) -> Option<EpochSeed> {
    let secret = match lock.recipient.method {
        WrapMethod::Hybrid => wrap::open_hybrid(&seed.kem_keys().0, info, &lock.bytes),
        WrapMethod::Symmetric => wrap::open_symmetric(&seed.wrap_key(), info, &lock.bytes),
    };
    secret.ok().map(EpochSeed::from_secret)
}
