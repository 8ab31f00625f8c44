//! The suite byte: which primitives an object was made with.

use thiserror::Error;

/// A set of primitives, named by one byte in every signed or sealed object.
///
/// The byte is parsed, never negotiated: an object of an unknown suite makes its space read-only
/// ("needs a newer nahtlos"), it is never skipped and never opened with something weaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Suite {
    /// `0x02`: Ed25519, X-Wing (X25519 + ML-KEM-768), HKDF-SHA256, ChaCha20-Poly1305.
    Hybrid = 0x02,
}

/// The suite byte names no suite this build accepts. `0x01` (X25519 alone) is refused as well:
/// content recorded today must stay closed to a later quantum computer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("unsupported cryptographic suite 0x{found:02x}")]
pub struct UnsupportedSuite {
    /// The byte as received.
    pub found: u8,
}

impl TryFrom<u8> for Suite {
    type Error = UnsupportedSuite;

    fn try_from(found: u8) -> Result<Self, UnsupportedSuite> {
        match found {
            0x02 => Ok(Self::Hybrid),
            _ => Err(UnsupportedSuite { found }),
        }
    }
}

impl From<Suite> for u8 {
    fn from(suite: Suite) -> Self {
        suite as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hybrid_suite_is_accepted() {
        for byte in 0..=u8::MAX {
            match Suite::try_from(byte) {
                Ok(suite) => {
                    assert_eq!(byte, 0x02);
                    assert_eq!(u8::from(suite), byte);
                }
                Err(error) => {
                    assert_ne!(byte, 0x02);
                    assert_eq!(error, UnsupportedSuite { found: byte });
                }
            }
        }
    }
}
