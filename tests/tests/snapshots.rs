//! Snapshots: what many edits made in one envelope, attested by another institution, so that who comes
//! later needs the originals no more.

use nahtlos_casework::SectionKind;
use nahtlos_client::share::Terms;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::envelope::snapshot::SnapshotPayload;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_tests::Home;
use nahtlos_tests::scene::{IV_TEAM, Line, Scene, newcomer, scene, type_notes};

/// Numbers of notes that together outweigh what a snapshot is made for.
fn many() -> Vec<u64> {
    (1..=400).collect()
}

fn said(scene: &Scene, home: &Home, kind: &str) -> Vec<EnvelopeId> {
    let known = scene.standings(home);
    let said = known.into_iter().filter(|(_, what, _)| what == kind);
    said.map(|(id, ..)| id).collect()
}

/// A scene in which Keller's many notes were delivered and everybody has synced.
fn with_a_tail() -> Scene {
    let mut scene = scene();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1000]);
    scene.keller.sync();
    scene.sync_all();
    assert!(
        said(&scene, &scene.berger, "Snapshot").is_empty(),
        "control: too little"
    );
    type_notes(&mut scene.keller.nahtlos, &scene.number, &many());
    scene.keller.sync();
    scene.sync_all();
    scene.sync_all();
    scene
}

#[test]
fn a_writer_makes_a_snapshot_when_the_tail_outweighs_the_last_and_another_institution_attests_it() {
    let mut scene = with_a_tail();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(said(&scene, home, "Snapshot").len(), 1);
        assert_eq!(
            said(&scene, home, "Attest").len(),
            1,
            "Iseli's: once, and by nobody else"
        );
        assert!(said(&scene, home, "Dispute").is_empty());
        assert_eq!(scene.notes(home).len(), 401, "and no document changed");
    }
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[2000]);
    scene.keller.sync();
    scene.sync_all();
    assert_eq!(
        said(&scene, &scene.berger, "Snapshot").len(),
        1,
        "not after each edit"
    );
}

/// Nobody else reads a person's own document, so nobody could attest a snapshot of it.
#[test]
fn of_a_persons_own_document_no_snapshot_is_made_however_often_devices_are_renamed() {
    let mut scene = scene();
    let identity = scene.berger.nahtlos.identity();
    let (own, network) = (identity.person.unwrap(), identity.network.unwrap());
    let team = identity.team.unwrap();
    let device = scene.berger.nahtlos.device_id().to_string();
    for number in 0..300 {
        let name = format!("{number} ").repeat(100);
        let berger = &mut scene.berger.nahtlos;
        berger.rename_device(&device, &name).unwrap();
        berger.rename_team(&team, &name).unwrap();
    }
    for _ in 0..3 {
        scene.berger.sync();
    }
    let snapshots = |space| {
        let known = scene.berger.nahtlos.counting_of(&space);
        known
            .iter()
            .filter(|(_, what, _)| what == "Snapshot")
            .count()
    };
    assert_eq!(snapshots(network), 1, "control: as much in the directory");
    assert_eq!(snapshots(own), 0);
    assert!(!scene.berger.nahtlos.counting_of(&own).is_empty());
}

/// Somebody reads the journal from now on. A snapshot would hold what was before, under the key they
/// have: none is made. (What makes one without them is seen above.)
#[test]
fn beside_somebody_who_reads_from_now_on_no_snapshot_is_made() {
    let mut scene = scene();
    let mut sommer = {
        let berger = &mut scene.berger;
        scene
            .world
            .institution(berger, "sommer", "Eva Sommer", "Sozialdienst", "soz")
    };
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1000]);
    scene.keller.sync();
    scene.sync_all();
    let berger = &mut scene.berger.nahtlos;
    let case = berger.find_case(&scene.number).unwrap();
    let directory = berger.directory().unwrap();
    let team = directory.find_team("Sozialdienst Team 1").unwrap();
    berger
        .grant(
            &case,
            &SectionKind::Journal,
            &team,
            &Terms::new(Role::Read, "AVG35a1").from_now(),
        )
        .unwrap();
    scene.berger.sync();
    scene.sync_all();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &many());
    scene.keller.sync();
    scene.sync_all();
    scene.sync_all();
    sommer.sync();
    assert_eq!(
        scene.notes(&scene.berger).len(),
        401,
        "control: a long tail"
    );
    for home in [&scene.berger, &scene.keller, &scene.iseli, &sommer] {
        assert!(said(&scene, home, "Snapshot").is_empty());
    }
}

