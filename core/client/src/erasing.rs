//! Erasing one's copy of a section that is not shared any more, and saying so.
//!
//! Nobody can take back what was read. But whoever lost access can erase what their device holds, and
//! sign that they did: an envelope of kind `Erasure`, which everybody who reads the section receives.
//! Until it arrives managers see "not confirmed". One's own edits that are held stay as they were typed:
//! they are no copy of what others wrote.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::envelope::snapshot::ErasurePayload;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, RecipientId, SpaceId};
use nahtlos_protocol::space::state::{End, EndReason, Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, authority};
use serde::Serialize;

use crate::apply::put_document;
use crate::cases::{Case, hex};
use crate::clones::put_sent;
use crate::counting::{Tally, put_tally};
use crate::directory::Directory;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::keys::all_epochs;
use crate::nahtlos::Nahtlos;
use crate::outbox::{ENVELOPES, keep_as_typed};
use crate::records::{self, DocumentRecord, SealedRecord};
use crate::vault::{Collection, Transaction};
use nahtlos_casework::SectionKind;

/// Group in `Collection::Setting`: spaces whose copy was erased here; key = `e` ‖ space.
const ERASED: &[u8] = b"erased";

/// A section this device holds a copy of and may not read any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostSection {
    /// Hexadecimal case id.
    pub case: String,
    /// Section code.
    pub section: String,
    /// Hexadecimal space id.
    pub space: String,
    /// How the access ended, as far as this device knows.
    pub ended: Option<EndedAccess>,
    /// Whether its copy was erased here.
    pub erased: bool,
    /// Whether the relay has taken in that it was.
    pub confirmed: bool,
}

/// The end of somebody's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndedAccess {
    /// Stable word: `removed`, `expired`, `refused` or `healed`; of this device's own also `device_revoked`,
    /// where its right ended, and `member_removed`, where its person is a member of nothing any more.
    pub how: &'static str,
    /// Stable word of the coded reason, where one was given.
    pub reason: Option<&'static str>,
    /// Who ended it, as the directory names them.
    pub by: String,
    /// When, by that person's clock, Unix milliseconds.
    pub ended_at_ms: u64,
}

/// A member who lost a section, and whether their devices said that they erased it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FormerMember {
    /// Section code.
    pub section: String,
    /// Team or person.
    pub member: String,
    /// How the access ended.
    pub ended: EndedAccess,
    /// Devices that could read and cannot any more.
    pub devices: u64,
    /// Those of them that signed that they erased their copy.
    pub erased: u64,
    /// When the relay took in the last of these, Unix milliseconds.
    pub erased_at_ms: Option<u64>,
}

/// A device's signed word that it erased its copy.
struct Erased {
    device: DeviceId,
    /// Index of the last operation of the space that it knew.
    known: u64,
    /// By the relay's clock, Unix milliseconds.
    accepted_at_ms: Option<u64>,
}

