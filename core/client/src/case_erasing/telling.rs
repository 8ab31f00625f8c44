//! Which cases were erased, by whom and why, and whose devices have said that their copy is gone.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

use super::{CASE_ERASED, ErasedRecord};
use crate::cases::hex;
use crate::erasing::devices_beneath;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::status::HeldLine;

/// Hexadecimal characters by which an erased case is found at least.
const ID_BEGINNING_MIN: usize = 4;

/// A case that was erased: all that is known of it here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErasedCase {
    /// Hexadecimal case id; none where this device could not open what its sections were.
    pub id: Option<String>,
    /// When the relay took in the word that it is erased, by its clock, Unix milliseconds.
    pub erased_at_ms: Option<u64>,
    /// Who said so, as the directory names them.
    pub by: String,
    /// Their institution, where its own log confirms them.
    pub institution: Option<String>,
    /// The code of the reason, where this device could open it.
    pub reason: Option<String>,
    /// Sections that were erased, as far as this device knew them.
    pub sections: usize,
    /// When this device destroyed what it held, by its own clock, Unix milliseconds.
    pub here_at_ms: u64,
    /// Devices of those who could read it, with what they said. Those that have not confirmed come first.
    pub devices: Vec<DeviceWord>,
    /// Edits of one's own that were not delivered: they are kept until one puts them away.
    pub own_edits: usize,
}

impl ErasedCase {
    /// Devices that have said that their copy is gone.
    #[must_use]
    pub fn confirmed(&self) -> usize {
        let said = self.devices.iter().filter(|one| one.confirmed());
        said.count()
    }
}

/// A device of somebody who could read a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceWord {
    /// Its short fingerprint.
    pub device: String,
    /// Whose it is.
    pub person: String,
    /// Their institution, where its own log confirms them.
    pub institution: Option<String>,
    /// When the relay had taken in something of it last, before the erasure, as far as this device knows,
    /// Unix milliseconds.
    pub heard_at_ms: Option<u64>,
    /// When the relay took in its signed word that its copy is gone, Unix milliseconds.
    pub confirmed_at_ms: Option<u64>,
    /// Sections in which it has not said so.
    pub missing: usize,
    /// Whether it is this one.
    pub this: bool,
}

impl DeviceWord {
    /// Whether it has said so of every section.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.missing == 0
    }
}

