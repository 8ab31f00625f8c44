//! Prepares the next operation of one's own: gathers references, makes epochs and wraps, signs,
//! and checks the result with the same replay everybody else will run.

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::authority::{self, At, Knowledge, Logs, View};
use super::effect::{Effect, Member, Recipient, WrapMethod};
use super::operation::{LogHead, Operation, SignedOperation};
use super::past;
use super::recipients::{self, MissingLog, Wrap, WrapTarget};
use super::replay::{ReplayError, Signatures};
use super::standing::Suspended;
use super::state::SpaceState;
use crate::PROTOCOL_VERSION;
use crate::crypto::epoch_secret::{self, EpochSeed};
use crate::crypto::signature::SigningKey;
use crate::crypto::suite::Suite;
use crate::crypto::wrap;
use crate::identifier::{DeviceId, KeyId, Nonce, RecipientId, SpaceId};

/// A signed operation with its wraps and the state after it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The operation.
    pub operation: SignedOperation,
    /// The wraps beside it.
    pub wraps: Vec<Wrap>,
    /// The space after it.
    pub state: SpaceState,
}

/// Why an operation could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// Replay would refuse it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A wrap could not be made.
    #[error("a key could not be wrapped: {reason}")]
    Wrap {
        /// What the primitive said.
        reason: String,
    },
    /// The current epoch's seed is needed and not held here.
    #[error("this device does not hold the current key of the space")]
    SeedNotHeld,
}

/// One's own device as an author.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    /// Its id.
    pub device: DeviceId,
    /// Signs.
    pub signing: &'a SigningKey,
    /// Its clock, Unix milliseconds.
    pub now_ms: u64,
}

/// The epoch seeds this device holds.
pub trait EpochSecrets {
    /// The seed of an epoch, where this device has opened it.
    fn seed(&self, space: &SpaceId, key_id: &KeyId) -> Option<EpochSeed>;
}

/// A new epoch to be wrapped to exactly the effective recipients.
pub struct NewEpoch {
    /// Its fresh seed.
    pub seed: EpochSeed,
    /// The seed before, to be linked; none at the first epoch.
    pub previous: Option<EpochSeed>,
    /// What the section is, to be sealed under the new epoch.
    pub label: Option<Vec<u8>>,
    /// Cuts off the past: nothing leads from here or later to what was before. `previous` is none
    /// then.
    pub cut: bool,
}

/// An operation in the making.
#[derive(Default)]
pub struct Draft {
    effects: Vec<Effect>,
    epoch: Option<NewEpoch>,
    effects_after_epoch: Vec<Effect>,
    wraps_missing_under: Option<EpochSeed>,
    after: Vec<SpaceId>,
    suspended: Suspended,
}

impl Draft {
    /// An empty draft.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an effect that needs no key.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Appends an effect that comes after the new epoch: the `Confirm` that names it.
    #[must_use]
    pub fn effect_after_epoch(mut self, effect: Effect) -> Self {
        self.effects_after_epoch.push(effect);
        self
    }

    /// Comes after another space's log too, and after the author's path to it.
    #[must_use]
    pub fn after(mut self, space: SpaceId) -> Self {
        self.after.push(space);
        self
    }

    /// Passes over grants that are suspended.
    #[must_use]
    pub fn passing_over(mut self, suspended: Suspended) -> Self {
        self.suspended = suspended;
        self
    }

