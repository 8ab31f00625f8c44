//! What every store must do, whatever keeps the bytes.

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{
    DeviceId, InvitationId, ItemId, JournalId, RecipientId, SpaceId,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::ItemKind;

use super::{Carry, Delivery, Identity, NewEnvelope, NewItem, Store};

/// One store that can be closed and opened again.
pub(crate) struct Fixture {
    /// Opens the same store.
    pub(crate) reopen: Box<dyn Fn() -> Box<dyn Store>>,
    /// Kept until the test ends.
    pub(crate) _directory: tempfile::TempDir,
}

/// Runs every test on a fresh store each.
pub(crate) fn run(fresh: impl Fn() -> Fixture) {
    committed_data_survives_and_rolled_back_data_does_not(&fresh());
    a_reader_sees_only_what_is_committed(&fresh());
    an_item_is_found_by_id_place_space_and_index(&fresh());
    a_second_item_of_the_same_id_is_refused(&fresh());
    an_earlier_receipt_takes_the_place_of_a_later_one(&fresh());
    deliveries_come_in_order_within_bounds(&fresh());
    wraps_are_read_by_recipient(&fresh());
    the_graph_of_envelopes_is_known_without_their_bytes(&fresh());
    what_is_erased_leaves_its_log_its_ids_and_its_erasures(&fresh());
    the_chain_is_known_at_every_number(&fresh());
    facts_are_what_was_put_last(&fresh());
    what_was_withdrawn_is_gone_and_the_rest_stands(&fresh());
    a_probe_writes(&fresh());
}

/// An operation of space 9.
pub(crate) fn item(number: u8, bytes: &[u8]) -> NewItem<'_> {
    NewItem {
        sequence: u64::from(number),
        kind: ItemKind::Operation,
        id: ItemId([number; 32]),
        space: SpaceId([9; 32]),
        log_index: Some(u64::from(number) - 1),
        bytes,
        chain: ItemId([number ^ 0xff; 32]),
        offered: false,
        envelope: None,
    }
}

fn commit(store: &mut dyn Store, write: impl FnOnce(&mut dyn Store)) {
    store.begin().unwrap();
    write(store);
    store.commit().unwrap();
}

fn committed_data_survives_and_rolled_back_data_does_not(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    assert_eq!(store.identity().unwrap(), None);
    let identity = Identity {
        seed: [1; 32],
        journal: JournalId([2; 16]),
        began_after: 9,
        had_earlier: true,
        claim_key: [3; 32],
        network: None,
        restored: false,
    };
    commit(&mut *store, |store| {
        store.put_identity(&identity).unwrap();
        store.put_item(&item(1, b"one")).unwrap();
        store.put_receipt(1, b"receipt").unwrap();
    });
    store.begin().unwrap();
    store.put_item(&item(2, b"two")).unwrap();
    assert!(store.item(2).unwrap().is_some(), "visible within");
    store.roll_back();
    drop(store);
    let store = (fixture.reopen)();
    assert_eq!(store.identity().unwrap(), Some(identity));
    let stored = store.item(1).unwrap().unwrap();
    assert_eq!(
        (stored.bytes.as_deref(), stored.receipt.as_slice()),
        (Some(&b"one"[..]), &b"receipt"[..])
    );
    assert_eq!(store.item(2).unwrap(), None);
    assert_eq!(store.facts().unwrap().last_number, 1);
    assert_eq!(store.facts().unwrap().chain, Some(ItemId([0xfe; 32])));
}

fn an_earlier_receipt_takes_the_place_of_a_later_one(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    commit(&mut *store, |store| {
        store.put_item(&item(1, b"one")).unwrap();
        store.put_receipt(1, b"later").unwrap();
        store.put_item(&item(2, b"two")).unwrap();
    });
    assert!(!store.item(1).unwrap().unwrap().offered, "control");
    commit(&mut *store, |store| {
        store.replace_receipt(1, b"earlier").unwrap();
        store.replace_receipt(2, b"the first").unwrap();
    });
    for (number, receipt) in [(1, &b"earlier"[..]), (2, &b"the first"[..])] {
        let stored = store.item(number).unwrap().unwrap();
        assert_eq!(stored.receipt, receipt);
        assert!(stored.offered, "it is not of its own place");
    }
}

