//! New keys: before anything is written where somebody left, where somebody waits for a key, where
//! a key does not open, and everywhere at once on command.

use nahtlos_casework::SectionKind;
use nahtlos_client::HttpTransport;
use nahtlos_client::rotation::{Rotation, RotationProgress};
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::identifier::{GrantId, KeyId, SpaceId};
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_tests::Home;
use nahtlos_tests::scene::{Scene, newcomer, scene, type_notes};

const JOURNAL: SectionKind = SectionKind::Journal;

fn key(home: &Home, space: &SpaceId) -> KeyId {
    home.nahtlos.epoch_in(space).unwrap()
}

/// Iseli's team loses the journal, by somebody who leaves the new key to the next writer.
fn removed_without_a_new_key(scene: &mut Scene) {
    let removal = Effect::Remove {
        grant: Some(scene.grant),
        member: None,
        reason: 0,
    };
    scene.change(vec![removal], false);
}

#[test]
fn who_knows_of_a_removal_makes_a_new_key_before_the_next_word_is_sealed() {
    let mut scene = scene();
    let before = key(&scene.berger, &scene.journal);
    removed_without_a_new_key(&mut scene);
    scene.keller.sync();
    assert_eq!(
        key(&scene.keller, &scene.journal),
        before,
        "nothing is written yet"
    );

    type_notes(&mut scene.keller.nahtlos, &scene.number, &[1]);
    let report = scene.keller.sync();
    assert_eq!(
        report.envelopes_delivered, 1,
        "in the same sync: {report:?}"
    );
    assert_ne!(key(&scene.keller, &scene.journal), before);
    scene.berger.sync();
    assert_eq!(scene.notes(&scene.berger), [1]);
    let stored = scene
        .world
        .stored_envelopes(&scene.berger, &scene.number, &JOURNAL);
    let last = &stored[stored.len() - 1..];
    assert_eq!(scene.world.opens(&scene.iseli, last), [false]);
    assert_eq!(scene.world.opens(&scene.keller, last), [true], "control");
    assert!(scene.world.opens(&scene.iseli, &stored[..1])[0], "control");
}

/// Story 10.
#[test]
fn a_reader_added_to_a_stale_section_gets_a_key_from_a_writer_who_merely_syncs() {
    let mut scene = scene();
    removed_without_a_new_key(&mut scene);
    scene.sync_all();
    let before = key(&scene.berger, &scene.journal);
    let person = scene.iseli.nahtlos.identity().person.unwrap();
    let add = Effect::Add {
        grant: GrantId([7; 16]),
        member: Member::Space { id: person },
        role: Role::Read,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    };
    scene.change(vec![add], false);
    scene.sync_all();
    assert_ne!(key(&scene.berger, &scene.journal), before);
    assert_eq!(scene.iseli.nahtlos.key_notice(&scene.journal), None);
    assert_eq!(scene.iseli.nahtlos.openable_epochs(&scene.journal).len(), 2);
}

#[test]
fn a_key_that_opens_for_nobody_is_reported_and_replaced_and_the_past_linked_again() {
    let mut scene = scene();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1]);
    scene.sync_all();
    let case = scene.berger.nahtlos.find_case(&scene.number).unwrap();
    let lent = key(&scene.berger, &case.section(&SectionKind::Core).unwrap());
    // Iseli may write the journal and begins an epoch whose wraps open to nothing.
    let journal = scene.journal;
    scene
        .iseli
        .nahtlos
        .hostile_borrowed_key(&journal, &lent)
        .unwrap();
    assert_eq!(key(&scene.iseli, &journal), lent);
    scene.iseli.sync();
    scene.berger.sync();
    assert_ne!(
        key(&scene.berger, &journal),
        lent,
        "whoever syncs first reports and replaces it"
    );
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[2]);
    scene.sync_all();
    assert_eq!(scene.notes(&scene.iseli), [1, 2]);
    assert_eq!(scene.notes(&scene.keller), [1, 2]);
    // Who comes later reads from the beginning: the new key leads back past the bad one.
    let mut huber = newcomer(&mut scene, "Rosa Huber");
    scene.berger.sync();
    huber.sync();
    huber.sync();
    assert_eq!(scene.notes(&huber), [1, 2]);
}

