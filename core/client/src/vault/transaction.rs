//! Reading records, and changing them all or not at all.

use std::cell::Cell;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::collection::Collection;
use super::error::{DamagedPart, VaultError};
use super::seal::{NameTag, OpenedRecord, Place, Sealer};

const GET: &str = "SELECT collection, group_tag, key_tag, position, value FROM record
    WHERE collection = ?1 AND key_tag = ?2";
const CONTAINS: &str = "SELECT 1 FROM record WHERE collection = ?1 AND key_tag = ?2";
const COUNT: &str = "SELECT count(*) FROM record WHERE collection = ?1";
const ANY: &str = "SELECT 1 FROM record LIMIT 1";
const LIST: &str = "SELECT collection, group_tag, key_tag, position, value FROM record
    WHERE collection = ?1 AND group_tag = ?2 ORDER BY position";
const LIST_ALL: &str = "SELECT collection, group_tag, key_tag, position, value FROM record
    WHERE collection = ?1 ORDER BY position";
const LAST_POSITION: &str = "SELECT MAX(position) FROM record
    WHERE collection = ?1 AND group_tag = ?2";
const PUT: &str = "INSERT INTO record (collection, group_tag, key_tag, position, value)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (collection, key_tag) DO UPDATE SET
    group_tag = excluded.group_tag, position = excluded.position, value = excluded.value";
const DELETE: &str = "DELETE FROM record WHERE collection = ?1 AND key_tag = ?2";
const DELETE_GROUP: &str = "DELETE FROM record WHERE collection = ?1 AND group_tag = ?2";

/// Keys with their values.
pub type RecordList = Vec<(Vec<u8>, Vec<u8>)>;

/// Changes to one vault that are kept together or not at all. Reads see its own writes.
///
/// After a write failed (a full disk, for example) every further write fails too, and the whole
/// transaction is undone even when its closure returns `Ok`.
pub struct Transaction<'vault> {
    records: Records<'vault>,
    failed: Cell<bool>,
}

impl<'vault> Transaction<'vault> {
    pub(super) fn new(connection: &'vault Connection, sealer: &'vault Sealer) -> Self {
        Transaction {
            records: Records { connection, sealer },
            failed: Cell::new(false),
        }
    }

    /// As [`super::Vault::get`], with this transaction's writes.
    pub fn get(&self, collection: Collection, key: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        self.records.get(collection, key)
    }

    /// As [`super::Vault::list`], with this transaction's writes.
    pub fn list(&self, collection: Collection, group: &[u8]) -> Result<RecordList, VaultError> {
        self.records.list(collection, group)
    }

    /// As [`super::Vault::last_position`], seeing what this transaction has written.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn last_position(
        &self,
        collection: Collection,
        group: &[u8],
    ) -> Result<Option<i64>, VaultError> {
        self.records.last_position(collection, group)
    }

    /// As [`super::Vault::list_all`], with this transaction's writes.
    pub fn list_all(&self, collection: Collection) -> Result<RecordList, VaultError> {
        self.records.list_all(collection)
    }

    /// Stores a record. A key is unique within its collection: one that exists is replaced,
    /// together with its group and position. The position orders the group and may be shared by
    /// several records; it is stored in clear, so it must not say anything personal.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], [`VaultError::DiskFull`], [`VaultError::Io`],
    /// [`VaultError::TransactionFailed`] after an earlier write failed.
    pub fn put(
        &self,
        collection: Collection,
        group: &[u8],
        key: &[u8],
        position: i64,
        value: &[u8],
    ) -> Result<(), VaultError> {
        let sealer = self.records.sealer;
        let place = Place {
            collection,
            group_tag: sealer.group_tag(collection, group)?,
            key_tag: sealer.key_tag(collection, key)?,
            position,
        };
        let sealed = sealer.seal(&place, key, value)?;
        self.write(PUT, |statement| {
            statement.execute(params![
                collection.number(),
                place.group_tag,
                place.key_tag,
                position,
                sealed
            ])
        })?;
        Ok(())
    }

    /// Removes a record; says whether there was one.
    pub fn delete(&self, collection: Collection, key: &[u8]) -> Result<bool, VaultError> {
        let key_tag = self.records.sealer.key_tag(collection, key)?;
        let removed = self.write(DELETE, |statement| {
            statement.execute(params![collection.number(), key_tag])
        })?;
        Ok(removed > 0)
    }

    /// Removes all records of a group; says how many there were.
    pub fn delete_group(&self, collection: Collection, group: &[u8]) -> Result<usize, VaultError> {
        let group_tag = self.records.sealer.group_tag(collection, group)?;
        self.write(DELETE_GROUP, |statement| {
            statement.execute(params![collection.number(), group_tag])
        })
    }

    /// Whether a write failed, so that nothing may be committed.
    pub(super) fn has_failed(&self) -> bool {
        // SQLite ends a transaction by itself after some failures; a write made after that would
        // be kept alone.
        self.failed.get() || self.records.connection.is_autocommit()
    }

    fn write(
        &self,
        sql: &str,
        run: impl FnOnce(&mut CachedStatement<'_>) -> rusqlite::Result<usize>,
    ) -> Result<usize, VaultError> {
        if self.has_failed() {
            return Err(VaultError::TransactionFailed);
        }
        let outcome = self
            .records
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| run(&mut statement));
        outcome.map_err(|error| {
            self.failed.set(true);
            error.into()
        })
    }
}

