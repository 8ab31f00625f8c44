//! Bounds a change before automerge decodes it.
//!
//! A change stores its operations in columns of run-length encoded numbers and strings: ten bytes
//! can claim 2⁶² operations, or one long string a million times. automerge expands them without a
//! limit, and neither an endless loop nor a failed allocation can be caught. So this module walks
//! the same bytes without expanding anything and adds up what they claim.
//!
//! Layout of a change chunk's data (automerge storage format, "change chunks"): dependencies
//! (count, 32 bytes each) ‖ actor ‖ seq ‖ first operation ‖ time ‖ message ‖ other actors (count,
//! each) ‖ columns (count, then specification and length of each) ‖ column data ‖ extra bytes.

use crate::chunk::Cursor;
use crate::{ChangeRefusal, GateLimits};

/// What a change claims, after every claim was found to be within its limit.
pub(crate) struct Claims {
    pub(crate) operations: u64,
}

/// Checks the data of a change chunk against `limits`.
///
/// Marks (rich text) and compressed or unknown columns are refused: no document of ours has them.
pub(crate) fn check(data: &[u8], limits: &GateLimits) -> Result<Claims, ChangeRefusal> {
    let mut cursor = Cursor(data);
    let actors = check_header(&mut cursor, limits)?;
    let columns = read_columns(&mut cursor)?;
    let mut totals = Totals::default();
    for column in &columns {
        totals.add(column, actors, limits)?;
    }
    totals.check(limits)?;
    Ok(Claims {
        operations: totals.operations,
    })
}

/// Returns the number of actors that the columns may refer to.
fn check_header(cursor: &mut Cursor<'_>, limits: &GateLimits) -> Result<u64, ChangeRefusal> {
    let dependencies = cursor.unsigned().ok_or(CUT)?;
    limit("dependencies", dependencies, limits.dependencies_per_change)?;
    cursor.take(dependencies.saturating_mul(32)).ok_or(CUT)?;
    cursor.prefixed().ok_or(CUT)?;
    let seq = cursor.unsigned().ok_or(CUT)?;
    let first_operation = cursor.unsigned().ok_or(CUT)?;
    if seq == 0 || first_operation == 0 {
        return Err(ChangeRefusal::Malformed("a number that begins at 1 is 0"));
    }
    limit(
        "operations in the document",
        first_operation,
        limits.operations_per_document,
    )?;
    cursor.signed().ok_or(CUT)?;
    let message = cursor.prefixed().ok_or(CUT)?;
    limit(
        "bytes in the message",
        message.len() as u64,
        limits.message_bytes,
    )?;
    let others = cursor.unsigned().ok_or(CUT)?;
    limit("actors", others, limits.actors_per_change)?;
    for _ in 0..others {
        cursor.prefixed().ok_or(CUT)?;
    }
    Ok(others + 1)
}

const CUT: ChangeRefusal = ChangeRefusal::Malformed("cut short or a number too large");

pub(crate) fn limit(what: &'static str, found: u64, maximum: u64) -> Result<(), ChangeRefusal> {
    if found > maximum {
        return Err(ChangeRefusal::TooMany { what, maximum });
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ObjectActor,
    ObjectCounter,
    KeyActor,
    KeyCounter,
    KeyString,
    Insert,
    Action,
    ValueMetadata,
    ValueBytes,
    PredecessorCount,
    PredecessorActor,
    PredecessorCounter,
}

impl Kind {
    /// From a column specification: id in the bits above 4, deflate in bit 3, type below.
    fn from_specification(specification: u64) -> Result<Kind, ChangeRefusal> {
        Ok(match specification {
            0x01 => Kind::ObjectActor,
            0x02 => Kind::ObjectCounter,
            0x11 => Kind::KeyActor,
            0x13 => Kind::KeyCounter,
            0x15 => Kind::KeyString,
            0x34 => Kind::Insert,
            0x42 => Kind::Action,
            0x56 => Kind::ValueMetadata,
            0x57 => Kind::ValueBytes,
            0x70 => Kind::PredecessorCount,
            0x71 => Kind::PredecessorActor,
            0x73 => Kind::PredecessorCounter,
            0x94 | 0xa5 => return Err(ChangeRefusal::Malformed("marks are not used")),
            compressed if compressed & 0x08 != 0 => {
                return Err(ChangeRefusal::Malformed("a compressed column"));
            }
            _ => return Err(ChangeRefusal::Malformed("an unknown column")),
        })
    }
}

struct Column<'a> {
    kind: Kind,
    data: &'a [u8],
}

