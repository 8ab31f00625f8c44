//! The small world: what each device and the relay have, and what follows from it.

use crate::set::Set;

/// A device: A (who manages) and B of one institution, C of the other.
pub type Device = usize;
pub const A: Device = 0;
pub const B: Device = 1;
pub const C: Device = 2;
pub const EVERYBODY: [Device; 3] = [A, B, C];

/// The members' log: only A changes members, so it never forks, and a position in it is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    Add(Device),
    Remove(Device),
}

/// An operation of the section's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    pub previous: Option<usize>,
    /// How much of the members' log it comes after.
    pub knows: usize,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Wrapped to exactly these; links back to every epoch before it.
    Epoch(Set),
    /// Carries lost operations back.
    Heal(Set),
}

/// An edit the relay took in, or keeps as held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// Everything it builds on: what its author had and what counted for them.
    pub builds_on: Set,
    pub author: Device,
    pub knows: usize,
    pub epoch: usize,
    /// Kept aside: by what the relay had, its author had no right any more.
    pub held: bool,
    /// In the relay's journal after the restore, not in the one before.
    pub after_restore: bool,
    /// How many changes of members were received before it.
    pub changes_before: usize,
}

/// What a device or the relay has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Has {
    /// Length of the members' log.
    pub members: usize,
    /// Last operation of the section's log.
    pub head: usize,
    pub edits: Set,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub changes: Vec<Change>,
    pub operations: Vec<Operation>,
    pub edits: Vec<Edit>,
    pub devices: [Has; 3],
    pub relay: Has,
    pub backup: Option<Has>,
    /// How many changes of members there were when the relay was restored.
    pub restored: Option<usize>,
}

impl World {
    /// A and B are members; the first epoch is wrapped to both.
    pub fn new() -> Self {
        let first = Operation {
            previous: None,
            knows: 0,
            what: What::Epoch(Set::of([A, B])),
        };
        Self {
            changes: Vec::new(),
            operations: vec![first],
            edits: Vec::new(),
            devices: Default::default(),
            relay: Has::default(),
            backup: None,
            restored: None,
        }
    }

    pub fn members(&self, length: usize) -> Set {
        let mut members = Set::of([A, B]);
        for change in self.changes.iter().take(length) {
            match change {
                Change::Add(device) => members.insert(*device),
                Change::Remove(device) => members.remove(*device),
            };
        }
        members
    }

    /// Who was removed by a length of the members' log.
    pub fn removed(&self, length: usize) -> Set {
        let known = self.changes.iter().take(length);
        Set::of(known.filter_map(|change| match change {
            Change::Remove(device) => Some(*device),
            Change::Add(_) => None,
        }))
    }

    /// The operations of a log.
    pub fn chain(&self, head: usize) -> Set {
        let (mut chain, mut next) = (Set::default(), Some(head));
        while let Some(place) = next {
            chain.insert(place);
            next = self.operations[place].previous;
        }
        chain
    }

    /// The operations of a log and of the branches carried back into it.
    pub fn with_healed(&self, head: usize) -> Set {
        let chain = self.chain(head);
        chain
            .iter()
            .fold(chain, |all, place| match self.operations[place].what {
                What::Heal(lost) => all.union(lost),
                What::Epoch(_) => all,
            })
    }

    pub fn current_epoch(&self, head: usize) -> (usize, Set) {
        let mut place = head;
        loop {
            let operation = &self.operations[place];
            if let What::Epoch(holders) = operation.what {
                return (place, holders);
            }
            place = operation.previous.expect("the log begins with an epoch");
        }
    }

    pub fn is_stale(&self, has: &Has) -> bool {
        let (_, holders) = self.current_epoch(has.head);
        !holders.is_subset(self.members(has.members))
    }

    /// Knows of a log that the relay does not have and cannot have any more.
    pub fn is_forked(&self, has: &Has) -> bool {
        let own = self.with_healed(has.head);
        let theirs = self.with_healed(self.relay.head);
        !own.contains(self.relay.head) && !theirs.contains(has.head)
    }

    /// Whether a device comes to an epoch's seed: by its own wrap, or back from a later epoch.
    pub fn opens(&self, device: Device, epoch: usize) -> bool {
        let mut operations = self.operations.iter().enumerate();
        operations.any(|(place, operation)| match operation.what {
            What::Epoch(holders) => {
                holders.contains(device) && self.with_healed(place).contains(epoch)
            }
            What::Heal(_) => false,
        })
    }

    pub fn append(&mut self, device: Device, what: What) {
        self.operations.push(Operation {
            previous: Some(self.relay.head),
            knows: self.devices[device].members,
            what,
        });
        let head = self.operations.len() - 1;
        self.relay.head = head;
        self.devices[device].head = head;
    }

    /// One form for worlds that differ in nothing that can still matter.
    pub fn canonical(mut self, edits_max: usize) -> Self {
        self.number_edits_anew();
        if self.edits.len() == edits_max {
            self.deliver_what_stays();
        }
        self
    }

    /// Edits that do not build on each other have no order of their own.
    fn number_edits_anew(&mut self) {
        let mut order: Vec<usize> = (0..self.edits.len()).collect();
        order.sort_by_key(|place| (self.edits[*place].builds_on.len(), self.edits[*place]));
        if order.is_sorted() {
            return;
        }
        let renamed = |set: Set| {
            let places = order.iter().enumerate();
            Set::of(places.filter_map(|(new, old)| set.contains(*old).then_some(new)))
        };
        for has in self.devices.iter_mut().chain([&mut self.relay]) {
            has.edits = renamed(has.edits);
        }
        if let Some(has) = &mut self.backup {
            has.edits = renamed(has.edits);
        }
        let edits = order.iter().map(|place| Edit {
            builds_on: renamed(self.edits[*place].builds_on),
            ..self.edits[*place]
        });
        self.edits = edits.collect();
    }

    /// Nobody writes any more, so who has an edit matters only where the relay may still lose it.
    fn deliver_what_stays(&mut self) {
        let stays = match self.backup {
            Some(backup) => backup.edits,
            None => self.relay.edits,
        };
        for device in self.members(self.relay.members).iter() {
            let edits = self.devices[device].edits;
            self.devices[device].edits = edits.union(stays);
        }
    }
}
