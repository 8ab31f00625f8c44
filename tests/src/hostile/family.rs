//! Entries that are fuzzed together: an input's first byte chooses the entry that reads the rest.
//! What leads deeper into one is then tried on its relatives, and one run serves all of them.
//!
//! No entry is given more weight than another: libFuzzer mutates the inputs of its corpus, and by
//! itself prefers those that lately led to something new.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::{ENTRIES, Entry};

/// Entries that read bytes of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name; no entry is called so.
    pub name: &'static str,
    /// The names of its entries. Their order says which first byte chooses which.
    pub members: &'static [&'static str],
}

/// Every family. An entry that is in none is fuzzed alone.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "messages",
        members: &[
            "sync_request",
            "sync_response",
            "claim_request",
            "token",
            "join",
            "texts",
            "public_key",
            "bundle",
        ],
    },
    Family {
        name: "objects",
        members: &[
            "operation",
            "operation_body",
            "header",
            "payload",
            "snapshot_payload",
            "envelope",
            "wrap",
            "receipt",
            "sealed",
        ],
    },
    Family {
        name: "content",
        members: &[
            "gate",
            "snapshot",
            "change",
            "fields",
            "case_file",
            "tables",
        ],
    },
];

/// The entries that are in no family.
pub fn alone() -> impl Iterator<Item = &'static Entry> {
    let in_a_family = |entry: &Entry| FAMILIES.iter().any(|one| one.members.contains(&entry.name));
    ENTRIES.iter().filter(move |entry| !in_a_family(entry))
}

impl Family {
    /// The family of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// Bytes of the longest input that is worth trying, with the byte that chooses.
    #[must_use]
    pub fn input_bytes_max(&self) -> usize {
        let members = self.members.iter().filter_map(|name| Entry::named(name));
        1 + members.map(|one| one.input_bytes_max).max().unwrap_or(0)
    }

    /// The entry that the first byte chooses, and what it reads. None for an input that is empty, or
    /// longer than is worth trying on this entry.
    #[must_use]
    pub fn choose<'input>(&self, input: &'input [u8]) -> Option<(&'static Entry, &'input [u8])> {
        let (&first, rest) = input.split_first()?;
        let member = usize::from(first).checked_rem(self.members.len())?;
        let entry = Entry::named(self.members.get(member)?)?;
        (rest.len() <= entry.input_bytes_max).then_some((entry, rest))
    }

    /// Copies what the members have in `directories` (each with a directory for each entry) to `to`,
    /// with the byte that chooses the member.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn gather(&self, directories: &[&Path], to: &Path) -> io::Result<()> {
        std::fs::create_dir_all(to)?;
        for (first, member) in (0_u8..).zip(self.members) {
            for directory in directories {
                for (name, mut bytes) in files(&directory.join(member))? {
                    bytes.insert(0, first);
                    let mut gathered = OsString::from(format!("{GATHERED}{member}-"));
                    gathered.push(name);
                    std::fs::write(to.join(gathered), bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Gives what was found new in `from` to the members' directories in `to`, without the byte that
    /// chooses.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn part(&self, from: &Path, to: &Path) -> io::Result<()> {
        for (name, bytes) in files(from)? {
            let is_gathered = name.to_string_lossy().starts_with(GATHERED);
            if let Some((entry, rest)) = self.choose(&bytes).filter(|_| !is_gathered) {
                let directory = to.join(entry.name);
                std::fs::create_dir_all(&directory)?;
                std::fs::write(directory.join(name), rest)?;
            }
        }
        Ok(())
    }
}

/// What names of gathered files begin with; libFuzzer names what it finds by its hash.
const GATHERED: &str = "from-";

/// The files of a directory, with their names; nothing where there is none.
fn files(directory: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    std::fs::read_dir(directory)?
        .map(|file| {
            let file = file?;
            Ok((file.file_name(), std::fs::read(file.path())?))
        })
        .collect()
}
