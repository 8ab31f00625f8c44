//! The same steps with real operations: a replica with its logs, and devices that sign.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{
    DeviceId, GrantId, JournalId, KeyId, Nonce, RecipientId, SignatureBytes, SpaceId,
    VerifyingKeyBytes,
};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::authority::{self, Logs, View};
use nahtlos_protocol::space::effect::{DeviceKeys, HealedOperation};
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{
    Author, Draft, Effect, EpochSecrets, History, Kind, Member, NewEpoch, Prepared, ReplayError,
    Role, SignedOperation, SpaceState, Suspended, admission_message, recipients, staleness,
};
use nahtlos_protocol::wire::Batch;
use rand_core::{TryCryptoRng, TryRng};

use super::reference::{Device, Level, Party, Space, Step};

/// Replayed logs.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    states: BTreeMap<SpaceId, Arc<SpaceState>>,
    network: Option<SpaceId>,
}

impl Logs for Replica {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.states.get(space).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

impl Replica {
    /// One that has nothing yet and belongs to this network.
    #[must_use]
    pub fn empty(network: Option<SpaceId>) -> Self {
        Self {
            states: BTreeMap::new(),
            network,
        }
    }

    /// Everything it has, in words.
    #[must_use]
    pub fn described(&self) -> BTreeMap<SpaceId, String> {
        let states = self.states.iter();
        states
            .map(|(id, state)| (*id, format!("{state:?}")))
            .collect()
    }

    /// Takes an operation over if it can be judged yet.
    ///
    /// # Errors
    /// A refusal that no wait would change.
    pub fn deliver(&mut self, signed: &SignedOperation) -> Result<bool, ReplayError> {
        let space = signed.space();
        let replayed = match self.states.get(&space) {
            Some(state) if !state.is_followed_by(signed) => return Ok(false),
            Some(state) => (**state).clone().append(signed, self, Signatures::Verify),
            None if signed.operation().index > 0 => return Ok(false),
            None => SpaceState::found(signed, self, Signatures::Verify),
        };
        match replayed {
            Ok(state) => {
                self.states.insert(space, Arc::new(state));
                Ok(true)
            }
            Err(ReplayError::UnknownReference(_) | ReplayError::MissingLog(_)) => Ok(false),
            Err(refused) => Err(refused),
        }
    }
}

/// Number of the institution.
pub const INSTITUTION: Space = 0;
/// Numbers of the persons; device n belongs to person n + 1 from the start.
pub const PERSONS: [Space; 4] = [1, 2, 3, 4];
/// Numbers of the teams.
pub const TEAMS: [Space; 2] = [5, 6];
/// Number of the section.
pub const SECTION: Space = 7;
/// How many devices there are; the last two belong to nobody at first.
pub const DEVICES: usize = 6;

/// A small world: an institution, four persons (the last one its custodian), two teams and a
/// section, in a network whose relay gives receipts. Nothing has an epoch at first.
pub struct Played {
    /// What everybody has.
    pub replica: Replica,
    /// Every operation in the order it was made.
    pub operations: Vec<SignedOperation>,
    keys: Vec<OwnKeys>,
    spaces: Vec<SpaceId>,
    relay: SigningKey,
    receipted: u64,
    random: Counted,
    epochs: BTreeMap<KeyId, usize>,
}

impl Default for Played {
    fn default() -> Self {
        Self::new()
    }
}

impl Played {
    /// The world as it was founded.
    #[must_use]
    pub fn new() -> Self {
        let seeds = (1..).map(|number: u8| Secret32::from_bytes([number; 32]));
        let keys = seeds.map(|seed| DeviceSeed::from_secret(seed).keys());
        let mut played = Self {
            replica: Replica::default(),
            operations: Vec::new(),
            keys: keys.take(DEVICES).collect(),
            spaces: Vec::new(),
            relay: SigningKey::from_seed(&Secret32::from_bytes([99; 32])),
            receipted: 0,
            random: Counted(0),
            epochs: BTreeMap::new(),
        };
        played.found_all();
        played
    }

    fn found_all(&mut self) {
        let founder = self.public(0);
        self.found(0, Kind::Institution, Some(founder), vec![]);
        for (device, _) in PERSONS.into_iter().enumerate() {
            let admit = self.admission(device, None);
            self.found(device, Kind::Person, None, vec![admit]);
        }
        let grants = [
            (1, Role::Administer),
            (1, Role::Manage),
            (4, Role::Administer),
        ];
        let adds = grants.map(|(person, role)| self.addition(person, role));
        let draft = adds.into_iter().fold(Draft::new(), Draft::effect);
        self.act(0, draft, INSTITUTION);
        for (device, _) in TEAMS.into_iter().enumerate() {
            let manage = self.addition(PERSONS[device], Role::Manage);
            self.found(device, Kind::Team, None, vec![manage]);
        }
        let manage = self.addition(TEAMS[0], Role::Manage);
        self.found(0, Kind::Section, None, vec![manage]);
        let founder = self.public(0);
        self.found(0, Kind::Network, Some(founder), vec![]);
        let network = self.spaces.len() - 1;
        let key = VerifyingKeyBytes(*self.relay.verifying_key().as_bytes());
        let join = self.addition(INSTITUTION, Role::Manage);
        let draft = Draft::new().effect(join).effect(Effect::SetRelay { key });
        self.act(0, draft, network);
        self.replica.network = self.spaces.last().copied();
    }

