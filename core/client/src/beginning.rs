//! Which snapshot a document begins with where originals are gone, and what is checked before.
//!
//! Two have to lie together for a false snapshot: its author, and somebody independent who attests it.
//! What is known here of the graph, and the originals that are here, are held against it all the same:
//! what they refute is not begun with, and the next best is taken.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Document, EncodedChange};
use nahtlos_protocol::counting::{Counting, HeldReason, Verdict};
use nahtlos_protocol::envelope::snapshot::SnapshotPayload;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, SpaceId};
use nahtlos_protocol::space::SpaceState;

use crate::counting::{Fact, Facts, KnowledgeCache};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::rebuilding;
use crate::records::{ActorRecord, DocumentRecord};
use crate::snapshots::is_sure;
use crate::vault::Collection;

/// A snapshot to begin a document with.
pub(crate) struct Beginning {
    pub record: DocumentRecord,
    pub document: Document,
    pub covered: BTreeSet<EnvelopeId>,
}

/// What a snapshot is looked for.
pub(crate) struct Wanted<'a> {
    /// What the snapshot covers that the document began with before.
    pub covered: &'a BTreeSet<EnvelopeId>,
    /// Something in the document ceased to count: it cannot stay as it is.
    pub anew: bool,
}

impl Nahtlos {
    /// The attested snapshot that covers most, for a document whose originals are not all here.
    pub(crate) fn beginning(
        &self,
        state: &SpaceState,
        facts: &Facts,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Beginning>, ClientError> {
        let space = state.id();
        let counting = self.count_all(state, facts, &mut KnowledgeCache::default());
        let mut candidates = Vec::new();
        for (id, fact) in facts.iter().filter(|(_, fact)| fact.is_snapshot()) {
            let counts = counting.verdicts.get(id).is_some_and(|one| one.counts());
            if counts && let Some(payload) = self.opened_snapshot(&space, id, fact)? {
                candidates.push((payload.covered.len(), *id, fact));
            }
        }
        candidates.sort_by(|(most, id, _), (less, other, _)| less.cmp(most).then(id.cmp(other)));
        for (_, id, fact) in candidates {
            let Some(payload) = self.opened_snapshot(&space, &id, fact)? else {
                continue;
            };
            let stands = self.is_attested(state, facts, &counting, (&id, fact), &payload.heads)
                && agrees_with_graph(facts, &counting, &fact.parents, &payload.covered)
                && self.is_no_loss(facts, wanted, &payload.covered)?;
            if stands
                && let Some(document) = self.load_payload(&space, &payload)
                && self.agrees_with_originals(state, facts, &payload, &document)?
            {
                return Ok(Some(self.begin_with(&space, fact, payload, document)?));
            }
        }
        Ok(None)
    }

    /// Whether a snapshot brings what is not here and takes nothing away that is: what it does not
    /// cover can be applied again only where the original is here.
    fn is_no_loss(
        &self,
        facts: &Facts,
        wanted: &Wanted<'_>,
        covered: &[EnvelopeId],
    ) -> Result<bool, ClientError> {
        if wanted.anew {
            return Ok(true);
        }
        let covered: BTreeSet<EnvelopeId> = covered.iter().copied().collect();
        let applied = facts.iter().filter(|(_, fact)| fact.applied);
        let in_document = applied.map(|(id, _)| id).chain(wanted.covered);
        for id in in_document.filter(|id| !covered.contains(id)) {
            if !self.vault.contains(Collection::Envelope, &id.0)? {
                return Ok(false);
            }
        }
        let known: BTreeSet<EnvelopeId> = facts.iter().map(|(id, _)| *id).collect();
        let mut missing = covered.difference(&known);
        Ok(missing.any(|id| !wanted.covered.contains(id)))
    }

    /// Whether a snapshot's document holds what the covered originals say that are here, each under its
    /// own author.
    fn agrees_with_originals(
        &self,
        state: &SpaceState,
        facts: &Facts,
        payload: &SnapshotPayload,
        document: &Document,
    ) -> Result<bool, ClientError> {
        let covered: BTreeSet<EnvelopeId> = payload.covered.iter().copied().collect();
        let authors: BTreeMap<[u8; 16], DeviceId> = payload
            .actors
            .iter()
            .map(|known| (known.actor.0, known.device))
            .collect();
        for (id, fact) in facts.iter().filter(|(id, _)| covered.contains(id)) {
            let Some(envelope) = self.stored_envelope(id)? else {
                continue;
            };
            let Ok(opened) = self.open_envelope(state, envelope) else {
                continue;
            };
            let held = |bytes: &Vec<u8>| {
                EncodedChange::from_bytes(bytes.clone()).is_ok_and(|change| {
                    document.contains(&change.hash())
                        && authors.get(change.actor().as_bytes()) == Some(&fact.author)
                })
            };
            if !opened.payload.changes.iter().all(|change| held(&change.0)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn begin_with(
        &self,
        space: &SpaceId,
        fact: &Fact,
        payload: SnapshotPayload,
        document: Document,
    ) -> Result<Beginning, ClientError> {
        let actors = payload.actors.iter().map(|known| ActorRecord {
            actor: known.actor,
            device: known.device,
        });
        let record = DocumentRecord {
            heads: fact.parents.clone(),
            actors: actors.collect(),
            applied: payload.covered.len() as u64,
            ..self.document_record(space)?.emptied()
        };
        Ok(Beginning {
            record,
            document,
            covered: payload.covered.into_iter().collect(),
        })
    }
}

/// Whether what a snapshot says it covers agrees with the graph, as far as that is known here: its
/// parents are covered, and of what is covered everything that is known is an edit that counts and
/// whose parents are covered too; and where all that the parents build on is known, nothing else is
/// covered.
///
/// An edit that is held here may have been adopted by one that was dropped together with it: then only
/// its author still knows it, and nothing here can tell. So what is held refutes a snapshot only where
/// all that it covers is known, or where a manager voided it.
fn agrees_with_graph(
    facts: &Facts,
    counting: &Counting,
    parents: &[EnvelopeId],
    covered: &[EnvelopeId],
) -> bool {
    let known: BTreeMap<EnvelopeId, &Fact> = facts.iter().map(|(id, fact)| (*id, fact)).collect();
    let claimed: BTreeSet<EnvelopeId> = covered.iter().copied().collect();
    let are_covered = |parents: &[EnvelopeId]| parents.iter().all(|id| claimed.contains(id));
    let is_all_known = claimed.iter().all(|id| known.contains_key(id));
    let may_count = |id: &EnvelopeId| {
        let verdict = counting.verdicts.get(id);
        is_sure(counting, id) || (!is_all_known && verdict.is_some_and(|one| !is_voided(*one)))
    };
    let is_closed = covered.is_sorted_by(|one, next| one < next)
        && are_covered(parents)
        && claimed.iter().all(|id| {
            let fact = known.get(id);
            fact.is_none_or(|fact| fact.is_edit() && may_count(id) && are_covered(&fact.parents))
        });
    if !is_closed {
        return false;
    }
    let (mut reached, mut waiting) = (BTreeSet::new(), parents.to_vec());
    while let Some(id) = waiting.pop() {
        let Some(fact) = known.get(&id) else {
            return true;
        };
        if reached.insert(id) {
            waiting.extend(&fact.parents);
        }
    }
    reached == claimed
}

/// Whether an edit that is held here may stand in the document all the same: the snapshot that the
/// document began with covers it, and something that is not known, which may have adopted it.
pub(crate) fn may_be_adopted(
    facts: &Facts,
    covered: &BTreeSet<EnvelopeId>,
    (id, fact): (&EnvelopeId, &Fact),
) -> bool {
    let known: BTreeSet<&EnvelopeId> = facts.iter().map(|(id, _)| id).collect();
    covered.contains(id)
        && !rebuilding::is_voided(fact)
        && covered.iter().any(|covered| !known.contains(covered))
}

fn is_voided(verdict: Verdict) -> bool {
    use HeldReason::{BuildsOnVoided, Voided};
    matches!(verdict, Verdict::Held(Voided | BuildsOnVoided))
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::envelope::EnvelopeKind;
    use nahtlos_protocol::identifier::KeyId;

    use super::*;
    use crate::counting::Standing;

    fn id(number: u8) -> EnvelopeId {
        EnvelopeId([number; 32])
    }

    fn ids(numbers: &[u8]) -> Vec<EnvelopeId> {
        numbers.iter().map(|number| id(*number)).collect()
    }

    /// Edits 1 ← 2 ← 3, of which 1 is not here; 4 stands beside them, 5 is held and 7
    /// voided; 6 is a snapshot.
    fn graph() -> (Facts, Counting) {
        let fact = |number: u8, kind, parents: &[u8]| {
            let fact = Fact {
                author: DeviceId([1; 32]),
                author_sequence: u64::from(number),
                kind,
                key_id: KeyId([0; 32]),
                parents: ids(parents),
                access_heads: Vec::new(),
                bytes: 0,
                standing: Standing::Counts,
                applied: false,
            };
            (id(number), fact)
        };
        let edit = EnvelopeKind::Changes;
        let facts = vec![
            fact(2, edit, &[1]),
            fact(3, edit, &[2]),
            fact(4, edit, &[]),
            fact(5, edit, &[]),
            fact(6, EnvelopeKind::Snapshot, &[3]),
            fact(7, edit, &[]),
        ];
        let verdict = |number| match number {
            5 => Verdict::Held(HeldReason::AccessEnded),
            7 => Verdict::Held(HeldReason::Voided),
            _ => Verdict::Counts,
        };
        let verdicts = [2, 3, 4, 5, 6, 7].map(|number| (id(number), verdict(number)));
        let counting = Counting {
            verdicts: verdicts.into(),
            ..Counting::default()
        };
        (facts, counting)
    }

    #[test]
    fn what_a_snapshot_claims_is_held_against_what_is_known_of_the_graph() {
        let (facts, counting) = graph();
        let agrees = |parents: &[u8], covered: &[u8]| {
            agrees_with_graph(&facts, &counting, &ids(parents), &ids(covered))
        };
        assert!(agrees(&[3], &[1, 2, 3]), "control: the truth");
        assert!(agrees(&[4], &[4]), "control");
        assert!(
            agrees(&[3], &[1, 2, 3, 4]),
            "4 may lie before 1, which is not here"
        );
        assert!(agrees(&[3], &[1, 2, 3, 9]), "and so may 9");
        assert!(
            agrees(&[3], &[1, 2, 3, 5]),
            "1, which is not here, may have adopted 5"
        );
        for (parents, covered, why) in [
            (&[3][..], &[1, 2][..], "a parent is not covered"),
            (&[3], &[1, 3], "what 3 builds on is not covered"),
            (
                &[3],
                &[2, 3],
                "what 2 builds on is not covered, though it is not here",
            ),
            (&[4], &[2, 4], "all is known, and 4 does not build on 2"),
            (&[4], &[4, 9], "nor on what nobody knows"),
            (&[5], &[5], "all is known, and 5 does not count"),
            (&[3], &[1, 2, 3, 7], "7 is voided, whoever adopted it"),
            (&[3], &[1, 2, 3, 6], "6 is no edit"),
            (&[3], &[2, 1, 3], "not in order"),
        ] {
            assert!(!agrees(parents, covered), "{why}");
        }
    }
}
