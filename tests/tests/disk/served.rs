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
    /// None once it was stopped.
    child: Option<Child>,
    watched: Option<Watched>,
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
            child: Some(child),
            watched: Some(watched),
            listens: first == 1,
        }
    }

    /// Ends it as an operator would, unless it has ended.
    pub fn stop(mut self) -> (Ended, Watched) {
        let (child, watched) = (self.child.take().unwrap(), self.watched.take().unwrap());
        let mut kill = Command::new("kill");
        let _gone_already = kill
            .arg(child.id().to_string())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = said(&output);
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(!stderr.contains("a defect"), "{stderr}");
        let ended = Ended {
            exit: output.status.code(),
            stderr,
            log: watched.log(),
        };
        (ended, watched)
    }
}

/// A test that fails leaves no relay behind.
impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone_already = child.kill();
            let _gone_already = child.wait();
        }
    }
}
