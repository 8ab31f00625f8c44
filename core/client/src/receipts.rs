//! The relay's receipts: kept for every item that came in or was stored there, verified when they
//! are used. They tell in which order the relay took things in, and they are what brings an item
//! back into its old place when a relay has lost it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::{ItemId, OperationId, SpaceId};
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::standing::{self, Position, Receipts};
use nahtlos_protocol::space::{Logs, SpaceState, Suspended};
use nahtlos_protocol::wire::Receipt;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, ReceiptRecord};
use crate::vault::{Collection, Transaction, Vault};

/// Group in `Collection::Counting`: spaces in which a receipt of an earlier place came for something that
/// was here already, and that were not counted again since; key = `er` ‖ space.
const EARLIER: &[u8] = b"earlier-receipts";

/// Receipts of this process's life. Fresh ones are stored with the next transaction.
#[derive(Default)]
pub(crate) struct ReceiptCache {
    /// Places that were verified.
    places: RefCell<HashMap<ItemId, Position>>,
    fresh: RefCell<Vec<Fresh>>,
}

/// A receipt that is not stored yet.
struct Fresh {
    item: ItemId,
    record: ReceiptRecord,
}

impl ReceiptCache {
    /// Keeps an item's receipt, unless an earlier one is held: the earliest counts. It need not be
    /// verified before, and is durable with the next transaction.
    pub fn keep(&self, space: &SpaceId, item: ItemId, receipt: &Receipt) {
        let record = ReceiptRecord {
            space: *space,
            receipt: receipt.clone(),
        };
        self.fresh.borrow_mut().push(Fresh { item, record });
    }

    /// Whether nothing waits to be stored.
    pub fn is_stored(&self) -> bool {
        self.fresh.borrow().is_empty()
    }

    /// Stores the fresh ones. They stay fresh until [`Self::stored`] says the transaction is done.
    pub fn store(
        &self,
        transaction: &Transaction<'_>,
        relay_keys: &[VerifyingKey],
    ) -> Result<(), ClientError> {
        for Fresh { item, record } in self.fresh.borrow().iter() {
            if let Some(bytes) = transaction.get(Collection::Receipt, &item.0)? {
                let held: ReceiptRecord = records::decode(&bytes)?;
                if !replaces(&held.receipt, &record.receipt, item, relay_keys) {
                    continue;
                }
                let key = earlier_key(&record.space);
                transaction.put(Collection::Counting, EARLIER, &key, 0, b"")?;
            }
            let value = records::encode(record);
            transaction.put(Collection::Receipt, b"", &item.0, 0, &value)?;
            self.places.borrow_mut().remove(item);
        }
        Ok(())
    }

    /// The transaction that stored the fresh ones was committed.
    pub fn stored(&self) {
        self.fresh.borrow_mut().clear();
    }
}

/// Whether a receipt takes the place of the one held: an earlier one does, and so does a valid one
/// where the held one is not the relay's.
fn replaces(held: &Receipt, new: &Receipt, item: &ItemId, relay_keys: &[VerifyingKey]) -> bool {
    if held == new || verify(new, item, relay_keys).is_none() {
        return false;
    }
    match verify(held, item, relay_keys) {
        Some(place) => new.place() < place,
        None => true,
    }
}

fn verify(receipt: &Receipt, item: &ItemId, relay_keys: &[VerifyingKey]) -> Option<Position> {
    relay_keys
        .iter()
        .any(|key| receipt.verify(item, key).is_ok())
        .then(|| receipt.place())
}

/// The receipts held here, each verified against the keys that the network's log ever named.
pub(crate) struct VerifiedReceipts<'a> {
    vault: &'a Vault,
    cache: &'a ReceiptCache,
    relay_keys: Vec<VerifyingKey>,
}

impl VerifiedReceipts<'_> {
    /// The receipt of an item, where a valid one is held.
    pub fn receipt(&self, item: &ItemId) -> Option<Receipt> {
        let bytes = self.vault.get(Collection::Receipt, &item.0).ok()??;
        let record: ReceiptRecord = records::decode(&bytes).ok()?;
        let place = verify(&record.receipt, item, &self.relay_keys)?;
        self.cache.places.borrow_mut().insert(*item, place);
        Some(record.receipt)
    }

    /// Whether a receipt was signed by a relay of this network for this very item.
    pub fn is_the_relays(&self, item: &ItemId, receipt: &Receipt) -> bool {
        verify(receipt, item, &self.relay_keys).is_some()
    }

    /// Where an operation or envelope stands in the relay's journals, by its earliest receipt.
    pub fn place(&self, item: &ItemId) -> Option<Position> {
        let known = self.cache.places.borrow().get(item).copied();
        known.or_else(|| Some(self.receipt(item)?.place()))
    }
}

impl Receipts for VerifiedReceipts<'_> {
    fn position(&self, operation: &OperationId) -> Option<Position> {
        self.place(&(*operation).into())
    }
}

impl std::fmt::Debug for VerifiedReceipts<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VerifiedReceipts")
            .finish_non_exhaustive()
    }
}

