//! One running relay for one data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::config::LOCK_FILE;

/// Keeps other relays out of a data directory until it is dropped. The operating system releases it
/// also when the process is killed; the empty file stays.
pub(crate) struct DirectoryLock {
    held: File,
}

impl DirectoryLock {
    /// Locks the directory, or says [`TryLockError::WouldBlock`] at once where another relay has it.
    pub(crate) fn acquire(data: &Path) -> Result<Self, TryLockError> {
        let held = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(data.join(LOCK_FILE))
            .map_err(TryLockError::Error)?;
        held.try_lock()?;
        Ok(Self { held })
    }
}

/// Closing the file alone would not do: a process that another thread is just starting holds a copy
/// of it for a moment, and the lock with it.
impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // When this fails, closing the file still releases the lock.
        let _closed_all_the_same = self.held.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_until_the_lock_is_dropped_though_a_copy_of_its_file_is_open() {
        let data = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::acquire(data.path()).unwrap();
        assert!(matches!(
            DirectoryLock::acquire(data.path()),
            Err(TryLockError::WouldBlock)
        ));
        // What a process that is being started has.
        let _copy = lock.held.try_clone().unwrap();
        drop(lock);
        assert!(DirectoryLock::acquire(data.path()).is_ok());
    }
}
