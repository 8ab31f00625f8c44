//! What all share is limited, and given back: memory for bodies, and time. (What a whole program
//! goes through is in the tests of abuse.)

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nahtlos_protocol::wire::Token;

use crate::client::{Answer, Setting, exchange, now_ms, post};
use crate::world::TestDevice;

/// Enough for the claim that founds the network, and more than "small".
const BODY_MEMORY_BYTES: u32 = 4 << 20;

fn head(setting: &Setting, device: &TestDevice, length: usize) -> String {
    let token = Token::issue(
        device.id,
        &device.keys.signing,
        &setting.client.relay,
        now_ms(),
    );
    format!(
        "POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n"
    )
}

/// Announces a body that does not come; the relay has asked for it when this returns.
fn announce(setting: &Setting, device: &TestDevice, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(setting.client.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let head = head(setting, device, length) + "expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// What becomes of a body of this length that is no request: it is read, and only then refused.
fn told_of_nonsense(setting: &Setting, device: &TestDevice, length: usize) -> (u16, String) {
    let head = head(setting, device, length) + "\r\n";
    let answer: Answer = exchange(setting.client.address, head, &vec![0xff; length]).unwrap();
    (answer.status, answer.code())
}

#[test]
fn large_bodies_of_all_devices_share_one_memory_and_small_ones_need_none() {
    let mut setting = Setting::with(|config| {
        config.limits.body_memory_bytes = BODY_MEMORY_BYTES;
        config.limits.memory_wait = Duration::from_millis(200);
        config.limits.pace_window = Duration::from_secs(600);
        config.limits.request_timeout = Duration::from_secs(600);
    });
    let b1 = TestDevice::new(2);
    setting.second_institution(&b1);
    let malformed = (400, "malformed_request".to_owned());
    assert_eq!(told_of_nonsense(&setting, &b1, 1 << 20), malformed);
    let held = announce(&setting, &setting.a1, BODY_MEMORY_BYTES as usize);
    let refused = told_of_nonsense(&setting, &b1, 1 << 20);
    assert_eq!(refused, (503, "busy".to_owned()));
    assert_eq!(told_of_nonsense(&setting, &b1, 1000), malformed);
    drop(held);
    // It comes back when the relay has noticed; without that, never.
    while told_of_nonsense(&setting, &b1, 1 << 20) != malformed {}
}

#[test]
fn a_request_that_is_not_done_in_its_time_is_refused_though_its_body_keeps_the_pace() {
    let setting = Setting::with(|config| {
        config.limits.request_timeout = Duration::from_secs(2);
        config.limits.pace_window = Duration::from_secs(600);
    });
    let mut stream = announce(&setting, &setting.a1, 1000);
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn newcomers_of_one_address_who_ask_too_often_are_told_to_wait_whatever_they_ask() {
    for path in ["/v1/join", "/v1/claim"] {
        let setting = Setting::with(|config| {
            config.limits.newcomer_burst = 3;
            config.limits.newcomer_requests_per_s = 0;
        });
        let ask = || post(setting.client.address, path, None, b"nonsense");
        // Founding the network was the first.
        let told = [(); 4].map(|()| ask().status == 429);
        assert_eq!(told, [false, false, true, true], "{path}");
        let refused = ask();
        assert_eq!(refused.code(), "rate_limited");
        assert!(refused.header("retry-after").is_some());
        // Devices are not counted with them.
        let answer = setting.client.request(&setting.a1, Vec::new(), 1000);
        assert_eq!(answer.status, 200);
    }
}
