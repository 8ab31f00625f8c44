//! Where every run begins: three institutions with five devices, one case with two sections. It is
//! founded once in a process, always the same, and each run begins on a copy of its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_casework::SectionKind;
use nahtlos_client::share::Terms;
use nahtlos_client::simulated;
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_client::vault::KeyDerivation;
use nahtlos_client::{Introduction, Nahtlos, NetworkCard};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::claim::{Claim, InvitationText};

use super::relay::SimulatedRelay;
use crate::{PASSPHRASE, founder, note};

/// Home directories of the devices, with the institution of each.
pub const DEVICES: [(&str, &str); 5] = [
    ("berger", "RAV Langnau"),
    ("keller", "RAV Langnau"),
    ("iseli", "IV-Stelle Bern"),
    ("nobs", "IV-Stelle Bern"),
    ("aebi", "Sozialdienst Langnau"),
];
/// Names of the teams.
pub const TEAMS: [&str; 3] = [
    "RAV Langnau Team 1",
    "IV-Stelle Bern Team 1",
    "Sozialdienst Langnau Team 1",
];
/// When a run begins, Unix milliseconds.
pub const BEGIN_MS: u64 = 1_790_000_000_000;

/// All files of the scene.
pub struct Scene {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// The id of the case, by which every device finds it.
    pub case: String,
}

/// The scene, founded at its first use.
pub static SCENE: LazyLock<Scene> = LazyLock::new(found);

impl Scene {
    pub(super) fn of(files: Vec<(PathBuf, Vec<u8>)>, case: String) -> Self {
        Self { files, case }
    }

    /// Writes a copy of every file below a directory.
    ///
    /// # Panics
    /// Where the disk is full.
    pub fn lay_out(&self, directory: &Path) {
        for (path, bytes) in &self.files {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, bytes).expect("a file");
        }
    }
}

/// A directory for one run: in memory where the machine has such a place, since the durability of the
/// disk is measured elsewhere.
///
/// # Panics
/// Where the machine has no temporary directory.
#[must_use]
pub fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    directory.expect("a temporary directory")
}

/// A line on which everything arrives.
struct Direct<'a>(&'a mut SimulatedRelay);

impl Transport for Direct<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        Ok(self.0.post(path, token, body).expect("the relay answers"))
    }
}

/// What a scene is founded with.
pub(super) struct Founding {
    pub(super) directory: PathBuf,
    pub(super) relay: SimulatedRelay,
    pub(super) clock: Arc<AtomicU64>,
}

impl Founding {
    pub(super) fn home(&self, name: &str) -> Nahtlos {
        let path = self.directory.join(name);
        let home = Nahtlos::create(&path, PASSPHRASE, KeyDerivation::fast_for_tests());
        let mut home = home.expect("a new home");
        let clock = Arc::clone(&self.clock);
        home.set_clock(Box::new(move || clock.load(Ordering::SeqCst)));
        home
    }

    pub(super) fn sync(&mut self, home: &mut Nahtlos) {
        self.clock.fetch_add(1_000, Ordering::SeqCst);
        home.sync(&mut Direct(&mut self.relay), &mut |_| {})
            .expect("a sync");
    }

    fn institution(&mut self, inviter: &mut Nahtlos, name: &str, institution: &str) -> Nahtlos {
        let invitation = inviter.invite_institution(institution).expect("a manager");
        self.sync(inviter);
        let mut home = self.home(name);
        let founder = founder(&person(name), institution, "iv");
        home.join_as_institution(&mut Direct(&mut self.relay), &invitation, &founder)
            .expect("the invitation is good");
        self.sync(inviter);
        self.sync(&mut home);
        self.sync(inviter);
        home
    }

    fn colleague(&mut self, inviter: &mut Nahtlos, name: &str, role: Role) -> Nahtlos {
        let invitation = invite(inviter, role, name);
        self.sync(inviter);
        let mut home = self.home(name);
        self.join(&mut home, &invitation, name);
        self.sync(inviter);
        self.sync(&mut home);
        home
    }

