//! Documents: what counts (*published*) and what was typed here and is not delivered yet
//! (*pending*), kept apart so that one refused edit never poisons the document.

use std::sync::Arc;

use nahtlos_casework::fields::{DeviceId as DeviceRef, Field, InstitutionId, Name, PersonId};
use nahtlos_casework::{Author as CaseAuthor, SectionKind, containers};
use nahtlos_document::{Actor, Document};
use nahtlos_protocol::identifier::{DeviceId, Nonce, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::{SpaceState, authority};

use crate::directory::{self, Directory};
use crate::error::ClientError;
use crate::key_notices::KeyNotice;
use crate::nahtlos::Nahtlos;
use crate::profile;
use crate::records::{self, ActorRecord, DocumentRecord, LabelRecord, OutboxRecord};
use crate::vault::Collection;
use nahtlos_protocol::crypto::epoch_secret;

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
            Kind::Person => Ok(profile::CONTAINERS),
            Kind::Team | Kind::Institution => Ok(&[]),
        }
    }

    /// Whether a space is a section of a kind that only newer programs know. Its containers are theirs to
    /// know, too, so no document can be made of it here: whatever is edited in it would lack the genesis.
    pub(crate) fn is_of_newer_version(&self, state: &SpaceState) -> Result<bool, ClientError> {
        if state.kind() != Kind::Section {
            return Ok(false);
        }
        match self.label(&state.id()) {
            Ok(label) => Ok(self.unlearned_code.as_ref() == Some(&label.kind)
                || !SectionKind::from_code(&label.kind).has_content()),
            // Without its label it waits for a key, or for nothing, and says so.
            Err(ClientError::NoKey(_) | ClientError::NoLabel { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What a section is and which case it belongs to, opened from its first epoch that opens here.
    ///
    /// # Errors
    /// [`ClientError::NoKey`] while none opens; [`ClientError::NoLabel`] where that one says nothing that
    /// can be read: whoever shares such a section must not stop anything but itself.
    pub(crate) fn label(&self, space: &SpaceId) -> Result<LabelRecord, ClientError> {
        if let Some(bytes) = self.vault.get(Collection::Label, &space.0)? {
            return records::decode(&bytes);
        }
        let state = self
            .logs()
            .load(space)?
            .ok_or(ClientError::NoKey(KeyNotice::NotGranted))?;
        // What the founding epoch said stands: a later writer cannot rename the section.
        let mut notice = KeyNotice::NoEpoch;
        for epoch in state.epochs() {
            let seed = match self.key_ring().open(space, &epoch.key_id) {
                Ok(seed) => seed,
                Err(reason) => {
                    notice = reason;
                    continue;
                }
            };
            let sealed = epoch.label.as_deref().unwrap_or_default();
            let opened =
                epoch_secret::open_label(&seed, &epoch.key_id.0, sealed).map_err(no_label)?;
            return records::decode(&opened).map_err(no_label);
        }
        Err(ClientError::NoKey(notice))
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
        self.actor_of_run(space, &self.run_nonce)
    }

    /// The actor of a run of this device in this space.
    pub(crate) fn actor_of_run(&self, space: &SpaceId, run: &Nonce) -> Actor {
        Actor::derive(&space.0, &self.device_id.0, &run.0)
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
        Document::load(&record.published, self.actor(space)).map_err(|error| {
            ClientError::DamagedRecord {
                reason: format!("a section's document does not load: {error}"),
            }
        })
    }

    /// Edits of this space that the relay has not accepted yet, oldest first.
    pub(crate) fn pending_edits(&self, space: &SpaceId) -> Result<Vec<OutboxRecord>, ClientError> {
        self.vault
            .list(Collection::Outbox, &space.0)?
            .iter()
            .map(|(_, bytes)| records::decode(bytes))
            .collect()
    }

    /// What counts and, on top, what was typed or adopted here: what a person sees.
    pub(crate) fn working_document(&self, space: &SpaceId) -> Result<Document, ClientError> {
        Ok((*self.shared_document(space)?).clone())
    }

    /// The working document, shared with the cache.
    pub(crate) fn shared_document(&self, space: &SpaceId) -> Result<Arc<Document>, ClientError> {
        if let Some(known) = self.documents.get(space) {
            return Ok(known);
        }
        let record = self.document_record(space)?;
        let mut document = self.document_with_adoptions(space, &record)?;
        let pending = self.pending_edits(space)?;
        if !pending.is_empty() {
            let changes: Vec<Vec<u8>> = pending.into_iter().map(|edit| edit.change).collect();
            // It was applied when it was typed: what it builds on is not here any more.
            document
                .apply_own(&changes)
                .map_err(|error| ClientError::DamagedRecord {
                    reason: format!("what was typed here lacks what it builds on: {error}"),
                })?;
        }
        let document = Arc::new(document);
        self.documents.put(*space, Arc::clone(&document));
        Ok(document)
    }

    /// After the transaction: what counts is what the next look sees, unless something that was typed
    /// or adopted here lies on top.
    pub(crate) fn remember_published(
        &self,
        space: &SpaceId,
        mut document: Document,
    ) -> Result<(), ClientError> {
        self.documents.forget(space);
        let last_typed = self.vault.last_position(Collection::Outbox, &space.0)?;
        if last_typed.is_none() && self.adoptions(space)?.is_empty() {
            document.set_actor(self.actor(space));
            self.documents.put(*space, Arc::new(document));
        }
        Ok(())
    }

    /// Whether one may write in a section, so that nobody types what would be refused. A courtesy to the person who
    /// types: the relay and every reader check again.
    ///
    /// # Errors
    /// Why not.
    pub fn require_writable(&self, space: &SpaceId) -> Result<(), ClientError> {
        if self.needs_newer(space)? {
            return Err(ClientError::NeedsNewer);
        }
        self.require_sending()?;
        if self.has_forked(space) {
            return Err(ClientError::Forked);
        }
        let right = authority::right(&self.logs(), &self.device_id, space);
        if right.at_least(Role::Write) {
            return Ok(());
        }
        if right.role.is_some() {
            self.refuse_closed(space)?;
        }
        let (action, reason) = match right.role {
            Some(_) => (
                "edit this section",
                "you may read this section but not change it",
            ),
            None if self.own_revocation()?.is_some() => (
                "write on this device",
                "it was revoked: it reads what it had, and writes nothing any more",
            ),
            None if self.own_removal()?.is_some() => (
                "write on this device",
                "you are a member of no team any more",
            ),
            None => (
                "edit this section",
                "this section is not shared with you or your team",
            ),
        };
        let reason = reason.to_owned();
        Err(ClientError::NoRight { action, reason })
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
        let name = self.shared_directory().map_or_else(
            |_| person.to_string(),
            |directory| directory.person_name(&person),
        );
        author_of(self.device_id, person, institution, &name)
    }

    /// The device behind each automerge actor of a document, by verified envelopes; one's own
    /// pending edits included.
    pub(crate) fn devices_of_actors(
        &self,
        space: &SpaceId,
    ) -> Result<Vec<([u8; 16], DeviceId)>, ClientError> {
        let record = self.document_record(space)?;
        let mut devices: Vec<([u8; 16], DeviceId)> = record
            .actors
            .iter()
            .map(|known| (known.actor.0, known.device))
            .collect();
        for edit in self.pending_edits(space)? {
            let actor = self.actor_of_run(space, &edit.run_nonce);
            devices.push((*actor.as_bytes(), self.device_id));
        }
        let adopted = self.opened_adoptions(space)?.into_iter();
        for opened in adopted.chain(self.opened_carried(space)?) {
            let author = opened.envelope.header().author_device;
            let actors = opened.payload.run_nonces.iter();
            devices.extend(actors.map(|nonce| {
                let actor = Actor::derive(&space.0, &author.0, &nonce.0);
                (*actor.as_bytes(), author)
            }));
        }
        Ok(devices)
    }

    pub(crate) fn resolve_author(
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

fn no_label(error: impl std::fmt::Display) -> ClientError {
    ClientError::NoLabel {
        reason: error.to_string(),
    }
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
        // A card's name comes from others; one that is no name must not keep anybody from editing.
        display_name: Name::parse(name).or_else(|_| Name::parse(&person.to_string()))?,
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
