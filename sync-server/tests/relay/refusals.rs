//! Requests that are refused as a whole, each with its stable code.

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::token::{TIME_HEADER, TOKEN_LIFETIME_MS, read_time};
use nahtlos_protocol::wire::{Status, SyncRequest, Token, VerdictCode};

use crate::client::{Setting, exchange, get, now_ms, post};
use crate::world::{TestDevice, push_envelope, seal_bytes};

fn empty() -> Vec<u8> {
    codec::encode(&SyncRequest {
        version: 1,
        cursor: 0,
        journal_mark: None,
        push: Vec::new(),
        max_bytes: 1000,
    })
}

#[test]
fn a_token_that_is_not_good_is_refused_by_its_reason() {
    let setting = Setting::new();
    let (relay, address) = (setting.client.relay, setting.client.address);
    let issue = |device: &TestDevice, relay, at_ms| {
        Token::issue(device.id, &device.keys.signing, relay, at_ms)
    };
    let other_relay = SigningKey::from_seed(&Secret32::from_bytes([9; 32])).verifying_key();
    let stranger = TestDevice::new(9);
    let now = now_ms();
    let forged = Token::issue(setting.a1.id, &stranger.keys.signing, &relay, now);
    let cases = [
        (
            "token_expired",
            Some(issue(&setting.a1, &relay, now - TOKEN_LIFETIME_MS - 1000)),
        ),
        (
            "clock_skew",
            Some(issue(&setting.a1, &relay, now + 3_600_000)),
        ),
        ("other_relay", Some(issue(&setting.a1, &other_relay, now))),
        ("device_unknown", Some(issue(&stranger, &relay, now))),
        ("token_malformed", Some(forged)),
        ("token_malformed", Some("nonsense".into())),
        ("token_missing", None),
    ];
    for (code, token) in cases {
        let answer = post(address, "/v1/sync", token.as_deref(), &empty());
        assert_eq!((answer.status, answer.code().as_str()), (401, code));
        let time = answer
            .header(TIME_HEADER)
            .map(|text| read_time(text, &relay, token.as_deref().unwrap()).expect("signed"));
        let says_time = matches!(code, "token_expired" | "clock_skew");
        assert_eq!(time.is_some(), says_time, "{code}");
        assert!(time.is_none_or(|time| time.abs_diff(now) < 60_000));
    }
    let good = issue(&setting.a1, &relay, now);
    assert_eq!(post(address, "/v1/sync", Some(&good), &empty()).status, 200);
}

#[test]
fn a_person_nobody_admitted_is_unknown_until_added() {
    let mut setting = Setting::new();
    let d1 = TestDevice::new(4);
    let d = setting.world.person(&d1, setting.a.institution);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let answer = setting.client.request(&d1, Vec::new(), 1000);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "device_unknown")
    );
    setting.world.add_member(
        &setting.a1,
        setting.a.team,
        d,
        nahtlos_protocol::space::Role::Read,
    );
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    assert_eq!(setting.client.request(&d1, Vec::new(), 1000).status, 200);
}

#[test]
fn a_malformed_oversized_or_misdirected_request_is_refused_and_the_relay_lives() {
    let setting = Setting::new();
    let address = setting.client.address;
    let token = || {
        let key = &setting.a1.keys.signing;
        Token::issue(setting.a1.id, key, &setting.client.relay, now_ms())
    };
    let sync = |body: &[u8]| post(address, "/v1/sync", Some(&token()), body);
    for body in [&b""[..], b"nonsense", &[0xff; 1000], &[0x9b; 9]] {
        let answer = sync(body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "malformed_request")
        );
    }
    let newer = codec::encode(&SyncRequest {
        version: 2,
        cursor: 0,
        journal_mark: None,
        push: Vec::new(),
        max_bytes: 1000,
    });
    let answer = sync(&newer);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "unsupported_version")
    );
    for (path, limit) in [
        ("/v1/sync", limits::SYNC_REQUEST_BYTES_MAX),
        ("/v1/join", limits::JOIN_REQUEST_BYTES_MAX),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n",
            token()
        );
        // Announced too large, and too large without being announced.
        let announced = format!("{head}content-length: {}\r\n\r\n", limit + 1);
        let answer = exchange(address, announced, &[]).unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "body_too_large")
        );
        if limit < 1 << 20 {
            let chunk = vec![b'x'; limit + 1];
            let mut body = format!("{:x}\r\n", chunk.len()).into_bytes();
            body.extend_from_slice(&chunk);
            body.extend_from_slice(b"\r\n0\r\n\r\n");
            let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
            let answer = exchange(address, chunked, &body).unwrap();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (413, "body_too_large")
            );
        }
    }
    let answer = get(address, "/v1/sync");
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (405, "method_not_allowed")
    );
    let answer = get(address, "/nothing");
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert_eq!(sync(&empty()).status, 200);
}

#[test]
fn a_device_that_asks_too_often_is_told_when_to_come_back() {
    let setting = Setting::with(|config| {
        config.limits.device_burst = 3;
        config.limits.device_requests_per_s = 1;
    });
    let statuses: Vec<u16> = (0..5)
        .map(|_| setting.client.request(&setting.a1, Vec::new(), 1000).status)
        .collect();
    assert_eq!(statuses[..3], [200, 200, 200]);
    let answer = setting.client.request(&setting.a1, Vec::new(), 1000);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn an_institution_stores_up_to_its_quota_and_reads_on() {
    let mut setting = Setting::with(|config| {
        config.limits.institution_bytes_max = 20_000;
    });
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let header = setting.world.header(&setting.a1, section, 1);
    let large = seal_bytes(&setting.a1, &header, vec![1; 30_000]);
    let told = setting.client.push_one(&setting.a1, push_envelope(&large));
    assert_eq!(
        (told.status, told.code),
        (Status::Rejected, Some(VerdictCode::Quota))
    );
    let small = setting.world.envelope(&setting.a1, section, 1, &[]);
    let told = setting.client.push_one(&setting.a1, push_envelope(&small));
    assert_eq!(told.status, Status::Accepted);
}

#[test]
fn a_full_disk_is_said_and_what_was_stored_is_still_served() {
    let mut setting = Setting::with(|config| {
        config.limits.database_bytes_max = Some(600 * 1024);
    });
    let section = setting.world.section(&setting.a1, setting.a.team);
    let push = setting.world.take();
    setting.client.push(&setting.a1, push);
    let header = setting.world.header(&setting.a1, section, 1);
    let large = seal_bytes(&setting.a1, &header, vec![1; 900_000]);
    let answer = setting
        .client
        .request(&setting.a1, vec![push_envelope(&large)], 1000);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "storage_full")
    );
    let small = setting.world.envelope(&setting.a1, section, 1, &[]);
    let told = setting.client.push_one(&setting.a1, push_envelope(&small));
    assert_eq!(told.status, Status::Accepted);
    let mut reader = crate::client::Client::new(setting.client.address, setting.client.relay);
    let items = reader.sync(&setting.a1, Vec::new()).1;
    assert!(crate::client::ids(&items).contains(&small.id().into()));
}
