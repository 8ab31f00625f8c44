//! Snapshots: one envelope that holds what many edits made, so that the relay need not keep them for
//! ever. A writer's device makes one when what came since the last one outweighs it. A device of
//! another institution (else of another person) that holds the originals compares, and attests or
//! disputes. Who lacks originals begins with an attested snapshot and applies what came after it
//! ([`crate::beginning`]).
//!
//! A snapshot is never needed where the originals are: documents are built from them.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{ChangeHash, Document, GENESIS_ACTOR, Snapshot, SnapshotLimits};
use nahtlos_protocol::PROTOCOL_VERSION;
use nahtlos_protocol::counting::Counting;
use nahtlos_protocol::crypto::epoch_secret::EpochSeed;
use nahtlos_protocol::crypto::suite::Suite;
use nahtlos_protocol::envelope::snapshot::{
    DocumentHead, SnapshotActor, SnapshotPayload, StatementPayload,
};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind, Header};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, authority, staleness};

use crate::counting::{Fact, Facts, KnowledgeCache};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::random_salt;
use crate::records::{self, DocumentRecord};
use crate::vault::{Collection, Transaction};

/// Bytes of edits below which no snapshot is made.
pub(crate) const TAIL_BYTES_MIN: u64 = 64 * 1024;
/// Group in `Collection::Counting`: spaces with a snapshot to be looked at; key = `n` ‖ space.
const TO_EXAMINE: &[u8] = b"to-examine";
/// Group in `Collection::Counting`: what the snapshot covers that a document began with; key = `v` ‖
/// space.
const COVERED: &[u8] = b"covered";

/// What is to be said about the snapshots of a space.
pub(crate) enum Saying {
    /// Nothing (any more).
    Nothing,
    /// Not yet: an original or a key has not arrived.
    Later,
    /// This.
    Say(Box<Envelope>),
}

/// What came of comparing a snapshot with the originals.
enum Comparison {
    /// Not all originals are here.
    Incomplete,
    /// It is what they make, or it is not. The heads are those of the originals.
    Done { same: bool, heads: Vec<ChangeHash> },
}

impl Nahtlos {
    /// A snapshot of a space, where what came since the last one outweighs it. None of a person's own
    /// document: nobody else reads it, so nobody could attest one, and the relay would drop nothing for it.
    pub(crate) fn due_snapshot(
        &self,
        space: &SpaceId,
    ) -> Result<Option<Box<Envelope>>, ClientError> {
        let tally = self.tally(space)?;
        if tally.recount || tally.tail_bytes <= tally.snapshot_bytes.max(TAIL_BYTES_MIN) {
            return Ok(None);
        }
        let right = authority::right(&self.logs(), &self.device_id, space);
        let is_own = self.space_state(space)?.kind() == Kind::Person;
        if is_own || !right.at_least(Role::Write) {
            return Ok(None);
        }
        let Some((header, payload, seed)) = self.snapshot_of(space)? else {
            return Ok(None);
        };
        let signing = &self.keys.signing;
        let sealed = Envelope::seal_snapshot(&header, &payload, &seed, signing);
        Ok(sealed.ok().map(Box::new))
    }

    /// A space's document as a snapshot, and the header to seal it under; none where something in it
    /// may still cease to count by itself, where somebody reads from a cut on, or where it is too large.
    pub(crate) fn snapshot_of(
        &self,
        space: &SpaceId,
    ) -> Result<Option<(Header, SnapshotPayload, EpochSeed)>, ClientError> {
        let state = self.space_state(space)?;
        if has_reader_from_now(&state) {
            return Ok(None);
        }
        let facts = self.facts(space)?;
        let counting = self.count_all(&state, &facts, &mut KnowledgeCache::default());
        let record = self.document_record(space)?;
        let mut covered: BTreeSet<EnvelopeId> = self.covered(space)?;
        for (id, _) in facts.iter().filter(|(_, fact)| fact.applied) {
            if !is_sure(&counting, id) && !covered.contains(id) {
                return Ok(None);
            }
            covered.insert(*id);
        }
        let document = self.published_document(space, &record)?;
        let Ok(snapshot) = document.snapshot(&SnapshotLimits::default()) else {
            return Ok(None);
        };
        let payload = SnapshotPayload {
            document: snapshot.compressed,
            document_bytes: snapshot.bytes,
            heads: heads_of(&snapshot.heads),
            actors: actors_of(&document, &record),
            covered: covered.into_iter().collect(),
        };
        let header = self.statement_header(&state, EnvelopeKind::Snapshot, record.heads)?;
        Ok(header.map(|(header, seed)| (header, payload, seed)))
    }

