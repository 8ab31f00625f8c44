//! What breaks or heals between two steps: lines, clocks, homes, and what an operator does to the relay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nahtlos_protocol::identifier::ItemId;

use super::device::Device;
use super::relay::SimulatedRelay;
use super::scene::DEVICES;
use super::world::World;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// After which a relay may drop what an attested snapshot covers, and a little more.
const RETENTION_MS: u64 = 181 * DAY_MS;

/// A copy of a home, and what stood when it was made.
#[derive(Clone, Debug)]
pub struct OldHome {
    device: usize,
    path: PathBuf,
    /// How much anybody had typed.
    typed: usize,
    known: Arc<BTreeSet<ItemId>>,
}

impl World {
    /// What breaks or heals between two steps.
    pub(super) fn break_something(&mut self) {
        if self.chance.percent(25) {
            self.land_one();
        }
        let Some(device) = self.somebody() else {
            return;
        };
        if self.chance.percent(self.plan.partition) {
            self.cut_off_or_reconnect(device);
        }
        if self.chance.percent(self.plan.skew) {
            self.put_clock_wrong(device);
        }
        if self.chance.percent(self.plan.restart) {
            self.devices[device].restart();
            self.coverage.count("fault: restart");
        }
        if self.chance.percent(self.plan.restore) {
            self.back_up_or_restore();
        }
        if self.chance.percent(self.plan.split) {
            self.split_or_join(device);
        }
        if self.chance.percent(self.plan.clone) {
            self.copy_home(device);
        }
        if self.chance.percent(self.plan.prune) {
            self.prune();
        }
    }

    fn cut_off_or_reconnect(&mut self, device: usize) {
        let cut = !self.devices[device].cut_off;
        self.devices[device].cut_off = cut;
        let word = if cut { "is cut off" } else { "is back" };
        let name = &self.devices[device].name;
        self.story.tell(format!("{name} {word}"));
    }

    fn put_clock_wrong(&mut self, device: usize) {
        let wrong_ms = i64::try_from(self.chance.below(2 * DAY_MS)).unwrap_or(0);
        let wrong_ms = wrong_ms - i64::try_from(DAY_MS).unwrap_or(0);
        let device = &self.devices[device];
        device.skew_ms.store(wrong_ms, Ordering::SeqCst);
        self.coverage.count("fault: clock skew");
        let off_s = wrong_ms / 1000;
        self.story
            .tell(format!("{}'s clock is {off_s} s off", device.name));
    }

    /// The operator makes a copy of the relay's data, or puts one in its place.
    fn back_up_or_restore(&mut self) {
        let backup = self.chance.one_of(&self.backups).cloned();
        match backup.filter(|_| self.chance.percent(60)) {
            None => {
                let marked = self.chance.percent(50);
                let copy = self
                    .directory
                    .path()
                    .join(format!("backup {}", self.backups.len()));
                self.relays[0].copy_to(&copy, marked);
                self.backups.push((copy, marked));
                let word = if marked { "a marked" } else { "a raw" };
                self.story
                    .tell(format!("{word} copy of the relay's data is made"));
            }
            Some((copy, marked)) => {
                self.relays[0].restore(&copy);
                let word = if marked { "marked" } else { "raw" };
                self.coverage
                    .count(format!("fault: {word} backup restored"));
                self.story
                    .tell(format!("a {word} copy of the relay's data is put in place"));
            }
        }
    }

    /// A copy of the relay is started beside it and one device reaches that one; or the copy ends.
    fn split_or_join(&mut self, device: usize) {
        if self.relays.len() > 1 {
            if self.devices[device].relay == 0 && self.chance.percent(50) {
                self.devices[device].relay = 1;
                let name = &self.devices[device].name;
                self.story.tell(format!("{name} reaches the copy, too"));
                return;
            }
            self.join();
            return;
        }
        let marked = self.chance.percent(50);
        self.copies += 1;
        let place = self.directory.path().join(format!("copy {}", self.copies));
        self.relays[0].copy_to(&place, marked);
        let seed = self.seed.wrapping_add(self.copies << 40);
        let copy = SimulatedRelay::start(place, self.time.clone(), seed);
        self.relays.push(copy);
        self.devices[device].relay = 1;
        let name = &self.devices[device].name;
        let word = if marked { "marked" } else { "raw" };
        self.story.tell(format!(
            "a {word} copy of the relay runs; {name} reaches it"
        ));
        self.coverage
            .count(format!("fault: {word} copy beside the relay"));
    }

