//! Every history of a small world, searched exhaustively: two institutions, three devices, one
//! section; members come and go, epochs are rotated, edits are written, the relay is restored once.
//!
//! Devices, keys and logs are numbers here and the rules are those of the design in a few lines; what
//! is searched is whether the rules *together* keep their promises, also across a restore. The real
//! replay is held to its rules elsewhere (`model_access.rs`). Each promise is also searched with one
//! rule left out, and must break then.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// A device: A (who manages) and B of one institution, C of the other.
type Device = usize;
const A: Device = 0;
const B: Device = 1;
const C: Device = 2;
const EVERYBODY: [Device; 3] = [A, B, C];

/// The members' log: only A changes members, so it never forks, and a position in it is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Change {
    Add(Device),
    Remove(Device),
}

/// An operation of the section's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Operation {
    previous: Option<usize>,
    /// How much of the members' log it comes after.
    knows: usize,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    /// Wrapped to exactly these; links back to every epoch before it.
    Epoch(BTreeSet<Device>),
    /// Carries lost operations back.
    Heal(BTreeSet<usize>),
}

/// An edit the relay took in, or keeps as held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Edit {
    author: Device,
    knows: usize,
    epoch: usize,
    held: bool,
}

/// What a device or the relay has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Has {
    /// Length of the members' log.
    members: usize,
    /// Last operation of the section's log.
    head: usize,
    edits: BTreeSet<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    changes: Vec<Change>,
    operations: Vec<Operation>,
    edits: Vec<Edit>,
    devices: [Has; 3],
    relay: Has,
    backup: Option<Has>,
    restored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Change(Change),
    Pull(Device),
    Offer(Device),
    Rotate(Device),
    Write(Device),
    Backup,
    Restore,
}

/// A rule that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// Writers seal under whatever epoch is current.
    Staleness,
    /// The relay and devices take an operation without the logs it comes after.
    References,
    /// Nothing is offered again after a restore.
    Offering,
    /// A lost branch is not carried back: who knows it goes on from what the relay has.
    Healing,
}

struct Rules(Broken);

const CHANGES_MAX: usize = 2;
const OPERATIONS_MAX: usize = 4;
const EDITS_MAX: usize = 1;

impl World {
    fn members(&self, length: usize) -> BTreeSet<Device> {
        let mut members = BTreeSet::from([A, B]);
        for change in self.changes.iter().take(length) {
            match change {
                Change::Add(device) => members.insert(*device),
                Change::Remove(device) => members.remove(device),
            };
        }
        members
    }

    /// Who was removed by a length of the members' log.
    fn removed(&self, length: usize) -> BTreeSet<Device> {
        let known = self.changes.iter().take(length);
        let removed = known.filter_map(|change| match change {
            Change::Remove(device) => Some(*device),
            Change::Add(_) => None,
        });
        removed.collect()
    }

    /// The operations of a log, the newest first.
    fn chain(&self, head: usize) -> Vec<usize> {
        let mut chain = vec![head];
        while let Some(previous) = self.operations[chain[chain.len() - 1]].previous {
            chain.push(previous);
        }
        chain
    }

    /// The operations of a log and of the branches carried back into it.
    fn with_healed(&self, head: usize) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = self.chain(head).into_iter().collect();
        for operation in all.clone() {
            if let What::Heal(lost) = &self.operations[operation].what {
                all.extend(lost);
            }
        }
        all
    }

    fn current_epoch(&self, head: usize) -> (usize, &BTreeSet<Device>) {
        let epochs = self.chain(head).into_iter();
        let mut epochs = epochs.filter_map(|place| match &self.operations[place].what {
            What::Epoch(holders) => Some((place, holders)),
            What::Heal(_) => None,
        });
        epochs.next().expect("the log begins with an epoch")
    }

    fn is_stale(&self, has: &Has) -> bool {
        let (_, holders) = self.current_epoch(has.head);
        !holders.is_subset(&self.members(has.members))
    }

    /// Knows of a log that the relay does not have and cannot have any more.
    fn is_forked(&self, has: &Has) -> bool {
        let (own, theirs) = (
            self.with_healed(has.head),
            self.with_healed(self.relay.head),
        );
        !own.contains(&self.relay.head) && !theirs.contains(&has.head)
    }

    /// Whether a device comes to an epoch's seed: by its own wrap, or back from a later epoch.
    fn opens(&self, device: Device, epoch: usize) -> bool {
        self.operations
            .iter()
            .enumerate()
            .any(|(place, operation)| {
                let What::Epoch(holders) = &operation.what else {
                    return false;
                };
                holders.contains(&device) && self.with_healed(place).contains(&epoch)
            })
    }

    /// Nothing is left to be pulled or offered.
    fn is_settled(&self, rules: &Rules) -> bool {
        EVERYBODY.into_iter().all(|device| {
            let moves = [Action::Pull(device), Action::Offer(device)];
            moves
                .into_iter()
                .all(|action| rules.next_state(self, action).is_none())
        })
    }

    fn append(&mut self, device: Device, what: What) {
        self.operations.push(Operation {
            previous: Some(self.relay.head),
            knows: self.devices[device].members,
            what,
        });
        let head = self.operations.len() - 1;
        self.relay.head = head;
        self.devices[device].head = head;
    }
}

