//! What must be refused, each with its word: bytes that are not of their form, keys and sealed bytes
//! that primitives must not take, and operations and envelopes that their worlds refuse.

mod bytes;
mod crypto;
mod envelopes;
mod keys;
mod operations;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::SignedOperation;
use nahtlos_protocol::wire::Receipt;
use serde_json::json;

use crate::forms::file;
use crate::outcome::{Outcome, append};
use crate::support::{self, array, each, hex, root, stored};
use crate::words::error_word;

#[test]
fn operations_that_contradict_their_world_are_refused_with_their_word() {
    let stored = stored("refused/operations.json", || {
        let vectors = operations::all()
            .into_iter()
            .map(|(world, name, signed, error)| {
                json!({ "name": name, "world": world, "bytes": hex(signed.bytes()), "error": error })
            })
            .collect();
        file(
            "§11, §12",
            "operations that follow the newest logs of a world (worlds/<world>) and are refused",
            vectors,
        )
    });
    let worlds =
        operations::WORLDS.map(|world| (world, Outcome::of(&root().join("worlds").join(world))));
    for (name, vector) in each(&stored) {
        let world = vector["world"].as_str().expect("text");
        let (_, outcome) = worlds
            .iter()
            .find(|(known, _)| *known == world)
            .expect(name);
        let signed = SignedOperation::decode(&support::bytes(vector, "bytes")).expect(name);
        let found = append(&outcome.replica, &signed).err();
        let found = found.as_ref().map(error_word);
        assert_eq!(found, vector["error"].as_str(), "{name}");
    }
}

#[test]
fn envelopes_that_are_not_their_authors_are_refused_with_their_word() {
    let world = Outcome::of(&root().join("worlds/shared"));
    let stored = stored("refused/envelopes.json", || {
        let vectors = envelopes::all(&world)
            .into_iter()
            .map(|(name, bytes, error)| json!({ "name": name, "world": "shared", "bytes": hex(&bytes), "error": error }))
            .collect();
        file(
            "§24",
            "envelopes whose signature or heads do not hold in a world (worlds/<world>)",
            vectors,
        )
    });
    for (name, vector) in each(&stored) {
        let envelope = Envelope::decode(&support::bytes(vector, "bytes")).expect(name);
        assert_eq!(
            world.verify(&envelope).err(),
            vector["error"].as_str(),
            "{name}"
        );
    }
}

#[test]
fn receipts_moved_to_another_item_or_place_are_refused() {
    let file = stored("forms/receipts.json", || panic!("receipts come first"));
    let (_, good) = each(&file).nth(6).expect("one of a larger batch");
    let key = VerifyingKey::from_bytes(&array(good, "relay")).expect("a key");
    let item = ItemId(array(good, "item"));
    let receipt: Receipt = codec::decode(&support::bytes(good, "bytes"), 1024).expect("a receipt");
    assert_eq!(receipt.verify(&item, &key), Ok(()));
    assert!(receipt.verify(&ItemId([0xff; 32]), &key).is_err());
    let mut moved = receipt.clone();
    moved.sequence += 1;
    assert!(moved.verify(&item, &key).is_err());
    let mut longer = receipt;
    longer.path.push(item);
    assert!(longer.verify(&item, &key).is_err());
}
