//! The README's tour and the bad days of docs/OPERATING.md, run as they stand: each block in the shell it names.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A fenced block with its info string.
struct Block {
    shell: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in markdown.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    shell: info.to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A directory in which the README's relative paths work, with both programs in `target/release`.
fn prepare(directory: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    symlink(root.join("core"), directory.join("core")).unwrap();
    let programs = directory.join("target/release");
    std::fs::create_dir_all(&programs).unwrap();
    symlink(
        env!("CARGO_BIN_EXE_story-nahtlos"),
        programs.join("nahtlos"),
    )
    .unwrap();
    symlink(
        env!("CARGO_BIN_EXE_story-nahtlos-relay"),
        programs.join("nahtlos-relay"),
    )
    .unwrap();
}

/// Ends the relay of the tour if a block failed before it did.
struct Relay(Option<Child>);

impl Relay {
    fn end(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _gone_already = child.kill();
            let _gone_already = child.wait();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn the_tour_of_the_readme_works_block_by_block() {
    let run = run_as_it_stands(include_str!("../../README.md"), |text, said| {
        if text.ends_with("nahtlos conflict\n") {
            assert!(said.contains("2 different values"), "{said}");
        }
        if text.contains("held adopt") {
            assert!(said.contains("Nach dem Entzug geschrieben."), "{said}");
            assert!(said.contains("No longer: Marc Iseli sees"), "{said}");
        }
        if text.contains("share explain mosimann function") {
            assert!(said.contains("No: Marc Iseli cannot see"), "{said}");
        }
    });
    assert!(run >= 14, "only {run} blocks were found");
}

#[test]
fn the_bad_days_of_an_office_are_survived_as_operating_says() {
    let run = run_as_it_stands(include_str!("../../docs/OPERATING.md"), |text, said| {
        if text.contains("breach-report") {
            assert!(
                said.contains("Mosimann"),
                "what the phone could open: {said}"
            );
        }
        if text.contains("device wipe --yes") {
            assert!(said.contains("Wiped"), "{said}");
        }
        if text.contains("case handover") {
            assert!(said.contains("Handed over: 1 case"), "{said}");
        }
        if text.contains("recovery use --for Trachsel") {
            let parts = [
                "Vera Trachsel was let into Beratung, Team Bern and RAV Langnau",
                "Vera Trachsel",
                "Revoked:",
            ];
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
        if text.contains("office/new.words)") {
            assert!(said.contains("No decision waits or came back."), "{said}");
        }
        if text.contains("recovery use --for Berger") {
            assert!(said.contains("was let into Team Bern"), "{said}");
            assert!(
                said.contains("Mosimann") && said.contains("Zaugg"),
                "{said}"
            );
        }
        if text.contains("nahtlos sync || [ $? -eq 3 ]\nnahtlos sync") {
            assert!(said.contains("Nach der Sicherung geschrieben."), "{said}");
        }
        if text.contains("bundle import") {
            assert!(said.contains("Ohne Netz notiert."), "{said}");
        }
    });
    assert!(run >= 30, "only {run} blocks were found");
}

/// Runs a page's blocks from top to bottom, each in the shell it names, and has looked at what each says.
/// Returns how many there were.
fn run_as_it_stands(page: &str, look: impl Fn(&str, &str)) -> usize {
    let directory = tempfile::tempdir().unwrap();
    prepare(directory.path());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut relay = Relay(None);
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let mut run = 0;
    for block in blocks(page) {
        let Some(shell) = block
            .shell
            .strip_prefix("sh ")
            .filter(|shell| *shell != "build")
        else {
            continue;
        };
        let mut text = block
            .text
            .replace("127.0.0.1:8787", &format!("127.0.0.1:{free}"));
        let kills_first = text.starts_with("kill %1");
        let kills_last = !kills_first && text.contains("kill %1");
        text = text.replace("kill %1", "");
        if kills_first {
            relay.end();
        }
        let known = before.entry(shell.to_owned()).or_default();
        // The relay must outlive its block's shell: the test holds it, as the shell would.
        if let Some(line) = text
            .lines()
            .find(|line| line.starts_with("nahtlos-relay serve"))
        {
            let line = line.to_owned();
            let exports = exports(&text);
            text = text.replace(&line, "");
            let script = format!(
                "{known}{exports}mkdir -p tour office\nexec {}",
                line.trim_end_matches('&')
            );
            relay.0 = Some(bash(directory.path(), &script).spawn().unwrap());
        }
        let script = format!("set -e -o pipefail\n{known}{text}");
        known.push_str(&exports(&text));
        let output = bash(directory.path(), &script).output().unwrap();
        assert!(
            output.status.success(),
            "shell {shell}:\n{text}\n--- stdout\n{}\n--- stderr\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        look(&text, &String::from_utf8_lossy(&output.stdout));
        if kills_last {
            relay.end();
        }
        run += 1;
    }
    run
}

fn exports(text: &str) -> String {
    text.lines()
        .filter(|line| line.starts_with("export "))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn bash(directory: &Path, script: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", script])
        .current_dir(directory)
        .env_remove("NAHTLOS_HOME")
        .env_remove("NAHTLOS_PASSPHRASE_FILE")
        .stdin(Stdio::null());
    command
}
