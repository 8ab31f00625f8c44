//! A batch in preparation: what one group commit will store. Everything goes into the store's open
//! transaction and into a small [`World`] of its own; both are dropped together when either fails.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::wire::receipt::{self, Batch};
use nahtlos_protocol::wire::{ItemKind, ItemResult, Receipt, Status, VerdictCode};

use super::quota::DayCounts;
use super::world::{View, World};
use crate::config::Limits;
use crate::store::{Delivery, Found, NewEnvelope, NewItem, Store, StoreError};

/// A batch in preparation.
pub(super) struct Stage<'a> {
    pub(super) base: &'a World,
    pub(super) top: World,
    pub(super) store: &'a mut dyn Store,
    pub(super) limits: &'a Limits,
    pub(super) day_counts: &'a mut DayCounts,
    pub(super) now_ms: u64,
    /// Deliveries of items that were stored before.
    pub(super) delivered_again: u64,
    accepted: Vec<(u64, ItemId)>,
    changed: bool,
}

/// An item to be stored and delivered.
pub(super) struct Incoming<'a> {
    pub(super) kind: ItemKind,
    pub(super) id: ItemId,
    pub(super) space: SpaceId,
    /// For an operation.
    pub(super) log_index: Option<u64>,
    pub(super) bytes: &'a [u8],
    /// For an envelope.
    pub(super) envelope: Option<NewEnvelope<'a>>,
    /// Of its old place, where it is offered again.
    pub(super) receipt: Option<&'a Receipt>,
}

/// A verdict before the batch has its receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) id: ItemId,
    pub(crate) outcome: Outcome,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Will be stored under this sequence number.
    Accepted(u64),
    /// Is stored under this sequence number, perhaps by this very batch.
    Duplicate(u64),
    /// Is kept in the held lane under this sequence number; as [`Self::Duplicate`].
    HeldBefore(u64, VerdictCode),
    /// Will be kept in the held lane under this sequence number.
    Held(u64, VerdictCode),
    /// Re-seal or re-sign.
    StaleAccess,
    /// Send these first.
    MissingParents(Vec<ItemId>),
    /// Not stored.
    Rejected(VerdictCode),
}

/// Why an item is not accepted, or why the whole batch fails.
pub(super) enum Refusal {
    /// This item only.
    Item(Outcome),
    /// The batch.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Refuses an item with a code.
pub(super) fn reject<T>(code: VerdictCode) -> Result<T, Refusal> {
    Err(Refusal::Item(Outcome::Rejected(code)))
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        base: &'a World,
        store: &'a mut dyn Store,
        limits: &'a Limits,
        day_counts: &'a mut DayCounts,
        now_ms: u64,
    ) -> Self {
        Self {
            base,
            top: World {
                last_number: base.last_number,
                journal: base.journal,
                began_after: base.began_after,
                chain: base.chain,
                ..World::default()
            },
            store,
            limits,
            day_counts,
            now_ms,
            delivered_again: 0,
            accepted: Vec::new(),
            changed: false,
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            base: self.base,
            top: &self.top,
        }
    }

    pub(super) fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError> {
        self.store.find(id)
    }

    fn next_number(&mut self) -> u64 {
        self.top.last_number = self.top.last_number.saturating_add(1);
        self.top.last_number
    }

    /// Delivers stored items again under new numbers; an item that several feeds need has one
    /// number in all of them. Ascending by place, which is causal order.
    pub(super) fn deliver_again(
        &mut self,
        needs: BTreeMap<u64, BTreeSet<SpaceId>>,
    ) -> Result<(), StoreError> {
        for (item, feeds) in needs {
            let number = self.next_number();
            self.delivered_again = self.delivered_again.saturating_add(feeds.len() as u64);
            self.deliver(&feeds, Delivery { number, item }, None)?;
        }
        Ok(())
    }

    /// Stores an item and delivers it in these feeds under its own sequence number.
    pub(super) fn store_item(
        &mut self,
        item: &Incoming<'_>,
        feeds: &BTreeSet<SpaceId>,
    ) -> Result<u64, StoreError> {
        let sequence = self.next_number();
        self.top.chain = receipt::chain(&self.top.chain, sequence, &item.id);
        self.store.put_item(&NewItem {
            sequence,
            kind: item.kind,
            id: item.id,
            space: item.space,
            log_index: item.log_index,
            bytes: item.bytes,
            chain: self.top.chain,
            offered: item.receipt.is_some(),
            envelope: item.envelope,
        })?;
        self.changed = true;
        match item.receipt {
            Some(receipt) => self.store.put_receipt(sequence, &codec::encode(receipt))?,
            None => self.accepted.push((sequence, item.id)),
        }
        let delivery = Delivery {
            number: sequence,
            item: sequence,
        };
        self.deliver(feeds, delivery, Some(item.id))?;
        Ok(sequence)
    }

