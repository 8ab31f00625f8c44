//! One device that sends as much as it can.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::{PushItem, Status};

use crate::client::{exchange, read_response};
use crate::scene::{Scene, all_of_it, sync_head};
use crate::world::push_envelope;

/// Threads of the flooding device.
const FLOODERS: usize = 48;
/// Honest requests that are measured.
const MEASURED: usize = 15;
/// How many of the flood's requests, each as long as it takes alone, an honest one may wait for. The
/// flooding device may have four in work. It was 1.5, and 14 where it could have as many as it liked.
const RATIO: f64 = 7.0;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Sends these bodies over and over, from as many threads, while `during` runs; how many requests
/// were answered and how many refused.
fn flooded<T>(
    scene: &mut Scene,
    bodies: &[Vec<u8>],
    during: impl FnOnce(&mut Scene) -> T,
) -> (T, u64, u64) {
    let (answered, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let (address, token) = (scene.address(), scene.hostile_token());
    let flood = |one: usize| {
        for body in bodies.iter().cycle().skip(one) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let answer = exchange(address, sync_head(&token, body.len()), body);
            let counter = match answer.map(|answer| answer.status) {
                Ok(200) => &answered,
                _ => &refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let done = std::thread::scope(|scope| {
        for one in 0..FLOODERS {
            let flood = &flood;
            scope.spawn(move || flood(one));
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| during(scene)));
        stop.store(true, Ordering::Relaxed);
        done
    });
    let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    (done, answered.into_inner(), refused.into_inner())
}

#[test]
fn a_flooding_device_leaves_the_others_their_answers() {
    let mut scene = Scene::new(&["--device-requests-per-s", "1000000"]);
    scene.store_mebibytes_of_hostile(9);
    // The same edits again and again, and requests for all there is.
    let push: Vec<PushItem> = (0..limits::PUSH_ITEMS_MAX)
        .map(|_| push_envelope(&scene.edit_of_hostile(10)))
        .collect();
    let bodies = [
        scene.body(push, 1, u64::MAX >> 1),
        scene.body(Vec::new(), 32 << 20, 0),
    ];
    scene.hostile_ask(&bodies[0]);
    let one_alone = |scene: &Scene, body: &[u8]| {
        let began = Instant::now();
        assert_eq!(scene.hostile_ask(body).status, 200);
        began.elapsed()
    };
    let alone = median((0..5).map(|_| one_alone(&scene, &bodies[0])).collect());
    let (beside, answered, refused) = flooded(&mut scene, &bodies, |scene| {
        median((0..MEASURED).map(|_| scene.honest_work()).collect())
    });
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    let mut output = std::io::stdout();
    writeln!(
        output,
        "one of the flood alone {alone:?}, an honest one in it {beside:?}: {ratio:.1} times; {answered} answered, {refused} refused"
    )
    .unwrap();
    assert!(
        answered > 0 && refused > 0,
        "it floods: {answered}, {refused}"
    );
    assert!(ratio < RATIO, "{ratio:.1} times: {alone:?}, {beside:?}");
    scene.honest_work();
    scene.assert_memory_is_bounded(50);
    scene.relay.stop_and_check();
}

#[test]
fn a_hundred_thousand_tiny_items_are_told_their_verdicts_and_store_nothing() {
    let mut scene = Scene::new(&["--device-requests-per-s", "1000000"]);
    let count = if all_of_it() { 1_000_000 } else { 100_000 };
    let before = scene.relay.counter("journal_length");
    let tiny = |number: usize| match number % 4 {
        0 => PushItem::Envelope {
            bytes: Vec::new(),
            receipt: None,
        },
        1 => PushItem::Operation {
            bytes: vec![0x80],
            wraps: Vec::new(),
            receipt: None,
        },
        2 => PushItem::Question {
            id: ItemId([u8::try_from(number % 251).unwrap(); 32]),
        },
        _ => PushItem::Envelope {
            bytes: number.to_be_bytes().to_vec(),
            receipt: None,
        },
    };
    let mut told = 0;
    for first in (0..count).step_by(limits::PUSH_ITEMS_MAX) {
        let push = (first..first + limits::PUSH_ITEMS_MAX).map(tiny).collect();
        let answer = scene.hostile_ask(&scene.body(push, 1, u64::MAX >> 1));
        let results = read_response(&answer).results;
        assert!(
            results
                .iter()
                .all(|result| result.status == Status::Rejected)
        );
        told += results.len();
        if first % (count / 4) == 0 {
            scene.honest_work();
        }
    }
    assert_eq!(told, count);
    let after = scene.relay.counter("journal_length");
    assert!(after - before < 20, "only what the honest device wrote");
    scene.honest_work();
    scene.assert_memory_is_bounded(10);
    scene.relay.stop_and_check();
}
