//! One author's work in one section: a document, its heads, and the envelopes that carry edits.

use nahtlos_casework::{SectionKind, containers};
use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Actor, Document, Editor, GateLimits, SnapshotLimits, WriteError};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::snapshot::{
    DocumentHead, ErasurePayload, SnapshotActor, SnapshotPayload, StatementPayload,
};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::space::authority::path_heads;
use nahtlos_protocol::space::{LogHead, SpaceState};

use crate::world::{Device, NOW_MS, Replica, World};

/// Containers of the directory.
pub const DIRECTORY: [&str; 4] = ["network", "institutions", "teams", "people"];

/// Containers of a section's document.
pub fn section_containers(code: &str) -> &'static [&'static str] {
    containers(&SectionKind::from_code(code))
}

/// What one author has of one document.
#[derive(Clone)]
pub struct Desk {
    space: SpaceId,
    document: Document,
    heads: Vec<EnvelopeId>,
    sequence: u64,
    nonce: Nonce,
    announced: bool,
    actors: BTreeMap<[u8; 16], DeviceId>,
    covered: BTreeSet<EnvelopeId>,
    /// Logs that its access heads name besides the section's and the author's path.
    pub also_names: Vec<SpaceId>,
}

impl Desk {
    pub fn new(world: &mut World, who: &Device, space: SpaceId, containers: &[&str]) -> Self {
        let nonce = Nonce(world.random.bytes());
        let mut document = Document::genesis(containers).expect("containers");
        document.set_actor(Actor::derive(&space.0, &who.id.0, &nonce.0));
        Self {
            space,
            document,
            heads: Vec::new(),
            sequence: 0,
            nonce,
            announced: false,
            actors: BTreeMap::new(),
            covered: BTreeSet::new(),
            also_names: Vec::new(),
        }
    }

    /// Seals one edit by what a replica knows, on everything this desk has.
    pub fn write(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        edit: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
    ) -> Envelope {
        let state = &replica.logs[&self.space];
        let current = state.current_epoch().expect("an epoch").key_id;
        let seed = world.seeds.get(&current);
        self.write_under(world, replica, who, &seed, edit)
    }

    /// The same under an epoch of one's choice.
    pub fn write_under(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        seed: &EpochSeed,
        edit: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
    ) -> Envelope {
        let change = self
            .document
            .edit(NOW_MS.cast_signed() / 1000, None, edit)
            .expect("the edit is good")
            .expect("the edit changes something");
        let parents = self.heads.clone();
        let header = self.header(world, replica, who, seed, EnvelopeKind::Changes, parents);
        let payload = Payload {
            run_nonces: if self.announced {
                Vec::new()
            } else {
                vec![self.nonce]
            },
            changes: vec![Change(change.into_bytes())],
        };
        let envelope =
            Envelope::seal(&header, &payload, seed, &who.keys.signing).expect("it can be sealed");
        self.announced = true;
        self.heads = vec![envelope.id()];
        self.note(who.id, &envelope, &payload);
        world.payloads.insert(envelope.id(), payload);
        envelope
    }

    fn header(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        seed: &EpochSeed,
        kind: EnvelopeKind,
        parents: Vec<EnvelopeId>,
    ) -> Header {
        self.sequence += 1;
        let mut access_heads = access_heads(replica, who, &replica.logs[&self.space]);
        let also = self.also_names.iter();
        access_heads.extend(also.filter_map(|space| replica.logs[space].head()));
        access_heads.sort_by_key(|head| head.space);
        Header {
            version: 1,
            suite: 2,
            kind,
            space: self.space,
            key_id: KeyId(seed.key_id()),
            author_device: who.id,
            author_sequence: self.sequence,
            access_heads,
            parents,
            salt: Salt(world.random.bytes()),
        }
    }

    fn note(&mut self, author: DeviceId, envelope: &Envelope, payload: &Payload) {
        for nonce in &payload.run_nonces {
            let actor = Actor::derive(&self.space.0, &author.0, &nonce.0);
            self.actors.insert(*actor.as_bytes(), author);
        }
        self.covered.insert(envelope.id());
    }

