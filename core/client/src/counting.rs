//! Which envelopes count here: an index of signed facts with the verdicts on them, so that counting
//! opens nothing.
//!
//! A fact is kept for every envelope whose signature verified. Where nothing in a space is held or
//! provisional and no right beneath it ended since, a new envelope of an author whose right stands
//! counts by rule 1 alone, whatever else the space holds. Otherwise all its facts are counted again
//! ([`nahtlos_protocol::counting`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use minicbor::{Decode, Encode};
use nahtlos_protocol::codec;
use nahtlos_protocol::counting::{CountedEnvelope, Counting, Verdict, count};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, KeyId, SpaceId};
use nahtlos_protocol::space::authority::{self, Knowledge, View};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::standing::remaining_role;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{LogHead, Logs, SpaceState, Suspended};

use crate::apply::NotApplied;
use crate::authorship::note_author;
use crate::error::ClientError;
use crate::ingest::put_unsettled;
use crate::key_notices::KeyNotice;
use crate::nahtlos::Nahtlos;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Group of [`Tally`] records; key = `t` ‖ space.
const TALLIES: &[u8] = b"tallies";
/// Group of how far each log was searched for ends; key = `l` ‖ space.
const SEARCHED: &[u8] = b"searched";
/// Group in `Collection::Notice`: devices that were copied; key = `c` ‖ space ‖ device ‖ sequence.
const CLONES: &[u8] = b"clones";

/// What an envelope's author signed, and what became of it here: `Collection::Counting`, group =
/// space, key = envelope.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Fact {
    #[n(0)]
    pub author: DeviceId,
    #[n(1)]
    pub author_sequence: u64,
    #[n(2)]
    pub kind: EnvelopeKind,
    #[n(3)]
    pub key_id: KeyId,
    #[n(4)]
    pub parents: Vec<EnvelopeId>,
    #[n(5)]
    pub access_heads: Vec<LogHead>,
    #[n(6)]
    pub bytes: u64,
    #[n(7)]
    pub standing: Standing,
    /// Whether it is part of the published document.
    #[n(8)]
    pub applied: bool,
}

impl Fact {
    /// An envelope whose signature verified, or one's own.
    pub fn of(envelope: &Envelope) -> Self {
        let header = envelope.header();
        Self {
            author: header.author_device,
            author_sequence: header.author_sequence,
            kind: header.kind,
            key_id: header.key_id,
            parents: header.parents.clone(),
            access_heads: header.access_heads.clone(),
            bytes: envelope.bytes().len() as u64,
            standing: Standing::Counts,
            applied: false,
        }
    }

    pub fn is_edit(&self) -> bool {
        self.kind == EnvelopeKind::Changes
    }

    pub fn is_snapshot(&self) -> bool {
        self.kind == EnvelopeKind::Snapshot
    }

    fn is_open(&self) -> bool {
        self.is_edit() && !self.standing.counts_for_good()
    }
}

/// A verdict as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Standing {
    /// By rule 1.
    #[n(0)]
    Counts,
    /// By rule 2.
    #[n(1)]
    Vouched,
    /// By rule 3.
    #[n(2)]
    Provisional,
    /// By rule 4, or voided.
    #[n(3)]
    Held {
        /// [`nahtlos_protocol::counting::HeldReason::word`].
        #[n(0)]
        reason: String,
    },
}

impl Standing {
    pub fn counts(&self) -> bool {
        !matches!(self, Self::Held { .. })
    }

    /// By rule 1 or 2: what counts provisionally may cease to.
    pub fn counts_for_good(&self) -> bool {
        matches!(self, Self::Counts | Self::Vouched)
    }
}

impl From<Verdict> for Standing {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Counts => Self::Counts,
            Verdict::Vouched => Self::Vouched,
            Verdict::Provisional => Self::Provisional,
            Verdict::Held(reason) => Self::Held {
                reason: reason.word().to_owned(),
            },
        }
    }
}

