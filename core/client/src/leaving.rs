//! What hangs on a person who leaves a team: what they lead, and where else they stay.

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// What a person keeps who leaves a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaving {
    /// Cases that they lead, as far as this device knows.
    pub cases_led: u64,
    /// Teams that they are in besides, by name.
    pub stays_in: Vec<String>,
    /// The institution that they administer or wait to administer, by name.
    pub administers: Option<String>,
    /// Sections that are shared with them by name.
    pub sections_by_name: u64,
    /// Devices that stand as theirs.
    pub devices: u64,
}

impl Nahtlos {
    /// What a person keeps who leaves a team.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn preview_leaving(
        &self,
        person: &SpaceId,
        team: &SpaceId,
    ) -> Result<Leaving, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let id = person.to_string();
        let cases = self.cases()?;
        let led = cases
            .iter()
            .filter(|line| line.summary.lead_person.as_ref() == Some(&id));
        let mut leaving = Leaving {
            cases_led: led.count() as u64,
            stays_in: Vec::new(),
            administers: None,
            sections_by_name: 0,
            devices: 0,
        };
        for space in self.spaces_above(person)? {
            let Some(state) = self.logs().load(&space)?.filter(|_| space != *team) else {
                continue;
            };
            let mut grants = state.live_grants();
            if !grants.any(|grant| grant.member == MemberId::Space(*person)) {
                continue;
            }
            if state.kind() == Kind::Section {
                leaving.sections_by_name += 1;
            } else if state.kind() == Kind::Institution {
                leaving.administers = Some(directory.institution_name(&space));
            } else {
                leaving.stays_in.push(directory.name(&space));
            }
        }
        if let Some(state) = self.logs().load(person)? {
            leaving.devices = state.live_grants().count() as u64;
        }
        Ok(leaving)
    }
}
