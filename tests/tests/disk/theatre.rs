//! Two institutions at one case, whose files can be put back to what they were, so that one command
//! is run again and again from the same state.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nahtlos_casework::SectionKind;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, PASSPHRASE, World, copy_files};

use crate::story::{Device, write_private};

pub const IV_TEAM: &str = "IV-Stelle Bern Team 1";

/// Berger (ALV) opened a case; Iseli (IV) writes in its journal.
pub struct Theatre {
    pub world: World,
    /// The case's number.
    pub number: String,
    passphrase: PathBuf,
}

/// What a device shows: each case with its sections and journal, and what waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    cases: BTreeMap<String, (Vec<String>, Vec<String>)>,
    shares: Vec<String>,
    waiting: Vec<String>,
    invitations: Vec<String>,
    undelivered: u64,
}

impl Theatre {
    /// A relay and nobody.
    pub fn empty() -> Self {
        let world = World::on(&own_address(), &std::env::temp_dir());
        let passphrase = world.directory.path().join("passphrase");
        write_private(&passphrase, std::str::from_utf8(PASSPHRASE).unwrap());
        Self {
            world,
            number: String::new(),
            passphrase,
        }
    }

    /// The two of them, everything synced, both programs ended.
    pub fn new() -> Self {
        let mut theatre = Self::empty();
        let world = &theatre.world;
        let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
        let mut iseli =
            world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
        theatre.number = berger.open_example_case();
        for kind in [SectionKind::Core, SectionKind::Journal] {
            berger.share(&theatre.number, &kind, IV_TEAM, Role::Write, "AVG35a1");
        }
        berger.sync();
        iseli.sync();
        berger.sync();
        theatre
    }

    /// Where a device's files lie.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.world.directory.path().join(name)
    }

    /// The program with a device's home.
    pub fn command(&self, name: &str) -> Command {
        let device = Device {
            home: self.directory(name),
            passphrase: self.passphrase.clone(),
        };
        device.command()
    }

    /// Copies the relay's files and these homes.
    pub fn keep(&mut self, homes: &[&str]) -> Kept {
        let kept = tempfile::tempdir().unwrap();
        self.world.stop_relay();
        for name in ["relay"].iter().chain(homes) {
            let copy = kept.path().join(name);
            std::fs::create_dir(&copy).unwrap();
            if self.directory(name).is_dir() {
                copy_files(&self.directory(name), &copy);
            }
        }
        self.world.start_relay();
        Kept(kept)
    }

    /// Puts everything back.
    pub fn put_back(&mut self, kept: &Kept) {
        self.world.stop_relay();
        self.put_back_files(kept);
        self.world.start_relay();
    }

    /// Puts everything back while no relay runs.
    pub fn put_back_files(&self, kept: &Kept) {
        for copy in std::fs::read_dir(kept.0.path()).unwrap() {
            let copy = copy.unwrap().path();
            let place = self.world.directory.path().join(copy.file_name().unwrap());
            let _none_yet = std::fs::remove_dir_all(&place);
            std::fs::create_dir(&place).unwrap();
            copy_files(&copy, &place);
        }
    }

    /// What a device shows after a start of its program, which finds every record whole.
    pub fn shown(&self, name: &str) -> Shown {
        let mut home = self.world.reopen(name);
        let report = home.nahtlos.vault_mut().check().unwrap();
        assert!(report.is_sound(), "{report:?}");
        Shown::by(&home)
    }

    /// All exchange until nothing is left; returns what Berger and Iseli show then. Nothing is held,
    /// undelivered or there twice, and the relay never went back.
    pub fn converge(&self) -> [Shown; 2] {
        let mut homes = ["berger", "iseli"].map(|name| self.world.reopen(name));
        for _ in 0..2 {
            for home in &mut homes {
                let report = home.try_sync().unwrap();
                assert_eq!(report.held, [], "{report:?}");
            }
        }
        homes.map(|mut home| {
            let status = home.nahtlos.status().unwrap();
            assert_eq!(status.undelivered_edits, 0, "{status:?}");
            assert_eq!(status.relay_went_back, 0, "{status:?}");
            assert_eq!(status.forks, [], "{status:?}");
            assert!(status.returned_decisions.is_empty(), "{status:?}");
            assert!(status.other_copy.is_none(), "{status:?}");
            let idle = home.sync();
            assert_eq!((idle.requests, idle.envelopes_delivered), (1, 0));
            Shown::by(&home)
        })
    }
}

/// Copies of directories.
pub struct Kept(tempfile::TempDir);

impl Shown {
    fn by(home: &Home) -> Self {
        let status = home.nahtlos.status().unwrap();
        let mut cases = BTreeMap::new();
        let mut shares = Vec::new();
        for line in home.nahtlos.cases().unwrap() {
            let number = line.summary.case_number.unwrap_or_default();
            let case = home.nahtlos.find_case(&number).unwrap();
            let sections: Vec<String> = case.sections.keys().map(SectionKind::code).collect();
            let journal = match case.sections.contains_key(&SectionKind::Journal) {
                true => home.journal(&number),
                false => Vec::new(),
            };
            for share in home.nahtlos.shares(&case).unwrap() {
                shares.extend(share.grants.iter().map(|grant| {
                    let (section, state) = (&share.section, grant.state);
                    format!("{number} {section} {} {} {state}", grant.member, grant.role)
                }));
            }
            cases.insert(number, (sections, journal));
        }
        Self {
            cases,
            shares,
            waiting: status.waiting_decisions,
            invitations: status.open_invitations,
            undelivered: status.undelivered_edits,
        }
    }

    /// Whether it shows the case.
    pub fn has_case(&self, number: &str) -> bool {
        self.cases.contains_key(number)
    }

    /// Whether all journal entries of `earlier` are here still. A case that is erased in the end may be gone
    /// already, as a whole.
    pub fn lost_nothing_of(&self, earlier: &Self, in_the_end: &Self) -> bool {
        earlier.cases.iter().all(|(number, (sections, journal))| {
            let here = self.cases.get(number);
            here.map_or(!in_the_end.cases.contains_key(number), |(now, lines)| {
                sections.iter().all(|one| now.contains(one))
                    && journal.iter().all(|one| lines.contains(one))
            })
        })
    }
}

/// An address of this machine that nobody else uses.
fn own_address() -> String {
    let [.., a, b, c] = RandomState::new()
        .hash_one(std::process::id())
        .to_be_bytes();
    format!("127.{a}.{b}.{}:0", c.max(2))
}

/// Runs a program with something typed; it may end by a signal.
pub fn run(command: &mut Command, typed: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A program that has ended closed its end.
    let _closed_early = input.write_all(typed.as_bytes());
    drop(input);
    child.wait_with_output().unwrap()
}

/// What a program wrote to standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory of a test beside what is watched.
pub fn beside(world: &World, name: &str) -> PathBuf {
    let path: &Path = world.directory.path();
    path.join(name)
}
