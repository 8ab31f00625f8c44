//! Two institutions become one: the teams of the first come into the second, whose administrators look after
//! it from then on, and its own part in the network ends. Nobody reads more by that, or less.
//!
//! It takes somebody of each: who administers the first says so on its card and lets the second's
//! administrators administer it; who administers the second takes the teams in; who manages the network ends the
//! first's part. Each runs the same command, which does what is theirs and is not done yet, and says what
//! is left to whom ([ADR 0043](../../../docs/adr/0043-institutions-merge-by-their-teams.md)).

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use serde::Serialize;

use crate::administrators::administrators;
use crate::directory::{DirectoryEdit, InstitutionCard};
use crate::edits::TypedEdit;
use crate::ending::{Ending, Reason};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// How far the merging of two institutions is, and what is left to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstitutionMerge {
    /// The institution that goes on only by what was shared with its teams.
    pub from: String,
    /// The institution that goes on.
    pub into: String,
    /// Whether the first's card says so already.
    pub is_announced: bool,
    /// Administrators of the second who are to look after the first, and do not yet.
    pub to_look_after: Vec<String>,
    /// Teams of the first, and people of it who are in no team, who are not in the second yet.
    pub to_come_in: Vec<String>,
    /// Those who are.
    pub came_in: Vec<String>,
    /// Whether the first takes part in the network by itself still.
    pub takes_part: bool,
    /// What this device can do of it now.
    pub yours: Vec<MergeStep>,
    /// What is left to others, and to whom.
    pub left: Vec<LeftOver>,
}

/// What a merger of institutions takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeStep {
    /// The first says on its card which institution it goes on as.
    Announce,
    /// The second's administrators come to administer the first, too.
    LookAfter,
    /// The second takes the first's teams in.
    ComeIn,
    /// The first's own part in the network ends.
    EndPart,
}

/// A step that somebody else takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOver {
    /// Which.
    pub step: MergeStep,
    /// Whose administrators, by name of the institution.
    pub to: Vec<String>,
}

impl Nahtlos {
    /// How far merging an institution into another is. Nothing is changed.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where one of them takes no part in the network; where the vault cannot be
    /// read.
    pub fn preview_institution_merge(
        &self,
        from: &SpaceId,
        into: &SpaceId,
    ) -> Result<InstitutionMerge, ClientError> {
        let directory = self.shared_directory()?;
        let not_here = |institution: &SpaceId| ClientError::NotFound {
            what: "institution of this network to merge",
            input: directory.institution_name(institution),
        };
        if from == into || !self.is_in_network(into) {
            return Err(not_here(into));
        }
        let announced = directory.says_it_goes_on_as(from);
        let takes_part = self.is_in_network(from);
        if announced.is_some_and(|other| other != *into) || (announced.is_none() && !takes_part) {
            return Err(not_here(from));
        }
        let names = |spaces: &[SpaceId]| spaces.iter().map(|space| directory.name(space)).collect();
        let (came_in, to_come_in) = self.members_to_move(from, into)?;
        let to_look_after = self.administrators_to_add(from, into)?;
        let mut merge = InstitutionMerge {
            from: directory.institution_own_name(from),
            into: directory.institution_name(into),
            is_announced: announced.is_some(),
            to_look_after: names(&to_look_after),
            to_come_in: names(&to_come_in),
            came_in: names(&came_in),
            takes_part,
            yours: Vec::new(),
            left: Vec::new(),
        };
        let open = [
            (MergeStep::Announce, !merge.is_announced),
            (MergeStep::LookAfter, !to_look_after.is_empty()),
            (MergeStep::ComeIn, !to_come_in.is_empty()),
            (MergeStep::EndPart, takes_part),
        ];
        for (step, _) in open.into_iter().filter(|(_, is_open)| *is_open) {
            let (is_yours, whose) = self.whose_step(step, &merge, from, into)?;
            if is_yours {
                merge.yours.push(step);
            } else {
                let to = names(&whose);
                merge.left.push(LeftOver { step, to });
            }
        }
        Ok(merge)
    }

    /// Whether this device can take a step of a merger now, and whose administrators can.
    fn whose_step(
        &self,
        step: MergeStep,
        merge: &InstitutionMerge,
        from: &SpaceId,
        into: &SpaceId,
    ) -> Result<(bool, Vec<SpaceId>), ClientError> {
        let may = |space: &SpaceId| authority::right(&self.logs(), &self.device_id, space).manages;
        let own = self.institution()?;
        Ok(match step {
            MergeStep::Announce | MergeStep::LookAfter => (own == *from && may(from), vec![*from]),
            // Nobody is taken in whose own institution has not said so.
            MergeStep::ComeIn => (merge.is_announced && own == *into && may(into), vec![*into]),
            // Before that its people would be cut off.
            MergeStep::EndPart => (
                merge.is_announced && merge.to_come_in.is_empty() && may(&self.network()?),
                self.network_managers()?,
            ),
        })
    }

