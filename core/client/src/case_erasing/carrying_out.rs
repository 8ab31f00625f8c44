//! Destroying what this device holds of a section that is erased, and saying so.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::envelope::snapshot::ErasurePayload;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, Nonce, SpaceId};
use nahtlos_protocol::space::SpaceState;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Kind;
use rand_core::Rng;

use super::{CASE_ERASED, ERASED_SECTIONS, ErasedRecord, HeardDevice, record_key};
use crate::apply::put_document;
use crate::bundle::forget_carried;
use crate::cases::hex;
use crate::clones::put_sent;
use crate::counting::{Fact, Tally, put_tally};
use crate::drafts::forget_drafts;
use crate::erasing::erase_keys;
use crate::error::ClientError;
use crate::ingest::NOT_LOOKED_AT;
use crate::intents::returned::put_returned;
use crate::keys::all_epochs;
use crate::nahtlos::Nahtlos;
use crate::outbox::{ENVELOPES, held_aside_key, keep_as_typed, put_arrived};
use crate::random;
use crate::reading::forget_readings;
use crate::rebuilding::put_adoptions;
use crate::records::{
    self, DocumentRecord, HeldItem, HeldRecord, Intent, IntentRecord, ReturnedRecord, SealedRecord,
};
use crate::searching::forget_search_text;
use crate::snapshots::delete_to_examine;
use crate::vault::{Collection, Transaction};
use crate::waiting::put_waiting_space;

/// What one section leaves behind.
struct Remains {
    space: SpaceId,
    record: ErasedRecord,
    /// This device's own word that its copy is gone; none where it is the word that erases.
    said: Option<Envelope>,
}

impl Nahtlos {
    /// Destroys what is held here of those of these sections that somebody who manages them erased. Returns
    /// what a person is told.
    pub(crate) fn carry_out_erasures(
        &mut self,
        spaces: &BTreeSet<SpaceId>,
    ) -> Result<Vec<String>, ClientError> {
        // With the last of its sections goes what lists show of a case: wherever this program ends.
        self.all_or_nothing(|nahtlos| nahtlos.carry_out_together(spaces))
    }

    fn carry_out_together(
        &mut self,
        spaces: &BTreeSet<SpaceId>,
    ) -> Result<Vec<String>, ClientError> {
        let mut cases: BTreeMap<Option<Nonce>, (SpaceId, ErasedRecord)> = BTreeMap::new();
        for space in spaces {
            let Some(state) = self.logs().load(space)? else {
                continue;
            };
            let may_be = state.kind() == Kind::Section && state.closed_at().is_some();
            if !may_be || self.is_section_erased(space)? {
                continue;
            }
            if let Some((id, fact)) = self.word_that_erases(&state)? {
                let record = self.destroy(&state, &id, &fact)?;
                cases.entry(record.case).or_insert((*space, record));
            }
        }
        let mut told = Vec::new();
        for (case, (space, record)) in cases {
            let mut kept = 0;
            if let Some(case) = case {
                kept = self.erase_copies_lost_before(&case)?;
                self.forget_case(&case)?;
            }
            told.push(self.tell_erased(&space, &record, kept)?);
        }
        Ok(told)
    }

    /// Who lost a section of the case before it was erased hears no word about that one, and holds a copy: it
    /// goes with the rest, as [`Self::erase_lost`] erases it. Gives how many stay, since something that was
    /// typed there waits to be sent.
    fn erase_copies_lost_before(&mut self, case: &Nonce) -> Result<usize, ClientError> {
        let case = hex(case);
        let mut copies = self.lost_sections()?;
        copies.retain(|copy| copy.case == case && !copy.erased);
        let mut kept = 0;
        for copy in copies {
            let Some(space) = SpaceId::from_hex(&copy.space) else {
                continue;
            };
            match self.erase_lost(&copy.space) {
                Ok(_) => {
                    self.commit(|transaction| {
                        forget_search_text(transaction, &space)?;
                        forget_carried(transaction, &space)?;
                        transaction.delete(Collection::Label, &space.0)?;
                        Ok(())
                    })?;
                }
                // A restored home is read and never acts; what was typed is never destroyed unasked.
                Err(ClientError::NoRight { .. } | ClientError::Restored) => kept += 1,
                Err(other) => return Err(other),
            }
        }
        Ok(kept)
    }

