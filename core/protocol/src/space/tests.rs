//! Scenarios over small worlds: two institutions, their teams and people, one section.

mod hostile;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::author::{Author, AuthorError, Draft, EpochSecrets, NewEpoch, Prepared, wrap_info};
use super::authority::{self, View};
use super::effect::{DeviceKeys, Effect, History, InvitationProof, Member, WrapMethod};
use super::kind::{Kind, Role};
use super::operation::{Operation, OperationError, SignedOperation};
use super::recipients;
use super::replay::{ReplayError, Signatures};
use super::standing::Suspended;
use super::state::SpaceState;
use super::{admission_message, invitation_message};
use crate::codec;
use crate::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use crate::crypto::epoch_secret::EpochSeed;
use crate::crypto::label;
use crate::crypto::secret::Secret32;
use crate::crypto::signature::SigningKey;
use crate::crypto::test_random::TestRandom;
use crate::crypto::wrap;
use crate::identifier::{
    DeviceId, GrantId, InvitationId, KeyId, Nonce, SignatureBytes, SpaceId, VerifyingKeyBytes,
};

type Logs = BTreeMap<SpaceId, Arc<SpaceState>>;

/// One person's device and the seeds it holds.
struct TestDevice {
    id: DeviceId,
    keys: OwnKeys,
    seeds: RefCell<BTreeMap<KeyId, EpochSeed>>,
}

impl TestDevice {
    fn new(number: u8) -> Self {
        let keys = DeviceSeed::from_secret(Secret32::from_bytes([number; 32])).keys();
        let id = DeviceId(keys.public_keys().device_id());
        Self {
            id,
            keys,
            seeds: RefCell::default(),
        }
    }

    fn author(&self) -> Author<'_> {
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

    fn fresh(&self, number: u8) -> NewEpoch {
        let seed = EpochSeed::from_secret(Secret32::from_bytes([number; 32]));
        self.hold(&seed);
        NewEpoch {
            seed,
            previous: None,
            label: None,
            cut: false,
        }
    }

