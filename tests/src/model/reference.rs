//! The access rules of DESIGN §3 as sets and recursion, written from the text. Spaces, devices and
//! grants are numbers; there are no keys, no signatures and no logs. It is slow and obvious.

use std::collections::{BTreeMap, BTreeSet};

/// A space, by number.
pub type Space = usize;
/// A device, by number.
pub type Device = usize;

/// What a grant allows; ordered, with `administer` beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Level {
    Read,
    Write,
    Manage,
    Administer,
}

/// Who a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Party {
    Device(Device),
    Space(Space),
}

/// A grant as far as it matters now.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Held {
    pub party: Party,
    pub level: Level,
    pub live: bool,
    pub confirmed: bool,
}

/// The epoch of a space: its number, who began it, and whom it was wrapped to, by which epoch of
/// theirs.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Sealed {
    pub number: usize,
    pub author: Device,
    pub wrapped: BTreeSet<(Party, usize)>,
}

/// One space.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Place {
    pub is_person: bool,
    pub guardian: Option<Space>,
    pub grants: Vec<Held>,
    pub closed: bool,
    pub epoch: Option<Sealed>,
}

/// One step that somebody tries. Grants are named by their place in the space's list.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Step {
    Add {
        space: Space,
        party: Party,
        level: Level,
    },
    Remove {
        space: Space,
        grant: usize,
    },
    SetRole {
        space: Space,
        grant: usize,
        level: Level,
    },
    Confirm {
        space: Space,
        grant: usize,
    },
    Rotate {
        space: Space,
    },
    Close {
        space: Space,
    },
}

/// The world of [`super::replica::Played`] as it was founded.
#[must_use]
pub fn founded() -> Reference {
    let held = |(party, level)| Held {
        party,
        level,
        live: true,
        confirmed: true,
    };
    let place = |is_person, guardian, grants: Vec<(Party, Level)>| Place {
        is_person,
        guardian,
        grants: grants.into_iter().map(held).collect(),
        ..Place::default()
    };
    let (person, manage) = (Party::Space, Level::Manage);
    let institution = vec![
        (person(1), Level::Administer),
        (person(1), manage),
        (person(4), Level::Administer),
    ];
    let own = |space: Space| place(true, Some(0), vec![(Party::Device(space - 1), manage)]);
    let places = [
        (0, place(false, None, institution)),
        (1, own(1)),
        (2, own(2)),
        (3, own(3)),
        (4, own(4)),
        (5, place(false, Some(0), vec![(person(1), manage)])),
        (6, place(false, Some(0), vec![(person(2), manage)])),
        (7, place(false, None, vec![(person(5), manage)])),
    ];
    Reference {
        places: BTreeMap::from(places),
        epochs: 0,
    }
}

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// The spaces.
    pub places: BTreeMap<Space, Place>,
    /// Epochs begun so far.
    pub epochs: usize,
}

impl Reference {
    /// The role a device writes with: nobody does in a closed space.
    #[must_use]
    pub fn writing_role(&self, device: Device, space: Space) -> Option<Level> {
        let role = self.role(device, space);
        let closed = self.places[&space].closed;
        role.map(|role| if closed { Level::Read } else { role })
    }

    /// The strongest role with keys of a device, over all paths, a closing apart.
    #[must_use]
    pub fn role(&self, device: Device, space: Space) -> Option<Level> {
        let through = |held: &Held| match held.party {
            Party::Device(other) => (other == device).then_some(held.level),
            Party::Space(below) => match self.role(device, below)? {
                Level::Read => Some(Level::Read),
                _ => Some(held.level),
            },
        };
        self.key_holders(space).filter_map(through).max()
    }

    /// Whether a device changes members without keys.
    #[must_use]
    pub fn administers(&self, device: Device, space: Space) -> bool {
        let place = &self.places[&space];
        let mut keyless = place
            .grants
            .iter()
            .filter(|held| held.live && held.confirmed && held.level == Level::Administer);
        keyless.any(|held| match held.party {
            Party::Device(other) => other == device,
            Party::Space(below) => self.role(device, below) >= Some(Level::Write),
        }) || place
            .guardian
            .is_some_and(|above| self.administers(device, above))
    }

