//! A week offline: many edits become few envelopes and few durable commits.

use std::time::{Duration, Instant};

use nahtlos_casework::SectionKind;
use nahtlos_client::HttpTransport;
use nahtlos_client::transport::{Answer, Transport, TransportError};

use crate::case_edits::{SECTIONS, Writer};
use crate::fixture::{Network, sync_to_the_end};
use crate::report::Report;
use crate::sampling::{milliseconds, timed};

const SECTIONS_WORKED_IN: usize = 200;
const EDITS_PER_SECTION: u64 = 5;
const COMMITS_MAX: u64 = 20;
/// Bytes of a pushed edit, everything included.
const EDIT_BYTES_MAX: u64 = 350;

/// What was typed where.
struct Work {
    name: &'static str,
    places: Vec<(String, SectionKind)>,
    /// Whether it is judged, or only shown.
    judged: bool,
}

/// Measures what is sent for many offline edits, and what the other side needs to have them.
pub fn measure(report: &mut Report, network: &mut Network) {
    let sections = SECTIONS_WORKED_IN.min(network.cases.len());
    let all = |case: &String| SECTIONS.map(|kind| (case.clone(), kind));
    let work = [
        Work {
            name: "in all sections of the cases worked on",
            places: network.cases.iter().flat_map(all).take(sections).collect(),
            judged: true,
        },
        Work {
            name: "entries of 200 characters in as many journals",
            places: (network.cases.iter().take(sections))
                .map(|case| (case.clone(), SectionKind::Journal))
                .collect(),
            judged: false,
        },
    ];
    for (number, work) in (0..).zip(&work) {
        measure_one(report, network, work, 4_000_000 * (number + 1));
    }
}

fn measure_one(report: &mut Report, network: &mut Network, work: &Work, seed: u64) {
    sync_to_the_end(&mut network.other);
    let edits = work.places.len() as u64 * EDITS_PER_SECTION;
    // Round by round, as people work: not one section after the other.
    let (typing, ()) = timed(|| {
        for round in 0..EDITS_PER_SECTION {
            for (number, (case, kind)) in (0..).zip(&work.places) {
                let edit = Writer::new(seed + round * 10_000 + number).change(kind, round);
                let owner = &mut network.owner.nahtlos;
                owner.edit_case(case, &[edit]).expect("a writer");
            }
        }
    });
    let mut transport = Answered {
        transport: HttpTransport::new(&network.proxy.url(), None).expect("loopback"),
        last: None,
    };
    let commits_before = network.world.relay().commits();
    let _before = network.proxy.take();
    let began = Instant::now();
    let (whole, synced) = timed(|| network.owner.sync_through(&mut transport));
    let answered = transport.last.expect("an answer") - began;
    let traffic = network.proxy.take();
    let commits = network.world.relay().commits() - commits_before;
    let status = network.owner.nahtlos.status().expect("a status");
    assert_eq!(status.undelivered_edits, 0, "all are delivered");
    let (receiving, received) = timed(|| network.other.sync());
    sync_to_the_end(&mut network.owner);
    assert_eq!(received.envelopes_applied, synced.envelopes_delivered);

    let places = work.places.len();
    report.section(format!(
        "{edits} offline edits over {places} sections: {}",
        work.name
    ));
    let most = places as u64;
    let envelopes = "envelopes, at most one for each section";
    report.count(envelopes, synced.envelopes_delivered, "", most);
    report.count("durable commits of the relay", commits, "", COMMITS_MAX);
    pushed(report, work, edits, traffic.sent_bytes);
    #[allow(clippy::cast_precision_loss)]
    let each = |total: f64| total / edits as f64;
    #[allow(clippy::cast_precision_loss)]
    report.note("requests", traffic.requests as f64, "");
    #[allow(clippy::cast_precision_loss)]
    let answered_bytes = each(traffic.received_bytes as f64);
    report.note("bytes answered, for one edit", answered_bytes, "B");
    report.note(
        "typing one edit, on average",
        each(milliseconds(typing)),
        "ms",
    );
    durable(report, work, answered);
    report.note(
        "until stored and shown as delivered",
        milliseconds(whole),
        "ms",
    );
    report.note(
        "the other device receives and applies",
        milliseconds(receiving),
        "ms",
    );
}

fn pushed(report: &mut Report, work: &Work, edits: u64, bytes: u64) {
    let name = "bytes pushed, with headers";
    #[allow(clippy::cast_precision_loss)]
    if work.judged {
        report.goal(name, bytes, "B", edits * EDIT_BYTES_MAX);
    } else {
        report.note(
            "bytes pushed, for one edit",
            bytes as f64 / edits as f64,
            "B",
        );
    }
}

fn durable(report: &mut Report, work: &Work, answered: Duration) {
    let name = "from sync to the durable acknowledgement of all";
    if work.judged {
        report.time(name, milliseconds(answered), "ms", 100.0);
    } else {
        report.note(name, milliseconds(answered), "ms");
    }
}

/// Notes when the last answer came.
struct Answered {
    transport: HttpTransport,
    last: Option<Instant>,
}

impl Transport for Answered {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let answer = self.transport.post(path, token, body);
        self.last = Some(Instant::now());
        answer
    }
}
