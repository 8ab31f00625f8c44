//! Teams that this device is not in, and what follows for them from a lost device or somebody who leaves: it
//! sees none of their cases and makes none of their keys. And teams in which nobody with a device is left.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::repair::can_act;
use crate::rotation::Rotation;

/// A team whose key a device had, or somebody who leaves, and whose cases this device does not see: what they
/// could open there is in no report and no count that is made here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamOutOfSight {
    /// The team, by name.
    pub team: String,
    /// Who of it can make the report and the new keys, by name: who writes there and has a device.
    pub people: Vec<String>,
}

/// A team in which nobody with a device would be left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamWithoutDevice {
    /// The team, by name.
    pub team: String,
    /// Whether a recovery key opens it still.
    pub is_covered: bool,
}

impl Nahtlos {
    /// The teams whose cases this device does not see, of what a rotation concerns.
    ///
    /// # Errors
    /// As [`Nahtlos::preview_rotation`].
    pub fn teams_out_of_sight(
        &self,
        rotation: &Rotation,
    ) -> Result<Vec<TeamOutOfSight>, ClientError> {
        let (teams, gone, leaver) = match rotation {
            Rotation::HeldByDevice(device) => {
                let person = self.person_of_any_device(device)?;
                (self.teams_open_to(&person, device)?, Some(*device), None)
            }
            Rotation::LostBy { person, out_of } => (vec![*out_of], None, Some(*person)),
            Rotation::Spaces(_) | Rotation::HeldBy(_) => (Vec::new(), None, None),
        };
        let directory = self.shared_directory().unwrap_or_default();
        let logs = self.logs();
        let mut unseen = Vec::new();
        for team in teams {
            let Some(state) = logs.load(&team)?.filter(|_| !self.reads(&team)) else {
                continue;
            };
            if state.kind() != Kind::Team {
                continue;
            }
            let writes = |grant: &&Grant| grant.is_confirmed() && grant.role >= Role::Write;
            let people = state.live_grants().filter(writes);
            let people = people.filter_map(member_of);
            let people = people.filter(|person| {
                Some(*person) != leaver && can_act(&logs, person, gone.as_ref(), &directory)
            });
            unseen.push(TeamOutOfSight {
                team: directory.name(&team),
                people: people
                    .map(|person| directory.told_apart(&person.to_string()))
                    .collect(),
            });
        }
        Ok(unseen)
    }

    /// The team, where nobody with a device is left in it once this person is out.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn left_without_device(
        &self,
        team: &SpaceId,
        leaver: &SpaceId,
    ) -> Result<Option<TeamWithoutDevice>, ClientError> {
        let state = self.logs().load(team)?;
        Ok(state.and_then(|state| self.without_device(&state, Some(leaver), None)))
    }

    /// The teams of its person in which nobody with a device is left once this device is revoked.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn teams_left_without_device(
        &self,
        device: &DeviceId,
    ) -> Result<Vec<TeamWithoutDevice>, ClientError> {
        let person = self.person_of_any_device(device)?;
        let mut left = Vec::new();
        for space in self.spaces_above(&person)? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            let is_in = |grant: &Grant| member_of(grant) == Some(person) && grant.is_confirmed();
            if state.kind() == Kind::Team && state.live_grants().any(is_in) {
                left.extend(self.without_device(&state, None, Some(device)));
            }
        }
        Ok(left)
    }

    fn without_device(
        &self,
        team: &SpaceState,
        leaver: Option<&SpaceId>,
        gone: Option<&DeviceId>,
    ) -> Option<TeamWithoutDevice> {
        let directory = self.shared_directory().unwrap_or_default();
        let logs = self.logs();
        let holding = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let members = team.live_grants().filter(holding);
        let members: BTreeSet<SpaceId> = members.filter_map(member_of).collect();
        let mut others = members.iter().filter(|member| Some(*member) != leaver);
        if others.any(|member| can_act(&logs, member, gone, &directory)) {
            return None;
        }
        let is_recovery = |member: &SpaceId| {
            let card = directory.people.get(&member.to_string());
            card.is_some_and(|card| card.recovery.is_some())
        };
        Some(TeamWithoutDevice {
            team: directory.name(&team.id()),
            is_covered: members.iter().any(is_recovery),
        })
    }

    fn teams_open_to(
        &self,
        person: &SpaceId,
        device: &DeviceId,
    ) -> Result<Vec<SpaceId>, ClientError> {
        let person = self.known_person(person)?;
        let reaches = self.reaches(&person, device)?.into_iter();
        let teams = reaches.filter(|(state, _)| state.kind() == Kind::Team);
        Ok(teams.map(|(state, _)| state.id()).collect())
    }

    /// Whose a device is: of one's institution, else of the network.
    pub(crate) fn person_of_any_device(&self, device: &DeviceId) -> Result<SpaceId, ClientError> {
        let institution = self.institution()?;
        let known = self.person_of_device(device, &institution);
        let network = self.network()?;
        known
            .or_else(|| self.person_of_device(device, &network))
            .map(|(person, _)| person)
            .ok_or_else(|| ClientError::NotFound {
                what: "device",
                input: device.to_string(),
            })
    }
}

fn member_of(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(member) => Some(member),
        MemberId::Device(_) => None,
    }
}
