//! Offering again what a relay has lost: every operation and envelope this device holds with a
//! receipt of what is gone, verbatim, in the order in which the relay had taken them in (which is
//! causal order), before anything else is pushed. What is to be offered is kept in the vault until
//! the relay has answered, so a sync may break off anywhere.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use minicbor::{Decode, Encode};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, JournalId, OperationId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::standing::Position;
use nahtlos_protocol::space::{Effect, Wrap, recipients};
use nahtlos_protocol::wire::{
    Item, ItemKind, ItemResult, JournalMark, PushItem, Status, VerdictCode,
};

use crate::error::ClientError;
use crate::incidents::Setback;
use crate::logs;
use crate::nahtlos::{Nahtlos, put_sync};
use crate::records::{self, ReceiptRecord, further_wrap_key, wrap_key};
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: what is to be offered again; key = `o` ‖ item id.
const OFFERS: &[u8] = b"offers";
/// Group in `Collection::Counting`: when the originals of a space were last noted to be offered again, since
/// a snapshot ceased to count; key = `q` ‖ space.
const ORIGINALS_OFFERED: &[u8] = b"originals-offered";
/// After so long the relay is asked once more what it refused for a reason that may have passed.
const ASKED_AGAIN_MS: u64 = 24 * 60 * 60 * 1000;

/// One item to be offered again: `Collection::Setting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct OfferRecord {
    #[n(0)]
    pub item: ItemId,
    #[n(1)]
    pub space: SpaceId,
    /// Where it stands in its log; none for an envelope.
    #[n(2)]
    pub index: Option<u64>,
    #[n(3)]
    pub journal: JournalId,
    #[n(4)]
    pub sequence: u64,
    /// How much had arrived when the relay last lacked what the item builds on: it is offered again
    /// only when something has come since, or a day has passed.
    #[n(5)]
    pub tried_at: Option<u64>,
    /// When that was, by this device's clock, Unix milliseconds.
    #[n(6)]
    pub tried_at_ms: Option<u64>,
    /// Whether the relay said last that another operation stands at its place.
    #[n(7)]
    pub is_place_taken: bool,
}

/// What goes into one request of what the relay has lost.
#[derive(Default)]
pub(crate) struct Offering {
    pub offers: Vec<OfferRecord>,
    /// The same, as it is pushed.
    pub push: Vec<PushItem>,
    /// Whether there is more.
    pub is_full: bool,
    /// Whether something that could be offered was passed over.
    pub passes_over: bool,
}

impl OfferRecord {
    fn key(item: &ItemId) -> Vec<u8> {
        [b"o".as_slice(), &item.0].concat()
    }

    /// By the receipt that is offered beside it.
    fn place(&self) -> Position {
        Position {
            journal: self.journal,
            sequence: self.sequence,
        }
    }

    /// Whether nothing has happened since the relay last did not take it that would change its answer.
    fn is_to_wait(&self, arrived: u64, now_ms: u64) -> bool {
        let nothing_came = self.tried_at.is_some_and(|tried_at| tried_at >= arrived);
        nothing_came
            && !self
                .tried_at_ms
                .is_some_and(|at_ms| is_long_ago(at_ms, now_ms))
    }

    pub fn put(&self, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        let position = i64::try_from(self.sequence).unwrap_or(i64::MAX);
        let (key, value) = (Self::key(&self.item), records::encode(self));
        transaction.put(Collection::Setting, OFFERS, &key, position, &value)?;
        Ok(())
    }

    pub fn delete(item: &ItemId, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        transaction.delete(Collection::Setting, &Self::key(item))?;
        Ok(())
    }
}

impl Nahtlos {
    /// What is still to be offered again, in the order in which the relay had it.
    pub(crate) fn offers(&self) -> Result<Vec<OfferRecord>, ClientError> {
        let listed = self.vault.list(Collection::Setting, OFFERS)?;
        let offers: Result<Vec<OfferRecord>, ClientError> = listed
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect();
        let mut offers = offers?;
        offers.sort_by_key(|offer| (offer.journal, offer.sequence));
        Ok(offers)
    }

