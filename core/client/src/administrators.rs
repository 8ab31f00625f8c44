//! Who administers an institution: looking at it, letting somebody, and ending it. (How an institution
//! admits: [`crate::institution_policy`].) Whoever lost it is told.

use std::collections::BTreeMap;

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Draft, SpaceState};
use serde::Serialize;

use crate::directory::Directory;
use crate::ending::{Ending, Reason};
use crate::error::ClientError;
use crate::institution_policy::is_administrator;
use crate::intents::{Step, add_space};
use crate::logs::Overlay;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;
use crate::repair::has_device;
use crate::vault::Collection;

/// Group in `Collection::Setting`: ends of one's own part in administering that one was told of; key = `a` ‖
/// grant.
const TOLD: &[u8] = b"told-of-administration";

/// Somebody who administers an institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdministratorLine {
    /// Hexadecimal id of the person.
    pub id: String,
    /// Who; a recovery key is one too.
    pub name: String,
    /// Whether they hold its key; otherwise they change members alone.
    pub manages: bool,
    /// Whether they wait to be confirmed.
    pub waits: bool,
    /// Whether it is a recovery key.
    pub is_recovery: bool,
}

/// What the end of somebody's part in administering leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdministratorEnd {
    /// The institution.
    pub institution: String,
    /// Whose part ends.
    pub person: String,
    /// Whether it is who acts.
    pub is_oneself: bool,
    /// Who goes on administering it, by name; a recovery key is one too.
    pub remaining: Vec<String>,
    /// Groups of the institution that they stay in, by name.
    pub stays_in: Vec<String>,
}

