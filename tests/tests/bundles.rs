//! Bundle files between devices that do not reach the relay: what they bring is read, and pending until a
//! relay has it; they may come twice and in any order; one that is damaged changes nothing, and one that
//! is made up gains nothing.

use std::collections::BTreeSet;
use std::io::Cursor;

use nahtlos_casework::SectionKind;
use nahtlos_client::bundle::{
    BundleError, BundleRequest, BundleScope, Exported, Imported, OpenedBundle,
};
use nahtlos_client::paper::words;
use nahtlos_client::{ClientError, Nahtlos, untrusted};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, JournalId};
use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;
use nahtlos_protocol::space::Effect;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::ItemKind;
use nahtlos_protocol::wire::bundle::{BundleHead, BundleItem};
use nahtlos_protocol::wire::receipt::Batch;
use nahtlos_tests::scene::{Line, Scene, scene, type_notes};
use nahtlos_tests::{Home, World, bytes_below};

const JOURNAL: SectionKind = SectionKind::Journal;

fn export_as(home: &mut Home, scope: &BundleScope) -> (Vec<u8>, Exported) {
    let mut file = Vec::new();
    let exported = home.nahtlos.export_bundle(&mut file, scope).unwrap();
    (file, exported)
}

fn export(home: &mut Home) -> Vec<u8> {
    export_as(home, &BundleScope::default()).0
}

/// What `from` has and `to` lacks.
fn export_for(from: &mut Home, to: &Home) -> (Vec<u8>, Exported) {
    let mut request = Vec::new();
    to.nahtlos.write_bundle_request(&mut request).unwrap();
    let scope = BundleScope {
        cases: None,
        lacking: Some(BundleRequest::read(request.as_slice()).unwrap()),
    };
    export_as(from, &scope)
}

fn try_import(home: &mut Nahtlos, file: &[u8]) -> Result<Imported, ClientError> {
    home.import_bundle(&mut Cursor::new(file))
}

#[track_caller]
fn import(home: &mut Home, file: &[u8]) -> Imported {
    try_import(&mut home.nahtlos, file).unwrap()
}

/// What stands in a bundle.
fn taken_apart(file: &[u8]) -> (BundleHead, Vec<BundleItem>) {
    let parts = untrusted::bundle_parts(file).unwrap();
    let head = codec::decode(&parts[0], BUNDLE_PART_BYTES_MAX).unwrap();
    let items = parts[1..].iter();
    let items = items.map(|part| codec::decode(part, BUNDLE_PART_BYTES_MAX).unwrap());
    (head, items.collect())
}

fn put_together(head: &BundleHead, items: &[BundleItem]) -> Vec<u8> {
    let mut parts = vec![codec::encode(head)];
    parts.extend(items.iter().map(codec::encode));
    untrusted::bundle_of(&parts)
}

fn id_of(item: &BundleItem) -> Option<EnvelopeId> {
    Envelope::decode(&item.bytes)
        .ok()
        .map(|envelope| envelope.id())
}

/// Every envelope of the journal that counts here or waits to.
fn stored(scene: &Scene, home: &Home) -> BTreeSet<EnvelopeId> {
    let standings = scene.standings(home).into_iter();
    standings.map(|(id, ..)| id).collect()
}

fn no_device_is_called_a_copy(homes: &[&Home]) {
    for home in homes {
        assert!(home.nahtlos.clones().unwrap().is_empty());
        assert_eq!(home.nahtlos.other_copy().unwrap(), None);
    }
}

