//! Documents: what counts (*published*) and what was typed here and is not delivered yet
//! (*pending*), kept apart so that one refused edit never poisons the document.

use std::collections::BTreeMap;

use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::{
    DeviceId as DeviceRef, Field, InstitutionId, Name, PersonId, UtcTime,
};
use nahtlos_casework::{Author as CaseAuthor, SectionKind, containers};
use nahtlos_document::{Actor, Document, EditError, GateLimits};
use nahtlos_protocol::identifier::{DeviceId, Nonce, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::{Kind, Role};
use serde::{Deserialize, Serialize};

use crate::directory::{self, Directory, DirectoryEdit};
use crate::error::ClientError;
use crate::keys::KeyNotice;
use crate::nahtlos::Nahtlos;
use crate::outbox::OUTBOX_SPACES;
use crate::random;
use crate::records::{self, ActorRecord, DocumentRecord, LabelRecord, OutboxRecord};
use crate::vault::Collection;
use nahtlos_protocol::crypto::epoch_secret;

/// An edit as it is stored until the relay has accepted it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypedEdit {
    /// Of a case's section.
    Case(Edit),
    /// Of the directory.
    Directory(DirectoryEdit),
}

/// The first version of a document record.
const RECORD_VERSION: u8 = 1;

impl Nahtlos {
    /// Which top-level maps a space's document is born with.
    fn containers_of(&self, space: &SpaceId) -> Result<&'static [&'static str], ClientError> {
        let state = self
            .logs()
            .load(space)?
            .ok_or(ClientError::NoKey(KeyNotice::NotGranted))?;
        match state.kind() {
            Kind::Network => Ok(directory::CONTAINERS),
            Kind::Section => {
                let label = self.label(space)?;
                Ok(containers(&SectionKind::from_code(&label.kind)))
            }
            Kind::Person | Kind::Team | Kind::Institution => Ok(&[]),
        }
    }

    /// What a section is and which case it belongs to, opened from its current epoch.
    pub(crate) fn label(&self, space: &SpaceId) -> Result<LabelRecord, ClientError> {
        if let Some(bytes) = self.vault.get(Collection::Label, &space.0)? {
            return records::decode(&bytes);
        }
        let state = self
            .logs()
            .load(space)?
            .ok_or(ClientError::NoKey(KeyNotice::NotGranted))?;
        let epoch = state
            .current_epoch()
            .ok_or(ClientError::NoKey(KeyNotice::NoEpoch))?;
        let seed = self
            .key_ring()
            .open(space, &epoch.key_id)
            .map_err(ClientError::NoKey)?;
        let sealed = epoch.label.as_deref().unwrap_or_default();
        let opened = epoch_secret::open_label(&seed, &epoch.key_id.0, sealed).map_err(|error| {
            ClientError::DamagedRecord {
                reason: error.to_string(),
            }
        })?;
        records::decode(&opened)
    }

    pub(crate) fn document_record(&self, space: &SpaceId) -> Result<DocumentRecord, ClientError> {
        match self.vault.get(Collection::Document, &space.0)? {
            Some(bytes) => records::decode(&bytes),
            None => Ok(DocumentRecord {
                version: RECORD_VERSION,
                ..DocumentRecord::default()
            }),
        }
    }

    /// The actor of this run in this space.
    pub(crate) fn actor(&self, space: &SpaceId) -> Actor {
        Actor::derive(&space.0, &self.device_id.0, &self.run_nonce.0)
    }

    /// What counts.
    pub(crate) fn published_document(
        &self,
        space: &SpaceId,
        record: &DocumentRecord,
    ) -> Result<Document, ClientError> {
        if record.published.is_empty() {
            let mut document = Document::genesis(self.containers_of(space)?)?;
            document.set_actor(self.actor(space));
            return Ok(document);
        }
        Ok(Document::load(&record.published, self.actor(space))?)
    }

    /// Edits of this space that the relay has not accepted yet, oldest first.
    pub(crate) fn pending_edits(&self, space: &SpaceId) -> Result<Vec<OutboxRecord>, ClientError> {
        self.vault
            .list(Collection::Outbox, &space.0)?
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
    }

    /// What counts and, on top, what was typed here: what a person sees.
    pub(crate) fn working_document(&self, space: &SpaceId) -> Result<Document, ClientError> {
        let record = self.document_record(space)?;
        let mut document = self.published_document(space, &record)?;
        let pending = self.pending_edits(space)?;
        if !pending.is_empty() {
            let changes: Vec<Vec<u8>> = pending.into_iter().map(|edit| edit.change).collect();
            document.apply(&changes, &|_| true, &GateLimits::default())?;
        }
        Ok(document)
    }

    /// Applies edits one after the other, each as a change of its own, and keeps them durably
    /// until the relay has accepted them. All or nothing.
    ///
    /// # Errors
    /// [`ClientError::Edit`] and others; nothing is changed then.
    pub(crate) fn edit_space(
        &mut self,
        space: &SpaceId,
        edits: &[TypedEdit],
    ) -> Result<(), ClientError> {
        self.require_writable(space)?;
        let mut document = self.working_document(space)?;
        let typed_at_ms = self.now_ms();
        let author = self.case_author()?;
        let mut new = Vec::new();
        for edit in edits {
            if let Some(change) = apply_edit(&mut document, edit, &author, typed_at_ms)? {
                new.push(OutboxRecord {
                    id: random::nonce(&mut random::system()),
                    edit: to_json(edit)?,
                    change,
                    run_nonce: self.run_nonce,
                    typed_at_ms,
                });
            }
        }
        let first = self.next_outbox_position(space)?;
        self.commit(|transaction| {
            for (position, edit) in (first..).zip(&new) {
                transaction.put(
                    Collection::Outbox,
                    &space.0,
                    &edit.id.0,
                    position,
                    &records::encode(edit),
                )?;
            }
            if !new.is_empty() {
                transaction.put(Collection::Setting, OUTBOX_SPACES, &space.0, 0, b"")?;
            }
            Ok(())
        })?;
        self.refresh_summary_of(space)
    }

    /// Positions only order the edits of one space on this device.
    fn next_outbox_position(&self, space: &SpaceId) -> Result<i64, ClientError> {
        let micros = i64::try_from(self.now_ms())
            .unwrap_or(i64::MAX / 2000)
            .saturating_mul(1000);
        let pending = i64::try_from(self.pending_edits(space)?.len()).unwrap_or(0);
        Ok(micros.saturating_add(pending))
    }

    /// A courtesy to the person who types: the relay and every reader check again.
    pub(crate) fn require_writable(&self, space: &SpaceId) -> Result<(), ClientError> {
        if self.needs_newer(space)? {
            return Err(ClientError::NeedsNewer);
        }
        let right = authority::right(&self.logs(), &self.device_id, space);
        if right.at_least(Role::Write) {
            return Ok(());
        }
        let reason = match right.role {
            Some(_) => "you may read this section but not change it".to_owned(),
            None => "this section is not shared with you or your team".to_owned(),
        };
        Err(ClientError::NoRight {
            action: "edit this section",
            reason,
        })
    }

    /// Whether a newer program wrote something in this space's log: it is read-only here.
    pub(crate) fn needs_newer(&self, space: &SpaceId) -> Result<bool, ClientError> {
        Ok(self.vault.get(Collection::Notice, &space.0)?.is_some())
    }

    /// This device's person as the author of edits.
    pub(crate) fn case_author(&self) -> Result<CaseAuthor, ClientError> {
        let person = self.person()?;
        let institution = self.institution()?;
        // While the directory itself is being founded there is no card yet.
        let name = self
            .vault_directory()
            .map(|directory| directory.person_name(&person));
        author_of(
            self.device_id,
            person,
            institution,
            &name.unwrap_or_else(|| person.to_string()),
        )
    }

    /// The directory as published, where it can be read.
    fn vault_directory(&self) -> Option<Directory> {
        let network = self.device.network?;
        Some(Directory::read(&self.working_document(&network).ok()?))
    }

    /// Who stands behind each automerge actor of a document, by verified envelopes; one's own
    /// pending edits included.
    pub(crate) fn authors(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeMap<[u8; 16], CaseAuthor>, ClientError> {
        let record = self.document_record(space)?;
        let directory = self.directory().unwrap_or_default();
        let mut by_device: BTreeMap<DeviceId, Option<CaseAuthor>> = BTreeMap::new();
        let mut authors = BTreeMap::new();
        let own: Vec<(Nonce, DeviceId)> = self
            .pending_edits(space)?
            .iter()
            .map(|edit| {
                let actor = Actor::derive(&space.0, &self.device_id.0, &edit.run_nonce.0);
                (Nonce(*actor.as_bytes()), self.device_id)
            })
            .collect();
        let known = record
            .actors
            .iter()
            .map(|known| (known.actor, known.device));
        for (actor, device) in known.chain(own) {
            let author = by_device
                .entry(device)
                .or_insert_with(|| self.resolve_author(&device, space, &directory));
            if let Some(author) = author {
                authors.insert(actor.0, author.clone());
            }
        }
        Ok(authors)
    }

    fn resolve_author(
        &self,
        device: &DeviceId,
        space: &SpaceId,
        directory: &Directory,
    ) -> Option<CaseAuthor> {
        let (person, institution) = self.person_of_device(device, space)?;
        author_of(
            *device,
            person,
            institution?,
            &directory.person_name(&person),
        )
        .ok()
    }
}

