//! Hand-made devices and spaces: what clients prepare, without any client code.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::{Change, Payload};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header};
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, GrantId, KeyId, Nonce, SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use nahtlos_protocol::space::admission_message;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::effect::{DeviceKeys, History, Member};
use nahtlos_protocol::space::{
    Author, Draft, Effect, EpochSecrets, Kind, LogHead, NewEpoch, Prepared, Role, SpaceState,
};
use nahtlos_protocol::wire::PushItem;

pub type Logs = BTreeMap<SpaceId, Arc<SpaceState>>;

/// One device and the seeds it holds.
pub struct TestDevice {
    pub id: DeviceId,
    pub keys: OwnKeys,
    seeds: RefCell<BTreeMap<KeyId, [u8; 32]>>,
}

impl TestDevice {
    pub fn new(number: u8) -> Self {
        let keys = DeviceSeed::from_secret(Secret32::from_bytes([number; 32])).keys();
        Self {
            id: DeviceId(keys.public_keys().device_id()),
            keys,
            seeds: RefCell::default(),
        }
    }

    pub fn author(&self) -> Author<'_> {
        Author {
            device: self.id,
            signing: &self.keys.signing,
            now_ms: 1_000,
        }
    }

    fn public(&self) -> DeviceKeys {
        let public = self.keys.public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }

    fn fresh(&self, number: [u8; 32]) -> NewEpoch {
        let seed = EpochSeed::from_secret(Secret32::from_bytes(number));
        self.seeds.borrow_mut().insert(KeyId(seed.key_id()), number);
        NewEpoch {
            seed,
            previous: None,
            label: None,
            cut: false,
        }
    }

    /// Takes over a seed from another device, as opening a wrap would.
    pub fn hold(&self, other: &Self) {
        self.seeds
            .borrow_mut()
            .extend(other.seeds.borrow().iter().map(|(id, seed)| (*id, *seed)));
    }

    pub fn held(&self, key_id: &KeyId) -> EpochSeed {
        let seed = self.seeds.borrow()[key_id];
        EpochSeed::from_secret(Secret32::from_bytes(seed))
    }
}

impl EpochSecrets for TestDevice {
    fn seed(&self, _: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        let seed = self.seeds.borrow().get(key_id).copied()?;
        Some(EpochSeed::from_secret(Secret32::from_bytes(seed)))
    }
}

pub struct Institution {
    pub institution: SpaceId,
    pub person: SpaceId,
    pub team: SpaceId,
}

/// Everything that exists, and what was not pushed yet.
pub struct World {
    pub logs: Logs,
    pub pending: Vec<PushItem>,
    network: Option<SpaceId>,
    counter: u64,
}

impl World {
    pub fn new() -> Self {
        Self {
            logs: Logs::new(),
            pending: Vec::new(),
            network: None,
            counter: 0,
        }
    }

    pub fn take(&mut self) -> Vec<PushItem> {
        std::mem::take(&mut self.pending)
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.counter += 1;
        let mut bytes = [0xa5; N];
        bytes[..8].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }

    /// Prepares an operation without taking it into the world.
    pub fn prepare(&self, device: &TestDevice, draft: Draft, space: Option<SpaceId>) -> Prepared {
        self.prepare_at(device, draft, space, 1_000)
    }

    /// As [`Self::prepare`], by a device whose clock shows this time.
    pub fn prepare_at(
        &self,
        device: &TestDevice,
        draft: Draft,
        space: Option<SpaceId>,
        now_ms: u64,
    ) -> Prepared {
        let author = Author {
            now_ms,
            ..device.author()
        };
        let state = space.map(|space| Arc::clone(&self.logs[&space]));
        let mut random = nahtlos_random();
        draft
            .prepare(self, device, &author, &mut random, state.as_deref())
            .expect("the operation is valid")
    }

    /// Prepares an operation, takes it in, and queues it for pushing.
    pub fn act(&mut self, device: &TestDevice, draft: Draft, space: Option<SpaceId>) -> SpaceId {
        let prepared = self.prepare(device, draft, space);
        let id = prepared.state.id();
        self.pending.push(push_item(&prepared));
        self.logs.insert(id, Arc::new(prepared.state));
        id
    }

    pub fn create(
        &mut self,
        kind: Kind,
        guardian: Option<SpaceId>,
        founder: Option<DeviceKeys>,
    ) -> Effect {
        Effect::Create {
            kind,
            nonce: Nonce(self.bytes()),
            guardian,
            founder,
        }
    }

    pub fn add(&mut self, member: SpaceId, role: Role) -> Effect {
        Effect::Add {
            grant: GrantId(self.bytes()),
            member: Member::Space { id: member },
            role,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        }
    }

