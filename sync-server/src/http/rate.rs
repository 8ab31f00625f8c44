//! Token buckets: how often one device may ask, or newcomers of one address, or all newcomers together.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use nahtlos_protocol::identifier::DeviceId;

use super::problem::{Code, Problem};
use crate::config::Limits;

/// Buckets kept; beyond, full ones are forgotten, which changes nothing.
const BUCKETS_MAX: usize = 20_000;

/// All buckets.
pub(crate) struct Rates {
    device: Rate,
    newcomer: Rate,
    devices: Mutex<HashMap<DeviceId, Bucket>>,
    addresses: Mutex<HashMap<IpAddr, Bucket>>,
    newcomers: Mutex<Bucket>,
}

/// How a bucket is filled.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    per_s: u32,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a request.
    level: u64,
    at_ms: u64,
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Self {
        let device = Rate {
            burst: limits.device_burst,
            per_s: limits.device_requests_per_s,
        };
        Self {
            device,
            newcomer: Rate {
                burst: limits.newcomer_burst,
                per_s: limits.newcomer_requests_per_s,
            },
            devices: Mutex::default(),
            addresses: Mutex::default(),
            newcomers: Mutex::new(Bucket::full(device, 0)),
        }
    }

    /// Counts a device's request.
    pub(super) fn device(&self, device: DeviceId, now_ms: u64) -> Result<(), Problem> {
        take_of(&self.devices, device, self.device, now_ms)
    }

    /// Counts a request without a device: against its address first, so that one address does not
    /// use up what all newcomers together may.
    pub(super) fn newcomer(&self, address: Option<IpAddr>, now_ms: u64) -> Result<(), Problem> {
        if let Some(address) = address {
            take_of(&self.addresses, address, self.newcomer, now_ms)?;
        }
        let newcomers = self.newcomers.lock();
        let mut bucket = newcomers.unwrap_or_else(PoisonError::into_inner);
        bucket.take(self.device, now_ms)
    }
}

fn take_of<K: Eq + Hash>(
    buckets: &Mutex<HashMap<K, Bucket>>,
    key: K,
    rate: Rate,
    now_ms: u64,
) -> Result<(), Problem> {
    let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
    if buckets.len() >= BUCKETS_MAX {
        buckets.retain(|_, bucket| bucket.refilled(now_ms, rate).level < rate.full());
    }
    let bucket = buckets.entry(key).or_insert(Bucket::full(rate, now_ms));
    bucket.take(rate, now_ms)
}

impl Rate {
    fn full(self) -> u64 {
        u64::from(self.burst) * 1000
    }
}

impl Bucket {
    fn full(rate: Rate, at_ms: u64) -> Self {
        Self {
            level: rate.full(),
            at_ms,
        }
    }

    fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), Problem> {
        *self = self.refilled(now_ms, rate);
        match self.level.checked_sub(1000) {
            Some(rest) => {
                self.level = rest;
                Ok(())
            }
            None => {
                let missing = 1000 - self.level;
                let wait_s = missing.div_ceil(1000 * u64::from(rate.per_s.max(1))).max(1);
                Err(Problem::new(
                    Code::RateLimited,
                    format!("Too many requests: wait {wait_s} s."),
                )
                .header("retry-after", wait_s.to_string()))
            }
        }
    }

    fn refilled(self, now_ms: u64, rate: Rate) -> Self {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let gained = passed_ms.saturating_mul(u64::from(rate.per_s));
        Self {
            level: self.level.saturating_add(gained).min(rate.full()),
            at_ms: now_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates::new(&Limits {
            device_burst: 3,
            device_requests_per_s: 2,
            newcomer_burst: 2,
            newcomer_requests_per_s: 1,
            ..Limits::default()
        })
    }

    #[test]
    fn after_its_burst_a_device_waits_and_others_do_not() {
        let rates = rates();
        let (one, other) = (DeviceId([1; 32]), DeviceId([2; 32]));
        for _ in 0..3 {
            rates.device(one, 1000).unwrap();
        }
        assert_eq!(rates.device(one, 1000).unwrap_err().code, Code::RateLimited);
        rates.device(other, 1000).unwrap();
        rates.device(one, 1500).unwrap();
        assert!(rates.device(one, 1500).is_err());
    }

    #[test]
    fn an_address_that_floods_leaves_room_for_newcomers_from_elsewhere() {
        let rates = rates();
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..2 {
            rates.newcomer(address(1), 1000).unwrap();
        }
        for _ in 0..50 {
            assert!(rates.newcomer(address(1), 1000).is_err());
        }
        rates.newcomer(address(2), 1000).unwrap();
        assert!(rates.newcomer(address(3), 1000).is_err(), "all together");
    }
}
