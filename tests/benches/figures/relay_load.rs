//! The relay, in a process of its own, under many devices at once: each sends what it sealed before,
//! one edit to a request, and waits for the durable acknowledgement before it sends the next.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nahtlos_client::HttpTransport;
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::{MEDIA_TYPE, PushItem, SYNC_PATH, Status, SyncRequest, SyncResponse};
use nahtlos_tests::{Home, World};

use crate::case_edits::{SECTIONS, Writer, everywhere};
use crate::fixture::sync_to_the_end;
use crate::load;
use crate::machine::Limits;
use crate::process::Child;
use crate::report::Report;
use crate::sampling::microseconds;

const CLIENTS: usize = 50;
/// Cases of each client; an edit goes to each of their sections.
const CASES: u64 = 10;
const ROUNDS: u64 = 5;
/// Of one core's rate of verify_strict.
const RATE_FACTOR: f64 = 0.4;
const PROCESSOR_US_MAX: f64 = 150.0;

/// What a client has sealed, and where it stands.
struct Sealed {
    token: String,
    request: SyncRequest,
}

/// One round of all clients.
struct Round {
    edits: usize,
    time: Duration,
    processor: Duration,
    commits_s: f64,
}

/// Measures the rate at which single edits are acknowledged.
pub fn measure(report: &mut Report, directory: &Path, limits: &Limits, divisor: usize) {
    let clients = (CLIENTS / divisor).max(5);
    eprintln!("building {clients} institutions with {CASES} cases each …");
    let mut world = World::below(directory);
    let mut homes = institutions(&world, clients);
    let relay_key = world.relay_signing_key().verifying_key();
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        let sealed: Vec<Sealed> = homes
            .iter_mut()
            .map(|home| sealed_edits(&world, home, number))
            .collect();
        let address = world.relay().address;
        world.stop_relay();
        let child = Child::relay(&world.relay_directory(), address, 180);
        rounds.push(run(&child, address, sealed, &relay_key));
        if number == 0 {
            #[allow(clippy::cast_precision_loss)]
            let megabytes = child.peak_memory_bytes() as f64 / 1e6;
            eprintln!("the relay had {megabytes:.1} MB");
        }
        drop(child);
        world.start_relay();
        for home in &mut homes {
            // What was sent for them is answered as a duplicate.
            let mut transport = world.transport();
            home.sync_through(&mut transport);
        }
    }
    rounds.sort_by_key(|round| round.time);
    say(report, limits, clients, &rounds[rounds.len() / 2]);
}

fn say(report: &mut Report, limits: &Limits, clients: usize, round: &Round) {
    report.section(format!(
        "The relay with {clients} clients, {} edits acknowledged singly (median of {ROUNDS} rounds)",
        round.edits
    ));
    #[allow(clippy::cast_precision_loss)]
    let edits = round.edits as f64;
    let rate = edits / round.time.as_secs_f64();
    let verify_rate = 1e6 / limits.verify_us;
    report.note("edits a second", rate, "1/s");
    report.note("one core's verify_strict a second", verify_rate, "1/s");
    report.note(
        "HTTP echo of as many bytes a second, same clients",
        limits.echo_rate,
        "1/s",
    );
    report.at_least(
        "÷ one core's verify_strict",
        rate / verify_rate,
        "×",
        RATE_FACTOR,
    );
    report.note("÷ HTTP echo", rate / limits.echo_rate, "×");
    let processor = microseconds(round.processor) / edits;
    report.time(
        "processor time of the relay for one edit",
        processor,
        "µs",
        PROCESSOR_US_MAX,
    );
    report.note("of it an HTTP echo", limits.echo_processor_us, "µs");
    report.note("edits for one durable commit", edits / round.commits_s, "");
}