impl Nahtlos {
    /// Who administers an institution, or waits to, by name.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where its log is not here.
    pub fn administrators_of(
        &self,
        institution: &SpaceId,
    ) -> Result<Vec<AdministratorLine>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let state = self.logs().load(institution)?;
        let state = state.ok_or_else(|| ClientError::NotFound {
            what: "institution",
            input: directory.institution_name(institution),
        })?;
        Ok(administrators(&state, &directory))
    }

    /// Whether this device could make a person of the institution an administrator of it.
    ///
    /// # Errors
    /// [`ClientError::NoRight`], [`ClientError::NothingToChange`] where they are one.
    pub fn check_administrator(&self, person: &SpaceId) -> Result<(), ClientError> {
        let (institution, state) = self.own_institution()?;
        self.require_manager(&institution, "add an administrator")?;
        if !self.people_of_institution()?.contains(person) {
            return Err(ClientError::NoRight {
                action: "add an administrator",
                reason: "they are not a person of your institution".into(),
            });
        }
        let mut live = state.live_grants();
        if live.any(|grant| grant.member == MemberId::Space(*person) && grant.role == Role::Manage)
        {
            return Err(ClientError::NothingToChange);
        }
        Ok(())
    }

    /// Makes a person of the institution an administrator of it: they change members and devices, and
    /// hold its key. Where it takes two, another administrator confirms it. Decided now, carried out at
    /// the next sync.
    ///
    /// # Errors
    /// As [`Self::check_administrator`].
    pub fn add_administrator(&mut self, person: &SpaceId) -> Result<(), ClientError> {
        self.check_administrator(person)?;
        let institution = self.institution()?;
        self.decide_administrator(&institution, person)
    }

    pub(crate) fn decide_administrator(
        &mut self,
        institution: &SpaceId,
        person: &SpaceId,
    ) -> Result<(), ClientError> {
        let intent = Intent::AddAdministrator {
            institution: *institution,
            person: *person,
            administers: random::grant_id(),
            manages: random::grant_id(),
        };
        self.decide(intent, institution)
    }

    /// What ending somebody's part in administering the institution would leave; refused where it is not
    /// possible.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where they do not administer it; [`ClientError::NoRight`];
    /// [`ClientError::LastManager`] where nobody with a device would, or one alone where it takes two.
    pub fn preview_administrator_end(
        &self,
        person: &SpaceId,
    ) -> Result<AdministratorEnd, ClientError> {
        let (institution, state) = self.own_institution()?;
        self.require_member_changer(&institution, "end somebody's part in administering")?;
        let directory = self.shared_directory().unwrap_or_default();
        let all = administrators(&state, &directory);
        let id = person.to_string();
        let is_named = |line: &&AdministratorLine| line.id == id;
        let ends = all.iter().find(is_named);
        let ends = ends.ok_or_else(|| ClientError::NotFound {
            what: "administrator of your institution",
            input: directory.person_name(person),
        })?;
        let remaining: Vec<&AdministratorLine> = all
            .iter()
            .filter(|line| line.id != id && line.manages && !line.waits)
            .collect();
        // A recovery key acts through somebody whom it lets in; it is nobody to leave an institution to.
        let acts = |line: &&AdministratorLine| {
            let space = SpaceId::from_hex(&line.id);
            !line.is_recovery && space.is_some_and(|space| has_device(&self.logs(), &space))
        };
        let is_enough =
            remaining.iter().any(acts) && (remaining.len() > 1 || !state.policy().takes_two());
        // Who only waits, or holds no key, is none of those that count.
        if ends.manages && !ends.waits && !is_enough {
            return Err(ClientError::LastManager);
        }
        let mut stays_in = Vec::new();
        for space in self.spaces_above(person)? {
            let above = self.logs().load(&space)?;
            let is_member = above.is_some_and(|above| {
                above.guardian() == Some(institution)
                    && above.kind() == nahtlos_protocol::space::Kind::Team
                    && above
                        .live_grants()
                        .any(|grant| grant.member == MemberId::Space(*person))
            });
            if is_member {
                stays_in.push(directory.name(&space));
            }
        }
        Ok(AdministratorEnd {
            institution: directory.institution_name(&institution),
            person: directory.person_name(person),
            is_oneself: Some(*person) == self.device.person,
            remaining: remaining.iter().map(|line| line.name.clone()).collect(),
            stays_in,
        })
    }

    /// Ends somebody's part in administering the institution; their teams stay as they are. Decided now,
    /// carried out at the next sync.
    ///
    /// # Errors
    /// As [`Self::preview_administrator_end`].
    pub fn end_administrator(&mut self, person: &SpaceId) -> Result<(), ClientError> {
        self.preview_administrator_end(person)?;
        let (institution, state) = self.own_institution()?;
        let theirs: Vec<&Grant> = state
            .live_grants()
            .filter(|grant| grant.member == MemberId::Space(*person))
            .collect();
        let only_this = theirs.iter().all(|grant| is_administrator(grant.role));
        let endings = if only_this {
            vec![Ending::Member(institution, *person)]
        } else {
            let administering = theirs.iter().filter(|grant| is_administrator(grant.role));
            administering
                .map(|grant| Ending::Grant(institution, grant.id))
                .collect()
        };
        self.all_or_nothing(|this| {
            let mut each = endings.iter();
            each.try_for_each(|ending| this.end(ending, Reason::Unstated))
        })
    }

    pub(crate) fn administrator_step(
        &self,
        person: &SpaceId,
        administers: &GrantId,
        manages: &GrantId,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Step {
        if state.grant(manages).is_some() {
            return Step::Done;
        }
        let draft = Draft::new()
            .effect(add_space(
                *administers,
                *person,
                Role::Administer,
                None,
                None,
            ))
            .effect(add_space(*manages, *person, Role::Manage, None, None));
        match self.with_keys(draft, state, logs) {
            Some(draft) => Step::Make(Box::new(draft)),
            None => Step::Waits,
        }
    }

    /// That somebody else ended this person's part in administering the institution, as a sentence; once.
    pub(crate) fn tell_of_administration(&mut self) -> Result<Vec<String>, ClientError> {
        let (Some(person), Ok((institution, state))) = (self.device.person, self.own_institution())
        else {
            return Ok(Vec::new());
        };
        let own = |grant: &&Grant| {
            grant.member == MemberId::Space(person) && is_administrator(grant.role)
        };
        if state.live_grants().any(|grant| own(&grant)) {
            return Ok(Vec::new());
        }
        let (mut keys, mut by) = (Vec::new(), None);
        for grant in state.grants().iter().filter(own) {
            let Some(end) = grant.ended else { continue };
            let key = [b"a".as_slice(), &grant.id.0].concat();
            let ended_by = self.person_in_or_above(&end.by, &institution);
            if ended_by == Some(person) || self.vault.contains(Collection::Setting, &key)? {
                continue;
            }
            keys.push(key);
            by = Some(ended_by);
        }
        let Some(by) = by else {
            return Ok(Vec::new());
        };
        self.commit(|transaction| {
            for key in &keys {
                transaction.put(Collection::Setting, TOLD, key, 0, b"")?;
            }
            Ok(())
        })?;
        let directory = self.shared_directory().unwrap_or_default();
        let by = by.map_or_else(
            || "somebody".to_owned(),
            |person| directory.person_name(&person),
        );
        Ok(vec![format!(
            "you administer {} no longer: {by} ended it; you let nobody in and remove nobody there any more, and your teams and cases stay as they are ('nahtlos institution show' says who administers it)",
            directory.institution_name(&institution)
        )])
    }
}

/// Who administers by an institution's log, each once, by name.
pub(crate) fn administrators(state: &SpaceState, directory: &Directory) -> Vec<AdministratorLine> {
    let mut people: BTreeMap<SpaceId, AdministratorLine> = BTreeMap::new();
    for grant in state.live_grants() {
        let (true, MemberId::Space(member)) = (is_administrator(grant.role), grant.member) else {
            continue;
        };
        let card = directory.people.get(&member.to_string());
        let line = people.entry(member).or_insert_with(|| AdministratorLine {
            id: member.to_string(),
            name: directory.name(&member),
            manages: false,
            waits: false,
            is_recovery: card.is_some_and(|card| card.recovery.is_some()),
        });
        line.manages |= grant.role == Role::Manage;
        line.waits |= !grant.is_confirmed();
    }
    let mut people: Vec<AdministratorLine> = people.into_values().collect();
    people.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    people
}
