//! Replay: turns a log of signed operations into a [`SpaceState`]. Client and relay run exactly
//! this code.
//!
//! An operation is judged by what it *comes after*: the log before it, its references, and
//! everything those come after. So every replica that has the same bytes reaches the same verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authority::{self, At, Knowledge, Logs, Right, UnknownReference};
use super::effect::{DeviceKeys, Effect, InvitationProof, Member, Recipient, WrapMethod};
use super::kind::{Kind, Role};
use super::operation::SignedOperation;
use super::recipients::{self, MissingLog};
use super::state::{
    Device, Epoch, Grant, Invitation, MemberId, OperationRecord, SpaceState, WrapRecord,
};
use crate::crypto::kem::KemPublicKey;
use crate::crypto::label;
use crate::crypto::signature::{Signature, VerifyingKey};
use crate::identifier::{DeviceId, InvitationId, KeyId, RecipientId, SignatureBytes, SpaceId};
use crate::limits;

/// Why an operation does not extend a log.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum ReplayError {
    /// Another operation stands there already, or one in between is missing.
    #[error("does not follow the head of the log")]
    NotNext,
    /// Refers to something this replica has not received: wait for it.
    #[error(transparent)]
    UnknownReference(#[from] UnknownReference),
    /// The log of a member is needed and not referred to.
    #[error(transparent)]
    MissingLog(#[from] MissingLog),
    /// References go back, repeat or are not in order.
    #[error("references are not ascending, or go back along a log")]
    BadReferences,
    /// The author's key is in none of the logs the operation comes after.
    #[error("the author's key is not known from the logs referred to")]
    UnknownAuthor,
    /// The signature is not the author's over these bytes.
    #[error("the signature does not verify")]
    BadSignature,
    /// The author may not do this.
    #[error("the author holds no right to {effect}")]
    NotEntitled {
        /// Which effect.
        effect: &'static str,
    },
    /// The founding operation is not of the right form.
    #[error("not a valid founding operation: {reason}")]
    BadFounding {
        /// What is wrong.
        reason: &'static str,
    },
    /// The effect contradicts the log.
    #[error("{effect} contradicts the log: {reason}")]
    Contradiction {
        /// Which effect.
        effect: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// An epoch or a wrap is not for exactly the effective recipients.
    #[error("wraps are not for exactly the effective recipients")]
    NotExact,
    /// A newer program wrote it; the space is read-only here.
    #[error("needs a newer nahtlos: {effect}")]
    NeedsNewer {
        /// Which effect.
        effect: &'static str,
    },
    /// A space reached a limit.
    #[error("the space has reached its limit of {what}")]
    LimitReached {
        /// Which.
        what: &'static str,
    },
}

/// Whether replay checks signatures. Bytes from one's own store were verified when they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// Verify.
    Verify,
    /// Verified before, when stored by this replica.
    VerifiedBefore,
}

impl SpaceState {
    /// Founds a space from operation 0.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn found(
        founding: &SignedOperation,
        logs: &dyn Logs,
        signatures: Signatures,
    ) -> Result<Self, ReplayError> {
        Self::founded(founding)?.append(founding, logs, signatures)
    }

    /// Applies the next operation.
    ///
    /// # Errors
    /// [`ReplayError`]; the state is consumed, so that a half-applied one cannot be used.
    pub fn append(
        mut self,
        signed: &SignedOperation,
        logs: &dyn Logs,
        signatures: Signatures,
    ) -> Result<Self, ReplayError> {
        let knowledge = self.accept_position(signed, logs)?;
        if signatures == Signatures::Verify {
            self.check_signature(signed, logs, &knowledge)?;
        }
        let operation = signed.operation();
        let mut context = Context {
            logs,
            author: operation.author,
            right: authority::right_in(
                logs,
                &operation.author,
                &self,
                operation.index,
                At::Known(&knowledge),
            ),
            index: operation.index,
            claimed_at_ms: operation.claimed_at_ms,
            knowledge: &knowledge,
            founding_effect: operation.index == 0,
        };
        for effect in &operation.effects {
            self.apply(effect, &mut context)?;
            context.founding_effect = false;
        }
        if operation.effects.is_empty() {
            return Err(ReplayError::Contradiction {
                effect: "operation",
                reason: "it has no effect",
            });
        }
        self.operations.push(OperationRecord {
            id: signed.id(),
            author: operation.author,
            claimed_at_ms: operation.claimed_at_ms,
            knowledge,
        });
        Ok(self)
    }

    /// Whether an operation stands next in this log: the cheap look before a state is copied to
    /// apply it.
    #[must_use]
    pub fn is_followed_by(&self, signed: &SignedOperation) -> bool {
        let operation = signed.operation();
        signed.space() == self.id
            && operation.index == self.length()
            && operation.previous == self.operations.last().map(|record| record.id)
    }

    /// The empty state that operation 0 is applied to.
    fn founded(founding: &SignedOperation) -> Result<Self, ReplayError> {
        let bad = |reason| ReplayError::BadFounding { reason };
        let operation = founding.operation();
        if operation.index != 0 || operation.space.is_some() || operation.previous.is_some() {
            return Err(bad("it is not operation 0"));
        }
        let Some(Effect::Create {
            kind,
            nonce,
            guardian,
            founder,
        }) = operation.effects.first()
        else {
            return Err(bad("its first effect is not Create"));
        };
        if guardian.is_some() && kind.guardian_kind().is_none() {
            return Err(bad("this kind of space has no guardian"));
        }
        Ok(Self {
            id: founding.space(),
            kind: *kind,
            guardian: *guardian,
            nonce: *nonce,
            founder: operation.author,
            founder_key: founder_key(operation.author, founder.as_ref(), &operation.effects)?,
            operations: Vec::new(),
            grants: Vec::new(),
            devices: BTreeMap::new(),
            epochs: Vec::new(),
            invitations: BTreeMap::new(),
            relay_keys: Vec::new(),
        })
    }

    /// Checks that the operation is the next one and gathers what it comes after.
    fn accept_position(
        &self,
        signed: &SignedOperation,
        logs: &dyn Logs,
    ) -> Result<Arc<Knowledge>, ReplayError> {
        let operation = signed.operation();
        let last = self.operations.last();
        if !self.is_followed_by(signed) {
            return Err(ReplayError::NotNext);
        }
        if operation.index >= limits::LOG_LENGTH_MAX {
            return Err(ReplayError::LimitReached { what: "operations" });
        }
        let mut knowledge = last.map_or_else(Arc::default, |record| Arc::clone(&record.knowledge));
        let mut previous: Option<SpaceId> = None;
        for head in &operation.references {
            let goes_back = knowledge
                .length(&head.space)
                .is_some_and(|known| known > head.index.saturating_add(1));
            if goes_back || head.space == self.id || previous >= Some(head.space) {
                return Err(ReplayError::BadReferences);
            }
            previous = Some(head.space);
        }
        for head in &operation.references {
            Knowledge::learn_shared(&mut knowledge, logs, head)?;
        }
        if knowledge.len() > limits::KNOWN_SPACES_MAX {
            return Err(ReplayError::LimitReached {
                what: "spaces known",
            });
        }
        Ok(knowledge)
    }

    fn check_signature(
        &self,
        signed: &SignedOperation,
        logs: &dyn Logs,
        knowledge: &Knowledge,
    ) -> Result<(), ReplayError> {
        let author = signed.operation().author;
        let key = self
            .own_verifying_key(&author)
            .or_else(|| authority::verifying_key(logs, &author, knowledge))
            .ok_or(ReplayError::UnknownAuthor)?;
        if signed.is_signed_by(&key) {
            Ok(())
        } else {
            Err(ReplayError::BadSignature)
        }
    }
}

