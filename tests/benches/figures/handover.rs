//! A caseworker has left, and her deputy takes over: 63 cases, each handed over whole, with new keys for
//! every section that she could read. From the decision until the relay has acknowledged all of it.

use std::path::Path;
use std::time::Duration;

use nahtlos_casework::edit::Edit;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};

use crate::case_edits::{CHANGES_PER_AUTHOR, everywhere, official_name};
use crate::fixture::{SECTIONS_PER_CASE, share, sync_to_the_end};
use crate::process::{Child, processor_time};
use crate::removal::Counting;
use crate::report::Report;
use crate::sampling::{milliseconds, timed};

/// As in the story of the caseworker who leaves.
const CASES: usize = 63;
const TIME_S_MAX: f64 = 30.0;

/// The devices: she who leaves is in none of them any more.
struct Office {
    world: World,
    deputy: Home,
    /// Of another institution that may write in every section.
    other: Home,
}

/// Measures one hand-over of all cases, with the sync, and what its receiver's sync takes.
pub fn measure(report: &mut Report, directory: &Path, divisor: usize) {
    let cases = CASES / divisor;
    eprintln!("building a team with {cases} cases, whose lead leaves …");
    let Office {
        mut world,
        mut deputy,
        mut other,
    } = build(directory, cases);
    let directory = deputy.nahtlos.directory().expect("a directory");
    let from = directory.find_member("Nora Rüegg").expect("her card");
    let to = directory.find_member("Ueli Trachsel").expect("his card");
    let address = world.relay().address;
    world.stop_relay();
    let relay = Child::relay(&world.relay_directory(), address, 180);

    let (own, of_relay) = (processor_time("self"), relay.processor_time());
    let (planning, plan) = timed(|| deputy.nahtlos.plan_handover(&from, &to, &[]));
    let plan = plan.expect("a readable vault");
    assert_eq!(plan.cases.len(), cases, "{:?}", plan.excluded);
    let (deciding, ()) = timed(|| {
        for case in &plan.cases {
            assert!(deputy.nahtlos.hand_over(&plan, case).expect("a manager"));
        }
    });
    let mut counting = Counting::new(&world);
    let (mut syncing, mut syncs) = (Duration::ZERO, 0_u64);
    loop {
        let (time, sync) = timed(|| deputy.sync_through(&mut counting));
        (syncing, syncs) = (syncing + time, syncs + 1);
        if sync.operations_delivered + sync.envelopes_delivered == 0 {
            break;
        }
    }
    let own = (processor_time("self") - own).as_secs_f64();
    let of_relay = (relay.processor_time() - of_relay).as_secs_f64();
    let again = deputy.nahtlos.plan_handover(&from, &to, &[]);
    assert_eq!(again.expect("a readable vault").cases, [], "all of it");
    let (receiving, _) = timed(|| sync_to_the_end(&mut other));

    report.section(format!(
        "{cases} cases of {SECTIONS_PER_CASE} sections are handed over by somebody who takes over"
    ));
    let all = planning + deciding + syncing;
    let seconds = milliseconds(all) / 1e3;
    report.time("until all is acknowledged", seconds, "s", TIME_S_MAX);
    report.note("of it saying which", milliseconds(planning), "ms");
    report.note("of it deciding", milliseconds(deciding), "ms");
    report.note("of it the syncs", milliseconds(syncing), "ms");
    report.note("processor time, device", own, "s");
    report.note("processor time, relay", of_relay, "s");
    report.note("syncs", number(syncs), "");
    report.note("requests", number(counting.requests), "");
    let cases = number(cases as u64);
    report.note("wraps for each case", number(counting.wraps) / cases, "");
    let bytes = number(counting.bytes) / cases;
    report.note("bytes pushed for each case", bytes, "B");
    report.note("time for each case", milliseconds(all) / cases, "ms");
    let receiving = milliseconds(receiving);
    report.note("another institution's sync after it", receiving, "ms");
}

#[allow(clippy::cast_precision_loss)]
fn number(of: u64) -> f64 {
    of as f64
}

/// The lead opens the cases and shares them; then she is removed from the team.
fn build(directory: &Path, cases: usize) -> Office {
    let world = World::below(directory);
    let mut custodian = world.found("custodian", "Eva Lanz", "Sozialdienst", "soz");
    let mut other = world.institution(&mut custodian, "iv", "Marc Iseli", "IV Bern", "iv");
    let mut lead = world.colleague(&mut custodian, "lead", "Nora Rüegg", Role::Manage);
    let mut deputy = world.colleague(&mut custodian, "deputy", "Ueli Trachsel", Role::Manage);
    for number in 0..cases {
        let mut edits: Vec<Edit> = everywhere(number as u64, CHANGES_PER_AUTHOR);
        edits.push(official_name(number));
        lead.nahtlos.open_case(&edits).expect("a valid case");
    }
    sync_to_the_end(&mut lead);
    let lines = lead.nahtlos.cases().expect("a readable vault");
    let ids: Vec<String> = lines.into_iter().map(|line| line.id).collect();
    share(&mut lead, &ids, "IV Bern Team 1");
    for home in [&mut lead, &mut custodian, &mut deputy, &mut other] {
        sync_to_the_end(home);
    }
    let directory = custodian.nahtlos.directory().expect("a directory");
    let leaver = directory.find_member("Nora Rüegg").expect("her card");
    let team = custodian.nahtlos.identity().team.expect("a team");
    let ending = Ending::Member(team, leaver);
    let ended = custodian.nahtlos.end(&ending, Reason::Left);
    ended.expect("a manager");
    for home in [&mut custodian, &mut deputy, &mut other] {
        sync_to_the_end(home);
    }
    Office {
        world,
        deputy,
        other,
    }
}
