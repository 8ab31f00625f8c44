//! What effects on keys do: `Epoch` and `Wrap`, each for exactly the effective recipients, `Link`,
//! and `BadWrap`.

use std::collections::BTreeMap;

use super::authority::{self, View};
use super::effect::{Effect, Recipient, WrapMethod};
use super::kind::Role;
use super::recipients::{self, WrapTarget};
use super::replay::{Context, Lane, ReplayError, contradiction, invalid_key};
use super::staleness;
use super::standing::{self, NoReceipts, Suspended};
use super::state::{Epoch, LinkRecord, SpaceState, WrapRecord};
use crate::crypto::kem::KemPublicKey;
use crate::crypto::wrap::HISTORY_LINK_BYTES;
use crate::identifier::{GrantId, KeyId, RecipientId, SpaceId};

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
            cut,
            suspended,
        } = effect
        else {
            return Ok(());
        };
        context.require(context.right.at_least(Role::Write), "Epoch")?;
        self.check_succession(key_id, previous.as_ref(), link.as_deref(), *cut)?;
        let kem = self.epoch_public_key(kem.as_deref())?;
        if context.lane == Lane::Log {
            self.check_exact(recipients, suspended, context)?;
        }
        self.epochs.push(Epoch {
            key_id: *key_id,
            kem,
            previous: *previous,
            link: link.clone(),
            label: label.clone(),
            recipients: wrap_records(recipients, context.index),
            began_at: context.index,
            began_by: context.author,
            cut: *cut,
            links: Vec::new(),
            bad_wraps: BTreeMap::new(),
        });
        Ok(())
    }

    /// An epoch is wrapped to exactly the effective recipients.
    fn check_exact(
        &self,
        named: &[Recipient],
        suspended: &[GrantId],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let view = self.view_after(context);
        let suspended = self.passed_over(suspended, context)?;
        let exact = recipients::effective_recipients(context.logs, self, view, &suspended)?;
        let targets = exact.values().map(|target| (target.id(), target.key()));
        if !targets.eq(named.iter().map(|wrap| (wrap.id, wrap.key))) {
            return Err(ReplayError::NotExact);
        }
        self.check_methods(named, context)
    }

    /// A later wrap is for some of those who may have it, each with exactly that key.
    pub(super) fn check_entitled(
        &self,
        named: &[Recipient],
        targets: &BTreeMap<RecipientId, WrapTarget>,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let entitled = named.iter().all(|wrap| {
            targets
                .get(&wrap.id)
                .is_some_and(|target| target.key() == wrap.key)
        });
        if !entitled {
            return Err(ReplayError::NotExact);
        }
        self.check_methods(named, context)
    }

    /// An epoch follows the current one, under a seed of its own, and links back or not at all.
    fn check_succession(
        &self,
        key_id: &KeyId,
        previous: Option<&KeyId>,
        link: Option<&[u8]>,
        cut: bool,
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
        if cut && (link.is_some() || previous.is_none()) {
            return refused("a cut leads back to nothing");
        }
        Ok(())
    }

    /// The space after the effects so far, and the other logs as far as the operation knows them.
    pub(super) fn view_after<'a>(&self, context: &Context<'a>) -> View<'a> {
        let length = context.index.saturating_add(1);
        View::of(self, length, context.at)
    }

    /// The doubtful grants that the author says they pass over: each must be doubtful indeed.
    pub(super) fn passed_over(
        &self,
        named: &[GrantId],
        context: &Context<'_>,
    ) -> Result<Suspended, ReplayError> {
        if named.is_empty() {
            return Ok(Suspended::new());
        }
        if !named.is_sorted_by(|left, right| left < right) {
            return Err(contradiction(
                "Epoch",
                "what it passes over is not in order",
            ));
        }
        let view = self.view_after(context);
        let doubtful = standing::suspended_grants(context.logs, self, view, &NoReceipts);
        let named: Suspended = named.iter().copied().collect();
        if named.is_subset(&doubtful) {
            Ok(named)
        } else {
            Err(contradiction("Epoch", "it passes over a grant that stands"))
        }
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
        suspended: &[GrantId],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Read), "Wrap")?;
        let is_past = self.past_ends_at(&key_id).is_some();
        if !is_past {
            self.require_usable(key_id, "Wrap", context)?;
        }
        let ascending = wraps.is_sorted_by(|left, right| left.id < right.id);
        if !ascending || wraps.is_empty() {
            return Err(ReplayError::NotExact);
        }
        if is_past {
            return self.apply_past_wrap(key_id, wraps, suspended, context);
        }
        if context.lane == Lane::Log {
            let view = self.view_after(context);
            let suspended = self.passed_over(suspended, context)?;
            let exact = recipients::effective_recipients(context.logs, self, view, &suspended)?;
            self.check_entitled(wraps, &exact, context)?;
        }
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

    /// Supplies a link that is missing: from the current epoch to any earlier one, but never across
    /// a cut.
    pub(super) fn apply_link(
        &mut self,
        key_id: KeyId,
        previous: KeyId,
        link: &[u8],
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Read), "Link")?;
        self.require_usable(key_id, "Link", context)?;
        let refused = |reason| Err(contradiction("Link", reason));
        match self.is_cut_off_from(previous) {
            None => return refused("there is no such earlier epoch"),
            Some(true) => return refused("no link leads across a cut"),
            Some(false) => {}
        }
        if link.len() != HISTORY_LINK_BYTES {
            return refused("it is not of the right form");
        }
        let Some(current) = self.epochs.last_mut() else {
            return refused("there is no epoch");
        };
        if current.links_back().any(|(known, _)| known == previous) {
            return refused("it is linked already");
        }
        current.links.push(LinkRecord {
            previous,
            link: link.to_vec(),
            at: context.index,
        });
        Ok(())
    }

    /// Whether a cut lies between an earlier epoch, also of a branch that was carried back, and the
    /// current one; none where there is no such earlier epoch.
    fn is_cut_off_from(&self, previous: KeyId) -> Option<bool> {
        if let Some(at) = self
            .epochs
            .iter()
            .position(|epoch| epoch.key_id == previous)
        {
            let mut later = self.epochs.iter().skip(at.saturating_add(1)).peekable();
            later.peek()?;
            return Some(later.any(|epoch| epoch.cut));
        }
        // A branch may go on from one that was carried back before: both hold the earlier epochs, and
        // a cut on either counts.
        let cuts = self.branches.iter().filter_map(|branch| {
            let mut from = branch.epochs().skip_while(|epoch| epoch.key_id != previous);
            from.next()?;
            let since_fork = self
                .epochs
                .iter()
                .filter(|epoch| epoch.began_at >= branch.fork);
            Some(from.chain(since_fork).any(|epoch| epoch.cut))
        });
        cuts.reduce(|one, other| one || other)
    }

    /// A recipient says that its wrap does not open: the epoch may not be used any more.
    pub(super) fn apply_bad_wrap(
        &mut self,
        key_id: KeyId,
        recipient: RecipientId,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        context.require(context.right.at_least(Role::Read), "BadWrap")?;
        let own =
            recipient == RecipientId::from(context.author) || self.is_inside(recipient, context);
        context.require(own, "BadWrap")?;
        let current = self
            .epochs
            .last_mut()
            .filter(|epoch| epoch.key_id == key_id && epoch.recipients.contains_key(&recipient))
            .ok_or(contradiction(
                "BadWrap",
                "there is no such wrap of the current epoch",
            ))?;
        if current.bad_wraps.insert(recipient, context.index).is_some() {
            return Err(contradiction("BadWrap", "it was reported before"));
        }
        Ok(())
    }

    fn require_usable(
        &self,
        key_id: KeyId,
        effect: &'static str,
        context: &Context<'_>,
    ) -> Result<(), ReplayError> {
        let current = self.current_epoch().map(|epoch| epoch.key_id);
        if context.lane == Lane::LostBranch && current == Some(key_id) {
            return Ok(());
        }
        let view = self.view_after(context);
        let stale = staleness::staleness(context.logs, self, view, &Suspended::new())?;
        if current == Some(key_id) && stale.is_none() {
            return Ok(());
        }
        Err(contradiction(
            effect,
            "it is not for the current epoch, or that is stale",
        ))
    }

    /// Whether the author is inside a recipient space.
    fn is_inside(&self, recipient: RecipientId, context: &Context<'_>) -> bool {
        let at = context.at;
        let inside = context.logs.state(&SpaceId(recipient.0));
        inside.is_some_and(|state| {
            let length = at.length(&state);
            authority::content_role(context.logs, &context.author, &state, length, at).is_some()
        })
    }

    /// A symmetric wrap can only be made by somebody inside the recipient space.
    fn check_methods(&self, wraps: &[Recipient], context: &Context<'_>) -> Result<(), ReplayError> {
        let symmetric = |wrap: &&Recipient| wrap.method == WrapMethod::Symmetric;
        if wraps
            .iter()
            .filter(symmetric)
            .all(|wrap| self.is_inside(wrap.id, context))
        {
            return Ok(());
        }
        Err(contradiction(
            "wrap",
            "a symmetric wrap by an author outside the recipient",
        ))
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
