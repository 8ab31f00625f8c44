//! Handing over what was read: at the beginning of a sync the notes of this device become entries of the
//! case's section `access`, which go out with everything else that was typed.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::Reading;
use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::{Field, Line, UtcTime};
use nahtlos_protocol::identifier::{Nonce, SpaceId};

use super::{DUE, ReadingRecord, device_kind, due_key, group_of, put_reading, reading_key};
use crate::cases::{Case, hex};
use crate::edits::{NewEdits, TypedEdit};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records;
use crate::vault::{Collection, Transaction};

/// What becomes of the notes about one case.
struct Handover {
    case: Nonce,
    /// Notes as they stand afterwards, those that are done with apart.
    kept: Vec<ReadingRecord>,
    done: Vec<ReadingRecord>,
    /// Whether the case is looked at again at the next sync, though nobody reads in it.
    is_due_again: bool,
}

impl Nahtlos {
    /// Makes entries of what was read here. A case in whose `access` this device may not write keeps its
    /// notes on the device; it is looked at again when something is read in it.
    pub(crate) fn hand_over_readings(&mut self) -> Result<(), ClientError> {
        let due = self.vault.list(Collection::Setting, DUE)?;
        if due.is_empty() {
            return Ok(());
        }
        let today = self.today()?.canonical();
        let (mut new, mut handovers) = (Vec::new(), Vec::new());
        for (_, case) in due {
            let Some(case) = case.as_slice().try_into().ok().map(Nonce) else {
                continue;
            };
            let (edits, handover) = self.entries_of(&case, &today)?;
            new.extend(edits);
            handovers.push(handover);
        }
        self.keep_edits_and(new, |transaction| {
            handovers
                .iter()
                .try_for_each(|handover| put_handover(transaction, handover))
        })
    }

    /// The entries that are to be made for a case, none where there is nowhere to write them.
    fn entries_of(
        &self,
        case: &Nonce,
        today: &str,
    ) -> Result<(Option<NewEdits>, Handover), ClientError> {
        let mut handover = Handover {
            case: *case,
            kept: Vec::new(),
            done: Vec::new(),
            is_due_again: false,
        };
        let space = self.case(&hex(case)).ok();
        let Some(space) = space.and_then(|case| self.access_to_write(&case)) else {
            return Ok((None, handover));
        };
        let mut records = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Setting, &group_of(case))? {
            records.push(records::decode::<ReadingRecord>(&bytes)?);
        }
        let is_due = |record: &ReadingRecord| {
            record.times > 0 && (!record.is_told || record.day.as_str() < today)
        };
        let (due, rest): (Vec<_>, Vec<_>) = records.into_iter().partition(is_due);
        let edits: Vec<TypedEdit> = in_edits(&due).into_iter().map(TypedEdit::Case).collect();
        let made = match edits.is_empty() {
            true => None,
            // Whatever keeps an entry from being made (a log that has forked, a newer program's
            // section) passes; the sync goes on, and the notes stay.
            false => match self.make_edits(&space, &edits) {
                Ok(made) => Some(made),
                Err(error @ (ClientError::Vault(_) | ClientError::DamagedRecord { .. })) => {
                    return Err(error);
                }
                Err(_) => {
                    handover.is_due_again = true;
                    return Ok((None, handover));
                }
            },
        };
        let told = due.into_iter().map(|record| ReadingRecord {
            times: 0,
            is_told: true,
            ..record
        });
        let is_over = |record: &ReadingRecord| record.times == 0 && record.day.as_str() < today;
        (handover.done, handover.kept) = told.chain(rest).partition(is_over);
        handover.is_due_again = !handover.kept.is_empty();
        Ok((made, handover))
    }

    /// The section `access` of a case, where this device may write in it now.
    pub(crate) fn access_to_write(&self, case: &Case) -> Option<SpaceId> {
        let space = case.sections.get(&SectionKind::Access)?;
        self.require_writable(space).ok()?;
        Some(*space)
    }
}

/// One entry for each day and occasion: all sections that were read.
fn in_edits(due: &[ReadingRecord]) -> Vec<Edit> {
    let mut by_occasion: BTreeMap<(&str, Option<&str>), Vec<&ReadingRecord>> = BTreeMap::new();
    for record in due {
        let occasion = (record.day.as_str(), record.purpose.as_deref());
        by_occasion.entry(occasion).or_default().push(record);
    }
    let mut edits = Vec::new();
    for ((_, purpose), records) in by_occasion {
        let first = records.iter().map(|record| record.first_ms).min();
        let last = records.iter().map(|record| record.last_ms).max();
        let (Some(first), Some(last)) = (first.and_then(time), last.and_then(time)) else {
            continue;
        };
        let reading = Reading {
            sections: records
                .iter()
                .map(|record| SectionKind::from_code(&record.section))
                .collect(),
            first,
            last,
            times: records.iter().map(|record| record.times).max().unwrap_or(1),
            device: device_kind(),
            purpose: purpose.and_then(|text| Line::parse(text).ok()),
        };
        edits.extend(reading.edits(&mut random::entry_id));
    }
    edits
}

fn time(unix_ms: u64) -> Option<UtcTime> {
    UtcTime::from_seconds(i64::try_from(unix_ms / 1000).ok()?).ok()
}

fn put_handover(transaction: &Transaction<'_>, handover: &Handover) -> Result<(), ClientError> {
    let case = &handover.case;
    for record in &handover.kept {
        put_reading(transaction, case, record)?;
    }
    for record in &handover.done {
        transaction.delete(Collection::Setting, &reading_key(case, record))?;
    }
    if !handover.is_due_again {
        transaction.delete(Collection::Setting, &due_key(case))?;
    }
    Ok(())
}
