//! Somebody leaves: what that costs at once, and what rotating everything they could read costs.

use std::path::Path;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::Edit;
use nahtlos_client::HttpTransport;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::rotation::Rotation;
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_protocol::codec;
use nahtlos_protocol::limits;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::wire::{PushItem, SyncRequest};
use nahtlos_tests::{Home, World};

use crate::case_edits::{everywhere, official_name};
use crate::fixture::{share, sync_to_the_end};
use crate::process::{Child, processor_time};
use crate::report::Report;
use crate::sampling::{milliseconds, timed};

/// 116 cases of the seven sections that this version fills make 812, as 90 cases of nine would 810.
const CASES: usize = 116;
const SECTIONS_PER_CASE: usize = 7;
/// Colleagues in the team of who leaves.
const COLLEAGUES: usize = 8;
const WRAPS_AT_ONCE_MAX: u64 = 100;
const PROCESSOR_S_MAX: f64 = 10.0;

/// Measures a removal from a team of many, and the eager rotation after it.
pub fn measure(report: &mut Report, directory: &Path, divisor: usize) {
    let cases = CASES / divisor;
    eprintln!(
        "building a team with {cases} cases of {SECTIONS_PER_CASE} sections, for three teams …"
    );
    let (mut world, mut owner) = build(directory, cases);
    let directory = owner.nahtlos.directory().expect("a directory");
    let leaver = directory.find_member("Leaver 0").expect("a colleague");
    let team = owner.nahtlos.identity().team.expect("a team");
    let address = world.relay().address;
    world.stop_relay();
    let relay = Child::relay(&world.relay_directory(), address, 180);

    let ending = Ending::Member(team, leaver);
    owner.nahtlos.end(&ending, Reason::Left).expect("a manager");
    let mut counting = Counting::new(&world);
    let (removing, _) = timed(|| owner.sync_through(&mut counting));
    let removal = counting;

    let mut counting = Counting::new(&world);
    let rotation = Rotation::HeldBy(leaver);
    let (own, others) = (processor_time("self"), relay.processor_time());
    let nahtlos = &mut owner.nahtlos;
    let (rotating, rotated) = timed(|| nahtlos.rotate_now(&mut counting, &rotation, &mut |_| {}));
    let rotated = rotated.expect("a writer").keys;
    let own = processor_time("self") - own;
    let others = relay.processor_time() - others;
    assert_eq!(rotated.left, 0, "{rotated:?}");
    let sections = (cases * SECTIONS_PER_CASE) as u64;
    assert!(rotated.rotated >= sections, "{rotated:?}");

    report.section(format!(
        "Somebody leaves who could read {sections} sections that three teams share"
    ));
    report.count("wraps at once", removal.wraps, "", WRAPS_AT_ONCE_MAX);
    #[allow(clippy::cast_precision_loss)]
    report.note("bytes pushed at once", removal.bytes as f64, "B");
    report.note(
        "decided, pushed and acknowledged",
        milliseconds(removing),
        "ms",
    );
    #[allow(clippy::cast_precision_loss)]
    report.note("spaces rotated eagerly", rotated.rotated as f64, "");
    #[allow(clippy::cast_precision_loss)]
    report.note("wraps of the eager rotation", counting.wraps as f64, "");
    let both = (own + others).as_secs_f64();
    report.time(
        "processor time, device and relay",
        both,
        "s",
        PROCESSOR_S_MAX,
    );
    report.note("of it the device", own.as_secs_f64(), "s");
    report.note(
        "until all is acknowledged",
        milliseconds(rotating) / 1e3,
        "s",
    );
}

/// A team of several people with all these cases, which two other institutions may write in too.
fn build(directory: &Path, cases: usize) -> (World, Home) {
    let world = World::below(directory);
    let mut owner = world.found("owner", "Anna Berger", "RAV Langnau", "alv");
    let mut others = [("iv", "IV Bern", "iv"), ("soz", "Sozialdienst", "soz")].map(
        |(name, institution, kind)| {
            world.institution(&mut owner, name, "Marc Iseli", institution, kind)
        },
    );
    for number in 0..COLLEAGUES {
        let (name, person) = (format!("leaver-{number}"), format!("Leaver {number}"));
        let _home = world.colleague(&mut owner, &name, &person, Role::Write);
    }
    for number in 0..cases {
        let mut edits: Vec<Edit> = everywhere(number as u64, 2);
        edits.push(official_name(number));
        owner.nahtlos.open_case(&edits).expect("a valid case");
    }
    let lines = owner.nahtlos.cases().expect("a readable vault");
    let ids: Vec<String> = lines.into_iter().map(|line| line.id).collect();
    for id in &ids {
        for kind in [SectionKind::Ident, SectionKind::Consent] {
            let case = owner.nahtlos.find_case(id).expect("the case");
            owner.nahtlos.open_section(&case, &kind).expect("a manager");
        }
    }
    sync_to_the_end(&mut owner);
    for team in ["IV Bern Team 1", "Sozialdienst Team 1"] {
        share(&mut owner, &ids, team);
        sync_to_the_end(&mut owner);
    }
    for other in &mut others {
        sync_to_the_end(other);
    }
    sync_to_the_end(&mut owner);
    (world, owner)
}

/// Counts what is pushed.
pub struct Counting {
    transport: HttpTransport,
    /// Requests to the relay.
    pub requests: u64,
    /// Keys wrapped for somebody.
    pub wraps: u64,
    /// Bytes of the requests.
    pub bytes: u64,
}

impl Counting {
    /// Nothing yet.
    pub fn new(world: &World) -> Self {
        Self {
            transport: world.transport(),
            requests: 0,
            wraps: 0,
            bytes: 0,
        }
    }
}

impl Transport for Counting {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let request: SyncRequest =
            codec::decode(body, limits::SYNC_REQUEST_BYTES_MAX).expect("a request");
        for item in &request.push {
            if let PushItem::Operation { wraps, .. } = item {
                self.wraps += wraps.len() as u64;
            }
        }
        self.requests += 1;
        self.bytes += body.len() as u64;
        self.transport.post(path, token, body)
    }
}