#[test]
fn who_joins_after_the_originals_were_dropped_begins_with_the_snapshot_and_goes_on() {
    let mut scene = with_a_tail();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2000]);
    scene.iseli.sync();
    scene.sync_all();
    let dropped: Vec<EnvelopeId> = covered(&scene);
    assert!(dropped.len() >= 3);
    let mut home = newcomer(&mut scene, "newcomer");
    let mut line = Line::to(&scene.world);
    line.drops = dropped.clone();
    home.sync_through(&mut line);
    let mut again = Line::to(&scene.world);
    again.drops = dropped;
    home.sync_through(&mut again);
    assert_eq!(scene.notes(&home), scene.notes(&scene.berger));
    assert_eq!(
        home.journal(&scene.number),
        scene.berger.journal(&scene.number),
        "and authors"
    );
    type_notes(&mut home.nahtlos, &scene.number, &[3000]);
    assert_eq!(home.sync().envelopes_delivered, 1);
    scene.sync_all();
    assert_eq!(scene.notes(&scene.iseli).last(), Some(&3000));
}

/// Iseli writes after his access ended, Berger adopts that, and both edits are dropped under a snapshot
/// before he is let in again: of the two he still has his own, which alone looks as if nobody wanted it.
#[test]
fn who_is_let_in_again_begins_with_the_snapshot_that_covers_their_adopted_edit() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1000]);
    let withdrawal = Effect::Remove {
        grant: Some(scene.grant),
        member: None,
        reason: 1,
    };
    scene.change(vec![withdrawal], true);
    scene.iseli.sync();
    scene.sync_all();
    let held = scene.berger.nahtlos.held_list().unwrap();
    scene.berger.nahtlos.held_adopt(&held[0].id).unwrap();
    scene.berger.sync();
    scene.keller.sync();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &many());
    for _ in 0..3 {
        scene.keller.sync();
        scene.berger.sync();
    }
    assert_eq!(said(&scene, &scene.berger, "Attest").len(), 1, "control");
    let dropped = covered(&scene);
    let adopted = EnvelopeId::from_hex(&held[0].id).unwrap();
    assert!(dropped.contains(&adopted), "control");

    let journal = SectionKind::Journal;
    let berger = &mut scene.berger;
    berger.share(&scene.number, &journal, IV_TEAM, Role::Write, "AVG35a1");
    scene.berger.sync();
    for _ in 0..2 {
        let mut line = Line::to(&scene.world);
        line.drops.clone_from(&dropped);
        scene.iseli.sync_through(&mut line);
    }
    assert_eq!(scene.notes(&scene.keller).len(), 401, "control");
    assert_eq!(scene.notes(&scene.iseli), scene.notes(&scene.keller));
    assert_eq!(
        scene.iseli.nahtlos.held_list().unwrap(),
        [],
        "it is in there"
    );
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2000]);
    assert_eq!(scene.iseli.sync().envelopes_delivered, 1);
    scene.sync_all();
    for home in [&scene.berger, &scene.keller, &scene.iseli] {
        assert_eq!(scene.notes(home).len(), 402);
    }

    let section = scene.journal;
    let berger = &mut scene.berger.nahtlos;
    berger.hostile_void(&section, &adopted).unwrap();
    scene.sync_all();
    let told = scene.iseli.nahtlos.held_list().unwrap();
    let mut told = told.iter().filter(|held| held.id == adopted.to_string());
    assert_eq!(told.next().unwrap().reason, "voided", "and is shown again");
}