    /// Begins a new epoch after the other effects.
    #[must_use]
    pub fn epoch(mut self, epoch: NewEpoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Wraps the current epoch to every effective recipient that lacks it, after the other
    /// effects; or an epoch of a healed branch that was cut off, to those who read from the beginning.
    #[must_use]
    pub fn wrap_missing(mut self, seed: EpochSeed) -> Self {
        self.wraps_missing_under = Some(seed);
        self
    }

    /// Signs the draft as the next operation of `space`, or as the founding one.
    ///
    /// # Errors
    /// [`AuthorError`]; nothing was changed.
    pub fn prepare(
        mut self,
        logs: &dyn Logs,
        secrets: &dyn EpochSecrets,
        author: &Author<'_>,
        rng: &mut dyn CryptoRng,
        space: Option<&SpaceState>,
    ) -> Result<Prepared, AuthorError> {
        let index = space.map_or(0, SpaceState::length);
        let mut operation = Operation {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            space: space.map(SpaceState::id),
            index,
            previous: space.and_then(SpaceState::head).map(|head| head.operation),
            author: author.device,
            claimed_at_ms: author.now_ms,
            references: self.references(logs, author, space)?,
            effects: std::mem::take(&mut self.effects),
        };
        let maker = Maker {
            wrapper: Wrapper {
                logs,
                secrets,
                author,
            },
            space,
            suspended: &self.suspended,
        };
        let mut wraps = Vec::new();
        if let Some(epoch) = &self.epoch {
            wraps.extend(maker.begin_epoch(epoch, &mut operation, rng)?);
        }
        operation.effects.append(&mut self.effects_after_epoch);
        if let Some(seed) = &self.wraps_missing_under {
            wraps.extend(maker.wrap_missing(seed, &mut operation, rng)?);
        }
        let signed = SignedOperation::sign(operation, author.signing);
        let state = match space {
            Some(state) => state.clone().append(&signed, logs, Signatures::Verify)?,
            None => SpaceState::found(&signed, logs, Signatures::Verify)?,
        };
        Ok(Prepared {
            operation: signed,
            wraps,
            state,
        })
    }

    /// References: the author's path, every log beneath the members it adds or wraps to, and
    /// what it comes after besides.
    fn references(
        &self,
        logs: &dyn Logs,
        author: &Author<'_>,
        space: Option<&SpaceState>,
    ) -> Result<Vec<LogHead>, ReplayError> {
        let mut heads = BTreeMap::new();
        if let Some(state) = space {
            heads.extend(authority::path_heads(logs, &author.device, state));
        }
        for other in &self.after {
            if let Some(state) = logs.state(other) {
                heads.extend(authority::path_heads(logs, &author.device, &state));
                heads.extend(state.head().map(|head| (*other, head)));
            }
        }
        heads.extend(recipients::beneath_heads(
            logs,
            self.members_beneath(space),
        )?);
        if let Some(state) = space {
            heads.remove(&state.id());
        }
        Ok(heads.into_values().collect())
    }

    /// Member spaces whose logs the operation must come after: those it adds, and, where it
    /// wraps, all that hold keys.
    fn members_beneath(&self, space: Option<&SpaceState>) -> Vec<SpaceId> {
        let mut members: Vec<SpaceId> = self
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Add {
                    member: Member::Space { id },
                    ..
                } => Some(*id),
                _ => None,
            })
            .collect();
        if self.epoch.is_some() || self.wraps_missing_under.is_some() {
            members.extend(space.into_iter().flat_map(recipients::key_holding_spaces));
        }
        members
    }
}

/// Makes the effects that carry keys, for who is a recipient once the effects before are applied.
struct Maker<'a> {
    wrapper: Wrapper<'a>,
    space: Option<&'a SpaceState>,
    suspended: &'a Suspended,
}

impl Maker<'_> {
    fn begin_epoch(
        &self,
        epoch: &NewEpoch,
        operation: &mut Operation,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Wrap>, AuthorError> {
        let everybody = |before: &SpaceState, view: View<'_>| {
            let logs = self.wrapper.logs;
            let targets = recipients::effective_recipients(logs, before, view, self.suspended)?;
            Ok(targets.into_values().collect())
        };
        let (before, made) = self.wrap_to(everybody, &epoch.seed, operation, rng)?;
        let effect = epoch_effect(epoch, &before, &made, self.suspended, rng);
        operation.effects.push(effect);
        Ok(wraps_of(made))
    }

    fn wrap_missing(
        &self,
        seed: &EpochSeed,
        operation: &mut Operation,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<Wrap>, AuthorError> {
        let key_id = KeyId(seed.key_id());
        let who_lacks_it = |before: &SpaceState, view: View<'_>| {
            let (logs, suspended) = (self.wrapper.logs, self.suspended);
            if before.past_ends_at(&key_id).is_some() {
                return past::missing_past_wraps(logs, before, &key_id, view, suspended);
            }
            recipients::missing_wraps(logs, before, view, suspended)
        };
        let (_, made) = self.wrap_to(who_lacks_it, seed, operation, rng)?;
        if !made.is_empty() {
            operation.effects.push(Effect::Wrap {
                key_id,
                recipients: made.iter().map(|(recipient, _)| *recipient).collect(),
                suspended: self.suspended.iter().copied().collect(),
            });
        }
        Ok(wraps_of(made))
    }

    /// Wraps a seed to those whom `targets` names in the space as the effects so far leave it. Gives
    /// that space, too.
    fn wrap_to(
        &self,
        targets: impl FnOnce(&SpaceState, View<'_>) -> Result<Vec<WrapTarget>, MissingLog>,
        seed: &EpochSeed,
        operation: &Operation,
        rng: &mut dyn CryptoRng,
    ) -> Result<(SpaceState, Vec<(Recipient, Wrap)>), AuthorError> {
        let logs = self.wrapper.logs;
        let before = provisional(operation, self.wrapper.author, self.space, logs)?;
        let knowledge = knowledge(operation, &before, logs)?;
        let length = operation.index.saturating_add(1);
        let view = View::of(&before, length, At::Known(&knowledge));
        let targets = targets(&before, view).map_err(ReplayError::from)?;
        let targets = targets.into_iter();
        let made = self.wrapper.wrap_all(rng, &before.nonce(), seed, targets)?;
        Ok((before, made))
    }
}

fn wraps_of(made: Vec<(Recipient, Wrap)>) -> Vec<Wrap> {
    made.into_iter().map(|(_, wrap)| wrap).collect()
}

