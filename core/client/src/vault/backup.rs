//! A copy of an open vault in one file, for another disk.
//!
//! The copy is made beside its place under a name of its own, marked, read back record by record,
//! synced, and only then given its name: a file of that name is a whole backup, or (after a crash)
//! an empty file, which nobody takes for one. It opens with the passphrase of the time it was made.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::TransactionBehavior;

use super::check::{self, CheckReport};
use super::error::VaultError;
use super::transaction::Transaction;
use super::{DATABASE_COMPANIONS, Vault, private_files, schema};

impl Vault {
    /// Writes a copy of this vault to a new file, 0600, as it stands after the last transaction.
    /// `mark` is run on the copy alone, before it gets its name. Returns what reading the copy found:
    /// records that do not open here do not open there either.
    ///
    /// # Errors
    /// [`VaultError::FileExists`]; [`VaultError::DiskFull`], [`VaultError::Io`] where it cannot be
    /// written, [`VaultError::Damaged`] where this vault cannot be read; what `mark` returns. No file
    /// is left then. [`VaultError::TransactionFailed`] inside a transaction.
    pub fn back_up<E: From<VaultError>>(
        &self,
        file: &Path,
        mark: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
    ) -> Result<CheckReport, E> {
        if self.is_within_one {
            return Err(VaultError::TransactionFailed.into());
        }
        let place = Place::reserve(file)?;
        schema::copy_into(&self.database().connection, &place.partial)?;
        let report = self.finish_copy(&place.partial, mark)?;
        place.complete()?;
        Ok(report)
    }

    fn finish_copy<E: From<VaultError>>(
        &self,
        copy: &Path,
        mark: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
    ) -> Result<CheckReport, E> {
        let mut connection = schema::connect(copy)?;
        let database = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(VaultError::from)?;
        let transaction = Transaction::new(&database, &self.sealer);
        mark(&transaction)?;
        if transaction.has_failed() {
            return Err(VaultError::TransactionFailed.into());
        }
        database.commit().map_err(VaultError::from)?;
        Ok(check::check(&connection, &self.sealer, &mut |_, _, _| {})?)
    }
}

/// The name a backup will have, taken at once so that nothing is ever overwritten, and the file it is
/// written to until it is whole. Both are removed unless it is completed.
struct Place {
    file: PathBuf,
    partial: PathBuf,
    is_complete: bool,
}

impl Place {
    fn reserve(file: &Path) -> Result<Self, VaultError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(VaultError::NoRandomness)?;
        let mut partial = file.as_os_str().to_owned();
        partial.push(format!(".{:016x}.partial", u64::from_be_bytes(random)));
        make_new(file)?;
        let place = Self {
            file: file.to_owned(),
            partial: partial.into(),
            is_complete: false,
        };
        make_new(&place.partial)?;
        Ok(place)
    }

    fn complete(mut self) -> Result<(), VaultError> {
        File::open(&self.partial)?.sync_all()?;
        fs::rename(&self.partial, &self.file)?;
        self.is_complete = true;
        let directory = std::path::absolute(&self.file)?;
        if let Some(directory) = directory.parent() {
            private_files::sync_directory(directory)?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        for suffix in [""].iter().chain(&DATABASE_COMPANIONS) {
            let mut name = self.partial.as_os_str().to_owned();
            name.push(suffix);
            let _there_or_not = fs::remove_file(name);
        }
        let _left_where_it_cannot_be_removed = fs::remove_file(&self.file);
    }
}

fn make_new(file: &Path) -> Result<(), VaultError> {
    match private_files::make_private_file(file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(VaultError::FileExists),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}
