//! The world of one run: devices, relays, what is on its way, and the steps that chance picks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nahtlos_casework::SectionKind;
use nahtlos_client::vault::Fault;
use nahtlos_client::{ClientError, Nahtlos, SyncReport, simulated};
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{DeviceId, ItemId};
use nahtlos_protocol::wire::{ItemKind, PushItem};
use nahtlos_relay::store::Reader;

use super::chance::Chance;
use super::coverage::Coverage;
use super::deep::Deep;
use super::device::Device;
use super::line::{InTheAir, Line};
use super::mishaps::OldHome;
use super::observer::{Sealed, Seen, recipients};
use super::people::{PEOPLE_FROM, People};
use super::people_scene::{MANAGERS, PEOPLE_SCENE};
use super::plan::{ALL_TOGETHER_FROM, Plan};
use super::relay::SimulatedRelay;
use super::scene::{BEGIN_MS, DEVICES, SCENE, directory};
use super::story::Story;

/// How deep devices may overtake each other.
pub const DEPTH_MAX: u32 = 2;
/// Effects after which a device's program may end.
const EFFECTS_MAX: u64 = 14;
/// What no device may ever answer, whatever happens around it.
const NEVER: [&str; 4] = ["vault_damaged", "vault_io", "needs_newer", "other_relay"];

/// An edit that a device acknowledged to the person who typed it.
#[derive(Clone, Debug)]
pub struct Typed {
    /// Who typed it.
    pub device: usize,
    /// Where.
    pub kind: SectionKind,
    /// The text, which nobody else types.
    pub text: String,
}

/// One run.
pub struct World {
    /// The seed of all its chance.
    pub seed: u64,
    /// What chance decides next.
    pub chance: Chance,
    /// Which faults there are.
    pub plan: Plan,
    /// What a deep world has beside it.
    pub deep: Option<Deep>,
    /// What a world with people has beside it.
    pub people: Option<People>,
    /// What happened.
    pub story: Story,
    /// What occurred.
    pub coverage: Coverage,
    /// What should never have happened.
    pub failures: Vec<String>,
    /// The relays; the first is the one all return to.
    pub relays: Vec<SimulatedRelay>,
    /// The devices.
    pub devices: Vec<Device>,
    /// Requests that arrive later.
    pub air: Vec<InTheAir>,
    /// Everything that was acknowledged.
    pub typed: Vec<Typed>,
    /// What of it stood in the copy of a section that its author lost and erased.
    pub erased: BTreeSet<String>,
    /// Everything that ever reached a relay.
    pub seen: Seen,
    /// What each device has received and stored.
    pub known: Vec<Arc<BTreeSet<ItemId>>>,
    /// What a device was sent in the answer it may still be taking in.
    pub received: BTreeMap<usize, Vec<ItemId>>,
    /// The last number of the relay's journal before the first step.
    pub scene_until: u64,
    /// Copies of the relay's data, and whether a relay recognises them as copies.
    pub backups: Vec<(PathBuf, bool)>,
    /// Copies of the relay that were started so far.
    pub copies: u64,
    /// A copy of a home that may be put over its newer self.
    pub old_home: Option<OldHome>,
    /// Newcomers invited so far.
    pub newcomers: u64,
    /// Whether half a year has passed.
    pub pruned: bool,
    /// Devices that the relay lied to.
    pub lied_to: BTreeSet<usize>,
    /// The operation that was altered in the answer on its way to a device: it is not taken in.
    pub spoilt: BTreeMap<usize, ItemId>,
    /// What the relay says of these edits is that they came long ago.
    pub backdated: BTreeSet<ItemId>,
    /// The last answer to each device.
    pub answered: BTreeMap<usize, Vec<u8>>,
    /// What was pushed last, by anybody.
    pub last_pushed: Option<PushItem>,
    /// Whether, at the end, everybody is taken to hold everybody's keys: the control of what looks for that.
    pub leaks: bool,
    /// The seed of the relay's signing key.
    pub relay_seed: [u8; 32],
    /// The ids of the devices.
    pub device_ids: Vec<DeviceId>,
    /// Why a device's last sync failed.
    pub last_error: BTreeMap<usize, &'static str>,
    /// Unix milliseconds.
    pub time: Arc<AtomicU64>,
    pub(super) next_note: u64,
    /// Removed with everything in it at the end.
    pub directory: tempfile::TempDir,
}

