//! Driving a sync session over a transport.

use std::cell::RefCell;

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::wire::token::{TOKEN_LIFETIME_MS, read_time};
use nahtlos_protocol::wire::{SYNC_PATH, Token};

use crate::error::ClientError;
use crate::nahtlos::{Nahtlos, put_device, put_sync};
use crate::records::{self, HeldItem, HeldRecord};
use crate::session::{Progress, Session, SyncReport};
use crate::transport::{Answer, Transport, TransportError};
use crate::vault::Collection;

/// Something held that nobody signed who it names, or that belongs to no log known here.
struct Doubtful {
    /// Its key in `Collection::Held`.
    held: Vec<u8>,
    /// Where it is an envelope, its id.
    envelope: Option<EnvelopeId>,
}

/// The status of a refusal of what did not come in time.
const TOO_SLOW: u16 = 408;
/// A refused token is issued anew once, with the relay's time.
const TOKEN_ATTEMPTS: u32 = 2;

impl Nahtlos {
    /// Syncs with the relay: pulls, carries out what was decided, seals and pushes what was typed.
    /// Everything is kept until the relay has confirmed it, so a sync may break off anywhere and
    /// be run again.
    ///
    /// # Errors
    /// [`ClientError::Transport`] where the relay is not reached, [`ClientError::NotAdmitted`]
    /// while who invited has not synced yet, [`ClientError::OtherRelay`], [`ClientError::Refused`],
    /// [`ClientError::Restored`] before anything is sent.
    pub fn sync(
        &mut self,
        transport: &mut dyn Transport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<SyncReport, ClientError> {
        self.network()?;
        self.require_not_restored()?;
        self.send_pending_enrolment(transport)?;
        let mut offset_ms = self.sync_record()?.clock_offset_ms;
        self.publish_waiting_cards()?;
        self.hand_over_readings()?;
        let mut session = Session::new(self);
        while let Some(body) = session.next_request()? {
            let mut attempt = 1;
            let answer = loop {
                let token = session.replica_ref().token(offset_ms)?;
                let answer = transport.post(SYNC_PATH, Some(&token), &body);
                if matches!(answer, Err(TransportError::BrokeOff { .. })) {
                    session.broke_off()?;
                }
                let answer = answer?;
                let relay_ms = session.replica_ref().relay_time(&answer, &token);
                match relay_ms {
                    Some(relay_ms) if attempt < TOKEN_ATTEMPTS => {
                        offset_ms = signed_difference(relay_ms, session.replica_ref().now_ms());
                        attempt += 1;
                    }
                    _ => break answer,
                }
            };
            if answer.status == TOO_SLOW {
                session.broke_off()?;
            }
            if answer.status != 200 {
                return Err(ClientError::of_refusal(&answer));
            }
            let step = session.receive(&answer.body)?;
            progress(step);
        }
        let report = session.finish()?;
        if !self.device.admitted {
            let mut device = self.device.clone();
            device.admitted = true;
            self.commit(|transaction| put_device(transaction, &device))?;
            self.device = device;
        }
        self.follow_own_team()?;
        Ok(report)
    }

    /// Asks the relay for everything again at the next sync: for a device that lacks something the
    /// relay did not serve, or was served something else. Items this device has are recognised and
    /// skipped; what nobody signed who it names, and what belongs to no log that is known here, is
    /// forgotten: if it is real, it comes again. What the relay did not take back, or said to come too
    /// late, it is offered once more.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn pull_everything_again(&mut self) -> Result<(), ClientError> {
        self.offer_all_again()?;
        self.try_overtaken_again(true)?;
        let mut position = self.sync_record()?;
        position.cursor = 0;
        let doubtful = self.doubtful()?;
        self.commit(|transaction| {
            for one in &doubtful {
                transaction.delete(Collection::Held, &one.held)?;
                if let Some(id) = &one.envelope {
                    transaction.delete(Collection::Envelope, &id.0)?;
                }
            }
            put_sync(transaction, &position)
        })
    }

    /// What is held and may be of the relay's making.
    fn doubtful(&self) -> Result<Vec<Doubtful>, ClientError> {
        let mut doubtful = Vec::new();
        for (held, bytes) in self.vault.list_all(Collection::Held)? {
            let record: HeldRecord = records::decode(&bytes)?;
            let envelope = match (record.item, record.reason.as_str()) {
                (HeldItem::Envelope { id }, "bad_signature" | "missing_log") => Some(id),
                (HeldItem::Operation { .. }, "bad_signature") => None,
                _ => continue,
            };
            doubtful.push(Doubtful { held, envelope });
        }
        Ok(doubtful)
    }

    /// A token for the relay: one that was issued shortly before, or a new one.
    pub(crate) fn token(&self, offset_ms: i64) -> Result<String, ClientError> {
        self.require_not_restored()?;
        let relay = self.relay_key().ok_or(ClientError::NotEnrolled)?;
        // The wall clock of a device may be hours off; what the relay said is good for tokens.
        let now_ms = self.now_ms().saturating_add_signed(offset_ms);
        let issue = || Token::issue(self.device_id, &self.keys.signing, &relay, now_ms);
        Ok(self.issued_token.for_relay(&relay, now_ms, issue))
    }

    /// The time by the relay's clock, as far as its last answer said.
    pub(crate) fn relay_now_ms(&self) -> Result<u64, ClientError> {
        let offset_ms = self.sync_record()?.clock_offset_ms;
        Ok(self.now_ms().saturating_add_signed(offset_ms))
    }

    /// The relay's time, where it refused this token for its time and signed its own.
    pub(crate) fn relay_time(&self, answer: &Answer, refused_token: &str) -> Option<u64> {
        let text = answer
            .relay_time
            .as_deref()
            .filter(|_| answer.status == 401)?;
        read_time(text, &self.relay_key()?, refused_token)
    }
}

/// The last token, so that not each request costs a signature here and its verification there.
#[derive(Default)]
pub(crate) struct IssuedToken(RefCell<Option<Issued>>);

struct Issued {
    relay: [u8; 32],
    at_ms: u64,
    text: String,
}

/// How long a token is sent again: well within its life, so that clocks may differ a little.
const TOKEN_REUSE_MS: u64 = TOKEN_LIFETIME_MS / 5;

impl IssuedToken {
    fn for_relay(
        &self,
        relay: &VerifyingKey,
        now_ms: u64,
        issue: impl FnOnce() -> String,
    ) -> String {
        let mut last = self.0.borrow_mut();
        let is_fresh = |issued: &&Issued| {
            // A clock that was set back, or a relay that said another time, makes a new one.
            let age_ms = now_ms.checked_sub(issued.at_ms);
            issued.relay == *relay.as_bytes() && age_ms.is_some_and(|age| age < TOKEN_REUSE_MS)
        };
        if let Some(issued) = last.as_ref().filter(is_fresh) {
            return issued.text.clone();
        }
        let issued = last.insert(Issued {
            relay: *relay.as_bytes(),
            at_ms: now_ms,
            text: issue(),
        });
        issued.text.clone()
    }
}

pub(crate) fn signed_difference(relay_ms: u64, own_ms: u64) -> i64 {
    let relay = i64::try_from(relay_ms).unwrap_or(i64::MAX);
    relay.saturating_sub(i64::try_from(own_ms).unwrap_or(i64::MAX))
}
