//! What the entries are tried against: fixed keys, a small document, a founded world. Test data only.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use nahtlos_document::{Actor, Document, Editor, EncodedChange, Value, WriteError};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::committing_aead;
use nahtlos_protocol::crypto::derive::derive;
use nahtlos_protocol::crypto::device_key::{DeviceKeys, DeviceSeed};
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, KeyId, SignatureBytes, SpaceId};
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{SignedOperation, SpaceState};
use sha2::{Digest, Sha256};

use crate::model::replica::{DEVICES, Played, Replica};

/// Who wrote the document.
pub const ANNA: Actor = Actor::from_bytes([0xa1; 16]);
/// Who wrote the change on it.
pub const BEAT: Actor = Actor::from_bytes([0xb2; 16]);
/// Who must not write.
pub const CARLA: Actor = Actor::from_bytes([0xc3; 16]);

/// The signing key of the first devices of the vectors: author (0) and relay (1).
pub fn signing(number: usize) -> SigningKey {
    let seed = if number == 0 { [9; 32] } else { [0xee; 32] };
    if number == 0 {
        return DeviceSeed::from_secret(Secret32::from_bytes(seed))
            .keys()
            .signing;
    }
    SigningKey::from_seed(&Secret32::from_bytes(seed))
}

/// The epoch of the vectors' envelopes.
pub fn epoch() -> EpochSeed {
    EpochSeed::from_secret(Secret32::from_bytes([0x86; 32]))
}

/// `[body, signature]`: the outer form of operations and join requests.
pub fn signed_bytes(body: &[u8], signature: SignatureBytes) -> Vec<u8> {
    [
        &[0x82],
        byte_string(body).as_slice(),
        &codec::encode(&signature),
    ]
    .concat()
}

/// An envelope with this header, sealing nothing.
pub fn envelope_around(header: &[u8]) -> Vec<u8> {
    parts(header, &[1; 32], &[2; 16], SignatureBytes([3; 64]))
}

fn parts(
    header: &[u8],
    commitment: &[u8],
    ciphertext: &[u8],
    signature: SignatureBytes,
) -> Vec<u8> {
    let strings = [header, commitment, ciphertext].map(byte_string).concat();
    [&[0x84], strings.as_slice(), &codec::encode(&signature)].concat()
}

fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    minicbor::Encoder::new(&mut encoded)
        .bytes(bytes)
        .expect("a Vec takes everything");
    encoded
}

/// An envelope of changes with these bytes as its sealed content.
pub fn sealed_as_payload(content: &[u8]) -> Envelope {
    let seed = epoch();
    let header = Header {
        version: 1,
        suite: 2,
        kind: EnvelopeKind::Changes,
        space: SpaceId([1; 32]),
        key_id: KeyId(seed.key_id()),
        author_device: DeviceId([2; 32]),
        author_sequence: 1,
        access_heads: Vec::new(),
        parents: vec![EnvelopeId([4; 32])],
        salt: Salt([5; 32]),
    };
    let header_bytes = codec::encode(&header);
    let key = derive(seed.as_secret(), label::EPOCH_CONTENT, &[]);
    let sealed = committing_aead::seal(
        &key,
        &header.salt.0,
        label::ENVELOPE_CHANGES,
        &header_bytes,
        content,
    );
    let sealed = sealed.expect("content within the limits");
    let bytes = parts(
        &header_bytes,
        &sealed.commitment,
        &sealed.ciphertext,
        SignatureBytes([3; 64]),
    );
    Envelope::decode(&bytes).expect("an envelope")
}

/// Replays an operation where no other log is known.
pub fn replay_alone(signed: &SignedOperation) {
    let nothing: BTreeMap<SpaceId, Arc<SpaceState>> = BTreeMap::new();
    for signatures in [Signatures::Verify, Signatures::VerifiedBefore] {
        let _state = SpaceState::found(signed, &nothing, signatures);
    }
}

