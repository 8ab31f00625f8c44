//! The claim file: one line that lets its holder found the network, there until somebody did.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::VerifyingKeyBytes;
use nahtlos_protocol::wire::claim::Claim;

use crate::relay::RelayError;
use crate::store::Identity;

/// The public key of a claim's seed.
pub(crate) fn public_half(seed: &Secret32) -> [u8; 32] {
    *SigningKey::from_seed(seed).verifying_key().as_bytes()
}

/// The claim in a claim file, if there is one.
pub(crate) fn read(path: &Path) -> Option<Claim> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Writes the claim, whole or not at all, readable by its owner only; returns its text.
pub(crate) fn write(
    path: &Path,
    url: &str,
    identity: &Identity,
    seed: Secret32,
) -> Result<String, RelayError> {
    let relay = public_half(&Secret32::from_bytes(identity.seed));
    let text = Claim {
        url: url.to_owned(),
        relay: VerifyingKeyBytes(relay),
        seed,
    }
    .to_string();
    let failed = |source| RelayError::File {
        path: path.to_owned(),
        source,
    };
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&partial)
        .map_err(failed)?;
    file.write_all(format!("{text}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(failed)?;
    Ok(text)
}

/// Removes a claim that was used.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the used claim file could not be removed; it is of no use any more");
    }
}
