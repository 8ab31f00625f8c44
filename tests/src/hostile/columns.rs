//! Takes the data of changes and documents apart into columns and puts it together again, so that an
//! attack can change one column and keep everything else, lengths included, in order.

/// A change's data: `header ‖ columns ‖ rest`.
#[derive(Clone)]
pub struct ChangeParts {
    pub header: Vec<u8>,
    pub columns: Vec<Column>,
    pub rest: Vec<u8>,
}

/// A document's data: `actors and heads ‖ columns of changes ‖ columns of operations ‖ rest`.
#[derive(Clone)]
pub struct DocumentParts {
    pub header: Vec<u8>,
    pub changes: Vec<Column>,
    pub operations: Vec<Column>,
    pub rest: Vec<u8>,
}

/// A column's specification and data.
pub type Column = (u64, Vec<u8>);

impl ChangeParts {
    pub fn of(data: &[u8]) -> Option<Self> {
        let mut rest = data;
        let dependencies = unsigned(&mut rest)?;
        skip(&mut rest, dependencies.checked_mul(32)?)?;
        prefixed(&mut rest)?;
        for _ in 0..2 {
            unsigned(&mut rest)?;
        }
        // The time is signed, but ends where an unsigned number would.
        unsigned(&mut rest)?;
        prefixed(&mut rest)?;
        for _ in 0..unsigned(&mut rest)? {
            prefixed(&mut rest)?;
        }
        let header = data[..data.len() - rest.len()].to_vec();
        let lengths = specifications(&mut rest)?;
        let columns = columns(&mut rest, lengths)?;
        Some(Self {
            header,
            columns,
            rest: rest.to_vec(),
        })
    }

    pub fn data(&self) -> Vec<u8> {
        let columns = &self.columns;
        [
            &self.header,
            &table(columns),
            &contents(columns),
            &self.rest,
        ]
        .map(Vec::as_slice)
        .concat()
    }
}

impl DocumentParts {
    pub fn of(data: &[u8]) -> Option<Self> {
        let mut rest = data;
        for _ in 0..unsigned(&mut rest)? {
            prefixed(&mut rest)?;
        }
        let heads = unsigned(&mut rest)?;
        skip(&mut rest, heads.checked_mul(32)?)?;
        let header = data[..data.len() - rest.len()].to_vec();
        let changes = specifications(&mut rest)?;
        let operations = specifications(&mut rest)?;
        Some(Self {
            header,
            changes: columns(&mut rest, changes)?,
            operations: columns(&mut rest, operations)?,
            rest: rest.to_vec(),
        })
    }

    pub fn data(&self) -> Vec<u8> {
        let (changes, operations) = (&self.changes, &self.operations);
        let tables = [table(changes), table(operations)].concat();
        let contents = [contents(changes), contents(operations)].concat();
        [&self.header, &tables, &contents, &self.rest]
            .map(Vec::as_slice)
            .concat()
    }
}

fn specifications(rest: &mut &[u8]) -> Option<Vec<(u64, u64)>> {
    let count = unsigned(rest)?;
    (0..count)
        .map(|_| Some((unsigned(rest)?, unsigned(rest)?)))
        .collect()
}

fn columns(rest: &mut &[u8], lengths: Vec<(u64, u64)>) -> Option<Vec<Column>> {
    let read = lengths
        .into_iter()
        .map(|(specification, length)| Some((specification, skip(rest, length)?.to_vec())));
    read.collect()
}

fn table(columns: &[Column]) -> Vec<u8> {
    let mut table = leb128(columns.len() as u64);
    for (specification, data) in columns {
        table.extend(leb128(*specification));
        table.extend(leb128(data.len() as u64));
    }
    table
}

fn contents(columns: &[Column]) -> Vec<u8> {
    columns
        .iter()
        .flat_map(|(_, data)| data.iter().copied())
        .collect()
}

fn skip<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(taken)
}

fn prefixed<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = unsigned(rest)?;
    skip(rest, length)
}

/// Unsigned LEB128 from the front.
pub fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Unsigned LEB128.
pub fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Signed LEB128 of a number that is not negative.
pub fn positive(number: u64) -> Vec<u8> {
    let mut bytes = leb128(number);
    if bytes.last().is_some_and(|last| last & 0x40 != 0) {
        let last = bytes.len() - 1;
        bytes[last] |= 0x80;
        bytes.push(0);
    }
    bytes
}
