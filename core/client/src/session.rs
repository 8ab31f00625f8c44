//! The sync session: requests out, answers in, no I/O of its own. The HTTP driver
//! ([`Nahtlos::sync`]) and the tests drive the same code.
//!
//! A session pulls and sends what is unanswered in its first request; with nothing new on either
//! side that is the only one. Then it carries out what was decided (intents), seals what was typed
//! and pushes it.

use std::collections::BTreeSet;

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, Nonce, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::Prepared;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::{
    ItemKind, ItemResult, JournalMark, PushItem, Status, SyncRequest, SyncResponse, VerdictCode,
};

use crate::admission::OfferedOperation;
use crate::error::ClientError;
use crate::incidents::Setback;
use crate::intents::Decided;
use crate::nahtlos::Nahtlos;
use crate::offering::OfferRecord;
use crate::outbox::Delivery;
use crate::records::SealedRecord;
use crate::sync::signed_difference;
use crate::transport::TransportError;
use crate::vault::Collection;

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SyncReport {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of request and response bodies.
    pub body_bytes: u64,
    /// Operations received and replayed.
    pub operations_received: u64,
    /// Envelopes received.
    pub envelopes_received: u64,
    /// Envelopes applied to documents.
    pub envelopes_applied: u64,
    /// Envelopes of one's own that the relay has stored.
    pub envelopes_delivered: u64,
    /// Changes of access that the relay has stored.
    pub operations_delivered: u64,
    /// What stays here and why: stable reason and number.
    pub held: Vec<(String, u64)>,
    /// Newcomers admitted by this device.
    pub admitted: Vec<String>,
    /// Things a person should know.
    pub notices: Vec<String>,
}

/// How far a sync is, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Items received so far.
    pub received: u64,
    /// Items delivered so far.
    pub delivered: u64,
}

/// What was pushed and is being answered.
enum InFlight {
    /// A founding operation of one's own, stored in the vault.
    Founding { key: Vec<u8>, space: SpaceId },
    /// An envelope, stored in the vault.
    Envelope {
        envelope: Box<Envelope>,
        edits: Vec<Nonce>,
    },
    /// An operation made from an intent.
    Decided(Box<Decided>),
    /// A newcomer's operation, offered for them: the relay does not send back what we pushed.
    Offered { request: Vec<u8>, bytes: Vec<u8> },
    /// Something the relay had lost, offered again.
    Lost(OfferRecord),
    /// A lost branch of a log, carried back.
    Heal(Box<Prepared>),
    /// A held edit of one's own, asked about.
    Asked(EnvelopeId),
}

impl InFlight {
    /// What the answer must name.
    fn item(&self) -> Option<ItemId> {
        match self {
            Self::Founding { key, .. } => ItemId::from_slice(key),
            Self::Envelope { envelope, .. } => Some(envelope.id().into()),
            Self::Decided(decided) => Some(decided.prepared.operation.id().into()),
            Self::Offered { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| signed.id().into()),
            Self::Lost(offer) => Some(offer.item),
            Self::Heal(heal) => Some(heal.operation.id().into()),
            Self::Asked(id) => Some((*id).into()),
        }
    }

    /// The space whose log or content it is part of.
    fn space(&self) -> Option<SpaceId> {
        match self {
            Self::Founding { space, .. } => Some(*space),
            Self::Envelope { envelope, .. } => Some(envelope.header().space),
            Self::Decided(decided) => Some(decided.prepared.operation.space()),
            Self::Offered { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| signed.space()),
            Self::Lost(offer) => Some(offer.space),
            Self::Heal(heal) => Some(heal.operation.space()),
            // Its receipt is known, or nothing here needs it.
            Self::Asked(_) => None,
        }
    }
}

/// A sync in progress.
pub struct Session<'a> {
    replica: &'a mut Nahtlos,
    in_flight: Vec<InFlight>,
    started: bool,
    more: bool,
    rounds: u32,
    /// How much was delivered when the rounds were last counted anew.
    delivered_before: u64,
    /// Whether a log or key arrived since the last settling: it may free what waited elsewhere.
    logs_moved: bool,
    /// How often the relay went back meanwhile.
    setbacks: u32,
    /// Whether what an earlier session sent and got no answer to was sent again.
    sent_unanswered: bool,
    touched: BTreeSet<SpaceId>,
    report: SyncReport,
}

