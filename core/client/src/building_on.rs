//! What an edit may build on: edits, and nothing else. A relay takes in no edit that names what was
//! said about edits as a parent; one that lies may serve it for a member who made it. It is refused
//! here, as what damages a document is: otherwise nothing that goes on from it could ever be compared
//! with a snapshot, and no honest relay would take what others write on top of it.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;

use crate::apply::NotApplied;
use crate::counting::{Fact, Facts};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// Reason in a `HeldRecord`; nothing that arrives later changes it.
pub(crate) const PARENT_IS_NO_EDIT: &str = "parent_is_no_edit";

impl Nahtlos {
    /// Takes out of what is to be applied whatever names a parent that is known here and no edit, and
    /// says why. A parent that is not known is waited for.
    pub(crate) fn refuse_parents_that_are_no_edits(
        &self,
        state: &SpaceState,
        facts: &Facts,
        wanted: &mut Vec<(EnvelopeId, &Fact)>,
    ) -> Result<Vec<(EnvelopeId, NotApplied)>, ClientError> {
        let (edits, statements): (Vec<_>, Vec<_>) =
            facts.iter().partition(|(_, fact)| fact.is_edit());
        let edits: BTreeSet<EnvelopeId> = edits.into_iter().map(|(id, _)| *id).collect();
        let statements: BTreeSet<EnvelopeId> = statements.into_iter().map(|(id, _)| *id).collect();
        let mut refused = BTreeSet::new();
        for (id, fact) in wanted.iter() {
            for parent in fact.parents.iter().filter(|parent| !edits.contains(parent)) {
                let is_statement = statements.contains(parent)
                    || self.fact(parent)?.is_some_and(|known| !known.is_edit());
                if is_statement {
                    refused.insert(*id);
                }
            }
        }
        let mut reasons = Vec::new();
        for (id, fact) in wanted.iter().filter(|(id, _)| refused.contains(id)) {
            let author = self.name_of_author(&fact.author, &state.id());
            let detail = format!("written by {author}");
            reasons.push((*id, NotApplied::Refused(PARENT_IS_NO_EDIT, detail)));
        }
        wanted.retain(|(id, _)| !refused.contains(id));
        Ok(reasons)
    }

    fn name_of_author(&self, device: &DeviceId, space: &SpaceId) -> String {
        let directory = self.shared_directory().unwrap_or_default();
        match self.person_of_device(device, space) {
            Some((person, _)) => directory.person_name(&person),
            None => device.to_string(),
        }
    }
}
