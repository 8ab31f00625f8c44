//! What people do at random: they write, share, withdraw, change roles, change keys, invite, and decide about
//! what is held.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::Nahtlos;
use nahtlos_client::ending::{Ending, Reason};
use nahtlos_client::rotation::Rotation;
use nahtlos_client::share::Terms;
use nahtlos_client::vault::KeyDerivation;
use nahtlos_protocol::space::Role;
use nahtlos_protocol::space::state::MemberId;

use super::checks::document;
use super::device::Device;
use super::line::Line;
use super::scene::{DEVICES, SCENE, TEAMS, introduction, person};
use super::world::{DEPTH_MAX, Typed, World};
use crate::scene::correction;
use crate::{PASSPHRASE, note};

/// What somebody may do.
#[derive(Clone, Copy, Debug)]
enum Work {
    Note,
    Correction,
    Name,
    Grant,
    Withdraw,
    SetRole,
    RemovePerson,
    Rotate,
    Adopt,
    Discard,
    Confirm,
    Refuse,
    Retry,
    DropDecision,
    Invite,
    RevokeDevice,
    Snapshot,
    Close,
    Erase,
}

const OFTEN: [(u64, Work); 19] = [
    (45, Work::Note),
    (5, Work::Correction),
    (8, Work::Name),
    (9, Work::Grant),
    (6, Work::Withdraw),
    (6, Work::SetRole),
    (3, Work::RemovePerson),
    (4, Work::Rotate),
    (5, Work::Adopt),
    (4, Work::Discard),
    (3, Work::Confirm),
    (1, Work::Refuse),
    (2, Work::Retry),
    (1, Work::DropDecision),
    (2, Work::Invite),
    (1, Work::RevokeDevice),
    (5, Work::Snapshot),
    (1, Work::Close),
    (2, Work::Erase),
];
/// Newcomers in one run.
const NEWCOMERS_MAX: u64 = 2;

impl World {
    /// Somebody does something.
    pub(super) fn work(&mut self) {
        let (Some(device), Some(work)) = (self.somebody(), self.chance.weighted(&OFTEN)) else {
            return;
        };
        match work {
            Work::Note => self.type_note(device, None),
            Work::Correction => {
                let of = self.chance.below(self.next_note);
                self.type_note(device, Some(of));
            }
            Work::Name => self.name_somebody(device),
            Work::Grant => self.grant(device),
            Work::Withdraw => self.withdraw(device),
            Work::SetRole => self.set_role(device),
            Work::RemovePerson => self.remove_person(device),
            Work::Rotate => self.rotate(device),
            Work::Adopt | Work::Discard => self.decide_held(device, matches!(work, Work::Adopt)),
            Work::Confirm | Work::Refuse => {
                self.decide_waiting(device, matches!(work, Work::Confirm));
            }
            Work::Retry | Work::DropDecision => {
                self.decide_returned(device, matches!(work, Work::Retry));
            }
            Work::Invite => self.invite_somebody(device),
            Work::RevokeDevice => self.revoke_device(device),
            Work::Snapshot => self.snapshot(device),
            Work::Close => self.close(device),
            Work::Erase => self.erase(device),
        }
    }

    fn section(&mut self) -> SectionKind {
        if self.chance.percent(75) {
            SectionKind::Journal
        } else {
            SectionKind::Core
        }
    }

    fn role(&mut self) -> Role {
        let roles = [Role::Read, Role::Write, Role::Write, Role::Manage];
        *self.chance.one_of(&roles).unwrap_or(&Role::Read)
    }

    /// A team, or now and then a person.
    fn member(&mut self) -> String {
        if self.chance.percent(70) {
            (*self.chance.one_of(&TEAMS).unwrap_or(&TEAMS[0])).to_owned()
        } else {
            let device = self.chance.below(self.devices.len() as u64);
            let device = usize::try_from(device).unwrap_or(0);
            person(&self.devices[device].owner)
        }
    }

