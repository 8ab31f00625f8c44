//! The very first command: a vault is made, and the network founded in it.

use crate::fault::{Fault, Point, Watched, chosen};
use crate::story::exit;
use crate::theatre::{Kept, Theatre, beside, run, said};

/// Points that a normal run takes: each turns a passphrase into a key several times.
const MOST: usize = 8;

fn found(theatre: &Theatre, watched: &Watched, point: Option<Point>) -> (Option<i32>, String) {
    let claim = theatre.world.relay_directory().join("claim");
    let mut command = theatre.command("berger");
    command
        .args(["network", "found", "--canton", "BE", "--name", "IIZ Bern"])
        .args([
            "--institution",
            "RAV Langnau",
            "--kind",
            "alv",
            "--team",
            "RAV Langnau Team 1",
        ])
        .args([
            "--person",
            "Anna Berger",
            "--function",
            "lead",
            "--json",
            "--claim",
        ])
        .arg(claim);
    watched.arm(&mut command, point);
    let output = run(&mut command, "");
    let stderr = said(&output);
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code(), stderr)
}

/// What a person does who does not know how far it came: the same again, then a sync.
fn finish(theatre: &Theatre, at: &str) {
    let watched = Watched::new(
        &theatre.directory("berger"),
        &beside(&theatre.world, "second"),
    );
    let (exit, stderr) = found(theatre, &watched, None);
    let is_begun = ["already_enrolled", "`nahtlos sync` goes on with it"];
    let is_begun = is_begun.iter().any(|said| stderr.contains(said));
    assert!(exit == Some(exit::DONE) || is_begun, "{at}: {stderr}");
    let synced = run(theatre.command("berger").args(["sync", "--json"]), "");
    assert_eq!(
        synced.status.code(),
        Some(exit::DONE),
        "{at}: {}",
        said(&synced)
    );
    let doctor = run(theatre.command("berger").args(["doctor", "--json"]), "");
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(exit::DONE), "{at}: {told}");
    assert!(told.contains("part of a network"), "{at}: {told}");
}

fn try_point(theatre: &mut Theatre, kept: &Kept, watched: &Watched, point: Point) {
    let at = format!("network found: {point}");
    theatre.put_back(kept);
    std::fs::remove_dir_all(theatre.directory("berger")).unwrap();
    let (exit, stderr) = found(theatre, watched, Some(point));
    // The number of the last calls differs a little from run to run.
    if watched.log().has_failed() {
        assert_eq!(exit.is_none(), point.fault.kills(), "{at}");
    }
    assert!(
        [None, Some(exit::DONE), Some(exit::FAILED)].contains(&exit),
        "{at}: {stderr}"
    );
    if point.fault == Fault::PowerCut {
        watched.cut_power();
    }
    finish(theatre, &at);
}

#[test]
fn a_first_command_killed_or_with_a_failing_disk_at_any_point_is_simply_run_again() {
    let mut theatre = Theatre::empty();
    let kept = theatre.keep(&["berger"]);
    let watched = Watched::new(
        &theatre.directory("berger"),
        &beside(&theatre.world, "first"),
    );
    let (exit, stderr) = found(&theatre, &watched, None);
    assert_eq!(exit, Some(exit::DONE), "{stderr}");
    let points = watched.log().points();
    let taken = chosen("network found", points, MOST);
    for point in taken {
        try_point(&mut theatre, &kept, &watched, point);
    }
}
