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
    // One word about it until the sync; the other one, or the same again, is refused.
    let again = world.berger.type_in(&discard, "Noch einmal.");
    refused(&again, 6, "discard_waits");
    let contrary = world.berger.run(&["--json", "held", "adopt", &id, "--yes"]);
    refused(&contrary, 6, "discard_waits");
    assert!(
        contrary.error()["next"]
            .to_string()
            .contains("decision drop")
    );
    assert!(!journal(&world, &case).contains("Nach dem Entzug."));
    let list = world.berger.run(&["--json", "decision"]).json();
    let decision = list["decisions"][0]["id"].as_str().unwrap();
    let drop = ["decision", "drop", decision, "--yes"];
    world.berger.run(&drop).ok();
    assert!(!why().contains("Falsche Akte."), "{}", why());
    world.berger.run(&["held", "adopt", &id, "--yes"]).ok();
    let shown = world.berger.run(&["held", "show", &id]).ok();
    assert!(!shown.stdout.contains("held because"), "{}", shown.stdout);
    assert!(!shown.stderr.contains("held adopt"), "{}", shown.stderr);
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

/// Berger decides about what is held, as `words` say, and tells the relay.
fn decide(world: &World, words: &[&str]) {
    let run = world.berger.type_in(words, "Gehört in eine andere Akte.");
    run.ok();
    world.berger.run(&["sync"]).ok();
}

#[test]
fn who_lost_the_section_is_told_that_a_late_entry_was_taken_over_and_no_sync_fails_for_it_again() {
    let world = World::new();
    let (_, id) = late(&world);
    // Held before: said, and no failure any more.
    for home in [&world.iseli, &world.berger] {
        let again = home.run(&["sync"]).ok();
        assert!(again.stderr.contains("still waits"), "{}", again.stderr);
    }
    let own = world.iseli.run(&["held", "show", &id]).ok().stdout;
    assert!(own.contains("not yet: whoever manages"), "{own}");
    decide(&world, &["held", "adopt", &id, "--yes"]);

    let told = world.iseli.run(&["sync"]).ok();
    let said = "The relay says that somebody took over 1 change of yours";
    assert!(told.stderr.contains(said), "{}", told.stderr);
    assert!(told.stderr.contains("cannot check it"), "{}", told.stderr);
    let again = world.iseli.run(&["sync"]).ok();
    assert!(!again.stderr.contains("relay says"), "{}", again.stderr);
    let listed = world.iseli.run(&["--json", "held"]).json();
    assert_eq!(listed["edits"][0]["fate"], "relay_says_adopted");
    let shown = world.iseli.run(&["held", "show", &id]).ok().stdout;
    assert!(shown.contains("the relay says: it was taken"), "{shown}");
    assert!(shown.contains("Nach dem Entzug."), "kept: {shown}");
    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["attention"], serde_json::json!([]), "{status}");

    let discard = ["--json", "held", "discard", &id];
    let unasked = world.iseli.run(&discard);
    refused(&unasked, 2, "confirmation_missing");
    let away = world.iseli.run(&with(&discard, &["--yes"])).json();
    assert_eq!(away["done"], "put_away", "no reason is asked for");
    let listed = world.iseli.run(&["--json", "held"]).json();
    assert_eq!(listed["edits"], serde_json::json!([]));
    let synced = world.iseli.run(&["--json", "sync"]).json();
    assert_eq!(synced["operations_delivered"], 0, "nothing is sent");
}

