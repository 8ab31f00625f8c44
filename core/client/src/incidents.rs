//! A relay from yesterday: one that was restored from a backup, and went back to an earlier state
//! by it. Each time is kept as an incident: when, what the relay said before and after, and what
//! became of the items that this device offered again ([`crate::offering`]).

use minicbor::{Decode, Encode};
use nahtlos_protocol::space::standing::Position;
use nahtlos_protocol::wire::JournalMark;
use serde::Serialize;

use crate::error::ClientError;
use crate::forks;
use crate::nahtlos::{Nahtlos, put_sync};
use crate::records;
use crate::vault::{Collection, Transaction};

/// Group of incidents in `Collection::Notice`; key = `i` ‖ number (u64 BE).
const INCIDENTS: &[u8] = b"incidents";

/// One time the relay went back: `Collection::Notice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct IncidentRecord {
    #[n(0)]
    pub number: u64,
    /// By this device's clock, Unix milliseconds.
    #[n(1)]
    pub noticed_at_ms: u64,
    /// Where the journal stood when this device last heard of it.
    #[n(2)]
    pub before: JournalMark,
    /// Where it stood when the device noticed.
    #[n(3)]
    pub after: JournalMark,
    /// Items that the relay took back from this device.
    #[n(4)]
    pub taken_back: u64,
    /// Items that it had again already: somebody else was first.
    #[n(5)]
    pub known_there: u64,
    /// Items that it refused.
    #[n(6)]
    pub refused: u64,
    /// Logs in which something else had taken a lost operation's place.
    #[n(7)]
    pub forks: u64,
    /// When a person took note of it, once nothing was missing any more, Unix milliseconds.
    #[n(8)]
    pub acknowledged_at_ms: Option<u64>,
    /// When everything was pulled again, since something that came builds on what is not here, Unix
    /// milliseconds.
    #[n(9)]
    pub pulled_all_at_ms: Option<u64>,
}

/// One time the relay went back to an earlier state, for a person and for the relay's operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// When this device noticed, by its clock, Unix milliseconds.
    pub noticed_at_ms: u64,
    /// Hexadecimal id of the relay's journal before.
    pub journal_before: String,
    /// How far that journal was known to go.
    pub sequence_before: u64,
    /// Hexadecimal id of the relay's journal after.
    pub journal_after: String,
    /// How far it went when this device noticed.
    pub sequence_after: u64,
    /// The number up to which both are one, at least; none where the relay does not say.
    pub common_up_to: Option<u64>,
    /// Items the relay took back from this device.
    pub taken_back: u64,
    /// Items it had again already, from somebody else.
    pub known_there: u64,
    /// Items it refused.
    pub refused: u64,
    /// Logs in which something else had taken a lost operation's place.
    pub forks: u64,
    /// Items still to be offered again.
    pub waiting: u64,
    /// When a person took note of it, once nothing was missing any more, Unix milliseconds.
    pub acknowledged_at_ms: Option<u64>,
}

/// For how long somebody else may still bring what the relay needs before it takes an item back.
const OTHERS_BRING_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// What this device can still do about a relay that went back, so that nobody can take note of it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// Items still to be offered again.
    pub waiting: u64,
    /// Logs whose two histories this device may still join, or has to wait for.
    pub forks: u64,
}

/// What somebody took note of. What is missing at the relay stays on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Times the relay went back that nobody had taken note of.
    pub incidents: u64,
    /// Items that the relay refused to take back: it lacks them for good.
    pub refused: u64,
    /// Items that the relay lacks something for, which nobody brought in 30 days. They stay on offer.
    pub waiting: u64,
    /// Logs with two histories that others have to join: the relay does not serve them here any more.
    pub forks: u64,
}

/// What the relay's answer says about its journal, against what it said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setback {
    pub before: JournalMark,
    pub after: JournalMark,
}

impl Setback {
    /// Whether the relay's journal is another one, or not the one it was.
    pub fn between(before: Option<&JournalMark>, after: &JournalMark) -> Option<Self> {
        let before = before?;
        let rewritten = after.sequence == before.sequence && after.hash != before.hash;
        let back = before.journal != after.journal || after.sequence < before.sequence || rewritten;
        back.then_some(Self {
            before: *before,
            after: *after,
        })
    }

    /// Up to which number both journals are one, as far as the relay says: a restored copy that was
    /// not marked as one goes on under the old id, and says nothing. What this device saw before may
    /// itself be a copy that ran beside the relay, and began earlier.
    pub fn common_up_to(&self) -> Option<u64> {
        let earlier = Some(self.before.began_after).filter(|began_after| *began_after > 0);
        let common = earlier.map_or(self.after.began_after, |began_after| {
            began_after.min(self.after.began_after)
        });
        (self.before.journal != self.after.journal).then_some(common)
    }

    /// Whether an incident was noted in which nothing was taken to be common to the present journal and
    /// earlier ones: everything was offered then.
    pub fn was_noted_in(&self, known: &IncidentRecord) -> bool {
        known.after.journal == self.after.journal && known.after.began_after == 0
    }

