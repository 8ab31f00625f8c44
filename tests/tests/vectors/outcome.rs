//! What the reference makes of a reader bundle (PROTOCOL §28), as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use nahtlos_document::{Actor, Document, GateLimits};
use nahtlos_protocol::codec;
use nahtlos_protocol::counting::{self, CountedEnvelope, Verdict};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::erasing;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, ItemId, OperationId, SpaceId};
use nahtlos_protocol::space::authority::{self, At, Knowledge, View};
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::standing::{
    self, NoReceipts, Position, Receipts, ReceivedBefore, Suspended,
};
use nahtlos_protocol::space::state::{Epoch, Grant};
use nahtlos_protocol::space::{Kind, SignedOperation, SpaceState, staleness};
use nahtlos_protocol::wire::{Item, ItemKind, Receipt};
use serde_json::{Value, json};

use crate::desk::{DIRECTORY, section_containers};
use crate::keyring::{Keyring, held_epochs};
use crate::support::{from_hex, hex};
use crate::words::{error_word, kind_word, role_word};
use crate::world::Replica;

const BUNDLE_BYTES_MAX: usize = 1 << 30;

/// Everything that follows from a bundle.
pub struct Outcome {
    pub replica: Replica,
    device: DeviceId,
    keyring: Keyring,
    envelopes: BTreeMap<EnvelopeId, Envelope>,
    received: Received,
    problems: BTreeMap<String, String>,
}

/// Verified receipts: the earliest place of each item.
#[derive(Debug, Default)]
struct Received(BTreeMap<ItemId, Position>);

impl Receipts for Received {
    fn position(&self, operation: &OperationId) -> Option<Position> {
        self.0.get(&ItemId::from(*operation)).copied()
    }
}

impl Outcome {
    /// Reads a bundle's directory.
    pub fn of(directory: &Path) -> Self {
        let read = |name: &str| std::fs::read(directory.join(name)).expect(name);
        let hexadecimal = |name| from_hex(String::from_utf8(read(name)).expect(name).trim_end());
        let items: Vec<Item> =
            codec::decode(&read("items.cbor"), BUNDLE_BYTES_MAX).expect("a bundle's items");
        let network = SpaceId::from_slice(&hexadecimal("network")).expect("an id");
        let seed: [u8; 32] = hexadecimal("device.seed").try_into().expect("a seed");
        let keys = DeviceSeed::from_secret(Secret32::from_bytes(seed)).keys();
        let mut outcome = Self {
            replica: Replica {
                network: Some(network),
                ..Replica::default()
            },
            device: DeviceId(keys.public_keys().device_id()),
            keyring: Keyring::new(keys),
            envelopes: BTreeMap::new(),
            received: Received::default(),
            problems: BTreeMap::new(),
        };
        outcome.replay(&items);
        outcome.verify_receipts(&items, network);
        outcome.keyring.open(&outcome.replica, &items);
        outcome.verify_envelopes(&items);
        outcome
    }

    fn replay(&mut self, items: &[Item]) {
        let operations = items.iter().filter(|item| item.kind == ItemKind::Operation);
        let mut waiting: Vec<SignedOperation> = operations
            .map(|item| SignedOperation::decode(&item.bytes).expect("an operation"))
            .collect();
        loop {
            let before = waiting.len();
            let mut later = Vec::new();
            for signed in waiting {
                match append(&self.replica, &signed) {
                    Ok(state) => {
                        self.replica.logs.insert(state.id(), Arc::new(state));
                        self.problems.remove(&signed.id().to_string());
                    }
                    Err(error) => {
                        let word = error_word(&error).to_owned();
                        self.problems.insert(signed.id().to_string(), word);
                        if waits(&error) {
                            later.push(signed);
                        }
                    }
                }
            }
            if later.len() == before || later.is_empty() {
                return;
            }
            waiting = later;
        }
    }

