//! Builds worlds: devices, their logs, and a relay that takes everything in and signs receipts. It
//! checks nothing but replay, so that it can also be the relay that lies.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::{Envelope, Payload};
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, GrantId, ItemId, JournalId, KeyId, Nonce, RecipientId, SignatureBytes,
    SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::effect::DeviceKeys;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{
    Author, Draft, Effect, EpochSecrets, History, Kind, Logs, Member, NewEpoch, Prepared, Role,
    SignedOperation, SpaceState, Wrap, admission_message,
};
use nahtlos_protocol::wire::{Batch, Item, ItemKind, Receipt};

use crate::support::{Random, hex, root, write};

/// When everything happens, Unix milliseconds.
pub const NOW_MS: u64 = 1_800_000_000_000;

/// A device and its secrets.
pub struct Device {
    pub seed: [u8; 32],
    pub id: DeviceId,
    pub keys: OwnKeys,
}

impl Device {
    pub fn new(number: u8) -> Self {
        let seed = [number; 32];
        let keys = DeviceSeed::from_secret(Secret32::from_bytes(seed)).keys();
        let id = DeviceId(keys.public_keys().device_id());
        Self { seed, id, keys }
    }

    pub fn public(&self) -> DeviceKeys {
        let public = self.keys.public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }
}

/// Logs as somebody has them.
#[derive(Clone, Default)]
pub struct Replica {
    pub logs: BTreeMap<SpaceId, Arc<SpaceState>>,
    pub network: Option<SpaceId>,
}

impl Logs for Replica {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.logs.get(space).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

/// Every seed of the world: whoever is entitled to one is taken to hold it.
#[derive(Default)]
pub struct Seeds(BTreeMap<KeyId, [u8; 32]>);

impl Seeds {
    pub fn get(&self, key_id: &KeyId) -> EpochSeed {
        EpochSeed::from_secret(Secret32::from_bytes(self.0[key_id]))
    }
}

impl EpochSecrets for Seeds {
    fn seed(&self, _: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        self.0.contains_key(key_id).then(|| self.get(key_id))
    }
}

/// An item that has its place in the journal and no receipt yet.
struct Pending {
    item: usize,
    sequence: u64,
    id: ItemId,
}

/// Everything there is.
pub struct World {
    pub replica: Replica,
    pub seeds: Seeds,
    pub random: Random,
    pub relay: SigningKey,
    pub payloads: BTreeMap<EnvelopeId, Payload>,
    journal: JournalId,
    sequence: u64,
    items: Vec<(Item, ItemId)>,
    lost: Vec<(Item, ItemId)>,
    pending: Vec<Pending>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            replica: Replica::default(),
            seeds: Seeds::default(),
            random: Random::new(seed),
            relay: SigningKey::from_seed(&Secret32::from_bytes([0xee; 32])),
            payloads: BTreeMap::new(),
            journal: JournalId([1; 16]),
            sequence: 0,
            items: Vec::new(),
            lost: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub fn state(&self, space: SpaceId) -> &SpaceState {
        &self.replica.logs[&space]
    }

    /// The seed of a space's current epoch.
    pub fn current_seed(&self, space: SpaceId) -> EpochSeed {
        let current = self.state(space).current_epoch().expect("an epoch");
        self.seeds.get(&current.key_id)
    }

    /// A new epoch that links back to the current one, where there is one.
    pub fn fresh(&mut self, space: Option<SpaceId>) -> NewEpoch {
        let seed: [u8; 32] = self.random.bytes();
        let new = EpochSeed::from_secret(Secret32::from_bytes(seed));
        self.seeds.0.insert(KeyId(new.key_id()), seed);
        let current = space.and_then(|space| self.state(space).current_epoch());
        let previous = current.map(|epoch| self.seeds.get(&epoch.key_id));
        NewEpoch {
            seed: new,
            previous,
            label: None,
            cut: false,
        }
    }

