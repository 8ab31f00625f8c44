//! Receipts: the relay's signature that it took an item in, at which place of its journal.
//!
//! One signature covers a whole group commit: the Merkle root (RFC 6962 tree shape, own labels)
//! over its items; each receipt carries its item's path. The journal's hash chain is
//! `hash_n = SHA-256(label ‖ hash_{n-1} ‖ sequence (u64 BE) ‖ item id)`.

use minicbor::{Decode, Encode};

use crate::crypto::hash::hash;
use crate::crypto::label;
use crate::crypto::signature::{Signature, SigningKey, VerifyingKey};
use crate::identifier::{ItemId, JournalId, SignatureBytes};
use crate::limits;
use crate::space::standing::Position;

/// Where a journal stood: `[journal, sequence, hash, began_after]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JournalMark {
    /// Which life of the relay's journal.
    #[n(0)]
    pub journal: JournalId,
    /// Last sequence number used.
    #[n(1)]
    pub sequence: u64,
    /// Hash chain up to the last item with a sequence number up to this.
    #[n(2)]
    pub hash: ItemId,
    /// The number after which this journal began, 0 for a relay's first and where the relay does not
    /// know (a copy was put in its place that it did not make itself): what a device holds with
    /// receipts of another journal and a higher number is lost there, and is offered again.
    #[n(3)]
    pub began_after: u64,
}

/// Continues the journal's hash chain by one item.
#[must_use]
pub fn chain(previous: &ItemId, sequence: u64, item: &ItemId) -> ItemId {
    ItemId(hash(
        label::JOURNAL,
        &[&previous.0, &sequence.to_be_bytes(), &item.0],
    ))
}

/// A receipt: `[journal, sequence, accepted_at_ms, count, position, path[], signature]`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Receipt {
    /// Which life of the relay's journal.
    #[n(0)]
    pub journal: JournalId,
    /// The item's place in the journal.
    #[n(1)]
    pub sequence: u64,
    /// The relay's clock at the commit, Unix milliseconds.
    #[n(2)]
    pub accepted_at_ms: u64,
    /// Items in the batch.
    #[n(3)]
    pub count: u32,
    /// This item's position in it, from 0.
    #[n(4)]
    pub position: u32,
    /// Sibling hashes from the leaf up.
    #[n(5)]
    pub path: Vec<ItemId>,
    /// Over label ‖ journal ‖ accepted_at_ms (u64 BE) ‖ count (u32 BE) ‖ root.
    #[n(6)]
    pub signature: SignatureBytes,
}

impl Receipt {
    /// The item's place in the relay's journals.
    #[must_use]
    pub fn place(&self) -> Position {
        Position {
            journal: self.journal,
            sequence: self.sequence,
        }
    }
}

/// Why a receipt does not prove what it says.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
#[error("the receipt is not the relay's for this item")]
pub struct BadReceipt;

impl Receipt {
    /// Checks that the relay took in this item at the place the receipt names.
    ///
    /// # Errors
    /// [`BadReceipt`].
    pub fn verify(&self, item: &ItemId, relay: &VerifyingKey) -> Result<(), BadReceipt> {
        if self.path.len() > limits::RECEIPT_PATH_MAX || self.position >= self.count {
            return Err(BadReceipt);
        }
        let leaf = leaf_hash(self.sequence, item);
        let root = root_from_path(leaf, self.position, self.count, &self.path).ok_or(BadReceipt)?;
        relay
            .verify(
                label::RECEIPT_SIGN,
                &root_message(&self.journal, self.accepted_at_ms, self.count, &root),
                &Signature::from_bytes(self.signature.0),
            )
            .map_err(|_| BadReceipt)
    }
}

/// One group commit being receipted.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which life of the relay's journal.
    pub journal: JournalId,
    /// The relay's clock, Unix milliseconds.
    pub accepted_at_ms: u64,
    /// Sequence number and id of each item, in order.
    pub items: Vec<(u64, ItemId)>,
}

impl Batch {
    /// Signs once and makes every item's receipt, in order. At most 2^20 items.
    #[must_use]
    pub fn receipts(&self, relay: &SigningKey) -> Vec<Receipt> {
        let Ok(count) = u32::try_from(self.items.len()) else {
            return Vec::new();
        };
        let leaves: Vec<ItemId> = self
            .items
            .iter()
            .map(|(sequence, item)| leaf_hash(*sequence, item))
            .collect();
        let levels = levels(leaves);
        let Some(root) = levels.last().and_then(|level| level.first()).copied() else {
            return Vec::new();
        };
        let message = root_message(&self.journal, self.accepted_at_ms, count, &root);
        let signature = SignatureBytes(*relay.sign(label::RECEIPT_SIGN, &message).as_bytes());
        (0u32..)
            .zip(&self.items)
            .map(|(position, (sequence, _))| Receipt {
                journal: self.journal,
                sequence: *sequence,
                accepted_at_ms: self.accepted_at_ms,
                count,
                position,
                path: path(&levels, position as usize),
                signature,
            })
            .collect()
    }
}

