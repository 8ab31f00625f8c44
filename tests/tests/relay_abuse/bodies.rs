//! Bodies without end, and bodies of lengths that cannot be.

use std::io::Write;
use std::net::SocketAddr;

use nahtlos_protocol::limits;

use crate::client::{exchange, get, post};
use crate::scene::{Scene, connect, read_until_let_go};

/// What kernels on both sides may hold beyond what the relay has taken.
const IN_THE_KERNEL: usize = 16 << 20;

/// Sends a body without end after this head; how much of it went, and what was answered.
fn pour(address: SocketAddr, head: &str) -> (usize, String) {
    let mut stream = connect(address);
    stream.write_all(head.as_bytes()).unwrap();
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend_from_slice(&[7; 0x10000]);
    chunk.extend_from_slice(b"\r\n");
    let mut sent = 0;
    while sent < 8 * limits::SYNC_REQUEST_BYTES_MAX && stream.write_all(&chunk).is_ok() {
        sent += chunk.len();
    }
    let answer = read_until_let_go(&stream);
    (sent, String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_body_without_end_is_refused_at_its_limit() {
    let mut scene = Scene::new(&[]);
    let token = scene.hostile_token();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
    };
    let nobody = "POST /v1/sync HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let reading = "GET /livez HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    // Where nothing of a body is wanted, nothing of it is read.
    let cases = [
        (head("/v1/sync"), limits::SYNC_REQUEST_BYTES_MAX),
        (head("/v1/join"), limits::JOIN_REQUEST_BYTES_MAX),
        (head("/v1/claim"), 0),
        (head("/nothing"), 0),
        (nobody.to_owned(), 0),
        (reading.to_owned(), 0),
    ];
    std::thread::scope(|scope| {
        let address = scene.address();
        let pouring = cases.iter().flat_map(|case| [case; 3]);
        let pouring: Vec<_> = pouring
            .map(|(head, limit)| {
                scope.spawn(move || {
                    let (sent, answer) = pour(address, head);
                    assert!(sent <= limit + IN_THE_KERNEL, "{sent} bytes: {answer}");
                })
            })
            .collect();
        for one in pouring {
            one.join().unwrap();
        }
    });
    scene.honest_work();
    scene.wait_until_alone();
    scene.assert_memory_is_bounded(20);
}

#[test]
fn a_length_that_cannot_be_is_refused_before_a_byte_is_taken() {
    let mut scene = Scene::new(&[]);
    let token = scene.hostile_token();
    let head = |length: &str| {
        format!(
            "POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{length}\r\n\r\n"
        )
    };
    let above = (limits::SYNC_REQUEST_BYTES_MAX + 1).to_string();
    for length in [above.as_str(), "9223372036854775807"] {
        let head = head(&format!("content-length: {length}"));
        let answer = exchange(scene.address(), head, &[]).unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "body_too_large")
        );
    }
    // What is no length, or two of them, or one beside chunks: no request at all, or at least no hang.
    for length in [
        "content-length: 18446744073709551616",
        "content-length: -1",
        "content-length: 1e3",
        "content-length: 5\r\ncontent-length: 6",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, gzip",
    ] {
        let mut stream = connect(scene.address());
        stream.write_all(head(length).as_bytes()).unwrap();
        let answer = read_until_let_go(&stream);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400"), "{length}: {answer}");
    }
    // Chunk lengths that cannot be, and headers without end.
    for rest in [
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        &format!("x: {}\r\n\r\n", "y".repeat(1 << 20)),
        &"x: y\r\n".repeat(100_000),
    ] {
        let mut stream = connect(scene.address());
        let head =
            format!("POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{rest}");
        let _refused_early = stream.write_all(head.as_bytes());
        read_until_let_go(&stream);
    }
    assert_eq!(get(scene.address(), "/livez").status, 200);
    let body = scene.body(Vec::new(), 1, 0);
    assert_eq!(
        post(scene.address(), "/v1/sync", Some(&token), &body).status,
        200
    );
    scene.honest_work();
    scene.assert_memory_is_bounded(20);
}