    fn deliver(
        &mut self,
        feeds: &BTreeSet<SpaceId>,
        delivery: Delivery,
        new_item: Option<ItemId>,
    ) -> Result<(), StoreError> {
        for feed in feeds {
            self.store.put_delivery(feed, delivery)?;
            self.top.feed_heads.insert(*feed, delivery.number);
            self.top.recent.note(*feed, delivery.number, new_item);
        }
        Ok(())
    }

    /// Whether there is nothing to commit.
    pub(super) fn is_empty(&self) -> bool {
        !self.changed
    }

    /// Notes that something was stored besides items.
    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    /// Gives an item of this very batch no receipt of its own.
    pub(super) fn give_no_receipt(&mut self, sequence: u64) {
        self.accepted.retain(|(number, _)| *number != sequence);
    }

    /// Number of items accepted.
    pub(super) fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Signs the batch once and stores every item's receipt.
    pub(super) fn store_receipts(
        &mut self,
        relay: &SigningKey,
    ) -> Result<BTreeMap<u64, Receipt>, StoreError> {
        let batch = Batch {
            journal: self.top.journal,
            accepted_at_ms: self.now_ms,
            items: self.accepted.clone(),
        };
        let mut receipts = BTreeMap::new();
        for receipt in batch.receipts(relay) {
            self.store
                .put_receipt(receipt.sequence, &codec::encode(&receipt))?;
            receipts.insert(receipt.sequence, receipt);
        }
        Ok(receipts)
    }

    /// Ends the preparation; what it holds is merged in after the commit.
    pub(super) fn into_top(self) -> World {
        self.top
    }
}

/// A pushed item's answer, with its receipt where it is stored.
pub(super) fn answer(
    verdict: Verdict,
    receipts: &BTreeMap<u64, Receipt>,
    store: &dyn Store,
) -> Result<ItemResult, StoreError> {
    let mut result = ItemResult {
        id: verdict.id,
        status: Status::Rejected,
        code: None,
        receipt: None,
        missing: Vec::new(),
    };
    match verdict.outcome {
        Outcome::Accepted(sequence) => {
            result.status = Status::Accepted;
            result.receipt = receipt_of(sequence, receipts, store)?;
        }
        Outcome::Duplicate(sequence) => {
            result.status = Status::Duplicate;
            result.receipt = receipt_of(sequence, receipts, store)?;
        }
        Outcome::HeldBefore(sequence, code) => {
            result.status = Status::Duplicate;
            result.code = Some(code);
            result.receipt = receipt_of(sequence, receipts, store)?;
        }
        Outcome::Held(sequence, code) => {
            result.status = Status::Held;
            result.code = Some(code);
            result.receipt = receipt_of(sequence, receipts, store)?;
        }
        Outcome::StaleAccess => result.status = Status::StaleAccess,
        Outcome::MissingParents(missing) => {
            result.status = Status::MissingParents;
            result.missing = missing;
        }
        Outcome::Rejected(code) => result.code = Some(code),
    }
    Ok(result)
}

/// The receipt of a stored item.
pub(super) fn receipt_of(
    sequence: u64,
    receipts: &BTreeMap<u64, Receipt>,
    store: &dyn Store,
) -> Result<Option<Receipt>, StoreError> {
    if let Some(receipt) = receipts.get(&sequence) {
        return Ok(Some(receipt.clone()));
    }
    let Some(item) = store.item(sequence)? else {
        return Ok(None);
    };
    decode_receipt(&item.receipt).map(Some)
}

/// Reads a stored receipt.
pub(crate) fn decode_receipt(bytes: &[u8]) -> Result<Receipt, StoreError> {
    codec::decode(bytes, 64 * 1024).map_err(|error| StoreError::Damaged {
        what: format!("a receipt: {error}"),
    })
}

/// Who pushes, and under which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pusher {
    /// An admitted device.
    Device(DeviceId),
    /// Whoever holds the claim; the network does not exist yet.
    Claim,
}
