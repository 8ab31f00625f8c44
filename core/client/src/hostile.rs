//! What a modified client could do, for tests only: the honest facade never does it.

use nahtlos_document::{Actor, Document, Editor, EncodedChange, Path, SnapshotLimits, WriteError};
use nahtlos_protocol::counting::Verdict;
use nahtlos_protocol::envelope::sealed::Change;
use nahtlos_protocol::envelope::snapshot::{
    DocumentHead, ErasurePayload, SnapshotPayload, StatementPayload,
};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Payload};
use nahtlos_protocol::identifier::{EnvelopeId, KeyId, Nonce, SpaceId};
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::{Draft, Effect, LogHead};
use nahtlos_protocol::wire::claim::InvitationText;
use rand_core::Rng;

use crate::cases::Case;
use crate::counting::KnowledgeCache;
use crate::directory::DirectoryEdit;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::ingest::UNSETTLED;
use crate::nahtlos::{Nahtlos, put_device};
use crate::outbox::ENVELOPES;
use crate::random;
use crate::records::{self, DeviceRecord, Intent, InvitationRecord, LabelRecord};
use crate::vault::Collection;

impl Nahtlos {
    /// Founds a section of one's own that claims to be the `kind` section of somebody else's case,
    /// and shares it with `member`.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_section(
        &mut self,
        case: &Case,
        kind: &str,
        member: &SpaceId,
    ) -> Result<SpaceId, ClientError> {
        let Some(known) = case.sections.values().next() else {
            return Err(ClientError::NotEnrolled);
        };
        let label = LabelRecord {
            kind: kind.to_owned(),
            ..self.label(known)?
        };
        self.hostile_section_saying(Some(records::encode(&label)), member)
    }

    /// Founds a section that says this of itself, whatever it is, or nothing, and shares it with `member`.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_section_saying(
        &mut self,
        label: Option<Vec<u8>>,
        member: &SpaceId,
    ) -> Result<SpaceId, ClientError> {
        let section = self.found_section_saying(label)?;
        let space = section.state.id();
        self.store_own(&[section], |_| Ok(()))?;
        let intent = Intent::Grant {
            space,
            grant: random::grant_id(),
            member: *member,
            role: Role::Write,
            basis: "none".into(),
            not_after_ms: None,
            history: History::Full,
        };
        self.decide(intent, &space)?;
        Ok(space)
    }

    /// Makes this program one that does not know a kind of section yet, or knows it again (`None`): what it
    /// was like before it was updated.
    pub fn unlearn_section(&mut self, code: Option<&str>) {
        self.unlearned_code = code.map(str::to_owned);
    }

    /// Founds many sections of a case that stay empty: what only their number costs can be measured
    /// within minutes.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn found_empty_sections(&mut self, case: &Case, count: usize) -> Result<(), ClientError> {
        let Some(known) = case.sections.values().next() else {
            return Err(ClientError::NotEnrolled);
        };
        let label = self.label(known)?;
        let mut founded = Vec::new();
        for _ in 0..count {
            founded.push(self.found_section(&label)?);
        }
        self.store_own(&founded, |_| Ok(()))
    }

    /// Writes a card about somebody else into the directory.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_card(&mut self, edit: DirectoryEdit) -> Result<(), ClientError> {
        let network = self.network()?;
        self.edit_space(&network, &[TypedEdit::Directory(edit)])
    }

    /// Begins many epochs of a section one after the other, each linked to the one before.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_epochs(&mut self, space: &SpaceId, count: usize) -> Result<(), ClientError> {
        for _ in 0..count {
            let state = self.logs().load(space)?.ok_or(ClientError::NotEnrolled)?;
            let mut epoch = self.fresh_epoch();
            epoch.previous = self.current_seed(&state);
            epoch.label = Some(crate::records::encode(&self.label(space)?));
            let prepared = self.prepare(Draft::new().epoch(epoch), &[], Some(&state))?;
            self.store_own(&[prepared], |_| Ok(()))?;
        }
        Ok(())
    }

    /// Begins an epoch of a section under the key id of an epoch of another space, without its seed:
    /// what is wrapped to the members opens nothing.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_borrowed_key(
        &mut self,
        space: &SpaceId,
        lent: &KeyId,
    ) -> Result<(), ClientError> {
        let state = self.logs().load(space)?.ok_or(ClientError::NotEnrolled)?;
        let mut epoch = self.fresh_epoch();
        epoch.previous = self.current_seed(&state);
        let mut prepared = self.prepare(Draft::new().epoch(epoch), &[], Some(&state))?;
        let mut body = prepared.operation.operation().clone();
        for effect in &mut body.effects {
            if let Effect::Epoch { key_id, .. } = effect {
                *key_id = *lent;
            }
        }
        prepared.operation = SignedOperation::sign(body, &self.keys.signing);
        prepared.state = self.logs().replay(&prepared.operation)?;
        self.store_own(&[prepared], |_| Ok(()))
    }

    /// Changes a space's log at once, with a new epoch where asked: what the facade decides first and
    /// signs at the next sync.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_change(
        &mut self,
        space: &SpaceId,
        effects: Vec<Effect>,
        rotate: bool,
    ) -> Result<(), ClientError> {
        let state = self.logs().load(space)?.ok_or(ClientError::NotEnrolled)?;
        let mut draft = Draft::new();
        for effect in effects {
            draft = draft.effect(effect);
        }
        if rotate {
            let mut epoch = self.fresh_epoch();
            epoch.previous = self.current_seed(&state);
            epoch.label = self.label(space).ok().map(|label| records::encode(&label));
            draft = draft.epoch(epoch);
        }
        let prepared = self.prepare(draft, &[], Some(&state))?;
        let unsettled = [b"u".as_slice(), &space.0].concat();
        self.store_own(&[prepared], |transaction| {
            transaction.put(Collection::Setting, UNSETTLED, &unsettled, 0, b"")?;
            Ok(())
        })
    }

    /// Makes a snapshot of a section whatever came since the last one, changed by `change` before it is
    /// sealed; it is sent at the next sync.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_snapshot(
        &mut self,
        space: &SpaceId,
        change: &dyn Fn(&mut SnapshotPayload),
    ) -> Result<EnvelopeId, ClientError> {
        self.hostile_snapshot_of(space, &|_, payload| change(payload))
    }

    /// The same, with the edits it covers up to.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_snapshot_of(
        &mut self,
        space: &SpaceId,
        change: &dyn Fn(&mut Vec<EnvelopeId>, &mut SnapshotPayload),
    ) -> Result<EnvelopeId, ClientError> {
        let Some((mut header, mut payload, seed)) = self.snapshot_of(space)? else {
            return Err(ClientError::NotEnrolled);
        };
        change(&mut header.parents, &mut payload);
        let signing = &self.keys.signing;
        let sealed = Envelope::seal_snapshot(&header, &payload, &seed, signing);
        self.hostile_envelope(sealed.ok())
    }

    /// Says that an empty document is what these edits of a section make; it is sent at the next sync.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_snapshot_of_nothing(
        &mut self,
        space: &SpaceId,
        covered: Vec<EnvelopeId>,
    ) -> Result<EnvelopeId, ClientError> {
        let state = self.space_state(space)?;
        let found = self.statement_header(&state, EnvelopeKind::Snapshot, covered.clone())?;
        let Some((header, seed)) = found else {
            return Err(ClientError::NotEnrolled);
        };
        let empty = Document::genesis(&[])?.snapshot(&SnapshotLimits::default());
        let empty = empty.map_err(|_| ClientError::NotEnrolled)?;
        let payload = SnapshotPayload {
            document: empty.compressed,
            document_bytes: empty.bytes,
            heads: Vec::new(),
            actors: Vec::new(),
            covered,
        };
        let sealed = Envelope::seal_snapshot(&header, &payload, &seed, &self.keys.signing);
        self.hostile_envelope(sealed.ok())
    }

    /// Attests a snapshot unseen, with these heads; it is sent at the next sync.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_attest(
        &mut self,
        space: &SpaceId,
        snapshot: &EnvelopeId,
        heads: Vec<DocumentHead>,
    ) -> Result<EnvelopeId, ClientError> {
        let state = self.space_state(space)?;
        let kind = EnvelopeKind::Attest;
        let Some((header, seed)) = self.statement_header(&state, kind, vec![*snapshot])? else {
            return Err(ClientError::NotEnrolled);
        };
        let payload = StatementPayload { heads };
        let sealed = Envelope::seal_statement(&header, &payload, &seed, &self.keys.signing);
        self.hostile_envelope(sealed.ok())
    }

    /// This device's word that a section is erased, whatever right it has; it is sent to nobody.
    ///
    /// # Errors
    /// Where this device holds no key of it.
    pub fn hostile_erasure(&self, space: &SpaceId) -> Result<Vec<u8>, ClientError> {
        let state = self.space_state(space)?;
        let (header, seed) = self
            .erasure_header(&state)?
            .ok_or(ClientError::NotEnrolled)?;
        let payload = ErasurePayload {
            reason: Some("ordered".into()),
            ..ErasurePayload::default()
        };
        let sealed = Envelope::seal_erasure(&header, &payload, &seed, &self.keys.signing);
        let envelope = sealed.map_err(|_| ClientError::NotEnrolled)?;
        Ok(envelope.bytes().to_vec())
    }

    fn hostile_envelope(&mut self, sealed: Option<Envelope>) -> Result<EnvelopeId, ClientError> {
        let envelope = sealed.ok_or(ClientError::NotEnrolled)?;
        let record = records::SealedRecord::Envelope {
            bytes: envelope.bytes().to_vec(),
            edits: Vec::new(),
        };
        let (id, value) = (envelope.id(), records::encode(&record));
        self.commit(|transaction| {
            transaction.put(Collection::Sealed, ENVELOPES, &id.0, 0, &value)?;
            Ok(())
        })?;
        Ok(id)
    }

    /// What was typed in a space and is not sealed, as an envelope on these parents, whatever they are.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_edit_on(
        &self,
        space: &SpaceId,
        parents: Vec<EnvelopeId>,
    ) -> Result<Vec<u8>, ClientError> {
        let state = self.space_state(space)?;
        let kind = EnvelopeKind::Changes;
        let Some((header, seed)) = self.statement_header(&state, kind, parents)? else {
            return Err(ClientError::NotEnrolled);
        };
        let pending = self.pending_edits(space)?;
        let payload = Payload {
            run_nonces: pending.iter().take(1).map(|edit| edit.run_nonce).collect(),
            changes: pending
                .into_iter()
                .map(|edit| Change(edit.change))
                .collect(),
        };
        let sealed = Envelope::seal(&header, &payload, &seed, &self.keys.signing);
        let envelope = sealed.map_err(|_| ClientError::NotEnrolled)?;
        Ok(envelope.bytes().to_vec())
    }

    /// A change of this device's own in a section, made anything of by `alter`, in an envelope of this
    /// author's number; it is sent at the next sync.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_changes(
        &mut self,
        space: &SpaceId,
        author_sequence: u64,
        alter: &dyn Fn(&mut Vec<Vec<u8>>),
    ) -> Result<EnvelopeId, ClientError> {
        let value = author_sequence.to_string();
        let edit = |editor: &mut Editor<'_>| editor.put(["hostile"], value);
        self.hostile_changes_by(space, author_sequence, edit, alter)
    }

    /// What a newer program would write into an entry: a map with these texts, sent at the next sync in an envelope
    /// of this author's number.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn newer_entry(
        &mut self,
        space: &SpaceId,
        author_sequence: u64,
        place: &[&str],
        texts: &[(&str, &str)],
    ) -> Result<EnvelopeId, ClientError> {
        let entry = Path::from_iter(place.iter().copied());
        let edit = |editor: &mut Editor<'_>| {
            editor.put_map(&entry)?;
            texts
                .iter()
                .try_for_each(|(name, text)| editor.put(entry.join(*name), *text))
        };
        self.hostile_changes_by(space, author_sequence, edit, &|_| {})
    }

    fn hostile_changes_by(
        &mut self,
        space: &SpaceId,
        author_sequence: u64,
        edit: impl FnOnce(&mut Editor<'_>) -> Result<(), WriteError>,
        alter: &dyn Fn(&mut Vec<Vec<u8>>),
    ) -> Result<EnvelopeId, ClientError> {
        let state = self.space_state(space)?;
        let record = self.document_record(space)?;
        let found = self.statement_header(&state, EnvelopeKind::Changes, record.heads.clone())?;
        let Some((mut header, seed)) = found else {
            return Err(ClientError::NotEnrolled);
        };
        header.author_sequence = author_sequence;
        let mut nonce = [0; 16];
        random::system().fill_bytes(&mut nonce);
        let mut document = match self.published_document(space, &record) {
            Err(ClientError::NoLabel { .. }) => Document::genesis(&[])?,
            document => document?,
        };
        document.set_actor(Actor::derive(&space.0, &self.device_id.0, &nonce));
        let made = document.edit(0, None, edit);
        let made = made.map_err(|_| ClientError::NotEnrolled)?;
        let mut changes: Vec<Vec<u8>> = made.into_iter().map(EncodedChange::into_bytes).collect();
        alter(&mut changes);
        let payload = Payload {
            run_nonces: vec![Nonce(nonce)],
            changes: changes.into_iter().map(Change).collect(),
        };
        let sealed = Envelope::seal(&header, &payload, &seed, &self.keys.signing);
        self.hostile_envelope(sealed.ok())
    }

    /// What the snapshot covers that a space's document began with here.
    pub fn began_with(&self, space: &SpaceId) -> Vec<EnvelopeId> {
        let covered = self.covered(space).unwrap_or_default();
        covered.into_iter().collect()
    }

    /// Spaces that are looked at again with each log that arrives.
    pub fn looked_at_with_each_log(&self) -> Vec<SpaceId> {
        self.spaces_waiting_for_keys().unwrap_or_default()
    }

    /// Links in a space's log that were supplied later, each to the epoch it leads back to.
    pub fn links_supplied(&self, space: &SpaceId) -> Vec<KeyId> {
        let state = self.logs().load(space).ok().flatten();
        let epochs = state.iter().flat_map(|state| state.epochs());
        epochs
            .flat_map(|epoch| epoch.links.iter().map(|link| link.previous))
            .collect()
    }

    /// What a snapshot says it covers.
    pub fn covered_by(&self, space: &SpaceId, snapshot: &EnvelopeId) -> Vec<EnvelopeId> {
        let envelope = self.stored_envelope(snapshot).ok().flatten();
        let payload = envelope.and_then(|envelope| {
            let seed = self
                .key_ring()
                .open(space, &envelope.header().key_id)
                .ok()?;
            envelope.open_snapshot(&seed).ok()
        });
        payload.map_or_else(Vec::new, |payload| payload.covered)
    }

    /// The exact bytes of an envelope that is stored here.
    pub fn envelope_bytes(&self, id: &EnvelopeId) -> Option<Vec<u8>> {
        let envelope = self.stored_envelope(id).ok().flatten()?;
        Some(envelope.bytes().to_vec())
    }

    /// The grants of a space that stand.
    pub fn grants_of(&self, space: &SpaceId) -> Vec<nahtlos_protocol::space::Grant> {
        let state = self.logs().load(space).ok().flatten();
        state.map_or_else(Vec::new, |state| state.live_grants().cloned().collect())
    }

    /// What stands last in a space's log here.
    pub fn log_head(&self, space: &SpaceId) -> Option<LogHead> {
        self.logs().load(space).ok()??.head()
    }

    /// Which envelopes of a space count here, and which are part of its document.
    pub fn counting_of(&self, space: &SpaceId) -> Vec<(EnvelopeId, String, bool)> {
        let facts = self.facts(space).unwrap_or_default();
        let shown = facts.into_iter().map(|(id, fact)| {
            let standing = match fact.kind {
                EnvelopeKind::Changes => format!("{:?}", fact.standing),
                said => format!("{said:?}"),
            };
            (id, standing, fact.applied)
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort();
        shown
    }

    /// What is held in a space by the newest logs, also what was said about edits, and why.
    pub fn held_reasons_of(&self, space: &SpaceId) -> Vec<(EnvelopeId, &'static str)> {
        let state = self.logs().load(space).ok().flatten();
        let facts = self.facts(space).unwrap_or_default();
        let Some(state) = state else {
            return Vec::new();
        };
        let counting = self.count_all(&state, &facts, &mut KnowledgeCache::default());
        let verdicts = counting.verdicts.into_iter();
        verdicts
            .filter_map(|(id, verdict)| match verdict {
                Verdict::Held(reason) => Some((id, reason.word())),
                _ => None,
            })
            .collect()
    }

    /// Whether an edit was adopted here and nobody else knows of it yet.
    pub fn adopts_still(&self, space: &SpaceId) -> bool {
        self.adoptions(space)
            .is_ok_and(|adopted| !adopted.is_empty())
    }

    /// Voids an envelope at the next sync although nothing is wrong with it.
    ///
    /// # Errors
    /// Where this device may not.
    pub fn hostile_void(
        &mut self,
        space: &SpaceId,
        envelope: &EnvelopeId,
    ) -> Result<(), ClientError> {
        let (space, envelope) = (*space, *envelope);
        self.decide(Intent::Void { space, envelope }, &space)
    }

    /// Founds a second person for this device: a device belongs to one for ever, so no relay takes it.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_second_person(&mut self) -> Result<(), ClientError> {
        let person = self.create_person(self.institution()?);
        let prepared = self.prepare(person, &[], None)?;
        self.store_own(&[prepared], |_| Ok(()))
    }

    /// This device's keys, and its consent to be admitted to somebody's devices: what a custodian adds
    /// a replacement by.
    pub fn admission_to(&self, person: &SpaceId) -> Member {
        self.agreed_member(person)
    }

    /// Takes the place of another device of the same person: the same network, with keys of its own.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn take_place_of(&mut self, other: &Self) -> Result<(), ClientError> {
        let record = DeviceRecord {
            seed: self.device.seed.clone(),
            ..other.device.clone()
        };
        self.commit(|transaction| put_device(transaction, &record))?;
        self.device = record;
        Ok(())
    }

    /// The key id of a space's current epoch.
    pub fn epoch_in(&self, space: &SpaceId) -> Option<KeyId> {
        Some(self.logs().load(space).ok()??.current_epoch()?.key_id)
    }

    /// Whether any wrap that reached this device opens to the seed of this epoch, wherever its log
    /// says it belongs.
    pub fn holds_seed(&self, space: &SpaceId, key_id: &KeyId) -> bool {
        self.key_ring().open(space, key_id).is_ok()
    }

    /// What this device keeps of spaces that is content of them or leads to it: names of what it is, and how
    /// many. What was typed here and is set aside is its author's, and not among it.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn content_kept_of(&self, spaces: &[SpaceId]) -> Result<Vec<(String, usize)>, ClientError> {
        let mut kept = Vec::new();
        for space in spaces {
            let words = |bytes: &[u8]| {
                let envelope = Envelope::decode(bytes).ok();
                envelope.is_some_and(|one| one.header().kind == EnvelopeKind::Erasure)
            };
            let envelopes = self.vault.list(Collection::Envelope, &space.0)?;
            let others = envelopes.iter().filter(|(_, bytes)| !words(bytes));
            let document = self.document_record(space)?;
            let state = self.logs().load(space)?;
            let mut wraps = 0;
            for epoch in state.iter().flat_map(|state| state.epochs()) {
                wraps += self.vault.list(Collection::Wrap, &epoch.key_id.0)?.len();
                wraps += usize::from(
                    self.vault
                        .contains(Collection::EpochSeed, &epoch.key_id.0)?,
                );
            }
            kept.extend([
                ("envelopes", others.count()),
                ("document", document.published.len() + document.actors.len()),
                ("keys", wraps),
                ("outbox", self.pending_edits(space)?.len()),
                (
                    "drafts",
                    self.vault.list(Collection::Draft, &space.0)?.len(),
                ),
                (
                    "label",
                    usize::from(self.vault.contains(Collection::Label, &space.0)?),
                ),
                (
                    "words",
                    usize::from(self.vault.contains(Collection::SearchText, &space.0)?),
                ),
            ]);
        }
        let sums = kept.into_iter().fold(
            std::collections::BTreeMap::<&str, usize>::new(),
            |mut sums, (what, count)| {
                *sums.entry(what).or_default() += count;
                sums
            },
        );
        let left = sums.into_iter().filter(|(_, count)| *count > 0);
        Ok(left.map(|(what, count)| (what.to_owned(), count)).collect())
    }

    /// In which collections of the vault a record, opened, holds these bytes.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn collections_holding(&self, bytes: &[u8]) -> Result<Vec<Collection>, ClientError> {
        let mut holding = Vec::new();
        for collection in Collection::ALL {
            let records = self.vault.list_all(collection)?;
            let holds = |record: &[u8]| record.windows(bytes.len()).any(|window| window == bytes);
            if records.iter().any(|(_, record)| holds(record)) {
                holding.push(collection);
            }
        }
        Ok(holding)
    }

    /// Forgets which institution an invitation of ours was for: who answers may claim another.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_invitation(&mut self, changed: &InvitationText) -> Result<(), ClientError> {
        let key = changed.invitation();
        let Some(bytes) = self.vault.get(Collection::Invitation, &key.0)? else {
            return Err(ClientError::NotEnrolled);
        };
        let mut record: InvitationRecord = records::decode(&bytes)?;
        record.text = changed.to_string();
        let value = records::encode(&record);
        self.commit(|transaction| {
            transaction.put(Collection::Invitation, b"", &key.0, 0, &value)?;
            Ok(())
        })
    }
}
