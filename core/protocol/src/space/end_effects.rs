//! What ends: `Remove`, `SetRole`, `Expire`, `Void` and `Close`.
//!
//! None of them undoes anything. Each notes at which index it happened, so that a question can still
//! be asked of the log before it, and notes it for [`super::standing`], which asks whether a right
//! that somebody once had still stands.

use super::kind::{Kind, Role};
use super::replay::{Context, ReplayError, contradiction};
use super::state::{End, EndReason, Grant, RoleChange, SpaceState};
use crate::identifier::{EnvelopeId, GrantId, RecipientId};

impl SpaceState {
    /// Ends one grant, or every grant of a member.
    pub(super) fn apply_remove(
        &mut self,
        grant: Option<GrantId>,
        member: Option<RecipientId>,
        reason: u8,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.changes_members(), "Remove")?;
        let named: Box<dyn Fn(&Grant) -> bool> = match (grant, member) {
            (Some(id), None) => Box::new(move |known| known.id == id),
            (None, Some(member)) => Box::new(move |known| known.member.recipient() == member),
            _ => {
                return Err(contradiction(
                    "Remove",
                    "it names not one grant or one member",
                ));
            }
        };
        self.end_grants(&*named, EndReason::Removed(reason), "Remove", context)
    }

    /// Ends a grant whose time has passed. The time is the author's; the relay compares it with
    /// its own.
    pub(super) fn apply_expire(
        &mut self,
        grant: GrantId,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let entitled = context.right.at_least(Role::Write) || context.right.changes_members();
        context.require(entitled, "Expire")?;
        let end_ms = self.grant(&grant).and_then(|known| known.not_after_ms);
        match end_ms {
            None => return Err(contradiction("Expire", "the grant has no end of its own")),
            Some(end_ms) if context.claimed_at_ms < end_ms => {
                return Err(contradiction("Expire", "the grant's time has not passed"));
            }
            Some(_) => {}
        }
        self.end_grants(
            &|known| known.id == grant,
            EndReason::Expired,
            "Expire",
            context,
        )
    }

    /// A manager overrides: these envelopes and what builds on them do not count, and these
    /// additions are refused.
    pub(super) fn apply_void(
        &mut self,
        envelopes: &[EnvelopeId],
        grants: &[GrantId],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.manages, "Void")?;
        if envelopes.is_empty() && grants.is_empty() {
            return Err(contradiction("Void", "it names nothing"));
        }
        for envelope in envelopes {
            self.voided.entry(*envelope).or_insert(context.index);
        }
        for grant in grants {
            self.end_grants(
                &|known| known.id == *grant,
                EndReason::Voided,
                "Void",
                context,
            )?;
        }
        Ok(())
    }

    /// Changes what a grant allows. More than before takes somebody who holds keys and manages:
    /// a custodian without keys cannot make writers.
    pub(super) fn apply_set_role(
        &mut self,
        grant: GrantId,
        role: Role,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let length = context.index.saturating_add(1);
        let managers = self.managers(length);
        let closed_before = self.closed_at.is_some();
        let takes_two = self.waits_for_another(role);
        let known = self
            .grants
            .iter_mut()
            .find(|known| known.id == grant && known.is_live_at(length))
            .ok_or(contradiction("SetRole", "there is no such grant"))?;
        if known.role == role || known.role.holds_keys() != role.holds_keys() {
            return Err(contradiction(
                "SetRole",
                "it is no change between roles with keys",
            ));
        }
        let upwards = role > known.role;
        if upwards && closed_before {
            return Err(closed("SetRole"));
        }
        if upwards && takes_two {
            return Err(contradiction(
                "SetRole",
                "it takes two administrators to make one: add a grant instead",
            ));
        }
        let entitled = if upwards {
            context.right.at_least(Role::Manage)
        } else {
            context.right.changes_members()
        };
        context.require(entitled, "SetRole")?;
        known.changes.push(RoleChange {
            at: context.index,
            before: known.role,
        });
        known.role = role;
        self.note_end(context.index);
        self.keeps_a_manager(managers, "SetRole", context)
    }

    /// Nothing follows but what ends rights.
    pub(super) fn apply_close(&mut self, context: &Context<'_>) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Manage), "Close")?;
        self.closed_at = Some(context.index);
        self.note_end(context.index);
        Ok(())
    }

    pub(super) fn end_grants(
        &mut self,
        named: &dyn Fn(&Grant) -> bool,
        reason: EndReason,
        effect: &'static str,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let length = context.index.saturating_add(1);
        let managers = self.managers(length);
        let mut ended = 0_usize;
        for grant in &mut self.grants {
            if grant.is_live_at(length) && named(grant) {
                grant.ended = Some(End {
                    at: context.index,
                    by: context.author,
                    claimed_at_ms: context.claimed_at_ms,
                    reason,
                });
                ended = ended.saturating_add(1);
            }
        }
        if ended == 0 {
            return Err(contradiction(effect, "there is no such grant"));
        }
        self.note_end(context.index);
        self.keeps_a_manager(managers, effect, context)
    }

    /// The last path with `manage` cannot be ended: nobody could ever let anybody in again. Where it takes
    /// two administrators to make one, neither can the last but one. A person is the exception: the
    /// only device of somebody may be lost, and must be revocable.
    fn keeps_a_manager(
        &self,
        managers_before: usize,
        effect: &'static str,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let length = context.index.saturating_add(1);
        let managers = self.managers(length);
        if self.kind == Kind::Person || managers >= managers_before {
            return Ok(());
        }
        match managers {
            0 => Err(contradiction(
                effect,
                "it would end the last path with manage: grant manage to somebody else first",
            )),
            1 if self.policy().takes_two() => Err(contradiction(
                effect,
                "it would leave one administrator where it takes two to make one: make another one first",
            )),
            _ => Ok(()),
        }
    }
}

/// Refusal of an effect that a closed space does not take any more.
pub(super) fn closed(effect: &'static str) -> ReplayError {
    contradiction(effect, "the space is closed")
}
