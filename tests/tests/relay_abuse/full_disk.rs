//! The disk is full for a while.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::wire::Status;

use crate::client::get;
use crate::fault;
use crate::scene::{Scene, wait_until};

/// While this file exists, nothing can be written to the relay's files.
struct FullDisk(PathBuf);

impl FullDisk {
    fn fill(&self) {
        std::fs::write(&self.0, "").unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn a_relay_whose_disk_is_full_refuses_serves_on_and_goes_on_by_itself_when_there_is_room() {
    let beside = tempfile::tempdir().unwrap();
    let disk = FullDisk(beside.path().join("full"));
    let mut scene = Scene::started_by(&[], |program| {
        let mut command = Command::new(program);
        command
            .env("LD_PRELOAD", fault::shim())
            // All of the temporary directory: the relay's files are in it, and its log, which it
            // cannot write either.
            .env("DISK_ROOT", std::env::temp_dir())
            .env("DISK_FAULT", "enospc")
            .env("DISK_WHILE", &disk.0)
            .stderr(File::create(beside.path().join("log")).unwrap());
        command
    });
    let mut acknowledged: Vec<ItemId> = Vec::new();
    let mut waiting = Vec::new();
    for round in 0..4 {
        for _ in 0..5 {
            let edit = scene.edit_of_honest(20_000);
            assert_eq!(scene.honest_push(&edit), Ok(Status::Accepted));
            acknowledged.push(edit.id().into());
        }
        wait_until("it is ready", || {
            get(scene.address(), "/readyz").status == 200
        });
        disk.fill();
        for _ in 0..5 {
            let edit = scene.edit_of_honest(20_000);
            assert_eq!(
                scene.honest_push(&edit),
                Err("storage_full".into()),
                "{round}"
            );
            waiting.push(edit);
            // What it has is served on.
            scene.assert_is_served(&acknowledged);
        }
        assert_eq!(get(scene.address(), "/livez").status, 200);
        wait_until("it says that it is not ready", || {
            get(scene.address(), "/readyz").status == 503
        });
        disk.make_room();
        // Nobody restarts it. What was refused is sent again.
        for edit in waiting.drain(..) {
            assert_eq!(scene.honest_push(&edit), Ok(Status::Accepted), "{round}");
            acknowledged.push(edit.id().into());
        }
        scene.assert_is_served(&acknowledged);
    }
    scene.honest_work();
    scene.assert_memory_is_bounded(10);
    scene.relay.stop_and_check();
}
