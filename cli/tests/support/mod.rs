//! A relay on a free port and homes in a directory of their own, driven through the real program.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod devices;
pub mod paper;

use std::cell::Cell;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nahtlos_client::vault::{KeyDerivation, Vault};
use serde_json::Value;

/// What one run of the program left.
pub struct Run {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as JSON, of a run that succeeded.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.exit, 0, "{}", self.stderr);
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert_eq!(value["schema_version"], 1);
        value
    }

    /// The error object, of a run that failed with `--json`.
    #[track_caller]
    pub fn error(&self) -> Value {
        assert_ne!(self.exit, 0, "{}", self.stdout);
        assert_eq!(self.stdout, "", "an error stands on standard error");
        let last = self.stderr.lines().last().unwrap();
        let value: Value = serde_json::from_str(last).unwrap();
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["error"]["exit"], self.exit);
        for part in ["code", "message", "next"] {
            assert_ne!(value["error"][part], "", "{part} of {value}");
        }
        value["error"].clone()
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.exit, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// One person's device.
pub struct Home {
    pub path: PathBuf,
    pub passphrase: PathBuf,
    /// Whether its vault was made quick to open.
    is_quick: Cell<bool>,
}

pub const PASSPHRASE: &str = "drei lange Worte";

impl Home {
    pub fn new(world: &Path, name: &str) -> Self {
        let passphrase = world.join(format!("{name}.passphrase"));
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&passphrase, private).unwrap();
        }
        Self {
            path: world.join(name),
            passphrase,
            is_quick: Cell::new(false),
        }
    }

    /// One whose vault stays protected as it is made.
    pub fn protected(world: &Path, name: &str) -> Self {
        let home = Self::new(world, name);
        home.is_quick.set(true);
        home
    }

    pub fn command(&self) -> Command {
        self.make_quick();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nahtlos"));
        command
            .env_remove("NAHTLOS_PASSPHRASE_COMMAND")
            .env_remove("NAHTLOS_TLS_CA")
            .env("NAHTLOS_HOME", &self.path)
            .env("NAHTLOS_PASSPHRASE_FILE", &self.passphrase)
            .stdin(Stdio::null());
        command
    }

    /// Wraps the key of a vault that a command has made with a derivation that takes no time: of each command's time
    /// it would be three quarters. How a vault is protected is looked at in `vault_care.rs`, in vaults of their own.
    fn make_quick(&self) {
        if self.is_quick.get() {
            return;
        }
        if let Ok(mut vault) = Vault::open(&self.path, PASSPHRASE.as_bytes()) {
            let quick = KeyDerivation::fast_for_tests();
            vault
                .change_passphrase(PASSPHRASE.as_bytes(), quick)
                .unwrap();
            self.is_quick.set(true);
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command().args(arguments).output().unwrap())
    }

    /// Runs with something on standard input.
    pub fn type_in(&self, arguments: &[&str], typed: &str) -> Run {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses before it reads closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        Run::of(child.wait_with_output().unwrap())
    }

    /// A vault that has founded nothing: founding with a relay that is not there.
    pub fn make_vault(&self, world: &Path) {
        let claim = unreachable_claim(world);
        let run = self.run(&found_arguments(&claim));
        assert_eq!(run.exit, 20, "{}", run.stderr);
    }
}

