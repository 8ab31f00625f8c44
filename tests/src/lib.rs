//! A small world for tests and benches: one relay on a free loopback port, a home directory for
//! each device, everything real but the passphrase derivation, which takes no time here.

pub mod hostile;
mod journal;
pub mod liar;
mod line;
pub mod model;
pub mod scene;
pub mod simulation;
mod trial;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nahtlos_casework::CaseFile;
use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::EntryId;
use nahtlos_client::vault::KeyDerivation;
use nahtlos_client::{
    ClientError, Founder, HttpTransport, InstitutionCard, Introduction, Nahtlos, NetworkCard,
    SyncReport, Transport,
};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::claim::Claim;
use nahtlos_relay::store::sqlite::SqliteStore;
use nahtlos_relay::{Config, RelayError, RunningRelay};

pub use journal::{note, note_saying};
pub use line::{Line, OnAnswer, OnRequest, Passing, is_offered_again};

/// How long a relay may take to start again on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The passphrase of every home in a test world.
pub const PASSPHRASE: &[u8] = b"five synthetic words of a test";

/// A relay and a directory for homes.
pub struct World {
    /// Where homes and the relay's data lie; removed at the end.
    pub directory: tempfile::TempDir,
    /// The relay; none while it is stopped.
    relay: Option<RunningRelay>,
    url: String,
    claim: Option<String>,
}

/// One device.
pub struct Home {
    /// Its replica.
    pub nahtlos: Nahtlos,
    /// Its directory.
    pub path: PathBuf,
    transport: HttpTransport,
}

