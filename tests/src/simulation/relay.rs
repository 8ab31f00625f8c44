//! One relay of the simulation: the engine, routes and store that ship, without sockets, on a disk
//! that may fail; and what an operator does with its data.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_client::transport::Answer;
use nahtlos_relay::Limits;
use nahtlos_relay::in_process::InProcessRelay;
use nahtlos_relay::store::Reader as _;
use nahtlos_relay::store::sqlite::SqliteStore;

use super::store::{Disk, DiskFault, SimulatedStore};

/// Name of the database in a relay's directory.
pub const DATABASE: &str = "relay.sqlite";

/// A relay with its directory.
pub struct SimulatedRelay {
    /// Where its data lies.
    pub directory: PathBuf,
    /// The disk below it.
    pub disk: Disk,
    clock: Arc<AtomicU64>,
    limits: Limits,
    running: Option<InProcessRelay>,
    starts: u64,
    seed: u64,
}

impl SimulatedRelay {
    /// Starts a relay on what a directory holds.
    ///
    /// # Panics
    /// Where the store does not open.
    #[must_use]
    pub fn start(directory: PathBuf, clock: Arc<AtomicU64>, seed: u64) -> Self {
        let limits = Limits {
            device_burst: 1_000_000,
            ..Limits::default()
        };
        let mut relay = Self {
            directory,
            disk: Disk::default(),
            clock,
            limits,
            running: None,
            starts: 0,
            seed,
        };
        relay.run();
        relay
    }

    /// The claim, while there is no network.
    #[must_use]
    pub fn claim(&self) -> Option<String> {
        self.running.as_ref()?.claim.clone()
    }

    /// Posts a request. None where the relay ended before it could answer; it is running again then.
    pub fn post(&mut self, path: &str, token: Option<&str>, body: &[u8]) -> Option<Answer> {
        let answer = self.running.as_ref()?.post(path, token, body);
        if self.disk.has_crashed() {
            self.restart();
            return None;
        }
        answer.map(|answer| Answer {
            status: answer.status,
            body: answer.body,
            relay_time: answer.relay_time,
        })
    }

    /// Drops what snapshots cover and whose time has passed; says how many bodies went.
    pub fn prune(&mut self) -> Option<usize> {
        self.running.as_ref()?.prune()
    }

    /// Ends the program and starts it again.
    pub fn restart(&mut self) {
        drop(self.running.take());
        self.disk = Disk::default();
        self.run();
    }

    /// A copy of the data: as `nahtlos-relay backup` makes it, which a relay recognises as one, or raw.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn copy_to(&mut self, target: &Path, marked: bool) {
        std::fs::create_dir_all(target).expect("a directory");
        if marked {
            let store = SqliteStore::open_to_read(&self.directory.join(DATABASE));
            let copied = store.and_then(|store| store.back_up(&target.join(DATABASE)));
            copied.expect("a backup");
        } else {
            drop(self.running.take());
            let database = self.directory.join(DATABASE);
            std::fs::copy(database, target.join(DATABASE)).expect("a copy");
            self.run();
        }
    }

    /// Puts a copy in the place of the data.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn restore(&mut self, from: &Path) {
        drop(self.running.take());
        std::fs::remove_dir_all(&self.directory).expect("the relay's directory");
        std::fs::create_dir_all(&self.directory).expect("a directory");
        std::fs::copy(from.join(DATABASE), self.directory.join(DATABASE)).expect("a copy");
        self.disk = Disk::default();
        self.run();
    }

    /// Lets the disk be sound again.
    pub fn mend(&mut self) {
        self.disk.set(DiskFault::None);
    }

    /// Reads what the relay keeps.
    ///
    /// # Panics
    /// Where the store cannot be read.
    #[must_use]
    pub fn store(&self) -> SqliteStore {
        SqliteStore::open_to_read(&self.directory.join(DATABASE)).expect("a readable store")
    }

    /// The relay's signing seed: a lying relay signs its lies.
    ///
    /// # Panics
    /// Where the store cannot be read.
    #[must_use]
    pub fn signing_seed(&self) -> [u8; 32] {
        let identity = self.store().identity().expect("a readable store");
        identity.expect("an identity").seed
    }

    fn run(&mut self) {
        self.starts += 1;
        let store = SqliteStore::open(&self.directory.join(DATABASE), None).expect("the store");
        let store = Box::new(SimulatedStore::new(store, self.disk.clone()));
        let clock = Arc::clone(&self.clock);
        let seed = self.seed.wrapping_add(self.starts << 32);
        let relay = InProcessRelay::start(
            store,
            self.limits.clone(),
            Arc::new(move || clock.load(Ordering::SeqCst)),
            Some(seed),
        );
        self.running = Some(relay.expect("the relay starts"));
    }
}
