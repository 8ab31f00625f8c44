//! Sharing: who can see which section of a case, and why.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::Field;
use nahtlos_casework::matrix::{Access, Party, default_access};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_protocol::crypto::epoch_secret;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

use crate::cases::Case;
use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;

/// A grant as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantLine {
    /// Hexadecimal grant id.
    pub id: String,
    /// `live`, `waits_for_sync`, `waits_for_confirmation` or `suspended`.
    pub state: &'static str,
    /// Who holds it: team or person.
    pub member: String,
    /// The member's institution.
    pub institution: String,
    /// `read`, `write`, `manage`, `administer`.
    pub role: &'static str,
    /// Legal basis or consent, as stated by who granted; none where it cannot be opened.
    pub basis: Option<String>,
    /// Who granted it.
    pub granted_by: String,
    /// When, by that person's clock, Unix milliseconds.
    pub granted_at_ms: u64,
    /// Until when, Unix milliseconds.
    pub not_after_ms: Option<u64>,
    /// Whether the relay has it; a grant decided offline waits for the next sync.
    pub delivered: bool,
    /// People who read through it.
    pub people: Vec<String>,
}

/// One row of the sharing matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionShares {
    /// Section code.
    pub section: String,
    /// Its grants.
    pub grants: Vec<GrantLine>,
    /// Why this device cannot open it, where it cannot.
    pub notice: Option<String>,
}

/// What a grant is made on.
struct Terms<'a> {
    role: Role,
    basis: &'a str,
    not_after_ms: Option<u64>,
    history: History,
}

/// What a grant would do, said before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantPreview {
    /// Whom.
    pub member: String,
    /// Their institution, empty where its own log does not confirm them: names alone can be
    /// imitated.
    pub institution: String,
    /// Kind code of that institution, empty where it is not confirmed.
    pub kind: String,
    /// Section code.
    pub section: String,
    /// People who will read it, each with the institution in parentheses.
    pub people: Vec<String>,
    /// Changes people made to it, undelivered ones included: its history, which goes along.
    pub history_changes: u64,
    /// Whether they can read it already.
    pub already: Option<&'static str>,
}

