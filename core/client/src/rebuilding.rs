//! What becomes of what was typed here when the document under it is built anew: because something
//! in it ceased to count, or because an edit of one's own was refused.
//!
//! What still applies stays as it is. From the first edit on that does not, the typed edits are made
//! again, with a new actor: what others may have received must not be repeated with another content.
//! What needs what fell out is set aside, visible; or, where its author may write and nothing of it
//! is voided, what fell out is adopted in the same push.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::Document;
use nahtlos_protocol::identifier::{EnvelopeId, Nonce, SpaceId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{Logs, SpaceState};

use crate::apply::{Opened, apply_batch};
use crate::counting::{Fact, Facts, Standing, in_causal_order};
use crate::edits::{TypedEdit, apply_edit};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::put_set_aside;
use crate::random;
use crate::records::{self, DocumentRecord, OutboxRecord};
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Counting` of what is to be adopted with the next envelope; key = `a` ‖ space.
const ADOPTIONS: &[u8] = b"adoptions";
/// Why edits are set aside that need what fell out.
pub(crate) const BUILDS_ON_HELD: &str = "builds_on_held";
/// Verdicts that no adoption helps against.
pub(crate) const VOIDED: [&str; 2] = ["voided", "builds_on_voided"];

/// What becomes of pending edits.
#[derive(Default)]
pub(crate) struct Resettled {
    /// Made again, under the actor of `run`.
    retyped: Vec<OutboxRecord>,
    /// They need what fell out.
    aside: Vec<OutboxRecord>,
    /// They say what the document says anyway.
    idle: Vec<Nonce>,
    /// What fell out and is adopted instead.
    adopted: Vec<EnvelopeId>,
    run: Option<Nonce>,
    first_position: i64,
}

impl Resettled {
    /// The run nonce of the edits made again: what is typed from now on goes on with it.
    pub fn run_nonce(&self) -> Option<Nonce> {
        self.run
    }
}

impl Nahtlos {
    /// Everything made from here on has another actor.
    pub(crate) fn begin_run(&mut self, nonce: Nonce) {
        self.run_nonce = nonce;
        self.documents.clear();
    }

    /// Makes pending edits again on a document, as far as they do not apply as they are.
    pub(crate) fn resettle(
        &self,
        space: &SpaceId,
        document: &Document,
        pending: &[OutboxRecord],
    ) -> Result<Resettled, ClientError> {
        if applies(document, pending).is_some() {
            return Ok(Resettled::default());
        }
        let mut document = document.clone();
        let mut left = pending.iter();
        // One by one: as many as apply stay what they are.
        let mut first_changed = None;
        for edit in left.by_ref() {
            match applies(&document, std::slice::from_ref(edit)) {
                Some(next) => document = next,
                None => {
                    first_changed = Some(edit);
                    break;
                }
            }
        }
        let run = random::nonce(&mut random::system());
        let mut resettled = Resettled {
            run: Some(run),
            first_position: self.next_outbox_position(space)?,
            ..Resettled::default()
        };
        document.set_actor(self.actor_of_run(space, &run));
        let author = self.case_author()?;
        for edit in first_changed.into_iter().chain(left) {
            let typed: Result<TypedEdit, _> = serde_json::from_str(&edit.edit);
            let made = typed
                .ok()
                .map(|typed| apply_edit(&mut document, &typed, &author, edit.typed_at_ms));
            match made {
                Some(Ok(Some(change))) => resettled.retyped.push(OutboxRecord {
                    change,
                    run_nonce: run,
                    ..edit.clone()
                }),
                Some(Ok(None)) => resettled.idle.push(edit.id),
                Some(Err(_)) | None => resettled.aside.push(edit.clone()),
            }
        }
        Ok(resettled)
    }

    /// What becomes of pending edits after `dropped` ceased to count.
    pub(crate) fn resettle_after(
        &self,
        state: &SpaceState,
        record: &DocumentRecord,
        facts: &Facts,
        dropped: &[EnvelopeId],
    ) -> Result<Option<Resettled>, ClientError> {
        let space = state.id();
        let pending = self.pending_edits(&space)?;
        if pending.is_empty() {
            return Ok(None);
        }
        let published = self.published_document(&space, record)?;
        let adopted_before = self.adoptions(&space)?;
        let base = self
            .with_adopted(&published, state, record, facts, &adopted_before)
            .unwrap_or_else(|| published.clone());
        let resettled = self.resettle(&space, &base, &pending)?;
        if resettled.aside.is_empty() {
            return Ok(Some(resettled));
        }
        let may_write = authority::right(&self.logs(), &self.device_id, &space);
        let mut adopted = adopted_before;
        adopted.extend(dropped);
        let with_dropped = self.with_adopted(&published, state, record, facts, &adopted);
        let all_apply = with_dropped.is_some_and(|document| applies(&document, &pending).is_some());
        if may_write.at_least(Role::Write) && all_apply {
            return Ok(Some(Resettled {
                adopted,
                ..Resettled::default()
            }));
        }
        Ok(Some(resettled))
    }

    /// A document with held envelopes and what they build on applied to it; none where they are
    /// voided, cannot be opened, or do not pass the gate.
    pub(crate) fn with_adopted(
        &self,
        document: &Document,
        state: &SpaceState,
        record: &DocumentRecord,
        facts: &Facts,
        adopted: &[EnvelopeId],
    ) -> Option<Document> {
        let closure = held_closure(facts, adopted);
        if closure.iter().any(|(_, fact)| is_voided(fact)) {
            return None;
        }
        self.with_closure(document, state, record, &closure)
    }

    /// A document with envelopes applied to it that are not part of it, whatever their verdict.
    pub(crate) fn with_closure(
        &self,
        document: &Document,
        state: &SpaceState,
        record: &DocumentRecord,
        closure: &[(EnvelopeId, &Fact)],
    ) -> Option<Document> {
        let (document, _) = self.build(document, state, record, closure)?;
        Some(document)
    }

    /// As [`Self::with_closure`], with the record that says who stands behind the actors.
    pub(crate) fn build(
        &self,
        document: &Document,
        state: &SpaceState,
        record: &DocumentRecord,
        closure: &[(EnvelopeId, &Fact)],
    ) -> Option<(Document, DocumentRecord)> {
        let mut opened = Vec::new();
        for id in in_causal_order(closure) {
            let envelope = self.stored_envelope(&id).ok()??;
            opened.push(self.open_envelope(state, envelope).ok()?);
        }
        let (mut document, mut record) = (document.clone(), record.clone());
        apply_batch(&mut document, &mut record, &opened).ok()?;
        Some((document, record))
    }

    /// Held envelopes that the next envelope of this space will name as parents.
    pub(crate) fn adoptions(&self, space: &SpaceId) -> Result<Vec<EnvelopeId>, ClientError> {
        match self.vault.get(Collection::Counting, &adoption_key(space))? {
            Some(bytes) => records::decode(&bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Spaces in which something is to be adopted.
    pub(crate) fn spaces_with_adoptions(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let stored = self.vault.list(Collection::Counting, ADOPTIONS)?;
        let spaces = stored.iter().filter_map(|(key, _)| key.get(1..));
        Ok(spaces.filter_map(SpaceId::from_slice).collect())
    }

    /// The published document with what is being adopted on top.
    pub(crate) fn document_with_adoptions(
        &self,
        space: &SpaceId,
        record: &DocumentRecord,
    ) -> Result<Document, ClientError> {
        let adopted = self.adoptions(space)?;
        self.document_with(space, record, &adopted)
    }

    /// The published document with held envelopes on top, and what they build on. What was voided
    /// meanwhile stays until what was typed upon it is made again without it.
    pub(crate) fn document_with(
        &self,
        space: &SpaceId,
        record: &DocumentRecord,
        adopted: &[EnvelopeId],
    ) -> Result<Document, ClientError> {
        let published = self.published_document(space, record)?;
        if adopted.is_empty() {
            return Ok(published);
        }
        let facts = self.facts(space)?;
        let closure = held_closure(&facts, adopted);
        let with = self
            .logs()
            .state(space)
            .and_then(|state| self.with_closure(&published, &state, record, &closure));
        Ok(with.unwrap_or(published))
    }

    /// What becomes of what was typed in a section where nothing but this is adopted.
    pub(crate) fn resettle_upon(
        &self,
        space: &SpaceId,
        adopted: &[EnvelopeId],
    ) -> Result<Resettled, ClientError> {
        let pending = self.pending_edits(space)?;
        if pending.is_empty() {
            return Ok(Resettled::default());
        }
        let record = self.document_record(space)?;
        let document = self.document_with(space, &record, adopted)?;
        self.resettle(space, &document, &pending)
    }

    /// Opens what is being adopted: its authors' actors are not in the document's record yet.
    pub(crate) fn opened_adoptions(&self, space: &SpaceId) -> Result<Vec<Opened>, ClientError> {
        let adopted = self.adoptions(space)?;
        let Some(state) = self.logs().state(space).filter(|_| !adopted.is_empty()) else {
            return Ok(Vec::new());
        };
        let facts = self.facts(space)?;
        let mut opened = Vec::new();
        for (id, _) in held_closure(&facts, &adopted) {
            if let Some(envelope) = self.stored_envelope(&id)? {
                opened.extend(self.open_envelope(&state, envelope).ok());
            }
        }
        Ok(opened)
    }
}

pub(crate) fn is_voided(fact: &Fact) -> bool {
    matches!(&fact.standing, Standing::Held { reason } if VOIDED.contains(&reason.as_str()))
}

/// Envelopes and everything they build on, as far as it is not part of the document.
pub(crate) fn held_closure<'a>(
    facts: &'a Facts,
    ids: &[EnvelopeId],
) -> Vec<(EnvelopeId, &'a Fact)> {
    let by_id: BTreeMap<EnvelopeId, &Fact> = facts.iter().map(|(id, fact)| (*id, fact)).collect();
    let (mut closure, mut seen) = (Vec::new(), BTreeSet::new());
    let mut waiting = ids.to_vec();
    while let Some(id) = waiting.pop() {
        let fact = by_id
            .get(&id)
            .filter(|fact| !fact.applied || !fact.standing.counts());
        if let Some(fact) = fact
            && seen.insert(id)
        {
            closure.push((id, *fact));
            waiting.extend(&fact.parents);
        }
    }
    closure
}

/// The document with these changes on top, if all of them apply as they are.
fn applies(document: &Document, edits: &[OutboxRecord]) -> Option<Document> {
    let mut document = document.clone();
    let changes: Vec<Vec<u8>> = edits.iter().map(|edit| edit.change.clone()).collect();
    document.apply_own(&changes).ok()?;
    Some(document)
}

fn adoption_key(space: &SpaceId) -> Vec<u8> {
    [b"a".as_slice(), &space.0].concat()
}

/// Stores what is to be adopted with the next envelope of a space.
pub(crate) fn put_adoptions(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    adopted: &[EnvelopeId],
) -> Result<(), ClientError> {
    let key = adoption_key(space);
    if adopted.is_empty() {
        transaction.delete(Collection::Counting, &key)?;
        return Ok(());
    }
    let value = records::encode(&adopted.to_vec());
    transaction.put(Collection::Counting, ADOPTIONS, &key, 0, &value)?;
    Ok(())
}

pub(crate) fn put_resettled(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    resettled: &Resettled,
) -> Result<(), ClientError> {
    for (position, edit) in (resettled.first_position..).zip(&resettled.retyped) {
        let value = records::encode(edit);
        transaction.put(Collection::Outbox, &space.0, &edit.id.0, position, &value)?;
    }
    for id in &resettled.idle {
        transaction.delete(Collection::Outbox, &id.0)?;
    }
    put_set_aside(transaction, space, &resettled.aside, BUILDS_ON_HELD)?;
    for edit in &resettled.aside {
        transaction.delete(Collection::Outbox, &edit.id.0)?;
    }
    if !resettled.adopted.is_empty() {
        put_adoptions(transaction, space, &resettled.adopted)?;
    }
    Ok(())
}
