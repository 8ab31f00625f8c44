//! The sync session: requests out, answers in, no I/O of its own. The HTTP driver
//! ([`Nahtlos::sync`]) and the tests drive the same code.
//!
//! A session pulls and sends what is unanswered in its first request; with nothing new on either
//! side that is the only one. Then it carries out what was decided (intents), seals what was typed
//! and pushes it (`push.rs`), and takes what the relay says to each item (`answers.rs`).

mod answers;
mod push;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::wire::{ItemKind, JournalMark, SyncRequest, SyncResponse};

use crate::apply::SPACES_PER_TRANSACTION;
use crate::error::ClientError;
use crate::incidents::Setback;
use crate::intents::Decided;
use crate::nahtlos::{Nahtlos, put_sync};
use crate::sync::signed_difference;
use crate::transport::TransportError;
use crate::vault::Collection;

pub(crate) use push::operation_item;
pub use report::{Progress, SyncReport};

use push::InFlight;

/// A sync in progress.
pub struct Session<'a> {
    replica: &'a mut Nahtlos,
    in_flight: Vec<InFlight>,
    /// Decided operations whose places were taken when they were pushed last.
    overtaken: Vec<Decided>,
    /// Decided operations that do not fit the relay's newest logs, and how often logs had grown here before.
    inexact: Vec<(Decided, u64)>,
    /// Keys of the decisions among them to which nothing came that would change them.
    inexact_before: BTreeSet<Vec<u8>>,
    /// Whether the relay's answers showed that it lacks what this device took to be there.
    is_further_back: bool,
    started: bool,
    more: bool,
    rounds: u32,
    /// How much was delivered when the rounds were last counted anew.
    delivered_before: u64,
    /// Whether a log or key arrived since the last settling: it may free what waited elsewhere.
    logs_moved: bool,
    /// How often the relay went back meanwhile.
    setbacks: u32,
    /// How often each item that the relay has lost was offered.
    offered: BTreeMap<ItemId, u32>,
    /// Requests with less of it than there was room for.
    small_offerings: u32,
    /// What was brought to the relay for others, in this session.
    carried: BTreeSet<ItemId>,
    /// Whether what an earlier session sent and got no answer to was sent again.
    sent_unanswered: bool,
    /// What was founded here and not taken, since this device is in no institution at present: once a
    /// session is enough.
    not_admitted: BTreeSet<Vec<u8>>,
    touched: BTreeSet<SpaceId>,
    report: SyncReport,
}

/// Re-sealing and re-deciding end after this many rounds in which nothing was delivered; what is
/// left waits for the next sync. While something is delivered, what is left to push gets less.
const PUSH_ROUNDS_MAX: u32 = 8;
/// How often a relay may go back within one session before the rest waits for the next.
const SETBACKS_MAX: u32 = 3;
const LEFT_OUT: &str = "an edit that you took over, or wrote upon, was discarded or does not count: what you typed upon it is sent without it, or kept aside where it needs it";

