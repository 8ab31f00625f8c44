//! What stories through the real programs are told with: a relay process that can be killed, one
//! home directory for each device, and a search for what must not stand on any disk.
#![allow(dead_code, reason = "each story uses its part")]

pub mod disk;
pub mod line;
pub mod relay;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nahtlos_client::Nahtlos;
use nahtlos_client::vault::KeyDerivation;
use serde_json::Value;

use line::Line;
use relay::RelayProcess;

/// The passphrase of every device in a story.
pub const PASSPHRASE: &str = "sechs erfundene Worte nur für Tests";

/// The example case file: an invented person.
pub const CASE_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../core/casework/tests/data/case-mosimann.json"
);

/// Who founds the network where only one device is needed: the words of [`Stage::found`].
pub const BERGER: [&str; 5] = [
    "RAV Langnau",
    "alv",
    "RAV Langnau Beratung",
    "Anna Berger",
    "lead",
];

/// Exit codes as `docs/cli.md` has them.
pub mod exit {
    pub const DONE: i32 = 0;
    pub const FAILED: i32 = 1;
    pub const USAGE: i32 = 2;
    pub const HELD: i32 = 3;
    pub const LOCKED: i32 = 4;
    pub const NO_RIGHT: i32 = 5;
    pub const CONFLICT: i32 = 6;
    pub const NO_RELAY: i32 = 20;
}

/// A relay, the line to it, and a directory for homes.
pub struct Stage {
    directory: tempfile::TempDir,
    /// The line that devices reach the relay by; it can be cut at a chosen moment.
    pub line: Line,
    /// The relay's process.
    pub relay: RelayProcess,
    homes: Homes,
}

/// How the vaults of a story turn their passphrase into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Homes {
    /// As the program makes them.
    Real,
    /// Made beforehand with a derivation that takes no time, so that a story of hundreds of
    /// commands ends soon. The program finds an empty vault and founds or joins in it.
    Quick,
}

impl Stage {
    /// A new relay that nobody has claimed, in a process of its own, with further options of
    /// `nahtlos-relay serve`.
    pub fn new(homes: Homes, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_private(&directory.path().join("passphrase"), PASSPHRASE);
        let line = Line::new();
        let relay = RelayProcess::start(&directory.path().join("relay"), &line.url(), options);
        line.lead_to(relay.address());
        Self {
            directory,
            line,
            relay,
            homes,
        }
    }

    /// A directory of the story.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A device whose home is the directory of this name; nobody's yet.
    pub fn device(&self, name: &str) -> Device {
        let home = self.path(name);
        if self.homes == Homes::Quick {
            let derivation = KeyDerivation::fast_for_tests();
            Nahtlos::create(&home, PASSPHRASE.as_bytes(), derivation).unwrap();
        }
        Device {
            home,
            passphrase: self.path("passphrase"),
        }
    }

    /// Where the relay's claim lies.
    pub fn claim(&self) -> String {
        text_of(&self.path("relay/claim"))
    }

    /// Starts the relay again, on the port and with the options it had.
    pub fn restart_relay(&mut self) {
        self.relay.restart();
    }

    /// Founds the network with a first institution.
    pub fn found(&self, name: &str, words: &[&str; 5]) -> Device {
        let device = self.device(name);
        let claim = self.claim();
        let founding = [
            "network", "found", "--claim", &claim, "--canton", "BE", "--name", "IIZ Bern",
        ];
        device.done(&[&founding[..], &introduction(words)].concat());
        device
    }

    /// Joins as a further institution; the one that invites must sync before it is admitted.
    pub fn join(&self, inviting: &Device, name: &str, words: &[&str; 5]) -> Device {
        let invitation = text_of(&self.path(&format!("invitation-{name}")));
        inviting.done(&[
            "institution",
            "invite",
            "--note",
            words[0],
            "--to",
            &invitation,
        ]);
        inviting.done(&["sync"]);
        let device = self.device(name);
        let joining = ["institution", "join", "--invitation", &invitation];
        device.done(&[&joining[..], &introduction(words)].concat());
        device
    }
}

