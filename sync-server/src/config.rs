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

/// Sizes, rates and times that protect the relay and those who share it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; more wait in the kernel's queue.
    pub connections_max: u32,
    /// Time for a request's headers to arrive.
    pub header_timeout: Duration,
    /// Time for a request as a whole.
    pub request_timeout: Duration,
    /// Time for running requests to end when the relay stops.
    pub shutdown_timeout: Duration,
    /// Bytes of request bodies held in memory at once.
    pub body_memory_bytes: u32,
    /// Bytes of items in one response, whatever the device asks for; the rest follows on the next
    /// request. Every open connection may hold one.
    pub response_bytes_max: u32,
    /// Bytes stored for one institution.
    pub institution_bytes_max: u64,
    /// Items one device may push in a day (UTC).
    pub device_items_per_day_max: u64,
    /// Requests of one device that may come at once.
    pub device_burst: u32,
    /// Requests a second of one device in the long run.
    pub device_requests_per_s: u32,
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
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(120),
            shutdown_timeout: Duration::from_secs(20),
            body_memory_bytes: 256 * 1024 * 1024,
            response_bytes_max: 8 * 1024 * 1024,
            institution_bytes_max: 200 * 1024 * 1024 * 1024,
            device_items_per_day_max: 50_000,
            device_burst: 300,
            device_requests_per_s: 20,
            retention_days: 180,
            database_bytes_max: None,
        }
    }
}
