//! Every history of a small world, searched exhaustively: two institutions, three devices, one
//! section; members come and go, epochs are rotated, edits are written, the relay is restored once.
//!
//! Devices, keys and logs are numbers here and the rules are those of the design in a few lines; what
//! is searched is whether the rules *together* keep their promises, also across a restore. What
//! becomes of the edits is asked of the real counting ([`verdicts`]); the real replay is held to its
//! rules elsewhere (`model_access.rs`). Each promise is also searched with one rule left out, and must
//! break then.
//!
//! Worlds that differ in nothing that can still matter are one state ([`World::canonical`]); so every
//! history with two changes of members, two edits and a restore is searched, some 600,000 states.

mod set;
mod verdicts;
mod world;

use std::collections::BTreeSet;

use nahtlos_protocol::counting::Verdict;
use stateright::{Checker, HasDiscoveries, Model, Property};

use set::Set;
use world::{B, C, Change, Device, EVERYBODY, Edit, Has, What, World};

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

/// How much may happen in one history.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    changes: usize,
    operations: usize,
    edits: usize,
}

/// One member leaves, one comes, in either order; both sides of a fork, and what joins them.
const TWO_EDITS: Bounds = Bounds {
    changes: 2,
    operations: 4,
    edits: 2,
};

struct Rules(Broken, Bounds);

/// Nothing is left to be pulled or offered.
fn is_settled(world: &World, rules: &Rules) -> bool {
    EVERYBODY.into_iter().all(|device| {
        let moves = [Action::Pull(device), Action::Offer(device)];
        moves
            .into_iter()
            .all(|action| rules.next_state(world, action).is_none())
    })
}

impl Rules {
    fn pull(&self, world: &mut World, device: Device) {
        let relay = world.relay;
        // Nobody is served after being removed, but what removed them.
        let has = &mut world.devices[device];
        has.members = has.members.max(relay.members);
        if !world.members(relay.members).contains(device) {
            return;
        }
        let has = &world.devices[device];
        let follows = world.with_healed(relay.head).contains(has.head)
            || (self.0 == Broken::Healing && world.is_forked(has));
        let judged = world.operations[relay.head].knows <= has.members;
        if follows && (judged || self.0 == Broken::References) {
            world.devices[device].head = relay.head;
        }
        let edits = world.devices[device].edits;
        world.devices[device].edits = edits.union(relay.edits);
    }

    /// Everything a device has is offered again, verbatim and with its receipts.
    fn offer(&self, world: &mut World, device: Device) {
        let has = world.devices[device];
        if self.0 != Broken::References {
            world.relay.members = world.relay.members.max(has.members);
        }
        world.relay.edits = world.relay.edits.union(has.edits);
        let chain = world.chain(has.head);
        if chain.contains(world.relay.head) {
            world.relay.head = has.head;
        } else if world.is_forked(&has)
            && world.operations.len() < self.1.operations
            && self.0 != Broken::Healing
        {
            let lost = chain.without(world.with_healed(world.relay.head));
            world.append(device, What::Heal(lost));
        }
    }

    fn rotate(&self, world: &mut World, device: Device) -> Option<()> {
        let has = world.devices[device];
        let members = world.members(has.members);
        let (_, holders) = world.current_epoch(has.head);
        let wanted = holders != members && world.operations.len() < self.1.operations;
        // Exact at the relay's newest logs, in the place that is next.
        let exact = world.members(world.relay.members) == members;
        let next = has.head == world.relay.head;
        let known = self.0 == Broken::References || world.relay.members >= has.members;
        if !wanted || !exact || !next || !known || !members.contains(device) {
            return None;
        }
        world.append(device, What::Epoch(members));
        Some(())
    }

