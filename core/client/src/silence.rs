//! How long an institution has been silent: when the relay last took in something that one of its
//! devices signed, by the relay's receipt. A relay that withholds one institution's work from this
//! device shows as a silence.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{DeviceId, ItemId, OperationId, SpaceId};
use nahtlos_protocol::space::Kind;
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: the newest item of each device; key = `a` ‖ device.
const HEARD: &[u8] = b"heard";

/// The newest item of a device: `Collection::Setting`. Verified when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct HeardRecord {
    #[n(0)]
    pub item: ItemId,
    /// For an operation, its place.
    #[n(1)]
    pub place: Option<(SpaceId, u64)>,
    /// What its receipt says, Unix milliseconds.
    #[n(2)]
    pub accepted_at_ms: u64,
}

/// When an institution of the network was last heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstitutionHeard {
    /// Hexadecimal id.
    pub institution: String,
    /// Its name, as the directory has it.
    pub name: String,
    /// When the relay took in the newest item of its devices that reached this one, by the relay's
    /// clock, Unix milliseconds; none where nothing has.
    pub heard_at_ms: Option<u64>,
}

/// The newest item of each device in one response.
#[derive(Debug, Default)]
pub(crate) struct Heard(BTreeMap<DeviceId, HeardRecord>);

impl Heard {
    /// Takes note of an item.
    pub fn note(&mut self, author: DeviceId, record: HeardRecord) {
        let known = self.0.entry(author).or_insert(record);
        if known.accepted_at_ms < record.accepted_at_ms {
            *known = record;
        }
    }

    /// Keeps what is newer than what is kept.
    pub fn store(&self, transaction: &Transaction<'_>) -> Result<(), ClientError> {
        for (device, record) in &self.0 {
            let key = heard_key(device);
            if let Some(bytes) = transaction.get(Collection::Setting, &key)? {
                let known: HeardRecord = records::decode(&bytes)?;
                if known.accepted_at_ms >= record.accepted_at_ms {
                    continue;
                }
            }
            transaction.put(
                Collection::Setting,
                HEARD,
                &key,
                0,
                &records::encode(record),
            )?;
        }
        Ok(())
    }
}

fn heard_key(device: &DeviceId) -> Vec<u8> {
    [b"a".as_slice(), &device.0].concat()
}

impl Nahtlos {
    /// When each institution of the network was last heard of, one's own included.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; where the vault cannot be read.
    pub fn institutions_heard(&self) -> Result<Vec<InstitutionHeard>, ClientError> {
        let network = self.network()?;
        let directory = self.directory().unwrap_or_default();
        let mut heard: BTreeMap<DeviceId, HeardRecord> = BTreeMap::new();
        for (key, bytes) in self.vault.list(Collection::Setting, HEARD)? {
            if let Some(device) = key.get(1..).and_then(DeviceId::from_slice) {
                heard.insert(device, records::decode(&bytes)?);
            }
        }
        let mut lines = Vec::new();
        let state = self.logs().load(&network)?;
        let members: BTreeSet<SpaceId> = state
            .iter()
            .flat_map(|state| state.live_grants())
            .filter_map(|grant| match grant.member {
                MemberId::Space(member) => Some(member),
                MemberId::Device(_) => None,
            })
            .collect();
        for institution in members {
            let devices = self.devices_beneath(&institution);
            let mut newest: Vec<(&HeardRecord, &VerifyingKey)> = devices
                .iter()
                .filter_map(|(device, key)| Some((heard.get(device)?, key)))
                .collect();
            newest.sort_by_key(|(record, _)| std::cmp::Reverse(record.accepted_at_ms));
            lines.push(InstitutionHeard {
                institution: institution.to_string(),
                name: directory.name(&institution),
                heard_at_ms: newest
                    .into_iter()
                    .find_map(|(record, key)| self.proven_time(record, key)),
            });
        }
        Ok(lines)
    }

    /// When the relay took in the newest item of a device that reached this one.
    pub(crate) fn device_heard(
        &self,
        device: &DeviceId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, ClientError> {
        let bytes = self.vault.get(Collection::Setting, &heard_key(device))?;
        let record: Option<HeardRecord> = bytes.map(|bytes| records::decode(&bytes)).transpose()?;
        Ok(record.and_then(|record| self.proven_time(&record, key)))
    }

    /// Devices that are or were beneath an institution, as far as their logs are here.
    fn devices_beneath(&self, institution: &SpaceId) -> BTreeMap<DeviceId, VerifyingKey> {
        let logs = self.logs();
        let mut devices = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![*institution];
        while let Some(space) = waiting.pop() {
            let Some(state) = logs.state(&space).filter(|_| seen.insert(space)) else {
                continue;
            };
            if state.kind() == Kind::Person {
                let known = state.devices().iter();
                devices.extend(known.map(|(device, known)| (*device, known.verifying)));
            }
            waiting.extend(
                state
                    .grants()
                    .iter()
                    .filter_map(|grant| match grant.member {
                        MemberId::Space(member) => Some(member),
                        MemberId::Device(_) => None,
                    }),
            );
        }
        devices
    }

    /// When the relay took in an item, where its receipt and its author's signature prove it.
    fn proven_time(&self, record: &HeardRecord, author: &VerifyingKey) -> Option<u64> {
        let receipt = self.receipts().receipt(&record.item)?;
        let signed = match record.place {
            Some((space, index)) => {
                let id = OperationId(record.item.0);
                let operation: SignedOperation =
                    self.operation_at_hand(&space, index, &id).ok()??;
                operation.is_signed_by(author)
            }
            None => {
                let bytes = self
                    .vault
                    .get(Collection::Envelope, &record.item.0)
                    .ok()??;
                Envelope::decode(&bytes).ok()?.verify(author).is_ok()
            }
        };
        signed.then_some(receipt.accepted_at_ms)
    }
}