    /// What this device is to say about the snapshots of a space.
    pub(crate) fn due_statement(&self, space: &SpaceId) -> Result<Saying, ClientError> {
        let Some(state) = self.logs().load(space)? else {
            return Ok(Saying::Later);
        };
        // Nobody makes a document of a section that does not say what it is: there is nothing to compare.
        let is_section = state.kind() == Kind::Section;
        if is_section && matches!(self.label(space), Err(ClientError::NoLabel { .. })) {
            return Ok(Saying::Nothing);
        }
        let facts = self.facts(space)?;
        let counting = self.count_all(&state, &facts, &mut KnowledgeCache::default());
        let mut later = false;
        for (id, fact) in facts.iter().filter(|(_, fact)| fact.is_snapshot()) {
            let own = self.device_id;
            let told = statements(&facts, &counting, id).any(|(_, said)| said.author == own);
            let counts = counting.verdicts.get(id).is_some_and(|one| one.counts());
            if told || !counts || fact.author == own {
                continue;
            }
            let payload = self.opened_snapshot(space, id, fact)?;
            // Somebody who has access today: before that, the relay keeps the originals.
            let is_attested = payload.as_ref().is_some_and(|payload| {
                self.attests(&state, &facts, &counting, (id, fact), &payload.heads)
                    .any(|said| {
                        self.is_independent(&state, state.length(), &said.author, &fact.author)
                    })
            });
            let judges =
                !is_attested && self.is_independent(&state, state.length(), &own, &fact.author);
            // Whoever sees that it covers something else than it may says so, whatever others attest.
            let is_disputed = statements(&facts, &counting, id)
                .any(|(_, said)| said.kind == EnvelopeKind::Dispute);
            let is_wrong = || {
                payload
                    .as_ref()
                    .is_some_and(|payload| covers_otherwise(&facts, fact, payload))
            };
            if !judges && (is_disputed || !is_wrong()) {
                continue;
            }
            let Comparison::Done { same, heads } = self.compare(&state, &facts, id, fact)? else {
                later |= judges;
                continue;
            };
            if !same && is_disputed {
                continue;
            }
            let kind = if same {
                EnvelopeKind::Attest
            } else {
                EnvelopeKind::Dispute
            };
            let payload = StatementPayload {
                heads: heads_of(&heads),
            };
            let Some((header, seed)) = self.statement_header(&state, kind, vec![*id])? else {
                later = true;
                continue;
            };
            let signing = &self.keys.signing;
            if let Ok(sealed) = Envelope::seal_statement(&header, &payload, &seed, signing) {
                return Ok(Saying::Say(Box::new(sealed)));
            }
        }
        Ok(if later {
            Saying::Later
        } else {
            Saying::Nothing
        })
    }

    /// The header of what this device says under the current epoch; none where it must wait for one.
    pub(crate) fn statement_header(
        &self,
        state: &SpaceState,
        kind: EnvelopeKind,
        parents: Vec<EnvelopeId>,
    ) -> Result<Option<(Header, EpochSeed)>, ClientError> {
        let (logs, space) = (self.logs(), state.id());
        let stale = staleness::is_stale(&logs, state, &self.suspended(state)).unwrap_or(true);
        let stale = stale || self.is_forked(&space);
        let Some(epoch) = state.current_epoch().filter(|_| !stale) else {
            return Ok(None);
        };
        let Ok(seed) = self.key_ring().open(&space, &epoch.key_id) else {
            return Ok(None);
        };
        let mut heads = authority::path_heads(&logs, &self.device_id, state);
        heads.extend(state.head().map(|head| (space, head)));
        let header = Header {
            version: PROTOCOL_VERSION,
            suite: Suite::Hybrid.into(),
            kind,
            space,
            key_id: epoch.key_id,
            author_device: self.device_id,
            author_sequence: self.document_record(&space)?.own_sequence.saturating_add(1),
            access_heads: heads.into_values().collect(),
            parents,
            salt: random_salt(),
        };
        Ok(Some((header, seed)))
    }