    fn verify_receipts(&mut self, items: &[Item], network: SpaceId) {
        let Some(network) = self.replica.logs.get(&network).cloned() else {
            return;
        };
        let keys: Vec<_> = network.relay_keys_at(network.length()).collect();
        for item in items {
            let id = item_id(item);
            let good = |receipt: &Receipt| keys.iter().any(|key| receipt.verify(&id, key).is_ok());
            if good(&item.receipt) {
                let place = item.receipt.place();
                let earliest = self.received.0.entry(id).or_insert(place);
                *earliest = place.min(*earliest);
            } else {
                self.problems.insert(id.to_string(), "bad_receipt".into());
            }
        }
    }

    fn verify_envelopes(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| item.kind == ItemKind::Envelope) {
            let envelope = Envelope::decode(&item.bytes).expect("an envelope");
            match self.verify(&envelope) {
                Ok(()) => {
                    self.envelopes.insert(envelope.id(), envelope);
                }
                Err(word) => {
                    self.problems.insert(envelope.id().to_string(), word.into());
                }
            }
        }
    }

    /// Whether its author signed it and its epoch is one of its space.
    pub fn verify(&self, envelope: &Envelope) -> Result<(), &'static str> {
        let header = envelope.header();
        let knowledge =
            Knowledge::of(&self.replica, &header.access_heads).map_err(|_| "unknown_reference")?;
        let author = &header.author_device;
        let key =
            authority::verifying_key(&self.replica, author, &knowledge).ok_or("unknown_author")?;
        envelope.verify(&key).map_err(|_| "bad_signature")?;
        let state = self
            .replica
            .logs
            .get(&header.space)
            .ok_or("unknown_space")?;
        let known = state.epoch(&header.key_id).map(|_| ());
        known.ok_or("unknown_epoch")
    }

    /// What a second reader should find too.
    pub fn to_json(&self) -> Value {
        let spaces: BTreeMap<String, Value> = self
            .replica
            .logs
            .values()
            .map(|state| (state.id().to_string(), self.space(state)))
            .collect();
        json!({
            "network": self.replica.network.map(|network| network.to_string()),
            "device": self.device.to_string(),
            "spaces": spaces,
            "problems": self.problems,
        })
    }

    fn space(&self, state: &SpaceState) -> Value {
        let newest = View::NEWEST;
        let doubtful = standing::suspended_grants(&self.replica, state, newest, &NoReceipts);
        let suspended = standing::suspended_grants(&self.replica, state, newest, &self.received);
        let stale = staleness::staleness(&self.replica, state, newest, &suspended);
        let counting = counting::count(
            &self.replica,
            state,
            &self.counted(state),
            &self.received,
            &suspended,
        );
        let right = authority::right(&self.replica, &self.device, &state.id());
        let erased = self.erased(state, &suspended);
        let document = match erased {
            Some(_) => None,
            None => self.document(state, &counting.verdicts),
        };
        let length = state.length();
        let mut space = json!({
            "kind": kind_word(state.kind()),
            "length": length,
            "role": right.role.map_or("none", role_word),
            "administers": right.administer,
            "closed": state.closed_at().is_some(),
            "stale": stale.map_or(Value::Null, |stale| json!(stale.is_some())),
            "grants": state.grants().iter().map(|grant| grant_json(grant, length)).collect::<Vec<_>>(),
            "doubtful": doubtful.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "suspended": suspended.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "epochs": state.epochs().iter().map(|epoch| self.epoch(state, epoch)).collect::<Vec<_>>(),
            "branch_epochs": state.branches().iter().flat_map(|branch| branch.epochs())
                .map(|epoch| self.epoch(state, epoch)).collect::<Vec<_>>(),
            "label": self.label(state),
            "envelopes": counting.verdicts.iter()
                .map(|(id, verdict)| (id.to_string(), verdict_json(*verdict)))
                .collect::<BTreeMap<_, _>>(),
            "clones": self.clones(state, &counting),
            "heads": document.as_ref().map(|document| {
                document.heads().iter().map(ToString::to_string).collect::<Vec<_>>()
            }),
            "document": document.as_ref().map(Document::export_json),
        });
        if let (Some(erased), Some(space)) = (erased, space.as_object_mut()) {
            space.insert("erased".into(), erased);
        }
        space
    }

    /// The first erasure that erases the section, and its reason.
    fn erased(&self, state: &SpaceState, suspended: &Suspended) -> Option<Value> {
        let received = |id: &EnvelopeId| self.received.0.get(&ItemId::from(*id)).copied();
        let mut words: Vec<&Envelope> = self
            .envelopes
            .values()
            .filter(|one| one.header().space == state.id())
            .filter(|one| one.header().kind == EnvelopeKind::Erasure)
            .collect();
        words.sort_by_key(|word| {
            (
                received(&word.id()).is_none(),
                received(&word.id()),
                word.id(),
            )
        });
        let word = words.into_iter().find(|word| {
            let header = word.header();
            let knew = Knowledge::of(&self.replica, &header.access_heads).expect("verified");
            let author = &header.author_device;
            let erases = |since: View<'_>| {
                erasing::erases_section(&self.replica, state, author, &knew, since, suspended)
            };
            erases(View::NEWEST)
                || received(&word.id()).is_some_and(|position| {
                    let receipts = &self.received;
                    erases(View::at(At::Lengths(&ReceivedBefore {
                        position,
                        receipts,
                    })))
                })
        })?;
        let seed = self.keyring.seed(&state.id(), &word.header().key_id);
        let opened = seed.and_then(|seed| word.open_erasure(&seed).ok());
        let reason = opened.and_then(|payload| payload.reason);
        Some(json!({ "by": word.id().to_string(), "reason": reason }))
    }

    fn epoch(&self, state: &SpaceState, epoch: &Epoch) -> Value {
        let opened = self.keyring.seed(&state.id(), &epoch.key_id).is_some();
        json!({ "key_id": epoch.key_id.to_string(), "cut": epoch.cut, "opened": opened })
    }

    fn counted(&self, state: &SpaceState) -> Vec<CountedEnvelope> {
        let own = |envelope: &&Envelope| envelope.header().space == state.id();
        let counted = self.envelopes.values().filter(own).map(|envelope| {
            let header = envelope.header();
            let knowledge = Knowledge::of(&self.replica, &header.access_heads);
            CountedEnvelope {
                id: envelope.id(),
                author: header.author_device,
                author_sequence: header.author_sequence,
                kind: header.kind,
                knowledge: Arc::new(knowledge.expect("it was verified")),
                parents: header.parents.clone(),
                received: self.received.0.get(&envelope.id().into()).copied(),
            }
        });
        counted.collect()
    }

    /// Counting envelopes of one author that share a number.
    fn clones(&self, state: &SpaceState, counting: &counting::Counting) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<(DeviceId, u64), Vec<String>> = BTreeMap::new();
        for envelope in self.envelopes.values() {
            let header = envelope.header();
            let number = (header.author_device, header.author_sequence);
            if header.space == state.id() && counting.clones.contains(&number) {
                groups
                    .entry(number)
                    .or_default()
                    .push(envelope.id().to_string());
            }
        }
        groups.into_values().collect()
    }

    /// The label of the first epoch that opens: section code, home institution, nonce of the case.
    fn label(&self, state: &SpaceState) -> Value {
        let label = self.plain_label(state);
        label.map_or(
            Value::Null,
            |(code, home, nonce)| json!({ "code": code, "home": hex(&home), "nonce": hex(&nonce) }),
        )
    }

    fn plain_label(&self, state: &SpaceState) -> Option<(String, Vec<u8>, Vec<u8>)> {
        type Label = (String, minicbor::bytes::ByteVec, minicbor::bytes::ByteVec);
        let (seed, epoch) = state.epochs().iter().find_map(|epoch| {
            let seed = self.keyring.seed(&state.id(), &epoch.key_id)?;
            Some((seed, epoch))
        })?;
        let sealed = epoch.label.as_ref()?;
        let plain = epoch_secret::open_label(&seed, &epoch.key_id.0, sealed).expect("a label");
        let (code, home, nonce): Label = codec::decode(&plain, 2048).expect("a label");
        Some((code, home.to_vec(), nonce.to_vec()))
    }

    /// The document of what counts and can be opened, parents first.
    fn document(
        &self,
        state: &SpaceState,
        verdicts: &BTreeMap<EnvelopeId, Verdict>,
    ) -> Option<Document> {
        let mut document = match state.kind() {
            Kind::Network => Document::genesis(&DIRECTORY),
            Kind::Section => {
                let (code, _, _) = self.plain_label(state)?;
                Document::genesis(section_containers(&code))
            }
            _ => return None,
        }
        .expect("containers");
        let edits = |id: &EnvelopeId| {
            let envelope = &self.envelopes[id];
            envelope.header().kind == EnvelopeKind::Changes && verdicts[id].counts()
        };
        let mut waiting: Vec<EnvelopeId> = verdicts.keys().copied().filter(edits).collect();
        waiting.sort_by_key(|id| {
            let header = self.envelopes[id].header();
            (header.author_device, header.author_sequence, *id)
        });
        let mut applied: BTreeSet<EnvelopeId> = BTreeSet::new();
        let mut actors: BTreeMap<DeviceId, BTreeSet<Actor>> = BTreeMap::new();
        while let Some(position) = waiting.iter().position(|id| {
            let header = self.envelopes[id].header();
            let parents = header.parents.iter().all(|parent| applied.contains(parent));
            parents && self.keyring.seed(&header.space, &header.key_id).is_some()
        }) {
            let id = waiting.remove(position);
            self.apply(&mut document, &self.envelopes[&id], &mut actors);
            applied.insert(id);
        }
        Some(document)
    }

    fn apply(
        &self,
        document: &mut Document,
        envelope: &Envelope,
        actors: &mut BTreeMap<DeviceId, BTreeSet<Actor>>,
    ) {
        let header = envelope.header();
        let seed: EpochSeed = self
            .keyring
            .seed(&header.space, &header.key_id)
            .expect("held");
        let payload = envelope.open(&seed).expect("it opens");
        let own = actors.entry(header.author_device).or_default();
        for nonce in &payload.run_nonces {
            own.insert(Actor::derive(
                &header.space.0,
                &header.author_device.0,
                &nonce.0,
            ));
        }
        let changes: Vec<Vec<u8>> = payload.changes.into_iter().map(|change| change.0).collect();
        document
            .apply(
                &changes,
                &|actor| own.contains(actor),
                &GateLimits::default(),
            )
            .expect("the changes pass the gate");
    }

    /// Epochs this device opened, over all spaces.
    pub fn opened_epochs(&self) -> usize {
        held_epochs(&self.replica, &self.keyring)
    }
}

