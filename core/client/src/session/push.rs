//! What is pushed next, and what was pushed and is being answered? What is unanswered goes again first;
//! then what the relay has lost, lost branches, decisions, and what was typed.

use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, Nonce, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::Prepared;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::PushItem;

use super::{LEFT_OUT, PUSH_ROUNDS_MAX, Session};
use crate::admission::OfferedOperation;
use crate::error::ClientError;
use crate::intents::Decided;
use crate::offering::OfferRecord;
use crate::records::SealedRecord;
use crate::vault::Collection;

/// Decisions that the relay did not take in so many rounds wait, so that what was typed goes out: a
/// newcomer whose founding the relay refuses must not keep this device's edits back.
const DECIDING_ROUNDS_MAX: u32 = PUSH_ROUNDS_MAX / 2;
/// How often something that the relay has lost is offered within one session.
const OFFERED_MAX: u32 = 4;
/// Requests with less than there is room for, in which such items are offered within one session: these
/// are in causal order, so that one is enough where nothing else comes in between.
const SMALL_OFFERINGS_MAX: u32 = 8;

/// What was pushed and is being answered.
pub(super) enum InFlight {
    /// A founding operation of one's own, stored in the vault.
    Founding { key: Vec<u8>, space: SpaceId },
    /// An envelope, stored in the vault.
    Envelope {
        envelope: Box<Envelope>,
        edits: Vec<Nonce>,
    },
    /// An operation made from an intent.
    Decided(Box<Decided>),
    /// A newcomer's operation, offered for them: the relay does not send back what we pushed.
    Offered { request: Vec<u8>, bytes: Vec<u8> },
    /// Something the relay had lost, offered again.
    Lost(OfferRecord),
    /// A lost branch of a log, carried back.
    Heal(Box<Prepared>),
    /// Somebody else's that a bundle brought.
    Carried { item: ItemId, space: SpaceId },
    /// A held edit of one's own, asked about.
    Asked(EnvelopeId),
}

impl InFlight {
    /// What the answer must name.
    pub(super) fn item(&self) -> Option<ItemId> {
        match self {
            Self::Founding { key, .. } => ItemId::from_slice(key),
            Self::Envelope { envelope, .. } => Some(envelope.id().into()),
            Self::Decided(decided) => Some(decided.prepared.operation.id().into()),
            Self::Offered { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| signed.id().into()),
            Self::Lost(offer) => Some(offer.item),
            Self::Heal(heal) => Some(heal.operation.id().into()),
            Self::Carried { item, .. } => Some(*item),
            Self::Asked(id) => Some((*id).into()),
        }
    }

    /// The space whose log or content it is part of.
    pub(super) fn space(&self) -> Option<SpaceId> {
        match self {
            Self::Founding { space, .. } => Some(*space),
            Self::Envelope { envelope, .. } => Some(envelope.header().space),
            Self::Decided(decided) => Some(decided.prepared.operation.space()),
            Self::Offered { bytes, .. } => SignedOperation::decode(bytes)
                .ok()
                .map(|signed| signed.space()),
            Self::Lost(offer) => Some(offer.space),
            Self::Heal(heal) => Some(heal.operation.space()),
            Self::Carried { space, .. } => Some(*space),
            // Its receipt is known, or nothing here needs it.
            Self::Asked(_) => None,
        }
    }
}

