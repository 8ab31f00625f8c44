//! How an institution admits: what its log says, and what changes it. (Who administers it:
//! [`crate::administrators`].)

use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::effect::Effect;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Logs, Policy, SpaceState};
use serde::Serialize;

use crate::administrators::{AdministratorLine, administrators};
use crate::error::ClientError;
use crate::intents::Step;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;
use crate::vault::Collection;

/// How an institution admits, as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyLine {
    /// The institution.
    pub institution: String,
    /// How many administrators it takes to make one.
    pub administrators: u8,
    /// Whether a newcomer's words are compared before they are let in.
    pub compares: bool,
    /// What this device decided and the next sync carries out.
    pub decided: Option<DecidedLine>,
    /// What one administrator proposed, and another one has to say too.
    pub proposed: Option<ProposedLine>,
    /// Who administers it, or waits to.
    pub people: Vec<AdministratorLine>,
}

/// A policy that waits on this device for the next sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecidedLine {
    /// How many administrators it would take.
    pub administrators: u8,
    /// Whether words would be compared.
    pub compares: bool,
}

/// A policy that one administrator proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProposedLine {
    /// How many administrators it would take.
    pub administrators: u8,
    /// Whether words would be compared.
    pub compares: bool,
    /// Who proposed it.
    pub by: String,
    /// Whether this device may second it: it is another administrator's.
    pub can_second: bool,
}

impl Nahtlos {
    /// How this person's institution admits.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`]; where the institution's log is not here.
    pub fn institution_policy(&self) -> Result<PolicyLine, ClientError> {
        let (institution, state) = self.own_institution()?;
        let directory = self.shared_directory().unwrap_or_default();
        let policy = state.policy();
        let logs = self.logs();
        let proposed = state.proposed_policy().map(|record| ProposedLine {
            administrators: record.policy.administrators,
            compares: record.policy.compares,
            by: self
                .person_in_or_above(&record.by, &institution)
                .map_or_else(
                    || "somebody".into(),
                    |person| directory.person_name(&person),
                ),
            can_second: self.is_another_than(&record.by, &state, &logs),
        });
        Ok(PolicyLine {
            institution: directory.institution_name(&institution),
            administrators: policy.administrators,
            compares: policy.compares,
            decided: self
                .policies_waiting(&institution)?
                .pop()
                .map(|(_, line)| line),
            proposed,
            people: administrators(&state, &directory),
        })
    }

    /// Policies that were decided here and wait for the next sync, with their keys; the last one is the
    /// newest.
    fn policies_waiting(
        &self,
        institution: &SpaceId,
    ) -> Result<Vec<(Vec<u8>, DecidedLine)>, ClientError> {
        let mut waiting = Vec::new();
        for record in self.waiting_intents()? {
            let Intent::Policy {
                institution: of,
                administrators,
                compares,
            } = record.intent
            else {
                continue;
            };
            if of == *institution {
                let line = DecidedLine {
                    administrators,
                    compares,
                };
                waiting.push((record.id.0.to_vec(), line));
            }
        }
        Ok(waiting)
    }

    /// Says how the institution admits, in place of what was said here since the last sync. Where it takes two
    /// administrators it waits for another one to say the same. Decided now, carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NoRight`] where this device does not manage the institution, or where the rule of
    /// two could not be kept; [`ClientError::NothingToChange`].
    pub fn say_policy(&mut self, administrators: u8, compares: bool) -> Result<(), ClientError> {
        let (institution, state) = self.own_institution()?;
        self.require_manager(&institution, "say how your institution admits")?;
        let asked = Policy {
            administrators,
            compares,
        };
        let waiting = self.policies_waiting(&institution)?;
        let is_present = state.policy() == asked && state.proposed_policy().is_none();
        if is_present && waiting.is_empty() {
            return Err(ClientError::NothingToChange);
        }
        if asked.takes_two() && !state.policy().takes_two() && !self.may_take_two(&state) {
            return Err(ClientError::NoRight {
                action: "let it take two administrators",
                reason: "that needs two people who administer your institution, nobody who waits to, and no team that does".into(),
            });
        }
        let intent = Intent::Policy {
            institution,
            administrators,
            compares,
        };
        self.all_or_nothing(|this| {
            this.commit(|transaction| {
                for (key, _) in &waiting {
                    transaction.delete(Collection::Intent, key)?;
                }
                Ok(())
            })?;
            match is_present {
                true => Ok(()),
                false => this.decide(intent, &institution),
            }
        })
    }

    pub(crate) fn policy_step(
        &self,
        administrators: u8,
        compares: bool,
        state: &SpaceState,
        logs: &dyn Logs,
    ) -> Step {
        let asked = Policy {
            administrators,
            compares,
        };
        let proposed = state.proposed_policy();
        let is_said = proposed.is_some_and(|record| {
            record.policy == asked && !self.is_another_than(&record.by, state, logs)
        });
        if is_said || (state.policy() == asked && proposed.is_none()) {
            return Step::Done;
        }
        Step::Make(Box::new(Draft::new().effect(Effect::Policy {
            administrators,
            compares,
        })))
    }

    /// Everything that waits for a second administrator and goes together: both grants of one person.
    pub(crate) fn waiting_together(&self, grant: &GrantId, state: &SpaceState) -> Vec<GrantId> {
        let Some(named) = state.grant(grant) else {
            return Vec::new();
        };
        let is_one = state.kind() == Kind::Institution && is_administrator(named.role);
        let live = state.live_grants().filter(|other| {
            other.id == *grant
                || (is_one
                    && is_administrator(other.role)
                    && !other.is_confirmed()
                    && (other.member, other.added_at) == (named.member, named.added_at))
        });
        live.map(|other| other.id).collect()
    }

    fn may_take_two(&self, state: &SpaceState) -> bool {
        let live = state
            .live_grants()
            .filter(|grant| is_administrator(grant.role));
        let mut managing = std::collections::BTreeSet::new();
        for grant in live {
            let MemberId::Space(member) = grant.member else {
                return false;
            };
            let below = self.logs().state(&member);
            let is_person = below.is_some_and(|below| below.kind() == Kind::Person);
            if !is_person || !grant.is_confirmed() {
                return false;
            }
            if grant.role == Role::Manage {
                managing.insert(member);
            }
        }
        managing.len() > 1
    }

    pub(crate) fn own_institution(
        &self,
    ) -> Result<(SpaceId, std::sync::Arc<SpaceState>), ClientError> {
        let institution = self.institution()?;
        let state = self.logs().load(&institution)?;
        Ok((institution, state.ok_or(ClientError::NotAdmitted)?))
    }
}

pub(crate) fn is_administrator(role: Role) -> bool {
    matches!(role, Role::Manage | Role::Administer)
}
