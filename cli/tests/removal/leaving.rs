//! An institution that wants to leave, through the real program.

use super::shared;
use crate::support::{Home, World, refused, with};

#[test]
fn an_institution_that_wants_to_leave_is_told_what_that_means_and_whom_to_ask() {
    let world = World::new();
    shared(&world, "journal");
    let leave = |home: &Home, more: &[&str]| home.run(&with(&["institution", "leave"], more));
    let dry = leave(&world.iseli, &["--dry-run"]).ok().stdout;
    for part in ["RAV Langnau", "2 sections", "Nothing was done"] {
        assert!(dry.contains(part), "{part}: {dry}");
    }
    let run = leave(&world.iseli, &["--yes", "--json"]);
    refused(&run, 5, "no_right");
    let error = run.error();
    assert!(error["why"].to_string().contains("RAV Langnau"), "{error}");
    let next = error["next"].as_str().unwrap();
    assert!(
        next.contains("nahtlos institution remove \"IV-Stelle\""),
        "{next}"
    );
    // The one that founded the network cannot leave it to nobody.
    let run = leave(&world.berger, &["--yes", "--json"]);
    refused(&run, 5, "last_manager");
    let next = run.error()["next"].to_string();
    assert!(next.contains("network manager"), "{next}");
    let waiting = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(waiting["decisions"], serde_json::json!([]));
    // Who is asked does it.
    let open = ["--json", "case", "open", "--yes", "--from", "-"];
    let case = world.iseli.type_in(&open, crate::support::CASE_FILE).json();
    let case = case["case_number"].as_str().unwrap();
    let terms = ["--role", "read", "--basis", "AVG35a1", "--yes"];
    let grant = [
        "share",
        "grant",
        case,
        "--section",
        "core",
        "--to",
        "RAV Team",
    ];
    world.iseli.run(&[&grant[..], &terms].concat()).ok();
    world.iseli.run(&["sync"]).ok();
    world.berger.run(&["sync"]).ok();
    let shown = world.berger.run(&["case", "show", case]).ok().stdout;
    assert!(!shown.contains("left the network"), "control: {shown}");
    let remove = ["institution", "remove", "IV-Stelle", "--yes"];
    world.berger.run(&remove).ok();
    world.berger.run(&["sync"]).ok();
    // Who stays sees at the case that its lead is reached no more, and whose rights are of one that left.
    let shown = world.berger.run(&["case", "show", case]).ok().stdout;
    assert!(shown.contains("(IV-Stelle, left the network)"), "{shown}");
    let shares = world.berger.run(&["share", "list", case]).ok().stdout;
    assert!(
        shares.contains("Eingliederung (IV-Stelle, left)"),
        "{shares}"
    );
    // Typed before they hear of it.
    let note = ["journal", "add", case, "--kind", "call", "--from", "-"];
    world.iseli.type_in(&note, "Nach dem Austritt.").ok();
    world.iseli.run(&["sync"]);
    let status = world.iseli.run(&["status"]).stdout;
    let held = world.iseli.run(&["held"]).ok().stdout;
    for (said, part) in [
        (&held, "takes no part in the network"),
        (&status, "takes no part in the network"),
        (&status, "held export"),
    ] {
        let plain = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain.contains(part), "{part}: {said}");
    }
    assert!(!status.contains("sync --all"), "{status}");
    // Nobody is told that a sync delivers it: it never will.
    let note = ["journal", "add", case, "--kind", "call", "--from", "-"];
    world.iseli.type_in(&note, "Noch später.").ok();
    let status = world.iseli.run(&["status"]);
    let wipe = world.iseli.run(&["device", "wipe", "--dry-run"]).ok();
    for run in [&status, &wipe] {
        let said = format!("{} {}", run.stdout, run.stderr);
        assert!(said.contains("never will"), "{said}");
        assert!(!said.contains("Deliver first"), "{said}");
        assert!(!said.contains("delivers what waits"), "{said}");
    }
    let doctor = world.iseli.run(&["doctor"]).stdout;
    assert!(doctor.contains("is ever delivered"), "{doctor}");
    let kept = world
        .iseli
        .run(&["held", "export", "--to", "-"])
        .ok()
        .stdout;
    assert!(kept.contains("Nach dem Austritt."), "{kept}");
    let list = world.berger.run(&["institution"]).ok().stdout;
    assert!(list.contains("left"), "{list}");
    let manager = ["network", "manager", "IV-Stelle", "--yes", "--json"];
    let run = world.berger.run(&manager);
    refused(&run, 1, "not_found");
    let message = run.error()["message"].to_string();
    assert!(
        message.contains("takes no part in the network"),
        "{message}"
    );
    let list = world.berger.run(&["network", "list"]).ok().stdout;
    assert!(list.contains("IV-Stelle (left)"), "{list}");
    assert!(!list.contains("RAV Langnau (left)"), "{list}");
}
