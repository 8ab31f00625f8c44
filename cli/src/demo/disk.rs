//! What stands in clear on a disk: searches every byte of every file, and every file's name.

use std::io;
use std::path::{Path, PathBuf};

/// A text that should not be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// What it is, e.g. `telephone`.
    pub what: &'static str,
    /// The text.
    pub text: String,
}

/// What a search looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Which markers were found, and in which file.
    pub hits: Vec<(Marker, PathBuf)>,
}

impl Found {
    /// Whether every one of these markers was found somewhere.
    pub fn has_all(&self, markers: &[Marker]) -> bool {
        markers
            .iter()
            .all(|marker| self.hits.iter().any(|(hit, _)| hit == marker))
    }

    /// Adds what another search found.
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.hits.extend(other.hits);
    }
}

/// Searches all files below a directory.
///
/// # Errors
/// Where a file or directory cannot be read.
pub fn search(directory: &Path, markers: &[Marker]) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        // The search begins below `directory`: its own name was chosen by whoever made it.
        let name = entry.file_name();
        let mut look = |bytes: &[u8]| {
            for marker in markers.iter().filter(|marker| holds(bytes, &marker.text)) {
                found.hits.push((marker.clone(), path.clone()));
            }
        };
        look(name.as_encoded_bytes());
        if entry.file_type()?.is_dir() {
            found.add(search(&path, markers)?);
        } else {
            let bytes = std::fs::read(&path)?;
            look(&bytes);
            found.files += 1;
            found.bytes += bytes.len() as u64;
        }
    }
    Ok(found)
}

/// Whether bytes hold a text, as UTF-8 or UTF-16, small and capital letters alike.
fn holds(bytes: &[u8], text: &str) -> bool {
    let wide = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect();
    let forms: [Vec<u8>; 3] = [
        text.as_bytes().to_vec(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
    ];
    forms.iter().any(|form| contains(bytes, form))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some((first, rest)) = wanted.split_first() else {
        return false;
    };
    let (small, capital) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    bytes.iter().enumerate().any(|(at, byte)| {
        (*byte == small || *byte == capital)
            && bytes
                .get(at + 1..at + wanted.len())
                .is_some_and(|here| here.eq_ignore_ascii_case(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(text: &str) -> Marker {
        Marker {
            what: "name",
            text: text.into(),
        }
    }

    fn hits(plant: impl FnOnce(&Path)) -> usize {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("inner")).unwrap();
        std::fs::write(directory.path().join("inner/noise"), [7; 5000]).unwrap();
        plant(directory.path());
        search(directory.path(), &[marker("Mosimann")])
            .unwrap()
            .hits
            .len()
    }

    #[test]
    fn a_planted_marker_is_found_wherever_and_however_it_stands() {
        let wide: Vec<u8> = "xxMosimann"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let plants: [(&str, &[u8]); 5] = [
            ("inner/file", b"Mosimann"),
            ("file", b"\0\xff\xffMMosimann\0"),
            ("end", b"ruth.MOSIMANN"),
            ("wide", &wide),
            ("mosimann.json", b""),
        ];
        for (name, content) in plants {
            let found = hits(|directory| {
                std::fs::write(directory.join(name), content).unwrap();
            });
            assert_eq!(found, 1, "{name}");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_stands() {
        assert_eq!(hits(|_| {}), 0);
        assert_eq!(
            hits(|directory| std::fs::write(directory.join("near"), b"Mosiman Mosimenn").unwrap()),
            0
        );
    }
}