fn a_reader_sees_only_what_is_committed(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    commit(&mut *store, |store| {
        store.put_item(&item(1, b"one")).unwrap();
    });
    let reader = store.reader().unwrap();
    store.begin().unwrap();
    store.put_item(&item(2, b"two")).unwrap();
    assert!(reader.item(1).unwrap().is_some());
    assert!(reader.item(2).unwrap().is_none());
    store.commit().unwrap();
    assert!(reader.item(2).unwrap().is_some());
}

fn an_item_is_found_by_id_place_space_and_index(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    commit(&mut *store, |store| {
        for number in 1..=3 {
            store.put_item(&item(number, &[number])).unwrap();
        }
        let envelope = NewItem {
            kind: ItemKind::Envelope,
            log_index: None,
            ..item(4, b"envelope")
        };
        store.put_item(&envelope).unwrap();
    });
    let space = SpaceId([9; 32]);
    assert_eq!(store.find(&ItemId([2; 32])).unwrap().unwrap().sequence, 2);
    assert_eq!(store.find(&ItemId([8; 32])).unwrap(), None);
    assert_eq!(store.log_places(&space, 1, 3).unwrap(), [2, 3]);
    assert_eq!(store.envelope_places(&space).unwrap(), [4]);
    assert_eq!(store.envelope_places(&SpaceId([8; 32])).unwrap(), [0u64; 0]);
    assert_eq!(store.sequences_after(1, 2).unwrap(), [2, 3]);
    let mut operations = Vec::new();
    store
        .each_operation(&mut |sequence, bytes| {
            operations.push((sequence, bytes));
            Ok(())
        })
        .unwrap();
    assert_eq!(operations, [(1, vec![1]), (2, vec![2]), (3, vec![3])]);
}

fn a_second_item_of_the_same_id_is_refused(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    store.begin().unwrap();
    store.put_item(&item(1, b"one")).unwrap();
    let again = NewItem {
        sequence: 2,
        ..item(1, b"one")
    };
    assert!(store.put_item(&again).is_err());
    store.roll_back();
}

fn deliveries_come_in_order_within_bounds(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    let (feed, other) = (SpaceId([1; 32]), SpaceId([2; 32]));
    let delivery = |number, item| Delivery { number, item };
    commit(&mut *store, |store| {
        for (number, item) in [(1, 1), (2, 2), (5, 1), (6, 6)] {
            store.put_delivery(&feed, delivery(number, item)).unwrap();
        }
        store.put_delivery(&other, delivery(5, 1)).unwrap();
    });
    assert_eq!(
        store.deliveries(&feed, 1, 5, 10).unwrap(),
        [delivery(2, 2), delivery(5, 1)]
    );
    assert_eq!(store.deliveries(&feed, 0, 9, 1).unwrap(), [delivery(1, 1)]);
    assert_eq!(store.deliveries(&feed, 6, 9, 9).unwrap(), []);
    assert_eq!(store.delivered_places(&feed).unwrap(), [1, 2, 6]);
    let facts = store.facts().unwrap();
    assert_eq!(facts.last_number, 6, "deliveries count");
    assert_eq!(facts.feed_heads, [(feed, 6), (other, 5)]);
}

fn wraps_are_read_by_recipient(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    let wrap = |number: u8| Wrap {
        recipient: RecipientId([number; 32]),
        bytes: vec![number],
    };
    commit(&mut *store, |store| {
        store.put_wrap(1, &wrap(1)).unwrap();
        store.put_wrap(1, &wrap(2)).unwrap();
        store.put_wrap(2, &wrap(3)).unwrap();
    });
    let wanted = [RecipientId([2; 32]), RecipientId([3; 32])];
    assert_eq!(store.wraps(1, &wanted).unwrap(), [wrap(2)]);
    commit(&mut *store, |store| {
        let other = Wrap {
            bytes: vec![9],
            ..wrap(2)
        };
        store.put_wrap(1, &other).unwrap();
        store.put_wrap(1, &wrap(3)).unwrap();
    });
    assert_eq!(store.wraps(1, &wanted).unwrap(), [wrap(2), wrap(3)]);
}