    /// A snapshot of everything on this desk.
    pub fn snapshot(&mut self, world: &mut World, replica: &Replica, who: &Device) -> Envelope {
        let seed = current_seed(world, replica, self.space);
        let made = self
            .document
            .snapshot(&SnapshotLimits::default())
            .expect("it is small");
        let payload = SnapshotPayload {
            document: made.compressed,
            document_bytes: made.bytes,
            heads: self.document_heads(),
            actors: self
                .actors
                .iter()
                .map(|(actor, device)| SnapshotActor {
                    actor: Nonce(*actor),
                    device: *device,
                })
                .collect(),
            covered: self.covered.iter().copied().collect(),
        };
        let parents = self.heads.clone();
        let header = self.header(world, replica, who, &seed, EnvelopeKind::Snapshot, parents);
        Envelope::seal_snapshot(&header, &payload, &seed, &who.keys.signing).expect("it is small")
    }

    /// An attest or a dispute of a snapshot.
    pub fn say(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        kind: EnvelopeKind,
        snapshot: &Envelope,
    ) -> Envelope {
        let seed = current_seed(world, replica, self.space);
        let payload = StatementPayload {
            heads: self.document_heads(),
        };
        let header = self.header(world, replica, who, &seed, kind, vec![snapshot.id()]);
        Envelope::seal_statement(&header, &payload, &seed, &who.keys.signing).expect("it is small")
    }

    /// Says that this copy is erased, under an epoch that was held.
    pub fn erase(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        seed: &EpochSeed,
    ) -> Envelope {
        let header = self.header(world, replica, who, seed, EnvelopeKind::Erasure, Vec::new());
        Envelope::seal(&header, &Payload::default(), seed, &who.keys.signing).expect("it is small")
    }

    /// Says that the section is erased, with the code of a reason, or that this copy is.
    pub fn erase_section(
        &mut self,
        world: &mut World,
        replica: &Replica,
        who: &Device,
        seed: &EpochSeed,
        reason: Option<&str>,
    ) -> Envelope {
        let payload = ErasurePayload {
            reason: reason.map(str::to_owned),
            ..ErasurePayload::default()
        };
        let header = self.header(world, replica, who, seed, EnvelopeKind::Erasure, Vec::new());
        Envelope::seal_erasure(&header, &payload, seed, &who.keys.signing).expect("it is small")
    }

    fn document_heads(&self) -> Vec<DocumentHead> {
        let heads = self.document.heads();
        heads
            .iter()
            .map(|head| DocumentHead(*head.as_bytes()))
            .collect()
    }

    /// Applies what somebody else wrote.
    pub fn receive(&mut self, world: &World, envelope: &Envelope) {
        let payload = &world.payloads[&envelope.id()];
        let changes: Vec<Vec<u8>> = payload
            .changes
            .iter()
            .map(|change| change.0.clone())
            .collect();
        self.document
            .apply(&changes, &|_| true, &GateLimits::default())
            .expect("the changes apply");
        self.note(envelope.header().author_device, envelope, payload);
        let parents = &envelope.header().parents;
        self.heads.retain(|head| !parents.contains(head));
        self.heads.push(envelope.id());
        self.heads.sort_unstable();
    }

    /// The author's number goes on from here: after a reopened vault, or again, as in a copied one.
    pub fn count_from(&mut self, sequence: u64) {
        self.sequence = sequence;
    }
}

fn current_seed(world: &World, replica: &Replica, space: SpaceId) -> EpochSeed {
    let current = replica.logs[&space].current_epoch().expect("an epoch");
    world.seeds.get(&current.key_id)
}

/// The heads an envelope of this author names: its path, and the space itself.
pub fn access_heads(replica: &Replica, who: &Device, state: &SpaceState) -> Vec<LogHead> {
    let mut heads = path_heads(replica, &who.id, state);
    heads.insert(state.id(), state.head().expect("a log is not empty"));
    heads.into_values().collect()
}

/// A task with a title.
pub fn task(id: &str, title: &str) -> impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError> {
    move |editor| {
        editor.put_map(["tasks", id])?;
        editor.put(["tasks", id, "title"], title)
    }
}
