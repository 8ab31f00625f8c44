//! Worlds in which people do what they seldom do: they let in further devices and lose them, come back by
//! paper, put backups back, set up and use a recovery key, and hand cases over. All other faults go on
//! meanwhile.
//!
//! They are a family of seeds of their own, with two more people ([`super::people_scene`]): the worlds of the
//! seeds below stay what they were. The courses are in [`super::pairing`], [`super::paper`],
//! [`super::recovering`] and [`super::handing_over`], what must be true at the end in
//! [`super::people_checks`].

use std::collections::BTreeSet;
use std::path::PathBuf;

use nahtlos_client::SyncReport;
use nahtlos_client::paper::Paper;
use nahtlos_protocol::identifier::SpaceId;

use super::chance::Chance;
use super::people_scene::INSTITUTION;
use super::plan::Plan;
use super::world::World;

/// The first seed of a world with people.
pub const PEOPLE_FROM: u64 = 4_000_000_000;
/// Further homes in one run: more would make each run long.
const FURTHER_HOMES_MAX: u64 = 5;

/// How often people do what they do most in a run, in a hundred.
const FAVOURITE_PERCENT: u64 = 45;

/// What such a world has beside its [`Plan`], and what happened to people.
#[derive(Debug)]
pub struct People {
    /// People do one of these things, in a hundred steps.
    pub course: u64,
    /// What they do more often than the rest: many things need another one before.
    favourite: Course,
    /// Whether devices go for good. Not where a relay goes back: what only they had cannot come back then.
    pub loses: bool,
    /// Homes that were made so far.
    pub further_homes: u64,
    /// Papers, with the place of the device that each is.
    pub papers: Vec<(usize, Paper)>,
    /// Backups of homes, with the place of the device.
    pub backups: Vec<(usize, PathBuf)>,
    /// Places of the devices of recovery keys, the present one last.
    pub recovery_keys: Vec<usize>,
    /// Whether the present recovery key was used.
    pub recovery_used: bool,
    /// Whether two teams became one.
    pub merged: bool,
    /// Whether an institution was removed from the network.
    pub removed: bool,
    /// Places of devices that revoked one, and of those.
    pub revoked: Vec<(usize, usize)>,
    /// What was shown of held edits that somebody discarded.
    pub discarded: Vec<String>,
    /// Devices whose last sync broke off.
    pub unfinished: BTreeSet<usize>,
    /// Whose device was lost before it had given its person's other ones all keys: between the answer that
    /// let another one in and the keys that follow it in the same sync, only that device can.
    pub cut_short: BTreeSet<String>,
}

/// What they do.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// A further device is let in.
    Pair,
    /// A person's device is revoked while it writes.
    EndDevice,
    /// A paper is made; or somebody comes back by one.
    Paper,
    /// A home is backed up; or its disk breaks, and the backup is read.
    Backup,
    /// A recovery key is set up; or all who could open the team are gone, and it is used.
    Recovery,
    /// A case gets another lead.
    HandOver,
    /// Two people hand one case over at once.
    HandOverTwice,
    /// Who led a case leaves, and writes on.
    Leave,
    /// A team is renamed or becomes one with another, or an institution leaves.
    Reorganise,
    /// What several people do in deep worlds.
    AsInDeepWorlds,
}

const COURSES: [(u64, Course); 10] = [
    (3, Course::Pair),
    (8, Course::EndDevice),
    (11, Course::Paper),
    (9, Course::Backup),
    (11, Course::Recovery),
    (9, Course::HandOver),
    (6, Course::HandOverTwice),
    (7, Course::Leave),
    (4, Course::Reorganise),
    (4, Course::AsInDeepWorlds),
];

impl People {
    /// What a seed has of it, and the plan that fits to it. None below the first such seed, where nothing is
    /// drawn.
    pub fn draw(seed: u64, plan: &mut Plan, chance: &mut Chance) -> Option<Self> {
        if seed < PEOPLE_FROM {
            return None;
        }
        plan.prune = 0;
        plan.steps = 10 + chance.below(12);
        // Where a relay goes back, devices stay: fewer such worlds than elsewhere.
        if chance.percent(50) {
            (plan.restore, plan.split) = (0, 0);
        }
        Some(Self {
            course: 75,
            favourite: chance.weighted(&COURSES).unwrap_or(Course::Pair),
            loses: plan.restore + plan.split == 0,
            further_homes: 0,
            papers: Vec::new(),
            backups: Vec::new(),
            recovery_keys: Vec::new(),
            recovery_used: false,
            merged: false,
            removed: false,
            revoked: Vec::new(),
            discarded: Vec::new(),
            unfinished: BTreeSet::new(),
            cut_short: BTreeSet::new(),
        })
    }
}