    /// Builds what a snapshot covers from the originals and compares.
    fn compare(
        &self,
        state: &SpaceState,
        facts: &Facts,
        id: &EnvelopeId,
        fact: &Fact,
    ) -> Result<Comparison, ClientError> {
        let space = state.id();
        let Some(covered) = originals(facts, &fact.parents) else {
            return Ok(Comparison::Incomplete);
        };
        let Some(envelope) = self.stored_envelope(id)? else {
            return Ok(Comparison::Incomplete);
        };
        let Ok(seed) = self.key_ring().open(&space, &fact.key_id) else {
            return Ok(Comparison::Incomplete);
        };
        let empty = self.document_record(&space)?.emptied();
        let genesis = self.published_document(&space, &empty)?;
        let listed: Vec<(EnvelopeId, &Fact)> =
            covered.iter().map(|(id, fact)| (*id, *fact)).collect();
        let Some((made, record)) = self.build(&genesis, state, &empty, &listed) else {
            return Ok(Comparison::Incomplete);
        };
        let same = envelope.open_snapshot(&seed).is_ok_and(|payload| {
            let loaded = self.load_payload(&space, &payload);
            payload.covered.iter().eq(covered.keys())
                && payload.actors == actors_of(&made, &record)
                && loaded.is_some_and(|loaded| loaded.heads() == made.heads())
        });
        let heads = made.heads();
        Ok(Comparison::Done { same, heads })
    }

    /// A snapshot's document: bounded, verified, begun as this section is, with an author for each
    /// actor.
    pub(crate) fn load_payload(
        &self,
        space: &SpaceId,
        payload: &SnapshotPayload,
    ) -> Option<Document> {
        let snapshot = Snapshot {
            compressed: payload.document.clone(),
            bytes: payload.document_bytes,
            heads: payload
                .heads
                .iter()
                .map(|head| ChangeHash(head.0))
                .collect(),
        };
        let actor = self.actor(space);
        let document =
            Document::load_snapshot(&snapshot, actor, &SnapshotLimits::default()).ok()?;
        let empty = DocumentRecord::default();
        let genesis = self.published_document(space, &empty).ok()?;
        let begun = genesis.heads().iter().all(|head| document.contains(head));
        let named: BTreeSet<[u8; 16]> = payload.actors.iter().map(|known| known.actor.0).collect();
        let authored = document
            .actors()
            .iter()
            .all(|actor| *actor == GENESIS_ACTOR || named.contains(actor.as_bytes()));
        (begun && authored).then_some(document)
    }

    /// A snapshot as it opens here; none where it does not.
    pub(crate) fn opened_snapshot(
        &self,
        space: &SpaceId,
        id: &EnvelopeId,
        fact: &Fact,
    ) -> Result<Option<SnapshotPayload>, ClientError> {
        let envelope = self.stored_envelope(id)?;
        let seed = self.key_ring().open(space, &fact.key_id).ok();
        Ok(envelope
            .zip(seed)
            .and_then(|(envelope, seed)| envelope.open_snapshot(&seed).ok()))
    }