    /// Whether an item with a receipt for this place may be lost at the relay.
    pub fn may_have_lost(&self, place: &Position) -> bool {
        if place.journal != self.after.journal {
            return place.sequence > self.common_up_to().unwrap_or(self.after.began_after);
        }
        let rewritten = self.before.journal == self.after.journal
            && self.before.sequence == self.after.sequence;
        // A journal that had ended is there again: an old copy, in which others may have been given the
        // same numbers since. Nothing that is shown to it now tells it so.
        let ended_before = self.after.journal < self.before.journal;
        rewritten || ended_before || place.sequence > self.after.sequence
    }
}

impl Nahtlos {
    /// Keeps an incident, and all that has to be offered again because of it, in one transaction;
    /// from where both journals are one, everything is pulled again.
    pub(crate) fn note_incident(&mut self, setback: &Setback) -> Result<(), ClientError> {
        let record = IncidentRecord {
            number: self.incident_records()?.len() as u64,
            noticed_at_ms: self.now_ms(),
            before: setback.before,
            after: setback.after,
            taken_back: 0,
            known_there: 0,
            refused: 0,
            forks: 0,
            acknowledged_at_ms: None,
            pulled_all_at_ms: None,
        };
        let offers = self.lost_items(setback)?;
        let mut position = self.sync_record()?;
        position.cursor = position.cursor.min(setback.common_up_to().unwrap_or(0));
        position.mark = Some(setback.after);
        self.commit(|transaction| {
            put_incident(transaction, &record)?;
            // What it serves now it serves again.
            forks::forget_served(transaction)?;
            for offer in &offers {
                offer.put(transaction)?;
            }
            put_sync(transaction, &position)
        })
    }

    /// After the relay went back, what was thought to be common may not be: a copy of its journal that had
    /// not been marked as one gave the numbers this device had seen to other items, which it would be
    /// served never. It shows when something comes that builds on them: everything is asked for again
    /// then, once for each time the relay went back. Returns whether it is.
    pub(crate) fn pull_what_was_thought_common(&mut self) -> Result<bool, ClientError> {
        let Some(mut record) = self.incident_records()?.pop() else {
            return Ok(false);
        };
        if record.pulled_all_at_ms.is_some() || !self.lacks_what_others_build_on()? {
            return Ok(false);
        }
        record.pulled_all_at_ms = Some(self.now_ms());
        let mut position = self.sync_record()?;
        position.cursor = 0;
        self.commit(|transaction| {
            put_incident(transaction, &record)?;
            put_sync(transaction, &position)
        })?;
        Ok(true)
    }

    fn lacks_what_others_build_on(&self) -> Result<bool, ClientError> {
        let held = self.held_counts()?;
        let mut reasons = held.iter().map(|(reason, _)| reason.as_str());
        let missing = reasons.any(|reason| ["missing_parents", "missing_log"].contains(&reason));
        Ok(missing || !self.waiting_operations()?.is_empty())
    }

    /// Changes the latest incident's counts.
    pub(crate) fn count_in_incident(
        &mut self,
        change: impl FnOnce(&mut IncidentRecord),
    ) -> Result<(), ClientError> {
        let Some(mut record) = self.incident_records()?.pop() else {
            return Ok(());
        };
        change(&mut record);
        self.commit(|transaction| put_incident(transaction, &record))
    }

    /// Takes note of every time the relay went back: they stay in the history and need nobody's
    /// attention any more.
    ///
    /// # Errors
    /// [`ClientError::IncidentOpen`] while this device can still do something about it, or somebody else
    /// may bring what it waits for; nothing is changed then.
    pub fn acknowledge_incidents(&mut self) -> Result<Acknowledged, ClientError> {
        let mut records = self.incident_records()?;
        records.retain(|record| record.acknowledged_at_ms.is_none());
        let Some(latest) = records.last() else {
            return Ok(Acknowledged::default());
        };
        let now_ms = self.now_ms();
        let is_awaited = now_ms < latest.noticed_at_ms.saturating_add(OTHERS_BRING_MS);
        let offers = self.offers()?;
        let offers_open = offers
            .iter()
            .filter(|offer| is_awaited || offer.tried_at.is_none());
        let open = offers_open.count() as u64;
        let (open_forks, left_forks) = self.count_forks()?;
        if open > 0 || open_forks > 0 {
            return Err(ClientError::IncidentOpen(OpenIncident {
                waiting: open,
                forks: open_forks,
            }));
        }
        self.commit(|transaction| {
            for record in &mut records {
                record.acknowledged_at_ms = Some(now_ms);
                put_incident(transaction, record)?;
            }
            Ok(())
        })?;
        Ok(Acknowledged {
            incidents: records.len() as u64,
            refused: records.iter().map(|record| record.refused).sum(),
            waiting: offers.len() as u64,
            forks: left_forks,
        })
    }

