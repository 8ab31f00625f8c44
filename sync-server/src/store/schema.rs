//! The tables, and the way from one format to the next.

use rusqlite::Connection;

use super::StoreError;

/// The format this program writes, as `PRAGMA user_version`.
pub(super) const FORMAT: i64 = 1;

const FORMAT_1: &str = "
-- One row: what the relay is.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seed BLOB NOT NULL,
    journal BLOB NOT NULL,
    claim_key BLOB NOT NULL,
    network BLOB,
    restored INTEGER NOT NULL,
    began_after INTEGER NOT NULL,
    had_earlier INTEGER NOT NULL
);
-- Every item, without its bytes, so that walking the journal reads few pages.
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    space BLOB NOT NULL,
    log_index INTEGER,
    chain BLOB NOT NULL,
    -- Came back with the receipt of an earlier place.
    offered INTEGER NOT NULL
);
CREATE INDEX journal_by_space ON journal (space, kind, log_index);
-- What is known of an envelope without its bytes, which may be dropped once a snapshot covers them.
CREATE TABLE envelope (
    sequence INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    author BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    -- Waits in the held lane.
    held INTEGER NOT NULL,
    -- Of a snapshot: nothing is left to drop of what it covers. Of an erasure: the whole space is erased.
    settled INTEGER NOT NULL
);
CREATE INDEX held_by_author ON envelope (author) WHERE held = 1 OR kind = 6;
CREATE INDEX open_snapshots ON envelope (sequence) WHERE kind = 2 AND settled = 0;
CREATE TABLE parent (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    PRIMARY KEY (child, parent)
) WITHOUT ROWID;
CREATE INDEX children ON parent (parent, child);
CREATE TABLE body (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE receipt (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE wraps (
    operation INTEGER NOT NULL,
    recipient BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (operation, recipient)
) WITHOUT ROWID;
CREATE TABLE feed (
    feed BLOB NOT NULL,
    number INTEGER NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (feed, number)
) WITHOUT ROWID;
CREATE TABLE carry (
    space BLOB NOT NULL,
    feed BLOB NOT NULL,
    level INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (space, feed)
) WITHOUT ROWID;
CREATE TABLE membership (
    member BLOB NOT NULL,
    space BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (member, space)
) WITHOUT ROWID;
CREATE TABLE usage (institution BLOB PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE joined (invitation BLOB PRIMARY KEY, item BLOB NOT NULL) WITHOUT ROWID;
-- Written by the readiness probe only.
CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);
";

/// Refuses a database of a newer format before anything of it is believed.
pub(super) fn require_known(connection: &Connection) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found <= FORMAT {
        return Ok(());
    }
    Err(StoreError::NeedsNewer {
        found,
        known: FORMAT,
    })
}

/// Creates the tables in a new database; refuses one of a newer format.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        FORMAT => Ok(()),
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(FORMAT_1)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            transaction.commit()?;
            Ok(())
        }
        _ => Err(StoreError::NeedsNewer {
            found,
            known: FORMAT,
        }),
    }
}
