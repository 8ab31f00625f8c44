//! Who asks and does not take the answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::scene::{PATIENCE, Scene, connect, wait_until};

/// Bytes a device asks for: more than the kernels on both sides hold.
const MOST: u32 = 32 << 20;

/// A connection whose own kernel takes little.
fn connect_deaf(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// So many requests whose answers have begun. A place that an earlier request of the device still
/// holds on a busy machine is waited for: who was refused takes none.
fn unread_answers(scene: &Scene, count: usize) -> Vec<TcpStream> {
    let request = scene.hostile_request(&scene.body(Vec::new(), MOST, 0));
    let mut begun = Vec::new();
    wait_until("the answers begin", || {
        let missing = begun.len()..count;
        let asked: Vec<TcpStream> = missing.map(|_| ask(scene, &request)).collect();
        begun.extend(asked.into_iter().filter(has_begun));
        begun.len() == count
    });
    begun
}

fn ask(scene: &Scene, request: &[u8]) -> TcpStream {
    let mut stream = connect_deaf(scene.address());
    stream.write_all(request).unwrap();
    stream
}

/// Whether it is answered and not refused.
fn has_begun(mut stream: &TcpStream) -> bool {
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    match &status {
        b"HTTP/1.1 200" => true,
        b"HTTP/1.1 429" => false,
        other => panic!("{}", String::from_utf8_lossy(other)),
    }
}

fn small_request(scene: &Scene) -> (u16, String) {
    let answer = scene.hostile_ask(&scene.body(Vec::new(), 1, u64::MAX >> 1));
    let code = if answer.status == 200 {
        String::new()
    } else {
        answer.code()
    };
    (answer.status, code)
}

#[test]
fn answers_nobody_takes_take_the_places_of_their_device_and_nobody_elses() {
    // They are not given up on for a long time here.
    let mut scene = Scene::new(&["--pace-window-s", "600", "--answer-timeout-s", "600"]);
    scene.store_mebibytes_of_hostile(9);
    let unread = unread_answers(&scene, 4);
    assert_eq!(small_request(&scene), (429, "rate_limited".into()));
    scene.honest_work();
    drop(unread);
    wait_until("its places come back", || small_request(&scene).0 == 200);
    scene.assert_memory_is_bounded(10);
}

#[test]
fn answers_nobody_takes_are_given_up_on_and_their_place_and_memory_come_back() {
    let mut scene = Scene::new(&["--pace-window-s", "3"]);
    scene.store_mebibytes_of_hostile(9);
    for _ in 0..3 {
        let unread = unread_answers(&scene, 4);
        scene.honest_work();
        wait_until("its places come back", || small_request(&scene).0 == 200);
        scene.wait_until_alone();
        drop(unread);
    }
    scene.honest_work();
    scene.assert_memory_is_bounded(10);
}

#[test]
fn an_answer_that_is_taken_byte_by_byte_is_given_up_on_too() {
    let mut scene = Scene::new(&["--pace-window-s", "3"]);
    scene.store_mebibytes_of_hostile(9);
    let unread = unread_answers(&scene, 4);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for mut stream in &unread {
                    let _let_go = stream.read(&mut [0; 1]);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            scene.honest_work();
            wait_until("its places come back", || small_request(&scene).0 == 200);
            scene.wait_until_alone();
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
    scene.honest_work();
    scene.assert_memory_is_bounded(10);
}

#[test]
fn the_largest_items_asked_for_one_by_one_and_not_taken_stay_within_the_budget() {
    let mut scene = Scene::new(&["--pace-window-s", "3", "--device-requests-at-once", "16"]);
    scene.store_of_hostile(2, 15 << 20);
    // What the device asks for is one byte: one item is served all the same.
    let request = scene.hostile_request(&scene.body(Vec::new(), 1, scene.client.cursor));
    let unread: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = connect_deaf(scene.address());
            stream.write_all(&request).unwrap();
            stream
        })
        .collect();
    for mut stream in &unread {
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    wait_until("its memory comes back", || small_request(&scene).0 == 200);
    scene.honest_work();
    scene.assert_memory_is_bounded(20);
}

#[test]
fn a_slow_reader_that_keeps_the_pace_gets_its_whole_answer() {
    // What is long may take longer than a second.
    let mut scene = Scene::new(&["--pace-window-s", "2", "--answer-timeout-s", "1"]);
    scene.store_mebibytes_of_hostile(9);
    let request = scene.hostile_request(&scene.body(Vec::new(), MOST, 0));
    let mut stream = connect(scene.address());
    stream.write_all(&request).unwrap();
    let mut received = 0;
    let mut buffer = vec![0; 256 * 1024];
    // More than one window for the whole.
    while received < 6 << 20 {
        std::thread::sleep(Duration::from_millis(200));
        received += stream.read(&mut buffer).unwrap();
    }
    scene.honest_work();
}
