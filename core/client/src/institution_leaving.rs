//! An institution leaves the network: what ends with it, what stays, and who can sign it.
//!
//! Its part in the network is a grant in the network's log, so that only who manages the network ends it: one
//! institution at least, the one that founded it. The others ask ([`OwnLeaving::signed_by`]).

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, authority};
use serde::Serialize;

use crate::ending::{Ending, Reason};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// What an institution's leaving would end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstitutionLeaving {
    /// Its name.
    pub institution: String,
    /// Its teams, by name.
    pub teams: Vec<String>,
    /// Grants on sections that this device manages, which end with it.
    pub grants_ended: u64,
    /// Sections that others manage and that stay shared with its teams until those end it.
    pub left_to_others: u64,
}

/// What one's own institution's leaving means, as far as this device knows, and who can sign it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnLeaving {
    /// Its name.
    pub institution: String,
    /// Its teams, by name.
    pub teams: Vec<String>,
    /// Cases that one of its people leads: nobody in the network can take them over afterwards.
    pub cases_led: u64,
    /// Sections that its teams manage and others may open.
    pub shared_by_it: u64,
    /// Sections that others manage and its teams may open.
    pub shared_with_it: u64,
    /// Edits that were typed on this device and are not delivered.
    pub undelivered: u64,
    /// Other devices of its people: what was typed there and is not delivered reaches nobody afterwards.
    pub other_devices: u64,
    /// The other institutions that can sign it, by name.
    pub signed_by: Vec<String>,
    /// Whether this device can, too.
    pub signs_itself: bool,
}

impl Nahtlos {
    /// What removing an institution from the network would end; refused where it is not possible.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`] where this device does not manage the network,
    /// [`ClientError::LastManager`].
    pub fn preview_institution_leaving(
        &self,
        institution: &SpaceId,
    ) -> Result<InstitutionLeaving, ClientError> {
        let network = self.network()?;
        self.preview_end(&Ending::Member(network, *institution))?;
        let directory = self.directory()?;
        let id = institution.to_string();
        let teams = directory
            .teams
            .values()
            .filter(|card| card.institution == id);
        let (own, others) = self.rights_of_institution(institution)?;
        Ok(InstitutionLeaving {
            institution: directory.institution_name(institution),
            teams: teams.map(|card| card.name.clone()).collect(),
            grants_ended: own.len() as u64,
            left_to_others: others,
        })
    }

    /// Removes an institution from the network, and ends what its teams and people may open of the sections
    /// that this device manages. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_institution_leaving`]; nothing is decided then.
    pub fn remove_institution(&mut self, institution: &SpaceId) -> Result<(), ClientError> {
        self.preview_institution_leaving(institution)?;
        let network = self.network()?;
        let (own, _) = self.rights_of_institution(institution)?;
        self.all_or_nothing(|this| {
            for (space, grant) in own {
                this.end(&Ending::Grant(space, grant), Reason::Left)?;
            }
            this.end(&Ending::Member(network, *institution), Reason::Left)
        })
    }