#[test]
fn who_lost_the_section_is_told_once_that_a_late_entry_was_discarded_and_status_goes_on_saying_so()
{
    let world = World::new();
    let (_, id) = late(&world);
    decide(&world, &["held", "discard", &id, "--yes", "--from", "-"]);
    let told = world.iseli.run(&["sync"]);
    assert_eq!(told.exit, 3, "{}{}", told.stdout, told.stderr);
    let said = "The relay says that a manager discarded 1 change of yours";
    assert!(told.stderr.contains(said), "{}", told.stderr);
    let again = world.iseli.run(&["sync"]).ok();
    assert!(!again.stderr.contains("relay says"), "{}", again.stderr);

    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["attention"][0]["code"], "held_discarded", "{status}");
    let next = status["attention"][0]["next"].as_str().unwrap();
    assert!(
        next.contains(&format!("held discard {}", &id[..8])),
        "{next}"
    );
    let shown = world.iseli.run(&["held", "show", &id]).ok().stdout;
    assert!(shown.contains("Nach dem Entzug."), "kept: {shown}");
    let away = ["--json", "held", "discard", &id[..8], "--yes"];
    assert_eq!(world.iseli.run(&away).json()["done"], "put_away");
    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["attention"], serde_json::json!([]), "{status}");
}

#[test]
fn who_erased_the_copy_is_told_too_and_keeps_what_was_typed() {
    let world = World::new();
    let (case, id) = late(&world);
    let erase = ["section", "erase", &case, "journal", "--yes"];
    world.iseli.run(&erase).ok();
    world.iseli.run(&["sync"]).ok();
    let shown = world.iseli.run(&["held", "show", &id]).ok();
    assert!(shown.stdout.contains("not yet"), "{}", shown.stdout);
    assert!(shown.stderr.contains("held export"), "{}", shown.stderr);
    decide(&world, &["held", "discard", &id, "--yes", "--from", "-"]);
    let told = world.iseli.run(&["sync"]);
    assert_eq!(told.exit, 3, "{}{}", told.stdout, told.stderr);
    assert!(told.stderr.contains("relay says"), "{}", told.stderr);
    world.iseli.run(&["sync"]).ok();
    let status = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(status["attention"][0]["code"], "held_discarded", "{status}");
    let listed = world.iseli.run(&["--json", "held"]).json();
    assert_eq!(listed["held"][0]["fate"], "relay_says_discarded");
    let exported = world.iseli.run(&["held", "export", "--to", "-"]).ok();
    assert!(exported.stdout.contains("Nach dem Entzug."));
    let away = ["--json", "held", "discard", &id[..8], "--yes"];
    assert_eq!(world.iseli.run(&away).json()["done"], "put_away");
    let listed = world.iseli.run(&["--json", "held"]).json();
    assert_eq!(listed["held"], serde_json::json!([]));
}

#[test]
fn several_late_entries_are_told_with_the_reason_of_each_section() {
    // Of two sections one is withdrawn and one is left to read, while Iseli types in both.
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,journal,plan", "write").json();
    sync_all(&world);
    let withdraw = ["share", "withdraw", &case, "journal"];
    let withdraw = with(&withdraw, &["--from", "Eingliederung", "--yes"]);
    world.berger.run(&withdraw).ok();
    let reduce = ["share", "role", &case, "plan", "read"];
    let reduce = with(&reduce, &["--for", "Eingliederung", "--yes"]);
    world.berger.run(&reduce).ok();
    world.berger.run(&["sync"]).ok();
    let entry = ["journal", "add", &case, "--kind", "call", "--from", "-"];
    world.iseli.type_in(&entry, "Zu spät.").ok();
    let plan = ["plan", "set", &case, "situation", "--from", "-"];
    world.iseli.type_in(&plan, "Auch zu spät.").ok();
    let synced = world.iseli.run(&["sync"]);
    assert_eq!(synced.exit, 3, "{}{}", synced.stdout, synced.stderr);
    for (section, why) in [("journal", "access had ended"), ("plan", "to read only")] {
        let says = |line: &&str| line.contains(&format!("{section}, because"));
        let lines: Vec<&str> = synced.stderr.lines().filter(says).collect();
        assert_eq!(lines.len(), 1, "{}", synced.stderr);
        assert!(lines[0].contains(why), "{}", lines[0]);
    }
}

