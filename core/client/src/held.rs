//! Held edits: what was written but does not count, because its author's right had ended. Nothing of
//! it is lost. Managers, and the author's person through another device, see what each would bring
//! in; *adopt* it by an envelope of their own that names the untouched original as a parent, or
//! *discard* it with a reason. To take only part of it, they enter that part as their own edit.

use std::collections::BTreeSet;

use nahtlos_casework::{Conflict, SectionKind};
use nahtlos_document::{Actor, Difference, Document, EncodedChange};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::{Logs, authority};
use serde::Serialize;

use crate::apply::Opened;
use crate::beginning::may_be_adopted;
use crate::cases::hex;
use crate::counting::{Fact, Standing};
use crate::directory::Directory;
use crate::edits::{KeptEdit, apply_edit};
use crate::error::ClientError;
use crate::fate::{Fate, delete_own_held};
use crate::nahtlos::Nahtlos;
use crate::outbox::{OUTBOX_SPACES, as_typed_key, held_aside_key};
use crate::rebuilding::{Resettled, held_closure, is_voided, put_adoptions, put_resettled};
use crate::records::{self, HeldItem, HeldRecord, Intent, IntentRecord};
use crate::revocation::Revocation;
use crate::status::HeldLine;
use crate::vault::Collection;

/// Group in `Collection::Counting` of why held envelopes were discarded here; key = `d` ‖ envelope.
const DISCARDS: &[u8] = b"discards";
/// Hexadecimal characters by which a held envelope is found at least.
const ID_BEGINNING_MIN: usize = 4;

/// An envelope that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldEnvelope {
    /// Hexadecimal envelope id.
    pub id: String,
    /// Hexadecimal space id.
    pub space: String,
    /// Hexadecimal case id, where the section's label is known.
    pub case: Option<String>,
    /// Section code, where the section's label is known.
    pub section: Option<String>,
    /// Who wrote it, as the directory names them.
    pub author: String,
    /// Their institution, empty where its own log does not confirm them.
    pub institution: String,
    /// Whether it was written in the name of this device's person: on this device or another one of theirs.
    pub own: bool,
    /// Short fingerprint of the device it was written on.
    pub device: String,
    /// Whether that is this one.
    pub by_this_device: bool,
    /// How the right of that device ended; none while it stands, and where its person's log is not here.
    /// Whoever has a lost device and its passphrase writes in its person's name.
    pub device_revoked: Option<Revocation>,
    /// When its last edit was typed, by its author's clock, Unix milliseconds; none where it cannot
    /// be opened here.
    pub typed_at_ms: Option<u64>,
    /// When the relay took it in, by its clock, Unix milliseconds.
    pub received_at_ms: Option<u64>,
    /// Stable word: why it does not count.
    pub reason: String,
    /// In words.
    pub sentence: &'static str,
    /// Number of edits; none where it cannot be opened here.
    pub edits: Option<u64>,
    /// Whether this device may adopt it.
    pub may_adopt: bool,
    /// Whether its adoption waits for the next sync.
    pub adopting: bool,
    /// Why it was discarded on this device; the reason is told to nobody else.
    pub discarded: Option<String>,
    /// What became of it, and by whose word.
    pub fate: Fate,
}

/// What adopting a held envelope would bring in.
#[derive(Clone)]
pub struct HeldPreview {
    /// The envelope.
    pub envelope: HeldEnvelope,
    /// Other held envelopes it builds on, which would come with it.
    pub with: Vec<HeldEnvelope>,
    /// Which section, where its label is known.
    pub section: Option<SectionKind>,
    /// Every field that would differ from the section as it is now, edits typed here included.
    pub differences: Vec<Difference>,
    /// What would wait for a person to settle afterwards, and does not now: it was decided differently
    /// meanwhile, so what is shown may stay as it is.
    pub conflicts: Vec<Conflict>,
}

/// Without what would differ: that is about a client.
impl std::fmt::Debug for HeldPreview {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("HeldPreview");
        shown.field("envelope", &self.envelope.id);
        shown.finish_non_exhaustive()
    }
}

/// A held envelope that was found, with what surrounds it.
struct Found {
    id: EnvelopeId,
    space: SpaceId,
    fact: Fact,
}

