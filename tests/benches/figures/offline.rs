//! A week offline: many edits become few envelopes and few durable commits.

use nahtlos_client::HttpTransport;

use crate::fixture::{Network, sync_to_the_end};
use crate::machine::journal_entry;
use crate::report::Report;
use crate::sampling::{milliseconds, timed};

const SECTIONS: usize = 200;
const EDITS_PER_SECTION: usize = 5;
const COMMITS_MAX: u64 = 20;

/// Measures what is sent for many offline edits, and what the other side needs to have them.
pub fn measure(report: &mut Report, network: &mut Network) {
    let sections = SECTIONS.min(network.cases.len());
    let edits = sections * EDITS_PER_SECTION;
    sync_to_the_end(&mut network.other);
    let mut number = 4_000_000;
    // Round by round, as people work: not one section after the other.
    let (typing, ()) = timed(|| {
        for _ in 0..EDITS_PER_SECTION {
            for case in &network.cases[..sections] {
                number += 1;
                network
                    .owner
                    .nahtlos
                    .edit_case(case, &[journal_entry(number)])
                    .expect("a writer");
            }
        }
    });
    let mut transport = HttpTransport::new(&network.proxy.url(), None).expect("loopback");
    let commits_before = network.world.relay().commits();
    let _before = network.proxy.take();
    let (pushing, synced) = timed(|| network.owner.sync_through(&mut transport));
    let traffic = network.proxy.take();
    let commits = network.world.relay().commits() - commits_before;
    let status = network.owner.nahtlos.status().expect("a status");
    assert_eq!(status.undelivered_edits, 0, "all are delivered");
    let (receiving, received) = timed(|| network.other.sync());
    sync_to_the_end(&mut network.owner);
    assert_eq!(received.envelopes_applied, synced.envelopes_delivered);

    report.section(format!("{edits} offline edits over {sections} sections"));
    report.count(
        "envelopes, at most one for each section",
        synced.envelopes_delivered,
        "",
        sections as u64,
    );
    report.count("durable commits of the relay", commits, "", COMMITS_MAX);
    #[allow(clippy::cast_precision_loss)]
    let each = |bytes: u64| bytes as f64 / edits as f64;
    report.note("requests", traffic_count(traffic.requests), "");
    report.note(
        "bytes pushed, with HTTP headers, for one edit",
        each(traffic.sent_bytes),
        "B",
    );
    report.note(
        "bytes answered, for one edit",
        each(traffic.received_bytes),
        "B",
    );
    #[allow(clippy::cast_precision_loss)]
    let one = edits as f64;
    report.note(
        "typing one edit, on average",
        milliseconds(typing) / one,
        "ms",
    );
    report.note("from sync to all acknowledged", milliseconds(pushing), "ms");
    report.note(
        "the other device receives and applies",
        milliseconds(receiving),
        "ms",
    );
}

#[allow(clippy::cast_precision_loss)]
fn traffic_count(count: u64) -> f64 {
    count as f64
}