impl Rules {
    fn pull(&self, world: &mut World, device: Device) {
        let relay = world.relay.clone();
        // Nobody is served after being removed, but what removed them.
        let has = &mut world.devices[device];
        has.members = has.members.max(relay.members);
        if !world.members(relay.members).contains(&device) {
            return;
        }
        let has = &world.devices[device];
        let follows = world.with_healed(relay.head).contains(&has.head)
            || (self.0 == Broken::Healing && world.is_forked(has));
        let judged = world.operations[relay.head].knows <= has.members;
        if follows && (judged || self.0 == Broken::References) {
            world.devices[device].head = relay.head;
        }
        let readable: Vec<usize> = relay.edits.into_iter().collect();
        world.devices[device].edits.extend(readable);
    }

    /// Everything a device has is offered again, verbatim and with its receipts.
    fn offer(&self, world: &mut World, device: Device) {
        let has = world.devices[device].clone();
        if self.0 != Broken::References {
            world.relay.members = world.relay.members.max(has.members);
        }
        world.relay.edits.extend(&has.edits);
        let chain = world.chain(has.head);
        if chain.contains(&world.relay.head) {
            world.relay.head = has.head;
        } else if world.is_forked(&has)
            && world.operations.len() < OPERATIONS_MAX
            && self.0 != Broken::Healing
        {
            let common = world.with_healed(world.relay.head);
            let lost = chain.into_iter().filter(|place| !common.contains(place));
            let lost = What::Heal(lost.collect());
            world.append(device, lost);
        }
    }

    fn rotate(&self, world: &mut World, device: Device) -> Option<()> {
        let has = world.devices[device].clone();
        let members = world.members(has.members);
        let (_, holders) = world.current_epoch(has.head);
        let wanted = *holders != members && world.operations.len() < OPERATIONS_MAX;
        // Exact at the relay's newest logs, in the place that is next.
        let exact = world.members(world.relay.members) == members;
        let next = has.head == world.relay.head;
        let known = self.0 == Broken::References || world.relay.members >= has.members;
        if !wanted || !exact || !next || !known || !members.contains(&device) {
            return None;
        }
        world.append(device, What::Epoch(members));
        Some(())
    }

    fn write(&self, world: &mut World, device: Device) -> Option<()> {
        let has = world.devices[device].clone();
        let members = world.members(has.members);
        let usable = self.0 == Broken::Staleness || !world.is_stale(&has);
        let (epoch, holders) = world.current_epoch(has.head);
        let may = members.contains(&device) && holders.contains(&device) && usable;
        if world.edits.len() >= EDITS_MAX || !may || world.is_forked(&has) {
            return None;
        }
        let entitled = world.members(world.relay.members).contains(&device);
        if entitled && epoch != world.current_epoch(world.relay.head).0 {
            return None;
        }
        let id = world.edits.len();
        world.edits.push(Edit {
            author: device,
            knows: has.members,
            epoch,
            held: !entitled,
        });
        world.devices[device].edits.insert(id);
        world.relay.edits.insert(id);
        Some(())
    }
}

