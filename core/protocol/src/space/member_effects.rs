//! What effects on members do: `Add` with its device, member space or invitation, and `Invite`.

use std::sync::Arc;

use super::effect::{DeviceKeys, Effect, InvitationProof, Member};
use super::kind::Role;
use super::recipients::MissingLog;
use super::replay::{Context, ReplayError, contradiction, invalid_key};
use super::state::{Device, Grant, Invitation, MemberId, SpaceState};
use crate::crypto::kem::KemPublicKey;
use crate::crypto::label;
use crate::crypto::signature::{Signature, VerifyingKey};
use crate::identifier::{DeviceId, InvitationId, SignatureBytes, SpaceId};
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
        if let Some(proof) = invitation {
            self.use_invitation(proof, member_id, *role)?;
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
            confirmed: self.is_confirmed_at_once(*role, invitation.as_ref(), context),
        });
        Ok(())
    }

    /// What a key holder adds stands at once; what a keyless administrator adds waits for a key
    /// holder's `Confirm`, unless it gives no key or answers an invitation a key holder issued.
    fn is_confirmed_at_once(
        &self,
        role: Role,
        invitation: Option<&InvitationProof>,
        context: &Context<'_>,
    ) -> bool {
        let invited_by_key_holder = invitation
            .and_then(|proof| self.invitations.get(&proof.invitation))
            .is_some_and(|open| open.by_key_holder);
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
        if open.used_by.is_some_and(|by| by != newcomer) {
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
        open.used_by = Some(newcomer);
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
                used_by: None,
            },
        );
        Ok(())
    }
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
