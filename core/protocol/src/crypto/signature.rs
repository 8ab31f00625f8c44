//! Ed25519 (RFC 8032) with a domain label before every message.

use core::fmt;

use data_encoding::HEXLOWER;
use ed25519_dalek::Signer;
use thiserror::Error;

use super::secret::Secret32;

/// A secret signing key: a device's, or a one-time key of a claim or invitation.
///
/// Overwritten with zeros when dropped, never printed.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32-byte seed (the "secret key" of RFC 8032 §5.1.5).
    #[must_use]
    pub fn from_seed(seed: &Secret32) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// Its public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        // A scalar times the base point lies in the prime-order subgroup, so the checks of
        // `VerifyingKey::from_bytes` hold by construction.
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs `label` ‖ `message`. Deterministic (RFC 8032 needs no randomness).
    #[must_use]
    pub fn sign(&self, label: &[u8], message: &[u8]) -> Signature {
        Signature(self.0.sign(&labelled(label, message)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(..)")
    }
}

/// A public key whose signatures have one meaning: canonically encoded, not of small order, and
/// without a torsion component.
///
/// A key with a torsion component (mixed order) makes different verifiers disagree about the same
/// signature ("Taming the many EdDSAs", <https://eprint.iacr.org/2020/1244>), and a key of small
/// order accepts nearly anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// Parses an encoded point (RFC 8032 §5.1.2).
    ///
    /// # Errors
    /// [`InvalidPublicKey`] names the first check the key fails.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, InvalidPublicKey> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| InvalidPublicKey::NotAPoint)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(InvalidPublicKey::NotCanonical);
        }
        if point.is_small_order() {
            return Err(InvalidPublicKey::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(InvalidPublicKey::MixedOrder);
        }
        Ok(Self(key))
    }

    /// The encoded point.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        self.0.as_bytes()
    }

    /// Checks that `signature` was made over `label` ‖ `message` by this key's owner.
    ///
    /// Strict: `S` must be reduced and `R` must not be of small order.
    ///
    /// # Errors
    /// [`BadSignature`] in every other case.
    pub fn verify(
        &self,
        label: &[u8],
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify_strict(&labelled(label, message), &signature)
            .map_err(|_| BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "VerifyingKey({})",
            HEXLOWER.encode(self.as_bytes())
        )
    }
}

/// Sixty-four bytes that claim to be a signature, `R` ‖ `S`. Judged only by
/// [`VerifyingKey::verify`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; Self::BYTES]);

impl Signature {
    /// Length in bytes.
    pub const BYTES: usize = 64;

    /// Takes the bytes as they are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes as they are sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signature({})", HEXLOWER.encode(&self.0))
    }
}

/// Why bytes are not a public key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidPublicKey {
    /// The bytes decode to no point of the curve.
    #[error("the bytes are no point of the curve")]
    NotAPoint,
    /// The point has another, canonical encoding.
    #[error("the encoding is not the canonical one")]
    NotCanonical,
    /// The point is one of the eight of small order.
    #[error("the point has small order")]
    SmallOrder,
    /// The point has a torsion component.
    #[error("the point has mixed order")]
    MixedOrder,
}

/// The signature does not belong to this key, label and message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the signature does not verify")]
pub struct BadSignature;

fn labelled(label: &[u8], message: &[u8]) -> Vec<u8> {
    [label, message].concat()
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
