//! Erasures: somebody's word that their copy is gone, and the word of who manages a closed section that the
//! section is. The relay opens neither, and carries the second one out: it drops the bytes of all envelopes
//! and all wraps of the section, and takes none of them in again. The log, the ids, the receipts and the hash
//! chain stay, since what comes after refers to them, and so do erasures: who comes later learns of it.

use nahtlos_protocol::envelope::{Envelope, Header};
use nahtlos_protocol::erasing;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority::{self, At, Knowledge, View};
use nahtlos_protocol::space::{SpaceState, Suspended};
use nahtlos_protocol::wire::{Receipt, VerdictCode};

use super::envelope::{Lane, require_epoch};
use super::offer::ReceivedBefore;
use super::stage::{Pusher, Refusal, Stage, reject};
use super::world::Standing;
use crate::store::StoreError;

/// Words of one device about one erased section: that a copy is gone may have been said before, too.
const ERASURES_OF_DEVICE_MAX: u64 = 8;

impl Stage<'_> {
    /// Whether a section was erased. Only closed ones are.
    pub(super) fn is_section_erased(&self, state: &SpaceState) -> Result<bool, StoreError> {
        match state.closed_at() {
            Some(_) => self.store.is_erased(&state.id()),
            None => Ok(false),
        }
    }

    /// Drops what the relay has of a section, but for its log and what was said about its erasure.
    pub(super) fn erase_section(&mut self, space: &SpaceId) -> Result<(), StoreError> {
        let dropped = self.store.erase_content(space)?;
        tracing::info!(%space, dropped, "a section was erased by who manages it");
        Ok(())
    }

    /// Of who manages the closed section: it is erased. Of somebody who could read and cannot any more: their
    /// copy is. Once it is erased everybody who ever could read says so of their own.
    pub(super) fn lane_of_erasure(
        &self,
        pusher: Pusher,
        envelope: &Envelope,
        state: &SpaceState,
        knowledge: &Knowledge,
    ) -> Result<Lane, Refusal> {
        let header = envelope.header();
        let author = header.author_device;
        let view = self.view();
        let is_erased = self.is_section_erased(state)?;
        if self.erases(header, state, knowledge, View::NEWEST) {
            require_epoch(header, state)?;
            let admitted = view.standing(&author) == Standing::Admitted;
            if !admitted && pusher != Pusher::Claim {
                return reject(VerdictCode::NotAdmitted);
            }
            return Ok(Lane::Erases);
        }
        let was_member = authority::person_of(&view, &author, state).is_some();
        let reads = authority::right(&view, &author, &state.id()).role.is_some();
        if !was_member || (reads && !is_erased) {
            return reject(VerdictCode::NotEntitled);
        }
        require_epoch(header, state)?;
        if is_erased {
            // One from each device is enough: without a quota of its own it is counted so.
            if self.store.erasures_by(&state.id(), &author)? >= ERASURES_OF_DEVICE_MAX {
                return reject(VerdictCode::Quota);
            }
        } else {
            self.check_held_quota(&author, envelope.bytes().len())?;
        }
        Ok(Lane::Open)
    }

    /// One that this relay has lost and gets back: it erases if it did.
    pub(super) fn lane_of_lost_erasure(
        &self,
        header: &Header,
        state: &SpaceState,
        knowledge: &Knowledge,
        receipt: &Receipt,
    ) -> Result<Lane, StoreError> {
        let earlier = ReceivedBefore {
            store: &*self.store,
            place: receipt.place(),
        };
        let erased = self.erases(header, state, knowledge, View::NEWEST)
            || self.erases(header, state, knowledge, View::at(At::Lengths(&earlier)));
        Ok(if erased { Lane::Erases } else { Lane::Open })
    }

    fn erases(
        &self,
        header: &Header,
        state: &SpaceState,
        knowledge: &Knowledge,
        since: View<'_>,
    ) -> bool {
        let author = &header.author_device;
        let view = self.view();
        erasing::erases_section(&view, state, author, knowledge, since, &Suspended::new())
    }
}
