//! Sharing a section of a case: what it would do, and the decision itself. How grants read to people
//! stands in [`lines`], who stands behind a member in [`people`].

mod chain;
mod lines;
mod people;
mod proposing;

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{Field, FieldError};
use nahtlos_casework::matrix::{Access, Party, default_access};
use nahtlos_casework::role::InstitutionKind;
use nahtlos_casework::slice::{BeyondMatrix, beyond_matrix, is_never_whole};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

pub use chain::{Chain, Link};
pub use lines::{GrantLine, SectionShares};
pub use proposing::Proposal;

use crate::cases::Case;
use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::Intent;
use crate::repair::can_act;

/// What a grant is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms<'a> {
    role: Role,
    basis: &'a str,
    not_after_ms: Option<u64>,
    history: History,
}

impl<'a> Terms<'a> {
    /// For as long as nobody ends it, with the whole history. The basis is a law or a consent, as
    /// stated by who grants.
    #[must_use]
    pub fn new(role: Role, basis: &'a str) -> Self {
        Self {
            role,
            basis,
            not_after_ms: None,
            history: History::Full,
        }
    }

    /// Until then, Unix milliseconds; with none, for as long as nobody ends it.
    #[must_use]
    pub fn until(mut self, not_after_ms: Option<u64>) -> Self {
        self.not_after_ms = not_after_ms;
        self
    }

    /// From now on only: the past is cut off, so no key ever leads the newcomer to what was written
    /// before. (Nor can they apply a change that builds on it: they see what is new only as far as it
    /// stands alone.)
    #[must_use]
    pub fn from_now(mut self) -> Self {
        self.history = History::FromNow;
        self
    }
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
    /// Changes people made to it, undelivered ones included: its history, which goes along; where the
    /// past is cut off, at most these.
    pub history_changes: u64,
    /// Whether somebody was let in from a moment on before: nobody who comes later receives a key to what
    /// was written until then, with the whole history neither. What was written since goes along.
    pub past_is_cut_off: bool,
    /// Whether they receive a part of it at most, in a document written for them.
    pub only_a_slice: bool,
    /// Whether they are a provider or a social enterprise, which the matrix gives a part of it or nothing: only the
    /// person's consent or a law widens that.
    pub beyond_matrix: bool,
    /// Whether they can read it already.
    pub already: Option<&'static str>,
}

