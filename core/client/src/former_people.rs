//! People who are members of no team of their institution any more, and their devices: these stay devices
//! of theirs until somebody ends them, and must still be found, reported and ended.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Logs as _;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{EndReason, Grant, MemberId};
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
        let (Some(person), Some(institution)) = (self.device.person, self.device.institution)
        else {
            return Ok(false);
        };
        if self.last_membership_ended(&person)?.is_some() {
            return Ok(true);
        }
        let network = self
            .device
            .network
            .and_then(|network| self.logs().state(&network));
        let Some(network) = network.filter(|_| !self.is_in_network(&institution)) else {
            return Ok(false);
        };
        let was_in = |grant: &Grant| space_of(grant) == Some(institution);
        if !network.grants().iter().any(was_in) {
            return Ok(false);
        }
        // Another institution may have taken one's team in.
        let mut own: BTreeSet<SpaceId> = self.spaces_above(&person)?.into_iter().collect();
        own.insert(person);
        let mut present = network.live_grants().filter_map(space_of);
        Ok(!present.any(|institution| {
            let state = self.logs().state(&institution);
            state.is_some_and(|state| {
                let mut members = state.live_grants().filter_map(space_of);
                members.any(|member| own.contains(&member))
            })
        }))
    }

    /// That somebody else removed this device's person from a team, while they stay a member of another group
    /// of the institution, as sentences; each once. (Who is no member of anything is told at every sync:
    /// [`Self::own_removal`].)
    pub(crate) fn tell_of_teams_left(&mut self) -> Result<Vec<String>, ClientError> {
        let Some(person) = self.device.person else {
            return Ok(Vec::new());
        };
        if self.own_removal()?.is_some() {
            return Ok(Vec::new());
        }
        let directory = self.shared_directory().unwrap_or_default();
        let (mut keys, mut said) = (Vec::new(), Vec::new());
        for space in self.spaces_above(&person)? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            let mut own = state.grants().iter();
            let is_live = own.any(|grant| space_of(grant) == Some(person) && grant.ended.is_none());
            if state.kind() != Kind::Team || is_live {
                continue;
            }
            for grant in state.grants() {
                let (true, Some(end)) = (space_of(grant) == Some(person), grant.ended) else {
                    continue;
                };
                let by = self.person_in_or_above(&end.by, &space);
                let key = [b"t".as_slice(), &grant.id.0].concat();
                if by == Some(person) || self.vault.contains(Collection::Setting, &key)? {
                    continue;
                }
                keys.push(key);
                let by = by.map_or_else(|| "somebody".into(), |by| directory.person_name(&by));
                said.push(format!(
                    "you are in the team {} no longer: {by} ended it; what you had received stays readable here, nothing more of its cases arrives, and what you type in them is held for the team to decide",
                    directory.name(&space)
                ));
            }
        }
        self.commit(|transaction| {
            for key in &keys {
                transaction.put(Collection::Setting, TOLD, key, 0, b"")?;
            }
            Ok(())
        })?;
        Ok(said)
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

fn space_of(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(space) => Some(space),
        MemberId::Device(_) => None,
    }
}
