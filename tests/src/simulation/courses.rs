//! What several people do one after the other, in deep worlds (see [`super::deep`]). Between any two
//! of their steps everything may break that breaks elsewhere.

use nahtlos_casework::SectionKind;
use nahtlos_client::Nahtlos;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;

use super::scene::{DEVICES, TEAMS};
use super::world::World;

/// What they do.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Somebody writes while their right ends, and a manager decides about it.
    LateEdit,
    /// A snapshot is made and attested, half a year passes, and somebody new comes.
    HalfYear,
    /// Somebody leaves the last institution, and their program goes on all the same.
    Outsider,
    /// A manager voids what nothing is wrong with.
    Void,
    /// A hostile member changes a key, and sends one that is for nobody.
    HostileKey,
}

/// How a right ends.
#[derive(Clone, Copy, Debug)]
enum RightEnds {
    Reduced,
    Withdrawn,
    LeftTheTeam,
    Closed,
}

const COURSES: [(u64, Course); 2] = [(8, Course::LateEdit), (3, Course::HalfYear)];
const COURSES_WITH_HOSTILE: [(u64, Course); 5] = [
    (8, Course::LateEdit),
    (3, Course::HalfYear),
    (3, Course::Outsider),
    (3, Course::Void),
    (4, Course::HostileKey),
];
const ENDS: [(u64, RightEnds); 4] = [
    (8, RightEnds::Reduced),
    (4, RightEnds::Withdrawn),
    (2, RightEnds::LeftTheTeam),
    (1, RightEnds::Closed),
];
const JOURNAL: SectionKind = SectionKind::Journal;

impl World {
    /// One course of what several do.
    pub(super) fn run_course(&mut self, depth: u32) {
        let course = if self.plan.hostile > 0 {
            self.chance.weighted(&COURSES_WITH_HOSTILE)
        } else {
            self.chance.weighted(&COURSES)
        };
        let (Some(course), Some(space)) = (course, self.space_of(&JOURNAL)) else {
            return;
        };
        self.story.tell(format!("a course: {course:?}"));
        self.coverage.count(format!("course: {course:?}"));
        match course {
            Course::LateEdit => self.edit_late(&space, depth),
            Course::HalfYear => self.let_half_a_year_pass(&space, depth),
            Course::Outsider => self.go_on_outside(&space, depth),
            Course::Void => self.void_what_counts(&space, depth),
            Course::HostileKey => self.send_bad_keys(&space, depth),
        }
    }

    /// Devices that are not in the middle of something and have one of these roles.
    pub(super) fn idle_with(&self, space: &SpaceId, roles: &[&str]) -> Vec<usize> {
        let devices = self.devices.iter().enumerate();
        let here = devices.filter(|(_, one)| !one.gone);
        let idle = here.filter_map(|(place, one)| Some((place, one.replica.as_ref()?)));
        idle.filter(|(_, replica)| !replica.other_copy().is_ok_and(|copy| copy.is_some()))
            .filter(|(_, replica)| {
                let role = replica.own_role(space);
                role.is_some_and(|role| roles.contains(&role))
            })
            .map(|(place, _)| place)
            .collect()
    }

    pub(super) fn one_with(&mut self, space: &SpaceId, roles: &[&str]) -> Option<usize> {
        let idle = self.idle_with(space, roles);
        self.chance.one_of(&idle).copied()
    }

    fn edit_late(&mut self, space: &SpaceId, depth: u32) {
        let Some(manager) = self.one_with(space, &["manage"]) else {
            return;
        };
        let Some(writer) = self.one_with(space, &["write"]) else {
            self.give_rights_back(manager, space, depth);
            return;
        };
        self.sync(writer, depth);
        self.type_note(writer, None);
        let how = self.chance.weighted(&ENDS).unwrap_or(RightEnds::Reduced);
        self.end_right(how, manager, writer, space);
        self.sync(manager, depth);
        self.sync(writer, depth);
        self.sync(manager, depth);
        let adopts = self.chance.percent(50);
        self.decide_held(manager, adopts);
        self.sync(manager, depth);
        self.sync(writer, depth);
    }

    fn end_right(&mut self, how: RightEnds, manager: usize, writer: usize, space: &SpaceId) {
        let replica = self.devices[writer].replica.as_ref();
        let status = replica.and_then(|replica| replica.status().ok());
        let team = status.and_then(|status| status.team).unwrap_or_default();
        match how {
            RightEnds::Reduced => self.set_roles(manager, space, Role::Write, Role::Read),
            RightEnds::Withdrawn => self.withdraw_from(manager, &JOURNAL, &team),
            RightEnds::LeftTheTeam => {
                let name = self.devices[writer].name.clone();
                let institution = team.trim_end_matches(" Team 1").to_owned();
                for colleague in self.managers_of_team(&team) {
                    if colleague != writer {
                        self.leave_or_come(colleague, &name, &institution, true);
                        self.sync(colleague, 0);
                    }
                }
            }
            RightEnds::Closed => self.close_section(manager, &JOURNAL),
        }
    }