impl Nahtlos {
    /// What granting would do.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`]; [`ClientError::Field`] where they are an employer, and
    /// receive a part of the section or nothing.
    pub fn preview_grant(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<GrantPreview, ClientError> {
        self.refuse_beyond_matrix(case, kind, member)?;
        self.preview_readers(case, kind, member)
    }

    /// Who would read a section, or at most a part of it.
    pub(crate) fn preview_readers(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<GrantPreview, ClientError> {
        let space = case.section(kind)?;
        self.require_manager(&space, "share this section")?;
        self.refuse_where_merged(member)?;
        self.refuse_where_outside(member)?;
        let directory = self.directory()?;
        let state = self.section_state(&space)?;
        let history = self.shared_document(&space)?.history();
        // The genesis, which every device makes for itself, says nothing about anybody.
        let by_people = history
            .iter()
            .filter(|change| change.actor != nahtlos_document::GENESIS_ACTOR);
        let past_is_cut_off = state.epochs().iter().any(|epoch| epoch.cut);
        let confirmed = self.confirmed_institution(member);
        let card = confirmed.and_then(|id| directory.institutions.get(&id.to_string()));
        Ok(GrantPreview {
            member: directory.name(member),
            institution: confirmed.map_or_else(String::new, |id| directory.institution_name(&id)),
            kind: card.map_or_else(String::new, |card| card.kind.clone()),
            section: kind.code(),
            people: self.people_with_institution(member, &directory),
            history_changes: by_people.count() as u64,
            past_is_cut_off,
            only_a_slice: false,
            beyond_matrix: self.is_beyond_matrix(kind, member)?,
            already: self.member_role(&state, member).map(Role::word),
        })
    }

    /// Grants a section to a team or a person. Decided now, carried out at the next sync. Where they
    /// hold it already ([`Nahtlos::is_granted`]), nothing is decided.
    ///
    /// A right that rests on a consent ends with it at the latest.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::NoRight`], [`ClientError::TeamMerged`], [`ClientError::InstitutionLeft`]; [`ClientError::Field`]
    /// without a basis, with a consent that does not cover it, or with a basis in words before the person
    /// consented.
    pub fn grant(
        &mut self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        terms: &Terms<'_>,
    ) -> Result<(), ClientError> {
        let space = self.require_sharable(case, kind, member)?;
        self.refuse_whole(kind, member, terms.role)?;
        let basis_ends_ms = self.basis_ends_ms(case, kind, member, terms.basis)?;
        self.refuse_before_consent(case, member, terms.basis)?;
        let not_after_ms = match (terms.not_after_ms, basis_ends_ms) {
            (Some(stated), Some(ends)) => Some(stated.min(ends)),
            (stated, ends) => stated.or(ends),
        };
        if self.is_granted(case, kind, member, terms.role, not_after_ms)? {
            return Ok(());
        }
        let intent = Intent::Grant {
            space,
            grant: random::grant_id(),
            member: *member,
            role: terms.role,
            basis: terms.basis.to_owned(),
            not_after_ms,
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
        self.refuse_where_merged(member)?;
        self.refuse_where_outside(member)?;
        self.refuse_where_never_allowed(kind, member)?;
        Ok(space)
    }

    /// The relay serves nothing to an institution that left, but a bundle or a copy would: nothing more is
    /// sealed to its keys. A team that another institution took in is one of that institution.
    fn refuse_where_outside(&self, member: &SpaceId) -> Result<(), ClientError> {
        let Some(institution) = self.confirmed_institution(member) else {
            return Ok(());
        };
        let directory = self.shared_directory()?;
        let network = self.device.network;
        let Some(network) = network.and_then(|network| self.logs().state(&network)) else {
            return Ok(());
        };
        let was_in = network.grants().iter();
        let was_in = was_in.filter(|grant| grant.member == MemberId::Space(institution));
        let has_left = was_in.count() > 0
            && !self.is_in_network(&institution)
            && !self.is_in_network(&directory.goes_on_as(&institution));
        let is_elsewhere = || {
            network.live_grants().any(|grant| match grant.member {
                MemberId::Space(other) => self.is_or_leads_to(&other, member),
                MemberId::Device(_) => false,
            })
        };
        if has_left && !is_elsewhere() {
            return Err(ClientError::InstitutionLeft {
                member: directory.name(member),
                institution: directory.institution_name(&institution),
            });
        }
        Ok(())
    }

    /// What is new is shared with the team that took over: whoever reads "shared with" must find a team that
    /// works.
    pub(crate) fn refuse_where_merged(&self, member: &SpaceId) -> Result<(), ClientError> {
        let directory = self.shared_directory()?;
        match directory.taken_over_by(member) {
            None => Ok(()),
            Some(into) => Err(ClientError::TeamMerged {
                team: directory.name(member),
                into: directory.name(&into),
            }),
        }
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

    /// A slice is read by the institution for which it was written, and nobody there writes it. Employers read
    /// nothing about health but what a slice holds.
    pub(crate) fn refuse_whole(
        &self,
        kind: &SectionKind,
        member: &SpaceId,
        role: Role,
    ) -> Result<(), ClientError> {
        let reason = match kind {
            SectionKind::Slice(slice) => {
                let of = self.confirmed_institution(member).map(|id| id.to_string());
                let is_theirs = of.as_deref() == Some(slice.institution().as_str());
                if is_theirs && role == Role::Read {
                    return Ok(());
                }
                "a slice is read by the institution it was written for, and written by no other"
            }
            _ => {
                let party = self.party_of(member)?;
                if !party.is_some_and(|party| is_never_whole(kind, party)) {
                    return Ok(());
                }
                "employers receive a slice of it at most: `nahtlos share slice`"
            }
        };
        Err(ClientError::NoRight {
            action: "share this section",
            reason: reason.into(),
        })
    }

    fn is_beyond_matrix(&self, kind: &SectionKind, member: &SpaceId) -> Result<bool, ClientError> {
        let party = self.party_of(member)?;
        Ok(party.is_some_and(|party| beyond_matrix(kind, party).is_some()))
    }

    /// Employers are no party to a case as those are who lead it together: of most sections they receive a part,
    /// written for them, and never the section with its history. A provider's team may be let in by who allows
    /// it, since coaches work in some; who records that is told that it is more than usual.
    pub(crate) fn refuse_beyond_matrix(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<(), ClientError> {
        let Some(party @ Party::Institution(InstitutionKind::Employer)) = self.party_of(member)?
        else {
            return Ok(());
        };
        let directory = self.shared_directory()?;
        let name = directory.name(member);
        let institution = self.confirmed_institution(member);
        let card = institution.and_then(|id| directory.institutions.get(&id.to_string()));
        let is_a = card.map_or_else(String::new, |card| format!(" ({})", card.kind));
        let error = match beyond_matrix(kind, party) {
            None => return Ok(()),
            Some(BeyondMatrix::OnlyASlice) => FieldError::new(
                "section",
                "only_a_slice",
                format!(
                    "{name}{is_a} receives a slice of `{kind}` at most: the whole section would show all that stands in \
                     it, with its history"
                ),
                format!(
                    "leave it out here and share the slice: `nahtlos share slice {} {kind} --to \"{name}\"`",
                    case.id
                ),
            ),
            Some(BeyondMatrix::Nothing) => FieldError::new(
                "section",
                "not_for_them",
                format!("{name}{is_a} receives nothing of `{kind}`"),
                format!("leave `{kind}` out"),
            ),
        };
        Err(error.into())
    }

    /// Whether of every section of which somebody receives a slice they may not have the whole: employers.
    pub(crate) fn receives_slices_at_most(&self, member: &SpaceId) -> Result<bool, ClientError> {
        let party = self.party_of(member)?;
        Ok(party == Some(Party::Institution(InstitutionKind::Employer)))
    }

    /// Notes of one institution stay within it. The AHV number and other identifiers never go to
    /// providers, social enterprises or employers (AHVG 153b-d), whatever basis is stated.
    fn refuse_where_never_allowed(
        &self,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<(), ClientError> {
        if *kind == SectionKind::Enquiry {
            return Err(ClientError::NoRight {
                action: "share this enquiry",
                reason: "it goes to one team; another one gets an enquiry of its own".into(),
            });
        }
        if let SectionKind::Internal(institution) = kind {
            let of = self.confirmed_institution(member).map(|id| id.to_string());
            if of.as_ref() == Some(institution) {
                return Ok(());
            }
            return Err(ClientError::NoRight {
                action: "share these notes",
                reason: "they stay within the institution whose notes they are".into(),
            });
        }
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

    pub(crate) fn require_manager(
        &self,
        space: &SpaceId,
        action: &'static str,
    ) -> Result<(), ClientError> {
        let right = authority::right(&self.logs(), &self.device_id, space);
        if right.at_least(Role::Manage) {
            return Ok(());
        }
        if right.role.is_some() {
            self.refuse_closed(space)?;
        }
        let managed = self.managed_by(space)?;
        let reason = match (right.role, managed) {
            (Some(role), Some(managed)) => {
                format!("you hold `{}` here; {managed}", role.word())
            }
            (Some(role), None) => format!(
                "you hold `{}` here; who manages it can do this",
                role.word()
            ),
            (None, Some(managed)) => format!("administering gives no right in a team; {managed}"),
            (None, None) if self.is_section(space) => {
                "it is not shared with you or your team".to_owned()
            }
            (None, None) => "who administers the institution can do this".to_owned(),
        };
        Err(ClientError::NoRight { action, reason })
    }

    /// Who manages a team, in words; none where it is no team. Who administers its institution does not by
    /// that.
    fn managed_by(&self, space: &SpaceId) -> Result<Option<String>, ClientError> {
        let state = self.logs().load(space)?;
        let Some(team) = state.filter(|state| state.kind() == Kind::Team) else {
            return Ok(None);
        };
        let directory = self.shared_directory().unwrap_or_default();
        let managing = team
            .live_grants()
            .filter(|grant| grant.role == Role::Manage && grant.is_confirmed());
        let managing: BTreeSet<String> = managing
            .filter_map(|grant| match grant.member {
                MemberId::Space(member) => Some(directory.name(&member)),
                MemberId::Device(_) => None,
            })
            .collect();
        let managing: Vec<String> = managing.into_iter().collect();
        let verb = if managing.len() == 1 {
            "manages"
        } else {
            "manage"
        };
        Ok(Some(format!(
            "{} {verb} {}",
            managing.join(", "),
            directory.name(space)
        )))
    }

    fn is_section(&self, space: &SpaceId) -> bool {
        let state = self.logs().state(space);
        state.is_none_or(|state| state.kind() == Kind::Section)
    }

    /// In a closed section nobody writes or is let in, who managed it neither.
    pub(crate) fn refuse_closed(&self, space: &SpaceId) -> Result<(), ClientError> {
        let logs = self.logs();
        let Some(state) = logs
            .state(space)
            .filter(|state| state.closed_at().is_some())
        else {
            return Ok(());
        };
        let directory = self.shared_directory().unwrap_or_default();
        Err(ClientError::Closed {
            managers: self.managers_of(&state, &directory),
        })
    }

    /// Who manages a space, closed or not: names of teams and people, each with the institution.
    pub(crate) fn managers_of(&self, state: &SpaceState, directory: &Directory) -> Vec<String> {
        self.names_with_institution(&managing(state).collect(), directory)
    }

    /// Of these, who has a device: who can be asked to do something there.
    pub(crate) fn managers_who_can_act(
        &self,
        state: &SpaceState,
        directory: &Directory,
    ) -> Vec<String> {
        let logs = self.logs();
        let managers = managing(state).filter(|member| can_act(&logs, member, None, directory));
        self.names_with_institution(&managers.collect(), directory)
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
}

/// Teams and people that manage a space.
fn managing(state: &SpaceState) -> impl Iterator<Item = SpaceId> {
    let manages = |grant: &&Grant| grant.is_confirmed() && grant.role == Role::Manage;
    let managers = state.live_grants().filter(manages);
    managers.filter_map(|grant| match grant.member {
        MemberId::Space(member) => Some(member),
        MemberId::Device(_) => None,
    })
}