impl Nahtlos {
    /// The receipts held here, verified when they are used.
    pub(crate) fn receipts(&self) -> VerifiedReceipts<'_> {
        VerifiedReceipts {
            vault: &self.vault,
            cache: &self.receipt_cache,
            relay_keys: self.relay_keys(),
        }
    }

    /// What came earlier than was known may count otherwise, and so may what an end came earlier than:
    /// everything above is counted again. Says which spaces.
    pub(crate) fn count_anew_by_earlier_receipts(
        &mut self,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let listed = self.vault.list(Collection::Counting, EARLIER)?;
        let moved = listed.iter().filter_map(|(key, _)| key.get(2..));
        let moved: BTreeSet<SpaceId> = moved.filter_map(SpaceId::from_slice).collect();
        if moved.is_empty() {
            return Ok(moved);
        }
        let marked = self.count_anew_above(&moved)?;
        self.commit(|transaction| {
            transaction.delete_group(Collection::Counting, EARLIER)?;
            Ok(())
        })?;
        Ok(marked)
    }

    /// Grants that nobody stands for any more whose right is sure: nobody wraps to them, until a
    /// manager confirms or voids them.
    pub(crate) fn suspended(&self, state: &SpaceState) -> Suspended {
        self.suspended_in(&self.logs(), state)
    }

    /// As [`Self::suspended`], on logs with something prepared laid over them.
    pub(crate) fn suspended_in(&self, logs: &dyn Logs, state: &SpaceState) -> Suspended {
        standing::suspended_grants(logs, state, View::NEWEST, &self.receipts())
    }

    /// Every key that the network's log ever named for its relay; before that log is here, the one
    /// of the claim or invitation.
    pub(crate) fn relay_keys(&self) -> Vec<VerifyingKey> {
        let network = self.device.network;
        let state = network.and_then(|network| self.logs().state(&network));
        let mut keys: Vec<VerifyingKey> = state
            .iter()
            .flat_map(|state| state.relay_keys_at(state.length()))
            .copied()
            .collect();
        if keys.is_empty() {
            let told = self.device.relay_key.as_ref();
            keys.extend(told.and_then(|key| VerifyingKey::from_bytes(&key.0).ok()));
        }
        keys
    }
}

fn earlier_key(space: &SpaceId) -> Vec<u8> {
    [b"er".as_slice(), &space.0].concat()
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::crypto::secret::Secret32;
    use nahtlos_protocol::crypto::signature::SigningKey;
    use nahtlos_protocol::identifier::JournalId;
    use nahtlos_protocol::wire::receipt::Batch;

    use super::*;
    use crate::vault::KeyDerivation;

    const SPACE: SpaceId = SpaceId([1; 32]);
    const ITEM: ItemId = ItemId([2; 32]);

    fn receipt(relay: &SigningKey, sequence: u64) -> Receipt {
        let batch = Batch {
            journal: JournalId([9; 16]),
            accepted_at_ms: 1_700_000_000_000,
            items: vec![(sequence, ITEM)],
        };
        batch.receipts(relay).remove(0)
    }

    fn relay(seed: u8) -> SigningKey {
        SigningKey::from_seed(&Secret32::from_bytes([seed; 32]))
    }

    /// A replica that knows the relay's key from a claim.
    fn replica(home: &std::path::Path) -> Nahtlos {
        let derivation = KeyDerivation::fast_for_tests();
        let mut replica = Nahtlos::create(home, b"synthetic", derivation).unwrap();
        let key = relay(1).verifying_key();
        replica.device.relay_key = Some(nahtlos_protocol::identifier::VerifyingKeyBytes(
            *key.as_bytes(),
        ));
        replica
    }

    fn keep(replica: &mut Nahtlos, receipt: &Receipt) -> Option<u64> {
        replica.receipt_cache.keep(&SPACE, ITEM, receipt);
        replica.commit(|_| Ok(())).unwrap();
        replica.receipts().place(&ITEM).map(|place| place.sequence)
    }

    #[test]
    fn of_several_receipts_for_an_item_the_earliest_valid_one_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let mut replica = replica(home.path());
        assert_eq!(keep(&mut replica, &receipt(&relay(1), 20)), Some(20));
        assert_eq!(keep(&mut replica, &receipt(&relay(1), 30)), Some(20));
        assert_eq!(
            keep(&mut replica, &receipt(&relay(2), 5)),
            Some(20),
            "somebody else's receipt does not take its place"
        );
        assert_eq!(keep(&mut replica, &receipt(&relay(1), 10)), Some(10));
        drop(replica);
        let reopened = Nahtlos::open(home.path(), b"synthetic").unwrap();
        assert!(
            reopened
                .vault
                .contains(Collection::Receipt, &ITEM.0)
                .unwrap()
        );
    }

    #[test]
    fn a_receipt_that_is_not_the_relays_proves_no_place_and_gives_way_to_a_valid_one() {
        let home = tempfile::tempdir().unwrap();
        let mut replica = replica(home.path());
        assert_eq!(keep(&mut replica, &receipt(&relay(2), 5)), None);
        assert_eq!(keep(&mut replica, &receipt(&relay(1), 20)), Some(20));
    }
}
