//! What comes back: items that a restored relay had lost, offered again with its own receipts.
//!
//! The relay never forgets an id, so its own receipt for an id it does not know proves that it lost
//! the item. Such an item returns to its old place: rights, epochs and quotas were judged then, and
//! the original receipt goes on proving when. It must still be what it says: signed, next in its
//! log, on known parents. What came back without its receipt before gets it then.

use std::collections::BTreeSet;
use std::fmt;

use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::Header;
use nahtlos_protocol::space::authority::{At, Knowledge, Lengths, View};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::recipients;
use nahtlos_protocol::space::standing::{self, Position};
use nahtlos_protocol::space::{Role, SpaceState, Suspended, Wrap};
use nahtlos_protocol::wire::{Receipt, VerdictCode};

use super::feed::{ALL, Needs};
use super::operation::check_position;
use super::stage::{Outcome, Refusal, Stage, decode_receipt, reject};
use crate::store::{Carry, Found, Store, StoreError};

impl Stage<'_> {
    /// Whether a receipt of this relay is for a place that its journal does not have (any more):
    /// one of another life, or one still to come in this one.
    pub(super) fn is_lost(&self, receipt: &Receipt) -> bool {
        receipt.journal != self.top.journal || receipt.sequence > self.top.last_number
    }

    /// Takes an operation back that is next in its log.
    pub(super) fn take_back_operation(
        &mut self,
        signed: &SignedOperation,
        wraps: &[Wrap],
        receipt: &Receipt,
    ) -> Result<Outcome, Refusal> {
        let before = self.view_state(signed);
        check_position(signed, before.as_deref())?;
        let state = self.replayed(signed, before.as_deref())?;
        let Some(wraps) = signed_wraps(signed, wraps) else {
            return reject(VerdictCode::WrapMismatch);
        };
        self.check_devices(&state, before.as_deref())?;
        let sequence =
            self.store_operation(signed, &wraps, state, before.as_deref(), Some(receipt))?;
        Ok(Outcome::Accepted(sequence))
    }

    /// A receipt of an earlier place for what is here takes the place of the later one: it had been lost,
    /// and came back without it. An item's earliest receipt counts, so all who have the item get it again,
    /// with this one: else they would judge otherwise than who has both.
    pub(super) fn take_earlier_receipt(
        &mut self,
        found: &Found,
        receipt: &Receipt,
        carry: Carry,
    ) -> Result<bool, StoreError> {
        let Some(item) = self.store.item(found.sequence)? else {
            return Ok(false);
        };
        let place = if item.receipt.is_empty() {
            Position {
                journal: self.top.journal,
                sequence: found.sequence,
            }
        } else {
            decode_receipt(&item.receipt)?.place()
        };
        if receipt.place() >= place {
            return Ok(false);
        }
        self.give_no_receipt(found.sequence);
        self.note_change();
        self.store
            .replace_receipt(found.sequence, &codec::encode(receipt))?;
        let mut needs = Needs::default();
        for feed in self.live_feeds(&found.space, carry) {
            needs.add(feed, vec![found.sequence]);
        }
        self.deliver_again(needs.0)?;
        Ok(true)
    }

    /// Each device kept its own wraps only: every one that offers the operation again adds its.
    pub(super) fn complete_wraps(
        &mut self,
        sequence: u64,
        signed: &SignedOperation,
        wraps: &[Wrap],
    ) -> Result<(), Refusal> {
        let Some(wraps) = signed_wraps(signed, wraps) else {
            return reject(VerdictCode::WrapMismatch);
        };
        let state = self.view_state(signed);
        if let Some(state) = state
            && self.is_section_erased(&state)?
        {
            return Ok(());
        }
        for wrap in &wraps {
            if self.store.wraps(sequence, &[wrap.recipient])?.is_empty() {
                self.store.put_wrap(sequence, wrap)?;
                self.note_change();
            }
        }
        Ok(())
    }

    /// Whether an author could write at an envelope's old place: by what they knew, through grants
    /// that had not ended by what the relay had received before it.
    pub(super) fn stood_at(
        &self,
        header: &Header,
        state: &SpaceState,
        knowledge: &Knowledge,
        receipt: &Receipt,
    ) -> bool {
        let earlier = ReceivedBefore {
            store: &*self.store,
            place: receipt.place(),
        };
        let role = standing::remaining_role(
            &self.view(),
            &header.author_device,
            state,
            knowledge,
            View::at(At::Lengths(&earlier)),
            &Suspended::new(),
        );
        role >= Some(Role::Write)
    }

    fn view_state(&self, signed: &SignedOperation) -> Option<std::sync::Arc<SpaceState>> {
        use nahtlos_protocol::space::Logs as _;
        self.view().state(&signed.space())
    }
}

/// How much of each log the relay had received before a place in its journals.
pub(super) struct ReceivedBefore<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) place: Position,
}

impl fmt::Debug for ReceivedBefore<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ReceivedBefore")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl ReceivedBefore<'_> {
    fn received(&self, state: &SpaceState) -> Result<u64, StoreError> {
        let places = self.store.log_places(&state.id(), 0, ALL)?;
        let mut length = 0;
        for (index, place) in (0_u64..).zip(places) {
            let Some(item) = self.store.item(place)? else {
                continue;
            };
            // Of this very batch: it has no receipt yet, and comes later than any that has one.
            if item.receipt.is_empty() {
                continue;
            }
            if decode_receipt(&item.receipt)?.place() < self.place {
                length = index.saturating_add(1);
            }
        }
        Ok(length)
    }
}

impl Lengths for ReceivedBefore<'_> {
    fn length(&self, state: &SpaceState) -> u64 {
        self.received(state).unwrap_or_else(|error| {
            // Every end counts then: the envelope is held, not lost.
            tracing::error!(%error, "receipts could not be read");
            state.length()
        })
    }
}

/// The wraps, each once, if all of them are ones that the operation signs.
fn signed_wraps(signed: &SignedOperation, wraps: &[Wrap]) -> Option<Vec<Wrap>> {
    let mut seen = BTreeSet::new();
    let mut good = Vec::new();
    for wrap in wraps {
        let hash = recipients::wrap_hash(&wrap.bytes);
        let signs = recipients::wrapped_recipients(signed)
            .any(|recipient| recipient.id == wrap.recipient && recipient.wrap == hash);
        if !signs {
            return None;
        }
        if seen.insert(wrap.recipient) {
            good.push(wrap.clone());
        }
    }
    Some(good)
}
