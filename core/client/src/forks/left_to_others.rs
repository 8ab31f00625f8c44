//! Which lost branches does this device leave to others? Those that it tried to carry back and came too
//! late for, where the relay does not serve it what was first: it lost the space.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use nahtlos_protocol::identifier::{JournalId, SpaceId};
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Kind, Prepared};

use super::ForkRecord;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::offering;

/// A `Heal` of this device's came too late. As long as the journal and the length are as they were, the
/// relay did not serve this device what came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Overtaken {
    /// The relay's journal then.
    #[n(0)]
    journal: Option<JournalId>,
    /// The log's length here.
    #[n(1)]
    length: u64,
    /// By this device's clock, Unix milliseconds.
    #[n(2)]
    at_ms: u64,
    /// Whether it is tried once more: until it is answered, the fork is left to others as before.
    #[n(3)]
    once_more: bool,
}

impl Nahtlos {
    /// Whether a `Heal` is not made, since it would come too late again.
    pub(super) fn is_overtaken(
        &self,
        record: &ForkRecord,
        length: u64,
    ) -> Result<bool, ClientError> {
        let once_more = record.overtaken.is_some_and(|before| before.once_more);
        Ok(!once_more && self.came_too_late(record, length)?)
    }

    /// Whether a `Heal` came too late, and nothing has arrived since.
    fn came_too_late(&self, record: &ForkRecord, length: u64) -> Result<bool, ClientError> {
        let Some(overtaken) = record.overtaken else {
            return Ok(false);
        };
        let journal = self.sync_record()?.mark.map(|mark| mark.journal);
        Ok(overtaken.length == length && overtaken.journal == journal)
    }

    /// Whether somebody else has to join the two histories. Nothing that this device reads is wrapped to
    /// what is beneath such a space: else the relay would serve it.
    pub(super) fn is_left_to_others(&self, record: &ForkRecord) -> Result<bool, ClientError> {
        let length = self.logs().load(&record.space)?;
        let length = length.map_or(0, |state| state.length());
        Ok(self.came_too_late(record, length)? && !self.has_to_be_served(&record.space)?)
    }

    /// Whether the relay has to serve this device a log (PROTOCOL §19): the device reads the space, or one
    /// above it by grants that stand. Of the network it is served the institutions, and nothing beneath.
    pub(super) fn has_to_be_served(&self, space: &SpaceId) -> Result<bool, ClientError> {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![*space]);
        while let Some(below) = waiting.pop() {
            if !seen.insert(below) {
                continue;
            }
            if self.reads(&below) {
                return Ok(true);
            }
            for above in self.spaces_above(&below)? {
                let Some(state) = self.logs().state(&above) else {
                    continue;
                };
                let carries = state.kind() != Kind::Network || below == *space;
                let member = MemberId::Space(below);
                if carries && state.live_grants().any(|grant| grant.member == member) {
                    waiting.push(above);
                }
            }
        }
        Ok(false)
    }

    /// How many forks this device may still join or has to wait for, and how many it leaves to others.
    pub(crate) fn count_forks(&self) -> Result<(u64, u64), ClientError> {
        let (mut open, mut left) = (0, 0);
        for record in self.fork_records()? {
            let others = self.is_left_to_others(&record)?;
            *(if others { &mut left } else { &mut open }) += 1;
        }
        Ok((open, left))
    }

    /// A `Heal` came too late: another one is made when what was first has arrived.
    pub(crate) fn heal_overtaken(&mut self, heal: &Prepared) -> Result<(), ClientError> {
        let (operation, space) = (heal.operation.operation(), heal.operation.space());
        let journal = self.sync_record()?.mark.map(|mark| mark.journal);
        let overtaken = Overtaken {
            journal,
            length: operation.index,
            at_ms: self.now_ms(),
            once_more: false,
        };
        let records = self.fork_records()?.into_iter();
        for mut record in records.filter(|record| record.space == space) {
            record.overtaken = Some(overtaken);
            self.commit(|transaction| record.put(transaction))?;
        }
        Ok(())
    }

    /// At the beginning of a sync: "too late" is the relay's word, which may be false. Where it has to serve
    /// this device that log, it is asked at each sync; else once a day, or now if a person wants it.
    pub(crate) fn try_overtaken_again(&mut self, now: bool) -> Result<(), ClientError> {
        for mut record in self.fork_records()? {
            let now_ms = self.now_ms();
            let served = self.has_to_be_served(&record.space)?;
            let Some(overtaken) = &mut record.overtaken else {
                continue;
            };
            if now || served || offering::is_long_ago(overtaken.at_ms, now_ms) {
                overtaken.once_more = true;
                self.commit(|transaction| record.put(transaction))?;
            }
        }
        Ok(())
    }
}
