//! How a device's right ended: when, by whom and why, by the log of its person. The device itself reads
//! the same once it has synced: the relay serves it that log up to the operation that ended it.

use nahtlos_protocol::identifier::{DeviceId, OperationId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::state::{End, Grant, MemberId};
use serde::Serialize;

use crate::error::ClientError;
use crate::former_people::reason_of;
use crate::nahtlos::Nahtlos;

/// The end of a device's right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Revocation {
    /// When, by the clock of who ended it, Unix milliseconds.
    pub revoked_at_ms: u64,
    /// When the relay took it in, by its clock, Unix milliseconds: from then on it refuses the device.
    /// None where this device has no receipt of it.
    pub refused_since_ms: Option<u64>,
    /// Who ended it; none where this device does not know them.
    pub by: Option<String>,
    /// Stable word: why, where they said so.
    pub reason: Option<&'static str>,
}

impl Revocation {
    /// Whether who ended it said that the device is lost or in wrong hands.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.reason, Some("device_lost" | "compromised"))
    }

    /// Since when the relay refuses the device, as far as is known here; else when its end was decided.
    /// Unix milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.refused_since_ms.unwrap_or(self.revoked_at_ms)
    }
}

impl Nahtlos {
    /// How this device's own right ended, as far as it knows; none while it stands.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_revocation(&self) -> Result<Option<Revocation>, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(None);
        };
        let state = self.logs().load(&person)?;
        Ok(state.and_then(|state| self.revocation(&state, &self.device_id)))
    }

    /// How the right of a person's device ended; none while it stands, and for a device that never was
    /// one of theirs.
    pub(crate) fn revocation(&self, person: &SpaceState, device: &DeviceId) -> Option<Revocation> {
        let end = last_end(person, device)?;
        let directory = self.shared_directory().unwrap_or_default();
        let by = self.person_in_or_above(&end.by, &person.id());
        Some(Revocation {
            revoked_at_ms: end.claimed_at_ms,
            refused_since_ms: self.received_at(person, end.at),
            by: by.map(|by| directory.person_name(&by)),
            reason: reason_of(end.reason),
        })
    }

    /// When the relay took in the operation at this place of a log, by its receipt.
    pub(crate) fn received_at(&self, state: &SpaceState, index: u64) -> Option<u64> {
        let id: OperationId = state.operation(index)?.id;
        let receipt = self.receipts().receipt(&id.into())?;
        Some(receipt.accepted_at_ms)
    }
}

/// The end of a device's last grant, where none stands.
pub(crate) fn last_end(person: &SpaceState, device: &DeviceId) -> Option<End> {
    let is_its = |grant: &&Grant| grant.member == MemberId::Device(*device);
    if person.live_grants().any(|grant| is_its(&grant)) {
        return None;
    }
    let ends = person.grants().iter().filter(is_its);
    ends.filter_map(|grant| grant.ended)
        .max_by_key(|end| end.at)
}
