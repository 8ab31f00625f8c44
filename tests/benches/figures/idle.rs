//! Reconnecting with nothing new costs the same whatever is owned.

use std::path::Path;

use nahtlos_client::HttpTransport;
use nahtlos_tests::{Home, World};

use crate::case_edits::{everywhere, official_name};
use crate::fixture::{Network, sync_to_the_end};
use crate::process::Child;
use crate::proxy::{CountingProxy, Traffic};
use crate::report::Report;
use crate::sampling::{interleaved, median, milliseconds, ratio, timed};

const ROUNDS: usize = 100;
const TIME_MS_MAX: f64 = 5.0;
const BYTES_MAX: u64 = 1024;
/// Sections of the largest network, and how many of them are founded between two syncs.
const VERY_MANY: usize = 100_000;
const TOGETHER: usize = 5_000;

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
                BYTES_MAX,
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
    for (time, name) in [
        (small_owner, "time, fewer sections, owner"),
        (large_owner, "time, more sections, owner"),
    ] {
        report.time(name, milliseconds(time), "ms", TIME_MS_MAX);
    }
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
pub fn measure_cold(report: &mut Report, small: Network, large: Network) -> (Network, Network) {
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
    let [small, large] = networks.map(|network| network.expect("a network"));
    (small, large)
}

/// The same with very many sections, in turns with a network of few. To have them within minutes, all
/// but those of one case are founded (log, key, label, wrap to the team) and stay empty: an idle sync
/// looks at no document, so what is in one costs nothing there.
pub fn measure_very_many(report: &mut Report, directory: &Path, few: &mut Network, divisor: usize) {
    let sections = VERY_MANY / divisor;
    eprintln!("founding {sections} sections …");
    let mut world = World::below(directory);
    let (building, mut owner) = timed(|| very_many(&world, sections));
    drop(owner);
    let address = world.relay().address;
    world.stop_relay();
    let data = world.relay_directory();
    let (starting, relay) = timed(|| Child::relay(&data, address, 180));
    owner = world.reopen("owner");
    let proxy = CountingProxy::new(address);
    sync_to_the_end(&mut owner);
    let traffic = count(&proxy, &mut owner);
    let sync = |home: &mut Home| assert_eq!(home.sync().requests, 1);
    let [few_time, many_time] = interleaved(
        ROUNDS,
        [&mut || sync(&mut few.owner), &mut || sync(&mut owner)],
    );
    let (mut opened, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        drop(owner);
        let (time, home) = timed(|| world.reopen("owner"));
        owner = home;
        opened.push(time);
        idle.push(timed(|| sync(&mut owner)).0);
    }
    report.section(format!(
        "Idle reconnect with {sections} sections, all but five of them empty (medians, in turns)"
    ));
    report.count("requests", traffic.requests, "", 1);
    report.count(
        "bytes both ways with headers",
        traffic.bytes(),
        "B",
        BYTES_MAX,
    );
    report.time("time", milliseconds(many_time), "ms", TIME_MS_MAX);
    let name = format!("÷ {} sections", few.sections());
    report.time(&name, ratio(many_time, few_time), "×", 1.2);
    let name = "the first idle sync after opening the home";
    report.time(name, milliseconds(median(idle)), "ms", TIME_MS_MAX);
    report.note(
        "opening the home, without Argon2id",
        milliseconds(median(opened)),
        "ms",
    );
    #[allow(clippy::cast_precision_loss)]
    let each = |time| milliseconds(time) / sections as f64;
    report.note("founding one section and pushing it", each(building), "ms");
    report.note(
        "the relay starts on all of them",
        milliseconds(starting),
        "ms",
    );
    #[allow(clippy::cast_precision_loss)]
    let megabytes = relay.peak_memory_bytes() as f64 / 1e6;
    report.note("most memory of the relay", megabytes, "MB");
}

fn very_many(world: &World, sections: usize) -> Home {
    let mut owner = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
    let mut edits = everywhere(1, 2);
    edits.push(official_name(1));
    owner.nahtlos.open_case(&edits).expect("a valid case");
    let case = owner.nahtlos.find_case("Mosimann").expect("the case");
    for first in (0..sections).step_by(TOGETHER) {
        let count = TOGETHER.min(sections - first);
        let founded = owner.nahtlos.found_empty_sections(&case, count);
        founded.expect("a writer");
        sync_to_the_end(&mut owner);
    }
    owner
}
