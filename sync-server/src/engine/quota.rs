//! What an institution may store, and how many items a device may push in a day.

use std::collections::HashMap;

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::wire::VerdictCode;

use super::stage::{Pusher, Refusal, Stage, reject};
use super::world::Standing;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Deliveries of what was stored before that count as much as an item: who has much delivered again, by
/// taking a right away and giving it back, uses up a day as one who pushes much.
const DELIVERIES_PER_ITEM: u64 = 100;

/// Items each device pushed today (UTC). Kept in memory only: a restart starts the day again.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    day: u64,
    items: HashMap<DeviceId, u64>,
}

impl DayCounts {
    /// Counts one item; false where the device has used up its day.
    pub(super) fn count(&mut self, device: DeviceId, now_ms: u64, items_max: u64) -> bool {
        self.add(device, now_ms, 1) <= items_max
    }

    /// Counts so many items more; gives how many there are today.
    fn add(&mut self, device: DeviceId, now_ms: u64, more: u64) -> u64 {
        let today = now_ms / DAY_MS;
        if self.day != today {
            self.day = today;
            self.items.clear();
        }
        let items = self.items.entry(device).or_insert(0);
        *items = items.saturating_add(more);
        *items
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

    /// Counts what an item made be delivered again against its pusher's day. The item itself is taken.
    pub(super) fn count_deliveries(&mut self, pusher: Pusher, deliveries: u64) {
        if let Pusher::Device(device) = pusher {
            let items = deliveries / DELIVERIES_PER_ITEM;
            self.day_counts.add(device, self.now_ms, items);
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

    #[test]
    fn what_is_delivered_again_uses_up_the_day_of_who_caused_it_alone() {
        let mut counts = DayCounts::default();
        let (one, other) = (DeviceId([1; 32]), DeviceId([2; 32]));
        assert!(counts.count(one, 5, 10));
        counts.add(one, 5, 10);
        assert!(!counts.count(one, 5, 10));
        assert!(counts.count(other, 5, 10));
    }
}
