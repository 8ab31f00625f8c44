//! Somebody's only device is replaced by a custodian, and somebody who left still knows an old key: the
//! two ways in which a wrap could reach the wrong device.

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::StoredWrap;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::repair::WaitingGrant;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::{Effect, Role, SignedOperation};
use nahtlos_protocol::wire::{PushItem, VerdictCode};
use nahtlos_tests::scene::{IV_TEAM, Scene, scene, type_notes};
use nahtlos_tests::{Home, Passing};

const JOURNAL: SectionKind = SectionKind::Journal;

fn add(grant: u8, member: Member, role: Role) -> Effect {
    Effect::Add {
        grant: GrantId([grant; 16]),
        member,
        role,
        history: History::Full,
        basis: None,
        not_after_ms: None,
        invitation: None,
    }
}

/// Huber works in Iseli's team.
fn huber_in_the_iv_team(scene: &mut Scene) -> Home {
    let iseli = &mut scene.iseli;
    let huber = scene
        .world
        .colleague(iseli, "huber", "Rosa Huber", Role::Write);
    scene.sync_all();
    huber
}

/// Kunz administers Iseli's institution; he is in none of its teams that work on cases.
fn custodian(scene: &mut Scene) -> Home {
    let iseli = &mut scene.iseli;
    let personnel = iseli.nahtlos.found_team("Personal").unwrap();
    iseli.sync();
    let invited = iseli.nahtlos.invite_person(&personnel, Role::Write, "Kunz");
    let invitation = invited.unwrap();
    iseli.sync();
    let mut kunz = scene.world.home("kunz");
    let introduction = nahtlos_client::Introduction {
        name: "Urs Kunz".into(),
        function: "custodian".into(),
    };
    let mut transport = scene.world.transport();
    let joined = kunz
        .nahtlos
        .join_as_person(&mut transport, &invitation, &introduction);
    joined.unwrap();
    iseli.sync();
    kunz.sync();
    let person = Member::Space {
        id: kunz.nahtlos.identity().person.unwrap(),
    };
    let institution = iseli.nahtlos.identity().institution.unwrap();
    let administer = vec![add(1, person, Role::Administer)];
    let changed = iseli
        .nahtlos
        .hostile_change(&institution, administer, false);
    changed.unwrap();
    iseli.sync();
    kunz.sync();
    kunz
}

fn stored(scene: &Scene) -> Vec<Envelope> {
    let Scene { world, berger, .. } = scene;
    world.stored_envelopes(berger, &scene.number, &JOURNAL)
}

fn waiting_in(home: &Home, space: &SpaceId) -> Vec<WaitingGrant> {
    let mut waiting = home.nahtlos.waiting_members().unwrap();
    waiting.retain(|one| one.space == space.to_string());
    waiting
}

/// Huber's only device is revoked by Kunz, who adds a new one. While nobody holds a key in Huber's space,
/// the team and the section go on around it; then Iseli, a writer of the team, confirms.
#[test]
fn story_6_a_custodian_replaces_somebodys_only_device_and_a_writer_of_the_team_confirms_it() {
    let mut scene = scene();
    let huber = huber_in_the_iv_team(&mut scene);
    let mut kunz = custodian(&mut scene);
    let person = huber.nahtlos.identity().person.unwrap();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[1]);
    scene.sync_all();
    let before = stored(&scene);
    let all_open = |opens: Vec<bool>| opens.iter().all(|opens| *opens);
    let none_opens = |opens: Vec<bool>| !opens.is_empty() && opens.iter().all(|opens| !*opens);
    assert!(all_open(scene.world.opens(&huber, &before)), "control");

    let lost = huber.nahtlos.device_id();
    let ending = kunz.nahtlos.device_to_revoke(&lost.to_string()).unwrap();
    kunz.nahtlos.end(&ending, Reason::DeviceLost).unwrap();
    kunz.sync();
    let mut replaced = scene.world.home("huber-2");
    let replacement = add(2, replaced.nahtlos.admission_to(&person), Role::Manage);
    kunz.nahtlos
        .hostile_change(&person, vec![replacement], false)
        .unwrap();
    kunz.sync();

    // Nobody is blocked meanwhile: both institutions write on, under keys that neither device opens.
    scene.sync_all();
    type_notes(&mut scene.iseli.nahtlos, &scene.number, &[2]);
    scene.sync_all();
    type_notes(&mut scene.berger.nahtlos, &scene.number, &[3]);
    scene.sync_all();
    assert_eq!(scene.notes(&scene.iseli), [1, 2, 3]);
    assert_eq!(scene.notes(&scene.berger), [1, 2, 3]);
    let meanwhile = stored(&scene).split_off(before.len());
    assert_eq!(meanwhile.len(), 2);
    replaced.nahtlos.take_place_of(&huber.nahtlos).unwrap();
    replaced.sync();
    assert!(none_opens(scene.world.opens(&huber, &meanwhile)), "revoked");
    assert!(
        none_opens(scene.world.opens(&replaced, &stored(&scene))),
        "not confirmed"
    );
    assert!(
        all_open(scene.world.opens(&scene.iseli, &meanwhile)),
        "control"
    );

    // Neither the custodian nor another institution may stand for it; Iseli may.
    for other in [&kunz, &scene.berger] {
        let waiting = waiting_in(other, &person);
        assert!(waiting.iter().all(|one| !one.can_confirm), "{waiting:?}");
    }
    let waiting = waiting_in(&scene.iseli, &person);
    let [found] = waiting.as_slice() else {
        panic!("one device waits: {waiting:?}");
    };
    assert_eq!(found.reason, "waits_for_confirmation");
    assert_eq!(
        (found.member.as_str(), found.added_by.as_str()),
        ("a new device of Rosa Huber", "Urs Kunz")
    );
    assert_eq!(found.fingerprint, replaced.nahtlos.device_fingerprint());
    assert!(found.can_confirm, "{found:?}");
    let read_out = replaced.nahtlos.device_fingerprint();
    scene
        .iseli
        .nahtlos
        .confirm(&found.grant, &read_out)
        .unwrap();
    scene.iseli.sync();
    assert_eq!(waiting_in(&scene.iseli, &person), []);

    // Huber makes a key of her own and is let in again, the past included.
    for _ in 0..2 {
        replaced.sync();
        scene.sync_all();
    }
    replaced.sync();
    assert!(all_open(scene.world.opens(&replaced, &stored(&scene))));
    assert_eq!(scene.notes(&replaced), [1, 2, 3]);
    type_notes(&mut replaced.nahtlos, &scene.number, &[4]);
    replaced.sync();
    scene.sync_all();
    assert_eq!(scene.notes(&scene.berger), [1, 2, 3, 4]);
    let newest = stored(&scene).split_off(before.len());
    assert!(
        none_opens(scene.world.opens(&huber, &newest)),
        "still revoked"
    );
}