/// Berger has set a field since, twice: what Iseli set at the same time is not shown in its place.
#[test]
fn a_held_change_that_would_make_a_conflict_says_so_before_it_is_taken_over() {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "write").json();
    sync_all(&world);
    let withdraw = ["share", "withdraw", &case, "plan"];
    let withdraw = with(&withdraw, &["--from", "Eingliederung", "--yes"]);
    world.berger.run(&withdraw).ok();
    let set = ["plan", "set", &case, "situation", "--from", "-"];
    for text in ["Erster Stand.", "Stand der Leitung."] {
        world.berger.type_in(&set, text).ok();
        world.berger.run(&["sync"]).ok();
    }
    world.iseli.type_in(&set, "Stand der Partnerin.").ok();
    for home in [&world.iseli, &world.berger] {
        assert_eq!(home.run(&["sync"]).exit, 3);
    }
    let list = world.berger.run(&["--json", "held"]).json();
    let id = list["edits"][0]["id"].as_str().unwrap();
    let conflicts = || {
        let list = world.berger.run(&["--json", "conflict"]).json();
        list["conflicts"].as_array().unwrap().len()
    };
    assert_eq!(conflicts(), 0, "control");
    let shown = world.berger.run(&["--json", "held", "show", id]).json();
    assert_eq!(shown["differences"], serde_json::json!([]), "control");
    assert_eq!(shown["conflicts"].as_array().unwrap().len(), 1, "{shown}");
    for words in [
        &["held", "show", id][..],
        &["held", "adopt", id, "--dry-run"],
    ] {
        let page = world.berger.run(words).ok().stdout;
        for part in [
            "1 conflict",
            "Stand der Leitung.",
            "Stand der Partnerin.",
            "Urs Iseli",
        ] {
            assert!(page.contains(part), "{words:?} {part}: {page}");
        }
        assert!(!page.contains("Nothing differs"), "{page}");
    }
    world.berger.run(&["held", "adopt", id, "--yes"]).ok();
    assert_eq!(conflicts(), 1, "as it was said");
}

#[test]
fn values_decided_differently_at_once_are_shown_as_such_and_who_lost_the_section_is_not_asked_to_settle_them()
 {
    let world = World::new();
    let case = world.open_case();
    grant(&world, &case, "core,plan", "write").json();
    sync_all(&world);
    let set = ["plan", "set", &case, "situation", "--from", "-"];
    world.berger.type_in(&set, "Sucht Arbeit.").ok();
    world.iseli.type_in(&set, "Ist krank.").ok();
    sync_all(&world);
    for home in [&world.berger, &world.iseli] {
        let page = home.run(&["plan", "show", &case]).ok().stdout;
        for part in [
            "Not settled",
            "Sucht Arbeit.",
            "Ist krank.",
            "nahtlos conflict",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let listed = home.run(&["--json", "status"]).json();
        assert_eq!(listed["conflicts"], 1, "{listed}");
    }
    let withdraw = ["share", "withdraw", &case, "plan", "--from"];
    let withdraw = with(&withdraw, &["Eingliederung", "--yes"]);
    world.berger.run(&withdraw).ok();
    sync_all(&world);
    let lost = world.iseli.run(&["--json", "status"]).json();
    assert_eq!(lost["conflicts"], 0, "{lost}");
    let lost = world.iseli.run(&["--json", "conflict"]).json();
    assert_eq!(lost["conflicts"], serde_json::json!([]));
    let kept = world.berger.run(&["--json", "status"]).json();
    assert_eq!(kept["conflicts"], 1, "control: {kept}");
}

#[test]
fn what_a_manager_discarded_is_in_the_export_of_who_typed_it() {
    let world = World::new();
    let (_, id) = late(&world);
    let edits = || {
        let file = world.directory.path().join("export.json");
        let _ = std::fs::remove_file(&file);
        let export = ["--json", "held", "export", "--to", file.to_str().unwrap()];
        let said = world.iseli.run(&export).json();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("Nach dem Entzug."), "{text}");
        said["edits"].as_u64().unwrap()
    };
    assert_eq!(edits(), 1, "while it is held");
    decide(&world, &["held", "discard", &id, "--yes", "--from", "-"]);
    world.iseli.run(&["sync"]);
    assert_eq!(edits(), 1, "and when it was discarded");
}
