//! What does the relay's answer to each pushed item change here? Nothing of one's own is let go before a
//! receipt proves that the relay stored it.

use std::collections::BTreeMap;

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{ItemId, Nonce, SpaceId};
use nahtlos_protocol::space::Prepared;
use nahtlos_protocol::wire::{ItemResult, JournalMark, Status, VerdictCode};

use super::Session;
use super::push::InFlight;
use crate::error::ClientError;
use crate::incidents::Setback;
use crate::intents::{Decided, Source};
use crate::nahtlos::put_sync;
use crate::outbox::Delivery;
use crate::records::Intent;
use crate::transport::TransportError;
use crate::vault::Collection;

impl Session<'_> {
    /// What the relay has stored is let go together: one durable commit for many answers.
    pub(super) fn take_results(
        &mut self,
        results: &[ItemResult],
        mark: &JournalMark,
    ) -> Result<(), ClientError> {
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
        let (mut lost, mut told, mut carried) = (Vec::new(), Vec::new(), Vec::new());
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
                InFlight::Carried { item, .. } => {
                    let is_stored = matches!(
                        result.status,
                        Status::Accepted | Status::Duplicate | Status::Held
                    );
                    carried.push((item, result, is_stored && self.is_proven(result, item)));
                }
                InFlight::Asked(id) => told.push((id, result)),
            }
        }
        // How far the journal had come is durable before anything of one's own is let go: a relay that
        // goes back behind it is found out, wherever this program ends.
        let mut position = self.replica.sync_record()?;
        if Setback::between(position.mark.as_ref(), mark).is_none() {
            position.mark = Some(*mark);
        }
        self.replica.commit(|transaction| {
            for key in &founded {
                transaction.delete(Collection::Sealed, key)?;
            }
            put_sync(transaction, &position)
        })?;
        if !lost.is_empty() {
            self.replica.offers_answered(&lost)?;
        }
        let lacking = results
            .iter()
            .filter(|result| result.status == Status::MissingParents);
        let missing: Vec<ItemId> = lacking.flat_map(|result| result.missing.clone()).collect();
        if !missing.is_empty() {
            self.is_further_back |= self.replica.offer_what_is_missing(&missing)?;
        }
        self.carried_answered(&carried)?;
        self.replica.questions_answered(&told)?;
        self.logs_moved |= !done.is_empty();
        self.replica.delivered(&deliveries)?;
        self.replica.intents_done(done)
    }

    fn carried_answered(
        &mut self,
        answers: &[(ItemId, &ItemResult, bool)],
    ) -> Result<(), ClientError> {
        if answers.is_empty() {
            return Ok(());
        }
        let said = self.replica.carried_answered(answers)?;
        self.report.carried_delivered += said.delivered;
        self.report.notices.extend(said.notices);
        self.logs_moved |= said.delivered > 0;
        self.touched.extend(said.touched);
        Ok(())
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
        if result.code == Some(VerdictCode::NotAdmitted) {
            self.not_admitted.insert(key);
            if self.replica.own_institution_left()?.is_some() {
                self.report.notices.push(
                    "a case, section or team founded here after your institution left the network stays on this device alone: the relay does not take it; 'nahtlos held export --to FILE' writes out what you typed in it".into(),
                );
                return Ok(None);
            }
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
                self.touched.insert(space);
                self.replica.erasure_delivered(&envelope)?;
            } else if self.replica.reads(&space) && !self.replica.is_section_erased(&space)? {
                let is_refused = |code| is_final(code) || code == VerdictCode::NotEntitled;
                if result.status == Status::Rejected && result.code.is_some_and(is_refused) {
                    let word = verdict_word(result);
                    self.report.notices.push(format!(
                        "the relay did not take it that a section is erased ({word}): nothing was destroyed, and the decision is yours again (`nahtlos decision`)"
                    ));
                    let reason = format!("the relay refused it ({word})");
                    self.replica.erasure_refused(&space, &reason)?;
                }
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
                        "the relay gave no valid receipt for an edit: it stays on this device and is sent again; if this goes on, tell the relay's operator".into(),
                    );
                    return Ok(None);
                }
                self.report.envelopes_delivered += 1;
                self.touched.insert(space);
                return Ok(Some(Delivery { envelope, edits }));
            }
            // Sent again with the one before it, unchanged: somebody may have both already.
            Status::MissingParents if self.replica.follows_unanswered(&envelope)? => {}
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
                if let Some(newcomer) = &decided.newcomer {
                    if waits_for_somebody(&decided) {
                        self.report
                            .notices
                            .push(waits_to_be_confirmed(&newcomer.name));
                    } else {
                        self.report.admitted.push(newcomer.name.clone());
                    }
                }
                return Ok(Some(decided));
            }
            Status::Accepted | Status::Duplicate => {}
            // The log moved on or our view was old: pull, look again, decide again.
            Status::StaleAccess | Status::MissingParents => {}
            Status::Rejected if result.code == Some(VerdictCode::NotExact) => {
                let news = self.logs_news();
                self.inexact.push((decided, news));
            }
            Status::Rejected if result.code == Some(VerdictCode::LogMoved) => {
                self.overtaken.push(decided);
            }
            Status::Held | Status::Rejected => {
                let word = verdict_word(result);
                self.report.notices.push(format!(
                    "a change of access was refused by the relay ({word})"
                ));
                let reason = format!("the relay refused it ({word})");
                self.replica.decided_refused(&decided, reason)?;
            }
        }
        Ok(None)
    }

    /// The relay knows other keys or members than this device, and serves it nothing that would say so: made
    /// again, the decision would be refused again. It goes back to the person the second time.
    pub(super) fn give_back_what_stays_inexact(&mut self) -> Result<(), ClientError> {
        let news = self.logs_news();
        for (decided, before) in std::mem::take(&mut self.inexact) {
            // Who answered an invitation is let in as soon as it is possible: it is good once.
            let (key, intent) = match &decided.source {
                Source::Intent(key, intent) => (key, intent),
                Source::Upkeep(_) => continue,
            };
            if matches!(intent, Intent::Admit { .. }) {
                continue;
            }
            if news == before && !self.inexact_before.insert(key.clone()) {
                self.report.notices.push(
                    "a change of access was not made: keys of those it concerns were changed, and the relay does not serve that to your device; ask somebody who still reads it".into(),
                );
                let reason =
                    "keys of those it concerns were changed, and that is not served to this device";
                self.replica.decided_refused(&decided, reason.into())?;
            }
        }
        Ok(())
    }

    /// How often a log has grown here during this sync.
    fn logs_news(&self) -> u64 {
        self.report.operations_received + self.report.operations_delivered
    }

    /// What was pulled since an operation came too late did not bring the one that was first: the relay
    /// does not serve this device that log any more, so that nothing it decides there can be made.
    pub(super) fn give_back_what_is_out_of_reach(&mut self) -> Result<(), ClientError> {
        let overtaken = std::mem::take(&mut self.overtaken);
        let mut pushed_at: BTreeMap<SpaceId, u64> = BTreeMap::new();
        for decided in &overtaken {
            let operation = decided.prepared.operation.operation();
            let first = pushed_at
                .entry(decided.prepared.state.id())
                .or_insert(operation.index);
            *first = operation.index.min(*first);
        }
        for (space, length) in pushed_at {
            if !self.replica.is_log_still(&space, length)? {
                continue;
            }
            self.report.notices.push(
                "a change of access was not made: others changed who has access there, and the relay does not serve this to your device any more; ask somebody who still reads it".into(),
            );
            let here = |decided: &&Decided| decided.prepared.state.id() == space;
            for decided in overtaken.iter().filter(here) {
                let reason = "the log of who has access there went on, and is not served to this device any more";
                self.replica.decided_refused(decided, reason.into())?;
            }
        }
        Ok(())
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
            Status::Rejected if result.code == Some(VerdictCode::LogMoved) => {
                self.replica.heal_overtaken(&heal)?;
            }
            Status::Held | Status::Rejected => self.report.notices.push(format!(
                "a forked log could not be healed ({}): a colleague's device may do it",
                verdict_word(result)
            )),
        }
        Ok(())
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

fn verdict_word(result: &ItemResult) -> &'static str {
    result.code.map_or("refused", VerdictCode::word)
}

/// Whether whom an operation adds has no right yet: somebody else has to stand for them first.
fn waits_for_somebody(decided: &Decided) -> bool {
    let state = &decided.prepared.state;
    let last = state.length().saturating_sub(1);
    let mut added = state.live_grants().filter(|grant| grant.added_at == last);
    added.any(|grant| !grant.is_confirmed())
}

fn waits_to_be_confirmed(name: &str) -> String {
    format!(
        "{name} is not let in yet: another administrator has to confirm it, after comparing the words with them, too; on that device 'nahtlos sync' and 'nahtlos member waiting' say how"
    )
}
