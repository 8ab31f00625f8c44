//! Token buckets: how often one device, or all newcomers together, may ask.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nahtlos_protocol::identifier::DeviceId;

use super::problem::{Code, Problem};

/// Buckets kept; beyond, full ones are forgotten, which changes nothing.
const BUCKETS_MAX: usize = 20_000;

/// All buckets.
pub(crate) struct Rates {
    burst: u32,
    per_s: u32,
    devices: Mutex<HashMap<DeviceId, Bucket>>,
    newcomers: Mutex<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a request.
    level: u64,
    at_ms: u64,
}

impl Rates {
    pub(super) fn new(burst: u32, per_s: u32) -> Self {
        Self {
            burst,
            per_s,
            devices: Mutex::new(HashMap::new()),
            newcomers: Mutex::new(Bucket {
                level: full(burst),
                at_ms: 0,
            }),
        }
    }

    /// Counts a device's request.
    pub(super) fn device(&self, device: DeviceId, now_ms: u64) -> Result<(), Problem> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.len() >= BUCKETS_MAX {
            let (burst, per_s) = (self.burst, self.per_s);
            devices.retain(|_, bucket| bucket.refilled(now_ms, burst, per_s).level < full(burst));
        }
        let bucket = devices.entry(device).or_insert(Bucket {
            level: full(self.burst),
            at_ms: now_ms,
        });
        self.take(bucket, now_ms)
    }

    /// Counts a request without a device.
    pub(super) fn newcomer(&self, now_ms: u64) -> Result<(), Problem> {
        let mut bucket = self
            .newcomers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.take(&mut bucket, now_ms)
    }

    fn take(&self, bucket: &mut Bucket, now_ms: u64) -> Result<(), Problem> {
        *bucket = bucket.refilled(now_ms, self.burst, self.per_s);
        match bucket.level.checked_sub(1000) {
            Some(rest) => {
                bucket.level = rest;
                Ok(())
            }
            None => {
                let missing = 1000 - bucket.level;
                let wait_s = missing.div_ceil(1000 * u64::from(self.per_s.max(1))).max(1);
                Err(Problem::new(
                    Code::RateLimited,
                    format!("Too many requests: wait {wait_s} s."),
                )
                .header("retry-after", wait_s.to_string()))
            }
        }
    }
}

impl Bucket {
    fn refilled(self, now_ms: u64, burst: u32, per_s: u32) -> Self {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let gained = passed_ms.saturating_mul(u64::from(per_s));
        Self {
            level: self.level.saturating_add(gained).min(full(burst)),
            at_ms: now_ms,
        }
    }
}

fn full(burst: u32) -> u64 {
    u64::from(burst) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_its_burst_a_device_waits_and_others_do_not() {
        let rates = Rates::new(3, 2);
        let (one, other) = (DeviceId([1; 32]), DeviceId([2; 32]));
        for _ in 0..3 {
            rates.device(one, 1000).unwrap();
        }
        assert_eq!(rates.device(one, 1000).unwrap_err().code, Code::RateLimited);
        rates.device(other, 1000).unwrap();
        rates.device(one, 1500).unwrap();
        assert!(rates.device(one, 1500).is_err());
    }
}
