//! What the default matrix proposes for a team or person: a beginning, which a person changes.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::Field;
use nahtlos_casework::matrix::{Condition, Party, proposal};
use nahtlos_casework::role::{Function, InstitutionKind};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// What the matrix says of one section for a team or person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The section.
    pub section: SectionKind,
    /// What they may do there.
    pub role: Role,
    /// Whether the matrix asks for a consent that names this section.
    pub only_if_named: bool,
}

impl Nahtlos {
    /// What the default matrix says of these sections for a team or person: what they get by working together,
    /// and what they get only if a consent names it. A section that they get in part, by law alone, as
    /// their own, by an invitation or not at all is left out.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn proposals(
        &self,
        sections: &[SectionKind],
        member: &SpaceId,
    ) -> Result<Vec<Proposal>, ClientError> {
        let Some(party) = self.party_of(member)? else {
            return Ok(Vec::new());
        };
        let proposals = sections.iter().filter_map(|section| {
            let proposed = proposal(section, party)?;
            let only_if_named = match proposed.condition {
                Condition::TakingPart => false,
                Condition::Consent => true,
                Condition::Law | Condition::Own | Condition::Invitation | Condition::Minor => {
                    return None;
                }
            };
            let role = if proposed.writes {
                Role::Write
            } else {
                Role::Read
            };
            Some(Proposal {
                section: section.clone(),
                role,
                only_if_named,
            })
        });
        Ok(proposals.collect())
    }

    /// The column of the matrix for a team or person: coaches have one of their own, whatever their
    /// institution. None where no institution confirms them.
    pub(crate) fn party_of(&self, member: &SpaceId) -> Result<Option<Party>, ClientError> {
        let directory = self.shared_directory()?;
        let Some(institution) = self.confirmed_institution(member) else {
            return Ok(None);
        };
        let people = self.person_spaces_beneath(member);
        let is_coach = |person: &SpaceId| {
            let card = directory.people.get(&person.to_string());
            card.is_some_and(|card| card.function == Function::Coach.code())
        };
        if !people.is_empty() && people.iter().all(is_coach) {
            return Ok(Some(Party::Coach));
        }
        let card = directory.institutions.get(&institution.to_string());
        let kind = card.and_then(|card| InstitutionKind::parse(&card.kind).ok());
        Ok(kind.map(Party::Institution))
    }
}
