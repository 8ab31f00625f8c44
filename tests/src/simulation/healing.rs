//! The end of all faults: everybody reaches the one relay again and syncs until nothing moves any more.

use std::sync::atomic::Ordering;

use super::plan::Plan;
use super::world::World;

/// Rounds of syncs after which all must be quiet. Somebody who had lost the most still needs: what the
/// relay lost, the logs, a key from a colleague, that colleague's next sync, an own envelope, and one
/// round in which nothing happens.
const ROUNDS_MAX: u32 = 16;
/// A relay begins a new journal on a device's word at most once an hour.
const BETWEEN_ROUNDS_MS: u64 = 61 * 60 * 1000;

impl World {
    /// Ends the faults, and lets everybody sync until all is quiet.
    pub fn heal(&mut self) {
        self.story.tell("the faults end");
        self.plan = Plan::without_faults();
        self.deep = None;
        if let Some(people) = &mut self.people {
            people.course = 0;
        }
        self.join();
        for device in &mut self.devices {
            device.cut_off = false;
        }
        while !self.air.is_empty() {
            self.land_one();
        }
        self.ask_for_everything_again();
        for round in 0..ROUNDS_MAX {
            self.time.fetch_add(BETWEEN_ROUNDS_MS, Ordering::SeqCst);
            if self.round_is_quiet() {
                self.coverage
                    .count(format!("quiet after {:02} rounds", round + 1));
                return;
            }
        }
        self.tell_what_waits();
        self.fail(format!("something still moves after {ROUNDS_MAX} rounds"));
    }

    /// What each device holds that it cannot take in, for the story of a failure.
    fn tell_what_waits(&mut self) {
        for device in 0..self.devices.len() {
            let Some(replica) = &self.devices[device].replica else {
                continue;
            };
            let (forks, lines) = (replica.forks(), replica.held_lines());
            let text = format!(
                "  {}: forks {:?}, held {:?}",
                self.devices[device].name,
                forks.ok(),
                lines.ok()
            );
            self.story.tell(text);
        }
    }

    fn round_is_quiet(&mut self) -> bool {
        let mut quiet = true;
        for device in 0..self.devices.len() {
            if self.devices[device].gone {
                continue;
            }
            match self.sync(device, u32::MAX) {
                Some(report) => {
                    quiet &= report.requests == 1
                        && report.operations_received == 0
                        && report.envelopes_received == 0
                        && report.operations_delivered == 0
                        && report.envelopes_delivered == 0;
                }
                None => quiet &= self.may_not_sync(device),
            }
        }
        quiet
    }

    /// Whether a device is a newcomer's who was not admitted, or not for good: nothing will come of its
    /// syncs.
    fn may_not_sync(&mut self, device: usize) -> bool {
        let name = self.devices[device].name.clone();
        let code = self.last_error.get(&device).copied().unwrap_or_default();
        let newcomer = self.devices[device].newcomer;
        if newcomer && ["not_admitted", "not_enrolled", "relay_refused"].contains(&code) {
            return true;
        }
        self.fail(format!(
            "{name} cannot sync although all faults have ended: {code}"
        ));
        false
    }
}