/// What an effect is judged by.
struct Context<'a> {
    logs: &'a dyn Logs,
    author: DeviceId,
    right: Right,
    index: u64,
    claimed_at_ms: u64,
    knowledge: &'a Knowledge,
    /// The effect is the first of operation 0.
    founding_effect: bool,
}

impl Context<'_> {
    fn require(&self, holds: bool, effect: &'static str) -> Result<(), ReplayError> {
        if holds {
            Ok(())
        } else {
            Err(ReplayError::NotEntitled { effect })
        }
    }
}

impl SpaceState {
    fn apply(&mut self, effect: &Effect, context: &mut Context<'_>) -> Result<(), ReplayError> {
        let newer = |effect| Err(ReplayError::NeedsNewer { effect });
        match effect {
            Effect::Create { .. } if context.founding_effect => Ok(()),
            Effect::Create { .. } => Err(ReplayError::Contradiction {
                effect: "Create",
                reason: "the space exists",
            }),
            Effect::Add { .. } => self.apply_add(effect, context),
            Effect::Epoch { .. } => self.apply_epoch(effect, context),
            Effect::Wrap { key_id, recipients } => self.apply_wrap(*key_id, recipients, context),
            Effect::Invite {
                invitation,
                role,
                not_after_ms,
            } => self.apply_invite(*invitation, *role, *not_after_ms, context),
            Effect::SetRelay { key } => {
                context.require(context.right.at_least(Role::Manage), "SetRelay")?;
                if self.kind != Kind::Network {
                    return Err(ReplayError::Contradiction {
                        effect: "SetRelay",
                        reason: "only a network names its relay",
                    });
                }
                let key = VerifyingKey::from_bytes(&key.0).map_err(|_| invalid_key("SetRelay"))?;
                self.relay_keys.push(key);
                Ok(())
            }
            Effect::Confirm { .. } => newer("Confirm"),
            Effect::Link { .. } => newer("Link"),
            Effect::Remove { .. } => newer("Remove"),
            Effect::SetRole { .. } => newer("SetRole"),
            Effect::Expire { .. } => newer("Expire"),
            Effect::BadWrap { .. } => newer("BadWrap"),
            Effect::Void { .. } => newer("Void"),
            Effect::Heal { .. } => newer("Heal"),
            Effect::Close {} => newer("Close"),
        }
    }

