//! How do envelopes that count come into a document? In causal order, opened, and each change by its
//! envelope's author; all at once where nothing is wrong, one after the other where something is.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_document::{Actor, Document, EncodedChange, GateLimits};
use nahtlos_protocol::envelope::{Envelope, Payload};
use nahtlos_protocol::identifier::EnvelopeId;
use nahtlos_protocol::space::SpaceState;

use super::base::Base;
use super::outcome::Outcome;
use super::{BYTES_PER_PASS, NEWER_SECTION, NO_LABEL, NotApplied, UNKNOWN_EPOCH};
use crate::beginning::Beginning;
use crate::counting::{Fact, in_causal_order};
use crate::documents::remember_actors;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::DocumentRecord;
use crate::vault::Collection;

/// A verified, opened envelope.
pub(crate) struct Opened {
    pub envelope: Envelope,
    pub payload: Payload,
}

impl Nahtlos {
    /// Opens and applies envelopes that count, in causal order: to the document as it is, or anew.
    pub(super) fn apply_to(
        &self,
        state: &SpaceState,
        base: Base,
        wanted: &[(EnvelopeId, &Fact)],
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
        outcome: &mut Outcome,
    ) -> Result<(), ClientError> {
        let space = state.id();
        let anew = !matches!(base, Base::AsItIs { .. });
        if wanted.is_empty() && !anew {
            return Ok(());
        }
        let before = self.document_record(&space)?;
        if before.published.is_empty() && self.is_of_newer_version(state)? {
            for (id, _) in wanted {
                outcome.note(*id, NotApplied::Waits(NEWER_SECTION));
            }
            return Ok(());
        }
        let unread = before.unread;
        let (begun, covered) = match base {
            Base::AsItIs { covered } => {
                let document = self.published_document(&space, &before);
                (document.map(|document| (document, before)), covered)
            }
            Base::Genesis => {
                let empty = before.emptied();
                let document = self.published_document(&space, &empty);
                (document.map(|document| (document, empty)), BTreeSet::new())
            }
            Base::Snapshot(beginning) => {
                let Beginning {
                    record,
                    document,
                    covered,
                } = *beginning;
                (Ok((document, record)), covered)
            }
        };
        let (mut document, mut record) = match begun {
            Ok(begun) => begun,
            Err(ClientError::NoKey(notice)) => {
                for (id, _) in wanted {
                    outcome.note(*id, NotApplied::Waits(notice.word()));
                }
                return Ok(());
            }
            Err(ClientError::NoLabel { .. }) => {
                for (id, _) in wanted {
                    outcome.note(*id, NotApplied::Waits(NO_LABEL));
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut unapplied: BTreeSet<EnvelopeId> = outcome.marks.keys().copied().collect();
        unapplied.extend(wanted.iter().map(|(id, _)| *id));
        let (mut ready, mut bytes_ready) = (Vec::new(), 0);
        for id in in_causal_order(wanted) {
            let opened = self.open_if_ready(state, &id, (&unapplied, &covered), arrived)?;
            match opened {
                Ok(opened) => {
                    unapplied.remove(&id);
                    bytes_ready += opened.envelope.bytes().len();
                    ready.push(opened);
                }
                Err(reason) => outcome.note(id, reason),
            }
            if bytes_ready > BYTES_PER_PASS {
                bytes_ready = 0;
                let some = std::mem::take(&mut ready);
                self.apply_ready(&mut document, &mut record, some, &mut unapplied, outcome);
            }
        }
        self.apply_ready(&mut document, &mut record, ready, &mut unapplied, outcome);
        if anew {
            record.unread = unread;
            outcome.covered = Some(covered);
        }
        if anew || !outcome.applied.is_empty() {
            record.published = document.save();
            outcome.record = Some(record);
            outcome.document = Some(document);
        }
        Ok(())
    }

    /// An envelope whose parents are all applied, opened.
    fn open_if_ready(
        &self,
        state: &SpaceState,
        id: &EnvelopeId,
        (unapplied, covered): (&BTreeSet<EnvelopeId>, &BTreeSet<EnvelopeId>),
        arrived: &mut BTreeMap<EnvelopeId, Envelope>,
    ) -> Result<Result<Opened, NotApplied>, ClientError> {
        let envelope = match arrived.remove(id) {
            Some(envelope) => envelope,
            None => match self.stored_envelope(id)? {
                Some(envelope) => envelope,
                None => return Ok(Err(NotApplied::Waits("missing_parents"))),
            },
        };
        let parents = envelope.header().parents.iter();
        for parent in parents.filter(|parent| !covered.contains(parent)) {
            let stored = self.vault.contains(Collection::Envelope, &parent.0)?;
            if !stored || unapplied.contains(parent) {
                return Ok(Err(NotApplied::Waits("missing_parents")));
            }
        }
        Ok(self.open_envelope(state, envelope))
    }

    pub(crate) fn open_envelope(
        &self,
        state: &SpaceState,
        envelope: Envelope,
    ) -> Result<Opened, NotApplied> {
        let key_id = envelope.header().key_id;
        if state.epoch(&key_id).is_none() {
            return Err(NotApplied::refused(
                UNKNOWN_EPOCH,
                "sealed under no epoch of this space",
            ));
        }
        let seed = self
            .key_ring()
            .open(&state.id(), &key_id)
            .map_err(|notice| NotApplied::Waits(notice.word()))?;
        let payload = envelope
            .open(&seed)
            .map_err(|error| NotApplied::refused("does_not_open", &error.to_string()))?;
        Ok(Opened { envelope, payload })
    }

    /// Applies opened envelopes, and finds those that the gate refuses; what builds on one of them
    /// waits.
    fn apply_ready(
        &self,
        document: &mut Document,
        record: &mut DocumentRecord,
        ready: Vec<Opened>,
        unapplied: &mut BTreeSet<EnvelopeId>,
        outcome: &mut Outcome,
    ) {
        if ready.is_empty() {
            return;
        }
        if apply_batch(document, record, &ready).is_ok() {
            for opened in ready {
                outcome.take(record, opened, &self.device_id);
            }
            return;
        }
        for opened in ready {
            let id = opened.envelope.id();
            let parents = &opened.envelope.header().parents;
            let refusal = if parents.iter().any(|parent| unapplied.contains(parent)) {
                Err(NotApplied::Waits("missing_parents"))
            } else {
                apply_batch(document, record, std::slice::from_ref(&opened))
                    .map_err(|detail| NotApplied::Refused("gate", detail))
            };
            match refusal {
                Ok(()) => outcome.take(record, opened, &self.device_id),
                Err(reason) => {
                    unapplied.insert(id);
                    outcome.note(id, reason);
                }
            }
        }
    }
}

/// Applies envelopes as one batch, all or nothing. Each change's actor must be its own envelope's
/// author's: checked per envelope, before any of it reaches the document.
pub(crate) fn apply_batch(
    document: &mut Document,
    record: &mut DocumentRecord,
    ready: &[Opened],
) -> Result<(), String> {
    let mut candidate = record.clone();
    let mut batch = Vec::new();
    for opened in ready {
        let header = opened.envelope.header();
        let nonces = &opened.payload.run_nonces;
        remember_actors(&mut candidate, &header.space, header.author_device, nonces);
        let own: BTreeSet<[u8; 16]> = candidate
            .actors
            .iter()
            .filter(|known| known.device == header.author_device)
            .map(|known| known.actor.0)
            .collect();
        for change in &opened.payload.changes {
            let parsed =
                EncodedChange::from_bytes(change.0.clone()).map_err(|error| error.to_string())?;
            let actor = parsed.actor();
            if !own.contains(actor.as_bytes()) {
                return Err("a change bears an actor that is not its author's".into());
            }
            batch.push(change.0.clone());
        }
    }
    document
        .apply(&batch, &|_: &Actor| true, &GateLimits::default())
        .map_err(|error| error.to_string())?;
    *record = candidate;
    Ok(())
}

/// Moves a document's heads past an applied envelope.
pub(crate) fn advance(record: &mut DocumentRecord, envelope: &Envelope, own: bool) {
    let header = envelope.header();
    record.heads.retain(|head| !header.parents.contains(head));
    record.heads.push(envelope.id());
    record.heads.sort_unstable();
    record.applied = record.applied.saturating_add(1);
    if own {
        record.own_sequence = record.own_sequence.max(header.author_sequence);
    } else {
        record.unread = record.unread.saturating_add(1);
    }
}