    fn write(&self, world: &mut World, device: Device) -> Option<()> {
        if world.edits.len() >= self.1.edits {
            return None;
        }
        let has = world.devices[device];
        let members = world.members(has.members);
        let usable = self.0 == Broken::Staleness || !world.is_stale(&has);
        let (epoch, holders) = world.current_epoch(has.head);
        let may = members.contains(device) && holders.contains(device) && usable;
        if !may || world.is_forked(&has) {
            return None;
        }
        let entitled = world.members(world.relay.members).contains(device);
        if entitled && epoch != world.current_epoch(world.relay.head).0 {
            return None;
        }
        let builds_on = verdicts::counting(world, &has);
        // What it builds on is offered first.
        if !builds_on.is_subset(world.relay.edits) {
            return None;
        }
        let id = world.edits.len();
        world.edits.push(Edit {
            builds_on,
            author: device,
            knows: has.members,
            epoch,
            held: !entitled,
            after_restore: world.restored.is_some(),
            changes_before: world.changes.len(),
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
        vec![World::new()]
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
                    Change::Remove(device) => members.contains(device),
                };
                let next = world.relay.members == world.changes.len();
                if !possible || !next || world.changes.len() >= self.1.changes {
                    return None;
                }
                world.changes.push(change);
                world.relay.members += 1;
                world.devices[world::A].members = world.relay.members;
            }
            Action::Pull(device) => self.pull(&mut world, device),
            Action::Offer(_) if self.0 == Broken::Offering => {}
            Action::Offer(device) => self.offer(&mut world, device),
            Action::Rotate(device) => self.rotate(&mut world, device)?,
            Action::Write(device) => self.write(&mut world, device)?,
            Action::Backup if world.backup.is_none() && world.restored.is_none() => {
                world.backup = Some(world.relay);
            }
            Action::Restore => {
                world.relay = world.backup.take()?;
                world.restored = Some(world.changes.len());
            }
            Action::Backup => {}
        }
        let world = world.canonical(self.1.edits);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut promises = vec![
            Property::always(CONFIDENTIAL, |_, world: &World| is_confidential(world)),
            Property::always(KEPT, |rules: &Self, world: &World| {
                let kept = (0..world.edits.len()).all(|id| world.relay.edits.contains(id));
                kept || !is_settled(world, rules)
            }),
            Property::always(READABLE, |rules: &Self, world: &World| {
                let full = world.operations.len() == rules.1.operations;
                full || is_readable(world) || !is_settled(world, rules)
            }),
            Property::always(DECIDED, |rules: &Self, world: &World| {
                !is_settled(world, rules) || is_decided(world)
            }),
        ];
        promises.extend(Self::controls());
        promises
    }
}

impl Rules {
    /// What must happen in some history, so that the promises say something.
    fn controls() -> Vec<Property<Self>> {
        vec![
            Property::sometimes("an edit is held", |_, world: &World| {
                world.edits.iter().any(|edit| edit.held)
            }),
            Property::sometimes("an edit counts for the time being", |_, world: &World| {
                becomes(world, Verdict::Provisional)
            }),
            Property::sometimes("an edit is vouched for", |_, world: &World| {
                becomes(world, Verdict::Vouched)
            }),
            Property::sometimes("a branch is carried back", |_, world: &World| {
                let mut all = world.operations.iter();
                all.any(|operation| matches!(operation.what, What::Heal(_)))
            }),
            Property::sometimes(
                "somebody writes after a removal and a restore",
                |_, world: &World| {
                    let mut edits = world.edits.iter();
                    edits.any(|edit| edit.after_restore && !world.removed(edit.knows).is_empty())
                },
            ),
            Property::sometimes(
                "C reads what was written before it came",
                |_, world: &World| {
                    let mut edits = world.edits.iter();
                    edits.any(|edit| edit.knows == 0 && world.opens(C, edit.epoch))
                },
            ),
        ]
    }
}

fn is_confidential(world: &World) -> bool {
    world.edits.iter().all(|edit| {
        let mut removed = world.removed(edit.knows).iter();
        removed.all(|device| !world.opens(device, edit.epoch))
    })
}

/// A was never removed: it opens every edit, wherever its epoch ended up.
fn is_readable(world: &World) -> bool {
    let current = world.with_healed(world.relay.head);
    world.edits.iter().all(|edit| current.contains(edit.epoch))
}

/// Every replica that is served has every edit, and the same verdict on each: the one that the rule
/// says. So what was accepted of somebody entitled counts, is vouched for, counts for the time being
/// or is held; and it counts where the author's right stands.
fn is_decided(world: &World) -> bool {
    let everything = Set::of(0..world.edits.len());
    let wanted = verdicts::expected(world, &world.relay);
    let stands = |edit: &Edit| world.members(world.changes.len()).contains(edit.author);
    let right = wanted.iter().all(|(id, verdict)| {
        let edit = &world.edits[*id];
        edit.held || !stands(edit) || *verdict == Verdict::Counts
    });
    let mut served = world.members(world.changes.len()).iter();
    let same = |has: &Has| has.edits == everything && verdicts::counted(world, has) == wanted;
    wanted.len() == world.edits.len()
        && right
        && same(&world.relay)
        && served.all(|device| same(&world.devices[device]))
}

fn becomes(world: &World, wanted: Verdict) -> bool {
    let mut verdicts = verdicts::counted(world, &world.relay).into_iter();
    verdicts.any(|(_, verdict)| verdict == wanted)
}

const CONFIDENTIAL: &str = "nobody opens what was sealed by a client that had seen their removal";
const KEPT: &str = "every edit the relay took in or held is there once everything was offered";
const READABLE: &str = "every edit's epoch is found from the log once everything was offered";
const DECIDED: &str =
    "everybody comes to the same verdict on every edit, and what its author may write counts";

/// Searches every history within the bounds.
fn assert_kept(bounds: Bounds) {
    let rules = Rules(Broken::Nothing, bounds);
    let checker = rules.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states > 100_000, "{states} states are no search");
}

#[test]
fn the_rules_keep_their_promises_in_every_history_with_two_edits() {
    assert_kept(TWO_EDITS);
}

/// Leaves a rule out; the search must find how that breaks the promise.
fn assert_breaks(broken: Broken, promise: &'static str) {
    let checker = Rules(broken, TWO_EDITS).checker().threads(2);
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
