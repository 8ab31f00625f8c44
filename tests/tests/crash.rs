//! A client killed with SIGKILL in the middle of work: whatever it had acknowledged is there after
//! the next start, once, and the relay and a colleague get it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nahtlos_client::{HttpTransport, Nahtlos};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{PASSPHRASE, World, note};

const HOME: &str = "NAHTLOS_CRASH_TEST_HOME";
const URL: &str = "NAHTLOS_CRASH_TEST_URL";
const CASE: &str = "NAHTLOS_CRASH_TEST_CASE";
const FIRST: &str = "NAHTLOS_CRASH_TEST_FIRST";

/// Not a test: the process that is killed. Writes entries, says so, and syncs now and then.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn the_process_that_is_killed() {
    let Ok(home) = std::env::var(HOME) else {
        return;
    };
    let variable = |name: &str| std::env::var(name).unwrap();
    let mut nahtlos = Nahtlos::open(&PathBuf::from(home), PASSPHRASE).unwrap();
    let mut transport = HttpTransport::new(&variable(URL), None).unwrap();
    let first: u64 = variable(FIRST).parse().unwrap();
    for number in first.. {
        nahtlos.edit_case(&variable(CASE), &[note(number)]).unwrap();
        let mut output = std::io::stdout();
        writeln!(output, "acknowledged {number}").unwrap();
        if number % 3 == 0 {
            nahtlos.sync(&mut transport, &mut |_| {}).unwrap();
        }
    }
}

/// Runs the child until it has acknowledged some entries, kills it after a further moment, and
/// returns what it acknowledged.
fn run_and_kill(path: &Path, url: &str, case: &str, first: u64, moment: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_process_that_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .envs([(HOME, path.to_str().unwrap()), (URL, url), (CASE, case)])
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: &str| {
        line.split("acknowledged ")
            .nth(1)?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 4 {
        let line = lines.next().expect("the child writes").unwrap();
        acknowledged.extend(number(&line));
    }
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| number(&line)));
    acknowledged
}

#[test]
fn a_client_killed_while_it_writes_and_syncs_loses_nothing_it_acknowledged() {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut colleague = world.colleague(&mut berger, "keller", "Urs Keller", Role::Write);
    let case = berger.open_example_case();
    berger.sync();
    let mut acknowledged = BTreeSet::new();
    for round in 0..8 {
        let (path, first) = (berger.path.clone(), round * 10_000);
        let moment = Duration::from_micros(700 * round * round);
        drop(berger);
        acknowledged.extend(run_and_kill(
            &path,
            &world.relay().url,
            &case,
            first,
            moment,
        ));
        berger = world.reopen("berger");
        assert!(berger.nahtlos.vault_mut().check().unwrap().is_sound());
        let seen = berger.journal(&case);
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing is there twice");
        for number in &acknowledged {
            assert!(
                seen.contains(&format!("Anna Berger: entry {number}")),
                "entry {number} is lost"
            );
        }
    }
    berger.sync();
    assert_eq!(berger.nahtlos.status().unwrap().undelivered_edits, 0);
    colleague.sync();
    assert_eq!(berger.journal(&case), colleague.journal(&case));
    assert!(acknowledged.len() >= 32, "the child did work");
}
