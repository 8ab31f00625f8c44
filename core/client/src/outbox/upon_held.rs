//! What is typed upon a held edit that is being adopted, and then does not count: what becomes of it? It
//! is made again without the held edit, or set aside where it needs it. Sent as it was, nobody could
//! apply it.

use std::collections::BTreeSet;

use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::rebuilding::{Resettled, held_closure, is_voided, put_adoptions, put_resettled};

impl Nahtlos {
    /// Gives up what was to be adopted and is voided, and makes again what was typed upon it, or upon an
    /// edit of one's own that is held. What is sealed already names it as a parent, and is answered
    /// first. Returns in which spaces something changed.
    pub(crate) fn leave_out_what_is_voided(&mut self) -> Result<Vec<SpaceId>, ClientError> {
        let own_held = self.spaces_with_own_held()?;
        let mut may_lack = self.spaces_with_adoptions()?;
        may_lack.extend(&own_held);
        let mut changed = Vec::new();
        for space in self.unsealed(may_lack)? {
            let adopted = self.adoptions(&space)?;
            let left = self.not_voided(&space, &adopted)?;
            let is_less = left.len() < adopted.len();
            let may_lack = is_less || own_held.contains(&space);
            if !may_lack || self.is_forked(&space) || self.needs_newer(&space)? {
                continue;
            }
            let resettled = self.resettle_upon(&space, &left)?;
            if is_less || resettled.run_nonce().is_some() {
                self.adopt_only(&space, &left, &resettled)?;
                changed.push(space);
            }
        }
        Ok(changed)
    }

    /// Gives up what was to be adopted where this device may not write any more: what it sends there is
    /// held itself and vouches for nothing. The edits wait for a manager, as before. Returns in which spaces
    /// something was given up that did not count yet.
    pub(crate) fn give_up_adoptions_without_right(&mut self) -> Result<Vec<SpaceId>, ClientError> {
        let mut given_up = Vec::new();
        for space in self.unsealed(self.spaces_with_adoptions()?)? {
            let right = authority::right(&self.logs(), &self.device_id, &space);
            let unknown = self.is_forked(&space) || self.needs_newer(&space)?;
            if unknown || right.at_least(Role::Write) || self.adoptions(&space)?.is_empty() {
                continue;
            }
            if !self.adoptable(&space)?.is_empty() {
                given_up.push(space);
            }
            let resettled = self.resettle_upon(&space, &[])?;
            self.adopt_only(&space, &[], &resettled)?;
        }
        Ok(given_up)
    }

    /// Those with something to seal, and no sealed envelope that waits for its answer.
    fn unsealed(&self, spaces: BTreeSet<SpaceId>) -> Result<BTreeSet<SpaceId>, ClientError> {
        if spaces.is_empty() {
            return Ok(spaces);
        }
        let to_seal = self.spaces_to_seal()?;
        Ok(spaces.intersection(&to_seal).copied().collect())
    }

    /// Spaces in which something of one's own does not count.
    fn spaces_with_own_held(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut spaces = BTreeSet::new();
        for (id, space) in self.own_held_envelopes()? {
            if self.fact(&id)?.is_some_and(|fact| !fact.standing.counts()) {
                spaces.insert(space);
            }
        }
        Ok(spaces)
    }

    /// Those that are not voided, and build on nothing that is.
    fn not_voided(
        &self,
        space: &SpaceId,
        adopted: &[EnvelopeId],
    ) -> Result<Vec<EnvelopeId>, ClientError> {
        if adopted.is_empty() {
            return Ok(Vec::new());
        }
        let facts = self.facts(space)?;
        let is_out = |id| {
            let closure = held_closure(&facts, &[id]);
            closure.iter().any(|(_, fact)| is_voided(fact))
        };
        let left = adopted.iter().copied().filter(|id| !is_out(*id));
        Ok(left.collect())
    }

    fn adopt_only(
        &mut self,
        space: &SpaceId,
        adopted: &[EnvelopeId],
        resettled: &Resettled,
    ) -> Result<(), ClientError> {
        self.commit(|transaction| {
            put_resettled(transaction, space, resettled)?;
            put_adoptions(transaction, space, adopted)
        })?;
        if let Some(nonce) = resettled.run_nonce() {
            self.begin_run(nonce);
        }
        self.documents.forget(space);
        Ok(())
    }
}
