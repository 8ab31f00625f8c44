//! Wraps: a 32-byte seed encrypted to somebody who may have it.
//!
//! *Hybrid*: HPKE base mode (RFC 9180) with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305, no AAD;
//! encapsulation (1,120) ‖ encrypted seed (32) ‖ tag (16). Never HPKE's Auth mode: X-Wing has none,
//! and the operation that carries the wrap is signed.
//!
//! *Symmetric*: for an author who is inside the recipient space and shares its epoch secret;
//! encrypted seed (32) ‖ tag (16).
//!
//! Neither commits to a key: the caller compares the opened seed with the key id it was announced
//! under (`EpochSeed::check`) before using it.

use thiserror::Error;

#[cfg(any(test, feature = "content"))]
pub use content::{open_hybrid, open_symmetric, wrap_hybrid, wrap_symmetric};
#[cfg(any(test, feature = "content"))]
pub(crate) use content::{open_seed, seal_seed};

/// Bytes of a hybrid wrap.
pub const HYBRID_WRAP_BYTES: usize = ENCAPSULATION_BYTES + SYMMETRIC_WRAP_BYTES;
/// Bytes of a symmetric wrap.
pub const SYMMETRIC_WRAP_BYTES: usize = 32 + 16;
/// Bytes of a history link, which seals a seed as a symmetric wrap does.
pub const HISTORY_LINK_BYTES: usize = SYMMETRIC_WRAP_BYTES;
/// Bytes of an X-Wing encapsulation: ML-KEM-768 ciphertext (1,088) ‖ X25519 key (32).
pub const ENCAPSULATION_BYTES: usize = 1120;
/// Largest info of a wrap. RFC 9180 allows about 64 KiB; a wrap's info is a few ids.
pub const MAX_INFO_BYTES: usize = 1024;

/// Why a wrap cannot be made or opened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WrapError {
    /// The wrap has another length than its kind.
    #[error("the wrap has {found_bytes} bytes instead of {expected_bytes}")]
    Length {
        /// The length of this kind of wrap.
        expected_bytes: usize,
        /// The length received.
        found_bytes: usize,
    },
    /// The info exceeds [`MAX_INFO_BYTES`].
    #[error("the info of a wrap has {found_bytes} bytes, at most 1024 are allowed")]
    InfoTooLong {
        /// The length given.
        found_bytes: usize,
    },
    /// The library could not encapsulate to the recipient's key.
    #[error("the seed cannot be wrapped to this key")]
    Recipient(#[source] hpke::HpkeError),
    /// Another key, another info, or changed bytes.
    #[error("the wrap does not open")]
    Open,
}