    fn hold(&self, seed: &EpochSeed) {
        let copy = EpochSeed::from_secret(Secret32::from_bytes(*seed.as_secret().expose()));
        self.seeds.borrow_mut().insert(KeyId(seed.key_id()), copy);
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

struct World {
    logs: Logs,
    random: TestRandom,
    counter: u8,
}

impl World {
    fn new() -> Self {
        Self {
            logs: Logs::new(),
            random: TestRandom::new(7),
            counter: 100,
        }
    }

    fn next(&mut self) -> u8 {
        self.counter += 1;
        self.counter
    }

    fn prepare(
        &mut self,
        device: &TestDevice,
        draft: Draft,
        space: Option<SpaceId>,
    ) -> Result<Prepared, AuthorError> {
        let state = space.map(|space| Arc::clone(&self.logs[&space]));
        draft.prepare(
            &self.logs,
            device,
            &device.author(),
            &mut self.random,
            state.as_deref(),
        )
    }

    fn act(&mut self, device: &TestDevice, draft: Draft, space: Option<SpaceId>) -> Prepared {
        let prepared = self
            .prepare(device, draft, space)
            .expect("the operation is valid");
        let id = prepared.state.id();
        self.logs.insert(id, Arc::new(prepared.state.clone()));
        prepared
    }

    fn create(
        &mut self,
        kind: Kind,
        guardian: Option<SpaceId>,
        founder: Option<DeviceKeys>,
    ) -> Effect {
        Effect::Create {
            kind,
            nonce: Nonce([self.next(); 16]),
            guardian,
            founder,
        }
    }

    fn add(&mut self, member: SpaceId, role: Role) -> Effect {
        Effect::Add {
            grant: GrantId([self.next(); 16]),
            member: Member::Space { id: member },
            role,
            history: History::Full,
            basis: None,
            not_after_ms: None,
            invitation: None,
        }
    }

    fn add_device(&mut self, device: &TestDevice, person: Option<SpaceId>) -> Effect {
        let message = admission_message(person, device.id);
        let signature = device.keys.signing.sign(label::ADMISSION_SIGN, &message);
        Effect::Add {
            grant: GrantId([self.next(); 16]),
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

    fn person(&mut self, device: &TestDevice, institution: SpaceId) -> SpaceId {
        let create = self.create(Kind::Person, Some(institution), None);
        let admit = self.add_device(device, None);
        let epoch = device.fresh(self.next());
        let draft = Draft::new().effect(create).effect(admit).epoch(epoch);
        self.act(device, draft, None).state.id()
    }

    fn institution(&mut self, device: &TestDevice) -> Institution {
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

    fn section(&mut self, device: &TestDevice, team: SpaceId) -> (SpaceId, EpochSeed) {
        let create = self.create(Kind::Section, None, None);
        let manage = self.add(team, Role::Manage);
        let number = self.next();
        let epoch = device.fresh(number);
        let draft = Draft::new().effect(create).effect(manage).epoch(epoch);
        let section = self.act(device, draft, None).state.id();
        (
            section,
            EpochSeed::from_secret(Secret32::from_bytes([number; 32])),
        )
    }

    fn right(&self, device: &TestDevice, space: SpaceId) -> authority::Right {
        authority::right(&self.logs, &device.id, &space)
    }
}

struct Institution {
    institution: SpaceId,
    person: SpaceId,
    team: SpaceId,
}

/// Signs a body by hand, as a modified program would, and replays it.
fn forge(
    world: &World,
    device: &TestDevice,
    space: SpaceId,
    change: impl FnOnce(&mut Operation),
    effects: Vec<Effect>,
) -> Result<SpaceState, ReplayError> {
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
    let signed = SignedOperation::sign(operation, &device.keys.signing);
    (**state)
        .clone()
        .append(&signed, &world.logs, Signatures::Verify)
}

#[test]
fn a_device_acts_through_person_and_team_and_a_reader_on_the_way_only_reads() {
    let mut world = World::new();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    assert_eq!(world.right(&a1, section).role, Some(Role::Manage));
    assert_eq!(world.right(&b1, section).role, None);

    // B reads in the team; the team manages the section; B still only reads there.
    let b = world.person(&b1, one.institution);
    let add = world.add(b, Role::Read);
    let team_seed = a1.seed(
        &one.team,
        &world.logs[&one.team].current_epoch().unwrap().key_id,
    );
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(team_seed.unwrap()),
        Some(one.team),
    );
    assert_eq!(world.right(&b1, section).role, Some(Role::Read));
    assert!(!world.right(&b1, section).changes_members());
    drop(seed);
}

#[test]
fn another_institution_reads_a_section_only_once_it_is_granted_and_only_there() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let (one, two) = (world.institution(&a1), world.institution(&c1));
    let (shared, seed) = world.section(&a1, one.team);
    let (other, _) = world.section(&a1, one.team);
    assert_eq!(world.right(&c1, shared).role, None);

    let add = world.add(two.team, Role::Write);
    let prepared = world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(shared),
    );
    assert_eq!(world.right(&c1, shared).role, Some(Role::Write));
    assert_eq!(world.right(&c1, other).role, None);

    // The wrap is for the team's epoch, hybrid because A is not inside it; C's team key opens it.
    let wrap = &prepared.wraps[0];
    let state = &world.logs[&shared];
    let record = state.current_epoch().unwrap().recipients[&wrap.recipient];
    assert_eq!(record.recipient.method, WrapMethod::Hybrid);
    let team_key = world.logs[&two.team].current_epoch().unwrap().key_id;
    let team_seed = c1.seed(&two.team, &team_key).unwrap();
    let key_id = state.current_epoch().unwrap().key_id;
    let info = wrap_info(&state.nonce(), &key_id, wrap.recipient, team_key);
    let opened = wrap::open_hybrid(&team_seed.kem_keys().0, &info, &wrap.bytes).unwrap();
    assert!(EpochSeed::from_secret(opened).check(&key_id.0).is_ok());
    // In another space the same wrap opens nothing.
    let elsewhere = wrap_info(&Nonce([0; 16]), &key_id, wrap.recipient, team_key);
    assert!(wrap::open_hybrid(&team_seed.kem_keys().0, &elsewhere, &wrap.bytes).is_err());
    // Nobody else's key does.
    let own_seed = a1.seed(
        &one.team,
        &world.logs[&one.team].current_epoch().unwrap().key_id,
    );
    assert!(wrap::open_hybrid(&own_seed.unwrap().kem_keys().0, &info, &wrap.bytes).is_err());
}

#[test]
fn a_custodian_administers_every_space_of_the_institution_and_holds_no_key() {
    let mut world = World::new();
    let (a1, k1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let custodian = world.person(&k1, one.institution);
    let add = world.add(custodian, Role::Administer);
    world.act(&a1, Draft::new().effect(add), Some(one.institution));
    let right = world.right(&k1, one.team);
    assert!(right.administer && right.role.is_none());
    // Whom a custodian adds is pending: no key is wrapped to them until a key holder confirms.
    let add = world.add(custodian, Role::Read);
    world.act(&k1, Draft::new().effect(add), Some(one.team));
    assert_eq!(world.right(&k1, one.team).role, None);
    let team = &world.logs[&one.team];
    let exact =
        recipients::effective_recipients(&world.logs, team, View::NEWEST, &Suspended::new())
            .unwrap();
    assert!(!exact.contains_key(&custodian.into()));
    assert!(
        exact.contains_key(&one.person.into()),
        "the confirmed member is a recipient"
    );
}

#[test]
fn a_stranger_or_a_reader_cannot_change_members_rotate_or_name_a_relay() {
    let mut world = World::new();
    let (a1, b1, x1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    let b = world.person(&b1, one.institution);
    let add = world.add(b, Role::Read);
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    let stranger = world.person(&x1, one.institution);

    for device in [&b1, &x1] {
        let grab = world.add(stranger, Role::Manage);
        let refused = forge(
            &world,
            device,
            section,
            |operation| {
                let heads = recipients::beneath_heads(&world.logs, [stranger, b]).unwrap();
                operation.references = heads.into_values().collect();
            },
            vec![grab],
        );
        assert_eq!(
            refused.unwrap_err(),
            ReplayError::NotEntitled { effect: "Add" }
        );
    }
    let rotate = world.prepare(&b1, Draft::new().epoch(b1.fresh(250)), Some(section));
    assert!(matches!(
        rotate,
        Err(AuthorError::Replay(ReplayError::NotEntitled {
            effect: "Epoch"
        }))
    ));
    // Control: the manager may do all of it.
    let add = world.add(stranger, Role::Read);
    let prepared = world.prepare(&a1, Draft::new().effect(add), Some(section));
    assert!(prepared.is_ok());
}

#[test]
fn an_epoch_for_more_or_fewer_than_the_effective_recipients_is_refused() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let (one, two) = (world.institution(&a1), world.institution(&c1));
    let (section, seed) = world.section(&a1, one.team);
    let add = world.add(two.team, Role::Read);
    world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    let rotate = world
        .prepare(&a1, Draft::new().epoch(a1.fresh(240)), Some(section))
        .unwrap();
    let good = rotate.operation.operation().effects[0].clone();
    let references = rotate.operation.operation().references.clone();

    let with = |world: &World, effect: Effect| {
        let references = references.clone();
        forge(
            world,
            &a1,
            section,
            |operation| operation.references = references,
            vec![effect],
        )
    };
    assert!(
        with(&world, good.clone()).is_ok(),
        "control: the exact epoch is taken"
    );
    let change = |edit: fn(&mut Vec<super::effect::Recipient>)| {
        let mut changed = good.clone();
        if let Effect::Epoch { recipients, .. } = &mut changed {
            edit(recipients);
        }
        changed
    };
    let fewer = change(|recipients| {
        recipients.pop();
    });
    let more = change(|recipients| {
        let mut extra = recipients[0];
        extra.id.0 = [255; 32];
        recipients.push(extra);
    });
    let other_key = change(|recipients| recipients[0].key.0[0] ^= 1);
    for bad in [fewer, more, other_key] {
        assert_eq!(with(&world, bad).unwrap_err(), ReplayError::NotExact);
    }
}

#[test]
fn wraps_that_a_relay_swapped_drops_or_adds_are_noticed() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(one.team, Role::Manage);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .epoch(a1.fresh(200));
    let prepared = world.act(&a1, draft, None);
    let wraps: Vec<_> = prepared
        .wraps
        .iter()
        .map(|wrap| (wrap.recipient, wrap.bytes.as_slice()))
        .collect();
    assert!(recipients::check_wraps(&prepared.operation, wraps.clone()).is_ok());
    assert!(recipients::check_wraps(&prepared.operation, []).is_err());
    let mut changed = prepared.wraps[0].bytes.clone();
    changed[0] ^= 1;
    let swapped = [(wraps[0].0, changed.as_slice())];
    assert!(recipients::check_wraps(&prepared.operation, swapped).is_err());
    let doubled = [wraps[0], wraps[0]];
    assert!(recipients::check_wraps(&prepared.operation, doubled).is_err());
}

#[test]
fn a_wrap_is_made_only_to_keys_from_replayed_logs() {
    // Somebody hands over a log of the second team in which the device's key was swapped. The
    // device id commits to the key and the device countersigned its admission, so it does not replay.
    let mut world = World::new();
    let (a1, c1, thief) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(9));
    let one = world.institution(&a1);
    let create = world.create(Kind::Person, Some(one.institution), None);
    let admit = world.add_device(&c1, None);
    let honest = Operation {
        version: 1,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: c1.id,
        claimed_at_ms: 0,
        references: Vec::new(),
        effects: vec![create, admit],
    };
    let signed = SignedOperation::sign(honest.clone(), &c1.keys.signing);
    assert!(
        SpaceState::found(&signed, &world.logs, Signatures::Verify).is_ok(),
        "control"
    );
    let mut swapped = honest;
    if let Effect::Add {
        member: Member::Device { keys, .. },
        ..
    } = &mut swapped.effects[1]
    {
        keys.kem = thief.public().kem;
    }
    let resigned = SignedOperation::sign(swapped, &thief.keys.signing);
    let refused = SpaceState::found(&resigned, &world.logs, Signatures::Verify);
    assert!(refused.is_err());
    let _ = a1;
}

#[test]
fn every_changed_byte_of_a_signed_operation_is_noticed() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let create = world.create(Kind::Section, None, None);
    let manage = world.add(one.team, Role::Manage);
    let draft = Draft::new()
        .effect(create)
        .effect(manage)
        .epoch(a1.fresh(201));
    let prepared = world.prepare(&a1, draft, None).unwrap();
    let bytes = prepared.operation.bytes().to_vec();
    let check = |bytes: &[u8]| {
        SignedOperation::decode(bytes)
            .is_ok_and(|signed| SpaceState::found(&signed, &world.logs, Signatures::Verify).is_ok())
    };
    assert!(check(&bytes), "control");
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(!check(&changed), "byte {position}");
    }
}