/// The space after the effects so far. Signed provisionally: nobody else sees it.
fn provisional(
    operation: &Operation,
    author: &Author<'_>,
    space: Option<&SpaceState>,
    logs: &dyn Logs,
) -> Result<SpaceState, ReplayError> {
    if operation.effects.is_empty() {
        return space.cloned().ok_or(ReplayError::BadFounding {
            reason: "its first effect is not Create",
        });
    }
    let signed = SignedOperation::sign(operation.clone(), author.signing);
    match space {
        Some(state) => state
            .clone()
            .append(&signed, logs, Signatures::VerifiedBefore),
        None => SpaceState::found(&signed, logs, Signatures::VerifiedBefore),
    }
}

/// What the operation comes after: all that the one before it does, and its own references.
fn knowledge(
    operation: &Operation,
    before: &SpaceState,
    logs: &dyn Logs,
) -> Result<Knowledge, ReplayError> {
    let mut knowledge = before
        .operation(before.length().saturating_sub(1))
        .map_or_else(Knowledge::default, |record| (*record.knowledge).clone());
    for head in &operation.references {
        knowledge.learn(logs, head)?;
    }
    Ok(knowledge)
}

fn epoch_effect(
    epoch: &NewEpoch,
    before: &SpaceState,
    made: &[(Recipient, Wrap)],
    suspended: &Suspended,
    rng: &mut dyn CryptoRng,
) -> Effect {
    let key_id = KeyId(epoch.seed.key_id());
    Effect::Epoch {
        key_id,
        kem: before
            .kind()
            .has_spaces_above()
            .then(|| epoch.seed.kem_keys().1.as_bytes().to_vec()),
        previous: before.current_epoch().map(|current| current.key_id),
        link: epoch
            .previous
            .as_ref()
            .map(|previous| epoch_secret::seal_history_link(&epoch.seed, previous)),
        label: epoch
            .label
            .as_ref()
            .and_then(|label| epoch_secret::seal_label(&epoch.seed, rng, &key_id.0, label).ok()),
        recipients: made.iter().map(|(recipient, _)| *recipient).collect(),
        cut: epoch.cut,
        suspended: suspended.iter().copied().collect(),
    }
}

/// Makes wraps: symmetric where the author is inside the recipient space, hybrid otherwise.
struct Wrapper<'a> {
    logs: &'a dyn Logs,
    secrets: &'a dyn EpochSecrets,
    author: &'a Author<'a>,
}

impl Wrapper<'_> {
    fn wrap_all(
        &self,
        rng: &mut dyn CryptoRng,
        space: &Nonce,
        seed: &EpochSeed,
        targets: impl Iterator<Item = WrapTarget>,
    ) -> Result<Vec<(Recipient, Wrap)>, AuthorError> {
        targets
            .map(|target| self.wrap(rng, space, seed, &target))
            .collect()
    }

    fn wrap(
        &self,
        rng: &mut dyn CryptoRng,
        space: &Nonce,
        seed: &EpochSeed,
        target: &WrapTarget,
    ) -> Result<(Recipient, Wrap), AuthorError> {
        let info = wrap_info(space, &KeyId(seed.key_id()), target.id(), target.key());
        let (method, bytes) = match self.own_seed(target) {
            Some(own) => (
                WrapMethod::Symmetric,
                wrap::wrap_symmetric(&own.wrap_key(), &info, seed.as_secret()),
            ),
            None => (
                WrapMethod::Hybrid,
                wrap::wrap_hybrid(rng, target.kem(), &info, seed.as_secret()).map_err(|error| {
                    AuthorError::Wrap {
                        reason: error.to_string(),
                    }
                })?,
            ),
        };
        let recipient = Recipient {
            id: target.id(),
            key: target.key(),
            method,
            wrap: recipients::wrap_hash(&bytes),
        };
        Ok((
            recipient,
            Wrap {
                recipient: target.id(),
                bytes,
            },
        ))
    }

    fn own_seed(&self, target: &WrapTarget) -> Option<EpochSeed> {
        let space = target.space()?;
        let state = self.logs.state(&space)?;
        let length = state.length();
        authority::content_role(self.logs, &self.author.device, &state, length, At::Newest)?;
        self.secrets.seed(&space, &target.key())
    }
}

/// HPKE info and symmetric wrap context: the space's founding nonce (16) ‖ key id of the wrapped
/// epoch ‖ recipient id ‖ recipient's key id. A wrap moved to another space, epoch or recipient
/// does not open. (The nonce stands for the space's id, which is the hash of an operation that
/// already names the first wraps.)
#[must_use]
pub fn wrap_info(space: &Nonce, key_id: &KeyId, recipient: RecipientId, key: KeyId) -> Vec<u8> {
    let mut info = space.0.to_vec();
    for part in [&key_id.0, &recipient.0, &key.0] {
        info.extend_from_slice(part);
    }
    info
}
