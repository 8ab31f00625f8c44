//! What a relay is told when it starts, with defaults that suit a canton.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a relay is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory for everything it keeps; created with mode 0700.
    pub data: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key, where the relay itself speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Where `/metrics` is served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The URL devices use, where it is not simply the address.
    pub public_url: Option<String>,
    /// Plain HTTP on other addresses than loopback: behind a proxy that speaks TLS.
    pub allow_plain_http: bool,
    /// Sizes, rates and times.
    pub limits: Limits,
}

impl Config {
    /// A relay with the usual limits, on an address.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            data: data.into(),
            listen,
            tls: None,
            metrics_listen: None,
            public_url: None,
            allow_plain_http: false,
            limits: Limits::default(),
        }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join(DATABASE_FILE)
    }

    /// The file that holds the claim while the relay has no network.
    #[must_use]
    pub fn claim_file(&self) -> PathBuf {
        self.data.join(CLAIM_FILE)
    }
}

/// Name of the database within the data directory.
pub(crate) const DATABASE_FILE: &str = "relay.sqlite";
/// Name of the claim file within the data directory.
pub(crate) const CLAIM_FILE: &str = "claim";
/// Name of the file that keeps a second relay out of the directory.
pub(crate) const LOCK_FILE: &str = "relay.lock";

/// PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, the relay's own first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// What has to pass in [`Limits::pace_window`], in bytes: less is a line that nobody can work with.
pub const PACE_BYTES: usize = 64 * 1024;

/// Bytes of a body or an answer that lengthen the time for it by a second: what is long may take longer.
pub const LENGTHENING_BYTES: usize = 16 * 1024;

/// How much longer so many bytes may take, where so many lengthen the time by a second.
pub(crate) fn lengthening(bytes: usize, lengthening_bytes: usize) -> Duration {
    Duration::from_secs((bytes / lengthening_bytes.max(1)) as u64)
}

/// Bodies and answers up to this many bytes take no share of the memory for larger ones, so that no
/// large one makes them wait: the number of connections bounds them.
pub const SMALL_BYTES: usize = 64 * 1024;

/// Connections of one address where the relay itself speaks TLS, unless the operator says otherwise.
pub const CONNECTIONS_PER_ADDRESS: u32 = 256;

/// Sizes, rates and times that protect the relay and those who share it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections. Where there are as many, the one that has waited longest for a request is
    /// closed for a new one; if none waits, new ones wait in the kernel's queue.
    pub connections_max: u32,
    /// Open connections of one address, likewise; none for as many as there are, where a proxy
    /// stands before the relay and all come from its address.
    pub connections_per_address_max: Option<u32>,
    /// Time for a request's headers to arrive, also for the next ones on a connection that stays
    /// open, and for a TLS handshake.
    pub header_timeout: Duration,
    /// Time for a request as a whole, until its answer is ready; longer for a longer body
    /// ([`LENGTHENING_BYTES`]).
    pub request_timeout: Duration,
    /// Time for an answer to be taken, once it does not go out at once; longer for what was taken
    /// ([`LENGTHENING_BYTES`]).
    pub answer_timeout: Duration,
    /// In each such time a body has to bring, and the taker of an answer to take, [`PACE_BYTES`].
    pub pace_window: Duration,
    /// Time for running requests to end when the relay stops.
    pub shutdown_timeout: Duration,
    /// Bytes of larger request bodies held in memory at once, what they decode to included; one
    /// device may have a quarter.
    pub body_memory_bytes: u32,
    /// Bytes of larger answers held in memory at once.
    pub answer_memory_bytes: u32,
    /// How long a request waits for such memory; then it is refused as busy.
    pub memory_wait: Duration,
    /// Bytes of items in one response, whatever the device asks for; the rest follows on the next
    /// request. It counts against [`Self::answer_memory_bytes`] until it was taken.
    pub response_bytes_max: u32,
    /// Bytes stored for one institution.
    pub institution_bytes_max: u64,
    /// Items one device may push in a day (UTC).
    pub device_items_per_day_max: u64,
    /// Requests of one device that may come in one go.
    pub device_burst: u32,
    /// Requests a second of one device in the long run.
    pub device_requests_per_s: u32,
    /// Requests of one device in work at once: from the token to the last byte of the answer.
    pub device_requests_at_once: u32,
    /// Requests without a device (joining, claiming) that may come from one address in one go.
    pub newcomer_burst: u32,
    /// The same in the long run, a second.
    pub newcomer_requests_per_s: u32,
    /// Days for which the bytes of edits stay after a snapshot that covers them was attested. A new
    /// journal (after a restore) begins them anew.
    pub retention_days: u32,
    /// Bytes the database may have; none for as much as the disk has.
    pub database_bytes_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: None,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(120),
            answer_timeout: Duration::from_secs(120),
            pace_window: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(20),
            body_memory_bytes: 256 * 1024 * 1024,
            answer_memory_bytes: 256 * 1024 * 1024,
            memory_wait: Duration::from_secs(10),
            response_bytes_max: 8 * 1024 * 1024,
            institution_bytes_max: 200 * 1024 * 1024 * 1024,
            device_items_per_day_max: 50_000,
            device_burst: 300,
            device_requests_per_s: 20,
            device_requests_at_once: 4,
            newcomer_burst: 60,
            newcomer_requests_per_s: 2,
            retention_days: 180,
            database_bytes_max: None,
        }
    }
}