fn introduction<'a>(words: &[&'a str; 5]) -> Vec<&'a str> {
    let [institution, kind, team, person, function] = *words;
    vec![
        "--institution",
        institution,
        "--kind",
        kind,
        "--team",
        team,
        "--person",
        person,
        "--function",
        function,
    ]
}

/// One device: a home directory, and the program run with it.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its directory.
    pub home: PathBuf,
    /// The file with its passphrase.
    pub passphrase: PathBuf,
}

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; a command that a signal ended fails the test.
    pub exit: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Device {
    /// The program with this device's home, nothing typed yet.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_story-nahtlos"));
        self.prepare(&mut command);
        command
    }

    /// Gives a command this device's home and nothing else of the environment's settings.
    pub fn prepare(&self, command: &mut Command) {
        command
            .env("NAHTLOS_HOME", &self.home)
            .env("NAHTLOS_PASSPHRASE_FILE", &self.passphrase)
            .env_remove("NAHTLOS_PASSPHRASE_COMMAND")
            .env_remove("NAHTLOS_TLS_CA")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
    }

    /// Runs a command, whatever comes of it.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Ended {
        ended(self.command().args(words).output().unwrap())
    }

    /// Runs a command with something on standard input.
    pub fn type_in(&self, words: &[&str], typed: &str) -> Ended {
        let mut command = self.command();
        let mut child = command
            .args(words)
            .args(["--from", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // A command that refuses before it reads closes its end.
        let _closed_early = input.write_all(typed.as_bytes());
        drop(input);
        ended(child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed.
    pub fn done(&self, words: &[&str]) -> Ended {
        self.run(words).expect_exit(exit::DONE, words)
    }

    /// Runs a command that must succeed, with something on standard input.
    pub fn done_with(&self, words: &[&str], typed: &str) -> Ended {
        self.type_in(words, typed).expect_exit(exit::DONE, words)
    }

    /// What a command that must succeed answers as JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        let ended = self.done(&[words, &["--json"]].concat());
        serde_json::from_str(&ended.stdout).expect("an answer in JSON")
    }

    /// Runs a command with `--json` that must be refused, and checks that the refusal is whole:
    /// its exit code, a stable code, what happened and the next step. Returns the error.
    pub fn refused(&self, words: &[&str], exit: i32, code: &str) -> Value {
        let ended = self.run(&[words, &["--json"]].concat());
        ended.is_refusal(exit, code, words)
    }
}

impl Ended {
    /// The same, where it ended with this code.
    #[track_caller]
    pub fn expect_exit(self, exit: i32, words: &[&str]) -> Self {
        assert_eq!(
            self.exit, exit,
            "{words:?}\n{}\n{}",
            self.stdout, self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Checks a refusal with `--json`; returns its error.
    #[track_caller]
    pub fn is_refusal(&self, exit: i32, code: &str, words: &[&str]) -> Value {
        let said = format!("{words:?}\n{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.exit, exit, "{said}");
        let answer: Value = serde_json::from_str(self.stderr.trim()).expect(&said);
        let error = &answer["error"];
        assert_eq!(answer["schema_version"], 1, "{said}");
        assert_eq!(error["code"], code, "{said}");
        assert_eq!(error["exit"], exit, "{said}");
        for part in ["message", "next"] {
            let text = error[part].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{part}: {said}");
        }
        assert!(error["why"].is_string(), "{said}");
        assert_ne!(error["code"], "internal_error", "{said}");
        assert!(!said.contains("panicked"), "{said}");
        error.clone()
    }
}

/// What a finished process left.
pub fn ended(output: Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        exit: output.status.code().unwrap_or_else(|| {
            panic!(
                "ended by a signal: {}\n{}",
                output.status,
                text(&output.stderr)
            )
        }),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Writes a file for its owner alone.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A path as an argument.
pub fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
