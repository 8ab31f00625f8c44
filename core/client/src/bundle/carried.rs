//! What came by a bundle and bears no receipt: kept apart from what counts until a relay has it.
//!
//! Edits are shown above the document ([`super::overlay`]) and are no part of it. A section that is new to
//! the relay is replayed as any log, since nothing can stand against it, and nothing is sealed, wrapped or
//! decided there before the relay has it. Any other change of access without a receipt is refused: two
//! devices could be told different ones.
//!
//! At the next sync everything is brought to the relay as it came. Its answer settles each item.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId, ItemId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{SpaceState, Wrap, authority};
use nahtlos_protocol::wire::{ItemResult, PushItem, Status, VerdictCode};

use super::CarriedLine;
use super::items::{Brought, Object};
use crate::apply::NotApplied;
use crate::counting::KnowledgeCache;
use crate::error::ClientError;
use crate::ingest::{NOT_LOOKED_AT, put_unsettled, signed_wraps};
use crate::logs;
use crate::nahtlos::{Nahtlos, put_sync, put_wrap};
use crate::offering::is_long_ago;
use crate::outbox::put_arrived;
use crate::records;
use crate::vault::{Collection, Transaction};

/// Items that a device carries for others at most, and their bytes: what somebody who hands over a
/// made-up file can fill at most.
const CARRIED_ITEMS_MAX: u64 = 20_000;
const CARRIED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One item without a receipt: `Collection::Carried`, key = item. Operations of a space and its envelopes
/// are two groups.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct CarriedRecord {
    #[n(0)]
    pub item: CarriedItem,
    /// When it came in, by this device's clock, Unix milliseconds.
    #[n(1)]
    pub since_ms: u64,
    /// How much had arrived when the relay last did not take it.
    #[n(2)]
    pub tried_at: Option<u64>,
    /// When that was, Unix milliseconds.
    #[n(3)]
    pub tried_at_ms: Option<u64>,
    /// The relay refused it for good. Kept of operations alone: the section they found is here.
    #[n(4)]
    pub refused: bool,
    /// Where it stands among all that came in here.
    #[n(5)]
    pub arrival: u64,
}

/// What is carried.
#[derive(Clone, Encode, Decode)]
pub(crate) enum CarriedItem {
    #[n(0)]
    Operation {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
        #[n(1)]
        wraps: Vec<Wrap>,
    },
    #[n(1)]
    Envelope {
        #[cbor(n(0), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
}

/// Something that no relay acknowledged and this device does not take in either.
pub(crate) struct Refused {
    pub author: DeviceId,
    pub space: SpaceId,
    /// Stable word.
    pub reason: &'static str,
}

/// What looking at everything that is carried changed.
#[derive(Default)]
pub(crate) struct Settled {
    pub touched: BTreeSet<SpaceId>,
    pub refused: Vec<Refused>,
}

/// What the relay said of what was brought to it for others.
#[derive(Default)]
pub(crate) struct CarriedAnswers {
    pub delivered: u64,
    pub touched: BTreeSet<SpaceId>,
    pub notices: Vec<String>,
}

/// What became of a carried operation.
enum Judged {
    Replays(Box<SpaceState>),
    Waits,
    Refused(&'static str),
}

impl CarriedRecord {
    fn is_to_wait(&self, arrived: u64, now_ms: u64) -> bool {
        let nothing_came = self.tried_at.is_some_and(|tried_at| tried_at >= arrived);
        let a_day_passed = self
            .tried_at_ms
            .is_some_and(|at_ms| is_long_ago(at_ms, now_ms));
        self.refused || (nothing_came && !a_day_passed)
    }

    /// The space it is of.
    pub fn space(&self) -> Option<SpaceId> {
        space_of(&self.item)
    }

    fn push_item(&self) -> PushItem {
        match self.item.clone() {
            CarriedItem::Operation { bytes, wraps } => PushItem::Operation {
                bytes,
                wraps,
                receipt: None,
            },
            CarriedItem::Envelope { bytes } => PushItem::Envelope {
                bytes,
                receipt: None,
            },
        }
    }

    fn bytes(&self) -> usize {
        match &self.item {
            CarriedItem::Operation { bytes, wraps } => {
                let wraps = wraps.iter().map(|wrap| wrap.bytes.len());
                bytes.len() + wraps.sum::<usize>()
            }
            CarriedItem::Envelope { bytes } => bytes.len(),
        }
    }