/// An envelope of device 7 in space 9.
fn envelope<'a>(number: u8, kind: EnvelopeKind, held: bool, parents: &'a [u64]) -> NewItem<'a> {
    NewItem {
        kind: ItemKind::Envelope,
        log_index: None,
        envelope: Some(NewEnvelope {
            kind,
            author: DeviceId([7; 32]),
            held,
            parents,
        }),
        ..item(number, b"envelope")
    }
}

fn the_graph_of_envelopes_is_known_without_their_bytes(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    commit(&mut *store, |store| {
        for envelope in [
            envelope(1, EnvelopeKind::Changes, false, &[]),
            envelope(2, EnvelopeKind::Changes, true, &[1]),
            envelope(3, EnvelopeKind::Changes, true, &[2]),
            envelope(4, EnvelopeKind::Snapshot, false, &[1]),
            envelope(5, EnvelopeKind::Attest, false, &[4]),
            envelope(6, EnvelopeKind::Changes, false, &[1, 3]),
        ] {
            store.put_item(&envelope).unwrap();
        }
    });
    let places = |related: Vec<super::Related>| -> Vec<u64> {
        related.iter().map(|related| related.sequence).collect()
    };
    let space = SpaceId([9; 32]);
    assert_eq!(places(store.ancestors(6, 0).unwrap()), [1, 2, 3]);
    assert_eq!(places(store.ancestors(6, 2).unwrap()), [2, 3]);
    assert_eq!(places(store.ancestors(6, 4).unwrap()), [0u64; 0]);
    assert_eq!(places(store.children(1).unwrap()), [2, 4, 6]);
    assert_eq!(store.held_places(&space).unwrap(), [2, 3]);
    assert_eq!(store.kept_for(&DeviceId([7; 32])).unwrap(), (2, 16));
    assert_eq!(store.kept_for(&DeviceId([8; 32])).unwrap(), (0, 0));
    assert_eq!(store.open_snapshots().unwrap(), [4]);
    let found = store.find(&ItemId([3; 32])).unwrap().unwrap();
    let known = found.envelope.unwrap();
    assert_eq!((known.held, known.author), (true, DeviceId([7; 32])));
    commit(&mut *store, |store| {
        store.promote(3).unwrap();
        store.drop_body(1).unwrap();
        store.settle(4).unwrap();
    });
    drop(store);
    let store = (fixture.reopen)();
    assert_eq!(store.held_places(&space).unwrap(), [2]);
    assert_eq!(store.open_snapshots().unwrap(), [0u64; 0]);
    assert_eq!(store.envelope_places(&space).unwrap(), [2, 3, 4, 5, 6]);
    let dropped = store.item(1).unwrap().unwrap();
    assert_eq!((dropped.bytes, dropped.id), (None, ItemId([1; 32])));
    let graph = store.ancestors(6, 0).unwrap();
    let bodies: Vec<bool> = graph.iter().map(|related| related.has_body).collect();
    assert_eq!(bodies, [false, true, true]);
    let mut store = store;
    commit(&mut *store, |store| {
        store.put_body_back(&space, 1, b"again").unwrap();
    });
    let again = store.item(1).unwrap().unwrap();
    assert_eq!(again.bytes.as_deref(), Some(b"again".as_slice()));
    assert_eq!(
        store.open_snapshots().unwrap(),
        [4],
        "to be looked at again"
    );
}

