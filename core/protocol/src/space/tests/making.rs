//! Spaces, members, effects and forgeries, ready made.

use super::*;

/// Effects and spaces, ready made.
impl World {
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        guardian: Option<SpaceId>,
        founder: Option<DeviceKeys>,
    ) -> Effect {
        Effect::Create {
            kind,
            nonce: Nonce(bytes(self.next())),
            guardian,
            founder,
        }
    }

    pub(crate) fn add(&mut self, member: SpaceId, role: Role) -> Effect {
        Effect::Add {
            grant: GrantId(bytes(self.next())),
            member: Member::Space { id: member },
            role,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        }
    }

    pub(crate) fn add_device(&mut self, device: &TestDevice, person: Option<SpaceId>) -> Effect {
        let message = admission_message(person, device.id);
        let signature = device.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Effect::Add {
            grant: GrantId(bytes(self.next())),
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

    pub(crate) fn person(&mut self, device: &TestDevice, institution: SpaceId) -> SpaceId {
        let create = self.create(Kind::Person, Some(institution), None);
        let admit = self.add_device(device, None);
        let epoch = device.fresh(self.next());
        let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
        self.act(device, draft, None).state.id()
    }

    pub(crate) fn institution(&mut self, device: &TestDevice) -> Institution {
        let create = self.create(Kind::Institution, None, Some(device.public()));
        let institution = self
            .act(device, Draft::new().effect(create), None)
            .state
            .id();
        let person = self.person(device, institution);
        let administer = self.add(person, Role::Administer);
        let manage = self.add(person, Role::Manage);
        let epoch = device.fresh(self.next());
        let draft = Draft::new().effect(administer).effect(manage).epoch(epoch);
        self.act(device, draft, Some(institution));
        let create = self.create(Kind::Team, Some(institution), None);
        let manage = self.add(person, Role::Manage);
        let epoch = device.fresh(self.next());
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        let team = self.act(device, draft, None).state.id();
        Institution {
            institution,
            person,
            team,
        }
    }

    pub(crate) fn section(&mut self, device: &TestDevice, team: SpaceId) -> (SpaceId, EpochSeed) {
        let create = self.create(Kind::Section, None, None);
        let manage = self.add(team, Role::Manage);
        let number = self.next();
        let epoch = device.fresh(number);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        let section = self.act(device, draft, None).state.id();
        (
            section,
            EpochSeed::from_secret(Secret32::from_bytes(bytes(number))),
        )
    }

    /// Adds a member and wraps the current epoch to it; returns its grant.
    pub(crate) fn join(
        &mut self,
        by: &TestDevice,
        space: SpaceId,
        member: SpaceId,
        role: Role,
    ) -> GrantId {
        let seed = self.current_seed(by, space).expect("a key holder adds");
        let add = self.add(member, role);
        let grant = granted(&add);
        let draft = Draft::new().effect(add).wrap_missing(seed);
        self.act(by, draft, Some(space));
        grant
    }

    /// A further grant for somebody who has a wrap already.
    pub(crate) fn join_again(
        &mut self,
        by: &TestDevice,
        space: SpaceId,
        member: SpaceId,
        role: Role,
    ) -> GrantId {
        let add = self.add(member, role);
        let grant = granted(&add);
        self.act(by, draft([add]), Some(space));
        grant
    }

    /// Adds a device to its person and wraps the person's epoch to it.
    pub(crate) fn enrol(&mut self, by: &TestDevice, device: &TestDevice, person: SpaceId) {
        let seed = self
            .current_seed(by, person)
            .expect("the person's own device");
        let add = self.add_device(device, Some(person));
        let draft = Draft::new().effect(add).wrap_missing(seed);
        self.act(by, draft, Some(person));
    }

    /// A custodian without keys, who administers the institution.
    pub(crate) fn custodian(
        &mut self,
        by: &TestDevice,
        device: &TestDevice,
        institution: SpaceId,
    ) -> SpaceId {
        let person = self.person(device, institution);
        let add = self.add(person, Role::Administer);
        self.act(by, Draft::new().effect(add), Some(institution));
        person
    }

    /// The live grant of a member.
    pub(crate) fn grant(&self, space: SpaceId, member: impl Into<RecipientId>) -> GrantId {
        let member = member.into();
        let state = &self.logs[&space];
        let mut live = state.live_grants();
        live.find(|grant| grant.member.recipient() == member)
            .expect("the member has a live grant")
            .id
    }
}

pub(crate) struct Institution {
    pub(crate) institution: SpaceId,
    pub(crate) person: SpaceId,
    pub(crate) team: SpaceId,
}

/// Two institutions, each with one person and one team. Team one manages the section, team two
/// writes in it; everybody's keys are wrapped.
pub(crate) struct Offices {
    pub(crate) world: World,
    pub(crate) a1: TestDevice,
    pub(crate) c1: TestDevice,
    pub(crate) one: Institution,
    pub(crate) two: Institution,
    pub(crate) section: SpaceId,
}

pub(crate) fn offices() -> Offices {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(11));
    let (one, two) = (world.institution(&a1), world.institution(&c1));
    let (section, _) = world.section(&a1, one.team);
    world.join(&a1, section, two.team, Role::Write);
    Offices {
        world,
        a1,
        c1,
        one,
        two,
        section,
    }
}

