//! What can go wrong with a vault.

use std::io;

use rusqlite::{ErrorCode, ffi};

use super::collection::Collection;

/// Why a vault could not do what was asked. No variant holds a key, a value, a passphrase or a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// An empty passphrase protects nothing and is never accepted.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The passphrase does not open the vault key (or the header was altered on purpose).
    #[error("the passphrase does not open this vault")]
    WrongPassphrase,
    /// There is no vault here, or its creation was interrupted before anything was stored.
    #[error("there is no vault here")]
    NotFound,
    /// The vault was being wiped, and that had been interrupted: what was left of it is removed now.
    #[error("this home was wiped")]
    Wiped,
    /// A vault is already here; it is never overwritten.
    #[error("there is already a vault here")]
    AlreadyExists,
    /// A file of the name that was given for a backup is already there; it is never overwritten.
    #[error("a file of this name is already there")]
    FileExists,
    /// What was given as a backup is a copy of a home that was not closed: part of it lies in another
    /// file beside it.
    #[error("this is the database of a home that was not closed, not a backup")]
    NotClosed,
    /// Another program, or another part of this one, has the vault open.
    #[error("the vault is in use by another program")]
    InUse,
    /// Stored bytes are not what this vault wrote.
    #[error("the vault is damaged: {what}")]
    Damaged {
        /// Which part does not open.
        what: DamagedPart,
    },
    /// The vault was written by another version of this software.
    #[error("the vault has format {found}; this version reads format {supported}")]
    UnknownFormat {
        /// Format number found in the database.
        found: u32,
        /// The one format number this version reads.
        supported: u32,
    },
    /// The parameters that turn the passphrase into a key are outside the accepted bounds.
    #[error(
        "key derivation with {memory_kib} KiB, {iterations} iterations and {lanes} lanes is refused"
    )]
    DerivationRefused {
        /// Memory in KiB.
        memory_kib: u32,
        /// Number of passes.
        iterations: u32,
        /// Number of lanes.
        lanes: u32,
    },
    /// A key, group or value is larger than a record may be.
    #[error("{actual_bytes} bytes are more than the {limit_bytes} a record may have")]
    TooLarge {
        /// Size given.
        actual_bytes: usize,
        /// Largest size accepted.
        limit_bytes: usize,
    },
    /// A write inside the transaction failed earlier, so none of it was kept.
    #[error("a write failed, so the whole transaction was undone")]
    TransactionFailed,
    /// The disk, or the quota, is full. Nothing of the transaction was kept.
    #[error("the disk is full")]
    DiskFull,
    /// The disk failed while a transaction was being made durable: it may be there after the next
    /// start, whole, or not.
    #[error("it is not sure whether what was written is on the disk")]
    Unsure(#[source] io::Error),
    /// The operating system gave no randomness.
    #[error("the operating system gives no randomness")]
    NoRandomness(#[source] getrandom::Error),
    /// Reading or writing failed for another reason (missing rights, a failing disk, no memory).
    #[error("the vault's files cannot be read or written")]
    Io(#[source] io::Error),
}

/// The part of a vault that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamagedPart {
    /// The database file is not one, is not a vault, or its structure is broken.
    #[error("the database file")]
    Database,
    /// The tables are not the ones this format has.
    #[error("the tables of the database")]
    Schema,
    /// The row that holds the wrapped vault key.
    #[error("the header with the wrapped key")]
    Header,
    /// A record of this collection was altered, moved or swapped with another.
    #[error("a record of the collection {0:?}")]
    Record(Collection),
}

impl VaultError {
    /// The error for a damaged part, short because it is needed often.
    pub(super) const fn damaged(what: DamagedPart) -> Self {
        VaultError::Damaged { what }
    }
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::DiskFull,
            _ => VaultError::Io(error),
        }
    }
}

/// Every statement is a constant of this module, so an error in SQL means that the tables differ.
impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        let code = match &error {
            // Everything was written, and a start may find it.
            rusqlite::Error::SqliteFailure(failure, _)
                if [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC]
                    .contains(&failure.extended_code) =>
            {
                return VaultError::Unsure(io::Error::other(error));
            }
            rusqlite::Error::SqliteFailure(failure, _) => failure.code,
            rusqlite::Error::SqlInputError { error, .. } => error.code,
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::QueryReturnedNoRows => {
                return VaultError::damaged(DamagedPart::Database);
            }
            _ => return VaultError::Io(io::Error::other(error)),
        };
        match code {
            ErrorCode::DiskFull => VaultError::DiskFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => VaultError::InUse,
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch => {
                VaultError::damaged(DamagedPart::Database)
            }
            ErrorCode::Unknown | ErrorCode::SchemaChanged | ErrorCode::ConstraintViolation => {
                VaultError::damaged(DamagedPart::Schema)
            }
            _ => VaultError::Io(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(result_code: i32) -> VaultError {
        rusqlite::Error::SqliteFailure(ffi::Error::new(result_code), None).into()
    }

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        assert!(matches!(mapped(ffi::SQLITE_FULL), VaultError::DiskFull));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(VaultError::from(full), VaultError::DiskFull));
        assert!(matches!(mapped(ffi::SQLITE_CANTOPEN), VaultError::Io(_)));
        assert!(matches!(mapped(ffi::SQLITE_IOERR), VaultError::Io(_)));
    }

    #[test]
    fn a_commit_that_could_not_be_made_durable_is_neither_done_nor_undone() {
        let failed = mapped(ffi::SQLITE_IOERR_FSYNC);
        assert!(matches!(failed, VaultError::Unsure(_)));
        let control = mapped(ffi::SQLITE_IOERR_WRITE);
        assert!(matches!(control, VaultError::Io(_)));
    }

    #[test]
    fn a_broken_file_and_a_locked_file_are_told_apart() {
        for code in [ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT] {
            assert!(matches!(
                mapped(code),
                VaultError::Damaged {
                    what: DamagedPart::Database
                }
            ));
        }
        assert!(matches!(mapped(ffi::SQLITE_BUSY), VaultError::InUse));
    }

    #[test]
    fn an_unspecific_failure_keeps_its_source() {
        let error = mapped(ffi::SQLITE_CANTOPEN);
        assert!(std::error::Error::source(&error).is_some());
    }
}