    /// Live grants of sections to an institution's teams and people: those that this device may end, and
    /// in how many sections others may.
    fn rights_of_institution(
        &self,
        institution: &SpaceId,
    ) -> Result<(Vec<(SpaceId, GrantId)>, u64), ClientError> {
        let mut members = self.groups_beneath(institution)?;
        // What came into the institution that this one became stays by that one.
        let now = self.shared_directory()?.goes_on_as(institution);
        if now != *institution {
            let theirs = self.groups_beneath(&now)?;
            members.retain(|member| !theirs.contains(member));
        }
        let (mut own, mut others) = (Vec::new(), 0);
        for space in self.with_all_above(members.iter().copied())? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            if state.kind() != Kind::Section {
                continue;
            }
            let theirs = state.live_grants().filter(|grant| match grant.member {
                MemberId::Space(member) => members.contains(&member),
                MemberId::Device(_) => false,
            });
            let theirs: Vec<GrantId> = theirs.map(|grant| grant.id).collect();
            let may_end = authority::right(&self.logs(), &self.device_id, &space).changes_members();
            if may_end {
                own.extend(theirs.into_iter().map(|grant| (space, grant)));
            } else {
                others += u64::from(!theirs.is_empty());
            }
        }
        Ok((own, others))
    }

    /// An institution, and its teams and people.
    pub(crate) fn groups_beneath(
        &self,
        institution: &SpaceId,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut members = BTreeSet::new();
        let mut waiting = vec![*institution];
        while let Some(group) = waiting.pop() {
            let Some(state) = self.logs().load(&group)?.filter(|_| members.insert(group)) else {
                continue;
            };
            waiting.extend(state.live_grants().filter_map(space_of));
        }
        Ok(members)
    }

    /// Whether an institution is in the network still.
    #[must_use]
    pub fn is_in_network(&self, institution: &SpaceId) -> bool {
        let network = self
            .device
            .network
            .and_then(|network| self.logs().state(&network));
        network.is_some_and(|state| {
            let mut grants = state.live_grants();
            grants.any(|grant| grant.member == MemberId::Space(*institution))
        })
    }

    /// What one's own institution's leaving means and who can sign it. Nothing is changed.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; [`ClientError::NotFound`] where it left before; where the vault cannot
    /// be read.
    pub fn preview_own_leaving(&self) -> Result<OwnLeaving, ClientError> {
        let (institution, network) = (self.institution()?, self.network()?);
        if !self.is_in_network(&institution) {
            return Err(ClientError::NotFound {
                what: "institution of this network",
                input: self.directory()?.institution_name(&institution),
            });
        }
        let directory = self.directory()?;
        let id = institution.to_string();
        let own_teams = directory.teams.values();
        let own_teams =
            own_teams.filter(|card| card.institution == id && card.merged_into.is_none());
        let people = self.person_spaces_beneath(&institution);
        let led =
            |lead: &String| SpaceId::from_hex(lead).is_some_and(|lead| people.contains(&lead));
        let cases = self.cases()?;
        let (shared_by_it, shared_with_it) = self.sections_across(&institution)?;
        Ok(OwnLeaving {
            institution: directory.institution_name(&institution),
            teams: own_teams.map(|card| card.name.clone()).collect(),
            cases_led: cases
                .iter()
                .filter(|line| line.summary.lead_person.as_ref().is_some_and(led))
                .count() as u64,
            shared_by_it,
            shared_with_it,
            other_devices: self.other_devices_of(&people),
            undelivered: cases.iter().map(|line| line.undelivered).sum(),
            signed_by: self
                .who_manages_the_network(&network)?
                .iter()
                .filter(|other| **other != institution)
                .map(|other| directory.institution_name(other))
                .collect(),
            signs_itself: self
                .preview_end(&Ending::Member(network, institution))
                .is_ok(),
        })
    }

    /// One's own institution leaves the network. What it shared, and what was shared with it, stays with
    /// those who hold it; the relay takes and gives nothing of content to its people from then on. Decided
    /// now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the network; [`ClientError::LastManager`]
    /// where no other institution does.
    pub fn leave_network(&mut self) -> Result<(), ClientError> {
        let ending = Ending::Member(self.network()?, self.institution()?);
        self.end(&ending, Reason::Left)
    }

    /// Devices of people, but for this one.
    fn other_devices_of(&self, people: &BTreeSet<SpaceId>) -> u64 {
        let mut devices = BTreeSet::new();
        for state in people.iter().filter_map(|person| self.logs().state(person)) {
            devices.extend(state.live_grants().filter_map(|grant| match grant.member {
                MemberId::Device(device) if device != self.device_id => Some(device),
                _ => None,
            }));
        }
        devices.len() as u64
    }

    fn who_manages_the_network(&self, network: &SpaceId) -> Result<BTreeSet<SpaceId>, ClientError> {
        let state = self.logs().load(network)?;
        let changes_members = |grant: &&Grant| {
            grant.is_confirmed() && matches!(grant.role, Role::Manage | Role::Administer)
        };
        let managers = state.iter().flat_map(|state| state.live_grants());
        let managers = managers.filter(changes_members).filter_map(space_of);
        Ok(managers.collect())
    }

    /// In how many sections an institution and others meet: those that it manages, and those that others do.
    fn sections_across(&self, institution: &SpaceId) -> Result<(u64, u64), ClientError> {
        let members = self.groups_beneath(institution)?;
        let (mut by_it, mut with_it) = (0, 0);
        for space in self.with_all_above(members.iter().copied())? {
            let state = self.logs().load(&space)?;
            let Some(state) = state.filter(|state| state.kind() == Kind::Section) else {
                continue;
            };
            let is_its = |grant: &Grant| space_of(grant).is_some_and(|id| members.contains(&id));
            let manages = |grant: &Grant| grant.is_confirmed() && grant.role == Role::Manage;
            let holds = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
            let held: Vec<&Grant> = state.live_grants().filter(holds).collect();
            let is_managed = held.iter().any(|grant| is_its(grant) && manages(grant));
            if is_managed {
                by_it += u64::from(held.iter().any(|grant| !is_its(grant)));
            } else {
                with_it += u64::from(held.iter().any(|grant| is_its(grant)));
            }
        }
        Ok((by_it, with_it))
    }
}

fn space_of(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(member) => Some(member),
        MemberId::Device(_) => None,
    }
}
