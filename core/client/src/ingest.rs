//! Taking in what the relay serves: operations are replayed, envelopes stored to be applied (see
//! [`crate::apply`]). What cannot be replayed yet waits; one bad item never blocks another.

use std::collections::BTreeSet;

use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::crypto::label;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{ItemId, OperationId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::operation::{OperationError, SignedOperation};
use nahtlos_protocol::space::recipients;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_protocol::wire::{Item, ItemKind};

use crate::bundle::delete_carried;
use crate::case_erasing::record_key;
use crate::clones;
use crate::error::ClientError;
use crate::forks;
use crate::logs;
use crate::nahtlos::{Nahtlos, put_wrap};
use crate::records::{self, HeldItem, HeldRecord, SyncRecord};
use crate::silence::{Heard, HeardRecord};
use crate::vault::{Collection, Transaction};

/// Group of operations that wait for others.
const WAITING_OPERATIONS: &[u8] = b"operations";
/// Group in `Collection::Notice`: spaces whose log a newer program wrote; key = space.
const NEEDS_NEWER: &[u8] = b"needs-newer";
/// Group in `Collection::Setting`: spaces that something arrived for and that were not looked at
/// since; key = `u` ‖ space. A program that is killed in between takes it up again.
pub(crate) const UNSETTLED: &[u8] = b"unsettled";
/// Reason in a [`HeldRecord`]: an envelope that was stored and has not been looked at.
pub(crate) const NOT_LOOKED_AT: &str = "new";
/// Group of join requests to answer.
pub(crate) const JOIN_REQUESTS: &[u8] = b"join-requests";

/// Who hands items over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The relay: which of two branches of a log it serves now is followed.
    Relay,
    /// A bundle, which may be old: it says nothing about what the relay serves now.
    Bundle,
}

/// An operation and the wraps served beside it.
type Received = (SignedOperation, Vec<Wrap>);
/// One that does not replay, and why.
type Waiting = (SignedOperation, Vec<Wrap>, ReplayError);

/// What one batch of items brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ingested {
    /// Operations replayed.
    pub operations: u64,
    /// Envelopes received.
    pub envelopes: u64,
    /// Spaces whose documents or keys may have changed.
    pub touched: BTreeSet<SpaceId>,
}

impl Nahtlos {
    /// Stores a response's items and the new position in one transaction.
    pub(crate) fn take_in(
        &mut self,
        items: &[Item],
        position: SyncRecord,
    ) -> Result<Ingested, ClientError> {
        self.take_in_from(Source::Relay, items, position)
    }

    /// The same from elsewhere.
    pub(crate) fn take_in_from(
        &mut self,
        source: Source,
        items: &[Item],
        mut position: SyncRecord,
    ) -> Result<Ingested, ClientError> {
        let mut ingested = Ingested::default();
        let mut stored = Vec::new();
        let mut queue: Vec<Received> = Vec::new();
        let (mut heard, mut elsewhere) = (Heard::default(), None);
        let carries_anything = self.carries_anything()?;
        let mut arrived: Vec<ItemId> = Vec::new();
        for item in items {
            position.arrivals = position.arrivals.saturating_add(1);
            let at = i64::try_from(position.arrivals).unwrap_or(i64::MAX);
            match item.kind {
                ItemKind::Operation => match SignedOperation::decode(&item.bytes) {
                    Ok(operation) => {
                        let id = operation.id().into();
                        arrived.push(id);
                        self.receipt_cache
                            .keep(&operation.space(), id, &item.receipt);
                        heard.note(
                            operation.operation().author,
                            heard_operation(&operation, item),
                        );
                        if self.is_operation_from_elsewhere(&operation)? {
                            elsewhere.get_or_insert(id);
                        }
                        queue.push((operation, item.wraps.clone()));
                    }
                    Err(error) => stored.extend(unreadable(at, item, &error)),
                },
                ItemKind::Envelope => {
                    let Ok(envelope) = Envelope::decode(&item.bytes) else {
                        continue;
                    };
                    let record = HeardRecord {
                        item: envelope.id().into(),
                        place: None,
                        accepted_at_ms: item.receipt.accepted_at_ms,
                    };
                    arrived.push(envelope.id().into());
                    heard.note(envelope.header().author_device, record);
                    if let Some(put) = self.new_envelope(at, item, &envelope, &mut ingested)? {
                        stored.extend(put);
                        if self.is_envelope_from_elsewhere(&envelope)? {
                            elsewhere.get_or_insert(envelope.id().into());
                        }
                    }
                }
                ItemKind::JoinRequest => {
                    if let Ok(request) = JoinRequest::decode(&item.bytes) {
                        stored.push(Put::new(
                            Collection::Intent,
                            JOIN_REQUESTS,
                            &request.id().0,
                            at,
                            item.bytes.clone(),
                        ));
                    }
                }
            }
        }
        let now_ms = self.now_ms();
        let served: BTreeSet<OperationId> =
            queue.iter().map(|(operation, _)| operation.id()).collect();
        queue.extend(self.waiting_operations()?);
        let (replayed, waiting) = self.replay_all(queue, &mut ingested);
        self.commit(|transaction| {
            for put in &stored {
                put.run(transaction)?;
            }
            put_replayed(transaction, &replayed, &waiting)?;
            for (operation, _, error) in &waiting {
                let is_served = source == Source::Relay && served.contains(&operation.id());
                if *error == ReplayError::NotNext && is_served {
                    forks::put_served(transaction, &operation.id())?;
                }
            }
            put_unsettled(transaction, &ingested.touched)?;
            for item in arrived.iter().filter(|_| carries_anything) {
                delete_carried(transaction, item)?;
            }
            heard.store(transaction)?;
            if let Some(item) = elsewhere {
                clones::put_cloned(transaction, item, now_ms)?;
            }
            crate::nahtlos::put_sync(transaction, &position)
        })?;
        self.follow_served_branches(&mut ingested)?;
        if ingested.operations > 0 {
            self.documents.forget_directory();
        }
        Ok(ingested)
    }

