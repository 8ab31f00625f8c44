//! A person whose only device is lost is let in with a new one by a colleague: what only the lost device
//! could open stays closed, and keeps nobody waiting.

mod support;

use support::{Home, World, with};

/// Trachsel called the device by a name, lost it, and has a new one; somebody renamed the lost one since.
fn replaced(world: &World) -> (Home, Home) {
    let lost = world.colleague("Beat Trachsel", "write");
    let device = support::devices::own_fingerprint(&lost);
    lost.run(&["device", "rename", &device, "Notebook"]).ok();
    lost.run(&["sync"]).ok();
    let revoke = ["device", "revoke", "Trachsel", "--lost", "--now", "--yes"];
    let run = world.berger.run(&revoke);
    assert!([0, 3].contains(&run.exit), "{}", run.stderr);
    lost.run(&["device", "rename", &device, "Fundstück"]).ok();
    lost.run(&["sync"]);

    let file = world.directory.path().join("new.invitation");
    let file = file.to_str().unwrap();
    let add = ["device", "add", "--for", "Trachsel", "--to", file];
    world.berger.run(&add).ok();
    world.berger.run(&["sync"]).ok();
    let new = Home::new(world.directory.path(), "trachsel-2");
    let joined = new.run(&["--json", "device", "join", file]).json();
    world.berger.run(&["sync"]).ok();
    let waiting = world.berger.run(&["--json", "member", "waiting"]).json();
    let number = waiting["waiting"][0]["grant"].as_str().unwrap();
    let words = joined["words"].as_str().unwrap();
    let confirm = ["member", "confirm", number, "--words", words];
    world.berger.run(&confirm).ok();
    world.berger.run(&["sync"]).ok();
    (lost, new)
}

#[test]
fn what_a_lost_device_called_itself_keeps_the_new_one_waiting_for_no_key() {
    let world = World::new();
    let (_, new) = replaced(&world);
    for home in [&new, &world.berger, &new] {
        home.run(&["sync"]);
    }
    let listed = new.run(&["--json", "held"]).json();
    assert_eq!(listed["held"], serde_json::json!([]), "{listed}");
    let status = new.run(&["--json", "status"]).json();
    let codes = status["attention"].to_string();
    assert!(!codes.contains("not_applied"), "{status}");

    // What was written on the lost device since is there to be decided, though it cannot be opened.
    let edits = listed["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 1, "{listed}");
    let id = edits[0]["id"].as_str().unwrap();
    let shown = new.run(&["held", "show", id]).ok();
    for part in ["cannot be opened", "revoked as lost"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let adopt = new.run(&["--json", "held", "adopt", id, "--yes"]);
    support::refused(&adopt, 1, "held_not_opened");
    let next = adopt.error()["next"].to_string();
    assert!(next.contains("held discard"), "{next}");
    let discard = ["held", "discard", id, "--yes", "--from", "-"];
    new.type_in(&discard, "Nicht von mir.").ok();
    new.run(&["sync"]).ok();
    let listed = new.run(&["--json", "held"]).json();
    assert_eq!(listed["edits"], serde_json::json!([]), "{listed}");
    // The new one is called as it likes.
    let own = support::devices::own_fingerprint(&new);
    new.run(&with(&["device", "rename"], &[&own, "Laptop"]))
        .ok();
    new.run(&["sync"]).ok();
    let page = new.run(&["device"]).ok().stdout;
    assert!(page.contains("Laptop"), "{page}");
}
