//! Snapshots: a whole document in one piece, made by somebody else.
//!
//! A saved document stores its history in run-length encoded columns, and a few bytes can claim rows
//! without end; nothing catches a failed allocation. So the same bytes are walked first, expanding
//! nothing, and what they claim is added up. Then the engine loads them with full verification, each
//! change of its history must be one that the gate would have taken, and the heads must be those
//! announced.
//!
//! Layout of a document chunk's data (automerge storage format, "document chunks"): actors (count,
//! each) ‖ heads (count, 32 bytes each) ‖ change columns (count, then specification and length of
//! each) ‖ operation columns (the same) ‖ data of the one ‖ data of the other ‖ indexes of the heads.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use thiserror::Error;

use crate::chunk::{self, Cursor};
use crate::{Actor, ChangeHash, ChangeRefusal, Document, DocumentError, GateLimits, columns, gate};

/// A document and what its author says about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The saved document as a zlib stream (RFC 1950).
    pub compressed: Vec<u8>,
    /// Bytes of the saved document.
    pub bytes: u64,
    /// Its heads, ascending.
    pub heads: Vec<ChangeHash>,
}

/// What a snapshot may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Bytes of the saved document.
    pub bytes: u64,
    /// Rows of any column of operations, with what they replace.
    pub rows: u64,
    /// Rows of any column of changes, with what they depend on: about 700 bytes each in memory.
    pub changes: u64,
    /// Bytes of all keys and messages after expansion.
    pub text_bytes: u64,
    /// Actors.
    pub actors: u64,
    /// Heads.
    pub heads: u64,
}

impl Default for SnapshotLimits {
    fn default() -> SnapshotLimits {
        SnapshotLimits {
            bytes: 64 * 1024 * 1024,
            rows: 5_000_000,
            changes: 500_000,
            text_bytes: 256 * 1024 * 1024,
            actors: 100_000,
            heads: 10_000,
        }
    }
}

/// Why a snapshot is not taken. Nothing was changed.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The document does not compress or expand to the announced size, or lies above the limit.
    #[error("the snapshot is damaged or too large")]
    Size,
    /// It claims more than the limits allow, or is no document of ours.
    #[error("the snapshot is refused: {0}")]
    Claims(ChangeRefusal),
    /// The engine does not load it.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Its heads are not those announced.
    #[error("the snapshot has other heads than it says")]
    OtherHeads,
}

impl Document {
    /// The document as a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] where readers would not take it.
    pub fn snapshot(&self, limits: &SnapshotLimits) -> Result<Snapshot, SnapshotError> {
        let saved = self.save();
        check(&saved, limits)?;
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        let written = encoder.write_all(&saved).and_then(|()| encoder.finish());
        Ok(Snapshot {
            compressed: written.map_err(|_| SnapshotError::Size)?,
            bytes: saved.len() as u64,
            heads: self.heads(),
        })
    }

    /// Loads a snapshot that somebody else made.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn load_snapshot(
        snapshot: &Snapshot,
        actor: Actor,
        limits: &SnapshotLimits,
    ) -> Result<Document, SnapshotError> {
        let saved = expand(snapshot, limits)?;
        check(&saved, limits)?;
        let document = Document::load(&saved, actor)?;
        gate::check_history(document.engine(), &GateLimits::default())
            .map_err(SnapshotError::Claims)?;
        if document.heads() != snapshot.heads {
            return Err(SnapshotError::OtherHeads);
        }
        Ok(document)
    }

    /// The actors of all changes.
    pub fn actors(&self) -> BTreeSet<Actor> {
        let history = self.history();
        history.iter().map(|change| change.actor).collect()
    }
}

fn expand(snapshot: &Snapshot, limits: &SnapshotLimits) -> Result<Vec<u8>, SnapshotError> {
    if snapshot.bytes > limits.bytes {
        return Err(SnapshotError::Size);
    }
    let mut saved = Vec::new();
    let read = ZlibDecoder::new(snapshot.compressed.as_slice())
        .take(snapshot.bytes.saturating_add(1))
        .read_to_end(&mut saved);
    if read.is_err() || saved.len() as u64 != snapshot.bytes {
        return Err(SnapshotError::Size);
    }
    Ok(saved)
}