    /// Everybody who may read, and the member spaces on the way.
    #[must_use]
    pub fn readers(&self, space: Space) -> BTreeSet<Party> {
        let mut found = BTreeSet::new();
        for held in self.key_holders(space) {
            found.insert(held.party);
            if let Party::Space(below) = held.party {
                found.extend(self.readers(below));
            }
        }
        found
    }

    /// Whether somebody knows the space's key who may no longer read, or it has none.
    #[must_use]
    pub fn is_stale(&self, space: Space) -> bool {
        let Some(epoch) = &self.places[&space].epoch else {
            return true;
        };
        let readers = self.readers(space);
        let outdated = |(party, number): &(Party, usize)| match party {
            Party::Device(_) => false,
            Party::Space(below) => {
                let current = self.places[below].epoch.as_ref();
                current.map(|epoch| epoch.number) != Some(*number) || self.is_stale(*below)
            }
        };
        !readers.contains(&Party::Device(epoch.author))
            || epoch
                .wrapped
                .iter()
                .any(|one| !readers.contains(&one.0) || outdated(one))
    }

    /// Whom an epoch is wrapped to, by which epoch of theirs.
    #[must_use]
    pub fn recipients(&self, space: Space) -> BTreeSet<(Party, usize)> {
        let mut found = BTreeSet::new();
        for held in self.key_holders(space) {
            match held.party {
                Party::Device(_) => {
                    found.insert((held.party, 0));
                }
                Party::Space(below) if self.is_stale(below) => {
                    found.extend(self.recipients(below));
                }
                Party::Space(below) => {
                    let number = self.places[&below].epoch.as_ref().map_or(0, |e| e.number);
                    found.insert((held.party, number));
                }
            }
        }
        found
    }

    /// Tries a step; says whether it is allowed, and does it if so.
    pub fn attempt(&mut self, by: Device, step: &Step) -> bool {
        let allowed = self.allows(by, step);
        if allowed {
            self.perform(by, step);
        }
        allowed
    }

    fn allows(&self, by: Device, step: &Step) -> bool {
        let space = step.space();
        let place = &self.places[&space];
        let role = self.role(by, space);
        let manages = role >= Some(Level::Manage);
        let changes_members = manages || self.administers(by, space);
        let live = |grant: usize| place.grants.get(grant).filter(|held| held.live);
        match step {
            Step::Add { party, .. } => {
                let known = matches!(party, Party::Device(_))
                    && place.grants.iter().any(|held| held.party == *party);
                changes_members && !place.closed && !known
            }
            Step::Remove { grant, .. } => {
                changes_members && live(*grant).is_some() && self.keeps_manager(step)
            }
            Step::SetRole { grant, level, .. } => live(*grant).is_some_and(|held| {
                let with_keys = held.level != Level::Administer && *level != Level::Administer;
                let up = *level > held.level;
                let entitled = if up {
                    manages && !place.closed
                } else {
                    changes_members
                };
                with_keys && *level != held.level && entitled && self.keeps_manager(step)
            }),
            Step::Confirm { grant, .. } => live(*grant).is_some_and(|held| {
                let stands = role >= Some(Level::Write) || self.stands_from_above(by, space);
                stands && !place.closed && (!held.confirmed || manages)
            }),
            Step::Rotate { .. } => role >= Some(Level::Write) && !place.closed,
            Step::Close { .. } => manages && !place.closed,
        }
    }

    /// A writer of a space above that the operation refers to, where nobody is left inside.
    fn stands_from_above(&self, by: Device, space: Space) -> bool {
        let inside = self.readers(space);
        let empty = !inside.iter().any(|party| matches!(party, Party::Device(_)));
        empty
            && self.referred(by, space).into_iter().any(|above| {
                self.role(by, above) >= Some(Level::Write)
                    && self.holds_key(above, space)
                    && self.answers_for(above, space)
            })
    }

