//! A long log: what replaying it costs beside the signatures that have to be verified, for the
//! protocol alone, for a device that receives it, and for one that starts again.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_client::{HttpTransport, Introduction};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{InvitationId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::Signatures;
use nahtlos_protocol::space::{Effect, Logs, Role, SpaceState};
use nahtlos_protocol::wire::{ItemKind, SyncResponse};
use nahtlos_tests::{Home, World};

use crate::fixture::sync_to_the_end;
use crate::process::Child;
use crate::report::Report;
use crate::sampling::{milliseconds, ratio, timed};

const OPERATIONS: usize = 10_000;
/// Operations that are stored and pushed together.
const TOGETHER: usize = 500;
/// Of the raw rate of verify_strict.
const RATE_FACTOR: f64 = 0.6;

/// Measures a team's log of many operations.
pub fn measure(report: &mut Report, directory: &Path, divisor: usize) {
    let operations = OPERATIONS / divisor;
    eprintln!("making a log of {operations} operations …");
    let world = World::below(directory);
    let mut owner = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
    let team = owner.nahtlos.identity().team.expect("a team");
    let (making, ()) = timed(|| invite_many(&mut owner, &team, operations));
    let (received, time) = receive(&world, &mut owner);
    let logs = settled(&received);
    let log = log_of(&received, &logs, &team);
    assert!(log.len() >= operations, "the whole log came");
    let signatures = verify_raw(&log);
    let verified = replay(&log, &logs, Signatures::Verify);
    let known = replay(&log, &logs, Signatures::VerifiedBefore);
    let again = world.reopen("reader");
    let (started, head) = timed(|| again.nahtlos.log_head(&team));
    assert!(
        head.is_some_and(|head| head.index + 1 >= log.len() as u64),
        "all of it"
    );
    let relay = relay_start(world);

    report.section(format!("A log of {} operations", log.len()));
    let ms = milliseconds;
    report.note("making and pushing it", ms(making), "ms");
    report.note(
        "verify_strict of as many bytes and signatures",
        ms(signatures),
        "ms",
    );
    report.note("replayed and verified", ms(verified), "ms");
    let rate = ratio(signatures, verified);
    report.at_least("rate ÷ that of verify_strict alone", rate, "×", RATE_FACTOR);
    report.note("replayed without verifying", ms(known), "ms");
    report.note("a device receives, verifies and stores it", ms(time), "ms");
    report.note("÷ verify_strict alone", ratio(time, signatures), "×");
    report.note("the device starts again and reads it", ms(started), "ms");
    let share = ratio(started, signatures);
    report.time(
        "÷ verify_strict alone (1 would be verifying)",
        share,
        "×",
        0.5,
    );
    report.note("the relay starts on it", ms(relay), "ms");
}

/// A log of invitations: one small effect for each operation, so that the signature weighs most.
fn invite_many(owner: &mut Home, team: &SpaceId, operations: usize) {
    // What is decided within one millisecond is sent in no order, and most of it refused at first: here
    // nobody types, so each operation has a millisecond of its own.
    let ahead_ms = Arc::new(AtomicU64::new(0));
    let ahead = Arc::clone(&ahead_ms);
    let clock = move || unix_ms() + ahead.load(Ordering::Relaxed);
    owner.nahtlos.set_clock(Box::new(clock));
    for first in (0..operations).step_by(TOGETHER) {
        let together = owner.nahtlos.all_or_nothing(|nahtlos| {
            for number in first..operations.min(first + TOGETHER) {
                let mut seed = [7; 32];
                seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
                let key = SigningKey::from_seed(&Secret32::from_bytes(seed)).verifying_key();
                let invite = Effect::Invite {
                    invitation: InvitationId(*key.as_bytes()),
                    role: Role::Write,
                    not_after_ms: 1,
                };
                ahead_ms.fetch_add(1, Ordering::Relaxed);
                nahtlos.hostile_change(team, vec![invite], false)?;
            }
            Ok::<(), nahtlos_client::ClientError>(())
        });
        together.expect("a manager");
        sync_to_the_end(owner);
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("a clock").as_millis()).expect("a time")
}

