//! One open vault for one home.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::VaultError;
use super::private_files::open_private_file;

pub(super) const LOCK_FILE: &str = "vault.lock";

/// Holds the home for this vault alone until it is dropped. The operating system releases it also
/// when the process is killed; the empty file stays, because removing it would let two processes
/// lock two different files of the same name.
pub(super) struct HomeLock {
    held: File,
}

impl HomeLock {
    /// Locks the home, or says [`VaultError::InUse`] at once. The lock belongs to the opened file,
    /// so a second attempt in the same process is refused as well.
    pub(super) fn acquire(home: &Path) -> Result<Self, VaultError> {
        let file = open_private_file(&home.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { held: file }),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// Closing the file alone would not do: a process that another thread is just starting holds a copy
/// of it for a moment, and the lock with it.
impl Drop for HomeLock {
    fn drop(&mut self) {
        // When this fails, closing the file still releases the lock.
        let _ = self.held.unlock();
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

    #[test]
    fn a_dropped_lock_is_free_though_a_copy_of_its_file_is_open() {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let _copy = lock.held.try_clone().unwrap();
        drop(lock);
        assert!(HomeLock::acquire(home.path()).is_ok());
    }
}