    /// Prepares an operation by what a replica knows.
    pub fn prepare(
        &mut self,
        replica: &Replica,
        who: &Device,
        draft: Draft,
        space: Option<SpaceId>,
    ) -> Prepared {
        let state = space.map(|space| Arc::clone(&replica.logs[&space]));
        let author = Author {
            device: who.id,
            signing: &who.keys.signing,
            now_ms: NOW_MS,
        };
        draft
            .prepare(
                replica,
                &self.seeds,
                &author,
                &mut self.random,
                state.as_deref(),
            )
            .expect("the operation is valid")
    }

    /// Does something by the newest logs; the relay takes it in.
    pub fn act(&mut self, who: &Device, draft: Draft, space: Option<SpaceId>) -> SpaceId {
        let replica = self.replica.clone();
        let prepared = self.prepare(&replica, who, draft, space);
        self.accept(&prepared.operation, prepared.wraps)
    }

    /// The relay takes an operation in.
    pub fn accept(&mut self, signed: &SignedOperation, wraps: Vec<Wrap>) -> SpaceId {
        let space = signed.space();
        let state = match self.replica.logs.get(&space) {
            None => SpaceState::found(signed, &self.replica, Signatures::Verify),
            Some(state) => {
                let before = SpaceState::clone(state);
                before.append(signed, &self.replica, Signatures::Verify)
            }
        };
        let state = state.expect("the operation replays");
        self.replica.logs.insert(space, Arc::new(state));
        self.take(
            ItemKind::Operation,
            signed.bytes(),
            wraps,
            signed.id().into(),
        );
        space
    }

    /// The relay takes an envelope in.
    pub fn accept_envelope(&mut self, envelope: &Envelope) -> EnvelopeId {
        let id = envelope.id();
        self.take(ItemKind::Envelope, envelope.bytes(), Vec::new(), id.into());
        id
    }

    fn take(&mut self, kind: ItemKind, bytes: &[u8], wraps: Vec<Wrap>, id: ItemId) {
        // Numbers have gaps, as where items were delivered again in between.
        self.sequence += 1 + self.items.len() as u64 % 3;
        let nobody = Receipt {
            journal: self.journal,
            sequence: 0,
            accepted_at_ms: 0,
            count: 0,
            position: 0,
            path: Vec::new(),
            signature: SignatureBytes([0; 64]),
        };
        self.pending.push(Pending {
            item: self.items.len(),
            sequence: self.sequence,
            id,
        });
        let bytes = bytes.to_vec();
        let item = Item {
            kind,
            bytes,
            wraps,
            receipt: nobody,
        };
        self.items.push((item, id));
        if self.pending.len() == 3 {
            self.commit();
        }
    }

    /// Signs receipts for what was taken in since the last time.
    pub fn commit(&mut self) {
        let batch = Batch {
            journal: self.journal,
            accepted_at_ms: NOW_MS + self.sequence,
            items: self
                .pending
                .iter()
                .map(|pending| (pending.sequence, pending.id))
                .collect(),
        };
        let receipts = batch.receipts(&self.relay);
        for (pending, receipt) in self.pending.drain(..).zip(receipts) {
            self.items[pending.item].0.receipt = receipt;
        }
    }

    /// Every operation that the relay has, in the order in which it came.
    pub fn operations(&self) -> Vec<Vec<u8>> {
        let items = self.items.iter().map(|(item, _)| item);
        let operations = items.filter(|item| item.kind == ItemKind::Operation);
        operations.map(|item| item.bytes.clone()).collect()
    }

    /// The receipt of an item.
    pub fn receipt(&mut self, id: ItemId) -> Receipt {
        self.commit();
        let found = self.items.iter().find(|(_, known)| *known == id);
        found.expect("the item was taken in").0.receipt.clone()
    }

