//! The relay, killed or with a failing disk at every point of its first start and of a day's work.

use std::process::Command;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::ClosingReason;
use nahtlos_casework::retention::Retention;
use nahtlos_client::{ClientError, SyncReport};
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{Status, SyncResponse};
use nahtlos_relay::store::Reader;
use nahtlos_relay::store::sqlite::SqliteStore;
use nahtlos_tests::{Home, Passing, note};

use crate::fault::{Fault, Point, Watched, chosen};
use crate::served::{Ended, Served};
use crate::theatre::{IV_TEAM, Kept, Shown, Theatre};

/// Points that a normal run takes.
const MOST: usize = 24;

/// What the relay says that it has stored durably.
fn acknowledged(answer: &SyncResponse) -> impl Iterator<Item = ItemId> {
    let stored = answer.results.iter().filter(|result| {
        matches!(result.status, Status::Accepted | Status::Duplicate) && result.receipt.is_some()
    });
    stored.map(|result| result.id)
}

fn sync(
    theatre: &Theatre,
    home: &mut Home,
    stored: &mut Vec<ItemId>,
) -> Result<SyncReport, ClientError> {
    home.sync_over(&theatre.world, &mut |_| Passing::Arrives, &mut |answer| {
        stored.extend(acknowledged(answer));
        Passing::Arrives
    })
}

/// What the relay does in the script: it takes a new case, a grant, new keys and edits of two devices,
/// and serves them. Returns what it acknowledged.
fn work(theatre: &Theatre, point: Option<Point>) -> Vec<ItemId> {
    let mut stored = Vec::new();
    for name in ["berger", "iseli", "berger"] {
        let mut home = theatre.world.reopen(name);
        let Err(error) = sync(theatre, &mut home, &mut stored) else {
            continue;
        };
        assert!(point.is_some(), "{error}");
        let is_cannot_now = match &error {
            ClientError::Refused { code, .. } => {
                ["storage_failed", "storage_full", "busy", "internal"].contains(&code.as_str())
            }
            other => other.code() == "relay_unreachable",
        };
        assert!(is_cannot_now, "{point:?}: {error}");
    }
    stored
}

