//! The demo as a whole, through the program: it ends well, is short, and the commands it prints
//! work on what it leaves behind.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nahtlos_relay::{Config, RunningRelay};

const PROGRAM: &str = env!("CARGO_BIN_EXE_nahtlos");

fn demo(directory: &Path) -> Output {
    Command::new(PROGRAM)
        .args(["demo", "--seed", "1848", "--dir"])
        .arg(directory)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap()
}

/// The printed line that holds `part`, as it would be pasted.
fn printed<'a>(text: &'a str, part: &str) -> &'a str {
    let found: Vec<&str> = text.lines().filter(|line| line.contains(part)).collect();
    assert_eq!(found.len(), 1, "{part}: {found:?}");
    found[0].trim()
}

fn paste(lines: &[&str]) -> Output {
    Command::new("sh")
        .args(["-e", "-c", &lines.join("\n")])
        .output()
        .unwrap()
}

#[test]
fn the_demo_ends_well_is_short_and_its_commands_work() {
    let parent = tempfile::tempdir().unwrap();
    let directory: PathBuf = parent.path().join("it's a demo");
    let output = demo(&directory);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.matches('✓').count() > 30, "{text}");
    assert!(text.lines().count() <= 150, "{}", text.lines().count());

    let passphrase = printed(&text, "export NAHTLOS_PASSPHRASE_FILE");
    let run = |part: &str| {
        let output = paste(&[passphrase, printed(&text, part)]);
        assert!(output.status.success(), "{part}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let conflicts = run("conflict list");
    assert_eq!(listed(&conflicts), 1, "{conflicts}");
    assert!(run("share explain Mosimann function").contains("No: Eva Sommer"));
    run("section export");
    assert!(directory.join("plan.automerge").exists());
    run("conflict resolve");
    assert_eq!(listed(&run("conflict list")), 0);
    let changed = run("plan diff");
    assert!(changed.contains("früh an"), "{changed}");
    let found = run("/sommer' search");
    assert!(found.contains("Kinderbetreuung ist geregelt"), "{found}");
    run("subject export");
    let files = std::fs::read_dir(directory.join("for-emir")).unwrap();
    assert_eq!(files.count(), 2, "a page and its data");

    let serve = printed(&text, " serve --data ");
    let (_, address) = serve.split_once(" --listen ").unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    let relay = RunningRelay::start(Config::new(directory.join("relay"), address)).unwrap();
    assert!(
        run("/iseli' sync").contains('1'),
        "the resolution is delivered"
    );
    relay.stop();
}

#[test]
fn the_demo_fails_where_its_directory_holds_something() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("letter"), "mine").unwrap();
    let output = demo(directory.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FAILED"), "{text}");
}

/// How many conflicts a list shows.
fn listed(list: &str) -> usize {
    let kinds = ["different values", "reworded the same sentence", "deleted"];
    let is_conflict = |line: &&str| kinds.iter().any(|kind| line.contains(kind));
    list.lines().filter(is_conflict).count()
}