#[cfg(any(test, feature = "content"))]
mod content {
    use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, Key, KeyInit, Nonce};
    use hpke::{
        Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305 as HpkeCipher,
        kdf::HkdfSha256, kem::XWing, single_shot_open, single_shot_seal_with_rng,
    };
    use rand_core::CryptoRng;
    use zeroize::Zeroizing;

    use super::{
        ENCAPSULATION_BYTES, HYBRID_WRAP_BYTES, MAX_INFO_BYTES, SYMMETRIC_WRAP_BYTES, WrapError,
    };
    use crate::crypto::{
        derive::derive,
        kem::{KemPublicKey, KemSecretKey},
        label,
        secret::Secret32,
    };

    /// Wraps `seed` to `recipient`. HPKE's info is [`label::WRAP_HYBRID`] ‖ `info`.
    ///
    /// # Errors
    /// [`WrapError::InfoTooLong`], [`WrapError::Recipient`].
    pub fn wrap_hybrid(
        mut rng: &mut dyn CryptoRng,
        recipient: &KemPublicKey,
        info: &[u8],
        seed: &Secret32,
    ) -> Result<Vec<u8>, WrapError> {
        let recipient = recipient.to_hpke().map_err(WrapError::Recipient)?;
        let (encapsulation, ciphertext) =
            single_shot_seal_with_rng::<HpkeCipher, HkdfSha256, XWing>(
                &OpModeS::Base,
                &recipient,
                &hybrid_info(info)?,
                seed.expose(),
                &[],
                &mut rng,
            )
            .map_err(WrapError::Recipient)?;
        Ok([encapsulation.to_bytes().as_slice(), &ciphertext].concat())
    }

    /// Opens a wrap made by [`wrap_hybrid`].
    ///
    /// # Errors
    /// [`WrapError::Length`], [`WrapError::InfoTooLong`]; [`WrapError::Open`] for another key,
    /// another info or changed bytes, which look alike.
    pub fn open_hybrid(
        secret: &KemSecretKey,
        info: &[u8],
        bytes: &[u8],
    ) -> Result<Secret32, WrapError> {
        let wrong_length = WrapError::Length {
            expected_bytes: HYBRID_WRAP_BYTES,
            found_bytes: bytes.len(),
        };
        if bytes.len() != HYBRID_WRAP_BYTES {
            return Err(wrong_length);
        }
        let (encapsulation, ciphertext) = bytes
            .split_at_checked(ENCAPSULATION_BYTES)
            .ok_or(wrong_length)?;
        let encapsulation =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulation).map_err(|_| WrapError::Open)?;
        let opened = single_shot_open::<HpkeCipher, HkdfSha256, XWing>(
            &OpModeR::Base,
            secret.as_hpke(),
            &encapsulation,
            &hybrid_info(info)?,
            ciphertext,
            &[],
        )
        .map(Zeroizing::new)
        .map_err(|_| WrapError::Open)?;
        let mut seed = Secret32::zeroed();
        if opened.len() != Secret32::BYTES {
            return Err(WrapError::Open);
        }
        seed.expose_mut().copy_from_slice(&opened);
        Ok(seed)
    }

    /// Wraps `seed` under a space's epoch secret (`EpochSeed::wrap_key`). Deterministic.
    ///
    /// `info` must contain the key id of `seed`. It commits to the seed, so one info is only ever
    /// used with one seed, and the key derived from it encrypts one message: a nonce of zeros is
    /// safe, and wrapping twice gives the same bytes.
    #[must_use]
    pub fn wrap_symmetric(key: &Secret32, info: &[u8], seed: &Secret32) -> Vec<u8> {
        seal_seed(&derive(key, label::WRAP_SYMMETRIC, &[info]), seed)
    }

    /// Opens a wrap made by [`wrap_symmetric`].
    ///
    /// # Errors
    /// [`WrapError::Length`]; [`WrapError::Open`] for another key, another info or changed bytes.
    pub fn open_symmetric(
        key: &Secret32,
        info: &[u8],
        bytes: &[u8],
    ) -> Result<Secret32, WrapError> {
        open_seed(&derive(key, label::WRAP_SYMMETRIC, &[info]), bytes)
    }

    /// Encrypts a seed under a key that never encrypts another one: ciphertext ‖ tag.
    pub(crate) fn seal_seed(one_time_key: &Secret32, seed: &Secret32) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(SYMMETRIC_WRAP_BYTES);
        buffer.extend_from_slice(seed.expose());
        #[allow(clippy::expect_used, reason = "fails above 256 GiB alone")]
        cipher(one_time_key)
            .encrypt_in_place(&Nonce::default(), &[], &mut buffer)
            .expect("a seed has 32 bytes");
        buffer
    }

    /// Reverses [`seal_seed`].
    pub(crate) fn open_seed(one_time_key: &Secret32, bytes: &[u8]) -> Result<Secret32, WrapError> {
        let wrong_length = WrapError::Length {
            expected_bytes: SYMMETRIC_WRAP_BYTES,
            found_bytes: bytes.len(),
        };
        let (ciphertext, tag) = bytes
            .split_first_chunk::<{ Secret32::BYTES }>()
            .ok_or(wrong_length)?;
        let tag: &[u8; 16] = tag.try_into().map_err(|_| wrong_length)?;
        let mut seed = Secret32::from_bytes(*ciphertext);
        cipher(one_time_key)
            .decrypt_inout_detached(
                &Nonce::default(),
                &[],
                seed.expose_mut().as_mut_slice().into(),
                tag.into(),
            )
            .map_err(|_| WrapError::Open)?;
        Ok(seed)
    }

    fn cipher(key: &Secret32) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(<&Key>::from(key.expose()))
    }

    /// Bounded, because HPKE's key schedule panics on an info of 64 KiB.
    fn hybrid_info(info: &[u8]) -> Result<Vec<u8>, WrapError> {
        if info.len() > MAX_INFO_BYTES {
            return Err(WrapError::InfoTooLong {
                found_bytes: info.len(),
            });
        }
        Ok([label::WRAP_HYBRID, info].concat())
    }
}

#[cfg(test)]
#[path = "wrap_tests.rs"]
mod tests;
