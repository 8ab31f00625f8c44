//! Acknowledged means stored: group commit, restart, kill -9, backup.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::wire::claim::Claim;
use nahtlos_protocol::wire::{PushItem, Status, SyncRequest, Token};

use crate::client::{Client, Setting, exchange, found, get, ids, now_ms, read_response};
use crate::world::push_envelope;

const PROGRAM: &str = env!("CARGO_BIN_EXE_nahtlos-relay");

/// Edits of one new section that can be pushed in any order.
fn edits(setting: &mut Setting, count: u64) -> Vec<(ItemId, PushItem)> {
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    (1..=count)
        .map(|number| {
            let envelope = setting.world.envelope(&setting.a1, section, number, &[]);
            (envelope.id().into(), push_envelope(&envelope))
        })
        .collect()
}

#[test]
fn two_hundred_concurrent_pushes_share_few_commits() {
    // All by one device here, which may otherwise not have so many in work at once.
    let mut setting = Setting::with(|config| config.limits.device_requests_at_once = 200);
    let edits = edits(&mut setting, 200);
    let before = setting.commits();
    let barrier = Barrier::new(edits.len());
    let (setting, barrier) = (&setting, &barrier);
    // Prepared outside the threads: what is measured is the relay.
    let bodies: Vec<(ItemId, String, Vec<u8>)> = edits
        .into_iter()
        .map(|(id, item)| {
            let body = codec::encode(&SyncRequest {
                version: 1,
                cursor: setting.client.cursor,
                journal_mark: None,
                push: vec![item],
                max_bytes: 1,
            });
            let key = &setting.a1.keys.signing;
            let token = Token::issue(setting.a1.id, key, &setting.client.relay, now_ms());
            (id, token, body)
        })
        .collect();
    let address = setting.client.address;
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .iter()
            .map(|(id, token, body)| {
                scope.spawn(move || {
                    barrier.wait();
                    let answer = crate::client::post(address, "/v1/sync", Some(token), body);
                    let response = read_response(&answer);
                    let result = &response.results[0];
                    usize::from(result.status == Status::Accepted && result.id == *id)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let commits = setting.commits() - before;
    assert_eq!(accepted, 200);
    assert!(commits <= 100, "{commits} commits");
}

#[test]
fn one_push_of_many_edits_is_one_commit() {
    let mut setting = Setting::new();
    let mut push = Vec::new();
    for _ in 0..20 {
        push.extend(edits(&mut setting, 10).into_iter().map(|(_, item)| item));
    }
    let before = setting.commits();
    setting.client.push(&setting.a1, push);
    assert_eq!(setting.commits() - before, 1);
}

#[test]
fn a_restart_keeps_items_receipts_rights_and_cursors() {
    let mut setting = Setting::new();
    let (stored, later): (Vec<_>, Vec<_>) = edits(&mut setting, 6)
        .into_iter()
        .enumerate()
        .partition(|(position, _)| *position < 3);
    let items = |edits: &[(usize, (ItemId, PushItem))]| -> Vec<PushItem> {
        edits.iter().map(|(_, (_, item))| item.clone()).collect()
    };
    let (first, _) = setting.client.sync(&setting.a1, items(&stored));
    let (cursor, mark) = (setting.client.cursor, setting.client.mark);
    setting.restart();
    assert!(setting.client.sync(&setting.a1, Vec::new()).1.is_empty());
    assert_eq!((setting.client.cursor, setting.client.mark), (cursor, mark));
    let (again, _) = setting.client.sync(&setting.a1, items(&stored));
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(again.status, Status::Duplicate);
        assert_eq!(again.receipt, first.receipt);
    }
    setting.client.push(&setting.a1, items(&later));
    let mut fresh = Client::new(setting.client.address, setting.client.relay);
    let seen = ids(&fresh.sync(&setting.a1, Vec::new()).1);
    for (_, (id, _)) in stored.iter().chain(&later) {
        assert_eq!(seen.iter().filter(|seen| *seen == id).count(), 1);
    }
}

/// The real program, killed when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn serve(data: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        self.child.wait().unwrap();
    }
}

pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_relay_killed_in_the_middle_of_pushes_has_everything_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut program = Program::serve(&data);
    let (_, text, _) = run(&["claim", "--data", data.to_str().unwrap()]);
    let claim: Claim = text.parse().unwrap();
    let (mut world, a1, a, _, mut client) = found(&claim, program.address);
    let section = world.section(&a1, a.team);
    client.push(&a1, world.take());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for round in 0..3 {
        let bodies: Vec<(ItemId, Vec<u8>)> = (0..400)
            .map(|number| {
                let envelope = world.envelope(&a1, section, 1 + round * 400 + number, &[]);
                let body = codec::encode(&SyncRequest {
                    version: 1,
                    cursor: u64::MAX >> 1,
                    journal_mark: None,
                    push: vec![push_envelope(&envelope)],
                    max_bytes: 1,
                });
                (envelope.id().into(), body)
            })
            .collect();
        let token = Token::issue(a1.id, &a1.keys.signing, &client.relay, now_ms());
        let killed = AtomicBool::new(false);
        let before = acknowledged.lock().unwrap().len();
        std::thread::scope(|scope| {
            for part in bodies.chunks(100) {
                let (token, killed, acknowledged) = (&token, &killed, &acknowledged);
                let address = program.address;
                scope.spawn(move || {
                    for (id, body) in part {
                        if killed.load(Ordering::Relaxed) {
                            return;
                        }
                        let head = format!(
                            "POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
                            body.len()
                        );
                        let Ok(answer) = exchange(address, head, body) else {
                            return;
                        };
                        if answer.status == 200
                            && read_response(&answer).results[0].status == Status::Accepted
                        {
                            acknowledged.lock().unwrap().push(*id);
                        }
                    }
                });
            }
            while acknowledged.lock().unwrap().len() < before + 60 {
                std::thread::sleep(Duration::from_millis(1));
            }
            // SIGKILL.
            program.child.kill().unwrap();
            killed.store(true, Ordering::Relaxed);
        });
        drop(program);
        program = Program::serve(&data);
        let mut fresh = Client::new(program.address, client.relay);
        let stored = ids(&fresh.sync(&a1, Vec::new()).1);
        let stored: std::collections::BTreeSet<_> = stored.into_iter().collect();
        let acknowledged = acknowledged.lock().unwrap();
        assert!(acknowledged.iter().all(|id| stored.contains(id)));
    }
    drop(program);
    let (code, said, _) = run(&["check", "--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_running_relay_is_backed_up_and_the_copy_begins_a_new_journal() {
    let mut setting = Setting::new();
    let first = edits(&mut setting, 2);
    let items = |edits: Vec<(ItemId, PushItem)>| edits.into_iter().map(|(_, item)| item).collect();
    setting.client.push(&setting.a1, items(first));
    let data = setting.directory.path().join("data");
    let restored = tempfile::tempdir().unwrap();
    let data_copy = restored.path().join("data");
    std::fs::create_dir(&data_copy).unwrap();
    let copy = data_copy.join("relay.sqlite");
    let (from, to) = (data.to_str().unwrap(), copy.to_str().unwrap());
    let (code, said, error) = run(&["backup", "--data", from, "--to", to]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("backed up"));
    let (code, _, error) = run(&["backup", "--data", from, "--to", to]);
    assert_eq!(code, Some(1));
    assert!(error.contains("exists already"), "{error}");
    let (code, said, error) = run(&["check", "--data", data_copy.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.starts_with("good: "), "{said}");

    let lost = edits(&mut setting, 1);
    setting.client.push(&setting.a1, items(lost));
    let before = setting.client.mark.unwrap();
    setting.relay.take().unwrap().stop();
    let relay = nahtlos_relay::RunningRelay::start(crate::client::config(&restored)).unwrap();
    setting.client.address = relay.address;
    setting.client.sync(&setting.a1, Vec::new());
    let after = setting.client.mark.unwrap();
    assert!(after.journal > before.journal, "journal ids are ordered");
    assert!(after.sequence < before.sequence, "the device can tell");
}

#[test]
fn a_damaged_database_is_found_by_the_check() {
    let mut setting = Setting::new();
    let edits = edits(&mut setting, 3).into_iter().map(|(_, item)| item);
    setting.client.push(&setting.a1, edits.collect());
    setting.relay.take().unwrap().stop();
    let data = setting.directory.path().join("data");
    let check = || run(&["check", "--data", data.to_str().unwrap()]);
    assert_eq!(check().0, Some(0));
    let database = data.join("relay.sqlite");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 3000] {
        *byte ^= 0x55;
    }
    std::fs::write(&database, bytes).unwrap();
    let (code, _, error) = check();
    assert_eq!(code, Some(1));
    assert!(error.contains("restore the last backup"), "{error}");
}

#[test]
fn the_program_says_what_happened_and_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let text = data.to_str().unwrap();
    assert_eq!(run(&["serve"]).0, Some(2), "usage");
    assert_eq!(run(&["--help"]).0, Some(0));
    let (code, _, error) = run(&["claim", "--data", text]);
    assert_eq!(code, Some(1));
    assert!(error.contains("nahtlos-relay serve"), "{error}");
    let (code, _, error) = run(&["serve", "--data", text, "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("--tls-cert"), "{error}");
    let mut program = Program::serve(&data);
    assert_eq!(get(program.address, "/readyz").status, 200);
    // SIGTERM ends it cleanly, and the log beside the database is folded in.
    let told = Command::new("kill")
        .arg(program.child.id().to_string())
        .status();
    assert!(told.unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    let log = std::fs::metadata(data.join("relay.sqlite-wal"));
    assert!(log.map_or(0, |log| log.len()) == 0);
}
