//! Looking through a whole vault for damage.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::collection::Collection;
use super::error::{DamagedPart, VaultError};
use super::seal::Sealer;
use super::transaction::open_row;

const ALL_ROWS: &str = "SELECT collection, group_tag, key_tag, position, value FROM record
    ORDER BY collection, key_tag";

/// Is shown each record that opens: its collection, key and value.
pub(crate) type Visitor<'a> = dyn FnMut(Collection, &[u8], &[u8]) + 'a;

/// What a look through the whole vault found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Records that opened.
    pub sound_records: u64,
    /// Records that did not open, by collection.
    pub damaged_records: BTreeMap<Collection, u64>,
    /// Rows of a collection that does not exist.
    pub unknown_rows: u64,
    /// What SQLite says about the structure of its file; it names pages, tables and indexes only.
    pub database_problems: Vec<String>,
}

impl CheckReport {
    /// How many records do not open.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged_records.values().sum::<u64>() + self.unknown_rows
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged_records.is_empty()
            && self.unknown_rows == 0
            && self.database_problems.is_empty()
    }
}

/// Opens every record and lets SQLite check its structure. Damage is reported, not returned as an
/// error, except when it stops the reading itself.
pub(super) fn check(
    connection: &Connection,
    sealer: &Sealer,
    visit: &mut Visitor<'_>,
) -> Result<CheckReport, VaultError> {
    let mut report = CheckReport {
        database_problems: database_problems(connection)?,
        ..CheckReport::default()
    };
    let mut statement = connection.prepare(ALL_ROWS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match open_row(sealer, row) {
            Ok((place, record)) => {
                report.sound_records += 1;
                visit(place.collection, &record.key, &record.value);
            }
            Err(VaultError::Damaged {
                what: DamagedPart::Record(collection),
            }) => *report.damaged_records.entry(collection).or_default() += 1,
            Err(VaultError::Damaged { .. }) => report.unknown_rows += 1,
            Err(other) => return Err(other),
        }
    }
    Ok(report)
}

fn database_problems(connection: &Connection) -> Result<Vec<String>, VaultError> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}