/// A new colleague's first sync: what it brought, in the order it came, and how long it took.
fn receive(world: &World, owner: &mut Home) -> (Vec<SignedOperation>, Duration) {
    let directory = owner.nahtlos.directory().expect("a directory");
    let team = directory.find_team("RAV Langnau Team 1").expect("the team");
    let invited = owner
        .nahtlos
        .invite_person(&team, Role::Write, "Eva Keller");
    let invitation = invited.expect("a manager");
    sync_to_the_end(owner);
    let mut home = world.home("reader");
    let introduction = Introduction {
        name: "Eva Keller".into(),
        function: "officer".into(),
    };
    let joined = home
        .nahtlos
        .join_as_person(&mut world.transport(), &invitation, &introduction);
    joined.expect("the invitation is good");
    sync_to_the_end(owner);
    let mut transport = Listening {
        transport: world.transport(),
        heard: Vec::new(),
        waited: Duration::ZERO,
    };
    let (time, ()) = timed(|| while home.sync_through(&mut transport).requests > 1 {});
    let read = transport.heard.iter().flat_map(|answer| {
        let answer: SyncResponse =
            codec::decode(answer, limits::SYNC_RESPONSE_BYTES_MAX).expect("an answer");
        let items = answer.items.into_iter();
        let operations = items.filter(|item| item.kind == ItemKind::Operation);
        let decoded = operations.map(|item| SignedOperation::decode(&item.bytes));
        decoded.collect::<Result<Vec<_>, _>>().expect("operations")
    });
    (read.collect(), time - transport.waited)
}

/// As many signatures over as many bytes, and nothing else.
fn verify_raw(log: &[&SignedOperation]) -> Duration {
    let signing = SigningKey::from_seed(&Secret32::from_bytes([1; 32]));
    let verifying = signing.verifying_key();
    let signed = log
        .iter()
        .map(|one| (one.bytes(), signing.sign(b"bench", one.bytes())));
    let signed: Vec<_> = signed.collect();
    let all = || {
        for (bytes, signature) in &signed {
            black_box(verifying.verify(b"bench", bytes, signature)).expect("a signature");
        }
    };
    timed(all).0
}

#[derive(Default)]
struct Replayed {
    states: BTreeMap<SpaceId, Arc<SpaceState>>,
    network: Option<SpaceId>,
}

impl Logs for Replayed {
    fn state(&self, space: &SpaceId) -> Option<Arc<SpaceState>> {
        self.states.get(space).cloned()
    }

    fn network(&self) -> Option<SpaceId> {
        self.network
    }
}

/// Everything that came, replayed; an operation may come before what it refers to.
fn settled(received: &[SignedOperation]) -> Replayed {
    let mut logs = Replayed {
        network: received.first().map(SignedOperation::space),
        ..Replayed::default()
    };
    let mut waiting: Vec<&SignedOperation> = received.iter().collect();
    loop {
        let before = waiting.len();
        waiting.retain(|operation| {
            let known = logs.states.get(&operation.space()).cloned();
            let length = known.as_ref().map_or(0, |state| state.length());
            if length > operation.operation().index {
                // Served again, with wraps that were not visible before.
                return false;
            }
            let signatures = Signatures::VerifiedBefore;
            let next = match known {
                Some(state) => Arc::unwrap_or_clone(state).append(operation, &logs, signatures),
                None => SpaceState::found(operation, &logs, signatures),
            };
            let Ok(next) = next else {
                return true;
            };
            logs.states.insert(next.id(), Arc::new(next));
            false
        });
        // What the newcomer founded is not served to them, so what admits them stays.
        if waiting.is_empty() || waiting.len() == before {
            return logs;
        }
    }
}

/// One space's log, as far as it replays.
fn log_of<'a>(
    received: &'a [SignedOperation],
    logs: &Replayed,
    space: &SpaceId,
) -> Vec<&'a SignedOperation> {
    let length = logs.states.get(space).map_or(0, |state| state.length());
    let in_order: BTreeMap<u64, &SignedOperation> = received
        .iter()
        .filter(|one| one.space() == *space && one.operation().index < length)
        .map(|one| (one.operation().index, one))
        .collect();
    in_order.into_values().collect()
}

/// How long one log takes, beside all the others.
fn replay(log: &[&SignedOperation], logs: &Replayed, signatures: Signatures) -> Duration {
    let replayed = || {
        let mut state: Option<SpaceState> = None;
        for operation in log {
            let next = match state {
                Some(state) => state.append(operation, logs, signatures),
                None => SpaceState::found(operation, logs, signatures),
            };
            state = Some(next.expect("a log that replays"));
        }
        black_box(state)
    };
    timed(replayed).0
}

fn relay_start(mut world: World) -> Duration {
    let address = world.relay().address;
    world.stop_relay();
    let data = world.relay_directory();
    timed(|| Child::relay(&data, address, 180)).0
}

/// Keeps the answers, and how long they took to come.
struct Listening {
    transport: HttpTransport,
    heard: Vec<Vec<u8>>,
    waited: Duration,
}

impl Transport for Listening {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let (time, answer) = timed(|| self.transport.post(path, token, body));
        let answer = answer?;
        self.waited += time;
        self.heard.push(answer.body.clone());
        Ok(answer)
    }
}