    pub(crate) fn incident_records(&self) -> Result<Vec<IncidentRecord>, ClientError> {
        let incidents = self.vault.list(Collection::Notice, INCIDENTS)?;
        incidents
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
    }

    /// How often the relay went back to an earlier state, what this device brought back to it and
    /// what is still to be offered, oldest first.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn incidents(&self) -> Result<Vec<Incident>, ClientError> {
        let mut lines: Vec<Incident> = self.incident_records()?.iter().map(line).collect();
        if let Some(latest) = lines.last_mut() {
            latest.waiting = self.offers()?.len() as u64;
        }
        Ok(lines)
    }
}

fn line(record: &IncidentRecord) -> Incident {
    let (before, after) = (record.before, record.after);
    Incident {
        noticed_at_ms: record.noticed_at_ms,
        journal_before: before.journal.to_string(),
        sequence_before: before.sequence,
        journal_after: after.journal.to_string(),
        sequence_after: after.sequence,
        common_up_to: Setback { before, after }.common_up_to(),
        taken_back: record.taken_back,
        known_there: record.known_there,
        refused: record.refused,
        forks: record.forks,
        waiting: 0,
        acknowledged_at_ms: record.acknowledged_at_ms,
    }
}

fn put_incident(transaction: &Transaction<'_>, record: &IncidentRecord) -> Result<(), ClientError> {
    let key = [b"i".as_slice(), &record.number.to_be_bytes()].concat();
    let position = i64::try_from(record.number).unwrap_or(i64::MAX);
    let value = records::encode(record);
    transaction.put(Collection::Notice, INCIDENTS, &key, position, &value)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::identifier::{ItemId, JournalId};

    use super::*;

    fn mark(journal: u8, sequence: u64, hash: u8, began_after: u64) -> JournalMark {
        JournalMark {
            journal: JournalId([journal; 16]),
            sequence,
            hash: ItemId([hash; 32]),
            began_after,
        }
    }

    fn place(journal: u8, sequence: u64) -> Position {
        Position {
            journal: JournalId([journal; 16]),
            sequence,
        }
    }

    #[test]
    fn a_journal_that_goes_on_is_no_incident_and_one_that_goes_back_is() {
        let before = mark(1, 50, 7, 0);
        assert_eq!(Setback::between(None, &before), None);
        assert_eq!(Setback::between(Some(&before), &before), None);
        assert_eq!(Setback::between(Some(&before), &mark(1, 51, 8, 0)), None);
        for back in [mark(2, 60, 8, 40), mark(1, 49, 8, 0), mark(1, 50, 8, 0)] {
            assert!(Setback::between(Some(&before), &back).is_some());
        }
    }

    #[test]
    fn lost_is_what_another_journal_numbered_after_the_new_one_began() {
        let setback = Setback::between(Some(&mark(1, 50, 7, 0)), &mark(2, 45, 8, 40)).unwrap();
        assert_eq!(setback.common_up_to(), Some(40));
        assert!(!setback.may_have_lost(&place(1, 40)));
        assert!(setback.may_have_lost(&place(1, 41)));
        assert!(!setback.may_have_lost(&place(2, 45)), "received since");
    }

    /// Journal 2 was a copy made at 30 that ran beside the relay, and journal 3 is one made later.
    #[test]
    fn of_a_copy_that_ran_beside_the_relay_everything_since_it_was_made_may_be_lost() {
        let setback = Setback::between(Some(&mark(2, 60, 7, 30)), &mark(3, 45, 8, 40)).unwrap();
        assert_eq!(setback.common_up_to(), Some(30));
        assert!(setback.may_have_lost(&place(2, 31)));
        assert!(!setback.may_have_lost(&place(1, 30)));
    }

    #[test]
    fn lost_is_what_the_same_journal_numbered_above_where_it_stands_now() {
        let setback = Setback::between(Some(&mark(1, 50, 7, 0)), &mark(1, 40, 8, 0)).unwrap();
        assert_eq!(setback.common_up_to(), None);
        assert!(!setback.may_have_lost(&place(1, 40)));
        assert!(setback.may_have_lost(&place(1, 41)));
        let rewritten = Setback::between(Some(&mark(1, 50, 7, 0)), &mark(1, 50, 8, 0)).unwrap();
        assert!(rewritten.may_have_lost(&place(1, 3)), "nobody knows where");
    }

    /// A raw copy brought the relay back to journal 1, after this device had seen journal 2; others were
    /// given numbers above the copy's before this device came.
    #[test]
    fn of_a_journal_that_had_ended_and_is_there_again_everything_may_be_lost() {
        let came_back = Setback::between(Some(&mark(2, 60, 7, 0)), &mark(1, 50, 8, 0)).unwrap();
        assert!(came_back.may_have_lost(&place(1, 40)));
        assert!(came_back.may_have_lost(&place(2, 60)));
        let shorter = Setback::between(Some(&mark(1, 60, 7, 0)), &mark(1, 50, 8, 0)).unwrap();
        assert!(!shorter.may_have_lost(&place(1, 40)), "control");
    }
}