#[test]
fn edits_go_both_ways_by_bundle_are_read_and_pending_and_count_once_the_relay_has_them() {
    let mut scene = scene();
    let number = scene.number.clone();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    type_notes(&mut scene.keller.nahtlos, &number, &[2]);
    let before = scene.standings(&scene.keller);

    let (from_berger, exported) = export_as(&mut scene.berger, &BundleScope::default());
    assert_eq!((exported.pending, exported.not_sealed), (1, 0));
    let imported = import(&mut scene.keller, &from_berger);
    assert_eq!((imported.pending, imported.envelopes), (1, 0));
    assert!(imported.refused.is_empty());
    assert_eq!(imported.origin.by, "Anna Berger");
    assert_eq!(scene.notes(&scene.keller), [1, 2]);
    assert!(
        scene
            .keller
            .journal(&number)
            .contains(&"Anna Berger: entry 1".to_owned()),
        "whose it is stands beside it"
    );
    assert_eq!(scene.standings(&scene.keller), before, "it does not count");
    let carried = scene.keller.nahtlos.carried_lines().unwrap();
    assert_eq!(
        (carried[0].author.as_str(), carried[0].edits),
        ("Anna Berger", 1)
    );
    assert_eq!(carried[0].state, "shown");

    let from_keller = export(&mut scene.keller);
    let imported = import(&mut scene.berger, &from_keller);
    assert_eq!(
        imported.pending, 1,
        "what is Berger's own is not new to her"
    );
    assert_eq!(scene.notes(&scene.berger), [1, 2]);

    // Keller comes to the relay first, and brings both.
    let report = scene.keller.sync();
    assert_eq!(
        (report.carried_delivered, report.envelopes_delivered),
        (1, 1)
    );
    assert!(scene.keller.nahtlos.carried_lines().unwrap().is_empty());
    scene.iseli.sync();
    assert_eq!(scene.notes(&scene.iseli), [1, 2], "Berger has not synced");
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        assert_eq!(scene.notes(home), [1, 2]);
        assert_eq!(home.nahtlos.status().unwrap().undelivered_edits, 0);
        assert!(home.nahtlos.carried_lines().unwrap().is_empty());
        assert_eq!(scene.standings(home), scene.standings(&scene.iseli));
    }
    no_device_is_called_a_copy(&[&scene.berger, &scene.keller, &scene.iseli]);
}

#[test]
fn what_was_typed_after_a_bundle_follows_in_the_next_one_and_nothing_comes_twice() {
    let mut scene = scene();
    let number = scene.number.clone();
    let mut files = Vec::new();
    for note in [1, 2, 3] {
        type_notes(&mut scene.berger.nahtlos, &number, &[note]);
        files.push(export(&mut scene.berger));
    }
    let again = export_as(&mut scene.berger, &BundleScope::default()).1;
    assert_eq!(again.pending, 3, "nothing is sealed a second time");
    for file in files.iter().rev() {
        import(&mut scene.keller, file);
        assert_eq!(scene.notes(&scene.keller), [1, 2, 3]);
    }
    // The author's device and the carrier's bring the same to the relay.
    scene.sync_all();
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        assert_eq!(scene.notes(home), [1, 2, 3]);
        assert_eq!(scene.standings(home), scene.standings(&scene.berger));
    }
    no_device_is_called_a_copy(&[&scene.berger, &scene.keller, &scene.iseli]);
}

#[test]
fn bundles_of_several_devices_in_any_order_and_twice_come_to_the_same() {
    let mut scene = scene();
    let number = scene.number.clone();
    // Something the relay has, something nobody has, something of another institution.
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    scene.berger.sync();
    let first = export_for(&mut scene.berger, &scene.keller).0;
    type_notes(&mut scene.berger.nahtlos, &number, &[2]);
    let second = export_for(&mut scene.berger, &scene.keller).0;
    type_notes(&mut scene.iseli.nahtlos, &number, &[3]);
    let third = export(&mut scene.iseli);
    let files = [first, second, third];
    drop(scene.world.closed_and_reopened(std::mem::replace(
        &mut scene.keller,
        scene.world.home("nobody"),
    )));
    let mut outcomes = Vec::new();
    for (place, order) in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("keller-{place}");
        scene.world.copy_home("keller", &name);
        let mut keller = scene.world.reopen(&name);
        for file in order {
            import(&mut keller, &files[file]);
        }
        for file in order {
            let again = import(&mut keller, &files[file]);
            assert_eq!(
                (again.pending, again.envelopes, again.operations),
                (0, 0, 0)
            );
        }
        assert_eq!(scene.notes(&keller), [1, 2, 3], "{order:?}");
        let mut carried = keller.nahtlos.carried_lines().unwrap();
        for line in &mut carried {
            line.since_ms = 0;
        }
        outcomes.push((scene.standings(&keller), carried));
    }
    assert!(outcomes.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(outcomes[0].1.len(), 2, "of Berger and of Iseli");
}