const CUT: ChangeRefusal = ChangeRefusal::Malformed("cut short or a number too large");

/// Walks a saved document and adds up what it claims.
fn check(saved: &[u8], limits: &SnapshotLimits) -> Result<(), SnapshotError> {
    let data = chunk::document_data(saved).map_err(DocumentError::Chunk)?;
    walk(data, limits).map_err(SnapshotError::Claims)
}

fn walk(data: &[u8], limits: &SnapshotLimits) -> Result<(), ChangeRefusal> {
    let mut cursor = Cursor(data);
    let actors = cursor.unsigned().ok_or(CUT)?;
    columns::limit("actors", actors, limits.actors)?;
    for _ in 0..actors {
        cursor.prefixed().ok_or(CUT)?;
    }
    let heads = cursor.unsigned().ok_or(CUT)?;
    columns::limit("heads", heads, limits.heads)?;
    cursor.take(heads.saturating_mul(32)).ok_or(CUT)?;
    let change_columns = specifications(&mut cursor)?;
    let operation_columns = specifications(&mut cursor)?;
    for (columns, rows) in [
        (change_columns, limits.changes),
        (operation_columns, limits.rows),
    ] {
        for (specification, length) in columns {
            let column = cursor.take(length).ok_or(CUT)?;
            walk_column(specification, column, actors, rows, limits)?;
        }
    }
    Ok(())
}

/// Specification and length of each column.
fn specifications(cursor: &mut Cursor<'_>) -> Result<Vec<(u64, u64)>, ChangeRefusal> {
    let count = cursor.unsigned().ok_or(CUT)?;
    columns::limit("columns", count, 64)?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let specification = cursor.unsigned().ok_or(CUT)?;
        let length = cursor.unsigned().ok_or(CUT)?;
        if specification & 0x08 != 0 {
            return Err(ChangeRefusal::Malformed("a compressed column"));
        }
        columns.push((specification, length));
    }
    Ok(columns)
}

/// One column, by its type in the three lowest bits of the specification.
fn walk_column(
    specification: u64,
    column: &[u8],
    actors: u64,
    rows: u64,
    limits: &SnapshotLimits,
) -> Result<(), ChangeRefusal> {
    let mut total = 0;
    match specification & 0x07 {
        // Counts of what a row has several of.
        0 => {
            columns::walk_runs(column, rows, Cursor::unsigned, |run, count| {
                columns::add_product(&mut total, run, count);
                columns::limit("operations", total, rows)
            })?;
        }
        1 => columns::check_actors(column, actors, rows)?,
        2 => {
            columns::walk_runs(column, rows, Cursor::unsigned, |_, _| Ok(()))?;
        }
        3 => {
            columns::walk_runs(column, rows, Cursor::signed, |_, _| Ok(()))?;
        }
        4 => columns::check_booleans(column, rows)?,
        5 => {
            columns::walk_runs(column, rows, Cursor::prefixed, |run, text| {
                columns::add_product(&mut total, run, text.len() as u64);
                columns::limit("bytes in keys", total, limits.text_bytes)
            })?;
        }
        // Lengths of values: together no more than a document may have.
        6 => {
            columns::walk_runs(column, rows, Cursor::unsigned, |run, metadata| {
                columns::add_product(&mut total, run, metadata >> 4);
                columns::limit("bytes in values", total, limits.bytes)
            })?;
        }
        _ => {}
    }
    Ok(())
}