impl Session<'_> {
    pub(super) fn push_unanswered(&mut self) -> Result<Vec<PushItem>, ClientError> {
        let mut push = Vec::new();
        if self.replica.is_cloned()? {
            return Ok(push);
        }
        let bytes_max = self.replica.sync_record()?.line_bytes() as usize;
        let receipts = self.replica.receipts();
        let mut bytes = 0;
        for (key, record) in self.replica.unanswered()? {
            if push.len() >= limits::PUSH_ITEMS_MAX || bytes > bytes_max {
                break;
            }
            match record {
                SealedRecord::Operation {
                    bytes: operation,
                    wraps,
                } if !self.not_admitted.contains(&key) => {
                    bytes += operation.len();
                    if let Ok(signed) = SignedOperation::decode(&operation) {
                        push.push(PushItem::Operation {
                            bytes: operation,
                            wraps,
                            receipt: None,
                        });
                        let space = signed.space();
                        self.in_flight.push(InFlight::Founding { key, space });
                    }
                }
                SealedRecord::Operation { .. } => {}
                SealedRecord::Envelope {
                    bytes: sealed,
                    edits,
                } => {
                    bytes += sealed.len();
                    if let Ok(envelope) = Envelope::decode(&sealed) {
                        // This program may have ended between keeping the relay's receipt and taking its
                        // answer, and the relay may have gone back since: it belongs to its old place.
                        let receipt = receipts.receipt(&envelope.id().into());
                        push.push(PushItem::Envelope {
                            bytes: sealed,
                            receipt,
                        });
                        let envelope = Box::new(envelope);
                        self.in_flight.push(InFlight::Envelope { envelope, edits });
                    }
                }
            }
        }
        Ok(push)
    }

    /// Asks what became of held edits whose section is not served here any more, as far as there is
    /// room.
    pub(super) fn ask(&mut self, push: &mut Vec<PushItem>) -> Result<(), ClientError> {
        if self.replica.is_cloned()? {
            return Ok(());
        }
        let room = limits::PUSH_ITEMS_MAX.saturating_sub(push.len());
        for id in self.replica.questions()?.into_iter().take(room) {
            push.push(PushItem::Question { id: id.into() });
            self.in_flight.push(InFlight::Asked(id));
        }
        Ok(())
    }

    /// What the relay has lost, as much as goes into one request; none where nothing more can be
    /// offered now. A relay that answers so that the same is offered again and again does not keep this
    /// device here: the rest waits for the next sync.
    pub(super) fn push_lost(&mut self) -> Result<Option<Vec<PushItem>>, ClientError> {
        let is_enough = self.small_offerings >= SMALL_OFFERINGS_MAX;
        let offered = &self.offered;
        let often = |item: &ItemId| offered.get(item).is_some_and(|times| *times >= OFFERED_MAX);
        let passed_over = |item: &ItemId| is_enough || often(item);
        let offering = self.replica.next_offers(passed_over)?;
        if offering.passes_over {
            self.report.notices.push(
                "the relay was offered what it has lost several times and lacks it still: the rest is offered with the next sync; if this goes on, tell the relay's operator".into(),
            );
        }
        if offering.push.is_empty() {
            return Ok(None);
        }
        self.small_offerings += u32::from(!offering.is_full);
        for offer in offering.offers {
            *self.offered.entry(offer.item).or_default() += 1;
            self.in_flight.push(InFlight::Lost(offer));
        }
        Ok(Some(offering.push))
    }

    /// What bundles brought and no relay has acknowledged, as it came; none where there is nothing (more).
    /// It goes after what the relay has lost, and before what is decided or sealed here.
    pub(super) fn push_carried(&mut self) -> Result<Option<Vec<PushItem>>, ClientError> {
        if !self.replica.carries_anything()? || self.replica.is_cloned()? {
            return Ok(None);
        }
        self.settle()?;
        self.touched.extend(self.replica.settle_carried()?.touched);
        let carried = self.replica.next_carried(&self.carried)?;
        let mut push = Vec::new();
        for (item, space, pushed) in carried {
            self.carried.insert(item);
            self.in_flight.push(InFlight::Carried { item, space });
            push.push(pushed);
        }
        Ok((!push.is_empty()).then_some(push))
    }

    /// Operations first: what is sealed next may need them.
    pub(super) fn push_new(&mut self) -> Result<Vec<PushItem>, ClientError> {
        if self.replica.is_cloned()? {
            return Ok(Vec::new());
        }
        if !std::mem::replace(&mut self.sent_unanswered, true) {
            let push = self.push_unanswered()?;
            if !push.is_empty() {
                return Ok(push);
            }
        }
        let heals = self.push_heals()?;
        if !heals.is_empty() {
            return Ok(heals);
        }
        self.give_back_what_is_out_of_reach()?;
        self.give_back_what_stays_inexact()?;
        let push = self.push_decided(false)?;
        if !push.is_empty() {
            return Ok(push);
        }
        self.give_up_adoptions()?;
        self.replica.seal_outbox()?;
        self.replica.say_what_is_erased()?;
        let push = self.push_unanswered()?;
        if push.is_empty() && self.replica.leaves_the_network()? {
            return self.push_leaving();
        }
        Ok(push)
    }

    /// That one's own institution leaves, after everything else: nothing of its people is taken afterwards.
    fn push_leaving(&mut self) -> Result<Vec<PushItem>, ClientError> {
        let push = self.push_decided(true)?;
        let left = self.replica.vault.count(Collection::Outbox)?;
        if !push.is_empty() && left > 0 {
            self.report.notices.push(format!(
                "your institution leaves the network, and {left} {} typed on this device could not be delivered before: they reach nobody any more; 'nahtlos held export --to FILE' writes them out",
                if left == 1 { "edit" } else { "edits" }
            ));
        }
        Ok(push)
    }

    /// What was decided, as operations, with the newcomers' own before them.
    fn push_decided(&mut self, with_leaving: bool) -> Result<Vec<PushItem>, ClientError> {
        let mut push = Vec::new();
        let (offered, decided, notices) = if self.rounds <= DECIDING_ROUNDS_MAX {
            self.replica.carry_out_intents(with_leaving)?
        } else {
            Default::default()
        };
        self.report.notices.extend(notices);
        for OfferedOperation { request, bytes } in offered {
            push.push(PushItem::Operation {
                bytes: bytes.clone(),
                wraps: Vec::new(),
                receipt: None,
            });
            self.in_flight.push(InFlight::Offered { request, bytes });
        }
        for one in decided {
            push.push(operation_item(&one.prepared));
            self.in_flight.push(InFlight::Decided(Box::new(one)));
        }
        Ok(push)
    }

    /// What was voided meanwhile is not adopted any more; what was to be adopted by somebody who may not
    /// write any more waits for others.
    fn give_up_adoptions(&mut self) -> Result<(), ClientError> {
        let left_out = self.replica.leave_out_what_is_voided()?;
        if !left_out.is_empty() {
            self.report.notices.push(LEFT_OUT.into());
        }
        self.touched.extend(left_out);
        let spaces = self.replica.give_up_adoptions_without_right()?;
        if !spaces.is_empty() {
            self.report.notices.push(
                "an edit that you took over does not count: you may not write in that section any more; whoever manages it decides about the edit".into(),
            );
        }
        self.touched.extend(spaces);
        Ok(())
    }

    /// Lost branches carried back: they go first, since nothing is decided or written in a forked
    /// space.
    fn push_heals(&mut self) -> Result<Vec<PushItem>, ClientError> {
        let (heals, notices) = self.replica.prepare_heals()?;
        self.report.notices.extend(notices);
        let mut push = Vec::new();
        for heal in heals {
            push.push(operation_item(&heal));
            self.in_flight.push(InFlight::Heal(Box::new(heal)));
        }
        Ok(push)
    }
}

pub(crate) fn operation_item(prepared: &Prepared) -> PushItem {
    PushItem::Operation {
        bytes: prepared.operation.bytes().to_vec(),
        wraps: prepared.wraps.clone(),
        receipt: None,
    }
}
