//! What became of one's own held edits.
//!
//! Who still reads the section knows it by the logs. Who lost it is served nothing of it any more: their
//! device asks the relay about each such edit at every sync, until it hears a decision. That answer is
//! signed, but it is the relay's word and nobody can check it; so it is kept apart from what counts, and
//! said to be the relay's. What was typed stays here until its author puts it away.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::wire::{ItemResult, Status, VerdictCode};
use serde::Serialize;

use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::outbox::{as_typed_key, held_aside_key};
use crate::rebuilding::is_voided;
use crate::records;
use crate::revocation::Revocation;
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Counting` of [`OwnHeldRecord`]; key = `o` ‖ envelope.
const OWN_HELD: &[u8] = b"own-held";
/// Key in `Collection::Setting` of what a person was told of held edits: [`Told`].
const TOLD: &[u8] = b"held-told";
/// Questions in one sync. The relay keeps no more of one device in its held lane.
const QUESTIONS_MAX: usize = 200;

/// What became of a held edit, and by whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Fate {
    /// Nobody decided about it, as far as this device knows.
    #[n(0)]
    Waiting,
    /// It counts, by the logs.
    #[n(1)]
    Adopted,
    /// A manager discarded it or what it builds on, by the logs.
    #[n(2)]
    Discarded,
    /// The relay says that it was adopted.
    #[n(3)]
    RelaySaysAdopted,
    /// The relay says that a manager discarded it or what it builds on.
    #[n(4)]
    RelaySaysDiscarded,
}

impl Fate {
    /// Whether a decision is still to come.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        self == Self::Waiting
    }

    /// Whether it counts, by whosever word.
    #[must_use]
    pub fn is_adopted(self) -> bool {
        matches!(self, Self::Adopted | Self::RelaySaysAdopted)
    }

    /// Whether it was discarded, by whosever word.
    #[must_use]
    pub fn is_discarded(self) -> bool {
        matches!(self, Self::Discarded | Self::RelaySaysDiscarded)
    }

    /// What the relay said when it held an edit for this reason.
    pub(crate) fn held_for(reason: &str) -> Self {
        if reason == VerdictCode::Voided.word() {
            Self::RelaySaysDiscarded
        } else {
            Self::Waiting
        }
    }

    /// The decision that the relay's answer to a question tells; none where it tells none.
    fn told_by(result: &ItemResult) -> Option<Self> {
        match (result.status, result.code) {
            (Status::Duplicate, None) => Some(Self::RelaySaysAdopted),
            (Status::Held | Status::Duplicate, Some(VerdictCode::Voided)) => {
                Some(Self::RelaySaysDiscarded)
            }
            _ => None,
        }
    }
}

/// An envelope of this device that the relay holds or held: `Collection::Counting`.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
struct OwnHeldRecord {
    #[n(0)]
    space: SpaceId,
    /// What the relay said of it last.
    #[n(1)]
    relay_says: Fate,
}

/// What a person was told last, of each held edit.
type Told = Vec<(EnvelopeId, Fate)>;

/// A held edit of which a person was not told yet how it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HeldNews {
    /// Whether it was written in the name of this device's person.
    pub own: bool,
    /// Short fingerprint of the device it was written on, where that is not this one.
    pub device: Option<String>,
    /// How that device's right ended.
    pub device_revoked: Option<Revocation>,
    /// How it stands now.
    pub fate: Fate,
    /// Hexadecimal space id.
    pub space: String,
    /// Stable word: why it was held.
    pub reason: String,
    /// In words.
    pub sentence: &'static str,
    /// Hexadecimal envelope id.
    pub id: String,
}

impl HeldNews {
    /// Whether somebody has to look at it.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        !self.fate.is_adopted()
    }
}

impl Nahtlos {
    /// Held edits of which a person was not told yet how they stand: what is newly held, and what was
    /// decided about one's own. Telling them is noted: the same is no news the next time.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn tell_held_news(&mut self) -> Result<Vec<HeldNews>, ClientError> {
        let (now, settled) = self.held_now()?;
        let before: Told = match self.vault.get(Collection::Setting, TOLD)? {
            Some(bytes) => records::decode(&bytes)?,
            None => Vec::new(),
        };
        let known: Told = now.iter().map(|(id, news)| (*id, news.fate)).collect();
        if known == before && settled.is_empty() {
            return Ok(Vec::new());
        }
        let told: BTreeMap<EnvelopeId, Fate> = before.into_iter().collect();
        let is_news = |id: &EnvelopeId, fate| match told.get(id) {
            Some(before) => *before != fate,
            // Nobody was told that it was held: then it is no news that it counts.
            None => fate != Fate::Adopted,
        };
        let news = now.into_iter().filter(|(id, one)| is_news(id, one.fate));
        let mut news: Vec<HeldNews> = news.map(|(_, one)| one).collect();
        news.retain(|one| one.fate.is_waiting() || one.own);
        news.sort();
        self.commit(|transaction| {
            transaction.put(Collection::Setting, b"", TOLD, 0, &records::encode(&known))?;
            // The section shows them: nothing of them is to be asked or kept beside it.
            for id in &settled {
                transaction.delete(Collection::Counting, &own_held_key(id))?;
                transaction.delete(Collection::Draft, &as_typed_key(id))?;
            }
            Ok(())
        })?;
        Ok(news)
    }

    /// How every held edit stands that this device's person has to do with, and those of one's own that
    /// count by the logs now.
    fn held_now(&self) -> Result<(BTreeMap<EnvelopeId, HeldNews>, Vec<EnvelopeId>), ClientError> {
        let mut now = BTreeMap::new();
        for line in self.held_list()? {
            // What a person decided here is nothing to tell them.
            let decided = line.adopting || line.discarded.is_some();
            let id = EnvelopeId::from_hex(&line.id).filter(|_| !decided);
            now.extend(id.map(|id| {
                let news = HeldNews {
                    own: line.own,
                    device: Some(line.device).filter(|_| !line.by_this_device),
                    device_revoked: line.device_revoked.filter(|_| !line.by_this_device),
                    fate: line.fate,
                    space: line.space,
                    sentence: crate::held::sentence(&line.reason),
                    reason: line.reason,
                    id: line.id,
                };
                (id, news)
            }));
        }
        let mut settled = Vec::new();
        for (id, record) in self.own_held()? {
            let fate = self.fate(&id)?;
            let aside = self.aside_because(&record.space, &id)?;
            let fact = self.fact(&id)?;
            if fact.is_some_and(|fact| fact.standing.counts_for_good()) {
                settled.push(id);
            }
            if fate == Fate::Adopted || aside.is_some() {
                let reason = aside.unwrap_or_default();
                now.entry(id).or_insert_with(|| HeldNews {
                    own: true,
                    device: None,
                    device_revoked: None,
                    fate,
                    space: record.space.to_string(),
                    sentence: crate::held::sentence(&reason),
                    reason,
                    id: id.to_string(),
                });
            }
        }
        Ok((now, settled))
    }

    /// How an edit stands: by the logs where this device has it and reads the section, else by the
    /// relay's word.
    pub(crate) fn fate(&self, id: &EnvelopeId) -> Result<Fate, ClientError> {
        let fact = self.fact(id)?;
        if let Some(fact) = &fact {
            if fact.standing.counts() {
                return Ok(Fate::Adopted);
            }
            if is_voided(fact) {
                return Ok(Fate::Discarded);
            }
        }
        let Some(bytes) = self.vault.get(Collection::Counting, &own_held_key(id))? else {
            return Ok(Fate::Waiting);
        };
        let record: OwnHeldRecord = records::decode(&bytes)?;
        let by_logs = fact.is_some() && self.reads(&record.space);
        Ok(if by_logs {
            Fate::Waiting
        } else {
            record.relay_says
        })
    }

    /// Envelopes of one's own whose fate only the relay can tell, as many as one sync asks about.
    pub(crate) fn questions(&self) -> Result<Vec<EnvelopeId>, ClientError> {
        let mut questions = Vec::new();
        for (id, record) in self.own_held()? {
            let is_here = self.fact(&id)?.is_some() && self.reads(&record.space);
            if !is_here && self.fate(&id)?.is_waiting() {
                questions.push(id);
            }
        }
        questions.truncate(QUESTIONS_MAX);
        Ok(questions)
    }

    /// Keeps what the relay decided to say. What says nothing of a decision changes nothing.
    pub(crate) fn questions_answered(
        &mut self,
        answers: &[(EnvelopeId, &ItemResult)],
    ) -> Result<(), ClientError> {
        let mut decided = Vec::new();
        for (id, result) in answers {
            let stored = self.vault.get(Collection::Counting, &own_held_key(id))?;
            if let Some((bytes, relay_says)) = stored.zip(Fate::told_by(result)) {
                let record: OwnHeldRecord = records::decode(&bytes)?;
                decided.push((*id, record.space, relay_says));
            }
        }
        if decided.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            for (id, space, relay_says) in &decided {
                put_own_held(transaction, id, space, *relay_says)?;
            }
            Ok(())
        })
    }

    fn own_held(&self) -> Result<Vec<(EnvelopeId, OwnHeldRecord)>, ClientError> {
        let stored = self.vault.list(Collection::Counting, OWN_HELD)?;
        let held = stored.iter().filter_map(|(key, bytes)| {
            let id = key.get(1..).and_then(EnvelopeId::from_slice)?;
            Some(records::decode(bytes).map(|record| (id, record)))
        });
        held.collect()
    }

    /// Envelopes of one's own that the relay holds or held, and their spaces.
    pub(crate) fn own_held_envelopes(&self) -> Result<Vec<(EnvelopeId, SpaceId)>, ClientError> {
        let held = self.own_held()?.into_iter();
        Ok(held.map(|(id, record)| (id, record.space)).collect())
    }

    /// Why the edits of an envelope are set aside, where its copy was erased here.
    fn aside_because(
        &self,
        space: &SpaceId,
        id: &EnvelopeId,
    ) -> Result<Option<String>, ClientError> {
        let stored = self
            .vault
            .get(Collection::Held, &held_aside_key(space, id))?;
        let Some(bytes) = stored else {
            return Ok(None);
        };
        let record: records::HeldRecord = records::decode(&bytes)?;
        Ok(Some(record.reason))
    }
}

/// Notes that the relay holds an envelope of one's own, or did.
pub(crate) fn put_own_held(
    transaction: &Transaction<'_>,
    id: &EnvelopeId,
    space: &SpaceId,
    relay_says: Fate,
) -> Result<(), ClientError> {
    let record = OwnHeldRecord {
        space: *space,
        relay_says,
    };
    let (key, value) = (own_held_key(id), records::encode(&record));
    transaction.put(Collection::Counting, OWN_HELD, &key, 0, &value)?;
    Ok(())
}

/// Forgets an envelope of one's own: its author put it away.
pub(crate) fn delete_own_held(
    transaction: &Transaction<'_>,
    id: &EnvelopeId,
) -> Result<(), ClientError> {
    transaction.delete(Collection::Counting, &own_held_key(id))?;
    Ok(())
}

fn own_held_key(id: &EnvelopeId) -> Vec<u8> {
    [b"o".as_slice(), &id.0].concat()
}
