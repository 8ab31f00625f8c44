//! What stands in clear on a disk: every byte of every file, and every file's name.

use std::path::{Path, PathBuf};

/// Which of the markers stand below these directories and in these files, as `marker: path`; as
/// UTF-8 or UTF-16, small and capital letters alike. Also how many bytes were searched.
pub fn search(places: &[PathBuf], markers: &[String]) -> (Vec<String>, usize) {
    let forms: Vec<(&String, Vec<Vec<u8>>)> = markers
        .iter()
        .map(|marker| (marker, forms(marker)))
        .collect();
    let (mut found, mut bytes) = (Vec::new(), 0);
    for file in places.iter().flat_map(|place| files(place)) {
        let mut content = std::fs::read(&file).unwrap();
        bytes += content.len();
        content.push(0);
        // The story chose where everything lies; what the programs chose are the files' names.
        content.extend_from_slice(file.file_name().unwrap().as_encoded_bytes());
        content.make_ascii_lowercase();
        for (marker, forms) in &forms {
            if forms.iter().any(|form| holds(&content, form)) {
                found.push(format!("{marker}: {}", file.display()));
            }
        }
    }
    (found, bytes)
}

/// Every file below a place, or the place itself.
pub fn files(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        return vec![place.to_owned()];
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).unwrap() {
        files.extend(self::files(&entry.unwrap().path()));
    }
    files.sort();
    files
}

fn forms(marker: &str) -> Vec<Vec<u8>> {
    let little: Vec<u8> = marker.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = marker.encode_utf16().flat_map(u16::to_be_bytes).collect();
    [marker.as_bytes().to_vec(), little, big]
        .into_iter()
        .map(|form| form.to_ascii_lowercase())
        .collect()
}

fn holds(content: &[u8], form: &[u8]) -> bool {
    let Some((first, rest)) = form.split_first() else {
        return false;
    };
    let mut from = 0;
    while let Some(at) = content[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if content[from..].starts_with(rest) {
            return true;
        }
    }
    false
}
