//! A home is backed up, the device breaks, and the backup is put into another home.

use nahtlos_client::{ClientError, Introduction, Nahtlos};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, PASSPHRASE, Passing, World, note};

/// Berger's device, with a case that was delivered, one edit that was not, and a backup of that.
struct Scene {
    world: World,
    berger: Home,
    number: String,
    backup: std::path::PathBuf,
}

fn scene() -> Scene {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let number = berger.open_example_case();
    berger.sync();
    berger.nahtlos.edit_case(&number, &[note(1)]).unwrap();
    let backup = world.directory.path().join("berger.backup");
    let report = berger.nahtlos.back_up(&backup).unwrap();
    assert!(report.is_sound(), "{report:?}");
    Scene {
        world,
        berger,
        number,
        backup,
    }
}

fn restored(scene: &Scene, name: &str) -> Home {
    let path = scene.world.directory.path().join(name);
    let report = Nahtlos::restore(&path, &scene.backup, PASSPHRASE).unwrap();
    assert!(report.is_sound(), "{report:?}");
    scene.world.reopen(name)
}

#[test]
fn a_restored_backup_is_read_and_what_was_typed_and_not_delivered_is_there() {
    let mut scene = scene();
    let before = scene.berger.journal(&scene.number);
    assert!(scene.berger.nahtlos.restored_backup().unwrap().is_none());
    let old = restored(&scene, "restored");
    assert_eq!(old.journal(&scene.number), before);
    let undelivered = old.nahtlos.undelivered().unwrap();
    assert_eq!(undelivered.len(), 1);
    let status = old.nahtlos.status().unwrap();
    assert_eq!(status.undelivered_edits, 1);
    let told = status.restored_backup.expect("it says so");
    assert!(told.made_at_ms.is_some());
    // The device itself goes on, and nobody takes it for copied.
    assert_eq!(scene.berger.sync().envelopes_delivered, 1);
    assert!(scene.berger.nahtlos.other_copy().unwrap().is_none());
}

#[test]
fn a_restored_backup_asks_the_relay_nothing_and_decides_and_writes_nothing() {
    let scene = scene();
    let mut old = restored(&scene, "restored");
    let mut requests = 0;
    let synced = old.sync_over(
        &scene.world,
        &mut |_| {
            requests += 1;
            Passing::Arrives
        },
        &mut |_| Passing::Arrives,
    );
    assert_eq!(synced.unwrap_err().code(), "restored");
    assert_eq!(requests, 0);
    let number = &scene.number;
    let nahtlos = &mut old.nahtlos;
    let probed = nahtlos.probe(&mut scene.world.transport());
    assert_eq!(probed.unwrap_err().code(), "restored");
    let refusals = [
        nahtlos.edit_case(number, &[note(2)]).err(),
        nahtlos.invite_institution("IV-Stelle Bern").err(),
        nahtlos.open_case(&nahtlos_tests::example_edits()).err(),
        nahtlos.held_adopt("0000").err(),
        nahtlos.held_discard("0000", "why").err(),
        nahtlos.retry_decision("0000").err(),
        nahtlos.erase_lost("0000").err(),
    ];
    for (position, refusal) in refusals.iter().enumerate() {
        let code = refusal.as_ref().map(ClientError::code);
        let found_nothing = (3..5).contains(&position) && code == Some("not_found");
        assert!(
            code == Some("restored") || found_nothing,
            "{position}: {code:?}"
        );
    }
    assert_eq!(nahtlos.decisions().unwrap(), []);
    assert_eq!(nahtlos.status().unwrap().undelivered_edits, 1, "as before");
}

#[test]
fn a_backup_that_is_opened_without_restoring_it_is_a_restored_one_too() {
    let scene = scene();
    let home = scene.world.directory.path().join("by-hand");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(&scene.backup, home.join("vault.sqlite")).unwrap();
    let mut old = scene.world.reopen("by-hand");
    assert_eq!(old.try_sync().unwrap_err().code(), "restored");
    // Nor does a backup of it make it a device again.
    let second = scene.world.directory.path().join("second.backup");
    let first = old.nahtlos.restored_backup().unwrap();
    old.nahtlos.back_up(&second).unwrap();
    let path = scene.world.directory.path().join("again");
    Nahtlos::restore(&path, &second, PASSPHRASE).unwrap();
    let again = Nahtlos::open(&path, PASSPHRASE).unwrap();
    assert_eq!(again.restored_backup().unwrap(), first);
}

#[test]
fn a_copy_of_a_home_that_is_restored_acts_no_more_than_a_backup() {
    let scene = scene();
    let Scene { world, berger, .. } = scene;
    drop(berger);
    let database = world.directory.path().join("berger/vault.sqlite");
    let path = world.directory.path().join("restored");
    Nahtlos::restore(&path, &database, PASSPHRASE).unwrap();
    let mut old = world.reopen("restored");
    assert_eq!(old.try_sync().unwrap_err().code(), "restored");
    let told = old.nahtlos.restored_backup().unwrap().unwrap();
    assert_eq!(told.made_at_ms, None, "nobody knows of when it is");
    assert!(world.reopen("berger").try_sync().is_ok(), "control");
}

#[test]
fn who_restored_a_backup_joins_anew_as_a_new_device_and_the_old_one_can_be_revoked() {
    let mut scene = scene();
    let mut meier = scene
        .world
        .colleague(&mut scene.berger, "meier", "Eva Meier", Role::Manage);
    scene.berger.sync();
    meier.sync();
    let backup = scene.world.directory.path().join("meier.backup");
    meier.nahtlos.back_up(&backup).unwrap();
    let lost = meier.nahtlos.device_id();
    drop(meier);
    let path = scene.world.directory.path().join("restored");
    Nahtlos::restore(&path, &backup, PASSPHRASE).unwrap();
    let mut old = scene.world.reopen("restored");
    assert!(!old.journal(&scene.number).is_empty(), "it can be read");

    let berger = &mut scene.berger;
    let directory = berger.nahtlos.directory().unwrap();
    let team = berger.nahtlos.status().unwrap().team.unwrap();
    let team = directory.find_team(&team).unwrap();
    let invitation = berger
        .nahtlos
        .invite_person(&team, Role::Write, "Eva Meier");
    let invitation = invitation.unwrap();
    berger.sync();
    // Not in the restored home: that would be the old device with a new name.
    let introduction = Introduction {
        name: "Eva Meier".into(),
        function: "officer".into(),
    };
    let refused =
        old.nahtlos
            .join_as_person(&mut scene.world.transport(), &invitation, &introduction);
    assert_eq!(refused.unwrap_err().code(), "restored");
    let mut new = scene.world.home("new");
    new.nahtlos
        .join_as_person(&mut scene.world.transport(), &invitation, &introduction)
        .unwrap();
    let ending = berger.nahtlos.device_to_revoke(&lost.to_string()).unwrap();
    berger
        .nahtlos
        .end(&ending, nahtlos_client::ending::Reason::DeviceLost)
        .unwrap();
    berger.sync();
    new.sync();
    berger.sync();
    new.sync();
    assert_ne!(new.nahtlos.device_id(), lost);
    assert_eq!(
        new.journal(&scene.number),
        scene.berger.journal(&scene.number)
    );
    new.nahtlos.edit_case(&scene.number, &[note(7)]).unwrap();
    assert_eq!(new.sync().envelopes_delivered, 1);
    let revoked = scene.berger.nahtlos.device_to_revoke(&lost.to_string());
    assert_eq!(revoked.unwrap_err().code(), "not_found", "it ended");
}