    /// The relay refused for good that a section is erased: the decision goes back to the person.
    pub(crate) fn erasure_refused(
        &mut self,
        space: &SpaceId,
        reason: &str,
    ) -> Result<(), ClientError> {
        let mut records = self.waiting_intents()?;
        records.retain(
            |record| matches!(record.intent, Intent::Erase { space: about, .. } if about == *space),
        );
        self.commit(|transaction| {
            for record in records {
                let reason = reason.to_owned();
                put_returned(transaction, &ReturnedRecord { record, reason })?;
            }
            Ok(())
        })
    }

    /// The relay has taken in this device's word about a section. What others are told of it is kept here, too.
    pub(crate) fn keep_own_word(&mut self, envelope: &Envelope) -> Result<bool, ClientError> {
        let space = envelope.header().space;
        let Some(state) = self.logs().load(&space)? else {
            return Ok(false);
        };
        let mut known = crate::counting::KnowledgeCache::default();
        let erases = self.erases(&state, &envelope.id(), &Fact::of(envelope), &mut known);
        if !erases && !self.is_section_erased(&space)? {
            return Ok(false);
        }
        let position = i64::try_from(self.sync_record()?.arrivals).unwrap_or(i64::MAX);
        self.commit(|transaction| {
            transaction.delete(Collection::Sealed, &envelope.id().0)?;
            put_arrived(transaction, envelope, position, NOT_LOOKED_AT)
        })?;
        Ok(true)
    }

    fn destroy(
        &mut self,
        state: &SpaceState,
        by: &EnvelopeId,
        word: &Fact,
    ) -> Result<ErasedRecord, ClientError> {
        let space = state.id();
        let remains = self.remains(state, by, word)?;
        let pending = self.pending_edits(&space)?;
        let mut words = BTreeSet::new();
        for (key, bytes) in self.vault.list(Collection::Envelope, &space.0)? {
            let envelope = Envelope::decode(&bytes).ok();
            let kind = envelope.map(|envelope| envelope.header().kind);
            words.extend((kind == Some(EnvelopeKind::Erasure)).then_some(key));
        }
        let emptied = DocumentRecord {
            own_sequence: self.document_record(&space)?.own_sequence,
            version: self.document_record(&space)?.version,
            ..DocumentRecord::default()
        };
        let intents = self.decisions_about(&space)?;
        let sealed = self.sealed_in(&space)?;
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        let aside = HeldRecord {
            reason: CASE_ERASED.into(),
            detail: String::new(),
            item: HeldItem::Edits {
                edits: pending.clone(),
            },
        };
        self.commit(|transaction| {
            if !pending.is_empty() {
                let key = held_aside_key(&space, &unused_id());
                let value = records::encode(&aside);
                transaction.put(
                    Collection::Held,
                    crate::outbox::SET_ASIDE,
                    &key,
                    now,
                    &value,
                )?;
            }
            for edit in &pending {
                transaction.delete(Collection::Outbox, &edit.id.0)?;
            }
            transaction.delete(Collection::Setting, &space.0)?;
            put_adoptions(transaction, &space, &[])?;
            keep_as_typed(transaction, &space)?;
            for key in sealed.iter().chain(&intents) {
                transaction.delete(Collection::Sealed, key)?;
                transaction.delete(Collection::Intent, key)?;
            }
            destroy_envelopes(transaction, &space, &words)?;
            erase_keys(transaction, state)?;
            put_document(transaction, &space, &emptied)?;
            put_tally(transaction, &space, &Tally::default())?;
            delete_to_examine(transaction, &space)?;
            put_waiting_space(transaction, &space, false)?;
            forget_search_text(transaction, &space)?;
            forget_carried(transaction, &space)?;
            transaction.delete(Collection::Label, &space.0)?;
            put_remains(transaction, &remains, now)
        })?;
        for epoch in all_epochs(state) {
            self.seeds.forget(&epoch.key_id);
        }
        self.documents.clear();
        Ok(remains.record)
    }

