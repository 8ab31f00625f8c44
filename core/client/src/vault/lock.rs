//! One open vault for one home.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::VaultError;
use super::private_files::open_private_file;

const LOCK_FILE: &str = "vault.lock";

/// Holds the home for this vault alone until it is dropped. The operating system releases it also
/// when the process is killed; the empty file stays, because removing it would let two processes
/// lock two different files of the same name.
pub(super) struct HomeLock {
    _held: File,
}

impl HomeLock {
    /// Locks the home, or says [`VaultError::InUse`] at once. The lock belongs to the opened file,
    /// so a second attempt in the same process is refused as well.
    pub(super) fn acquire(home: &Path) -> Result<Self, VaultError> {
        let file = open_private_file(&home.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { _held: file }),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_locked_until_the_lock_is_dropped() {
        let home = tempfile::tempdir().unwrap();
        let held = HomeLock::acquire(home.path()).unwrap();
        assert!(matches!(
            HomeLock::acquire(home.path()),
            Err(VaultError::InUse)
        ));
        drop(held);
        assert!(HomeLock::acquire(home.path()).is_ok());
    }
}
