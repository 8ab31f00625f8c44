//! Sections as they would be once a relay had what a bundle brought: for reading. What is typed here is
//! made on the document without it, so that nothing that goes to the relay needs what may never get there.

use std::collections::BTreeSet;
use std::sync::Arc;

use nahtlos_document::Document;
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};

use crate::apply::{Opened, apply_batch};
use crate::counting::KnowledgeCache;
use crate::error::ClientError;
use crate::key_notices::KeyNotice;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// A document with what is carried for its space on top, as far as it is verified, its author may
    /// write, and it opens and passes the gate.
    pub(crate) fn with_carried(
        &self,
        space: &SpaceId,
        document: Document,
    ) -> Result<Document, ClientError> {
        Ok(self.lay_over(space, document)?.0)
    }

    /// What a person reads of a space.
    pub(crate) fn document_to_read(&self, space: &SpaceId) -> Result<Arc<Document>, ClientError> {
        let working = self.shared_document(space)?;
        if self.carried_edits(space)? == 0 {
            return Ok(working);
        }
        Ok(Arc::new(self.with_carried(space, (*working).clone())?))
    }

    /// How many edits are carried for a space.
    pub(crate) fn carried_edits(&self, space: &SpaceId) -> Result<u64, ClientError> {
        let envelopes = self.carried_envelopes(space)?;
        let kinds = envelopes.iter().map(|envelope| envelope.header().kind);
        Ok(kinds.filter(|kind| *kind == EnvelopeKind::Changes).count() as u64)
    }

    /// Which envelopes of a space that are carried are shown.
    pub(super) fn shown_of_carried(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeSet<EnvelopeId>, ClientError> {
        match self.working_document(space) {
            Ok(document) => Ok(self.lay_over(space, document)?.1),
            Err(_) => Ok(BTreeSet::new()),
        }
    }

    fn lay_over(
        &self,
        space: &SpaceId,
        mut document: Document,
    ) -> Result<(Document, BTreeSet<EnvelopeId>), ClientError> {
        let (mut left, mut shown) = (self.opened_carried(space)?, BTreeSet::new());
        if left.is_empty() {
            return Ok((document, shown));
        }
        let mut record = self.document_record(space)?;
        loop {
            let before = left.len();
            // One may need another; whatever the order in which they came.
            left.retain(|opened| {
                let one = std::slice::from_ref(opened);
                let is_applied = apply_batch(&mut document, &mut record, one).is_ok();
                if is_applied {
                    shown.insert(opened.envelope.id());
                }
                !is_applied
            });
            if left.is_empty() || left.len() == before {
                return Ok((document, shown));
            }
        }
    }

    /// What is carried for a space, opened.
    pub(crate) fn opened_carried(&self, space: &SpaceId) -> Result<Vec<Opened>, ClientError> {
        let mut opened = Vec::new();
        let mut known = KnowledgeCache::default();
        for envelope in self.carried_envelopes(space)? {
            let is_edit = envelope.header().kind == EnvelopeKind::Changes;
            if is_edit && self.may_write(&envelope, &mut known)? == Some(true) {
                opened.extend(self.open_carried(envelope)?);
            }
        }
        Ok(opened)
    }

    fn open_carried(&self, envelope: Envelope) -> Result<Option<Opened>, ClientError> {
        let space = envelope.header().space;
        let state = self
            .logs()
            .load(&space)?
            .ok_or(ClientError::NoKey(KeyNotice::NotGranted))?;
        Ok(self.open_envelope(&state, envelope).ok())
    }

    /// Who signed something, for a sentence.
    pub(crate) fn author_in_words(&self, device: &DeviceId) -> String {
        let directory = self.shared_directory().unwrap_or_default();
        let network = self.network().ok();
        let person = network.and_then(|network| self.person_of_device(device, &network));
        person.map_or_else(
            || {
                let fingerprint = nahtlos_protocol::crypto::fingerprint::Fingerprint::of(&device.0);
                format!("unknown device {fingerprint}")
            },
            |(person, _)| directory.person_name(&person),
        )
    }
}
