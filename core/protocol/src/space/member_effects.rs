//! What effects on members do: `Add` with its device, member space or invitation, `Confirm`, and
//! `Invite`. How grants end stands in `end_effects.rs`.

use std::sync::Arc;

use super::authority::{self, Logs, View};
use super::effect::{DeviceKeys, Effect, History, InvitationProof, Member};
use super::kind::Role;
use super::recipients::{MissingLog, key_holders};
use super::replay::{Context, ReplayError, contradiction, invalid_key};
use super::standing::Suspended;
use super::state::{Device, Grant, Invitation, InvitationUse, MemberId, SpaceState, Sponsor};
use crate::crypto::kem::KemPublicKey;
use crate::crypto::label;
use crate::crypto::signature::{Signature, VerifyingKey};
use crate::identifier::{DeviceId, GrantId, InvitationId, KeyId, SignatureBytes, SpaceId};
use crate::limits;

impl SpaceState {
    pub(super) fn apply_add(
        &mut self,
        effect: &Effect,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let Effect::Add {
            grant,
            member,
            role,
            history,
            basis,
            not_after_ms,
            invitation,
        } = effect
        else {
            return Ok(());
        };
        context.require(context.right.changes_members(), "Add")?;
        if self.grants.len() >= limits::GRANTS_MAX {
            return Err(ReplayError::LimitReached { what: "grants" });
        }
        if self.grants.iter().any(|known| known.id == *grant) {
            return Err(contradiction("Add", "a grant of this id exists"));
        }
        let member_id = match member {
            Member::Device {
                keys,
                countersignature,
            } => self.admit_device(keys, countersignature, context)?,
            Member::Space { id } => self.admit_space(*id, context)?,
        };
        self.check_administrator(*role, member_id, context.logs)?;
        let sponsors = self.first_sponsor(*role, *history, invitation.as_ref(), context);
        if let Some(proof) = invitation {
            self.use_invitation(proof, member_id, *role, context.index)?;
        }
        self.grants.push(Grant {
            id: *grant,
            member: member_id,
            role: *role,
            history: *history,
            basis: basis.clone(),
            not_after_ms: *not_after_ms,
            added_at: context.index,
            added_by: context.author,
            claimed_at_ms: context.claimed_at_ms,
            sponsors,
            cut: None,
            changes: Vec::new(),
            ended: None,
        });
        Ok(())
    }

    /// Who stands for a new grant at once: its author, if they may.
    fn first_sponsor(
        &self,
        role: Role,
        history: History,
        invitation: Option<&InvitationProof>,
        context: &Context<'_>,
    ) -> Vec<Sponsor> {
        // Where nothing from before is to be read the past must be cut off first.
        let waits_for_cut = role.holds_keys() && history == History::FromNow;
        let waits = waits_for_cut || self.waits_for_another(role);
        if waits || !self.is_confirmed_at_once(role, invitation, context) {
            return Vec::new();
        }
        vec![context.sponsor(self.id)]
    }

    /// Somebody who holds keys stands for a grant: one that a keyless administrator made, one
    /// whose past is cut off now, or one that had become doubtful.
    pub(super) fn apply_confirm(
        &mut self,
        grant: GrantId,
        key_id: Option<KeyId>,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let length = context.index.saturating_add(1);
        let found = self
            .grants
            .iter()
            .position(|known| known.id == grant && known.is_live_at(length))
            .ok_or(contradiction("Confirm", "there is no such grant"))?;
        let through = self
            .confirms_through(context)
            .ok_or(ReplayError::NotEntitled { effect: "Confirm" })?;
        let known = self
            .grants
            .get(found)
            .ok_or(contradiction("Confirm", "there is no such grant"))?;
        // Whoever clears a doubt decides anew about a member: that is a manager's business.
        if known.is_confirmed() {
            context.require(context.right.at_least(Role::Manage), "Confirm")?;
        }
        self.require_second(known, through, context)?;
        let cut = self.cut_for(known, key_id)?;
        if let Some(grant) = self.grants.get_mut(found) {
            grant.sponsors.push(Sponsor {
                at: context.index,
                by: context.author,
                through,
            });
            grant.cut = grant.cut.or(cut);
        }
        Ok(())
    }

