//! X-Wing (X25519 + ML-KEM-768), draft-connolly-cfrg-xwing-kem, as HPKE's KEM `0x647a`.

use core::fmt;

use data_encoding::HEXLOWER;
use hpke::{Deserializable, HpkeError, Kem, Serializable, kem::XWing};
use thiserror::Error;

use super::secret::Secret32;

type HpkeSecretKey = <XWing as Kem>::PrivateKey;
type HpkePublicKey = <XWing as Kem>::PublicKey;

/// A secret decapsulation key: a device's, or an epoch's.
///
/// Overwritten with zeros when dropped (by `x-wing`'s `zeroize` feature), never printed.
pub struct KemSecretKey(Box<HpkeSecretKey>);

impl KemSecretKey {
    /// The key of a 32-byte seed. Any 32 bytes are a valid seed.
    #[must_use]
    pub fn from_seed(seed: &Secret32) -> Self {
        #[allow(clippy::expect_used, reason = "fails on length alone")]
        let key = HpkeSecretKey::from_bytes(seed.expose()).expect("an X-Wing seed has 32 bytes");
        Self(Box::new(key))
    }

    /// Its public half.
    #[must_use]
    pub fn public_key(&self) -> KemPublicKey {
        let mut bytes = Box::new([0; KemPublicKey::BYTES]);
        XWing::sk_to_pk(&self.0).write_exact(bytes.as_mut_slice());
        KemPublicKey(bytes)
    }

    /// The library's form.
    #[cfg(any(test, feature = "content"))]
    pub(crate) fn as_hpke(&self) -> &HpkeSecretKey {
        &self.0
    }
}

impl fmt::Debug for KemSecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KemSecretKey(..)")
    }
}

/// A public encapsulation key: ML-KEM-768 key (1,184 bytes) ‖ X25519 key (32 bytes).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KemPublicKey(Box<[u8; Self::BYTES]>);

impl KemPublicKey {
    /// Length in bytes.
    pub const BYTES: usize = 1216;

    /// Parses a key and checks the ML-KEM part's coefficients (FIPS 203 §7.2, "modulus check").
    ///
    /// # Errors
    /// [`InvalidKemPublicKey`] on another length, or if a coefficient is not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKemPublicKey> {
        let owned: [u8; Self::BYTES] =
            bytes.try_into().map_err(|_| InvalidKemPublicKey::Length {
                found_bytes: bytes.len(),
            })?;
        HpkePublicKey::from_bytes(bytes).map_err(InvalidKemPublicKey::Refused)?;
        Ok(Self(Box::new(owned)))
    }

    /// The bytes as they are sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The library's form, expanded anew at each call.
    #[cfg(any(test, feature = "content"))]
    pub(crate) fn to_hpke(&self) -> Result<HpkePublicKey, HpkeError> {
        HpkePublicKey::from_bytes(self.as_bytes())
    }
}

impl fmt::Debug for KemPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning: Vec<u8> = self.0.iter().take(8).copied().collect();
        write!(formatter, "KemPublicKey({}…)", HEXLOWER.encode(&beginning))
    }
}

/// Why bytes are not a KEM public key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidKemPublicKey {
    /// Another length than [`KemPublicKey::BYTES`].
    #[error("a KEM public key has 1216 bytes, not {found_bytes}")]
    Length {
        /// The length received.
        found_bytes: usize,
    },
    /// The ML-KEM part is not a valid encoding.
    #[error("the KEM public key is not a valid encoding")]
    Refused(#[source] HpkeError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpke::Serializable;
    use sha2::{Digest, Sha256};

    fn secret_key() -> KemSecretKey {
        KemSecretKey::from_seed(&Secret32::from_bytes([9; 32]))
    }

    #[test]
    fn a_public_key_survives_a_round_trip() {
        let key = secret_key().public_key();
        let parsed = KemPublicKey::from_bytes(key.as_bytes()).unwrap();
        assert_eq!(parsed, key);
        assert_eq!(&parsed.to_hpke().unwrap().to_bytes()[..], key.as_bytes());
    }

    #[test]
    fn the_x_wing_draft_vector_gives_its_public_key() {
        // draft-connolly-cfrg-xwing-kem, appendix C, first vector; the key as its SHA-256.
        let seed = HEXLOWER
            .decode(b"7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
            .unwrap();
        let seed = Secret32::from_bytes(seed.try_into().unwrap());
        let public = KemSecretKey::from_seed(&seed).public_key();
        assert_eq!(
            HEXLOWER.encode(&Sha256::digest(public.as_bytes())),
            "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb"
        );
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let key = secret_key().public_key();
        for found_bytes in [0, 32, 1184, 1215] {
            assert_eq!(
                KemPublicKey::from_bytes(&key.as_bytes()[..found_bytes]),
                Err(InvalidKemPublicKey::Length { found_bytes })
            );
        }
        let longer = [key.as_bytes().as_slice(), &[0]].concat();
        assert_eq!(
            KemPublicKey::from_bytes(&longer),
            Err(InvalidKemPublicKey::Length { found_bytes: 1217 })
        );
    }

    #[test]
    fn a_key_with_an_unreduced_coefficient_is_refused() {
        let mut bytes = *secret_key().public_key().as_bytes();
        assert!(KemPublicKey::from_bytes(&bytes).is_ok());
        // The first two 12-bit coefficients become 0xfff = 4095; ML-KEM's modulus is 3329.
        bytes[..3].fill(0xff);
        assert!(matches!(
            KemPublicKey::from_bytes(&bytes),
            Err(InvalidKemPublicKey::Refused(_))
        ));
    }

    #[test]
    fn a_printed_secret_key_shows_nothing() {
        assert_eq!(format!("{:?}", secret_key()), "KemSecretKey(..)");
    }
}