#[test]
fn a_case_opened_offline_while_its_team_got_a_new_key_is_delivered_under_a_new_key() {
    let mut scene = scene();
    let team = scene.berger.nahtlos.identity().team.unwrap();
    let number = scene.berger.open_example_case();
    let case = scene.berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&JOURNAL).unwrap();
    let before = key(&scene.berger, &journal);
    scene
        .keller
        .nahtlos
        .hostile_change(&team, Vec::new(), true)
        .unwrap();
    scene.keller.sync();
    let report = scene.berger.sync();
    assert!(report.notices.is_empty(), "{report:?}");
    assert_eq!(scene.berger.nahtlos.status().unwrap().undelivered_edits, 0);
    assert_ne!(key(&scene.berger, &journal), before);
    scene.keller.sync();
    assert_eq!(scene.keller.journal(&number), scene.berger.journal(&number));
    assert_eq!(scene.keller.journal(&number).len(), 2);
}

/// A line that breaks before the answer to the n-th request arrives.
struct Breaking {
    inner: HttpTransport,
    answers_left: u32,
}

impl Transport for Breaking {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        if self.answers_left == 0 {
            return Err(TransportError::NotARelay {
                reason: "the line broke".into(),
            });
        }
        self.answers_left -= 1;
        self.inner.post(path, token, body)
    }
}

#[test]
fn everything_a_lost_device_held_is_rotated_on_command_and_goes_on_where_it_broke_off() {
    let mut scene = scene();
    scene.keller.sync();
    let lost = scene.keller.nahtlos.device_id();
    let rotation = Rotation::HeldByDevice(lost);
    let planned = scene.berger.nahtlos.preview_rotation(&rotation).unwrap();
    assert!(
        planned.left >= 8,
        "team, institution, network, sections: {planned:?}"
    );
    assert_eq!(planned.not_ours, 1, "Keller's own space");
    let epochs = |home: &Home| -> Vec<(String, usize)> {
        let lines = home.nahtlos.key_lines().unwrap();
        lines
            .into_iter()
            .map(|line| (line.id, line.epochs))
            .collect()
    };
    let before = epochs(&scene.berger);
    let mut broken = Breaking {
        inner: scene.world.transport(),
        answers_left: 1,
    };
    let mut told = Vec::new();
    let mut progress = |step: RotationProgress| told.push(step);
    let failed = scene
        .berger
        .nahtlos
        .rotate_now(&mut broken, &rotation, &mut progress);
    assert!(failed.is_err());
    let left = scene.berger.nahtlos.rotations_left().unwrap().len() as u64;
    assert_eq!(left, planned.left, "decided, and nothing done yet");

    let mut transport = scene.world.transport();
    let done = scene
        .berger
        .nahtlos
        .rotate_now(&mut transport, &rotation, &mut progress);
    let done = done.unwrap().keys;
    assert_eq!((done.rotated, done.left), (planned.left, 0));
    assert_eq!(told.last().map(|step| step.rotated), Some(planned.left));
    // Each once, but for Berger's own person, which Keller never held.
    let own = scene.berger.nahtlos.identity().person.unwrap().to_string();
    for ((id, before), (_, after)) in before.into_iter().zip(epochs(&scene.berger)) {
        let more = usize::from(id != own);
        assert_eq!(after, before + more, "{id}");
    }
    scene.sync_all();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[9]);
    scene.sync_all();
    assert_eq!(
        scene.notes(&scene.iseli),
        [9],
        "control: who stays reads on"
    );
    assert_eq!(
        scene.notes(&scene.keller),
        [9],
        "control: nobody was removed"
    );
}