/// What is remembered of a space so that most envelopes need none of the others' facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Tally {
    /// A right beneath the space ended, or something held was built on: all is counted again.
    #[n(0)]
    pub recount: bool,
    /// Edits that are held or count provisionally.
    #[n(1)]
    pub open: u64,
    /// The highest number of each author: one that is not above it may show a clone.
    #[n(2)]
    pub authors: Vec<AuthorTally>,
    /// Bytes of edits applied since the last snapshot.
    #[n(3)]
    pub tail_bytes: u64,
    /// Bytes of the last snapshot.
    #[n(4)]
    pub snapshot_bytes: u64,
}

impl Tally {
    /// A snapshot begins a new tail.
    pub fn note_snapshot(&mut self, fact: &Fact) {
        if fact.is_snapshot() {
            self.tail_bytes = 0;
            self.snapshot_bytes = fact.bytes;
        }
    }
}

/// The last number one author used in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct AuthorTally {
    #[n(0)]
    pub author: DeviceId,
    #[n(1)]
    pub highest: u64,
}

impl Tally {
    /// Notes an author's number; false where it is not above the last one.
    pub fn advance(&mut self, fact: &Fact) -> bool {
        if !fact.is_edit() {
            return true;
        }
        let known = self
            .authors
            .iter_mut()
            .find(|one| one.author == fact.author);
        match known {
            Some(known) => {
                let above = fact.author_sequence > known.highest;
                known.highest = known.highest.max(fact.author_sequence);
                above
            }
            None => {
                self.authors.push(AuthorTally {
                    author: fact.author,
                    highest: fact.author_sequence,
                });
                true
            }
        }
    }
}

/// A device that was copied: two envelopes of one author in one space bear the same number.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CloneNotice {
    /// Hexadecimal space id.
    pub space: String,
    /// Hexadecimal device id.
    pub device: String,
    /// The number that was used twice.
    pub author_sequence: u64,
}

/// Facts of one space, in no order that means anything.
pub(crate) type Facts = Vec<(EnvelopeId, Fact)>;

/// What somebody knew, by their access heads: many envelopes share the same.
#[derive(Default)]
pub(crate) struct KnowledgeCache(HashMap<Vec<u8>, Arc<Knowledge>>);

impl KnowledgeCache {
    pub(crate) fn of(&mut self, logs: &dyn Logs, heads: &[LogHead]) -> Option<Arc<Knowledge>> {
        let key = codec::encode(&heads);
        if let Some(known) = self.0.get(&key) {
            return Some(Arc::clone(known));
        }
        let knowledge = Arc::new(Knowledge::of(logs, heads).ok()?);
        self.0.insert(key, Arc::clone(&knowledge));
        Some(knowledge)
    }
}

impl Nahtlos {
    /// Verifies an envelope by its author's key, found through its access heads. What does not
    /// verify is no envelope.
    pub(crate) fn verified_fact(
        &self,
        state: &SpaceState,
        envelope: &Envelope,
        known: &mut KnowledgeCache,
    ) -> Result<Fact, NotApplied> {
        let header = envelope.header();
        if header.kind == EnvelopeKind::Blob {
            return Err(NotApplied::refused(
                "needs_newer",
                "written by a newer nahtlos",
            ));
        }
        let logs = self.logs();
        let knowledge = known
            .of(&logs, &header.access_heads)
            .ok_or(NotApplied::Waits("missing_log"))?;
        if knowledge.length(&state.id()).is_none() {
            return Err(NotApplied::refused(
                "no_access_head",
                "it names no state of its space",
            ));
        }
        let key = authority::verifying_key(&logs, &header.author_device, &knowledge)
            .ok_or_else(|| NotApplied::refused("unknown_author", "the author is unknown"))?;
        envelope
            .verify(&key)
            .map_err(|error| NotApplied::refused("bad_signature", &error.to_string()))?;
        Ok(Fact::of(envelope))
    }

