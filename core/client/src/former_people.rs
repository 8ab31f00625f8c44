//! People who are members of no team of their institution any more, and their devices: these stay devices
//! of theirs until somebody ends them, and must still be found, reported and ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{End, EndReason, Grant, MemberId};
use nahtlos_protocol::space::{Logs as _, SpaceState};
use serde::Serialize;

use crate::ending::Reason;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// Group in `Collection::Setting`: ends of one's own part in a team that one was told of; key = `t` ‖ grant.
const TOLD: &[u8] = b"told-of-teams";

/// The end of a person's last membership.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MemberRemoval {
    /// When, Unix milliseconds: by the relay's clock where this device has its receipt, else by the clock
    /// of who ended it.
    pub at_ms: u64,
    /// The team or institution that they left last, by name.
    pub from: String,
    /// Who ended it; none where this device does not know them.
    pub by: Option<String>,
    /// Stable word: why, where they said so.
    pub reason: Option<&'static str>,
}

/// The end of a person's part in one team, while they stay a member of another group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamLeft {
    /// The team, by name.
    pub team: String,
    /// When, as [`MemberRemoval::at_ms`].
    pub at_ms: u64,
    /// Who ended it; none where this device does not know them.
    pub by: Option<String>,
    /// Whether it was they themselves.
    #[serde(skip)]
    pub by_oneself: bool,
    /// Stable word: why, where they said so.
    pub reason: Option<&'static str>,
    /// What ended: it is told of once.
    #[serde(skip)]
    grant: GrantId,
}

/// The end of an institution's part in the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstitutionLeft {
    /// The institution, by name.
    pub institution: String,
    /// When, as [`MemberRemoval::at_ms`].
    pub at_ms: u64,
    /// Who ended it; none where this device does not know them.
    pub by: Option<String>,
    /// For which institution they did.
    pub by_institution: Option<String>,
}

