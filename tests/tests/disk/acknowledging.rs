//! Nobody is told that something is stored before the disk has confirmed it: read from the system
//! calls, as `strace` writes them down.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use nahtlos_protocol::wire::Status;
use nahtlos_tests::{Passing, note};

use crate::served::{PROGRAM, words};
use crate::theatre::{Theatre, beside, run, said};

/// What one system call means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something goes to the log beside a database.
    Writes,
    /// The disk has confirmed all that went there.
    Synced,
    /// Somebody is told.
    Tells,
}

/// The steps in a trace. A call that others came between stands there twice: what somebody is told
/// counts from its beginning, what the disk confirms from its end.
fn steps(trace: &str, log: &str, tells: &str) -> Vec<Step> {
    let mut syncing: Vec<&str> = Vec::new();
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let of_log = call.contains(log);
        let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        if call.contains(tells) {
            steps.push(Step::Tells);
        } else if call.starts_with("pwrite64(") && of_log {
            steps.push(Step::Writes);
        } else if is_sync && of_log && call.contains("<unfinished") {
            syncing.push(process);
        } else if is_sync && of_log && call.ends_with("= 0") {
            steps.push(Step::Synced);
        } else if call.contains("sync resumed>") && call.ends_with("= 0") {
            let before = syncing.len();
            syncing.retain(|one| *one != process);
            if syncing.len() < before {
                steps.push(Step::Synced);
            }
        }
    }
    steps
}

/// For each time somebody is told: how often the disk confirmed something since the time before.
/// None where something that was written is not confirmed.
fn confirmations(steps: &[Step]) -> Vec<Option<usize>> {
    let (mut told, mut confirmed, mut is_open) = (Vec::new(), 0, false);
    for step in steps {
        match step {
            Step::Writes => is_open = true,
            Step::Synced => {
                confirmed += 1;
                is_open = false;
            }
            Step::Tells => {
                told.push((!is_open).then_some(confirmed));
                confirmed = 0;
            }
        }
    }
    told
}

/// A program under `strace`, which writes into a file what matters here.
fn traced(program: &str, trace: &Path) -> Command {
    let version = Command::new("strace").arg("-V").output();
    assert!(
        version.is_ok(),
        "strace is missing, and this test needs it: `apt-get install strace`"
    );
    let mut command = Command::new("strace");
    command
        .args(["-f", "-y", "-s", "40", "-o"])
        .arg(trace)
        .args(["-e", "trace=fsync,fdatasync,pwrite64,write,writev,sendto"])
        .arg(program);
    command
}

#[test]
fn a_relay_answers_only_after_the_disk_has_confirmed_what_it_acknowledges() {
    let mut theatre = Theatre::new();
    theatre.world.stop_relay();
    let trace = beside(&theatre.world, "trace");
    let mut relay = traced(PROGRAM, &trace)
        .args(words(&theatre))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut byte = [0];
    let listens = relay.stdout.as_mut().unwrap().read(&mut byte).unwrap();
    if listens == 0 {
        let output = relay.wait_with_output().unwrap();
        panic!("strace may not trace here: {}", said(&output));
    }
    // Whether each answer acknowledges something that was not there before, in order.
    let mut acknowledges = Vec::new();
    let mut berger = theatre.world.reopen("berger");
    for number in 0..5 {
        let edit = note(number);
        berger.nahtlos.edit_case(&theatre.number, &[edit]).unwrap();
        for _ in 0..2 {
            let synced =
                berger.sync_over(&theatre.world, &mut |_| Passing::Arrives, &mut |answer| {
                    let mut results = answer.results.iter();
                    acknowledges.push(results.any(|result| result.status == Status::Accepted));
                    Passing::Arrives
                });
            synced.unwrap();
        }
    }
    // `strace` ends with what it traces; a signal to itself would not reach that.
    let pid = std::fs::read_to_string(&trace).unwrap();
    let pid = pid.split(' ').next().unwrap();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert!(relay.wait().unwrap().success());

    let trace = std::fs::read_to_string(&trace).unwrap();
    let told = confirmations(&steps(&trace, "relay.sqlite-wal", "HTTP/1.1 200"));
    assert_eq!(told.len(), acknowledges.len(), "{trace}");
    assert!(acknowledges.iter().filter(|one| **one).count() >= 5);
    for (told, acknowledges) in told.iter().zip(&acknowledges) {
        let confirmed = told.expect("an answer while something was not on the disk");
        assert!(!acknowledges || confirmed >= 1, "nothing was confirmed");
    }
    let idle = told.iter().zip(&acknowledges).skip(1);
    assert!(
        idle.clone()
            .any(|(told, acknowledges)| !acknowledges && *told == Some(0)),
        "control: who only asks waits for no disk: {told:?}"
    );
}

#[test]
fn a_command_says_that_it_is_done_only_after_the_disk_has_confirmed_it() {
    let theatre = Theatre::new();
    let trace = beside(&theatre.world, "trace");
    let home = theatre.command("berger");
    let mut command = traced(env!("CARGO_BIN_EXE_story-nahtlos"), &trace);
    command.envs(
        home.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command.args(["journal", "add", &theatre.number, "--from", "-"]);
    let output = run(&mut command, "Sie hat angerufen.");
    assert!(output.status.success(), "{}", said(&output));
    let trace = std::fs::read_to_string(&trace).unwrap();
    let told = confirmations(&steps(&trace, "vault.sqlite-wal", "write(1<"));
    let first = told.first().expect("it says something");
    assert!(
        first.is_some_and(|confirmed| confirmed >= 1),
        "{told:?}\n{trace}"
    );
}

#[test]
fn an_answer_before_the_disk_has_confirmed_would_be_noticed() {
    let good = "7  pwrite64(5</d/relay.sqlite-wal>, ...) = 24\n\
                7  fsync(5</d/relay.sqlite-wal> <unfinished ...>\n\
                8  write(9</d/relay.log>, \"x\", 1) = 1\n\
                7  <... fsync resumed>) = 0\n\
                8  writev(9<socket:[1]>, [{iov_base=\"HTTP/1.1 200 OK\", iov_len=15}], 1) = 15\n";
    let told = |trace: &str| confirmations(&steps(trace, "relay.sqlite-wal", "HTTP/1.1 200"));
    assert_eq!(told(good), [Some(1)], "control");
    let mut lines: Vec<&str> = good.lines().collect();
    lines.swap(3, 4);
    assert_eq!(told(&lines.join("\n")), [None], "before the sync ended");
    let failed = good.replace("= 0", "= -1 EIO (Input/output error)");
    assert_eq!(told(&failed), [None], "the sync failed");
    assert_eq!(told(lines[4]), [] as [Option<usize>; 0], "nobody is told");
    assert_eq!(told(lines[3]), [Some(0)], "nothing was confirmed");
}
