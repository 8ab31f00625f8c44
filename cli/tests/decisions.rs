//! Decisions that come back because somebody decided otherwise meanwhile.

mod support;

use support::{World, grant, refused, sync_all, with};

/// Berger decides offline that Iseli's team may write; meanwhile a colleague withdraws it. Gives
/// the decision's identifier.
fn returned(world: &World) -> String {
    let trachsel = world.colleague("Beat Trachsel", "manage");
    let case = world.open_case();
    grant(world, &case, "core,plan", "read").json();
    sync_all(world);
    trachsel.run(&["sync"]).ok();
    world
        .berger
        .run(&[
            "share",
            "role",
            &case,
            "plan",
            "write",
            "--for",
            "Eingliederung",
            "--yes",
        ])
        .ok();
    trachsel
        .run(&[
            "share",
            "withdraw",
            &case,
            "plan",
            "--from",
            "Eingliederung",
            "--yes",
        ])
        .ok();
    trachsel.run(&["sync"]).ok();
    let synced = world.berger.run(&["sync"]);
    assert_eq!(synced.exit, 6, "{}{}", synced.stdout, synced.stderr);
    assert!(
        synced.stderr.contains("nahtlos decision"),
        "{}",
        synced.stderr
    );
    let list = world.berger.run(&["--json", "decision"]).json();
    let decision = &list["decisions"][0];
    assert_eq!(decision["state"], "returned", "{list}");
    assert_ne!(decision["reason"], "", "{list}");
    decision["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_decision_that_somebody_overtook_comes_back_and_is_dropped() {
    let world = World::new();
    let id = returned(&world);
    let drop = ["--json", "decision", "drop", &id[..10]];
    refused(&world.berger.run(&drop), 2, "confirmation_missing");
    assert_eq!(
        world.berger.run(&with(&drop, &["--dry-run"])).json()["done"],
        "dry_run"
    );
    assert_eq!(
        world.berger.run(&with(&drop, &["--yes"])).json()["done"],
        "dropped"
    );
    refused(&world.berger.run(&with(&drop, &["--yes"])), 1, "not_found");
    world.berger.run(&["sync"]).ok();
}

#[test]
fn a_decision_is_taken_again_only_by_a_person() {
    let world = World::new();
    let id = returned(&world);
    world.berger.run(&["sync"]);
    let list = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(
        list["decisions"][0]["state"], "returned",
        "a sync decides nothing"
    );
    let status = world.berger.run(&["status"]).ok();
    assert!(
        format!("{}{}", status.stdout, status.stderr).contains("nahtlos decision"),
        "{}{}",
        status.stdout,
        status.stderr
    );
    let again = world
        .berger
        .run(&["--json", "decision", "retry", &id, "--yes"])
        .json();
    assert_eq!(again["done"], "retried");
    let list = world.berger.run(&["--json", "decision"]).json();
    assert_eq!(list["decisions"][0]["state"], "waiting");
}