    /// The guardian, or what holds a key in it; the network for what has no guardian.
    fn answers_for(&self, above: Space, space: Space) -> bool {
        match self.places[&space].guardian {
            Some(guardian) => guardian == above || self.holds_key(guardian, above),
            // The network, which is no place here.
            None => false,
        }
    }

    fn holds_key(&self, space: Space, member: Space) -> bool {
        self.key_holders(space)
            .any(|held| held.party == Party::Space(member))
    }

    /// The spaces an author's operation refers to: those through which it holds its right.
    fn referred(&self, by: Device, space: Space) -> BTreeSet<Space> {
        let mut found = self.path(by, space);
        let guardian = self.places[&space].guardian;
        if let Some(above) = guardian.filter(|above| self.administers(by, *above)) {
            found.extend(self.path(by, above));
            found.insert(above);
        }
        found
    }

    fn path(&self, by: Device, space: Space) -> BTreeSet<Space> {
        let mut found = BTreeSet::new();
        for held in self.places[&space].grants.iter().filter(|held| held.live) {
            if let Party::Space(below) = held.party
                && self.role(by, below).is_some()
            {
                found.insert(below);
                found.extend(self.path(by, below));
            }
        }
        found
    }

    fn keeps_manager(&self, step: &Step) -> bool {
        let place = &self.places[&step.space()];
        let mut after = place.clone();
        after.perform(step, true);
        place.is_person || !place.is_managed() || after.is_managed()
    }

    fn perform(&mut self, by: Device, step: &Step) {
        let space = step.space();
        if let Step::Rotate { .. } = step {
            self.epochs += 1;
            let wrapped = self.recipients(space);
            let number = self.epochs;
            if let Some(place) = self.places.get_mut(&space) {
                place.epoch = Some(Sealed {
                    number,
                    author: by,
                    wrapped,
                });
            }
            return;
        }
        let manages = self.role(by, space) >= Some(Level::Manage);
        if let Some(place) = self.places.get_mut(&space) {
            place.perform(step, manages);
        }
    }

    /// A branch that left this log at `fork` comes back: what it ended or reduced ends here too.
    pub fn heal(&mut self, space: Space, fork: &Place, lost: &Place) {
        let Some(here) = self.places.get_mut(&space) else {
            return;
        };
        for ((before, there), held) in fork.grants.iter().zip(&lost.grants).zip(&mut here.grants) {
            if before.live && !there.live {
                held.live = false;
            } else if there.level < before.level {
                held.level = held.level.min(there.level);
            }
        }
        here.closed |= lost.closed;
    }

    fn key_holders(&self, space: Space) -> impl Iterator<Item = &Held> {
        let grants = self.places[&space].grants.iter();
        grants.filter(|held| held.live && held.confirmed && held.level != Level::Administer)
    }
}

impl Place {
    fn is_managed(&self) -> bool {
        let stands = |held: &Held| held.live && held.confirmed && held.level == Level::Manage;
        self.grants.iter().any(stands)
    }

    fn perform(&mut self, step: &Step, manages: bool) {
        match step {
            Step::Add { party, level, .. } => self.grants.push(Held {
                party: *party,
                level: *level,
                live: true,
                confirmed: manages || *level == Level::Administer,
            }),
            Step::Remove { grant, .. } => self.grants[*grant].live = false,
            Step::SetRole { grant, level, .. } => self.grants[*grant].level = *level,
            Step::Confirm { grant, .. } => self.grants[*grant].confirmed = true,
            Step::Close { .. } => self.closed = true,
            Step::Rotate { .. } => {}
        }
    }
}

impl Step {
    /// The space whose log the step would extend.
    #[must_use]
    pub fn space(&self) -> Space {
        match self {
            Self::Add { space, .. }
            | Self::Remove { space, .. }
            | Self::SetRole { space, .. }
            | Self::Confirm { space, .. }
            | Self::Rotate { space }
            | Self::Close { space } => *space,
        }
    }
}
