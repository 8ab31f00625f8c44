//! `docs/cli.md` says what the program says.

use std::path::Path;

#[test]
fn command_line_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let made = nahtlos::command_line_reference();
    if std::env::var_os("NAHTLOS_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/cli.md differs from the program: run this test with NAHTLOS_WRITE_REFERENCE=1"
    );
}

#[test]
fn every_visible_command_and_exit_status_stands_in_the_reference() {
    let made = nahtlos::command_line_reference();
    assert!(
        made.contains("(also `--words`)"),
        "another name of an option"
    );
    for command in [
        "network found",
        "institution invite",
        "institution rename",
        "institution remove",
        "team rename",
        "team merge",
        "member join",
        "case open",
        "case handover",
        "case recuse",
        "section open",
        "section fields",
        "section set",
        "section add",
        "section change",
        "section delete",
        "section restore",
        "section fill",
        "section export",
        "plan step approve",
        "journal add",
        "task delete",
        "share explain",
        "share withdraw",
        "share role",
        "share close",
        "member waiting",
        "member confirm",
        "member refuse",
        "member remove",
        "device add",
        "device join",
        "device revoke",
        "device breach-report",
        "device wipe",
        "key rotate",
        "held adopt",
        "held discard",
        "decision retry",
        "conflict resolve",
        "sync",
        "doctor",
        "demo",
        "completions",
    ] {
        assert!(
            made.contains(&format!("`nahtlos {command}`\n")),
            "{command}"
        );
    }
    for number in [0, 1, 2, 3, 4, 5, 6, 20] {
        assert!(made.contains(&format!("| {number} | ")), "{number}");
    }
    assert!(!made.contains("NEVER"), "hidden arguments stay hidden");
}