    /// Does what of a merger this device can do now. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_institution_merge`]; [`ClientError::NothingToChange`] where nothing of it is this
    /// device's now; [`ClientError::LastManager`] where nobody else manages the network.
    pub fn merge_institutions(
        &mut self,
        from: &SpaceId,
        into: &SpaceId,
    ) -> Result<(), ClientError> {
        let merge = self.preview_institution_merge(from, into)?;
        if merge.yours.is_empty() {
            return Err(ClientError::NothingToChange);
        }
        let (_, to_come_in) = self.members_to_move(from, into)?;
        let to_look_after = self.administrators_to_add(from, into)?;
        self.all_or_nothing(|this| {
            for step in &merge.yours {
                match step {
                    MergeStep::Announce => this.announce_merge(from, into)?,
                    MergeStep::LookAfter => {
                        let mut each = to_look_after.iter();
                        each.try_for_each(|person| this.decide_administrator(from, person))?;
                    }
                    MergeStep::ComeIn => {
                        let mut each = to_come_in.iter();
                        each.try_for_each(|member| {
                            this.add_member(into, member, Role::Read, false)
                        })?;
                    }
                    MergeStep::EndPart => {
                        let ending = Ending::Member(this.network()?, *from);
                        this.end(&ending, Reason::Replaced)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn announce_merge(&mut self, from: &SpaceId, into: &SpaceId) -> Result<(), ClientError> {
        let id = from.to_string();
        let card = self.directory()?.institutions.get(&id).cloned();
        let card = card.ok_or_else(|| ClientError::NotFound {
            what: "institution",
            input: id.clone(),
        })?;
        let card = InstitutionCard {
            merged_into: Some(into.to_string()),
            ..card
        };
        let network = self.network()?;
        let edit = TypedEdit::Directory(DirectoryEdit::Institution { id, card });
        self.edit_space(&network, &[edit])
    }

    /// Of the first's teams, and its people who are in none of them: those that are in the second, and those
    /// that are not. A recovery key stays with what it was made for.
    fn members_to_move(
        &self,
        from: &SpaceId,
        into: &SpaceId,
    ) -> Result<(Vec<SpaceId>, Vec<SpaceId>), ClientError> {
        let directory = self.shared_directory()?;
        let logs = self.logs();
        let (Some(first), Some(second)) = (logs.load(from)?, logs.load(into)?) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let members: BTreeSet<SpaceId> = first
            .live_grants()
            .filter_map(|grant| match grant.member {
                MemberId::Space(member) => Some(member),
                MemberId::Device(_) => None,
            })
            .collect();
        let (mut teams, mut people) = (Vec::new(), Vec::new());
        let mut in_teams = BTreeSet::new();
        for member in members {
            let Some(state) = logs
                .load(&member)?
                .filter(|state| state.guardian() == Some(*from))
            else {
                continue;
            };
            if state.kind() == Kind::Team {
                in_teams.extend(self.person_spaces_beneath(&member));
                teams.push(member);
            } else {
                people.push(member);
            }
        }
        let is_recovery = |person: &SpaceId| {
            let card = directory.people.get(&person.to_string());
            card.is_some_and(|card| card.recovery.is_some())
        };
        people.retain(|person| !in_teams.contains(person) && !is_recovery(person));
        let is_in = |member: &SpaceId| {
            second.live_grants().any(|grant| {
                grant.member == MemberId::Space(*member)
                    && grant.is_confirmed()
                    && grant.role.holds_keys()
            })
        };
        Ok(teams.into_iter().chain(people).partition(is_in))
    }

    /// Who administers the second and not the first.
    fn administrators_to_add(
        &self,
        from: &SpaceId,
        into: &SpaceId,
    ) -> Result<Vec<SpaceId>, ClientError> {
        let directory = self.shared_directory()?;
        let logs = self.logs();
        let (Some(first), Some(second)) = (logs.load(from)?, logs.load(into)?) else {
            return Ok(Vec::new());
        };
        let there = administrators(&first, &directory);
        let theirs = administrators(&second, &directory)
            .into_iter()
            .filter(|line| {
                let is_there = there.iter().any(|known| known.id == line.id);
                line.manages && !line.waits && !line.is_recovery && !is_there
            });
        Ok(theirs
            .filter_map(|line| SpaceId::from_hex(&line.id))
            .collect())
    }

    /// Whether an institution is one's own, or goes on as it.
    pub(crate) fn is_or_became_own(&self, institution: &SpaceId) -> bool {
        let directory = self.shared_directory().unwrap_or_default();
        let own = self.device.institution;
        own == Some(*institution) || own == Some(directory.goes_on_as(institution))
    }
}