    /// Whether anything is to be offered again.
    pub(crate) fn has_offers(&self) -> Result<bool, ClientError> {
        let last = self.vault.last_position(Collection::Setting, OFFERS)?;
        Ok(last.is_some())
    }

    /// Everything held here that the relay may have lost.
    pub(crate) fn lost_items(&self, setback: &Setback) -> Result<Vec<OfferRecord>, ClientError> {
        let mut offers = Vec::new();
        let mut logs: HashMap<SpaceId, HashMap<ItemId, u64>> = HashMap::new();
        for (key, bytes) in self.vault.list_all(Collection::Receipt)? {
            let record: ReceiptRecord = records::decode(&bytes)?;
            let place = record.receipt.place();
            let Some(item) = ItemId::from_slice(&key).filter(|_| setback.may_have_lost(&place))
            else {
                continue;
            };
            let envelope = self.vault.contains(Collection::Envelope, &item.0)?;
            let index = if envelope {
                None
            } else {
                let log = match logs.entry(record.space) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(self.places_in_log(&record.space)?),
                };
                log.get(&item).copied()
            };
            if envelope || index.is_some() {
                offers.push(offer(item, &record, place, index));
            }
        }
        Ok(offers)
    }

    /// Where each operation of a space stands: those of its log, and those that wait.
    fn places_in_log(&self, space: &SpaceId) -> Result<HashMap<ItemId, u64>, ClientError> {
        let mut places = HashMap::new();
        if let Some(state) = self.logs().load(space)? {
            let known = (0..).map_while(|index| Some((state.operation(index)?.id.into(), index)));
            places.extend(known);
        }
        for (operation, _) in self.waiting_operations()? {
            if operation.space() == *space {
                let index = operation.operation().index;
                places.entry(operation.id().into()).or_insert(index);
            }
        }
        Ok(places)
    }

    /// The next items to offer, as many as go into one request, but for those that are passed over.
    /// What is not at hand any more, or has no valid receipt, is let go.
    pub(crate) fn next_offers(
        &mut self,
        is_passed_over: impl Fn(&ItemId) -> bool,
    ) -> Result<Offering, ClientError> {
        let (position, now_ms) = (self.sync_record()?, self.now_ms());
        let (arrived, bytes_max) = (position.arrivals, position.line_bytes() as usize);
        let (mut offering, mut gone) = (Offering::default(), Vec::new());
        let mut bytes = 0;
        for offer in self.offers()? {
            if offering.push.len() >= limits::PUSH_ITEMS_MAX || bytes > bytes_max {
                offering.is_full = true;
                break;
            }
            if offer.is_to_wait(arrived, now_ms) {
                continue;
            }
            if is_passed_over(&offer.item) {
                offering.passes_over = true;
                continue;
            }
            match self.item_to_offer(&offer)? {
                Some(item) => {
                    bytes += item_bytes(&item);
                    offering.push.push(item);
                    offering.offers.push(offer);
                }
                None => gone.push(offer.item),
            }
        }
        if !gone.is_empty() {
            self.forget_offers(&gone)?;
        }
        Ok(offering)
    }

    /// Everything that is to be offered is offered at the next sync, whatever the relay said to it.
    pub(crate) fn offer_all_again(&mut self) -> Result<(), ClientError> {
        let mut offers = self.offers()?;
        self.commit(|transaction| {
            for offer in &mut offers {
                offer.tried_at = None;
                offer.put(transaction)?;
            }
            Ok(())
        })
    }

    pub(crate) fn forget_offers(&mut self, items: &[ItemId]) -> Result<(), ClientError> {
        self.commit(|transaction| {
            for item in items {
                OfferRecord::delete(item, transaction)?;
            }
            Ok(())
        })
    }

    /// Offers what the relay says it lacks, as far as this device holds it with a receipt. A space stands
    /// for its log. Where something is among it that was thought to be there, since another journal had
    /// numbered it before the present one began, this device had seen a copy that ran beside the relay:
    /// nothing of what came before is sure to be common then. Returns whether that is new.
    pub(crate) fn offer_what_is_missing(
        &mut self,
        missing: &[ItemId],
    ) -> Result<bool, ClientError> {
        let offers = self.missing_items_held(missing)?;
        let Some(mark) = self.sync_record()?.mark.filter(|_| !offers.is_empty()) else {
            return Ok(false);
        };
        let thought_common = offers
            .iter()
            .find(|offer| offer.journal != mark.journal && offer.sequence <= mark.began_after);
        if let Some(offer) = thought_common {
            let nothing_common = |journal| JournalMark {
                journal,
                began_after: 0,
                ..mark
            };
            let setback = Setback {
                before: nothing_common(offer.journal),
                after: nothing_common(mark.journal),
            };
            let mut known = self.incident_records()?.into_iter();
            if !known.any(|record| setback.was_noted_in(&record)) {
                self.note_incident(&setback)?;
                return Ok(true);
            }
        }
        self.commit(|transaction| offers.iter().try_for_each(|offer| offer.put(transaction)))?;
        Ok(false)
    }

    /// Offers what is held of these, whatever the relay said.
    pub(crate) fn offer_held(&mut self, items: &[ItemId]) -> Result<(), ClientError> {
        if items.is_empty() {
            return Ok(());
        }
        let offers = self.missing_items_held(items)?;
        self.commit(|transaction| offers.iter().try_for_each(|offer| offer.put(transaction)))
    }

    /// Of these, what is held here with a receipt and not offered yet.
    fn missing_items_held(&self, missing: &[ItemId]) -> Result<Vec<OfferRecord>, ClientError> {
        let mut logs: HashMap<SpaceId, HashMap<ItemId, u64>> = HashMap::new();
        let mut items: BTreeSet<ItemId> = missing.iter().copied().collect();
        for space in items.clone().into_iter().map(|id| SpaceId(id.0)) {
            // Most ids name no log.
            if self.logs().load(&space)?.is_some() {
                let places = self.places_in_log(&space)?;
                items.extend(places.keys().copied());
                logs.insert(space, places);
            }
        }
        let mut offers = Vec::new();
        for item in items {
            let Some(record) = self.receipt_of_what_is_not_offered(&item)? else {
                continue;
            };
            let log = match logs.entry(record.space) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.places_in_log(&record.space)?),
            };
            let index = log.get(&item).copied();
            if index.is_some() || self.vault.contains(Collection::Envelope, &item.0)? {
                offers.push(offer(item, &record, record.receipt.place(), index));
            }
        }
        Ok(offers)
    }

    /// Of these envelopes, what is held here with a receipt and not offered yet.
    pub(crate) fn envelopes_to_offer(
        &self,
        envelopes: &BTreeSet<EnvelopeId>,
    ) -> Result<Vec<OfferRecord>, ClientError> {
        let mut offers = Vec::new();
        for item in envelopes.iter().map(|id| ItemId::from(*id)) {
            if let Some(record) = self.receipt_of_what_is_not_offered(&item)?
                && self.vault.contains(Collection::Envelope, &item.0)?
            {
                offers.push(offer(item, &record, record.receipt.place(), None));
            }
        }
        Ok(offers)
    }

    pub(crate) fn originals_offered_at_ms(
        &self,
        space: &SpaceId,
    ) -> Result<Option<u64>, ClientError> {
        let stored = self
            .vault
            .get(Collection::Counting, &originals_key(space))?;
        stored.map(|bytes| records::decode(&bytes)).transpose()
    }

    fn receipt_of_what_is_not_offered(
        &self,
        item: &ItemId,
    ) -> Result<Option<ReceiptRecord>, ClientError> {
        let is_offered = self
            .vault
            .contains(Collection::Setting, &OfferRecord::key(item))?;
        let receipt = self.vault.get(Collection::Receipt, &item.0)?;
        let receipt = receipt.filter(|_| !is_offered);
        receipt.map(|bytes| records::decode(&bytes)).transpose()
    }

    fn item_to_offer(&self, offer: &OfferRecord) -> Result<Option<PushItem>, ClientError> {
        let Some(receipt) = self.receipts().receipt(&offer.item) else {
            return Ok(None);
        };
        let Some(index) = offer.index else {
            let bytes = self.vault.get(Collection::Envelope, &offer.item.0)?;
            return Ok(bytes.map(|bytes| PushItem::Envelope {
                bytes,
                receipt: Some(receipt),
            }));
        };
        let id = OperationId(offer.item.0);
        let Some(operation) = self.operation_at_hand(&offer.space, index, &id)? else {
            return Ok(None);
        };
        let wraps = self.wraps_at_hand(&operation)?;
        Ok(Some(PushItem::Operation {
            bytes: operation.bytes().to_vec(),
            wraps,
            receipt: Some(receipt),
        }))
    }

    /// An operation by its place and id: in its log, taken out of it by a fork, or waiting.
    pub(crate) fn operation_at_hand(
        &self,
        space: &SpaceId,
        index: u64,
        id: &OperationId,
    ) -> Result<Option<SignedOperation>, ClientError> {
        let key = logs::operation_key(space, index);
        let stored = self.vault.get(Collection::Operation, &key)?;
        let stored = stored.and_then(|bytes| SignedOperation::decode(&bytes).ok());
        if let Some(operation) = stored.filter(|operation| operation.id() == *id) {
            return Ok(Some(operation));
        }
        if let Some(operation) = self.lost_operation(id)? {
            return Ok(Some(operation));
        }
        let waiting = self.waiting_operations()?.into_iter();
        let mut operations = waiting.map(|(operation, _)| operation);
        Ok(operations.find(|operation| operation.id() == *id))
    }

    /// The wraps of an operation that reached this device.
    pub(crate) fn wraps_at_hand(
        &self,
        operation: &SignedOperation,
    ) -> Result<Vec<Wrap>, ClientError> {
        let space = operation.space();
        let mut wraps = Vec::new();
        for effect in &operation.operation().effects {
            let (Effect::Epoch {
                key_id, recipients, ..
            }
            | Effect::Wrap {
                key_id, recipients, ..
            }) = effect
            else {
                continue;
            };
            for signed in recipients {
                let first = wrap_key(&space, &key_id.0, &signed.id);
                let further = further_wrap_key(&first, &signed.wrap);
                let held = match self.vault.get(Collection::Wrap, &further)? {
                    Some(held) => Some(held),
                    None => self.vault.get(Collection::Wrap, &first)?,
                };
                let held = held.filter(|bytes| recipients::wrap_hash(bytes) == signed.wrap);
                wraps.extend(held.map(|bytes| Wrap {
                    recipient: signed.id,
                    bytes,
                }));
            }
        }
        Ok(wraps)
    }

    /// What the relay serves it has: it is not offered, unless this device holds wraps beside it
    /// that the relay lacks, or a receipt of an earlier place.
    pub(crate) fn strike_off_served(&mut self, items: &[Item]) -> Result<(), ClientError> {
        if !self.has_offers()? {
            return Ok(());
        }
        let mut served: Vec<(ItemId, Position)> = Vec::new();
        for item in items {
            let place = item.receipt.place();
            match item.kind {
                ItemKind::Operation => {
                    if let Ok(operation) = SignedOperation::decode(&item.bytes) {
                        let wraps = self.wraps_at_hand(&operation)?;
                        if wraps.iter().all(|wrap| item.wraps.contains(wrap)) {
                            served.push((operation.id().into(), place));
                        }
                    }
                }
                ItemKind::Envelope => {
                    let envelope = Envelope::decode(&item.bytes).ok();
                    served.extend(envelope.map(|envelope| (envelope.id().into(), place)));
                }
                ItemKind::JoinRequest => {}
            }
        }
        let mut offered = Vec::new();
        for (item, place) in served {
            let key = OfferRecord::key(&item);
            let Some(bytes) = self.vault.get(Collection::Setting, &key)? else {
                continue;
            };
            let offer: OfferRecord = records::decode(&bytes)?;
            if offer.place() >= place {
                offered.push(item);
            }
        }
        if offered.is_empty() {
            return Ok(());
        }
        self.forget_offers(&offered)?;
        self.count_in_incident(|incident| incident.known_there += offered.len() as u64)
    }

    /// Takes the relay's answers to offered items. Returns whether one was taken back.
    pub(crate) fn offers_answered(
        &mut self,
        answers: &[(OfferRecord, &ItemResult)],
    ) -> Result<bool, ClientError> {
        let (mut taken_back, mut known_there, mut refused) = (0, 0, 0);
        let mut position = self.sync_record()?;
        let (mut done, mut left) = (Vec::new(), Vec::new());
        for (offer, result) in answers {
            match (result.status, result.code) {
                (Status::Accepted | Status::Held, _) => taken_back += 1,
                (Status::Duplicate, _) => known_there += 1,
                // Something it builds on is missing there, or another operation has its place: a
                // colleague's device may bring the one, and a `Heal` carries the other.
                (Status::MissingParents | Status::StaleAccess, _)
                | (Status::Rejected, Some(VerdictCode::LogMoved | VerdictCode::Quota)) => {
                    let mut later = *offer;
                    later.tried_at = Some(position.arrivals);
                    later.tried_at_ms = Some(self.now_ms());
                    later.is_place_taken = result.code == Some(VerdictCode::LogMoved);
                    left.push(later);
                    continue;
                }
                (Status::Rejected, _) => refused += 1,
            }
            done.push(offer.item);
        }
        if taken_back > 0 {
            // What was missing may be there now.
            position.arrivals = position.arrivals.saturating_add(1);
        }
        self.commit(|transaction| {
            for item in &done {
                OfferRecord::delete(item, transaction)?;
            }
            for offer in &left {
                offer.put(transaction)?;
            }
            put_sync(transaction, &position)
        })?;
        self.count_in_incident(|incident| {
            incident.taken_back += taken_back;
            incident.known_there += known_there;
            incident.refused += refused;
        })?;
        Ok(taken_back > 0)
    }
}

