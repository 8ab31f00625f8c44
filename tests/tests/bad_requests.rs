//! What the relay, a process of its own, does with requests that are none, too large, stale or
//! about what it does not know, and when its disk is full: each is refused with its stable code,
//! nothing of it is stored, and the devices' own work goes on.

mod story;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nahtlos_client::transport::Answer;
use nahtlos_client::{HttpTransport, Nahtlos, Transport, TransportError};
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::{SigningKey, VerifyingKey};
use nahtlos_protocol::identifier::DeviceId;
use nahtlos_protocol::wire::claim::Claim;
use nahtlos_protocol::wire::token::TOKEN_LIFETIME_MS;
use nahtlos_protocol::wire::{
    CLAIM_PATH, JOIN_PATH, PushItem, SYNC_PATH, Status, SyncRequest, SyncResponse, Token,
    VerdictCode,
};
use nahtlos_protocol::{codec, limits};
use serde_json::Value;
use story::{BERGER, CASE_FILE, Device, Homes, PASSPHRASE, Stage, exit};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Listens to one device's sync: forwards what pushes no content, and keeps that from the relay.
struct Listener {
    inner: HttpTransport,
    token: String,
    pushed: Vec<PushItem>,
}

impl Transport for Listener {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        self.token = token.unwrap_or_default().to_owned();
        let request: SyncRequest = codec::decode(body, limits::SYNC_REQUEST_BYTES_MAX).unwrap();
        let is_envelope = |item: &PushItem| matches!(item, PushItem::Envelope { .. });
        if !request.push.iter().any(is_envelope) {
            return self.inner.post(path, token, body);
        }
        self.pushed = request.push;
        Err(TransportError::Unreachable {
            url: String::new(),
            reason: "a listener keeps it".into(),
        })
    }
}

/// What a device would push now, and a token of it.
fn overheard(stage: &Stage, device: &Device) -> (Vec<PushItem>, String) {
    let mut nahtlos = Nahtlos::open(&device.home, PASSPHRASE.as_bytes()).unwrap();
    let mut listener = Listener {
        inner: HttpTransport::new(&stage.line.url(), None).unwrap(),
        token: String::new(),
        pushed: Vec::new(),
    };
    // Nothing to push is no failure.
    let _kept_from_the_relay = nahtlos.sync(&mut listener, &mut |_| {});
    (listener.pushed, listener.token)
}

fn sync_request(push: Vec<PushItem>) -> SyncRequest {
    SyncRequest {
        version: 1,
        cursor: 0,
        journal_mark: None,
        push,
        max_bytes: 1_000_000,
    }
}

fn body(push: Vec<PushItem>) -> Vec<u8> {
    codec::encode(&sync_request(push))
}

/// An answer as it came.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    /// The stable code of a refusal, which must be whole.
    fn code(&self) -> String {
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{problem}");
        for part in ["title", "detail", "type"] {
            assert!(problem[part].as_str().unwrap().len() > 3, "{problem}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Sends exactly these bytes and reads until the relay closes.
fn send(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    let timeout = Some(Duration::from_secs(20));
    stream.set_read_timeout(timeout).unwrap();
    // A relay that refuses early closes before everything was sent.
    let _refused_early = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
    }
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let split = split.unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Reply {
        status: status.unwrap_or(0),
        body: answer.get(split + 4..).unwrap_or_default().to_vec(),
        head,
    }
}

fn head(method: &str, path: &str, token: Option<&str>, length: usize) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    format!(
        "{method} {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {length}\r\n{}\r\n",
        token.unwrap_or_default()
    )
    .into_bytes()
}

fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &[u8]) -> Reply {
    let mut bytes = head("POST", path, token, body.len());
    bytes.extend_from_slice(body);
    send(address, &bytes)
}

/// How many items the stopped relay has, which must be in order.
fn stored(stage: &Stage) -> String {
    let checked = stage.relay.check();
    assert_eq!(checked.exit, exit::DONE, "{checked:?}");
    checked.stdout
}

fn log_of(stage: &Stage) -> String {
    let [.., errors] = stage.relay.everything();
    std::fs::read_to_string(errors).unwrap()
}