fn read_columns<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Column<'a>>, ChangeRefusal> {
    let count = cursor.unsigned().ok_or(CUT)?;
    // No more than one of each kind, as they must ascend.
    limit("columns", count, 12)?;
    let mut lengths = Vec::new();
    for _ in 0..count {
        let specification = cursor.unsigned().ok_or(CUT)?;
        let length = cursor.unsigned().ok_or(CUT)?;
        lengths.push((Kind::from_specification(specification)?, length));
    }
    if !lengths.is_sorted_by(|(earlier, _), (later, _)| earlier < later) {
        return Err(ChangeRefusal::Malformed("columns out of order"));
    }
    let mut columns = Vec::new();
    for (kind, length) in lengths {
        let data = cursor.take(length).ok_or(CUT)?;
        columns.push(Column { kind, data });
    }
    Ok(columns)
}

#[derive(Default)]
struct Totals {
    operations: u64,
    key_bytes: u64,
    predecessors: u64,
    value_bytes_claimed: u64,
    value_bytes_present: u64,
}

impl Totals {
    fn add(
        &mut self,
        column: &Column<'_>,
        actors: u64,
        limits: &GateLimits,
    ) -> Result<(), ChangeRefusal> {
        let rows = limits.operations_per_change;
        let predecessors = limits.predecessors_per_change;
        match column.kind {
            Kind::ObjectActor | Kind::KeyActor => {
                check_actors(column.data, actors, rows)?;
            }
            Kind::PredecessorActor => check_actors(column.data, actors, predecessors)?,
            Kind::ObjectCounter => {
                walk_runs(column.data, rows, Cursor::unsigned, |_, _| Ok(()))?;
            }
            Kind::KeyCounter => {
                walk_runs(column.data, rows, Cursor::signed, |_, _| Ok(()))?;
            }
            Kind::PredecessorCounter => {
                walk_runs(column.data, predecessors, Cursor::signed, |_, _| Ok(()))?;
            }
            Kind::KeyString => {
                walk_runs(column.data, rows, Cursor::prefixed, |run, key| {
                    add_product(&mut self.key_bytes, run, key.len() as u64);
                    Ok(())
                })?;
            }
            Kind::Insert => check_booleans(column.data, rows)?,
            Kind::Action => {
                self.operations = walk_runs(column.data, rows, Cursor::unsigned, |_, _| Ok(()))?;
            }
            Kind::ValueMetadata => {
                walk_runs(column.data, rows, Cursor::unsigned, |run, metadata| {
                    add_product(&mut self.value_bytes_claimed, run, metadata >> 4);
                    Ok(())
                })?;
            }
            Kind::ValueBytes => self.value_bytes_present = column.data.len() as u64,
            Kind::PredecessorCount => {
                walk_runs(column.data, rows, Cursor::unsigned, |run, count| {
                    add_product(&mut self.predecessors, run, count);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn check(&self, limits: &GateLimits) -> Result<(), ChangeRefusal> {
        limit("bytes in keys", self.key_bytes, limits.key_bytes_per_change)?;
        limit(
            "predecessors",
            self.predecessors,
            limits.predecessors_per_change,
        )?;
        if self.value_bytes_claimed != self.value_bytes_present {
            return Err(ChangeRefusal::Malformed("values do not fill their column"));
        }
        if self.operations == 0 {
            return Err(ChangeRefusal::Malformed("no operations"));
        }
        Ok(())
    }
}

pub(crate) fn add_product(total: &mut u64, run: u64, size: u64) {
    *total = total.saturating_add(run.saturating_mul(size));
}

/// Actor indexes outside the change's list make automerge panic.
pub(crate) fn check_actors(data: &[u8], actors: u64, rows: u64) -> Result<(), ChangeRefusal> {
    walk_runs(data, rows, Cursor::unsigned, |_, actor| {
        if actor >= actors {
            return Err(ChangeRefusal::Malformed("an actor that is not listed"));
        }
        Ok(())
    })?;
    Ok(())
}

/// Walks a run-length encoded column: a positive count and one value, a negative count and that
/// many values, or zero and a count of nulls. Returns the number of rows.
pub(crate) fn walk_runs<'a, T>(
    data: &'a [u8],
    maximum_rows: u64,
    read: impl Fn(&mut Cursor<'a>) -> Option<T>,
    mut visit: impl FnMut(u64, T) -> Result<(), ChangeRefusal>,
) -> Result<u64, ChangeRefusal> {
    let mut cursor = Cursor(data);
    let mut rows = 0u64;
    while !cursor.is_empty() {
        let count = cursor.signed().ok_or(CUT)?;
        let run = match count {
            0 => cursor.unsigned().ok_or(CUT)?,
            _ => count.unsigned_abs(),
        };
        if run == 0 {
            return Err(ChangeRefusal::Malformed("an empty run"));
        }
        rows = rows.saturating_add(run);
        limit("operations", rows, maximum_rows)?;
        if count > 0 {
            visit(run, read(&mut cursor).ok_or(CUT)?)?;
        } else if count < 0 {
            for _ in 0..run {
                visit(1, read(&mut cursor).ok_or(CUT)?)?;
            }
        }
    }
    Ok(rows)
}

/// A boolean column alternates counts of false and true.
pub(crate) fn check_booleans(data: &[u8], maximum_rows: u64) -> Result<(), ChangeRefusal> {
    let mut cursor = Cursor(data);
    let mut rows = 0u64;
    while !cursor.is_empty() {
        rows = rows.saturating_add(cursor.unsigned().ok_or(CUT)?);
        limit("operations", rows, maximum_rows)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change's data with one `Action` column (and others as given), otherwise plausible.
    fn change_data(columns: &[(u8, &[u8])]) -> Vec<u8> {
        let mut data = vec![0, 16];
        data.extend([7; 16]);
        data.extend([1, 1, 0, 0, 0, columns.len() as u8]);
        for (specification, column) in columns {
            // Specifications of 0x80 and above take two LEB128 bytes.
            if *specification >= 0x80 {
                data.extend([*specification, 1]);
            } else {
                data.push(*specification);
            }
            data.push(column.len() as u8);
        }
        for (_, column) in columns {
            data.extend(*column);
        }
        data
    }

    fn refusal(columns: &[(u8, &[u8])]) -> ChangeRefusal {
        check(&change_data(columns), &GateLimits::default())
            .err()
            .unwrap()
    }

    const TWO_DELETES: (u8, &[u8]) = (0x42, &[2, 3]);

    #[test]
    fn plausible_columns_are_counted() {
        let data = change_data(&[(0x15, &[2, 1, b'a']), TWO_DELETES]);
        let claims = check(&data, &GateLimits::default()).unwrap();
        assert_eq!(claims.operations, 2);
    }

    #[test]
    fn a_run_of_astronomical_length_is_refused_without_being_walked() {
        let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 3];
        assert_eq!(refusal(&[(0x42, &endless)]).code(), "change_too_many");
        let nulls = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f];
        assert_eq!(refusal(&[(0x42, &nulls)]).code(), "change_too_many");
    }

    #[test]
    fn a_long_key_repeated_often_is_refused() {
        let mut key = vec![0xa0, 0x8d, 0x06, 0x32];
        key.extend([b'k'; 50]);
        let data = change_data(&[(0x15, &key), TWO_DELETES]);
        let limits = GateLimits {
            key_bytes_per_change: 1_000,
            ..GateLimits::default()
        };
        assert_eq!(
            check(&data, &limits).err().unwrap().code(),
            "change_too_many"
        );
    }

    #[test]
    fn predecessors_marks_compressed_unknown_and_unordered_columns_are_refused() {
        let many = [1, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(
            refusal(&[TWO_DELETES, (0x70, &many)]).code(),
            "change_too_many"
        );
        for columns in [
            &[TWO_DELETES, (0x94, &[2])][..],
            &[(0x4a, &[2, 3])],
            &[TWO_DELETES, (0x62, &[2, 3])],
            &[TWO_DELETES, (0x15, &[2, 1, b'a'])],
            &[TWO_DELETES, TWO_DELETES],
            &[(0x01, &[2, 1]), TWO_DELETES],
            &[TWO_DELETES, (0x56, &[2, 0x16])],
            &[],
        ] {
            assert_eq!(refusal(columns).code(), "change_malformed");
        }
    }
}
