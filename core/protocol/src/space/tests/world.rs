//! A small world: devices with their seeds, replayed logs, and every wrap that ever travelled.

use std::ops::{Deref, DerefMut};

use super::*;

/// Replayed logs of one replica.
#[derive(Clone, Default)]
pub(crate) struct Logs {
    spaces: BTreeMap<SpaceId, Arc<SpaceState>>,
    pub(crate) network: Option<SpaceId>,
}

impl Deref for Logs {
    type Target = BTreeMap<SpaceId, Arc<SpaceState>>;

    fn deref(&self) -> &Self::Target {
        &self.spaces
    }
}

impl DerefMut for Logs {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.spaces
    }
}

impl authority::Logs for Logs {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.spaces.get(space).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

/// One person's device and the seeds it holds.
pub(crate) struct TestDevice {
    pub(crate) id: DeviceId,
    pub(crate) keys: OwnKeys,
    pub(crate) seeds: RefCell<BTreeMap<KeyId, EpochSeed>>,
}

impl TestDevice {
    pub(crate) fn new(number: u8) -> Self {
        let keys = DeviceSeed::from_secret(Secret32::from_bytes([number; 32])).keys();
        let id = DeviceId(keys.public_keys().device_id());
        Self {
            id,
            keys,
            seeds: RefCell::default(),
        }
    }

    pub(crate) fn author(&self) -> Author<'_> {
        Author {
            device: self.id,
            signing: &self.keys.signing,
            now_ms: 1_000,
        }
    }

    pub(crate) fn public(&self) -> DeviceKeys {
        let public = self.keys.public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }

    pub(crate) fn fresh(&self, number: u64) -> NewEpoch {
        let seed = EpochSeed::from_secret(Secret32::from_bytes(bytes(number)));
        self.hold(&seed);
        NewEpoch {
            seed,
            previous: None,
            label: None,
            cut: false,
        }
    }

    pub(crate) fn hold(&self, seed: &EpochSeed) {
        let copy = EpochSeed::from_secret(Secret32::from_bytes(*seed.as_secret().expose()));
        self.seeds.borrow_mut().insert(KeyId(seed.key_id()), copy);
    }

    pub(crate) fn holds(&self, key_id: &KeyId) -> bool {
        self.seeds.borrow().contains_key(key_id)
    }
}

impl EpochSecrets for TestDevice {
    fn seed(&self, _: &SpaceId, key_id: &KeyId) -> Option<EpochSeed> {
        let seeds = self.seeds.borrow();
        let seed = seeds.get(key_id)?;
        Some(EpochSeed::from_secret(Secret32::from_bytes(
            *seed.as_secret().expose(),
        )))
    }
}

/// A number as the bytes of an id or a seed.
pub(crate) fn bytes<const LENGTH: usize>(number: u64) -> [u8; LENGTH] {
    let mut bytes = [0xa5; LENGTH];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A wrap with what is signed about it.
#[derive(Clone)]
pub(crate) struct Travelled {
    space: SpaceId,
    key_id: KeyId,
    recipient: Recipient,
    bytes: Vec<u8>,
}

impl Travelled {
    pub(crate) fn is_of(&self, key_id: &KeyId) -> bool {
        self.key_id == *key_id
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.key_id, self.recipient) == (other.key_id, other.recipient)
    }
}

