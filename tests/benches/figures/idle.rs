//! Reconnecting with nothing new costs the same whatever is owned.

use nahtlos_client::HttpTransport;
use nahtlos_tests::Home;

use crate::fixture::Network;
use crate::proxy::{CountingProxy, Traffic};
use crate::report::Report;
use crate::sampling::{interleaved, milliseconds, ratio};

const ROUNDS: usize = 100;

/// Measures requests, bytes and times of idle syncs of both devices of both networks.
pub fn measure(report: &mut Report, small: &mut Network, large: &mut Network) {
    report.section(format!(
        "Idle reconnect with {} and {} sections (medians of {ROUNDS}, in turns)",
        small.sections(),
        large.sections()
    ));
    for (network, sections) in [(&mut *small, "fewer"), (&mut *large, "more")] {
        let Network {
            proxy,
            owner,
            other,
            ..
        } = network;
        for (home, who) in [(owner, "owner"), (other, "other")] {
            let traffic = count(proxy, home);
            report.count(
                &format!("requests, {sections} sections, {who}"),
                traffic.requests,
                "",
                1,
            );
            report.count(
                &format!("bytes both ways with headers, {sections} sections, {who}"),
                traffic.bytes(),
                "B",
                1024,
            );
        }
    }
    let sync = |home: &mut Home| assert_eq!(home.sync().requests, 1);
    let [small_owner, large_owner, small_other, large_other] = interleaved(
        ROUNDS,
        [
            &mut || sync(&mut small.owner),
            &mut || sync(&mut large.owner),
            &mut || sync(&mut small.other),
            &mut || sync(&mut large.other),
        ],
    );
    report.note(
        "time, fewer sections, owner",
        milliseconds(small_owner),
        "ms",
    );
    report.note(
        "time, more sections, owner",
        milliseconds(large_owner),
        "ms",
    );
    report.time(
        "time, more ÷ fewer, owner",
        ratio(large_owner, small_owner),
        "×",
        1.2,
    );
    report.time(
        "time, more ÷ fewer, other institution's device",
        ratio(large_other, small_other),
        "×",
        1.2,
    );
}

/// One idle sync on a new connection, so that nothing is hidden in an earlier one.
fn count(proxy: &CountingProxy, home: &mut Home) -> Traffic {
    let mut transport = HttpTransport::new(&proxy.url(), None).expect("loopback");
    let _before = proxy.take();
    let synced = home.sync_through(&mut transport);
    let traffic = proxy.take();
    assert_eq!(synced.requests, traffic.requests, "the proxy sees them all");
    traffic
}

/// The same as a command does it that opens the home first. (Here without Argon2id, which takes
/// the same time whatever is owned.)
pub fn measure_cold(report: &mut Report, small: Network, large: Network) {
    let mut networks = [Some(small), Some(large)];
    let [first, second] = &mut networks;
    let cold = |slot: &mut Option<Network>| {
        let mut network = slot.take().expect("a network").with_owner_reopened();
        assert_eq!(network.owner.sync().requests, 1);
        *slot = Some(network);
    };
    let [small_time, large_time] =
        interleaved(ROUNDS / 2, [&mut || cold(first), &mut || cold(second)]);
    report.section("Idle reconnect of a home that was just opened (medians, in turns)");
    report.note("time, fewer sections", milliseconds(small_time), "ms");
    report.note("time, more sections", milliseconds(large_time), "ms");
    report.time(
        "time, more ÷ fewer",
        ratio(large_time, small_time),
        "×",
        1.2,
    );
}
