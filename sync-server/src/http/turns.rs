//! What one device may have in work at once, so that no device takes the places of the others: so
//! many requests, and a quarter of the memory for bodies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nahtlos_protocol::identifier::DeviceId;

use super::problem::{Code, Problem};
use crate::config::Limits;

/// All devices that have something in work.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Shared>);

struct Shared {
    requests_max: u32,
    body_bytes_max: usize,
    devices: Mutex<HashMap<DeviceId, InWork>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InWork {
    requests: u32,
    body_bytes: usize,
}

/// A device's request in work; held until the last byte of its answer was taken.
pub(super) struct Turn {
    turns: Turns,
    device: DeviceId,
    body_bytes: usize,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            requests_max: limits.device_requests_at_once.max(1),
            body_bytes_max: limits.body_memory_bytes as usize / 4,
            devices: Mutex::default(),
        }))
    }

    /// Begins a request.
    pub(super) fn begin(&self, device: DeviceId) -> Result<Turn, Problem> {
        let mut devices = self.devices();
        let in_work = devices.entry(device).or_default();
        if in_work.requests >= self.0.requests_max {
            return Err(too_many());
        }
        in_work.requests += 1;
        Ok(Turn {
            turns: self.clone(),
            device,
            body_bytes: 0,
        })
    }

    fn devices(&self) -> MutexGuard<'_, HashMap<DeviceId, InWork>> {
        let devices = self.0.devices.lock();
        devices.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Counts memory for its body. A body alone may have more than the share, or none could be sent.
    pub(super) fn take_body_bytes(&mut self, bytes: usize) -> Result<(), Problem> {
        let mut devices = self.turns.devices();
        let in_work = devices.entry(self.device).or_default();
        let together = in_work.body_bytes.saturating_add(bytes);
        if in_work.body_bytes > 0 && together > self.turns.0.body_bytes_max {
            return Err(too_many());
        }
        in_work.body_bytes = together;
        self.body_bytes = self.body_bytes.saturating_add(bytes);
        Ok(())
    }

    /// The body is dealt with.
    pub(super) fn give_body_bytes_back(&mut self) {
        let bytes = std::mem::take(&mut self.body_bytes);
        let mut devices = self.turns.devices();
        if let Some(in_work) = devices.get_mut(&self.device) {
            in_work.body_bytes = in_work.body_bytes.saturating_sub(bytes);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_body_bytes_back();
        let mut devices = self.turns.devices();
        if let Some(in_work) = devices.get_mut(&self.device) {
            in_work.requests = in_work.requests.saturating_sub(1);
            if in_work.requests == 0 {
                devices.remove(&self.device);
            }
        }
    }
}

fn too_many() -> Problem {
    Problem::new(
        Code::RateLimited,
        "This device has enough in work already: wait for its other answers.",
    )
    .header("retry-after", "1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_with_enough_in_work_waits_and_others_do_not() {
        let turns = Turns::new(&Limits {
            device_requests_at_once: 2,
            body_memory_bytes: 400,
            ..Limits::default()
        });
        let (one, other) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut first = turns.begin(one).unwrap();
        let mut second = turns.begin(one).unwrap();
        let refused = turns.begin(one).map(|_| ()).unwrap_err();
        assert_eq!(refused.code, Code::RateLimited);
        let mut others = turns.begin(other).unwrap();
        first.take_body_bytes(60).unwrap();
        assert!(second.take_body_bytes(60).is_err());
        second.take_body_bytes(40).unwrap();
        others.take_body_bytes(60).unwrap();
        first.give_body_bytes_back();
        second.take_body_bytes(50).unwrap();
        drop((first, second, others));
        assert!(turns.devices().is_empty(), "nothing is left behind");
        let mut alone = turns.begin(one).unwrap();
        alone.take_body_bytes(1000).unwrap();
    }
}