    pub(super) fn type_note(&mut self, device: usize, corrects: Option<u64>) {
        let number = self.next_note;
        self.next_note += 1;
        let edit = match corrects {
            None => note(number),
            Some(of) => correction(number, of),
        };
        let case = SCENE.case.clone();
        let what = match corrects {
            None => format!("note: entry {number}"),
            Some(of) => format!("correction: entry {number} of {of}"),
        };
        let typed = self.act(device, &what, |replica| replica.edit_case(&case, &[edit]));
        if typed.is_some() {
            self.typed.push(Typed {
                device,
                kind: SectionKind::Journal,
                text: format!("entry {number}"),
            });
        }
    }

    fn name_somebody(&mut self, device: usize) {
        let number = self.next_note;
        self.next_note += 1;
        let Ok(name) = Name::parse(&format!("Name {number}")) else {
            return;
        };
        let edit = Edit::Core(CoreEdit::Set(CoreField::CallName(name)));
        let case = SCENE.case.clone();
        self.act(device, &format!("name: {number}"), |replica| {
            replica.edit_case(&case, &[edit])
        });
    }

    fn grant(&mut self, device: usize) {
        let (kind, role, member) = (self.section(), self.role(), self.member());
        let (from_now, ends) = (self.chance.percent(8), self.chance.percent(10));
        self.grant_to(device, &kind, role, &member, (from_now, ends));
    }

    pub(super) fn grant_to(
        &mut self,
        device: usize,
        kind: &SectionKind,
        role: Role,
        member: &str,
        (from_now, ends): (bool, bool),
    ) {
        let until = self.time.load(Ordering::SeqCst) + self.chance.below(7_200_000);
        let mut what = format!("grant: {} to {member} ({})", kind.code(), role.word());
        for (is, word) in [(from_now, ", from now"), (ends, ", for a while")] {
            what.push_str(if is { word } else { "" });
        }
        let done = self.act(device, &what, |replica| {
            let case = replica.find_case(&SCENE.case)?;
            let id = replica.directory()?.find_member(member)?;
            let mut terms = Terms::new(role, "AVG35a1").until(ends.then_some(until));
            if from_now {
                terms = terms.from_now();
            }
            replica.grant(&case, kind, &id, &terms)
        });
        for (is, word) in [(from_now, "from now"), (ends, "for a while")] {
            if is && done.is_some() {
                self.coverage.count(format!("work: grant {word}"));
            }
        }
    }

    fn withdraw(&mut self, device: usize) {
        let (kind, member) = (self.section(), self.member());
        self.withdraw_from(device, &kind, &member);
    }

    pub(super) fn withdraw_from(&mut self, device: usize, kind: &SectionKind, member: &str) {
        let what = format!("withdraw: {} from {member}", kind.code());
        self.act(device, &what, |replica| {
            let case = replica.find_case(&SCENE.case)?;
            let id = replica.directory()?.find_member(member)?;
            let ending = replica.withdrawal(&case, kind, &id)?;
            replica.end(&ending, Reason::BasisEnded)
        });
    }

    fn set_role(&mut self, device: usize) {
        let (kind, role) = (self.section(), self.role());
        let place = self.chance.bits();
        let what = format!("role: {} of some grant to {}", kind.code(), role.word());
        self.act(device, &what, |replica| {
            let case = replica.find_case(&SCENE.case)?;
            let space = case.section(&kind)?;
            let grants = replica.grants_of(&space);
            let place = usize::try_from(place % grants.len().max(1) as u64).unwrap_or(0);
            match grants.get(place) {
                Some(grant) => replica.set_role(&space, &grant.id, role),
                None => Ok(()),
            }
        });
    }

    /// Somebody leaves a team, or comes back to it.
    fn remove_person(&mut self, device: usize) {
        let (name, institution) = *self.chance.one_of(&DEVICES).unwrap_or(&DEVICES[0]);
        let leaves = self.chance.percent(60);
        self.leave_or_come(device, name, institution, leaves);
    }

    pub(super) fn leave_or_come(
        &mut self,
        device: usize,
        name: &str,
        institution: &str,
        leaves: bool,
    ) {
        let team = format!("{institution} Team 1");
        let word = if leaves { "remove" } else { "add" };
        let what = format!("{word}: {} and {team}", person(name));
        self.act(device, &what, |replica| {
            let directory = replica.directory()?;
            let team = directory.find_team(&team)?;
            let member = directory.find_member(&person(name))?;
            if leaves {
                replica.end(&Ending::Member(team, member), Reason::Left)
            } else {
                let known = replica.grants_of(&team);
                let stands = known
                    .iter()
                    .any(|grant| grant.member == MemberId::Space(member));
                if stands {
                    return Ok(());
                }
                replica.add_member(&team, &member, Role::Write, false)
            }
        });
    }