/// The chunk automerge makes of data: with the right length and checksum. Kind 0 is a document, 1 a change.
pub fn chunk(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    let mut rest = data.len();
    while rest > 0x7f {
        length.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    length.push(rest as u8);
    let digest = Sha256::new()
        .chain_update([kind])
        .chain_update(&length)
        .chain_update(data)
        .finalize();
    let (head, checksum) = ([0x85, 0x6f, 0x4a, 0x83], &digest[..4]);
    [&head, checksum, &[kind], &length, data].concat()
}

/// The data of a chunk.
pub fn data_of(chunk: &[u8]) -> &[u8] {
    let length_bytes = chunk[9..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count()
        + 1;
    &chunk[9 + length_bytes..]
}

/// A document with maps, a list, a counter, a text, somebody else's concurrent edits, and nothing of
/// Beat's yet.
pub fn scene() -> &'static Document {
    static SCENE: OnceLock<Document> = OnceLock::new();
    SCENE.get_or_init(|| {
        let mut anna = Document::genesis(&["client", "goals", "tasks"]).expect("a document");
        anna.set_actor(ANNA);
        edit(&mut anna, |editor| {
            editor.put_map(["goals", "g1"])?;
            editor.put(["goals", "g1", "status"], "open")?;
            editor.put(["goals", "g1", "visits"], Value::Counter(1))?;
            editor.put(["goals", "g1", "tags"], Value::List(vec!["a".into()]))?;
            editor.put_text(["goals", "g1", "statement"], "Sie lernt Deutsch.")
        });
        anna
    })
}

/// What Beat wrote on the scene, in one change.
pub fn beats_change() -> EncodedChange {
    let mut beat = scene().clone();
    beat.set_actor(BEAT);
    edit(&mut beat, |editor| {
        editor.put(["goals", "g1", "status"], "active")?;
        editor.increment(["goals", "g1", "visits"], 1)?;
        editor.delete(["goals", "g1", "tags"])?;
        editor.splice_text(["goals", "g1", "statement"], 4, 5, "spricht")?;
        editor.put_map(["goals", "g2"])?;
        editor.put(["goals", "g2", "status"], "open")
    })
}

/// The scene with what Anna did at the same time as Beat.
pub fn with_concurrent_edits() -> Document {
    let mut anna = scene().clone();
    edit(&mut anna, |editor| {
        editor.delete(["goals", "g1", "status"])?;
        editor.splice_text(["goals", "g1", "statement"], 0, 9, "x")
    });
    anna
}

pub(super) fn edit(
    document: &mut Document,
    edits: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
) -> EncodedChange {
    let made = document.edit(1_700_000_000, None, edits);
    made.expect("an edit that fits").expect("a change")
}

/// The founded world of the access model, and the keys of its devices.
pub struct Founded {
    /// What everybody has.
    pub replica: Replica,
    /// Every operation, in the order in which they were made.
    pub operations: Vec<SignedOperation>,
    /// Institution, four persons, two teams, section, network.
    pub spaces: Vec<SpaceId>,
    /// Device n has the seed (n + 1) × 32.
    pub keys: Vec<DeviceKeys>,
}

/// Made once.
pub fn founded() -> &'static Founded {
    static FOUNDED: OnceLock<Founded> = OnceLock::new();
    FOUNDED.get_or_init(|| {
        let played = Played::new();
        let founding = played
            .operations
            .iter()
            .filter(|one| one.operation().index == 0);
        let seeds =
            (1..).map(|number: u8| DeviceSeed::from_secret(Secret32::from_bytes([number; 32])));
        Founded {
            spaces: founding.map(SignedOperation::space).collect(),
            keys: seeds.take(DEVICES).map(|seed| seed.keys()).collect(),
            replica: played.replica.clone(),
            operations: played.operations.clone(),
        }
    })
}

impl Founded {
    /// A device's id.
    pub fn device(&self, number: usize) -> DeviceId {
        DeviceId(self.keys[number].public_keys().device_id())
    }
}