fn leaf_hash(sequence: u64, item: &ItemId) -> ItemId {
    ItemId(hash(
        label::RECEIPT_LEAF,
        &[&sequence.to_be_bytes(), &item.0],
    ))
}

fn node_hash(left: &ItemId, right: &ItemId) -> ItemId {
    ItemId(hash(label::RECEIPT_NODE, &[&left.0, &right.0]))
}

fn root_message(journal: &JournalId, accepted_at_ms: u64, count: u32, root: &ItemId) -> Vec<u8> {
    let mut message = journal.0.to_vec();
    message.extend_from_slice(&accepted_at_ms.to_be_bytes());
    message.extend_from_slice(&count.to_be_bytes());
    message.extend_from_slice(&root.0);
    message
}

/// All levels from the leaves up; a node without a sibling moves up unchanged, which gives the
/// tree shape of RFC 6962.
fn levels(leaves: Vec<ItemId>) -> Vec<Vec<ItemId>> {
    let mut levels = vec![leaves];
    while let Some(last) = levels.last().filter(|level| level.len() > 1) {
        let next = last
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                [single] => Some(*single),
                _ => None,
            })
            .collect();
        levels.push(next);
    }
    levels
}

fn path(levels: &[Vec<ItemId>], mut position: usize) -> Vec<ItemId> {
    let mut path = Vec::new();
    for level in levels {
        if let Some(sibling) = level.get(position ^ 1) {
            path.push(*sibling);
        }
        position /= 2;
    }
    path
}

fn root_from_path(leaf: ItemId, position: u32, count: u32, path: &[ItemId]) -> Option<ItemId> {
    let (mut node, mut position, mut width) = (leaf, position, count);
    let mut siblings = path.iter();
    while width > 1 {
        if position % 2 == 1 {
            node = node_hash(siblings.next()?, &node);
        } else if position.checked_add(1)? < width {
            node = node_hash(&node, siblings.next()?);
        }
        position /= 2;
        width = width.div_ceil(2);
    }
    siblings.next().is_none().then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret32;

    fn batch(count: u8) -> Batch {
        Batch {
            journal: JournalId([9; 16]),
            accepted_at_ms: 1_700_000_000_000,
            items: (0..count)
                .map(|n| (u64::from(n) + 100, ItemId([n; 32])))
                .collect(),
        }
    }

    #[test]
    fn every_item_of_every_batch_size_has_a_receipt_that_verifies() {
        let relay = SigningKey::from_seed(&Secret32::from_bytes([1; 32]));
        for count in 1..=33 {
            let batch = batch(count);
            for (receipt, (_, item)) in batch.receipts(&relay).iter().zip(&batch.items) {
                assert_eq!(receipt.verify(item, &relay.verifying_key()), Ok(()));
            }
        }
    }

    #[test]
    fn a_receipt_moved_to_another_item_place_journal_or_relay_is_refused() {
        let relay = SigningKey::from_seed(&Secret32::from_bytes([1; 32]));
        let other = SigningKey::from_seed(&Secret32::from_bytes([2; 32]));
        let receipt = batch(5).receipts(&relay)[4].clone();
        let item = ItemId([4; 32]);
        assert_eq!(receipt.verify(&item, &relay.verifying_key()), Ok(()));
        assert_eq!(
            receipt.verify(&ItemId([3; 32]), &relay.verifying_key()),
            Err(BadReceipt)
        );
        assert_eq!(
            receipt.verify(&item, &other.verifying_key()),
            Err(BadReceipt)
        );
        let changes: [fn(&mut Receipt); 6] = [
            |receipt| receipt.sequence += 1,
            |receipt| receipt.position -= 1,
            |receipt| receipt.count += 1,
            |receipt| receipt.journal.0[0] ^= 1,
            |receipt| receipt.accepted_at_ms += 1,
            |receipt| receipt.path.push(ItemId([0; 32])),
        ];
        for change in changes {
            let mut changed = receipt.clone();
            change(&mut changed);
            assert_eq!(
                changed.verify(&item, &relay.verifying_key()),
                Err(BadReceipt)
            );
        }
    }
}