    /// The space in which the author may confirm: this one, as a writer; or, where no device holds
    /// a key here any more, one above it that answers for it.
    fn confirms_through(&self, context: &Context<'_>) -> Option<SpaceId> {
        if context.right.at_least(Role::Write) {
            return Some(self.id);
        }
        let view = View::of(self, context.index, context.at);
        if has_reader(context.logs, self, view) {
            return None;
        }
        context.references.iter().find_map(|head| {
            let above = context.logs.state(&head.space)?;
            let at = context.at;
            let length = at.length(&above);
            let answers = above.holds_member(self.id, length)
                && self.is_answered_for_by(context.logs, &above, View::at(at));
            let right = authority::right_in(context.logs, &context.author, &above, length, at);
            (answers && right.at_least(Role::Write)).then_some(head.space)
        })
    }

    /// Whether a space above is one that may stand for newcomers where nobody is left inside: the
    /// guardian, or what the guardian's own key holders stand for; without a guardian the network.
    /// Anybody may found a space and take anybody in, so being above alone says nothing.
    #[must_use]
    pub fn is_answered_for_by(&self, logs: &dyn Logs, above: &Self, view: View<'_>) -> bool {
        let Some(guardian) = self.guardian else {
            return logs.network() == Some(above.id);
        };
        if guardian == above.id {
            return self.kind.guardian_kind() == Some(above.kind);
        }
        logs.state(&guardian).is_some_and(|guardian| {
            self.kind.guardian_kind() == Some(guardian.kind)
                && guardian.holds_member(above.id, view.length(&guardian))
        })
    }

    /// Whether a member space holds keys here in a log of this length.
    fn holds_member(&self, member: SpaceId, length: u64) -> bool {
        key_holders(self, length, &Suspended::new()).contains(&MemberId::Space(member))
    }

    /// The epoch from which on a `from now` grant reads, as its `Confirm` has to name it.
    fn cut_for(&self, grant: &Grant, key_id: Option<KeyId>) -> Result<Option<KeyId>, ReplayError> {
        let needed =
            grant.history == History::FromNow && grant.role.holds_keys() && grant.cut.is_none();
        if !needed {
            return match key_id {
                None => Ok(None),
                Some(_) => Err(contradiction("Confirm", "the grant needs no cut")),
            };
        }
        let cut = key_id.and_then(|key_id| {
            self.epochs
                .iter()
                .find(|epoch| epoch.key_id == key_id && epoch.cut)
        });
        match cut {
            Some(epoch) if epoch.began_at >= grant.added_at => Ok(Some(epoch.key_id)),
            _ => Err(contradiction(
                "Confirm",
                "it names no epoch that cuts off the past",
            )),
        }
    }

    /// What a key holder adds stands at once; what a keyless administrator adds waits for a key
    /// holder's `Confirm`, unless it gives no key or answers an invitation that a key holder issued
    /// who still manages. An invitation stands for somebody once: whoever was let in by it and
    /// removed is not brought back by the same word.
    fn is_confirmed_at_once(
        &self,
        role: Role,
        invitation: Option<&InvitationProof>,
        context: &Context<'_>,
    ) -> bool {
        let still_manages = |inviter: &DeviceId| {
            let (index, at) = (context.index, context.at);
            authority::right_in(context.logs, inviter, self, index, at).manages
        };
        let invited_by_key_holder = invitation
            .and_then(|proof| self.invitations.get(&proof.invitation))
            .is_some_and(|open| {
                open.by_key_holder && open.used.is_none() && still_manages(&open.invited_by)
            });
        context.right.at_least(Role::Manage) || !role.holds_keys() || invited_by_key_holder
    }