#[test]
fn a_file_with_any_byte_changed_cut_or_added_changes_nothing() {
    let mut scene = scene();
    let number = scene.number.clone();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    let file = export(&mut scene.berger);
    let before = bytes_below(&scene.keller.path);
    let refused = |home: &mut Home, damaged: &[u8], what: &str| {
        let outcome = try_import(&mut home.nahtlos, damaged);
        assert!(
            matches!(outcome, Err(ClientError::Bundle(_))),
            "{what}: {outcome:?}"
        );
    };
    // What the file is, the first length, the head; all over it; the end and the digest.
    let near_the_ends = (0..64).chain(file.len() - 64..file.len());
    let all_over = (64..file.len() - 64).step_by(file.len() / 150);
    for place in near_the_ends.chain(all_over) {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        refused(&mut scene.keller, &damaged, &format!("byte {place}"));
    }
    for length in [
        0,
        1,
        17,
        18,
        21,
        22,
        100,
        file.len() / 2,
        file.len() - 36,
        file.len() - 1,
    ] {
        refused(
            &mut scene.keller,
            &file[..length],
            &format!("cut at {length}"),
        );
    }
    let longer = [file.as_slice(), &[0]].concat();
    refused(&mut scene.keller, &longer, "a byte more");
    let twice = [file.as_slice(), &file].concat();
    refused(&mut scene.keller, &twice, "twice");
    assert!(
        bytes_below(&scene.keller.path) == before,
        "the vault is as it was"
    );
    assert!(scene.notes(&scene.keller).is_empty());
    import(&mut scene.keller, &file);
    assert_eq!(scene.notes(&scene.keller), [1], "control");
}

/// Somebody signs with another key, alters what others signed, or hands over real receipts of other
/// items: nothing of it is taken in, and the real thing beside it is.
#[test]
fn a_made_up_bundle_gains_nothing() {
    let mut scene = scene();
    let number = scene.number.clone();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    scene.berger.sync();
    type_notes(&mut scene.berger.nahtlos, &number, &[2]);
    let file = export_for(&mut scene.berger, &scene.keller).0;
    let (head, items) = taken_apart(&file);
    let receipted = items.iter().find(|item| {
        let envelope = Envelope::decode(&item.bytes).ok();
        item.receipt.is_some() && envelope.is_some_and(|one| one.header().space == scene.journal)
    });
    let receipted = receipted.unwrap().clone();
    let pending = items
        .iter()
        .find(|item| item.receipt.is_none())
        .unwrap()
        .clone();
    let before = stored(&scene, &scene.keller);

    // An altered envelope under its true receipt, and one whose receipt is another item's.
    let mut altered = receipted.clone();
    let last = altered.bytes.len() - 1;
    altered.bytes[last] ^= 1;
    let mut borrowed = pending.clone();
    borrowed.receipt = receipted.receipt.clone();
    // A receipt by somebody who is not the relay, at the journal's beginning.
    let mut backdated = pending.clone();
    let stranger = SigningKey::from_seed(&Secret32::from_bytes([9; 32]));
    let batch = Batch {
        journal: JournalId([0; 16]),
        accepted_at_ms: 1,
        items: vec![(1, ItemId::from(id_of(&pending).unwrap()))],
    };
    backdated.receipt = Some(batch.receipts(&stranger).remove(0));
    let made_up = put_together(&head, &[altered, borrowed, backdated]);
    let imported = import(&mut scene.keller, &made_up);
    assert_eq!((imported.envelopes, imported.operations), (0, 0));
    assert_eq!(
        imported.pending, 1,
        "the pending one is as it was, receipt or not"
    );
    let refused: Vec<_> = imported
        .refused
        .iter()
        .map(|one| (one.author.as_str(), one.reason))
        .collect();
    assert_eq!(refused, [("Anna Berger", "bad_signature")]);
    assert_eq!(stored(&scene, &scene.keller), before);
    let carried = scene.keller.nahtlos.carried_lines().unwrap();
    let states: Vec<&str> = carried.iter().map(|line| line.state).collect();
    assert_eq!(states, ["waits"], "it builds on what was altered");
    assert!(scene.notes(&scene.keller).is_empty());

    let imported = import(&mut scene.keller, &file);
    assert_eq!(
        imported.envelopes, 1,
        "control: the true one under its receipt"
    );
    assert_eq!(scene.notes(&scene.keller), [1, 2]);
}

