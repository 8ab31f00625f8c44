//! Any log: an input is a program of operations that members with valid keys sign, sensible or not,
//! on the founded world. Whatever they are, replay ends, and says the same in every order.

use std::collections::BTreeSet;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{
    DeviceId, EnvelopeId, GrantId, InvitationId, JournalId, KeyId, Nonce, OperationId, RecipientId,
    SignatureBytes, SpaceId, VerifyingKeyBytes, WrapHash,
};
use nahtlos_protocol::space::authority::{self, Logs, View};
use nahtlos_protocol::space::effect::{DeviceKeys, HealedOperation, InvitationProof, Recipient};
use nahtlos_protocol::space::{
    Effect, History, Kind, LogHead, Member, Operation, Role, SignedOperation, SpaceState,
    Suspended, WrapMethod, admission_message, invitation_message, recipients, staleness,
};
use nahtlos_protocol::wire::Batch;

use super::fixture::{self, Founded};
use super::source::Source;
use crate::model::replica::{DEVICES, Replica};

const OPERATIONS_MAX: usize = 24;

/// Plays the input, then replays what was taken from nothing, in the order made and in another one.
pub fn replay_any(bytes: &[u8]) {
    let mut source = Source(bytes);
    let played = Log::play(&mut source, OPERATIONS_MAX);
    played.ask_everything();
    let described = played.replica.described();
    let network = played.replica.network();
    let again = replayed(network, played.taken.iter());
    assert_eq!(again.described(), described, "the same log, another state");
    let backwards = replayed(network, played.taken.iter().rev());
    assert_eq!(
        backwards.described(),
        described,
        "another order, another state"
    );
}

/// Delivers until nothing more is taken.
fn replayed<'a>(
    network: Option<SpaceId>,
    operations: impl Iterator<Item = &'a SignedOperation>,
) -> Replica {
    let mut replica = Replica::empty(network);
    let mut waiting: Vec<&SignedOperation> = operations.collect();
    loop {
        let before = waiting.len();
        waiting.retain(|one| {
            let taken = replica.deliver(one);
            !taken.expect("what one replica takes no other refuses")
        });
        if waiting.is_empty() || waiting.len() == before {
            return replica;
        }
    }
}

/// A log being made.
pub(super) struct Log {
    founded: &'static Founded,
    pub replica: Replica,
    /// In the order in which they were taken.
    pub taken: Vec<SignedOperation>,
    pub spaces: Vec<SpaceId>,
    refused: Vec<SignedOperation>,
    counter: u64,
}

impl Log {
    pub fn play(source: &mut Source<'_>, operations_max: usize) -> Self {
        let founded = fixture::founded();
        let mut log = Self {
            founded,
            replica: founded.replica.clone(),
            taken: founded.operations.clone(),
            spaces: founded.spaces.clone(),
            refused: Vec::new(),
            counter: 1_000_000,
        };
        for _ in 0..operations_max {
            if source.is_empty() {
                break;
            }
            log.step(source);
        }
        log
    }

    fn step(&mut self, source: &mut Source<'_>) {
        let by = source.below(DEVICES);
        let space = source.below(self.spaces.len() + 1);
        let state = self.spaces.get(space).and_then(|id| self.replica.state(id));
        let effects = self.effects(source, state.as_deref(), by);
        let head = state.as_ref().and_then(|state| state.head());
        let moved = u64::from(source.once_in(32));
        self.counter += 1;
        let operation = Operation {
            version: 1,
            suite: 2,
            space: head.map(|head| head.space),
            index: head.map_or(0, |head| head.index + 1) + moved,
            previous: head.map(|head| head.operation),
            author: self.founded.device(by),
            claimed_at_ms: self.counter,
            references: self.references(source, state.as_deref(), by),
            effects,
        };
        let signer = if source.once_in(32) {
            (by + 1) % DEVICES
        } else {
            by
        };
        let signed = SignedOperation::sign(operation, &self.founded.keys[signer].signing);
        let _newest = SpaceState::check_at_newest(state.as_deref(), &signed, &self.replica);
        match self.replica.deliver(&signed) {
            Ok(true) => {
                assert_eq!(signer, by, "signed by somebody else, and taken");
                assert_eq!(self.replica.deliver(&signed), Ok(false), "taken twice");
                if signed.operation().index == 0 {
                    self.spaces.push(signed.space());
                }
                self.taken.push(signed);
            }
            Ok(false) => self.refused.push(signed),
            Err(refused) => {
                assert!(!refused.to_string().is_empty());
                self.refused.push(signed);
            }
        }
    }

