//! What handing a case over does in each of its sections: who manages it, and whether it needs a new key.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::identifier::{GrantId, RecipientId, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};

use super::Parties;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

/// What becomes of one section.
pub(super) enum SectionStep {
    NewKey,
    Raise(GrantId),
    NotShared,
    Nothing,
}

impl Nahtlos {
    pub(super) fn section_steps(
        &self,
        parties: &Parties,
        kind: &SectionKind,
        state: &SpaceState,
    ) -> Result<[SectionStep; 2], ClientError> {
        let right = authority::right(&self.logs(), &self.device_id, &state.id());
        let is_open = state.closed_at().is_none();
        let needs_key = is_open
            && right.at_least(Role::Write)
            && self.held_by(state, &parties.from)
            && !self.will_read(state, &parties.from)?;
        let key = if needs_key {
            SectionStep::NewKey
        } else {
            SectionStep::Nothing
        };
        let access = self.access_step(parties, state, right.at_least(Role::Manage));
        Ok([
            match (&access, kind.as_slice()) {
                // A slice is written for who does not read the section: its receiver never manages it.
                (SectionStep::Raise(_), Some(_)) => SectionStep::Nothing,
                _ => access,
            },
            key,
        ])
    }

    /// What the new lead needs in a section: nothing where their team manages it.
    fn access_step(&self, parties: &Parties, state: &SpaceState, manages: bool) -> SectionStep {
        let stands = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let theirs = state.live_grants().filter(stands);
        let theirs = theirs.filter(|grant| self.leads_to(grant, &parties.to));
        match theirs.max_by_key(|grant| grant.role) {
            None => SectionStep::NotShared,
            Some(grant) if grant.role == Role::Manage => SectionStep::Nothing,
            Some(grant) if manages && state.closed_at().is_none() => SectionStep::Raise(grant.id),
            Some(_) => SectionStep::Nothing,
        }
    }

    /// Whether a person ever had the present key: it was wrapped to them, or to a team they were in.
    fn held_by(&self, state: &SpaceState, person: &SpaceId) -> bool {
        let Some(epoch) = state.current_epoch() else {
            return false;
        };
        let ever_member = |space: &SpaceId| {
            let state = self.logs().state(space);
            state.is_some_and(|state| {
                let mut grants = state.grants().iter();
                grants.any(|grant| grant.member == MemberId::Space(*person))
            })
        };
        epoch.recipients.keys().any(|recipient| {
            let member = SpaceId(recipient.0);
            member == *person || ever_member(&member)
        })
    }

    /// Whether a person reads a section by what stands, once what was decided here is carried out.
    fn will_read(&self, state: &SpaceState, person: &SpaceId) -> Result<bool, ClientError> {
        if !self.reads_as_member(state, person) {
            return Ok(false);
        }
        let removed: Vec<SpaceId> = self
            .waiting_intents()?
            .into_iter()
            .filter_map(|record| match record.intent {
                Intent::Remove {
                    space,
                    member: Some(member),
                    ..
                } if member == RecipientId::from(*person) => Some(space),
                _ => None,
            })
            .collect();
        let stands = |grant: &&Grant| {
            let through = match grant.member {
                MemberId::Space(member) => member,
                MemberId::Device(_) => return false,
            };
            let is_out =
                removed.contains(&through) || (through == *person && removed.contains(&state.id()));
            !is_out && grant.role.holds_keys() && self.leads_to(grant, person)
        };
        let reads = state.live_grants().any(|grant| stands(&grant));
        Ok(reads)
    }

    pub(super) fn reads_as_member(&self, state: &SpaceState, person: &SpaceId) -> bool {
        let stands = |grant: &&Grant| grant.is_confirmed() && grant.role.holds_keys();
        let mut standing = state.live_grants().filter(stands);
        standing.any(|grant| self.leads_to(grant, person))
    }
}
