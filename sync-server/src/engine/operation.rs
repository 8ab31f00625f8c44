//! Accepts operations: the same replay as every client's, and on top what only the relay can say:
//! which operation came first, and whether its author decided by the newest logs.

use std::sync::Arc;

use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::authority::{self, At, Right};
use nahtlos_protocol::space::effect::Effect;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::recipients;
use nahtlos_protocol::space::replay::{ReplayError, Signatures};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Kind, Logs, Role, SpaceState};
use nahtlos_protocol::wire::{ItemKind, Receipt, VerdictCode};

use super::feed::Reachable;
use super::stage::{Incoming, Outcome, Pusher, Refusal, Stage, reject};
use super::world::{Standing, new_grants};
use crate::store::Carry;

impl Stage<'_> {
    /// Judges an operation and, where it is good, stores it.
    pub(super) fn accept_operation(
        &mut self,
        pusher: Pusher,
        signed: &SignedOperation,
        wraps: &[Wrap],
        receipt: Option<&Receipt>,
    ) -> Result<Outcome, Refusal> {
        let id: ItemId = signed.id().into();
        if let Some(found) = self.find(&id)? {
            if let Some(receipt) = receipt {
                self.complete_wraps(found.sequence, signed, wraps)?;
                self.take_earlier_receipt(&found, receipt, Carry::Log)?;
            }
            return Ok(Outcome::Duplicate(found.sequence));
        }
        if let Some(receipt) = receipt.filter(|receipt| self.is_lost(receipt)) {
            return self.take_back_operation(signed, wraps, receipt);
        }
        self.count_item(pusher)?;
        let size: usize = wraps.iter().map(|wrap| wrap.bytes.len()).sum();
        let payer = self.payer(pusher, signed.bytes().len().saturating_add(size))?;
        let before = self.view().state(&signed.space());
        check_position(signed, before.as_deref())?;
        if !heals_only(signed) {
            self.check_admitted(pusher, signed, before.as_deref())?;
        }
        self.check_expiry(signed, before.as_deref())?;
        let state = self.replayed(signed, before.as_deref())?;
        let named = wraps
            .iter()
            .map(|wrap| (wrap.recipient, wrap.bytes.as_slice()));
        if recipients::check_wraps(signed, named).is_err() {
            return reject(VerdictCode::WrapMismatch);
        }
        self.check_newest(signed, before.as_deref())?;
        self.check_devices(&state, before.as_deref())?;
        let before_it = self.delivered_again;
        let sequence = self.store_operation(signed, wraps, state, before.as_deref(), None)?;
        self.count_deliveries(pusher, self.delivered_again.saturating_sub(before_it));
        self.charge(payer)?;
        Ok(Outcome::Accepted(sequence))
    }

    pub(super) fn replayed(
        &self,
        signed: &SignedOperation,
        before: Option<&SpaceState>,
    ) -> Result<SpaceState, Refusal> {
        let view = self.view();
        let replayed = match before {
            None => SpaceState::found(signed, &view, Signatures::Verify),
            Some(state) if !state.is_followed_by(signed) => Err(ReplayError::NotNext),
            Some(state) => state.clone().append(signed, &view, Signatures::Verify),
        };
        replayed.map_err(|error| Refusal::Item(self.outcome_of(&error, signed, before)))
    }

    fn outcome_of(
        &self,
        error: &ReplayError,
        signed: &SignedOperation,
        before: Option<&SpaceState>,
    ) -> Outcome {
        let missing_log = |space: SpaceId| Outcome::MissingParents(vec![ItemId(space.0)]);
        Outcome::Rejected(match error {
            ReplayError::UnknownReference(unknown) => {
                return Outcome::MissingParents(vec![unknown.head.operation.into()]);
            }
            ReplayError::MissingLog(missing) => {
                // Known here but not referred to: the author has to look again.
                return match self.view().state(&missing.space) {
                    Some(_) => Outcome::Rejected(VerdictCode::Invalid),
                    None => missing_log(missing.space),
                };
            }
            ReplayError::NotEntitled { .. } | ReplayError::UnknownAuthor => {
                // The right exists, but not by what the operation refers to.
                let stale = before.is_some_and(|before| {
                    self.is_entitled_now(signed, before)
                        && self.view().person(&signed.operation().author).is_some()
                });
                if stale {
                    return Outcome::StaleAccess;
                }
                VerdictCode::NotEntitled
            }
            ReplayError::NotNext => VerdictCode::LogMoved,
            ReplayError::BadSignature => VerdictCode::BadSignature,
            ReplayError::NotExact => VerdictCode::NotExact,
            ReplayError::NeedsNewer { .. } => VerdictCode::NeedsNewer,
            ReplayError::BadReferences
            | ReplayError::BadFounding { .. }
            | ReplayError::Contradiction { .. }
            | ReplayError::LimitReached { .. } => VerdictCode::Invalid,
        })
    }

    /// A grant runs out by the relay's clock, and not before.
    fn check_expiry(
        &self,
        signed: &SignedOperation,
        before: Option<&SpaceState>,
    ) -> Result<(), Refusal> {
        for effect in &signed.operation().effects {
            if let Effect::Expire { grant } = effect
                && let Some(known) = before.and_then(|before| before.grant(grant))
                && known.not_after_ms.is_some_and(|end| self.now_ms < end)
            {
                return reject(VerdictCode::Invalid);
            }
        }
        Ok(())
    }

    /// Only devices of the network's institutions write. The founding logs of a newcomer are pushed
    /// by whoever admits them, so in a group its own founder may be unknown still.
    fn check_admitted(
        &self,
        pusher: Pusher,
        signed: &SignedOperation,
        before: Option<&SpaceState>,
    ) -> Result<(), Refusal> {
        let author = signed.operation().author;
        let is_newcomer = || match before {
            Some(state) => state.kind() != Kind::Section && state.founder() == author,
            None => matches!(
                signed.operation().effects.first(),
                Some(Effect::Create { kind, .. }) if *kind != Kind::Section
            ),
        };
        let admitted = match self.view().standing(&author) {
            Standing::Admitted => true,
            Standing::Unknown => is_newcomer(),
            Standing::Outside | Standing::Revoked => false,
        };
        if pusher == Pusher::Claim || (admitted && self.is_admitted(pusher)) {
            Ok(())
        } else {
            reject(VerdictCode::NotAdmitted)
        }
    }

    /// The author's right and the exactness of wraps, at the relay's newest logs.
    fn check_newest(
        &self,
        signed: &SignedOperation,
        before: Option<&SpaceState>,
    ) -> Result<(), Refusal> {
        // A space founded offline is wrapped to the keys its members had then, and cannot be founded
        // anew: its id is the hash of this operation. It is stale, so nothing is sealed in it before
        // it has another key.
        if before.is_none() {
            return Ok(());
        }
        SpaceState::check_at_newest(before, signed, &self.view())
            .map_err(|error| Refusal::Item(self.outcome_of(&error, signed, before)))
    }

    fn is_entitled_now(&self, signed: &SignedOperation, before: &SpaceState) -> bool {
        let author = signed.operation().author;
        let right = authority::right_in(&self.view(), &author, before, before.length(), At::Newest);
        signed
            .operation()
            .effects
            .iter()
            .all(|effect| suffices(&right, effect))
    }

    /// A device belongs to one person for ever.
    pub(super) fn check_devices(
        &self,
        state: &SpaceState,
        before: Option<&SpaceState>,
    ) -> Result<(), Refusal> {
        for grant in new_grants(state, before) {
            if let MemberId::Device(device) = grant.member
                && self
                    .view()
                    .person(&device)
                    .is_some_and(|person| person != state.id())
            {
                return reject(VerdictCode::Invalid);
            }
        }
        Ok(())
    }

    pub(super) fn store_operation(
        &mut self,
        signed: &SignedOperation,
        wraps: &[Wrap],
        state: SpaceState,
        before: Option<&SpaceState>,
        receipt: Option<&Receipt>,
    ) -> Result<u64, Refusal> {
        let state = Arc::new(state);
        let reachable = Reachable::before(self.view(), &state, before);
        self.top.learn(Arc::clone(&state), before);
        let (needs, feeds) = self.follow_operation(&state, before, &reachable)?;
        self.deliver_again(needs.0)?;
        let item = Incoming {
            kind: ItemKind::Operation,
            id: signed.id().into(),
            space: state.id(),
            log_index: Some(signed.operation().index),
            bytes: signed.bytes(),
            envelope: None,
            receipt,
        };
        let sequence = self.store_item(&item, &feeds)?;
        if !self.is_section_erased(&state)? {
            for wrap in wraps {
                self.store.put_wrap(sequence, wrap)?;
            }
        }
        Ok(sequence)
    }
}

