//! The header: a random vault key, wrapped by a key derived from the passphrase.
//!
//! 119 bytes, numbers little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | format, 1 |
//! | 2 | 1 | derivation, 1 = Argon2id version 0x13 (RFC 9106) |
//! | 3 | 4 | memory in KiB |
//! | 7 | 4 | iterations |
//! | 11 | 4 | lanes |
//! | 15 | 16 | salt |
//! | 31 | 24 | nonce |
//! | 55 | 48 | vault key, sealed with XChaCha20-Poly1305 |
//! | 103 | 16 | first bytes of SHA-256 over offsets 0 to 102 |
//!
//! The associated data of the sealed key is [`WRAP_LABEL`] followed by offsets 0 to 30. The check
//! sum authenticates nothing; it tells a damaged file from a mistyped passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::{DamagedPart, VaultError};
use super::schema::FORMAT;

const WRAP_LABEL: &[u8] = b"nahtlos/v1/vault/wrapped-key";
const ARGON2ID: u8 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 16;

/// The random key from which all others of a vault are derived. Wiped when dropped.
pub(super) type VaultKey = Zeroizing<[u8; KEY_BYTES]>;

/// How hard it is to try passphrases: parameters of Argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDerivation {
    /// Memory in KiB, from 19,456 (19 MiB) to 1,048,576 (1 GiB).
    pub memory_kib: u32,
    /// Passes over the memory, from 2 to 64.
    pub iterations: u32,
    /// Lanes, from 1 to 16.
    pub lanes: u32,
}

/// 64 MiB, three passes, one lane: about a tenth of a second on a laptop. RFC 9106 section 4 names
/// 64 MiB and three passes as its second recommendation.
impl Default for KeyDerivation {
    fn default() -> Self {
        KeyDerivation {
            memory_kib: 64 * 1024,
            iterations: 3,
            lanes: 1,
        }
    }
}

impl KeyDerivation {
    /// Weakest accepted: OWASP Password Storage Cheat Sheet, Argon2id minimum.
    const WEAKEST: KeyDerivation = KeyDerivation {
        memory_kib: 19 * 1024,
        iterations: 2,
        lanes: 1,
    };

    /// Strongest accepted: an altered header must not exhaust the device before it is refused.
    const STRONGEST: KeyDerivation = KeyDerivation {
        memory_kib: 1024 * 1024,
        iterations: 64,
        lanes: 16,
    };

    /// Takes no time and protects nothing. It is accepted only in builds that have this function.
    #[cfg(any(test, feature = "test-key-derivation"))]
    pub const fn fast_for_tests() -> Self {
        KeyDerivation {
            memory_kib: 64,
            iterations: 1,
            lanes: 1,
        }
    }

    /// What a vault under this derivation is wrapped with anew, where any part of it is weaker than
    /// the present default; no part is ever lowered. `None` where nothing is weaker.
    pub(super) fn strengthened(&self) -> Option<KeyDerivation> {
        #[cfg(any(test, feature = "test-key-derivation"))]
        if *self == KeyDerivation::fast_for_tests() {
            return None;
        }
        let stronger = self.at_least(KeyDerivation::default());
        (stronger != *self).then_some(stronger)
    }

    /// Of each part the stronger one.
    #[must_use]
    pub fn at_least(&self, floor: KeyDerivation) -> KeyDerivation {
        KeyDerivation {
            memory_kib: self.memory_kib.max(floor.memory_kib),
            iterations: self.iterations.max(floor.iterations),
            lanes: self.lanes.max(floor.lanes),
        }
    }