/// A change of access that no relay acknowledged could be another one elsewhere: it is refused, whoever
/// signed it. So is one that its author has no right to.
#[test]
fn a_change_of_access_without_a_receipt_is_refused() {
    let mut scene = scene();
    let journal = scene.journal;
    let head = scene.keller.nahtlos.log_head(&journal);
    let end = vec![Effect::Remove {
        grant: Some(scene.grant),
        member: None,
        reason: 1,
    }];
    let forbidden = scene
        .iseli
        .nahtlos
        .forbidden_operation(&journal, end.clone());
    scene
        .berger
        .nahtlos
        .hostile_change(&journal, end, false)
        .unwrap();
    let file = export(&mut scene.berger);
    let (bundle, mut items) = taken_apart(&file);
    items.push(BundleItem {
        kind: ItemKind::Operation,
        bytes: forbidden.unwrap(),
        wraps: Vec::new(),
        receipt: None,
    });
    let imported = import(&mut scene.keller, &put_together(&bundle, &items));
    let refused: Vec<_> = imported
        .refused
        .iter()
        .map(|one| (one.author.as_str(), one.reason))
        .collect();
    assert_eq!(
        refused,
        [("Anna Berger", "no_receipt"), ("Marc Iseli", "invalid")]
    );
    assert_eq!(scene.keller.nahtlos.log_head(&journal), head);
    scene.sync_all();
    assert_ne!(
        scene.keller.nahtlos.log_head(&journal),
        head,
        "control: by the relay it counts"
    );
}

#[test]
fn a_bundle_of_another_network_or_of_strangers_in_this_one_shows_nothing() {
    let mut scene = scene();
    let elsewhere = World::new();
    let mut mallory = elsewhere.found("mallory", "Mallory", "Nobody's", "alv");
    mallory.open_example_case();
    let file = export(&mut mallory);
    let outcome = try_import(&mut scene.keller.nahtlos, &file);
    assert!(matches!(
        outcome,
        Err(ClientError::Bundle(BundleError::OtherNetwork))
    ));

    // The same items, said to be of this network.
    let (mut head, items) = taken_apart(&file);
    head.network = taken_apart(&export(&mut scene.berger)).0.network;
    let cases = scene.keller.nahtlos.cases().unwrap().len();
    let imported = import(&mut scene.keller, &put_together(&head, &items));
    assert_eq!((imported.envelopes, imported.operations), (0, 0));
    assert_eq!(scene.keller.nahtlos.cases().unwrap().len(), cases);
    let lines = scene.keller.nahtlos.carried_lines().unwrap();
    assert!(lines.iter().all(|line| line.state == "waits"), "{lines:?}");
    let report = scene.keller.sync();
    assert_eq!(report.carried_delivered, 0);
    scene.keller.sync();
}

#[test]
fn who_has_no_key_takes_in_a_bundle_and_reads_nothing_of_it() {
    let mut scene = scene();
    let number = scene.number.clone();
    let case = scene.berger.nahtlos.find_case(&number).unwrap();
    let tasks = case.section(&SectionKind::Tasks).unwrap();
    let file = export(&mut scene.berger);
    let inside: Vec<EnvelopeId> = taken_apart(&file)
        .1
        .iter()
        .filter_map(|item| Envelope::decode(&item.bytes).ok())
        .filter(|envelope| envelope.header().space == tasks)
        .map(|envelope| envelope.id())
        .collect();
    assert!(!inside.is_empty(), "control: the tasks are in the file");
    let imported = import(&mut scene.iseli, &file);
    assert!(imported.not_shared >= inside.len() as u64);
    let stored = |home: &Home| {
        let bytes = inside
            .iter()
            .filter_map(|id| home.nahtlos.envelope_bytes(id));
        bytes.count()
    };
    assert_eq!(stored(&scene.iseli), 0);
    assert_eq!(stored(&scene.berger), inside.len(), "control");
    let own = scene.iseli.nahtlos.find_case(&number).unwrap();
    assert!(
        scene
            .iseli
            .nahtlos
            .section_document(&own, &SectionKind::Tasks)
            .is_err()
    );
    assert!(scene.iseli.nahtlos.held_lines().unwrap().is_empty());
    let report = scene.iseli.sync();
    assert!(report.held.is_empty(), "{:?}", report.held);
}