impl World {
    /// The world of a seed, before its first step.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Before this thread's randomness is seeded: the scene is the same for all seeds.
        let (scene, more): (_, &[_]) = if seed < PEOPLE_FROM {
            (&*SCENE, &[])
        } else {
            (&*PEOPLE_SCENE, &MANAGERS)
        };
        simulated::seed_this_thread((seed % ALL_TOGETHER_FROM).wrapping_add(1));
        let directory = directory();
        scene.lay_out(directory.path());
        let time = Arc::new(AtomicU64::new(BEGIN_MS));
        let mut chance = Chance::new(seed % ALL_TOGETHER_FROM);
        let mut plan = Plan::draw(seed, &mut chance);
        let deep = Deep::draw(seed, &mut plan, &mut chance);
        let people = People::draw(seed, &mut plan, &mut chance);
        let relay = SimulatedRelay::start(directory.path().join("relay"), Arc::clone(&time), seed);
        let relay_seed = relay.signing_seed();
        let devices: Vec<Device> = DEVICES
            .iter()
            .chain(more)
            .map(|(name, _)| Device::open(name, directory.path().join(name), &time))
            .collect();
        let mut world = Self {
            seed,
            chance,
            plan,
            deep,
            people,
            story: Story::default(),
            coverage: Coverage::default(),
            failures: Vec::new(),
            relays: vec![relay],
            devices,
            air: Vec::new(),
            typed: Vec::new(),
            erased: BTreeSet::new(),
            seen: Seen::default(),
            known: Vec::new(),
            received: BTreeMap::new(),
            scene_until: 0,
            backups: Vec::new(),
            copies: 0,
            old_home: None,
            newcomers: 0,
            pruned: false,
            lied_to: BTreeSet::new(),
            spoilt: BTreeMap::new(),
            backdated: BTreeSet::new(),
            answered: BTreeMap::new(),
            last_pushed: None,
            leaks: false,
            relay_seed,
            device_ids: Vec::new(),
            last_error: BTreeMap::new(),
            time,
            next_note: 1,
            directory,
        };
        world.note_scene();
        world.choose_hostile();
        let plan = format!("{:?}", world.plan);
        world.story.tell(format!("seed {seed}: {plan}"));
        if let Some(people) = &world.people {
            let people = format!("{people:?}");
            world.story.tell(people);
        }
        if let Some(deep) = &world.deep {
            let deep = format!("{deep:?}");
            world.story.tell(deep);
        }
        world
    }

    /// What the relay has from the beginning, and what of it each device has.
    fn note_scene(&mut self) {
        let store = self.relays[0].store();
        let mut known = BTreeSet::new();
        let mut envelopes = Vec::new();
        let replicas = self.devices.iter().filter_map(|one| one.replica.as_ref());
        self.device_ids = replicas.map(Nahtlos::device_id).collect();
        let places = store
            .sequences_after(0, usize::MAX >> 1)
            .unwrap_or_default();
        self.scene_until = places.last().copied().unwrap_or(0);
        for place in places {
            let Ok(Some(item)) = store.item(place) else {
                continue;
            };
            known.insert(item.id);
            let bytes = item.bytes.unwrap_or_default();
            if item.kind == ItemKind::Operation {
                let wraps = store.wraps(place, &recipients(&bytes));
                self.seen.operation(&bytes, &wraps.unwrap_or_default());
                self.seen.taken.insert(item.id);
            } else if let Ok(envelope) = Envelope::decode(&bytes) {
                envelopes.push(envelope);
            }
        }
        self.note_what_each_has(&known);
        let known = Arc::new(known);
        for envelope in envelopes {
            self.note_sealed_in_scene(&envelope, &known);
        }
    }

    /// No device holds all: the logs of people with whom it shares nothing are served to it once it does, and
    /// may be altered then. What was not taken in is not known.
    fn note_what_each_has(&mut self, all: &BTreeSet<ItemId>) {
        let all: Vec<ItemId> = all.iter().copied().collect();
        for device in 0..self.devices.len() {
            let replica = self.devices[device].replica.as_ref();
            let stored = replica.map(|replica| replica.operations_stored(&all));
            match stored.transpose() {
                Ok(stored) => {
                    let stored = stored.into_iter().flatten();
                    self.known.push(Arc::new(stored.collect()));
                }
                Err(error) => self.fail(format!("what a device has is not known: {error}")),
            }
        }
    }

    /// What was sealed before the first step, by its author: whoever offers it again later, to a relay that
    /// went back, may know of an end of a right that its author did not know.
    fn note_sealed_in_scene(&mut self, envelope: &Envelope, known: &Arc<BTreeSet<ItemId>>) {
        let header = envelope.header();
        let mut devices = self.device_ids.iter();
        let author = devices.position(|id| *id == header.author_device);
        let sealed = author.map(|device| Sealed {
            space: header.space,
            key_id: header.key_id,
            known: Arc::clone(known),
            device,
        });
        let sealed = sealed.map(|sealed| (envelope.id(), sealed));
        self.seen.envelopes.extend(sealed);
    }

    /// One member's program is not ours, in some runs.
    fn choose_hostile(&mut self) {
        let hostile = self.chance.below(self.devices.len() as u64);
        let hostile = usize::try_from(hostile).unwrap_or(0);
        self.devices[hostile].hostile = self.plan.hostile > 0;
    }

    /// A device that is there from now on.
    pub(super) fn add(&mut self, device: Device, known: Arc<BTreeSet<ItemId>>) {
        let id = device.replica.as_ref().map(Nahtlos::device_id);
        self.device_ids.extend(id);
        self.known.push(known);
        self.devices.push(device);
    }

    /// Everything that happens before the faults end.
    pub fn live(&mut self) {
        for _ in 0..self.plan.steps {
            self.step(0);
            if !self.failures.is_empty() {
                return;
            }
        }
    }

    /// One step: time goes on, something breaks or heals, somebody does something.
    pub fn step(&mut self, depth: u32) {
        let passed = 1 + self.chance.below(90_000);
        self.time.fetch_add(passed, Ordering::SeqCst);
        self.break_something();
        if self.chance.percent(self.plan.hostile) {
            self.be_hostile();
        }
        if self.chance.percent(40) {
            if let Some(device) = self.somebody() {
                self.sync(device, depth);
            }
        } else if !self.go_deep(depth) && !self.go_among_people(depth) {
            self.work();
        }
    }

    /// A device whose program is not in the middle of something.
    pub fn somebody(&mut self) -> Option<usize> {
        let idle: Vec<usize> = (0..self.devices.len())
            .filter(|device| self.devices[*device].replica.is_some())
            .filter(|device| !self.devices[*device].gone)
            .collect();
        self.chance.one_of(&idle).copied()
    }

    /// One device syncs, with what may go wrong meanwhile.
    pub fn sync(&mut self, device: usize, depth: u32) -> Option<SyncReport> {
        if self.devices[device].gone {
            return None;
        }
        let mut replica = self.devices[device].replica.take()?;
        let name = self.devices[device].name.clone();
        self.story.tell(format!("{name} syncs"));
        let fault = self.disk_fault();
        replica.vault_mut().set_fault(fault);
        let mut line = Line {
            world: self,
            device,
            depth,
        };
        let synced = replica.sync(&mut line, &mut |_| {});
        let report = self.took(device, "sync", &mut replica, synced);
        self.put_back(device, replica);
        self.note_synced(device, report.as_ref());
        if let Some(report) = &report {
            let told = told(report);
            self.story.tell(format!("{name} has synced: {told}"));
            self.settle_knowledge(device);
        } else {
            self.settle_what_was_stored(device);
        }
        report
    }

    /// One device does something offline, with what may go wrong meanwhile.
    pub fn act<T>(
        &mut self,
        device: usize,
        what: &str,
        action: impl FnOnce(&mut Nahtlos) -> Result<T, ClientError>,
    ) -> Option<T> {
        if self.devices[device].gone {
            return None;
        }
        let mut replica = self.devices[device].replica.take()?;
        let fault = self.disk_fault();
        replica.vault_mut().set_fault(fault);
        let result = action(&mut replica);
        let name = self.devices[device].name.clone();
        let outcome = match &result {
            Ok(_) => "done".to_owned(),
            Err(error) => error.code().to_owned(),
        };
        self.story.tell(format!("{name}: {what}: {outcome}"));
        let taken = self.took(device, what, &mut replica, result);
        if taken.is_some() {
            self.coverage.count(format!("work: {}", first_word(what)));
        }
        self.put_back(device, replica);
        taken
    }

    /// What came of it; an error that nothing explains is a failure of the run.
    pub(super) fn took<T>(
        &mut self,
        device: usize,
        what: &str,
        replica: &mut Nahtlos,
        result: Result<T, ClientError>,
    ) -> Option<T> {
        let vault = replica.vault_mut();
        let (struck, crashed) = (vault.has_failed(), vault.has_crashed());
        if struck {
            let word = if crashed { "crash" } else { "disk full" };
            self.coverage.count(format!("fault: {word}"));
        }
        match result {
            // A program that has ended says nothing to anybody.
            Ok(_) if crashed => None,
            Ok(taken) => Some(taken),
            Err(error) => {
                let code = error.code();
                self.coverage.count(format!("error: {code}"));
                let name = &self.devices[device].name;
                self.story.tell(format!("{name}: {what} failed: {code}"));
                self.last_error.insert(device, code);
                // What a relay altered may look like written by a newer program.
                let altered = code == "needs_newer" && self.lied_to.contains(&device);
                if NEVER.contains(&code) && !crashed && !altered {
                    self.fail(format!("{what} failed with {code}: {error}"));
                }
                None
            }
        }
    }

    pub(super) fn put_back(&mut self, device: usize, mut replica: Nahtlos) {
        let vault = replica.vault_mut();
        let crashed = vault.has_crashed();
        vault.set_fault(None);
        self.devices[device].replica = Some(replica);
        if crashed {
            self.devices[device].restart();
            let name = self.devices[device].name.clone();
            self.story
                .tell(format!("{name}'s program ended and is started again"));
        }
    }

    pub(super) fn disk_fault(&mut self) -> Option<Fault> {
        if self.chance.percent(self.plan.crash) {
            return Some(Fault::Crash {
                after: self.chance.below(EFFECTS_MAX),
                keeps: self.chance.percent(50),
            });
        }
        self.chance
            .percent(self.plan.disk_full)
            .then(|| Fault::Full {
                after: self.chance.below(EFFECTS_MAX),
                failing: 1 + self.chance.below(3),
            })
    }

    /// Something that should never have happened.
    pub fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.story.tell(format!("FAILURE: {what}"));
        self.failures.push(what);
    }
}

fn first_word(what: &str) -> &str {
    what.split(':').next().unwrap_or(what)
}

/// A report as the story tells it.
fn told(report: &SyncReport) -> String {
    let mut told = format!(
        "{} requests, {} operations and {} envelopes in, {} and {} out",
        report.requests,
        report.operations_received,
        report.envelopes_received,
        report.operations_delivered,
        report.envelopes_delivered
    );
    for (reason, count) in &report.held {
        told.push_str(&format!(", {count} held ({reason})"));
    }
    for notice in &report.notices {
        told.push_str(&format!("; {notice}"));
    }
    told
}