/// Whether an operation does nothing but carry a lost branch back: that needs no right, not even
/// that of being admitted.
fn heals_only(signed: &SignedOperation) -> bool {
    let effects = &signed.operation().effects;
    !effects.is_empty()
        && effects
            .iter()
            .all(|effect| matches!(effect, Effect::Heal { .. }))
}

/// Compare-and-swap: the operation must follow the log's head.
pub(super) fn check_position(
    signed: &SignedOperation,
    before: Option<&SpaceState>,
) -> Result<(), Refusal> {
    let operation = signed.operation();
    let length = before.map_or(0, SpaceState::length);
    if operation.index > length {
        let missing = operation.previous.map(ItemId::from).into_iter().collect();
        return Err(Refusal::Item(Outcome::MissingParents(missing)));
    }
    let head = before.and_then(SpaceState::head).map(|head| head.operation);
    if operation.index < length || operation.previous != head {
        return reject(VerdictCode::LogMoved);
    }
    Ok(())
}

fn suffices(right: &Right, effect: &Effect) -> bool {
    match effect {
        Effect::Create { .. } => true,
        Effect::Add { .. } | Effect::Invite { .. } => right.changes_members(),
        Effect::Epoch { .. } => right.at_least(Role::Write),
        Effect::Wrap { .. } => right.at_least(Role::Read),
        Effect::Remove { .. } | Effect::SetRole { .. } => right.changes_members(),
        Effect::Expire { .. } => right.at_least(Role::Write) || right.administer,
        Effect::Link { .. } | Effect::BadWrap { .. } => right.at_least(Role::Read),
        // These may be done from outside the space.
        Effect::Confirm { .. } | Effect::Heal { .. } => true,
        Effect::SetRelay { .. }
        | Effect::Void { .. }
        | Effect::Policy { .. }
        | Effect::Close {} => right.at_least(Role::Manage),
    }
}
