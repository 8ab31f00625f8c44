//! Destroying a vault. The wrapped key is overwritten first, durably: from then on nothing in the files
//! opens, whoever has them and whatever they know. Then the files go. What a crash leaves in between is
//! removed at the next opening.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::error::VaultError;
use super::{DATABASE_COMPANIONS, DATABASE_FILE, Database, Vault, lock, private_files, schema};

/// Stands in the header's place: too short to be one, and opened by no passphrase.
const WIPED: &[u8] = b"wiped";

impl Vault {
    /// Destroys the vault and its files, and the home where nothing else is in it.
    ///
    /// # Errors
    /// [`VaultError::TransactionFailed`] inside a transaction, [`VaultError::DiskFull`],
    /// [`VaultError::Io`]: the vault then opens as before, or [`Vault::open`] goes on with
    /// [`VaultError::Wiped`].
    pub fn wipe(mut self) -> Result<(), VaultError> {
        self.destroy_key()?;
        let Self { database, home, .. } = self;
        // Nobody notes anything beside a vault that is wiped.
        let Some(database) = Arc::into_inner(database) else {
            return Err(VaultError::TransactionFailed);
        };
        let Database { connection, lock } = database
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // SQLite removes its companions itself where it can.
        drop(connection);
        remove_files(&home)?;
        drop(lock);
        remove_home(&home)
    }

    /// From here on nothing opens.
    pub(super) fn destroy_key(&mut self) -> Result<(), VaultError> {
        if self.is_within_one {
            return Err(VaultError::TransactionFailed);
        }
        self.disk.borrow_mut().before_commit()?;
        schema::replace_header(&self.database().connection, WIPED)?;
        self.disk.borrow_mut().after_commit()?;
        // The write-ahead log holds the header that was, until it is carried over and emptied.
        schema::settle(&self.database().connection)
    }
}

/// Whether a stored header says that the vault was being wiped.
pub(super) fn is_wiped(header: &[u8]) -> bool {
    header == WIPED
}

/// Removes what an interrupted wiping has left. The home's lock is held meanwhile.
pub(super) fn go_on(
    connection: rusqlite::Connection,
    home: &Path,
    lock: lock::HomeLock,
) -> Result<(), VaultError> {
    // What was overwritten may still stand in the write-ahead log.
    schema::make_durable(&connection)?;
    schema::settle(&connection)?;
    drop(connection);
    remove_files(home)?;
    drop(lock);
    remove_home(home)
}

/// The database goes last: as long as it is there, the next opening knows that the home was being wiped.
fn remove_files(home: &Path) -> Result<(), VaultError> {
    for companion in DATABASE_COMPANIONS {
        remove(&home.join(format!("{DATABASE_FILE}{companion}")))?;
    }
    remove(&home.join(DATABASE_FILE))?;
    Ok(private_files::sync_directory(home)?)
}

/// Once the lock is free. A program that locks the file at this very moment finds no vault.
fn remove_home(home: &Path) -> Result<(), VaultError> {
    remove(&home.join(lock::LOCK_FILE))?;
    // Other files of the person's stay, and the directory with them.
    let _other_files_are_here = fs::remove_dir(home);
    Ok(())
}

fn remove(file: &Path) -> Result<(), VaultError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