/// Berger is on leave while Keller writes, Iseli attests and the originals are dropped. Nobody writes
/// after that: only the snapshot tells that something came.
#[test]
fn who_was_away_while_the_originals_were_dropped_goes_on_with_the_snapshot() {
    let mut scene = scene();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1000]);
    scene.berger.sync();
    scene.sync_all();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &many());
    for _ in 0..3 {
        scene.keller.sync();
        scene.iseli.sync();
    }
    assert_eq!(said(&scene, &scene.iseli, "Attest").len(), 1, "control");
    let snapshot = said(&scene, &scene.iseli, "Snapshot")[0];
    let mut line = Line::to(&scene.world);
    line.drops = scene.iseli.nahtlos.covered_by(&scene.journal, &snapshot);
    scene.berger.sync_through(&mut line);
    assert_eq!(scene.notes(&scene.keller).len(), 401, "control");
    assert_eq!(scene.notes(&scene.berger), scene.notes(&scene.keller));
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2000]);
    assert_eq!(scene.berger.sync().envelopes_delivered, 1);
    scene.sync_all();
    assert_eq!(scene.notes(&scene.iseli).len(), 402);
}

/// A newcomer began with a snapshot and has no originals when something that it covers is voided; another one
/// comes only then. Who has the originals offers them again, and the relay serves them to both.
#[test]
fn who_has_no_originals_gets_them_once_something_is_voided_beneath_their_snapshot() {
    let mut scene = with_a_tail();
    let originals = covered(&scene);
    drop_from_relay(&scene, &originals);
    let mut before = newcomer(&mut scene, "before");
    before.sync();
    assert_eq!(scene.notes(&before).len(), 401, "control");
    assert!(
        before.nahtlos.envelope_bytes(&originals[0]).is_none(),
        "control: it has the snapshot alone"
    );
    let large = originals.iter().find(|id| is_large(&scene, id)).copied();
    let voids = Effect::Void {
        envelopes: large.into_iter().collect(),
        grants: Vec::new(),
    };
    scene.change(vec![voids], false);
    before.sync();
    assert_eq!(scene.notes(&before).len(), 401, "as long as it has none");
    scene.sync_all();
    let mut after = newcomer(&mut scene, "after");
    for home in [&mut before, &mut after] {
        home.sync();
        assert_eq!(scene.notes(home), [1000]);
    }
    type_notes(&mut before.nahtlos, &scene.number, &[2000]);
    assert_eq!(before.sync().envelopes_delivered, 1);
    scene.sync_all();
    after.sync();
    for home in [&scene.keller, &scene.iseli, &after] {
        assert_eq!(scene.notes(home), [1000, 2000]);
    }
}

/// As pruning does, without half a year.
fn drop_from_relay(scene: &Scene, envelopes: &[EnvelopeId]) {
    let database = scene.world.directory.path().join("relay/relay.sqlite");
    let relay = rusqlite::Connection::open(database).unwrap();
    for id in envelopes {
        let dropped = relay.execute(
            "DELETE FROM body WHERE sequence IN (SELECT sequence FROM journal WHERE id = ?1)",
            [id.0],
        );
        assert_eq!(dropped.unwrap(), 1);
    }
}

/// An edit that a manager voided is kept beside the snapshot. Who joins then has this one original, and
/// begins with the snapshot all the same.
#[test]
fn a_voided_original_does_not_hide_the_snapshot_from_who_joins() {
    let mut scene = with_a_tail();
    let dropped = covered(&scene);
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2000]);
    scene.iseli.sync();
    scene.sync_all();
    assert_eq!(scene.notes(&scene.berger).len(), 402, "control");
    let known = scene.standings(&scene.berger).into_iter();
    let mut edits = known.filter(|(id, what, _)| what == "Counts" && !dropped.contains(id));
    let (late, ..) = edits.next().unwrap();
    let journal = scene.journal;
    scene.berger.nahtlos.hostile_void(&journal, &late).unwrap();
    scene.sync_all();
    assert_eq!(scene.notes(&scene.berger).len(), 401, "control: voided");
    let mut home = newcomer(&mut scene, "newcomer");
    for _ in 0..2 {
        let mut line = Line::to(&scene.world);
        line.drops.clone_from(&dropped);
        home.sync_through(&mut line);
    }
    assert_eq!(scene.notes(&home), scene.notes(&scene.berger));
}

