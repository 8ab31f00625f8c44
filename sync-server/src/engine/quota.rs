//! What an institution may store, and how many items a device may push in a day.

use std::collections::HashMap;

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::wire::VerdictCode;

use super::stage::{Pusher, Refusal, Stage, reject};
use super::world::Standing;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Items each device pushed today (UTC). Kept in memory only: a restart starts the day again.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    day: u64,
    items: HashMap<DeviceId, u64>,
}

impl DayCounts {
    /// Counts one item; false where the device has used up its day.
    pub(super) fn count(&mut self, device: DeviceId, now_ms: u64, items_max: u64) -> bool {
        let today = now_ms / DAY_MS;
        if self.day != today {
            self.day = today;
            self.items.clear();
        }
        let items = self.items.entry(device).or_insert(0);
        *items = items.saturating_add(1);
        *items <= items_max
    }
}

impl Stage<'_> {
    /// Counts an item against its pusher's day.
    pub(super) fn count_item(&mut self, pusher: Pusher) -> Result<(), Refusal> {
        let Pusher::Device(device) = pusher else {
            return Ok(());
        };
        let items_max = self.limits.device_items_per_day_max;
        if self.day_counts.count(device, self.now_ms, items_max) {
            Ok(())
        } else {
            reject(VerdictCode::Quota)
        }
    }

    /// Whether a pusher belongs to one of the network's institutions.
    pub(super) fn is_admitted(&self, pusher: Pusher) -> bool {
        match pusher {
            Pusher::Device(device) => self.view().standing(&device) == Standing::Admitted,
            Pusher::Claim => true,
        }
    }

    /// The institution that pays for an item, if it may store that many bytes more. Call
    /// [`Self::charge`] once the item is stored.
    pub(super) fn payer(
        &self,
        pusher: Pusher,
        bytes: usize,
    ) -> Result<Option<(SpaceId, u64)>, Refusal> {
        let Pusher::Device(device) = pusher else {
            return Ok(None);
        };
        // Who was removed pays nothing, and has lanes of their own.
        let Some(institution) = self.view().institution_of(&device) else {
            return Ok(None);
        };
        let used = self.view().usage(&institution).saturating_add(bytes as u64);
        if used > self.limits.institution_bytes_max {
            return reject(VerdictCode::Quota);
        }
        Ok(Some((institution, used)))
    }

    /// Notes what an institution has used.
    pub(super) fn charge(&mut self, payer: Option<(SpaceId, u64)>) -> Result<(), Refusal> {
        if let Some((institution, used)) = payer {
            self.store.put_usage(&institution, used)?;
            self.top.usage.insert(institution, used);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_used_up_its_day_may_push_again_tomorrow() {
        let mut counts = DayCounts::default();
        let (one, other) = (DeviceId([1; 32]), DeviceId([2; 32]));
        assert!(counts.count(one, 5, 2));
        assert!(counts.count(one, 5, 2));
        assert!(!counts.count(one, 5, 2));
        assert!(counts.count(other, 5, 2));
        assert!(counts.count(one, 5 + DAY_MS, 2));
    }
}