/// Each with a device of its own and cases that nobody else sees.
fn institutions(world: &World, clients: usize) -> Vec<Home> {
    let mut owner = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
    let mut homes: Vec<Home> = (1..clients)
        .map(|number| {
            let (name, institution) = (format!("client-{number}"), format!("Dienst {number}"));
            world.institution(&mut owner, &name, "Marc Iseli", &institution, "soz")
        })
        .collect();
    homes.push(owner);
    for home in &mut homes {
        for case in 0..CASES {
            home.nahtlos
                .open_case(&everywhere(case, 2))
                .expect("a valid case");
        }
        sync_to_the_end(home);
    }
    homes
}

/// Types an edit in each section and syncs up to the push, which is taken down instead of sent.
fn sealed_edits(world: &World, home: &mut Home, round: u64) -> Sealed {
    let cases = home.nahtlos.cases().expect("a readable vault");
    for (number, case) in (round * 1_000..).zip(&cases) {
        let mut writer = Writer::new(number);
        let edits: Vec<_> = SECTIONS
            .iter()
            .map(|kind| writer.change(kind, round))
            .collect();
        home.nahtlos.edit_case(&case.id, &edits).expect("a writer");
    }
    let mut transport = Intercepted {
        transport: world.transport(),
        sealed: None,
    };
    let synced = home.nahtlos.sync(&mut transport, &mut |_| {});
    assert!(synced.is_err(), "the push was taken down");
    transport.sealed.expect("a push")
}

/// Each client's edits, one to a request.
fn run(child: &Child, address: SocketAddr, sealed: Vec<Sealed>, relay: &VerifyingKey) -> Round {
    let edits = sealed.iter().map(|sealed| sealed.request.push.len()).sum();
    let before = child.processor_time();
    let (time, results) = load::run(address, sealed, |connection, sealed| {
        send_singly(connection, sealed, relay)
    });
    let batches: f64 = results.into_iter().sum();
    Round {
        edits,
        time,
        processor: child.processor_time() - before,
        commits_s: batches,
    }
}

/// Sends them; returns this client's share of the commits, from the lengths of the receipts' paths.
fn send_singly(connection: &mut load::Connection, sealed: Sealed, relay: &VerifyingKey) -> f64 {
    let Sealed { token, request } = sealed;
    let headers = format!("content-type: {MEDIA_TYPE}\r\nauthorization: Bearer {token}\r\n");
    let (mut cursor, mut mark) = (request.cursor, request.journal_mark);
    let (mut share, mut receipts) = (0.0, Vec::new());
    for item in request.push {
        let body = codec::encode(&SyncRequest {
            version: request.version,
            cursor,
            journal_mark: mark,
            push: vec![item],
            max_bytes: request.max_bytes,
        });
        let answer = connection.post(SYNC_PATH, &headers, &body);
        let answer: SyncResponse =
            codec::decode(&answer, limits::SYNC_RESPONSE_BYTES_MAX).expect("a relay's answer");
        cursor = answer.cursor;
        mark = Some(answer.journal_mark);
        let result = answer.results.into_iter().next().expect("a result");
        assert_eq!(result.status, Status::Accepted, "{:?}", result.code);
        let receipt = result.receipt.expect("a receipt");
        share += 1.0 / f64::from(receipt.count);
        receipts.push((result.id, receipt));
    }
    // One of each client's: verifying all of them would cost what is being measured.
    let (id, receipt) = receipts.pop().expect("an edit");
    receipt.verify(&id, relay).expect("a signed receipt");
    share
}

/// Takes down the first request that pushes envelopes, and sends no more.
struct Intercepted {
    transport: HttpTransport,
    sealed: Option<Sealed>,
}

impl Transport for Intercepted {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let request: SyncRequest =
            codec::decode(body, limits::SYNC_REQUEST_BYTES_MAX).expect("a request");
        let is_envelope = |item: &PushItem| matches!(item, PushItem::Envelope { .. });
        if !request.push.iter().any(is_envelope) {
            return self.transport.post(path, token, body);
        }
        let token = token.expect("a token").to_owned();
        self.sealed = Some(Sealed { token, request });
        Err(TransportError::Unreachable {
            url: String::new(),
            reason: "taken down".into(),
        })
    }
}
