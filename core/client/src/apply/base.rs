//! What does a document go on from: from what it is, from nothing, or from a snapshot?

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;

use crate::beginning::{Beginning, Wanted};
use crate::counting::{Fact, Facts};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// What a document goes on from.
pub(super) enum Base {
    /// What it is. It may have begun with a snapshot that covers these.
    AsItIs { covered: BTreeSet<EnvelopeId> },
    /// Nothing: all originals are applied again.
    Genesis,
    /// A snapshot, where originals are missing.
    Snapshot(Box<Beginning>),
}

impl Base {
    pub(super) fn begins_with(&self, id: &EnvelopeId) -> bool {
        match self {
            Self::Snapshot(beginning) => beginning.covered.contains(id),
            Self::AsItIs { .. } | Self::Genesis => false,
        }
    }
}

impl Nahtlos {
    /// What a space's document goes on from: as it is, unless something in it ceased to count, or
    /// something it needs was dropped by the relay and an attested snapshot covers it.
    pub(super) fn base_of(
        &self,
        state: &SpaceState,
        facts: &mut Facts,
        dropped: bool,
    ) -> Result<Base, ClientError> {
        let covered = self.covered(&state.id())?;
        if self.has_originals_again(state, facts, &covered)? {
            self.add_stored(&state.id(), facts)?;
            if !self.lacks_originals(state, facts, &BTreeSet::new())? {
                return Ok(Base::Genesis);
            }
        }
        if self.lacks_originals(state, facts, &covered)? || (dropped && !covered.is_empty()) {
            self.add_stored(&state.id(), facts)?;
            let wanted = Wanted {
                covered: &covered,
                anew: dropped,
            };
            if let Some(beginning) = self.beginning(state, facts, &wanted)? {
                return Ok(Base::Snapshot(Box::new(beginning)));
            }
        }
        // Where the originals are gone and no attested snapshot is left, what stands here is all there
        // is: it stays until one comes. From nothing the document would come up empty.
        Ok(if dropped && covered.is_empty() {
            Base::Genesis
        } else {
            Base::AsItIs { covered }
        })
    }

    fn add_stored(&self, space: &SpaceId, facts: &mut Facts) -> Result<(), ClientError> {
        let known: BTreeSet<EnvelopeId> = facts.iter().map(|(id, _)| *id).collect();
        let stored = self.facts(space)?;
        facts.extend(stored.into_iter().filter(|(id, _)| !known.contains(id)));
        Ok(())
    }

    /// Whether all that the snapshot covers which the document began with has come since, with all that it
    /// builds on, and opens: a snapshot is never needed where the originals are.
    fn has_originals_again(
        &self,
        state: &SpaceState,
        facts: &Facts,
        covered: &BTreeSet<EnvelopeId>,
    ) -> Result<bool, ClientError> {
        let arrived: BTreeMap<&EnvelopeId, &Fact> =
            facts.iter().map(|(id, fact)| (id, fact)).collect();
        for id in covered {
            if !self.vault.contains(Collection::Envelope, &id.0)? {
                return Ok(false);
            }
            let stored = match arrived.get(id) {
                Some(_) => None,
                None => self.fact(id)?,
            };
            let Some(fact) = arrived.get(id).copied().or(stored.as_ref()) else {
                return Ok(false);
            };
            let is_known = state.epoch(&fact.key_id).is_some();
            if !is_known || self.key_ring().open(&state.id(), &fact.key_id).is_err() {
                return Ok(false);
            }
            for parent in &fact.parents {
                if !self.vault.contains(Collection::Envelope, &parent.0)? {
                    return Ok(false);
                }
            }
        }
        Ok(!covered.is_empty())
    }

    /// Whether an edit builds on something that is not here, or a snapshot covers something that is
    /// not: what was dropped while nobody wrote on top of it is known by its snapshot alone.
    fn lacks_originals(
        &self,
        state: &SpaceState,
        facts: &Facts,
        covered: &BTreeSet<EnvelopeId>,
    ) -> Result<bool, ClientError> {
        let snapshots = if facts.iter().all(|(_, fact)| fact.is_edit()) {
            Facts::new()
        } else {
            let mut stored = self.facts(&state.id())?;
            stored.extend(facts.iter().cloned());
            stored.retain(|(_, fact)| fact.is_snapshot());
            stored
        };
        let wanted = |fact: &Fact| fact.is_edit() && fact.standing.counts() && !fact.applied;
        let edits = facts.iter().filter(|(_, fact)| wanted(fact));
        for (_, fact) in edits.chain(&snapshots) {
            for parent in fact
                .parents
                .iter()
                .filter(|parent| !covered.contains(parent))
            {
                if !self.vault.contains(Collection::Envelope, &parent.0)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
