//! What a person is told when the relay or a device goes back to an earlier state.

mod support;

use support::{Home, World, grant, sync_all};

fn says(home: &Home, what: &str) -> String {
    let run = home.run(&[what]);
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn a_relay_restored_from_a_backup_is_told_and_what_it_lost_is_there_again() {
    let mut world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,journal", "write").json();
    sync_all(&world);
    assert!(
        says(&world.berger, "doctor").contains("never went back"),
        "control"
    );
    let backup = world.back_up_relay();
    world
        .berger
        .type_in(
            &["journal", "add", &case, "--kind", "call", "--from", "-"],
            "Nach der Sicherung.",
        )
        .ok();
    world.berger.run(&["sync"]).ok();
    world.restore_relay(&backup);
    for home in [&world.berger, &world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
    let journal = world.iseli.run(&["journal", &case]).ok().stdout;
    assert!(journal.contains("Nach der Sicherung."), "{journal}");
    let status = world.berger.run(&["--json", "status"]).json();
    assert_eq!(status["incidents"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["incidents"][0]["waiting"], 0, "{status}");
    assert!(
        status["incidents"][0]["taken_back"].as_u64().unwrap() > 0,
        "{status}"
    );
    let doctor = world.berger.run(&["doctor"]);
    assert_eq!(doctor.exit, 1, "{}", doctor.stdout);
    assert!(
        doctor
            .stdout
            .contains("noticed 1 time that it had gone back")
            && doctor.stdout.contains("`nahtlos doctor --acknowledge`"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn keys_renewed_at_once_over_a_relay_that_went_back_tell_it_as_a_sync_does() {
    let mut world = World::new();
    let case = world.open_case();
    sync_all(&world);
    let rotate = ["key", "rotate", &case, "--yes"];
    let calm = world.berger.run(&rotate);
    let calm = format!("{}{}", calm.stdout, calm.stderr);
    assert!(
        calm.contains("new key") && !calm.contains("went back"),
        "control: {calm}"
    );
    let backup = world.back_up_relay();
    goes_back(&mut world, &case, &backup);
    let told = world.berger.run(&rotate);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("went back"), "{told}");
}

/// The relay goes back, Berger types and syncs, and everything is healed.
fn goes_back(world: &mut World, case: &str, backup: &std::path::Path) {
    let words = ["journal", "add", case, "--kind", "call", "--from", "-"];
    world.berger.type_in(&words, "Nach der Sicherung.").ok();
    world.berger.run(&["sync"]).ok();
    world.restore_relay(backup);
}

#[test]
fn an_incident_is_acknowledged_when_nothing_is_missing_any_more_and_the_next_one_shows_again() {
    let mut world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,journal", "write").json();
    sync_all(&world);
    let acknowledge = ["--json", "doctor", "--acknowledge"];
    let nothing = world.berger.run(&acknowledge).json();
    assert_eq!(nothing["acknowledged"], 0, "control: nothing happened yet");
    let backup = world.back_up_relay();
    goes_back(&mut world, &case, &backup);

    let marked =
        |world: &World| world.berger.run(&["--json", "status"]).json()["incidents"].clone();
    for home in [&world.berger, &world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
    assert_eq!(world.berger.run(&["doctor"]).exit, 1, "control");
    let noted = world.berger.run(&acknowledge).json();
    assert_eq!(
        (&noted["acknowledged"], &noted["sound"]),
        (&1.into(), &true.into()),
        "{noted}"
    );
    let doctor = world.berger.run(&["doctor"]).ok();
    assert!(
        doctor.stdout.contains("1 time") && doctor.stdout.contains("noted on"),
        "it stays in the history: {}",
        doctor.stdout
    );
    assert_ne!(
        marked(&world)[0]["acknowledged_at_ms"],
        serde_json::Value::Null
    );

    goes_back(&mut world, &case, &backup);
    world.berger.run(&["sync"]).ok();
    let doctor = world.berger.run(&["doctor"]);
    assert_eq!(doctor.exit, 1, "{}", doctor.stdout);
    assert!(doctor.stdout.contains(" times that"), "{}", doctor.stdout);
    let incidents = marked(&world);
    let incidents = incidents.as_array().unwrap();
    let open = |one: &serde_json::Value| one["acknowledged_at_ms"].is_null();
    assert!(!open(&incidents[0]), "the old one stays history");
    assert!(incidents.len() > 1 && incidents.iter().skip(1).all(open));
}

#[test]
fn two_copies_of_a_home_are_noticed_and_the_second_is_told_to_stop() {
    let world = World::new();
    let case = world.open_case();
    sync_all(&world);
    let copy = Home::new(world.directory.path(), "copy");
    support::copy(&world.berger.path, &copy.path);
    let entry = |home: &Home, text: &str| {
        let words = ["journal", "add", &case, "--kind", "call", "--from", "-"];
        home.type_in(&words, text).ok();
        home.run(&["sync"])
    };
    assert_eq!(entry(&world.berger, "Auf dem Original.").exit, 0);
    entry(&copy, "Auf der Kopie.");
    copy.run(&["sync"]);
    let told = says(&copy, "status");
    let first = told.lines().next().unwrap();
    assert!(first.contains("nother copy of this home"), "{told}");
    assert!(told.contains("nahtlos held export"), "{told}");
    let exported = copy.run(&["held", "export", "--to", "-"]).ok().stdout;
    assert!(exported.contains("Auf der Kopie."), "{exported}");
}
