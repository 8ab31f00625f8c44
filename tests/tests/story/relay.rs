//! The relay as a process of its own: its output goes to files, and it can be killed.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Ended, ended};

/// How long a relay may take to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running relay, or one that was killed.
pub struct RelayProcess {
    data: PathBuf,
    address: SocketAddr,
    options: Vec<String>,
    child: Killable,
}

/// What kills the relay from another thread.
#[derive(Clone, Default)]
pub struct Killable(Arc<Mutex<Option<Child>>>);

impl Killable {
    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        self.child.kill();
    }
}

impl RelayProcess {
    /// Starts a relay on a free loopback port. Devices are told to come by `public_url`.
    pub fn start(data: &Path, public_url: &str, options: &[&str]) -> Self {
        let mut words = vec!["--public-url".to_owned(), public_url.to_owned()];
        words.extend(options.iter().map(|word| (*word).to_owned()));
        let mut relay = Self {
            data: data.to_owned(),
            address: free_address(),
            options: words,
            child: Killable::default(),
        };
        // Somebody else may take a port between finding it free and listening on it.
        while !relay.try_start() {
            relay.address = free_address();
        }
        relay
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What kills it.
    pub fn killable(&self) -> Killable {
        self.child.clone()
    }

    /// Ends it as an operator would, and waits for it.
    pub fn stop(&self) {
        let mut child = self.child.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            let told = Command::new("kill").arg(child.id().to_string()).status();
            assert!(told.unwrap().success());
            assert!(child.wait().unwrap().success(), "the relay stops with 0");
        }
    }

    /// Starts it again on its port and waits until it listens.
    pub fn restart(&mut self) {
        let begun = Instant::now();
        // A connection of somebody else may hold the port for a moment.
        while !self.try_start() {
            assert!(begun.elapsed() < START_TIMEOUT, "the relay does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts it again without a limit of its database.
    pub fn give_room(&mut self) {
        let limit = self
            .options
            .iter()
            .position(|word| word == "--database-mib-max");
        if let Some(at) = limit {
            self.options.drain(at..at + 2);
        }
        self.restart();
    }

    /// Whether the relay listens now; it ends by itself where it cannot.
    fn try_start(&mut self) -> bool {
        let listened = self.times_listened();
        let mut child = Command::new(env!("CARGO_BIN_EXE_story-nahtlos-relay"))
            .arg("serve")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address.to_string()])
            .args(&self.options)
            .env("NAHTLOS_RELAY_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(self.output("stdout"))
            .stderr(self.output("stderr"))
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while self.times_listened() == listened {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(begun.elapsed() < START_TIMEOUT, "the relay does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        *self.child.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        true
    }

    fn times_listened(&self) -> usize {
        let said = std::fs::read_to_string(self.output_path("stdout")).unwrap_or_default();
        said.matches("listening on").count()
    }

    /// Runs `nahtlos-relay check` on what it keeps.
    pub fn check(&self) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_story-nahtlos-relay"));
        command.args(["check", "--data"]).arg(&self.data);
        ended(command.output().unwrap())
    }

    /// The directories and files that hold all it ever wrote.
    pub fn everything(&self) -> [PathBuf; 3] {
        [
            self.data.clone(),
            self.output_path("stdout"),
            self.output_path("stderr"),
        ]
    }

    fn output_path(&self, name: &str) -> PathBuf {
        self.data.with_extension(name)
    }

    fn output(&self, name: &str) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(self.output_path(name)).unwrap()
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