    /// The copy ends; all reach the one relay.
    pub(super) fn join(&mut self) {
        if self.relays.len() > 1 {
            self.relays.truncate(1);
            self.story.tell("the copy of the relay ends");
        }
        for device in &mut self.devices {
            device.relay = 0;
        }
    }

    /// Somebody runs a copy of their home beside it.
    fn copy_home(&mut self, device: usize) {
        if self.devices.iter().any(|other| other.copy_of.is_some()) {
            return;
        }
        let original = &mut self.devices[device];
        let (name, home) = (original.name.clone(), original.home.clone());
        drop(original.replica.take());
        let copy = self.directory.path().join("copied home");
        copy_files(&home, &copy);
        self.devices[device].restart();
        let mut copied = Device::open(&format!("the copy of {name}"), copy, &self.time);
        copied.copy_of = Some(device);
        copied.newcomer = self.devices[device].newcomer;
        if self.people.is_some() {
            copied.owner.clone_from(&self.devices[device].owner);
        }
        if self.lied_to.contains(&device) {
            // What was withheld from the home is not in its copy either.
            self.lied_to.insert(self.devices.len());
        }
        self.add(copied, Arc::clone(&self.known[device]));
        self.coverage.count("fault: cloned vault");
        self.story.tell(format!("{name} runs a copy of the home"));
    }

    /// A copy of a home is made; or the disk breaks, and the copy is put in the place of the home.
    pub(super) fn keep_or_put_back_home(&mut self) {
        let Some(old) = self.old_home.take() else {
            let device = usize::try_from(self.chance.below(DEVICES.len() as u64)).unwrap_or(0);
            if self.devices[device].replica.take().is_none() {
                return;
            }
            let path = self.directory.path().join("old home");
            copy_files(&self.devices[device].home, &path);
            self.devices[device].restart();
            let name = &self.devices[device].name;
            self.story.tell(format!("{name} copies the home"));
            self.old_home = Some(OldHome {
                device,
                path,
                typed: self.typed.len(),
                known: Arc::clone(&self.known[device]),
            });
            return;
        };
        if self.devices[old.device].replica.is_none() {
            self.old_home = Some(old);
            return;
        }
        self.forget_what_was_only_at(&old);
        let device = &mut self.devices[old.device];
        drop(device.replica.take());
        std::fs::remove_dir_all(&device.home).expect("the home");
        copy_files(&old.path, &device.home);
        device.restart();
        self.known[old.device] = old.known;
        self.received.remove(&old.device);
        let name = &self.devices[old.device].name;
        self.story
            .tell(format!("the old copy is put over {name}'s home"));
        self.coverage.count("fault: old home put back");
        // Once in a run: whoever it befell may write nothing more.
        if let Some(deep) = &mut self.deep {
            deep.old_home = 0;
        }
    }

    /// What no relay has confirmed is lost with a disk; and what one has, where that one may go back, too.
    fn forget_what_was_only_at(&mut self, old: &OldHome) {
        let relay_goes_back = self.plan.restore + self.plan.split > 0;
        // What was put away since is not counted any more.
        let since = self.typed.split_off(old.typed.min(self.typed.len()));
        for one in since {
            let kept_here = self
                .kept(&one)
                .is_some_and(|how| how != "in the author's copy");
            if one.device == old.device && (kept_here || relay_goes_back) {
                self.coverage.count("typed: lost with the disk");
            } else {
                self.typed.push(one);
            }
        }
    }

    /// Half a year passes, and the relay drops what attested snapshots cover.
    pub(super) fn prune(&mut self) {
        if std::mem::replace(&mut self.pruned, true) {
            return;
        }
        self.time.fetch_add(RETENTION_MS, Ordering::SeqCst);
        let dropped = self.relays[0].prune();
        self.story
            .tell(format!("half a year passes; dropped: {dropped:?}"));
        if dropped.is_some_and(|dropped| dropped > 0) {
            self.coverage.count("fault: pruned");
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a readable home") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        std::fs::copy(&path, target).expect("a copy");
    }
}