#[test]
fn an_entry_that_the_relay_withholds_is_noticed_when_a_bundle_brings_what_builds_on_it() {
    let mut scene = scene();
    let number = scene.number.clone();
    let before = stored(&scene, &scene.berger);
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    scene.berger.sync();
    let withheld = *stored(&scene, &scene.berger)
        .difference(&before)
        .next()
        .unwrap();
    let mut line = Line::to(&scene.world);
    line.drops = vec![withheld];
    scene.keller.sync_through(&mut line);
    assert!(scene.notes(&scene.keller).is_empty());
    assert!(
        scene.keller.nahtlos.held_lines().unwrap().is_empty(),
        "nothing shows it so far"
    );

    type_notes(&mut scene.berger.nahtlos, &number, &[2]);
    scene.berger.sync();
    let (head, mut items) = taken_apart(&export(&mut scene.berger));
    let whole = put_together(&head, &items);
    items.retain(|item| id_of(item) != Some(withheld));
    import(&mut scene.keller, &put_together(&head, &items));
    let held = scene.keller.nahtlos.held_lines().unwrap();
    let reasons: Vec<&str> = held.iter().map(|line| line.reason.as_str()).collect();
    assert_eq!(reasons, ["missing_parents"]);
    scene.keller.sync_through(&mut line);
    assert!(
        scene.notes(&scene.keller).is_empty(),
        "the relay withholds it still"
    );

    import(&mut scene.keller, &whole);
    assert_eq!(scene.notes(&scene.keller), [1, 2]);
    assert!(scene.keller.nahtlos.held_lines().unwrap().is_empty());
}

/// While the bundle was on its way the section got another key: the relay does not take what was sealed
/// under the old one, from whoever. Its author seals it anew, and the carried form gives way.
#[test]
fn an_edit_that_was_sealed_anew_takes_the_place_of_the_one_a_bundle_brought() {
    let mut scene = scene();
    let (number, journal) = (scene.number.clone(), scene.journal);
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    let file = export(&mut scene.berger);
    import(&mut scene.iseli, &file);
    import(&mut scene.keller, &file);
    scene
        .keller
        .nahtlos
        .hostile_change(&journal, Vec::new(), true)
        .unwrap();
    let report = scene.keller.sync();
    assert_eq!(report.carried_delivered, 0);
    assert_eq!(scene.notes(&scene.keller), [1], "shown still");
    assert_eq!(scene.keller.nahtlos.carried_lines().unwrap().len(), 1);

    scene.berger.sync();
    assert_eq!(scene.berger.nahtlos.status().unwrap().undelivered_edits, 0);
    scene.sync_all();
    // The carried form comes back by a stick, to its author and to others.
    import(&mut scene.berger, &file);
    import(&mut scene.keller, &file);
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        assert_eq!(scene.notes(home), [1]);
        assert!(home.nahtlos.carried_lines().unwrap().is_empty());
        assert_eq!(scene.standings(home), scene.standings(&scene.berger));
    }
    no_device_is_called_a_copy(&[&scene.berger, &scene.keller, &scene.iseli]);
}

#[test]
fn a_case_opened_without_the_relay_is_read_from_a_bundle_and_goes_on_once_the_relay_has_it() {
    let mut scene = scene();
    let number = scene.berger.open_example_case();
    let file = export(&mut scene.berger);
    let imported = import(&mut scene.keller, &file);
    assert!(
        imported.pending > 6 && imported.refused.is_empty(),
        "{imported:?}"
    );
    let line = |home: &Home| {
        let lines = home.nahtlos.cases().unwrap();
        let named = |number: &str| {
            let mut lines = lines.iter();
            lines
                .find(|line| line.summary.case_number.as_deref() == Some(number))
                .cloned()
        };
        named(&number)
    };
    let shown = line(&scene.keller).expect("the case is listed");
    assert!(shown.carried > 0);
    let case = scene.keller.nahtlos.find_case(&shown.id).unwrap();
    for kind in case.sections.keys() {
        let texts = |home: &Home| {
            let document = home.nahtlos.section_document(&case, kind).unwrap();
            document.export_json()
        };
        assert_eq!(texts(&scene.keller), texts(&scene.berger), "{kind:?}");
    }
    // What is typed there waits for the relay to have the section.
    type_notes(&mut scene.keller.nahtlos, &shown.id, &[7]);
    let exported = export_as(&mut scene.keller, &BundleScope::default()).1;
    assert_eq!(exported.not_sealed, 1);
    let report = scene.keller.sync();
    assert!(report.carried_delivered > 6, "{report:?}");
    assert_eq!(scene.keller.nahtlos.status().unwrap().undelivered_edits, 0);
    assert!(scene.keller.nahtlos.carried_lines().unwrap().is_empty());
    scene.sync_all();
    scene.sync_all();
    assert_eq!(
        scene.berger.journal(&shown.id),
        scene.keller.journal(&shown.id)
    );
    assert!(
        scene
            .berger
            .journal(&shown.id)
            .iter()
            .any(|text| text.ends_with("entry 7"))
    );
    assert_eq!(scene.berger.nahtlos.status().unwrap().undelivered_edits, 0);
    no_device_is_called_a_copy(&[&scene.berger, &scene.keller]);
}