/// Runs one typed edit as one change; none if it changed nothing.
fn apply_edit(
    document: &mut Document,
    edit: &TypedEdit,
    author: &CaseAuthor,
    at_ms: u64,
) -> Result<Option<Vec<u8>>, ClientError> {
    let seconds = i64::try_from(at_ms / 1000).unwrap_or(i64::MAX);
    let change = match edit {
        TypedEdit::Case(edit) => {
            let at = UtcTime::from_seconds(seconds)?;
            document
                .edit(seconds, None, |editor| edit.apply(editor, author, at))
                .map_err(|error| match error {
                    EditError::Refused(refused) => ClientError::Edit(refused),
                    other => ClientError::Document {
                        reason: other.to_string(),
                    },
                })?
        }
        TypedEdit::Directory(edit) => document
            .edit(seconds, None, |editor| edit.apply(editor))
            .map_err(|error| ClientError::Document {
                reason: error.to_string(),
            })?,
    };
    Ok(change.map(nahtlos_document::EncodedChange::into_bytes))
}

fn to_json(edit: &TypedEdit) -> Result<String, ClientError> {
    serde_json::to_string(edit).map_err(|error| ClientError::Document {
        reason: error.to_string(),
    })
}

fn author_of(
    device: DeviceId,
    person: SpaceId,
    institution: SpaceId,
    name: &str,
) -> Result<CaseAuthor, ClientError> {
    Ok(CaseAuthor {
        device: DeviceRef::parse(&device.to_string())?,
        person: PersonId::parse(&person.to_string())?,
        institution: InstitutionId::parse(&institution.to_string())?,
        display_name: Name::parse(name)?,
    })
}

/// Adds the actors that an envelope introduces.
pub(crate) fn remember_actors(
    record: &mut DocumentRecord,
    space: &SpaceId,
    device: DeviceId,
    nonces: &[Nonce],
) {
    for nonce in nonces {
        let actor = Nonce(*Actor::derive(&space.0, &device.0, &nonce.0).as_bytes());
        if !record.actors.iter().any(|known| known.actor == actor) {
            record.actors.push(ActorRecord { actor, device });
        }
    }
}
