//! Putting a backup into a home that has no vault.
//!
//! The backup is copied, opened, looked through and marked under a name that no program opens, and
//! only then given the name of a vault: a crash leaves no vault or a marked one. The backup itself
//! is only read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::check::{self, CheckReport};
use super::error::{DamagedPart, VaultError};
use super::header;
use super::lock::HomeLock;
use super::schema::Content;
use super::seal::Sealer;
use super::transaction::Transaction;
use super::{DATABASE_COMPANIONS, DATABASE_FILE, Vault, private_files, schema};

const UNFINISHED_FILE: &str = "vault.sqlite.restoring";
const NOTHING_BESIDE: [&str; 1] = [""];

impl Vault {
    /// Puts a copy of the backup into `home`, which is made 0700 if it is missing and must hold no
    /// vault. `mark` is run on the copy before it is one. Returns what a look through it found:
    /// records that do not open stay, and so do all others.
    ///
    /// # Errors
    /// [`VaultError::AlreadyExists`], [`VaultError::InUse`]; [`VaultError::WrongPassphrase`] (it is
    /// that of the time of the backup); [`VaultError::NotClosed`], [`VaultError::UnknownFormat`],
    /// [`VaultError::Damaged`] where it is no whole backup; [`VaultError::DiskFull`],
    /// [`VaultError::Io`]; what `mark` returns. The home holds no vault then.
    pub fn restore<E: From<VaultError>>(
        home: &Path,
        backup: &Path,
        passphrase: &[u8],
        mark: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
    ) -> Result<CheckReport, E> {
        header::require_passphrase(passphrase)?;
        require_closed(backup)?;
        let mut source = File::open(backup).map_err(VaultError::from)?;
        private_files::make_private_directory(home).map_err(VaultError::from)?;
        let _lock = HomeLock::acquire(home)?;
        require_no_vault(home)?;
        remove_unfinished(home)?;
        let restored = copy_in(&mut source, home)
            .map_err(E::from)
            .and_then(|()| mark_copy(home, passphrase, mark));
        if restored.is_err() {
            let _as_far_as_it_goes = remove_unfinished(home);
        }
        let report = restored?;
        fs::rename(home.join(UNFINISHED_FILE), home.join(DATABASE_FILE))
            .map_err(VaultError::from)?;
        private_files::sync_directory(home).map_err(VaultError::from)?;
        Ok(report)
    }
}

/// What lies in a log beside it would be missing without a word.
fn require_closed(backup: &Path) -> Result<(), VaultError> {
    for companion in ["-wal", "-journal"] {
        let mut beside = backup.as_os_str().to_owned();
        beside.push(companion);
        if fs::metadata(beside).is_ok_and(|file| file.len() > 0) {
            return Err(VaultError::NotClosed);
        }
    }
    Ok(())
}

/// An interrupted creation may have left an empty file. A log without its database is somebody's too:
/// SQLite would take it for the restored one's.
fn require_no_vault(home: &Path) -> Result<(), VaultError> {
    for companion in NOTHING_BESIDE.iter().chain(&DATABASE_COMPANIONS) {
        match fs::symlink_metadata(home.join(format!("{DATABASE_FILE}{companion}"))) {
            Ok(file) if !file.is_file() || file.len() > 0 => return Err(VaultError::AlreadyExists),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// What an interrupted restoring left.
fn remove_unfinished(home: &Path) -> Result<(), VaultError> {
    for companion in NOTHING_BESIDE.iter().chain(&DATABASE_COMPANIONS) {
        match fs::remove_file(home.join(format!("{UNFINISHED_FILE}{companion}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn copy_in(source: &mut File, home: &Path) -> Result<(), VaultError> {
    let mut copy = private_files::make_private_file(&home.join(UNFINISHED_FILE))?;
    io::copy(source, &mut copy)?;
    copy.sync_all()?;
    Ok(())
}

fn mark_copy<E: From<VaultError>>(
    home: &Path,
    passphrase: &[u8],
    mark: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
) -> Result<CheckReport, E> {
    let mut connection = schema::connect(&home.join(UNFINISHED_FILE))?;
    if schema::inspect(&connection)? == Content::Nothing {
        return Err(VaultError::damaged(DamagedPart::Database).into());
    }
    let sealer = Sealer::new(&header::unwrap(
        &schema::read_header(&connection)?,
        passphrase,
    )?)?;
    let report = check::check(&connection, &sealer, &mut |_, _, _| {})?;
    if !report.database_problems.is_empty() {
        return Err(VaultError::damaged(DamagedPart::Database).into());
    }
    write_mark(&mut connection, &sealer, mark)?;
    Ok(report)
}

fn write_mark<E: From<VaultError>>(
    connection: &mut Connection,
    sealer: &Sealer,
    mark: impl FnOnce(&Transaction<'_>) -> Result<(), E>,
) -> Result<(), E> {
    schema::make_durable(connection)?;
    let database = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(VaultError::from)?;
    let transaction = Transaction::new(&database, sealer);
    mark(&transaction)?;
    if transaction.has_failed() {
        return Err(VaultError::TransactionFailed.into());
    }
    database.commit().map_err(VaultError::from)?;
    // Nothing may be left in the log: it does not come along when the file gets its name.
    Ok(schema::settle(connection)?)
}