/// Re-sealing and re-deciding end after this many rounds in which nothing was delivered; what is
/// left waits for the next sync. While something is delivered, what is left to push gets less.
const PUSH_ROUNDS_MAX: u32 = 8;
/// Decisions that the relay did not take in so many rounds wait, so that what was typed goes out: a
/// newcomer whose founding the relay refuses must not keep this device's edits back.
const DECIDING_ROUNDS_MAX: u32 = PUSH_ROUNDS_MAX / 2;
/// How often a relay may go back within one session before the rest waits for the next.
const SETBACKS_MAX: u32 = 3;
/// Pushed bytes per request, well below the protocol's limit.
const PUSH_BYTES: usize = 8 * 1024 * 1024;
/// Response bytes asked for.
const PULL_BYTES: u32 = 8 * 1024 * 1024;

impl<'a> Session<'a> {
    /// Begins a sync.
    #[must_use]
    pub fn new(replica: &'a mut Nahtlos) -> Self {
        Self {
            replica,
            in_flight: Vec::new(),
            started: false,
            more: false,
            rounds: 0,
            delivered_before: 0,
            // An earlier session may have ended between receiving and applying.
            logs_moved: true,
            setbacks: 0,
            sent_unanswered: false,
            touched: BTreeSet::new(),
            report: SyncReport::default(),
        }
    }

    /// The next request body, or none when the sync is complete.
    ///
    /// # Errors
    /// Where the vault fails; nothing is lost.
    pub fn next_request(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let push = if !self.started {
            self.started = true;
            self.replica.remember_access_heads()?;
            self.touched = self.replica.unsettled()?;
            self.logs_moved = !self.touched.is_empty();
            if self.replica.has_offers()? {
                // What a relay has lost goes before everything else, and is not offered where it
                // is there again.
                Vec::new()
            } else {
                self.sent_unanswered = true;
                let mut push = self.push_unanswered()?;
                self.ask(&mut push)?;
                push
            }
        } else if self.more {
            Vec::new()
        } else if let Some(lost) = self.push_lost()? {
            lost
        } else {
            self.settle()?;
            let delivered = self.delivered();
            if delivered > self.delivered_before {
                self.delivered_before = delivered;
                self.rounds = 0;
            }
            if self.rounds >= PUSH_ROUNDS_MAX {
                return Ok(None);
            }
            self.rounds += 1;
            let push = self.push_new()?;
            if push.is_empty() {
                return Ok(None);
            }
            push
        };
        self.replica.remember_sent(&push)?;
        let position = self.replica.sync_record()?;
        let body = codec::encode(&SyncRequest {
            version: PROTOCOL_VERSION,
            cursor: position.cursor,
            journal_mark: position.mark,
            push,
            max_bytes: PULL_BYTES,
        });
        self.report.requests += 1;
        self.report.body_bytes += body.len() as u64;
        Ok(Some(body))
    }