impl World {
    /// A new relay with an empty store.
    ///
    /// # Panics
    /// Where the machine has no free port or no disk.
    #[must_use]
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// The same in a new directory below `parent`, for benches that need a disk of a known kind.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn below(parent: &Path) -> Self {
        Self::on("127.0.0.1:0", parent)
    }

    /// The same on an address of this machine. A relay that is stopped and started many times needs one
    /// of its own (127.0.0.0/8 is this machine, on Linux): somebody else's connection may take a port
    /// of 127.0.0.1 meanwhile.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn on(address: &str, parent: &Path) -> Self {
        let directory = tempfile::tempdir_in(parent).expect("a temporary directory");
        let config = Self::config(&directory.path().join("relay"), address);
        let relay = RunningRelay::start(config).expect("the relay starts");
        let (url, claim) = (relay.url.clone(), relay.claim.clone());
        Self {
            directory,
            relay: Some(relay),
            url,
            claim,
        }
    }

    /// The relay.
    ///
    /// # Panics
    /// While it is stopped.
    #[must_use]
    pub fn relay(&self) -> &RunningRelay {
        self.relay.as_ref().expect("the relay runs")
    }

    /// The relay's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the relay keeps what it keeps.
    #[must_use]
    pub fn relay_directory(&self) -> PathBuf {
        self.directory.path().join("relay")
    }

    /// The relay's own signing key: what a relay that lies has.
    ///
    /// # Panics
    /// Where its database cannot be read.
    #[must_use]
    pub fn relay_signing_key(&self) -> SigningKey {
        let database = self.relay_directory().join("relay.sqlite");
        let connection = rusqlite::Connection::open(database).expect("a database");
        let seed = connection.query_row("SELECT seed FROM identity", [], |row| row.get(0));
        SigningKey::from_seed(&Secret32::from_bytes(seed.expect("an identity")))
    }

    /// What the relay's database has of sections: sealed envelopes other than erasures, and wraps.
    ///
    /// # Panics
    /// Where its database cannot be read.
    #[must_use]
    pub fn bodies_and_wraps_at_relay(&self, sections: &[SpaceId]) -> (i64, i64) {
        let database = self.relay_directory().join("relay.sqlite");
        let connection = rusqlite::Connection::open(database).expect("a database");
        let count = |sql: &str| -> i64 {
            let of_one = |section: &SpaceId| -> i64 {
                let counted = connection.query_row(sql, [section.0.as_slice()], |row| row.get(0));
                counted.expect("a count")
            };
            sections.iter().map(of_one).sum()
        };
        (
            count(
                "SELECT count(*) FROM body JOIN journal USING (sequence) JOIN envelope USING (sequence)
                 WHERE space = ?1 AND envelope.kind <> 6",
            ),
            count("SELECT count(*) FROM wraps JOIN journal ON sequence = operation WHERE space = ?1"),
        )
    }

    /// Stops the relay; another program may serve its directory on its address then.
    pub fn stop_relay(&mut self) {
        drop(self.relay.take());
    }

    /// Copies what the relay keeps while it is stopped, as a backup does, and starts it again; returns
    /// where the copy lies.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn back_up_relay(&mut self) -> PathBuf {
        self.stop_relay();
        let copy = tempfile::tempdir_in(self.directory.path())
            .expect("a directory")
            .keep();
        copy_files(&self.relay_directory(), &copy);
        self.start_relay();
        copy
    }

    /// Copies what the relay keeps as `nahtlos-relay backup` does: a relay that starts on the copy knows
    /// it as one.
    ///
    /// # Panics
    /// Where the disk is full.
    #[must_use]
    pub fn back_up_relay_marked(&self) -> PathBuf {
        let copy = tempfile::tempdir_in(self.directory.path())
            .expect("a directory")
            .keep();
        let store = SqliteStore::open_to_read(&self.relay_directory().join("relay.sqlite"));
        let copied = store.and_then(|store| store.back_up(&copy.join("relay.sqlite")));
        copied.expect("a backup");
        copy
    }

    /// Puts a backup in the place of what the relay keeps: it forgets whatever came after.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn go_back_to(&mut self, backup: &Path) {
        self.stop_relay();
        let data = self.relay_directory();
        std::fs::remove_dir_all(&data).expect("the relay's directory");
        std::fs::create_dir(&data).expect("a directory");
        copy_files(backup, &data);
        self.start_relay();
    }

    /// Starts the stopped relay again, on the same address.
    ///
    /// # Panics
    /// Where the address is taken.
    pub fn start_relay(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let config = Self::config(&self.directory.path().join("relay"), &address);
        let begun = Instant::now();
        let mut started = RunningRelay::start(config.clone());
        // The address of a relay that was stopped just now is free a moment later.
        while matches!(started, Err(RelayError::Listen { .. })) && begun.elapsed() < START_TIMEOUT {
            std::thread::sleep(Duration::from_millis(50));
            started = RunningRelay::start(config.clone());
        }
        self.relay = Some(started.expect("the relay starts again"));
    }

    /// Starts the stopped relay on what lies in its directory now, which may be a relay that nobody has
    /// claimed.
    ///
    /// # Panics
    /// Where the address is taken.
    pub fn start_relay_anew(&mut self) {
        self.start_relay();
        self.claim = self.relay().claim.clone();
    }

    fn config(data: &Path, address: &str) -> Config {
        let address = address.parse().expect("an address");
        let mut config = Config::new(data, address);
        config.limits.device_burst = 1_000_000;
        config.limits.newcomer_burst = 1_000_000;
        // Benches push more in a minute than a person in a year.
        config.limits.device_items_per_day_max = u64::MAX;
        config
    }

    /// An empty home.
    ///
    /// # Panics
    /// Where the disk is full.
    #[must_use]
    pub fn home(&self, name: &str) -> Home {
        let path = self.directory.path().join(name);
        let nahtlos = Nahtlos::create(&path, PASSPHRASE, KeyDerivation::fast_for_tests())
            .expect("a new home");
        Home {
            nahtlos,
            path,
            transport: self.transport(),
        }
    }

    /// Opens a home that was closed, as the next command of a person would.
    ///
    /// # Panics
    /// Where the home does not open.
    #[must_use]
    pub fn reopen(&self, name: &str) -> Home {
        let path = self.directory.path().join(name);
        let nahtlos = Nahtlos::open(&path, PASSPHRASE).expect("the home opens");
        Home {
            nahtlos,
            path,
            transport: self.transport(),
        }
    }

    /// Copies a home that is closed to another name, as a backup of a person's files would.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn copy_home(&self, name: &str, copy: &str) {
        let to = self.directory.path().join(copy);
        std::fs::create_dir(&to).expect("a directory");
        copy_files(&self.directory.path().join(name), &to);
    }

    /// The text of the relay's claim.
    ///
    /// # Panics
    /// Where the relay was claimed before it was started.
    #[must_use]
    pub fn claim(&self) -> &str {
        self.claim.as_deref().expect("an unclaimed relay")
    }

    /// A home after its program ended and was started again.
    ///
    /// # Panics
    /// Where the home does not open.
    #[must_use]
    pub fn closed_and_reopened(&self, home: Home) -> Home {
        let Home { nahtlos, path, .. } = home;
        drop(nahtlos);
        let nahtlos = Nahtlos::open(&path, PASSPHRASE).expect("the home opens");
        Home {
            nahtlos,
            path,
            transport: self.transport(),
        }
    }

    /// A transport to this world's relay.
    ///
    /// # Panics
    /// Never on loopback.
    #[must_use]
    pub fn transport(&self) -> HttpTransport {
        HttpTransport::new(&self.url, None).expect("loopback")
    }

    /// Founds the network with the institution of the first home.
    ///
    /// # Panics
    /// Where the relay refuses.
    #[must_use]
    pub fn found(&self, name: &str, person: &str, institution: &str, kind: &str) -> Home {
        let mut home = self.home(name);
        let claim: Claim = self
            .claim
            .as_deref()
            .expect("an unclaimed relay")
            .parse()
            .expect("a claim");
        let network = NetworkCard {
            name: "IIZ Bern".into(),
            canton: "BE".into(),
        };
        let founder = founder(person, institution, kind);
        home.nahtlos
            .found_network(&mut home.transport, &claim, &network, &founder)
            .expect("the claim is good");
        home.sync();
        home
    }

    /// An institution that joins by invitation of `inviter`.
    ///
    /// # Panics
    /// Where any step fails.
    #[must_use]
    pub fn institution(
        &self,
        inviter: &mut Home,
        name: &str,
        person: &str,
        institution: &str,
        kind: &str,
    ) -> Home {
        self.joined(inviter, name, &founder(person, institution, kind))
    }

    /// The same, whose first person is a coach: the matrix has a column of its own for them.
    ///
    /// # Panics
    /// Where any step fails.
    #[must_use]
    pub fn coaches(
        &self,
        inviter: &mut Home,
        name: &str,
        person: &str,
        institution: &str,
        kind: &str,
    ) -> Home {
        let mut founder = founder(person, institution, kind);
        founder.introduction.function = "coach".into();
        self.joined(inviter, name, &founder)
    }

    fn joined(&self, inviter: &mut Home, name: &str, founder: &Founder) -> Home {
        let institution = founder.institution.name.as_str();
        let invitation = inviter
            .nahtlos
            .invite_institution(institution)
            .expect("a manager");
        inviter.sync();
        let mut home = self.home(name);
        home.nahtlos
            .join_as_institution(&mut home.transport, &invitation, founder)
            .expect("the invitation is good");
        inviter.sync();
        home.sync();
        inviter.sync();
        home
    }

    /// A person who joins the first team of `inviter`.
    ///
    /// # Panics
    /// Where any step fails.
    #[must_use]
    pub fn colleague(&self, inviter: &mut Home, name: &str, person: &str, role: Role) -> Home {
        let directory = inviter.nahtlos.directory().expect("a directory");
        let status = inviter.nahtlos.status().expect("a status");
        let team = directory
            .find_team(&status.team.expect("a team"))
            .expect("the team");
        let invitation = inviter
            .nahtlos
            .invite_person(&team, role, person)
            .expect("a manager");
        inviter.sync();
        let mut home = self.home(name);
        let introduction = Introduction {
            name: person.into(),
            function: "officer".into(),
        };
        home.nahtlos
            .join_as_person(&mut home.transport, &invitation, &introduction)
            .expect("the invitation is good");
        inviter.sync();
        home.sync();
        home
    }

    /// The raw bytes of everything the relay keeps.
    ///
    /// # Panics
    /// Where the directory cannot be read.
    #[must_use]
    pub fn relay_bytes(&self) -> Vec<u8> {
        bytes_below(&self.directory.path().join("relay"))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Syncs with the relay.
    ///
    /// # Panics
    /// Where the sync fails.
    pub fn sync(&mut self) -> SyncReport {
        self.try_sync().expect("the sync succeeds")
    }

    /// Syncs with the relay.
    ///
    /// # Errors
    /// As [`Nahtlos::sync`].
    pub fn try_sync(&mut self) -> Result<SyncReport, ClientError> {
        self.nahtlos.sync(&mut self.transport, &mut |_| {})
    }

    /// Syncs over another way to the relay, for example one that counts.
    ///
    /// # Panics
    /// Where the sync fails.
    pub fn sync_through(&mut self, transport: &mut dyn Transport) -> SyncReport {
        self.nahtlos
            .sync(transport, &mut |_| {})
            .expect("the sync succeeds")
    }

    /// Opens a case from the example file and returns its number.
    ///
    /// # Panics
    /// Where the example is not valid.
    pub fn open_example_case(&mut self) -> String {
        let edits = example_edits();
        self.nahtlos
            .open_case(&edits)
            .expect("a valid case")
            .to_string()
    }
}