    fn put(
        &self,
        transaction: &Transaction<'_>,
        space: &SpaceId,
        item: &ItemId,
    ) -> Result<(), ClientError> {
        let group = match &self.item {
            CarriedItem::Operation { .. } => operations_of(space),
            CarriedItem::Envelope { .. } => envelopes_of(space),
        };
        let position = i64::try_from(self.arrival).unwrap_or(i64::MAX);
        let value = records::encode(self);
        transaction.put(Collection::Carried, &group, &item.0, position, &value)?;
        Ok(())
    }
}

impl Nahtlos {
    /// Keeps what came without a receipt. Returns which of it is new here.
    ///
    /// # Errors
    /// [`super::BundleError::TooMuchCarried`].
    pub(super) fn keep_carried(
        &mut self,
        brought: Vec<Brought>,
    ) -> Result<Vec<ItemId>, ClientError> {
        let mut position = self.sync_record()?;
        let (since_ms, mut kept, mut seen) = (self.now_ms(), Vec::new(), BTreeSet::new());
        for one in brought {
            let Some(space) = one.object.as_ref().map(Object::space) else {
                continue;
            };
            if !seen.insert(one.id) || self.vault.contains(Collection::Carried, &one.id.0)? {
                continue;
            }
            let item = match one.object {
                Some(Object::Operation(_)) => CarriedItem::Operation {
                    bytes: one.item.bytes,
                    wraps: one.item.wraps,
                },
                _ => CarriedItem::Envelope {
                    bytes: one.item.bytes,
                },
            };
            position.arrivals = position.arrivals.saturating_add(1);
            let record = CarriedRecord {
                item,
                since_ms,
                tried_at: None,
                tried_at_ms: None,
                refused: false,
                arrival: position.arrivals,
            };
            kept.push((space, one.id, record));
        }
        self.require_room_for(kept.iter().map(|(.., record)| record.bytes()))?;
        self.commit(|transaction| {
            for (space, item, record) in &kept {
                record.put(transaction, space, item)?;
            }
            put_sync(transaction, &position)
        })?;
        Ok(kept.into_iter().map(|(_, item, ..)| item).collect())
    }

    fn require_room_for(
        &self,
        new: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(), ClientError> {
        if new.len() == 0 {
            return Ok(());
        }
        let items = self.vault.count(Collection::Carried)? + new.len() as u64;
        let here = self.carried()?;
        let bytes = here.iter().map(|(_, record)| record.bytes()).sum::<usize>();
        if items > CARRIED_ITEMS_MAX || bytes + new.sum::<usize>() > CARRIED_BYTES_MAX {
            return Err(super::BundleError::TooMuchCarried.into());
        }
        Ok(())
    }

    /// Whether anything is carried at all: where not, nothing here costs anything.
    pub(crate) fn carries_anything(&self) -> Result<bool, ClientError> {
        Ok(self.vault.count(Collection::Carried)? > 0)
    }

    /// Whether a section is here only because a bundle brought it: the relay may not have it, so nothing is
    /// sealed, wrapped or decided there.
    pub(crate) fn is_carried_section(&self, space: &SpaceId) -> Result<bool, ClientError> {
        let last = self
            .vault
            .last_position(Collection::Carried, &operations_of(space))?;
        Ok(last.is_some())
    }

    /// Everything carried, in the order in which it came.
    pub(super) fn carried(&self) -> Result<Vec<(ItemId, CarriedRecord)>, ClientError> {
        let mut carried = Vec::new();
        for (key, bytes) in self.vault.list_all(Collection::Carried)? {
            if let Some(item) = ItemId::from_slice(&key) {
                carried.push((item, records::decode(&bytes)?));
            }
        }
        Ok(carried)
    }

    /// Envelopes of a space that are carried.
    pub(super) fn carried_envelopes(&self, space: &SpaceId) -> Result<Vec<Envelope>, ClientError> {
        let group = envelopes_of(space);
        if self
            .vault
            .last_position(Collection::Carried, &group)?
            .is_none()
        {
            return Ok(Vec::new());
        }
        let mut envelopes = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Carried, &group)? {
            let record: CarriedRecord = records::decode(&bytes)?;
            if let CarriedItem::Envelope { bytes } = record.item {
                envelopes.extend(Envelope::decode(&bytes).ok());
            }
        }
        Ok(envelopes)
    }