/// A claim for a relay that nobody runs.
pub fn unreachable_claim(world: &Path) -> String {
    use nahtlos_protocol::crypto::secret::Secret32;
    use nahtlos_protocol::crypto::signature::SigningKey;
    use nahtlos_protocol::identifier::VerifyingKeyBytes;
    use nahtlos_protocol::wire::claim::Claim;
    let relay = SigningKey::from_seed(&Secret32::from_bytes([9; 32]));
    let claim = Claim {
        url: "http://127.0.0.1:9".into(),
        relay: VerifyingKeyBytes(*relay.verifying_key().as_bytes()),
        seed: Secret32::from_bytes([7; 32]),
    };
    let path = world.join("claim-of-nobody");
    std::fs::write(&path, claim.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn found_arguments(claim: &str) -> Vec<&str> {
    vec![
        "network",
        "found",
        "--claim",
        claim,
        "--canton",
        "BE",
        "--name",
        "IIZ Bern",
        "--person",
        "Anna Berger",
        "--function",
        "officer",
        "--institution",
        "RAV Langnau",
        "--kind",
        "alv",
        "--team",
        "RAV Team",
    ]
}

/// A relay and two institutions with one person each.
pub struct World {
    pub berger: Home,
    pub iseli: Home,
    relay: Option<nahtlos_relay::RunningRelay>,
    /// Where the relay is reached while it runs.
    address: SocketAddr,
    pub directory: tempfile::TempDir,
}

impl World {
    /// Where a file of the test's own lies.
    pub fn file(&self, name: &str) -> String {
        let path = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = nahtlos_relay::Config::new(directory.path().join("relay"), own_address());
        let claim = config.claim_file();
        let relay = nahtlos_relay::RunningRelay::start(config).unwrap();
        let address = relay.address;
        let berger = Home::new(directory.path(), "berger");
        let iseli = Home::new(directory.path(), "iseli");
        berger.run(&found_arguments(claim.to_str().unwrap())).ok();
        let invitation = directory.path().join("invitation");
        let invitation = invitation.to_str().unwrap();
        berger
            .run(&["institution", "invite", "--to", invitation])
            .ok();
        berger.run(&["sync"]).ok();
        iseli
            .run(&[
                "institution",
                "join",
                "--invitation",
                invitation,
                "--person",
                "Urs Iseli",
                "--function",
                "officer",
                "--institution",
                "IV-Stelle",
                "--kind",
                "iv",
                "--team",
                "Eingliederung",
            ])
            .ok();
        for home in [&berger, &iseli, &berger] {
            home.run(&["sync"]).ok();
        }
        Self {
            berger,
            iseli,
            relay: Some(relay),
            address,
            directory,
        }
    }

    /// Opens the test case on Berger's device; returns its number.
    pub fn open_case(&self) -> String {
        let opened = self
            .berger
            .type_in(
                &["--json", "case", "open", "--yes", "--from", "-"],
                CASE_FILE,
            )
            .json();
        opened["case_number"].as_str().unwrap().to_owned()
    }

    /// A colleague in Berger's team, admitted and synced.
    pub fn colleague(&self, name: &str, role: &str) -> Home {
        let home = Home::new(self.directory.path(), name);
        let invitation = self.directory.path().join(format!("{name}.invitation"));
        let invitation = invitation.to_str().unwrap();
        self.berger
            .run(&[
                "member", "invite", "--team", "RAV Team", "--role", role, "--to", invitation,
            ])
            .ok();
        self.berger.run(&["sync"]).ok();
        home.run(&[
            "member",
            "join",
            "--invitation",
            invitation,
            "--person",
            name,
            "--function",
            "officer",
        ])
        .ok();
        for one in [&self.berger, &home, &self.berger, &home, &self.iseli] {
            one.run(&["sync"]).ok();
        }
        home
    }

    /// Copies the relay's data, stopped for it.
    pub fn back_up_relay(&mut self) -> PathBuf {
        let backup = self.directory.path().join("backup");
        self.while_stopped(|data| copy(data, &backup));
        backup
    }

    /// Puts an older copy in the place of the relay's data.
    pub fn restore_relay(&mut self, backup: &Path) {
        self.while_stopped(|data| {
            std::fs::remove_dir_all(data).unwrap();
            copy(backup, data);
        });
    }

    fn while_stopped(&mut self, change: impl FnOnce(&Path)) {
        let address = self.relay.as_ref().unwrap().address;
        self.stop_relay();
        let data = self.directory.path().join("relay");
        change(&data);
        let config = nahtlos_relay::Config::new(data, address);
        self.relay = Some(nahtlos_relay::RunningRelay::start(config).unwrap());
    }

    /// The relay that was stopped is there again.
    pub fn start_relay(&mut self) {
        let data = self.directory.path().join("relay");
        let config = nahtlos_relay::Config::new(data, self.address);
        self.relay = Some(nahtlos_relay::RunningRelay::start(config).unwrap());
    }

    pub fn stop_relay(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop();
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub const CASE_FILE: &str = r#"{
  "schema_version": 1,
  "phase": "consented",
  "person": {"official_name": "Mosimann", "first_name": "Ruth", "birth": "17.05.1982"},
  "contact": {"phone": "079 555 01 42"},
  "journal": [{"at": "2026-09-08T10:30:00+02:00", "kind": "meeting", "text": "Erstgespräch."}],
  "tasks": [{"title": "Arbeitszeugnisse einholen", "due": "2026-10-02"},
            {"title": "Lebenslauf erneuern", "due": "2026-11-02"}],
  "plan": {"goals": [{"statement": "Eine Stelle in der Pflege finden.",
    "steps": [{"title": "Arbeitsversuch", "start": "2027-01-11"}]}]}
}"#;

/// Checks that a run was refused with this exit status and code.
#[track_caller]
pub fn refused(run: &Run, exit: i32, code: &str) {
    assert_eq!(
        (run.exit, run.error()["code"].as_str().unwrap()),
        (exit, code),
        "{}",
        run.stderr
    );
}

/// Berger grants sections of a case to the other institution's team.
pub fn grant(world: &World, case: &str, sections: &str, role: &str) -> Run {
    world.berger.run(&[
        "--json",
        "share",
        "grant",
        case,
        "--section",
        sections,
        "--to",
        "Eingliederung",
        "--role",
        role,
        "--basis",
        "AVG35a1",
        "--yes",
    ])
}

/// A command's words and some more, as `["share", "withdraw"]` with `["--yes"]`.
pub fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    words.iter().chain(more).copied().collect()
}

/// Both sync until both have everything.
pub fn sync_all(world: &World) {
    for home in [&world.berger, &world.iseli, &world.berger, &world.iseli] {
        home.run(&["sync"]).ok();
    }
}

/// An address that stays this relay's while it is stopped: below the ports that systems give to connections and to
/// who asks for any.
fn own_address() -> SocketAddr {
    loop {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let port = 10_000 + u16::from_be_bytes(random) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