    /// Tries again what waits, once logs have moved otherwise than by arrivals.
    pub(crate) fn replay_waiting(&mut self, ingested: &mut Ingested) -> Result<(), ClientError> {
        let queue = self.waiting_operations()?;
        let (replayed, waiting) = self.replay_all(queue, ingested);
        self.commit(|transaction| {
            put_replayed(transaction, &replayed, &waiting)?;
            put_unsettled(transaction, &ingested.touched)
        })
    }

    /// Spaces that something arrived for before the program ended too early.
    pub(crate) fn unsettled(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let keys = self.vault.list(Collection::Setting, UNSETTLED)?;
        Ok(keys
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key.get(1..)?))
            .collect())
    }

    /// What arrived has been looked at.
    pub(crate) fn settled(&mut self) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete_group(Collection::Setting, UNSETTLED)?;
            Ok(())
        })
    }

    /// An envelope not stored before: its bytes, and a mark that it is still to be applied.
    fn new_envelope(
        &self,
        at: i64,
        item: &Item,
        envelope: &Envelope,
        ingested: &mut Ingested,
    ) -> Result<Option<Vec<Put>>, ClientError> {
        let (id, space) = (envelope.id(), envelope.header().space);
        if envelope.header().kind != EnvelopeKind::Erasure && self.is_section_erased(&space)? {
            // Whoever serves or brings it: what was destroyed is not taken back.
            return Ok(None);
        }
        self.receipt_cache.keep(&space, id.into(), &item.receipt);
        if self.vault.contains(Collection::Envelope, &id.0)? {
            return Ok(None);
        }
        ingested.envelopes += 1;
        ingested.touched.insert(space);
        let mark = HeldRecord {
            reason: NOT_LOOKED_AT.into(),
            detail: String::new(),
            item: HeldItem::Envelope { id },
        };
        Ok(Some(vec![
            Put::new(
                Collection::Envelope,
                &space.0,
                &id.0,
                at,
                item.bytes.clone(),
            ),
            Put::new(
                Collection::Held,
                &space.0,
                &id.0,
                at,
                records::encode(&mark),
            ),
        ]))
    }

    /// Operations that came in and do not replay yet, with the wraps beside them.
    pub(crate) fn waiting_operations(&self) -> Result<Vec<Received>, ClientError> {
        let mut waiting = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Held, WAITING_OPERATIONS)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Operation { bytes, wraps } = record.item
                && let Ok(operation) = SignedOperation::decode(&bytes)
            {
                waiting.push((operation, wraps));
            }
        }
        Ok(waiting)
    }

    /// Replays what can be replayed, again and again until nothing more can.
    fn replay_all(
        &self,
        mut queue: Vec<Received>,
        ingested: &mut Ingested,
    ) -> (Vec<Received>, Vec<Waiting>) {
        let mut replayed = Vec::new();
        loop {
            let mut left = Vec::new();
            let before = replayed.len();
            for (operation, wraps) in queue {
                let view = self.logs();
                if view.contains(&operation) {
                    // Served again, perhaps with wraps that were not visible before.
                    let wraps = signed_wraps(&operation, wraps);
                    if !wraps.is_empty() {
                        // They may be the right ones at last: what waits for a key is tried again.
                        ingested.touched.insert(operation.space());
                    }
                    replayed.push((operation, wraps));
                    continue;
                }
                match view.replay(&operation) {
                    Ok(state) => {
                        ingested.operations += 1;
                        ingested.touched.insert(state.id());
                        self.cache.set(state);
                        let wraps = signed_wraps(&operation, wraps);
                        replayed.push((operation, wraps));
                    }
                    Err(error) => left.push((operation, wraps, error)),
                }
            }
            if left.is_empty() || replayed.len() == before {
                return (replayed, left);
            }
            queue = left
                .into_iter()
                .map(|(operation, wraps, _)| (operation, wraps))
                .collect();
        }
    }
}