    fn found(&mut self, by: Device, kind: Kind, founder: Option<DeviceKeys>, effects: Vec<Effect>) {
        let guarded = matches!(kind, Kind::Person | Kind::Team);
        let create = Effect::Create {
            kind,
            nonce: Nonce(self.random.bytes()),
            guardian: self.spaces.first().copied().filter(|_| guarded),
            founder,
        };
        let draft = effects
            .into_iter()
            .fold(Draft::new().effect(create), Draft::effect);
        let made = self.prepare(&self.replica.clone(), by, draft, None);
        let made = made.expect("the world can be founded");
        self.spaces.push(made.state.id());
        self.take(made);
    }

    fn act(&mut self, by: Device, draft: Draft, space: Space) {
        let made = self.prepare(&self.replica.clone(), by, draft, Some(space));
        self.take(made.expect("the world can be founded"));
    }

    fn take(&mut self, made: Prepared) {
        let id = made.state.id();
        self.replica.states.insert(id, Arc::new(made.state));
        self.operations.push(made.operation);
    }

    fn prepare(
        &mut self,
        replica: &Replica,
        by: Device,
        draft: Draft,
        space: Option<Space>,
    ) -> Result<Prepared, AuthorError> {
        let state = space.and_then(|space| replica.state(&self.spaces[space]));
        self.random.0 += 1;
        let author = Author {
            device: self.device(by),
            signing: &self.keys[by].signing,
            // No two operations are the same bytes, also on two sides of a fork.
            now_ms: self.operations.len() as u64 * 1_000 + self.random.0,
        };
        draft.prepare(
            replica,
            &NoSeeds,
            &author,
            &mut self.random,
            state.as_deref(),
        )
    }
}

/// Steps.
impl Played {
    /// Tries a step; whether replay took it.
    pub fn attempt(&mut self, by: Device, step: &Step) -> bool {
        let made = self.try_on(&self.replica.clone(), by, step);
        let taken = made.is_some();
        made.into_iter().for_each(|made| self.take(made));
        taken
    }

    /// The log of `space` forks: the relay forgets the steps `lost`, takes the steps `kept`, and the
    /// healer carries the lost ones back. Says which steps replay took, the lost ones first.
    pub fn fork(
        &mut self,
        space: Space,
        lost: &[(Device, Step)],
        kept: &[(Device, Step)],
        healer: Device,
    ) -> Vec<bool> {
        let mut behind = self.replica.clone();
        let mut branch = Vec::new();
        let mut taken = Vec::new();
        for (by, step) in lost {
            let made = self.try_on(&behind, *by, step);
            taken.push(made.is_some());
            if let Some(made) = made {
                branch.push(self.receipted(&made.operation));
                behind.states.insert(made.state.id(), Arc::new(made.state));
            }
        }
        taken.extend(kept.iter().map(|(by, step)| self.attempt(*by, step)));
        if !branch.is_empty() {
            let draft = Draft::new().effect(Effect::Heal { branch });
            let network = self.replica.network.into_iter();
            let known = network.chain([self.spaces[healer + 1]]);
            let draft = known.fold(draft, Draft::after);
            let made = self.prepare(&self.replica.clone(), healer, draft, Some(space));
            self.take(made.expect("a receipted branch is carried back"));
        }
        taken
    }