impl<'a> Session<'a> {
    /// Begins a sync.
    #[must_use]
    pub fn new(replica: &'a mut Nahtlos) -> Self {
        Self {
            replica,
            in_flight: Vec::new(),
            overtaken: Vec::new(),
            inexact: Vec::new(),
            inexact_before: BTreeSet::new(),
            is_further_back: false,
            started: false,
            more: false,
            rounds: 0,
            delivered_before: 0,
            // An earlier session may have ended between receiving and applying.
            logs_moved: true,
            setbacks: 0,
            offered: BTreeMap::new(),
            small_offerings: 0,
            carried: BTreeSet::new(),
            sent_unanswered: false,
            not_admitted: BTreeSet::new(),
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
            self.replica.try_overtaken_again(false)?;
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
        } else if let Some(carried) = self.push_carried()? {
            carried
        } else {
            self.settle()?;
            // By what colleagues recorded meanwhile, not by what was known here before.
            let told = self.replica.look_after_consents()?;
            self.report.notices.extend(told);
            self.replica.look_after_slices()?;
            self.replica.publish_names_in_logs()?;
            let delivered = self.delivered();
            if delivered > self.delivered_before {
                self.delivered_before = delivered;
                self.rounds = 0;
            }
            if self.rounds >= PUSH_ROUNDS_MAX {
                if self.replica.vault.count(Collection::Outbox)? > 0 {
                    self.report.notices.push(
                        "the relay did not take what was typed here, in several attempts: it stays on this device and is sent with the next sync; if this goes on, something may have been kept from this device: `nahtlos sync --all` asks for everything again; if that does not help, tell the relay's operator".into(),
                    );
                }
                return Ok(None);
            }
            self.rounds += 1;
            let push = self.push_new()?;
            if push.is_empty() && !self.replica.pull_what_was_thought_common()? {
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
            max_bytes: position.line_bytes(),
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
        self.take_results(&response.results, &response.journal_mark)?;
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

    /// The line broke while something was on its way: the next sync sends and asks for less at a time.
    pub(crate) fn broke_off(&mut self) -> Result<(), ClientError> {
        let mut position = self.replica.sync_record()?;
        position.carry_less();
        let replica = &mut *self.replica;
        replica.commit(|transaction| put_sync(transaction, &position))
    }

    /// Where less was asked for than usual, the next sync asks for more again.
    fn came_to_its_end(&mut self) -> Result<(), ClientError> {
        let mut position = self.replica.sync_record()?;
        if position.line_bytes.is_none() {
            return Ok(());
        }
        position.carry_more();
        let replica = &mut *self.replica;
        replica.commit(|transaction| put_sync(transaction, &position))
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
        self.came_to_its_end()?;
        self.report.held = self.replica.held_counts()?;
        if self.report.operations_received + self.report.envelopes_applied > 0 {
            let uses = self.replica.tell_recovery_uses()?;
            self.report.notices.extend(uses);
            let devices = self.replica.tell_of_devices()?;
            self.report.notices.extend(devices);
            let administration = self.replica.tell_of_administration()?;
            self.report.notices.extend(administration);
            let institutions = self.replica.tell_of_institutions_left()?;
            self.report.notices.extend(institutions);
            self.report.teams_left = self.replica.tell_of_teams_left()?;
        }
        // A person reads each sentence once.
        let mut said = BTreeSet::new();
        let notices = &mut self.report.notices;
        notices.retain(|notice| said.insert(notice.clone()));
        Ok(self.report)
    }

    /// Applies what has arrived; a log or key that arrived may free what waited before.
    fn settle(&mut self) -> Result<(), ClientError> {
        self.touched
            .extend(self.replica.count_anew_by_earlier_receipts()?);
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut spaces = std::mem::take(&mut self.touched);
        // Only then: otherwise each sync would look at everything that is held.
        if std::mem::take(&mut self.logs_moved) {
            spaces.extend(self.replica.spaces_waiting_for_keys()?);
        }
        // Where somebody left a team, everything above it is looked at.
        let mut looked_at = self.replica.note_ends(&spaces)?;
        looked_at.extend(&spaces);
        let is_little = looked_at.len() <= SPACES_PER_TRANSACTION;
        let notices = &mut self.report.notices;
        let mut settle = |replica: &mut Nahtlos| {
            let applied = replica.apply_waiting(&looked_at)?;
            spaces.extend(applied.changed);
            notices.extend(replica.carry_out_erasures(&looked_at)?);
            let left_out = replica.leave_out_what_is_voided()?;
            if !left_out.is_empty() {
                notices.push(LEFT_OUT.to_owned());
            }
            spaces.extend(left_out);
            replica.refresh_after_sync(&spaces)?;
            replica.settled()?;
            Ok::<u64, ClientError>(applied.envelopes)
        };
        // A little is one durable commit. Much is several, so that little of it is held in memory.
        self.report.envelopes_applied += if is_little {
            self.replica.all_or_nothing(settle)?
        } else {
            settle(self.replica)?
        };
        Ok(())
    }

    /// Whether the relay went back to an earlier state: noted, with what it may have lost.
    fn look_at_mark(&mut self, mark: &JournalMark) -> Result<bool, ClientError> {
        let before = self.replica.sync_record()?.mark;
        let is_further_back = std::mem::take(&mut self.is_further_back);
        match Setback::between(before.as_ref(), mark) {
            Some(setback) => self.replica.note_incident(&setback)?,
            None if is_further_back => {}
            None => return Ok(false),
        }
        self.setbacks += 1;
        self.report.notices.push(
            "the relay went back to an earlier state (restored from a backup?): tell its operator; what you typed is still on this device, and what the relay lost is offered to it again".into(),
        );
        Ok(true)
    }
}
