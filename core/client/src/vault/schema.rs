//! The database: how it is opened, its tables, and how a foreign or altered one is refused.

use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::error::{DamagedPart, VaultError};

/// Format number, stored as `user_version` and again, authenticated, in the header.
pub(super) const FORMAT: u16 = 1;

/// "NHTL": `application_id`, so that tools and this module recognise the file.
const APPLICATION_ID: i64 = 0x4e48_544c;

/// Tags are keyed hashes and values are sealed; see [`super::seal`]. Positions are plain numbers.
const TABLES: &str = "
CREATE TABLE vault_header (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    header BLOB NOT NULL
) STRICT;
CREATE TABLE record (
    collection INTEGER NOT NULL,
    group_tag BLOB NOT NULL,
    key_tag BLOB NOT NULL,
    position INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (collection, key_tag)
) WITHOUT ROWID, STRICT;
CREATE INDEX record_by_group ON record (collection, group_tag, position);
";

/// What a database file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing: creation has not begun or was interrupted before its one transaction.
    Nothing,
    /// A vault of this format, with exactly its tables.
    Vault,
}

/// Opens an existing file. Nothing is written yet, so that a foreign file stays as it is.
pub(super) fn connect(file: &Path) -> Result<Connection, VaultError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // A file altered by somebody else must not make SQLite run code of its choice.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A statement is planned once, not anew for each value it is asked with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Sorting and temporary tables must not leave files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Exclusive: a program that ignores the lock file cannot write in between, and the index of
    // the write-ahead log stays in memory instead of a third file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(connection)
}

/// Sets what a vault's database needs for durable commits and for wiped free pages.
pub(super) fn make_durable(connection: &Connection) -> Result<(), VaultError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(VaultError::Io(io::Error::other(
            "the file system does not allow a write-ahead log",
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS a plain fsync leaves the data in the drive's cache. No effect elsewhere.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Copies the whole database, compacted, into an existing empty file. The copy is not synced.
pub(super) fn copy_into(connection: &Connection, empty_file: &Path) -> Result<(), VaultError> {
    // Absolute: SQLite gives some relative names a meaning of their own.
    let file = std::path::absolute(empty_file)?;
    let file = file.to_str().ok_or_else(|| {
        VaultError::Io(io::Error::other("the path of the copy is no text in UTF-8"))
    })?;
    connection.execute("VACUUM main INTO ?1", params![file])?;
    Ok(())
}

/// Finds out what the file holds.
///
/// # Errors
/// [`VaultError::UnknownFormat`] for a vault of another format, [`VaultError::Damaged`] for
/// anything that is neither empty nor a vault.
pub(super) fn inspect(connection: &Connection) -> Result<Content, VaultError> {
    let application: i64 = connection.pragma_query_value(None, "application_id", first)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", first)?;
    let objects = objects(connection)?;
    if application == 0 && version == 0 && objects.is_empty() {
        return Ok(Content::Nothing);
    }
    if application != APPLICATION_ID {
        return Err(VaultError::damaged(DamagedPart::Database));
    }
    if version != i64::from(FORMAT) {
        return Err(VaultError::UnknownFormat {
            found: u32::try_from(version).unwrap_or(u32::MAX),
            supported: u32::from(FORMAT),
        });
    }
    if objects != expected_objects()? {
        return Err(VaultError::damaged(DamagedPart::Schema));
    }
    Ok(Content::Vault)
}

/// Writes tables, format and header in one transaction: a vault exists wholly or not at all.
pub(super) fn lay_out(connection: &mut Connection, header: &[u8]) -> Result<(), VaultError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::from(FORMAT))?;
    transaction.execute(
        "INSERT INTO vault_header (id, header) VALUES (1, ?1)",
        [header],
    )?;
    transaction.commit()?;
    settle(connection)
}

/// The stored header.
pub(super) fn read_header(connection: &Connection) -> Result<Vec<u8>, VaultError> {
    connection
        .query_row("SELECT header FROM vault_header WHERE id = 1", [], first)
        .optional()?
        .ok_or(VaultError::damaged(DamagedPart::Header))
}

/// Replaces the header in one durable transaction. The old one stays in the files until
/// [`settle`].
pub(super) fn replace_header(connection: &Connection, header: &[u8]) -> Result<(), VaultError> {
    let changed = connection.execute(
        "UPDATE vault_header SET header = ?1 WHERE id = 1",
        params![header],
    )?;
    if changed != 1 {
        return Err(VaultError::damaged(DamagedPart::Header));
    }
    Ok(())
}

/// Carries the write-ahead log into the database file and empties it.
pub(super) fn settle(connection: &Connection) -> Result<(), VaultError> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Tables and indexes as (kind, name, text that made it): an added trigger or view shows here.
type SchemaObject = (String, String, Option<String>);

fn objects(connection: &Connection) -> Result<Vec<SchemaObject>, VaultError> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn expected_objects() -> Result<Vec<SchemaObject>, VaultError> {
    let reference = Connection::open_in_memory()?;
    reference.execute_batch(TABLES)?;
    objects(&reference)
}

fn first<T: rusqlite::types::FromSql>(row: &rusqlite::Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}