    /// Looks at everything that is carried with the newest logs: new sections are replayed, what contradicts
    /// something is refused, and what has arrived otherwise, or in another form, is let go.
    pub(crate) fn settle_carried(&mut self) -> Result<Settled, ClientError> {
        let mut settled = Settled::default();
        if !self.carries_anything()? {
            return Ok(settled);
        }
        self.settle_operations(&mut settled)?;
        self.settle_envelopes(&mut settled)?;
        Ok(settled)
    }

    fn settle_operations(&mut self, settled: &mut Settled) -> Result<(), ClientError> {
        let (mut waiting, mut ours) = (Vec::new(), BTreeSet::new());
        for (item, record) in self.carried()? {
            let CarriedItem::Operation { bytes, wraps } = record.item else {
                continue;
            };
            let Ok(signed) = SignedOperation::decode(&bytes) else {
                continue;
            };
            if self.logs().contains(&signed) {
                ours.insert(item);
            } else {
                waiting.push((signed, wraps));
            }
        }
        let (mut replayed, mut refused) = (Vec::new(), Vec::new());
        loop {
            let (before, mut left) = (waiting.len(), Vec::new());
            for (signed, wraps) in waiting {
                match self.judge_operation(&signed, &ours) {
                    Judged::Replays(state) => {
                        settled.touched.insert(state.id());
                        self.cache.set(*state);
                        ours.insert(signed.id().into());
                        let wraps = signed_wraps(&signed, wraps);
                        replayed.push((signed, wraps));
                    }
                    Judged::Waits => left.push((signed, wraps)),
                    Judged::Refused(reason) => refused.push((signed, reason)),
                }
            }
            if left.is_empty() || left.len() == before {
                break;
            }
            waiting = left;
        }
        settled
            .refused
            .extend(refused.iter().map(|(signed, reason)| Refused {
                author: signed.operation().author,
                space: signed.space(),
                reason,
            }));
        self.commit(|transaction| {
            for (signed, wraps) in &replayed {
                logs::store(transaction, signed)?;
                for wrap in wraps {
                    put_wrap(transaction, signed, wrap)?;
                }
            }
            for (signed, _) in &refused {
                delete_carried(transaction, &signed.id().into())?;
            }
            put_unsettled(transaction, &settled.touched)
        })
    }

    /// Only a section that no relay has acknowledged, founded by somebody of the network, and what follows
    /// in its log.
    fn judge_operation(&self, signed: &SignedOperation, ours: &BTreeSet<ItemId>) -> Judged {
        let logs = self.logs();
        let body = signed.operation();
        let state = match logs.replay(signed) {
            Ok(state) => state,
            Err(ReplayError::UnknownReference(_) | ReplayError::MissingLog(_)) => {
                return Judged::Waits;
            }
            Err(ReplayError::NotNext) => {
                let length = logs.load(&signed.space()).ok().flatten();
                let is_taken = length.is_some_and(|state| state.length() > body.index);
                return if is_taken {
                    Judged::Refused("place_taken")
                } else {
                    Judged::Waits
                };
            }
            Err(ReplayError::BadSignature) => return Judged::Refused("bad_signature"),
            Err(ReplayError::NeedsNewer { .. }) => return Judged::Refused("needs_newer"),
            Err(_) => return Judged::Refused("invalid"),
        };
        let before = body.previous.map(ItemId::from);
        let follows_receipts = before.is_some_and(|before| !ours.contains(&before));
        if state.kind() != Kind::Section || follows_receipts {
            return Judged::Refused("no_receipt");
        }
        if !self.is_of_the_network(&body.author) {
            return Judged::Refused("not_admitted");
        }
        Judged::Replays(Box::new(state))
    }

    fn is_of_the_network(&self, device: &DeviceId) -> bool {
        let network = self.network();
        network.is_ok_and(|network| {
            let right = authority::right(&self.logs(), device, &network);
            right.role.is_some()
        })
    }

    fn settle_envelopes(&mut self, settled: &mut Settled) -> Result<(), ClientError> {
        let mut gone = Vec::new();
        let mut known = KnowledgeCache::default();
        for (item, record) in self.carried()? {
            let CarriedItem::Envelope { bytes } = record.item else {
                continue;
            };
            let Ok(envelope) = Envelope::decode(&bytes) else {
                gone.push(item);
                continue;
            };
            let space = envelope.header().space;
            if self.has_come_otherwise(&envelope)? {
                settled.touched.insert(space);
                gone.push(item);
                continue;
            }
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            if let Err(NotApplied::Refused(reason, _)) =
                self.verified_fact(&state, &envelope, &mut known)
            {
                settled.refused.push(Refused {
                    author: envelope.header().author_device,
                    space,
                    reason,
                });
                gone.push(item);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            gone.iter()
                .try_for_each(|item| delete_carried(transaction, item))
        })
    }

