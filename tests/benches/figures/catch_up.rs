//! Catching up: somebody else worked in some of many sections.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_client::HttpTransport;

use crate::case_edits::{SECTIONS, Writer};
use crate::fixture::{Network, sync_to_the_end};
use crate::proxy::Traffic;
use crate::report::Report;
use crate::sampling::{median, milliseconds, timed};

/// Sections that changed.
const CHANGED: usize = 50;
const ROUNDS: u64 = 9;

/// Measures until what others wrote is visible.
pub fn measure(report: &mut Report, network: &mut Network) {
    let changed = CHANGED.min(network.sections() / 2);
    sync_to_the_end(&mut network.owner);
    sync_to_the_end(&mut network.other);
    let all = network.cases.iter().cloned().collect();
    mark_read(network, &all);
    let (mut times, mut most) = (Vec::new(), Traffic::default());
    for round in 0..ROUNDS {
        let touched = write_in(network, changed, round);
        let mut transport = HttpTransport::new(&network.proxy.url(), None).expect("loopback");
        let _before = network.proxy.take();
        let (time, seen) = timed(|| {
            network.other.sync_through(&mut transport);
            let lines = network.other.nahtlos.cases().expect("a readable vault");
            let unread = lines.iter().filter(|line| line.unread > 0);
            unread.map(|line| line.id.clone()).collect()
        });
        assert_eq!(touched, seen, "each case that changed is shown as such");
        let traffic = network.proxy.take();
        most.requests = most.requests.max(traffic.requests);
        most.received_bytes = most.received_bytes.max(traffic.bytes());
        times.push(time);
        mark_read(network, &touched);
    }
    report.section(format!(
        "Catching up: {changed} of {} sections changed, one edit each (medians of {ROUNDS})",
        network.sections()
    ));
    report.count("requests", most.requests, "", 2);
    let bytes = "bytes both ways with headers";
    report.goal(bytes, most.received_bytes, "B", 60_000);
    let visible = "until stored, and shown in the list of cases";
    report.time(visible, milliseconds(median(times)), "ms", 40.0);
}

fn mark_read(network: &mut Network, cases: &BTreeSet<String>) {
    for case in cases {
        let other = &mut network.other.nahtlos;
        let case = other.find_case(case).expect("the case");
        other.mark_read(&case).expect("a vault");
    }
}

/// One edit in each of so many sections; returns the cases.
fn write_in(network: &mut Network, changed: usize, round: u64) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    let places = network.cases.iter().flat_map(|case| {
        let place = |kind: &SectionKind| (case.clone(), kind.clone());
        SECTIONS.iter().map(place).collect::<Vec<_>>()
    });
    for (number, (case, kind)) in (round * 1_000..).zip(places.take(changed)) {
        let edit = Writer::new(7_000_000 + number).change(&kind, number);
        let owner = &mut network.owner.nahtlos;
        owner.edit_case(&case, &[edit]).expect("a writer");
        touched.insert(case);
    }
    sync_to_the_end(&mut network.owner);
    touched
}
