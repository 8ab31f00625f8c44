//! Further devices of a person: let in by one of them, revoked, lost, or replaced after a backup was read.

use std::sync::Arc;

use nahtlos_casework::SectionKind;
use nahtlos_client::Nahtlos;
use nahtlos_client::ending::Reason;
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::identifier::DeviceId;

use super::device::Device;
use super::line::Line;
use super::scene::SCENE;
use super::world::{DEPTH_MAX, World};
use crate::{PASSPHRASE, note};

/// Why a device is revoked, and what it is counted as.
const REASONS: [(Reason, &str); 3] = [
    (Reason::DeviceLost, "a device revoked as lost"),
    (Reason::Replaced, "a device revoked as replaced"),
    (Reason::Left, "a device revoked as left"),
];

impl World {
    /// A device lets in a further one of its person; the place of that one, where it was.
    pub(super) fn pair(&mut self, device: usize) -> Option<usize> {
        if !self.takes_a_further_home() {
            return None;
        }
        let owner = self.devices[device].owner.clone();
        let what = format!("pair: a further device of {owner}");
        let text = self.act(device, &what, Nahtlos::invite_device)?;
        // The invitation is good once who invites has synced.
        self.sync(device, 0);
        let joiner = self.further_home(&owner)?;
        let mut replica = self.devices[joiner].replica.take()?;
        let mut line = Line {
            world: self,
            device: joiner,
            depth: DEPTH_MAX,
        };
        let asked = replica.join_as_device(&mut line, &text, "further");
        let word = asked
            .as_ref()
            .map_or_else(|error| error.code(), |()| "asked");
        self.devices[joiner].replica = Some(replica);
        self.story
            .tell(format!("a further device of {owner}: {word}"));
        for place in [device, joiner, device, joiner] {
            self.sync(place, 0);
        }
        let is_in = self.is_enrolled(joiner);
        if is_in {
            self.count_done("a further device let in");
        }
        is_in.then_some(joiner)
    }

    /// A new home of somebody who is in the network already.
    pub(super) fn further_home(&mut self, owner: &str) -> Option<usize> {
        let name = format!("{owner} {}", self.devices.len());
        let place = self.new_home(&name)?;
        owner.clone_into(&mut self.devices[place].owner);
        Some(place)
    }

    /// A device that lies in no home, from now on.
    pub(super) fn add_seed(&mut self, name: &str, owner: &str, seed: DeviceSeed) -> usize {
        let id = DeviceId(seed.keys().public_keys().device_id());
        let place = self.devices.len();
        let device = Device::of_seed(name, owner, seed, &self.time);
        self.add(device, Arc::default());
        self.device_ids.push(id);
        place
    }

    /// Two devices of one person, of which one is revoked while it writes: by the other, or by a colleague.
    pub(super) fn end_device_that_writes(&mut self) {
        let Some(first) = self.somebody_enrolled() else {
            return;
        };
        let owner = self.devices[first].owner.clone();
        let mut others = self.enrolled_of(&owner);
        others.retain(|place| *place != first);
        let Some(second) = self
            .chance
            .one_of(&others)
            .copied()
            .or_else(|| self.pair(first))
        else {
            return;
        };
        self.sync(second, 0);
        self.type_note(second, None);
        if self.chance.percent(30) {
            self.name_device(second);
        }
        let by = if self.chance.percent(30) {
            self.manager_of_institution().unwrap_or(first)
        } else {
            first
        };
        let reason = self.chance.below(REASONS.len() as u64);
        let reason = REASONS[usize::try_from(reason).unwrap_or(0)];
        if self.end_device(by, second, reason) {
            self.sync(by, 0);
        }
        if reason.0 == Reason::DeviceLost && self.loses() && self.chance.percent(40) {
            self.lose(second);
        } else {
            self.type_note(second, None);
            self.sync(second, 0);
        }
        self.sync(first, 0);
        let adopts = self.chance.percent(60);
        self.decide_held(first, adopts);
        self.sync(first, 0);
        self.sync(second, 0);
    }

    fn name_device(&mut self, device: usize) {
        let id = self.device_ids[device].to_string();
        let name = format!("name {}", self.next_note);
        let named = self.act(device, "rename: a device", |replica| {
            replica.rename_device(&id, &name)
        });
        if named.is_some() {
            self.count_done("a device renamed");
        }
    }