    /// Takes the answer to the last request.
    ///
    /// # Errors
    /// [`ClientError::OtherRelay`] where it is not signed by the network's relay;
    /// [`ClientError::DamagedRecord`] and others where the vault fails.
    pub fn receive(&mut self, body: &[u8]) -> Result<Progress, ClientError> {
        self.report.body_bytes += body.len() as u64;
        let response: SyncResponse =
            codec::decode(body, limits::SYNC_RESPONSE_BYTES_MAX).map_err(|error| {
                TransportError::NotARelay {
                    reason: error.to_string(),
                }
            })?;
        let relay = self.replica.relay_key().ok_or(ClientError::OtherRelay)?;
        if !response.is_signed_by(&relay, &self.replica.device_id) {
            return Err(ClientError::OtherRelay);
        }
        let before = self.replica.sync_record()?.cursor;
        if response.cursor > response.journal_mark.sequence {
            return Err(TransportError::NotARelay {
                reason: "its position is beyond its own journal".into(),
            }
            .into());
        }
        self.take_results(&response.results)?;
        let went_back = self.look_at_mark(&response.journal_mark)?;
        let mut position = self.replica.sync_record()?;
        if !went_back {
            position.cursor = response.cursor;
        }
        position.mark = Some(response.journal_mark);
        position.clock_offset_ms = signed_difference(response.time_ms, self.replica.now_ms());
        if !response.more {
            position.synced_at_ms = Some(self.replica.now_ms());
        }
        let mut kinds = response.items.iter().map(|item| item.kind);
        self.logs_moved |= kinds.any(|kind| kind == ItemKind::Operation);
        let ingested = self.replica.take_in(&response.items, position)?;
        self.replica.strike_off_served(&response.items)?;
        self.report.operations_received += ingested.operations;
        self.report.envelopes_received += ingested.envelopes;
        self.touched.extend(ingested.touched);
        // Without progress there is nothing more, whatever the answer says.
        self.more = if went_back {
            // A relay that goes back with each answer does not keep us here.
            self.setbacks <= SETBACKS_MAX
        } else {
            response.more && response.cursor > before
        };
        Ok(Progress {
            received: self.report.operations_received + self.report.envelopes_received,
            delivered: self.delivered(),
        })
    }

    fn delivered(&self) -> u64 {
        self.report.envelopes_delivered + self.report.operations_delivered
    }

    /// The replica being synced.
    pub(crate) fn replica_ref(&self) -> &Nahtlos {
        self.replica
    }