#[test]
fn an_operation_that_does_not_follow_the_head_or_goes_back_in_its_references_is_refused() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let (section, _) = world.section(&a1, one.team);
    let invite = |number: u8| Effect::Invite {
        invitation: InvitationId([number; 32]),
        role: Role::Read,
        not_after_ms: 5,
    };
    let forged = |world: &World, change: fn(&mut Operation)| {
        forge(world, &a1, section, change, vec![invite(1)]).map(|state| state.length())
    };
    assert_eq!(forged(&world, |_| {}), Ok(2), "control");
    assert_eq!(
        forged(&world, |operation| operation.index += 1),
        Err(ReplayError::NotNext)
    );
    assert_eq!(
        forged(&world, |operation| operation.previous =
            Some(crate::identifier::OperationId([1; 32]))),
        Err(ReplayError::NotNext)
    );
    // The team's log grows and the section's next operation refers to it; going back is refused.
    let old = world.logs[&one.team].head().unwrap();
    world.act(&a1, Draft::new().effect(invite(2)), Some(one.team));
    world.act(&a1, Draft::new().effect(invite(3)), Some(section));
    let back = forge(
        &world,
        &a1,
        section,
        |operation| {
            for head in &mut operation.references {
                if head.space == old.space {
                    *head = old;
                }
            }
        },
        vec![invite(4)],
    );
    assert_eq!(back.unwrap_err(), ReplayError::BadReferences);
    let unknown = forge(
        &world,
        &a1,
        section,
        |operation| {
            operation.references[0].operation.0[0] ^= 1;
        },
        vec![invite(4)],
    );
    assert!(matches!(unknown, Err(ReplayError::UnknownReference(_))));
}