impl std::fmt::Debug for Snapshot {
    /// Without the content.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Snapshot")
            .field("bytes", &self.bytes)
            .field("heads", &self.heads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Path;

    fn document(entries: usize) -> Document {
        let mut document = Document::genesis(&["entries"]).unwrap();
        document.set_actor(Actor::from_bytes([7; 16]));
        for entry in 0..entries {
            let text = format!("synthetic text {entry}");
            document
                .edit(0, None, |editor| {
                    editor.put(Path::parse(&format!("entries/{entry}")), text.as_str())
                })
                .unwrap();
        }
        document
    }

    fn load(snapshot: &Snapshot, limits: &SnapshotLimits) -> Result<Document, SnapshotError> {
        Document::load_snapshot(snapshot, Actor::from_bytes([8; 16]), limits)
    }

    #[test]
    fn a_snapshot_is_the_document_with_its_history() {
        let document = document(200);
        let limits = SnapshotLimits::default();
        let snapshot = document.snapshot(&limits).unwrap();
        assert!(snapshot.compressed.len() < document.save().len() / 2);
        let loaded = load(&snapshot, &limits).unwrap();
        assert_eq!(loaded.export_json(), document.export_json());
        assert_eq!(loaded.history(), document.history());
        assert_eq!(loaded.actors(), document.actors());
    }

    #[test]
    fn other_heads_another_size_and_changed_bytes_are_refused() {
        let limits = SnapshotLimits::default();
        let good = document(20).snapshot(&limits).unwrap();
        assert!(load(&good, &limits).is_ok(), "control");
        let mut other = good.clone();
        other.heads = document(19).heads();
        assert!(matches!(
            load(&other, &limits),
            Err(SnapshotError::OtherHeads)
        ));
        for bytes in [good.bytes - 1, good.bytes + 1, limits.bytes + 1] {
            let other = Snapshot {
                bytes,
                ..good.clone()
            };
            assert!(matches!(load(&other, &limits), Err(SnapshotError::Size)));
        }
        for index in 0..good.compressed.len() {
            let mut other = good.clone();
            other.compressed[index] ^= 0x55;
            // The checksum of the stream is the last thing read, so not every byte matters to it.
            if let Ok(loaded) = load(&other, &limits) {
                assert_eq!(loaded.heads(), good.heads);
            }
        }
    }

    #[test]
    fn a_small_stream_that_expands_without_end_is_refused_at_the_announced_size() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 10_000_000]).unwrap();
        let bomb = Snapshot {
            compressed: encoder.finish().unwrap(),
            bytes: 1_000,
            heads: Vec::new(),
        };
        assert!(bomb.compressed.len() < 20_000);
        let refused = load(&bomb, &SnapshotLimits::default());
        assert!(matches!(refused, Err(SnapshotError::Size)));
    }

    #[test]
    fn rows_beyond_the_limit_are_refused_before_the_engine_sees_them() {
        let limits = SnapshotLimits::default();
        let snapshot = document(200).snapshot(&limits).unwrap();
        let few = SnapshotLimits {
            rows: 100,
            ..limits
        };
        assert!(matches!(
            load(&snapshot, &few),
            Err(SnapshotError::Claims(ChangeRefusal::TooMany { .. }))
        ));
        assert!(document(200).snapshot(&few).is_err(), "nor is one made");
        let few = SnapshotLimits {
            changes: 200,
            ..limits
        };
        assert!(matches!(
            load(&snapshot, &few),
            Err(SnapshotError::Claims(ChangeRefusal::TooMany { .. }))
        ));
        let enough = SnapshotLimits {
            changes: 201,
            ..limits
        };
        assert!(
            load(&snapshot, &enough).is_ok(),
            "control: with the genesis"
        );
    }

    #[test]
    fn no_mutation_of_the_saved_bytes_panics_or_passes_for_the_document() {
        let limits = SnapshotLimits::default();
        let good = document(10);
        let saved = good.save();
        let data = chunk::document_data(&saved).unwrap().to_vec();
        for index in 0..data.len() {
            let mut changed = data.clone();
            changed[index] ^= 1 << (index % 8);
            // With a right checksum: what a hostile author would send.
            let chunk = chunk::seal_document(&changed);
            if check(&chunk, &limits).is_ok()
                && let Ok(loaded) = Document::load(&chunk, Actor::from_bytes([8; 16]))
            {
                assert!(
                    loaded.heads() != good.heads() || loaded.export_json() == good.export_json()
                );
            }
        }
    }
}