/// Whoever writes a file may put the founding of a section behind what follows it.
#[test]
fn a_case_opened_without_the_relay_is_taken_in_whatever_the_order_of_its_operations() {
    let mut scene = scene();
    let number = scene.berger.open_example_case();
    let case = scene.berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&JOURNAL).unwrap();
    let second = scene
        .berger
        .nahtlos
        .hostile_change(&journal, Vec::new(), true);
    second.unwrap();
    let file = export(&mut scene.berger);
    let (head, mut items) = taken_apart(&file);
    items.reverse();
    let backwards = put_together(&head, &items);
    let imported = import(&mut scene.keller, &backwards);
    assert!(imported.refused.is_empty(), "{imported:?}");
    let lines = scene.keller.nahtlos.carried_lines().unwrap();
    assert!(lines.iter().all(|line| line.state == "shown"), "{lines:?}");
    let again = import(&mut scene.keller, &file);
    assert_eq!((again.pending, again.refused.len()), (0, 0));
    let follows = |item: &BundleItem| {
        let signed = SignedOperation::decode(&item.bytes).ok();
        item.receipt.is_none() && signed.is_some_and(|one| one.operation().index > 0)
    };
    assert!(
        items.iter().any(follows),
        "control: something follows a founding that no relay has"
    );
}

#[test]
fn a_bundle_for_a_request_holds_what_its_writer_lacks_and_one_of_a_case_no_other_section() {
    let mut scene = scene();
    let number = scene.number.clone();
    let other = scene.berger.open_example_case();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    scene.berger.sync();
    let whole = export(&mut scene.berger);
    let (part, exported) = export_for(&mut scene.berger, &scene.keller);
    assert!(part.len() < whole.len() && exported.pending == 0);
    import(&mut scene.keller, &part);
    assert_eq!(scene.notes(&scene.keller), [1]);
    assert_eq!(scene.keller.nahtlos.cases().unwrap().len(), 2);
    let (_, nothing) = export_for(&mut scene.berger, &scene.keller);
    assert_eq!(
        (nothing.operations, nothing.envelopes),
        (0, 0),
        "{nothing:?}"
    );

    let case = scene.berger.nahtlos.find_case(&other).unwrap();
    let sections: BTreeSet<_> = case.sections.values().copied().collect();
    let scope = BundleScope {
        cases: Some(vec![case]),
        lacking: None,
    };
    let (file, _) = export_as(&mut scene.berger, &scope);
    let spaces = taken_apart(&file).1.into_iter();
    let spaces: BTreeSet<_> = spaces
        .filter_map(|item| Envelope::decode(&item.bytes).ok())
        .map(|envelope| envelope.header().space)
        .collect();
    assert!(spaces.is_superset(&sections));
    assert!(!spaces.contains(&scene.journal));
}