#[test]
fn a_request_that_is_none_or_too_large_is_refused_and_stores_nothing() {
    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("home", &BERGER);
    berger.done(&["sync"]);
    let before = stored(&stage);
    let address = stage.relay.address();
    let (_, token) = overheard(&stage, &berger);
    let token = Some(token.as_str());
    let mut newer = sync_request(Vec::new());
    newer.version = 2;
    let nothing = PushItem::Envelope {
        bytes: Vec::new(),
        receipt: None,
    };
    let crowd = vec![nothing; limits::PUSH_ITEMS_MAX + 1];
    let deep = vec![0x81; 100_000];
    let bodies: [(&[u8], u16, &str); 7] = [
        (b"", 400, "malformed_request"),
        (b"nonsense", 400, "malformed_request"),
        (&[0xff; 1000], 400, "malformed_request"),
        (
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            400,
            "malformed_request",
        ),
        (&deep, 400, "malformed_request"),
        (&codec::encode(&newer), 400, "unsupported_version"),
        (&body(crowd), 413, "too_many_items"),
    ];
    for (body, status, code) in bodies {
        let reply = post(address, SYNC_PATH, token, body);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
    let announced = limits::SYNC_REQUEST_BYTES_MAX + 1;
    let join = [0; limits::JOIN_REQUEST_BYTES_MAX + 1];
    let replies = [
        (
            send(address, &head("POST", SYNC_PATH, token, announced)),
            413,
            "body_too_large",
        ),
        (post(address, JOIN_PATH, None, &join), 413, "body_too_large"),
        (
            post(address, JOIN_PATH, None, b"let me in"),
            400,
            "malformed_request",
        ),
        (
            post(address, CLAIM_PATH, None, b"mine"),
            409,
            "already_claimed",
        ),
        (
            send(address, &head("GET", SYNC_PATH, token, 0)),
            405,
            "method_not_allowed",
        ),
        (post(address, "/v2/sync", token, b""), 404, "not_found"),
        (
            post(address, "/../relay.sqlite", token, b""),
            404,
            "not_found",
        ),
    ];
    for (reply, status, code) in replies {
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{reply:?}"
        );
    }
    // No HTTP at all, or headers without end: the connection ends, the relay does not.
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET",
        &[b'a'; 100_000],
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let _closed_early = stream.write_all(bytes);
    }
    // The control: a good request beside them, and a device's own sync.
    assert_eq!(
        post(address, SYNC_PATH, token, &body(Vec::new())).status,
        200
    );
    berger.done(&["sync"]);
    assert_eq!(stored(&stage), before, "nothing was stored");
    let log = log_of(&stage);
    assert!(
        !log.contains("panicked") && !log.contains("defect"),
        "{log}"
    );
}

#[test]
fn a_token_that_is_stale_from_the_future_or_not_the_devices_own_is_refused() {
    let stage = Stage::new(Homes::Quick, &[]);
    let claim: Claim = std::fs::read_to_string(stage.claim())
        .unwrap()
        .parse()
        .unwrap();
    let relay = VerifyingKey::from_bytes(&claim.relay.0).unwrap();
    let berger = stage.found("home", &BERGER);
    berger.done(&["sync"]);
    let address = stage.relay.address();
    let try_token = |token: Option<&str>| post(address, SYNC_PATH, token, &body(Vec::new()));
    let at_clock = |offset_ms: i64| {
        let mut nahtlos = Nahtlos::open(&berger.home, PASSPHRASE.as_bytes()).unwrap();
        nahtlos.set_clock(Box::new(move || now_ms().saturating_add_signed(offset_ms)));
        let mut deaf = Deaf(String::new());
        nahtlos.sync(&mut deaf, &mut |_| {}).unwrap_err();
        deaf.0
    };
    // Overheard while it is young, a token can be used by whoever heard it, for what its device
    // may do; after its few minutes it is worth nothing, however often it is sent.
    let young = at_clock(0);
    assert_eq!(try_token(Some(&young)).status, 200);
    assert_eq!(try_token(Some(&young)).status, 200);
    let lifetime_ms = i64::try_from(TOKEN_LIFETIME_MS).unwrap();
    let stale = at_clock(-lifetime_ms - 5_000);
    for _ in 0..2 {
        let reply = try_token(Some(&stale));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "token_expired")
        );
        assert!(
            reply.head.contains("nahtlos-time"),
            "the device learns the time"
        );
    }
    let future = at_clock(3_600_000);
    assert_eq!(try_token(Some(&future)).code(), "clock_skew");

    // Crafted ones: nobody's, in Berger's name, for another relay, altered.
    let device = Nahtlos::open(&berger.home, PASSPHRASE.as_bytes())
        .unwrap()
        .device_id();
    let key = SigningKey::from_seed(&Secret32::from_bytes([7; 32]));
    let strangers = Token::issue(DeviceId([9; 32]), &key, &relay, now_ms());
    let forged = Token::issue(device, &key, &relay, now_ms());
    let elsewhere = Token::issue(device, &key, &key.verifying_key(), now_ms());
    // Within the signature, which stands last.
    let (before, after) = young.split_at(young.len() - 10);
    let other = if after.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{before}{other}{}", &after[1..]);
    for (token, code) in [
        (Some(strangers.as_str()), "device_unknown"),
        (Some(&forged), "token_malformed"),
        (Some(&elsewhere), "other_relay"),
        (Some(&altered), "token_malformed"),
        (Some("nonsense"), "token_malformed"),
        (Some(""), "token_missing"),
        (None, "token_missing"),
    ] {
        let reply = try_token(token);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, code),
            "{token:?}"
        );
    }
    // A device whose clock is wrong is told the time and syncs all the same.
    for offset_ms in [-7_200_000, 7_200_000] {
        let mut nahtlos = Nahtlos::open(&berger.home, PASSPHRASE.as_bytes()).unwrap();
        nahtlos.set_clock(Box::new(move || now_ms().saturating_add_signed(offset_ms)));
        let mut transport = HttpTransport::new(&stage.line.url(), None).unwrap();
        nahtlos.sync(&mut transport, &mut |_| {}).unwrap();
    }
    berger.done(&["sync"]);
}