    /// Somebody new joins the team of whoever invites.
    pub(super) fn invite_somebody(&mut self, device: usize) {
        if self.newcomers >= NEWCOMERS_MAX {
            return;
        }
        let name = format!("neu{}", self.newcomers + 1);
        let text = self.act(device, &format!("invite: {name}"), |replica| {
            let directory = replica.directory()?;
            let team = replica.status()?.team.unwrap_or_default();
            let team = directory.find_team(&team)?;
            replica.invite_person(&team, Role::Write, &name)
        });
        let Some(text) = text else {
            return;
        };
        self.newcomers += 1;
        // The invitation is good once who invites has synced.
        self.sync(device, 1);
        let Some(joiner) = self.new_home(&name) else {
            return;
        };
        let Some(mut replica) = self.devices[joiner].replica.take() else {
            return;
        };
        let mut line = Line {
            world: self,
            device: joiner,
            depth: DEPTH_MAX,
        };
        let joined = replica.join_as_person(&mut line, &text, &introduction(&name));
        let word = joined
            .as_ref()
            .map_or_else(|error| error.code(), |()| "asked");
        self.story
            .tell(format!("{name} answers the invitation: {word}"));
        self.devices[joiner].replica = Some(replica);
    }

    /// A new home, whose device nobody knows yet.
    pub(super) fn new_home(&mut self, name: &str) -> Option<usize> {
        let home = self.directory.path().join(name);
        let created = Nahtlos::create(&home, PASSPHRASE, KeyDerivation::fast_for_tests());
        let Ok(replica) = created else {
            self.fail("a new home cannot be made");
            return None;
        };
        let mut newcomer = Device::with(name, home, replica, &self.time);
        newcomer.newcomer = true;
        let place = self.devices.len();
        self.add(newcomer, Arc::default());
        Some(place)
    }

    fn revoke_device(&mut self, device: usize) {
        let place = self.chance.below(self.devices.len() as u64);
        let place = usize::try_from(place).unwrap_or(0);
        let other = &self.devices[place];
        let in_no_home = other.seed.is_some().then(|| self.device_ids[place]);
        let id = other.replica.as_ref().map(Nahtlos::device_id);
        let Some(id) = id.or(in_no_home) else {
            return;
        };
        let what = format!("revoke: the device of {}", other.name);
        self.act(device, &what, |replica| {
            let ending = replica.device_to_revoke(&id.to_string())?;
            replica.end(&ending, Reason::DeviceLost)
        });
    }

    fn snapshot(&mut self, device: usize) {
        let kind = self.section();
        self.snapshot_of(device, &kind);
    }

    pub(super) fn snapshot_of(&mut self, device: usize, kind: &SectionKind) {
        let what = format!("snapshot: {}", kind.code());
        self.act(device, &what, |replica| {
            let case = replica.find_case(&SCENE.case)?;
            replica.hostile_snapshot(&case.section(kind)?, &|_| ())
        });
        self.note_sealed_early(device);
    }

    fn close(&mut self, device: usize) {
        let kind = self.section();
        self.close_section(device, &kind);
    }

    pub(super) fn close_section(&mut self, device: usize, kind: &SectionKind) {
        self.act(device, &format!("close: {}", kind.code()), |replica| {
            let case = replica.find_case(&SCENE.case)?;
            replica.close_section(&case, kind)
        });
    }

    fn erase(&mut self, device: usize) {
        let Some(replica) = &self.devices[device].replica else {
            return;
        };
        let lost = replica.lost_sections().unwrap_or_default();
        let Some(one) = self.chance.one_of(&lost).cloned() else {
            return;
        };
        let kind = SectionKind::from_code(&one.section);
        let had = document(replica, &kind).unwrap_or_default();
        let undelivered = replica.undelivered().ok();
        let undelivered = serde_json::to_string(&undelivered).unwrap_or_default();
        let erased = self.act(device, &format!("erase: {}", one.section), |replica| {
            replica.erase_lost(&one.space)
        });
        if erased.is_some() {
            let own = self.typed.iter().filter(|typed| {
                let text = format!("\"{}\"", typed.text);
                typed.device == device && had.contains(&text) && !undelivered.contains(&text)
            });
            self.erased.extend(own.map(|typed| typed.text.clone()));
        }
    }

