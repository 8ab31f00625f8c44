//! Brings what is carried to the relay as it came, and takes the answers.

use std::collections::BTreeSet;

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::{ItemResult, PushItem, Status, VerdictCode};

use super::{CarriedItem, CarriedRecord, delete_carried, space_of};
use crate::error::ClientError;
use crate::ingest::NOT_LOOKED_AT;
use crate::nahtlos::{Nahtlos, put_sync};
use crate::outbox::put_arrived;
use crate::records;
use crate::vault::Collection;

/// What the relay said of what was brought to it for others.
#[derive(Default)]
pub(crate) struct CarriedAnswers {
    pub delivered: u64,
    pub touched: BTreeSet<SpaceId>,
    pub notices: Vec<String>,
}

impl Nahtlos {
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