    fn admit_device(
        &mut self,
        keys: &DeviceKeys,
        countersignature: &SignatureBytes,
        context: &Context<'_>,
    ) -> Result<MemberId, ReplayError> {
        if !self.kind.admits_device() {
            return Err(contradiction("Add", "this kind of space has no devices"));
        }
        let device = keys.device_id();
        if self.devices.contains_key(&device) {
            return Err(contradiction("Add", "the device is known already"));
        }
        let verifying =
            VerifyingKey::from_bytes(&keys.verifying.0).map_err(|_| invalid_key("Add"))?;
        let kem = KemPublicKey::from_bytes(&keys.kem).map_err(|_| invalid_key("Add"))?;
        let founding = context.index == 0;
        if founding && device != context.author {
            return Err(contradiction(
                "Add",
                "a person is founded by its own first device",
            ));
        }
        let message = admission_message((!founding).then_some(self.id), device);
        verifying
            .verify(
                label::ADMISSION_SIGN,
                &message,
                &Signature::from_bytes(countersignature.0),
            )
            .map_err(|_| ReplayError::BadSignature)?;
        self.devices.insert(
            device,
            Arc::new(Device {
                verifying,
                kem,
                added_at: context.index,
            }),
        );
        Ok(MemberId::Device(device))
    }

    fn admit_space(&self, member: SpaceId, context: &Context<'_>) -> Result<MemberId, ReplayError> {
        let missing = MissingLog { space: member };
        // The addition must come after the member's founding, so that every replica can judge it.
        context.knowledge.length(&member).ok_or(missing)?;
        let state = context.logs.state(&member).ok_or(missing)?;
        if self.kind.admits_space(state.kind) {
            Ok(MemberId::Space(member))
        } else {
            Err(contradiction(
                "Add",
                "this kind of space does not admit that kind of member",
            ))
        }
    }

    fn use_invitation(
        &mut self,
        proof: &InvitationProof,
        member: MemberId,
        role: Role,
        index: u64,
    ) -> Result<(), ReplayError> {
        let MemberId::Space(newcomer) = member else {
            return Err(contradiction(
                "Add",
                "an invitation is for a person or an institution",
            ));
        };
        let message = invitation_message(self.id, newcomer);
        let open = self
            .invitations
            .get_mut(&proof.invitation)
            .ok_or(contradiction("Add", "there is no such invitation"))?;
        if open.used_by().is_some_and(|by| by != newcomer) {
            return Err(contradiction(
                "Add",
                "the invitation was used by somebody else",
            ));
        }
        if open.role != role {
            return Err(contradiction("Add", "the invitation was for another role"));
        }
        let key = VerifyingKey::from_bytes(&proof.invitation.0).map_err(|_| invalid_key("Add"))?;
        key.verify(
            label::INVITATION_SIGN,
            &message,
            &Signature::from_bytes(proof.signature.0),
        )
        .map_err(|_| ReplayError::BadSignature)?;
        open.used = open.used.or(Some(InvitationUse {
            by: newcomer,
            at: index,
        }));
        Ok(())
    }

    pub(super) fn apply_invite(
        &mut self,
        invitation: InvitationId,
        role: Role,
        not_after_ms: u64,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.changes_members(), "Invite")?;
        if self.invitations.contains_key(&invitation) {
            return Err(contradiction("Invite", "the invitation exists"));
        }
        self.invitations.insert(
            invitation,
            Invitation {
                role,
                not_after_ms,
                invited_by: context.author,
                invited_at: context.index,
                by_key_holder: context.right.at_least(Role::Manage),
                used: None,
            },
        );
        Ok(())
    }
}

/// Whether any device still holds a key here, in the space itself or in one beneath it.
fn has_reader(logs: &dyn Logs, state: &SpaceState, view: View<'_>) -> bool {
    key_holders(state, view.length(state), &Suspended::new())
        .into_iter()
        .any(|member| match member {
            MemberId::Device(_) => true,
            MemberId::Space(space) => logs
                .state(&space)
                .is_some_and(|below| has_reader(logs, &below, view)),
        })
}

/// What a device countersigns: person space id (zeros while it is being founded) ‖ device id.
#[must_use]
pub fn admission_message(person: Option<SpaceId>, device: DeviceId) -> Vec<u8> {
    let mut message = person.map_or([0; 32], |person| person.0).to_vec();
    message.extend_from_slice(&device.0);
    message
}

/// What an invitation's key signs: inviting space id ‖ newcomer's space id.
#[must_use]
pub fn invitation_message(inviting: SpaceId, newcomer: SpaceId) -> Vec<u8> {
    let mut message = inviting.0.to_vec();
    message.extend_from_slice(&newcomer.0);
    message
}