    /// Whether somebody who may has attested a snapshot that has these heads, and nobody disputes it. An
    /// attest of other heads says nothing about it: were it heard against the snapshot, one liar could
    /// undo what the relay relies on.
    pub(crate) fn is_attested(
        &self,
        state: &SpaceState,
        facts: &Facts,
        counting: &Counting,
        (id, snapshot): (&EnvelopeId, &Fact),
        heads: &[DocumentHead],
    ) -> bool {
        let logs = self.logs();
        let mut known = KnowledgeCache::default();
        let all_attest =
            statements(facts, counting, id).all(|(_, fact)| fact.kind == EnvelopeKind::Attest);
        all_attest
            && self
                .attests(state, facts, counting, (id, snapshot), heads)
                .any(|attest| {
                    let knowledge = known.of(&logs, &attest.access_heads);
                    let length = knowledge.and_then(|known| known.length(&state.id()));
                    let length = length.unwrap_or_else(|| state.length());
                    self.is_independent(state, length, &attest.author, &snapshot.author)
                })
    }

    /// The attests of a snapshot that count and are of these heads.
    pub(crate) fn attests<'a>(
        &'a self,
        state: &SpaceState,
        facts: &'a Facts,
        counting: &'a Counting,
        (id, _): (&'a EnvelopeId, &Fact),
        heads: &'a [DocumentHead],
    ) -> impl Iterator<Item = &'a Fact> {
        let space = state.id();
        statements(facts, counting, id)
            .filter(|(_, fact)| fact.kind == EnvelopeKind::Attest)
            .filter(move |(attest, fact)| {
                self.attested_heads(&space, attest, fact).as_deref() == Some(heads)
            })
            .map(|(_, fact)| fact)
    }

    fn attested_heads(
        &self,
        space: &SpaceId,
        attest: &EnvelopeId,
        fact: &Fact,
    ) -> Option<Vec<DocumentHead>> {
        let envelope = self.stored_envelope(attest).ok()??;
        let seed = self.key_ring().open(space, &fact.key_id).ok()?;
        Some(envelope.open_statement(&seed).ok()?.heads)
    }

    /// Whether a device's word about another one's snapshot suffices: it belongs to another
    /// institution, or, where no other one had access when the log had this length, to another person.
    fn is_independent(
        &self,
        state: &SpaceState,
        length: u64,
        device: &DeviceId,
        author: &DeviceId,
    ) -> bool {
        let space = state.id();
        let (Some((person, home)), Some((author, author_home))) = (
            self.person_of_device(device, &space),
            self.person_of_device(author, &space),
        ) else {
            return false;
        };
        let logs = self.logs();
        let home_of = |member| match member {
            MemberId::Space(member) => match logs.state(&member)? {
                state if state.kind() == Kind::Institution => Some(member),
                state => state.guardian(),
            },
            MemberId::Device(_) => None,
        };
        let holds = |grant: &&Grant| {
            grant.is_live_at(length)
                && grant.role_at(length).holds_keys()
                && grant.is_confirmed_at(length)
        };
        let others = state
            .grants()
            .iter()
            .filter(holds)
            .filter_map(|grant| home_of(grant.member))
            .any(|home| Some(home) != author_home);
        if others {
            home.is_some() && home != author_home
        } else {
            person != author
        }
    }

    /// What the snapshot covers that this space's document began with.
    pub(crate) fn covered(&self, space: &SpaceId) -> Result<BTreeSet<EnvelopeId>, ClientError> {
        let stored = self.vault.get(Collection::Counting, &covered_key(space))?;
        let covered: Vec<EnvelopeId> = match stored {
            Some(bytes) => records::decode(&bytes)?,
            None => Vec::new(),
        };
        Ok(covered.into_iter().collect())
    }

    /// Spaces with a snapshot to be looked at.
    pub(crate) fn spaces_to_examine(&self) -> Result<Vec<SpaceId>, ClientError> {
        let keys = self.vault.list(Collection::Counting, TO_EXAMINE)?;
        let spaces = keys
            .iter()
            .filter_map(|(key, _)| SpaceId::from_slice(key.get(1..)?));
        Ok(spaces.collect())
    }
}

/// Whether a snapshot covers by its own word anything else than what its parents build on, where all of
/// that is here.
fn covers_otherwise(facts: &Facts, fact: &Fact, payload: &SnapshotPayload) -> bool {
    let covered = originals(facts, &fact.parents);
    covered.is_some_and(|covered| !payload.covered.iter().eq(covered.keys()))
}