impl Model for Rules {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let first = Operation {
            previous: None,
            knows: 0,
            what: What::Epoch(BTreeSet::from([A, B])),
        };
        vec![World {
            changes: Vec::new(),
            operations: vec![first],
            edits: Vec::new(),
            devices: Default::default(),
            relay: Has::default(),
            backup: None,
            restored: false,
        }]
    }

    fn actions(&self, _: &World, actions: &mut Vec<Action>) {
        let changes = [Change::Remove(B), Change::Add(C)];
        actions.extend(changes.map(Action::Change));
        for device in EVERYBODY {
            actions.extend([
                Action::Pull(device),
                Action::Offer(device),
                Action::Rotate(device),
                Action::Write(device),
            ]);
        }
        actions.extend([Action::Backup, Action::Restore]);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Change(change) => {
                let members = world.members(world.changes.len());
                let possible = match change {
                    Change::Add(device) => !world.changes.contains(&change) && device == C,
                    Change::Remove(device) => members.contains(&device),
                };
                let next = world.relay.members == world.changes.len();
                if !possible || !next || world.changes.len() >= CHANGES_MAX {
                    return None;
                }
                world.changes.push(change);
                world.relay.members += 1;
                world.devices[A].members = world.relay.members;
            }
            Action::Pull(device) => self.pull(&mut world, device),
            Action::Offer(_) if self.0 == Broken::Offering => {}
            Action::Offer(device) => self.offer(&mut world, device),
            Action::Rotate(device) => self.rotate(&mut world, device)?,
            Action::Write(device) => self.write(&mut world, device)?,
            Action::Backup if world.backup.is_none() => world.backup = Some(world.relay.clone()),
            Action::Restore if !world.restored => {
                world.relay = world.backup.clone()?;
                world.restored = true;
            }
            Action::Backup | Action::Restore => {}
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(CONFIDENTIAL, |_, world: &World| {
                world.edits.iter().all(|edit| {
                    let removed = world.removed(edit.knows);
                    removed
                        .into_iter()
                        .all(|device| !world.opens(device, edit.epoch))
                })
            }),
            Property::always(KEPT, |rules, world: &World| {
                let kept = (0..world.edits.len()).all(|id| world.relay.edits.contains(&id));
                kept || !world.is_settled(rules)
            }),
            Property::always(READABLE, |rules, world: &World| {
                // A was never removed: it opens every edit, wherever its epoch ended up.
                let current = world.with_healed(world.relay.head);
                let reached = world.edits.iter().all(|edit| current.contains(&edit.epoch));
                let full = world.operations.len() == OPERATIONS_MAX;
                reached || full || !world.is_settled(rules)
            }),
            Property::sometimes("a branch is carried back", |_, world: &World| {
                let mut all = world.operations.iter();
                all.any(|operation| matches!(operation.what, What::Heal(_)))
            }),
            Property::sometimes("an edit is held", |_, world: &World| {
                world.edits.iter().any(|edit| edit.held)
            }),
            Property::sometimes(
                "somebody writes after a removal and a restore",
                |_, world: &World| {
                    let World {
                        restored, edits, ..
                    } = world;
                    *restored
                        && edits
                            .iter()
                            .any(|edit| !world.removed(edit.knows).is_empty())
                },
            ),
            Property::sometimes(
                "C reads what was written before it came",
                |_, world: &World| {
                    world
                        .edits
                        .iter()
                        .any(|edit| edit.knows == 0 && world.opens(C, edit.epoch))
                },
            ),
        ]
    }
}

const CONFIDENTIAL: &str = "nobody opens what was sealed by a client that had seen their removal";
const KEPT: &str = "every edit the relay took in or held is there once everything was offered";
const READABLE: &str = "every edit's epoch is found from the log once everything was offered";

#[test]
fn the_rules_keep_their_promises_in_every_history() {
    let checker = Rules(Broken::Nothing)
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states > 10_000, "{states} states are no search");
}

/// Leaves a rule out; the search must find how that breaks the promise.
fn assert_breaks(broken: Broken, promise: &'static str) {
    let checker = Rules(broken).checker().threads(2);
    let first = HasDiscoveries::AnyOf(BTreeSet::from([promise]));
    let checker = checker.finish_when(first).spawn_bfs().join();
    let found = checker.discovery(promise);
    assert!(found.is_some(), "{broken:?} breaks nothing");
}

#[test]
fn without_the_staleness_check_a_removed_device_opens_what_comes_after() {
    assert_breaks(Broken::Staleness, CONFIDENTIAL);
}

#[test]
fn without_waiting_for_what_is_referred_to_a_removal_is_un_seen() {
    assert_breaks(Broken::References, CONFIDENTIAL);
}

#[test]
fn without_offering_again_a_restore_loses_edits() {
    assert_breaks(Broken::Offering, KEPT);
}

#[test]
fn without_healing_a_fork_loses_the_epoch_of_an_edit() {
    assert_breaks(Broken::Healing, READABLE);
}
