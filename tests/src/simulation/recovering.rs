//! Recovery: a key is set up, 2 of 3; all devices of the team that manages the case are gone; two custodians
//! let one of them into the team, everybody is told, and a new key is made.

use nahtlos_client::ClientError;
use nahtlos_client::ending::Reason;
use nahtlos_client::recovery::using::Rehearsed;
use nahtlos_protocol::identifier::SpaceId;

use super::errand::Errand;
use super::people_scene::{INSTITUTION, MANAGERS, OWN_TEAM};
use super::scene::person;
use super::world::World;

const THRESHOLD: u8 = 2;
/// How often somebody tries on a line that breaks.
const TRIES: u32 = 3;

impl World {
    /// The next thing with the recovery key: it is set up; the team is gone and it is used; a new one is made.
    pub(super) fn go_on_with_recovery(&mut self) {
        let Some(people) = &self.people else {
            return;
        };
        let (has_key, used) = (!people.recovery_keys.is_empty(), people.recovery_used);
        if !has_key || used {
            self.set_up_recovery();
        } else {
            self.use_recovery();
        }
    }

    fn set_up_recovery(&mut self) {
        let Some(manager) = self.manager_of_institution() else {
            return;
        };
        let custodians = self.custodians();
        let replaced = self
            .act(manager, "set up: a recovery key", |replica| {
                // Whatever the manager does not manage is left out by name.
                let directory = replica.directory()?;
                let teams = directory.teams.keys();
                let teams: Vec<SpaceId> = teams.filter_map(|id| SpaceId::from_hex(id)).collect();
                replica.set_up_recovery(THRESHOLD, &custodians, &teams)
            })
            .map(|setup| setup.replaces);
        let Some(replaced) = replaced else {
            return;
        };
        self.count_done("a recovery key set up");
        if replaced {
            self.count_done("a recovery key replaced");
        }
        self.sync(manager, 0);
        self.all_sync(0);
        if let Some((_, rehearsed)) = self.rehearse() {
            self.keep_recovery_key(&rehearsed);
        }
    }

    /// Both who read nothing of the case, and one of the others whose devices may all be gone.
    fn custodians(&mut self) -> Vec<SpaceId> {
        let third = if self.chance.percent(50) {
            "berger"
        } else {
            "keller"
        };
        let names = MANAGERS.iter().map(|(name, _)| *name).chain([third]);
        let names: Vec<&str> = names.collect();
        let people = names.iter().filter_map(|name| self.known_as(&person(name)));
        people.collect()
    }

    /// One custodian's share is handed to another, who puts both together.
    fn rehearse(&mut self) -> Option<(usize, Rehearsed)> {
        let [(one, _), (other, _)] = MANAGERS;
        let (one, other) = if self.chance.percent(80) {
            (one, other)
        } else {
            (other, one)
        };
        let (carrying, handing) = (self.enrolled_of(one), self.enrolled_of(other));
        let to = self.known_as(&person(one))?;
        for device in carrying {
            for other in &handing {
                let share = self.act(*other, "share: is handed over", |replica| {
                    replica.hand_over_share(&to)
                });
                let Some(share) = share else {
                    continue;
                };
                let rehearsed = self.act(device, "recovery: is rehearsed", |replica| {
                    replica.rehearse_recovery(&[share])
                });
                if let Some(rehearsed) = rehearsed {
                    self.count_done("a recovery key rehearsed");
                    return Some((device, rehearsed));
                }
            }
        }
        None
    }

    /// The run knows what two custodians can make: the key's device.
    fn keep_recovery_key(&mut self, rehearsed: &Rehearsed) -> usize {
        let seed = rehearsed.seed();
        let known = self
            .devices
            .iter()
            .position(|device| device.seed.as_ref() == Some(&seed));
        if let Some(known) = known {
            return known;
        }
        let name = format!("the recovery key {}", self.devices.len());
        let place = self.add_seed(&name, &name, seed);
        if let Some(people) = &mut self.people {
            people.recovery_keys.push(place);
            people.recovery_used = false;
        }
        place
    }

    fn use_recovery(&mut self) {
        let Some(team) = self.known_as(OWN_TEAM) else {
            return;
        };
        if self.loses() && self.chance.percent(80) {
            self.lose_team(&team);
        }
        let Some((device, rehearsed)) = self.rehearse() else {
            return;
        };
        let key = self.keep_recovery_key(&rehearsed);
        let owner = self.devices[device].owner.clone();
        let groups = [self.known_as(INSTITUTION), Some(team)];
        let groups: Vec<SpaceId> = groups.into_iter().flatten().collect();
        let Some(who) = self.known_as(&person(&owner)) else {
            return;
        };
        let is_in = (0..TRIES).any(|_| {
            let code = self.try_recovery(device, key, &rehearsed, &who, &groups);
            let said = code.unwrap_or("let in");
            self.story
                .tell(format!("{owner} uses the recovery key: {said}"));
            self.coverage.count(format!("recovery: {said}"));
            code.is_none()
        });
        if !is_in {
            return;
        }
        self.count_done("a recovery key used");
        if let Some(people) = &mut self.people {
            people.recovery_used = true;
        }
        self.all_sync(0);
        self.put_in_order(device);
    }

    /// Nobody who manages the case's team has a device any more.
    fn lose_team(&mut self, team: &SpaceId) {
        let custodians = MANAGERS.map(|(name, _)| name);
        let in_team = self.idle_with(team, &["manage", "write", "read"]);
        for device in in_team {
            if !custodians.contains(&self.devices[device].owner.as_str()) {
                self.lose(device);
            }
        }
        self.count_done("a team gone");
    }

    fn try_recovery(
        &mut self,
        device: usize,
        key: usize,
        rehearsed: &Rehearsed,
        who: &SpaceId,
        groups: &[SpaceId],
    ) -> Option<&'static str> {
        let Some(mut replica) = self.devices[device].replica.take() else {
            return Some("busy");
        };
        let fault = self.disk_fault();
        replica.vault_mut().set_fault(fault);
        let home = self.devices[device].home.clone();
        let mut line = Errand {
            world: self,
            device,
            borrowed: key,
        };
        let used = replica.use_recovery(&home, rehearsed, who, groups, &mut line, &mut |_| {});
        drop(line);
        let crashed = replica.vault_mut().has_crashed();
        let code = used.as_ref().err().map(ClientError::code);
        let taken = self.took(device, "use of recovery", &mut replica, used);
        self.put_back(device, replica);
        if taken.is_some() {
            self.settle_knowledge(device);
        } else {
            self.settle_what_was_stored(device);
        }
        code.or(crashed.then_some("ended"))
    }

    /// Who was let in revokes what is lost, writes, and makes a new key.
    fn put_in_order(&mut self, device: usize) {
        let lost: Vec<usize> = (0..self.devices.len())
            .filter(|place| self.devices[*place].gone && self.devices[*place].seed.is_none())
            .collect();
        // Who manages the institution and does not administer it ends people's rights, not their devices'.
        for place in lost {
            if self.chance.percent(60) {
                let gone = (Reason::DeviceLost, "a gone device revoked");
                let owner = self.devices[place].owner.clone();
                if !self.end_device(device, place, gone) {
                    self.leave_or_come(device, &owner, INSTITUTION, true);
                }
            }
        }
        self.type_note(device, None);
        self.sync(device, 0);
        if self.chance.percent(70) {
            self.set_up_recovery();
        }
    }
}