impl Nahtlos {
    /// What granting would do.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`].
    pub fn preview_grant(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<GrantPreview, ClientError> {
        let space = case.section(kind)?;
        self.require_manager(&space, "share this section")?;
        let directory = self.directory()?;
        let state = self.section_state(&space)?;
        let history = self.shared_document(&space)?.history();
        // The genesis, which every device makes for itself, says nothing about anybody.
        let by_people = history
            .iter()
            .filter(|change| change.actor != nahtlos_document::GENESIS_ACTOR);
        let confirmed = self.confirmed_institution(member);
        let card = confirmed.and_then(|id| directory.institutions.get(&id.to_string()));
        Ok(GrantPreview {
            member: directory.name(member),
            institution: confirmed.map_or_else(String::new, |id| directory.institution_name(&id)),
            kind: card.map_or_else(String::new, |card| card.kind.clone()),
            section: kind.code(),
            people: self.people_with_institution(member, &directory),
            history_changes: by_people.count() as u64,
            already: self.member_role(&state, member).map(Role::word),
        })
    }

    /// Grants a section to a team or a person. Decided now, carried out at the next sync. Where they
    /// hold it already ([`Nahtlos::is_granted`]), nothing is decided.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`].
    pub fn grant(
        &mut self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        role: Role,
        basis: &str,
        not_after_ms: Option<u64>,
    ) -> Result<(), ClientError> {
        let terms = Terms {
            role,
            basis,
            not_after_ms,
            history: History::Full,
        };
        self.grant_on(case, kind, member, &terms)
    }

    /// As [`Self::grant`], from now on only: the past is cut off, so no key ever leads the newcomer to
    /// what was written before. (Nor can they apply a change that builds on it: they see what is new
    /// only as far as it stands alone.)
    ///
    /// # Errors
    /// As [`Self::grant`].
    pub fn grant_from_now(
        &mut self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        role: Role,
        basis: &str,
        not_after_ms: Option<u64>,
    ) -> Result<(), ClientError> {
        let terms = Terms {
            role,
            basis,
            not_after_ms,
            history: History::FromNow,
        };
        self.grant_on(case, kind, member, &terms)
    }

    fn grant_on(
        &mut self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        terms: &Terms<'_>,
    ) -> Result<(), ClientError> {
        let space = self.require_sharable(case, kind, member)?;
        if self.is_granted(case, kind, member, terms.role, terms.not_after_ms)? {
            return Ok(());
        }
        let intent = Intent::Grant {
            space,
            grant: random::grant_id(),
            member: *member,
            role: terms.role,
            basis: terms.basis.to_owned(),
            not_after_ms: terms.not_after_ms,
            history: terms.history,
        };
        self.decide(intent, &space)
    }

    /// The space of a section that this device may share with a team or person.
    pub(crate) fn require_sharable(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<SpaceId, ClientError> {
        let space = case.section(kind)?;
        self.require_manager(&space, "share this section")?;
        let logs = self.logs();
        let known = logs.state(member).map(|state| state.kind());
        if !known.is_some_and(|known| Kind::Section.admits_space(known)) {
            return Err(ClientError::NotFound {
                what: "team or person",
                input: member.to_string(),
            });
        }
        self.refuse_where_never_allowed(kind, member)?;
        Ok(space)
    }

    /// Adds a person to a team of one's institution, or a team to it: somebody known already, without
    /// an invitation. `from_now` cuts off the past: no key leads them to what the group held before.
    /// Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the group admits no such member, [`ClientError::NoRight`].
    pub fn add_member(
        &mut self,
        group: &SpaceId,
        member: &SpaceId,
        role: Role,
        from_now: bool,
    ) -> Result<(), ClientError> {
        self.require_manager(group, "add a member")?;
        let logs = self.logs();
        let kinds = logs.state(group).zip(logs.state(member));
        let admitted = kinds.is_some_and(|(group, member)| {
            let is_group = matches!(group.kind(), Kind::Team | Kind::Institution);
            is_group && group.kind().admits_space(member.kind())
        });
        if !admitted {
            return Err(ClientError::NotFound {
                what: "team or person",
                input: member.to_string(),
            });
        }
        let intent = Intent::Grant {
            space: *group,
            grant: random::grant_id(),
            member: *member,
            role,
            basis: String::new(),
            not_after_ms: None,
            history: if from_now {
                History::FromNow
            } else {
                History::Full
            },
        };
        self.decide(intent, group)
    }

    /// Whether exactly this team or person was granted at least this, for at least as long; what
    /// waits for the next sync counts, what a person may through their team does not, because they
    /// may leave it.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where this device does not know the section.
    pub fn is_granted(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        role: Role,
        not_after_ms: Option<u64>,
    ) -> Result<bool, ClientError> {
        let space = case.section(kind)?;
        let covers = |granted: Role, until: Option<u64>| {
            granted.holds_keys()
                && granted >= role
                && until.is_none_or(|until| not_after_ms.is_some_and(|wanted| until >= wanted))
        };
        let state = self.section_state(&space)?;
        let mut live = state.live_grants();
        if live.any(|grant| {
            grant.member == MemberId::Space(*member) && covers(grant.role, grant.not_after_ms)
        }) {
            return Ok(true);
        }
        let waiting = self.waiting_intents()?;
        Ok(waiting.iter().any(|record| match &record.intent {
            Intent::Grant {
                space: granted,
                member: holder,
                role,
                not_after_ms,
                ..
            } => *granted == space && holder == member && covers(*role, *not_after_ms),
            _ => false,
        }))
    }

    /// The AHV number and other identifiers never go to providers, social enterprises or employers
    /// (AHVG 153b-d), whatever basis is stated.
    fn refuse_where_never_allowed(
        &self,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<(), ClientError> {
        if *kind != SectionKind::Ident {
            return Ok(());
        }
        let directory = self.shared_directory()?;
        let institution = self.confirmed_institution(member).map(|id| id.to_string());
        let card = institution.and_then(|id| directory.institutions.get(&id));
        let party = card.and_then(|card| InstitutionKind::parse(&card.kind).ok());
        let allowed = party.is_some_and(|party| {
            let access = default_access(kind, Party::Institution(party));
            !matches!(access, None | Some(Access::None))
        });
        if allowed {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action: "share these identifiers",
            reason: "this kind of institution may never receive them".into(),
        })
    }

    /// Who can see which section, grants waiting for the next sync included.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn shares(&self, case: &Case) -> Result<Vec<SectionShares>, ClientError> {
        let directory = self.directory()?;
        let mut rows = Vec::new();
        for (kind, space) in &case.sections {
            let state = self.section_state(space)?;
            let mut grants: Vec<GrantLine> = state
                .live_grants()
                .map(|grant| self.grant_line(&state, grant, &directory))
                .collect();
            grants.extend(self.waiting_grants(space, &directory, |_, _| true)?);
            let notice = self
                .key_notice(space)
                .map(|notice| self.key_explanation(space, notice));
            rows.push(SectionShares {
                section: kind.code(),
                grants,
                notice,
            });
        }
        Ok(rows)
    }

    pub(crate) fn require_manager(
        &self,
        space: &SpaceId,
        action: &'static str,
    ) -> Result<(), ClientError> {
        let right = authority::right(&self.logs(), &self.device_id, space);
        if right.at_least(Role::Manage) {
            return Ok(());
        }
        let reason = match right.role {
            Some(role) => format!(
                "you hold `{}` here; who manages it can do this",
                role.word()
            ),
            None => "it is not shared with you or your team".to_owned(),
        };
        Err(ClientError::NoRight { action, reason })
    }

    pub(crate) fn section_state(
        &self,
        space: &SpaceId,
    ) -> Result<std::sync::Arc<SpaceState>, ClientError> {
        self.logs()
            .load(space)?
            .ok_or_else(|| ClientError::NotFound {
                what: "section",
                input: space.to_string(),
            })
    }

    /// Names of the people with a path through this member.
    fn people_beneath(&self, member: &SpaceId, directory: &Directory) -> Vec<String> {
        let people = self.person_spaces_beneath(member);
        let mut names: Vec<String> = people
            .iter()
            .map(|person| directory.person_name(person))
            .collect();
        names.sort();
        names
    }

    /// The same people, each with the institution that confirms them.
    fn people_with_institution(&self, member: &SpaceId, directory: &Directory) -> Vec<String> {
        self.names_with_institution(&self.person_spaces_beneath(member), directory)
    }

    /// Names of people, each with the institution that confirms them.
    pub(crate) fn names_with_institution(
        &self,
        people: &BTreeSet<SpaceId>,
        directory: &Directory,
    ) -> Vec<String> {
        let mut names: Vec<String> = people
            .iter()
            .map(|person| {
                let institution = self.confirmed_institution(person).map_or_else(
                    || "institution not confirmed".to_owned(),
                    |id| directory.institution_name(&id),
                );
                format!("{} ({institution})", directory.person_name(person))
            })
            .collect();
        names.sort();
        names
    }

    /// By identity, not by name: two people of one name are two people.
    pub(crate) fn person_spaces_beneath(&self, member: &SpaceId) -> BTreeSet<SpaceId> {
        let Some(state) = self.logs().state(member) else {
            return BTreeSet::new();
        };
        if state.kind() == Kind::Person {
            return BTreeSet::from([*member]);
        }
        state
            .live_grants()
            .filter(|grant| grant.role.holds_keys())
            .filter_map(|grant| match grant.member {
                MemberId::Space(space) => Some(self.person_spaces_beneath(&space)),
                MemberId::Device(_) => None,
            })
            .flatten()
            .collect()
    }

    /// The strongest role a team or person holds in a section.
    fn member_role(&self, state: &SpaceState, member: &SpaceId) -> Option<Role> {
        let suspended = self.suspended(state);
        state
            .live_grants()
            .filter(|grant| grant.is_confirmed() && !suspended.contains(&grant.id))
            .filter(|grant| grant.role.holds_keys() && self.leads_to(grant, member))
            .map(|grant| grant.role)
            .max()
    }

    /// Whether a grant is for this member, or for a space it is a member of.
    pub(crate) fn leads_to(&self, grant: &Grant, member: &SpaceId) -> bool {
        let MemberId::Space(holder) = grant.member else {
            return false;
        };
        self.is_or_leads_to(&holder, member)
    }

    pub(crate) fn is_or_leads_to(&self, holder: &SpaceId, member: &SpaceId) -> bool {
        holder == member
            || self.logs().state(holder).is_some_and(|state| {
                state
                    .live_grants()
                    .any(|inner| inner.role.holds_keys() && self.leads_to(inner, member))
            })
    }

    pub(crate) fn is_wrapped(&self, state: &SpaceState, member: &MemberId) -> bool {
        let Some(epoch) = state.current_epoch() else {
            return false;
        };
        if epoch.recipients.contains_key(&member.recipient()) {
            return true;
        }
        let MemberId::Space(space) = member else {
            return false;
        };
        self.logs().state(space).is_some_and(|below| {
            below
                .live_grants()
                .any(|grant| grant.role.holds_keys() && self.is_wrapped(state, &grant.member))
        })
    }

    pub(crate) fn grant_line(
        &self,
        state: &SpaceState,
        grant: &Grant,
        directory: &Directory,
    ) -> GrantLine {
        let (member, institution, people) = match grant.member {
            MemberId::Space(space) => {
                let institution = self
                    .confirmed_institution(&space)
                    .map_or_else(String::new, |id| directory.institution_name(&id));
                (
                    directory.name(&space),
                    institution,
                    self.people_beneath(&space, directory),
                )
            }
            MemberId::Device(device) => (device_name(&device), String::new(), Vec::new()),
        };
        let is_suspended = || self.suspended(state).contains(&grant.id);
        GrantLine {
            id: grant.id.to_string(),
            state: match grant.is_confirmed() {
                false => "waits_for_confirmation",
                true if is_suspended() => "suspended",
                true => "live",
            },
            member,
            institution,
            role: grant.role.word(),
            basis: self.open_basis(state, grant),
            granted_by: self
                .person_of_device(&grant.added_by, &state.id())
                .map_or_else(
                    || device_name(&grant.added_by),
                    |(person, _)| directory.person_name(&person),
                ),
            granted_at_ms: grant.claimed_at_ms,
            not_after_ms: grant.not_after_ms,
            delivered: true,
            people,
        }
    }

    /// The institution of a team or person, where that institution's own log confirms it.
    pub(crate) fn confirmed_institution(&self, member: &SpaceId) -> Option<SpaceId> {
        let logs = self.logs();
        let guardian = logs.state(member)?.guardian()?;
        let home = logs
            .state(&guardian)
            .filter(|home| home.kind() == Kind::Institution)?;
        let mut grants = home.live_grants();
        grants
            .any(|grant| self.leads_to(grant, member))
            .then_some(guardian)
    }

    pub(crate) fn open_basis(&self, state: &SpaceState, grant: &Grant) -> Option<String> {
        let sealed = grant.basis.as_deref()?;
        // Sealed under the epoch that was current when the grant was made.
        let epoch = state.epoch_at(grant.added_at.saturating_add(1))?;
        let seed = self.key_ring().open(&state.id(), &epoch.key_id).ok()?;
        let opened = epoch_secret::open_label(&seed, &grant.id.0, sealed).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }

    /// Grants of a section that wait for the next sync: those whose holder and basis are wanted.
    pub(crate) fn waiting_grants(
        &self,
        space: &SpaceId,
        directory: &Directory,
        is_wanted: impl Fn(&SpaceId, &str) -> bool,
    ) -> Result<Vec<GrantLine>, ClientError> {
        let mut lines = Vec::new();
        for record in self.waiting_intents()? {
            let Intent::Grant {
                space: wanted,
                grant,
                member,
                role,
                basis,
                not_after_ms,
                ..
            } = record.intent
            else {
                continue;
            };
            if wanted != *space || !is_wanted(&member, &basis) {
                continue;
            }
            lines.push(GrantLine {
                id: grant.to_string(),
                state: "waits_for_sync",
                member: directory.name(&member),
                institution: self
                    .confirmed_institution(&member)
                    .map_or_else(String::new, |id| directory.institution_name(&id)),
                role: role.word(),
                basis: Some(basis),
                granted_by: directory.person_name(&self.person()?),
                granted_at_ms: record.decided_at_ms,
                not_after_ms,
                delivered: false,
                people: self.people_beneath(&member, directory),
            });
        }
        Ok(lines)
    }
}

fn device_name(device: &DeviceId) -> String {
    format!(
        "device {}",
        nahtlos_protocol::crypto::fingerprint::Fingerprint::of(&device.0)
    )
}