impl Nahtlos {
    /// What is held: in the spaces this device manages, and what its person wrote. Newest last.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn held_list(&self) -> Result<Vec<HeldEnvelope>, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut list = Vec::new();
        for found in self.held_envelopes()? {
            let line = self.held_envelope(&found, &directory)?;
            // Its author knows what became of it and put it away.
            if line.own && line.discarded.is_some() && !line.fate.is_waiting() {
                continue;
            }
            // A name that the lost device gave itself in its time, and that nobody can read any more.
            if came_in_its_time(&line) && self.is_closed_for_good(&found.id)? {
                continue;
            }
            if line.may_adopt || line.own || self.manages(&found.space) {
                list.push(line);
            }
        }
        list.sort_by_key(|line| line.received_at_ms.or(line.typed_at_ms));
        Ok(list)
    }

    /// What adopting one would bring in, shown without doing it.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`]; [`ClientError::HeldNotOpened`] where it cannot
    /// be opened here or does not fit the section.
    pub fn held_show(&self, id: &str) -> Result<HeldPreview, ClientError> {
        let found = self.find_held(id)?;
        let facts = self.facts(&found.space)?;
        let before = self.working_document(&found.space)?;
        let closure = held_closure(&facts, &[found.id]);
        let state = self.space_state(&found.space)?;
        let record = self.document_record(&found.space)?;
        let after = match self.with_closure(&before, &state, &record, &closure) {
            Some(after) => after,
            None => self.with_as_typed(&before, &found.id)?,
        };
        let directory = self.shared_directory().unwrap_or_default();
        let mut with = Vec::new();
        for (other, fact) in closure.iter().filter(|(other, _)| *other != found.id) {
            let other = Found {
                id: *other,
                space: found.space,
                fact: (*fact).clone(),
            };
            with.push(self.held_envelope(&other, &directory)?);
        }
        let label = self.label(&found.space).ok();
        let section = label.map(|label| SectionKind::from_code(&label.kind));
        Ok(HeldPreview {
            envelope: self.held_envelope(&found, &directory)?,
            with,
            conflicts: match &section {
                Some(kind) => {
                    let held: Vec<EnvelopeId> = closure.iter().map(|(id, _)| *id).collect();
                    self.conflicts_made(&found.space, kind, (&before, &after), &held)?
                }
                None => Vec::new(),
            },
            section,
            differences: after.difference(&before.heads(), &after.heads())?,
        })
    }

    /// Conflicts that the later one of two states of a section has and the earlier one has not.
    fn conflicts_made(
        &self,
        space: &SpaceId,
        kind: &SectionKind,
        (before, after): (&Document, &Document),
        held: &[EnvelopeId],
    ) -> Result<Vec<Conflict>, ClientError> {
        let mut authors = self.authors(space)?;
        let directory = self.shared_directory().unwrap_or_default();
        for id in held {
            let Some(opened) = self.open_held(space, id)? else {
                continue;
            };
            let device = opened.envelope.header().author_device;
            let author = self.resolve_author(&device, space, &directory);
            let actors = opened.payload.run_nonces.iter();
            let actors = actors.map(|nonce| Actor::derive(&space.0, &device.0, &nonce.0));
            authors.extend(actors.filter_map(|actor| Some((*actor.as_bytes(), author.clone()?))));
        }
        let known = nahtlos_casework::conflicts(before, kind, &authors);
        let mut made = nahtlos_casework::conflicts(after, kind, &authors);
        made.retain(|one| known.iter().all(|other| other.id != one.id));
        Ok(made)
    }

    /// A held envelope as the list shows it, by the beginning of its id.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`].
    pub fn held_named(&self, id: &str) -> Result<HeldEnvelope, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        self.held_envelope(&self.find_held(id)?, &directory)
    }

    /// A document with what this device typed into a held envelope that does not open here any more: its key
    /// is of a branch that was lost, or what it builds on is.
    fn with_as_typed(&self, document: &Document, id: &EnvelopeId) -> Result<Document, ClientError> {
        let kept = self.vault.get(Collection::Draft, &as_typed_key(id))?;
        let kept: HeldRecord = records::decode(&kept.ok_or_else(does_not_fit)?)?;
        let HeldItem::Edits { edits } = kept.item else {
            return Err(does_not_fit());
        };
        let (mut document, author) = (document.clone(), self.case_author()?);
        for edit in &edits {
            let typed = serde_json::from_str(&edit.edit).map_err(|_| does_not_fit())?;
            apply_edit(&mut document, &typed, &author, edit.typed_at_ms)?;
        }
        Ok(document)
    }

    /// Adopts a held envelope: this device's next envelope in that section names it as a parent, and
    /// so vouches for it and for what it builds on. Carried out at the next sync.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`], [`ClientError::NoRight`];
    /// [`ClientError::DiscardWaits`]; [`ClientError::HeldNotOpened`] where it cannot be opened here or does not fit the section.
    pub fn held_adopt(&mut self, id: &str) -> Result<(), ClientError> {
        // It would show here as adopted, and nobody else would ever hear of it.
        self.require_sending()?;
        let found = self.find_held(id)?;
        self.require_no_discard_waiting(&found)?;
        let no_right = |reason: &str| ClientError::NoRight {
            action: "adopt this edit",
            reason: reason.to_owned(),
        };
        if is_voided(&found.fact) {
            return Err(no_right("a manager of the section has discarded it"));
        }
        if !self.may_adopt(&found) {
            return Err(no_right(
                "only a manager of the section, or its author who may still write there, adopts it",
            ));
        }
        let facts = self.facts(&found.space)?;
        let state = self.space_state(&found.space)?;
        let record = self.document_record(&found.space)?;
        let published = self.published_document(&found.space, &record)?;
        let mut adopted = self.adoptions(&found.space)?;
        if !adopted.contains(&found.id) {
            adopted.push(found.id);
        }
        self.with_adopted(&published, &state, &record, &facts, &adopted)
            .ok_or_else(does_not_fit)?;
        let known = self.vault.contains(Collection::Setting, &found.space.0)?;
        self.commit(|transaction| {
            put_adoptions(transaction, &found.space, &adopted)?;
            if !known {
                let space = &found.space.0;
                transaction.put(Collection::Setting, OUTBOX_SPACES, space, 0, b"")?;
            }
            Ok(())
        })?;
        self.documents.forget(&found.space);
        match self.label(&found.space) {
            Ok(label) => {
                let touched = BTreeSet::from([found.space]);
                self.refresh_summary(&label.case(), &touched)
            }
            Err(_) => Ok(()),
        }
    }

    /// A discard is a decision: another word about the same edit comes after it was carried out or dropped.
    fn require_no_discard_waiting(&self, found: &Found) -> Result<(), ClientError> {
        let waits = |record: &IntentRecord| match record.intent {
            Intent::Void { envelope, .. } => envelope == found.id,
            _ => false,
        };
        match self.waiting_intents()?.iter().any(waits) {
            true => Err(ClientError::DiscardWaits),
            false => Ok(()),
        }
    }

    /// Whether this device may discard a held edit.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`], [`ClientError::NoRight`];
    /// [`ClientError::DiscardWaits`].
    pub fn check_discard(&self, id: &str) -> Result<(), ClientError> {
        let found = self.find_held(id)?;
        self.require_no_discard_waiting(&found)?;
        if self.manages(&found.space) || self.is_own(&found.fact, &found.space) {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action: "discard this edit",
            reason: "only a manager of the section or its author discards it".into(),
        })
    }

    /// Discards a held envelope. By a manager it is voided for everybody at the next sync, so that its
    /// author learns it; the reason stays on this device. By its author's person, who may not manage,
    /// it is only marked here, and where it was decided about, put away: the reason may be empty then.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`], [`ClientError::NoRight`].
    pub fn held_discard(&mut self, id: &str, reason: &str) -> Result<(), ClientError> {
        if let Some((space, id)) = self.find_aside(id)? {
            return self.commit(|transaction| {
                transaction.delete(Collection::Held, &held_aside_key(&space, &id))?;
                delete_own_held(transaction, &id)
            });
        }
        self.check_discard(id)?;
        self.all_or_nothing(|this| this.discard_here_and_for_all(id, reason))
    }

    fn discard_here_and_for_all(&mut self, id: &str, reason: &str) -> Result<(), ClientError> {
        self.require_not_restored()?;
        let found = self.find_held(id)?;
        let manages = self.manages(&found.space);
        if manages && !is_voided(&found.fact) {
            let (space, envelope) = (found.space, found.id);
            self.decide(Intent::Void { space, envelope }, &found.space)?;
        }
        let (adopted, resettled) = self.without_adoption(&found)?;
        let (key, value) = (discard_key(&found.id), reason.as_bytes());
        let puts_away =
            self.is_own(&found.fact, &found.space) && !self.fate(&found.id)?.is_waiting();
        self.commit(|transaction| {
            if puts_away {
                transaction.delete(Collection::Draft, &as_typed_key(&found.id))?;
            }
            transaction.put(Collection::Counting, DISCARDS, &key, 0, value)?;
            put_resettled(transaction, &found.space, &resettled)?;
            put_adoptions(transaction, &found.space, &adopted)
        })?;
        if let Some(nonce) = resettled.run_nonce() {
            self.begin_run(nonce);
        }
        self.documents.forget(&found.space);
        Ok(())
    }

    /// What is adopted in a section besides an edit that is discarded now, and what becomes of what was
    /// typed on top: it is made again without it, or set aside where it needs it. What is sealed already
    /// names the edit as a parent, and goes out first.
    fn without_adoption(&self, found: &Found) -> Result<(Vec<EnvelopeId>, Resettled), ClientError> {
        let mut adopted = self.adoptions(&found.space)?;
        let is_sealed = self.sealed_spaces()?.contains(&found.space);
        if is_sealed || !adopted.contains(&found.id) {
            return Ok((adopted, Resettled::default()));
        }
        adopted.retain(|id| *id != found.id);
        let resettled = self.resettle_upon(&found.space, &adopted)?;
        Ok((adopted, resettled))
    }

    fn discard_reason(&self, id: &EnvelopeId) -> Result<Option<String>, ClientError> {
        let stored = self.vault.get(Collection::Counting, &discard_key(id))?;
        Ok(stored.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn held_envelopes(&self) -> Result<Vec<Found>, ClientError> {
        let mut found = Vec::new();
        for space in self.spaces_with_open_edits()? {
            // Adopted before a snapshot, and dropped with what adopted it: it is in the document.
            let covered = self.covered(&space)?;
            let facts = self.facts(&space)?;
            for (id, fact) in &facts {
                let is_held = fact.is_edit() && !fact.standing.counts();
                let is_in_the_document =
                    covered.contains(id) && may_be_adopted(&facts, &covered, (id, fact));
                if is_held && !is_in_the_document {
                    found.push(Found {
                        id: *id,
                        space,
                        fact: fact.clone(),
                    });
                }
            }
        }
        Ok(found)
    }

    /// One's own held edit whose copy was erased here, by the beginning of its id.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn held_aside(&self, id: &str) -> Result<Option<HeldLine>, ClientError> {
        let wanted = id.trim().to_lowercase();
        let mut aside = self.set_aside_edits()?;
        aside.retain(|line| {
            let known = line.id.as_deref().unwrap_or_default();
            wanted.len() >= ID_BEGINNING_MIN && known.starts_with(&wanted)
        });
        // Of several none: a longer beginning tells them apart.
        Ok(aside.pop().filter(|_| aside.is_empty()))
    }

    /// One's own edits that do not count and were typed on this device, as they were typed: refused, held or
    /// discarded ones.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn own_edits_kept(&self) -> Result<Vec<HeldLine>, ClientError> {
        let mut lines = self.set_aside_edits()?;
        for one in self.held_list()?.into_iter().filter(|one| one.own) {
            let Some(id) = EnvelopeId::from_hex(&one.id) else {
                continue;
            };
            let kept = self.vault.get(Collection::Draft, &as_typed_key(&id))?;
            let kept: Option<HeldRecord> = kept.map(|bytes| records::decode(&bytes)).transpose()?;
            let Some(HeldItem::Edits { edits }) = kept.map(|kept| kept.item) else {
                continue;
            };
            let edits = edits.iter();
            lines.push(HeldLine {
                reason: one.reason,
                sentence: one.sentence.to_owned(),
                space: Some(one.space),
                author: None,
                edits: edits.map(|edit| KeptEdit::of(&edit.edit)).collect(),
                id: Some(one.id),
                fate: Some(one.fate),
            });
        }
        Ok(lines)
    }

    fn find_aside(&self, id: &str) -> Result<Option<(SpaceId, EnvelopeId)>, ClientError> {
        let Some(line) = self.held_aside(id)? else {
            return Ok(None);
        };
        let space = line.space.as_deref().and_then(SpaceId::from_hex);
        let id = line.id.as_deref().and_then(EnvelopeId::from_hex);
        Ok(space.zip(id))
    }

    /// By the beginning of its id.
    fn find_held(&self, input: &str) -> Result<Found, ClientError> {
        let wanted = input.trim().to_lowercase();
        let mut found = self.held_envelopes()?;
        found.retain(|one| {
            wanted.len() >= ID_BEGINNING_MIN && one.id.to_string().starts_with(&wanted)
        });
        if found.len() > 1 {
            return Err(ClientError::Ambiguous {
                what: "held edits",
                input: input.to_owned(),
                matches: found.iter().map(|one| one.id.to_string()).collect(),
            });
        }
        found.pop().ok_or_else(|| ClientError::NotFound {
            what: "held edit",
            input: input.to_owned(),
        })
    }

    fn held_envelope(
        &self,
        found: &Found,
        directory: &Directory,
    ) -> Result<HeldEnvelope, ClientError> {
        let label = self.label(&found.space).ok();
        let who = self.person_of_device(&found.fact.author, &found.space);
        let institution = who.and_then(|(_, institution)| institution);
        let opened = self.open_held(&found.space, &found.id)?;
        let receipt = self.receipts().receipt(&found.id.into());
        let reason = match &found.fact.standing {
            Standing::Held { reason } => reason.clone(),
            _ => String::new(),
        };
        Ok(HeldEnvelope {
            id: found.id.to_string(),
            space: found.space.to_string(),
            case: label.as_ref().map(|label| hex(&label.case())),
            section: label.map(|label| label.kind),
            author: who.map_or_else(
                || found.fact.author.to_string(),
                |(person, _)| directory.person_name(&person),
            ),
            institution: institution.map_or_else(String::new, |id| directory.institution_name(&id)),
            own: self.is_own(&found.fact, &found.space),
            device: Fingerprint::of(&found.fact.author.0).to_string(),
            by_this_device: found.fact.author == self.device_id,
            device_revoked: who.and_then(|(person, _)| {
                let state = self.logs().state(&person)?;
                self.revocation(&state, &found.fact.author)
            }),
            typed_at_ms: opened.as_ref().and_then(typed_at_ms),
            received_at_ms: receipt.map(|receipt| receipt.accepted_at_ms),
            sentence: sentence(&reason),
            reason,
            edits: opened.map(|opened| opened.payload.changes.len() as u64),
            may_adopt: self.may_adopt(found),
            adopting: self.adoptions(&found.space)?.contains(&found.id),
            discarded: self.discard_reason(&found.id)?,
            fate: self.fate(&found.id)?,
        })
    }

    fn open_held(&self, space: &SpaceId, id: &EnvelopeId) -> Result<Option<Opened>, ClientError> {
        let state = self.space_state(space)?;
        let envelope = self.stored_envelope(id)?;
        Ok(envelope.and_then(|envelope| self.open_envelope(&state, envelope).ok()))
    }

    fn manages(&self, space: &SpaceId) -> bool {
        authority::right(&self.logs(), &self.device_id, space).at_least(Role::Manage)
    }

    fn is_own(&self, fact: &Fact, space: &SpaceId) -> bool {
        let person = self.person_of_device(&fact.author, space);
        fact.author == self.device_id
            || person.is_some_and(|(person, _)| self.device.person == Some(person))
    }

    fn may_adopt(&self, found: &Found) -> bool {
        let right = authority::right(&self.logs(), &self.device_id, &found.space);
        let own = right.at_least(Role::Write) && self.is_own(&found.fact, &found.space);
        !is_voided(&found.fact) && (right.at_least(Role::Manage) || own)
    }
}

