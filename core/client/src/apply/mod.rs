//! Applying envelopes to documents: verified and counted from the logs, opened, passed through the
//! gate ([`onto_document`]). What cannot be applied yet waits; what does not count or cannot be applied
//! at all is kept and shown ([`outcome`]). One bad envelope never blocks another.
//!
//! A document is a pure function of its space's counting envelopes. Where one ceases to count, the
//! document is built anew from the originals, without it ([`base`], [`crate::rebuilding`]).

mod base;
mod onto_document;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;

use crate::beginning::may_be_adopted;
use crate::building_on::PARENT_IS_NO_EDIT;
use crate::counting::{Fact, Facts, KnowledgeCache, Tally, take_verdicts};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::offering::{OfferRecord, is_long_ago};
use crate::random::{self, nonce};
use crate::rebuilding::Resettled;
use crate::records::{self, HeldItem, HeldRecord};
use crate::vault::Collection;

pub(crate) use onto_document::{Opened, advance, apply_batch};
pub(crate) use outcome::put_document;

use base::Base;
use outcome::Outcome;

/// Spaces whose envelopes and documents are held in memory at once: few enough for a phone, enough
/// that the durable commit between them does not count.
pub(crate) const SPACES_PER_TRANSACTION: usize = 64;
/// Bytes of envelopes looked at in one space at once; the rest waits for the next sync.
const BYTES_PER_PASS: usize = 64 * 1024 * 1024;

/// Reasons that nothing arriving later changes: such an envelope is kept and shown, and not looked
/// at again, so that a member who writes junk costs the others one look.
const FINAL_REASONS: [&str; 8] = [
    "unreadable",
    "needs_newer",
    "no_access_head",
    "unknown_author",
    "bad_signature",
    PARENT_IS_NO_EDIT,
    "does_not_open",
    "gate",
];
/// Sealed under an epoch that is not in the log here. The log may have been another one, or become it: a
/// lost branch is carried back. Looked at again with its own space alone; no arrival elsewhere frees it.
const UNKNOWN_EPOCH: &str = "unknown_epoch";
/// Edits a section of a kind that this program does not know. It waits for the program that does, which looks
/// at it with the next that arrives in the section, or with the next log or key.
const NEWER_SECTION: &str = "newer_section";
/// Edits a section whose label is here and cannot be read: it says neither what it is nor how its document is
/// born. Looked at again with its own space alone, since a link there may open an epoch that does say it.
const NO_LABEL: &str = "no_label";

