//! Who stands behind a member: the people with a path through it, and its institution.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};

use crate::directory::Directory;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// Names of the people with a path through this member.
    pub(super) fn people_beneath(&self, member: &SpaceId, directory: &Directory) -> Vec<String> {
        let people = self.person_spaces_beneath(member);
        let mut names: Vec<String> = people
            .iter()
            .map(|person| directory.person_name(person))
            .collect();
        names.sort();
        names
    }

    /// The same people, each with the institution that confirms them.
    pub(crate) fn people_with_institution(
        &self,
        member: &SpaceId,
        directory: &Directory,
    ) -> Vec<String> {
        self.names_with_institution(&self.person_spaces_beneath(member), directory)
    }

    /// Names of people or teams, each with the institution that confirms them.
    pub(crate) fn names_with_institution(
        &self,
        members: &BTreeSet<SpaceId>,
        directory: &Directory,
    ) -> Vec<String> {
        let mut names: Vec<String> = members
            .iter()
            .map(|member| {
                let institution = self.confirmed_institution(member).map_or_else(
                    || "institution not confirmed".to_owned(),
                    |id| directory.institution_name(&id),
                );
                format!("{} ({institution})", directory.name(member))
            })
            .collect();
        names.sort();
        names
    }

    /// By identity, not by name: two people of one name are two people.
    pub(crate) fn person_spaces_beneath(&self, member: &SpaceId) -> BTreeSet<SpaceId> {
        let Some(state) = self.logs().state(member) else {
            return BTreeSet::new();
        };
        if state.kind() == Kind::Person {
            return BTreeSet::from([*member]);
        }
        state
            .live_grants()
            .filter(|grant| grant.role.holds_keys())
            .filter_map(|grant| match grant.member {
                MemberId::Space(space) => Some(self.person_spaces_beneath(&space)),
                MemberId::Device(_) => None,
            })
            .flatten()
            .collect()
    }

    /// Whether a grant is for this member, or for a space it is a member of.
    pub(crate) fn leads_to(&self, grant: &Grant, member: &SpaceId) -> bool {
        let MemberId::Space(holder) = grant.member else {
            return false;
        };
        self.is_or_leads_to(&holder, member)
    }

    pub(crate) fn is_or_leads_to(&self, holder: &SpaceId, member: &SpaceId) -> bool {
        holder == member
            || self.logs().state(holder).is_some_and(|state| {
                state
                    .live_grants()
                    .any(|inner| inner.role.holds_keys() && self.leads_to(inner, member))
            })
    }

    pub(crate) fn is_wrapped(&self, state: &SpaceState, member: &MemberId) -> bool {
        let Some(epoch) = state.current_epoch() else {
            return false;
        };
        if epoch.recipients.contains_key(&member.recipient()) {
            return true;
        }
        let MemberId::Space(space) = member else {
            return false;
        };
        self.logs().state(space).is_some_and(|below| {
            below
                .live_grants()
                .any(|grant| grant.role.holds_keys() && self.is_wrapped(state, &grant.member))
        })
    }

    /// The institution of a team or person, where that institution's own log confirms it.
    pub(crate) fn confirmed_institution(&self, member: &SpaceId) -> Option<SpaceId> {
        let logs = self.logs();
        let guardian = logs.state(member)?.guardian()?;
        let home = logs
            .state(&guardian)
            .filter(|home| home.kind() == Kind::Institution)?;
        let mut grants = home.live_grants();
        grants
            .any(|grant| self.leads_to(grant, member))
            .then_some(guardian)
    }
}