/// Attests and disputes of a snapshot that count.
fn statements<'a>(
    facts: &'a Facts,
    counting: &'a Counting,
    snapshot: &'a EnvelopeId,
) -> impl Iterator<Item = &'a (EnvelopeId, Fact)> {
    facts.iter().filter(move |(id, fact)| {
        matches!(fact.kind, EnvelopeKind::Attest | EnvelopeKind::Dispute)
            && fact.parents == [*snapshot]
            && counting.verdicts.get(id).is_some_and(|one| one.counts())
    })
}

/// Whether somebody reads here from a cut on. A snapshot holds everything and is sealed under the
/// epoch of today: it would carry the past across the cut.
fn has_reader_from_now(state: &SpaceState) -> bool {
    state.live_grants().any(Nahtlos::is_from_now)
}

/// By rule 1 or 2: only that may be covered.
pub(crate) fn is_sure(counting: &Counting, id: &EnvelopeId) -> bool {
    use nahtlos_protocol::counting::Verdict;
    let verdict = counting.verdicts.get(id);
    matches!(verdict, Some(Verdict::Counts | Verdict::Vouched))
}

/// Everything these envelopes build on, themselves included, where all of it is part of the document
/// here.
fn originals<'a>(facts: &'a Facts, heads: &[EnvelopeId]) -> Option<BTreeMap<EnvelopeId, &'a Fact>> {
    let known: BTreeMap<EnvelopeId, &Fact> = facts.iter().map(|(id, fact)| (*id, fact)).collect();
    let (mut found, mut waiting) = (BTreeMap::new(), heads.to_vec());
    while let Some(id) = waiting.pop() {
        let fact = known.get(&id).filter(|fact| fact.applied)?;
        if found.insert(id, *fact).is_none() {
            waiting.extend(&fact.parents);
        }
    }
    Some(found)
}

fn heads_of(heads: &[ChangeHash]) -> Vec<DocumentHead> {
    heads.iter().map(|head| DocumentHead(head.0)).collect()
}

/// Who stands behind the actors that have changes in a document.
fn actors_of(document: &Document, record: &DocumentRecord) -> Vec<SnapshotActor> {
    let used = document.actors();
    let known = record
        .actors
        .iter()
        .filter(|known| used.iter().any(|actor| *actor.as_bytes() == known.actor.0));
    let mut actors: Vec<SnapshotActor> = known
        .map(|known| SnapshotActor {
            actor: known.actor,
            device: known.device,
        })
        .collect();
    actors.sort_unstable();
    actors
}

fn covered_key(space: &SpaceId) -> Vec<u8> {
    [b"v".as_slice(), &space.0].concat()
}

fn examine_key(space: &SpaceId) -> Vec<u8> {
    [b"n".as_slice(), &space.0].concat()
}

/// Stores what the snapshot covers that a document begins with.
pub(crate) fn put_covered(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    covered: &BTreeSet<EnvelopeId>,
) -> Result<(), ClientError> {
    let value = records::encode(&covered.iter().copied().collect::<Vec<_>>());
    transaction.put(
        Collection::Counting,
        COVERED,
        &covered_key(space),
        0,
        &value,
    )?;
    Ok(())
}

/// Notes that a snapshot arrived which this device may have to attest.
pub(crate) fn put_to_examine(
    transaction: &Transaction<'_>,
    space: &SpaceId,
) -> Result<(), ClientError> {
    transaction.put(
        Collection::Counting,
        TO_EXAMINE,
        &examine_key(space),
        0,
        b"",
    )?;
    Ok(())
}

/// Nothing is left to be said about the snapshots of a space.
pub(crate) fn delete_to_examine(
    transaction: &Transaction<'_>,
    space: &SpaceId,
) -> Result<(), ClientError> {
    transaction.delete(Collection::Counting, &examine_key(space))?;
    Ok(())
}
