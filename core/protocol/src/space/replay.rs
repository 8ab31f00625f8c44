//! Replay: turns a log of signed operations into a [`SpaceState`]. Client and relay run exactly
//! this code.
//!
//! An operation is judged by what it *comes after*: the log before it, its references, and
//! everything those come after. So every replica that has the same bytes reaches the same verdict.
//!
//! Here: position, references, signature, and the effects in order. What each effect does stands in
//! `member_effects.rs`, `end_effects.rs`, `epoch_effects.rs` and `healing.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authority::{self, At, Knowledge, Logs, Right, UnknownReference};
use super::effect::{DeviceKeys, Effect, Member};
use super::end_effects::closed;
use super::kind::{Kind, Role};
use super::operation::{LogHead, Operation, SignedOperation};
use super::recipients::MissingLog;
use super::state::{OperationRecord, Records, SpaceState, Sponsor};
use crate::crypto::signature::VerifyingKey;
use crate::identifier::{DeviceId, SpaceId, VerifyingKeyBytes};
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
        self,
        signed: &SignedOperation,
        logs: &dyn Logs,
        signatures: Signatures,
    ) -> Result<Self, ReplayError> {
        self.append_as(signed, logs, signatures, Lane::Log)
    }

    /// Applies the next operation of a branch that is carried back. Whom it wrapped to is not
    /// checked: what it comes after may be a lost branch of another log, of which only the part before
    /// the fork is known, and the keys of a branch serve for reading alone.
    pub(super) fn append_lost(
        self,
        signed: &SignedOperation,
        logs: &dyn Logs,
    ) -> Result<Self, ReplayError> {
        self.append_as(signed, logs, Signatures::Verify, Lane::LostBranch)
    }

    fn append_as(
        mut self,
        signed: &SignedOperation,
        logs: &dyn Logs,
        signatures: Signatures,
        lane: Lane,
    ) -> Result<Self, ReplayError> {
        let knowledge = self.accept_position(signed, logs)?;
        if signatures == Signatures::Verify {
            self.check_signature(signed, logs, &knowledge)?;
        }
        let at = At::Known(&knowledge);
        self.apply_all(signed.operation(), logs, &knowledge, at, lane)?;
        self.operations.push(OperationRecord {
            id: signed.id(),
            author: signed.operation().author,
            claimed_at_ms: signed.operation().claimed_at_ms,
            knowledge,
        });
        Ok(self)
    }

    /// Whether an operation would still apply if its author knew everything this replica knows:
    /// whether the right to it exists by the newest logs, and its wraps are exact by them. What a
    /// relay asks before it accepts, and an author before signing.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn check_at_newest(
        before: Option<&Self>,
        signed: &SignedOperation,
        logs: &dyn Logs,
    ) -> Result<(), ReplayError> {
        let mut state = match before {
            Some(before) => before.clone(),
            None => Self::founded(signed)?,
        };
        let knowledge = state.accept_position(signed, logs)?;
        state.apply_all(signed.operation(), logs, &knowledge, At::Newest, Lane::Log)
    }

    /// Applies the effects in order; the author's right is that before the operation, for all.
    fn apply_all(
        &mut self,
        operation: &Operation,
        logs: &dyn Logs,
        knowledge: &Knowledge,
        at: At<'_>,
        lane: Lane,
    ) -> Result<(), ReplayError> {
        if operation.effects.is_empty() {
            return Err(contradiction("operation", "it has no effect"));
        }
        let index = operation.index;
        let mut context = Context {
            logs,
            author: operation.author,
            right: authority::right_in(logs, &operation.author, self, index, at),
            index,
            claimed_at_ms: operation.claimed_at_ms,
            at,
            knowledge,
            references: &operation.references,
            lane,
            founding_effect: index == 0,
        };
        for effect in &operation.effects {
            self.apply(effect, &mut context)?;
            context.founding_effect = false;
        }
        Ok(())
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
            operations: Records::default(),
            grants: Vec::new(),
            devices: BTreeMap::new(),
            epochs: Vec::new(),
            invitations: BTreeMap::new(),
            relay_keys: Vec::new(),
            policies: Vec::new(),
            voided: BTreeMap::new(),
            closed_at: None,
            branches: Vec::new(),
            past_wraps: BTreeMap::new(),
            last_end_at: None,
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

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// In the log.
    Log,
    /// On a lost branch that is carried back.
    LostBranch,
}