impl World {
    /// What happens in worlds with people only; whether anything did that takes the place of other work.
    pub(super) fn go_among_people(&mut self, depth: u32) -> bool {
        let often = self.people.as_ref().map_or(0, |people| people.course);
        // While others are in the middle of a request, people do simple things.
        if often == 0 || depth > 0 || !self.chance.percent(often) {
            return false;
        }
        let course = match &self.people {
            Some(people) if self.chance.percent(FAVOURITE_PERCENT) => Some(people.favourite),
            _ => self.chance.weighted(&COURSES),
        };
        let Some(course) = course else {
            return false;
        };
        self.story.tell(format!("among people: {course:?}"));
        match course {
            Course::Pair => {
                let somebody = self.somebody_enrolled();
                somebody.and_then(|device| self.pair(device));
            }
            Course::EndDevice => self.end_device_that_writes(),
            Course::Paper => self.make_or_use_paper(),
            Course::Backup => self.make_or_restore_backup(),
            Course::Recovery => self.go_on_with_recovery(),
            Course::HandOver => self.hand_over_by_somebody(),
            Course::HandOverTwice => self.hand_over_twice(),
            Course::Leave => self.leave_with_a_case(),
            Course::Reorganise => self.reorganise(),
            Course::AsInDeepWorlds => self.run_course(depth),
        }
        true
    }

    /// Counts what people did, for what must occur.
    pub(super) fn count_done(&mut self, what: &str) {
        self.coverage.count(format!("people: {what}"));
    }

    /// Whether one more home may be made in this run.
    pub(super) fn takes_a_further_home(&mut self) -> bool {
        let Some(people) = &mut self.people else {
            return false;
        };
        people.further_homes += 1;
        people.further_homes <= FURTHER_HOMES_MAX
    }

    /// A device that stands in its person's log and is not in the middle of something.
    pub(super) fn somebody_enrolled(&mut self) -> Option<usize> {
        let enrolled: Vec<usize> = (0..self.devices.len())
            .filter(|place| self.is_enrolled(*place))
            .collect();
        self.chance.one_of(&enrolled).copied()
    }

    /// Whether a device is here, was let in and knows of no end of its right.
    pub(super) fn is_enrolled(&self, place: usize) -> bool {
        let device = &self.devices[place];
        let replica = device.replica.as_ref().filter(|_| !device.gone);
        replica.is_some_and(|replica| {
            let status = replica.status();
            let stands = replica.own_revocation().is_ok_and(|end| end.is_none());
            let alone = replica.other_copy().is_ok_and(|copy| copy.is_none());
            status.is_ok_and(|status| status.enrolment == "enrolled") && stands && alone
        })
    }

    /// Devices of one person that are here.
    pub(super) fn enrolled_of(&self, owner: &str) -> Vec<usize> {
        let places = 0..self.devices.len();
        places
            .filter(|place| self.devices[*place].owner == owner && self.is_enrolled(*place))
            .collect()
    }

    /// The space of somebody or something by its name, as any device here knows it.
    pub(super) fn known_as(&self, name: &str) -> Option<SpaceId> {
        let here = self.devices.iter().filter(|device| !device.gone);
        let mut found = here.filter_map(|device| {
            let directory = device.replica.as_ref()?.directory().ok()?;
            let member = directory.find_member(name).ok();
            member.or_else(|| directory.find_institution(name).ok())
        });
        found.next()
    }

    /// A device that manages the institution of those who hold the recovery key.
    pub(super) fn manager_of_institution(&mut self) -> Option<usize> {
        let institution = self.known_as(INSTITUTION)?;
        self.one_with(&institution, &["manage"])
    }

    /// A device never comes back, and what only it had is lost.
    pub(super) fn lose(&mut self, place: usize) {
        if self.chance.percent(30) {
            self.type_note(place, None);
        }
        let typed = std::mem::take(&mut self.typed);
        for one in typed {
            let only_here = self
                .kept(&one)
                .is_some_and(|how| how != "in the author's copy");
            if one.device == place && only_here {
                self.coverage.count("typed: lost with its device");
            } else {
                self.typed.push(one);
            }
        }
        let device = &mut self.devices[place];
        device.gone = true;
        let (name, owner) = (device.name.clone(), device.owner.clone());
        if let Some(people) = &mut self.people
            && people.unfinished.contains(&place)
        {
            people.cut_short.insert(owner);
        }
        self.story.tell(format!("{name} is gone for good"));
        self.count_done("a device gone for good");
    }

    /// What a sync told its person, and whether it was done.
    pub(super) fn note_synced(&mut self, device: usize, report: Option<&SyncReport>) {
        let Some(people) = &mut self.people else {
            return;
        };
        let Some(report) = report else {
            people.unfinished.insert(device);
            return;
        };
        people.unfinished.remove(&device);
        let of_recovery = |notice: &String| notice.starts_with("the recovery key of");
        if report.notices.iter().any(of_recovery) {
            self.count_done("told of a use of the recovery key");
        }
    }
}