    /// Somebody answers an invitation.
    pub(super) fn join(&mut self, home: &mut Nahtlos, invitation: &InvitationText, name: &str) {
        let mut line = Direct(&mut self.relay);
        home.join_as_person(&mut line, invitation, &introduction(name))
            .expect("the invitation is good");
    }
}

/// Invites somebody to the team of the inviter.
///
/// # Panics
/// Where the inviter does not manage the team.
pub fn invite(inviter: &mut Nahtlos, role: Role, name: &str) -> InvitationText {
    let directory = inviter.directory().expect("a directory");
    let status = inviter.status().expect("a status");
    let team = directory
        .find_team(&status.team.expect("a team"))
        .expect("the team");
    inviter
        .invite_person(&team, role, name)
        .expect("a manager invites")
}

/// Who somebody says they are.
#[must_use]
pub fn introduction(name: &str) -> Introduction {
    Introduction {
        name: person(name),
        function: "officer".into(),
    }
}

/// The name of the person behind a device.
#[must_use]
pub fn person(device: &str) -> String {
    let mut letters = device.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("Anna {}{}", first.unwrap_or('X'), letters.as_str())
}

fn found() -> Scene {
    simulated::seed_this_thread(0);
    let directory = directory();
    let clock = Arc::new(AtomicU64::new(BEGIN_MS - 1_000_000));
    let place = directory.path().join("relay");
    std::fs::create_dir(&place).expect("a directory");
    let mut founding = Founding {
        directory: directory.path().to_owned(),
        relay: SimulatedRelay::start(place, Arc::clone(&clock), 0),
        clock,
    };
    let claim: Claim = founding
        .relay
        .claim()
        .expect("a claim")
        .parse()
        .expect("it");
    let mut berger = founding.home("berger");
    let network = NetworkCard {
        name: "IIZ Bern".into(),
        canton: "BE".into(),
    };
    let card = founder(&person("berger"), "RAV Langnau", "alv");
    berger
        .found_network(&mut Direct(&mut founding.relay), &claim, &network, &card)
        .expect("the claim is good");
    founding.sync(&mut berger);
    let mut keller = founding.colleague(&mut berger, "keller", Role::Manage);
    let mut iseli = founding.institution(&mut berger, "iseli", "IV-Stelle Bern");
    let mut nobs = founding.colleague(&mut iseli, "nobs", Role::Write);
    let mut aebi = founding.institution(&mut berger, "aebi", "Sozialdienst Langnau");
    let number = berger.open_case(&[note(0)]).expect("a case").to_string();
    founding.sync(&mut berger);
    let shares = [
        (SectionKind::Journal, TEAMS[1], Role::Write),
        (SectionKind::Journal, TEAMS[2], Role::Read),
        (SectionKind::Core, TEAMS[1], Role::Read),
    ];
    let found = berger.find_case(&number).expect("the case");
    let case = found.id.to_string();
    let names = berger.directory().expect("a directory");
    for (kind, team, role) in shares {
        let member = names.find_member(team).expect("the team");
        berger
            .grant(&found, &kind, &member, &Terms::new(role, "AVG35a1"))
            .expect("a manager");
    }
    for _ in 0..3 {
        for home in [&mut berger, &mut keller, &mut iseli, &mut nobs, &mut aebi] {
            founding.sync(home);
        }
    }
    drop((berger, keller, iseli, nobs, aebi, founding));
    simulated::unseed_this_thread();
    let mut files = Vec::new();
    collect(directory.path(), directory.path(), &mut files);
    files.sort();
    Scene { files, case }
}

pub(super) fn collect(root: &Path, directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let relative = path.strip_prefix(root).expect("below the root").to_owned();
            files.push((relative, std::fs::read(&path).expect("a readable file")));
        }
    }
}
