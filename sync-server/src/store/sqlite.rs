//! The default store: one SQLite file in WAL mode with `synchronous=FULL`, so that a returned
//! commit survives a power cut.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nahtlos_protocol::identifier::{InvitationId, ItemId, JournalId, RecipientId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::ItemKind;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::{
    Carry, Delivery, Facts, Found, Identity, NewItem, Reader, Store, StoreError, StoredItem, schema,
};

/// How long a statement waits for a lock another process holds (a backup, for a moment).
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// A connection to the relay's database.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
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
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
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
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self {
            connection,
            path: path.to_owned(),
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

impl Reader for SqliteStore {
    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let row = self
            .connection
            .query_row(
                "SELECT seed, journal, claim_key, network, restored FROM identity",
                [],
                |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, [u8; 16]>(1)?,
                        row.get::<_, [u8; 32]>(2)?,
                        row.get::<_, Option<[u8; 32]>>(3)?,
                        row.get::<_, bool>(4)?,
                    ))
                },
            )
            .optional()?;
        Ok(
            row.map(|(seed, journal, claim_key, network, restored)| Identity {
                seed,
                journal: JournalId(journal),
                claim_key,
                network: network.map(SpaceId),
                restored,
            }),
        )
    }

    fn facts(&self) -> Result<Facts, StoreError> {
        let last = |sql: &str| -> Result<u64, StoreError> {
            let last: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0))?;
            Ok(last.map_or(0, to_unsigned))
        };
        let last_item = last("SELECT max(sequence) FROM journal")?;
        let feed_heads = rows(
            &self.connection,
            "SELECT feed, max(number) FROM feed GROUP BY feed",
            |row| Ok((SpaceId(row.get(0)?), to_unsigned(row.get(1)?))),
        )?;
        let last_delivery = feed_heads.iter().map(|(_, last)| *last).max().unwrap_or(0);
        let chain = self
            .connection
            .query_row(
                "SELECT chain FROM journal WHERE sequence = ?1",
                [to_signed(last_item)],
                |row| row.get(0),
            )
            .optional()?
            .map(ItemId);
        let carried = rows(
            &self.connection,
            "SELECT space, feed, level, length FROM carry",
            |row| {
                let level = row.get(2)?;
                let carry = carry_from(level, to_unsigned(row.get(3)?));
                Ok((SpaceId(row.get(0)?), SpaceId(row.get(1)?), carry))
            },
        )?;
        Ok(Facts {
            last_number: last_item.max(last_delivery),
            chain,
            carried,
            memberships: rows(
                &self.connection,
                "SELECT member, space, since FROM membership",
                |row| {
                    let since = to_unsigned(row.get(2)?);
                    Ok((SpaceId(row.get(0)?), SpaceId(row.get(1)?), since))
                },
            )?,
            feed_heads,
            usage: rows(
                &self.connection,
                "SELECT institution, bytes FROM usage",
                |row| Ok((SpaceId(row.get(0)?), to_unsigned(row.get(1)?))),
            )?,
            joined: rows(
                &self.connection,
                "SELECT invitation, item FROM joined",
                |row| Ok((InvitationId(row.get(0)?), ItemId(row.get(1)?))),
            )?,
        })
    }

    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sequence, bytes FROM journal JOIN body USING (sequence)
             WHERE kind = 1 ORDER BY sequence",
        )?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            visit(to_unsigned(row.get(0)?), row.get(1)?)?;
        }
        Ok(())
    }

    fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT sequence, kind, space FROM journal WHERE id = ?1")?;
        let row = statement
            .query_row([id.0.as_slice()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, u8>(1)?, row.get(2)?))
            })
            .optional()?;
        row.map(|(sequence, kind, space)| {
            Ok(Found {
                sequence: to_unsigned(sequence),
                kind: kind_from(kind)?,
                space: SpaceId(space),
            })
        })
        .transpose()
    }

    fn item(&self, sequence: u64) -> Result<Option<StoredItem>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, kind, space, body.bytes, receipt.bytes, chain FROM journal
             JOIN body USING (sequence) LEFT JOIN receipt USING (sequence) WHERE sequence = ?1",
        )?;
        let row = statement
            .query_row([to_signed(sequence)], |row| {
                Ok((
                    ItemId(row.get(0)?),
                    row.get::<_, u8>(1)?,
                    SpaceId(row.get(2)?),
                    row.get(3)?,
                    row.get::<_, Option<Vec<u8>>>(4)?,
                    ItemId(row.get(5)?),
                ))
            })
            .optional()?;
        row.map(|(id, kind, space, bytes, receipt, chain)| {
            Ok(StoredItem {
                id,
                kind: kind_from(kind)?,
                space,
                bytes,
                receipt: receipt.unwrap_or_default(),
                chain,
            })
        })
        .transpose()
    }

    fn sequences_after(&self, after: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            params![to_signed(after), limit_of(limit)],
        )
    }

    fn log_places(&self, space: &SpaceId, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal
             WHERE space = ?1 AND kind = 1 AND log_index >= ?2 AND log_index < ?3
             ORDER BY sequence",
            params![space.0, to_signed(from), to_signed(to)],
        )
    }

    fn envelope_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal WHERE space = ?1 AND kind = 2 ORDER BY sequence",
            [space.0.as_slice()],
        )
    }

    fn delivered_places(&self, feed: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT DISTINCT item FROM feed WHERE feed = ?1 ORDER BY item",
            [feed.0.as_slice()],
        )
    }

    fn deliveries(
        &self,
        feed: &SpaceId,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, item FROM feed WHERE feed = ?1 AND number > ?2 AND number <= ?3
             ORDER BY number LIMIT ?4",
        )?;
        let found = statement.query_map(
            params![feed.0, to_signed(after), to_signed(up_to), limit_of(limit)],
            |row| {
                Ok(Delivery {
                    number: to_unsigned(row.get(0)?),
                    item: to_unsigned(row.get(1)?),
                })
            },
        )?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn wraps(&self, operation: u64, recipients: &[RecipientId]) -> Result<Vec<Wrap>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM wraps WHERE operation = ?1 AND recipient = ?2")?;
        let mut wraps = Vec::new();
        for recipient in recipients {
            let bytes: Option<Vec<u8>> = statement
                .query_row(params![to_signed(operation), recipient.0], |row| row.get(0))
                .optional()?;
            wraps.extend(bytes.map(|bytes| Wrap {
                recipient: *recipient,
                bytes,
            }));
        }
        Ok(wraps)
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE", [])
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.execute("COMMIT", []);
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // Where rolling back fails too, SQLite has rolled back by itself.
            let _rolled_back_already = self.execute("ROLLBACK", []);
        }
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO identity (one, seed, journal, claim_key, network, restored)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                identity.seed,
                identity.journal.0,
                identity.claim_key,
                identity.network.map(|network| network.0),
                identity.restored
            ],
        )
    }

    fn put_item(&mut self, item: &NewItem<'_>) -> Result<(), StoreError> {
        let sequence = to_signed(item.sequence);
        self.execute(
            "INSERT INTO journal (sequence, kind, id, space, log_index, chain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                sequence,
                kind_number(item.kind),
                item.id.0,
                item.space.0,
                item.log_index.map(to_signed),
                item.chain.0
            ],
        )?;
        self.execute(
            "INSERT INTO body (sequence, bytes) VALUES (?1, ?2)",
            params![sequence, item.bytes],
        )
    }

    fn put_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO receipt (sequence, bytes) VALUES (?1, ?2)",
            params![to_signed(sequence), receipt],
        )
    }

    fn put_wrap(&mut self, operation: u64, wrap: &Wrap) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO wraps (operation, recipient, bytes) VALUES (?1, ?2, ?3)",
            params![to_signed(operation), wrap.recipient.0, wrap.bytes],
        )
    }

    fn put_delivery(&mut self, feed: &SpaceId, delivery: Delivery) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO feed (feed, number, item) VALUES (?1, ?2, ?3)",
            params![feed.0, to_signed(delivery.number), to_signed(delivery.item)],
        )
    }

    fn put_carry(
        &mut self,
        space: &SpaceId,
        feed: &SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError> {
        let (level, length) = match carry {
            Carry::Prefix(length) => (1, length),
            Carry::Log => (2, 0),
            Carry::Tree => (3, 0),
            Carry::Content => (4, 0),
        };
        self.execute(
            "INSERT OR REPLACE INTO carry (space, feed, level, length) VALUES (?1, ?2, ?3, ?4)",
            params![space.0, feed.0, level, to_signed(length)],
        )
    }

    fn put_membership(
        &mut self,
        member: &SpaceId,
        group: &SpaceId,
        since: u64,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO membership (member, space, since) VALUES (?1, ?2, ?3)",
            params![member.0, group.0, to_signed(since)],
        )
    }

    fn put_usage(&mut self, institution: &SpaceId, bytes: u64) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO usage (institution, bytes) VALUES (?1, ?2)",
            params![institution.0, to_signed(bytes)],
        )
    }

    fn put_joined(&mut self, invitation: &InvitationId, item: &ItemId) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO joined (invitation, item) VALUES (?1, ?2)",
            params![invitation.0, item.0],
        )
    }

    fn probe(&mut self, now_ms: u64) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO probe (one, at_ms) VALUES (1, ?1)",
            [to_signed(now_ms)],
        )
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(Self::open_to_read(&self.path)?))
    }
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn carry_from(level: u8, length: u64) -> Carry {
    match level {
        4 => Carry::Content,
        3 => Carry::Tree,
        2 => Carry::Log,
        _ => Carry::Prefix(length),
    }
}