    /// Ends the sync.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn finish(mut self) -> Result<SyncReport, ClientError> {
        self.settle()?;
        self.report.held = self.replica.held_counts()?;
        Ok(self.report)
    }

    /// Applies what has arrived; a log or key that arrived may free what waited before.
    fn settle(&mut self) -> Result<(), ClientError> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut spaces = std::mem::take(&mut self.touched);
        // Only then: otherwise each sync would look at everything that is held.
        if std::mem::take(&mut self.logs_moved) {
            spaces.extend(self.replica.spaces_waiting_for_keys()?);
        }
        let applied = self.replica.apply_waiting(&spaces)?;
        self.report.envelopes_applied += applied.envelopes;
        spaces.extend(applied.changed);
        self.replica.refresh_after_sync(&spaces)?;
        self.replica.settled()
    }

    fn push_unanswered(&mut self) -> Result<Vec<PushItem>, ClientError> {
        let mut push = Vec::new();
        if self.replica.is_cloned()? {
            return Ok(push);
        }
        let mut bytes = 0;
        for (key, record) in self.replica.unanswered()? {
            if push.len() >= limits::PUSH_ITEMS_MAX || bytes > PUSH_BYTES {
                break;
            }
            match record {
                SealedRecord::Operation {
                    bytes: operation,
                    wraps,
                } => {
                    bytes += operation.len();
                    if let Ok(signed) = SignedOperation::decode(&operation) {
                        push.push(PushItem::Operation {
                            bytes: operation,
                            wraps,
                            receipt: None,
                        });
                        let space = signed.space();
                        self.in_flight.push(InFlight::Founding { key, space });
                    }
                }
                SealedRecord::Envelope {
                    bytes: sealed,
                    edits,
                } => {
                    bytes += sealed.len();
                    if let Ok(envelope) = Envelope::decode(&sealed) {
                        push.push(PushItem::Envelope {
                            bytes: sealed,
                            receipt: None,
                        });
                        let envelope = Box::new(envelope);
                        self.in_flight.push(InFlight::Envelope { envelope, edits });
                    }
                }
            }
        }
        Ok(push)
    }

    /// Asks what became of held edits whose section is not served here any more, as far as there is
    /// room.
    fn ask(&mut self, push: &mut Vec<PushItem>) -> Result<(), ClientError> {
        if self.replica.is_cloned()? {
            return Ok(());
        }
        let room = limits::PUSH_ITEMS_MAX.saturating_sub(push.len());
        for id in self.replica.questions()?.into_iter().take(room) {
            push.push(PushItem::Question { id: id.into() });
            self.in_flight.push(InFlight::Asked(id));
        }
        Ok(())
    }

    /// What the relay has lost, as much as goes into one request; none where nothing more can be
    /// offered now.
    fn push_lost(&mut self) -> Result<Option<Vec<PushItem>>, ClientError> {
        let (offers, push) = self.replica.next_offers()?;
        self.in_flight
            .extend(offers.into_iter().map(InFlight::Lost));
        Ok((!push.is_empty()).then_some(push))
    }

    /// Lost branches carried back: they go first, since nothing is decided or written in a forked
    /// space.
    fn push_heals(&mut self) -> Result<Vec<PushItem>, ClientError> {
        let (heals, notices) = self.replica.prepare_heals()?;
        self.report.notices.extend(notices);
        let mut push = Vec::new();
        for heal in heals {
            push.push(operation_item(&heal));
            self.in_flight.push(InFlight::Heal(Box::new(heal)));
        }
        Ok(push)
    }

    /// Operations first: what is sealed next may need them.
    fn push_new(&mut self) -> Result<Vec<PushItem>, ClientError> {
        if self.replica.is_cloned()? {
            return Ok(Vec::new());
        }
        if !std::mem::replace(&mut self.sent_unanswered, true) {
            let push = self.push_unanswered()?;
            if !push.is_empty() {
                return Ok(push);
            }
        }
        let heals = self.push_heals()?;
        if !heals.is_empty() {
            return Ok(heals);
        }
        let mut push = Vec::new();
        let (offered, decided, notices) = if self.rounds <= DECIDING_ROUNDS_MAX {
            self.replica.carry_out_intents()?
        } else {
            Default::default()
        };
        self.report.notices.extend(notices);
        for OfferedOperation { request, bytes } in offered {
            push.push(PushItem::Operation {
                bytes: bytes.clone(),
                wraps: Vec::new(),
                receipt: None,
            });
            self.in_flight.push(InFlight::Offered { request, bytes });
        }
        for one in decided {
            push.push(operation_item(&one.prepared));
            self.in_flight.push(InFlight::Decided(Box::new(one)));
        }
        if push.is_empty() {
            self.replica.seal_outbox()?;
            return self.push_unanswered();
        }
        Ok(push)
    }

    /// What the relay has stored is let go together: one durable commit for many answers.
    fn take_results(&mut self, results: &[ItemResult]) -> Result<(), ClientError> {
        let in_flight = std::mem::take(&mut self.in_flight);
        // An old answer, replayed, must not decide about what was sent now.
        let answered = in_flight.iter().map(InFlight::item);
        if !answered.eq(results.iter().map(|result| Some(result.id))) {
            return Err(TransportError::NotARelay {
                reason: "its answers are not to what was sent".into(),
            }
            .into());
        }
        let (mut founded, mut deliveries, mut done) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lost, mut told) = (Vec::new(), Vec::new());
        for (sent, result) in in_flight.into_iter().zip(results) {
            self.keep_receipt(&sent, result);
            match sent {
                InFlight::Founding { key, .. } => {
                    founded.extend(self.founding_answered(key, result)?)
                }
                InFlight::Envelope { envelope, edits } => {
                    deliveries.extend(self.envelope_answered(envelope, edits, result)?);
                }
                InFlight::Decided(decided) => {
                    done.extend(self.decided_answered(*decided, result)?);
                }
                InFlight::Offered { request, bytes } => {
                    self.offered_answered(&request, &bytes, result)?;
                }
                InFlight::Lost(offer) => lost.push((offer, result)),
                InFlight::Heal(heal) => self.heal_answered(*heal, result)?,
                InFlight::Asked(id) => told.push((id, result)),
            }
        }
        self.replica.commit(|transaction| {
            for key in &founded {
                transaction.delete(Collection::Sealed, key)?;
            }
            Ok(())
        })?;
        if !lost.is_empty() {
            self.replica.offers_answered(&lost)?;
        }
        self.replica.questions_answered(&told)?;
        self.logs_moved |= !done.is_empty();
        self.replica.delivered(&deliveries)?;
        self.replica.intents_done(done)
    }

    fn offered_answered(
        &mut self,
        request: &[u8],
        bytes: &[u8],
        result: &ItemResult,
    ) -> Result<(), ClientError> {
        match (result.status, result.code) {
            (Status::Accepted | Status::Duplicate, _) => {
                self.logs_moved = true;
                self.replica.store_offered(bytes)
            }
            // What may be different next time stays.
            (Status::Rejected, Some(VerdictCode::Quota | VerdictCode::LogMoved))
            | (Status::MissingParents | Status::StaleAccess | Status::Held, _) => Ok(()),
            (Status::Rejected, _) => {
                self.report.notices.push(format!(
                    "somebody who answered an invitation was refused by the relay ({}); invite them again",
                    verdict_word(result)
                ));
                self.replica.give_up_intent(request)
            }
        }
    }

    fn keep_receipt(&self, sent: &InFlight, result: &ItemResult) {
        if let (Some(space), Some(receipt)) = (sent.space(), &result.receipt) {
            let receipts = &self.replica.receipt_cache;
            receipts.keep(&space, result.id, receipt);
        }
    }

    /// Whether the relay has proved that it stored the item: only then is ours let go.
    fn is_proven(&self, result: &ItemResult, item: ItemId) -> bool {
        let relay = self.replica.relay_key();
        result.id == item
            && result
                .receipt
                .as_ref()
                .zip(relay)
                .is_some_and(|(receipt, relay)| receipt.verify(&item, &relay).is_ok())
    }

    fn heal_answered(&mut self, heal: Prepared, result: &ItemResult) -> Result<(), ClientError> {
        let proven = self.is_proven(result, heal.operation.id().into());
        match result.status {
            Status::Accepted | Status::Duplicate if proven => {
                self.report.operations_delivered += 1;
                self.logs_moved = true;
                self.touched.insert(heal.operation.space());
                self.touched.extend(self.replica.heal_done(heal)?);
            }
            // Made anew on what is pulled next.
            Status::Accepted | Status::Duplicate => {}
            Status::StaleAccess | Status::MissingParents => {}
            Status::Rejected if result.code == Some(VerdictCode::LogMoved) => {}
            Status::Held | Status::Rejected => self.report.notices.push(format!(
                "a forked log could not be healed ({}): a colleague's device may do it",
                verdict_word(result)
            )),
        }
        Ok(())
    }

    fn founding_answered(
        &mut self,
        key: Vec<u8>,
        result: &ItemResult,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let proven = ItemId::from_slice(&key).is_some_and(|item| self.is_proven(result, item));
        if proven && matches!(result.status, Status::Accepted | Status::Duplicate) {
            self.report.operations_delivered += 1;
            return Ok(Some(key));
        }
        if result.status == Status::Rejected && result.code.is_some_and(is_final) {
            let word = verdict_word(result);
            self.report.notices.push(format!(
                "a case, section or team founded here was refused by the relay for good ({word}); what you typed in it stays on this device"
            ));
            self.replica.founding_refused(&key, word)?;
            return Ok(None);
        }
        // Sent again, unchanged, at the next sync; named in the report.
        self.report.notices.push(format!(
            "a case, section or team founded here was not taken by the relay yet ({}); it is sent again",
            verdict_word(result)
        ));
        Ok(None)
    }

    fn envelope_answered(
        &mut self,
        envelope: Box<Envelope>,
        edits: Vec<Nonce>,
        result: &ItemResult,
    ) -> Result<Option<Delivery>, ClientError> {
        let space = envelope.header().space;
        if envelope.header().kind == EnvelopeKind::Erasure {
            // Sent again until the relay proves that it took it in: managers wait for it.
            if self.is_proven(result, envelope.id().into()) {
                self.replica.erasure_delivered(&envelope)?;
            } else if self.replica.reads(&space) {
                // Shared again before it was sent: it says nothing any more, and nobody takes it.
                // Kept, it would stand before everything typed there.
                self.replica.erasure_given_up(&envelope)?;
            }
            return Ok(None);
        }
        match result.status {
            // One that is held is stored, too: its answer had been lost.
            Status::Duplicate
                if result.code.is_some() && self.is_proven(result, envelope.id().into()) =>
            {
                self.touched.insert(space);
                self.replica
                    .keep_held(&envelope, &edits, verdict_word(result))?;
            }
            Status::Accepted | Status::Duplicate => {
                if !self.is_proven(result, envelope.id().into()) {
                    self.report.notices.push(
                        "the relay gave no valid receipt for an edit; it is sent again".into(),
                    );
                    return Ok(None);
                }
                self.report.envelopes_delivered += 1;
                self.touched.insert(space);
                return Ok(Some(Delivery { envelope, edits }));
            }
            Status::StaleAccess | Status::MissingParents => {
                self.replica.remember_refused(&envelope)?;
                self.replica.seal_again(&envelope)?;
            }
            Status::Held | Status::Rejected if result.code == Some(VerdictCode::Quota) => {
                self.report.notices.push(
                    "the relay's quota for your institution is used up; your edits are safe here"
                        .into(),
                );
            }
            Status::Held if self.is_proven(result, envelope.id().into()) => {
                self.touched.insert(space);
                self.replica
                    .keep_held(&envelope, &edits, verdict_word(result))?;
            }
            Status::Held | Status::Rejected => {
                self.touched.insert(space);
                self.replica.remember_refused(&envelope)?;
                self.replica
                    .set_aside(&envelope, &edits, verdict_word(result))?;
            }
        }
        Ok(None)
    }

    fn decided_answered(
        &mut self,
        decided: Decided,
        result: &ItemResult,
    ) -> Result<Option<Decided>, ClientError> {
        let proven = self.is_proven(result, decided.prepared.operation.id().into());
        match result.status {
            Status::Accepted | Status::Duplicate if proven => {
                self.report.operations_delivered += 1;
                self.touched.insert(decided.prepared.state.id());
                let newcomer = decided.newcomer.as_ref();
                self.report
                    .admitted
                    .extend(newcomer.map(|one| one.name.clone()));
                return Ok(Some(decided));
            }
            Status::Accepted | Status::Duplicate => {}
            // The log moved on or our view was old: pull, look again, decide again.
            Status::StaleAccess | Status::MissingParents => {}
            Status::Rejected
                if matches!(
                    result.code,
                    Some(VerdictCode::LogMoved | VerdictCode::NotExact)
                ) => {}
            Status::Held | Status::Rejected => {
                let word = verdict_word(result);
                self.report.notices.push(format!(
                    "a change of access was refused by the relay ({word})"
                ));
                self.replica.decided_refused(&decided, word)?;
            }
        }
        Ok(None)
    }

    /// Whether the relay went back to an earlier state: noted, with what it may have lost.
    fn look_at_mark(&mut self, mark: &JournalMark) -> Result<bool, ClientError> {
        let before = self.replica.sync_record()?.mark;
        let Some(setback) = Setback::between(before.as_ref(), mark) else {
            return Ok(false);
        };
        self.replica.note_incident(&setback)?;
        self.setbacks += 1;
        self.report.notices.push(
            "the relay went back to an earlier state (restored from a backup?): tell its operator; what you typed is still on this device, and what the relay lost is offered to it again".into(),
        );
        Ok(true)
    }
}

/// Whether the same bytes are refused whenever they are sent.
fn is_final(code: VerdictCode) -> bool {
    matches!(
        code,
        VerdictCode::Malformed
            | VerdictCode::TooLarge
            | VerdictCode::BadSignature
            | VerdictCode::Invalid
            | VerdictCode::WrapMismatch
            | VerdictCode::Unsupported
    )
}

pub(crate) fn operation_item(prepared: &Prepared) -> PushItem {
    PushItem::Operation {
        bytes: prepared.operation.bytes().to_vec(),
        wraps: prepared.wraps.clone(),
        receipt: None,
    }
}

fn verdict_word(result: &ItemResult) -> &'static str {
    result.code.map_or("refused", VerdictCode::word)
}
