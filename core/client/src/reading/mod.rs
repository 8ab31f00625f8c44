//! Reading is recorded: whoever is shown what stands in a section leaves a note of it on their device,
//! at once and offline, and the next sync hands it over to the case's section `access` (ADR 0050).
//!
//! A note costs one small write per section and sitting; an entry is made per case, day and occasion: the first
//! reading of a day goes out with the next sync, the rest of that day together once it is over. Notes
//! of one institution about a case are read by its own people, and their reading is not recorded: the entry
//! would tell everybody else that they exist.

mod delivering;
mod log;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use minicbor::{Decode, Encode};
use nahtlos_casework::SectionKind;
use nahtlos_casework::access::{DeviceKind, Disclosure};
use nahtlos_casework::fields::{Field, Line};
use nahtlos_protocol::identifier::Nonce;

pub use log::{AccessLog, DisclosureLine, LogState, ReadLine};

use crate::cases::Case;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`, ‖ case: what was read here of a case; key = `r` ‖ case ‖ day ‖ section ‖
/// occasion.
const READINGS: &[u8] = b"readings:";
/// Group in `Collection::Setting`: cases of which something may be handed over; key = `d` ‖ case.
const DUE: &[u8] = b"readings-due";
/// A section that is shown again within this time was not put away: one sitting.
const SITTING_MS: u64 = 10 * 60 * 1000;

/// What was read of one section on one day here and is not handed over yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct ReadingRecord {
    /// Section code.
    #[n(0)]
    pub section: String,
    /// The day in Switzerland, `YYYY-MM-DD`.
    #[n(1)]
    pub day: String,
    /// For what, where it was said.
    #[n(2)]
    pub purpose: Option<String>,
    /// The first time since the last handing over, Unix milliseconds.
    #[n(3)]
    pub first_ms: u64,
    /// The last time.
    #[n(4)]
    pub last_ms: u64,
    /// How many times since the last handing over; none where all was handed over.
    #[n(5)]
    pub times: u64,
    /// Whether something of this day was handed over before.
    #[n(6)]
    pub is_told: bool,
}

/// Readings that this program could not write down, in words. Shared with who tells the person.
#[derive(Clone, Debug, Default)]
pub struct UnrecordedReadings(Arc<Mutex<Vec<String>>>);

impl UnrecordedReadings {
    /// What is to be told, once.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, section: &SectionKind, error: &ClientError) {
        let said = format!(
            "That you read `{section}` could not be recorded on this device ({error}); it is shown all the same."
        );
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&said) {
            all.push(said);
        }
    }
}

/// What this program knows of the readings since it was started.
#[derive(Default)]
pub(crate) struct Readings {
    /// When a section was noted last.
    noted: RefCell<HashMap<(Nonce, SectionKind), u64>>,
    purpose: RefCell<Option<Line>>,
    unrecorded: UnrecordedReadings,
}

impl Nahtlos {
    /// Says for what is read from now on; it stands in the record.
    pub fn set_reading_purpose(&self, purpose: Option<Line>) {
        *self.readings.purpose.borrow_mut() = purpose;
    }

    /// Where readings are told that could not be recorded: reading goes on.
    #[must_use]
    pub fn unrecorded_readings(&self) -> UnrecordedReadings {
        self.readings.unrecorded.clone()
    }

    /// Somebody is shown what stands in a section, or a part of it, that was opened unrecorded.
    pub fn note_reading(&self, case: &Case, kind: &SectionKind) {
        // Its code alone would tell the others that these notes exist.
        if matches!(kind, SectionKind::Internal(_)) {
            return;
        }
        let now_ms = self.now_ms();
        let sitting = (case.id, kind.clone());
        let last = self.readings.noted.borrow().get(&sitting).copied();
        let is_same_sitting = last
            .and_then(|last| now_ms.checked_sub(last))
            .is_some_and(|since_ms| since_ms < SITTING_MS);
        if is_same_sitting {
            return;
        }
        match self.write_reading(case, kind, now_ms) {
            Ok(()) => {
                self.readings.noted.borrow_mut().insert(sitting, now_ms);
            }
            Err(error) => self.readings.unrecorded.add(kind, &error),
        }
    }

    fn write_reading(
        &self,
        case: &Case,
        kind: &SectionKind,
        now_ms: u64,
    ) -> Result<(), ClientError> {
        let purpose = self.readings.purpose.borrow();
        let mut record = ReadingRecord {
            section: kind.code(),
            day: Self::day_of(now_ms)?.canonical(),
            purpose: purpose.as_ref().map(Line::canonical),
            first_ms: now_ms,
            last_ms: now_ms,
            times: 0,
            is_told: false,
        };
        let key = reading_key(&case.id, &record);
        if let Some(bytes) = self.vault.get(Collection::Setting, &key)? {
            let before: ReadingRecord = records::decode(&bytes)?;
            record.is_told = before.is_told;
            if before.times > 0 {
                record.first_ms = before.first_ms.min(now_ms);
                record.last_ms = before.last_ms.max(now_ms);
                record.times = before.times;
            }
        }
        record.times = record.times.saturating_add(1);
        self.vault.note(|transaction| {
            put_reading(transaction, &case.id, &record)?;
            transaction.put(Collection::Setting, DUE, &due_key(&case.id), 0, &case.id.0)
        })?;
        Ok(())
    }

    /// Records what was disclosed of a case outside of any right: a page that was printed, a file, an extract.
    /// Says whether it was recorded: where the case has no section `access`, or this device may not
    /// write in it, there is nowhere to.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn record_disclosure(
        &mut self,
        case: &Case,
        disclosure: &Disclosure,
    ) -> Result<bool, ClientError> {
        let Some(space) = self.access_to_write(case) else {
            return Ok(false);
        };
        let edits = disclosure.edits(&mut random::entry_id);
        let edits: Vec<TypedEdit> = edits.into_iter().map(TypedEdit::Case).collect();
        self.edit_space(&space, &edits)?;
        Ok(true)
    }
}

pub(crate) fn device_kind() -> DeviceKind {
    match cfg!(any(target_os = "android", target_os = "ios")) {
        true => DeviceKind::Mobile,
        false => DeviceKind::Computer,
    }
}

fn reading_key(case: &Nonce, record: &ReadingRecord) -> Vec<u8> {
    let occasion = record.purpose.as_deref().unwrap_or_default();
    let name = format!("{}\0{}\0{occasion}", record.day, record.section);
    [b"r".as_slice(), &case.0, name.as_bytes()].concat()
}

fn due_key(case: &Nonce) -> Vec<u8> {
    [b"d".as_slice(), &case.0].concat()
}

fn group_of(case: &Nonce) -> Vec<u8> {
    [READINGS, &case.0].concat()
}

/// Forgets what was read here of a case that is erased.
pub(crate) fn forget_readings(
    transaction: &Transaction<'_>,
    case: &Nonce,
) -> Result<(), crate::error::ClientError> {
    transaction.delete_group(Collection::Setting, &group_of(case))?;
    transaction.delete(Collection::Setting, &due_key(case))?;
    Ok(())
}

fn put_reading(
    transaction: &Transaction<'_>,
    case: &Nonce,
    record: &ReadingRecord,
) -> Result<(), crate::vault::VaultError> {
    let (group, key) = (group_of(case), reading_key(case, record));
    let value = records::encode(record);
    transaction.put(Collection::Setting, &group, &key, 0, &value)
}
