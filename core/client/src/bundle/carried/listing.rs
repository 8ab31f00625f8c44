//! Says what is carried, by section and author, and what of it is shown.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::operation::SignedOperation;

use super::CarriedItem;
use crate::bundle::CarriedLine;
use crate::counting::KnowledgeCache;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// What is carried, by section and author.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn carried_lines(&self) -> Result<Vec<CarriedLine>, ClientError> {
        let mut lines: BTreeMap<(SpaceId, DeviceId, &'static str), CarriedLine> = BTreeMap::new();
        if !self.carries_anything()? {
            return Ok(Vec::new());
        }
        let (mut known, mut shown) = (KnowledgeCache::default(), BTreeMap::new());
        for (_, record) in self.carried()? {
            let (author, space, edits, state) = match &record.item {
                CarriedItem::Operation { bytes, .. } => {
                    let Ok(signed) = SignedOperation::decode(bytes) else {
                        continue;
                    };
                    let state = match (record.refused, self.logs().contains(&signed)) {
                        (true, _) => "refused",
                        (false, true) => "shown",
                        (false, false) => "waits",
                    };
                    (signed.operation().author, signed.space(), 0, state)
                }
                CarriedItem::Envelope { bytes } => {
                    let Ok(envelope) = Envelope::decode(bytes) else {
                        continue;
                    };
                    let space = envelope.header().space;
                    if let Entry::Vacant(new) = shown.entry(space) {
                        let ids = self.shown_of_carried(&space)?;
                        new.insert(ids);
                    }
                    let is_shown = shown
                        .get(&space)
                        .is_some_and(|ids: &BTreeSet<EnvelopeId>| ids.contains(&envelope.id()));
                    let state = match (is_shown, self.may_write(&envelope, &mut known)?) {
                        (true, _) => "shown",
                        (false, Some(false)) => "may_not_write",
                        (false, _) => "waits",
                    };
                    (envelope.header().author_device, space, 1, state)
                }
            };
            let line = lines
                .entry((space, author, state))
                .or_insert_with(|| CarriedLine {
                    author: self.author_in_words(&author),
                    space: space.to_string(),
                    edits: 0,
                    is_new_section: false,
                    since_ms: record.since_ms,
                    state,
                });
            line.edits += edits;
            line.is_new_section |= edits == 0;
            line.since_ms = line.since_ms.min(record.since_ms);
        }
        Ok(lines.into_values().collect())
    }

    /// Whether the author may write there by what is known here; none where that is not known.
    pub(in crate::bundle) fn may_write(
        &self,
        envelope: &Envelope,
        known: &mut KnowledgeCache,
    ) -> Result<Option<bool>, ClientError> {
        let Some(state) = self.logs().load(&envelope.header().space)? else {
            return Ok(None);
        };
        let fact = self.verified_fact(&state, envelope, known).ok();
        let suspended = self.suspended(&state);
        Ok(fact.map(|fact| self.counts_by_itself(&state, &fact, &suspended, known)))
    }
}
