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
        doctor.stdout.contains("it went back 1 time(s)"),
        "{}",
        doctor.stdout
    );
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