/// Replays one more operation on what a replica has.
pub fn append(replica: &Replica, signed: &SignedOperation) -> Result<SpaceState, ReplayError> {
    match replica.logs.get(&signed.space()) {
        None if signed.operation().index == 0 => {
            SpaceState::found(signed, replica, Signatures::Verify)
        }
        None => Err(ReplayError::NotNext),
        Some(state) => SpaceState::clone(state).append(signed, replica, Signatures::Verify),
    }
}

fn waits(error: &ReplayError) -> bool {
    matches!(
        error,
        ReplayError::NotNext | ReplayError::UnknownReference(_) | ReplayError::MissingLog(_)
    )
}

fn item_id(item: &Item) -> ItemId {
    match item.kind {
        ItemKind::Operation => SignedOperation::decode(&item.bytes)
            .expect("readable")
            .id()
            .into(),
        ItemKind::Envelope => Envelope::decode(&item.bytes).expect("readable").id().into(),
        ItemKind::JoinRequest => panic!("no world holds a join request"),
    }
}

fn verdict_json(verdict: Verdict) -> Value {
    let (word, reason) = match verdict {
        Verdict::Counts => ("counts", None),
        Verdict::Vouched => ("vouched", None),
        Verdict::Provisional => ("provisional", None),
        Verdict::Held(reason) => ("held", Some(reason.word())),
    };
    json!({ "verdict": word, "reason": reason })
}

fn grant_json(grant: &Grant, length: u64) -> Value {
    let state = if grant.is_ended_at(length) {
        "ended"
    } else if grant.is_confirmed_at(length) {
        "confirmed"
    } else {
        "waiting"
    };
    json!({
        "id": grant.id.to_string(),
        "member": hex(&grant.member.recipient().0),
        "role": role_word(grant.role),
        "state": state,
        "cut": grant.cut.map(|cut| cut.to_string()),
    })
}