/// The grant that an `Add` creates.
pub(crate) fn granted(add: &Effect) -> GrantId {
    match add {
        Effect::Add { grant, .. } => *grant,
        other => panic!("{other:?} is no Add"),
    }
}

pub(crate) fn from_now(mut add: Effect) -> Effect {
    if let Effect::Add { history, .. } = &mut add {
        *history = History::FromNow;
    }
    add
}

pub(crate) fn until(mut add: Effect, end_ms: u64) -> Effect {
    if let Effect::Add { not_after_ms, .. } = &mut add {
        *not_after_ms = Some(end_ms);
    }
    add
}

pub(crate) fn remove(grant: GrantId) -> Effect {
    Effect::Remove {
        grant: Some(grant),
        member: None,
        reason: 0,
    }
}

pub(crate) fn remove_member(member: impl Into<RecipientId>) -> Effect {
    Effect::Remove {
        grant: None,
        member: Some(member.into()),
        reason: 2,
    }
}

pub(crate) fn set_role(grant: GrantId, role: Role) -> Effect {
    Effect::SetRole { grant, role }
}

pub(crate) fn confirm(grant: GrantId, key_id: Option<KeyId>) -> Effect {
    Effect::Confirm { grant, key_id }
}

pub(crate) fn draft(effects: impl IntoIterator<Item = Effect>) -> Draft {
    effects.into_iter().fold(Draft::new(), Draft::effect)
}

pub(crate) fn not_entitled(effect: &'static str) -> ReplayError {
    ReplayError::NotEntitled { effect }
}

pub(crate) fn contradiction(effect: &'static str, reason: &'static str) -> ReplayError {
    ReplayError::Contradiction { effect, reason }
}

/// The refusal of something that must be refused.
pub(crate) fn refusal(result: Result<SpaceState, ReplayError>) -> ReplayError {
    result.map(|state| state.length()).unwrap_err()
}

/// Signs a body by hand, as a modified program would, and replays it.
pub(crate) fn forge(
    world: &World,
    device: &TestDevice,
    space: SpaceId,
    change: impl FnOnce(&mut Operation),
    effects: Vec<Effect>,
) -> Result<SpaceState, ReplayError> {
    let signed = forged(world, device, space, change, effects);
    let state = &world.logs[&space];
    (**state)
        .clone()
        .append(&signed, &world.logs, Signatures::Verify)
}

pub(crate) fn forged(
    world: &World,
    device: &TestDevice,
    space: SpaceId,
    change: impl FnOnce(&mut Operation),
    effects: Vec<Effect>,
) -> SignedOperation {
    let state = &world.logs[&space];
    let mut operation = Operation {
        version: 1,
        suite: 2,
        space: Some(space),
        index: state.length(),
        previous: state.head().map(|head| head.operation),
        author: device.id,
        claimed_at_ms: 0,
        references: authority::path_heads(&world.logs, &device.id, state)
            .into_values()
            .collect(),
        effects,
    };
    change(&mut operation);
    SignedOperation::sign(operation, &device.keys.signing)
}

/// A relay that receipts, and what it receipted.
#[derive(Debug)]
pub(crate) struct TestRelay {
    pub(crate) signing: SigningKey,
    journal: JournalId,
    sequence: u64,
    positions: BTreeMap<OperationId, Position>,
}

impl TestRelay {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            signing: SigningKey::from_seed(&Secret32::from_bytes([number; 32])),
            journal: JournalId([number; 16]),
            sequence: 0,
            positions: BTreeMap::new(),
        }
    }

    /// The place of something taken in now.
    pub(crate) fn next_place(&mut self) -> Position {
        self.sequence += 1;
        Position {
            journal: self.journal,
            sequence: self.sequence,
        }
    }

    /// A restored backup: another journal, later than all before.
    pub(crate) fn restored(&mut self) {
        self.journal.0[0] += 1;
    }

    /// Takes an operation in: its place, and how it looks in a `Heal`.
    pub(crate) fn receive(&mut self, operation: &SignedOperation) -> HealedOperation {
        let place = self.next_place();
        let batch = Batch {
            journal: self.journal,
            accepted_at_ms: 1_000,
            items: vec![(place.sequence, operation.id().into())],
        };
        let receipt = batch.receipts(&self.signing).remove(0);
        self.positions.insert(operation.id(), place);
        HealedOperation {
            operation: operation.bytes().to_vec(),
            receipt: codec::encode(&receipt),
        }
    }
}

impl Receipts for TestRelay {
    fn position(&self, operation: &OperationId) -> Option<Position> {
        self.positions.get(operation).copied()
    }
}
