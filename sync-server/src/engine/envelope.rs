//! Accepts envelopes without being able to open one: author, right, epoch and parents.
//!
//! The graph of parents is in the store's index: a parent is known where an envelope of that id is
//! stored in the same space. So memory does not grow with content.

use std::collections::BTreeSet;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header};
use nahtlos_protocol::identifier::ItemId;
use nahtlos_protocol::space::authority::{self, At, Knowledge};
use nahtlos_protocol::space::{Logs, Role, SpaceState, Suspended, staleness, standing};
use nahtlos_protocol::wire::{ItemKind, Receipt, VerdictCode};

use super::feed::Needs;
use super::stage::{Incoming, Outcome, Pusher, Refusal, Stage, reject};
use super::world::Standing;
use crate::store::{Carry, Found, NewEnvelope, StoreError};

/// What becomes of an envelope that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// It counts by the newest logs, or stood at its old place.
    Open,
    /// The same, and it says something of the whole section: that it is erased.
    Erases,
    /// Its author could write when they wrote it, and cannot any more.
    Held(VerdictCode),
}

/// The parents an envelope names.
#[derive(Default)]
struct Parents {
    places: Vec<u64>,
    held: BTreeSet<u64>,
}

impl Stage<'_> {
    /// Judges an envelope and, where it is good, stores it.
    pub(super) fn accept_envelope(
        &mut self,
        pusher: Pusher,
        envelope: &Envelope,
        verified_by: Option<&VerifyingKey>,
        receipt: Option<&Receipt>,
    ) -> Result<Outcome, Refusal> {
        let id: ItemId = envelope.id().into();
        if let Some(found) = self.find(&id)? {
            if let Some(receipt) = receipt {
                self.bring_back(pusher, envelope, &found)?;
                self.judge_by_earlier(envelope, &found, receipt)?;
            }
            let found = self.find(&id)?.unwrap_or(found);
            return Ok(self.known_before(&id, &found)?);
        }
        let lost = receipt.filter(|receipt| self.is_lost(receipt));
        if lost.is_none() {
            self.count_item(pusher)?;
        }
        let header = envelope.header();
        let Some(state) = self.view().state(&header.space) else {
            return reject(VerdictCode::UnknownSpace);
        };
        if lost.is_none() {
            self.check_pusher(pusher, envelope)?;
        }
        if header.kind == EnvelopeKind::Blob {
            return reject(VerdictCode::Unsupported);
        }
        let knowledge = self.knowledge(envelope)?;
        self.check_signature(envelope, &knowledge, verified_by)?;
        if header.kind != EnvelopeKind::Erasure && self.is_section_erased(&state)? {
            return reject(VerdictCode::NotEntitled);
        }
        let lane = match lost {
            Some(receipt) => self.lane_of_lost(envelope, &state, &knowledge, receipt)?,
            None => self.lane(pusher, envelope, &state, &knowledge)?,
        };
        let parents = self.parents(envelope, lane)?;
        let payer = match lane {
            Lane::Open | Lane::Erases if lost.is_none() => {
                self.payer(pusher, envelope.bytes().len())?
            }
            _ => None,
        };
        let sequence = self.store_envelope(envelope, &knowledge, lane, &parents, lost)?;
        let is_erased = lane == Lane::Erases || self.is_section_erased(&state)?;
        if header.kind == EnvelopeKind::Erasure && is_erased {
            self.erase_section(&header.space)?;
        }
        self.charge(payer)?;
        Ok(match lane {
            Lane::Open | Lane::Erases => Outcome::Accepted(sequence),
            Lane::Held(code) => Outcome::Held(sequence, code),
        })
    }

    /// The bytes of an edit were dropped under a snapshot, and somebody offers them again: who cannot
    /// begin with that snapshot needs them. They go out anew, and are dropped anew while the snapshot
    /// stands.
    fn bring_back(
        &mut self,
        pusher: Pusher,
        envelope: &Envelope,
        found: &Found,
    ) -> Result<(), StoreError> {
        let item = self.store.item(found.sequence)?;
        let is_there = item.is_none_or(|item| item.bytes.is_some());
        if is_there || self.check_pusher(pusher, envelope).is_err() {
            return Ok(());
        }
        let space = envelope.header().space;
        let state = self.view().state(&space);
        if let Some(state) = state
            && self.is_section_erased(&state)?
        {
            return Ok(());
        }
        self.note_change();
        self.store
            .put_body_back(&space, found.sequence, envelope.bytes())?;
        let mut needs = Needs::default();
        for feed in self.live_feeds(&space, Carry::Content) {
            needs.add(feed, vec![found.sequence]);
        }
        self.deliver_again(needs.0)
    }

    /// What is here is offered with the receipt of an earlier place. An edit that came without it may be
    /// held, though its author could write when it was received first: it is taken out of the held lane,
    /// with what it builds on.
    fn judge_by_earlier(
        &mut self,
        envelope: &Envelope,
        found: &Found,
        receipt: &Receipt,
    ) -> Result<(), Refusal> {
        if !self.take_earlier_receipt(found, receipt, Carry::Content)? {
            return Ok(());
        }
        let header = envelope.header();
        let is_held = found.envelope.is_some_and(|known| known.held);
        let Some(state) = self.view().state(&header.space).filter(|_| is_held) else {
            return Ok(());
        };
        let knowledge = self.knowledge(envelope)?;
        if self.lane_of_lost(envelope, &state, &knowledge, receipt)? == Lane::Open {
            let mut needs = Needs::default();
            self.promote(&header.space, &BTreeSet::from([found.sequence]), &mut needs)?;
            self.deliver_again(needs.0)?;
        }
        Ok(())
    }

    /// A lost answer is given again: also that the envelope is held, or was voided meanwhile.
    fn known_before(&self, id: &ItemId, found: &Found) -> Result<Outcome, StoreError> {
        Ok(match self.why_held(found)? {
            Some(_) if self.is_voided(id, found)? => {
                Outcome::HeldBefore(found.sequence, VerdictCode::Voided)
            }
            Some(code) => Outcome::HeldBefore(found.sequence, code),
            None => Outcome::Duplicate(found.sequence),
        })
    }

    /// Whoever was removed hands in what is their own, and nobody whom no institution admitted
    /// anything.
    fn check_pusher(&self, pusher: Pusher, envelope: &Envelope) -> Result<(), Refusal> {
        let author = envelope.header().author_device;
        let own = pusher == Pusher::Device(author);
        let known = self.view().standing(&author) != Standing::Unknown;
        if pusher == Pusher::Claim || (known && (own || self.is_admitted(pusher))) {
            Ok(())
        } else {
            reject(VerdictCode::NotAdmitted)
        }
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

    /// The right at the access heads; whether it stands by the newest logs; the epoch.
    fn lane(
        &self,
        pusher: Pusher,
        envelope: &Envelope,
        state: &SpaceState,
        knowledge: &Knowledge,
    ) -> Result<Lane, Refusal> {
        let header = envelope.header();
        let (author, needed) = (header.author_device, needed_role(header.kind));
        if header.kind == EnvelopeKind::Erasure {
            return self.lane_of_erasure(pusher, envelope, state, knowledge);
        }
        let length = knowledge.length(&state.id()).unwrap_or(0);
        let at = At::Known(knowledge);
        let then = authority::right_in(&self.view(), &author, state, length, at);
        if !then.at_least(needed) {
            return Err(Refusal::Item(self.unentitled(envelope)));
        }
        if !self.may_now(envelope) {
            return self.lane_of_ended(envelope, state);
        }
        let current = state.current_epoch().map(|epoch| epoch.key_id);
        let stale = staleness::is_stale(&self.view(), state, &Suspended::new()).unwrap_or(true);
        if !self.stands_now(envelope, state, knowledge) || stale || current != Some(header.key_id) {
            return Err(Refusal::Item(Outcome::StaleAccess));
        }
        let admitted = self.view().standing(&author) == Standing::Admitted;
        if admitted || pusher == Pusher::Claim {
            Ok(Lane::Open)
        } else {
            reject(VerdictCode::NotAdmitted)
        }
    }

    /// An edit is held; about a snapshot nobody without access has a say.
    fn lane_of_ended(&self, envelope: &Envelope, state: &SpaceState) -> Result<Lane, Refusal> {
        let header = envelope.header();
        if header.kind != EnvelopeKind::Changes {
            return reject(VerdictCode::NotEntitled);
        }
        require_epoch(header, state)?;
        self.check_held_quota(&header.author_device, envelope.bytes().len())?;
        let code = self.reason_held(&header.author_device, state);
        Ok(Lane::Held(code))
    }

    /// Back to its old place, whatever rights and epochs say today; to the held lane, if it was
    /// there.
    fn lane_of_lost(
        &self,
        envelope: &Envelope,
        state: &SpaceState,
        knowledge: &Knowledge,
        receipt: &Receipt,
    ) -> Result<Lane, StoreError> {
        let header = envelope.header();
        if header.kind == EnvelopeKind::Erasure {
            return self.lane_of_lost_erasure(header, state, knowledge, receipt);
        }
        let was_open = header.kind != EnvelopeKind::Changes
            || self.stands_now(envelope, state, knowledge)
            || self.stood_at(header, state, knowledge, receipt);
        Ok(if was_open {
            Lane::Open
        } else {
            Lane::Held(self.reason_held(&header.author_device, state))
        })
    }

    /// Counting by rule 1 at the newest logs: what the author knew to be allowed to, still stands.
    fn stands_now(&self, envelope: &Envelope, state: &SpaceState, knowledge: &Knowledge) -> bool {
        let header = envelope.header();
        let role = standing::remaining_role(
            &self.view(),
            &header.author_device,
            state,
            knowledge,
            authority::View::NEWEST,
            &Suspended::new(),
        );
        role >= Some(needed_role(header.kind))
    }

    fn may_now(&self, envelope: &Envelope) -> bool {
        let header = envelope.header();
        authority::right(&self.view(), &header.author_device, &header.space)
            .at_least(needed_role(header.kind))
    }

    /// The verdict where the access heads give no right: another path may.
    fn unentitled(&self, envelope: &Envelope) -> Outcome {
        if self.may_now(envelope) {
            Outcome::StaleAccess
        } else {
            Outcome::Rejected(VerdictCode::NotEntitled)
        }
    }

    /// Edits and snapshots build on edits; what is said about a snapshot names that one alone.
    fn parents(&self, envelope: &Envelope, lane: Lane) -> Result<Parents, Refusal> {
        let header = envelope.header();
        let count = header.parents.len();
        let (builds_on, right_count) = match header.kind {
            EnvelopeKind::Changes => (EnvelopeKind::Changes, true),
            EnvelopeKind::Snapshot => (EnvelopeKind::Changes, count > 0),
            EnvelopeKind::Attest | EnvelopeKind::Dispute => (EnvelopeKind::Snapshot, count == 1),
            EnvelopeKind::Erasure | EnvelopeKind::Blob => (EnvelopeKind::Changes, count == 0),
        };
        if !right_count {
            return reject(VerdictCode::Invalid);
        }
        let mut missing = Vec::new();
        let mut parents = Parents::default();
        for parent in &header.parents {
            let id = ItemId::from(*parent);
            let found = self.find(&id)?.filter(|found| found.space == header.space);
            let Some((found, known)) = found.and_then(|found| Some((found, found.envelope?)))
            else {
                missing.push(id);
                continue;
            };
            if known.kind != builds_on {
                return reject(VerdictCode::Invalid);
            }
            parents.places.push(found.sequence);
            if known.held {
                parents.held.insert(found.sequence);
            }
        }
        if !missing.is_empty() {
            return Err(Refusal::Item(Outcome::MissingParents(missing)));
        }
        // A snapshot vouches for nothing, so it covers nothing that waits.
        if header.kind == EnvelopeKind::Snapshot && lane == Lane::Open && !parents.held.is_empty() {
            return reject(VerdictCode::Invalid);
        }
        Ok(parents)
    }

    fn store_envelope(
        &mut self,
        envelope: &Envelope,
        knowledge: &Knowledge,
        lane: Lane,
        parents: &Parents,
        receipt: Option<&Receipt>,
    ) -> Result<u64, Refusal> {
        let header = envelope.header();
        let mut needs = self.follow_envelope(&header.space, knowledge)?;
        if lane == Lane::Open && !parents.held.is_empty() {
            self.promote(&header.space, &parents.held, &mut needs)?;
        }
        self.deliver_again(needs.0)?;
        // Which of them may see what is held is asked when it is served.
        let feeds = self.live_feeds(&header.space, Carry::Content);
        let item = Incoming {
            kind: ItemKind::Envelope,
            id: envelope.id().into(),
            space: header.space,
            log_index: None,
            bytes: envelope.bytes(),
            envelope: Some(NewEnvelope {
                kind: header.kind,
                author: header.author_device,
                held: matches!(lane, Lane::Held(_)),
                parents: &parents.places,
            }),
            receipt,
        };
        Ok(self.store_item(&item, &feeds)?)
    }
}

/// What it takes to write an envelope of this kind.
fn needed_role(kind: EnvelopeKind) -> Role {
    match kind {
        EnvelopeKind::Attest | EnvelopeKind::Dispute | EnvelopeKind::Erasure => Role::Read,
        EnvelopeKind::Changes | EnvelopeKind::Snapshot | EnvelopeKind::Blob => Role::Write,
    }
}

/// What is sealed for the held lane names an epoch that its access heads, of when it was typed, say nothing
/// of: this relay may have lost the operation that began it, and the author may hold it.
pub(super) fn require_epoch(header: &Header, state: &SpaceState) -> Result<(), Refusal> {
    if state.epoch(&header.key_id).is_some() {
        return Ok(());
    }
    let log = ItemId(header.space.0);
    Err(Refusal::Item(Outcome::MissingParents(vec![log])))
}