    pub fn add_device(&mut self, device: &TestDevice, person: Option<SpaceId>) -> Effect {
        let message = admission_message(person, device.id);
        let signature = device.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Effect::Add {
            grant: GrantId(self.bytes()),
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

    pub fn epoch(&mut self, device: &TestDevice) -> NewEpoch {
        let seed = self.bytes();
        device.fresh(seed)
    }

    pub fn person(&mut self, device: &TestDevice, institution: SpaceId) -> SpaceId {
        let create = self.create(Kind::Person, Some(institution), None);
        let admit = self.add_device(device, None);
        let epoch = self.epoch(device);
        let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
        self.act(device, draft, None)
    }

    pub fn institution(&mut self, device: &TestDevice) -> Institution {
        let create = self.create(Kind::Institution, None, Some(device.public()));
        let institution = self.act(device, Draft::new().effect(create), None);
        let person = self.person(device, institution);
        let administer = self.add(person, Role::Administer);
        let manage = self.add(person, Role::Manage);
        let epoch = self.epoch(device);
        let draft = Draft::new().effect(administer).effect(manage).epoch(epoch);
        self.act(device, draft, Some(institution));
        let create = self.create(Kind::Team, Some(institution), None);
        let manage = self.add(person, Role::Manage);
        let epoch = self.epoch(device);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        let team = self.act(device, draft, None);
        self.add_member(device, institution, team, Role::Read);
        Institution {
            institution,
            person,
            team,
        }
    }

    /// The network with its first institution, which manages it.
    pub fn network(
        &mut self,
        device: &TestDevice,
        relay: &VerifyingKey,
        institution: SpaceId,
    ) -> SpaceId {
        let create = self.create(Kind::Network, None, None);
        let set_relay = Effect::SetRelay {
            key: VerifyingKeyBytes(*relay.as_bytes()),
        };
        let manage = self.add(institution, Role::Manage);
        let epoch = self.epoch(device);
        let draft = Draft::new()
            .effect(create)
            .effect(set_relay)
            .effect(manage)
            .epoch(epoch);
        let network = self.act(device, draft, None);
        self.network = Some(network);
        network
    }

    /// Adds a member space and wraps the current epoch to it.
    pub fn add_member(&mut self, device: &TestDevice, space: SpaceId, member: SpaceId, role: Role) {
        let draft = self.member_draft(device, space, member, role);
        self.act(device, draft, Some(space));
    }

    pub fn member_draft(
        &mut self,
        device: &TestDevice,
        space: SpaceId,
        member: SpaceId,
        role: Role,
    ) -> Draft {
        let add = self.add(member, role);
        let key_id = self.logs[&space].current_epoch().unwrap().key_id;
        Draft::new().effect(add).wrap_missing(device.held(&key_id))
    }

    pub fn section(&mut self, device: &TestDevice, team: SpaceId) -> SpaceId {
        let create = self.create(Kind::Section, None, None);
        let manage = self.add(team, Role::Manage);
        let epoch = self.epoch(device);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        self.act(device, draft, None)
    }

    /// The header of an envelope as a well-behaved client writes it.
    pub fn header(&mut self, device: &TestDevice, space: SpaceId, number: u64) -> Header {
        let state = Arc::clone(&self.logs[&space]);
        let mut heads = authority::path_heads(&self.logs, &device.id, &state);
        heads.insert(space, state.head().unwrap());
        let access_heads: Vec<LogHead> = heads.into_values().collect();
        Header {
            version: 1,
            suite: 2,
            kind: EnvelopeKind::Changes,
            space,
            key_id: state.current_epoch().unwrap().key_id,
            author_device: device.id,
            author_sequence: number,
            access_heads,
            parents: Vec::new(),
            salt: Salt(self.bytes()),
        }
    }

    /// Seals a small edit.
    pub fn envelope(
        &mut self,
        device: &TestDevice,
        space: SpaceId,
        number: u64,
        parents: &[EnvelopeId],
    ) -> Envelope {
        let mut header = self.header(device, space, number);
        header.parents = parents.to_vec();
        seal(device, &header)
    }
}

impl nahtlos_protocol::space::Logs for World {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.logs.get(space).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

/// Seals under whatever epoch the header names.
pub fn seal(device: &TestDevice, header: &Header) -> Envelope {
    seal_bytes(device, header, vec![7; 100])
}

pub fn seal_bytes(device: &TestDevice, header: &Header, change: Vec<u8>) -> Envelope {
    let payload = Payload {
        run_nonces: Vec::new(),
        changes: vec![Change(change)],
    };
    let seed = device.held(&header.key_id);
    Envelope::seal(header, &payload, &seed, &device.keys.signing).unwrap()
}

pub fn push_item(prepared: &Prepared) -> PushItem {
    PushItem::Operation {
        bytes: prepared.operation.bytes().to_vec(),
        wraps: prepared.wraps.clone(),
        receipt: None,
    }
}

pub fn push_envelope(envelope: &Envelope) -> PushItem {
    PushItem::Envelope {
        bytes: envelope.bytes().to_vec(),
        receipt: None,
    }
}

/// Randomness for HPKE: a counter through the system's generator is not needed in tests.
pub fn nahtlos_random() -> TestRandom {
    TestRandom(0x9e37_79b9_7f4a_7c15)
}

/// A small generator (splitmix64). Predictable, so of no use elsewhere.
pub struct TestRandom(u64);

impl rand_core::TryRng for TestRandom {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in destination.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for TestRandom {}

/// Replays an operation as a client would; it must follow from what came before.
pub fn replay(logs: &mut Logs, bytes: &[u8]) {
    use nahtlos_protocol::space::SignedOperation;
    use nahtlos_protocol::space::replay::Signatures;
    let signed = SignedOperation::decode(bytes).unwrap();
    let id = signed.space();
    let state = match logs.get(&id) {
        None => SpaceState::found(&signed, logs, Signatures::Verify),
        Some(state) if state.operation(signed.operation().index).is_some() => return,
        Some(state) => SpaceState::clone(state).append(&signed, logs, Signatures::Verify),
    };
    logs.insert(id, Arc::new(state.expect("in causal order")));
}