/// Why an envelope is not applied.
pub(crate) enum NotApplied {
    /// Something it needs has not arrived yet.
    Waits(&'static str),
    /// It will not be applied: kept and shown.
    Refused(&'static str, String),
}

impl NotApplied {
    pub fn refused(word: &'static str, detail: &str) -> Self {
        Self::Refused(word, detail.to_owned())
    }
}

/// What was applied.
#[derive(Default)]
pub(crate) struct Applied {
    /// Envelopes.
    pub envelopes: u64,
    /// Spaces whose documents changed, those among them that nothing arrived for: a right ended
    /// beneath them.
    pub changed: BTreeSet<SpaceId>,
}

impl Nahtlos {
    /// Applies every envelope that can be applied in these spaces, and takes back what ceased to
    /// count wherever a right ended in one of their logs; some spaces to a transaction.
    pub(crate) fn apply_waiting(
        &mut self,
        touched: &BTreeSet<SpaceId>,
    ) -> Result<Applied, ClientError> {
        let mut spaces = self.note_ends(touched)?;
        spaces.extend(touched);
        let spaces: Vec<SpaceId> = spaces.into_iter().collect();
        let mut applied = Applied::default();
        for some in spaces.chunks(SPACES_PER_TRANSACTION) {
            self.apply_waiting_in(some, &mut applied)?;
        }
        Ok(applied)
    }

    fn apply_waiting_in(
        &mut self,
        spaces: &[SpaceId],
        applied: &mut Applied,
    ) -> Result<(), ClientError> {
        let mut work = Vec::new();
        for space in spaces {
            let outcome = self.apply_in_space(space)?;
            applied.envelopes += outcome.applied.len() as u64;
            work.push((*space, outcome));
        }
        self.commit(|transaction| {
            for (space, outcome) in &work {
                outcome.store(transaction, space)?;
            }
            Ok(())
        })?;
        // First of all: what follows may fail, and nothing older than the disk may stay. What is being
        // adopted stands in the working document, too, and may have been voided.
        for (space, outcome) in &work {
            if outcome.document.is_some() || !outcome.changed.is_empty() {
                self.documents.forget(space);
            }
        }
        for (space, outcome) in work {
            let made_again = outcome.resettled.as_ref().and_then(Resettled::run_nonce);
            // What is typed next must not repeat the numbers of what fell out: it is kept, and may be
            // looked at or adopted beside it.
            let fell_out = outcome.dropped_own.then(|| nonce(&mut random::system()));
            if let Some(run) = made_again.or(fell_out) {
                self.begin_run(run);
            }
            if let Some(document) = outcome.document {
                self.remember_published(&space, document)?;
                applied.changed.insert(space);
            }
        }
        Ok(())
    }

    /// Applies what can be applied in one space: all at once where nothing is wrong, one envelope
    /// after the other where something is. (The cost of applying is per call, not per change.)
    fn apply_in_space(&self, space: &SpaceId) -> Result<Outcome, ClientError> {
        let marks = self.waiting_envelopes(space)?;
        let tally = self.tally(space)?;
        if marks.is_empty() && !tally.recount {
            return Ok(Outcome::default());
        }
        let mut outcome = Outcome::of(marks);
        let Some(state) = self.logs().load(space)? else {
            // Of a space nobody ever told of: a relay that alters a header makes one.
            for id in outcome.marks.keys().copied().collect::<Vec<_>>() {
                outcome.note(id, NotApplied::Waits("missing_log"));
            }
            return Ok(outcome);
        };
        if self.is_section_erased(space)? {
            self.take_words_about(&state, &mut outcome)?;
            return Ok(outcome);
        }
        let mut arrived = BTreeMap::new();
        let mut facts = self.count_in_space(&state, &tally, &mut arrived, &mut outcome)?;
        outcome.offers = self.originals_to_offer(space, &facts, &outcome)?;
        if !outcome.offers.is_empty() {
            outcome.offered_at_ms = Some(self.now_ms());
        }
        outcome.begun_with = self.covered(space)?;
        let dropped: Vec<EnvelopeId> = facts
            .iter()
            .filter(|(_, fact)| fact.applied && !fact.standing.counts())
            .filter(|(id, fact)| !may_be_adopted(&facts, &outcome.begun_with, (id, fact)))
            .map(|(id, _)| *id)
            .collect();
        let mut authors = facts.iter().filter(|(id, _)| dropped.contains(id));
        outcome.dropped_own = authors.any(|(_, fact)| fact.author == self.device_id);
        let base = self.base_of(&state, &mut facts, !dropped.is_empty())?;
        let anew = !matches!(base, Base::AsItIs { .. });
        let mut wanted: Vec<(EnvelopeId, &Fact)> = facts
            .iter()
            .filter(|(id, fact)| {
                let again = anew || (!fact.applied && !outcome.is_final(id));
                fact.is_edit() && fact.standing.counts() && again && !base.begins_with(id)
            })
            .map(|(id, fact)| (*id, fact))
            .collect();
        for (id, reason) in self.refuse_parents_that_are_no_edits(&state, &facts, &mut wanted)? {
            outcome.note(id, reason);
        }
        self.apply_to(&state, base, &wanted, &mut arrived, &mut outcome)?;
        let has_snapshot = facts.iter().any(|(_, fact)| fact.is_snapshot());
        outcome.settle_facts(facts, anew);
        outcome.note_tail(&tally);
        if has_snapshot && outcome.record.is_none() && self.document_record(space)?.applied == 0 {
            outcome.wait_to_begin(tally);
        }
        if let Some(record) = outcome.record.as_ref().filter(|_| anew) {
            outcome.resettled = self.resettle_after(&state, record, &outcome.facts, &dropped)?;
        }
        Ok(outcome)
    }

    /// Of a section that is erased there is nothing to apply: what is said about its erasure is verified.
    fn take_words_about(
        &self,
        state: &SpaceState,
        outcome: &mut Outcome,
    ) -> Result<(), ClientError> {
        let mut known = KnowledgeCache::default();
        let mut facts = Facts::new();
        for id in outcome.marks.keys().copied().collect::<Vec<_>>() {
            let Some(envelope) = self.stored_envelope(&id)? else {
                continue;
            };
            match self.verified_fact(state, &envelope, &mut known) {
                Ok(fact) => {
                    outcome.changed.insert(id);
                    facts.push((id, fact));
                }
                Err(reason) => outcome.note(id, reason),
            }
        }
        outcome.settle_facts(facts, false);
        Ok(())
    }

    /// The originals of snapshots that do not count (any more). Whoever began with one has no others, and
    /// whoever comes next begins with none: the relay may have dropped them, and takes them back. It drops
    /// nothing beneath a snapshot that nobody attests, and nothing again on the same day; so whoever makes
    /// snapshots that do not count makes others send a section once a day at most.
    fn originals_to_offer(
        &self,
        space: &SpaceId,
        facts: &Facts,
        outcome: &Outcome,
    ) -> Result<Vec<OfferRecord>, ClientError> {
        let is_attested = |id: &EnvelopeId, snapshot: &Fact| {
            facts.iter().any(|(_, fact)| {
                let attests = fact.kind == EnvelopeKind::Attest && fact.parents == [*id];
                attests && fact.author != snapshot.author
            })
        };
        let fallen = facts.iter().filter(|(id, fact)| {
            let is_out = fact.is_snapshot() && !fact.standing.counts();
            is_out && outcome.changed.contains(id) && is_attested(id, fact)
        });
        let heads: Vec<EnvelopeId> = fallen.flat_map(|(_, fact)| fact.parents.clone()).collect();
        let offered_at_ms = self.originals_offered_at_ms(space)?;
        let is_recent = offered_at_ms.is_some_and(|at_ms| !is_long_ago(at_ms, self.now_ms()));
        if heads.is_empty() || is_recent {
            return Ok(Vec::new());
        }
        self.envelopes_to_offer(&all_beneath(facts, heads))
    }

    /// Verifies what arrived and decides what counts: by rule 1 alone where that is enough.
    fn count_in_space(
        &self,
        state: &SpaceState,
        before: &Tally,
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
        outcome: &mut Outcome,
    ) -> Result<Facts, ClientError> {
        let mut known = KnowledgeCache::default();
        let mut quiet = !before.recount && before.open == 0 && state.voided().is_empty();
        let suspended = self.suspended(state);
        let mut tally = before.clone();
        let (mut facts, mut bytes_held) = (Facts::new(), 0);
        for (id, reason) in outcome.marks.clone() {
            if let Some(fact) = self.fact(&id)? {
                facts.push((id, fact));
                continue;
            }
            if FINAL_REASONS.contains(&reason.as_str()) || bytes_held > BYTES_PER_PASS {
                continue;
            }
            let Some(envelope) = self.stored_envelope(&id)? else {
                continue;
            };
            match self.verified_fact(state, &envelope, &mut known) {
                Ok(fact) => {
                    quiet &= self.counts_by_itself(state, &fact, &suspended, &mut known);
                    outcome.changed.insert(id);
                    facts.push((id, fact));
                    bytes_held += envelope.bytes().len();
                    arrived.insert(id, envelope);
                }
                Err(reason) => outcome.note(id, reason),
            }
        }
        facts.sort_by_key(|(_, fact)| fact.author_sequence);
        let new = facts.iter().filter(|(id, _)| outcome.changed.contains(id));
        for (_, fact) in new {
            quiet &= tally.advance(fact);
        }
        if !quiet {
            let listed: BTreeSet<EnvelopeId> = facts.iter().map(|(id, _)| *id).collect();
            let others = self.facts(&state.id())?;
            facts.extend(others.into_iter().filter(|(id, _)| !listed.contains(id)));
            let counting = self.count_all(state, &facts, &mut known);
            tally = Tally {
                tail_bytes: before.tail_bytes,
                snapshot_bytes: before.snapshot_bytes,
                ..take_verdicts(&mut facts, &counting, &mut outcome.changed)
            };
            outcome.clones = counting.clones;
        }
        outcome.tally = (tally != *before).then_some(tally);
        Ok(facts)
    }

    pub(crate) fn stored_envelope(&self, id: &EnvelopeId) -> Result<Option<Envelope>, ClientError> {
        let bytes = self.vault.get(Collection::Envelope, &id.0)?;
        Ok(bytes.and_then(|bytes| Envelope::decode(&bytes).ok()))
    }

    /// Envelopes of a space that are not part of its document, with the reasons.
    fn waiting_envelopes(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeMap<EnvelopeId, String>, ClientError> {
        let mut waiting = BTreeMap::new();
        for (_, bytes) in self.vault.list(Collection::Held, &space.0)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Envelope { id } = record.item {
                waiting.insert(id, record.reason);
            }
        }
        Ok(waiting)
    }
}

/// These and what they build on, as far as that is known here.
fn all_beneath(facts: &Facts, mut waiting: Vec<EnvelopeId>) -> BTreeSet<EnvelopeId> {
    let known: BTreeMap<&EnvelopeId, &Fact> = facts.iter().map(|(id, fact)| (id, fact)).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if let Some(fact) = known.get(&id).filter(|_| found.insert(id)) {
            waiting.extend(&fact.parents);
        }
    }
    found
}
