//! The relay's limits as its operator states them.

use std::time::Duration;

use clap::Args;

use crate::config::Limits;
use crate::descriptors;

const MEBIBYTE: u32 = 1024 * 1024;

/// What protects the relay and those who share it. The defaults suit a canton.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// Most MiB the database may have; as much as the disk has, if not given.
    #[arg(long, value_name = "MIB")]
    database_mib_max: Option<u64>,
    /// Open connections; beyond, the one that has waited longest for a request is closed.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().connections_max)]
    connections_max: u32,
    /// Open connections of one address (of a /64 in IPv6); 256 where the relay itself speaks TLS,
    /// else as many as there are: a proxy has one address.
    #[arg(long, value_name = "COUNT")]
    connections_per_address_max: Option<u32>,
    /// Seconds for the headers of a request to arrive, and between two requests.
    #[arg(long, value_name = "S", default_value_t = Limits::default().header_timeout.as_secs())]
    header_timeout_s: u64,
    /// Seconds for a request, until its answer is ready; one more for each 16 KiB of its body.
    #[arg(long, value_name = "S", default_value_t = Limits::default().request_timeout.as_secs())]
    request_timeout_s: u64,
    /// Seconds for an answer to be taken; one more for each 16 KiB that were.
    #[arg(long, value_name = "S", default_value_t = Limits::default().answer_timeout.as_secs())]
    answer_timeout_s: u64,
    /// Seconds in which 64 KiB of a body have to come, and 64 KiB of an answer to be taken.
    #[arg(long, value_name = "S", default_value_t = Limits::default().pace_window.as_secs())]
    pace_window_s: u64,
    /// MiB for larger request bodies at once; one device may have a quarter.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().body_memory_bytes / MEBIBYTE)]
    body_memory_mib: u32,
    /// MiB for larger answers at once.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().answer_memory_bytes / MEBIBYTE)]
    answer_memory_mib: u32,
    /// GiB stored for one institution.
    #[arg(long, value_name = "GIB", default_value_t = Limits::default().institution_bytes_max >> 30)]
    institution_gib_max: u64,
    /// Items one device may push in a day (UTC).
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().device_items_per_day_max)]
    device_items_per_day_max: u64,
    /// Requests of one device that may come in one go.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().device_burst)]
    device_burst: u32,
    /// Requests a second of one device in the long run.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().device_requests_per_s)]
    device_requests_per_s: u32,
    /// Requests of one device in work at once.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().device_requests_at_once)]
    device_requests_at_once: u32,
    /// Requests to join, of one address, that may come in one go.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().newcomer_burst)]
    newcomer_burst: u32,
    /// Requests a second to join, of one address, in the long run.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().newcomer_requests_per_s)]
    newcomer_requests_per_s: u32,
}

impl LimitOptions {
    /// The limits; connections as far as this process may open files.
    pub(crate) fn limits(&self, retention_days: u32) -> Limits {
        let connections_max = descriptors::make_room_for(self.connections_max);
        if connections_max < self.connections_max {
            tracing::warn!(
                connections_max,
                "this process may open too few files for more connections (ulimit -n)"
            );
        }
        let mebibytes = |count: u32| count.saturating_mul(MEBIBYTE);
        Limits {
            connections_max,
            connections_per_address_max: self.connections_per_address_max,
            header_timeout: Duration::from_secs(self.header_timeout_s),
            request_timeout: Duration::from_secs(self.request_timeout_s),
            answer_timeout: Duration::from_secs(self.answer_timeout_s),
            pace_window: Duration::from_secs(self.pace_window_s),
            body_memory_bytes: mebibytes(self.body_memory_mib),
            answer_memory_bytes: mebibytes(self.answer_memory_mib),
            institution_bytes_max: self.institution_gib_max.saturating_mul(1 << 30),
            device_items_per_day_max: self.device_items_per_day_max,
            device_burst: self.device_burst,
            device_requests_per_s: self.device_requests_per_s,
            device_requests_at_once: self.device_requests_at_once,
            newcomer_burst: self.newcomer_burst,
            newcomer_requests_per_s: self.newcomer_requests_per_s,
            retention_days,
            database_bytes_max: self
                .database_mib_max
                .map(|count| count.saturating_mul(u64::from(MEBIBYTE))),
            ..Limits::default()
        }
    }
}