/// The edits of the example case file.
///
/// # Panics
/// Where the example is not valid.
#[must_use]
pub fn example_edits() -> Vec<Edit> {
    let json = include_str!("../../core/casework/tests/data/case-mosimann.json");
    let file = CaseFile::parse(json).expect("the example is valid");
    let mut counter = 0u8;
    file.edits(&mut || {
        counter += 1;
        EntryId::from_random([counter; 8])
    })
}

/// Who founds an institution, with a first team named after it.
#[must_use]
pub fn founder(person: &str, institution: &str, kind: &str) -> Founder {
    Founder {
        introduction: Introduction {
            name: person.into(),
            function: "officer".into(),
        },
        institution: InstitutionCard {
            name: institution.into(),
            kind: kind.into(),
            merged_into: None,
        },
        team: format!("{institution} Team 1"),
    }
}

/// Copies the files of one directory, which has none below it, into another that exists.
///
/// # Panics
/// Where the disk is full.
pub fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        std::fs::copy(&path, to.join(name)).expect("a copy");
    }
}

/// All bytes of all files below a directory.
///
/// # Panics
/// Where the directory cannot be read.
#[must_use]
pub fn bytes_below(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        bytes.extend_from_slice(path.to_string_lossy().as_bytes());
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            bytes.extend(std::fs::read(&path).expect("a readable file"));
        }
    }
    bytes
}

/// Whether bytes hold a text.
#[must_use]
pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