    /// Whether devices may go for good in this run.
    pub(super) fn loses(&self) -> bool {
        self.people.as_ref().is_some_and(|people| people.loses)
    }

    pub(super) fn end_device(
        &mut self,
        by: usize,
        ended: usize,
        (reason, counted): (Reason, &str),
    ) -> bool {
        let id = self.device_ids[ended].to_string();
        let what = format!("revoke: {}, {}", self.devices[ended].name, reason.word());
        let done = self.act(by, &what, |replica| {
            let ending = replica.device_to_revoke(&id)?;
            replica.end(&ending, reason)
        });
        if done.is_some() {
            self.count_done(counted);
            if let Some(people) = &mut self.people {
                people.revoked.push((by, ended));
            }
        }
        done.is_some()
    }

    /// A home is backed up; or the disk of one that was breaks, and the backup is read in another place.
    pub(super) fn make_or_restore_backup(&mut self) {
        let backups = self
            .people
            .as_ref()
            .map_or(0, |people| people.backups.len());
        if backups > 0 && self.loses() {
            self.restore_backup();
            return;
        }
        let Some(device) = self.somebody_enrolled() else {
            return;
        };
        if self.chance.percent(50) {
            self.type_note(device, None);
        }
        let file = format!("home {device} {}.backup", self.next_note);
        let file = self.directory.path().join(file);
        let made = self.act(device, "back up: the home", |replica| {
            replica.back_up(&file)
        });
        let is_sound = made.as_ref().is_some_and(|report| report.is_sound());
        if made.is_some() && !is_sound {
            self.fail("a backup of a sound home is not sound");
        }
        if let (true, Some(people)) = (is_sound, &mut self.people) {
            people.backups.push((device, file));
            self.count_done("a home backed up");
            // What is in a drawer already when the disk breaks.
            if self.chance.percent(50) {
                self.make_paper_of(device);
            } else {
                self.pair(device);
            }
        }
    }

    fn restore_backup(&mut self) {
        let Some((device, file)) = self.people.as_mut().and_then(|people| people.backups.pop())
        else {
            return;
        };
        if self.devices[device].gone || self.devices[device].replica.is_none() {
            return;
        }
        self.lose(device);
        let home = self.directory.path().join(format!("restored {device}"));
        let restored = Nahtlos::restore(&home, &file, PASSPHRASE);
        if !restored.as_ref().is_ok_and(|report| report.is_sound()) {
            self.fail(format!("a backup is not restored: {restored:?}"));
            return;
        }
        self.devices[device].home = home;
        self.devices[device].restart();
        self.count_done("a backup restored");
        self.expect_nothing_of_restored(device);
        self.come_back_after(device);
    }

    /// A restored backup is read and never acts.
    fn expect_nothing_of_restored(&mut self, device: usize) {
        let Some(mut replica) = self.devices[device].replica.take() else {
            return;
        };
        let before = self.story.hash();
        let mut line = Line {
            world: self,
            device,
            depth: DEPTH_MAX,
        };
        let synced = replica.sync(&mut line, &mut |_| {});
        let asked = self.story.hash() != before;
        let invited = replica.invite_device();
        let typed = replica.edit_case(&SCENE.case, &[note(0)]);
        let mut codes = vec![
            synced.err().map(|error| error.code()),
            invited.err().map(|error| error.code()),
        ];
        // What is not here cannot be written in, and that is said first.
        let case = replica.find_case(&SCENE.case);
        if case.is_ok_and(|case| case.sections.contains_key(&SectionKind::Journal)) {
            codes.push(typed.err().map(|error| error.code()));
        }
        if asked || codes.iter().any(|code| *code != Some("restored")) {
            self.fail(format!("a restored backup acts: {codes:?}, asked: {asked}"));
        }
        self.devices[device].replica = Some(replica);
    }

    /// Whose device is gone comes back by another device of theirs, or by a paper.
    fn come_back_after(&mut self, gone: usize) {
        let owner = self.devices[gone].owner.clone();
        let others = self.enrolled_of(&owner);
        let back = match self.chance.one_of(&others).copied() {
            Some(other) => self.pair(other),
            None => self.come_back_by_paper(&owner),
        };
        if let Some(back) = back {
            self.count_done("back after a backup was restored");
            if self.end_device(back, gone, REASONS[1]) {
                self.sync(back, 0);
            }
        }
    }
}