    /// Refuses what is too weak to protect or too strong to compute.
    pub(super) fn require_accepted(&self) -> Result<(), VaultError> {
        #[cfg(any(test, feature = "test-key-derivation"))]
        if *self == KeyDerivation::fast_for_tests() {
            return Ok(());
        }
        let (low, high) = (Self::WEAKEST, Self::STRONGEST);
        let accepted = (low.memory_kib..=high.memory_kib).contains(&self.memory_kib)
            && (low.iterations..=high.iterations).contains(&self.iterations)
            && (low.lanes..=high.lanes).contains(&self.lanes);
        if accepted {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    fn refusal(&self) -> VaultError {
        VaultError::DerivationRefused {
            memory_kib: self.memory_kib,
            iterations: self.iterations,
            lanes: self.lanes,
        }
    }

    fn derive(
        &self,
        passphrase: &[u8],
        salt: &[u8; SALT_BYTES],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
        let parameters = Params::new(
            self.memory_kib,
            self.iterations,
            self.lanes,
            Some(KEY_BYTES),
        )
        .map_err(|_| self.refusal())?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase, salt, key.as_mut())
            .map_err(|error| VaultError::Io(std::io::Error::other(error)))?;
        Ok(key)
    }
}

/// A new vault key.
pub(super) fn make_vault_key(rng: &mut dyn CryptoRng) -> VaultKey {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rng.fill_bytes(key.as_mut());
    key
}

/// Refuses the empty passphrase.
pub(super) fn require_passphrase(passphrase: &[u8]) -> Result<(), VaultError> {
    if passphrase.is_empty() {
        return Err(VaultError::EmptyPassphrase);
    }
    Ok(())
}

/// What the header says in clear; its bytes are authenticated with the wrapped key.
struct Parameters {
    derivation: KeyDerivation,
    salt: [u8; SALT_BYTES],
}

impl Parameters {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.push(ARGON2ID);
        bytes.extend_from_slice(&self.derivation.memory_kib.to_le_bytes());
        bytes.extend_from_slice(&self.derivation.iterations.to_le_bytes());
        bytes.extend_from_slice(&self.derivation.lanes.to_le_bytes());
        bytes.extend_from_slice(&self.salt);
        bytes
    }

    fn associated_data(&self) -> Vec<u8> {
        [WRAP_LABEL, &self.encode()].concat()
    }
}