#[test]
fn a_snapshot_that_nobody_attested_begins_no_document() {
    let mut scene = with_a_tail();
    let mut dropped = covered(&scene);
    dropped.extend(said(&scene, &scene.berger, "Attest"));
    let mut home = newcomer(&mut scene, "newcomer");
    let mut line = Line::to(&scene.world);
    line.drops = dropped;
    home.sync_through(&mut line);
    assert!(home.journal(&scene.number).is_empty());
    home.nahtlos.pull_everything_again().unwrap();
    home.sync();
    assert_eq!(
        scene.notes(&home),
        scene.notes(&scene.berger),
        "control: with the originals"
    );
}

#[test]
fn story_15_a_snapshot_over_an_edit_that_ceases_to_count_is_not_used_and_documents_are_rebuilt() {
    let mut scene = with_a_tail();
    let edits = scene.standings(&scene.berger);
    let edits = edits.iter().filter(|(_, standing, _)| standing == "Counts");
    // The example's entries, Keller's first note, and her many.
    let envelopes: Vec<EnvelopeId> = edits.map(|(id, ..)| *id).collect();
    let last = envelopes.iter().find(|id| is_large(&scene, id)).unwrap();
    let voided = vec![*last];
    scene.change(
        vec![Effect::Void {
            envelopes: voided,
            grants: Vec::new(),
        }],
        false,
    );
    scene.sync_all();
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1000], "rebuilt from originals");
    }
    let mut home = newcomer(&mut scene, "newcomer");
    let mut line = Line::to(&scene.world);
    line.drops = covered(&scene);
    home.sync_through(&mut line);
    assert!(
        home.journal(&scene.number).is_empty(),
        "it covers what does not count"
    );
}

#[test]
fn a_snapshot_that_is_not_what_the_originals_make_is_disputed_and_begins_nothing() {
    let lies: [&dyn Fn(&mut SnapshotPayload); 5] = [
        &|payload| payload.document[10] ^= 1,
        &|payload| payload.heads[0].0[0] ^= 1,
        &|payload| payload.actors[0].device.0[0] ^= 1,
        &|payload| payload.covered.push(EnvelopeId([0xff; 32])),
        &|payload| payload.document_bytes = 1 << 40,
    ];
    let mut scene = scene();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1]);
    scene.keller.sync();
    scene.sync_all();
    for (index, lie) in lies.into_iter().enumerate() {
        scene
            .keller
            .nahtlos
            .hostile_snapshot(&scene.journal, lie)
            .unwrap();
        scene.keller.sync();
        scene.sync_all();
        scene.sync_all();
        assert_eq!(said(&scene, &scene.berger, "Snapshot").len(), index + 1);
        assert_eq!(
            said(&scene, &scene.berger, "Dispute").len(),
            index + 1,
            "lie {index}"
        );
    }
    scene
        .keller
        .nahtlos
        .hostile_snapshot(&scene.journal, &|_| {})
        .unwrap();
    scene.keller.sync();
    scene.sync_all();
    scene.sync_all();
    assert_eq!(said(&scene, &scene.berger, "Dispute").len(), 5);
    assert_eq!(
        said(&scene, &scene.berger, "Attest").len(),
        1,
        "control: the truth"
    );
    for home in [&scene.berger, &scene.iseli, &scene.keller] {
        assert_eq!(scene.notes(home), [1], "nobody's document changed");
    }
}

/// Everything that was applied: what the snapshot covers, but for what came after it.
fn covered(scene: &Scene) -> Vec<EnvelopeId> {
    let snapshot = said(scene, &scene.berger, "Snapshot")[0];
    scene.berger.nahtlos.covered_by(&scene.journal, &snapshot)
}

fn is_large(scene: &Scene, id: &EnvelopeId) -> bool {
    let bytes = scene.berger.nahtlos.envelope_bytes(id).unwrap();
    Envelope::decode(&bytes).unwrap().bytes().len() > 20_000
}
