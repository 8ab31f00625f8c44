//! What an intent asks for on the logs as they are now.

use nahtlos_protocol::identifier::{GrantId, RecipientId, SpaceId};
use nahtlos_protocol::space::authority::{self, View};
use nahtlos_protocol::space::effect::{Effect, History, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Draft, Logs, SpaceState, recipients};

use super::{Step, add_space, seal_basis};
use crate::error::ClientError;
use crate::institution_policy::is_administrator;
use crate::logs::Overlay;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;

/// Why a confirmation goes back where it takes two administrators.
const NEEDS_ANOTHER: &str = "it takes another administrator than who added them";

impl Step {
    fn make(draft: Draft) -> Self {
        Self::Make(Box::new(draft))
    }
}

impl Nahtlos {
    pub(super) fn next_step(
        &self,
        intent: &Intent,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Step, ClientError> {
        Ok(match intent {
            Intent::Grant { .. } => self.grant_step(intent, state, logs),
            Intent::AddTeam { team, grant, .. } => {
                if state.grant(grant).is_some() {
                    return Ok(Step::Done);
                }
                let add = add_space(*grant, *team, Role::Read, None, None);
                self.step_with_keys(Draft::new().effect(add), state, logs)
            }
            Intent::Invite { invitation, .. } if state.invitations().contains_key(invitation) => {
                Step::Done
            }
            Intent::Invite {
                invitation,
                role,
                not_after_ms,
                ..
            } => Step::make(Draft::new().effect(Effect::Invite {
                invitation: *invitation,
                role: *role,
                not_after_ms: *not_after_ms,
            })),
            Intent::FirstEpoch { .. } if state.current_epoch().is_some() => Step::Done,
            Intent::FirstEpoch { .. } => Step::make(Draft::new().epoch(self.fresh_epoch())),
            Intent::WrapMissing { .. } => {
                let suspended = self.suspended(state);
                let missing = recipients::missing_wraps(logs, state, View::NEWEST, &suspended)
                    .map_err(ReplayError::from)?;
                if missing.is_empty() {
                    Step::Done
                } else {
                    self.step_with_keys(Draft::new(), state, logs)
                }
            }
            Intent::Remove {
                grant,
                member,
                reason,
                ..
            } => self.removal_step(*grant, *member, *reason, state, logs),
            Intent::SetRole { grant, role, .. } => set_role_step(grant, *role, state),
            Intent::Close { space } => self.close_step(space, state, logs)?,
            Intent::Erase { space, .. } => self.erase_step(space, state, logs)?,
            Intent::Confirm { grant, .. } => self.confirm_step(grant, state, logs)?,
            Intent::Refuse { grant, .. } => self.refuse_step(grant, state, logs),
            Intent::Rotate { replaced, .. } => {
                if state.current_epoch().map(|epoch| epoch.key_id) != *replaced {
                    return Ok(Step::Done);
                }
                self.rotation(state).map_or(Step::Waits, Step::make)
            }
            Intent::Void { envelope, .. } if state.voided().contains_key(envelope) => Step::Done,
            Intent::Void { envelope, .. } => Step::make(Draft::new().effect(Effect::Void {
                envelopes: vec![*envelope],
                grants: Vec::new(),
            })),
            Intent::AddDevice { member, name, .. } => match member {
                Member::Device { keys, .. } if state.devices().contains_key(&keys.device_id()) => {
                    Step::Done
                }
                _ => self
                    .device_draft(member, name, state, logs)
                    .map_or(Step::Waits, Step::make),
            },
            Intent::Policy {
                administrators,
                compares,
                ..
            } => self.policy_step(*administrators, *compares, state, logs),
            Intent::AddAdministrator {
                person,
                administers,
                manages,
                ..
            } => self.administrator_step(person, administers, manages, state, logs),
            // Prepared apart, in `prepare_admission`.
            Intent::Admit { .. } => Step::Waits,
        })
    }

    /// A step after which everybody who may read can: where the present epoch may be used it is
    /// wrapped to whoever lacks it, otherwise a new one begins. Waits for the seed.
    fn step_with_keys(&self, draft: Draft, state: &SpaceState, logs: &dyn Logs) -> Step {
        self.with_keys(draft, state, logs)
            .map_or(Step::Waits, Step::make)
    }

    /// The same for any draft; none where this device does not hold what it takes.
    pub(crate) fn with_keys(
        &self,
        draft: Draft,
        state: &SpaceState,
        logs: &dyn Logs,
    ) -> Option<Draft> {
        if self.is_stale(logs, state) {
            return Some(draft.epoch(self.next_epoch(state)?));
        }
        Some(draft.wrap_missing(self.seed_to_hand_on(state)?))
    }

    fn grant_step(&self, intent: &Intent, state: &SpaceState, logs: &Overlay<'_>) -> Step {
        let Intent::Grant {
            grant,
            member,
            role,
            basis,
            not_after_ms,
            history,
            ..
        } = intent
        else {
            return Step::Done;
        };
        if state.grant(grant).is_some() {
            return Step::Done;
        }
        let add = |seed: &_| Effect::Add {
            grant: *grant,
            member: Member::Space { id: *member },
            role: *role,
            history: *history,
            basis: (!basis.is_empty())
                .then(|| seal_basis(seed, grant, basis))
                .flatten(),
            not_after_ms: *not_after_ms,
            invitation: None,
        };
        if *history == History::FromNow {
            let Some(mut epoch) = self.next_epoch(state) else {
                return Step::Waits;
            };
            epoch.previous = None;
            epoch.cut = true;
            let add = add(&epoch.seed);
            return Step::make(cut_draft(Draft::new().effect(add), *grant, epoch));
        }
        // The basis is sealed under the epoch that is current after the operation.
        if self.is_stale(logs, state) {
            let Some(epoch) = self.next_epoch(state) else {
                return Step::Waits;
            };
            let add = add(&epoch.seed);
            return Step::make(Draft::new().effect(add).epoch(epoch));
        }
        match self.seed_to_hand_on(state) {
            Some(seed) => Step::make(Draft::new().effect(add(&seed)).wrap_missing(seed)),
            None => Step::Waits,
        }
    }

    /// Who holds keys re-keys the space in the same operation; a custodian without keys leaves it to
    /// the next writer.
    fn removal_step(
        &self,
        grant: Option<GrantId>,
        member: Option<RecipientId>,
        reason: u8,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Step {
        let named = |known: &Grant| {
            grant == Some(known.id) || member.is_some_and(|id| known.member.recipient() == id)
        };
        if !state.live_grants().any(named) {
            return Step::Done;
        }
        if !crate::ending::is_managed_without(state, named) {
            return Step::GoesBack(crate::ending::LAST_MANAGER.into());
        }
        let remove = Effect::Remove {
            grant,
            member,
            reason,
        };
        let draft = Draft::new().effect(remove);
        let right = authority::right(logs, &self.device_id, &state.id());
        let stays = self.stays_reader_without(logs, state, &named);
        if !right.at_least(Role::Write) || !stays || state.closed_at().is_some() {
            return Step::make(draft);
        }
        Step::make(match self.next_epoch(state) {
            Some(epoch) => draft.epoch(epoch),
            None => draft,
        })
    }

    /// Whether this device still reads once some grants are gone: who leaves does not know the next
    /// key.
    fn stays_reader_without(
        &self,
        logs: &dyn Logs,
        state: &SpaceState,
        gone: &dyn Fn(&Grant) -> bool,
    ) -> bool {
        state
            .live_grants()
            .filter(|grant| grant.role.holds_keys() && grant.is_confirmed() && !gone(grant))
            .any(|grant| match grant.member {
                MemberId::Device(device) => device == self.device_id,
                MemberId::Space(member) => authority::right(logs, &self.device_id, &member)
                    .role
                    .is_some(),
            })
    }

    /// What was typed before goes out first. A stale section is re-keyed in the same operation: nobody
    /// begins an epoch afterwards, and a reader who waited for one would wait for ever.
    fn close_step(
        &self,
        space: &SpaceId,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Step, ClientError> {
        if state.closed_at().is_some() {
            return Ok(Step::Done);
        }
        if !self.pending_edits(space)?.is_empty() {
            return Ok(Step::Waits);
        }
        let epoch = self.is_stale(logs, state).then(|| self.next_epoch(state));
        Ok(Step::make(match epoch.flatten() {
            Some(epoch) => Draft::new()
                .epoch(epoch)
                .effect_after_epoch(Effect::Close {}),
            None => Draft::new().effect(Effect::Close {}),
        }))
    }

    /// It is closed first; that it is erased is said once all sections of the case are closed
    /// ([`crate::case_erasing`]).
    fn erase_step(
        &self,
        space: &SpaceId,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Step, ClientError> {
        if self.is_section_erased(space)? {
            return Ok(Step::Done);
        }
        if !authority::right(logs, &self.device_id, space).manages {
            return Ok(Step::GoesBack(super::NO_LONGER_YOURS.into()));
        }
        match state.closed_at() {
            Some(_) => Ok(Step::Waits),
            None => self.close_step(space, state, logs),
        }
    }

    fn confirm_step(
        &self,
        grant: &GrantId,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Step, ClientError> {
        let length = state.length();
        let Some(known) = state.grant(grant).filter(|known| known.is_live_at(length)) else {
            return Ok(Step::GoesBack("what it was about has ended".into()));
        };
        if known.is_confirmed() && !self.suspended(state).contains(grant) {
            return Ok(Step::Done);
        }
        let draft = Draft::new();
        if !authority::right(logs, &self.device_id, &state.id()).at_least(Role::Write) {
            // From a space above, where no key holder is left here: the key is theirs to make.
            let Some(above) = self.writes_above(&state.id(), logs)? else {
                return Ok(Step::GoesBack(super::NO_LONGER_YOURS.into()));
            };
            if self.takes_two_for(state, logs) && !self.is_second(known, state, logs) {
                return Ok(Step::GoesBack(NEEDS_ANOTHER.into()));
            }
            let draft = draft.effect(confirm(*grant, None)).after(above);
            // Whose word counts for an empty space is its guardian's matter.
            return Ok(Step::make(match state.guardian() {
                Some(guardian) => draft.after(guardian),
                None => draft,
            }));
        }
        if Self::is_from_now(known) && known.cut.is_none() {
            let Some(mut epoch) = self.next_epoch(state) else {
                return Ok(Step::Waits);
            };
            epoch.previous = None;
            epoch.cut = true;
            return Ok(Step::make(cut_draft(draft, *grant, epoch)));
        }
        if self.takes_two(known, state) && !self.is_second(known, state, logs) {
            return Ok(Step::GoesBack(NEEDS_ANOTHER.into()));
        }
        let together = self.waiting_together(grant, state);
        let draft = together
            .iter()
            .fold(draft, |draft, grant| draft.effect(confirm(*grant, None)));
        Ok(self.step_with_keys(draft, state, logs))
    }

    /// Whether a grant of an institution waits for a second administrator.
    pub(crate) fn takes_two(&self, grant: &Grant, state: &SpaceState) -> bool {
        state.kind() == Kind::Institution
            && !grant.is_confirmed()
            && is_administrator(grant.role)
            && state.policy().takes_two()
    }

    /// Whether this device is another administrator's than who added: of the institution itself, or of the
    /// guardian of a person without devices.
    pub(crate) fn is_second(&self, grant: &Grant, state: &SpaceState, logs: &dyn Logs) -> bool {
        if state.kind() == Kind::Institution {
            return self.is_another_than(&grant.added_by, state, logs);
        }
        let guardian = state.guardian().and_then(|guardian| logs.state(&guardian));
        guardian.is_some_and(|guardian| self.is_another_than(&grant.added_by, &guardian, logs))
    }

    fn refuse_step(&self, grant: &GrantId, state: &SpaceState, logs: &Overlay<'_>) -> Step {
        let length = state.length();
        if !state
            .grant(grant)
            .is_some_and(|known| known.is_live_at(length))
        {
            return Step::Done;
        }
        let right = authority::right(logs, &self.device_id, &state.id());
        Step::make(Draft::new().effect(if right.at_least(Role::Manage) {
            Effect::Void {
                envelopes: Vec::new(),
                grants: vec![*grant],
            }
        } else {
            Effect::Remove {
                grant: Some(*grant),
                member: None,
                reason: 0,
            }
        }))
    }
}

/// Cuts off the past, then confirms the grant that reads from there on, and wraps to it.
fn cut_draft(draft: Draft, grant: GrantId, epoch: nahtlos_protocol::space::NewEpoch) -> Draft {
    let key_id = nahtlos_protocol::identifier::KeyId(epoch.seed.key_id());
    let seed = epoch.seed.clone();
    draft
        .epoch(epoch)
        .effect_after_epoch(confirm(grant, Some(key_id)))
        .wrap_missing(seed)
}

fn confirm(grant: GrantId, key_id: Option<nahtlos_protocol::identifier::KeyId>) -> Effect {
    Effect::Confirm { grant, key_id }
}

fn set_role_step(grant: &GrantId, role: Role, state: &SpaceState) -> Step {
    let length = state.length();
    match state.grant(grant).filter(|known| known.is_live_at(length)) {
        None => Step::GoesBack("the grant it was about has ended".into()),
        Some(known) if known.role == role => Step::Done,
        Some(known) => {
            let same = |other: &Grant| other.id == known.id;
            if known.role == Role::Manage && !crate::ending::is_managed_without(state, same) {
                return Step::GoesBack(crate::ending::LAST_MANAGER.into());
            }
            Step::make(Draft::new().effect(Effect::SetRole {
                grant: *grant,
                role,
            }))
        }
    }
}
