//! The operating system's randomness and clock: the only two places the client takes them from.

use std::time::{SystemTime, UNIX_EPOCH};

use nahtlos_casework::fields::EntryId;
use nahtlos_protocol::identifier::{GrantId, Nonce};
use rand_core::{CryptoRng, Rng};

/// The operating system's random number generator.
///
/// # Panics
/// Where the operating system has no randomness at all: nothing secure can be done then.
#[cfg(not(feature = "test-key-derivation"))]
pub(crate) type SystemRandom = rand_core::UnwrapErr<getrandom::SysRng>;
/// The same, or what a simulation made of its seed.
#[cfg(feature = "test-key-derivation")]
pub(crate) type SystemRandom = crate::simulated::Random;

/// A handle to [`SystemRandom`].
#[cfg(not(feature = "test-key-derivation"))]
pub(crate) fn system() -> SystemRandom {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// A handle to [`SystemRandom`].
#[cfg(feature = "test-key-derivation")]
pub(crate) fn system() -> SystemRandom {
    crate::simulated::Random
}

/// 16 random bytes.
pub(crate) fn nonce(rng: &mut dyn CryptoRng) -> Nonce {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    Nonce(bytes)
}

/// A fresh grant id.
pub(crate) fn grant_id() -> GrantId {
    let mut bytes = [0; 16];
    system().fill_bytes(&mut bytes);
    GrantId(bytes)
}

/// A fresh identifier of an entry.
pub(crate) fn entry_id() -> EntryId {
    let mut bytes = [0; 8];
    system().fill_bytes(&mut bytes);
    EntryId::from_random(bytes)
}

/// Unix milliseconds. A clock before 1970 counts as 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| u64::try_from(elapsed.as_millis()).ok())
        .unwrap_or(0)
}
