//! Everything cryptographic, and nothing else: the rest of the workspace names no primitive.
//!
//! One suite, `0x02` ([`suite::Suite::Hybrid`]): Ed25519 signatures, X-Wing (X25519 + ML-KEM-768)
//! key encapsulation in HPKE base mode (RFC 9180), HKDF-SHA256 (RFC 5869) and ChaCha20-Poly1305
//! (RFC 8439) with a key commitment. Every hash, signature and derivation begins with one label of
//! [`label`], so that no value made for one purpose can be passed off as another.
//!
//! Signatures are checked one at a time. Batch verification accepts signatures that single
//! verification refuses, so two replicas could disagree about what is valid.
//!
//! What opens or seals content (`committing_aead`, `epoch_secret`, the functions of [`wrap`])
//! is compiled only with the cargo feature `content`. The relay is built without it: a blind relay
//! should not even contain the code.
//!
//! | Value | Bytes |
//! |---|---|
//! | secret, seed, hash, id | 32 |
//! | Ed25519 public key / signature | 32 / 64 |
//! | X-Wing public key / encapsulation | 1,216 / 1,120 |
//! | hybrid wrap = encapsulation ‖ seed ‖ tag | 1,168 |
//! | symmetric wrap, history link = seed ‖ tag | 48 |
//! | sealed content = padded plaintext ‖ tag, beside a commitment of 32 | 16 + a padded length |
//! | sealed label = salt ‖ commitment ‖ sealed content | 336, 592, … |

#[cfg(any(test, feature = "content"))]
pub mod committing_aead;
pub mod derive;
pub mod device_key;
#[cfg(any(test, feature = "content"))]
pub mod epoch_secret;
pub mod fingerprint;
pub mod hash;
pub mod kem;
pub mod label;
pub mod padding;
pub mod secret;
pub mod signature;
pub mod suite;
pub mod wrap;

#[cfg(test)]
mod published_vectors;
#[cfg(test)]
pub(crate) mod test_random;
