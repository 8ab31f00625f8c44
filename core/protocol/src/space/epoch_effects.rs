//! What effects on keys do: `Epoch` and `Wrap`, each for exactly the effective recipients.

use std::collections::BTreeMap;

use super::authority::{self, At};
use super::effect::{Effect, Recipient, WrapMethod};
use super::kind::Role;
use super::recipients;
use super::replay::{Context, ReplayError, contradiction, invalid_key};
use super::state::{Epoch, SpaceState, WrapRecord};
use crate::crypto::kem::KemPublicKey;
use crate::crypto::wrap::HISTORY_LINK_BYTES;
use crate::identifier::{KeyId, RecipientId, SpaceId};

impl SpaceState {
    pub(super) fn apply_epoch(
        &mut self,
        effect: &Effect,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
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
        self.check_succession(key_id, previous.as_ref(), link.as_deref())?;
        let kem = self.epoch_public_key(kem.as_deref())?;
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

    /// An epoch follows the current one, under a seed of its own, and links back or not at all.
    fn check_succession(
        &self,
        key_id: &KeyId,
        previous: Option<&KeyId>,
        link: Option<&[u8]>,
    ) -> Result<(), ReplayError> {
        let refused = |reason| Err(contradiction("Epoch", reason));
        if previous != self.current_epoch().map(|epoch| &epoch.key_id) {
            return refused("it does not follow the current epoch");
        }
        if self.epoch(key_id).is_some() {
            return refused("its seed was used before");
        }
        if link.is_some_and(|link| link.len() != HISTORY_LINK_BYTES || previous.is_none()) {
            return refused("its history link is not of the right form");
        }
        Ok(())
    }

    /// What the spaces above wrap to, where a space of this kind has any.
    fn epoch_public_key(&self, kem: Option<&[u8]>) -> Result<Option<KemPublicKey>, ReplayError> {
        if kem.is_some() != self.kind.has_spaces_above() {
            return Err(contradiction(
                "Epoch",
                "its public key is missing or not wanted here",
            ));
        }
        kem.map(KemPublicKey::from_bytes)
            .transpose()
            .map_err(|_| invalid_key("Epoch"))
    }

    pub(super) fn apply_wrap(
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