fn kind_number(kind: ItemKind) -> u8 {
    match kind {
        ItemKind::Operation => 1,
        ItemKind::Envelope => 2,
        ItemKind::JoinRequest => 3,
    }
}

fn kind_from(number: u8) -> Result<ItemKind, StoreError> {
    match number {
        1 => Ok(ItemKind::Operation),
        2 => Ok(ItemKind::Envelope),
        3 => Ok(ItemKind::JoinRequest),
        other => Err(StoreError::Damaged {
            what: format!("an item of kind {other}"),
        }),
    }
}

/// SQLite's integers are signed; no counter here comes near 2^63.
fn to_signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
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
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn sqlite_passes_the_conformance_suite() {
        conformance::run(|| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("relay.sqlite");
            conformance::Fixture {
                reopen: Box::new(move || Box::new(SqliteStore::open(&path, None).unwrap())),
                _directory: directory,
            }
        });
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures_and_loses_nothing_stored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sqlite");
        let mut store = SqliteStore::open(&path, Some(200 * 1024)).unwrap();
        let big = vec![7; 300 * 1024];
        store.begin().unwrap();
        store.put_item(&conformance::item(1, &[1])).unwrap();
        store.commit().unwrap();
        store.begin().unwrap();
        let refused = store.put_item(&conformance::item(2, &big));
        assert!(matches!(refused, Err(StoreError::Full(_))));
        store.roll_back();
        assert!(store.item(1).unwrap().is_some());
        assert!(store.item(2).unwrap().is_none());
    }

    #[test]
    fn only_the_owner_can_read_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sqlite");
        let mut store = SqliteStore::open(&path, None).unwrap();
        store.probe(1).unwrap();
        let mut files = 0;
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            files += 1;
        }
        assert_eq!(files, 3, "database, -wal and -shm");
    }

    #[test]
    fn a_newer_format_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.sqlite");
        drop(SqliteStore::open(&path, None).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            SqliteStore::open(&path, None),
            Err(StoreError::NeedsNewer { found: 99, .. })
        ));
    }
}
