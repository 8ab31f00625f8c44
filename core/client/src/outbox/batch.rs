//! How many edits go into one envelope?

use std::collections::BTreeSet;

use nahtlos_protocol::envelope::Payload;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::identifier::Nonce;
use nahtlos_protocol::limits;

use crate::records::OutboxRecord;

/// Bytes of changes in one envelope, but for a single larger change. Each typed character is an
/// operation and at least a byte, so this also keeps below the operations a reader's gate takes.
const SEALED_BYTES_MAX: usize = 1_000_000;

/// As many edits, from the oldest, as every reader will open from one envelope; the rest follows in
/// the next.
pub(super) fn next_batch(pending: &[OutboxRecord]) -> &[OutboxRecord] {
    let (mut bytes, mut nonces) = (0, BTreeSet::new());
    let fitting = pending
        .iter()
        .take(limits::CHANGES_PER_ENVELOPE_MAX)
        .take_while(|edit| {
            bytes += edit.change.len();
            nonces.insert(edit.run_nonce);
            nonces.len() <= limits::RUN_NONCES_MAX && bytes <= SEALED_BYTES_MAX
        })
        .count();
    pending.get(..fitting.max(1)).unwrap_or(pending)
}

pub(super) fn payload_of(batch: &[OutboxRecord]) -> Payload {
    let nonces: BTreeSet<Nonce> = batch.iter().map(|edit| edit.run_nonce).collect();
    let changes = batch.iter().map(|edit| Change(edit.change.clone()));
    Payload {
        run_nonces: nonces.into_iter().collect(),
        changes: changes.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(run: usize, bytes: usize) -> OutboxRecord {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&run.to_be_bytes());
        OutboxRecord {
            id: Nonce(nonce),
            edit: String::new(),
            change: vec![0; bytes],
            run_nonce: Nonce(nonce),
            typed_at_ms: 0,
        }
    }

    #[test]
    fn edits_of_more_runs_or_bytes_than_one_envelope_takes_are_sealed_in_several() {
        let of_many_runs: Vec<_> = (0..1_001).map(|run| typed(run, 9)).collect();
        assert_eq!(next_batch(&of_many_runs).len(), limits::RUN_NONCES_MAX);
        let of_one_run: Vec<_> = (0..1_001).map(|_| typed(7, 9)).collect();
        assert_eq!(next_batch(&of_one_run).len(), 1_001, "control");
        let large = [typed(1, 600_000), typed(1, 600_000)];
        assert_eq!(next_batch(&large).len(), 1);
        assert_eq!(next_batch(&[typed(1, SEALED_BYTES_MAX + 1)]).len(), 1);
        assert!(next_batch(&[]).is_empty());
    }
}