/// What one replica has. A clone is another replica that has as much so far.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) logs: Logs,
    pub(crate) counter: u64,
    pub(crate) wraps: Vec<Travelled>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            logs: Logs::default(),
            counter: 1_000,
            wraps: Vec::new(),
        }
    }

    /// Another replica with the same logs, whose new ids are its own.
    pub(crate) fn other(&self) -> Self {
        let mut other = self.clone();
        other.counter += 10_000;
        other
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn prepare(
        &mut self,
        device: &TestDevice,
        draft: Draft,
        space: Option<SpaceId>,
    ) -> Result<Prepared, AuthorError> {
        // Whoever is admitted somewhere says where, also without a path from there to the space.
        let own = self
            .logs
            .values()
            .find(|state| state.devices().contains_key(&device.id));
        let draft = own
            .map(|state| state.id())
            .into_iter()
            .fold(draft, Draft::after);
        let state = space.map(|space| Arc::clone(&self.logs[&space]));
        let mut random = TestRandom::new(self.next());
        draft.prepare(
            &self.logs,
            device,
            &device.author(),
            &mut random,
            state.as_deref(),
        )
    }

    /// Prepares and takes over.
    pub(crate) fn act(
        &mut self,
        device: &TestDevice,
        draft: Draft,
        space: Option<SpaceId>,
    ) -> Prepared {
        let prepared = self
            .prepare(device, draft, space)
            .expect("the operation is valid");
        self.take(&prepared);
        prepared
    }

    /// Takes over what another replica, or this one, prepared.
    pub(crate) fn take(&mut self, prepared: &Prepared) {
        let space = prepared.state.id();
        self.logs.insert(space, Arc::new(prepared.state.clone()));
        for effect in &prepared.operation.operation().effects {
            let (Effect::Epoch {
                key_id, recipients, ..
            }
            | Effect::Wrap {
                key_id, recipients, ..
            }) = effect
            else {
                continue;
            };
            for recipient in recipients {
                let wrap = prepared
                    .wraps
                    .iter()
                    .find(|wrap| wrap.recipient == recipient.id)
                    .expect("every recipient has its wrap");
                self.wraps.push(Travelled {
                    space,
                    key_id: *key_id,
                    recipient: *recipient,
                    bytes: wrap.bytes.clone(),
                });
            }
        }
    }

    /// What replay says to these effects of a device; nothing is taken over.
    pub(crate) fn attempt(
        &mut self,
        device: &TestDevice,
        effects: Vec<Effect>,
        space: SpaceId,
    ) -> Result<SpaceState, ReplayError> {
        let draft = effects.into_iter().fold(Draft::new(), Draft::effect);
        self.attempt_draft(device, draft, space)
    }

    pub(crate) fn attempt_draft(
        &mut self,
        device: &TestDevice,
        draft: Draft,
        space: SpaceId,
    ) -> Result<SpaceState, ReplayError> {
        match self.prepare(device, draft, Some(space)) {
            Ok(prepared) => Ok(prepared.state),
            Err(AuthorError::Replay(refused)) => Err(refused),
            Err(other) => panic!("{other}"),
        }
    }

    /// Opens every wrap and every link that the device can, from its own key on.
    pub(crate) fn open_all(&self, device: &TestDevice) {
        loop {
            let before = device.seeds.borrow().len();
            for wrap in &self.wraps {
                if !device.holds(&wrap.key_id)
                    && let Some(seed) = self.open(device, wrap)
                {
                    device.hold(&seed);
                }
            }
            for state in self.logs.values() {
                let healed = state.branches().iter().flat_map(|branch| branch.epochs());
                for epoch in state.epochs().iter().chain(healed) {
                    let Some(seed) = device.seed(&state.id(), &epoch.key_id) else {
                        continue;
                    };
                    for (previous, link) in epoch.links_back() {
                        let opened = epoch_secret::open_history_link(&seed, &previous.0, link);
                        device.hold(&opened.expect("the link opens"));
                    }
                }
            }
            if device.seeds.borrow().len() == before {
                return;
            }
        }
    }

    fn open(&self, device: &TestDevice, wrap: &Travelled) -> Option<EpochSeed> {
        let nonce = self.logs[&wrap.space].nonce();
        let Recipient {
            id, key, method, ..
        } = wrap.recipient;
        let info = wrap_info(&nonce, &wrap.key_id, id, key);
        let secret = if id == RecipientId::from(device.id) {
            wrap::open_hybrid(&device.keys.kem, &info, &wrap.bytes).expect("the wrap opens")
        } else {
            let own = device.seed(&wrap.space, &key)?;
            match method {
                WrapMethod::Hybrid => wrap::open_hybrid(&own.kem_keys().0, &info, &wrap.bytes),
                WrapMethod::Symmetric => wrap::open_symmetric(&own.wrap_key(), &info, &wrap.bytes),
            }
            .expect("the wrap opens")
        };
        let seed = EpochSeed::from_secret(secret);
        seed.check(&wrap.key_id.0).expect("the seed is the epoch's");
        Some(seed)
    }

    /// The seed of the current epoch, as far as the device can come to it.
    pub(crate) fn current_seed(&self, device: &TestDevice, space: SpaceId) -> Option<EpochSeed> {
        self.open_all(device);
        let key_id = self.logs[&space].current_epoch()?.key_id;
        device.seed(&space, &key_id)
    }

    /// Whether the device can come to the current epoch's seed.
    pub(crate) fn opens(&self, device: &TestDevice, space: SpaceId) -> bool {
        self.current_seed(device, space).is_some()
    }

    /// A new epoch that links back where the device can.
    pub(crate) fn new_epoch(&mut self, device: &TestDevice, space: SpaceId) -> NewEpoch {
        let previous = self.current_seed(device, space);
        let number = self.next();
        NewEpoch {
            previous,
            ..device.fresh(number)
        }
    }

    pub(crate) fn rotate(&mut self, device: &TestDevice, space: SpaceId) -> Prepared {
        let epoch = self.new_epoch(device, space);
        self.act(device, Draft::new().epoch(epoch), Some(space))
    }

    /// Why the space is stale by everything this replica has.
    pub(crate) fn staleness(&self, space: SpaceId) -> Option<Staleness> {
        staleness_in(
            &self.logs,
            &self.logs[&space],
            View::NEWEST,
            &Suspended::new(),
        )
        .expect("every log is here")
    }

    pub(crate) fn right(&self, device: &TestDevice, space: SpaceId) -> authority::Right {
        authority::right(&self.logs, &device.id, &space)
    }
}
