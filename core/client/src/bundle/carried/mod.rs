//! What came by a bundle and bears no receipt: kept apart from what counts until a relay has it.
//!
//! Edits are shown above the document ([`super::overlay`]) and are no part of it. A section that is new to
//! the relay is replayed as any log, since nothing can stand against it, and nothing is sealed, wrapped or
//! decided there before the relay has it. Any other change of access without a receipt is refused: two
//! devices could be told different ones ([`settling`]).
//!
//! At the next sync everything is brought to the relay as it came. Its answer settles each item
//! ([`bringing`]).

mod bringing;
mod listing;
mod settling;

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::PushItem;

use super::items::{Brought, Object};
use crate::error::ClientError;
use crate::nahtlos::{Nahtlos, put_sync};
use crate::offering::is_long_ago;
use crate::records;
use crate::vault::{Collection, Transaction};

pub(super) use settling::Refused;

/// Items that a device carries for others at most, and their bytes: what somebody who hands over a
/// made-up file can fill at most.
const CARRIED_ITEMS_MAX: u64 = 20_000;
const CARRIED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One item without a receipt: `Collection::Carried`, key = item. Operations of a space and its envelopes
/// are two groups.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct CarriedRecord {
    #[n(0)]
    pub item: CarriedItem,
    /// When it came in, by this device's clock, Unix milliseconds.
    #[n(1)]
    pub since_ms: u64,
    /// How much had arrived when the relay last did not take it.
    #[n(2)]
    pub tried_at: Option<u64>,
    /// When that was, Unix milliseconds.
    #[n(3)]
    pub tried_at_ms: Option<u64>,
    /// The relay refused it for good. Kept of operations alone: the section they found is here.
    #[n(4)]
    pub refused: bool,
    /// Where it stands among all that came in here.
    #[n(5)]
    pub arrival: u64,
}

/// What is carried.
#[derive(Clone, Encode, Decode)]
pub(crate) enum CarriedItem {
    #[n(0)]
    Operation {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        #[n(1)]
        wraps: Vec<Wrap>,
    },
    #[n(1)]
    Envelope {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
}

impl CarriedRecord {
    fn is_to_wait(&self, arrived: u64, now_ms: u64) -> bool {
        let nothing_came = self.tried_at.is_some_and(|tried_at| tried_at >= arrived);
        let a_day_passed = self
            .tried_at_ms
            .is_some_and(|at_ms| is_long_ago(at_ms, now_ms));
        self.refused || (nothing_came && !a_day_passed)
    }

    /// The space it is of.
    pub fn space(&self) -> Option<SpaceId> {
        space_of(&self.item)
    }

    fn push_item(&self) -> PushItem {
        match self.item.clone() {
            CarriedItem::Operation { bytes, wraps } => PushItem::Operation {
                bytes,
                wraps,
                receipt: None,
            },
            CarriedItem::Envelope { bytes } => PushItem::Envelope {
                bytes,
                receipt: None,
            },
        }
    }

    fn bytes(&self) -> usize {
        match &self.item {
            CarriedItem::Operation { bytes, wraps } => {
                let wraps = wraps.iter().map(|wrap| wrap.bytes.len());
                bytes.len() + wraps.sum::<usize>()
            }
            CarriedItem::Envelope { bytes } => bytes.len(),
        }
    }

    fn put(
        &self,
        transaction: &Transaction<'_>,
        space: &SpaceId,
        item: &ItemId,
    ) -> Result<(), ClientError> {
        let group = match &self.item {
            CarriedItem::Operation { .. } => operations_of(space),
            CarriedItem::Envelope { .. } => envelopes_of(space),
        };
        let position = i64::try_from(self.arrival).unwrap_or(i64::MAX);
        let value = records::encode(self);
        transaction.put(Collection::Carried, &group, &item.0, position, &value)?;
        Ok(())
    }
}

impl Nahtlos {
    /// Keeps what came without a receipt. Returns which of it is new here.
    ///
    /// # Errors
    /// [`crate::bundle::BundleError::TooMuchCarried`].
    pub(in crate::bundle) fn keep_carried(
        &mut self,
        brought: Vec<Brought>,
    ) -> Result<Vec<ItemId>, ClientError> {
        let mut position = self.sync_record()?;
        let (since_ms, mut kept, mut seen) = (self.now_ms(), Vec::new(), BTreeSet::new());
        for one in brought {
            let Some(space) = one.object.as_ref().map(Object::space) else {
                continue;
            };
            if !seen.insert(one.id) || self.vault.contains(Collection::Carried, &one.id.0)? {
                continue;
            }
            let item = match one.object {
                Some(Object::Operation(_)) => CarriedItem::Operation {
                    bytes: one.item.bytes,
                    wraps: one.item.wraps,
                },
                _ => CarriedItem::Envelope {
                    bytes: one.item.bytes,
                },
            };
            position.arrivals = position.arrivals.saturating_add(1);
            let record = CarriedRecord {
                item,
                since_ms,
                tried_at: None,
                tried_at_ms: None,
                refused: false,
                arrival: position.arrivals,
            };
            kept.push((space, one.id, record));
        }
        self.require_room_for(kept.iter().map(|(.., record)| record.bytes()))?;
        self.commit(|transaction| {
            for (space, item, record) in &kept {
                record.put(transaction, space, item)?;
            }
            put_sync(transaction, &position)
        })?;
        Ok(kept.into_iter().map(|(_, item, ..)| item).collect())
    }