    fn apply_add(&mut self, effect: &Effect, context: &Context<'_>) -> Result<(), ReplayError> {
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

    fn apply_invite(
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

    fn apply_epoch(&mut self, effect: &Effect, context: &Context<'_>) -> Result<(), ReplayError> {
        let Effect::Epoch {
            key_id,
            kem,
            previous,
            link,
            label,
            recipients,
        } = effect
        else {
            return Ok(());
        };
        context.require(context.right.at_least(Role::Write), "Epoch")?;
        if *previous != self.current_epoch().map(|epoch| epoch.key_id) {
            return Err(contradiction(
                "Epoch",
                "it does not follow the current epoch",
            ));
        }
        if self.epoch(key_id).is_some() {
            return Err(contradiction("Epoch", "its seed was used before"));
        }
        if link
            .as_ref()
            .is_some_and(|link| link.len() != LINK_BYTES || previous.is_none())
        {
            return Err(contradiction(
                "Epoch",
                "its history link is not of the right form",
            ));
        }
        if kem.is_some() != self.kind.has_spaces_above() {
            return Err(contradiction(
                "Epoch",
                "its public key is missing or not wanted here",
            ));
        }
        let kem = kem
            .as_ref()
            .map(|bytes| KemPublicKey::from_bytes(bytes))
            .transpose()
            .map_err(|_| invalid_key("Epoch"))?;
        let exact = recipients::effective_recipients(
            context.logs,
            self,
            context.index.saturating_add(1),
            At::Known(context.knowledge),
        )?;
        let named = recipients.iter().map(|wrap| (wrap.id, wrap.key));
        if !named.eq(exact.values().map(|target| (target.id(), target.key()))) {
            return Err(ReplayError::NotExact);
        }
        self.check_methods(recipients, context)?;
        self.epochs.push(Epoch {
            key_id: *key_id,
            kem,
            previous: *previous,
            link: link.clone(),
            label: label.clone(),
            recipients: wrap_records(recipients, context.index),
            began_at: context.index,
        });
        Ok(())
    }

    fn apply_wrap(
        &mut self,
        key_id: KeyId,
        wraps: &[Recipient],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Read), "Wrap")?;
        let length = context.index.saturating_add(1);
        if self.current_epoch().map(|epoch| epoch.key_id) != Some(key_id)
            || recipients::is_stale(self, length)
        {
            return Err(contradiction("Wrap", "it is not for the current epoch"));
        }
        let at = At::Known(context.knowledge);
        let exact = recipients::effective_recipients(context.logs, self, length, at)?;
        let entitled = wraps.iter().all(|wrap| {
            exact
                .get(&wrap.id)
                .is_some_and(|target| target.key() == wrap.key)
        });
        let ascending = wraps.is_sorted_by(|left, right| left.id < right.id);
        if !entitled || !ascending || wraps.is_empty() {
            return Err(ReplayError::NotExact);
        }
        self.check_methods(wraps, context)?;
        let records = wrap_records(wraps, context.index);
        let Some(epoch) = self.epochs.last_mut() else {
            return Err(contradiction("Wrap", "there is no epoch"));
        };
        if records.keys().any(|id| epoch.recipients.contains_key(id)) {
            return Err(contradiction("Wrap", "the recipient has a wrap already"));
        }
        epoch.recipients.extend(records);
        Ok(())
    }