    /// Rule 1: the author's right has no known end. Statements about edits are judged when somebody
    /// relies on them.
    pub(crate) fn counts_by_itself(
        &self,
        state: &SpaceState,
        fact: &Fact,
        suspended: &Suspended,
        known: &mut KnowledgeCache,
    ) -> bool {
        let logs = self.logs();
        let Some(knowledge) = known.of(&logs, &fact.access_heads) else {
            return false;
        };
        let since = View::NEWEST;
        !fact.is_edit()
            || remaining_role(&logs, &fact.author, state, &knowledge, since, suspended)
                >= Some(Role::Write)
    }

    /// Counts all envelopes of a space. Receipts are looked at only where they could matter.
    pub(crate) fn count_all(
        &self,
        state: &SpaceState,
        facts: &[(EnvelopeId, Fact)],
        known: &mut KnowledgeCache,
    ) -> Counting {
        let logs = self.logs();
        let suspended = self.suspended(state);
        let receipts = self.receipts();
        let mut envelopes: Vec<CountedEnvelope> = facts
            .iter()
            .filter_map(|(id, fact)| {
                Some(CountedEnvelope {
                    id: *id,
                    author: fact.author,
                    author_sequence: fact.author_sequence,
                    kind: fact.kind,
                    knowledge: known.of(&logs, &fact.access_heads)?,
                    parents: fact.parents.clone(),
                    received: None,
                })
            })
            .collect();
        let counting = count(&logs, state, &envelopes, &receipts, &suspended);
        if counting.verdicts.values().all(|verdict| verdict.counts()) {
            return counting;
        }
        for envelope in &mut envelopes {
            envelope.received = receipts.place(&envelope.id.into());
        }
        count(&logs, state, &envelopes, &receipts, &suspended)
    }

    pub(crate) fn facts(&self, space: &SpaceId) -> Result<Facts, ClientError> {
        let stored = self.vault.list(Collection::Counting, &space.0)?;
        let facts = stored.iter().filter_map(|(key, bytes)| {
            let id = EnvelopeId::from_slice(key)?;
            Some(records::decode(bytes).map(|fact| (id, fact)))
        });
        facts.collect()
    }