/// What an effect is judged by.
pub(super) struct Context<'a> {
    pub(super) logs: &'a dyn Logs,
    pub(super) author: DeviceId,
    pub(super) right: Right,
    pub(super) index: u64,
    pub(super) claimed_at_ms: u64,
    /// What the operation comes after.
    pub(super) knowledge: &'a Knowledge,
    /// What it is judged by: that, or the newest logs.
    pub(super) at: At<'a>,
    pub(super) references: &'a [LogHead],
    /// Whether it extends the log or a branch that is carried back.
    pub(super) lane: Lane,
    /// The effect is the first of operation 0.
    founding_effect: bool,
}

impl Context<'_> {
    /// The author, standing for a grant by a right held in a space.
    pub(super) fn sponsor(&self, through: SpaceId) -> Sponsor {
        Sponsor {
            at: self.index,
            by: self.author,
            through,
        }
    }

    pub(super) fn require(&self, holds: bool, effect: &'static str) -> Result<(), ReplayError> {
        if holds {
            Ok(())
        } else {
            Err(ReplayError::NotEntitled { effect })
        }
    }
}

impl SpaceState {
    fn apply(&mut self, effect: &Effect, context: &mut Context<'_>) -> Result<(), ReplayError> {
        if self.closed_at.is_some() && !outlives_closing(effect) {
            return Err(closed("an effect"));
        }
        match effect {
            Effect::Create { .. } if context.founding_effect => Ok(()),
            Effect::Create { .. } => Err(contradiction("Create", "the space exists")),
            Effect::Add { .. } => self.apply_add(effect, context),
            Effect::Confirm { grant, key_id } => self.apply_confirm(*grant, *key_id, context),
            Effect::Remove {
                grant,
                member,
                reason,
            } => self.apply_remove(*grant, *member, *reason, context),
            Effect::SetRole { grant, role } => self.apply_set_role(*grant, *role, context),
            Effect::Expire { grant } => self.apply_expire(*grant, context),
            Effect::Epoch { .. } => self.apply_epoch(effect, context),
            Effect::Wrap {
                key_id,
                recipients,
                suspended,
            } => self.apply_wrap(*key_id, recipients, suspended, context),
            Effect::Link {
                key_id,
                previous,
                link,
            } => self.apply_link(*key_id, *previous, link, context),
            Effect::BadWrap { key_id, recipient } => {
                self.apply_bad_wrap(*key_id, *recipient, context)
            }
            Effect::Void { envelopes, grants } => self.apply_void(envelopes, grants, context),
            Effect::Heal { branch } => self.apply_heal(branch, context),
            Effect::Invite {
                invitation,
                role,
                not_after_ms,
            } => self.apply_invite(*invitation, *role, *not_after_ms, context),
            Effect::SetRelay { key } => self.apply_set_relay(key, context),
            Effect::Close {} => self.apply_close(context),
            Effect::Policy {
                administrators,
                compares,
            } => self.apply_policy(*administrators, *compares, context),
        }
    }

    fn apply_set_relay(
        &mut self,
        key: &VerifyingKeyBytes,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Manage), "SetRelay")?;
        if self.kind != Kind::Network {
            return Err(contradiction("SetRelay", "only a network names its relay"));
        }
        let key = VerifyingKey::from_bytes(&key.0).map_err(|_| invalid_key("SetRelay"))?;
        self.relay_keys.push((context.index, key));
        Ok(())
    }

    fn own_verifying_key(&self, author: &DeviceId) -> Option<VerifyingKey> {
        let device = self.devices.get(author).map(|device| device.verifying);
        device.or_else(|| self.founder_key.filter(|_| self.founder == *author))
    }
}

/// Access must stay withdrawable after a space was closed, and a lost branch must come back.
fn outlives_closing(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Remove { .. }
            | Effect::SetRole { .. }
            | Effect::Expire { .. }
            | Effect::Void { .. }
            | Effect::Heal { .. }
    )
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

pub(super) fn contradiction(effect: &'static str, reason: &'static str) -> ReplayError {
    ReplayError::Contradiction { effect, reason }
}

pub(super) fn invalid_key(effect: &'static str) -> ReplayError {
    contradiction(effect, "a public key is not valid")
}