    /// What is kept, made while the keys are still here.
    fn remains(
        &self,
        state: &SpaceState,
        by: &EnvelopeId,
        word: &Fact,
    ) -> Result<Remains, ClientError> {
        let space = state.id();
        let opened = self.stored_envelope(by)?.and_then(|envelope| {
            let seed = self.key_ring().open(&space, &word.key_id).ok()?;
            envelope.open_erasure(&seed).ok()
        });
        let mut heard = Vec::new();
        for (device, key) in self.devices_that_read(state) {
            let at_ms = match key {
                Some(key) => self.device_heard(&device, &key)?,
                None => None,
            };
            heard.push(HeardDevice { device, at_ms });
        }
        let said = match self.erasure_header(state)? {
            Some((header, seed)) if word.author != self.device_id && self.is_beneath(state) => {
                let payload = ErasurePayload::default();
                let sealed = Envelope::seal_erasure(&header, &payload, &seed, &self.keys.signing);
                Some(sealed.map_err(|error| ClientError::Document {
                    reason: error.to_string(),
                })?)
            }
            _ => None,
        };
        Ok(Remains {
            space,
            record: ErasedRecord {
                version: 1,
                case: self.label(&space).ok().map(|label| label.case()),
                by: *by,
                reason: opened.and_then(|payload| payload.reason),
                erased_at_ms: self.now_ms(),
                heard,
            },
            said,
        })
    }

    fn is_beneath(&self, state: &SpaceState) -> bool {
        authority::person_of(&self.logs(), &self.device_id, state).is_some()
    }

    /// Keys of all that was decided about a section: nothing is left of what it was about.
    fn decisions_about(&self, space: &SpaceId) -> Result<Vec<Vec<u8>>, ClientError> {
        let of_space = |record: &IntentRecord| record.intent.space() == Some(*space);
        let waiting = self.waiting_intents()?.into_iter();
        let returned = self.returned_decisions()?.into_iter();
        let all = waiting.chain(returned.map(|returned| returned.record));
        Ok(all
            .filter(of_space)
            .map(|record| record.id.0.to_vec())
            .collect())
    }

    /// Keys of sealed edits of a section that no relay has answered. What is in them is pending still.
    fn sealed_in(&self, space: &SpaceId) -> Result<Vec<Vec<u8>>, ClientError> {
        let mut sealed = Vec::new();
        for (key, bytes) in self.vault.list(Collection::Sealed, ENVELOPES)? {
            if let SealedRecord::Envelope { bytes, .. } = records::decode(&bytes)?
                && let Ok(envelope) = Envelope::decode(&bytes)
                && envelope.header().space == *space
            {
                sealed.push(key);
            }
        }
        Ok(sealed)
    }

    /// What is kept of a case beside its sections: its line in lists, and what was read of it here.
    fn forget_case(&mut self, case: &Nonce) -> Result<(), ClientError> {
        if self.case(&hex(case)).is_ok() {
            // Something is left that others manage.
            self.commit(|transaction| {
                transaction.delete(Collection::Summary, &case.0)?;
                Ok(())
            })?;
            return self.refresh_summary(case, &BTreeSet::new());
        }
        self.commit(|transaction| {
            transaction.delete(Collection::Summary, &case.0)?;
            forget_drafts(transaction, case)?;
            forget_readings(transaction, case)
        })
    }
}

fn destroy_envelopes(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    words: &BTreeSet<Vec<u8>>,
) -> Result<(), ClientError> {
    for collection in [Collection::Envelope, Collection::Held] {
        for (key, _) in transaction.list(collection, &space.0)? {
            if words.contains(&key) {
                continue;
            }
            transaction.delete(collection, &key)?;
            transaction.delete(Collection::Counting, &key)?;
            transaction.delete(Collection::Receipt, &key)?;
        }
    }
    Ok(())
}

fn put_remains(
    transaction: &Transaction<'_>,
    remains: &Remains,
    now: i64,
) -> Result<(), ClientError> {
    let (key, value) = (record_key(&remains.space), records::encode(&remains.record));
    transaction.put(Collection::Setting, ERASED_SECTIONS, &key, now, &value)?;
    let Some(said) = &remains.said else {
        return Ok(());
    };
    put_sent(transaction, &said.id().into())?;
    let record = SealedRecord::Envelope {
        bytes: said.bytes().to_vec(),
        edits: Vec::new(),
    };
    let value = records::encode(&record);
    transaction.put(Collection::Sealed, ENVELOPES, &said.id().0, now, &value)?;
    Ok(())
}

/// A name for edits that were in no envelope yet, in the place where those of held envelopes have theirs.
fn unused_id() -> EnvelopeId {
    let mut bytes = [0; 32];
    random::system().fill_bytes(&mut bytes);
    EnvelopeId(bytes)
}