impl Nahtlos {
    /// Sections of which this device holds or held a copy and which it may not read any more.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn lost_sections(&self) -> Result<Vec<LostSection>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut lost = Vec::new();
        for (space, case, section) in self.labelled_sections()? {
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            let erased = self.erased_mark(&space)?;
            let reads = self.reads(&space);
            let holds = !self.document_record(&space)?.published.is_empty();
            // Shared again and lost again since it was erased: there is a copy again.
            let erased = erased.filter(|_| !holds);
            if reads || (!holds && erased.is_none()) {
                continue;
            }
            lost.push(LostSection {
                case,
                section,
                space: space.to_string(),
                ended: self.own_end(&state, &directory),
                erased: erased.is_some(),
                confirmed: erased == Some(true),
            });
        }
        Ok(lost)
    }

    /// Whether this device has a right in the space now.
    pub(crate) fn reads(&self, space: &SpaceId) -> bool {
        let right = authority::right(&self.logs(), &self.device_id, space);
        right.role.is_some()
    }

    /// Erases this device's copy of a section it may not read any more: the document, what others
    /// wrote, and the keys. The signed word about it goes out with the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where there is no such copy; [`ClientError::NoRight`] where the
    /// section can still be read, or something typed there has not been delivered yet.
    pub fn erase_lost(&mut self, space: &str) -> Result<LostSection, ClientError> {
        self.require_not_restored()?;
        let lost = self.lost_sections()?;
        let mut matching = lost
            .into_iter()
            .filter(|one| one.space == space && !one.erased);
        let mut section = matching.next().ok_or_else(|| ClientError::NotFound {
            what: "copy to erase",
            input: space.to_owned(),
        })?;
        let (id, state) = self.space_of_hex(space)?;
        if !self.pending_edits(&id)?.is_empty() {
            return Err(ClientError::NoRight {
                action: "erase the copy",
                reason: "something typed there waits to be sent: sync first".into(),
            });
        }
        let envelope = self.seal_erasure(&state)?;
        let mut own = self.facts(&id)?;
        own.retain(|(_, fact)| fact.author == self.device_id);
        // One's own number stays: an edit after the section was shared again must not repeat it.
        let emptied = DocumentRecord {
            own_sequence: self.document_record(&id)?.own_sequence,
            version: self.document_record(&id)?.version,
            ..DocumentRecord::default()
        };
        let counted_anew = Tally {
            recount: true,
            ..Tally::default()
        };
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        let envelopes = self.vault.list(Collection::Envelope, &id.0)?;
        self.commit(|transaction| {
            keep_as_typed(transaction, &id)?;
            for (key, _) in &envelopes {
                transaction.delete(Collection::Envelope, key)?;
                transaction.delete(Collection::Counting, key)?;
                transaction.delete(Collection::Held, key)?;
            }
            // Shared again, all of it comes back: one's own is no sign of another copy of this home.
            for (id, _) in &own {
                put_sent(transaction, &(*id).into())?;
            }
            erase_keys(transaction, &state)?;
            put_document(transaction, &id, &emptied)?;
            put_tally(transaction, &id, &counted_anew)?;
            transaction.put(Collection::Setting, ERASED, &mark_key(&id), 0, b"")?;
            if let Some(envelope) = &envelope {
                put_sent(transaction, &envelope.id().into())?;
                let record = SealedRecord::Envelope {
                    bytes: envelope.bytes().to_vec(),
                    edits: Vec::new(),
                };
                let value = records::encode(&record);
                transaction.put(Collection::Sealed, ENVELOPES, &envelope.id().0, now, &value)?;
            }
            Ok(())
        })?;
        for epoch in all_epochs(&state) {
            self.seeds.forget(&epoch.key_id);
        }
        self.documents.clear();
        self.refresh_after_sync(&BTreeSet::from([id]))?;
        section.erased = true;
        Ok(section)
    }

    /// The relay has taken in that this device erased its copy.
    pub(crate) fn erasure_delivered(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        if self.keep_own_word(envelope)? {
            return Ok(());
        }
        let space = envelope.header().space;
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            transaction.put(
                Collection::Setting,
                ERASED,
                &mark_key(&space),
                0,
                b"confirmed",
            )?;
            Ok(())
        })
    }

    /// The section is shared again and the word was never taken in.
    pub(crate) fn erasure_given_up(&mut self, envelope: &Envelope) -> Result<(), ClientError> {
        let space = envelope.header().space;
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            transaction.delete(Collection::Setting, &mark_key(&space))?;
            Ok(())
        })
    }

    /// Members who lost a section of a case, and what their devices said about their copies.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn former_members(&self, case: &Case) -> Result<Vec<FormerMember>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut former = Vec::new();
        for (kind, space) in &case.sections {
            let Some(state) = self.logs().load(space)? else {
                continue;
            };
            let erased = self.erasures(space)?;
            let mut last: BTreeMap<MemberId, &Grant> = BTreeMap::new();
            for grant in state.grants().iter().filter(|grant| grant.ended.is_some()) {
                last.insert(grant.member, grant);
            }
            for (member, grant) in last {
                former.extend(self.former_member(&state, kind, member, grant, &erased, &directory));
            }
        }
        Ok(former)
    }

    fn former_member(
        &self,
        state: &SpaceState,
        kind: &SectionKind,
        member: MemberId,
        grant: &Grant,
        erased: &[Erased],
        directory: &Directory,
    ) -> Option<FormerMember> {
        let stands = state.live_grants().any(|live| live.member == member);
        let end = grant.ended.filter(|_| !stands && grant.role.holds_keys())?;
        let logs = self.logs();
        let reads = |device: &DeviceId| authority::right(&logs, device, &state.id()).role.is_some();
        let mut devices = devices_beneath(&logs, member);
        devices.retain(|device| !reads(device));
        // Shared again and lost again: what was said of the first copy says nothing of the second.
        let of_this_end = |one: &&Erased| devices.contains(&one.device) && one.known >= end.at;
        let said: BTreeMap<DeviceId, Option<u64>> = erased
            .iter()
            .filter(of_this_end)
            .map(|one| (one.device, one.accepted_at_ms))
            .collect();
        Some(FormerMember {
            section: kind.code(),
            member: match member {
                MemberId::Space(space) => directory.name(&space),
                MemberId::Device(device) => device.to_string(),
            },
            ended: self.end_in_words(&end, state, directory),
            devices: devices.len() as u64,
            erased: said.len() as u64,
            erased_at_ms: said.into_values().flatten().max(),
        })
    }

    /// What devices signed about their copies of a space.
    fn erasures(&self, space: &SpaceId) -> Result<Vec<Erased>, ClientError> {
        let receipts = self.receipts();
        let facts = self.facts(space)?.into_iter();
        Ok(facts
            .filter(|(_, fact)| fact.kind == EnvelopeKind::Erasure)
            .filter_map(|(id, fact)| {
                let receipt = receipts.receipt(&id.into());
                let mut heads = fact.access_heads.iter();
                Some(Erased {
                    device: fact.author,
                    known: heads.find(|head| head.space == *space)?.index,
                    accepted_at_ms: receipt.map(|receipt| receipt.accepted_at_ms),
                })
            })
            .collect())
    }

    /// Sealed under the last epoch this device holds; none where it never opened one.
    fn seal_erasure(&self, state: &SpaceState) -> Result<Option<Envelope>, ClientError> {
        let Some((header, seed)) = self.erasure_header(state)? else {
            return Ok(None);
        };
        let payload = ErasurePayload::default();
        Envelope::seal_erasure(&header, &payload, &seed, &self.keys.signing)
            .map(Some)
            .map_err(|error| ClientError::Document {
                reason: error.to_string(),
            })
    }

    /// Sections whose label is known here: space, case in hexadecimal, section code.
    fn labelled_sections(&self) -> Result<Vec<(SpaceId, String, String)>, ClientError> {
        let mut sections = Vec::new();
        for (key, bytes) in self.vault.list_all(Collection::Label)? {
            if let (Some(space), Ok(label)) = (
                SpaceId::from_slice(&key),
                records::decode::<records::LabelRecord>(&bytes),
            ) {
                sections.push((space, hex(&label.case()), label.kind));
            }
        }
        Ok(sections)
    }

    pub(crate) fn is_erased(&self, space: &SpaceId) -> Result<bool, ClientError> {
        Ok(self.erased_mark(space)?.is_some())
    }

    fn erased_mark(&self, space: &SpaceId) -> Result<Option<bool>, ClientError> {
        let mark = self.vault.get(Collection::Setting, &mark_key(space))?;
        Ok(mark.map(|bytes| !bytes.is_empty()))
    }

    /// How this device's person or team lost the space: the end that the log tells last.
    fn own_end(&self, state: &SpaceState, directory: &Directory) -> Option<EndedAccess> {
        let logs = self.logs();
        let mine = |grant: &&Grant| devices_beneath(&logs, grant.member).contains(&self.device_id);
        let ends = state
            .grants()
            .iter()
            .filter(mine)
            .filter_map(|grant| grant.ended);
        match ends.max_by_key(|end| end.at) {
            Some(last) => Some(self.end_in_words(&last, state, directory)),
            None => self.end_of_this_device(),
        }
    }

    /// No grant of the section ended: this device did, or its person's membership.
    fn end_of_this_device(&self) -> Option<EndedAccess> {
        let somebody = || "an administrator".to_owned();
        if let Some(revoked) = self.own_revocation().ok().flatten() {
            return Some(EndedAccess {
                how: "device_revoked",
                reason: revoked.reason,
                ended_at_ms: revoked.at_ms(),
                by: revoked.by.unwrap_or_else(somebody),
            });
        }
        let removed = self.own_removal().ok().flatten()?;
        Some(EndedAccess {
            how: "member_removed",
            reason: removed.reason,
            ended_at_ms: removed.at_ms,
            by: removed.by.unwrap_or_else(somebody),
        })
    }

    pub(crate) fn end_in_words(
        &self,
        end: &End,
        state: &SpaceState,
        directory: &Directory,
    ) -> EndedAccess {
        let person = self.person_of_device(&end.by, &state.id());
        let (how, reason) = match end.reason {
            EndReason::Removed(code) => ("removed", Reason::from_code(code)),
            EndReason::Expired => ("expired", None),
            EndReason::Voided => ("refused", None),
            EndReason::Healed => ("healed", None),
        };
        EndedAccess {
            how,
            reason: reason
                .filter(|reason| *reason != Reason::Unstated)
                .map(Reason::word),
            by: person.map_or_else(
                || "an administrator".to_owned(),
                |(person, _)| directory.person_name(&person),
            ),
            ended_at_ms: end.claimed_at_ms,
        }
    }

    fn space_of_hex(&self, text: &str) -> Result<(SpaceId, SpaceState), ClientError> {
        let missing = || ClientError::NotFound {
            what: "copy to erase",
            input: text.to_owned(),
        };
        let sections = self.labelled_sections()?;
        let found = sections
            .into_iter()
            .find(|(space, ..)| space.to_string() == text);
        let (space, ..) = found.ok_or_else(missing)?;
        let state = self.logs().load(&space)?.ok_or_else(missing)?;
        Ok((space, (*state).clone()))
    }
}