fn offer(item: ItemId, record: &ReceiptRecord, place: Position, index: Option<u64>) -> OfferRecord {
    OfferRecord {
        item,
        space: record.space,
        index,
        journal: place.journal,
        sequence: place.sequence,
        tried_at: None,
        tried_at_ms: None,
        is_place_taken: false,
    }
}

/// Whether so much time has passed by this device's clock, which may have been put back, that the relay
/// is asked once more.
pub(crate) fn is_long_ago(at_ms: u64, now_ms: u64) -> bool {
    now_ms.abs_diff(at_ms) >= ASKED_AGAIN_MS
}

fn item_bytes(item: &PushItem) -> usize {
    match item {
        PushItem::Operation { bytes, wraps, .. } => {
            let wraps = wraps.iter().map(|wrap| wrap.bytes.len());
            bytes.len() + wraps.sum::<usize>()
        }
        PushItem::Envelope { bytes, .. } => bytes.len(),
        PushItem::Question { id } => id.0.len(),
    }
}

fn originals_key(space: &SpaceId) -> Vec<u8> {
    [b"q".as_slice(), &space.0].concat()
}

/// Notes when the originals of a space were noted to be offered again.
pub(crate) fn put_originals_offered(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    at_ms: u64,
) -> Result<(), ClientError> {
    let (key, value) = (originals_key(space), records::encode(&at_ms));
    transaction.put(Collection::Counting, ORIGINALS_OFFERED, &key, 0, &value)?;
    Ok(())
}
