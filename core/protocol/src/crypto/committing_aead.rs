//! ChaCha20-Poly1305 (RFC 8439) with a key commitment, a fresh key for every message, and padding.
//!
//! ChaCha20-Poly1305 alone commits to no key: one ciphertext can be built that opens under two keys
//! to two different texts, and two readers of one file would see different files. So the derivation
//! gives, beside key and nonce, a 32-byte commitment that is sent along and compared before opening.
//!
//! ```text
//! okm (76 bytes) = HKDF-SHA256(salt, content key, label ‖ SHA-256(header))
//!                = key (32) ‖ nonce (12) ‖ commitment (32)
//! ciphertext     = ChaCha20-Poly1305(key, nonce, AAD = header ‖ commitment, pad(plaintext))
//! ```
//!
//! The commitment binds content key, salt, label and header: to find two inputs with one commitment
//! is to find a collision in HKDF-SHA256 (about 2¹²⁸ work).

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, Key, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    derive::expand,
    padding::{PaddingError, pad_reserving, unpad},
    secret::Secret32,
};

/// Bytes of the salt, drawn at random for every message.
pub const SALT_BYTES: usize = 32;
/// Bytes of the commitment.
pub const COMMITMENT_BYTES: usize = 32;
/// Bytes of the Poly1305 tag at the end of the ciphertext.
pub const TAG_BYTES: usize = 16;

/// A sealed message. Header and salt travel beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Commits to the key, salt, label and header.
    pub commitment: [u8; COMMITMENT_BYTES],
    /// Encrypted padded plaintext ‖ tag.
    pub ciphertext: Vec<u8>,
}

/// Pads and seals `plaintext`.
///
/// `salt` must be new and random for every message: key and nonce are derived from it, and the same
/// salt under the same content key, label and header encrypts twice with one key stream.
///
/// # Errors
/// [`SealError`] above [`super::padding::MAX_PAYLOAD_BYTES`].
pub fn seal(
    content_key: &Secret32,
    salt: &[u8; SALT_BYTES],
    label: &[u8],
    header: &[u8],
    plaintext: &[u8],
) -> Result<Sealed, SealError> {
    let message_keys = MessageKeys::derive(content_key, salt, label, header);
    let mut buffer = Zeroizing::new(pad_reserving(plaintext, TAG_BYTES)?);
    message_keys
        .cipher()
        .encrypt_in_place(
            &message_keys.nonce,
            &message_keys.associated_data(header),
            &mut *buffer,
        )
        .map_err(|_| SealError::TooLong)?;
    Ok(Sealed {
        commitment: message_keys.commitment,
        // Ciphertext by now: nothing is left to erase.
        ciphertext: core::mem::take(&mut *buffer),
    })
}

/// Opens a sealed message. The commitment is compared, in constant time, before anything is
/// decrypted.
///
/// # Errors
/// [`OpenError`], in the order the checks are made.
pub fn open(
    content_key: &Secret32,
    salt: &[u8; SALT_BYTES],
    label: &[u8],
    header: &[u8],
    commitment: &[u8; COMMITMENT_BYTES],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let message_keys = MessageKeys::derive(content_key, salt, label, header);
    if !bool::from(message_keys.commitment.ct_eq(commitment)) {
        return Err(OpenError::Commitment);
    }
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    message_keys
        .cipher()
        .decrypt_in_place(
            &message_keys.nonce,
            &message_keys.associated_data(header),
            &mut *buffer,
        )
        .map_err(|_| OpenError::Authentication)?;
    Ok(Zeroizing::new(unpad(&buffer)?.to_vec()))
}

/// The plaintext cannot be sealed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// The plaintext is longer than padding or cipher allow.
    #[error("the plaintext is too long to be sealed")]
    TooLong,
}

impl From<PaddingError> for SealError {
    fn from(_: PaddingError) -> Self {
        Self::TooLong
    }
}

/// Why a message does not open.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// Sealed under another key, or with another salt, label or header.
    #[error("the key commitment does not match")]
    Commitment,
    /// The ciphertext was changed.
    #[error("the ciphertext does not authenticate")]
    Authentication,
    /// The sealer padded wrongly.
    #[error("the padding is wrong")]
    Padding(#[from] PaddingError),
}

/// What one message is sealed with.
struct MessageKeys {
    key: Secret32,
    nonce: Nonce,
    commitment: [u8; COMMITMENT_BYTES],
}

impl MessageKeys {
    fn derive(
        content_key: &Secret32,
        salt: &[u8; SALT_BYTES],
        label: &[u8],
        header: &[u8],
    ) -> Self {
        let mut okm = Zeroizing::new([0; 32 + 12 + COMMITMENT_BYTES]);
        let header_hash = Sha256::digest(header);
        expand(salt, content_key.expose(), label, &[&header_hash], &mut okm);
        let mut keys = Self {
            key: Secret32::zeroed(),
            nonce: Nonce::default(),
            commitment: [0; COMMITMENT_BYTES],
        };
        let parts = keys
            .key
            .expose_mut()
            .iter_mut()
            .chain(keys.nonce.iter_mut())
            .chain(keys.commitment.iter_mut());
        for (part, byte) in parts.zip(okm.iter()) {
            *part = *byte;
        }
        keys
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(<&Key>::from(self.key.expose()))
    }

    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        [header, &self.commitment].concat()
    }
}

#[cfg(test)]
#[path = "committing_aead_tests.rs"]
mod tests;
