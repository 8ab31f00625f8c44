//! Sealing for a bundle: what was typed since something of the same section was sealed follows it, as an
//! envelope of its own that names the first one as a parent. (A sync seals no second one before the first
//! is answered; without a relay there may be many bundles before any answer.)

use std::collections::BTreeSet;

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{Nonce, SpaceId};

use super::sealing::Sealing;
use super::{ENVELOPES, OUTBOX_SPACES};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::{self, OutboxRecord, SealedRecord};
use crate::vault::Collection;

/// Envelopes of one section that are made in one go; what is left is sealed with the next bundle.
const ENVELOPES_MAX: usize = 100;

impl Nahtlos {
    /// Seals what was typed and is in no sealed envelope. Returns how many edits could not be sealed: their
    /// section waits for a key or for the relay, or may not be written any more; the next sync says which.
    pub(crate) fn seal_for_bundle(&mut self) -> Result<u64, ClientError> {
        // As before a sync seals: what rests on something that does not count is made again without it.
        self.leave_out_what_is_voided()?;
        self.give_up_adoptions_without_right()?;
        let mut not_sealed = 0;
        for (key, _) in self.vault.list(Collection::Setting, OUTBOX_SPACES)? {
            let Some(space) = SpaceId::from_slice(&key) else {
                continue;
            };
            for _ in 0..ENVELOPES_MAX {
                let pending = self.unsealed_edits(&space)?;
                if pending.is_empty() {
                    break;
                }
                match self.seal_space(&space, &pending)? {
                    Sealing::Sealed(envelope, edits) => self.keep_sealed(&envelope, edits)?,
                    Sealing::Waits | Sealing::NotEntitled => break,
                }
            }
            not_sealed += self.unsealed_edits(&space)?.len() as u64;
        }
        Ok(not_sealed)
    }

    /// The last of one's own envelopes of edits of a space that the relay has not answered.
    pub(super) fn last_unanswered(&self, space: &SpaceId) -> Result<Option<Envelope>, ClientError> {
        let unanswered = self.unanswered_edits(space)?.into_iter();
        Ok(unanswered
            .map(|(envelope, _)| envelope)
            .max_by_key(|envelope| envelope.header().author_sequence))
    }

    /// Whether an envelope names one of one's own that the relay has not answered: it waits with it.
    pub(crate) fn follows_unanswered(&self, envelope: &Envelope) -> Result<bool, ClientError> {
        for parent in &envelope.header().parents {
            if self.vault.contains(Collection::Sealed, &parent.0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Edits that are in no sealed envelope, oldest first.
    fn unsealed_edits(&self, space: &SpaceId) -> Result<Vec<OutboxRecord>, ClientError> {
        let sealed = self.unanswered_edits(space)?.into_iter();
        let sealed: BTreeSet<Nonce> = sealed.flat_map(|(_, edits)| edits).collect();
        let mut pending = self.pending_edits(space)?;
        pending.retain(|edit| !sealed.contains(&edit.id));
        Ok(pending)
    }

    fn unanswered_edits(
        &self,
        space: &SpaceId,
    ) -> Result<Vec<(Envelope, Vec<Nonce>)>, ClientError> {
        let mut unanswered = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Sealed, ENVELOPES)? {
            let SealedRecord::Envelope { bytes, edits } = records::decode(&bytes)? else {
                continue;
            };
            if let Ok(envelope) = Envelope::decode(&bytes)
                && envelope.header().space == *space
                && envelope.header().kind == EnvelopeKind::Changes
            {
                unanswered.push((envelope, edits));
            }
        }
        Ok(unanswered)
    }

    /// After everything that waits for the relay's answer: it may name what stands before it.
    fn keep_sealed(&mut self, envelope: &Envelope, edits: Vec<Nonce>) -> Result<(), ClientError> {
        let now = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        let record = SealedRecord::Envelope {
            bytes: envelope.bytes().to_vec(),
            edits,
        };
        let (id, value) = (envelope.id(), records::encode(&record));
        self.commit(|transaction| {
            let last = transaction.last_position(Collection::Sealed, ENVELOPES)?;
            let position = last.map_or(now, |last| now.max(last.saturating_add(1)));
            transaction.put(Collection::Sealed, ENVELOPES, &id.0, position, &value)?;
            Ok(())
        })
    }
}
