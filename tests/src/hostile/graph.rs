//! Any graph of envelopes: hostile authors, parents that do not exist or come later, any knowledge and
//! any receipts. Counting ends, says the same in every order, and keeps its own rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use nahtlos_protocol::counting::{CountedEnvelope, count};
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{EnvelopeId, JournalId, OperationId};
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::standing::{Position, Receipts};
use nahtlos_protocol::space::{Knowledge, LogHead, Suspended};

use super::fixture;
use super::log::Log;
use super::source::Source;
use crate::model::replica::{DEVICES, SECTION};

const ENVELOPES_MAX: usize = 48;
const OPERATIONS_MAX: usize = 6;

pub fn count_any(bytes: &[u8]) {
    let mut source = Source(bytes);
    let own = source.below(8) * 12;
    let log = Log::play(&mut Source(source.take(own)), OPERATIONS_MAX);
    let state = log
        .replica
        .state(&log.spaces[SECTION])
        .expect("it was founded");
    let receipts = InOrder::of(&log, &mut source);
    let suspended: Suspended = if source.once_in(4) {
        state
            .grants()
            .iter()
            .map(|grant| grant.id)
            .take(source.below(4))
            .collect()
    } else {
        Suspended::new()
    };
    let mut envelopes = envelopes(&log, &mut source);
    let counted = count(&log.replica, &state, &envelopes, &receipts, &suspended);
    assert_eq!(
        counted.verdicts.len(),
        envelopes.len(),
        "a verdict for each"
    );
    // Only edits are built on: what names a snapshot as a parent vouches for nothing by it.
    let edits: BTreeMap<EnvelopeId, &CountedEnvelope> = envelopes
        .iter()
        .filter(|one| one.kind == EnvelopeKind::Changes)
        .map(|one| (one.id, one))
        .collect();
    for (id, edit) in edits.iter().filter(|(id, _)| counted.verdicts[id].counts()) {
        for parent in edit.parents.iter().filter(|id| edits.contains_key(id)) {
            let counts = counted.verdicts[parent].counts();
            assert!(
                counts,
                "{id:?} counts, and {parent:?} it builds on does not"
            );
        }
    }
    envelopes.reverse();
    let backwards = count(&log.replica, &state, &envelopes, &receipts, &suspended);
    assert_eq!(backwards, counted, "another order, another verdict");
    let turn = source.below(envelopes.len());
    envelopes.rotate_left(turn);
    let turned = count(&log.replica, &state, &envelopes, &receipts, &suspended);
    assert_eq!(turned, counted, "another order, another verdict");
}

fn envelopes(log: &Log, source: &mut Source<'_>) -> Vec<CountedEnvelope> {
    const KINDS: [EnvelopeKind; 8] = [
        EnvelopeKind::Changes,
        EnvelopeKind::Changes,
        EnvelopeKind::Changes,
        EnvelopeKind::Snapshot,
        EnvelopeKind::Attest,
        EnvelopeKind::Dispute,
        EnvelopeKind::Erasure,
        EnvelopeKind::Blob,
    ];
    let knowledge: Vec<Arc<Knowledge>> = (0..4).map(|_| Arc::new(known(log, source))).collect();
    let mut envelopes = Vec::new();
    for number in 0..ENVELOPES_MAX as u8 {
        if source.is_empty() {
            break;
        }
        let parents = source.below(4);
        envelopes.push(CountedEnvelope {
            id: EnvelopeId([number; 32]),
            author: fixture::founded().device(source.below(DEVICES)),
            author_sequence: source.below(6) as u64,
            kind: KINDS[source.below(KINDS.len())],
            knowledge: Arc::clone(&knowledge[source.below(knowledge.len())]),
            parents: (0..parents)
                .map(|_| EnvelopeId([source.byte() % (ENVELOPES_MAX as u8 + 2); 32]))
                .collect(),
            received: (!source.once_in(4)).then(|| Position {
                journal: JournalId([source.byte() % 2; 16]),
                sequence: u64::from(source.byte()),
            }),
        });
    }
    envelopes
}

/// What somebody knew who had seen some of the logs, up to somewhere.
fn known(log: &Log, source: &mut Source<'_>) -> Knowledge {
    let choice = source.byte();
    let heads = log.spaces.iter().enumerate().filter_map(|(place, space)| {
        let state = log.replica.state(space)?;
        if place == SECTION || choice >> (place % 8) & 1 == 1 || choice == 0 {
            let back = if choice & 0x80 == 0x80 { 1 } else { 0 };
            state
                .truncated(state.length().saturating_sub(back).max(1))
                .head()
        } else {
            None
        }
    });
    let heads: Vec<LogHead> = heads.collect();
    Knowledge::of(&log.replica, &heads).expect("heads of this very replica")
}

/// The relay received operations in the order in which they were made, some never.
#[derive(Debug)]
struct InOrder(BTreeMap<OperationId, Position>);

impl InOrder {
    fn of(log: &Log, source: &mut Source<'_>) -> Self {
        let mut places = BTreeMap::new();
        for (number, operation) in log.taken.iter().enumerate() {
            if number < fixture::founded().operations.len() || !source.once_in(4) {
                let position = Position {
                    journal: JournalId([0; 16]),
                    sequence: number as u64 * 4,
                };
                places.insert(operation.id(), position);
            }
        }
        Self(places)
    }
}

impl Receipts for InOrder {
    fn position(&self, operation: &OperationId) -> Option<Position> {
        self.0.get(operation).copied()
    }
}
