//! SHA-256 hashes as fields: of a version's text, of a change, of a scanned paper, by which the paper is found
//! and recognised.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::Sha256;

use super::{Field, FieldError, field_as_string};

/// Digits of a [`Digest`] that people compare.
const CODE_DIGITS: usize = 8;

/// A SHA-256 hash, written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes 32 bytes that are a hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes what a reader gives, piece by piece, and says how many bytes that were.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_stream(mut reader: impl std::io::Read) -> std::io::Result<(Self, u64)> {
        use sha2::Digest as _;
        let mut hash = Sha256::new();
        let mut size_bytes: u64 = 0;
        let mut piece = [0; 16 * 1024];
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(piece.get(..read).unwrap_or_default());
            size_bytes = size_bytes.saturating_add(read as u64);
        }
        Ok((Self(hash.finalize().into()), size_bytes))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 digits in two groups, e.g. `3fa9-01bc`: what stands on a printed plan. It tells
    /// versions apart that people could confuse; what is signed is the whole hash.
    pub fn code(&self) -> String {
        let digits = self.canonical();
        let (first, second) = digits.split_at(CODE_DIGITS / 2);
        let second: String = second.chars().take(CODE_DIGITS / 2).collect();
        format!("{first}-{second}")
    }
}

impl Field for Digest {
    const NAME: &'static str = "digest";

    fn parse(input: &str) -> Result<Self, FieldError> {
        HEXLOWER
            .decode(input.trim().to_ascii_lowercase().as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                FieldError::new(
                    Self::NAME,
                    "format",
                    "a hash has 64 hexadecimal digits",
                    "copy the whole hash; of a scan take what `sha256sum FILE` prints",
                )
            })
    }

    fn canonical(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical())
    }
}

field_as_string!(Digest);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn a_hash_round_trips_and_its_code_is_how_it_begins() {
        let digest = Digest::of(b"abc");
        assert_round_trip(&digest);
        assert!(digest.canonical().starts_with("ba7816bf"));
        assert_eq!(digest.code(), "ba78-16bf");
        assert_eq!(Digest::of_stream(&b"abc"[..]).unwrap(), (digest, 3));
        for wrong in ["", "ba78", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(refusal::<Digest>(wrong), "format", "{wrong}");
        }
    }
}