    fn require_room_for(
        &self,
        new: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(), ClientError> {
        if new.len() == 0 {
            return Ok(());
        }
        let items = self.vault.count(Collection::Carried)? + new.len() as u64;
        let here = self.carried()?;
        let bytes = here.iter().map(|(_, record)| record.bytes()).sum::<usize>();
        if items > CARRIED_ITEMS_MAX || bytes + new.sum::<usize>() > CARRIED_BYTES_MAX {
            return Err(crate::bundle::BundleError::TooMuchCarried.into());
        }
        Ok(())
    }

    /// Whether anything is carried at all: where not, nothing here costs anything.
    pub(crate) fn carries_anything(&self) -> Result<bool, ClientError> {
        Ok(self.vault.count(Collection::Carried)? > 0)
    }

    /// Whether a section is here only because a bundle brought it: the relay may not have it, so nothing is
    /// sealed, wrapped or decided there.
    pub(crate) fn is_carried_section(&self, space: &SpaceId) -> Result<bool, ClientError> {
        let last = self
            .vault
            .last_position(Collection::Carried, &operations_of(space))?;
        Ok(last.is_some())
    }

    /// Everything carried, in the order in which it came.
    pub(super) fn carried(&self) -> Result<Vec<(ItemId, CarriedRecord)>, ClientError> {
        let mut carried = Vec::new();
        for (key, bytes) in self.vault.list_all(Collection::Carried)? {
            if let Some(item) = ItemId::from_slice(&key) {
                carried.push((item, records::decode(&bytes)?));
            }
        }
        Ok(carried)
    }

    /// Envelopes of a space that are carried.
    pub(in crate::bundle) fn carried_envelopes(
        &self,
        space: &SpaceId,
    ) -> Result<Vec<Envelope>, ClientError> {
        let group = envelopes_of(space);
        if self
            .vault
            .last_position(Collection::Carried, &group)?
            .is_none()
        {
            return Ok(Vec::new());
        }
        let mut envelopes = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Carried, &group)? {
            let record: CarriedRecord = records::decode(&bytes)?;
            if let CarriedItem::Envelope { bytes } = record.item {
                envelopes.extend(Envelope::decode(&bytes).ok());
            }
        }
        Ok(envelopes)
    }
}

/// What has arrived otherwise, or was settled, is carried no more.
pub(crate) fn delete_carried(
    transaction: &Transaction<'_>,
    item: &ItemId,
) -> Result<(), ClientError> {
    transaction.delete(Collection::Carried, &item.0)?;
    Ok(())
}

/// Forgets what is carried of a section that is erased.
pub(crate) fn forget_carried(
    transaction: &Transaction<'_>,
    space: &SpaceId,
) -> Result<(), ClientError> {
    transaction.delete_group(Collection::Carried, &envelopes_of(space))?;
    Ok(())
}

fn space_of(item: &CarriedItem) -> Option<SpaceId> {
    match item {
        CarriedItem::Operation { bytes, .. } => {
            let signed = SignedOperation::decode(bytes).ok();
            signed.map(|signed| signed.space())
        }
        CarriedItem::Envelope { bytes } => {
            let envelope = Envelope::decode(bytes).ok();
            envelope.map(|envelope| envelope.header().space)
        }
    }
}

fn operations_of(space: &SpaceId) -> Vec<u8> {
    [b"o".as_slice(), &space.0].concat()
}

fn envelopes_of(space: &SpaceId) -> Vec<u8> {
    [b"e".as_slice(), &space.0].concat()
}