    /// Whether the relay has this very envelope, or a later one of its author: one that the relay did not
    /// take was sealed anew, under the same number.
    fn has_come_otherwise(&self, envelope: &Envelope) -> Result<bool, ClientError> {
        let header = envelope.header();
        if self
            .vault
            .contains(Collection::Envelope, &envelope.id().0)?
        {
            return Ok(true);
        }
        let is_edit = header.kind == EnvelopeKind::Changes;
        let facts = self.facts(&header.space)?;
        Ok(facts.iter().any(|(_, fact)| {
            is_edit
                && fact.is_edit()
                && fact.author == header.author_device
                && fact.author_sequence >= header.author_sequence
        }))
    }

    /// What is brought to the relay next, but for what was tried in this session; operations first.
    pub(crate) fn next_carried(
        &self,
        tried: &BTreeSet<ItemId>,
    ) -> Result<Vec<(ItemId, SpaceId, PushItem)>, ClientError> {
        if !self.carries_anything()? {
            return Ok(Vec::new());
        }
        let (position, now_ms) = (self.sync_record()?, self.now_ms());
        let mut carried = self.carried()?;
        carried.retain(|(item, record)| {
            !tried.contains(item) && !record.is_to_wait(position.arrivals, now_ms)
        });
        carried.sort_by_key(|(_, record)| matches!(record.item, CarriedItem::Envelope { .. }));
        let (mut push, mut bytes) = (Vec::new(), 0);
        for (item, record) in carried {
            if push.len() >= limits::PUSH_ITEMS_MAX || bytes > position.line_bytes() as usize {
                break;
            }
            bytes += record.bytes();
            if let Some(space) = space_of(&record.item) {
                push.push((item, space, record.push_item()));
            }
        }
        Ok(push)
    }