/// Keller lets Iseli's team read the tasks. After she has looked at the relay and before her operation
/// arrives there, Iseli removes Huber from the team: the wrap is to a key that Huber still knows.
#[test]
fn story_7_a_wrap_to_a_key_that_somebody_who_left_still_knows_is_refused_and_made_again() {
    let mut scene = scene();
    let huber = huber_in_the_iv_team(&mut scene);
    let (team, person) = (
        scene.iseli.nahtlos.identity().team.unwrap(),
        huber.nahtlos.identity().person.unwrap(),
    );
    let tasks = SectionKind::Tasks;
    let case = scene.keller.nahtlos.find_case(&scene.number).unwrap();
    let section = case.section(&tasks).unwrap();
    scene
        .keller
        .share(&scene.number, &tasks, IV_TEAM, Role::Read, "AVG35a1");

    let Scene {
        world,
        keller,
        iseli,
        ..
    } = &mut scene;
    let (mut blind, mut answered, mut removed) = (None, Vec::new(), false);
    let report = keller.sync_over(
        world,
        &mut |request| {
            let changes_access = request.push.iter().find(|item| is_of(item, &section));
            if let Some(item) = changes_access.filter(|_| !removed) {
                removed = true;
                blind = Some(item.clone());
                let ending = Ending::Member(team, person);
                iseli.nahtlos.end(&ending, Reason::Left).unwrap();
                iseli.sync();
            }
            Passing::Arrives
        },
        &mut |response| {
            answered.extend(response.results.iter().map(|result| result.code));
            Passing::Arrives
        },
    );
    let report = report.unwrap();
    assert!(
        answered.contains(&Some(VerdictCode::NotExact)),
        "{answered:?}"
    );
    assert!(
        report.notices.is_empty(),
        "nobody has to decide: {report:?}"
    );

    // Made again, by what is known now.
    scene.sync_all();
    scene.sync_all();
    let grants = scene.keller.nahtlos.grants_of(&section);
    assert_eq!(grants.len(), 2, "{grants:?}");
    let Scene {
        world,
        iseli,
        berger,
        number,
        ..
    } = &scene;
    let stored = world.stored_envelopes(berger, number, &tasks);
    assert!(!stored.is_empty());
    let opens = world.opens(iseli, &stored);
    assert!(opens.iter().all(|opens| *opens), "control: {opens:?}");
    let opens = world.opens(&huber, &stored);
    assert!(opens.iter().all(|opens| !*opens), "{opens:?}");

    // The refused wrap would have let her in: it stands nowhere.
    let Some(PushItem::Operation { bytes, wraps, .. }) = blind else {
        panic!("an operation was pushed");
    };
    let mut operations = world.stored_operations();
    assert!(!operations.contains(&bytes));
    let mut trial = world.trial_with_all_wraps(&huber);
    let refused: Vec<StoredWrap<'_>> = wraps
        .iter()
        .map(|wrap| StoredWrap {
            operation: &bytes,
            recipient: wrap.recipient.0,
            bytes: &wrap.bytes,
        })
        .collect();
    operations.push(bytes.clone());
    trial.take_wraps(&refused, &operations);
    assert!(
        stored.iter().all(|envelope| trial.opens(envelope)),
        "control"
    );
}

fn is_of(item: &PushItem, space: &SpaceId) -> bool {
    match item {
        PushItem::Operation { bytes, .. } => {
            SignedOperation::decode(bytes).is_ok_and(|signed| signed.space() == *space)
        }
        PushItem::Envelope { .. } | PushItem::Question { .. } => false,
    }
}
