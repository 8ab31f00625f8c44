//! Envelopes that a reader of a world refuses, with the word stated beside each.

use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::header::Salt;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header, Payload};
use nahtlos_protocol::identifier::{DeviceId, KeyId, OperationId};

use super::operations::Scene;
use crate::desk::access_heads;
use crate::forms::IntoSecret;
use crate::outcome::Outcome;
use crate::world::Device;

/// Envelopes that a reader of a world refuses, and a control.
pub fn all(world: &Outcome) -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let scene = Scene::of("shared");
    let state = scene.state(scene.section);
    let seed =
        nahtlos_protocol::crypto::epoch_secret::EpochSeed::from_secret([0x77; 32].into_secret());
    let current = state.current_epoch().expect("an epoch").key_id;
    let header = Header {
        version: 1,
        suite: 2,
        kind: EnvelopeKind::Changes,
        space: scene.section,
        key_id: KeyId(seed.key_id()),
        author_device: scene.a1.id,
        author_sequence: 9,
        access_heads: access_heads(&world.replica, &scene.a1, state),
        parents: vec![],
        salt: Salt([1; 32]),
    };
    let sealed = |header: &Header, signer: &Device| {
        let envelope = Envelope::seal(header, &Payload::default(), &seed, &signer.keys.signing);
        envelope.expect("it is short").bytes().to_vec()
    };
    let changed = |change: &dyn Fn(&mut Header)| {
        let mut changed = header.clone();
        change(&mut changed);
        sealed(&changed, &scene.a1)
    };
    let unknown = Device::new(77);
    let author = |id: DeviceId| changed(&|header| header.author_device = id);
    // A good one moved: its header names another epoch, the signature is the old one.
    let mut moved = sealed(&header, &scene.a1);
    let own = codec::encode(&header.key_id);
    let at = moved
        .windows(own.len())
        .position(|window| window == own)
        .expect("the key id");
    moved[at..at + own.len()].copy_from_slice(&codec::encode(&current));
    vec![
        (
            "signed by somebody else",
            sealed(&header, &scene.c1),
            Some("bad_signature"),
        ),
        ("moved to another epoch", moved, Some("bad_signature")),
        (
            "an author whom no log names",
            author(unknown.id),
            Some("unknown_author"),
        ),
        (
            "an access head that is not here",
            changed(&|header| header.access_heads[0].operation = OperationId([7; 32])),
            Some("unknown_reference"),
        ),
        (
            "an epoch that is not of its space",
            changed(&|_| {}),
            Some("unknown_epoch"),
        ),
    ]
}