    /// What the author's path needs, or what the input says.
    fn references(
        &self,
        source: &mut Source<'_>,
        state: Option<&SpaceState>,
        by: usize,
    ) -> Vec<LogHead> {
        let device = self.founded.device(by);
        let mut known: BTreeSet<SpaceId> = BTreeSet::new();
        let mode = source.byte();
        if mode & 1 == 0 {
            if let Some(state) = state {
                known.extend(authority::path_heads(&self.replica, &device, state).into_keys());
            }
            known.extend(self.spaces.get(by + 1));
        }
        let chosen = (usize::from(mode >> 1)).wrapping_mul(if mode & 2 == 0 { 0 } else { 37 });
        for (place, space) in self.spaces.iter().enumerate() {
            if chosen >> (place % 8) & 1 == 1 {
                known.insert(*space);
            }
        }
        if let Some(state) = state {
            known.remove(&state.id());
        }
        let older = source.once_in(8);
        let heads = known.into_iter().filter_map(|space| {
            let state = self.replica.state(&space)?;
            let state = if older {
                state.truncated(state.length().saturating_sub(1))
            } else {
                (*state).clone()
            };
            state.head()
        });
        heads.collect()
    }

    fn effects(
        &mut self,
        source: &mut Source<'_>,
        state: Option<&SpaceState>,
        by: usize,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if state.is_none() {
            effects.push(self.create(source, by));
        }
        for _ in 0..source.below(3) + usize::from(state.is_some()) {
            effects.push(self.effect(source, state, by));
        }
        effects
    }

