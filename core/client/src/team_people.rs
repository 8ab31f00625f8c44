//! Who is in a team: from its replayed log, the one source for every list of teams and people. A card names one
//! team of a person, also after they left it; a log knows all who are in, and how they came in.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs as _, SpaceState};
use serde::Serialize;

use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// How somebody came into a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Joined {
    /// They founded it.
    Founded,
    /// Somebody in it, or who administers the institution, let them in.
    LetIn,
    /// The institution's recovery key let them in.
    RecoveryKey,
}

/// Somebody who is in a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamPerson {
    /// Hexadecimal id.
    pub id: String,
    /// Their name; where two are called the same, with the beginning of the id.
    pub name: String,
    /// Stable word of what they may do in it.
    pub role: &'static str,
    /// How they came in; by the recovery key, where one of their rights there is from it.
    pub joined: Joined,
    /// Since when, by the relay's clock where this device has its receipt; Unix milliseconds.
    pub since_ms: u64,
}

/// Who is in a team, and who was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TeamPeople {
    /// Who is in it, by name. The recovery key is none of them.
    pub people: Vec<TeamPerson>,
    /// Who was and is no longer, by hexadecimal id, with when they left: Unix milliseconds.
    pub left: BTreeMap<String, u64>,
}

impl TeamPeople {
    /// Somebody who is in it.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&TeamPerson> {
        self.people.iter().find(|one| one.id == id)
    }
}

/// A team that this device's person is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnTeam {
    /// The team, by name.
    pub team: String,
    /// Stable word of what they may do in it.
    pub role: &'static str,
    /// How they came in.
    pub joined: Joined,
}

impl Nahtlos {
    /// Who is in each team of the directory, by the team's hexadecimal id. A team whose log is not here is absent:
    /// nothing is known of its people on this device.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn people_of_teams(&self) -> Result<BTreeMap<String, TeamPeople>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let by_recovery = self.devices_of_recovery_keys(&directory);
        let mut teams = BTreeMap::new();
        for id in directory.teams.keys() {
            let Some(team) = SpaceId::from_hex(id) else {
                continue;
            };
            let state = self.logs().load(&team)?;
            if let Some(state) = state.filter(|state| state.kind() == Kind::Team) {
                let people = self.people_in(&state, &directory, &by_recovery);
                teams.insert(id.clone(), people);
            }
        }
        Ok(teams)
    }

    /// The teams that this device's person is in, by name.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_teams(&self) -> Result<Vec<OwnTeam>, ClientError> {
        let Some(person) = self.device.person.map(|person| person.to_string()) else {
            return Ok(Vec::new());
        };
        let directory = self.shared_directory().unwrap_or_default();
        let teams = self.people_of_teams()?;
        let mut own: Vec<OwnTeam> = teams
            .iter()
            .filter_map(|(id, people)| {
                let (one, card) = people.person(&person).zip(directory.teams.get(id))?;
                Some(OwnTeam {
                    team: card.name.clone(),
                    role: one.role,
                    joined: one.joined,
                })
            })
            .collect();
        own.sort_by(|one, other| one.team.cmp(&other.team));
        Ok(own)
    }

    fn people_in(
        &self,
        team: &SpaceState,
        directory: &Directory,
        by_recovery: &BTreeSet<DeviceId>,
    ) -> TeamPeople {
        let mut strongest: BTreeMap<SpaceId, (Role, Joined, u64)> = BTreeMap::new();
        let mut left: BTreeMap<SpaceId, u64> = BTreeMap::new();
        for grant in team.grants() {
            let MemberId::Space(person) = grant.member else {
                continue;
            };
            if is_recovery(directory, &person) {
                continue;
            }
            if let Some(end) = grant.ended {
                let at_ms = self.received_at(team, end.at);
                let at_ms = at_ms.unwrap_or(end.claimed_at_ms);
                let known = left.entry(person).or_default();
                *known = at_ms.max(*known);
                continue;
            }
            if !grant.is_confirmed() || !grant.role.holds_keys() {
                continue;
            }
            let since_ms = self.received_at(team, grant.added_at);
            let since_ms = since_ms.unwrap_or(grant.claimed_at_ms);
            let joined = joined(grant, by_recovery);
            strongest
                .entry(person)
                .and_modify(|known| {
                    *known = (
                        known.0.max(grant.role),
                        known.1.max(joined),
                        known.2.min(since_ms),
                    );
                })
                .or_insert((grant.role, joined, since_ms));
        }
        left.retain(|person, _| !strongest.contains_key(person));
        let mut people: Vec<TeamPerson> = strongest
            .into_iter()
            .map(|(person, (role, joined, since_ms))| TeamPerson {
                id: person.to_string(),
                name: directory.told_apart(&person.to_string()),
                role: role.word(),
                joined,
                since_ms,
            })
            .collect();
        people.sort_by(|one, other| one.name.cmp(&other.name));
        let left = left.into_iter().map(|(id, at_ms)| (id.to_string(), at_ms));
        TeamPeople {
            people,
            left: left.collect(),
        }
    }

    /// Every device that a recovery key ever acted with.
    fn devices_of_recovery_keys(&self, directory: &Directory) -> BTreeSet<DeviceId> {
        let members = directory
            .people
            .keys()
            .filter_map(|id| SpaceId::from_hex(id));
        let members = members.filter(|member| is_recovery(directory, member));
        let states = members.filter_map(|member| self.logs().state(&member));
        states
            .flat_map(|state| state.devices().keys().copied().collect::<Vec<_>>())
            .collect()
    }
}

fn joined(grant: &Grant, by_recovery: &BTreeSet<DeviceId>) -> Joined {
    if by_recovery.contains(&grant.added_by) {
        Joined::RecoveryKey
    } else if grant.added_at == 0 {
        Joined::Founded
    } else {
        Joined::LetIn
    }
}

/// Whether a person of the directory is an institution's recovery key.
pub(crate) fn is_recovery(directory: &Directory, person: &SpaceId) -> bool {
    let card = directory.people.get(&person.to_string());
    card.is_some_and(|card| card.recovery.is_some())
}