/// Reading, the same inside a transaction and outside.
pub(super) struct Records<'vault> {
    pub(super) connection: &'vault Connection,
    pub(super) sealer: &'vault Sealer,
}

impl Records<'_> {
    pub(super) fn get(
        &self,
        collection: Collection,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let key_tag = self.sealer.key_tag(collection, key)?;
        let mut statement = self.connection.prepare_cached(GET)?;
        let found = statement
            .query_row(params![collection.number(), key_tag], |row| {
                Ok(open_row(self.sealer, row))
            })
            .optional()?;
        found
            .transpose()
            .map(|record| record.map(|(_, opened)| opened.value))
    }

    pub(super) fn contains(&self, collection: Collection, key: &[u8]) -> Result<bool, VaultError> {
        let key_tag = self.sealer.key_tag(collection, key)?;
        let mut statement = self.connection.prepare_cached(CONTAINS)?;
        Ok(statement.exists(params![collection.number(), key_tag])?)
    }

    pub(super) fn count(&self, collection: Collection) -> Result<u64, VaultError> {
        let mut statement = self.connection.prepare_cached(COUNT)?;
        let count: i64 = statement.query_row(params![collection.number()], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) fn is_empty(&self) -> Result<bool, VaultError> {
        let mut statement = self.connection.prepare_cached(ANY)?;
        Ok(!statement.exists([])?)
    }

    pub(super) fn list(
        &self,
        collection: Collection,
        group: &[u8],
    ) -> Result<RecordList, VaultError> {
        let group_tag = self.sealer.group_tag(collection, group)?;
        self.open_all(LIST, params![collection.number(), group_tag])
    }

    pub(super) fn last_position(
        &self,
        collection: Collection,
        group: &[u8],
    ) -> Result<Option<i64>, VaultError> {
        let group_tag = self.sealer.group_tag(collection, group)?;
        let mut statement = self.connection.prepare_cached(LAST_POSITION)?;
        let parameters = params![collection.number(), group_tag];
        Ok(statement.query_row(parameters, |row| row.get(0))?)
    }

    pub(super) fn list_all(&self, collection: Collection) -> Result<RecordList, VaultError> {
        self.open_all(LIST_ALL, params![collection.number()])
    }

    pub(super) fn list_all_that_open(
        &self,
        collection: Collection,
    ) -> Result<(RecordList, u64), VaultError> {
        let mut damaged = 0;
        let opened = self.open_each(LIST_ALL, params![collection.number()], |_| {
            damaged += 1;
            Ok(())
        })?;
        Ok((opened, damaged))
    }

    fn open_all(
        &self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<RecordList, VaultError> {
        self.open_each(sql, parameters, Err)
    }

    fn open_each(
        &self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
        mut not_opened: impl FnMut(VaultError) -> Result<(), VaultError>,
    ) -> Result<RecordList, VaultError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut opened = Vec::new();
        while let Some(row) = rows.next()? {
            match open_row(self.sealer, row) {
                Ok((place, record)) => opened.push((place.position, record.key, record.value)),
                Err(error) => not_opened(error)?,
            }
        }
        // Tags order nothing that a caller can know, so records of one position go by their keys.
        opened.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        Ok(opened
            .into_iter()
            .map(|(_, key, value)| (key, value))
            .collect())
    }
}

/// Opens a row that was selected with all five columns.
pub(super) fn open_row(
    sealer: &Sealer,
    row: &Row<'_>,
) -> Result<(Place, OpenedRecord), VaultError> {
    let collection = Collection::from_number(row.get(0)?)?;
    let damaged = || VaultError::damaged(DamagedPart::Record(collection));
    let tag = |column: usize| -> Result<NameTag, VaultError> {
        let bytes = row.get_ref(column)?.as_blob().map_err(|_| damaged())?;
        bytes.try_into().map_err(|_| damaged())
    };
    let place = Place {
        collection,
        group_tag: tag(1)?,
        key_tag: tag(2)?,
        position: row.get(3)?,
    };
    let sealed = row.get_ref(4)?.as_blob().map_err(|_| damaged())?;
    let record = sealer.open(&place, sealed)?;
    Ok((place, record))
}