/// `nahtlos-relay check`: the file, every signature, the hash chain, every receipt.
fn check(theatre: &Theatre, at: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_story-nahtlos-relay"));
    command
        .args(["check", "--data"])
        .arg(theatre.world.relay_directory());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{at}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn assert_stored(theatre: &Theatre, acknowledged: &[ItemId], at: &str) {
    let database = theatre.world.relay_directory().join("relay.sqlite");
    let store = SqliteStore::open_to_read(&database).unwrap();
    for id in acknowledged {
        assert!(
            store.find(id).unwrap().is_some(),
            "{at}: {id} was acknowledged"
        );
    }
}

/// How a relay that met a fault may end: as it was told to, by the fault, or with a sentence.
fn judge_end(ended: &Ended, listened: bool, point: Point, at: &str) {
    match ended.exit {
        None => assert!(point.fault.kills(), "{at}"),
        // The number of its last calls differs a little from run to run.
        Some(0) => assert!(
            listened && !(point.fault.kills() && ended.log.has_failed()),
            "{at}: {}",
            ended.stderr
        ),
        Some(1) => {
            assert!(!listened, "{at}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("the relay does not start"),
                "{at}: {}",
                ended.stderr
            );
        }
        Some(other) => panic!("{at}: {other} {}", ended.stderr),
    }
}

fn try_point(theatre: &mut Theatre, kept: &Kept, point: Point, in_the_end: &[Shown; 2]) {
    let at = format!("relay at work: {point}");
    theatre.world.stop_relay();
    theatre.put_back_files(kept);
    let served = Served::start(theatre, Some(point));
    let listened = served.listens;
    let acknowledged = work(theatre, Some(point));
    let (ended, watched) = served.stop();
    judge_end(&ended, listened, point, &at);
    if point.fault == Fault::PowerCut {
        watched.cut_power();
    }
    theatre.world.start_relay();
    assert_stored(theatre, &acknowledged, &at);
    assert_eq!(&theatre.converge(), in_the_end, "{at}");
    theatre.world.stop_relay();
    check(theatre, &at);
}

/// Everything typed and decided, nothing sent.
fn prepare(theatre: &Theatre) {
    let mut berger = theatre.world.reopen("berger");
    let mut iseli = theatre.world.reopen("iseli");
    let number = &theatre.number;
    berger.open_example_case();
    berger.share(number, &SectionKind::Plan, IV_TEAM, Role::Write, "AVG35a1");
    for (home, first) in [(&mut berger, 1), (&mut iseli, 11)] {
        for one in first..first + 3 {
            home.nahtlos.edit_case(number, &[note(one)]).unwrap();
        }
    }
}

#[test]
fn a_relay_killed_or_with_a_failing_disk_at_any_point_has_what_it_acknowledged_and_goes_on() {
    let mut theatre = Theatre::new();
    prepare(&theatre);
    try_day(&mut theatre, "relay at work");
}

#[test]
fn a_relay_killed_or_with_a_failing_disk_while_it_drops_what_is_erased_drops_all_of_it_in_the_end()
{
    let mut theatre = Theatre::new();
    let mut berger = theatre.world.reopen("berger");
    let case = berger.nahtlos.find_case(&theatre.number).unwrap();
    let mistake = ClosingReason::OpenedByMistake;
    berger.nahtlos.close_case(&case, mistake, None).unwrap();
    berger.sync();
    let sections: Vec<SpaceId> = case.sections.values().copied().collect();
    let before = theatre.world.bodies_and_wraps_at_relay(&sections);
    assert!(before.0 > 0 && before.1 > 0, "control: {before:?}");
    let periods = Retention::provided();
    let code = "opened_by_mistake";
    berger.nahtlos.erase_case(&case, code, &periods).unwrap();
    drop(berger);
    let in_the_end = try_day(&mut theatre, "relay that erases");
    assert!(in_the_end.iter().all(|one| !one.has_case(&theatre.number)));
    assert_eq!(theatre.world.bodies_and_wraps_at_relay(&sections), (0, 0));
}

/// Runs the day at all chosen points, from the same state each time. Returns what is shown in the end.
fn try_day(theatre: &mut Theatre, called: &str) -> [Shown; 2] {
    let kept = theatre.keep(&["berger", "iseli"]);
    theatre.world.stop_relay();
    let served = Served::start(theatre, None);
    let acknowledged = work(theatre, None);
    assert!(acknowledged.len() >= 10, "it did work: {acknowledged:?}");
    let (ended, watched) = served.stop();
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    let points = ended.log.points();
    // What was acknowledged outlives a power cut that comes just after.
    watched.cut_power();
    theatre.world.start_relay();
    assert_stored(theatre, &acknowledged, "no power at the end");
    let in_the_end = theatre.converge();

    let taken = chosen(called, points, MOST);
    for point in taken {
        try_point(theatre, &kept, point, &in_the_end);
    }
    in_the_end
}

/// A relay that never ran, in an empty directory.
fn first_start(theatre: &mut Theatre, point: Option<Point>) -> (Ended, Watched) {
    theatre.world.stop_relay();
    std::fs::remove_dir_all(theatre.world.relay_directory()).unwrap();
    std::fs::create_dir(theatre.world.relay_directory()).unwrap();
    let served = Served::start(theatre, point);
    let listened = served.listens;
    let (ended, watched) = served.stop();
    if let Some(point) = point {
        judge_end(&ended, listened, point, &format!("first start: {point}"));
    }
    (ended, watched)
}

#[test]
fn a_relay_killed_or_with_a_failing_disk_at_any_point_of_its_first_start_starts_again_and_is_claimed()
 {
    let mut theatre = Theatre::empty();
    let (ended, _) = first_start(&mut theatre, None);
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    let points = ended.log.points();
    let taken = chosen("relay's first start", points, MOST);
    let (all, mut came) = (taken.len(), 0);
    for (round, point) in taken.into_iter().enumerate() {
        let at = format!("first start: {point}");
        let (ended, watched) = first_start(&mut theatre, Some(point));
        came += usize::from(ended.log.has_failed());
        if point.fault == Fault::PowerCut {
            watched.cut_power();
        }
        theatre.world.start_relay_anew();
        let name = format!("berger-{round}");
        let berger = theatre
            .world
            .found(&name, "Anna Berger", "RAV Langnau", "alv");
        assert_eq!(
            berger.nahtlos.status().unwrap().enrolment,
            "enrolled",
            "{at}"
        );
        theatre.world.stop_relay();
        check(&theatre, &at);
    }
    // What it does just before it ends depends on the moment at which it is told to.
    assert!(came * 10 >= all * 9, "{came} of {all} came");
}
