//! Several devices of one person.

use serde_json::Value;

use super::{Home, World};

/// Berger's invitation of a further device, in a file, known to the relay.
pub fn invited(world: &World) -> String {
    let file = world.directory.path().join("device.invitation");
    let _ = std::fs::remove_file(&file);
    let file = file.to_str().unwrap().to_owned();
    let run = world.berger.run(&["device", "add", "--to", &file]).ok();
    assert!(
        run.stderr.contains("one hour"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    world.berger.run(&["sync"]).ok();
    file
}

/// Berger's further device, let in and synced once.
pub fn second(world: &World, name: &str) -> Home {
    let file = invited(world);
    let home = Home::new(world.directory.path(), name);
    let joined = home
        .run(&["--json", "device", "join", &file, "--name", name])
        .json();
    assert_eq!(joined["enrolment"], "waiting_for_admission");
    let shown = world.berger.run(&["--json", "sync"]).json();
    let admitted = shown["admitted"][0].as_str().unwrap();
    for part in [name, joined["device"].as_str().unwrap()] {
        assert!(admitted.contains(part), "both show {part}: {admitted}");
    }
    home.run(&["sync"]).ok();
    home
}

pub fn devices(home: &Home) -> Vec<Value> {
    let list = home.run(&["--json", "device", "list"]).json();
    list["devices"].as_array().unwrap().clone()
}

/// The fingerprint of this home's own device.
pub fn own_fingerprint(home: &Home) -> String {
    let status = home.run(&["--json", "status"]).json();
    status["device"].as_str().unwrap().to_owned()
}