/// Hears the token and sends nothing.
struct Deaf(String);

impl Transport for Deaf {
    fn post(&mut self, _: &str, token: Option<&str>, _: &[u8]) -> Result<Answer, TransportError> {
        self.0 = token.unwrap_or_default().to_owned();
        Err(TransportError::Unreachable {
            url: String::new(),
            reason: "nothing is sent".into(),
        })
    }
}

#[test]
fn an_item_of_a_space_the_relay_does_not_know_is_refused_and_blocks_nothing() {
    // Another network's edits, at this network's relay.
    let elsewhere = Stage::new(Homes::Quick, &[]);
    let stranger = elsewhere.found("home", &BERGER);
    stranger.done(&["case", "open", "--from", CASE_FILE]);
    let (foreign, _) = overheard(&elsewhere, &stranger);
    let envelopes: Vec<PushItem> = foreign
        .into_iter()
        .filter(|item| matches!(item, PushItem::Envelope { .. }))
        .collect();
    assert!(envelopes.len() >= 5, "{}", envelopes.len());

    let stage = Stage::new(Homes::Quick, &[]);
    let berger = stage.found("home", &BERGER);
    berger.done(&["case", "open", "--from", CASE_FILE]);
    let (own, token) = overheard(&stage, &berger);
    let damaged = PushItem::Envelope {
        bytes: vec![0x83; 500],
        receipt: None,
    };
    let push: Vec<PushItem> = [&envelopes[..], &[damaged], &own].concat();
    let reply = post(stage.relay.address(), SYNC_PATH, Some(&token), &body(push));
    assert_eq!(reply.status, 200, "{reply:?}");
    let response: SyncResponse =
        codec::decode(&reply.body, limits::SYNC_RESPONSE_BYTES_MAX).unwrap();
    let verdicts: Vec<_> = response
        .results
        .iter()
        .map(|result| (result.status, result.code))
        .collect();
    let (bad, good) = verdicts.split_at(envelopes.len() + 1);
    let (damaged, unknown) = bad.split_last().unwrap();
    assert_eq!(*damaged, (Status::Rejected, Some(VerdictCode::Malformed)));
    for verdict in unknown {
        assert_eq!(
            *verdict,
            (Status::Rejected, Some(VerdictCode::UnknownSpace))
        );
    }
    assert_eq!(good.len(), own.len());
    for verdict in good {
        assert_eq!(
            *verdict,
            (Status::Accepted, None),
            "a bad item blocks no good one"
        );
    }
    // The device's own sync learns that its items are there already.
    berger.done(&["sync"]);
    assert_eq!(berger.json(&["status"])["undelivered_edits"], 0);
    let once = stored(&stage);
    berger.done(&["sync"]);
    assert_eq!(stored(&stage), once, "nothing twice");
}

/// A case file with a long journal.
fn long_case(name: &str) -> String {
    let mut seed = name.bytes().map(u32::from).sum::<u32>();
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (seed >> 24) as u8 % 26)
    };
    let entries: Vec<Value> = (0..60)
        .map(|_| {
            let text: String = std::iter::repeat_with(&mut noise).take(9_000).collect();
            serde_json::json!({ "at": "2026-09-08T10:30:00+02:00", "kind": "note", "text": text })
        })
        .collect();
    serde_json::json!({
        "schema_version": 1,
        "person": { "official_name": name },
        "journal": entries,
    })
    .to_string()
}

#[test]
fn a_relay_whose_disk_is_full_says_so_and_gets_everything_once_it_has_room() {
    let mut stage = Stage::new(Homes::Quick, &["--database-mib-max", "1"]);
    let berger = stage.found("home", &BERGER);
    berger.done(&["sync"]);
    for name in ["Aebersold", "Zbinden"] {
        berger.done_with(&["case", "open"], &long_case(name));
    }
    let undelivered = berger.json(&["status"])["undelivered_edits"].clone();
    for _ in 0..2 {
        let error = berger.refused(&["sync"], exit::NO_RELAY, "storage_full");
        let said = error.to_string();
        assert!(said.contains("safe") && said.contains("full"), "{said}");
        assert!(!said.contains(".."), "{said}");
    }
    let left = berger.json(&["status"])["undelivered_edits"].clone();
    assert!(
        left.as_u64() > Some(0) && left.as_u64() <= undelivered.as_u64(),
        "{left}"
    );
    // What it has is served on, and it can still be asked.
    let livez = send(stage.relay.address(), &head("GET", "/livez", None, 0));
    assert_eq!(livez.status, 200);
    stage.relay.stop();
    stored(&stage);

    stage.relay.give_room();
    berger.done(&["sync"]);
    assert_eq!(berger.json(&["status"])["undelivered_edits"], 0);
    stage.relay.stop();
    let once = stored(&stage);
    stage.relay.restart();
    let again = berger.json(&["sync"]);
    assert_eq!(again["envelopes_delivered"], 0, "{again}");
    assert_eq!(stored(&stage), once, "nothing twice");
    let doctor = berger.json(&["doctor"]);
    assert_eq!(doctor["sound"], true, "{doctor}");
}
