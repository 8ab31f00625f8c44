//! Looking through a whole vault: every record opened, every log replayed with its signatures, every
//! receipt verified. Nothing is changed, and nothing found is named by what it says.

use std::collections::BTreeSet;

use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;
use serde::Serialize;

use crate::error::ClientError;
use crate::logs::{LogCache, operation_key};
use crate::nahtlos::Nahtlos;
use crate::receipts::VerifiedReceipts;
use crate::records::{self, ReceiptRecord};
use crate::vault::{CheckReport, Collection};

/// What a look through the whole vault found.
#[derive(Clone, Debug, Default)]
pub struct VaultFindings {
    /// The records and the file they are in.
    pub records: CheckReport,
    /// Records that open and are not what their name promises: an operation, envelope, receipt or
    /// key that does not decode or belongs under another name.
    pub misplaced: Vec<Collection>,
    /// Operations replayed.
    pub operations: u64,
    /// Logs that replay, signatures included.
    pub sound_logs: u64,
    /// Logs that do not.
    pub broken_logs: Vec<BrokenLog>,
    /// Receipts signed by the relay of this network for the item they lie beside.
    pub sound_receipts: u64,
    /// Receipts that are not the relay's: they prove nothing, and a true one takes their place.
    pub foreign_receipts: u64,
}

/// A log that does not replay from its first operation to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenLog {
    /// Hexadecimal space id.
    pub space: String,
    /// Why, in words.
    pub reason: String,
}

impl VaultFindings {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.records.is_sound()
            && self.misplaced.is_empty()
            && self.broken_logs.is_empty()
            && self.foreign_receipts == 0
    }
}

impl Nahtlos {
    /// Looks through the whole vault.
    ///
    /// # Errors
    /// Damage is in the findings; an error means that reading could not go on.
    pub fn check_vault(&self) -> Result<VaultFindings, ClientError> {
        let mut findings = VaultFindings::default();
        let mut spaces = BTreeSet::new();
        let receipts = self.receipts();
        let records = self.vault.check_each(&mut |collection, key, value| {
            findings.look_at(collection, key, value, &receipts, &mut spaces);
        })?;
        findings.records = records;
        self.replay_every_log(&spaces, &mut findings);
        Ok(findings)
    }

    /// One cache for all: a log is replayed once, however many others come after it.
    fn replay_every_log(&self, spaces: &BTreeSet<SpaceId>, findings: &mut VaultFindings) {
        let cache = LogCache::verifying();
        let logs = cache.view(&self.vault, self.device.network);
        for space in spaces {
            match logs.load(space) {
                Ok(Some(state)) => {
                    findings.sound_logs += 1;
                    findings.operations += state.length();
                }
                Ok(None) => findings.broken_logs.push(BrokenLog {
                    space: space.to_string(),
                    reason: "it has no first operation".into(),
                }),
                Err(error) => findings.broken_logs.push(BrokenLog {
                    space: space.to_string(),
                    reason: error.to_string(),
                }),
            }
        }
    }
}

impl VaultFindings {
    /// What a record's own bytes say about themselves.
    fn look_at(
        &mut self,
        collection: Collection,
        key: &[u8],
        value: &[u8],
        receipts: &VerifiedReceipts<'_>,
        spaces: &mut BTreeSet<SpaceId>,
    ) {
        let is_in_place = match collection {
            Collection::Operation => SignedOperation::decode(value).is_ok_and(|operation| {
                spaces.insert(operation.space());
                key == operation_key(&operation.space(), operation.operation().index)
            }),
            Collection::Envelope => {
                Envelope::decode(value).is_ok_and(|envelope| key == envelope.id().0)
            }
            Collection::EpochSeed => is_seed_of(key, value),
            Collection::Receipt => self.look_at_receipt(key, value, receipts),
            _ => true,
        };
        if !is_in_place {
            self.misplaced.push(collection);
        }
    }

    fn look_at_receipt(
        &mut self,
        key: &[u8],
        value: &[u8],
        receipts: &VerifiedReceipts<'_>,
    ) -> bool {
        let Ok(item) = key.try_into().map(ItemId) else {
            return false;
        };
        let Ok(record) = records::decode::<ReceiptRecord>(value) else {
            return false;
        };
        if receipts.is_the_relays(&item, &record.receipt) {
            self.sound_receipts += 1;
        } else {
            self.foreign_receipts += 1;
        }
        true
    }
}

fn is_seed_of(key: &[u8], value: &[u8]) -> bool {
    let (Ok(key_id), Ok(secret)) = (key.try_into(), value.try_into()) else {
        return false;
    };
    EpochSeed::from_secret(Secret32::from_bytes(secret))
        .check(&key_id)
        .is_ok()
}
