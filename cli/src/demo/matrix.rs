//! Who can open what, found by trying keys on the relay's stored ciphertext. No permission is
//! asked: a cell says "yes" because a key opened an envelope.

use std::path::Path;

use nahtlos_client::audit::{KeyTrial, StoredWrap};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::SpaceId;
use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::DemoError;

/// `journal.kind` of an operation, as on the wire.
const OPERATION: u8 = 1;
/// `journal.kind` of an envelope, as on the wire.
const ENVELOPE: u8 = 2;

/// What a relay has on its disk.
pub struct Stored {
    /// Every envelope.
    pub envelopes: Vec<Envelope>,
    /// Every wrapped key.
    pub wraps: Vec<Wrapped>,
    /// Every operation.
    pub operations: Vec<Vec<u8>>,
    /// The only secret there: the seed of the relay's signing key.
    pub relay_secret: Zeroizing<[u8; Secret32::BYTES]>,
}

/// A wrapped key beside its operation.
pub struct Wrapped {
    operation: Vec<u8>,
    recipient: [u8; 32],
    bytes: Vec<u8>,
}

impl Stored {
    /// Reads a relay's database, past the relay.
    ///
    /// # Errors
    /// [`DemoError::Database`], [`DemoError::Envelope`].
    pub fn read(database: &Path) -> Result<Self, DemoError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        let mut bodies = connection.prepare(
            "SELECT body.bytes FROM journal JOIN body USING (sequence) WHERE kind = ?1 ORDER BY sequence",
        )?;
        let bodies = bodies
            .query_map([ENVELOPE], |row| row.get::<_, Vec<u8>>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let envelopes = bodies
            .iter()
            .map(|bytes| Envelope::decode(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let mut wraps = connection.prepare(
            "SELECT body.bytes, wraps.recipient, wraps.bytes FROM wraps \
             JOIN body ON body.sequence = wraps.operation",
        )?;
        let wraps = wraps
            .query_map([], |row| {
                Ok(Wrapped {
                    operation: row.get(0)?,
                    recipient: row.get(1)?,
                    bytes: row.get(2)?,
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let mut operations = connection
            .prepare("SELECT body.bytes FROM journal JOIN body USING (sequence) WHERE kind = ?1")?;
        let operations = operations
            .query_map([OPERATION], |row| row.get(0))?
            .collect::<Result<Vec<Vec<u8>>, _>>()?;
        let relay_secret =
            connection.query_row("SELECT seed FROM identity", [], |row| row.get(0))?;
        Ok(Self {
            envelopes,
            wraps,
            operations,
            relay_secret: Zeroizing::new(relay_secret),
        })
    }

    /// Every wrapped key, to be tried.
    pub fn wraps(&self) -> Vec<StoredWrap<'_>> {
        self.wraps
            .iter()
            .map(|wrap| StoredWrap {
                operation: &wrap.operation,
                recipient: wrap.recipient,
                bytes: &wrap.bytes,
            })
            .collect()
    }
}

/// A table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The directory, the enquiries and the first case.
    First,
    /// The second case.
    Second,
}

/// A column: some spaces whose envelopes belong together.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// In which table it stands.
    pub table: Table,
    /// The spaces.
    pub spaces: Vec<SpaceId>,
}

/// What a key holder opened of a column's envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// All, and there were some.
    All,
    /// None, and there were some.
    None,
    /// Some only: never right.
    Some {
        /// How many.
        opened: usize,
        /// Of how many.
        of: usize,
    },
    /// There was nothing to open: says nothing about keys, and is never right.
    Nothing,
}

impl Cell {
    /// Counts.
    pub fn of(opened: usize, all: usize) -> Self {
        match (opened, all) {
            (_, 0) => Self::Nothing,
            (0, _) => Self::None,
            (opened, of) if opened == of => Self::All,
            (opened, of) => Self::Some { opened, of },
        }
    }

    /// As the matrix shows it.
    pub fn word(self) -> String {
        match self {
            Self::All => "yes".into(),
            Self::None => "-".into(),
            Self::Some { opened, of } => format!("{opened}/{of}"),
            Self::Nothing => "?".into(),
        }
    }
}

/// One row: who, and a cell for each column.
#[derive(Clone, Debug)]
pub struct Row {
    /// The key holder.
    pub name: String,
    /// What was found.
    pub cells: Vec<Cell>,
    /// What follows from the consent.
    pub expected: Vec<Cell>,
}

impl Row {
    /// Tries keys on all envelopes.
    pub fn by_trial(
        name: impl Into<String>,
        trial: &KeyTrial,
        envelopes: &[Envelope],
        columns: &[Column],
        expected: impl Fn(&Column) -> bool,
    ) -> Self {
        let cell = |column: &Column| {
            let these: Vec<&Envelope> = envelopes
                .iter()
                .filter(|envelope| column.spaces.contains(&envelope.header().space))
                .collect();
            let opened = these.iter().filter(|envelope| trial.opens(envelope));
            Cell::of(opened.count(), these.len())
        };
        let expectation = |column: &Column| match expected(column) {
            true => Cell::All,
            false => Cell::None,
        };
        Self {
            name: name.into(),
            cells: columns.iter().map(cell).collect(),
            expected: columns.iter().map(expectation).collect(),
        }
    }
}

/// The cells that are not as expected, in words.
pub fn differences(columns: &[Column], rows: &[Row]) -> Vec<String> {
    let mut differences = Vec::new();
    for row in rows {
        let cells = columns.iter().zip(row.cells.iter().zip(&row.expected));
        for (column, (found, expected)) in cells.filter(|(_, (found, wanted))| found != wanted) {
            differences.push(format!(
                "{}, {}: found {}, expected {}",
                row.name,
                column.title,
                found.word(),
                expected.word()
            ));
        }
    }
    differences
}

/// One table of the matrix as lines.
pub fn lines(table: Table, columns: &[Column], rows: &[Row]) -> Vec<String> {
    let stands_here: Vec<bool> = columns.iter().map(|column| column.table == table).collect();
    let columns: Vec<&Column> = columns
        .iter()
        .filter(|column| column.table == table)
        .collect();
    let first = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.title.chars().count().max(3) + 2)
        .collect();
    let line = |name: &str, cells: Vec<String>| {
        let mut line = format!("{name:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("{cell:>width$}"));
        }
        line
    };
    let titles = columns.iter().map(|column| column.title.clone()).collect();
    let mut lines = vec![line("", titles)];
    for row in rows {
        let cells = row.cells.iter().zip(&stands_here);
        let cells = cells.filter(|(_, stands)| **stands);
        lines.push(line(
            &row.name,
            cells.map(|(cell, _)| cell.word()).collect(),
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        ["core", "function"]
            .map(|title| Column {
                title: title.into(),
                table: Table::First,
                spaces: Vec::new(),
            })
            .into()
    }

    fn row(cells: [Cell; 2]) -> Row {
        Row {
            name: "Eva Sommer".into(),
            cells: cells.into(),
            expected: vec![Cell::All, Cell::None],
        }
    }

    #[test]
    fn a_row_that_is_as_expected_has_no_difference() {
        let rows = [row([Cell::All, Cell::None])];
        assert!(differences(&columns(), &rows).is_empty());
    }

    #[test]
    fn one_cell_too_many_too_few_half_or_empty_is_a_difference() {
        let half = Cell::Some { opened: 1, of: 2 };
        let wrong = [
            [Cell::All, Cell::All],
            [Cell::None, Cell::None],
            [half, Cell::None],
            [Cell::Nothing, Cell::None],
            [Cell::All, Cell::Nothing],
        ];
        for cells in wrong {
            let rows = [row(cells)];
            assert_eq!(differences(&columns(), &rows).len(), 1, "{cells:?}");
        }
        let rows = [row([Cell::All, Cell::All])];
        assert_eq!(
            differences(&columns(), &rows),
            ["Eva Sommer, function: found yes, expected -"]
        );
    }

    #[test]
    fn nothing_to_open_is_neither_all_nor_none() {
        assert_eq!(Cell::of(0, 0), Cell::Nothing);
        assert_eq!(Cell::of(0, 2), Cell::None);
        assert_eq!(Cell::of(2, 2), Cell::All);
        assert_eq!(Cell::of(1, 2), Cell::Some { opened: 1, of: 2 });
    }
}
