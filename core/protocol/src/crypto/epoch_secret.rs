//! An epoch's 32-byte seed and everything derived from it.
//!
//! | Derived | For |
//! |---|---|
//! | key id | names the epoch and commits to the seed |
//! | X-Wing pair | wraps from the spaces above |
//! | content key | envelopes |
//! | history key | the previous epoch's seed (history link) |
//! | wrap key | symmetric wraps by holders of this epoch |
//! | label key | small metadata in the log |

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    committing_aead::{self, COMMITMENT_BYTES, OpenError, SALT_BYTES, SealError, Sealed},
    derive::derive,
    hash::hash,
    kem::{KemPublicKey, KemSecretKey},
    label,
    secret::Secret32,
    wrap::{WrapError, open_seed, seal_seed},
};

/// The seed of one epoch of one space. Whoever holds it reads that epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochSeed(Secret32);

impl EpochSeed {
    /// Draws the seed of a new epoch.
    #[must_use]
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// Takes over a seed from an opened wrap or from the vault. Follow with [`Self::check`].
    #[must_use]
    pub fn from_secret(secret: Secret32) -> Self {
        Self(secret)
    }

    /// The seed, to be wrapped or stored in the vault.
    #[must_use]
    pub fn as_secret(&self) -> &Secret32 {
        &self.0
    }

    /// SHA-256("nahtlos/v1/key-id\0" ‖ seed): names the epoch in public and commits to its seed.
    #[must_use]
    pub fn key_id(&self) -> [u8; 32] {
        hash(label::KEY_ID, &[self.0.expose()])
    }

    /// Checks that this is the seed announced as `key_id`. After every unwrap: a wrap that opens
    /// may still hold a seed other than the one everybody else received.
    ///
    /// # Errors
    /// [`KeyIdMismatch`].
    pub fn check(&self, key_id: &[u8; 32]) -> Result<(), KeyIdMismatch> {
        if self.key_id() == *key_id {
            Ok(())
        } else {
            Err(KeyIdMismatch)
        }
    }

    /// The epoch's X-Wing pair.
    #[must_use]
    pub fn kem_keys(&self) -> (KemSecretKey, KemPublicKey) {
        let secret = KemSecretKey::from_seed(&derive(&self.0, label::EPOCH_KEM, &[]));
        let public = secret.public_key();
        (secret, public)
    }

    /// The key envelopes are sealed under (through a one-time key each).
    #[must_use]
    pub(crate) fn content_key(&self) -> Secret32 {
        derive(&self.0, label::EPOCH_CONTENT, &[])
    }

    /// The key the previous epoch's seed is sealed under.
    #[must_use]
    pub(crate) fn history_key(&self) -> Secret32 {
        derive(&self.0, label::EPOCH_HISTORY, &[])
    }

    /// The key of symmetric wraps made by holders of this epoch.
    #[must_use]
    pub fn wrap_key(&self) -> Secret32 {
        derive(&self.0, label::EPOCH_WRAP, &[])
    }

    /// The key small metadata in the log is sealed under.
    #[must_use]
    pub(crate) fn label_key(&self) -> Secret32 {
        derive(&self.0, label::EPOCH_LABEL, &[])
    }
}

/// Seals the `previous` epoch's seed under the `new` one: encrypted seed (32) ‖ tag (16).
///
/// Never the other way round: who held the old epoch must not reach the new one. The one-time key
/// is derived from both key ids, which commit to both seeds, so it encrypts one message only; the
/// nonce is zero and the link deterministic.
#[must_use]
pub fn seal_history_link(new: &EpochSeed, previous: &EpochSeed) -> Vec<u8> {
    seal_seed(
        &history_link_key(new, &previous.key_id()),
        previous.as_secret(),
    )
}

/// Opens a history link and checks that it leads to the epoch it is said to lead to.
///
/// # Errors
/// [`HistoryLinkError`].
pub fn open_history_link(
    new: &EpochSeed,
    expected_previous_key_id: &[u8; 32],
    bytes: &[u8],
) -> Result<EpochSeed, HistoryLinkError> {
    let key = history_link_key(new, expected_previous_key_id);
    let previous = EpochSeed::from_secret(open_seed(&key, bytes)?);
    previous.check(expected_previous_key_id)?;
    Ok(previous)
}

/// Seals small metadata (a section's label, a grant's basis) under the epoch's label key:
/// salt (32, random) ‖ commitment (32) ‖ ciphertext (a padded length + 16).
///
/// `context` is authenticated, not sent: it says where the label belongs, so that one grant's basis
/// cannot be passed off as another's.
///
/// # Errors
/// [`SealError`] if the plaintext is too long.
pub fn seal_label(
    seed: &EpochSeed,
    rng: &mut dyn CryptoRng,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    let Sealed {
        commitment,
        ciphertext,
    } = committing_aead::seal(
        &seed.label_key(),
        &salt,
        label::SEALED_LABEL,
        context,
        plaintext,
    )?;
    Ok([salt.as_slice(), &commitment, &ciphertext].concat())
}

/// Opens what [`seal_label`] sealed.
///
/// # Errors
/// [`OpenLabelError`].
pub fn open_label(
    seed: &EpochSeed,
    context: &[u8],
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenLabelError> {
    let (salt, rest) = bytes
        .split_first_chunk::<SALT_BYTES>()
        .ok_or(OpenLabelError::Truncated)?;
    let (commitment, ciphertext) = rest
        .split_first_chunk::<COMMITMENT_BYTES>()
        .ok_or(OpenLabelError::Truncated)?;
    Ok(committing_aead::open(
        &seed.label_key(),
        salt,
        label::SEALED_LABEL,
        context,
        commitment,
        ciphertext,
    )?)
}

/// A seed is not the one its key id announced.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the seed does not belong to the announced key id")]
pub struct KeyIdMismatch;

/// Why a history link does not lead to the expected epoch.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HistoryLinkError {
    /// It does not open under the new epoch, for this previous key id.
    #[error("the history link does not open")]
    Open(#[from] WrapError),
    /// It opens to another seed.
    #[error("the history link leads to another epoch")]
    KeyId(#[from] KeyIdMismatch),
}

/// Why a sealed label does not open.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenLabelError {
    /// Too short to hold salt and commitment.
    #[error("the sealed label is truncated")]
    Truncated,
    /// Another epoch, another context, or changed bytes.
    #[error("the sealed label does not open")]
    Open(#[from] OpenError),
}

fn history_link_key(new: &EpochSeed, previous_key_id: &[u8; 32]) -> Secret32 {
    derive(
        &new.history_key(),
        label::HISTORY_LINK,
        &[&new.key_id(), previous_key_id],
    )
}

#[cfg(test)]
#[path = "epoch_secret_tests.rs"]
mod tests;