impl Nahtlos {
    /// How this device's person ceased to be a member of any team or institution; none while they are one.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_removal(&self) -> Result<Option<MemberRemoval>, ClientError> {
        match self.device.person {
            Some(person) => self.member_removal(&person),
            None => Ok(None),
        }
    }

    /// People who are or were of one's institution, oneself among them: whoever is in it, or was, and has it
    /// for their guardian.
    pub(crate) fn people_ever_of_institution(&self) -> Result<Vec<SpaceId>, ClientError> {
        let institution = self.institution()?;
        let mut people: BTreeSet<SpaceId> = self.people_of_institution()?.into_iter().collect();
        let logs = self.logs();
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<SpaceId> = [self.device.network, Some(institution), self.device.team]
            .into_iter()
            .flatten()
            .collect();
        while let Some(space) = waiting.pop() {
            if !seen.insert(space) {
                continue;
            }
            let Some(state) = logs.load(&space)? else {
                continue;
            };
            if state.kind() == Kind::Person && state.guardian() == Some(institution) {
                people.insert(space);
            }
            waiting.extend(state.grants().iter().filter_map(space_of));
        }
        Ok(people.into_iter().collect())
    }

    /// How a person ceased to be a member of any team or institution; none while they are one, and for
    /// somebody who never was. Cards go on naming who left.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn member_removal(&self, person: &SpaceId) -> Result<Option<MemberRemoval>, ClientError> {
        let Some((at_ms, space, grant)) = self.last_membership_ended(person)? else {
            return Ok(None);
        };
        let directory = self.shared_directory().unwrap_or_default();
        Ok(grant.ended.map(|end| {
            let by = self.person_in_or_above(&end.by, &space);
            MemberRemoval {
                at_ms,
                from: directory.name(&space),
                by: by.map(|by| directory.person_name(&by)),
                reason: reason_of(end.reason),
            }
        }))
    }

    /// Whether this device's person, or their institution, was in the network and has left: the relay takes
    /// no operation of theirs.
    pub(crate) fn stands_outside(&self) -> Result<bool, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(false);
        };
        Ok(self.last_membership_ended(&person)?.is_some()
            || self.own_institution_end(&person)?.is_some())
    }

    /// How this device's institution ceased to take part in the network; none while it does, or another one
    /// took it over.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_institution_left(&self) -> Result<Option<InstitutionLeft>, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(None);
        };
        let Some((institution, network, end)) = self.own_institution_end(&person)? else {
            return Ok(None);
        };
        let directory = self.shared_directory().unwrap_or_default();
        let by = self.person_of_device(&end.by, &network.id());
        Ok(Some(InstitutionLeft {
            institution: directory.institution_name(&institution),
            at_ms: self
                .received_at(&network, end.at)
                .unwrap_or(end.claimed_at_ms),
            by: by.map(|(person, _)| directory.person_name(&person)),
            by_institution: by
                .and_then(|(_, theirs)| theirs)
                .map(|theirs| directory.institution_name(&theirs)),
        }))
    }

    /// The end of the grant that made this person's institution a member of the network last, with both.
    fn own_institution_end(
        &self,
        person: &SpaceId,
    ) -> Result<Option<(SpaceId, Arc<SpaceState>, End)>, ClientError> {
        let Some(institution) = self.device.institution else {
            return Ok(None);
        };
        let network = self
            .device
            .network
            .and_then(|network| self.logs().state(&network));
        let Some(network) = network.filter(|_| !self.is_in_network(&institution)) else {
            return Ok(None);
        };
        let was_in = |grant: &&Grant| space_of(grant) == Some(institution);
        let ends = network
            .grants()
            .iter()
            .filter(was_in)
            .filter_map(|grant| grant.ended);
        let Some(end) = ends.max_by_key(|end| end.at) else {
            return Ok(None);
        };
        // Another institution may have taken one's team in.
        let mut own: BTreeSet<SpaceId> = self.spaces_above(person)?.into_iter().collect();
        own.insert(*person);
        let is_own = |institution: SpaceId| {
            let state = self.logs().state(&institution);
            state.is_some_and(|state| {
                let mut members = state.live_grants().filter_map(space_of);
                members.any(|member| own.contains(&member))
            })
        };
        let is_present = network.live_grants().filter_map(space_of).any(is_own);
        Ok((!is_present).then_some((institution, network, end)))
    }

    /// The teams that this device's person was in and is in no longer, while they stay a member of another
    /// group of the institution: the latest end first. (Who is no member of anything: [`Self::own_removal`].)
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_teams_left(&self) -> Result<Vec<TeamLeft>, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(Vec::new());
        };
        if self.own_removal()?.is_some() {
            return Ok(Vec::new());
        }
        let directory = self.shared_directory().unwrap_or_default();
        let mut left = Vec::new();
        for space in self.spaces_above(&person)? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            // Who works in the team that took it over has lost nothing.
            let goes_on = directory.taken_over_by(&space);
            let goes_on = goes_on.is_some_and(|into| {
                self.logs()
                    .state(&into)
                    .is_some_and(|into| is_member(&into, &person))
            });
            if state.kind() != Kind::Team || goes_on || is_member(&state, &person) {
                continue;
            }
            let own = state
                .grants()
                .iter()
                .filter(|grant| space_of(grant) == Some(person));
            let last = own.filter_map(|grant| Some((grant, grant.ended?)));
            let Some((grant, end)) = last.max_by_key(|(_, end)| end.at) else {
                continue;
            };
            let by = self.person_in_or_above(&end.by, &space);
            left.push(TeamLeft {
                team: directory.name(&space),
                at_ms: self
                    .received_at(&state, end.at)
                    .unwrap_or(end.claimed_at_ms),
                by: by.map(|by| directory.person_name(&by)),
                by_oneself: by == Some(person),
                reason: reason_of(end.reason),
                grant: grant.id,
            });
        }
        left.sort_by_key(|one| std::cmp::Reverse(one.at_ms));
        Ok(left)
    }

    /// Of [`Self::own_teams_left`] what somebody else ended, and this device did not tell of before; each once.
    pub(crate) fn tell_of_teams_left(&mut self) -> Result<Vec<TeamLeft>, ClientError> {
        let mut new = Vec::new();
        for left in self.own_teams_left()? {
            let is_told = self
                .vault
                .contains(Collection::Setting, &told_key(&left.grant))?;
            if !left.by_oneself && !is_told {
                new.push(left);
            }
        }
        if !new.is_empty() {
            self.commit(|transaction| {
                for left in &new {
                    let key = told_key(&left.grant);
                    transaction.put(Collection::Setting, TOLD, &key, 0, b"")?;
                }
                Ok(())
            })?;
        }
        Ok(new)
    }

    /// Whether this device's person was in a team and is in it no longer.
    pub(crate) fn team_left(&self, team: &SpaceId) -> bool {
        let (Some(person), Some(state)) = (self.device.person, self.logs().state(team)) else {
            return false;
        };
        let mut own = state.grants().iter();
        let was_in = own.any(|grant| space_of(grant) == Some(person));
        was_in
            && !state
                .live_grants()
                .any(|grant| space_of(grant) == Some(person))
    }

    /// The grant that made a person a member last, where all of them have ended: when, and in which group.
    fn last_membership_ended(
        &self,
        person: &SpaceId,
    ) -> Result<Option<(u64, SpaceId, Grant)>, ClientError> {
        let mut last: Option<(u64, SpaceId, Grant)> = None;
        for space in self.spaces_above(person)? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            if !matches!(state.kind(), Kind::Team | Kind::Institution) {
                continue;
            }
            for grant in state.grants() {
                if space_of(grant) != Some(*person) {
                    continue;
                }
                let Some(end) = grant.ended else {
                    return Ok(None);
                };
                let at_ms = self.received_at(&state, end.at);
                let at_ms = at_ms.unwrap_or(end.claimed_at_ms);
                if last.as_ref().is_none_or(|(known, ..)| *known <= at_ms) {
                    last = Some((at_ms, space, grant.clone()));
                }
            }
        }
        Ok(last)
    }
}

/// Why a grant ended, as its stable word; none where nobody said.
pub(crate) fn reason_of(reason: EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Removed(code) => Reason::from_code(code)
            .filter(|reason| *reason != Reason::Unstated)
            .map(Reason::word),
        EndReason::Expired | EndReason::Voided | EndReason::Healed => None,
    }
}

fn told_key(grant: &GrantId) -> Vec<u8> {
    [b"t".as_slice(), &grant.0].concat()
}

fn is_member(group: &SpaceState, person: &SpaceId) -> bool {
    let mut members = group.live_grants();
    members.any(|grant| space_of(grant) == Some(*person))
}

fn space_of(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(space) => Some(space),
        MemberId::Device(_) => None,
    }
}