    /// Takes the relay's answers to what was brought to it. `proven` says that a receipt of the relay for
    /// this very item came with it.
    pub(crate) fn carried_answered(
        &mut self,
        answers: &[(ItemId, &ItemResult, bool)],
    ) -> Result<CarriedAnswers, ClientError> {
        let mut said = CarriedAnswers::default();
        let mut position = self.sync_record()?;
        let (mut arrived, mut done, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (item, result, proven) in answers {
            let Some(bytes) = self.vault.get(Collection::Carried, &item.0)? else {
                continue;
            };
            let mut record: CarriedRecord = records::decode(&bytes)?;
            let Some(space) = space_of(&record.item) else {
                continue;
            };
            if *proven {
                said.delivered += 1;
                said.touched.insert(space);
                position.arrivals = position.arrivals.saturating_add(1);
                if let CarriedItem::Envelope { bytes } = &record.item
                    && let Ok(envelope) = Envelope::decode(bytes)
                {
                    arrived.push((envelope, position.arrivals));
                }
                done.push(*item);
                continue;
            }
            let is_final = result.status == Status::Rejected && result.code.is_some_and(is_final);
            let is_operation = matches!(record.item, CarriedItem::Operation { .. });
            if is_final {
                said.touched.insert(space);
                said.notices.push(self.refusal_in_words(&record, result));
            }
            if is_final && !is_operation {
                done.push(*item);
                continue;
            }
            record.refused = is_final;
            record.tried_at = Some(position.arrivals);
            record.tried_at_ms = Some(self.now_ms());
            left.push((space, *item, record));
        }
        self.commit(|transaction| {
            for (envelope, at) in &arrived {
                if transaction
                    .get(Collection::Envelope, &envelope.id().0)?
                    .is_none()
                {
                    let at = i64::try_from(*at).unwrap_or(i64::MAX);
                    put_arrived(transaction, envelope, at, NOT_LOOKED_AT)?;
                }
            }
            for item in &done {
                delete_carried(transaction, item)?;
            }
            for (space, item, record) in &left {
                record.put(transaction, space, item)?;
            }
            put_sync(transaction, &position)
        })?;
        Ok(said)
    }

    fn refusal_in_words(&self, record: &CarriedRecord, result: &ItemResult) -> String {
        let who = match &record.item {
            CarriedItem::Operation { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| self.author_in_words(&signed.operation().author)),
            CarriedItem::Envelope { bytes } => Envelope::decode(bytes)
                .ok()
                .map(|envelope| self.author_in_words(&envelope.header().author_device)),
        };
        let what = match &record.item {
            CarriedItem::Operation { .. } => "a new section",
            CarriedItem::Envelope { .. } => "an edit",
        };
        format!(
            "{what} of {}, brought here by a bundle, was refused by the relay ({}); it stays on their device",
            who.unwrap_or_else(|| "somebody".into()),
            result.code.map_or("refused", VerdictCode::word)
        )
    }

    /// What is carried, by section and author.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn carried_lines(&self) -> Result<Vec<CarriedLine>, ClientError> {
        let mut lines: BTreeMap<(SpaceId, DeviceId, &'static str), CarriedLine> = BTreeMap::new();
        if !self.carries_anything()? {
            return Ok(Vec::new());
        }
        let (mut known, mut shown) = (KnowledgeCache::default(), BTreeMap::new());
        for (_, record) in self.carried()? {
            let (author, space, edits, state) = match &record.item {
                CarriedItem::Operation { bytes, .. } => {
                    let Ok(signed) = SignedOperation::decode(bytes) else {
                        continue;
                    };
                    let state = match (record.refused, self.logs().contains(&signed)) {
                        (true, _) => "refused",
                        (false, true) => "shown",
                        (false, false) => "waits",
                    };
                    (signed.operation().author, signed.space(), 0, state)
                }
                CarriedItem::Envelope { bytes } => {
                    let Ok(envelope) = Envelope::decode(bytes) else {
                        continue;
                    };
                    let space = envelope.header().space;
                    if let std::collections::btree_map::Entry::Vacant(new) = shown.entry(space) {
                        let ids = self.shown_of_carried(&space)?;
                        new.insert(ids);
                    }
                    let is_shown = shown
                        .get(&space)
                        .is_some_and(|ids: &BTreeSet<EnvelopeId>| ids.contains(&envelope.id()));
                    let state = match (is_shown, self.may_write(&envelope, &mut known)?) {
                        (true, _) => "shown",
                        (false, Some(false)) => "may_not_write",
                        (false, _) => "waits",
                    };
                    (envelope.header().author_device, space, 1, state)
                }
            };
            let line = lines
                .entry((space, author, state))
                .or_insert_with(|| CarriedLine {
                    author: self.author_in_words(&author),
                    space: space.to_string(),
                    edits: 0,
                    is_new_section: false,
                    since_ms: record.since_ms,
                    state,
                });
            line.edits += edits;
            line.is_new_section |= edits == 0;
            line.since_ms = line.since_ms.min(record.since_ms);
        }
        Ok(lines.into_values().collect())
    }

    /// Whether the author may write there by what is known here; none where that is not known.
    pub(super) fn may_write(
        &self,
        envelope: &Envelope,
        known: &mut KnowledgeCache,
    ) -> Result<Option<bool>, ClientError> {
        let Some(state) = self.logs().load(&envelope.header().space)? else {
            return Ok(None);
        };
        let fact = self.verified_fact(&state, envelope, known).ok();
        let suspended = self.suspended(&state);
        Ok(fact.map(|fact| self.counts_by_itself(&state, &fact, &suspended, known)))
    }
}

/// What has arrived otherwise, or was settled, is carried no more.
pub(crate) fn delete_carried(
    transaction: &Transaction<'_>,
    item: &ItemId,
) -> Result<(), ClientError> {
    transaction.delete(Collection::Carried, &item.0)?;
    Ok(())
}

fn space_of(item: &CarriedItem) -> Option<SpaceId> {
    match item {
        CarriedItem::Operation { bytes, .. } => {
            let signed = SignedOperation::decode(bytes).ok();
            signed.map(|signed| signed.space())
        }
        CarriedItem::Envelope { bytes } => {
            let envelope = Envelope::decode(bytes).ok();
            envelope.map(|envelope| envelope.header().space)
        }
    }
}

fn operations_of(space: &SpaceId) -> Vec<u8> {
    [b"o".as_slice(), &space.0].concat()
}

fn envelopes_of(space: &SpaceId) -> Vec<u8> {
    [b"e".as_slice(), &space.0].concat()
}

/// Whether the same bytes are refused whoever brings them, and whenever.
fn is_final(code: VerdictCode) -> bool {
    matches!(
        code,
        VerdictCode::Malformed
            | VerdictCode::TooLarge
            | VerdictCode::BadSignature
            | VerdictCode::NotEntitled
            | VerdictCode::LogMoved
            | VerdictCode::Invalid
            | VerdictCode::WrapMismatch
            | VerdictCode::Unsupported
    )
}