    /// The relay is restored from a backup: it forgets these items, and begins another journal.
    pub fn restore_without(&mut self, lost: &[ItemId]) {
        self.commit();
        let items = std::mem::take(&mut self.items);
        let (gone, kept) = items.into_iter().partition(|(_, id)| lost.contains(id));
        self.items = kept;
        self.lost = gone;
        self.journal = JournalId([2; 16]);
    }

    /// The operations the relay lost are no longer part of a bundle: those of devices that never had
    /// them.
    pub fn forget_lost(&mut self) {
        self.lost.clear();
    }

    /// Offered again: back in the journal with the receipt of old.
    pub fn offer_again(&mut self, envelope: &Envelope, receipt: Receipt) {
        self.commit();
        let item = Item {
            kind: ItemKind::Envelope,
            bytes: envelope.bytes().to_vec(),
            wraps: Vec::new(),
            receipt,
        };
        self.items.push((item, envelope.id().into()));
    }

    /// What the relay serves to a device that reads for these groups (all wraps, where `groups` is
    /// none: what the relay could hand out if it lied), in journal order.
    pub fn served(&mut self, device: &Device, groups: Option<&[SpaceId]>) -> Vec<Item> {
        self.commit();
        let mine = |recipient: &RecipientId| {
            let own = *recipient == RecipientId::from(device.id);
            own || groups.is_none_or(|groups| {
                groups
                    .iter()
                    .any(|group| *recipient == RecipientId::from(*group))
            })
        };
        let lost = self
            .lost
            .iter()
            .filter(|(item, _)| item.kind == ItemKind::Operation);
        self.items
            .iter()
            .chain(lost)
            .map(|(item, _)| {
                let mut item = item.clone();
                item.wraps.retain(|wrap| mine(&wrap.recipient));
                item
            })
            .collect()
    }

    /// Writes the reader bundle of a device.
    pub fn write_bundle(&mut self, name: &str, device: &Device, groups: Option<&[SpaceId]>) {
        let items = self.served(device, groups);
        let network = self.replica.network.expect("a network");
        let directory = root().join("worlds").join(name);
        write(
            &directory.join("network"),
            format!("{network}\n").as_bytes(),
        );
        write(
            &directory.join("device.seed"),
            format!("{}\n", hex(&device.seed)).as_bytes(),
        );
        write(&directory.join("items.cbor"), &codec::encode(&items));
    }
}

/// Effects, each with fresh ids.
impl World {
    pub fn create(
        &mut self,
        kind: Kind,
        guardian: Option<SpaceId>,
        founder: Option<DeviceKeys>,
    ) -> Effect {
        Effect::Create {
            kind,
            nonce: Nonce(self.random.bytes()),
            guardian,
            founder,
        }
    }

    pub fn grant_id(&mut self) -> GrantId {
        GrantId(self.random.bytes())
    }

    pub fn add(&mut self, member: SpaceId, role: Role) -> Effect {
        add_as(self.grant_id(), member, role, History::Full)
    }

    pub fn add_device(&mut self, device: &Device, person: Option<SpaceId>) -> Effect {
        let message = admission_message(person, device.id);
        let signature = device.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Effect::Add {
            grant: self.grant_id(),
            member: Member::Device {
                keys: device.public(),
                countersignature: SignatureBytes(*signature.as_bytes()),
            },
            role: Role::Manage,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        }
    }

    /// The live grant of a member.
    pub fn grant_of(&self, space: SpaceId, member: impl Into<RecipientId>) -> GrantId {
        let member = member.into();
        let mut live = self.state(space).live_grants();
        live.find(|grant| grant.member.recipient() == member)
            .expect("a live grant")
            .id
    }
}

/// Adds a space under a known grant id.
pub fn add_as(grant: GrantId, member: SpaceId, role: Role, history: History) -> Effect {
    Effect::Add {
        grant,
        member: Member::Space { id: member },
        role,
        history,
        basis: None,
        not_after_ms: None,
        invitation: None,
    }
}