#[test]
fn a_papers_words_open_a_bundle_without_home_or_relay() {
    let mut scene = scene();
    let number = scene.number.clone();
    let paper = scene.berger.nahtlos.draw_paper().unwrap();
    let early = export(&mut scene.berger);
    scene.berger.nahtlos.list_paper(&paper, "Paper").unwrap();
    scene.berger.sync();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    let file = export(&mut scene.berger);
    scene.world.stop_relay();

    let seed = words::read(&paper.words().join(" "), &paper.text().device).unwrap();
    let directory = scene.world.directory.path().join("reading");
    std::fs::create_dir(&directory).unwrap();
    let open =
        |file: &[u8]| OpenedBundle::open(&mut Cursor::new(file), &directory, &seed, paper.text());
    let mut opened = open(&file).unwrap();
    let reader = opened.replica().unwrap();
    let case = reader.find_case(&number).unwrap();
    for kind in [JOURNAL, SectionKind::Core, SectionKind::Tasks] {
        let read = reader.section_document(&case, &kind).unwrap().export_json();
        let there = scene.berger.nahtlos.section_document(&case, &kind).unwrap();
        assert_eq!(read, there.export_json(), "{kind:?}");
    }
    assert_eq!(
        reader.status().unwrap().person.as_deref(),
        Some("Anna Berger")
    );
    drop(opened);
    assert_eq!(
        std::fs::read_dir(&directory).unwrap().count(),
        0,
        "nothing stays"
    );

    let refused = open(&early).err();
    assert!(matches!(
        refused,
        Some(ClientError::Bundle(BundleError::NotForThisPaper))
    ));
    let stranger = export(&mut scene.iseli);
    assert!(open(&stranger).is_err());
}

#[test]
fn a_bundle_brings_to_a_relay_that_went_back_what_it_lost() {
    let mut scene = scene();
    let number = scene.number.clone();
    let backup = scene.world.back_up_relay_marked();
    type_notes(&mut scene.berger.nahtlos, &number, &[1]);
    scene.berger.sync();
    let file = export(&mut scene.berger);
    scene.world.go_back_to(&backup);
    scene.keller.sync();
    assert!(scene.notes(&scene.keller).is_empty());
    import(&mut scene.keller, &file);
    assert_eq!(scene.notes(&scene.keller), [1]);
    scene.keller.sync();
    scene.iseli.sync();
    assert_eq!(
        scene.notes(&scene.iseli),
        [1],
        "Berger has not synced since"
    );
}

#[test]
fn a_home_that_never_acts_writes_and_takes_in_no_bundle() {
    let mut scene = scene();
    let file = export(&mut scene.berger);
    let backup = scene.world.directory.path().join("backup");
    scene.keller.nahtlos.back_up(&backup).unwrap();
    let path = scene.world.directory.path().join("restored");
    Nahtlos::restore(&path, &backup, nahtlos_tests::PASSPHRASE).unwrap();
    let mut restored = Nahtlos::open(&path, nahtlos_tests::PASSPHRASE).unwrap();
    assert!(matches!(
        try_import(&mut restored, &file),
        Err(ClientError::Restored)
    ));
    let written = restored.export_bundle(&mut Vec::new(), &BundleScope::default());
    assert!(matches!(written, Err(ClientError::Restored)));
    let mut nobody = scene.world.home("nobody");
    assert!(matches!(
        try_import(&mut nobody.nahtlos, &file),
        Err(ClientError::NotEnrolled)
    ));
}

/// Iseli types offline; before the next sync a colleague's stick brings the end of the right.
#[test]
fn what_was_typed_before_a_bundle_brought_the_end_of_a_right_is_held_for_who_decides_and_not_refused()
 {
    for with_bundle in [false, true] {
        let mut scene = scene();
        type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
        let removed = Effect::Remove {
            grant: Some(scene.grant),
            member: None,
            reason: 1,
        };
        scene.change(vec![removed], true);
        if with_bundle {
            let file = export(&mut scene.berger);
            let brought = import(&mut scene.iseli, &file);
            assert!(brought.operations > 0, "{brought:?}");
            assert_eq!(scene.iseli.nahtlos.status().unwrap().undelivered_edits, 1);
        }
        scene.iseli.sync();
        scene.berger.sync();
        let held = scene.berger.nahtlos.held_list().unwrap();
        assert_eq!(held.len(), 1, "with a bundle: {with_bundle}");
        assert_eq!(held[0].reason, "access_ended");
        scene.berger.nahtlos.held_adopt(&held[0].id).unwrap();
        scene.berger.sync();
        assert_eq!(scene.notes(&scene.berger), [1]);
    }
}