    fn rotate(&mut self, device: usize) {
        let kind = self.section();
        self.rotate_section(device, &kind);
    }

    pub(super) fn rotate_section(&mut self, device: usize, kind: &SectionKind) {
        let Some(mut replica) = self.devices[device].replica.take() else {
            return;
        };
        let space = replica
            .find_case(&SCENE.case)
            .and_then(|case| case.section(kind));
        let name = self.devices[device].name.clone();
        self.story
            .tell(format!("{name} changes the key of {}", kind.code()));
        if let Ok(space) = space {
            let mut line = Line {
                world: self,
                device,
                depth: 0,
            };
            let rotation = Rotation::Spaces(vec![space]);
            let rotated = replica.rotate_now(&mut line, &rotation, &mut |_| {});
            let word = match &rotated {
                Ok(rotated) if rotated.keys.rotated > 0 => "work: rotate",
                Ok(_) => "work: rotate nothing",
                Err(_) => "work: rotate later",
            };
            self.coverage.count(word);
        }
        self.devices[device].replica = Some(replica);
    }

    pub(super) fn decide_held(&mut self, device: usize, adopts: bool) {
        let place = self.chance.bits();
        let word = if adopts { "adopt" } else { "discard" };
        let Some(replica) = &self.devices[device].replica else {
            return;
        };
        let Ok(held) = replica.held_list() else {
            self.fail("what is held cannot be listed");
            return;
        };
        let place = usize::try_from(place % held.len().max(1) as u64).unwrap_or(0);
        let Some(one) = held.get(place).map(|one| one.id.clone()) else {
            return;
        };
        let shown = replica.held_show(&one).map(|shown| shown.differences);
        let shown = shown.map_or_else(|_| String::new(), |shown| format!("{shown:?}"));
        let what = format!("{word}: {}", one.chars().take(8).collect::<String>());
        let decided = self.act(device, &what, |replica| {
            if adopts {
                replica.held_adopt(&one)
            } else {
                replica.held_discard(&one, "not needed")
            }
        });
        // A program may end after what it was told to do is done.
        let replica = self.devices[device].replica.as_ref();
        let is_put_away = |replica: &Nahtlos| {
            let listed = replica.held_list();
            listed.is_ok_and(|listed| listed.iter().all(|held| held.id != one))
        };
        if !adopts && (decided.is_some() || replica.is_some_and(is_put_away)) {
            if let Some(people) = &mut self.people {
                people.discarded.push(shown.clone());
            }
            // What somebody wrote themselves and put away need not be anywhere.
            self.typed.retain(|typed| {
                typed.device != device || !shown.contains(&format!("\"{}\"", typed.text))
            });
        }
    }

    fn decide_waiting(&mut self, device: usize, confirms: bool) {
        let word = if confirms { "confirm" } else { "refuse" };
        let Some(replica) = &self.devices[device].replica else {
            return;
        };
        let waiting = replica.waiting_members().unwrap_or_default();
        let Some(one) = self.chance.one_of(&waiting).cloned() else {
            return;
        };
        self.act(device, &format!("{word}: {}", one.member), |replica| {
            if confirms {
                replica.confirm(&one.grant, &one.fingerprint)
            } else {
                replica.refuse(&one.grant)
            }
        });
    }

    fn decide_returned(&mut self, device: usize, again: bool) {
        let word = if again { "retry" } else { "drop decision" };
        let Some(replica) = &self.devices[device].replica else {
            return;
        };
        let decisions = replica.decisions().unwrap_or_default();
        let Some(one) = self.chance.one_of(&decisions).cloned() else {
            return;
        };
        self.act(device, &format!("{word}: {}", one.what), |replica| {
            if again {
                replica.retry_decision(&one.id)
            } else {
                replica.drop_decision(&one.id)
            }
        });
    }
}
