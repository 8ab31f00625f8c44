//! The most that the limits let through: few bytes that claim as many operations, keys and rows as a
//! batch or a snapshot may have. What these take is the bound on memory that `core/document` states.

use nahtlos_document::{Actor, Document, GateLimits, Snapshot};
use sha2::{Digest, Sha256};

use super::columns::{Column, DocumentParts, leb128, positive};
use super::document::compressed;
use super::fixture::{self, BEAT, chunk, data_of};

/// Something that is as large as it may be.
pub enum Largest {
    /// A batch for [`fixture::scene`].
    Batch(Vec<Vec<u8>>),
    /// A snapshot.
    Snapshot(Snapshot),
}

/// Each with its name.
#[must_use]
pub fn all() -> Vec<(&'static str, Largest)> {
    let operations = GateLimits::default().operations_per_change;
    let run = |value: &[u8]| [&positive(operations), value].concat();
    let long_key = [&leb128(160), [b'k'; 160].as_slice()].concat();
    let put = run(&[1]);
    let many = (0..operations).flat_map(|number| {
        let key = format!("{number:x}");
        [leb128(key.len() as u64), key.into_bytes()].concat()
    });
    let different_keys = [negative(operations), many.collect()].concat();
    let mut all = vec![
        (
            "one key, written a million times",
            batch(&run(&[1, b'k']), &put),
        ),
        (
            "one long key, written a million times",
            batch(&run(&long_key), &put),
        ),
        (
            "a million maps at one key",
            batch(&run(&[1, b'k']), &run(&[0])),
        ),
        ("keys that all differ", batch(&different_keys, &put)),
    ];
    all.extend(snapshots());
    all
}

/// A document of a million operations, as somebody honest would send it.
///
/// # Panics
/// Where the gate does not take the batch that makes it.
#[must_use]
pub fn snapshot() -> Snapshot {
    let operations = GateLimits::default().operations_per_change;
    let run = |value: &[u8]| [&positive(operations), value].concat();
    let mut document = fixture::scene().clone();
    if let Largest::Batch(batch) = batch(&run(&[1, b'k']), &run(&[1])) {
        let taken = document.apply(&batch, &|_| true, &GateLimits::default());
        taken.expect("within the limits");
    }
    compressed(&document.save())
}

/// As many changes as a batch may have operations for, one after the other.
fn batch(keys: &[u8], actions: &[u8]) -> Largest {
    let limits = GateLimits::default();
    let operations = limits.operations_per_change;
    let columns: [Column; 5] = [
        (0x15, keys.to_vec()),
        (0x34, leb128(operations)),
        (0x42, actions.to_vec()),
        (0x56, [positive(operations), vec![0]].concat()),
        (0x70, [positive(operations), vec![0]].concat()),
    ];
    let scene = fixture::scene();
    let head = scene.heads()[0];
    let mut previous = *head.as_bytes();
    let mut first = last_operation(scene) + 1;
    let mut batch = Vec::new();
    for sequence in 1..=limits.operations_per_batch / operations {
        let mut data = change_header(&previous, BEAT, sequence, first);
        data.extend(leb128(columns.len() as u64));
        for (specification, column) in &columns {
            data.extend(leb128(*specification));
            data.extend(leb128(column.len() as u64));
        }
        columns.iter().for_each(|(_, column)| data.extend(column));
        let change = chunk(1, &data);
        previous = Sha256::digest(&change[8..]).into();
        first += operations;
        batch.push(change);
    }
    Largest::Batch(batch)
}

fn last_operation(document: &Document) -> u64 {
    let history = document.history();
    history.iter().map(|change| change.operation_count).sum()
}

fn change_header(dependency: &[u8; 32], actor: Actor, sequence: u64, first: u64) -> Vec<u8> {
    let mut header = vec![1];
    header.extend(dependency);
    header.push(16);
    header.extend(actor.as_bytes());
    header.extend(leb128(sequence));
    header.extend(leb128(first));
    // Time, message, other actors.
    header.extend([0, 0, 0]);
    header
}

/// As many rows as a column may have, in each column alone and in all of them.
fn snapshots() -> Vec<(&'static str, Largest)> {
    const ROWS: u64 = 5_000_000;
    let whole = DocumentParts::of(data_of(&fixture::scene().save())).expect("a document of ours");
    let widened = |column: &mut Column| {
        column.1 = match column.0 & 0x07 {
            4 => leb128(ROWS),
            5 => [positive(ROWS), vec![1, b'k']].concat(),
            7 => Vec::new(),
            _ => [positive(ROWS), vec![0]].concat(),
        };
    };
    let sent = |parts: &DocumentParts| Largest::Snapshot(compressed(&chunk(0, &parts.data())));
    let mut all = Vec::new();
    let mut every = whole.clone();
    every.operations.iter_mut().for_each(widened);
    all.push(("five million operations", sent(&every)));
    let mut every = whole.clone();
    every.changes.iter_mut().for_each(widened);
    all.push(("five million changes", sent(&every)));
    for place in 0..whole.operations.len() {
        let mut one = whole.clone();
        widened(&mut one.operations[place]);
        all.push(("five million rows in one column of operations", sent(&one)));
    }
    for place in 0..whole.changes.len() {
        let mut one = whole.clone();
        widened(&mut one.changes[place]);
        all.push(("five million rows in one column of changes", sent(&one)));
    }
    all
}

/// Signed LEB128 of a negative number.
fn negative(number: u64) -> Vec<u8> {
    let mut rest = -(number as i64);
    let mut bytes = Vec::new();
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == -1 && low & 0x40 != 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
