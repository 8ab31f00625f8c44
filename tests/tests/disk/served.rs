//! The relay's program on a theatre's address and files, meeting a fault.

use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use crate::fault::{Log, Point, Watched};
use crate::theatre::{Theatre, beside, said};

/// The relay's program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_story-nahtlos-relay");

/// What it is told: a theatre's files and address.
pub fn words(theatre: &Theatre) -> Vec<OsString> {
    let address = theatre.world.url().trim_start_matches("http://");
    vec![
        "serve".into(),
        "--data".into(),
        theatre.world.relay_directory().into(),
        "--listen".into(),
        address.into(),
    ]
}

/// A relay in a process of its own.
pub struct Served {
    child: Child,
    watched: Watched,
    /// Whether it ever listened.
    pub listens: bool,
}

/// How it ended.
pub struct Ended {
    /// None where a signal ended it.
    pub exit: Option<i32>,
    pub stderr: String,
    pub log: Log,
}

impl Served {
    /// Starts it; returns when it listens or has ended.
    pub fn start(theatre: &Theatre, point: Option<Point>) -> Self {
        let watched = Watched::new(
            &theatre.world.relay_directory(),
            &beside(&theatre.world, "served"),
        );
        let mut command = Command::new(PROGRAM);
        command
            .args(words(theatre))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        watched.arm(&mut command, point);
        let mut child = command.spawn().unwrap();
        let mut byte = [0];
        // Its first word is that it listens.
        let first = child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
        Self {
            child,
            watched,
            listens: first == 1,
        }
    }

    /// Ends it as an operator would, unless it has ended.
    pub fn stop(self) -> (Ended, Watched) {
        let mut kill = Command::new("kill");
        let _gone_already = kill
            .arg(self.child.id().to_string())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let output = self.child.wait_with_output().unwrap();
        let stderr = said(&output);
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(!stderr.contains("a defect"), "{stderr}");
        let ended = Ended {
            exit: output.status.code(),
            stderr,
            log: self.watched.log(),
        };
        (ended, self.watched)
    }
}
