//! What all vectors share: where they lie, how one is written once and opened ever after.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::secret::Secret32;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

/// The directory of version 1.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/v1")
}

/// Whether missing files are to be written.
pub fn is_writing() -> bool {
    std::env::var_os("NAHTLOS_WRITE_VECTORS").is_some_and(|value| value == "1")
}

/// A file of vectors, parsed; made first where it is missing and writing is asked for. What exists
/// is never written again.
pub fn stored(name: &str, make: impl FnOnce() -> Value) -> Value {
    let path = root().join(name);
    if !path.exists() && is_writing() {
        let text = serde_json::to_string_pretty(&make()).expect("JSON");
        write(&path, format!("{text}\n").as_bytes());
    }
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a file and its directories.
pub fn write(path: &Path, bytes: &[u8]) {
    let directory = path.parent().expect("a file stands in a directory");
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(path, bytes).expect("a file");
}

/// The vectors of a file, each with its name; at least one.
pub fn each(file: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let vectors = file["vectors"].as_array().expect("vectors");
    assert!(!vectors.is_empty(), "a file without vectors tests nothing");
    vectors
        .iter()
        .map(|vector| (vector["name"].as_str().expect("a name"), vector))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a field in hexadecimal.
pub fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let text = vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {field} of {vector}"));
    from_hex(text)
}

/// The bytes of hexadecimal text.
pub fn from_hex(text: &str) -> Vec<u8> {
    assert!(
        text.len().is_multiple_of(2),
        "hexadecimal has two digits a byte"
    );
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A field of exactly N bytes.
pub fn array<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    let found = bytes(vector, field);
    found
        .try_into()
        .unwrap_or_else(|_| panic!("{field} has not {N} bytes"))
}

/// A field of 32 secret bytes.
pub fn secret(vector: &Value, field: &str) -> Secret32 {
    Secret32::from_bytes(array(vector, field))
}

/// Predictable random bytes, for test data only: SHA-256 of a seed and a counter, block by block.
pub struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut bytes);
        bytes
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        for chunk in destination.chunks_mut(32) {
            let parts = [self.seed.to_le_bytes(), self.counter.to_le_bytes()].concat();
            let block = hash(b"nahtlos test vectors\0", &[&parts]);
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.counter += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}