    fn managers_of_team(&self, team: &str) -> Vec<usize> {
        let replicas = self.devices.iter().filter_map(|one| one.replica.as_ref());
        let mut found =
            replicas.filter_map(|replica| replica.directory().ok()?.find_team(team).ok());
        let team = found.next();
        team.map_or_else(Vec::new, |team| self.idle_with(&team, &["manage"]))
    }

    /// Every grant of one role gets another.
    fn set_roles(&mut self, manager: usize, space: &SpaceId, from: Role, to: Role) {
        let replica = self.devices[manager].replica.as_ref();
        let grants = replica.map_or_else(Vec::new, |replica| replica.grants_of(space));
        for grant in grants.iter().filter(|grant| grant.role == from) {
            let what = format!("role: of all that {} to {}", from.word(), to.word());
            self.act(manager, &what, |replica| {
                replica.set_role(space, &grant.id, to)
            });
        }
    }

    /// Where nobody writes any more, who reads may write again, and the team that wrote at first.
    fn give_rights_back(&mut self, manager: usize, space: &SpaceId, depth: u32) {
        self.set_roles(manager, space, Role::Read, Role::Write);
        self.grant_to(manager, &JOURNAL, Role::Write, TEAMS[1], (false, false));
        self.sync(manager, depth);
        self.all_sync(depth);
    }

    pub(super) fn all_sync(&mut self, depth: u32) {
        for device in 0..self.devices.len() {
            self.sync(device, depth);
        }
    }

    fn let_half_a_year_pass(&mut self, space: &SpaceId, depth: u32) {
        let Some(writer) = self.one_with(space, &["manage", "write"]) else {
            return;
        };
        self.sync(writer, depth);
        self.type_note(writer, None);
        self.sync(writer, depth);
        self.snapshot_of(writer, &JOURNAL);
        self.sync(writer, depth);
        self.all_sync(depth);
        self.prune();
        if let Some(inviter) = self.one_with(space, &["manage"]) {
            self.invite_somebody(inviter);
            self.all_sync(depth);
        }
    }

    fn go_on_outside(&mut self, space: &SpaceId, depth: u32) {
        let (name, institution) = *self.chance.one_of(&DEVICES).unwrap_or(&DEVICES[0]);
        let Some(device) = self.devices.iter().position(|one| one.name == name) else {
            return;
        };
        self.sync(device, depth);
        for colleague in self.managers_of_team(&format!("{institution} Team 1")) {
            if colleague != device {
                self.leave_or_come(colleague, name, institution, true);
                self.sync(colleague, depth);
            }
        }
        let item = self.forbidden_role(device, space);
        let replica = self.devices[device].replica.as_ref();
        let token = replica.and_then(Nahtlos::request_token);
        if let (Some(item), Some(token)) = (item, token) {
            self.send_forbidden(device, token, "role from outside", item);
        }
    }

    fn void_what_counts(&mut self, space: &SpaceId, depth: u32) {
        let Some(manager) = self.one_with(space, &["manage"]) else {
            return;
        };
        self.snapshot_of(manager, &JOURNAL);
        self.sync(manager, depth);
        let Some(replica) = &self.devices[manager].replica else {
            return;
        };
        let all = replica.counting_of(space).into_iter();
        let counts = all.filter(|(_, standing, _)| standing == "Counts" || standing == "Vouched");
        let ids: Vec<_> = counts.map(|(id, _, _)| id).collect();
        let Some(id) = self.chance.one_of(&ids).copied() else {
            return;
        };
        self.act(manager, "void: what counts", |replica| {
            replica.hostile_void(space, &id)
        });
        self.sync(manager, depth);
        self.all_sync(depth);
    }

    fn send_bad_keys(&mut self, space: &SpaceId, depth: u32) {
        let Some(device) = self.devices.iter().position(|device| device.hostile) else {
            return;
        };
        self.sync(device, depth);
        let item = self.key_for_nobody(device, space);
        let replica = self.devices[device].replica.as_ref();
        let token = replica.and_then(Nahtlos::request_token);
        if let (Some(item), Some(token)) = (item, token) {
            self.send_forbidden(device, token, "key for nobody", item);
        }
        if self.devices[device].replica.is_some() {
            self.rotate_section(device, &JOURNAL);
        }
    }
}
