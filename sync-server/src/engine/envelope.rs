//! Accepts envelopes without being able to open one: author, right, epoch and parents.

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::authority::{self, At, Knowledge};
use nahtlos_protocol::space::{Logs, Role, SpaceState, Suspended, staleness};
use nahtlos_protocol::wire::{ItemKind, VerdictCode};

use super::stage::{Outcome, Pusher, Refusal, Stage, reject};
use super::world::Standing;
use crate::store::Carry;

impl Stage<'_> {
    /// Judges an envelope and, where it is good, stores it.
    ///
    /// The graph of parents is in the store's index: a parent is known where an envelope of that
    /// id is stored in the same space. So memory does not grow with content.
    pub(super) fn accept_envelope(
        &mut self,
        pusher: Pusher,
        envelope: &Envelope,
        verified_by: Option<&VerifyingKey>,
    ) -> Result<Outcome, Refusal> {
        let id: ItemId = envelope.id().into();
        if let Some(found) = self.find(&id)? {
            return Ok(Outcome::Duplicate(found.sequence));
        }
        self.count_item(pusher)?;
        let payer = self.payer(pusher, envelope.bytes().len())?;
        let header = envelope.header();
        let Some(state) = self.view().state(&header.space) else {
            return reject(VerdictCode::UnknownSpace);
        };
        let admitted = self.view().standing(&header.author_device) == Standing::Admitted;
        if pusher != Pusher::Claim && !(admitted && self.is_admitted(pusher)) {
            return reject(VerdictCode::NotAdmitted);
        }
        let knowledge = self.knowledge(envelope)?;
        self.check_signature(envelope, &knowledge, verified_by)?;
        self.check_right(envelope, &state, &knowledge)?;
        let current = state.current_epoch().map(|epoch| epoch.key_id);
        let stale = staleness::is_stale(&self.view(), &state, &Suspended::new()).unwrap_or(true);
        if stale || current != Some(header.key_id) {
            return Err(Refusal::Item(Outcome::StaleAccess));
        }
        self.check_parents(envelope)?;
        let needs = self.follow_envelope(&header.space, &knowledge)?;
        self.deliver_again(needs.0)?;
        let feeds = self.live_feeds(&header.space, Carry::Content);
        let sequence = self.store_item(
            ItemKind::Envelope,
            id,
            header.space,
            None,
            envelope.bytes(),
            &feeds,
        )?;
        self.charge(payer)?;
        Ok(Outcome::Accepted(sequence))
    }

    fn knowledge(&self, envelope: &Envelope) -> Result<Knowledge, Refusal> {
        let header = envelope.header();
        let knowledge = Knowledge::of(&self.view(), &header.access_heads).map_err(|unknown| {
            let missing = vec![unknown.head.operation.into()];
            Refusal::Item(Outcome::MissingParents(missing))
        })?;
        let names_own_log = header
            .access_heads
            .iter()
            .any(|head| head.space == header.space);
        if names_own_log {
            Ok(knowledge)
        } else {
            reject(VerdictCode::Invalid)
        }
    }

    fn check_signature(
        &self,
        envelope: &Envelope,
        knowledge: &Knowledge,
        verified_by: Option<&VerifyingKey>,
    ) -> Result<(), Refusal> {
        let author = envelope.header().author_device;
        // Found from the access heads, as every reader will.
        let Some(key) = authority::verifying_key(&self.view(), &author, knowledge) else {
            return Err(Refusal::Item(self.unentitled(envelope)));
        };
        if verified_by == Some(&key) || envelope.verify(&key).is_ok() {
            Ok(())
        } else {
            reject(VerdictCode::BadSignature)
        }
    }

    fn check_right(
        &self,
        envelope: &Envelope,
        state: &SpaceState,
        knowledge: &Knowledge,
    ) -> Result<(), Refusal> {
        let author = envelope.header().author_device;
        let length = knowledge.length(&state.id()).unwrap_or(0);
        let at = At::Known(knowledge);
        let then = authority::right_in(&self.view(), &author, state, length, at);
        if then.at_least(Role::Write) && self.may_write_now(envelope) {
            Ok(())
        } else {
            Err(Refusal::Item(self.unentitled(envelope)))
        }
    }

    fn may_write_now(&self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        authority::right(&self.view(), &header.author_device, &header.space).at_least(Role::Write)
    }

    /// The verdict where the access heads give no right: another path may.
    fn unentitled(&self, envelope: &Envelope) -> Outcome {
        if self.may_write_now(envelope) {
            Outcome::StaleAccess
        } else {
            Outcome::Rejected(VerdictCode::NotEntitled)
        }
    }

    fn check_parents(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let header = envelope.header();
        let mut missing = Vec::new();
        for parent in &header.parents {
            let id = ItemId::from(*parent);
            let known = self.find(&id)?.is_some_and(|found| {
                found.kind == ItemKind::Envelope && found.space == header.space
            });
            if !known {
                missing.push(id);
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Item(Outcome::MissingParents(missing)))
        }
    }
}
