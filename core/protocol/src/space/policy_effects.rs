//! What an institution says about how it admits (`Policy`), and what follows where it takes two
//! administrators to make one: an addition of an administrator waits for another one, and so does
//! whatever else would make somebody an administrator by one word alone.

use std::collections::BTreeSet;

use super::authority::{self, At, Logs};
use super::kind::{Kind, Role};
use super::replay::{Context, ReplayError, contradiction};
use super::state::{Grant, MemberId, Policy, PolicyRecord, SpaceState};
use crate::identifier::{DeviceId, SpaceId};

impl SpaceState {
    /// How the institution admits, by its whole log.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy_at(self.length().saturating_add(1))
    }

    /// How the institution admitted when its log had this length.
    #[must_use]
    pub fn policy_at(&self, length: u64) -> Policy {
        let said = self.policies.iter().rev();
        let mut in_force = said.filter(|record| record.takes_effect && record.at < length);
        in_force
            .next()
            .map_or(Policy::FIRST, |record| record.policy)
    }

    /// What one administrator proposed and another one has not said yet.
    #[must_use]
    pub fn proposed_policy(&self) -> Option<&PolicyRecord> {
        self.policies.last().filter(|record| !record.takes_effect)
    }

    pub(super) fn apply_policy(
        &mut self,
        administrators: u8,
        compares: bool,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Manage), "Policy")?;
        if self.kind != Kind::Institution {
            return Err(contradiction("Policy", "only an institution has one"));
        }
        if !(1..=2).contains(&administrators) {
            return Err(contradiction("Policy", "one administrator or two"));
        }
        let (asked, present) = (
            Policy {
                administrators,
                compares,
            },
            self.policy(),
        );
        let proposed = self.proposed_policy().copied();
        if asked == present && proposed.is_none() {
            return Err(contradiction("Policy", "it changes nothing"));
        }
        if asked.takes_two() && !present.takes_two() && !self.may_take_two(context) {
            return Err(contradiction(
                "Policy",
                "it takes two people who manage the institution, and nobody else may manage it or wait to",
            ));
        }
        // What one administrator proposed, and another one says too. Dropping a proposal takes one.
        let is_seconded = proposed.is_some_and(|record| {
            record.policy == asked
                && self.is_another_administrator(&context.author, &record.by, context)
        });
        self.policies.push(PolicyRecord {
            at: context.index,
            by: context.author,
            policy: asked,
            takes_effect: !present.takes_two() || asked == present || is_seconded,
        });
        Ok(())
    }

    /// Whether the rule of two could be kept here: everybody who manages or administers is a person
    /// for whom somebody stands, and at least two manage.
    pub(super) fn may_take_two(&self, context: &Context<'_>) -> bool {
        let length = context.index.saturating_add(1);
        let live = self.grants.iter().filter(|grant| grant.is_live_at(length));
        let mut administering = live.filter(|grant| makes_administrator(grant.role));
        let are_people = administering
            .all(|grant| grant.is_confirmed() && self.is_person(grant.member, context.logs));
        are_people && self.managers(length) > 1
    }

    fn is_person(&self, member: MemberId, logs: &dyn Logs) -> bool {
        match member {
            MemberId::Space(space) => logs
                .state(&space)
                .is_some_and(|state| state.kind == Kind::Person),
            MemberId::Device(_) => false,
        }
    }

    /// Members with a live and confirmed grant of `manage`, each counted once.
    pub(super) fn managers(&self, length: u64) -> usize {
        let live = self.grants.iter().filter(|grant| {
            grant.is_live_at(length) && grant.is_confirmed() && grant.role == Role::Manage
        });
        let members: BTreeSet<MemberId> = live.map(|grant| grant.member).collect();
        members.len()
    }

    /// Whether a grant of this role waits here for another administrator.
    pub(super) fn waits_for_another(&self, role: Role) -> bool {
        self.kind == Kind::Institution && makes_administrator(role) && self.policy().takes_two()
    }

    /// What an addition of an administrator must be where it takes two: a person, so that it can be
    /// seen who is another one.
    pub(super) fn check_administrator(
        &self,
        role: Role,
        member: MemberId,
        logs: &dyn Logs,
    ) -> Result<(), ReplayError> {
        if self.waits_for_another(role) && !self.is_person(member, logs) {
            return Err(contradiction(
                "Add",
                "where it takes two administrators to make one, only a person is one",
            ));
        }
        Ok(())
    }

    /// Where it takes two administrators, who confirms is another one than who added: an administrator
    /// of this institution; or, from above, a device of somebody who has none left and whose guardian
    /// this institution is. (Otherwise one alone would revoke a second one's devices, add one of their
    /// own in their place, and be two.)
    pub(super) fn require_second(
        &self,
        grant: &Grant,
        through: SpaceId,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        if grant.is_confirmed() {
            return Ok(());
        }
        if self.waits_for_another(grant.role) {
            let is_another =
                self.is_another_administrator(&context.author, &grant.added_by, context);
            return context.require(is_another, "Confirm");
        }
        let from_above = self.kind == Kind::Person && through != self.id;
        let guardian = self.guardian.filter(|_| from_above);
        let Some(guardian) = guardian.and_then(|guardian| context.logs.state(&guardian)) else {
            return Ok(());
        };
        let length = context.at.length(&guardian);
        if guardian.kind != Kind::Institution || !guardian.policy_at(length).takes_two() {
            return Ok(());
        }
        let (author, adder) = (&context.author, &grant.added_by);
        let is_another = is_another(&guardian, length, author, adder, context.logs, context.at);
        context.require(is_another, "Confirm")
    }

    fn is_another_administrator(
        &self,
        device: &DeviceId,
        than: &DeviceId,
        context: &Context<'_>,
    ) -> bool {
        is_another(self, context.index, device, than, context.logs, context.at)
    }

    /// What became stricter on a lost branch is stricter here, if it can be kept.
    pub(super) fn adopt_policy(&mut self, tip: &Self, fork: u64, context: &Context<'_>) {
        let (before, there, here) = (self.policy_at(fork), tip.policy(), self.policy());
        let takes_two = there.takes_two() && !before.takes_two() && !here.takes_two();
        let adopted = Policy {
            administrators: if takes_two && self.may_take_two(context) {
                there.administrators
            } else {
                here.administrators
            },
            compares: here.compares || (there.compares && !before.compares),
        };
        if adopted != here {
            self.policies.push(PolicyRecord {
                at: context.index,
                by: context.author,
                policy: adopted,
                takes_effect: true,
            });
        }
    }
}

/// Whether a device belongs to a person who manages an institution, in whose log another device never
/// stood.
#[must_use]
pub fn is_another(
    institution: &SpaceState,
    length: u64,
    device: &DeviceId,
    than: &DeviceId,
    logs: &dyn Logs,
    at: At<'_>,
) -> bool {
    let grants = institution.grants.iter();
    let mut managing = grants.filter(|grant| {
        grant.is_live_at(length)
            && grant.is_confirmed_at(length)
            && grant.role_at(length) == Role::Manage
    });
    managing.any(|grant| {
        let MemberId::Space(person) = grant.member else {
            return false;
        };
        let person = logs.state(&person);
        person.is_some_and(|person| {
            let known = at.length(&person);
            let role = authority::content_role(logs, device, &person, known, at);
            let stood = person.devices.get(than).map(|stood| stood.added_at);
            person.kind == Kind::Person
                && role >= Some(Role::Write)
                && stood.is_none_or(|added_at| added_at >= known)
        })
    })
}

/// Whether a role in an institution makes an administrator.
fn makes_administrator(role: Role) -> bool {
    matches!(role, Role::Manage | Role::Administer)
}
