//! A member with every right and a modified program: changes and snapshots that no honest program
//! makes. Nobody's document changes, everybody goes on, and all see who sent what is held.

use nahtlos_protocol::envelope::snapshot::SnapshotPayload;
use nahtlos_tests::Home;
use nahtlos_tests::hostile::fixture::{chunk, data_of};
use nahtlos_tests::scene::{Scene, scene, type_notes};

/// What is held at a home because the gate refused it: who sent it, and for which space.
fn refused(home: &Home) -> Vec<(Option<String>, Option<String>)> {
    let lines = home.nahtlos.held_lines().unwrap();
    let refused = lines.into_iter().filter(|line| line.reason == "gate");
    refused.map(|line| (line.author, line.space)).collect()
}

type Alter = &'static dyn Fn(&mut Vec<Vec<u8>>);

const ATTACKS: [(&str, Alter); 6] = [
    ("junk", &|changes| changes.push(b"junk".to_vec())),
    ("another actor's change", &|changes| {
        let mut data = data_of(&changes[0]).to_vec();
        let actor = actor_in(&data);
        data[actor] ^= 1;
        changes[0] = chunk(1, &data);
    }),
    ("a sequence number too far", &|changes| {
        let mut data = data_of(&changes[0]).to_vec();
        let sequence = actor_in(&data) + 16;
        data[sequence] = 9;
        changes[0] = chunk(1, &data);
    }),
    ("a compressed chunk", &|changes| {
        changes[0] = chunk(2, &[0x4b, 0x4c, 0x04, 0x00]);
    }),
    ("a change cut short", &|changes| {
        let data = data_of(&changes[0]).to_vec();
        changes[0] = chunk(1, &data[..data.len() - 3]);
    }),
    ("five thousand orphans", &|changes| {
        let data = data_of(&changes[0]).to_vec();
        *changes = (0..4_999u16)
            .map(|number| {
                let mut orphan = data.clone();
                orphan[1..3].copy_from_slice(&number.to_be_bytes());
                chunk(1, &orphan)
            })
            .collect();
    }),
];

/// Where a change's actor stands: behind the count of its dependencies, these, and its length.
fn actor_in(data: &[u8]) -> usize {
    2 + 32 * usize::from(data[0])
}

fn written(scene: &Scene) -> Vec<Vec<u64>> {
    let homes = [&scene.berger, &scene.keller, &scene.iseli];
    homes.into_iter().map(|home| scene.notes(home)).collect()
}

#[test]
fn what_the_gate_refuses_is_held_under_its_authors_name_and_stops_nobody() {
    let mut scene = scene();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[1]);
    scene.iseli.sync();
    scene.sync_all();
    let space = scene.journal;
    // The control: unaltered, the same envelope is taken.
    let iseli = &mut scene.iseli.nahtlos;
    iseli.hostile_changes(&space, 1_000, &|_| {}).unwrap();
    scene.iseli.sync();
    scene.sync_all();
    assert!(refused(&scene.berger).is_empty() && refused(&scene.keller).is_empty());
    let before = scene.berger.nahtlos.counting_of(&space).len();
    for (number, (what, alter)) in (1_001..).zip(ATTACKS) {
        let iseli = &mut scene.iseli.nahtlos;
        iseli.hostile_changes(&space, number, alter).unwrap();
        scene.iseli.sync();
        scene.sync_all();
        let held = usize::try_from(number - 1_000).unwrap();
        for home in [&scene.berger, &scene.keller] {
            let refused = refused(home);
            assert_eq!(refused.len(), held, "{what}");
            for (author, at) in refused {
                assert_eq!(author.as_deref(), Some("Marc Iseli"), "{what}");
                assert_eq!(at, Some(space.to_string()), "{what}");
            }
        }
    }
    assert_eq!(
        scene.berger.nahtlos.counting_of(&space).len(),
        before + ATTACKS.len()
    );
    assert_eq!(
        written(&scene),
        [[1], [1], [1]],
        "nobody's document changed"
    );
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[2]);
    scene.keller.sync();
    scene.sync_all();
    assert_eq!(
        written(&scene),
        [[1, 2], [1, 2], [1, 2]],
        "and everybody goes on"
    );
}

#[test]
fn a_snapshot_no_gate_would_have_let_come_about_is_disputed_and_changes_nobodys_document() {
    let mut scene = scene();
    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1]);
    scene.keller.sync();
    scene.sync_all();
    let attacks: [&dyn Fn(&mut SnapshotPayload); 3] = [
        // A bomb: a thousand times its size, then as much as it likes to announce.
        &|payload| payload.document = zeros(8_000_000),
        &|payload| {
            payload.document = zeros(8_000_000);
            payload.document_bytes = 8_000_000;
        },
        &|payload| payload.document.clear(),
    ];
    for (number, attack) in attacks.into_iter().enumerate() {
        let keller = &mut scene.keller.nahtlos;
        keller.hostile_snapshot(&scene.journal, attack).unwrap();
        scene.keller.sync();
        scene.sync_all();
        scene.sync_all();
        let said = scene.standings(&scene.berger);
        let disputes = said.iter().filter(|(_, kind, _)| kind == "Dispute").count();
        assert_eq!(disputes, number + 1);
        assert_eq!(written(&scene), [[1], [1], [1]]);
    }
}

fn zeros(bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; bytes]).unwrap();
    encoder.finish().unwrap()
}
