//! Who sends too slowly, or stops half-way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nahtlos_protocol::wire::PushItem;

use crate::scene::{Scene, connect, read_until_let_go, sync_head};

/// Sends these bytes, then one byte after the other into each connection until told to stop.
fn drip(streams: &[TcpStream], stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for mut stream in streams {
            // The relay may have let go.
            let _let_go = stream.write_all(b"x");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Opens connections that begin like this, and drips into them while `during` runs.
fn dripping(
    scene: &mut Scene,
    beginnings: &[Vec<u8>],
    during: impl FnOnce(&mut Scene, &[TcpStream]),
) {
    let streams: Vec<TcpStream> = beginnings
        .iter()
        .map(|beginning| {
            let mut stream = connect(scene.address());
            stream.write_all(beginning).unwrap();
            stream
        })
        .collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let dripping = scope.spawn(|| drip(&streams, &stop));
        // A failed check must not leave the thread running, or the test would never end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            during(scene, &streams);
        }));
        stop.store(true, Ordering::Relaxed);
        dripping.join().unwrap();
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn headers_that_drip_are_given_up_on_and_hold_nobody_up() {
    let mut scene = Scene::new(&["--header-timeout-s", "2"]);
    let beginning = b"POST /v1/sync HTTP/1.1\r\nhost: x\r\nx-long: ".to_vec();
    let beginnings = vec![beginning; 300];
    dripping(&mut scene, &beginnings, |scene, streams| {
        scene.honest_work();
        for stream in streams {
            read_until_let_go(stream);
        }
        scene.honest_work();
    });
    scene.wait_until_alone();
    scene.assert_memory_is_bounded(300);
}

#[test]
fn bodies_that_drip_are_refused_as_too_slow_and_hold_nobody_up() {
    let mut scene = Scene::new(&["--pace-window-s", "2"]);
    // Large and small, of a device and of nobody.
    let device = |length| sync_head(&scene.hostile_token(), length).into_bytes();
    let join = b"POST /v1/join HTTP/1.1\r\nhost: x\r\ncontent-length: 4000\r\n\r\n".to_vec();
    let chunked = b"POST /v1/join HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nff\r\n";
    let mut beginnings = vec![device(32 << 20), device(1 << 20), device(1000)];
    beginnings.extend(std::iter::repeat_n(join, 20));
    beginnings.extend(std::iter::repeat_n(chunked.to_vec(), 20));
    dripping(&mut scene, &beginnings, |scene, streams| {
        scene.honest_work();
        for stream in streams {
            let answer = read_until_let_go(stream);
            let answer = String::from_utf8_lossy(&answer).into_owned();
            // One device may hold a quarter of the memory for bodies: the second large one is refused.
            let is_refused = answer.contains("\"timeout\"") || answer.contains("\"rate_limited\"");
            assert!(is_refused, "{answer}");
        }
        scene.honest_work();
    });
    scene.wait_until_alone();
    scene.assert_memory_is_bounded(50);
}

/// The relay gives a request three seconds and a second more for each 16 KiB.
#[test]
fn a_long_body_that_keeps_the_pace_may_take_longer_than_a_short_one() {
    let mut scene = Scene::new(&["--pace-window-s", "3", "--request-timeout-s", "3"]);
    let edit = PushItem::Envelope {
        bytes: scene.edit_of_hostile(1 << 20).bytes().to_vec(),
        receipt: None,
    };
    let request = scene.hostile_request(&scene.body(vec![edit], 1, u64::MAX >> 1));
    let mut stream = connect(scene.address());
    for part in request.chunks(64 << 10) {
        stream.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[test]
fn a_device_that_announces_large_bodies_and_sends_none_leaves_room_for_those_of_others() {
    // It is not too slow for a long time here: only its share stops it.
    let mut scene = Scene::new(&["--pace-window-s", "600", "--request-timeout-s", "600"]);
    let head = |length| sync_head(&scene.hostile_token(), length).into_bytes();
    // Each holds twice its length: the four it may have in work would hold almost all of the 64 MiB.
    let length = (8 << 20) - (64 << 10);
    let beginnings: Vec<Vec<u8>> = (0..8).map(|_| head(length)).collect();
    dripping(&mut scene, &beginnings, |scene, _| {
        for _ in 0..3 {
            let large = scene.edit_of_honest(2 << 20);
            let told = scene.honest_push(&large);
            assert_eq!(told, Ok(nahtlos_protocol::wire::Status::Accepted));
        }
        scene.honest_work();
    });
    scene.assert_memory_is_bounded(20);
}

#[test]
fn connections_closed_on_one_side_are_let_go_at_once_in_every_state() {
    // No time runs out here: what is let go is let go because it is half closed.
    let mut scene = Scene::new(&["--header-timeout-s", "600", "--pace-window-s", "600"]);
    let body = scene.body(Vec::new(), 1, 0);
    let whole = scene.hostile_request(&body);
    let states: [&[u8]; 5] = [
        b"",
        b"POST /v1/sy",
        &sync_head(&scene.hostile_token(), 4000).into_bytes(),
        &whole[..whole.len() - 1],
        &whole,
    ];
    let mut open = Vec::new();
    for beginning in states.iter().cycle().take(100) {
        let mut stream = connect(scene.address());
        stream.write_all(beginning).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        open.push(stream);
    }
    scene.honest_work();
    for stream in &open {
        read_until_let_go(stream);
    }
    // They are still open on this side.
    scene.wait_until_alone();
    scene.honest_work();
    drop(open);
    scene.assert_memory_is_bounded(100);
}