/// The header that opens `vault_key` with this passphrase.
///
/// # Errors
/// [`VaultError::EmptyPassphrase`], [`VaultError::DerivationRefused`].
pub(super) fn wrap(
    vault_key: &VaultKey,
    passphrase: &[u8],
    derivation: KeyDerivation,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, VaultError> {
    require_passphrase(passphrase)?;
    derivation.require_accepted()?;
    let parameters = Parameters { derivation, salt };
    let wrapping_key = derivation.derive(passphrase, &salt)?;
    let mut wrapped = vault_key.clone();
    let tag = cipher(&wrapping_key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &parameters.associated_data(),
            wrapped.as_mut_slice().into(),
        )
        .map_err(|_| VaultError::damaged(DamagedPart::Header))?;

    let mut header = parameters.encode();
    header.extend_from_slice(&nonce);
    header.extend_from_slice(wrapped.as_slice());
    header.extend_from_slice(&tag);
    let checksum = checksum(&header);
    header.extend_from_slice(&checksum);
    Ok(header)
}

/// The vault key in a header.
///
/// # Errors
/// [`VaultError::EmptyPassphrase`]; [`VaultError::Damaged`] for a wrong length, check sum or
/// derivation, or a format that differs from the database's; [`VaultError::DerivationRefused`] for
/// parameters out of bounds; [`VaultError::WrongPassphrase`] when the key does not open.
pub(super) fn unwrap(header: &[u8], passphrase: &[u8]) -> Result<VaultKey, VaultError> {
    require_passphrase(passphrase)?;
    let parts = Parts::parse(header).ok_or(VaultError::damaged(DamagedPart::Header))?;
    let parameters = parts.parameters;
    parameters.derivation.require_accepted()?;
    let wrapping_key = parameters.derivation.derive(passphrase, &parameters.salt)?;
    let mut vault_key = Zeroizing::new(parts.wrapped);
    cipher(&wrapping_key)
        .decrypt_inout_detached(
            &XNonce::from(parts.nonce),
            &parameters.associated_data(),
            vault_key.as_mut_slice().into(),
            &Tag::from(parts.tag),
        )
        .map_err(|_| VaultError::WrongPassphrase)?;
    Ok(vault_key)
}

/// What the header says its key was derived with.
///
/// # Errors
/// [`VaultError::Damaged`], as [`unwrap`].
pub(super) fn derivation_of(header: &[u8]) -> Result<KeyDerivation, VaultError> {
    let parts = Parts::parse(header).ok_or(VaultError::damaged(DamagedPart::Header))?;
    Ok(parts.parameters.derivation)
}

struct Parts {
    parameters: Parameters,
    nonce: [u8; NONCE_BYTES],
    wrapped: [u8; KEY_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Parts {
    /// `None` unless the length, the check sum, the format and the derivation are right.
    fn parse(header: &[u8]) -> Option<Self> {
        let (summed, stored_checksum) = header.split_last_chunk::<CHECKSUM_BYTES>()?;
        if checksum(summed) != *stored_checksum {
            return None;
        }
        let (format, rest) = summed.split_first_chunk()?;
        let (algorithm, rest) = rest.split_first()?;
        if u16::from_le_bytes(*format) != FORMAT || *algorithm != ARGON2ID {
            return None;
        }
        let (memory_kib, rest) = rest.split_first_chunk()?;
        let (iterations, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (wrapped, rest) = rest.split_first_chunk()?;
        let tag: &[u8; TAG_BYTES] = rest.try_into().ok()?;
        Some(Parts {
            parameters: Parameters {
                derivation: KeyDerivation {
                    memory_kib: u32::from_le_bytes(*memory_kib),
                    iterations: u32::from_le_bytes(*iterations),
                    lanes: u32::from_le_bytes(*lanes),
                },
                salt: *salt,
            },
            nonce: *nonce,
            wrapped: *wrapped,
            tag: *tag,
        })
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut short = [0; CHECKSUM_BYTES];
    for (target, source) in short.iter_mut().zip(Sha256::digest(bytes)) {
        *target = source;
    }
    short
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PASSPHRASE: &[u8] = b"correct horse battery staple";

    fn header_with(derivation: KeyDerivation) -> Vec<u8> {
        let key = Zeroizing::new([7; KEY_BYTES]);
        wrap(&key, PASSPHRASE, derivation, [1; 16], [2; 24]).unwrap()
    }

    fn header() -> Vec<u8> {
        header_with(KeyDerivation::fast_for_tests())
    }

    /// Alters the header and makes its check sum right again, as an attacker would.
    pub(crate) fn altered(header: &[u8], alter: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut bytes = header[..header.len() - CHECKSUM_BYTES].to_vec();
        alter(&mut bytes);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    #[test]
    fn a_header_opens_with_its_passphrase_and_no_other() {
        let header = header();
        assert_eq!(header.len(), 119);
        assert_eq!(*unwrap(&header, PASSPHRASE).unwrap(), [7; KEY_BYTES]);
        assert!(matches!(
            unwrap(&header, b"correct horse battery stapl"),
            Err(VaultError::WrongPassphrase)
        ));
        assert!(matches!(
            unwrap(&header, b""),
            Err(VaultError::EmptyPassphrase)
        ));
    }

    #[test]
    fn a_header_keeps_its_layout() {
        let header = header();
        assert_eq!(header[..3], [1, 0, 1]);
        assert_eq!(header[3..15], [64, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(header[15..31], [1; 16]);
        assert_eq!(header[31..55], [2; 24]);
        let hex = data_encoding::HEXLOWER.encode(&header[55..]);
        assert_eq!(hex, VECTOR, "the wrapped key and check sum of format 1");
    }

    /// Offsets 55 to 118 of [`header`], calculated by an independent implementation. A vault of
    /// format 1 must open for ever.
    const VECTOR: &str = "ceac71f1aba6243b04fb46ff8ce4a3bbc814ff137153ff00239f91ad59c004e4\
        b5ebee240839b1e863193624df3fffd80a11f5aedb1787b38f121c5d5a86e8fe";

    #[test]
    fn a_damaged_byte_anywhere_is_told_from_a_wrong_passphrase() {
        let good = header();
        for position in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[position] ^= 1 << bit;
                assert!(matches!(
                    unwrap(&bad, PASSPHRASE),
                    Err(VaultError::Damaged {
                        what: DamagedPart::Header
                    })
                ));
            }
        }
        assert!(unwrap(&good, PASSPHRASE).is_ok());
    }

    #[test]
    fn a_header_of_another_length_is_damaged() {
        let good = header();
        let damaged =
            |bytes: &[u8]| matches!(unwrap(bytes, PASSPHRASE), Err(VaultError::Damaged { .. }));
        for length in 0..good.len() {
            assert!(damaged(&good[..length]));
            if length >= CHECKSUM_BYTES {
                assert!(damaged(&altered(&good[..length], |_| ())));
            }
        }
        assert!(damaged(&altered(&[good.clone(), vec![0]].concat(), |_| ())));
    }

    #[test]
    fn a_field_altered_together_with_the_check_sum_opens_nothing() {
        let good = header();
        for position in 0..good.len() - CHECKSUM_BYTES {
            let bad = altered(&good, |bytes| bytes[position] ^= 1);
            match (position, unwrap(&bad, PASSPHRASE)) {
                (0..=2, Err(VaultError::Damaged { .. })) => {}
                (3..=14, Err(VaultError::DerivationRefused { .. })) => {}
                (15.., Err(VaultError::WrongPassphrase)) => {}
                (_, outcome) => panic!("byte {position}: {outcome:?}"),
            }
        }
        assert!(unwrap(&altered(&good, |_| ()), PASSPHRASE).is_ok());
    }

    #[test]
    fn parameters_are_authenticated_and_not_only_used() {
        // Both are accepted, so nothing but the derived key and the associated data refuses.
        let good = header_with(KeyDerivation {
            memory_kib: 19 * 1024,
            iterations: 2,
            lanes: 1,
        });
        let stronger = altered(&good, |bytes| bytes[7] = 3);
        assert!(matches!(
            unwrap(&stronger, PASSPHRASE),
            Err(VaultError::WrongPassphrase)
        ));
        assert!(unwrap(&good, PASSPHRASE).is_ok());
    }

    #[test]
    fn weak_or_exhausting_parameters_are_refused_when_stored_and_when_given() {
        let good = header();
        let accepted = KeyDerivation::default();
        let refused = [
            KeyDerivation {
                memory_kib: 19 * 1024 - 1,
                ..accepted
            },
            KeyDerivation {
                memory_kib: u32::MAX,
                ..accepted
            },
            KeyDerivation {
                iterations: 1,
                ..accepted
            },
            KeyDerivation {
                iterations: 65,
                ..accepted
            },
            KeyDerivation {
                lanes: 0,
                ..accepted
            },
            KeyDerivation {
                lanes: 17,
                ..accepted
            },
        ];
        for derivation in refused {
            let stored = altered(&good, |bytes| {
                bytes[3..7].copy_from_slice(&derivation.memory_kib.to_le_bytes());
                bytes[7..11].copy_from_slice(&derivation.iterations.to_le_bytes());
                bytes[11..15].copy_from_slice(&derivation.lanes.to_le_bytes());
            });
            let key = Zeroizing::new([7; KEY_BYTES]);
            for outcome in [
                unwrap(&stored, PASSPHRASE).map(drop),
                wrap(&key, PASSPHRASE, derivation, [1; 16], [2; 24]).map(drop),
            ] {
                assert!(matches!(outcome, Err(VaultError::DerivationRefused { .. })));
            }
        }
        assert!(accepted.require_accepted().is_ok());
    }
}