    fn try_on(&mut self, replica: &Replica, by: Device, step: &Step) -> Option<Prepared> {
        let state = replica.state(&self.spaces[step.space()])?;
        let named = |grant: &usize| state.grants().get(*grant).map(|grant| grant.id);
        let effect = match step {
            Step::Rotate { .. } => None,
            Step::Add {
                space,
                party,
                level,
            } => Some(match party {
                Party::Device(device) => {
                    let person = self.spaces[*space];
                    self.admission(*device, Some(person))
                        .with_role(role(*level))
                }
                Party::Space(member) => self.addition(*member, role(*level)),
            }),
            Step::Remove { grant, .. } => Some(Effect::Remove {
                grant: Some(named(grant)?),
                member: None,
                reason: 0,
            }),
            Step::SetRole { grant, level, .. } => Some(Effect::SetRole {
                grant: named(grant)?,
                role: role(*level),
            }),
            Step::Confirm { grant, .. } => Some(Effect::Confirm {
                grant: named(grant)?,
                key_id: None,
            }),
            Step::Close { .. } => Some(Effect::Close {}),
        };
        let draft = match effect {
            Some(effect) => Draft::new().effect(effect),
            None => Draft::new().epoch(self.new_epoch()),
        };
        let space = Some(step.space());
        match self.prepare(replica, by, draft, space) {
            // What the relay asks too: somebody who lost a right may leave out where that stands.
            Ok(made) => SpaceState::check_at_newest(Some(&state), &made.operation, replica)
                .is_ok()
                .then_some(made),
            Err(AuthorError::Replay(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    fn new_epoch(&mut self) -> NewEpoch {
        let seed = EpochSeed::from_secret(Secret32::from_bytes(self.random.bytes()));
        NewEpoch {
            seed,
            previous: None,
            label: None,
            cut: false,
        }
    }

    fn receipted(&mut self, operation: &SignedOperation) -> HealedOperation {
        self.receipted += 1;
        let batch = Batch {
            journal: JournalId([1; 16]),
            accepted_at_ms: 0,
            items: vec![(self.receipted, operation.id().into())],
        };
        HealedOperation {
            operation: operation.bytes().to_vec(),
            receipt: codec::encode(&batch.receipts(&self.relay).remove(0)),
        }
    }

    fn addition(&mut self, member: Space, role: Role) -> Effect {
        let id = self.spaces[member];
        self.grant(Member::Space { id }, role)
    }

    fn admission(&mut self, device: Device, person: Option<SpaceId>) -> Effect {
        let message = admission_message(person, self.device(device));
        let signing = &self.keys[device].signing;
        let signature = signing.sign(label::ADMISSION_SIGN, &message);
        let member = Member::Device {
            keys: self.public(device),
            countersignature: SignatureBytes(*signature.as_bytes()),
        };
        self.grant(member, Role::Manage)
    }

    fn grant(&mut self, member: Member, role: Role) -> Effect {
        Effect::Add {
            grant: GrantId(self.random.bytes()),
            member,
            role,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        }
    }

    fn public(&self, device: Device) -> DeviceKeys {
        let public = self.keys[device].public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }

    /// A device's id.
    #[must_use]
    pub fn device(&self, device: Device) -> DeviceId {
        DeviceId(self.keys[device].public_keys().device_id())
    }
}

/// Questions, in the words of the reference.
impl Played {
    /// The role a device writes with, and whether it administers.
    #[must_use]
    pub fn right(&self, device: Device, space: Space) -> (Option<Level>, bool) {
        let right = authority::right(&self.replica, &self.device(device), &self.spaces[space]);
        (right.role.map(level), right.administer)
    }

    /// Whether a space must be rotated.
    #[must_use]
    pub fn is_stale(&self, space: Space) -> bool {
        let none = Suspended::new();
        staleness::is_stale(&self.replica, &self.state(space), &none).expect("every log is here")
    }

    /// Whom a space's next epoch is wrapped to, by which epoch of theirs.
    #[must_use]
    pub fn recipients(&self, space: Space) -> BTreeSet<(Party, usize)> {
        let none = Suspended::new();
        let state = self.state(space);
        let found = recipients::effective_recipients(&self.replica, &state, View::NEWEST, &none);
        let found = found.expect("every log is here").into_values();
        found
            .map(|target| {
                let party = self.party(target.id());
                let number = match party {
                    Party::Device(_) => 0,
                    Party::Space(_) => self.epochs.get(&target.key()).copied().unwrap_or(0),
                };
                (party, number)
            })
            .collect()
    }

    /// The numbers by which the reference knows epochs: those that are current now.
    pub fn number_epochs(&mut self, current: impl Iterator<Item = (Space, usize)>) {
        for (space, number) in current {
            if let Some(epoch) = self.state(space).current_epoch() {
                self.epochs.insert(epoch.key_id, number);
            }
        }
    }

    fn party(&self, id: RecipientId) -> Party {
        let device = (0..DEVICES).find(|device| id == self.device(*device).into());
        let space = self.spaces.iter().position(|space| id == (*space).into());
        match (device, space) {
            (Some(device), _) => Party::Device(device),
            (_, Some(space)) => Party::Space(space),
            _ => panic!("a recipient nobody knows"),
        }
    }

    /// The log of a space.
    #[must_use]
    pub fn state(&self, space: Space) -> Arc<SpaceState> {
        Arc::clone(&self.replica.states[&self.spaces[space]])
    }
}

trait WithRole {
    fn with_role(self, role: Role) -> Self;
}

impl WithRole for Effect {
    fn with_role(mut self, wanted: Role) -> Self {
        if let Self::Add { role, .. } = &mut self {
            *role = wanted;
        }
        self
    }
}

fn role(level: Level) -> Role {
    match level {
        Level::Read => Role::Read,
        Level::Write => Role::Write,
        Level::Manage => Role::Manage,
        Level::Administer => Role::Administer,
    }
}

fn level(role: Role) -> Level {
    match role {
        Role::Read => Level::Read,
        Role::Write => Level::Write,
        Role::Manage => Level::Manage,
        Role::Administer => Level::Administer,
    }
}

/// Nobody keeps seeds here: every wrap is made to a public key, and no epoch links back.
struct NoSeeds;

impl EpochSecrets for NoSeeds {
    fn seed(&self, _: &SpaceId, _: &KeyId) -> Option<EpochSeed> {
        None
    }
}

/// Numbers that never repeat, in place of random bytes. Predictable, so of no use elsewhere.
struct Counted(u64);

impl Counted {
    fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, counted) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *counted;
        }
    }
}

impl TryRng for Counted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Counted {}
