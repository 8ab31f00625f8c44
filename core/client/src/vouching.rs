//! Whose word stands for what a document began with: where the relay dropped the originals of edits, the
//! signatures that a newcomer's device can verify are those of the snapshot and of who attested it.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use serde::Serialize;

use crate::cases::Case;
use crate::counting::KnowledgeCache;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// Who signed the snapshot that a section's document began with here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotSigners {
    /// Who made it, by name.
    pub made_by: String,
    /// Who compared it with the originals and attested it, by name.
    pub attested_by: Vec<String>,
    /// Edits that it stands for.
    pub edits: u64,
}

impl Nahtlos {
    /// Who signed the snapshot that a section's document began with; none where it is built from its
    /// edits, each signed by its own author.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the case has no such section here; where the vault cannot be read.
    pub fn snapshot_signers(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<Option<SnapshotSigners>, ClientError> {
        let space = case.section(kind)?;
        let covered = self.covered(&space)?;
        let Some(state) = self.logs().load(&space)?.filter(|_| !covered.is_empty()) else {
            return Ok(None);
        };
        let facts = self.facts(&space)?;
        let counting = self.count_all(&state, &facts, &mut KnowledgeCache::default());
        for (id, fact) in facts.iter().filter(|(_, fact)| fact.is_snapshot()) {
            let Some(payload) = self.opened_snapshot(&space, id, fact)? else {
                continue;
            };
            if !payload.covered.iter().eq(covered.iter()) {
                continue;
            }
            let attested = self.attests(&state, &facts, &counting, (id, fact), &payload.heads);
            let mut attested_by: Vec<String> = attested
                .map(|attest| self.signer(&attest.author, &space))
                .collect();
            attested_by.sort();
            attested_by.dedup();
            return Ok(Some(SnapshotSigners {
                made_by: self.signer(&fact.author, &space),
                attested_by,
                edits: covered.len() as u64,
            }));
        }
        Ok(None)
    }

    fn signer(&self, device: &DeviceId, space: &SpaceId) -> String {
        let directory = self.shared_directory().unwrap_or_default();
        self.person_of_device(device, space).map_or_else(
            || "somebody unknown here".to_owned(),
            |(person, _)| directory.person_name(&person),
        )
    }
}
