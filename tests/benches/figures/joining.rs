//! Somebody answers an invitation: a person's second device, and a new colleague. Whoever lets them in
//! syncs once, and so do they; then they read every section, and none was wrapped anew.

use std::collections::BTreeSet;
use std::time::Duration;

use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_client::{HttpTransport, Introduction};
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::limits;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::{PushItem, SyncRequest};
use nahtlos_tests::{Home, World};

use crate::fixture::{Network, sync_to_the_end};
use crate::report::Report;
use crate::sampling::{milliseconds, timed};

/// Syncs of each side after which something is wrong, and not only slow.
const SYNCS_MAX: u64 = 5;

/// What letting somebody in cost.
struct Joined {
    /// Of each side, until all sections can be read.
    syncs: u64,
    /// By who let them in, and by who joined.
    wraps: u64,
    wrapped_sections: u64,
    letting_in: Duration,
    first_sync: Duration,
    requests: u64,
}

/// Measures both, in a network with many sections.
pub fn measure(report: &mut Report, network: &mut Network) {
    sync_to_the_end(&mut network.owner);
    let sections = network.sections();
    let device = second_device(network);
    say(report, "A second device for a person", sections, &device);
    let colleague = colleague(network);
    say(report, "A new colleague for a team", sections, &colleague);
}

fn say(report: &mut Report, who: &str, sections: usize, joined: &Joined) {
    report.section(format!("{who} with {sections} sections"));
    let syncs = "syncs of each side after the answer, until all are read";
    report.count(syncs, joined.syncs, "", 1);
    let wrapped = "sections whose keys were wrapped for it";
    report.count(wrapped, joined.wrapped_sections, "", 0);
    #[allow(clippy::cast_precision_loss)]
    report.note("wraps at all", joined.wraps as f64, "");
    #[allow(clippy::cast_precision_loss)]
    report.note("requests of its first sync", joined.requests as f64, "");
    let letting_in = milliseconds(joined.letting_in);
    report.note("the sync that lets it in", letting_in, "ms");
    let first_sync = milliseconds(joined.first_sync);
    report.note("its first sync", first_sync, "ms");
}

fn second_device(network: &mut Network) -> Joined {
    let Network { world, owner, .. } = network;
    let invitation = owner.nahtlos.invite_device().expect("an admitted device");
    owner.sync();
    let mut device = world.home("second-device");
    let mut transport = world.transport();
    let joined = device
        .nahtlos
        .join_as_device(&mut transport, &invitation, "Mobile");
    joined.expect("the invitation is good");
    complete(network, &mut device)
}

fn colleague(network: &mut Network) -> Joined {
    let Network { world, owner, .. } = network;
    let directory = owner.nahtlos.directory().expect("a directory");
    let team = directory.find_team("RAV Langnau Team 1").expect("the team");
    let invited = owner.nahtlos.invite_person(&team, Role::Write, "Ruth Aebi");
    let invitation = invited.expect("a manager");
    owner.sync();
    let mut home = world.home("colleague");
    let introduction = Introduction {
        name: "Ruth Aebi".into(),
        function: "officer".into(),
    };
    let mut transport = world.transport();
    let joined = home
        .nahtlos
        .join_as_person(&mut transport, &invitation, &introduction);
    joined.expect("the invitation is good");
    complete(network, &mut home)
}

/// Syncs both in turns until the new one reads everything.
fn complete(network: &mut Network, new: &mut Home) -> Joined {
    let sections = sections_of(&network.owner);
    let mut inviting = Watching::new(&network.world);
    let mut joining = Watching::new(&network.world);
    let (mut letting_in, mut first_sync) = (Duration::ZERO, Duration::ZERO);
    let mut syncs = 0;
    while !reads_all(new, &sections) {
        assert!(syncs < SYNCS_MAX, "who was let in reads everything");
        let (inviter_time, _) = timed(|| network.owner.sync_through(&mut inviting));
        let (new_time, _) = timed(|| new.sync_through(&mut joining));
        (letting_in, first_sync) = (letting_in + inviter_time, first_sync + new_time);
        syncs += 1;
    }
    assert!(syncs > 0, "control: nothing was read before");
    let requests = joining.requests;
    // What comes after it counts as well.
    network.owner.sync_through(&mut inviting);
    new.sync_through(&mut joining);
    let mut wrapped = inviting.wrapped;
    wrapped.append(&mut joining.wrapped);
    Joined {
        syncs,
        wraps: inviting.wraps + joining.wraps,
        wrapped_sections: wrapped.intersection(&sections).count() as u64,
        letting_in,
        first_sync,
        requests,
    }
}

fn sections_of(home: &Home) -> BTreeSet<SpaceId> {
    let lines = home.nahtlos.cases().expect("a readable vault");
    let sections = lines.iter().flat_map(|line| line.sections.values());
    let sections = sections.map(|id| SpaceId::from_hex(id).expect("an id"));
    sections.collect()
}

fn reads_all(home: &Home, sections: &BTreeSet<SpaceId>) -> bool {
    if sections_of(home) != *sections {
        return false;
    }
    let lines = home.nahtlos.cases().expect("a readable vault");
    lines.iter().all(|line| {
        let case = home.nahtlos.find_case(&line.id).expect("the case");
        let mut kinds = case.sections.keys();
        kinds.all(|kind| home.nahtlos.section_document(&case, kind).is_ok())
    })
}

/// A line on which it is seen in which spaces keys are wrapped.
struct Watching {
    transport: HttpTransport,
    requests: u64,
    wraps: u64,
    wrapped: BTreeSet<SpaceId>,
}

impl Watching {
    fn new(world: &World) -> Self {
        Self {
            transport: world.transport(),
            requests: 0,
            wraps: 0,
            wrapped: BTreeSet::new(),
        }
    }
}

impl Transport for Watching {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        self.requests += 1;
        let request: SyncRequest =
            codec::decode(body, limits::SYNC_REQUEST_BYTES_MAX).expect("a request");
        for item in &request.push {
            if let PushItem::Operation { bytes, wraps, .. } = item {
                let signed = SignedOperation::decode(bytes).expect("an operation");
                let mut effects = signed.operation().effects.iter();
                let is_wrap =
                    |effect: &Effect| matches!(effect, Effect::Epoch { .. } | Effect::Wrap { .. });
                if !wraps.is_empty() || effects.any(is_wrap) {
                    self.wrapped.insert(signed.space());
                }
                self.wraps += wraps.len() as u64;
            }
        }
        self.transport.post(path, token, body)
    }
}