impl Nahtlos {
    /// Cases that were erased, newest first.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn erased_cases(&self) -> Result<Vec<ErasedCase>, ClientError> {
        let mut cases: BTreeMap<Option<String>, Vec<(SpaceId, ErasedRecord)>> = BTreeMap::new();
        for (space, record) in self.erased_sections()? {
            let case = record.case.as_ref().map(hex);
            cases.entry(case).or_default().push((space, record));
        }
        let aside = self.set_aside_edits()?;
        let mut told = Vec::new();
        for (id, sections) in cases {
            told.extend(self.erased_case(id, &sections, &aside)?);
        }
        told.sort_by_key(|case| std::cmp::Reverse(case.here_at_ms));
        Ok(told)
    }

    /// An erased case by the beginning of its id.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn find_erased_case(&self, input: &str) -> Result<ErasedCase, ClientError> {
        let wanted = input.trim().to_lowercase();
        let mut found = self.erased_cases()?;
        found.retain(|case| {
            let id = case.id.as_deref().unwrap_or_default();
            wanted.len() >= ID_BEGINNING_MIN && id.starts_with(&wanted)
        });
        if found.len() > 1 {
            return Err(ClientError::Ambiguous {
                what: "erased cases",
                input: input.to_owned(),
                matches: found.into_iter().filter_map(|case| case.id).collect(),
            });
        }
        found.pop().ok_or_else(|| ClientError::NotFound {
            what: "case",
            input: input.to_owned(),
        })
    }

    fn erased_case(
        &self,
        id: Option<String>,
        sections: &[(SpaceId, ErasedRecord)],
        aside: &[HeldLine],
    ) -> Result<Option<ErasedCase>, ClientError> {
        let Some((space, first)) = sections.iter().min_by_key(|(_, one)| one.erased_at_ms) else {
            return Ok(None);
        };
        let word = self.fact(&first.by)?;
        let author = word.map(|word| word.author);
        let (by, institution) = self.person_in_words(author, space);
        let receipts = self.receipts();
        let erased_at_ms = receipts
            .receipt(&first.by.into())
            .map(|receipt| receipt.accepted_at_ms);
        let known: BTreeSet<String> = sections
            .iter()
            .map(|(space, _)| space.to_string())
            .collect();
        let own = aside.iter().filter(|line| {
            line.reason == CASE_ERASED && line.space.as_ref().is_some_and(|one| known.contains(one))
        });
        Ok(Some(ErasedCase {
            id,
            erased_at_ms,
            by,
            institution,
            reason: first.reason.clone(),
            sections: sections.len(),
            here_at_ms: first.erased_at_ms,
            devices: self.words_of_devices(sections)?,
            own_edits: own.map(|line| line.edits.len()).sum(),
        }))
    }

    /// What every participant's device has said of the sections that it could read.
    fn words_of_devices(
        &self,
        sections: &[(SpaceId, ErasedRecord)],
    ) -> Result<Vec<DeviceWord>, ClientError> {
        let receipts = self.receipts();
        let mut words: BTreeMap<DeviceId, DeviceWord> = BTreeMap::new();
        for (space, record) in sections {
            let mut said: BTreeMap<DeviceId, Option<u64>> = BTreeMap::new();
            for (id, fact) in self.facts(space)? {
                if fact.kind == EnvelopeKind::Erasure {
                    let receipt = receipts.receipt(&id.into());
                    said.insert(fact.author, receipt.map(|receipt| receipt.accepted_at_ms));
                }
            }
            let heard = record.heard.iter().map(|one| (one.device, one.at_ms));
            for (device, heard_at_ms) in heard {
                let word = match words.remove(&device) {
                    Some(known) => known,
                    None => self.device_word(&device, space, heard_at_ms),
                };
                let confirmed = said.get(&device);
                words.insert(
                    device,
                    DeviceWord {
                        heard_at_ms: word.heard_at_ms.max(heard_at_ms),
                        confirmed_at_ms: word.confirmed_at_ms.max(confirmed.copied().flatten()),
                        missing: word.missing + usize::from(confirmed.is_none()),
                        ..word
                    },
                );
            }
        }
        let mut words: Vec<DeviceWord> = words.into_values().collect();
        words.sort_by(|left, right| {
            (
                left.confirmed(),
                &left.institution,
                &left.person,
                &left.device,
            )
                .cmp(&(
                    right.confirmed(),
                    &right.institution,
                    &right.person,
                    &right.device,
                ))
        });
        Ok(words)
    }

    /// Devices of those who can read a section now.
    pub(crate) fn participants(&self, state: &SpaceState) -> Result<Vec<DeviceWord>, ClientError> {
        let mut words = Vec::new();
        for (device, key) in self.devices_that_read(state) {
            let heard = match key {
                Some(key) => self.device_heard(&device, &key)?,
                None => None,
            };
            words.push(DeviceWord {
                missing: 1,
                ..self.device_word(&device, &state.id(), heard)
            });
        }
        Ok(words)
    }

    /// Devices behind the grants of a section that stand and hold keys, with their signing keys.
    pub(crate) fn devices_that_read(
        &self,
        state: &SpaceState,
    ) -> BTreeMap<DeviceId, Option<VerifyingKey>> {
        let logs = self.logs();
        let grants = state.live_grants();
        let devices: BTreeSet<DeviceId> = grants
            .filter(|grant| grant.is_confirmed() && grant.role.holds_keys())
            .flat_map(|grant| devices_beneath(&logs, grant.member))
            .collect();
        let key = |device: &DeviceId| {
            let (person, _) = self.person_of_device(device, &state.id())?;
            let known = logs.state(&person)?.devices().get(device).cloned()?;
            Some(known.verifying)
        };
        devices
            .into_iter()
            .map(|device| (device, key(&device)))
            .collect()
    }

    fn device_word(
        &self,
        device: &DeviceId,
        space: &SpaceId,
        heard_at_ms: Option<u64>,
    ) -> DeviceWord {
        let (person, institution) = self.person_in_words(Some(*device), space);
        DeviceWord {
            device: Fingerprint::of(&device.0).to_string(),
            person,
            institution,
            heard_at_ms,
            confirmed_at_ms: None,
            missing: 0,
            this: *device == self.device_id,
        }
    }

    fn person_in_words(
        &self,
        device: Option<DeviceId>,
        space: &SpaceId,
    ) -> (String, Option<String>) {
        let directory = self.shared_directory().unwrap_or_default();
        let person = device.and_then(|device| self.person_of_device(&device, space));
        match person {
            Some((person, institution)) => (
                directory.person_name(&person),
                institution.map(|one| directory.institution_name(&one)),
            ),
            None => ("somebody who managed it".to_owned(), None),
        }
    }

    /// What a person is told when a case is erased by somebody's word; `kept` copies of sections that were lost
    /// before are here still.
    pub(crate) fn tell_erased(
        &self,
        space: &SpaceId,
        record: &ErasedRecord,
        kept: usize,
    ) -> Result<String, ClientError> {
        let author = self.fact(&record.by)?.map(|word| word.author);
        if author == Some(self.device_id) {
            return Ok("a case is erased: this device and the relay hold nothing of it any more; who has confirmed \
                       it stands in `nahtlos case list --erased`"
                .into());
        }
        let (by, institution) = self.person_in_words(author, space);
        let institution = institution.map_or_else(String::new, |name| format!(" ({name})"));
        let but = match kept {
            0 => String::new(),
            _ => format!(
                ", but for {kept} of the sections that it had lost before: something typed there waits to be sent. \
                 `nahtlos sync`, then `nahtlos section erase`"
            ),
        };
        Ok(format!(
            "{by}{institution} erased a case, and this device destroyed what it held of it{but}: `nahtlos case list --erased`"
        ))
    }
}
