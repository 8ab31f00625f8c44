//! Institutions and teams change: they are renamed, two teams become one. (How an institution leaves the
//! network: [`crate::institution_leaving`].) A space's id stays what it is; a name is a card in the directory.

use std::collections::BTreeSet;

use nahtlos_casework::fields::FieldError;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

use crate::directory::{DirectoryEdit, InstitutionCard, PersonCard, TeamCard};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::{Nahtlos, put_device};

/// What becoming one team would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamMerge {
    /// The team that goes on only by what was shared with it.
    pub from: String,
    /// The team that goes on.
    pub into: String,
    /// People who come into the second team, and read its cases from then on.
    pub joining: Vec<String>,
    /// People of the second team who come into the first, and read its cases from then on.
    pub taking_over: Vec<String>,
    /// Sections that the first team may open, as far as this device knows.
    pub sections: u64,
}

/// Somebody who is in a team by name.
struct TeamMember {
    person: SpaceId,
    role: Role,
}

impl Nahtlos {
    /// Renames one's own institution for everybody in the network. Returns the name it had.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage it; [`ClientError::Field`] where there is
    /// another institution of this name.
    pub fn rename_institution(&mut self, name: &str) -> Result<String, ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "rename the institution")?;
        self.require_cards()?;
        let id = institution.to_string();
        let directory = self.directory()?;
        let card = directory.institutions.get(&id).cloned();
        let card = card.ok_or_else(|| not_found("institution", &id))?;
        let plain = |name: &str| name.trim().to_lowercase();
        let mut others = directory
            .institutions
            .iter()
            .filter(|(other, _)| **other != id);
        if others.any(|(_, other)| plain(&other.name) == plain(name)) {
            return Err(FieldError::new(
                "institution",
                "institution_exists",
                "there is an institution of this name already",
                "choose another name (`nahtlos institution` lists them)",
            )
            .into());
        }
        let before = card.name.clone();
        let card = InstitutionCard {
            name: name.to_owned(),
            ..card
        };
        self.write_cards(vec![DirectoryEdit::Institution { id, card }])?;
        Ok(before)
    }

    /// Renames a team of one's own institution for everybody in the network. Returns the name it had.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the institution;
    /// [`ClientError::Field`] where there is another team of this name.
    pub fn rename_team(&mut self, team: &SpaceId, name: &str) -> Result<String, ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "rename a team")?;
        self.require_cards()?;
        let card = self.own_team_card(team)?;
        let is_another = card.name.trim().to_lowercase() != name.trim().to_lowercase();
        if is_another && self.directory()?.has_team(&institution, name) {
            return Err(FieldError::new(
                "team",
                "team_exists",
                "there is a team of this name already",
                "choose another name (`nahtlos team` lists them)",
            )
            .into());
        }
        let before = card.name.clone();
        let card = TeamCard {
            name: name.to_owned(),
            ..card
        };
        let id = team.to_string();
        self.write_cards(vec![DirectoryEdit::Team { id, card }])?;
        Ok(before)
    }

    /// What becoming one team would do; refused where it is not possible.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage both teams and the institution;
    /// [`ClientError::NotFound`] where one is none of one's own institution's, or merged already.
    pub fn preview_merge(&self, from: &SpaceId, into: &SpaceId) -> Result<TeamMerge, ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "merge teams")?;
        let directory = self.directory()?;
        for team in [from, into] {
            self.require_manager(team, "merge this team")?;
            let card = self.own_team_card(team)?;
            if card.merged_into.is_some() || from == into {
                return Err(not_found("team that is not merged", &card.name));
            }
        }
        let names = |members: Vec<TeamMember>| {
            let each = members.iter();
            each.map(|member| directory.person_name(&member.person))
                .collect()
        };
        let mut sections = 0;
        for space in self.spaces_above(from)? {
            let state = self.logs().load(&space)?;
            let opens = |state: &SpaceState| {
                let mut grants = state.live_grants();
                state.kind() == Kind::Section
                    && grants.any(|grant| grant.member == MemberId::Space(*from))
            };
            sections += u64::from(state.is_some_and(|state| opens(&state)));
        }
        Ok(TeamMerge {
            from: directory.name(from),
            into: directory.name(into),
            joining: names(self.only_in(from, into)?),
            taking_over: names(self.only_in(into, from)?),
            sections,
        })
    }

    /// Makes two teams one: the people of each come into the other, so that all of them read what either
    /// may open, and the first is said to be merged into the second, where its people open cases from then
    /// on. What was shared with the first stays shared with it. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_merge`]; nothing is decided then.
    pub fn merge_teams(&mut self, from: &SpaceId, into: &SpaceId) -> Result<(), ClientError> {
        self.preview_merge(from, into)?;
        let directory = self.directory()?;
        let mut cards = vec![DirectoryEdit::Team {
            id: from.to_string(),
            card: TeamCard {
                merged_into: Some(into.to_string()),
                ..self.own_team_card(from)?
            },
        }];
        for (id, card) in &directory.people {
            // Who has no card has none to be changed: their team is the one of the log.
            let has_card =
                SpaceId::from_hex(id).is_some_and(|id| !directory.without_card.contains(&id));
            if has_card && card.team.as_deref() == Some(from.to_string().as_str()) {
                cards.push(DirectoryEdit::Person {
                    id: id.clone(),
                    card: PersonCard {
                        team: Some(into.to_string()),
                        ..card.clone()
                    },
                });
            }
        }
        self.all_or_nothing(|this| {
            for (one, other) in [(from, into), (into, from)] {
                for member in this.only_in(one, other)? {
                    this.add_member(other, &member.person, member.role, false)?;
                }
            }
            this.write_cards(cards)
        })?;
        self.follow_own_team()
    }

    /// People who are in one team and not in another. Recovery members stay where they are: a recovery key
    /// covers what it was made for.
    fn only_in(&self, one: &SpaceId, other: &SpaceId) -> Result<Vec<TeamMember>, ClientError> {
        let directory = self.directory()?;
        let is_recovery = |person: &SpaceId| {
            let card = directory.people.get(&person.to_string());
            card.is_some_and(|card| card.recovery.is_some())
        };
        let there: BTreeSet<SpaceId> = self
            .members_of(other)?
            .iter()
            .map(|one| one.person)
            .collect();
        let mut members = self.members_of(one)?;
        members.retain(|member| !there.contains(&member.person) && !is_recovery(&member.person));
        Ok(members)
    }

    /// Who is in a team, each once with the strongest role.
    fn members_of(&self, team: &SpaceId) -> Result<Vec<TeamMember>, ClientError> {
        let mut members: Vec<TeamMember> = Vec::new();
        let Some(state) = self.logs().load(team)? else {
            return Ok(members);
        };
        let stands = state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys());
        for grant in stands {
            let MemberId::Space(person) = grant.member else {
                continue;
            };
            match members.iter_mut().find(|known| known.person == person) {
                Some(known) => known.role = known.role.max(grant.role),
                None => members.push(TeamMember {
                    person,
                    role: grant.role,
                }),
            }
        }
        Ok(members)
    }

    /// Where one's own team was merged into another that this person is in by now, cases are opened there
    /// from then on.
    pub(crate) fn follow_own_team(&mut self) -> Result<(), ClientError> {
        let Some((person, team)) = self.device.person.zip(self.device.team) else {
            return Ok(());
        };
        let directory = self.shared_directory().unwrap_or_default();
        let card = directory.teams.get(&team.to_string());
        let into = card.and_then(|card| SpaceId::from_hex(card.merged_into.as_ref()?));
        let Some(into) = into else {
            return Ok(());
        };
        let is_in = |state: &SpaceState| {
            let mut grants = state.live_grants();
            grants.any(|grant| grant.is_confirmed() && grant.member == MemberId::Space(person))
        };
        if !self.logs().state(&into).is_some_and(|state| is_in(&state)) {
            return Ok(());
        }
        let mut device = self.device.clone();
        device.team = Some(into);
        self.commit(|transaction| put_device(transaction, &device))?;
        self.device = device;
        Ok(())
    }

    fn own_team_card(&self, team: &SpaceId) -> Result<TeamCard, ClientError> {
        let directory = self.directory()?;
        let card = directory.teams.get(&team.to_string()).cloned();
        let own = card.filter(|card| {
            let institution = SpaceId::from_hex(&card.institution);
            institution.is_some_and(|id| self.is_or_became_own(&id))
        });
        own.ok_or_else(|| not_found("team of your institution", &directory.name(team)))
    }

    /// Names are written by who administers an institution of the network: of one that was merged, the other one.
    fn require_cards(&self) -> Result<(), ClientError> {
        let (own, directory) = (self.institution()?, self.shared_directory()?);
        let now = directory.goes_on_as(&own);
        if now == own || self.may_write_cards() {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action: "rename what belongs to a merged institution",
            reason: format!(
                "{} was merged into {}, and who administers that one writes its names",
                directory.institution_own_name(&own),
                directory.institution_own_name(&now)
            ),
        })
    }

    fn write_cards(&mut self, cards: Vec<DirectoryEdit>) -> Result<(), ClientError> {
        let network = self.network()?;
        let edits: Vec<TypedEdit> = cards.into_iter().map(TypedEdit::Directory).collect();
        self.edit_space(&network, &edits)
    }
}

fn not_found(what: &'static str, input: &str) -> ClientError {
    ClientError::NotFound {
        what,
        input: input.to_owned(),
    }
}
