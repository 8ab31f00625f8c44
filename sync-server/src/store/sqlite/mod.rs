//! The default store: one SQLite file in WAL mode with `synchronous=FULL`, so that a returned
//! commit survives a power cut.

mod read;
mod write;

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};

/// How long a statement waits for a lock another process holds (a backup, for a moment).
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The write-ahead log is cut back to this after a burst.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// A connection to the relay's database.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    /// Whether the write-ahead log may hold what was erased; after a crash nobody knows.
    log_holds_erased: bool,
}

impl SqliteStore {
    /// Opens or creates the database, readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError`]; a newer format is [`StoreError::NeedsNewer`].
    pub fn open(path: &Path, size_limit_bytes: Option<u64>) -> Result<Self, StoreError> {
        // Created before SQLite opens it: its own file mode would follow the umask, and the
        // files beside it (-wal, -shm) take this one's mode.
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::Failed(Box::new(error)))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| StoreError::Failed(Box::new(error)))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        plan_once(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // What is erased is overwritten, not just let go.
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::prepare(&mut connection)?;
        if let Some(limit) = size_limit_bytes {
            let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = to_signed(limit) / page.max(1);
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
            log_holds_erased: true,
        })
    }

    /// Opens an existing database for reading, also while a relay writes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        plan_once(&connection)?;
        schema::require_known(&connection)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self {
            connection,
            path: path.to_owned(),
            log_holds_erased: false,
        })
    }

    /// Writes a consistent copy to a new file, while the relay goes on, and marks it as a copy: a
    /// relay started from it begins a new life of its journal, so that devices notice.
    ///
    /// # Errors
    /// [`StoreError`]; a partial file may remain.
    pub fn back_up(&self, target: &Path) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| StoreError::Failed(Box::new(error));
        std::fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(target)
            .map_err(failed)?;
        self.connection
            .execute("VACUUM INTO ?1", [target.to_string_lossy()])?;
        let copy = Connection::open(target)?;
        copy.execute("UPDATE identity SET restored = 1", [])?;
        copy.close().map_err(|(_, error)| error)?;
        std::fs::File::open(target)
            .and_then(|file| file.sync_all())
            .map_err(failed)
    }

    /// SQLite's own check of the file.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first finding.
    pub fn check_file(&self) -> Result<(), StoreError> {
        let finding: String =
            self.connection
                .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if finding == "ok" {
            Ok(())
        } else {
            Err(StoreError::Damaged { what: finding })
        }
    }

    fn places(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, |row| row.get::<_, i64>(0))?;
        let places: Result<Vec<i64>, _> = rows.collect();
        Ok(places?.into_iter().map(to_unsigned).collect())
    }

    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute(parameters)?;
        Ok(())
    }
}

/// A prepared statement is planned once, not anew for each value it is asked with.
fn plan_once(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// SQLite's integers are signed; no counter here comes near 2^63.
fn to_signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full(Some(Box::new(error))),
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged {
                    what: error.to_string(),
                }
            }
            _ => Self::Failed(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests;