fn mark_key(space: &SpaceId) -> Vec<u8> {
    [b"e".as_slice(), &space.0].concat()
}

/// Forgets every key of a space, as received and as opened.
pub(crate) fn erase_keys(
    transaction: &Transaction<'_>,
    state: &SpaceState,
) -> Result<(), ClientError> {
    for epoch in all_epochs(state) {
        transaction.delete_group(Collection::Wrap, &epoch.key_id.0)?;
        transaction.delete(Collection::EpochSeed, &epoch.key_id.0)?;
    }
    Ok(())
}

/// Devices a member is or leads to, by the logs known here, former ones included.
pub(crate) fn devices_beneath(logs: &dyn Logs, member: MemberId) -> BTreeSet<DeviceId> {
    let mut devices = BTreeSet::new();
    let mut seen: BTreeSet<RecipientId> = BTreeSet::new();
    let mut waiting = vec![member];
    while let Some(member) = waiting.pop() {
        if !seen.insert(member.recipient()) {
            continue;
        }
        match member {
            MemberId::Device(device) => {
                devices.insert(device);
            }
            MemberId::Space(space) => {
                let below = logs.state(&space);
                waiting.extend(below.iter().flat_map(|below| {
                    below
                        .live_grants()
                        .map(|grant| grant.member)
                        .collect::<Vec<_>>()
                }));
            }
        }
    }
    devices
}