fn heard_operation(operation: &SignedOperation, item: &Item) -> HeardRecord {
    HeardRecord {
        item: operation.id().into(),
        place: Some((operation.space(), operation.operation().index)),
        accepted_at_ms: item.receipt.accepted_at_ms,
    }
}

/// Stores what was replayed, and what waits with the reason.
fn put_replayed(
    transaction: &Transaction<'_>,
    replayed: &[Received],
    waiting: &[Waiting],
) -> Result<(), ClientError> {
    for (operation, wraps) in replayed {
        // What follows is understood after all: the space is not locked by a stray form.
        transaction.delete(Collection::Notice, &operation.space().0)?;
        logs::store(transaction, operation)?;
        let erased = record_key(&operation.space());
        let is_erased = transaction.get(Collection::Setting, &erased)?.is_some();
        for wrap in wraps.iter().filter(|_| !is_erased) {
            put_wrap(transaction, operation, wrap)?;
        }
        transaction.delete(Collection::Held, &operation.id().0)?;
    }
    for (operation, wraps, error) in waiting {
        put_waiting(transaction, operation, wraps, error)?;
    }
    Ok(())
}

/// Notes that something changed in these spaces which is still to be looked at, also by a program that
/// is started again.
pub(crate) fn put_unsettled<'a>(
    transaction: &Transaction<'_>,
    touched: impl IntoIterator<Item = &'a SpaceId>,
) -> Result<(), ClientError> {
    for space in touched {
        let key = [b"u".as_slice(), &space.0].concat();
        transaction.put(Collection::Setting, UNSETTLED, &key, 0, b"")?;
    }
    Ok(())
}

pub(crate) fn put_waiting(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
    wraps: &[Wrap],
    error: &ReplayError,
) -> Result<(), ClientError> {
    let record = HeldRecord {
        reason: reason_word(error),
        detail: error.to_string(),
        item: HeldItem::Operation {
            bytes: operation.bytes().to_vec(),
            wraps: wraps.to_vec(),
        },
    };
    let index = i64::try_from(operation.operation().index).unwrap_or(i64::MAX);
    if matches!(error, ReplayError::NeedsNewer { .. }) {
        let space = operation.space();
        transaction.put(Collection::Notice, NEEDS_NEWER, &space.0, 0, b"")?;
    }
    let value = records::encode(&record);
    transaction.put(
        Collection::Held,
        WAITING_OPERATIONS,
        &operation.id().0,
        index,
        &value,
    )?;
    Ok(())
}

/// Only wraps that the operation signs for their recipient: a relay that swaps one is ignored, and
/// the notice "pending" stays.
pub(crate) fn signed_wraps(operation: &SignedOperation, wraps: Vec<Wrap>) -> Vec<Wrap> {
    wraps
        .into_iter()
        .filter(|wrap| {
            let hash = recipients::wrap_hash(&wrap.bytes);
            recipients::wrapped_recipients(operation)
                .any(|signed| signed.id == wrap.recipient && signed.wrap == hash)
        })
        .collect()
}

fn reason_word(error: &ReplayError) -> String {
    match error {
        ReplayError::UnknownReference(_) | ReplayError::MissingLog(_) => "missing_log",
        ReplayError::NeedsNewer { .. } => "needs_newer",
        ReplayError::NotNext => "forked_or_gap",
        ReplayError::BadSignature => "bad_signature",
        _ => "invalid",
    }
    .to_owned()
}

/// An operation of a form this version does not know is kept as it came.
fn unreadable(at: i64, item: &Item, error: &OperationError) -> Vec<Put> {
    let newer = matches!(error, OperationError::NeedsNewer { .. });
    let record = HeldRecord {
        reason: if newer { "needs_newer" } else { "unreadable" }.into(),
        detail: error.to_string(),
        item: HeldItem::Operation {
            bytes: item.bytes.clone(),
            wraps: item.wraps.clone(),
        },
    };
    let key = hash(label::OPERATION, &[&item.bytes]);
    let value = records::encode(&record);
    let mut puts = vec![Put::new(Collection::Held, b"unreadable", &key, at, value)];
    // The space is read-only from here on: what it says next is not understood.
    if let Some(space) = SignedOperation::space_of_unreadable(&item.bytes).filter(|_| newer) {
        puts.push(Put::new(
            Collection::Notice,
            NEEDS_NEWER,
            &space.0,
            0,
            Vec::new(),
        ));
    }
    puts
}

/// One record to be written.
struct Put {
    collection: Collection,
    group: Vec<u8>,
    key: Vec<u8>,
    position: i64,
    value: Vec<u8>,
}

impl Put {
    fn new(
        collection: Collection,
        group: &[u8],
        key: &[u8],
        position: i64,
        value: Vec<u8>,
    ) -> Self {
        Self {
            collection,
            group: group.to_vec(),
            key: key.to_vec(),
            position,
            value,
        }
    }

    fn run(&self, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        transaction.put(
            self.collection,
            &self.group,
            &self.key,
            self.position,
            &self.value,
        )?;
        Ok(())
    }
}
