//! Scans of signed paper: they are not stored, only their hash, by which the paper is recognised.

use std::io::Read;
use std::path::Path;

use nahtlos_casework::fields::Digest;

use crate::exit::Exit;
use crate::failure::Failure;

/// Bytes of a scan.
const SCAN_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The hash of a scan.
///
/// # Errors
/// Where it cannot be read, is empty or too large to be one.
pub fn hash_of(path: &Path) -> Result<Digest, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SCAN_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::file("read", path, &error))?;
    if bytes.is_empty() || bytes.len() as u64 > SCAN_BYTES_MAX {
        return Err(Failure::new(
            Exit::Usage,
            "not_a_scan",
            "The scan was not accepted; nothing was recorded.",
            "It is empty, or has more than 256 MiB.",
            "Name the file that the scanner made, then run the command again.",
        ));
    }
    Ok(Digest::of(&bytes))
}