#[test]
fn an_operation_of_an_unknown_version_or_suite_needs_a_newer_program() {
    let a1 = TestDevice::new(1);
    let operation = Operation {
        version: 2,
        suite: 2,
        space: None,
        index: 0,
        previous: None,
        author: a1.id,
        claimed_at_ms: 0,
        references: Vec::new(),
        effects: Vec::new(),
    };
    let decode = |operation: Operation| {
        SignedOperation::decode(SignedOperation::sign(operation, &a1.keys.signing).bytes())
    };
    let newer = |version, suite| Err(OperationError::NeedsNewer { version, suite });
    assert_eq!(decode(operation.clone()), newer(2, 2));
    // Suite 1 has no post-quantum half: a released program refuses it.
    assert_eq!(
        decode(Operation {
            version: 1,
            suite: 1,
            ..operation.clone()
        }),
        newer(1, 1)
    );
    assert!(
        decode(Operation {
            version: 1,
            ..operation
        })
        .is_ok(),
        "control"
    );
}

#[test]
fn an_invitation_admits_one_newcomer_in_the_role_it_names() {
    let mut world = World::new();
    let (a1, b1, c1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let key = SigningKey::from_seed(&Secret32::from_bytes([77; 32]));
    let invitation = InvitationId(*key.verifying_key().as_bytes());
    let invite = Effect::Invite {
        invitation,
        role: Role::Write,
        not_after_ms: 9_999,
    };
    world.act(&a1, Draft::new().effect(invite), Some(one.team));
    let (b, c) = (
        world.person(&b1, one.institution),
        world.person(&c1, one.institution),
    );
    let join = |world: &mut World, newcomer: SpaceId, signed_for: SpaceId, role: Role| {
        let message = invitation_message(one.team, signed_for);
        let signature = SignatureBytes(*key.sign(label::INVITATION_SIGN, &message).as_bytes());
        let proof = InvitationProof {
            invitation,
            signature,
        };
        let mut add = world.add(newcomer, role);
        if let Effect::Add { invitation, .. } = &mut add {
            *invitation = Some(proof);
        }
        let prepared = world.prepare(&a1, Draft::new().effect(add), Some(one.team));
        prepared.map(|prepared| {
            world.logs.insert(one.team, Arc::new(prepared.state));
        })
    };
    assert!(
        join(&mut world, b, c, Role::Write).is_err(),
        "signed for somebody else"
    );
    assert!(
        join(&mut world, b, b, Role::Manage).is_err(),
        "another role"
    );
    assert!(join(&mut world, b, b, Role::Write).is_ok(), "control");
    assert!(join(&mut world, c, c, Role::Write).is_err(), "used already");
}

#[test]
fn a_device_is_admitted_only_with_its_own_countersignature_for_this_person() {
    let mut world = World::new();
    let (a1, a2, x1) = (TestDevice::new(1), TestDevice::new(2), TestDevice::new(3));
    let one = world.institution(&a1);
    let other = world.person(&x1, one.institution);
    let good = world.add_device(&a2, Some(one.person));
    let for_other = world.add_device(&a2, Some(other));
    let mut by_other = world.add_device(&a2, Some(one.person));
    if let Effect::Add {
        member: Member::Device {
            countersignature, ..
        },
        ..
    } = &mut by_other
    {
        let message = admission_message(Some(one.person), a2.id);
        countersignature.0 = *x1
            .keys
            .signing
            .sign(label::ADMISSION_SIGN, &message)
            .as_bytes();
    }
    for bad in [for_other, by_other] {
        let refused = world.prepare(&a1, Draft::new().effect(bad), Some(one.person));
        assert!(matches!(
            refused,
            Err(AuthorError::Replay(ReplayError::BadSignature))
        ));
    }
    assert!(
        world
            .prepare(&a1, Draft::new().effect(good), Some(one.person))
            .is_ok()
    );
}

#[test]
fn a_newcomer_without_an_epoch_is_wrapped_to_by_device_until_it_has_one() {
    let mut world = World::new();
    let (a1, c1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let (section, seed) = world.section(&a1, one.team);
    let create = world.create(Kind::Person, Some(one.institution), None);
    let admit = world.add_device(&c1, None);
    let person = world
        .act(&c1, Draft::new().effect(create).effect(admit), None)
        .state
        .id();
    let add = world.add(person, Role::Read);
    let added = world.act(
        &a1,
        Draft::new().effect(add).wrap_missing(seed),
        Some(section),
    );
    assert_eq!(added.wraps[0].recipient, c1.id.into());
    world.act(&c1, Draft::new().epoch(c1.fresh(222)), Some(person));
    let state = &world.logs[&section];
    let missing =
        recipients::missing_wraps(&world.logs, state, View::NEWEST, &Suspended::new()).unwrap();
    assert!(missing.is_empty(), "reached through the only device");
}

#[test]
fn a_team_gets_a_wrap_of_its_own_even_where_its_only_member_has_one() {
    let mut world = World::new();
    let (a1, b1) = (TestDevice::new(1), TestDevice::new(2));
    let one = world.institution(&a1);
    let two = world.institution(&b1);
    let (section, seed) = world.section(&a1, one.team);
    let person = world.add(two.person, Role::Read);
    let draft = Draft::new().effect(person).wrap_missing(seed.clone());
    let added = world.act(&a1, draft, Some(section));
    assert_eq!(added.wraps[0].recipient, two.person.into(), "control");
    let team = world.add(two.team, Role::Read);
    let draft = Draft::new().effect(team).wrap_missing(seed);
    let added = world.act(&a1, draft, Some(section));
    let recipients: Vec<_> = added.wraps.iter().map(|wrap| wrap.recipient).collect();
    assert_eq!(
        recipients,
        [two.team.into()],
        "who joins the team later reads by it"
    );
}

#[test]
fn operations_round_trip_exactly_and_refuse_trailing_bytes() {
    let mut world = World::new();
    let a1 = TestDevice::new(1);
    let one = world.institution(&a1);
    let state = &world.logs[&one.team];
    assert!(state.length() > 0);
    let create = world.create(Kind::Section, None, None);
    let add = world.add(one.team, Role::Manage);
    let draft = Draft::new().effect(create).effect(add).epoch(a1.fresh(202));
    let prepared = world.prepare(&a1, draft, None).unwrap();
    let decoded = SignedOperation::decode(prepared.operation.bytes()).unwrap();
    assert_eq!(decoded, prepared.operation);
    let mut longer = prepared.operation.bytes().to_vec();
    longer.push(0);
    assert!(matches!(
        SignedOperation::decode(&longer),
        Err(OperationError::Codec(codec::CodecError::NotCanonical))
    ));
}