pub(crate) fn discard_key(id: &EnvelopeId) -> Vec<u8> {
    [b"d".as_slice(), &id.0].concat()
}

/// When the last of its edits was typed, by its author's clock.
fn typed_at_ms(opened: &Opened) -> Option<u64> {
    let changes = opened.payload.changes.iter();
    let times = changes.filter_map(|change| {
        let change = EncodedChange::from_bytes(change.0.clone()).ok()?;
        u64::try_from(change.time_seconds()).ok()
    });
    times.max().map(|seconds| seconds.saturating_mul(1000))
}

/// Whether the relay took it in before the right of its device ended.
fn came_in_its_time(line: &HeldEnvelope) -> bool {
    let ended = line.device_revoked.as_ref();
    let ended = ended.and_then(|revoked| revoked.refused_since_ms);
    let times = ended.zip(line.received_at_ms);
    times.is_some_and(|(ended_ms, received_ms)| received_ms < ended_ms)
}

fn does_not_fit() -> ClientError {
    ClientError::HeldNotOpened
}

/// Why an envelope does not count, in words.
pub(crate) fn sentence(reason: &str) -> &'static str {
    match reason {
        "access_ended" => "access had ended when it was delivered",
        "access_reduced" => "access was to read only when it was delivered",
        "never_entitled" => "there was no right to write it",
        "closed" => "the section was closed when it was delivered",
        "voided" => "a manager has discarded it",
        "builds_on_voided" => "it builds on something that a manager has discarded",
        "covers_held" => "it is a summary of edits of which some do not count",
        _ => "it does not count",
    }
}
