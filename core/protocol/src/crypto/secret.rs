//! Thirty-two secret bytes.

use core::fmt;

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A 32-byte secret: a seed or a symmetric key.
///
/// Overwritten with zeros when dropped, compared in constant time, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret32([u8; Self::BYTES]);

impl Secret32 {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// Takes the bytes over. The caller's own copy, if it keeps one, is the caller's to erase.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Draws a new secret from `rng`.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Self([0; Self::BYTES]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes themselves. The name is there to be searched for in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// An all-zero value for a derivation to write into, so that no unprotected copy arises.
    pub(crate) fn zeroed() -> Self {
        Self([0; Self::BYTES])
    }

    /// The bytes, to be written in place.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8; Self::BYTES] {
        &mut self.0
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret32(..)")
    }
}

impl ConstantTimeEq for Secret32 {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Secret32 {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::test_random::TestRandom;

    #[test]
    fn a_printed_secret_shows_none_of_its_bytes() {
        let secret = Secret32::from_bytes([0xab; 32]);
        assert_eq!(format!("{secret:?}"), "Secret32(..)");
    }

    #[test]
    fn secrets_are_equal_only_if_every_byte_is() {
        let secret = Secret32::from_bytes([7; 32]);
        assert_eq!(secret, secret.clone());
        for position in 0..32 {
            let mut bytes = [7; 32];
            bytes[position] ^= 1;
            assert_ne!(secret, Secret32::from_bytes(bytes));
        }
    }

    #[test]
    fn two_random_secrets_differ() {
        let mut rng = TestRandom::new(1);
        assert_ne!(Secret32::random(&mut rng), Secret32::random(&mut rng));
    }
}
