//! Edits that come after their author's right ended: held, looked at, taken over or discarded.

mod support;

use support::{World, grant, refused, sync_all, with};

/// Iseli types a journal entry without knowing that the right has ended; both have synced. Gives the
/// case and the identifier of what is held.
fn late(world: &World) -> (String, String) {
    let case = world.open_case();
    grant(world, &case, "core,journal", "write").json();
    sync_all(world);
    world
        .berger
        .run(&[
            "share",
            "withdraw",
            &case,
            "journal",
            "--from",
            "Eingliederung",
            "--yes",
        ])
        .ok();
    world.berger.run(&["sync"]).ok();
    world
        .iseli
        .type_in(
            &["journal", "add", &case, "--kind", "call", "--from", "-"],
            "Nach dem Entzug.",
        )
        .ok();
    for home in [&world.iseli, &world.berger] {
        let synced = home.run(&["sync"]);
        assert_eq!(synced.exit, 3, "{}{}", synced.stdout, synced.stderr);
        assert!(synced.stderr.contains("nahtlos held"), "{}", synced.stderr);
    }
    let list = world.berger.run(&["--json", "held"]).json();
    let edits = list["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 1, "{list}");
    (case, edits[0]["id"].as_str().unwrap().to_owned())
}

fn journal(world: &World, case: &str) -> String {
    world.berger.run(&["journal", case]).ok().stdout
}

#[test]
fn a_held_entry_is_seen_by_both_sides_and_counts_once_it_is_taken_over() {
    let world = World::new();
    let (case, id) = late(&world);
    assert!(!journal(&world, &case).contains("Nach dem Entzug."));
    let own = world.iseli.run(&["held"]).ok();
    assert!(own.stdout.contains("you"), "{}", own.stdout);
    let shown = world.berger.run(&["held", "show", &id[..8]]).ok().stdout;
    for part in ["Urs Iseli (IV-Stelle)", "Nach dem Entzug.", "held because"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let adopt = ["--json", "held", "adopt", &id];
    refused(&world.berger.run(&adopt), 2, "confirmation_missing");
    let dry = world.berger.run(&with(&adopt, &["--dry-run"])).json();
    assert_eq!(dry["done"], "dry_run");
    assert!(!journal(&world, &case).contains("Nach dem Entzug."));
    let refused_run = world.iseli.run(&with(&adopt, &["--yes"]));
    refused(&refused_run, 5, "no_right");
    assert_eq!(
        world.berger.run(&with(&adopt, &["--yes"])).json()["done"],
        "adopted"
    );
    world.berger.run(&["sync"]).ok();
    assert!(journal(&world, &case).contains("Nach dem Entzug."));
    assert!(journal(&world, &case).contains("Urs Iseli"));
    refused(&world.berger.run(&with(&adopt, &["--yes"])), 1, "not_found");
}

#[test]
fn a_held_entry_is_discarded_with_a_reason_that_never_stands_on_the_command_line() {
    let world = World::new();
    let (case, id) = late(&world);
    let discard = ["--json", "held", "discard", &id];
    let typed = world
        .berger
        .run(&with(&discard, &["--reason", "Falsch", "--yes"]));
    refused(&typed, 2, "value_on_command_line");
    refused(
        &world.berger.run(&with(&discard, &["--yes"])),
        2,
        "value_missing",
    );
    let dry = world.berger.run(&with(&discard, &["--dry-run"])).json();
    assert_eq!(dry["done"], "dry_run");
    let done = world
        .berger
        .type_in(
            &with(&discard, &["--yes", "--from", "-"]),
            "Gehört in eine andere Akte.",
        )
        .json();
    assert_eq!(done["done"], "discarded");
    world.berger.run(&["sync"]);
    assert!(!journal(&world, &case).contains("Nach dem Entzug."));
    let again = world.berger.run(&["--json", "held", "adopt", &id, "--yes"]);
    assert_ne!(again.exit, 0, "{}", again.stdout);
    refused(
        &world.berger.run(&["--json", "held", "show", "ffffffff"]),
        1,
        "not_found",
    );
}

/// A discard that waits for the next sync is taken back as a whole: the edit is open again.
#[test]
fn a_discard_that_is_taken_back_leaves_the_edit_open() {
    let world = World::new();
    let (case, id) = late(&world);
    let discard = ["--json", "held", "discard", &id, "--yes", "--from", "-"];
    world.berger.type_in(&discard, "Falsche Akte.").json();
    let why = || world.berger.run(&["held"]).ok().stdout;
    assert!(why().contains("Falsche Akte."), "control: {}", why());
    let list = world.berger.run(&["--json", "decision"]).json();
    let decision = list["decisions"][0]["id"].as_str().unwrap();
    let drop = ["decision", "drop", decision, "--yes"];
    world.berger.run(&drop).ok();
    assert!(!why().contains("Falsche Akte."), "{}", why());
    world.berger.run(&["held", "adopt", &id, "--yes"]).ok();
    world.berger.run(&["sync"]).ok();
    assert!(journal(&world, &case).contains("Nach dem Entzug."));
}

/// Nobody types a reason for nothing: who may not discard is told so first.
#[test]
fn who_may_not_discard_is_told_so_before_a_reason_is_asked_for() {
    let world = World::new();
    // Who reads in a team reads in its sections, and manages nothing there.
    let trachsel = world.colleague("Beat Trachsel", "read");
    let (case, id) = late(&world);
    trachsel.run(&["sync"]);
    let discard = ["--json", "held", "discard", &id, "--yes"];
    refused(&trachsel.run(&discard), 5, "no_right");
    // Control: who may is asked for the reason.
    refused(&world.berger.run(&discard), 2, "value_missing");
    assert!(!journal(&world, &case).contains("Nach dem Entzug."));
}

#[test]
fn status_says_what_is_held_and_the_next_command() {
    let world = World::new();
    late(&world);
    let status = world.berger.run(&["status"]).ok().stdout;
    let first = status.lines().next().unwrap();
    assert!(
        first.starts_with("! ") && first.contains("held"),
        "{status}"
    );
    assert!(
        status.contains("`nahtlos held`") || status.contains("nahtlos held"),
        "{status}"
    );
    let data = world.berger.run(&["--json", "status"]).json();
    assert_eq!(data["attention"][0]["code"], "held", "{data}");
    let doctor = world.berger.run(&["doctor"]);
    assert_eq!(doctor.exit, 1, "{}", doctor.stdout);
    let rows: Vec<&str> = doctor.stdout.lines().collect();
    let worst = rows.iter().position(|row| row.contains("NOT OK")).unwrap();
    let sound = rows
        .iter()
        .position(|row| row.trim_start().starts_with("ok"))
        .unwrap();
    assert!(worst < sound, "worst first: {}", doctor.stdout);
}