fn what_is_erased_leaves_its_log_its_ids_and_its_erasures(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    let erased = item(9, b"").space;
    let elsewhere = SpaceId([77; 32]);
    let (operation, edit, snapshot, erasure) = (
        NewItem {
            kind: ItemKind::Operation,
            log_index: Some(0),
            ..item(1, b"operation")
        },
        envelope(2, EnvelopeKind::Changes, true, &[]),
        envelope(3, EnvelopeKind::Snapshot, false, &[2]),
        envelope(4, EnvelopeKind::Erasure, false, &[]),
    );
    let other = NewItem {
        space: elsewhere,
        ..envelope(5, EnvelopeKind::Changes, false, &[])
    };
    let wrap = Wrap {
        recipient: RecipientId([3; 32]),
        bytes: vec![3; 48],
    };
    commit(&mut *store, |store| {
        for item in [operation, edit, snapshot, erasure, other] {
            store.put_item(&item).unwrap();
            store.put_receipt(item.sequence, b"receipt").unwrap();
        }
        store.put_wrap(operation.sequence, &wrap).unwrap();
    });
    let author = erasure.envelope.unwrap().author;
    assert!(!store.is_erased(&erased).unwrap(), "said of a copy");
    assert_eq!(store.erasures_by(&erased, &author).unwrap(), 1);
    assert_eq!(store.kept_for(&author).unwrap().0, 2);

    commit(&mut *store, |store| {
        assert_eq!(store.erase_content(&erased).unwrap(), 2);
        assert_eq!(store.erase_content(&erased).unwrap(), 0);
    });
    let body = |place| store.item(place).unwrap().unwrap().bytes;
    assert!(store.is_erased(&erased).unwrap() && !store.is_erased(&elsewhere).unwrap());
    assert!(body(1).is_some(), "the log");
    assert_eq!([body(2), body(3)], [None, None]);
    assert!(body(4).is_some() && body(5).is_some());
    assert!(store.wraps(1, &[wrap.recipient]).unwrap().is_empty());
    assert_eq!(store.open_snapshots().unwrap(), [0; 0]);
    assert_eq!(store.envelope_places(&erased).unwrap(), [4]);
    let known = store.find(&edit.id).unwrap().unwrap();
    assert_eq!(known.sequence, 2, "its id is known");
    // What is held there still counts to the quota, the words about the erasure do not.
    assert_eq!(store.kept_for(&author).unwrap().0, 1);
}

fn the_chain_is_known_at_every_number(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    commit(&mut *store, |store| {
        store.put_item(&item(1, b"one")).unwrap();
        store.put_item(&item(5, b"five")).unwrap();
    });
    let chain = |number: u8| Some(ItemId([number ^ 0xff; 32]));
    let at = |number| store.chain_at(number).unwrap();
    assert_eq!(
        [at(0), at(1), at(4), at(5), at(9)],
        [None, chain(1), chain(1), chain(5), chain(5)]
    );
}

fn facts_are_what_was_put_last(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    let (space, feed) = (SpaceId([1; 32]), SpaceId([2; 32]));
    commit(&mut *store, |store| {
        store.put_carry(&space, &feed, Carry::Prefix(7)).unwrap();
        store.put_membership(&space, &feed, 5).unwrap();
        store.put_usage(&feed, 10).unwrap();
        store.put_usage(&feed, 20).unwrap();
        store
            .put_joined(&InvitationId([3; 32]), &ItemId([4; 32]))
            .unwrap();
    });
    assert_eq!(
        store.facts().unwrap().carried,
        [(space, feed, Carry::Prefix(7))]
    );
    commit(&mut *store, |store| {
        store.put_carry(&space, &feed, Carry::Content).unwrap();
    });
    let facts = store.facts().unwrap();
    assert_eq!(facts.carried, [(space, feed, Carry::Content)]);
    assert_eq!(facts.usage, [(feed, 20)]);
    assert_eq!(facts.memberships, [(space, feed, 5)]);
    assert_eq!(facts.joined, [(InvitationId([3; 32]), ItemId([4; 32]))]);
}

fn what_was_withdrawn_is_gone_and_the_rest_stands(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    let (space, feed, other) = (SpaceId([1; 32]), SpaceId([2; 32]), SpaceId([3; 32]));
    commit(&mut *store, |store| {
        store.put_carry(&space, &feed, Carry::Content).unwrap();
        store.put_carry(&space, &other, Carry::Content).unwrap();
        store.put_membership(&space, &feed, 5).unwrap();
        store.put_membership(&space, &other, 6).unwrap();
    });
    commit(&mut *store, |store| {
        store.put_carry(&space, &feed, Carry::Prefix(9)).unwrap();
        store.remove_membership(&space, &feed).unwrap();
        store.put_membership(&space, &other, 5).unwrap();
    });
    drop(store);
    let facts = (fixture.reopen)().facts().unwrap();
    let expected = [
        (space, feed, Carry::Prefix(9)),
        (space, other, Carry::Content),
    ];
    assert_eq!(facts.carried, expected);
    assert_eq!(facts.memberships, [(space, other, 5)]);
}

fn a_probe_writes(fixture: &Fixture) {
    let mut store = (fixture.reopen)();
    store.probe(1).unwrap();
    store.probe(2).unwrap();
    store.close().unwrap();
}
