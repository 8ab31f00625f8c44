//! One author's work in one section: a document, its heads, and the envelopes that carry edits.

use nahtlos_casework::{SectionKind, containers};
use nahtlos_document::{Actor, Document, Editor, GateLimits, WriteError};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{EnvelopeId, KeyId, Nonce, SpaceId};
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
        let state = &replica.logs[&self.space];
        self.sequence += 1;
        let header = Header {
            version: 1,
            suite: 2,
            kind: EnvelopeKind::Changes,
            space: self.space,
            key_id: KeyId(seed.key_id()),
            author_device: who.id,
            author_sequence: self.sequence,
            access_heads: access_heads(replica, who, state),
            parents: self.heads.clone(),
            salt: Salt(world.random.bytes()),
        };
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
        world.payloads.insert(envelope.id(), payload);
        envelope
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