    fn create(&mut self, source: &mut Source<'_>, by: usize) -> Effect {
        const KINDS: [Kind; 5] = [
            Kind::Person,
            Kind::Team,
            Kind::Section,
            Kind::Institution,
            Kind::Network,
        ];
        let kind = KINDS[source.below(KINDS.len())];
        self.counter += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.counter.to_be_bytes());
        let choices = source.byte();
        Effect::Create {
            kind,
            nonce: Nonce(nonce),
            guardian: (choices & 1 == 1)
                .then(|| self.spaces[usize::from(choices >> 4) % self.spaces.len()]),
            founder: (choices & 2 == 2).then(|| self.public(by)),
        }
    }

    fn effect(&mut self, source: &mut Source<'_>, state: Option<&SpaceState>, by: usize) -> Effect {
        let grant = |source: &mut Source<'_>| {
            let place = source.below(256);
            let known =
                state.and_then(|state| state.grants().get(place % state.grants().len().max(1)));
            known.map_or(GrantId([place as u8; 16]), |grant| grant.id)
        };
        let key_id = |source: &mut Source<'_>| {
            let place = source.below(256);
            let known = state.and_then(|state| state.epochs().iter().rev().nth(place));
            known.map_or(KeyId([place as u8; 32]), |epoch| epoch.key_id)
        };
        match source.below(16) {
            0 | 1 => self.add(source, state, by),
            2 => Effect::Confirm {
                grant: grant(source),
                key_id: source.once_in(4).then(|| key_id(source)),
            },
            3 => Effect::Wrap {
                key_id: key_id(source),
                recipients: self.recipients(source, state),
                suspended: if source.once_in(4) {
                    vec![grant(source)]
                } else {
                    Vec::new()
                },
            },
            4 => Effect::Link {
                key_id: key_id(source),
                previous: key_id(source),
                link: vec![7; 40 + source.below(16)],
            },
            5 | 6 => {
                let by_member = source.once_in(3);
                Effect::Remove {
                    grant: (!by_member).then(|| grant(source)),
                    member: by_member.then(|| self.recipient(source)),
                    reason: source.byte(),
                }
            }
            7 => Effect::SetRole {
                grant: grant(source),
                role: role(source),
            },
            8 => Effect::Expire {
                grant: grant(source),
            },
            9 | 10 => self.epoch(source, state),
            11 => Effect::BadWrap {
                key_id: key_id(source),
                recipient: self.recipient(source),
            },
            12 => Effect::Void {
                envelopes: (0..source.below(4))
                    .map(|_| EnvelopeId([source.byte(); 32]))
                    .collect(),
                grants: (0..source.below(3)).map(|_| grant(source)).collect(),
            },
            13 => self.heal(source),
            14 => match source.below(3) {
                0 => Effect::Close {},
                1 => Effect::SetRelay {
                    key: VerifyingKeyBytes([source.byte(); 32]),
                },
                _ => Effect::Invite {
                    invitation: InvitationId(
                        *self.founded.keys[source.below(DEVICES)]
                            .signing
                            .verifying_key()
                            .as_bytes(),
                    ),
                    role: role(source),
                    not_after_ms: source.number(),
                },
            },
            _ => self.create(source, by),
        }
    }

    fn add(&mut self, source: &mut Source<'_>, state: Option<&SpaceState>, by: usize) -> Effect {
        self.counter += 1;
        let mut grant = [0; 16];
        grant[..8].copy_from_slice(&self.counter.to_be_bytes());
        let inviting = state.map_or(SpaceId([0; 32]), SpaceState::id);
        let newcomer = self.spaces[source.below(self.spaces.len())];
        let member = if source.once_in(3) {
            let device = source.below(DEVICES);
            let person = state.map(SpaceState::id).filter(|_| !source.once_in(8));
            let message = admission_message(person, self.founded.device(device));
            let signature = self.founded.keys[device]
                .signing
                .sign(label::ADMISSION_SIGN, &message);
            Member::Device {
                keys: self.public(device),
                countersignature: SignatureBytes(*signature.as_bytes()),
            }
        } else {
            Member::Space { id: newcomer }
        };
        let invitation = source.once_in(8).then(|| {
            let key = &self.founded.keys[by].signing;
            let signature = key.sign(
                label::INVITATION_SIGN,
                &invitation_message(inviting, newcomer),
            );
            InvitationProof {
                invitation: InvitationId(*key.verifying_key().as_bytes()),
                signature: SignatureBytes(*signature.as_bytes()),
            }
        });
        Effect::Add {
            grant: GrantId(grant),
            member,
            role: role(source),
            history: if source.once_in(4) {
                History::FromNow
            } else {
                History::Full
            },
            basis: source.once_in(8).then(|| vec![1; source.below(256)]),
            not_after_ms: source.once_in(4).then(|| source.number()),
            invitation,
        }
    }

    fn epoch(&mut self, source: &mut Source<'_>, state: Option<&SpaceState>) -> Effect {
        self.counter += 1;
        let mut key_id = [0; 32];
        key_id[..8].copy_from_slice(&self.counter.to_be_bytes());
        let previous = state
            .and_then(|state| state.current_epoch())
            .map(|epoch| epoch.key_id);
        let has_kem =
            state.is_some_and(|state| !matches!(state.kind(), Kind::Section | Kind::Network));
        let choices = source.byte();
        let cut = choices & 3 == 3;
        Effect::Epoch {
            key_id: KeyId(key_id),
            kem: (has_kem != (choices & 0x30 == 0x30))
                .then(|| self.founded.keys[0].public_keys().kem.as_bytes().to_vec()),
            previous: previous.filter(|_| choices & 0xc0 != 0xc0),
            link: (previous.is_some() && !cut).then(|| vec![5; 48]),
            label: (choices & 0x0c == 0x0c).then(|| vec![6; 336]),
            recipients: self.recipients(source, state),
            cut,
            suspended: Vec::new(),
        }
    }

    /// Exactly those that must be wrapped to, or some.
    fn recipients(&self, source: &mut Source<'_>, state: Option<&SpaceState>) -> Vec<Recipient> {
        let mode = source.byte();
        let effective = state.filter(|_| mode < 192).and_then(|state| {
            recipients::effective_recipients(&self.replica, state, View::NEWEST, &Suspended::new())
                .ok()
        });
        let Some(effective) = effective else {
            let mut some: Vec<Recipient> = (0..mode % 4)
                .map(|place| recipient(self.recipient(source), KeyId([place; 32])))
                .collect();
            some.sort_unstable();
            return some;
        };
        let targets = effective.into_values().skip(usize::from(mode == 0));
        targets
            .map(|target| recipient(target.id(), target.key()))
            .collect()
    }

    fn recipient(&self, source: &mut Source<'_>) -> RecipientId {
        let place = source.below(self.spaces.len() + DEVICES);
        match self.spaces.get(place) {
            Some(space) => (*space).into(),
            None => self.founded.device(place - self.spaces.len()).into(),
        }
    }

    /// Operations that were not taken (or were), with receipts of the relay or of nobody.
    fn heal(&self, source: &mut Source<'_>) -> Effect {
        let from = if source.once_in(4) {
            &self.taken
        } else {
            &self.refused
        };
        let relay = SigningKey::from_seed(&Secret32::from_bytes([99; 32]));
        let branch = (0..=source.below(3)).filter_map(|_| {
            let place = source.below(256);
            let operation = from.iter().rev().nth(place % from.len().max(1))?;
            let batch = Batch {
                journal: JournalId([1; 16]),
                accepted_at_ms: 0,
                items: vec![(self.counter, operation.id().into())],
            };
            Some(HealedOperation {
                operation: operation.bytes().to_vec(),
                receipt: codec::encode(batch.receipts(&relay).first()?),
            })
        });
        Effect::Heal {
            branch: branch.collect(),
        }
    }

    fn public(&self, device: usize) -> DeviceKeys {
        let public = self.founded.keys[device].public_keys();
        DeviceKeys {
            verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
            kem: public.kem.as_bytes().to_vec(),
        }
    }

    /// Every question a client or relay asks of logs.
    fn ask_everything(&self) {
        let none = Suspended::new();
        for space in &self.spaces {
            let Some(state) = self.replica.state(space) else {
                continue;
            };
            for device in 0..DEVICES {
                let device: DeviceId = self.founded.device(device);
                let _right = authority::right(&self.replica, &device, space);
                let _path = authority::path_heads(&self.replica, &device, &state);
            }
            let _stale = staleness::is_stale(&self.replica, &state, &none);
            let _wanted =
                recipients::effective_recipients(&self.replica, &state, View::NEWEST, &none);
            let _missing = recipients::missing_wraps(&self.replica, &state, View::NEWEST, &none);
            for length in 0..=state.length() {
                assert_eq!(state.truncated(length).length(), length);
            }
            for operation in 0..state.length() {
                let record = state.operation(operation);
                let _id: OperationId = record.expect("every operation below its length").id;
            }
        }
    }
}

fn recipient(id: RecipientId, key: KeyId) -> Recipient {
    Recipient {
        id,
        key,
        method: WrapMethod::Hybrid,
        wrap: WrapHash([8; 32]),
    }
}

fn role(source: &mut Source<'_>) -> Role {
    [Role::Manage, Role::Write, Role::Read, Role::Administer][source.below(4)]
}