    /// A symmetric wrap can only be made by somebody inside the recipient space.
    fn check_methods(&self, wraps: &[Recipient], context: &Context<'_>) -> Result<(), ReplayError> {
        let at = At::Known(context.knowledge);
        for wrap in wraps
            .iter()
            .filter(|wrap| wrap.method == WrapMethod::Symmetric)
        {
            let inside = context
                .logs
                .state(&SpaceId(wrap.id.0))
                .is_some_and(|state| {
                    let length = at.length(&state);
                    authority::content_role(context.logs, &context.author, &state, length, at)
                        .is_some()
                });
            if !inside {
                return Err(contradiction(
                    "wrap",
                    "a symmetric wrap by an author outside the recipient",
                ));
            }
        }
        Ok(())
    }

    fn own_verifying_key(&self, author: &DeviceId) -> Option<VerifyingKey> {
        let device = self.devices.get(author).map(|device| device.verifying);
        device.or_else(|| self.founder_key.filter(|_| self.founder == *author))
    }
}

/// Bytes of a history link: a 32-byte seed and a 16-byte tag.
const LINK_BYTES: usize = 48;

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

fn founder_key(
    author: DeviceId,
    founder: Option<&DeviceKeys>,
    effects: &[Effect],
) -> Result<Option<VerifyingKey>, ReplayError> {
    let own_admission = effects.iter().find_map(|effect| match effect {
        Effect::Add {
            member: Member::Device { keys, .. },
            ..
        } => Some(keys),
        _ => None,
    });
    let Some(keys) = founder.or(own_admission) else {
        return Ok(None);
    };
    if keys.device_id() != author {
        return Err(ReplayError::BadFounding {
            reason: "the founder's keys are not the author's",
        });
    }
    VerifyingKey::from_bytes(&keys.verifying.0)
        .map(Some)
        .map_err(|_| invalid_key("Create"))
}

fn wrap_records(wraps: &[Recipient], at: u64) -> BTreeMap<RecipientId, WrapRecord> {
    wraps
        .iter()
        .map(|wrap| {
            (
                wrap.id,
                WrapRecord {
                    recipient: *wrap,
                    at,
                },
            )
        })
        .collect()
}

fn contradiction(effect: &'static str, reason: &'static str) -> ReplayError {
    ReplayError::Contradiction { effect, reason }
}

fn invalid_key(effect: &'static str) -> ReplayError {
    contradiction(effect, "a public key is not valid")
}
