//! Counters for operators, as Prometheus text (exposition format 0.0.4). No label names a person,
//! a device or a space.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nahtlos_protocol::wire::Status;

/// All counters.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [AtomicU64; ENDPOINTS.len()],
    responses: [AtomicU64; CLASSES.len()],
    items: [AtomicU64; STATUSES.len()],
    commits: AtomicU64,
    commit_failures: AtomicU64,
    commit_micros: AtomicU64,
    connections: AtomicU64,
    connections_opened: AtomicU64,
    connections_refused: AtomicU64,
    journal_length: AtomicU64,
    journal_renewals: AtomicU64,
    pruned_bodies: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
}

const ENDPOINTS: [&str; 4] = ["sync", "join", "claim", "other"];
const CLASSES: [&str; 3] = ["success", "refused", "failed"];
const STATUSES: [(Status, &str); 6] = [
    (Status::Accepted, "accepted"),
    (Status::Duplicate, "duplicate"),
    (Status::StaleAccess, "stale_access"),
    (Status::MissingParents, "missing_parents"),
    (Status::Held, "held"),
    (Status::Rejected, "rejected"),
];

impl Metrics {
    pub(crate) fn request(&self, endpoint: &str, status: u16, received: u64, sent: u64) {
        let position = ENDPOINTS.iter().position(|name| *name == endpoint);
        add(
            self.requests.get(position.unwrap_or(ENDPOINTS.len() - 1)),
            1,
        );
        let class = match status {
            0..400 => 0,
            400..500 => 1,
            _ => 2,
        };
        add(self.responses.get(class), 1);
        add(Some(&self.bytes_received), received);
        add(Some(&self.bytes_sent), sent);
    }

    pub(crate) fn item(&self, status: Status) {
        let position = STATUSES.iter().position(|(known, _)| *known == status);
        add(position.and_then(|position| self.items.get(position)), 1);
    }

    pub(crate) fn commit(&self, took: Duration, last_number: u64) {
        add(Some(&self.commits), 1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(Some(&self.commit_micros), micros);
        self.journal_length.store(last_number, Ordering::Relaxed);
    }

    pub(crate) fn commit_failed(&self) {
        add(Some(&self.commit_failures), 1);
    }

    pub(crate) fn pruned(&self, bodies: u64) {
        add(Some(&self.pruned_bodies), bodies);
    }

    pub(crate) fn journal_renewed(&self) {
        add(Some(&self.journal_renewals), 1);
    }

    pub(crate) fn journal_length(&self, last_number: u64) {
        self.journal_length.store(last_number, Ordering::Relaxed);
    }

    pub(crate) fn connection_opened(&self) {
        add(Some(&self.connections_opened), 1);
        add(Some(&self.connections), 1);
    }

    pub(crate) fn connection_refused(&self) {
        add(Some(&self.connections_refused), 1);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Durable commits so far; each is one fsync of the write-ahead log.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Journals begun because the store had gone back by itself.
    #[must_use]
    pub fn journal_renewals(&self) -> u64 {
        self.journal_renewals.load(Ordering::Relaxed)
    }

    /// The exposition text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(2048);
        family(&mut text, "requests_total", "counter", "Requests answered.");
        for (name, counter) in ENDPOINTS.iter().zip(&self.requests) {
            labelled(&mut text, "requests_total", "endpoint", name, counter);
        }
        family(
            &mut text,
            "responses_total",
            "counter",
            "Responses by class.",
        );
        for (name, counter) in CLASSES.iter().zip(&self.responses) {
            labelled(&mut text, "responses_total", "class", name, counter);
        }
        family(
            &mut text,
            "items_total",
            "counter",
            "Pushed items by verdict.",
        );
        for ((_, name), counter) in STATUSES.iter().zip(&self.items) {
            labelled(&mut text, "items_total", "status", name, counter);
        }
        let plain = [
            (
                "commits_total",
                "counter",
                "Durable commits, one fsync each.",
                &self.commits,
            ),
            (
                "commit_failures_total",
                "counter",
                "Commits that failed.",
                &self.commit_failures,
            ),
            (
                "connections",
                "gauge",
                "Open connections.",
                &self.connections,
            ),
            (
                "connections_total",
                "counter",
                "Connections accepted.",
                &self.connections_opened,
            ),
            (
                "connections_refused_total",
                "counter",
                "Connections of an address that had its share already.",
                &self.connections_refused,
            ),
            (
                "journal_length",
                "gauge",
                "Last number of the journal.",
                &self.journal_length,
            ),
            (
                "journal_renewals_total",
                "counter",
                "Journals begun because the store had gone back by itself.",
                &self.journal_renewals,
            ),
            (
                "pruned_envelopes_total",
                "counter",
                "Edits whose bytes were dropped because an attested snapshot covers them.",
                &self.pruned_bodies,
            ),
            (
                "received_bytes_total",
                "counter",
                "Bytes of request bodies.",
                &self.bytes_received,
            ),
            (
                "sent_bytes_total",
                "counter",
                "Bytes of response bodies.",
                &self.bytes_sent,
            ),
        ];
        for (name, kind, help, counter) in plain {
            family(&mut text, name, kind, help);
            let value = counter.load(Ordering::Relaxed);
            write_line(&mut text, format_args!("nahtlos_relay_{name} {value}"));
        }
        let micros = self.commit_micros.load(Ordering::Relaxed);
        let name = "commit_seconds_total";
        family(&mut text, name, "counter", "Time spent in commits.");
        write_line(
            &mut text,
            format_args!(
                "nahtlos_relay_{name} {}.{:06}",
                micros / 1_000_000,
                micros % 1_000_000
            ),
        );
        text
    }
}

fn add(counter: Option<&AtomicU64>, by: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    write_line(text, format_args!("# HELP nahtlos_relay_{name} {help}"));
    write_line(text, format_args!("# TYPE nahtlos_relay_{name} {kind}"));
}

fn labelled(text: &mut String, name: &str, label: &str, value: &str, counter: &AtomicU64) {
    let count = counter.load(Ordering::Relaxed);
    write_line(
        text,
        format_args!("nahtlos_relay_{name}{{{label}=\"{value}\"}} {count}"),
    );
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_name_and_a_number() {
        let metrics = Metrics::default();
        metrics.request("sync", 200, 10, 20);
        metrics.request("sync", 401, 0, 20);
        metrics.item(Status::Accepted);
        metrics.commit(Duration::from_millis(1500), 7);
        let text = metrics.text();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("nahtlos_relay_"), "{line}");
            value.parse::<f64>().unwrap();
        }
        for expected in [
            "nahtlos_relay_requests_total{endpoint=\"sync\"} 2",
            "nahtlos_relay_responses_total{class=\"refused\"} 1",
            "nahtlos_relay_items_total{status=\"accepted\"} 1",
            "nahtlos_relay_commit_seconds_total 1.500000",
            "nahtlos_relay_journal_length 7",
        ] {
            assert!(text.contains(expected), "{expected}");
        }
    }
}