    pub(crate) fn fact(&self, id: &EnvelopeId) -> Result<Option<Fact>, ClientError> {
        match self.vault.get(Collection::Counting, &id.0)? {
            Some(bytes) => Ok(Some(records::decode(&bytes)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn tally(&self, space: &SpaceId) -> Result<Tally, ClientError> {
        match self.vault.get(Collection::Counting, &tally_key(space))? {
            Some(bytes) => records::decode(&bytes),
            None => Ok(Tally::default()),
        }
    }

    /// Spaces with edits that are held or count provisionally.
    pub(crate) fn spaces_with_open_edits(&self) -> Result<Vec<SpaceId>, ClientError> {
        let mut spaces = Vec::new();
        for (key, bytes) in self.vault.list(Collection::Counting, TALLIES)? {
            let tally: Tally = records::decode(&bytes)?;
            let space = key.get(1..).and_then(SpaceId::from_slice);
            spaces.extend(space.filter(|_| tally.open > 0));
        }
        Ok(spaces)
    }

    /// The newest state of a space that this device knows.
    pub(crate) fn space_state(&self, space: &SpaceId) -> Result<Arc<SpaceState>, ClientError> {
        let state = self.logs().load(space)?;
        state.ok_or(ClientError::NoKey(KeyNotice::NotGranted))
    }

    /// Marks every space whose counting may change because a right ended in one of these logs, and
    /// says which. Durable before anything is counted.
    pub(crate) fn note_ends(
        &mut self,
        touched: &BTreeSet<SpaceId>,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut ended = BTreeMap::new();
        for space in touched {
            let Some(state) = self.logs().load(space)? else {
                continue;
            };
            // Most logs have none: nothing is looked up for them.
            if ends_since(&state, 0) && ends_since(&state, self.searched(space)?) {
                ended.insert(*space, state.length());
            }
        }
        self.mark_above(&ended)
    }

    /// Marks every space whose counting may change because these logs are not what they were: a
    /// fork was followed or healed.
    pub(crate) fn count_anew_above(
        &mut self,
        changed: &BTreeSet<SpaceId>,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut lengths = BTreeMap::new();
        for space in changed {
            let state = self.logs().load(space)?;
            lengths.insert(*space, state.map_or(0, |state| state.length()));
        }
        self.mark_above(&lengths)
    }

    /// Marks the spaces above logs that were searched for ends up to these lengths.
    fn mark_above(
        &mut self,
        ended: &BTreeMap<SpaceId, u64>,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        if ended.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut marked = BTreeMap::new();
        for (key, bytes) in self.vault.list(Collection::Counting, TALLIES)? {
            let space = key.get(1..).and_then(SpaceId::from_slice);
            if let Some(space) = space
                && self.is_any_beneath(ended, &space)
            {
                let mut tally: Tally = records::decode(&bytes)?;
                tally.recount = true;
                marked.insert(space, tally);
            }
        }
        self.commit(|transaction| {
            for (space, length) in ended {
                let key = [b"l".as_slice(), &space.0].concat();
                let value = records::encode(length);
                transaction.put(Collection::Counting, SEARCHED, &key, 0, &value)?;
            }
            for (space, tally) in &marked {
                put_tally(transaction, space, tally)?;
            }
            put_unsettled(transaction, marked.keys())
        })?;
        Ok(marked.into_keys().collect())
    }

    fn searched(&self, space: &SpaceId) -> Result<u64, ClientError> {
        let key = [b"l".as_slice(), &space.0].concat();
        match self.vault.get(Collection::Counting, &key)? {
            Some(bytes) => records::decode(&bytes),
            None => Ok(0),
        }
    }

    /// Whether a space is one of these or has one of them among its members, directly or through
    /// others, now or ever.
    fn is_any_beneath(&self, wanted: &BTreeMap<SpaceId, u64>, space: &SpaceId) -> bool {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![*space]);
        while let Some(id) = waiting.pop() {
            if wanted.contains_key(&id) {
                return true;
            }
            if seen.insert(id)
                && let Some(state) = self.logs().state(&id)
            {
                waiting.extend(
                    state
                        .grants()
                        .iter()
                        .filter_map(|grant| match grant.member {
                            MemberId::Space(member) => Some(member),
                            MemberId::Device(_) => None,
                        }),
                );
            }
        }
        false
    }

    /// Devices that were copied, as far as their envelopes show it. Both copies' edits count.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn clones(&self) -> Result<Vec<CloneNotice>, ClientError> {
        let mut notices = Vec::new();
        for (key, _) in self.vault.list(Collection::Notice, CLONES)? {
            let part = |range| key.get(range);
            if let (Some(space), Some(device), Some(sequence)) = (
                part(1..33).and_then(SpaceId::from_slice),
                part(33..65).and_then(DeviceId::from_slice),
                part(65..73).and_then(|bytes| bytes.try_into().ok()),
            ) {
                notices.push(CloneNotice {
                    space: space.to_string(),
                    device: device.to_string(),
                    author_sequence: u64::from_be_bytes(sequence),
                });
            }
        }
        Ok(notices)
    }
}

/// What counting says about a space's facts, as far as it says something new.
pub(crate) fn take_verdicts(
    facts: &mut Facts,
    counting: &Counting,
    changed: &mut BTreeSet<EnvelopeId>,
) -> Tally {
    let mut tally = Tally::default();
    for (id, fact) in facts {
        if let Some(verdict) = counting.verdicts.get(id) {
            let standing = Standing::from(*verdict);
            if fact.standing != standing {
                fact.standing = standing;
                changed.insert(*id);
            }
        }
        tally.advance(fact);
        tally.open += u64::from(fact.is_open());
    }
    tally
}

/// Envelopes with all they build on before them, as far as it is among them.
pub(crate) fn in_causal_order(facts: &[(EnvelopeId, &Fact)]) -> Vec<EnvelopeId> {
    let by_id: HashMap<EnvelopeId, &Fact> = facts.iter().copied().collect();
    let (mut order, mut begun) = (Vec::new(), BTreeSet::new());
    for (id, _) in facts {
        let mut path = vec![(*id, false)];
        while let Some((id, parents_done)) = path.pop() {
            if parents_done {
                order.push(id);
                continue;
            }
            let Some(fact) = by_id.get(&id).filter(|_| begun.insert(id)) else {
                continue;
            };
            path.push((id, true));
            path.extend(fact.parents.iter().rev().map(|parent| (*parent, false)));
        }
    }
    order
}

/// Whether a right ended or an envelope was voided after a log of this length.
fn ends_since(state: &SpaceState, length: u64) -> bool {
    state.has_ends_between(length, state.length())
        || state.voided().values().any(|at| *at >= length)
}

fn tally_key(space: &SpaceId) -> Vec<u8> {
    [b"t".as_slice(), &space.0].concat()
}

pub(crate) fn put_tally(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    tally: &Tally,
) -> Result<(), ClientError> {
    let (key, value) = (tally_key(space), records::encode(tally));
    transaction.put(Collection::Counting, TALLIES, &key, 0, &value)?;
    Ok(())
}

pub(crate) fn put_fact(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    id: &EnvelopeId,
    fact: &Fact,
) -> Result<(), ClientError> {
    let value = records::encode(fact);
    transaction.put(Collection::Counting, &space.0, &id.0, 0, &value)?;
    note_author(transaction, &fact.author, space)
}

pub(crate) fn put_clones(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    clones: &BTreeSet<(DeviceId, u64)>,
) -> Result<(), ClientError> {
    for (device, sequence) in clones {
        let key = [
            b"c".as_slice(),
            &space.0,
            &device.0,
            &sequence.to_be_bytes(),
        ]
        .concat();
        transaction.put(Collection::Notice, CLONES, &key, 0, b"")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(author: u8, author_sequence: u64, parents: &[u8]) -> Fact {
        Fact {
            author: DeviceId([author; 32]),
            author_sequence,
            kind: EnvelopeKind::Changes,
            key_id: KeyId([0; 32]),
            parents: parents
                .iter()
                .map(|parent| EnvelopeId([*parent; 32]))
                .collect(),
            access_heads: Vec::new(),
            bytes: 0,
            standing: Standing::Counts,
            applied: false,
        }
    }

    #[test]
    fn parents_come_before_children_whatever_the_order_and_unknown_ones_are_left_out() {
        let facts = [fact(1, 3, &[2, 9]), fact(1, 2, &[1]), fact(1, 1, &[])];
        let ids = [3, 2, 1].map(|id| EnvelopeId([id; 32]));
        let listed: Vec<(EnvelopeId, &Fact)> = ids.into_iter().zip(&facts).collect();
        let expected = [1, 2, 3].map(|id| EnvelopeId([id; 32]));
        assert_eq!(in_causal_order(&listed), expected);
        let turned: Vec<_> = listed.into_iter().rev().collect();
        assert_eq!(in_causal_order(&turned), expected);
    }

    #[test]
    fn a_number_that_is_not_above_the_last_of_its_author_is_looked_into() {
        let mut tally = Tally::default();
        assert!(tally.advance(&fact(1, 1, &[])));
        assert!(tally.advance(&fact(2, 1, &[])), "another author");
        assert!(tally.advance(&fact(1, 2, &[])));
        assert!(!tally.advance(&fact(1, 2, &[])));
        let said = Fact {
            kind: EnvelopeKind::Attest,
            ..fact(1, 2, &[])
        };
        assert!(
            tally.advance(&said),
            "what is said about edits has no number of its own"
        );
    }
}
